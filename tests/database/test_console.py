"""What people type, on real servers: what runs, what is refused, that nothing stays, values as the server has them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import TestDatabase
from postai.ask import console
from postai.ask.console import Limits
from postai.database import Database, ServerError, connect
from postai.errors import Refused, UsageError

SCENE = """
create table item (id int primary key, name text, price numeric(12,4));
insert into item select g, 'item ' || g, g / 4.0 from generate_series(1, 1000) g;
create sequence ticket;
create function add_item() returns int language sql volatile
  as $$ insert into item values (5000, 'x', 1) returning id $$;
analyze item;
"""


@pytest.fixture(params=["psycopg", "pg8000"])
def db(database: TestDatabase, request: pytest.FixtureRequest) -> Iterator[Database]:
    database.execute(SCENE)
    with connect(database.dsn(), driver=request.param) as one:
        yield one


def test_values_are_what_the_server_writes(db: Database) -> None:
    """Also those that no Python type can hold, and columns of one name."""
    found = console.run(
        db,
        """select 'infinity'::timestamptz as at, interval '1 mon 2 days' as at, '{1,NULL}'::int[],
                  '{"a":  1.50}'::json as j, 1.50::numeric as n, null as nothing, '' as empty, '\\x00ff'::bytea as b,
                  true as t, '4714-11-24 BC'::date as d""",
    )
    assert found.rows == (
        ("infinity", "1 mon 2 days", "{1,NULL}", '{"a":  1.50}', "1.50", None, "", "\\x00ff", "t", "4714-11-24 BC"),
    )
    assert found.columns[:2] == ("at", "at")
    assert found.types[4] == "numeric"
    assert found.numeric == (False, False, False, False, True, False, False, False, False, False)


def test_rows_beyond_the_limit_are_not_fetched(db: Database) -> None:
    found = console.run(db, "select id from item order by id", limits=Limits(rows=3))
    assert (found.rows, found.more) == ((("1",), ("2",), ("3",)), True)
    assert not console.run(db, "select id from item where id <= 3", limits=Limits(rows=3)).more


def test_a_long_result_is_cut_and_says_so(db: Database) -> None:
    """A driver would take it whole into this process's memory, and a row may have a gigabyte."""
    text = "select 'ж' as a, repeat('x', 1000000) as b, null as c, 100 % $1::int as d from generate_series(1, 500)"
    found = console.run(db, text, ["7"])
    assert found.more and found.full and found.cut == len(found.rows) < 300
    assert found.rows[0] == ("ж", "x" * console.CELL_CHARACTERS, None, "2")
    wide = console.run(db, f"select {', '.join(['repeat($1, 1000000)'] * 500)}", ["ы"])
    assert [{len(one or "") for one in row} for row in wide.rows] == [{console.ROW_CHARACTERS // 500}]
    assert (wide.more, wide.full, wide.cut) == (False, False, 500)


def test_rows_are_those_of_the_statement_in_its_order(db: Database) -> None:
    for text in (
        "values (1, 'a'), (2, 'b') order by 1 desc",
        "with recursive t (n) as (values (1) union all select n + 1 from t where n < 60) table t order by n desc",
        "select name, id from item order by id desc limit 40 -- by name",
        "select 'a'::char(5) as x, true as x, row(null) as y, row(null, null, null)::item as z, '{null}'::int[] as w",
        "select",
        "select from item where id < 4",
    ):
        wanted = db.query_text(text)
        found = console.run(db, text)
        assert (found.columns, found.rows) == (tuple(name for name, _ in wanted.columns), wanted.rows)


def test_parameters_are_sent_apart(db: Database) -> None:
    text = (
        "select $2::text || '%s' as a, 100 % $1::int as b, $2 as c from item where id = $1::int -- $3 is in a comment"
    )
    found = console.run(db, text, ["7", "'; drop table item; --"])
    assert found.rows == (("'; drop table item; --%s", "2", "'; drop table item; --"),)
    assert console.run(db, "select $1::int is null as it", [None]).rows == (("t",),)
    assert console.parameter_count("select $2, $1, '$9'") == 2
    assert console.run(db, "select id % $2::int, count(*) from item group by id % $2::int order by 1", ["x", "2"]).rows
    with pytest.raises(UsageError, match=r"\$2"):
        console.run(db, "select $1, $2", ["1"])


@pytest.mark.parametrize(
    "text",
    [
        "delete from item",
        "select 1; select 2",
        "select 1; commit; delete from item",
        "commit",
        "begin",
        "copy item to stdout",
        "do $$ begin delete from item; end $$",
        "call nothing()",
        "set transaction read write",
        "prepare p as select 1",
        "explain analyze delete from item",
        "create table as_well as select 1",
        "",
        "-- nothing",
        "\\d item",
        "declare c cursor for select 1",
    ],
)
def test_only_one_reading_statement_runs(db: Database, text: str) -> None:
    with pytest.raises(Refused):
        console.run(db, text)
    assert db.query("select count(*) from item") == [(1000,)]


@pytest.mark.parametrize(
    "text",
    [
        "with gone as (delete from item returning id) select * from gone",
        "select add_item()",
        "select set_config('transaction_read_only', 'off', false)",
        "select * into other from item",
        "select * from item for update",
        "select nextval('ticket')",
    ],
)
def test_what_writes_fails(db: Database, text: str) -> None:
    with pytest.raises((ServerError, Refused)):
        console.run(db, text)
    assert db.query("select count(*), to_regclass('other')::text from item") == [(1000, None)]


def test_a_backslash_cannot_end_a_text_early(db: Database) -> None:
    """Where the server reads backslashes in ordinary strings, its grammar sees other strings than ours."""
    db.execute("set standard_conforming_strings = off")
    db.execute("set escape_string_warning = off")
    found = console.run(db, "select '\\' as a, '; delete from item; --' as b")
    assert found.rows == (("\\", "; delete from item; --"),)
    assert db.query("select count(*) from item") == [(1000,)]


def test_time_is_limited(db: Database) -> None:
    with pytest.raises(ServerError) as caught:
        console.run(db, "select pg_sleep(30)", limits=Limits(seconds=0.2))
    assert caught.value.sqlstate == "57014"
    assert console.run(db, "show statement_timeout").rows == (("30s",),)


BEYOND = """
create extension dblink;
create function ours(a int) returns int language sql stable as 'select a + 1';
create function pure(a int) returns int language sql immutable as 'select a + 1';
create function hits(a int) returns int language plpgsql volatile as 'begin perform pg_stat_reset(); return a; end';
create function hits(a text) returns int language plpgsql volatile as 'begin perform pg_stat_reset(); return 1; end';
create view through as select hits(id) as id from item;
create view other as select ours(id) as id from item;
create operator ### (rightarg = int, function = hits);
create type mark as (a int);
create function marked(a text) returns mark language sql volatile as 'select row(1)::mark';
create cast (text as mark) with function marked(text);
create table guarded (a int); alter table guarded enable row level security;
create policy p on guarded using (hits(a) > 0);
"""


STAYS_DONE = [
    ("select pg_terminate_backend(0)", "pg_terminate_backend"),
    ("select pg_drop_replication_slot('s')", "pg_drop_replication_slot"),
    ("select pg_stat_reset()", "pg_stat_reset"),
    ("select lo_export(1, '/tmp/x')", "lo_export"),
    ("select dblink_exec('dbname=x', 'delete from item')", "dblink_exec"),
    ("select * from dblink('dbname=x', 'select 1') as t (a int)", "dblink"),
    ("select set_config('work_mem', '1MB', false)", "set_config"),
    ("select pg_advisory_lock(1)", "pg_advisory_lock"),
    ("select query_to_xml('select pg_stat_reset()', true, true, '')", "query_to_xml"),
    ("select table_to_xml('through', true, true, '')", "table_to_xml"),
    ("select hits(1)", "hits(integer)"),
    ("values (hits(1))", "hits(integer)"),
    ("table through", "view public.through"),
    ("select ### id from item", "###"),
    ("select 'x'::text::mark", "mark"),
    ("select * from guarded", "policy p"),
    ("select * from item order by (select count(*) from item i where hits(i.id) > 0)", "hits(integer)"),
]


def test_what_a_read_only_transaction_does_not_stop_is_refused(db: Database) -> None:
    db.execute(BEYOND)
    safety = console.judge(db)
    for text, named in STAYS_DONE:
        for act in (console.run, lambda *given: console.explain(*given, analyze=True, safety=safety)):
            with pytest.raises(Refused) as told:
                act(db, text)
            assert named in f"{told.value.message} {told.value.detail}" and told.value.hint, text
    assert console.explain(db, "select pg_terminate_backend(0)").nodes, "planning runs none of it"


def test_functions_of_ones_own_that_only_read_and_those_that_are_listed_run(db: Database) -> None:
    db.execute(BEYOND)
    before = console.judge(db)
    assert console.judge(db, before) is before
    assert console.run(db, "select ours(pure(1)), (select max(id) from other)").rows == (("3", "1001"),)
    for text in (
        "select count(*) from pg_locks, pg_stat_activity a, pg_settings where pg_blocking_pids(a.pid) is not null",
        "select pg_total_relation_size('item'), now(), random(), pg_current_wal_lsn(), 'item'::regclass, current_user",
        "select * from item tablesample bernoulli (10) where name ~ 'item' and id = any ('{1,2}'::int[])",
        "select relname, oid::regclass, relacl from pg_catalog.pg_class",
        "select * from information_schema.role_table_grants",
    ):
        console.run(db, text)
    db.execute("create schema postai; create table postai.settings as select 'allowed_functions' as name, '' as value")
    with pytest.raises(Refused, match="hits"):
        console.run(db, "select hits(1)")
    db.execute("update postai.settings set value = 'public.hits(integer), public.hits(text)'")
    assert console.run(db, "select hits(1)").rows == (("1",),)
    db.execute("create or replace function pure(a int) returns int language sql volatile as 'select a + 1'")
    assert console.judge(db, before) is not before
    with pytest.raises(Refused, match="pure"):
        console.run(db, "select pure(1)", safety=console.judge(db, before))


def test_what_writes_runs_no_such_function_either(db: Database) -> None:
    db.execute(BEYOND)
    for text in (
        "delete from item where hits(id) > 0",
        "insert into item select hits(1), 'x', 1 on conflict (id) do update set name = 'x' || hits(2)",
        "insert into item (id) values (default), (hits(1)) returning hits(2)",
        "with a as (update item set id = hits(id) returning id) delete from item using a",
        "create table other_item as select hits(id) from item",
    ):
        with pytest.raises(Refused, match="hits"):
            console.explain(db, text, analyze=True, writes=True)


def test_what_writes_is_run_on_demand_only(db: Database) -> None:
    writer = "with d as (select 1) update item set price = price + 1, name = (select max(name) from item) where id < 10"
    with pytest.raises(Refused, match="would run this UPDATE"):
        console.explain(db, writer, analyze=True)
    for text in (
        writer,
        "insert into item (id, name) values (9999, default) on conflict (id) do update set (name, price) = ('x', 1)",
        "create table other_item as select * from item",
    ):
        assert console.explain(db, text, analyze=True, writes=True).analyzed
    only = "select from current_setting('transaction_read_only') as s (it) where it = 'on'"
    assert console.explain(db, only, analyze=True).nodes[0].rows == 1
    with pytest.raises(ServerError) as late:
        console.explain(
            db, "delete from item where pg_sleep(1) is not null", analyze=True, writes=True, limits=Limits(seconds=300)
        )
    assert late.value.sqlstate == "57014"


def test_explain_analyze_is_rolled_back(db: Database) -> None:
    plan = console.explain(db, "delete from item where id < $1", ["10"], analyze=True, writes=True)
    assert plan.analyzed
    assert plan.nodes[0].node.startswith("Delete on public.item")
    assert plan.nodes[1].rows == 9
    assert db.query("select count(*) from item") == [(1000,)]


def test_explain_alone_runs_nothing(db: Database) -> None:
    plan = console.explain(db, "select count(*) from item")
    assert not plan.analyzed
    assert [node.depth for node in plan.nodes] == [0, 1]
    assert plan.nodes[0].rows is None
    assert plan.nodes[1].expected == 1000
    assert plan.findings
    for text in ("create index on item (name)", "vacuum item", "explain select 1"):
        with pytest.raises(Refused):
            console.explain(db, text, analyze=True)


def test_a_plan_for_any_values(db: Database) -> None:
    for text in ("select * from item where id = $1 and name <> $2", "delete from item where id = $1"):
        plan = console.explain(db, text)
        assert plan.generic and any("$1" in node.node or "Scan" in node.node for node in plan.nodes)
    with pytest.raises(ServerError):
        console.explain(db, "select * from missing where id = $1")
    assert not console.explain(db, "select * from item where id = $1", ["1"]).generic
    with pytest.raises(UsageError):
        console.explain(db, "select * from item where id = $1", analyze=True)


def test_two_plans_stand_beside_each_other(db: Database) -> None:
    left = console.explain(db, "select * from item where id = 5")
    right = console.explain(db, "select * from item where id = 5 order by name")
    pairs = console.compare_plans(left, right).pairs
    shown = [
        (one.left and one.left.node.split(" on ")[0], one.right and one.right.node.split(" on ")[0]) for one in pairs
    ]
    assert shown == [(None, "Sort"), ("Index Scan using item_pkey", "Index Scan using item_pkey")]
    assert [one.same for one in pairs] == [False, True]
    assert all(one.same for one in console.compare_plans(left, left).pairs)


def test_names_are_those_that_may_be_read(database: TestDatabase) -> None:
    database.execute(SCENE)
    database.execute(f"""
        drop role if exists "{database.name}_r"; create role "{database.name}_r";
        create table hidden (a int); create table half (a int, b int); grant select (b) on half to "{database.name}_r";
        grant select on item to "{database.name}_r"; create schema far; create table far.off (x int);
        grant select on far.off to "{database.name}_r" """)
    try:
        with connect(database.dsn()) as db:
            assert set(console.names(db).schemas["public"]) >= {"hidden", "half", "item"}
            assert next(iter(console.names(db).schemas)) == "public", "not one that needs its schema before"
            db.execute(f'set role "{database.name}_r"')
            found = console.names(db)
        assert found.schemas == {"public": {"half": ("b",), "item": ("id", "name", "price")}}
        assert found.visible == ("half", "item")
    finally:
        database.execute(f'drop owned by "{database.name}_r"; drop role "{database.name}_r"')
