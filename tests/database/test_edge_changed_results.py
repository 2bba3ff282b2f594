"""A statement whose result changes while a client has it: whoever was told its columns gets no others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest
from edge_caches import caching
from edge_support import RunningEdge, pooling

from conftest import TestDatabase

SETUP = """
create table item (id int primary key, name text);
insert into item values (1, 'one'), (2, 'two');
create publication postai_edge for all tables;
"""
ASK = "select * from item where id = $1"


@pytest.fixture(params=["cached", "uncached"])
def edge(request: pytest.FixtureRequest, database: TestDatabase) -> Iterator[RunningEdge]:
    if request.param == "cached":
        with caching(database, SETUP) as one:
            yield one.edge
    else:
        database.execute(SETUP)
        with pooling(database.server, pool_size=2) as running:
            yield running


async def connect(edge: RunningEdge, database: TestDatabase) -> asyncpg.Connection:
    return await asyncpg.connect(
        host="127.0.0.1", port=edge.port, database=database.name, user="postgres", password=database.server.password()
    )


def era(edge: RunningEdge) -> int:
    """How often definitions have changed, as far as the cache knows."""
    caches = edge.edge._caches
    return 0 if caches is None else edge.inside(lambda: next(iter(caches.databases.values())).caching.generation)


async def tour(edge: RunningEdge, database: TestDatabase) -> None:
    clients = [await connect(edge, database) for _ in range(3)]
    one, other, holder = clients
    for _ in range(10):  # with the cache it comes from memory by then
        old = [await client.prepare(ASK) for client in (one, other)]
        assert [dict(await statement.fetchrow(1)) for statement in old] == [{"id": 1, "name": "one"}] * 2
        await asyncio.sleep(0.02)
    before = era(edge)
    database.execute("alter table item add column note int default 7")
    while edge.edge._caches is not None and era(edge) == before:  # until then what is kept is as it was
        await asyncio.sleep(0.01)
    fresh = await holder.prepare(ASK)
    assert dict(await fresh.fetchrow(1)) == {"id": 1, "name": "one", "note": 7}
    transaction = holder.transaction()
    await transaction.start()  # takes one of two server connections
    for statement in (*old, *old):
        with pytest.raises(asyncpg.InvalidCachedStatementError):
            await statement.fetchrow(1)
    await transaction.rollback()
    for statement in (*old, *old):
        with pytest.raises(asyncpg.InvalidCachedStatementError):
            await statement.fetchrow(2)
    # What is written in the same batch before does not count, and a transaction is failed.
    with pytest.raises(asyncpg.InvalidCachedStatementError):
        async with one.transaction():
            await one.execute("delete from item")
            await old[0].fetchrow(1)
    for client in (one, other):  # in the driver's own cache, which learns of it
        assert dict(await client.fetchrow(ASK, 2)) == {"id": 2, "name": "two", "note": 7}
    for client in clients:
        await client.close()


def test_columns_that_were_told_are_not_others(edge: RunningEdge, database: TestDatabase) -> None:
    asyncio.run(tour(edge, database))
