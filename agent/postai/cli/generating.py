"""`post-ai migrate generate`: a new migration out of a sentence, DDL, a proposal, or the difference of two schemas."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, again, open_database, require_postai
from postai.errors import UsageError

if TYPE_CHECKING:
    from postai.migrate.generate import Generated

SECONDS = 60.0


def generate(
    request: Annotated[str | None, typer.Argument(help="What is to change: DDL, or a sentence.")] = None,
    directory: Annotated[Path, typer.Option("--directory", "-d", help="Directory of the migrations.")] = Path(
        "migrations"
    ),
    title: Annotated[str | None, typer.Option("--title", help="Title; it also names the files.")] = None,
    proposal: Annotated[int | None, typer.Option("--proposal", help="Take the steps of this proposal.")] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", help="Connection string of a database: what makes the schema like the one there."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the statements; write no file.")] = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Write the up and the down file of a new migration; the database is only read."""
    if sum(one is not None for one in (request, proposal, like)) != 1:
        raise UsageError("give one of: a request, --proposal, --like")
    made = _made(request, proposal, like, dsn, connection)
    named = title or _title(request, proposal)
    if not made.up:
        raise UsageError("there is nothing to do", detail=" ".join(made.notes) or None)
    files: tuple[Path, ...] = ()
    if not dry_run:
        from postai.migrate.files import write

        files = write(
            directory, named, made.up, made.down, destructive=made.destructive, made=datetime.now(UTC), notes=made.notes
        )
    if json:
        output.show_json({"title": named, **output.plain(made), "files": list(files)})
        return
    from postai.migrate.files import body_of

    for path in files:
        output.say(str(path))
    if dry_run:
        output.say(f"-- up\n{body_of(made.up)}-- down\n{body_of(made.down)}".rstrip())
    for sentence in made.notes:
        output.note(sentence)
    if files:
        output.note(f"next: post-ai migrate execute {shlex.quote(str(directory))} --explain{again(dsn, connection)}")


def _made(
    request: str | None, proposal: int | None, like: str | None, dsn: str | None, connection: str | None
) -> Generated:
    from postai.deadline import Deadline
    from postai.migrate import generate as work

    with open_database(dsn, connection) as database:
        if proposal is not None:
            require_postai(database, "Proposals are made through", dsn, connection)
            return work.from_proposal(database, proposal)
        if like is not None:
            with open_database(like, None) as other:
                return work.from_difference(database, other)
        assert request is not None
        if not request.strip():
            raise UsageError("the request is empty", hint="Give DDL, or say in words what is to change.")
        statements = work.as_ddl(request)
        if statements is not None:
            return work.from_ddl(database, statements, Deadline.after(SECONDS))
        from postai.design.propose import change_by_grammar
        from postai.design.stored import read_draft

        wish = change_by_grammar(read_draft(database), request)
        return work.Generated(wish.up, wish.down, wish.destructive, wish.warnings)


def _title(request: str | None, proposal: int | None) -> str:
    if request is not None:
        return " ".join(request.split())[:60]
    return f"proposal {proposal}" if proposal is not None else "difference"
