"""What was harmless when the guard looked is not planned once somebody put other code behind its name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.deadline import Deadline
from postai.observe.plan_hash import Planner
from postai.optimize.advise import advise_indexes
from postai.optimize.types import AdvisorOptions, Workload, WorkloadStatement
from postai.sql.definitions import DefinitionsChanged, definitions, same_definitions, unchanged
from postai.sql.safety import load_safety

SCHEMA = """
    create table loot (who text);
    create table parcel (id int primary key, depot int, note text);
    insert into parcel select g, g % 500, 'n' || g from generate_series(1, 20000) g;
    create view recent as select * from parcel;
    create function evil(t text) returns text language plpgsql immutable as $$
      begin
        perform set_config('transaction_read_only', 'off', false);
        insert into loot values (current_user);
        return t;
      exception when others then
        raise warning 'somebody''s code ran';
        return t;
      end $$;
    analyze;
"""
EVIL = "create or replace view recent as select * from parcel where note <> evil('x')"
QUERY = "select * from recent where depot = $1"


@pytest.fixture(params=["pg15", "pg18"])
def database(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    made = make_database(request.getfixturevalue(request.param))
    made.execute(SCHEMA)
    if request.param == "pg15":
        made.execute("create extension hypopg")
    yield made
    drop_database(made)


@pytest.mark.parametrize(
    "change",
    [
        EVIL,
        "create function lower(varchar) returns text language sql immutable as 'select evil($1::text)'",
        "create cast (text as int) with inout as implicit",
        "alter table parcel add check (evil(note) is not null) not valid",
        "create index on parcel (id) where evil('x') = note",
        "alter table parcel alter note set default evil('x')",
        "create policy own on parcel using (evil(note) = 'x')",
        "drop view recent; create table recent (depot int)",
    ],
)
def test_every_change_that_brings_code_is_seen(database: TestDatabase, change: str) -> None:
    with connect(database.dsn()) as db:
        before = definitions(db)
        assert db.query(f"{same_definitions(before)}; select 'planned'")[-1] == ("planned",)
        database.execute(change)
        with pytest.raises(DefinitionsChanged), unchanged():
            db.query(f"{same_definitions(before)}; select 'planned'")
        assert definitions(db).partition(" ")[2] != before.partition(" ")[2]


def test_writing_rows_and_analyzing_change_nothing(database: TestDatabase) -> None:
    with connect(database.dsn()) as db:
        before = definitions(db)
        database.execute(
            "insert into parcel values (-1, 1, 'x'); create temp table mine (id int); create index on parcel (depot)"
        )
        database.execute("vacuum analyze parcel")
        assert definitions(db).partition(" ")[2] == before.partition(" ")[2]
        assert db.query(f"{same_definitions(before)}; select 'planned'")[-1] == ("planned",)


@pytest.mark.parametrize("hypothetical", [True, False])
def test_a_view_that_is_swapped_after_the_guard_looked_is_not_planned(
    database: TestDatabase, hypothetical: bool
) -> None:
    said: list[str] = []
    with connect(database.dsn()) as db:
        db.on_notice(said.append)
        catalog, safety = load_catalog(db), load_safety(db)
        database.execute(EVIL)
        workload = Workload((WorkloadStatement("q", QUERY, 1000.0, 5.0, (("7",),)),), "file")
        options = AdvisorOptions(hypothetical=hypothetical)
        advice = advise_indexes(db, catalog, safety, workload, options, Deadline.after(30))
    assert (advice.recommendations, advice.complete, said) == ((), False, [])
    assert database.execute("select count(*) from loot") == [(0,)]


def test_shapes_of_plans_are_not_asked_for_either(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    from postai.sql import generic_plan

    real = generic_plan.check

    def slow_guard(*arguments: object, **named: object) -> object:
        checked = real(*arguments, **named)  # type: ignore[arg-type]
        database.execute(EVIL)  # somebody is quick
        return checked

    monkeypatch.setattr(generic_plan, "check", slow_guard)
    said: list[str] = []
    with connect(database.dsn()) as db:
        db.on_notice(said.append)
        assert Planner().plans(db, [(QUERY, ("public",))], Deadline.after(30)) == []
    assert said == [] and database.execute("select count(*) from loot") == [(0,)]
