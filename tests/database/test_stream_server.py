"""Streams of servers of their own: prepared transactions, a standby that never answers, restarts, lost slots."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest
from stream_support import PUBLICATION, Reader, Watching, oid

from conftest import TestDatabase, drop_database, make_database, new_server
from postai.database import connect
from postai.database.errors import ConnectionLost
from postai.edge.server.events import Invalidations, Lost, Started
from postai.errors import FeatureMissing
from postai.setup.server import Binaries, LocalServer, debian_binaries, embedded_binaries
from postai.stream import server
from postai.stream.missing import missing
from postai.stream.replication import Replication, new_slot_name

CONF = """
max_prepared_transactions = 5
max_wal_senders = 3
max_slot_wal_keep_size = 4MB
min_wal_size = 32MB
max_wal_size = 32MB
"""


def binaries(major: int) -> Binaries:
    found = debian_binaries(15) if major == 15 else embedded_binaries()
    if found is None:
        pytest.skip(f"no server programs of {major}")
    return found


@pytest.fixture(scope="module", params=[15, 18])
def own(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    """A server that tests may restart and set."""
    with new_server(binaries(request.param), f"stream{request.param}", CONF, "local all postgres trust\n") as one:
        yield one


@pytest.fixture
def place(own: LocalServer) -> Iterator[TestDatabase]:
    one = make_database(own)
    one.execute("create table t (id int primary key); create publication told for table t")
    yield one
    drop_database(one)


def configure(session: psycopg.Connection, name: str, value: str) -> None:
    session.execute(f"alter system set {name} = '{value}'")  # type: ignore[arg-type]
    session.execute("select pg_reload_conf()")
    while session.execute(f"show {name}").fetchone() != (value,):  # type: ignore[arg-type]
        time.sleep(0.01)


def test_a_prepared_transaction_is_told_when_it_is_committed(place: TestDatabase) -> None:
    with place.connect() as session, Reader(place) as reader:
        session.execute("begin; insert into t values (1)")
        xid = session.execute("select pg_current_xact_id()::text::int8 % (1::int8 << 32)").fetchone()[0]
        session.execute("prepare transaction 'p'")
        session.execute("begin; insert into t values (2); prepare transaction 'q'")
        session.execute("rollback prepared 'q'")
        assert reader.told() == []
        with connect(place.dsn()) as db:
            assert server.doubts(db) == {xid: {oid(session, "t"): None}}
        session.execute("commit prepared 'p'")
        (one,) = reader.told()
        assert (one.xid, one.rows) == (xid, {oid(session, "t"): {(b"1",)}})


def _held(session: psycopg.Connection, writer: psycopg.Connection) -> bool:
    """Whether a commit waits for a standby; it waits no more."""
    writer.pgconn.send_query(b"select pg_logical_emit_message(true, 'test', 'x')")
    waits = None
    while writer.pgconn.is_busy() and waits != "SyncRep":
        query = "select wait_event from pg_stat_activity where pid = %s"
        ((waits,),) = session.execute(query, [writer.info.backend_pid]).fetchall()
        writer.pgconn.consume_input()
    if waits == "SyncRep":
        session.execute("select pg_cancel_backend(%s)", [writer.info.backend_pid])
    while writer.pgconn.get_result() is not None:
        pass
    return waits == "SyncRep"


def test_a_commit_that_nobody_sees_yet_is_unconfirmed(place: TestDatabase) -> None:
    """A standby that never answers holds a commit back after the stream has told of it."""
    with place.connect() as session, place.connect() as writer, Watching(place) as watching:
        t = oid(session, "t")
        configure(session, "synchronous_standby_names", "nobody")
        try:
            writer.execute("set synchronous_commit = on")
            while not _held(session, writer):  # the checkpointer hears of the setting later than sessions do
                pass
            writer.pgconn.send_query(b"insert into t values (1)")
            told = watching.next(Invalidations)
            fresh = watching.inside(lambda: watching.watch.freshness.fresh_as_of) or 0.0
            watching.until(lambda watch: (watch.freshness.fresh_as_of or 0.0) > fresh + 0.2)
            assert session.execute("select from t").fetchone() is None
            assert watching.inside(lambda: watching.watch.freshness.unseen([(t, (b"1",))])) == {told.xid}
            assert watching.inside(lambda: watching.watch.freshness.unseen([t])) == {told.xid}
            assert not watching.inside(lambda: watching.watch.freshness.unseen([(t, (b"2",))]))
            # A stream that begins now is never told of it: it waits until it is visible.
            later = Watching(place)
            later.watch.start()
            configure(session, "synchronous_standby_names", "")
            started = later.next(Started)
            assert session.execute("select count(*) from t").fetchone() == (1,)
            assert told.xid not in started.doubts
            later.__exit__()
            watching.until(lambda watch: not watch.freshness.unseen([t]))
        finally:
            configure(session, "synchronous_standby_names", "")
            while writer.pgconn.get_result() is not None:
                pass


def test_a_restart_is_a_lost_stream_and_a_new_one(place: TestDatabase, own: LocalServer) -> None:
    with Watching(place) as watching:
        after = len(watching.events)
        own.stop("fast")  # which waits until the stream has confirmed all that there is
        own.start()
        watching.next(Lost, after)
        watching.next(Started, after)


def test_a_slot_whose_log_is_gone_ends_the_stream(place: TestDatabase) -> None:
    with place.connect() as session, Replication(place.dsn()) as one:
        slot = new_slot_name()
        one.create_slot(slot)
        one.start(slot, PUBLICATION)
        for _ in range(6):  # more than max_slot_wal_keep_size, of which nothing is confirmed
            session.execute("select pg_logical_emit_message(false, 'x', repeat('x', 30000)); select pg_switch_wal()")
            session.execute("checkpoint")
        with pytest.raises(ConnectionLost):
            for _ in range(50):
                one.receive(0.2)
        assert session.execute("select from pg_replication_slots where slot_name = %s", (slot,)).fetchone() is None


def test_a_server_without_room_or_logical_log_says_so(place: TestDatabase, own: LocalServer) -> None:
    others = [Replication(place.dsn()) for _ in range(3)]
    try:
        with pytest.raises(FeatureMissing, match="no free walsender"):
            Replication(place.dsn())
    finally:
        for one in others:
            one.close()
    with place.connect() as session:
        session.execute("alter system set wal_level = replica")
    own.stop("fast")
    own.start()
    try:
        with Replication(place.dsn()) as one, pytest.raises(FeatureMissing, match="no logical log"):
            one.create_slot("never")
        with connect(place.dsn()) as db:
            assert [one.check for one in missing(db, PUBLICATION) if one.level == "blocker"] == ["wal_level"]
    finally:
        with place.connect() as session:
            session.execute("alter system reset wal_level")
        own.stop("fast")
        own.start()
