"""The extensions: create, update, drop, and the two ways of installing compared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from sql_catalog import catalog
from sql_core import put_in
from sql_extension import build, extension_files
from sql_peer import SocketPeer

import postai
from conftest import TestDatabase, drop_database, make_database
from postai.database.connection import connect
from postai.errors import FeatureMissing
from postai.setup.install import InstallOptions, install
from postai.setup.server import LocalServer


@pytest.fixture(params=["pg15", "pg18"], scope="module")
def placed(request: pytest.FixtureRequest) -> Iterator[LocalServer]:
    """A server that finds the extensions' files."""
    server: LocalServer = request.getfixturevalue(request.param)
    with extension_files(server, server.root / "extension.sock"):
        yield server


@pytest.fixture
def empty(placed: LocalServer) -> Iterator[TestDatabase]:
    one = make_database(placed)
    yield one
    drop_database(one)


def picture(database: TestDatabase, *, extension: bool) -> list[str]:
    with database.connect() as connection:
        return catalog(connection, extension=extension)


def test_an_updated_extension_is_like_a_fresh_one(empty: TestDatabase) -> None:
    fresh = make_database(empty.server)
    fresh.execute("create extension postai")
    empty.execute("create extension postai version '0.1.0'")
    empty.execute("select postai.set('engine', 'grammar')")
    empty.execute("alter extension postai update")
    assert picture(empty, extension=True) == picture(fresh, extension=True)
    assert empty.execute("select value from postai.settings where name = 'engine'") == [("grammar",)]
    assert empty.execute("select version from postai.agent()") == [(postai.__version__,)]
    drop_database(fresh)


def test_both_ways_give_the_same_objects(empty: TestDatabase) -> None:
    plain = make_database(empty.server)
    put_in(plain, "call")
    empty.execute("create extension postai")
    assert picture(empty, extension=False) == picture(plain, extension=False)
    drop_database(plain)


def test_the_ways_are_not_mixed(empty: TestDatabase) -> None:
    empty.execute("create extension postai")
    with connect(empty.dsn()) as session, pytest.raises(FeatureMissing) as caught:
        install(session, InstallOptions())
    assert "ALTER EXTENSION postai UPDATE" in (caught.value.hint or "")
    empty.execute("drop extension postai")
    put_in(empty, "call")
    with pytest.raises(errors.DuplicateSchema) as refused:
        empty.execute("create extension postai")
    assert "post-ai install" in (refused.value.diag.message_hint or "")


def test_drop_leaves_nothing(empty: TestDatabase) -> None:
    empty.execute("create extension postai")
    empty.execute("drop extension postai")
    assert empty.execute("select 1 from pg_namespace where nspname = 'postai'") == []


def test_members_cannot_be_dropped_alone(empty: TestDatabase) -> None:
    empty.execute("create extension postai")
    with pytest.raises(errors.DependentObjectsStillExist):
        empty.execute("drop table postai.setting cascade")


def test_an_extension_can_use_dblink_too(empty: TestDatabase) -> None:
    empty.execute("create extension postai")
    with connect(empty.dsn()) as session:
        report = install(session, InstallOptions(transport="dblink"))
        assert (report.transport, report.version_before) == ("dblink", postai.__version__)
        assert install(session, InstallOptions(transport="dblink")).statements == ()
    with pytest.raises(psycopg.Error) as caught:
        empty.execute("select postai.ask('how many?')")
    assert caught.value.sqlstate == "PA002"


def test_the_plpython_layer(pg15: LocalServer) -> None:
    socket = pg15.root / "layer.sock"
    with extension_files(pg15, socket), SocketPeer(socket):
        database = make_database(pg15)
        with pytest.raises(errors.UndefinedObject):
            database.execute("create extension postai_plpython")
        database.execute("create extension postai_plpython cascade")
        assert database.execute("select transport, reachable from postai.agent()") == [("socket", True)]
        assert database.execute("select postai.ask('sql: select 1 as a')") == [({"a": 1},)]
        database.execute("drop extension postai_plpython")
        with pytest.raises(psycopg.Error) as caught:
            database.execute("select postai.ask('sql: select 1 as a')")
        assert caught.value.sqlstate == "PA007"
        assert "CREATE EXTENSION postai_plpython" in (caught.value.diag.message_hint or "")
        drop_database(database)


def test_every_state_table_is_dumped_or_left_out_on_purpose(empty: TestDatabase) -> None:
    empty.execute("create extension postai")
    left_out = empty.execute(
        "select c.relname from pg_class c where c.relnamespace = 'postai'::regnamespace and c.relkind = 'r'"
        " and not exists (select from pg_extension e where e.extname = 'postai' and c.oid = any (e.extconfig))"
        " order by 1"
    )
    assert [row[0] for row in left_out] == [
        "agent_status",
        "alert",
        "alert_delivery",
        "collect_state",
        "contained_join",
        "edge",
        "health_check",
        "job",
        "judge_state",
        "kept_answer",
        "log_position",
        "logged_plan",
        "predicate",
        "regression",
        "relation",
        "replication",
        "replication_event",
        "replication_request",
        "replication_table",
        "role_grant",
        "sample_block",
        "sample_database",
        "sample_index",
        "sample_server",
        "sample_statement",
        "sample_storage",
        "sample_table",
        "sample_wait",
        "schema_version",
        "seen_index",
        "space_finding",
        "statement",
        "statement_plan",
        "statement_sum",
        "statement_values",
        "transport",
        "value_index",
        "value_index_state",
    ]
    # A dumped table must start empty, or a restore would meet its own rows.
    dumped = empty.execute(
        "select t::regclass::text from pg_extension, unnest(extconfig) as t where extname = 'postai'"
    )
    for (table,) in dumped:
        if not str(table).endswith("_seq"):
            assert empty.execute(f"select count(*) from {table}") == [(0,)], table


def test_the_build_refuses_a_path_that_is_no_literal(tmp_path: Path) -> None:
    from postai.errors import UsageError

    with pytest.raises(UsageError):
        build(tmp_path, Path("/tmp/'; drop"))
    assert list(tmp_path.iterdir()) == []
