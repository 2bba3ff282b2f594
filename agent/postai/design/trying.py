"""Runs proposed statements on an empty copy: what does not run there, or does not lead back, is never shown as done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from postai.database import ConnectionFailed, Database, ServerError
from postai.database.identifiers import quote_ident
from postai.deadline import Deadline
from postai.design.draft import Draft
from postai.design.stored import read_draft, read_state
from postai.design.types import TriedIn
from postai.errors import FeatureMissing, NotPermitted, Refused
from postai.scratch.affected import Names, affected
from postai.scratch.definitions import read_definitions
from postai.scratch.harmless import Harmless
from postai.scratch.renaming import Renaming
from postai.scratch.schema_copy import make_copy
from postai.scratch.scratch_database import Opener, scratch_database
from postai.scratch.scratch_schema import scratch_schemas
from postai.sql.nodes import messages
from postai.sql.parse import parse_one


@dataclass(frozen=True)
class Trial:
    """How statements went.

    Attributes:
        tried_in: where they ran; None where no copy could be made, `note` says why.
        statement, message, sqlstate: of the first that failed.
        after: the schema once the first statements had run; None = they did not.
        missing, left: what the way back does not restore, and what it leaves that was not there before, a line each.
    """

    tried_in: TriedIn | None
    statement: str | None = None
    message: str | None = None
    sqlstate: str | None = None
    note: str | None = None
    after: Draft | None = None
    missing: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether a statement was refused."""
        return self.message is not None

    @property
    def astray(self) -> str:
        """How the way back fails to lead back, in words; "" = it does."""
        return "; ".join(
            [f"it does not bring back: {one}" for one in self.missing] + [f"it leaves: {one}" for one in self.left]
        )


Try = Callable[[Sequence[str], Sequence[str]], Trial]
"""Runs statements, and then those that lead back, one by one on a fresh empty copy."""


@dataclass(frozen=True)
class _Copy:
    """A copy: a session, and how its schemas are called where it lies in the real database."""

    session: Database
    renaming: Renaming | None

    def schemas(self) -> tuple[str, ...] | None:
        return None if self.renaming is None else self.renaming.places

    def readable(self, text: str) -> str:
        return text if self.renaming is None else self.renaming.readable(text)

    def run(self, statement: str) -> None:
        """Run a statement there."""
        if self.renaming is None:
            self.session.execute(statement)
        else:
            self.renaming.run(self.session, parse_one(statement).tree, self.written(statement))

    def written(self, statement: str) -> str:
        """The statement for the copy; a name that would lead out of it leads to a schema that is not there."""
        if self.renaming is None:
            return statement
        tree = parse_one(statement).tree
        for node in messages(tree):
            if node.DESCRIPTOR.name in ("IndexStmt", "DropStmt"):
                node.concurrent = False  # it would wait for everybody's transactions
            for field in ("funcname", "names", "name", "opclass", "collname"):
                self._confine(getattr(node, field, ()))
        return self.renaming.tree(tree, strict=True)

    def _confine(self, parts: Any) -> None:
        if self.renaming is not None and not isinstance(parts, str) and len(parts) > 1:
            self.renaming.place(parts[0].string.sval)


_Place = Callable[[Database, Opener, Draft, Deadline], AbstractContextManager[_Copy]]


def on_copy(db: Database, open_database: Opener, before: Draft, deadline: Deadline) -> Try:
    """A runner of statements on copies of a schema.

    A copy is a database of its own, or, where the role may not make one, schemas of their own in the real database.

    Args:
        db: a session of the real database; its search_path is that of the statements.
        open_database: opens sessions of other databases of the server.
        before: the schema to copy; without tables an empty one is made.
    """

    def attempt(up: Sequence[str], down: Sequence[str]) -> Trial:
        why: list[str] = []
        places: tuple[tuple[TriedIn, _Place], ...] = (("database", _in_database), ("schema", _in_schemas))
        for tried_in, place in places:
            try:
                with place(db, open_database, before, deadline) as copy:
                    return replace(_tried(copy, up, down, deadline), tried_in=tried_in)
            except (NotPermitted, FeatureMissing, ConnectionFailed) as error:
                why.append(error.message)
        return Trial(None, note=f"not tried on a copy: {'; '.join(why)}")

    return attempt


def _tried(copy: _Copy, up: Sequence[str], down: Sequence[str], deadline: Deadline) -> Trial:
    start = read_state(copy.session, copy.schemas())
    trial = _run(copy, up, deadline)
    if trial.failed:
        return trial
    after = read_draft(copy.session, copy.schemas())
    if copy.renaming is not None:
        for table in after.tables.values():
            table.schema = copy.renaming.real(table.schema)
    trial = replace(_run(copy, down, deadline), after=after)
    if trial.failed or not down:
        return trial
    end = read_state(copy.session, copy.schemas())
    missing, left = (tuple(map(copy.readable, sorted(one))) for one in (start - end, end - start))
    return replace(trial, missing=missing, left=left)


def _run(copy: _Copy, statements: Sequence[str], deadline: Deadline) -> Trial:
    for statement in statements:
        deadline.check()
        try:
            copy.run(statement)
        except ServerError as error:
            return Trial(None, statement, copy.readable(error.message), error.sqlstate)
        except Refused as error:
            return Trial(None, statement, error.message, error.sqlstate)
    return Trial(None)


@contextmanager
def _in_database(db: Database, open_database: Opener, before: Draft, deadline: Deadline) -> Iterator[_Copy]:
    with scratch_database(db, open_database, deadline) as session:
        copy = _Copy(session, None)
        _fill(db, copy, before, deadline)
        yield copy


@contextmanager
def _in_schemas(db: Database, open_database: Opener, before: Draft, deadline: Deadline) -> Iterator[_Copy]:
    with scratch_schemas(db, open_database, _path(db), deadline) as (session, renaming):
        copy = _Copy(session, renaming)
        _fill(db, copy, before, deadline)
        yield copy


def _fill(db: Database, copy: _Copy, before: Draft, deadline: Deadline) -> None:
    """Copy the tables, and let names without a schema mean what they mean in the real database."""
    copy.session.execute(f"set statement_timeout = {max(1, int(deadline.remaining() * 1000))}")
    if before.tables:
        names = Names(frozenset((one.schema, one.was or one.name) for one in before.tables.values()))
        found = affected(db, names, _path(db), deadline)
        schemas = {one.schema for one in before.tables.values()}
        make_copy(copy.session, read_definitions(db, found, schemas, Harmless(db), deadline), deadline, copy.renaming)
    for one in _path(db):
        if copy.renaming is None:
            copy.session.execute(f"create schema if not exists {quote_ident(one)}")
        else:
            copy.renaming.make_place(copy.session, one)
    path = [one if copy.renaming is None else copy.renaming.place(one) for one in _path(db)]
    if path:
        copy.session.execute(f"set search_path = {', '.join(map(quote_ident, path))}")


def _path(db: Database) -> tuple[str, ...]:
    ((path,),) = db.query("select current_schemas(false)::text[]")
    return tuple(path)
