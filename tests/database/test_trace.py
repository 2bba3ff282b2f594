"""Locks, rewrites and scans seen on an empty copy are those that the statements really have on filled tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from trace_data import SETUPS, Form, alone, forms
from trace_support import Truth, make, told
from trace_support import alone as really_alone
from trace_support import in_transaction as really

from conftest import TestDatabase
from postai.cli.main import run
from postai.database import Database, connect
from postai.deadline import Deadline
from postai.migrate.explained import explained
from postai.migrate.trace import trace
from postai.migrate.types import Traced
from postai.scratch.affected import Names, affected
from postai.scratch.definitions import read_definitions
from postai.scratch.harmless import Harmless
from postai.scratch.schema_copy import make_copy
from postai.scratch.scratch_database import PREFIX, opener, scratch_database
from postai.scratch.scratch_schema import scratch_schemas

SUITE_PART = 15
"""One of so many forms is measured in every run; all of them in the soak."""

AT_ONCE = 100
"""Forms that are traced together: all their tables are looked at after each."""


def traced(database: TestDatabase, statements: Sequence[str], user: str | None = None) -> tuple[Traced, ...]:
    """A trace as a role."""
    dsn = database.dsn(user)
    with connect(dsn) as db:
        return trace(db, statements, Deadline.after(120), opener(dsn))


def traced_forms(database: TestDatabase, some: Sequence[Form]) -> list[Traced]:
    """Traces of forms, each on tables of its own, which are empty."""
    found: list[Traced] = []
    for at in range(0, len(some), AT_ONCE):
        statements: list[str] = []
        with database.connect() as session:
            for number, form in enumerate(some[at : at + AT_ONCE], start=at):
                schema = f"{form.setup}_{number}"
                make(session, schema, form.setup, filled=False)
                statements += [f"set search_path = {schema}", form.sql(schema)]
        found += traced(database, statements)[1::2]
    return found


def differences(database: TestDatabase, some: Sequence[Form]) -> list[str]:
    """Where trace and truth differ."""
    found = []
    with database.connect() as session:
        for setup in SETUPS:
            make(session, setup, setup, filled=True)
        truths = [really(session, form.setup, form.sql(form.setup)) for form in some]
    for form, truth, one in zip(some, truths, traced_forms(database, some), strict=True):
        if told(one) != truth:
            found.append(f"{form.text}\n  really {truth}\n  traced {told(one)} {one.error} {one.note}")
    return found


def test_traces_are_true(database: TestDatabase) -> None:
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    assert differences(database, forms(major)[::SUITE_PART]) == []


@pytest.mark.soak
def test_traces_of_all_forms_are_true(database: TestDatabase) -> None:
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    assert differences(database, forms(major)) == []


@pytest.mark.soak
def test_locks_outside_transactions_are_true(database: TestDatabase) -> None:
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    found = alone(major)
    for form, one in zip(found, traced_forms(database, found), strict=True):
        truth = really_alone(database, form)
        seen = told(one)
        assert (seen if truth.error is None else Truth(in_transaction=False, error=seen.error)) == truth, form.text


def test_measured_rows(database: TestDatabase, shared: Path) -> None:
    """Every row of the outside data, all fields that a trace gives."""
    major = int(database.execute("show server_version_num")[0][0]) // 10000
    lines = (shared / "reference" / "ddl_locks.jsonl").read_text("utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if major in row["pg"] and not row.get("error")]
    assert len(rows) > 60
    statements = []
    with database.connect() as session:
        for number, row in enumerate(rows):
            session.execute(f"create schema f{number}; set search_path = f{number}")
            for statement in row["setup"]:
                if not statement.startswith("insert"):
                    session.execute(statement)
            statements += [f"set search_path = f{number}", row["ddl"]]
    for row, one in zip(rows, traced(database, statements)[1::2], strict=True):
        found = explained(one)
        wanted = {
            name: row[name]
            for name in ("locks", "blocks", "rewrites", "rewritten", "rebuilt_indexes", "scans", "scanned",
                         "in_transaction_allowed")
        }  # fmt: skip
        assert {name: found[name] for name in wanted} == wanted, row["id"]
        assert found["error"] is None and found["traced"]


@pytest.fixture
def plain(database: TestDatabase) -> str:
    """A role that may make schemas, but no database."""
    name = f"{database.name}_plain"
    database.execute(f"create role {name} login password '{name}'; grant create on database {database.name} to {name}")
    return name


def test_without_createdb_the_same_is_seen(database: TestDatabase, plain: str) -> None:
    some = forms(15)[::40] + alone(15)[::10]
    some += tuple(one for one in alone(15) if "day_2 detach" in one.text or "on day (id)" in one.text)
    one = make_other(database, some)
    with database.connect(autocommit=False) as other:  # CREATE INDEX CONCURRENTLY would wait for it
        other.execute("begin isolation level repeatable read; select 1")
        with_database, with_schemas = traced(database, one), traced(database, one, plain)
    for first, second in zip(with_database, with_schemas, strict=True):
        assert told(first) == told(second), first.statement
    assert database.execute(f"select nspname from pg_namespace where starts_with(nspname, '{PREFIX}')") == []


def make_other(database: TestDatabase, some: Sequence[Form]) -> list[str]:
    """Statements, each on a schema of its own."""
    statements = []
    with database.connect() as session:
        for number, form in enumerate(some):
            make(session, f"o{number}", form.setup, filled=False)
            statements += [f"set search_path = o{number}", form.sql(f"o{number}")]
    return statements


HOSTILE = """
create function bad() returns int language plpgsql immutable as 'begin return 1; end';
create function worse() returns int language sql stable as $$ select set_config('postai.ran', 'yes', false)::int $$;
create table victim (id int primary key, a int default bad(), check (a > bad()));
create index victim_bad on victim ((a + bad()));
create view inner_view as select pg_reload_conf() as done;
create materialized view ends as select * from inner_view with no data;
create or replace function bad() returns int language plpgsql immutable as 'begin raise exception ''ran''; end';
"""


def test_nobodys_code_runs(database: TestDatabase) -> None:
    database.execute(f"set check_function_bodies = off; {HOSTILE}")
    statements = [
        "alter table victim add column b int default worse()",
        "alter table victim add check (a < bad())",
        "create function later() returns int language plpgsql immutable as 'begin raise exception ''ran''; end'",
        "alter table victim add column c int default later()",
        "refresh materialized view ends",
        "create view fine as select pg_reload_conf() as x",
        "create table copied as select * from fine",
        "create policy own on victim using (a = current_setting('app.own')::int)",
    ]
    found = traced(database, statements)
    assert [one.error for one in found[:4]] == [None] * 4
    assert [one.traced for one in found] == [True] * 4 + [False, True, False, True]
    assert found[4].note == "not tried: it would run public.ends"
    assert found[4].locks == {"public.ends": "AccessExclusiveLock"}


def test_statements_that_are_not_tried(database: TestDatabase) -> None:
    database.execute("create table item (id int)")
    statements = [
        "do $$ begin raise exception 'ran'; end $$",
        "alter table item add column a bool default pg_reload_conf()",
        "copy item from program 'true'",
        "create role somebody",
        "alter system set work_mem = '1GB'",
        "create event trigger watch on ddl_command_start execute function nothing()",
        "create database other",
        "comment on database postgres is 'x'",
        "select pg_terminate_backend(1)",
        "call nothing()",
        "create extension plpython3u",
        "lock table pg_authid in access exclusive mode",
        "vacuum full pg_catalog.pg_database",
    ]
    found = traced(database, statements)
    assert all(not one.traced and (one.note or "").startswith("not tried: ") for one in found)
    assert found[1].locks == {"public.item": "AccessExclusiveLock"}  # known of the form
    assert [one.statement for one in found if not one.in_transaction] == [statements[4], statements[6], statements[-1]]


BLOCKS = """
do $$ begin alter table item add column z int; create index on other (name); end $$;
do $$ begin
  if not exists (select from information_schema.columns where table_name = 'item' and column_name = 'id') then
    alter table item add column id int;
  end if;
  if not exists (select from pg_constraint where conname = 'item_own') then
    alter table item add constraint item_own check (id > 0);
  end if;
end $$;
do $$ begin if (select count(*) > 5 from item) then execute 'alter table other alter id type bigint'; end if; end $$;
do $$ declare r record; begin
  for r in select relname from pg_class loop execute format('truncate %I', r.relname); end loop;
  drop table other;
end $$;
do $$ begin create index concurrently on item (id); end $$;
do $$ begin perform pg_reload_conf(); if pg_reload_conf() then alter table item add column q int; end if; end $$
"""


def test_blocks_are_read_and_run_where_only_catalogs_decide(database: TestDatabase, plain: str) -> None:
    database.execute("create table item (id int); create table other (id int, name text)")
    statements = [f"do {part.strip()}" for part in f";{BLOCKS}".split("do ")[1:]]
    for user in (None, plain):
        straight, catalogs, rows, made, alone, hostile = (traced(database, [one], user)[0] for one in statements)
        assert straight.traced and straight.scans == ("public.other",)
        assert straight.locks == {"public.item": "AccessExclusiveLock", "public.other": "ShareLock"}
        assert catalogs.locks == {"public.item": "AccessExclusiveLock"} and catalogs.scans == ("public.item",)
        assert catalogs.traced == (user is None)  # among the real tables nothing is run as it is
        assert rows.rewrites == ("public.other",) and "as if each" in (rows.note or "")
        assert made.locks == {"public.other": "AccessExclusiveLock"} and not made.traced
        assert explained(made)["scans"] is None
        assert alone.sqlstate == "25001" and alone.locks == {}
        assert hostile.locks == {"public.item": "AccessExclusiveLock"}
    assert database.execute("select count(*) from pg_attribute where attrelid = 'item'::regclass and attnum > 0") == [
        (1,)
    ]


def test_whole_database_statements_leave_shared_catalogs_alone(database: TestDatabase) -> None:
    database.execute("create table item (id int primary key); create schema app; create table app.other (a int unique)")
    files = (
        "select oid, pg_relation_filenode(oid), pg_stat_get_last_vacuum_time(oid) from pg_class"
        " where relisshared order by 1"
    )
    before = database.execute(files)
    vacuum, full, reindex, analyze, cluster = traced(
        database, ["vacuum", "vacuum full", f"reindex database {database.name}", "analyze", "cluster"]
    )
    assert database.execute(files) == before
    assert set(full.locks) == set(full.rewrites) == {"public.item", "app.other"}
    assert set(vacuum.locks.values()) == set(analyze.locks.values()) == {"ShareUpdateExclusiveLock"}
    assert reindex.rebuilt_indexes == ("app.other_a_key", "public.item_pkey") and not reindex.in_transaction
    assert cluster.locks == {} and not cluster.in_transaction


def test_script_settings_and_earlier_statements_count(database: TestDatabase) -> None:
    database.execute('create schema app; create table app.item (at timestamp); create table "Odd" (id int)')
    found = traced(
        database,
        [
            "begin",
            "set local search_path = app",
            "alter table item add column z int",
            "alter table item alter column z set not null",
            "set timezone = 'UTC'",
            "alter table item alter column at type timestamptz",
            "set timezone = 'Europe/Berlin'",
            "alter table item alter column at type timestamp",
            "commit",
            "create table fresh (id int)",
            "create index on fresh (id)",
            'update public."Odd" set id = 5',
            "drop table nothing",
        ],
    )
    assert found[2].locks == {"app.item": "AccessExclusiveLock"} and found[2].shown == {"app.item": "item"}
    assert found[3].scans == ("app.item",)
    assert found[5].rewrites == () and found[7].rewrites == ("app.item",)
    assert found[10].locks == {"app.fresh": "ShareLock"}
    assert found[11].locks == {'public."Odd"': "RowExclusiveLock"} and found[11].scans == ('public."Odd"',)
    assert found[12].sqlstate == "42P01"


def test_leftovers_of_killed_runs_are_dropped(database: TestDatabase) -> None:
    dead = f"{PREFIX}1_abc_00000000"
    database.execute(f"create database {dead}")
    database.execute(f"create schema {dead}_0")
    with connect(database.dsn()) as living:
        ((mark,),) = living.query(
            "select pid || '_' || to_hex((extract(epoch from backend_start) * 1000000)::int8)"
            " from pg_stat_activity where pid = pg_backend_pid()"
        )
        database.execute(f"create database {PREFIX}{mark}_1")
        traced(database, ["create table a (id int)"])
        left = database.execute(f"select datname from pg_database where starts_with(datname, '{PREFIX}')")
        assert left == [(f"{PREFIX}{mark}_1",)]
        database.execute(f"drop database {PREFIX}{mark}_1")


def test_a_role_that_can_make_nothing_hears_what_is_known(database: TestDatabase) -> None:
    database.execute("create table item (id int primary key, a int)")
    role = f"{database.name}_none"
    database.execute(f"create role {role} login password '{role}'")
    found = traced(
        database,
        [
            "alter table item add column b int",
            "create index concurrently on item (a)",
            "vacuum item",
            "drop table item",
        ],
        role,
    )
    modes = ("AccessExclusiveLock", "ShareUpdateExclusiveLock", "ShareUpdateExclusiveLock", "AccessExclusiveLock")
    assert [dict(one.locks) for one in found] == [{"public.item": mode} for mode in modes]
    assert all(not one.traced and "no copy can be made" in (one.note or "") for one in found)
    assert [one.in_transaction for one in found] == [True, False, False, True]


def test_event_triggers_keep_schemas_from_being_made(database: TestDatabase, plain: str) -> None:
    database.execute(
        """
        create table item (id int);
        create function stop() returns event_trigger language plpgsql as 'begin raise exception ''ran''; end';
        create event trigger stop on ddl_command_start execute function stop();
        """
    )
    (one,) = traced(database, ["alter table item add column b int"], plain)
    assert not one.traced and "event triggers" in (one.note or "")
    (two,) = traced(database, ["alter table item add column b int"])  # a database of its own has none
    assert two.traced and two.locks == {"public.item": "AccessExclusiveLock"}


def test_copies_have_the_definitions_of_the_real_objects(database: TestDatabase, plain: str) -> None:
    database.execute((Path(__file__).parent / "odd.sql").read_text("utf-8"))
    with connect(database.dsn()) as db:
        deadline, judge = Deadline.after(60), Harmless(db)

        def definitions(of: Database) -> tuple[set[str], set[str]]:
            whole = affected(of, Names(frozenset(), everything=True), (), deadline)
            made = read_definitions(of, whole, (), judge, deadline)
            return {*made.statements, *made.publications}, set(made.filled)

        real = definitions(db)
        every = affected(db, Names(frozenset(), everything=True), (), deadline)
        read = read_definitions(db, every, (), judge, deadline)
        with scratch_database(db, opener(database.dsn()), deadline) as copy:
            assert make_copy(copy, read, deadline) == {}
            assert definitions(copy) == real
        with scratch_schemas(db, opener(database.dsn()), (), deadline) as (session, renaming):
            assert make_copy(session, read, deadline, renaming) == {}


def test_an_ordinary_role_with_createdb(database: TestDatabase) -> None:
    role = f"{database.name}_maker"
    database.execute(f"create role {role} login createdb password '{role}'")
    database.execute((Path(__file__).parent / "odd.sql").read_text("utf-8"))
    statements = [
        "alter table app.base add check (v <> 8)",
        "alter domain app.pos drop constraint lt",
    ]
    expected = traced(database, statements)
    assert [one.error for one in expected] == [None, None]
    assert [told(one) for one in traced(database, statements, role)] == [told(one) for one in expected]


def test_explain_command(
    database: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    database.execute("create table item (id int primary key, a int)")
    monkeypatch.setenv("POSTAI_DSN", database.dsn())
    file = tmp_path / "change.sql"
    file.write_text("alter table item alter a set not null; -- why\n create index concurrently on item (a);", "utf-8")
    assert run(["migrate", "explain", str(file), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["statements"]
    assert first["locks"] == {"item": "AccessExclusiveLock"} and first["scans"] and not first["rewrites"]
    assert second["locks"] == {"item": "ShareUpdateExclusiveLock"} and not second["in_transaction_allowed"]
    assert run(["migrate", "explain", str(file)]) == 0
    assert "item: AccessExclusiveLock, blocks reads+writes" in capsys.readouterr().out
    assert database.execute("select count(*) from pg_indexes where tablename = 'item'") == [(1,)]
