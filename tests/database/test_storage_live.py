"""Advice on space on real servers: what is found, that it works, and that archived rows come back unharmed."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest
from agent_support import AGENT, agent_dsn, install_postai

from conftest import TestDatabase
from postai.database import Pool, connect
from postai.deadline import Deadline
from postai.observe.alerts import Alert, Alerts
from postai.observe.health import CHECKS
from postai.optimize.storage import StorageOptions, advise_storage
from postai.optimize.types import Recommendation
from postai.service.health_duty import HealthDuty
from postai.sql.vet import vet_change

SMALL = StorageOptions(least_bytes=1 << 20, updates=1000, toast_bytes=1, archive_bytes=0, batch_rows=2000)
NAME = '"a;b"."T ""x"'


def advice(database: TestDatabase, options: StorageOptions = SMALL) -> dict[tuple[str, str], Recommendation]:
    with connect(database.dsn()) as db:
        found = advise_storage(db, Deadline.after(30), options)
    for one in found:
        for statement in filter(None, (one.statement, one.undo)):
            vet_change(statement)
    return {(one.kind, one.object): one for one in found}


def execute_all(database: TestDatabase, *statements: str) -> None:
    """One after the other, and their counters arrive: what comes after ANALYZE would be added to what that counted."""
    with database.connect() as connection:
        for statement in statements:
            connection.execute(statement)
            connection.execute("select pg_stat_force_next_flush()")


def test_dead_rows_and_empty_space(database: TestDatabase) -> None:
    execute_all(
        database,
        'create schema "a;b"',
        f"create table {NAME} (id int primary key, pad text) with (autovacuum_enabled = off);"
        f"insert into {NAME} select i, repeat('x', 100) from generate_series(1, 30000) as i",
        f"delete from {NAME} where id > 12000",
        f"analyze {NAME}",
    )
    found = advice(database)
    vacuum = found["vacuum", NAME]
    assert vacuum.statement == f"VACUUM (ANALYZE) {NAME}" and vacuum.evidence["dead_rows"] == 18000
    switched = found["autovacuum", NAME]
    assert switched.statement == f"ALTER TABLE {NAME} RESET (autovacuum_enabled)"
    assert switched.undo == f"ALTER TABLE {NAME} SET (autovacuum_enabled = false)"
    execute_all(database, switched.statement, vacuum.statement, f"insert into {NAME} values (50000, 'x')")
    execute_all(database, f"vacuum (analyze) {NAME}")
    found = advice(database)
    assert ("vacuum", NAME) not in found and ("autovacuum", NAME) not in found


def test_a_table_that_is_mostly_air_is_for_pg_repack(database: TestDatabase) -> None:
    execute_all(
        database,
        "create table air (id int, pad text) with (autovacuum_enabled = off);"
        "insert into air select i, repeat('x', 100) from generate_series(1, 30000) as i",
        "delete from air where id between 1000 and 29000",
        "vacuum (analyze) air",
    )
    one = advice(database)["repack", "public.air"]
    assert one.statement == "" and "VACUUM FULL would lock" in one.why and "pg_repack" in one.why
    (size,) = database.execute("select pg_relation_size('air')")[0]
    assert 0.8 * int(str(size)) < -one.bytes < int(str(size))
    assert one.evidence["price_month"] == round(-one.bytes / (1 << 30) * 0.10, 4)


def test_autovacuum_that_is_late_gets_settings_of_the_table(database: TestDatabase) -> None:
    execute_all(
        database,
        "create table busy (id int primary key, n int) with (autovacuum_vacuum_scale_factor = 0.3,"
        " autovacuum_vacuum_cost_delay = 20);"
        "insert into busy select i, 0 from generate_series(1, 5000) as i",
        "update busy set n = 1",
    )
    options = StorageOptions(late_seconds=0.0)
    one = advice(database, options)["autovacuum", "public.busy"]
    assert one.undo == (
        "ALTER TABLE public.busy SET (autovacuum_vacuum_scale_factor = 0.3),"
        " RESET (autovacuum_vacuum_threshold, autovacuum_vacuum_cost_limit)"
    )
    options_of = "select reloptions::text[] from pg_class where oid = 'public.busy'::regclass"
    before = database.execute(options_of)
    vet_change(one.undo)
    database.execute(one.statement)
    assert database.execute(options_of) != before
    database.execute(one.undo)
    assert [sorted(row[0]) for row in database.execute(options_of)] == [sorted(row[0]) for row in before]
    options_of = "select array_to_string(reloptions, ' ') from pg_class where relname = 'busy'"
    execute_all(database, one.statement)
    told = str(database.execute(options_of)[0][0])
    assert "autovacuum_vacuum_scale_factor=0.10" in told and "autovacuum_vacuum_cost_limit=2000" in told


def test_compression_fillfactor_and_unlogged(database: TestDatabase) -> None:
    execute_all(
        database,
        'create table docs (id int, "Body" text, raw text); alter table docs alter raw set storage external;'
        "insert into docs select i, '', repeat(md5(i::text), 100) from generate_series(1, 50) as i",
        "vacuum docs",
        "create unlogged table gone (a int); insert into gone values (1)",
        "create table hot (id int primary key, n int) with (autovacuum_enabled = off);"
        "insert into hot select i, 0 from generate_series(1, 3000) as i",
        "update hot set n = 1",
    )
    lz4 = database.execute("select enumvals @> '{lz4}' from pg_settings where name = 'default_toast_compression'")
    found = advice(database)
    one = found["compression", "public.docs"]
    assert "ALTER COLUMN raw SET STORAGE EXTENDED" in one.statement
    assert ('ALTER COLUMN "Body" SET COMPRESSION lz4' in one.statement) == lz4[0][0]
    assert one.undo is not None
    execute_all(database, one.statement, one.undo, one.statement)
    assert found["unlogged", "public.gone"].statement == ""
    room = found["fillfactor", "public.hot"]
    if room.statement:  # from 16 on the server counts why an update was not HOT
        execute_all(database, room.statement)
    after = advice(database)
    assert ("compression", "public.docs") not in after
    assert (("fillfactor", "public.hot") in after) == (room.statement == "")


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_archived_rows_come_back_as_they_were(database15: TestDatabase, kind: str) -> None:
    database = database15
    execute_all(
        database,
        f'create table log (id int generated always as identity primary key, "At" {kind} not null, "t""x" text,'
        ' gone int, size int generated always as (length("t""x")) stored); alter table log drop gone;'
        'insert into log ("At", "t""x")'
        " select date_trunc('day', now()) - interval '5 years' + i * interval '174 minutes', repeat('x', i % 50)"
        " from generate_series(1, 15000) as i",
        "analyze log",
    )
    assert ("archive", "public.log") not in advice(database), "each batch would read the whole table"
    execute_all(database, 'create index on log using brin ("At")')
    everything = "select array_agg(l order by id)::text from log as l"
    before = database.execute(everything)
    one = advice(database)["archive", "public.log"]
    steps: Sequence[dict[str, str | None]] = one.evidence["steps"]
    assert 5 <= len(steps) <= 12
    with database.connect() as connection:
        connection.execute("set timezone = 'America/St_Johns'; set datestyle = 'German'")
        for step in steps:
            assert step["statement"] is not None
            vet_change(step["statement"])
            connection.execute(step["statement"])  # type: ignore[arg-type]
        apart = 'select (select max("At") from log_archive) < (select min("At") from log)'
        assert connection.execute(apart).fetchone() == (True,)
        ((moved,),) = connection.execute("select count(*) from log_archive").fetchall()
        assert abs(moved / 150 - one.evidence["percent"]) < 5
        assert ("archive", "public.log") not in advice(database)
        for step in reversed(steps):
            if step["undo"]:
                if condition := step.get("undo_precondition"):
                    assert connection.execute(condition).fetchone() == (True,)  # type: ignore[arg-type]
                vet_change(step["undo"])
                connection.execute(step["undo"])  # type: ignore[arg-type]
    assert database.execute(everything) == before
    assert database.execute("select to_regclass('log_archive')") == [(None,)]


def test_rows_that_others_refer_to_are_never_moved(database15: TestDatabase) -> None:
    for number, more in enumerate(
        (
            "create table ref (id int references log{} on delete cascade)",
            "create trigger note after update on log{} for each row"
            " execute function suppress_redundant_updates_trigger()",
            "alter table log{} enable row level security",
            "create table more{} () inherits (log{})",
        )
    ):
        execute_all(
            database15,
            f"create table log{number} (id int primary key, at date not null);"
            f"create index on log{number} (at);"
            f"insert into log{number} select i, '2015-01-01'::date + i / 10 from generate_series(1, 5000) as i;"
            + more.format(number, number),
            f"analyze log{number}",
        )
    assert not [key for key in advice(database15) if key[0] == "archive"]


def test_the_duty_fills_the_views_as_the_agent(
    database: TestDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    install_postai(database, "dblink")
    execute_all(
        database,
        f"grant pg_monitor, pg_read_all_data to {AGENT};"
        "create table air (id int, k int, pad text) with (autovacuum_enabled = off);"
        "insert into air select i, i, repeat('x', 100) from generate_series(1, 20000) as i;"
        "create index one on air (k); create index two on air (k); create index three on air (pad)",
        "delete from air where id > 5000",
        "analyze air",
    )
    alerts = Alerts(database.name, (), "LOW", Random(1))
    with Pool(agent_dsn(database.server, database.name, tmp_path_factory.mktemp("agent"))) as pool:
        duty = HealthDuty(database.name, pool, alerts)
        with pool.database() as db:
            duty.look(db, Deadline.after(30))
            duty.look(db, Deadline.after(30))
            raised = "select key, severity, ended_at is null from postai.alert where kind = 'health'"
            assert db.query(raised) == [("health dangerous_settings", "HIGH", True)]  # tests run without fsync
            alerts.raise_(db, Alert("health connections", "health", "HIGH", "full", "of sessions"))
            duty.look(db, Deadline.after(30))
            assert ("health connections", "HIGH", False) in db.query(raised)
    rows = database.execute("select name, status, fix from postai.health")
    assert {str(name) for name, _, _ in rows} == {one.id for one in CHECKS}
    assert rows[0][:2] == ("dangerous_settings", "critical")
    bloat = database.execute("select object, dead_rows, statement from postai.bloat where kind = 'table'")
    assert bloat == [("public.air", 15000, "VACUUM (ANALYZE) public.air")]
    redundant = database.execute("select index, kept_index, kind, undo from postai.redundant_indexes")
    assert redundant == [
        ("public.two", "public.one", "duplicate", "CREATE INDEX CONCURRENTLY two ON public.air USING btree (k)")
    ]
    unused = database.execute("select index, statement, warning like '%%month%%' from postai.unused_indexes")
    assert sorted(unused) == [("public.one", "", True), ("public.three", "", True)]
    with database.connect() as connection:
        connection.execute("set role postai_reader")
        connection.execute("select * from postai.health, postai.bloat, postai.unused_indexes, postai.redundant_indexes")
