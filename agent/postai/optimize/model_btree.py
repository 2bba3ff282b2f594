"""What a B-tree, hash or BRIN index would do to a plan, where the planner cannot be shown it.

The conditions that an index answers are read off the plan; how many rows they leave is the planner's own estimate where
they say something of constants, else what pg_stats says of the column. The scan, the sort above it, or the join that
would become a lookup for each row of its other side, is priced by `access_cost`, and takes its place in the plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from postai.database.identifiers import quote_literal
from postai.optimize.access_cost import Cost, Search, scan_cost
from postai.optimize.accesses import Access, Node
from postai.optimize.expressions import Clause, SortTerm
from postai.optimize.facts import Facts
from postai.optimize.index_keys import key_facts
from postai.optimize.index_size import IndexShape
from postai.optimize.planner import SAFE_PART, UNLUCKY
from postai.optimize.replaced_cost import replaced
from postai.optimize.sizes import Sizes
from postai.optimize.statistics import PlannerSettings
from postai.optimize.types import IndexDefinition, IndexKey
from postai.sql.plan_tree import PlanNode, PlanTree

METHODS = frozenset({"btree", "hash", "brin"})

_LIST = 10.0
"""Values that the planner takes a list of unknown length to hold."""

_BOUND, _BOUNDS = 1 / 3, 0.005
"""Share of the rows that the planner takes to lie beyond an unknown bound, and between two."""

_SORTS = frozenset({"Sort", "Incremental Sort"})
_ORDERED = frozenset({"Index Scan", "Index Only Scan"})
_PASSED = frozenset({"Hash", "Sort", "Materialize", "Memoize", "Append"})
_KEPT_OUTER = frozenset({"Left", "Semi", "Anti", "Full"})
_KEPT_INNER = frozenset({"Right", "Right Semi", "Right Anti", "Full"})


@dataclass(frozen=True)
class _Match:
    """What an index answers of an access.

    Attributes:
        clauses: conditions on constants that bound the scan; `joins` those on other tables.
        fixed: leading keys that are fixed to one value.
    """

    clauses: tuple[Clause, ...]
    joins: tuple[Clause, ...]
    fixed: int

    @property
    def number(self) -> int:
        return len(self.clauses) + len(self.joins)


class TreeModel:
    """Prices of scans over such indexes.

    Args:
        facts: of the tables.
        sizes: of indexes.
    """

    def __init__(self, facts: Facts, sizes: Sizes) -> None:
        self._facts = facts
        self._sizes = sizes

    def scans(
        self, access: Access, index: IndexDefinition, tree: PlanTree, steps: Mapping[int, int]
    ) -> Iterator[dict[int, Cost]]:
        """Ways in which the index could be read for this access: what it would cost, by the steps it stands for."""
        match = _match(index, access)
        if match is None:
            return
        bounded: dict[int, Cost] = {}
        sorted_: dict[int, Cost] = {}
        for path in access.paths:
            scan = path[0]
            repeated = _is_repeated(path)
            joins = match.joins if repeated else ()
            given = _gives(index, match, access.orders)
            loops = _loops(tree.nodes[steps[id(scan)] - 1]) if repeated else 1.0
            cost = self._cost(access, index, match, joins, float(scan["Plan Rows"]), loops=loops, ordered=given)
            if match.clauses or joins:
                bounded[steps[id(scan)]] = (
                    cost if given or not _needs_order(path) else _then_sorted(cost, self._facts.settings)
                )
            if given and len(path) > 1 and path[1]["Node Type"] in _SORTS and not repeated:
                sorted_[steps[id(path[1])]] = _unlucky(cost, path, whole=match.number >= len(access.clauses))
        if bounded:
            yield bounded
        if sorted_:
            yield sorted_

    def lookups(
        self, access: Access, index: IndexDefinition, tree: PlanTree, steps: Mapping[int, int], now: Mapping[int, Cost]
    ) -> Iterator[dict[int, Cost]]:
        """Joins that would look rows up in the index, one for each row of the other side.

        Args:
            now: costs of steps that are something else already.
        """
        match = _match(index, access)
        if match is None or not match.joins or len(access.paths) != 1:
            return
        path = access.paths[0]
        found = _join_above(path, match.joins, tree, steps)
        if found is None:
            return
        join, other = found
        outer = replaced(tree, now)[other.step]
        rows = max(1.0, other.number("Plan Rows") or 1.0)
        one = self._cost(access, index, match, match.joins, None, loops=rows, ordered=False)
        prices = self._facts.settings
        work = (join.number("Plan Rows") or 0.0) * prices.cpu_tuple_cost
        yield {join.step: Cost(outer.startup + one.startup, outer.total + rows * one.total + work)}

    def _cost(
        self, access: Access, index: IndexDefinition, match: _Match, joins: Sequence[Clause],
        planned: float | None, *, loops: float, ordered: bool,
    ) -> Cost:  # fmt: skip
        """Cost of one reading of the index."""
        shape = self._sizes.shape(index)
        covered = not access.needed - {key.column for key in index.keys} - set(index.include)
        answered = len(match.clauses) + len(joins)
        residual = float(max(0, len(access.clauses) - len(match.clauses)))
        return scan_cost(
            shape,
            self._rows(access, index, match, joins, planned, shape),
            self._facts.settings,
            search=Search(clauses=max(1, answered)),
            loops=loops,
            operators=answered + residual,
            index_only=covered and index.method == "btree",
            ordered=ordered,
        )

    def _rows(
        self, access: Access, index: IndexDefinition, match: _Match, joins: Sequence[Clause],
        planned: float | None, shape: IndexShape,
    ) -> float:  # fmt: skip
        """Rows that the bounds of the scan leave; at least those that are planned to pass every condition."""
        if planned is not None and len(match.clauses) == len(access.clauses) and not (access.joins and not joins):
            return planned
        whole = max(1.0, shape.statistics.rows)
        texts = [one.text for one in match.clauses if one.text]
        if index.where is not None:
            texts.insert(0, f"({index.where})")
        rows = self._sizes.rows(index, " AND ".join(texts)) if texts else whole
        unknown = [one for one in match.clauses if not one.text]
        bounds = sum(one.kind == "range" for one in unknown)
        share = _BOUNDS if bounds > 1 else _BOUND if bounds else 1.0
        for one in (*joins, *(other for other in unknown if other.kind != "range")):
            facts = key_facts(IndexKey(one.term.text, one.term.column), shape.statistics)
            each = (1.0 - facts.null_fraction) / facts.distinct(whole)
            share *= min(1.0, each * _LIST) if one.kind == "in" else facts.null_fraction if one.kind == "null" else each
        return max(1.0, planned or 0.0, rows * share / shape.statistics.leaves)


def _match(index: IndexDefinition, access: Access) -> _Match | None:
    """What the index answers; None = nothing, or its predicate does not follow from the conditions."""
    if index.where is not None and not _implied(index.where, access):
        return None
    clauses: list[Clause] = []
    joins: list[Clause] = []
    fixed = 0
    for key in index.keys:
        here = [one for one in access.clauses if len(one.terms) == 1 and one.term.text == key.expression]
        others = [one for one in access.joins if one.kind == "equal" and one.term.text == key.expression]
        equal = next((one for one in here if one.kind in ("equal", "null", "in")), None) if not key.opclass else None
        if equal is not None:
            clauses.append(equal)
            fixed += equal.kind != "in" and fixed == len(clauses) + len(joins) - 1
        elif others and not key.opclass and index.method != "brin":
            joins.append(others[0])
            fixed += fixed == len(clauses) + len(joins) - 1
        elif index.method == "hash":
            return None
        else:
            clauses += [one for one in here if _bounds(one, key)]
            break
    return _Match(tuple(clauses), tuple(joins), fixed)


def _bounds(clause: Clause, key: IndexKey) -> bool:
    if clause.kind == "range":
        return not key.opclass
    beginning = clause.value.literal if clause.kind == "pattern" and clause.value is not None else None
    by_bytes = "pattern_ops" in (key.opclass or "") or key.collation is not None
    return clause.operator in ("~~", "^@") and (beginning or "%")[0] not in ("%", "_") and by_bytes


def _implied(where: str, access: Access) -> bool:
    """Whether the conditions of the statement say what the predicate says."""
    texts = {one.text for one in access.clauses}
    bound = {one.term.text for one in (*access.clauses, *access.joins) if one.terms and one.kind not in ("null", "or")}
    parts = [where] if where in texts else where.split(" AND ")
    known = texts | {f"{one} IS NOT NULL" for one in bound}
    return all(one in known or any(_excludes(clause, one) for clause in access.clauses) for one in parts)


def _excludes(clause: Clause, unequal: str) -> bool:
    """Whether a condition asks for one value, and the predicate leaves out another one."""
    column, operator, left_out = unequal.partition(" <> ")
    asked = clause.value.literal if clause.kind == "equal" and clause.value is not None else None
    same = asked is not None and left_out.startswith(f"{quote_literal(asked).strip()}::")
    return bool(operator) and asked is not None and clause.term.text == column and not same


def _gives(index: IndexDefinition, match: _Match, orders: Sequence[tuple[SortTerm, ...]]) -> bool:
    """Whether the index gives one of these orders, read forwards or backwards."""
    if index.method != "btree":
        return False
    held = [one.expression for one in index.keys[: match.fixed]]
    for order in orders:
        wanted = [one for one in order if one.term.text not in held]
        rest = index.keys[match.fixed :]
        pairs = list(zip(wanted, rest, strict=False))
        same = {one.descending == key.descending for one, key in pairs}
        nulls = {(one.nulls_first == _nulls_first(key)) == (one.descending == key.descending) for one, key in pairs}
        meant = len(rest) >= len(wanted) and len(same) <= 1 and nulls <= {True}
        if meant and all(one.term.text == key.expression and not key.opclass for one, key in pairs):
            return True
    return False


def _nulls_first(key: IndexKey) -> bool:
    return key.descending if key.nulls_first is None else key.nulls_first


def _is_repeated(path: Sequence[Node]) -> bool:
    """Whether the scan looks up what the other side of a nested loop, or the row around a subquery, gives."""
    for below, above in pairwise(path):
        if below.get("Parent Relationship") == "SubPlan":
            return True
        if above["Node Type"] == "Nested Loop" and below.get("Parent Relationship") == "Inner":
            return "Join Filter" not in above and below["Node Type"] != "Materialize"
    return False


def _loops(scan: PlanNode) -> float:
    """How often a scan is repeated."""
    node: PlanNode | None = scan
    while node is not None and node.parent is not None:
        if node.parent.kind == "Nested Loop" and node.text("Parent Relationship") == "Inner":
            outer = node.parent.below("Outer")
            return max(1.0, (outer.number("Plan Rows") if outer is not None else None) or 1.0)
        node = node.parent
    return 1.0


def _needs_order(path: Sequence[Node]) -> bool:
    """Whether something above relies on the order in which an index is read now."""
    if path[0]["Node Type"] not in _ORDERED:
        return False
    for one in path[1:]:
        if one["Node Type"] in ("Limit", "Merge Join", "Merge Append", "Group", "Unique", "WindowAgg"):
            return True
        if one["Node Type"] in _SORTS or one["Node Type"] in ("Aggregate", "Hash"):
            return one.get("Strategy") == "Sorted"
    return False


def _then_sorted(cost: Cost, prices: PlannerSettings) -> Cost:
    work = 2 * prices.cpu_operator_cost * cost.rows * math.log2(max(2.0, cost.rows))
    return Cost(cost.total + work, cost.total + work, cost.rows)


def _unlucky(cost: Cost, path: Sequence[Node], *, whole: bool) -> Cost:
    """What a LIMIT hopes not to have to read is paid in part, where a filter decides which rows count."""
    limit = next((one for one in path[1:] if one["Node Type"] == "Limit"), None)
    if whole or limit is None:
        return cost
    part = float(limit["Plan Rows"]) / max(1.0, float(path[0]["Plan Rows"]))
    feared = UNLUCKY * cost.total * min(1.0, part / SAFE_PART)
    return Cost(cost.startup + feared, cost.total + feared, cost.rows)


def _join_above(
    path: Sequence[Node], joins: Sequence[Clause], tree: PlanTree, steps: Mapping[int, int]
) -> tuple[PlanNode, PlanNode] | None:
    """The join that could look rows up instead of reading the table, and its other side."""
    for below, above in pairwise(path):
        node = tree.nodes[steps[id(above)] - 1]
        if node.kind in ("Hash Join", "Merge Join", "Nested Loop"):
            side = below.get("Parent Relationship")
            kind = node.text("Join Type")
            if side not in ("Outer", "Inner") or kind in (_KEPT_OUTER if side == "Outer" else _KEPT_INNER):
                return None
            other = node.below("Inner" if side == "Outer" else "Outer")
            if other is None:
                return None
            aliases = {one.text("Alias") for one in tree.nodes[other.step - 1 : other.last]}
            wanted = {term.alias for one in joins if one.value is not None for term in one.value.terms}
            return (node, other) if wanted <= aliases else None
        if node.kind not in _PASSED:
            return None
    return None
