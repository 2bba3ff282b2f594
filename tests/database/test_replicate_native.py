"""Logical replication of the odd database: what is copied and followed, new tables, lag, sequences, and no trace."""

from __future__ import annotations

from replicate_move import copy_schema, sides
from replicate_support import ODD_SKIP, Stand

from loss import compare
from postai.deadline import Deadline
from postai.replicate import fence, native, sequences
from postai.replicate.stream import NativeStream
from postai.replicate.types import Side


def test_the_odd_database_is_copied_and_followed(stand: Stand) -> None:
    with sides(stand) as (source, target):
        given = native.give_identity(source, 7, native.tables(source))
        copy_schema(stand)
        assert "odd.no_key" in given and "odd.wide" not in given
        stream = NativeStream(7, Side.SOURCE, native.conninfo(stand.source_dsn(), "postai_7_fwd"))
        stream.copy(source, target)
        stream.copy(source, target)  # again is harmless
        native.wait_ready(source, target, stream.name, Deadline.after(60))
        stand.source.execute(
            "update odd.wide set small = 7, long = 'now' where id % 2 = 0; delete from odd.no_key where a = 1"
        )
        stand.source.execute("truncate odd.ruled; update odd.guarded set body = 'z' where id = 1")
        stand.source.execute("insert into odd.always (amount) values (5); create table odd.later (id int primary key)")
        stand.source.execute("insert into odd.later values (1); select setval('odd.never_used', 77, false)")
        stand.target.execute("create table odd.later (id int primary key)")
        assert native.unfinished(source, target, stream.name) == ("odd.later",)
        stream.copy(source, target)
        native.wait_ready(source, target, stream.name, Deadline.after(60))
        assert fence.cross(source, target, 7, Deadline.after(30)) < 30
        names = sequences.require_equal(source, target)
        assert sequences.copy(source, target, names) > 5
        assert sequences.copy(source, target, names) == 0
        found = compare(stand.source_dsn(), stand.target_dsn(), (*ODD_SKIP, "odd.moods"))
        assert [one for one in found if one.where != "large objects"] == []
        lag = native.lag(source, target, stream.name)
        assert lag.active and lag.wal_status == "reserved" and lag.errors == 0
