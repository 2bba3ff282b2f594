"""A plan in words: what each node costs by itself, what is wrong with it, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from postai.database.catalog import Catalog
from postai.sql.plan_memory import MEMORY_RULES
from postai.sql.plan_rows import ROW_RULES
from postai.sql.plan_rules import PlanRule, Problem, Severity, count, milliseconds, percent
from postai.sql.plan_tree import PlanNode, PlanTree, label, read_tree
from postai.sql.plan_unusable import Named, explain_unusable
from postai.sql.plan_whole import WHOLE_RULES

NODE_RULES: tuple[PlanRule, ...] = (*ROW_RULES, *MEMORY_RULES)
"""Every rule about one node; a new rule is one more entry in one of the two lists."""


@dataclass(frozen=True)
class PlanFinding:
    """One row about a plan.

    Attributes:
        step: number of the node in the order in which EXPLAIN prints them, from 1; rows about the statement as a whole
            (planning, JIT, triggers) come after the last node.
        node: the node in words, with its rows, its own time and its share.
        problem: what is wrong; "" when nothing is.
        advice: what to do about it; "" when nothing is wrong.
        severity: INFO when nothing is wrong.
    """

    step: int
    node: str
    problem: str
    advice: str
    severity: Severity


def read_plan(plan: object, catalog: Catalog | None = None) -> tuple[PlanFinding, ...]:
    """What a plan says, node by node.

    Args:
        plan: the parsed result of EXPLAIN (FORMAT JSON), with or without ANALYZE, BUFFERS, VERBOSE, of PostgreSQL 14 to
            18: a list of objects with key "Plan". Keys that are missing or of another type count as not said.

        catalog: of the database; with it, indexes that are there and cannot be used are told with the reason.

    Returns:
        for each node one row, or one for each of its problems; nothing for what is no plan.
    """
    tree = read_tree(plan)
    named = Named(catalog) if catalog is not None else None
    findings = []
    for node in tree.nodes:
        words = describe(node, tree)
        unusable = explain_unusable(node, tree, named) if named is not None else ()
        problems = [found for rule in _rules(unusable) if (found := rule.check(node, tree))]
        problems[:0] = unusable
        findings += [PlanFinding(node.step, words, one.text, one.advice, one.severity) for one in problems]
        if not problems:
            findings.append(PlanFinding(node.step, words, "", "", "INFO"))
    step = len(tree.nodes)
    for part in tree.parts:
        for rule in WHOLE_RULES:
            for words, problem in rule.check(part, tree):
                step += 1
                findings.append(PlanFinding(step, words, problem.text, problem.advice, problem.severity))
    return tuple(findings)


def _rules(unusable: tuple[Problem, ...]) -> Iterator[PlanRule]:
    """Where it is known why an index is of no use, nothing is guessed about one that is missing."""
    return (rule for rule in NODE_RULES if not unusable or rule.id != "missing_index")


def describe(node: PlanNode, tree: PlanTree) -> str:
    """A node in words: "Seq Scan on orders o, 12,345 rows, 8.1 ms (62 % of the time)"."""
    words = label(node)
    if node.never_ran:
        return f"{words}, never ran"
    share = percent(tree.share(node.own))
    if node.rows is None:
        expected = node.number("Plan Rows")
        rows = (
            f", about {count(expected)} {'row' if expected == 1 else 'rows'} expected" if expected is not None else ""
        )
        return f"{words}{rows}, cost {count(node.own)} ({share} of the cost)"
    words += f", {count(node.rows)} {'row' if node.rows == 1 else 'rows'}"
    if node.loops > 1:
        words += f" in {count(node.loops)} loops"
    if tree.timed:
        return f"{words}, {milliseconds(node.own)} ({share} of the time)"
    return f"{words}, cost {count(node.own)} ({share} of the cost)"
