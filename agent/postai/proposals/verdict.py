"""Whether a change helped: what its statements took before and after, beside what was promised. No database here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from statistics import median
from typing import Any, Literal

State = Literal["confirmed", "helped", "no effect", "worse", "unknown"]

ENOUGH_CALLS = 30
"""Calls after the change that make waiting for more unnecessary."""
FEWEST_CALLS = 5
"""Calls below which nothing is said about a statement."""
MAIN_SHARE = 0.8
"""Share of the promised saving whose statements must have run often enough."""
KNOWN_SHARE = 0.5
"""Share of the promised saving that must be measured to say anything."""
HELPED_SHARE = 0.2
"""Share of the promised saving below which a change did not help."""
NOISE = 0.1
"""Share by which the time of a statement that writes may change for other reasons."""
FEWEST_OTHERS = 5
"""Statements that must tell whether the whole machine got slower."""
MOST_SLOWDOWN = 2.0
"""Factor of other statements, up or down, beyond which more happened than a machine that got busier."""
_DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised to one statement; times of one call."""

    queryid: int
    calls_per_day: float
    before_ms: float
    after_ms: float

    @property
    def saved_ms_per_day(self) -> float:
        return max(0.0, (self.before_ms - self.after_ms) * self.calls_per_day)


@dataclass(frozen=True, slots=True)
class Sample:
    """One interval of one statement: its length, executions and their time."""

    queryid: int
    seconds: float
    calls: int
    total_ms: float


@dataclass(frozen=True, slots=True)
class StatementEffect:
    """What became of one statement.

    Attributes:
        before_ms, after_ms: mean time of one call; None = it ran too seldom.
        before_is_estimate: there are no measurements from before, so it is what the advisor knew.
        after_is_bound: it ran too briefly to be measured by itself; it took this at most.
    """

    id: int
    calls: int
    before_ms: float | None
    after_ms: float | None
    promised_ms: float
    saved_ms_per_day: float | None
    before_is_estimate: bool = False
    after_is_bound: bool = False


@dataclass(frozen=True)
class Verdict:
    """What was measured.

    Attributes:
        saved_ms_per_day: at the number of calls for which the saving was promised.
        estimated_ms_per_day: what was promised to the statements that could be measured.
        write_ms_per_day: by how much statements that write take longer.
        scans: of the new indexes; None = there are none, or it is not known.
        enough: waiting for more calls would not change much.
        bytes: by how much its tables and indexes grew; negative = they shrank; None = not known.
        extra: what else is kept with it.
    """

    state: State
    reason: str
    saved_ms_per_day: float
    estimated_ms_per_day: float
    write_ms_per_day: float
    statements: tuple[StatementEffect, ...]
    scans: int | None
    enough: bool
    bytes: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The form of postai.proposal.measured."""
        return {
            "state": self.state,
            "reason": self.reason,
            "saved_ms_per_day": round(self.saved_ms_per_day, 3),
            "estimated_ms_per_day": round(self.estimated_ms_per_day, 3),
            "write_ms_per_day": round(self.write_ms_per_day, 3),
            "scans": self.scans,
            "bytes": self.bytes,
            "statements": [asdict(one) for one in self.statements],
            **self.extra,
        }


def judge(
    promises: Sequence[Promise],
    before: Sequence[Sample],
    after: Sequence[Sample],
    *,
    writers: frozenset[int] = frozenset(),
    smallest: Sequence[tuple[float, float]] = (),
    scans: int | None = None,
) -> Verdict:
    """Compare windows before and after a change.

    Args:
        promises: what was promised to statements.
        before, after: intervals of these statements and of those that write to the table.
        writers: queryids of statements that write to the table.
        smallest: of the intervals after in which statements were too small to be kept by themselves: length, and the
            smallest total time that was kept.
        scans: of the new indexes.
    """
    earlier, later = by_statement(before), by_statement(after)
    effects = tuple(
        _effect(one, earlier.get(one.queryid, ()), later.get(one.queryid, ()), smallest) for one in promises
    )
    measured = [
        (one, effect) for one, effect in zip(promises, effects, strict=True) if effect.saved_ms_per_day is not None
    ]
    saved = sum(effect.saved_ms_per_day or 0.0 for _, effect in measured)
    promised = sum(one.saved_ms_per_day for one in promises)
    promised_measured = sum(one.saved_ms_per_day for one, _ in measured)
    often = sum(
        one.saved_ms_per_day for one, effect in measured if effect.calls >= ENOUGH_CALLS or effect.after_is_bound
    )
    writes = sum(_more(earlier.get(one, ()), later.get(one, ())) for one in writers - {p.queryid for p in promises})
    state, reason = _state(promised, promised_measured, saved, writes, scans)
    enough = promised > 0 and often >= MAIN_SHARE * promised
    return Verdict(state, reason, saved, promised_measured, writes, effects, scans, enough)


def _state(promised: float, known: float, saved: float, writes: float, scans: int | None) -> tuple[State, str]:
    if promised <= 0 or known < KNOWN_SHARE * promised:
        return "unknown", "the statements that it was made for did not run often enough"
    share = f"{saved / known:.0%} of the promised time was saved"
    if saved < -HELPED_SHARE * known:
        return "worse", "the statements that it was made for take longer than before"
    if writes > max(saved, 0.0) and writes > NOISE * known:
        return "worse", f"{share}, and statements that write take longer by more than that"
    if saved < HELPED_SHARE * known:
        return "no effect", share + (", and the index was never scanned" if scans == 0 else "")
    if scans == 0:
        return "no effect", f"the index was never scanned: {share} for another reason"
    return "helped", share


def _effect(
    promise: Promise, before: Sequence[Sample], after: Sequence[Sample], smallest: Sequence[tuple[float, float]]
) -> StatementEffect:
    guessed = sum(one.calls for one in before) < FEWEST_CALLS
    earlier = promise.before_ms if guessed else mean_ms(before)
    calls = sum(one.calls for one in after)
    bound = calls < FEWEST_CALLS and bool(smallest)
    later = _bound(promise, smallest) if bound else mean_ms(after) if calls >= FEWEST_CALLS else None
    if later is not None and bound and later >= earlier:
        later = None  # the bound says nothing
    saved = None if later is None else (earlier - later) * promise.calls_per_day
    return StatementEffect(
        promise.queryid, calls, earlier, later, promise.after_ms, saved, guessed, bound and later is not None
    )


def _bound(promise: Promise, smallest: Sequence[tuple[float, float]]) -> float | None:
    """Most that a call can have taken when the statement ran as often as ever and was too small to be kept."""
    calls = promise.calls_per_day * sum(seconds for seconds, _ in smallest) / _DAY
    return sum(total for _, total in smallest) / calls if calls >= FEWEST_CALLS else None


def mean_ms(samples: Sequence[Sample]) -> float:
    """Mean time of one call, by calls; the slowest and the fastest tenth of the calls count as their neighbours."""
    ordered = sorted((one.total_ms / one.calls, one.calls) for one in samples if one.calls > 0)
    calls = sum(number for _, number in ordered)
    low, high = _quantile(ordered, 0.1 * calls), _quantile(ordered, 0.9 * calls)
    return sum(min(max(mean, low), high) * number for mean, number in ordered) / calls


def _quantile(ordered: Sequence[tuple[float, int]], position: float) -> float:
    seen = 0.0
    for mean, number in ordered:
        seen += number
        if seen >= position:
            return mean
    return ordered[-1][0]


def _more(before: Sequence[Sample], after: Sequence[Sample]) -> float:
    """Time per day that a statement which writes takes longer; 0 where that is noise or not known."""
    if min(sum(one.calls for one in before), sum(one.calls for one in after)) < ENOUGH_CALLS:
        return 0.0
    earlier, later = mean_ms(before), mean_ms(after)
    if abs(later - earlier) <= NOISE * earlier:
        return 0.0
    per_day = sum(one.calls for one in after) / max(1.0, sum(one.seconds for one in after)) * _DAY
    return (later - earlier) * per_day


def spread_ms(samples: Sequence[Sample]) -> float:
    """By how much the mean times of the intervals differ, without the slowest and the fastest tenth."""
    ordered = sorted((one.total_ms / one.calls, one.calls) for one in samples if one.calls > 0)
    calls = sum(number for _, number in ordered)
    return _quantile(ordered, 0.9 * calls) - _quantile(ordered, 0.1 * calls)


def drift(pairs: Sequence[tuple[float, float]]) -> float:
    """By what factor the whole machine got slower (faster: below 1).

    Args:
        pairs: mean times before and after of statements that have nothing to do with any change.

    Returns:
        the median ratio; 1 where it is noise, or where too few statements tell.
    """
    ratios = sorted(after / before for before, after in pairs if before > 0 and after > 0)
    if len(ratios) < FEWEST_OTHERS:
        return 1.0
    ratio = median(ratios)
    return 1.0 if abs(ratio - 1) <= NOISE else ratio


def fair(judged: Callable[[Sequence[Sample]], Verdict], after: Sequence[Sample], slowdown: float) -> Verdict:
    """A verdict for which the machine is not to blame, nor to be thanked.

    A machine that got somewhat slower excuses a change: its times are divided by that. One that got faster condemns
    nothing: what statements took counts. Where other statements changed by more than `MOST_SLOWDOWN`, or the change
    helped only as much as a faster machine did, nobody can tell.

    Args:
        judged: the verdict on intervals after the change.
        slowdown: of statements that have nothing to do with the change, see `drift`.
    """
    raw = judged(after)
    if slowdown == 1.0 or raw.state == "unknown":
        return raw
    adjusted = judged([replace(one, total_ms=one.total_ms / slowdown) for one in after])
    if 1.0 < slowdown <= MOST_SLOWDOWN:
        return adjusted
    helped = raw.state == "helped"
    if (helped and adjusted.state == "helped") or (not helped and 1 / MOST_SLOWDOWN <= slowdown < 1.0):
        return raw
    reason = (
        f"statements of other tables take {slowdown:.2g} times as long as before, so nobody can tell what it brought"
    )
    return replace(raw, state="unknown", reason=reason, enough=False)


def by_statement(samples: Sequence[Sample]) -> Mapping[int, list[Sample]]:
    """The samples of each statement."""
    found: dict[int, list[Sample]] = {}
    for one in samples:
        found.setdefault(one.queryid, []).append(one)
    return found
