"""`post-ai eval`: measure an engine on questions whose right answers are known."""

from __future__ import annotations

import json as json_text
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import output
from postai.cli.agent import Config
from postai.cli.output import Json
from postai.errors import ModelFailed, UsageError

if TYPE_CHECKING:
    from postai.ask.evaluation import EvalQuestion, Evaluation, Prediction
    from postai.database import Database
    from postai.model.types import Completer, ModelCall
    from postai.settings import ModelSettings

PENDING = 13
"""Exit code when questions wait for replies of a model."""
STATEMENT_TIMEOUT_MS = 30_000
_NAMING = ("dbname", "service")
"""Keywords of a connection string in which {db} may stand."""

app = typer.Typer(help="Measure an engine on questions whose right answers are known.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Measure an engine on questions whose right answers are known."""
    output.require_command(context)


class EngineName(StrEnum):
    """Which engine answers."""

    grammar = "grammar"
    model = "model"


@app.command("nl2sql", short_help="Questions to SQL, one prediction each")
def nl2sql(
    questions: Annotated[
        list[Path],
        typer.Option("--questions", help="File with one JSON object a line: id, db, question, instructions; several."),
    ],
    dsn: Annotated[
        str,
        typer.Option(
            "--dsn", help='Connection string without a password; "{db}" in dbname stands for each question\'s db.'
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="File for the predictions, one JSON object a line.")],
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="More files of --questions.")] = None,
    engine: Annotated[EngineName, typer.Option("--engine", help="Which engine answers.")] = EngineName.grammar,
    joins: Annotated[
        Path | None, typer.Option("--joins", help='Declared joins: {"db": [["table.column", "table.column"], ...]}.')
    ] = None,
    transcript: Annotated[
        Path | None,
        typer.Option("--transcript", help="Directory of recorded requests and replies (model engine); see the manual."),
    ] = None,
    now: Annotated[
        datetime | None, typer.Option("--now", formats=["%Y-%m-%d"], help="Today's date for the questions.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> int:
    """Answer every question of the files and write one prediction a line; nothing is installed, nothing written.

    A question whose reply is missing in the transcript directory is written to its folder "pending" and counts as
    abstained in this run; the exit code is then 13.
    """
    from postai.ask.evaluation import Evaluation, read_joins, read_questions
    from postai.settings import Settings

    settings = Settings.load(config).model
    asked = [question for path in (*questions, *(more or ())) for question in read_questions(path)]
    _check(dsn, [question.db for question in asked], [question.id for question in asked])
    evaluation = Evaluation(
        lambda db: _session(_of_database(dsn, db)),
        engine=engine.value,
        today=now.date() if now else date.today(),
        joins=read_joins(joins) if joins else {},
        model=_model(engine, transcript, settings),
        stable=transcript is not None,
        share_values=settings.share_values,
        note=output.note,
    )
    predictions = _write(out, evaluation, asked)
    counts: Counter[str] = Counter(prediction.status for prediction in predictions)
    if json:
        output.show_json({"questions": len(predictions), **counts, "out": out})
    else:
        told = ", ".join(f"{number} {status}" for status, number in sorted(counts.items()))
        output.say(f"{len(predictions)} questions: {told or 'none'}; predictions in {out}")
        if counts["pending"] and transcript:
            output.say(f"Answer the files in {transcript / 'pending'} and run the same command again.")
    return PENDING if counts["pending"] else 0


def _write(out: Path, evaluation: Evaluation, asked: list[EvalQuestion]) -> list[Prediction]:
    predictions = []
    done: Counter[str] = Counter()
    total = Counter(question.db for question in asked)
    database = {question.id: question.db for question in asked}
    try:
        file = out.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out} cannot be written", detail=error.strerror, hint="Name another file.") from None
    with file:
        for prediction in evaluation.run(asked):
            predictions.append(prediction)
            file.write(json_text.dumps(output.plain(prediction), sort_keys=True, allow_nan=False) + "\n")
            db = database[prediction.id]
            done[db] += 1
            if done[db] == total[db]:
                output.note(f"{db}: {total[db]} questions")
    return predictions


def _check(dsn: str, databases: list[str], identities: list[str]) -> None:
    from postai.database.dsn import has_password, parse

    misplaced = [keyword for keyword, value in parse(dsn).items() if "{db}" in value and keyword not in _NAMING]
    if misplaced:
        raise UsageError(
            "{db} stands for the name of a database or of a service, and for nothing else",
            detail=f"It stands in {misplaced[0]}.",
            hint='Write it where the name belongs, for example --dsn "host=localhost dbname=nl2sql_{db}".',
        )
    if has_password(dsn):
        raise UsageError(
            "a connection string on the command line may carry no password",
            detail="Other users of this machine can read it in the list of processes.",
            hint="Use passfile=FILE, service=NAME or the environment variable PGPASSWORD.",
        )
    if "{db}" not in dsn and len(set(databases)) > 1:
        raise UsageError(
            "the questions are about several databases, and --dsn names one",
            detail=", ".join(sorted(set(databases))),
            hint='Write {db} where the name belongs, for example --dsn "host=localhost dbname=nl2sql_{db}".',
        )
    doubled = [identity for identity, number in Counter(identities).items() if number > 1]
    if doubled:
        raise UsageError(f"two questions have the id {doubled[0]}", hint="Give every question of all files its own id.")


def _of_database(dsn: str, db: str) -> str:
    """The connection string of one database; whatever the name holds, it stays a name."""
    from postai.database.dsn import build, parse

    found = parse(dsn)
    return build({key: value.replace("{db}", db) if key in _NAMING else value for key, value in found.items()})


def _session(dsn: str) -> Database:
    from postai.database import connect

    return connect(dsn, application_name="post-ai eval", statement_timeout_ms=STATEMENT_TIMEOUT_MS)


def _model(engine: EngineName, transcript: Path | None, settings: ModelSettings) -> Completer | None:
    """What answers the requests of the model engine; None for the embedded one."""
    from postai.model.client import Model
    from postai.model.transcript import Transcripts

    if engine is EngineName.grammar:
        if transcript:
            raise UsageError(
                "--transcript records a model, and the grammar engine asks none", hint="Use --engine model."
            )
        return None
    spent: list[Decimal] = []

    def record(call: ModelCall) -> None:
        spent.append(call.cost_usd)

    live = Model(settings, record=record, spent_today=lambda: sum(spent, Decimal(0))) if settings.configured else None
    if transcript:
        return Transcripts(transcript, settings.model, live)
    if live is None:
        raise ModelFailed(
            "no model is configured",
            hint="Set ANTHROPIC_API_KEY, or record requests with --transcript DIR and have them answered elsewhere.",
        )
    return live
