"""PostgreSQL's md5 logins, for roles that still have such a password (AuthenticationMD5Password)."""

from __future__ import annotations

import hashlib

_PREFIX = "md5"


def is_stored(text: str) -> bool:
    """Whether a stored password is an md5 hash."""
    return text.startswith(_PREFIX) and len(text) == 35


def stored(password: str, user: str) -> str:
    """What a server stores of a password."""
    return _PREFIX + _hex((password + user).encode("utf-8", "surrogateescape"))


def response(stored_hash: str, salt: bytes) -> bytes:
    """What a client answers to a server's salt."""
    return (_PREFIX + _hex(stored_hash.removeprefix(_PREFIX).encode() + salt)).encode()


def _hex(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
