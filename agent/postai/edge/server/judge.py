"""What statements read, asked of the catalog as the client's own identity, and kept for some time."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from postai.database import named_sql
from postai.edge.rules import Relation
from postai.edge.server.link import Lost
from postai.edge.server.pools import Pools
from postai.edge.server.scopes import Node, Scope
from postai.edge.statements import Shape, text_and_types
from postai.edge.wire import Malformed, Violation
from postai.sql.reads import Reads, Verdict, drive_async
from postai.sql.reads_text import candidate

log = logging.getLogger(__name__)

KEPT = 10_000
"""Statements of which something is known."""
SECONDS = 60.0
"""How long what is known counts before it is asked again, for the choice between servers."""
CLOSELY = 1.0
"""The same where rules about relations depend on it: a definition that has changed counts after a second."""
AT_ONCE = 8
"""Questions that are under way at a time."""
_NOT_NOW = frozenset({"08", "53", "57"})
"""Classes of SQLSTATEs of a server, or a pool, that has no word to say: no connection, no room, ending."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a statement.

    Attributes:
        at: when it was asked.
        only_reads: whether it is proved that it only reads.
        tables: everything that it reads, with partitions and what is above them; None = not known.
        away: whether another server than the home was asked, whose catalog may be older.
    """

    at: float
    only_reads: bool
    tables: frozenset[Relation] | None
    away: bool = False


class Unasked(Violation):
    """No server could say what a statement reads; that is no word about the statement, and may be tried again."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "57P03",
            "it cannot be found out now what the statement reads",
            detail=why,
            hint="Try again in some seconds; SHOW postai.routes tells what the servers say.",
        )


_Key = tuple[Scope, str, tuple[int, ...]]


class Judge:
    """Asks and remembers.

    Args:
        pools: of the identities whose statements they are.
        where: which server is asked in a home's place: itself, or another one while it is away.
    """

    def __init__(self, pools: Pools, where: Callable[[Node], Node]) -> None:
        self._pools, self._where = pools, where
        self._reads = Reads()
        self._names = named_sql.load(__package__, "judge.sql")["relations"]
        self._known: OrderedDict[_Key, Known] = OrderedDict()
        self._asking: dict[_Key, asyncio.Task[Known | str]] = {}

    async def stop(self) -> None:
        """Ask no more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self) -> None:
        """The catalog has changed."""
        self._known.clear()

    def known(self, scope: Scope, shape: Shape, meaning: bytes, *, since: float | None) -> Known | None:
        """What is known of a statement.

        Args:
            scope: whose statement it is.
            shape: of its text.
            meaning: its text with the types of parameters, as `Shapes` takes it.
            since: nothing will do that was asked before this moment, or of another server while the home is there;
                None = anything will do, and is asked from now on where it is nothing, or old.
        """
        key = (scope, shape.key, text_and_types(meaning)[1])
        found = self._known.get(key)
        if since is None:
            old = found is None or monotonic() - found.at > SECONDS
            if old and len(self._asking) < AT_ONCE:
                self._begin(key, meaning)
            return found
        if found is None or found.at < since or (found.away and self._is_there(scope.home)):
            return None
        return found

    async def ask(self, scope: Scope, shape: Shape, meaning: bytes) -> Known:
        """What a statement reads, asked now.

        Raises:
            Unasked: nobody can tell at this moment.
        """
        key = (scope, shape.key, text_and_types(meaning)[1])
        found = await asyncio.shield(self._begin(key, meaning))
        if isinstance(found, str):
            raise Unasked(found)
        return found

    def _is_there(self, home: Node) -> bool:
        try:
            return self._where(home) is home
        except Violation:
            return False

    def _begin(self, key: _Key, meaning: bytes) -> asyncio.Task[Known | str]:
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._find(key, meaning))
        return task

    async def _find(self, key: _Key, meaning: bytes) -> Known | str:
        try:
            found = await self._look(key[0], meaning)
        finally:
            del self._asking[key]
        if isinstance(found, Known):
            self._known[key] = found
            self._known.move_to_end(key)
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        return found

    async def _look(self, scope: Scope, meaning: bytes) -> Known | str:
        """What is known, or why nobody could be asked."""
        asked, lost = monotonic(), False
        while True:
            try:
                node = self._where(scope.home)
                verdict = await self._judge(scope, node, meaning)
                tables = await self.tables(scope, verdict, node)
                return Known(asked, verdict.only_reads, tables, away=node is not scope.home)
            except (Violation, Lost, Malformed, OSError) as error:  # of which TimeoutError is a kind
                if isinstance(error, Lost) and not lost:  # a connection may end just when it is borrowed
                    lost = True
                    continue
                log.info("what a statement reads is not known", extra={"error": str(error)})
                if not isinstance(error, Violation):
                    return "The connection was lost, or the server did not answer in time."
                if error.sqlstate[:2] in _NOT_NOW:
                    return error.message
                return Known(asked, only_reads=False, tables=None)

    async def _judge(self, scope: Scope, node: Node, meaning: bytes) -> Verdict:
        text, types = text_and_types(meaning)
        judging = self._reads.judge(candidate(text.decode(), types))
        return await drive_async(judging, lambda query: self._pools.ask(scope, node, query.sql, query.params))

    async def tables(self, scope: Scope, verdict: Verdict, node: Node | None = None) -> frozenset[Relation] | None:
        """The names of everything that a statement reads; None = not known.

        Args:
            scope: whose statement it is.
            verdict: on it.
            node: which server is asked; None = the home, or another one while it is away.

        Raises:
            Violation, Lost, Malformed, OSError: the catalog cannot be asked.
        """
        # What it calls unseen, if anything, may read more than its relations.
        if verdict.tables is None or not verdict.only_reads:
            return None
        if not verdict.tables:
            return frozenset()
        oids = "{" + ",".join(map(str, sorted(verdict.tables))) + "}"
        rows = await self._pools.ask(scope, node or self._where(scope.home), self._names, (oids,))
        names = frozenset((str(schema), str(name)) for schema, name in rows)
        return names if len(names) == len(verdict.tables) else None
