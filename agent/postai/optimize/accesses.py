"""How a plan reads each table: what an index could be made for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from postai.database.catalog_types import Catalog, Table
from postai.database.identifiers import quote_ident
from postai.optimize.expressions import Clause, Reader, SortTerm, Term

_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Join Filter", "Hash Cond", "Merge Cond")
_AGGREGATES = frozenset({"Aggregate", "Group", "WindowAgg"})

_PARTITION_ALIAS = re.compile(r"(.+)_[0-9]+")
"""Alias that EXPLAIN gives to a partition; nodes above all of them name the whole table: what stands before _."""

Node = Mapping[str, Any]


@dataclass
class Access:
    """One reading of one table in one plan.

    Attributes:
        table: of a partition: the partitioned table.
        alias: in the plan.
        clauses: conditions against constants, parameters and the like.
        joins: conditions against other tables.
        orders: sort keys that a Sort, or an index read for its order, gives.
        groups: keys of GROUP BY or DISTINCT.
        distances: ORDER BY column <-> value.
        extremes: terms of min() and max() over nothing but this table.
        needed: columns that the statement reads of it.
        returned: those of them that are not read for a condition of the scan alone.
        limited: whether a LIMIT stands above.
        paths: scan nodes with their ancestors, innermost first.
    """

    table: Table
    alias: str
    clauses: list[Clause] = field(default_factory=list)
    joins: list[Clause] = field(default_factory=list)
    orders: list[tuple[SortTerm, ...]] = field(default_factory=list)
    groups: list[tuple[SortTerm, ...]] = field(default_factory=list)
    distances: list[Clause] = field(default_factory=list)
    extremes: list[Term] = field(default_factory=list)
    needed: set[str] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    limited: bool = False
    paths: list[tuple[Node, ...]] = field(default_factory=list)


def read_accesses(root: Node, catalog: Catalog) -> list[Access]:
    """The accesses of a plan (EXPLAIN (VERBOSE, FORMAT JSON)); tables that are not in the catalog are left out."""
    return _PlanReader(root, catalog).read()


class _PlanReader:
    def __init__(self, root: Node, catalog: Catalog) -> None:
        self._catalog = catalog
        self._nodes = list(_walk(root, ()))
        tables: dict[str, Table] = {}
        self._first: dict[str, str] = {}
        for node, above in self._nodes:
            table = catalog.table(node.get("Schema", ""), node.get("Relation Name", ""))
            if table is not None and "Alias" in node:
                tables[node["Alias"]] = table
                self._first[node["Alias"]] = self._representative(node, above)
        for alias, table in list(tables.items()):
            parent = _PARTITION_ALIAS.fullmatch(alias)
            if parent is not None and table.parent_oid is not None and parent[1] not in tables:
                tables[parent[1]] = _whole(catalog, table)
                self._first[parent[1]] = self._first[alias]
        self._reader = Reader(tables)
        self._accesses = {alias: Access(_whole(catalog, tables[alias]), alias) for alias in self._first.values()}

    def read(self) -> list[Access]:
        for node, above in self._nodes:
            self._conditions(node)
            self._orders(node, above)
            self._needed(node, above)
            if node.get("Alias") in self._first:
                access = self._access(node["Alias"])
                access.paths.append((node, *above))
                access.limited |= any(one["Node Type"] == "Limit" for one in above)
        for access in self._accesses.values():
            access.clauses = list(dict.fromkeys(access.clauses))
            access.joins = list(dict.fromkeys(access.joins))
            access.orders = list(dict.fromkeys(access.orders))
        return list(self._accesses.values())

    def _representative(self, node: Node, above: Sequence[Node]) -> str:
        """Partitions under one Append are read alike: the alias of the first stands for all of them."""
        for parent in above:
            if parent["Node Type"] in ("Append", "Merge Append"):
                return _first_alias(parent) or str(node["Alias"])
            if parent["Node Type"] not in ("Gather", "Sort", "Incremental Sort", "Bitmap Heap Scan"):
                break
        return str(node["Alias"])

    def _access(self, alias: str) -> Access:
        return self._accesses[self._first[alias]]

    def _conditions(self, node: Node) -> None:
        for name in _CONDITIONS:
            if name in node:
                for clause in self._reader.conditions(node[name]):
                    if clause.terms:
                        access = self._access(clause.term.alias)
                        join = clause.value is not None and clause.value.kind == "join"
                        (access.joins if join else access.clauses).append(self._moved(clause))
                self._names(node[name], returned="Relation Name" not in node and "Index Name" not in node)

    def _moved(self, clause: Clause) -> Clause:
        """The clause with the representative alias."""
        alias = self._first[clause.term.alias]
        if alias == clause.term.alias:
            return clause
        return replace(clause, terms=tuple(replace(one, alias=alias) for one in clause.terms))

    def _orders(self, node: Node, above: Sequence[Node]) -> None:
        keys = node.get("Sort Key") or ()
        if keys:
            order = self._reader.order(keys)
            if order:
                self._access(order[0].term.alias).orders.append(order)
            for one in self._reader.distances(keys):
                self._access(one.term.alias).distances.append(one)
        for text in (*keys, *(node.get("Group Key") or ())):
            self._names(text)
        if node.get("Group Key") and (group := self._reader.order(node["Group Key"])):
            self._access(group[0].term.alias).groups.append(group)
        if node["Node Type"] == "Aggregate" and "Group Key" not in node:
            for term in self._reader.extremes(node.get("Output") or ()):
                self._access(term.alias).extremes.append(term)
        ordered = node["Node Type"] in ("Index Scan", "Index Only Scan") and "Order By" not in node
        if ordered and any(one["Node Type"] == "Limit" for one in above) and node.get("Alias") in self._first:
            self._order_of_index(node)

    def _order_of_index(self, node: Node) -> None:
        """The order in which an existing index is read: one with the conditions in front may be better."""
        access = self._access(node["Alias"])
        table = self._catalog.table(node["Schema"], node["Relation Name"])
        for index in table.indexes if table is not None else ():
            if index.name == node.get("Index Name") and index.method == "btree":
                backward = node.get("Scan Direction") == "Backward"
                terms = [
                    SortTerm(term, backward, backward)
                    for name in index.columns
                    if name is not None and (term := Term(access.alias, quote_ident(name), name, frozenset({name})))
                ]
                if len(terms) == len(index.columns):
                    access.orders.append(tuple(terms))

    def _needed(self, node: Node, above: Sequence[Node]) -> None:
        """Columns that nodes name; a scan's own output may hold every column for want of a reason to leave them out."""
        if "Relation Name" in node and any(one["Node Type"] != "Limit" for one in above):
            return
        for text in node.get("Output") or ():
            self._names(text)

    def _names(self, text: str, *, returned: bool = True) -> None:
        for alias, column in self._reader.columns(text):
            self._access(alias).needed.add(column)
            if returned:
                self._access(alias).returned.add(column)


def _walk(node: Node, above: tuple[Node, ...]) -> Iterator[tuple[Node, tuple[Node, ...]]]:
    waiting = [(node, above)]
    while waiting:
        one, ancestors = waiting.pop()
        yield one, ancestors
        waiting.extend((child, (one, *ancestors)) for child in one.get("Plans", ()))


def _first_alias(node: Node) -> str | None:
    found = [(one["Relation Name"], one["Alias"]) for one, _ in _walk(node, ()) if "Alias" in one and "Schema" in one]
    return min(found)[1] if found else None


def _whole(catalog: Catalog, table: Table) -> Table:
    """The partitioned table that a partition belongs to."""
    while table.kind in ("partition", "partitioned") and table.parent_oid is not None:
        parent = catalog.by_oid(table.parent_oid)
        if parent is None:
            break
        table = parent
    return table
