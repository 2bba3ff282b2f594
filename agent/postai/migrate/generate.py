"""What a new migration says: up and down out of DDL, a proposal, or the difference between two schemas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from postai.database import Database
from postai.deadline import Deadline
from postai.errors import UsageError
from postai.migrate.drift import compare, schema_parts
from postai.migrate.drift_types import Difference, Part
from postai.migrate.plan import plan
from postai.sql.parse import Unparsable, split

_STATEMENT = re.compile(
    r"\s*(create|alter|drop)\s+(or\s+replace\s+|unique\s+|materialized\s+|unlogged\s+)*(table|index|view|type|domain|schema|"
    r"sequence|function|procedure|trigger|policy|statistics|extension)\s+(if\s|concurrently\s|[\w\".]+\s*(\(|add|alter|drop|"
    r"rename|set|on|as|for|to|;|$))",
    re.IGNORECASE,
)
"""How DDL begins, also where it does not parse."""
_LOSES = frozenset({"table", "foreign table", "column", "materialized view", "schema", "sequence"})


@dataclass(frozen=True)
class Generated:
    """The content of a new migration.

    Attributes:
        up, down: statements without semicolons.
        destructive: whether `up` destroys data.
        notes: what people should know, sentences.
    """

    up: tuple[str, ...]
    down: tuple[str, ...]
    destructive: bool
    notes: tuple[str, ...] = ()


def as_ddl(text: str) -> tuple[str, ...] | None:
    """The statements of a request; None = it is a sentence.

    Raises:
        Unparsable: it begins like DDL, but does not parse.
    """
    try:
        return split(text)
    except Unparsable:
        if _STATEMENT.match(text):
            raise
        return None


def from_ddl(db: Database, statements: Sequence[str], deadline: Deadline) -> Generated:
    """The statements themselves, and what leads back from their online steps."""
    made = plan(db, statements, deadline)
    down, notes = _back([(one.statement, one.undo) for one in made.steps])
    notes = (*made.warnings, *made.refused, *notes)
    return Generated(tuple(statements), down, made.destructive, tuple(dict.fromkeys(notes)))


def from_proposal(db: Database, proposal: int) -> Generated:
    """The steps of a proposal and their undo.

    Raises:
        UsageError: there is no such proposal, or it has no steps.
    """
    rows = db.query("select statement, undo from postai.steps(%s)", [proposal])
    if not rows:
        raise UsageError(f"there is no proposal {proposal} with steps", hint="SELECT id, title FROM postai.proposals;")
    down, notes = _back([(text, undo) for text, undo in rows])
    return Generated(tuple(text for text, _ in rows), down, bool(notes), notes)


def from_difference(here: Database, there: Database) -> Generated:
    """What leads from one schema to another, and back.

    Args:
        here: the database that is to be changed.
        there: the database that it is to be like.
    """
    now, wanted = schema_parts(here), schema_parts(there)
    changes = compare(wanted, now, losing=True)
    up, cannot = _fixes(changes)
    down, cannot_back = _fixes(compare(now, wanted, losing=True))
    notes = [f"No statement makes it like the other without losing what it holds: {one}" for one in cannot]
    notes += [f"Nothing leads back: {one}" for one in cannot_back if one not in cannot]
    return Generated(up, down, any(_loses(one) for one in changes), tuple(notes))


def _fixes(changes: Iterable[Difference]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = tuple(changes)
    return (
        tuple(one.fix for one in found if one.fix is not None),
        tuple(one.object for one in found if one.fix is None),
    )


def _loses(one: Difference) -> bool:
    part: Part = one.part
    return one.change == "unexpected" and part.kind in _LOSES


def _back(steps: Sequence[tuple[str, str | None]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The undo statements, last first, each once where steps repeat it, and a sentence about each step without one."""
    notes = tuple(f"Nothing leads back from {statement}" for statement, undo in steps if undo is None)
    return tuple(dict.fromkeys(undo for _, undo in reversed(steps) if undo)), notes
