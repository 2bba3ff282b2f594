"""Connection strings: read, redact and name them, without libpq.

Both forms of libpq are read, `keyword=value` strings and `postgresql://` URIs
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING). Nothing here ever repeats the text of a
string it could not read, because any part of it may be a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote

from postai.errors import UsageError

SECRETS = frozenset({"password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"})
HIDDEN = "***"
UNREADABLE = "(a connection string that cannot be read)"

_SCHEMES = ("postgresql://", "postgres://")
_HINT = (
    "Write it as host=... port=... dbname=... user=... (values with blanks in single quotes) "
    "or as postgresql://user@host:port/dbname (special characters as %XX)."
)
_SPACES = " \t\n\r\f\v"


def parse(dsn: str) -> dict[str, str]:
    """Keywords and values of a connection string.

    Args:
        dsn: either form of libpq; several hosts stay joined by commas, as libpq gives them.

    Raises:
        UsageError: the string is malformed; the error does not repeat it.
    """
    if "\0" in dsn:
        raise _malformed("it holds a NUL character")
    scheme = next((scheme for scheme in _SCHEMES if dsn.startswith(scheme)), None)
    return _parse_uri(dsn[len(scheme) :]) if scheme else _parse_keywords(dsn)


def build(parameters: Mapping[str, str]) -> str:
    """A `keyword=value` string of these parameters (with their secrets: not for showing)."""
    return " ".join(f"{keyword}={_quote(value)}" for keyword, value in parameters.items())


def redacted(dsn: str) -> str:
    """The connection string as `keyword=value` text with every secret hidden; fit for logs and errors."""
    try:
        parameters = parse(dsn)
    except UsageError:
        return UNREADABLE
    return " ".join(
        f"{keyword}={HIDDEN if keyword in SECRETS else _quote(value)}" for keyword, value in parameters.items()
    )


def has_password(dsn: str) -> bool:
    """Whether the string carries a secret (which an argument of a command must not)."""
    return any(keyword in SECRETS for keyword in parse(dsn))


def label(dsn: str) -> str:
    """A short name of the target for people, e.g. "ada@db.example.com:5432/store" or "service=shop"."""
    try:
        parameters = parse(dsn)
    except UsageError:
        return UNREADABLE
    if "service" in parameters and "host" not in parameters:
        text = f"service={parameters['service']}"
        return f"{text} dbname={parameters['dbname']}" if "dbname" in parameters else text
    host = parameters.get("host") or parameters.get("hostaddr") or "local socket"
    port = f":{parameters['port']}" if parameters.get("port") else ""
    user = f"{parameters['user']}@" if parameters.get("user") else ""
    database = f"/{parameters['dbname']}" if parameters.get("dbname") else ""
    return f"{user}{host}{port}{database}"


def secrets_of(dsn: str) -> tuple[str, ...]:
    """The secret values in the string, also in the encoded forms in which they may be repeated; longest first."""
    found: set[str] = set()
    for keyword, value in parse(dsn).items():
        if keyword in SECRETS and value:
            found |= {value, quote(value, safe=""), _quote(value)}
    return tuple(sorted(found, key=len, reverse=True))


def _malformed(why: str) -> UsageError:
    return UsageError("the connection string is malformed", detail=why, hint=_HINT)


def _quote(value: str) -> str:
    if value and not any(character in "'\\" or character in _SPACES for character in value):
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _parse_keywords(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while True:
        at = _skip_spaces(text, at)
        if at == len(text):
            return found
        start = at
        while at < len(text) and text[at] != "=" and text[at] not in _SPACES:
            at += 1
        keyword = text[start:at]
        at = _skip_spaces(text, at)
        if at == len(text) or text[at] != "=" or not keyword:
            raise _malformed(f"a keyword without '=' at position {start + 1}")
        value, at = _value(text, _skip_spaces(text, at + 1))
        found[keyword] = value


def _skip_spaces(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACES:
        at += 1
    return at


def _value(text: str, at: int) -> tuple[str, int]:
    quoted = at < len(text) and text[at] == "'"
    start = at
    at += quoted
    characters: list[str] = []
    while at < len(text):
        character = text[at]
        if character == "\\" and at + 1 < len(text):
            characters.append(text[at + 1])
            at += 2
            continue
        at += 1
        if quoted and character == "'":
            return "".join(characters), at
        if not quoted and character in _SPACES:
            return "".join(characters), at
        if character != "\\":
            characters.append(character)
    if quoted:
        raise _malformed(f"a quoted value that starts at position {start + 1} has no end")
    return "".join(characters), at


def _parse_uri(rest: str) -> dict[str, str]:
    rest, _, query = rest.partition("?")
    # The password may hold an unencoded "/" or "@": libpq takes the first "@" before the first "/", and so do we.
    authority, _, database = rest.partition("/")
    found: dict[str, str] = {}
    if "@" in authority:
        userinfo, _, authority = authority.partition("@")
        user, colon, password = userinfo.partition(":")
        if user:
            found["user"] = _decode(user)
        if colon and password:
            found["password"] = _decode(password)
    hosts, ports = [], []
    for part in authority.split(","):
        host, port = _host_port(part)
        hosts.append(_decode(host))
        ports.append(_decode(port))
    if any(hosts):
        found["host"] = ",".join(hosts)
    if any(ports):
        found["port"] = ",".join(ports)
    if database:
        found["dbname"] = _decode(database)
    for pair in query.split("&") if query else ():
        keyword, equals, value = pair.partition("=")
        if not equals or not keyword or "=" in value:
            raise _malformed("a query parameter of the URI is not of the form keyword=value")
        keyword, value = _decode(keyword), _decode(value)
        if (keyword, value) == ("ssl", "true"):
            keyword, value = "sslmode", "require"
        found[keyword] = value
    return found


def _host_port(part: str) -> tuple[str, str]:
    if part.startswith("["):
        host, bracket, port = part[1:].partition("]")
        if not bracket or (port and not port.startswith(":")) or not host:
            raise _malformed("an IPv6 address in the URI is not of the form [address]:port")
        return host, port[1:]
    host, _, port = part.partition(":")
    return host, port


def _decode(text: str) -> str:
    at = text.find("%")
    while at >= 0:
        digits = text[at + 1 : at + 3]
        if len(digits) < 2 or any(digit not in "0123456789abcdefABCDEF" for digit in digits) or digits == "00":
            raise _malformed("a percent sign in the URI is not followed by two hexadecimal digits")
        at = text.find("%", at + 3)
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError as error:
        raise _malformed("an encoded part of the URI is not UTF-8") from error
