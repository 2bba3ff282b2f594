"""Attacks on the whole: a plain user, a hostile model that writes whatever SQL it likes, hostile objects of others."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from agent_support import AgentProcess, install_postai, running, wait_for
from test_agent import make_agent, prepared, script

from conftest import TestDatabase, drop_database, make_database
from model_server import ModelServer, Role, model_server
from postai.setup.server import LocalServer
from postai.setup.transport import Transport

OBJECTS = """
grant postai_user to bob; grant create on schema public to eve; grant create on schema public to bob;
create table fruit (id int, name text); insert into fruit values (1, 'apple');
grant select on fruit, orders to bob, eve;
"""
EVIL = """
create function public.evil() returns text volatile language plpgsql as
  $$ begin raise exception 'SPRUNG as %', current_user; end $$;
create function public.evil(int) returns int immutable language plpgsql as
  $$ begin raise exception 'SPRUNG as %', current_user; end $$;
create view public.v as select 'harmless'::text as x; grant select on public.v to bob;
create table public.t (a int); insert into public.t select generate_series(1, 100); grant select on public.t to bob;
"""


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with model_server(Role(script=script)) as server:
        yield server


@contextlib.contextmanager
def made(server: LocalServer, transport: Transport, model: ModelServer) -> Iterator[tuple[TestDatabase, AgentProcess]]:
    """A database that bob may ask, and its agent, not started yet."""
    place = Path(tempfile.mkdtemp(prefix="postai-x-"))
    place.chmod(0o755)
    database = make_database(server)
    prepared(database, transport, place)
    for name in ("bob", "eve"):
        database.execute(
            f"do $$ begin create role {name} login password '{name}'; exception when duplicate_object then null; end $$"
        )
    database.execute(f"{OBJECTS}; select postai.set('reuse_answers_days', '0')")  # the model thinks each time
    yield database, make_agent(place, model, database)
    drop_database(database)
    shutil.rmtree(place)


@pytest.fixture(scope="module", params=["socket", "dblink"])
def home(request: pytest.FixtureRequest, model: ModelServer) -> Iterator[TestDatabase]:
    """A database that is asked by bob and where eve may make objects: socket on 15, dblink on 18."""
    server: LocalServer = request.getfixturevalue("pg15" if request.param == "socket" else "pg18")
    with made(server, request.param, model) as (database, agent):
        database.execute(EVIL, "eve")
        with running(agent):
            agent.until("leading this database")
            agent.until("the socket is open")
            yield database


@pytest.fixture(autouse=True)
def prompt_model(model: ModelServer) -> Iterator[None]:
    model.role.delay = 0.0
    model.seen.clear()
    yield
    model.role.delay = 0.0


def ask(connection: psycopg.Connection, sql: str) -> list[tuple[object, ...]]:
    return connection.execute("select postai.ask(%s)", (f"sql {sql}",)).fetchall()


def test_a_temporary_table_is_not_read_in_the_place_of_the_table_that_was_checked(home: TestDatabase) -> None:
    for path in ('"$user", public', "pg_temp, public", "public, pg_temp"):
        with home.connect("bob") as connection:
            connection.execute(f"set search_path = {path}")
            connection.execute("create temp table fruit (id int, name text)")
            connection.execute("insert into pg_temp.fruit values (9, 'temporary')")
            assert ask(connection, "select name from fruit") == [({"name": "apple"},)]
            connection.execute("call postai.run('sql select name from fruit')")
            assert connection.execute("fetch all from ask").fetchall() == [("apple",)]
            assert connection.execute("show search_path").fetchone() == (path,)


def test_a_view_that_changes_while_the_model_thinks(home: TestDatabase, model: ModelServer) -> None:
    with home.connect("bob") as bob, home.connect("eve") as eve:
        eve.execute("create or replace view v as select 'harmless'::text as x")
        assert ask(bob, "select x from v") == [({"x": "harmless"},)]
        model.seen.clear()
        model.role.delay = 1.0

        def swap() -> None:
            wait_for(lambda: model.seen)
            eve.execute("create or replace view v as select evil() as x")

        thread = threading.Thread(target=swap)
        thread.start()
        with pytest.raises(psycopg.Error) as caught:
            ask(bob, "select x from v")
        thread.join()
        assert caught.value.sqlstate == "PA003" and "SPRUNG" not in str(caught.value)


@pytest.mark.parametrize("call", ["select postai.ask(%s)", "call postai.run(%s)", "select * from postai.answer(%s)"])
@pytest.mark.parametrize("evil", ["evil()", "evil(1)::text"])
def test_a_view_that_changes_while_the_statement_waits_for_its_lock(home: TestDatabase, evil: str, call: str) -> None:
    with home.connect("bob") as bob, home.connect("eve") as eve:
        eve.execute("create or replace view v as select 'harmless'::text as x")
        ask(bob, "select x from v")
        eve.execute("begin")
        eve.execute(f"create or replace view v as select {evil} as x")

        def commit() -> None:
            waiting = "select count(*) from pg_locks where not granted and relation = 'v'::regclass"
            wait_for(lambda: home.execute(waiting)[0][0])
            eve.execute("commit")

        thread = threading.Thread(target=commit)
        thread.start()
        try:
            said = str(bob.execute(call, ("sql select x from v",)).fetchall())  # postai.answer tells it in a row
        except psycopg.Error as error:
            said = f"{error.sqlstate} {error}"
        thread.join()
        assert "definitions changed" in said and "SPRUNG" not in said


def test_statistics_on_an_expression_run_nothing(home: TestDatabase) -> None:
    with home.connect("bob") as bob, home.connect("eve") as eve:
        ask(bob, "select count(*) from t where a > 3")
        eve.execute("create statistics st on (a + evil(1)), (a * 2) from t")
        with pytest.raises(psycopg.Error) as caught:
            ask(bob, "select count(*) from t where a * 2 > 4 group by a + 1")
        eve.execute("drop statistics st")
        assert caught.value.sqlstate == "PA003" and "SPRUNG" not in str(caught.value)


def test_definitions_of_the_same_transaction_are_told(home: TestDatabase) -> None:
    with home.connect("bob") as bob, bob.transaction():
        bob.execute("create table mine (a int)")
        with pytest.raises(psycopg.errors.SerializationFailure) as caught:
            ask(bob, "select name from fruit")
        assert "commit first" in (caught.value.diag.message_hint or "")
        raise psycopg.Rollback


def test_conversations_that_nobody_reads_stop_nobody(home: TestDatabase) -> None:
    with home.connect("bob") as bob, home.connect() as other:
        bob.execute(
            "select count(postai._open('sql', 'sql select ' || g, 'bob', '{public}', 10, null))"
            " from generate_series(1, 200) as g"
        )
        begin = time.monotonic()
        assert ask(other, "select 3 as x") == [({"x": 3},)]
        assert time.monotonic() - begin < 15
        assert home.execute("select count(*) from postai.job where state in ('queued', 'running', 'asking')")[0][0] in (
            0,
            1,
        )


def test_the_second_connection_is_closed_to_users(home: TestDatabase) -> None:
    if home.execute("select postai._transport()") != [("dblink",)]:
        pytest.skip("only dblink has one")
    with home.connect("bob") as bob:
        ask(bob, "select 1 as x")
        login = home.execute("select login from postai.transport")[0][0]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            bob.execute(f"select public.dblink_exec('postai', $$alter role {login} password 'x'$$)")
        assert ask(bob, "select 2 as x") == [({"x": 2},)]


def test_an_overload_of_an_allowed_function_is_not_allowed(home: TestDatabase) -> None:
    home.execute("create function nice(int, text) returns int immutable language sql as 'select 1'")
    try:
        with home.connect("bob") as bob, home.connect("eve") as eve:
            home.execute("select postai.set('allowed_functions', 'public.nice')")
            assert ask(bob, "select nice(1, 'x') as n") == [({"n": 1},)]
            eve.execute(
                "create function nice(text) returns text language plpgsql as"
                " $$ begin raise exception 'SPRUNG as %', current_user; end $$"
            )
            with pytest.raises(psycopg.Error) as caught:
                ask(bob, "select nice(name) from fruit")
            assert caught.value.sqlstate == "PA003" and "argument types" in (caught.value.diag.message_hint or "")
            home.execute("select postai.set('allowed_functions', 'public.nice(integer, text), public.other')")
            assert ask(bob, "select nice(1, 'x') as n") == [({"n": 1},)]
    finally:
        home.execute("select postai.set('allowed_functions', null); drop function nice(int, text)")
        home.execute("drop function if exists nice(text)")


def test_a_stranger_who_takes_the_agents_lock_is_shown_out(model: ModelServer, pg18: LocalServer) -> None:
    with made(pg18, "dblink", model) as (database, agent), database.connect("bob") as bob:
        bob.execute("select pg_advisory_lock(1886352244, 1)")
        with running(agent):
            agent.until("leading this database")
            assert "ended sessions that held the agent's lock" in agent.events()
        with pytest.raises(psycopg.OperationalError):
            bob.execute("select 1")


def test_passwords_of_an_installation_are_written_down_nowhere(pg18: LocalServer) -> None:
    database = make_database(pg18)
    with database.connect() as admin:
        admin.execute("create extension pg_stat_statements")
        admin.execute("select pg_stat_statements_reset()")
        admin.execute(f'alter database "{database.name}" set log_statement = "all"')
        before = len(pg18.log.read_text(errors="replace"))
        install_postai(database, "dblink")
        written = admin.execute(
            "select query from pg_stat_statements where query ~* 'user mapping for|role .* password'"
        ).fetchall()
        assert not [text for (text,) in written if "password '" in text]
    log = pg18.log.read_text(errors="replace")[before:]
    assert "create server postai_loopback" in log  # it does write statements down
    assert "SCRAM-SHA-256$" not in log and "options (user 'postai_transport" not in log
    drop_database(database)
