"""Trying CREATE INDEX statements on empty copies: on PostgreSQL 15 and 18, by roles of different rights."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest

from conftest import TestDatabase
from postai.database import Database, connect
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import FeatureMissing, NotPermitted
from postai.scratch.validate import Rejected, validate

SCHEMA = """
create schema app;
create type app.mood as enum ('sad', 'happy');
create domain app.mail as text check (value like '%@%');
create type app.pair as (a int, b text);
create collation app.german (provider = libc, locale = 'C');
create table app.customer (id bigint generated always as identity primary key, email app.mail not null,
    mood app.mood, name text collate app.german, gone int, born date, tags text[], doc jsonb, at timestamptz,
    whole int generated always as (length(coalesce('x', 'y'))) stored, pair app.pair);
alter table app.customer drop column gone;
create table app.invoice (id int primary key, customer bigint references app.customer, total numeric(10,2),
    paid boolean default false check (total > 0));
create index invoice_customer on app.invoice (customer);
create index invoice_open on app.invoice (customer, total desc) include (paid) where not paid;
create unique index invoice_total on app.invoice (lower(total::text));
create table app.event (at timestamptz not null, kind text, body jsonb) partition by range (at);
create table app.event_1 partition of app.event for values from ('2020-01-01') to ('2021-01-01');
create schema "Odd "" schema";
create table "Odd "" schema"."Ta;ble --" ("select" int, "a""b" text, "x y" int);
create view app.names as select name from app.customer;
create materialized view app.totals as select customer, sum(total) as total from app.invoice group by 1;
create function app.f(text) returns text language plpgsql stable as 'begin return $1; end';
"""


@pytest.fixture
def world(database: TestDatabase) -> TestDatabase:
    database.execute(SCHEMA)
    return database


@pytest.fixture
def db(world: TestDatabase) -> Iterator[Database]:
    with connect(world.dsn()) as session:
        yield session


def verdicts(db: Database, *statements: str) -> list[str | None]:
    found = validate(db, statements, Deadline.after(20))
    return [None if one is None else one.sqlstate for one in found]


GOOD = (
    "create index concurrently on app.customer (email)",
    "create index if not exists customer_name on app.customer (name text_pattern_ops desc nulls last)",
    "CREATE INDEX ON app.customer USING gin (doc jsonb_path_ops)",
    "create index on app.customer using gin (tags) with (fastupdate = off)",
    "create index on app.customer (lower(email::text)) where mood <> 'sad'",
    "create index on app.customer using brin (at) with (pages_per_range = 32)",
    "create index on app.customer using hash (born)",
    "create index on app.customer (whole, ((pair).a)) include (at)",
    "create index on app.invoice (customer, total) include (paid) where not paid",
    "create index on app.invoice (customer) where paid",
    "create index on app.event (kind, at)",
    "create index concurrently on app.event_1 (kind)",
    "create index on only app.event (at)",
    'create index concurrently "new "" one" on "Odd "" schema"."Ta;ble --" ("select", "a""b" desc, ("x y" + 1))',
    "create index on app.totals (total)",
)
BAD = {
    "create index on app.customer (nothing)": "42703",
    "create index on app.nowhere (id)": "42P01",
    "create index on nowhere (id)": "42P01",
    "create index on app.customer ((at::date))": "42P17",
    "create index on app.customer (app.f(name))": "42P17",
    "create index on app.customer using gin (born)": "42704",
    "create index on app.customer (email nothing_ops)": "42704",
    "create index on app.customer using gin (doc, at)": "42704",
    "create index on app.customer (id) where (select true)": "0A000",
    "create index on app.names (name)": "42809",
    "create index concurrently on app.event (kind)": "0A000",
    "create unique index on app.event (kind)": "0A000",
    "create index on pg_catalog.pg_class (relpages)": "42501",
    "create index invoice_customer on app.invoice (total)": "42P07",
    "create index on app.invoice (customer)": "42710",
    "create index on app.invoice (id)": "42710",
    "create index concurrently other on app.invoice (customer, total desc) include (paid) where paid = false": None,
    "create index concurrently twin on app.invoice (customer, total desc) include (paid) where not paid": "42710",
    "create index on app.invoice (lower(total::text))": "42710",
    "drop table app.customer": "PA003",
    "create index on app.customer (id); drop table app.invoice": "PA003",
    "not sql": "PA003",
}


def test_what_postgresql_takes_and_what_not(world: TestDatabase, db: Database) -> None:
    assert verdicts(db, *GOOD) == [None] * len(GOOD)
    assert dict(zip(BAD, verdicts(db, *BAD), strict=True)) == BAD
    found = validate(db, ["create index on app.invoice (customer)"], Deadline.after(20))[0]
    assert isinstance(found, Rejected) and found.tried
    assert found.message == "the index app.invoice_customer does the same already"
    left = "select count(*) from pg_class where relname ~ 'copy_|postai_trial'"
    assert world.execute(left) == [(0,)]
    assert world.execute("select count(*) from pg_namespace where nspname ~ 'postai_scratch'") == [(0,)]


def test_a_table_is_found_along_the_search_path(db: Database) -> None:
    db.execute("set search_path = app")
    assert verdicts(db, "create index on invoice (total)", "create index on invoice (customer)") == [None, "42710"]


def test_an_invalid_index_is_no_duplicate(world: TestDatabase, db: Database) -> None:
    world.execute("update pg_index set indisvalid = false where indexrelid = 'app.invoice_customer'::regclass")
    assert verdicts(db, "create index on app.invoice (customer)") == [None]


def test_virtual_generated_columns_are_not_indexable(database18: TestDatabase) -> None:
    database18.execute(
        "create table t (a int, v int generated always as (a + 1), s int generated always as (2) stored)"
    )
    with connect(database18.dsn()) as db:
        assert verdicts(db, "create index on t (v)", "create index on t (s)", "create index on t ((v + 1))") == [
            "0A000",
            None,
            "0A000",
        ]


@pytest.fixture
def stranger(world: TestDatabase) -> Iterator[str]:
    """A role that owns nothing and may read nothing."""
    name = f"r_{world.name}"
    world.execute(f"create role {name} login password '{name}'; grant usage on schema app to {name}")
    yield name
    world.execute(f"drop owned by {name}; drop role {name}")


def test_any_role_can_try(world: TestDatabase, stranger: str) -> None:
    with connect(world.dsn(stranger)) as db:
        assert verdicts(db, *GOOD) == [None] * len(GOOD)
        assert dict(zip(BAD, verdicts(db, *BAD), strict=True)) == BAD


def test_a_schema_where_temporary_tables_are_forbidden(world: TestDatabase, stranger: str) -> None:
    world.execute(f'revoke temporary on database "{world.name}" from public')
    with connect(world.dsn(stranger)) as db:
        with pytest.raises(NotPermitted) as caught:
            validate(db, GOOD, Deadline.after(20))
        assert caught.value.hint and caught.value.hint.startswith("GRANT TEMPORARY ON DATABASE t_")
        world.execute(f'grant create on database "{world.name}" to {stranger}')
        assert verdicts(db, *GOOD) == [None] * len(GOOD)
    assert world.execute("select count(*) from pg_namespace where nspname ~ 'postai_scratch'") == [(0,)]


def test_a_read_only_session_cannot(world: TestDatabase) -> None:
    with connect(f"{world.dsn()} options='-c default_transaction_read_only=on'") as db:
        with pytest.raises(FeatureMissing) as caught:
            validate(db, GOOD, Deadline.after(20))
        assert caught.value.sqlstate == "PA007" and "read-only" in str(caught.value.detail)


def test_nobody_waits_and_no_lock_is_kept(world: TestDatabase, db: Database) -> None:
    """A table that somebody rewrites does not matter: its definition is read from the catalogs."""
    with world.connect(autocommit=False) as other:
        other.execute("lock table app.customer in access exclusive mode")
        assert verdicts(db, *GOOD) == [None] * len(GOOD)
        other.execute("lock table app.invoice in access exclusive mode")
        found = validate(db, ["create index on app.invoice (customer) where paid", GOOD[0]], Deadline.after(20))
        assert found[0] is None and found[1] is None
        (locked,) = validate(db, [BAD_TWIN], Deadline.after(20))
        assert locked is not None and locked.sqlstate == "PA009" and not locked.tried and locked.hint


BAD_TWIN = "create index twin on app.invoice (customer, total desc) include (paid) where not paid"


def test_a_session_that_is_killed_leaves_nothing(world: TestDatabase) -> None:
    db = connect(world.dsn())
    pid = db.backend_pid
    timer = threading.Timer(0.05, lambda: world.execute(f"select pg_terminate_backend({pid})"))
    timer.start()
    with pytest.raises(Exception) as caught:
        for _ in range(200):
            validate(db, GOOD, Deadline.after(20))
    assert getattr(caught.value, "sqlstate", "") in ("08006", "57P01")
    timer.join()
    db.close()
    assert world.execute("select count(*) from pg_class where relname ~ 'copy_|postai_trial'") == [(0,)]


def test_the_deadline_holds(db: Database) -> None:
    with pytest.raises(DeadlineExceeded):
        validate(db, GOOD, Deadline.after(0))


def test_sixty_statements_over_ten_tables(database: TestDatabase) -> None:
    database.execute(
        "".join(f"create table t{n} (a int primary key, b text, c int, d timestamptz);" for n in range(10))
    )
    statements = [f"create index on t{n} ({keys})" for n in range(10) for keys in ("b", "c", "d", "b, c", "c, d", "a")]
    with connect(database.dsn()) as db:
        found = verdicts(db, *statements)
    assert [one for one in found if one] == ["42710"] * 10


def test_within_a_transaction_of_the_caller(world: TestDatabase, db: Database) -> None:
    with db.transaction():
        db.execute("create table app.fresh (a int)")
        assert verdicts(db, "create index on app.fresh (a)", "create index on app.fresh (b)") == [None, "42703"]
        assert db.query("select count(*) from app.fresh") == [(0,)]
    with world.connect() as other, pytest.raises(psycopg.errors.UndefinedTable):
        other.execute("select from app.copy_1")
