"""Roles, extensions, schema and statistics of the odd database on another server, and how they are compared."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from replicate_faults import killed_at
from replicate_move import sides
from replicate_support import Stand

from postai.database import connect
from postai.deadline import Deadline
from postai.errors import FeatureMissing, PostaiError, Refused
from postai.replicate import ddl, dump_text, restore, roles, schema, schema_compare, statistics, tools
from postai.replicate.schema import Section
from postai.replicate.types import Finding, Level, MoveOptions, Side

MOVE = 7
PLAIN = MoveOptions()


def silent(name: str, detail: str = "") -> None:
    """Nobody listens."""


def move_schema(
    source: str, target: str, options: MoveOptions = PLAIN, on_step: Callable[[str, str], None] = silent
) -> list[Finding]:
    """Roles and schema from one database to another."""
    with connect(source) as one, connect(target) as other:
        found = list(roles.copy_roles(one, other, options, on_step))
    for section in Section:
        found += schema.copy_schema(source, target, MOVE, section, options, Deadline.after(100), on_step)
    return found


def killed_work(on_step: Callable[[str, str], None], *, source: str, target: str) -> None:
    """For `killed_at`."""
    move_schema(source, target, on_step=on_step)


def differences(stand: Stand, schemas: tuple[str, ...] = ()) -> list[str]:
    with sides(stand) as (source, target):
        return [one.shown for one in schema_compare.compare_schema(source, target, schemas, MOVE)]


def checks(found: list[Finding] | tuple[Finding, ...]) -> set[str]:
    return {one.check for one in found}


class Killed(Exception):
    """What ends a run at a boundary."""


def kill_at(step: str) -> Callable[[str, str], None]:
    def on_step(name: str, detail: str = "") -> None:
        if name == step:
            raise Killed

    return on_step


def test_roles_and_schema_arrive(stand: Stand) -> None:
    """Broken off, and called again; then again when all is there; then what is changed by hand is named."""
    stand.source.execute(
        'alter role odd_app set search_path = "$user", \'Odd "Name"\', odd; alter role odd_app noinherit; '
        "create role odd_boss superuser; grant odd_boss to odd_app; comment on role odd_app is 'it''s the \"app\"'; "
        f"alter database \"{stand.source.name}\" set work_mem = '6MB'; "
        f'alter database "{stand.source.name}" set default_transaction_read_only = on'
    )
    stand.target.execute("drop role if exists odd_app")
    options = MoveOptions(role_passwords=True)
    try:
        with pytest.raises(Killed):
            move_schema(stand.source_dsn(), stand.target_dsn(), options, kill_at("keys"))
        found = move_schema(stand.source_dsn(), stand.target_dsn(), options)
    finally:
        stand.source.execute(f'alter database "{stand.source.name}" reset default_transaction_read_only; '
                             "alter role odd_app inherit; comment on role odd_app is null; drop role odd_boss; "
                             "alter role odd_app reset search_path")  # fmt: skip
    assert differences(stand) == []
    assert checks(found) == {"superuser"} and any("GRANT odd_boss to odd_app" in one.fix for one in found)
    _roles_are_there(stand)
    secret = stand.source.execute("select rolpassword from pg_authid where rolname = 'odd_app'")[0][0]
    assert secret[:30] not in stand.target_server.log.read_text()
    stand.target.execute("drop role odd_boss")
    _what_only_adds_is_taken_over(stand)
    _what_differs_is_named(stand)


def _roles_are_there(stand: Stand) -> None:
    target = stand.target
    attributes = (
        "select rolname, rolsuper, rolinherit from pg_roles where rolname in ('odd_boss', 'odd_app') order by 1"
    )
    assert target.execute(attributes) == [("odd_app", False, False), ("odd_boss", False, True)]
    assert target.execute(
        "select g.rolname, admin_option, inherit_option from pg_auth_members as m join pg_roles as g on g.oid = roleid "
        "join pg_roles as u on u.oid = member where u.rolname ~ '^odd' order by 1"
    ) == [('odd "group"', True, True), ("odd_reader", False, False)]
    settings = dict(target.execute("select coalesce(r.rolname, ''), s.setconfig from pg_db_role_setting as s left join "
                                   "pg_roles as r on r.oid = setrole where setdatabase = "
                                   "(select oid from pg_database where datname = current_database())"))  # fmt: skip
    assert settings[""] == ["work_mem=6MB"]
    with psycopg.connect(stand.target_dsn("odd_app")) as connection:  # its password came, too
        assert connection.execute("show search_path").fetchone() == ('"$user", "Odd ""Name""", odd',)
        assert connection.execute("show statement_timeout").fetchone() == ("5min",)
    assert target.execute("select count(*) from pg_publication where pubname = 'odd_news'") == [(1,)]
    assert target.execute("select obj_description(oid) from pg_class where relname = 'select'")[0][0].endswith("--")


def _what_only_adds_is_taken_over(stand: Stand) -> None:
    stand.source.execute(
        "alter table odd.item add column at timestamptz default now(); "
        "alter type odd.mood add value 'meh' after 'sad'; "
        'create table odd."new; --" (id serial primary key, item int references odd.item); '
        "create view odd.new_view as select id from odd.item where id > 3"
    )
    with sides(stand) as (source, target):
        look = (stand.source_dsn(), source, target, MOVE, PLAIN, Deadline.after(60), silent)
        taken = ddl.tick(*look)
        assert taken is not None and taken.new_tables == ('odd."new; --"',) and taken.blocking == ()
        assert ddl.tick(*look) is None
        stand.source.execute("alter table odd.ruled rename to bent")
        stopped = ddl.tick(*look)
        assert stopped is not None and stopped.blocking[0].fix == ("ALTER TABLE odd.ruled RENAME TO bent",)
        stand.source.execute("alter table odd.bent rename to ruled")
    assert differences(stand) == []


def _what_differs_is_named(stand: Stand) -> None:
    stand.target.execute(
        "alter table odd.item add column more int; alter table odd.wide alter column small type int; "
        "drop index odd.wide_js_idx; alter table odd.ruled owner to odd_second; comment on table odd.item is 'x'; "
        "revoke select on odd.wide from odd_app; drop policy mine on odd.guarded; alter type odd.mood add value 'new'; "
        "create or replace view odd.happy with (security_barrier) as select id, feeling from odd.wide"
    )
    assert set(differences(stand)) == {
        "column odd.item more is on the target only", "comment of table odd.item is on the target only",
        "policy odd.guarded mine is missing on the target", "enum odd.mood differs", "view odd.happy differs",
        "grants of table odd.wide differs", "owner of table odd.ruled differs", "grants of table odd.ruled differs",
        "index odd.wide_js_idx is missing on the target", "column odd.wide small differs",
    }  # fmt: skip


@pytest.mark.soak
def test_back_to_an_older_server(reverse_stand: Stand) -> None:
    """What the older one does not know is left out, or told."""
    stand = reverse_stand
    stand.source.execute("grant select, maintain on odd.item to odd_reader; create table odd.later (a int not null)")
    stand.source.execute(f"alter database \"{stand.source.name}\" set transaction_timeout = '7min'")
    found = move_schema(stand.source_dsn(), stand.target_dsn())
    assert [(one.check, one.objects) for one in found if one.check == "setting"] == [
        ("setting", ("transaction_timeout",))
    ]
    assert differences(stand) == []


def _every_kind_arrives(stand: Stand) -> None:
    stand.source.execute((Path(__file__).parent / "replicate_kinds.sql").read_text("utf-8"))
    found = move_schema(stand.source_dsn(), stand.target_dsn())
    assert {one.level for one in found} <= {Level.WARNING} and differences(stand) == []
    with sides(stand) as (source, target):
        look = ddl.tick(stand.source_dsn(), source, target, MOVE, PLAIN, Deadline.after(60), silent)
        assert look is not None and look.applied == () and look.blocking == ()


@pytest.mark.soak
def test_every_kind_of_object_arrives(stand: Stand) -> None:
    _every_kind_arrives(stand)


@pytest.mark.soak
def test_every_kind_of_object_arrives_on_an_older_server(reverse_stand: Stand) -> None:
    _every_kind_arrives(reverse_stand)


@pytest.mark.soak
def test_a_trial_tells_what_the_target_will_not_take(reverse_stand: Stand) -> None:
    stand = reverse_stand
    stand.source.execute("create table odd.virtual (a int, b int generated always as (a + 1) virtual)")
    before = stand.target.execute("select datname from pg_database order by 1")
    found = schema.trial(stand.source_dsn(), stand.target_dsn(), PLAIN, Deadline.after(60))
    assert found[0].level is Level.BLOCKER
    assert '"odd"."virtual"' in found[0].fix[0] and found[0].side is Side.TARGET
    assert stand.target.execute("select datname from pg_database order by 1") == before
    with pytest.raises(Refused, match="does not take it") as caught:
        move_schema(stand.source_dsn(), stand.target_dsn())
    assert caught.value.sqlstate == "PA003" and "virtual" in str(caught.value.detail) and caught.value.hint
    assert stand.target.execute("select to_regnamespace('odd') is null") == [(True,)]
    stand.source.execute("drop table odd.virtual; create table odd.item_log_2 ()")
    stand.target.execute("create schema odd; create table odd.item_log_2 (a int)")
    with pytest.raises(FeatureMissing, match="did not take") as late:
        move_schema(stand.source_dsn(), stand.target_dsn())
    assert late.value.sqlstate == "PA007" and "empty database" in str(late.value.hint)
    stand.target.execute("drop table odd.item_log_2")
    move_schema(stand.source_dsn(), stand.target_dsn())  # goes on where it stood
    assert differences(stand) == []


@contextmanager
def mover(stand: Stand, attributes: str) -> Iterator[str]:
    """A role on the target that is no superuser and owns the database; its connection string."""
    target = stand.target
    target.execute(f"create role odd_mover login password 'm' {attributes}")
    target.execute(f'alter database "{target.name}" owner to odd_mover')
    for (name,) in target.execute(
        "select quote_ident(rolname) from pg_roles where rolname ~ '^odd' and rolname <> 'odd_mover'"
    ):
        target.execute(f"grant {name} to odd_mover with admin option")
    try:
        yield stand.target_dsn().replace("user=postgres", "user=odd_mover").replace(stand.target_server.password(), "m")
    finally:
        target.execute(f'alter database "{target.name}" owner to postgres')
        target.execute("reassign owned by odd_mover to postgres")
        target.execute("drop owned by odd_mover cascade; drop role odd_mover")


@pytest.mark.soak
def test_without_a_superuser_on_the_target(stand: Stand) -> None:
    stand.source.execute(
        "create function public.watch() returns event_trigger language plpgsql as 'begin end'; "
        "create event trigger odd_watch on ddl_command_end execute function public.watch()"
    )
    with mover(stand, "createrole createdb") as dsn:
        found = move_schema(stand.source_dsn(), dsn)
        assert {one.level for one in found} == {Level.WARNING}
        assert {"owner", "schema_statement"} <= checks(found)  # postgres' objects are the mover's; no event trigger
        assert differences(stand) == []
        owners = "select pg_get_userbyid(relowner) from pg_class where relname in ('ledger', 'wide') order by relname"
        assert stand.target.execute(owners) == [("odd_mover",), ("odd_owner",)]


@pytest.mark.soak
def test_without_the_right_to_make_a_database_or_roles(stand: Stand) -> None:
    with mover(stand, "") as dsn:
        found = schema.trial(stand.source_dsn(), dsn, PLAIN, Deadline.after(60))
        assert [one.level for one in found] == [Level.NOTE] and "CREATEDB" in found[0].fix[0]
        stand.source.execute(
            "create role odd_lone; create table public.lone (); alter table public.lone owner to odd_lone"
        )
        try:
            with pytest.raises(Refused, match="roles of the source are missing") as caught:
                schema.copy_schema(
                    stand.source_dsn(),
                    dsn,
                    MOVE,
                    Section.PRE_DATA,
                    MoveOptions(roles=False),
                    Deadline.after(60),
                    silent,
                )
        finally:
            stand.source.execute("drop table public.lone; drop role odd_lone")
        assert caught.value.sqlstate == "PA003" and "CREATE ROLE odd_lone" in str(caught.value.hint)


@pytest.mark.soak
def test_some_schemas_only(stand: Stand) -> None:
    options = MoveOptions(schemas=('Odd "Name"', "odd"))
    move_schema(stand.source_dsn(), stand.target_dsn(), options)
    assert differences(stand, options.schemas) == []
    assert stand.target.execute("select to_regnamespace('loss') is null") == [(True,)]


@pytest.mark.soak
@pytest.mark.parametrize("boundary", range(1, 19, 2))
def test_killed_at_every_boundary(stand: Stand, boundary: int) -> None:
    arguments = {"source": stand.source_dsn(), "target": stand.target_dsn()}
    died = killed_at(boundary, "test_replicate_schema:killed_work", **arguments)
    move_schema(stand.source_dsn(), stand.target_dsn())
    assert differences(stand) == [] and (died.killed or len(died.steps) < boundary)


def test_no_password_reaches_an_argument(stand: Stand, tmp_path: Path) -> None:
    """pg_dump is replaced by a program that writes down how it was called."""
    program = tmp_path / "pg_dump"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/seen; env >> {tmp_path}/seen\n'
        f'cp -p "$(echo "$1" | sed "s/.*passfile=//; s/ .*//")" {tmp_path}/pass; echo "SELECT 1;"\n'
    )
    program.chmod(0o755)
    password = stand.source_server.password()
    text = tools.dump(tools.Programs(15, tmp_path), stand.source_dsn(), ("--schema-only",), Deadline.after(10))
    seen = (tmp_path / "seen").read_text()
    assert text == "SELECT 1;\n" and password not in seen and f"passfile={tmp_path.anchor}" in seen
    assert password in (tmp_path / "pass").read_text() and stat.S_IMODE((tmp_path / "pass").stat().st_mode) == 0o600


@pytest.mark.soak
def test_a_password_stays_out_of_the_log(stand: Stand) -> None:
    """Neither the warning of an old kind of hash nor a statement that fails may show it; all statements are logged."""
    stand.source.execute("set password_encryption = md5; create role odd_md5 login password 'planted-secret'")
    stand.source.execute("grant select on odd.item to odd_md5")
    ((secret,),) = stand.source.execute("select rolpassword from pg_authid where rolname = 'odd_md5'")
    stand.target.execute(f"alter database \"{stand.target.name}\" set log_statement = 'all'")
    try:
        with sides(stand) as (source, target):
            roles.copy_roles(source, target, MoveOptions(role_passwords=True), silent)
            mapping = "CREATE USER MAPPING FOR PUBLIC SERVER nowhere OPTIONS (password 'planted-secret')"
            with pytest.raises(PostaiError) as caught:
                restore.Run(target, restore.Notes(None), Deadline.after(9)).all(["select 1", mapping], silent, "x")
        assert "planted" not in f"{caught.value.as_parts()}"
        hashes = stand.target.execute("select rolpassword from pg_authid where rolname = 'odd_md5'")
        log = stand.target_server.log.read_text()
        assert hashes == [(secret,)] and "create role odd_md5" in log
        assert secret not in log and "planted-secret" not in log
    finally:
        stand.source.execute("drop owned by odd_md5; drop role odd_md5")
        stand.target.execute("drop role if exists odd_md5")


@pytest.mark.soak
def test_programs_by_version(stand: Stand, tmp_path: Path) -> None:
    assert tools.for_dump(150_020).major == 15 and tools.for_dump(110_000).major == max(x.major for x in tools.found())
    with pytest.raises(FeatureMissing, match="version 42") as caught:
        tools.for_dump(420_000)
    assert "postgresql-client-42" in str(caught.value.hint)
    # A newer pg_dump writes what only the older server knows; it is left out.
    newest = tools.found()[0]
    text = tools.dump(newest, stand.source_dsn(), ("--schema-only", "--no-statistics"), Deadline.after(20))
    assert not any("pg_attver" in one for one in dump_text.taken(text, dump_text.Target(180_000, superuser=True)))


@pytest.mark.soak
def test_statistics_are_carried_over(stand: Stand) -> None:
    move_schema(stand.source_dsn(), stand.target_dsn())
    values = "select count(*), min(n_distinct) from pg_stats where schemaname = 'odd'"
    assert stand.target.execute(values)[0][0] == 0
    found = statistics.carry_statistics(stand.source_dsn(), stand.target_dsn(), PLAIN, Deadline.after(60), silent)
    assert found == () and stand.target.execute(values) == stand.source.execute(values)


@pytest.mark.soak
def test_statistics_are_made_in_stages_on_an_older_server(reverse_stand: Stand) -> None:
    stand, told = reverse_stand, []
    stand.target.execute("create schema odd; create table odd.t as select i from generate_series(1, 50) as i")
    stand.target.execute(
        "create table odd.p (i int) partition by range (i); create table odd.q partition of odd.p default"
    )
    found = statistics.carry_statistics(
        stand.source_dsn(), stand.target_dsn(), PLAIN, Deadline.after(60), lambda name, detail="": told.append(detail)
    )
    assert found == () and len(told) == 3
    assert stand.target.execute("select tablename::text from pg_stats where schemaname = 'odd'") == [("t",)]


@pytest.mark.soak
def test_materialised_views_are_filled_in_their_order(stand: Stand) -> None:
    stand.source.execute("create materialized view odd.a_of_moods as select count(*) as c from odd.moods")
    move_schema(stand.source_dsn(), stand.target_dsn())
    stand.target.execute("insert into odd.wide (feeling) values ('happy'), ('sad')")
    with sides(stand) as (source, target):
        assert schema.refresh_views(source, target, PLAIN, Deadline.after(30), silent) == ()
    assert stand.target.execute("select c from odd.a_of_moods") == [(2,)]
    assert stand.target.execute("select relispopulated from pg_class where relname = 'empty'") == [(False,)]
