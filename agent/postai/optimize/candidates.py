"""B-tree indexes that could serve an access: equality columns, then one range or an order, then what is only read.

The planner judges them afterwards; here only what can never serve is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from postai.database.catalog_types import Table
from postai.database.identifiers import quote_literal
from postai.optimize.accesses import Access
from postai.optimize.expressions import Clause, SortTerm, Term, pattern_beginning
from postai.optimize.facts import Facts
from postai.optimize.types import IndexDefinition, IndexKey

MOST_KEYS = 4
"""Longest key that is proposed, without INCLUDE."""

MOST_INCLUDED = 4
MOST_INCLUDED_BYTES = 72.0
"""What INCLUDE may add to each entry; more of it rarely fits into memory with the rest."""

MOSTLY_NULL = 0.3
"""Share of nulls from which on an index without them is worth an alternative."""

MOST_STATES = 100.0
"""Distinct values up to which a constant is taken for a state of the row, and not for one row or customer of many."""
MOST_CODES = 10.0
"""The same of numbers, which more often than words stand for another row."""
_WORDS = frozenset({"text", "varchar", "bpchar", "enum", "bool"})

DOMINANT = 0.5
"""Share of the most common value from which on an index without it is worth an alternative."""

MOSTLY_VISIBLE = 0.5
"""Share of all-visible pages from which on an index-only scan can pay."""

SMALL_ROWS = 1000
"""Tables below this size are read as a whole in less time than any index saves."""

_DATES = frozenset({"date", "timestamp", "timestamptz", "time", "timetz"})


def too_small(facts: Facts, table: Table) -> bool:
    """Whether no index on the table can pay."""
    return facts.of(table).rows < SMALL_ROWS or facts.of(table).pages < 8


def is_small(table: Table) -> bool:
    """As `too_small`, by the catalog alone: a table by itself (no view, no partition of anything) with few rows."""
    rows = table.row_estimate
    return table.kind in ("table", "matview") and rows is not None and rows < SMALL_ROWS


def btree_candidates(access: Access, facts: Facts, fixed: frozenset[str]) -> Iterator[IndexDefinition]:
    """B-tree indexes for one access.

    Args:
        access: from a plan.
        facts: of its table.
        fixed: texts of conditions on constants that stand in the statement itself, whatever its parameters are; only
            those may become predicates.
    """
    return _Btrees(access, facts, fixed).candidates()


class _Btrees:
    def __init__(self, access: Access, facts: Facts, fixed: frozenset[str]) -> None:
        self._access = access
        self._table = access.table
        self._facts = facts
        self._fixed = fixed

    def candidates(self) -> Iterator[IndexDefinition]:
        made: dict[IndexDefinition, None] = {}
        for keys, clauses in self._sequences():
            for where in self._predicates(keys, clauses):
                plain = self._index(keys, where)
                if not self._exists(plain):
                    made.setdefault(plain)
                covering = self._covering(plain)
                if covering is not None:
                    made.setdefault(covering)
        return iter(made)

    def _sequences(self) -> Iterator[tuple[tuple[IndexKey, ...], tuple[Clause, ...]]]:
        """Keys, and the equality clauses that they were made from."""
        access = self._access
        arms = [arm for one in access.clauses if one.kind == "or" for arm in one.arms]
        joined = self._joined()
        for clauses in (tuple(access.clauses), *arms):
            equal = self._equal(clauses)
            for fixed in self._prefixes(equal):
                yield from self._with_tails(fixed, clauses)
            for others in joined:
                for fixed in ((*others, *equal), (*equal, *others)) if equal else (others,):
                    yield from self._with_tails(fixed, clauses)
        for term in access.extremes:
            equal = self._equal(tuple(access.clauses))
            yield _keys((*_keys_of(equal), _key(term))), tuple(access.clauses)

    def _prefixes(self, equal: tuple[Clause, ...]) -> list[tuple[Clause, ...]]:
        """Choices of equality clauses: all, all without the fixed ones, each alone, none."""
        found = [equal[:MOST_KEYS], tuple(one for one in equal if one.text not in self._fixed), ()]
        found += [(one,) for one in equal[:MOST_KEYS]]
        return list(dict.fromkeys(found))

    def _equal(self, clauses: Sequence[Clause]) -> tuple[Clause, ...]:
        """Clauses that fix a term to one value or a few, the most selective first, one for each term."""
        kinds = ("equal", "in", "null")
        found = {one.term.text: one for one in clauses if one.kind in kinds and not self._is_boolean(one.term)}
        return tuple(sorted(found.values(), key=lambda one: (-self._distinct(one), one.kind == "in", one.term.text)))

    def _distinct(self, clause: Clause) -> float:
        if clause.kind == "null":
            return 2.0
        names = clause.term.columns
        rows = self._facts.of(self._table).rows
        return max((self._facts.column(self._table, name).distinct(rows) for name in names), default=1.0)

    def _joined(self) -> list[tuple[Clause, ...]]:
        """Join columns: of each other table together, and each alone."""
        equal = [one for one in self._access.joins if one.kind == "equal"]
        by_other: dict[str, dict[str, Clause]] = {}
        for one in equal:
            other = one.value.terms[0].alias if one.value is not None and one.value.terms else ""
            by_other.setdefault(other, {}).setdefault(one.term.text, one)
        found = [tuple(sorted(one.values(), key=lambda c: -self._distinct(c))) for one in by_other.values()]
        found += [(one,) for one in {one.term.text: one for one in equal}.values()]
        return list(dict.fromkeys(found))

    def _with_tails(
        self, fixed: tuple[Clause, ...], clauses: tuple[Clause, ...]
    ) -> Iterator[tuple[tuple[IndexKey, ...], tuple[Clause, ...]]]:
        """The equality terms alone, and with each range or order behind them."""
        head = _keys_of(fixed)
        taken = {key.expression for key in head}
        if head:
            yield _keys(head), clauses
        for one in clauses:
            if one.kind == "range" and one.term.text not in taken:
                yield _keys((*head, _key(one.term))), clauses
            elif one.kind == "row":
                yield _keys((*head, *(_key(term) for term in one.terms if term.text not in taken))), clauses
            elif one.kind == "pattern" and self._may_begin(one):
                yield _keys((*head, replace(_key(one.term), opclass=self._pattern_opclass(one.term)))), clauses
        for order in (*self._access.orders, *self._access.groups):
            if head or self._access.limited or self._covered_by_few():
                keys = _ordered(order, taken)
                if keys:
                    yield _keys((*head, *keys)), clauses

    def _covered_by_few(self) -> bool:
        return 0 < len(self._access.needed) <= 3

    def _may_begin(self, clause: Clause) -> bool:
        """Whether a pattern has, or may have, a fixed beginning."""
        if self._type(clause.term) not in ("text", "varchar", "bpchar"):
            return False
        value = clause.value
        if value is None or value.literal is None:
            return value is not None and clause.operator in ("~~", "^@")
        return bool(pattern_beginning(value.literal, clause.operator))

    def _pattern_opclass(self, term: Term) -> str | None:
        if term.column is not None and (self._table.oid, term.column) in self._facts.sorted_by_bytes:
            return None
        return "bpchar_pattern_ops" if self._type(term) == "bpchar" else "text_pattern_ops"

    def _type(self, term: Term) -> str:
        column = self._table.column(term.column) if term.column else None
        return "text" if column is None else column.base_type

    def _is_boolean(self, term: Term) -> bool:
        return self._type(term) == "bool"

    def _predicates(self, keys: tuple[IndexKey, ...], clauses: tuple[Clause, ...]) -> list[str | None]:
        """Predicates that the conditions imply: none, constants of the statement, nulls, the dominant value."""
        named = {key.expression for key in keys}
        found: list[str | None] = [None]
        fixed = [one for one in clauses if self._is_fixed(one)]
        outside = [one.text for one in fixed if one.term.text not in named]
        if outside:
            found.append(" AND ".join(sorted(set(outside))))
            found += [one for one in dict.fromkeys(outside) if len(set(outside)) > 1]
        column = self._table.column(keys[0].column) if keys[0].column else None
        if column is not None and not column.not_null:
            facts = self._facts.column(self._table, column.name)
            bound = any(one.term.text == keys[0].expression and one.kind != "null" for one in self._strict(clauses))
            if facts.null_fraction > MOSTLY_NULL and bound:
                missing = f"{keys[0].expression} IS NOT NULL"
                found += [missing if one is None else f"{one} AND {missing}" for one in tuple(found)]
        found += self._without_dominant(clauses)
        return found

    def _strict(self, clauses: tuple[Clause, ...]) -> list[Clause]:
        """Conditions that no null passes."""
        return [one for one in (*clauses, *self._access.joins) if one.terms and one.kind != "or"]

    def _is_fixed(self, clause: Clause) -> bool:
        """Whether a condition is the same in every call, and may stand in a predicate."""
        if not clause.text or clause.text not in self._fixed or not clause.terms:
            return False
        if clause.kind in ("true", "false", "null", "not_null"):
            return True
        if clause.kind not in ("equal", "in", "unequal") or self._type(clause.term) in _DATES:
            return False
        if clause.term.column is None or self._table.column(clause.term.column) is None:
            return True
        values = self._facts.column(self._table, clause.term.column).distinct(self._facts.of(self._table).rows)
        return values <= (MOST_STATES if self._type(clause.term) in _WORDS else MOST_CODES)

    def _without_dominant(self, clauses: tuple[Clause, ...]) -> Iterator[str]:
        """`column <> 'the value that most rows have'`, where the statement asks for others."""
        for one in clauses:
            column = self._table.column(one.term.column) if one.terms and one.term.column else None
            if column is None or one.kind not in ("equal", "in") or column.base_type not in ("text", "varchar", "enum"):
                continue
            common = self._facts.values.get((self._table.oid, column.name))
            head = common.common[0] if common is not None and common.common else None
            if head is not None and head[1] > DOMINANT and (one.value is None or one.value.literal != head[0]):
                literal = quote_literal(head[0]).strip()
                yield f"{one.term.text} <> {literal}::{column.type_name}"

    def _index(self, keys: tuple[IndexKey, ...], where: str | None) -> IndexDefinition:
        return IndexDefinition(self._table.schema, self._table.name, self._table.oid, keys[:MOST_KEYS], where=where)

    def _exists(self, index: IndexDefinition) -> bool:
        """Whether an existing index begins with the same plain columns."""
        keys = index.keys
        plain = all(key.column and not key.opclass and not key.descending and key.nulls_first is None for key in keys)
        if not plain or index.where is not None:
            return False
        names = tuple(key.column for key in keys)
        return any(
            one.valid and one.method == "btree" and one.predicate is None and one.columns[: len(names)] == names
            for one in self._table.indexes
        )

    def _settled(self, where: str | None) -> set[str]:
        """Columns that nobody reads from the index: the predicate says all that the statement asks of them."""
        parts = set(where.split(" AND ")) if where else set()
        asked = [one for one in (*self._access.clauses, *self._access.joins) if one.text not in parts]
        named = {name for one in asked for name in _named(one)}
        return self._access.needed - self._access.returned - named if parts else set()

    def _covering(self, index: IndexDefinition) -> IndexDefinition | None:
        """With INCLUDE of what the statement reads, when it is little and pages are mostly all-visible."""
        statistics = self._facts.of(self._table)
        if statistics.visible_fraction < MOSTLY_VISIBLE or not self._access.needed:
            return None
        held = {key.column for key in index.keys if key.column}
        missing = sorted(self._access.needed - held - self._settled(index.where))
        if not missing or len(missing) > MOST_INCLUDED or any(self._table.column(one) is None for one in missing):
            return None
        width = sum(self._facts.column(self._table, one).width for one in missing)
        if width > MOST_INCLUDED_BYTES:
            return None
        return replace(index, include=tuple(missing))


def _named(clause: Clause) -> set[str]:
    """Columns that a condition names."""
    inner = [name for arm in clause.arms for one in arm for name in _named(one)]
    return {name for term in clause.terms for name in term.columns}.union(inner)


def _key(term: Term, descending: bool = False, nulls_first: bool | None = None) -> IndexKey:
    return IndexKey(term.text, term.column, descending=descending, nulls_first=nulls_first)


def _keys(keys: Iterable[IndexKey]) -> tuple[IndexKey, ...]:
    """Each term once."""
    return tuple({key.expression: key for key in reversed(tuple(keys))}.values())[::-1]


def _keys_of(clauses: Iterable[Clause]) -> tuple[IndexKey, ...]:
    return tuple(_key(one.term) for one in clauses)


def _ordered(order: tuple[SortTerm, ...], taken: set[str]) -> tuple[IndexKey, ...]:
    """Keys that give an order, read forward or backward: the first one ascending, others as they differ from it."""
    rest = [one for one in order if one.term.text not in taken]
    if not rest:
        return ()
    flip = rest[0].descending
    keys = []
    for one in rest:
        descending = one.descending != flip
        nulls_first = one.nulls_first != flip
        keys.append(_key(one.term, descending, None if nulls_first == descending else nulls_first))
    return tuple(keys)
