"""Checks of the server: replication, checkpoints, settings."""

from __future__ import annotations

from postai.observe.health.check import MANUAL, Check
from postai.observe.health.checks_io import INPUT_OUTPUT

FILE = "server"

SERVER: tuple[Check, ...] = (
    Check(
        id="replication_lag",
        title="Replication lag",
        why="Queries on a standby see old rows, and a fail-over loses what it did not receive.",
        fix="Look at the network and at the load of the standby; long queries there may hold replay back.",
        docs=f"{MANUAL}monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW",
        unit="seconds",
        warning=60,
        critical=600,
        rule="also a warning from 256 MB behind, critical from 4 GB",
        file=FILE,
        monitor=True,
    ),
    Check(
        id="replication_slots",
        title="Replication slots",
        why="A slot that nobody reads keeps write-ahead log until the disk is full, and may keep dead rows.",
        fix="Start its reader again, or drop the slot; max_slot_wal_keep_size limits what a slot may hold.",
        docs=f"{MANUAL}view-pg-replication-slots.html",
        unit="bytes",
        rule="warning when a slot is not in use or holds more than 4 x max_wal_size; critical when it is not in use "
        "and holds more than 10 x max_wal_size, or when WAL it needs is gone or about to go",
        file=FILE,
    ),
    Check(
        id="checkpoints",
        title="Requested checkpoints",
        why="When checkpoints come because max_wal_size is reached, blocks are written more often, and each again in "
        "full to the log.",
        fix="Raise max_wal_size; SELECT pg_reload_conf() makes it hold.",
        docs=f"{MANUAL}wal-configuration.html",
        unit="percent",
        warning=50,
        rule="since the statistics were reset; fewer than 20 checkpoints are not judged",
        file=FILE,
    ),
    INPUT_OUTPUT,
    Check(
        id="wal_archiving",
        title="WAL archiving",
        why="What is not archived cannot be restored to, and stays on the server's disk until it is full.",
        fix="Read the server's log for the errors of archive_command or archive_library.",
        docs=f"{MANUAL}continuous-archiving.html",
        unit="seconds",
        critical=3600,
        rule="warning when the last attempt failed; the value is for how long none succeeded",
        file=FILE,
    ),
    Check(
        id="checksum_failures",
        title="Data checksum failures",
        why="A block on the disk is damaged: its rows may be wrong or lost.",
        fix="Do not write more than you must; look at the disk, and restore what is damaged from a backup. Where "
        "checksums are off, pg_checksums --enable switches them on while the server is stopped.",
        docs=f"{MANUAL}checksums.html",
        unit="count",
        critical=1,
        file=FILE,
    ),
    Check(
        id="dangerous_settings",
        title="Dangerous settings",
        why="With them a crash may cost data, or maintenance stands still.",
        fix="Take the safe value back.",
        docs=f"{MANUAL}runtime-config-wal.html#GUC-FSYNC",
        unit="count",
        rule="critical: fsync, full_page_writes, autovacuum or track_counts off, zero_damaged_pages or "
        "ignore_checksum_failure on; warning: track_activities off",
        file=FILE,
    ),
    Check(
        id="shared_buffers",
        title="Shared buffers",
        why="The default is made for trying PostgreSQL out; with more, blocks are read and written less often.",
        fix="A quarter of the machine's memory is a usual value; it needs a restart: ALTER SYSTEM SET shared_buffers.",
        docs=f"{MANUAL}runtime-config-resource.html#GUC-SHARED-BUFFERS",
        unit="bytes",
        rule="warning when it is 128 MB or less and the database more than four times as big",
        file=FILE,
    ),
    Check(
        id="pg_stat_statements",
        title="Statistics of statements",
        why="Without pg_stat_statements nobody knows which statements take the time, so little can be advised.",
        fix="Load it (that needs a restart of the server) and create it in this database.",
        docs=f"{MANUAL}pgstatstatements.html",
        unit="count",
        rule="warning when it is not loaded or not in this database",
        file=FILE,
    ),
)
