"""What can be wrong with one node of a plan: a registry of rules, each data plus one small function.

A rule's function gets a node and its tree and gives what it found, or None. Thresholds are chosen so that a rule speaks
where a person would act: small inputs are silent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from postai.sql.plan_tree import PlanNode, PlanTree

Severity = Literal["HIGH", "MEDIUM", "LOW", "INFO"]

BLOCK = 8192
"""Bytes of a block, as servers are built unless somebody chose otherwise (BLCKSZ)."""
MANY_ROWS = 1_000
"""Rows below which throwing some away is not worth a word."""
SORTED_ROWS = 10_000
"""Rows from which sorting all for the first few is worth an index."""
MANY_LOOPS = 1_000
COPIES = frozenset({"Sort", "Incremental Sort", "Hash", "Materialize", "Memoize", "Gather", "Gather Merge", "Limit",
                    "Result", "LockRows", "Subquery Scan", "ProjectSet"})  # fmt: skip
"""Nodes that hand on the rows of their input: what is off there was off below."""


@dataclass(frozen=True)
class Problem:
    """What one rule found in one node.

    Attributes:
        text: what is wrong, with the numbers of this plan.
        advice: what to do about it here.
    """

    text: str
    advice: str
    severity: Severity


@dataclass(frozen=True)
class PlanRule:
    """One kind of problem.

    Attributes:
        id: lower-case words with underscores.
        title: what is wrong, in general.
        why: why that costs time.
        fix: what helps, in general.
        docs: the page of PostgreSQL's manual that says so.
        check: finds it in a node.
    """

    id: str
    title: str
    why: str
    fix: str
    docs: str
    check: Callable[[PlanNode, PlanTree], Problem | None]


def by_share(share: float) -> Severity:
    """How bad something is that takes that share of the whole."""
    if share >= 0.3:
        return "HIGH"
    return "MEDIUM" if share >= 0.1 else "LOW"


def count(amount: float) -> str:
    """A number of rows or of times: "12,345"; less than ten with one decimal where it has one."""
    if amount < 10 and amount != round(amount):
        return f"{amount:.1f}"
    return f"{amount:,.0f}"


def size(amount: float) -> str:
    """An amount of bytes as PostgreSQL prints it: "12 MB"."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if amount < 10_240:
            return f"{amount:,.0f} {unit}"
        amount /= 1024
    return f"{amount:,.0f} TB"


def percent(share: float) -> str:
    """A share as people say it: "62 %", "under 1 %"."""
    return "under 1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"


def milliseconds(amount: float) -> str:
    """A time: "8.1 ms", "2.4 s"."""
    if amount >= 10_000:
        return f"{amount / 1000:,.1f} s"
    return f"{amount:,.1f} ms" if amount < 100 else f"{amount:,.0f} ms"


def rows_of(node: PlanNode) -> float:
    """Rows it gave in all loops, or is expected to give in one where the plan was not run."""
    return node.rows if node.rows is not None else (node.number("Plan Rows") or 0.0)
