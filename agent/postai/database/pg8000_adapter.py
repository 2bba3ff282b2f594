"""The `Database` protocol over pg8000, which is pure Python: for machines without libpq."""

from __future__ import annotations

import datetime
import decimal
import re
import socket
import struct
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from pg8000.core import Context, CoreConnection  # type: ignore[import-untyped]
from pg8000.exceptions import DatabaseError, InterfaceError  # type: ignore[import-untyped]
from scramp import ScramException  # type: ignore[import-untyped]

from postai.database import failures, libpq_files, tls
from postai.database.errors import ConnectionFailed
from postai.database.protocol import Row, TextRows
from postai.database.session import First, Session
from postai.errors import FeatureMissing, PostaiError, UsageError

_PLACEHOLDER = re.compile(r"%(\((\d+)\)s|.|$)", re.DOTALL)
_CANCEL_REQUEST = 80877102  # https://www.postgresql.org/docs/current/protocol-message-formats.html (CancelRequest)
_IN_MEMORY = 16 * 2**20  # bytes of a COPY that are not written to a file


def open_database(parameters: dict[str, str], target: str, *, connect_timeout: int, first: First) -> Pg8000Database:
    """Open a session; hosts are tried in their order, as libpq does.

    Args:
        parameters: libpq keywords and values; passfile, service and environment are looked up here.
        target: label of the connection for errors.
        connect_timeout: seconds for each host.
        first: statement that gives the database's name and sets what the session needs.
    """
    resolved = libpq_files.resolve(parameters)
    if resolved.get("target_session_attrs", "any") != "any":
        raise FeatureMissing(
            "the pure Python driver knows no target_session_attrs", hint="Name the one host to use, or install libpq."
        )
    hosts = resolved.get("host", "").split(",")
    failure: ConnectionFailed | None = None
    for index, host in enumerate(hosts):
        one = {**resolved, "host": host, "port": libpq_files.port_of(resolved, index)}
        try:
            return _open_one(one, target, connect_timeout, first)
        except ConnectionFailed as error:
            failure = error
    assert failure is not None  # there is always at least one host
    raise failure


def _open_one(parameters: dict[str, str], target: str, connect_timeout: int, first: First) -> Pg8000Database:
    secrets = failures.hidden_values(parameters)
    password = libpq_files.password_for(parameters)
    if password:
        secrets = failures.hidden_values({**parameters, "password": password})
    session, failure = None, None
    for attempt in tls.attempts(parameters.get("sslmode")):
        try:
            session = _start_session(tls.open_link(parameters, attempt, connect_timeout), parameters, password)
        except (OSError, InterfaceError, DatabaseError, ScramException, ConnectionFailed) as error:
            failure = _why(error, target, secrets)
            if tls.try_next(attempt, parameters.get("sslmode"), failure):
                continue
        break
    if session is None:
        assert failure is not None
        raise failure  # outside of except, so that it does not keep the driver's error as its context
    database = Pg8000Database(session, parameters, target, secrets)
    try:
        database.start(first)
    except BaseException:
        database.close()
        raise
    return database


def _start_session(link: socket.socket, parameters: dict[str, str], password: str | None) -> _Session:
    startup = {"options": parameters["options"]} if "options" in parameters else {}
    try:
        session = _Session(
            parameters["user"],
            database=parameters["dbname"],
            password=password,
            sock=link,
            ssl_context=False,  # TLS is agreed on already, by tls.open_link
            application_name=parameters.get("application_name"),
            startup_params=startup,
        )
    except BaseException:
        link.close()
        raise
    link.settimeout(None)  # the limit for connecting must not end a long statement
    return session


def _why(error: Exception, target: str, secrets: tuple[str, ...]) -> ConnectionFailed:
    if isinstance(error, ConnectionFailed):
        return error
    if isinstance(error, DatabaseError):
        fields = _fields(error)
        return failures.connection_failure(target, fields.get("C"), fields.get("M", ""), secrets)
    if isinstance(error, InterfaceError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    text = str(error) or type(error).__name__
    if isinstance(error, InterfaceError) and text == "network error":
        text = "the server closed the connection"
    return failures.connection_failure(target, None, text, secrets)


def _fields(error: DatabaseError) -> dict[str, str]:
    fields = error.args[0] if error.args else {}
    return fields if isinstance(fields, dict) else {"M": str(fields)}


class _Session(CoreConnection):  # type: ignore[misc]
    """pg8000's session, keeping the key that a cancel request needs, and clear about a missing password."""

    backend_key: bytes = b""
    tell: Callable[[str], None] | None = None

    def handle_NOTICE_RESPONSE(self, data: bytes, context: Context) -> None:  # noqa: N802  (pg8000's name)
        super().handle_NOTICE_RESPONSE(data, context)
        if self.tell is not None:
            self.tell(self.notices[-1].get(b"M", b"").decode(errors="replace"))

    def handle_BACKEND_KEY_DATA(self, data: bytes, context: Context) -> None:  # noqa: N802  (pg8000's name)
        self.backend_key = data
        super().handle_BACKEND_KEY_DATA(data, context)

    def handle_AUTHENTICATION_REQUEST(self, data: bytes, context: Context) -> None:  # noqa: N802  (pg8000's name)
        if self.password is None and struct.unpack_from("!i", data)[0] in (3, 5, 10):
            raise InterfaceError("no password supplied")
        super().handle_AUTHENTICATION_REQUEST(data, context)


class Pg8000Database(Session):
    """One pg8000 connection as a `Database`.

    Args:
        session: an open session.
        parameters: of the connection, to reach the server again for a cancel request.
        target: label of the connection for errors.
        secrets: values that must not appear in error texts.
    """

    def __init__(
        self,
        session: _Session,
        parameters: dict[str, str],
        target: str,
        secrets: tuple[str, ...],
    ) -> None:
        super().__init__(target, secrets)
        self._session = session
        self._parameters = parameters
        self._open = True

    @property
    def server_version(self) -> int:
        return version_number(self._session.parameter_statuses["server_version"])

    @property
    def backend_pid(self) -> int:
        return int(struct.unpack_from("!i", self._session.backend_key)[0])

    def query(self, sql: str, params: Sequence[object] = ()) -> list[Row]:
        rows = self._run(sql, params).rows
        return [tuple(row) for row in rows] if rows else []

    def query_columns(self, sql: str, params: Sequence[object] = ()) -> tuple[tuple[str, ...], list[Row]]:
        context = self._run(sql, params)
        names = tuple(column["name"] for column in context.columns or ())
        return names, [tuple(row) for row in context.rows or ()]

    def query_text(self, sql: str, params: Sequence[object] = ()) -> TextRows:
        # The driver asks this mapping how to read each type.
        readers, self._session.pg_types = self._session.pg_types, defaultdict(lambda: str)
        try:
            context = self._run(sql, params)
        finally:
            self._session.pg_types = readers
        columns = tuple((column["name"], column["type_oid"]) for column in context.columns or ())
        return TextRows(columns, tuple(tuple(row) for row in context.rows or ()))

    def execute(self, sql: str, params: Sequence[object] = ()) -> int:
        return max(int(self._run(sql, params).row_count), 0)

    def copy_in(self, sql: str, chunks: Iterable[bytes]) -> int:
        return max(int(self._run(sql, (), chunks).row_count), 0)

    def copy_out(self, sql: str) -> Iterator[bytes]:
        with tempfile.SpooledTemporaryFile(_IN_MEMORY) as file:  # the driver writes where we want to read
            self._run(sql, (), file)
            file.seek(0)
            while block := file.read(1 << 16):
                yield block

    def on_notice(self, tell: Callable[[str], None]) -> None:
        self._session.tell = lambda text: tell(failures.scrub(text, self._secrets))

    def cancel(self) -> None:
        # The request goes over a connection of its own, without TLS: the server takes it before any authentication.
        try:
            with tls.open_socket(self._parameters, connect_timeout=5) as link:
                key = self._session.backend_key
                link.sendall(struct.pack("!ii", 8 + len(key), _CANCEL_REQUEST) + key)
                link.recv(1)  # the server closes when it has passed the signal on
            return
        except OSError as error:
            failure = self._lost(str(error))
        raise failure

    def close(self) -> None:
        if self._open:
            self._open = False
            with suppress(InterfaceError, OSError):  # the server may be gone already
                self._session.close()

    def _run(self, sql: str, params: Sequence[object], chunks: Iterable[bytes] | None = None) -> Context:
        if not self._open:
            raise self._lost("the session is closed")
        if "\0" in sql:
            raise UsageError("a statement cannot hold a NUL character")
        failure: PostaiError
        try:
            if chunks is not None:
                return self._session.execute_unnamed(sql, stream=chunks)
            if not params:
                return self._session.execute_simple(sql)
            statement = numbered(sql, len(params))
            return self._session.execute_unnamed(statement, tuple(params), tuple(map(_oid, params)))
        except UsageError:
            raise
        except DatabaseError as error:
            failure = self._translated(error)
        except (InterfaceError, OSError) as error:
            self.close()
            failure = self._lost(str(error))
        except BaseException:
            self.close()  # interrupted in the middle of an answer: what follows could not be told apart
            raise
        raise failure  # outside of except, so that it does not keep the driver's error as its context

    def _translated(self, error: DatabaseError) -> PostaiError:
        fields = _fields(error)
        return failures.server_error(
            fields.get("C", "XX000"),
            fields.get("M", ""),
            fields.get("D"),
            fields.get("H"),
            fields.get("P"),
            self._secrets,
            self._target,
        )


def numbered(sql: str, count: int) -> str:
    """The statement with `%s` as `$1`, `$2` ..., or `%(n)s` as `$n`, and `%%` as a percent sign.

    Raises:
        UsageError: the number of placeholders is not `count`, or another character follows a percent sign.
    """
    at = 0

    def replace(match: re.Match[str]) -> str:
        nonlocal at
        if match[1] == "%":
            return "%"
        if match[2]:
            at = max(at, int(match[2]))
            return f"${int(match[2])}"
        if match[1] != "s":
            raise UsageError("a percent sign in a statement with parameters must be written %%")
        at += 1
        return f"${at}"

    statement = _PLACEHOLDER.sub(replace, sql)
    if at != count:
        raise UsageError(f"the statement has {at} placeholders but {count} parameters were given")
    return statement


def version_number(text: str) -> int:
    """The number of a reported version: "15.18 (Debian ...)" gives 150018, "19beta1" gives 190000."""
    match = re.match(r"(\d+)(?:\.(\d+))?", text)
    if not match:
        raise FeatureMissing(f"the server reports the unknown version {text!r}")
    return int(match[1]) * 10000 + int(match[2] or 0)


def _oid(value: object) -> int:
    # The same choices as psycopg makes, so that both drivers find the same functions and operators; 0 leaves the
    # type to the server.
    if isinstance(value, bool):
        return 16
    if isinstance(value, int):
        for bits, oid in ((15, 21), (31, 23), (63, 20)):
            if -(2**bits) <= value < 2**bits:
                return oid
        return 1700
    kinds: tuple[tuple[type[Any], int], ...] = (
        (float, 701), (decimal.Decimal, 1700), (bytes, 17), (datetime.timedelta, 1186),
    )  # fmt: skip
    return next((oid for kind, oid in kinds if isinstance(value, kind)), 0)
