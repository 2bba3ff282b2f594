"""Keeps the proposals of advisors up to date with what the advisors say now.

The same advice is one proposal, however often it is given. A better statement takes the place of an open proposal,
advice that is not given any more closes it, what somebody did by hand is noticed, and what was dismissed is not
proposed again for a while.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from postai.database import Database
from postai.database.named_sql import load
from postai.errors import PostaiError
from postai.proposals import index_work
from postai.proposals.conditions import Conditions
from postai.proposals.store import create
from postai.proposals.types import Draft

SILENT_DAYS = 30
"""Days for which what was dismissed, undone or of no use is not proposed again."""
GROWTH = 3.0
"""Unless what it brings has grown so many times."""
MATERIAL = 0.2
"""Share by which a number must change before an open proposal is written anew."""

ASKED = "asked"
"""Evidence that is true where a person asked about one statement: what came of it is not closed because the whole
workload does not say it, and no policy applies it."""

_NUMBERS = ("saved_ms_per_day", "write_ms_per_day", "bytes")
_SEVERITIES = ("LOW", "MEDIUM", "HIGH")

_Steps = Sequence[tuple[str, str | None]]
"""Statement and postcondition of each step."""


@dataclass(frozen=True)
class KeptReport:
    """What became of the drafts, and of the proposals that were there before. All numbers are ids of proposals.

    Attributes:
        proposals: for each draft the proposal that says it now; None = there is none (`silenced` or `refused`).
        created: new ones.
        refreshed: open ones whose numbers changed.
        superseded: open ones that a new one replaced.
        closed: open ones that are not needed any more.
        by_hand: those that somebody carried out by hand.
        silenced: earlier ones because of which drafts were not proposed: dismissed, undone, or of no use.
        refused: title and reason of drafts that cannot be proposed.
    """

    proposals: tuple[int | None, ...]
    created: tuple[int, ...] = ()
    refreshed: tuple[int, ...] = ()
    superseded: tuple[int, ...] = ()
    closed: tuple[int, ...] = ()
    by_hand: tuple[int, ...] = ()
    silenced: tuple[int, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class _Standing:
    """A proposal that was there before.

    Attributes:
        live: an action of it is queued or running, or did a part of it.
        there: what it touches exists; None = it came with a copy of another database.
        current: what it touches is what it was.
        same: equal for proposals that would do the same.
    """

    id: int
    kind: str
    key: str
    state: str
    evidence: Mapping[str, Any]
    live: bool
    there: bool | None
    current: bool
    steps: _Steps

    @property
    def same(self) -> tuple[str, ...]:
        return _same(self.key, [statement for statement, _ in self.steps])

    @property
    def usable(self) -> bool:
        """Whether it can (still) be carried out."""
        return self.live or self.state == "approved" or bool(self.there and self.current)


@dataclass
class _Found:
    """The report while it is made."""

    proposals: dict[int, int] = field(default_factory=dict)
    created: list[int] = field(default_factory=list)
    refreshed: list[int] = field(default_factory=list)
    superseded: list[int] = field(default_factory=list)
    closed: list[int] = field(default_factory=list)
    by_hand: list[int] = field(default_factory=list)
    silenced: list[int] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


def keep(db: Database, drafts: Sequence[Draft], *, over: Collection[str] = ()) -> KeptReport:
    """Bring the proposals up to date, in one transaction.

    Args:
        db: session of a member of postai_agent.
        drafts: what the advisors say now, each with a key.
        over: kinds of which the drafts are all there is to say: open proposals of these kinds that no draft repeats are
            closed. Leave out what an advisor did not get to.

    Raises:
        LockNotObtained, ServerError: another run holds the lock, or a right is missing.
    """
    return _Keeper(db, drafts, frozenset(over)).run()


class _Keeper:
    def __init__(self, db: Database, drafts: Sequence[Draft], over: frozenset[str]) -> None:
        self._db = db
        self._drafts = drafts
        self._over = over
        self._sql = load(__package__, "keeping.sql")
        self._found = _Found()

    def run(self) -> KeptReport:
        found = self._found
        with self._db.transaction():
            self._db.execute("set local lock_timeout = '30s'")
            self._db.execute(self._sql["lock"])
            rows = self._db.query(self._sql["standing"])
            standing = [self._standing(row) for row in rows]
            standing = [one for one in standing if not self._noticed_by_hand(one)]
            left = self._match(standing)
            self._propose(left)
            self._close(left)
            repeated = sorted(set(found.proposals.values()) - set(found.created))
            self._db.execute(self._sql["seen"], [repeated])
        return KeptReport(
            tuple(found.proposals.get(number) for number in range(len(self._drafts))),
            tuple(found.created), tuple(found.refreshed), tuple(found.superseded), tuple(found.closed),
            tuple(found.by_hand), tuple(dict.fromkeys(found.silenced)), tuple(found.refused),
        )  # fmt: skip

    def _standing(self, row: Sequence[Any]) -> _Standing:
        proposal, kind, key, state, evidence, live, there, current, steps = row
        pairs = [(statement, condition) for statement, condition in steps]
        return _Standing(proposal, kind, key, state, evidence, live, there, current, pairs)

    def _noticed_by_hand(self, one: _Standing) -> bool:
        """Close a proposal whose work is there although the agent did not do it."""
        if one.live or one.there is None or not self._is_there(one.steps):
            return False
        self._db.execute(self._sql["close_by_hand"], [one.id])
        statements = [statement for statement, _ in one.steps]
        self._event("proposal.noticed_by_hand", one.id, {"done_by": "not known", "found": statements})
        self._found.by_hand.append(one.id)
        return True

    def _is_there(self, steps: _Steps) -> bool:
        """Whether all that these steps bring about is there; False where nothing tells."""
        told = False
        for statement, condition in steps:
            if index_work.is_comment(statement) or index_work.is_attachment(statement):
                continue
            work = index_work.recognise(statement)
            if work is None or work.kind == "reindex":
                if condition is None or not Conditions(self._db).holds(condition):
                    return False
            elif work.kind == "drop":
                if index_work.look(self._db, work) != "absent":
                    return False
            elif index_work.find_same(self._db, work) is None:
                return False
            told = True
        return told

    def _match(self, standing: Sequence[_Standing]) -> list[_Standing]:
        """Find the drafts that are proposed already; gives the open proposals that no draft repeats."""
        usable = {one.same: one for one in standing if one.usable}
        matched = set()
        for number, draft in enumerate(self._drafts):
            one = usable.get(_same_as_draft(draft))
            if one is None:
                continue
            self._found.proposals[number] = one.id
            if one.id not in matched and one.state == "open" and _is_news(one.evidence, draft.evidence):
                self._refresh(one, draft)
            matched.add(one.id)
        return [one for one in standing if one.id not in matched and one.state == "open" and not one.live]

    def _refresh(self, one: _Standing, draft: Draft) -> None:
        written = [draft.title, draft.why, json.dumps(dict(draft.evidence)), one.id]
        if self._db.query(self._sql["refresh"], written):
            before, after = ({name: at.get(name) for name in _NUMBERS} for at in (one.evidence, draft.evidence))
            self._event("proposal.refreshed", one.id, {"before": before, "after": after})
            self._found.refreshed.append(one.id)

    def _propose(self, left: list[_Standing]) -> None:
        """Make proposals of the drafts that are new; those they replace are taken out of `left`."""
        found = self._found
        new = {number: draft for number, draft in enumerate(self._drafts) if number not in found.proposals}
        silencing = self._silencing(new.values())
        by_same: dict[tuple[str, ...], int] = {}
        for number, draft in new.items():
            same = _same_as_draft(draft)
            if same in by_same:
                found.proposals[number] = by_same[same]
                continue
            silent = next((one for one, at in silencing.get(same, ()) if not _grew(at, draft.evidence)), None)
            if silent is not None:
                found.silenced.append(silent)
                continue
            asked = draft.evidence.get(ASKED)
            replaced = next(
                (one for one in left if one.key == draft.key and (one.evidence.get(ASKED) or not asked)), None
            )
            made = self._create(draft, replaced)
            if made is None:
                continue
            found.proposals[number] = by_same[same] = made
            if replaced is not None:
                left.remove(replaced)

    def _create(self, draft: Draft, replaced: _Standing | None) -> int | None:
        found = self._found
        try:
            if self._is_there([(step.statement, step.postcondition) for step in draft.steps]):
                found.refused.append((draft.title, "it is there already"))
                return None
            with self._db.transaction():
                made = create(self._db, draft)
                if replaced is not None:
                    self._db.query(self._sql["close"], ["a better one took its place", made, replaced.id])
        except PostaiError as error:
            found.refused.append((draft.title, error.message))
            return None
        found.created.append(made)
        if replaced is not None:
            found.superseded.append(replaced.id)
        return made

    def _silencing(self, drafts: Collection[Draft]) -> dict[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]]:
        keys = sorted({draft.key for draft in drafts if draft.key is not None})
        silencing: dict[tuple[str, ...], list[tuple[int, Mapping[str, Any]]]] = {}
        for proposal, key, evidence, steps in self._db.query(self._sql["silencing"], [keys, SILENT_DAYS]):
            silencing.setdefault(_same(key, [statement for statement, _ in steps]), []).append((proposal, evidence))
        return silencing

    def _close(self, left: Sequence[_Standing]) -> None:
        """Close the open proposals that are said no more; a new one about the same object is named as their heir."""
        found = self._found
        heirs = {
            (draft.kind, draft.evidence.get("object")): found.proposals[number]
            for number, draft in enumerate(self._drafts)
            if found.proposals.get(number) in found.created
        }
        for one in left:
            if one.there is None:
                reason = "it was made in a database of which this one is a copy"
            elif not one.there:
                reason = "what it touches does not exist any more"
            elif one.kind in self._over and not one.evidence.get(ASKED):
                reason = "no longer needed"
            else:
                continue
            heir = heirs.get((one.kind, one.evidence.get("object"))) if one.there else None
            if heir is not None:
                reason = "a better one took its place"
            if self._db.query(self._sql["close"], [reason, heir, one.id]):
                (found.closed if heir is None else found.superseded).append(one.id)

    def _event(self, kind: str, proposal: int, detail: Mapping[str, Any]) -> None:
        self._db.query(self._sql["record_event"], [kind, proposal, proposal, json.dumps(detail)])


def _same_as_draft(draft: Draft) -> tuple[str, ...]:
    return _same(draft.key or "", [step.statement for step in draft.steps])


def _same(key: str, statements: Sequence[str]) -> tuple[str, ...]:
    """Equal for two proposals that would do the same: comments and names of new indexes do not count."""
    return (key, *(index_work.normal_form(one) for one in statements if not index_work.is_comment(one)))


def _is_news(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether an open proposal is written anew: what is assumed of one statement never replaces what was measured."""
    if bool(old.get(ASKED)) != bool(new.get(ASKED)):
        return bool(old.get(ASKED))
    return _materially_other(old, new)


def _materially_other(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    if old.get("severity") != new.get("severity"):
        return True
    pairs = [(_number(old, name), _number(new, name)) for name in _NUMBERS]
    return any(abs(after - before) > MATERIAL * max(abs(before), abs(after)) for before, after in pairs)


def _grew(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether it would bring so much more than when it was decided on that it is worth another look."""
    pairs = [(_net(old), _net(new)), (-_number(old, "bytes"), -_number(new, "bytes"))]
    if all(before <= 0 for before, _ in pairs):
        return _rank(new) > _rank(old)
    return any(before > 0 and after >= GROWTH * before for before, after in pairs)


def _rank(evidence: Mapping[str, Any]) -> int:
    severity = evidence.get("severity")
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else 0


def _net(evidence: Mapping[str, Any]) -> float:
    return _number(evidence, "saved_ms_per_day") - _number(evidence, "write_ms_per_day")


def _number(evidence: Mapping[str, Any], name: str) -> float:
    value = evidence.get(name)
    return float(value) if isinstance(value, (int, float)) else 0.0
