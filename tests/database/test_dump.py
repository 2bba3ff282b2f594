"""pg_dump and restore keep proposals, actions, events and settings, whichever way postai was installed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sql_catalog import catalog
from sql_core import make_login, put_in
from sql_extension import extension_files

from conftest import TestDatabase, drop_database, make_database
from postai.database.connection import connect
from postai.setup.install import InstallOptions, install
from postai.setup.server import LocalServer

KEPT = (
    "select name, value, changed_by from postai.setting order by 1",
    "select id, state, title, proposed_by, evidence, superseded_by from postai.proposal order by 1",
    "select proposal, step, statement, undo from postai.proposal_step order by 1, 2",
    "select id, proposal, state, measured from postai.action order by 1",
    "select id, at, actor, kind, subject, proposal, detail, position, hash from postai.event order by 1",
    "select position, hash from postai.event_head",
    "select id, asked_by, question, sql from postai.question order by 1",
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
    assert not [line for line in said if "warning" in line or "error" in line], said
    return done.stdout


def fill(database: TestDatabase) -> None:
    """A bit of everything that is kept."""
    make_login(database, "dump_operator", "postai_operator")
    database.execute("select postai.set('ask_timeout', '9s')", "dump_operator")
    database.execute(
        "insert into postai.question (asked_by, role, question, status, sql)"
        " values ('dump_operator', 'dump_operator', 'how many ''things''?', 'answered', 'select 1');"
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


def round_trip(source: TestDatabase, form: str) -> TestDatabase:
    target = make_database(source.server)
    file = f"/tmp/{source.name}.dump"
    try:
        program(source, "pg_dump", f"--format={form}", f"--file={file}")
        if form == "plain":
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
