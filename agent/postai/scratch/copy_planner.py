"""What PostgreSQL would plan if certain indexes existed, without HypoPG: real indexes on empty copies of the tables.

All of it lives in one transaction that is rolled back, so that nothing is left behind however the session ends. The
real tables are not locked while it is open (only for the catalog queries at its beginning, ACCESS SHARE), but its age
holds back VACUUM as any transaction's: keep it short.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from postai.database import ConnectionLost, Database, ServerError
from postai.deadline import Deadline
from postai.errors import Refused
from postai.scratch.copied_tables import CopiedTables, copy_tables, prices
from postai.scratch.copies import rolled_back
from postai.scratch.reading import Reader, Settings
from postai.scratch.redirect import path_of, redirect
from postai.scratch.script import Script
from postai.scratch.shown_indexes import ShownIndexes, WantedIndex
from postai.sql.definitions import same_definitions
from postai.sql.nodes import messages
from postai.sql.parse import parse_one

PAGES_LIMIT = 1000
"""Blocks of the longest copy: building an index takes about a microsecond for each."""


@dataclass(frozen=True)
class CopyPlan:
    """A plan of EXPLAIN (VERBOSE, FORMAT JSON) on the copies, in the words of the real tables.

    Attributes:
        root: the object under "Plan"; its costs are those that the real tables would give.
        used: those of the asked indexes that it reads.
    """

    root: Mapping[str, Any]
    used: frozenset[str]


@dataclass
class _Group:
    """One set of copies.

    Attributes:
        prices: planner settings that belong to it.
        redirected: statements that speak of it, by their own text.
    """

    copies: CopiedTables
    prices: tuple[tuple[str, str], ...]
    indexes: ShownIndexes
    redirected: dict[str, str] = field(default_factory=dict)

    def settings(self, search_path: Sequence[str]) -> Settings:
        return Settings(path_of(search_path, self.copies.names), self.prices)


@dataclass(frozen=True)
class _Names:
    """What a statement names.

    Attributes:
        relations: schema ("" = none is written) and name.
        qualified: whether a schema is written anywhere.
        parameters: the highest number of a parameter.
    """

    relations: frozenset[tuple[str, str]]
    qualified: bool
    parameters: int


class CopyPlanner:
    """Plans on copies. One session, one thread; to be made by `copy_planner`."""

    methods = frozenset({"btree", "hash", "brin"})
    """Access methods whose cost the planner tells rightly from an empty index."""

    def __init__(self, db: Database, made: Sequence[CopiedTables], definitions: str) -> None:
        self._db = db
        self._script = Script(db)
        own = {place for one in made for place in one.names.values()}
        self._reader = Reader(db, self._script, same_definitions(definitions, besides=own))
        self._groups = [
            _Group(one, tuple(prices(db, one.factor).items()), ShownIndexes(db, self._script, one)) for one in made
        ]
        self._all = self._groups[-1]
        self._parsed: dict[str, WantedIndex | str] = {}
        self._named: dict[str, _Names] = {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be copied and is planned as it is, for people."""
        return tuple(dict.fromkeys(note.text for group in self._groups for note in group.copies.notes))

    @property
    def whole(self) -> bool:
        """Whether nothing was left out that another time may be copied."""
        return not any(note.missed for group in self._groups for note in group.copies.notes)

    @property
    def tables(self) -> frozenset[int]:
        """Oids of the real tables that have a copy."""
        return frozenset(self._all.copies.tables)

    def refusals(self, statements: Collection[str]) -> dict[str, str]:
        """Those CREATE INDEX statements whose index PostgreSQL would not build, and why.

        Their tables have to be named with their schemas.
        """
        found = {one: self._index(one) for one in statements}
        wanted = [one for one in found.values() if isinstance(one, WantedIndex)]
        self._reader.stop()
        for group in self._groups:
            here = [one for one in wanted if one.table in group.copies.tables]
            wanted = [one for one in wanted if one.table not in group.copies.tables]
            if self._attempt(group, here) is not None:  # one of them: find out which
                for one in here:
                    if (why := self._attempt(group, [one])) is not None:
                        self._parsed[one.statement] = why
        refused = {one: self._index(one) for one in found}
        return {one: why for one, why in refused.items() if isinstance(why, str)}

    def _attempt(self, group: _Group, some: Collection[WantedIndex]) -> str | None:
        try:
            group.indexes.make(some)
        except (ServerError, Refused) as error:
            return error.message
        return None

    def types(self, sql: str, search_path: Sequence[str]) -> tuple[str, ...]:
        """Types of the parameters of a statement as PostgreSQL resolves them; raises as `explain`."""
        group = self._group(sql, search_path)
        return self._reader.types(self._redirect(group, sql), group.settings(search_path))

    def explain(
        self,
        sql: str,
        literals: Sequence[str] | None,
        search_path: Sequence[str],
        indexes: Collection[str],
        deadline: Deadline,
        *,
        verbose: bool = False,
    ) -> CopyPlan:
        """The plan if these indexes existed beside the real ones.

        Args:
            sql: one SELECT that the guard let pass, with $n in the place of parameters.
            literals: SQL literals for $1, $2, ... that the guard let pass too; None = the plan for any value; () for a
                statement without parameters.
            search_path: schemas in which its names are looked up, resolved.
            indexes: CREATE INDEX statements that `refusal` has nothing against.
            deadline: checked before.
            verbose: with schemas, outputs and qualified columns.

        Raises:
            ServerError: PostgreSQL cannot plan the statement, or build one of the indexes.
            Refused: it cannot be made to speak of the copies.
            DeadlineExceeded, Cancelled: from the deadline.
        """
        deadline.check()
        group = self._group(sql, search_path)
        wanted = [found for one in indexes if isinstance(found := self._index(one), WantedIndex)]
        if group.indexes.change(wanted):
            self._reader.stop()
            group.indexes.show(wanted)
        text, count = self._redirect(group, sql), self._names(sql).parameters
        root = self._reader.explain(text, literals, count, group.settings(search_path), verbose=verbose)
        # pg_temp holds copies from several schemas, so a place alone does not tell of which one a relation is.
        real = {(place, name): schema for (schema, name), place in group.copies.names.items()}
        names = group.indexes.names(wanted)
        used = set()
        for node in _nodes(root):
            copy = (node.get("Schema", ""), node.get("Relation Name", ""))
            if copy in real:
                node["Schema"] = real[copy]
            if node.get("Index Name") in names:
                used.add(names[node["Index Name"]])
        return CopyPlan(root, frozenset(used))

    def rest(self) -> None:
        """Until the next plan the session has its own settings, and holds no locks but those of the copies."""
        self._reader.stop()
        self._script.run()

    def close(self) -> None:
        """Forget the prepared statements; to be called after the transaction of the copies."""
        self._reader.forget()

    # Statements

    def _names(self, sql: str) -> _Names:
        if sql not in self._named:
            nodes = list(messages(parse_one(sql).tree))
            relations = [one for one in nodes if one.DESCRIPTOR.name == "RangeVar"]
            columns = [one for one in nodes if one.DESCRIPTOR.name == "ColumnRef"]
            self._named[sql] = _Names(
                frozenset((one.schemaname, one.relname) for one in relations),
                any(one.schemaname for one in relations) or any(len(one.fields) > 2 for one in columns),
                max((one.number for one in nodes if one.DESCRIPTOR.name == "ParamRef"), default=0),
            )
        return self._named[sql]

    def _group(self, sql: str, path: Sequence[str]) -> _Group:
        """The first set of copies that has every relation of the statement that is copied at all."""
        for group in self._groups[:-1]:
            copied = self._all.copies.names.keys() - group.copies.names.keys()
            named = self._names(sql).relations
            if not any((one, name) in copied for schema, name in named for one in ([schema] if schema else path)):
                return group
        return self._all

    def _redirect(self, group: _Group, sql: str) -> str:
        if sql not in group.redirected:
            text = redirect(sql, group.copies.names) if self._names(sql).qualified else sql
            group.redirected[sql] = text
        return group.redirected[sql]

    # Indexes

    def _index(self, statement: str) -> WantedIndex | str:
        """The index, or why there cannot be one."""
        if statement not in self._parsed:
            self._parsed[statement] = self._parse(statement)
        return self._parsed[statement]

    def _parse(self, statement: str) -> WantedIndex | str:
        try:
            # The message classes are generated: their fields are not known to the type checker.
            tree = cast("Any", parse_one(statement).tree)
        except Refused as error:
            return error.message
        if type(tree).__name__ != "IndexStmt":
            return "it is no CREATE INDEX statement"
        name = (tree.relation.schemaname, tree.relation.relname)
        oid = next((one.real for one in self._all.copies.tables.values() if (one.schema, one.name) == name), None)
        return "there is no copy of its table" if oid is None else WantedIndex(statement, tree, oid)


@contextmanager
def copy_planner(
    db: Database, oids: Iterable[int], deadline: Deadline, definitions: str, *, pages_limit: int = PAGES_LIMIT
) -> Iterator[CopyPlanner]:
    """A planner on copies of these relations, for the length of a `with` block.

    The block is one transaction, which is rolled back: other statements of the session see the copies' transaction.

    Args:
        db: a session outside a READ ONLY transaction.
        oids: tables, partitioned tables, materialized views and views that statements name, the most important first.
        deadline: when the transaction ends at the latest (its statement_timeout).
        definitions: fingerprint of what the guard judged the statements by, see `postai.sql.definitions`.
        pages_limit: blocks of the longest copy.

    Raises:
        FeatureMissing: a hot standby, a read-only session, an ordinary role before PostgreSQL 18.
        NotPermitted: the role may make neither a schema nor temporary tables.
        DeadlineExceeded, Cancelled: from the deadline.
    """
    planner: CopyPlanner | None = None
    try:
        with rolled_back(db, deadline):
            planner = CopyPlanner(db, copy_tables(db, oids, pages_limit, deadline), definitions)
            yield planner
    finally:
        if planner is not None:
            with suppress(ConnectionLost):
                planner.close()


def _nodes(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.get("Plans", ()))
