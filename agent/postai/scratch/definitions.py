"""The definitions of a part of a schema, as statements that make it anew without its rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from postai.database import Database, Row, ServerError, named_sql
from postai.database.identifiers import quote_ident
from postai.deadline import Deadline
from postai.scratch.affected import Affected
from postai.scratch.copies import LOCK_TIMEOUT_MS, lock_not_obtained, undone
from postai.scratch.harmless import Harmless

_TRIES = 3


@dataclass(frozen=True)
class Definitions:
    """What to run, in order, to make a copy.

    Attributes:
        schemas: names, unquoted.
        extensions, publications: statements; neither belongs to a schema.
        statements: all the rest; a statement may need a later one (then it is tried again).
        filled: REFRESH MATERIALIZED VIEW of those that have been filled, to be run last.
        unsafe: views and materialized views (qualified) whose queries call what must not be called.
    """

    schemas: tuple[str, ...]
    extensions: tuple[str, ...]
    publications: tuple[str, ...]
    statements: tuple[str, ...]
    filled: tuple[str, ...]
    unsafe: frozenset[str]


def read_definitions(
    db: Database, found: Affected, schemas: Iterable[str], harmless: Harmless, deadline: Deadline
) -> Definitions:
    """Read the definitions from the system catalogs.

    Locks that PostgreSQL takes while it writes definitions out (ACCESS SHARE) end with the reading.

    Args:
        db: a session of the real database.
        found: what to copy.
        schemas: schemas that statements name, to be there even if empty.
        harmless: judge of functions.
        deadline: checked before each try.

    Raises:
        LockNotObtained: somebody is changing one of the tables.
    """
    for _ in range(_TRIES):
        deadline.check()
        try:
            with undone(db):
                db.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}; set local search_path = pg_catalog")
                db.execute("set local jit = off")
                return _Reading(db, found, harmless).all(schemas)
        except ServerError as error:
            if error.sqlstate != "55P03":
                raise
    raise lock_not_obtained()


class _Reading:
    """One reading of all definitions."""

    def __init__(self, db: Database, found: Affected, harmless: Harmless) -> None:
        self._db = db
        self._found = found
        self._harmless = harmless
        self._relations = sorted(found.relations)

    def all(self, schemas: Iterable[str]) -> Definitions:
        relations = self._relations
        views = self._rows("views", relations)
        tables = self._rows("tables", relations)
        sequences = self._rows("sequences", relations)
        partitions = self._rows("partitions", relations)
        keys = self._rows("keys", relations)
        foreign = any(row[1] == "f" for row in tables)
        statements = [
            *(["create foreign data wrapper postai_none", "create server postai_none foreign data wrapper postai_none"]
              if foreign else []),
            *self._texts("collations", "pg_collation"),
            *self._texts("types", "pg_type"),
            *self._functions(),
            *self._texts("aggregates", "pg_proc"),
            *self._texts("operators", "pg_operator"),
            *self._texts("domain_checks", "pg_type"),
            *(row[1] for row in sequences),
            *(row[2] for row in tables),
            *(text for _, text, of_index in partitions if not of_index),
            *(row[2] for row in sequences if row[2]),
            *self._changes("column_settings", 3),
            *(text for _, text, of_view in keys if not of_view),
            *(text for _, text, of_index in partitions if of_index),
            *(row[2] for row in views),
            *(text for _, text, of_view in keys if of_view),
            *self._changes("constraints", 2),
            *self._changes("attached", 4),
            *self._changes("flags", 6),
        ]  # fmt: skip
        unsafe = {name: oid for oid, *_, name, query in views if not self._harmless.passes(query)}
        reading = {oid for (oid,) in self._rows("reading", sorted(unsafe.values()))}
        filled = [f"refresh materialized view {row[4]}" for row in views if row[3] and row[0] not in reading]
        return Definitions(
            tuple(name for (name,) in self._rows("schemas", *self._owners(), sorted(schemas))),
            tuple(
                f"create extension if not exists {quote_ident(name)} schema {quote_ident(schema)} cascade"
                for name, schema in sorted(self._found.extensions.items())
            ),
            tuple(text for row in self._rows("publications", relations) for text in row if text is not None),
            tuple(statements),
            tuple(filled),
            frozenset(row[4] for row in views if row[0] in reading),
        )

    def _owners(self) -> tuple[list[int], ...]:
        return tuple(self._of(catalog) for catalog in ("pg_class", "pg_type", "pg_proc", "pg_collation"))

    def _of(self, catalog: str) -> list[int]:
        return sorted(self._found.needed.get(catalog, ()))

    def _functions(self) -> list[str]:
        """Functions, with their own body only where it just computes."""
        rows = self._rows("functions", self._of("pg_proc"))
        return [own if own and self._harmless.computes(own) else empty for _, empty, own in rows]

    def _texts(self, block: str, catalog: str) -> list[str]:
        return [row[1] for row in self._rows(block, self._of(catalog))]

    def _changes(self, block: str, parameters: int) -> list[str]:
        return [row[1] for row in self._rows(block, *([self._relations] * parameters))]

    def _rows(self, block: str, *parameters: Sequence[object]) -> list[Row]:
        if not any(parameters):
            return []
        return self._db.query(named_sql.load(__package__, "definitions.sql")[block], parameters)
