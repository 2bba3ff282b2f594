"""The plan that the server chooses now for somebody else's statement with unknown parameters; nothing is executed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from postai.database import Database
from postai.sql.definitions import same_definitions, unchanged
from postai.sql.guard import check
from postai.sql.nodes import highest_parameter
from postai.sql.parse import canonical, parse_one
from postai.sql.safety import Safety

STATEMENT_MS = 100
"""Longest planning of one statement."""
_GENERIC_PLAN_SINCE = 160000


def generic_plan(db: Database, statement: str, schemas: Sequence[str], safety: Safety) -> Any:
    """What EXPLAIN (FORMAT JSON) says, after the guard let the statement pass, in a transaction that can only read.

    Args:
        statement: text with $n, as pg_stat_statements keeps it.
        schemas: in which its names are looked up.
        safety: the guard's picture of the database.

    Raises:
        Refused: the guard does not let it pass.
        ServerError: the server cannot plan it (dropped table, no right, too slow).
        DefinitionsChanged: the picture is too old.
    """
    path = ("pg_catalog", *(one for one in schemas if one != "pg_catalog"))
    # Written back, because pg_stat_statements tells "interval $1", which the server does not read.
    sql = check(canonical(statement), safety, search_path=path).sql
    return _explain(db, sql, path, same_definitions(safety.definitions))


def _explain(db: Database, sql: str, path: Sequence[str], same: str) -> Any:
    most = highest_parameter(parse_one(sql).tree)
    with db.transaction():
        db.execute(
            "select pg_catalog.set_config('transaction_read_only', 'on', true),"
            " pg_catalog.set_config('statement_timeout', %s, true), pg_catalog.set_config('lock_timeout', %s, true),"
            " pg_catalog.set_config('plan_cache_mode', 'force_generic_plan', true),"
            " pg_catalog.set_config('search_path', %s, true)",
            (f"{STATEMENT_MS}ms", f"{STATEMENT_MS}ms", ", ".join(map(_quoted, path))),
        )
        if not most or db.server_version >= _GENERIC_PLAN_SINCE:
            generic = ", generic_plan" if most else ""
            return _plan(db, f"{same}; explain (format json{generic}) {sql}")
        db.execute(f"prepare postai_plan as {sql}")
        try:
            return _plan(db, f"{same}; explain (format json) execute postai_plan({', '.join(['null'] * most)})")
        finally:
            db.execute("deallocate postai_plan")


def _plan(db: Database, sql: str) -> Any:
    with db.transaction(), unchanged():  # a savepoint: no function ends the reading in it, and a failure ends there
        return db.query(sql)[-1][0]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
