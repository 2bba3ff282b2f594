"""Indexes that cost more than they are worth, on real servers: what is found, what is not; the advice works."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.database.upkeep import counted_since
from postai.deadline import Deadline
from postai.optimize.hygiene import HygieneOptions, IndexFinding, find_index_troubles
from postai.setup.server import LocalServer
from postai.sql.vet import vet_change

AT_ONCE = HygieneOptions(unused_days=0.0, least_bytes=0, least_bloat=1 << 20)
TABLES = """
create schema "H ""x";
set search_path = "H ""x";
create table p (id int primary key, u int unique, a int, b int, c text collate "C", d jsonb, t timestamptz);
create table kid (id int primary key, p_id int references p (u));
create table parted (id int, k int, at date) partition by range (at);
create table parted_1 partition of parted for values from ('2020-01-01') to ('2021-01-01');
create table parted_2 partition of parted for values from ('2021-01-01') to ('2022-01-01');
"""
INDEXES = """
set search_path = "H ""x";
create index kid_p on kid (p_id);
create index p_a on p (a);
create index "p_a; drop" on p (a);
create index p_ab on p (a, b) include (id);
create index p_id on p (id);
create unique index p_id_again on p (id);
create index p_t on p (t);
create index p_t_back on p (t desc);
create index p_c on p (c);
create index p_c_pattern on p (c text_pattern_ops);
create index p_c_other on p (c collate "POSIX");
create index p_some on p (b) where a > 3;
create index p_some_more on p (b, t) where a > 3;
create index p_lower on p (lower(c));
create index p_lower_more on p (lower(c), a);
create index p_upper on p (upper(c), a);
create index p_gin on p using gin (d);
create index p_gin_twin on p using gin (d);
create index p_gin_path on p using gin (d jsonb_path_ops);
create index p_b_back on p (b desc, t);
create index parted_k on parted (k);
create index "parted ON ONLY k" on parted (k);
create index parted_1_own on parted_1 (k);
"""


def q(name: str) -> str:
    return f'"H ""x".{name}'


REDUNDANT = {
    q("p_a"): q("p_ab"), q('"p_a; drop"'): q("p_ab"), q("p_id"): q("p_pkey"), q("p_id_again"): q("p_pkey"),
    q("p_t_back"): q("p_t"), q("p_some"): q("p_some_more"), q("p_lower"): q("p_lower_more"),
    q("p_gin_twin"): q("p_gin"), q('"parted ON ONLY k"'): q("parted_k"), q("parted_1_own"): q("parted_1_k_idx"),
}  # fmt: skip
NEEDED = {q(name) for name in ("kid_p", "p_pkey", "p_u_key", "kid_pkey", "parted_1_k_idx", "parted_2_k_idx")}


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def full(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    server: LocalServer = request.getfixturevalue(request.param)
    database = make_database(server)
    database.execute(TABLES)
    database.execute(INDEXES)
    yield database
    drop_database(database)


def found_in(database: TestDatabase, options: HygieneOptions = AT_ONCE) -> tuple[IndexFinding, ...]:
    with connect(database.dsn()) as db:
        return find_index_troubles(db, Deadline.after(30), options)


def definitions(database: TestDatabase) -> dict[str, str]:
    rows = database.execute(
        "select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index i"
        ' join pg_class c on c.oid = i.indexrelid where c.relnamespace = \'"H ""x"\'::regnamespace'
    )
    return {str(name): str(definition) for name, definition in rows}


def test_redundant_indexes_and_those_that_keep_their_place(full: TestDatabase) -> None:
    found = found_in(full)
    redundant = {one.index: one.other for one in found if one.kind in ("duplicate", "prefix")}
    if q("p_t") in redundant:  # of twins the older one stays: which that is, is not what is tested here
        redundant[q("p_t_back")] = redundant.pop(q("p_t"))[: -len("_back")]
    assert redundant == REDUNDANT
    assert len({one.index for one in found}) == len(found)
    assert not NEEDED & {one.index for one in found}
    unused = {one.index for one in found if one.kind == "unused"}
    assert {q("p_upper"), q("p_gin_path"), q("p_c_pattern"), q("p_c_other"), q("p_b_back")} <= unused


def test_every_drop_works_is_undone_exactly_and_makes_the_finding_vanish(full: TestDatabase) -> None:
    before = definitions(full)
    dropped = [one for one in found_in(full) if one.recommendation is not None]
    with full.connect() as connection:
        for one in dropped:
            advice = one.recommendation
            assert advice is not None and advice.undo is not None and advice.bytes <= 0
            assert vet_change(advice.statement).in_transaction == ("CONCURRENTLY" not in advice.statement)
            vet_change(advice.undo)
            connection.execute(advice.statement)  # type: ignore[arg-type]
        assert found_in(full) == ()
        for one in dropped:
            assert one.recommendation is not None
            connection.execute(one.recommendation.undo)  # type: ignore[arg-type]
    after = definitions(full)
    assert {name: after.get(name) for name in before if not name.startswith(q("parted_"))} == {
        name: text for name, text in before.items() if not name.startswith(q("parted_"))
    }


def test_young_counters_propose_nothing_and_say_so(full: TestDatabase) -> None:
    found = [one for one in found_in(full, HygieneOptions()) if one.kind == "unused"]
    assert found and not [one for one in found if one.recommendation]
    assert all("end of a month" in one.warning for one in found)


def test_counters_count_since_the_last_crash_or_reset(full: TestDatabase) -> None:
    with connect(full.dsn()) as db:
        assert db.query("select stats_reset from pg_stat_database where datname = current_database()") == [(None,)]
        never_reset, _ = counted_since(db)
        db.query("select pg_stat_reset_shared('bgwriter')")  # after a crash the server does so itself
        crashed, seconds = counted_since(db)
        db.query("select pg_stat_reset()")
        assert never_reset < crashed < counted_since(db)[0]
        assert 0 <= seconds < 600
    unused = [one for one in found_in(full, HygieneOptions(least_bytes=0)) if one.kind == "unused"]
    assert unused and all(one.counted_since > crashed and one.recommendation is None for one in unused)


def test_an_index_that_is_used_stays(full: TestDatabase) -> None:
    with full.connect() as connection:
        connection.execute('set search_path = "H ""x"')
        connection.execute("set enable_seqscan = off")
        connection.execute("select * from p where upper(c) = 'X' and a = 1")
    assert q("p_upper") not in {one.index for one in found_in(full)}


def test_standbys_lower_the_confidence(full: TestDatabase) -> None:
    slot = f"standby_{full.name}"
    full.execute(f"select pg_create_physical_replication_slot('{slot}')")
    try:
        found = next(one for one in found_in(full) if one.index == q("p_gin_path"))
        assert "whose scans are not counted here" in found.warning
        assert found.recommendation is not None and found.recommendation.severity == "LOW"
    finally:
        full.execute(f"select pg_drop_replication_slot('{slot}')")


def test_leftovers_of_broken_builds(database: TestDatabase) -> None:
    database.execute("create table twice (a int); insert into twice values (1), (1)")
    with database.connect() as connection:
        for name in ("lost", "lost_ccnew1"):
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute(f"create unique index concurrently {name} on twice (a)")  # type: ignore[arg-type]
    found = {one.index: one for one in found_in(database)}
    assert {one.kind for one in found.values()} == {"invalid"}
    assert "REINDEX INDEX CONCURRENTLY public.lost" in found["public.lost"].warning
    assert found["public.lost_ccnew1"].warning == ""
    with database.connect() as builder:  # somebody at work is not disturbed
        builder.execute("begin")
        builder.execute("lock table twice in share update exclusive mode")
        assert found_in(database) == ()
    for one in found.values():
        assert one.recommendation is not None and one.recommendation.undo is None
        database.execute(one.recommendation.statement)
    assert found_in(database) == ()


def test_a_bloated_index_is_built_anew(database: TestDatabase) -> None:
    database.execute(
        "create table shrunk (id int primary key) with (autovacuum_enabled = false);"
        "insert into shrunk select generate_series(1, 150000)"
    )
    database.execute("delete from shrunk where id % 10 > 0")
    database.execute("vacuum (analyze) shrunk")
    (one,) = found_in(database)
    advice = one.recommendation
    assert advice is not None and advice.statement == "REINDEX INDEX CONCURRENTLY public.shrunk_pkey"
    database.execute(advice.statement)
    (size,) = database.execute("select pg_relation_size('shrunk_pkey')")[0]
    assert abs(int(str(size)) - (one.bytes + advice.bytes)) < 0.1 * one.bytes
    assert found_in(database) == ()


def test_nothing_is_said_of_others_temporary_tables_and_of_postai(database: TestDatabase) -> None:
    with database.connect() as connection:
        connection.execute("create temp table t (a int)")
        connection.execute("create schema postai; create table postai.t (a int)")
        for table in ("pg_temp.t", "postai.t"):
            connection.execute(f"create index on {table} (a); create index on {table} (a)")  # type: ignore[arg-type]
        assert found_in(database) == ()
