"""Where the transactions of clients go: what they are, asked of text and catalog, and the server for each.

The primary is one `Node` whose addresses are those of whatever server is the primary now; so everything that is meant
for the primary follows it. A replica has a node of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Generator, Iterable
from functools import partial
from math import inf
from random import SystemRandom
from time import monotonic
from typing import Any, TypeVar

from postai.edge.instead import ASKED
from postai.edge.residency import residency
from postai.edge.routing import WRITE, Route, Wanted, decide
from postai.edge.rules import NO_RULES, Policy, Relation, Rules
from postai.edge.server.health import Health, Watched
from postai.edge.server.home import Home
from postai.edge.server.instead import Instead
from postai.edge.server.judge import CLOSELY, Judge, Unasked
from postai.edge.server.pooled import PooledSession
from postai.edge.server.pools import Pools
from postai.edge.server.scopes import Node, Scope
from postai.edge.server.upstream import Address, addresses
from postai.edge.statements import Shapes
from postai.edge.topology import Node as Server
from postai.edge.topology import Seen, View
from postai.edge.wire import Violation
from postai.settings import EdgeSettings
from postai.sql.reads import Verdict

T = TypeVar("T")

IDENTITIES = 10_000
"""Users of databases whose rules are kept picked out."""
ROUNDS = 5
"""How often messages that come while others are asked about are asked about, too."""
NO_CHOICE = "there was no choice"
PATIENCE = 10.0
"""Seconds for which a transaction waits for a new primary."""
AGAIN = 0.25
"""Seconds after which what a statement reads is asked again, when nobody could say."""

Row = dict[str, str | int | float | bool | None]


class _Later:
    """A choice that is made once somebody awaits it."""

    __slots__ = ("_find", "_session")

    def __init__(self, find: Callable[[PooledSession], Awaitable[Node]], session: PooledSession) -> None:
        self._find, self._session = find, session

    def __await__(self) -> Generator[Any, None, Node]:
        return self._find(self._session).__await__()


class Nodes:
    """Chooses servers.

    Args:
        settings: servers, region, home.
        pools: of the pooled clients; None = every client has a server connection of its own.
        role_lost: called with the addresses of a server that is the primary no more.
    """

    def __init__(
        self, settings: EdgeSettings, pools: Pools | None, role_lost: Callable[[tuple[Address, ...]], None]
    ) -> None:
        self._pools = pools
        self._role_lost = role_lost
        self._random = SystemRandom().random
        self._region = settings.region
        self._bound = settings.max_staleness
        self._shapes = Shapes()
        self._judge = None if pools is None else Judge(pools, self._any)
        self._rules = Rules() if settings.home is None else None
        self._policies: dict[tuple[str, str], Policy] = {}
        self._news = asyncio.Event()
        self.on_rules: Callable[[str], object] = lambda _: None
        """Called when rules have changed, and with the first ones; gets what says which they are."""
        self._alone: dict[Node, View] = {}
        self._primary_name: str | None = None
        watched = [
            Watched(Server(one.name, one.region, one.weight), addresses(one.server), one.patroni)
            for one in settings.node
        ]
        self._nodes = {one.node.name: Node(one.node.name, one.addresses) for one in watched}
        self.primary = Node("primary", tuple(address for one in watched for address in one.addresses))
        """The cluster's primary; before one is known, all of its servers."""
        self._health = Health(watched, settings.health_dsn or "", self._changed) if watched else None
        self._home = None if settings.home is None else Home(settings.home, self._new_rules)

    def start(self) -> None:
        """Begin to watch servers and rules."""
        if self._health is not None:
            self._health.start()
        if self._home is not None:
            self._home.start()

    async def stop(self) -> None:
        """Watch no more."""
        if self._judge is not None:
            await self._judge.stop()
        if self._health is not None:
            await self._health.stop()
        if self._home is not None:
            await self._home.stop()

    def figures(self) -> Iterable[Row]:
        """A row for each server of the cluster, as edges report it."""
        if self._health is None:
            return
        now, view = monotonic(), self._health.view
        for seen in view.servers:
            role = "down" if not seen.up else "replica" if not seen.primary else "primary"
            yield {
                "name": seen.node.name,
                "region": seen.node.region,
                "weight": seen.node.weight,
                "role": "refused" if role == "primary" and seen is not view.writer else role,
                "timeline": seen.timeline,
                "latency_ms": round(seen.latency * 1000, 3),
                "behind_seconds": round(max(now - seen.fresh, 0.0), 3) if seen.fresh > 0 else None,
                "problem": seen.problem,
            }

    def explain(self, session: PooledSession, /, *, servers: bool) -> list[str]:
        """Where the session's last transaction went, and why, in lines.

        Args:
            session: it.
            servers: name servers, which not everybody may see.
        """
        way = [NO_CHOICE] if session.route is None else session.route.explain(servers=servers)
        if session.route is None and servers:
            way = [f"{session.scope.home.name}: {NO_CHOICE}"]
        sent, instead = session.client.sent_instead, session.scope.instead
        return way if sent is None or instead is None else [*way, instead.explain(sent)]

    def writer(self) -> list[tuple[str, str]]:
        """Hosts and ports of the primary."""
        return [(one.host, one.port) for one in self.primary.addresses]

    def leads(self, home: Node) -> bool:
        """Whether it is known that a server takes writes now: nothing that another one says may be kept."""
        return self._view(home).writer is not None

    def instead(self, scope: Scope, definitions: Callable[[], int]) -> Instead | None:
        """What is sent in the place of an identity's statements; None = no rule is ever read.

        Args:
            scope: the identity.
            definitions: changes with definitions and rights, where it is known when they do.
        """
        if self._pools is None or self._home is None:
            return None
        return Instead(
            self._pools,
            scope,
            lambda: {} if self._rules is None else self._policy(scope.user, scope.database).tables,
            lambda: ("" if self._rules is None else self._rules.generation, definitions()),
        )

    async def ttl(self, scope: Scope, verdict: Verdict, meaning: bytes) -> float | None:
        """For how many seconds rules let answers to a statement be kept by this edge; None = no rule names it.

        Args:
            scope: whose statement it is.
            verdict: what it reads.
            meaning: its text, as `Shapes` takes it.

        Raises:
            Violation, Lost, Malformed, OSError: the catalog cannot be asked, or the rules are not known yet.
        """
        policy = self._policy(scope.user, scope.database)
        if policy is NO_RULES:
            return None
        tables = await self._judge.tables(scope, verdict) if policy.by_relation and self._judge is not None else None
        writer, home = self._view(scope.home).writer, residency(policy, tables)
        # Only what the primary answers is kept, and it is asked only where the data may be.
        if not home.admits(self._region) or (writer is not None and not home.admits(writer.node.region)):
            return 0.0
        fingerprint = self._shapes.of(meaning).fingerprint if policy.by_statement else None
        return policy.ttl(tables, fingerprint)[0]

    # Logins.

    async def login(self, home: Node, user: str, database: str) -> tuple[Address, ...]:
        """Where a session that has its own connection goes: the primary, as nobody looks into it.

        Raises:
            Violation: there is none, or data would leave its region.
        """

        async def allow() -> None:
            self._decide(home, self._policy(user, database), WRITE)

        await self._patiently(home, allow)
        return home.addresses

    async def door(self, home: Node) -> Node:
        """Which server judges a pooled client's login: the primary, or a replica while there is none.

        Raises:
            Violation: there is neither.
        """

        async def find() -> Node:
            return self._any(home)

        return await self._patiently(home, find)

    def _any(self, home: Node) -> Node:
        view = self._view(home)
        if view.writer is not None:
            return home
        if view.readers:
            return self._nodes[view.readers[0].node.name]
        raise Violation("57P03", "no server is there", hint="Try again in some seconds.")

    # Transactions.

    def __call__(self, session: PooledSession, /) -> Node | Awaitable[Node]:
        """Where a client's next messages go.

        Raises:
            Violation: no server may have them.
        """
        scope = session.scope
        session.elsewhere, session.writing = False, True
        if self._rules is None:
            return _Later(self._later, session)
        policy = self._policy(scope.user, scope.database)
        view = self._view(scope.home)
        # What is to be kept of an answer is known to be right only on the primary, where the change stream comes from.
        if (not view.readers or session.collecting) and not policy.residency and view.writer is not None:
            session.route = None
            if policy.tables:
                self._tell_of_table(session)
            return scope.home
        wanted = self._wanted(session, policy)
        if wanted is None:
            return _Later(self._later, session)
        try:
            return self._send(session, policy, wanted)
        except Violation:
            if view.writer is not None or view.split:
                raise
        return _Later(self._later, session)

    def follows(self, session: PooledSession, /) -> bool:
        """Whether a client's next messages may go where those went that are not answered yet."""
        policy = self._policy(session.scope.user, session.scope.database)
        if not session.elsewhere and not policy.residency:
            session.writing = True  # nobody looks into them
            return True
        wanted = self._wanted(session, policy) if policy is NO_RULES else None
        return wanted is not None and wanted.read_only

    def failed(self, node: Node, why: str) -> bool:
        """No connection to a server was to be had; whether choosing again may help."""
        name = self._primary_name if node is self.primary else node.name
        if self._health is None or name not in self._nodes:
            return False
        self._health.suspect(name, why)
        return True

    async def _later(self, session: PooledSession) -> Node:
        """As `__call__`, once all is known that it depends on."""
        return await self._patiently(session.scope.home, partial(self._learned, session))

    async def _learned(self, session: PooledSession) -> Node:
        """As `__call__`, after what it depends on was asked."""
        scope = session.scope
        policy = self._policy(scope.user, scope.database)
        # What was asked for these messages counts for them, however long that took.
        since = monotonic() - CLOSELY
        wanted = self._wanted(session, policy, since)
        for _ in range(ROUNDS):  # more messages come meanwhile
            if self._judge is None or wanted is not None:
                break
            for text in session.client.texts() or ():
                shape = self._shapes.of(text)
                if shape.selects and self._judge.known(scope, shape, text, since=since) is None:
                    try:
                        await self._judge.ask(scope, shape, text)
                    except Unasked:
                        if policy.residency:
                            raise
                        return self._send(session, policy, WRITE)
            wanted = self._wanted(session, policy, since)
        return self._send(session, policy, wanted or WRITE)

    async def _patiently(self, home: Node, find: Callable[[], Awaitable[T]]) -> T:
        """What a function finds, once a primary is there and the rules are known, if that is what it lacks."""
        end = monotonic() + PATIENCE
        while True:
            try:
                return await find()
            except Violation as lack:
                if lack.sqlstate != "57P03" or self._view(home).split or monotonic() >= end:
                    raise
                rest = AGAIN if isinstance(lack, Unasked) else end - monotonic()
            news = self._news
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(rest, 0.0)):
                    await news.wait()

    def _send(self, session: PooledSession, policy: Policy, wanted: Wanted) -> Node:
        home = session.scope.home
        route = self._decide(home, policy, wanted)
        session.route = route
        if wanted.asked:
            sent = self._sent_instead(session)
            # Nobody asks here who may see servers: SHOW postai.route does.
            session.notice("\n".join([*route.explain(servers=False), *([sent] if sent else [])]))
        session.writing = not wanted.read_only
        writer = self._view(home).writer
        if writer is not None and route.node is writer.node:
            return home
        session.elsewhere = True
        return self._nodes[route.node.name]

    def _sent_instead(self, session: PooledSession) -> str | None:
        """What will be sent in the place of a client's only statement, in words."""
        instead, texts = session.scope.instead, session.client.texts()
        if instead is None or not texts or session.client.pinned is not None:
            return None
        sent = instead(texts[-1].partition(b"\0")[0])
        return None if sent is None else instead.explain(sent)

    def _tell_of_table(self, session: PooledSession) -> None:
        """Tell a client that asks what is sent in its statement's place, where there is only one server."""
        texts = session.client.texts()
        if texts and texts[0].startswith(ASKED):
            sent = self._sent_instead(session)
            session.notice("\n".join([NO_CHOICE, *([sent] if sent else [])]))

    def _decide(self, home: Node, policy: Policy, wanted: Wanted) -> Route:
        return decide(
            wanted,
            self._view(home),
            policy,
            here=self._region,
            bound=self._bound,
            now=monotonic(),
            pick=self._random(),
        )

    def _wanted(self, session: PooledSession, policy: Policy, since: float | None = None) -> Wanted | None:
        """What a client's messages are; None = that is still to be asked, and counts.

        Args:
            session: whose messages they are.
            policy: its rules.
            since: what was asked before this moment does not count where rules about relations need it; None = what
                is older than CLOSELY.
        """
        texts = session.client.texts()
        if texts is None or self._judge is None or not _readable(session.scope):
            return WRITE
        if not texts:  # a Sync of its own
            return Wanted(read_only=True, tables=frozenset(), written=session.last_write)
        asked = texts[0].startswith(ASKED)
        if asked:
            session.forgo()
        shapes = [self._shapes.of(text) for text in texts]
        if len(shapes) == 1 and shapes[0].begins:
            return Wanted(read_only=True, written=session.last_write)
        if session.collecting and self._view(session.scope.home).writer is None:
            session.forgo()
        tables: frozenset[Relation] | None = frozenset()
        reads = True
        since = monotonic() - CLOSELY if since is None else since
        for shape, text in zip(shapes, texts, strict=True):
            if not shape.selects:
                return Wanted(read_only=False, asked=asked)
            known = self._judge.known(session.scope, shape, text, since=since if policy.by_relation else None)
            if known is None:
                return None if policy.by_relation else Wanted(read_only=False, asked=asked)
            reads = reads and known.only_reads
            tables = None if known.tables is None or tables is None else tables | known.tables
        statement = shapes[0].fingerprint if len(set(shapes)) == 1 else None
        kept = session.collecting or (bool(policy.tables) and self._sent_instead(session) is not None)
        return Wanted(reads, tables, statement, kept, asked, session.last_write)

    # News.

    def _policy(self, user: str, database: str) -> Policy:
        if self._rules is None:
            raise Violation(
                "57P03",
                "the rules of the edge are not known yet",
                hint="The log of the edge tells why its home cannot be read.",
            )
        key = (user, database)
        found = self._policies.get(key)
        if found is None:
            if len(self._policies) >= IDENTITIES:
                self._policies.clear()
            found = self._policies[key] = self._rules.policy(user, database)
        return found

    def _view(self, home: Node) -> View:
        if home is self.primary and self._health is not None:
            return self._health.view
        found = self._alone.get(home)
        if found is None:
            seen = Seen(Server(home.name, self._region), up=True, primary=True, fresh=inf, problem=None)
            found = self._alone[home] = View((seen,), seen, (), None, None)
        return found

    def _new_rules(self, rules: Rules) -> None:
        self._rules = rules
        self._policies.clear()
        self.on_rules(rules.generation)
        self._tell()

    def _changed(self, before: View, after: View) -> None:
        old, new = before.writer, after.writer
        if new is not None and new.node.name != self._primary_name:
            self._move(new.node.name)
        elif old is not None and new is None and not self._down(after, old):
            self._lose_role()  # it is there, and is the primary no more
        for was, now in zip(before.servers, after.servers, strict=True):
            if was.up and not now.up and self._pools is not None:
                self._pools.retire(node=self._nodes[now.node.name])
                if now.node.name == self._primary_name:
                    self._pools.retire(node=self.primary)
        if (old is None) != (new is None) or before.readers != after.readers:
            self._tell()

    def _move(self, name: str) -> None:
        """Another server is the primary."""
        self._lose_role()
        self._primary_name = name
        self.primary.addresses = self._nodes[name].addresses

    def _lose_role(self) -> None:
        if self._primary_name is None:
            return
        addresses_before = self.primary.addresses
        if self._pools is not None:
            self._pools.retire(node=self.primary)
            self._pools.abort(self.primary)
        self._role_lost(addresses_before)

    def _down(self, view: View, seen: Seen) -> bool:
        return not any(one.up for one in view.servers if one.node is seen.node)

    def _tell(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _readable(scope: Scope) -> bool:
    """Whether texts mean to the identity's servers what they mean to the parser."""
    return b"client_encoding\0UTF8\0" in scope.greeting and b"standard_conforming_strings\0on\0" in scope.greeting
