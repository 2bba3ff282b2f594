"""Locks, rewrites and scans of any DDL, found by running it on an empty copy of the affected part of the schema.

The real tables are never locked: from the real database only catalogs are read.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message

from postai.database import Database, ServerError, named_sql
from postai.deadline import Deadline
from postai.errors import Refused
from postai.migrate.lint.blocks import read_block
from postai.migrate.trace_blocks import held, runs_on_copy, together
from postai.migrate.trace_effects import Effects, Seen, effects, lockable
from postai.migrate.trace_forms import (
    ONLY_STORED,
    SETTINGS,
    allowed_in_transaction,
    emptied,
    evaluates,
    named,
    names_catalog,
    path_of,
    schemas_of,
    way_of,
    within,
    without_concurrently,
)
from postai.migrate.trace_ground import Ground, prepare
from postai.migrate.trace_guess import guessed_locks
from postai.migrate.trace_known import concurrent_error, known_locks
from postai.migrate.trace_picture import Picture, take_picture
from postai.migrate.types import BLOCKS, Traced
from postai.scratch.affected import Names, affected
from postai.scratch.definitions import Definitions, read_definitions
from postai.scratch.harmless import Harmless
from postai.scratch.scratch_database import Opener
from postai.sql.nodes import messages
from postai.sql.parse import Statement, parse_one, write

_STRENGTH = {mode: number for number, mode in enumerate(BLOCKS)}


def trace(db: Database, statements: Sequence[str], deadline: Deadline, open_database: Opener) -> tuple[Traced, ...]:
    """What each statement would do, one after the other, so that later ones meet what earlier ones made.

    Args:
        db: a session of the real database, outside a transaction; the statements' names are looked up in its
            search_path, and its role tries them.
        statements: one SQL statement each; SET search_path and SET timezone among them count for those after them.
        deadline: for all of them, the copy included.
        open_database: opens sessions of the databases of the server, see `postai.scratch.scratch_database.opener`.

    Raises:
        Unparsable: a statement cannot be parsed.
        Refused: too many relations are touched.
        LockNotObtained: somebody is changing one of the tables.
        DeadlineExceeded, Cancelled: from the deadline.
    """
    parsed = [parse_one(statement) for statement in statements]
    session = _Session(db)
    harmless = Harmless(db)
    definitions, path = _definitions(db, parsed, session, harmless, deadline)
    with ExitStack() as stack:
        ground = prepare(stack, db, open_database, definitions, path, deadline)
        if isinstance(ground, str):
            return _guessed(db, parsed, session, ground)
        tracer = _Tracer(ground, session, harmless, deadline)
        found = [tracer.one(one) for one in parsed]
    return tuple(found)


class _Session:
    """What the real session says about the meaning of statements."""

    def __init__(self, db: Database) -> None:
        ((self.user, path, settings),) = db.query(_block("session"))
        self.path: tuple[str, ...] = tuple(path)
        self.settings: dict[str, str] = json.loads(settings)


def _definitions(
    db: Database, parsed: Sequence[Statement], session: _Session, harmless: Harmless, deadline: Deadline
) -> tuple[Definitions, tuple[str, ...]]:
    """Definitions of everything that the statements can touch, and all schemas of their search_paths."""
    path = list(session.path)
    schemas = set(session.path)
    trees = [tree for one in parsed for tree in (one.tree, *held(one.tree))]
    names = [named(one) for one in trees]
    for one in trees:
        schemas |= schemas_of(one)
        if one.DESCRIPTOR.name == "VariableSetStmt":
            path += path_of(one, session.user) or ()
    wanted = Names(
        frozenset(pair for one in names for pair in one.objects),
        frozenset(schema for one in names for schema in one.schemas),
        any(one.everything for one in names),
        any(one.spreading for one in names),
    )
    every = tuple(dict.fromkeys(path))
    found = affected(db, wanted, every, deadline)
    return read_definitions(db, found, schemas, harmless, deadline), every


def _guessed(db: Database, parsed: Sequence[Statement], session: _Session, why: str) -> tuple[Traced, ...]:
    """What is known of the statements' forms, where no copy can be made."""
    picture = take_picture(db)
    path = session.path
    found = []
    for one in parsed:
        if one.tree.DESCRIPTOR.name == "VariableSetStmt":
            path = path_of(one.tree, session.user) or path
        locks, alone = guessed_locks(one, picture, path, db.server_version)
        labels = {oid: picture.by_oid[oid].label for oid in locks}
        found.append(
            Traced(
                one.sql,
                locks={labels[oid]: mode for oid, mode in locks.items()},
                blocks={labels[oid]: BLOCKS[mode] for oid, mode in locks.items()},
                in_transaction=not alone,
                traced=False,
                note=f"not tried, no copy can be made: {why}",
                shown={labels[oid]: picture.shown(picture.by_oid[oid], path) for oid in locks},
            )
        )
    return tuple(found)


class _Tracer:
    """Runs statements on a copy and looks at what they did."""

    def __init__(self, ground: Ground, session: _Session, harmless: Harmless, deadline: Deadline) -> None:
        self._ground = ground
        self._copy = ground.session
        self._user = session.user
        self._harmless = harmless
        self._deadline = deadline
        self._said: list[str] = []
        self._unsafe = False
        self._copy.on_notice(self._said.append)
        for name, value in session.settings.items():
            self._copy.query("select pg_catalog.set_config(%s, %s, false)", (name, value))
        self._use(session.path)
        self._picture = ground.picture()

    def one(self, statement: Statement) -> Traced:
        """What one statement did."""
        self._deadline.check()
        way = way_of(statement)
        tree: Any = statement.tree
        if tree.DESCRIPTOR.name == "DoStmt":
            return self._block(statement)
        if way == "session":
            self._session(statement)
            return Traced(statement.sql, in_transaction=allowed_in_transaction(statement))
        culprit = None if tree.DESCRIPTOR.name in ONLY_STORED else self._harmless.culprit(tree)
        culprit = culprit or self._unsafe_view(tree)
        if culprit:
            return self._untried(statement, f"it would run {culprit}")
        if way == "never" or not self._ground.confines(tree) or names_catalog(tree, self._picture, self._path):
            return self._untried(statement, f"{statement.statement_class} is not run, not even on a copy")
        self._said.clear()
        try:
            texts = self._texts(statement)
            if not texts:
                return self._untried(statement, "the database holds nothing of the kind")
            return self._planned(statement, *texts) if way == "plan" else self._run(statement, texts[0])
        except Refused as error:
            return self._untried(statement, error.message)
        except ServerError as error:
            if "postai_none" in error.message:  # the wrapper of copied foreign tables, which reaches no other server
                return self._untried(statement, "it would read a foreign table")
            return self._alone(statement, texts) if error.sqlstate == "25001" else self._refused(statement, error)

    def _block(self, statement: Statement) -> Traced:
        """A DO block: as it is where only catalogs decide what it does, else all of its statements one by one."""
        block = read_block(statement.tree)
        if block is None or not block.statements:
            return self._untried(statement, "what it does is not read")
        self._said.clear()
        if (
            not block.straight
            and self._ground.renaming is None
            and runs_on_copy(block, self._harmless, self._picture, self._path)
        ):
            try:
                return self._run(statement, statement.sql, tuple(one.tree for one in block.statements))
            except ServerError as error:
                return self._refused(statement, error)
        before = self._picture
        found = [self.one(one) for one in block.statements]
        if block.straight and (refused := next((one for one in found if one.error is not None), None)) is not None:
            return replace(refused, statement=statement.sql)
        return together(statement, block, found, before, self._path)

    def _run(self, statement: Statement, text: str, inner: tuple[Message, ...] = ()) -> Traced:
        copy = self._copy
        with copy.transaction():
            copy.execute("set local client_min_messages = debug1")
            self._ground.run(statement.tree, text)
            copy.execute("set local client_min_messages = warning")
            locks = self._locks()
            after = self._ground.picture()
        return self._told(statement, locks, after, inner=inner)

    def _planned(self, statement: Statement, text: str) -> Traced:
        """A statement that reads or writes rows: the server plans it, which takes the locks it would take."""
        with self._copy.transaction():
            ((plan,),) = self._copy.query(f"explain (verbose, costs off, format json) {text}")
            locks = self._locks()
        nodes = list(_nodes(json.loads(plan) if isinstance(plan, str) else plan))
        sequential = [(self._ground.real(one["Schema"]), one["Relation Name"]) for one in nodes]
        return self._told(statement, locks, self._picture, tuple(sequential))

    def _alone(self, statement: Statement, texts: list[str]) -> Traced:
        """A statement that refuses a transaction block: its locks are known, the rest is seen."""
        copy = self._copy
        self._said.clear()
        locks = known_locks(statement.tree, self._picture, self._path, copy.server_version)
        if self._ground.renaming is not None:
            # Beside the real tables a CONCURRENTLY form would wait for everybody's transactions.
            refusal = concurrent_error(statement.tree, self._picture, self._path)
            if refusal is not None:
                return self._refused(statement, ServerError(*refusal), in_transaction=False)
            plain = without_concurrently(statement.tree)
            texts = [self._ground.text(plain, "")]
        copy.execute("set client_min_messages = debug1")
        try:
            for text in texts:
                copy.execute(text)
        except ServerError as error:
            return self._refused(statement, error, in_transaction=False)
        finally:
            copy.execute("set client_min_messages = warning")
        return replace(self._told(statement, locks, self._ground.picture()), in_transaction=False)

    def _refused(self, statement: Statement, error: ServerError, *, in_transaction: bool = True) -> Traced:
        """What the server did not take."""
        if error.sqlstate == "57014":
            self._deadline.check()
        message = self._ground.readable(error.message)
        note = "; ".join(self._ground.missing) or None
        return Traced(statement.sql, in_transaction=in_transaction, error=message, sqlstate=error.sqlstate, note=note)

    def _untried(self, statement: Statement, why: str) -> Traced:
        locks, alone = guessed_locks(statement, self._picture, self._path, self._copy.server_version)
        told = self._traced(statement, locks, Effects(), self._picture)
        return replace(told, in_transaction=not alone, traced=False, note=f"not tried: {why}")

    def _told(
        self,
        statement: Statement,
        locks: Mapping[int, str],
        after: Picture,
        sequential: tuple[tuple[str, str], ...] = (),
        inner: tuple[Message, ...] = (),
    ) -> Traced:
        before, self._picture = self._picture, after
        held = lockable(locks, before)
        did = Effects()
        for tree in inner or (statement.tree,):
            did |= effects(Seen(tree, tuple(self._said), held, before, after, self._path, sequential))
        return self._traced(statement, held, did, before)

    def _traced(self, statement: Statement, held: Mapping[int, str], did: Effects, before: Picture) -> Traced:
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

    def _unsafe_view(self, tree: Any) -> str | None:
        """A view whose query the statement would run although that calls what must not be called."""
        # A view that the script makes could be read through others: from then on no query is run.
        self._unsafe |= tree.DESCRIPTOR.name in ("ViewStmt", "RuleStmt") and self._harmless.culprit(tree) is not None
        if not evaluates(tree):
            return None
        for node in messages(tree):
            if node.DESCRIPTOR.name == "RangeVar":
                found = self._picture.find(node.schemaname or None, node.relname, self._path)
                if found is not None and (found.label in self._ground.unsafe or self._unsafe):
                    return found.label
        return None

    def _texts(self, statement: Statement) -> list[str]:
        """What is sent: somebody's function gets a body that does nothing, unless it only computes."""
        tree: Any = statement.tree
        ground = self._ground
        trusted = ground.renaming is None and self._harmless.computes(statement.sql)
        if tree.DESCRIPTOR.name == "CreateFunctionStmt" and not trusted:
            empty = emptied(statement)
            return [ground.text(parse_one(empty).tree, empty)]
        parts = within(tree, self._picture, ground.database)
        return [ground.text(one, statement.sql if one is tree else write(one)) for one in parts]

    def _locks(self) -> dict[int, str]:
        renaming = self._ground.renaming
        if renaming is not None and self._copy.query(_block("strays"), (list(renaming.places),))[0][0]:
            raise Refused("it would touch a table that is not copied")
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
        self._copy.query(_block("use_path"), ([self._ground.place(one) for one in path],))


def _nodes(plan: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The sequential scans of a plan."""
    waiting: list[dict[str, Any]] = [plan[0]["Plan"]]
    while waiting:
        node = waiting.pop()
        waiting += node.get("Plans", ())
        if node["Node Type"] == "Seq Scan":
            yield node


def _block(name: str) -> str:
    return named_sql.load(__package__, "trace.sql")[name]
