"""What was used most is there again after everything had to be forgotten, before anybody asks."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
import pytest
from edge_caches import ITEMS, CachingEdge, caching, simple

from conftest import TestDatabase

ASK = "select name from item where id = %s"
COUNT = "select count(*) from item where name like 'item%'"


def use(edge: CachingEdge, client: psycopg.Connection) -> None:
    """Have a statement of each kind in memory, and use it."""
    for ask in (
        lambda: simple(client, COUNT),
        lambda: client.execute(ASK, (7,), prepare=False).fetchall(),
        lambda: client.execute(ASK, (8,), prepare=True).fetchall(),
    ):
        edge.hit(ask)
        for _ in range(50):
            ask()


def hits_at_once(edge: CachingEdge, client: psycopg.Connection) -> None:
    """Each of these comes from memory the first time that it is asked, once they are there and stay.

    A look that confirms what was told of definitions may flush once more, up to ten seconds later.
    """
    while True:
        edge.until(lambda figures: figures.entries == 3)
        before = edge.figures
        assert client.execute(ASK, (7,), prepare=False).fetchall() == [("item 7",)]
        assert client.execute(ASK, (8,), prepare=True).fetchall() == [("item 8",)]
        assert len(simple(client, COUNT)) == 1
        after = edge.figures
        if after.flushed == before.flushed:
            assert after.hits == before.hits + 3, after
            return


def test_after_a_flush(database: TestDatabase) -> None:
    with caching(database, ITEMS) as edge, edge.connect() as client:
        use(edge, client)
        database.execute("alter table item add note text")
        edge.until(lambda figures: figures.warmed >= 3)
        hits_at_once(edge, client)
        # They are forgotten like others.
        database.execute("delete from item where id = 100")
        edge.becomes(lambda: simple(client, COUNT), [(99,)], 2)
        database.execute("insert into item values (100, 'item 100')")
        edge.becomes(lambda: simple(client, COUNT), [(100,)], 2)
        edge.hit(lambda: simple(client, COUNT))
        with client.transaction():
            client.execute("select 1")
        # The stream is lost, and another one begins.
        warmed = edge.figures.warmed
        database.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database()"
        )
        edge.until(lambda figures: figures.warmed >= warmed + 3 and figures.state == "on")
        hits_at_once(edge, client)
        # Nobody may read it any more: what is asked again is asked with the user's rights.
        database.execute("alter table item rename to other")
        with pytest.raises(psycopg.errors.UndefinedTable):
            edge.becomes(lambda: simple(client, COUNT), None)
        edge.until(lambda figures: figures.entries == 0 and figures.state == "on")
        time.sleep(0.5)
        assert edge.figures.entries == 0


def test_only_for_identities_that_are_there_and_where_it_is_wanted(database15: TestDatabase) -> None:
    with caching(database15, ITEMS, cache_warm=0) as edge, edge.connect() as client:
        use(edge, client)
        database15.execute("alter table item add note text")
        edge.until(lambda figures: figures.entries == 0)
        edge.until(lambda figures: figures.state == "on")
        edge.hit(lambda: simple(client, COUNT))
        assert edge.figures.warmed == 0


def test_after_a_restart(database15: TestDatabase, tmp_path: Path) -> None:
    with caching(database15, ITEMS, cache_directory=tmp_path) as edge, edge.connect() as client:
        use(edge, client)
    with caching(database15, "", triggers=False, cache_directory=tmp_path) as edge:
        assert edge.figures.warmed == 0  # nobody is there whose rights would count
        with edge.connect() as client:
            edge.until(lambda figures: figures.warmed == 3 and figures.entries == 3)
            hits_at_once(edge, client)
