"""Answers that memory has no room for come from the second tier, and what a change touches does not."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from edge_caches import ITEMS, CachingEdge, caching
from edge_support import query_line
from psycopg.rows import dict_row

from conftest import TestDatabase, put_postai
from postai.edge.tiers import Figures

ASK = "select name from item where id = %s"


@pytest.fixture(params=["disk", "valkey"])
def tier(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """Settings of a tier."""
    if request.param == "disk":
        yield {"cache_directory": tmp_path}
        return
    pytest.importorskip("redis", reason="the client library is not installed: pip install 'postai[valkey]'")
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("neither valkey-server nor redis-server is installed")
    command = [program, "--port", "0", "--unixsocket", tmp_path / "socket", "--save", "", "--dir", tmp_path]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not (tmp_path / "socket").exists():
            time.sleep(0.02)
        yield {"cache_url": f"unix://{tmp_path / 'socket'}"}
        process.kill()


def figures(edge: CachingEdge) -> Figures:
    caches = edge.edge.edge._caches
    assert caches is not None
    (cache,) = caches.databases.values()
    assert cache.second is not None
    return edge.inside(lambda: cache.second.figures)  # type: ignore[no-any-return]


def forget_memory(edge: CachingEdge) -> None:
    """As if there were no room for it any more."""
    caches = edge.edge.edge._caches
    assert caches is not None
    (cache,) = caches.databases.values()
    edge.inside(cache.caching.shelf.flush)


def from_second(edge: CachingEdge, ask: Any) -> object:
    """Ask until the answer comes from the second tier; the answer."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        forget_memory(edge)
        before, found = figures(edge).hits, ask()
        if figures(edge).hits > before:
            return found
        time.sleep(0.05)
    raise AssertionError(figures(edge))


def test_what_memory_has_no_room_for(database15: TestDatabase, tier: dict[str, Any]) -> None:
    with (
        caching(database15, ITEMS, **tier) as edge,
        caching(database15, "", triggers=False, **tier) as other,
        edge.connect() as client,
        other.connect() as elsewhere,
    ):

        def ask(number: int = 7) -> Any:
            return client.execute(ASK, (number,), prepare=True).fetchall()

        assert edge.hit(ask) == [("item 7",)] and edge.hit(lambda: ask(8)) == [("item 8",)]
        assert from_second(edge, ask) == [("item 7",)] == edge.hit(ask)[0:1]
        database15.execute("update item set name = 'new' where id = 7")
        edge.becomes(ask, [("new",)], 2)
        assert from_second(edge, ask) == [("new",)]
        assert from_second(edge, lambda: ask(8)) == [("item 8",)]
        if "cache_url" in tier:  # what one edge has asked for, another one need not
            assert other.hit(lambda: elsewhere.execute(ASK, (9,), prepare=True).fetchall()) == [("item 9",)]
            assert from_second(edge, lambda: ask(9)) == [("item 9",)]
        for number in range(5):
            client.execute("update item set name = %s where id = 7", (str(number),))
            assert ask() == [(str(number),)]  # one's own write, whatever the tier holds
        database15.execute("alter table item alter column name type text using 'all'")
        edge.becomes(ask, [("all",)], 3)
        assert from_second(edge, ask) == [("all",)]
        shown = psycopg.ClientCursor(client, row_factory=dict_row).execute("show postai.tiers").fetchall()
        assert [(row["database"], row["state"], row["failures"]) for row in shown] == [(database15.name, "on", "0")]
        assert int(shown[0]["hits"]) >= 4


def test_after_a_restart(database15: TestDatabase, tmp_path: Path) -> None:
    """What a rule keeps for a time is there again; what the stream vouched for is not, as nobody told of changes."""
    put_postai(database15)
    home = query_line(database15.server).replace("dbname=postgres", f"dbname={database15.name}")
    settings = {"cache_directory": tmp_path, "cache_warm": 0, "home": home}
    rule = "select postai.edge_rule('notes', relation => 'public.note', ttl => '%s minutes')"
    setup = """
        create table item (id int primary key, name text); insert into item values (7, 'old');
        create table note (id int primary key, name text); insert into note values (7, 'old');
        create publication postai_edge for table item;
    """
    told, timed = ASK, ASK.replace("item", "note")

    def asks(client: psycopg.Connection, text: str) -> Any:
        return lambda: client.execute(text, (7,), prepare=True).fetchall()

    database15.execute(setup + rule % 60)
    with caching(database15, "", **settings) as edge, edge.connect() as client:
        for text in (told, timed):
            assert from_second(edge, asks(client, text)) == [("old",)]
    database15.execute("update item set name = 'new'; update note set name = 'new'")
    with caching(database15, "", triggers=False, **settings) as edge, edge.connect() as client:
        assert from_second(edge, asks(client, timed)) == [("old",)]
        assert edge.never_hits(asks(client, told), times=1) == [("new",)] == edge.hit(asks(client, told))
    database15.execute(rule % 59)  # what was kept by other rules may not be kept by these
    with caching(database15, "", triggers=False, **settings) as edge, edge.connect() as client:
        assert edge.hit(asks(client, timed)) == [("new",)] == from_second(edge, asks(client, timed))
