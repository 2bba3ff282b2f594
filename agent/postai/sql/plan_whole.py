"""Rules about a statement as a whole: planning, compiling (JIT), triggers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from postai.sql.plan_rules import Problem, by_share, count, milliseconds, percent
from postai.sql.plan_tree import PlanTree, number, objects, plain

NOTICEABLE = 5.0
"""Milliseconds below which nobody waits."""

Found = tuple[str, Problem]
"""What stands in the column "node", and the problem."""


@dataclass(frozen=True)
class WholeRule:
    """One kind of problem of a whole statement; the attributes are those of PlanRule.

    Attributes:
        check: finds it in the object of EXPLAIN that holds the "Plan".
    """

    id: str
    title: str
    why: str
    fix: str
    docs: str
    check: Callable[[Mapping[str, Any], PlanTree], Iterator[Found]]


def planning_time(part: Mapping[str, Any], _tree: PlanTree) -> Iterator[Found]:
    """Planning that takes longer than running."""
    planning, execution = number(part.get("Planning Time")), number(part.get("Execution Time"))
    if planning is None or execution is None or planning < NOTICEABLE or planning <= execution:
        return
    yield (
        f"Planning, {milliseconds(planning)}",
        Problem(
            f"Planning took {milliseconds(planning)}, running {milliseconds(execution)}.",
            "Prepare the statement if it runs often (PREPARE, or a driver that does; plan_cache_mode), join fewer "
            "tables or partitions, and drop indexes that nobody uses.",
            "MEDIUM" if planning >= 10 * NOTICEABLE else "LOW",
        ),
    )


def jit_time(part: Mapping[str, Any], _tree: PlanTree) -> Iterator[Found]:
    """Compiling that takes a good part of running."""
    jit = part.get("JIT")
    execution = number(part.get("Execution Time"))
    timing = jit.get("Timing") if isinstance(jit, Mapping) else None
    spent = number(timing.get("Total")) if isinstance(timing, Mapping) else None
    if not isinstance(jit, Mapping) or spent is None or not execution or spent < NOTICEABLE or spent < 0.1 * execution:
        return
    functions = number(jit.get("Functions")) or 0.0
    yield (
        f"JIT, {milliseconds(spent)}",
        Problem(
            f"Compiling {count(functions)} functions took {milliseconds(spent)} in all processes together; running "
            f"took {milliseconds(execution)}.",
            "SET jit = off for such statements, or raise jit_above_cost; look for an estimate that is too high.",
            by_share(spent / execution),
        ),
    )


def trigger_time(part: Mapping[str, Any], tree: PlanTree) -> Iterator[Found]:
    """Triggers that take a good part of running; foreign keys are triggers too."""
    for trigger in objects(part.get("Triggers")):
        spent, calls = number(trigger.get("Time")), number(trigger.get("Calls")) or 0.0
        if spent is None or spent < NOTICEABLE or tree.share(spent) < 0.1:
            continue
        constraint, name = trigger.get("Constraint Name"), trigger.get("Trigger Name")
        table = plain(str(trigger.get("Relation") or "")) or "its table"
        if isinstance(constraint, str):
            what = f"Trigger of constraint {plain(constraint)} on {table}"
            advice = (
                f"If it is a foreign key that refers to {table}, make an index on the referring columns; if {table} "
                "refers, the look-ups are the price of the check: change rows in larger statements, not one by one."
            )
        else:
            what = f"Trigger {plain(str(name or ''))} on {table}"
            advice = (
                "Make the trigger's function cheaper, run it only WHEN its columns change, or once per statement with "
                "transition tables."
            )
        yield (
            f"{what}, {count(calls)} calls, {milliseconds(spent)} ({percent(tree.share(spent))} of the time)",
            Problem(
                f"{count(calls)} calls took {milliseconds(spent)}, {percent(tree.share(spent))} of the time.",
                advice,
                by_share(tree.share(spent)),
            ),
        )


WHOLE_RULES: tuple[WholeRule, ...] = (
    WholeRule(
        "planning_time", "Planning takes longer than running",
        "Each run plans again unless the statement is prepared; many joins, partitions and indexes make that long.",
        "Prepared statements, fewer partitions and indexes to consider.",
        "https://www.postgresql.org/docs/current/sql-prepare.html", planning_time,
    ),
    WholeRule(
        "jit_time", "Compiling takes a good part of the time",
        "Just-in-time compilation pays for long statements; it is chosen by estimated cost.",
        "jit = off, or a higher jit_above_cost.",
        "https://www.postgresql.org/docs/current/jit-decision.html", jit_time,
    ),
    WholeRule(
        "trigger_time", "Triggers take a good part of the time",
        "Triggers run for each row; the checks of foreign keys are triggers as well.",
        "Indexes for foreign keys; cheaper or fewer trigger calls.",
        "https://www.postgresql.org/docs/current/using-explain.html#USING-EXPLAIN-ANALYZE", trigger_time,
    ),
)  # fmt: skip
