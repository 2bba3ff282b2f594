"""What foreign keys make the server ask when rows of the referenced table go or change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from postai.database.catalog_types import Catalog, ForeignKey, Table
from postai.database.identifiers import qualified, quote_ident
from postai.optimize.statements import Prepared
from postai.optimize.types import WorkloadStatement


def hidden_lookups(prepared: Iterable[Prepared], catalog: Catalog) -> Iterator[WorkloadStatement]:
    """The lookup in each referencing table, once for every row deleted or given another key.

    PostgreSQL runs them inside of the statement that writes, and indexes the referenced side only.
    """
    referencing: dict[int, list[tuple[Table, ForeignKey]]] = {}
    for table in catalog.tables:
        for key in table.foreign_keys:
            if table.kind in ("table", "partitioned"):
                referencing.setdefault(key.table_oid, []).append((table, key))
    for one in prepared:
        rows = one.origin.rows_per_call if one.origin.rows_per_call is not None else 1.0
        for write in one.writes:
            for table, key in referencing.get(write.table_oid, ()):
                changes = write.kind == "delete" or (
                    write.kind == "update" and {*key.referenced_columns} & write.columns
                )
                if changes and rows > 0:
                    yield WorkloadStatement(
                        f"{one.origin.id}, foreign key {key.name}", _lookup(table, key), one.origin.calls_per_day * rows
                    )


def _lookup(table: Table, key: ForeignKey) -> str:
    conditions = (f"{quote_ident(column)} = ${n}" for n, column in enumerate(key.columns, start=1))
    return f"SELECT 1 FROM {qualified(table.schema, table.name)} WHERE {' AND '.join(conditions)}"  # noqa: S608
