"""The sample database `store`: a web shop of about a million rows, made in SQL inside the server.

Every value is computed from its row number, and every date from `current_date`: two loads on the same day give the
same rows on every server. Everything lies in schema `public`; a plain role that owns the database can load it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import postgast

from postai.database import Database
from postai.database.named_sql import load as load_blocks
from postai.errors import UsageError

TABLES = (
    "categories",
    "suppliers",
    "products",
    "customers",
    "addresses",
    "coupons",
    "orders",
    "order_items",
    "payments",
    "warehouses",
    "shipments",
    "inventory",
    "reviews",
    "support_tickets",
    "sessions",
    "page_views",
)
_FILES = ("schema.sql", "data.sql", "constraints.sql", "comments.sql")


@dataclass(frozen=True)
class TableRows:
    """One table of the store.

    Attributes:
        name: its name in schema public.
        rows: exact number of rows.
        total_bytes: size with indexes and TOAST, of all partitions.
    """

    name: str
    rows: int
    total_bytes: int


def load(db: Database, on_step: Callable[[str], None]) -> None:
    """Create the store in one transaction, then vacuum and analyze it.

    Args:
        db: a session, outside a transaction, whose role may create in schema public.
        on_step: called with a few words before each step (fifteen to twenty-five steps, most below two seconds).

    Raises:
        UsageError: the database already holds a table of that name; nothing was changed.
        ServerError: a statement failed; nothing was changed.
    """
    taken = [name for name in (*TABLES, "monthly_revenue", "product_sales") if _exists(db, name)]
    if taken:
        raise UsageError(
            f"the database {db.name} already holds {len(taken)} of the tables of the sample store",
            detail=f"first one: public.{taken[0]}",
            hint="Load the store into a new, empty database.",
        )
    with db.transaction():
        for setting in (
            "statement_timeout = 0",
            "idle_in_transaction_session_timeout = 0",
            "search_path = public",
            "work_mem = '64MB'",
            "maintenance_work_mem = '128MB'",
            "synchronous_commit = off",
        ):
            db.execute(f"set local {setting}")
        for step, statements in _steps():
            on_step(f"store: {step}")
            for statement in statements:
                db.execute(statement)
    finish(db, on_step)


def finish(db: Database, on_step: Callable[[str], None]) -> None:
    """Vacuum and analyze a store whose rows are committed; `load` ends with it, unless it is interrupted."""
    on_step("store: vacuum and analyze")
    ((before,),) = db.query("select current_setting('statement_timeout')")
    db.execute("set statement_timeout = 0")
    try:
        # Not the sessions: their dead rows shall stay.
        db.execute(f"vacuum (analyze) {', '.join(name for name in TABLES if name != 'sessions')}, product_sales")
        db.execute("analyze sessions")
    finally:
        db.query("select set_config('statement_timeout', %s, false)", (before,))


def tables(db: Database) -> tuple[TableRows, ...]:
    """Count the rows of every table of a loaded store, in the order of `TABLES` (takes below a second)."""
    sizes = {
        str(name): int(size)
        for name, size in db.query(
            # The partition tree of a table that is not partitioned is empty.
            "select name, coalesce((select sum(pg_total_relation_size(relid)) from pg_partition_tree(relation)), "
            "pg_total_relation_size(relation)) "
            "from unnest(%s::text[]) as name, lateral (select ('public.' || name)::regclass as relation) as r",
            (list(TABLES),),
        )
    }
    counted = db.query(
        " union all ".join(f"select '{name}', count(*) from public.{name}" for name in TABLES)  # noqa: S608 - fixed names
    )
    rows = {str(name): int(count) for name, count in counted}
    return tuple(TableRows(name, rows[name], sizes[name]) for name in TABLES)


def _exists(db: Database, name: str) -> bool:
    return db.query("select to_regclass(%s) is not null", (f"public.{name}",)) == [(True,)]


def _steps() -> Iterator[tuple[str, list[str]]]:
    for file in _FILES:
        for name, block in load_blocks(__name__, file).items():
            yield name.replace("_", " "), postgast.split(block)
