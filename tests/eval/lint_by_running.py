"""Runs every labelled case of the linter on filled tables and compares the labels with what PostgreSQL does.

    python tests/eval/lint_by_running.py [--major 15|18]

It says where a label and a measurement differ: a statement that fails without a label of that kind (or the other way
round), a table that is rewritten, a table that is read completely under a lock that others feel.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

from stand import stand

from conftest import make_database
from lint_cases import CASES, Case
from postai.sql.parse import parse

FAILS = {
    "cic_in_transaction", "cic_on_partitioned", "not_valid_unsupported_on_partitioned",
    "required_column_without_default", "enum_value_used_in_same_transaction", "dependent_view_blocks_change",
    "duplicate_column_assignment",
}  # fmt: skip
READS = {
    "set_not_null_scan", "check_scan", "fk_scan", "attach_partition_scan", "unique_build", "primary_key_build",
    "exclusion_build", "pk_using_nullable_index", "table_rewrite", "index_build_blocks_writes", "reindex_blocks",
    "domain_constraint_scan", "validate_in_same_transaction", "lock_held_across_statements",
    "matview_refresh_blocks_reads",
}  # fmt: skip
UNMEASURED = ("vacuum", "cluster", "reindex", "refresh", "truncate", "drop database")
"""Forms that refuse a transaction, or that write files for other reasons."""
STRONG = ["ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock"]
RELATIONS = """
    select c.oid, pg_relation_filenode(c.oid), c.relkind
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') and c.relkind in ('r', 'p', 'm')
"""
READ = "select relid, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables"


@dataclass
class Seen:
    """What the statements of one text did."""

    errors: list[str] = field(default_factory=list)
    rewritten: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)


def run(session: psycopg.Connection[Any], sql: str) -> Seen:
    """Run a text statement by statement; each that stands alone in a transaction of its own."""
    seen = Seen()
    rows = {oid: session.execute(f"select count(*) from {_name(session, oid)}").fetchone()[0]  # type: ignore[index, call-overload]
            for oid, _, kind in session.execute(RELATIONS).fetchall() if kind == "r"}  # fmt: skip
    for statement in parse(sql):
        if session.info.transaction_status == TransactionStatus.INERROR:
            session.execute("rollback")
            break
        if statement.statement_class in ("BEGIN", "START TRANSACTION", "COMMIT", "ROLLBACK"):
            session.execute(statement.sql)  # type: ignore[call-overload]
            continue
        alone = session.info.transaction_status == TransactionStatus.IDLE
        try:
            if alone:
                session.execute("begin")
            _watch(session, statement.sql, rows, seen)
            if alone:
                session.execute("commit")
        except psycopg.Error as error:
            if alone:
                session.execute("rollback")
            if alone and error.sqlstate == "25001":
                try:
                    session.execute(statement.sql)  # type: ignore[call-overload]
                    continue
                except psycopg.Error as second:
                    error = second
            seen.errors.append(f"{error.sqlstate} {error}".splitlines()[0])
    if session.info.transaction_status != TransactionStatus.IDLE:
        session.execute("rollback")
    return seen


def _name(session: psycopg.Connection[Any], oid: int) -> str:
    return str(session.execute("select %s::oid::regclass::text", (oid,)).fetchone()[0])  # type: ignore[index]


def _watch(session: psycopg.Connection[Any], sql: str, rows: dict[int, int], seen: Seen) -> None:
    files = {oid: node for oid, node, _ in session.execute(RELATIONS).fetchall()}
    before = dict(session.execute(READ).fetchall())
    session.execute(sql)  # type: ignore[call-overload]
    after = dict(session.execute(READ).fetchall())
    for oid, node, _ in session.execute(RELATIONS).fetchall():
        if oid in rows and oid in files and files[oid] != node:
            seen.rewritten.append(_name(session, oid))
    held = session.execute(
        "select count(*) from pg_locks where pid = pg_backend_pid() and relation = any(%s) and mode = any(%s)",
        ([oid for oid in rows], STRONG),
    ).fetchone()
    read = [oid for oid, count in rows.items() if count and after.get(oid, 0) - before.get(oid, 0) >= count]
    if held and held[0] and read:
        seen.read += [_name(session, oid) for oid in read]


def differences(case: Case, seen: Seen) -> Iterator[str]:
    """Where the labels and what was seen differ."""
    wanted = set(case.hazards.split())
    if bool(seen.errors) != bool(wanted & FAILS) and not case.sql.lower().startswith(UNMEASURED):
        yield f"errors {seen.errors}"
    if wanted & FAILS or case.sql.lower().startswith(UNMEASURED) or "herd" in case.sql:
        return
    if bool(seen.rewritten) != ("table_rewrite" in wanted):
        yield f"rewritten {seen.rewritten}"
    if bool(seen.read) != bool(wanted & READS) and "unbatched_backfill" not in wanted:
        yield f"read under a lock {seen.read}"


def main() -> int:
    """Check all cases; the number of differences is the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    major = parser.parse_args().major
    found = 0
    with stand(major) as place:
        database = make_database(place.server)
        for case in CASES:
            if case.pg not in (0, major):
                continue
            with database.connect() as session:
                session.execute(
                    "drop schema if exists old, new, zoo cascade; drop schema public cascade; create schema public"
                )
                for statement in case.setup:
                    session.execute(statement)  # type: ignore[call-overload]
                for difference in differences(case, run(session, case.sql)):
                    found += 1
                    print(f"{case.sql}\n    labelled {case.hazards or 'safe'}; {difference}")
    print(f"{found} differences")
    return min(found, 100)


if __name__ == "__main__":
    sys.exit(main())
