"""The lifecycle of a change: proposed, approved, carried out step by step, verified, undone."""

from postai.proposals.objects import UnknownObject
from postai.proposals.runner import Runner, Verifier
from postai.proposals.store import create
from postai.proposals.types import (
    Action,
    Decision,
    Draft,
    DraftStep,
    Measured,
    RunnerOptions,
    RunResult,
)

__all__ = [
    "Action",
    "Decision",
    "Draft",
    "DraftStep",
    "Measured",
    "RunResult",
    "Runner",
    "RunnerOptions",
    "UnknownObject",
    "Verifier",
    "create",
]
