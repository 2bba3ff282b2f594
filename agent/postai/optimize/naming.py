"""Names of new indexes, and the statements that build them on partitioned tables."""

from __future__ import annotations

from dataclasses import replace

from postai.database.catalog_types import Catalog, Table
from postai.database.identifiers import qualified, quote_ident
from postai.optimize.expressions import columns_in
from postai.optimize.types import IndexDefinition

LONGEST = 63

Taken = set[tuple[str, str]]
Steps = list[dict[str, str | None]]
"""As in `Recommendation.evidence["steps"]`."""


def taken_names(catalog: Catalog) -> Taken:
    """Schema and name of every relation and index."""
    names = {(table.schema, table.name) for table in catalog.tables}
    return names | {(table.schema, index.name) for table in catalog.tables for index in table.indexes}


def index_name(index: IndexDefinition, taken: Taken) -> str:
    """A readable name of at most 63 bytes that nothing in the schema has; it is taken from then on."""
    parts = [key.column or "_".join(sorted(columns_in(key.expression))) or "expr" for key in index.keys]
    method = [] if index.method == "btree" else [index.method]
    expression = ["expr"] if any(key.column is None for key in index.keys) else []
    tail = [*expression, *method, *(["partial"] if index.where else [])]
    body = "_".join([index.table, *parts])
    number = 1
    while True:
        end = "_" + "_".join([*tail, *([str(number)] if number > 1 else []), "idx"])
        name = body.encode()[: LONGEST - len(end.encode())].decode("utf-8", "ignore").rstrip("_") + end
        if (index.schema, name) not in taken:
            taken.add((index.schema, name))
            return name
        number += 1


def partition_steps(index: IndexDefinition, name: str, catalog: Catalog, taken: Taken) -> Steps | None:
    """How to build an index on a partitioned table without keeping writers out; None for other tables.

    CREATE INDEX CONCURRENTLY does not exist for partitioned tables: the index is built on every partition CONCURRENTLY,
    made on the parent ONLY, and attached. The partitions come first, so that a build that fails leaves no invalid index
    of the parent behind. Dropping the parent's index takes the attached ones with it.
    """
    table = catalog.by_oid(index.table_oid)
    if table is None or table.kind != "partitioned":
        return None
    builds, joins = _steps(table, index, name, catalog, taken)
    return [*builds, *joins]


def _steps(table: Table, index: IndexDefinition, name: str, catalog: Catalog, taken: Taken) -> tuple[Steps, Steps]:
    """The builds on partitions below a partitioned table, and what makes one index of them."""
    own = replace(index, schema=table.schema, table=table.name, table_oid=table.oid)
    place = qualified(table.schema, name)
    parent = f"CREATE INDEX {quote_ident(name)} ON ONLY {own.body().removeprefix('ON ')}"
    builds: Steps = []
    joins: Steps = []
    attached: Steps = [{"statement": parent, "undo": f"DROP INDEX IF EXISTS {place}"}]
    for child in catalog.tables:
        if child.parent_oid != table.oid:
            continue
        below = replace(index, schema=child.schema, table=child.name, table_oid=child.oid)
        inner = index_name(below, taken)
        if child.kind == "partitioned":
            deeper, joined = _steps(child, below, inner, catalog, taken)
            builds += deeper
            joins += joined
        else:
            builds.append({"statement": below.statement(inner), "undo": None})
        attach = f"ALTER INDEX {place} ATTACH PARTITION {qualified(child.schema, inner)}"
        attached.append({"statement": attach, "undo": None})
    return builds, [*joins, *attached]
