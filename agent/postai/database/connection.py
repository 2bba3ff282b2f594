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
# For sessions whose statements are postai's own: what an owner of the database put into its search_path (an operator
# that fits better, see CVE-2018-1058) is not run with their rights.
OWN_PATH = "pg_catalog,pg_temp"


def connect(
    dsn: str,
    *,
    application_name: str = "postai",
    connect_timeout: int = 5,
    statement_timeout_ms: int = 30000,
    lock_timeout_ms: int = 2000,
    search_path: str = "",
    driver: Driver | None = None,
) -> Database:
    """Open one session.

    Args:
        dsn: connection string of libpq (keywords or URI); service and passfile are honoured.
        application_name: as pg_stat_activity shows it.
        connect_timeout: seconds to wait for a host.
        statement_timeout_ms: limit of each statement in milliseconds; 0 = none.
        lock_timeout_ms: limit of each wait for a lock in milliseconds; 0 = none.
        search_path: where names and operators without a schema are looked up, no blanks in it; "" = where the database
            and the role say.
        driver: "psycopg" needs libpq; "pg8000" is pure Python; None = psycopg where it can be loaded, else pg8000.

    Raises:
        UsageError: the connection string is malformed.
        ConnectionFailed: a subclass says why no session could be opened.
    """
    parameters = session_parameters(dsn, application_name, statement_timeout_ms, lock_timeout_ms, search_path)
    target = connection_string.label(dsn)
    driver = driver or usable_driver()
    first = identify_statement((statement_timeout_ms, lock_timeout_ms), search_path)
    try:
        return _open(parameters, target, connect_timeout, driver, first)
    except ConnectionFailed as failure:
        if not refuses_options(failure.detail or ""):
            raise
    return _open(without_limits(parameters, dsn), target, connect_timeout, driver, first)


def usable_driver() -> Driver:
    """psycopg, or pg8000 on a machine where no libpq can be loaded."""
    try:
        import psycopg  # noqa: F401
    except ImportError:
        return "pg8000"
    return "psycopg"


def session_parameters(
    dsn: str, application_name: str, statement_timeout_ms: int, lock_timeout_ms: int, search_path: str = ""
) -> dict[str, str]:
    """The parameters of a session: those of the connection string plus our name, limits and search_path.

    They travel as startup options, so that RESET ALL and DISCARD ALL come back to them.
    """
    parameters = connection_string.parse(dsn)
    limits = f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}"
    path = f" -c search_path={search_path}" if search_path else ""
    parameters["options"] = f"{parameters.get('options', '')} {limits}{path}".strip()
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


def identify_statement(limits_ms: tuple[int, int], search_path: str = "") -> First:
    """The first statement of a session: gives the database's name and makes sure that limits and search_path hold.

    Args:
        limits_ms: statement_timeout and lock_timeout in milliseconds.
        search_path: as `connect` has it.
    """
    statement, lock = (f"{limit}ms" for limit in limits_ms)
    return named_sql.load(__package__, "connection.sql")["identify"], (
        search_path, search_path, statement, statement, lock, lock,
    )  # fmt: skip


def _open(parameters: dict[str, str], target: str, connect_timeout: int, driver: Driver, first: First) -> Database:
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
