"""What a move copies beside the servers' own copy of tables: large objects, tables in parts; and when it waits."""

from __future__ import annotations

import threading
from dataclasses import replace

import psycopg
import pytest
from replicate_move import MOVE, sides
from replicate_support import Stand

from postai.deadline import Deadline
from postai.replicate import fence, large_objects, native, stream, throttle
from postai.replicate.stream import NativeStream
from postai.replicate.types import MoveOptions, Side

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
