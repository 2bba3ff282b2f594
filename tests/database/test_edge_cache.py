"""The cache end to end before real servers: what comes from memory, and what a change does to it."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from edge_caches import CachingEdge, caching

from conftest import TestDatabase

ROW = "select name from item where id = 7"


@pytest.fixture
def edge(database: TestDatabase) -> Iterator[CachingEdge]:
    with caching(database) as one:
        yield one


def simple(client: psycopg.Connection, text: str) -> list[tuple[object, ...]]:
    """By the simple protocol: psycopg's client-side cursors use it."""
    return psycopg.ClientCursor(client).execute(text).fetchall()


def test_a_query_is_answered_from_memory_until_another_path_writes(edge: CachingEdge) -> None:
    with edge.connect() as client:
        assert edge.hit(lambda: simple(client, ROW)) == [("item 7",)]
        edge.database.execute("update item set name = 'new' where id = 7")
        edge.becomes(lambda: simple(client, ROW), [("new",)], 2)
        assert edge.hit(lambda: simple(client, ROW)) == [("new",)]
