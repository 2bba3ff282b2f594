"""What can go wrong on the way to the model and back, in words that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from postai.errors import ModelFailed, PostaiError
from postai.model.blocks import one_line
from postai.model.line import MAX_ANSWER_BYTES, AnswerTooLargeError, TimeOverError
from postai.model.types import CallStatus
from postai.settings import ModelSettings

if TYPE_CHECKING:
    from anthropic import APIStatusError

LONGEST_TOLD = 300
PASSING = frozenset({408, 409, 429})

HINTS = {
    400: "The server does not accept the request: check the model id and the base URL.",
    401: "The key is wrong or was withdrawn: check ANTHROPIC_API_KEY or api_key in section [model] of postai.toml.",
    402: "The provider's account has no credit left.",
    403: "The key may not use this model.",
    404: "Check the model id and the base URL in section [model] of postai.toml.",
    413: "The schema is too large for one request of this model.",
    429: "The provider limits the rate of calls: wait a little and ask again.",
    529: "The provider is overloaded: ask again in a minute.",
}


@dataclass(frozen=True)
class Failure:
    """A failed attempt.

    Attributes:
        status: for the record.
        error: to raise when it is not tried again.
        may_pass: whether another attempt can help.
        retry_after: seconds that the server asked to wait; None = it did not say.
        charged: whether the provider may have counted the tokens.
    """

    status: CallStatus
    error: PostaiError
    may_pass: bool = False
    retry_after: float | None = None
    charged: bool = True

    @classmethod
    def final(cls, status: CallStatus, message: str, hint: str, detail: str | None = None) -> Failure:
        """A failure that another attempt cannot mend."""
        return cls(status, ModelFailed(message, detail=detail, hint=hint))


def judge_stop(stop_reason: str | None) -> Failure | None:
    """What is wrong with an answer that ended for this reason; None = it is complete."""
    if stop_reason == "refusal":
        return Failure.final(
            "refusal", "the model declined to answer", "Put the question in other words, or write the SQL yourself."
        )
    if stop_reason in ("max_tokens", "model_context_window_exceeded"):
        return Failure.final(
            "max_tokens",
            "the model's answer was cut off",
            "Ask for less at once: the answer or the schema is too large for one request.",
        )
    return None


def call_errors() -> tuple[type[Exception], ...]:
    """What a call can raise that is no mistake of ours (a function: anthropic is imported at first use only)."""
    import anthropic
    import httpx2

    return (
        TimeOverError,
        AnswerTooLargeError,
        ValueError,
        OSError,
        anthropic.AnthropicError,
        httpx2.HTTPError,
        httpx2.StreamError,
        httpx2.InvalidURL,
    )


def explain_failure(error: Exception, settings: ModelSettings) -> Failure:
    """Turn whatever a call raised into a failure; texts of the server are shortened and freed of the key."""
    import anthropic

    if isinstance(error, TimeOverError | anthropic.APITimeoutError):
        told = ModelFailed(
            "the model did not answer in time",
            detail=f"limit {settings.timeout_seconds:g} s for one request, or what was left of ask_timeout",
            hint="Ask again, or raise timeout_seconds in section [model] of postai.toml.",
        )
        return Failure("timeout", told, may_pass=True)
    if isinstance(error, AnswerTooLargeError):
        return Failure.final(
            "garbage",
            "the model's answer is too large",
            "Check the base URL: what answers there does not keep to max_tokens.",
            f"more than {MAX_ANSWER_BYTES} bytes",
        )
    if isinstance(error, anthropic.APIStatusError):
        return _status_failure(error, settings)
    if isinstance(error, anthropic.APIConnectionError):
        told = ModelFailed(
            "the model cannot be reached",
            detail=scrub(_cause(error), settings),
            hint="Check the network and the base URL in section [model] of postai.toml.",
        )
        return Failure("connection", told, may_pass=True, charged=False)
    if isinstance(error, ValidationError | ValueError):
        return Failure.final(
            "garbage",
            "what came back is no answer of the Messages API",
            "Check the base URL in section [model] of postai.toml: another kind of server may answer there.",
        )
    # A connection that breaks while the answer is read comes as the HTTP library's own error.
    told = ModelFailed(
        "the connection to the model broke",
        detail=scrub(f"{type(error).__name__}: {error}", settings),
        hint="Ask again; check the network when it stays.",
    )
    return Failure("connection", told, may_pass=True)


def _status_failure(error: APIStatusError, settings: ModelSettings) -> Failure:
    code = error.status_code
    said = scrub(getattr(error, "api_message", None) or "", settings)
    told = ModelFailed(
        f"the model's server answered {code}",
        detail=said or None,
        hint=HINTS.get(code, HINTS[400] if code < 500 else "The provider has trouble: ask again in a minute."),
    )
    status: CallStatus = "rejected"
    if code == 429:
        status = "rate_limited"
    elif code == 529:
        status = "overloaded"
    elif code >= 500:
        status = "server_error"
    return Failure(status, told, code in PASSING or code >= 500, _retry_after(error), charged=False)


def _retry_after(error: APIStatusError) -> float | None:
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None  # absent, or a date: our own pause will do
    return seconds if 0 <= seconds < 3600 else 3600.0


def _cause(error: BaseException) -> str:
    cause = error.__cause__ or error
    return f"{type(cause).__name__}: {cause}"


def scrub(text: str, settings: ModelSettings) -> str:
    """A text from outside on one line, short, with the key taken out wherever it is echoed."""
    if settings.api_key is not None:
        text = text.replace(settings.api_key.get_secret_value(), "[key removed]")
    return one_line(text, LONGEST_TOLD)
