"""The evidence of a proposal as facts that people read one by one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAMES: Mapping[str, tuple[str, str]] = {
    "table": ("Table", "text"),
    "definition": ("Definition", "sql"),
    "covered_by": ("Does the same", "text"),
    "scans": ("Scans of it", "number"),
    "standbys": ("Standbys that count their own scans", "number"),
    "counted_days": ("Days of counting", "number"),
    "counted_since": ("Counted since", "text"),
    "column_uses_days": ("Days in which uses of columns were counted", "number"),
    "dead_rows": ("Dead rows", "number"),
    "live_rows": ("Live rows", "number"),
    "rows": ("Rows", "number"),
    "threshold": ("Dead rows at which autovacuum begins", "number"),
    "seconds_since_vacuum": ("Since the last vacuum", "seconds"),
    "table_bytes": ("Size of the table", "bytes"),
    "index_bytes": ("Size of the index", "bytes"),
    "bloat_bytes": ("Of these unused", "bytes"),
    "reusable_bytes": ("Space that can be used again", "bytes"),
    "toast_bytes": ("Size of its long values", "bytes"),
    "price_month": ("Price of that space, a month (USD)", "number"),
    "estimated_by": ("Judged by", "text"),
    "comment": ("Comment on it", "text"),
    "options": ("Storage parameters now", "text"),
    "risk_score": ("Risk, 0 to 100", "number"),
    "destructive": ("Loses rows or values", "text"),
    "warnings": ("Warnings", "text"),
    "conflicts": ("Conflicts", "text"),
    "schedule": ("Suggested time", "text"),
    "given": ("Asked for", "sql"),
    "checks": ("Looked for", "text"),
    "updates": ("Updates", "number"),
    "hot_updates": ("Heap-only updates", "number"),
}
"""What is known by a name of evidence: how people call it, and its unit (text, sql, number, seconds, bytes)."""
_ELSEWHERE = frozenset(
    {"object", "severity", "saved_ms_per_day", "write_ms_per_day", "bytes", "effects", "replaces", "steps", "later"}
)


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. `unit`: text, sql, number, seconds or bytes; `value` is a number for the last three."""

    name: str
    unit: str
    value: str | int | float


@dataclass(frozen=True, slots=True)
class PlannedEffect:
    """What one statement gains: mean times of a call in milliseconds, as promised and as measured; None = not known."""

    query_id: str
    calls_per_day: float | None
    before_ms: float | None
    after_ms: float | None
    measured_before_ms: float | None
    measured_after_ms: float | None
    measured_calls: int | None


def facts_of(evidence: Mapping[str, Any]) -> list[Fact]:
    """The facts of a proposal's evidence, those with a known name first; what says nothing is left out."""
    told = {key: value for key, value in evidence.items() if key not in _ELSEWHERE and value not in (None, "", [], {})}
    known = [_fact(*NAMES[key], told[key]) for key in NAMES if key in told]
    rest = [_fact(key.replace("_", " "), "text", told[key]) for key in sorted(told) if key not in NAMES]
    return known + rest


def planned_effects(evidence: Mapping[str, Any], measured: Mapping[str, Any]) -> list[PlannedEffect]:
    """Statements of which something was promised or measured, the largest promise first."""
    after = {str(one.get("id")): one for one in _objects(measured.get("statements"))}
    promised = {str(one.get("id")): one for one in _objects(evidence.get("effects"))}
    found = [
        PlannedEffect(
            key,
            _number(promised.get(key, {}).get("calls_per_day")),
            _number(promised.get(key, {}).get("before_ms")),
            _number(promised.get(key, {}).get("after_ms")),
            _number(after.get(key, {}).get("before_ms")),
            _number(after.get(key, {}).get("after_ms")),
            _whole(after.get(key, {}).get("calls")),
        )
        for key in {**promised, **after}
    ]
    return sorted(found, key=lambda one: -((one.before_ms or 0) - (one.after_ms or 0)) * (one.calls_per_day or 0))


def _fact(name: str, unit: str, value: Any) -> Fact:
    if unit in {"number", "seconds", "bytes"} and _number(value) is not None:
        return Fact(name, unit, value)
    if isinstance(value, list) and name == NAMES["checks"][0]:
        found = (f"{one.get('words')}: {one.get('problem') or _rows(one.get('count'))}" for one in _objects(value))
        return Fact(name, "text", "\n".join(found))
    if isinstance(value, list):
        plain = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False, default=str) for one in value]
        return Fact(name, "sql" if unit == "sql" else "text", "\n".join(plain))
    if isinstance(value, bool):
        return Fact(name, "text", "yes" if value else "no")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return Fact(name, "sql" if unit == "sql" else "text", text)


def _rows(count: Any) -> str:
    return "not known" if count is None else "none" if count == 0 else f"{count} rows"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
