"""Two plans of one question side by side: which nodes are the same, which differ, which only one of them has."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher

from postai.sql.plan_tree import PlanNode, PlanTree, label


@dataclass(frozen=True)
class NodeFigures:
    """One node of one plan.

    Attributes:
        step, depth: its place in print order, from 1, and how deep it stands, from 0.
        node: in words, without figures.
        expected, rows: rows that the planner expected of one loop, and rows of all loops; None when not run.
        loops: how often it ran.
        cost: the planner's total cost.
        own: its own part, milliseconds when the plan was timed, else cost units.
        elapsed: milliseconds with all below it, in all loops.
        blocks_hit, blocks_read: shared buffers, with all below it.
    """

    step: int
    depth: int
    node: str
    expected: float | None
    rows: float | None
    loops: float
    cost: float | None
    own: float
    elapsed: float | None
    blocks_hit: float | None
    blocks_read: float | None


@dataclass(frozen=True)
class NodePair:
    """A line of the comparison.

    Attributes:
        left, right: the nodes that stand beside each other; None where one plan has no such node.
        same: whether both do the same thing (kind, relation, index, conditions).
    """

    left: NodeFigures | None
    right: NodeFigures | None
    same: bool


def figures(tree: PlanTree) -> tuple[NodeFigures, ...]:
    """Every node with its figures, in the order in which EXPLAIN prints them."""
    return tuple(_figures(node) for node in tree.nodes)


def compare(left: PlanTree, right: PlanTree) -> tuple[NodePair, ...]:
    """The nodes of both plans, aligned in print order: the longest common run of what reads or joins the same way
    stands side by side, what was replaced stands opposite of what replaced it."""
    ours, theirs = figures(left), figures(right)
    keys = [_key(node) for node in left.nodes], [_key(node) for node in right.nodes]
    pairs: list[NodePair] = []
    for kind, i1, i2, j1, j2 in SequenceMatcher(None, *keys, autojunk=False).get_opcodes():
        for offset in range(max(i2 - i1, j2 - j1)):
            one = ours[i1 + offset] if i1 + offset < i2 else None
            other = theirs[j1 + offset] if j1 + offset < j2 else None
            same = kind == "equal" and _conditions(left.nodes[i1 + offset]) == _conditions(right.nodes[j1 + offset])
            pairs.append(NodePair(one, other, same))
    return tuple(pairs)


def _figures(node: PlanNode) -> NodeFigures:
    depth, above = 0, node.parent
    while above is not None:
        depth, above = depth + 1, above.parent
    return NodeFigures(
        node.step,
        depth,
        label(node),
        node.number("Plan Rows"),
        node.rows,
        node.loops,
        node.number("Total Cost"),
        node.own,
        node.elapsed,
        node.number("Shared Hit Blocks"),
        node.number("Shared Read Blocks"),
    )


def _key(node: PlanNode) -> tuple[str, ...]:
    return (node.kind, node.relation, node.text("Index Name"), node.text("Join Type"))


def _conditions(node: PlanNode) -> tuple[object, ...]:
    keys = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "Sort Key", "Group Key")
    return tuple(str(node.raw.get(key)) for key in keys)
