"""`post-ai replicate`: move a database to another server, switch to it, go back or stay."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from postai.cli import output, replicating_check
from postai.cli.output import Json
from postai.cli.replicating_options import (
    At,
    Busy,
    FullIdentity,
    Gone,
    Home,
    KeepWal,
    Load,
    Move,
    Passfile,
    Passwords,
    Pause,
    Rehearse,
    ReplicaLag,
    Roles,
    Schema,
    Share,
    Source,
    SourcePassfile,
    Split,
    Target,
    WayBack,
    Workers,
    WritersStopped,
)
from postai.cli.replicating_signals import as_ctrl_c
from postai.cli.target import saved_names
from postai.errors import LockNotObtained, PostaiError, UsageError

if TYPE_CHECKING:
    from postai.replicate.types import Side, State

app = typer.Typer(help="Move a database to another server.", rich_markup_mode=None)

CHECK_SECONDS = 120.0
GIB = 1 << 30
UNWATCHED = "No agent watches the move now, nor how much log it makes the servers keep"


@app.callback(invoke_without_command=True)
def root(context: typer.Context) -> None:
    """Move a database to another server."""
    output.require_command(context)
    context.with_resource(as_ctrl_c())


@app.command("check", short_help="Say whether and how a database can move")
def check(
    source: Source,
    target: Target,
    schema: Schema = None,
    roles: Roles = None,
    role_passwords: Passwords = None,
    full_identity: FullIdentity = None,
    workers: Workers = None,
    keep_wal: KeepWal = None,
    json: Json = False,
) -> int:
    """Say whether and how a database can move, and what stands against it; nothing is changed."""
    from postai.cli.replicating_drive import Places
    from postai.deadline import Deadline
    from postai.replicate import native, preflight
    from postai.replicate.sessions import open_session
    from postai.replicate.types import MoveOptions, Side

    given = _given(
        schema, roles=roles, role_passwords=role_passwords, full_identity=full_identity, workers=workers,
        keep_wal_bytes=_in_bytes(keep_wal),
    )  # fmt: skip
    options = MoveOptions(**given)
    dsns = Places.read().dsns(source, target)
    connection = native.conninfo(dsns[Side.SOURCE], "postai_check")
    with open_session(dsns[Side.SOURCE]) as there, open_session(dsns[Side.TARGET]) as here:
        report = preflight.check(there, here, options, conninfo=connection, deadline=Deadline.after(CHECK_SECONDS))
    return replicating_check.show(report, source, target, json=json)


def _given(schema: list[str] | None, **options: Any) -> dict[str, Any]:
    """The options that were given; the others are as they are, or have their defaults."""
    found = {name: value for name, value in options.items() if value is not None}
    return found | ({"schemas": tuple(schema)} if schema else {})


def _in_bytes(gib: float | None) -> int | None:
    return None if gib is None else int(gib * GIB)


@app.command("start", short_help="Copy a database and follow it, or go on with that")
def start(
    name: Move,
    source: Annotated[str | None, typer.Argument(help="Connection of the database that moves.")] = None,
    target: Annotated[str | None, typer.Argument(help="Connection of the database that it moves to.")] = None,
    schema: Schema = None,
    roles: Roles = None,
    role_passwords: Passwords = None,
    full_identity: FullIdentity = None,
    workers: Workers = None,
    split: Split = None,
    load: Load = None,
    replica_lag: ReplicaLag = None,
    keep_wal: KeepWal = None,
    passfile: Passfile = None,
    source_passfile: SourcePassfile = None,
    way_back: WayBack = None,
    stay: Annotated[bool, typer.Option("--stay", help="Go on following until Ctrl-C, also when it is ready.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it is ready.")] = True,
    json: Json = False,
) -> None:
    """Copy a database to another one, follow it, and compare both; a move that stands still goes on.

    Where an agent serves the target, it does that, and goes on when this command ends. Elsewhere this command does it.
    """
    from postai.cli.replicating_drive import Places, agent_there, follow, require_free, tell_redirect
    from postai.replicate import machine, store
    from postai.replicate.types import State

    if (source is None) != (target is None):
        raise UsageError("give both source and target, or neither to go on with a move")
    if source is not None and source == target:
        raise UsageError("a move has a source and a target, which are two", hint="post-ai connection list shows them.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}", name):
        raise UsageError(
            f"{name[:100]!r} cannot name a move",
            hint="Use letters, digits, '.', '-' and '_', at most 63 characters.",
        )
    places = Places.read()
    given = _given(
        schema, roles=roles, role_passwords=role_passwords, full_identity=full_identity, workers=workers,
        split_bytes=_in_bytes(split), load=load, replica_lag=replica_lag, keep_wal_bytes=_in_bytes(keep_wal),
        passfile=passfile, source_passfile=source_passfile, way_back=way_back,
    )  # fmt: skip
    require_free(places, name, target)
    with places.home(places.target_of(name, target)) as home:
        found = store.moves(home, name, ended=False)
        if found and (source, target) in ((None, None), (found[0].source, found[0].target)):
            move = machine.resume(home, places.move(found[0]), given)
        elif source is None or target is None:
            row = store.find(home, name)
            raise UsageError(
                f"the move {name!r} has ended: it is {row.state}", hint="Give source and target for a new one."
            )
        else:
            dsns = places.dsns(source, target)
            move = machine.start(home, name, source, target, dsns, options=given, redirects=places.redirects)
        places.journal.remember(move.row)
        drives = not agent_there(home)
        if not json:
            tell_redirect(places, name, agent=not drives)
        if not drives:
            home.query("select pg_catalog.pg_notify('postai_replicate', 'start')")
        at_rest = (State.READY, State.SERVING_TARGET, State.ROLLED_BACK, State.COMPLETED, State.ABORTED)
        if wait or drives:
            row = follow(home, move, places, lambda row: not stay and row.state in at_rest, quiet=json, drives=drives)
        else:
            row = move.row
        _show(home, row, json)
        if drives and not json and not row.ended:
            output.note(f"{UNWATCHED}: run post-ai agent for the target, or this with --stay.")


def _show(home: Any, row: Any, json: bool) -> None:
    from postai.cli.replicating_show import document, page
    from postai.replicate import store

    tables = store.tables(home, row.id)
    if json:
        output.show_json(document(row, tables, store.events(home, row.id)))
    else:
        output.say("\n".join(page(row, tables)))


@app.command("status", short_help="Show how far a move is")
def status(
    name: Move,
    target: Home = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show it again and again, until Ctrl-C.")] = False,
    json: Json = False,
) -> None:
    """Show how far a move is, what it does, and what stands in its way."""
    import time

    from postai.cli.replicating_drive import Places
    from postai.cli.replicating_show import in_shell, shown
    from postai.database import ConnectionFailed
    from postai.replicate import store

    places = Places.read()
    try:
        with places.home(places.target_of(name, target)) as home:
            with shown(quiet=not follow) as screen:
                while screen is not None:
                    row = store.find(home, name)
                    screen.show(row, store.tables(home, row.id))
                    time.sleep(1.0)
            row = store.find(home, name)
            _show(home, row, json)
            if not json and row.error is None and (then := store.next_of(home, row.id)) != (row.doing or ""):
                output.say("next: " + in_shell(then).replace("\n", "\n      "))
    except ConnectionFailed as error:
        known = [one for one in places.journal.unfinished() if one.row.name == name]
        if known:
            raise PostaiError(
                "a switch of the move is not at its end, and its home cannot be reached",
                detail="; ".join([error.message, f"begun at {known[0].begun_at:%Y-%m-%d %H:%M:%S}", *known[0].outside]),
                hint=f"Bring the home back, or have the source serve: post-ai replicate rollback {name}",
            ) from error
        raise


@app.command("list", short_help="List the moves of a target")
def list_moves(
    target: Annotated[
        str | None,
        typer.Argument(help="Connection of the target. Default: those of the moves that were begun from here.",
                       autocompletion=saved_names),
    ] = None,
    json: Json = False,
) -> None:  # fmt: skip
    """List the moves to a database, the newest first."""
    from postai.cli.replicating_drive import Places
    from postai.replicate import store

    places = Places.read()
    rows: list[store.Row] = []
    for one in (target,) if target else places.journal.homes():
        with places.home(one) as home:
            rows += store.moves(home)
    if json:
        output.show_json([output.plain(one) for one in rows])
    elif rows:
        shown = [
            (
                one.name,
                one.state.replace("_", " "),
                one.serving,
                one.source,
                one.target,
                f"{one.created_at.astimezone():%Y-%m-%d %H:%M}",
            )
            for one in rows
        ]
        output.show_table(("move", "state", "serves", "source", "target", "begun"), shown)
    else:
        output.say("there is no move yet: post-ai replicate start NAME SOURCE TARGET")


@app.command("verify", short_help="Compare both sides of a move row for row")
def verify(
    name: Move,
    settling: Annotated[
        bool, typer.Option("--settling", help="Hold no writer back; rows that change are read again.")
    ] = False,
    share: Share = None,
    busy: Busy = None,
    target: Home = None,
    json: Json = False,
) -> None:
    """Compare both sides of a move row for row while both are used; exit code 12 when they differ."""
    from postai.cli.replicating_drive import Places, agent_there, answered, ask
    from postai.replicate import asked, comparing, store
    from postai.replicate.verified import Mode

    places = Places.read()
    mode = Mode.SETTLING if settling else Mode.EXACT
    rest: dict[str, Any] = {key: value for key, value in (("share", share), ("busy", busy)) if value is not None}
    with places.home(places.target_of(name, target)) as home:
        move = places.move(store.find(home, name))
        if agent_there(home):
            said = answered(home, ask(home, "verify", name, {"settling": settling, **rest}), "verify")
        else:
            said = comparing.verdict(asked.verified(home, move, _telling, mode=mode, **rest))
        _end(home, name, said, json)


@app.command("repair", short_help="Make rows equal that a comparison found different")
def repair(name: Move, target: Home = None, json: Json = False) -> None:
    """Make the rows equal that the last comparison found different, on the side that does not serve; compare again."""
    from postai.cli.replicating_drive import Places, agent_there, answered, ask
    from postai.replicate import asked, store

    places = Places.read()
    with places.home(places.target_of(name, target)) as home:
        move = places.move(store.find(home, name))
        if agent_there(home):
            said = answered(home, ask(home, "repair", name, {}), "repair")
        else:
            said = asked.repaired(home, move, _telling)
        _end(home, name, said, json)


def _telling(name: str, detail: str = "") -> None:
    output.note(f"{name.replace('_', ' ')}{f': {detail}' if detail else ''}")


def _end(home: Any, name: str, said: str, json: bool) -> None:
    from postai.replicate import store

    if json:
        _show(home, store.find(home, name), json)
    else:
        output.say(said)


@app.command("cutover", short_help="Let the clients write to the target")
def cutover(
    name: Move,
    max_pause: Pause = None,
    rehearse: Rehearse = False,
    writers_stopped: WritersStopped = False,
    at: At = None,
    target: Home = None,
    json: Json = False,
) -> None:
    """Switch: the clients write to the target a moment later; whatever fails before that is undone."""
    from postai.replicate.types import Side

    _switch(name, Side.TARGET, "cutover", target, max_pause, rehearse, at, json, stopped=writers_stopped)


@app.command("rollback", short_help="Let the clients write to the source again")
def rollback(
    name: Move,
    max_pause: Pause = None,
    rehearse: Rehearse = False,
    at: At = None,
    target: Home = None,
    json: Json = False,
) -> None:
    """Switch back with all that was written since; also ends a switch that was broken off while the target is down."""
    from postai.replicate.types import Side

    _switch(name, Side.SOURCE, "rollback", target, max_pause, rehearse, at, json)


def _switch(
    name: str, to: Side, verb: str, target: str | None, max_pause: float | None, rehearse: bool, at: str | None,
    json: bool, *, stopped: bool = False,
) -> None:  # fmt: skip
    from postai.cli.replicating_drive import Places, agent_there, answered, ask, here_and_now, window
    from postai.database import ConnectionFailed
    from postai.replicate.types import Side

    places = Places.read()
    when = window(at, here_and_now()) if at else None
    home_name = places.target_of(name, target)
    try:
        with places.home(home_name) as home:
            if agent_there(home):
                given = {"max_pause": max_pause, "rehearse": rehearse, "writers_stopped": stopped or None}
                request = ask(home, verb, name, {key: value for key, value in given.items() if value is not None}, when)
                if when is not None:
                    output.say(
                        f"the agent begins at {when.begins:%Y-%m-%d %H:%M %Z}, as soon as nothing stands against it"
                    )
                    return
                said = answered(home, request, verb)
            else:
                said = _switch_here(home, places, name, to, max_pause, rehearse, when, stopped=stopped)
            _end(home, name, said, json)
            if not json and not agent_there(home):
                output.note(f"{UNWATCHED}: run post-ai agent for the target, or post-ai replicate start {name} --stay.")
    except ConnectionFailed:
        if to is not Side.SOURCE or not _rescued(places, name):
            raise


def _switch_here(
    home: Any, places: Any, name: str, to: Side, max_pause: float | None, rehearse: bool, when: Any, *, stopped: bool
) -> str:  # fmt: skip
    """Switch by this process; until then it drives the move."""
    from postai.cli.replicating_drive import follow, here_and_now
    from postai.replicate import asked, machine, store
    from postai.replicate.cutover import NotReady
    from postai.replicate.types import State

    move = places.move(store.find(home, name))
    if when is not None:
        output.note(f"waits until {when.begins:%Y-%m-%d %H:%M %Z}, and drives the move")
        follow(home, move, places, lambda _row: here_and_now() >= when.begins, quiet=True, drives=True)
    if move.row.state is State.SWITCHING:  # broken off: undone or finished first
        move = machine.drive(home, move, _telling, places.journal).move
    while True:
        try:
            outcome = asked.switch(
                home,
                move,
                to,
                _telling,
                journal=places.journal,
                max_pause=max_pause,
                rehearse=rehearse,
                stopped=stopped,
            )
        except NotReady as error:
            if when is None or when.ends is None or here_and_now() >= when.ends:
                raise
            output.note(f"not yet: {error.message}")
            move = machine.drive(home, move, _telling, places.journal).move
        else:
            break
    if rehearse:
        return f"rehearsed, nothing stands against it: the steps took {outcome.steps[-1][1] * 1000:.0f} ms"
    return asked.sentence(outcome)


def _rescued(places: Any, name: str) -> bool:
    """End a switch that was broken off while the home cannot be reached; whether there was one."""
    from postai.replicate import asked

    for intent in places.journal.unfinished():
        if intent.row.name == name:
            if not intent.abandoned(datetime.now(UTC)):
                raise LockNotObtained(
                    "another process is at this switch",
                    detail=f"process {intent.process}",
                    hint="Wait a minute, and look again.",
                )
            outcome = asked.rescue(places.move(intent.row), _telling, places.journal)
            output.say(f"the {outcome.serving} serves; the home of the move cannot be reached, and learns it later")
            return True
    return False


@app.command("complete", short_help="Stay on the target, and clean both sides")
def complete(
    name: Move,
    open_source: Annotated[
        bool, typer.Option("--open-source", help="Let the source be written to again. Default: it stays read-only.")
    ] = False,
    source_gone: Gone = False,
    target: Home = None,
    json: Json = False,
) -> None:
    """End a move after its cutover: what it made is removed on both sides, and there is no way back any more."""
    from postai.replicate.types import State

    _finish(name, State.COMPLETED, {"reopen_source": open_source, "gone": source_gone}, target, json)


@app.command("abort", short_help="Give a move up, and clean both sides")
def abort(name: Move, source_gone: Gone = False, target: Home = None, json: Json = False) -> None:
    """Give a move up while the source serves: what it made is removed on both sides; copied rows stay in the target."""
    from postai.replicate.types import State

    _finish(name, State.ABORTED, {"gone": source_gone}, target, json)


def _finish(name: str, state: State, how: dict[str, bool], target: str | None, json: bool) -> None:
    from postai.cli.replicating_drive import Places, agent_there, answered, ask
    from postai.replicate import asked, store
    from postai.replicate.store import Ending
    from postai.replicate.types import State

    places = Places.read()
    with places.home(places.target_of(name, target)) as home:
        verb = "complete" if state is State.COMPLETED else "abort"
        if agent_there(home):
            said = answered(home, ask(home, verb, name, how), verb)
        else:
            asked.end(home, places.move(store.find(home, name)), state, _telling, Ending(**how))
            said = f"the move {name} is {state}"
        _end(home, name, said, json)
