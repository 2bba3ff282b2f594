"""A database with many ways to hide from a statement what it reads, and the judge in one of its sessions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from conftest import TestDatabase
from postai.sql.reads import Key, Query, Reads, Verdict, candidate, drive

SCENE = Path(__file__).parent / "reads_scene.sql"


class Scene:
    """A database of its own, and the judge in one of its sessions."""

    def __init__(self, database: TestDatabase, made: str = "", schema: str = "shop") -> None:
        self.connection = database.connect()
        self.connection.execute(made or SCENE.read_text())  # type: ignore[call-overload]
        self.path(schema)
        self.reads = Reads()
        named = "select oid::int, relname from pg_class where relnamespace = %s::regnamespace"
        self.names: dict[int, str] = dict(self.connection.execute(named, [schema]).fetchall())
        self.oids = {name: oid for oid, name in self.names.items()}

    def path(self, *schemas: str) -> None:
        self.connection.execute("select set_config('search_path', %s, false)", [", ".join(schemas)])

    def ask(self, query: Query) -> Sequence[Sequence[str | None]]:
        return self.connection.execute(query.sql.replace("$1", "%s"), query.params).fetchall()  # type: ignore[call-overload]

    def verdict(self, sql: str, parameters: Sequence[int] = (), keys: dict[str, Key] | None = None) -> Verdict:
        watched = {self.oids[name]: key for name, key in (keys or {}).items()}
        return drive(self.reads.judge(candidate(sql, parameters), watched), self.ask)

    def tables(self, verdict: Verdict) -> set[str]:
        return {self.names.get(oid, str(oid)) for oid in verdict.tables or ()}
