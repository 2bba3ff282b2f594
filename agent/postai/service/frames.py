"""The wire between a backend and the agent: a 4-byte big-endian length, then one JSON object in UTF-8.

Pure functions and one incremental decoder: no socket, no clock. Whatever arrives is hostile until it passed here.
The job table carries the same objects without the length.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from postai.ask.types import Answer, Digested, Explained
from postai.errors import ErrorParts, PostaiError
from postai.migrate.drift_types import Difference
from postai.sql.plan import PlanFinding

PROTOCOL = 1
MAX_FRAME = 16 * 1024 * 1024
"""Longest JSON text in bytes."""
MAX_DEADLINE_MS = 3_600_000
REPLIES = frozenset({"explained", "digested"})
"""What the backend may send while the agent waits for it."""
VERBS = (
    "ask", "sql", "answer", "prepare", "run", "explain", "check", "optimize", "lint", "migrate", "design", "drift",
    "replicate_check",
)  # fmt: skip
RUNNING_VERBS = frozenset({"ask", "answer", "run"})
"""Verbs after whose answer the backend runs the statement, so that ask_timeout applies."""

_LENGTH = struct.Struct(">I")
_MOMENT = re.compile(r"\d{4,6}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d(:\d\d){0,2}", re.ASCII)


class FrameError(PostaiError):
    """What came over the wire is not what the protocol allows."""

    sqlstate = "08P01"
    title = "protocol"


@dataclass(frozen=True)
class AskFrame:
    """A question as the backend sent it. Session user and role are context, never authorization.

    Attributes:
        id: the request's id, repeated in every frame of the conversation.
        verb: which SQL function asked: "check", "explain", "lint" and "optimize" bring statements in the place of a
            question (explain may bring either; optimize "" = the whole workload); of the others it steers only whether
            a statement will run after the answer.
        search_path: the caller's schemas, without pg_catalog.
        pid, backend_start, query_start: identity of the running statement, as in pg_stat_activity; None = unknown.
        deadline_ms: how long the caller waits for the answer, in milliseconds.
    """

    id: str
    verb: str
    question: str
    session_user: str
    role: str
    search_path: tuple[str, ...]
    database: str
    pid: int
    backend_start: str | None
    query_start: str | None
    max_rows: int
    deadline_ms: int


def encode(message: Mapping[str, Any]) -> bytes:
    """One frame.

    Raises:
        FrameError: the message is longer than a frame may be, or holds text that is no UTF-8.
    """
    try:
        body = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        raise FrameError("the message holds half a surrogate pair") from None
    if len(body) > MAX_FRAME:
        raise FrameError("the message is too long for one frame", detail=f"{len(body)} bytes, at most {MAX_FRAME}")
    return _LENGTH.pack(len(body)) + body


def decode_body(body: bytes) -> dict[str, Any]:
    """The object inside one frame.

    Raises:
        FrameError: not UTF-8, not JSON, not an object, wrong protocol version, no type or a malformed id.
    """
    try:
        message = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise FrameError("the frame is not UTF-8", detail=f"at byte {error.start}") from None
    except RecursionError:
        raise FrameError("the frame is nested too deeply") from None
    except ValueError as error:
        # The text of a JSON error names positions only; the frame itself is never repeated.
        position = error.pos if isinstance(error, json.JSONDecodeError) else 0
        raise FrameError("the frame is not JSON", detail=f"at character {position}") from None
    if not isinstance(message, dict):
        raise FrameError("the frame is not a JSON object")
    if b"\\u" in body:
        _refuse_lone_surrogates(message)
    return check_message(message)


def check_message(message: Mapping[str, Any]) -> dict[str, Any]:
    """The parts every message has: protocol version, type, id (a ping and its pong may leave the id out)."""
    version = message.get("v")
    if type(version) is not int or version != PROTOCOL:
        raise FrameError(
            "the protocol version is not the one this agent speaks",
            detail=f"expected {PROTOCOL}",
            hint="Install the same version of postai in the database and beside it, then restart the agent.",
        )
    kind = message.get("type")
    if not isinstance(kind, str) or not kind:
        raise FrameError("the frame has no type")
    if kind not in ("ping", "pong") or "id" in message:
        identity = message.get("id")
        if not isinstance(identity, str) or not 0 < len(identity) <= 64 or not identity.isprintable():
            raise FrameError("the frame has no usable id", detail="1 to 64 printable characters are expected")
    return dict(message)


class Decoder:
    """Cuts a byte stream into messages. Memory stays below one frame plus what one read brings."""

    def __init__(self, limit: int = MAX_FRAME) -> None:
        self._buffer = bytearray()
        self._limit = limit

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[dict[str, Any]]:
        """Take bytes, give the messages that are now complete.

        Raises:
            FrameError: the stream can no longer be trusted; the connection must be closed.
        """
        self._buffer += data
        messages: list[dict[str, Any]] = []
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if length > self._limit:
                raise FrameError(
                    "the frame is too long", detail=f"{length} bytes announced, at most {self._limit} allowed"
                )
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            messages.append(decode_body(body))
        return messages


def ask_frame(message: Mapping[str, Any]) -> AskFrame:
    """Read an "ask" message.

    Raises:
        FrameError: a field is missing or has the wrong type; names the field, never its value.
    """
    verb = _text(message, "verb")
    if verb not in VERBS:
        raise FrameError("the verb is not known", detail=f"one of {', '.join(VERBS)} is expected")
    path = message.get("search_path")
    if not isinstance(path, list) or not all(isinstance(schema, str) for schema in path):
        raise _field("search_path", "a list of texts")
    return AskFrame(
        id=_text(message, "id"),
        verb=verb,
        question=_text(message, "question"),
        session_user=_text(message, "session_user"),
        role=_text(message, "role"),
        search_path=tuple(path),
        database=_text(message, "database"),
        pid=_integer(message, "pid", 1, 2**31 - 1),
        backend_start=_moment(message, "backend_start"),
        query_start=_moment(message, "query_start"),
        max_rows=_integer(message, "max_rows", 0, 2**31 - 1),
        deadline_ms=_integer(message, "deadline_ms", 1, MAX_DEADLINE_MS),
    )


def there_message(identity: str, kind: str, sql: str, unchanged: str | None = None) -> dict[str, Any]:
    """Agent to backend: do something with this statement, if nothing was changed meanwhile.

    Args:
        kind: "explain", "analyze" (both answered with "explained") or "digest" (answered with "digested").
        unchanged: fingerprint of the catalog that the guard decided on; the backend compares it with its own once it
            has locked what the statement reads.
    """
    message: dict[str, Any] = {"v": PROTOCOL, "id": identity, "type": kind, "sql": sql}
    return message if unchanged is None else {**message, "unchanged": unchanged}


def explained(message: Mapping[str, Any], identity: str) -> Explained:
    """Read the backend's "explained" message.

    Raises:
        FrameError: another type, another conversation's id, or neither plan nor error.
    """
    error = _reply(message, identity, "explained")
    if error is not None:
        return Explained(error=error)
    if "plan" not in message:
        raise FrameError("the backend sent neither a plan nor an error")
    plan = message["plan"]
    if isinstance(plan, str):
        plan = decode_plan(plan)
    return Explained(plan=plan)


def digested(message: Mapping[str, Any], identity: str) -> Digested:
    """Read the backend's "digested" message.

    Raises:
        FrameError: another type, another conversation's id, no number of rows, or a digest that is no short text.
    """
    error = _reply(message, identity, "digested")
    if error is not None:
        return Digested(None, 0, error)
    digest = message.get("digest")
    if digest is not None and not (isinstance(digest, str) and 0 < len(digest) <= 128):
        raise _field("digest", "a short text, or null when there were too many rows")
    return Digested(digest, _integer(message, "rows", 0, 2**31 - 1))


def _reply(message: Mapping[str, Any], identity: str, kind: str) -> ErrorParts | None:
    """The error that a reply holds, after its type and id were checked."""
    if message.get("type") != kind:
        raise FrameError(f"the backend answered with something else than {kind}")
    if message.get("id") != identity:
        raise FrameError("the backend answered another request")
    error = message.get("error")
    return None if error is None else _parts(error)


def decode_plan(text: str) -> object:
    """EXPLAIN (FORMAT JSON) that arrived as text inside the message."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise FrameError("the plan is not JSON") from None


def answer_message(
    identity: str, answer: Answer, question_id: int | None, unchanged: str | None = None
) -> dict[str, Any]:
    """Agent to backend: the end of the conversation; the statement runs if nothing was changed meanwhile."""
    return {
        **({} if unchanged is None else {"unchanged": unchanged}),
        "v": PROTOCOL,
        "id": identity,
        "type": "answer",
        "answer": {
            "question_id": question_id,
            "status": answer.status,
            "sql": answer.sql,
            "explanation": answer.explanation,
            "confidence": answer.confidence,
            "engine": answer.engine,
            "readings": [
                {"text": reading.text, "sql": reading.sql, "confidence": reading.confidence}
                for reading in answer.readings
            ],
            "reason": answer.reason,
            "sqlstate": answer.sqlstate,
            "hint": answer.hint,
        },
    }


def findings_message(
    identity: str, sql: str, findings: Sequence[PlanFinding], question_id: int | None
) -> dict[str, Any]:
    """Agent to backend: the end of a conversation about a plan; nothing runs any more.

    Args:
        sql: the statement whose plan was read.
        question_id: of the question that it answers; None = the person gave the statement.
    """
    message = answer_message(identity, Answer("answered", sql, "", 1.0, "grammar"), question_id)
    message["answer"]["findings"] = [
        {"step": one.step, "node": one.node, "problem": one.problem, "advice": one.advice, "severity": one.severity}
        for one in findings
    ]
    return message


def proposals_message(identity: str, proposals: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> dict[str, Any]:
    """Agent to backend: the end of a conversation about what would help; nothing runs any more.

    Args:
        proposals: rows of postai.optimize, each with its columns; of the other verbs {"id"} alone.
        notes: sentences about what was not known or not done.
    """
    return {
        "v": PROTOCOL,
        "id": identity,
        "type": "answer",
        "answer": {"status": "proposed", "proposals": list(proposals), "notes": list(notes)},
    }


def differences_message(identity: str, differences: Sequence[Difference]) -> dict[str, Any]:
    """Agent to backend: the end of a conversation about drift, with the rows of postai.drift."""
    rows = [
        {"object": one.object, "change": one.change, "expected": one.expected, "actual": one.actual, "fix": one.fix}
        for one in differences
    ]
    without = sum(one.fix is None for one in differences)
    notes = [f"{without} without a fix: no statement leads back without losing what it holds"] if without else []
    answer = {"status": "compared", "differences": rows, "notes": notes}
    return {"v": PROTOCOL, "id": identity, "type": "answer", "answer": answer}


def hazards_message(identity: str, hazards: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Agent to backend: the end of a conversation about a schema change; nothing runs any more.

    Args:
        hazards: rows of postai.lint, each with its columns.
    """
    return {"v": PROTOCOL, "id": identity, "type": "answer", "answer": {"status": "linted", "hazards": list(hazards)}}


def found_message(identity: str, found: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> dict[str, Any]:
    """Agent to backend: the end of a conversation about a move.

    Args:
        found: rows of postai.replicate_check, each with its columns.
        notes: what was found in sum.
    """
    answer = {"status": "checked", "found": list(found), "notes": list(notes)}
    return {"v": PROTOCOL, "id": identity, "type": "answer", "answer": answer}


def error_message(identity: str, parts: ErrorParts) -> dict[str, Any]:
    """Agent to backend: the conversation ended with an error."""
    return {
        "v": PROTOCOL,
        "id": identity,
        "type": "error",
        "error": {
            "sqlstate": parts.sqlstate,
            "message": parts.message,
            "detail": parts.detail,
            "hint": parts.hint,
        },
    }


def pong_message(identity: str | None, version: str) -> dict[str, Any]:
    """Answer to a ping."""
    message: dict[str, Any] = {"v": PROTOCOL, "type": "pong", "version": version}
    if identity is not None:
        message["id"] = identity
    return message


def _parts(error: object) -> ErrorParts:
    if not isinstance(error, dict):
        raise _field("error", "an object")
    sqlstate, text = error.get("sqlstate"), error.get("message")
    if not isinstance(sqlstate, str) or len(sqlstate) != 5 or not isinstance(text, str):
        raise _field("error", "a five-character sqlstate and a message")
    detail, hint = error.get("detail"), error.get("hint")
    return ErrorParts(
        sqlstate, text, detail if isinstance(detail, str) else None, hint if isinstance(hint, str) else None
    )


def _text(message: Mapping[str, Any], name: str) -> str:
    value = message.get(name)
    if not isinstance(value, str):
        raise _field(name, "a text")
    return value


def _moment(message: Mapping[str, Any], name: str) -> str | None:
    text = _text(message, name)
    if text and not _MOMENT.fullmatch(text):
        raise _field(name, "a time in ISO format with its time zone, or an empty text")
    return text or None


def _integer(message: Mapping[str, Any], name: str, low: int, high: int) -> int:
    value = message.get(name)
    if type(value) is not int or not low <= value <= high:
        raise _field(name, f"a whole number from {low} to {high}")
    return value


def _field(name: str, expected: str) -> FrameError:
    return FrameError(f'the field "{name}" is missing or malformed', detail=f"expected {expected}")


def _no_constant(_name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _refuse_lone_surrogates(value: object) -> None:
    """JSON escapes can spell half a surrogate pair, which no UTF-8 text and no PostgreSQL text can hold."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            if any("\ud800" <= character <= "\udfff" for character in one):
                raise FrameError("the frame holds half a surrogate pair")
        elif isinstance(one, dict):
            stack.extend(one.keys())
            stack.extend(one.values())
        elif isinstance(one, list):
            stack.extend(one)
