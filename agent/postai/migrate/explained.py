"""The account of a traced statement for programs: the fields of `post-ai migrate explain --json`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postai.migrate.types import Plan, PlannedStep, Traced


def explained(traced: Traced) -> dict[str, Any]:
    """One statement's locks, rewrites and scans.

    Tables, views and indexes are named as along the statement's search_path: without their schema where they are found
    without it.
    """

    def named(names: Iterable[str]) -> list[str]:
        return sorted(traced.shown.get(name, name) for name in names)

    return {
        "statement": traced.statement,
        "locks": {traced.shown.get(name, name): mode for name, mode in traced.locks.items()},
        "blocks": {traced.shown.get(name, name): what for name, what in traced.blocks.items()},
        "rewrites": _known(traced.rewrites, traced),
        "rewritten": named(traced.rewrites),
        "rebuilt_indexes": named(traced.rebuilt_indexes),
        "scans": _known(traced.scans, traced),
        "scanned": named(traced.scans),
        "in_transaction_allowed": traced.in_transaction,
        "error": None if traced.error is None else {"sqlstate": traced.sqlstate, "message": traced.error},
        "traced": traced.traced,
        "note": traced.note,
    }


def _known(names: tuple[str, ...], traced: Traced) -> bool | None:
    """Whether there are any; None = a statement that was not tried on a copy says nothing about it."""
    return True if names else False if traced.traced else None


def planned(made: Plan, given: int | None = None) -> list[dict[str, Any]]:
    """The online steps of a plan, or those of one given statement (its number, from 1)."""
    return [_step(number, one) for number, one in enumerate(made.steps, start=1) if given in (None, one.given)]


def _step(number: int, step: PlannedStep) -> dict[str, Any]:
    return {
        "step": number,
        "given": step.given,
        "statement": step.statement,
        "together": list(step.together),
        "class": step.step_class,
        "phase": step.phase,
        "locks": dict(step.locks),
        "blocks": dict(step.blocks),
        "rewrites": bool(step.rewrites) if step.traced else None,
        "scans": bool(step.scans) if step.traced else None,
        "in_transaction": step.step_class != "alone",
        "precondition": step.precondition,
        "postcondition": step.postcondition,
        "undo": step.undo,
        "hazard": step.hazard,
        "backfill": None if step.backfill is None else {
            "table": step.backfill.table, "key": list(step.backfill.key),
            "assignments": dict(step.backfill.assignments), "condition": step.backfill.condition,
        },
        "estimated_rows": step.estimated_rows,
        "estimated_ms": step.estimated_ms,
        "risk_score": step.risk_score,
    }  # fmt: skip


def plan_as_json(made: Plan) -> dict[str, Any]:
    """A plan without its steps."""
    return {
        "destructive": made.destructive,
        "risk": made.risk,
        "risk_score": made.risk_score,
        "warnings": list(made.warnings),
        "refused": list(made.refused),
        "conflicts": list(made.conflicts),
        "schedule": made.schedule,
        "checks": [{"query": query, "words": words} for query, words in made.checks],
    }
