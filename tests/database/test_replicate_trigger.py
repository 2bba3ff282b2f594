"""The method of triggers: what is copied and followed of the odd database, hard changes in any order, switches."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replicate_move import LOSS, MOVE, Moved, copy_schema, sides
from replicate_support import ODD_SKIP, SETTINGS, SMALL, PgBouncer, Stand
from test_replicate_machine import address_of, at_home, begun, quiet, until

from conftest import new_server
from loss import LossClient, check, compare
from postai.database import ServerError
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import LockNotObtained, NotPermitted, Refused
from postai.replicate import asked, capture_apply, capture_install, cleanup, cutover, fence, store
from postai.replicate.capture import TriggerStream
from postai.replicate.sessions import open_session
from postai.replicate.store import Ending
from postai.replicate.types import Method, Side, State
from postai.setup.server import debian_binaries

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

# Texts of values as an application may want them.
ODD_SETTINGS = """
set datestyle = 'SQL, DMY'; set timezone = 'Asia/Kolkata'; set extra_float_digits = -5;
insert into local select i / 10.0, '2024-02-03' from generate_series(1, 9) as i
    on conflict (k) do update set at = now();
update rows set b = b + 1e-9 where a = 1;
insert into rows select 7, 1 / 3.0
"""


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


def loss_streams(to: Side) -> tuple[TriggerStream, TriggerStream]:
    """The stream to a side, and the one back, of the loss check's tables."""
    return TriggerStream(MOVE, to.other, LOSS), TriggerStream(MOVE, to, LOSS)


def loss_differences(stand: Stand) -> list[object]:
    found = compare(stand.source_dsn(), stand.target_dsn(), sequences=False)
    return [one for one in found if one.where.startswith("loss.")]


@pytest.mark.soak
def test_there_and_back_and_there(stand: Stand, bouncer: PgBouncer) -> None:
    copy_schema(stand)
    bouncer.point_at(stand.source)
    moved = Moved(stand.source_dsn(), stand.target_dsn())
    driver = moved.by_bouncer(bouncer)
    forward, backward = loss_streams(Side.TARGET)
    with LossClient(bouncer.dsn(), SMALL) as client:
        with sides(stand) as (source, target):
            client.wait_for(20)
            follow(source, target, forward)
            backward.prepare(target, source)
            assert backward.ready(target) and backward.gates(target, source)[0].check == "stream"
        with client.window() as seen:
            for to in (Side.TARGET, Side.SOURCE, Side.TARGET):
                streams = dict(zip(("forward", "reverse"), loss_streams(to), strict=True))
                plan = replace(moved.switch(to, driver), **streams)
                assert cutover.switch(plan, quiet).serving is to
                client.wait_for(30)
        assert seen().errors == {}
    assert check(client.record, stand.target_dsn()) == ()
    with sides(stand) as (source, target):
        fence.cross(target, source, MOVE, Deadline.after(30), lambda: backward.pump(target, source))
        assert loss_differences(stand) == []
        cleanup.both(source, target, MOVE)
    driver.close()


def test_a_backlog_in_parts(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts end anywhere; values that rows exchange are in the way of parts; emptied tables; rows without a key."""
    monkeypatch.setattr(capture_apply, "AT_A_TIME", 7)
    for one in (stand.source, stand.target):
        one.execute("create table swapped (id int primary key, x int unique); create table rows (a int, b float8)")
        one.execute("create table local (k numeric primary key, at timestamptz)")
    stream = TriggerStream(MOVE, Side.SOURCE, ("public",))
    with sides(stand) as (source, target):
        stand.source.execute("insert into swapped select i, i from generate_series(1, 30) as i")
        stream.copy(source, target)
        for n in range(4):
            stand.source.execute("update swapped set x = -x; update swapped set x = 31 + x")
            stand.source.execute(f"insert into rows select i % 5, i / 3.0 from generate_series(1, {20 + n}) as i")
            stand.source.execute("delete from rows where a = 3; update rows set b = '-0' where a = 2")
            stand.source.execute(ODD_SETTINGS)
            stand.source.execute("update local set k = k::numeric(9, 3) where k = 0.3")
            if n == 2:
                stand.source.execute("begin; truncate rows; insert into rows values (1, 'NaN'); commit; truncate local")
            for _ in range(n * 3):
                stream.pump(source, target)
        follow(source, target, stream)
        same = "select array_agg(t::text order by t::text) from {} as t"
        for table in ("swapped", "rows", "local"):
            assert stand.source.execute(same.format(table)) == stand.target.execute(same.format(table)), table
        assert stream.lag(source, target).bytes == 0
        assert stand.target.execute("select count(*) from rows") != [(0,)]


def test_truncate_of_a_table_that_others_refer_to(stand: Stand) -> None:
    """The other one is not copied yet, or is not in the move: TRUNCATE is refused on the side that follows."""
    for one in (stand.source, stand.target):
        one.execute("create table parent (id int primary key)")
    stream = TriggerStream(MOVE, Side.SOURCE, ("public",))
    with sides(stand) as (source, target):
        stand.source.execute("insert into parent values (1), (2)")
        stream.copy(source, target)
        stand.target.execute("create table child (id int references parent); insert into child values (1)")
        stand.source.execute("begin; truncate parent; insert into parent values (1), (3); commit")
        follow(source, target, stream)
        assert stand.target.execute("table parent") == [(1,), (3,)]
        assert stand.target.execute("table child") == [(1,)]


def test_logs_take_turns(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large log is left, and emptied when all of it has arrived; an open transaction loses nothing."""
    monkeypatch.setattr(capture_install, "LARGE_BYTES", 0)
    monkeypatch.setattr(capture_install, "LARGE_FOR_EACH", 0)
    for one in (stand.source, stand.target):
        one.execute("create table plain (id int primary key); create table rows (a int)")
    stream = TriggerStream(MOVE, Side.SOURCE, ("public",))
    with sides(stand) as (source, target), stand.source.connect() as other:
        stream.copy(source, target)
        written = set()
        for n in range(6):
            if n == 2:
                other.execute("begin; insert into plain values (100); insert into rows values (100)")
            stand.source.execute(f"insert into plain values ({n}); insert into rows values ({n})")
            if n == 4:
                other.execute("insert into plain values (101)")
                other.commit()
            stream.copy(source, target)
            written.add(capture_install.logs(source, capture_install.Names(MOVE, "fwd")).written)
        assert written == {0, 1}
        for table in ("plain", "rows"):
            order = f"select array_agg(t::text order by t::text) from {table} as t"
            assert stand.source.execute(order) == stand.target.execute(order)
        stream.pump(source, target)
        stream.pump(source, target)
        assert len(stand.source.execute("table postai_7.fwd_log_0 union all table postai_7.fwd_log_1")) < 5


def test_what_others_write_to_the_side_that_follows_is_seen(stand: Stand) -> None:
    """What the move applies there passes by."""
    for one in (stand.source, stand.target):
        one.execute("create table plain (id int primary key)")
    forward, back = (TriggerStream(MOVE, side, ("public",)) for side in (Side.SOURCE, Side.TARGET))
    with sides(stand) as (source, target):
        forward.copy(source, target)
        back.prepare(target, source)
        stand.source.execute("insert into plain values (1)")
        follow(source, target, forward)
        assert not back.written(target, source)
        stand.target.execute("insert into plain values (2)")
        assert back.written(target, source)
        back.prepare(target, source)
        assert not back.written(target, source)


TABLES = """
create table keyed (a int, b text, x int unique, primary key (a, b));
create table child (
    id int primary key, a int, b text, foreign key (a, b) references keyed on update cascade on delete cascade
);
create table bare (a int, b float8, at timestamptz)
"""
# What sessions do, at the same time; n and m are small numbers.
DONE = (
    "insert into keyed values (%(n)s, 'b%(m)s', %(n)s * 10 + %(m)s) on conflict do nothing",
    "insert into child select %(m)s * 100 + row_number() over (), a, b from keyed where a = %(n)s",
    "update keyed set b = b || '!' where a = %(n)s",
    "update keyed set x = -x; update keyed set x = 50 - x where a <> %(n)s",
    "update keyed set a = %(m)s, b = b || '?' where a = %(n)s",
    "delete from keyed where a = %(n)s",
    "update child set id = -id where a = %(m)s",
    "insert into bare select %(n)s, i / 3.0, timestamptz '2024-02-03' from generate_series(1, %(m)s) as i",
    "update bare set b = '-0', at = null where a = %(n)s and b < %(m)s",
    "delete from bare where ctid = any (array(select ctid from bare where a = %(n)s limit %(m)s))",
    "truncate bare", "truncate keyed cascade", "truncate keyed, bare, child",
    "begin", "begin", "commit", "rollback", "savepoint here", "rollback to here",
    "set datestyle = 'SQL, DMY'; set extra_float_digits = -3", "",
)  # fmt: skip
DOES = st.tuples(st.integers(0, 1), st.sampled_from(DONE), st.integers(1, 4), st.integers(1, 4))


@pytest.mark.soak
@pytest.mark.parametrize("at_a_time", [3, 20_000])
def test_whatever_is_done_arrives_in_length(stand: Stand, monkeypatch: pytest.MonkeyPatch, at_a_time: int) -> None:
    whatever_is_done_arrives(stand, monkeypatch, at_a_time, examples=150)


def test_whatever_is_done_arrives(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions at a time, with savepoints and TRUNCATE; steps are taken anywhere between."""
    whatever_is_done_arrives(stand, monkeypatch, 3, examples=5)


def whatever_is_done_arrives(stand: Stand, monkeypatch: pytest.MonkeyPatch, at_a_time: int, examples: int) -> None:
    monkeypatch.setattr(capture_apply, "AT_A_TIME", at_a_time)
    monkeypatch.setattr(capture_install, "LARGE_BYTES", 0)
    for one in (stand.source, stand.target):
        one.execute(TABLES)
    stream = TriggerStream(MOVE, Side.SOURCE, ("public",))

    @settings(max_examples=examples, deadline=None, derandomize=True, database=None)
    @given(st.lists(DOES, min_size=5, max_size=40))
    def try_out(done: list[tuple[int, str, int, int]]) -> None:
        stand.source.execute("truncate keyed, bare, child")
        with stand.source.connect() as one, stand.source.connect() as other:
            for session in (one, other):
                session.execute("set lock_timeout = '10ms'")
            for which, statement, n, m in done:
                session = (one, other)[which]
                if not statement:
                    stream.pump(source, target)
                    continue
                try:
                    session.execute(statement % {"n": n, "m": m})  # type: ignore[arg-type]
                except psycopg.Error:  # it waits for the other one, or a value is taken: whatever was not done
                    session.rollback()
            one.rollback()
            other.execute("commit")
        stream.copy(source, target)
        for table in ("keyed", "child", "bare"):
            rows = f"select array_agg(t::text order by t::text) from {table} as t"
            assert stand.source.execute(rows) == stand.target.execute(rows), table

    with sides(stand) as (source, target):
        stream.copy(source, target)
        try_out()


OWNERS = """
create table tattled (who text);
create function tattle() returns bool language plpgsql
    as $$ begin insert into public.tattled values (user); return true; end $$;
create domain told as int check (public.tattle());
create type pair as (a int, b text);
create table by_domain (id told primary key);
create table by_pair (id pair primary key, v int);
create table without_key (v told, t text, twice int generated always as (7) stored);
create table plain (id int primary key);
create function move_on() returns trigger language plpgsql as $$ begin new.id := new.id + 10; return new; end $$;
create operator public.= (leftarg = "char", rightarg = "char", function = pg_catalog.charne)
"""


def test_what_owners_of_tables_made_is_not_run(stand: Stand) -> None:
    """Neither the operators of the database's search_path, nor checks of domains, in keys or in rows without one."""
    for one in (stand.source, stand.target):
        one.execute(OWNERS)
        one.execute(f'alter database "{one.name}" set search_path = public, pg_catalog')
    stand.source.execute("insert into by_domain values (1); insert into by_pair values ('(1,x)', 1), ('(2,)', 2)")
    stand.source.execute("insert into without_key values (1, 'a'), (2, null), (2, null)")
    stand.source.execute("insert into plain values (1), (2); truncate tattled")
    stream = TriggerStream(MOVE, Side.SOURCE, ("public",))
    with sides(stand) as (source, target):
        stream.copy(source, target)
        follow(source, target, stream)
        stand.source.execute("create trigger on_it before update on plain for each row execute function move_on()")
        stand.source.execute("update by_pair set v = 3; delete from by_domain; update plain set id = 5 where id = 1")
        assert stream.unfinished(source, target) == ("public.plain",)
        follow(source, target, stream)
        stand.source.execute("update plain set id = id where id = 2")
        follow(source, target, stream)
        stand.source.execute(
            r"""set search_path = public; update without_key set t = E'"\\,() "" \\\\ \n' where v = 1;
            delete from without_key where ctid = '(0,2)'; insert into without_key values (null, '');
            insert into without_key values (3, ',')"""
        )
        stand.source.execute("truncate tattled")  # the application's own values were checked
        follow(source, target, stream)
        rows = "select array_agg(t::text order by t::text) from without_key as t"
        assert stand.source.execute(rows) == stand.target.execute(rows)
        assert stand.source.execute("table tattled") == []
        assert stand.target.execute("select id from plain order by 1") == [(12,), (15,)]
        assert stand.target.execute("select v from by_pair") == [(3,), (3,)]
        assert stand.target.execute("select id from by_domain") == []
        stand.source.execute("create view shown as select tattle()")
        with pytest.raises(ServerError, match="access to non-system view"), capture_install.pinned(source, frozen=True):
            source.query("select * from only public.shown")


def test_what_stands_in_the_way_is_said(stand: Stand) -> None:
    for one in (stand.source, stand.target):
        one.execute("create table plain (id int primary key)")
    stream = TriggerStream(MOVE, Side.SOURCE, ("public",))
    with sides(stand) as (source, target), stand.source.connect() as other:
        other.execute("begin; lock table plain in row exclusive mode")
        names = capture_install.Names(MOVE, "fwd")
        fence.install(source, MOVE)
        capture_install.install_log(source, names)
        (shape, *_) = capture_install.lacking(source, names, ("public.plain",))
        with pytest.raises(LockNotObtained) as busy:
            capture_install.install(source, names, shape, deadline=Deadline.after(0.1))
        assert busy.value.sqlstate == "PA009" and busy.value.hint
        other.rollback()
        stream.copy(source, target)
        other.execute("begin; insert into plain values (1)")  # open for long: holds nothing up
        stand.source.execute("insert into plain values (2)")
        assert fence.cross(source, target, MOVE, Deadline.after(10), lambda: stream.pump(source, target)) < 10
        assert stand.target.execute("table plain") == [(2,)]
        other.commit()
        stand.source.execute("alter table plain disable trigger all; insert into plain values (3); "
                             "alter table plain enable trigger all; alter table plain add column x int")  # fmt: skip
        assert stream.unfinished(source, target) == ("public.plain",)
        with pytest.raises(Refused, match="lacks the column x") as lacks:
            stream.copy(source, target)
        assert lacks.value.sqlstate == "PA003" and lacks.value.hint
        stand.target.execute("alter table plain add column x int")
        follow(source, target, stream)  # what was not noted is copied anew
        assert stand.target.execute("select id from plain order by id") == [(1,), (2,), (3,)]
        assert stream.gates(source, target) == ()


@pytest.mark.soak
def test_a_role_that_is_no_superuser(stand: Stand) -> None:
    """On the target the right to set session_replication_role is what it needs."""
    for one in (stand.source, stand.target):
        one.execute("create role odd_mover login password 'odd_mover'")
        one.execute(
            f'grant create on database "{one.name}" to odd_mover; grant usage, create on schema public to odd_mover'
        )
        with one.connect("odd_mover") as connection:
            connection.execute("create table parent (id int primary key)")
            connection.execute("create table child (id int primary key references parent on delete cascade)")
    stream = TriggerStream(MOVE, Side.SOURCE, ("public",))
    stand.source.execute("insert into parent values (1), (2); insert into child values (1), (2)")
    dsns = [one.dsn("odd_mover") for one in (stand.source, stand.target)]
    with open_session(dsns[0]) as source, open_session(dsns[1]) as target:
        with pytest.raises(NotPermitted) as refused:
            stream.copy(source, target)
        assert "session_replication_role" in (refused.value.hint or "")
        stand.target.execute("grant set on parameter session_replication_role to odd_mover")
        follow(source, target, stream)
        stand.source.execute("delete from parent where id = 1")
        follow(source, target, stream)
        assert stand.target.execute("table child") == [(2,)]
        stream.stop(source, target)
    stand.target.execute("revoke set on parameter session_replication_role from odd_mover")


def test_a_crash_of_the_source_forgets_nothing_that_arrived(stand: Stand) -> None:
    """Transactions whose commits were not on its disk: another one that gets such a number is not passed by."""
    with new_server(stand.source_server.binaries, "forgets", "wal_writer_delay = 10s\n") as server:
        stand.target.execute("create table item (id int primary key)")
        with psycopg.connect(server.dsn(), autocommit=True) as app:
            app.execute("create table item (id int primary key)")
            app.execute("set synchronous_commit = off")
            with open_session(server.dsn()) as source, open_session(stand.target_dsn()) as target:
                for _ in range(2):
                    FORWARD.copy(source, target)
                app.execute("insert into item select generate_series(1, 3)")
                for number in (4, 5, 6):
                    app.execute(f"begin; insert into item values ({number}); rollback")
                FORWARD.pump(source, target)
            server.stop("immediate")
        server.start()
        with (
            psycopg.connect(server.dsn(), autocommit=True) as app,
            open_session(server.dsn()) as source,
            open_session(stand.target_dsn()) as target,
        ):
            for number in range(10, 20):
                app.execute(f"insert into item values ({number})")
            FORWARD.pump(source, target)
            there = app.execute("select id from item order by id").fetchall()
            assert there == stand.target.execute("select id from item order by id")


@pytest.mark.soak
def test_a_move_from_a_server_without_logical_decoding(stand: Stand, tmp_path: Path) -> None:
    """The whole of it: found by the check, copied, verified, there, back, there, completed."""
    binaries = debian_binaries(15)
    assert binaries is not None
    with new_server(binaries, "heroku", f"{SETTINGS}\nwal_level = replica\n") as server:
        old = Stand(server, stand.target_server)
        try:
            address = address_of(old, tmp_path)
            with at_home(old) as home, LossClient(address, SMALL) as client:
                move = until(home, begun(home, old, address), State.READY)
                assert move.row.method is Method.TRIGGER
                old.let_app_in()
                for to, state in ((Side.TARGET, State.SERVING_TARGET), (Side.SOURCE, State.ROLLED_BACK)) * 2:
                    client.wait_for(20)
                    assert asked.switch(home, move, to, quiet).serving is to
                    move = until(home, move, state)
                client.wait_for(20)
                asked.switch(home, move, Side.TARGET, quiet)
                asked.end(home, move, State.COMPLETED, quiet, Ending(reopen_source=True))
                client.wait_for(20)
                assert store.find(home, "shop").state is State.COMPLETED
            assert check(client.record, old.target_dsn()) == ()
            assert old.leftovers() == []
        finally:
            old.end()


@pytest.mark.soak
def test_killed_anywhere(stand: Stand) -> None:
    """kill -9 of whoever copies and applies, at any moment, under load; the next one goes on."""
    copy_schema(stand)
    forward, _ = loss_streams(Side.TARGET)
    stand.source.execute("insert into loss.history select i, i, i from generate_series(1, 300000) as i")
    child = (
        "import sys; from postai.replicate.capture import TriggerStream; from postai.replicate.types import Side\n"
        "from postai.replicate import capture_apply; capture_apply.AT_A_TIME = 50\n"
        "from postai.replicate.sessions import open_session\n"
        "source, target = open_session(sys.argv[1]), open_session(sys.argv[2])\n"
        "while True: TriggerStream(7, Side.SOURCE, ('loss',)).copy(source, target)\n"
    )
    chance = random.Random(7)
    with LossClient(stand.source_dsn("odd_app"), SMALL) as client:
        for _ in range(12):
            running = subprocess.Popen([sys.executable, "-c", child, stand.source_dsn(), stand.target_dsn()])
            time.sleep(chance.uniform(0.4, 2.0))
            running.send_signal(signal.SIGKILL)
            running.wait()
            client.wait_for(10)
    with sides(stand) as (source, target):
        follow(source, target, forward)
        assert forward.unfinished(source, target) == () and loss_differences(stand) == []
