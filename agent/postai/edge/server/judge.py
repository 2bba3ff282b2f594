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


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a statement.

    Attributes:
        at: when it was asked.
        only_reads: whether it is proved that it only reads.
        tables: everything that it reads, with partitions and what is above them; None = not known.
    """

    at: float
    only_reads: bool
    tables: frozenset[Relation] | None


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
        self._asking: dict[_Key, asyncio.Task[Known]] = {}

    async def stop(self) -> None:
        """Ask no more."""
        tasks = list(self._asking.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def forget(self) -> None:
        """The catalog has changed."""
        self._known.clear()

    def known(self, scope: Scope, shape: Shape, meaning: bytes, *, closely: bool) -> Known | None:
        """What is known of a statement; where that is nothing, or old, it is asked from now on.

        Args:
            scope: whose statement it is.
            shape: of its text.
            meaning: its text with the types of parameters, as `Shapes` takes it.
            closely: nothing that is older than CLOSELY will do.
        """
        key = (scope, shape.key, text_and_types(meaning)[1])
        found = self._known.get(key)
        age = 0.0 if found is None else monotonic() - found.at
        if found is None or age > (CLOSELY if closely else SECONDS):
            if not closely and len(self._asking) < AT_ONCE:
                self._begin(key, meaning)
            if closely:
                return None
        return found

    async def ask(self, scope: Scope, shape: Shape, meaning: bytes) -> Known:
        """What a statement reads, asked now."""
        key = (scope, shape.key, text_and_types(meaning)[1])
        return await asyncio.shield(self._begin(key, meaning))

    def _begin(self, key: _Key, meaning: bytes) -> asyncio.Task[Known]:
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.get_running_loop().create_task(self._find(key, meaning))
        return task

    async def _find(self, key: _Key, meaning: bytes) -> Known:
        asked = monotonic()
        found = Known(asked, only_reads=False, tables=None)
        try:
            for again in (True, False):  # a connection may end just when it is borrowed
                try:
                    verdict = await self._judge(key[0], meaning)
                    found = Known(asked, verdict.only_reads, await self.tables(key[0], verdict))
                    break
                except (Violation, Lost, Malformed, OSError) as error:  # of which TimeoutError is a kind
                    if not again or not isinstance(error, Lost):
                        log.info("what a statement reads is not known", extra={"error": str(error)})
                        break
        finally:
            del self._asking[key]
        self._known[key] = found
        self._known.move_to_end(key)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        return found

    async def _judge(self, scope: Scope, meaning: bytes) -> Verdict:
        text, types = text_and_types(meaning)
        judging = self._reads.judge(candidate(text.decode(), types))
        return await drive_async(
            judging, lambda query: self._pools.ask(scope, self._where(scope.home), query.sql, query.params)
        )

    async def tables(self, scope: Scope, verdict: Verdict) -> frozenset[Relation] | None:
        """The names of everything that a statement reads; None = not known.

        Raises:
            Violation, Lost, Malformed, OSError: the catalog cannot be asked.
        """
        # What it calls unseen, if anything, may read more than its relations.
        if verdict.tables is None or not verdict.only_reads:
            return None
        if not verdict.tables:
            return frozenset()
        oids = "{" + ",".join(map(str, sorted(verdict.tables))) + "}"
        rows = await self._pools.ask(scope, self._where(scope.home), self._names, (oids,))
        names = frozenset((str(schema), str(name)) for schema, name in rows)
        return names if len(names) == len(verdict.tables) else None
