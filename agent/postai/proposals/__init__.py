"""The lifecycle of a change: proposed, approved, carried out step by step, verified, undone."""

from postai.proposals.keeping import KeptReport, keep
from postai.proposals.objects import UnknownObject
from postai.proposals.policy import PolicyReport, apply_by_policy
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
    Witness,
)

__all__ = [
    "Action",
    "Decision",
    "Draft",
    "DraftStep",
    "KeptReport",
    "Measured",
    "PolicyReport",
    "RunResult",
    "Runner",
    "RunnerOptions",
    "UnknownObject",
    "Verifier",
    "Witness",
    "apply_by_policy",
    "create",
    "keep",
]
