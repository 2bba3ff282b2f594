"""What a statement would cost with indexes that the planner cannot be asked about: GIN, GiST, some expressions; all of
them where there is neither HypoPG nor a right to make copies with statistics.

The scan of the table in the plan is replaced by a scan of the index as our own model prices it, and the difference is
carried up to the top of the plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from postai.optimize.access_cost import Cost, Search, scan_cost, search_for
from postai.optimize.accesses import Access, Node, read_accesses
from postai.optimize.expressions import Clause
from postai.optimize.facts import Facts
from postai.optimize.index_keys import key_facts
from postai.optimize.model_btree import METHODS, TreeModel
from postai.optimize.planner import Plan
from postai.optimize.replaced_cost import replaced_total
from postai.optimize.sizes import Sizes
from postai.optimize.types import IndexDefinition, by_text
from postai.sql.plan_tree import PlanTree, read_tree

MOST_PLANS = 300
"""Plans of which is kept what was read off them."""


@dataclass(frozen=True)
class _Read:
    """A plan, read.

    Attributes:
        steps: place of a node in the tree, by its identity; the plan is kept for that.
        hoped: what of its cost is a share of work that a LIMIT hopes to avoid.
    """

    plan: Plan
    tree: PlanTree
    steps: Mapping[int, int]
    accesses: Sequence[Access]
    hoped: float


class ModelCosts:
    """Prices plans with indexes that the planner does not see.

    Args:
        facts: of the tables.
        sizes: of indexes.
    """

    def __init__(self, facts: Facts, sizes: Sizes) -> None:
        self._facts = facts
        self._sizes = sizes
        self._trees = TreeModel(facts, sizes)
        self._plans: dict[int, _Read] = {}

    def best(self, plan: Plan, indexes: Iterable[IndexDefinition]) -> tuple[float, frozenset[IndexDefinition]]:
        """Cost of the plan with the best of these indexes for each table, and which those are."""
        offered: dict[int, list[IndexDefinition]] = {}
        for index in sorted(indexes, key=by_text):
            offered.setdefault(index.table_oid, []).append(index)
        read = self._read(plan)
        costs: dict[int, Cost] = {}
        chosen: set[IndexDefinition] = set()
        least = plan.cost
        for joining in (False, True):  # joins last: the other side costs by then what it will
            for access in read.accesses:
                best: tuple[float, dict[int, Cost], IndexDefinition] | None = None
                for one in offered.get(access.table.oid, ()):
                    for added in self._ways(access, one, read, costs, joining=joining):
                        total = replaced_total(read.tree, {**costs, **added})
                        total += 0.0 if access.limited else read.hoped
                        if total < (least if best is None else best[0]):
                            best = total, added, one
                if best is not None:
                    least = best[0]
                    costs.update(best[1])
                    chosen.add(best[2])
        return max(least, 0.01), frozenset(chosen)

    def _read(self, plan: Plan) -> _Read:
        """What is read off a plan, once."""
        found = self._plans.pop(id(plan.root), None)
        if found is None:
            tree = read_tree({"Plan": plan.root})
            steps = {id(node): step for step, node in enumerate(_in_order(plan.root), start=1)}
            hoped = plan.cost - float(plan.root["Total Cost"])
            found = _Read(plan, tree, steps, read_accesses(plan.root, self._facts.catalog), hoped)
            if len(self._plans) >= MOST_PLANS:
                del self._plans[next(iter(self._plans))]
        self._plans[id(plan.root)] = found
        return found

    def _ways(
        self, access: Access, index: IndexDefinition, read: _Read, costs: Mapping[int, Cost], *, joining: bool
    ) -> Iterator[dict[int, Cost]]:
        """Ways in which the index could be used, as costs by the steps of the plan that they stand for."""
        if index.method in METHODS:
            if joining:
                yield from self._trees.lookups(access, index, read.tree, read.steps, costs)
            else:
                yield from self._trees.scans(access, index, read.tree, read.steps)
        elif not joining:
            added = {read.steps[id(node)]: cost for node, cost in self._scans(access, index)}
            if added:
                yield added

    def _scans(self, access: Access, index: IndexDefinition) -> Iterator[tuple[Node, Cost]]:
        """Nodes of the plan that the index could stand in for, and what they would cost."""
        clause = next((one for one in access.clauses if answers(index, one)), None)
        near = index.method == "gist" and any(serves_distance(index, one) for one in access.distances)
        for path in access.paths:
            scan = path[0]
            if near and clause is None:
                sort = next((one for one in path[1:] if one["Node Type"] == "Sort"), None)
                if sort is not None:
                    yield sort, self._cost(access, index, None, self._facts.of(access.table).rows)
            elif clause is not None:
                yield scan, self._cost(access, index, clause, float(scan["Plan Rows"]))

    def _cost(self, access: Access, index: IndexDefinition, clause: Clause | None, rows: float) -> Cost:
        shape = self._sizes.shape(index)
        key = index.keys[0]
        search = Search()
        if clause is not None:
            if clause.text:
                rows = max(rows, self._sizes.rows(index, clause.text))
            constant = clause.value.literal if clause.value is not None else None
            search = search_for(key, clause.operator, constant, key_facts(key, shape.statistics))
        operators = max(1.0, float(len(access.clauses)))
        return scan_cost(shape, rows, self._facts.settings, search=search, operators=operators, ordered=clause is None)


def answers(index: IndexDefinition, clause: Clause) -> bool:
    """Whether an index answers a condition."""
    if not clause.terms or clause.term.text != index.keys[0].expression:
        return False
    opclass = (index.keys[0].opclass or "").rpartition(".")[2]
    if opclass == "gin_trgm_ops":
        return clause.kind == "pattern"
    if opclass == "jsonb_path_ops":
        return clause.operator in ("@>", "@@", "@?")
    return clause.kind == "other"


def serves_distance(index: IndexDefinition, clause: Clause) -> bool:
    """Whether a GiST index gives rows in the order of this distance."""
    return clause.term.text == index.keys[0].expression


def _in_order(root: Node) -> Iterator[Node]:
    """The nodes in the order in which EXPLAIN prints them."""
    yield root
    for one in root.get("Plans", ()):
        yield from _in_order(one)
