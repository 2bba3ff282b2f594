"""`post-ai design` and `post-ai change`: a schema, or a change of one, said in words; nothing is carried out."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import output
from postai.cli.agent import Config
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, resolve
from postai.errors import ModelFailed, UsageError

if TYPE_CHECKING:
    from postai.database import Database
    from postai.design.propose import Means
    from postai.design.types import Proposed
    from postai.model.types import Completer, ModelCall
    from postai.settings import ModelSettings

PENDING = 13
"""Exit code when a reply of a model is missing."""
SECONDS = 60.0
"""Longest run."""
WIDTH = 80


class EngineOption(StrEnum):
    """Which engine reads the words."""

    auto = "auto"
    grammar = "grammar"
    model = "model"


Engine = Annotated[
    EngineOption,
    typer.Option("--engine", help="auto = the grammar, and the model where one is configured and it is needed."),
]
Transcript = Annotated[
    Path | None,
    typer.Option("--transcript", help="Directory of recorded requests and replies (model engine); see the manual."),
]


def design(
    description: Annotated[str, typer.Argument(help="What there is to be, in sentences, in quotes.")],
    schema: Annotated[str, typer.Option("--schema", help="Schema of the new tables. Default: none is written.")] = "",
    engine: Engine = EngineOption.auto,
    transcript: Transcript = None,
    config: Config = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> int:
    """Propose tables for a description, tried on an empty database where a server answers; nothing is made."""
    from postai.database.errors import HostUnreachable
    from postai.deadline import Deadline
    from postai.design import propose

    def run(database: Database, means: Means) -> Proposed:
        return propose.design(database, description, Deadline.after(SECONDS), means, schema=schema)

    target = resolve(dsn, connection)
    try:
        return _propose(run, engine, transcript, config, target, json=json)
    except HostUnreachable as error:
        if target or engine is EngineOption.model:
            raise  # a server was named, or the model's statements have to be tried
        made = propose.design_by_grammar(description, schema)
        told = f"no server was named and none answers at libpq's default place ({error}): nothing was tried on a server"
        return _told(replace(made, warnings=(*made.warnings, told)), json=json)


def change(
    request: Annotated[str, typer.Argument(help="What is to change, in sentences, in quotes.")],
    schema: Annotated[str | None, typer.Option("--schema", help="Whose tables are meant. Default: all.")] = None,
    engine: Engine = EngineOption.auto,
    transcript: Transcript = None,
    config: Config = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> int:
    """Propose the statements for a wish, and those that lead back, tried on an empty copy; nothing is changed."""
    from postai.deadline import Deadline
    from postai.design import propose

    def run(database: Database, means: Means) -> Proposed:
        return propose.change(database, request, Deadline.after(SECONDS), means, schema=schema)

    return _propose(run, engine, transcript, config, resolve(dsn, connection), json=json)


def _propose(
    run: Callable[[Database, Means], Proposed],
    engine: EngineOption,
    transcript: Path | None,
    config: Path | None,
    dsn: str,
    *,
    json: bool,
) -> int:
    from postai.database import connect
    from postai.design.propose import Means
    from postai.model.transcript import PendingReply
    from postai.scratch.scratch_database import opener
    from postai.settings import Settings

    if transcript and engine is EngineOption.grammar:
        raise UsageError("--transcript records a model, and the grammar engine asks none", hint="Use --engine model.")
    model = _model(engine, transcript, Settings.load(config).model)
    means = Means(engine.value, model, opener(dsn))
    try:
        with connect(dsn, application_name="post-ai", statement_timeout_ms=60_000) as database:
            made = run(database, means)
    except PendingReply as pending:
        told = {"pending": pending.identity, "directory": str((transcript or Path()) / "pending")}
        if json:
            output.show_json(told)
        else:
            output.say(f"The reply to {told['pending']} is missing; answer the file in {told['directory']}.")
        return PENDING
    return _told(made, json=json)


def _told(made: Proposed, *, json: bool) -> int:
    if json:
        output.show_json({**output.plain(made), "up": _script(made.up), "down": _script(made.down)})
    else:
        _show(made)
    return 0


def _model(engine: EngineOption, transcript: Path | None, settings: ModelSettings) -> Completer | None:
    from postai.model.client import Model
    from postai.model.transcript import Transcripts

    if engine is EngineOption.grammar:
        return None
    spent: list[Decimal] = []

    def record(call: ModelCall) -> None:
        spent.append(call.cost_usd)

    live = Model(settings, record=record, spent_today=lambda: sum(spent, Decimal(0))) if settings.configured else None
    if transcript:
        return Transcripts(transcript, settings.model, live)
    if live is None and engine is EngineOption.model:
        raise ModelFailed(
            "no model is configured",
            hint="Set ANTHROPIC_API_KEY, or record requests with --transcript DIR and have them answered elsewhere.",
        )
    return live


def _script(statements: tuple[str, ...]) -> str:
    return "".join(f"{one};\n" for one in statements)


def _show(made: Proposed) -> None:
    """Print what people read before they say yes, in its order: warnings, what it is, statements, diagram."""
    parts = [_filled(f"warning: {one}", "  ") for one in made.warnings]
    parts += [_filled(one) for one in made.explanation.split("\n")]
    parts.append(_script(made.up))
    if made.down:
        parts.append("-- the way back:\n" + "".join(f"-- {one}\n" for one in _script(made.down).splitlines()))
    if made.indexes:
        parts.append("indexes:\n" + "\n".join(_filled(f"  {one}", "    ") for one in made.indexes))
    tried = {"database": "tried on an empty copy", "schema": "tried on an empty copy in a schema of its own"}
    how = tried[made.tried_in] if made.tried_in else "not tried"
    parts.append(_filled(f"{made.engine} engine, {how}; nothing was changed."))
    parts.append(made.mermaid)
    output.say("\n\n".join(one.strip("\n") for one in parts if one.strip()))


def _filled(text: str, further: str = "") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=further, break_on_hyphens=False, break_long_words=False)
