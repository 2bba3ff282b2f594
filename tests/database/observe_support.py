"""A database with a history that tests write row by row, so that they can compute each figure of a page again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from conftest import TestDatabase, put_postai
from postai.database import Database, connect


@dataclass(frozen=True)
class Home:
    """A database with postai in it; `db` is a superuser's session."""

    database: TestDatabase
    db: Database

    def one(self, sql: str, *parameters: object) -> object:
        """The only value that a statement gives."""
        ((value,),) = self.db.query(sql, parameters)
        return value

    def statement(
        self, queryid: int, user: str = "postgres", *, toplevel: bool = True, query: str | None = "select 1"
    ) -> int:
        """A statement of which there is history; `user` "" and query id 0 = the sum of the small ones. Gives its id."""
        found = self.one(
            "insert into postai.statement (dbid, userid, queryid, toplevel, query)"
            " select d.oid, coalesce((select r.oid from pg_roles as r where r.rolname = %s), 0), %s, %s, %s"
            "   from pg_database as d where d.datname = current_database() returning id",
            user, queryid, toplevel, query if queryid else None,
        )  # fmt: skip
        assert isinstance(found, int)
        return found

    def ran(self, statement: int, minutes_ago: float, calls: int, total_ms: float, seconds: float = 60) -> None:
        """What it did in an interval that ended so long ago."""
        self.db.execute(
            "insert into postai.sample_statement (at, statement_id, seconds, calls, total_ms)"
            " values (now() - make_interval(secs => %s), %s, %s, %s, %s)",
            (minutes_ago * 60, statement, seconds, calls, total_ms),
        )

    def worked(self, minutes_ago: float, active_ms: float, seconds: float = 60, **counters: float) -> None:
        """What this database did in an interval that ended so long ago."""
        names = ["active_ms", *counters]
        self.db.execute(
            f"insert into postai.sample_database (at, dbid, seconds, {', '.join(names)})"
            f" select now() - make_interval(secs => %s), d.oid, %s{', %s' * len(names)}"
            "   from pg_database as d where d.datname = current_database()",
            (minutes_ago * 60, seconds, active_ms, *counters.values()),
        )


@contextmanager
def home_in(database: TestDatabase) -> Iterator[Home]:
    """Put postai into an empty database."""
    put_postai(database)
    with connect(database.dsn()) as db:
        yield Home(database, db)
