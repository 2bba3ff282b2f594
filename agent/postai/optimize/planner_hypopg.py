"""PostgreSQL's planner with HypoPG's hypothetical indexes, in the database itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import postgast

from postai.database import Database, ServerError
from postai.database.catalog_types import Catalog
from postai.database.identifiers import quote_ident, quote_literal
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.optimize.expressions import Reader
from postai.optimize.first_table import texts_by_first_table
from postai.optimize.planner import Plan, Probe
from postai.optimize.types import EstimatedBy, IndexDefinition, IndexKey, by_text
from postai.sql.definitions import same_definitions, unchanged

PREPARED = "postai_probe_"
MOST_PREPARED = 100


@dataclass
class _Prepared:
    """A prepared statement; `planned` = the server keeps a generic plan of it."""

    name: str
    parameters: int
    planned: bool = False


class Statements:
    """Prepared statements of one session, so that one text is parsed and analysed once.

    Every EXPLAIN runs in a READ ONLY transaction of its own, so that no lock outlives it, and in a savepoint of that,
    where not even a function can end the reading. Use `read_only_session`.

    Args:
        definitions: fingerprint of what the guard judged the statements by.
    """

    def __init__(self, db: Database, definitions: str) -> None:
        self._db = db
        self._same = same_definitions(definitions)
        self._compares = False
        self._known: dict[tuple[str, tuple[str, ...]], _Prepared] = {}
        self._number = 0
        self._path: tuple[str, ...] | None = None
        self._mode = ""

    def explain(self, probe: Probe, *, verbose: bool) -> Mapping[str, Any]:
        """The object under "Plan" of EXPLAIN (FORMAT JSON)."""
        self._use(probe.search_path)
        if probe.literals == ():
            return self._plan(probe.sql, verbose=verbose)
        found = self._prepared(probe)
        self._plan_cache("force_generic_plan" if probe.literals is None else "force_custom_plan")
        literals = ["null"] * found.parameters if probe.literals is None else list(probe.literals)
        if probe.literals is None and found.planned:
            self._db.execute("discard plans")  # a generic plan is kept, and does not see other hypothetical indexes
        found.planned |= probe.literals is None
        return self._plan(f"execute {found.name}({', '.join(literals)})", verbose=verbose)

    def types(self, probe: Probe) -> tuple[str, ...]:
        """Types of the parameters as PostgreSQL resolved them."""
        self._use(probe.search_path)
        sql = "select parameter_types::text[] from pg_catalog.pg_prepared_statements where name = %s"
        ((types,),) = self._db.query(sql, (self._prepared(probe).name,))
        return tuple(types)

    def close(self) -> None:
        """Forget every prepared statement of ours."""
        for one in self._known.values():
            self._db.execute(f"deallocate {one.name}")
        self._known.clear()
        if self._compares:
            self._db.execute(f"deallocate {PREPARED}same")
            self._compares = False

    def _use(self, search_path: tuple[str, ...]) -> None:
        if search_path != self._path:
            self._db.query("select pg_catalog.set_config('search_path', %s, false)", (_path_setting(search_path),))
            self._path = search_path

    def _plan_cache(self, mode: str) -> None:
        if mode != self._mode:
            self._db.execute(f"set plan_cache_mode = {mode}")
            self._mode = mode

    def _plan(self, sql: str, *, verbose: bool) -> Mapping[str, Any]:
        if not self._compares:
            self._db.execute(f"prepare {PREPARED}same as {self._same}")
            self._compares = True
        begin = f"begin read only; savepoint postai_plan; execute {PREPARED}same"
        try:
            with unchanged():
                rows = self._db.query(f"{begin}; explain (verbose {verbose}, format json) {sql}")
        finally:
            self._db.execute("rollback")
        root: Mapping[str, Any] = rows[-1][0][0]["Plan"]
        return root

    def _prepared(self, probe: Probe) -> _Prepared:
        key = (probe.sql, probe.search_path)
        if key not in self._known:
            if len(self._known) >= MOST_PREPARED:  # many of them make the server slow, and large
                self._db.execute(f"deallocate {self._known.pop(next(iter(self._known))).name}")
            self._number += 1
            name = f"{PREPARED}{self._number}"
            self._prepare(name, probe.sql)
            self._known[key] = _Prepared(name, _parameters(probe.sql))
        return self._known[key]

    def _prepare(self, name: str, sql: str) -> None:
        """PREPARE with types left to PostgreSQL; a parameter whose type nothing decides is taken for text."""
        texts: set[int] = set()
        while True:
            declared = ["text" if n in texts else "unknown" for n in range(1, max(texts, default=0) + 1)]
            types = f"({', '.join(declared)})" if declared else ""
            try:
                self._db.execute(f"prepare {name}{types} as {sql}")
            except ServerError as error:
                number = _undecided(error)
                if number is None or number in texts:
                    raise
                texts.add(number)
            else:
                return


class HypopgPlanner:
    """PostgreSQL's planner with HypoPG's hypothetical indexes (btree, hash and brin; HypoPG 1.3 and later).

    Args:
        db: a session, inside `read_only_session`.
        schema: the schema of the extension, quoted.
        catalog: of the database.
        definitions: as for `Statements`.
    """

    notes: tuple[str, ...] = ()
    whole = True
    estimated_by: EstimatedBy = "planner"
    methods = frozenset({"btree", "hash", "brin"})

    def __init__(self, db: Database, schema: str, catalog: Catalog, definitions: str) -> None:
        self._catalog = catalog
        self._texts: dict[tuple[str, tuple[str, ...]], dict[int, str]] = {}
        self._stand_ins: dict[IndexDefinition, IndexDefinition | None] = {}
        self._db = db
        self._schema = schema
        self._statements = Statements(db, definitions)
        self._present: dict[IndexDefinition, tuple[int, str]] = {}
        self._refused: dict[IndexDefinition, str | None] = {}

    def refusals(self, indexes: Sequence[IndexDefinition]) -> dict[IndexDefinition, str]:
        unknown = [one for one in dict.fromkeys(indexes) if one not in self._refused]
        if unknown:
            try:
                self._change([], [one for one in unknown if one not in self._present])
            except ServerError:  # one of them: find out which
                self._refused.update({one: self._attempt(one) for one in unknown})
            else:
                self._refused.update(dict.fromkeys(unknown))
        return {one: why for one in indexes if (why := self._refused[one]) is not None}

    def explain(
        self, probe: Probe, indexes: frozenset[IndexDefinition], deadline: Deadline, *, verbose: bool = False
    ) -> Plan:
        special = sorted({one.table_oid for one in indexes if _is_special(one)})
        if not special:
            return self._explain(probe, {one: one for one in indexes}, deadline, verbose=verbose)
        texts = self._by_first_table(probe)
        plans = []
        for first in [oid for oid in special if oid in texts] or [0]:
            turned = replace(probe, sql=texts[first]) if first else probe
            plans.append(self._explain(turned, self._shown(indexes, first), deadline, verbose=verbose))
        return min(plans, key=lambda plan: plan.cost)

    def plans(self, probe: Probe, index: IndexDefinition) -> bool:
        if index.method not in self.methods:
            return False
        return all(key.column for key in index.keys) or index.table_oid in self._by_first_table(probe)

    def _explain(
        self, probe: Probe, shown: Mapping[IndexDefinition, IndexDefinition], deadline: Deadline, *, verbose: bool
    ) -> Plan:
        """The plan with these indexes, each for the one that it stands for."""
        deadline.check()
        self._show(shown)
        root = self._statements.explain(probe, verbose=verbose)
        names = {self._present[one][1]: meant for one, meant in shown.items()}
        return Plan(root, frozenset(names[name] for name in _index_names(root) if name in names))

    def _by_first_table(self, probe: Probe) -> dict[int, str]:
        key = (probe.sql, probe.search_path)
        if key not in self._texts:
            self._texts[key] = texts_by_first_table(probe.sql, self._catalog, probe.search_path)
        return self._texts[key]

    def _shown(self, indexes: frozenset[IndexDefinition], first: int) -> dict[IndexDefinition, IndexDefinition]:
        """What can be shown of these indexes when that table is the first: partial ones elsewhere by others."""
        shown = {}
        for one in sorted(indexes, key=by_text):
            if not _is_special(one) or one.table_oid == first:
                shown[one] = one
            elif (other := self._stand_in(one)) is not None:
                shown.setdefault(other, one)
        return shown

    def _stand_in(self, index: IndexDefinition) -> IndexDefinition | None:
        """A whole index that costs about what a partial one does: what the predicate fixes stands in front."""
        if index not in self._stand_ins:
            self._stand_ins[index] = self._without_predicate(index)
        return self._stand_ins[index]

    def _without_predicate(self, index: IndexDefinition) -> IndexDefinition | None:
        table = self._catalog.by_oid(index.table_oid)
        if table is None or index.where is None or any(key.column is None for key in index.keys):
            return None
        keys = []
        for one in Reader({table.name: table}).conditions(index.where):
            if one.kind in ("equal", "in", "null", "true", "false") and one.term.column is not None:
                keys.append(IndexKey(one.term.text, one.term.column))
            elif one.kind not in ("not_null", "unequal"):
                return None
        fixed = {key.expression for key in keys}
        return replace(
            index,
            keys=(*keys, *(key for key in index.keys if key.expression not in fixed)),
            include=tuple(one for one in index.include if quote_ident(one) not in fixed),
            where=None,
        )

    def types(self, probe: Probe) -> tuple[str, ...]:
        return self._statements.types(probe)

    def close(self) -> None:
        """Leave nothing behind in the session."""
        self._change(list(self._present), [])
        self._statements.close()

    def _attempt(self, index: IndexDefinition) -> str | None:
        try:
            self._change([], [index])
        except ServerError as error:
            return error.message
        return None

    def _show(self, indexes: Collection[IndexDefinition]) -> None:
        self._change(
            [one for one in self._present if one not in indexes], [x for x in indexes if x not in self._present]
        )

    def _change(self, dropped: Sequence[IndexDefinition], created: Sequence[IndexDefinition]) -> None:
        """Drop and create hypothetical indexes in one round trip."""
        calls = [
            f"(select h.indexrelid || ' ' || h.indexname from {self._schema}.hypopg_create_index("  # noqa: S608
            f"{quote_literal('create index ' + one.body())}) h)"
            for one in created
        ]
        calls += [f"{self._schema}.hypopg_drop_index({self._present[one][0]})::text" for one in dropped]
        if not calls:
            return
        try:
            ((*results,),) = self._db.query(f"select {', '.join(calls)}")
        except ServerError:  # those before the failing one are there: an error undoes nothing of HypoPG's
            self._db.query(f"select {self._schema}.hypopg_reset()")
            self._present.clear()
            raise
        for one in dropped:
            del self._present[one]
        for one, found in zip(created, results, strict=False):
            oid, _, name = found.partition(" ")
            self._present[one] = (int(oid), name)


def _is_special(index: IndexDefinition) -> bool:
    """Whether HypoPG understands the index for the first table of a query only."""
    return index.where is not None or any(key.column is None for key in index.keys)


@contextmanager
def read_only_session(db: Database, statement_timeout_ms: int) -> Iterator[None]:
    """Make every statement of the session READ ONLY and bounded in time, and put back what was changed."""
    names = (
        "default_transaction_read_only", "statement_timeout", "plan_cache_mode", "search_path",
        "max_parallel_workers_per_gather",
    )  # fmt: skip
    asked = ", ".join(f"pg_catalog.current_setting('{name}')" for name in names)
    (before,) = db.query(f"select {asked}")
    setting = "select pg_catalog.set_config(%s, %s, false)"
    db.query(setting, ("default_transaction_read_only", "on"))
    db.query(setting, ("statement_timeout", f"{statement_timeout_ms}ms"))
    try:
        yield
    finally:
        for name, value in zip(names, before, strict=True):
            db.query(setting, (name, value))


def _parameters(sql: str) -> int:
    """The highest number of a parameter."""
    data = sql.encode()
    words = (data[token.start : token.end] for token in postgast.scan(sql).tokens)
    return max((int(word[1:]) for word in words if word[:1] == b"$" and word[1:].isdigit()), default=0)


def _path_setting(search_path: tuple[str, ...]) -> str:
    return ", ".join('"' + one.replace('"', '""') + '"' for one in search_path)


def _undecided(error: PostaiError) -> int | None:
    """Number of the parameter whose type could not be determined (42P18, 42P08)."""
    if not isinstance(error, ServerError) or error.sqlstate not in ("42P18", "42P08"):
        return None
    _, _, rest = error.message.partition("$")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return int(digits) if digits else None


def _index_names(root: Mapping[str, Any]) -> Iterator[str]:
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if "Index Name" in node:
            yield node["Index Name"]
        waiting.extend(node.get("Plans", ()))
