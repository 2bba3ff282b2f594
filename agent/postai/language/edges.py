"""The edges of the graph of joins: foreign keys, joins that people or values tell, and keys guessed from names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from postai.language.known_joins import DirectedJoin
from postai.language.schema import ColumnInfo, TableInfo, looks_unique
from postai.language.word_set import word_set

EdgeSource = Literal["key", "declared", "contained", "named"]
_PLAIN = word_set("id name code key type kind date status title number no nr uuid email year month day level position")
# Single words that name one thing of its kind wherever they stand.
_CODES = word_set("sku isbn issn ean upc iban bic vin imei symbol ticker barcode iata icao ssn username")


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows of `child` refer to at most one row of `parent`; when it is `many`, to any number of them.

    Attributes:
        pairs: (child column, parent column).
        confidence: 1 for a foreign key.
        role: words of the child's column beyond the parent's name ("shipping" of shipping_address_id).
        source: a foreign key, a join that was declared, values of one column that are all in the other, or names.
        many: values repeat on both sides; such an edge comes twice, once from each side, and only leads down.
    """

    child: int
    parent: int
    pairs: tuple[tuple[str, str], ...]
    confidence: float = 1.0
    role: tuple[str, ...] = ()
    source: EdgeSource = "key"
    many: bool = False


def declared(tables: tuple[TableInfo, ...]) -> Iterable[Edge]:
    """Foreign keys."""
    by_name = {(info.table.schema, info.table.name): info for info in tables if info.real is None}
    roles = {(info.holder, info.by): info for info in tables if info.real is not None}
    for info in tables:
        if info.real is not None:
            continue
        for key in info.table.foreign_keys:
            parent = roles.get((info.index, key.columns[0]), by_name.get((key.schema, key.table)))
            if parent is None:
                continue
            pairs = tuple(zip(key.columns, key.referenced_columns, strict=True))
            yield Edge(info.index, parent.index, pairs, 1.0, _role(info.column(key.columns[0]), parent))


def known(tables: tuple[TableInfo, ...], joins: tuple[DirectedJoin, ...]) -> Iterable[Edge]:
    """Joins beside the foreign keys; one that multiplies rows leads down from both of its sides."""
    by_name = {(info.table.schema, info.table.name): info for info in tables if info.real is None}
    roles = {(info.holder, info.by): info for info in tables if info.real is not None}
    for join in joins:
        child = by_name.get((join.child.schema, join.child.table))
        parent = by_name.get((join.parent.schema, join.parent.table))
        if child is None or parent is None:
            continue
        parent = roles.get((child.index, join.child.column), parent)
        if join.many and child.index == parent.index:
            continue
        pair = (join.child.column, join.parent.column)
        role = _role(child.column(pair[0]), parent)
        yield Edge(child.index, parent.index, (pair,), join.confidence, role, join.source, join.many)
        if join.many:
            role = _role(parent.column(pair[1]), child)
            yield Edge(parent.index, child.index, (pair[::-1],), join.confidence, role, join.source, True)


def _role(column: ColumnInfo, parent: TableInfo) -> tuple[str, ...]:
    known = {*parent.words, "id", "code", "key", "uuid"}
    return tuple(word for word in column.words if word not in known)


def inferred(tables: tuple[TableInfo, ...], told: tuple[Edge, ...]) -> Iterable[Edge]:
    """Keys guessed from names: `customer_id` refers to `customers.id` or `customers.customer_id`.

    Args:
        told: edges that are known; a column with one is not guessed about.
    """
    plain = [info for info in tables if info.table.kind not in ("view", "matview") and info.real is None]
    keys: dict[tuple[str, ...], list[tuple[TableInfo, ColumnInfo, float]]] = defaultdict(list)
    for info in plain:
        for column in info.columns:
            score = _key_likeness(info, column)
            if score:
                keys[_full_words(info, column)].append((info, column, score))
                if column.words != _full_words(info, column) and (len(column.words) > 1 or column.words[0] in _CODES):
                    keys[column.words].append((info, column, score))
    single: dict[tuple[str, ...], list[TableInfo]] = defaultdict(list)
    keyed: dict[str, list[TableInfo]] = defaultdict(list)
    for info in plain:
        if len(info.key) == 1:
            single[info.words].append(info)
        if len(info.table.primary_key) == 1:
            keyed[info.table.primary_key[0]].append(info)
    known_children = {(edge.child, edge.pairs[0][0]) for edge in told if not edge.many}
    joined = {frozenset({(edge.child, edge.pairs[0][0]), (edge.parent, edge.pairs[0][1])}) for edge in told}
    for info in plain:
        for column in info.columns:
            if column.refers or (info.key == (column.name,) and column.own in (("id",), ("uuid",), ("key",))):
                continue
            if (info.index, column.name) in known_children or _own_number(info, column):
                continue
            guesses = [*_guesses(info, column, keys), *_named_like_table(info, column, single)]
            for edge in guesses or _named_like_key(info, column, keyed):
                ends = {(edge.child, edge.pairs[0][0]), (edge.parent, edge.pairs[0][1])}
                if frozenset(ends) not in joined:
                    yield edge


def _own_number(info: TableInfo, column: ColumnInfo) -> bool:
    """`order_item_id`, the first column of order_items, numbers its own rows."""
    return column.column.number == 1 and len(info.words) > 1 and column.words == (*info.words, "id")


def _full_words(info: TableInfo, column: ColumnInfo) -> tuple[str, ...]:
    return (*info.words, *column.own)


def _key_likeness(info: TableInfo, column: ColumnInfo) -> float:
    if column.refers:
        return 0.0
    own_id = column.own[-1] in ("id", "uuid", "key", "code") and len(column.own) == 1
    if own_id and (info.key == (column.name,) or column.is_key):
        return 0.9
    if own_id and column.column.number <= 2 and not info.table.primary_key:
        return 0.8
    if (
        column.column.number == 1
        and column.words[-1] == "id"
        and column.kind != "other"
        and (looks_unique(column.column) or column.is_key)
    ):
        return 0.75
    if column.own[-1] in _CODES and (column.is_key or looks_unique(column.column)):
        return 0.65
    if (
        column.words[-1] == "name"
        and len(column.words) > 1
        and column.own[0] not in ("first", "last", "full")
        and looks_unique(column.column)
    ):
        return 0.6
    return 0.0


def _guesses(
    info: TableInfo, column: ColumnInfo, keys: dict[tuple[str, ...], list[tuple[TableInfo, ColumnInfo, float]]]
) -> Iterable[Edge]:
    words = column.words
    for skipped in range(len(words)):
        wanted = words[skipped:]
        if len(wanted) < 2 and wanted[0] not in _CODES:
            return
        found = [
            (parent, key, score)
            for parent, key, score in keys.get(wanted, ())
            if not (parent.index == info.index and key.name == column.name) and _same_type(column, key)
        ]
        found = [one for one in found if one[0].index != info.index or skipped] or []
        if info.key == (column.name,) and skipped == 0:
            # Two tables with the same key word: the one whose name it carries is the parent.
            found = [one for one in found if one[1].own != one[1].words or one[0].words == wanted[:-1]]
        if found:
            best = max(score for _, _, score in found)
            for parent, key, score in found:
                if score == best and not _mutual(info, column, parent):
                    confidence = round(score - 0.1 * bool(skipped), 2)
                    yield Edge(
                        info.index, parent.index, ((column.name, key.name),), confidence, words[:skipped], "named"
                    )
            return


def _named_like_table(
    info: TableInfo, column: ColumnInfo, single: dict[tuple[str, ...], list[TableInfo]]
) -> Iterable[Edge]:
    """A number or uuid that is called as a table is, `semester` beside a table semesters, refers to its rows."""
    if column.kind not in ("number", "other") or column.is_key or column.is_id:
        return
    for parent in single.get(column.words, ()):
        if parent.index == info.index:
            continue
        key = parent.column(parent.key[0])
        if _same_type(column, key) and key.is_id:
            yield Edge(info.index, parent.index, ((column.name, key.name),), 0.65, (), "named")


def _named_like_key(info: TableInfo, column: ColumnInfo, keyed: dict[str, list[TableInfo]]) -> Iterable[Edge]:
    """A column that is called as the only key of one other table is, `orderno` beside `order_head.orderno`."""
    if column.name.lower() in _PLAIN or info.key == (column.name,):
        return
    parents = [parent for parent in keyed.get(column.name, ()) if parent.index != info.index]
    if len(parents) == 1 and _same_type(column, parents[0].column(column.name)):
        yield Edge(info.index, parents[0].index, ((column.name, column.name),), 0.8, (), "named")


def _mutual(info: TableInfo, column: ColumnInfo, parent: TableInfo) -> bool:
    """Whether the guess would go from the entity to its detail table: its own key is not a reference."""
    return info.words == column.words[:-1] and parent.words != info.words and info.key == (column.name,)


def _same_type(one: ColumnInfo, other: ColumnInfo) -> bool:
    return one.kind == other.kind and one.kind in ("number", "text", "other")
