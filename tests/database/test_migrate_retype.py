"""Changes of types lose nothing: what does not fit is refused, and what the second column would miss is not begun."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from plan_support import run_naive, run_plan

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.checks import run_checks
from postai.migrate.plan import plan
from postai.migrate.types import Plan


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
