"""Judging statements: how much they matter.

The rules, with their numbers, are documented in docs/judging.md; `sql/62_judge.sql` holds the same ones for the views.
"""

from __future__ import annotations

from typing import Literal

Severity = Literal["HIGH", "MEDIUM", "LOW"]

DAY_MS = 86_400_000.0
"""What one core has to give in a day, in milliseconds."""


def severity_of_load(ms_per_day: float) -> Severity:
    """How bad it is that something takes so much time: HIGH from a tenth of one core on, MEDIUM from a hundredth on."""
    if ms_per_day >= DAY_MS / 10:
        return "HIGH"
    return "MEDIUM" if ms_per_day >= DAY_MS / 100 else "LOW"
