"""pg_dump and restore keep proposals, actions, events and settings, whichever way postai was installed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sql_catalog import catalog
from sql_core import make_login, put_in
from sql_extension import extension_files
from sql_peer import JobPeer, SocketPeer

from conftest import TestDatabase, drop_database, make_database
from postai.database.connection import connect
from postai.database.named_sql import load
from postai.setup import transport
from postai.setup.install import InstallOptions, InstallReport, install
from postai.setup.server import LocalServer

KEPT = (
    "select name, value, changed_by from postai.setting order by 1",
    "select id, state, title, proposed_by, evidence, superseded_by from postai.proposal order by 1",
    "select proposal, step, statement, undo from postai.proposal_step order by 1, 2",
    "select id, proposal, state, measured from postai.action order by 1",
    "select id, at, actor, kind, subject, proposal, detail, position, hash from postai.event order by 1",
    "select position, hash from postai.event_head",
    "select id, asked_by, question, sql from postai.question order by 1",
    "select question_id, correct, given_by from postai.feedback",
    "select id, taught_by, shared, question, question_key, sql, search_path from postai.example order by 1",
    "select id, taught_by, shared, term, meaning from postai.term order by 1",
    "select left_column, right_column, source, declared_by, shared from postai.joins",
)


@pytest.fixture(params=["pg15", "pg18"], scope="module")
def placed(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    server: LocalServer = request.getfixturevalue(request.param)
    with extension_files(server, server.root / "dump.sock"):
        yield server


def program(database: TestDatabase, name: str, *arguments: str) -> bytes:
    """Run one of the server's own programs against a database."""
    server = database.server
    environment = {
        **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres",
        "PGPASSWORD": server.password(), "PGDATABASE": database.name,
    }  # fmt: skip
    command = [str(server.binaries.bin / name), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    # A proposal may be superseded by a later one: one COPY checks that at its end, whatever pg_dump fears.
    said = [line for line in done.stderr.decode().splitlines() if "circular" not in line]
    if "ON_ERROR_STOP=1" in arguments or name != "psql":
        assert not [line for line in said if "warning" in line or "error" in line], said
    return done.stdout


def fill(database: TestDatabase) -> None:
    """A bit of everything that is kept."""
    make_login(database, "dump_operator", "postai_operator")
    database.execute("select postai.set('ask_timeout', '9s')", "dump_operator")
    database.execute(
        "insert into postai.question (asked_by, role, question, status, sql)"
        " values ('dump_operator', 'dump_operator', 'how many ''things''?', 'answered', 'select 1');"
        "select postai.feedback(1, true); select postai.teach('and now?', 'select 2', true);"
        "select postai.define('thing', 'one of many');"
        "create table thing (id int); create table part (id int, thing_no bigint);"
        "select postai.declare_join('part.thing_no', 'thing.id')"
    )
    database.execute(
        "insert into postai.proposal (kind, title, why, fingerprint) values ('index', 'An index', 'it is slow', 'f');"
        "insert into postai.proposal_step (proposal, step, statement, statement_class, in_transaction, objects)"
        " values (1, 1, 'create index on thing (a)', 'CREATE INDEX', false, '[]');"
        "insert into postai.action (proposal, kind) values (1, 'apply');"
        "insert into postai.proposal (kind, title, why, fingerprint) values ('index', 'Another', 'it is slow', 'f');"
        "update postai.proposal set state = 'closed', outcome = 'superseded', superseded_by = 2,"
        " closed_by = 'postgres', closed_at = now() where id = 1"
    )


def kept(database: TestDatabase) -> list[object]:
    return [database.execute(query) for query in KEPT]


def round_trip(source: TestDatabase, form: str, server: LocalServer | None = None) -> TestDatabase:
    """Dump and restore under another name; on another server what fails (its roles are missing) is passed over."""
    target = make_database(server or source.server)
    file = f"/tmp/{source.name}.dump"
    try:
        program(source, "pg_dump", f"--format={form}", f"--file={file}")
        if server:
            program(target, "psql", "-qX", "-f", file)
        elif form == "plain":
            program(target, "psql", "-qX", "-v", "ON_ERROR_STOP=1", "-1", "-f", file)
        else:
            program(target, "pg_restore", "--exit-on-error", "--dbname", target.name, file)
    finally:
        Path(file).unlink(missing_ok=True)
    return target


@pytest.mark.parametrize("form", ["plain", "custom"])
@pytest.mark.parametrize("way", ["plain", "extension"])
def test_a_restored_database_has_its_history(placed: LocalServer, way: str, form: str) -> None:
    source = make_database(placed)
    if way == "plain":
        put_in(source, "call")
    else:
        source.execute("create extension postai")
    fill(source)
    target = round_trip(source, form)
    assert all(kept(source))
    assert kept(target) == kept(source)
    with source.connect() as before, target.connect() as after:
        assert catalog(after, extension=way == "extension") == catalog(before, extension=way == "extension")
    # Life goes on: numbers continue, the chain of events is unbroken, a second installation changes nothing.
    target.execute("select postai.set('ask_timeout', '8s')")
    assert target.execute("select id from postai.proposal where id = 1") == [(1,)]
    new = target.execute(
        "insert into postai.proposal (kind, title, why, fingerprint) values ('index', 'x', 'y', 'f') returning id"
    )
    assert new == [(3,)]
    assert target.execute("select * from postai._verify_events()") == []
    if way == "plain":
        with connect(target.dsn()) as session:
            assert install(session, InstallOptions()).statements == ()
    for database in (source, target):
        drop_database(database)


def test_a_restored_dblink_transport_does_not_ask_the_old_database(placed: LocalServer) -> None:
    source = make_database(placed)
    put_in(source, "dblink")
    target = round_trip(source, "custom")
    source.execute("select pg_advisory_lock(1886352244, 1)")
    with target.connect() as leader, target.connect() as connection:
        leader.execute("select pg_advisory_lock(1886352244, 1)")
        with pytest.raises(Exception, match="not signed by postai in this database") as caught:
            connection.execute("select postai.ask('how many?')")
    assert "post-ai install" in str(caught.value)
    assert source.execute("select count(*) from postai.job") == [(0,)]
    for database in (source, target):
        drop_database(database)


def again(database: TestDatabase, socket: Path | None = None) -> InstallReport:
    with connect(database.dsn(), statement_timeout_ms=60_000) as session:
        return install(session, InstallOptions(socket_path=socket))


def answers(database: TestDatabase) -> bool:
    make_login(database, "asker", "postai_user")
    return bool(database.execute("select postai.ask('explain: select 1 as a')", "asker") == [({"a": 1},)])


def test_the_second_installation_sets_a_restored_dblink_transport_up_again(placed: LocalServer) -> None:
    source = make_database(placed)
    put_in(source, "dblink")
    target = round_trip(source, "custom")
    before = source.execute("select login from postai.transport")
    report = again(target)
    assert report.transport == "dblink"
    assert any("did not fit this database and was set up again" in one for one in report.notices), report.notices
    assert not any("secret" in one or "SCRAM" in one for one in report.statements)
    assert again(target).statements == ()
    after = target.execute("select login from postai.transport")
    assert after != before
    with JobPeer(target.dsn()):
        assert answers(target)
    with JobPeer(source.dsn()):  # the original kept its login
        assert answers(source)
    assert again(source).statements == ()
    for database in (source, target):
        drop_database(database)


@pytest.mark.parametrize(
    "damage",
    [
        "alter role {login} nologin",
        "alter role {login} password 'another'",
        "alter server postai_loopback options (set dbname 'postgres')",
        "alter server postai_loopback options (set port '1')",
        "drop server postai_loopback cascade",
        "drop owned by {login}; revoke connect on database {name} from {login}; drop role {login}",
    ],
)
def test_whatever_broke_the_second_connection_is_mended(placed: LocalServer, damage: str) -> None:
    database = make_database(placed)
    put_in(database, "dblink")
    (login,) = database.execute("select login from postai.transport")[0]
    database.execute(damage.format(login=login, name=f'"{database.name}"'))
    assert again(database).transport == "dblink"
    assert again(database).statements == ()
    with JobPeer(database.dsn()):
        assert answers(database)
    drop_database(database)


def test_a_second_connection_to_another_server_is_noticed(pg15: LocalServer, pg18: LocalServer) -> None:
    """The dump is restored on another server; the address, database and password of the first one still work."""
    source = make_database(pg15)
    put_in(source, "dblink")
    target = round_trip(source, "plain", pg18)
    report = again(target)
    assert report.transport == "dblink"
    assert report.notices
    assert again(target).statements == ()
    with JobPeer(target.dsn()):
        assert answers(target)
    # Everything is right but the server: there the same name, login and password work too.
    (login,) = target.execute("select login from postai.transport")[0]
    twin = TestDatabase(pg15, target.name)
    source.execute(f'create database "{twin.name}"')
    twin.execute(f"create role {login} login password 'same'")
    target.execute(
        f"alter server postai_loopback options (set port '{pg15.port}');"
        "alter user mapping for postgres server postai_loopback options (set password 'same')"
    )
    with connect(target.dsn()) as session:
        reason = transport.verify_dblink(session, load("postai.setup", "install.sql"))
    assert reason == "its second connection leads to another server"
    with JobPeer(target.dsn()), pytest.raises(psycopg.Error):
        answers(target)
    twin.execute(f"drop role {login}")
    for database in (source, target, twin):
        drop_database(database)


def test_a_restored_socket_transport(pg15: LocalServer, pg18: LocalServer) -> None:
    first, second = pg15.root / "first.sock", pg15.root / "second.sock"
    source = make_database(pg15)
    put_in(source, "socket", first)
    target = round_trip(source, "custom")
    assert again(target, first).statements == ()
    report = again(target, second)
    assert any("does not speak to" in one for one in report.notices)
    with SocketPeer(second):
        assert answers(target)
    assert again(target, second).statements == ()
    elsewhere = round_trip(source, "plain", pg18)  # has no plpython3u
    report = again(elsewhere, first)
    assert report.transport == "dblink"
    assert any("its function is missing" in one for one in report.notices)
    with JobPeer(elsewhere.dsn()):
        assert answers(elsewhere)
    for database in (source, target, elsewhere):
        drop_database(database)


def test_proposals_of_a_restored_database_are_stale(placed: LocalServer) -> None:
    source = make_database(placed)
    put_in(source, "call")
    source.execute(
        "create table public.thing (a int);"
        "insert into postai.proposal (kind, title, why, fingerprint) select 'index', 'An index', 'slow',"
        " postai._fingerprint(jsonb_build_array(jsonb_build_object("
        "'class', 'pg_class', 'oid', 'thing'::regclass::oid)))"
        " from generate_series(1, 2);"
        "insert into postai.proposal_step (proposal, step, statement, statement_class, in_transaction, objects,"
        " undo, undo_class, undo_in_transaction, done_at)"
        " select p, 1, 'create index i on thing (a)', 'CREATE INDEX', true, jsonb_build_array(jsonb_build_object("
        " 'class', 'pg_class', 'oid', 'thing'::regclass::oid, 'identity', 'public.thing')),"
        " 'drop index i', 'DROP INDEX', true, case p when 2 then now() end from generate_series(1, 2) as p;"
        "update postai.proposal set state = 'approved', approved_by = 'postgres', approved_digest = postai._digest(2)"
        " where id = 2"
    )
    target = round_trip(source, "custom")
    # The worst case: the oid means the same name there, so that nothing else could tell.
    target.execute(
        "set session_replication_role = replica; update postai.proposal_step set objects = jsonb_build_array("
        "jsonb_build_object('class', 'pg_class', 'oid', 'thing'::regclass::oid, 'identity', 'public.thing'));"
        "update postai.proposal set approved_digest = postai._digest(2) where id = 2"
    )
    for statement in ("approve(1)", "apply(1)", "apply(2)", "undo(2)", "_require_current(2)"):
        with target.connect() as connection, pytest.raises(psycopg.Error) as caught:
            connection.execute(f"select postai.{statement}")  # type: ignore[arg-type]
        assert caught.value.sqlstate == "PA008", statement
        assert "of which this one is a copy" in str(caught.value)
        assert "postai.dismiss(" in (caught.value.diag.message_hint or "")
    target.execute("select postai.dismiss(1, 'made before the restore')")
    source.execute("select postai._require_current(1)")
    for database in (source, target):
        drop_database(database)
