"""The collection on real servers: differences, resets, evictions, restarts, rights, locks, values, plans, the duty."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from agent_support import AGENT, install_postai, wait_for

from conftest import TestDatabase, drop_database, make_database, new_server
from postai.database import Pool, connect
from postai.deadline import Deadline
from postai.history import store
from postai.history.types import PartState, StatementWindow
from postai.observe.collect import CollectLimits, Collector
from postai.observe.collect_texts import TextLimits
from postai.service.collect_duty import CollectDuty, CollectPace
from postai.setup.server import LocalServer, debian_binaries

EVER = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
OTHERS = ("pg_stat_kcache", "pg_wait_sampling", "pg_qualstats")
FARM = """
create table cows (id int primary key, name text, barn int);
insert into cows select i, 'cow ' || i, i % 10 from generate_series(1, 1000) as i;
create index cows_barn on cows (barn);
analyze cows;
grant select on cows to postai_agent;
"""
COUNTED = """
select s.toplevel, sum(s.total_exec_time) from pg_stat_statements as s join pg_database as d on d.oid = s.dbid
 where s.userid <> 'postai_test_agent'::regrole and d.datname = current_database()
 group by 1 order by 1
"""
MEASURED = """
select pg_database_size(current_database()), sum(pg_table_size(c.oid))::int8,
       sum(case when c.reltoastrelid <> 0 then pg_total_relation_size(c.reltoastrelid) else 0 end)::int8,
       sum(pg_indexes_size(c.oid))::int8
  from pg_class as c where c.relkind in ('r', 'm') and not c.relisshared
"""
LIMITS = CollectLimits(rest=0.0, texts=TextLimits(plan_again=timedelta(0), plan_seconds=5.0))


class Turns:
    """A collector at work in one database, as the agent."""

    def __init__(self, database: TestDatabase, limits: CollectLimits = LIMITS, user: str = AGENT) -> None:
        self.database = database
        self.collector = Collector(limits)
        self.db = connect(database.dsn(user))

    def turn(self, *, values: bool = False) -> Mapping[str, PartState]:
        return {state.part: state for state in self.collector.collect(self.db, values=values)}

    def look(self, *, values: bool = False) -> None:
        self.collector.look(self.db, values=values)

    def windows(self, containing: str = "", **more: bool) -> list[StatementWindow]:
        found = store.read_statements(self.db, *EVER, **more)
        return [one for one in found if containing in (one.query or "")]


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    one = make_database(request.getfixturevalue(request.param))
    one.execute("create extension pg_stat_statements")
    install_postai(one, "call")
    one.execute(FARM)
    yield one
    drop_database(one)


@pytest.fixture
def farm(template: TestDatabase) -> Iterator[TestDatabase]:
    one = make_database(template.server, template.name)
    yield one
    drop_database(one)


@pytest.fixture
def turns(farm: TestDatabase) -> Iterator[Turns]:
    one = Turns(farm)
    yield one
    one.db.close()


def test_what_happened_between_two_turns(turns: Turns) -> None:
    for _ in range(3):
        turns.database.execute("select name from cows where id = 7")
    first = turns.turn()
    assert turns.windows(rest=True, own=True) == []
    assert {part: state.error for part, state in first.items()} == dict.fromkeys(first)
    for _ in range(5):
        turns.database.execute("select name from cows where id = 8")
    turns.database.execute("update cows set barn = barn + 1 where id = 1")
    states = turns.turn()
    assert set(states) == {"statements", "plans", "tables", "database", "activity"}
    assert all(state.error is None and state.missing is None for state in states.values()), states
    kept = {one.part: one for one in store.read_states(turns.db)}
    assert kept.pop("storage").rows == 1, "measured in the first turn"
    assert [(one.rows, one.until) for one in kept.values()] == [(states[p].rows, states[p].until) for p in kept]
    (window,) = turns.windows("select name from cows")
    assert (window.calls, window.rows) == (5, 5)
    assert 0 < window.mean_ms < 1000
    assert window.stddev_ms >= 0
    (update,) = turns.windows("update cows")
    assert update.wal_bytes > 0
    assert window.plan_hash is not None
    assert update.plan_hash is None  # only what reads is looked at
    texts = {one.key: one for one in store.texts_of(turns.db, [window.key, update.key])}
    assert texts[window.key].usage == {"public.cows": {"filters": ("id",), "reads": ("name",)}}
    assert texts[update.key].usage == {"public.cows": {"filters": ("id",), "writes": ("barn",)}}
    # The agent's own statements are one sum, and in no other.
    own = [one for one in turns.windows(rest=True, own=True) if one.key.rest and one.key.userid]
    assert len(own) == 1
    assert own[0].calls > 5
    assert turns.windows("postai.") == []
    assert len(store.read_intervals(turns.db, *EVER)) == 1


def test_tables_indexes_and_databases(turns: Turns) -> None:
    turns.turn()
    turns.database.execute("update cows set name = 'Alma' where id between 1 and 3; select * from cows where barn = 3")
    turns.turn()
    (table,) = store.read_tables(turns.db, *EVER)
    assert (table.schema, table.table, table.n_tup_upd) == ("public", "cows", 3)
    assert table.idx_scan >= 1
    assert table.bytes is not None
    assert table.bytes > 8192
    indexes = {one.index: one for one in store.read_indexes(turns.db, *EVER)}
    assert indexes["cows_pkey"].idx_scan >= 1
    assert indexes["cows_pkey"].table_oid == table.oid
    here, others = store.read_databases(turns.db, *EVER)
    assert here.dbid != 0
    assert here.xact_commit >= 2
    assert here.tup_updated >= 3
    assert others.dbid == 0
    assert store.read_server(turns.db, *EVER)[0].counters["wal"]["wal_bytes"] > 0


def test_storage_is_measured_with_its_parts(turns: Turns) -> None:
    turns.database.execute(
        "create table herd (id int primary key, note text);"
        " insert into herd select n, (select string_agg(md5(random()::text || n || m), '')"
        " from generate_series(1, 200) as m) from generate_series(1, 400) as n;"
        " create table held (id int primary key); create materialized view counted as select count(*) from herd"
    )
    with turns.database.connect() as holder:
        holder.execute("begin; lock table held in access exclusive mode")
        turns.turn()
        (seen,) = store.read_storage(turns.db, *EVER)
        holder.execute("rollback")
    ((size, tables, toast, indexes),) = turns.database.execute(MEASURED)
    assert seen.heap_bytes is not None and seen.toast_bytes is not None and seen.index_bytes is not None
    assert seen.held is not None and seen.held >= 1
    assert seen.bytes == pytest.approx(size, rel=0.05)
    assert seen.toast_bytes == pytest.approx(toast, rel=0.05) and seen.index_bytes == pytest.approx(indexes, rel=0.05)
    assert seen.heap_bytes == pytest.approx(tables - toast, rel=0.05)
    parts = seen.heap_bytes + seen.toast_bytes + seen.index_bytes
    assert parts == pytest.approx(seen.bytes, rel=0.05), "little of a database is anything else"
    assert seen.wal_bytes is not None and seen.wal_bytes > 0 and seen.wal_bytes % (1 << 20) == 0, "whole segments"
    assert seen.temp_bytes is not None
    turns.turn()
    assert len(store.read_storage(turns.db, *EVER)) == 1, "not in each interval"


def test_a_reset_invents_nothing(turns: Turns) -> None:
    for _ in range(9):
        turns.database.execute("select count(*) from cows where barn = 1")
    turns.turn()
    turns.database.execute("select pg_stat_statements_reset(), pg_stat_reset()")
    for _ in range(12):
        turns.database.execute("select count(*) from cows where barn = 2")
    turns.turn()
    assert [one.calls for one in turns.windows("select count(*) from cows")] == [12]
    assert sum(one.seq_scan + one.idx_scan for one in store.read_tables(turns.db, *EVER)) <= 13
    assert all(one.xact_commit < 60 for one in store.read_databases(turns.db, *EVER) if one.dbid)


def test_what_is_too_small_is_summed_up(farm: TestDatabase) -> None:
    turns = Turns(farm, CollectLimits(rest=0.0, top=2))
    turns.turn()
    with farm.connect() as session:
        for at in range(1, 8):
            session.execute(f"select {', '.join(['count(*)'] * at)} from cows")
    turns.turn()
    rest = [one for one in turns.windows(rest=True) if one.key.rest]
    assert len(turns.windows()) == 2
    assert [one.calls for one in rest] == [5]
    assert rest[0].total_ms > 0
    assert rest[0].query is None
    turns.db.close()


def test_small_statements_inside_others_are_summed_up_apart(farm: TestDatabase) -> None:
    farm.execute(
        "create function f() returns void language plpgsql as $$ begin perform count(*) from cows; end $$;"
        f" alter database {farm.name} set pg_stat_statements.track = 'all'"
    )
    turns = Turns(farm, CollectLimits(rest=0.0, top=0))
    turns.turn()
    before = farm.execute(COUNTED)
    with farm.connect() as session:
        session.execute("select f()")
    turns.turn()
    after = farm.execute(COUNTED)
    assert after != before
    sums = {one.key.toplevel: one.total_ms for one in turns.windows(rest=True)}
    assert sums[False] == pytest.approx(dict(after)[False] - dict(before).get(False, 0.0))
    assert sums[True] >= sums[False]
    turns.db.close()


def test_texts_that_are_hostile_and_statements_that_vanish(turns: Turns) -> None:
    turns.turn()
    with turns.database.connect() as session:
        session.execute("select 1 as \"\x1b[2J\x07'; drop table x; --\", '\u202e\x01'")
        session.execute("create temp table gone (a int)")
        session.execute("select a from gone")
        session.execute("drop table gone")
        session.execute("select /* " + "x" * 70000 + " */ count(*) from cows")
        session.execute("do $$ begin perform count(*) from cows where barn = 9; end $$")
    states = turns.turn()
    assert all(state.error is None for state in states.values()), states
    assert len(turns.windows("\x1b[2J\x07")) == 1
    found = {one.query: one for one in store.texts_of(turns.db, [one.key for one in turns.windows()])}
    (long,) = [one for one in found.values() if one.truncated]
    assert len(long.query or "") == 1 << 16
    assert all(one.plan_hash is None for one in turns.windows("xxx") + turns.windows("gone"))
    assert [one.utility for query, one in found.items() if query and query.startswith(("create", "do "))] == [
        True,
        True,
    ]


def test_no_password_is_kept(turns: Turns) -> None:
    """The server leaves constants of utility statements in place."""
    turns.turn()
    role = f"{turns.database.name}_r"
    inner = f"alter role {role} password ''hush3''"
    with turns.database.connect() as session:
        session.execute(f"create role {role} login password 'hush1'")  # type: ignore[arg-type]
        session.execute(f"alter role {role} with password $q$hush2$q$ valid until '2040-01-01'")  # type: ignore[arg-type]
        session.execute(f"do $$ begin execute '{inner}'; end $$")  # type: ignore[arg-type]
        session.execute(f"drop role {role}")  # type: ignore[arg-type]
    turns.turn()
    kept = [one.query or "" for one in store.texts_of(turns.db, [one.key for one in turns.windows()])]
    assert f"create role {role} login password $1" in kept
    assert not any("hush" in one for one in kept)


def test_functions_of_strangers_are_not_run(turns: Turns) -> None:
    turns.database.execute(
        "create sequence ran; grant usage on ran to public;"
        "create function evil() returns int language plpgsql immutable as $$ begin return nextval('ran'); end $$"
    )
    turns.turn()
    turns.database.execute("select name from cows where id = evil()")
    turns.database.execute("select setval('ran', 1, false)")
    turns.turn()
    (window,) = turns.windows("id = evil()")
    assert window.plan_hash is None
    assert turns.database.execute("select is_called from ran") == [(False,)]


def test_a_plan_that_changes_is_noticed(turns: Turns) -> None:
    hashes = []
    turns.turn()
    for change in ("select 1", "select 1", "drop index cows_barn"):
        turns.database.execute(change)
        turns.database.execute("select name from cows where barn = 3 and name = 'x'")
        turns.turn()
        hashes.append(turns.windows("select name from cows")[-1].plan_hash)
    assert hashes[0] == hashes[1] != hashes[2]
    key = turns.windows("select name from cows")[0].key
    plans = [one for one in store.read_plans(turns.db, EVER[0]) if one.key == key]
    assert [one.plan_hash for one in plans] == [hashes[2], hashes[0]]
    assert "Index Name" in str(plans[1].shape)


def test_waits_and_blocking_chains(turns: Turns) -> None:
    turns.turn()
    holder, second, third = (psycopg.connect(turns.database.dsn()) for _ in range(3))
    holder.execute("update cows set name = 'held' where id = 1")
    root = holder.info.backend_pid

    def write(session: psycopg.Connection, name: str) -> None:
        session.execute(f"update cows set name = '{name}' where id = 1")
        session.commit()

    waiting = [threading.Thread(target=write, args=(one, name)) for one, name in ((second, "a"), (third, "b"))]
    for thread in waiting:
        thread.start()
    blocked = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    wait_for(lambda: turns.database.execute(blocked) == [(2,)])
    turns.look()
    turns.look()
    holder.rollback()
    for thread in waiting:
        thread.join()
    for session in (holder, second, third):
        session.close()
    turns.turn()
    blocks = store.read_blocks(turns.db, *EVER)
    assert {one.depth for one in blocks} == {1, 2}
    assert {(one.root_pid, one.root_state, one.looks) for one in blocks} == {(root, "idle in transaction", 2)}
    cows = turns.database.execute("select 'cows'::regclass::oid::int8")[0][0]
    assert {one.relid for one in blocks} == {cows}
    (update,) = turns.windows("update cows")
    assert {one.queryid for one in blocks} == {one.root_queryid for one in blocks} == {update.key.queryid}
    assert all(one.waited_ms > 0 for one in blocks)
    locks = [one for one in store.read_waits(turns.db, *EVER) if one.event_type == "Lock"]
    assert sum(one.samples for one in locks) == 4
    assert {one.looks for one in locks} == {2}


def test_values_are_kept_only_while_they_may_be(turns: Turns) -> None:
    turns.database.execute("select count(*) from cows where barn = 1 and pg_sleep(0) is not null")
    turns.turn(values=True)
    with turns.database.connect() as session:
        sleeping = threading.Thread(
            target=session.execute,
            args=("select count(*) from cows where barn = 4 and name <> 'x''y' and pg_sleep(0.002) is not null",),
        )
        sleeping.start()
        wait_for(lambda: (turns.look(values=True), not sleeping.is_alive())[1])
    turns.turn(values=True)
    (window,) = turns.windows("name <>")
    assert store.read_parameters(turns.db, window.key.queryid) == (("4", "'x''y'", "0.002"),)
    turns.turn(values=False)
    assert store.read_parameters(turns.db, window.key.queryid) == ()


def test_a_lock_on_a_table_does_not_hold_the_collection_up(turns: Turns) -> None:
    turns.turn()
    turns.database.execute("update cows set name = 'x' where id = 2")
    with turns.database.connect(autocommit=False) as session:
        session.execute("lock table cows in access exclusive mode")
        states = turns.turn()
        session.rollback()
    assert all(state.error is None for state in states.values()), states
    (table,) = store.read_tables(turns.db, *EVER)
    assert (table.n_tup_upd, table.bytes) == (1, None)


def test_many_tables_are_told_bit_by_bit(farm: TestDatabase) -> None:
    turns = Turns(farm, CollectLimits(rest=0.0, relations=200, sizes=50))
    turns.turn()
    with farm.connect() as session:
        for begin in range(0, 1000, 250):
            session.execute(
                f"do $$ begin for i in {begin} .. {begin + 249} loop"
                " execute format('create table many_%s as select 1 as a', i); end loop; end $$"
            )
    seen = []
    for _ in range(7):
        states = turns.turn()
        assert (states["tables"].rows or 0) <= 400
        seen.append(len({one.oid for one in store.read_tables(turns.db, *EVER) if one.table.startswith("many_")}))
    assert seen[0] == 200
    assert seen[-1] == 1000
    assert sum(one.n_tup_ins for one in store.read_tables(turns.db, *EVER)) == 1000
    turns.db.close()


def test_without_the_extension_the_rest_is_collected(turns: Turns) -> None:
    turns.database.execute("drop extension pg_stat_statements")
    turns.turn()
    turns.database.execute("update cows set name = 'y' where id = 2")
    states = turns.turn()
    assert states["statements"].missing == "the extension pg_stat_statements is not installed in this database"
    assert states["statements"].hint == "CREATE EXTENSION pg_stat_statements;"
    assert states["tables"].missing is None
    assert [one.n_tup_upd for one in store.read_tables(turns.db, *EVER)] == [1]
    turns.database.execute("create schema stats; create extension pg_stat_statements schema stats")
    assert "GRANT USAGE ON SCHEMA stats" in (turns.turn()["statements"].hint or "")
    turns.database.execute("grant usage on schema stats to postai_agent")
    turns.turn()
    turns.database.execute("select count(*) from cows")
    assert turns.turn()["statements"].missing is None
    assert len(turns.windows("select count(*)")) == 1


def test_extensions_that_are_not_loaded_are_left_alone(turns: Turns) -> None:
    available = [str(row[0]) for row in turns.database.execute("select name from pg_available_extensions")]
    for name in OTHERS:
        if name in available:
            with contextlib.suppress(psycopg.errors.InternalError):  # some cannot even be created then
                turns.database.execute(f"create extension {name}")
    turns.turn(values=True)
    turns.database.execute("select count(*) from cows where barn = 8")
    states = turns.turn(values=True)
    assert all(state.error is None for state in states.values()), states
    (window,) = turns.windows("count(*) from cows")
    assert window.cpu_ms is None


def test_without_pg_monitor_the_state_says_so(farm: TestDatabase) -> None:
    if not farm.execute("select 1 from pg_roles where rolname = 'blind agent'"):
        farm.execute("create role \"blind agent\" login password 'blind agent'")
    rights = farm.execute(
        "select string_agg(format('grant %s to \"blind agent\"', privilege), ';') from postai.role_grant"
        " where grantee = 'postai_agent'"
    )[0][0]
    farm.execute(str(rights))
    blind = farm.dsn("postgres").replace("user=postgres", "user='blind agent'").rpartition(" password=")[0]
    turns = Turns(farm)
    turns.db.close()
    turns.db = connect(f"{blind} password='blind agent'")
    turns.turn()
    farm.execute("select count(*) from cows where barn = 5")
    states = turns.turn()
    for part in ("statements", "activity"):
        assert states[part].missing == "the agent sees its own statements only, not those of other users"
        assert states[part].hint == 'GRANT pg_monitor TO "blind agent";'
    assert all(state.error is None for state in states.values()), states
    assert turns.windows("barn = ") == []
    turns.db.close()
    farm.execute('drop owned by "blind agent"; drop role "blind agent"')


def test_a_server_without_the_modules(pg16: LocalServer) -> None:
    database = make_database(pg16)
    install_postai(database, "call")
    turns = Turns(database)
    turns.turn()
    database.execute("create table t as select 1 as a")
    states = turns.turn()
    assert states["statements"].missing == "the server has no extension pg_stat_statements"
    assert "contrib" in (states["statements"].hint or "")
    assert [one.table for one in store.read_tables(turns.db, *EVER)] == ["t"]
    turns.db.close()
    drop_database(database)


@pytest.fixture
def own_server() -> Iterator[LocalServer]:
    """A server of our own: nothing is loaded, few statements fit."""
    binaries = debian_binaries(15)
    if binaries is None:
        pytest.skip("no Debian server")
    with new_server(binaries, "collect", "shared_preload_libraries = ''\n") as server:
        yield server


def test_not_loaded_then_evictions_and_a_restart(own_server: LocalServer) -> None:
    database = TestDatabase(own_server, "postgres")
    database.execute("create extension pg_stat_statements")
    install_postai(database, "call")
    database.execute(FARM)
    turns = Turns(database)
    state = turns.turn()["statements"]
    assert state.missing == "pg_stat_statements is not loaded when the server starts"
    assert "SET shared_preload_libraries = pg_stat_statements;" in (state.hint or "")
    available = [str(row[0]) for row in database.execute("select name from pg_available_extensions")]
    others = [name for name in OTHERS if name in available]
    with (own_server.data / "postgresql.conf").open("a") as file:
        file.write(f"shared_preload_libraries = '{','.join(['pg_stat_statements', *others])}'\n")
        file.write("pg_stat_statements.max = 100\npg_qualstats.sample_rate = 1\n")
    turns.db.close()
    own_server.stop()
    own_server.start()
    for name in others:
        database.execute(f"create extension {name}")
    turns.db = connect(database.dsn(AGENT))
    assert turns.turn()["statements"].missing is None  # another start of the server: nothing is told
    assert turns.windows() == []
    with database.connect() as session:
        for at in range(1, 301):
            session.execute("select count(*) from cows where barn = 3")
            session.execute(f"select {', '.join(['1'] * at)} from cows where id = 5")
        session.execute("select barn from cows where name = 'cow 7'")
    assert turns.turn(values=True)["statements"].error is None
    (often,) = turns.windows("select count(*) from cows")
    assert often.calls == 300
    assert sum(one.calls for one in turns.windows() if "id = " in (one.query or "")) <= 300
    if "pg_stat_kcache" in others:
        assert often.cpu_ms is not None
        assert often.cpu_ms > 0
        assert often.disk_bytes_read is not None
    if "pg_qualstats" in others:
        assert store.read_parameters(turns.db, often.key.queryid) == (("3",),)
        met = {one.column: one for one in store.read_predicates(turns.db)}
        assert (met["barn"].table, met["barn"].operator, met["barn"].checked) == ("public.cows", "=", 0)
        assert met["barn"].conditions >= 300
        assert (met["name"].checked, met["name"].kept) == (1000, 1)
    before = own_server.dsn()
    turns.db.close()
    own_server.stop()
    own_server.start()
    assert own_server.dsn() == before
    turns.db = connect(database.dsn(AGENT))
    turns.turn()
    assert [one.calls for one in turns.windows("select count(*) from cows")] == [300]
    database.execute("select count(*) from cows where barn = 4")
    turns.turn()
    assert [one.calls for one in turns.windows("select count(*) from cows")] == [300, 1]
    turns.db.close()


def test_the_duty_collects_until_it_is_switched_off(farm: TestDatabase) -> None:
    farm.execute("select postai.set('collect_interval', '200ms'), postai.set('collect_values', 'true')")
    pool = Pool(farm.dsn(AGENT), max_size=2)
    duty = CollectDuty("farm", pool, CollectPace(least=0.1, look=0.05, prune=0.0, off=0.05), lambda: Collector(LIMITS))
    intervals = "select count(*) from postai.sample_statement x join postai.statement s on s.id = x.statement_id"
    try:
        duty.begin()
        wait_for(lambda: farm.execute(f"{intervals} where s.queryid = 0 and s.userid = 0")[0][0] >= 2)
        farm.execute("select count(*) from cows where barn = 6")
        wait_for(lambda: farm.execute(f"{intervals} where s.query ~ 'from cows where barn'")[0][0] == 1)
        parts = {row[0] for row in farm.execute("select part from postai.collect_state where last_run is not null")}
        assert parts == {"statements", "plans", "tables", "database", "storage", "activity", "pruning"}
        duty.end()
        duty.begin()
        before = farm.execute(f"{intervals} where s.queryid = 0 and s.userid = 0")[0][0]
        wait_for(lambda: farm.execute(f"{intervals} where s.queryid = 0 and s.userid = 0")[0][0] > before)
        farm.execute("insert into postai.statement_values (statement_id, source, query) values (1, 'activity', 'x')")
        farm.execute("select postai.set('collect', 'false'), postai.set('collect_values', 'false')")
        wait_for(lambda: farm.execute("select count(*) from postai.statement_values") == [(0,)])
    finally:
        duty.stop(Deadline.after(10))
        pool.close()
    assert not any(thread.name == "collect-farm" for thread in threading.enumerate())
