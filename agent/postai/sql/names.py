"""What the names in a statement can mean, and whether each meaning is harmless.

Names are collected during the walk and decided at its end, because which overloads the server could choose depends on
the types that the statement brings along. Where a name could mean several things, every one of them has to pass.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from postai.errors import Refused
from postai.sql.hazards import Hazard, Hazards
from postai.sql.nodes import JSON_TYPE_IS_KEYWORD_SINCE, UNQUALIFIED_BEFORE
from postai.sql.parse import statement_node
from postai.sql.safety import FIRST_USER_OID, SafeRelation, Safety, UserFunction, UserType

_HINT = "An operator of postai may list it, with its argument types, in the setting allowed_functions."


def refused_by(message: str, hazard: Hazard) -> Refused:
    """A refusal that shows the chain from the object used to the function that does not pass."""
    return Refused(message, detail=" → ".join(hazard) + ".", hint=_HINT)


@dataclass(frozen=True)
class Source:
    """Something in FROM that columns can be qualified with; `cte` is the WITH query that it names."""

    node: Message
    cte: Message | None


@dataclass(frozen=True)
class _Use:
    """A function or operator in the statement; `operands` says which are bare literals (None: not known)."""

    schema: str | None
    name: str
    operands: tuple[bool, ...] | None


class Names:
    """The names of one statement.

    Attributes:
        safety: the snapshot.
        relations: oids of the relations named so far.
    """

    def __init__(self, safety: Safety, hazards: Hazards, path: tuple[str, ...]) -> None:
        self.safety = safety
        self.relations: list[int] = []
        self._hazards = hazards
        self._path = path
        self._functions: list[_Use] = []
        self._operators: list[_Use] = []
        self._fields: list[tuple[str | None, str]] = []
        self._sources: dict[str, list[Source]] = {}
        self._present: set[int] = {cast.target for cast in safety.casts if cast.implicit}

    # What the walk hands over

    def qualified(self, nodes: Sequence[Message]) -> tuple[str | None, str]:
        """Schema (None when not written) and name; a name of three parts is refused."""
        parts = [one.string.sval for one in nodes]
        if len(parts) > 2:
            raise Refused(
                f"a name with its database is not allowed: {'.'.join(parts)}", hint="Name schema and object only."
            )
        return (parts[0] if len(parts) == 2 else None), parts[-1]

    def source(self, node: Message, name: str | None = None, cte: Message | None = None) -> None:
        """Something in FROM, known by its alias or else by `name`."""
        known_as = node.alias.aliasname if node.HasField("alias") else name
        if known_as:
            self._sources.setdefault(known_as, []).append(Source(node, cte))

    def function(self, schema: str | None, name: str, operands: tuple[bool, ...] | None) -> None:
        """A call in function notation."""
        self._functions.append(_Use(schema, name, operands))
        if schema == "pg_catalog" and self.safety.server_version < UNQUALIFIED_BEFORE.get(name, 0):
            self._functions.append(_Use(None, name, operands))

    def operator(self, schema: str | None, name: str, operands: tuple[bool, ...] | None) -> None:
        """An operator, written or implied by a keyword."""
        self._operators.append(_Use(schema, name, operands))

    def field(self, qualifier: str | None, name: str) -> None:
        """`qualifier.name` or `(expression).name`: a column, or a function call in attribute notation."""
        self._fields.append((qualifier, name))

    def sampling(self, method: str) -> None:
        """A sampling method of TABLESAMPLE, which is looked up as a function."""
        for one in self._user_functions(None, method):
            raise _function_refused(one)

    def relation(self, schema: str | None, name: str, *, from_with: bool) -> None:
        """A relation in FROM; with `from_with` the name means a WITH query (a relation of that name must pass too)."""
        found = self._find_relations(schema, name)
        for one in found:
            hazard, types = self._hazards.relation(one.oid)
            if hazard:
                raise refused_by(f"reading {one.schema}.{one.name} is not allowed", hazard)
            self._present |= types
        if from_with:
            return
        if not found:
            raise self._no_relation(schema, name)
        self.relations.append(found[0].oid)

    def type(self, schema: str | None, name: str) -> None:
        """A type in a cast or a column definition list."""
        if name == "json" and schema == "pg_catalog" and self.safety.server_version < JSON_TYPE_IS_KEYWORD_SINCE:
            schema = None
        found = False
        for place in self._places(schema):
            for one in self.safety.types_by_name.get(name, ()):
                if one.schema == place:
                    found = True
                    self._use_type(one)
            if place == "pg_catalog" and name in self.safety.builtin_types:
                if name not in self.safety.allowlist.types:
                    raise Refused(f"the type {name} is not allowed", hint="Use an ordinary data type.")
                found = True
                break
        if not found:
            raise Refused(
                f"the type {_written(schema, name)} is not known",
                detail=f"Looked in: {', '.join(self._places(schema))}.",
                hint="Use an ordinary data type, or qualify the name.",
            )

    # The decision

    def decide(self) -> None:
        """Refuse when anything that was handed over could run code that does not pass."""
        for use in self._functions:
            self._decide_function(use)
        for use in self._operators:
            self._decide_operator(use)
        for qualifier, name in self._fields:
            self._decide_field(qualifier, name)

    def _decide_function(self, use: _Use) -> None:
        builtin = use.schema in (None, "pg_catalog") and use.name in self.safety.builtin_function_names
        if builtin and not self._hazards.builtin_passes(use.name):
            raise self.builtin_refused(use.name)
        candidates = self._user_functions(use.schema, use.name)
        for one in candidates:
            if self._hazards.passes(one):
                self._use_results(one)
            elif self._reachable_call(one, use):
                raise _function_refused(one, shadows=builtin)
        for place in self._places(use.schema):  # f(x) can also be a cast to type f
            for user_type in self.safety.types_by_name.get(use.name, ()):
                if user_type.schema == place:
                    self._use_type(user_type)
        if not builtin and not candidates:
            raise Refused(
                f"the function {_written(use.schema, use.name)} is not known",
                detail=f"Looked in: {', '.join(self._places(use.schema))}.",
                hint=_closest(use.name, self.safety.allowlist.functions & self.safety.builtin_function_names),
            )

    def _decide_operator(self, use: _Use) -> None:
        builtin = use.schema in (None, "pg_catalog") and use.name in self.safety.builtin_operators.values()
        if builtin and use.name not in self.safety.allowlist.operators:
            raise Refused(f"the operator {use.name} is not allowed", hint="Use an operator that only computes.")
        places = self._places(use.schema)
        candidates = [one for one in self.safety.operators_by_name.get(use.name, ()) if one.schema in places]
        for one in candidates:
            function = self.safety.functions.get(one.function)
            if function is not None and self._hazards.passes(function):
                self._use_results(function)
                continue
            if one.function < FIRST_USER_OID and self._hazards.builtin_passes(
                self.safety.builtin_functions.get(one.function, "")
            ):
                continue
            arguments = tuple(argument for argument in one.arguments if argument)
            if use.operands is not None and len(use.operands) != len(arguments):
                continue
            if self._reachable(arguments, use.operands):
                behind = function.signature if function else f"oid {one.function}"
                raise Refused(
                    f"the operator {one.schema}.{one.name} is not allowed",
                    detail=f"It is user-made, and the statement's {use.name} could mean it; it runs function {behind}.",
                    hint=f"Write OPERATOR(pg_catalog.{use.name}). {_HINT}" if builtin else _HINT,
                )
        if not builtin and not candidates:
            raise Refused(
                f"the operator {_written(use.schema, use.name)} is not known",
                detail=f"Looked in: {', '.join(places)}.",
                hint="Use an operator of PostgreSQL.",
            )

    def _decide_field(self, qualifier: str | None, name: str) -> None:
        for one in self._user_functions(None, name):
            if self._hazards.passes(one) or not self._takes_a_row(one):
                continue
            sources = self._sources.get(qualifier, []) if qualifier else []
            if sources and all(self._has_column(source, name) for source in sources):
                continue
            raise Refused(
                f"{qualifier or '(...)'}.{name} could call {one.signature}, which is not allowed",
                detail="Where no column has that name, PostgreSQL reads row.name as name(row).",
                hint=_HINT,
            )

    def builtin_refused(self, name: str) -> Refused:
        """What is said of a built-in function that does not pass."""
        return Refused(
            f"the function {name} is not allowed",
            detail="It is not on the list of built-in functions that generated SQL may use.",
            hint="Use functions that only compute: no files, settings, sequences, locks, or SQL as text.",
        )

    # What could be meant

    def _places(self, schema: str | None) -> tuple[str, ...]:
        return self._path if schema is None else (schema,)

    def _user_functions(self, schema: str | None, name: str) -> list[UserFunction]:
        places = self._places(schema)
        return [one for one in self.safety.functions_by_name.get(name, ()) if one.schema in places]

    def _find_relations(self, schema: str | None, name: str) -> list[SafeRelation]:
        """Everything the name could mean: the server skips schemas of the path that the caller may not use."""
        found = []
        for place in self._places(schema):
            found += [one for one in self.safety.relations_by_name.get(name, ()) if one.schema == place]
            if place == "pg_catalog" and found:
                break
        return found

    def _use_type(self, user_type: UserType) -> None:
        hazard, types = self._hazards.type(user_type.oid)
        if hazard:
            raise refused_by(f"the type {user_type.schema}.{user_type.name} is not allowed", hazard)
        self._present |= types

    def _use_results(self, function: UserFunction) -> None:
        """A function that passes brings values of its result types along."""
        for oid in function.results:
            if oid in self.safety.types:
                self._use_type(self.safety.types[oid])

    def _reachable_call(self, function: UserFunction, use: _Use) -> bool:
        """Whether the server could choose this overload for the call."""
        if use.operands is not None:
            count = len(use.operands)
            if count < function.least or (function.most is not None and count > function.most):
                return False
        return self._reachable(function.arguments, use.operands)

    def _reachable(self, parameters: Iterable[int], operands: tuple[bool, ...] | None) -> bool:
        """Whether arguments of the statement could fit: a parameter of a type that the statement does not bring along
        takes nothing but a bare literal."""
        if operands is None:
            return True
        return not any(
            self._absent(parameter) and not literal for parameter, literal in zip(parameters, operands, strict=False)
        )

    def _absent(self, oid: int) -> bool:
        """Whether no value of that user-made type can arise in the statement, except from a literal."""
        found = self.safety.types.get(oid)
        while found is not None and (found.base or (found.category == "A" and found.element)):
            found = self.safety.types.get(found.base or found.element)
        if found is None or found.kind not in ("b", "e", "r", "m") or found.category == "S":
            return False  # built-in, composite (any row fits), or a kind of string (preferred for literals)
        return found.oid not in self._present

    def _takes_a_row(self, function: UserFunction) -> bool:
        """Whether row.function could call it: one argument, of a row type or a type that takes anything."""
        if function.least > 1 or (function.most is not None and function.most < 1) or not function.arguments:
            return False
        first = function.arguments[0]
        if function.most is None and first in self.safety.types:  # VARIADIC row[] takes one row as well
            first = self.safety.types[first].element or first
        if any(cast.implicit and self._is_row_type(cast.source) for cast in self.safety.casts):
            return True
        if first < FIRST_USER_OID:
            name = next((name for name, oid in self.safety.builtin_types.items() if oid == first), "")
            return name not in self.safety.allowlist.types
        return self._is_row_type(first) or first in self._present

    def _is_row_type(self, oid: int) -> bool:
        found = self.safety.types.get(oid)
        return found is not None and found.kind in ("c", "d")

    def _has_column(self, source: Source, name: str) -> bool:
        """Whether the source certainly has a column of that name."""
        node = source.node
        if node.HasField("alias") and node.alias.colnames:
            return any(one.string.sval == name for one in node.alias.colnames)
        kind = node.DESCRIPTOR.name
        if source.cte is not None:
            if source.cte.aliascolnames:
                return any(one.string.sval == name for one in source.cte.aliascolnames)
            return _gives_column(statement_node(source.cte.ctequery), name)
        if kind == "RangeVar":
            having = self.safety.columns.get(name, frozenset())
            return all(one.oid in having for one in self._find_relations(node.schemaname or None, node.relname))
        return kind == "RangeSubselect" and _gives_column(statement_node(node.subquery), name)

    def _no_relation(self, schema: str | None, name: str) -> Refused:
        names = {
            one.name if one.schema in self._path else f"{one.schema}.{one.name}"
            for one in self.safety.relations.values()
            if one.oid >= FIRST_USER_OID and one.kind != "S"
        }
        return Refused(
            f'relation "{_written(schema, name)}" does not exist',
            detail=f"Looked in: {', '.join(self._places(schema))}.",
            hint=_closest(_written(schema, name), names),
        )


def _gives_column(query: Message, name: str) -> bool:
    """Whether the select list of a query names that column."""
    while query.DESCRIPTOR.name == "SelectStmt" and query.HasField("larg"):
        query = query.larg
    for one in query.target_list:
        target = one.res_target
        if target.name:
            if target.name == name:
                return True
        elif target.val.WhichOneof("node") == "column_ref":
            last = target.val.column_ref.fields[-1]
            if last.WhichOneof("node") == "string" and last.string.sval == name:
                return True
    return False


def _written(schema: str | None, name: str) -> str:
    return name if schema is None else f"{schema}.{name}"


def _closest(name: str, names: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.7)
    return f"Perhaps you mean {' or '.join(near)}." if near else "Use one that exists."


def _function_refused(function: UserFunction, *, shadows: bool = False) -> Refused:
    detail = "It is user-made: whatever it is declared as, it may write or read anything."
    hint = _HINT
    if shadows:
        detail = f"It is user-made, and the server could choose it where the statement says {function.name}."
        hint = f"Write pg_catalog.{function.name}. {_HINT}"
    return Refused(f"the function {function.signature} is not allowed", detail=detail, hint=hint)
