"""The model: one request at a time, within a deadline, a budget and a number of retries, every attempt recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from postai.deadline import Deadline
from postai.errors import ModelFailed
from postai.model.blocks import Block
from postai.model.budget import Budget
from postai.model.failures import Failure, call_errors, explain_failure, judge_stop
from postai.model.line import Endpoint, Line, read_json
from postai.model.prices import Price, Usage, estimate_tokens
from postai.model.types import CallStatus, Message, ModelCall, ModelReply
from postai.settings import ModelSettings

if TYPE_CHECKING:
    from anthropic import Anthropic

T = TypeVar("T")

MAX_OUTPUT_TOKENS = 4_000
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 8.0
KEPT_LINES = 8
NO_KEY_NEEDED = "not-needed"


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")
    type: str
    text: str | None = None


class _Usage(BaseModel):
    model_config = ConfigDict(extra="ignore")
    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)
    cache_creation_input_tokens: int | None = Field(default=None, ge=0)
    cache_read_input_tokens: int | None = Field(default=None, ge=0)


class _Answer(BaseModel):
    """The parts of a Messages API answer that we use; strict about them, blind to the rest."""

    model_config = ConfigDict(extra="ignore")
    content: list[_Part]
    stop_reason: str | None = None
    usage: _Usage | None = None


class Model:
    """A configured model.

    Args:
        settings: model id, base URL, key, time-out, retries, budget.
        record: told of every attempt; must not be slow.
        spent_today: US dollars spent since midnight.

    Safe to share between threads: each call has a connection of its own, kept for the next one.
    """

    def __init__(
        self,
        settings: ModelSettings,
        *,
        record: Callable[[ModelCall], None],
        spent_today: Callable[[], Decimal],
    ) -> None:
        self._settings = settings
        self._record = record
        self._price = Price(settings.input_usd_per_million_tokens, settings.output_usd_per_million_tokens)
        self._budget = Budget(settings.daily_budget_usd, spent_today)
        self._lines: list[Line] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Model({self._settings.model!r})"

    @property
    def name(self) -> str:
        """The model id."""
        return self._settings.model

    def recording(self, record: Callable[[ModelCall], None]) -> Model:
        """The same model (connections and budget shared) whose attempts are told to somebody else."""
        twin = object.__new__(Model)
        twin.__dict__.update(self.__dict__, _record=record)
        return twin

    def prepare(self) -> None:
        """Load the client library (a second of CPU, some 60 MiB), so that the first question does not wait for it."""
        if self._settings.configured:
            self._give_back(self._take())

    def complete(
        self,
        purpose: str,
        system: Sequence[Block],
        messages: Sequence[Message],
        schema: Mapping[str, Any],
        deadline: Deadline,
    ) -> ModelReply:
        """Ask once; repeat what may pass by itself (429, 529, 5xx, connection, time-out) as the settings allow.

        Args:
            purpose: what for, one word for the record.
            system: instructions and data blocks.
            messages: the conversation, the person's turn last.
            schema: JSON schema that the answer must follow; the caller checks that it does.
            deadline: ends all attempts together; its cancel flag drops the connection.

        Raises:
            ModelFailed: no usable answer; the hint says what to do.
            BudgetSpent: the daily budget does not allow another call.
            Cancelled: the caller is gone.
        """
        self._check_key()
        prompt = sum(map(estimate_tokens, [b.text for b in system] + [m.text for m in messages]))
        worst = self._price.cost(Usage(prompt, MAX_OUTPUT_TOKENS))
        body = request_body(self._settings.model, system, messages, schema)
        for attempt in range(self._settings.max_retries + 1):
            self._check_time(deadline)
            with self._budget.reserve(worst):
                result = self._attempt(purpose, body, prompt, deadline)
            if isinstance(result, ModelReply):
                return result
            pause = result.retry_after
            if pause is None:
                pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**attempt)
            last = attempt == self._settings.max_retries
            if last or not result.may_pass or pause >= deadline.remaining():
                raise result.error
            if deadline.cancel.wait(pause):
                deadline.check()
        raise AssertionError("unreachable: the last attempt returns or raises")

    def available(self, deadline: Deadline) -> tuple[str, ...]:
        """The model ids that the server offers, to check key, address and model id without spending anything.

        Raises:
            ModelFailed: the server cannot be reached or refuses the key.
        """
        self._check_key()

        def work(client: Anthropic) -> tuple[str, ...]:
            return tuple(one.id for one in client.models.list(timeout=self._seconds(deadline)).data)

        try:
            return self._on_line(work, deadline)
        except call_errors() as error:
            raise explain_failure(error, self._settings).error from None

    def _attempt(self, purpose: str, body: dict[str, Any], prompt: int, deadline: Deadline) -> ModelReply | Failure:
        started = time.monotonic()
        usage = Usage(prompt)
        status: CallStatus = "cancelled"
        try:
            answer = self._on_line(lambda client: self._send(client, body, deadline), deadline)
            usage = _usage(answer, prompt)
            result = self._judge(answer, usage)
            status = result.status if isinstance(result, Failure) else "ok"
            return result
        except call_errors() as error:
            failure = explain_failure(error, self._settings)
            status = failure.status
            if not failure.charged:
                usage = Usage()
            return failure
        finally:
            self._record(
                ModelCall(
                    purpose,
                    self._settings.model,
                    usage.input_tokens + usage.cache_write_tokens + usage.cache_read_tokens,
                    usage.output_tokens,
                    self._price.cost(usage),
                    (time.monotonic() - started) * 1000,
                    status,
                )
            )

    def _send(self, client: Anthropic, body: dict[str, Any], deadline: Deadline) -> _Answer:
        # Read as a stream and parsed by us: the library would take any size and believe any shape.
        with client.messages.with_streaming_response.create(**body, timeout=self._seconds(deadline)) as response:
            return _Answer.model_validate(read_json(response.iter_bytes()))

    def _judge(self, answer: _Answer, usage: Usage) -> ModelReply | Failure:
        failure = judge_stop(answer.stop_reason)
        if failure is not None:
            return failure
        text = "".join(part.text or "" for part in answer.content if part.type == "text")
        return ModelReply(text, self._settings.model, usage)

    def _on_line(self, work: Callable[[Anthropic], T], deadline: Deadline) -> T:
        line = self._take()
        try:
            return line.call(work, self._seconds(deadline), deadline)
        finally:
            self._give_back(line)

    def _take(self) -> Line:
        with self._lock:
            if self._lines:
                return self._lines.pop()
        key = self._settings.api_key
        return Line(Endpoint(self._settings.base_url, key.get_secret_value() if key else NO_KEY_NEEDED))

    def _give_back(self, line: Line) -> None:
        with self._lock:
            if line.usable and len(self._lines) < KEPT_LINES:
                self._lines.append(line)
                return
        line.drop()

    def _check_key(self) -> None:
        if not self._settings.configured:
            raise ModelFailed(
                "no key for the model is configured",
                hint="Set ANTHROPIC_API_KEY in the agent's environment, or api_key in section [model] of postai.toml; "
                "the setting engine = grammar needs none.",
            )

    def _seconds(self, deadline: Deadline) -> float:
        return max(0.001, min(self._settings.timeout_seconds, deadline.remaining()))

    def _check_time(self, deadline: Deadline) -> None:
        if deadline.cancel.is_set():
            deadline.check()
        if deadline.remaining() == 0.0:
            raise ModelFailed(
                "no time is left for a call to the model", hint="Raise the setting ask_timeout, or ask again."
            )

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            lines = self._lines.copy()
            self._lines.clear()
        for line in lines:
            line.drop()


def request_body(
    model: str, system: Sequence[Block], messages: Sequence[Message], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """One request in the form of the Messages API: all that the model is told.

    Args:
        model: model id.
        system, messages, schema: as for `Model.complete`.
    """
    blocks: list[dict[str, Any]] = []
    for block in system:
        cached = {"cache_control": {"type": "ephemeral"}} if block.cache else {}
        blocks.append({"type": "text", "text": block.text, **cached})
    return {
        "model": model,
        "max_tokens": MAX_OUTPUT_TOKENS,
        "system": blocks,
        "messages": [{"role": message.role, "content": message.text} for message in messages],
        "output_config": {"format": {"type": "json_schema", "schema": dict(schema)}},
    }


def _usage(answer: _Answer, prompt: int) -> Usage:
    if answer.usage is None:
        written = sum(estimate_tokens(part.text or "") for part in answer.content)
        return Usage(prompt, written)
    return Usage(
        answer.usage.input_tokens,
        answer.usage.output_tokens,
        answer.usage.cache_creation_input_tokens or 0,
        answer.usage.cache_read_input_tokens or 0,
    )
