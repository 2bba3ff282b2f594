"""`post-ai apply`, `undo`, `events`: the lifecycle functions of the SQL interface, from a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from postai.cli import output
from postai.cli.migrate_report import left_sentence, told_left
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, again, open_database

if TYPE_CHECKING:
    from postai.database import Database

Proposal = Annotated[int, typer.Argument(help="Number of the proposal.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until the action has ended.")]
LONGEST_WAIT_MS = 3_660_000  # postai.wait gives up after an hour and says so better than a statement time-out
EVENT_COLUMNS = ("id", "at", "actor", "kind", "subject", "proposal", "action", "detail")
EVENTS = f"select {', '.join(EVENT_COLUMNS)} from postai.events order by id desc limit %s"  # noqa: S608 - fixed names


def apply(
    proposal: Proposal,
    accept_triggers: Annotated[
        bool, typer.Option("--accept-triggers", help="Yes to running the triggers of the tables that are written to.")
    ] = False,
    unsafe: Annotated[
        bool,
        typer.Option(
            "--unsafe", help="Yes to a schema change that cannot be undone; what is set aside is dropped for good too."
        ),
    ] = False,
    wait: Wait = True,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Apply a proposal: approve it if it is open, queue the action, wait for its end."""
    from postai.migrate.later import then

    left = None
    with open_database(dsn, connection, statement_timeout_ms=LONGEST_WAIT_MS) as database:
        if not json:
            database.on_notice(output.note)
        done = _carry_out(database, "select postai.apply(%s, %s, %s)", (proposal, accept_triggers, unsafe), wait=wait)
        if wait and (second := then(database, proposal)) is not None:
            if unsafe:
                dropped = _carry_out(database, "select postai.apply(%s, unsafe => true)", (second.proposal,), wait=True)
                done |= {"dropped": dropped}
            else:
                left = told_left(second, again(dsn, connection))
    if json:
        output.show_json({**done, "left": left})
        return
    _say(done)
    if unsafe and "dropped" in done:
        _say(done["dropped"])
    if left is not None:
        output.say(left_sentence(left).lstrip("\n"))


def _carry_out(database: Database, statement: str, parameters: tuple[object, ...], *, wait: bool) -> dict[str, Any]:
    """Queue an action for a proposal, the first parameter, and wait for its end; gives what came of it."""
    action = database.query(statement, parameters)[0][0]
    if wait:
        database.execute("call postai.wait(%s)", (action,))
    state, phase = database.query("select state, phase from postai.actions where id = %s", (action,))[0]
    return {"proposal": parameters[0], "action": action, "state": state, "phase": phase}


def _say(done: dict[str, Any]) -> None:
    output.say(f"action {done['action']} of proposal {done['proposal']}: {done['state']}")


def undo(proposal: Proposal, wait: Wait = True, dsn: Dsn = None, connection: Name = None, json: Json = False) -> None:
    """Undo an applied proposal by the undo statements that it carries."""
    with open_database(dsn, connection, statement_timeout_ms=LONGEST_WAIT_MS) as database:
        if not json:
            database.on_notice(output.note)
        done = _carry_out(database, "select postai.undo(%s)", (proposal,), wait=wait)
    if json:
        output.show_json(done)
    else:
        _say(done)


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
