"""Attacks on what was built around ask: reading values, teaching, explaining, evaluating."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from teach_support import WAYS, Post, post

from conftest import TestDatabase
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.deadline import Deadline
from postai.language.containment import contained_joins
from postai.language.values import Limits, collect_values

SPRING = """
create function spring(text) returns text language plpgsql immutable
  as $$ begin raise warning 'sprung as %', current_user; return 'x'; end $$;
create table plain (state text, k int); insert into plain select 's' || i % 3, i % 9 from generate_series(1, 100) as i;
"""


@pytest.mark.parametrize(
    "trap",
    [
        "create table t (like plain); create index on t ((spring('a')))",
        "create table t (like plain); create index on t (k) where spring('a') = 'x'",
        "create table t (like plain); create statistics s on (spring('a')), k from t",
        "create table t (like plain); create table low (check (spring('a') = 'x')) inherits (t)",
        "create table t (like plain) partition by list ((spring('a' || k))); "
        "create table low partition of t for values in ('x'); create index on low ((spring('a')))",
        "create function same(text, text) returns bool language plpgsql immutable "
        "  as $$ begin raise warning 'sprung'; return true; end $$; "
        "create operator === (function = same, leftarg = text, rightarg = text); "
        "create table t (like plain); create index on t (('a' === 'b'))",
    ],
)
def test_planning_a_read_runs_nothing_of_somebody_elses(database: TestDatabase, trap: str) -> None:
    """The planner computes constant expressions of indexes, checks and statistics as whoever reads the table."""
    database.execute(f"{SPRING} {trap}; insert into t select * from plain")
    with connect(database.dsn()) as db:
        notices: list[str] = []
        db.on_notice(notices.append)
        catalog = load_catalog(db)
        found = collect_values(db, catalog, Limits(), Deadline.after(10))
        contained_joins(db, catalog, Deadline.after(10))
        assert notices == []
        assert "plain" in {name.table for name in found}


def test_a_table_is_not_read_while_it_is_defined(database: TestDatabase) -> None:
    """Whoever defines something waits until the values are read, or the values are read another time."""
    database.execute(SPRING)
    with database.connect(autocommit=False) as other, connect(database.dsn()) as db:
        catalog = load_catalog(db)
        other.execute("create statistics s on (spring('a')), k from plain")
        assert collect_values(db, catalog, Limits(), Deadline.after(10)) == {}
        other.rollback()
        assert {name.column for name in collect_values(db, catalog, Limits(), Deadline.after(10))} == {"state"}


@pytest.fixture(params=WAYS[:2], ids=lambda way: "-".join(way), scope="module")
def one(request: pytest.FixtureRequest) -> Iterator[Post]:
    server, transport = request.param
    with post(request.getfixturevalue(server), transport) as made:
        yield made


@pytest.mark.parametrize(
    "path", ["null", "'{{a,b},{c,d}}'", "array[null, 'public']", "array_fill('x'::text, '{100000}')"]
)
def test_no_search_path_stops_the_agent(one: Post, path: str) -> None:
    """The function below teach takes the path from whoever calls it."""
    call = f"select postai._teach_own('how many parcels?', 'select 1', {path})"
    error = one.refused(call)
    assert (error.sqlstate, error.diag.message_primary) == ("22023", "this is no search_path")
    assert one.ask("how many parcels?") == [[400]]


@pytest.mark.parametrize("name", ["postai_held", "postai_join"])
def test_a_prepared_statement_that_is_left_stops_nobody(one: Post, name: str) -> None:
    """A cancel between PREPARE and DEALLOCATE leaves one, which outlives the transaction."""
    with one.database.connect("sender") as connection:
        connection.execute(f"prepare {name} as select 1")  # type: ignore[arg-type]
        assert connection.execute("select postai.ask('how many parcels?')").fetchall() == [({"number_of_parcel": 400},)]
        assert connection.execute("select step from postai.explain('select 1')").fetchall() == [(1,)]
        connection.execute("select postai.declare_join('parcel.id', 'other.parcel.id')")
        connection.execute("select postai.forget_join('parcel.id', 'other.parcel.id')")


@pytest.mark.parametrize(
    "call",
    [
        "declare_join(repeat('x', 1000000), 'parcel.id')", "declare_join('a.' || repeat('x', 1000000), 'parcel.id')",
        "declare_join('parcel.' || repeat('x', 1000000), 'parcel.id')", "forget_join(null, null)",
        "forget_join('a', 'b')", "forget_join('a.b.c.d', 'b.c')", "forget_join('a.' || repeat('x', 1000000), 'b.c')",
        "forget_term(repeat('x', 1000000))", "forget_term(null)", "forget_example(null)", "forget_example(-1)",
        "feedback(null, null)", "feedback(-5, true)", "teach(null, null)", "define(null, null)",
        "define(repeat('x', 1000000), 'x')", "explain(null)", "explain(repeat('x', 1000000))",
    ],
)  # fmt: skip
def test_a_wrong_word_is_told_in_few(one: Post, call: str) -> None:
    error = one.refused(f"select postai.{call}")
    assert error.sqlstate in ("22023", "42704", "42P01", "42703")
    assert len(error.diag.message_primary or "") < 600
