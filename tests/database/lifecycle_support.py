"""A database with postai, a table of a shop, and people with different rights, for the tests of the lifecycle."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from conftest import TestDatabase, become, drop_database, make_database, put_postai
from postai import database as db
from postai.deadline import Deadline
from postai.proposals import Decision, Draft, DraftStep, Runner, RunnerOptions, RunResult, create
from postai.setup.install import install
from postai.setup.server import LocalServer

OPTIONS = RunnerOptions(
    lease=2.0, poll=0.05, lock_timeout=0.3, lock_patience=1.5, concurrent_lock_timeout=20.0, statement_timeout=60.0
)

ROLES = """
do $$
begin
  perform pg_advisory_lock(4711);
  if to_regrole('lc_owner') is null then
    create role lc_owner nologin;
    create role lc_boss login password 'lc_boss' in role postai_operator, lc_owner;
    create role lc_stranger login password 'lc_stranger' in role postai_operator;
    create role lc_user login password 'lc_user' in role postai_user;
    create role lc_reader login password 'lc_reader' in role postai_reader;
    create role lc_nobody login password 'lc_nobody';
    create role lc_agent login password 'lc_agent' in role postai_agent, lc_owner, pg_monitor;
  end if;
end
$$
"""

SHOP = """
create schema shop authorization lc_owner;
set role lc_owner;
create table shop.item (id bigint primary key, name text, price numeric, note text);
insert into shop.item select i, 'item ' || i, i % 100, md5(i::text) from generate_series(1, 20000) as i;
reset role;
"""

INDEX = "CREATE INDEX CONCURRENTLY item_name ON shop.item (name)"
DROP_INDEX = "DROP INDEX CONCURRENTLY shop.item_name"


def index_draft(**changes: Any) -> Draft:
    step = DraftStep(INDEX, undo=DROP_INDEX, estimated_ms=500)
    return Draft(**{"kind": "index", "title": "Index on item.name", "why": "slow", "steps": (step,), **changes})


def draft(*statements: str | tuple[str, str | None] | DraftStep, **changes: Any) -> Draft:
    """A draft of these statements (with their undo)."""
    steps = []
    for one in statements:
        if isinstance(one, DraftStep):
            steps.append(one)
        elif isinstance(one, str):
            steps.append(DraftStep(one))
        else:
            steps.append(DraftStep(one[0], undo=one[1]))
    return Draft(**{"kind": "change", "title": "A change", "why": "because", "steps": tuple(steps), **changes})


@dataclass
class Shop:
    """The database of one test and what tests do with it."""

    database: TestDatabase

    def sql(self, text: str, user: str | None = None) -> list[Any]:
        return self.database.execute(text, user)

    def value(self, text: str, user: str | None = None) -> Any:
        return self.sql(text, user)[0][0]

    def connect(self, user: str = "lc_agent") -> db.Database:
        return db.connect(self.database.dsn(user))

    def create(self, one: Draft) -> int:
        with self.connect() as agent:
            return create(agent, one)

    def apply(self, proposal: int, user: str = "lc_boss") -> int:
        return self.value(f"select postai.apply({proposal})", user)

    def runner(
        self, name: str = "agent", report: Callable[[Decision], None] = lambda _: None, **changes: Any
    ) -> Runner:
        return Runner(self.connect, name, options=changes.pop("options", OPTIONS), report=report, **changes)

    def run(self, seconds: float = 60, **changes: Any) -> RunResult:
        """Run the next action, which must be there."""
        result = self.runner(**changes).run_next(Deadline.after(seconds))
        assert result is not None
        return result

    def apply_and_run(self, one: Draft) -> RunResult:
        self.apply(self.create(one))
        return self.run()

    def action(self, action: int) -> dict[str, Any]:
        return self.value(f"select to_jsonb(a) from postai.action a where id = {action}")

    def proposal(self, proposal: int) -> tuple[Any, ...]:
        return self.sql(f"select state, outcome from postai.proposal where id = {proposal}")[0]

    def indexes(self, table: str = "shop.item") -> list[tuple[str, bool]]:
        return self.sql(
            "select c.relname::text, i.indisvalid from pg_index i join pg_class c on c.oid = i.indexrelid "
            f"where i.indrelid = '{table}'::regclass and not i.indisprimary order by 1"
        )

    def kinds(self, proposal: int) -> list[str]:
        """Kinds of the proposal's events, in order."""
        rows = self.sql(f"select kind from postai.event where proposal = {proposal} order by id")
        return [row[0] for row in rows]

    def problems(self) -> list[Any]:
        return self.sql("select * from postai._verify_events()")

    @contextmanager
    def holding(self, *statements: str, user: str | None = None) -> Iterator[psycopg.Connection]:
        """Another session with an open transaction in which these statements ran."""
        connection = self.database.connect(user, autocommit=False)
        try:
            for statement in statements:
                connection.execute(statement)  # type: ignore[arg-type]
            yield connection
        finally:
            connection.rollback()
            connection.close()

    @contextmanager
    def background(self, work: Callable[[], Any]) -> Iterator[list[Any]]:
        """Run something in a thread; its result is in the list after the block."""
        results: list[Any] = []
        thread = threading.Thread(target=lambda: results.append(work()))
        thread.start()
        try:
            yield results
        finally:
            thread.join(60)
            assert not thread.is_alive()


def open_shop(database: TestDatabase) -> Shop:
    """A shop in that database, which becomes a copy when it is empty."""
    if not become(database, shop_of):
        _fill(database)
    return Shop(database)


def _fill(database: TestDatabase) -> None:
    put_postai(database)
    with db.connect(database.dsn()) as owner:
        install(owner)
    with database.connect() as connection:
        connection.execute(ROLES)
        connection.execute(SHOP)


@functools.cache
def shop_of(server: LocalServer) -> TestDatabase:
    """The shop to copy from, one for each server; it ends with its server."""
    one = make_database(server)
    _fill(one)
    return one


def error_of(work: Callable[[], Any]) -> psycopg.Error:
    """The server's error that this must give."""
    try:
        work()
    except psycopg.Error as error:
        return error
    raise AssertionError("no error was raised")


def numbers(decisions: Sequence[Decision]) -> list[str]:
    return [one.point for one in decisions]


def shop_clone(template: TestDatabase) -> Iterator[Shop]:
    """A shop of one test, copied from a database that `open_shop` made."""
    one = make_database(template.server, template.name)
    yield Shop(one)
    drop_database(one)


def shop_template(server: LocalServer) -> Iterator[TestDatabase]:
    """A database to copy shops from."""
    yield shop_of(server)
