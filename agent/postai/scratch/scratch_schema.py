"""Schemas of our own in the real database, for roles that may not make a database; dropped at the end.

They hold copies of tables under the same names; statements are made to speak of them, see `renaming`. A role that may
make no schema is lent them where postai is installed (sql/67_scratch.sql). Leftovers of a run that was killed are
dropped by the next one, and when the agent begins.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from postai.database import Database, ServerError, named_sql
from postai.database.identifiers import quote_ident
from postai.deadline import Deadline
from postai.errors import FeatureMissing, NotPermitted
from postai.scratch.renaming import Renaming
from postai.scratch.scratch_database import PREFIX, Opener

Place = tuple[Database, Renaming]
"""A session, and the schemas of the copies in it."""


@contextmanager
def scratch_schemas(db: Database, open_database: Opener, path: tuple[str, ...], deadline: Deadline) -> Iterator[Place]:
    """A session of the same database in which schemas can be copied under other names.

    Args:
        db: a session of the real database, outside a transaction, as long as the copies are used.
        open_database: opens the second session.
        path: schemas in which extensions' objects are found without a schema.
        deadline: checked before.

    Raises:
        NotPermitted: the role may not make schemas, and postai lends it none.
        FeatureMissing: nothing can be made here, or event triggers would run somebody's code.
    """
    ((allowed, lent, read_only, triggers, mark),) = db.query(_block("schema_rights"))
    if read_only:
        raise FeatureMissing("nothing can be made here", hint="Connect to the primary, in a session that may write.")
    if not allowed and not lent:
        raise NotPermitted(
            f"nor a schema, without GRANT CREATE ON DATABASE {quote_ident(db.name)}",
            hint="Or let it make a database: ALTER ROLE ... CREATEDB.",
        )
    if triggers:
        raise FeatureMissing(
            "the event triggers of this database would run", hint="Use a role with CREATEDB: a database has none."
        )
    deadline.check()
    drop_left_schemas(db)

    def lend(name: str) -> None:
        db.query(_block("lend"), [name])

    renaming = Renaming.of(db, f"{PREFIX}{mark}_{secrets.token_hex(4)}_", path, None if allowed else lend)
    try:
        with open_database(db.name) as session:
            session.execute("set synchronous_commit = off; set jit = off; set check_function_bodies = off")
            yield session, renaming
    finally:
        for name in renaming.places:
            _drop(db, name, lent=not allowed)


def drop_left_schemas(db: Database) -> int:
    """Drop what runs of this role left that were killed; gives how many schemas there were.

    Args:
        db: a session outside a transaction, which may write.
    """
    left = db.query(_block("schema_leftovers"), (PREFIX,) * 3)
    for name, lent in left:
        _drop(db, name, lent=lent)
    return len(left)


def _drop(db: Database, name: str, *, lent: bool) -> None:
    try:
        if lent:
            db.query(_block("give_back"), [name])
        else:
            db.execute(f"drop schema if exists {quote_ident(name)} cascade")
    except ServerError as error:
        # Somebody else drops it too, or event triggers came up; a run after us finds it again.
        if error.sqlstate not in ("3F000", "42501", "55P03", "PA007", "XX000"):
            raise


def _block(name: str) -> str:
    return named_sql.load(__package__, "scratch_schema.sql")[name]
