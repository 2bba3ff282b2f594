"""Moves as people drive them in SQL: who may, what is refused, what is seen; and a real agent that carries them on."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg
import pytest
from agent_support import AGENT, PATIENCE, AgentProcess, agent_dsn, install_postai, running, wait_for
from replicate_support import MovedDatabase, Stand
from web_support import Dashboard

from conftest import TestDatabase, make_database, put_postai
from postai.database.connections import from_dsn, save_connection
from postai.replicate import store
from postai.replicate.types import MoveOptions

BOSS, USER = "move_boss", "move_user"
ROLES = f"""
do $$ begin
  if to_regrole('{BOSS}') is null then create role {BOSS} login password '{BOSS}'; end if;
  if to_regrole('{USER}') is null then create role {USER} login password '{USER}'; end if;
end $$;
grant postai_operator to {BOSS};
grant postai_user to {USER};
"""
# The owner of the schema, holding this lock, is taken for an agent.
LEAD = "select pg_advisory_lock(1886352244, 1)"
# All that there are.
OPTIONS = {"schemas": ["shop"], "roles": False, "role_passwords": False, "full_identity": True, "workers": 4,
           "split_bytes": 0, "load": 1.5, "replica_lag": 3, "keep_wal_bytes": 10**10, "passfile": "/a",
           "source_passfile": None, "way_back": True}  # fmt: skip
SHOP = """
create schema shop;
create table shop.customers (id int primary key, name text not null);
create table shop.orders (id bigserial primary key, customer int not null references shop.customers, total numeric);
insert into shop.customers select i, 'customer ' || i from generate_series(1, 50) as i;
insert into shop.orders (customer, total) select 1 + i % 50, i from generate_series(1, 500) as i;
"""


@pytest.fixture
def home(database: TestDatabase) -> Iterator[TestDatabase]:
    """A database with postai, an operator and a user."""
    put_postai(database)
    database.execute(ROLES)
    yield database
    for role in (BOSS, USER):
        database.execute(f"drop owned by {role}; drop role {role}")


def refused(database: TestDatabase, statement: str, user: str | None = BOSS) -> psycopg.errors.Diagnostic:
    """How the server refuses it."""
    with database.connect(user) as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    return caught.value.diag


def test_requests_are_written_for_operators_and_noted(home: TestDatabase) -> None:
    diag = refused(home, "select postai.replicate_start('shop', 'legacy', 'new')", USER)
    assert (diag.sqlstate, diag.message_hint) == ("PA006", f"GRANT postai_operator TO {USER};")
    for verb in ("verify", "repair", "rollback", "complete", "abort", "cancel"):
        assert refused(home, f"select postai.replicate_{verb}('shop')", USER).sqlstate == "PA006"
    for verb in ("cutover", "rollback"):
        assert refused(home, f"call postai.{verb}('shop')", USER).sqlstate == "PA006"
    assert refused(home, "select * from postai.replicate_check('legacy', 'new')", USER).sqlstate == "PA006"
    # The transport itself takes no such request of them either.
    open_it = "select postai._open('replicate_check', '{}', current_user, '{}', 100, null)"
    assert refused(home, open_it, USER).sqlstate == "PA006"
    with home.connect(BOSS) as connection:
        connection.execute("select postai.replicate_start('shop', 'legacy', 'new')")
        connection.execute(f"select postai.replicate_start('shop', 'legacy', 'new', '{json.dumps(OPTIONS)}')")
    asked = home.execute(
        "select verb, requested_by, options, done_at is null from postai.replication_request order by id"
    )
    start = {"name": "shop", "source": "legacy", "target": "new", "options": {}}
    assert asked == [("start", BOSS, start, False), ("start", BOSS, {**start, "options": OPTIONS}, True)]
    assert store.options_from(OPTIONS).schemas == ("shop",)
    with home.connect(USER) as connection:
        rows = connection.execute("select name, state, serving, next from postai.replications").fetchall()
        assert rows[0] == ("shop", "requested", "source", "nobody drives it:\npost-ai agent")
        for table in ("replication", "replication_table", "replication_event", "replication_request"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"select from postai.{table}")
    events = home.execute("select actor, kind, subject, detail ->> 'verb' from postai.event where kind ~ '^replicate'")
    assert events == [(BOSS, "replicate.requested", "shop", "start")] * 2


def test_what_is_refused_says_what_to_do(home: TestDatabase) -> None:
    def hint(statement: str) -> tuple[str | None, str | None]:
        diag = refused(home, statement)
        return diag.sqlstate, diag.message_hint

    assert hint("select postai.replicate_verify('nix')") == (
        "42704", "SELECT name, state FROM postai.replications lists them.",
    )  # fmt: skip
    assert hint("select postai.replicate_start('a b', 'x', 'y')")[0] == "22023"
    assert hint("select postai.replicate_start('a', 'x', 'x')")[0] == "22023"
    assert hint("call postai.cutover('a', '0')")[0] == hint("call postai.rollback('a', '0')")[0] == "22023"
    assert hint("""select postai.replicate_verify('a', '{"share": 2}')""") == (
        "22023",
        "It is a number from 0.01 to 1.",
    )
    # What comes from within is raised once more: psql shows where an error comes from.
    for statement in ("call postai.rollback('nix')", "select postai.replicate_abort('nix')"):
        assert len(str(refused(home, statement).context).splitlines()) == 1, statement
    code, advice = hint("""select postai.replicate_start('a', 'x', 'y', '{"nix": 1}')""")
    known = sorted(field.name for field in fields(MoveOptions))
    assert (code, advice) == ("22023", f"Known are: {', '.join(known)}.")
    for wrong in ('"shop"', '{"schemas": "shop"}', '{"schemas": [1]}', '{"roles": 1}', '{"workers": 0}',
                  '{"workers": 1.5}', '{"load": "1"}', '{"passfile": 1}'):  # fmt: skip
        assert hint(f"select postai.replicate_start('a', 'x', 'y', '{wrong}')")[0] == "22023", wrong
    home.execute("insert into postai.replication (name, source, target, state, ended_at) values "
                 "('shop', 'legacy', 'new', 'copying', null), ('old', 'legacy', 'new', 'aborted', now())")  # fmt: skip
    assert hint("select postai.replicate_start('shop', 'legacy', 'new')")[0] == "42710"
    assert hint("select postai.replicate_start('shop', 'other', 'new')") == (
        "42710", "Choose another name, or end it: SELECT postai.replicate_abort('shop');",
    )  # fmt: skip
    assert hint("select postai.replicate_abort('old')") == (
        "55000", "Begin anew: SELECT postai.replicate_start('old', 'legacy', 'new');",
    )  # fmt: skip
    assert hint("call postai.cutover('shop', run_window => '[2020-01-01, 2020-01-02)')")[0] == "22023"
    code, advice = hint("begin; call postai.cutover('shop')")
    assert code == "25001" and "autocommit" in str(advice)
    assert hint("set transaction read only; select postai.replicate_abort('shop')") == (
        "25006", "SET default_transaction_read_only = off; and once more.",
    )  # fmt: skip
    with home.connect() as agent:
        agent.execute(LEAD)
        assert hint("select * from postai.replicate_check('legacy', 'new')") == (
            "PA007", "Run from a shell: post-ai replicate check SOURCE TARGET",
        )  # fmt: skip
    # A database that another home's move reads from.
    home.execute("create schema postai_77")
    for statement in ("select postai.replicate_start('x', 'legacy', 'new')", "select postai.replicate_verify('nix')",
                      "select * from postai.replicate_check('a', 'b')"):  # fmt: skip
        diag = refused(home, statement)
        assert diag.sqlstate == "PA003" and diag.message_primary == "this database is the source of a move"


def test_a_window_is_left_and_taken_back(home: TestDatabase) -> None:
    home.execute(
        "insert into postai.replication (name, source, target, state) values ('shop', 'legacy', 'new', 'ready')"
    )
    with home.connect(BOSS, autocommit=True) as connection:
        notices: list[str] = []
        connection.add_notice_handler(lambda diag: notices.append(str(diag.message_hint)))
        connection.execute("call postai.cutover('shop', run_window => '[2100-01-01, 2100-01-02)')")
        assert notices == ["SELECT postai.replicate_cancel('shop') takes it back."]
        assert connection.execute("select postai.replicate_cancel('shop')").fetchone() == (1,)
        assert connection.execute("select postai.replicate_cancel('shop')").fetchone() == (0,)
    ((error, begins),) = home.execute(
        "select error ->> 'sqlstate', not_before::date::text from postai.replication_request"
    )
    assert (error, begins) == ("57014", "2100-01-01")
    home.execute("update postai.replication_request set error = null, done_at = null, not_before = now(), "
                 """outcome = '{"waits": "a transaction is older than 2 s"}'""")  # fmt: skip
    with home.connect() as agent:
        agent.execute(LEAD)
        waits = home.execute("select translate(next, E'\\n', ' ') from postai.replications")
        assert waits == [("cutover waits: a transaction is older than 2 s",)]


def test_what_was_not_done_is_told(home: TestDatabase) -> None:
    home.execute(
        "insert into postai.replication (name, source, target, state, serving) "
        "values ('shop', 'legacy', 'new', 'serving_target', 'target')"
    )
    with home.connect(BOSS) as connection:
        connection.execute("select postai.replicate_rollback('shop')")
    why = {"sqlstate": "PA009", "message": "the switch was undone", "hint": "Switch again."}
    home.execute(f"update postai.replication_request set error = '{json.dumps(why)}', done_at = now()")
    query = "select translate(next, E'\\n', ' ') from postai.replications"
    with home.connect() as agent, home.connect(USER) as user:
        agent.execute(LEAD)
        assert user.execute(query).fetchall() == [("rollback was not done: the switch was undone Switch again.",)]
        home.execute(
            "insert into postai.replication_event (replication_id, at, state, step, level, what) "
            "select id, now(), 'rolled_back', 'rolled_back', 'note', 'x' from postai.replication"
        )
        assert user.execute(query).fetchall()[0][0].startswith("to stay, or to go back")
        done = '{"said": "9 rows are equal"}'
        home.execute(
            "insert into postai.replication_request (replication_id, verb, done_at, outcome) "
            f"select id, 'verify', clock_timestamp(), '{done}' from postai.replication"
        )
        assert re.match(r"verify at \d\d:\d\d: 9 rows are equal to stay, or", user.execute(query).fetchall()[0][0])


def test_the_agents_words_are_those_of_sql(home: TestDatabase) -> None:
    said = {
        "verify it: post-ai replicate verify shop": "verify it: SELECT postai.replicate_verify('shop')",
        "Switch first: post-ai replicate cutover a.b-c": "Switch first: CALL postai.cutover('a.b-c')",
        "Look: post-ai replicate status shop.": "Look: SELECT * FROM postai.replications.",
        "post-ai replicate start s old new --no-way-back, and again":
            """SELECT postai.replicate_start('s', 'old', 'new', '{"way_back": false}'), and again""",
        "raise --keep-wal": "raise the option keep_wal_bytes",
    }  # fmt: skip
    for shell, sql in said.items():
        assert home.execute(f"select postai._in_sql($$ {shell}$$)") == [(f" {sql}",)]


def test_the_view_fits_into_a_terminal(home: TestDatabase) -> None:
    error = {
        "message": "3 tables have nothing that identifies their rows, so that they cannot be followed",
        "hint": "Give each a primary key, or REPLICA IDENTITY FULL.",
    }
    home.execute(
        "insert into postai.replication (name, source, target, state, lag_bytes, error, verified_at) values "
        "('shop', 'legacy', 'new', 'copying', 900000000, null, null),"
        f"('erp', 'a', 'b', 'failed', null, '{json.dumps(error)}', null),"
        "('crm', 'a', 'b', 'ready', 0, null, now())"
    )
    home.execute(
        "insert into postai.replication_table (replication_id, table_name, state, bytes, total_bytes, seconds) "
        "select id, 'shop.orders', 'copying', 25, 100, 75.4 from postai.replication where name = 'shop'"
    )
    with home.connect() as agent:
        agent.execute(LEAD)
        shown = subprocess.run(
            [home.server.binaries.bin / "psql", "-X", "-c", "select * from postai.replications", home.dsn()],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        rows = {one[0]: one[3:] for one in home.execute("select * from postai.replications")}
        home.execute("update postai.replication set verified_at = null")
        assert home.execute("select next from postai.replications where name = 'crm'") == [
            ("postai.replicate_verify('crm')",)
        ]
    assert max(map(len, shown.splitlines())) <= 80, shown
    assert rows["shop"] == (25, "858 MB", "wait")
    assert rows["crm"] == (None, "0", "CALL postai.cutover('crm');")
    assert "postai.replicate_start('erp'," in rows["erp"][2]
    assert home.execute("select progress, size, eta::text from postai.replication_progress") == [
        (25, "1 kB", "00:01:15")
    ]


# With an agent -----------------------------------------------------------------------------------------------


@dataclass
class Place:
    """A small source on 15, an empty target with postai on 18, and an agent for it."""

    stand: Stand
    agent: AgentProcess
    clients: Path

    def one(self, query: str) -> Any:
        """The first column of the first row, in the home."""
        found = self.stand.target.execute(query)
        return found[0][0] if found else None

    def state(self) -> str:
        return str(self.one("select state from postai.replications"))

    def call(self, statement: str) -> list[str]:
        """Run it with autocommit; gives the notices."""
        notices: list[str] = []
        with self.stand.target.connect(autocommit=True) as connection:
            connection.add_notice_handler(lambda diag: notices.append(str(diag.message_primary).strip()))
            connection.execute(statement)
        return notices

    def ask(self, verb: str) -> None:
        """Ask for it, and wait until it is done."""
        request = self.one(f"select postai.replicate_{verb}('shop')")
        wait_for(lambda: self._done(request))
        assert self.one(f"select error from postai.replication_request where id = {request}") is None

    def _done(self, request: int) -> bool:
        try:
            return bool(self.one(f"select done_at is not null from postai.replication_request where id = {request}"))
        except psycopg.OperationalError:
            return False  # a rollback ends the sessions of the home

    def ready(self) -> None:
        """Begin the move, and wait until it can be switched."""
        self.one("""select postai.replicate_start('shop', 'legacy', 'new', '{"workers": 1}')""")
        self.until_ready()
        assert self.one("select options ->> 'workers' from postai.replication") == "1"

    def until_ready(self) -> None:
        wait_for(lambda: self.state() in ("ready", "failed", "refused"))
        assert self.state() == "ready", self.one("select next from postai.replications")

    def refused(self, statement: str, timeout: str = "0") -> psycopg.errors.Diagnostic:
        """How it is refused; it is cancelled after `timeout`."""
        with self.stand.target.connect(autocommit=True) as connection, pytest.raises(psycopg.Error) as caught:
            connection.execute(f"set statement_timeout = '{timeout}'")
            connection.execute(statement)
        return caught.value.diag


@pytest.fixture
def place(stand: Stand, tmp_path: Path) -> Iterator[Place]:
    source, target = (make_database(server, "template0") for server in (stand.source_server, stand.target_server))
    source.execute(SHOP)
    stand.__dict__["source"] = MovedDatabase(source.server, source.name)
    stand.__dict__["target"] = MovedDatabase(target.server, target.name)
    install_postai(stand.target, "dblink")
    config = tmp_path / "config"
    for name, dsn in (("legacy", stand.source_dsn()), ("new", stand.target_dsn())):
        connection, password = from_dsn(name, dsn)
        save_connection(config, connection, password)
    clients = tmp_path / "clients"
    clients.write_text(f"host=127.0.0.1 port={source.server.port} dbname={source.name}\n")
    agent = AgentProcess(
        tmp_path / "agent", [("new", agent_dsn(target.server, target.name, tmp_path / "agent"))],
        environment={"POSTAI_CONFIG_DIR": str(config)},
        more=f'[[redirect]]\nname = "shop"\ndriver = "file"\npath = "{clients}"\n',
    )  # fmt: skip
    yield Place(stand, agent, clients)


def test_an_agent_checks_and_answers(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        diag = place.refused("select * from postai.replicate_check('nix', 'new')")
        assert "Known are: legacy, new." in str(diag.message_hint)
        diag = place.refused("select * from postai.replicate_check('new', 'legacy')")
        assert (diag.sqlstate, diag.message_primary) == (
            "PA003",
            "new is this database: a move is driven from its target",
        )
        levels = {
            row[0] for row in place.stand.target.execute("select level from postai.replicate_check('legacy', 'new')")
        }
        assert levels and levels <= {"warning", "note"}
        place.one("select postai.replicate_start('shop', 'nix', 'new')")
        wait_for(lambda: place.state() == "refused")
        assert "there is no connection 'nix'" in place.one("select next from postai.replications")


@pytest.mark.soak
def test_there_and_back_again(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.ready()
        notices = place.call("call postai.cutover('shop')")
        assert [one for one in notices if "fenced" in one] and notices[-1].startswith("the target serves"), notices
        assert str(place.stand.target_server.port) in place.clients.read_text()
        place.stand.target.execute("insert into shop.orders (customer, total) values (1, 77)")
        assert place.refused("select postai.replicate_start('shop', 'legacy', 'new')").sqlstate == "42710"
        place.ask("rollback")
        assert place.state() == "rolled_back"
        assert place.stand.source.execute("select count(*) from shop.orders where total = 77") == [(2,)]
        # The home is read-only by its own setting now; agent and cutover write all the same.
        with place.stand.target.connect(AGENT) as connection, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute("update postai.agent_status set host = host")
        place.ask("abort")
    assert place.stand.leftovers() == []
    assert place.stand.source.execute("select count(*) from shop.orders") == [(501,)]


@pytest.mark.soak
def test_a_rehearsal_and_the_whole_way(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.ready()
        place.stand.target.execute("delete from shop.orders where id = 7")
        request = place.one("select postai.replicate_verify('shop')")
        wait_for(lambda: place._done(request))
        advice = place.one(f"select error ->> 'hint' from postai.replication_request where id = {request}")
        assert "SELECT postai.replicate_repair('shop')" in advice
        place.ask("repair")
        assert place.stand.target.execute("select distinct verified from postai.replication_progress") == [("equal",)]
        assert place.call("call postai.cutover('shop', rehearse => true)")[-1].startswith("rehearsed, nothing stands")
        place.call("call postai.cutover('shop')")
        place.one("select pg_sleep(2)")  # a look at the definitions of both sides: dblink is the home's own
        assert "to stay, or to go back:" in place.one("select next from postai.replications")
        # A rollback ends the sessions of this database, but not the one that waits for it, which is read-only then.
        with place.stand.target.connect(autocommit=True) as connection:
            notices: list[str] = []
            connection.add_notice_handler(lambda diag: notices.append(str(diag.message_primary)))
            connection.execute("call postai.rollback('shop')")
            assert notices[-1].startswith("the source serves"), notices
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                connection.execute("delete from shop.orders")
            assert "rollback at" in str(connection.execute("select next from postai.replications").fetchone())
            connection.execute("call postai.cutover('shop')")
            connection.execute("delete from shop.orders where id = 1")
        place.ask("complete")
        assert place.state() == "completed"
    assert place.stand.leftovers() == ["source: setting default_transaction_read_only=on"]


@pytest.mark.soak
def test_there_and_back_by_the_dashboard(place: Place, tmp_path: Path) -> None:
    """Its small twin, without a second server, is in tests/web/test_act.py."""
    home = place.stand.target
    home.execute(ROLES)
    move, told = "/d/new/replications/shop", "/api/v1/databases/new/replications/shop"
    dsn = f"host=127.0.0.1 port={home.server.port} dbname={home.name}"
    try:
        with running(place.agent), Dashboard(tmp_path / "web", {"new": dsn}) as web:
            place.agent.until("leading this database")
            boss = web.log_in(BOSS, "new")

            def until(**wanted: object) -> None:
                # A rollback ends the sessions of the home: a page may say so, and the next one is there again.
                wait_for(lambda: wanted.items() <= boss.get(told).json.items())

            fields = {"name": "shop", "source": "legacy", "target": "new"}
            assert boss.post("/d/new/replications/start", fields).status == 303
            place.until_ready()
            assert boss.post(f"{move}/ask/verify").status == 303
            until(verified_equal=True)
            typed = {"typed": "shop"}
            assert boss.post(f"{move}/turn/cutover", {**typed, "max_pause": "5"}).status == 303
            until(serving="target", state="serving_target")
            page = boss.get(move).words()
            assert "the target serves" in page and "Roll back" in page
            assert str(place.stand.target_server.port) in place.clients.read_text()
            assert boss.post(f"{move}/turn/rollback", {**typed, "max_pause": "5"}).status == 303
            until(serving="source", state="rolled_back")
            # The home is read-only by its own setting now: what is asked for is written all the same.
            assert boss.post(f"{move}/turn/abort", typed).status == 303
            until(state="aborted")
        assert place.stand.leftovers() == []
    finally:
        for role in (BOSS, USER):
            home.execute(f"drop owned by {role}; drop role {role}")


@contextmanager
def held_up(place: Place) -> Iterator[None]:
    """A session of the source that writes, and does not end when it is told to: the switch waits for its locks."""
    with closing(place.stand.source.connect(autocommit=True)) as stubborn:
        pid = stubborn.info.backend_pid
        stubborn.execute("begin; insert into shop.orders (customer, total) values (1, 1)")
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.soak
def test_an_agent_that_is_killed_within_the_switch_is_followed(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.ready()
        said: list[str | None] = []
        caller = Thread(
            target=lambda: said.append(place.refused("call postai.cutover('shop', '20 s')").message_primary)
        )
        with held_up(place):
            caller.start()
            wait_for(lambda: place.state() == "switching")
            place.agent.kill()
        place.agent.start()
        caller.join(PATIENCE)
        assert said == ["the switch was undone, as the agent ended within it: the source serves"]
        wait_for(lambda: place.state() == "ready")
        place.stand.source.execute("insert into shop.orders (customer, total) values (1, 1)")
        assert place.call("call postai.cutover('shop')")[-1].startswith("the target serves")


@pytest.mark.soak
def test_a_cancelled_switch_is_undone(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.ready()
        with held_up(place):
            diag = place.refused("call postai.cutover('shop', '20 s')", timeout="3s")
        assert diag.sqlstate == "PA009" and "cancelled" in str(diag.message_primary)
        assert (place.state(), place.one("select serving from postai.replications")) == ("ready", "source")
        place.stand.source.execute("insert into shop.orders (customer, total) values (1, 1)")


@pytest.mark.soak
def test_a_stopped_agent_undoes_the_switch_first(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.ready()
        caller = Thread(target=lambda: place.refused("call postai.cutover('shop', '20 s')"))
        with held_up(place):
            caller.start()
            wait_for(lambda: place.state() == "switching")
            assert place.agent.stop() == 0
            assert place.state() == "ready"
        caller.join(PATIENCE)
    place.stand.source.execute("insert into shop.orders (customer, total) values (1, 1)")


@pytest.mark.soak
def test_a_request_that_nobody_takes_is_taken_back(place: Place) -> None:
    place.stand.target.execute(
        "insert into postai.replication (name, source, target, state) values ('shop', 'legacy', 'new', 'ready')"
    )
    diag = place.refused("call postai.cutover('shop')")
    assert (diag.sqlstate, diag.message_hint) == ("PA002", "Start it with: post-ai agent")
    assert place.one("select count(*) from postai.replication_request where done_at is null") == 0


@pytest.mark.soak
def test_a_window_is_waited_for(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.ready()
        place.call("call postai.cutover('shop', run_window => tstzrange(now() + '2 s', now() + '1 hour'))")
        assert str(place.one("select next from postai.replications")).startswith("cutover begins at")
        wait_for(lambda: place.state() == "serving_target")


@pytest.mark.soak
def test_a_window_that_begins_while_a_gate_is_shut_says_so(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.ready()
        with psycopg.connect(place.stand.source_dsn()) as slow:
            slow.execute("create table shop.late (id int)")
            time.sleep(2.5)
            place.call("call postai.cutover('shop', run_window => tstzrange(now() + '1 s', now() + '1 hour'))")
            wait_for(lambda: "cutover waits: the switch is not ready: transactions are older than 2 s"
                     in str(place.one("select next from postai.replications")).replace("\n", " "))  # fmt: skip
            slow.rollback()
        wait_for(lambda: place.state() == "serving_target")


@pytest.mark.soak
def test_servers_that_restart_stop_nothing(place: Place) -> None:
    with running(place.agent):
        place.agent.until("leading this database")
        place.one("select postai.replicate_start('shop', 'legacy', 'new')")
        wait_for(lambda: place.state() != "requested")
        for server in (place.stand.source_server, place.stand.target_server):
            server.stop("immediate")
            server.start()
        wait_for(lambda: place.agent.events().count("leading this database") >= 2)
        place.until_ready()
        assert place.call("call postai.cutover('shop')")[-1].startswith("the target serves")
