"""A database with cache tables, who makes and who reads them, and the agent's part without its process."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from agent_support import AGENT, install_postai

from conftest import TestDatabase, drop_database, superuser
from postai.cache import refresh
from postai.cache.board import Board
from postai.cache.follow import PUBLICATION, Follower
from postai.database import connect
from postai.database.connection import OWN_PATH
from postai.deadline import Deadline
from postai.errors import PostaiError

MAKER, READER = "cache_maker", "cache_reader"
ROLES = f"""
do $$
begin
  perform pg_advisory_lock(4712);
  if to_regrole('{MAKER}') is null then
    create role {MAKER} login password '{MAKER}' in role postai_user;
    create role {READER} login password '{READER}' in role postai_reader;
  end if;
end
$$
"""
SHOP = f"""
create schema app authorization {MAKER};
set role {MAKER};
create type app.mood as enum ('sad', 'ok');
create table app.orders (
  id int generated always as identity primary key, region text, year int, amount numeric, mood app.mood default 'ok');
alter table app.orders replica identity full;
insert into app.orders (region, year, amount)
  select 'r' || i % 5, 2020 + i % 3, i from generate_series(1, 300) as i;
reset role;
create publication {PUBLICATION} for table app.orders;
"""
SALES = "SELECT region, sum(amount) AS total, count(*) AS n FROM app.orders GROUP BY region"


@dataclass
class Shop:
    """The database of one test."""

    database: TestDatabase
    board: Board = field(default_factory=Board)
    lost: list[PostaiError] = field(default_factory=list)

    def sql(self, text: str, user: str | None = None) -> list[Any]:
        return self.database.execute(text, user)

    def cache(self, name: str = "sales", query: str = SALES, more: str = "", user: str | None = MAKER) -> None:
        with self.database.connect(user) as connection:
            connection.execute(f"select postai.cache(%s, %s{more})", (name, query))  # type: ignore[arg-type]

    def refused(self, query: str, more: str = "") -> psycopg.Error:
        """The error with which this cannot be kept."""
        try:
            self.cache("refused", query, more)
        except psycopg.Error as error:
            return error
        raise AssertionError(f"{query} was taken")

    def fresh(self, name: str = "sales") -> bool:
        return bool(self.sql(f"select fresh from postai.cache_stats where name = '{name}'")[0][0])

    def expire(self) -> None:
        self.sql("update postai_cache._fresh set fresh_until = '-infinity'")

    def entry(self, name: str = "sales") -> refresh.Entry:
        with connect(self.database.dsn(AGENT), search_path=OWN_PATH) as db:
            return next(one for one in refresh.entries(db) if one.name == name)

    def refresh(self, name: str = "sales") -> refresh.Refreshed:
        """What the agent does when it is due."""
        with connect(self.database.dsn(AGENT), search_path=OWN_PATH) as db:
            return refresh.refresh(db, self.entry(name), self.board, PUBLICATION)

    @contextlib.contextmanager
    def following(self) -> Iterator[threading.Event]:
        """The writes are followed; the event is set whenever something is to be refreshed."""
        heard = threading.Event()
        self.sql(f"alter role {AGENT} replication")
        deadline = Deadline.after(600)
        follower = Follower(self.database.dsn(AGENT), self.board, heard.set)
        self.lost.clear()

        def follow() -> None:
            try:
                follower.run(deadline)
            except PostaiError as error:
                self.lost.append(error)

        thread = threading.Thread(target=follow)
        thread.start()
        try:
            assert heard.wait(20), self.lost
            heard.clear()
            yield heard
        finally:
            deadline.cancel.set()
            thread.join(20)
            self.sql(f"alter role {AGENT} noreplication")
        assert not thread.is_alive()

    def same(self, name: str, query: str) -> None:
        """The rows that are kept are those of the query."""
        id = self.entry(name).id
        assert _bag(self.sql(f"select * from postai_cache._rows_{id}")) == _bag(self.sql(query))


def _bag(rows: Sequence[Any]) -> list[str]:
    return sorted(map(repr, rows))


def open_shop(database: TestDatabase) -> Iterator[Shop]:
    install_postai(database, "call")
    database.execute(ROLES)
    database.execute(f'grant create on database "{database.name}" to {MAKER}')
    database.execute(SHOP)
    yield Shop(database)
    drop_database(database)
    with superuser(database.server) as connection:
        connection.execute(f"drop role {MAKER}, {READER}")  # type: ignore[arg-type]
