"""What people look at before and after schema changes: migrations, drift, hazards; as whoever is connected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from postai.database import Database
from postai.database.installed import give_time, reading
from postai.database.named_sql import load
from postai.errors import UsageError
from postai.proposals.verbs import noting_refusals

MOST = 100
LONGEST = 200_000
"""Characters of a text that is looked at here; longer ones go through `post-ai lint`."""


@dataclass(frozen=True, slots=True)
class MigrationShown:
    """A schema change that was proposed, with how far it is.

    Attributes:
        blocks: what its steps keep others from at most; momentary: only in short steps that give up soon.
        irreversible: steps from which nothing leads back.
        progress: 0 to 1.
    """

    id: int
    title: str
    risk: str
    state: str
    outcome: str | None
    steps: int
    done: int
    proposed_by: str
    proposed_at: datetime
    closed_at: datetime | None
    estimated_ms: int | None
    hazards: int
    irreversible: int
    blocks: str | None
    momentary: bool
    action: int | None
    action_state: str | None
    phase: str | None
    progress: float | None
    window_begins: datetime | None


@dataclass(frozen=True, slots=True)
class MigrationFile:
    """A file of a migrations directory, or another tool's migration, that was carried out here."""

    id: str
    title: str
    source: str
    state: str
    proposal: int | None
    applied_by: str
    started_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class SchemaSnapshot:
    """What the schema should be."""

    taken_at: datetime
    taken_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Migrations:
    """Schema changes, the newest first; `snapshot` is what drift compares with."""

    proposals: list[MigrationShown]
    files: list[MigrationFile]
    snapshot: SchemaSnapshot | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that is not as it should be; `fix` None = only a statement that loses rows would mend it."""

    object: str
    change: str
    expected: str | None
    actual: str | None
    fix: str | None


@dataclass(frozen=True, slots=True)
class Drift:
    """How the schema differs from the newest snapshot; `snapshot` None = there is nothing to compare with."""

    snapshot: SchemaSnapshot | None
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class Hazard:
    """What one statement of a change would do."""

    statement: int
    hazard: str
    severity: str
    message: str
    safe_alternative: str | None


@dataclass(frozen=True, slots=True)
class Linted:
    """A text and its hazards; `hazards` None = no text was given."""

    ddl: str
    hazards: list[Hazard] | None


def read_migrations(db: Database) -> Migrations:
    """Proposals of schema changes and migration files, with the rights of the connection's role."""
    blocks = load(__package__, "board.sql")
    with reading(db):
        proposals = [MigrationShown(*row) for row in db.query(blocks["proposals"], (MOST,))]
        files = [MigrationFile(*row) for row in db.query(blocks["files"], (MOST,))]
    return Migrations(proposals, files, _snapshot(db))


def read_drift(db: Database) -> Drift:
    """Compare now; the agent does it.

    Raises:
        AgentNotReachable: as ServerError PA002, when no agent answers.
    """
    snapshot = _snapshot(db)
    if snapshot is None:
        return Drift(None, [])
    with reading(db, "postai_user"):
        give_time(db, "drift")
        rows = db.query(load(__package__, "board.sql")["drift"])
    return Drift(snapshot, [Difference(*row) for row in rows])


def lint(db: Database, ddl: str) -> Linted:
    """The hazards of a text in this database; nothing of it is run.

    Raises:
        UsageError: it is longer than LONGEST.
    """
    _require_short(ddl)
    if not ddl.strip():
        return Linted("", None)
    with reading(db, "postai_user"):
        give_time(db, "lint")
        rows = db.query(load(__package__, "board.sql")["lint"], (ddl,))
    return Linted(ddl, [Hazard(*row) for row in rows])


def propose(db: Database, request: str) -> int:
    """Ask for online steps of a change, given as DDL or in words; gives the proposal.

    Raises:
        UsageError: the request is empty or longer than LONGEST.
    """
    _require_short(request)
    if not request.strip():
        raise UsageError("the request is empty", hint="Write DDL, or what is to change in words.")
    with noting_refusals(db, "migrate", "a schema change"), reading(db, "postai_user"):
        give_time(db, "migrate")
        ((proposal,),) = db.query(load(__package__, "board.sql")["migrate"], (request,))
    return int(proposal)


def _snapshot(db: Database) -> SchemaSnapshot | None:
    with reading(db):
        rows = db.query(load(__package__, "board.sql")["snapshot"])
    return SchemaSnapshot(*rows[0]) if rows else None


def _require_short(text: str) -> None:
    if len(text) > LONGEST:
        raise UsageError(
            f"the text has {len(text)} characters, at most {LONGEST} are taken here", hint="Use: post-ai lint FILE"
        )
