"""What is known of the database while a text is read: taken from its catalogs, and from the statements before.

Everything in it is a plain value that is replaced, never changed, so that a transaction that is rolled back leads to
the dictionaries of before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.message import Message

from postai.database.identifiers import quote_ident
from postai.migrate.lint.datatypes import BUILT_IN, DataType

Key = tuple[str, str]
"""Schema and name."""

PUBLIC = "public"


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: its name.
        type: None = unknown.
        not_null: None = unknown.
        new: whether a statement of the text added it.
        default: whether rows get a value by themselves.
        virtual: whether it is generated when it is read.
    """

    name: str
    type: DataType | None = None
    not_null: bool | None = None
    new: bool = False
    default: bool = False
    virtual: bool = False


@dataclass(frozen=True)
class Constraint:
    """A constraint of a table.

    Attributes:
        name: its name ("" where a statement of the text left it to PostgreSQL and it could not be told).
        kind: c, f, p, u, x as in pg_constraint.contype, n for NOT NULL.
        columns: its columns.
        valid: whether all rows are known to fulfil it.
        expression: of a CHECK, as a parse tree.
        referenced: the table that a foreign key refers to.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    valid: bool = True
    expression: Message | None = None
    referenced: Key | None = None


@dataclass(frozen=True)
class Table:
    """A table, view or materialized view.

    Attributes:
        key: schema and name.
        kind: r, p, v, m, f as in pg_class.relkind.
        new: whether the text made it: it is empty, and nobody uses it.
        filled: whether the text put rows of another table into it.
        known: whether all columns and constraints are known.
        columns: those that are known.
        constraints: those that are known.
        temporary: whether only this session sees it.
        parent: the partitioned table that it is a partition of.
        partition_key: columns that a partitioned table is divided by; None for an expression.
        strategy: l, r, h as in pg_partitioned_table.partstrat.
        bound: the FOR VALUES clause of a partition (`PartitionBoundSpec`).
        populated: False for a materialized view that cannot be read yet.
    """

    key: Key
    kind: str = "r"
    new: bool = False
    filled: bool = False
    known: bool = False
    columns: Mapping[str, Column] = field(default_factory=dict)
    constraints: tuple[Constraint, ...] = ()
    temporary: bool = False
    parent: Key | None = None
    partition_key: tuple[str | None, ...] = ()
    strategy: str = ""
    bound: Any = None
    populated: bool = True

    @property
    def name(self) -> str:
        """As people write it: without the schema where that is `public`."""
        return shown(self.key)

    def constraint(self, name: str) -> Constraint | None:
        """The constraint of that name."""
        return next((one for one in self.constraints if one.name == name), None)


@dataclass(frozen=True)
class Index:
    """An index.

    Attributes:
        key: schema and name.
        table: its table.
        columns: key columns in order; None for an expression.
        unique, valid, partial: as in pg_index.
        new: whether the text made it.
        computed: columns that its expressions and its predicate use.
    """

    key: Key
    table: Key
    columns: tuple[str | None, ...]
    unique: bool = False
    valid: bool = True
    partial: bool = False
    new: bool = False
    computed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class UserType:
    """A domain or an enum.

    Attributes:
        key: schema and name.
        new: whether the text made it.
        base: the built-in type under a domain; None for other types.
        constrained: whether a domain checks its values.
        not_null, default: of a domain.
        labels: of an enum.
        used: whether a column of a table that was there before has the type; None = unknown.
    """

    key: Key
    new: bool = False
    base: DataType | None = None
    constrained: bool = False
    not_null: bool = False
    default: bool = False
    labels: tuple[str, ...] = ()
    used: bool | None = None


@dataclass(frozen=True)
class Dependent:
    """A view, materialized view or rule that uses a table.

    Attributes:
        key: the view (or the table of the rule).
        table: what it uses.
        columns: which columns; None = perhaps all.
    """

    key: Key
    table: Key
    columns: frozenset[str] | None


@dataclass(frozen=True)
class Known:
    """What the catalogs of a database say, at one moment."""

    tables: Mapping[Key, Table] = field(default_factory=dict)
    indexes: Mapping[Key, Index] = field(default_factory=dict)
    types: Mapping[Key, UserType] = field(default_factory=dict)
    functions: Mapping[str, bool] = field(default_factory=dict)
    """Name of a function -> whether an overload of it is volatile."""
    dependents: tuple[Dependent, ...] = ()
    search_path: tuple[str, ...] = (PUBLIC,)
    utc: bool | None = None
    complete: bool = False
    """Whether this was read from a database: then what is not here does not exist."""


def shown(key: Key) -> str:
    """A name as people write it."""
    return quote_ident(key[1]) if key[0] == PUBLIC else f"{quote_ident(key[0])}.{quote_ident(key[1])}"


class World:
    """The state that statements are judged in, and that they change."""

    def __init__(self, known: Known) -> None:
        self.complete = known.complete
        self.tables: dict[Key, Table] = dict(known.tables)
        self.indexes: dict[Key, Index] = dict(known.indexes)
        self.types: dict[Key, UserType] = dict(known.types)
        self.functions: dict[str, bool] = dict(known.functions)
        self.dependents: tuple[Dependent, ...] = known.dependents
        self.new_schemas: frozenset[str] = frozenset()
        self.search_path = known.search_path or (PUBLIC,)
        self.utc = known.utc

    def saved(self) -> tuple[Any, ...]:
        """The present state, for `restore`."""
        return (
            dict(self.tables), dict(self.indexes), dict(self.types), dict(self.functions), self.dependents,
            self.new_schemas, self.search_path, self.utc,
        )  # fmt: skip

    def restore(self, state: tuple[Any, ...]) -> None:
        """Back to a saved state."""
        (self.tables, self.indexes, self.types, self.functions, self.dependents, self.new_schemas, self.search_path,
         self.utc) = state  # fmt: skip

    def key(self, schema: str, name: str, *, among: Mapping[Key, object]) -> Key:
        """The full name of an object; what is not known would stand in the first schema of the search path."""
        if schema:
            return (schema, name)
        for candidate in ("pg_temp", *self.search_path):
            if (candidate, name) in among:
                return (candidate, name)
        return (self.search_path[0], name)

    def table_of(self, relation: Any) -> Table:
        """The table that a `RangeVar` names; one that nobody spoke of yet was there before the text."""
        return self.table(relation.schemaname, relation.relname)

    def table(self, schema: str, name: str) -> Table:
        """The table of that name; an unknown one was there before the text."""
        key = self.key(schema, name, among=self.tables)
        return self.tables.get(key) or Table(key)

    def has_table(self, schema: str, name: str) -> bool:
        """Whether the table is known."""
        return self.key(schema, name, among=self.tables) in self.tables

    def index(self, schema: str, name: str) -> Index | None:
        """The index of that name, if it is known."""
        return self.indexes.get(self.key(schema, name, among=self.indexes))

    def indexes_of(self, table: Key) -> list[Index]:
        """The known indexes of a table."""
        return [index for index in self.indexes.values() if index.table == table]

    def type(self, schema: str, name: str) -> UserType | None:
        """The user-made type of that name, if it is known."""
        return self.types.get(self.key(schema, name, among=self.types))

    def type_of(self, wanted: DataType) -> UserType | None:
        """The user-made type that a column's type names, if it is known."""
        return (
            None if wanted.schema is None and wanted.name in BUILT_IN else self.type(wanted.schema or "", wanted.name)
        )

    def put(self, table: Table) -> None:
        """Remember a table."""
        self.tables[table.key] = table

    def put_column(self, table: Table, column: Column) -> Table:
        """Remember a column of a table."""
        changed = replace(table, columns={**table.columns, column.name: column})
        self.put(changed)
        return changed

    def forget_table(self, key: Key) -> None:
        """The table is gone, with its indexes and what it depended on."""
        self.tables.pop(key, None)
        for index in self.indexes_of(key):
            del self.indexes[index.key]
        self.dependents = tuple(one for one in self.dependents if key not in (one.key, one.table))

    def rename_table(self, old: Key, new: Key) -> None:
        """The table has another name; what points to it follows."""
        table = self.tables.pop(old, None) or Table(old)
        self.put(replace(table, key=new))
        for index in self.indexes_of(old):
            self.indexes[index.key] = replace(index, table=new)
        for other in [one for one in self.tables.values() if one.parent == old]:
            self.put(replace(other, parent=new))
        self.dependents = tuple(
            replace(one, key=new if one.key == old else one.key, table=new if one.table == old else one.table)
            for one in self.dependents
        )

    def partitions(self, parent: Key) -> list[Table]:
        """The known partitions of a table."""
        return [table for table in self.tables.values() if table.parent == parent]

    def dependents_of(self, table: Key, column: str | None = None) -> list[Dependent]:
        """Views and rules that use a table, or one column of it."""
        return [
            one
            for one in self.dependents
            if one.table == table and (column is None or one.columns is None or column in one.columns)
        ]
