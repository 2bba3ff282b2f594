"""Headers of every answer. Plain ASGI, so that streams pass as they are and end when the browser goes away."""

from __future__ import annotations

import re
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postai.web.manual import ADDRESS

_HASHED = re.compile(r"\.[0-9a-f]{8,}\.(min\.)?(js|css)$")
"""Files of the manual whose names tell their content."""


class Headers:
    """A style element needs the request's nonce (`request.state.nonce`); scripts come from our own files only.

    What a handler sets itself stays as it is.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})["nonce"] = secrets.token_urlsafe(16)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                complete(MutableHeaders(scope=message), scope, message["status"])
            await send(message)

        await self._app(scope, receive, told)


def complete(headers: MutableHeaders, scope: Scope, status: int) -> None:
    """Add what an answer to that request lacks; for `Headers`, and for answers that are made outside of it."""
    if status == 307 and "location" in headers:  # to the same path with a slash: never where the Host header says
        headers["location"] = urlsplit(headers["location"])._replace(scheme="", netloc="").geturl()
    headers.setdefault(
        "content-security-policy",
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"style-src 'self' 'nonce-{scope['state']['nonce']}'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'",
    )
    if scope["scheme"] == "https":
        headers.setdefault("strict-transport-security", "max-age=31536000")
    headers.setdefault("x-content-type-options", "nosniff")
    headers.setdefault("referrer-policy", "same-origin")
    headers.setdefault("cross-origin-opener-policy", "same-origin")
    headers.setdefault("permissions-policy", "camera=(), microphone=(), geolocation=()")
    headers.setdefault("cache-control", _kept(scope, status))


def _kept(scope: Scope, status: int) -> str:
    """How long a browser may keep an answer: what is marked by its content for ever, what somebody saw never."""
    path = scope["path"]
    if path.startswith("/static/"):
        marked = scope["query_string"] or path.startswith("/static/built/chunk-")
    elif path.startswith(ADDRESS) and status in (200, 304):
        marked = _HASHED.search(path)
        if not marked:
            return "no-cache"  # kept, but asked for anew: an unchanged page costs an empty answer
    else:
        return "no-store"
    return "public, max-age=31536000, immutable" if marked and status in (200, 304) else "no-store"
