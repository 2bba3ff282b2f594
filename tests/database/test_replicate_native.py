"""Logical replication of the odd database: what is copied and followed, new tables, lag, sequences, and no trace."""

from __future__ import annotations

import pytest
from replicate_move import LOSS, MOVE, copy_schema, sides, wait_ready
from replicate_support import ODD_SKIP, Stand

from loss import compare
from postai.database import ServerError
from postai.deadline import Deadline
from postai.errors import Refused
from postai.replicate import fence, native, sequences
from postai.replicate.sessions import open_session
from postai.replicate.stream import NativeStream
from postai.replicate.types import Identity, Side


def test_the_odd_database_is_copied_and_followed(stand: Stand) -> None:
    with sides(stand) as (source, target):
        given = native.give_identity(source, MOVE, native.tables(source))
        copy_schema(stand)
        assert "odd.no_key" in given and "odd.wide" not in given
        stream = NativeStream(MOVE, Side.SOURCE, native.conninfo(stand.source_dsn(), "postai_7_fwd"))
        stream.copy(source, target)
        stream.copy(source, target)  # again is harmless
        wait_ready(source, target, stream.name, Deadline.after(60))
        stand.source.execute(
            "update odd.wide set small = 7, long = 'now' where id % 2 = 0; delete from odd.no_key where a = 1"
        )
        stand.source.execute("truncate odd.ruled; update odd.guarded set body = 'z' where id = 1")
        stand.source.execute("insert into odd.always (amount) values (5); create table odd.later (id int primary key)")
        stand.source.execute("insert into odd.later values (1); select setval('odd.never_used', 77, false)")
        stand.target.execute("create table odd.later (id int primary key)")
        assert native.unfinished(source, target, stream.name) == ("odd.later",)
        stream.copy(source, target)
        wait_ready(source, target, stream.name, Deadline.after(60))
        assert fence.cross(source, target, MOVE, Deadline.after(30)) < 30
        names = sequences.require_equal(source, target)
        assert sequences.copy(source, target, names) > 5
        assert sequences.copy(source, target, names) == 0
        found = compare(stand.source_dsn(), stand.target_dsn(), (*ODD_SKIP, "odd.moods"))
        assert [one for one in found if one.where != "large objects"] == []
        lag = native.lag(source, target, stream.name)
        assert lag.active and lag.wal_status == "reserved" and lag.errors == 0
        ((number,),) = stand.target.execute(f"select oid from pg_subscription where subname = '{stream.name}'")
        anothers = f"pg_{number}_sync_1_42"  # of a server whose subscription has the same number
        stand.source.execute(f"select pg_create_logical_replication_slot('{anothers}', 'pgoutput')")
        stream.stop(source, target)
        assert stand.source.execute("select slot_name::text from pg_replication_slots") == [(anothers,)]
        stand.source.execute(f"select pg_drop_replication_slot('{anothers}')")


_LOGGING = ("log_statement", "log_min_duration_statement", "log_parameter_max_length", "pg_stat_statements.track")
LOGS = """
set log_statement = 'all'; set log_min_duration_statement = 0; set log_parameter_max_length = -1;
set log_parameter_max_length_on_error = -1; set pg_stat_statements.track = 'all'
"""


@pytest.mark.parametrize("superuser", [True, False])
def test_a_password_stays_out_of_logs_and_errors(stand: Stand, superuser: bool) -> None:
    """The statement that makes a subscription has its connection string; it must not be logged, failing or not."""
    name, password = "postai_7_fwd", stand.source_server.password()
    good = native.conninfo(stand.source_dsn(), name)
    assert password in good and password not in repr(NativeStream(MOVE, Side.SOURCE, good))
    bad = good.replace(password, "planted-secret")
    stand.target.execute("create extension if not exists pg_stat_statements")
    user = "native_mover" if not superuser else None
    if user:
        stand.target.execute(f"create role {user} login password '{user}' in role pg_create_subscription")
        stand.target.execute(f'grant create on database "{stand.target.name}" to {user}')
        stand.target.execute(f"grant set on parameter {', '.join(_LOGGING)} to {user}")
    try:
        with open_session(stand.source_dsn()) as source, open_session(stand.target_dsn(user)) as target:
            target.execute(LOGS)
            native.publish(source, MOVE, name, ())
            native.create_slot(source, name)
            fence.install(target, MOVE)
            with pytest.raises(ServerError) as caught:
                native.subscribe(target, name, bad, source.server_version, copy_data=True)
            assert "planted-secret" not in f"{caught.value} {caught.value.detail} {caught.value.hint}"
            assert native.subscribe(target, name, good, source.server_version, copy_data=True)
            assert not native.subscribe(target, name, good, source.server_version, copy_data=True)
            native.reconnect(target, name, good)
            assert target.query("select to_regclass('pg_temp.postai_secret')") == [(None,)]
            native.unsubscribe(target, name)
            target.execute("drop schema postai_7 cascade")
    finally:
        if user:
            stand.target.execute(f"drop owned by {user}; drop role {user}")
    log = stand.target_server.log.read_text()
    seen = "".join(row[0] for row in stand.target.execute("select query from pg_stat_statements"))
    for text in (log, seen):
        assert "postai_secret" in text and password not in text and "planted-secret" not in text
    without = native.conninfo(stand.source_dsn(), "x", "/etc/postai/passfile")
    assert password not in without and "passfile=/etc/postai/passfile" in without


def test_nothing_is_left_behind(stand: Stand) -> None:
    stand.source.execute("create table loss.json_table (id int)")
    with sides(stand) as (source, target):
        with pytest.raises(Refused, match="nothing that identifies") as caught:
            native.publish(source, MOVE, "postai_7_fwd", native.tables(source, LOSS))
        assert caught.value.sqlstate == "PA003" and "loss.history" in str(caught.value.detail)
        assert set(native.give_identity(source, MOVE, native.tables(source, LOSS))) == {
            "loss.history", 'loss."json_table"'
        }  # fmt: skip
        assert [one.identity for one in native.tables(source, LOSS) if one.name == "history"] == [Identity.FULL]
        stream = NativeStream(MOVE, Side.SOURCE, native.conninfo(stand.source_dsn(), "x"), LOSS)
        stream.prepare(source, target)
        stream.prepare(source, target)
        fence.keep(source, MOVE, stream.name)
        place = "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = 'postai_7_fwd'"
        before = source.query(place)
        stream.prepare(source, target)  # its beginning is kept: it does not move
        assert before == source.query(place)
        stream.stop(source, target)
        stream.stop(source, target)
        native.unpublish(source, stream.name)
        native.take_identity_back(source, MOVE)
        assert Identity.NONE in {one.identity for one in native.tables(source, LOSS)}
        for db in (source, target):
            db.execute("drop schema postai_7 cascade")
    assert stand.leftovers() == []


def test_a_slot_that_lost_its_log_is_made_anew_while_nobody_reads_it(stand: Stand) -> None:
    with sides(stand) as (source, target):
        native.give_identity(source, MOVE, native.tables(source, LOSS))
        stream = NativeStream(MOVE, Side.SOURCE, native.conninfo(stand.source_dsn(), "x"), LOSS)
        stream.prepare(source, target)
        assert stream.ready(source)
        source.execute("alter system set max_slot_wal_keep_size = '1MB'")
        try:
            source.query("select pg_reload_conf()")
            for _ in range(3):
                source.query("create table loss.wal (); drop table loss.wal; select pg_switch_wal()")
            source.execute("checkpoint")
        finally:
            source.execute("alter system reset max_slot_wal_keep_size")
            source.query("select pg_reload_conf()")
        lag = native.lag(source, target, stream.name)
        assert lag.wal_status == "lost" and lag.kept_bytes is None and not stream.ready(source)
        assert {one.check for one in stream.gates(source, target)} == {"subscription"}
        stream.prepare(source, target)
        assert stream.ready(source)
