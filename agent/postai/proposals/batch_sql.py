"""The statements of a backfill: composed from its parts, with the keys as parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from postai.database.identifiers import quote_ident
from postai.proposals.types import Backfill


def whole_statement(backfill: Backfill) -> str:
    """The statement that would do it at once; it is what rights and triggers are judged by."""
    return _write(backfill, f"WHERE ({backfill.condition})")


def fills(backfill: Backfill) -> bool:
    """Whether it fills a column that is empty: the rows that need it have NULL there."""
    return any(backfill.condition.startswith(f"{quote_ident(name)} IS NULL") for name in backfill.assignments)


class BatchSql:
    """Statements over slices of the key; a percent sign in an expression is doubled, as they have parameters.

    Args:
        backfill: what to write.
        types: type of each key column, as format_type gives it.
    """

    def __init__(self, backfill: Backfill, types: Sequence[str]) -> None:
        self._backfill = backfill
        self._names = _doubled(", ".join(quote_ident(name) for name in backfill.key))
        self._values = ", ".join(f"%s::{one}" for one in types)
        # An output name of its own: ORDER BY would take a column of the output before one of the table.
        keys = ", ".join(f"{quote_ident(name)}::text" for name in backfill.key)
        self._texts = f'ARRAY[{keys}] AS "postai: key"'
        self._source = _doubled(backfill.table)

    def last_key(self) -> str:
        """The highest key, as an array of texts; no row = the table is empty. No parameters."""
        order = ", ".join(f"{quote_ident(name)} DESC" for name in self._backfill.key)
        return f"SELECT {self._texts} FROM {self._backfill.table} ORDER BY {order} LIMIT 1"  # noqa: S608 - quoted names

    def slice_end(self, *, first: bool) -> str:
        """Where a batch ends, as `last_key`; no row = at the bound. Parameters: [last key,] bound, rows - 1."""
        return (
            f"SELECT {_doubled(self._texts)} FROM {self._source} WHERE {self._span(first)}"  # noqa: S608 - quoted names
            f" ORDER BY {self._names} OFFSET %s LIMIT 1"
        )

    def batch(self, *, first: bool) -> str:
        """Write the rows of a slice that need it. Parameters: [last key,] end of the slice."""
        return _write(self._backfill, f"WHERE {self._span(first)} AND ({_doubled(self._backfill.condition)})", _doubled)

    def rest(self) -> str:
        """Whether rows up to the bound still need it. Parameters: bound."""
        condition = _doubled(self._backfill.condition)
        return f"SELECT EXISTS (SELECT FROM {self._source} WHERE {self._span(True)} AND ({condition}))"  # noqa: S608

    def any_left(self) -> str:
        """Whether any row still needs it. No parameters."""
        return f"SELECT EXISTS (SELECT FROM {self._backfill.table} WHERE {self._backfill.condition})"  # noqa: S608

    def _span(self, first: bool) -> str:
        upper = f"({self._names}) <= ({self._values})"
        return upper if first else f"({self._names}) > ({self._values}) AND {upper}"


def _write(backfill: Backfill, where: str, escape: Callable[[str], str] = str) -> str:
    table = escape(backfill.table)
    if not backfill.assignments:
        return f"DELETE FROM {table} {where}"  # noqa: S608 - vetted as a whole before it runs
    listed = ", ".join(f"{escape(quote_ident(name))} = ({escape(text)})" for name, text in backfill.assignments.items())
    return f"UPDATE {table} SET {listed} {where}"  # noqa: S608 - vetted as a whole before it runs


def _doubled(text: str) -> str:
    return text.replace("%", "%%")
