"""No answer of the cache is older than promised, however tables are written, through whichever edge it is read."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from edge_caches import CachingEdge, caching
from edge_races import SETUP, Races, prepare

from conftest import TestDatabase, drop_database, make_database, new_server
from postai.edge.caching import Caching
from postai.edge.server.cached import Cache
from postai.setup.server import debian_binaries, embedded_binaries

BOUND = 0.5


@contextlib.contextmanager
def two_edges(database: TestDatabase, place: Path | None) -> Iterator[list[CachingEdge]]:
    """Edges with files of their own in a directory, if there is one."""
    files = [{} if place is None else {"cache_directory": place / name} for name in ("one", "other")]
    with caching(database, SETUP, max_staleness=BOUND, **files[0]) as one:
        prepare(database)
        with caching(database, "", triggers=False, max_staleness=BOUND, **files[1]) as other:
            yield [one, other]


@contextlib.contextmanager
def forgetful(edges: list[CachingEdge]) -> Iterator[None]:
    """Memory has no room all the time, so that answers come from the files."""
    over = threading.Event()

    def forget() -> None:
        while not over.wait(0.02):
            for edge in edges:
                edge.inside(cache_of(edge).caching.shelf.flush)

    thread = threading.Thread(target=forget)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def cache_of(edge: CachingEdge) -> Cache:
    caches = edge.edge.edge._caches
    assert caches is not None
    (cache,) = caches.databases.values()
    return cache


def race(
    database: TestDatabase, seconds: float, readers: int, place: Path | None = None
) -> tuple[Races, list[CachingEdge]]:
    def hits(edge: CachingEdge) -> int:
        return edge.figures.hits if place is None else cache_of(edge).second.figures.hits

    with two_edges(database, place) as edges:
        races = Races(edges, BOUND)
        with contextlib.nullcontext() if place is None else forgetful(edges):
            races.run(seconds, readers, lambda: all(map(hits, edges)))
        figures = [edge.figures for edge in edges]
        print(*races.failures, f"{races.reads} reads, {races.writes} writes", *figures, sep="\n", flush=True)
        if place is not None:
            tiers = [cache_of(edge).second.figures for edge in edges]
            assert all(one.hits and not one.failures for one in tiers), (races.failures, tiers)
    assert place is not None or all(one.hits for one in figures), figures
    return races, edges


def test_nothing_is_read_that_was_true_too_long_ago(database15: TestDatabase) -> None:
    races, _ = race(database15, 2.5, 3)
    assert not races.failures and races.writes > 20


def test_nothing_of_a_file_is_too_old(database15: TestDatabase, tmp_path: Path) -> None:
    races, _ = race(database15, 1.5, 2, tmp_path)
    assert not races.failures


@pytest.mark.soak
def test_a_lost_change_is_noticed(database15: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the races would say if the cache did not hear of everything."""
    told = Caching.changed
    count = 0

    def lossy(self: Caching, *given: Any, **more: Any) -> None:
        nonlocal count
        count += 1
        if count % 3:
            told(self, *given, **more)

    monkeypatch.setattr(Caching, "changed", lossy)
    races, _ = race(database15, 60, 3)
    assert any("Stale" in failure for failure in races.failures)


@pytest.mark.soak
@pytest.mark.parametrize(("major", "files"), [(15, False), (18, False), (18, True)])
def test_nothing_is_read_that_was_true_too_long_ago_in_half_an_hour(major: int, files: bool, tmp_path: Path) -> None:
    binaries = debian_binaries(15) if major == 15 else embedded_binaries()
    if binaries is None:
        pytest.skip(f"no PostgreSQL {major} here")
    with new_server(binaries, "races", "max_prepared_transactions = 10\n", "local all postgres trust\n") as server:
        database = make_database(server)
        races, _ = race(database, 1800, 4, tmp_path if files else None)
        drop_database(database)
    assert not races.failures
