"""`post-ai apply`, `undo`, `events`: the lifecycle functions of the SQL interface, from a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database
from postai.database import Database

Proposal = Annotated[int, typer.Argument(help="Number of the proposal.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the action has ended.")]
HOUR_MS = 3_600_000
EVENT_COLUMNS = ("id", "at", "actor", "kind", "subject", "proposal", "action", "detail")
EVENTS = "select id, at, actor, kind, subject, proposal, action, detail from postai.events order by id desc limit %s"


def _enqueue(verb: str, proposal: int, wait: bool, dsn: str | None, connection: str | None, json: bool) -> None:
    with open_database(dsn, connection, statement_timeout_ms=HOUR_MS) as database:
        action = database.query(f"select postai.{verb}(%s)", (proposal,))[0][0]
        if wait:
            database.execute("call postai.wait(%s)", (action,))
        state = _state(database, action)
    if json:
        output.show_json({"proposal": proposal, "action": action, "state": state})
    else:
        output.say(f"action {action} of proposal {proposal}: {state}")


def _state(database: Database, action: int) -> str:
    return str(database.query("select state from postai.actions where id = %s", (action,))[0][0])


def apply(proposal: Proposal, wait: Wait = True, dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Apply a proposal: approve it if it is open, queue the action, wait for its end."""
    _enqueue("apply", proposal, wait, dsn, connection, json)


def undo(proposal: Proposal, wait: Wait = True, dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Undo an applied proposal by the undo statements that it carries."""
    _enqueue("undo", proposal, wait, dsn, connection, json)


def events(
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="The newest so many.")] = 20,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Show the audit log, newest last."""
    with open_database(dsn, connection) as database:
        rows = database.query(EVENTS, (limit,))[::-1]
    if json:
        output.show_json([dict(zip(EVENT_COLUMNS, row, strict=True)) for row in rows])
    else:
        output.show_table(EVENT_COLUMNS, [(r[0], r[1].strftime("%Y-%m-%d %H:%M:%S"), *r[2:]) for r in rows])
