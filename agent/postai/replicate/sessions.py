"""Sessions of a move: they may write where everybody else is fenced, and notice a dead network within seconds."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from postai.database import connect
from postai.database import dsn as connection_string
from postai.database.protocol import Database

# Seconds of silence after which a session is given up; libpq's keywords (a driver without libpq has its own limits).
_WATCHFUL = {"keepalives_idle": "1", "keepalives_interval": "1", "keepalives_count": "3", "tcp_user_timeout": "3000"}
# The search_path of a database or role must not decide which operators and functions postai's own statements mean.
_FREE = (
    "-cdefault_transaction_read_only=off -csynchronous_commit=on -cclient_encoding=UTF8 "
    "-csearch_path=pg_catalog,pg_temp"
)


def own_dsn(dsn: str) -> str:
    """The connection string for a session of postai's own: never fenced, and soon aware of a network that is gone.

    Args:
        dsn: straight to the server: a pooler would not hand on the options, nor keep a session.
    """
    given = connection_string.parse(dsn)
    given["options"] = f"{given.get('options', '')} {_FREE}".strip()
    return connection_string.build({**_WATCHFUL, **given})


def open_session(dsn: str, *, statement_timeout_ms: int = 30_000, lock_timeout_ms: int = 2_000) -> Database:
    """A session of postai's own by `own_dsn`.

    Raises:
        ConnectionFailed: a subclass says why no session could be opened.
    """
    return connect(
        own_dsn(dsn), connect_timeout=3, statement_timeout_ms=statement_timeout_ms, lock_timeout_ms=lock_timeout_ms
    )


class Watch:
    """Breaks the connections of sessions when a time is over: a statement whose answer never comes ends then.

    The server's own limits do not help where the network is gone. A driver without a socket to get at is left alone.
    """

    def __init__(self, *sessions: Database) -> None:
        self._sockets = [os.dup(one.fileno()) for one in sessions if hasattr(one, "fileno")]
        self._timer: threading.Timer | None = None

    def arm(self, seconds: float) -> None:
        """Break them so many seconds from now, unless disarmed before."""
        self.disarm()
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True
        self._timer.start()

    def disarm(self) -> None:
        """Let them be."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer.join()
        self._timer = None

    def cut(self) -> None:
        """Break them now; whoever waits for an answer gets ConnectionLost."""
        for descriptor in self._sockets:
            with socket.socket(fileno=os.dup(descriptor)) as one, suppress(OSError):  # it may be at its end already
                one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.disarm()
        for descriptor in self._sockets:
            os.close(descriptor)
        self._sockets = []
