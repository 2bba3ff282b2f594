"""What happened to the tables that a statement uses: growth, sequential scans that began, indexes no longer used."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Sequence

from postai.errors import PostaiError
from postai.observe.regressions_types import Interval, TableChange
from postai.sql.nodes import messages
from postai.sql.parse import parse

_SYSTEM = frozenset({"pg_catalog", "information_schema", "postai", "postai_cache"})
_POSTAI = re.compile(r"\bpostai(_cache)?\.", re.IGNORECASE)

_KEPT = 24
_BEFORE = 3
"""Intervals before a statement became slower that do not count as before: what made it slow may have begun in them."""


class _Track:
    """Numbers of one object in the last intervals in which there were any: (number of the interval, values ...)."""

    __slots__ = ("_values", "_width")

    def __init__(self, width: int) -> None:
        self._width = width + 1
        self._values = array("f")

    def add(self, number: int, values: Iterable[float]) -> None:
        if len(self._values) >= _KEPT * self._width:
            del self._values[: self._width]
        self._values.extend((number, *values))

    def rows(self, first: int, last: int) -> list[tuple[float, ...]]:
        """Values of the intervals `first` to `last`."""
        found = []
        for at in range(0, len(self._values), self._width):
            if first <= self._values[at] <= last:
                found.append(tuple(self._values[at + 1 : at + self._width]))
        return found

    def at(self, number: int) -> tuple[float, ...] | None:
        """Values of the newest interval up to `number`; the oldest that is known where there is none."""
        best = None
        for at in range(0, len(self._values), self._width):
            if best is None or self._values[at] <= number:
                best = tuple(self._values[at + 1 : at + self._width])
        return best


class TableHistory:
    """The last intervals of every table and index, as far as they bear on statements."""

    def __init__(self) -> None:
        self._tables: dict[int, _Track] = {}  # live rows, bytes, seq_scan, written rows, dead rows
        self._indexes: dict[int, dict[int, _Track]] = {}  # by table: idx_scan, idx_tup_read
        self._names: dict[str, dict[str, int]] = {}  # table -> schema -> oid
        self._of: dict[int, tuple[str, str]] = {}
        self._index_names: dict[int, str] = {}

    def add(self, number: int, interval: Interval) -> None:
        for table in interval.tables:
            if self._of.get(table.oid) != (table.schema, table.table):
                self._of[table.oid] = (table.schema, table.table)
                self._names.setdefault(table.table, {})[table.schema] = table.oid
            track = self._tables.setdefault(table.oid, _Track(5))
            size = float(table.bytes) if table.bytes is not None else -1.0
            written = table.n_tup_ins + table.n_tup_del + table.n_tup_upd - table.n_tup_hot_upd
            track.add(number, (table.live_rows, size, table.seq_scan, written, table.dead_rows))
        for index in interval.indexes:
            if index.idx_scan:
                self._index_names[index.oid] = f"{index.schema}.{index.index}"
                tracks = self._indexes.setdefault(index.table_oid, {})
                tracks.setdefault(index.oid, _Track(2)).add(number, (index.idx_scan, index.idx_tup_read))

    def oids(self, names: Iterable[tuple[str | None, str]]) -> tuple[int, ...]:
        """Oids of tables by name; a name without a schema means every table of that name."""
        found: set[int] = set()
        for schema, table in names:
            schemas = self._names.get(table, {})
            found.update(schemas.values() if schema is None else [schemas[schema]] if schema in schemas else [])
        return tuple(sorted(found))

    def changes(
        self, names: Iterable[tuple[str | None, str]], first: int, last: int, calls: float
    ) -> tuple[TableChange, ...]:
        """What happened to tables between before interval `first` and `last`; `calls` of the statement an interval."""
        return tuple(self._change(oid, first, last, max(1.0, calls)) for oid in self.oids(names))

    def _change(self, oid: int, first: int, last: int, calls: float) -> TableChange:
        track = self._tables[oid]
        then, now = track.at(first - 1 - _BEFORE), track.at(last)
        schema, table = self._of[oid]
        length = last - first + 1
        earlier = (first - 1 - _BEFORE - 15, first - 1)
        scans_before = _average(track.rows(*earlier), 2, earlier, first - 1)
        scans_now = sum(row[2] for row in track.rows(first, last)) / length
        lookups, per_lookup, abandoned = self._lookups(oid, first, last, calls)
        return TableChange(
            oid=oid,
            schema=schema,
            table=table,
            growth=_growth(then, now),
            bytes_then=int(then[1]) if then and then[1] >= 0 else None,
            seq_scans_began=scans_now >= 0.5 * calls and scans_before < 0.1 * scans_now,
            lookups=lookups,
            rows_per_lookup=per_lookup,
            index_abandoned=abandoned,
            dead_share=now[4] / max(1.0, now[0] + now[4]) if now else 0.0,
            written=sum(row[3] for row in track.rows(first - _BEFORE, last)) / max(1.0, now[0] if now else 1.0),
        )

    def _lookups(self, oid: int, first: int, last: int, calls: float) -> tuple[float, float, str | None]:
        """Index scans now / then, rows per scan now / then, an index that is no longer used."""
        length = last - first + 1
        total_then = total_now = 0.0
        deepest, abandoned = 1.0, None
        earlier = (first - 1 - _BEFORE - 15, first - 1)
        for index, track in self._indexes.get(oid, {}).items():
            before, after = track.rows(*earlier), track.rows(first, last)
            scans_then = _average(before, 0, earlier, first - 1)
            scans_now = sum(row[0] for row in after) / length
            total_then, total_now = total_then + scans_then, total_now + scans_now
            if scans_then >= 0.5 * calls and scans_now < min(0.1 * scans_then, 0.3 * calls):
                abandoned = self._index_names[index]
            elif scans_now >= 0.3 * calls and before:
                then = sum(row[1] for row in before) / max(1.0, sum(row[0] for row in before))
                now = sum(row[1] for row in after) / max(1.0, sum(row[0] for row in after))
                deepest = max(deepest, (now + 1) / (then + 1))
        return (total_now + 1) / (total_then + 1), deepest, abandoned


def _average(rows: Sequence[tuple[float, ...]], place: int, span: tuple[int, int], last: int) -> float:
    """Average over the intervals of a span; intervals without a row count as zero, those before the first do not."""
    return sum(row[place] for row in rows) / max(1, min(last, span[1]) - max(1, span[0]) + 1)


def _growth(then: tuple[float, ...] | None, now: tuple[float, ...] | None) -> float:
    if then is None or now is None:
        return 1.0
    rows = (now[0] + 1) / (then[0] + 1)
    if then[1] < 0 or now[1] < 0:
        return rows
    return min(rows, (now[1] + 8192) / (then[1] + 8192))


def about_the_system(query: str | None, names: Sequence[tuple[str | None, str]]) -> bool:
    """Whether a statement looks at postai or at the system catalogs only: what watches is not what is watched."""
    if query is not None and _POSTAI.search(query):
        return True
    return bool(names) and all(
        schema in _SYSTEM or (schema is None and table.startswith("pg_")) for schema, table in names
    )


def tables_in(query: str | None) -> tuple[tuple[str | None, str], ...]:
    """Schema (None = not written) and name of every table that a text names; () for what cannot be parsed."""
    if query is None:
        return ()
    try:
        statements = parse(query)
    except PostaiError:
        return ()  # truncated, or no SQL of ours: then nothing is known of its tables
    found: dict[tuple[str | None, str], None] = {}
    for one in statements:
        for node in messages(one.tree):
            if node.DESCRIPTOR.name == "RangeVar":
                found[node.schemaname or None, node.relname] = None
    return tuple(found)
