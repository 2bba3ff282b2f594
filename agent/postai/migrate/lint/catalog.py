"""What a database's catalogs say about the objects that a text may touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import Database
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.migrate.lint.datatypes import DataType, data_type
from postai.migrate.lint.functions import volatility
from postai.migrate.lint.world import Column, Constraint, Dependent, Index, Key, Known, Table, UserType
from postai.sql.parse import Unparsable, parse_one


def load_known(db: Database) -> Known:
    """What the database holds now, read in one snapshot; it needs no rights beyond those of every role.

    Raises:
        ServerError: a catalog cannot be read.
    """
    sql = load(__package__, "catalog.sql")
    with db.transaction():
        db.execute("set transaction isolation level repeatable read read only")
        relations = db.query(sql["relations"])
        columns = db.query(sql["columns"])
        constraints = db.query(sql["constraints"])
        indexes = db.query(sql["indexes"])
        types = db.query(sql["types"])
        dependents = db.query(sql["dependents"])
        functions = db.query(sql["functions"])
        ((path, utc),) = db.query(sql["session"])
    reader = _Reader({int(row[0]): (str(row[1]), str(row[2])) for row in relations})
    return Known(
        tables=reader.tables(relations, columns, constraints),
        indexes=reader.indexes(indexes),
        types={one.key: one for one in (reader.user_type(row) for row in types)},
        functions=volatility((str(name), bool(volatile), tuple(bodies or ())) for name, volatile, bodies in functions),
        dependents=reader.dependents(dependents),
        search_path=tuple(path),
        utc=bool(utc),
        complete=True,
    )


class _Reader:
    """Rows of the catalogs as the values of the linter."""

    def __init__(self, keys: dict[int, Key]) -> None:
        self._keys = keys
        self._read_type = lru_cache(maxsize=None)(_read_type)

    def tables(self, relations: list[Any], columns: list[Any], constraints: list[Any]) -> dict[Key, Table]:
        of_table: dict[int, dict[str, Column]] = {}
        for oid, name, kind, not_null, default, virtual in columns:
            of_table.setdefault(oid, {})[name] = Column(
                name, self._read_type(kind), not_null, default=default, virtual=virtual
            )
        rules: dict[int, list[Constraint]] = {}
        for oid, name, kind, valid, referenced, names, expression in constraints:
            tree = None if expression is None else _expression(expression)
            rules.setdefault(oid, []).append(
                Constraint(name, kind, tuple(names or ()), valid, tree, self._keys.get(referenced))
            )
        found = {}
        for oid, schema, name, kind, populated, parent, bound, strategy, keys in relations:
            found[schema, name] = Table(
                (schema, name), kind, known=True, columns=of_table.get(oid, {}), constraints=tuple(rules.get(oid, ())),
                parent=self._keys.get(parent), partition_key=tuple(keys or ()), strategy=strategy or "",
                bound=None if bound is None else _bound(bound), populated=populated,
            )  # fmt: skip
            if any(one.kind == "n" and not one.valid for one in rules.get(oid, ())):
                found[schema, name] = _without_unproved(found[schema, name])
        return found

    def indexes(self, rows: Iterable[Any]) -> dict[Key, Index]:
        return {
            (schema, name): Index(
                (schema, name),
                self._keys[table],
                tuple(columns or ()),
                unique,
                valid,
                partial,
                computed=frozenset(computed or ()),
            )
            for schema, name, table, unique, valid, partial, columns, computed in rows
            if table in self._keys
        }

    def user_type(self, row: Any) -> UserType:
        schema, name, base, constrained, not_null, default, labels, used = row
        return UserType(
            (schema, name), base=None if base is None else self._read_type(base), constrained=constrained,
            not_null=not_null, default=default, labels=tuple(labels or ()), used=used,
        )  # fmt: skip

    def dependents(self, rows: Iterable[Any]) -> tuple[Dependent, ...]:
        columns: dict[tuple[Key, Key], set[str]] = {}
        for view, table, column in rows:
            if view in self._keys and table in self._keys and view != table:
                seen = columns.setdefault((self._keys[view], self._keys[table]), set())
                if column is not None:
                    seen.add(column)
        return tuple(Dependent(view, table, frozenset(names)) for (view, table), names in columns.items())


def _without_unproved(table: Table) -> Table:
    """NOT NULL constraints that are not validated (PostgreSQL 18) prove nothing about the rows."""
    unproved = {name for one in table.constraints if one.kind == "n" and not one.valid for name in one.columns}
    columns = {
        name: replace(column, not_null=False) if name in unproved else column for name, column in table.columns.items()
    }
    return replace(table, columns=columns)


def _read_type(text: str) -> DataType | None:
    """The type that format_type() wrote."""
    try:
        tree: Any = parse_one(f"SELECT NULL::{text}").tree
    except Unparsable:
        return None
    return data_type(tree.target_list[0].res_target.val.type_cast.type_name)


def _expression(text: str) -> Any:
    """A condition's tree."""
    try:
        tree: Any = parse_one(f"SELECT {text}").tree
    except Unparsable:
        return None
    return tree.target_list[0].res_target.val


def _bound(text: str) -> pb.PartitionBoundSpec:
    """The FOR VALUES clause that pg_get_expr() wrote."""
    tree: Any = parse_one(f"CREATE TABLE {qualified('x', 'y')} PARTITION OF z {text}").tree
    return tree.partbound
