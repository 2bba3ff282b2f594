"""From what a driver reports to postai's errors, the same for both drivers."""

from __future__ import annotations

import re

from postai.database import dsn as connection_string
from postai.database.errors import (
    ConnectionFailed,
    HostUnreachable,
    NoConnectRight,
    NoHbaEntry,
    ServerError,
    TlsFailed,
    TlsRequired,
    TooManyConnections,
    UnknownDatabase,
    UnknownRole,
    WrongPassword,
)

_ASSIGNED = re.compile(
    r"(?i)\b(password|sslpassword|passwd|secret|api_key|token)(\s*=\s*|\s+)('(?:[^'\\]|\\.|'')*'|\"[^\"]*\"|[^\s'\"]+)"
)
_IN_URI = re.compile(r"(?i)(\bpostgres(?:ql)?://[^\s:@/]*):[^\s@/]+@")


def scrub(text: str, secrets: tuple[str, ...] = ()) -> str:
    """The text without the given secrets and without anything written like a password."""
    for secret in secrets:
        text = text.replace(secret, connection_string.HIDDEN)
    text = _IN_URI.sub(rf"\1:{connection_string.HIDDEN}@", text)
    return _ASSIGNED.sub(_hide_assigned, text)


def _hide_assigned(match: re.Match[str]) -> str:
    # "password authentication failed for user ..." is prose, not a secret: without "=" only a quoted value is hidden.
    if "=" in match[2] or match[3][0] == "'":
        return f"{match[1]}{match[2]}{connection_string.HIDDEN}"
    return match[0]


def hidden_values(parameters: dict[str, str]) -> tuple[str, ...]:
    """The secrets of a session that can be taken out of texts without ruining them.

    A password that equals the user's or database's name (common on test servers) is left out: hiding it would hide the
    name, and the name tells nothing.
    """
    known = {value for keyword, value in parameters.items() if keyword not in connection_string.SECRETS}
    return tuple(
        secret
        for secret in connection_string.secrets_of(connection_string.build(parameters))
        if secret not in known and len(secret) >= 4
    )


def server_error(
    sqlstate: str,
    message: str,
    detail: str | None,
    hint: str | None,
    position: str | int | None,
    secrets: tuple[str, ...],
    target: str,
) -> ServerError:
    """A `ServerError` of the fields of a server's error message on the session of that label, with secrets removed."""
    return ServerError(
        sqlstate,
        scrub(message, secrets),
        detail=scrub(detail, secrets) if detail else None,
        hint=scrub(hint, secrets) if hint else None,
        position=int(position) if position else None,
        target=target,
    )


def connection_failure(target: str, sqlstate: str | None, message: str, secrets: tuple[str, ...]) -> ConnectionFailed:
    """Why no session could be opened.

    Args:
        target: label of the connection, without secrets.
        sqlstate: the server's SQLSTATE; None = the driver does not tell it (libpq keeps only the text).
        message: the text of the server or of the operating system.
        secrets: values to remove.
    """
    text = scrub(message.strip(), secrets)
    for states, pattern, kind, summary, hint in _CAUSES:
        if (sqlstate in states if sqlstate and states else False) or pattern.search(text):
            return kind(f"{summary} ({target})", detail=text, hint=hint, target=target)
    hint = "`post-ai doctor` checks host, port, rights and TLS."
    return ConnectionFailed(f"no connection ({target})", detail=text, hint=hint, target=target)


def _cause(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE | re.DOTALL)


_Cause = tuple[frozenset[str], re.Pattern[str], type[ConnectionFailed], str, str]

# First match wins. libpq gives one text for the whole attempt, possibly of several hosts and of a second try without
# TLS, so the order is from the most telling to the least. Translated servers are recognised by SQLSTATE where the
# driver keeps it; 28000 alone says too little and is left to the texts.
_CAUSES: tuple[_Cause, ...] = (
    (
        frozenset({"28P01"}),
        _cause("password authentication failed|no password supplied|password file .* (wrong|retrieved)|fe_sendauth"),
        WrongPassword,
        "the server did not accept the password",
        "Check user and password; keep the password in a passfile (~/.pgpass) or a service file, not in the "
        "connection string.",
    ),
    (
        frozenset(),
        _cause("authentication method requirement"),
        ConnectionFailed,
        "the server does not ask for the password as it should",
        "A password that somebody typed proves nothing there. Have pg_hba.conf ask for it (scram-sha-256) where the "
        "dashboard connects from.",
    ),
    (
        frozenset({"3D000"}),
        _cause('database ".*" does not exist'),
        UnknownDatabase,
        "the server has no such database",
        "Check dbname; `psql -l` lists the databases.",
    ),
    (
        frozenset({"53300"}),
        _cause("too many (connections|clients)|remaining connection slots|no more connections allowed"),
        TooManyConnections,
        "the server has no free connection slot",
        "Raise max_connections or the role's CONNECTION LIMIT, or connect through a pooler.",
    ),
    (
        frozenset(),
        _cause("no encryption|SSL off|SSL (connection )?is required|pg_hba.conf rejects .*(no encryption|SSL off)"),
        TlsRequired,
        "the server lets this role in over TLS only, or has no entry for it without TLS",
        "Add sslmode=require (or verify-full with sslrootcert) to the connection; else add a `host` entry to "
        "pg_hba.conf.",
    ),
    (
        frozenset(),
        _cause("pg_hba.conf"),
        NoHbaEntry,
        "pg_hba.conf does not let this role in from here",
        "Add an entry for this role, database and address to pg_hba.conf, then: SELECT pg_reload_conf();",
    ),
    (
        frozenset(),
        _cause('role ".*" (does not exist|is not permitted to log in)'),
        UnknownRole,
        "the role does not exist or may not log in",
        "Check user; a superuser can run CREATE ROLE ... LOGIN or ALTER ROLE ... LOGIN.",
    ),
    (
        frozenset(),
        _cause("permission denied for database"),
        NoConnectRight,
        "the role may not connect to this database",
        "Its owner, or a superuser: GRANT CONNECT ON DATABASE ... TO this role.",
    ),
    (
        frozenset(),
        _cause("server does not support SSL|certificate|tls|ssl error|sslmode"),
        TlsFailed,
        "TLS could not be agreed on",
        "The server must have ssl = on and, for verify-full, a certificate for this host name signed by sslrootcert.",
    ),
    (
        frozenset(),
        _cause(
            "could not connect|connection refused|timeout|timed out|no route|unreachable|could not translate host|"
            "name or service|no such file|not known|failure in name|nodename|failed to resolve|getaddrinfo|"
            "reset by peer|closed the connection|network"
        ),
        HostUnreachable,
        "no PostgreSQL server answers there",
        "Check host and port, that the server runs and listens there (listen_addresses), and the firewall.",
    ),
)
