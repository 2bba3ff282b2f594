"""What a move copies beside the servers' own copy of tables: large objects, tables in parts; and when it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import psycopg
import pytest
from replicate_move import MOVE, sides, wait_ready
from replicate_support import SMALL, Stand
from test_replicate_machine import at_home, begun, quiet, until

from loss import LossClient
from postai.database import Database
from postai.deadline import Cancelled, Deadline
from postai.replicate import asked, fence, large_objects, late_keys, native, snapshot_copy, stream, throttle
from postai.replicate.restore import Notes
from postai.replicate.sessions import open_session
from postai.replicate.stream import NativeStream
from postai.replicate.types import MoveOptions, Side, State

OBJECTS = """
select m.oid, m.lomowner::regrole::text, m.lomacl::text, md5(lo_get(m.oid)), obj_description(m.oid, 'pg_largeobject')
  from pg_largeobject_metadata as m order by 1
"""
# One after the other: content, size, owner, grant taken and given, comment made and removed, made, removed.
CHANGES = (
    "select lo_put(7001, 5000, 'x')",
    "select lo_truncate(lo_open(7001, 131072), 4096)",
    "alter large object 7003 owner to odd_app",
    "revoke select on large object 7001 from odd_app",
    "grant update on large object 7003 to public",
    "comment on large object 7003 is 'it''s %s'",
    "comment on large object 7002 is null",
    "select lo_from_bytea(7004, decode(repeat('ab', 1048577), 'hex'))",
    "select lo_unlink(7001)",
)


def test_large_objects_follow_each_change_of_theirs(stand: Stand) -> None:
    for name in ("odd_owner", "odd_app"):
        stand.target.execute(f"create role {name}")
    whole = Deadline.after(60)
    with sides(stand) as (source, target):
        for db in (source, target):
            fence.install(db, MOVE)
        target.query("select lo_from_bytea(9, 'the target had this before')")
        before = large_objects.stamp(source)
        assert large_objects.bring(source, target, MOVE, Side.TARGET, whole) == 3
        assert large_objects.catch_up(source, target, MOVE, Side.TARGET, before, whole) == 0
        for change in CHANGES:
            with source.transaction():
                source.query(change)
            stamp = large_objects.stamp(source)
            assert large_objects.catch_up(source, target, MOVE, Side.TARGET, before, whole) == 1, change
            assert large_objects.bring(source, target, MOVE, Side.TARGET, whole) == 0, change
            before = stamp
        kept = "(9,"
        assert source.query(OBJECTS) == [row for row in target.query(OBJECTS) if not str(row).startswith(kept)]
        target.query("select lo_put(7003, 0, 'back'), lo_from_bytea(7005, 'new')")
        target.execute("alter large object 7003 owner to postgres")
        assert large_objects.bring(target, source, MOVE, Side.SOURCE, whole) == 3
        ((owner, content),) = source.query("select lomowner::regrole::text, lo_get(oid) from pg_largeobject_metadata "
                                           "where oid = 7003")  # fmt: skip
        assert (owner, content) == ("odd_app", b"back")
        stand.target.execute("reassign owned by odd_app to postgres")


def test_copying_waits_for_a_busy_source(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SMALL_BYTES", 0)
    busy = "select count(*) from generate_series(1, 1000000000)"
    with sides(stand) as (source, target), stand.source.connect() as working:
        assert throttle.cores(source) >= 1 and throttle.count("0,2-3") == 3
        assert throttle.held_up(source, MoveOptions(load=0.1)) is None
        thread = threading.Thread(target=until_cancelled, args=(working, busy))
        thread.start()
        limit = 0.5 / throttle.cores(source)
        reason = None
        end = Deadline.after(20)
        while reason is None:
            end.check()
            reason = throttle.held_up(source, MoveOptions(load=limit))
        assert "busy" in reason and throttle.held_up(source, MoveOptions(load=0)) is None
        working.cancel()
        thread.join()
        copy_tables(stand)
        made = NativeStream(MOVE, Side.SOURCE, native.conninfo(stand.source_dsn(), "x"), ("app",))
        made.copy(source, target, hold=True)
        made.copy(source, target, hold=True)
        assert len(made.unfinished(source, target)) == 8 and native.states(target, made.name).keys() == {
            "postai_7.fence"
        }  # fmt: skip
        assert {one.state for one in made.progress(source, target)} == {"waiting"}
        made.copy(source, target)
        assert len(native.states(target, made.name)) == 1 + native.copiers(target) + 1
        while made.unfinished(source, target):
            end.check()
            made.copy(source, target)
        made.stop(source, target)


@pytest.mark.soak
def test_tables_in_parts_while_they_are_written(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the smallest tables go the way of large ones; the verification before `ready` compares all rows."""
    monkeypatch.setattr(snapshot_copy, "PART_BYTES", 16_384)
    with at_home(stand) as home, LossClient(stand.source_dsn("odd_app"), SMALL) as client:
        client.wait_for(20)
        move = until(home, begun(home, stand, split_bytes=16_384), State.READY)
        states = {one.state for one in snapshot_copy.splits(home, move.id).values()}
        assert states == {"joined"} and move.row.verified is not None and move.row.verified["equal"]
        client.wait_for(20)
        assert asked.verified(home, move, quiet).equal
        asked.end(home, move, State.ABORTED, quiet)
    assert stand.leftovers() == []


@pytest.mark.parametrize("broken", [pytest.param("parts", marks=pytest.mark.soak), "joining"])
def test_a_copy_in_parts_that_is_broken_off(stand: Stand, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    monkeypatch.setattr(snapshot_copy, "PART_BYTES", 16_384)
    rows = "insert into app.t0 select i, repeat('x', i %% 50) from generate_series({}, {}) as i"
    with sides(stand) as (source, target):
        copy_tables(stand)
        source.execute(rows.replace("%%", "%").format(2, 3000))
        connection = native.conninfo(stand.source_dsn(), "x")
        made = NativeStream(MOVE, Side.SOURCE, connection, ("app",), split_bytes=50_000)
        whole = Deadline.after(60)

        def opened(side: Side) -> Database:
            return open_session(stand.source_dsn() if side is Side.SOURCE else stand.target_dsn())

        def look(detail: str) -> bool:
            if broken == "parts" and snapshot_copy.splits(target, MOVE)["app.t0"].state == "copying":
                raise Cancelled("a trial")
            return False

        def killed(db: Database, name: str, some: object) -> None:
            raise Cancelled("a trial")

        made.copy(source, target)
        assert made.unfinished(source, target) and "app.t0" not in native.states(target, made.name)
        if broken == "parts":
            with pytest.raises(Cancelled):
                made.copy_large(source, target, opened, 2, look)
            broken = ""
        made.copy_large(source, target, opened, 2, look)
        source.execute(rows.replace("%%", "%").format(3001, 4000))
        source.execute("update app.t0 set body = 'new' where id % 7 = 0; delete from app.t0 where id % 11 = 0")
        if broken:
            wait_ready(source, target, made.name, whole, ("x",))
            while set(native.states(target, made.name).values()) != {"r"}:
                whole.check()
            with monkeypatch.context() as patch, pytest.raises(Cancelled):
                patch.setattr(snapshot_copy, "_forget", killed)
                made.copy(source, target)
            source.execute("update app.t0 set body = 'newer' where id % 5 = 0; insert into app.t0 values (9000, 'z')")
        while made.unfinished(source, target):
            whole.check()
            made.copy(source, target)
            time.sleep(0.1)
        source.execute("update app.t0 set body = 'last' where id % 3 = 0")
        fence.cross(source, target, MOVE, whole)
        everything = "select * from app.t0 order by id"
        assert source.query(everything) == target.query(everything)
        made.stop(source, target)
        assert source.query("select slot_name from pg_replication_slots where slot_name ~ '^postai_7_'") == []


@pytest.mark.soak
def test_keys_after_rows_while_they_are_written(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tables with a primary key go the way of large ones; the verification compares rows and definitions."""
    monkeypatch.setattr(late_keys, "LATE_BYTES", -1)
    with at_home(stand) as home, LossClient(stand.source_dsn("odd_app"), SMALL) as client:
        client.wait_for(20)
        move = until(home, begun(home, stand), State.READY)
        assert move.row.verified is not None and move.row.verified["equal"]
        client.wait_for(20)
        assert asked.verified(home, move, quiet).equal
        asked.end(home, move, State.ABORTED, quiet)
    assert stand.leftovers() == []


def test_a_key_waits_behind_the_copy_of_its_table(stand: Stand) -> None:
    """The copy waits for a transaction of the source; a driver that waits with the key dies, the next one makes it."""
    statement = 'ALTER TABLE ONLY "app"."t0"\n    ADD CONSTRAINT "t0_pkey" PRIMARY KEY ("id")'
    waits = "select count(*) from pg_locks where relation = 'app.t0'::regclass and mode = 'ShareLock' and not granted"
    key = "select count(*) from pg_index where indrelid = 'app.t0'::regclass"
    whole = Deadline.after(60)
    with sides(stand) as (source, target), stand.source.connect() as holding:
        copy_tables(stand)
        target.execute("alter table app.t0 drop constraint t0_pkey")
        fence.install(target, MOVE)
        late_keys.leave(target, MOVE, Notes.read(target, MOVE), [statement], native.tables(source, ("app",)))
        made = NativeStream(MOVE, Side.SOURCE, native.conninfo(stand.source_dsn(), "x"), ("app",))

        def stop(detail: str) -> None:
            raise Cancelled(detail)

        def build(look: Callable[[str], None]) -> None:
            with open_session(stand.target_dsn()) as looking:
                while late_keys.waiting(looking, MOVE):
                    late_keys.build(lambda: open_session(stand.target_dsn()), looking, MOVE, made.name, 2, look)
                    whole.check()

        made.copy(source, target, hold=True)
        wait_ready(source, target, made.name, whole, ("x",))
        holding.execute("begin; select pg_current_xact_id()")
        made.copy(source, target)
        with pytest.raises(Cancelled, match=r"keys of app\.t0"):
            build(stop)
        assert late_keys.waiting(target, MOVE) == {"app.t0": [statement]} and target.query(waits) == [(0,)]
        with ThreadPoolExecutor(1) as pool:
            made_later = pool.submit(build, lambda detail: None)
            while target.query(waits) == [(0,)]:
                whole.check()
            holding.execute("rollback")
            made_later.result()
        assert target.query(key) == [(1,)]
        while made.unfinished(source, target):
            whole.check()
            made.copy(source, target)
        source.execute("update app.t0 set body = 'new'")
        fence.cross(source, target, MOVE, whole)
        assert target.query("select body from app.t0") == [("new",)]
        assert native.lag(source, target, made.name).errors == 0
        made.stop(source, target)


@pytest.mark.soak
def test_an_autovacuum_does_not_keep_a_copy_in_parts_from_its_beginning(stand: Stand) -> None:
    """A lock that is waited for shorter than deadlock_timeout never has the server cancel one."""
    slow = "autovacuum_vacuum_insert_threshold = 1, autovacuum_vacuum_insert_scale_factor = 0, " \
           "autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, autovacuum_enabled"  # fmt: skip
    there = "select pid from pg_locks where relation = 'app.t0'::regclass and mode = 'ShareUpdateExclusiveLock'"
    whole = Deadline.after(60)
    with sides(stand) as (source, _):
        copy_tables(stand)
        source.execute(f"alter table app.t0 set ({slow}); "
                       "insert into app.t0 select i, repeat('x', 500) from generate_series(2, 30000) as i")  # fmt: skip
        source.execute("alter system set autovacuum_naptime = 1")
        source.query("select pg_reload_conf()")
        try:
            while not source.query(there):
                whole.check()
                whole.cancel.wait(0.1)
            ((longest,),) = source.query(snapshot_copy._sql("vacuumed"), (200, 200, "app.t0"))
            assert longest == 1200
            with snapshot_copy._locked(source, "app.t0"):
                assert source.query(there) == []
        finally:
            source.execute("alter system reset autovacuum_naptime")
            source.query("select pg_reload_conf()")


def test_a_replica_that_is_behind_holds_copying_up(stand: Stand) -> None:
    """Without a replica there is nothing to wait for; the view's columns are read by every version."""
    with sides(stand) as (source, target):
        for db in (source, target):
            assert throttle.held_up(db, replace(MoveOptions(), load=0, replica_lag=0.001)) is None


def until_cancelled(session: psycopg.Connection, statement: str) -> None:
    """Keep a processor of the server busy."""
    with pytest.raises(psycopg.errors.QueryCanceled):
        session.execute(statement)


def copy_tables(stand: Stand) -> None:
    """Eight tables with a row each on the source, and the same without rows on the target."""
    for number in range(8):
        text = f"create schema if not exists app; create table app.t{number} (id int primary key, body text)"
        stand.source.execute(f"{text}; insert into app.t{number} values (1, 'x')")
        stand.target.execute(text)
