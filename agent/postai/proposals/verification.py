"""Measures what applied proposals brought, from the history, and proposes to take back what did not help."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from postai.database import Database
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.errors import PostaiError
from postai.proposals import index_work
from postai.proposals.confirming import Known, confirm
from postai.proposals.index_work import IndexWork
from postai.proposals.outcomes import Applied, outcome, size_change
from postai.proposals.pictures import Table, tables_again, tables_before
from postai.proposals.store import create
from postai.proposals.types import Draft, DraftStep
from postai.proposals.verdict import Promise, Sample, Verdict, drift, fair, judge
from postai.sql.parse import parse_one
from postai.sql.vet import vet_change

LONGEST_WAIT = 24 * 3600.0
"""Seconds after a change when what is known by then has to do."""
BEFORE = timedelta(days=1)
LONG_BEFORE = timedelta(days=7)
"""How far the comparison looks back; further where a statement hardly ran in the last day."""

_WRITES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})


@dataclass(frozen=True)
class Measurement:
    """What was found about a proposal.

    Attributes:
        undo: the proposal that takes it back; None = it helped, or cannot be taken back.
        not_undone: why no such proposal was made although it did not help.
    """

    proposal: int
    verdict: Verdict
    undo: int | None = None
    not_undone: str | None = None


@dataclass(frozen=True)
class _Due:
    proposal: int
    kind: str
    title: str
    evidence: Mapping[str, Any]
    began: datetime
    ended: datetime
    overdue: bool
    takes_back: bool
    planner: Any

    @property
    def object(self) -> str:
        return str(self.evidence.get("object") or "")


@dataclass(frozen=True)
class _Windows:
    """Intervals of statements before and after a change; slowdown: of what has nothing to do with it."""

    before: list[Sample]
    after: list[Sample]
    slowdown: float


def measure_due(db: Database, now: datetime) -> tuple[Measurement, ...]:
    """Measure the applied proposals for which it is time and enough is known, and keep what was found.

    New indexes that the planner could not be asked about before are shown to it at once; the rest waits for the setting
    verify_after, and for enough calls, a day at most.

    Args:
        db: session of a member of postai_agent, outside a transaction.
        now: the end of the time that is looked at.
    """
    sql = load(__package__, "verification.sql")
    measured = []
    for row in db.query(sql["unconfirmed"]):
        due = _Due(*row)
        found = _confirmed(db, sql, due)
        if found is not None:
            measured.append(_keep(db, sql, due, found))
    for row in db.query(sql["due"], [LONGEST_WAIT, now]):
        due = _Due(*row)
        verdict = _measure(db, sql, due, now)
        if verdict.enough or due.overdue:
            measured.append(_keep(db, sql, due, verdict))
    return tuple(measured)


def _confirmed(db: Database, sql: Mapping[str, str], due: _Due) -> Verdict | None:
    """What the planner says of new indexes that are there now; None = it cannot be asked."""
    works = [work for work in _works(db, sql, due.proposal) if work.kind == "create"]
    promises = _promises(due.evidence)
    statements = [Known(*row) for row in db.query(sql["texts"], [[one.queryid for one in promises]])]
    return confirm(db, [(work.schema, work.name) for work in works], statements)


def _measure(db: Database, sql: Mapping[str, str], due: _Due, now: datetime) -> Verdict:
    works = _works(db, sql, due.proposal)
    made, dropped = (any(work.kind == kind for work in works) for kind in ("create", "drop"))
    before, after = tables_before(db, due.proposal), _after(db, sql, due)
    names = _tables(db, sql, due, before)
    promises = _promises(due.evidence)
    if promises:
        verdict = replace(_compare(db, sql, due, now, names), bytes=size_change(before, after))
    else:
        kind = (
            "foreign_key" if due.evidence.get("foreign_key") else "create" if made else "drop" if dropped else due.kind
        )
        readers = [one for (one,) in db.query(sql["readers"], [due.began - LONG_BEFORE, names])] if dropped else []
        windows = _windows(db, sql, due, now, readers, names)
        known = Applied(
            kind, _number(due.evidence, "bytes"), _number(due.evidence, "write_ms_per_day"), before, after,
            tables_again(db, due.proposal), _scans(db, sql, due), due.overdue,
        )  # fmt: skip
        verdict = fair(lambda after: outcome(known, windows.before, after), windows.after, windows.slowdown)
    extra: dict[str, Any] = {} if before is None else {"tables": {"before": before, "after": after}}
    if due.planner is not None:
        extra["planner"] = due.planner
    return replace(verdict, extra=extra)


def _compare(db: Database, sql: Mapping[str, str], due: _Due, now: datetime, names: Sequence[str]) -> Verdict:
    """What the statements took to which something was promised, and those that write."""
    promises = _promises(due.evidence)
    writers = _writers(db, sql, due)
    windows = _windows(db, sql, due, now, sorted({one.queryid for one in promises} | writers), names)
    smallest = [(seconds, total) for _, seconds, total in db.query(sql["smallest"], [due.ended, now])]
    scans = _scans(db, sql, due)
    return fair(
        lambda after: judge(
            promises, windows.before, after, writers=frozenset(writers), smallest=smallest, scans=scans
        ),
        windows.after,
        windows.slowdown,
    )


def _windows(
    db: Database, sql: Mapping[str, str], due: _Due, now: datetime, queryids: Sequence[int], names: Sequence[str]
) -> _Windows:
    """Intervals of statements before and after, and what became of all others meanwhile."""
    if not queryids:
        return _Windows([], [], 1.0)
    since = due.began - BEFORE
    before = _samples(db, sql, queryids, since, due.began)
    seldom = set(queryids) - _often(before)
    if seldom:
        longer = _samples(db, sql, sorted(seldom), due.began - LONG_BEFORE, due.began)
        before = [one for one in before if one.queryid not in seldom] + longer
    changed, promised = db.query(sql["changed"], [since, since])[0]
    apart = [*map(str, queryids), *promised]
    others = db.query(sql["others"], [since, due.began, due.ended, now, apart, [*names, *changed]])
    slowdown = drift([(earlier, later) for earlier, later in others])
    return _Windows(before, _samples(db, sql, queryids, due.ended, now), slowdown)


def _after(db: Database, sql: Mapping[str, str], due: _Due) -> list[Table] | None:
    """What its tables were like when it had ended."""
    rows = db.query(sql["after"], [due.proposal])
    return rows[0][0] if rows else None


def _tables(db: Database, sql: Mapping[str, str], due: _Due, before: Sequence[Table] | None) -> list[str]:
    """Names of the tables that it touches, as the history tells them."""
    names = {*db.query(sql["touched"], [due.proposal])[0][0], *(one["name"] for one in before or ())}
    if isinstance(table := due.evidence.get("table"), str):
        names.add(table)
    return sorted(names)


def _number(evidence: Mapping[str, Any], name: str) -> float:
    value = evidence.get(name)
    return float(value) if isinstance(value, int | float) else 0.0


def _promises(evidence: Mapping[str, Any]) -> list[Promise]:
    """What was promised to statements that the history knows; those of files have names that are no queryid."""
    found = []
    effects = evidence.get("effects")
    for one in effects if isinstance(effects, list) else ():
        try:
            queryid = int(one["id"])
            promise = Promise(queryid, float(one["calls_per_day"]), float(one["before_ms"]), float(one["after_ms"]))
        except (KeyError, TypeError, ValueError):
            continue
        if abs(queryid) < 2**63:
            found.append(promise)
    return found


def _samples(
    db: Database, sql: Mapping[str, str], queryids: Sequence[int], since: datetime, until: datetime
) -> list[Sample]:
    rows = db.query(sql["windows"], [list(queryids), since, until])
    # An interval that began before the work ended is partly from before it.
    return [Sample(query, seconds, calls, total) for query, at, seconds, calls, total in rows
            if at - timedelta(seconds=seconds) >= since - timedelta(seconds=1)]  # fmt: skip


def _often(samples: Sequence[Sample]) -> set[int]:
    calls: dict[int, int] = {}
    for one in samples:
        calls[one.queryid] = calls.get(one.queryid, 0) + one.calls
    return {queryid for queryid, number in calls.items() if number >= 30}


def _writers(db: Database, sql: Mapping[str, str], due: _Due) -> set[int]:
    """Queryids of statements that write to the tables whose indexes were made or dropped."""
    tables = {work.table for work in _works(db, sql, due.proposal) if work.table is not None}
    found = set()
    for schema, table in tables:
        for queryid, text in db.query(sql["writers"], [due.began - BEFORE, table]):
            if _writes_to(text, schema, table):
                found.add(queryid)
    return found


def _writes_to(text: str, schema: str, table: str) -> bool:
    """Whether a statement writes to a table; a name without schema is taken for it."""
    try:
        statement = parse_one(text)
    except PostaiError:
        return False  # a text that was cut off, or another dialect: it is not looked at
    if statement.statement_class not in _WRITES:
        return False
    relation = statement.tree.relation
    return relation.relname == table and relation.schemaname in ("", schema)


def _works(db: Database, sql: Mapping[str, str], proposal: int) -> list[IndexWork]:
    steps = db.query(sql["steps"], [proposal])
    return [work for statement, _, _ in steps if (work := index_work.recognise(statement)) is not None]


def _scans(db: Database, sql: Mapping[str, str], due: _Due) -> int | None:
    """Scans of the indexes that it made; None = there are none, or their scans are not all known here."""
    if db.query(sql["standbys"])[0][0]:
        return None
    total: int | None = None
    for work in _works(db, sql, due.proposal):
        if work.kind == "create":
            rows = db.query(sql["index_use"], [due.ended, work.schema, work.name])
            if rows and rows[0][0] is None:
                return None
            total = (total or 0) + sum(row[0] for row in rows) if rows else total
    return total


def _keep(db: Database, sql: Mapping[str, str], due: _Due, verdict: Verdict) -> Measurement:
    undo, reason = None, None
    with db.transaction():
        found = verdict.as_json()
        db.query(sql["measured"], [json.dumps(found), due.proposal])
        brief = {key: value for key, value in found.items() if key != "statements"}
        db.query(sql["record_event"], [due.proposal, due.proposal, json.dumps(brief)])
        if verdict.state in ("no effect", "worse"):
            try:
                with db.transaction():
                    undo = None if due.takes_back else _propose_undo(db, sql, due, verdict)
            except PostaiError as error:
                reason = error.message
            else:
                reason = None if undo is not None else "it has no undo statements, or the agent did not carry it out"
    return Measurement(due.proposal, verdict, undo, reason)


def _propose_undo(db: Database, sql: Mapping[str, str], due: _Due, verdict: Verdict) -> int | None:
    """Propose to take back what the agent did; None where it cannot be taken back."""
    done = [(statement, undo) for statement, undo, was_done in db.query(sql["steps"], [due.proposal]) if was_done]
    lasting = [(statement, undo) for statement, undo in done if vet_change(statement).statement_class != "COMMENT"]
    if not lasting or any(undo is None for _, undo in lasting):
        return None
    made = [work for statement, _ in lasting if (work := index_work.recognise(statement)) and work.kind == "create"]
    size = sum(row[1] for work in made for row in db.query(sql["index_use"], [due.ended, work.schema, work.name]))
    name = qualified(made[0].schema, made[0].name) if made else due.object
    judged = "it made things worse" if verdict.state == "worse" else "it did not help"
    title = f"Drop index {name}: {judged}" if made else f"Take back proposal {due.proposal} ({name}): {judged}"
    return create(
        db,
        Draft(
            kind="undo_index" if made else "undo",
            title=title[:200],
            why=f"{due.title}: {verdict.reason}.",
            steps=tuple(DraftStep(undo, undo=statement) for statement, undo in reversed(lasting)),
            evidence={
                "object": due.object,
                "severity": "MEDIUM" if verdict.state == "worse" else "LOW",
                "saved_ms_per_day": max(0.0, -verdict.saved_ms_per_day),
                "write_ms_per_day": min(0.0, -verdict.write_ms_per_day),
                "bytes": -size if made else -(verdict.bytes or 0),
                "estimated_by": "catalog",
                "effects": [],
                "measured": verdict.as_json(),
            },
            key=f"undo {due.proposal}",
            undoes=due.proposal,
        ),
    )
