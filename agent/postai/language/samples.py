"""Bounded reads of columns: some distinct values of a table, or which of given values it has.

Only code of the reader's own making runs: no view, no policy, no cast, no expression of an index or a constraint with a
function of somebody else's (samples.sql says how). Nothing waits for a lock longer than a tenth of a second.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from postai.database import ConnectionFailed, ConnectionLost, Database, ServerError, named_sql
from postai.database.catalog import Column, Table
from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.deadline import Deadline

Family = Literal["text", "integer", "numeric", "uuid"]

ROW_BYTES = 100
"""Size that a row is taken to have where the table was never analysed."""
_COLUMNS_AT_A_TIME = 8
_TEXTS = frozenset({"text", "varchar", "bpchar", "name", "citext"})
_INTEGERS = frozenset({"int2", "int4", "int8"})
_AS_TEXT: Mapping[Family, str] = {
    "text": "t.{column}::pg_catalog.text",
    "integer": "t.{column}::pg_catalog.int8::pg_catalog.text",
    "numeric": "pg_catalog.trim_scale(t.{column}::pg_catalog.numeric)::pg_catalog.text",
    "uuid": "t.{column}::pg_catalog.uuid::pg_catalog.text",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one read may cost.

    Attributes:
        rows: rows of one table; of a larger one, a sample of about as many.
        values: distinct values of one column.
        value_bytes: longest value, in bytes.
        partitions: tables below a partitioned one; one with more is not read.
        seconds: one statement.
    """

    rows: int = 100_000
    values: int = 1_000
    value_bytes: int = 320
    partitions: int = 100
    seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen in a column.

    Attributes:
        values: distinct values that are short enough, with the number of rows of each.
        nulls: rows without a value.
        long: rows with a value that is too long.
        many: there were more distinct values than were asked for; then the numbers of rows mean nothing.
        whole: every row of the table was looked at.
    """

    values: Mapping[str, int] = field(default_factory=dict)
    nulls: int = 0
    long: int = 0
    many: bool = False
    whole: bool = False


def family(column: Column) -> Family | None:
    """The family of types that a column can be compared in; None = it is not read here."""
    if column.generated == "virtual":
        return None
    if column.type_category == "S" and column.base_type in _TEXTS:
        return "text"
    if column.base_type in _INTEGERS:
        return "integer"
    if column.base_type in ("numeric", "uuid"):
        return "numeric" if column.base_type == "numeric" else "uuid"
    return None


def readable(table: Table) -> bool:
    """Whether a table's rows may be looked at: its own, not protected by row level security, not an extension's."""
    return table.kind in ("table", "partitioned", "matview") and not table.row_security and not table.extension


def estimate(table: Table) -> int | None:
    """About how many rows a table has; None = nobody knows."""
    if table.row_estimate is not None:
        return table.row_estimate
    return None if table.total_bytes is None else table.total_bytes // ROW_BYTES


NEVER_READ = "0A000"
"""SQLSTATE of a table that is not read as it is defined: reading it would run a function of a user."""
_BEING_DEFINED, _GONE, _CHANGED = "55P03", "42P01", "55000"


class Sampler:
    """Reads columns of one database.

    Args:
        db: a session outside any transaction.
        bounds: what one read may cost.
        deadline: when all reading must end.

    Attributes:
        unread: SQLSTATEs of the tables that could not be read when they were read last, by oid: the server's, or
            55P03 = somebody is defining something on it, 42P01 = it is gone, 55000 = it changed since the picture,
            0A000 = reading it would run a function of a user.
    """

    def __init__(self, db: Database, bounds: Bounds, deadline: Deadline) -> None:
        self._db, self._bounds, self._deadline = db, bounds, deadline
        self.unread: dict[int, str] = {}
        self._sql = named_sql.load(__package__, "samples.sql")
        # What has no function of a user in it when it is made never gets one.
        self._harmless = frozenset(row[0] for row in db.query(self._sql["harmless"]))

    def distinct(self, table: Table, columns: Sequence[Column], values: int | None = None) -> dict[str, Sample] | None:
        """Distinct values of some columns of a table, by the columns' names.

        Args:
            values: most distinct values, where it is another number than in the bounds.

        Returns:
            None = the table cannot be read at this moment: it changed, is locked, is not permitted, or takes too long;
            `unread` says which.

        Raises:
            Cancelled: the deadline was cancelled.
            ConnectionLost: the session ended.
        """
        most = values or self._bounds.values
        found: dict[str, Sample] = {}
        for some in _groups(columns):
            parts = [
                self._sql["distinct"].format(number=number, rows=self._rows(table, column), groups=most + 3)
                for number, column in enumerate(some, 1)
            ]
            seen = self._read(table, parts, ())
            if seen is None:
                return None
            for number, column in enumerate(some, 1):
                found[column.name] = self._sample(seen[number], most, _percent(table, self._bounds) >= 100)
        return found

    def having(self, table: Table, column: Column, wanted: Sequence[str]) -> dict[str, int] | None:
        """Those of the wanted values that a column has, with the number of rows of each; None as for `distinct`."""
        part = self._sql["wanted"].format(number=1, rows=self._rows(table, column, whole=True).replace("%", "%%"))
        seen = self._read(table, [part], (list(wanted),))
        return None if seen is None else {value: count for value, _, count in seen[1] if value is not None}

    def _rows(self, table: Table, column: Column, whole: bool = False) -> str:
        kind = family(column)
        assert kind is not None
        name = quote_ident(column.name)
        return self._sql["rows"].format(
            bytes=self._bounds.value_bytes,
            column=name,
            type=column.type_oid,
            value=_AS_TEXT[kind].format(column=name),
            table=qualified(table.schema, table.name),
            percent=100 if whole else f"{_percent(table, self._bounds):.6f}",
            limit="all" if whole else self._bounds.rows + 1,
        )

    def _read(
        self, table: Table, parts: Sequence[str], params: Sequence[object]
    ) -> dict[int, list[tuple[str | None, bool | None, int]]] | None:
        self._deadline.check()
        head = {
            "oid": table.oid,
            "schema": quote_literal(table.schema),
            "name": quote_literal(table.name),
            "partitions": self._bounds.partitions + 1,
        }
        if params:
            head = {key: value.replace("%", "%%") if isinstance(value, str) else value for key, value in head.items()}
        statement = self._sql["read"].format(parts="\n".join(parts), **head)
        limit = max(1, int(min(self._bounds.seconds, self._deadline.remaining()) * 1000))
        try:
            with self._db.transaction():
                refused = self._refused(table, limit)
                rows = self._db.query(statement, params) if refused is None else []
        except (ConnectionLost, ConnectionFailed):
            raise
        except ServerError as error:
            # Locked, dropped, changed, not permitted, too slow: whatever it is, this table is not read now.
            self._deadline.check()
            refused = error.sqlstate
        found: dict[int, list[tuple[str | None, bool | None, int]]] = defaultdict(list)
        if refused is None:
            for number, value, long, seen in rows:
                found[number].append((value, long, seen))
            if found[0][0][2] != 1:
                refused = _CHANGED
        if refused is not None:
            self.unread[table.oid] = refused
            return None
        self.unread.pop(table.oid, None)
        return found

    def _refused(self, table: Table, limit: int) -> str | None:
        """Guard the transaction, and look why the table must not be read; None = planning runs nothing of a user's."""
        found = self._db.query(self._sql["guard"], (str(limit), table.oid))
        if not found:
            return _GONE
        *_, computed, defining, has_parts = found[0]
        if has_parts and not defining:
            computed, defining = self._db.query(self._sql["below"], (table.oid,))[0]
        if defining:
            return _BEING_DEFINED
        return None if self._harmless.issuperset(computed) else NEVER_READ

    def _sample(self, rows: Sequence[tuple[str | None, bool | None, int]], most: int, all_pages: bool) -> Sample:
        values = {value: seen for value, _, seen in rows if value is not None}
        nulls = sum(seen for value, long, seen in rows if value is None and not long)
        long = sum(seen for _, is_long, seen in rows if is_long)
        many = len(values) > most
        total = sum(values.values()) + nulls + long
        return Sample(values, nulls, long, many, all_pages and not many and total <= self._bounds.rows)


def _groups(columns: Sequence[Column]) -> Iterator[Sequence[Column]]:
    for start in range(0, len(columns), _COLUMNS_AT_A_TIME):
        yield columns[start : start + _COLUMNS_AT_A_TIME]


def _percent(table: Table, bounds: Bounds) -> float:
    rows = estimate(table) or 0
    return 100.0 if rows <= bounds.rows else max(0.0001, 100.0 * bounds.rows / rows)
