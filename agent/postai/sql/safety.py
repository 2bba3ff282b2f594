"""A snapshot of everything in a database that could make a harmless looking SELECT run somebody's code.

It is read in one round trip, keeps no connection, and serves any number of checks (`postai.sql.guard`), also from
several threads: what it remembers between checks are results that depend on nothing but the snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from postai.database import Database
from postai.database.named_sql import load
from postai.sql.allowlist import Allowlist, load_allowlist
from postai.sql.definitions import definitions

_K = TypeVar("_K")
_V = TypeVar("_V")

FIRST_USER_OID = 16384
"""Objects that initdb makes have lower oids (FirstNormalObjectId in PostgreSQL's transam.h)."""

KNOWN_EXTENSIONS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(
        ("btree_gin", "btree_gist", "cube", "fuzzystrmatch", "hstore", "intarray", "ltree", "pg_trgm", "seg",
         "unaccent", "uuid-ossp", "vector", "pgcrypto"),
        frozenset({"c", "internal"}),
    ),
    "citext": frozenset({"c", "internal", "sql"}),
    "postgis": frozenset({"c", "internal", "sql"}),
}  # fmt: skip
"""Extensions whose immutable and stable functions pass, and the languages of those. Left out on purpose: earthdistance
(unqualified SQL bodies, which a search_path can redirect), tablefunc and dblink (they run SQL text), isn (a function
that switches checking off)."""

EXTENSION_EXCEPTIONS = frozenset(
    {"st_estimatedextent", "st_findextent", "find_srid", "populate_geometry_columns", "updategeometrysrid"}
)
"""Functions of known extensions that read relations by name."""


@dataclass(frozen=True, slots=True)
class UserFunction:
    """A function, aggregate or procedure that is not PostgreSQL's own.

    Attributes:
        signature: `schema.name(argument types)`, qualified and quoted.
        least, most: how many arguments a call may have (`most` None: VARIADIC).
        arguments: type oids; results: type oids of everything it gives back.
        trusted: member of a known extension, immutable or stable, in a language only a superuser can install.
        volatile: it may do more than compute and read, as the catalog has it; a procedure always may.
    """

    oid: int
    schema: str
    name: str
    signature: str
    least: int
    most: int | None
    arguments: tuple[int, ...]
    results: tuple[int, ...]
    extension: str | None
    trusted: bool
    volatile: bool = True


@dataclass(frozen=True, slots=True)
class UserOperator:
    """An operator that is not PostgreSQL's own; `arguments` are type oids (0 on the left for prefix operators)."""

    oid: int
    schema: str
    name: str
    arguments: tuple[int, int]
    function: int


@dataclass(frozen=True, slots=True)
class UserCast:
    """A cast that is not PostgreSQL's own; `function` is 0 when it runs none of its own."""

    source: int
    target: int
    function: int
    implicit: bool
    label: str


@dataclass(frozen=True, slots=True)
class UserType:
    """A type that is not PostgreSQL's own; `kind` is pg_type.typtype, `base` the domain's, `element` the array's."""

    oid: int
    schema: str
    name: str
    kind: str
    element: int
    base: int
    relation: int
    category: str
    functions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UserRange:
    """What a range type is made of."""

    subtype: int
    opclass: int
    functions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class UserOpclass:
    """An operator class that is not PostgreSQL's own, with the functions it may run."""

    oid: int
    name: str
    type: int
    default: bool
    functions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SafeRelation:
    """A table, view, sequence or foreign table; `kind` is pg_class.relkind, `server` a foreign table's server."""

    oid: int
    schema: str
    name: str
    kind: str
    row_type: int
    server: str | None


@dataclass(frozen=True, slots=True)
class StoredExpression:
    """A stored tree of a relation: its definition, a policy, an index, a constraint, a generated column.

    Attributes:
        part: what it is, for messages: "policy mine", "index orders_expr_idx".
        tree: the pg_node_tree as text.
        depends: (catalog, oid) pairs of pg_depend: user-made functions, operators and types.
    """

    part: str
    tree: str
    depends: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Safety:
    """What a guard knows about one database. Made by `load_safety`; every mapping is read-only by convention.

    `definitions` is their fingerprint just before the snapshot, see `postai.sql.definitions`.
    """

    server_version: int
    allowlist: Allowlist
    functions: Mapping[int, UserFunction]
    functions_by_name: Mapping[str, tuple[UserFunction, ...]]
    operators: Mapping[int, UserOperator]
    operators_by_name: Mapping[str, tuple[UserOperator, ...]]
    casts: tuple[UserCast, ...]
    types: Mapping[int, UserType]
    types_by_name: Mapping[str, tuple[UserType, ...]]
    composite_types: Mapping[int, tuple[int, ...]]
    domain_checks: Mapping[int, tuple[StoredExpression, ...]]
    ranges: Mapping[int, UserRange]
    opclasses: Mapping[int, UserOpclass]
    relations: Mapping[int, SafeRelation]
    relations_by_name: Mapping[str, tuple[SafeRelation, ...]]
    children: Mapping[int, tuple[int, ...]]
    stored: Mapping[int, tuple[StoredExpression, ...]]
    used_opclasses: Mapping[int, tuple[tuple[int, str], ...]]
    columns: Mapping[str, frozenset[int]]
    builtin_functions: Mapping[int, str]
    builtin_function_names: frozenset[str]
    unfit_functions: frozenset[str]
    builtin_operators: Mapping[int, str]
    builtin_types: Mapping[str, int]
    definitions: str = ""
    memo: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)


def load_safety(db: Database) -> Safety:
    """Read the snapshot (catalogs only, no lock on any table).

    Inside a transaction of the caller it leaves `search_path = pg_catalog` until that ends.

    Raises:
        ServerError: the server refused, e.g. statement_timeout.
    """
    statement = load(__package__, "safety.sql")["snapshot"]
    with db.transaction():
        db.execute("set local search_path = pg_catalog")  # nobody's function can slip in, and names come out qualified
        db.execute("set local jit = off")  # compiling this statement takes ten times as long as running it
        now = definitions(db)  # before: what changes in between is noticed by whoever compares
        ((found,),) = db.query(statement)
    return replace(build_safety(found, db.server_version, load_allowlist()), definitions=now)


def build_safety(found: Mapping[str, Any], server_version: int, allowlist: Allowlist) -> Safety:
    """A `Safety` from the JSON object of safety.sql."""
    functions = {row[0]: _function(row) for row in found["functions"] or ()}
    operators = {
        row[0]: UserOperator(row[0], row[1], row[2], (row[3], row[4]), row[5]) for row in found["operators"] or ()
    }
    types = {
        row[0]: UserType(row[0], row[1], row[2], row[3], row[4], row[5], row[6], row[7], tuple(row[8]))
        for row in found["types"] or ()
    }
    relations = {row[0]: SafeRelation(*row) for row in found["relations"] or ()}
    depends = _grouped(((row[0], row[1]), (row[2], row[3])) for row in found["dependencies"] or ())
    constraint: int = found["constraint_class"]
    builtin = found["builtin_functions"]
    return Safety(
        server_version=server_version,
        allowlist=allowlist,
        functions=functions,
        functions_by_name=_grouped((one.name, one) for one in functions.values()),
        operators=operators,
        operators_by_name=_grouped((one.name, one) for one in operators.values()),
        casts=tuple(
            UserCast(row[0], row[1], row[2], row[3] == "i", f"cast ({row[4]} AS {row[5]})")
            for row in found["casts"] or ()
        ),
        types=types,
        types_by_name=_grouped((one.name, one) for one in types.values()),
        composite_types={row[0]: tuple(row[1]) for row in found["composites"] or ()},
        domain_checks=_grouped(
            (row[0], StoredExpression(f"constraint {row[1]}", row[3], depends.get((constraint, row[2]), ())))
            for row in found["domain_checks"] or ()
        ),
        ranges=_ranges(found["ranges"] or ()),
        opclasses={
            row[0]: UserOpclass(row[0], row[1], row[2], row[3], tuple(row[4] or ())) for row in found["opclasses"] or ()
        },
        relations=relations,
        relations_by_name=_grouped((one.name, one) for one in relations.values()),
        children=_grouped((row[0], row[1]) for row in found["children"] or ()),
        stored=_grouped(
            (row[2], StoredExpression(row[3], row[4] or "", depends.get((row[0], row[1]), ())))
            for row in found["stored"] or ()
        ),
        used_opclasses=_grouped((row[0], (row[1], row[2])) for row in found["used_opclasses"] or ()),
        columns={
            name: frozenset(oids) for name, oids in _grouped((row[1], row[0]) for row in found["columns"] or ()).items()
        },
        builtin_functions={row[0]: row[1] for row in builtin},
        builtin_function_names=frozenset(row[1] for row in builtin),
        unfit_functions=frozenset(row[1] for row in builtin if not row[2]) - allowlist.by_name,
        builtin_operators={row[0]: row[1] for row in found["builtin_operators"]},
        builtin_types={row[1]: row[0] for row in found["builtin_types"]},
    )


def _function(row: list[Any]) -> UserFunction:
    (
        oid,
        schema,
        name,
        signature,
        volatility,
        language,
        arguments,
        defaults,
        variadic,
        types,
        results,
        by_superuser,
        ext,
    ) = row
    trusted = (
        ext in KNOWN_EXTENSIONS
        and language in KNOWN_EXTENSIONS[ext]
        and (volatility in ("i", "s") or ext == "uuid-ossp")
        and (language != "sql" or by_superuser)
        and name not in EXTENSION_EXCEPTIONS
        and not name.startswith(("_postgis", "postgis_"))
    )
    return UserFunction(
        oid, schema, name, signature, arguments - defaults, None if variadic else arguments, tuple(types),
        tuple(one for one in results if one), ext, trusted, volatility not in ("i", "s"),
    )  # fmt: skip


def _ranges(rows: Iterable[list[Any]]) -> dict[int, UserRange]:
    ranges = {}
    for range_type, subtype, multirange, opclass, functions in rows:
        ranges[range_type] = UserRange(subtype, opclass, tuple(one for one in functions if one))
        ranges[multirange] = ranges[range_type]
    return ranges


def _grouped(pairs: Iterable[tuple[_K, _V]]) -> dict[_K, tuple[_V, ...]]:
    groups: dict[_K, list[_V]] = defaultdict(list)
    for key, value in pairs:
        groups[key].append(value)
    return {key: tuple(values) for key, values in groups.items()}
