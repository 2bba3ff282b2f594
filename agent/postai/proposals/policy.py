"""Applies without being asked what the operator's policy (setting auto_apply) lets the agent apply.

The database decides: postai._apply_by_policy looks at what the steps say, at the limits of the settings, and at the
rights of the operator who set the policy and in whose name it happens.
"""

from __future__ import annotations

from dataclasses import dataclass

from postai.database import Database, ServerError
from postai.database.named_sql import load


@dataclass(frozen=True)
class PolicyReport:
    """What was applied without being asked.

    Attributes:
        applied: proposal and action.
        refused: proposal and what stands against it.
    """

    applied: tuple[tuple[int, int], ...] = ()
    refused: tuple[tuple[int, str], ...] = ()


def apply_by_policy(db: Database) -> PolicyReport:
    """Queue what the policy allows, the most valuable first.

    Args:
        db: session of a member of postai_agent.

    Raises:
        ServerError: anything but a refusal.
    """
    sql = load(__package__, "policy.sql")
    problem, left = db.query(sql["policy"])[0]
    if problem is not None:
        return PolicyReport()
    applied: list[tuple[int, int]] = []
    refused: list[tuple[int, str]] = []
    for (proposal,) in db.query(sql["candidates"]):
        if len(applied) >= left:
            break
        try:
            applied.append((proposal, int(db.query(sql["apply"], [proposal])[0][0])))
        except ServerError as error:
            if error.sqlstate not in ("PA006", "PA008", "55000", "42501"):
                raise
            refused.append((proposal, error.detail or error.message))
    return PolicyReport(tuple(applied), tuple(refused))
