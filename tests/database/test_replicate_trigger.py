"""The method of triggers: what is copied and followed of the odd database, hard changes in any order, switches."""

from __future__ import annotations

import pytest
from replicate_move import MOVE, copy_schema, sides
from replicate_support import ODD_SKIP, Stand

from loss import compare
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate import cleanup, fence
from postai.replicate.capture import TriggerStream
from postai.replicate.types import Side

FORWARD = TriggerStream(MOVE, Side.SOURCE)
SKIP = (*ODD_SKIP, "odd.moods")
# Changes that are hard to follow; as they come from an application, row by row or at once.
CHANGES = '''
update odd.wide set small = 7, long = 'now' where id % 2 = 0;
update odd.wide set id = id + 100000, single = '-0', double = 'infinity', exact = '1.00' where id % 3 = 0;
delete from odd.no_key where a = 1;
delete from odd.no_key where ctid = (select min(ctid) from odd.no_key where b = 'same');
insert into odd.no_key values (5, E'tab\\t line\\n back\\\\slash \\N'), (5, null), (5, 'same'), (5, 'same');
update odd.no_key set b = b || '!' where a = 5;
insert into odd.no_column default values;
insert into odd.no_column default values;
delete from odd.no_column where ctid = '(0,1)';
update odd.by_default set id = id + 1000;
update odd.always set amount = amount + 1 where id % 2 = 0;
delete from odd.always where id % 5 = 0;
insert into odd.always (amount) values (5);
update odd.part set at = at + interval '1 year' where id % 3 = 0;
insert into odd.child values (100, 'child', 'extra');
update odd.parent set kind = kind || '!';
update odd.boss set deputy = null;
delete from odd.boss where id in (3, 5);
update odd.item set name = 'renamed', secret = null where id < 5;
insert into odd.ruled values (77, 'rule');
update "Odd ""Name"""."select" set "a""b" = -"a""b", "percent%" = 5 where "a""b" % 2 = 0;
delete from "Odd ""Name"""."select" where "a""b" = 7;
update odd.guarded set body = 'z' where id = 1;
'''


def follow(source: Database, target: Database, stream: TriggerStream = FORWARD) -> None:
    """Take up everything that was committed."""
    stream.copy(source, target)
    fence.cross(source, target, MOVE, Deadline.after(30), lambda: stream.pump(source, target))


def differences(stand: Stand) -> list[object]:
    found = compare(stand.source_dsn(), stand.target_dsn(), SKIP, sequences=False)
    return [one for one in found if one.where != "large objects"]


def test_the_odd_database_is_copied_and_followed(stand: Stand) -> None:
    before = stand.source.schema_text()
    with sides(stand) as (source, target):
        copy_schema(stand)
        FORWARD.copy(source, target)
        assert FORWARD.unfinished(source, target) == ()
        assert differences(stand) == []
        stand.source.execute(CHANGES)
        stand.source.execute(
            "begin; set local role odd_app; update odd.item set name = 'by the app' where id = 9; commit"
        )
        follow(source, target)
        assert differences(stand) == []
        stand.source.execute("begin; truncate odd.no_key, odd.ruled; insert into odd.no_key values (1, 'new'); commit")
        stand.source.execute("truncate odd.boss cascade; insert into odd.no_key values (2, 'newer')")
        stand.source.execute("create table odd.later (id int primary key); insert into odd.later values (1)")
        follow(source, target)
        assert FORWARD.unfinished(source, target) == ("odd.later",)
        stand.target.execute("create table odd.later (id int primary key)")
        follow(source, target)
        assert FORWARD.unfinished(source, target) == () == FORWARD.gates(source, target)
        assert differences(stand) == []
        stand.source.execute("drop table odd.later")
        FORWARD.copy(source, target)
        lag = FORWARD.lag(source, target)
        assert lag.active and lag.bytes == 0 and lag.kept_bytes
        cleanup.both(source, target, MOVE)
    assert stand.source.schema_text() == before
    assert stand.leftovers() == []
