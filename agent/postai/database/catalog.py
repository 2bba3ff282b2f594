"""An immutable picture of one database: relations, columns, keys, indexes, types, functions and statistics.

`load_catalog` reads it in one statement; `fingerprint` says cheaply whether a picture is still true (sizes, row
estimates and statistics move without it). The picture holds what the connected role can see of the system catalogs;
what a *caller* may read is applied on top (visibility.py).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from postai.database import named_sql
from postai.database.catalog_types import (
    Catalog,
    Check,
    Column,
    ColumnName,
    ColumnStatistics,
    CompositeType,
    DomainType,
    EnumType,
    ForeignKey,
    Function,
    FunctionKind,
    Index,
    KnownJoin,
    KnownValues,
    Table,
    TableKind,
)
from postai.database.errors import ServerError
from postai.database.protocol import Database, Row

__all__ = [
    "Catalog",
    "Check",
    "Column",
    "ColumnName",
    "ColumnStatistics",
    "CompositeType",
    "DomainType",
    "EnumType",
    "ForeignKey",
    "Function",
    "FunctionKind",
    "Index",
    "KnownJoin",
    "KnownValues",
    "Table",
    "TableKind",
    "fingerprint",
    "load_catalog",
    "text_array",
    "with_joins",
    "with_values",
]

_KINDS: Mapping[str, TableKind] = {
    "r": "table", "p": "partitioned", "v": "view", "m": "matview", "f": "foreign",
}  # fmt: skip
_FUNCTION_KINDS: Mapping[str, FunctionKind] = {
    "f": "function", "p": "procedure", "a": "aggregate", "w": "window",
}  # fmt: skip
_GENERATED: Mapping[str, Any] = {"s": "stored", "v": "virtual"}
_IDENTITY: Mapping[str, Any] = {"a": "always", "d": "by default"}
_VOLATILITY: Mapping[str, Any] = {"i": "immutable", "s": "stable", "v": "volatile"}
_ATTEMPTS = 25
"""Where somebody makes and drops views without a pause on a busy machine, two of three attempts meet one that goes."""
_ELEMENT = re.compile(r'"((?:[^"\\]|\\.)*)"|([^,{}"]+)', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

T = TypeVar("T")
Sections = dict[str, list[tuple[Any, ...]]]


def load_catalog(db: Database) -> Catalog:
    """The picture of the connected database, in one statement (1,000 tables in well under a second).

    Never waits for a lock: of relations that another session holds or wants in ACCESS EXCLUSIVE mode, sizes and the
    texts of expressions, checks, indexes and views are left out (None or "").
    """
    blocks = named_sql.load(__package__, "catalog.sql")
    statement = blocks["snapshot"].replace("/* fingerprint */", blocks["fingerprint"])
    sections: Sections = {
        section: list(zip(*(column or () for column in json.loads(body)), strict=True))
        for section, body in _read(db, statement)
        if section != "path"
    }
    database, server_version, found = sections["database"][0]
    return Catalog(
        database=database,
        server_version=server_version,
        fingerprint=found,
        tables=_with_partitions(list(_tables(sections))),
        enums=tuple(
            sorted(
                (
                    EnumType(oid, schema, name, tuple(labels), comment, owner)
                    for oid, schema, name, labels, comment, owner in sections["enum"]
                    if schema is not None
                ),
                key=_by_name,
            )
        ),
        domains=tuple(sorted(map(_domain, sections["domain"]), key=_by_name)),
        composites=tuple(sorted(map(_composite, sections["composite"]), key=_by_name)),
        functions=tuple(sorted(map(_function, sections["function"]), key=_by_name)),
    )


def _read(db: Database, statement: str) -> list[Row]:
    """Run the statement, again when a relation vanished under it.

    The statement sees the catalogs as they were when it began, but pg_get_viewdef opens the relations that a view reads
    as they are now: it fails with XX000 (could not open relation, cache lookup failed) when one is gone, and it keeps
    its locks, so that it can run into a deadlock (40P01) or a wait (55P03) with DDL that began meanwhile.
    """
    for _ in range(_ATTEMPTS - 1):
        try:
            return db.query(statement)
        except ServerError as error:
            if error.sqlstate not in ("XX000", "40P01", "55P03"):
                raise
    return db.query(statement)


def fingerprint_query() -> str:
    """What `fingerprint` asks, and postai._catalog_fingerprint() in a database; gives the same to every role."""
    return named_sql.load(__package__, "catalog.sql")["fingerprint"]


def fingerprint(db: Database) -> str:
    """A short text that changes with definitions, rights and role memberships, and not with rows, ANALYZE or VACUUM."""
    found = db.query(fingerprint_query())[0][0]
    assert isinstance(found, str)
    return found


def with_values(catalog: Catalog, known: Mapping[ColumnName, KnownValues]) -> Catalog:
    """The picture with the values of columns filled in; what is known of columns that are gone is ignored."""
    indexed = {(name.schema, name.table) for name in known}

    def filled(table: Table) -> Table:
        if (table.schema, table.name) not in indexed:
            return table
        columns = (
            replace(column, values=known.get(ColumnName(table.schema, table.name, column.name)))
            for column in table.columns
        )
        return replace(table, columns=tuple(columns))

    return replace(catalog, tables=tuple(map(filled, catalog.tables)))


def with_joins(catalog: Catalog, joins: Iterable[KnownJoin]) -> Catalog:
    """The picture with joins beside its foreign keys, of each pair of columns the first.

    Those that name a column that is gone are left out.
    """

    def exists(name: ColumnName) -> bool:
        table = catalog.table(name.schema, name.table)
        return table is not None and table.column(name.column) is not None

    pairs: dict[frozenset[ColumnName], KnownJoin] = {}
    for join in joins:
        if exists(join.left) and exists(join.right):
            pairs.setdefault(frozenset((join.left, join.right)), join)
    return replace(catalog, joins=tuple(pairs.values()))


def text_array(text: str) -> tuple[str, ...]:
    """The elements of a one-dimensional array as PostgreSQL writes it (`{a,"b c",NULL}` without the nulls).

    Read here and not by a cast in the server, where a type with another delimiter would fail the whole picture.
    """
    return tuple(
        _ESCAPED.sub(r"\1", match[1]) if match[1] is not None else match[2]
        for match in _ELEMENT.finditer(text)
        if match[2] != "NULL"
    )


@dataclass
class _Parts:
    """What belongs to relations, by their oid."""

    columns: dict[int, tuple[Column, ...]]
    names: dict[int, dict[int, str]]
    comments: dict[tuple[int, int], str]
    constraints: dict[int, list[tuple[Any, ...]]]
    indexes: dict[int, list[Index]]
    predicates: set[int]
    views: dict[int, str]
    relations: dict[int, tuple[str, str]]


def _tables(sections: Sections) -> Iterator[Table]:
    relations = {row[0]: (row[1], row[2]) for row in sections["relation"]}
    comments = {(oid, number): text for oid, number, text in sections["comment"]}
    names: dict[int, dict[int, str]] = defaultdict(dict)
    for oid, number, name, *_ in sections["column"]:
        names[oid][number] = name
    parts = _Parts(
        columns=_columns(sections, relations, comments),
        names=names,
        comments=comments,
        constraints=_grouped(sections["constraint"]),
        indexes=_indexes(sections["index"], names),
        predicates={row[1] for row in sections["index"] if row[7]},
        views=dict(sections["view"]),
        relations=relations,
    )
    return (_table(row, parts) for row in sections["relation"])


def _table(row: tuple[Any, ...], parts: _Parts) -> Table:
    oid, schema, name, relkind, is_partition, owner, reltuples, row_security, size, parent, key, extension = row
    names = parts.names[oid]
    primary_key: tuple[str, ...] = ()
    unique: list[tuple[str, ...]] = []
    foreign_keys: list[ForeignKey] = []
    checks: list[Check] = []
    for _, constraint, kind, numbers, validated, target, target_numbers, definition in parts.constraints[oid]:
        columns = tuple(names[number] for number in numbers or ())
        if kind == "p":
            primary_key = columns
        elif kind == "u":
            unique.append(columns)
        elif kind == "c":
            checks.append(Check(constraint, definition or "", validated))
        elif target in parts.relations:
            target_names = tuple(parts.names[target][number] for number in target_numbers)
            foreign_keys.append(
                ForeignKey(constraint, columns, target, *parts.relations[target], target_names, validated)
            )
    indexes = tuple(parts.indexes.get(oid, ()))
    for index in indexes:
        plain = tuple(column for column in index.columns if column is not None)
        whole = None not in index.columns and index.oid not in parts.predicates
        if index.unique and index.valid and whole and plain != primary_key and plain not in unique:
            unique.append(plain)
    known = size is not None and all(index.bytes is not None for index in indexes)
    return Table(
        oid=oid,
        schema=schema,
        name=name,
        kind="partition" if is_partition and relkind != "p" else _KINDS[relkind],
        comment=parts.comments.get((oid, 0)),
        columns=parts.columns.get(oid, ()),
        primary_key=primary_key,
        unique=tuple(unique),
        foreign_keys=tuple(foreign_keys),
        checks=tuple(checks),
        indexes=indexes,
        # -1 = never analysed (since PostgreSQL 14); a view has no rows of its own.
        row_estimate=int(reltuples) if reltuples >= 0 and relkind != "v" else None,
        total_bytes=size + sum(index.bytes or 0 for index in indexes) if known else None,
        parent_oid=parent,
        partition_key=key,
        row_security=row_security,
        owner=owner,
        view_definition=parts.views.get(oid),
        extension=extension,
    )


def _columns(
    sections: Sections, relations: dict[int, tuple[str, str]], comments: dict[tuple[int, int], str]
) -> dict[int, tuple[Column, ...]]:
    labels = {row[0]: tuple(row[3]) for row in sections["enum"]}
    types = {(oid, modifier): rest for oid, modifier, *rest in sections["type"]}
    defaults = {(oid, number): expression for oid, number, expression in sections["default"]}
    statistics = {
        (schema, table, column): ColumnStatistics(
            n_distinct,
            null_fraction,
            text_array(common) if common else (),
            tuple(frequencies or ()),
            text_array(histogram) if histogram else (),
        )
        for schema, table, column, n_distinct, null_fraction, common, frequencies, histogram in sections["statistics"]
    }
    found: dict[int, list[Column]] = defaultdict(list)
    for oid, number, name, type_oid, modifier, not_null, identity, generated in sections["column"]:
        type_name, base_oid, base_name, base_kind, category = types[type_oid, modifier]
        found[oid].append(
            Column(
                number=number,
                name=name,
                type_name=type_name,
                type_oid=type_oid,
                base_type="enum" if base_kind == "e" else base_name,
                type_category=category,
                enum_labels=labels.get(base_oid, ()),
                not_null=not_null,
                default=defaults.get((oid, number)),
                generated=_GENERATED.get(generated),
                identity=_IDENTITY.get(identity),
                comment=comments.get((oid, number)),
                statistics=statistics.get((*relations[oid], name)),
            )
        )
    return {oid: tuple(columns) for oid, columns in found.items()}


def _indexes(rows: list[tuple[Any, ...]], names: dict[int, dict[int, str]]) -> dict[int, list[Index]]:
    found: dict[int, list[Index]] = defaultdict(list)
    for table, oid, name, key, keys, expressions, predicate, _, method, unique, valid, definition, size in rows:
        columns = [names[table].get(number) for number in key]  # 0 = an expression
        found[table].append(
            Index(
                oid=oid,
                name=name,
                columns=tuple(columns[:keys]),
                expressions=tuple(expressions or ()),
                included=tuple(column for column in columns[keys:] if column is not None),
                predicate=predicate,
                method=method,
                unique=unique,
                valid=valid,
                definition=definition or "",
                bytes=size,
            )
        )
    return found


def _with_partitions(tables: list[Table]) -> tuple[Table, ...]:
    """The tables in order, with the rows and bytes of the leaves added up for partitioned ones."""
    children: dict[int, list[Table]] = defaultdict(list)
    for table in tables:
        if table.parent_oid is not None:
            children[table.parent_oid].append(table)

    def whole(table: Table) -> Table:
        if table.kind != "partitioned":
            return table
        parts = [whole(child) for child in children[table.oid]]
        rows = [part.row_estimate for part in parts]
        sizes = [part.total_bytes for part in parts]
        known = [count for count in rows if count is not None]
        return replace(
            table,
            # ANALYZE of the parent also writes an estimate, but autovacuum never analyses a partitioned table.
            row_estimate=sum(known) if len(known) == len(rows) else table.row_estimate,
            total_bytes=None if None in sizes else sum(size or 0 for size in sizes),
        )

    return tuple(whole(table) for table in tables)


def _domain(row: tuple[Any, ...]) -> DomainType:
    oid, schema, name, type_name, not_null, default, checks, comment, owner = row
    return DomainType(
        oid, schema, name, type_name, not_null, default, tuple(Check(*check) for check in checks or ()), comment, owner
    )


def _composite(row: tuple[Any, ...]) -> CompositeType:
    oid, schema, name, attributes, comment, owner = row
    return CompositeType(oid, schema, name, tuple((a, t) for a, t in attributes or ()), comment, owner)


def _function(row: tuple[Any, ...]) -> Function:
    oid, schema, name, kind, arguments, result, language, volatility, definer, comment, owner, extension = row
    return Function(
        oid, schema, name, _FUNCTION_KINDS[kind], arguments or "", result, language, _VOLATILITY[volatility], definer,
        comment, owner, extension,
    )  # fmt: skip


def _grouped(rows: list[tuple[Any, ...]]) -> dict[int, list[tuple[Any, ...]]]:
    found: dict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(row)
    return found


def _by_name(item: EnumType | DomainType | CompositeType | Function) -> tuple[str, str, int]:
    return item.schema, item.name, item.oid
