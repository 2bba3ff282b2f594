"""Indexes on copies that come and go between plans."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from google.protobuf.message import Message

from postai.database import Database, named_sql
from postai.database.identifiers import qualified
from postai.scratch.copied_tables import CopiedTables
from postai.scratch.redirect import redirect_index

MOST_KEPT = 500
"""Hidden indexes that are kept at most: each holds a lock of its own."""


@dataclass(frozen=True)
class WantedIndex:
    """A CREATE INDEX statement, parsed.

    Attributes:
        statement: its text, by which it is known.
        tree: its IndexStmt.
        table: oid of the real table.
    """

    statement: str
    tree: Message = field(compare=False, repr=False)
    table: int


@dataclass
class _Made:
    """An index on a copy.

    Attributes:
        name: qualified and quoted.
        relations: names by oid; more than one for a partitioned table.
        shown: whether the planner sees it.
    """

    name: str
    relations: dict[int, str]
    shown: bool = True


class ShownIndexes:
    """The indexes of one set of copies.

    A superuser hides an index by calling it invalid; others drop it and make it again, which takes longer the larger
    the copy is.
    """

    def __init__(self, db: Database, copies: CopiedTables) -> None:
        self._db = db
        self._copies = copies
        self._made: dict[str, _Made] = {}
        self._count = 0

    def change(self, wanted: Collection[WantedIndex]) -> bool:
        """Whether `show` would have to write something."""
        here = {one.statement for one in wanted if one.table in self._copies.tables}
        return here != {statement for statement, made in self._made.items() if made.shown}

    def show(self, wanted: Collection[WantedIndex]) -> None:
        """Let exactly these exist for the planner, those of them whose tables are copied.

        Raises:
            ServerError: PostgreSQL would not build one of them; the others may be shown or not.
        """
        here = {one.statement: one for one in wanted if one.table in self._copies.tables}
        self._hide([statement for statement, made in self._made.items() if made.shown and statement not in here])
        hidden = [made for statement in here if (made := self._made.get(statement)) and not made.shown]
        self._set_valid(hidden, valid=True)
        for statement, one in here.items():
            if statement not in self._made:
                self.make(one)

    def make(self, one: WantedIndex) -> None:
        """Build one, if it is not there yet.

        Raises:
            ServerError: PostgreSQL would not build it.
        """
        if one.statement in self._made:
            return
        copy = self._copies.tables[one.table]
        name = f"postai_new_{self._count}"
        self._count += 1
        made = _Made(qualified(copy.place, name), {})
        with self._db.transaction():
            self._db.execute(redirect_index(one.tree, name, copy.place, copy.name, whole=True))
            made.relations.update(self._db.query(_block("names_of"), (made.name,)))
        if self._db.server_version < 180000:
            self._copies.write_sizes(self._db, [one.table])
        self._made[one.statement] = made

    def names(self, wanted: Collection[WantedIndex]) -> dict[str, str]:
        """Names in plans of those that are shown -> statement."""
        return {
            name: one.statement
            for one in wanted
            if (made := self._made.get(one.statement)) and made.shown
            for name in made.relations.values()
        }

    def _hide(self, statements: Collection[str]) -> None:
        if not statements:
            return
        if self._copies.superuser:
            self._set_valid([self._made[one] for one in statements], valid=False)
            away = [one for one, made in self._made.items() if not made.shown] if len(self._made) > MOST_KEPT else []
        else:
            away = list(statements)
        if away:
            names = ", ".join(self._made.pop(one).name for one in away)
            self._db.execute(f"drop index {names}")

    def _set_valid(self, some: Collection[_Made], *, valid: bool) -> None:
        if some:
            oids = [oid for made in some for oid in made.relations]
            self._db.execute(_block("set_valid"), (valid, oids))
            for made in some:
                made.shown = valid


def _block(name: str) -> str:
    return named_sql.load(__package__, "planner.sql")[name]
