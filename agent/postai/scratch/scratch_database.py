"""A database of our own for the length of a `with` block, dropped at its end, and by the next run if we are killed."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from postai.database import Database, ServerError, connect, named_sql
from postai.database import dsn as connection_string
from postai.database.identifiers import quote_ident
from postai.deadline import Deadline
from postai.errors import FeatureMissing, NotPermitted

PREFIX = "postai_scratch_"

Opener = Callable[[str], Database]
"""Opens a session of another database of the same server, as the same role."""


def opener(dsn: str) -> Opener:
    """Sessions of other databases of the server that a connection string leads to."""

    def open_database(name: str) -> Database:
        return connect(
            connection_string.build({**connection_string.parse(dsn), "dbname": name}),
            application_name="postai scratch",
            statement_timeout_ms=60_000,
            lock_timeout_ms=5_000,
        )

    return open_database


@contextmanager
def scratch_database(db: Database, open_database: Opener, deadline: Deadline) -> Iterator[Database]:
    """A session of an empty database with the locale and encoding of the real one.

    Its name says which session made it, so that another run can tell a leftover: leftovers of this role are dropped
    first. DROP DATABASE makes the server write a checkpoint.

    Args:
        db: a session of the real database, outside a transaction.
        open_database: opens the session of the new one.
        deadline: checked before it is made.

    Raises:
        NotPermitted: the role may not make a database.
        FeatureMissing: no database can be made here (a hot standby, a read-only session).
    """
    ((allowed, recovery, mark, options),) = db.query(_block("scratch_rights"))
    if recovery:
        raise FeatureMissing("no database can be made on a hot standby", hint="Connect to the primary.")
    if not allowed:
        raise NotPermitted(
            "the role may not make a database to try statements in", hint="ALTER ROLE ... CREATEDB, as a superuser."
        )
    deadline.check()
    drop_left_databases(db)
    name = f"{PREFIX}{mark}_{secrets.token_hex(4)}"
    db.execute(f"create database {quote_ident(name)} template template0 connection limit 2 {options}")
    try:
        db.execute(f"revoke all on database {quote_ident(name)} from public")
        with open_database(name) as session:
            session.execute("set synchronous_commit = off; set jit = off; set check_function_bodies = off")
            yield session
    finally:
        _drop(db, name)


def drop_left_databases(db: Database) -> int:
    """Drop what runs of this role left that were killed; gives how many databases there were."""
    left = db.query(_block("scratch_leftovers"), (PREFIX,) * 3)
    for (name,) in left:
        _drop(db, name)
    return len(left)


def _drop(db: Database, name: str) -> None:
    try:
        db.execute(f"drop database if exists {quote_ident(name)} with (force)")
    except ServerError as error:
        # Somebody else drops it too, or uses it; a run after us finds it again.
        if error.sqlstate not in ("3D000", "55006", "42501", "XX000"):
            raise


def _block(name: str) -> str:
    return named_sql.load(__package__, "scratch_database.sql")[name]
