"""What the names in a statement mean to the session that sent it, and what that says of its answer.

`Meaning` is built from a `Candidate` and the answer to the block "meaning" of reads.sql; views need the block "uses" as
well. Where a name could mean several things, every one of them has to pass.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from postai.sql.allowlist import load_allowlist
from postai.sql.reads_candidate import Call, Candidate
from postai.sql.reads_pins import Key, Pins, pins
from postai.sql.reads_types import Types
from postai.sql.reads_views import domain_targets, text_targets, view_reasons
from postai.sql.safety import FIRST_USER_OID, KNOWN_EXTENSIONS
from postai.sql.trees import tree_uses

FIRST_TYPE = 16
"""Lowest oid of a type (bool); smaller numbers in stored trees are kinds of joins and the like."""
_OWN_SCHEMAS = frozenset({"pg_catalog", "information_schema", "pg_toast"})
_KINDS = {"m": "a materialized view", "f": "a foreign table", "S": "a sequence", "i": "an index", "t": "a TOAST table"}
_SESSION_FUNCTIONS = frozenset({"set_config", "setseed", "nextval", "setval"})


@dataclass(frozen=True)
class Lists:
    """What is known of PostgreSQL's own objects beside their volatility, from reads.txt and the allowlist.

    Attributes:
        stable: functions that are only stable because they depend on settings, by their signature.
        unreachable: functions whose argument is of a type that never arises.
        plain_types: types whose values mean the same at any time.
        date_types: types that read the present moment from words.
        extensions: extensions that keep rows of plain tables where the catalog does not show.
        view_nodes: nodes of stored view definitions that hide nothing.
        harmless: functions that change nothing.
        operators: operators that change nothing.
    """

    stable: frozenset[str]
    unreachable: frozenset[str]
    plain_types: frozenset[str]
    date_types: frozenset[str]
    extensions: frozenset[str]
    view_nodes: frozenset[str]
    harmless: frozenset[str]
    operators: frozenset[str]

    @classmethod
    def load(cls) -> Lists:
        """The lists that ship with postai."""
        found = parse_list(resources.files(__package__).joinpath("reads.txt").read_text(encoding="utf-8"))
        allowed = load_allowlist()
        return cls(
            stable=frozenset(found["stable"]),
            unreachable=frozenset(found["unreachable"]),
            plain_types=frozenset(found["type"]),
            date_types=frozenset(found["date-type"]),
            extensions=frozenset(found["extension"]),
            view_nodes=frozenset(found["node"]),
            harmless=allowed.functions - _SESSION_FUNCTIONS,
            operators=allowed.operators,
        )

    def keeps(self, volatility: str, signature: str) -> bool:
        """Whether the result of a function of PostgreSQL depends on its arguments and keyed settings only."""
        return volatility == "i" or signature in self.stable or signature in self.unreachable

    def only_read(self, one: Candidate) -> bool:
        """Whether everything that a statement names is named like what changes nothing."""
        types = self.plain_types | self.date_types
        return (
            all(call.name in self.harmless and call.schema in (None, "pg_catalog") for call in one.functions)
            and all(call.name in self.operators and call.schema in (None, "pg_catalog") for call in one.operators)
            and all(cast.name in types and cast.schema in (None, "pg_catalog") for cast in one.casts)
        )


def parse_list(text: str) -> dict[str, list[str]]:
    """The lines of reads.txt by their first word: "kind what"; the comment before a group says why."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            kind, _, what = line.partition(" ")
            found.setdefault(kind, []).append(what)
    return found


def question(one: Candidate) -> str:
    """The parameter of the block "meaning"."""
    return json.dumps(
        {
            "relations": [(named.schema, named.name) for named in one.relations],
            "types": [(cast.schema, cast.name) for cast in one.casts],
            "parameters": [oid for oid in one.parameters if oid],
            "functions": [call.name for call in one.functions],
            "fields": [field.name for field in one.fields],
            "operators": [call.name for call in one.operators],
            "extensions": [*KNOWN_EXTENSIONS],
        }
    )


@dataclass(frozen=True, slots=True)
class _Routine:
    """A function that a call or an operator can mean; of an operator `least` and `most` are its operands.

    `trusted`: of an extension that is known, in C, and IMMUTABLE.
    """

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
    trusted: bool

    @property
    def own(self) -> bool:
        """Whether it is PostgreSQL's."""
        return self.oid < FIRST_USER_OID and self.schema == "pg_catalog"

    def fits(self, call: Call) -> bool:
        """Whether name, schema and number of arguments do."""
        if not (self.on_path if call.schema is None else self.schema == call.schema):
            return False
        return call.literals is None or self.takes(len(call.literals))

    def takes(self, count: int) -> bool:
        """Whether it can be called with that many arguments."""
        return self.least <= count and (self.most is None or count <= self.most)


class Meaning:
    """One statement and what the catalog says about its names.

    Attributes:
        lost: why the names cannot be looked up as the server would; then nothing else is known.
        reason: why the answer may not be kept; None = it may.
        only_reads: it changes nothing.
    """

    def __init__(self, one: Candidate, found: dict[str, Any], lists: Lists) -> None:
        self.reason = one.reason
        self.only_reads = not one.writes
        self._one = one
        self._lists = lists
        self._relations: list[int | None] = found["relations"] or []
        self.lost = self._unresolved(found)
        if self.lost is not None:
            return
        self._classes = {row[0]: row[1:] for row in found["classes"] or ()}
        self._children: dict[int, list[int]] = {}
        for parent, child in found["children"] or ():
            self._children.setdefault(parent, []).append(child)
        self._above = [(child, parent) for child, parent in found["above"] or ()]
        self._texts = {oid: text for oid, text in found["views"] or ()}
        self._trees = {oid: tree_uses(text) for oid, text in self._texts.items()}
        self._closed: set[int] = set()
        self._occurrences: Counter[int] = Counter()
        self._close()
        self._types = Types(found["types"], lists.plain_types, lists.date_types)
        self._routines = _by_name(found["functions"])
        self._present: set[int] = set()
        for extension in lists.extensions.intersection(found["extensions"] or ()):
            self._refuse(f"the extension {extension}, whose tables' rows are elsewhere", writes=True)
        if found["orders"]:
            self._refuse("an order that somebody made the default of one of PostgreSQL's types")
        self._use_types(found)
        self._use_made_casts(found["made_casts"] or ())
        shadowing = set(found["types_named"] or ())
        for call in one.functions:
            if call.name in shadowing:
                self._refuse(f"the function {call.name} can mean a type", writes=True)
            self._decide(call, self._routines.get(call.name, ()), "function", lists.harmless)
        operators = _by_name(found["operators"])
        for call in one.operators:
            self._decide(call, operators.get(call.name, ()), "operator", lists.operators)

    def tables(self) -> frozenset[int]:
        """Oids of what holds the rows that are read."""
        return frozenset(oid for oid in self._closed if self._classes[oid][2] != "v")

    def pins(self, watched: Mapping[int, Key]) -> Pins:
        """Rows that alone can matter."""
        if self.reason is not None:
            return ()
        return pins(self._one, self._occurrences, self._children, [oid or 0 for oid in self._relations], watched)

    def _refuse(self, reason: str, *, writes: bool = False) -> None:
        if self.reason is None:
            self.reason = reason
        if writes:
            self.only_reads = False

    # Relations

    def _unresolved(self, found: dict[str, Any]) -> str | None:
        if found["strings"] != "on" and self._one.backslash:
            return "backslashes mean something else while standard_conforming_strings is off"
        if found["encoding"] != "UTF8" and not self._one.ascii:
            return "a name that is not ASCII in a database that is not in UTF-8"
        for named, oid in zip(self._one.relations, self._relations, strict=True):
            if oid is None:
                return f"the relation {named.name} is not found"
        return None

    def _close(self) -> None:
        """All relations that are read, and how often each."""
        for named, oid in zip(self._one.relations, self._relations, strict=True):
            self._reach(oid or 0, only=named.only)
        grown = True
        while grown:
            grown = False
            for child, parent in self._above:
                if child in self._closed and parent not in self._closed:
                    grown = True
                    self._closed.add(parent)
                    self._look_at(parent, above=True)

    def _reach(self, start: int, *, only: bool) -> None:
        queue = [start]
        seen: set[int] = set()
        while queue:
            oid = queue.pop()
            if oid in seen:
                continue
            seen.add(oid)
            self._occurrences[oid] += 1
            self._closed.add(oid)
            self._look_at(oid)
            if oid in self._trees:
                queue += self._trees[oid].relations
                self._occurrences.update(self._trees[oid].relations)
            if not (only and oid == start):
                queue += self._children.get(oid, ())

    def _look_at(self, oid: int, *, above: bool = False) -> None:
        """Refuse what is no plain table or view."""
        if oid not in self._classes:  # pg_depend does not tell of what initdb made
            self._classes[oid] = ("pg_catalog", str(oid), "?", "p", False, True)
            self.only_reads = False
        schema, name, kind, persistence, row_security, heap = self._classes[oid]
        if oid < FIRST_USER_OID or schema in _OWN_SCHEMAS:
            self._refuse(f"the catalog: {schema}.{name}", writes=kind == "v")
        elif kind not in ("r", "p", "v"):
            self._refuse(f"{_KINDS.get(kind, 'what is no table')}: {name}", writes=kind == "f")
        elif persistence != "p":
            self._refuse(f"{'a temporary' if persistence == 't' else 'an unlogged'} table: {name}")
        elif kind == "r" and not heap:
            self._refuse(f"a table that is not kept as a heap: {name}")
        elif row_security and not above:
            self._refuse(f"row level security: {name}", writes=True)

    # Types

    def _use_types(self, found: dict[str, Any]) -> None:
        columns = [(relation, name, oid) for relation, name, oid in found["columns"] or ()]
        whole_row = self._decide_fields(found, {(relation, name) for relation, name, _ in columns})
        mentioned = None if whole_row else self._one.columns
        for oid in {oid for _, name, oid in columns if mentioned is None or name in mentioned}:
            self._use_type(oid)
        for oid in filter(None, self._one.parameters):
            self._cast_to(oid, dates=True)
        for cast, target in zip(self._one.casts, found["casts_to"] or (), strict=True):
            if target is None:
                self._refuse(f"the type {cast.name} is not found", writes=True)
                continue
            kinds = [[oid for _, name, oid in columns if name == column] for column in cast.columns or ()]
            dates = cast.columns is not None and all(
                oids and all(self._types.meaning(oid) == "date" for oid in oids) for oids in kinds
            )
            self._cast_to(target, dates=dates)

    def _use_type(self, oid: int) -> None:
        """A type of which values are read."""
        if not self._types.meaning(oid):
            self._refuse(f"the type {self._types.name(oid)}")
        self._present |= self._types.with_parts(oid)

    def _cast_to(self, oid: int, *, dates: bool) -> None:
        """A type that values are made into; `dates`: what they are made of allows types of dates and times."""
        self._use_type(oid)
        meaning = self._types.meaning(oid)
        if meaning == "date" and not dates:
            self._refuse(f"text, or what may be text, read as {self._types.name(oid)}")
        if meaning == "row":
            self._refuse(f"a cast to the row type {self._types.name(oid)}")
        if self._types.checked(oid):
            self._refuse(f"a cast to the domain {self._types.name(oid)}, which has a CHECK constraint", writes=True)

    def _use_made_casts(self, casts: Iterable[Sequence[Any]]) -> None:
        """Casts that somebody made: those between types in use run their function unseen."""
        implicit = set()
        for source, target, context, method, trusted in casts:
            from_here = source < FIRST_USER_OID or source in self._present
            to_here = target < FIRST_USER_OID or target in self._present
            if from_here and to_here and method != "b" and not trusted:
                self._refuse("a user-made cast between types in use", writes=True)
            if from_here and context == "i":
                implicit.add(target)
        self._present |= implicit

    # Functions and operators

    def _decide(self, call: Call, routines: Sequence[_Routine], word: str, harmless: frozenset[str]) -> None:
        """Refuse a call that could mean something else than a function of PostgreSQL whose result is known to depend
        on nothing but its arguments and keyed settings."""
        own = False
        for one in routines:
            if not one.fits(call):
                continue
            if one.own:
                own = True
                if not self._lists.keeps(one.volatility, one.signature):
                    self._refuse(f"the {word} {call.name} is not known to depend on its arguments only")
            elif not one.trusted and self._reachable(one, call.literals):
                self._refuse(f"the {word} {call.name} can be user-made", writes=True)
        if not own:
            self._refuse(f"the {word} {call.name} is none of PostgreSQL's", writes=True)
        if call.name not in harmless:
            self.only_reads = False

    def _reachable(self, one: _Routine, literals: tuple[bool, ...] | None) -> bool:
        """Whether the server could choose a user-made overload: each value must be able to become its argument."""
        if literals is None:
            return True
        return all(
            literal or argument < FIRST_USER_OID or kind in ("d", "c", "p") or argument in self._present
            for argument, kind, literal in zip(one.arguments, one.kinds, literals, strict=False)
        )

    def _decide_fields(self, found: dict[str, Any], columns: set[tuple[int, str]]) -> bool:
        """`row.name` is `name(row)`, or a cast of the row, where no column has that name; whether a function of
        PostgreSQL's could be given a whole row so."""
        types: dict[str, list[int]] = {}
        for name, oid in found["types_after_dots"] or ():
            types.setdefault(name, []).append(oid)
        whole_row = False
        for field in self._one.fields:
            places = None if field.places is None else [self._relations[place] or 0 for place in field.places]
            if places is not None and all((oid, field.name) in columns for oid in places):
                continue
            if any(self._types.meaning(oid) != "plain" for oid in types.get(field.name, ())):
                self._refuse(f"{field.name} after a dot could read a row as another type", writes=True)
            for one in self._routines.get(field.name, ()):
                if not one.on_path or not one.takes(1) or not one.kinds or one.kinds[0] not in ("p", "c", "d"):
                    continue
                whole_row = True
                if not one.own:
                    self._refuse(f"{field.name} after a dot could call a user-made function", writes=True)
                elif not self._lists.keeps(one.volatility, one.signature):
                    self._refuse(f"{field.name} after a dot could call a function")
        return whole_row

    # Views

    def inside_views(self) -> dict[str, list[Any]] | None:
        """Oids in the definitions of views, to be asked about; None = there are none."""
        used = [self._trees[oid] for oid in self._closed if oid in self._trees]
        if not used:
            return None
        for text in self._texts.values():
            for reason in view_reasons(text, self._lists.view_nodes):
                self._refuse(reason)
        if any(one.strange for one in used):
            self._refuse("a view with a part that is not known", writes=True)
        return {
            "functions": sorted({oid for one in used for oid in one.functions | one.support}),
            "operators": sorted({oid for one in used for oid in one.operators}),
            "types": sorted({oid for one in used for oid in one.types if oid >= FIRST_TYPE}),
            "extensions": [name for name in KNOWN_EXTENSIONS if name != "postgis"],
        }

    def judge_views(self, found: dict[str, Any]) -> None:
        """The second answer: what those oids are."""
        self._types.add(found["types"])
        known = set()
        for oid, volatility, signature, trusted in found["functions"] or ():
            known.add(oid)
            if oid >= FIRST_USER_OID and not trusted:
                self._refuse(f"a view that calls a user-made function: {signature}", writes=True)
            elif oid < FIRST_USER_OID and not self._lists.keeps(volatility, signature):
                self._refuse(f"a view that calls {signature}")
                self.only_reads &= signature.partition("(")[0] in self._lists.harmless
        for one in (self._trees[oid] for oid in self._closed if oid in self._trees):
            if not (one.functions | one.support) <= known:
                self._refuse("a view that calls a function which is gone", writes=True)
            for oid in one.types:
                if oid >= FIRST_TYPE and not self._types.meaning(oid) and self._types.name(oid) != "record":
                    self._refuse(f"a view with the type {self._types.name(oid)}")
        for text in self._texts.values():
            if any(self._types.meaning(oid) != "plain" for oid in text_targets(text)):
                self._refuse("a view that reads text as another type")
            for oid in domain_targets(text):
                self._cast_to(oid, dates=True)


def _by_name(rows: Iterable[Sequence[Any]] | None) -> dict[str, list[_Routine]]:
    found: dict[str, list[_Routine]] = {}
    for schema, on_path, name, oid, volatility, least, most, arguments, kinds, signature, trusted in rows or ():
        one = _Routine(
            schema, on_path, name, oid, volatility, least, most, tuple(arguments), tuple(kinds), signature, trusted
        )
        found.setdefault(name, []).append(one)
    return found
