"""Which code reading a relation, or using a type, can run: the closure over everything stored behind it.

A *hazard* is a chain of words from the object that is used to the function that does not pass, for example
`("view public.v2", "view public.v1", "definition", "function public.evil(integer)")`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from postai.database.identifiers import quote_ident
from postai.sql.safety import FIRST_USER_OID, SafeRelation, Safety, StoredExpression, UserFunction, UserType
from postai.sql.trees import TreeUses, tree_uses

Hazard = tuple[str, ...]

_COMMA = re.compile(r",(?![^(]*\))")
"""Between entries of a list, not between the arguments of a function."""
_KINDS = {
    "r": "table", "p": "partitioned table", "v": "view", "m": "materialized view", "f": "foreign table",
    "S": "sequence",
}  # fmt: skip


def allowed_entries(setting: str) -> frozenset[str]:
    """The entries of the setting allowed_functions, as `check` takes them."""
    return frozenset(filter(None, (one.strip() for one in _COMMA.split(setting))))


@dataclass(frozen=True)
class _Behind:
    """What stands directly behind one object: its own hazard, and the relations and types to look at next."""

    hazard: Hazard | None
    relations: frozenset[int] = frozenset()
    types: frozenset[int] = frozenset()


class Hazards:
    """Answers for one snapshot and one list of functions that an operator allowed.

    Args:
        safety: the snapshot.
        allowed: "schema.function" (where it has no overloads), "schema.function(argument types)", "extension NAME" or
            "server NAME" entries.
    """

    def __init__(self, safety: Safety, allowed: frozenset[str]) -> None:
        self._safety = safety
        self._allowed = frozenset(re.sub(r"\s*([(),])\s*", r"\1", " ".join(one.split())) for one in allowed)
        self._relations: dict[int, _Behind] = {}
        self._types: dict[int, _Behind] = {}

    def passes(self, function: UserFunction) -> bool:
        """Whether a user-made function may run."""
        return (
            function.trusted
            or function.signature in self._allowed
            or self._listed_by_name(function)
            or (function.extension is not None and f"extension {function.extension}" in self._allowed)
        )

    def _listed_by_name(self, function: UserFunction) -> bool:
        """A name without argument types stands for the only function of that name: others may add overloads to it."""
        plain = f"{function.schema}.{function.name}"
        quoted = f"{quote_ident(function.schema)}.{quote_ident(function.name)}"
        if plain not in self._allowed and quoted not in self._allowed:
            return False
        return sum(one.schema == function.schema for one in self._safety.functions_by_name[function.name]) == 1

    def builtin_passes(self, name: str) -> bool:
        """Whether every overload of a built-in function may run."""
        return name in self._safety.allowlist.functions and name not in self._safety.unfit_functions

    def database(self) -> Hazard | None:
        """Code that any statement of this database could run: casts and operator classes of built-in types."""
        for cast in self._safety.casts:
            everywhere = cast.source < FIRST_USER_OID and (cast.implicit or cast.target < FIRST_USER_OID)
            if everywhere and (bad := self._function(cast.function, by_name=True)):
                return (cast.label, bad)
        for opclass in self._safety.opclasses.values():
            if opclass.default and opclass.type < FIRST_USER_OID and (bad := self._any_function(opclass.functions)):
                return (f"operator class {opclass.name}", bad)
        return None

    def relation(self, oid: int) -> tuple[Hazard | None, frozenset[int]]:
        """The first hazard of reading a relation, and every user-made type whose values it can bring along."""
        return self._search([oid], [])

    def type(self, oid: int) -> tuple[Hazard | None, frozenset[int]]:
        """The first hazard of making, comparing or printing values of a type, and the types it is made of."""
        return self._search([], [oid])

    def _search(self, relations: Iterable[int], types: Iterable[int]) -> tuple[Hazard | None, frozenset[int]]:
        queue: list[tuple[str, int, Hazard]] = [("relation", oid, ()) for oid in relations]
        queue += [("type", oid, ()) for oid in types]
        seen = {(kind, oid) for kind, oid, _ in queue}
        present: set[int] = set()
        while queue:
            kind, oid, path = queue.pop(0)
            behind = self._behind_relation(oid) if kind == "relation" else self._behind_type(oid)
            here = (*path, self._label(kind, oid))
            if behind.hazard:
                return (*here, *behind.hazard), frozenset()
            if kind == "type":
                present.add(oid)
            following = [("relation", one) for one in behind.relations] + [("type", one) for one in behind.types]
            for step in following:
                if step not in seen:
                    seen.add(step)
                    queue.append((*step, here))
        return None, frozenset(present)

    def _label(self, kind: str, oid: int) -> str:
        if kind == "type":
            found = self._safety.types.get(oid)
            return f"type {found.schema}.{found.name}" if found else f"type {oid}"
        relation = self._safety.relations.get(oid)
        return f"{_KINDS[relation.kind]} {relation.schema}.{relation.name}" if relation else f"relation {oid}"

    def _behind_relation(self, oid: int) -> _Behind:
        if oid not in self._relations:
            self._relations[oid] = self._look_at_relation(oid)
        return self._relations[oid]

    def _look_at_relation(self, oid: int) -> _Behind:
        relation = self._safety.relations.get(oid)
        if relation is None:
            return _Behind(("it is not in the catalog snapshot",))
        if oid < FIRST_USER_OID:
            listed = f"{relation.schema}.{relation.name}" in self._safety.allowlist.relations
            return _Behind(None if listed else ("it is not on the list of system relations that may be read",))
        if relation.kind == "f" and f"server {relation.server}" not in self._allowed:
            return _Behind((f"foreign server {relation.server} would run the query elsewhere",))
        return self._behind_stored(relation)

    def _behind_stored(self, relation: SafeRelation) -> _Behind:
        relations = set(self._safety.children.get(relation.oid, ()))
        types = {relation.row_type} if relation.row_type >= FIRST_USER_OID else set()
        for expression in self._safety.stored.get(relation.oid, ()):
            uses, bad = self._expression(expression)
            if bad:
                return _Behind((expression.part, bad))
            relations |= uses.relations
            types |= {one for one in uses.types if one >= FIRST_USER_OID}
        for opclass_oid, part in self._safety.used_opclasses.get(relation.oid, ()):
            opclass = self._safety.opclasses[opclass_oid]
            if bad := self._any_function(opclass.functions):
                return _Behind((part, f"operator class {opclass.name}", bad))
        return _Behind(None, frozenset(relations - {relation.oid}), frozenset(types))

    def _behind_type(self, oid: int) -> _Behind:
        if oid < FIRST_USER_OID:
            return _Behind(None)
        if oid not in self._types:
            found = self._safety.types.get(oid)
            self._types[oid] = self._look_at_type(found) if found else _Behind(("it is not in the catalog snapshot",))
        return self._types[oid]

    def _look_at_type(self, found: UserType) -> _Behind:
        functions = list(found.functions)
        following = {found.element if found.category == "A" else 0, found.base}
        following.update(self._safety.composite_types.get(found.relation, ()))
        shape = self._safety.ranges.get(found.oid)
        if shape:
            following.add(shape.subtype)
            functions.extend(shape.functions)
            if shape.opclass in self._safety.opclasses:
                functions.extend(self._safety.opclasses[shape.opclass].functions)
        for opclass in self._safety.opclasses.values():
            if opclass.type == found.oid and opclass.default:
                functions.extend(opclass.functions)
        if bad := self._any_function(functions):
            return _Behind((bad,))
        for cast in self._safety.casts:
            near = cast.source == found.oid or (cast.target == found.oid and cast.source < FIRST_USER_OID)
            if near and (bad := self._function(cast.function, by_name=True)):
                return _Behind((cast.label, bad))
        for check in self._safety.domain_checks.get(found.oid, ()):
            uses, bad = self._expression(check)
            if bad:
                return _Behind((check.part, bad))
            following |= uses.types
        return _Behind(None, types=frozenset(one for one in following if one >= FIRST_USER_OID))

    def _expression(self, expression: StoredExpression) -> tuple[TreeUses, str | None]:
        """What a stored tree uses, and the first thing in it that does not pass."""
        uses = tree_uses(expression.tree)
        functions = set(uses.functions) | {oid for catalog, oid in expression.depends if catalog == "pg_proc"}
        operators = set(uses.operators) | {oid for catalog, oid in expression.depends if catalog == "pg_operator"}
        types = uses.types | {oid for catalog, oid in expression.depends if catalog == "pg_type"}
        uses = TreeUses(uses.functions, uses.support, uses.operators, types, uses.relations, uses.strange)
        if uses.strange:
            return uses, f"something unknown ({', '.join(sorted(uses.strange))})"
        for oid in sorted(functions):
            if bad := self._function(oid, by_name=True):
                return uses, bad
        for oid in sorted(operators):
            if bad := self._operator(oid):
                return uses, bad
        return uses, self._any_function(uses.support)

    def _any_function(self, oids: Iterable[int]) -> str | None:
        """The first function that does not pass among support functions: PostgreSQL's own ones all do."""
        return next((bad for oid in sorted(oids) if (bad := self._function(oid, by_name=False))), None)

    def _function(self, oid: int, *, by_name: bool) -> str | None:
        """The words for a function that does not pass; built-in ones are looked up on the list when `by_name`."""
        if oid == 0:
            return None
        if oid < FIRST_USER_OID:
            name = self._safety.builtin_functions.get(oid)
            if not by_name or (name is not None and self.builtin_passes(name)):
                return None
            return f"function {name}" if name else f"function with oid {oid}"
        function = self._safety.functions.get(oid)
        if function is None:
            return f"function with oid {oid}"
        return None if self.passes(function) else f"function {function.signature}"

    def _operator(self, oid: int) -> str | None:
        if oid < FIRST_USER_OID:
            name = self._safety.builtin_operators.get(oid)
            return None if name in self._safety.allowlist.operators else f"operator {name or oid}"
        operator = self._safety.operators.get(oid)
        if operator is None:
            return f"operator with oid {oid}"
        bad = self._function(operator.function, by_name=True)
        return f"operator {operator.schema}.{operator.name}, {bad}" if bad else None
