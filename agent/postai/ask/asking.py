"""Questions through the database's own functions, for faces that hold a person's connection."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from postai.database import Database, ServerError, named_sql
from postai.database.installed import give_time, reading
from postai.errors import AgentNotReachable

LONGEST = 16_000_000
"""Characters of an answer's rows as JSON: they are kept whole in the memory of whoever serves them."""
UNSURE = {"PA001": "abstained", "PA003": "refused", "PA004": "failed", "PA005": "failed"}
"""What postai.answer calls an error that says why there is no answer."""


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to understand a question, which was not sure enough.

    Attributes:
        explanation: in words.
        sql: its statement.
        confidence: 0 to 1.
    """

    explanation: str | None
    sql: str | None
    confidence: float | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What `postai.answer` tells; the attributes are its columns, and:

    Attributes:
        rows: values as text, exact; None = NULL.
        numeric: of each column, whether it holds numbers.
    """

    question_id: int | None
    status: str
    sql: str | None
    columns: tuple[str, ...]
    rows: tuple[tuple[str | None, ...], ...]
    explanation: str | None
    confidence: float | None
    engine: str | None
    readings: tuple[Reading, ...]
    reason: str | None
    elapsed_ms: float | None
    numeric: tuple[bool, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question of one's own.

    Attributes:
        correct: as it was judged; None = not yet.
    """

    id: int
    at: datetime
    question: str
    status: str
    correct: bool | None


def answer(database: Database, question: str, max_rows: int = 100, seconds: float | None = None) -> Answer:
    """Ask, with the rights of the connection's role, whatever the transport of the database.

    Args:
        database: a session that is given back clean: its time limit becomes that of a question.
        question: in words.
        max_rows: most rows of an answer.
        seconds: longest wait; None = what postai gives a question (ask_timeout), and never longer.

    Raises:
        ServerError: the agent is not there, or something else that the server says.
        NotPermitted: the role may not ask.
        FeatureMissing: postai is not installed.
    """
    sql = named_sql.load(__package__, "asking.sql")
    with reading(database, "postai_user"):
        give_time(database, "answer", seconds)
        ((transport,),) = database.query(sql["transport"])
        if transport == "call":
            return _polled(database, sql, question, max_rows, seconds)
        (row,) = database.query(sql["answer"], [LONGEST, question, max_rows])
    return _made(*row)


def _polled(database: Database, sql: Mapping[str, str], question: str, max_rows: int, seconds: float | None) -> Answer:
    """By the parts of procedure postai.run: with transport call the agent sees a question once it is committed."""
    begun = time.monotonic()
    ((path, schemas),) = database.query(sql["path"])
    ((talk, over),) = database.query(sql["start"], [question, max_rows, path, schemas])
    ended = False
    try:
        while not over:
            if seconds is not None and time.monotonic() - begun > seconds:
                raise AgentNotReachable(f"no answer within {seconds:g} s", hint="Give it more seconds.")
            ((talk, over),) = database.query(sql["wait"], [talk, path])
        (told,) = database.query(sql["told"], [talk])
        number, status, statement, explanation, confidence, engine, readings, reason = told[:8]
        code, message, detail, hint = told[8:]
        columns, rows = None, None
        if code is None:
            with database.transaction():
                database.execute("set transaction read only")
                database.query(sql["hold"], [path, talk])
                ((columns, rows),) = database.query(sql["rows"], [max_rows, statement, path])
        elif status in (None, "answered"):
            status, reason = UNSURE.get(code), message
        if status is None:
            raise ServerError(code, message, detail=detail, hint=hint)
        ended = True
    finally:
        database.query(sql["close"], [not ended, talk])
    kept = rows if rows is not None and len(rows) <= LONGEST else None
    elapsed = (time.monotonic() - begun) * 1000
    return _made(number, status, statement, columns, kept, explanation, confidence, engine, readings, reason, elapsed)


def _made(
    number: int | None,
    status: str,
    statement: str | None,
    columns: list[str] | None,
    rows: str | None,
    explanation: str | None,
    confidence: float | None,
    engine: str | None,
    told: str | None,
    reason: str | None,
    elapsed_ms: float | None,
) -> Answer:
    if status == "answered" and rows is None:
        status, reason = (
            "failed",
            f"The rows are longer than {LONGEST:,} characters; run the statement as SQL: {statement}",
        )
    given = json.loads(rows, parse_float=Decimal) if rows else []  # exact, as the server wrote them
    readings = json.loads(told) if told else []
    width = len(columns or ())
    return Answer(
        question_id=number,
        status=status,
        sql=statement,
        columns=tuple(columns or ()),
        rows=tuple(tuple(_text(value) for value in values) for values in given),
        explanation=explanation,
        confidence=confidence,
        engine=engine,
        readings=tuple(
            Reading(one.get("text") or one.get("explanation"), one.get("sql"), one.get("confidence"))
            for one in readings
            if isinstance(one, dict)
        ),
        reason=reason,
        elapsed_ms=elapsed_ms,
        numeric=tuple(all(_is_number(values[place]) for values in given) for place in range(width)),
    )


def feedback(database: Database, question: int, correct: bool, correction: str | None = None) -> None:
    """Say whether an answer was right."""
    database.query("select postai.feedback(%s, %s, %s)", [question, correct, correction])


def history(database: Database, limit: int) -> tuple[Asked, ...]:
    """One's own last questions, newest first."""
    rows = database.query(named_sql.load(__package__, "asking.sql")["history"], [limit])
    return tuple(Asked(*row) for row in rows)


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, Decimal) else json.dumps(value, ensure_ascii=False, default=str)
