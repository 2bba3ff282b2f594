"""Sessions of a move: they may write where everybody else is fenced, and notice a dead network within seconds."""

from __future__ import annotations

from postai.database import connect
from postai.database import dsn as connection_string
from postai.database.protocol import Database

# Seconds of silence after which a session is given up; libpq's keywords (a driver without libpq has its own limits).
_WATCHFUL = {"keepalives_idle": "1", "keepalives_interval": "1", "keepalives_count": "3", "tcp_user_timeout": "3000"}
_FREE = "-cdefault_transaction_read_only=off -csynchronous_commit=on"


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
