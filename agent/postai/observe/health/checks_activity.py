"""Checks of sessions and transactions."""

from __future__ import annotations

from postai.observe.health.check import MANUAL, Check

FILE = "activity"
HOLDS = "While it is open, vacuum cannot remove any row that became dead since, in any table of the database"

ACTIVITY: tuple[Check, ...] = (
    Check(
        id="connections",
        title="Connections",
        why="When all are taken, nobody can log in but superusers; and every session costs memory.",
        fix="Put a pooler (PgBouncer) before the server, or make the applications' pools smaller.",
        docs=f"{MANUAL}runtime-config-connection.html#GUC-MAX-CONNECTIONS",
        unit="percent",
        warning=75,
        critical=90,
        rule="of max_connections without the reserved ones",
        file=FILE,
        monitor=True,
    ),
    Check(
        id="idle_connections",
        title="Idle connections",
        why="Sessions that do nothing take memory and a place that others may need.",
        fix="Use a pooler in transaction mode, or let the applications' pools close what they do not use.",
        docs=f"{MANUAL}runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT",
        unit="percent",
        warning=50,
        rule="idle for a minute, of max_connections without the reserved ones",
        file=FILE,
        monitor=True,
    ),
    Check(
        id="idle_in_transaction",
        title="Idle in transaction",
        why=f"{HOLDS}, and its locks keep others waiting though its client does nothing.",
        fix="Find out why the application leaves transactions open; idle_in_transaction_session_timeout ends such "
        "sessions.",
        docs=f"{MANUAL}runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT",
        unit="seconds",
        warning=300,
        critical=3600,
        file=FILE,
        monitor=True,
    ),
    Check(
        id="long_transactions",
        title="Long transactions",
        why=f"{HOLDS}.",
        fix="Cancel it if nobody needs its result; split long work into shorter transactions.",
        docs=f"{MANUAL}routine-vacuuming.html#VACUUM-BASICS",
        unit="seconds",
        warning=1800,
        critical=4 * 3600,
        file=FILE,
        monitor=True,
    ),
    Check(
        id="blocked_sessions",
        title="Blocked sessions",
        why="They wait for a lock that another transaction holds, and others queue behind them.",
        fix="Let the transaction that holds the lock end, or end its session; lock_timeout limits such waits.",
        docs=f"{MANUAL}explicit-locking.html",
        unit="seconds",
        warning=30,
        critical=300,
        file=FILE,
        monitor=True,
    ),
    Check(
        id="prepared_transactions",
        title="Prepared transactions",
        why=f"{HOLDS}, and its locks outlive even a restart.",
        fix="Commit or roll it back, as its owner and in its database.",
        docs=f"{MANUAL}sql-prepare-transaction.html",
        unit="seconds",
        warning=300,
        critical=3600,
        file=FILE,
    ),
)
