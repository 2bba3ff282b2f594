"""Locks, rewrites and scans of any DDL, found by running it on an empty copy of the affected part of the schema.

The real tables are never locked: from the real database only catalogs are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from postai.database import Database, ServerError, named_sql
from postai.deadline import Deadline
from postai.migrate.trace_effects import Seen, effects, lockable
from postai.migrate.trace_forms import SETTINGS, allowed_in_transaction, emptied, named, path_of, schemas_of, way_of
from postai.migrate.trace_known import known_locks
from postai.migrate.trace_picture import Picture, take_picture
from postai.migrate.types import Blocks, Traced
from postai.scratch.affected import Names, affected
from postai.scratch.definitions import Definitions, read_definitions
from postai.scratch.harmless import Harmless
from postai.scratch.schema_copy import make_copy
from postai.scratch.scratch_database import Opener, scratch_database
from postai.sql.parse import Statement, parse_one

BLOCKS: Mapping[str, Blocks] = {
    "AccessShareLock": "none",
    "RowShareLock": "none",
    "RowExclusiveLock": "none",
    "ShareUpdateExclusiveLock": "ddl",
    "ShareLock": "writes",
    "ShareRowExclusiveLock": "writes",
    "ExclusiveLock": "writes",
    "AccessExclusiveLock": "reads+writes",
}
"""Lock modes from the weakest to the strongest, and what they keep others from."""
_STRENGTH = {mode: number for number, mode in enumerate(BLOCKS)}


def trace(
    db: Database, statements: Sequence[str], deadline: Deadline, open_database: Opener | None = None
) -> tuple[Traced, ...]:
    """What each statement would do, one after the other, so that later ones meet what earlier ones made.

    Args:
        db: a session of the real database, outside a transaction; the statements' names are looked up in its
            search_path, and its role tries them.
        statements: one SQL statement each; SET search_path and SET timezone among them count for those after them.
        deadline: for all of them, the copy included.
        open_database: opens sessions of other databases of the server.

    Raises:
        Unparsable: a statement cannot be parsed.
        Refused: too many relations are touched.
        LockNotObtained: somebody is changing one of the tables.
        DeadlineExceeded, Cancelled: from the deadline.
    """
    parsed = [parse_one(statement) for statement in statements]
    session = _Session(db)
    harmless = Harmless(db)
    definitions = _definitions(db, parsed, session, harmless, deadline)
    assert open_database is not None
    with scratch_database(db, open_database, deadline) as copy:
        missing = make_copy(copy, definitions, deadline)
        tracer = _Tracer(copy, session, harmless, missing)
        found = []
        for one in parsed:
            deadline.check()
            found.append(tracer.one(one))
    return tuple(found)


class _Session:
    """What the real session says about the meaning of statements."""

    def __init__(self, db: Database) -> None:
        ((self.user, path, settings),) = db.query(_block("session"))
        self.path: tuple[str, ...] = tuple(path)
        self.settings: dict[str, str] = json.loads(settings)


def _definitions(
    db: Database, parsed: Sequence[Statement], session: _Session, harmless: Harmless, deadline: Deadline
) -> Definitions:
    """Definitions of everything that the statements can touch."""
    path = list(session.path)
    schemas = set(session.path)
    names = [named(one.tree) for one in parsed]
    for one in parsed:
        schemas |= schemas_of(one.tree)
        if one.tree.DESCRIPTOR.name == "VariableSetStmt":
            path += path_of(one.tree, session.user) or ()
    wanted = Names(
        frozenset(pair for one in names for pair in one.objects),
        frozenset(schema for one in names for schema in one.schemas),
        any(one.everything for one in names),
        any(one.spreading for one in names),
    )
    found = affected(db, wanted, tuple(dict.fromkeys(path)), deadline)
    return read_definitions(db, found, schemas, harmless, deadline)


class _Tracer:
    """Runs statements on a copy and looks at what they did."""

    def __init__(self, copy: Database, session: _Session, harmless: Harmless, missing: tuple[str, ...]) -> None:
        self._copy = copy
        self._path = session.path
        self._user = session.user
        self._harmless = harmless
        self._missing = missing
        self._said: list[str] = []
        copy.on_notice(self._said.append)
        for name, value in session.settings.items():
            copy.query("select pg_catalog.set_config(%s, %s, false)", (name, value))
        self._use(self._path)
        self._picture = take_picture(copy)

    def one(self, statement: Statement) -> Traced:
        """What one statement did."""
        way = way_of(statement)
        if way == "session":
            self._session(statement)
            return Traced(statement.sql, in_transaction=allowed_in_transaction(statement))
        culprit = self._harmless.culprit(statement.tree)
        if way == "never" or culprit:
            why = f"it calls {culprit}" if culprit else f"{statement.statement_class} is never run, not even on a copy"
            return Traced(
                statement.sql, in_transaction=allowed_in_transaction(statement), traced=False, note=f"not tried: {why}"
            )
        self._said.clear()
        try:
            if way == "plan":
                return self._planned(statement)
            return self._run(statement)
        except ServerError as error:
            if error.sqlstate == "25001":
                return self._alone(statement)
            return self._refused(statement, error)

    def _run(self, statement: Statement) -> Traced:
        copy = self._copy
        with copy.transaction():
            copy.execute("set local client_min_messages = debug1")
            copy.execute(self._text(statement))
            copy.execute("set local client_min_messages = warning")
            locks = self._locks()
            after = take_picture(copy)
        return self._told(statement, locks, after)

    def _planned(self, statement: Statement) -> Traced:
        """A statement that reads or writes rows: the server plans it, which takes the locks it would take."""
        with self._copy.transaction():
            ((plan,),) = self._copy.query(f"explain (verbose, costs off, format json) {statement.sql}")
            locks = self._locks()
        text = plan if isinstance(plan, str) else json.dumps(plan)
        return self._told(statement, locks, self._picture, plan=text)

    def _alone(self, statement: Statement) -> Traced:
        """A statement that refuses a transaction block: its locks are known, the rest is seen."""
        copy = self._copy
        self._said.clear()
        locks = known_locks(statement.tree, self._picture, self._path)
        copy.execute("set client_min_messages = debug1")
        try:
            copy.execute(self._text(statement))
        except ServerError as error:
            return replace(self._refused(statement, error), in_transaction=False)
        finally:
            copy.execute("set client_min_messages = warning")
        return replace(self._told(statement, locks, take_picture(copy)), in_transaction=False)

    def _refused(self, statement: Statement, error: ServerError) -> Traced:
        note = "; ".join(self._missing) or None
        return Traced(statement.sql, error=error.message, sqlstate=error.sqlstate, note=note)

    def _told(self, statement: Statement, locks: Mapping[int, str], after: Picture, plan: str | None = None) -> Traced:
        before, self._picture = self._picture, after
        held = lockable(locks, before)
        seen = Seen(statement.tree, tuple(self._said), held, before, after, self._path, plan)
        did = effects(self._copy, seen)
        labels = {oid: before.by_oid[oid].label for oid in {*held, *did.rewrites, *did.rebuilt, *did.scans}}

        def ordered(oids: Iterable[int]) -> tuple[str, ...]:
            return tuple(sorted(labels[oid] for oid in oids))

        return Traced(
            statement.sql,
            locks={labels[oid]: held[oid] for oid in sorted(held, key=labels.__getitem__)},
            blocks={labels[oid]: BLOCKS[held[oid]] for oid in sorted(held, key=labels.__getitem__)},
            rewrites=ordered(did.rewrites),
            rebuilt_indexes=ordered(did.rebuilt),
            scans=ordered(did.scans),
            shown={labels[oid]: before.shown(before.by_oid[oid], self._path) for oid in labels},
        )

    def _text(self, statement: Statement) -> str:
        """What is sent: somebody's function gets a body that does nothing, unless it only computes."""
        if statement.tree.DESCRIPTOR.name == "CreateFunctionStmt" and not self._harmless.computes(statement.sql):
            return emptied(statement)
        return statement.sql

    def _locks(self) -> dict[int, str]:
        held: dict[int, str] = {}
        for oid, mode in self._copy.query(_block("locks")):
            held[oid] = max(held.get(oid, mode), mode, key=_STRENGTH.__getitem__)
        return held

    def _session(self, statement: Statement) -> None:
        """Follow a script's settings that change what its later statements mean."""
        tree: Any = statement.tree
        if tree.DESCRIPTOR.name != "VariableSetStmt" or tree.name.lower() not in SETTINGS:
            return
        path = path_of(tree, self._user)
        if path is not None:
            self._use(path)
        elif tree.name.lower() != "search_path":
            self._copy.execute(statement.sql)

    def _use(self, path: tuple[str, ...]) -> None:
        self._path = path
        self._copy.query(_block("use_path"), (list(path),))


def _block(name: str) -> str:
    return named_sql.load(__package__, "trace.sql")[name]
