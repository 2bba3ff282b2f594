"""Triggers that write down which rows changed: made and taken away table by table, each in a short transaction.

The log has the keys of rows, not the rows: what they are is read from the table when they are applied. Only tables
without a key have their rows written down, as the texts of their values.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType

from postai.database import ServerError, named_sql
from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import LockNotObtained, Refused
from postai.replicate.types import USERS_SCHEMA, object_name, own_schema

# A statement that waits for a lock holds up everybody who comes after it: short, and then again.
LOCK_MS, LOCK_PAUSE = 200, 0.1
INSTALL_SECONDS = 20.0
_GAP = r"\{(\w+)\}"
# A value in the text of a row: PostgreSQL quotes each that has a comma, a quote, a backslash, a parenthesis or a space.
_VALUE = re.compile(r'(?:(?<=,)|^)("(?:[^"\\]++|""|\\\\)*"|[^",]*)(?=,|\Z)')
_ESCAPED = re.compile(r'(["\\])(["\\])')
_BUSY = ("55P03", "40P01")
# For a transaction whose time depends on how much there is.
UNLIMITED = "set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0"
_DATES = ("date", "timestamp without time zone", "timestamp with time zone", "time without time zone",
          "time with time zone", "daterange", "tsrange", "tstzrange")  # fmt: skip
# Types, of arrays too, whose text depends on no setting, or is read in each of its forms; or on one. Others: on any.
_STEADY = frozenset(
    {"smallint", "integer", "bigint", "text", "character varying", "bpchar", "uuid", "boolean", "numeric", "oid",
     "name", "inet", "cidr", "macaddr", "bytea", "json", "jsonb", "tsvector", "int4range", "int8range", "numrange"}
)  # fmt: skip
_ONE_SETTING = MappingProxyType(
    {**dict.fromkeys(_DATES, "datestyle"), "interval": "intervalstyle", "real": "extra_float_digits",
     "double precision": "extra_float_digits", "money": "lc_monetary"}
)  # fmt: skip
# When a setting is another one than texts of values are read with.
_DIFFERS = MappingProxyType(
    {
        "datestyle": "pg_catalog.left(pg_catalog.current_setting('datestyle'), 3) operator(pg_catalog.<>) 'ISO'",
        "intervalstyle": "pg_catalog.current_setting('intervalstyle') operator(pg_catalog.<>) 'postgres'",
        "extra_float_digits": "pg_catalog.current_setting('extra_float_digits')::pg_catalog.int4 "
                              "operator(pg_catalog.<) {digits}",
        "lc_monetary": "pg_catalog.current_setting('lc_monetary') operator(pg_catalog.<>) 'C'",
    }
)  # fmt: skip
# Bytes at which a log is left for the other one: in all, and for each function that is made anew for it.
LARGE_BYTES, LARGE_FOR_EACH = 4 * 2**20, 16 * 2**10


@dataclass(frozen=True)
class Names:
    """What a stream's objects are called: the log and its mark on the publisher, the rest on the subscriber.

    Attributes:
        move: id of the move; part: fwd or rev.
    """

    move: int
    part: str

    @property
    def schema(self) -> str:
        return own_schema(self.move)

    @property
    def trigger(self) -> str:
        return object_name(self.move, self.part)

    @property
    def triggers(self) -> tuple[str, ...]:
        """A table's triggers: for rows that come or are others, for such whose key is, that go, for TRUNCATE."""
        return (self.trigger, f"{self.trigger}_key", f"{self.trigger}_old", f"{self.trigger}_emptied")

    @property
    def log(self) -> str:
        return f"{self.schema}.{self.part}_log"

    @property
    def mark(self) -> str:
        return f"{self.schema}.{self.part}_mark"

    @property
    def progress(self) -> str:
        return f"{self.schema}.{self.part}_progress"

    @property
    def tables(self) -> str:
        return f"{self.schema}.{self.part}_tables"

    @property
    def fence(self) -> str:
        return f"{self.schema}.fence"

    def function(self, relation: int, part: str) -> str:
        """A function of a table's triggers; part: new, key, old or emptied."""
        return f"{self.schema}.{self.part}_{relation}_{part}"

    def sql(self, name: str, **more: str) -> str:
        """A statement of capture.sql; the names that it is filled with may hold anything."""
        values = {
            "log": self.log, "mark": self.mark, "progress": self.progress, "tables": self.tables,
            "literal_0": quote_literal(f"{self.log}_0"), "literal_1": quote_literal(f"{self.log}_1"),
            "users_schema": USERS_SCHEMA,
            "function_names": quote_literal(f"^{self.part}_[0-9]+_(new|old|key|emptied)$"),
            **more,
        }  # fmt: skip
        named = named_sql.load(__package__, "capture.sql")

        def filled(found: re.Match[str]) -> str:
            part = found[1]
            return values[part] if part in values else re.sub(_GAP, filled, named[part])

        return re.sub(_GAP, filled, named[name])

    def after(self, name: str, snapshot: str, **more: str) -> str:
        """A statement about what came after a snapshot."""
        return self.sql(name, snapshot=quote_literal(snapshot), **more)


@dataclass(frozen=True)
class Shape:
    """A table as one side has it.

    Attributes:
        columns, types: those that are written, generated ones left out; written: of all columns, which are.
        changes_rows: whether a trigger changes rows before they are written.
        key, key_types, operators: columns that identify a row, their types and operators; () = nothing does.
    """

    relation: int
    schema: str
    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
    written: tuple[bool, ...]
    changes_rows: bool
    key: tuple[str, ...]
    key_types: tuple[str, ...]
    operators: tuple[str, ...]

    @property
    def qualified(self) -> str:
        return qualified(self.schema, self.name)

    @property
    def signature(self) -> str:
        """What the table's function is made for; another one needs another function, and the rows anew."""
        kind, names = ("key", self.key) if self.key else ("row", self.columns)
        changed = " changed" if self.key and self.changes_rows else ""
        return f"postai: {kind} {', '.join(map(quote_ident, names))}{changed} {' '.join(self.settings)}".rstrip()

    @property
    def settings(self) -> tuple[str, ...]:
        """Settings that the texts of what is written down depend on."""
        found: set[str] = set()
        for one in {kind.removesuffix("[]") for kind in (self.key_types if self.key else self.types)} - _STEADY:
            found |= {_ONE_SETTING[one]} if one in _ONE_SETTING else set(_DIFFERS)
        return tuple(one for one in _DIFFERS if one in found)

    def image(self, row: str) -> str:
        """The expression that is written down of a row: its key, or all of it as one text where there is none."""
        if self.key:
            return f"array[{', '.join(f'pg_catalog.concat({row}.{quote_ident(one)})' for one in self.key)}]"
        return f"array[pg_catalog.concat({row})]"

    def values(self, image: str) -> tuple[str | None, ...]:
        """The values of a row that was written down as one text; a server that reads it would run checks of domains.

        Raises:
            Refused: it has more or fewer values than the table has columns now.
        """
        if not self.written:
            return ()
        found = [
            None if one == "" else _ESCAPED.sub(r"\2", one[1:-1]) if one[0] == '"' else one
            for one in _VALUE.findall(image[1:-1])
        ]
        if len(found) != len(self.written):
            raise Refused(
                f"rows of {self.qualified} were written down with other columns than it has now",
                hint="Resume the move: the table is copied anew then.",
            )
        return tuple(one for one, written in zip(found, self.written, strict=True) if written)

    def same_rows(self) -> tuple[str, str]:
        """Expressions for the texts of a row `t`, and of one that was written down as `w.image`, in this session."""
        read = (f"(w.image::text[])[{n}]" for n in range(1, len(self.columns) + 1))
        written = [(one, f"{one}::{kind}") for one, kind in zip(read, self.types, strict=True)]
        mine = (f"t.{quote_ident(column)}" for column in self.columns)
        return _texts((one, one) for one in mine), _texts(written)

    def same_key(self) -> str:
        """The condition that a row's key is as it was."""
        return " and ".join(f"old.{quote_ident(one)} {operator} new.{quote_ident(one)}"
                            for one, operator in zip(self.key, self.operators, strict=True))  # fmt: skip


def _texts(values: Iterable[tuple[str, str]]) -> str:
    """An array of the texts of values: first what may be null, then what is written."""
    texts = (f"case pg_catalog.num_nulls({one}) when 0 then pg_catalog.concat({shown}) end" for one, shown in values)
    return f"array[{', '.join(texts)}]::pg_catalog.text[]"


@contextmanager
def pinned(db: Database, *, applies: str = "", frozen: bool = False) -> Iterator[None]:
    """A transaction in which texts of values are the same on both sides.

    Args:
        applies: the schema of the move whose changes are applied: its own triggers pass them by.
        frozen: whether it reads in one snapshot, and writes nothing.
    """
    with db.transaction():
        if frozen:
            db.execute("set transaction isolation level repeatable read, read only")
        db.query(Names(0, "fwd").sql("pins"), (applies,))
        if frozen:
            db.query(Names(0, "fwd").sql("tables_only"))
        yield


def shapes(db: Database, relations: Collection[int]) -> dict[int, Shape]:
    """Tables by their numbers, as they are now; within `pinned`."""
    generated = "a.attgenerated" if db.server_version >= 120_000 else "''"
    rows = db.query(Names(0, "fwd").sql("shapes", generated=generated), (list(relations),))
    found = {}
    for relation, schema, name, columns, types, written, changes_rows, *key in rows:
        names, key_types, operators = (tuple(one or ()) for one in key)
        found[relation] = Shape(relation, schema, name, tuple(columns), tuple(types), tuple(written), changes_rows,
                                names, key_types, operators)  # fmt: skip
    return found


def relation(db: Database, table: str) -> int | None:
    """Number of a table; None where there is none."""
    ((found,),) = db.query(Names(0, "fwd").sql("oid"), (table,))
    return found if found is None else int(found)


def install_log(db: Database, names: Names) -> None:
    """Make the log where it is missing."""
    if relation(db, names.mark) is None:
        with db.transaction():
            db.query(names.sql("log"))


def lacking(db: Database, names: Names, tables: Sequence[str]) -> tuple[Shape, ...]:
    """Those of the tables, and the fence, whose changes are not written down as they should be."""
    with pinned(db):
        wanted = [one for table in (*tables, names.fence) if (one := relation(db, table)) is not None]
        found = shapes(db, wanted)
        made = {
            number: signature for number, fires, signature
            in db.query(names.sql("captured"), (list(names.triggers), list(names.triggers))) if fires
        }  # fmt: skip
    return tuple(one for number, one in found.items() if made.get(number) != one.signature)


def install(
    db: Database, names: Names, shape: Shape, *, applied: bool = True, deadline: Deadline | None = None
) -> None:  # fmt: skip
    """Make the triggers of one table, or make them anew.

    Args:
        applied: whether changes of the other side may be applied here meanwhile: they are passed by, which takes time.

    Raises:
        LockNotObtained: the table was in use all the time.
    """
    ((mover, owned),) = db.query("select session_user::text, (" + names.sql("owned") + ")", (shape.relation,))
    table = shape.qualified
    of_key = f" of {', '.join(map(quote_ident, shape.key))}" if shape.key and not shape.changes_rows else ""
    comment = quote_literal(shape.signature)
    row, key, gone, emptied = names.triggers
    each = "for each row execute function"
    functions = {part: names.function(shape.relation, part) for part in ("new", "key", "old", "emptied")}
    passed = names.sql("pass_applied", mover=quote_literal(mover), applies=quote_literal(names.schema))
    bodies = _bodies(names, shape, f"{passed};\n    " if applied else "", db.server_version, logs(db, names).written)
    statements = [
        *(f"drop trigger if exists {one} on {table}" for one in names.triggers if owned),
        *(names.sql("function", function=functions[part], body=quote_literal(body), comment=comment)
          for part, body in bodies.items()),
        f"create trigger {row} after insert or update on {table} {each} {functions['new']}()",
        f"create trigger {key} after update{of_key} on {table} {each} {functions['key']}()",
        f"create trigger {gone} after delete on {table} {each} {functions['old']}()",
        f"create trigger {emptied} after truncate on {table} for each statement execute function "
        f"{functions['emptied']}()",
        *(f"alter table only {table} enable always trigger {one}" for one in names.triggers if owned),
    ]  # fmt: skip

    def make() -> None:
        for statement in statements:
            db.execute(statement)

    shortly(db, f"the triggers of {table}", make, deadline)


def _bodies(names: Names, shape: Shape, passed: str, version: int, log: int) -> dict[str, str]:
    """Bodies of the functions: for rows that come or are others, for keys that are others, for rows that go, and for
    TRUNCATE; they write to that one of the logs.
    """
    name = "note_steadily" if shape.settings else "note"
    new, old = ("'k'", "'k'") if shape.key else ("'+'", "'-'")
    other_key = names.sql("pass_same_key", same=shape.same_key()) + ";\n    " if shape.key else ""
    digits = "1" if version >= 120_000 else "3"  # since 12 each of these gives all digits
    differ = " or ".join(_DIFFERS[one].replace("{digits}", digits) for one in shape.settings)

    def body(name: str, beginning: str, kind: str, image: str) -> str:
        return names.sql(name, kind=kind, image=image, differ=differ, n=str(log), **{"pass": beginning})

    return {
        "new": body(name, passed, new, shape.image("new")),
        "key": body(name, passed + other_key, old, shape.image("old")),
        "old": body(name, passed, old, shape.image("old")),
        "emptied": body("note", passed, "'t'", "null"),
    }


@dataclass(frozen=True)
class Logs:
    """The two logs of a stream: bytes of each, how many functions write, and to which of them."""

    bytes: tuple[int, int]
    functions: int
    written: int

    @property
    def left(self) -> int:
        return 1 - self.written

    @property
    def large(self) -> bool:
        """Whether the one that is written to should be left."""
        return self.bytes[self.written] > LARGE_BYTES + LARGE_FOR_EACH * self.functions


def logs(db: Database, names: Names) -> Logs:
    """How the logs are."""
    ((first, second, functions, written),) = db.query(names.sql("size"), (names.schema,))
    return Logs((first, second), functions, written)


def turn(db: Database, names: Names, snapshot: str) -> None:
    """Empty the log that was left, when all of it is in that snapshot, which has arrived; leave one that is large.

    Nobody waits for it: functions are made anew without a lock, and who still uses the old one writes to the old log,
    which stays and is read.
    """
    found = logs(db, names)
    if found.bytes[found.left]:
        _empty(db, names, snapshot, found.left)
    elif found.large:
        with db.transaction():
            to = [f"into {names.log}_{n} (" for n in (found.written, found.left)]
            for (definition,) in db.query(names.sql("turned"), (*to, names.schema)):
                db.execute(definition)


def _empty(db: Database, names: Names, snapshot: str, log: int) -> None:
    left = names.after("left", snapshot, n=str(log))
    with db.transaction():
        db.query(UNLIMITED)
        if db.query(left) == [(True,)]:
            return
    try:
        with db.transaction():
            db.query(UNLIMITED)
            db.execute(f"lock table {names.log}_{log} in access exclusive mode nowait")
            if db.query(left) == [(False,)]:
                db.execute(f"truncate {names.log}_{log}")
    except ServerError as error:
        if error.sqlstate not in _BUSY:
            raise


def uninstall(db: Database, names: Names, deadline: Deadline | None = None) -> None:
    """Take the triggers, their functions and the log away; what is gone already is passed by."""
    for (function,) in db.query(names.sql("functions"), (names.schema,)):
        statement = f"drop function if exists {names.schema}.{quote_ident(function)}() cascade"
        shortly(db, f"the triggers of {function}", lambda: db.execute(statement), deadline)  # noqa: B023 - called at once
    db.query(names.sql("unlog"))


def shortly(db: Database, what: str, work: Callable[[], object], deadline: Deadline | None = None) -> None:
    """Do something that locks a table, without holding up its users for longer than a moment at a time.

    Raises:
        LockNotObtained: the table was in use all the time.
    """
    until = deadline or Deadline.after(INSTALL_SECONDS)
    while True:
        try:
            with db.transaction():
                db.execute(f"set local lock_timeout = {LOCK_MS}")
                work()
        except ServerError as error:
            if error.sqlstate not in _BUSY:
                raise
        else:
            return
        if not until.remaining():
            raise LockNotObtained(
                f"{what} could not be changed: the table was in use all the time",
                hint="A long transaction holds it: look at pg_stat_activity and end it; it is tried again.",
            )
        time.sleep(LOCK_PAUSE)
