"""postai.migrate, postai.steps and apply through a real agent, over a socket and over dblink."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agent_support import AGENT, AgentProcess, agent_dsn, install_postai, running, wait_for

from conftest import TestDatabase, drop_database, make_database
from postai.cli.main import run
from postai.migrate.files import read_directory
from postai.setup.transport import Transport

SCHEMA = """
    create role mig_owner; create role mig_user login password 'mig_user' in role postai_user;
    create role mig_operator login password 'mig_operator' in role postai_operator, mig_owner;
"""
TABLES = f"""
    grant mig_owner to {AGENT};
    create schema shop authorization mig_owner; grant usage on schema shop to public;
    set role mig_owner;
    create table shop.parcel (id int primary key, city text, weight int);
    create table shop.secret (id int primary key, salary int);
    insert into shop.parcel select g, 'city' || g % 300, g % 77 from generate_series(1, 2000) g;
    reset role;
"""
LEFT = """
    select postai._lend_scratch_schema(format('postai_scratch_%s_%s_0123abcd_0', pid,
             to_hex((extract(epoch from backend_start) * 1000000)::int8)))
      from pg_stat_activity where pid = pg_backend_pid()
"""
WAYS: list[tuple[str, Transport]] = [("pg15", "socket"), ("pg18", "dblink")]


@dataclass(frozen=True)
class Stand:
    """A database, its agent, and who may do what."""

    database: TestDatabase
    agent: AgentProcess

    def rows(self, sql: str, user: str | None = "mig_user", *parameters: object) -> list[dict[str, Any]]:
        with self.database.connect(user, row_factory=psycopg.rows.dict_row) as connection:
            connection.execute("set search_path = shop, public")
            return connection.execute(sql, parameters).fetchall()  # type: ignore[arg-type, return-value]

    def migrate(self, request: str, user: str = "mig_user") -> int:
        return int(self.rows("select postai.migrate(%s) as id", user, request)[0]["id"])

    def apply(self, proposal: int) -> None:
        with self.database.connect("mig_operator") as connection:
            action = connection.execute("select postai.apply(%s)", (proposal,)).fetchall()[0][0]
            connection.execute("call postai.wait(%s)", (action,))

    def wait(self, sql: str, *parameters: object) -> None:
        """Queue an action as the operator, and wait for its end."""
        with self.database.connect("mig_operator") as connection:
            action = connection.execute(sql, parameters).fetchall()[0][0]  # type: ignore[arg-type]
            connection.execute("call postai.wait(%s)", (action,))

    def second(self, proposal: int) -> dict[str, Any] | None:
        """What drops for good what a proposal set aside."""
        found = self.rows(
            "select id, state, outcome, reason, statements from postai.proposals where evidence ->> 'after' = %s",
            "mig_operator", str(proposal),
        )  # fmt: skip
        return found[0] if found else None

    def refused(self, sql: str, user: str = "mig_user", *parameters: object) -> psycopg.Error:
        with pytest.raises(psycopg.Error) as caught:
            self.rows(sql, user, *parameters)
        return caught.value


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: "-".join(way))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    name, transport = request.param
    server = request.getfixturevalue(name)
    place = Path(tempfile.mkdtemp(prefix="postai-mig-"))
    place.chmod(0o755)
    database = make_database(server)
    install_postai(database, transport, place / "run" / "agent.sock")
    database.execute(SCHEMA)
    database.execute(TABLES)
    agent = AgentProcess(place, [(database.name, agent_dsn(server, database.name, place))])
    with psycopg.connect(database.dsn(AGENT), autocommit=True) as dying:
        dying.execute(LEFT)
    with running(agent):
        agent.until("leading this database")
        agent.until("left copies of tables were dropped")
        yield Stand(database, agent)
    drop_database(database)
    shutil.rmtree(place)


def test_a_change_is_proposed_shown_and_carried_out(stand: Stand) -> None:
    proposal = stand.migrate("alter table parcel add column region text not null default 'north'")
    steps = stand.rows("select * from postai.steps(%s)", "mig_user", proposal)
    assert steps[0]["locks"] == {"shop.parcel": "AccessExclusiveLock"} and steps[0]["blocks"] == "reads+writes"
    assert steps[0]["rewrites"] is False and steps[0]["in_transaction"] is True and steps[0]["undo"]
    stand.apply(proposal)
    assert stand.rows("select distinct region from shop.parcel", "mig_operator") == [{"region": "north"}]


def test_drift_is_what_others_did(stand: Stand) -> None:
    wait_for(lambda: stand.rows("select 1 as one from postai.schema_snapshot", None))
    stand.apply(stand.migrate("alter table parcel add column height int; create index on parcel (height)"))
    assert stand.rows("select * from postai.drift()") == []
    stand.database.execute("alter table shop.secret add column bonus int")
    (found,) = stand.rows("select * from postai.drift()")
    assert (found["object"], found["change"], found["expected"]) == ("column shop.secret.bonus", "unexpected", None)
    assert found["fix"] is None  # the column may hold what nobody can make again
    stand.database.execute("alter table shop.secret drop column bonus")
    assert stand.rows("select * from postai.drift()") == []


TRACED = "select step, rewrites, scans, locks from postai.steps(%s) order by step"
HARD = "alter table parcel add constraint light check (weight < 1000); create index on parcel (weight, city)"


def test_with_createdb_the_same_is_seen(stand: Stand) -> None:
    in_schemas = stand.rows(TRACED, "mig_user", stand.migrate(HARD))
    stand.database.execute(f"alter role {AGENT} createdb")
    try:
        in_database = stand.rows(TRACED, "mig_user", stand.migrate(HARD))
    finally:
        stand.database.execute(f"alter role {AGENT} nocreatedb")
    assert in_schemas == in_database
    assert [(one["rewrites"], one["scans"]) for one in in_schemas] == [(False, False), (False, True), (False, True)]
    assert stand.rows("select 1 from pg_namespace where starts_with(nspname, 'postai_scratch_')", None) == []


def test_what_cannot_be_tried_is_not_known_and_said_once(stand: Stand) -> None:
    stand.database.execute(
        "create function stop() returns event_trigger language plpgsql as 'begin end';"
        "create event trigger stop on ddl_command_end execute function stop()"
    )
    said: list[str] = []
    try:
        with stand.database.connect("mig_user") as connection:
            connection.add_notice_handler(lambda one: said.append(one.message_primary or ""))
            ((proposal,),) = connection.execute("select postai.migrate(%s)", (HARD.replace("parcel", "shop.parcel"),))
    finally:
        stand.database.execute("drop event trigger stop; drop function stop()")
    steps = stand.rows(TRACED, "mig_user", proposal)
    assert len(steps) == 3 and {(one["rewrites"], one["scans"]) for one in steps} == {(None, None)}
    assert steps[0]["locks"] == {"shop.parcel": "AccessExclusiveLock"}  # known of the form
    assert [one for one in said if "not known" in one] == [one for one in said if "event triggers" in one] != []
    assert len([one for one in said if "tried" in one]) == 1, said


def test_an_operator_hears_at_once_what_apply_will_refuse(stand: Stand) -> None:
    stand.database.execute("create table shop.taken (id int)")  # a superuser's
    said: dict[str, list[str]] = {"mig_user": [], "mig_operator": []}
    for user, notes in said.items():
        with stand.database.connect(user) as connection:
            connection.add_notice_handler(lambda one, notes=notes: notes.append(one.message_primary or ""))
            connection.execute("select postai.migrate('alter table shop.taken add column at date')")
    assert "shop.taken belongs to superuser postgres" in said["mig_operator"][0]
    assert "ALTER TABLE shop.taken OWNER TO" in said["mig_operator"][0]
    assert not any("superuser" in one for one in said["mig_user"])
    stand.database.execute("drop table shop.taken")


def test_an_undo_takes_the_second_proposal_with_it(stand: Stand) -> None:
    stand.database.execute("set role mig_owner; create table shop.twice (id int primary key, a int)")
    proposal = stand.migrate("drop table shop.twice")
    stand.wait("select postai.apply(%s)", proposal)
    second = stand.second(proposal)
    assert second is not None and second["state"] == "open"
    stand.wait("select postai.undo(%s)", proposal)
    second = stand.second(proposal)
    assert second is not None and (second["state"], second["outcome"]) == ("closed", "superseded")
    assert second["reason"] == f"proposal {proposal} was undone"
    assert stand.rows("select to_regclass('shop.twice') is not null as there") == [{"there": True}]
    # What somebody changes meanwhile makes the second one stale, and what it dropped nobody brings back.
    proposal = stand.migrate("alter table shop.twice drop column a")
    stand.wait("select postai.apply(%s)", proposal)
    second = stand.second(proposal)
    assert second is not None
    stand.database.execute("alter table shop.twice alter a_dropped type bigint")
    error = stand.refused("select postai.apply(%s, unsafe => true)", "mig_operator", second["id"])
    assert error.sqlstate == "PA008" and "ask for a new one" in (error.diag.message_hint or "")
    stand.database.execute("alter table shop.twice alter a_dropped type int")
    stand.wait("select postai.apply(%s, unsafe => true)", second["id"])
    error = stand.refused("select postai.undo(%s)", "mig_operator", proposal)
    assert error.sqlstate == "55000" and "backups" in (error.diag.message_hint or ""), error


def test_older_clients_go_on_with_the_old_name_where_that_is_asked_for(stand: Stand) -> None:
    stand.database.execute(
        "set role mig_owner; create table shop.box (id int primary key); insert into shop.box values (1)"
    )
    (made,) = stand.rows("select postai.migrate('alter table box rename to crate', versioned_views => true) as id")
    stand.apply(made["id"])
    assert stand.rows("select b.id from shop.box b join shop.crate using (id)", "mig_operator") == [{"id": 1}]
    (undo,) = stand.rows("select postai.undo(%s) as id", "mig_operator", made["id"])
    with stand.database.connect("mig_operator") as connection:
        connection.execute("call postai.wait(%s)", (undo["id"],))
    assert stand.rows("select relkind::text as kind from pg_class where oid = 'shop.box'::regclass") == [{"kind": "r"}]
    assert stand.refused("select postai.migrate(' ', versioned_views => true)").sqlstate == "22023"


@pytest.mark.parametrize(
    ("request_", "sqlstate", "hint"),
    [
        ("alter table no_such add column a int", "42704", "schema.name"),
        ("alter table parcel add colum a int", "42601", None),
        ("grant select on parcel to public", "PA003", "by hand"),
        ("select 1", "PA003", None),
        (" ", "22023", "in words"),
    ],
)
def test_what_cannot_be_proposed(stand: Stand, request_: str, sqlstate: str, hint: str | None) -> None:
    error = stand.refused("select postai.migrate(%s)", "mig_user", request_)
    assert error.sqlstate == sqlstate, error
    assert hint is None or hint in (error.diag.message_hint or "")


def test_a_drop_is_taken_back_or_made_good_by_a_second_proposal(stand: Stand) -> None:
    stand.database.execute("set role mig_owner; create table shop.old (id int primary key, a int, b int)")
    stand.database.execute("insert into shop.old values (1, 2, 3)")
    proposal = stand.migrate("alter table shop.old drop column a, drop column b")
    stand.apply(proposal)
    (undo,) = stand.rows("select postai.undo(%s) as id", "mig_operator", proposal)
    with stand.database.connect("mig_operator") as connection:
        connection.execute("call postai.wait(%s)", (undo["id"],))
    assert stand.rows("select a, b from shop.old", "mig_operator") == [{"a": 2, "b": 3}]
    retyped = stand.migrate("alter table shop.old alter a type text")
    said: list[str] = []
    with stand.database.connect("mig_operator") as connection:
        connection.add_notice_handler(lambda one: said.append(one.message_primary or ""))
        action = connection.execute("select postai.apply(%s, unsafe => true)", (retyped,)).fetchall()[0][0]
        assert [one for one in said if "drops nothing yet" in one and "a yes of its own" in one], said
        connection.execute("call postai.wait(%s)", (action,))
    assert stand.rows("select a, a_old from shop.old", "mig_operator") == [{"a": "2", "a_old": 2}]
    assert stand.rows(
        "select statements from postai.proposals where evidence ->> 'after' = %s", "mig_operator", str(retyped)
    ) == [{"statements": ["ALTER TABLE shop.old DROP COLUMN a_old"]}]
    proposal = stand.migrate("drop table shop.old")
    stand.apply(proposal)
    (second,) = stand.rows(
        "select id, title, statements from postai.proposals where evidence ->> 'after' = %s", "mig_operator",
        str(proposal),
    )  # fmt: skip
    assert second["title"].startswith("Drop for good") and second["statements"] == ["DROP TABLE shop.old_dropped"]
    with pytest.raises(psycopg.Error, match="undone") as caught:
        stand.apply(second["id"])
    assert "unsafe => true" in (caught.value.diag.message_hint or "")
    with stand.database.connect("mig_operator") as connection:
        action = connection.execute("select postai.apply(%s, unsafe => true)", (second["id"],)).fetchall()[0][0]
        connection.execute("call postai.wait(%s)", (action,))
    assert stand.rows("select to_regclass('shop.old_dropped') is null as gone") == [{"gone": True}]


def test_rows_in_the_way_are_told_to_who_may_read_them(stand: Stand) -> None:
    stand.database.execute("insert into shop.secret select g, g from generate_series(1, 5) g")
    request = "alter table shop.secret add constraint rich check (salary > 3)"
    said: list[str] = []
    for user in ("mig_user", "mig_operator"):
        with stand.database.connect(user) as connection:
            connection.add_notice_handler(lambda one: said.append(one.message_primary or ""))
            connection.execute("select postai.migrate(%s)", (request,))
            seen = [one for one in said if "correct them" in one]
            assert (len(seen) == 1 and "salary" in seen[0]) == (user == "mig_operator"), said


def test_values_that_do_not_cast_are_told(stand: Stand) -> None:
    stand.database.execute("set role mig_owner; create table shop.coded (id int primary key, v text)")
    stand.database.execute("insert into shop.coded values (1, '7'), (2, 'seven')")
    said: list[str] = []
    with stand.database.connect("mig_operator") as connection:
        connection.add_notice_handler(lambda one: said.append(one.message_primary or ""))
        connection.execute(
            "select postai.migrate('alter table shop.coded alter v type integer using v::integer;"
            " drop table shop.secret')"
        )
    assert any(one.startswith("some values of v of shop.coded ") and "correct them" in one for one in said), said
    assert said.index("the rows of shop.secret are lost for good.") < 6
    assert "CALL postai.wait(postai.apply(" in said[-1]  # what comes next
    (last,) = stand.rows("select evidence from postai.proposals order by id desc limit 1", "mig_operator")
    assert [one["in_the_way"] for one in last["evidence"]["checks"]] == [True], last
    assert not any(one.startswith("Shop.") for one in said)


def test_casts_are_looked_for_however_long_the_look_takes(stand: Stand) -> None:
    stand.database.execute("set role mig_owner; create table shop.long (id int primary key, v text, w text)")
    stand.database.execute("insert into shop.long select g, g, g || 'x' from generate_series(1, 200000) g")
    proposal = stand.migrate(
        "alter table shop.long alter v type integer using v::integer, alter w type integer using w::integer",
        "mig_operator",
    )
    (found,) = stand.rows("select evidence from postai.proposals where id = %s", "mig_operator", proposal)
    checks = {one["words"].split()[2]: (one["in_the_way"], one["problem"]) for one in found["evidence"]["checks"]}
    assert checks == {"v": (False, None), "w": (True, None)}, found


def test_a_change_and_a_schema_in_words(stand: Stand) -> None:
    proposal = stand.migrate("Add a required status to parcels, default pending")
    (why,) = stand.rows("select why, statements from postai.proposals where id = %s", None, proposal)
    assert any("status" in one for one in why["statements"]) and why["why"]
    stand.apply(proposal)
    assert stand.rows("select distinct status from shop.parcel", "mig_operator") == [{"status": "pending"}]
    (made,) = stand.rows("select postai.design('Authors write posts. A post has a title.', 'shop') as id")
    stand.apply(made["id"])
    assert stand.rows(
        "select to_regclass('shop.posts') is not null or to_regclass('shop.post') is not null as yes"
    ) == [{"yes": True}]
    assert stand.refused("select postai.migrate('make it nicer please')").sqlstate == "PA001"


def test_files_are_carried_out_and_taken_back(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTAI_DSN", stand.database.dsn("mig_operator"))
    place = str(tmp_path)
    assert run(["migrate", "generate", "alter table shop.parcel add column fragile boolean", "-d", place]) == 0
    capsys.readouterr()
    assert run(["migrate", "execute", place, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["migrations"]
    assert [(one["id"], one["result"]) for one in told] == [("0001", "applied")] and told[0]["proposal"]
    assert stand.rows("select fragile from shop.parcel limit 1", "mig_operator")
    # As if the command had died before it could note the end.
    stand.database.execute("update postai.migration set state = 'running', finished_at = null")
    assert run(["migrate", "execute", place]) == 2
    assert "resume" in capsys.readouterr().err
    assert run(["migrate", "resume", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["resumed"][0]["id"] == "0001"
    assert run(["migrate", "rollback", place, "--unsafe", "--markdown"]) == 0
    assert "| rolled back |" in capsys.readouterr().out
    assert stand.refused("select fragile from shop.parcel", "mig_operator").sqlstate == "42703"


def test_a_migration_does_not_get_stuck(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTAI_DSN", stand.database.dsn("mig_operator"))
    stand.database.execute("set role mig_owner; create table shop.stuck (id int primary key, a int, b int)")
    stand.database.execute("delete from postai.migration")
    place = str(tmp_path)
    assert run(["migrate", "generate", "alter table shop.stuck drop column id", "-d", place]) == 0
    capsys.readouterr()
    before = stand.rows("select count(*) from postai.proposals where state <> 'closed'", None)

    def state() -> str:
        capsys.readouterr()
        assert run(["migrate", "status", place, "--json"]) == 0
        return str(json.loads(capsys.readouterr().out)["migrations"][0]["state"])

    assert run(["migrate", "execute", place, "--json"]) == 5
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["sqlstate"] == "PA003" and "--unsafe" in error["hint"]
    assert state() == "pending" and stand.rows("select * from postai.migration", None) == []
    assert stand.rows("select count(*) from postai.proposals where state <> 'closed'", None) == before
    # Begun, and then dismissed.
    proposal = stand.migrate("alter table shop.stuck drop column id")
    stand.database.execute(
        f"insert into postai.migration (id, title, state, proposal) values ('0001', 'x', 'running', {proposal})"
    )
    assert state() == "running"
    stand.rows("select postai.dismiss(%s, 'no')", "mig_operator", proposal)
    assert state() == "pending"
    assert run(["migrate", "execute", place, "--unsafe"]) == 0
    assert state() == "applied"
    # A yes to the loss is one to both proposals.
    assert run(["migrate", "generate", "alter table shop.stuck drop column a", "-d", place]) == 0
    assert run(["migrate", "execute", place, "--unsafe"]) == 0
    assert stand.rows(
        "select count(*) as n from pg_attribute"
        " where attrelid = 'shop.stuck'::regclass and attname in ('a', 'a_dropped')"
    ) == [{"n": 0}]


def test_one_command_goes_to_the_end_or_says_what_is_left(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTAI_DSN", stand.database.dsn("mig_operator"))
    stand.database.execute("delete from postai.migration; set role mig_owner;")
    stand.database.execute(
        "set role mig_owner; create table shop.ends (id int primary key, a int, b int, c int);"
        "insert into shop.ends values (1, 2, 3, 4); create table shop.gone (id int)"
    )
    place = str(tmp_path)

    def columns() -> list[str]:
        return [
            one["attname"]
            for one in stand.rows(
                "select attname from pg_attribute where attrelid = 'shop.ends'::regclass and attnum > 0"
                " and not attisdropped order by attname"
            )
        ]

    def told(*arguments: str) -> Any:
        capsys.readouterr()
        assert run([*arguments, "--json"]) == 0, capsys.readouterr()
        return json.loads(capsys.readouterr().out)

    # Without --unsafe it says what remains, and the command for it.
    told("migrate", "generate", "alter table shop.ends drop column a", "-d", place)
    (one,) = told("migrate", "execute", place)["migrations"]
    assert columns() == ["a_dropped", "b", "c", "id"]
    assert one["left"]["statements"] == ["ALTER TABLE shop.ends DROP COLUMN a_dropped"]
    assert one["left"]["command"] == f"post-ai apply {one['left']['proposal']} --unsafe"
    (still,) = told("migrate", "resume")["resumed"]
    assert still["left"] == one["left"] and columns() == ["a_dropped", "b", "c", "id"]
    (went,) = told("migrate", "resume", "--unsafe")["resumed"]
    assert went["left"] is None and columns() == ["b", "c", "id"]
    # With it one command does all.
    text = "alter table shop.ends drop column b; drop table shop.gone; alter table shop.ends alter c type text"
    told("migrate", "generate", text, "-d", place)
    (one,) = told("migrate", "execute", place, "--unsafe")["migrations"]
    assert one["left"] is None and columns() == ["c", "id"]
    assert stand.rows("select c from shop.ends", "mig_operator") == [{"c": "4"}]
    assert stand.rows(
        "select count(*) from pg_class where relname ~ '^gone' and relnamespace = 'shop'::regnamespace"
    ) == [{"count": 0}]
    # post-ai apply as well; in words it says the same.
    proposal = stand.migrate("alter table shop.ends drop column c")
    assert run(["apply", str(proposal)]) == 0
    second = stand.second(proposal)
    assert second is not None
    assert f"to do it: post-ai apply {second['id']} --unsafe" in capsys.readouterr().out
    stand.wait("select postai.undo(%s)", proposal)
    proposal = stand.migrate("alter table shop.ends drop column c")
    assert run(["apply", str(proposal), "--unsafe"]) == 0
    assert columns() == ["id"]


def test_what_a_command_left_that_died_is_found(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTAI_DSN", stand.database.dsn("mig_operator"))
    stand.database.execute("delete from postai.migration")
    stand.database.execute("set role mig_owner; create table shop.died (id int primary key)")
    place = str(tmp_path)
    assert run(["migrate", "generate", "alter table shop.died add column a int", "-d", place]) == 0
    # As if it had died between the proposal and its note.
    body = read_directory(tmp_path)[0].up.body
    orphan, others = stand.migrate(body, "mig_operator"), stand.migrate(body)
    capsys.readouterr()
    assert run(["migrate", "execute", place, "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["migrations"]
    states = {
        row["id"]: (row["outcome"], row["reason"])
        for row in stand.rows("select id, outcome, reason from postai.proposals", None)
    }
    assert states[orphan] == ("dismissed", "proposed anew for migration 0001")
    assert states[others] == (None, None) and states[one["proposal"]][0] == "applied"
    # Undone by hand, it is where it was, and what it made is no longer anybody's.
    stand.wait("select postai.undo(%s)", one["proposal"])
    for wanted in ("rolled back", "applied"):
        capsys.readouterr()
        assert run(["migrate", "status", place, "--json"]) == 0
        assert [row["state"] for row in json.loads(capsys.readouterr().out)["migrations"]] == [wanted]
        assert stand.rows("select * from postai.drift() where object = 'column shop.died.a'", "mig_operator") == []
        if wanted == "rolled back":
            assert run(["migrate", "execute", place]) == 0
