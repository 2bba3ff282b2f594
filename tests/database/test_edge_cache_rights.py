"""Nobody is answered from memory what the server would refuse or answer differently: rights, roles, policies."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from edge_caches import CachingEdge, caching, simple
from psycopg import sql

from conftest import TestDatabase, superuser

ROWS = "select id, owner from note order by id"
SETUP = """
create table note (id int primary key, owner text);
insert into note values (1, 'ada'), (2, 'bob');
create publication postai_edge for all tables;
"""


@pytest.fixture
def role(database: TestDatabase) -> Iterator[str]:
    name = f"reader_{database.name}"
    with superuser(database.server) as connection:
        connection.execute(sql.SQL("create role {} login password {}").format(sql.Identifier(name), name))
        yield name
        connection.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))


@pytest.fixture(params=[True, False], ids=["told", "polled"])
def edge(request: pytest.FixtureRequest, database: TestDatabase, role: str) -> Iterator[CachingEdge]:
    with caching(database, f"{SETUP} grant select on note to {role}", triggers=request.param, max_staleness=0.5) as one:
        yield one
    database.execute(f"drop owned by {role}" if role_exists(database, role) else "select 1")


def role_exists(database: TestDatabase, role: str) -> bool:
    return bool(database.execute(f"select 1 from pg_roles where rolname = '{role}'"))


def answer(client: psycopg.Connection, text: str = ROWS) -> object:
    """What a client gets, or the SQLSTATE of its error."""
    try:
        return simple(client, text)
    except psycopg.Error as error:
        return error.sqlstate


def changed(
    edge: CachingEdge, client: psycopg.Connection, change: str, after: object, back: str, again: object
) -> None:
    """Fill, change, see the change; change back, and see that."""
    ask: Callable[[], object] = lambda: answer(client)  # noqa: E731
    time.sleep(0.3)  # roles are looked at every eighth of a second: what came and went between two looks is not seen
    assert edge.hit(ask) == again, change
    edge.database.execute(change)
    edge.becomes(ask, after)
    edge.database.execute(back)
    edge.becomes(ask, again)


def test_what_is_taken_from_a_role_is_taken_from_memory(edge: CachingEdge, role: str) -> None:
    both, refused = [(1, "ada"), (2, "bob")], "42501"
    group = f"group_{role}"
    edge.database.execute(f"create role {group}")
    try:
        with edge.connect(role) as client:
            changed(
                edge, client, f"revoke select on note from {role}", refused, f"grant select on note to {role}", both
            )
            changed(
                edge,
                client,
                "revoke usage on schema public from public",
                "42P01",
                "grant usage on schema public to public",
                both,
            )
            changed(
                edge, client, "alter table note enable row level security", [],
                "alter table note disable row level security", both,
            )  # fmt: skip
            changed(
                edge, client, "alter table note rename to letter", "42P01", "alter table letter rename to note", both
            )
            edge.database.execute(
                f"revoke select on note from {role}; grant select on note to {group}; grant {group} to {role}"
            )
            edge.becomes(lambda: answer(client), both)
            changed(edge, client, f"revoke {group} from {role}", refused, f"grant {group} to {role}", both)
    finally:
        edge.database.execute(f"drop owned by {group}; drop role {group}")


def test_policies_decide_for_everybody_anew(edge: CachingEdge, role: str) -> None:
    with edge.connect(role) as client, edge.connect() as owner:
        edge.hit(lambda: answer(client))
        edge.hit(lambda: answer(owner))
        edge.database.execute(
            "begin; alter table note enable row level security;create policy own on note using (owner = 'ada'); commit"
        )
        edge.becomes(lambda: answer(client), [(1, "ada")])
        edge.database.execute("alter policy own on note using (owner = 'bob')")
        edge.becomes(lambda: answer(client), [(2, "bob")])
        assert len(simple(owner, ROWS)) == 2


def test_a_role_that_is_no_more_gets_nothing(edge: CachingEdge, role: str) -> None:
    with edge.connect(role) as client:
        edge.hit(lambda: answer(client))
        edge.database.execute(f"drop owned by {role}; drop role {role}")
        edge.becomes(lambda: client.closed or isinstance(answer(client), str | None), True)


def test_settings_of_a_role_and_of_a_session_count(edge: CachingEdge, role: str) -> None:
    edge.database.execute(
        "create schema elsewhere; create table elsewhere.note (id int primary key, owner text);"
        f"insert into elsewhere.note values (3, 'eve'); grant usage on schema elsewhere to {role};"
        f"grant select on elsewhere.note to {role}; grant {role} to postgres"
    )
    both, other = [(1, "ada"), (2, "bob")], [(3, "eve")]
    with edge.connect(role) as client:
        edge.becomes(lambda: answer(client), both)
        changed(
            edge,
            client,
            f"alter role {role} set search_path = elsewhere",
            other,
            f"alter role {role} reset search_path",
            both,
        )
    with edge.connect(role) as client:
        edge.hit(lambda: answer(client))
        client.execute("set search_path = elsewhere")
        assert answer(client) == other
        client.execute("reset search_path")
        assert answer(client) == both
    edge.database.execute(f"revoke select on note from {role}")
    with edge.connect() as client:
        edge.hit(lambda: answer(client))
        client.execute(f"set role {role}")  # type: ignore[arg-type]
        assert answer(client) == "42501"
