"""Plans in words, of real statements on real servers: which rules speak, never how long something took."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import LocalServer
from postai.sql.plan import PlanFinding, read_plan
from postai.sql.plan_tree import read_tree

SCHEMA = """
    create table parcel (id int primary key, depot_id int, state varchar(20), code int, weight numeric, at timestamptz,
                         note text) with (autovacuum_enabled = off);
    insert into parcel
    select g, g % 1000, case when g % 100 = 0 then 'lost' else 'sent' end, case when g % 100 = 0 then 1 else 2 end,
           g % 77, '2024-01-01'::timestamptz + g * interval '1 minute', repeat('x', 40)
      from generate_series(1, 100000) g;
    create table depot (id int primary key, city text);
    insert into depot select g, 'city' || g % 10 from generate_series(1, 1000) g;
    create index parcel_depot on parcel (depot_id);
    create function always() returns setof int language plpgsql
      as 'begin return query select generate_series(1, 50000); end';
    analyze parcel, depot;
"""
ALONE = "set max_parallel_workers_per_gather = 0; set jit = off;"


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def parcels(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    server: LocalServer = request.getfixturevalue(request.param)
    database = make_database(server)
    database.execute(SCHEMA)
    yield database
    drop_database(database)


def explain(database: TestDatabase, sql: str, options: str = "analyze, buffers") -> tuple[PlanFinding, ...]:
    """The findings of the last statement of a text; the ones before it are settings. Nothing stays."""
    *before, statement = sql.split(";")
    with database.connect(autocommit=False) as connection:
        for one in before:
            connection.execute(one)  # type: ignore[call-overload]
        found = connection.execute(f"explain ({options}, format json) {statement}").fetchone()  # type: ignore[call-overload]
        connection.rollback()
    assert found is not None
    tree = read_tree(found[0])
    assert sum(tree.share(node.own) for node in tree.nodes) <= 1 + 1e-9
    return read_plan(found[0])


def advice(findings: tuple[PlanFinding, ...]) -> str:
    return "\n".join(f"{row.node} | {row.problem} | {row.advice}" for row in findings if row.problem)


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select * from parcel where state = 'lost' and weight < 3",
         "CREATE INDEX CONCURRENTLY ON parcel (state, weight)"),
        ("select p.* from parcel p where p.state = 'lost' and p.code = 1 and p.weight >= 0",
         "ON state, code, weight FROM parcel"),
        ("set local work_mem = '64kB'; select * from parcel order by note, weight",
         "did not fit into work_mem and wrote"),
        ("set local work_mem = '64kB'; set local enable_sort = off; "
         "select weight, at, count(*) from parcel group by 1, 2",
         "hash table did not fit"),
        ("set local work_mem = '64kB'; set local enable_mergejoin = off; set local enable_nestloop = off; "
         "select count(*) from parcel a join (select id + 0 as id from parcel offset 0) b on a.id = b.id",
         "hash table did not fit"),
        ("select * from parcel order by at desc limit 5", "CREATE INDEX CONCURRENTLY ON parcel (at DESC)"),
        ("select * from parcel where state = 'lost' order by at limit 3", "thrown away by the filter"),
        ("with c as materialized (select * from parcel) select * from c where id = 5", "AS NOT MATERIALIZED"),
        ("select * from always() a where a % 1000 = 1", "Give the condition to the function"),
        ("select count(*) from always() a", "ALTER FUNCTION ... ROWS n"),
        ("set local enable_hashjoin = off; set local enable_mergejoin = off; set local enable_material = off; "
         "set local enable_memoize = off; "
         "select count(*) from depot a join depot b on a.city = b.city || 'x'",
         "from end to end each time"),
        ("set local enable_seqscan = off; set local enable_bitmapscan = off; "
         "select count(depot_id) from parcel where depot_id < 30",
         "VACUUM parcel"),
        ("set local work_mem = '64kB'; set local enable_seqscan = off; set local enable_indexscan = off; "
         "select count(weight) from parcel where depot_id < 900", "whole pages"),
        ("set local enable_bitmapscan = off; set local enable_seqscan = off; "
         "select * from parcel where depot_id < 20 and note = ''",
         "Add note to the index"),
    ],
)  # fmt: skip
def test_rules_on_real_plans(parcels: TestDatabase, sql: str, words: str) -> None:
    assert words in advice(explain(parcels, ALONE + sql)), advice(explain(parcels, ALONE + sql))


def test_a_foreign_key_without_an_index_is_told_by_its_trigger(parcels: TestDatabase) -> None:
    setup = "create table parent (id int primary key); insert into parent select generate_series(1, 50)"
    child = "create table child (id int references parent); insert into child select 51 from generate_series(1, 1)"
    rows = explain(
        parcels,
        f"{ALONE} {setup}; {child.replace('51', '1')}; alter table child drop constraint child_id_fkey; "
        "insert into child select 1 from generate_series(1, 40000); "
        "alter table child add constraint child_fk foreign key (id) references parent; delete from parent where id > 1",
    )
    assert "constraint child_fk on parent" in advice(rows)
    assert "make an index on the referring columns" in advice(rows)


def test_a_with_query_and_a_subquery_count_once(parcels: TestDatabase) -> None:
    for sql in (
        "with c as materialized (select * from parcel) select count(*) from c a join c b on a.id = b.id",
        "select * from parcel where weight > (select avg(weight) from parcel)",
        "select id, (select city from depot d where d.id = p.depot_id) from parcel p where id < 500",
        "with gone as (delete from depot where id > 990 returning *), more as (insert into depot values (5000, 'x')) "
        "select * from gone",
    ):
        assert explain(parcels, sql)


@pytest.mark.parametrize(
    "options", ["verbose", "analyze, timing off, summary off", "analyze, verbose, settings, wal", "costs off"]
)
def test_every_kind_of_explain(parcels: TestDatabase, options: str) -> None:
    rows = explain(parcels, f"{ALONE} select count(*) from parcel p where state = 'lost' and weight < 3", options)
    assert [row.step for row in rows][-1] >= 2
    scan = rows[-1]
    assert scan.node.startswith("Seq Scan on public.parcel p" if "verbose" in options else "Seq Scan on parcel p")
    if options != "costs off":
        assert "CREATE INDEX CONCURRENTLY" in advice(rows)


def test_names_from_hell(parcels: TestDatabase) -> None:
    hostile = "a\x1b[31m\u202e; drop"
    rows = explain(
        parcels,
        f'create table "{hostile.replace(";", ",")}" ("wei""rd" int); '
        f'insert into "{hostile.replace(";", ",")}" select generate_series(1, 20000); '
        f'select * from "{hostile.replace(";", ",")}" where "wei""rd" = 5',
    )
    assert rows[-1].problem and all(text.isprintable() for row in rows for text in (row.node, row.problem, row.advice))
    assert "\x1b" not in advice(rows)


def test_parallel_plans(parcels: TestDatabase) -> None:
    rows = explain(
        parcels,
        "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; "
        "set local min_parallel_table_scan_size = 0; "
        "set local max_parallel_workers = 0; select count(*) from parcel where weight < 3",
    )
    assert "parallel workers were planned, 0 could be launched" in advice(rows)
    assert any(row.node.startswith("Parallel Seq Scan on parcel") for row in rows)


def test_compiling_is_told(parcels: TestDatabase) -> None:
    with parcels.connect() as connection:
        if connection.execute("select pg_jit_available()").fetchone() != (True,):
            pytest.skip("this server was built without JIT")
    rows = explain(
        parcels,
        "set local jit = on; set local jit_above_cost = 0; set local jit_optimize_above_cost = 0; "
        "set local jit_inline_above_cost = 0; set local max_parallel_workers_per_gather = 0; "
        "select sum(weight * 2 + 1) from parcel where weight < 50",
    )
    assert "SET jit = off" in advice(rows)
