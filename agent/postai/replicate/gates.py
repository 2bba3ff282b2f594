"""What a move's own knowledge has against a switch: definitions, verification, disks, and who applies the way back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from postai.database.protocol import Database
from postai.errors import NotPermitted
from postai.replicate import capture_apply, comparing, ddl, slots, store
from postai.replicate.move import Move
from postai.replicate.types import Finding, Level, Method, Side

# How old a verification may be when a move is switched.
VERIFIED_HOURS = 24


def known(move: Move, to: Side) -> tuple[Finding, ...]:
    """What the machine knows to stand against a switch: another schema there; not verified, or not lately."""
    row = move.row
    if to is Side.SOURCE:  # what was made on the target meanwhile must not keep anybody from going back
        with move.open(to.other) as old, move.open(to) as new:
            found = ddl.exchanged(old, new, move.id)
        return () if not found else (
            Finding("schema", Level.BLOCKER, to, f"names were exchanged: {found[0]}", found,
                    ("exchange them on the source, too; then compare both sides",)),
        )  # fmt: skip
    with move.open(to.other) as old, move.open(to) as new:
        found = comparing.definitions(old, new, move)
        met = slots.conflicts(new, move.stream(to.other).name)
        held = (*applies(old, move), *slots.room(old, to.other), *slots.room(new, to))
        back = move.stream(to)
        written = row.way_back and back.written(new, old)
        changed = ddl.changed(old, new, move.id, row.options.schemas)
        if ddl.exchanged(old, new, move.id):  # what was written meanwhile stands elsewhere
            store.set_verified(new, move.id, None)
    if held:
        return held
    if found:
        what = f"the definitions differ: {found[0]}" + (f", and {len(found) - 1} more" if len(found) > 1 else "")
        return (Finding("schema", Level.BLOCKER, to, what, found, (f"make the {to} as the {to.other} is",)),)
    fix = (f"verify it: post-ai replicate verify {row.name}",)
    if changed:
        what = f"definitions changed since the comparison: {changed[0]}"
        look = f"look at it, then verify again: post-ai replicate start {row.name}; post-ai replicate verify {row.name}"
        return (Finding("schema", Level.BLOCKER, to.other, what, changed[:20], (look,)),)
    if row.verified_at is None:
        return (Finding("verified", Level.BLOCKER, to, "it was not verified that both sides are equal", (), fix),)
    if not (row.verified or {}).get("equal", False):
        mend = (f"make the rows equal: post-ai replicate repair {row.name}",)
        return (Finding("verified", Level.BLOCKER, to, "the last verification found differences", (), mend),)
    if sum(met.values()) > (row.verified or {}).get("conflicts", 0):
        told = tuple(f"{kind}: {count}" for kind, count in met.items())
        what = "changes met rows of the target that the source has not, or missed some, since the last verification"
        return (Finding("conflicts", Level.BLOCKER, to, what, told, fix),)
    if written:
        what = "others wrote to the target's tables since the last verification"
        return (Finding("written", Level.BLOCKER, to, what, (), ("keep them out", *fix)),)
    if row.verified_at < datetime.now(UTC) - timedelta(hours=VERIFIED_HOURS):
        what = f"the last verification is older than {VERIFIED_HOURS} hours"
        return (Finding("verified", Level.BLOCKER, to, what, (), fix),)
    return ()


def applies(old: Database, move: Move) -> tuple[Finding, ...]:
    """Whether the way back can be applied to the side that is left, where triggers and keys must not fire for it."""
    if move.row.method is not Method.TRIGGER or not move.row.way_back:
        return ()
    try:
        with old.transaction():
            capture_apply.be_replica(old, move.row.options.schemas)
    except NotPermitted as error:
        why, detail, fix = error.message, error.detail, error.hint or ""
    else:
        return ()
    without = f"switch without a way back: post-ai replicate start {move.row.name} "
    without += f"{move.row.source} {move.row.target} --no-way-back, and again"
    what = f"there would be no way back, since on the source {why}"
    return (Finding("way_back", Level.BLOCKER, Side.SOURCE, what, (detail,) if detail else (), (fix, without)),)
