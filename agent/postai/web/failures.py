"""Which HTTP status says the same as an error, and what the API says of it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

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
from postai.sql.parse import Unparsable
from postai.web.kept import StillReading
from postai.web.limits import TooOften
from postai.web.logins import ProviderFailed
from postai.web.running import Cancelled
from postai.web.tokens import UnknownPass
from postai.web.visit import ForeignRequest, NotLoggedIn


class Problem(BaseModel):
    """What went wrong, as psql would show it."""

    sqlstate: str
    message: str
    detail: str | None
    hint: str | None


class Failed(BaseModel):
    """Body of every answer of the API whose status is not 2xx."""

    error: Problem


def _told(meaning: str) -> dict[str, Any]:
    """An answer with that body, by the name of its model: a model that is given is made anew for each route."""
    return {
        "description": meaning,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{Failed.__name__}"}}},
    }


FAILURES: dict[int | str, dict[str, Any]] = {
    401: _told("Nobody is logged in, or the login is over"),
    403: _told("Not permitted, or the token of the login is missing"),
    404: _told("No such thing"),
    422: {"model": Failed, "description": "A parameter or the body has a mistake"},
    "4XX": _told("Refused; the error says why"),
    "5XX": _told("The server, the sidecar or postai failed"),
}
"""What each route of the API may answer besides its result; one with the model, which puts it into the description."""

STATUS: tuple[tuple[type[PostaiError], int], ...] = (
    (NotLoggedIn, 401),
    (UnknownPass, 401),
    (ProviderFailed, 401),
    (ForeignRequest, 403),
    (NotPermitted, 403),
    (Unparsable, 400),
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
