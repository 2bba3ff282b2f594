"""What every handler may ask for: the person's login, the database of the path, a connection to it.

Use the annotated types as parameters: `def read(database: InDatabase, visit: Visiting) -> ...`.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Path, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection

from postai.database import Database, ServerError
from postai.errors import NotPermitted, PostaiError, UsageError
from postai.web.limits import TooOften
from postai.web.logins import Level, level_of
from postai.web.running import Seat
from postai.web.sessions import Session, same_secret
from postai.web.site import Site, site_of
from postai.web.tokens import by_token

log = logging.getLogger(__name__)

COOKIE = "postai_session"
SECURE_COOKIE = f"__Host-{COOKIE}"
"""With https: browsers take it from this very host only, over https only."""
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
MOST_FIELDS = 200


class NotLoggedIn(PostaiError):
    """Nobody is logged in, or the login is over."""

    sqlstate = "28000"
    title = "not logged in"


class ForeignRequest(PostaiError):
    """A request that changes something does not come from a page of ours."""

    sqlstate = "28000"
    title = "refused"


@dataclass(slots=True)
class Visit:
    """One request of a person who is logged in.

    Attributes:
        site, session: as the site knows them.
        database: name of the database in the path.
        level: what the role may do there, once a connection was made.
    """

    site: Site
    session: Session
    database: str
    level: Level = "none"


def cookie_of(request: HTTPConnection) -> str:
    """Name of the cookie that holds the login."""
    return SECURE_COOKIE if request.url.scheme == "https" else COOKIE


def token_of(request: HTTPConnection) -> str | None:
    """The login's token that the browser sent."""
    return request.cookies.get(cookie_of(request))


def logged_in(request: Request) -> Session:
    """The login of the request's cookie, or what its Bearer token or its link stands for.

    Raises:
        NotLoggedIn: there is none.
    """
    session: Session | None = getattr(request.state, "session", None)  # of a link's page
    if session is None and "database" in request.path_params and request.url.path.startswith("/api/"):
        session = by_token(request, request.path_params["database"])
    if session is None:
        session = site_of(request).sessions.find(token_of(request))
    if session is None:
        raise NotLoggedIn("nobody is logged in, or the login is over", hint="Log in at /login.")
    return session


async def named(_: Annotated[str, Path(alias="database", description="name of a configured database")]) -> None:
    """Has the API's description tell what the paths name; once for each route, while `visiting` may stand in several
    places of one."""


async def visiting(request: Request, session: Annotated[Session, Depends(logged_in)]) -> Visit:  # needs no thread
    """The visit that this request is."""
    site = site_of(request)
    database = request.path_params["database"]
    site.database(database)
    visit = Visit(site, session, database)
    request.state.visit = visit
    return visit


def in_database(request: Request, visit: Annotated[Visit, Depends(visiting)]) -> Iterator[Database]:
    """A connection of the person's own role to the database of the path; what runs on it can be cancelled."""
    with _connected(request, visit, own_path=False) as database:
        yield database


def in_own_path(request: Request, visit: Annotated[Visit, Depends(visiting)]) -> Iterator[Database]:
    """As `in_database`, with the search_path that the role has: for what the person wrote."""
    with _connected(request, visit, own_path=True) as database:
        yield database


def _level(visit: Visit, database: Database) -> Level:
    try:
        return level_of(database)
    except ServerError as error:
        if error.sqlstate != "42704":
            raise
    # A dropped role's sessions go on at the server; here they end.
    visit.site.sessions.end_of(visit.session.whose)
    raise NotLoggedIn("the role of this login is gone", hint="Log in at /login.")


@contextmanager
def _connected(request: Request, visit: Visit, *, own_path: bool) -> Iterator[Database]:
    seat: Seat | None = getattr(request.state, "seat", None)
    with visit.session.open(visit.site.database(visit.database), own_path=own_path) as database:
        visit.level = _level(visit, database)
        with seat.on(database) if seat else nullcontext():
            yield database


async def own_form(request: Request, session: Annotated[Session, Depends(logged_in)]) -> None:
    """Lets a request pass only with the login's CSRF token.

    Raises:
        ForeignRequest: it carries none, or another one.
    """
    shown = request.headers.get(CSRF_HEADER) or (await form_fields(request)).get(CSRF_FIELD, "")
    if not same_secret(shown, session.csrf):
        raise ForeignRequest(
            "this request was refused", detail="Its token is not the one of your login.", hint="Load the page again."
        )


async def own_request(session: Annotated[Session, Depends(logged_in)], _: Annotated[None, Depends(own_form)]) -> None:
    """Lets a request that changes or runs something pass: with the CSRF token, of a login that does not only read.

    Raises:
        ForeignRequest: it carries no token, or another one.
        NotPermitted: the login only reads.
    """
    if session.reads_only:
        raise NotPermitted(
            "this login only reads",
            detail=f"{session.person} stands on the dashboard's reader login.",
            hint="Log in as a role of your own, or ask an administrator to map you to one (docs/web-security.md).",
        )


async def own_statement(
    request: Request, session: Annotated[Session, Depends(logged_in)], _: Annotated[None, Depends(own_request)]
) -> AsyncIterator[None]:
    """As `own_request`, for what runs a question or a statement: not more often than a person works, a few at a time.

    It is cancelled when the browser goes away: nobody is left to see what would come.

    Raises:
        TooOften: there were too many, or too many are running.
    """
    site = site_of(request)
    if wait := site.statements.take(session.whose):
        raise TooOften("there were too many questions and statements", hint=f"Try again in {wait} s.")
    text = await _typed(request)
    with site.running.begin(session.whose, request.path_params["database"], text) as seat:
        request.state.seat = seat
        watch = asyncio.create_task(_cancelled_with(request, seat))
        try:
            yield
        finally:
            watch.cancel()


async def _typed(request: Request) -> str:
    """What runs, to tell it from others; the body is whole afterwards."""
    fields: object = await form_fields(request)
    if not fields:
        try:
            fields = json.loads(await request.body())
        except (ValueError, RecursionError):  # no JSON, or nested without end
            return ""  # which FastAPI says
    return str(fields.get("text") or fields.get("left") or "") if isinstance(fields, dict) else ""


async def _cancelled_with(request: Request, seat: Seat) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
    try:
        await run_in_threadpool(seat.cancel)
    except PostaiError as error:
        log.warning("a statement was not cancelled", extra={"sqlstate": error.sqlstate})


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form; of fields that are given twice, the last one.

    Raises:
        UsageError: there are more than MOST_FIELDS.
    """
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = await request.body()
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise UsageError(f"a form has at most {MOST_FIELDS} fields", hint="Send the form of the page.") from None
    return {name: values[-1] for name, values in fields.items()}


Visiting = Annotated[Visit, Depends(visiting)]
# Given back before the answer is sent: a browser that reads slowly holds no connection.
InDatabase = Annotated[Database, Depends(in_database, scope="function")]
InOwnPath = Annotated[Database, Depends(in_own_path, scope="function")]
