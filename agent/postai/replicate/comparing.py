"""Comparing both sides of a move, and saying what was found."""

from __future__ import annotations

from dataclasses import asdict

from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import VerificationFailed
from postai.replicate import ddl, large_objects, schema_compare, slots, store, verify
from postai.replicate.move import Move
from postai.replicate.now import Now
from postai.replicate.types import Side
from postai.replicate.verified import Mode, Sides, Verdict, Verified, VerifyOptions


def compare(now: Now, mode: Mode, deadline: Deadline, *, share: float = 1.0, busy: int = 0) -> Verified:
    """Compare both sides row for row, and keep what was found.

    Args:
        share, busy: as VerifyOptions has them.

    Raises:
        InDanger: the source's log cannot be kept so long.
    """
    row = now.move.row
    bring_large_objects(now.source, now.target, now.move, deadline)
    back = now.move.stream(Side.TARGET)
    if row.serving is Side.SOURCE and row.way_back and back.ready(now.target):
        back.prepare(now.target, now.source)  # what others write to the target from here on is seen at the switch
    on_step = now.watching("compares both sides")
    subscriber = now.target if row.serving is Side.SOURCE else now.source
    met = sum(slots.conflicts(subscriber, now.move.stream(row.serving).name).values())
    found = verify.verify(
        Sides(row.id, now.move.open, now.move.stream(row.serving), row.serving), mode,
        VerifyOptions(schemas=row.options.schemas, share=share, busy=busy, large_objects=not row.options.schemas),
        deadline,
        lambda at: on_step("compares", f"{at.tables_done} of {at.tables} tables"),
        lambda here, there: definitions(*((here, there) if row.serving is Side.SOURCE else (there, here)), now.move),
    )  # fmt: skip
    keep(now.home, now.move, found, met)
    return found


def keep(home: Database, move: Move, found: Verified, met: int = 0) -> None:
    """Keep what a comparison found.

    Args:
        met: conflicts of the stream until it began.
    """
    equal = found.equal and not found.schema
    store.set_verified(home, move.id, {**asdict(found), "equal": equal, "conflicts": met})
    store.set_verified_tables(home, move.id, {one.table: _said(one) for one in found.tables})
    store.add_event(home, move.id, verdict(found), step="verified", level="note" if equal else "error")


def bring_large_objects(source: Database, target: Database, move: Move, deadline: Deadline) -> int:
    """Large objects as on the side that serves; they belong to no schema, so that a move of some schemas has none."""
    if move.row.options.schemas:
        return 0
    pair = (source, target) if move.row.serving is Side.SOURCE else (target, source)
    return large_objects.bring(*pair, move.id, move.row.serving.other, deadline)


def definitions(source: Database, target: Database, move: Move) -> tuple[str, ...]:
    """What differs in the target's definitions from the source's, whichever serves: it may need some of its own."""
    found = schema_compare.compare_schema(source, target, move.row.options.schemas, move.id)
    return (*ddl.exchanged(source, target, move.id), *(one.shown for one in found))


def _said(one: Verdict) -> str:
    if one.equal is None:
        return f"not compared: {one.error}"
    return "equal" if one.equal else f"{len(one.differences)}{' and more' if one.more else ''} rows differ"


def verdict(found: Verified) -> str:
    """What a comparison found, in a sentence."""
    if found.equal and not found.schema:
        stall = f", writers waited {found.stall * 1000:.0f} ms" if found.stall else ""
        return f"{found.rows} rows of {len(found.tables)} tables are equal{stall}"
    named = [
        *(f"table {one} is missing" for one in found.missing),
        *(one.table for one in found.different),
        *found.schema,
    ]
    return f"both sides differ: {', '.join(named[:5])}{' ...' if len(named) > 5 else ''}"


def require_equal(found: Verified, name: str) -> None:
    """Raises:
    VerificationFailed: both sides differ; the hint says what to do with the move of that name.
    """
    if found.equal and not found.schema:
        return
    detail = "; ".join([
        *(f"{one.table}: {_said(one)}: {', '.join('(' + ', '.join(x.key) + ')' for x in one.differences[:5])}"
          for one in found.different[:10]),
        *found.schema[:10],
    ])  # fmt: skip
    raise VerificationFailed(
        verdict(found), detail=detail or None,
        hint=_mending(found, name),
    )  # fmt: skip


def _mending(found: Verified, name: str) -> str:
    """What makes both sides equal."""
    again = f"and verify again: post-ai replicate verify {name}"
    if any(one.equal is False for one in found.tables):
        first = "Make the definitions equal, then the rows" if found.schema or found.missing else "Make the rows equal"
        return f"{first}: post-ai replicate repair {name} (SELECT postai.replicate_repair('{name}') in psql)"
    return f"Make the definitions equal, {again}" if found.schema or found.missing else f"See to it, {again}"
