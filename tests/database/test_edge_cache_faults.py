"""The cache when something is wrong: a stream that ends, commits that nobody sees yet, a clock that jumps."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from edge_caches import CachingEdge, caching, simple
from edge_support import Raw

from conftest import TestDatabase, debian_binaries, make_database, new_server, superuser
from postai.edge import wire
from postai.edge.caching import MOMENT

ROW = "select price from item where id = 7"
SETUP = """
create table item (id int primary key, price int);
insert into item select n, n from generate_series(1, 100) as n;
create publication postai_edge for all tables;
"""


@pytest.fixture
def edge(database: TestDatabase) -> Iterator[CachingEdge]:
    with caching(database, SETUP) as one:
        yield one


def test_a_stream_that_ends_takes_the_answers_with_it(edge: CachingEdge) -> None:
    kill = "select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()"
    with edge.connect() as client:
        edge.hit(lambda: simple(client, ROW))
        edge.database.execute(f"{kill}; update item set price = 70 where id = 7")
        edge.becomes(lambda: simple(client, ROW), [(70,)], 2)
        edge.until(lambda figures: figures.state == "on")
        assert edge.hit(lambda: simple(client, ROW)) == [(70,)]
        edge.database.execute("drop publication postai_edge")
        edge.database.execute("update item set price = 71 where id = 7")
        edge.becomes(lambda: simple(client, ROW), [(71,)], 2)
        edge.never_hits(lambda: simple(client, ROW), 4)


def test_a_client_may_say_goodbye_right_behind_what_it_writes(
    edge: CachingEdge, caplog: pytest.LogCaptureFixture
) -> None:
    write = wire.message(b"Q", b"update item set price = 77 where id = 7\0")
    database = edge.database
    with edge.connect() as reader:
        for again in range(3):
            edge.hit(lambda: simple(reader, ROW))
            with Raw(edge.edge.port) as client:
                client.log_in(wire.VERSION_3_0, "postgres", database.server.password(), database.name)
                client.socket.sendall(write + wire.message(b"X"))
                assert b"UPDATE 1" in client.rest()
            edge.becomes(lambda: simple(reader, ROW), [(77,)], 2)
            database.execute(f"update item set price = {again} where id = 7")
            edge.becomes(lambda: simple(reader, ROW), [(again,)], 2)
    assert [one for one in caplog.records if one.levelno >= logging.ERROR] == []


def test_no_clock_on_the_wall_is_read(edge: CachingEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    with edge.connect() as client:
        edge.hit(lambda: simple(client, ROW))
        for jump in (-86400.0, 86400.0):
            now = time.time() + jump
            monkeypatch.setattr(time, "time", lambda now=now: now)
            before = edge.figures
            assert simple(client, ROW) == [(7,)] and edge.figures.hits == before.hits + 1
            edge.database.execute(
                "update item set price = price + 1 where id = 7; update item set price = 7 where id = 7"
            )
            edge.until(lambda figures, before=before: figures.invalidated > before.invalidated)
            edge.hit(lambda: simple(client, ROW))


def test_without_a_stream_nothing_is_kept_unless_a_rule_says_so(database: TestDatabase) -> None:
    with caching(database, SETUP, cache_dsn=None) as edge, edge.connect() as client:
        edge.never_hits(lambda: simple(client, ROW), 6)
        assert edge.figures.statements and not edge.figures.stored


@pytest.fixture
def slow_commits() -> Iterator[TestDatabase]:
    """On a server whose commits can be made to wait for a standby that never answers: told, but seen by nobody."""
    binaries = debian_binaries(15)
    if binaries is None:
        pytest.skip("no PostgreSQL 15")
    hba = "local all postgres trust\nlocal replication postgres trust\n"
    with new_server(binaries, "waits", "synchronous_commit = on\nmax_prepared_transactions = 5\n", hba) as server:
        yield make_database(server)


@contextlib.contextmanager
def invisible(database: TestDatabase, statements: str) -> Iterator[None]:
    """A transaction that is committed in the log, and that no snapshot shows until the end."""

    def write() -> None:
        with superuser(database.server, database.name) as connection, contextlib.suppress(psycopg.Error):
            connection.execute("set application_name = 'invisible'; set synchronous_commit = on")
            connection.execute(statements)  # type: ignore[call-overload]

    with superuser(database.server) as connection:
        connection.execute("alter system set synchronous_standby_names = 'nobody'")
        connection.execute("select pg_reload_conf()")
        time.sleep(0.2)
        writer = threading.Thread(target=write)
        writer.start()
        waits = "select from pg_stat_activity where application_name = 'invisible' and wait_event = 'SyncRep'"
        while connection.execute(waits).rowcount != 1:
            time.sleep(0.01)
        yield
        connection.execute("alter system reset synchronous_standby_names")
        connection.execute("select pg_reload_conf()")
        writer.join()


def test_a_commit_that_is_told_but_not_seen_yet_leaves_no_stale_answer(slow_commits: TestDatabase) -> None:
    with caching(slow_commits, SETUP) as edge, edge.connect() as client, edge.connect() as other:
        edge.hit(lambda: simple(client, ROW))
        edge.hit(lambda: simple(other, "select count(*) from item"))
        with invisible(slow_commits, "update item set price = 70 where id = 7; insert into item values (1000, 1)"):
            edge.until(lambda figures: figures.flushed + figures.invalidated >= 2)
            time.sleep(2 * MOMENT)  # nothing fades any more
            # The row's old value is still what everybody sees: it is right, but must not be kept.
            stored = edge.figures.stored
            assert edge.never_hits(lambda: simple(client, ROW)) == [(7,)]
            assert edge.never_hits(lambda: simple(other, "select count(*) from item")) == [(100,)]
            assert edge.figures.stored == stored
            assert edge.hit(lambda: simple(client, "select price from item where id = 8")) == [(8,)]
        edge.becomes(lambda: simple(client, ROW), [(70,)], 2)
        edge.becomes(lambda: simple(other, "select count(*) from item"), [(101,)], 2)
        assert edge.hit(lambda: simple(client, ROW)) == [(70,)]


def test_a_prepared_transaction_is_noticed_when_it_commits(slow_commits: TestDatabase) -> None:
    with caching(slow_commits, SETUP) as edge, edge.connect() as client:
        edge.hit(lambda: simple(client, ROW))
        slow_commits.execute("begin; update item set price = 70 where id = 7; prepare transaction 'p'")
        before = edge.figures.hits
        assert simple(client, ROW) == [(7,)] and edge.figures.hits == before + 1
        slow_commits.execute("commit prepared 'p'")
        edge.becomes(lambda: simple(client, ROW), [(70,)], 2)
