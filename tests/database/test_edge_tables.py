"""Statements in whose place a rule has an edge read a cache table, before real servers."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from edge_caches import CachingEdge, caching, simple
from edge_support import PATIENCE, pooling, query_line

from conftest import TestDatabase, put_postai, superuser

SETUP = """
create schema shop; create table shop.sale (id int primary key, region text, amount int);
insert into shop.sale select n, 'r' || n % 3, n from generate_series(1, 30) as n;
grant usage on schema shop, postai_cache to public; grant select on all tables in schema shop to public;
create publication postai_edge for all tables;
"""
SUMS = "select region, sum(amount) as total from shop.sale group by region order by region"
OLD = [("r0", 165), ("r1", 145), ("r2", 155)]
NEW = [("r0", 165), ("r1", 145), ("r2", 1155)]


class Ruled:
    """An edge whose home is the database that it is before."""

    def __init__(self, edge: CachingEdge) -> None:
        self.edge, self.database = edge, edge.database

    def rule(self, call: str) -> None:
        """Change a rule, and wait until the edge follows it."""
        self.database.execute(f"select postai.{call}")
        ((generation,),) = self.database.execute("select generation from postai._read_edge_rules('')")
        nodes: Any = self.edge.edge.edge.nodes
        end = time.monotonic() + PATIENCE
        while self.edge.inside(lambda: nodes._rules.generation) != generation:
            assert time.monotonic() < end
            time.sleep(0.02)

    def becomes(self, ask: Callable[[], object], wanted: object) -> None:
        self.edge.becomes(ask, wanted)


def how(client: psycopg.Connection) -> str:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return str(simple(client, "show postai.route"))
        except psycopg.errors.UndefinedObject:  # behind what may have written the edge still asks where the log ends
            assert time.monotonic() < end


@pytest.fixture(params=[True, False], ids=["cached", "uncached"])
def ruled(request: pytest.FixtureRequest, database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ruled]:
    monkeypatch.setattr("postai.edge.server.home.INTERVAL", 0.05)
    monkeypatch.setattr("postai.edge.server.instead.SECONDS", 0.2)
    put_postai(database)
    home = query_line(database.server).replace("dbname=postgres", f"dbname={database.name}")
    make = f"select postai.cache('sums', '{SUMS}', ttl => '1 hour')"
    if request.param:
        with caching(database, SETUP, home=home) as edge:
            database.execute(make)
            yield Ruled(edge)
    else:
        database.execute(SETUP)
        database.execute(make)
        with pooling(database.server, home=home) as running:
            yield Ruled(CachingEdge(running, database))


def test_a_cache_table_is_read_in_the_place_of_a_statement(ruled: Ruled) -> None:
    database, edge = ruled.database, ruled.edge
    database.execute("grant select on postai_cache.sums to public")
    with edge.connect() as client:
        asks: dict[str, Callable[[], object]] = {
            "simple": lambda: simple(client, SUMS + " ;"),
            "unnamed": lambda: client.execute(SUMS, prepare=False).fetchall(),
            "prepared": lambda: client.execute(SUMS, prepare=True).fetchall(),
            "binary": lambda: client.execute(SUMS, prepare=True, binary=True).fetchall(),
        }
        for ask in asks.values():
            assert ask() == OLD
        # The cache table's time is not over, and nobody follows writes: what it has tells who is read.
        database.execute("update shop.sale set amount = amount + 1000 where id = 2")
        for ask in asks.values():
            ruled.becomes(ask, NEW)
        ruled.rule(f"edge_rule('sums', query => '{SUMS};', cache_table => 'sums')")
        for name, ask in asks.items():
            ruled.becomes(ask, OLD)
            assert 'in its place: select * from postai_cache."sums" order by 1 (rule sums)' in how(client), name
            # A look that confirms definitions that were told of is a second change of them: all is found out anew.
            ruled.becomes(lambda ask=ask: [ask() for _ in range(5)], [OLD] * 5)  # type: ignore[misc]
        # Another statement, another constant, a transaction: these see what is there.
        assert simple(client, SUMS.replace("order by", "order  by")) == NEW
        with client.transaction():
            assert client.execute(SUMS).fetchall() == NEW
        notices: list[str] = []
        client.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        ruled.becomes(lambda: (simple(client, "/* postai.route */ " + SUMS) == OLD, bool(notices)), (True, True))
        assert "in its place: select * from postai_cache" in notices[0]
        ruled.rule("forget_edge_rule('sums')")
        for ask in asks.values():
            assert ask() == NEW
        assert "in its place" not in how(client)


def test_a_table_that_does_not_fit_is_not_read(ruled: Ruled, caplog: pytest.LogCaptureFixture) -> None:
    database, edge = ruled.database, ruled.edge
    other = "select region, sum(amount) as sum from shop.sale group by region order by region"
    user = f"tables_{uuid.uuid4().hex[:8]}"
    with superuser(database.server) as connection:
        connection.execute(f"create role {user} login password '{user}'")  # type: ignore[arg-type]
    try:
        with edge.connect() as client, edge.connect(user) as stranger, caplog.at_level(logging.WARNING):
            database.execute("update shop.sale set amount = amount + 1000 where id = 2")
            ruled.rule(f"edge_rule('sums', query => '{SUMS}', cache_table => 'sums')")
            ruled.rule(f"edge_rule('others', query => '{other}', cache_table => 'sums')")
            ruled.rule("edge_rule('gone', query => 'select 1 as a', cache_table => 'gone')")
            ruled.becomes(lambda: simple(client, SUMS), OLD)
            told = {"the columns of", "does not exist", f'{user} may not read postai_cache."sums"'}
            end = time.monotonic() + PATIENCE
            while told:
                assert time.monotonic() < end, told
                assert simple(client, other) == NEW and simple(client, "select 1 as a") == [(1,)]
                assert simple(stranger, SUMS) == NEW
                reasons = "".join(str(getattr(record, "reason", "")) for record in caplog.records)
                told = {one for one in told if one not in reasons}

            def asks() -> object:
                try:
                    return simple(stranger, SUMS)
                except psycopg.errors.InsufficientPrivilege:  # the edge has not looked again yet
                    return None

            database.execute(f"grant select on postai_cache.sums to {user}")
            ruled.becomes(asks, OLD)
            database.execute(f"revoke select on postai_cache.sums from {user}")
            ruled.becomes(asks, NEW)
    finally:
        with superuser(database.server, database.name) as connection:
            connection.execute(f"drop owned by {user}; drop role {user}")  # type: ignore[arg-type]
