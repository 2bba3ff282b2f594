"""How large the indexes under examination would be."""

from __future__ import annotations

from collections.abc import Callable

from postai.optimize.facts import Facts
from postai.optimize.index_size import IndexShape, index_shape
from postai.optimize.types import IndexDefinition


class Sizes:
    """Shapes of indexes, each computed once.

    Args:
        facts: of the tables.
        matching: rows of a table (oid) that satisfy a condition (SQL text), as the planner estimates them.
    """

    def __init__(self, facts: Facts, matching: Callable[[int, str], float]) -> None:
        self._facts = facts
        self._matching = matching
        self._shapes: dict[IndexDefinition, IndexShape] = {}
        self._rows: dict[tuple[int, str], float] = {}

    def shape(self, index: IndexDefinition) -> IndexShape:
        """How large the index would be."""
        if index not in self._shapes:
            statistics = self._facts.statistics[index.table_oid]
            self._shapes[index] = index_shape(index, statistics, self.fraction(index))
        return self._shapes[index]

    def bytes(self, index: IndexDefinition) -> int:
        """Size of the index right after it is built."""
        return self.shape(index).bytes

    def fraction(self, index: IndexDefinition) -> float:
        """Share of the table's rows that the index holds."""
        rows = self._facts.statistics[index.table_oid].rows
        return 1.0 if index.where is None or rows <= 0 else min(1.0, self.rows(index, index.where) / rows)

    def rows(self, index: IndexDefinition, condition: str) -> float:
        """Rows of the index's table that satisfy a condition."""
        key = (index.table_oid, condition)
        if key not in self._rows:
            self._rows[key] = self._matching(*key)
        return self._rows[key]
