"""A plan as the draft of a proposal, and what the collected history knows of the use of tables and columns."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from postai.database import Database
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.errors import Refused
from postai.migrate.checks import Found
from postai.migrate.later import split, told
from postai.migrate.types import Plan, PlannedStep
from postai.migrate.work import Usage
from postai.proposals.types import Draft, DraftStep

KIND = "migrate"
"""Kind of the proposals that are made here."""


def draft(
    made: Plan,
    title: str,
    why: str,
    *,
    given: Sequence[str] = (),
    found: Sequence[Found] = (),
    proposed_by: str | None = None,
) -> Draft:
    """The proposal that a plan stands for.

    Args:
        made: the plan.
        title: one line; it is cut at 200 characters.
        why: the reason, for people.
        given: the statements that were asked for.
        found: what `run_checks` came to.
        proposed_by: who asked; None = the connected role.

    Raises:
        Refused: the plan refuses a statement, a check found rows that stand in the way, or there is nothing to do.
    """
    if made.refused:
        raise Refused("the change is not carried out as it was asked for", detail="; ".join(made.refused) + ".",
                      hint="Ask for what is proposed instead.")  # fmt: skip
    in_the_way = [one for one in found if one.stands_in_the_way]
    if in_the_way:
        raise Refused("the data does not allow the change", detail="; ".join(one.sentence() for one in in_the_way),
                      hint="Correct the rows, then ask again.")  # fmt: skip
    if not made.steps:
        raise Refused("there is nothing to do", detail="; ".join(made.warnings) or None,
                      hint="Everything that was asked for is there already.")  # fmt: skip
    now, later = split(made.steps)
    evidence = {
        "given": list(given),
        "risk_score": made.risk_score,
        "destructive": made.destructive,
        "warnings": list(made.warnings),
        "checks": _checks(found),
        "conflicts": list(made.conflicts),
        "schedule": made.schedule,
        "steps": [_told(one) for one in now],
        "later": told([_step(one) for one in later]),
    }
    return Draft(
        kind=KIND,
        title=title[:200],
        why=why,
        steps=tuple(_step(one) for one in now),
        evidence=evidence,
        risk=made.risk,
        proposed_by=proposed_by,
    )


def _step(step: PlannedStep) -> DraftStep:
    return DraftStep(
        statement=step.statement,
        together=step.together,
        undo=step.undo or None,
        precondition=step.precondition,
        postcondition=step.postcondition,
        hazard=step.hazard,
        locks=step.locks,
        estimated_ms=step.estimated_ms,
        estimated_rows=step.estimated_rows,
        step_class=step.step_class,
        backfill=step.backfill,
        phase=step.phase,
        blocks=step.blocks,
        rewrites=step.rewrites if step.traced else None,
        scans=step.scans if step.traced else None,
    )


def note_checks(db: Database, proposal: int, found: Sequence[Found]) -> None:
    """Write into an open proposal what was looked for, and whether it stands in the way.

    Args:
        db: session of a member of postai_agent.
        proposal: its number.
        found: what the session that asked saw, with its rights.
    """
    db.execute(load(__package__, "draft.sql")["note_checks"], [json.dumps(_checks(found)), proposal])


def _checks(found: Sequence[Found]) -> list[dict[str, object]]:
    return [
        {
            "words": one.words, "query": one.query, "count": one.count, "problem": one.problem,
            "in_the_way": None if one.problem else one.stands_in_the_way,
        }
        for one in found
    ]  # fmt: skip


def _told(step: PlannedStep) -> dict[str, object]:
    """What a stored step has no column for."""
    return {"given": step.given, "risk_score": step.risk_score}


def usage_from_history(db: Database) -> Callable[[str, str, str | None], Usage | None]:
    """Looks a table or column up in the statements that postai has collected.

    Args:
        db: session of the home database; what its role may not see counts as unknown, and everything while
            nothing was collected.
    """
    sql = load(__package__, "draft.sql")

    def look(schema: str, table: str, column: str | None) -> Usage | None:
        if not db.query(sql["readable"])[0][0]:
            return None
        since = db.query(sql["since"])[0][0]
        if since is None:
            return None
        name = qualified(schema, table)
        statements, calls, last = db.query(sql["named"], [name, column, name, column])[0]
        return Usage(statements, calls, last, since)

    return look
