"""Schemas that postai lends the agent's login, which may make none itself: what it gets, and what nobody gets."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from agent_support import AGENT, install_postai

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.deadline import Deadline
from postai.migrate.trace import trace
from postai.migrate.types import Traced
from postai.scratch.scratch_database import PREFIX, opener
from postai.scratch.scratch_schema import drop_left_schemas
from postai.setup.install import InstallOptions, install
from postai.setup.server import LocalServer

TABLES = """
    create table item (id int primary key, a int, b text); create table part (id int primary key, item int);
    create view items as select id, a from item;
"""
FORMS = (
    "alter table item alter b type bigint using 1",
    "alter table item add column c int default 7",
    "create index concurrently on item (a)",
    "alter table part add foreign key (item) references item",
    "alter table item alter a set not null",
    "update item set a = 3 where id = 7",
    "create schema fresh",
    "create table fresh.thing (id int references item)",
    "drop table part",
)
LEFT = f"select nspname::text from pg_namespace where starts_with(nspname, '{PREFIX}') order by 1"


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def world(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    server: LocalServer = request.getfixturevalue(request.param)
    database = make_database(server)
    install_postai(database, "call")
    database.execute(TABLES)
    yield database
    drop_database(database)


@pytest.fixture
def agent(world: TestDatabase) -> Iterator[psycopg.Connection]:
    """A session of the agent's login, as the installer made it."""
    with psycopg.connect(world.dsn(AGENT), autocommit=True) as connection:
        yield connection


def traced(database: TestDatabase, user: str | None) -> tuple[Traced, ...]:
    dsn = database.dsn(user)
    with connect(dsn) as db:
        return trace(db, FORMS, Deadline.after(60), opener(dsn))


def own_name(agent: psycopg.Connection, number: int) -> str:
    """A name that this session may have."""
    row = agent.execute(
        "select concat(pid, '_', to_hex((extract(epoch from backend_start) * 1000000)::int8))"
        " from pg_stat_activity where pid = pg_backend_pid()"
    ).fetchone()
    assert row is not None
    return f"{PREFIX}{row[0]}_0123abcd_{number}"


def lend(agent: psycopg.Connection, name: str) -> None:
    agent.execute("select postai._lend_scratch_schema(%s)", (name,))


def test_the_agent_of_the_default_installation_sees_what_a_superuser_sees(world: TestDatabase) -> None:
    seen, wanted = traced(world, AGENT), traced(world, None)
    assert all(one.traced and one.error is None for one in seen), seen
    assert seen == wanted
    assert world.execute(LEFT) == []


def test_an_owner_who_is_no_superuser_lends_them_too(world: TestDatabase) -> None:
    database = make_database(world.server)
    owner = f"{database.name}_owner"
    database.execute(f"create role {owner} login password '{owner}'; alter database {database.name} owner to {owner}")
    try:
        with connect(database.dsn(owner)) as db:
            install(db, InstallOptions(transport="call"))
        database.execute(TABLES)
        assert [(one.note, one.error) for one in traced(database, AGENT)] == [(None, None)] * len(FORMS)
        assert database.execute(LEFT) == []
    finally:
        drop_database(database)
        world.execute(f"drop role {owner}")


@pytest.mark.parametrize(
    "name", ["public", f"{PREFIX}1_abc_00000000_0", 'x"; drop schema public cascade; --', "", "{own}x", "{own}_0"]
)
def test_no_other_name_is_lent(agent: psycopg.Connection, name: str) -> None:
    with pytest.raises(psycopg.Error) as caught:
        lend(agent, name.replace("{own}", own_name(agent, 1)))
    assert caught.value.sqlstate == "PA006" and PREFIX in (caught.value.diag.message_hint or "")


def test_nobody_drops_what_was_not_lent_to_him(world: TestDatabase, agent: psycopg.Connection) -> None:
    strange, mine = f"{PREFIX}1_abc_00000000_0", own_name(agent, 0)
    other = f"{world.name}_agent"
    world.execute(f"create schema {strange}; create role {other} login password '{other}' in role postai_agent")
    lend(agent, mine)
    agent.execute(f"create table {mine}.copy (id int)".encode())
    try:
        for user, name in ((AGENT, strange), (AGENT, "public"), (AGENT, "postai"), (other, mine)):
            with psycopg.connect(world.dsn(user)) as thief, pytest.raises(psycopg.Error) as caught:
                thief.execute("select postai._return_scratch_schema(%s)", (name,))
            assert caught.value.sqlstate == "3F000" and "lists them" in (caught.value.diag.message_hint or "")
        with psycopg.connect(world.dsn(other)) as thief, pytest.raises(psycopg.errors.InsufficientPrivilege):
            thief.execute(f"create table {mine}.stolen (id int)".encode())
        agent.execute("select postai._return_scratch_schema(%s)", (mine,))
        assert world.execute(LEFT) == [(strange,)]
    finally:
        world.execute(f"drop schema {strange}; drop role {other}")


def test_at_most_200_are_lent(world: TestDatabase, agent: psycopg.Connection) -> None:
    name = own_name(agent, 1).removesuffix("1")
    with pytest.raises(psycopg.Error) as caught, agent.transaction():
        agent.execute("select postai._lend_scratch_schema(%s || g) from generate_series(1, 201) g", (name,))
    assert caught.value.sqlstate == "PA006" and "drops them" in (caught.value.diag.message_hint or "")
    assert world.execute(LEFT) == []


def test_nobodys_event_trigger_runs_with_the_owners_rights(world: TestDatabase, agent: psycopg.Connection) -> None:
    left = own_name(agent, 0)
    lend(agent, left)
    world.execute(
        "create function stop() returns event_trigger language plpgsql as 'begin raise exception ''ran''; end';"
        "create event trigger stop on ddl_command_start execute function stop()"
    )
    try:
        for call in ("_lend_scratch_schema", "_return_scratch_schema"):
            with pytest.raises(psycopg.Error) as caught:
                agent.execute(f"select postai.{call}(%s)".encode(), (own_name(agent, 1) if "lend" in call else left,))
            assert caught.value.sqlstate == "PA007" and "CREATEDB" in (caught.value.diag.message_hint or "")
        assert not any(one.traced for one in traced(world, AGENT))
    finally:
        world.execute("drop event trigger stop; drop function stop()")
    agent.execute("select postai._return_scratch_schema(%s)", (left,))


def test_what_a_killed_agent_left_is_dropped_and_what_is_used_stays(
    world: TestDatabase, agent: psycopg.Connection
) -> None:
    used = own_name(agent, 0)
    lend(agent, used)
    with psycopg.connect(world.dsn(AGENT), autocommit=True) as dying:
        lend(dying, own_name(dying, 0))
        dying.execute(f"create table {own_name(dying, 0)}.copy (id int)".encode())
    with connect(world.dsn(AGENT)) as db:
        assert drop_left_schemas(db) == 1
    assert world.execute(LEFT) == [(used,)]
    agent.execute("select postai._return_scratch_schema(%s)", (used,))


def test_only_the_agent_is_lent_schemas(world: TestDatabase) -> None:
    user = f"{world.name}_user"
    world.execute(f"create role {user} login password '{user}' in role postai_user, postai_operator")
    try:
        with psycopg.connect(world.dsn(user)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select postai._lend_scratch_schema('x')")
    finally:
        world.execute(f"drop role {user}")


def test_copies_are_no_change_of_the_catalog(world: TestDatabase, agent: psycopg.Connection) -> None:
    place = own_name(agent, 0)
    ((before,),) = world.execute("select postai._catalog_fingerprint()")
    lend(agent, place)
    agent.execute(f"create table {place}.item (id int primary key); create index on {place}.item (id)".encode())
    assert world.execute("select postai._catalog_fingerprint()") == [(before,)]
    with connect(world.dsn()) as db:
        assert all(not one.schema.startswith(PREFIX) for one in load_catalog(db).tables)
    agent.execute("select postai._return_scratch_schema(%s)", (place,))
