"""Which columns the statements of the last days use, and what for, out of postai's history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from postai.database import Database
from postai.database.amounts import seconds_text
from postai.database.named_sql import load
from postai.history import store
from postai.history.types import ColumnUse, Predicate

USES_DAYS = 7.0
"""How far back statements count."""
BUSY_CALLS = 100.0
"""Calls a day from which on the statements that search by a column are not to be put at risk."""
_SEARCHES = ("filters", "joins", "sorts", "groups")
_WORDS = {"filters": "filter by", "joins": "join on", "sorts": "sort by", "groups": "group by"}


@dataclass(frozen=True)
class ColumnUses:
    """What statements do with the columns of tables.

    Attributes:
        days: time of which something is known; 0 = nothing was collected.
        by_column: by table (qualified and quoted) and column.
        predicates: what pg_qualstats counted, the most frequent first.
    """

    days: float = 0.0
    by_column: Mapping[tuple[str, str], tuple[ColumnUse, ...]] = field(default_factory=dict)
    predicates: Mapping[tuple[str, str], tuple[Predicate, ...]] = field(default_factory=dict)

    def searches(self, table: str, column: str) -> tuple[ColumnUse, ...]:
        """What an index on the column may serve: filters, joins, sorts, groups, in this order."""
        found = self.by_column.get((table, column), ())
        return tuple(sorted((one for one in found if one.use in _SEARCHES), key=lambda one: _SEARCHES.index(one.use)))

    def busy(self, table: str, column: str, before: datetime) -> bool:
        """Whether statements that were there before a time often search by the column."""
        return any(
            one.calls >= BUSY_CALLS * self.days and one.first_seen < before for one in self.searches(table, column)
        )

    def sentence(self, table: str, column: str) -> str:
        """For people: "3 statements of the last 7 days filter by barn (120 calls)."; "" when nothing was collected."""
        if not self.days:
            return ""
        span = f"of the last {seconds_text(self.days * 86400)}"
        searches = self.searches(table, column)
        met = self._conditions(table, column)
        if met and not searches:
            return f" Its first column is {column}{met}."
        if not searches:
            return f" No collected statement {span} filters, joins, sorts or groups by its first column {column}."
        parts = [
            f"{one.statements} {'statement' if one.statements == 1 else 'statements'} {_WORDS[one.use]} it"
            f" ({one.calls} calls)"
            for one in searches
        ]
        return f" Its first column is {column}; {span} {', '.join(parts)}{met}."

    def _conditions(self, table: str, column: str) -> str:
        found = self.predicates.get((table, column), ())
        if not found:
            return ""
        first = found[0]
        met = f"; pg_qualstats met {first.conditions} conditions with {first.operator} on it"
        return met + (f", which kept {first.kept / first.checked:.2%} of the rows" if first.checked else "")

    def evidence(self, table: str) -> dict[str, Any]:
        """How many statements do what with each column of a table, and the conditions on it; {} = not known."""
        if not self.days:
            return {}
        uses = {
            column: {one.use: one.statements for one in found}
            for (name, column), found in sorted(self.by_column.items())
            if name == table
        }
        met = {
            column: {
                one.operator: {"conditions": one.conditions, "checked": one.checked, "kept": one.kept} for one in found
            }
            for (name, column), found in sorted(self.predicates.items())
            if name == table
        }
        return {"column_uses": uses, "column_uses_days": round(self.days, 2), **({"conditions": met} if met else {})}


def read_column_uses(db: Database) -> ColumnUses:
    """The uses of the last days; empty where there is no history, or it may not be read."""
    if not db.query(load(__package__, "hygiene.sql")["knows_statements"])[0][0]:
        return ColumnUses()
    now = datetime.now(UTC)
    since = now - timedelta(days=USES_DAYS)
    intervals = store.read_intervals(db, since, now)
    found: dict[tuple[str, str], tuple[ColumnUse, ...]] = {}
    for one in store.read_column_uses(db, since):
        found[one.table, one.column] = (*found.get((one.table, one.column), ()), one)
    predicates: dict[tuple[str, str], tuple[Predicate, ...]] = {}
    for met in store.read_predicates(db):
        predicates[met.table, met.column] = (*predicates.get((met.table, met.column), ()), met)
    days = sum((end - begin).total_seconds() for begin, end in intervals) / 86400
    return ColumnUses(days, found, predicates)
