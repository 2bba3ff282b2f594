"""Runs proposed statements on an empty copy: what does not run there is never shown as done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from postai.database import ConnectionFailed, Database, ServerError
from postai.deadline import Deadline
from postai.design.draft import Draft
from postai.design.stored import read_draft
from postai.errors import FeatureMissing, NotPermitted
from postai.scratch.affected import Names, affected
from postai.scratch.definitions import read_definitions
from postai.scratch.harmless import Harmless
from postai.scratch.schema_copy import make_copy
from postai.scratch.scratch_database import Opener, scratch_database


@dataclass(frozen=True)
class Trial:
    """How statements went.

    Attributes:
        tried: whether they ran; False where no copy could be made, `note` says why.
        statement, message, sqlstate: of the first that failed.
        after: the schema once the first statements had run; None = they did not.
    """

    tried: bool
    statement: str | None = None
    message: str | None = None
    sqlstate: str | None = None
    note: str | None = None
    after: Draft | None = None

    @property
    def failed(self) -> bool:
        """Whether a statement was refused."""
        return self.message is not None


Try = Callable[[Sequence[str], Sequence[str]], Trial]
"""Runs statements, and then those that lead back, one by one on a fresh empty copy."""


def on_copy(db: Database, open_database: Opener, before: Draft, deadline: Deadline) -> Try:
    """A runner of statements on copies of a schema.

    Args:
        db: a session of the real database.
        open_database: opens sessions of other databases of the server.
        before: the schema to copy; without tables an empty database is made.
    """

    def attempt(up: Sequence[str], down: Sequence[str]) -> Trial:
        try:
            with scratch_database(db, open_database, deadline) as session:
                session.execute(f"set statement_timeout = {max(1, int(deadline.remaining() * 1000))}")
                if before.tables:
                    _copy(db, session, before, deadline)
                trial = _run(session, up, deadline)
                if trial.failed:
                    return trial
                after = read_draft(session)
                return replace(_run(session, down, deadline), after=after)
        except (NotPermitted, FeatureMissing, ConnectionFailed) as error:
            return Trial(False, note=f"not tried on a copy: {error.message}")

    return attempt


def _copy(db: Database, session: Database, before: Draft, deadline: Deadline) -> None:
    names = Names(frozenset((one.schema, one.was or one.name) for one in before.tables.values()))
    found = affected(db, names, ("public",), deadline)
    schemas = {one.schema for one in before.tables.values()}
    make_copy(session, read_definitions(db, found, schemas, Harmless(db), deadline), deadline)


def _run(session: Database, statements: Sequence[str], deadline: Deadline) -> Trial:
    for statement in statements:
        deadline.check()
        try:
            session.execute(statement)
        except ServerError as error:
            return Trial(True, statement, error.message, error.sqlstate)
    return Trial(True)
