"""What the index advisor's advice is worth: a workload is run on a copy of its database, before and after.

    python tests/benchmarks/bench_index_advisor.py --dsn DSN --workload FILE [--peer FILE] [--show] [--keep]

The database of the DSN is copied (CREATE DATABASE ... TEMPLATE: nobody may be connected to it), the advised statements
are run in the copy, and each reading statement is measured in both (EXPLAIN ANALYZE, the best of --repetitions), in
turn. --peer names a file that installs supabase/index_advisor's function index_advisor(text): what it advises for the
statements one by one is applied to a third copy, and measured in the same turns. Prints seconds a day, the number and
bytes of new indexes, seconds of advising (a process of its own, reading the catalog included), and violations:
statements that fail or repeat an index that is there.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import postgast
import psycopg
from psycopg import sql

from postai.database import connect
from postai.database.catalog import load_catalog
from postai.deadline import Deadline
from postai.optimize.advise import advise_indexes
from postai.optimize.types import AdvisorOptions, WorkloadStatement
from postai.optimize.workload import read_workload
from postai.sql.safety import load_safety

TIMEOUT_MS = 60000


@dataclass
class Stand:
    """A copy of the database with somebody's indexes."""

    name: str
    dsn: str
    indexes: int = 0
    bytes: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)
    ms: dict[str, float] = field(default_factory=dict)


def advise(dsn: str, workload: str, budget_mb: int | None) -> None:
    """Print the advice as JSON; runs in a process of its own."""
    with connect(dsn) as db:
        options = AdvisorOptions(budget_bytes=None if budget_mb is None else budget_mb << 20)
        advice = advise_indexes(
            db, load_catalog(db), load_safety(db), read_workload(workload), options, Deadline.after(60)
        )
    statements = [one.statement for one in advice.recommendations if one.statement]
    print(json.dumps({"statements": statements, "notes": advice.notes, "skipped": [repr(x) for x in advice.skipped]}))


def ours(dsn: str, path: str, budget_mb: int | None) -> tuple[list[str], float]:
    began = time.perf_counter()
    command = [sys.executable, __file__, "--advise", "--dsn", dsn, "--workload", path]
    if budget_mb is not None:
        command += ["--budget-mb", str(budget_mb)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - began
    found = json.loads(done.stdout)
    for line in (*found["notes"], *found["skipped"]):
        print(f"  note: {line}")
    return found["statements"], seconds


def peers(dsn: str, setup: str, statements: Sequence[WorkloadStatement]) -> tuple[list[str], float]:
    """What index_advisor() says of each statement, together."""
    began = time.perf_counter()
    found: dict[str, None] = {}
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
        connection.execute(setup)  # type: ignore[arg-type]
        for one in statements:
            rows = connection.execute("select index_statements, errors from index_advisor(%s)", (one.sql,)).fetchall()
            found.update(dict.fromkeys(statement for row in rows for statement in row[0] or ()))
    return list(found), time.perf_counter() - began


@contextmanager
def copy(dsn: str, label: str, keep: bool) -> Iterator[str]:
    """The DSN of a copy of the database."""
    name = f"{psycopg.conninfo.conninfo_to_dict(dsn)['dbname']}_{label}"
    server = psycopg.conninfo.make_conninfo(dsn, dbname="postgres")
    original = str(psycopg.conninfo.conninfo_to_dict(dsn)["dbname"])
    drop = sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name))
    with psycopg.connect(server, autocommit=True, prepare_threshold=None) as connection:
        connection.execute(drop)
        connection.execute(
            sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(original))
        )
    try:
        yield psycopg.conninfo.make_conninfo(dsn, dbname=name)
    finally:
        if not keep:
            with psycopg.connect(server, autocommit=True, prepare_threshold=None) as connection:
                connection.execute(drop)


def apply(stand: Stand, statements: Sequence[str]) -> None:
    """Run the advised statements in the copy; what fails or exists already is a violation."""
    with psycopg.connect(stand.dsn, autocommit=True, prepare_threshold=None) as connection:
        before = _definitions(connection)
        for statement in statements:
            try:
                connection.execute(statement.replace(" CONCURRENTLY", "", 1))  # type: ignore[arg-type]
            except psycopg.Error as error:
                stand.violations.append(f"{statement}: {error}")
        after = _definitions(connection)
        new = {name: one for name, one in after.items() if name not in before}
        bodies = [body for body, _ in after.values()]
        stand.violations += [f"duplicate: {body}" for body, _ in new.values() if bodies.count(body) > 1]
        stand.indexes, stand.bytes = len(new), sum(size for _, size in new.values())
        connection.execute("vacuum analyze")


def _definitions(connection: psycopg.Connection) -> dict[str, tuple[str, int]]:
    rows = connection.execute(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), pg_relation_size(i.indexrelid)"
        " from pg_index i join pg_class c on c.oid = i.indrelid where i.indexrelid >= 16384"
    ).fetchall()
    return {name: (re.sub(r"^CREATE (UNIQUE )?INDEX \S+ ", "", text), size) for name, text, size in rows}


def measure(stands: Sequence[Stand], statements: Sequence[WorkloadStatement], repetitions: int) -> None:
    """Time of each reading statement in each copy, statement by statement in turn."""
    connections = [psycopg.connect(one.dsn, autocommit=True, prepare_threshold=None) for one in stands]
    for connection in connections:
        connection.execute(f"set statement_timeout = {TIMEOUT_MS}")  # type: ignore[arg-type]
    for statement in statements:
        times: list[list[float]] = [[] for _ in stands]
        for values in statement.parameters or ((),):
            text = _inlined(statement.sql, values)
            best = [float("inf")] * len(stands)
            for _ in range(repetitions):
                for number, connection in enumerate(connections):
                    best[number] = min(best[number], _milliseconds(connection, text))
            for number, one in enumerate(best):
                times[number].append(one)
        for stand, some in zip(stands, times, strict=True):
            stand.ms[statement.id] = sum(some) / len(some)
    for connection in connections:
        connection.close()


def _milliseconds(connection: psycopg.Connection, text: str) -> float:
    try:
        row = connection.execute(f"explain (analyze, timing off, format json) {text}").fetchone()  # type: ignore[arg-type]
    except psycopg.errors.QueryCanceled:
        return float(TIMEOUT_MS)
    assert row is not None
    return float(row[0][0]["Execution Time"])


def _inlined(text: str, values: Sequence[str]) -> str:
    data = text.encode()
    for token in reversed(postgast.scan(text).tokens):
        if data[token.start : token.start + 1] == b"$" and data[token.start + 1 : token.end].isdigit():
            value = values[int(data[token.start + 1 : token.end]) - 1]
            data = data[: token.start] + value.encode() + data[token.end :]
    return data.decode()


def _reads(statement: WorkloadStatement) -> bool:
    return statement.sql.lstrip().lower().startswith(("select", "with"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--workload", required=True)
    parser.add_argument("--peer", help="SQL file that installs index_advisor(text)")
    parser.add_argument("--budget-mb", type=int)
    parser.add_argument("--repetitions", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="the statements, and the time of each query")
    parser.add_argument("--keep", action="store_true", help="do not drop the copies")
    parser.add_argument("--no-base", action="store_true", help="do not measure without new indexes")
    parser.add_argument("--advise", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    text = Path(given.workload).read_text("utf-8")
    if given.advise:
        advise(given.dsn, text, given.budget_mb)
        return 0
    statements, seconds = ours(given.dsn, given.workload, given.budget_mb)
    workload = [one for one in read_workload(text).statements if _reads(one)]
    stands = [] if given.no_base else [Stand("before", given.dsn)]
    with copy(given.dsn, "ours", given.keep) as own, copy(given.dsn, "peer", given.keep) as other:
        stands.append(Stand("postai", own, seconds=seconds))
        apply(stands[-1], statements)
        if given.peer:
            advised, took = peers(other, Path(given.peer).read_text("utf-8"), workload)
            stands.append(Stand("index_advisor", other, seconds=took))
            apply(stands[-1], advised)
        measure(stands, workload, given.repetitions)
    if given.show:
        print("\n".join(statements))
        for one in workload:
            print(f"  {one.id:8} {one.calls_per_day:9.0f}", *(f"{s.ms[one.id]:10.3f} ms" for s in stands),
                  f"{stands[-1].ms[one.id] * one.calls_per_day / 1000:9.1f} s/day")  # fmt: skip
    for stand in stands:
        day = sum(stand.ms[one.id] * one.calls_per_day for one in workload) / 1000
        print(f"{stand.name:14} {day:10.1f} s/day, {sum(stand.ms.values()) / 1000:8.2f} s once each, {stand.indexes} "
              f"new indexes of {stand.bytes / 1048576:.0f} MB, advised in {stand.seconds:.1f} s, "
              f"{len(stand.violations)} violations")  # fmt: skip
        for line in stand.violations:
            print(f"  {line}")
    return int(any(stand.violations for stand in stands if stand.name == "postai"))


if __name__ == "__main__":
    sys.exit(main())
