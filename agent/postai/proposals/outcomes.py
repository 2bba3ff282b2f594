"""What changes brought that promised nothing to single statements: dropped indexes, vacuums, settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from postai.proposals.pictures import Table
from postai.proposals.verdict import (
    ENOUGH_CALLS,
    FEWEST_CALLS,
    HELPED_SHARE,
    Sample,
    State,
    StatementEffect,
    Verdict,
    by_statement,
    mean_ms,
    spread_ms,
)

SLOWER = 0.3
"""Share by which the time of a statement must grow, besides what it varied by before, to be called slower."""
_DAY = 86400.0
FEWEST_UPDATES = 1000
"""Updates below which nothing is said about where new row versions went."""
HOT_GAIN = 0.1
"""Share of the updates that must have become heap-only."""


@dataclass(frozen=True)
class Applied:
    """What is known of an applied proposal.

    Attributes:
        kind: of the proposal; "drop" for whatever drops indexes, "create" for whatever makes them, "foreign_key" where
            a new one serves a foreign key.
        bytes: what it should change the size by; negative = free.
        write_ms_per_day: what it should change writing by.
        before, after, now: its tables before it began, when it had ended, and at this moment; None = nobody looked.
        scans: of new indexes; None = not known.
        overdue: nothing more is waited for.
    """

    kind: str
    bytes: float
    write_ms_per_day: float
    before: Sequence[Table] | None
    after: Sequence[Table] | None
    now: Sequence[Table] | None
    scans: int | None
    overdue: bool


def outcome(one: Applied, before: Sequence[Sample], after: Sequence[Sample]) -> Verdict:
    """What came of it.

    Args:
        before, after: intervals of the statements that read its tables (for a dropped index).
    """
    if one.kind == "drop":
        return _dropped(one, before, after)
    measure = _MEASURES.get(one.kind)
    if measure is None:
        return _said("unknown", f"nothing tells what a proposal of kind {one.kind} brought", enough=True)
    if one.kind not in ("create", "foreign_key") and (one.before is None or one.after is None):
        return _said("unknown", "nobody looked at its tables before it was applied", enough=True)
    return measure(one)


def size_change(before: Sequence[Table] | None, after: Sequence[Table] | None) -> int | None:
    """Bytes that tables and their indexes grew by; None = not known."""
    if before is None or after is None:
        return None
    return _sum(after, "bytes") + _sum(after, "index_bytes") - _sum(before, "bytes") - _sum(before, "index_bytes")


def _dropped(one: Applied, before: Sequence[Sample], after: Sequence[Sample]) -> Verdict:
    earlier, later = by_statement(before), by_statement(after)
    effects, slow, often, known = [], [], 0, 0
    for queryid, samples in sorted(earlier.items()):
        calls_before, calls = _calls(samples), _calls(later.get(queryid, ()))
        if calls_before < FEWEST_CALLS:
            continue
        known += calls_before
        if calls < FEWEST_CALLS:
            continue
        often += calls_before if calls >= ENOUGH_CALLS else 0
        old, new = mean_ms(samples), mean_ms(later[queryid])
        per_day = calls_before / max(1.0, sum(each.seconds for each in samples)) * _DAY
        effect = StatementEffect(queryid, calls, old, new, old, (old - new) * per_day)
        effects.append(effect)
        if new > old * (1 + SLOWER) + spread_ms(samples) and calls >= min(ENOUGH_CALLS, calls_before):
            slow.append(effect)
    freed = size_change(one.before, one.after)
    harm = -sum(effect.saved_ms_per_day or 0.0 for effect in slow)
    if slow and harm > max(0.0, -one.write_ms_per_day):
        worst = max(slow, key=lambda effect: -(effect.saved_ms_per_day or 0.0))
        reason = f"statement {worst.id} takes {worst.after_ms:,.3g} ms a call and took {worst.before_ms:,.3g} ms before"
        if len(slow) > 1:
            reason += f"; {len(slow) - 1} more are slower"
        return _said("worse", reason, freed, effects, saved=-harm, enough=True)
    if known and not effects:
        return _said("unknown", "the statements that read the table did not run since", freed, effects)
    reason = f"no statement that reads the table got slower ({len(effects)} compared)"
    return _said("helped", reason, freed, effects, enough=bool(known) and often >= 0.8 * known)


def _created(one: Applied) -> Verdict:
    if one.scans is None:
        return _said("unknown", "whether its indexes are scanned is not known here")
    if one.scans == 0:
        return _said("no effect", "the index was never scanned", size_change(one.before, one.after))
    return _said(
        "helped", f"the index was scanned {one.scans:,} times", size_change(one.before, one.after), enough=True
    )


def _referring(one: Applied) -> Verdict:
    """An index for a foreign key: it waits for a delete that may be rare."""
    if one.scans == 0:
        return _said("unknown", "nothing looked rows up by the foreign key since", size_change(one.before, one.after))
    return _created(one)


def _rebuilt(one: Applied) -> Verdict:
    freed = -(size_change(one.before, one.after) or 0)
    wanted = max(1.0, -one.bytes)
    state: State = "helped" if freed >= HELPED_SHARE * wanted else "no effect"
    return _said(state, f"{_change(one, 'bytes', 'index_bytes')} bytes with the indexes", -freed, enough=True)


def _vacuumed(one: Applied) -> Verdict:
    dead = _sum(one.before or (), "dead_rows"), _sum(one.after or (), "dead_rows")
    state: State = "helped" if dead[1] <= 0.5 * dead[0] else "no effect"
    reason = f"{_change(one, 'dead_rows')} dead rows"
    if state == "no effect":
        reason += "; an old transaction, a replication slot or a standby may still need them"
    return _said(state, reason, size_change(one.before, one.after), enough=True)


def _archived(one: Applied) -> Verdict:
    live = _sum(one.before or (), "live_rows"), _sum(one.after or (), "live_rows")
    state: State = "helped" if live[1] < live[0] else "no effect"
    reason = f"{_change(one, 'live_rows')} rows, {_change(one, 'bytes', 'index_bytes')} bytes with the indexes"
    return _said(state, reason, size_change(one.before, one.after), enough=True)


def _settled(one: Applied) -> Verdict:
    """Settings of autovacuum: whether it came, and what share of the rows is dead now."""
    if one.now is None:
        return _said("unknown", "its table is locked")
    before, after = one.before or (), one.after or ()
    ran = _sum(one.now, "vacuums") - _sum(after, "vacuums")
    shares = _dead_share(before), _dead_share(one.now)
    if ran < 0:
        return _said("unknown", "the counters were reset meanwhile")
    told = f"{ran:,} vacuums since, {shares[0]:.0%} of the rows were dead before and {shares[1]:.0%} are now"
    if ran and shares[1] <= max(0.02, shares[0]):
        return _said("helped", told, enough=True)
    if not ran and shares[1] <= shares[0]:
        return _said("unknown", f"{told}: there was nothing to do")
    return _said("no effect", told)


def _filled(one: Applied) -> Verdict:
    """Room in the pages: whether more updates are heap-only than before."""
    if one.now is None:
        return _said("unknown", "its table is locked")
    updates = _sum(one.now, "updates") - _sum(one.after or (), "updates")
    hot = _sum(one.now, "hot_updates") - _sum(one.after or (), "hot_updates")
    old_updates, old_hot = _sum(one.before or (), "updates"), _sum(one.before or (), "hot_updates")
    if updates < FEWEST_UPDATES or old_updates < FEWEST_UPDATES:
        return _said("unknown", f"{max(updates, 0):,} updates since are too few to tell")
    shares = old_hot / old_updates, hot / updates
    told = f"{shares[1]:.0%} of the updates are heap-only, {shares[0]:.0%} were before"
    if shares[1] >= shares[0] + HOT_GAIN:
        return _said("helped", told, enough=True)
    return _said("no effect", told)


def _packed(_: Applied) -> Verdict:
    return _said("unknown", "values that are there stay as they are until their row is written anew", enough=True)


_MEASURES: Mapping[str, Callable[[Applied], Verdict]] = MappingProxyType(
    {
        "create": _created,
        "foreign_key": _referring,
        "reindex": _rebuilt,
        "repack": _rebuilt,
        "vacuum": _vacuumed,
        "archive": _archived,
        "autovacuum": _settled,
        "fillfactor": _filled,
        "compression": _packed,
    }
)


def _said(
    state: State,
    reason: str,
    size: int | None = None,
    effects: Sequence[StatementEffect] = (),
    *,
    saved: float = 0.0,
    enough: bool = False,
) -> Verdict:
    return Verdict(state, reason, saved, 0.0, 0.0, tuple(effects), None, enough, size)


def _change(one: Applied, *names: str) -> str:
    before = sum(_sum(one.before or (), name) for name in names)
    after = sum(_sum(one.after or (), name) for name in names)
    return f"from {before:,} to {after:,}"


def _dead_share(tables: Sequence[Table]) -> float:
    dead = _sum(tables, "dead_rows")
    return dead / max(1, dead + _sum(tables, "live_rows"))


def _sum(tables: Sequence[Table], name: str) -> int:
    return int(sum(table[name] for table in tables))


def _calls(samples: Sequence[Sample]) -> int:
    return sum(one.calls for one in samples)
