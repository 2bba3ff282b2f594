"""postai.optimize and postai.recommendations through a real agent, over a socket and over dblink."""

from __future__ import annotations

import json
import shutil
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agent_support import AGENT, AgentProcess, agent_dsn, install_postai, running, wait_for

from conftest import TestDatabase, drop_database, make_database
from postai.cli.main import run
from postai.database import Pool
from postai.deadline import Deadline
from postai.optimize.words import amount, gain, span
from postai.service.optimize_duty import OptimizeDuty
from postai.service.optimizing import Optimizer
from postai.setup.transport import Transport

COLUMNS = ("id", "kind", "severity", "object", "title", "gain", "statement")
SCHEMA = """
    create table parcel (id int primary key, depot_id int not null, city text, weight int, at timestamptz);
    insert into parcel select g, g % 5000, 'city' || g % 300, g % 77, '2024-01-01'::timestamptz + g * interval '1 min'
      from generate_series(1, 60000) g;
    create index parcel_city on parcel (city);
    create index parcel_city_again on parcel (city);
    create table salary (person int, amount int); insert into salary select g, g from generate_series(1, 60000) g;
    create extension pg_stat_statements;
"""
SLOW = "select * from parcel where depot_id = 42"
ROLES = """
    do $$ begin
      if to_regrole('opt_user') is null then
        create role opt_user login password 'opt_user' in role postai_user;
        create role opt_reader login password 'opt_reader' in role postai_reader;
      end if;
    end $$;
"""
WAYS: list[tuple[str, Transport]] = [("pg15", "socket"), ("pg18", "dblink")]


@dataclass(frozen=True)
class Stand:
    """A neglected database, its agent, and who may do what."""

    database: TestDatabase
    agent: AgentProcess
    transport: Transport

    def rows(self, sql: str, user: str | None = "opt_user", *parameters: object) -> list[dict[str, Any]]:
        with self.database.connect(user, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(sql, parameters).fetchall()  # type: ignore[arg-type, return-value]

    def notes(self, sql: str) -> list[str]:
        """What the server says beside the rows."""
        said: list[str] = []
        with self.database.connect("opt_user") as connection:
            connection.add_notice_handler(lambda one: said.append(one.message_primary or ""))
            connection.execute(sql)  # type: ignore[call-overload]
        return said

    def refused(self, sql: str, user: str = "opt_user", *parameters: object) -> psycopg.Error:
        with pytest.raises(psycopg.Error) as caught:
            self.rows(sql, user, *parameters)
        return caught.value


@pytest.fixture(scope="module", params=WAYS, ids=lambda way: "-".join(way))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    name, transport = request.param
    server = request.getfixturevalue(name)
    place = Path(tempfile.mkdtemp(prefix="postai-opt-"))
    place.chmod(0o755)
    database = make_database(server)
    install_postai(database, transport, place / "run" / "agent.sock")
    database.execute(SCHEMA + ROLES)
    if name == "pg15":
        database.execute("create extension hypopg")
    database.execute(f"grant select on parcel to opt_user, {AGENT}; grant select on salary to opt_user")
    database.execute("vacuum analyze")
    database.execute("select pg_stat_statements_reset()")
    with database.connect("opt_user") as connection:
        for _ in range(50):
            connection.execute(SLOW).fetchall()
    agent = AgentProcess(place, [(database.name, agent_dsn(server, database.name, place))])
    with running(agent):
        agent.until("leading this database")
        yield Stand(database, agent, transport)
    drop_database(database)
    shutil.rmtree(place)


def test_a_neglected_database_gets_a_ranked_list(stand: Stand) -> None:
    rows = stand.rows("select * from postai.optimize()")
    assert tuple(rows[0]) == COLUMNS
    index = next(row for row in rows if row["kind"] == "create_index")
    assert "depot_id" in index["statement"] and index["statement"].startswith("CREATE INDEX CONCURRENTLY")
    assert index["object"] == "public.parcel" and index["gain"].startswith("saves ") and "costs" in index["gain"]
    double = next(row for row in rows if row["kind"] == "drop_index")
    assert "parcel_city" in double["statement"] and "frees" in double["gain"]
    assert stand.rows("select id, kind, severity, object, title, gain, statement from postai.recommendations") == rows
    again = stand.rows("select * from postai.optimize()")
    assert [row["id"] for row in again] == [row["id"] for row in rows]


def test_readers_see_and_users_run(stand: Stand) -> None:
    stand.rows("select * from postai.recommendations", "opt_reader")
    assert stand.refused("select * from postai.optimize()", "opt_reader").sqlstate == "42501"


def test_one_statement_with_its_cost_before_and_after(stand: Stand) -> None:
    (row,) = stand.rows("select * from postai.optimize(%s)", "opt_user", SLOW.replace("42", "43"))
    assert "depot_id" in row["statement"] and row["gain"].startswith("cost ") and " -> " in row["gain"]
    assert stand.rows("select id from postai.recommendations where id = %s", "opt_user", row["id"])


def test_one_statement_with_parameters_is_planned_for_any_values(stand: Stand) -> None:
    query = "select id from parcel where depot_id = $1 and weight < $2 limit $3"
    (row,) = stand.rows("select * from postai.optimize(%s)", "opt_user", query)
    assert "(depot_id" in row["statement"]
    refused = stand.refused("select * from postai.optimize('select * from no_such where a = $1')")
    assert refused.sqlstate in ("42P01", "PA003")


def test_what_was_asked_about_stands_last_and_promises_nothing_a_day(stand: Stand) -> None:
    stand.rows("select * from postai.optimize()")
    (row,) = stand.rows(
        "select * from postai.optimize(%s)", "opt_user", "select * from parcel where weight = 4 and id > 9"
    )
    *_, last = stand.rows("select * from postai.recommendations")
    assert (last["id"], last["gain"], last["saved_ms_per_day"]) == (row["id"], row["gain"], None)
    assert "a call (assumed 1,000 calls a day), costs" in row["gain"] and "saves" not in row["gain"]
    stand.database.execute(
        "update postai.proposal set state = 'closed', outcome = 'superseded' where id = {}".format(row["id"])
    )


def test_what_silences_advice_is_named(stand: Stand) -> None:
    asked = "select * from parcel where weight = 5 and id > 9"
    (row,) = stand.rows("select * from postai.optimize(%s)", "opt_user", asked)
    stand.database.execute("select postai.dismiss({}, 'not now')".format(row["id"]))
    said = stand.notes(f"select * from postai.optimize($${asked}$$)")
    assert [one for one in said if "Not proposed again" in one and f"proposal {row['id']} " in one], said
    stand.database.execute("update postai.proposal set closed_at = '-infinity' where id = {}".format(row["id"]))


def test_explain_with_the_best_index(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("POSTAI_DSN", stand.database.dsn())
    assert run(["explain", "--advise", SLOW]) == 0
    told = capsys.readouterr().out
    assert "Seq Scan on parcel" in told and "query: cost " in told and "(depot_id)" in told
    assert run(["explain", "--advise", SLOW, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["findings"][0]["step"] == 1 and found["advice"]["recommendations"][0]["kind"] == "create_index"


def test_it_works_where_the_snapshot_is_fixed(stand: Stand) -> None:
    with stand.database.connect("opt_user", autocommit=False) as connection:
        connection.execute("set transaction isolation level repeatable read")
        before = connection.execute("select count(*) from postai.recommendations").fetchone()
        assert before is not None
        assert connection.execute("select * from postai.optimize()").fetchall()


def test_several_callers_share_one_run(stand: Stand) -> None:
    before = stand.agent.events().count("the advisors ran")
    threads = [threading.Thread(target=stand.rows, args=("select * from postai.optimize()",)) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert stand.agent.events().count("the advisors ran") - before < 4


@pytest.mark.parametrize(
    ("query", "sqlstate", "hint"),
    [
        ("delete from parcel", "PA003", "postai.migrate"),
        ("select pg_sleep(1) from parcel", "PA003", None),
        ("select 1; select 2", "PA003", None),
        ("select * from parcl", "PA003", "parcel"),
        ("selec * from parcel", "42601", None),
        ("", "22023", "postai.optimize()"),
        ("select * from pg_authid", "PA003", None),
    ],
)
def test_what_is_no_harmless_select_is_refused(stand: Stand, query: str, sqlstate: str, hint: str | None) -> None:
    error = stand.refused("select * from postai.optimize(%s)", "opt_user", query)
    assert error.sqlstate == sqlstate, error
    assert hint is None or hint in (error.diag.message_hint or "")


def test_rights_of_the_caller_and_of_the_agent_count(stand: Stand) -> None:
    error = stand.refused("select * from postai.optimize('select * from salary where person = 1')")
    assert error.sqlstate == "PA006" and "public.salary" in (error.diag.message_detail or "")
    assert (error.diag.message_hint or "") == f"GRANT SELECT ON public.salary TO {AGENT};"
    stand.database.execute("create role opt_poor login password 'opt_poor' in role postai_user")
    try:
        error = stand.refused(f"select * from postai.optimize('{SLOW}')", "opt_poor")
        assert error.sqlstate == "PA006"
    finally:
        stand.database.execute("drop role opt_poor")


@pytest.mark.parametrize("server", ["pg15", "pg18"])
def test_a_fresh_healthy_database_is_told_nothing(request: pytest.FixtureRequest, server: str) -> None:
    database = make_database(request.getfixturevalue(server))
    database.execute("create extension pg_stat_statements; select pg_stat_statements_reset()")
    install_postai(database, "call")
    database.execute("create table small (id int primary key); grant select on small to postai_agent")
    database.execute("insert into small values (1); select * from small")
    if server == "pg15":
        database.execute("create extension hypopg; select hypopg_reset()")
    with Pool(database.dsn(AGENT)) as pool:
        for _ in range(2):
            report = Optimizer("fresh", pool).everything(Deadline.after(60))
            assert (report.proposals, report.notes) == ((), ())
    drop_database(database)


def test_statistics_in_a_schema_that_the_agent_may_not_use_cost_only_the_search_for_indexes(
    database15: TestDatabase,
) -> None:
    install_postai(database15, "call")
    database15.execute('create schema "100%s"')
    database15.execute(SCHEMA.replace("pg_stat_statements;", 'pg_stat_statements schema "100%s";'))
    with Pool(database15.dsn(AGENT)) as pool:
        optimizer = Optimizer("shop", pool)
        report = optimizer.everything(Deadline.after(60))
        assert any(row["kind"] == "drop_index" for row in report.proposals)
        assert any(f'GRANT USAGE ON SCHEMA "100%s" TO {AGENT};' in note for note in report.notes), report.notes
        database15.execute(f'grant usage on schema "100%s" to {AGENT}')
        assert not any("GRANT USAGE" in note for note in optimizer.everything(Deadline.after(60)).notes)


@pytest.mark.parametrize("server", ["pg15", "pg18"])
def test_where_functions_cannot_wait_the_view_is_named(request: pytest.FixtureRequest, server: str) -> None:
    place = Path(tempfile.mkdtemp(prefix="postai-opt-"))
    database = make_database(request.getfixturevalue(server))
    install_postai(database, "call")
    with running(AgentProcess(place, [(database.name, agent_dsn(database.server, database.name, place))])) as agent:
        agent.until("leading this database")
        with pytest.raises(psycopg.Error) as caught:
            database.execute("select * from postai.optimize()")
    assert caught.value.sqlstate == "PA007"
    assert "postai.recommendations" in (caught.value.diag.message_hint or "")
    drop_database(database)
    shutil.rmtree(place)


def test_the_duty_runs_them_every_interval(database15: TestDatabase) -> None:
    install_postai(database15, "call")
    database15.execute(SCHEMA)
    runs = "select count(*) from postai.event where kind = 'proposal.created'"
    with Pool(database15.dsn(AGENT)) as pool:
        optimizer = Optimizer("shop", pool)
        duty = OptimizeDuty("shop", optimizer, first=0.0)
        duty.begin()
        try:
            duty.wake("")
            wait_for(lambda: database15.execute("select * from postai.recommendations"))
            wait_for(lambda: 3500 < optimizer.due() <= 3600)
            before = database15.execute(runs)
            duty.wake("now")
            assert database15.execute(runs) == before
            database15.execute("select postai.set('optimize_interval', '1 second')")
            wait_for(lambda: optimizer.due() == 0.0)
        finally:
            duty.end()
            duty.stop(Deadline.after(10))


def test_sql_and_python_say_gains_alike(database15: TestDatabase) -> None:
    install_postai(database15, "call")
    times = [0.4, 1, 999.5, 1499.5, 59_499, 59_500, 60_000, 3_569_999, 3_570_000, 3_600_000, 12_000_000, 36_000_000,
             288_334_000.0]  # fmt: skip
    sizes = [1, 512, 1536, 1048575, 1048576, 22020096, -4 * 10**9, 20 * 2**30]
    with database15.connect() as connection:
        for ms in times:
            assert connection.execute("select postai._span(%s)", (ms,)).fetchone() == (span(ms),)
        for size in sizes:
            assert connection.execute("select postai._amount(%s)", (size,)).fetchone() == (amount(size),)
            for ms in (0.0, 5.0, 12e6):
                for write in (0.0, 5e3, -5e3):
                    found = connection.execute("select postai._gain(%s, %s, %s)", (ms, write, size)).fetchone()
                    assert found == (gain(ms, write, size),)


def test_lint_knows_the_tables(stand: Stand) -> None:
    text = "alter table parcel add column a text not null;\nalter table parcel alter weight type bigint; select 1"
    rows = stand.rows("select * from postai.lint(%s)", "opt_user", text)
    assert tuple(rows[0]) == ("statement", "hazard", "severity", "message", "safe_alternative")
    assert [(row["statement"], row["hazard"]) for row in rows] == [
        (1, "required_column_without_default"),
        (2, "table_rewrite"),
    ]
    assert stand.rows("select * from postai.lint('alter table parcel alter city type text')") == []
    broken = stand.refused("select * from postai.lint(E'select 1;\\nalter tabel parcel')")
    assert (broken.sqlstate, broken.diag.message_detail) == ("PA003", "Line 2, column 7.") and broken.diag.message_hint
    assert stand.refused("select * from postai.lint('')").sqlstate == "22023"
    assert stand.refused("select * from postai.lint('select 1')", "opt_reader").sqlstate == "42501"
