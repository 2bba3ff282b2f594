"""What every handler may ask for: the person's login, the database of the path, a connection to it.

Use the annotated types as parameters: `def read(database: InDatabase, visit: Visiting) -> ...`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, Path, Request

from postai.database import Database
from postai.errors import PostaiError
from postai.web.sessions import Level, Session, level_of, same_secret
from postai.web.site import Site, site_of

COOKIE = "postai_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf"
MOST_FORM_BYTES = 1 << 20


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


def logged_in(request: Request) -> Session:
    """The login of the request's cookie.

    Raises:
        NotLoggedIn: there is none.
    """
    session = site_of(request).sessions.find(request.cookies.get(COOKIE))
    if session is None:
        raise NotLoggedIn("nobody is logged in, or the login is over", hint="Log in at /login.")
    return session


def visiting(
    request: Request,
    session: Annotated[Session, Depends(logged_in)],
    database: Annotated[str, Path(description="name of a configured database")],
) -> Visit:
    """The visit that this request is."""
    site = site_of(request)
    site.database(database)
    visit = Visit(site, session, database)
    request.state.visit = visit
    return visit


def in_database(visit: Annotated[Visit, Depends(visiting)]) -> Iterator[Database]:
    """A connection of the person's own role to the database of the path."""
    with visit.session.open(visit.site.database(visit.database)) as database:
        visit.level = level_of(database)
        yield database


async def own_request(request: Request, session: Annotated[Session, Depends(logged_in)]) -> None:
    """Lets a request that changes something pass only with the login's CSRF token.

    Raises:
        ForeignRequest: it carries none, or another one.
    """
    shown = request.headers.get(CSRF_HEADER) or (await form_fields(request)).get(CSRF_FIELD, "")
    if not same_secret(shown, session.csrf):
        raise ForeignRequest(
            "this request was refused", detail="Its token is not the one of your login.", hint="Load the page again."
        )


async def form_fields(request: Request) -> dict[str, str]:
    """The fields of an urlencoded form; of fields that are given twice, the last one."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return {}
    body = await request.body()
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=200)
    return {name: values[-1] for name, values in fields.items()}


Visiting = Annotated[Visit, Depends(visiting)]
InDatabase = Annotated[Database, Depends(in_database)]
