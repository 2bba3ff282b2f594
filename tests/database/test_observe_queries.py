"""Figures of statements, over a history that the test wrote, against what Python computes from the same rows."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from observe_support import Home, home_in

from conftest import TestDatabase
from postai.observe.overview import read_overview
from postai.observe.ranking import Filter, rank


@pytest.fixture
def home(database: TestDatabase) -> Iterator[Home]:
    with home_in(database) as one:
        yield one


def _nested(home: Home) -> dict[str, float]:
    """A function of 1 s around one SELECT of 0.99 s, small ones of 0.5 s and inside these of 0.4 s."""
    took = {"function": 1000.0, "inside": 990.0, "small": 500.0, "small inside": 400.0}
    for at, (name, total_ms) in enumerate(took.items()):
        sums = name.startswith("small")
        one = home.statement(0 if sums else 40 + at, "" if sums else "postgres", toplevel="inside" not in name)
        home.ran(one, 5, 1, total_ms)
    return took


def test_what_ran_inside_a_statement_counts_once(home: Home) -> None:
    took = _nested(home)
    whole = took["function"] + took["small"]
    ranking = rank(home.db, hours=1)
    assert ranking.total_ms == pytest.approx(whole)
    rows = {one.queryid: one for one in ranking.statements}
    assert rows[40].share == pytest.approx(took["function"] / whole)
    assert rows[41].share == pytest.approx(took["inside"] / whole)
    assert (rows[40].inner_ms, rows[41].inner_ms) == (0, took["inside"])
    top = {one.queryid: one for one in read_overview(home.db, 1).statements}
    assert top[40].share == pytest.approx(took["function"] / whole)
    assert (top[40].inner_ms, top[41].inner_ms) == (0, took["inside"])
    home.worked(5, 100)
    shares = home.db.query("select queryid, share::float8 from postai.slow_queries order by queryid")
    assert shares == [(40, pytest.approx(1000 / whole, abs=1e-4)), (41, pytest.approx(990 / whole, abs=1e-4))]


def test_a_filter_by_role_filters_rows_and_not_the_whole(home: Home) -> None:
    home.db.execute("do $$ begin if to_regrole('batch') is null then create role batch; end if; end $$")
    both, other = home.statement(50), home.statement(51)
    of_batch = home.statement(50, "batch")
    rest = home.statement(0, "")
    for minute in range(1, 30):
        home.ran(both, minute, 10, 200.0)
        home.ran(other, minute, 10, 3000.0)
        home.ran(rest, minute, 5, 100.0)
    home.ran(of_batch, 3, 1, 40.0)
    everything = 29 * (200.0 + 3000.0 + 100.0) + 40.0
    ranking = rank(home.db, hours=1, filter=Filter(user="batch"))
    assert ranking.total_ms == pytest.approx(everything)
    (row,) = ranking.statements
    assert (row.queryid, row.calls, row.total_ms) == (50, 1, 40.0)
    assert row.share == pytest.approx(40.0 / everything)
    assert sum(row.trend) == pytest.approx(40.0), "the small line is of that role, too"
    assert row.severity is None, "its only statement is not all that is done here"
    of_all = {one.queryid: one for one in rank(home.db, hours=1).statements}
    assert of_all[50].total_ms == pytest.approx(29 * 200.0 + 40.0)
    assert sum(of_all[50].trend) == pytest.approx(of_all[50].total_ms)
    assert of_all[51].share == pytest.approx(29 * 3000.0 / everything)
