"""Indexes on copies that come and go between plans."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from google.protobuf.message import Message

from postai.database import Database, ServerError, named_sql
from postai.database.identifiers import qualified, quote_literal
from postai.scratch.copied_tables import CopiedTables
from postai.scratch.redirect import redirect_index
from postai.scratch.script import Script

_MAKING = "postai_making"

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
        relations: qualified and quoted name -> name; more than one for a partitioned table.
        shown: whether the planner sees it.
    """

    name: str
    relations: dict[str, str]
    shown: bool = True


class ShownIndexes:
    """The indexes of one set of copies.

    A superuser, or a function that one has installed, hides an index by calling it invalid; others drop it and make it
    again, which takes longer the larger the copy is.

    Args:
        script: of the session; what has to be written may wait in it.
    """

    def __init__(self, db: Database, script: Script, copies: CopiedTables) -> None:
        self._db = db
        self._script = script
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
        self.make([one for statement, one in here.items() if statement not in self._made])
        self._set_valid([made for statement in here if not (made := self._made[statement]).shown], valid=True)

    def make(self, some: Collection[WantedIndex]) -> None:
        """Build those that are not there yet; they are shown.

        Raises:
            ServerError: PostgreSQL would not build one of them; then none of these is built.
        """
        made: dict[str, _Made] = {}
        statements = []
        new = [one for one in some if one.statement not in self._made]
        for one in new:
            copy = self._copies.tables[one.table]
            name = f"postai_new_{self._count}"
            self._count += 1
            full = qualified(copy.place, name)
            made[one.statement] = _Made(full, {full: name})
            statements.append(redirect_index(one.tree, name, copy.place, copy.name, whole=True))
        if not new:
            return
        self._script.add(f"savepoint {_MAKING}", *statements, f"release savepoint {_MAKING}")
        try:
            self._script.run()
        except ServerError:
            self._db.execute(f"rollback to savepoint {_MAKING}; release savepoint {_MAKING}")
            raise
        self._made.update(made)
        whole = {made[one.statement].name for one in new if self._copies.tables[one.table].partitioned}
        if whole:
            by_name = {index.name: index for index in made.values()}
            for root, schema, name in self._db.query(_block("names_of"), (list(whole),)):
                by_name[root].relations[qualified(schema, name)] = name
        if self._db.server_version < 180000:
            self._copies.write_sizes(self._db, {one.table for one in new})

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
        away = list(statements)
        if self._copies.writer != "owner":
            self._set_valid([self._made[one] for one in statements], valid=False)
            away = [one for one, made in self._made.items() if not made.shown] if len(self._made) > MOST_KEPT else []
        if away:
            self._script.add(f"drop index {', '.join(self._made.pop(one).name for one in away)}")

    def _set_valid(self, some: Collection[_Made], *, valid: bool) -> None:
        for made in some:
            made.shown = valid
        if some:
            names = ", ".join(quote_literal(name) for made in some for name in made.relations)
            if self._copies.writer == "superuser":
                self._script.add(_block("set_valid") % (valid, names))
            else:
                self._script.add(_block("ask_valid") % (names, valid))


def _block(name: str) -> str:
    return named_sql.load(__package__, "planner.sql")[name]
