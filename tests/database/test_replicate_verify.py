"""Both sides compared row for row: what differs is named by key, what does not is not, whoever writes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import psycopg
import pytest
from replicate_move import LOSS, MOVE, Moved, begin, copy_schema, sides
from replicate_support import MovedDatabase, Stand

from loss import Load, LossClient
from postai.database import Database
from postai.database.errors import ConnectionLost
from postai.deadline import Cancelled, Deadline
from postai.replicate.capture import TriggerStream
from postai.replicate.repair import repair
from postai.replicate.sessions import open_session
from postai.replicate.types import Side
from postai.replicate.verified import Kind, Mode, Progress, Sides, Verified, VerifyOptions
from postai.replicate.verify import verify
from postai.replicate.verify_exact import locker

# A machine that runs other tests, too, is slow.
PATIENT = VerifyOptions(max_stall=1.0, large_objects=False)
HOSTILE = """
create schema "o{hash}d %s";
create domain "o{hash}d %s"."do""main" as float8;
create collation "o{hash}d %s".loose (locale = 'C.utf8');
create type public."mo od" as enum ('a', 'b,"');
create table "o{hash}d %s"."t{part}'"(
    "a'""b" text collate "o{hash}d %s".loose, "k{keys}" char(5), at timestamptz, raw bytea, d "o{hash}d %s"."do""main",
    n numeric, js jsonb, days date[], m money, c "char", ch char(7), t text, "t.*" int,
    e public."mo od" default 'b,"', primary key (at, "a'""b", "k{keys}", e));
insert into "o{hash}d %s"."t{part}'" select
    E'a''\\\\"{,} ' || i, 'k' || i, timestamptz '2024-01-01+00' + i * interval '1 us', decode('00ff00', 'hex'),
    case i % 3 when 0 then '-0'::float8 when 1 then 'NaN' else 1 / 3.0 end, case i % 2 when 0 then 1.0 else 1.00 end,
    '{"a": 1.0}', '{infinity,-infinity,0044-03-15 BC}', 12.5, (i % 256 - 128)::int::"char", 'x',
    repeat(md5(i::text), 100), i
  from generate_series(1, 300) as i;
create table "o{hash}d %s".nothing (a int, b text);
alter table "o{hash}d %s".nothing replica identity full;
insert into "o{hash}d %s".nothing select i % 5, null from generate_series(1, 50) as i;
"""
SCHEMA = "o{hash}d %s"
TABLE = '''"o{hash}d %s"."t{part}'"'''
NOTHING = '"o{hash}d %s".nothing'


def compare(
    stand: Stand,
    mode: Mode,
    options: VerifyOptions = PATIENT,
    serving: Side = Side.SOURCE,
    deadline: Deadline | None = None,
) -> Verified:
    """One side compared with the other."""
    moved = Moved(stand.source_dsn(), stand.target_dsn(), options.schemas)
    stream = moved.forward if serving is Side.SOURCE else moved.backward
    return verify(Sides(MOVE, moved.open, stream, serving), mode, options, deadline or Deadline.after(120))


@contextmanager
def tampering(database: MovedDatabase) -> Iterator[psycopg.Connection]:
    """A session whose changes fire no trigger."""
    with database.connect() as connection:
        connection.execute("set session_replication_role = replica; set extra_float_digits = 3")
        yield connection


def test_every_type_is_compared_and_one_byte_is_named_by_key(stand: Stand) -> None:
    stand.source.execute(HOSTILE)
    stand.target.execute(f'alter database "{stand.target.name}" set lc_monetary = "C.UTF-8"')
    stand.target.execute(f'alter database "{stand.target.name}" set extra_float_digits = 0')
    stand.target.execute(f'alter database "{stand.target.name}" set intervalstyle = iso_8601')
    begin(stand, ())
    for mode in Mode:
        seen = compare(stand, mode, replace(PATIENT, large_objects=True))
        assert seen.mode is mode and seen.why is None and seen.different == () and seen.missing == ()
        assert seen.large_objects is not None and seen.large_objects.differences == (7001, 7002, 7003)
        assert {one.table for one in seen.tables} >= {TABLE, NOTHING, "odd.wide", "odd.part_2024_0", "odd.no_column"}
        assert not seen.equal and "odd.standalone" in seen.sequences.behind and seen.sequences.missing == ()
        assert (seen.stall > 0) == (mode is Mode.EXACT) and seen.lsn and seen.token
    with tampering(stand.target) as other:
        other.execute("update odd.wide set long = overlay(long placing '!' from 9000 for 1) where id = 1")
        other.execute("update odd.wide set double = 'NaN' where id = 40")
        other.execute("delete from odd.worker where id = 3; insert into odd.boss values (99, 1)")
        other.execute("update odd.no_key set b = 'samf' where ctid = (select min(ctid) from odd.no_key where a = 2)")
        other.execute("update odd.part_2024 set k = k || ' ' where id = (select min(id) from odd.part_2024_0)")
        other.execute(f"update {TABLE} set n = 1.000 where ch = 'x' and \"t.*\" = 7")
        other.execute(f'update {TABLE} set d = 0 where "t.*" = 9')
        other.execute(f"update {TABLE} set raw = '\\x00fe00' where \"t.*\" = 11")
        other.execute(f"delete from {NOTHING} where ctid = (select min(ctid) from {NOTHING})")
        other.execute(f"insert into {NOTHING} values (1, ''), (4, null)")
    moment = "2024-01-01 00:00:00.0000"
    for mode in Mode:
        seen = compare(stand, mode)
        found = {one.table: one for one in seen.different}
        keys = {name: [(each.kind, each.key) for each in one.differences] for name, one in found.items()}
        assert keys.pop("odd.wide") == [(Kind.DIFFERENT, ("1",)), (Kind.DIFFERENT, ("40",))]
        assert keys.pop("odd.worker") == [(Kind.MISSING, ("3",))]
        assert keys.pop("odd.boss") == [(Kind.EXTRA, ("99",))]
        assert sorted(kind for kind, _ in keys.pop("odd.no_key")) == [Kind.EXTRA, Kind.MISSING]
        ((_, (_, at)),) = keys.pop("odd.part_2024_0")
        assert at.startswith("2024-") and found["odd.part_2024_0"].key == ("id", "at")
        assert keys.pop(TABLE) == [
            (Kind.DIFFERENT, (f"{moment}{i:02}+00", f"a'\\\"{{,}} {i}", f"k{i}".ljust(5), 'b,"')) for i in (7, 9, 11)
        ]
        rows = {(each.kind, each.rows) for each in found[NOTHING].differences}
        assert keys.pop(NOTHING) and rows == {
            (Kind.MISSING, (10, 9)), (Kind.EXTRA, (0, 1)), (Kind.EXTRA, (10, 11))
        }  # fmt: skip
        assert keys == {}
        assert all(one.equal is False and one.settled == 0 and not one.more for one in seen.different)


def test_nothing_is_told_of_what_only_is_on_its_way(stand: Stand) -> None:
    begin(stand)
    options = replace(PATIENT, schemas=LOSS)
    with LossClient(stand.source_dsn("odd_app"), Load(4, 120, branches=5, accounts=100)) as client:
        client.wait_for(20)
        for mode in (Mode.EXACT, Mode.SETTLING, Mode.SETTLING, Mode.EXACT):
            seen = compare(stand, mode, options)
            assert seen.equal and seen.different == () and seen.mode is mode and seen.rows > 500
        with tampering(stand.target) as other:
            ((seq,),) = other.execute("select min(seq) from loss.ledger where client = 1").fetchall()
            other.execute("update loss.ledger set delta = delta + 1 where client = 1 and seq = %s", [seq])
        for mode in Mode:
            seen = compare(stand, mode, options)
            assert [(one.table, [each.key for each in one.differences]) for one in seen.different] == [
                ("loss.ledger", [(str(client.record.run), "1", str(seq))])
            ]
        assert client.record.window().fatal == {}


# The small twin is in test_replicate_asked.
@pytest.mark.soak
def test_what_differs_is_repaired_while_everybody_writes(stand: Stand) -> None:
    stand.source.execute(HOSTILE)
    begin(stand, ())
    with tampering(stand.target) as other:
        other.execute("update odd.wide set long = overlay(long placing '!' from 9000 for 1) where id = 1")
        other.execute("delete from odd.worker where id = 3; insert into odd.boss values (99, 1)")
        other.execute("delete from odd.boss where id = 4; update odd.always set amount = 7 where id = 103")
        other.execute("update odd.item set seen = 'changed', name = 'x' where id < 5; delete from odd.no_column")
        other.execute(f"update {TABLE} set raw = '\\x00fe00' where \"t.*\" % 11 = 0; delete from {NOTHING} where a = 2")
        other.execute(f"insert into {NOTHING} values (1, ''), (4, null)")
        other.execute("update odd.part_rest set k = null where id % 3 = 0; insert into odd.ruled values (7, 'seven')")
        other.execute("update loss.ledger set delta = delta + 1 where seq = 1")
    moved = Moved(stand.source_dsn(), stand.target_dsn(), ())
    both = Sides(MOVE, moved.open, moved.forward, Side.SOURCE)
    with LossClient(stand.source_dsn("odd_app"), Load(4, 120, branches=5, accounts=100)) as client:
        client.wait_for(10)
        with tampering(stand.target) as other:
            other.execute("update loss.ledger set delta = delta + 1 where seq = 1; delete from loss.entry where id < 4")
        seen = compare(stand, Mode.EXACT)
        assert len(seen.different) == 12
        done = repair(both, seen, PATIENT, Deadline.after(60))
        assert done.after.equal and done.notes == () and done.rows > 40 and done.stall > 0
        assert compare(stand, Mode.EXACT).equal
        assert client.record.window().fatal == {}
    assert stand.target.execute("select count(*) from odd.item_log where item < 5 and what = 'UPDATE'") == [(0,)]


@pytest.mark.soak
def test_nothing_is_told_of_rows_that_change_all_the_time(stand: Stand) -> None:
    """One branch that every transaction changes, 300 of them a second, for a minute."""
    begin(stand)
    options = VerifyOptions(LOSS, lock_seconds=10, large_objects=False)
    end = time.monotonic() + 60
    with LossClient(stand.source_dsn("odd_app"), Load(8, 300, branches=1, accounts=100)) as client:
        client.wait_for(50)
        while time.monotonic() < end:
            for mode in Mode:
                seen = compare(stand, mode, options)
                assert seen.equal and seen.stall < 0.1, seen
    assert client.record.window().fatal == {}


def test_without_a_moment_for_locks_it_settles_and_it_can_be_ended(stand: Stand) -> None:
    begin(stand)
    options = VerifyOptions(LOSS, max_stall=0.2, lock_seconds=0.4, share=0.5, busy=1, workers=2, large_objects=False)
    with stand.source.connect() as slow, slow.transaction():
        slow.execute("update loss.account set balance = balance where id = 1")
        seen = compare(stand, Mode.EXACT, options)
    assert seen.equal and seen.mode is Mode.SETTLING and seen.stall == 0
    assert "keep loss.account" in str(seen.why)

    stand.source.execute("revoke update, delete on loss.branch from odd_app; revoke select on loss.teller from odd_app")
    stand.source.execute("grant usage on schema postai_7 to odd_app; grant all on postai_7.fence to odd_app")
    moved = Moved(stand.source_dsn(), stand.target_dsn())

    def as_app(side: Side) -> Database:
        return open_session(stand.source_dsn("odd_app") if side is Side.SOURCE else stand.target_dsn())

    seen = verify(Sides(MOVE, as_app, moved.forward, Side.SOURCE), Mode.EXACT, options, Deadline.after(30))
    assert seen.mode is Mode.SETTLING and "permission denied" in str(seen.why) and not seen.equal
    assert [(one.table, one.equal, one.error) for one in seen.different] == [
        ("loss.teller", None, "42501: permission denied for table teller")
    ]

    with tampering(stand.target) as other:
        other.execute("update loss.account set filler = 'y' where id = 5; delete from loss.teller where id = 7")
        other.execute("insert into loss.account values (9999, 1)")
        other.execute(
            "grant usage on schema postai_7 to odd_app; grant select on all tables in schema postai_7 to odd_app"
        )

    def app_there(side: Side) -> Database:
        return open_session(stand.source_dsn() if side is Side.SOURCE else stand.target_dsn("odd_app"))

    done = repair(Sides(MOVE, app_there, moved.forward, Side.SOURCE), compare(stand, Mode.SETTLING, options), options,
                  Deadline.after(30))  # fmt: skip
    assert done.after.equal and done.rows == 3 and "foreign keys fired" in done.notes[0]

    cancel = Deadline.after(30)
    told: list[Progress] = []

    def stop(at: Progress) -> None:
        told.append(at)
        cancel.cancel.set()

    with pytest.raises(Cancelled):
        verify(Sides(MOVE, moved.open, moved.forward, Side.SOURCE), Mode.SETTLING, options, cancel, stop)
    assert told and told[0].tables == 6
    assert stand.source.execute("select count(*) from pg_stat_activity where datname = current_database() and "
                                "application_name = 'postai'") == [(0,)]  # fmt: skip

    both = Sides(MOVE, moved.open, moved.forward, Side.SOURCE)
    lock = locker(both, 0.2)  # and this process stops
    lock.query("begin")
    lock.query("lock table loss.branch in share mode")
    with stand.source.connect() as writer:
        began = time.monotonic()
        writer.execute("update loss.branch set balance = balance where id = 1")
        assert time.monotonic() - began < 5
    with pytest.raises(ConnectionLost):
        lock.query("rollback")
    lock.close()


@pytest.mark.soak
def test_the_way_back_is_compared_and_repaired_too(stand: Stand) -> None:
    begin(stand)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    with sides(stand) as (source, target):
        moved.backward.mark(target)
        moved.forward.stop(source, target)
        moved.backward.start(target, source)
    with tampering(stand.source) as other:
        other.execute("update loss.branch set balance = 5 where id = 2; delete from loss.account where id < 3")
    options = replace(PATIENT, schemas=LOSS, listed=1)
    with LossClient(stand.target_dsn("odd_app"), Load(4, 120, branches=5, accounts=100)) as client:
        client.wait_for(10)
        seen = compare(stand, Mode.SETTLING, options, Side.TARGET)
        assert {one.table for one in seen.different} >= {"loss.account"} and seen.serving is Side.TARGET
        both = Sides(MOVE, moved.open, moved.backward, Side.TARGET)
        assert repair(both, seen, options, Deadline.after(60)).after.equal
        assert compare(stand, Mode.EXACT, options, Side.TARGET).equal
        assert client.record.window().fatal == {}


@pytest.mark.soak
def test_changes_that_triggers_wrote_down_are_on_their_way_too(stand: Stand) -> None:
    stream = TriggerStream(MOVE, Side.SOURCE, LOSS)
    with sides(stand) as (source, target):
        copy_schema(stand)
        stream.copy(source, target)
    both = Sides(MOVE, Moved(stand.source_dsn(), stand.target_dsn()).open, stream, Side.SOURCE)
    options = replace(PATIENT, schemas=LOSS)
    with LossClient(stand.source_dsn("odd_app"), Load(4, 120, branches=5, accounts=100)) as client:
        client.wait_for(20)
        for mode in Mode:
            seen = verify(both, mode, options, Deadline.after(60))
            assert seen.equal and seen.mode is mode and seen.rows > 500
        with tampering(stand.target) as other:
            other.execute("delete from loss.entry where id = 3")
        seen = verify(both, Mode.EXACT, options, Deadline.after(60))
        assert [(one.table, one.differences[0].key) for one in seen.different] == [("loss.entry", ("3",))]
        assert repair(both, seen, options, Deadline.after(60)).after.equal
        assert client.record.window().fatal == {}
