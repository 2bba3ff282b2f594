"""The rows that are there when a stream of triggers begins, each table in a snapshot of its own.

The triggers of a table are there before its snapshot: what is not in it is in the log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from postai.database.protocol import Database
from postai.replicate.capture_apply import (
    Followed,
    WrittenAnew,
    be_replica,
    column_list,
    files,
    require_shape,
    to_disk,
)
from postai.replicate.capture_install import UNLIMITED, Names, Shape, pinned, relation, shapes


def copy_table(
    publisher: Database, subscriber: Database, names: Names, table: Followed, schemas: Sequence[str], *, binary: bool
) -> bool:
    """Copy a table and note it, in one transaction of the subscriber; False where it is not there yet.

    Args:
        table: with the state `again` what was copied before goes first.
        binary: whether values travel in binary form, where their types have the same name on both sides.

    Raises:
        Refused: the subscriber lacks a column.
    """
    number = relation(subscriber, table.name)
    if number is None:
        return False
    before = files(publisher, names, [table.relation])
    with pinned(subscriber, applies=names.schema):
        subscriber.query(UNLIMITED)
        be_replica(subscriber, schemas)
        with pinned(publisher, frozen=True):
            publisher.query(UNLIMITED)
            ((snapshot,),) = publisher.query(names.sql("snapshot"))
            mine = shapes(publisher, [table.relation]).get(table.relation)
            if mine is None:
                return False
            there = require_shape(mine, shapes(subscriber, [number])[number])
            if table.state == "again":
                subscriber.execute(names.sql("empty", table=there.qualified))
            form = " (format binary)" if binary and _types(mine) == _types(there, mine.columns) else ""
            columns = column_list(mine.columns)
            counted = _Counted(publisher.copy_out(f"copy {mine.qualified}{columns} to stdout{form}"))
            rows = subscriber.copy_in(f"copy {there.qualified}{columns} from stdin{form}", counted)
            if files(publisher, names, [table.relation]) != before:
                raise WrittenAnew
        to_disk(publisher, names)
        subscriber.execute(names.sql("set_copied"), (table.relation, mine.qualified, snapshot, rows, counted.bytes))
    return True


def _types(shape: Shape, columns: Sequence[str] | None = None) -> list[str]:
    found = dict(zip(shape.columns, shape.types, strict=True))
    return [found[one] for one in columns or shape.columns]


class _Counted:
    """Blocks on their way, and how many bytes there were."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for block in self._blocks:
            self.bytes += len(block)
            yield block
