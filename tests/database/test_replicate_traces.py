"""What a move leaves: everything in both clusters before it and after its end, whatever state it ended in."""

from __future__ import annotations

from pathlib import Path

import pytest
from replicate_faults import killed_at
from replicate_move import MOVE, sides
from replicate_support import MovedDatabase, Stand
from test_replicate_asked import SHOP
from test_replicate_machine import at_home, begun, quiet, until

from conftest import make_database
from postai.database import Database
from postai.errors import ErrorParts
from postai.replicate import asked, cleanup, fence, machine, native, snapshot_copy, trouble, writers
from postai.replicate.move import Move
from postai.replicate.store import Ending
from postai.replicate.types import Method, Side, State

# Of the whole server, then of the database.
INVENTORY = """
select 'slot ' || slot_name from pg_replication_slots
union all select 'origin ' || roname from pg_replication_origin
union all select 'subscription ' || subname from pg_subscription
union all select 'role ' || to_jsonb(r)::text from pg_roles as r
union all select 'member ' || roleid::regrole || ' of ' || member::regrole from pg_auth_members
union all select 'setting of ' || coalesce(d.datname, 'all') || ' for ' || setrole || ': ' || c
  from pg_db_role_setting as s left join pg_database as d on d.oid = s.setdatabase, unnest(setconfig) as c
union all select 'parameter ' || parname || coalesce(paracl::text, '') from pg_parameter_acl
union all select 'database ' || datname || coalesce(datacl::text, '') from pg_database
union all select 'prepared transaction ' || gid from pg_prepared_xacts
union all select 'publication ' || pubname || ' of ' || coalesce(prrelid::regclass::text, '')
  from pg_publication as p left join pg_publication_rel as r on r.prpubid = p.oid
union all select 'event trigger ' || evtname from pg_event_trigger
union all select 'trigger ' || tgname || ' on ' || tgrelid::regclass || tgenabled::text
  from pg_trigger where not tgisinternal
union all select 'function ' || oid::regprocedure from pg_proc where pronamespace::regnamespace::text !~ '^pg_'
union all select 'schema ' || nspname || coalesce(nspacl::text, '') from pg_namespace where nspname !~ '^pg_t'
union all select 'relation ' || oid::regclass || relkind::text || relreplident::text || coalesce(relacl::text, '')
  from pg_class where relnamespace::regnamespace::text !~ '^pg_t'
"""
STATES = (State.CREATED, State.PREFLIGHT_OK, State.SCHEMA_COPIED, State.COPYING, State.CATCHING_UP, State.READY,
          State.SWITCHING, State.FAILED, State.ROLLED_BACK, State.SERVING_TARGET)  # fmt: skip


@pytest.fixture
def shop(stand: Stand, tmp_path: Path) -> Stand:
    """A small source whose owner said something of read-only sessions, and an empty target."""
    for side, server in ((Side.SOURCE, stand.source_server), (Side.TARGET, stand.target_server)):
        made = make_database(server, "template0")
        stand.__dict__[side.value] = MovedDatabase(made.server, made.name)
    stand.source.execute(SHOP)
    stand.source.execute("create table shop.no_key (id int); insert into shop.no_key select generate_series(1, 20000)")
    say(stand.source, "off")
    (tmp_path / "address").write_text(stand.source_dsn() + "\n")
    return stand


def say(database: MovedDatabase, value: str | None) -> None:
    what = "reset default_transaction_read_only" if value is None else f"set default_transaction_read_only = {value}"
    database.execute(f'alter database "{database.name}" {what}')


def inventory(database: MovedDatabase) -> set[str]:
    return {row[0] for row in database.execute(INVENTORY)}


def ends_in(stand: Stand, place: Path, state: State, method: Method, *, apart: bool = False) -> None:
    """A move that comes to that state, ends there, and leaves nothing but what was copied."""
    address = place / "address"
    with at_home(stand) as home:
        before = {Side.SOURCE: inventory(stand.source), Side.TARGET: inventory(stand.target)}
        options = {"split_bytes": 8192} if apart else {}
        move = begun(home, stand, address, **options)
        if method is Method.TRIGGER and state is not State.CREATED:
            move = until(home, move, State.PREFLIGHT_OK)
            home.execute("update postai.replication set method = 'trigger'")
        move = brought(home, stand, move, address, state, apart=apart)
        ended = State.COMPLETED if move.row.serving is Side.TARGET else State.ABORTED
        move = asked.end(home, move, ended, quiet, Ending(reopen_source=True))
        assert move.row.state is ended
        after = {Side.SOURCE: inventory(stand.source), Side.TARGET: inventory(stand.target)}
    assert after[Side.SOURCE] == before[Side.SOURCE]
    assert list(place.glob(".address*")) == []  # what a driver staged
    new, gone = after[Side.TARGET] - before[Side.TARGET], before[Side.TARGET] - after[Side.TARGET]
    said = {f"setting of {stand.target.name} for 0: default_transaction_read_only=on"}
    more = {one for one in new - before[Side.SOURCE] if " shop." not in one}
    assert more == (said if state is State.ROLLED_BACK else set())
    assert gone == set()


def brought(home: Database, stand: Stand, move: Move, address: Path, state: State, *, apart: bool) -> Move:
    """Drive the move to that state."""
    if state is State.CREATED:
        return move
    if state is State.COPYING and apart:
        move = until(home, move, State.COPYING)
        while not any(one.state == "following" for one in snapshot_copy.splits(home, move.id).values()):
            move = machine.drive(home, move, quiet).move
        return move
    if state not in STATES[STATES.index(State.READY) :]:
        return until(home, move, state)
    move = until(home, move, State.READY)
    if state is State.FAILED:
        trouble.fail(home, move, ErrorParts("PA010", "a trial"))
    if state is State.SWITCHING:
        places = {"source": stand.source_dsn(), "target": stand.target_dsn(), "address": str(address)}
        journal = str(address.with_name("journal"))
        assert killed_at("fenced", "test_replicate_machine:life", **places, journal=journal).killed
    if state in (State.SERVING_TARGET, State.ROLLED_BACK):
        say(stand.target, "on")  # the owner keeps others out until then
        asked.switch(home, move, Side.TARGET, quiet, max_pause=10.0)
        move = until(home, move, State.SERVING_TARGET)
        assert not writers.closed(home)
    if state is State.ROLLED_BACK:
        asked.switch(home, move, Side.SOURCE, quiet, max_pause=10.0)
    return move.read(home)


def test_a_move_that_is_aborted_amid_its_copy_leaves_nothing(shop: Stand, tmp_path: Path) -> None:
    ends_in(shop, tmp_path, State.COPYING, Method.NATIVE, apart=True)


@pytest.mark.soak
@pytest.mark.parametrize("method", [Method.NATIVE, Method.TRIGGER])
@pytest.mark.parametrize("state", STATES)
def test_a_move_leaves_nothing(shop: Stand, tmp_path: Path, state: State, method: Method) -> None:
    ends_in(shop, tmp_path, state, method)


def test_what_a_database_said_before_is_put_back(stand: Stand) -> None:
    """Each way to say it; a target that kept writers out serves all the same, and keeps them out again at the end."""
    source = stand.source
    source.execute(f'alter role odd_app in database "{source.name}" set default_transaction_read_only = on')

    def said() -> set[str]:
        return {one for one in inventory(source) if "read_only" in one}

    with sides(stand) as (db, _):
        fence.install(db, MOVE)
        for value in (None, "off", "on", "true"):
            say(source, value)
            before = said()
            writers.reopen(db, MOVE)
            assert said() == before
            for _ in range(2):  # as after a crash
                writers.close(db, MOVE)
            assert writers.closed(db) and writers.before(db, MOVE) == value
            writers.reopen(db, MOVE)
            assert said() == before
            for _ in range(2):
                writers.reopen(db, MOVE, writable=True)
                assert not writers.closed(db)
                writers.close(db, MOVE)
            writers.reopen(db, MOVE)
            assert said() == before
            with db.transaction():
                writers.close(db, MOVE)
                db.execute("drop schema postai_7 cascade")
            writers.reopen(db, MOVE)  # whose it is is not known any more
            assert writers.closed(db)
            fence.install(db, MOVE)


def test_a_source_that_was_gone_is_cleaned_by_hand(shop: Stand) -> None:
    """Also of the slots that copying left, which nobody but the target can name."""
    before = inventory(shop.source)
    with at_home(shop) as home, sides(shop) as (source, target):
        native.give_identity(source, 1, native.tables(source))
        fence.claim(source, target, 1)
        for part in ("fwd", "rev", "fwd_16500"):
            native.create_slot(source, f"postai_1_{part}")
            source.execute(f"create publication postai_1_{part}")
        source.execute("create subscription postai_1_rev connection '' publication x "
                       "with (connect = false, slot_name = 'postai_1_rev')")  # fmt: skip
        target.execute("create subscription postai_1_fwd connection '' publication x with (connect = false)")
        ((server, oid),) = target.query("select system_identifier::text, (select oid::int8 from pg_subscription where "
                                        "subname = 'postai_1_fwd') from pg_control_system()")  # fmt: skip
        native.create_slot(source, f"pg_{oid}_sync_16500_{server}")
        source.execute("create publication postai_11_fwd")
        native.create_slot(source, f"pg_1_sync_1_{server}")
        for statement in cleanup.leftovers(target, 1):
            source.execute(statement)
        assert inventory(shop.source) - before == {f"slot pg_1_sync_1_{server}", "publication postai_11_fwd of "}
        native.unsubscribe(target, "postai_1_fwd")
        home.execute("drop schema postai_1 cascade")
        source.execute("drop publication postai_11_fwd")
        assert cleanup.drop_orphans(source, target) == (f"pg_1_sync_1_{server}",)
    assert inventory(shop.source) == before
