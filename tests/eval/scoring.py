"""Judges predictions by what they return: right when the wanted columns are all there, with the wanted rows.

Names and order of columns do not count, further columns are tolerated, numbers are compared to seven significant
digits, midnight equals its day. The order of rows counts only where the question asks for one, by the columns that it
orders by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Literal

from postai.database import Database
from postai.database.errors import ServerError

Outcome = Literal["right", "wrong", "error", "abstained", "false answer"]
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Score:
    """How a set of questions went.

    Attributes:
        answerable, answered, right: numbers of questions that have an answer.
        unanswerable, declined: numbers of questions that have none, and those of them that got none.
    """

    answerable: int
    answered: int
    right: int
    unanswerable: int
    declined: int

    @property
    def correct(self) -> float:
        """Share of the answerable questions that were answered rightly."""
        return self.right / self.answerable

    @property
    def precision(self) -> float:
        """Share of the answers that are right."""
        return self.right / self.answered if self.answered else 1.0


def score(questions: Sequence[Mapping[str, Any]], outcomes: Mapping[str, Outcome]) -> Score:
    """Count the outcomes of questions, by their ids."""
    with_answer = [outcomes[question["id"]] for question in questions if question["gold_sql"]]
    without = [outcomes[question["id"]] for question in questions if not question["gold_sql"]]
    return Score(
        len(with_answer),
        sum(outcome != "abstained" for outcome in with_answer),
        with_answer.count("right"),
        len(without),
        without.count("abstained"),
    )


def judge(db: Database, question: Mapping[str, Any], sql: str | None) -> Outcome:
    """What became of one question.

    Args:
        db: a session of its database; is only read.
        question: a line of a question file: gold_sql, ordered, order_cols.
        sql: the prediction; None = abstained.
    """
    if sql is None:
        return "abstained"
    if not question["gold_sql"]:
        return "false answer"
    try:
        found = _run(db, sql)
    except ServerError:
        return "error"
    for position, gold in enumerate(question["gold_sql"]):
        order = (question.get("order_cols") or {position: None})[position] if question.get("ordered") else None
        if matches(found, _run(db, gold), order):
            return "right"
    return "wrong"


def matches(found: Rows, wanted: Rows, order: Sequence[int] | None) -> bool:
    """Whether all wanted columns are among the found ones, in some assignment that gives the same rows."""
    if len(found) != len(wanted):
        return False
    if not wanted:
        return True
    target = Counter(wanted)
    for columns in _assignments(found, wanted):
        projected = [tuple(row[column] for column in columns) for row in found]
        if Counter(projected) == target and (
            order is None
            or [[row[i] for i in order] for row in projected] == [[row[i] for i in order] for row in wanted]
        ):
            return True
    return False


def _ordered(rows: Rows, order: Sequence[int]) -> Rows:
    return [tuple(row[column] for column in order) for row in rows]


def _assignments(found: Rows, wanted: Rows) -> Iterator[tuple[int, ...]]:
    """For each wanted column a found one with the same values, in every way."""
    have = [Counter(column) for column in zip(*found, strict=True)]
    fitting = [[i for i, one in enumerate(have) if one == Counter(column)] for column in zip(*wanted, strict=True)]

    def extend(chosen: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if len(chosen) == len(fitting):
            yield chosen
            return
        for column in fitting[len(chosen)]:
            if column not in chosen:
                yield from extend((*chosen, column))

    return extend(())


def _run(db: Database, sql: str) -> Rows:
    return [tuple(map(_plain, row)) for row in db.query(sql)]


def _plain(value: Any) -> Any:
    """One comparable form for each value."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int | float | Decimal):
        return f"{float(value):.7g}"
    if isinstance(value, datetime):
        moment = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return moment.date().isoformat() if moment.time() == time(0) else moment.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    return str(value)
