"""Checks of space and vacuum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from postai.database import Database
from postai.database.amounts import bytes_text
from postai.database.named_sql import load
from postai.database.upkeep import (
    TableSpace,
    VacuumState,
    autovacuum_statements,
    index_space,
    table_space,
    vacuum_state,
)
from postai.deadline import Deadline
from postai.observe.health.check import MANUAL, Check, Facts, Look, Seen, Status

FILE = "space"
LEAST_BYTES = 4 << 20
"""Bloat below this is nobody's trouble."""
SPACE_PERCENT = 30
"""Space that is not needed, from which it is a trouble: autovacuum itself leaves up to a fifth to be used again."""
EXACT_TABLES = 3
EXACT_BYTES = 1 << 30
"""So many tables up to this size are measured with pgstattuple_approx, which may have to read all of one."""
DAY = 86400.0


def table_bloat(db: Database, facts: Facts, _: Deadline) -> Sequence[Seen]:
    """Dead rows by the counters, and space that the rows do not need by the estimate, or exactly."""
    tables = [one for one in table_space(db) if one.bytes >= LEAST_BYTES]
    if facts.pgstattuple:
        tables = exact(db, tables, facts.pgstattuple)
    hidden = [one for one in tables if one.bloat_bytes is None]
    seen = [
        _bloated(one)
        for one in tables
        if _wasted(one) >= LEAST_BYTES or one.dead_percent * one.bytes / 100 >= LEAST_BYTES
    ]
    if hidden:
        first = f"the statistics of {len(hidden)} tables are not visible or not there, the biggest is {hidden[0].name}"
        fix = "" if hidden[0].readable else f"GRANT SELECT ON {hidden[0].name} TO {facts.role}"
        seen.append(Seen("", 0.0, f"only their dead rows are known: {first}", fix, "unknown"))
    return seen


def exact(db: Database, tables: Sequence[TableSpace], schema: str) -> list[TableSpace]:
    """The tables, those with most bloat measured with pgstattuple_approx.

    Args:
        schema: of the extension, quoted.
    """
    worst = sorted((one for one in tables if one.bytes <= EXACT_BYTES), key=_wasted, reverse=True)[:EXACT_TABLES]
    block = load(__package__, "space.sql")["pgstattuple"].replace("/* schema */", schema)
    measured = {one.oid: int(db.query(block, [one.oid])[0][0]) for one in worst}
    return [
        replace(one, bloat_bytes=measured[one.oid], method="pgstattuple_approx") if one.oid in measured else one
        for one in tables
    ]


def _wasted(table: TableSpace) -> int:
    return table.bloat_bytes or 0


def _bloated(table: TableSpace) -> Seen:
    bloat = table.bloat_percent or 0.0
    level: Status | None = "warning" if bloat >= SPACE_PERCENT and _wasted(table) >= LEAST_BYTES else None
    parts = [f"{table.dead_percent:.0f} % of the rows are dead"] if table.dead_percent >= 1 else []
    if table.bloat_bytes is not None:
        word = "measured" if table.method == "pgstattuple_approx" else "estimated"
        parts.append(f"{bytes_text(table.bloat_bytes)} of {bytes_text(table.bytes)} hold nothing needed ({word})")
    vacuum = table.dead_percent >= 5
    fix = f"VACUUM (ANALYZE) {table.name}" if vacuum else ""
    return Seen(table.name, max(table.dead_percent, bloat if level else 0.0), ", ".join(parts), fix, level)


def index_bloat(db: Database, facts: Facts, _: Deadline) -> Sequence[Seen]:
    """B-trees that are much bigger than they would be if they were built anew."""
    indexes = [one for one in index_space(db) if one.bytes >= LEAST_BYTES]
    seen = [
        Seen(
            one.name,
            one.bloat_percent or 0.0,
            f"{bytes_text(one.bloat_bytes)} of {bytes_text(one.bytes)} too much (estimated)",
            f"REINDEX INDEX CONCURRENTLY {one.name}",
        )
        for one in indexes
        if one.bloat_bytes is not None and one.bloat_bytes >= LEAST_BYTES
    ]
    hidden = [one for one in indexes if one.bloat_bytes is None]
    if hidden:
        text = f"statistics for {len(hidden)} indexes are not visible or not there, the biggest is {hidden[0].name}"
        fix = "" if hidden[0].readable else f"GRANT SELECT ON {hidden[0].table} TO {facts.role}"
        seen.append(Seen("", 0.0, text, fix, "unknown"))
    return seen


def autovacuum(db: Database, facts: Facts, _: Deadline) -> Sequence[Seen]:
    """Tables with which autovacuum is late, and how many of its workers are busy."""
    seen = [_late(one) for one in vacuum_state(db)]
    if facts.monitors:
        busy, workers = db.query(load(__package__, "space.sql")["autovacuum_workers"])[0]
        if busy >= workers and any(one.level for one in seen):
            fix = f"ALTER SYSTEM SET autovacuum_max_workers = {2 * workers}"
            seen.insert(0, Seen("autovacuum", 0.0, f"all {workers} workers are busy", fix, "warning"))
    return seen


def _late(state: VacuumState) -> Seen:
    level: Status | None = None
    times = state.dead / max(state.threshold, 1.0)
    if not state.enabled:
        level, text = "warning", f"autovacuum is switched off; {state.dead:,} dead rows"
    else:
        text = f"{state.dead:,} dead rows, {state.threshold:,.0f} should start autovacuum; {state.last}"
        if state.late():
            level = "critical" if times >= 10 and state.seconds > DAY else "warning"
    fix = f"{autovacuum_statements(state)[0]};\nVACUUM (ANALYZE) {state.name}"
    return Seen(state.name, times, text, fix, level)


def frozen(age: str, column: str, setting: str, ids: str) -> Look:
    """Looks how many ids are in use.

    Args:
        age: the function that says how old an id is; column: of pg_class and pg_database, without its beginning.
        setting: at what age autovacuum freezes whatever else; ids: what they are called.
    """

    def look(db: Database, _: Facts, __: Deadline) -> Sequence[Seen]:
        block = load(__package__, "space.sql")["frozen"]
        for word, text in {"{age}": age, "{column}": column, "{setting}": setting, "{ids}": ids}.items():
            block = block.replace(word, text)
        return [Seen(*row) for row in db.query(block)]

    return look


def cached(name: str, kinds: Sequence[str]) -> Look:
    """Looks how many blocks were in memory; kinds: of pg_class.relkind."""

    def look(db: Database, _: Facts, __: Deadline) -> Sequence[Seen]:
        return [Seen(*row) for row in db.query(load(__package__, "space.sql")["cache"], [name, list(kinds)])]

    return look


SPACE: tuple[Check, ...] = (
    Check(
        id="table_bloat",
        title="Table bloat",
        why="Dead rows and empty pages are read and cached with the live ones, so every scan takes longer.",
        fix="VACUUM makes the space of dead rows usable again; where much of a table is empty afterwards, pg_repack "
        "gives it back to the disk without blocking. VACUUM FULL locks the table for as long as it runs.",
        docs=f"{MANUAL}routine-vacuuming.html#VACUUM-FOR-SPACE-RECOVERY",
        unit="percent",
        warning=15,
        rule="share of dead rows; also a warning from 30 % of space that the rows do not need; less than 4 MB is left "
        "out",
        look=table_bloat,
    ),
    Check(
        id="index_bloat",
        title="Index bloat",
        why="A bloated index takes more memory and more reads for the same entries.",
        fix="REINDEX CONCURRENTLY builds it anew while it is in use; it needs the space of a second one meanwhile.",
        docs=f"{MANUAL}routine-reindex.html",
        unit="percent",
        warning=40,
        rule="B-trees only; less than 4 MB is left out",
        look=index_bloat,
    ),
    Check(
        id="autovacuum",
        title="Autovacuum keeps up",
        why="Rows that were updated or deleted stay until a vacuum removes them; where it comes too late, tables and "
        "indexes grow and do not shrink again.",
        fix="Let autovacuum come earlier to this table, and vacuum it now. If it came and dead rows are left, an old "
        "transaction, prepared transaction or replication slot holds them.",
        docs=f"{MANUAL}routine-vacuuming.html#AUTOVACUUM",
        unit="count",
        rule="warning when a table has twice the dead rows that should start autovacuum and no vacuum for an hour, or "
        "when it is switched off for a table; critical with ten times as many and no vacuum for a day",
        look=autovacuum,
    ),
    Check(
        id="transaction_ids",
        title="Transaction id wraparound",
        why="When 2^31 transaction ids are in use the server refuses to write, so old rows must be frozen by vacuum.",
        fix="Vacuum the oldest tables first; end old transactions, prepared transactions and unused replication slots, "
        "which hold it back. In another database connect there.",
        docs=f"{MANUAL}routine-vacuuming.html#VACUUM-FOR-WRAPAROUND",
        unit="percent",
        warning=40,
        critical=75,
        rule="share of 2^31; also a warning from twice autovacuum_freeze_max_age",
        look=frozen("age", "frozenxid", "autovacuum_freeze_max_age", "transactions"),
    ),
    Check(
        id="multixacts",
        title="Multixact id wraparound",
        why="When 2^31 multixact ids are in use the server refuses to lock rows for several transactions.",
        fix="Vacuum the oldest tables first; end old transactions, which hold it back. In another database connect "
        "there.",
        docs=f"{MANUAL}routine-vacuuming.html#VACUUM-FOR-MULTIXACT-WRAPAROUND",
        unit="percent",
        warning=40,
        critical=75,
        rule="share of 2^31; also a warning from twice autovacuum_multixact_freeze_max_age",
        look=frozen("mxid_age", "minmxid", "autovacuum_multixact_freeze_max_age", "multixacts"),
    ),
    Check(
        id="table_cache",
        title="Cache hit rate of tables",
        why="Blocks that are not in shared buffers come from the operating system or the disk.",
        fix="Look for statements that read whole tables (an index may help), then think of more shared_buffers.",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STATIO-ALL-TABLES-VIEW",
        unit="percent",
        warning=90,
        below=True,
        rule="since the statistics were reset; fewer than 100,000 blocks are not judged",
        look=cached("tables", ("r", "m", "t")),
    ),
    Check(
        id="index_cache",
        title="Cache hit rate of indexes",
        why="Indexes that do not fit in memory make every look-up wait for the disk.",
        fix="Drop unused indexes and rebuild bloated ones, then think of more shared_buffers.",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STATIO-ALL-INDEXES-VIEW",
        unit="percent",
        warning=95,
        below=True,
        rule="since the statistics were reset; fewer than 100,000 blocks are not judged",
        look=cached("indexes", ("i",)),
    ),
    Check(
        id="temporary_files",
        title="Temporary files",
        why="Sorts and hashes that do not fit in work_mem go through the disk.",
        fix="Find the statements that write them (log_temp_files) and raise work_mem for the roles that run them.",
        docs=f"{MANUAL}runtime-config-resource.html#GUC-WORK-MEM",
        unit="bytes",
        warning=20 << 30,
        rule="bytes a day",
        file=FILE,
    ),
)
