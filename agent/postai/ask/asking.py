"""Questions through the database's own functions, for faces that hold a person's connection."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from postai.database import Database, named_sql


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


def answer(database: Database, question: str, max_rows: int = 100) -> Answer:
    """Ask, with the rights of the connection's role.

    Raises:
        ServerError: the agent is not there, or something else that the server says.
    """
    (row,) = database.query(named_sql.load(__package__, "asking.sql")["answer"], [question, max_rows])
    given = json.loads(row[4], parse_float=Decimal) if row[4] else []  # exact, as the server wrote them
    readings = json.loads(row[8]) if row[8] else []
    return Answer(
        question_id=row[0],
        status=row[1],
        sql=row[2],
        columns=tuple(row[3] or ()),
        rows=tuple(tuple(_text(value) for value in values) for values in given),
        explanation=row[5],
        confidence=row[6],
        engine=row[7],
        readings=tuple(
            Reading(one.get("text") or one.get("explanation"), one.get("sql"), one.get("confidence"))
            for one in readings
            if isinstance(one, dict)
        ),
        reason=row[9],
        elapsed_ms=row[10],
        numeric=tuple(all(_is_number(values[place]) for values in given) for place in range(len(row[3] or ()))),
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
