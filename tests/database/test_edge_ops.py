"""What the edge says of itself, to clients (SHOW postai.<table>), to its operator and to its home."""

import asyncio
import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
from edge_caches import caching
from edge_support import RunningEdge, pooling, query_line, server_line
from psycopg.rows import dict_row

from conftest import TestDatabase, put_postai
from postai.edge.server import report
from postai.edge.server.check import check
from postai.edge.server.main import places
from postai.settings import EdgeSettings
from postai.setup.server import LocalServer

SETUP = """
create table item (id int primary key, name text);
insert into item select n, 'item ' || n from generate_series(1, 10) as n;
create publication postai_edge for table item;
"""


@pytest.fixture
def edge(server: LocalServer) -> Iterator[RunningEdge]:
    with pooling(server) as one:
        yield one


def test_clients_and_pools_are_shown_to_who_may_see_them(edge: RunningEdge, database: TestDatabase) -> None:
    name = f"ops_{database.name}"
    database.execute(f"create role {name} login password '{name}'")
    try:
        with edge.connect(database, application_name="all") as one, edge.connect(database, name) as other:
            everybody = psycopg.Cursor(one, row_factory=dict_row).execute("SHOW postai.clients").fetchall()
            assert sorted((row["application"], row["tls"]) for row in everybody) == [("", "f"), ("all", "f")]
            assert {row["pid"] for row in everybody} == {str(c.info.backend_pid) for c in (one, other)}
            own = psycopg.ClientCursor(other, row_factory=dict_row).execute(" show PostAI.clients ;").fetchall()
            assert [row["user"] for row in own] == [name]
            with pytest.raises(psycopg.errors.UndefinedObject), one.transaction():
                one.execute("select 1")
                one.execute("show postai.clients")  # a client in a transaction has a server, which is asked
            one.execute("listen news")
            with pytest.raises(psycopg.errors.UndefinedObject):
                one.execute("show postai.clients")
            shown = psycopg.Cursor(other, row_factory=dict_row).execute("show postai.pools", binary=True).fetchall()
            assert [row["open"] for row in shown if row["user"] == name] == ["1"]
            assert {row["user"] for row in shown} == {name} and {row["node"] for row in shown} == {None}
            assert other.execute("show postai.route").statusmessage == "SHOW"
            assert other.execute("show postai.routes").statusmessage == "SHOW"
            one.execute("unlisten *")
        with edge.connect(database) as monitor:
            route = monitor.execute("show postai.route").fetchall()
            assert route == [(f"127.0.0.1:{database.server.port}: the only server",)]
            (only,) = psycopg.Cursor(monitor, row_factory=dict_row).execute("show postai.routes").fetchall()
            assert (only["name"], only["role"]) == (f"127.0.0.1:{database.server.port}", None)
            assert monitor.execute("show postai.cache").statusmessage == "SHOW"
            for wrong in ("show postai.nothing", "show postai.clients x", "show all; show postai.clients"):
                with pytest.raises((psycopg.errors.UndefinedObject, psycopg.errors.SyntaxError)):
                    monitor.execute(psycopg.sql.SQL(wrong))  # type: ignore[arg-type]
            assert monitor.execute("select %s", ("show postai.clients",)).fetchone() == ("show postai.clients",)
    finally:
        database.execute(f"drop role {name}")


def test_a_purge_forgets_answers_of_a_table_or_of_a_database(database18: TestDatabase) -> None:
    with caching(database18, SETUP, cache_warm=0) as edge, edge.connect() as client:
        cursor = psycopg.ClientCursor(client, row_factory=dict_row)
        for table, whole in (("public.item", False), (None, True), ("nothing.there", True)):
            edge.hit(lambda: cursor.execute("select name from item where id = 7").fetchall())
            assert edge.inside(partial(edge.edge.edge.purge, "another", None)) == {}
            assert edge.figures.entries == 1
            assert edge.inside(partial(edge.edge.edge.purge, None, table)) == {database18.name: whole}
            assert edge.figures.entries == 0
        (shown,) = cursor.execute("show postai.cache").fetchall()
        assert (shown["database"], shown["entries"]) == (database18.name, "0")


def test_the_check_tells_what_the_cache_lacks_and_how_to_mend_it(database15: TestDatabase) -> None:
    wanted: dict[str, Any] = {
        "server": server_line(database15.server), "pool_mode": "transaction", "auth": "scram",
        "auth_dsn": query_line(database15.server), "database": [{"name": database15.name, "cache": True}],
    }  # fmt: skip

    def found(**more: str) -> dict[str, tuple[str, str | None]]:
        settings = EdgeSettings(**wanted, **more)
        return {one.what: (one.state, one.mend) for one in check(settings, places(settings))}

    cache = f"cache of {database15.name}"
    assert found()[cache] == ("warning", "Set edge.cache_dsn.")
    dsn = query_line(database15.server)
    database15.execute("create table t (a int primary key)")
    before = found(cache_dsn=dsn)
    assert before[f"{cache}: publication"] == ("critical", "CREATE PUBLICATION postai_edge FOR TABLE public.t;")
    for what, (state, mend) in before.items():
        if what.startswith(cache) and state != "ok":
            database15.execute(mend or "")
    assert found(cache_dsn=dsn)[cache] == ("ok", None)
    assert found(cache_dsn=f"{dsn} port=1")[cache][0] == "critical"


def test_the_check_asks_every_node(pg15: LocalServer) -> None:
    nodes = [{"name": "a", "server": server_line(pg15)}, {"name": "b", "server": "host=127.0.0.1 port=1"}]
    settings = EdgeSettings(node=nodes, health_dsn="user=postgres dbname=postgres")  # type: ignore[arg-type]
    found = {one.what: one.state for one in check(settings, places(settings))}
    # 28P01: TCP wants a password, and there is none.
    assert found == {"open files": found["open files"], f"server 127.0.0.1:{pg15.port}": "ok",
                     "server 127.0.0.1:1": "critical", "node a": "critical", "node b": "critical"}  # fmt: skip


class Stub:
    """Stands where the parent of processes would."""

    def __init__(self, settings: EdgeSettings) -> None:
        self.settings = settings

    async def processes(self) -> list[dict[str, Any]]:
        routes = [{"name": "a", "region": "eu", "role": "primary", "latency_ms": 1.5, "problem": None}]
        pools = [{"user": "ada", "open": 2}, {"user": "bob", "open": 3}]
        return [{"number": number, "tables": {"routes": routes, "pools": pools}} for number in range(2)]


def test_the_edge_reports_to_its_home(database15: TestDatabase) -> None:
    put_postai(database15)
    settings = EdgeSettings(region="eu", listen_addresses=("*",))

    async def run() -> None:
        reporter = report.Reporter(database15.dsn(), Stub(settings))  # type: ignore[arg-type]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(reporter.run(), 1)

    asyncio.run(run())
    own = report.name(settings)
    sql = "select name, region, address, state, figures #>> '{pools,open}', figures ->> 'processes' from postai.edges"
    assert database15.execute(sql) == [(own, "eu", own, "alive", "10", "2")]
    assert database15.execute("select edge, node, role from postai.edge_endpoints") == [(own, "a", "primary")]


def test_an_edge_that_ends_in_order_is_taken_off_the_list(database15: TestDatabase) -> None:
    put_postai(database15)
    stub = Stub(EdgeSettings(port=7001))
    listed = lambda: [row[0] for row in database15.execute("select name from postai.edges")]  # noqa: E731

    async def run() -> None:
        reporter = report.Reporter(database15.dsn(), stub)  # type: ignore[arg-type]
        task = asyncio.create_task(reporter.run())
        while not await asyncio.to_thread(listed):
            await asyncio.sleep(0.02)
        reporter.stop()
        await task

    asyncio.run(asyncio.wait_for(run(), 20))
    assert listed() == []


def test_an_edge_that_listens_elsewhere_is_one_edge(database15: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name has the port, which a reload may change."""
    monkeypatch.setattr(report, "INTERVAL", 0.05)
    put_postai(database15)
    stub = Stub(EdgeSettings(port=7001))

    async def named(port: int) -> None:
        wanted = [(report.name(EdgeSettings(port=port)),)]
        while await asyncio.to_thread(database15.execute, "select name from postai.edges") != wanted:
            await asyncio.sleep(0.02)

    async def run() -> None:
        reporter = report.Reporter(database15.dsn(), stub)  # type: ignore[arg-type]
        task = asyncio.create_task(reporter.run())
        await named(7001)
        stub.settings = EdgeSettings(port=7002)
        await named(7002)
        reporter.stop()
        await task

    asyncio.run(asyncio.wait_for(run(), 20))
