"""Figures of the overview, over a history that the test wrote, against what is computed from the same rows."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from observe_support import Home, home_in

from conftest import TestDatabase
from postai.edge.board import read_edges
from postai.observe.overview import read_overview


@pytest.fixture
def home(database: TestDatabase) -> Iterator[Home]:
    with home_in(database) as one:
        yield one


def test_the_load_now_is_that_of_the_last_interval_whatever_the_range(home: Home) -> None:
    for minute in range(1, 170):
        home.worked(minute, 6_000 if minute == 1 else 60_000, xact_commit=120 if minute == 1 else 6000)
    for hours in (1, 24, 168, 720):
        now = read_overview(home.db, hours).now
        assert now is not None
        assert (now.seconds, now.active, now.transactions) == (60, pytest.approx(0.1), pytest.approx(2.0))


def test_of_a_silent_agent_there_is_no_load_now(home: Home) -> None:
    home.worked(6, 60_000)
    overview = read_overview(home.db, 24)
    assert overview.now is None
    assert [one.active for one in overview.load] == [1.0], "what was collected before is shown as that"
    home.worked(4, 30_000, 300)
    now = read_overview(home.db, 720).now
    assert now is not None and now.active == pytest.approx(0.1)


@pytest.mark.parametrize("seconds", [60, 300, 900])
def test_long_intervals_are_a_line_and_a_pause_breaks_it(home: Home, seconds: int) -> None:
    for at in range(1, 3600 // seconds):
        home.worked(at * seconds / 60, 1000, seconds)
    load = read_overview(home.db, 1).load
    assert len(load) == 3600 // seconds - 1 and all(one.active is not None for one in load)
    home.worked(200 * seconds / 60, 1000, seconds)
    assert [one.at for one in read_overview(home.db, 168).load if one.active is None], "nothing was collected between"


def test_growth_is_of_all_of_the_database_since_when_it_is_known(home: Home) -> None:
    assert read_overview(home.db).storage is None, "nothing was measured yet"

    def measured(days_ago: float, size: int) -> None:
        home.db.execute(
            "insert into postai.sample_storage (at, bytes) values (now() - make_interval(secs => %s), %s)",
            (days_ago * 86400, size),
        )

    measured(0, 5000)
    storage = read_overview(home.db).storage
    assert storage is not None
    assert (storage.bytes, storage.week, storage.month) == (5000, None, None), "measured once, growth is not known"
    for days_ago, size in ((6.9, 4100), (3, 4500), (7.1, 3900), (29, 2000), (31, 1000)):
        measured(days_ago, size)
    storage = read_overview(home.db).storage
    assert storage is not None and storage.week_since is not None and storage.month_since is not None
    assert (storage.bytes, storage.week, storage.month) == (5000, 900, 3000)
    assert (storage.at - storage.week_since).total_seconds() == pytest.approx(6.9 * 86400, abs=60)
    assert (storage.at - storage.month_since).total_seconds() == pytest.approx(29 * 86400, abs=60)


def _proposal(home: Home, kind: str, state: str, effects: dict[str, tuple[float, float, float]], saved: float) -> None:
    """One with its statements: calls a day, milliseconds before and after."""
    told = [
        {"id": name, "calls_per_day": calls, "before_ms": before, "after_ms": after}
        for name, (calls, before, after) in effects.items()
    ]
    home.db.execute(
        "insert into postai.proposal (kind, title, why, fingerprint, state, evidence, approved_by, approved_digest)"
        " select %s, 't', 'w', 'f', s.state, %s, case s.state when 'approved' then 'olga' end,"
        "        case s.state when 'approved' then 'd' end from (select %s::text as state) as s",
        (kind, json.dumps({"effects": told, "saved_ms_per_day": saved}), state),
    )


def test_alternatives_for_a_statement_do_not_save_its_time_twice(home: Home) -> None:
    home.worked(5, 50.0, 60)  # 72 s a day
    _proposal(home, "create_index", "open", {"1": (100, 100, 10)}, 9000)
    _proposal(home, "create_index", "open", {"1": (100, 100, 20), "2": (10, 50, 0)}, 8500)
    _proposal(home, "rewrite", "open", {"1": (100, 100, 5)}, 9500)
    _proposal(home, "rewrite", "approved", {"3": (1000, 100, 5)}, 95000)
    _proposal(home, "reindex", "open", {}, 300)
    _proposal(home, "vacuum", "open", {}, -5)
    overview = read_overview(home.db)
    kinds = {one.kind: one for one in overview.proposals}
    assert kinds["create_index"].saved_ms_per_day == pytest.approx(9000 + 500)
    assert (kinds["rewrite"].open, kinds["rewrite"].approved) == (1, 1)
    assert kinds["rewrite"].saved_ms_per_day == pytest.approx(9500), "what is approved is not open"
    assert kinds["reindex"].saved_ms_per_day == 300
    assert kinds["vacuum"].saved_ms_per_day is None, "it saves nothing that is known"
    assert overview.waiting is not None and overview.waiting.open == 5
    assert overview.waiting.saved_ms_per_day == pytest.approx(9500 + 500 + 300)
    _proposal(home, "create_index", "open", {"4": (1000, 1000, 10)}, 990_000)
    waiting = read_overview(home.db).waiting
    assert waiting is not None and waiting.saved_ms_per_day == pytest.approx(50.0 / 60 * 86400), "there is no more"


def test_a_rate_is_told_only_where_misses_are_counted(home: Home) -> None:
    for minute, (hit, read) in {3: (900, 100), 30: (50, 50), 90: (0, 4000)}.items():
        home.worked(minute, 1, blks_hit=hit, blks_read=read)
    told = {"cache": {"hits": 1, "stored": 1}, "tiers": {"hits": 30, "misses": 10}, "nodes": []}
    home.db.query("select postai._edge_report('edge:1', %s)", (json.dumps(told),))
    tiers = {one.name: one for one in read_overview(home.db, 1).caches}
    assert tiers["Shared buffers"].hit_rate == pytest.approx((900 + 50) / (900 + 100 + 50 + 50))
    assert "1,100 blocks in the last hour" in tiers["Shared buffers"].note
    assert tiers["Edges, memory"].hit_rate is None, "an edge of before does not count what it missed"
    assert tiers["Edges, memory"].note.startswith("1 answers from 1 kept")
    assert tiers["Edges, second tier"].hit_rate == pytest.approx(30 / 40)
    home.db.query('select postai._edge_report(\'edge:2\', \'{"cache": {"hits": 7}, "nodes": []}\')')
    told["cache"] = {"hits": 60, "misses": 20, "stored": 9}
    home.db.query("select postai._edge_report('edge:3', %s)", (json.dumps(told),))
    rates = {one.name: (one.cache_rate, one.second_rate) for one in read_edges(home.db).edges}
    assert rates == {
        "edge:1": (None, pytest.approx(30 / 40)), "edge:2": (None, None),
        "edge:3": (pytest.approx(60 / 80), pytest.approx(30 / 40)),
    }  # fmt: skip
    memory = {one.name: one for one in read_overview(home.db, 1).caches}["Edges, memory"]
    assert memory.hit_rate == pytest.approx(60 / 80)
    assert memory.note.startswith("60 of 80 reads that may be kept; 68 answers")
    home.db.query("select postai.forget_edge('edge:2'), postai.forget_edge('edge:3')")
    day = {one.name: one for one in read_overview(home.db, 24).caches}
    assert day["Shared buffers"].hit_rate == pytest.approx(950 / 5100)
    assert day["Edges, second tier"] == tiers["Edges, second tier"], "a range changes nothing about edges"
