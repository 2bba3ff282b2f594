"""The parts of the catalog picture: plain immutable values, in the words of the system catalogs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

TableKind = Literal["table", "partitioned", "partition", "view", "matview", "foreign"]
FunctionKind = Literal["function", "procedure", "aggregate", "window"]
JoinSource = Literal["declared", "contained"]


@dataclass(frozen=True, slots=True, order=True)
class ColumnName:
    """Where a column is, by names, unquoted."""

    schema: str
    table: str
    column: str


@dataclass(frozen=True, slots=True)
class KnownJoin:
    """Two columns whose equal values mean the same thing, though no foreign key says so.

    Attributes:
        source: "declared" by a person, or "contained": the values of one were all found in the other.
        confidence: 0 to 1; 1 for a declared one.
    """

    left: ColumnName
    right: ColumnName
    source: JoinSource = "declared"
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class KnownValues:
    """Distinct values of a text column with few of them.

    Attributes:
        complete: whether these are all.
    """

    values: tuple[str, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """What ANALYZE found in a column (pg_stats).

    Attributes:
        n_distinct: number of distinct values; a negative number is minus that number divided by the number of rows.
        null_fraction: share of nulls, 0 to 1.
        most_common: the most common values as text, most common first; values are secret (see visibility.py).
        most_common_freqs: share of each of them, 0 to 1, same order.
        histogram: values between the others, of texts and jsonb only; all other values where there are few of them.
    """

    n_distinct: float
    null_fraction: float
    most_common: tuple[str, ...] = ()
    most_common_freqs: tuple[float, ...] = ()
    histogram: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a relation.

    Attributes:
        number: pg_attribute.attnum, from 1; has gaps where columns were dropped.
        name: the name, unquoted.
        type_name: the type as `format_type` writes it, e.g. "numeric(10,2)".
        type_oid: oid of the declared type.
        base_type: pg_type.typname of the type, of the base type for a domain, or "enum" for an enum type.
        type_category: pg_type.typcategory of the base type: N number, S string, D date/time, B boolean,
            E enum, A array, ...
        enum_labels: labels of an enum type, in its order.
        not_null: whether nulls are refused.
        default: expression of the default or of the generated column.
        generated: how a generated column is kept; None = an ordinary column.
        identity: kind of identity column; None = none.
        comment: COMMENT ON COLUMN.
        statistics: from the last ANALYZE; None = none, or not readable by the connected role.
        values: distinct values from the value index; None = the column is not indexed; secret like statistics.
    """

    number: int
    name: str
    type_name: str
    type_oid: int
    base_type: str
    type_category: str
    enum_labels: tuple[str, ...] = ()
    not_null: bool = False
    default: str | None = None
    generated: Literal["stored", "virtual"] | None = None
    identity: Literal["always", "by default"] | None = None
    comment: str | None = None
    statistics: ColumnStatistics | None = None
    values: KnownValues | None = None


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key; `columns[i]` refers to `referenced_columns[i]` of the table `table_oid`."""

    name: str
    columns: tuple[str, ...]
    table_oid: int
    schema: str
    table: str
    referenced_columns: tuple[str, ...]
    validated: bool = True


@dataclass(frozen=True, slots=True)
class Check:
    """A CHECK constraint; `definition` as `pg_get_constraintdef` has it, "" while the table is locked exclusively."""

    name: str
    definition: str
    validated: bool = True


@dataclass(frozen=True, slots=True)
class Index:
    """An index.

    Attributes:
        columns: key columns in order; None stands for an expression.
        expressions: the texts of those expressions, in order; () while the table is locked exclusively.
        included: columns of INCLUDE.
        predicate: WHERE of a partial index.
        method: access method, e.g. "btree".
        unique: whether it enforces uniqueness.
        valid: False = a build that failed or has not finished; the planner does not use it.
        definition: CREATE INDEX statement; "" while the table is locked exclusively.
        bytes: size on disk; None = not readable at this moment (the table is locked exclusively).
    """

    oid: int
    name: str
    columns: tuple[str | None, ...]
    expressions: tuple[str, ...] = ()
    included: tuple[str, ...] = ()
    predicate: str | None = None
    method: str = "btree"
    unique: bool = False
    valid: bool = True
    definition: str = ""
    bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """A relation that can be read in FROM.

    Attributes:
        kind: "partitioned" also for a partition that is itself partitioned (`parent_oid` is set); "partition" for a
            leaf, whether an ordinary or a foreign table.
        primary_key: columns of the primary key, () = none.
        unique: columns of each further unique constraint and of each valid unique index without expression or
            predicate.
        row_estimate: rows by the last ANALYZE or VACUUM, of all leaves together for a partitioned table; None = never
            analysed.
        total_bytes: table, TOAST and indexes, of all leaves together for a partitioned table; 0 for a view; None = not
            readable at this moment (the table is locked exclusively).
        parent_oid: the partitioned table, or the first table it inherits from.
        partition_key: e.g. "RANGE (at)".
        row_security: whether row level security is enabled.
        view_definition: SELECT of a view or materialized view; None for other kinds, and while one of the tables it
            reads is locked exclusively.
        extension: name of the extension that owns the relation.
    """

    oid: int
    schema: str
    name: str
    kind: TableKind
    comment: str | None = None
    columns: tuple[Column, ...] = ()
    primary_key: tuple[str, ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    row_estimate: int | None = None
    total_bytes: int | None = None
    parent_oid: int | None = None
    partition_key: str | None = None
    row_security: bool = False
    owner: str = ""
    view_definition: str | None = None
    extension: str | None = None

    def column(self, name: str) -> Column | None:
        """The column of exactly that name."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class EnumType:
    """An enum type with its labels in order."""

    oid: int
    schema: str
    name: str
    labels: tuple[str, ...]
    comment: str | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class DomainType:
    """A domain; `type_name` is the type it is made over."""

    oid: int
    schema: str
    name: str
    type_name: str
    not_null: bool = False
    default: str | None = None
    checks: tuple[Check, ...] = ()
    comment: str | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class CompositeType:
    """A stand-alone composite type; `attributes` are pairs of name and type."""

    oid: int
    schema: str
    name: str
    attributes: tuple[tuple[str, str], ...]
    comment: str | None = None
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, procedure or aggregate outside the system schemas.

    Attributes:
        arguments: as `pg_get_function_identity_arguments` writes them.
        result: as `pg_get_function_result` writes it; None for a procedure.
        language: e.g. "plpgsql".
        volatility: what its owner declared, which proves nothing about what it does.
        security_definer: whether it runs with its owner's rights.
    """

    oid: int
    schema: str
    name: str
    kind: FunctionKind
    arguments: str = ""
    result: str | None = None
    language: str = "sql"
    volatility: Literal["immutable", "stable", "volatile"] = "volatile"
    security_definer: bool = False
    comment: str | None = None
    owner: str = ""
    extension: str | None = None


@dataclass(frozen=True)
class Catalog:
    """The picture: relations, types and functions outside the system schemas and outside postai's own.

    Attributes:
        database: its name.
        server_version: as the server reports it, e.g. 150018.
        fingerprint: `fingerprint(db)` at the time of the picture.
        tables: ordered by schema and name.
        joins: joins beside the foreign keys; filled in by `with_joins`, not read from the system catalogs.
    """

    database: str
    server_version: int
    fingerprint: str
    tables: tuple[Table, ...] = ()
    enums: tuple[EnumType, ...] = ()
    domains: tuple[DomainType, ...] = ()
    composites: tuple[CompositeType, ...] = ()
    functions: tuple[Function, ...] = ()
    joins: tuple[KnownJoin, ...] = ()
    _by_name: dict[tuple[str, str], Table] = field(init=False, repr=False, compare=False)
    _by_oid: dict[int, Table] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {(table.schema, table.name): table for table in self.tables})
        object.__setattr__(self, "_by_oid", {table.oid: table for table in self.tables})

    def table(self, schema: str, name: str) -> Table | None:
        """The relation of exactly that schema and name."""
        return self._by_name.get((schema, name))

    def by_oid(self, oid: int) -> Table | None:
        """The relation with that oid."""
        return self._by_oid.get(oid)
