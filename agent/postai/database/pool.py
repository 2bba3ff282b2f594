"""A bounded pool of psycopg sessions for the threads of the sidecar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from postai.database import connection as opening
from postai.database import dsn as connection_string
from postai.database import failures
from postai.database.errors import ConnectionFailed, TooManyConnections
from postai.database.protocol import Database, Row
from postai.database.psycopg_adapter import SESSION, PsycopgDatabase

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool

IDLE_SECONDS = 60.0
"""After which a session that nobody uses ends: many logins that rest hold no session of the server."""


class Pool:
    """Sessions of one database, opened when needed and given back clean.

    A session that is given back is emptied with DISCARD ALL: no role, setting, advisory lock or temporary table of one
    user of the pool reaches the next.

    Args:
        dsn: connection string.
        max_size: most sessions at a time.
        timeout_seconds: longest wait for a free session.
        when_busy: what to do when none became free.
        application_name, connect_timeout, statement_timeout_ms, lock_timeout_ms, search_path: as for `connect`.
    """

    def __init__(
        self,
        dsn: str,
        *,
        max_size: int = 4,
        timeout_seconds: float = 5.0,
        when_busy: str = "Wait for the running work, or allow more workers.",
        application_name: str = "postai",
        connect_timeout: int = 5,
        statement_timeout_ms: int = 30000,
        lock_timeout_ms: int = 2000,
        search_path: str = "",
    ) -> None:
        self._connect: dict[str, Any] = {
            "application_name": application_name,
            "connect_timeout": connect_timeout,
            "statement_timeout_ms": statement_timeout_ms,
            "lock_timeout_ms": lock_timeout_ms,
            "search_path": search_path,
        }
        self._dsn = dsn
        self._first = opening.identify_statement((statement_timeout_ms, lock_timeout_ms), search_path)
        self._max_size = max_size
        self._timeout = timeout_seconds
        self._when_busy = when_busy
        self._target = connection_string.label(dsn)
        self._parameters = opening.session_parameters(
            dsn, application_name, statement_timeout_ms, lock_timeout_ms, search_path
        )
        self._secrets = failures.hidden_values(self._parameters)
        self._name = ""
        self._pool = self._make(connect_timeout)

    def __repr__(self) -> str:
        return f"<Pool {self._target}>"

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A session for the time of the block.

        Raises:
            ConnectionFailed: no session could be opened, or none became free in time, or the pool is closed.
        """
        import psycopg_pool

        try:
            connection = self._pool.getconn(self._timeout)
        except psycopg_pool.PoolTimeout:
            raise self._why() from None
        except psycopg_pool.PoolClosed:
            raise ConnectionFailed(f"no session on {self._target}: its pool is closed") from None
        try:
            yield PsycopgDatabase(connection, self._target, self._secrets, self._name)
        finally:
            self._pool.putconn(connection)

    def close(self) -> None:
        """Close all sessions; those in use are closed when they are given back."""
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _make(self, connect_timeout: int) -> ConnectionPool[psycopg.Connection[Row]]:
        import psycopg_pool

        return psycopg_pool.ConnectionPool(
            connection_class=self._connection_class(),
            kwargs={**SESSION, "connect_timeout": connect_timeout},
            min_size=0,  # an idle sidecar holds no session here
            max_size=self._max_size,
            timeout=self._timeout,
            max_idle=IDLE_SECONDS,
            num_workers=1,
            configure=self._start,
            reset=self._clean,
            check=psycopg_pool.ConnectionPool.check_connection,  # survives a restart of the server
            open=True,
        )

    def _connection_class(self) -> type[psycopg.Connection[Row]]:
        import psycopg

        pool = self

        class Connection(psycopg.Connection[Row]):
            """Connects with the pool's parameters; without our startup options where a pooler refuses them."""

            @classmethod
            def connect(cls, conninfo: str = "", **options: Any) -> Self:  # noqa: ARG003  (psycopg_pool gives it)
                try:
                    return super().connect(connection_string.build(pool._parameters), **options)
                except psycopg.OperationalError as error:
                    if not opening.refuses_options(str(error)):
                        raise
                pool._parameters = opening.without_limits(pool._parameters, pool._dsn)
                return super().connect(connection_string.build(pool._parameters), **options)

        return Connection

    def _start(self, connection: psycopg.Connection[Row]) -> None:
        database = PsycopgDatabase(connection, self._target, self._secrets)
        database.start(self._first)
        self._name = database.name

    def _clean(self, connection: psycopg.Connection[Row]) -> None:
        connection.execute("discard all")
        self._start(connection)

    def _why(self) -> ConnectionFailed:
        # The pool's own threads only log why they could not connect; ask once more to be able to say it.
        try:
            opening.connect(self._dsn, **self._connect).close()
        except ConnectionFailed as failure:
            return failure
        return TooManyConnections(
            f"no session became free within {self._timeout:g} s ({self._target})",
            detail=f"all {self._max_size} sessions of the pool are in use",
            hint=self._when_busy,
        )
