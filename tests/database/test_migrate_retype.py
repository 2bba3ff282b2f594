"""Changes of types lose nothing: what does not fit is refused, and what the second column would miss is not begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from plan_support import run_naive, run_plan

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.checks import run_checks
from postai.migrate.plan import plan
from postai.migrate.types import Plan
from postai.proposals.conditions import Conditions


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def place(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    one = make_database(request.getfixturevalue(request.param))
    yield one
    drop_database(one)


def made(place: TestDatabase, setup: tuple[str, ...], *statements: str) -> tuple[Plan, list[int | None]]:
    """The plan, and what its checks count."""
    with place.connect() as connection:
        connection.execute("set client_min_messages = warning; drop schema public cascade; create schema public")
        run_naive(connection, setup)
    with connect(place.dsn()) as db:
        found = plan(db, statements, Deadline.after(30))
        return found, [one.count for one in run_checks(db, found, Deadline.after(10))]


@pytest.mark.parametrize(
    ("kind", "value", "narrower"),
    [
        ("text", "'too long'", "varchar(5)"),
        ("varchar(20)", "'too long'", "char(5)"),
        ("bit(8)", "b'10101010'", "bit(4)"),
        ("bigint", "40000", "smallint"),
        ("numeric", "123.456", "numeric(4,2)"),
    ],
)
def test_values_that_do_not_fit_are_found_and_never_cut(
    place: TestDatabase, kind: str, value: str, narrower: str
) -> None:
    setup = (f"create table t (id int primary key, v {kind})", f"insert into t values (1, {value}), (2, null)")
    found, counts = made(place, setup, f"alter table t alter v type {narrower}")
    assert counts == [1]
    with place.connect() as connection:
        with pytest.raises(AssertionError, match="precondition"):
            run_plan(connection, found)
        # A row that comes after the look is refused by the assignment itself.
        connection.execute("update public.t set v = null")
        connection.execute("set search_path = public")
        for step in found.steps[:3]:
            for text in (step.statement, *step.together):
                connection.execute(text)
        with pytest.raises(psycopg.errors.DataError):
            connection.execute(f"insert into t values (3, {value})")


def test_what_fits_is_assigned(place: TestDatabase) -> None:
    setup = ("create table t (id int primary key, v text)", "insert into t values (1, 'ab      '), (2, 'abcde')")
    found, counts = made(place, setup, "alter table t alter v type varchar(5)")
    assert counts == [0]
    with place.connect() as connection:
        run_plan(connection, found)
        assert connection.execute("select v from t order by id").fetchall() == [("ab   ",), ("abcde",)]


def test_a_table_that_hides_rows_from_its_owner_is_not_filled_in_batches(place: TestDatabase) -> None:
    place.execute("drop role if exists hider_of_rows; create role hider_of_rows")
    setup = (
        "create table t (id int primary key, v int)",
        "insert into t values (1, 1), (2, 2)",
        "alter table t enable row level security",
        "create policy p on t using (id = 1)",
        "alter table t force row level security",
        "alter table t owner to hider_of_rows",
    )
    found, _ = made(
        place, setup, "alter table t alter v type bigint", "alter table t add column w uuid default gen_random_uuid()"
    )
    assert {one.step_class for one in found.steps} == {"short_lock"}
    assert sum("FORCE ROW LEVEL SECURITY" in one for one in found.warnings) == 2
    place.execute("drop schema public cascade; create schema public; drop role hider_of_rows")


def test_writes_that_fire_no_ordinary_trigger_are_kept(place: TestDatabase) -> None:
    setup = (
        "create table t (id int primary key, v int)",
        "insert into t values (1, 1), (2, 2)",
        "create publication p for table t",
    )
    found, _ = made(place, setup, "alter table t alter v type bigint")
    swap = next(at for at, step in enumerate(found.steps) if step.phase == "contract")
    assert any("is published (p)" in one for one in found.warnings)
    with place.connect() as connection:
        run_plan(connection, replace(found, steps=found.steps[:swap]))
        connection.execute("set session_replication_role = replica; update public.t set v = 7 where id = 1")
        connection.execute("insert into public.t values (3, 3); reset session_replication_role")
        assert connection.execute("select v_new from public.t order by id").fetchall() == [(7,), (2,), (3,)]
        # Whatever still writes past it: the swap does not begin.
        connection.execute("alter table public.t disable trigger all; update public.t set v = 8 where id = 2")
        connection.execute("alter table public.t enable always trigger zz_postai_t_v")
        with pytest.raises(AssertionError, match="precondition"):
            run_plan(connection, replace(found, steps=found.steps[swap:]))
        connection.execute("update public.t set v = v")
        run_plan(connection, replace(found, steps=found.steps[swap:]))
        assert connection.execute("select v from public.t order by id").fetchall() == [(7,), (8,), (3,)]


@pytest.mark.parametrize(
    ("more", "using", "why"),
    [
        ("create function half(int) returns int immutable language sql as 'select $1 / 2'", "using half(v)", "own"),
        (
            "create function f() returns trigger language plpgsql as 'begin return new; end';"
            " create trigger zzz before insert on t for each row execute function f()",
            "",
            "fires after",
        ),
    ],
)
def test_what_clients_would_feel_or_undo_is_run_as_given(place: TestDatabase, more: str, using: str, why: str) -> None:
    found, _ = made(
        place, ("create table t (id int primary key, v int)", more), f"alter table t alter v type bigint {using}"
    )
    assert len(found.steps) == 1
    assert any(why in one for one in found.warnings)


def test_a_key_of_a_type_with_an_order_of_its_own_is_not_walked_along(place: TestDatabase) -> None:
    setup = (
        "create type mood as enum ('good', 'bad')",
        "create domain code as text",
        "create extension citext",
        "create table a (id mood primary key, v int)",
        "create table b (id code primary key, v int)",
        "create table c (id citext primary key, v int)",
    )
    found, _ = made(place, setup, *(f"alter table {one} alter v type bigint" for one in "abc"))
    assert [one.backfill.table for one in found.steps if one.backfill is not None] == ["public.a", "public.b"]


@pytest.mark.parametrize("kind", ["integer", "uuid", "boolean", "numeric", "mood"])
def test_texts_that_do_not_cast_stop_the_first_step(place: TestDatabase, kind: str) -> None:
    setup = (
        "create type mood as enum ('good', 'bad')",
        "create table t (id int primary key, v text)",
        "insert into t values (1, 'odd'), (2, null)",
    )
    found, counts = made(place, setup, f"alter table t alter v type {kind} using v::{kind}")
    with connect(place.dsn()) as db:
        conditions = Conditions(db)
        for step in found.steps:
            for condition in (step.precondition, step.postcondition):
                if condition is not None:
                    conditions.vet(condition)
        if kind == "mood":
            assert db.server_version < 160000 or counts == [1]
        else:
            assert counts == [1]
            assert not conditions.holds(found.steps[0].precondition or "")
            with place.connect() as connection:
                connection.execute("delete from public.t where v = 'odd'")
            assert conditions.holds(found.steps[0].precondition or "")
