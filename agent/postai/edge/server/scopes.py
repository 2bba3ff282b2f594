"""Who clients are to servers, and where they may go: identities, servers, and who answers or chooses for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from postai.edge.server.upstream import Address, Secret

if TYPE_CHECKING:
    from postai.edge.server.backend import Backend
    from postai.edge.server.pool import Pool
    from postai.edge.server.pooled import PooledSession

NEVER = float("-inf")


@dataclass(eq=False)
class Node:
    """A server that sessions may go to.

    Attributes:
        name: as people call it.
        addresses: its hosts, in the order in which they are tried; the primary's are others after a failover.
    """

    name: str
    addresses: tuple[Address, ...]


class Answerer(Protocol):
    """Answers a client that rests, before a server is borrowed for it."""

    def __call__(self, session: PooledSession, data: bytes) -> bytes | None:
        """What is sent to the client; None = a server shall answer; empty = `session.proceed` will be called."""
        ...


class Instead(Protocol):
    """Says in which statements' place another one is sent to the primary."""

    def __call__(self, text: bytes, /) -> bytes | None:
        """What is sent; None = the statement itself."""
        ...

    def claims(self, text: bytes, /) -> bool:
        """Whether something is sent, or that is still to be found out."""
        ...

    def explain(self, sent: bytes, /) -> str:
        """Why something was sent in a statement's place."""
        ...

    def close(self) -> None:
        """The identity is gone."""
        ...


class Scope:
    """An identity, shared by its sessions: who is who to the server, with the same settings.

    Attributes:
        home: where the database is.
        database, user, parameters: as the server is told.
        answer: who may answer in the servers' place; None = nobody.
        instead: gives what is sent in a statement's place; None = nothing ever is.
        pools: its connections by node.
        sessions: how many clients have it.
        greeting: the ParameterStatus messages of a login; empty before the first one.
    """

    __slots__ = ("answer", "database", "door", "greeting", "home", "instead", "judged", "parameters", "pools", "secret",
                 "sessions", "user")  # fmt: skip

    def __init__(self, home: Node, database: str, user: str, parameters: tuple[tuple[str, str], ...]) -> None:
        self.home = home
        self.database, self.user, self.parameters = database, user, parameters
        self.answer: Answerer | None = None
        self.instead: Instead | None = None
        self.pools: dict[Node, Pool[Backend]] = {}
        self.sessions = 0
        self.secret: Secret | None = None
        self.judged = NEVER
        self.greeting = b""
        self.door = asyncio.Lock()


class Choose(Protocol):
    """Says where clients go."""

    def __call__(self, session: PooledSession, /) -> Node | Awaitable[Node]:
        """Where a client's next messages go.

        Raises:
            Violation: nowhere; the client is told, and may go on.
        """
        ...

    def follows(self, session: PooledSession, /) -> bool:
        """Whether a client's next messages may go where those went that are not answered yet."""
        ...

    def failed(self, node: Node, why: str, /) -> bool:
        """No connection to a node was to be had; whether it helps to choose again."""
        ...


class AtHome:
    """Everybody goes where their database is."""

    def __call__(self, session: PooledSession, /) -> Node:
        return session.scope.home

    def follows(self, _session: PooledSession, /) -> bool:
        return True

    def failed(self, _node: Node, _why: str) -> bool:
        return False
