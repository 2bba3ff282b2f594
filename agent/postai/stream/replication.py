"""A replication connection: a slot, and what its server streams, as libpq gives it (TLS, SCRAM, passfile, service).

The protocol is https://www.postgresql.org/docs/current/protocol-replication.html. A connection belongs to one thread;
only `wake` may be called from another one.
"""

from __future__ import annotations

import contextlib
import math
import re
import secrets
import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from postai.database import dsn as connection_string
from postai.database import failures
from postai.database.connection import OWN_PATH
from postai.database.errors import ConnectionFailed, ConnectionLost, ServerError
from postai.database.identifiers import quote_ident
from postai.errors import FeatureMissing, NotPermitted, PostaiError
from postai.stream.addresses import looked_up
from postai.stream.pgoutput import Lsn

if TYPE_CHECKING:
    # Imported when a connection is opened: psycopg needs libpq, which not every client machine has.
    from psycopg import pq

TextRow = tuple[str | None, ...]

COMMAND_SECONDS = 10.0
"""Until a command of a replication connection has answered."""
BATCH = 4096
"""Messages that `receive` gives at a time."""
# As a subscription of the server's own has them, so that values read the same whoever connects. Bytes stay those of the
# database: a character that cannot be converted would end the stream for good. An edge that is gone without a word
# gives its slot, and the log that this keeps, back after this long.
_OPTIONS = (
    f"-c search_path={OWN_PATH} -c datestyle=ISO -c intervalstyle=postgres -c extra_float_digits=3"
    " -c statement_timeout=10s -c wal_sender_timeout=15s"
)
_ENCODING = "SQL_ASCII"
_STATUS = struct.Struct("!cQQQq?")
_DATA = struct.Struct("!QQq")
_KEEPALIVE = struct.Struct("!Qq?")
_POSTGRES_EPOCH = 946684800
_SLOT = re.compile(r"[a-z0-9_]{1,63}")


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """Which server this is, and in which of its lives: an LSN means something within one timeline only."""

    system_id: str
    timeline: int
    position: Lsn


@dataclass(frozen=True, slots=True)
class Data:
    """A message of the output plugin."""

    payload: bytes


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The server has sent everything that was committed up to `position`.

    Attributes:
        reply: it wants to hear from us now.
    """

    position: Lsn
    reply: bool


class Stopped(ConnectionLost):
    """`stop` was called."""


def lsn(text: str) -> Lsn:
    """The number that "16/B374D848" stands for."""
    high, _, low = text.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def new_slot_name(prefix: str = "postai") -> str:
    """A name that no other slot has."""
    return f"{prefix}_{secrets.token_hex(8)}"


class Replication:
    """One connection.

    Args:
        dsn: connection string of a role with REPLICATION (or of a superuser).
        database: whose changes; "" = as the string says.
        application_name: as pg_stat_replication shows it.
        connect_timeout: seconds to wait for a host.

    Raises:
        ConnectionFailed: a subclass says why.
        NotPermitted, FeatureMissing: the role or the server cannot.
    """

    def __init__(
        self, dsn: str, database: str = "", *, application_name: str = "postai stream", connect_timeout: int = 5
    ) -> None:
        import psycopg

        parameters = connection_string.parse(dsn)
        if database:
            parameters["dbname"] = database
        parameters["options"] = f"{parameters.get('options', '')} {_OPTIONS}".strip()
        parameters |= {"replication": "database", "client_encoding": _ENCODING, "application_name": application_name}
        self.target = connection_string.label(connection_string.build(parameters))
        self._secrets = failures.hidden_values(parameters)
        failure: PostaiError | None = None
        try:
            self._connection = psycopg.connect(
                connection_string.build(looked_up(parameters)), autocommit=True, connect_timeout=connect_timeout
            )
        except psycopg.Error as error:
            failure = self._not_connected(failures.connection_failure(self.target, None, str(error), self._secrets))
        if failure:
            raise failure
        self._libpq = self._connection.pgconn
        self._libpq.nonblocking = 1
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._stopped = False
        self.heard_at = time.monotonic()

    @property
    def server_version(self) -> int:
        return self._libpq.server_version

    @property
    def backend_pid(self) -> int:
        return self._libpq.backend_pid

    def __enter__(self) -> Replication:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection, and with it its slot; a second call does nothing."""
        self._connection.close()
        self._waker.close()
        self._woken.close()

    def wake(self) -> None:
        """Let a `receive` that waits in another thread return at once."""
        with contextlib.suppress(OSError):  # full: it will wake up anyway; closed: nobody waits
            self._waker.send(b"!")

    def stop(self) -> None:
        """End whatever waits in another thread, with `Stopped`."""
        self._stopped = True
        self.wake()

    def identify(self) -> ServerIdentity:
        ((system_id, timeline, position, _),) = self.query("IDENTIFY_SYSTEM")
        return ServerIdentity(str(system_id), int(timeline or 0), lsn(position or "0/0"))

    def query(self, sql: str, seconds: float = COMMAND_SECONDS) -> list[TextRow]:
        """The rows of one statement or replication command, all as text.

        Raises:
            ServerError, ConnectionLost: as a `Database` does; ConnectionLost when it takes too long.
        """
        from psycopg import pq

        rows: list[TextRow] = []
        for result in self._results(sql, time.monotonic() + seconds):
            self._check(result)
            if result.status == pq.ExecStatus.TUPLES_OK:
                rows = [
                    tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
                    for row in range(result.ntuples)
                ]
        return rows

    def create_slot(self, name: str, *, seconds: float = math.inf) -> Lsn:
        """Make a slot, and say from where on changes are sent. Transactions that run now must end first.

        It goes with this connection: a slot that outlived its reader would hold the server's log.

        Args:
            name: of small letters, digits and underscores.
            seconds: how long to wait for them.

        Raises:
            FeatureMissing: the server has no logical log or no free slot.
        """
        if not _SLOT.fullmatch(name):
            raise FeatureMissing(f"{name!r} is no name for a slot", hint="Small letters, digits and underscores.")
        snapshot = "(SNAPSHOT 'nothing')" if self.server_version >= 150_000 else "NOEXPORT_SNAPSHOT"
        ((_, position, _, _),) = self.query(
            f"CREATE_REPLICATION_SLOT {name} TEMPORARY LOGICAL pgoutput {snapshot}", seconds
        )
        return lsn(position or "0/0")

    def start(self, slot: str, publication: str) -> None:
        """Begin to stream.

        Args:
            slot: its name.
            publication: its name.

        Raises:
            FeatureMissing: there is no such publication: some versions would stream nothing, without a word.
        """
        from psycopg import pq

        known = f"select from pg_catalog.pg_publication where pubname = {_literal(publication)}"
        if not self.query(known):
            raise FeatureMissing(
                f"there is no publication {quote_ident(publication)}",
                detail=self.target,
                hint=f"CREATE PUBLICATION {quote_ident(publication)} FOR TABLE ..., in that database.",
            )
        options = f"proto_version '1', publication_names {_literal(quote_ident(publication))}, messages 'true'"
        command = f"START_REPLICATION SLOT {slot} LOGICAL 0/0 ({options})"
        for result in self._results(command, time.monotonic() + COMMAND_SECONDS):
            if result.status != pq.ExecStatus.COPY_BOTH:
                self._check(result)
                raise ConnectionLost("the server did not begin to stream", detail=self.target)
        self.heard_at = time.monotonic()

    def receive(self, seconds: float) -> list[Data | Keepalive]:
        """What has arrived; waits for something to, for some seconds or until `wake`.

        Raises:
            ConnectionLost: the stream has ended; Stopped after `stop`.
            ServerError: the server ended it and said why.
        """
        found = self._arrived()
        if not found:
            self._wait(time.monotonic() + seconds)
            found = self._arrived()
        if found:
            self.heard_at = time.monotonic()
        return found

    def confirm(self, position: Lsn, *, ask: bool = False) -> None:
        """Say that everything up to a position was dealt with, so that the server may forget it.

        Args:
            ask: whether the server is to say at once how far it is.
        """
        import psycopg

        clock = int((time.time() - _POSTGRES_EPOCH) * 1_000_000)  # shown to people; nothing depends on it
        try:
            self._libpq.put_copy_data(_STATUS.pack(b"r", position, position, position, clock, ask))
            self._libpq.flush()
        except psycopg.Error as error:
            failure = self._lost(str(error))
        else:
            return
        raise failure

    def _arrived(self) -> list[Data | Keepalive]:
        import psycopg

        found: list[Data | Keepalive] = []
        try:
            while len(found) < BATCH:
                size, data = self._libpq.get_copy_data(1)
                if size == 0:
                    break
                if size < 0:
                    if found:
                        break
                    raise self._ended()
                found.append(_message(data))
        except psycopg.Error as error:
            failure = self._lost(str(error))
        except struct.error:
            failure = self._lost("a message is cut off")
        else:
            return found
        raise failure

    def _ended(self) -> PostaiError:
        """Why the stream has ended."""
        while (result := self._libpq.get_result()) is not None:
            try:
                self._check(result)
            except PostaiError as error:
                return error
        return self._lost("the server ended the stream")

    def _results(self, command: str, until: float) -> Sequence[pq.abc.PGresult]:
        """Send a command and wait for what comes of it."""
        import psycopg
        from psycopg import pq

        found: list[pq.abc.PGresult] = []
        try:
            self._libpq.send_query(command.encode())
            while True:
                while self._libpq.flush() or self._libpq.is_busy():
                    self._wait(until)
                    if time.monotonic() > until:
                        raise self._lost(f"no answer within the time limit: {command.split('(')[0]}")
                result = self._libpq.get_result()
                if result is None:
                    return found
                found.append(result)
                if result.status == pq.ExecStatus.COPY_BOTH:
                    return found
        except psycopg.Error as error:
            failure = self._lost(str(error))
        raise failure

    def _wait(self, until: float) -> None:
        """Until the server has sent something, `wake` is called or the time is over; then read what there is."""
        import psycopg

        # Not select(): an edge has more files open than that can count.
        poll = select.poll()
        try:
            poll.register(self._libpq.socket, select.POLLIN | (select.POLLOUT if self._libpq.flush() else 0))
            poll.register(self._woken, select.POLLIN)
            remaining = until - time.monotonic()
            poll.poll(None if math.isinf(remaining) else max(0.0, remaining) * 1000)
            with contextlib.suppress(BlockingIOError):
                self._woken.recv(4096)
            if self._stopped:
                raise Stopped("stopped", target=self.target)
            self._libpq.consume_input()
        except psycopg.Error as error:
            failure = self._lost(str(error))
        else:
            return
        raise failure

    def _check(self, result: Any) -> None:
        """Raise what a result says went wrong."""
        from psycopg import pq

        if result.status not in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
            return
        field = pq.DiagnosticField
        state, message, detail, hint = (
            _text(result.error_field(one))
            for one in (field.SQLSTATE, field.MESSAGE_PRIMARY, field.MESSAGE_DETAIL, field.MESSAGE_HINT)
        )
        if state is None:
            raise self._lost(_text(result.error_message) or "")
        raise self._explained(
            failures.server_error(state, message or "", detail, hint, None, self._secrets, self.target)
        )

    def _explained(self, error: ServerError) -> PostaiError:
        text, where = error.message, f"{self.target}: {error.message}"
        if "wal_level" in text:
            hint = "ALTER SYSTEM SET wal_level = 'logical', then restart the server (managed: the provider's setting)."
            return FeatureMissing("the server writes no logical log", detail=where, hint=hint)
        if "max_replication_slots" in text or "replication slots are in use" in text:
            hint = "Raise max_replication_slots, or drop slots that nobody reads; pg_replication_slots lists them."
            return FeatureMissing("the server has no free replication slot", detail=where, hint=hint)
        if error.sqlstate.startswith("57P") or error.sqlstate.startswith("08"):
            return ConnectionLost("the server ended the connection", detail=where, target=self.target)
        if error.sqlstate == "42501":
            return NotPermitted("the role may not replicate", detail=where, hint="ALTER ROLE ... REPLICATION.")
        return error

    def _not_connected(self, failure: ConnectionFailed) -> PostaiError:
        text = failure.detail or ""
        if "max_wal_senders" in text:
            hint = "Raise max_wal_senders and restart; each cached database of each edge process takes one."
            return FeatureMissing("the server has no free walsender", detail=text, hint=hint)
        if re.search(
            r"(superuser or replication role|REPLICATION attribute|permission denied to start WAL sender)", text
        ):
            return NotPermitted("the role may not replicate", detail=text, hint="ALTER ROLE ... REPLICATION.")
        return failure

    def _lost(self, text: str) -> ConnectionLost:
        detail = f"{self.target}: {failures.scrub(text.strip(), self._secrets)}"
        return ConnectionLost("the replication connection is lost", detail=detail, target=self.target)


def _message(data: memoryview) -> Data | Keepalive:
    kind = bytes(data[:1])
    if kind == b"w":
        return Data(bytes(data[1 + _DATA.size :]))  # the only copy: a row may have hundreds of megabytes
    if kind != b"k":
        raise struct.error
    position, _, reply = _KEEPALIVE.unpack_from(data, 1)
    return Keepalive(position, reply)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")


def _literal(text: str) -> str:
    """A text as a literal of a replication command or a statement."""
    if "\0" in text:
        raise FeatureMissing("a name holds a NUL character")
    return "'" + text.replace("'", "''") + "'"
