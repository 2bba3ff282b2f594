"""What an index costs when rows are written: milliseconds for each row, by access method.

The constants are times measured on one machine, with every page cached and a checkpoint before each run; what counts is
their ratio. docs/optimize-models.md says how they were measured and how far they are off.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from postai.optimize.index_keys import key_facts
from postai.optimize.index_size import IndexShape, tuple_bytes
from postai.optimize.statistics import ColumnFacts

BTREE_US = 1.2
"""Microseconds of one btree insertion into a page that was just written: ascending keys, or few different ones."""

BTREE_RANDOM_US = 3.0
"""More of them where any page may be the one, in an index of up to LARGE_PAGES."""

DOUBLING_US = 2.0
"""More of them each time that the index doubles beyond LARGE_PAGES: more pages go to the WAL whole after a checkpoint,
and fewer are in the processor's caches. Pages that have to be read from disk come on top."""

LARGE_PAGES = 1000.0

BTREE_BYTE_US = 0.025
"""More of them for each byte of the tuple beyond 16."""

HASH_US = 1.5
BRIN_US = 0.1
GIN_ROW_US = 0.5
GIN_KEY_US = 0.65
GIN_NEW_KEY_US = 2.5
"""More of them for a key that no row had before."""

GIST_US = 20.0
TO_TSVECTOR_BYTE_US = 0.3
"""Microseconds to take the words out of a byte of text, in an index on to_tsvector(...)."""

HOT_LOSS_US = 8.0
"""What an update takes longer when it cannot be heap-only, beside the entries: WAL, a page more, VACUUM."""

_ASCENDING = 0.95
_HOT_PLACES = 1000.0


def write_ms_per_row(shape: IndexShape) -> float:
    """Time that the index adds to the insertion of one row, and to an update that is not heap-only.

    Of a partial index the average over all rows, as they are spread in the table today. A DELETE costs nothing at once:
    the entry is taken away by VACUUM.
    """
    return shape.fraction * _insert_us(shape) / 1000.0


def hot_loss_ms(entries: Sequence[float]) -> float:
    """What one row's update takes longer when it was heap-only (HOT) and cannot be any more.

    That is so when an UPDATE sets a column of the new index's keys, INCLUDE or predicate (from PostgreSQL 16 on not for
    BRIN), and no index had such a column before.

    Args:
        entries: `write_ms_per_row` of every index of the table, the new one too: each gets an entry for the new row.
    """
    return HOT_LOSS_US / 1000.0 + sum(entries)


def _insert_us(shape: IndexShape) -> float:
    definition, table = shape.definition, shape.statistics
    keys = [key_facts(one, table) for one in definition.keys]
    if definition.method == "brin":
        return BRIN_US
    if definition.method == "hash":
        return HASH_US + _spread_us(shape.pages)
    if definition.method == "gist":
        return GIST_US
    if definition.method == "gin":
        gin = shape.gin
        per_row, new = (gin.keys_per_row, gin.entries / max(shape.rows, 1.0)) if gin else (1.0, 0.0)
        words = sum(
            one.width
            for one, key in zip(keys, definition.keys, strict=True)
            if one.type_name == "tsvector" and key.column is None
        )
        return GIN_ROW_US + GIN_KEY_US * per_row + GIN_NEW_KEY_US * min(new, per_row) + TO_TSVECTOR_BYTE_US * words
    included = [table.columns[one] for one in definition.include if one in table.columns]
    wide = max(0.0, tuple_bytes([*keys, *included]) - 16.0)
    return (
        BTREE_US
        + BTREE_BYTE_US * wide
        + _scatter([*keys, *included], table.rows) * (BTREE_RANDOM_US + _spread_us(shape.pages))
    )


def _spread_us(pages: float) -> float:
    return DOUBLING_US * math.log2(max(1.0, pages / LARGE_PAGES))


def _scatter(keys: Sequence[ColumnFacts], rows: float) -> float:
    """How much of the index a new row's place may be in: 0 = one of few pages, 1 = any.

    Rows of equal keys lie together, and a key that ascends always goes to the end of its place.
    """
    places = 1.0
    for one in keys:
        distinct = one.distinct(rows)
        if (one.correlation or 0.0) > _ASCENDING and distinct > 0.1 * rows:
            return min(1.0, places / _HOT_PLACES)
        places *= distinct
    return min(1.0, places / max(rows, 1.0))
