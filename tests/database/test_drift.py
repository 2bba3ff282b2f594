"""Drift: a schema's hash, its parts, and fixes that lead from one schema to another, on real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.migrate.drift import as_json, compare, from_json, schema_hash, schema_parts
from postai.migrate.drift_types import Difference

RICH = (Path(__file__).parent / "rich.sql").read_text()
SHOP = """
    create schema "Shop"; create type "Shop".mood as enum ('sad', 'glad');
    create domain "Shop".amount as int default 3 check (value > 0);
    create table "Shop"."Order" (id bigint generated always as identity primary key, "a b" text not null default 'x''y',
      mood "Shop".mood, n "Shop".amount, twice int generated always as (id * 2) stored,
      parent bigint references "Shop"."Order");
    create index order_ab on "Shop"."Order" ("a b") where n > 4;
    create table "Shop".part (id int not null, at date not null, primary key (id, at)) partition by range (at);
    create table "Shop".part1 partition of "Shop".part for values from ('2024-01-01') to ('2025-01-01');
    create sequence "Shop".free increment 5; create table "Shop".s (id serial primary key, t text collate "C");
    create function "Shop".f(a int) returns int language sql as 'select a';
    create function "Shop".t() returns trigger language plpgsql as 'begin return new; end';
    create trigger tr before insert on "Shop"."Order" for each row execute function "Shop".t();
    create view "Shop".v as select id, "a b" from "Shop"."Order"; create materialized view "Shop".m as select 1 as one;
    alter table "Shop".s enable row level security; create policy p on "Shop".s for select using (id > 3);
    create statistics "Shop".st on id, t from "Shop".s; alter table "Shop".s set (fillfactor = 70);
"""
CHANGES = {
    'alter table "Shop"."Order" add column extra numeric(8,2) not null default 1.5': ("column", "unexpected"),
    'alter table "Shop"."Order" alter column "a b" drop not null': ("column", "changed"),
    'alter table "Shop".s alter column t type varchar(20)': ("column", "changed"),
    'alter table "Shop"."Order" alter column "a b" set default 1': ("column", "changed"),
    'drop index "Shop".order_ab': ("index", "missing"),
    'alter table "Shop"."Order" drop constraint "Order_parent_fkey"': ("constraint", "missing"),
    'drop trigger tr on "Shop"."Order"': ("trigger", "missing"),
    'alter table "Shop"."Order" disable trigger tr': ("trigger", "changed"),
    'drop policy p on "Shop".s': ("policy", "missing"),
    'alter table "Shop".s disable row level security': ("row security", "missing"),
    'alter table "Shop".s set (fillfactor = 80)': ("storage", "changed"),
    'drop table "Shop".part1': ("table", "missing"),
    'create table "Shop".fresh (a int)': ("table", "unexpected"),
    "create or replace function \"Shop\".f(a int) returns int language sql as 'select a + 1'": ("function", "changed"),
    'create or replace view "Shop".v as select id, "a b" from "Shop"."Order" where id > 4': ("view", "changed"),
    'alter domain "Shop".amount drop constraint amount_check': ("domain constraint", "missing"),
    'alter sequence "Shop".free increment 7': ("sequence", "changed"),
    'drop statistics "Shop".st': ("statistics", "missing"),
    'alter table "Shop".s alter column t type text collate "POSIX"': ("column", "changed"),
    'alter table "Shop".s set unlogged': ("table", "changed"),
}


@pytest.fixture(params=["pg15", "pg18"])
def pair(request: pytest.FixtureRequest) -> Iterator[tuple[TestDatabase, TestDatabase]]:
    server = request.getfixturevalue(request.param)
    one, other = make_database(server), make_database(server)
    yield one, other
    drop_database(one)
    drop_database(other)


def _differences(expected: TestDatabase, actual: TestDatabase, *, losing: bool = False) -> tuple[Difference, ...]:
    with connect(expected.dsn()) as should, connect(actual.dsn()) as there:
        return compare(from_json(as_json(schema_parts(should))), schema_parts(there), losing=losing)


def _hash(database: TestDatabase) -> str:
    with connect(database.dsn()) as db:
        return schema_hash(db)


def _mend(expected: TestDatabase, actual: TestDatabase) -> None:
    fixes = [one.fix for one in _differences(expected, actual, losing=True)]
    for fix in fixes:
        assert fix is not None
        for statement in fix.split(";\nA") if "CONCURRENTLY" in fix else [fix]:
            actual.execute(statement)


def test_fixes_build_a_whole_schema_and_take_it_down(pair: tuple[TestDatabase, TestDatabase]) -> None:
    full, empty = pair
    before = _hash(empty)
    full.execute(SHOP)
    assert _hash(full) != before
    _mend(full, empty)
    assert _differences(full, empty) == () and _hash(full) == _hash(empty)
    full.execute('drop schema "Shop" cascade')
    _mend(full, empty)
    assert _hash(empty) == before


def test_each_change_is_named_and_mended(pair: tuple[TestDatabase, TestDatabase]) -> None:
    expected, actual = pair
    for one in pair:
        one.execute(SHOP)
    assert _hash(expected) == _hash(actual)
    # Sessions that last: the first look of each one fills its caches.
    with connect(expected.dsn()) as should, connect(actual.dsn()) as there:
        wanted, wanted_hash = schema_parts(should), schema_hash(should)
        for change, (kind, what) in CHANGES.items():
            there.execute(change)
            (found,) = compare(wanted, schema_parts(there), losing=True)
            assert (found.part.kind, found.change) == (kind, what), change
            assert (found.expected is None) == (what == "unexpected") and (found.actual is None) == (what == "missing")
            assert found.fix is not None
            there.execute(found.fix)
            assert schema_hash(there) == wanted_hash, change


def test_labels_are_added_but_not_taken_away(pair: tuple[TestDatabase, TestDatabase]) -> None:
    one, other = pair
    one.execute("create type mood as enum ('a', 'b', 'c')")
    other.execute("create type mood as enum ('b')")
    (found,) = _differences(one, other)
    assert (
        found.fix == "ALTER TYPE public.mood ADD VALUE 'a' BEFORE 'b';\nALTER TYPE public.mood ADD VALUE 'c' AFTER 'b'"
    )
    (found,) = _differences(other, one)
    assert found.change == "changed" and found.fix is None


def test_what_postgres_chooses_does_not_count(pair: tuple[TestDatabase, TestDatabase]) -> None:
    one, other = pair
    one.execute("create table gone (a int); drop table gone; create table t (a int not null, b int)")
    other.execute(
        "create table t (b int, x int, a int); alter table t drop column x; alter table t alter a set not null"
    )
    if other.server.binaries.major >= 18:
        other.execute("alter table t rename constraint t_a_not_null to other_name")
    assert _hash(one) == _hash(other)
    for database in pair:
        database.execute(RICH)
    assert _hash(one) == _hash(other)


def test_no_fix_loses_what_is_held(pair: tuple[TestDatabase, TestDatabase]) -> None:
    expected, actual = pair
    expected.execute("create table t (id int, a int, b varchar(5), c numeric, d text, e date)")
    actual.execute(
        "create table t (id bigint, a text, b text, c numeric(9,2), d int, e timestamp, f int, "
        "g int generated always as (id + 1) stored); create table u (a int); create sequence s; "
        "create type mood as enum ('a'); create materialized view m as select 1 as one"
    )
    fixes = {one.object: one.fix for one in _differences(expected, actual)}
    assert {name for name, fix in fixes.items() if fix is None} == {
        "column public.t.a", "column public.t.e", "column public.t.f", "column public.t.g", "table public.u",
        "sequence public.s",
    }  # fmt: skip
    assert fixes["column public.t.b"] == "ALTER TABLE public.t ALTER COLUMN b TYPE character varying(5)"
    actual.execute("insert into t values (1, 'x', 'too long')")
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        actual.execute(fixes["column public.t.b"])
