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
    text = "select 'ж' as a, repeat('x', 30000000) as b, null as c, 100 % $1::int as d from generate_series(1, 500)"
    found = console.run(db, text, ["7"])
    assert found.more and found.full and found.cut == len(found.rows) < 300
    assert found.rows[0] == ("ж", "x" * console.CELL_CHARACTERS, None, "2")
    wide = console.run(db, f"select {', '.join(['repeat($1, 1000000)'] * 500)}", ["ы"])
    assert [{len(one or "") for one in row} for row in wide.rows] == [{console.ROW_CHARACTERS // 500}]
    assert (wide.more, wide.full, wide.cut) == (False, False, 500)


@pytest.mark.parametrize(
    "text",
    [
        "values (1, 'a'), (2, 'b') order by 1 desc",
        "with recursive t (n) as (values (1) union all select n + 1 from t where n < 60) table t order by n desc",
        "select name, id from item order by id desc limit 40 -- by name",
        "select 'a'::char(5) as x, true as x, row(null) as y, row(null, null, null)::item as z, '{null}'::int[] as w",
        "select",
        "select from item where id < 4",
    ],
)
def test_rows_are_those_of_the_statement_in_its_order(db: Database, text: str) -> None:
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
        "select set_config('transaction_read_only', 'off', false), add_item()",
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


def test_a_setting_does_not_stay(db: Database) -> None:
    console.run(db, "select set_config('work_mem', '1MB', false)")
    assert db.query("select current_setting('work_mem') = '1MB'") == [(False,)]


def test_time_is_limited(db: Database) -> None:
    with pytest.raises(ServerError) as caught:
        console.run(db, "select pg_sleep(30)", limits=Limits(seconds=0.2))
    assert caught.value.sqlstate == "57014"
    assert console.run(db, "show statement_timeout").rows == (("30s",),)


def test_explain_analyze_is_rolled_back(db: Database) -> None:
    plan = console.explain(db, "delete from item where id < $1", ["10"], analyze=True)
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
            db.execute(f'set role "{database.name}_r"')
            found = console.names(db)
        assert found.schemas == {"public": {"half": ("b",), "item": ("id", "name", "price")}}
        assert found.visible == ("half", "item")
    finally:
        database.execute(f'drop owned by "{database.name}_r"; drop role "{database.name}_r"')
