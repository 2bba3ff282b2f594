"""Which migrations a database has, and carrying out the others through proposals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from postai.database import Database
from postai.database.identifiers import quote_ident
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import NotPermitted, Refused, StaleProposal, UsageError
from postai.migrate.drift_store import home, require_home
from postai.migrate.files import ChangedFile, Migration
from postai.migrate.later import Second, drop_for_good, then
from postai.proposals import verbs

UNDER_WAY = ("running", "rolling back")
"""States of a migration that was begun and is not through."""
State = Literal["pending", "running", "applied", "rolling back", "rolled back", "changed", "no file"]


@dataclass(frozen=True)
class Known:
    """A migration that the database knows of; `source` is the tool whose history it was taken from."""

    id: str
    title: str
    checksum: str | None
    source: str
    state: str
    proposal: int | None
    applied_by: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Status:
    """A migration of the directory or of the database.

    Attributes:
        state: "changed" = it was applied with another body; "no file" = the directory does not have it.
    """

    id: str
    title: str
    state: State
    source: str = "postai"
    proposal: int | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Consent:
    """What whoever carries out migrations says yes to; see `postai.apply`, for the last one `postai.migrate`."""

    accept_triggers: bool = False
    unsafe: bool = False
    versioned_views: bool = False


@dataclass(frozen=True)
class Carried:
    """A migration that was carried out, by this proposal.

    Attributes:
        left: what only drops for good what was set aside, and waits for a yes; None = nothing is left.
    """

    proposal: int
    left: Second | None = None


def known(db: Database) -> tuple[Known, ...]:
    """What the database knows, oldest first."""
    place = home(db)
    if place is None:
        return ()
    return tuple(Known(*row) for row in db.query(_sql(place)["known_here" if place == "postai" else "known"]))


def compare(files: Sequence[Migration], there: Iterable[Known]) -> tuple[Status, ...]:
    """Every migration with its state: other tools' first, then the directory's, then those without files."""
    by_id = {one.id: one for one in there}
    numbers = {one.id for one in files}
    found = [
        Status(one.id, one.title, _state(one.state), one.source, one.proposal, one.finished_at)
        for one in by_id.values()
        if one.source != "postai"
    ]
    for file in files:
        one = by_id.get(file.id)
        if one is None:
            found.append(Status(file.id, file.up.title, "pending"))
        else:
            state: State = _state(one.state)
            if state == "applied" and one.checksum not in (None, file.up.checksum):
                state = "changed"
            found.append(Status(file.id, file.up.title, state, one.source, one.proposal, one.finished_at))
    found += [
        Status(
            one.id,
            one.title,
            "no file" if one.state == "applied" else _state(one.state),
            one.source,
            one.proposal,
            one.finished_at,
        )
        for one in by_id.values()
        if one.source == "postai" and one.id not in numbers
    ]
    return tuple(found)


def _state(text: str) -> State:
    states: Mapping[str, State] = {
        "running": "running", "applied": "applied", "rolling back": "rolling back", "rolled back": "rolled back",
    }  # fmt: skip
    return states[text]


def pending(files: Sequence[Migration], there: Sequence[Known], to: int | None = None) -> tuple[Migration, ...]:
    """The migrations that are still to run, in order.

    Args:
        to: the last one; None = all.

    Raises:
        ChangedFile: one that was applied has another body now, or a file is not what its checksum says.
        UsageError: there is no migration `to`; one is under way.
        Unparsable: statements of one of them do not parse.
    """
    if to is not None and all(int(one.id) != to for one in files):
        raise UsageError(f"there is no migration {to}", hint="post-ai migrate status lists them.")
    wanted = []
    for status, file in ((_status(one, there), one) for one in files):
        file.up.require_unchanged()
        if status == "changed":
            raise ChangedFile(
                f"{file.up.path.name} was applied with another body",
                hint="Undo the edit, and put what is to change into a new migration.",
            )
        if status in ("running", "rolling back"):
            raise UsageError(f"migration {file.id} is under way", hint="post-ai migrate resume goes on with it.")
        if status in ("pending", "rolled back") and (to is None or int(file.id) <= to):
            wanted.append(file)
    for file in wanted:  # none of them runs where one of them cannot
        file.up.require_sql()
    return tuple(wanted)


def applied(files: Sequence[Migration], there: Sequence[Known], to: int | None = None) -> tuple[Migration, ...]:
    """The migrations that are to be taken back, the last one first.

    Args:
        to: the migration that stays; None = only the last one goes.

    Raises:
        UsageError: there is no migration `to`, or one is under way.
        Unparsable: statements of one of them do not parse.
    """
    if to is not None and to != 0 and all(int(one.id) != to for one in files):
        raise UsageError(f"there is no migration {to}", hint="post-ai migrate status lists them; 0 takes back all.")
    states = {file.id: _status(file, there) for file in files}
    under_way = next((number for number, state in states.items() if state in ("running", "rolling back")), None)
    if under_way is not None:
        raise UsageError(f"migration {under_way} is under way", hint="post-ai migrate resume goes on with it.")
    last_first = [file for file in reversed(files) if states[file.id] in ("applied", "changed")]
    wanted = last_first[:1] if to is None else [one for one in last_first if int(one.id) > to]
    for file in wanted:
        if file.down is not None:
            file.down.require_sql()
    return tuple(wanted)


def _status(file: Migration, there: Sequence[Known]) -> State:
    return next(one.state for one in compare([file], [k for k in there if k.id == file.id]) if one.id == file.id)


def execute(
    db: Database, file: Migration, consent: Consent, deadline: Deadline, progress: Callable[[verbs.ActionStatus], None]
) -> Carried:
    """Carry out one migration: propose, apply, wait; with `consent.unsafe` also drop for good what was set aside.

    Raises:
        PostaiError: the proposal cannot be made or applied; the action's own error.
    """
    return _carry_out(db, file, file.up.body, ("running", "applied"), consent, deadline, progress)


def roll_back(
    db: Database, file: Migration, consent: Consent, deadline: Deadline, progress: Callable[[verbs.ActionStatus], None]
) -> Carried:
    """Carry out the down file of a migration; as `execute`.

    Raises:
        UsageError: nothing leads back.
    """
    if file.down is None or not _has_statements(file.down.body):
        raise UsageError(f"nothing leads back from migration {file.id}", hint="Write a new migration that mends it.")
    file.down.require_unchanged()
    if db.query(_sql("postai")["dropped"], [file.id])[0][0]:
        raise UsageError(
            f"nothing leads back from migration {file.id}",
            detail="What it had set aside was dropped for good.",
            hint="Write a new migration that makes it again; what it held is in your backups only.",
        )
    return _carry_out(db, file, file.down.body, ("rolling back", "rolled back"), consent, deadline, progress)


def unfinished(db: Database, there: Iterable[Known]) -> tuple[Known, ...]:
    """The migrations that are under way, and those that are through but only set aside what they drop.

    Args:
        db: the database that they were carried out in.
        there: what is known.
    """
    return tuple(
        one
        for one in there
        if one.state in UNDER_WAY or (one.proposal is not None and then(db, one.proposal) is not None)
    )


def resume(
    db: Database, one: Known, consent: Consent, deadline: Deadline, progress: Callable[[verbs.ActionStatus], None]
) -> Carried:
    """Go on with a migration that is under way, whatever stopped it; or with what is left of one that is through.

    Raises:
        StaleProposal: its proposal was dismissed or replaced.
        UsageError: it was not carried out by postai.
    """
    ends = {"running": "applied", "rolling back": "rolled back"}
    if one.proposal is None:
        raise UsageError(f"migration {one.id} is not under way")
    if one.state in ends:
        ((state, outcome, action, action_state),) = db.query(_sql("postai")["proposal"], [one.proposal])
        if state == "closed" and outcome != "applied":
            raise StaleProposal(
                f"proposal {one.proposal} of migration {one.id} was {outcome}",
                hint="post-ai migrate execute proposes it anew.",
            )
        if state != "closed":
            if action is None or action_state in ("failed", "cancelled"):
                action = verbs.apply(db, one.proposal, accept_triggers=consent.accept_triggers, unsafe=consent.unsafe)
            verbs.wait(db, action, deadline, progress)
        db.execute(_sql("postai")["end"], [ends[one.state], one.id])
    return _rest(db, one.proposal, consent, deadline, progress)


def record(db: Database, number: str, title: str, checksum: str | None, source: str) -> bool:
    """Note a migration that was there before us; False = it was known."""
    return bool(db.execute(_sql(require_home(db))["record"], [number, title, checksum, source]))


def _carry_out(
    db: Database, file: Migration, body: str, states: tuple[str, str], consent: Consent, deadline: Deadline,
    progress: Callable[[verbs.ActionStatus], None],
) -> Carried:  # fmt: skip
    sql = _sql("postai")
    proposal = int(db.query(sql["propose"], [body, consent.versioned_views])[0][0])
    try:
        with db.transaction():
            if not db.query(sql["begin"], [file.id, file.up.title, file.up.checksum, states[0], proposal]):
                raise UsageError(f"migration {file.id} is under way", hint="post-ai migrate resume goes on with it.")
            for (orphan,) in db.query(sql["orphans"], [proposal]):
                verbs.dismiss(db, orphan, f"proposed anew for migration {file.id}")
            action = verbs.apply(db, proposal, accept_triggers=consent.accept_triggers, unsafe=consent.unsafe)
    except (Refused, NotPermitted) as error:
        asked = {"unsafe =>": "--unsafe", "accept_triggers =>": "--accept-triggers"}
        option = next((option for word, option in asked.items() if word in (error.hint or "")), None)
        if option is None:
            raise
        verbs.dismiss(db, proposal, f"carried out without {option}")
        raise type(error)(
            error.message,
            detail=error.detail,
            hint=f"Nothing was changed. To say yes to it, run it again with {option}.",
        ) from error
    verbs.wait(db, action, deadline, progress)
    db.execute(sql["end"], [states[1], file.id])
    return _rest(db, proposal, consent, deadline, progress)


def _rest(
    db: Database, proposal: int, consent: Consent, deadline: Deadline, progress: Callable[[verbs.ActionStatus], None]
) -> Carried:
    """What is left when a proposal was applied; with the yes to the loss nothing is."""
    second = then(db, proposal)
    if second is None or not (consent.unsafe or second.action):
        return Carried(proposal, second)
    drop_for_good(db, second, deadline, progress)
    return Carried(proposal)


def _has_statements(body: str) -> bool:
    return any(line.strip() and not line.strip().startswith("--") for line in body.splitlines())


def _sql(place: str | None) -> Mapping[str, str]:
    blocks = load(__package__, "files_store.sql")
    return {name: text.replace("{home}", quote_ident(place or "postai")) for name, text in blocks.items()}
