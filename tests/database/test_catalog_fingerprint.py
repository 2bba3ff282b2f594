"""The fingerprint of the catalog moves with definitions, rights and memberships, and with nothing else."""

from __future__ import annotations

import pytest

from postai.database import connect
from postai.database.catalog import fingerprint

BEFORE = """
create type mood as enum ('a');
create domain number as int;
create table t (a int primary key, b text, m mood);
create table other (a int);
create view v as select a from t;
create function f() returns int language sql as 'select 1';
create function g(int, int) returns bool language sql as 'select true';
create function h(mood) returns int language sql as 'select 1';
create policy p on t using (true);
create sequence s;
create index i on t (b);
create function compare(int, mood) returns int language sql immutable as 'select 0';
create function same(mood, mood) returns int language sql immutable as 'select 0';
create function apart(int, int) returns float8 language sql immutable as 'select 0.0::float8';
create function after(mood, mood) returns bool language sql as 'select true';
create function like_mood(int, mood) returns bool language sql as 'select true';
create operator >>> (leftarg = mood, rightarg = mood, function = after);
create operator === (leftarg = int, rightarg = mood, function = like_mood);
create statistics known on a, b from t;
create foreign data wrapper nothing;
create server away foreign data wrapper nothing;
create function trigger_function() returns trigger language plpgsql as 'begin return new; end';
"""


@pytest.mark.parametrize(
    "change",
    [
        "create table x ()",
        "drop table other",
        "alter table t add column c int",
        "alter table t drop column b",
        "alter table t rename column b to c",
        "alter table t rename to x",
        "alter table t alter column b type varchar(10)",
        "alter table t alter column b set not null",
        "alter table t alter column b set default 'x'",
        "create schema x",
        "alter table other set schema y",
        "comment on table t is 'x'",
        "comment on column t.b is 'x'",
        "comment on function f is 'x'",
        "alter table t add check (a > 0)",
        "alter table t add foreign key (a) references t",
        "alter table t drop constraint t_pkey",
        "create index on t (b)",
        "drop index i",
        "alter index i rename to j",
        "alter type mood add value 'b'",
        "alter type mood rename value 'a' to 'c'",
        "alter domain number add check (value > 0)",
        "grant select on t to public",
        "grant select (a) on t to public",
        "grant usage on schema public to pg_monitor",
        "revoke execute on function f from public",
        "alter table t owner to pg_monitor",
        "create function x() returns int language sql as 'select 1'",
        "create or replace function f() returns int language sql as 'select 2'",
        "alter function f stable",
        "drop function f",
        "create operator <=> (leftarg = int, rightarg = int, function = g)",
        "create cast (mood as int) with function h(mood)",
        "create or replace view v as select a from t where a > 1",
        "alter view v set (security_barrier = true)",
        "alter policy p on t using (a > 1)",
        "drop policy p on t",
        "alter table t enable row level security",
        "alter table t force row level security",
        "create trigger x before insert on t for each row execute function trigger_function()",
        "create table x partition of parts for values in (1)",
        "create extension pg_trgm",
        "alter extension plpgsql add function f()",
        "alter operator family pg_catalog.integer_ops using btree add function 1 (int, mood) compare(int, mood)",
        "alter operator family pg_catalog.integer_ops using btree add operator 1 === (int, mood)",
        "create operator class c for type mood using btree as operator 1 >>> , function 1 same(mood, mood)",
        "create statistics st on a, (b || 'x') from t",
        "drop statistics known",
        "create type span as range (subtype = int, subtype_diff = apart)",
        "alter server away options (add x 'y')",
        "grant pg_monitor to {role}",
        "alter role {role} superuser",
    ],
)
def test_the_fingerprint_moves_with(change: str, database) -> None:
    role = f"r_{database.name}"
    with connect(database.dsn()) as db:
        db.execute(BEFORE + f"create role {role}; create table parts (a int) partition by list (a); create schema y")
        try:
            before = fingerprint(db)
            assert fingerprint(db) == before
            db.execute(change.format(role=role))
            assert fingerprint(db) != before
        finally:
            db.execute(f"drop owned by {role}; drop role {role}")


def test_the_fingerprint_does_not_move_with_rows_or_maintenance(database) -> None:
    with connect(database.dsn()) as db, connect(database.dsn()) as other:
        db.execute(BEFORE)
        db.execute("create materialized view mv as select * from t; create unique index on mv (a)")
        before = fingerprint(db)
        for statement in (
            "insert into t select i, i from generate_series(1, 2000) i",
            "update t set b = 'x'",
            "delete from t where a > 1000",
            "select nextval('s')",
            "analyze",
            "vacuum",
            "vacuum (freeze)",
            "vacuum (freeze, analyze) t",
            "vacuum (freeze) pg_catalog.pg_class",
            "vacuum (freeze) pg_catalog.pg_attribute",
            "truncate t",
            "vacuum full t",
            "reindex table t",
            "refresh materialized view mv",
            "refresh materialized view concurrently mv",
            "create temporary table x (a int primary key, b text default 'x'); create index on x (b)",
            "create temporary view y as select 1",
            "set work_mem = '5MB'",
        ):
            other.execute(statement)
            assert fingerprint(db) == before, statement
        with other.transaction():
            other.execute("create table not_yet ()")
            assert fingerprint(db) == before
            assert fingerprint(other) != before
