"""Logins of the edge at servers without a client: how they go, and whom they let the edge believe."""

from __future__ import annotations

import asyncio
import hmac
import logging
import struct

from postai.edge import wire
from postai.edge.pinning import is_temporary_path
from postai.edge.server.backend import Backend, question
from postai.edge.server.link import Link, Lost
from postai.edge.server.scopes import Scope
from postai.edge.server.upstream import Login, Refused, Secret
from postai.edge.wire import Violation

log = logging.getLogger(__name__)

LONGEST = 65_536
"""Bytes of a server's message that is read during the login."""
TRUSTED = 60.0
"""Seconds for which an identity that a server has let in needs no second judgement."""

_ABOUT_THE_USER = frozenset({"28", "3D", "42"})
"""Classes of SQLSTATEs: no login, no such database, no right to connect."""
_CODE = struct.Struct("!i")
_HAS_SLOT = "select exists (select from pg_catalog.pg_replication_slots as s where s.slot_name = $1)"


async def log_in(link: Link, scope: Scope, secret: Secret) -> tuple[dict[bytes, bytes], bytes]:
    """Begin a session; its settings, and the key that cancels it."""
    parameters = {"user": scope.user, "database": scope.database, **dict(scope.parameters)}
    link.send(wire.startup_packet(wire.VERSION_3_0, parameters))
    login = Login(link, scope.user, secret)
    settings: dict[bytes, bytes] = {}
    key = b""
    while True:
        kind, body = await link.message(LONGEST)
        if kind == ord("R"):
            if _CODE.unpack_from(body)[0]:
                await login.answer(body)
        elif kind == ord("S"):
            name, value, _ = body.split(b"\0")
            settings[name] = value
        elif kind == ord("K"):
            key = body
        elif kind == ord("E"):
            raise Refused(body)
        elif kind == ord("Z"):
            return settings, key


async def makes_temporary(backend: Backend) -> bool:
    """Whether tables that are made without a schema's name are temporary; what cannot be told is believed to be so.

    Servers report their search_path since version 18. Roles and databases may have one, so older ones are asked.

    Raises:
        Lost: the connection ended.
    """
    told = backend.server.settings.get(b"search_path")
    if told is not None:
        return is_temporary_path(told.decode("utf-8", "replace"))
    if not backend.server.readable:
        return True
    try:
        rows = await question(backend, "show search_path", ())
    except Violation as refused:
        log.warning("clients keep a connection, as its search_path is not known", extra={"error": refused.message})
        return True
    finally:
        backend.hear()
    return any(is_temporary_path(path or "") for (path,) in rows)


async def has_slot(backend: Backend, slot: str) -> bool:
    """Whether a connection is to the server that has this slot: not all hosts of a database need be the same.

    Raises:
        Lost: the connection ended.
    """
    try:
        return await question(backend, _HAS_SLOT, (slot,)) == [("t",)]
    except Violation as refused:
        log.warning("answers of a connection are not kept", extra={"error": refused.message})
        return False
    finally:
        backend.hear()


def is_trusted(scope: Scope, secret: Secret) -> bool:
    """Whether a secret needs no judgement of a server: one has let the identity in lately, and it is the right one."""
    if not scope.greeting or asyncio.get_running_loop().time() - scope.judged >= TRUSTED:
        return False
    if is_proved(secret) or secret.password is None:
        return True
    known = scope.secret.password if scope.secret else None
    if known is None:
        return False
    return hmac.compare_digest(
        known.encode("utf-8", "surrogateescape"), secret.password.encode("utf-8", "surrogateescape")
    )


def is_proved(secret: Secret) -> bool:
    """Whether the edge has had it proved, so that only a server's mind may have changed."""
    return secret.password is None or secret.keys is not None


def is_about_the_user(error: Violation | Lost) -> bool:
    """Whether a server refuses this user, with this password, in this database."""
    return isinstance(error, Refused) and error.sqlstate[:2] in _ABOUT_THE_USER
