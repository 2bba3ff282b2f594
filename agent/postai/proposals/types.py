"""Plain values of the lifecycle: drafts, stored steps, actions, what a run came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from postai.database import Database
from postai.errors import ErrorParts

Risk = Literal["low", "medium", "high"]
ActionKind = Literal["apply", "undo"]
StepClass = Literal["short_lock", "weak_scan", "alone", "batched"]
"""How a step of a schema change behaves: `short_lock` runs in a transaction and holds a strong lock for a moment;
`weak_scan` runs in a transaction and reads a table under a lock that lets reads and writes pass; `alone` refuses a
transaction (CONCURRENTLY forms); `batched` writes rows in many short transactions (a backfill)."""


@dataclass(frozen=True)
class Backfill:
    """Rows that are written in batches by key.

    Attributes:
        table: qualified, quoted name.
        key: columns of a unique, not null key, in index order; the batches walk along them.
        assignments: column -> SQL expression over the row; none = the rows are deleted.
        condition: which rows still need it; a row that was written does not fulfil it any more.
    """

    table: str
    key: tuple[str, ...]
    assignments: Mapping[str, str]
    condition: str


@dataclass(frozen=True)
class DraftStep:
    """One statement of a draft.

    Attributes:
        statement: one SQL statement in which every relation carries its schema.
        undo: the statement that leads back, or several with `;` between them; None = it cannot be undone.
        precondition: a SELECT of one boolean that must be true just before the statement runs.
        postcondition: a SELECT of one boolean that is true once the statement has done its work, and only then.
        undo_precondition: a SELECT of one boolean that must be true just before the undo runs; it may speak of what the
            proposal itself makes.
        hazard: what people should know, one sentence.
        locks: relation -> strongest lock mode, where known.
        estimated_ms, estimated_rows: expected time and rows touched, where known.
        step_class: how a step of a schema change behaves; None = the step comes from an advisor. Steps with a class are
            run by one worker of the database at a time, and those that cannot be undone need an explicit yes.
        together: further statements of the same transaction, right after `statement`; the conditions and `undo` speak
            of all of them.
        backfill: what to write in batches, of class `batched`; `statement` is then for people, and `postcondition` is
            not used: whether rows are left is looked at along the key.
        phase: `expand` leaves the old in its place; `contract` takes it away.
        blocks: relation -> what others cannot do meanwhile: "reads+writes", "writes", "ddl" or "none".
        rewrites, scans: tables that are written anew, or read completely; None = not known.
    """

    statement: str
    undo: str | None = None
    precondition: str | None = None
    postcondition: str | None = None
    undo_precondition: str | None = None
    hazard: str | None = None
    locks: Mapping[str, str] = field(default_factory=dict)
    estimated_ms: int | None = None
    estimated_rows: int | None = None
    step_class: StepClass | None = None
    together: tuple[str, ...] = ()
    backfill: Backfill | None = None
    phase: Literal["expand", "contract"] = "expand"
    blocks: Mapping[str, str] = field(default_factory=dict)
    rewrites: tuple[str, ...] | None = None
    scans: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Draft:
    """A change somebody wants to propose.

    Attributes:
        kind: which planner made it, one lower-case word, e.g. "index".
        title: one line, at most 200 characters.
        why: the reason, for people.
        steps: in order; none = advice that people follow by hand: it can be dismissed or marked as done.
        evidence: what the reason rests on, as JSON; postai.proposal says what advisors write there.
        risk: of carrying it out.
        proposed_by: who asked for it; None = the connected role.
        supersedes: an open proposal that this one replaces.
        key: what it speaks of, for `postai.proposals.keeping`; None = nobody keeps it up to date.
        undoes: the applied proposal that this one takes back.
    """

    kind: str
    title: str
    why: str
    steps: tuple[DraftStep, ...]
    evidence: Mapping[str, Any] = field(default_factory=dict)
    risk: Risk = "low"
    proposed_by: str | None = None
    supersedes: int | None = None
    key: str | None = None
    undoes: int | None = None


@dataclass(frozen=True)
class Object:
    """An existing object that a statement touches, or the place where a new one will be.

    Attributes:
        class_name: the catalog that holds it: "pg_class", "pg_type", "pg_proc", "pg_statistic_ext", "pg_namespace" or
            "pg_database".
        oid: its oid there.
        identity: qualified, quoted name.
        owner: role whose rights are needed.
        lock_oid: oid that workers lock against each other (the table, for an index).
    """

    class_name: str
    oid: int
    identity: str
    owner: str
    lock_oid: int

    def as_json(self) -> dict[str, Any]:
        """The form in which postai.proposal_step.objects holds it."""
        return {"class": self.class_name, "oid": self.oid, "identity": self.identity}


@dataclass(frozen=True)
class Step:
    """A stored step as it is to be run: for an undo, `statement` is the undo statement and the conditions are None.

    Attributes:
        locks: table -> mode of those locks that stop others.
        part, parts: an undo may need several transactions, each a step of the same number; which one, and of how many.
    """

    number: int
    statement: str
    precondition: str | None
    postcondition: str | None
    done: bool
    step_class: StepClass | None = None
    together: tuple[str, ...] = ()
    backfill: Backfill | None = None
    locks: Mapping[str, str] = field(default_factory=dict)
    part: int = 1
    parts: int = 1


@dataclass(frozen=True)
class Action:
    """A claimed action.

    Attributes:
        attempt: number of this claim; only the newest one may write.
        checkpoint: what the attempt before had written: step, phase, parts that were done, pid, backend_start.
        seconds_left: until its window closes, when it was claimed; None = it has none.
    """

    id: int
    proposal: int
    proposal_kind: str
    kind: ActionKind
    state: str
    requested_by: str
    attempt: int
    checkpoint: Mapping[str, Any]
    seconds_left: float | None = None


class Witness(Protocol):
    """Is told when an action begins and ends; neither may change anything that the action looks at."""

    def begins(self, db: Database, action: Action) -> None:
        """Before the first step of an attempt."""

    def ends(self, db: Database, action: Action) -> None:
        """After the last step, before the action is noted as ended; not when another attempt follows."""


@dataclass(frozen=True)
class RunResult:
    """What one call of the runner came to.

    Attributes:
        state: state of the action afterwards; "released" = given back unfinished (the agent stops, or lost its
            connection); "lost" = another worker has it.
    """

    action: int
    proposal: int
    kind: ActionKind
    state: Literal["done", "regressed", "failed", "cancelled", "released", "lost"]
    error: ErrorParts | None = None


@dataclass(frozen=True)
class Decision:
    """One thing the runner decided, as a sentence for the log.

    Attributes:
        point: short name of the place in the run, e.g. "step.started".
    """

    action: int
    attempt: int
    step: int | None
    point: str
    sentence: str


@dataclass(frozen=True)
class Measured:
    """What a verifier found after an action.

    Attributes:
        values: numbers to stand beside the estimate.
        regression: why the change made things worse, one sentence; None = it did not.
    """

    values: Mapping[str, Any]
    regression: str | None = None


@dataclass(frozen=True)
class RunnerOptions:
    """Time limits of the runner, in seconds.

    Attributes:
        lease: how long an action stays with a worker that does not renew it.
        poll: pause between two looks at the action while a statement runs (cancel is seen within this time).
        lock_timeout: longest wait of one try for its locks, all together; others queue behind it that long; None =
            setting `step_lock_timeout`.
        lock_patience: how long a lock is tried for, with growing pauses.
        concurrent_lock_timeout: longest single wait of a CONCURRENTLY statement; it blocks nobody while it waits.
        statement_timeout: longest run of one statement.
        max_attempts: workers that may die over an action before it is given up.
        batch_timeout: longest run of one batch of a backfill; a batch that takes longer is tried with fewer rows.
        batch_ms: what a batch of a backfill should take, in milliseconds; the number of rows follows. Its rows are
            locked that long: who wants one of them waits, so that the loss of others grows with the square of it.
        batch_rest: pause after each batch, as a part of the time that it took; what others have of the machine.
        max_waiting: sessions that wait for locks at which a backfill pauses.
    """

    lease: float = 30.0
    poll: float = 0.3
    lock_timeout: float | None = None
    lock_patience: float = 60.0
    concurrent_lock_timeout: float = 600.0
    statement_timeout: float = 4 * 3600.0
    max_attempts: int = 5
    batch_timeout: float = 30.0
    batch_ms: float = 50.0
    batch_rest: float = 0.1
    max_waiting: int = 10
