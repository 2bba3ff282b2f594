"""The `Database` protocol over psycopg.

An error is translated inside `except` and raised after it: an exception raised inside would keep the driver's error,
with what the server repeated of the statement, as its `__context__`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from postai.database import dsn as connection_string
from postai.database import failures
from postai.database.errors import ServerError
from postai.database.protocol import Row, TextRows
from postai.database.session import First, Session
from postai.errors import PostaiError, UsageError

if TYPE_CHECKING:
    # Imported when a connection is opened: psycopg needs libpq, which not every client machine has.
    import psycopg

# prepare_threshold None: a transaction pooler may run each transaction on another server session, which does not know
# the statements prepared on the first.
SESSION: Mapping[str, Any] = MappingProxyType({"autocommit": True, "prepare_threshold": None})

_NUMBERED = re.compile(r"(?<!%)(?:%%)*%\(\d+\)s")


def open_database(parameters: dict[str, str], target: str, *, connect_timeout: int, first: First) -> PsycopgDatabase:
    """Open a session in autocommit mode.

    Args:
        parameters: libpq keywords and values.
        target: label of the connection for errors.
        connect_timeout: seconds for each host.
        first: statement that gives the database's name and sets what the session needs.
    """
    import psycopg

    secrets = failures.hidden_values(parameters)
    failure: PostaiError | None = None
    try:
        connection: psycopg.Connection[Row] = psycopg.connect(
            connection_string.build(parameters), connect_timeout=connect_timeout, **SESSION
        )
    except psycopg.Error as error:
        failure = failures.connection_failure(target, error.sqlstate, str(error), secrets)
    if failure:
        raise failure
    database = PsycopgDatabase(connection, target, secrets)
    try:
        database.start(first)
    except BaseException:
        database.close()
        raise
    return database


class PsycopgDatabase(Session):
    """One psycopg connection as a `Database`.

    Args:
        connection: an open connection in autocommit mode.
        target, secrets, name: as for `Session`.
    """

    def __init__(
        self, connection: psycopg.Connection[Row], target: str, secrets: tuple[str, ...], name: str = ""
    ) -> None:
        super().__init__(target, secrets, name)
        self._connection = connection

    @property
    def server_version(self) -> int:
        return self._connection.info.server_version

    @property
    def backend_pid(self) -> int:
        return self._connection.info.backend_pid

    def query(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        cursor = self._run(sql, params)
        while cursor.nextset():
            pass
        return self._rows(cursor) if cursor.description else []

    def query_columns(self, sql: str, params: Sequence[object] = ()) -> tuple[tuple[str, ...], list[Row]]:
        cursor = self._run(sql, params)
        if cursor.description is None:
            return (), []
        return tuple(column.name for column in cursor.description), self._rows(cursor)

    def query_text(self, sql: str, params: Sequence[object] = ()) -> TextRows:
        cursor = self._run(sql, params)
        if cursor.description is None or cursor.pgresult is None:
            return TextRows((), ())
        columns = tuple((column.name, column.type_code) for column in cursor.description)
        read, encoding = cursor.pgresult.get_value, self._connection.info.encoding
        rows = (
            tuple(
                None if (value := read(row, place)) is None else value.decode(encoding, "replace")
                for place in range(len(columns))
            )
            for row in range(cursor.pgresult.ntuples)
        )
        return TextRows(columns, tuple(rows))

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        return max(self._run(sql, params).rowcount, 0)

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        import psycopg

        try:
            with self._connection.cursor() as cursor:
                with cursor.copy(sql) as copy:
                    for chunk in chunks:
                        copy.write(chunk)
                return max(cursor.rowcount, 0)
        except psycopg.Error as error:
            failure = self._translated(error)
        raise failure

    def copy_out(self, sql: str) -> Iterator[bytes]:
        import psycopg

        try:
            with self._connection.cursor() as cursor, cursor.copy(sql) as copy:
                for block in copy:
                    yield bytes(block)
                return
        except psycopg.Error as error:
            failure = self._translated(error)
        raise failure

    def fileno(self) -> int:
        """The socket's descriptor, to wait on until the server sends something."""
        return self._connection.fileno()

    def notifications(self) -> list[tuple[str, str]]:
        """Channel and payload of every notification that has arrived, without waiting for more."""
        import psycopg

        try:
            return [(one.channel, one.payload) for one in self._connection.notifies(timeout=0)]
        except psycopg.Error as error:
            failure = self._translated(error)
        raise failure

    def on_notice(self, tell: Callable[[str], None]) -> None:
        self._connection.add_notice_handler(
            lambda notice: tell(failures.scrub(notice.message_primary or "", self._secrets))
        )

    def cancel(self) -> None:
        import psycopg

        try:
            self._connection.cancel_safe(timeout=5)
            return
        except psycopg.Error as error:
            failure = self._lost(str(error))
        raise failure

    def close(self) -> None:
        self._connection.close()

    def _run(self, sql: str, params: Sequence[object]) -> psycopg.Cursor[Row]:
        import psycopg

        given: Sequence[object] | Mapping[str, object] | None = list(params) if params else None
        if given and _NUMBERED.search(sql):
            given = {str(place): value for place, value in enumerate(params, 1)}
        try:
            return self._connection.execute(sql, given)
        except psycopg.Error as error:
            failure = self._translated(error)
        except UnicodeEncodeError as error:
            failure = _not_writable(error)
        raise failure

    def _rows(self, cursor: psycopg.Cursor[Row]) -> list[Row]:
        import psycopg

        try:
            return cursor.fetchall()
        except psycopg.DataError as error:
            # The driver's types are narrower than the server's: infinity, years before 1 and after 9999.
            detail = failures.scrub(str(error).strip(), self._secrets)
            failure = ServerError("22008", "the server has a value that cannot be shown here", detail=detail)
        raise failure

    def _translated(self, error: psycopg.Error) -> PostaiError:
        import psycopg

        if self._connection.closed or (isinstance(error, psycopg.OperationalError) and error.sqlstate is None):
            # Without a SQLSTATE it is libpq that failed: what the server said, if anything, is in the message.
            return self._lost(str(error))
        if isinstance(error, psycopg.DataError) and error.sqlstate is None:
            # The driver itself refused it: a NUL character in a text, a number that no type holds.
            return UsageError(
                "a value cannot be sent to the server", detail=failures.scrub(str(error).strip(), self._secrets)
            )
        diagnostics = error.diag
        hint = diagnostics.message_hint
        if error.sqlstate == "25006" and self._connection.info.parameter_status("in_hot_standby") == "on":
            hint = hint or "This server is a standby, where nothing can be changed: log in to its primary."
        return failures.server_error(
            error.sqlstate or "XX000",
            diagnostics.message_primary or str(error).strip(),
            diagnostics.message_detail,
            hint,
            diagnostics.statement_position,
            self._secrets,
            self._target,
        )


def _not_writable(error: UnicodeEncodeError) -> UsageError:
    return UsageError(
        "a value cannot be sent to the server",
        detail=f"Character {error.start + 1} of a text cannot be written as {error.encoding}.",
        hint="Leave that character out.",
    )
