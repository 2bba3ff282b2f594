"""Figures of statements, over a history that the test wrote, against what Python computes from the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from observe_support import Home, home_in

from conftest import TestDatabase
from postai.observe.overview import read_overview
from postai.observe.ranking import Filter, rank
from postai.observe.statement import Stretches, read_statement

MINUTE = timedelta(minutes=1)


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


def test_ranges_of_which_only_hours_are_kept_are_compared_by_hours(home: Home) -> None:
    one = home.statement(60)
    noon = home.one("select date_trunc('hour', now()) - interval '1 hour'")
    assert isinstance(noon, datetime)
    # Each hour the same: one interval of 300 ms a call, 59 of 100 ms. The hours before noon were rolled up.
    insert = (
        "insert into postai.sample_statement (at, statement_id, seconds, calls, total_ms) values (%s, %s, %s, %s, %s)"
    )
    for minute in range(1, 61):
        home.db.execute(insert, (noon + minute * MINUTE, one, 60, 1, 300.0 if minute == 30 else 100.0))
    for hour in range(5):
        home.db.execute(insert, (noon - hour * 60 * MINUTE, one, 3600, 60, 59 * 100.0 + 300.0))
    lately = {"since": noon.isoformat(), "until": (noon + 60 * MINUTE).isoformat()}
    raw = read_statement(home.db, 60, **lately).figures
    assert not raw.hourly and (raw.fastest_ms, raw.slowest_ms, raw.intervals) == (100.0, 300.0, 60)
    home.db.execute("insert into postai.collect_state (part, until) values ('pruning', %s)", (noon,))
    compared = Stretches((noon - 180 * MINUTE).isoformat(), noon.isoformat(), lately["since"], lately["until"])
    page = read_statement(home.db, 60, **lately, compared=compared)
    assert (page.figures.hourly, page.figures.slowest_ms) == (False, 300.0), "of this hour every interval is kept"
    assert page.before is not None and page.after is not None
    mean = (59 * 100.0 + 300.0) / 60
    for figures, hours in ((page.before, 3), (page.after, 1)):
        assert figures.hourly
        assert (figures.calls, figures.intervals) == (60 * hours, hours)
        assert figures.mean_ms == pytest.approx(mean)
        assert (figures.fastest_ms, figures.slowest_ms) == (pytest.approx(mean), pytest.approx(mean))
        assert figures.total_ms == pytest.approx(hours * 60 * mean)


def test_when_another_plan_was_taken(home: Home) -> None:
    one, other = home.statement(61), home.statement(61, "pg_monitor")
    plans = {9: "aa", 8: "aa", 7: None, 6: "bb", 5: "bb", 4: "aa", 3: None, 2: "cc"}
    for minute, plan in plans.items():
        home.ran(one, minute, 1, 1.0)
        home.ran(other, minute - 0.5, 1, 1.0)
        home.db.execute(
            "update postai.sample_statement set plan_hash = case statement_id when %s then %s else 'zz' end"
            " where at between now() - make_interval(secs => %s) and now() - make_interval(secs => %s)",
            (one, plan, minute * 60 + 20, minute * 60 - 40),
        )
    home.db.execute(
        "insert into postai.statement_plan values (%s, 'bb', '{\"Node Type\": \"Sort\"}', 1, now(), now())", (one,)
    )
    page = read_statement(home.db, 61, hours=1)
    told = [seen for seen in plans.values() if seen]
    changes = [now for before, now in pairwise(told) if before != now]
    assert [seen.plan_hash for seen in reversed(page.replanned)] == changes == ["bb", "aa", "cc"]
    assert [seen.node for seen in reversed(page.replanned)] == ["Sort", None, None]
    assert [text[14:] for _, kind, text in page.marks if kind == "plan"] == ["cc", "aa", "Sort"]
    early = read_statement(home.db, 61, hours=5 / 60)
    assert [seen.plan_hash for seen in early.replanned] == ["cc", "aa"], "what was before the range is known"


def test_a_table_with_heirs_is_told_of_once(home: Home) -> None:
    home.db.execute(
        "create table animals (id int, kind text); create table birds () inherits (animals);"
        " insert into animals select n, case when n % 100 = 0 then 'rare' || n else 'cow' end"
        "  from generate_series(1, 3000) as n;"
        " insert into birds select n, case when n % 50 = 0 then 'rare' || n else 'hen' end"
        "  from generate_series(1, 4000) as n;"
        " analyze animals, birds"
    )
    one = home.statement(62, query="select id from animals where kind = $1")
    home.db.execute(
        'update postai.statement set usage = \'{"public.animals": {"filters": ["kind"]}}\' where id = %s', (one,)
    )
    (skew,) = read_statement(home.db, 62).skews
    assert (skew.table, skew.column) == ("public.animals", "kind")
    common = home.one(
        "select most_common_freqs[1] from pg_stats where tablename = 'animals' and attname = 'kind' and inherited"
    )
    rows = home.one("select sum(reltuples) from pg_class where relname in ('animals', 'birds')")
    assert rows == 7000
    assert isinstance(common, float) and isinstance(rows, float)
    assert skew.common_rows == pytest.approx(common * rows)


def test_single_calls_are_read_without_the_texts(home: Home) -> None:
    home.db.execute("create extension pg_stat_statements; revoke select on pg_stat_statements from public")
    home.db.execute("do $$ begin if to_regrole('stats_only') is null then create role stats_only login; end if; end $$")
    home.db.execute("grant postai_reader, pg_read_all_stats to stats_only")
    home.db.query("select count(*) from pg_catalog.pg_class where relname = 'x'")
    ((queryid, shortest, longest),) = home.db.query(
        "select queryid, min_exec_time, max_exec_time from pg_stat_statements"
        " where query ~ 'pg_class where relname = \\$1$'"
        "   and dbid = (select oid from pg_database where datname = current_database())"
    )
    home.statement(queryid)
    home.db.execute("set role stats_only")
    page = read_statement(home.db, queryid)
    assert (page.shortest_ms, page.longest_ms) == (shortest, longest)


def test_what_an_index_of_its_table_holds_is_no_mistake(home: Home) -> None:
    home.db.execute("create table titles (id int primary key, name varchar(50), at timestamptz)")
    one = home.statement(63, query="select id from titles where lower(name) = $1")
    home.db.execute(
        'update postai.statement set usage = \'{"public.titles": {"filters": ["name"]}}\' where id = %s', (one,)
    )
    assert [note.id for note in read_statement(home.db, 63).notes] == ["wrapped_column"]
    home.db.execute("create index on titles (id, lower(name))")
    assert read_statement(home.db, 63).notes == ()
    with home.database.connect() as holder:
        holder.execute("begin; lock table titles in access exclusive mode")
        assert [note.id for note in read_statement(home.db, 63).notes] == ["wrapped_column"], "and nobody waits"
