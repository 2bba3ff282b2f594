"""Space: tables to vacuum, settings with which autovacuum keeps up, bloat, compression, cold rows to archive.

Nothing here locks a table for long: VACUUM and REINDEX CONCURRENTLY work beside reads and writes, pg_repack is named as
a command for people, and VACUUM FULL is never proposed. Bloated indexes are told of by `postai.optimize.hygiene`.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from postai.database import Database, Row
from postai.database.amounts import bytes_text
from postai.database.named_sql import load
from postai.database.upkeep import (
    TableSpace,
    VacuumState,
    autovacuum_statements,
    counted_since,
    looking,
    table_space,
    vacuum_state,
)
from postai.deadline import Deadline
from postai.optimize.storage_archive import Cold, archive_steps
from postai.optimize.types import Recommendation, Severity

GB = 1 << 30
OWNERS_REPACK = (1, 5, 2)
"""Version of pg_repack from which on the owner of a table may run it."""


@dataclass(frozen=True)
class StorageOptions:
    """From where on space is worth a word.

    Attributes:
        price_per_gb_month: setting of that name.
        least_bytes: smaller tables, and less bloat, are left alone.
        dead_percent: share of dead rows from which a vacuum is proposed.
        bloat_percent: share of space that the rows do not need, from which a table should be written anew.
        late_seconds: without a vacuum for so long, and with twice the dead rows that should start autovacuum, a table
            gets settings of its own.
        updates: updates since the counters began, below which fillfactor is not judged.
        toast_bytes: size of values stored apart, from which their compression is judged.
        archive_bytes: size of a table from which its old rows are looked at.
        archive_days: rows younger than this are never archived.
        archive_percent: share of older rows below which it is not worth it.
        batch_rows: rows moved by one statement, about.
    """

    price_per_gb_month: float = 0.10
    least_bytes: int = 1 << 20
    dead_percent: float = 15.0
    bloat_percent: float = 30.0
    late_seconds: float = 3600.0
    updates: int = 100_000
    toast_bytes: int = 256 << 20
    archive_bytes: int = 1 << 30
    archive_days: float = 730.0
    archive_percent: float = 30.0
    batch_rows: int = 50_000

    def money(self, size: float) -> str:
        """What so many bytes cost."""
        return f"{size / GB * self.price_per_gb_month:,.2f} a month"


@dataclass(frozen=True)
class _Server:
    lz4: bool
    compression: str
    pg_repack: str | None
    database: str
    days: float


def advise_storage(
    db: Database, deadline: Deadline, options: StorageOptions | None = None
) -> tuple[Recommendation, ...]:
    """What to do about the space of a database.

    Args:
        db: a session outside a transaction.
        deadline: when the looking must end.

    Returns:
        recommendations, by kind, the biggest first.

    Raises:
        DeadlineExceeded, Cancelled: the time was over.
        ServerError: a table was locked at that moment, or a look took too long.
    """
    options = options or StorageOptions()
    sql = load(__package__, "storage.sql")
    with looking(db, deadline):
        server = _Server(*(*db.query(sql["server"])[0], max(counted_since(db)[1] / 86400, 0.001)))
        tables = [one for one in table_space(db) if one.bytes >= options.least_bytes]
        states = vacuum_state(db)
    with looking(db, deadline):
        moved = "pg_stat_get_tuples_newpage_updated(c.oid)" if db.server_version >= 160000 else "null::int8"
        updated = db.query(sql["updates"].replace("/* moved */ null::int8", moved), [options.updates])
        toasted = db.query(sql["toasted"], [options.toast_bytes])
        unlogged = db.query(sql["unlogged"])
    with looking(db, deadline):
        db.query(sql["utc"])
        cold = [Cold(*row) for row in db.query(sql["cold"], [options.archive_bytes])]
    found = [_vacuum(one, options) for one in tables if one.dead_percent >= options.dead_percent]
    found += [_autovacuum(one) for one in states if one.late(options.late_seconds)]
    found += [_repack(one, server, options) for one in tables if _bloated(one, options)]
    found += [one for row in updated if (one := _fillfactor(row, server)) is not None]
    found += [one for row in toasted if row[2] and (one := _compression(row, server)) is not None]
    found += [_unlogged(row) for row in unlogged]
    found += [advice for one in cold if (advice := _archive(one, options)) is not None]
    return tuple(found)


def _vacuum(table: TableSpace, options: StorageOptions) -> Recommendation:
    freed = round(table.bytes * table.dead_percent / 100)
    return Recommendation(
        kind="vacuum",
        object=table.name,
        title=f"Vacuum {table.name}: {table.dead_percent:.0f} % of its rows are dead",
        why=f"{table.dead:,} rows of {table.name} are dead ({table.rows:,.0f} live). Scans read them and indexes point "
        f"to them; VACUUM makes about {bytes_text(freed)} usable again ({options.money(freed)}), beside reads and "
        "writes. It does not shrink the file, but the table need not grow.",
        statement=f"VACUUM (ANALYZE) {table.name}",
        severity=_severity(freed),
        evidence={
            "table_bytes": table.bytes, "dead_rows": table.dead, "live_rows": table.rows, "reusable_bytes": freed,
            "price_month": round(freed / GB * options.price_per_gb_month, 4),
        },
    )  # fmt: skip


def _autovacuum(state: VacuumState) -> Recommendation:
    statement, undo = autovacuum_statements(state)
    if state.enabled:
        earlier = "begins earlier and " if "scale_factor" in statement else ""
        fixed = "" if state.scale else ", a fixed number however big it grows (its scale factor is 0)"
        why = (
            f"{state.name} has {state.dead:,} dead rows, and autovacuum should begin at {state.threshold:,.0f}{fixed}; "
            f"{state.last}. With these settings it {earlier}works faster here. Dead rows that an old "
            "transaction may still see stay all the same."
        )
    else:
        why = (
            f"Autovacuum is switched off for {state.name}, which has {state.dead:,} dead rows and {state.live:,} live "
            f"ones; {state.last}. Its statistics grow old too."
        )
    return Recommendation(
        kind="autovacuum",
        object=state.name,
        title=f"{'Let autovacuum keep up with' if state.enabled else 'Switch autovacuum on for'} {state.name}",
        why=why,
        statement=statement,
        undo=undo,
        severity="MEDIUM" if state.bytes >= GB or not state.enabled else "LOW",
        evidence={
            "dead_rows": state.dead, "threshold": round(state.threshold), "seconds_since_vacuum": state.seconds,
            "options": dict(state.options),
        },
    )  # fmt: skip


def _bloated(table: TableSpace, options: StorageOptions) -> bool:
    """Whether much is empty besides what a vacuum makes usable again."""
    left = (table.bloat_bytes or 0) - table.bytes * table.dead_percent / 100
    return left >= options.least_bytes and 100 * left / max(table.bytes, 1) >= options.bloat_percent


def _repack(table: TableSpace, server: _Server, options: StorageOptions) -> Recommendation:
    bloat = table.bloat_bytes or 0
    command = f"pg_repack --dbname={shlex.quote(server.database)} --table={shlex.quote(table.name)}"
    how = (
        f"Run: {command} (it needs a primary key or a unique index, and the space of a second table meanwhile)"
        f" {_repacker(server.pg_repack)}."
        if server.pg_repack is not None
        else "New rows fill that space in time; pg_repack, once installed, gives it back to the disk without blocking."
    )
    return Recommendation(
        kind="repack",
        object=table.name,
        title=f"{table.bloat_percent:.0f} % of {table.name} hold nothing",
        why=f"About {bytes_text(bloat)} of {bytes_text(table.bytes)} are not needed by the rows of {table.name} "
        f"(estimated from the widths of its columns): {options.money(bloat)}, and every scan reads it. {how} "
        "VACUUM FULL would lock the table for as long as it runs.",
        statement="",
        bytes=-bloat,
        severity=_severity(bloat),
        evidence={
            "table_bytes": table.bytes, "bloat_bytes": bloat, "command": None if server.pg_repack is None else command,
            "price_month": round(bloat / GB * options.price_per_gb_month, 4),
        },
    )  # fmt: skip


def _repacker(version: str) -> str:
    """Who may run pg_repack: its functions want a superuser before 1.5.2, and from then on the owner of the table.

    Source: pg_repack's change log and pull request 431. Cut off half way, by a right that is missing too, it leaves a
    trigger on the table; so the agent, which is no superuser, leaves it to people.
    """
    numbers = tuple(int(part) for part in version.split(".") if part.isdigit())
    if numbers < OWNERS_REPACK:
        return f"as a superuser, which pg_repack {version} asks for and postai never is"
    return "as a superuser, or with --no-superuser-check as the owner of the table"


def _fillfactor(row: Row, server: _Server) -> Recommendation | None:
    """Room on the page makes updates HOT, unless they change an indexed column; from 16 on that can be told apart."""
    name, updates, hot, moved, fillfactor, size = row
    if fillfactor < 100 or (moved is not None and moved < 0.3 * updates):
        return None
    known = (
        f"{moved:,} of them went to another page because there was no room"
        if moved is not None
        else "if they change no indexed column, that is because the pages have no room (the server tells from "
        "PostgreSQL 16 on)"
    )
    return Recommendation(
        kind="fillfactor",
        object=name,
        title=f"Leave room for updates in {name}: {100 * hot / updates:.0f} % of them are HOT",
        why=f"Of {updates:,} updates of {name} in {server.days:.1f} days {hot:,} were HOT; {known}. An update that is "
        "not HOT writes an entry into every index. With a fillfactor of 85 new pages keep room for new versions of "
        "their rows (pages that are there are filled that way when the table is written anew); the table takes up to "
        "an eighth more space.",
        statement=f"ALTER TABLE {name} SET (fillfactor = 85)" if moved is not None else "",
        undo=f"ALTER TABLE {name} RESET (fillfactor)" if moved is not None else None,
        bytes=round(size * 0.15),
        evidence={"updates": updates, "hot_updates": hot, "moved": moved, "days": round(server.days, 2)},
    )


def _compression(row: Row, server: _Server) -> Recommendation | None:
    name, size, columns = row
    method = "lz4" if server.lz4 else "pglz"
    changes, undo, plain = [], [], []
    for column, storage, compression in columns:
        if storage == "e":
            changes.append(f"ALTER COLUMN {column} SET STORAGE EXTENDED")
            undo.append(f"ALTER COLUMN {column} SET STORAGE EXTERNAL")
            plain.append(column)
        if server.lz4:
            changes.append(f"ALTER COLUMN {column} SET COMPRESSION lz4")
            undo.append(f"ALTER COLUMN {column} SET COMPRESSION {'pglz' if compression == 'p' else 'default'}")
    if not changes:
        return None
    why = f"{name} keeps {bytes_text(size)} of big values apart (TOAST). "
    if plain:
        why += (
            f"{', '.join(plain)} are not compressed at all (storage EXTERNAL); text usually shrinks by half or more. "
        )
    if server.lz4:
        why += "lz4 packs and unpacks several times faster than pglz, at about the same size. "
    why += "Values that are there stay as they are until their row is written anew."
    saved = size // 2 if plain else 0
    return Recommendation(
        kind="compression",
        object=name,
        title=f"Compress big values of {name} with {method}",
        why=why,
        statement=f"ALTER TABLE {name} {', '.join(changes)}",
        undo=f"ALTER TABLE {name} {', '.join(undo)}",
        bytes=-saved,
        severity=_severity(saved),
        evidence={"toast_bytes": size, "columns": columns, "default_toast_compression": server.compression},
    )


def _unlogged(row: Row) -> Recommendation:
    name, size, rows = row
    return Recommendation(
        kind="unlogged",
        object=name,
        title=f"A crash would empty {name}",
        why=f"{name} is unlogged: its {rows:,} rows ({bytes_text(size)}) are gone after a crash, and on no standby. "
        f"If they matter: ALTER TABLE {name} SET LOGGED; that writes the table to the log and locks it meanwhile.",
        statement="",
        evidence={"rows": rows, "table_bytes": size},
    )


def _archive(table: Cold, options: StorageOptions) -> Recommendation | None:
    plan = archive_steps(table, options.archive_days, options.batch_rows)
    if plan is None or plan.percent < options.archive_percent:
        return None
    old = round((table.bytes + table.index_bytes) * plan.percent / 100)
    return Recommendation(
        kind="archive",
        object=table.name,
        title=f"Move rows of {table.name} from before {plan.until} to an archive",
        why=f"{plan.percent:.0f} % of the rows of {table.name} are from before {plan.until} by {table.column}, and "
        "rows are hardly ever changed or deleted there. Whether somebody still reads them cannot be seen from counters "
        f"({table.seq_scans:,} scans of the whole table were counted): ask before. They are moved to {table.archive} "
        f"in {len(plan.steps) - 2} batches, each a transaction of its own; the table and its indexes can then shrink "
        f"by about {bytes_text(old)} ({options.money(old)}, if the archive is kept elsewhere). Queries no longer find "
        "these rows in the table.",
        statement=plan.steps[0]["statement"] or "",
        undo=plan.steps[0]["undo"],
        bytes=-round(table.index_bytes * plan.percent / 100),
        evidence={
            "steps": list(plan.steps), "percent": round(plan.percent, 1), "column": table.column,
            "table_bytes": table.bytes, "index_bytes": table.index_bytes, "movable_bytes": old,
            "price_month": round(old / GB * options.price_per_gb_month, 4),
        },
    )  # fmt: skip


def _severity(size: int) -> Severity:
    return "HIGH" if size >= 10 * GB else "MEDIUM" if size >= GB else "LOW"
