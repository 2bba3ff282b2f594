"""Triggers that write down which rows changed: made and taken away table by table, each in a short transaction.

The log has the keys of rows, not the rows: what they are is read from the table when they are applied. Only tables
without a key have their rows written down, as the texts of their values.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection, Iterator, Sequence
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
# Types whose text depends on no setting.
_STEADY = frozenset(
    {"smallint", "integer", "bigint", "text", "character varying", "bpchar", "uuid", "boolean", "numeric", "oid",
     "name", "inet", "cidr", "macaddr"}
)  # fmt: skip
_PINS = """
    set datestyle = 'ISO, YMD' set intervalstyle = 'postgres' set timezone = 'UTC' set extra_float_digits = 3
    set bytea_output = 'hex' set lc_monetary = 'C'"""


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
    def emptied(self) -> str:
        """The trigger for TRUNCATE."""
        return f"{self.trigger}_emptied"

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

    def function(self, relation: int) -> str:
        """The function of a table's triggers."""
        return f"{self.schema}.{self.part}_{relation}"

    def sql(self, name: str, **more: str) -> str:
        """A statement of capture.sql; the names that it is filled with may hold anything."""
        values = {
            "log": self.log, "mark": self.mark, "progress": self.progress, "tables": self.tables,
            "literal": quote_literal(self.log), "index": f"{self.part}_log_txid", "users_schema": USERS_SCHEMA,
            "index_emptied": f"{self.part}_log_emptied", **more,
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

    def image(self, row: str) -> str:
        """The expression that is written down of a row: its key, or its values where there is none."""
        if self.key:
            return f"array[{', '.join(f'pg_catalog.concat({row}.{quote_ident(one)})' for one in self.key)}]"
        values = (f"{row}.{quote_ident(one)}" for one in self.columns)
        texts = (f"case pg_catalog.num_nulls({one}) when 0 then pg_catalog.concat({one}) end" for one in values)
        return f"array[{', '.join(texts)}]::text[]"


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
            number: signature for number, _, _, fires, signature
            in db.query(names.sql("captured"), (names.trigger, names.emptied)) if fires
        }  # fmt: skip
    return tuple(one for number, one in found.items() if made.get(number) != one.signature)


def install(db: Database, names: Names, shape: Shape, deadline: Deadline | None = None) -> None:
    """Make the triggers of one table, or make them anew.

    Raises:
        LockNotObtained: the table was in use all the time.
    """
    ((mover, owned),) = db.query("select session_user::text, (" + names.sql("owned") + ")", (shape.relation,))
    function, table = names.function(shape.relation), shape.qualified
    body = names.sql("by_key" if shape.key else "by_row", applies=quote_literal(names.schema),
                     mover=quote_literal(mover), new=shape.image("new"), old=shape.image("old"))  # fmt: skip
    used = shape.key_types if shape.key else shape.types
    statements = [
        f"drop trigger if exists {one} on {table}" for one in (names.trigger, names.emptied) if owned
    ] + [
        names.sql("capture", function=function, body=quote_literal(body), comment=quote_literal(shape.signature),
                  pins="" if _STEADY.issuperset(used) else _PINS),
        f"create trigger {names.trigger} after insert or update or delete on {table} "
        f"for each row execute function {function}()",
        f"create trigger {names.emptied} after truncate on {table} for each statement execute function {function}()",
        *(f"alter table only {table} enable always trigger {one}" for one in (names.trigger, names.emptied) if owned),
    ]  # fmt: skip

    def make() -> None:
        for statement in statements:
            db.execute(statement)

    _shortly(db, table, make, deadline)


def uninstall(db: Database, names: Names, deadline: Deadline | None = None) -> None:
    """Take the triggers, their functions and the log away; what is gone already is passed by."""
    for (function,) in db.query(names.sql("functions"), (names.schema, names.part)):
        statement = f"drop function if exists {names.schema}.{quote_ident(function)}() cascade"
        _shortly(db, function, lambda: db.execute(statement), deadline)  # noqa: B023 - called at once
    db.execute(f"drop table if exists {names.log}, {names.mark}")


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
