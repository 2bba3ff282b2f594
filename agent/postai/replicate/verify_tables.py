"""What of a table is compared, and as which text: the same on both sides whatever their versions and settings.

Values become text by the output functions of their types, never by casts: a cast of a user's type may be the user's
own function. Columns stand in one order, the serving side's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from postai.database import named_sql
from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.database.protocol import Database
from postai.replicate.types import USERS_SCHEMA

_CHAR = 18
_INTEGERS = (20, 21, 23)
_FLOATS = {700: "float4send", 701: "float8send"}
_SHAPES = {600: "point", 601: "lseg", 602: "path", 603: "box", 604: "poly", 628: "line", 718: "circle"}
_FLOATING = {**_FLOATS, **{oid: f"{name}_send" for oid, name in _SHAPES.items()}}
SHORTEST_FLOATS = 120_000  # since then floats are written with as many digits as they need


# The values of a key, as text; of a table without one the hash of the row.
Key = tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """A column of one side.

    Attributes:
        type: to read a value back as.
        generated: '' or 's' (stored) or 'v' (virtual); identity: '' or 'a' (always) or 'd'.
        form: plain, array or composite; base: oid of its type, or of its elements', without domains.
        comparable: whether pg_catalog has the operator = for it; a user's is not called.
    """

    number: int
    name: str
    type: str
    generated: str
    identity: str
    form: str
    base: int
    comparable: bool

    @property
    def quoted(self) -> str:
        """Its name, quoted where it must be."""
        return quote_ident(self.name)


@dataclass(frozen=True)
class Compared:
    """A table that both sides have.

    Attributes:
        name: schema.name, quoted where it must be.
        oids: on the serving side and on the other one.
        pages: of the heap on the serving side; heap: whether it can be read in ranges of pages there and here.
        columns: that are compared, in the order of the serving side.
        written: those that a row has to be given on the other side.
        key: of them, those that tell rows apart; () = none does.
        notes: what is not compared.
    """

    name: str
    oids: tuple[int, int]
    pages: int
    heap: bool
    columns: tuple[Column, ...]
    written: tuple[Column, ...]
    key: tuple[Column, ...]
    row_hash: str
    key_hash: str
    keys: str
    notes: tuple[str, ...] = ()

    @property
    def key_names(self) -> tuple[str, ...]:
        return tuple(one.name for one in self.key)

    @property
    def key_count(self) -> int:
        """Columns of the result that are the key: those of the table, or the hash of the row."""
        return max(len(self.key), 1)


@dataclass(frozen=True)
class Hashing:
    """How a text becomes a number of 64 bits.

    Attributes:
        portable: by MD5 of its UTF-8, where the two servers' own hash or encoding are not the same.
    """

    portable: bool = False

    def of(self, text: str) -> str:
        """The expression."""
        if self.portable:
            digest = f"md5(convert_to({text}, 'UTF8'))"
            return f"('x' || substr({digest}, 1, 16))::bit(64)::int8"
        return f'hashtextextended(({text}) collate "C", 0)'

    def key(self, key: Sequence[Column], texts: Sequence[str]) -> str:
        """The expression for key columns with these texts; an integer needs none."""
        if len(key) == 1 and key[0].form == "plain" and key[0].base in _INTEGERS and not self.portable:
            return f"hashint8extended(t.{key[0].quoted}::int8, 0)"
        return self.of(texts[0] if len(texts) == 1 else f"row({', '.join(texts)})::text")


def hashing(serving: Database, other: Database) -> Hashing:
    """The quickest that both sides agree on."""
    return Hashing(portable=serving.query(sql("hashes")) != other.query(sql("hashes")))


@dataclass(frozen=True)
class Listed:
    """A table as one side tells it."""

    name: str
    oid: int
    bytes: int
    heap: bool
    key: tuple[int, ...]
    columns: tuple[Column, ...]


def tables(db: Database, schemas: Sequence[str] = ()) -> dict[str, Listed]:
    """The tables of these schemas (() = all of the user's) whose rows move, by name."""
    with db.transaction():
        db.query("set local search_path = pg_catalog")  # names of types are written as they are read later
        rows = db.query(sql("tables"), (list(schemas), list(schemas)))
        columns = _columns(db, [oid for _, _, oid, *_ in rows])
    found = (
        Listed(qualified(schema, name), oid, size, heap, tuple(key or ()), columns.get(oid, ()))
        for schema, name, oid, size, heap, key in rows
    )
    return {one.name: one for one in found}


def _columns(db: Database, oids: Sequence[int]) -> Mapping[int, tuple[Column, ...]]:
    found: dict[int, list[Column]] = {}
    for oid, *rest in db.query(_versioned(sql("columns"), db), (list(oids),)):
        found.setdefault(oid, []).append(Column(*rest))
    return {oid: tuple(some) for oid, some in found.items()}


def _versioned(statement: str, db: Database) -> str:
    return statement.replace("{generated}", "a.attgenerated::text" if db.server_version >= 120_000 else "''")


def compared(here: Listed, there: Listed, how: Hashing, oldest: int, block: int) -> Compared:
    """What of a table is compared.

    Args:
        here, there: the table on the serving side and on the other one.
        oldest: the lower server_version_num of the two.
        block: bytes of a page on the serving side.
    """
    others = {one.name: one for one in there.columns}
    common = [one for one in here.columns if one.name in others]
    notes = [f"column {one.quoted} is only on the side that serves" for one in here.columns
             if one.name not in others]  # fmt: skip
    known = {one.name for one in here.columns}
    notes += [f"column {one.quoted} is only on the other side" for one in there.columns
              if one.name not in known]  # fmt: skip
    texts = {}
    for one in common:
        text = value(one, oldest)
        if text is None:
            notes.append(f"column {one.quoted} is not compared: its text depends on the version before 12")
        else:
            texts[one.name] = text
    row = how.of(f"row({', '.join(texts.values())})::text" if texts else "''")
    numbers = {one.number: one for one in common}
    usable = all(number in numbers and _plain(numbers[number], oldest) for number in here.key)
    key = tuple(numbers[number] for number in here.key) if usable else ()
    keys = [key_text(one) for one in key]
    return Compared(
        name=here.name,
        oids=(here.oid, there.oid),
        pages=-(-here.bytes // block),
        heap=here.heap and there.heap and oldest >= 140_000,
        columns=tuple(one for one in common if one.name in texts),
        written=tuple(one for one in common if not (one.generated or others[one.name].generated)),
        key=key,
        row_hash=row,
        key_hash=how.key(key, keys) if key else row,
        keys=", ".join(keys) if key else row,
        notes=tuple(notes),
    )


def value(column: Column, oldest: int) -> str | None:
    """The expression whose text is compared; None: there is none that is the same in both versions."""
    name = f"t.{column.quoted}"
    if column.form == "plain" and column.base == _CHAR:
        return f"{name}::int4"  # since 16 the text of bytes above 127 is another one
    if oldest >= SHORTEST_FLOATS:
        return name
    if column.form == "composite":
        return None
    if column.base not in _FLOATING:
        return name
    if column.form == "array":
        return f"encode(array_send({name}), 'hex')"
    sent = f"encode({_FLOATING[column.base]}({name}), 'hex')"
    return f"case when {name} = 'NaN' then 'NaN' else {sent} end" if column.base in _FLOATS else sent


def _plain(column: Column, oldest: int) -> bool:
    """Whether its text can be looked up on the other side."""
    return oldest >= SHORTEST_FLOATS or (column.base not in _FLOATING and column.form != "composite")


def key_text(column: Column) -> str:
    """The text of a key column."""
    return f'concat(t.{column.quoted}) collate "C"'


def lookup(table: Compared, keys: Sequence[Key]) -> str:
    """The statement that reads the sums of some keys.

    Raises:
        UsageError: a key with a NUL character, which there is not.
    """
    if not table.key:
        return filled("keys", table, part="true", within=of_hashes(table, keys))
    source, on = matching(table, keys)
    return filled("some", table, source=source, on=on)


def images(table: Compared, keys: Sequence[Key]) -> str:
    """The statement that reads the values of some rows, after their keys, each as text or null."""
    names = (f"t.{one.quoted}" for one in table.written)
    values = "".join(f", case when num_nonnulls({name}) = 1 then concat({name}) end" for name in names)
    if not table.key:
        return filled("images", table, values=values, source=f"where {of_hashes(table, keys)}")
    source, on = matching(table, keys)
    return filled("images", table, values=values, source=f"join {source} on {on}")


def of_hashes(table: Compared, keys: Sequence[Key]) -> str:
    """The condition for rows with these hashes."""
    hashes = ", ".join(str(int(one)) for (one,) in keys)
    return f"{table.key_hash} = any ('{{{hashes}}}'::int8[])"


def matching(table: Compared, keys: Sequence[Key]) -> tuple[str, str]:
    """The keys as a table `u` in FROM, and on what it is joined. The values are literals, which the type's own input
    function reads (a parameter would go through a cast). Unnested in FROM, a composite type would come as its columns.
    """
    arrays, joins = [], []
    for at, column in enumerate(table.key):
        values = quote_literal(array([key[at] for key in keys]))
        arrays.append(f"unnest({values}::{column.type if column.comparable else 'text'}[]) as k{at}")
        own = f"t.{column.quoted}" if column.comparable else key_text(column)
        joins.append(f"{own} = u.k{at}")
    return f"(select {', '.join(arrays)}) as u", " and ".join(joins)


def array(values: Sequence[str]) -> str:
    """An array's text."""
    quoted = (one.replace("\\", "\\\\").replace('"', '\\"') for one in values)
    return "{" + ",".join(f'"{one}"' for one in quoted) + "}"


def filled(name: str, table: Compared, **more: str) -> str:
    """A statement of verify.sql for that table."""
    values = {
        "table": table.name,
        "hash": table.row_hash,
        "key_hash": table.key_hash,
        "keys": table.keys,
        "numbers": ", ".join(str(number + 1) for number in range(table.key_count)),
        **more,
    }
    return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], sql(name))  # in one go: names may hold braces


def sql(name: str) -> str:
    """A statement of verify.sql."""
    return named_sql.load(__package__, "verify.sql")[name].replace("{users_schema}", USERS_SCHEMA)
