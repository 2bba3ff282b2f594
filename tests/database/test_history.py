"""The history: what is written is read back, summed, rolled up, cut to size; and who may see it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from agent_support import AGENT, install_postai

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, connect
from postai.deadline import Deadline
from postai.history import store
from postai.history.prune import prune
from postai.history.types import (
    BlockWindow,
    DatabaseWindow,
    IndexWindow,
    PartState,
    ServerWindow,
    Statement,
    StatementKey,
    StatementPlan,
    StatementWindow,
    StorageSeen,
    TableWindow,
    WaitWindow,
    rest_key,
)

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEY = StatementKey(-4242, 10, 5, True)
EVER = (NOON - timedelta(days=4000), NOON + timedelta(days=4000))


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database with postai in it, to clone."""
    one = make_database(request.getfixturevalue(request.param))
    install_postai(one, "call")
    yield one
    drop_database(one)


@pytest.fixture
def home(template: TestDatabase) -> Iterator[TestDatabase]:
    one = make_database(template.server, template.name)
    yield one
    drop_database(one)


@pytest.fixture
def db(home: TestDatabase) -> Iterator[Database]:
    with connect(home.dsn(AGENT)) as session:
        yield session


def window(end: datetime, calls: int = 10, total_ms: float = 100.0, **more: object) -> StatementWindow:
    values = {"key": KEY, "query": "select $1", "start": end - MINUTE, "end": end, "calls": calls, "total_ms": total_ms}
    return StatementWindow(**{**values, **more})  # type: ignore[arg-type]


def test_statements_come_back_as_they_went(db: Database) -> None:
    full = StatementWindow(
        KEY, "select $1", NOON - MINUTE, NOON, 7, 70.5, 1.5, 1, 2, 3, 4, 5, 6, 7, 8.5, 9.5, 10**10, 11, 12.5, 13.5,
        "abc", 14.5, 15,
    )  # fmt: skip
    small = window(NOON + MINUTE, calls=1, query=None)
    store.write_statements(db, [full, small])
    assert store.read_statements(db, NOON - MINUTE, NOON) == (full,)
    assert store.read_statements(db, NOON, NOON + MINUTE) == (dataclasses.replace(small, query="select $1"),)
    store.write_statements(db, [])


def test_sums_of_windows_have_the_deviation_of_all_calls(db: Database) -> None:
    store.write_statements(
        db,
        [
            window(NOON, 10, 100.0, stddev_ms=0.0, rows=3, plan_hash="old"),
            window(NOON + MINUTE, 10, 300.0, stddev_ms=0.0, rows=4, plan_hash="new"),
        ],
    )
    (summed,) = store.sum_statements(db, *EVER)
    assert (summed.calls, summed.total_ms, summed.rows, summed.plan_hash) == (20, 400.0, 7, "new")
    assert summed.stddev_ms == pytest.approx(10.0)
    assert (summed.start, summed.end) == (NOON - MINUTE, NOON + MINUTE)


def test_the_rest_and_the_agents_own_are_given_when_asked_for(db: Database) -> None:
    rest, own = rest_key(5), rest_key(5, 77)
    store.write_texts(db, [Statement(own, own=True)])
    store.write_statements(
        db, [window(NOON), window(NOON, key=rest, query=None, calls=0), window(NOON, key=own, query=None)]
    )
    assert [one.key for one in store.read_statements(db, *EVER)] == [KEY]
    assert {one.key for one in store.read_statements(db, *EVER, rest=True)} == {KEY, rest}
    assert {one.key for one in store.sum_statements(db, *EVER, rest=True, own=True)} == {KEY, rest, own}
    assert store.read_intervals(db, *EVER) == ((NOON - MINUTE, NOON),)


def test_texts_are_completed_and_not_lost(db: Database) -> None:
    dbid = db.query("select oid::int8 from pg_database where datname = current_database()")[0][0]
    key = dataclasses.replace(KEY, dbid=dbid)
    usage = {"shop.orders": {"filters": ("id", 'Ünï"code'), "writes": ("x",)}}
    store.write_texts(db, [Statement(key, "select 1 -- \x01\x1b[2J", usage=usage)])
    store.write_texts(db, [Statement(key, None, utility=True)])
    (found,) = store.read_texts(db, datetime.now(UTC))
    assert found == Statement(key, "select 1 -- \x01\x1b[2J", utility=True, usage=usage)
    assert store.texts_of(db, [key]) == (found,)
    assert store.texts_of(db, []) == ()
    assert store.read_known(db) == {key: (True, True, True)}


def test_other_kinds_come_back_as_they_went(db: Database) -> None:
    tables = (
        TableWindow(7, "shop", "orders", NOON - MINUTE, NOON, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13),
        TableWindow(8, "shop", "x", NOON - MINUTE, NOON, 1),
    )
    indexes = (IndexWindow(9, 7, "shop", "orders_pkey", NOON - MINUTE, NOON, 1, 2, 3),)
    waits = (
        WaitWindow(5, "Lock", "tuple", NOON - MINUTE, NOON, 9, 60),
        WaitWindow(None, "CPU", "", NOON - MINUTE, NOON, 3, 60),
    )
    blocks = (BlockWindow(NOON - MINUTE, NOON, 11, 5, 10, "active", None, "relation", 7, 3, 2, 99.5, 4),)
    databases = (DatabaseWindow(5, NOON - MINUTE, NOON, 1, active_ms=2.5), DatabaseWindow(0, NOON - MINUTE, NOON))
    sizes = (StorageSeen(NOON - MINUTE, 100, 50, 20, 25, 0, 16, 0), StorageSeen(NOON, 101))
    server = (ServerWindow(NOON - MINUTE, NOON, {"wal": {"wal_bytes": 8192}}),)
    store.write_tables(db, tables)
    store.write_indexes(db, indexes)
    store.write_waits(db, waits)
    store.write_blocks(db, blocks)
    store.write_databases(db, databases)
    store.write_server(db, server)
    for one in sizes:
        store.write_storage(db, one)
    assert store.read_tables(db, *EVER) == tables
    assert store.read_indexes(db, *EVER) == indexes
    assert store.read_waits(db, *EVER) == waits
    assert store.read_blocks(db, *EVER) == blocks
    assert store.read_databases(db, *EVER) == databases
    assert store.read_server(db, *EVER) == server
    assert store.read_storage(db, *EVER) == sizes
    renamed = dataclasses.replace(tables[1], table="y", end=NOON + MINUTE, start=NOON)
    store.write_tables(db, [renamed])
    assert {one.table for one in store.read_tables(db, *EVER)} == {"orders", "y"}


def test_the_last_five_plans_stay(db: Database) -> None:
    store.write_texts(db, [Statement(KEY, "select 1")])
    for at in range(8):
        seen = NOON + at * MINUTE
        store.write_plans(db, [StatementPlan(KEY, f"h{at}", {"Node Type": "Result"}, 1.0, seen, seen)])
    store.write_plans(db, [StatementPlan(KEY, "h7", {}, 2.0, NOON + 9 * MINUTE, NOON + 9 * MINUTE)])
    found = store.read_plans(db, NOON)
    assert [one.plan_hash for one in found] == ["h7", "h6", "h5", "h4", "h3"]
    assert found[0] == StatementPlan(KEY, "h7", {"Node Type": "Result"}, 2.0, NOON + 7 * MINUTE, NOON + 9 * MINUTE)


def test_texts_with_values_are_few_and_give_parameters(db: Database) -> None:
    dbid = db.query("select oid::int8 from pg_database where datname = current_database()")[0][0]
    key, other = dataclasses.replace(KEY, dbid=dbid), dataclasses.replace(KEY, dbid=dbid, userid=11)
    store.write_texts(db, [Statement(key, "select * from t where a = $1 and b = $2"), Statement(other, "select $1")])
    store.write_values(db, [])
    store.write_values(db, [(key, "activity", "select * from u where a = 1 and b = 'x'")])
    assert store.read_parameters(db, KEY.queryid) == ()
    for at in range(9):
        store.write_values(db, [(key, "activity", f"select * from t where a = {at} and b = 'it''s'")])
    found = store.read_parameters(db, KEY.queryid)
    assert len(found) == store.VALUES_OF_EACH
    assert found[0] == ("8", "'it''s'")
    store.write_values(db, [(key, "pg_qualstats", f"select * from t where a = {at} and b = ''") for at in range(99)])
    assert len(store.read_parameters(db, KEY.queryid)) == store.VALUES_OF_EACH
    store.forget_values(db)
    assert store.read_parameters(db, KEY.queryid) == ()


def test_states_keep_what_is_not_told_again(db: Database) -> None:
    store.write_states(
        db, [PartState("tables", NOON, NOON, 1.5, 3, error="broken"), PartState("waits", missing="x", hint="y")]
    )
    store.write_states(db, [PartState("tables", NOON + MINUTE)])
    assert store.read_states(db) == (
        PartState("tables", NOON + MINUTE, NOON, 1.5, 3),
        PartState("waits", missing="x", hint="y"),
    )


def fill(db: Database) -> None:
    """Two hours of minutes, and one hour of the day after."""
    ends = [NOON + at * MINUTE for at in range(1, 121)] + [NOON + timedelta(days=1, minutes=at) for at in range(1, 61)]
    store.write_statements(db, [window(end, 2, 20.0, stddev_ms=1.0, temp_blks_read=3) for end in ends])
    store.write_statements(db, [window(end, 0, 0.0, key=rest_key(5), query=None) for end in ends])
    store.write_tables(db, [TableWindow(7, "s", "t", e - MINUTE, e, 1, live_rows=at) for at, e in enumerate(ends)])
    store.write_indexes(db, [IndexWindow(9, 7, "s", "i", e - MINUTE, e, 2) for e in ends])
    store.write_waits(db, [WaitWindow(5, "CPU", "", e - MINUTE, e, 6, 60) for e in ends[::2]])
    store.write_blocks(
        db, [BlockWindow(e - MINUTE, e, at, 1, 2, "x", 3, "y", 4, 1, 1, at, 2) for at, e in enumerate(ends)]
    )
    store.write_databases(db, [DatabaseWindow(5, e - MINUTE, e, 1) for e in ends])
    store.write_server(
        db, [ServerWindow(e - MINUTE, e, {"wal": {"a": 1}, f"io {e.minute % 2}": {"b": 1.5}}) for e in ends]
    )


def test_old_intervals_become_hours(db: Database) -> None:
    fill(db)
    now = NOON + timedelta(days=1, hours=1)
    kept = {"raw": timedelta(days=1), "most_bytes": 1 << 40}
    pruned = prune(db, now, deadline=Deadline.after(30), **kept)  # type: ignore[arg-type]
    assert (pruned.hours, pruned.finished) == (1, True)
    found = store.read_statements(db, *EVER)
    assert len(found) == 1 + 60 + 60
    assert (found[0].start, found[0].end) == (NOON, NOON + timedelta(hours=1))
    assert (found[0].calls, found[0].total_ms, found[0].temp_blks_read) == (120, 1200.0, 180)
    assert found[0].stddev_ms == pytest.approx(1.0)
    assert len(store.read_intervals(db, *EVER)) == len(found)
    pruned = prune(db, now + timedelta(days=9), deadline=Deadline.after(30), **kept)  # type: ignore[arg-type]
    assert pruned.hours == 2
    assert [one.calls for one in store.read_statements(db, *EVER)] == [120, 120, 120]
    assert [(one.seq_scan, one.live_rows) for one in store.read_tables(db, *EVER)] == [(60, 59), (60, 119), (60, 179)]
    assert [one.idx_scan for one in store.read_indexes(db, *EVER)] == [120, 120, 120]
    waits = store.read_waits(db, *EVER)
    assert [round(one.samples / one.looks, 2) for one in waits] == [0.05, 0.05, 0.05]
    assert [(one.waited_ms, one.looks) for one in store.read_blocks(db, *EVER)] == [
        (59.0, 120),
        (119.0, 120),
        (179.0, 120),
    ]
    assert [one.xact_commit for one in store.read_databases(db, *EVER)] == [60, 60, 60]
    assert store.read_server(db, *EVER)[0].counters == {"wal": {"a": 60}, "io 0": {"b": 45.0}, "io 1": {"b": 45.0}}
    again = prune(db, now + timedelta(days=9), deadline=Deadline.after(30), **kept)  # type: ignore[arg-type]
    assert (again.hours, again.deleted) == (0, 0)


def test_after_a_year_nothing_is_left(db: Database) -> None:
    fill(db)
    pruned = prune(
        db, NOON + timedelta(days=800), raw=timedelta(days=14), most_bytes=1 << 40, deadline=Deadline.after(30)
    )
    assert pruned.finished
    assert store.read_statements(db, *EVER, rest=True) == ()
    assert db.query("select count(*) from postai.relation") == [(0,)]


def size(db: Database) -> int:
    tables = "select sum(pg_total_relation_size(c.oid)) from pg_class c where relname ~ '^(sample_|statement_sum)'"
    return int(db.query(tables)[0][0])


def test_when_it_is_too_much_intervals_become_hours_and_then_the_oldest_go(db: Database) -> None:
    end = NOON + timedelta(days=4)
    many = [
        window(NOON + timedelta(minutes=10 * at), key=dataclasses.replace(KEY, queryid=one))
        for at in range(1, 6 * 96 + 1) for one in range(1, 20)
    ]  # fmt: skip
    store.write_statements(db, many)
    kept = {"raw": timedelta(days=30), "deadline": Deadline.after(30)}
    assert prune(db, end, most_bytes=1 << 40, **kept).summed == 96 + 4  # type: ignore[arg-type]
    whole = size(db)
    pruned = prune(db, end, most_bytes=int(whole * 0.8), **kept)  # type: ignore[arg-type]
    assert (pruned.deleted, pruned.finished) == (0, True)
    assert 0 < pruned.hours <= 72
    left = store.read_statements(db, *EVER)
    assert sum(one.calls for one in left) == sum(one.calls for one in many)
    assert [one.end for one in left if one.end > end - timedelta(days=1)] == [one.end for one in many[-144 * 19 :]]
    # Free space in the files is none of its business: what is left fits, but for what the hours take.
    again = prune(db, end, most_bytes=int(whole * 0.8), **kept)  # type: ignore[arg-type]
    assert (again.hours < pruned.hours / 2, again.deleted) == (True, 0)
    pruned = prune(db, end, most_bytes=int(whole * 0.2), **kept)  # type: ignore[arg-type]
    assert pruned.deleted > 0
    few = store.read_statements(db, *EVER)
    assert 0 < len(few) < len(left) // 2
    assert few[-1].end == end


def test_statements_without_history_are_forgotten(db: Database) -> None:
    store.write_statements(db, [window(NOON)])
    store.write_plans(db, [StatementPlan(KEY, "h", {}, None, NOON, NOON)])
    store.write_values(db, [(KEY, "activity", "select 1")])
    db.execute("delete from postai.sample_statement")
    prune(db, NOON + timedelta(hours=2), raw=timedelta(days=1), most_bytes=1 << 40, deadline=Deadline.after(30))
    assert db.query("select count(*) from postai.statement") == [(1,)]
    prune(db, NOON + timedelta(days=2), raw=timedelta(days=1), most_bytes=1 << 40, deadline=Deadline.after(30))
    for table in ("statement", "statement_plan", "statement_values"):
        assert db.query(f"select count(*) from postai.{table}") == [(0,)], table


def test_who_sees_what(home: TestDatabase, db: Database) -> None:
    for name, role in (("history_reader", "postai_reader"), ("history_operator", "postai_operator")):
        if not home.execute(f"select 1 from pg_roles where rolname = '{name}'"):
            home.execute(f"create role {name} login password '{name}'")
        home.execute(f"grant {role} to {name}")
    own = int(str(home.execute("select 'history_reader'::regrole::oid::int8")[0][0]))
    store.write_texts(
        db, [Statement(KEY, "select 'other people''s'"), Statement(StatementKey(1, own, 5, True), "select 'mine'")]
    )
    store.write_states(db, [PartState("tables", NOON)])
    seen = "select query from postai.statements order by queryid desc"
    assert home.execute(seen, "history_reader") == [("select 'mine'",), (None,)]
    assert home.execute(seen, "history_operator") == [("select 'mine'",), ("select 'other people''s'",)]
    assert home.execute("select part from postai.collect_state", "history_reader") == [("tables",)]
    found = home.execute("select relname from pg_class where relkind = 'r' and relname ~ '^(sample_|statement)'")
    tables = [row[0] for row in found]
    assert len(tables) == 12
    for table in tables:
        for user in ("history_reader", "history_operator"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as caught:
                home.execute(f"select * from postai.{table}", user)
            assert caught.value.sqlstate == "42501"
