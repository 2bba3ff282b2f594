"""CREATE and DROP INDEX CONCURRENTLY: what they should leave behind, and what they leave when they are interrupted.

An interrupted CREATE INDEX CONCURRENTLY leaves an INVALID index that costs every write and that IF NOT EXISTS takes for
the index asked for; an interrupted DROP leaves one that is invalid too. So the state of the index is looked at, never
remembered.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

import postgast

from postai.database import Database
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.errors import Refused
from postai.sql.parse import parse_one

IndexCondition = Literal["absent", "valid", "building", "invalid"]


@dataclass(frozen=True)
class IndexWork:
    """A CONCURRENTLY statement about one index.

    Attributes:
        kind: "create" or "drop".
        schema, name: of the index.
        statement: its text.
    """

    kind: Literal["create", "drop"]
    schema: str
    name: str
    statement: str

    @property
    def drop_statement(self) -> str:
        """The statement that removes the index without blocking anybody."""
        return f"DROP INDEX CONCURRENTLY IF EXISTS {qualified(self.schema, self.name)}"


@dataclass(frozen=True)
class IndexState:
    """What is there under the index's name.

    Attributes:
        condition: "building" = somebody's CREATE INDEX works on it at this moment.
        definition: CREATE INDEX statement as the server writes it; "" when absent.
    """

    condition: IndexCondition
    definition: str = ""


def recognise(statement: str) -> IndexWork | None:
    """The work of a CREATE or DROP INDEX CONCURRENTLY; None for any other statement.

    Raises:
        Refused: a form whose result could not be told from an interrupted one.
    """
    # The message classes are generated: their fields are not known to the type checker.
    tree = cast("Any", parse_one(statement).tree)
    kind = type(tree).__name__
    if kind == "IndexStmt" and tree.concurrent:
        if not tree.idxname:
            raise Refused(
                "the index has no name", hint="Name it: CREATE INDEX CONCURRENTLY name ON schema.table (...)."
            )
        if tree.if_not_exists:
            raise Refused(
                "CREATE INDEX CONCURRENTLY IF NOT EXISTS takes a broken index for a good one",
                hint="Leave IF NOT EXISTS out; an index that is already there is found.",
            )
        return IndexWork("create", tree.relation.schemaname, tree.idxname, statement)
    if kind == "DropStmt" and tree.concurrent:
        names = [part.string.sval for part in tree.objects[0].list.items]
        if len(names) != 2:
            raise Refused("the index is named without its schema", hint="Write schema.index.")
        return IndexWork("drop", names[0], names[1], statement)
    return None


def look(db: Database, work: IndexWork) -> IndexState:
    """The index as it is now."""
    rows = db.query(load(__package__, "objects.sql")["index_state"], [work.schema, work.name])
    if not rows:
        return IndexState("absent")
    _, _, valid, definition, building = rows[0]
    return IndexState("valid" if valid else "building" if building else "invalid", definition)


def same_index(statement: str, definition: str) -> bool:
    """Whether a CREATE INDEX statement and the server's definition of an index say the same, by their text."""
    return _plain(statement) == _plain(definition)


def _plain(statement: str) -> str:
    result = postgast.parse(statement)
    tree = result.stmts[0].stmt.index_stmt
    tree.concurrent = False
    tree.if_not_exists = False
    tree.access_method = tree.access_method or "btree"
    return str(postgast.deparse(result))
