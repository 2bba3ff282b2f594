"""What an index costs when rows are written: milliseconds for each row, by access method.

The constants are times measured on one machine; what counts is their ratio. docs/optimize-models.md says how they were
measured and what was left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from postai.optimize.index_keys import key_facts
from postai.optimize.index_size import IndexShape, tuple_bytes
from postai.optimize.statistics import ColumnFacts

BTREE_US = 2.0
"""Microseconds of one btree insertion into the rightmost page, where keys ascend."""

BTREE_RANDOM_US = 5.0
"""More of them where the place has to be searched for."""

BTREE_BYTE_US = 0.02
"""More of them for each byte of the tuple beyond 16 (WAL, page splits)."""

HASH_US = 5.0
BRIN_US = 0.1
GIN_ROW_US = 2.0
GIN_KEY_US = 0.7
GIST_US = 12.0

_ASCENDING = 0.95


def write_ms_per_row(shape: IndexShape, *, selected: float | None = None) -> float:
    """Time that the index adds to the insertion of one row, and to an update that is not HOT.

    A DELETE costs nothing at once: its entries are taken away by VACUUM.

    Args:
        shape: of the index.
        selected: share of the written rows that satisfy the predicate of a partial index; None = as in the table.
    """
    share = shape.fraction if selected is None else selected
    return share * _insert_us(shape) / 1000.0


def hot_loss_ms(indexes: Sequence[float], updates: float, hot_share: float) -> float:
    """What it costs when updates that were HOT are no longer: each index of the table gets an entry for the new row.

    Call it when an UPDATE sets a column of the new index's keys or predicate (BRIN apart from PostgreSQL 16 on).

    Args:
        indexes: `write_ms_per_row` of each index that the table has already; the new one is counted with its own
            updates.
        updates: rows updated that way, in the time for which the cost is asked.
        hot_share: share of the table's updates that are HOT today (n_tup_hot_upd / n_tup_upd).

    Returns:
        milliseconds in that time.
    """
    return sum(indexes) * updates * min(max(hot_share, 0.0), 1.0)


def _insert_us(shape: IndexShape) -> float:
    definition, table = shape.definition, shape.statistics
    keys = [key_facts(one, table) for one in definition.keys]
    if definition.method == "brin":
        return BRIN_US
    if definition.method == "hash":
        return HASH_US
    if definition.method == "gin":
        per_row = shape.gin.keys_per_row if shape.gin else 1.0
        return GIN_ROW_US + GIN_KEY_US * per_row
    if definition.method == "gist":
        return GIST_US
    included = [table.columns[one] for one in definition.include if one in table.columns]
    return _btree_us(keys, [*keys, *included], shape.rows)


def _btree_us(keys: Sequence[ColumnFacts], columns: Sequence[ColumnFacts], rows: float) -> float:
    ascending = (keys[0].correlation or 0.0) > _ASCENDING and keys[0].distinct(rows) > 0.1 * rows
    us = BTREE_US if ascending else BTREE_US + BTREE_RANDOM_US * max(1.0, math.log2(max(rows, 2.0))) / 18.0
    return us + BTREE_BYTE_US * max(0.0, tuple_bytes(columns) - 16.0)
