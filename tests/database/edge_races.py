"""Writers and readers that race each other through edges: who reads what has long not been true any more fails.

What is read has a version, which only grows. A writer notes each version when its commit has returned. An answer that
was asked for later than the bound after that must show it, through whichever edge, and must show what anybody has seen
that long ago. A writer lets an item rest for longer than the bound after some quick writes: what is not forgotten then
stays wrong, and is found.
"""

from __future__ import annotations

import random
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg
from edge_caches import CachingEdge
from edge_support import PATIENCE

from conftest import TestDatabase

ITEMS = 24
"""Items of a way to write: they are written in turn."""
TEXTS = 4
"""Items of them that are read by texts of their own, too."""
REST = 3.0
"""Seconds for which an item that was written is looked at."""

SETUP = """
create table direct (id int primary key, v int not null);
create table keys (id int primary key, v int not null);
create table source (id int primary key, v int not null);
create table by_trigger (id int primary key, v int not null);
create function copy() returns trigger language plpgsql as
  $$begin update by_trigger set v = new.v where id = new.id; return null; end$$;
create trigger copy after update on source for each row execute function copy();
create table parent (id int, v int, primary key (id, v));
create table child (id int primary key, parent_id int, v int, filler text,
                    foreign key (parent_id, v) references parent on update cascade on delete cascade);
create table emptied (id int primary key, v int not null);
create table rewritten (id int primary key, v int not null);
create table parted (id int, v int not null, half int, primary key (id, half)) partition by list (half);
create table parted_0 partition of parted for values in (0);
create table parted_1 partition of parted for values in (1);
create table attached (id int primary key, v int not null) partition by list (id);
create table own (id int primary key, v int not null);
create table prepared (id int primary key, v int not null);
create view direct_view as select id, v from direct;
create publication postai_edge for all tables;
"""


class Stale(AssertionError):
    """An answer was older than it may be."""


@dataclass
class Item:
    """Something whose version is read.

    Attributes:
        sql, parameters: how.
        floors: (time, version): what an answer that is asked for later must show at least.
    """

    name: str
    sql: str
    parameters: tuple[int]
    version: int = 0
    floors: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=500))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, version: int) -> None:
        """It is known to be this version now."""
        with self.lock:
            if not self.floors or version > self.floors[-1][1]:
                self.floors.append((time.monotonic(), version))

    def least(self, moment: float) -> int:
        """The version that was known by then."""
        with self.lock:
            known = list(self.floors)
        at = bisect_left(known, (moment, -1))
        return known[at - 1][1] if at else 0


class Races:
    """The writers and readers of one run.

    Args:
        edges: through which is read.
        bound: seconds after which a commit must be seen.
    """

    def __init__(self, edges: list[CachingEdge], bound: float) -> None:
        self._edges, self._bound = edges, bound
        self._database = edges[0].database
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, Item]] = deque(maxlen=400)
        self.failures: list[str] = []
        self.reads = self.writes = 0

    def run(self, seconds: float, readers: int, enough: Callable[[], bool]) -> None:
        """Race for some seconds, and on a busy machine until there was enough; an error of anybody ends it."""
        threads = [
            *(threading.Thread(target=self._guarded, args=(self._write, way)) for way in self._ways()),
            *(
                threading.Thread(target=self._guarded, args=(self._read, edge, number))
                for edge in self._edges
                for number in range(readers)
            ),
        ]
        for thread in threads:
            thread.start()
        self._over.wait(seconds)
        end = time.monotonic() + PATIENCE
        while not self._over.wait(0.1) and not enough() and time.monotonic() < end:
            pass
        self._over.set()
        for thread in threads:
            thread.join()

    def _guarded(self, act: Callable[..., None], *given: object) -> None:
        try:
            act(*given)
        except (psycopg.Error, AssertionError, OSError) as error:  # the test's own thread tells it
            self.failures.append(f"{given}: {error!r}")
            self._over.set()

    # Reading.

    def _read(self, edge: CachingEdge, number: int) -> None:
        chance = random.Random(number)
        with edge.connect() as client:
            simple = psycopg.ClientCursor(client)
            while not self._over.is_set():
                item = self._choose(chance)
                if item is None:
                    time.sleep(0.01)
                    continue
                begun = time.monotonic()
                least = item.least(begun - self._bound)
                if number % 3 == 0 and item.parameters[0] <= TEXTS:
                    row = simple.execute(item.sql, item.parameters).fetchone()
                else:
                    row = client.execute(item.sql, item.parameters, prepare=number % 3 == 1).fetchone()
                found = row[0] if row is not None and row[0] is not None else 0
                if found < least:
                    raise Stale(f"{item.name} {item.parameters}: {found} instead of {least} at least")
                if row is not None:
                    item.note(found)
                self.reads += 1
                time.sleep(chance.choice((0, 0, 0.001)))

    def _choose(self, chance: random.Random) -> Item | None:
        """What was written a moment ago, or rests."""
        with self._lock:
            recent = list(self._recent)
        if not recent:
            return None
        if chance.random() < 0.4:
            return chance.choice(recent[-6:])[1]
        rests = [item for at, item in recent if time.monotonic() - at < REST]
        return chance.choice(rests) if rests else None

    # Writing.

    def _write(self, way: tuple[Iterator[tuple[Item, Callable[[int], None]]], float]) -> None:
        steps, pause = way
        chance = random.Random(1)
        self._over.wait(pause / 2)
        for item, write in steps:
            for _ in range(chance.randrange(1, 5)):
                if self._over.is_set():
                    return
                item.version += 1
                with self._lock:
                    self._recent.append((time.monotonic(), item))
                write(item.version)
                item.note(item.version)
                with self._lock:
                    self._recent.append((time.monotonic(), item))
                self.writes += 1
                self._over.wait(chance.choice((0, 0, 0.003, 0.02)))
            self._over.wait(pause * chance.random())

    def _ways(self) -> list[tuple[Iterator[tuple[Item, Callable[[int], None]]], float]]:
        """What is written how, and how long a writer rests between two items."""
        database = self._database
        ways: list[tuple[Iterator[tuple[Item, Callable[[int], None]]], float]] = [
            (_rows(database, "direct", "direct", "update direct set v = {v} where id = {id}"), 0.3),
            (_rows(database, "direct_view", "direct", "update direct set v = {v} where id = {id}", ITEMS), 0.3),
            (_rows(database, "keys", "keys", _NEW_KEY), 0.3),
            (_rows(database, "by_trigger", "source", "update source set v = {v} where id = {id}"), 0.3),
            (_rows(database, "child", "parent", _CASCADE), 0.4),
            (_rows(database, "parted", "parted", "update parted set v = {v}, half = {v} % 2 where id = {id}"), 0.3),
            (_whole(database, "emptied", _EMPTY), 2 * self._bound + 1),
            (_whole(database, "attached", _ATTACH), 3 * self._bound + 2),
            (_whole(database, "rewritten", _REWRITE), 3 * self._bound + 2),
            (self._own(), 0.4),
        ]  # fmt: skip
        if database.execute("show max_prepared_transactions") != [("0",)]:
            ways.append((_rows(database, "prepared", "prepared", _PREPARED), 0.4))
        return ways

    def _own(self) -> Iterator[tuple[Item, Callable[[int], None]]]:
        """Sessions of the edges that write, and read at once what they have written."""
        clients = [edge.connect() for edge in self._edges]
        items = [Item("own", "select v from own where id = %s", (n,)) for n in range(1, ITEMS + 1)]
        try:
            for number in range(1 << 62):
                item, client = items[number % ITEMS], clients[number % len(clients)]

                def write(version: int, item: Item = item, client: psycopg.Connection = client) -> None:
                    client.execute(item.sql, item.parameters, prepare=True)
                    client.execute("update own set v = %s where id = %s", (version, *item.parameters))
                    ((found,),) = client.execute(item.sql, item.parameters, prepare=True).fetchall()
                    if found != version:
                        raise Stale(f"own write: {found} instead of {version}")

                yield item, write
        finally:
            for client in clients:
                client.close()


_NEW_KEY = """begin; update keys set id = -id where id = {id}; savepoint s; update keys set v = {v} where id = -{id};
release s; update keys set id = -id where id = -{id}; commit"""
_CASCADE = "update parent set v = {v} where id = {id}"
_ATTACH = """begin; alter table attached detach partition attached_1; drop table attached_1;
create table attached_1 as select 1 as id, {v} as v;
alter table attached_1 alter id set not null, alter v set not null;
alter table attached attach partition attached_1 for values in (1); commit"""
_EMPTY = "truncate emptied; insert into emptied values (1, {v})"
_REWRITE = "alter table rewritten alter column v type int using {v}"
_PREPARED = "begin; update prepared set v = {v} where id = {id}; prepare transaction 'p{id}'; commit prepared 'p{id}'"


def prepare(database: TestDatabase) -> None:
    """Rows for all ways to write."""
    for table in ("direct", "keys", "source", "by_trigger", "parent", "own", "prepared"):
        items = 2 * ITEMS if table == "direct" else ITEMS
        database.execute(f"insert into {table} select n, 0 from generate_series(1, {items}) as n")
    database.execute(f"insert into child select n, n, 0, 'x' from generate_series(1, {ITEMS}) as n")
    database.execute(f"insert into parted select n, 0, 0 from generate_series(1, {ITEMS}) as n")
    database.execute("insert into emptied values (1, 0)")
    database.execute("insert into rewritten values (1, 0)")
    database.execute("create table attached_1 partition of attached for values in (1)")


def _rows(
    database: TestDatabase, read: str, written: str, sql: str, after: int = 0
) -> Iterator[tuple[Item, Callable[[int], None]]]:
    """Rows of a table that are written one after the other, directly at the server."""
    items = [Item(read, f"select v from {read} where id = %s", (n,)) for n in range(after + 1, after + ITEMS + 1)]
    with database.connect() as one:
        while True:
            for item in items:
                yield item, _writer(one, sql, item.parameters[0])


def _whole(database: TestDatabase, table: str, sql: str) -> Iterator[tuple[Item, Callable[[int], None]]]:
    item = Item(table, f"select max(v) from {table} where id = %s", (1,))
    with database.connect() as one:
        while True:
            yield item, _writer(one, sql, 1)


def _writer(one: psycopg.Connection, sql: str, number: object) -> Callable[[int], None]:
    def write(version: int) -> None:
        for statement in sql.split("; ") if "prepare transaction" in sql else [sql]:
            one.execute(statement.format(v=version, id=number).encode())

    return write
