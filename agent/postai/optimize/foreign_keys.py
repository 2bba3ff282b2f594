"""What foreign keys make the server ask when rows of the referenced table go or change, and the indexes they lack."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from postai.database import Database
from postai.database.amounts import bytes_text
from postai.database.catalog_types import Catalog, ForeignKey, Table
from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.database.named_sql import load
from postai.database.upkeep import counted_since, leaving_out_held, looking
from postai.deadline import Deadline
from postai.optimize.naming import Steps, index_name, partition_steps, taken_names
from postai.optimize.statements import Prepared
from postai.optimize.types import IndexDefinition, IndexKey, Recommendation, WorkloadStatement
from postai.proposals.index_work import leading_key

LEAST_ROWS, LEAST_PAGES = 10_000, 128
"""Size of a table from which reading all of it for one deleted row of another table is worth a word."""
BUSY = 0.1
"""Share of its rows that may be written in a day where nothing was ever deleted from the referenced table."""
MOST_KEYS = 200
MOST_ADVICE = 20
WRITE_MS = 0.005
"""Time that keeping an index up takes for one row."""
ENTRY_BYTES = 24
"""Of one row in a B-tree, about, before equal keys are stored once."""


@dataclass(frozen=True, slots=True)
class BigKey:
    """A foreign key of a big table.

    Attributes:
        table, referenced: qualified and quoted; `columns` plain.
        written: rows inserted, or updated with new index entries, since the counters began.
        deleted: rows deleted from the referenced table since then.
        covered_by: valid indexes that begin with its columns and have all rows in which these are not null, qualified
            and quoted.
    """

    table_oid: int
    table: str
    name: str
    columns: Sequence[str]
    referenced: str
    rows: float
    written: float
    deleted: float
    covered_by: Sequence[str]


def big_keys(db: Database, deadline: Deadline) -> tuple[tuple[BigKey, ...], float]:
    """The foreign keys of big tables, and the days for which was counted.

    Args:
        db: a session outside a transaction.
    """
    with looking(db, deadline):
        big = leaving_out_held(load(__package__, "foreign_keys.sql")["big"])
        rows = db.query(big, [LEAST_PAGES, LEAST_ROWS, MOST_KEYS])
        return tuple(BigKey(*row) for row in rows), max(counted_since(db)[1] / 86400, 1.0)


def needed(keys: Iterable[BigKey], dropped: Iterable[str]) -> frozenset[str]:
    """Those of the indexes to drop without which a foreign key of a big table would have none."""
    going = frozenset(dropped)
    return frozenset(name for key in keys if {*key.covered_by} <= going for name in key.covered_by)


def with_foreign_keys(
    db: Database, catalog: Catalog, found: Sequence[Recommendation], deadline: Deadline
) -> list[Recommendation]:
    """Recommendations with indexes for foreign keys, and without the drops of unused ones that these would bring back.

    Args:
        db: a session outside a transaction.
        found: what is recommended already.

    Raises:
        DeadlineExceeded, Cancelled, ServerError: as `looking`.
    """
    keys, days = big_keys(db, deadline)
    unused = {one.object for one in found if one.kind == "drop_index" and not _substituted(one)}
    kept = needed(keys, unused)
    rest = [one for one in found if one.kind != "drop_index" or one.object not in kept]
    return rest + advise_foreign_keys(keys, days, catalog, rest)


def _substituted(drop: Recommendation) -> bool:
    """Whether another index does the work of the one to drop."""
    return bool(drop.evidence.get("covered_by") or drop.evidence.get("replaced_by"))


def advise_foreign_keys(
    keys: Iterable[BigKey], days: float, catalog: Catalog, others: Sequence[Recommendation]
) -> list[Recommendation]:
    """Indexes for the foreign keys of big tables that have none, though no statement asked for them yet.

    Left out is what another recommendation begins with, and a table that is written to a lot while nothing was ever
    deleted from the referenced one: there the index would cost every day and earn nothing.

    Args:
        days: for which writes were counted.
        others: what is recommended already.
    """
    taken = taken_names(catalog)
    begun = {(one.object, leading_key(one.statement)) for one in others if one.kind == "create_index"}
    advice: list[Recommendation] = []
    for key in keys:
        table = catalog.by_oid(key.table_oid)
        busy = not key.deleted and key.written / days > BUSY * key.rows
        if table is None or key.covered_by or busy:
            continue
        first = f"btree ({quote_ident(key.columns[0])})"
        if (key.table, first) in begun or len(advice) >= MOST_ADVICE:
            continue
        begun.add((key.table, first))
        keyed = tuple(IndexKey(quote_ident(column), column) for column in key.columns)
        index = IndexDefinition(table.schema, table.name, table.oid, keyed)
        name = index_name(index, taken)
        advice.append(_advice(key, index, name, partition_steps(index, name, catalog, taken), days))
    return advice


def _advice(key: BigKey, index: IndexDefinition, name: str, steps: Steps | None, days: float) -> Recommendation:
    place = qualified(index.schema, name)
    columns = ", ".join(one.expression for one in index.keys)
    size = round(key.rows * ENTRY_BYTES)
    evidence = {"foreign_key": key.name, "table_rows": round(key.rows), "referenced": key.referenced,
                "rows_deleted_there": round(key.deleted)}  # fmt: skip
    deleted = f"{key.deleted:,.0f} rows were deleted there" if key.deleted else "nothing was deleted there"
    return Recommendation(
        kind="create_index",
        object=key.table,
        title=f"Index {index.table} ({columns}): its foreign key has none"[:200],
        why=f"{key.table} has about {key.rows:,.0f} rows, and no index begins with the columns of its foreign key "
        f"{key.name}: a delete of one row of {key.referenced}, or another key for it, reads them all; joins on it do "
        f"too. Since the counters began {deleted}, so what it saves is not known. It takes about {bytes_text(size)}.",
        statement=index.statement(name, concurrently=steps is None),
        undo=f"DROP INDEX {'' if steps else 'CONCURRENTLY '}{place}",
        comment=f"COMMENT ON INDEX {place} IS {quote_literal(f'Made for foreign key {key.name}.').strip()}",
        write_ms_per_day=key.written / days * WRITE_MS,
        bytes=size,
        severity="LOW",
        estimated_by="catalog",
        evidence=evidence if steps is None else {**evidence, "steps": steps},
    )


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
