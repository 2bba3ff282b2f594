"""`post-ai ask`, `sql` and `explain`: the SQL functions of the same names, from a shell."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postai.cli import output
from postai.cli.optimizing import advise_on, show_advice
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.errors import ErrorParts, FeatureMissing, PostaiError, UsageError, from_parts

if TYPE_CHECKING:
    from postai.database import Database
    from postai.optimize.types import Advice

Question = Annotated[str, typer.Argument(help="The question, in quotes.")]
MaxRows = Annotated[int, typer.Option("--max-rows", min=1, help="At most this many rows.")]

ANSWER = (
    "select question_id, status, sql, columns, rows, explanation, confidence, engine, readings, reason, elapsed_ms"
    ", code, message, detail, hint from postai._answer(%s, %s,"
    " postai._path(pg_catalog.current_schemas(false)), pg_catalog.current_schemas(false)::pg_catalog.text[])"
)
"""What `postai.answer` gives, and beside it the hint that it has no column for, or an error as a value."""
LAST_QUESTION = (
    "select id, sql, explanation, confidence, engine from postai.questions"
    " where asked_by = session_user and question = %s order by id desc limit 1"
)
PLAN_COLUMNS = ("step", "node", "problem", "advice", "severity")
PLAN = "select step, node, problem, advice, severity from postai.explain(%s)"
_FILE = re.compile(r"[/~.]\S*|\S+\.(?:json|sql|txt|csv)")
"""What somebody types who thinks that it takes a file."""
STATES = {"abstained": "PA001", "refused": "PA003", "failed": "PA004"}


@dataclass(frozen=True)
class Answered:
    """One row of `postai.answer`; the fields are its columns."""

    question_id: int | None
    status: str
    sql: str | None
    columns: list[str] | None
    rows: list[list[Any]] | None
    explanation: str | None
    confidence: float | None
    engine: str | None
    readings: list[dict[str, Any]] | None
    reason: str | None
    elapsed_ms: float | None


def _answer(database: Database, question: str, max_rows: int) -> Answered:
    from postai.database import ServerError

    *row, code, message, detail, hint = database.query(ANSWER, (question, max_rows))[0]
    if code == FeatureMissing.sqlstate:
        return _run(database, question, max_rows)
    if code is not None:
        raise ServerError(code, message, detail=detail, hint=hint)
    answer = Answered(*row)
    if answer.status in STATES:
        raise _doubt(answer, hint)
    return answer


def _run(database: Database, question: str, max_rows: int) -> Answered:
    """The way for databases where only the procedure can wait for the sidecar (transport `call`)."""
    began = time.monotonic()
    database.execute("call postai.run(%s, %s)", (question, max_rows))
    columns, rows = database.query_columns("fetch all from ask")
    elapsed_ms = (time.monotonic() - began) * 1000
    database.execute("close ask")
    known = database.query(LAST_QUESTION, (question,))
    lines = [list(row) for row in rows]
    answer = Answered(None, "answered", None, list(columns), lines, None, None, None, [], None, elapsed_ms)
    if not known:
        return answer
    number, statement, explanation, confidence, engine = known[0]
    return replace(
        answer, question_id=number, sql=statement, explanation=explanation, confidence=confidence, engine=engine
    )


def _doubt(answer: Answered, hint: str | None) -> PostaiError:
    """Make an error of an answer without rows, as `postai.ask` does."""
    readings = "; ".join(str(reading.get("text")) for reading in answer.readings or ())
    reason = answer.reason or f"the question was {answer.status}"
    return from_parts(
        ErrorParts(
            STATES[answer.status],
            reason.removesuffix(f" {hint}").removesuffix("."),  # said once, as the hint
            f"Nearest readings: {readings}" if readings else answer.explanation or None,
            hint,
        )
    )


def ask(
    question: Question, max_rows: MaxRows = 100, dsn: Dsn = None, connection: Name = None, json: Json = False
) -> None:
    """Ask the database a question and print the rows, the statement and how sure postai is."""
    with open_database(dsn, connection) as database:
        if not json:
            database.on_notice(output.note)
        answer = _answer(database, question, max_rows)
    if json:
        output.show_json(answer)
        return
    output.show_table(answer.columns or [], answer.rows or [])
    output.say("")
    if answer.explanation:
        output.say(answer.explanation)
    if answer.sql:
        output.say(answer.sql)
    sure = "" if answer.confidence is None else f"{answer.engine} engine, confidence {answer.confidence:.2f}, "
    output.say(f"{sure}{answer.elapsed_ms or 0:.0f} ms")


def sql(question: Question, dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Print the SELECT statement for a question without running it."""
    with open_database(dsn, connection) as database:
        statement = database.query("select postai.sql(%s)", (question,))[0][0]
    if json:
        output.show_json({"sql": statement})
    else:
        output.say(statement)


def explain(
    text: Annotated[str, typer.Argument(help="A SELECT statement or a question, in quotes.")],
    advise: Annotated[
        bool, typer.Option("--advise", help="Say also which index would help most, with the cost before and after.")
    ] = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Run a statement, or the answer to a question, and say in words where its time goes."""
    if not text.strip():
        raise UsageError("there is nothing to explain", hint="Give a SELECT statement or a question, in quotes.")
    if _FILE.fullmatch(text.strip()):
        there = Path(text.strip()).exists()
        said = f"{text.strip()} is a file." if there else f"There is no file {text.strip()} either."
        hint = "Give a SELECT statement or a question, in quotes."
        raise UsageError("explain takes a statement or a question, not a file", detail=said, hint=hint)
    with open_database(dsn, connection) as database:
        rows = database.query(PLAN, (text,))
        advice = _advice(database, text) if advise else None
    if json:
        findings = [dict(zip(PLAN_COLUMNS, row, strict=True)) for row in rows]
        output.show_json(findings if advice is None else {"findings": findings, "advice": advice})
        return
    output.show_table(("step", "node", "severity"), [(step, node, severity) for step, node, _, _, severity in rows])
    for step, _, problem, words, _ in rows:
        if problem:
            output.say(f"\n{step}. {problem}\n   {words}")
    if advice is not None:
        output.say("")
        show_advice(advice)


def _advice(database: Database, text: str) -> Advice:
    """The best indexes for a statement, or for the one that answers a question."""
    from postai.ask.explaining import is_statement

    statement = text if is_statement(text) else database.query("select postai.sql(%s)", (text,))[0][0]
    return advise_on(database, statement)
