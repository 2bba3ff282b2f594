"""An agent, or a row in its queue, that sends whatever it likes: nothing is written in the name of the caller."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sql_core import Core, core, make_login

from conftest import drop_database, make_database
from postai.database import connect
from postai.database.catalog import fingerprint, fingerprint_query

WAYS = [("pg15", "socket"), ("pg18", "dblink"), ("pg18", "call")]
VERBS = [
    "select postai.ask(%s)",
    "select postai.sql(%s)",
    "select * from postai.answer(%s)",
    "select postai.prepare(%s)",
    "call postai.run(%s)",
]
WRITES = [
    "select 1; create table public.pwned ()",
    "select 1; insert into public.fruit values (99, 'pwned')",
    "select 1) as q; insert into public.fruit values (99, 'pwned'); select * from (select 2",
    "create table public.pwned (); select 1",
    "select 1) as q; create table public.pwned (); select * from (select 2",
    "select 1) as q; create table public.pwned (); --",
    "select 1 -- ; \n; create table public.pwned ()",
    "select 1 /* ; */; create table public.pwned ()",
    "select 1 /* /* */ */ ; /**/ create table public.pwned ()",
    "select 1) as q; create table public.pwned (); /*",
    "select $$;$$; create table public.pwned (); select $a$ $$ $a$",
    "select $a$; --$a$; create table public.pwned ()",
    "select E'\\''; create table public.pwned (); select '",
    "select '\\'; create table public.pwned (); select 1 as \"'\"",
    "select U&'\\0027'; create table public.pwned (); --'",
    'select U&"a\\0022" from (select 1) as q("a"""); create table public.pwned ()',
    'select 1 as ";"; create table public.pwned ()',
    "select 1; set transaction_read_only = off; create table public.pwned ()",
    "select 1; commit; create table public.pwned ()",
    "select 1; do $$ begin create table public.pwned (); end $$",
    "select 1 into public.pwned",
    "select * into public.pwned from (select 1) as q",
    "create table public.pwned ()",
    "create table public.pwned as select 1",
    "with w as (insert into public.fruit values (99, 'pwned') returning 1) select * from w",
    "insert into public.fruit values (99, 'pwned') returning id",
]


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(way), scope="module")
def one(request: pytest.FixtureRequest) -> Iterator[Core]:
    server, transport = request.param
    database = make_database(request.getfixturevalue(server))
    with core(database, transport) as made:
        make_login(database, "operator", "postai_operator")
        yield made
    drop_database(database)


def try_it(one: Core, sql: str, every: bool) -> None:
    """Send a statement in frames of every kind, to all verbs or to two of them in turn; nothing is written."""
    seen = one.database.execute("select postai._catalog_fingerprint()")[0][0]
    frames = [f"{kind}: {sql}" for kind in ("sql", "explain", "analyze", "digest", "query")]
    for number, question in enumerate((*frames, f'unchanged "{seen}": {sql}'), WRITES.index(sql)):
        verbs = VERBS if every else [VERBS[number % 5], VERBS[(number + 2) % 5]]
        for scs in ("on", "off") if "\\" in sql else ("on",):
            with one.connect() as connection:  # a superuser, whom no missing right stops
                connection.execute("set standard_conforming_strings = " + scs)
                for call in verbs if one.transport != "call" else VERBS[-1:]:
                    with contextlib.suppress(psycopg.Error):
                        connection.execute(call, (question,))
                    with contextlib.suppress(psycopg.Error):
                        connection.execute("execute ask")
                    connection.execute("deallocate all")
    assert one.database.execute("select 1 from pg_class where relname = 'pwned'") == []
    assert one.database.execute("select 1 from public.fruit where id = 99") == []


@pytest.mark.parametrize("sql", WRITES)
def test_a_hostile_agent_writes_nothing(one: Core, sql: str) -> None:
    try_it(one, sql, every=one.transport == "socket")  # two sessions are made for every call of dblink


@pytest.mark.soak
@pytest.mark.parametrize("one", WAYS[1:2], ids=lambda way: "-".join(way), indirect=True)
def test_a_hostile_agent_writes_nothing_by_any_verb(one: Core) -> None:
    for sql in WRITES:
        try_it(one, sql, every=True)


def test_what_is_one_statement_passes(one: Core) -> None:
    with one.connect("asker") as connection:
        for sql in (
            "select ';', $$;$$ /* ; */ -- ;",
            'select 1 as ";";',
            "(select 1) union (values (2))",
            "table fruit",
        ):
            connection.execute("select postai._one_statement(%s)", (sql,))
        for sql in ("select 1; select 2", "select 1; select 1 from"):
            with pytest.raises(psycopg.Error) as caught:
                connection.execute("select postai._one_statement(%s)", (sql,))
            assert caught.value.sqlstate in ("PA003", "42601")
            if caught.value.sqlstate == "PA003":
                assert caught.value.diag.message_hint


def test_the_database_and_the_agent_take_the_same_fingerprint(one: Core) -> None:
    body = one.database.execute("select prosrc from pg_proc where proname = '_catalog_fingerprint'")[0][0]
    query = fingerprint_query()
    assert body.strip() == query[query.index("with space") :].strip()
    with connect(one.database.dsn()) as db:
        seen = fingerprint(db)
    for user in (None, "asker"):
        assert one.database.execute("select postai._catalog_fingerprint()", user) == [(seen,)]
    with one.connect("asker") as connection:
        for call in VERBS[-1:] if one.transport == "call" else VERBS:
            connection.execute(call, (f'unchanged "{seen}": select name from fruit where id = 1',))
            if "sql" not in call and "prepare" not in call:  # these run nothing
                with pytest.raises(psycopg.Error) as caught:
                    rows = connection.execute(call, ('unchanged "older": select name from fruit',)).fetchall()
                    assert "definitions changed" in str(rows)
                    raise psycopg.errors.SerializationFailure
                assert caught.value.sqlstate == "40001"


def told(one: Core, question: str) -> dict[str, Any]:
    """What the backend told the agent."""
    one.peer.said.clear()
    one.database.execute(f"call postai.run($q${question}$q$)", "asker")
    return one.peer.said[0]


def digest(one: Core, sql: str) -> object:
    return told(one, f"digest: {sql}").get("digest")


def test_analyze_runs_the_statement_and_keeps_nothing(one: Core) -> None:
    frame = told(one, "analyze: select name from public.fruit")
    plan = frame["plan"][0]["Plan"]
    assert (frame["type"], plan["Actual Rows"]) == ("explained", 3)
    assert "Shared Hit Blocks" in plan
    for sql, state in (
        ("select * from public.secret", "42501"),
        ("select 1 / (id - 1) from public.fruit", "22012"),
        ("select 1; select 2", "PA003"),
        ("insert into public.fruit values (99, 'x') returning 1", "25006"),
        ("create table public.pwned as select 1", "42601"),
    ):
        assert told(one, f"analyze: {sql}")["error"]["sqlstate"] in (state, "42501")


def test_a_digest_tells_only_whether_two_results_are_equal(one: Core) -> None:
    frame = told(one, "digest: select id, name from public.fruit")
    assert (frame["type"], frame["rows"]) == ("digested", 3)
    assert "apple" not in json.dumps(frame)
    # Another conversation has another key: the agent cannot look small results up in a table of its own.
    assert digest(one, "select 3") != digest(one, "select 3")
    many = told(one, "digest: select * from generate_series(1, 20000)")
    assert (many["digest"], many["rows"]) == (None, 10000)
    for sql, state in (("select * from public.secret", "42501"), ("select 1; select 2", "PA003"), ("selec", "42601")):
        assert told(one, f"digest: {sql}")["error"]["sqlstate"] == state


def test_equal_results_have_equal_digests(one: Core) -> None:
    def of(sql: str) -> object:
        return one.database.execute(f"select postai._digest($q${sql}$q$, 'public', null, 'a') ->> 'digest'")[0][0]

    base = of("select id, price from fruit")
    assert base == of("select id as x, price * 1.000 from fruit order by id desc")
    assert of("select 1 union all select 1") != of("select 1")
    assert of("select 1, 2") != of("select 2, 1")
    assert of("select null::int") != of("select ''")
    assert of("select '1'") != of("select 1")
    assert of("select from fruit") != of("select from fruit limit 1")
    assert of("select 0.1::float8 + 0.2::float8") == of("select 0.3")
    assert of("select '{\"b\": 1}'::json") == of("select '{\"b\": 1}'::json")


def test_only_postai_makes_digests_that_hold(one: Core) -> None:
    with one.connect("stranger") as connection:
        for call in ("_digest('select 1', 'public', null, 'a')", "_digest_key('a', '1 2')", "_analyze('select 1', '')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select postai.{call}")  # type: ignore[arg-type]
