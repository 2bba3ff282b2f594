"""What ANALYZE knows of tables: the numbers that the models of index size, write cost and scan cost work with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from postai.database import named_sql
from postai.database.protocol import Database

VARLENA_WIDTH = 32.0
"""Bytes that PostgreSQL's planner takes for a value of variable length of which nothing is known (get_typavgwidth)."""

DOCUMENTS = 101
"""Values of a jsonb column that are kept to look at: as many as a histogram holds with the usual statistics target."""

TEXTS = 34
"""Values of a text column that are kept to look at."""


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """One column, as ANALYZE found it.

    Attributes:
        name: unquoted.
        type_name: pg_type.typname, of the base type for a domain.
        category: pg_type.typcategory: N number, S string, A array, ...
        length: bytes of a value (typlen); -1 = varies.
        align: pg_type.typalign: c, s, i or d (1, 2, 4 or 8 bytes).
        average_width: bytes of a value that is not null, as stored; None = no statistics, or not readable.
        null_fraction: share of nulls, 0 to 1.
        n_distinct: as in pg_stats: negative = minus a share of the rows; 0 = unknown.
        correlation: of the values' order with the rows' order on disk, -1 to 1; None = unknown.
        common_freqs: share of each of the most common values, most common first.
        element_freqs: of arrays and tsvectors: share of the values in which each of the most common elements is,
            the most frequent first.
        elements_per_value: distinct elements of an array, on average; None = unknown.
        common: the most common values as text, in the order of `common_freqs` (texts and jsonb only; secret).
        samples: other values as text, evenly spread (texts and jsonb only; secret).
    """

    name: str
    type_name: str
    category: str = "U"
    length: int = -1
    align: str = "i"
    average_width: float | None = None
    null_fraction: float = 0.0
    n_distinct: float = 0.0
    correlation: float | None = None
    common_freqs: tuple[float, ...] = ()
    element_freqs: tuple[float, ...] = ()
    elements_per_value: float | None = None
    common: tuple[str, ...] = field(default=(), repr=False)
    samples: tuple[str, ...] = field(default=(), repr=False)

    @property
    def width(self) -> float:
        """Bytes of a value that is not null."""
        if self.length > 0:
            return float(self.length)
        return VARLENA_WIDTH if self.average_width is None else self.average_width

    def distinct(self, rows: float) -> float:
        """Number of distinct values that are not null, in a table of so many rows; at least 1."""
        if self.n_distinct > 0:
            return max(1.0, min(self.n_distinct, rows))
        if self.n_distinct < 0:
            return max(1.0, -self.n_distinct * rows)
        if self.type_name == "bool":
            return 2.0
        return max(1.0, min(200.0, rows))  # DEFAULT_NUM_DISTINCT of the planner

    def weighted_samples(self) -> tuple[tuple[str, float], ...]:
        """Values with the share of the non-null rows that each of them stands for."""
        filled = max(1.0 - self.null_fraction, 1e-9)
        heads = [(text, freq / filled) for text, freq in zip(self.common, self.common_freqs, strict=False)]
        rest = max(0.0, 1.0 - sum(share for _, share in heads))
        return (*heads, *((text, rest / len(self.samples)) for text in self.samples))


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """One table, as VACUUM and ANALYZE found it; of a partitioned table all leaves together.

    Attributes:
        oid: of the table.
        rows: live rows.
        pages: of the heap, in blocks.
        visible_fraction: share of the pages that are all-visible, 0 to 1.
        leaves: partitions that hold rows; 1 for an ordinary table.
        columns: by name.
    """

    oid: int
    rows: float
    pages: float
    visible_fraction: float = 0.0
    leaves: int = 1
    columns: Mapping[str, ColumnFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """The planner's prices. `effective_cache_size` in blocks, `work_mem` in kB, `block_size` in bytes."""

    seq_page_cost: float = 1.0
    random_page_cost: float = 4.0
    cpu_tuple_cost: float = 0.01
    cpu_index_tuple_cost: float = 0.005
    cpu_operator_cost: float = 0.0025
    effective_cache_size: float = 524288.0
    work_mem: float = 4096.0
    block_size: int = 8192


def read_statistics(db: Database, oids: Iterable[int]) -> Mapping[int, TableStatistics]:
    """The statistics of some tables in one query; no relation is opened and no lock waited for.

    Columns that the connected role may not read come without facts. Relations that are gone are left out.

    Args:
        db: any session in their database.
        oids: of tables, partitioned tables, materialized views.

    Returns:
        oid -> statistics.

    Raises:
        ServerError: the server refused the query.
    """
    blocks = named_sql.load(__package__, "statistics.sql")
    found: dict[int, TableStatistics] = {}
    columns: dict[int, dict[str, ColumnFacts]] = {}
    for row in db.query(blocks["table_statistics"], (list(dict.fromkeys(oids)), DOCUMENTS, TEXTS)):
        oid, rows, pages, visible, leaves, *rest = row
        one = _column(rest)
        if oid not in found:
            columns[oid] = {}
            found[oid] = TableStatistics(
                oid,
                max(float(rows or 0.0), 0.0),
                max(float(pages or 0), 0.0),
                min(1.0, float(visible or 0) / float(pages)) if pages else 0.0,
                max(int(leaves), 1),
                MappingProxyType(columns[oid]),
            )
        columns[oid][one.name] = one
    return {oid: _with_pages(one) for oid, one in found.items()}


def read_planner_settings(db: Database) -> PlannerSettings:
    """The planner's prices in this session."""
    row = db.query(named_sql.load(__package__, "statistics.sql")["planner_settings"])[0]
    sequential, random, tuples, index_tuples, operators, cache, memory = map(float, row[:7])
    return PlannerSettings(sequential, random, tuples, index_tuples, operators, cache, memory, int(row[7]))


def _column(row: list[Any]) -> ColumnFacts:
    name, type_name, category, length, align, _, width, nulls, distinct, correlation, freqs, elements, *rest = row
    per_value, common, samples = rest
    return ColumnFacts(
        str(name),
        str(type_name),
        str(category),
        int(length),
        str(align),
        None if width is None else float(width),
        float(nulls or 0.0),
        float(distinct or 0.0),
        None if correlation is None else float(correlation),
        tuple(map(float, freqs or ())),
        tuple(sorted(map(float, elements or ()), reverse=True)),
        None if per_value is None else float(per_value),
        tuple(common or ()),
        tuple(samples or ()),
    )


def _with_pages(table: TableStatistics) -> TableStatistics:
    """A table that VACUUM and ANALYZE have never seen is as large as its counted rows need."""
    if table.pages > 0 or table.rows <= 0:
        return table
    width = sum(one.width * (1.0 - one.null_fraction) for one in table.columns.values())
    pages = math.ceil(table.rows * (width + 28) / 8168)
    return TableStatistics(table.oid, table.rows, float(pages), 0.0, table.leaves, table.columns)
