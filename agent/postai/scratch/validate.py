"""Trying CREATE INDEX statements on empty copies of their tables, before anybody proposes them.

PostgreSQL itself says whether it would take a statement: names, types, operator classes, volatility of functions,
limits of the access method. What only rows can tell stays unknown: values that are not unique, too long for the index,
or on which an expression fails; and how long the build takes.

Functions of the statement are resolved and, where they are IMMUTABLE and called with constants, evaluated as in a real
CREATE INDEX: hand over only statements made of parts that the guard let pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from postai.database import Database, ServerError
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import LockNotObtained, Refused
from postai.scratch.copies import (
    Relation,
    Shape,
    lock_not_obtained,
    make_place,
    read_shapes,
    resolve,
    rolled_back,
    undone,
)
from postai.scratch.redirect import redirect_index
from postai.sql.parse import parse_one

_FIRST_USER_OID = 16384
_NAME = "postai_trial"
_INDEXABLE = frozenset("rpm")
_UNTRIED = frozenset({"55P03", "42501", "57014", "53100", "53200", "53400"})
"""What says nothing about the statement: locks, missing rights on a type or schema, time, disk, memory."""


@dataclass(frozen=True)
class Rejected:
    """Why a statement is not to be proposed.

    Attributes:
        sqlstate: the server's, or one of ours (PA003 not a CREATE INDEX, PA009 the table is locked).
        message, detail, hint: in the server's words where they are the server's.
        tried: False = nothing was found against it, but it could not be tried.
    """

    sqlstate: str
    message: str
    detail: str | None = None
    hint: str | None = None
    tried: bool = True


@dataclass(frozen=True)
class _Wanted:
    """A CREATE INDEX statement.

    Attributes:
        tree: its IndexStmt.
        schema, table: as written; schema None = looked up in the search_path.
    """

    tree: Any
    schema: str | None
    table: str


def validate(db: Database, statements: Sequence[str], deadline: Deadline) -> tuple[Rejected | None, ...]:
    """Try CREATE INDEX statements, each by itself.

    No lock is taken on the real tables that outlives a catalog query, and none stronger than ACCESS SHARE; nothing is
    left behind. Any role that may make temporary tables or a schema can do it, whoever owns the tables.

    Args:
        db: a session outside a READ ONLY transaction.
        statements: one CREATE INDEX each; CONCURRENTLY and IF NOT EXISTS make no difference.
        deadline: for all of them.

    Returns:
        position by position: None = PostgreSQL takes it and no valid index of the table does the same.

    Raises:
        FeatureMissing: a hot standby or a read-only session: nothing can be tried.
        NotPermitted: the role may make neither a schema nor temporary tables.
        DeadlineExceeded, Cancelled: from the deadline.
    """
    wanted = [_read(statement) for statement in statements]
    if not any(isinstance(one, _Wanted) for one in wanted):
        return tuple(one for one in wanted if isinstance(one, Rejected))
    with rolled_back(db, deadline):
        return _Trial(db, deadline).run(wanted)


def _read(statement: str) -> _Wanted | Rejected:
    try:
        parsed = parse_one(statement)
    except Refused as error:
        return Rejected(error.sqlstate, error.message, error.detail, error.hint)
    # The message classes are generated: their fields are not known to the type checker.
    tree = cast("Any", parsed.tree)
    if type(tree).__name__ != "IndexStmt":
        return Rejected("PA003", f"{parsed.statement_class} cannot be tried", hint="Only CREATE INDEX can.")
    return _Wanted(tree, tree.relation.schemaname or None, tree.relation.relname)


class _Trial:
    """One transaction of trials."""

    def __init__(self, db: Database, deadline: Deadline) -> None:
        self._db = db
        self._deadline = deadline
        self._place = make_place(db, temporary=True)
        self._copies: dict[int, str | Rejected] = {}

    def run(self, wanted: Sequence[_Wanted | Rejected]) -> tuple[Rejected | None, ...]:
        names = {(one.schema, one.table) for one in wanted if isinstance(one, _Wanted)}
        ordered = sorted(names, key=str)
        relations = dict(zip(ordered, resolve(self._db, ordered), strict=True))
        oids = [one.oid for one in relations.values() if one and one.kind in _INDEXABLE and one.oid >= _FIRST_USER_OID]
        for oid, shape in read_shapes(self._db, oids).items():
            self._deadline.check()
            self._copies[oid] = self._copy(shape)
        taken = self._taken(wanted, relations)
        results: list[Rejected | None] = []
        for one in wanted:
            self._deadline.check()
            if isinstance(one, Rejected):
                results.append(one)
            else:
                relation = relations[one.schema, one.table]
                results.append(_against(one, relation, taken) or self._attempt(one, cast("Relation", relation)))
        return tuple(results)

    def _taken(
        self, wanted: Sequence[_Wanted | Rejected], relations: dict[tuple[str | None, str], Relation | None]
    ) -> frozenset[tuple[str | None, str]]:
        """Names of new indexes, with their schema, that something has already."""
        names: dict[tuple[str | None, str], None] = {}
        for one in wanted:
            relation = relations[one.schema, one.table] if isinstance(one, _Wanted) else None
            if isinstance(one, _Wanted) and relation and one.tree.idxname:
                names[relation.schema, one.tree.idxname] = None
        found = resolve(self._db, list(names))
        return frozenset(name for name, relation in zip(names, found, strict=True) if relation)

    def _copy(self, shape: Shape | LockNotObtained) -> str | Rejected:
        """Make the copy; its name, or why there is none."""
        if isinstance(shape, LockNotObtained):
            return _locked(shape)
        name = f"copy_{shape.oid}"
        try:
            with self._db.transaction():
                self._db.execute(shape.create(self._place, name))
        except ServerError as error:
            return _of_server(error, tried=False)
        return name

    def _attempt(self, one: _Wanted, relation: Relation) -> Rejected | None:
        copy = self._copies.get(relation.oid)
        if copy is None:  # dropped since its name was resolved
            return _missing(one)
        if isinstance(copy, Rejected):
            return copy
        try:
            text = redirect_index(one.tree, _NAME, self._place, copy)
        except Refused as error:
            return Rejected(error.sqlstate, error.message, error.detail, error.hint, tried=False)
        try:
            with undone(self._db):
                self._db.execute(text)
                same = self._db.query(_duplicate_of(), (qualified(self._place, _NAME), relation.oid))
        except ServerError as error:
            self._deadline.check()
            return _of_server(error, tried=error.sqlstate not in _UNTRIED)
        return Rejected("42710", f"the index {same[0][0]} does the same already") if same else None


def _against(one: _Wanted, relation: Relation | None, taken: frozenset[tuple[str | None, str]]) -> Rejected | None:
    """What speaks against a statement before it is tried, in the server's words."""
    if relation is None:
        return _missing(one)
    if relation.kind not in _INDEXABLE:
        return Rejected("42809", f'cannot create index on relation "{one.table}"')
    if relation.oid < _FIRST_USER_OID:
        return Rejected("42501", f'permission denied: "{one.table}" is a system catalog')
    if relation.kind == "p" and one.tree.concurrent:
        return Rejected("0A000", f'cannot create index on partitioned table "{one.table}" concurrently')
    if (relation.schema, one.tree.idxname) in taken:
        return Rejected("42P07", f'relation "{one.tree.idxname}" already exists')
    return None


def _missing(one: _Wanted) -> Rejected:
    name = one.table if one.schema is None else f"{one.schema}.{one.table}"
    return Rejected("42P01", f'relation "{name}" does not exist')


def _locked(error: LockNotObtained) -> Rejected:
    return Rejected(error.sqlstate, error.message, error.detail, error.hint, tried=False)


def _of_server(error: ServerError, *, tried: bool) -> Rejected:
    if error.sqlstate == "55P03":
        return _locked(lock_not_obtained())
    return Rejected(error.sqlstate, error.message, error.detail, error.hint, tried)


def _duplicate_of() -> str:
    return load(__package__, "copies.sql")["duplicate_of"]
