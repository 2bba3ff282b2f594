"""What new indexes cost the statements that write."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from postai.database.catalog_types import Index
from postai.optimize.expressions import columns_in
from postai.optimize.facts import Facts
from postai.optimize.sizes import Sizes
from postai.optimize.types import IndexDefinition
from postai.optimize.write_cost import write_ms_per_row

EXISTING_ENTRY_MS = 0.007
"""Time to put one row's entry into an index that exists, whatever it is."""

HOT_LOSS_MS = 0.2
"""What an update costs more, beside the entries, when it can no longer be heap-only. Measured: 0.06 to 0.1 ms for WAL
and for VACUUM to take dead entries away; doubled, because the table and all its indexes grow with it."""

HOT_SAFETY = 2.5
"""How many times the loss an index that ends heap-only updates has to save: what is measured at the UPDATE leaves out
tables and indexes that grow, VACUUM that runs more often, and WAL that is archived and replayed by standbys."""


@dataclass(frozen=True)
class Update:
    """Rows updated per day by statements that set these columns."""

    columns: frozenset[str]
    rows: float


@dataclass(frozen=True)
class TableWrites:
    """Rows written to one table per day."""

    inserted: float = 0.0
    updates: tuple[Update, ...] = ()
    deleted: float = 0.0

    @property
    def rows(self) -> float:
        return self.inserted + self.deleted + sum(one.rows for one in self.updates)


class WriteCosts:
    """Prices sets of indexes by what they add to writing.

    Args:
        facts: of the tables.
        sizes: of indexes.
        writes: by oid of the table.
        summarizing: whether BRIN indexes leave updates heap-only (PostgreSQL 16 and later).
    """

    def __init__(self, facts: Facts, sizes: Sizes, writes: Mapping[int, TableWrites], *, summarizing: bool) -> None:
        self._facts = facts
        self._sizes = sizes
        self._writes = writes
        self._summarizing = summarizing
        self._existing: dict[int, list[tuple[frozenset[str], str]]] = {}
        self._columns: dict[IndexDefinition, frozenset[str]] = {}
        self._entries: dict[IndexDefinition, float] = {}

    def ms_per_day(self, indexes: Iterable[IndexDefinition]) -> float:
        """Time that writes take more per day with these indexes."""
        return sum(self._table(oid, those) for oid, those in _by_table(indexes).items())

    def weighed_ms_per_day(self, indexes: Iterable[IndexDefinition]) -> float:
        """As `ms_per_day`, where updates that can no longer be heap-only count HOT_SAFETY times: what must be saved."""
        return sum(self._table(oid, those, HOT_SAFETY) for oid, those in _by_table(indexes).items())

    def loses_hot(self, index: IndexDefinition) -> float:
        """Updates per day that are heap-only now and could not be any more with this index."""
        lost = 0.0
        for update in self._of(index.table_oid).updates:
            if self._blocks(index) & update.columns and not self._blocked(index.table_oid, update.columns):
                lost += update.rows * self._hot_share(index.table_oid)
        return lost

    def written(self, table_oid: int) -> float:
        """Rows written to a table per day."""
        return self._of(table_oid).rows

    def _table(self, oid: int, indexes: list[IndexDefinition], hot_weight: float = 1.0) -> float:
        writes = self._of(oid)
        entries = sum(self._entry_ms(one) for one in indexes)
        total = entries * writes.inserted
        existing = EXISTING_ENTRY_MS * len(self._indexes(oid))
        for update in writes.updates:
            if self._blocked(oid, update.columns):
                total += update.rows * entries
            elif any(self._blocks(one) & update.columns for one in indexes):
                hot = self._hot_share(oid)
                total += hot_weight * update.rows * (entries + hot * (existing + HOT_LOSS_MS))
            else:
                total += update.rows * (1.0 - self._hot_share(oid)) * entries
        return total

    def _entry_ms(self, index: IndexDefinition) -> float:
        if index not in self._entries:
            self._entries[index] = write_ms_per_row(self._sizes.shape(index))
        return self._entries[index]

    def _of(self, oid: int) -> TableWrites:
        return self._writes.get(oid) or TableWrites()

    def _hot_share(self, oid: int) -> float:
        counters = self._facts.counters.get(oid)
        return 1.0 if counters is None or counters.hot_share is None else counters.hot_share

    def _blocked(self, oid: int, columns: frozenset[str]) -> bool:
        """Whether an existing index keeps updates of these columns from being heap-only."""
        return any(
            held & columns for held, method in self._indexes(oid) if not (self._summarizing and method == "brin")
        )

    def _indexes(self, oid: int) -> list[tuple[frozenset[str], str]]:
        if oid not in self._existing:
            table = self._facts.catalog.by_oid(oid)
            self._existing[oid] = [(_held(one), one.method) for one in table.indexes] if table is not None else []
        return self._existing[oid]

    def _blocks(self, index: IndexDefinition) -> frozenset[str]:
        """Columns whose update puts a new entry into the index."""
        if self._summarizing and index.method == "brin":
            return frozenset()
        if index not in self._columns:
            texts = [key.expression for key in index.keys if key.column is None]
            names = {key.column for key in index.keys if key.column is not None} | set(index.include)
            self._columns[index] = frozenset(names).union(*map(columns_in, [*texts, index.where or ""]))
        return self._columns[index]


def _by_table(indexes: Iterable[IndexDefinition]) -> dict[int, list[IndexDefinition]]:
    found: dict[int, list[IndexDefinition]] = defaultdict(list)
    for one in indexes:
        found[one.table_oid].append(one)
    return found


def _held(index: Index) -> frozenset[str]:
    names = {one for one in (*index.columns, *index.included) if one is not None}
    return frozenset(names).union(*map(columns_in, [*index.expressions, index.predicate or ""]))
