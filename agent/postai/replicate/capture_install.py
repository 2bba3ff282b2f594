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

from postai.database import ServerError, named_sql
from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import LockNotObtained
from postai.replicate.types import USERS_SCHEMA, object_name, own_schema

# A statement that waits for a lock holds up everybody who comes after it: short, and then again.
LOCK_MS, LOCK_PAUSE = 200, 0.1
INSTALL_SECONDS = 20.0
_BUSY = ("55P03", "40P01")
# Types whose text depends on no setting, or is read in each of its forms.
_STEADY = frozenset(
    {"smallint", "integer", "bigint", "text", "character varying", "bpchar", "uuid", "boolean", "numeric", "oid",
     "name", "inet", "cidr", "macaddr", "bytea", "json", "jsonb", "money", "tsvector"}
)  # fmt: skip


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
            "literal": quote_literal(self.log), "index": f"{self.part}_log_txid", "users_schema": USERS_SCHEMA,
            "sequence": quote_literal(f"{self.log}_id"), "emptied": f"{self.schema}.{self.part}_emptied", **more,
        }  # fmt: skip
        if name != "window":
            values["window"] = self.sql("window")
        text = named_sql.load(__package__, "capture.sql")[name]
        return re.sub(r"\{(\w+)\}", lambda found: values[found[1]], text)


@dataclass(frozen=True)
class Shape:
    """A table as one side has it.

    Attributes:
        columns, types: those that are written, generated ones left out.
        key, key_types, operators: columns that identify a row, their types and operators; () = nothing does.
    """

    relation: int
    schema: str
    name: str
    columns: tuple[str, ...]
    types: tuple[str, ...]
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
        return f"postai: {kind} {', '.join(map(quote_ident, names))}"

    @property
    def used(self) -> tuple[str, ...]:
        """Types of what is written down."""
        return self.key_types if self.key else self.types

    @property
    def steady(self) -> bool:
        """Whether the texts of what is written down depend on no setting."""
        return _STEADY.issuperset(self.used)

    def image(self, row: str) -> str:
        """The expression that is written down of a row: its key, or its values where there is none."""
        if self.key:
            return f"array[{', '.join(f'pg_catalog.concat({row}.{quote_ident(one)})' for one in self.key)}]"
        parts = (f"{row}.{quote_ident(one)}" for one in self.columns)
        plain = ((one, f"{one}::pg_catalog.numeric" if kind == "money" else one)
                 for one, kind in zip(parts, self.types, strict=True))  # fmt: skip
        return _texts(plain)

    def same_rows(self) -> tuple[str, str]:
        """Expressions for the texts of a row `t`, and of one that was written down as `w.image`, in this session."""
        rows = [f"t.{quote_ident(one)}" for one in self.columns]
        read = (f"(w.image::text[])[{n}]" for n in range(1, len(rows) + 1))
        written = [(one, f"{one}::{kind}") for one, kind in zip(read, self.types, strict=True)]
        return _texts((one, one) for one in rows), _texts(written)

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
        yield


def shapes(db: Database, relations: Collection[int]) -> dict[int, Shape]:
    """Tables by their numbers, as they are now; within `pinned`."""
    generated = "a.attgenerated" if db.server_version >= 120_000 else "''"
    rows = db.query(Names(0, "fwd").sql("shapes", generated=generated), (list(relations),))
    return {row[0]: Shape(*row[:3], *(tuple(one or ()) for one in row[3:])) for row in rows}


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
    ((changes_rows,),) = db.query(names.sql("changes_rows"), (shape.relation,))
    table = shape.qualified
    of_key = f" of {', '.join(map(quote_ident, shape.key))}" if shape.key and not changes_rows else ""
    comment = quote_literal(shape.signature)
    row, key, gone, emptied = names.triggers
    each = "for each row execute function"
    functions = {part: names.function(shape.relation, part) for part in ("new", "key", "old", "emptied")}
    passed = names.sql("pass_applied", mover=quote_literal(mover), applies=quote_literal(names.schema))
    bodies = _bodies(names, shape, f"{passed};\n    " if applied else "", db.server_version)
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

    _shortly(db, table, make, deadline)


def _bodies(names: Names, shape: Shape, passed: str, version: int) -> dict[str, str]:
    """Bodies of the functions: for rows that come or are others, for keys that are others, for rows that go, and for
    TRUNCATE.
    """
    name = "note" if shape.steady else "note_steadily"
    new, old = ("'k'", "'k'") if shape.key else ("'+'", "'-'")
    other_key = names.sql("pass_same_key", same=shape.same_key()) + ";\n    " if shape.key else ""
    more = {
        "digits": "1" if version >= 120_000 else "3",  # since 12 each of these gives all digits
        "monetary": str(any("." in one or one == "money[]" for one in shape.used)).lower(),
    }

    def body(beginning: str, kind: str, row: str) -> str:
        return names.sql(name, kind=kind, image=shape.image(row), **{"pass": beginning, **more})

    return {
        "new": body(passed, new, "new"),
        "key": body(passed + other_key, old, "old"),
        "old": body(passed, old, "old"),
        "emptied": names.sql("note_emptied", **{"pass": passed}),
    }


def uninstall(db: Database, names: Names, deadline: Deadline | None = None) -> None:
    """Take the triggers, their functions and the log away; what is gone already is passed by."""
    for (function,) in db.query(names.sql("functions"), (names.schema, names.part)):
        statement = f"drop function if exists {names.schema}.{quote_ident(function)}() cascade"
        _shortly(db, function, lambda: db.execute(statement), deadline)  # noqa: B023 - called at once
    db.query(names.sql("unlog"))


def _shortly(db: Database, what: str, work: Callable[[], object], deadline: Deadline | None) -> None:
    """Do something that locks a table, without holding up its users for longer than a moment at a time."""
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
                f"the triggers of {what} could not be changed: it was in use all the time",
                hint="A long transaction holds it: look at pg_stat_activity and end it; it is tried again.",
            )
        time.sleep(LOCK_PAUSE)
