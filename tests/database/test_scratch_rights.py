"""What the agent's functions for planning on copies write and tell: its own copies, and what it may read anyway."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from agent_support import AGENT, install_postai

from conftest import TestDatabase, drop_database, make_database
from postai.database import connect
from postai.deadline import Deadline
from postai.scratch.copy_planner import copy_planner
from postai.setup.server import LocalServer
from postai.sql.definitions import definitions

PLACE = "postai_scratch_0123456789abcdef"
STATISTICS = "select postai._copy_statistics(array['public.note'::regclass::oid], array['%s'::regclass::oid])"
READ = "select array_agg(attname::text order by attname) from pg_stats where schemaname = %s and tablename = 'note'"


@pytest.fixture(scope="module")
def world(pg15: LocalServer) -> Iterator[TestDatabase]:
    database = make_database(pg15)
    install_postai(database, "call")
    database.execute(
        "create domain word as text; create table public.note (id int, body word, secret text);"
        "insert into public.note select n, 'b' || n % 9, 's' || n % 7 from generate_series(1, 20000) n;"
        "create index on public.note (lower(secret)); analyze public.note;"
        f"grant select (id, body) on public.note to {AGENT}; grant create on database {database.name} to {AGENT}"
    )
    yield database
    drop_database(database)


@pytest.fixture
def agent(world: TestDatabase) -> Iterator[psycopg.Connection]:
    """The agent's session with an empty copy, in a transaction that is rolled back."""
    with psycopg.connect(world.dsn(AGENT)) as connection:
        connection.execute(f"create schema {PLACE}")
        connection.execute(f"create table {PLACE}.note (id int, body text, secret text)".encode())
        yield connection
        connection.rollback()


def test_an_ordinary_agent_plans_on_copies_before_18(world: TestDatabase) -> None:
    index = "create index on public.note (id)"
    with connect(world.dsn(AGENT)) as db:
        ((oid,),) = db.query("select 'public.note'::regclass::oid::int8")
        with copy_planner(db, [oid], Deadline.after(60), definitions(db)) as planner:
            before, after = (
                planner.explain("select id from note where id = 7", (), ("public",), some, Deadline.after(60))
                for some in ((), (index,))
            )
            hidden = planner.explain("select id from note where id = 7", (), ("public",), (), Deadline.after(60))
    assert before.root["Node Type"] == "Seq Scan" and after.used == {index} and not hidden.used
    assert after.root["Plan Rows"] == 1 and after.root["Total Cost"] < before.root["Total Cost"] / 10


def test_statistics_are_told_of_readable_columns_alone(agent: psycopg.Connection) -> None:
    assert agent.execute((STATISTICS % f"{PLACE}.note").encode()).fetchone() == (2,)
    assert agent.execute(READ, (PLACE,)).fetchone() == (["body", "id"],)
    assert agent.execute((STATISTICS % f"{PLACE}.note").encode()).fetchone() == (0,)


def test_nor_of_an_expression_over_others(agent: psycopg.Connection) -> None:
    agent.execute(f"create index note_lower on {PLACE}.note (lower(secret))")
    pair = f"array['public.note_lower_idx'::regclass::oid], array['{PLACE}.note_lower'::regclass::oid]"
    assert agent.execute(f"select postai._copy_statistics({pair})".encode()).fetchone() == (0,)


def test_nor_where_row_level_security_is_on(world: TestDatabase, agent: psycopg.Connection) -> None:
    world.execute("alter table public.note enable row level security")
    try:
        assert agent.execute((STATISTICS % f"{PLACE}.note").encode()).fetchone() == (0,)
    finally:
        agent.rollback()
        world.execute("alter table public.note disable row level security")


def test_a_column_of_another_type_gets_none(agent: psycopg.Connection) -> None:
    agent.execute(f'alter table {PLACE}.note alter id type bigint, alter body type text collate "C"'.encode())
    assert agent.execute((STATISTICS % f"{PLACE}.note").encode()).fetchone() == (0,)


def test_an_index_that_stores_keys_of_another_type_gets_none(agent: psycopg.Connection) -> None:
    """The values that were found may be of another type than the keys: the planner would read foreign memory."""
    agent.execute("create temp table documents (d jsonb); create temp table numbers (d int4)")
    agent.execute("insert into documents select jsonb_build_object('k', g % 3) from generate_series(1, 300) as g")
    agent.execute("create index documents_key on documents using gin ((d - 'zz') jsonb_path_ops)")
    agent.execute("create index numbers_key on numbers using gin ((array[d] || 1))")
    agent.execute("analyze documents")
    copy = "select postai._copy_statistics(array['{}'::regclass::oid], array['{}'::regclass::oid])"
    assert agent.execute(copy.format("documents_key", "numbers_key").encode()).fetchone() == (0,)
    # The same words over columns of other types are another expression.
    agent.execute(
        "create temp table days (d date);"
        "insert into days select date '2024-01-01' + g % 5 from generate_series(1, 300) as g"
    )
    agent.execute("create temp table sums (d int4)")
    agent.execute("create index days_key on days ((d - 1)); create index sums_key on sums ((d - 1)); analyze days")
    assert agent.execute(copy.format("days_key", "sums_key").encode()).fetchone() == (0,)
    agent.execute("create temp table dates (d date); create index dates_key on dates ((d - 1))")
    assert agent.execute(copy.format("days_key", "dates_key").encode()).fetchone() == (1,)


def test_nothing_but_own_copies_is_changed(world: TestDatabase, agent: psycopg.Connection) -> None:
    agent.execute("create table pg_temp.mine (a int)")
    agent.execute("create schema elsewhere; create table elsewhere.own (a int)")
    sizes = "select postai._set_copy_sizes(array[%s::regclass::oid], array[9], array[900::real], array[4])"
    seen = "select relpages, reltuples from pg_class where oid = %s::regclass"
    for name, changed in (
        ("pg_temp.mine", True),
        ("elsewhere.own", False),
        ("public.note", False),
        ("pg_class", False),
    ):
        before = agent.execute(seen, (name,)).fetchone()
        agent.execute(sizes, (name,))
        after = agent.execute(seen, (name,)).fetchone()
        assert (after == (9, 900)) is changed and (changed or after == before), name
    agent.execute("select postai._show_copy_indexes(array['public.note_lower_idx'::regclass::oid], false)")
    assert world.execute("select indisvalid from pg_index where indexrelid = 'public.note_lower_idx'::regclass") == [
        (True,)
    ]
    for pages, tuples, visible in (("-1", "1", "0"), ("5", "'NaN'", "0"), ("5", "'Infinity'", "0"), ("5", "7", "6")):
        agent.execute(
            "select postai._set_copy_sizes(array['pg_temp.mine'::regclass::oid],"
            f" array[{pages}], array[{tuples}::real], array[{visible}])".encode()
        )
    assert agent.execute(seen, ("pg_temp.mine",)).fetchone() == (9, 900)
