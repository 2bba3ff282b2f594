"""A plan of EXPLAIN (FORMAT JSON) as a tree in which every node knows what it cost by itself.

EXPLAIN prints for each node what it and everything below it took, averaged over its loops. Here each node's time is
multiplied by its loops, divided among the processes that ran it side by side below a Gather, and freed of what its
inputs took. A WITH query or an InitPlan is counted once, in the node that reads it, wherever EXPLAIN prints it.

Source of the facts: PostgreSQL's manual, section "Using EXPLAIN" (14.1) and the reference page of EXPLAIN.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

LONGEST_NAME = 80
"""Characters of a name that are shown; PostgreSQL's own names have at most 63 bytes."""

_PARAMETER = re.compile(r"\$\d+|InitPlan \d+")
_JOIN_WORDS = {"Left": "Left", "Right": "Right", "Full": "Full", "Semi": "Semi", "Anti": "Anti",
               "Right Anti": "Right Anti", "Right Semi": "Right Semi"}  # fmt: skip
_AGGREGATES = {"Sorted": "GroupAggregate", "Hashed": "HashAggregate", "Mixed": "MixedAggregate", "Plain": "Aggregate"}


@dataclass
class PlanNode:
    """One node of a plan.

    Attributes:
        step: its place in the order in which EXPLAIN prints the nodes, from 1.
        raw: its own keys as EXPLAIN wrote them.
        parent: the node above it in print.
        children: the nodes below it in print.
        last: step of the last node below it.
        processes: how many processes ran it side by side (1 outside of parallel parts).
        own: its own part of the tree's `total`, without the nodes below it.
    """

    step: int
    raw: Mapping[str, Any]
    parent: PlanNode | None = None
    children: list[PlanNode] = field(default_factory=list)
    last: int = 0
    processes: float = 1.0
    own: float = 0.0

    def text(self, key: str) -> str:
        """A text of EXPLAIN; "" when there is none of that name. Without NUL, which no name of PostgreSQL can hold."""
        value = self.raw.get(key)
        return value.replace("\0", "") if isinstance(value, str) else ""

    def number(self, key: str) -> float | None:
        """A number of EXPLAIN, never negative; None when there is none of that name."""
        return number(self.raw.get(key))

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, e.g. "Sort Key"."""
        value = self.raw.get(key)
        texts = value if isinstance(value, list) else []
        return tuple(one.replace("\0", "") for one in texts if isinstance(one, str))

    def objects(self, key: str) -> tuple[Mapping[str, Any], ...]:
        """A list of objects, e.g. "Workers"."""
        return objects(self.raw.get(key))

    @property
    def kind(self) -> str:
        """The node type as EXPLAIN (FORMAT JSON) names it, e.g. "Seq Scan"."""
        return self.text("Node Type")

    @property
    def loops(self) -> float:
        """How often it ran, in all processes together; 0 = never, or the plan was not run."""
        return self.number("Actual Loops") or 0.0

    @property
    def ran(self) -> bool:
        return self.loops > 0

    @property
    def never_ran(self) -> bool:
        return self.number("Actual Loops") == 0

    @property
    def rows(self) -> float | None:
        """Rows that it gave, in all loops together; None when the plan was not run."""
        each = self.number("Actual Rows")
        return None if each is None or not self.ran else each * self.loops

    @property
    def elapsed(self) -> float | None:
        """Milliseconds that it and all below it took on the clock, in all loops together."""
        each = self.number("Actual Total Time")
        return None if each is None else each * self.loops / self.processes

    def removed(self, key: str) -> float:
        """A "Rows Removed by ..." in all loops together (EXPLAIN prints the average of one loop)."""
        return (self.number(key) or 0.0) * max(self.loops, 1.0)

    @property
    def relation(self) -> str:
        """The table it reads, with its schema where EXPLAIN says it; "" when it reads none."""
        name, schema = self.text("Relation Name"), self.text("Schema")
        return f"{schema}.{name}" if name and schema else name

    def below(self, relationship: str) -> PlanNode | None:
        """The first child with that "Parent Relationship": Outer, Inner, Member, ..."""
        return next((one for one in self.children if one.text("Parent Relationship") == relationship), None)

    def holds(self, other: PlanNode) -> bool:
        """Whether the other node is this one or below it."""
        return self.step <= other.step <= self.last


@dataclass(frozen=True)
class PlanTree:
    """All statements' plans of one EXPLAIN.

    Attributes:
        nodes: in the order in which EXPLAIN prints them.
        parts: the objects that hold a "Plan", with "Planning Time", "Triggers", "JIT", ...
        analyzed: whether the statement was run.
        timed: whether `own` and `total` are milliseconds; False = the planner's cost units.
        total: the whole, at least the sum of every node's `own`.
        subplans: names of WITH queries, InitPlans and SubPlans, as conditions name them.
    """

    nodes: tuple[PlanNode, ...]
    parts: tuple[Mapping[str, Any], ...]
    analyzed: bool
    timed: bool
    total: float
    subplans: tuple[str, ...] = ()

    def share(self, amount: float) -> float:
        """An amount of the unit of `total` as a share of it, 0 to 1."""
        return min(1.0, max(0.0, amount / self.total)) if self.total > 0 else 0.0


def read_tree(plan: object) -> PlanTree:
    """The tree of a parsed EXPLAIN (FORMAT JSON); no nodes when it is none."""
    parts = objects([plan] if isinstance(plan, Mapping) else plan)
    parts = tuple(part for part in parts if isinstance(part.get("Plan"), Mapping))
    nodes: list[PlanNode] = []
    roots = [_flatten(part["Plan"], nodes) for part in parts]
    analyzed = any(node.number("Actual Loops") is not None for node in nodes)
    timed = any(node.elapsed is not None for node in nodes)
    _count_processes(nodes)
    owners = _owners(nodes) if timed else {}
    whole = _divide(nodes, owners, timed=timed)
    total = whole + (_trigger_time(parts) if timed else 0.0)
    if timed and roots:
        total = max(total, sum(number(part.get("Execution Time")) or 0.0 for part in parts))
    subplans = tuple(name for node in nodes if (name := node.text("Subplan Name")))
    return PlanTree(tuple(nodes), parts, analyzed, timed, total, subplans)


def number(value: object) -> float | None:
    """A finite number that is not negative; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return max(found, 0.0) if math.isfinite(found) else None


def objects(value: object) -> tuple[Mapping[str, Any], ...]:
    """The objects of a JSON array; nothing of anything else."""
    return tuple(one for one in value if isinstance(one, Mapping)) if isinstance(value, Sequence) else ()


def plain(text: str, limit: int = LONGEST_NAME) -> str:
    """A name or expression on one line, of a bounded length, without control and invisible characters."""
    if not text.isprintable():
        text = "".join("\ufffd" if unicodedata.category(one)[0] in "CZ" and one != " " else one for one in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def label(node: PlanNode) -> str:
    """A node in the words of EXPLAIN's text format: "Parallel Seq Scan on orders o"."""
    words = [_kind_words(node)]
    if index := node.text("Index Name"):
        words += ["on" if node.kind == "Bitmap Index Scan" else "using", plain(index)]
    name = next(
        (plain(node.text(key)) for key in ("CTE Name", "Function Name", "Tuplestore Name") if node.text(key)), ""
    )
    name = plain(node.relation) if node.relation else name
    alias = plain(node.text("Alias"))
    if name:
        words += ["on", name]
        if alias and alias != plain(node.text("Relation Name")) and alias != name:
            words.append(alias)
    elif alias and not index:
        words += ["on", alias]
    if subplan := node.text("Subplan Name"):
        words.append(f"({plain(subplan)})")
    return " ".join(words)


def _kind_words(node: PlanNode) -> str:
    kind = plain(node.kind) or "Unknown node"
    join = _JOIN_WORDS.get(node.text("Join Type"))
    if kind == "Aggregate":
        kind = _AGGREGATES.get(node.text("Strategy"), kind)
        if node.text("Partial Mode") in ("Partial", "Finalize"):
            kind = f"{node.text('Partial Mode')} {kind}"
    elif kind == "SetOp":
        kind = ("HashSetOp" if node.text("Strategy") == "Hashed" else "SetOp") + (
            f" {plain(node.text('Command'))}" if node.text("Command") else ""
        )
    elif kind == "ModifyTable" or (kind == "Foreign Scan" and node.text("Operation") not in ("", "Select")):
        kind = plain(node.text("Operation")) or kind
    elif kind == "Custom Scan" and node.text("Custom Plan Provider"):
        kind = f"Custom Scan ({plain(node.text('Custom Plan Provider'))})"
    elif join and kind == "Nested Loop":
        kind = f"{kind} {join} Join"
    elif join and kind.endswith(" Join"):
        kind = f"{kind.removesuffix(' Join')} {join} Join"
    if node.text("Scan Direction") == "Backward":
        kind += " Backward"
    return f"Parallel {kind}" if node.raw.get("Parallel Aware") is True else kind


def _flatten(root: Mapping[str, Any], nodes: list[PlanNode]) -> PlanNode:
    """Append a tree's nodes in print order, without recursion: a plan may be thousands of levels deep."""
    first: PlanNode | None = None
    waiting: list[tuple[Mapping[str, Any], PlanNode | None]] = [(root, None)]
    seen: set[int] = set()
    while waiting:
        raw, parent = waiting.pop()
        if id(raw) in seen:
            continue  # no JSON text has that; an object that holds itself would never end
        seen.add(id(raw))
        node = PlanNode(len(nodes) + 1, raw, parent)
        nodes.append(node)
        first = first or node
        if parent is not None:
            parent.children.append(node)
        waiting += [(child, node) for child in reversed(node.objects("Plans"))]
    assert first is not None
    for node in reversed(nodes[first.step - 1 :]):
        node.last = max(node.last, node.step)
        if node.parent is not None:
            node.parent.last = max(node.parent.last, node.last)
    return first


def _count_processes(nodes: Sequence[PlanNode]) -> None:
    """Below a Gather each process counts its own loops, and its time runs beside the others'."""
    for node in nodes:
        above = node.parent
        if above is None or node.text("Parent Relationship") == "InitPlan":
            node.processes = 1.0
        elif above.kind in ("Gather", "Gather Merge"):
            most = (above.number("Workers Launched") or 0.0) + 1.0
            node.processes = min(max(node.loops / above.loops, 1.0), most) if above.ran else 1.0
        else:
            node.processes = above.processes


def _owners(nodes: Sequence[PlanNode]) -> dict[int, PlanNode | None]:
    """For WITH queries and InitPlans (by step): the node in whose time their own time is; None = in nobody's."""
    readers: dict[str, list[PlanNode]] = {}
    for node in nodes:
        for word in _reads(node):
            readers.setdefault(word, []).append(node)
    owners: dict[int, PlanNode | None] = {}
    for node in nodes:
        if node.parent is None or node.text("Parent Relationship") != "InitPlan":
            continue
        name = node.text("Subplan Name")
        if name.startswith("CTE "):
            found = _longest(readers.get(name, ()), node)
            owners[node.step] = found
        else:
            words = _PARAMETER.findall(name)
            users = [user for word in words for user in readers.get(word, ())]
            owners[node.step] = _longest(users, node) or node.parent
    return owners


def _reads(node: PlanNode) -> Iterator[str]:
    """What a node reads of a WITH query or an InitPlan."""
    if node.kind == "CTE Scan":
        yield f"CTE {node.text('CTE Name')}"
    for key, value in node.raw.items():
        if key not in ("Plans", "Subplan Name"):
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str) and ("$" in text or "InitPlan" in text):
                    yield from dict.fromkeys(_PARAMETER.findall(text))


def _longest(users: Sequence[PlanNode], subplan: PlanNode) -> PlanNode | None:
    """Who pulled the rows: the reader that took longest, in the scope of the subplan's name and outside of itself."""
    assert subplan.parent is not None
    inside = [one for one in users if subplan.parent.holds(one) and not subplan.holds(one)]
    return max(inside, key=lambda one: one.elapsed or 0.0, default=None)


def _divide(nodes: Sequence[PlanNode], owners: Mapping[int, PlanNode | None], *, timed: bool) -> float:
    """Set every node's `own`: its part of the whole without its inputs. Inputs never get more than there is above them
    (averages are rounded, and a LIMIT ends its input early), so that the parts add up to the whole.

    Returns:
        the sum of all parts.
    """
    inputs: dict[int, list[PlanNode]] = {}
    waiting: list[tuple[PlanNode, float]] = []
    for node in nodes:
        owner = owners.get(node.step, node.parent)
        if owner is None:
            waiting.append((node, _natural(node, timed=timed)))
        else:
            inputs.setdefault(owner.step, []).append(node)
    whole = 0.0
    while waiting:
        node, budget = waiting.pop()
        natural = _natural(node, timed=timed)
        factor = budget / natural if natural > 0 else 0.0
        claims = [(one, _claim(one, timed=timed) * factor) for one in inputs.get(node.step, ())]
        claimed = math.fsum(claim for _, claim in claims)
        if claimed > budget:
            claims = [(one, claim * (budget / claimed)) for one, claim in claims]
            claimed = budget
        node.own = budget - claimed
        whole += node.own
        waiting += claims
    return whole


def _natural(node: PlanNode, *, timed: bool) -> float:
    amount = node.elapsed if timed else node.number("Total Cost")
    return _bounded(amount or 0.0)


def _claim(node: PlanNode, *, timed: bool) -> float:
    amount = _natural(node, timed=timed)
    above = node.parent
    if timed or above is None or above.kind != "Nested Loop" or node.text("Parent Relationship") != "Inner":
        return amount
    outer = above.below("Outer")
    return _bounded(amount * max(1.0, (outer.number("Plan Rows") if outer else None) or 1.0))


def _bounded(amount: float) -> float:
    """An amount with which sums and quotients stay finite; EXPLAIN prints no less than a thousandth."""
    return 0.0 if amount < 1e-6 else min(amount, 1e15)


def _trigger_time(parts: Sequence[Mapping[str, Any]]) -> float:
    return sum(number(one.get("Time")) or 0.0 for part in parts for one in objects(part.get("Triggers")))
