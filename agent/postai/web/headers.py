"""Headers of every answer. Plain ASGI, so that streams pass as they are and end when the browser goes away."""

from __future__ import annotations

import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send


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
        nonce = scope.setdefault("state", {})["nonce"] = secrets.token_urlsafe(16)

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), scope, message["status"], nonce)
            await send(message)

        await self._app(scope, receive, told)


def _add(headers: MutableHeaders, scope: Scope, status: int, nonce: str) -> None:
    headers.setdefault(
        "content-security-policy",
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"style-src 'self' 'nonce-{nonce}'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'",
    )
    headers.setdefault("x-content-type-options", "nosniff")
    headers.setdefault("referrer-policy", "same-origin")
    headers.setdefault("cross-origin-opener-policy", "same-origin")
    headers.setdefault("permissions-policy", "camera=(), microphone=(), geolocation=()")
    path = scope["path"]
    marked = scope["query_string"] or path.startswith("/static/built/chunk-")
    lasting = path.startswith("/static/") and status == 200 and marked
    headers.setdefault("cache-control", "public, max-age=31536000, immutable" if lasting else "no-store")
