"""Plain values of schema change: what a statement does, the steps that bring it about, what a lint rule found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from postai.proposals.types import Backfill, StepClass

__all__ = ["BLOCKS", "Backfill", "Blocks", "Finding", "Plan", "PlannedStep", "Risk", "Severity", "StepClass", "Traced"]

Blocks = Literal["reads+writes", "writes", "ddl", "none"]
Risk = Literal["low", "medium", "high"]
Severity = Literal["error", "warning", "advice"]

BLOCKS: Mapping[str, Blocks] = {
    "AccessShareLock": "none",
    "RowShareLock": "none",
    "RowExclusiveLock": "none",
    "ShareUpdateExclusiveLock": "ddl",
    "ShareLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ExclusiveLock": "writes",
    "AccessExclusiveLock": "reads+writes",
}
"""Lock modes from the weakest to the strongest, and what they keep others from."""


@dataclass(frozen=True)
class Traced:
    """What one statement did to the relations that were there before it, seen on an empty copy.

    Attributes:
        statement: the statement.
        locks: table, view or materialized view (qualified, quoted where it must be) -> strongest lock mode in
            PostgreSQL's own spelling ("AccessExclusiveLock"); relations the statement itself made are left out.
        blocks: the same keys -> what others cannot do meanwhile.
        rewrites: tables whose every row is written anew.
        rebuilt_indexes: indexes that are built anew for a table that was there before.
        scans: tables that are read completely.
        in_transaction: whether the statement may stand in a transaction block (else SQLSTATE 25001).
        error: PostgreSQL's message where it refuses the statement.
        traced: whether it was tried on a copy; False = what is said is known of the statement's form alone.
        sqlstate: of the error.
        note: why it was not tried, or what the copy lacks where it was refused; for people.
        shown: the names above -> as they may be written along the statement's search_path ("orders").
    """

    statement: str
    locks: Mapping[str, str] = field(default_factory=dict)
    blocks: Mapping[str, Blocks] = field(default_factory=dict)
    rewrites: tuple[str, ...] = ()
    rebuilt_indexes: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    in_transaction: bool = True
    error: str | None = None
    traced: bool = True
    sqlstate: str | None = None
    note: str | None = None
    shown: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """One hazard of one statement.

    Attributes:
        statement: number of the statement in the text, from 1.
        hazard: name of the rule.
        severity: of the rule, unless the configuration says another.
        message: what happens, to which object.
        safe_alternative: what to do instead; SQL where there is one.
        line, column: where the statement begins in the text, from 1.
    """

    statement: int
    hazard: str
    severity: Severity
    message: str
    safe_alternative: str
    line: int
    column: int


@dataclass(frozen=True)
class PlannedStep:
    """One online step of a change.

    Attributes:
        statement: one SQL statement, every relation with its schema; of a backfill the UPDATE that would do it at once.
        step_class: how it behaves.
        undo: the statement that leads back until the change is complete; None = irreversible. A later step that adds
            nothing of its own repeats the undo of the one before, written so that it may run twice.
        precondition, postcondition: SELECTs of one boolean: must hold just before; holds once the work is done, and
            only then.
        locks, blocks, rewrites, scans: as in `Traced`.
        traced: whether all of it was tried on a copy; False = `rewrites` and `scans` are not known.
        hazard: what people should know, one sentence.
        backfill: what to write in batches, of class `batched`.
        estimated_rows, estimated_ms: from the statistics of the tables; None = unknown.
        phase: `expand` can be undone without loss; `contract` takes the old away.
        together: further statements of the same transaction, right after `statement`: others never see the one
            without the rest. The conditions speak of all of them, and `undo` leads back from all of them.
        given: number of the given statement that it serves, from 1.
        risk_score: 0..100, made as the manual says.
        for_good: whether it only drops what an earlier step set aside: a second proposal does, after the first one.
    """

    statement: str
    step_class: StepClass
    undo: str | None = None
    precondition: str | None = None
    postcondition: str | None = None
    locks: Mapping[str, str] = field(default_factory=dict)
    blocks: Mapping[str, Blocks] = field(default_factory=dict)
    rewrites: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    hazard: str | None = None
    backfill: Backfill | None = None
    estimated_rows: int | None = None
    estimated_ms: int | None = None
    phase: Literal["expand", "contract"] = "expand"
    together: tuple[str, ...] = ()
    given: int = 1
    risk_score: int = 0
    for_good: bool = False
    traced: bool = False


@dataclass(frozen=True)
class Plan:
    """The online steps of a given DDL text.

    Attributes:
        steps: in order.
        checks: read-only SELECTs of one count on the real data that must be zero before anything runs
            (NULLs, duplicates, orphan keys, values that do not cast), each with the words for what was found.
        destructive: whether data is lost for good.
        warnings: what people should know before they say yes.
        risk, risk_score: the score (0..100) and its class; the manual says how it is made.
        conflicts: sessions and transactions that would be in the way now.
        refused: given statements that are not carried out, each with the reason and what to do instead.
        schedule: when it is best run, by the collected history; None = there is none, or it does not matter.
    """

    steps: tuple[PlannedStep, ...]
    checks: tuple[tuple[str, str], ...] = ()
    destructive: bool = False
    warnings: tuple[str, ...] = ()
    risk: Risk = "low"
    risk_score: int = 0
    conflicts: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    schedule: str | None = None
