"""The pool's queue: first come, first served; nothing is lent twice or lost, whoever gives up or fails."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from postai.edge.server.pool import Limits, Pool
from postai.edge.wire import Violation


class Opened:
    """Connections as numbers."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.closed: list[int] = []
        self.failing = False

    async def connect(self) -> int:
        await asyncio.sleep(0)
        if self.failing:
            raise OSError("refused")
        return next(self.numbers)

    def pool(self, most: int = 1, queue: int = 10, wait: float = 5, idle: float = 0) -> Pool[int]:
        return Pool(Limits(most, queue, wait, idle), self.connect, self.closed.append)


def run(body: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(10):
            await body()

    asyncio.run(main())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_who_came_first_is_first() -> None:
    async def body() -> None:
        opened = Opened()
        pool = opened.pool()
        order: list[int] = []

        async def client(number: int) -> None:
            connection = await pool.borrow()
            order.append(number)
            await asyncio.sleep(0)
            pool.give_back(connection)

        await asyncio.gather(*(client(number) for number in range(8)))
        assert order == list(range(8))
        assert pool.count == 1
        pool.shrink()
        assert (pool.count, opened.closed) == (0, [1])

    run(body)


def test_too_many_and_too_long() -> None:
    async def body() -> None:
        pool = Opened().pool(queue=1, wait=0.01)
        await pool.borrow()
        waiting = asyncio.create_task(pool.borrow())
        await asyncio.sleep(0)
        with pytest.raises(Violation) as many:
            await pool.borrow()
        assert many.value.sqlstate == "53300"
        assert "pool_size" in str(many.value.hint)
        with pytest.raises(Violation) as late:
            await waiting
        assert late.value.sqlstate == "57014"
        assert "pool_wait_timeout" in str(late.value.hint)
        assert pool.waiting == 0

    run(body)


def test_a_connection_that_fails_or_is_dropped_makes_room_for_the_next() -> None:
    async def body() -> None:
        opened = Opened()
        pool = opened.pool()
        first = await pool.borrow()
        waiting = [asyncio.create_task(pool.borrow()) for _ in range(2)]
        await settle()
        opened.failing = True
        pool.drop(first)
        await settle()
        assert all(isinstance(task.exception(), OSError) for task in waiting)
        assert pool.count == 0
        opened.failing = False
        second = await pool.borrow()
        pool.give_back(second)
        pool.lost(second)
        assert (pool.count, opened.closed) == (0, [first, second])

    run(body)


@pytest.mark.parametrize("given_first", [False, True])
def test_a_client_that_gives_up_takes_nothing_along(given_first: bool) -> None:
    async def body() -> None:
        pool = Opened().pool()
        connection = await pool.borrow()
        leaving, staying = (asyncio.create_task(pool.borrow()) for _ in range(2))
        await settle()
        if given_first:
            pool.give_back(connection)
            leaving.cancel()
        else:
            leaving.cancel()
            await settle()
            pool.give_back(connection)
        assert await staying == connection
        assert leaving.cancelled()
        assert (pool.count, pool.waiting) == (1, 0)

    run(body)
