"""Every topic about the database itself on every server: it passes the guard, is planned, and runs for anybody."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from agent_support import install_postai

from conftest import TestDatabase, drop_database, make_database
from postai.ask.database_questions import Recognised, Topic, of_topic, recognise, widened
from postai.ask.database_questions.registry import TOPICS
from postai.ask.database_questions.topic import DOCUMENTED
from postai.database import connect
from postai.database.catalog import Catalog, Table, load_catalog, with_values
from postai.deadline import Deadline
from postai.errors import Refused
from postai.language.values import Limits, collect_values
from postai.setup.server import LocalServer
from postai.sql.guard import check
from postai.sql.safety import Safety, load_safety

SCHEMA = """
create table depot (id int primary key, city text);
create table parcel (id serial primary key, depot_id int references depot, state text, weight numeric);
create table scrap (note text, depot_id int);
alter table depot set (autovacuum_enabled = off);
alter table scrap set (autovacuum_enabled = off);
insert into depot select g, 'city' || g from generate_series(1, 100) g;
insert into parcel (depot_id, state, weight) select 1 + g % 100, 'sent', g from generate_series(1, 5000) g;
insert into scrap select 'x', g from generate_series(1, 2000) g;
delete from scrap where depot_id % 3 = 0;
create index parcel_state on parcel (state);
create index parcel_state_again on parcel (state);
create index parcel_state_weight on parcel (state, weight);
create index parcel_expression on parcel (lower(state));
create unique index depot_id_again on depot (id);
alter table scrap add constraint scrap_check check (depot_id < 100) not valid;
create sequence tickets maxvalue 100;
select setval('tickets', 95);
analyze parcel;
"""


class World:
    """A database with something to find, and what is known of it."""

    def __init__(self, database: TestDatabase) -> None:
        self.database = database
        database.execute(SCHEMA)
        self.role = f"kim_{database.name}"
        install_postai(database, "call")  # some topics read what postai itself found
        database.execute(f"create role {self.role} login password '{self.role}' in role postai_reader")
        with connect(database.dsn()) as db:
            self.catalog: Catalog = load_catalog(db)
            self.safety: Safety = load_safety(db)

    def table(self) -> Table:
        found = self.catalog.table("public", "parcel")
        assert found is not None
        return found

    def of(self, topic: Topic) -> Recognised:
        parameters = {"table": "public.parcel"} if topic.parameter == "table" else {}
        if topic.parameter == "setting":
            parameters = {"setting": "work_mem"}
        if topic.parameter == "word":
            parameters = {"word": "checkout"}
        return of_topic(topic, self.catalog, self.table() if topic.needs_parameter else None, parameters)

    def guarded(self, found: Recognised) -> str:
        assert found.sql is not None
        return check(found.sql, widened(self.safety), search_path=("pg_catalog", "public")).sql

    def run(self, sql: str, user: str | None = None) -> list[dict[str, object]]:
        with self.database.connect(user, row_factory=psycopg.rows.dict_row) as connection:
            connection.execute("set transaction_read_only = on; set search_path = public")
            connection.execute(f"explain {sql}")  # type: ignore[call-overload]
            return connection.execute(sql).fetchall()  # type: ignore[call-overload, no-any-return]

    def ask(self, question: str) -> list[dict[str, object]]:
        found = recognise(question, self.catalog)
        assert found is not None, question
        return self.run(self.guarded(found))


@pytest.fixture(scope="module", params=["pg15", "pg16", "pg18"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    server: LocalServer = request.getfixturevalue(request.param)
    database = make_database(server)
    yield World(database)
    drop_database(database)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.id)
def test_every_topic_passes_the_guard_and_runs_for_anybody(world: World, topic: Topic) -> None:
    found = world.of(topic)
    if found.sql is None:
        assert found.missing and found.hint
        assert topic.extension or topic.since > world.catalog.server_version // 10_000
        return
    sql = world.guarded(found)
    for user in (None, world.role):
        world.run(sql, user)


def test_variants_and_counts_pass_too(world: World) -> None:
    for topic in TOPICS:
        table = world.table() if topic.parameter == "table" else None
        for most, count in ((3, False), (None, True)):
            found = of_topic(topic, world.catalog, table, {"setting": "work_mem"}, most, count)
            if found.sql is not None:
                world.run(world.guarded(found), world.role)


def test_what_the_rows_say(world: World) -> None:
    unused = {row["index"] for row in world.ask("which indexes are never used?")}
    assert {"parcel_state", "parcel_expression"} <= unused and "depot_pkey" not in unused
    pairs = {(row["superfluous_index"], row["kind"]) for row in world.ask("duplicate indexes")}
    assert pairs == {("parcel_state_again", "same"), ("parcel_state", "beginning"), ("parcel_state_again", "beginning")}
    assert [row["table"] for row in world.ask("which foreign keys have no index?")] == ["parcel"]
    assert [row["table"] for row in world.ask("which tables have no primary key?")] == ["scrap"]
    assert [row["constraint"] for row in world.ask("which constraints are not validated?")] == ["scrap_check"]
    assert {row["table"] for row in world.ask("which tables were never analyzed?")} == {"depot", "scrap"}
    assert world.ask("sequences about to run out")[0]["sequence"] == "tickets"
    assert world.ask("how many tables have no primary key?") == [{"how_many": 1}]
    assert len(world.ask("what is the biggest table?")) == 1
    assert len(world.ask("top 2 biggest tables")) == 2
    assert [row["column"] for row in world.ask("describe parcel")] == ["id", "depot_id", "state", "weight"]
    assert world.ask("what is the setting work_mem?")[0]["name"] == "work_mem"
    assert str(world.catalog.server_version // 10_000) in str(world.ask("what version is this?")[0]["version"])
    assert world.ask("how big is the table parcel?")[0]["table"] == "parcel"


def test_who_blocks_whom(world: World) -> None:
    with world.database.connect(autocommit=False) as first, world.database.connect() as second:
        first.execute("lock table scrap")
        second.execute("set lock_timeout = '20s'")
        with psycopg.connect(world.database.dsn(), autocommit=True) as watcher:
            pid = second.info.backend_pid
            second.pgconn.send_query(b"select count(*) from scrap")
            for _ in range(200):
                if watcher.execute("select pg_blocking_pids(%s)", (pid,)).fetchone() != ([],):
                    break
                watcher.execute("select pg_sleep(0.05)")
        rows = world.ask("who is blocking whom?")
        assert [(row["waiting_pid"], row["blocking_pid"]) for row in rows] == [(pid, first.info.backend_pid)]
        assert rows[0]["relation"] == "scrap"
        # Whoever may not see what others do is told of the wait all the same.
        hidden = world.run(world.guarded(world.of(rows_topic("blocking"))), world.role)
        assert [(row["waiting_pid"], row["blocking_pid"]) for row in hidden] == [(pid, first.info.backend_pid)]
        assert hidden[0]["relation"] == "scrap" and "scrap" not in str(hidden[0]["waiting_query"])
        first.rollback()
        while second.pgconn.get_result() is not None:
            pass


def test_a_wait_for_a_row_says_of_which_table(world: World) -> None:
    with world.database.connect(autocommit=False) as first, world.database.connect() as second:
        first.execute("update depot set city = city where id = 7")
        pid = second.info.backend_pid
        second.pgconn.send_query(b"set lock_timeout = '20s'; update depot set city = city where id = 7")
        with world.database.connect() as watcher:
            for _ in range(200):
                if watcher.execute("select pg_blocking_pids(%s)", (pid,)).fetchone() != ([],):
                    break
                watcher.execute("select pg_sleep(0.05)")
        rows = world.ask("who is blocking whom?")
        first.rollback()
        while second.pgconn.get_result() is not None:
            pass
    assert [(row["waiting_pid"], row["relation"], row["lock_wanted"]) for row in rows] == [(pid, "depot", "ShareLock")]


def test_everybody_is_told_how_many_connections_there_are(world: World) -> None:
    sql = world.guarded(world.of(rows_topic("connections")))
    with world.database.connect(), world.database.connect():
        [all_seen], [few_seen] = world.run(sql), world.run(sql, world.role)
        assert all_seen["connections"] >= 3 and all_seen["state_not_shown"] == 0  # type: ignore[operator]
        assert few_seen["connections"] >= 3 and few_seen["state_not_shown"] >= 2  # type: ignore[operator]
        users = world.run(world.guarded(world.of(rows_topic("connected"))), world.role)
        assert {world.role, "postgres"} <= {row["user"] for row in users}


def test_parts_of_a_partitioned_index_are_not_offered(world: World) -> None:
    world.database.execute(
        "create table route (id int, at date) partition by range (at);"
        "create table route_1 partition of route for values from ('2026-01-01') to ('2027-01-01');"
        "create index route_at on route (at); create index route_at_again on route (at);"
        "create index route_1_id on route_1 (id)"
    )
    try:
        unused = {row["index"] for row in world.ask("which indexes are never used?") if "route" in str(row["table"])}
        assert unused == {"route_1_id"}
        pairs = [row["superfluous_index"] for row in world.ask("duplicate indexes") if "route" in str(row["table"])]
        assert pairs == ["route_at_again"]
    finally:
        world.database.execute("drop table route")


def test_an_index_that_cannot_look_a_key_up_does_not_serve_a_foreign_key(world: World) -> None:
    world.database.execute("create index parcel_brin on parcel using brin (depot_id)")
    world.database.execute("create index parcel_beside on parcel (id) include (depot_id)")
    try:
        assert [row["table"] for row in world.ask("which foreign keys have no index?")] == ["parcel"]
        world.database.execute("create index parcel_some on parcel (depot_id) where depot_id is not null")
        assert world.ask("which foreign keys have no index?") == []
    finally:
        world.database.execute("drop index if exists parcel_brin, parcel_beside, parcel_some")


def rows_topic(identity: str) -> Topic:
    return next(topic for topic in TOPICS if topic.id == identity)


def test_only_the_topics_may_read_what_they_read(world: World) -> None:
    """The list is wider for these statements alone: the snapshot that guards everything else is unchanged."""
    for sql in ("select * from pg_stat_activity", "select * from pg_settings", "select pg_blocking_pids(1)"):
        check(sql, widened(world.safety), search_path=("pg_catalog",))
        with pytest.raises(Refused):
            check(sql, world.safety, search_path=("pg_catalog",))
    for sql in (
        "select pg_terminate_backend(1)",
        "select * from pg_authid",
        "select pg_read_file('x')",
        "delete from depot",
    ):
        with pytest.raises(Refused):
            check(sql, widened(world.safety), search_path=("pg_catalog",))


def test_a_function_of_a_user_is_not_taken_for_ours(world: World) -> None:
    """Names are qualified: nothing in the caller's search_path can slip in, and the guard sees to it."""
    world.database.execute(
        "create schema trap; create function trap.count(bigint) returns bigint language plpgsql "
        "as 'begin return 666; end';"
        "create function trap.pg_size_pretty(bigint) returns text language plpgsql as 'begin return ''trap''; end'"
    )
    try:
        with connect(world.database.dsn()) as db:
            safety = load_safety(db)
        for topic in TOPICS:
            found = world.of(topic)
            if found.sql is not None:
                check(found.sql, widened(safety), search_path=("trap", "pg_catalog", "public"))
    finally:
        world.database.execute("drop schema trap cascade")


@pytest.mark.parametrize(
    "question", ["slowest queries", "which queries take the most time?", "why are queries on parcel slow?"]
)
def test_statements_need_their_extension(world: World, question: str) -> None:
    found = recognise(question, world.catalog)
    assert found is not None
    if found.topic.id == "table_reads":
        assert "pg_stat_statements" in found.explanation
    else:
        assert found.sql is None and "pg_stat_statements" in str(found.missing)
        assert "CREATE EXTENSION pg_stat_statements" in str(found.hint)


def test_statements_with_their_extension(pg15: LocalServer) -> None:
    database = make_database(pg15)
    try:
        database.execute("create schema tools; create extension pg_stat_statements schema tools")
        world = World(database)
        database.execute(f"grant usage on schema tools to {world.role}")
        with pytest.raises(Refused, match="not allowed"):
            check("select tools.pg_stat_statements_reset()", widened(world.safety), search_path=("pg_catalog",))
        for topic in TOPICS:
            if topic.extension:
                found = world.of(topic)
                assert found.sql is not None and "tools.pg_stat_statements" in found.sql
                for user in (None, world.role):
                    world.run(world.guarded(found), user)
        found = world.of(rows_topic("slow_table"))
        world.database.execute("select count(*) from parcel where weight > 17")
        assert any("weight > $1" in str(row["query"]) for row in world.run(world.guarded(found)))
        assert all(
            row["query"] is None or "weight" not in str(row["query"])
            for row in world.run(world.guarded(found), world.role)
        )
    finally:
        drop_database(database)


@pytest.mark.slow
def test_the_store_keeps_no_documented_question_from_its_topic(store: TestDatabase) -> None:
    """Its rows hold words like "running"; only its tables and columns may mean something else."""
    with connect(store.dsn("shop")) as db:
        catalog = load_catalog(db)
        catalog = with_values(catalog, collect_values(db, catalog, Limits(), Deadline.after(60)))
    wrong = {}
    for topic in TOPICS:
        for question in topic.examples[:DOCUMENTED]:
            found = recognise(question, catalog)
            if found is None or found.topic.id not in (topic.id, topic.otherwise):
                wrong[question] = found and found.topic.id
    assert wrong == {}
