"""Tables as pages and reports show them, against what PostgreSQL's own functions say: partitions, locks, use."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from agent_support import wait_for
from observe_support import Home, home_in

from conftest import TestDatabase
from postai.database import connect
from postai.observe.report import read_report
from postai.observe.schema import Relation, may_read_history, read_relations, read_schema
from postai.observe.table import UNUSED_SECONDS, read_table

VISITS = """
create table visits (id bigint, day date, note text, primary key (id, day)) partition by range (day);
create table visits_1 partition of visits for values from ('2026-01-01') to ('2026-02-01');
create table visits_2 partition of visits for values from ('2026-02-01') to ('2026-03-01') partition by hash (id);
create table visits_2a partition of visits_2 for values with (modulus 2, remainder 0);
create table visits_2b partition of visits_2 for values with (modulus 2, remainder 1);
create index visits_note on visits (note);
create index visits_idle on visits (lower(note));
insert into visits select n, date '2026-01-01' + n % 31, repeat(md5(n::text), 70) from generate_series(1, 300) as n;
insert into visits select n, date '2026-02-01' + n % 28, 'a' from generate_series(1, 200) as n;
"""
SUMS = """
select sum(pg_relation_size(p.relid))::int8, sum(pg_indexes_size(p.relid))::int8, sum(pg_table_size(p.relid))::int8,
       sum(pg_total_relation_size(nullif(c.reltoastrelid, 0)))::int8, sum(c.reltuples)::float8
  from pg_partition_tree('visits') as p join pg_class as c on c.oid = p.relid where p.isleaf
"""
USED = """
select sum(s.seq_scan)::int8, sum(s.idx_scan)::int8, sum(s.n_tup_ins)::int8, sum(s.n_live_tup)::int8
  from pg_stat_all_tables as s join pg_partition_tree('visits') as p on p.relid = s.relid where p.isleaf
"""


@pytest.fixture
def home(database: TestDatabase) -> Iterator[Home]:
    with home_in(database) as one:
        yield one


def _relation(home: Home, name: str) -> Relation:
    return next(one for one in read_relations(home.db, True).every if one.name == name)


def _scanned(home: Home) -> None:
    """A partition's index is used, and what was counted is told."""
    home.db.execute("vacuum analyze visits")
    home.db.execute("set enable_seqscan = off")
    for _ in range(3):
        home.db.query("select count(*) from visits where note = 'a'")
    home.db.query("select pg_stat_force_next_flush()")


def test_a_partitioned_table_is_the_sum_of_its_partitions(home: Home) -> None:
    home.db.execute(VISITS)
    _scanned(home)
    used = None
    while used != home.db.query(USED)[0]:  # autovacuum changes counters, too
        used = home.db.query(USED)[0]
        page = read_table(home.db, "public.visits")
    heap, indexes, whole, toast, rows = home.db.query(SUMS)[0]
    assert (page.table.heap_bytes, page.table.index_bytes, page.table.toast_bytes) == (heap, indexes, toast)
    assert page.table.rows == rows == 500
    assert page.activity is not None
    told = (page.activity.seq_scan, page.activity.idx_scan, page.activity.inserted, page.activity.live_rows)
    assert told == used and page.activity.inserted == 500
    assert page.activity.last_vacuum is not None
    listed = _relation(home, "public.visits")
    assert (listed.table_bytes, listed.index_bytes, listed.partitions) == (whole, indexes, 3)
    assert [(one.name, one.bytes is None) for one in page.partitions] == [
        ("public.visits_1", False),
        ("public.visits_2", True),
    ]
    inner = read_table(home.db, "public.visits_2")
    assert inner.table.rows == 200 and inner.table.parent == "public.visits"


def test_an_index_of_a_partitioned_table_is_used_where_its_parts_are(home: Home) -> None:
    home.db.execute(VISITS)
    _scanned(home)
    page = replace(read_table(home.db, "public.visits"), counted_seconds=UNUSED_SECONDS, standby=False)
    indexes = {one.name: one for one in page.indexes}
    for name, one in indexes.items():
        ((scans, size),) = home.db.query(
            "select sum(pg_stat_get_numscans(p.relid))::int8, sum(pg_relation_size(p.relid))::int8"
            "  from pg_partition_tree(%s::regclass) as p where p.isleaf",
            (name,),
        )
        assert (one.scans, one.bytes) == (scans, size), name
    assert indexes["visits_note"].scans >= 3
    assert [one.name for one in page.indexes if page.never_used(one)] == ["visits_idle"]
    young = read_table(home.db, "public.visits")
    assert not any(young.never_used(one) for one in young.indexes), "the counters have not counted for a week"
    assert not any(replace(page, standby=True).never_used(one) for one in page.indexes)


def test_the_size_of_a_partitioned_table_over_time(home: Home) -> None:
    home.db.execute(VISITS)
    home.db.execute("analyze visits")
    ((quiet, quiet_rows),) = home.db.query(
        "select pg_table_size(oid), reltuples::int8 from pg_class where relname = 'visits_2b'"
    )
    was = {"visits_1": {20: (1000, 10), 10: (4000, 40), 1: (5000, 50)}, "visits_2a": {9: (200, 2), 1: (300, 3)}}
    for name, days in was.items():
        for day, (size, rows) in days.items():
            home.db.execute(
                "insert into postai.sample_table"
                " (at, table_oid, seconds, bytes, live_rows, n_tup_ins, seq_scan, idx_scan)"
                " values (now() - make_interval(days => %s), %s::regclass, 60, %s, %s, %s, 2, 5)",
                (day, name, size, rows, rows),
            )
    trend = read_table(home.db, "public.visits").trend

    def sum_at(day: int, which: int) -> float:
        """What was known last of each partition, or else first."""
        found = 0.0
        for days in was.values():
            known = [one for one in days if one >= day]
            found += days[min(known) if known else max(days)][which]
        return found

    days = sorted({day for one in was.values() for day in one}, reverse=True)
    assert [one.bytes for one in trend] == [sum_at(day, 0) + quiet for day in days]
    assert [one.rows for one in trend] == [sum_at(day, 1) + quiet_rows for day in days]
    assert [one.written for one in trend] == [sum(one[day][1] for one in was.values() if day in one) for day in days]
    assert [one.seq_scan for one in trend] == [sum(2 for one in was.values() if day in one) for day in days]
    assert [one.idx_scan for one in trend] == [sum(5 for one in was.values() if day in one) for day in days]


def test_the_use_of_an_index_day_by_day(home: Home) -> None:
    home.db.execute(VISITS)
    used = {"visits_1_note_idx": {0.1: 5, 0.4: 2, 29.5: 7}, "visits_2a_note_idx": {0.1: 1, 12.5: 9, 30.5: 100}}
    for name, days in used.items():
        for day, scans in days.items():
            home.db.execute(
                "insert into postai.sample_index (at, index_oid, seconds, idx_scan)"
                " values (now() - make_interval(secs => %s), %s::regclass, 60, %s)",
                (day * 86400, name, scans),
            )
    indexes = {one.name: one.trend for one in read_table(home.db, "public.visits").indexes}
    expected = [0.0] * 30
    for days in used.values():
        for day, scans in days.items():
            if day < 30:
                expected[29 - int(day)] += scans
    assert indexes["visits_note"] == tuple(expected)
    assert set(indexes["visits_idle"]) == {0.0}


def test_what_is_locked_has_no_size_and_is_said_to_be_locked(home: Home) -> None:
    home.db.execute(VISITS)
    home.db.execute(
        "create schema warm; create table warm.a (id int primary key, note text); create table warm.b (id int);"
        " create table warm.c (id int primary key, a_id int references warm.a, check (id > a_id));"
        " insert into warm.a select n, 'x' from generate_series(1, 1000) as n; insert into warm.b select 1; analyze;"
        " create foreign data wrapper w; create server s foreign data wrapper w;"
        " create foreign table warm.far (id int) server s"
    )
    free = {one.name: one for one in read_schema(home.db).schemas}
    size_of_a = home.one("select pg_total_relation_size('warm.a')")
    assert isinstance(size_of_a, int)
    with home.database.connect() as holder:
        holder.execute("begin; lock table warm.a, warm.c, visits_2a in access exclusive mode")
        locked = _relation(home, "warm.a")
        assert (locked.bytes, locked.locked) == (None, 1)
        page = read_schema(home.db, schema="warm")
        (warm,) = (one for one in page.schemas if one.name == "warm")
        assert (warm.locked, warm.bytes) == (2, home.one("select pg_total_relation_size('warm.b')"))
        assert free["warm"].bytes >= warm.bytes + size_of_a
        assert (_relation(home, "warm.far").bytes, _relation(home, "warm.far").locked) == (None, 0)
        parts = _relation(home, "public.visits")
        assert parts.locked == 1 and parts.bytes is not None and parts.bytes > 0
        assert read_table(home.db, "warm.a").table.locked
        assert [one.table for one in read_table(home.db, "warm.a").referring] == ["warm.c"]
        visits = read_table(home.db, "public.visits")
        assert (visits.table.locked, visits.table.locked_parts) == (False, 1)
        assert visits.table.heap_bytes == home.one(
            "select sum(pg_relation_size(c.oid))::int8 from pg_class as c where c.relname in ('visits_1', 'visits_2b')"
        )
        inner = {one.name: one for one in read_table(home.db, "public.visits_2").partitions}
        assert inner["public.visits_2a"].locked and inner["public.visits_2a"].bound is None
        assert inner["public.visits_2b"].bound == "FOR VALUES WITH (modulus 2, remainder 1)"
        (storage,) = read_report(home.db, ["storage"]).sections
        sizes = {row[0]: row[1:] for row in storage.rows}
        assert sizes["warm.a"] == (None, None, None, 1000) and sizes["warm.b"][0] is not None
        holder.execute("rollback")
    assert _relation(home, "warm.a").bytes == size_of_a


def test_nobody_waits_for_an_index_or_for_who_waits_for_a_lock(home: Home) -> None:
    home.db.execute("create table notes (id int primary key, note text); insert into notes values (1, 'x')")
    toast = home.one("select reltoastrelid::regclass::text from pg_class where relname = 'notes'")
    free = _relation(home, "public.notes").bytes
    for index in ("notes_pkey", f"{toast}_index"):
        with home.database.connect() as holder:
            holder.execute(f"begin; reindex index {index}")
            assert (_relation(home, "public.notes").bytes, _relation(home, "public.notes").locked) == (None, 1), index
            assert read_table(home.db, "public.notes").table.locked
            holder.execute("rollback")
    with home.database.connect() as holder, home.database.connect() as waiter, ThreadPoolExecutor() as threads:
        holder.execute("begin; select from notes")
        waiting = threads.submit(waiter.execute, "begin; lock table notes in access exclusive mode")
        wait_for(lambda: home.one("select count(*) from pg_locks where not granted and relation = 'notes'::regclass"))
        assert _relation(home, "public.notes").locked == 1
        holder.execute("rollback")
        waiting.result(30)
        waiter.execute("rollback")
    assert _relation(home, "public.notes").bytes == free


def test_a_report_does_not_take_what_is_not_known_for_nothing(home: Home) -> None:
    home.db.execute(
        "create table fresh (id int) with (autovacuum_enabled = off); "
        " insert into fresh select n from generate_series(1, 30000) as n"
    )
    home.db.execute(
        "insert into postai.health_check (name, place, title, status, value, threshold, why, fix, docs)"
        " values ('t', 1, 'Test', 'unknown', 'could not be checked', '', 'w', 'GRANT', 'd')"
    )
    health, storage = read_report(home.db, ["health", "storage"]).sections
    assert health.rows == (("unknown", "Test", "could not be checked", "GRANT"),)
    assert {row[0]: row[4] for row in storage.rows}["public.fresh"] is None


def test_growth_is_not_known_of_what_was_seen_once(home: Home) -> None:
    home.db.execute("create table one (id int); create table two (id int)")
    for name, day, size in (("one", 0, 500), ("two", 3, 100), ("two", 0, 700), ("two", 9, 50)):
        home.db.execute(
            "insert into postai.sample_table (at, table_oid, seconds, bytes)"
            " values (now() - make_interval(days => %s), %s::regclass, 60, %s)",
            (day, name, size),
        )
    assert _relation(home, "public.one").growth is None
    assert _relation(home, "public.two").growth == 600
    page = read_schema(home.db)
    ((since,),) = home.db.query("select at from postai.sample_table where bytes = 100")
    assert page.growth_since == since
    assert [one.growth for one in page.schemas if one.name == "public"] == [600]


def test_space_of_partitions_that_holds_nothing_is_their_tables(home: Home) -> None:
    home.db.execute(VISITS)
    for name, freed in (("visits_1", 100), ("visits_2a", 30), ("visits_2b", 7)):
        home.db.execute(
            "insert into postai.space_finding"
            " (kind, object, table_name, other, bytes, freed, percent, warning, statement)"
            " values ('table', %s, %s, '', 1000, %s, 10, '', '')",
            (f"public.{name}", f"public.{name}", freed),
        )
    assert _relation(home, "public.visits").bloat == 137
    findings = read_table(home.db, "public.visits").findings
    assert [(one.object, one.freed) for one in findings] == [
        ("public.visits_1", 100), ("public.visits_2a", 30), ("public.visits_2b", 7),
    ]  # fmt: skip
    assert [one.freed for one in read_table(home.db, "public.visits_2").findings] == [30, 7]


def test_what_18_has_is_told_apart(database18: TestDatabase) -> None:
    database18.execute(
        "create table sums (a int not null, b int generated always as (a + 1) stored,"
        " c int generated always as (a + 2) virtual);"
        " alter table sums enable row level security, force row level security"
    )
    with connect(database18.dsn()) as db:
        page = read_table(db, "public.sums")
        assert [one.default for one in page.columns] == [
            None, "generated, stored: (a + 1)", "generated, virtual: (a + 2)",
        ]  # fmt: skip
        assert page.table.row_security and page.table.forced_row_security
        assert page.constraints == ()
        assert [one.kind for one in read_schema(db, text="sums").found] == ["table"], "no constraint nobody named"


def test_what_one_role_read_is_shown_to_another_with_its_own_rights(home: Home) -> None:
    home.db.execute("do $$ begin if to_regrole('peeper') is null then create role peeper login; end if; end $$")
    home.db.execute("create table open (id int); create table hidden (id int); grant select (id) on open to peeper")
    relations = read_relations(home.db, True)
    assert all(one.readable for one in read_schema(home.db, relations=relations, schema="public").relations)
    home.db.execute("set role peeper")
    assert not may_read_history(home.db)
    page = read_schema(home.db, relations=read_relations(home.db, False), schema="public")
    assert {one.name: one.readable for one in page.relations} == {"public.open": True, "public.hidden": False}
    assert not page.history and page.growth_since is None
    home.db.execute("reset role; grant postai_reader to peeper; set role peeper")
    assert may_read_history(home.db)
    home.db.execute("reset role; revoke postai_reader from peeper")
