"""The cache that edges share in a Valkey or Redis server: what one leaves, another reads only if it is known fresh."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from postai.edge.server.valkey import Valkey
from postai.edge.tiers import Kept, Tag
from postai.errors import UsageError

redis = pytest.importorskip("redis", reason="the client library is not installed: pip install 'postai[valkey]'")
PROGRAM = shutil.which("valkey-server") or shutil.which("redis-server")
SOURCE, SCOPE = b"server 1", b"shop/ada"


class Server:
    """A server that listens on a socket of its own."""

    def __init__(self, place: Path) -> None:
        self.socket = place / "socket"
        self.url = f"unix://{self.socket}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert PROGRAM
        self._process = subprocess.Popen(
            [PROGRAM, "--port", "0", "--unixsocket", self.socket, "--save", "", "--appendonly", "no", "--dir",
             self.socket.parent], stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with redis.Redis.from_url(self.url) as client:
            end = time.monotonic() + 20
            while True:
                try:
                    client.ping()
                    return
                except redis.ConnectionError:
                    assert time.monotonic() < end
                    time.sleep(0.02)

    def send(self, number: signal.Signals) -> None:
        os.kill(self._process.pid, number)

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if PROGRAM is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    one = Server(tmp_path_factory.mktemp("v"))
    one.start()
    yield one
    one.stop()


def entry(*tags: Tag, position: int | None = 100, reply: bytes = b"reply", seconds: float = 3600) -> Kept:
    return Kept(reply, tags, time.monotonic() + seconds, 0.01, position)


async def asked(tier: Valkey, request: bytes, scope: bytes = SCOPE) -> Kept | None:
    answer: asyncio.Future[Kept | None] = asyncio.get_running_loop().create_future()
    tier.get(scope, request, answer.set_result)
    return await answer


async def found(tier: Valkey, *requests: bytes) -> list[bytes]:
    """Which of the requests have an entry."""
    return [request for request in requests if await asked(tier, request)]


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def edge(
    server: Server, start: int | None = 50, source: bytes = SOURCE, timeout: float = 10
) -> AsyncIterator[Valkey]:
    tier = Valkey(server.url, timeout, retry=0.05)
    try:
        tier.begin(source, start)
        await until(lambda: tier._epoch)
        yield tier
    finally:
        await tier.close()


async def kept(tier: Valkey, **entries: Kept) -> None:
    for request, one in entries.items():
        tier.put(SCOPE, request.encode(), one)
    await until(lambda: not tier.figures.waiting)
    await asked(tier, b"")  # behind them in the same connection


def test_edges_share_what_both_know_to_be_fresh(server: Server) -> None:
    async def play() -> None:
        async with edge(server) as one, edge(server) as other, edge(server, source=b"other roles") as third:
            await kept(
                one, row=entry((1, (b"7",))), whole=entry(1), ttl=entry(1, position=None), short=entry(1, seconds=0.2)
            )
            assert await found(other, b"row", b"whole", b"ttl", b"short") == [b"row", b"whole", b"ttl", b"short"]
            same = await asked(other, b"row")
            assert same and 3590 < same.until - time.monotonic() < 3600 and same.tags == ((1, (b"7",)),)
            assert await asked(other, b"row", b"shop/bob") is None
            assert not await found(third, b"row", b"ttl")
            await asyncio.sleep(0.2)
            assert not await found(other, b"short")
            # The other one is ahead: it knows of a change that the first one has not heard of.
            other.invalidate(1, [(b"8",)], 110)
            assert await found(other, b"row", b"whole", b"ttl") == [b"row", b"ttl"]
            await kept(one, whole=entry(1, position=105))
            assert await found(one, b"whole") and not await found(other, b"whole")
            await kept(other, whole=entry(1, position=110))
            one.invalidate(1, [(b"8",)], 110)  # now it hears of it, and the entry is from after it
            assert await found(one, b"row", b"whole") == [b"row", b"whole"]
            other.invalidate(1, None, 120)
            assert not await found(other, b"row", b"whole")
        async with edge(server, start=115) as late, edge(server, start=None) as without:
            assert await found(late, b"row", b"whole", b"ttl") == [b"ttl"]  # what changed before, it does not know
            await kept(late, row=entry((1, (b"7",)), position=115))
            assert await found(late, b"row") and await found(without, b"row", b"ttl") == [b"ttl"]
            late.end()
            assert await found(late, b"row", b"ttl") == [b"ttl"]

    asyncio.run(play())


def test_a_flush_is_everybodys(server: Server) -> None:
    async def play() -> None:
        async with edge(server) as one, edge(server) as other:
            await kept(one, a=entry(1), ttl=entry(1, position=None))
            assert await found(other, b"a", b"ttl") == [b"a", b"ttl"]
            waiting = asyncio.ensure_future(asked(other, b"a"))
            await asyncio.sleep(0)
            other.flush(110)
            assert await waiting is None
            assert not await found(other, b"a", b"ttl")
            await until(lambda: other._epoch)
            assert not await found(other, b"a", b"ttl")
            assert not await found(one, b"a", b"ttl")
            await kept(one, a=entry(1, position=109), b=entry(1, position=110))
            assert await found(other, b"a", b"b") == [b"b"]

    asyncio.run(play())


def test_damaged_entries_are_not_read(server: Server) -> None:
    async def play() -> None:
        async with edge(server) as one:
            await kept(one, a=entry(1), b=entry(1))
            with redis.Redis.from_url(server.url) as client:
                names = [name for name in client.keys("postai:*") if b"epoch" not in name]
                first, second = (client.get(name) for name in names)
                client.set(names[0], second, px=100_000)
                client.set(names[1], second[:-1] + b"\0", px=100_000)
                assert not await found(one, b"a", b"b")
                client.set(names[0], first)  # without an end
                client.set(names[1], b"")
                assert not await found(one, b"a", b"b")
                client.delete(*client.keys("postai:epoch*"))
                client.set(names[0], first, px=100_000)
                assert not await found(one, b"a", b"b")
                await until(lambda: one._epoch)
                await kept(one, a=entry(1))
                assert await found(one, b"a")

    asyncio.run(play())


def test_a_server_that_hangs_or_ends_is_left_alone(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with edge(server, timeout=0.5) as one:
            await kept(one, a=entry(1))
            server.send(signal.SIGSTOP)
            assert not await found(one, b"a", b"a")
            assert one.figures.off and one.figures.failures == 1
            assert await asyncio.wait_for(asked(one, b"a"), 0.4) is None
            one.flush(120)
            server.send(signal.SIGCONT)
            await until(lambda: one._epoch)
            assert not await found(one, b"a")  # it was forgotten meanwhile
            await kept(one, a=entry(1, position=120))
            assert await found(one, b"a")
            server.stop()
            assert not await found(one, b"a")
            one.put(SCOPE, b"a", entry(1, position=130))
            server.start()
            await until(lambda: one._epoch)
            assert not await found(one, b"a")
            await kept(one, a=entry(1, position=130))
            assert await found(one, b"a")
            assert one.figures.off is None and one.figures.failures == 2

    with caplog.at_level(logging.WARNING, "postai"):
        asyncio.run(play())
    assert [record.message for record in caplog.records] == ["the shared cache is not used"] * 2


def test_much_at_once(server: Server) -> None:
    async def play() -> None:
        async with edge(server) as one:
            for n in range(3000):
                one.put(SCOPE, b"%d" % n, entry((1, (b"%d" % n,)), reply=b"%d" % n))
            assert one.figures.dropped == 1000
            answers = await asyncio.gather(*(asked(one, b"%d" % n) for n in range(2500)))
            assert all(answer is None or answer.reply == b"%d" % n for n, answer in enumerate(answers))
            await until(lambda: not one.figures.waiting)
            answers = await asyncio.gather(*(asked(one, b"%d" % n) for n in range(2500)))
            assert sum(answer is not None for answer in answers) == 2000
            one.put(SCOPE, b"large", entry(1, reply=bytes(2 << 20)))
            assert one.figures.dropped == 1001 and one.figures.stored == 2000

    asyncio.run(play())


def test_a_url_that_is_none() -> None:
    async def play() -> None:
        with pytest.raises(UsageError) as raised:
            Valkey("nonsense:secret@host")
        assert "secret" not in f"{raised.value}{raised.value.detail}"

    asyncio.run(play())
