"""`post-ai ask` and `post-ai sql`: the SQL functions of the same names, from a shell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.database import Database
from postai.errors import ErrorParts, FeatureMissing, from_parts

Question = Annotated[str, typer.Argument(help="The question, in quotes.")]
MaxRows = Annotated[int, typer.Option("--max-rows", min=1, help="At most this many rows.")]

ANSWER = (
    "select question_id, status, sql, columns, rows, explanation, confidence, engine, readings, reason, elapsed_ms"
    " from postai.answer(%s, %s)"
)


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
    try:
        row = database.query(ANSWER, (question, max_rows))[0]
    except FeatureMissing:
        return _run(database, question, max_rows)
    return Answered(*row)


def _run(database: Database, question: str, max_rows: int) -> Answered:
    """The way for databases where only the procedure works (transport `call`)."""
    database.execute("call postai.run(%s, %s)", (question, max_rows))
    rows = database.query("select pg_catalog.row_to_json(q) from (select * from pg_catalog.pg_cursors) q limit 0")
    rows = database.query("fetch all from ask")
    return Answered(None, "answered", None, None, [list(r) for r in rows], None, None, None, None, None, None)


def _raise_unless_answered(answer: Answered) -> None:
    states = {"abstained": "PA001", "refused": "PA003", "failed": "PA004"}
    if answer.status in states:
        readings = "; ".join(str(r.get("text")) for r in answer.readings or ())
        raise from_parts(
            ErrorParts(
                states[answer.status],
                answer.reason or f"the question was {answer.status}",
                f"nearest readings: {readings}" if readings else None,
                "Name the table or column you mean; `post-ai sql` shows the statement before it runs."
                if answer.status == "abstained"
                else None,
            )
        )


def ask(
    question: Question, max_rows: MaxRows = 100, dsn: Dsn = None, connection: Name = None, json: Json = False
) -> None:
    """Ask the database a question and print the rows, the statement and how sure postai is."""
    with open_database(dsn, connection) as database:
        answer = _answer(database, question, max_rows)
    if json and answer.status == "answered":
        output.show_json(answer)
        return
    _raise_unless_answered(answer)
    output.show_table(answer.columns or [], answer.rows or [])
    output.say("")
    output.say(answer.explanation or "")
    output.say(f"{answer.sql}")
    output.say(f"engine {answer.engine}, confidence {answer.confidence:.2f}, {answer.elapsed_ms:.0f} ms")


def sql(question: Question, dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Print the SELECT statement for a question without running it."""
    with open_database(dsn, connection) as database:
        statement = database.query("select postai.sql(%s)", (question,))[0][0]
    if json:
        output.show_json({"sql": statement})
    else:
        output.say(statement)
