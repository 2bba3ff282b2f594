"""`post-ai apply`, `undo`, `events`: the lifecycle functions of the SQL interface, from a shell."""

from __future__ import annotations

from typing import Annotated

import typer

from postai.cli import output
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database

Proposal = Annotated[int, typer.Argument(help="Number of the proposal.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the action has ended.")]
LONGEST_WAIT_MS = 3_660_000  # postai.wait gives up after an hour and says so better than a statement time-out
EVENT_COLUMNS = ("id", "at", "actor", "kind", "subject", "proposal", "action", "detail")
EVENTS = f"select {', '.join(EVENT_COLUMNS)} from postai.events order by id desc limit %s"  # noqa: S608 - fixed names


def _carry_out(
    statement: str, parameters: tuple[object, ...], wait: bool, dsn: str | None, connection: str | None, json: bool
) -> None:
    with open_database(dsn, connection, statement_timeout_ms=LONGEST_WAIT_MS) as database:
        if not json:
            database.on_notice(output.note)
        action = database.query(statement, parameters)[0][0]
        if wait:
            database.execute("call postai.wait(%s)", (action,))
        state, phase = database.query("select state, phase from postai.actions where id = %s", (action,))[0]
    if json:
        output.show_json({"proposal": parameters[0], "action": action, "state": state, "phase": phase})
    else:
        output.say(f"action {action} of proposal {parameters[0]}: {state}")


def apply(
    proposal: Proposal,
    accept_triggers: Annotated[
        bool, typer.Option("--accept-triggers", help="Yes to running the triggers of the tables that are written to.")
    ] = False,
    unsafe: Annotated[bool, typer.Option("--unsafe", help="Yes to a schema change that cannot be undone.")] = False,
    wait: Wait = True,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Apply a proposal: approve it if it is open, queue the action, wait for its end."""
    _carry_out("select postai.apply(%s, %s, %s)", (proposal, accept_triggers, unsafe), wait, dsn, connection, json)


def undo(proposal: Proposal, wait: Wait = True, dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Undo an applied proposal by the undo statements that it carries."""
    _carry_out("select postai.undo(%s)", (proposal,), wait, dsn, connection, json)


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
        output.show_table(EVENT_COLUMNS, [(row[0], row[1].strftime("%Y-%m-%d %H:%M:%S"), *row[2:]) for row in rows])
