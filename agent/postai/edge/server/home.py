"""The edge's home: the database in which postai is installed, and from which the edge reads its rules every second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from postai.database import Database, connect
from postai.database.connection import OWN_PATH
from postai.edge.rules import Rules, read
from postai.errors import PostaiError
from postai.sql.parse import fingerprint

log = logging.getLogger(__name__)

INTERVAL = 1.0
"""Seconds between two looks."""
LIMIT_MS = 5000
_QUERY = "select generation, rules from postai._read_edge_rules(%s)"


class Home:
    """Reads rules, and goes on with those that it has while its database cannot be reached.

    Args:
        dsn: connection string of a role that may read them.
        changed: called with new rules, the first ones too.
    """

    def __init__(self, dsn: str, changed: Callable[[Rules], None]) -> None:
        self._dsn = dsn
        self._changed = changed
        self._rules: Rules | None = None
        self._session: Database | None = None
        self._failed = False
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.get_running_loop().create_task(self._watch())

    async def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._close)

    async def _watch(self) -> None:
        while True:
            try:
                found = await asyncio.to_thread(self._read)
            except (PostaiError, ValueError) as error:
                if not self._failed:
                    said = error.message if isinstance(error, PostaiError) else str(error)
                    log.error("the rules cannot be read", extra={"error": said})
                self._failed = True
            else:
                self._failed = False
                if found is not None:
                    self._rules = found
                    self._changed(found)
            await asyncio.sleep(INTERVAL)

    def _read(self) -> Rules | None:
        """New rules; None = those that are known still hold."""
        if self._session is None:
            self._session = connect(
                self._dsn, application_name="postai edge", statement_timeout_ms=LIMIT_MS, search_path=OWN_PATH
            )
        known = "" if self._rules is None else self._rules.generation
        try:
            ((generation, text),) = self._session.query(_QUERY, (known,))
        except PostaiError:
            self._close()
            raise
        if text is None:
            return None
        rules, problems = read(text, generation, fingerprint)
        for problem in problems:
            log.warning("a rule is not followed", extra={"problem": problem})
        return rules

    def _close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
