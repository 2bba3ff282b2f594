"""No answer of the cache is older than promised, however tables are written, through whichever edge it is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
from edge_caches import CachingEdge, caching
from edge_races import SETUP, Races, prepare

from conftest import TestDatabase, drop_database, make_database, new_server
from postai.edge.caching import Caching
from postai.setup.server import debian_binaries, embedded_binaries

BOUND = 0.5


@contextlib.contextmanager
def two_edges(database: TestDatabase) -> Iterator[list[CachingEdge]]:
    with caching(database, SETUP, max_staleness=BOUND) as one:
        prepare(database)
        with caching(database, "", triggers=False, max_staleness=BOUND) as other:
            yield [one, other]


def race(database: TestDatabase, seconds: float, readers: int) -> tuple[Races, list[CachingEdge]]:
    with two_edges(database) as edges:
        races = Races(edges, BOUND)
        races.run(seconds, readers)
        figures = [edge.figures for edge in edges]
    print(*races.failures, f"{races.reads} reads, {races.writes} writes", *figures, sep="\n")
    assert all(one.hits > seconds for one in figures), figures
    return races, edges


def test_nothing_is_read_that_was_true_too_long_ago(database15: TestDatabase) -> None:
    races, _ = race(database15, 2.5, 3)
    assert not races.failures and races.writes > 20


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
    races, _ = race(database15, 10, 3)
    assert any("Stale" in failure for failure in races.failures)


@pytest.mark.soak
@pytest.mark.parametrize("major", [15, 18])
def test_nothing_is_read_that_was_true_too_long_ago_in_half_an_hour(major: int) -> None:
    binaries = debian_binaries(15) if major == 15 else embedded_binaries()
    if binaries is None:
        pytest.skip(f"no PostgreSQL {major} here")
    with new_server(binaries, "races", "max_prepared_transactions = 10\n", "local all postgres trust\n") as server:
        database = make_database(server)
        races, _ = race(database, 1800, 4)
        drop_database(database)
    assert not races.failures
