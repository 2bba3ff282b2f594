"""Existing indexes that a new one makes superfluous."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

from google.protobuf.message import Message

from postai.database import Database, named_sql
from postai.database.catalog_types import Catalog, Index, Table
from postai.errors import Refused
from postai.optimize.types import IndexDefinition
from postai.sql.parse import parse_one, write


@dataclass(frozen=True)
class Shape:
    """What decides whether one index can stand in for another.

    Attributes:
        keys: column or expression with operator class, collation and order, each as text.
        include: columns of INCLUDE.
        where: the predicate as text; "" = none.
    """

    method: str
    keys: tuple[str, ...]
    include: frozenset[str]
    where: str

    def covers(self, other: Shape) -> bool:
        """Whether an index of this shape serves every scan that one of the other shape serves."""
        if self.method != "btree" or other.method != "btree" or self.where != other.where:
            return False
        if self.keys[: len(other.keys)] != other.keys:
            return False
        held = {*self.keys, *self.include}
        return other.include <= held


def superfluous(
    db: Database, catalog: Catalog, new: Iterable[IndexDefinition]
) -> dict[IndexDefinition, list[tuple[Table, Index]]]:
    """Existing indexes that can go once a new one is there, each with the first new one that does its work.

    Never those that enforce uniqueness, belong to a constraint, identify rows for replication, order the table for
    CLUSTER, or are part of a partitioned table's index.
    """
    found: dict[IndexDefinition, list[tuple[Table, Index]]] = {}
    for one in new:
        table = catalog.by_oid(one.table_oid)
        wanted = shape(one.statement("postai_new"))
        if table is None or wanted is None:
            continue
        taken = {index.oid for some in found.values() for _, index in some}
        for index in table.indexes:
            old = shape(index.definition) if index.valid and not index.unique and index.oid not in taken else None
            if old is not None and wanted.covers(old):
                found.setdefault(one, []).append((table, index))
    oids = [index.oid for some in found.values() for _, index in some]
    if not oids:
        return {}
    kept = {oid for (oid,) in db.query(named_sql.load(__package__, "facts.sql")["indispensable"], (oids,))}
    return {one: rest for one, some in found.items() if (rest := [pair for pair in some if pair[1].oid not in kept])}


def shape(definition: str) -> Shape | None:
    """The shape of a CREATE INDEX statement; None when it cannot be read."""
    try:
        tree = parse_one(definition).tree if definition else None
    except Refused:
        return None
    if tree is None or tree.DESCRIPTOR.name != "IndexStmt":
        return None
    keys = tuple(_key(one.index_elem) for one in tree.index_params)
    include = frozenset(one.index_elem.name for one in tree.index_including_params)
    where = _text(tree.where_clause) if tree.HasField("where_clause") else ""
    return Shape(tree.access_method or "btree", keys, include, where)


def written_again(definition: str, *, concurrently: bool) -> str | None:
    """The statement that makes an index again; an index of a partitioned table cannot be made CONCURRENTLY.

    Returns:
        None = its definition cannot be written back faithfully.
    """
    # The message classes are generated: their fields are not known to the type checker.
    tree = cast("Any", parse_one(definition).tree)
    tree.concurrent = concurrently
    tree.relation.inh = True
    try:
        return write(tree)
    except Refused:
        return None


def _key(element: Message) -> str:
    text = element.name or _text(element.expr)
    names = [*element.collation, *element.opclass]
    parts = [text, *(one.string.sval for one in names)]
    if element.ordering not in (0, 1, 2):  # undefined, default, ascending
        parts.append("desc")
    if element.nulls_ordering not in (0, 1):
        parts.append(f"nulls {element.nulls_ordering}")
    return " ".join(parts)


def _text(expression: Message) -> str:
    select = parse_one("SELECT 1").tree
    select.target_list[0].res_target.val.CopyFrom(expression)
    try:
        return write(select)
    except Refused:
        return repr(expression)
