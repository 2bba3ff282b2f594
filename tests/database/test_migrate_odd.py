"""Tables with what few have: what hangs on a column survives its change, what only was set aside stops nobody."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from plan_support import run_naive, run_plan, schema_text, undo_plan

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.later import split
from postai.migrate.plan import plan
from postai.migrate.types import Plan
from postai.proposals.store import facts_of
from postai.proposals.types import DraftStep

TABLE = "create table t (id int primary key, v int, w int)"
ROWS = "insert into t values (1, 1, 5), (2, 2, 6)"


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def place(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    one = make_database(request.getfixturevalue(request.param))
    yield one
    drop_database(one)


def made(place: TestDatabase, setup: tuple[str, ...], *statements: str) -> Plan:
    with place.connect() as connection:
        connection.execute("set client_min_messages = warning; drop schema public cascade; create schema public")
        run_naive(connection, setup)
    with connect(place.dsn()) as db:
        return plan(db, statements, Deadline.after(30))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            ("create table l (v bigint)", "create rule r as on insert to t do also insert into l values (new.v)"),
            "rule r on table public.t",
        ),
        (("create table keeps (x t[])",), "column x of table public.keeps"),
    ],
)
def test_what_reads_the_column_by_its_place_keeps_it_from_being_replaced(
    place: TestDatabase, more: tuple[str, ...], why: str
) -> None:
    found = made(place, (TABLE, ROWS, *more), "alter table t alter v type bigint")
    assert len(found.steps) == 1 and any(why in one for one in found.warnings), found.warnings
    with place.connect() as connection, pytest.raises(psycopg.errors.FeatureNotSupported):
        run_plan(connection, found)  # PostgreSQL itself refuses it as well


def test_every_using_reads_the_row_as_it_was(place: TestDatabase) -> None:
    change = "alter table t alter v type bigint using v + w, alter w type bigint using v * 10"
    found = made(place, (TABLE, ROWS), change)
    assert len(found.steps) == 1 and any("cannot be changed online" in one for one in found.warnings)
    with place.connect() as connection:
        run_plan(connection, found)
        assert connection.execute("select * from t order by id").fetchall() == [(1, 6, 10), (2, 8, 20)]


@pytest.mark.parametrize(
    ("setup", "change"),
    [
        ((TABLE, "create sequence s owned by t.v"), "alter table t alter v type bigint"),
        (('create table t (id int primary key, v varchar(9) collate "C")',), "alter table t alter v type varchar(5)"),
        (
            ("create type c as (a int, b int)", "create type d as (a int, b int)",
             "create table t (id int primary key, v c)", "insert into t values (1, '(1,)')"),
            "alter table t alter v type d using row((v).a, (v).b)::d",
        ),
        (("create table t (id int primary key)",), "alter table t drop id, add column n bigserial primary key"),
    ],
)  # fmt: skip
def test_the_end_is_that_of_the_plain_statement(place: TestDatabase, setup: tuple[str, ...], change: str) -> None:
    found = made(place, setup, change)
    with place.connect() as connection:
        run_plan(connection, found)
        online = schema_text(connection), connection.execute("select count(*), count(t) from t").fetchall()
    made(place, setup, "select 1")
    with place.connect() as connection:
        run_naive(connection, [change])
        assert (schema_text(connection), connection.execute("select count(*), count(t) from t").fetchall()) == online


def test_indexes_of_a_new_type_stay_in_their_tablespace(place: TestDatabase) -> None:
    with place.connect() as connection:
        connection.execute("set allow_in_place_tablespaces = on")
        connection.execute("create tablespace odd_place location ''")
    setup = (TABLE, ROWS, "create index i on t (v) tablespace odd_place")
    found = made(place, setup, "alter table t alter v type text")
    with place.connect() as connection:
        run_plan(connection, found)
        row = connection.execute("select tablespace from pg_indexes where indexname = 'i'").fetchone()
        assert row == ("odd_place",)
    place.execute("drop schema public cascade; create schema public")
    place.execute("drop tablespace odd_place")


PARENT = ("create table p (id int primary key)", "insert into p values (1), (2)")
SET_ASIDE = [
    ((TABLE, ROWS, "alter table t add check (v is not null)"), "insert into t (id, w) values (3, 1)"),
    ((TABLE, ROWS, "alter table t add unique (v), alter v set default 1"), "insert into t (id, w) values (3, 1)"),
    (
        (TABLE, ROWS, "create unique index on t (v) nulls not distinct"),
        "insert into t (id, w) values (3, 1), (4, 1)",
    ),
    (
        ("create domain d as int not null", "create table t (id int primary key, v d)", "insert into t values (1, 1)"),
        "insert into t (id) values (3)",
    ),
    ((*PARENT, TABLE, ROWS, "alter table t add foreign key (v) references p"), "delete from p where id = 1"),
]


@pytest.mark.parametrize(("setup", "write"), SET_ASIDE)
def test_a_column_that_is_set_aside_stops_nobody(place: TestDatabase, setup: tuple[str, ...], write: str) -> None:
    found = made(place, setup, "alter table t drop column v")
    now, _ = split(found.steps)
    with place.connect() as connection:
        before = schema_text(connection)
        run_plan(connection, replace(found, steps=now))
        with connection.transaction(force_rollback=True):
            connection.execute(write)
        if all(one.undo is not None for one in now):
            undo_plan(connection, replace(found, steps=now), len(now))
            assert schema_text(connection) == before


def test_a_table_that_is_set_aside_keeps_no_rows_of_others(place: TestDatabase) -> None:
    setup = (*PARENT, TABLE, ROWS, "alter table t add foreign key (v) references p")
    found = made(place, setup, "alter table if exists t add column x int", "drop table t")
    now, later = split(found.steps)
    assert len(later) == 1
    with place.connect() as connection:
        run_plan(connection, replace(found, steps=now))
        with connection.transaction(force_rollback=True):
            connection.execute("delete from p where id = 1")
        undo_plan(connection, replace(found, steps=now), len(now))
        assert connection.execute("select count(*) from pg_constraint where contype = 'f'").fetchall() == [(1,)]


def test_a_column_that_others_refer_to_is_not_set_aside(place: TestDatabase) -> None:
    referring = ("alter table t add unique (v)", "create table u (v int references t (v))")
    found = made(place, (TABLE, ROWS, *referring), "alter table t drop column v")
    with place.connect() as connection, pytest.raises(psycopg.errors.DependentObjectsStillExist):
        run_plan(connection, found)
    assert len(found.steps) == 1


def test_what_a_text_takes_back_is_not_carried_out(place: TestDatabase) -> None:
    found = made(place, (TABLE,), "begin; alter table t add x int; rollback; alter table t add y int")
    assert len(found.refused) == 1 and "rollback" in found.refused[0]


def test_what_a_step_makes_in_its_own_schema_needs_no_schema_before() -> None:
    step = DraftStep(
        "alter table s.t rename v to w", together=("create schema b", "create view b.t as select w as v from s.t")
    )
    assert [(one.kind, one.name) for one in facts_of(step).creates] == [("schema", "b")]
    assert {one.schema for one in facts_of(step).touched} == {"s"}
