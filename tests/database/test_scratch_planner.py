"""Planning on empty copies: on PostgreSQL 15 and 18, against what the planner says of real indexes."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, ServerError, connect
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import FeatureMissing
from postai.scratch.copies import undone
from postai.scratch.copy_planner import CopyPlan, CopyPlanner, copy_planner
from postai.setup.server import LocalServer
from postai.sql.definitions import definitions

SCHEMA = """
create schema app;
create schema "Odd "" schema";
create type app.mood as enum ('sad', 'happy');
create domain app.mail as varchar(80) check (value like '%@%') not null;
create table app.customer (id int generated always as identity primary key, gone int, email app.mail, mood app.mood,
    name text collate "C" not null, size int generated always as (7) stored);
alter table app.customer drop column gone;
create table app.invoice (id bigint primary key, customer int references app.customer, total numeric(10,2),
    state text not null, at timestamptz not null, note text);
create index invoice_state on app.invoice (state, at desc) where state <> 'paid';
create index invoice_lower on app.invoice (lower(note));
create table app.event (at timestamptz not null, kind text, n int) partition by range (at);
create table app.event_1 partition of app.event for values from ('2020-01-01') to ('2021-01-01');
create table app.event_2 partition of app.event for values from ('2021-01-01') to ('2022-01-01');
create index event_at on app.event (at);
create table "Odd "" schema"."Ta;ble --" ("select" int, "a""b" text, "x y" int);
create table app.parent (a int);
create table app.child () inherits (app.parent);
insert into app.customer (email, mood, name) select n || '@x', case n % 9 when 0 then 'sad' else 'happy' end::app.mood,
    'name ' || n from generate_series(1, 3000) n;
insert into app.invoice select n, 1 + n * 7919 % 3000, n % 1000, case when n % 50 = 0 then 'open' else 'paid' end,
    '2020-01-01'::timestamptz + n * interval '1 minute', repeat('x', 60) || n from generate_series(1, 60000) n;
insert into app.event select '2020-01-01'::timestamptz + n * interval '30 minutes', 'k' || n % 40, n
    from generate_series(1, 30000) n;
insert into "Odd "" schema"."Ta;ble --" select n, 'v' || n, n % 7 from generate_series(1, 5000) n;
create view app.open as select id, customer, total from app.invoice where note is not null;
create view app.big_open as select o.*, c.name from app.open o join app.customer c on c.id = o.customer
    where o.total > 500;
create materialized view app.totals as select customer, sum(total) as total from app.invoice group by 1;
"""
PATH = ("pg_catalog", "app")
STATEMENTS = (
    "select * from app.invoice where customer = 17",
    "select * from invoice i where i.customer = 17 and state = 'paid' order by at",
    "select count(*) from app.invoice where at between '2020-01-03' and '2020-01-05'",
    "select app.invoice.id from app.invoice where total > 998 order by total limit 5",
    "select c.id, count(*) from customer c join invoice i on i.customer = c.id where c.email = '12@x' group by c.id",
    "with invoice as (select * from app.customer) select * from invoice where mood = 'sad'",
    "select * from app.big_open where customer = 12",
    "select * from event where kind = 'k3'",
    "select * from totals where customer = 9",
    'select * from "Odd "" schema"."Ta;ble --" where "a""b" = \'v44\' and "select" > 2',
    "select * from app.invoice where lower(note) = 'xx'",
)
INDEXES = (
    "create index on app.invoice (customer)",
    "create index on app.invoice (customer, at)",
    "create index on app.invoice using brin (at)",
    "create index on app.invoice (total) include (id)",
    "create index on app.customer (email)",
    "create index on app.event (kind, at)",
    "create index on app.totals using hash (customer)",
    'create index on "Odd "" schema"."Ta;ble --" ("a""b")',
)


def load(server: LocalServer) -> Iterator[TestDatabase]:
    database = make_database(server)
    database.execute(SCHEMA)
    database.execute("vacuum analyze")
    yield database
    drop_database(database)


@pytest.fixture(scope="module")
def world15(pg15: LocalServer) -> Iterator[TestDatabase]:
    yield from load(pg15)


@pytest.fixture(scope="module")
def world18(pg18: LocalServer) -> Iterator[TestDatabase]:
    yield from load(pg18)


@pytest.fixture(params=["world15", "world18"])
def world(request: pytest.FixtureRequest) -> TestDatabase:
    return request.getfixturevalue(request.param)  # type: ignore[no-any-return]


@pytest.fixture
def db(world: TestDatabase) -> Iterator[Database]:
    with connect(world.dsn()) as session:
        session.execute("set max_parallel_workers_per_gather = 0")
        yield session


def oids(db: Database) -> list[int]:
    sql = "select c.oid::int8 from pg_class c join pg_namespace n on n.oid = relnamespace"
    where = "where relkind = any('{r,p,v,m}') and nspname ~ 'app|Odd'"
    return [oid for (oid,) in db.query(f"{sql} {where} order by c.oid")]


def asked(planner: CopyPlanner, sql: str, *indexes: str, literals: tuple[str, ...] | None = ()) -> CopyPlan:
    return planner.explain(sql, literals, PATH, indexes, Deadline.after(20), verbose=True)


def left_behind(world: TestDatabase) -> list[tuple[object, ...]]:
    return world.execute(
        "select relname from pg_class where relname ~ 'postai_' and relkind <> 'i'"
        " union all select nspname from pg_namespace where nspname ~ 'postai_scratch'"
        " union all select name from pg_prepared_statements"
    )


def shape(node: dict[str, object]) -> list[object]:
    parts = [shape(one) for one in node.get("Plans", ())]  # type: ignore[attr-defined]
    return [node["Node Type"], node.get("Schema"), node.get("Relation Name"), *parts]


def real_plan(db: Database, sql: str) -> dict[str, object]:
    ((found,),) = db.query(f"explain (verbose, format json) {sql}")
    return found[0]["Plan"]  # type: ignore[no-any-return]


def test_plans_and_costs_are_those_of_the_real_tables(world: TestDatabase, db: Database) -> None:
    """With full-sized copies: the same plans, and costs within an eighth, with and without further indexes."""
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db), pages_limit=5000) as planner:
        assert planner.refusals(INDEXES) == {}
        found = {(sql, some): asked(planner, sql, *some) for sql in STATEMENTS for some in ((), INDEXES)}
        assert planner.notes == ("app.parent has tables that inherit from it: it is planned as it is.",)
    db.execute("set search_path = app")
    for some in ((), INDEXES):
        with undone(db):
            for one in some:
                db.execute(one)
            for sql in STATEMENTS:
                plan, real = found[sql, some].root, real_plan(db, sql)
                assert shape(dict(plan)) == shape(real), sql
                assert plan["Plan Rows"] == pytest.approx(real["Plan Rows"], rel=0.02), sql
                assert plan["Total Cost"] == pytest.approx(real["Total Cost"], rel=0.125, abs=3), sql


def test_short_copies_cost_about_the_same(db: Database) -> None:
    """Where files are much shorter than the real ones: the same winners, and costs of the same size."""
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db), pages_limit=5000) as planner:
        full = {(sql, n): asked(planner, sql, *INDEXES[:n]) for sql in STATEMENTS for n in (0, 8)}
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db), pages_limit=40) as planner:
        short = {(sql, n): asked(planner, sql, *INDEXES[:n]) for sql in STATEMENTS for n in (0, 8)}
    for key, plan in full.items():
        tables = [{one.split("(")[0].split(" using")[0] for one in found.used} for found in (short[key], plan)]
        assert tables[0] == tables[1] or key[0].startswith("select count(*)"), key
        ratio = (short[key].root["Total Cost"] + 5) / (plan.root["Total Cost"] + 5)
        assert abs(math.log(ratio)) < math.log(2.5), key


def test_indexes_come_and_go(db: Database) -> None:
    sql = "select * from app.invoice where customer = 17"
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db)) as planner:
        without = asked(planner, sql)
        first, second = INDEXES[:2]
        assert asked(planner, sql, first).used == {first}
        assert asked(planner, sql, second).used == {second}
        assert len(asked(planner, sql, first, second).used) == 1  # empty, they cost the same
        assert asked(planner, sql, *INDEXES[2:]).used == set()
        assert asked(planner, sql).root["Total Cost"] == without.root["Total Cost"]
        kind = "select * from app.event where kind = 'k3'"
        assert asked(planner, kind, INDEXES[5]).used == {INDEXES[5]}
        assert asked(planner, kind).used == set()


def test_parameters_generic_and_given(db: Database) -> None:
    sql = "select * from app.invoice where state = $1 and customer = $2 and note like $3 || '%' limit $4"
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db)) as planner:
        assert planner.types(sql, PATH) == ("text", "integer", "text", "bigint")
        generic = asked(planner, sql, INDEXES[0], literals=None)
        assert generic.used == {INDEXES[0]} and "$2" in str(generic.root)
        assert asked(planner, sql, literals=None).used == set()
        given = asked(planner, sql, literals=("'open'", "5", "'x'", "10"))
        assert "$2" not in str(given.root)
        with pytest.raises(ServerError) as caught:
            asked(planner, "select * from app.invoice where nothing = $1", literals=None)
        assert caught.value.sqlstate == "42703"
        assert asked(planner, sql, INDEXES[0], literals=None).used == {INDEXES[0]}
        assert planner.types("select $1", PATH) == ("text",)


def test_refusals(db: Database) -> None:
    bad = {
        "create index on app.invoice (nothing)": 'column "nothing" does not exist',
        "create index on app.invoice ((at::date))": "functions in index expression must be marked IMMUTABLE",
        "create index on app.nowhere (id)": "there is no copy of its table",
        "create index on app.parent (a)": "there is no copy of its table",
        "drop table app.invoice": "it is no CREATE INDEX statement",
        "not sql": 'syntax error at or near "not"',
    }
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db), pages_limit=100) as planner:
        assert planner.refusals([*INDEXES, *bad]) == bad
        assert asked(planner, STATEMENTS[0], INDEXES[0]).used == {INDEXES[0]}


def test_nothing_can_be_written_and_nothing_remains(world: TestDatabase, db: Database) -> None:
    db.execute("create or replace function app.writes() returns int language plpgsql immutable as"
               " 'begin return nextval(''app.customer_id_seq''); end'")  # fmt: skip
    prices = (
        "select current_setting('seq_page_cost'), current_setting('search_path'), current_setting('plan_cache_mode')"
    )
    before = db.query(prices)
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db), pages_limit=50) as planner:
        with pytest.raises(ServerError) as caught:
            asked(planner, "select app.writes() from app.invoice")
        assert caught.value.sqlstate == "25006"
        asked(planner, "select * from app.invoice where id = $1", literals=None)
        planner.rest()
        assert db.query("select current_setting('seq_page_cost')") == [before[0][:1]]
    assert db.query(prices) == before
    assert db.query("select count(*) from pg_prepared_statements") == [(0,)]
    assert left_behind(world) == []
    db.execute("drop function app.writes")


def test_real_tables_are_not_locked(world: TestDatabase, db: Database) -> None:
    with copy_planner(db, oids(db), Deadline.after(60), definitions(db)) as planner:
        for sql in STATEMENTS:
            asked(planner, sql, *INDEXES)
        held = world.execute(
            "select relation::regclass::text from pg_locks join pg_class c on c.oid = relation"
            f" join pg_namespace n on n.oid = relnamespace where pid = {db.backend_pid} and nspname ~ '^app|^Odd'"
        )
        assert held == []
        world.execute("set lock_timeout = '1s'; alter table app.invoice set (fillfactor = 100)")


def test_a_table_that_somebody_rewrites_is_not_waited_for(world: TestDatabase, db: Database) -> None:
    everything = oids(db)
    with world.connect(autocommit=False) as other:
        other.execute("lock table app.customer in access exclusive mode")
        began = time.monotonic()
        with copy_planner(db, everything, Deadline.after(60), definitions(db)) as planner:
            notes = [one for one in planner.notes if "locked" in one]
            assert notes == ["app.customer is locked by somebody who changes it: it is planned as it is."]
            assert not planner.whole
            assert asked(planner, STATEMENTS[0], INDEXES[0]).used == {INDEXES[0]}
            with pytest.raises(ServerError) as caught:
                asked(planner, STATEMENTS[6])
            assert caught.value.sqlstate == "55P03"
            assert asked(planner, STATEMENTS[0]).used == set()
        assert time.monotonic() - began < 30


def test_a_session_that_is_killed_leaves_nothing(world: TestDatabase) -> None:
    db = connect(world.dsn())
    with pytest.raises(Exception) as caught, copy_planner(db, oids(db), Deadline.after(60), definitions(db)) as planner:
        killer = threading.Thread(target=world.execute, args=(f"select pg_terminate_backend({db.backend_pid})",))
        killer.start()
        killer.join()
        for sql in STATEMENTS:
            asked(planner, sql, *INDEXES)
    assert getattr(caught.value, "sqlstate", "") in ("08006", "57P01")
    db.close()
    assert left_behind(world) == []


def test_the_deadline_holds(world: TestDatabase, db: Database) -> None:
    with pytest.raises(DeadlineExceeded), copy_planner(db, oids(db), Deadline.after(0), definitions(db)):
        pass
    with pytest.raises(DeadlineExceeded), copy_planner(db, oids(db), Deadline.after(60), definitions(db)) as planner:
        planner.explain("select 1", (), PATH, (), Deadline.after(0))
    assert left_behind(world) == []


@pytest.fixture
def owner(world: TestDatabase) -> Iterator[str]:
    name = f"r_{world.name}"
    world.execute(f"create role {name} login password '{name}'; grant usage on schema app to {name};"
                  f" grant select on all tables in schema app to {name}")  # fmt: skip
    yield name
    world.execute(f"drop owned by {name}; drop role {name}")


def test_an_ordinary_role_from_18_on(world: TestDatabase, owner: str) -> None:
    """In a schema of its own, or in pg_temp where it may not make one."""
    with connect(world.dsn(owner)) as db:
        tables = oids(db)
        if world.server.binaries.major < 18:
            with pytest.raises(FeatureMissing) as caught, copy_planner(db, tables, Deadline.after(60), definitions(db)):
                pass
            assert caught.value.sqlstate == "PA007" and "hypopg" in str(caught.value.hint)
            return
        for _ in ("pg_temp", "schema"):
            # Some tables are longer than the limit, others are not.
            with copy_planner(db, tables, Deadline.after(60), definitions(db), pages_limit=200) as planner:
                assert planner.notes == ("app.parent has tables that inherit from it: it is planned as it is.",)
                assert planner.whole
                for n in (0, 1):
                    assert asked(planner, STATEMENTS[n], *INDEXES).used <= {*INDEXES[:2]}
                    assert asked(planner, STATEMENTS[n]).used == set()
                assert asked(planner, STATEMENTS[7], *INDEXES).used == {INDEXES[5]}
                for sql, schema in ((STATEMENTS[0], "app"), ('table "Odd "" schema"."Ta;ble --"', 'Odd " schema')):
                    plan = planner.explain(sql, (), PATH, (), Deadline.after(60), verbose=True)
                    assert plan.root["Schema"] == schema
            world.execute(f'grant create on database "{world.name}" to {owner}')
        world.execute(f'revoke create on database "{world.name}" from {owner}')


def test_with_the_other_driver(world: TestDatabase) -> None:
    with (
        connect(world.dsn(), driver="pg8000") as db,
        copy_planner(db, oids(db), Deadline.after(60), definitions(db)) as planner,
    ):
        assert planner.refusals([*INDEXES, "create index on app.invoice (nothing)"]).keys() == {
            "create index on app.invoice (nothing)"
        }
        sql = "select * from app.invoice where customer = $1"
        assert planner.types(sql, PATH) == ("integer",)
        assert asked(planner, sql, INDEXES[0], literals=None).used == {INDEXES[0]}
        assert asked(planner, sql, literals=("7",)).used == set()


def test_a_read_only_session_cannot(world: TestDatabase) -> None:
    dsn = f"{world.dsn()} options='-c default_transaction_read_only=on'"
    with connect(dsn) as db, pytest.raises(FeatureMissing), copy_planner(db, [1], Deadline.after(60), ""):
        pass
