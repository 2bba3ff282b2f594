"""Attacks on what was built around ask: reading values, teaching, explaining, evaluating."""

from __future__ import annotations

import pytest

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
