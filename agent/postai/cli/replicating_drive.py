"""Where the commands of moves act: the agent takes a request where one is there, else this process drives the move."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from postai.cli import output
from postai.cli.replicating_show import Shown, shown
from postai.errors import AgentNotReachable, ErrorParts, FeatureMissing, PostaiError, Refused, UsageError, from_parts

if TYPE_CHECKING:
    from postai.database import Database
    from postai.replicate.journal import Journal
    from postai.replicate.move import Move, Redirects
    from postai.replicate.store import Row
    from postai.replicate.types import OnStep, Side

_RANGE = re.compile(r"\d\d?:\d\d-\d\d?:\d\d")
POLL_SECONDS = 0.2
REDIRECT = """\
    [[redirect]]
    name = "{name}"
    driver = "file"          # or pgbouncer, command, http
    path = "/etc/app/db"     # with the connection string that the clients read
"""
TAKEN_SECONDS = 30.0
"""Until a request that no agent took is taken back."""


@dataclass(frozen=True)
class Places:
    """What this machine's configuration says of moves: connections, redirect drivers, the journal."""

    redirects: Redirects
    journal: Journal

    @classmethod
    def read(cls) -> Places:
        """As the files of the configuration directory have it."""
        from postai.replicate.journal import FILE, Journal
        from postai.settings import Settings, config_directory

        redirects = {one.name: one.options() for one in Settings.load().redirects}
        return cls(redirects, Journal(config_directory() / FILE))

    def dsn(self, name: str) -> str:
        """The connection string of a named connection, straight to its server."""
        from postai.database.connections import find_connection
        from postai.settings import config_directory

        found = find_connection(config_directory(), name)
        return found.direct_dsn or found.dsn()

    def dsns(self, source: str, target: str) -> Mapping[Side, str]:
        """Those of both sides."""
        from postai.replicate.types import Side

        return {Side.SOURCE: self.dsn(source), Side.TARGET: self.dsn(target)}

    def move(self, row: Row) -> Move:
        """A move with what its driver needs."""
        from postai.replicate.move import Move

        return Move(row, self.dsns(row.source, row.target), self.redirects)

    def target_of(self, name: str, given: str | None) -> str:
        """The connection of the home of a move: as given, or as the move was begun from here.

        Raises:
            UsageError: neither is known.
        """
        found = given or self.journal.home_of(name)
        if found is None:
            raise UsageError(
                f"it is not known here where the move {name!r} goes",
                hint="Name the connection of its target: --target NAME (post-ai connection list shows them).",
            )
        return found

    @contextmanager
    def home(self, target: str) -> Iterator[Database]:
        """A session of a home database, which writes there also while the other side serves."""
        from postai.cli.target import INSTALLED, require_postai
        from postai.replicate.sessions import open_session

        with open_session(self.dsn(target), statement_timeout_ms=60_000) as home:
            ((installed, host, port),) = home.query(INSTALLED)
            if not installed:
                raise FeatureMissing(
                    f"postai is not installed in {target}, where the move would be kept",
                    detail=f"A move is kept in its target: the database {home.name} at {host}, port {port}.",
                    hint=f"post-ai install --connection {target}\nIf {target} is the source, name the other one last.",
                )
            require_postai(home, "Moves are kept in", None, target)
            yield home


def agent_there(home: Database) -> bool:
    """Whether an agent leads in the home, which then drives its moves."""
    return bool(home.query("select postai._agent_present()")[0][0])


def require_free(places: Places, name: str, target: str | None) -> None:
    """A name tells from here on where its move goes, so that no other one may have it until it has ended."""
    from postai.database import ConnectionFailed
    from postai.replicate import store

    known = places.journal.home_of(name)
    if target is None or known in (None, target):
        return
    try:
        with places.home(known) as home:
            there = store.moves(home, name, ended=False)
    except (ConnectionFailed, FeatureMissing, UsageError) as error:
        output.note(f"whether the move {name} to {known} has ended is not known: {error.message}")
        return
    if there:
        raise Refused(
            f"there is a move {name} already, to {known}",
            detail=f"It is {there[0].state.replace('_', ' ')}.",
            hint=f"Choose another name, or end that one: post-ai replicate abort {name}",
        )


def tell_redirect(places: Places, name: str, *, agent: bool) -> None:
    """Where nothing says how the clients are sent, say what to write; there is time until the cutover."""
    from postai.service.replicating import no_redirect

    if (told := no_redirect(name, places.redirects)) is not None:
        then = ", and start the agent anew" if agent else ""
        output.note(f"note: {told}{then} (docs/switch.md has every way), for example\n\n{REDIRECT.format(name=name)}")


def follow(
    home: Database, move: Move, places: Places, done: Callable[[Row], bool], *, quiet: bool, drives: bool
) -> Row:
    """Drive a move, or look on while the agent does, until it is where it should be, or failed.

    Args:
        done: whether this is where it should be.
        drives: whether this process drives it.

    Raises:
        PostaiError: it failed; the error of its row.
    """
    from contextlib import nullcontext

    from postai.replicate import machine, store
    from postai.replicate.types import State
    from postai.service.replicating import keep_schema

    told = None
    with shown(quiet=quiet) as screen, store.one_driver(home, move.id) if drives else nullcontext():
        while True:
            rest: float | None = 1.0
            if drives:
                keep_schema(home, move.row)
                turn = machine.drive(home, move, _on_step(home, move, screen), places.journal)
                move, rest = turn.move, turn.rest
            else:
                move = move.read(home)
            _show(home, move.row, screen)
            row = move.row
            if screen is None and row.error is not None and row.state != State.FAILED and row.error.message != told:
                told = row.error.message
                output.note(f"{row.name}: {told}")
            if done(row):
                return row
            if row.state is State.FAILED and row.resume_state not in store.ENDED:
                raise _failure(row)
            time.sleep(min(1.0 if rest is None else rest, 2.0))


def _failure(row: Row) -> PostaiError:
    """Why a move stands still, what mends that, and how it goes on then."""
    why = row.error or ErrorParts("PA000", "the move failed")
    again = f"post-ai replicate start {row.name}"
    if again not in (why.hint or ""):
        why = replace(why, hint="\n".join(one for one in (why.hint, f"Then go on: {again}") if one))
    return from_parts(why)


def _show(home: Database, row: Row, screen: Shown | None) -> None:
    from postai.replicate import store

    if screen is not None:
        screen.show(row, store.tables(home, row.id))


def _on_step(home: Database, move: Move, screen: Shown | None) -> OnStep:
    """Show what is done now, at most every half second; the home's session is free between the steps."""
    last = 0.0

    def on_step(_name: str, _detail: str = "") -> None:
        nonlocal last
        if screen is not None and time.monotonic() - last > 0.5:
            last = time.monotonic()
            _show(home, move.read(home).row, screen)

    return cast("OnStep", on_step)


def ask(home: Database, verb: str, name: str, options: Mapping[str, Any], at: Window | None = None) -> int:
    """Write a request that the agent takes."""
    given = {**options, **({"not_after": at.ends.isoformat()} if at is not None and at.ends else {})}
    ((request,),) = home.query(
        "select postai._replicate_request(%s, %s, %s::jsonb, %s)",
        (verb, name, json.dumps(given), at.begins if at is not None else None),
    )
    return int(request)


def answered(home: Database, request: int, verb: str) -> str:
    """Wait for the agent's answer, showing the steps; Ctrl-C has it stop as long as it can be undone.

    Raises:
        PostaiError: it was not done.
    """
    began, seen, taken, stopped = time.monotonic(), 0, False, False
    while True:
        try:
            for number, said in home.query("select id, said from postai._switch_steps(%s, %s)", (request, seen)):
                seen = number
                output.note(said)
            ((taken, over, said, error),) = home.query(
                "select taken, is_over, said, error from postai._request_state(%s)", (request,)
            )
            if over:
                if error:
                    raise from_parts(ErrorParts(**(json.loads(error) if isinstance(error, str) else error)))
                return str(said or f"{verb} is done")
            if not taken and not stopped and time.monotonic() - began > TAKEN_SECONDS:
                _withdraw(home, request, "no agent took it up")
                raise AgentNotReachable("no agent took the request up", hint="Start it: post-ai agent")
            time.sleep(POLL_SECONDS)
        except KeyboardInterrupt:
            if stopped:
                raise
            stopped = True
            _withdraw(home, request, "interrupted")


def _withdraw(home: Database, request: int, why: str) -> None:
    home.query("select postai._replicate_withdraw(%s, %s)", (request, why))


@dataclass(frozen=True)
class Window:
    """When something may begin: not before, and not after (None = no end)."""

    begins: datetime
    ends: datetime | None


def window(text: str, now: datetime) -> Window:
    """What `--at` says: a time of day (the next one), a range of times of day, or a date and time.

    Args:
        text: "02:30", "02:00-04:00", "2026-03-01 02:30" or "2026-03-01T02:30+01:00".
        now: with its time zone, which is meant where the text has none.

    Raises:
        UsageError: it is none of them, or is over.
    """
    first, _, last = text.partition("-") if _RANGE.fullmatch(text) else (text, "", "")
    try:
        begins, ends = _moment(first, now), _moment(last, now) if last else None
    except ValueError:
        raise UsageError(
            f"{text!r} is no time", hint="Write --at 02:30, --at 02:00-04:00 or --at '2026-03-01 02:30'."
        ) from None
    day = timedelta(days=1)
    if ends is None:
        if begins <= now and len(first) > len("HH:MM"):
            raise UsageError(f"{text} is over", hint="Give a time that is still to come.")
        return Window(begins if begins > now else begins + day, None)
    length = (ends - begins) % day
    begins = next(one for one in (begins - day, begins, begins + day) if one + length > now)
    return Window(max(begins, now), begins + length)


def _moment(text: str, now: datetime) -> datetime:
    if len(text) <= len("HH:MM"):
        parsed = datetime.strptime(text, "%H:%M")
        return now.replace(hour=parsed.hour, minute=parsed.minute, second=0, microsecond=0)
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=now.tzinfo)


def here_and_now() -> datetime:
    """The time, in this machine's zone."""
    return datetime.now(UTC).astimezone()
