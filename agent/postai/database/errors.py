"""What can go wrong between postai and a PostgreSQL server."""

from __future__ import annotations

from postai.errors import PostaiError


class ServerError(PostaiError):
    """A statement failed in the server; carries the server's own words and SQLSTATE.

    Args:
        sqlstate: the server's SQLSTATE, e.g. "42P01".
        message: the server's primary message.
        detail: the server's DETAIL.
        hint: the server's HINT.
        position: character position in the statement (from 1), where the server gave one.
        target: label of the session that it failed on.
    """

    title = "the server refused the statement"

    def __init__(
        self,
        sqlstate: str,
        message: str,
        *,
        detail: str | None = None,
        hint: str | None = None,
        position: int | None = None,
        target: str | None = None,
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        # The root class has one SQLSTATE per class; here every error brings its own.
        self.sqlstate = sqlstate  # type: ignore[misc]
        self.position = position
        self.target = target


class ConnectionLost(PostaiError):
    """The session ended: the server went away, was restarted, or ended this backend.

    Args:
        target: label of the session.
    """

    sqlstate = "08006"
    title = "connection lost"

    def __init__(
        self, message: str, *, detail: str | None = None, hint: str | None = None, target: str | None = None
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.target = target


class ConnectionFailed(PostaiError):
    """No session could be opened; the subclasses say why.

    Args:
        target: label of what could not be reached.
    """

    sqlstate = "08001"
    title = "no connection"

    def __init__(
        self, message: str, *, detail: str | None = None, hint: str | None = None, target: str | None = None
    ) -> None:
        super().__init__(message, detail=detail, hint=hint)
        self.target = target


class HostUnreachable(ConnectionFailed):
    """Nothing answers at that host and port, or the host's name is unknown."""


class WrongPassword(ConnectionFailed):
    """The server did not accept the password, or none was given."""

    sqlstate = "28P01"


class UnknownRole(ConnectionFailed):
    """The role does not exist or may not log in."""

    sqlstate = "28000"


class UnknownDatabase(ConnectionFailed):
    """The server has no database of that name."""

    sqlstate = "3D000"


class NoConnectRight(ConnectionFailed):
    """The role may not connect to that database."""

    sqlstate = "42501"


class NoHbaEntry(ConnectionFailed):
    """pg_hba.conf has no entry that lets this role in from here."""

    sqlstate = "28000"


class TlsRequired(ConnectionFailed):
    """The server accepts this role over TLS only."""

    sqlstate = "28000"


class TlsFailed(ConnectionFailed):
    """TLS was asked for, but the server does not offer it or its certificate is not trusted."""


class TooManyConnections(ConnectionFailed):
    """The server has no free connection slot for this role."""

    sqlstate = "53300"
