"""Which HTTP status says the same as an error."""

from __future__ import annotations

from postai.database.errors import ConnectionFailed, ConnectionLost, ServerError
from postai.errors import (
    AgentNotReachable,
    BudgetSpent,
    FeatureMissing,
    LockNotObtained,
    ModelFailed,
    NotPermitted,
    NotSure,
    PostaiError,
    Refused,
    StaleProposal,
    UsageError,
)
from postai.web.kept import StillReading
from postai.web.limits import TooOften
from postai.web.logins import ProviderFailed
from postai.web.running import Cancelled
from postai.web.tokens import UnknownPass
from postai.web.visit import ForeignRequest, NotLoggedIn

STATUS: tuple[tuple[type[PostaiError], int], ...] = (
    (NotLoggedIn, 401),
    (UnknownPass, 401),
    (ProviderFailed, 401),
    (ForeignRequest, 403),
    (NotPermitted, 403),
    (Refused, 403),
    (UsageError, 400),
    (NotSure, 422),
    (StaleProposal, 409),
    (LockNotObtained, 409),
    (FeatureMissing, 501),
    (TooOften, 429),
    (Cancelled, 504),
    (StillReading, 504),
    (BudgetSpent, 429),
    (AgentNotReachable, 503),
    (ModelFailed, 502),
    (ConnectionFailed, 503),
    (ConnectionLost, 503),
)
"""HTTP status by class of error; the first that fits."""
BY_SQLSTATE = {"42501": 403, "28P01": 401, "57014": 504, "25006": 403}
BY_CLASS = {"0L": 400, "22": 400, "23": 400, "2B": 409, "42": 400, "54": 400, "40": 409, "55": 409}
"""HTTP status of what a server says, by SQLSTATE and by its class (2B: others depend on it, 55: not in the state for
that); the rest is 500."""


def status_of(error: PostaiError) -> int:
    """The HTTP status that says the same as the error."""
    if isinstance(error, ServerError):
        if error.sqlstate in BY_SQLSTATE:
            return BY_SQLSTATE[error.sqlstate]
        by_name = {kind.sqlstate: status for kind, status in STATUS if kind.sqlstate.startswith("PA0")}
        if error.sqlstate in by_name:
            return by_name[error.sqlstate]
        return BY_CLASS.get(error.sqlstate[:2], 500)
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)
