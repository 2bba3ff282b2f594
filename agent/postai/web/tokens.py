"""Reading without a login of one's own: Bearer tokens for the API, and links that show one page.

Both stand on the site's reader login. A link's page is served by the very handlers of the pages, for a session that
lives as long as the request; whatever else the page leads to asks for a login.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from postai.errors import PostaiError
from postai.people import passes
from postai.people.passes import Found, PassKind
from postai.web.limits import TooOften, network_of
from postai.web.sessions import Session
from postai.web.site import LOOKING, Site, site_of

if TYPE_CHECKING:
    from postai.web.room import Room

SHARE = "/share/"
NOT_SHARED = frozenset({"people", "ask"})
"""Rooms whose pages are about the person who looks."""
NOT_SHARED_PAGES = frozenset({"/connections"})
"""Pages about the dashboard's servers, not about what is in a database."""
LONGEST = 200
PASS = ("pass",)
"""Whom the sessions of tokens and links are of."""


class UnknownPass(PostaiError):
    """No open token or link has that secret."""

    sqlstate = "28000"
    title = "not known"


def by_token(request: Request, database: str) -> Session | None:
    """The session that an Authorization header stands for; None = the request has none.

    Raises:
        UnknownPass: the token is wrong, expired or revoked, or is another database's.
        TooOften: too many wrong ones came from that address.
    """
    # Scripts of pages send no such header: who does is no browser that another site could lead.
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    return _stands_for(site_of(request), request, database, "token", secret.strip())[0]


def _stands_for(site: Site, request: Request, database: str, kind: PassKind, secret: str) -> tuple[Session, Found]:
    """The session of a token or link, and what was found.

    Of wrong secrets an address has as many tries as of logins; right ones cost none.
    """
    configured = site.database(database)
    address = ("pass", network_of(request.client.host if request.client else ""))
    if wait := site.addresses.take(address):
        raise TooOften("there were too many wrong tokens and links", hint=f"Try again in {wait} s.")
    reader = site.sessions.reader(site.reader(*PASS))
    with reader.open(configured) as connection:
        found = passes.find(connection, kind, secret) if 0 < len(secret) < LONGEST else None
    if found is None:
        raise UnknownPass(
            f"this {kind} is not known",
            detail="It is mistyped, expired or revoked, of another database, or who made it may no longer read there.",
            hint="Make a new one on the page People.",
        )
    site.addresses.forget(address)
    person = f"{kind} {found.title} of {found.made_by}"
    return replace(reader, person=person, shared=found.title if kind == "link" else None), found


def shareable(room: Room) -> list[APIRoute]:
    """The routes of that room that a link may show: those of its pages that read, not its streams and files."""
    if room.tag in NOT_SHARED:
        return []
    return [route for path, route in room.shown().items() if path not in NOT_SHARED_PAGES]


class SharedPages:
    """GET /share/{database}/{secret}: the page that the link was made for.

    Args:
        router: of the application.
        shown: routes of the pages that may be shared.
    """

    def __init__(self, router: ASGIApp, shown: Sequence[BaseRoute]) -> None:
        self._router = router
        self._shown = shown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        name, _, secret = scope["path"].removeprefix(SHARE).partition("/")
        database = unquote(name)
        session, found = await run_in_threadpool(_stands_for, site_of(request), request, database, "link", secret)
        page = found.page or "/"
        path, _, query = page.partition("?")
        state = {**scope["state"], "session": session}
        headers = [(key, value) for key, value in scope["headers"] if key not in {b"cookie", b"authorization"}]
        inside = {
            **scope, "path": f"/d/{database}{unquote(path)}", "raw_path": f"/d/{name}{path}".encode(), "root_path": "",
            "query_string": query.encode(), "headers": headers, "state": state,
        }  # fmt: skip
        if scope["method"] not in LOOKING or not any(one.matches(inside)[0] is Match.FULL for one in self._shown):
            raise UnknownPass("this page cannot be shared", hint="Share a page of a room, by its address.")
        await self._router(inside, receive, _unlinked(send))


def _unlinked(send: Send) -> Send:
    """The address holds the secret: no other page or server is told it."""

    async def told(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = [(b"referrer-policy", b"no-referrer"), (b"x-robots-tag", b"noindex")]
            message["headers"] = [*message.get("headers", []), *own]
        await send(message)

    return told
