"""What is known of statements beside their counters: texts, marks, the columns they use, plans."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from postai.database import Database
from postai.deadline import Deadline
from postai.errors import Refused
from postai.history import store
from postai.history.types import Statement, StatementKey, StatementPlan, StatementWindow
from postai.observe.collect_counters import Ground
from postai.observe.collect_statements import StatementReading, Statements
from postai.observe.columns import KnownTable, Usage, column_usage, named_tables, schemas_of
from postai.observe.plan_hash import Planner
from postai.sql.parse import without_constants

_COMMENTS = re.compile(r"\s*(?:--[^\n]*(?:\n|$)|/\*.*?\*/|\(|\s)*", re.DOTALL)
_READS_OR_WRITES = re.compile(r"(?:select|insert|update|delete|merge|with|values|table)\b", re.IGNORECASE)
_KNOWN_AGAIN = timedelta(hours=1)
"""What is known is read again then, because pruning forgets statements."""
_LOOKS_KEPT = timedelta(days=1)
_POSTAI = re.compile(r"\b(?:postai|pg_catalog)\.")


@dataclass(frozen=True)
class TextLimits:
    """Bounds of one interval.

    Attributes:
        characters: of a text that are kept.
        parsed: statements whose columns are looked up.
        planned: statements whose plan is looked at; they take `plan_seconds` together at most.
        plan_again: after so long a plan is looked at again, sooner when a call takes `plan_factor` times longer or
            shorter; what could not be planned is left alone for `plan_failed`.
    """

    characters: int = 1 << 16
    parsed: int = 50
    planned: int = 20
    plan_seconds: float = 0.2
    plan_again: timedelta = timedelta(minutes=10)
    plan_failed: timedelta = timedelta(hours=1)
    plan_factor: float = 2.0


@dataclass
class _Known:
    """What is in the history of a statement, as far as it matters here."""

    text: bool
    utility: bool
    parsed: bool


@dataclass(frozen=True)
class _Look:
    """A look at a plan: when, how long a call took then, what came out (None = it cannot be planned)."""

    at: datetime
    mean_ms: float
    plan_hash: str | None


class Texts:
    """Keeps what is known of statements up to date.

    Args:
        sql: blocks of collect.sql.
        limits: bounds.
    """

    def __init__(self, sql: Mapping[str, str], limits: TextLimits | None = None) -> None:
        self._sql = sql
        self._limits = limits or TextLimits()
        self._known: dict[StatementKey, _Known] | None = None
        self._loaded = datetime.min.replace(tzinfo=UTC)
        self._looks: dict[StatementKey, _Look] = {}
        self._planner = Planner()

    def learn(self, db: Database, ground: Ground, statements: Statements, reading: StatementReading) -> None:
        """Enter the statements that ran and are new, with their texts; then look up the columns of some."""
        if ground.at > self._loaded + _KNOWN_AGAIN:
            self._known, self._loaded = None, ground.at
            self._looks = {key: look for key, look in self._looks.items() if look.at > ground.at - _LOOKS_KEPT}
        known, windows = self._load(db), reading.windows
        if reading.own is not None and reading.own.key not in known:
            store.write_texts(db, [Statement(reading.own.key, own=True)])
            known[reading.own.key] = _Known(False, False, True)
        new = [one.key for one in windows if one.key not in known or not known[one.key].text]
        if new:
            found = statements.texts(db, ground, new, self._limits.characters + 1)
            entered = [_statement(key, text, ground, self._limits.characters) for key, text in found.items()]
            store.write_texts(db, entered)
            known.update({one.key: _Known(True, one.utility, one.utility or one.truncated) for one in entered})
        unparsed = [one.key for one in windows if one.key in known and not known[one.key].parsed]
        self._parse(db, known, unparsed[: self._limits.parsed])

    def plan(self, db: Database, ground: Ground, windows: Sequence[StatementWindow]) -> int:
        """Look at the plans that are due, the statements with the longest total time first; gives how many."""
        known = self._load(db)
        due = [one for one in windows if one.key in known and self._due(known[one.key], one, ground.at)]
        due = due[: self._limits.planned]
        texts = {one.key: one for one in store.texts_of(db, [one.key for one in due])}
        asked = [
            (one, found)
            for one in due
            if (found := texts.get(one.key)) and found.query and not found.truncated and not found.own
        ]
        wanted = [(found.query or "", schemas_of(found.usage or {}) or ("public",)) for _, found in asked]
        plans = self._planner.plans(db, wanted, Deadline.after(self._limits.plan_seconds)) if wanted else []
        kept = []
        for (window, _), planned in zip(asked, plans, strict=False):
            self._looks[window.key] = _Look(ground.at, window.mean_ms, planned.plan_hash if planned else None)
            if planned is not None:
                kept.append(
                    StatementPlan(window.key, planned.plan_hash, planned.shape, planned.cost, ground.at, ground.at)
                )
        store.write_plans(db, kept)
        return len(plans)

    def with_plans(self, windows: Sequence[StatementWindow]) -> list[StatementWindow]:
        """The windows with the plans that were seen last."""
        return [
            replace(one, plan_hash=look.plan_hash) if (look := self._looks.get(one.key)) and look.plan_hash else one
            for one in windows
        ]

    def samples(self, db: Database, dbid: int, texts: Sequence[tuple[int, int, str]]) -> list[tuple[StatementKey, str]]:
        """Of queryid, userid and text, those of known statements that read or write rows."""
        known = self._load(db)
        keyed = ((StatementKey(queryid, userid, dbid, True), text) for queryid, userid, text in texts)
        return [(key, text) for key, text in keyed if key in known and not known[key].utility]

    def _load(self, db: Database) -> dict[StatementKey, _Known]:
        if self._known is None:
            self._known = {key: _Known(*state) for key, state in store.read_known(db).items()}
        return self._known

    def _parse(self, db: Database, known: Mapping[StatementKey, _Known], keys: Sequence[StatementKey]) -> None:
        """Look up which columns statements use."""
        if not keys:
            return
        named: list[tuple[Statement, frozenset[tuple[str | None, str]]]] = []
        for one in store.texts_of(db, keys):
            known[one.key].parsed = True
            if one.query is None or one.truncated:
                continue
            try:
                named.append((one, named_tables(one.query)))
            except Refused:
                continue  # a text of a newer grammar, or nested too deeply: nothing is known of its columns
        tables = self._tables(db, frozenset(name for _, names in named for name in names))
        store.write_texts(db, [replace(one, usage=_usage(one.query or "", tables)) for one, _ in named])

    def _tables(
        self, db: Database, names: frozenset[tuple[str | None, str]]
    ) -> dict[tuple[str | None, str], KnownTable]:
        """What names mean; a name without a schema means the table in "public", or the only one of that name."""
        wanted = json.dumps([{"schema": schema, "name": name} for schema, name in names])
        found: dict[tuple[str | None, str], list[KnownTable]] = {}
        for schema, name, *table in db.query(self._sql["relations"], (wanted,)) if names else ():
            found.setdefault((schema, name), []).append(KnownTable(table[0], table[1], tuple(table[2])))
        meant = {name: [one for one in tables if one.schema == "public"] or tables for name, tables in found.items()}
        return {name: tables[0] for name, tables in meant.items() if len(tables) == 1}

    def _due(self, known: _Known, window: StatementWindow, at: datetime) -> bool:
        if not known.text or known.utility or not known.parsed:
            return False
        look = self._looks.get(window.key)
        if look is None:
            return True
        if look.plan_hash is None:
            return at >= look.at + self._limits.plan_failed
        factor = self._limits.plan_factor
        changed = not look.mean_ms / factor <= window.mean_ms <= look.mean_ms * factor
        return changed or at >= look.at + self._limits.plan_again


def _statement(key: StatementKey, text: str, ground: Ground, most: int) -> Statement:
    own = key.userid == ground.userid and (ground.dedicated or _POSTAI.search(text) is not None)
    utility, kept = is_utility(text), text[:most]
    if utility:  # no password of CREATE ROLE is kept
        kept = without_constants(kept)[:most]
    return Statement(key, kept, truncated=len(text) > most, utility=utility, own=own)


def is_utility(text: str) -> bool:
    """Whether a statement neither reads nor writes rows, by its first word after comments and brackets."""
    begin = _COMMENTS.match(text)
    return not _READS_OR_WRITES.match(text, begin.end() if begin else 0)


def _usage(query: str, tables: Mapping[tuple[str | None, str], KnownTable]) -> Usage:
    try:
        return column_usage(query, lambda schema, name: tables.get((schema, name)))
    except Refused:
        return {}
