"""Indexes of the other access methods that could serve an access: hash, BRIN, GIN and GiST."""

from __future__ import annotations

from collections.abc import Iterator

from postai.database.catalog_types import Column
from postai.optimize.accesses import Access
from postai.optimize.expressions import Clause, Term, pattern_beginning
from postai.optimize.facts import Facts
from postai.optimize.types import IndexDefinition, IndexKey

HASH_WIDTH = 16.0
"""Bytes of a key from which on a hash index, which stores four of them, may be smaller than a B-tree."""

BRIN_CORRELATION = 0.95
BRIN_PAGES = 1024
"""Order of the values on disk, and size of the table, from which on block ranges tell anything."""

_TEXTS = frozenset({"text", "varchar", "citext"})
"""Types that trigrams are taken from; not char(n), which pg_trgm's operator classes do not accept."""

_RANGES = frozenset({"int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange", "int4multirange",
                     "int8multirange", "nummultirange", "datemultirange", "tsmultirange",
                     "tstzmultirange"})  # fmt: skip
_SHAPES = frozenset({"point", "box", "polygon", "circle", "geometry", "geography"})
_GIST_OPERATORS = frozenset({"&&", "@>", "<@", "<<", ">>", "&<", "&>", "-|-", "~=", "@", "~", "<<|", "|>>"})
_INET_OPERATORS = frozenset({"&&", "<<", "<<=", ">>", ">>="})
_ARRAY_OPERATORS = frozenset({"@>", "<@", "&&"})


def other_candidates(access: Access, facts: Facts, fixed: frozenset[str]) -> Iterator[IndexDefinition]:
    """Hash, BRIN, GIN and GiST indexes for one access; arguments as of `btree_candidates`."""
    table = access.table
    arms = [clause for one in access.clauses if one.kind == "or" for arm in one.arms for clause in arm]
    predicates: list[str | None] = [None]
    constant = sorted({one.text for one in access.clauses if one.text in fixed and one.kind in ("true", "false")})
    if constant:
        predicates.append(" AND ".join(constant))
    for clause in (*access.clauses, *arms):
        if clause.kind == "or" or len(clause.terms) != 1:
            continue
        for key, method in _choices(clause, access, facts):
            for where in predicates:
                if where is None or clause.text not in constant:
                    yield IndexDefinition(table.schema, table.name, table.oid, (key,), where=where, method=method)
    for clause in access.distances:
        if _type(access, clause.term) in _SHAPES:
            yield IndexDefinition(table.schema, table.name, table.oid, (_key(clause.term),), method="gist")
    for clause in access.joins:
        if clause.kind == "other" and _type(access, clause.term) in _RANGES | _SHAPES | {"inet", "cidr"}:
            for key, method in _choices(clause, access, facts):
                yield IndexDefinition(table.schema, table.name, table.oid, (key,), method=method)


def wants_trigrams(clause: Clause, access: Access) -> bool:
    """Whether only trigrams find what a condition looks for: a pattern without a fixed beginning."""
    if clause.kind != "pattern" or _type(access, clause.term) not in _TEXTS:
        return False
    value = clause.value
    if value is None or value.literal is None:
        return value is not None and clause.operator != "^@"
    return not pattern_beginning(value.literal, clause.operator)


def _choices(clause: Clause, access: Access, facts: Facts) -> Iterator[tuple[IndexKey, str]]:
    kind, operator, term = _type(access, clause.term), clause.operator, clause.term
    if clause.kind == "equal":
        column = facts.column(access.table, term.column) if term.column else None
        if column is None or column.width >= HASH_WIDTH:
            yield _key(term), "hash"
    if clause.kind in ("equal", "range") and term.column is not None:
        column = facts.column(access.table, term.column)
        if abs(column.correlation or 0.0) > BRIN_CORRELATION and facts.of(access.table).pages >= BRIN_PAGES:
            yield _key(term), "brin"
    if wants_trigrams(clause, access) and "pg_trgm" in facts.extensions:
        yield _key(term, f"{facts.extensions['pg_trgm']}.gin_trgm_ops"), "gin"
    if clause.kind != "other":
        return
    if kind == "jsonb" and operator in ("@>", "@?", "@@"):
        yield _key(term, "jsonb_path_ops"), "gin"
    elif (
        (kind == "jsonb" and operator in ("?", "?|", "?&"))
        or (kind.startswith("_") and operator in _ARRAY_OPERATORS)
        or (kind == "tsvector" and operator == "@@")
    ):
        yield _key(term), "gin"
    elif kind in _RANGES | _SHAPES and operator in _GIST_OPERATORS:
        yield _key(term), "gist"
    elif kind in ("inet", "cidr") and operator in _INET_OPERATORS:
        yield _key(term, "inet_ops"), "gist"


def _key(term: Term, opclass: str | None = None) -> IndexKey:
    return IndexKey(term.text, term.column, opclass)


def _type(access: Access, term: Term) -> str:
    """Name of a term's type; of expressions only those are told apart that matter here."""
    column: Column | None = access.table.column(term.column) if term.column else None
    if column is not None:
        return column.base_type
    if term.text.startswith(("to_tsvector(", "setweight(")):
        return "tsvector"
    if term.text.endswith("::jsonb") or ("->" in term.text and "->>" not in term.text):
        return "jsonb"
    return "text"
