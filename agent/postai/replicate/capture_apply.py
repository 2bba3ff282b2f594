"""Changes on their way: which rows changed between two snapshots of the publisher, and what they are in the later one.

Each step reads within one snapshot of the publisher and changes the subscriber in one transaction, together with the
note how far it is. So the subscriber goes from one committed state of the publisher to a later one; transactions that
are still open there hold nothing up, and the order of changes does not matter: a key that was read twice is harmless.
However much there is, it goes at once, a part of it at a time in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from postai.database import ServerError
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.protocol import Database
from postai.errors import NotPermitted, Refused
from postai.replicate import fence
from postai.replicate.capture_install import UNLIMITED, Names, Shape, pinned, relation, shapes

# Changes that are in memory at a time.
AT_A_TIME = 20_000
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
Image = tuple[str | None, ...]


class WrittenAnew(Exception):
    """A table was emptied or written anew since the snapshot, which sees nothing in it now."""


@dataclass(frozen=True)
class Followed:
    """A table of a stream, as the subscriber notes it.

    Attributes:
        relation: its number on the publisher; name: there, as schema.name.
        state: copied (what changed meanwhile is still to come), ready, again (it has to be copied anew).
        snapshot: of the publisher, in which it was copied.
    """

    relation: int
    name: str
    state: str
    snapshot: str
    rows: int
    bytes: int


@dataclass
class _Batch:
    """Changes of one table: keys of rows that are read, or rows that came and went where there is no key."""

    emptied: bool = False
    keys: list[Image] = field(default_factory=list)
    rows: dict[Image, int] = field(default_factory=dict)


def position(subscriber: Database, names: Names) -> str | None:
    """The snapshot of the publisher that has arrived; None where the stream has not begun."""
    if relation(subscriber, names.progress) is None:
        return None
    rows = subscriber.query(names.sql("position"))
    return str(rows[0][0]) if rows else None


def followed(subscriber: Database, names: Names) -> dict[int, Followed]:
    """The tables of the stream by their numbers on the publisher; {} where it has not begun."""
    if relation(subscriber, names.tables) is None:
        return {}
    return {row[0]: Followed(*row) for row in subscriber.query(names.sql("followed"))}


def step(
    publisher: Database, subscriber: Database, names: Names, schemas: Sequence[str] = (), *, always: bool = False
) -> bool:
    """Apply everything that was committed; whether it has to be tried again, since a table was written anew meanwhile.

    Args:
        always: also when nothing has changed: tables that were copied are followed from then on.

    Raises:
        Refused: the subscriber lacks a table or a column.
        NotPermitted: its role cannot keep triggers and foreign keys from firing.
    """
    at = position(subscriber, names)
    if at is None or (not always and not anything(publisher, names, at)):
        return False
    try:
        _Step(publisher, subscriber, names, schemas).take(at)
    except WrittenAnew:
        return True
    return False


def anything(publisher: Database, names: Names, snapshot: str, but: int = 0) -> bool:
    """Whether something was written down after a snapshot; but: number of a table that does not count."""
    ((there,),) = publisher.query(names.after("anything", snapshot), (but,))
    return bool(there)


def to_disk(publisher: Database, names: Names) -> None:
    """Have all that a snapshot saw on the publisher's disk, before it is noted as arrived.

    What was committed with synchronous_commit = off, or rolled back, is not there yet. A crash would forget it and give
    the numbers of its transactions to others, whose changes would count as those that have arrived.
    """
    fence.keep(publisher, names.move, f"{names.trigger} was read")


class _Step:
    """One step on its way."""

    def __init__(self, publisher: Database, subscriber: Database, names: Names, schemas: Sequence[str]) -> None:
        self.publisher, self.subscriber, self.names, self.schemas = publisher, subscriber, names, schemas
        self.tables = {number: one for number, one in followed(subscriber, names).items() if one.state != "again"}

    def take(self, at: str) -> None:
        """Take everything that came after a snapshot: first all rows go that are others now, then they come."""
        names = self.names
        before = files(self.publisher, names, self.tables)
        with pinned(self.subscriber, applies=names.schema):
            self.subscriber.query(UNLIMITED)
            be_replica(self.subscriber, self.schemas)
            with pinned(self.publisher, frozen=True):
                self.publisher.query(UNLIMITED)
                ((now,),) = self.publisher.query(names.sql("snapshot"))
                if self.tables:
                    self.publisher.execute(names.after("changes", at, tables_followed=self._followed()))
                touched = self._apply() if self.tables else set()
                after = files(self.publisher, names, touched)
                if any(before[one] != after[one] for one in touched):
                    raise WrittenAnew
            to_disk(self.publisher, names)
            self.subscriber.execute(names.sql("move_to"), (now,))

    def _followed(self) -> str:
        """The tables, and in which snapshot those were copied that are not with the others yet."""
        return ", ".join(
            f"({number}::oid, {quote_literal(one.snapshot) if one.state == 'copied' else 'null'}::txid_snapshot)"
            for number, one in self.tables.items()
        )

    def _apply(self) -> set[int]:
        """Whatever a part has, all rows go before the first one comes: values that they exchange do not collide."""
        emptied: set[int] = set()
        touched: set[int] = set()
        pairs: dict[int, tuple[Shape, Shape]] = {}
        for batches in self._parts():
            new = shapes(self.publisher, batches.keys() - touched)
            touched |= batches.keys()
            pairs |= {number: (mine, self._there(mine)) for number, mine in new.items()}
            if these := {number for number, one in batches.items() if one.emptied and number in pairs}:
                self._empty([pairs[one][1].qualified for one in these])
                emptied |= these
            for number, batch in batches.items():
                if number in pairs and number not in emptied:
                    self._take_away(*pairs[number], batch)
        for number in emptied:
            mine, there = pairs[number]
            columns = column_list(mine.columns)
            self.subscriber.copy_in(f"copy {there.qualified}{columns} from stdin",
                                    self.publisher.copy_out(f"copy {mine.qualified}{columns} to stdout"))  # fmt: skip
        for batches in self._parts():
            for number, batch in batches.items():
                if number in pairs and number not in emptied:
                    self._bring(*pairs[number], batch)
        return touched

    def _empty(self, tables: Sequence[str]) -> None:
        try:
            with self.subscriber.transaction():
                self.subscriber.execute(f"truncate only {', only '.join(tables)}")
        except ServerError as error:
            if error.sqlstate != "0A000":  # a table that is not emptied has a foreign key to it
                raise
            for table in tables:
                self.subscriber.execute(self.names.sql("empty", table=table))

    def _parts(self) -> Iterator[dict[int, _Batch]]:
        """What is to be done for each table, some at a time; tables that were emptied come first."""
        self.publisher.execute("move absolute 0 in postai_changes")
        while rows := self.publisher.query(f"fetch {AT_A_TIME} from postai_changes"):
            found: dict[int, _Batch] = {}
            for number, kind, image, count in rows:
                batch = found.setdefault(number, _Batch())
                if kind == "t":
                    batch.emptied = True
                elif kind == "k":
                    batch.keys.append(tuple(image))
                else:
                    batch.rows[tuple(image)] = count
            yield found

    def _take_away(self, mine: Shape, there: Shape, batch: _Batch) -> None:
        if batch.keys:
            self.subscriber.execute(self._by_keys("delete", mine, there.qualified, batch.keys))
        if gone := [(mine.values(str(image[0])), -n) for image, n in batch.rows.items() if n < 0]:
            image, written = (one.replace("%", "%%") for one in mine.same_rows())
            statement = self.names.sql("delete_rows", table=there.qualified.replace("%", "%%"), image=image,
                                       gone=written)  # fmt: skip
            self.subscriber.execute(statement, ([array_text(one) for one, _ in gone], [n for _, n in gone]))

    def _bring(self, mine: Shape, there: Shape, batch: _Batch) -> None:
        into = f"copy {there.qualified}{column_list(mine.columns)} from stdin"
        if batch.keys:
            self.subscriber.copy_in(into, self.publisher.copy_out(
                self._by_keys("rows", mine, mine.qualified, batch.keys)))  # fmt: skip
        if come := [(mine.values(str(image[0])), n) for image, n in batch.rows.items() if n > 0]:
            self.subscriber.copy_in(into, _lines(come))

    def _there(self, mine: Shape) -> Shape:
        number = relation(self.subscriber, mine.qualified)
        return require_shape(mine, None if number is None else shapes(self.subscriber, [number])[number])

    def _by_keys(self, name: str, mine: Shape, table: str, keys: Iterable[Image]) -> str:
        """A statement about rows of a table by their keys, which stand in it as literals that their types read."""
        columns, joins = [], []
        for n, type_ in enumerate(mine.key_types):
            values = quote_literal(array_text([key[n] for key in keys]))
            plain = not type_.endswith("[]")
            columns.append(f"unnest({values}::{type_ if plain else 'text'}[]) as k{n}")
            joins.append(f"t.{quote_ident(mine.key[n])} {mine.operators[n]} k.k{n}{'' if plain else f'::{type_}'}")
        from_keys = f"(select {', '.join(columns)}) as k"  # in FROM, a composite type would come as its columns
        return self.names.sql(name, table=table, keys=from_keys, join=" and ".join(joins),
                              columns=", ".join(f"t.{quote_ident(one)}" for one in mine.columns))  # fmt: skip


def be_replica(db: Database, schemas: Sequence[str]) -> None:
    """For this transaction: neither triggers nor foreign keys fire for what is applied.

    Raises:
        NotPermitted: the role may not have it so, and there are some.
    """
    try:
        with db.transaction():
            db.execute("set local session_replication_role = replica")
    except ServerError as error:
        if error.sqlstate != "42501":
            raise
    else:
        return
    firing = db.query(Names(0, "fwd").sql("firing"), (list(schemas), list(schemas)))
    if firing:
        ((user,),) = db.query("select pg_catalog.quote_ident(current_user)")
        raise NotPermitted(
            f"{user} may not keep triggers and foreign keys of {len(firing)} tables from firing for what it applies",
            detail=", ".join(f"{quote_ident(schema)}.{quote_ident(name)}" for schema, name in firing[:20]),
            hint=f"GRANT SET ON PARAMETER session_replication_role TO {user} (15 and later), or use a superuser.",
        )


def require_shape(mine: Shape, there: Shape | None) -> Shape:
    """The table on the subscriber, which must have what the publisher's has.

    Raises:
        Refused: it lacks the table or a column.
    """
    if there is None:
        raise Refused(f"the table {mine.qualified} is missing on the side that follows", hint="Make it there.")
    if missing := [one for one in mine.columns if one not in there.columns]:
        raise Refused(
            f"{mine.qualified} lacks the column {missing[0]} on the side that follows",
            detail=", ".join(missing), hint="Add it there as it is on the other side; then resume the move.",
        )  # fmt: skip
    return there


def column_list(columns: Sequence[str]) -> str:
    """Columns of a COPY; '' where a table has none."""
    return f" ({', '.join(map(quote_ident, columns))})" if columns else ""


def array_text(values: Iterable[str | None]) -> str:
    """An array's text."""
    quoted = ("NULL" if one is None else '"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in values)
    return "{" + ",".join(quoted) + "}"


def _lines(rows: Iterable[tuple[Image, int]]) -> Iterator[bytes]:
    """Rows as the text of a COPY, each as often as it came."""
    for image, count in rows:
        line = "\t".join("\\N" if one is None else one.translate(_ESCAPES) for one in image) + "\n"
        yield line.encode() * count


def files(publisher: Database, names: Names, relations: Iterable[int]) -> dict[int, int | None]:
    """The files of tables as they are now, whatever the snapshot: a table that was written anew has another one."""
    wanted = list(relations)
    if not wanted:
        return {}
    ((found,),) = publisher.query(names.sql("files"), (wanted,))
    return dict(zip(wanted, found, strict=True))
