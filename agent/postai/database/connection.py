"""Opening a session: parameters, time limits, and which driver."""

from __future__ import annotations

from typing import Literal

from postai.database import dsn as connection_string
from postai.database import named_sql
from postai.database.errors import ConnectionFailed
from postai.database.protocol import Database
from postai.database.session import First
from postai.errors import FeatureMissing

OLDEST = 14  # the oldest major version that postai is made for; 13 is out of support

Driver = Literal["psycopg", "pg8000"]


def connect(
    dsn: str,
    *,
    application_name: str = "postai",
    connect_timeout: int = 5,
    statement_timeout_ms: int = 30000,
    lock_timeout_ms: int = 2000,
    driver: Driver | None = None,
) -> Database:
    """Open one session.

    Args:
        dsn: connection string of libpq (keywords or URI); service and passfile are honoured.
        application_name: as pg_stat_activity shows it.
        connect_timeout: seconds to wait for a host.
        statement_timeout_ms: limit of each statement in milliseconds; 0 = none.
        lock_timeout_ms: limit of each wait for a lock in milliseconds; 0 = none.
        driver: "psycopg" needs libpq; "pg8000" is pure Python; None = psycopg where it can be loaded, else pg8000.

    Raises:
        UsageError: the connection string is malformed.
        ConnectionFailed: a subclass says why no session could be opened.
    """
    parameters = session_parameters(dsn, application_name, statement_timeout_ms, lock_timeout_ms)
    target = connection_string.label(dsn)
    driver = driver or usable_driver()
    try:
        return _open(parameters, target, connect_timeout, driver, (statement_timeout_ms, lock_timeout_ms))
    except ConnectionFailed as failure:
        if not refuses_options(failure.detail or ""):
            raise
    parameters = without_limits(parameters, dsn)
    return _open(parameters, target, connect_timeout, driver, (statement_timeout_ms, lock_timeout_ms))


def usable_driver() -> Driver:
    """psycopg, or pg8000 on a machine where no libpq can be loaded."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "pg8000"
    return "psycopg"


def session_parameters(
    dsn: str, application_name: str, statement_timeout_ms: int, lock_timeout_ms: int
) -> dict[str, str]:
    """The parameters of a session: those of the connection string plus our name and limits.

    The limits travel as startup options, so that RESET ALL and DISCARD ALL come back to them.
    """
    parameters = connection_string.parse(dsn)
    limits = f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}"
    parameters["options"] = f"{parameters.get('options', '')} {limits}".strip()
    parameters["application_name"] = application_name
    return parameters


def refuses_options(text: str) -> bool:
    """Whether the error is a pooler's that does not take the startup options (PgBouncer's words)."""
    return "unsupported startup parameter" in text


def without_limits(parameters: dict[str, str], dsn: str) -> dict[str, str]:
    """The parameters with `options` as the connection string has them; the limits are then set by `identify`."""
    own = connection_string.parse(dsn).get("options")
    rest = {keyword: value for keyword, value in parameters.items() if keyword != "options"}
    return {**rest, "options": own} if own else rest


def identify_statement(limits_ms: tuple[int, int]) -> First:
    """The first statement of a session: gives the database's name and makes sure that the limits hold.

    Args:
        limits_ms: statement_timeout and lock_timeout in milliseconds.
    """
    statement, lock = (f"{limit}ms" for limit in limits_ms)
    return named_sql.load(__package__, "connection.sql")["identify"], (statement, statement, lock, lock)


def _open(
    parameters: dict[str, str], target: str, connect_timeout: int, driver: Driver, limits_ms: tuple[int, int]
) -> Database:
    first = identify_statement(limits_ms)
    if driver == "pg8000":
        from postai.database import pg8000_adapter

        return pg8000_adapter.open_database(parameters, target, connect_timeout=connect_timeout, first=first)
    from postai.database import psycopg_adapter

    return psycopg_adapter.open_database(parameters, target, connect_timeout=connect_timeout, first=first)


def require_version(db: Database, major: int = OLDEST) -> None:
    """Refuse a server that is too old.

    Raises:
        FeatureMissing: the server's major version is below `major`.
    """
    found = db.server_version // 10000
    if found < major:
        raise FeatureMissing(
            f"PostgreSQL {found} is too old: {major} or later is needed",
            detail=f"database {db.name}, server_version_num {db.server_version}",
            hint=f"Upgrade the server to PostgreSQL {major} or later (pg_upgrade).",
        )
