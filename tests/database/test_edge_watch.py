"""A Watch before real servers: what the edge's loop is told, and when."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from stream_support import PATIENCE, Watching, oid

from conftest import TestDatabase, put_postai
from postai.edge.server.events import Flush, Invalidations, Lost, Sample, Started, Tables
from postai.stream.missing import event_triggers
from postai.stream.replication import lsn


@pytest.fixture
def session(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        connection.execute("create table t (id int primary key, v text); create publication told for table t")
        yield connection


@pytest.fixture
def watching(database: TestDatabase, session: psycopg.Connection) -> Iterator[Watching]:
    with Watching(database) as one:
        yield one


def test_changes_are_told_and_freshness_is_proved(watching: Watching, session: psycopg.Connection) -> None:
    t = oid(session, "t")
    assert watching.next(Started).tables[t].key == (("id", 23),)
    watching.until(lambda watch: watch.freshness.serving(time.monotonic()))
    for number in range(5):
        session.execute("insert into t values (%s)", (number,))
        position = lsn(session.execute("select pg_current_wal_insert_lsn()::text").fetchone()[0])
        watching.inside(lambda position=position: watching.watch.reach(position))
        watching.until(lambda watch, position=position: watch.freshness.passed(position))
        watching.next(Invalidations, where=lambda one, number=number: one.rows == {t: {(b"%d" % number,)}})
    watching.until(lambda watch: watch.freshness.unconfirmed == 0)
    # A place that the log has not come to is waited for, but not asked for without end.
    watching.inside(lambda: watching.watch.reach(position + (1 << 40)))
    watching.until(lambda watch: watch.freshness.serving(time.monotonic()))
    assert not watching.inside(lambda: watching.watch.freshness.passed(position + (1 << 40)))


def test_a_transaction_that_stays_open_does_not_make_the_cache_old(
    watching: Watching, session: psycopg.Connection
) -> None:
    """What it wrote lies in memory, where no stream comes to it by itself."""
    with session.transaction():
        session.execute("insert into t values (1)")
        end = watching.next(Sample, len(watching.events)).at
        watching.until(lambda watch: (watch.freshness.fresh_as_of or 0) > end + 0.2)


def test_definitions_flush_and_tables_are_known_again_after_that(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    session.execute(event_triggers())
    with Watching(database) as watching:
        t = oid(session, "t")
        for statement, followed in (
            ("alter table t alter v set default 'x'", True), ("alter publication told drop table t", False),
            ("alter publication told add table t", True), ("alter table t replica identity nothing", False),
        ):  # fmt: skip
            after = len(watching.events)
            session.execute(statement)  # type: ignore[arg-type]
            # A look that confirms the statement before may flush once more meanwhile; it names no transaction.
            flush = watching.next(Flush, after, lambda one: bool(one.xid))
            assert flush.definitions
            found = watching.next(Tables, after, lambda one, flush=flush: one.number >= flush.number)
            assert (t in found.tables) == followed, statement
            assert watching.inside(lambda: watching.watch.tables) == found.tables
        assert watching.watch.definitions_bound <= 60


def test_definitions_are_looked_for_where_nothing_tells_of_them(
    watching: Watching, session: psycopg.Connection
) -> None:
    watching.next(Sample)
    assert watching.watch.definitions_bound < 60
    after = len(watching.events)
    session.execute("grant select on t to public")
    assert watching.next(Flush, after).definitions
    watching.next(Tables, after)


def test_a_table_that_looks_different_flushes_at_once(watching: Watching, session: psycopg.Connection) -> None:
    session.execute("insert into t values (1)")
    watching.next(Invalidations)
    after = len(watching.events)
    session.execute("begin; alter table t add w int; insert into t values (2); commit")
    flush = watching.next(Flush, after, lambda one: one.xid != 0)
    watching.next(Tables, after, lambda one: one.number >= flush.number)


def test_roles_and_settings_flush(watching: Watching, database: TestDatabase, session: psycopg.Connection) -> None:
    role = f"someone_{database.name}"
    watching.next(Sample)
    try:
        for statement in (
            f"create role {role}",
            f"alter role {role} set search_path = pg_catalog",
            f"drop role {role}",
        ):
            after = len(watching.events)
            session.execute(statement)  # type: ignore[arg-type]
            assert watching.next(Flush, after).xid == 0
    finally:
        session.execute(f"drop role if exists {role}")


def test_purges(database18: TestDatabase) -> None:
    put_postai(database18)
    with database18.connect() as session:
        session.execute("create table t (id int primary key); create publication told for table t")
        with Watching(database18) as watching:
            after = len(watching.events)
            session.execute("select postai.edge_purge('t')")
            assert watching.next(Invalidations, after).rows == {oid(session, "t"): None}
            session.execute("select postai.edge_purge()")
            assert not watching.next(Flush, after, lambda one: one.reason == "purged").definitions
            assert session.execute(
                "select has_function_privilege('public', 'postai.edge_purge(regclass)', 'execute')"
            ).fetchone() == (False,)


def test_messages_of_anybody_end_no_stream(watching: Watching, session: psycopg.Connection) -> None:
    """Everybody may write messages with any prefix."""
    after = len(watching.events)
    for content in (f"table {'9' * 5000}", "table \N{SUPERSCRIPT TWO}", "table", "", "?"):
        session.execute("select pg_logical_emit_message(true, 'postai.edge', %s)", (content,))
        after = watching.events.index(watching.next(Flush, after)) + 1
    watching.until(lambda watch: watch.tables and watch.freshness.serving(time.monotonic()))


@pytest.mark.parametrize("which", ["walsender", "client backend"])
def test_a_lost_connection_turns_the_cache_off_until_there_is_another(
    watching: Watching, session: psycopg.Connection, which: str
) -> None:
    watching.until(lambda watch: watch.freshness.serving(time.monotonic()))
    after = len(watching.events)
    ((pid,),) = session.execute(
        "select pid from pg_stat_activity where backend_type = %s and application_name like 'postai edge%%'"
        " and datname = current_database()", (which,)
    ).fetchall()  # fmt: skip
    os.kill(pid, signal.SIGTERM)
    lost = watching.next(Lost, after)
    session.execute("insert into t values (1)")
    watching.next(Started, after)
    assert lost.reason
    watching.until(lambda watch: watch.freshness.serving(time.monotonic()))
    after = len(watching.events)
    session.execute("insert into t values (2)")
    assert watching.next(Invalidations, after).rows == {oid(session, "t"): {(b"2",)}}


def test_without_a_publication_nothing_is_followed_until_it_is_there(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    session.execute("drop publication told")
    one = Watching(database)
    one.watch.start()
    try:
        assert "publication" in one.next(Lost).reason
        session.execute("create publication told for table t")
        one.next(Started)
    finally:
        one.__exit__()


def test_threads_and_slots_are_gone_after_a_stop(database: TestDatabase, session: psycopg.Connection) -> None:
    before = threading.active_count()
    with Watching(database) as watching, session.transaction():
        session.execute("insert into t values (1)")
        # Slots are made when older transactions have ended: this one waits, and is stopped while it does.
        waiting = Watching(database)
        waiting.watch.start()
        time.sleep(0.2)
        waiting.__exit__()
        assert watching.watch.freshness.reason is None
    assert threading.active_count() == before
    end = time.monotonic() + 10
    while session.execute("select from pg_replication_slots where database = current_database()").fetchone():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_an_error_that_nobody_foresaw_is_told_once_and_the_stream_comes_back(
    database: TestDatabase,
    session: psycopg.Connection,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In the thread that reads the stream, and in the other one."""
    one = Watching(database)
    with monkeypatch.context() as broken, caplog.at_level("WARNING"):
        broken.setattr("postai.stream.server.same_server", lambda *_: 1 // 0)
        one.watch.start()
        try:
            lost = one.next(Lost)
            again = one.next(Lost, one.events.index(lost) + 1)
            assert "ZeroDivisionError" in lost.reason and again.reason == lost.reason
            assert len([record for record in caplog.records if record.exc_info]) == 1
            broken.undo()
            after = one.events.index(one.next(Started)) + 1
            broken.setattr("postai.stream.server.sample", lambda *_: 1 // 0)
            after = one.events.index(one.next(Lost, after)) + 1
            broken.undo()
            one.next(Started, after)
        finally:
            one.__exit__()


def test_a_stream_that_is_not_wanted_any_more_is_begun_anew(watching: Watching) -> None:
    after = len(watching.events)
    watching.watch.renew("elsewhere")
    assert watching.next(Lost, after).reason == "elsewhere"
    watching.next(Started, after)


def test_definitions_tell_where_in_the_log_they_changed(watching: Watching, session: psycopg.Connection) -> None:
    after = len(watching.events)
    session.execute("select pg_logical_emit_message(true, 'postai.edge', 'definitions')")
    ((end,),) = session.execute("select pg_current_wal_insert_lsn()::text").fetchall()
    flush = watching.next(Flush, after, lambda one: one.xid != 0)
    assert 0 < flush.end_lsn <= lsn(end)


def test_a_watch_that_waits_for_a_lock_can_be_stopped(
    database: TestDatabase, session: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postai.edge.server.watch.SIDE_TIMEOUT_MS", 600_000)
    watching = Watching(database)
    with watching, session.transaction():
        session.execute("lock table pg_publication_rel in access exclusive mode")
        waits = "select from pg_locks where not granted and relation = 'pg_publication_rel'::regclass"
        deadline = time.monotonic() + PATIENCE
        while session.execute(waits).fetchone() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        stopping = threading.Thread(target=watching.watch.stop, daemon=True)
        stopping.start()
        stopping.join(PATIENCE)
        assert not stopping.is_alive()
