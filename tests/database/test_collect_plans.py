"""Plans out of the server's log on real servers: formats, rights, rotation, rows of strangers, values."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest
from agent_support import AGENT, install_postai, wait_for

from conftest import TestDatabase, new_server
from postai.database import Database, connect
from postai.history import store
from postai.history.types import PartState
from postai.observe.collect import CollectLimits, Collector
from postai.observe.collect_plans import PlanLimits
from postai.setup.server import debian_binaries, embedded_binaries

CONF = """
logging_collector = on
log_directory = 'log'
log_filename = 'server-%H%M%S.log'
log_line_prefix = '%m [%p] %q%u@%d/%a '
auto_explain.log_min_duration = 0
auto_explain.log_format = json
auto_explain.log_nested_statements = on
shared_preload_libraries = 'pg_stat_statements,auto_explain'
"""
MESSAGE_OF_NOBODY = (
    '2025-01-01 00:00:00.000 UTC,"postgres","DATABASE",1,"",x,1,"SELECT",2025-01-01 00:00:00 UTC,1/1,0,LOG,00000,'
    '"duration: 9.000 ms  plan:\n{""Query Text"": ""select nobody"", ""Plan"": {""Node Type"": ""Result""}}"'
    ',,,,,,,,,"app","client backend",,123\n'
)
FARM = """
create table cows (id int primary key, name text, barn int);
insert into cows select i, 'cow ' || i, i % 10 from generate_series(1, 1000) as i;
analyze cows;
grant select on cows to postai_agent;
"""


@dataclass
class Farm:
    database: TestDatabase
    collector: Collector
    db: Database

    def turn(self, *, values: bool = False, plans: bool = True) -> PartState | None:
        states = self.collector.collect(self.db, values=values, plans=plans)
        return next((one for one in states if one.part == "log"), None)

    def begin(self, limits: PlanLimits | None = None) -> None:
        self.collector = Collector(CollectLimits(rest=0.0, plans=limits or PlanLimits()))
        assert self.turn() is not None
        self.turn()

    def write_to(self, destination: str) -> None:
        self.database.execute(f"alter system set log_destination = '{destination}'")
        self.database.execute("select pg_reload_conf()")
        wanted = destination.replace("stderr", "log").replace("jsonlog", "json").replace("csvlog", "csv")

        def there() -> bool:
            found = self.database.execute(f"select pg_current_logfile('{destination}')")[0][0]
            return str(found).endswith(wanted)

        wait_for(there)

    def kept(self, containing: str) -> list[tuple[object, ...]]:
        return self.database.execute(
            "select username, runs, slowest_ms, plan, query, problems from postai.logged_plans"
            f" where query like '%{containing}%'"
        )


@pytest.fixture(scope="module", params=[15, 18])
def farm(request: pytest.FixtureRequest) -> Iterator[Farm]:
    binaries = debian_binaries(15) if request.param == 15 else embedded_binaries()
    if binaries is None:
        pytest.skip("no such server")
    with new_server(binaries, "plans", CONF) as server:
        yield from _farm(TestDatabase(server, "postgres"))


def _farm(database: TestDatabase) -> Iterator[Farm]:
    database.execute("create extension pg_stat_statements")
    install_postai(database, "call")
    database.execute(FARM)
    with contextlib.closing(connect(database.dsn(AGENT))) as db:
        one = Farm(database, Collector(CollectLimits(rest=0.0)), db)
        database.execute("select postai.set('collect_plans', 'true')")
        yield one


def test_where_no_superuser_installed_the_grants_are_told(farm: Farm) -> None:
    database = farm.database
    database.execute(
        "create role installer; grant usage on schema postai to installer;"
        "grant execute on all functions in schema postai to installer;"
        "grant select on all tables in schema postai to installer"
    )
    mine = "alter function postai._log_files() owner to {0}; alter function postai._log_part owner to {0}"
    database.execute(mine.format("installer"))
    try:
        state = farm.turn()
        assert state is not None
        assert state.missing == "the agent may not read the server's log"
        hint = state.hint or ""
        assert hint == (
            "GRANT pg_read_all_settings TO installer;"
            " GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean),"
            " pg_catalog.pg_ls_logdir(), pg_catalog.pg_current_logfile(text) TO installer;"
        )
        database.execute(hint)
        farm.write_to("csvlog")
        farm.begin()
        database.execute("select count(*) as told_by_an_installer from cows where barn < 3")
        state = farm.turn()
        assert state is not None
        assert (state.missing, state.error) == (None, None)
        assert len(farm.kept("told_by_an_installer")) == 1
    finally:
        database.execute(mine.format("postgres"))


def test_parts_of_other_files_are_not_given(farm: Farm) -> None:
    look = "select postai._log_part('{}', 0, 10)"
    for name in ("../postgresql.conf", "../PG_VERSION", "PG_VERSION", "/etc/passwd", ""):
        assert farm.db.query(look.format(name)) == [(None,)]
    current = str(farm.database.execute("select pg_current_logfile()")[0][0]).rpartition("/")[2]
    assert farm.db.query(look.format(current))[0][0] is not None
    farm.database.execute("select postai.set('collect_plans', 'false')")
    assert farm.db.query(look.format(current)) == [(None,)]
    farm.database.execute("select postai.set('collect_plans', 'true')")


@pytest.mark.parametrize("destination", ["csvlog", "jsonlog", "stderr"])
def test_every_format_gives_the_plans(farm: Farm, destination: str) -> None:
    if destination == "jsonlog" and farm.db.server_version < 150000:
        pytest.skip("no jsonlog")
    farm.write_to(destination)
    farm.begin()
    farm.database.execute("truncate postai.logged_plan")
    secret = f"{destination}'s secret"
    with farm.database.connect() as session:
        session.execute("set application_name = 'x@y/z duration: 1 ms  plan:'")
        cursor = psycopg.ClientCursor(session)
        for at in range(3):
            session.execute("select count(*) from cows where name <> %s", (secret,))
            cursor.execute("select id from cows where name = %s and barn = %s", (secret, at))
    state = farm.turn(values=True)
    assert state is not None
    assert (state.error, state.missing) == (None, None)
    for text, parameters in (("count(*) from cows", f"'{destination}''s secret'"), ("id from cows where name", "2")):
        ((username, runs, slowest, plan, query, problems),) = farm.kept(text)
        assert (username, runs) == ("postgres", 3)
        assert isinstance(slowest, float)
        assert "Seq Scan" in str(plan)
        assert "$1" in str(plan)
        assert "secret" not in f"{plan} {query} {problems}"
        ((queryid,),) = farm.database.execute(f"select queryid from postai.statements where query like '%{text}%'")
        assert isinstance(queryid, int)
        if text.startswith("count") and farm.db.server_version < 160000:
            continue  # the values of what is prepared are not logged
        assert parameters in {one for found in store.read_parameters(farm.db, queryid) for one in found}
    farm.turn(values=False)
    ((kept,),) = farm.database.execute("select count(*) from postai.statement_values")
    assert kept == 0
    assert [one[1] for one in farm.kept("count(*) from cows")] == [3], "nothing is read twice"


def test_rotation_back_log_and_what_is_forged(farm: Farm) -> None:
    farm.write_to("csvlog")
    farm.begin(PlanLimits(bytes=1 << 20, behind=2 << 20))
    farm.database.execute("select 1 as first_file, id from cows where barn = 1")
    farm.turn()
    farm.database.execute("truncate postai.logged_plan")
    farm.database.execute("select 1 as first_file, id from cows where barn = 1")
    before = store.read_log_position(farm.db)
    assert before is not None
    time.sleep(1.1)  # the name of a log file tells the second
    farm.database.execute("select pg_rotate_logfile()")
    wait_for(lambda: farm.database.execute("select pg_current_logfile('csvlog')")[0][0] != f"log/{before.file}")
    farm.database.execute("select 1 as first_file, id from cows where barn = 2")
    farm.turn()
    assert [one[1] for one in farm.kept("first_file")] == [2], "of both files"
    after = store.read_log_position(farm.db)
    assert after is not None
    assert after.file != before.file
    # An emptied file begins anew, a back-log is passed over, and what nobody's statement is stays out.
    path = farm.database.server.data / "log" / after.file
    forged = MESSAGE_OF_NOBODY.replace("DATABASE", farm.database.name)
    path.write_text(forged * 3)
    farm.turn()
    path.write_text(forged + "x" * (5 << 20) + "\n")
    state = farm.turn()
    assert state is not None
    assert (state.missing or "").endswith("MB of the server's log were passed over, as more is written than is read")
    assert len(farm.database.execute("select from postai.logged_plans where query ~ 'nobody'")) == 0


def test_what_somebody_forged_is_not_taken(farm: Farm) -> None:
    document = '{"Query Text": "select 1 as forged from cows", "Plan": {"Node Type": "F", "Plans": 5}}'
    forged = f"duration: 99999.0 ms  plan:\n{document}"
    farm.database.execute("select 1 as forged from cows")
    for destination in ("csvlog", "stderr"):
        farm.write_to(destination)
        farm.begin()
        farm.database.execute("truncate postai.logged_plan")
        with farm.database.connect() as session:
            session.execute("select 1 as forged from cows")
            with pytest.raises(psycopg.DataError):
                session.execute("select %s::int from cows", (f"x LOG:  {forged}\n}}",))
            if destination == "csvlog":
                session.execute(f"do $$ begin raise log '%', '{forged}'; end $$")
        state = farm.turn()
        assert state is not None
        assert (state.error, state.missing) == (None, None)
        assert [(one[1], "Seq Scan" in str(one[3])) for one in farm.kept("forged from")] == [(1, True)]
    farm.database.execute("alter system set log_line_prefix = '%m [%p] '")
    farm.database.execute("select pg_reload_conf()")
    wait_for(lambda: farm.db.query("select current_setting('log_line_prefix')") == [("%m [%p] ",)])
    state = farm.turn()
    assert state is not None
    assert state.missing == "the lines of the server's log do not say who ran a statement, and in which database"
    assert "put %u and %d into log_line_prefix" in (state.hint or "")
    farm.database.execute("alter system reset log_line_prefix")
    farm.database.execute("select pg_reload_conf()")
    wait_for(lambda: "%u" in farm.db.query("select current_setting('log_line_prefix')")[0][0])


def test_text_is_told_of_and_switching_off_begins_anew(farm: Farm) -> None:
    farm.write_to("stderr")
    farm.begin()
    with farm.database.connect() as session:
        session.execute("set auto_explain.log_format = text")
        session.execute("select count(*) from cows where barn < 3")
    state = farm.turn()
    assert state is not None
    assert state.missing == "auto_explain writes plans as text, which is not read"
    assert state.hint == "ALTER SYSTEM SET auto_explain.log_format = 'json'; SELECT pg_reload_conf();"
    assert farm.turn(plans=False) is None
    assert store.read_log_position(farm.db) is None
