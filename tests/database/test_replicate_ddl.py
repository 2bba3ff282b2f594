"""Changes of the schema while a target follows: what only adds is taken over, the rest is told and can be mended.

The small twin of these is in test_replicate_schema.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import pytest
from replicate_move import sides, wait_ready
from replicate_support import Stand
from test_replicate_schema import MOVE, PLAIN, move_schema, silent

from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate import ddl, fence, late_keys, native, schema_compare
from postai.replicate.capture import TriggerStream
from postai.replicate.restore import Notes
from postai.replicate.stream import NativeStream
from postai.replicate.types import Side
from postai.stream import server as stream_server

SECONDS = 60


@dataclass(frozen=True)
class Followed:
    """A move whose target follows its source."""

    stand: Stand
    source: Database
    target: Database
    stream: NativeStream

    def look(self) -> ddl.Taken | None:
        dsn, deadline = self.stand.source_dsn(), Deadline.after(SECONDS)
        taken = ddl.tick(dsn, self.source, self.target, MOVE, PLAIN, deadline, silent)
        if taken is not None and not taken.blocking:
            again = ddl.tick(dsn, self.source, self.target, MOVE, PLAIN, deadline, silent)
            assert again is None, "nothing is left to do"
            native.give_identity(self.source, MOVE, native.tables(self.source))
            self.stream.copy(self.source, self.target)
        return taken

    def caught_up(self) -> None:
        wait_ready(self.source, self.target, self.stream.name, Deadline.after(SECONDS))
        fence.cross(self.source, self.target, MOVE, Deadline.after(SECONDS))

    def same(self, query: str) -> None:
        assert self.stand.source.execute(query) == self.stand.target.execute(query)

    def stops(self, change: str, mend: Callable[[tuple[str, ...]], str]) -> list[str]:
        """A change that a person has to follow: it is told again and again until the mending statement has run."""
        self.stand.source.execute(change)
        first, second = self.look(), self.look()
        assert first is not None and second is not None and first.blocking
        assert [one.what for one in first.blocking] == [one.what for one in second.blocking]
        for one in first.blocking:
            self.stand.target.execute(mend(one.fix)) if mend(one.fix) else None
        after = self.look()
        assert after is not None and after.blocking == ()
        return [one.what for one in first.blocking]


@contextmanager
def followed(stand: Stand) -> Iterator[Followed]:
    move_schema(stand.source_dsn(), stand.target_dsn())
    with sides(stand) as (source, target):
        native.give_identity(source, MOVE, native.tables(source))
        stream = NativeStream(MOVE, Side.SOURCE, native.conninfo(stand.source_dsn(), "postai_7_fwd"))
        stream.copy(source, target)
        assert ddl.install(source, MOVE) and ddl.install(source, MOVE)
        one = Followed(stand, source, target, stream)
        assert one.look() is not None and one.look() is None
        one.caught_up()
        yield one


@pytest.mark.soak
def test_what_only_adds_is_taken_over(stand: Stand) -> None:
    """An apply that stopped for want of a column goes on; a new table is followed."""
    with followed(stand) as one:
        stand.source.execute(
            "alter table odd.item add column at timestamptz default now(), add n text not null default 'x'';'"
        )
        stand.source.execute("insert into odd.item (id, name, n) values (501, 'new', 'y')")
        stand.source.execute("alter type odd.mood add value 'meh' after 'sad'; create type odd.hue as enum ('red')")
        stand.source.execute(
            'create table "Odd ""Name"""."new; table" (id serial primary key, hue odd.hue, item int '
            'references odd.item); create index "new; index" on "Odd ""Name"""."new; table" (hue); '
            "grant select on odd.no_key to odd_second; comment on table odd.no_key is E'drop table x; --\\n'; "
            "alter table odd.no_key add u uuid default gen_random_uuid()"
        )
        stand.source.execute('insert into "Odd ""Name"""."new; table" (hue, item) values (\'red\', 501)')
        taken = one.look()
        assert taken is not None and taken.blocking == ()
        assert taken.new_tables == ('"Odd ""Name"""."new; table"',) and taken.unequal == ("odd.no_key",)
        assert "ALTER TABLE odd.item" in taken.commands
        one.caught_up()
        one.same("select * from odd.item order by id")
        one.same('select * from "Odd ""Name"""."new; table"')
        found = stand.target.execute("select 1 where exists (select from pg_indexes where indexname = 'new; index')")
        assert found == [(1,)]
        renamed = one.stops("alter table odd.boss rename to chief", lambda fix: fix[0] if "RENAME" in fix[0] else "")
        assert renamed[0] == "odd.boss is called odd.chief now"
        one.same("select * from odd.chief order by id")


def test_names_that_are_exchanged(stand: Stand) -> None:
    """As with a table that was prepared beside another one: by its names the schema is as it was."""
    stand.source.execute(
        "create schema exchanged; create table exchanged.now (id int primary key, v text, w text); "
        "create table exchanged.next (like exchanged.now including all); "
        "insert into exchanged.next values (1, 'v', 'w')"
    )
    with followed(stand) as one:
        assert ddl.exchanged(one.source, one.target, MOVE) == ()
        told = one.stops(
            "alter table exchanged.now rename to x; alter table exchanged.next rename to now; "
            "alter table exchanged.x rename to next; alter table exchanged.next rename v to x; "
            "alter table exchanged.next rename w to v; alter table exchanged.next rename x to w",
            lambda fix: "; ".join(fix) if "postai_moved" in fix[0] else "",  # with the tables go their indexes
        )  # fmt: skip
        assert "exchanged.next is called exchanged.now now" in told[0]
        assert ddl.exchanged(one.source, one.target, MOVE) == ()
        one.same("select * from exchanged.now")
        stand.source.execute("drop table exchanged.next; alter table exchanged.now rename to next")
        assert len(ddl.exchanged(one.source, one.target, MOVE)) == 4


def test_tables_of_a_move_have_a_replica_identity(stand: Stand) -> None:
    """Else a publication FOR ALL TABLES, as a cache may have, would let the move update and delete nothing there."""
    for side in (stand.source, stand.target):
        side.execute("create table plain (id int primary key); create publication everything for all tables")
    with sides(stand) as (source, target):
        fence.install(target, MOVE)
        late_keys.leave(target, MOVE, Notes.read(target, MOVE), [], native.tables(source))
        TriggerStream(MOVE, Side.SOURCE, ("public",)).copy(source, target)
        look = partial(
            ddl.tick, stand.source_dsn(), source, target, MOVE, PLAIN, on_step=silent, deadline=Deadline.after(SECONDS)
        )
        assert look() is not None
        stand.source.execute("alter table plain add column note text")
        assert look() is not None  # what was known is forgotten
        for db in (source, target):
            own = [table for table in stream_server.tables(db, "everything") if table.schema == f"postai_{MOVE}"]
            assert own and [table.qualified for table in own if table.lacks is not None] == []


@pytest.mark.soak
def test_what_a_person_has_to_follow(stand: Stand) -> None:
    with followed(stand) as one:
        mended = one.stops("alter table odd.item rename column seen to looked", lambda fix: fix[0])
        assert mended == ["column odd.item.seen is called looked now"]
        one.stops("alter table odd.ruled drop column x", lambda fix: fix[0])
        one.stops("alter table odd.worker alter column boss type bigint",
                  lambda fix: "alter table odd.worker alter column boss type bigint")  # fmt: skip
        one.stops(
            "create or replace view odd.happy with (security_barrier) as select id, feeling from odd.wide",
            lambda fix: fix[0],
        )
        one.stops("create or replace function odd.age(at date, variadic extra int[] default '{}') returns int "
                  "language sql immutable as 'select 2'", lambda fix: fix[0])  # fmt: skip
        one.stops("drop table odd.no_column; create table odd.no_column ()", lambda fix: fix[0])
        one.stops(
            "alter table odd.item drop column secret; alter table odd.item add column secret int", lambda fix: fix[0]
        )
        one.stops("drop view odd.happy", lambda fix: fix[0])
        one.stops("alter schema odd owner to odd_second; alter table odd.item add constraint c check (id > 0)",
                  lambda fix: fix[0])  # fmt: skip
        one.caught_up()
        assert schema_compare.compare_schema(one.source, one.target, (), MOVE) == ()
        ddl.remove(one.source, MOVE)
        ddl.remove(one.source, MOVE)
        assert stand.source.execute("select count(*) from pg_event_trigger") == [(0,)]


@pytest.mark.soak
def test_new_partitions_and_parts_of_partitioned_tables(reverse_stand: Stand) -> None:
    """From 18 to 15."""
    stand = reverse_stand
    with followed(stand) as one:
        stand.source.execute(
            "alter table odd.part add column p int default 7; create index on odd.part (k); "
            "create table odd.part_new partition of odd.part for values from ('2030-01-01') to ('2031-01-01'); "
            "insert into odd.part (id, at, k) values (9000, '2030-02-02', 'new'); "
            "alter table odd.parent add column q int"
        )
        taken = one.look()
        assert taken is not None and taken.blocking == () and taken.new_tables == ("odd.part_new",)
        assert taken.unequal == ()
        one.caught_up()
        one.same("select *, tableoid::regclass::text from odd.part order by id, at")
        one.same("select * from odd.child order by id")


@pytest.mark.soak
def test_an_event_trigger_never_fails_a_statement(stand: Stand) -> None:
    """Its table is gone, its reader slow: the application's statements run all the same."""
    with sides(stand) as (source, _):
        assert ddl.install(source, MOVE)
        source.execute("drop table postai_7.ddl")
        stand.source.execute("create table odd.still (id int); drop table odd.still")
        ddl.remove(source, MOVE)
    with sides(stand) as (source, _):
        stand.source.execute("create role odd_low login password 'x'")
        try:
            source.execute("grant create on schema public to odd_low")
            assert ddl.install(source, MOVE)
            stand.source.execute("set role odd_low; create table public.low (id int)")
            assert source.query("select command from postai_7.ddl") == [("CREATE TABLE",)]
        finally:
            stand.source.execute("drop owned by odd_low; drop role odd_low")
