"""Empty copies of tables, in a transaction that is always rolled back.

The copies are made from what the system catalogs say of the columns, not with LIKE: so the real tables are neither
locked nor need they be readable. Nothing of theirs that PostgreSQL would evaluate while it makes a table or an index
(defaults, checks, other indexes, a partition key with an expression) is taken over.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from postai.database import Database, ServerError, named_sql
from postai.database.identifiers import qualified, quote_ident
from postai.deadline import Deadline
from postai.errors import FeatureMissing, LockNotObtained, NotPermitted

TEMPORARY = "pg_temp"

LOCK_TIMEOUT_MS = 500
"""How long a definition is waited for that somebody else changes at this moment; below deadlock_timeout (1 s by
default), so that the server never picks their statement as the victim."""


@dataclass(frozen=True)
class Relation:
    """A relation as a name resolved.

    Attributes:
        kind: pg_class.relkind.
    """

    oid: int
    schema: str
    kind: str


@dataclass(frozen=True)
class Shape:
    """What a copy of a relation is made of.

    Attributes:
        schema, name: of the real relation, unquoted.
        kind: pg_class.relkind.
        columns: each as in CREATE TABLE.
        partition_key: as after PARTITION BY; None = not partitioned, or by an expression.
    """

    oid: int
    schema: str
    name: str
    kind: str
    columns: tuple[str, ...]
    partition_key: str | None

    def create(self, place: str, name: str, *, unlogged: bool = False) -> str:
        """CREATE TABLE of the copy.

        Args:
            place: schema of the copy, unquoted.
            name: of the copy, unquoted.
            unlogged: whether an ordinary copy outside pg_temp writes no WAL.
        """
        by = f" partition by {self.partition_key}" if self.partition_key else ""
        kind = " unlogged" if unlogged and place != TEMPORARY and not by else ""
        return f"create{kind} table {qualified(place, name)} ({', '.join(self.columns)}){by}"


class _Undo(Exception):
    """Ends a block that is rolled back."""


@contextmanager
def undone(db: Database) -> Iterator[None]:
    """A transaction (within a transaction: a savepoint) that is rolled back however it ends."""
    try:
        with db.transaction():
            yield
            raise _Undo
    except _Undo:
        return


@contextmanager
def rolled_back(db: Database, deadline: Deadline) -> Iterator[None]:
    """As `undone`, with limits of time, where tables can be made.

    Raises:
        FeatureMissing: no table can be made here (a hot standby, a read-only session).
        DeadlineExceeded, Cancelled: from the deadline.
    """
    (recovery, read_only, _, _) = db.query(_block("session"))[0]
    if recovery or read_only:
        raise FeatureMissing(
            "no table can be made here to try a statement on",
            detail="The server is a hot standby." if recovery else "The session is read-only.",
            hint="Connect to the primary, with default_transaction_read_only = off.",
        )
    deadline.check()
    try:
        with undone(db):
            db.execute(f"set local statement_timeout = {max(1, int(deadline.remaining() * 1000))}")
            db.execute(f"set local lock_timeout = {LOCK_TIMEOUT_MS}")
            yield
    except ServerError as error:
        if error.sqlstate == "57014":
            deadline.check()
        raise


def may_make_schemas(db: Database) -> bool:
    """Whether copies can be kept apart in schemas of their own; else all of them are in pg_temp."""
    ((_, _, schema, _),) = db.query(_block("session"))
    return bool(schema)


def make_place(db: Database, *, temporary: bool) -> str:
    """A schema of our own for copies, within `rolled_back`.

    Args:
        temporary: whether pg_temp is wanted where the role may use it; else it is the second choice.

    Returns:
        its name, unquoted.

    Raises:
        NotPermitted: the role may neither make a schema nor temporary tables.
    """
    (_, _, schema, temp) = db.query(_block("session"))[0]
    if temp and (temporary or not schema):
        return TEMPORARY
    if schema:
        name = f"postai_scratch_{secrets.token_hex(8)}"
        db.execute(f"create schema {quote_ident(name)}")
        return name
    database = quote_ident(db.name)
    ((role,),) = db.query("select current_user::text")
    raise NotPermitted(
        "the role may not make the tables on which statements are tried",
        detail=f"It lacks both TEMPORARY and CREATE on database {database}.",
        hint=f"GRANT TEMPORARY ON DATABASE {database} TO {quote_ident(role)};",
    )


def resolve(db: Database, names: Sequence[tuple[str | None, str]]) -> list[Relation | None]:
    """The relations of those names (schema or None, name; unquoted), as the session would find them."""
    asked = json.dumps([{"schema": schema, "name": name} for schema, name in names])
    found: list[Relation | None] = [None] * len(names)
    for number, oid, schema, kind in db.query(_block("resolve"), (asked,)):
        if oid is not None:
            found[number - 1] = Relation(oid, schema, kind)
    return found


def read_shapes(db: Database, oids: Iterable[int]) -> dict[int, Shape | LockNotObtained]:
    """What copies of these relations are made of; of a relation that is locked against reading, the error.

    Relations that do not exist are left out. To be called within a transaction.
    """
    wanted = sorted(set(oids))
    try:
        with db.transaction():
            return {row[0]: _shape(row) for row in db.query(_block("shapes"), (wanted,))}
    except ServerError as error:
        if error.sqlstate != "55P03":
            raise
        if len(wanted) == 1:
            return {wanted[0]: lock_not_obtained()}
    half = len(wanted) // 2
    return {**read_shapes(db, wanted[:half]), **read_shapes(db, wanted[half:])}


def lock_not_obtained() -> LockNotObtained:
    """The error for a relation whose definition somebody is changing."""
    return LockNotObtained(
        "the table is locked by somebody who changes it",
        detail=f"Its definition could not be read within {LOCK_TIMEOUT_MS} ms.",
        hint="Try again when the other session has finished; pg_blocking_pids() names it.",
    )


def _shape(row: Sequence[object]) -> Shape:
    oid, schema, name, kind, columns, key = row
    assert isinstance(oid, int) and isinstance(columns, list)
    return Shape(oid, str(schema), str(name), str(kind), tuple(columns), None if key is None else str(key))


def _block(name: str) -> str:
    return named_sql.load(__package__, "copies.sql")[name]
