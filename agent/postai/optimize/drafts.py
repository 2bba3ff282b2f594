"""Recommendations of the advisors as drafts of proposals."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from postai.database.identifiers import quote_literal
from postai.optimize.types import Effect, Recommendation
from postai.proposals import Draft, DraftStep
from postai.proposals.index_work import leading_key, undo_of
from postai.proposals.types import Risk

_RISKS: Mapping[str, Risk] = {"drop_index": "medium", "archive": "high"}
_IS_VALID = """SELECT EXISTS (
  SELECT FROM pg_catalog.pg_index AS i WHERE i.indexrelid = pg_catalog.to_regclass(:index) AND i.indisvalid)"""
_LONGEST_TITLE = 200
_EFFECTS = 50
"""Statements of which a proposal remembers what it promised them; the largest effects come first."""


def drafts_of(recommendations: Iterable[Recommendation]) -> tuple[Draft, ...]:
    """One draft for each recommendation, in their order."""
    return tuple(draft_of(one) for one in recommendations)


def draft_of(recommendation: Recommendation) -> Draft:
    """The draft of a proposal that carries a recommendation out.

    `evidence["steps"]`, a list of {"statement", "undo", "undo_precondition"}, takes the place of the single statement
    (partitioned tables need several); where one of them makes or attaches an index, its undo may be left out. A
    recommendation without either becomes a proposal without steps: advice to follow by hand.
    """
    one = recommendation
    steps = _steps(one)
    rest = {key: value for key, value in one.evidence.items() if key != "steps"}
    return Draft(
        kind=one.kind,
        title=one.title if len(one.title) <= _LONGEST_TITLE else one.title[: _LONGEST_TITLE - 1] + "…",
        why=one.why,
        steps=steps,
        evidence={
            **rest,
            "object": one.object,
            "severity": one.severity,
            "saved_ms_per_day": round(one.saved_ms_per_day, 3),
            "write_ms_per_day": round(one.write_ms_per_day, 3),
            "bytes": one.bytes,
            "estimated_by": one.estimated_by,
            "replaces": list(one.replaces),
            "effects": [_effect(effect) for effect in one.effects[:_EFFECTS]],
        },
        risk=_RISKS.get(one.kind, "low"),
        key=_key(one, steps),
    )


def _steps(one: Recommendation) -> tuple[DraftStep, ...]:
    listed = one.evidence.get("steps")
    if listed:
        steps = [
            DraftStep(
                step["statement"],
                undo=step.get("undo") or undo_of(step["statement"]),
                undo_precondition=step.get("undo_precondition"),
            )
            for step in listed
        ]
    elif one.statement:
        steps = [DraftStep(one.statement, undo=one.undo, precondition=_substitute(one))]
    else:
        return ()
    if one.comment:
        steps.append(DraftStep(one.comment))
    return tuple(steps)


def _substitute(one: Recommendation) -> str | None:
    """The condition that the index which does the work of a dropped one is there and valid; None = none does."""
    other = one.evidence.get("replaced_by") or one.evidence.get("covered_by")
    if one.kind != "drop_index" or not other:
        return None
    return _IS_VALID.replace(":index", quote_literal(other))


def _key(one: Recommendation, steps: tuple[DraftStep, ...]) -> str:
    """What it speaks of: the kind and the object; for a new index also its first column or expression."""
    leading = next((key for step in steps if (key := leading_key(step.statement)) is not None), None)
    parts = [one.kind, one.object] + ([leading] if leading is not None else [])
    return " ".join(parts)


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "id": effect.id,
        "calls_per_day": effect.calls_per_day,
        "before_ms": effect.before_ms,
        "after_ms": effect.after_ms,
    }
