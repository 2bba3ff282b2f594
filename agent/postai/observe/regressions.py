"""Finding statements that became slower, interval by interval.

For each statement the last intervals are remembered as sums (`Baseline`); what is usual are medians and median
deviations of logarithms over them. The newest three intervals are on trial: one of them, two or three together are
compared with the baseline, merged, so that statements with few calls count too. A statement is suspected

- when a call takes longer and something measured says why: blocks or rows per call, waits for locks, temporary files,
  JIT, reads; one interval is enough where that is drastic, two or three where it is not;
- when a call takes much longer in three intervals running, more than all statements do at that time, and by more than
  the spread of single calls can explain;
- when its calls wait for locks and none ended in two intervals;
- when it runs far more often than ever in three intervals running.

The numbers of the rules stand in `Options` and are explained in docs/judging.md. `Detector.explain` names the cause.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from postai.history.types import StatementKey, WaitWindow
from postai.observe.regressions_baseline import (
    PENDING,
    Baseline,
    Point,
    Usual,
    grouped,
    log_mean,
    log_per_call,
    merge,
    point,
    usual,
)
from postai.observe.regressions_causes import explain
from postai.observe.regressions_tables import TableHistory, about_the_system, tables_in
from postai.observe.regressions_types import Facts, Interval, Numbers, Options, Recovered, Regression, Seen, Suspect

__all__ = ["Detector", "Opened"]


@dataclass
class Opened:
    """A regression that goes on.

    Attributes:
        before: numbers before it began; `more_calls` whether it is about the number of calls.
        last: the newest intervals since it began, at most three.
        seen_at: end of the last interval in which it ran.
        suspect: as it was found; `first` the number of the interval in which it began.
        looks: how often it is looked at again, as counters of what caused it may come late.
    """

    started_at: datetime
    before: Numbers
    more_calls: bool = False
    last: list[Point] = field(default_factory=list)
    seen_at: datetime | None = None
    suspect: Suspect | None = None
    first: int = 0
    looks: int = 2


@dataclass(frozen=True, slots=True)
class _Channel:
    """One number that can explain why a call takes longer; `plus`: see `log_per_call`."""

    name: str
    plus: float
    floor: float


_MOST = 10_000
"""Statements of which a baseline is kept; those that ran last."""

_RECENT = 16
"""Intervals of a baseline from which the numbers before a regression are taken."""

_CHANNELS = (
    _Channel("blocks", 2.0, 0.06),
    _Channel("rows", 0.5, 0.06),
    _Channel("temp_blocks", 2.0, 0.1),
    _Channel("reads", 2.0, 0.25),
    _Channel("jit_ms", 1.0, 0.15),
)


class Detector:
    """Remembers what is usual for every statement, and says what is not; not for several threads at a time.

    Args:
        options: the numbers of the rules.
    """

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()
        self.open: dict[StatementKey, Opened] = {}
        self._statements: dict[StatementKey, Baseline] = {}
        self._tables = TableHistory()
        self._number = 0
        self._slow: dict[int, float] = {}  # by interval: how much slower everything was, logarithm
        self._busy: dict[int, float] = {}  # and how many more calls all statements had
        self._cold: set[int] = set()

    def learn(self, interval: Interval, without: frozenset[StatementKey] = frozenset()) -> None:
        """Take an interval in without judging it: what is replayed at the start of the agent.

        Args:
            without: statements that are not learnt from it, as a regression went on that is over by now.
        """
        if without:
            kept = tuple(one for one in interval.statements if one.key not in without)
            interval = replace(interval, statements=kept)
        self._take(interval)

    def observe(self, interval: Interval) -> Seen:
        """Take an interval in; what is new in it.

        Intervals must come in order. A suspect that is returned is open from then on, until it is among the recovered.
        """
        known = self._take(interval)
        revised = tuple(self._revise(interval))
        suspects = []
        for key in known:
            baseline = self._statements[key]
            if key not in self.open:
                suspect = self._judge(key, baseline, interval)
                if suspect is not None and not about_the_system(suspect.query, self._names(baseline)):
                    suspects.append(suspect)
                    self.open[key] = self._opened(suspect, baseline, interval)
        return Seen(tuple(suspects), revised, tuple(self._recover(interval)))

    def explain(self, suspect: Suspect, facts: Facts) -> Regression:
        """Cause, mitigation and severity of a suspect."""
        return explain(suspect, facts)

    def restore(self, key: StatementKey, started_at: datetime, before: Numbers, more_calls: bool) -> None:
        """A regression that was found before the agent started; to be called before its intervals are learnt."""
        self.open[key] = Opened(started_at, before, more_calls)

    def tables(self, query: str | None) -> tuple[int, ...]:
        """Oids of the tables that a statement names, as far as they are known."""
        return self._tables.oids(tables_in(query)) if query else ()

    # Taking in --------------------------------------------------------------------------------------------------

    def _take(self, interval: Interval) -> list[StatementKey]:
        """Add an interval to everything; the statements with something new on trial."""
        self._number += 1
        number = self._number
        self._tables.add(number, interval)
        locks = _lock_waits(interval)
        by_queryid: dict[int, float] = defaultdict(float)
        for window in interval.statements:
            by_queryid[window.key.queryid] += window.total_ms
        fresh: list[StatementKey] = []
        drift, busier, colder = [], [], []
        for window in interval.statements:
            if window.calls <= 0:
                continue
            key = window.key
            baseline = self._statements.setdefault(key, Baseline())
            share = window.total_ms / (by_queryid[key.queryid] or 1.0)
            waited = locks.get(key.queryid, (0.0, 0.0))[0] * share
            if baseline.stuck:
                waited += sum(ms for _, ms, _ in baseline.stuck)
                baseline.stuck = []
            one = point(window, waited)
            baseline.query = window.query or baseline.query
            if key in self.open and interval.end > self.open[key].started_at:
                self.open[key].last = [*self.open[key].last[-2:], one]
                self.open[key].seen_at = interval.end
                continue
            if baseline.trial and len(baseline.ring) >= 4 and window.calls >= 5:
                newest = baseline.trial[-1][1]
                drift.append(log_mean(one) - (baseline.ewma or 0.0))
                busier.append(math.log(one.calls / one.seconds / max(1e-6, newest.calls / newest.seconds)))
                old = list(baseline.ring)[-1]
                more = (one.reads / one.calls + 1) / (old.reads / old.calls + 1)
                colder.append(more > 2 and one.blocks < 1.5 * old.blocks / old.calls * one.calls)
            baseline.add(number, one, window.plan_hash)
            fresh.append(key)
        self._common(number, drift, busier, colder)
        self._forget()
        return fresh + self._stuck(number, locks, by_queryid)

    def _forget(self) -> None:
        """Keep the memory bounded where there are ever new statements."""
        if len(self._statements) > 1.2 * _MOST:
            last = sorted(self._statements.items(), key=lambda one: one[1].trial[-1][0] if one[1].trial else 0)
            self._statements = dict(last[-_MOST:])

    def _common(self, number: int, drift: list[float], busier: list[float], colder: list[bool]) -> None:
        """What happened to most statements alike in this interval."""
        middle = sorted(drift)[len(drift) // 2] if len(drift) >= 10 else 0.0
        self._slow[number] = max(0.0, middle)
        calls = sorted(busier)[len(busier) // 2] if len(busier) >= 10 else 0.0
        self._busy[number] = max(0.0, self._busy.get(number - 1, 0.0) * 0.9 + calls)
        if len(colder) >= 10 and sum(colder) >= self.options.global_share * len(colder):
            self._cold.add(number)
        for old in (self._slow, self._busy):
            old.pop(number - 100, None)
        self._cold.discard(number - 100)

    def _stuck(
        self, number: int, locks: Mapping[int, tuple[float, float]], ran: Mapping[int, float]
    ) -> list[StatementKey]:
        """Statements whose calls wait for locks without an end; remembered until one of them ends."""
        waiting = {queryid: found for queryid, found in locks.items() if queryid not in ran}
        if not waiting:
            return []
        found = []
        for key, baseline in self._statements.items():
            if key.queryid in waiting and key not in self.open:
                if baseline.stuck and baseline.stuck[-1][0] != number - 1:
                    baseline.stuck = []
                baseline.stuck.append((number, *waiting[key.queryid]))
                found.append(key)
        return found

    # Judging ----------------------------------------------------------------------------------------------------

    def _judge(self, key: StatementKey, baseline: Baseline, interval: Interval) -> Suspect | None:
        ring = baseline.ring
        if len(ring) < self.options.least_intervals:
            return None
        if len(baseline.stuck) >= 2:
            return self._judge_stuck(key, baseline, interval)
        newest = baseline.trial[-1]
        if newest[0] != self._number or baseline.ewma is None:
            return None
        slower = log_mean(newest[1]) - baseline.ewma > math.log(1.25)
        busier = self._runs_more(baseline)
        if not slower and not busier:
            return None
        points = list(ring)
        if sum(one.calls for one in points) < self.options.least_calls:
            return None
        if slower:
            for size in range(1, len(baseline.trial) + 1):
                trial = baseline.trial[-size:]
                suspect = self._compare(key, baseline, points, trial, interval)
                if suspect is not None:
                    return suspect
        return self._judge_calls(key, baseline, points, interval) if busier else None

    def _compare(
        self, key: StatementKey, baseline: Baseline, points: Sequence[Point], trial: Sequence[tuple[int, Point]],
        interval: Interval,
    ) -> Suspect | None:  # fmt: skip
        options = self.options
        size = len(trial)
        now = merge([one for _, one in trial])
        groups = grouped(points, size)
        time = usual([log_mean(one) for one in groups], 0.1)
        before = _typical(points[-_RECENT:])
        factor = now.mean_ms / max(1e-4, before.mean_ms)
        extra = (now.mean_ms - before.mean_ms) * now.calls / now.seconds
        if factor < options.factor or extra < options.least_extra:
            return None
        if any(one.mean_ms < 1.3 * before.mean_ms for _, one in trial):
            return None
        slow = sum(self._slow.get(number, 0.0) for number, _ in trial) / size
        cold = any(number in self._cold for number, _ in trial)
        corrected = factor / math.exp(slow)
        if cold and now.reads / now.calls > 2 * before.reads + 1:
            corrected = 1.0
        # With few calls a single dear one makes the average; then the spread of the calls is as big as the average.
        error = now.stddev_ms / math.sqrt(now.calls) * (2 + 6 / now.calls)
        believed = now.mean_ms - error > before.mean_ms * 1.2
        believed &= now.calls >= (3 if _steady(points) else options.few_calls)
        sure = (
            size == PENDING
            and believed
            and now.calls >= options.enough_calls
            and len(points) >= options.enough_intervals
            and corrected >= options.factor_unexplained
            and time.distance(log_mean(now) - slow) >= options.time_distance_unexplained / (2 if corrected >= 6 else 1)
            and log_mean(now) - slow > time.high + math.log(1.1)
            and extra >= options.least_extra_unexplained
        )
        if not sure and not self._waits(points, trial, now, before):
            strength = self._explained(groups, [one for _, one in trial], before, cold)
            plan = next((one for one in reversed(baseline.trial_plans[-size:]) if one is not None), None)
            if size > 1 and None not in (plan, baseline.plan) and plan != baseline.plan:
                strength = max(strength, 1)
            if not strength and size > 1 and believed and slow < math.log(1.25):
                strength = int(self._goes_another_way(baseline, trial, now))
            if strength == 1:
                far = time.distance(log_mean(now)) >= options.time_distance
                strength *= believed and far and corrected >= options.factor_corrected
            if not strength:
                return None
        return self._suspect(key, baseline, interval, trial, before, now, factor, slow, sure, cold)

    def _explained(self, groups: Sequence[Point], trial: Sequence[Point], before: Numbers, cold: bool) -> int:
        """Whether something that was measured says why a call takes longer: 0 no, 1 yes, 2 beyond doubt."""
        options = self.options
        now, size = merge(trial), len(trial)
        strength = 0
        slower = now.mean_ms - before.mean_ms
        for channel in _CHANNELS:
            if channel.name == "reads" and (
                cold or size < 2 or now.read_ms / now.calls - before.read_ms < 0.3 * slower
            ):
                continue
            value = log_per_call(channel.name, channel.plus)
            values = [value(one) for one in groups]
            found: Usual = usual(values, channel.floor)
            rise, distance = value(now) - found.middle, found.distance(value(now))
            if rise < math.log(options.cause_factor) or value(now) < found.high + math.log(1.1):
                continue
            if size == 1 and (rise < math.log(3) or now.calls < options.few_calls):
                continue
            if distance >= options.cause_distance:
                strength = max(strength, 1)
            # One call never differed much from another, and now all do, so the spread of the times does not matter.
            alike = max(values) - found.middle < 0.3 * rise
            all_risen = size > 1 and all(value(one) - found.middle > 0.6 * rise for one in trial)
            if channel.name == "blocks" and alike and all_risen and distance >= options.cause_distance_beyond_doubt:
                strength = 2
        return strength

    def _goes_another_way(self, baseline: Baseline, trial: Sequence[tuple[int, Point]], now: Point) -> bool:
        """Whether an index of its tables is no longer used at its pace, or sequential scans began."""
        calls = now.calls / len(trial)
        changes = self._tables.changes(self._names(baseline), trial[0][0], self._number, calls)
        return any(one.seq_scans_began or one.index_abandoned for one in changes)

    def _names(self, baseline: Baseline) -> tuple[tuple[str | None, str], ...]:
        """Tables that a statement names; parsed once."""
        if baseline.names is None and baseline.query is not None:
            baseline.names = tables_in(baseline.query)
        return baseline.names or ()

    def _waits(self, points: Sequence[Point], trial: Sequence[tuple[int, Point]], now: Point, before: Numbers) -> bool:
        """Whether waiting for locks, seen in most of these intervals, is why a call takes longer."""
        seen = sum(1 for _, one in trial if one.lock_ms > 0)
        extra = (now.mean_ms - before.mean_ms) * now.calls
        if now.lock_ms < 0.3 * extra or now.mean_ms < 2 * before.mean_ms:
            return False
        usual_rate = sorted(one.lock_ms / one.seconds for one in points)[-1 - len(points) // 12]
        rate = now.lock_ms / now.seconds
        if rate < 3 * usual_rate:
            return False
        return seen >= 2 or (rate >= 500 and len(trial) == 1)

    def _runs_more(self, baseline: Baseline) -> bool:
        newest = baseline.trial[-1][1]
        return newest.total_ms / newest.seconds >= self.options.calls_load and len(baseline.trial) == 3

    def _judge_calls(
        self, key: StatementKey, baseline: Baseline, points: Sequence[Point], interval: Interval
    ) -> Suspect | None:
        """Far more calls than ever, three intervals running, while other statements have no more than usual."""
        trial = baseline.trial
        if len(points) < 2 * self.options.enough_intervals:
            return None
        rates = sorted(one.calls / one.seconds for one in points)
        most = rates[-1]
        common = math.exp(self._busy.get(self._number, 0.0))
        factor = self.options.calls_factor * common
        if any(one.calls / one.seconds < factor * most for _, one in trial) or trial[0][0] != self._number - 2:
            return None
        now = merge([one for _, one in trial])
        before = _typical(points[-_RECENT:])
        times = now.calls / now.seconds / max(1e-9, before.calls_per_second)
        return self._suspect(key, baseline, interval, trial, before, now, times, 0.0, True, False, more_calls=True)

    def _judge_stuck(self, key: StatementKey, baseline: Baseline, interval: Interval) -> Suspect | None:
        (number, ms, backends), (_, last_ms, last_backends) = baseline.stuck[-2:]
        if ms + last_ms < 1000 * interval.seconds or len(baseline.ring) < self.options.least_intervals:
            return None
        points = list(baseline.ring)
        before = _typical(points[-_RECENT:])
        calls = max(1.0, backends, last_backends)
        total = sum(one[1] for one in baseline.stuck)
        now = Point(calls, total, total * total / calls, 0, before.blocks * calls, 0, 0, 0, 0, total,
                    interval.seconds * len(baseline.stuck))  # fmt: skip
        factor = now.mean_ms / max(1e-4, before.mean_ms)
        if factor < 2:
            return None
        return self._suspect(
            key, baseline, interval, [(number, now)], before, now, factor, 0.0, True, False, stuck=True
        )

    def _suspect(
        self, key: StatementKey, baseline: Baseline, interval: Interval, trial: Sequence[tuple[int, Point]],
        before: Numbers, now: Point, factor: float, slow: float, sure: bool, cold: bool,
        *, stuck: bool = False, more_calls: bool = False,
    ) -> Suspect:  # fmt: skip
        first = trial[0][0]
        calls = now.calls / max(1, len(trial))
        plans = [one for one in baseline.trial_plans[-len(trial) :] if one is not None]
        after = now.numbers()
        return Suspect(
            key=key,
            query=baseline.query,
            started_at=interval.end - (interval.end - interval.start) * (self._number - first + 1),
            found_at=interval.end,
            before=before,
            after=after,
            factor=factor,
            slowdown=math.exp(slow),
            sure=sure,
            stuck=stuck,
            more_calls=more_calls,
            io_elsewhere=cold,
            plan_before=baseline.plan,
            plan_after=plans[-1] if plans else None,
            tables=self._tables.changes(self._names(baseline), first, self._number, calls),
            spread=now.stddev_ms / now.mean_ms if now.mean_ms else 0.0,
        )

    def _opened(self, suspect: Suspect, baseline: Baseline, interval: Interval) -> Opened:
        first = next((n for n, _ in baseline.trial if n > self._number - PENDING), self._number)
        last = [one for _, one in baseline.trial]
        return Opened(suspect.started_at, suspect.before, suspect.more_calls, last, interval.end, suspect, first)

    def _revise(self, interval: Interval) -> Iterable[Suspect]:
        """What was found lately, with the numbers of this interval too."""
        for opened in self.open.values():
            suspect = opened.suspect
            if suspect is None or opened.looks <= 0 or opened.seen_at != interval.end or opened.more_calls:
                continue
            opened.looks -= 1
            now = opened.last[-1].numbers()
            factor = now.mean_ms / max(1e-4, opened.before.mean_ms)
            if factor >= self.options.factor:
                tables = tables_in(suspect.query)
                changes = self._tables.changes(tables, opened.first, self._number, opened.last[-1].calls)
                waited = replace(now, lock_ms=max(now.lock_ms, suspect.after.lock_ms))
                yield replace(suspect, found_at=interval.end, after=waited, factor=factor, tables=changes, stuck=False)

    # Recovering -------------------------------------------------------------------------------------------------

    def _recover(self, interval: Interval) -> Iterable[Recovered]:
        options = self.options
        for key, opened in list(self.open.items()):
            outcome = None
            now = merge(opened.last) if opened.last else None
            if (interval.end - opened.started_at).total_seconds() > options.accepted_days * 86400:
                outcome = "accepted"
            elif opened.seen_at and (interval.end - opened.seen_at).total_seconds() > max(86400, 30 * interval.seconds):
                outcome = "gone"
            elif now is not None and len(opened.last) == 3 and self._is_over(opened):
                outcome = "recovered"
            if outcome is not None:
                del self.open[key]
                baseline = self._statements.setdefault(key, Baseline())
                baseline.trial, baseline.trial_plans, baseline.stuck = [], [], []
                if outcome == "accepted":
                    self._statements[key] = Baseline()
                yield Recovered(key, interval.end, outcome, now.numbers() if now is not None else None)

    def _is_over(self, opened: Opened) -> bool:
        if opened.more_calls:
            return all(one.calls / one.seconds < 2 * opened.before.calls_per_second for one in opened.last)
        most = opened.before.mean_ms * self.options.recovered
        return all(one.mean_ms <= most for one in opened.last)


def _lock_waits(interval: Interval) -> dict[int, tuple[float, float]]:
    """By query id: milliseconds that backends waited for locks in the interval, and how many did on average."""
    found: dict[int, tuple[float, float]] = {}
    for wait in interval.waits:
        if wait.event_type == "Lock" and wait.queryid is not None and wait.looks:
            backends = wait.samples / wait.looks
            ms, sum_backends = found.get(wait.queryid, (0.0, 0.0))
            found[wait.queryid] = (ms + backends * _seconds(wait) * 1000, sum_backends + backends)
    return found


def _seconds(wait: WaitWindow) -> float:
    return (wait.end - wait.start).total_seconds()


def _steady(points: Sequence[Point]) -> bool:
    """Whether every call did nearly the same work, as far as one can tell."""
    blocks = [one.blocks / one.calls + 2 for one in points]
    return len(points) >= 15 and max(blocks) < 1.3 * min(blocks)


def _typical(points: Sequence[Point]) -> Numbers:
    """The usual numbers of a call: averages over the intervals without the tenth that was slowest."""
    kept = sorted(points, key=lambda one: one.mean_ms)[: max(1, len(points) - len(points) // 10)]
    return merge(kept).numbers()
