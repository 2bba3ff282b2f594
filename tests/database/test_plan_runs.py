"""Plans in words, of real statements on real servers: which rules speak, never how long something took."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.database.catalog import Catalog, load_catalog
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


def explain(
    database: TestDatabase, sql: str, options: str = "analyze, buffers", catalog: Catalog | None = None
) -> tuple[PlanFinding, ...]:
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
    return read_plan(found[0], catalog)


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


UNUSABLE = """
    create table letter (id bigint primary key, ref varchar(20), sent timestamptz, receiver text, code int,
                         city text, state text, note text) with (autovacuum_enabled = off);
    insert into letter
    select g, 'R' || g, '2024-01-01'::timestamptz + g * interval '1 minute', 'Name' || g, g % 20000, 'town' || g % 5000,
           case when g % 50 = 0 then 'open' else 'done' end, repeat('x', 60)
      from generate_series(1, 100000) g;
    create index letter_ref on letter (ref);
    create index letter_sent on letter (sent);
    create index letter_receiver on letter (receiver);
    create index letter_open on letter (code) where state = 'open';
    create index letter_state on letter (state);
    create index letter_ref_city on letter (ref, city);
    create table paper (ref bigint); insert into paper select g from generate_series(1, 50) g;
    create table sign (id text); insert into sign select g::text from generate_series(1, 50) g;
    analyze letter, paper, sign;
"""


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def letters(request: pytest.FixtureRequest) -> Iterator[tuple[TestDatabase, Catalog]]:
    server: LocalServer = request.getfixturevalue(request.param)
    database = make_database(server)
    database.execute(UNUSABLE)
    with connect(database.dsn()) as db:
        catalog = load_catalog(db)
    yield database, catalog
    drop_database(database)


LETTER = "select * from letter where "
UNUSABLE_CASES = [
    (LETTER + "sent::date = '2024-02-01'", "index_cast", "letter_sent cannot be used", "sent >= the day"),
    (LETTER + "id = 42.0", "index_type", "compares id as numeric", "::bigint"),
    (LETTER + "ref || '' = 'R7'", "index_expression", "letter_ref cannot be used", "move the computation"),
    (LETTER + "lower(receiver) = 'name7'", "index_function", "lower(receiver)", "index on the expression"),
    (LETTER + "date_trunc('day', sent) = '2024-02-01'", "index_function", "date_trunc", "a range of sent"),
    (LETTER + "receiver like '%77777'", "index_wildcard", "letter_receiver cannot be used", "gin_trgm_ops"),
    (LETTER + "receiver ilike 'name77777'", "index_any_case", "letter_receiver cannot be used", "lower(receiver)"),
    (LETTER + "receiver = 'Name7' collate \"POSIX\"", "index_collation", "collation POSIX", "Leave the COLLATE out"),
    (LETTER + "code = 7", "index_partial", "letter_open cannot be used", "Repeat that condition"),
    ("set local enable_indexscan = off; set local enable_bitmapscan = off; " + LETTER + "city = 'town7'",
     "index_not_first", "letter_ref_city cannot be used", "begins with city"),
    (LETTER + "state <> 'done'", "index_negation", "not what differs", "partial index"),
    ("select l.* from letter l join sign s on s.id = l.id::text", "index_type", "compares id as text", "::bigint"),
]  # fmt: skip


@pytest.mark.parametrize(("sql", "rule", "problem", "advice"), UNUSABLE_CASES, ids=lambda one: one[:60])
@pytest.mark.parametrize("options", ["analyze", "costs"])
def test_why_an_index_that_is_there_is_not_used(
    letters: tuple[TestDatabase, Catalog], sql: str, rule: str, problem: str, advice: str, options: str
) -> None:
    database, catalog = letters
    found = explain(database, ALONE + sql, options, catalog)
    told = [row for row in found if "cannot be used" in row.problem]
    assert len(told) == 1 and problem in told[0].problem and advice in told[0].advice, found
    assert not any("CREATE INDEX CONCURRENTLY ON" in row.advice for row in found), rule


def test_beginnings_of_texts_need_an_index_in_the_order_of_bytes(pg15: LocalServer) -> None:
    database = make_database(pg15)
    database.execute(UNUSABLE)
    with connect(database.dsn()) as db:
        before = load_catalog(db)
        found = explain(database, ALONE + LETTER + "receiver like 'Name7777%'", catalog=before)
        assert "(receiver text_pattern_ops)" in advice(found) and "by their bytes only" in advice(found)
        database.execute("create index letter_bytes on letter (receiver text_pattern_ops)")
        assert "cannot be used" not in advice(explain(database, ALONE + LETTER + "receiver like 'N%7'", "analyze",
                                                      load_catalog(db)))  # fmt: skip
    drop_database(database)


@pytest.mark.parametrize(
    "condition",
    ["ref = 'R7'", "id = 7", "note = 'x'", "sent > '2024-01-02' and note = ''", "state = 'open' and code = 7",
     "id in (1, 2, 3)", "lower(note) = 'y'", "receiver is null"],
)  # fmt: skip
def test_nothing_is_said_of_indexes_that_serve_or_are_not_there(
    letters: tuple[TestDatabase, Catalog], condition: str
) -> None:
    database, catalog = letters
    assert "cannot be used" not in advice(explain(database, ALONE + LETTER + condition, "analyze", catalog))


def test_an_index_that_is_not_valid_is_told(database15: TestDatabase) -> None:
    database15.execute(UNUSABLE)
    database15.execute("update pg_index set indisvalid = false where indexrelid = 'letter_receiver'::regclass")
    with connect(database15.dsn()) as db:
        found = explain(database15, ALONE + LETTER + "receiver = 'Name7'", "analyze", load_catalog(db))
    assert "REINDEX INDEX CONCURRENTLY letter_receiver" in advice(found)
