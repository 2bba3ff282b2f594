"""Holding writers back by locks, where no proxy holds the clients: they wait, and are ended once, at the redirect.

Ended at the beginning of the pause, clients would connect again at once, to the side that is left, fail there a second
time, and keep both processors busy while the switch goes on.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from postai.database.errors import ConnectionLost, ServerError
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate import writers

# Each lock takes room in a table of the server's memory, and time in the pause.
MOST_LOCKS = 400
# Seconds that transactions on their way get before they are ended, and in which all locks must be had.
PATIENCE_SECONDS, BUDGET_SECONDS = 0.03, 0.15


class Hold:
    """The locks of a session of their own; the server takes them back when it is silent for too long.

    Args:
        session: in the transaction that has the locks.
        ended: how many sessions were ended for them.
    """

    def __init__(self, session: Database, ended: int) -> None:
        self._session, self.ended = session, ended

    def end_sessions(self, before: datetime) -> None:
        """Tell all that wait to end; what is told so commits nothing more.

        In the transaction that holds them: had its locks been taken back meanwhile, this would fail, and the switch be
        undone.
        """
        self.ended += len(writers.tell(self._session, before))

    def release(self) -> None:
        """Let go whoever still waits."""
        self._session.close()


def take(
    session: Database, watching: Database, tables: Sequence[str], sequences: Sequence[str], window: Deadline
) -> Hold | None:
    """Let nobody write to these tables nor take values of these sequences.

    Args:
        session: a new session of the same database, which this takes over.
        watching: another one, which ends what stands in the way for too long.
        tables, sequences: their qualified names.
        window: when the server takes the locks back by itself.

    Returns:
        None where that is not possible: too many, no right to, or a transaction (autovacuum) that does not give way.
    """
    held = False
    try:
        if len(tables) + len(sequences) <= MOST_LOCKS:
            ended = _locked(session, watching, tables, sequences, window)
            held = ended is not None
        return Hold(session, ended or 0) if held else None
    finally:
        if not held:
            session.close()


def _locked(
    session: Database, watching: Database, tables: Sequence[str], sequences: Sequence[str], window: Deadline
) -> int | None:
    ((pid,),) = session.query("select pg_catalog.pg_backend_pid()")
    limit = max(1, int(window.remaining() * 1000))
    session.query(f"begin; set local statement_timeout = {int(BUDGET_SECONDS * 1000)}; set local lock_timeout = 0")
    # Sequences have no LOCK; this has the lock that nextval waits for, and is never committed.
    wanted = [f"lock table {', '.join(f'only {one}' for one in tables)} in share mode"] if tables else []
    wanted += [f"alter sequence {one} restart" for one in sequences]
    ended: set[int] = set()
    with ThreadPoolExecutor(1, "postai-hold") as pool:
        locking = pool.submit(session.query, "; ".join(wanted) or "select 1")
        began = time.monotonic()
        while not locking.done():
            time.sleep(0.002)
            if time.monotonic() - began > PATIENCE_SECONDS:
                ended |= writers.end_blockers(watching, pid)
    try:
        locking.result()
    except (ServerError, ConnectionLost):
        return None
    session.query(f"set local statement_timeout = {limit}; set local idle_in_transaction_session_timeout = {limit}")
    return len(ended)
