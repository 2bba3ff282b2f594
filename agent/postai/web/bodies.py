"""How much of a request's body is taken. Plain ASGI: the frameworks read JSON whole before any check of ours runs."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1 << 20
"""Of any request: the longest thing that is typed here is a statement of 100,000 characters."""


class BodyLimit:
    """Ends requests whose body is longer than `MOST_BYTES` with 413, whoever sends them, before it is in memory.

    The error is raised where the body is read, inside of the application, so that it is told as every other one.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        names = {name for name, _ in scope["headers"]}
        if {b"content-length", b"transfer-encoding"} <= names:
            # A proxy may believe the one and we the other: what it takes for a body would be somebody else's request.
            response = PlainTextResponse("a request has one length\n", 400, {"connection": "close"})
            await response(scope, receive, send)
            return
        # What a client says is believed when it is too much; what comes is counted whatever was said.
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        taken = int(said) if said.isdigit() and int(said) > MOST_BYTES else 0
        begun = False

        async def read() -> Message:
            nonlocal taken
            message = {"type": "http.request"} if taken > MOST_BYTES else await receive()
            taken += len(message.get("body", b""))
            if taken <= MOST_BYTES:
                return message
            if begun:  # the answer is under way, and nobody is left who could say it
                return {"type": "http.disconnect"}
            raise HTTPException(413, f"a request has at most {MOST_BYTES:,} bytes")

        async def told(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        await self._app(scope, read, told)
