"""What a statement reads, and whether its answer may be kept: proved from its text and the catalog, else not.

`judge` does no input or output: it is a generator that yields `Query`s, is sent their rows (values as text), and
returns a `Verdict`. The queries are to run in a session of the role and with the search_path of whoever sent the
statement; an error of theirs means that nothing is known (`UNKNOWN`). `judge_with` asks a `Database`.

An answer may be kept when it depends on nothing but the rows of the tables named in the verdict, the statement with
its parameters, and what is constant as long as neither the catalog nor the session's settings change.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from postai.database import Database
from postai.database.named_sql import load
from postai.sql.allowlist import load_allowlist
from postai.sql.reads_pins import Key, Pins, pins
from postai.sql.reads_text import Call, Candidate, candidate, special_input
from postai.sql.reads_views import domain_targets, text_targets, view_reasons
from postai.sql.safety import FIRST_USER_OID
from postai.sql.trees import tree_uses

__all__ = ["UNKNOWN", "Key", "Query", "Reads", "Verdict", "candidate", "judge_with", "special_input"]

Rows = Sequence[Sequence[str | None]]

KEYED_SETTINGS = (
    "role", "search_path", "client_encoding", "TimeZone", "DateStyle", "IntervalStyle", "extra_float_digits",
    "bytea_output", "lc_monetary", "lc_numeric", "lc_time", "default_text_search_config", "standard_conforming_strings",
    "transform_null_equals", "timezone_abbreviations", "row_security", "array_nulls",
)  # fmt: skip
"""Settings that change answers which may be kept: whoever keeps answers keeps one for each of their values."""


@dataclass(frozen=True, slots=True)
class Query:
    """A statement to be run, with the values of $1, $2, ... as text."""

    sql: str
    params: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known about a statement.

    Attributes:
        reason: why its answer may not be kept; None = it may.
        tables: oids of all tables that it can read, with their partitions and children, and the partitioned tables
            above them (whose oid the stream gives with publish_via_partition_root); None = not known.
        pins: for a table of which only rows with one value of its key can matter: that value.
        only_reads: it changes nothing, as far as it can be known: no locks, no functions but those of which it is
            known, also inside views.
    """

    reason: str | None
    tables: frozenset[int] | None = None
    pins: Pins = ()
    only_reads: bool = False

    @property
    def cacheable(self) -> bool:
        """Whether the answer may be kept."""
        return self.reason is None


UNKNOWN = Verdict("the catalog could not be asked")

FIRST_TYPE = 16
"""Lowest oid of a type (bool); smaller numbers in stored trees are kinds of joins and the like."""

Judging = Generator[Query, Rows, Verdict]


class Reads:
    """The judge; it holds what is read once: SQL and lists."""

    def __init__(self) -> None:
        blocks = load(__package__, "reads.sql")
        self._meaning, self._uses = blocks["meaning"], blocks["uses"]
        self._lists = _Lists.load()

    def judge(self, one: Candidate, watched: Mapping[int, Key] | None = None) -> Judging:
        """Yield what is to be asked of the catalog (at most twice), return the verdict.

        Args:
            one: what the text says.
            watched: tables whose changes are told row by row, and their key columns.
        """
        if not one.selects:
            return Verdict(one.reason or "a part that is not understood")
        ((text, *_),) = yield Query(self._meaning, (_names(one),))
        meaning = _Meaning(one, json.loads(text or "{}"), self._lists)
        if meaning.lost is not None:
            return Verdict(one.reason or meaning.lost)
        inner = meaning.inside_views()
        if inner is not None:
            ((text, *_),) = yield Query(self._uses, (json.dumps(inner),))
            meaning.judge_views(json.loads(text or "{}"))
        return meaning.verdict(watched or {})

    def judge_text(
        self, text: str, parameters: Sequence[int] = (), watched: Mapping[int, Key] | None = None
    ) -> Judging:
        """As `judge`, from the text."""
        return self.judge(candidate(text, parameters), watched)


def drive(judging: Judging, ask: Callable[[Query], Rows]) -> Verdict:
    """Run a judging to its end, asking each query with `ask`."""
    try:
        query = next(judging)
        while True:
            query = judging.send(ask(query))
    except StopIteration as end:
        verdict: Verdict = end.value
        return verdict


def judge_with(db: Database, judging: Judging) -> Verdict:
    """The verdict, asked of a database in the session that it is."""

    def ask(query: Query) -> Rows:
        return db.query(query.sql.replace("$1", "%s"), query.params)

    return drive(judging, ask)


@dataclass(frozen=True)
class _Lists:
    """What is known of PostgreSQL's own objects, from reads.txt and the allowlist."""

    stable: frozenset[str]
    unreachable: frozenset[str]
    plain_types: frozenset[str]
    date_types: frozenset[str]
    view_nodes: frozenset[str]
    harmless: frozenset[str]
    harmless_operators: frozenset[str]

    @classmethod
    def load(cls) -> _Lists:
        found = parse_list(resources.files(__package__).joinpath("reads.txt").read_text(encoding="utf-8"))
        allowed = load_allowlist()
        return cls(
            frozenset(found["stable"]),
            frozenset(found["unreachable"]),
            frozenset(found["type"]),
            frozenset(found["date-type"]),
            frozenset(found["node"]),
            allowed.functions - {"set_config", "setseed", "nextval", "setval"},
            allowed.operators,
        )


def parse_list(text: str) -> dict[str, list[str]]:
    """The lines of reads.txt by their first word: "kind what" with the reason in the comment line before."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            kind, _, what = line.partition(" ")
            found.setdefault(kind, []).append(what)
    return found


def _names(one: Candidate) -> str:
    functions = [(call.schema, call.name) for call in one.functions]
    return json.dumps(
        {
            "relations": [(named.schema, named.name) for named in one.relations],
            "types": [(cast.schema, cast.name) for cast in one.casts],
            "parameters": [oid for oid in one.parameters if oid],
            "functions": [*dict.fromkeys([*functions, *((None, name) for name in one.fields)])],
            "operators": [*dict.fromkeys((call.schema, call.name) for call in one.operators)],
        }
    )


@dataclass(frozen=True, slots=True)
class _Type:
    oid: int
    schema: str
    name: str
    kind: str
    element: int
    base: int
    relation: int
    checked: bool
    ordered: bool
    members: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Routine:
    """A function that a call or an operator can mean."""

    schema: str
    on_path: bool
    name: str
    oid: int
    volatility: str
    least: int
    most: int | None
    arguments: tuple[int, ...]
    kinds: tuple[str, ...]
    signature: str

    @property
    def builtin(self) -> bool:
        return self.oid < FIRST_USER_OID

    def takes(self, count: int) -> bool:
        return self.least <= count and (self.most is None or count <= self.most)


class _Meaning:
    """One statement and what the catalog says about its names."""

    def __init__(self, one: Candidate, found: dict[str, Any], lists: _Lists) -> None:
        self._one = one
        self._lists = lists
        self._reason = one.reason
        self._only_reads = not one.writes
        self._classes = {row[0]: row[1:] for row in found["classes"] or ()}
        self._children: dict[int, list[int]] = {}
        for parent, child in found["children"] or ():
            self._children.setdefault(parent, []).append(child)
        self._above = [tuple(row) for row in found["above"] or ()]
        self._trees = {row[0]: tree_uses(row[1]) for row in found["views"] or ()}
        self._texts = [row[1] for row in found["views"] or ()]
        self._types = _types(found["types"])
        self._relations: list[int | None] = found["relations"] or []
        self.lost = self._unresolved(found)
        self._present: set[int] = set()
        if self.lost is None:
            self._closure()
            self._read_types(found)
            self._read_functions(found)
            self._read_operators(found)

    def verdict(self, watched: Mapping[int, Key]) -> Verdict:
        """The result."""
        tables = frozenset(oid for oid in self._closed if self._classes[oid][2] != "v")
        found: Pins = ()
        if self._reason is None:
            found = pins(self._one, self._occurrences, self._children, self._pinnable, watched)
        return Verdict(self._reason, tables, found, self._only_reads)

    def _refuse(self, reason: str, *, writes: bool = False) -> None:
        if self._reason is None:
            self._reason = reason
        if writes:
            self._only_reads = False

    # Relations

    def _unresolved(self, found: dict[str, Any]) -> str | None:
        """Why the names cannot be trusted to mean what was looked up."""
        for named, oid in zip(self._one.relations, self._relations, strict=True):
            if oid is None:
                return f"the relation {named.name} is not found"
        if found["strings"] != "on" and self._one.backslash:
            return "backslashes mean something else while standard_conforming_strings is off"
        if found["encoding"] != "UTF8" and not self._one.ascii:
            return "a name that is not ASCII in a database that is not in UTF-8"
        return None

    def _closure(self) -> None:
        """All relations that are read; how often each; and whether a view reads it."""
        self._closed: set[int] = set()
        self._occurrences: Counter[int] = Counter()
        self._pinnable = [oid or 0 for oid in self._relations]
        for named, oid in zip(self._one.relations, self._relations, strict=True):
            self._reach(oid or 0, only=named.only)
        for child, parent in self._above:
            if child in self._closed:
                self._closed.add(parent)
                self._look_at(parent, above=True)

    def _reach(self, oid: int, *, only: bool = False) -> None:
        queue = [oid]
        seen: set[int] = set()
        while queue:
            one = queue.pop()
            if one in seen:
                continue
            seen.add(one)
            self._occurrences[one] += 1
            self._closed.add(one)
            if not self._look_at(one):
                continue
            if one in self._trees:
                queue += self._trees[one].relations
                self._occurrences.update(self._trees[one].relations)
            if not (only and one == oid):
                queue += self._children.get(one, ())

    def _look_at(self, oid: int, *, above: bool = False) -> bool:
        """Refuse what is no plain table or view; False where it is not even known."""
        if oid not in self._classes:
            self._classes[oid] = ("", str(oid), "?", "p", False)
            self._refuse("a view over the catalog", writes=True)
            return False
        schema, name, kind, persistence, row_security = self._classes[oid]
        if oid < FIRST_USER_OID or schema in ("pg_catalog", "information_schema", "pg_toast"):
            self._refuse(f"the catalog: {schema}.{name}")
            self._only_reads &= kind != "v"
        elif kind not in "rpv":
            self._refuse(f"{_KINDS.get(kind, 'a relation that is no table')}: {name}")
            self._only_reads &= kind not in "f"
        elif persistence != "p":
            self._refuse(f"a {'temporary' if persistence == 't' else 'unlogged'} table: {name}")
        elif row_security and not above:
            self._refuse(f"row level security: {name}", writes=True)
        return True

    # Types

    def _read_types(self, found: dict[str, Any]) -> None:
        columns = [tuple(row) for row in found["columns"] or ()]
        mentioned = self._one.columns
        fields = set(self._one.fields)
        names = {name for _, name, _ in columns}
        routines = _routines(found["functions"])
        loose = {one.name for one in routines if one.name in fields and one.takes(1)} - names
        for oid in {oid for _, name, oid in columns if mentioned is None or loose or name in mentioned}:
            self._use_type(oid)
        for oid in self._one.parameters:
            if oid:
                self._cast_to(oid, dates=True)
        for cast, oid in zip(self._one.casts, found["casts_to"] or (), strict=True):
            if oid is None:
                self._refuse(f"the type {cast.name} is not found", writes=True)
                continue
            dated = cast.columns is not None and all(
                any(name == column for _, name, _ in columns)
                and all(self._class(kind) == "date" for _, name, kind in columns if name == column)
                for column in cast.columns
            )
            self._cast_to(oid, dates=dated)
        self._made_casts(found["made_casts"] or ())

    def _class(self, oid: int) -> str:
        """ "plain", "date" (holds dates or times), "row", or "" for a type whose values are not trusted."""
        one = self._types.get(oid)
        if one is None:
            return "plain" if oid == 0 else ""
        if one.oid < FIRST_USER_OID:
            return builtin_class(one.schema, one.name, self._lists.plain_types, self._lists.date_types)
        if one.ordered:
            return ""
        if one.kind == "e":
            return "plain"
        if one.kind == "d":
            return self._class(one.base)
        if one.kind == "c":
            classes = {self._class(member) for member in one.members}
            return "" if "" in classes else "row"
        if one.kind == "b" and one.element and one.name.startswith("_"):
            return self._class(one.element)
        return ""

    def _use_type(self, oid: int) -> None:
        """A type of which values are read."""
        if not self._class(oid):
            self._refuse(f"the type {self._types[oid].name if oid in self._types else oid}")
        queue = [oid]
        while queue:
            one = queue.pop()
            if one not in self._present:
                self._present.add(one)
                if one in self._types:
                    known = self._types[one]
                    queue += [known.element, known.base, *known.members]

    def _cast_to(self, oid: int, *, dates: bool) -> None:
        """A type that values are made into; `dates`: what they are made of allows types of dates and times."""
        self._use_type(oid)
        kind = self._class(oid)
        name = self._types[oid].name if oid in self._types else str(oid)
        if kind == "date" and not dates:
            self._refuse(f"text, or what may be text, read as {name}")
        if kind == "row":
            self._refuse(f"a cast to the row type {name}")
        while oid in self._types and self._types[oid].oid >= FIRST_USER_OID:
            one = self._types[oid]
            if one.checked:
                self._refuse(f"a cast to the domain {name}, which has a CHECK constraint", writes=True)
            oid = one.base or one.element

    def _made_casts(self, casts: Sequence[Sequence[Any]]) -> None:
        """Casts that somebody made: those between types in use run their function unseen."""
        implicit = set()
        for source, target, context in casts:
            from_here = source < FIRST_USER_OID or source in self._present
            if from_here and (target < FIRST_USER_OID or target in self._present):
                self._refuse("a user-made cast between types in use", writes=True)
            elif from_here and context == "i":
                implicit.add(target)
        self._present |= implicit

    # Functions and operators

    def _read_functions(self, found: dict[str, Any]) -> None:
        routines = _routines(found["functions"])
        by_name: dict[str, list[_Routine]] = {}
        for one in routines:
            by_name.setdefault(one.name, []).append(one)
        shadowing = set(found["types_named"] or ())
        for call in self._one.functions:
            if call.name in shadowing:
                self._refuse(f"the function {call.name} can mean a type", writes=True)
            self._decide(call, by_name.get(call.name, []), operator=False)
        for name in self._one.fields:
            self._decide_field(name, by_name.get(name, ()))

    def _read_operators(self, found: dict[str, Any]) -> None:
        by_name: dict[str, list[_Routine]] = {}
        for schema, on_path, name, oid, _, volatility, arguments, kinds, signature in found["operators"] or ():
            one = _Routine(
                schema,
                on_path,
                name,
                oid,
                volatility or "v",
                0,
                None,
                tuple(arguments),
                tuple(kinds),
                signature or name,
            )
            by_name.setdefault(name, []).append(one)
        for call in self._one.operators:
            self._decide(call, by_name.get(call.name, []), operator=True)

    def _decide(self, call: Call, routines: Sequence[_Routine], *, operator: bool) -> None:
        """Refuse a call that could mean something else than a function of PostgreSQL whose result is known to depend
        on nothing but its arguments and keyed settings."""
        word = "operator" if operator else "function"
        count = None if call.literals is None else len(call.literals)
        own = False
        for one in routines:
            if not (one.on_path if call.schema is None else one.schema == call.schema):
                continue
            if operator:
                arguments = one.arguments if one.arguments[0] else one.arguments[1:]
                kinds = one.kinds if one.arguments[0] else one.kinds[1:]
                if count is not None and len(arguments) != count:
                    continue
            else:
                arguments, kinds = one.arguments, one.kinds
                if count is not None and not one.takes(count):
                    continue
            if one.builtin and one.schema == "pg_catalog":
                own = True
                if not self._keeps(one.volatility, one.signature):
                    self._refuse(f"the {word} {call.name}")
            elif self._reachable(arguments, kinds, call.literals):
                self._refuse(f"the {word} {call.name} is user-made", writes=True)
        if not own:
            self._refuse(f"the {word} {call.name} is none of PostgreSQL's", writes=True)
        allowed = self._lists.harmless_operators if operator else self._lists.harmless
        if call.name not in allowed:
            self._only_reads = False

    def _decide_field(self, name: str, routines: Sequence[_Routine]) -> None:
        """`row.name` is `name(row)` where no column has that name."""
        for one in routines:
            if not one.on_path or not one.takes(1) or not one.arguments or (one.kinds[0] not in "pcd"):
                continue
            if not one.builtin:
                self._refuse(f"{name} after a dot could call a user-made function", writes=True)
            elif not self._keeps(one.volatility, one.signature):
                self._refuse(f"{name} after a dot could call a function")

    def _keeps(self, volatility: str, signature: str) -> bool:
        lists = self._lists
        return volatility == "i" or signature in lists.stable or signature in lists.unreachable

    def _reachable(self, arguments: Sequence[int], kinds: Sequence[str], literals: tuple[bool, ...] | None) -> bool:
        """Whether the server could choose a user-made overload: each value must be able to become its argument."""
        if literals is None:
            return True
        return all(
            literal or argument < FIRST_USER_OID or kind in "dcp" or argument in self._present
            for argument, kind, literal in zip(arguments, kinds, literals, strict=False)
        )

    # Views

    def inside_views(self) -> dict[str, list[int]] | None:
        """Oids in the definitions of views, to be asked about; None = there are none."""
        used = [self._trees[oid] for oid in self._closed if oid in self._trees]
        if not used:
            return None
        for text in self._texts:
            for reason in view_reasons(text, self._lists.view_nodes):
                self._refuse(reason)
        if any(one.strange for one in used):
            self._refuse("a view with a part that is not known", writes=True)
        self._targets = {oid for text in self._texts for oid in text_targets(text)}
        self._domains = {oid for text in self._texts for oid in domain_targets(text)}
        return {
            "functions": sorted({oid for one in used for oid in one.functions | one.support}),
            "operators": sorted({oid for one in used for oid in one.operators}),
            "types": sorted({oid for one in used for oid in one.types if oid >= FIRST_TYPE}),
        }

    def judge_views(self, found: dict[str, Any]) -> None:
        """The second answer: what those oids are."""
        self._types.update(_types(found["types"]))
        known = set()
        for oid, volatility, signature in found["functions"] or ():
            known.add(oid)
            if oid >= FIRST_USER_OID:
                self._refuse(f"a view that calls a user-made function: {signature}", writes=True)
            elif not self._keeps(volatility, signature):
                self._refuse(f"a view that calls {signature}")
            name = signature.partition("(")[0]
            self._only_reads &= name in self._lists.harmless or volatility == "i"
        for one in (self._trees[oid] for oid in self._closed if oid in self._trees):
            if not (one.functions | one.support) <= known:
                self._refuse("a view that calls a function which is gone", writes=True)
            for oid in one.types:
                if oid < FIRST_TYPE:
                    continue
                if oid in self._types and self._types[oid].schema == "pg_catalog" and self._types[oid].name == "record":
                    continue
                if not self._class(oid):
                    self._refuse(f"a view with the type {self._types[oid].name if oid in self._types else oid}")
        for oid in self._targets:
            if self._class(oid) != "plain":
                self._refuse("a view that reads text as another type")
        for oid in self._domains:
            self._cast_to(oid, dates=True)


_KINDS = {"m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index", "t": "a TOAST table"}


def _types(rows: Sequence[Sequence[Any]] | None) -> dict[int, _Type]:
    return {row[0]: _Type(*row[:9], tuple(row[9] or ())) for row in rows or ()}


def _routines(rows: Sequence[Sequence[Any]] | None) -> list[_Routine]:
    return [
        _Routine(schema, on_path, name, oid, volatility, least, most, tuple(arguments), tuple(kinds), signature)
        for schema, on_path, name, oid, volatility, least, most, arguments, kinds, signature in rows or ()
    ]


def builtin_class(schema: str, name: str, plain: frozenset[str], dates: frozenset[str]) -> str:
    """As `_Meaning._class`, for a type of PostgreSQL's own; arrays are as their elements."""
    own = name[1:] if name.startswith("_") else name
    if schema != "pg_catalog":
        return ""
    return "plain" if own in plain else "date" if own in dates else ""
