"""The plain installation: fresh, again, dry, upgraded, removed; as superuser, as owner, and without CREATEROLE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors
from sql_catalog import catalog
from sql_core import make_login, put_in
from sql_peer import JobPeer

import postai
from conftest import TestDatabase, drop_database, make_database, new_server
from postai.database.connection import connect
from postai.database.installed import reading
from postai.database.psycopg_adapter import PsycopgDatabase
from postai.errors import FeatureMissing, NotPermitted, PostaiError, UsageError
from postai.setup import sql_files
from postai.setup.install import InstallOptions, InstallReport, install, uninstall
from postai.setup.server import LocalServer, bare_binaries


def run(database: TestDatabase, user: str | None = None, **options: Any) -> InstallReport:
    with connect(database.dsn(user), statement_timeout_ms=120_000) as session:
        return install(session, InstallOptions(**options))


def remove(database: TestDatabase) -> None:
    with connect(database.dsn()) as session:
        uninstall(session)


def picture(database: TestDatabase) -> list[str]:
    with database.connect() as connection:
        return catalog(connection)


@pytest.fixture(scope="module")
def bare() -> Iterator[LocalServer]:
    """A cluster of its own without contrib, in which no role of postai exists yet."""
    binaries = bare_binaries()
    if binaries is None:
        pytest.skip("no server without contrib")
    with new_server(binaries, "bare") as server:
        yield server


def test_fresh_then_again(database: TestDatabase) -> None:
    socket = Path("/tmp/postai-test/agent.sock")
    first = run(database, socket_path=socket)
    assert (first.version_before, first.version_after) == (None, postai.__version__)
    assert first.transport == ("socket" if database.server.binaries.major == 15 else "dblink")
    assert first.roles_mode == "roles"
    assert first.statements
    before = picture(database)
    second = run(database, socket_path=socket)
    assert (second.version_before, second.statements) == (postai.__version__, ())
    assert second.transport == first.transport
    assert picture(database) == before


def test_dry_run_changes_nothing_and_hides_secrets(database: TestDatabase) -> None:
    report = run(database, dry_run=True, transport="dblink", agent_login="dry_agent", agent_password="hunter2")
    assert any("create table postai.job" in one for one in report.statements)
    assert "hunter2" not in "\n".join(report.statements)
    secret = [one for one in report.statements if re.search(r"^(create|alter) (role|user mapping).*password", one)]
    assert len(secret) == 2
    assert all("password '...'" in one for one in secret)
    assert database.execute("select 1 from pg_namespace where nspname = 'postai'") == []
    assert database.execute("select 1 from pg_roles where rolname = 'dry_agent'") == []


def test_options_do_not_show_the_password() -> None:
    assert "hunter2" not in repr(InstallOptions(agent_login="x", agent_password="hunter2"))


def test_the_agents_login(database: TestDatabase) -> None:
    run(database, transport="call", agent_login="made_agent", agent_password="a long secret")
    with psycopg.connect(database.server.dsn(database.name, "made_agent", "'a long secret'")) as connection:
        assert connection.execute("select count(*) from postai.job").fetchone() == (0,)
    roles = database.execute(
        "select r.rolname from pg_auth_members m join pg_roles r on r.oid = m.roleid"
        " where m.member = 'made_agent'::regrole order by 1"
    )
    assert roles == [("pg_monitor",), ("pg_signal_backend",), ("postai_agent",)]
    assert run(database, agent_login="made_agent").statements == ()


@pytest.mark.parametrize("transport", ["socket", "dblink"])
def test_a_transport_that_cannot_work_is_refused_with_the_reason(database: TestDatabase, transport: str) -> None:
    make_login(database, "plain_owner")
    database.execute(f'alter database "{database.name}" owner to plain_owner')
    with pytest.raises(FeatureMissing) as caught:
        run(database, "plain_owner", transport=transport, socket_path=Path("/tmp/x.sock"))
    assert caught.value.sqlstate == "PA007"
    assert "superuser" in (caught.value.detail or "") or "CREATEROLE" in (caught.value.detail or "")
    assert database.execute("select 1 from pg_namespace where nspname = 'postai'") == []


def test_the_transport_can_be_changed_later(database: TestDatabase) -> None:
    run(database, transport="dblink")
    run(database, transport="call")
    assert database.execute("select kind, login from postai.transport") == [("call", None)]
    assert run(database, transport="dblink").transport == "dblink"


def test_a_socket_that_moved_is_written_anew(database15: TestDatabase) -> None:
    run(database15, socket_path=Path("/tmp/a/agent.sock"))
    report = run(database15, socket_path=Path("/tmp/b/agent.sock"))
    assert report.statements
    source = database15.execute(
        "select prosrc from pg_proc where oid = to_regprocedure('postai._socket(text,text,text)')"
    )
    assert 'PATH = "/tmp/b/agent.sock"' in str(source)


@pytest.mark.parametrize("path", ['/tmp/"; import os', "/tmp/a b", "relative.sock", "/tmp/" + "x" * 120, "/tmp/x\n"])
def test_a_socket_path_that_is_no_literal_is_refused(database15: TestDatabase, path: str) -> None:
    with pytest.raises(UsageError) as caught:
        run(database15, transport="socket", socket_path=Path(path))
    assert caught.value.hint


def test_as_owner_of_the_database(database: TestDatabase) -> None:
    put_in(database, "call")  # the roles exist in the cluster
    remove(database)
    make_login(database, "plain_owner")
    database.execute(f'alter database "{database.name}" owner to plain_owner')
    report = run(database, "plain_owner", socket_path=Path("/tmp/x.sock"))
    assert (report.transport, report.roles_mode) == ("call", "roles")
    assert len(report.notices) == 2
    assert run(database, "plain_owner").statements == ()


def test_who_may_not_give_the_roles_of_another_is_told_what_a_superuser_has_to_run(database18: TestDatabase) -> None:
    run(database18, transport="call")  # the roles of postai are another one's now
    make_login(database18, "second_owner")
    other = make_database(database18.server)
    other.execute(f'alter role second_owner createrole; alter database "{other.name}" owner to second_owner')
    report = run(other, "second_owner", agent_login="second_agent", agent_password="a long secret")
    assert (report.version_before, report.roles_mode) == (None, "roles")
    grant = "GRANT postai_agent, pg_monitor, pg_signal_backend TO second_agent;"
    assert any(notice.endswith(f"until a superuser has run: {grant}") for notice in report.notices)
    other.execute(grant)
    again = run(other, "second_owner", agent_login="second_agent")
    assert (again.statements, again.notices) == ((), ())
    drop_database(other)
    database18.execute("drop role second_agent")


def test_an_owner_who_may_create_roles_can_have_dblink(database: TestDatabase) -> None:
    make_login(database, "role_maker")
    database.execute(
        "create extension dblink; alter role role_maker createrole;"
        f'alter database "{database.name}" owner to role_maker'
    )
    report = run(database, "role_maker")
    assert report.transport == "call"
    assert any("permission denied for foreign-data wrapper dblink_fdw" in notice for notice in report.notices)
    database.execute("grant usage on foreign data wrapper dblink_fdw to role_maker")
    assert run(database, "role_maker", transport="dblink").transport == "dblink"
    make_login(database, "asker", "postai_user")
    with JobPeer(database.dsn()), database.connect("asker") as connection:
        assert connection.execute("select postai.ask('explain: select 1 as a')").fetchone() == ({"a": 1},)
    (login,) = database.execute("select login from postai.transport")[0]
    with connect(database.dsn("role_maker")) as session:
        uninstall(session)
    assert database.execute(f"select 1 from pg_roles where rolname = '{login}'") == []


def test_without_createrole_the_owner_keeps_everything_until_roles_come(bare: LocalServer) -> None:
    database = make_database(bare)
    make_login(database, "plain_owner")
    database.execute(f'alter database "{database.name}" owner to plain_owner')
    report = run(database, "plain_owner", agent_login="plain_owner")
    assert (report.transport, report.roles_mode) == ("call", "owner only")
    assert any("postai_reader, postai_user, postai_operator, postai_agent" in notice for notice in report.notices)
    assert run(database, "plain_owner").statements == ()
    make_login(database, "later")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        database.execute("select * from postai.agent()", "later")
    with connect(database.dsn("later")) as session, pytest.raises(NotPermitted) as caught, reading(session):
        session.query("select count(*) from postai.health")
    assert "no roles of postai" in str(caught.value.hint), "a GRANT of a role that is not there would help nobody"
    database.execute(
        "create role postai_reader; create role postai_user; create role postai_operator; create role postai_agent;"
        "grant postai_user to later; grant postai_reader to postai_user"
    )
    assert run(database, "plain_owner").roles_mode == "roles"
    assert database.execute("select transport from postai.agent()", "later") == [("call",)]
    assert run(database, "plain_owner").statements == ()
    drop_database(database)


def test_roles_that_the_server_of_a_restore_lacks_are_made(bare: LocalServer) -> None:
    database = make_database(bare)
    run(database, transport="call")
    for role in ("postai_reader", "postai_user", "postai_operator", "postai_agent"):
        database.execute(f"drop owned by {role}; drop role {role}")
    make_login(database, "plain_owner")
    report = run(database)
    assert report.roles_mode == "roles"
    assert len(report.statements) == 2
    make_login(database, "later", "postai_operator")
    assert database.execute("select transport from postai.agent()", "later") == [("call",)]
    assert run(database).statements == ()
    drop_database(database)


def test_a_renamed_database_gets_its_second_connection_back(database: TestDatabase) -> None:
    run(database, transport="dblink")
    renamed = TestDatabase(database.server, f"{database.name}_renamed")
    with psycopg.connect(database.server.dsn(), autocommit=True) as connection:
        connection.execute(f'alter database "{database.name}" rename to "{renamed.name}"')  # type: ignore[arg-type]
    report = run(renamed)
    assert report.transport == "dblink"
    assert any(f"leads to database {database.name}" in notice for notice in report.notices)
    make_login(renamed, "asker", "postai_user")
    with JobPeer(renamed.dsn()), renamed.connect("asker") as asker:
        assert asker.execute("select postai.ask('explain: select 1 as a')").fetchone() == ({"a": 1},)
    assert run(renamed).statements == ()
    drop_database(renamed)


def test_a_server_without_contrib_gets_the_transport_call(bare: LocalServer) -> None:
    database = make_database(bare)
    report = run(database, socket_path=Path("/tmp/x.sock"))
    assert report.transport == "call"
    assert any("plpython3u" in notice for notice in report.notices)
    with pytest.raises(FeatureMissing, match="dblink"):
        run(database, transport="dblink")
    drop_database(database)


def test_who_may_not_create_schemas(database: TestDatabase) -> None:
    make_login(database, "stranger")
    with pytest.raises(NotPermitted) as caught:
        run(database, "stranger")
    assert "GRANT CREATE ON DATABASE" in (caught.value.hint or "")


def test_who_does_not_own_the_schema(database: TestDatabase) -> None:
    run(database, transport="call")
    make_login(database, "plain_owner")
    database.execute("grant select on postai.transport, postai.role_grant, postai.schema_version to plain_owner;"
                     "grant usage on schema postai to plain_owner")  # fmt: skip
    with pytest.raises(NotPermitted), connect(database.dsn("plain_owner")) as session:
        uninstall(session)
    with pytest.raises(NotPermitted) as caught:
        run(database, "plain_owner", transport="socket", socket_path=Path("/tmp/x.sock"))
    assert "postgres" in (caught.value.hint or "")


def test_a_schema_of_that_name_is_left_alone(database: TestDatabase) -> None:
    database.execute("create schema postai; create table postai.mine (a int)")
    with pytest.raises(UsageError) as caught:
        run(database)
    assert "ALTER SCHEMA postai RENAME" in (caught.value.hint or "")


def test_a_newer_version_is_left_alone(database: TestDatabase) -> None:
    run(database, transport="call")
    database.execute("insert into postai.schema_version values ('99.0.0', now(), 'me', 'plain')")
    with pytest.raises(UsageError, match=r"99\.0\.0"):
        run(database)


class OldServer(PsycopgDatabase):
    """A real session that reports the version of a server that is out of support."""

    @property
    def server_version(self) -> int:
        return 130020


def test_an_old_server_is_refused(database15: TestDatabase) -> None:
    with database15.connect() as connection, pytest.raises(FeatureMissing) as caught:
        install(OldServer(connection, database15.name, "test", ()))
    assert caught.value.sqlstate == "PA007"
    assert "13" in caught.value.message
    assert "14" in (caught.value.hint or "")


def test_uninstall_leaves_nothing(database: TestDatabase) -> None:
    run(database, transport="dblink")
    (login,) = database.execute("select login from postai.transport")[0]
    remove(database)
    assert database.execute("select 1 from pg_namespace where nspname = 'postai'") == []
    assert database.execute("select 1 from pg_foreign_server") == []
    assert database.execute(f"select 1 from pg_roles where rolname = '{login}'") == []
    with pytest.raises(UsageError):
        remove(database)
    assert run(database, transport="dblink").version_before is None


def test_uninstall_drops_nothing_of_yours(database: TestDatabase) -> None:
    run(database, transport="call")
    database.execute(
        "create view mine as select * from postai.events; create table kept (s postai.setting);"
        "create table looked (id bigint references postai.proposal)"
    )
    with pytest.raises(UsageError) as caught:
        remove(database)
    detail = caught.value.detail or ""
    assert "view public.mine" in detail
    assert "public.kept.s" in detail
    assert "on public.looked" in detail
    assert "postai." not in detail
    database.execute("drop view mine; drop table kept; drop table looked")
    remove(database)


def test_a_login_that_may_not_be_created(database: TestDatabase) -> None:
    make_login(database, "plain_owner")
    database.execute(f'alter database "{database.name}" owner to plain_owner')
    with pytest.raises(NotPermitted) as caught:
        run(database, "plain_owner", agent_login="never_made")
    assert "CREATE ROLE never_made LOGIN" in (caught.value.hint or "")


def test_an_installation_that_fails_leaves_nothing(database: TestDatabase) -> None:
    # An event trigger of somebody else stops it in the middle.
    database.execute(
        "create function public.stop() returns event_trigger language plpgsql as $$ begin"
        " if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'postai.question')"
        " then raise exception 'no more tables'; end if; end $$;"
        "create event trigger stop on ddl_command_end execute function public.stop()"
    )
    with pytest.raises(PostaiError, match="no more tables"):
        run(database)
    assert database.execute("select 1 from pg_namespace where nspname = 'postai'") == []


def old(database: TestDatabase) -> None:
    """Version 0.1.0 with a setting in it, as its installer left it."""
    script = sql_files.find().versions()["0.1.0"].read_text()
    with database.connect(autocommit=False) as connection:
        connection.execute("set local search_path = pg_catalog, pg_temp")
        connection.execute(script)  # type: ignore[arg-type]
        connection.execute("insert into postai.schema_version (version, installed_as) values ('0.1.0', 'plain')")
    database.execute("select postai.set('ask_timeout', '7s')")


def test_an_upgraded_installation_is_like_a_fresh_one(server: LocalServer) -> None:
    upgraded, fresh = make_database(server), make_database(server)
    old(upgraded)
    report = run(upgraded, transport="call")
    assert (report.version_before, report.version_after) == ("0.1.0", postai.__version__)
    run(fresh, transport="call")
    assert picture(upgraded) == picture(fresh)
    assert upgraded.execute("select value, changed_by from postai.settings where name = 'ask_timeout'") == [
        ("7s", "postgres")
    ]
    assert run(upgraded).statements == ()
    for database in (upgraded, fresh):
        drop_database(database)


def test_an_upgrade_that_fails_leaves_the_old_version(database: TestDatabase) -> None:
    old(database)
    database.execute("create table postai.question (mine int)")
    before = picture(database)
    with pytest.raises(PostaiError):
        run(database)
    assert picture(database) == before


def test_file_names_and_upgrade_chain() -> None:
    files = sql_files.find()
    assert [path.name for path in files.core()] == sorted(path.name for path in files.core())
    for version in files.versions():
        assert files.upgrade_path(version, postai.__version__)


def test_two_installers_at_once(database: TestDatabase) -> None:
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: run(database, transport="call"), range(2)))
    assert sorted(report.version_before or "" for report in reports) == ["", postai.__version__]
    with pytest.raises(errors.DuplicateSchema):
        database.execute("create schema postai")
