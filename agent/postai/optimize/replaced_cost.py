"""What a whole plan would cost if some of its scans cost something else.

The planner cannot be asked about an index that it cannot be shown. Its plan for today's indexes is kept, the cost of a
scan is replaced, and the difference is carried upwards by the rules with which PostgreSQL adds up costs (costsize.c,
pathnode.c: adjust_limit_rows_costs; subselect.c: SS_charge_for_initplans). The planner might find a better plan around
the cheaper scan, so the result is an upper bound.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from postai.optimize.access_cost import Cost
from postai.sql.plan_tree import PlanNode, PlanTree

_BLOCKING = frozenset({"Sort", "Hash", "Bitmap Heap Scan", "BitmapAnd", "BitmapOr"})
_REPEATED_CHEAPLY = frozenset({"Materialize", "CTE Scan", "WorkTable Scan"})
_NOT_INPUTS = frozenset({"InitPlan", "SubPlan"})

Costs = Mapping[int, Cost]


def replaced_total(tree: PlanTree, costs: Costs) -> float:
    """Total cost of a statement when some of its nodes cost something else.

    Args:
        tree: its plan (`postai.sql.plan_tree.read_tree`), with costs.
        costs: by the step of a node: what one execution of it costs instead, with everything below it.

    Returns:
        the new total, in the planner's units.
    """
    return sum(one.total for step, one in replaced(tree, costs).items() if tree.nodes[step - 1].parent is None)


def replaced(tree: PlanTree, costs: Costs) -> dict[int, Cost]:
    """The new cost of every node: those below come first."""
    free = {step: Cost(0.0, 0.0) for step in costs}
    new: dict[int, Cost] = {}
    without: dict[int, Cost] = {}
    for node in reversed(tree.nodes):
        new[node.step] = costs[node.step] if node.step in costs else _above(node, new)
        without[node.step] = free[node.step] if node.step in costs else _above(node, without)
        if node.kind in ("Gather", "Gather Merge") and new[node.step] != _old(node):
            serial = _serial(node, new, without)
            if serial.total < new[node.step].total:
                new[node.step] = serial
    return new


def _old(node: PlanNode) -> Cost:
    return Cost(node.number("Startup Cost") or 0.0, node.number("Total Cost") or 0.0)


def _inputs(node: PlanNode) -> Iterator[PlanNode]:
    return (one for one in node.children if one.text("Parent Relationship") not in _NOT_INPUTS)


def _above(node: PlanNode, new: Costs) -> Cost:
    """Cost of a node after those below it have changed."""
    old = _old(node)
    if all(new[one.step] == _old(one) for one in node.children):
        return old
    if node.kind == "Limit":
        own = _limit(node, old, new)
    elif node.kind in ("Nested Loop", "Hash Join", "Merge Join"):
        own = _join(node, old, new)
    elif node.kind in ("Append", "Merge Append"):
        own = _append(node, old, new)
    else:
        own = _single(node, old, new)
    startup, total = own.startup, own.total
    for one in node.children:
        change = new[one.step].total - _old(one).total
        if one.text("Parent Relationship") == "InitPlan":
            startup, total = startup + change, total + change
        elif one.text("Parent Relationship") == "SubPlan":
            total += change * _calls(node, one)
    startup = max(0.0, startup)
    return Cost(startup, max(startup, total))


def _change(node: PlanNode, new: Costs) -> tuple[float, float]:
    old = _old(node)
    return new[node.step].startup - old.startup, new[node.step].total - old.total


def _single(node: PlanNode, old: Cost, new: Costs) -> Cost:
    """A node with one input, or one that adds up its inputs."""
    startup, total = old.startup, old.total
    for one in _inputs(node):
        first, whole = _change(one, new)
        total += whole
        if node.kind in _BLOCKING or (node.kind == "Aggregate" and node.text("Strategy") != "Sorted"):
            startup += whole
        elif node.kind == "Incremental Sort":
            startup += first + (whole - first) * _part(old.startup, _old(one))
        else:
            startup += first
    return Cost(startup, total)


def _part(reached: float, cost: Cost) -> float:
    """How much of an input is read by the time that `reached` is spent, 0 to 1."""
    run = cost.total - cost.startup
    return min(1.0, max(0.0, (reached - cost.startup) / run)) if run > 0 else 1.0


def _limit(node: PlanNode, old: Cost, new: Costs) -> Cost:
    """LIMIT pays the start of its input in full, and the share of its run that it reads."""
    one = next(_inputs(node))
    before, after = _old(one), new[one.step]
    run = after.total - after.startup
    return Cost(after.startup + run * _part(old.startup, before), after.startup + run * _part(old.total, before))


def _join(node: PlanNode, old: Cost, new: Costs) -> Cost:
    startup, total = old.startup, old.total
    outer, inner = node.below("Outer"), node.below("Inner")
    if outer is None or inner is None:
        return _single(node, old, new)
    outer_first, outer_whole = _change(outer, new)
    inner_first, inner_whole = _change(inner, new)
    if node.kind == "Hash Join":
        return Cost(startup + outer_first + inner_whole, total + outer_whole + inner_whole)
    if node.kind == "Merge Join":  # it may stop before its inputs end
        inputs = _old(outer).total + _old(inner).total
        read = min(1.0, total / inputs) if inputs > 0 else 1.0
        return Cost(startup + outer_first + inner_first, total + (outer_whole + inner_whole) * read)
    repeated = 1.0
    if inner.kind not in _REPEATED_CHEAPLY and _old(inner).total > 0:
        most = max(1.0, outer.number("Plan Rows") or 1.0)
        repeated = min(most, max(1.0, (total - _old(outer).total) / _old(inner).total))
    return Cost(startup + outer_first + inner_first, total + outer_whole + inner_whole * repeated)


def _append(node: PlanNode, old: Cost, new: Costs) -> Cost:
    changes = [_change(one, new) for one in _inputs(node)]
    first = sum(one for one, _ in changes) if node.kind == "Merge Append" else next((one for one, _ in changes), 0.0)
    return Cost(old.startup + first, old.total + sum(whole for _, whole in changes))


def _calls(node: PlanNode, subplan: PlanNode) -> float:
    """How often a SubPlan is charged: once when it is hashed, else as often as fits in what the node itself costs."""
    name = re.escape(subplan.text("Subplan Name"))
    texts = [one for value in node.raw.values() for one in (value if isinstance(value, list) else [value])]
    if any(isinstance(one, str) and re.search(rf"hashed {name}\b", one) for one in texts):
        return 1.0
    subplans = sum(_old(one).total for one in node.children if one.text("Parent Relationship") == "SubPlan")
    rest = _old(node).total - sum(_old(one).total for one in _inputs(node))
    return max(1.0, rest / subplans) if subplans > 0 else 1.0


def _serial(node: PlanNode, new: Costs, without: Costs) -> Cost:
    """The same part of the plan in one process: what the workers shared is done by one, and none has to be started."""
    one = next(_inputs(node))
    workers = node.number("Workers Planned") or 1.0
    divisor = workers + max(0.0, 1.0 - 0.3 * workers)  # get_parallel_divisor
    rest, whole = without[one.step], new[one.step]
    return Cost(rest.startup * divisor + whole.startup - rest.startup, rest.total * divisor + whole.total - rest.total)
