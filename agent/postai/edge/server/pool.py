"""Server connections that clients borrow: a limit, a queue in which who came first is first, and time-outs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from postai.edge.wire import Violation

T = TypeVar("T")

FULL = "53300"
"""SQLSTATE of a server, a database or a role that has no room for more connections."""
FULL_FOR = 1.0
"""Seconds for which that is believed, while there are connections to wait for."""


class _Full(Exception):
    """No connection could be opened, but there are others to wait for."""


@dataclass(frozen=True)
class Limits:
    """How large a pool grows, and how long anybody waits.

    Attributes:
        most: connections.
        least: connections that stay open, once there were as many.
        queue: clients that may wait.
        wait: seconds that a client waits.
        idle: seconds that a connection which nobody borrows stays open.
    """

    most: int
    queue: int
    wait: float
    idle: float
    least: int = 0


@dataclass(slots=True)
class Waits:
    """How long clients waited for a connection.

    Attributes:
        borrowed: times that one was lent.
        waited: of these, how often the client had to wait, be it for its turn or for a new connection.
        seconds: how long in all.
        longest: seconds of the longest wait since the figures were last read.
        refused: clients that got none.
    """

    borrowed: int = 0
    waited: int = 0
    seconds: float = 0.0
    longest: float = 0.0
    refused: int = 0

    def add(self, seconds: float) -> None:
        """One has waited and got its connection."""
        self.borrowed += 1
        self.waited += 1
        self.seconds += seconds
        self.longest = max(self.longest, seconds)


class Pool(Generic[T]):
    """Connections to one database as one user.

    Args:
        limits: its limits.
        connect: opens a connection.
        close: closes one.
    """

    def __init__(self, limits: Limits, connect: Callable[[], Awaitable[T]], close: Callable[[T], object]) -> None:
        self._limits = limits
        self._connect = connect
        self._close = close
        self._free: deque[tuple[T, float]] = deque()  # the one that was used last at the end
        self._waiting: deque[asyncio.Future[T | None]] = deque()
        self._count = 0
        self._now = asyncio.get_running_loop().time()  # as of the last `shrink`
        self._full_until = 0.0
        self.waits = Waits()

    @property
    def count(self) -> int:
        """Connections that are open or being opened."""
        return self._count

    @property
    def waiting(self) -> int:
        """Clients that wait."""
        return len(self._waiting)

    @property
    def spare(self) -> bool:
        """Whether nobody waits, and fewer than half of the connections that may be there are lent."""
        return not self._waiting and 2 * (self._count - len(self._free)) < self._limits.most

    @property
    def unused(self) -> int:
        """Connections that nobody borrows."""
        return len(self._free)

    def borrow_now(self) -> T | None:
        """A connection that is open already and that nobody has, as `borrow` gives it."""
        if not self._free:
            return None
        self.waits.borrowed += 1
        return self._free.pop()[0]

    async def borrow(self) -> T:
        """A connection, which `give_back` or `drop` returns.

        Raises:
            Violation: too many wait (53300), or it took too long (57014).
            Exception: whatever `connect` raises.
        """
        if (free := self.borrow_now()) is not None:
            return free
        clock = asyncio.get_running_loop().time
        begin, refused = clock(), True
        try:
            given = await self._wait()
            refused = False
        except asyncio.CancelledError:
            refused = False  # the client has gone
            raise
        finally:
            self.waits.refused += refused
        self.waits.add(clock() - begin)
        return given

    def admit(self, connection: T) -> None:
        """A connection that was opened elsewhere joins, or is closed where there are enough."""
        if self._count < self._limits.most:
            self._count += 1
            self.give_back(connection)
        else:
            self._close(connection)

    async def _wait(self) -> T:
        clock = asyncio.get_running_loop().time
        until, first = clock() + self._limits.wait, not self._waiting
        if self._count < self._limits.most and (not self._count or clock() >= self._full_until):
            self._count += 1
        elif (given := await self._turn(until)) is not None:
            return given
        while True:
            try:
                opened = await self._open()
            except _Full:
                self._full_until = clock() + FULL_FOR
            else:
                if first:
                    return opened
                self.give_back(opened)
            if (given := await self._turn(until)) is not None:
                return given
            first = True

    def give_back(self, connection: T) -> None:
        """The next one in the queue gets it, or it stays open for some time."""
        turn = self._next() if self._waiting else None
        if turn is None:
            self._free.append((connection, self._now))
        else:
            turn.set_result(connection)

    def drop(self, connection: T) -> None:
        """A borrowed connection is of no more use."""
        self._close(connection)
        self._vacate()

    def lost(self, connection: T) -> None:
        """A connection that nobody borrows has ended."""
        kept = deque(entry for entry in self._free if entry[0] is not connection)
        if len(kept) < len(self._free):
            self._free = kept
            self.drop(connection)

    def shrink(self) -> None:
        """Close what nobody has borrowed for some time."""
        self._now = asyncio.get_running_loop().time()
        before = self._now - self._limits.idle
        while self._count > self._limits.least and self._free and self._free[0][1] <= before:
            self.drop(self._free.popleft()[0])

    @property
    def idle_since(self) -> float | None:
        """Since when, about, nobody has borrowed the one that waits longest; None = all are lent."""
        return self._free[0][1] if self._free else None

    def give_up(self) -> None:
        """Close that one, as somebody else needs its place on the server."""
        self.drop(self._free.popleft()[0])

    def clear(self) -> None:
        """Close all that nobody borrows."""
        while self._free:
            self.drop(self._free.pop()[0])

    async def _open(self) -> T:
        try:
            return await self._connect()
        except Violation as refused:
            if refused.sqlstate == FULL and self._count > 1:
                self._count -= 1
                raise _Full from refused
            self._vacate()
            raise
        except BaseException:
            self._vacate()
            raise

    def _vacate(self) -> None:
        turn = self._next()
        if turn is None:
            self._count -= 1
        else:
            turn.set_result(None)

    def _next(self) -> asyncio.Future[T | None] | None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                return turn
        return None

    async def _turn(self, until: float) -> T | None:
        """A connection, or None = one may be opened."""
        if len(self._waiting) >= self._limits.queue:
            raise Violation(
                FULL,
                "too many clients wait for a server connection",
                detail=f"{self._count} connections are in use, and {len(self._waiting)} clients wait.",
                hint="Shorten transactions, or raise pool_size or pool_queue in [edge].",
            )
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[T | None] = loop.create_future()
        self._waiting.append(turn)
        alarm = loop.call_at(until, self._too_late, turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._waiting.remove(turn)
            elif (given := turn.result()) is None:  # it was given at the same moment
                self._vacate()
            else:
                self.give_back(given)
            raise
        finally:
            alarm.cancel()

    def _too_late(self, turn: asyncio.Future[T | None]) -> None:
        if not turn.done():
            self._waiting.remove(turn)
            turn.set_exception(
                Violation(
                    "57014",
                    "canceling statement due to waiting too long for a server connection",
                    detail=f"{self._count} connections were in use for {self._limits.wait:g} seconds.",
                    hint="Shorten transactions, or raise pool_size or pool_wait_timeout in [edge].",
                )
            )
