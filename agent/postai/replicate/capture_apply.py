"""Changes on their way: which rows changed between two snapshots of the publisher, and what they are in the later one.

Each step reads within one snapshot of the publisher and changes the subscriber in one transaction, together with the
note how far it is. So the subscriber goes from one committed state of the publisher to a later one; transactions that
are still open there hold nothing up. Only a backlog goes in parts: then it is such a state at the end of all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from postai.database import ServerError
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.protocol import Database
from postai.errors import NotPermitted, Refused
from postai.replicate.capture_install import Names, Shape, pinned, relation, shapes

# Changes that are taken at a time.
AT_A_TIME = 20_000
_TAKEN = ("23505", "23P01")
_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
Image = tuple[str | None, ...]


class WrittenAnew(Exception):
    """A table was emptied or written anew since the snapshot, which sees nothing in it now."""


@dataclass(frozen=True)
class Position:
    """Where a stream is: what is in `snapshot` has arrived; while `until` is there, and some of what is in that one."""

    snapshot: str
    until: str | None
    txid: int
    id: int


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

    keys: dict[Image, None] = field(default_factory=dict)
    rows: Counter[Image] = field(default_factory=Counter)


@dataclass(frozen=True)
class _Change:
    txid: int
    id: int
    relation: int
    kind: str
    image: Sequence[str | None] | None


def position(subscriber: Database, names: Names) -> Position | None:
    """Where the stream is; None where it has not begun."""
    if relation(subscriber, names.progress) is None:
        return None
    rows = subscriber.query(names.sql("position"))
    return Position(*rows[0]) if rows else None


def followed(subscriber: Database, names: Names) -> dict[int, Followed]:
    """The tables of the stream by their numbers on the publisher; {} where it has not begun."""
    if relation(subscriber, names.tables) is None:
        return {}
    return {row[0]: Followed(*row) for row in subscriber.query(names.sql("followed"))}


def step(
    publisher: Database, subscriber: Database, names: Names, schemas: Sequence[str] = (), *, always: bool = False
) -> bool:
    """Apply some of what was committed; whether there may be more.

    Args:
        always: also when nothing has changed: tables that were copied are followed from then on.

    Raises:
        Refused: the subscriber lacks a table or a column.
        NotPermitted: its role cannot keep triggers and foreign keys from firing.
    """
    at = position(subscriber, names)
    if at is None:
        return False
    if not always and at.until is None and not _anything(publisher, names, at.snapshot):
        return False
    one = _Step(publisher, subscriber, names, schemas, at)
    try:
        return one.take(whole=False)
    except WrittenAnew:
        return True
    except ServerError as error:
        if error.sqlstate not in _TAKEN:
            raise
    # A row has a value that another one of a later part still has on the subscriber: so all of them at once.
    try:
        return one.take(whole=True)
    except WrittenAnew:
        return True


def _anything(publisher: Database, names: Names, snapshot: str) -> bool:
    ((there,),) = publisher.query(names.sql("anything"), (snapshot, snapshot))
    return bool(there)


class _Step:
    """One step on its way."""

    def __init__(
        self, publisher: Database, subscriber: Database, names: Names, schemas: Sequence[str], at: Position
    ) -> None:
        self.publisher, self.subscriber, self.names, self.schemas, self.at = publisher, subscriber, names, schemas, at
        self.tables = {number: one for number, one in followed(subscriber, names).items() if one.state != "again"}

    def take(self, *, whole: bool) -> bool:
        """Take a part, or everything that there is."""
        names, at = self.names, self.at
        before = files(self.publisher, names, self.tables)
        with pinned(self.publisher, frozen=True):
            ((now,),) = self.publisher.query(names.sql("snapshot"))
            until = now if whole or at.until is None else at.until
            window = (at.snapshot, until, at.snapshot, until)
            emptied = self._emptied(window)
            changes, last = self._changes(window, whole=whole)
            batches = self._batches(changes, emptied, whole=whole)
            to_empty = self._not_taken(emptied, whole=whole)
            with pinned(self.subscriber, applies=names.schema):
                be_replica(self.subscriber, self.schemas)
                self._apply(batches, [self.tables[one] for one in to_empty])
                touched = {*batches, *to_empty}
                after = files(self.publisher, names, touched)
                if any(before[one] != after[one] for one in touched):
                    raise WrittenAnew
                if last:
                    self.subscriber.execute(names.sql("move_to"), (until,))
                else:
                    self.subscriber.execute(names.sql("move_within"), (until, changes[-1].txid, changes[-1].id))
        return not last

    def _emptied(self, window: tuple[str, ...]) -> dict[int, _Change]:
        """Tables that were emptied, and when it was the last time; what the copy of a table has is left out."""
        found = {}
        for number, txid, last in self.publisher.query(self.names.sql("emptied"), window):
            table = self.tables.get(number)
            if table and not (table.state == "copied" and self._seen(table.snapshot, [txid])):
                found[number] = _Change(txid, last, number, "t", None)
        return found

    def _not_taken(self, emptied: Mapping[int, _Change], *, whole: bool) -> list[int]:
        """Of the tables that were emptied those that the first part has not emptied here."""
        if self.at.until is None:
            return list(emptied)
        had = self._seen(self.at.until, [one.txid for one in emptied.values()]) if whole else set()
        return [number for number, one in emptied.items() if whole and one.txid not in had]

    def _changes(self, window: tuple[str, ...], *, whole: bool) -> tuple[list[_Change], bool]:
        names, at = self.names, self.at
        began = at.until is not None
        after = (at.txid, at.id) if began and not whole else (0, 0)
        limit = None if whole else AT_A_TIME
        found = [_Change(*row) for row in self.publisher.query(names.sql("changes"), (*after, *window, limit))]
        last = whole or len(found) < AT_A_TIME
        # The fence's rows come with the last part only: they prove that everything before them is there.
        fence = next((number for number, one in self.tables.items() if one.name == names.fence), 0)
        if last and began and not whole:
            found += [_Change(*row) for row in self.publisher.query(names.sql("changes_of"), (fence, *window))]
        elif not last:
            end = found[-1]
            found = [one for one in found if one.relation != fence]
            found.append(_Change(end.txid, end.id, 0, "k", None))  # where the next part begins
        return found, last

    def _batches(
        self, changes: Iterable[_Change], emptied: Mapping[int, _Change], *, whole: bool
    ) -> dict[int, _Batch]:  # fmt: skip
        """What is to be done for each table: rows of before it was emptied went with it."""
        rows: dict[int, list[_Change]] = {}
        batches: dict[int, _Batch] = {}
        for one in changes:
            if one.relation not in self.tables or one.image is None:
                continue
            batch = batches.setdefault(one.relation, _Batch())
            if one.kind == "k":
                batch.keys[tuple(one.image)] = None
            elif one.relation not in emptied or one.id > emptied[one.relation].id:
                rows.setdefault(one.relation, []).append(one)
        for number, some in rows.items():
            known = self._known(self.tables[number], some, whole=whole)
            for one in some:
                if one.image is not None and one.id not in known:
                    batches[number].rows[tuple(one.image)] += 1 if one.kind == "+" else -1
        return batches

    def _known(self, table: Followed, some: Sequence[_Change], *, whole: bool) -> set[int]:
        """Of these changes the ones that are here: the copy of the table has them, or a part before this one."""
        known: set[int] = set()
        txids = list({one.txid for one in some})
        if table.state == "copied":
            seen = self._seen(table.snapshot, txids)
            known |= {one.id for one in some if one.txid in seen}
        if whole and self.at.until is not None:
            seen = self._seen(self.at.until, txids)
            at = (self.at.txid, self.at.id)
            known |= {one.id for one in some if one.txid in seen and (one.txid, one.id) <= at}
        return known

    def _seen(self, snapshot: str, txids: Sequence[int]) -> set[int]:
        rows = self.publisher.query(self.names.sql("seen"), (snapshot, list(txids)))
        return {txid for txid, seen in rows if seen}

    def _apply(self, batches: Mapping[int, _Batch], emptied: Sequence[Followed]) -> None:
        here = shapes(self.publisher, list(batches))
        pairs = [(here[number], self._there(here[number]), batch) for number, batch in batches.items()
                 if number in here]  # fmt: skip
        if emptied:
            self.subscriber.execute(f"truncate only {', only '.join(one.name for one in emptied)}")
        for mine, there, batch in pairs:
            if batch.keys:
                self.subscriber.execute(self._by_keys("delete", mine, there.qualified, batch.keys))
            if gone := {image: -n for image, n in batch.rows.items() if n < 0}:
                image, written = (one.replace("%", "%%") for one in mine.same_rows())
                statement = self.names.sql("delete_rows", table=there.qualified.replace("%", "%%"), image=image,
                                           gone=written)  # fmt: skip
                self.subscriber.execute(statement, ([array_text(one) for one in gone], list(gone.values())))
        for mine, there, batch in pairs:
            into = f"copy {there.qualified}{column_list(mine.columns)} from stdin"
            if batch.keys:
                self.subscriber.copy_in(into, self.publisher.copy_out(
                    self._by_keys("rows", mine, mine.qualified, batch.keys)))  # fmt: skip
            if any(n > 0 for n in batch.rows.values()):
                self.subscriber.copy_in(into, _lines(batch.rows))

    def _there(self, mine: Shape) -> Shape:
        number = relation(self.subscriber, mine.qualified)
        return require_shape(mine, None if number is None else shapes(self.subscriber, [number])[number])

    def _by_keys(self, name: str, mine: Shape, table: str, keys: Iterable[Image]) -> str:
        """A statement about rows of a table by their keys, which stand in it as literals that their types read."""
        columns, joins = [], []
        for n, type_ in enumerate(mine.key_types):
            values = quote_literal(array_text([key[n] for key in keys]))
            plain = not type_.endswith("[]")
            columns.append(f"unnest({values}::{type_ if plain else 'text'}[])")
            joins.append(f"t.{quote_ident(mine.key[n])} {mine.operators[n]} k.k{n}{'' if plain else f'::{type_}'}")
        from_keys = f"rows from ({', '.join(columns)}) as k ({', '.join(f'k{n}' for n in range(len(columns)))})"
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


def _lines(rows: Mapping[Image, int]) -> Iterator[bytes]:
    """Rows as the text of a COPY, each as often as it came."""
    for image, count in rows.items():
        if count > 0:
            line = "\t".join("\\N" if one is None else one.translate(_ESCAPES) for one in image) + "\n"
            yield line.encode() * count


def files(publisher: Database, names: Names, relations: Iterable[int]) -> dict[int, int | None]:
    """The files of tables as they are now, whatever the snapshot: a table that was written anew has another one."""
    wanted = list(relations)
    if not wanted:
        return {}
    ((found,),) = publisher.query(names.sql("files"), (wanted,))
    return dict(zip(wanted, found, strict=True))
