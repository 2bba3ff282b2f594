"""Pre-flight of a move: what is found, that each fix removes its finding, that nothing on the source changes."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from replicate_support import PgBouncer, Servers, Stand

from conftest import TestDatabase, drop_database, make_database, new_server
from loss import Proxy
from postai.database import Database, connect
from postai.replicate import native
from postai.replicate.preflight import check
from postai.replicate.sessions import open_session
from postai.replicate.stream import NativeStream
from postai.replicate.types import Finding, Level, Method, MoveOptions, Report, Side
from postai.setup.server import debian_binaries, free_port

STATEMENT = re.compile(r"(ALTER|CREATE ROLE|DROP|GRANT|REINDEX|ROLLBACK|SELECT|TRUNCATE) ")
MOVER = "postai_check_mover"
# Every row of every catalog but the planner's statistics, which autovacuum changes.
CATALOG = """
select c.relname, (xpath('//h/text()', query_to_xml(format(
    'select coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) as h from pg_catalog.%I as t', c.relname),
    false, true, '')))[1]::text
  from pg_class as c where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r'
   and c.relname not in ('pg_statistic', 'pg_class', 'pg_database')
 union all select 'slots', string_agg(slot_name::text, ',') from pg_replication_slots
 union all select 'relations', string_agg(format('%s %s %s %s', oid, relname, relacl, relreplident), ',' order by oid)
  from pg_class
 order by 1
"""
WRECK = """
create schema wreck;
create table wreck.plain_json (j json); alter table wreck.plain_json replica identity full;
create table wreck.late_key (id int, constraint late primary key (id) deferrable, code int not null unique);
create table wreck.made (id int, twice int generated always as (id * 2) stored primary key);
create table wreck.names (id int primary key, what regclass, tables oid[]);
create table wreck.twins (id int primary key, v int); insert into wreck.twins values (1, 1), (2, 1);
create function wreck.c() returns language_handler language c as '$libdir/plpgsql', 'plpgsql_call_handler';
create foreign data wrapper wreck; create server wreck foreign data wrapper wreck;
create foreign table wreck.far (id int) server wreck;
create function wreck.event() returns event_trigger language plpgsql as 'begin end';
create event trigger wreck_event on ddl_command_start execute function wreck.event();
create subscription wreck connection 'host=127.0.0.1 port=1' publication x with (connect = false);
alter subscription wreck enable;
create extension plpython3u;
create function wreck.one() returns int language plpython3u as $$return 1$$;
select pg_create_logical_replication_slot(slot, 'pgoutput') from (values ('postai_999_fwd'), ('other')) as s (slot);
create publication postai_999_fwd; create schema postai_999; create role postai_999_fence;
"""
SETTINGS = {
    "source": ("max_slot_wal_keep_size = '10MB'", "wal_sender_timeout = '5s'"),
    "target": ("idle_replication_slot_timeout = '10min'", "wal_receiver_timeout = 0"),
}


def look(
    stand: Stand, options: MoveOptions | None = None, user: str | None = None, conninfo: str | None = None
) -> Report:
    """The report; `user` on both sides."""
    with open_session(stand.source_dsn(user)) as source, open_session(stand.target_dsn(user)) as target:
        reach = conninfo or native.conninfo(stand.source_dsn(user), "postai_check")
        return check(source, target, options, conninfo=reach, measure_seconds=0.05)


def names(report: Report, *levels: Level) -> set[str]:
    return {one.check for one in report.findings if one.level in (levels or tuple(Level))}


def mend(stand: Stand, findings: tuple[Finding, ...]) -> None:
    """Run the statements of the fixes where they belong, as a superuser."""
    for one in findings:
        database = stand.source if one.side is Side.SOURCE else stand.target
        for statement in one.fix:
            if STATEMENT.match(statement) and "..." not in statement:
                database.execute(statement)


@pytest.fixture
def wreck(stand: Stand) -> Iterator[Stand]:
    """A source and a target with everything wrong that statements can mend."""
    source, target = stand.source, stand.target
    stand.let_app_in()
    for statement in filter(None, (one.strip() for one in WRECK.split(";\n"))):
        source.execute(statement)
    with pytest.raises(Exception, match="could not create unique index"):
        source.execute("create unique index concurrently twin on wreck.twins (v)")
    source.execute("begin; insert into odd.parent values (99, 'x'); prepare transaction 'wreck''s'")
    source.execute(f"""alter database "{source.name}" set statement_timeout = '5s'""")
    source.execute(f"""alter database "{source.name}" set search_path = odd, public""")
    target.execute("create schema odd; create table odd.ruled (id int primary key, x text); "
                   "insert into odd.ruled values (1); create table odd.item (id int primary key)")  # fmt: skip
    target.execute(f'alter database "{target.name}" set default_transaction_read_only = on')
    sides = {"source": source, "target": target}
    for side, lines in SETTINGS.items():
        for line in lines:
            sides[side].execute(f"alter system set {line}")
        sides[side].execute("select pg_reload_conf()")
    try:
        yield stand
    finally:
        for side in sides.values():
            side.execute("alter system reset all")
            side.execute("select pg_reload_conf()")
        source.execute("drop role if exists postai_999_fence")


@pytest.fixture
def mover(moving_servers: Servers) -> Iterator[None]:
    """The role on both servers, with nothing but a login; asked for before the stand, so that it ends after it."""
    servers = (moving_servers.source, moving_servers.target)
    for server in servers:
        with connect(server.dsn()) as db:
            db.execute(f"create role {MOVER} login password '{MOVER}'")
    yield
    for server in servers:
        with connect(server.dsn()) as db:
            db.execute(f"drop owned by {MOVER}; drop role {MOVER}")


def test_every_fix_removes_its_finding(wreck: Stand) -> None:
    before = look(wreck)
    assert before.method is Method.NATIVE and before.blocked
    assert names(before, Level.BLOCKER) == {
        "replica_identity", "identity_equality", "generated_keys", "subscriptions", "prepared_transactions",
        "extensions", "read_only", "target_empty",
    }  # fmt: skip
    assert names(before, Level.WARNING) == {
        "unlogged", "foreign_tables", "large_objects", "oid_columns", "triggers", "invalid_indexes", "names_taken",
        "session_limits", "stream_timeouts", "idle_slots", "space", "target_empty", "collation", "long_transactions",
        "c_functions",
    }  # fmt: skip
    assert {"event_triggers", "other_slots", "database_settings", "roles", "sequences", "partitions", "publications",
            "special_columns", "materialized_views", "rules"} <= names(before, Level.NOTE)  # fmt: skip
    by_index = next(one for one in before.findings if one.check == "replica_identity")
    assert "ALTER TABLE ONLY wreck.late_key REPLICA IDENTITY USING INDEX late_key_code_key" in by_index.fix
    mend(wreck, before.findings)
    wreck.source.execute(
        "drop extension plpython3u cascade; drop function wreck.c(); drop foreign data wrapper wreck cascade"
    )
    again = look(wreck)
    assert names(again, Level.WARNING) >= {"session_limits"}  # the database's limits are on the target, too, now
    mend(wreck, again.findings)
    after = look(wreck)
    assert not after.blocked, names(after, Level.BLOCKER)
    # What needs hands: objects to freeze, a column's meaning, another database as the target.
    assert names(after, Level.WARNING) == {"large_objects", "oid_columns", "collation"}
    assert not names(after) & {"event_triggers", "database_settings"}
    wreck.source.execute("select lo_unlink(oid) from pg_largeobject_metadata; drop table wreck.names")
    assert names(look(wreck), Level.WARNING) == {"collation"}


def test_of_a_database_that_is_its_own_target_nothing_else_is_told(stand: Stand) -> None:
    with open_session(stand.source_dsn()) as source, open_session(stand.source_dsn()) as target:
        report = check(source, target, measure_seconds=0)
    assert [one.check for one in report.findings] == ["same_database"]  # no fix empties the source


def test_a_check_changes_nothing_on_the_source_and_needs_no_rights(mover: None, stand: Stand) -> None:
    stand.source.execute(f"grant pg_read_all_data to {MOVER}")
    before = stand.source.execute(CATALOG)
    full = look(stand)
    assert full.method is Method.NATIVE and len(full.tables) > 15 and full.bytes > 0
    poor = look(stand, user=MOVER)
    assert before == stand.source.execute(CATALOG) and len(before) > 50
    assert stand.leftovers() == []
    assert poor.method is Method.DUMP
    assert {"native_refused", "trigger_refused", "dump_window", "row_security"} <= names(poor)
    assert "dump_window" in names(poor, Level.WARNING)
    (objects,) = (one for one in poor.findings if "large objects" in one.what and one.level is Level.BLOCKER)
    assert objects.check == "select_right" and f"GRANT SELECT ON LARGE OBJECT 7002 TO {MOVER}" in objects.fix
    assert not [one for one in poor.findings + full.findings if "could not be looked at" in one.what]
    assert {one.qualified for one in poor.tables} == {one.qualified for one in full.tables}


def test_rights_are_named_until_they_suffice(mover: None, stand: Stand) -> None:
    """A role with nothing but a login gets what the fixes say; then it can publish, copy and follow."""
    options = MoveOptions(schemas=("odd",), full_identity=True)
    seen: list[set[str]] = []
    stand.target.execute(f'revoke temporary on database "{stand.target.name}" from public')
    for _ in range(5):
        report = look(stand, options, MOVER)
        seen.append(names(report, Level.BLOCKER, Level.WARNING))
        mend(stand, tuple(one for one in report.findings if one.check not in ("unlogged", "triggers", "way_back")))
    assert {"select_right", "row_security", "native_refused", "trigger_refused"} <= seen[0], seen
    assert report.method is Method.NATIVE and names(report, Level.BLOCKER) == {"way_back"}, report.findings
    assert seen[-1] == {"large_objects", "collation", "unlogged", "triggers", "way_back"}, seen
    dsn = native.conninfo(stand.source_dsn(MOVER), "postai_7_fwd")
    with open_session(stand.source_dsn(MOVER)) as source, open_session(stand.target_dsn(MOVER)) as target:
        source.execute("alter table odd.no_key replica identity full")
        native.publish(source, 7, "postai_7_fwd", [x for x in report.tables if x.name in ("no_key", "guarded")])
        native.create_slot(source, "postai_7_fwd")
        target.execute("create schema odd")
        target.execute("create table odd.no_key (a int, b text, at timestamptz)")
        target.execute("create table odd.guarded (id int primary key, owner name, body text)")
        target.execute("create schema postai_7; create table postai_7.fence (token text primary key, at timestamptz)")
        assert native.subscribe(target, "postai_7_fwd", dsn, source.server_version, copy_data=True)
        _wait(stand.target, "select (select count(*) from odd.no_key) = 40 and (select count(*) from odd.guarded) = 2")
        # A switch now would end in a refusal on the source, which is 15.
        stopped = NativeStream(7, Side.SOURCE, dsn, ("odd",)).gates(source, target)
        assert "way_back" in {one.check for one in stopped}
    assert f"password={MOVER}" not in stand.target_server.log.read_text()


def _wait(database: TestDatabase, question: str) -> None:
    end = time.monotonic() + 20
    while database.execute(question) != [(True,)]:
        assert time.monotonic() < end, question
        time.sleep(0.05)


def test_the_way_to_the_source_is_tried(stand: Stand, bouncer: PgBouncer) -> None:
    with Proxy("127.0.0.1", stand.source_server.port) as wire:
        through = native.conninfo(stand.source_dsn(port=wire.port), "postai_check")
        assert look(stand, conninfo=through).method is Method.NATIVE
    closed = look(stand, conninfo=native.conninfo(stand.source_dsn(port=free_port()), "postai_check"))
    assert closed.method is Method.TRIGGER
    (found,) = [one for one in closed.findings if one.check == "address"]
    assert "refused" in found.what and stand.source_server.password() not in str(closed)
    assert stand.source_server.password() not in stand.target_server.log.read_text()
    bouncer.point_at(stand.source)
    let_in = f'grant connect on database "{stand.source.name}" to odd_app'
    stand.source.execute(let_in)
    with connect(bouncer.dsn()) as source, open_session(stand.target_dsn()) as target:
        report = check(source, target, measure_seconds=0)
    (pooled,) = [one for one in report.findings if one.check == "pooler"]
    assert pooled.level is Level.BLOCKER and pooled.side is Side.SOURCE


@pytest.mark.soak
def test_from_15_to_15(moving_servers: Servers) -> None:
    for stand in moving_servers.stand(moving_servers.source, moving_servers.source):
        report = look(stand, MoveOptions(full_identity=True))
        assert report.method is Method.NATIVE and not report.blocked, report.findings
        assert "collation" not in names(report) and not [x for x in report.findings if "looked at" in x.what]


def test_from_18_to_18(moving_servers: Servers) -> None:
    server = moving_servers.target
    old, new = make_database(server, "template0"), make_database(server, "template0")
    try:
        old.execute("create table one (id int primary key, twice int generated always as (id * 2) virtual); "
                    "create table part (id int primary key) partition by hash (id); "
                    "create unlogged table quick ()")  # fmt: skip
        with open_session(old.dsn()) as source, open_session(new.dsn()) as target:
            report = check(source, target, conninfo=native.conninfo(old.dsn(), "postai_check"), measure_seconds=0.05)
        assert report.method is Method.NATIVE and not report.blocked, report.findings
        assert names(report, Level.WARNING) == {"unlogged"} and not [
            x for x in report.findings if "looked at" in x.what
        ]
        with open_session(old.dsn()) as source, open_session(old.dsn()) as target:
            assert "same_database" in names(check(source, target, measure_seconds=0))
    finally:
        drop_database(old)
        drop_database(new)


SMALL = """
wal_level = replica
max_replication_slots = 1
max_wal_senders = 1
max_logical_replication_workers = 1
max_worker_processes = 3
max_connections = 10
listen_addresses = '*'
"""


@pytest.mark.soak
def test_settings_of_the_server_are_mended_by_the_fixes(stand: Stand) -> None:
    """wal_level = replica: triggers; with the fixes and a restart: logical replication. A standby: a dump."""
    binaries = debian_binaries(15)
    assert binaries is not None
    network = "host all all 127.0.0.0/8 scram-sha-256\n"
    with (
        new_server(binaries, "small", SMALL, network) as server,
        open_session(stand.source_dsn()) as big,
        connect(server.dsn()) as other,
    ):
        with open_session(server.dsn()) as source:
            other.query("select pg_create_physical_replication_slot('taken')")
            report = check(source, big, measure_seconds=0)
            (found,) = [one for one in report.findings if one.check == "native_refused"]
            assert report.method is Method.TRIGGER and "wal_level" in found.what
            assert found.fix == ("ALTER SYSTEM SET wal_level = 'logical'", "restart the server")
            small = check(big, source, measure_seconds=0)
            assert {"way_back", "workers", "slots", "connections"} <= names(small)
            mend_settings(source, report, Side.SOURCE)
            mend_settings(source, small, Side.TARGET)
        other.close()
        server.stop()
        server.start()
        with open_session(server.dsn()) as source:
            report, small = check(source, big), check(big, source)
            assert report.method is Method.NATIVE
            assert not {"way_back", "workers", "slots", "connections"} & names(small), small
        over_network = server.dsn().replace("127.0.0.1", "127.0.0.2")
        with open_session(over_network) as source:
            assert "tls" in names(check(source, big, measure_seconds=0))
        server.stop()
        (server.data / "standby.signal").touch()
        server.start()
        with open_session(server.dsn()) as source:
            report = check(source, big)
            assert report.method is Method.DUMP and "dump_window" in names(report, Level.BLOCKER)  # it streams nothing


def mend_settings(db: Database, report: Report, side: Side) -> None:
    for one in report.findings:
        if one.side is side:
            for statement in one.fix:
                if statement.startswith("ALTER SYSTEM"):
                    db.execute(statement)


@pytest.mark.soak
def test_triggers_are_what_is_left_without_the_right_to_replicate(mover: None, stand: Stand) -> None:
    stand.source.execute(
        f'grant create on database "{stand.source.name}" to {MOVER}; grant pg_read_all_data to {MOVER}'
    )
    stand.source.execute(f"alter role {MOVER} bypassrls")
    report = look(stand, user=MOVER)
    assert report.method is Method.TRIGGER
    assert {"trigger_right", "replica_role", "create_right"} <= names(report, Level.BLOCKER)
    for _ in range(3):
        mend(stand, tuple(one for one in look(stand, user=MOVER).findings if one.check != "native_refused"))
    report = look(stand, user=MOVER)
    assert report.method is Method.TRIGGER and not report.blocked, report.findings


@pytest.mark.soak
@pytest.mark.parametrize(
    ("encoding", "level"), [("LATIN1", Level.BLOCKER), ("SQL_ASCII", Level.BLOCKER), ("UTF8", None)]
)
def test_encodings_and_collations(stand: Stand, encoding: str, level: Level | None) -> None:
    """Onto another encoding, and by the statement that the finding gives onto one that fits."""
    name = f"{stand.target.name}_text"
    try:
        stand.target.execute(f"create database {name} template template0 encoding '{encoding}' "
                             "lc_collate 'C' lc_ctype 'C' locale_provider libc")  # fmt: skip
        there = stand.target_dsn().replace(stand.target.name, name)
        with open_session(stand.source_dsn()) as source, open_session(there) as target:
            report = check(source, target, measure_seconds=0)
            found = {one.check: one for one in report.findings}
            assert found["encoding"].level is level if level else "encoding" not in found
            target.execute(found["collation"].fix[0])
        with open_session(stand.source_dsn()) as source, open_session(there.replace(name, f"{name}_2")) as target:
            assert not names(check(source, target, measure_seconds=0)) & {"encoding", "collation"}
            if source.query("select 1 from pg_collation where collname = 'de-x-icu'"):
                source.execute('create table odd.sorted (id int primary key, x text collate "de-x-icu")')
                lacking = "named_collations" in names(check(source, target, measure_seconds=0))
                assert lacking is not bool(target.query("select 1 from pg_collation where collname = 'de-x-icu'"))
    finally:
        stand.target.execute(f"drop database if exists {name}")
        stand.target.execute(f"drop database if exists {name}_2")
