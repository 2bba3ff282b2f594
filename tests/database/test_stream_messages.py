"""What servers tell of changes, as the cache relies on it, on each main version."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from stream_support import PUBLICATION, Reader, end_of_log, oid

from conftest import TestDatabase
from postai.database import connect
from postai.database.errors import ConnectionLost, UnknownDatabase, WrongPassword
from postai.errors import FeatureMissing, NotPermitted, PostaiError
from postai.stream import server
from postai.stream.missing import event_triggers, missing, no_event_triggers
from postai.stream.replication import Replication, Stopped, new_slot_name
from postai.stream.transactions import ROWS


@pytest.fixture
def session(database: TestDatabase) -> Iterator[psycopg.Connection]:
    with database.connect() as connection:
        connection.execute("create table t (id int primary key, v text); create publication told for table t")
        yield connection


def test_commits_come_in_their_order_with_old_and_new_keys(database: TestDatabase, session: psycopg.Connection) -> None:
    t = oid(session, "t")
    with database.connect() as other, Reader(database) as reader:
        with other.transaction():
            other.execute("insert into t values (1, 'a')")
            first = other.execute("select pg_current_xact_id()::text::int8 % (1::int8 << 32)").fetchone()[0]
            session.execute("insert into t values (2, 'b')")
            with other.transaction():
                other.execute("insert into t values (3, 'c')")
            with other.transaction(force_rollback=True):
                other.execute("insert into t values (4, 'd')")
                other.execute("select pg_logical_emit_message(true, 'postai.edge', 'never')")
        session.execute("update t set id = 5 where id = 2")
        session.execute("update t set v = 'x' where id = 5")
        session.execute("delete from t where id = 1")
        session.execute("truncate t")
        told = reader.told()
    assert [one.rows[t] for one in told] == [
        {(b"2",)}, {(b"1",), (b"3",)}, {(b"2",), (b"5",)}, {(b"5",)}, {(b"1",)}, None,
    ]  # fmt: skip
    assert told[1].xid == first and not any(one.messages for one in told)
    assert [one.end_lsn for one in told] == sorted(one.end_lsn for one in told)


def test_truncate_tells_of_all_tables_that_it_takes_along(database: TestDatabase, session: psycopg.Connection) -> None:
    session.execute("create table child (id int primary key references t on delete cascade)")
    session.execute("alter publication told add table child")
    tables = {oid(session, "t"), oid(session, "child")}
    with Reader(database) as reader:
        session.execute("insert into t values (1); insert into child values (1)")
        session.execute("delete from t where id = 1")
        session.execute("truncate t cascade")
        inserted, deleted, truncated = reader.told()
    assert inserted.rows.keys() == deleted.rows.keys() == truncated.rows.keys() == tables
    assert deleted.rows[max(tables)] == {(b"1",)} and set(truncated.rows.values()) == {None}


def test_partitions_are_told_as_themselves_or_as_their_root(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    session.execute(
        "create table root (id int primary key) partition by range (id);"
        "create table low partition of root for values from (0) to (10);"
        "create table high partition of root for values from (10) to (20);"
        "create publication leaves for table root;"
        "create publication roots for table root with (publish_via_partition_root)"
    )
    root, low, high = (oid(session, name) for name in ("root", "low", "high"))
    with Reader(database, "leaves") as leaves, Reader(database, "roots") as roots:
        session.execute("insert into root values (1)")
        session.execute("update root set id = 11")
        session.execute("truncate low")
        session.execute("truncate root")
        assert [one.rows for one in leaves.told()] == [
            {low: {(b"1",)}}, {low: {(b"1",)}, high: {(b"11",)}}, {low: None}, {low: None, high: None},
        ]  # fmt: skip
        # TRUNCATE of a partition is not told with publish_via_partition_root: such tables are not followed.
        assert [one.rows.keys() for one in roots.told()] == [{root}, {root}, {root}]
    with connect(database.dsn()) as db:
        followed = {one.name: one.lacks for one in server.tables(db, "leaves")}
        assert followed == {"root": None, "low": None, "high": None, "t": "not published"}
        followed = {one.name: one.lacks for one in server.tables(db, "roots")}
        assert followed == {"root": "root", "low": "root", "high": "root", "t": "not published"}


def test_replica_identities(database: TestDatabase, session: psycopg.Connection) -> None:
    session.execute(
        "create table by_all (id int primary key, v text); alter table by_all replica identity full;"
        "create table by_index (id int primary key, u text not null unique, v text);"
        "alter table by_index replica identity using index by_index_u_key;"
        "create table big (k text primary key, v text); alter table big alter k set storage external;"
        "alter publication told add table by_all, by_index, big"
    )
    by_all, by_index, big = (oid(session, name) for name in ("by_all", "by_index", "big"))
    key = "k" * 2500
    with Reader(database) as reader:
        for statement in (
            "insert into by_all values (1, 'a')", "update by_all set v = 'b'", "delete from by_all",
            "insert into by_index values (1, 'a', 'x')", "update by_index set v = 'y'", "update by_index set id = 2",
            "update by_index set u = 'b'", "delete from by_index", f"insert into big values ('{key}', 'x')",
            "update big set v = 'y'", "delete from big",
        ):  # fmt: skip
            session.execute(statement)
        told = [dict(one.rows) for one in reader.told()]
    assert told[:3] == [{by_all: None}] * 3
    assert told[3:8] == [
        {by_index: set(map(tuple, keys))} for keys in ([[b"a"]], [[b"a"]], [[b"a"]], [[b"a"], [b"b"]], [[b"b"]])
    ]
    assert told[8:] == [{big: {(key.encode(),)}}] * 3
    with connect(database.dsn()) as db:
        keys = {one.name: one.key for one in server.tables(db, PUBLICATION)}
    assert keys == {"by_all": (("id", 23),), "by_index": (("u", 25),), "big": (("k", 25),), "t": (("id", 23),)}


def test_a_large_transaction_is_told_after_its_commit(database: TestDatabase, session: psycopg.Connection) -> None:
    t = oid(session, "t")
    with Reader(database) as reader, database.connect() as other, other.transaction():
        other.execute("set logical_decoding_work_mem = '64kB'")
        other.execute("insert into t select n, repeat('x', 200) from generate_series(1, %s) as n", (10 * ROWS,))
        assert reader.told() == []
        session.execute("insert into t values (0)")
        assert [dict(one.rows) for one in reader.told()] == [{t: {(b"0",)}}]
    with Reader(database) as later:
        assert later.told() == []


def test_definitions_are_told_among_the_changes_of_rows(database: TestDatabase, session: psycopg.Connection) -> None:
    t = oid(session, "t")
    session.execute(event_triggers())
    role = f"someone_{database.name}"
    session.execute(
        f"create role {role}; create view seen as select * from t; create materialized view kept as select 1"
    )
    with connect(database.dsn()) as db:
        assert server.tells_definitions(db)
    tells = (
        f"grant select on t to {role}", f"revoke select on t from {role}", "alter table t add w int",
        "create table n ()",
        f"alter default privileges grant select on tables to {role}", "alter table t enable row level security",
        "create policy p on t using (true)", "drop policy p on t", "drop table n",
        "create or replace view seen as select 1 as id, ''::text as v", f"grant select on t to {role}",
        f"drop owned by {role}", "create function f() returns int language sql return 1",
        "alter publication told drop table t", "alter publication told add table t", "alter table t rename to t2",
        "alter table t2 rename to t", "set session_replication_role = replica; create index on t (v)",
    )  # fmt: skip
    silent = (
        "create temp table mine (a serial primary key)", "alter table mine add b int", "drop table mine",
        "refresh materialized view kept", "analyze t", "reset session_replication_role", f"drop role {role}",
    )  # fmt: skip
    try:
        with Reader(database) as reader:
            for statement in tells:
                session.execute(statement)  # type: ignore[arg-type]
                messages = [message.content for one in reader.told() for message in one.messages]
                assert set(messages) == {b"ddl"}, statement
            with session.transaction():
                session.execute("insert into t values (1)")
                session.execute("alter table t alter v set default 'x'")
            (both,) = reader.told()
            assert both.rows == {t: {(b"1",)}} and both.messages[0].transactional
            for statement in silent:
                session.execute(statement)  # type: ignore[arg-type]
                assert reader.told() == [], statement
    finally:
        session.execute(f"reset session_replication_role; drop role if exists {role}")
    session.execute(no_event_triggers())
    with connect(database.dsn()) as db:
        assert not server.tells_definitions(db)


def test_nobody_else_owns_what_runs_in_event_triggers(database: TestDatabase, session: psycopg.Connection) -> None:
    """Whoever may make schemas could make ours first, and later put other code into everybody's statements."""
    role = f"early_{database.name}"
    session.execute(f"create role {role}; grant create on database {database.name} to {role}; set role {role}")
    try:
        session.execute(
            "create schema postai_edge; create function postai_edge.tell_definition() returns event_trigger"
            " language plpgsql as 'begin end'"
        )
        session.execute("reset role")
        for _ in range(2):
            session.execute(event_triggers())
            owners = session.execute(
                "select f.proowner::regrole::text, n.nspowner::regrole::text from pg_proc as f"
                " join pg_namespace as n on n.oid = f.pronamespace where n.nspname = 'postai_edge'"
            ).fetchall()
            assert owners == [("postgres", "postgres")]
    finally:
        session.execute(f"reset role; drop owned by {role}; drop role {role}")


def test_definitions_can_be_changed_by_who_may_not_write_to_the_log(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    session.execute(event_triggers())
    role = f"maker_{database.name}"
    session.execute(f"create role {role}; grant create on schema public to {role}")
    try:
        session.execute("revoke execute on all functions in schema pg_catalog from public")
        with Reader(database) as reader:
            session.execute("grant execute on all functions in schema pg_catalog to public")
            session.execute(
                "do $$ declare f regprocedure; begin for f in"
                " select oid from pg_proc where proname = 'pg_logical_emit_message'"
                " loop execute format('revoke execute on function %s from public', f); end loop; end $$"
            )
            reader.told()
            session.execute(f"set role {role}")
            session.execute("create table made (a int)")
            session.execute("reset role")
            assert [message.content for one in reader.told() for message in one.messages] == [b"ddl"]
    finally:
        session.execute(f"reset role; drop owned by {role}; drop role {role}")


def test_fingerprints_change_with_what_they_stand_for(database: TestDatabase, session: psycopg.Connection) -> None:
    role = f"someone_{database.name}"
    session.execute("create view seen as select * from t; create schema s; create table plain (a int)")
    with connect(database.dsn()) as db:

        def changed(statement: str) -> tuple[bool, bool]:
            before = server.roles(db).text, server.definitions(db)
            session.execute(statement)  # type: ignore[arg-type]
            return before[0] != server.roles(db).text, before[1] != server.definitions(db)

        try:
            for statement in (
                f"create role {role}", f"alter role {role} set search_path = s", f"grant pg_monitor to {role}",
                f"revoke pg_monitor from {role}", f"alter role {role} bypassrls",
                f"grant connect on database {database.name} to {role}", f"drop owned by {role}", f"drop role {role}",
                f"alter database {database.name} set work_mem = '5MB'",
            ):  # fmt: skip
                assert changed(statement) == (True, False), statement
        finally:
            session.execute(f"drop role if exists {role}")
        # What a session has changed of roles is counted some time later: now, so that none of it falls in what follows.
        session.execute("select pg_stat_force_next_flush()")
        changed("select 1")
        for statement in (
            "alter table t add w int", "alter table t rename to t2", "alter table t2 rename to t",
            "grant select on t to public",
            "grant select (v) on t to public", "create or replace view seen as select 1 as id, 'x'::text as v",
            "alter table t enable row level security", "create policy p on t using (true)", "drop policy p on t",
            "create function f() returns int immutable language sql return 1", "grant usage on schema s to public",
            "create table c () inherits (t)",
            "alter table c no inherit t", "create type e as enum ('a')", "alter type e add value 'b'",
            "create index on t (v)",
            "alter table t replica identity full", "create collation o (locale = 'C')", "drop collation o",
            "create operator class oc for type int using btree as operator 1 < , function 1 btint4cmp(int, int)",
        ):  # fmt: skip
            assert changed(statement) == (False, True), statement
        for statement in ("alter publication told drop table t", "alter publication told add table t"):
            assert changed(statement) == (True, True), statement
        for statement in (
            "create temp table mine (a int)",
            "insert into t values (1)",
            "analyze plain",
            "vacuum plain",
        ):
            assert changed(statement) == (False, False), statement


def test_what_is_missing_is_found_with_the_sql_that_mends_it(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    session.execute(
        'create table "Odd ""one" (id int primary key); create table plain (a int);'
        "create unlogged table u (id int primary key);"
        "create table part (id int primary key, v int); create publication part for table part where (id > 5), t;"
        "create publication adds for table t with (publish = 'insert'); create publication all_of_it for all tables"
    )

    def found(publication: str) -> dict[str, tuple[str, ...]]:
        with connect(database.dsn()) as db:
            return {one.check: one.fix for one in missing(db, publication)}

    assert found("no")["publication"] == ('CREATE PUBLICATION no FOR TABLE public."Odd ""one", public.part, public.t',)
    assert found("told").keys() == {"identity", "publication", "event_triggers", "unlogged"}
    assert found("adds")["operations"]
    assert found("all_of_it").keys() == {"updates_fail", "event_triggers", "unlogged"}
    (_, mend) = found("all_of_it")["updates_fail"]  # nothing can be taken out of that publication
    assert mend == "ALTER TABLE public.plain REPLICA IDENTITY FULL"
    with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState):
        session.execute("insert into plain values (1); update plain set a = 2")
    session.execute("drop publication all_of_it; drop publication adds")
    for check in ("publication", "filtered", "event_triggers"):
        for statement in found("part")[check]:
            session.execute(statement)  # type: ignore[arg-type]
    assert found("part").keys() == {"identity", "unlogged"}


def test_what_mends_a_lack_can_be_run_as_it_is(database: TestDatabase) -> None:
    """In psql, whatever the publication names: a table, its schema, the table of which it is a part, all."""
    database.execute(
        "create schema told; create schema parts; create schema lone;"
        "create table told.plain (a int); create table lone.plain (a int); create table lone.other (a int);"
        "create table lone.whole (a int) partition by range (a);"
        "create table parts.first partition of lone.whole for values from (0) to (9);"
        "create publication by_schema for tables in schema told;"
        "create publication by_name for table lone.plain;"
        "create publication by_whole for table lone.whole;"
        "create publication inserts for table lone.other with (publish = 'insert');"
        "create publication everything for all tables"
    )
    for publication, table, how in (
        ("by_schema", "told.plain", "with its schema"),
        ("by_name", "lone.plain", "is published, and"),
        ("by_whole", "parts.first", "a partition"),
        ("everything", "lone.plain", "FOR ALL TABLES"),
    ):
        with connect(database.dsn()) as db:
            (lack,) = (
                one for one in missing(db, publication) if one.objects == (table,) and one.check == "updates_fail"
            )
        assert how in lack.what and not any(line.startswith("ALTER PUBLICATION") for line in lack.fix), lack
    for publication in ("by_schema", "by_whole", "inserts", "by_name", "none_yet", "everything"):
        with connect(database.dsn()) as db:
            lacks = missing(db, publication)
        psql(database, "".join(f"{one.script()}\n" for one in lacks))
        with connect(database.dsn()) as db:
            assert missing(db, publication) == ()


def psql(database: TestDatabase, script: str) -> None:
    """Run a script as a person does, and stop at the first error."""
    server = database.server
    target = f"host={server.socket_directory} port={server.port} dbname={database.name} user={server.superuser}"
    command = [server.binaries.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target]
    environment = {**os.environ, "PGPASSWORD": server.password()}
    done = subprocess.run(list(map(str, command)), input=script, text=True, capture_output=True, env=environment)
    assert done.returncode == 0, (done.stderr, script)


def test_what_is_not_on_disk_is_told_once_it_is_written_out(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    """The servers of tests commit without waiting for the disk."""
    with connect(f"{database.dsn()} options='-c synchronous_commit=local'") as db, Reader(database) as reader:
        with session.transaction():
            session.execute("insert into t values (1)")
            ends = server.sample(db)
            server.write_out(db)
            assert server.sample(db).flushed >= ends.written
            assert not any(one.rows for one in reader.told())
        assert [len(one.rows) for one in reader.told()] == [1]


def test_doubts_name_the_tables_that_transactions_have_written_to(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    session.execute("create table other (id int primary key)")
    with connect(database.dsn()) as db, database.connect() as writer, database.connect() as reader:
        with writer.transaction(), reader.transaction():
            writer.execute("insert into t values (1)")
            writer.execute("select * from other")
            reader.execute("select * from t")
            xid = writer.execute("select pg_current_xact_id()::text::int8 % (1::int8 << 32)").fetchone()[0]
            assert server.doubts(db)[xid] == {oid(session, "t"): None}
        assert xid not in server.doubts(db)


def test_errors_say_what_to_do(database: TestDatabase, session: psycopg.Connection) -> None:
    role = f"plain_{database.name}"
    session.execute(f"create role {role} login password '{role}'")
    try:
        with pytest.raises(NotPermitted) as refused:
            Replication(database.dsn(role))
        assert refused.value.hint == "ALTER ROLE ... REPLICATION."
        with pytest.raises(WrongPassword) as wrong:
            Replication(f"{database.dsn(role)} password=secret_{role}")
        assert f"secret_{role}" not in repr(wrong.value.as_parts())
    finally:
        session.execute(f"drop role {role}")
    with pytest.raises(UnknownDatabase):
        Replication(database.dsn(), "nowhere at all")
    with Replication(database.dsn()) as one:
        assert one.query("select current_setting('datestyle'), null") == [("ISO, MDY", None)]
        for name in ('a"b', "A", "", "x" * 64):
            with pytest.raises(FeatureMissing):
                one.create_slot(name)
        slot = new_slot_name()
        one.create_slot(slot)
        with pytest.raises(FeatureMissing, match="no publication"):
            one.start(slot, 'it\'s "no" publication')
        session.execute('create publication "it\'s"" one"')
        one.start(slot, "it's\" one")
    with Replication(database.dsn()) as one, pytest.raises(PostaiError, match="does not exist"):
        one.start("postai_nowhere", PUBLICATION)


def test_a_dead_walsender_is_a_lost_connection(database: TestDatabase, session: psycopg.Connection) -> None:
    with Reader(database) as reader:
        os.kill(reader.replication.backend_pid, signal.SIGTERM)
        with pytest.raises(ConnectionLost):
            for _ in range(100):
                reader.replication.receive(0.2)
    end = time.monotonic() + 10
    while session.execute("select from pg_replication_slots where slot_name = %s", (reader.slot,)).fetchone():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_another_thread_wakes_and_stops_a_reader_that_waits(
    database: TestDatabase, session: psycopg.Connection
) -> None:
    with Reader(database) as reader, database.connect() as writer:
        while reader.replication.receive(0.05):
            pass
        threading.Timer(0.05, reader.replication.wake).start()
        begun = time.monotonic()
        assert reader.replication.receive(30) == [] and time.monotonic() - begun < 20
        threading.Timer(0.05, reader.replication.stop).start()
        with pytest.raises(Stopped):
            for _ in range(1000):
                reader.replication.receive(30)
        # So is one that waits for older transactions to end before its slot can be made.
        with writer.transaction(), Replication(database.dsn()) as other:
            writer.execute("insert into t values (1)")
            threading.Timer(0.2, other.stop).start()
            with pytest.raises(Stopped):
                other.create_slot(new_slot_name())


def test_values_are_the_bytes_of_the_database(database: TestDatabase) -> None:
    name = f"{database.name}_latin"
    with database.connect() as connection:
        connection.execute(f"create database {name} template template0 encoding latin1 locale_provider libc locale 'C'")  # type: ignore[arg-type]
    latin = TestDatabase(database.server, name)
    try:
        with latin.connect() as session:
            session.execute("create table t (k text primary key); create publication told for table t")
            with Reader(latin) as reader:
                session.execute("insert into t values ('\u00e9')")
                (one,) = reader.told()
                assert one.rows == {oid(session, "t"): {("\u00e9".encode("latin1"),)}}
                assert end_of_log(latin)
    finally:
        with database.connect() as connection:
            connection.execute(f"drop database {name} with (force)")  # type: ignore[arg-type]
