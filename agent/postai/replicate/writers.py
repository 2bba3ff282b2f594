"""Keeping everybody else from writing to a database, and letting them write again."""

from __future__ import annotations

import time
from datetime import datetime

from postai.database import named_sql
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate.types import Finding, Level, Side, own_schema

# Other people's sessions: not postai's own (in the home also the agent's, who leads there and writes the move's rows,
# but not those in which it carries out actions; and an operator's who waits in CALL postai.rollback, which has made
# that session read-only), not parts of the server (replication, autovacuum, parallel workers).
_OTHERS = """a.datname = pg_catalog.current_database() and a.pid <> pg_catalog.pg_backend_pid()
   and not (a.application_name = 'postai' and a.usename = session_user)
   and not coalesce(a.application_name in ('postai', 'postai agent')
     and pg_catalog.pg_has_role(a.usesysid, pg_catalog.to_regrole('postai_agent')::oid, 'member'), false)
   and not coalesce(a.application_name = 'postai waits' and a.backend_xid is null
     and pg_catalog.pg_has_role(a.usesysid, pg_catalog.to_regrole('postai_operator')::oid, 'member'), false)
   and coalesce(a.backend_type, '') !~ '^(walsender|logical replication|autovacuum|parallel|slotsync)'"""

# What the database says of new sessions, for everybody.
_SAID = """(select pg_catalog.substring(c.setting, '=(.*)$')
          from pg_catalog.pg_db_role_setting as s
          join pg_catalog.pg_database as d on d.oid = s.setdatabase and d.datname = pg_catalog.current_database()
          cross join pg_catalog.unnest(s.setconfig) as c (setting)
         where s.setrole = 0 and pg_catalog.starts_with(c.setting, 'default_transaction_read_only='))"""


def close(db: Database, move: int) -> datetime:
    """Make every new session of the database read-only, unless it says otherwise itself; what was set before is kept.

    It does not wait for the disk: a fence row is written next, and its commit does.

    Returns:
        the server's time: sessions that began later know of it.
    """
    setting = _setting(db, "on")
    db.query(f"set local synchronous_commit = off; {_of('remember', move)}; {setting}")
    return now(db)


def now(db: Database) -> datetime:
    """The server's time."""
    ((moment,),) = db.query(_sql("moment"))
    return moment  # type: ignore[no-any-return]


def reopen(db: Database, move: int, *, writable: bool = False, at_once: bool = False) -> None:
    """The database says of new sessions what it said before the move; where `close` was not, nothing changes.

    Args:
        writable: it is to serve, though it may have kept writers out by a setting of its own until now.
        at_once: do not wait for the disk; the caller commits something else that does.
    """
    ((said, kept),) = db.query(_of("setting", move))
    rows = db.query(_of("had", move)) if kept else []
    before = rows[0][0] if rows else said
    wanted = None if writable and _shut(before) else before
    if said == wanted or not (_shut(said) and kept):
        if rows and said == before:
            db.execute(_of("forget", move))
        return
    lazily = "set local synchronous_commit = off; " if at_once else ""
    note = _of("forget" if wanted == before else "remember", move)
    db.query(f"{lazily}{note}; {_setting(db, wanted)}")


def before(db: Database, move: int) -> str | None:
    """What the database had set of its own while it is closed; None = nothing, or it is not closed."""
    ((_, kept),) = db.query(_of("setting", move))
    rows = db.query(_of("had", move)) if kept else []
    return rows[0][0] if rows else None


def _shut(setting: str | None) -> bool:
    """Whether that keeps writers out, in one of the ways to write it."""
    text = (setting or "off").lower()
    return text in ("on", "1") or any(word.startswith(text) for word in ("true", "yes"))


def _setting(db: Database, value: str | None) -> str:
    what = "reset {}" if value is None else f"set {{}} = {quote_literal(value)}"
    return f"alter database {quote_ident(db.name)} {what.format('default_transaction_read_only')}"


def closed(db: Database) -> bool:
    """Whether new sessions are read-only by the database's own setting."""
    ((said,),) = db.query(f"select {_SAID}")
    return _shut(said)


def end_sessions(db: Database, before: datetime, deadline: Deadline) -> int:
    """End other people's sessions that began before that moment, and those that write, until none is left.

    Returns:
        how many there were.

    Raises:
        DeadlineExceeded: some did not end in time.
    """
    ended: set[int] = set()
    while found := tell(db, before):
        ended |= found
        deadline.check()
        time.sleep(0.001)
    return len(ended)


def tell(db: Database, before: datetime) -> set[int]:
    """Tell other people's sessions that began before that moment, and those that write, to end; their processes."""
    return {pid for pid, _ in db.query(_sql("end_sessions"), (before,))}


def await_writers(db: Database, deadline: Deadline) -> None:
    """Wait until no session of other people is within a transaction that wrote.

    Raises:
        DeadlineExceeded: some did not end in time.
    """
    while db.query(_sql("writing")):
        deadline.check()
        time.sleep(0.001)


def end_blockers(db: Database, pid: int) -> set[int]:
    """Tell other people's sessions that keep a process waiting for a lock to end; their processes."""
    return {one for one, _ in db.query(_sql("end_blockers"), (pid,))}


def prepared(db: Database) -> tuple[str, ...]:
    """Names of the prepared transactions."""
    return tuple(gid for (gid,) in db.query(_sql("prepared")))


def gates(db: Database, side: Side, *, transaction_seconds: float) -> tuple[Finding, ...]:
    """What stands against keeping writers from this database for a moment.

    Args:
        transaction_seconds: transactions that are older would make the pause long.
    """
    found: list[Finding] = []

    def blocker(check: str, what: str, objects: tuple[str, ...] = (), fix: tuple[str, ...] = ()) -> None:
        found.append(Finding(check, Level.BLOCKER, side, what, objects, fix))

    if gids := prepared(db):
        blocker("prepared_transactions", "there are prepared transactions, which no fence can stop", gids,
                ("COMMIT PREPARED or ROLLBACK PREPARED each of them",))  # fmt: skip
    if long := db.query(_sql("long_transactions"), (transaction_seconds,)):
        pids = tuple(f"process {pid} of {user}: {seconds} s" for pid, user, seconds in long)
        blocker("long_transactions", f"transactions are older than {transaction_seconds:g} s", pids,
                ("wait for them, or end them",))  # fmt: skip
    ((_, sees, ends, user, _),) = db.query(_sql("rights"))
    found += owner_gates(db, side)
    if not sees or not ends:
        blocker("see_sessions", "sessions of others cannot be seen or ended", (),
                (f"GRANT pg_read_all_stats, pg_signal_backend TO {user}",))  # fmt: skip
    if roles := tuple(role for (role,) in db.query(_sql("unfenced_roles"))):
        blocker("unfenced_roles", "roles have a setting of their own that keeps them writing", roles,
                tuple(f"ALTER ROLE {quote_ident(x)} RESET default_transaction_read_only" for x in roles))  # fmt: skip
    return tuple(found)


def owner_gates(db: Database, side: Side) -> tuple[Finding, ...]:
    """Whether this role may not make the database read-only: else whoever comes past a proxy writes to both sides."""
    ((owner, _, _, user, name),) = db.query(_sql("rights"))
    fix = (f"GRANT <owner of the database> TO {user}", f"ALTER DATABASE {name} OWNER TO {user}")
    what = "only its owner may make the database read-only"
    return () if owner else (Finding("own_database", Level.BLOCKER, side, what, (db.name,), fix),)


def owned(db: Database) -> bool:
    """Whether this role may make the database read-only."""
    return bool(db.query(_sql("rights"))[0][0])


def _sql(name: str) -> str:
    return named_sql.load(__package__, "writers.sql")[name].replace("{others}", _OTHERS)


def _of(name: str, move: int) -> str:
    return _sql(name).replace("{schema}", own_schema(move)).replace("{said}", _SAID)
