"""The `Database` protocol over psycopg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from postai.database import dsn as connection_string
from postai.database import failures
from postai.database.errors import ConnectionLost
from postai.database.protocol import Row

if TYPE_CHECKING:
    # Imported when a connection is opened: psycopg needs libpq, which not every client machine has.
    import psycopg


# prepare_threshold None: a transaction pooler may run each transaction on another server session, which does not know
# the statements prepared on the first.
SESSION: Mapping[str, Any] = MappingProxyType({"autocommit": True, "prepare_threshold": None})


def open_database(
    parameters: dict[str, str], target: str, *, connect_timeout: int, first: tuple[str, tuple[object, ...]]
) -> PsycopgDatabase:
    """Open a session in autocommit mode.

    Args:
        parameters: libpq keywords and values.
        target: label of the connection for errors.
        connect_timeout: seconds for each host.
        first: statement that gives the database's name and sets what the session needs.
    """
    import psycopg

    secrets = failures.hidden_values(parameters)
    try:
        connection: psycopg.Connection[Row] = psycopg.connect(
            connection_string.build(parameters), connect_timeout=connect_timeout, **SESSION
        )
    except psycopg.Error as error:
        failure = failures.connection_failure(target, error.sqlstate, str(error), secrets)
        raise failure from None  # the driver's error may repeat the parameters
    database = PsycopgDatabase(connection, target, secrets)
    try:
        database.start(first)
    except BaseException:
        database.close()
        raise
    return database


class PsycopgDatabase:
    """One psycopg connection as a `Database`.

    Args:
        connection: an open connection in autocommit mode.
        target: label of the connection for errors.
        secrets: values that must not appear in error texts.
        name: `current_database()`, where it is known already; else `start` asks for it.
    """

    def __init__(
        self, connection: psycopg.Connection[Row], target: str, secrets: tuple[str, ...], name: str = ""
    ) -> None:
        self._connection = connection
        self._name = name
        self._target = target
        self._secrets = secrets

    def start(self, first: tuple[str, tuple[object, ...]]) -> None:
        """Run the first statement of the session; its first column is the database's name."""
        self._name = self.query(*first)[0][0]

    def __repr__(self) -> str:
        return f"<Database {self._target}>"

    @property
    def server_version(self) -> int:
        return self._connection.info.server_version

    @property
    def name(self) -> str:
        return self._name

    @property
    def backend_pid(self) -> int:
        return self._connection.info.backend_pid

    def query(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        with self._errors():
            cursor = self._connection.execute(sql, list(params) if params else None)
            return cursor.fetchall() if cursor.description else []

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        with self._errors():
            cursor = self._connection.execute(sql, list(params) if params else None)
            return max(cursor.rowcount, 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._errors(), self._connection.transaction():
            yield

    def fileno(self) -> int:
        """The socket's descriptor, to wait on until the server sends something."""
        return self._connection.fileno()

    def notifications(self) -> list[tuple[str, str]]:
        """Channel and payload of every notification that has arrived, without waiting for more."""
        with self._errors():
            return [(one.channel, one.payload) for one in self._connection.notifies(timeout=0)]

    def behind_pooler(self) -> bool:
        """Whether somebody between us and the server hands sessions round: LISTEN and session locks do not last then.

        A pooler makes up the process id that it sends at the start; the server's own session knows the true one.
        """
        return bool(self.query("select pg_catalog.pg_backend_pid()")[0][0] != self._connection.info.backend_pid)

    def cancel(self) -> None:
        self._connection.cancel_safe(timeout=5)

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            diagnostics = error.diag
            if self._connection.broken or (error.sqlstate is None and self._connection.closed):
                raise ConnectionLost(
                    f"the connection was lost ({self._target})",
                    detail=failures.scrub(str(error).strip(), self._secrets),
                    hint="The server may have been restarted, or this session ended by an administrator; try again.",
                ) from None
            raise failures.server_error(
                error.sqlstate or "XX000",
                diagnostics.message_primary or str(error).strip(),
                diagnostics.message_detail,
                diagnostics.message_hint,
                diagnostics.statement_position,
                self._secrets,
            ) from None
