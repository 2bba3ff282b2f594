"""Judging one database: intervals out of the history through the detector, findings into postai.regression, alerts."""

from __future__ import annotations

import json
import logging
import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TypeVar

from postai.database import Database
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.history import store
from postai.history.types import (
    BlockWindow,
    IndexWindow,
    LoggedPlan,
    StatementKey,
    StatementWindow,
    TableWindow,
    WaitWindow,
)
from postai.observe.alerts import Alert, Alerts, shown_query
from postai.observe.judge import Severity
from postai.observe.regressions import Detector
from postai.observe.regressions_baseline import KEPT, PENDING
from postai.observe.regressions_plans import plan_change
from postai.observe.regressions_types import (
    Blocker,
    Facts,
    Interval,
    LostIndex,
    Numbers,
    PlanChange,
    Recovered,
    Regression,
    Suspect,
    TableFacts,
)

log = logging.getLogger(__name__)

REPLAYED = KEPT + PENDING + 9
"""Intervals that are learnt anew when an agent begins."""
AT_A_TIME = 30
"""Intervals that are read together, which bounds the memory."""
LONG_WAIT = timedelta(seconds=30)
"""A chain of waiting sessions is told when one has waited so long; severe from ten times that on, or five sessions."""
LOST_LATELY = timedelta(hours=2)

Window = TypeVar("Window", StatementWindow, TableWindow, IndexWindow, WaitWindow)


class Judge:
    """Judges what was collected since it judged last; begins anew with every object.

    Args:
        name: the database's name in the configuration.
        alerts: told what was found.
    """

    def __init__(self, name: str, alerts: Alerts) -> None:
        self._name = name
        self._alerts = alerts
        self._sql = load("postai.service", "judge_duty.sql")
        self._detector: Detector | None = None
        self._until: datetime | None = None

    def judge(self, db: Database, deadline: Deadline) -> int:
        """Judge every interval that is complete; how many these were."""
        judged_until, collected_until, _ = db.query(self._sql["state"])[0]
        if collected_until is None:
            return 0
        db.execute(self._sql["see_indexes"])
        if self._detector is None:
            if judged_until is None:  # the first time: what is there is the usual
                db.execute(self._sql["judged"], (collected_until, 0.0))
            self._begin(db, judged_until or collected_until)
        assert self._until is not None
        count = 0
        while self._until < collected_until:
            ends = [end for _, end in store.read_intervals(db, self._until, collected_until)][:AT_A_TIME]
            if not ends:
                break
            for interval in self._read(db, self._until, ends):
                deadline.check()
                self._judge(db, interval)
                count += 1
        return count

    def look(self, db: Database) -> None:
        """Raise and end alerts about what is not about statements: blocking sessions, actions."""
        self._look_at_blocking(db)
        for action, state, title, message, hint in db.query(self._sql["actions"]):
            what = "failed" if state == "failed" else "made statements slower"
            body = " ".join(one for one in (message, hint) if one) or f"See action {action} in postai.actions."
            alert = Alert(f"action:{action}", "action", "HIGH", f"Action {action} {what}: {title}", body)
            self._alerts.raise_(db, alert)
            self._alerts.close(db, alert.key)

    # Statements -------------------------------------------------------------------------------------------------

    def _begin(self, db: Database, judged_until: datetime) -> None:
        """Learn what is usual from the newest intervals that were judged before."""
        detector = Detector()
        since = db.query(self._sql["replay_since"], (judged_until, REPLAYED))[0][0]
        over: list[tuple[datetime, datetime, StatementKey]] = []
        for row in db.query(self._sql["regressions"], (since or judged_until,)):
            key, (started_at, ended_at, before, cause) = StatementKey(*row[:4]), row[4:]
            if ended_at is None:
                detector.restore(key, started_at, Numbers(**before), cause == "more_calls")
            else:
                over.append((started_at, ended_at, key))
        if since is not None:
            since -= timedelta(milliseconds=1)
            ends = [end for _, end in store.read_intervals(db, since, judged_until)]
            for first in range(0, len(ends), AT_A_TIME):
                for interval in self._read(db, since, ends[first : first + AT_A_TIME]):
                    detector.learn(interval, frozenset(key for begin, end, key in over if begin < interval.end <= end))
                    since = interval.end
        self._detector, self._until = detector, judged_until

    def _read(self, db: Database, since: datetime, ends: Sequence[datetime]) -> Iterable[Interval]:
        """The intervals that ended at these moments, with everything that ended in them."""
        until = ends[-1]
        starts = {end: start for start, end in store.read_intervals(db, since, until)}
        statements = _by_interval(store.read_statements(db, since, until), ends)
        tables = _by_interval(store.read_tables(db, since, until), ends)
        indexes = _by_interval(store.read_indexes(db, since, until), ends)
        waits = _by_interval(store.read_waits(db, since, until), ends)
        return tuple(Interval(starts[end], end, statements[end], tables[end], indexes[end], waits[end]) for end in ends)

    def _judge(self, db: Database, interval: Interval) -> None:
        """One interval: what was found in it and that it was judged are written together."""
        assert self._detector is not None
        began = time.monotonic()
        try:
            seen = self._detector.observe(interval)
            suspects = seen.found + seen.revised
            facts = self._facts(db, suspects, interval) if suspects else Facts()
            found = [self._detector.explain(suspect, facts) for suspect in seen.found]
            revised = [self._detector.explain(suspect, facts) for suspect in seen.revised]
            with db.transaction():
                for regression in found:
                    self._keep(db, regression)
                for regression in revised:
                    self._revise(db, regression)
                for one in seen.recovered:
                    self._close(db, one)
                took = (time.monotonic() - began) * 1000
                db.execute(self._sql["judged"], (interval.end, took))
        except Exception:
            self._detector = None  # it remembers what is not written: learn anew
            raise
        self._until = interval.end

    def _keep(self, db: Database, one: Regression) -> None:
        key = one.key
        db.execute(
            self._sql["found"],
            (
                key.queryid, key.userid, key.dbid, key.toplevel, one.cause, one.severity, one.factor, one.started_at,
                one.found_at, one.extra_ms_per_day, json.dumps(asdict(one.before)), json.dumps(asdict(one.after)),
                one.why, one.mitigation, json.dumps(dict(one.evidence)),
            ),
        )  # fmt: skip
        tables = one.evidence.get("tables", ())
        changed = max(tables, key=lambda found: (found["seq_scans_began"], found["growth"]), default=None)
        table = str(changed["table"]) if changed else None
        title = f"A statement{f' on {table}' if table else ''} became {one.factor:.1f} times slower ({one.cause})"
        if one.cause == "more_calls":
            title = f"A statement{f' on {table}' if table else ''} runs {one.factor:.1f} times as often"
        query = shown_query(one.query)
        detail = {
            "queryid": key.queryid,
            "cause": one.cause,
            "factor": round(one.factor, 2),
            **({"query": query} if query else {}),
        }
        body = f"{one.why} {one.mitigation}"
        self._alerts.raise_(db, Alert(_alert_key(key), "regression", one.severity, title, body, detail))

    def _revise(self, db: Database, one: Regression) -> None:
        key = one.key
        db.execute(
            self._sql["revised"],
            (
                one.cause, one.severity, one.factor, one.extra_ms_per_day, json.dumps(asdict(one.after)), one.why,
                one.mitigation, json.dumps(dict(one.evidence)), key.queryid, key.userid, key.dbid, key.toplevel,
            ),
        )  # fmt: skip

    def _close(self, db: Database, one: Recovered) -> None:
        key = one.key
        after = json.dumps(asdict(one.after)) if one.after else None
        db.execute(self._sql["over"], (one.at, one.outcome, after, key.queryid, key.userid, key.dbid, key.toplevel))
        self._alerts.end(db, _alert_key(key))

    def _facts(self, db: Database, suspects: Sequence[Suspect], interval: Interval) -> Facts:
        oids = sorted({table.oid for one in suspects for table in one.tables})
        tables = {row[0]: TableFacts(*row) for row in db.query(self._sql["tables"], (oids,))}
        lost = tuple(LostIndex(*row) for row in db.query(self._sql["lost_indexes"], (interval.end - LOST_LATELY,)))
        since = min(one.started_at for one in suspects) - (interval.end - interval.start)
        blocks = [one for one in store.read_blocks(db, since, interval.end) if one.lock_type != "virtualxid"]
        users = {one.key.userid for one in suspects} | {one.root_userid for one in blocks if one.root_userid}
        roles: Mapping[int, str] = dict(db.query(self._sql["roles"], (sorted(users),)))
        return Facts(tables, lost, self._blockers(db, blocks, roles), roles, _plan_changes(db, suspects))

    def _blockers(self, db: Database, blocks: Sequence[BlockWindow], roles: Mapping[int, str]) -> tuple[Blocker, ...]:
        by_root: dict[int, list[BlockWindow]] = defaultdict(list)
        for one in blocks:
            by_root[one.root_pid].append(one)
        queryids = sorted({one.root_queryid for one in blocks if one.root_queryid})
        texts: dict[int, str] = dict(db.query(self._sql["texts"], (queryids,))) if queryids else {}
        found = []
        for pid, group in by_root.items():
            last = group[-1]
            since = min(one.end - timedelta(milliseconds=one.waited_ms) for one in group)
            found.append(
                Blocker(
                    pid=pid,
                    user=roles.get(last.root_userid or 0),
                    state=last.root_state or "state unknown",
                    query=shown_query(texts.get(last.root_queryid or 0)),
                    blocked=sum(one.backends for one in group if one.end == last.end),
                    blocked_queryids=tuple(sorted({one.queryid for one in group if one.queryid is not None})),
                    since=since,
                )
            )
        return tuple(found)

    # Everything else --------------------------------------------------------------------------------------------

    def _look_at_blocking(self, db: Database) -> None:
        """Chains that were seen in the newest interval and last."""
        if self._until is None:
            return
        ends = [end for _, end in store.read_intervals(db, self._until - timedelta(hours=1), self._until)]
        since = ends[-2] if len(ends) > 1 else self._until - timedelta(minutes=1)
        blocks = store.read_blocks(db, since, self._until)
        roots: dict[int, list[BlockWindow]] = defaultdict(list)
        for one in blocks:
            roots[one.root_pid].append(one)
        seen = set()
        for pid, group in roots.items():
            waited = timedelta(milliseconds=max(one.waited_ms for one in group))
            if waited < LONG_WAIT:
                continue
            key = f"blocking:{pid}"
            seen.add(key)
            backends = sum(one.backends for one in group)
            severity: Severity = "HIGH" if backends >= 5 or waited >= 10 * LONG_WAIT else "MEDIUM"
            state = group[0].root_state or "state unknown"
            title = f"Session {pid} ({state}) holds up {backends} others for {waited.total_seconds():.0f} s"
            body = (
                f"End its transaction: select pg_cancel_backend({pid}); pg_terminate_backend({pid}) where it is idle."
            )
            self._alerts.raise_(db, Alert(key, "blocking", severity, title, body))
        for key in self._alerts.open_keys(db, "blocking") - seen:
            self._alerts.end(db, key)


def _plan_changes(db: Database, suspects: Sequence[Suspect]) -> dict[StatementKey, PlanChange]:
    logged: dict[StatementKey, list[LoggedPlan]] = defaultdict(list)
    for plan in store.read_logged_plans(db, [one.key for one in suspects]):
        logged[plan.key].append(plan)
    changes = ((one.key, plan_change(logged[one.key], one.started_at)) for one in suspects if one.key in logged)
    return {key: change for key, change in changes if change is not None}


def _alert_key(key: StatementKey) -> str:
    return f"regression:{key.dbid}:{key.userid}:{key.queryid}:{'top' if key.toplevel else 'inner'}"


def _by_interval(windows: Iterable[Window], ends: Sequence[datetime]) -> dict[datetime, tuple[Window, ...]]:
    """Windows by the end of the interval in which they ended."""
    found: dict[datetime, list[Window]] = {end: [] for end in ends}
    for one in windows:
        place = bisect_left(ends, one.end)
        if place < len(ends):
            found[ends[place]].append(one)
    return {end: tuple(group) for end, group in found.items()}
