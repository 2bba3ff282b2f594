"""Reading and writing of the history (sql/61_history.sql), each kind in one round trip.

Whoever reads or writes it must be the agent (or a member of the role postai_agent, or the owner of schema postai).
A window belongs to a time when it *ended* in it: `since` < end <= `until`. What was not collected has no window; what
was collected and did nothing has none either, see `read_intervals`. Windows older than setting history_days are an
hour long. Beginnings are known to the millisecond only, so compare ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from postai.database import Database, Row
from postai.database.named_sql import load
from postai.history.parameters import parameters_of
from postai.history.types import (
    BlockWindow,
    ColumnUse,
    DatabaseWindow,
    IndexWindow,
    LoggedPlan,
    LogPosition,
    PartState,
    Predicate,
    ServerWindow,
    Statement,
    StatementKey,
    StatementPlan,
    StatementWindow,
    StorageSeen,
    TableWindow,
    ValuesSource,
    WaitWindow,
)

Window = StatementWindow | TableWindow | IndexWindow | WaitWindow | BlockWindow | DatabaseWindow | ServerWindow

VALUES_OF_EACH = 5
"""Texts with values that are kept of one statement."""
VALUES_ALTOGETHER = 2000
"""Texts with values that are kept of all statements."""


# Statements.


def write_texts(db: Database, statements: Sequence[Statement]) -> None:
    """Keep what is known of statements beside their counters; what is None does not overwrite what is known."""
    _write(db, "write_texts", [_key(one.key) | _values(one, "key") for one in statements])


def write_statements(db: Database, windows: Sequence[StatementWindow]) -> None:
    """Keep windows; statements that have no text yet get the windows'."""
    _write(db, "write_statements", [_key(one.key) | _window(one, "key") for one in windows])


def read_statements(
    db: Database, since: datetime, until: datetime, *, rest: bool = False, own: bool = False
) -> tuple[StatementWindow, ...]:
    """Every window of every statement, by end, the longest total time first.

    Args:
        rest: also the sums of statements that were too small for a row (`StatementKey.rest`).
        own: also the agent's own statements.
    """
    return tuple(map(_statement, db.query(_sql("read_statements"), (since, until, rest, own))))


def sum_statements(
    db: Database, since: datetime, until: datetime, *, rest: bool = False, own: bool = False
) -> tuple[StatementWindow, ...]:
    """One window for each statement: the sum of those that `read_statements` gives, the longest total time first."""
    return tuple(map(_statement, db.query(_sql("sum_statements"), (since, until, rest, own))))


def read_texts(db: Database, since: datetime) -> tuple[Statement, ...]:
    """What is known of the statements of this database that ran since a time (up to an hour before it)."""
    return tuple(map(_text, db.query(_sql("read_texts"), (since,))))


def read_known(db: Database) -> dict[StatementKey, tuple[bool, bool, bool]]:
    """The statements of this database: whether there is a text, whether that is a utility's, whether columns are known
    or cannot be."""
    return {StatementKey(*row[:4]): (row[4], row[5], row[6]) for row in db.query(_sql("read_known"))}


def texts_of(db: Database, keys: Iterable[StatementKey]) -> tuple[Statement, ...]:
    """What is known of these statements."""
    wanted = [_key(key) for key in keys]
    return tuple(map(_text, db.query(_sql("texts_of"), (json.dumps(wanted),)))) if wanted else ()


def write_plans(db: Database, plans: Sequence[StatementPlan]) -> None:
    """Keep shapes of plans, the last five of each statement; statements must be known."""
    _write(db, "write_plans", [_key(one.key) | _values(one, "key") for one in plans])


def read_plans(db: Database, since: datetime) -> tuple[StatementPlan, ...]:
    """Shapes that were seen since a time, the last one of each statement first."""
    return tuple(StatementPlan(StatementKey(*row[:4]), *row[4:]) for row in db.query(_sql("read_plans"), (since,)))


def read_column_uses(db: Database, since: datetime) -> tuple[ColumnUse, ...]:
    """What the statements of this database that ran since a time do with which columns."""
    return tuple(ColumnUse(*row) for row in db.query(_sql("read_column_uses"), (since, since)))


def write_predicates(db: Database, at: datetime, predicates: Sequence[Predicate]) -> None:
    """Keep the conditions that are counted now in the place of those that were."""
    rows = [asdict(one) for one in predicates]
    db.execute(_sql("write_predicates"), (at, json.dumps(rows), at))


def read_predicates(db: Database) -> tuple[Predicate, ...]:
    """The conditions on columns that were counted when it was looked last."""
    return tuple(Predicate(*row) for row in db.query(_sql("read_predicates")))


def write_logged_plans(db: Database, plans: Sequence[LoggedPlan]) -> None:
    """Keep plans of runs, the last five shapes of each statement; statements must be known."""
    _write(db, "write_logged_plans", [_key(one.key) | _values(one, "key") for one in plans])


def read_logged_plans(db: Database, keys: Iterable[StatementKey]) -> tuple[LoggedPlan, ...]:
    """Plans that these statements ran with, the one that was logged last first."""
    wanted = json.dumps([_key(key) for key in keys])
    return tuple(LoggedPlan(StatementKey(*row[:4]), *row[4:]) for row in db.query(_sql("read_logged_plans"), (wanted,)))


def write_log_position(db: Database, position: LogPosition) -> None:
    """Up to there the server's log is read."""
    db.execute(_sql("write_log_position"), (position.file, position.bytes))


def read_log_position(db: Database) -> LogPosition | None:
    """Up to where the server's log was read; None = it never was, or not since that was switched off."""
    rows = db.query(_sql("read_log_position"))
    return LogPosition(*rows[0]) if rows else None


def forget_log_position(db: Database) -> None:
    """Begin at the log's end when it is read again."""
    db.execute(_sql("forget_log_position"))


# Parameters. Row values: nothing of this may reach people, logs or a model.


def write_values(db: Database, texts: Iterable[tuple[StatementKey, ValuesSource, str]]) -> None:
    """Keep texts of known statements with the values in them; bounded, the newest stay."""
    found = [_key(key) | {"source": source, "query": query} for key, source, query in texts]
    if found:
        db.execute(_sql("write_values"), (VALUES_OF_EACH, VALUES_ALTOGETHER, json.dumps(found)))


def forget_values(db: Database) -> None:
    """Delete every text with values."""
    db.execute(_sql("forget_values"))


def read_parameters(db: Database, queryid: int) -> tuple[tuple[str, ...], ...]:
    """Parameter sets that a statement of this database was run with, each a tuple of SQL literals for $1, $2, ...

    They come from the texts that are kept while an operator allows it (setting collect_values), the newest first.
    """
    found = (parameters_of(query, sample) for query, sample in db.query(_sql("read_values"), (queryid,)))
    return tuple(dict.fromkeys(one for one in found if one))


# Tables, indexes, waits, the database, the server.


def write_tables(db: Database, windows: Sequence[TableWindow]) -> None:
    _write(db, "write_tables", map(_window, windows))


def read_tables(db: Database, since: datetime, until: datetime) -> tuple[TableWindow, ...]:
    """Every window of every table that something happened to, also of tables that were dropped."""
    return tuple(TableWindow(*row) for row in db.query(_sql("read_tables"), (since, until)))


def write_indexes(db: Database, windows: Sequence[IndexWindow]) -> None:
    _write(db, "write_indexes", map(_window, windows))


def read_indexes(db: Database, since: datetime, until: datetime) -> tuple[IndexWindow, ...]:
    """Every window of every index that was used, also of indexes that were dropped."""
    return tuple(IndexWindow(*row) for row in db.query(_sql("read_indexes"), (since, until)))


def write_waits(db: Database, windows: Sequence[WaitWindow]) -> None:
    _write(db, "write_waits", map(_window, windows))


def read_waits(db: Database, since: datetime, until: datetime) -> tuple[WaitWindow, ...]:
    """What active backends of this database were seen waiting for."""
    return tuple(WaitWindow(*row) for row in db.query(_sql("read_waits"), (since, until)))


def write_blocks(db: Database, windows: Sequence[BlockWindow]) -> None:
    _write(db, "write_blocks", map(_window, windows))


def read_blocks(db: Database, since: datetime, until: datetime) -> tuple[BlockWindow, ...]:
    """Who waited for whose lock, the longest first."""
    return tuple(BlockWindow(*row) for row in db.query(_sql("read_blocks"), (since, until)))


def write_databases(db: Database, windows: Sequence[DatabaseWindow]) -> None:
    _write(db, "write_databases", map(_window, windows))


def read_databases(db: Database, since: datetime, until: datetime) -> tuple[DatabaseWindow, ...]:
    """What happened in this database, and in all others together (dbid 0)."""
    return tuple(DatabaseWindow(*row) for row in db.query(_sql("read_databases"), (since, until)))


def read_intervals(db: Database, since: datetime, until: datetime) -> tuple[tuple[datetime, datetime], ...]:
    """Beginning and end of every interval of which statements were collected, in order.

    A statement without a window in one of them did not run then, or was too small for a row.
    """
    return tuple((row[0], row[1]) for row in db.query(_sql("read_intervals"), (since, until)))


def write_server(db: Database, windows: Sequence[ServerWindow]) -> None:
    _write(db, "write_server", map(_window, windows))


def read_server(db: Database, since: datetime, until: datetime) -> tuple[ServerWindow, ...]:
    return tuple(ServerWindow(*row) for row in db.query(_sql("read_server"), (since, until)))


def write_storage(db: Database, seen: StorageSeen) -> None:
    _write(db, "write_storage", [_values(seen)])


def read_storage(db: Database, since: datetime, until: datetime) -> tuple[StorageSeen, ...]:
    """What was measured after `since` and not after `until`."""
    return tuple(StorageSeen(*row) for row in db.query(_sql("read_storage"), (since, until)))


# How the collection goes.


def write_states(db: Database, states: Sequence[PartState]) -> None:
    """Keep how parts of the collection go; what is None stays as it was, but for missing, hint and error."""
    _write(db, "write_states", map(_values, states))


def read_states(db: Database) -> tuple[PartState, ...]:
    return tuple(PartState(*row) for row in db.query(_sql("read_states")))


def _sql(block: str) -> str:
    return load("postai.history", "store.sql")[block]


def _write(db: Database, block: str, rows: Iterable[Mapping[str, object]]) -> None:
    found = list(rows)
    if found:
        db.execute(_sql(block), (json.dumps(found, default=_plain),))


def _plain(value: object) -> str:
    assert isinstance(value, datetime), f"{type(value)} is not kept"
    return value.isoformat()


def _key(key: StatementKey) -> dict[str, object]:
    return {"dbid": key.dbid, "userid": key.userid, "queryid": key.queryid, "toplevel": key.toplevel}


def _values(one: Any, *without: str) -> dict[str, object]:
    """The fields of a dataclass by name; what is None, or zero by default, is left out, as it is NULL in the table."""
    values = {field: getattr(one, field.name) for field in fields(one) if field.name not in without}
    return {field.name: value for field, value in values.items() if value is not None and value != field.default}


def _window(one: Window, *without: str) -> dict[str, object]:
    return _values(one, "start", "end", *without) | {"at": one.end, "seconds": (one.end - one.start).total_seconds()}


def _statement(row: Row) -> StatementWindow:
    return StatementWindow(StatementKey(*row[:4]), *row[4:])


def _text(row: Row) -> Statement:
    query, truncated, utility, own, usage = row[4:]
    return Statement(StatementKey(*row[:4]), query, truncated, utility, own, None if usage is None else _usage(usage))


def _usage(found: Mapping[str, Mapping[str, Sequence[str]]]) -> dict[str, dict[str, tuple[str, ...]]]:
    return {table: {use: tuple(columns) for use, columns in uses.items()} for table, uses in found.items()}
