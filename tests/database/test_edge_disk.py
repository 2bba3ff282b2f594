"""The cache's file: what survives, what is forgotten, and that it never stands in the way."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from postai.edge.server.disk import Disk
from postai.edge.tiers import Kept, Recent, Tag

SOURCE, SCOPE = b"server 1", b"shop/ada"
PLENTY = 64 << 20
HOUR = 3600.0


def entry(*tags: Tag, position: int | None = 100, reply: bytes = b"reply", seconds: float = HOUR) -> Kept:
    return Kept(reply, tags, time.monotonic() + seconds, 0.01, position)


def found(disk: Disk, request: bytes, scope: bytes = SCOPE) -> bytes | None:
    got: list[Kept | None] = []
    disk.get(scope, request, got.append)
    (kept,) = got
    return None if kept is None else kept.reply


async def until(true: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


async def written(disk: Disk, position: int) -> None:
    disk.advance(position)
    await until(lambda: disk._recent.applied == position)


def in_file(path: Path) -> int:
    """How many entries there are."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        ((count,),) = db.execute("select count(*) from entry").fetchall()
    return int(count)


@asynccontextmanager
async def open_disk(
    path: Path, limit: int = PLENTY, start: int | None = 50, source: bytes = SOURCE
) -> AsyncIterator[Disk]:
    disk = Disk(path, limit, retry=0.05)
    try:
        disk.begin(source, start)
        await until(lambda: disk._ready)
        yield disk
    finally:
        await disk.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "shop.db"


def test_what_survives(path: Path) -> None:
    async def play() -> None:
        async with open_disk(path) as disk:
            assert found(disk, b"a") is None
            disk.put(SCOPE, b"a", entry(1))
            disk.put(SCOPE, b"ttl", entry(1, position=None))
            disk.put(SCOPE, b"short", entry(1, position=None, seconds=0.2))
            await written(disk, 100)
            assert found(disk, b"a") == found(disk, b"ttl") == b"reply"
            assert found(disk, b"a", b"shop/bob") is None
            assert (disk.figures.hits, disk.figures.misses, disk.figures.stored) == (2, 2, 3)
        async with open_disk(path, start=100) as disk:  # nobody tells what was changed between two streams
            assert (found(disk, b"a"), found(disk, b"ttl")) == (None, b"reply")
            time.sleep(0.2)
            assert found(disk, b"short") is None
            disk.begin(b"other roles", 100)
            assert found(disk, b"ttl") is None
            await until(lambda: disk._ready)
            assert found(disk, b"ttl") is None
            disk.put(SCOPE, b"a", entry(1))
            disk.put(SCOPE, b"ttl", entry(1, position=None))
            await written(disk, 101)
        async with open_disk(path, start=None, source=b"other roles") as disk:  # no stream at all
            assert (found(disk, b"a"), found(disk, b"ttl")) == (None, b"reply")
        async with open_disk(path, start=None) as disk:
            assert found(disk, b"ttl") is None

    asyncio.run(play())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_changes_forget_at_once_and_for_good(path: Path) -> None:
    kept = {b"whole": (1,), b"row": ((1, (b"7",)),), b"other row": ((1, (b"8",)),), b"both": (2, (1, (b"7",)))}

    async def play() -> None:
        async with open_disk(path) as disk:
            for request, tags in kept.items():
                disk.put(SCOPE, request, entry(*tags))
            await written(disk, 100)
            assert all(found(disk, request) for request in kept)
            disk.invalidate(1, [(b"7",), (b"9",)], 110)
            assert [request for request in kept if found(disk, request)] == [b"other row"]
            disk.put(SCOPE, b"row", entry(*kept[b"row"], position=110))
            await written(disk, 110)
            assert [request for request in kept if found(disk, request)] == [b"row", b"other row"]
            assert in_file(path) == 2
            disk.invalidate(1, None, 120)
            assert not any(found(disk, request) for request in kept)
            disk.put(SCOPE, b"both", entry(*kept[b"both"], position=120))
            await written(disk, 120)
            assert in_file(path) == 1
            disk.invalidate(2, [(b"x",)], 130)
            assert not found(disk, b"both")
            await written(disk, 130)
            assert in_file(path) == 0

    asyncio.run(play())


def test_what_the_file_has_forgotten_need_not_be_remembered(path: Path) -> None:
    async def play() -> None:
        async with open_disk(path) as disk:
            disk._recent = Recent(2)
            disk.put(SCOPE, b"a", entry(1))
            disk.put(SCOPE, b"b", entry((2, (b"0",))))
            for n in range(10):
                disk.invalidate(2, [(b"%d" % n,)], 101 + n)
                await written(disk, 101 + n)
            assert (found(disk, b"a"), found(disk, b"b")) == (b"reply", None)

    asyncio.run(play())


def test_all_is_forgotten(path: Path) -> None:
    async def play() -> None:
        async with open_disk(path) as disk:
            disk.put(SCOPE, b"a", entry(1))
            disk.put(SCOPE, b"ttl", entry(1, position=None))
            await written(disk, 100)
            disk.end()
            assert (found(disk, b"a"), found(disk, b"ttl")) == (None, b"reply")
            disk.begin(SOURCE, 120)
            await until(lambda: disk._ready)
            assert (found(disk, b"a"), found(disk, b"ttl")) == (None, b"reply")
            disk.put(SCOPE, b"b", entry(1, position=120))
            await written(disk, 120)
            assert found(disk, b"b") == b"reply"
            disk.flush(140)
            assert (found(disk, b"a"), found(disk, b"b"), found(disk, b"ttl")) == (None, None, None)
            await until(lambda: disk._ready)
            assert (found(disk, b"a"), found(disk, b"b"), found(disk, b"ttl")) == (None, None, None)
            disk.put(SCOPE, b"a", entry(1, position=140))
            await written(disk, 140)
            assert found(disk, b"a") == b"reply"

    asyncio.run(play())


def test_more_changes_than_may_wait_forget_everything(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postai.edge.server.disk.ORDERS", 20)

    async def play() -> None:
        async with open_disk(path) as disk:
            disk.put(SCOPE, b"a", entry(1))
            await written(disk, 100)
            for n in range(30):
                disk.invalidate(2, [(b"%d" % n,)], 101 + n)
            assert found(disk, b"a") is None
            await written(disk, 200)
            assert found(disk, b"a") is None

    asyncio.run(play())


def test_no_more_than_the_limit_and_what_is_used_stays(path: Path) -> None:
    async def play() -> None:
        async with open_disk(path, 1 << 20) as disk:
            for n in range(40):
                for m in range(10):
                    disk.put(SCOPE, b"%d" % (10 * n + m), entry(1, (2, (b"%d" % m,)), reply=os.urandom(8000)))
                await written(disk, 100 + n)
                assert found(disk, b"0")
                assert path.stat().st_size <= 1 << 20
            assert disk.figures.evicted > 200 and disk.figures.size < 1 << 20
            assert found(disk, b"1") is None and found(disk, b"399")
            disk.put(SCOPE, b"large", entry(1, reply=bytes(20_000)))
            for n in range(100):
                disk.put(SCOPE, b"many %d" % n, entry(1, reply=bytes(16_000)))
            assert disk.figures.dropped > 80

    asyncio.run(play())


# What breaks.


async def works_again(disk: Disk) -> None:
    """It was switched off, and begins anew by itself, with nothing of what was there."""
    await until(lambda: disk.figures.failures and disk.figures.off is None and disk._ready)
    assert found(disk, b"0") is None
    disk.put(SCOPE, b"0", entry(1, position=300))
    await written(disk, 300)
    assert found(disk, b"0") == b"reply"


async def filled(disk: Disk) -> None:
    for n in range(300):
        disk.put(SCOPE, b"%d" % n, entry(1, (2, (b"%d" % n,)), reply=b"reply" * 200))
    await written(disk, 200)


def test_garbage_is_thrown_away_at_the_start(path: Path) -> None:
    path.parent.mkdir()

    async def play(content: bytes) -> None:
        path.write_bytes(content)
        async with open_disk(path) as disk:
            await filled(disk)
            assert found(disk, b"5")
        assert not (disk.figures.failures or disk.figures.off)

    for content in (b"", b"x", random.Random(1).randbytes(20_000), b"SQLite format 3\0" + bytes(5000)):
        asyncio.run(play(content))
    good = path.read_bytes()
    asyncio.run(play(good[: len(good) // 2]))
    with sqlite3.connect(path) as other:
        other.execute("pragma user_version = 99")
    other.close()
    asyncio.run(play(path.read_bytes()))


def test_damage_at_the_start_that_only_a_check_finds(path: Path) -> None:
    """An entry that its tags do not lead to any more would never be forgotten."""

    async def play() -> None:
        async with open_disk(path) as disk:
            await filled(disk)
        assert not path.with_name(f"{path.name}-wal").exists()  # all is in the file itself
        data = path.read_bytes()
        with sqlite3.connect(path) as db:
            (root,) = db.execute("select rootpage from sqlite_master where name like 'idx_tag_rel%'").fetchone()
            (size,) = db.execute("pragma page_size").fetchone()
        db.close()
        middle = (root - 1) * size + size // 2
        path.write_bytes(data[:middle] + bytes(size // 2) + data[middle + size // 2 :])
        disk = Disk(path, PLENTY, retry=0.05)
        disk.begin(SOURCE, 200)
        await works_again(disk)
        await disk.close()

    asyncio.run(play())


@pytest.mark.parametrize("damage", ["truncated", "garbage", "one bit"])
def test_damage_while_it_is_used(path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    chance = random.Random(3)

    async def play() -> None:
        async with open_disk(path) as disk:
            await filled(disk)
            with sqlite3.connect(path) as other:
                other.execute("pragma wal_checkpoint(truncate)")
            other.close()
            data = bytearray(path.read_bytes())
            with path.open("r+b") as file:
                if damage == "truncated":
                    file.truncate(4096)
                elif damage == "garbage":
                    file.seek(4096)
                    file.write(chance.randbytes(len(data) - 4096))
                else:
                    for at in range(len(data)):
                        if data[at : at + 50] == b"reply" * 10:
                            data[at] ^= 1
                    file.write(data)
            # Pages that are in memory are not read again: a new reader, and one whose memory is the writer's own.
            disk._reader.close()
            disk._reader = sqlite3.connect(path, isolation_level=None)
            for n in range(300):
                assert found(disk, b"%d" % n) in (None, b"reply" * 200)
            await works_again(disk)
            assert disk.figures.failures == 1

    with caplog.at_level(logging.WARNING):
        asyncio.run(play())
    assert [record.message for record in caplog.records] == ["the cache's file is not used"]


def test_one_process_at_a_time(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def play() -> None:
        async with open_disk(path) as disk:
            await filled(disk)
            disk.save([(SCOPE, b"wish", 1.0)])
            second = Disk(path, PLENTY, retry=0.05)
            second.begin(SOURCE, 200)
            await until(lambda: second.figures.failures)
            second.put(SCOPE, b"0", entry(1))
            second.invalidate(1, None, 250)
            second.advance(250)
            second.flush(260)
            await asyncio.sleep(0.2)
            assert second.figures.off == "another process uses it"
            assert found(second, b"0") is None
            assert found(disk, b"0") and disk.figures.failures == 0
        await works_again(second)
        assert list(second.saved) == [(SCOPE, b"wish", 1.0)]
        await second.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(play())
    assert len(caplog.records) == 1


def test_a_file_is_used_as_soon_as_the_process_before_lets_go_of_it(path: Path) -> None:
    async def play() -> None:
        async with open_disk(path) as disk:
            await filled(disk)
            second = Disk(path, PLENTY)
            second.begin(SOURCE, 200)
            await until(lambda: second.figures.off == "another process uses it")
        await until(lambda: second.figures.off is None)
        await second.close()

    asyncio.run(play())


def test_somebody_elses_lock_and_a_file_that_is_none(path: Path, tmp_path: Path) -> None:
    async def play() -> None:
        async with open_disk(path) as disk:
            await filled(disk)
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("begin exclusive")
            assert found(disk, b"0")
            disk.put(SCOPE, b"new", entry(1))
            disk.advance(210)
            await until(lambda: disk.figures.off)
            assert found(disk, b"0") is None
            other.execute("rollback")
            other.close()
            await works_again(disk)
        (tmp_path / "secret").write_text("content")
        link = tmp_path / "link.db"
        link.symlink_to(tmp_path / "secret")
        for bad in (link, tmp_path / "secret" / "cache.db", tmp_path):
            disk = Disk(bad, PLENTY, retry=0.05)
            disk.begin(SOURCE, 0)
            await until(lambda disk=disk: disk.figures.failures)
            disk.put(SCOPE, b"new", entry(1))
            assert found(disk, b"new") is None
            await disk.close()
        assert (tmp_path / "secret").read_text() == "content"

    asyncio.run(play())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a file system")
def test_a_disk_that_is_full_or_read_only(tmp_path: Path) -> None:
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")

    async def play() -> None:
        async with open_disk(place / "shop.db") as disk:
            await filled(disk)
            for n in range(1000):
                disk.put(SCOPE, b"more %d" % n, entry(1, reply=os.urandom(5000)))
            await until(lambda: disk.figures.failures)
            assert "full" in disk.figures.off or "I/O" in disk.figures.off, disk.figures.off
            assert found(disk, b"0") is None
            await works_again(disk)
            subprocess.run(["mount", "-o", "remount,ro", place], check=False)
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)
        disk = Disk(place / "shop.db", PLENTY)
        disk.begin(SOURCE, 0)
        await until(lambda: disk.figures.failures)
        assert found(disk, b"0") is None
        await disk.close()

    try:
        asyncio.run(play())
    finally:
        subprocess.run(["umount", place], check=True)


FLUSHED = 500
"""Where everything is forgotten."""


def key_at(position: int) -> bytes:
    return b"%d" % (position % 30) if position >= FLUSHED else b"early %d" % (position % 30)


async def busy(path: Path) -> None:
    disk = Disk(path, PLENTY)
    disk.begin(SOURCE, 1)
    for position in itertools.count(2):
        if position == FLUSHED:
            disk.flush(position)
        disk.put(SCOPE, key_at(position), entry(1, position=None, reply=b"%d" % position))
        disk.put(SCOPE, b"promised " + key_at(position), entry(1, position=position))
        if position % 50 == 0:
            await written(disk, position)
            print(position, flush=True)


def test_a_process_that_is_killed_leaves_what_was_written_and_nothing_that_was_forgotten(path: Path) -> None:
    with subprocess.Popen([sys.executable, __file__, path], stdout=subprocess.PIPE, text=True) as process:
        while (confirmed := int(process.stdout.readline())) < 2 * FLUSHED or random.random() < 0.9:
            pass
        process.send_signal(signal.SIGKILL)
    asyncio.run(nothing_stale(path, confirmed))


async def nothing_stale(path: Path, confirmed: int) -> None:
    async with open_disk(path, start=confirmed) as disk:
        for position in range(confirmed - 29, confirmed + 1):
            assert int(found(disk, key_at(position)) or 0) >= position
        for early in range(2, FLUSHED):
            assert found(disk, key_at(early)) is None
        assert not any(found(disk, b"promised " + key_at(position)) for position in range(2, confirmed + 1))
        assert disk.figures.failures == 0


if __name__ == "__main__":
    asyncio.run(busy(Path(sys.argv[1])))
