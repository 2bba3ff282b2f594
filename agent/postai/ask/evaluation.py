"""Evaluation: many questions over many databases through one engine, each with its outcome and its time.

It works on databases in which postai is not installed: it reads the catalog, the values and the joins itself, the way
the sidecar does, and asks for plans in a read-only session of its own.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from postai.ask.engine import ask
from postai.ask.grammar import Grammar
from postai.ask.types import Answer, AskOptions, AskRequest, Explained
from postai.database import Database
from postai.database.catalog import Catalog, ColumnName, KnownJoin, load_catalog, with_joins, with_values
from postai.database.errors import ServerError
from postai.database.visibility import visible_to
from postai.deadline import Deadline, DeadlineExceeded
from postai.errors import UsageError
from postai.language.containment import contained_joins
from postai.language.taught import Taught
from postai.language.values import Limits, collect_values
from postai.model.transcript import PendingReply, TranscriptDamaged
from postai.model.types import Completer
from postai.sql.safety import Safety, load_safety

log = logging.getLogger(__name__)

GRAMMAR_SECONDS = 30.0
MODEL_SECONDS = 300.0
"""Longest time for one question; a recorded reply takes none, a live one with two repairs may take minutes."""
READING_SECONDS = 120.0
"""Longest time for the values and joins of one database."""

JoinPairs = Mapping[str, Sequence[tuple[str, str]]]
"""For each database: pairs of columns that join, as `table.column` or `schema.table.column`."""


@dataclass(frozen=True)
class EvalQuestion:
    """One question of an evaluation file.

    Attributes:
        db: the database it is about.
        notes: text that the question is to be read with; may be empty.
    """

    id: str
    db: str
    question: str
    notes: str = ""


@dataclass(frozen=True)
class Prediction:
    """What the engine made of one question.

    Attributes:
        sql: the statement; None when there is none.
        abstained: whether there is no statement.
        confidence: 0 to 1.
        latency_ms: wall time in milliseconds, planning included, reading the catalog not.
        status: as in `Answer`, or "pending": the model's reply is not there yet.
        reason: why there is no statement.
    """

    id: str
    sql: str | None
    abstained: bool
    confidence: float
    latency_ms: float
    status: Literal["answered", "abstained", "refused", "failed", "pending"]
    reason: str | None


class _Line(BaseModel):
    model_config = ConfigDict(extra="ignore")
    id: str
    db: str
    question: str
    instructions: str | None = None


def read_questions(path: Path) -> tuple[EvalQuestion, ...]:
    """The questions of a file with one JSON object a line: id, db, question, instructions; other fields are ignored.

    Raises:
        UsageError: the file cannot be read, or a line is not such an object.
    """
    questions = []
    # Not splitlines(): JSON may hold other line separators inside a text.
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            read = _Line.model_validate_json(line)
        except ValidationError as error:
            raise _mistake(path, f"line {number}", error) from None
        questions.append(EvalQuestion(read.id, read.db, read.question, read.instructions or ""))
    return tuple(questions)


def read_joins(path: Path) -> JoinPairs:
    """A file of joins: one JSON object from database to a list of pairs of `table.column`.

    Raises:
        UsageError: the file cannot be read, or has another form.
    """
    form: TypeAdapter[dict[str, list[tuple[str, str]]]] = TypeAdapter(dict[str, list[tuple[str, str]]])
    try:
        return form.validate_json(_text(path))
    except ValidationError as error:
        raise _mistake(path, "joins", error) from None


class Evaluation:
    """Answers questions one after another, database by database.

    Args:
        connect: opens a session of the database that a question names.
        engine: which one answers.
        today: the date that "last month" is counted from.
        joins: declared joins.
        model: answers the model engine's requests.
        stable: leave out what changes by itself (estimates and statistics of ANALYZE), so that the same database gives
            the same requests to the model at any time.
        share_values: whether sample values may be sent to the model.
        note: told of what a person should know.
    """

    def __init__(
        self,
        connect: Callable[[str], Database],
        *,
        engine: Literal["grammar", "model"],
        today: date,
        joins: JoinPairs,
        model: Completer | None = None,
        stable: bool = False,
        share_values: bool = False,
        note: Callable[[str], None],
    ) -> None:
        self._connect = connect
        self._engine: Literal["grammar", "model"] = engine
        self._today = today
        self._joins = joins
        self._model = model
        self._stable = stable
        self._share_values = share_values
        self._note = note

    def run(self, questions: Sequence[EvalQuestion]) -> Iterator[Prediction]:
        """The predictions, in the order of the questions as far as their database is the same.

        Raises:
            PostaiError: a database cannot be reached or read, a transcript is damaged.
        """
        for db in dict.fromkeys(question.db for question in questions):
            own = [question for question in questions if question.db == db]
            with self._connect(db) as session:
                session.execute("set default_transaction_read_only = on")
                subject = self._read(db, session)
                for question in own:
                    yield self._predict(question, subject)

    def _read(self, db: str, session: Database) -> _Subject:
        deadline = Deadline.after(READING_SECONDS)
        role, path = session.query("select current_user::text, current_schemas(true)::text[]")[0]
        catalog = load_catalog(session)
        known = with_values(catalog, collect_values(session, catalog, Limits(), deadline))
        pairs = self._joins.get(db, ())
        declared = [join for join in (_join(pair, catalog, path) for pair in pairs) if join is not None]
        if len(declared) < len(pairs):
            self._note(f"{db}: {len(pairs) - len(declared)} of {len(pairs)} joins name columns that are not there")
        found = contained_joins(session, catalog, deadline)
        known = visible_to(with_joins(known, (*declared, *found)), session, role)
        if self._stable:
            known = without_statistics(known)
        return _Subject(session, role, tuple(path), known, Grammar(known), load_safety(session))

    def _predict(self, question: EvalQuestion, subject: _Subject) -> Prediction:
        request = AskRequest(
            question.question, subject.role, subject.path, self._today, taught=Taught(notes=question.notes)
        )
        started = time.perf_counter()
        try:
            answer = ask(
                request,
                catalog=subject.catalog,
                grammar=subject.grammar,
                safety=subject.safety,
                explain=subject.explain,
                model=self._model,
                options=AskOptions(engine=self._engine, share_values=self._share_values),
                deadline=Deadline.after(MODEL_SECONDS if self._engine == "model" else GRAMMAR_SECONDS),
            )
        except PendingReply:
            answer = None
        except TranscriptDamaged:
            raise
        except UsageError as error:  # no question at all, for example an empty one
            answer = Answer("refused", None, "", 0.0, "grammar", reason=error.message)
        except DeadlineExceeded as error:
            answer = Answer("failed", None, "", 0.0, self._engine, reason=error.message)
        except Exception as error:
            # The outermost layer of one question: it is told and counted as failed, the others go on.
            log.debug("question %s failed unexpectedly", question.id, exc_info=True)
            reason = f"this is a bug in postai: {type(error).__name__}"
            self._note(f"question {question.id}: {reason}")
            answer = Answer("failed", None, "", 0.0, self._engine, reason=reason)
        elapsed = round((time.perf_counter() - started) * 1000, 2)
        if answer is None:
            return Prediction(question.id, None, True, 0.0, elapsed, "pending", "the model's reply is not there yet")
        return Prediction(
            question.id,
            answer.sql,
            answer.sql is None,
            round(answer.confidence, 4),
            elapsed,
            answer.status,
            answer.reason,
        )


@dataclass(frozen=True)
class _Subject:
    """A database as the engines see it."""

    session: Database
    role: str
    path: tuple[str, ...]
    catalog: Catalog
    grammar: Grammar
    safety: Safety

    def explain(self, sql: str) -> Explained:
        try:
            plan: Any = self.session.query(f"explain (format json) {sql}")[0][0]
        except ServerError as error:
            return Explained(error=error.as_parts())
        return Explained(plan=json.loads(plan) if isinstance(plan, str) else plan)


def without_statistics(catalog: Catalog) -> Catalog:
    """The picture without what ANALYZE and VACUUM change by themselves."""
    return replace(
        catalog,
        tables=tuple(
            replace(
                table,
                row_estimate=None,
                total_bytes=None,
                columns=tuple(replace(column, statistics=None) for column in table.columns),
            )
            for table in catalog.tables
        ),
    )


def _join(pair: tuple[str, str], catalog: Catalog, path: Iterable[str]) -> KnownJoin | None:
    left, right = (_column(name, catalog, path) or _column(name.lower(), catalog, path) for name in pair)
    return KnownJoin(left, right) if left is not None and right is not None else None


def _column(name: str, catalog: Catalog, path: Iterable[str]) -> ColumnName | None:
    """The column that `table.column` or `schema.table.column` names; the schemas of the path come first.

    Names are taken as they are written first, and then, by the caller, in lower case as SQL takes unquoted ones.
    """
    *schema, table, column = name.split(".") if name.count(".") in (1, 2) else ("", "", "")
    order = list(path)
    fitting = [
        one
        for one in catalog.tables
        if one.name == table and one.schema in (schema or [one.schema]) and one.column(column) is not None
    ]
    fitting.sort(key=lambda one: order.index(one.schema) if one.schema in order else len(order))
    return ColumnName(fitting[0].schema, table, column) if fitting else None


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{path} cannot be read", detail=error.strerror, hint="Name a file that exists.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8", detail=f"at byte {error.start}", hint="Save it as UTF-8.") from None


def _mistake(path: Path, where: str, error: ValidationError) -> UsageError:
    first = error.errors(include_input=False)[0]
    place = ".".join(map(str, first["loc"]))
    return UsageError(
        f"{path}, {where}: {first['msg']}",
        detail=place or None,
        hint='Questions: one JSON object a line with "id", "db" and "question". Joins: one object such as '
        '{"db": [["table.column", "table.column"]]}.',
    )
