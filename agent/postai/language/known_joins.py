"""Joins that people declared or that values show: which side is the row and which the reference.

A catalog's `joins` say only that two columns hold the same things. Keys, statistics and names tell on which side each
value stands once; where both sides repeat values the join multiplies rows and is marked so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from postai.database.catalog import Catalog, Column, ColumnName, KnownJoin, Table
from postai.database.catalog_types import JoinSource
from postai.language.identifiers import pieces
from postai.language.words import singular

_ID_WORDS = frozenset({"id", "uuid", "guid", "key", "code", "no", "number"})


@dataclass(frozen=True, slots=True)
class DirectedJoin:
    """Each row of the child's table meets at most one row of the parent's, unless it is `many`.

    Attributes:
        many: values repeat on both sides.
        source: who says so.
        confidence: 0 to 1.
    """

    child: ColumnName
    parent: ColumnName
    many: bool
    source: JoinSource
    confidence: float


def directed_joins(catalog: Catalog) -> tuple[DirectedJoin, ...]:
    """The catalog's joins with their directions; what a foreign key says already is left out, as is a repetition."""
    found: dict[frozenset[ColumnName], DirectedJoin] = {}
    for join in catalog.joins:
        pair = frozenset({join.left, join.right})
        known = found.get(pair)
        if len(pair) < 2 or (known is not None and known.confidence >= join.confidence):
            continue
        directed = _directed(catalog, join)
        if directed is not None:
            found[pair] = directed
    return tuple(_needed(tuple(found.values())))


def _needed(joins: tuple[DirectedJoin, ...]) -> Iterable[DirectedJoin]:
    """Two tables that meet in one row need no second join by columns that repeat."""
    single = {_tables(join) for join in joins if not join.many}
    return (join for join in joins if not join.many or _tables(join) not in single)


def _tables(join: DirectedJoin) -> frozenset[tuple[str, str]]:
    return frozenset({(join.child.schema, join.child.table), (join.parent.schema, join.parent.table)})


def _directed(catalog: Catalog, join: KnownJoin) -> DirectedJoin | None:
    left, right = catalog.table(join.left.schema, join.left.table), catalog.table(join.right.schema, join.right.table)
    if left is None or right is None:
        return None
    one, other = left.column(join.left.column), right.column(join.right.column)
    if one is None or other is None or _is_foreign_key(left, one, right, other):
        return None
    first, second = (_singleness(left, one), _likeness(left, one)), (_singleness(right, other), _likeness(right, other))
    many = first[0] == second[0] and (first[0] == 0 or (first[0] == 1 and first[1] == second[1] == 0))
    if join.source == "contained" and first[0] == second[0] > 0:
        first, many = second, False  # the values of the left side are all in the right one
    child, parent = (join.right, join.left) if first > second else (join.left, join.right)
    return DirectedJoin(child, parent, many, join.source, join.confidence)


def _is_foreign_key(left: Table, one: Column, right: Table, other: Column) -> bool:
    return any(
        key.columns == (child,) and key.referenced_columns == (parent,) and key.table_oid == target.oid
        for table, child, target, parent in ((left, one.name, right, other.name), (right, other.name, left, one.name))
        for key in table.foreign_keys
    )


def _singleness(table: Table, column: Column) -> int:
    """How surely a value stands in one row only: 3 declared, 2 seen by ANALYZE, 1 not known, 0 values repeat."""
    if table.primary_key == (column.name,) or (column.name,) in table.unique:
        return 3
    if column.statistics is None or not table.row_estimate:
        return 1
    return 2 if column.statistics.n_distinct == -1 else 0


def _likeness(table: Table, column: Column) -> int:
    """How much a column looks like the key of its own table: `id`, `customer_id` of customers, the first column."""
    words = [singular(word) for word in pieces(column.name)]
    nouns = {singular(word) for word in pieces(table.name)}
    folded = singular(table.name.lower())
    bare = len(words) == 1 and words[0] in _ID_WORDS
    rest = [word for word in words if word not in _ID_WORDS]
    own = bool(rest) and (set(rest) == nouns or "".join(words).startswith(folded))
    part = bool(rest) and set(rest) <= nouns
    return 4 * (bare or own) + 2 * part + (column.number == 1 and (bare or len(rest) < len(words)))
