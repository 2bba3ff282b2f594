"""Finds out whether a client may be given the rows of a cache table in a statement's place, as rules wish."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import monotonic

from postai.edge.instead import columns, describe, order, plain, qualified, statement
from postai.edge.rules import Rule
from postai.edge.server.backend import ASKED as LONGEST
from postai.edge.server.backend import exchange, question
from postai.edge.server.link import Lost
from postai.edge.server.pools import Pools
from postai.edge.server.scopes import Scope
from postai.edge.wire import Columns, Malformed, Violation

log = logging.getLogger(__name__)

SECONDS = 60.0
"""How long a look counts before there is another one; meanwhile the last one counts."""
LIMIT = 10.0
"""Seconds that a look may take."""
_MAY = "select pg_catalog.has_table_privilege($1::pg_catalog.text, 'select')"


@dataclass(frozen=True, slots=True)
class _Look:
    """What was found about a statement.

    Attributes:
        at: when.
        generation: of rules and definitions.
        rule: that wishes it.
        text: what is sent in the statement's place; None = the statement goes as it is.
    """

    at: float
    generation: tuple[str, int]
    rule: Rule
    text: bytes | None


class Instead:
    """The statements of one identity in whose place a cache table is read.

    Args:
        pools: ask servers.
        scope: the identity.
        rules: gives the rules that wish it, by the texts of statements.
        generation: changes with the rules, and with definitions or rights where it is known when they change.
    """

    def __init__(
        self,
        pools: Pools,
        scope: Scope,
        rules: Callable[[], Mapping[bytes, Rule]],
        generation: Callable[[], tuple[str, int]],
    ) -> None:
        self._pools, self._scope, self._rules, self._generation = pools, scope, rules, generation
        self._looks: dict[bytes, _Look] = {}
        self._asking: dict[bytes, asyncio.Task[None]] = {}

    def __call__(self, text: bytes) -> bytes | None:
        """What is sent in a statement's place; None = it goes as it is, perhaps only until more is known."""
        rules = self._rules()
        if not rules:
            return None
        text = plain(text)
        rule = rules.get(text)
        if rule is None:
            return None
        look, generation = self._looks.get(text), self._generation()
        right = look is not None and look.generation == generation and look.rule == rule
        if not right or look is None or monotonic() - look.at > SECONDS:
            self._ask(text, rule, generation)
        return look.text if right and look is not None else None

    def claims(self, text: bytes) -> bool:
        """Whether something is sent in a statement's place, or that is still to be found out."""
        rules = self._rules()
        if not rules or plain(text) not in rules:
            return False
        look = self._looks.get(plain(text))
        return self(text) is not None or look is None or look.generation != self._generation()

    def explain(self, sent: bytes) -> str:
        """Why something was sent in a statement's place."""
        names = {look.rule.name for look in self._looks.values() if look.text == sent}
        return f"in its place: {sent.decode()} (rule {', '.join(sorted(names))})"

    def close(self) -> None:
        """The identity is gone."""
        for task in self._asking.values():
            task.cancel()

    def _ask(self, text: bytes, rule: Rule, generation: tuple[str, int]) -> None:
        if text not in self._asking:
            self._looks = {one: look for one, look in self._looks.items() if one in self._rules()}
            self._asking[text] = asyncio.get_running_loop().create_task(self._find(text, rule, generation))

    async def _find(self, text: bytes, rule: Rule, generation: tuple[str, int]) -> None:
        assert rule.cache_table is not None
        sent, why = None, ""
        try:
            sent = await self._fitting(text, rule.cache_table)
        except _Unfit as unfit:
            why = str(unfit)
        except (Violation, Malformed, Lost, OSError) as error:  # of which TimeoutError is a kind
            why = str(error)
        finally:
            del self._asking[text]
        before = self._looks.get(text)
        if sent is None and (before is None or before.text is not None or before.generation != generation):
            log.warning("a statement is not answered from a cache table", extra={"rule": rule.name, "reason": why})
        self._looks[text] = _Look(monotonic(), generation, rule, sent)

    async def _fitting(self, text: bytes, table: str) -> bytes:
        """What reads the cache table in a statement's place.

        Raises:
            _Unfit, Violation, Malformed, Lost, OSError: it cannot be read, or nobody can tell.
        """
        whole = statement(table)
        async with asyncio.timeout(LIMIT), self._pools.own(self._scope, self._scope.home) as backend:
            found: list[Columns] = []
            for one in (text, whole):
                _, reply = await exchange(backend, describe(one), one + b"\0\0\0", LONGEST)
                said = columns(reply)
                if isinstance(said, str):
                    raise _Unfit(said)
                found.append(said)
            if found[0] != found[1]:
                raise _Unfit(f"the columns of {qualified(table)} are others")
            if await question(backend, _MAY, (qualified(table),)) != [("t",)]:
                raise _Unfit(f"{self._scope.user} may not read {qualified(table)}")
        ordered = order(text, found[0])
        if ordered is None:
            raise _Unfit("what it is ordered by is none of its columns")
        return whole + ordered


class _Unfit(Exception):
    """Why a cache table is not read, in words."""
