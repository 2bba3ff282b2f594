"""Logging in as a PostgreSQL role: the server judges name and password, as for psql."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote, unquote, urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from postai.database import connect
from postai.database.errors import ConnectionFailed
from postai.errors import ErrorParts, UsageError
from postai.web.limits import TooOften, network_of
from postai.web.logins import Login, with_password
from postai.web.rendering import page
from postai.web.sessions import Browser, Session
from postai.web.site import LOOKING, Site, site_of
from postai.web.visit import cookie_of, form_fields, logged_in, own_form, token_of

if TYPE_CHECKING:
    from postai.web.oidc import Provider

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

TOO_MANY = "there were too many wrong passwords"


@router.api_route("/", methods=[*LOOKING])
def start(request: Request) -> Response:
    """To the database, or the list of them where there are several; who is not logged in is led to the login."""
    site = site_of(request)
    if not site.databases:
        return RedirectResponse("/login", status_code=303)
    first, page_of = next(iter(site.databases)), ""
    session = site.sessions.peek(token_of(request))
    if session is not None and len(site.databases) > 1:
        # Told beside a database that lets this login in: its pages are a click away.
        first, page_of = session.let_in or first, "connections"
    return RedirectResponse(f"/d/{quote(first, safe='')}/{page_of}", status_code=303)


@router.api_route("/login", methods=[*LOOKING])
def ask(request: Request, next: str = "") -> Response:
    """The form."""
    where = local_path(next)
    there = unquote(where.removeprefix("/d/").partition("/")[0])
    session = site_of(request).sessions.peek(token_of(request))
    return page(request, "login.html", next=where, role="", database=there, session=session, error=None)


@router.post("/login")
async def log_in(request: Request, fields: Annotated[dict[str, str], Depends(form_fields)]) -> Response:
    """Begin a session when the server lets the role in."""
    site = site_of(request)
    role, password = fields.get("role", ""), fields.get("password", "")
    database = site.database(fields.get("database", ""))
    if not _from_here(request):
        return _again(request, fields, ErrorParts("28000", "this form was sent from another site"), 403)
    address = network_of(request.client.host if request.client else "")
    key = (address, role)
    wait = site.addresses.take(address) or site.logins.take(key)
    if wait:
        parts = ErrorParts("28000", TOO_MANY, "For this role, or from your address.", f"Try again in {wait} s.")
        response = _again(request, fields, parts, 429)
        response.headers["retry-after"] = str(wait)
        return response
    if not role or not password:
        return _again(request, fields, ErrorParts("28P01", "give role and password"), 400)
    login = with_password(role, password, database.dsn)
    try:
        async with site.trying:
            await run_in_threadpool(_let_in, login.dsn_for(database.dsn))
    except ConnectionFailed as error:
        log.info("a login was refused", extra={"role": role, "database": database.name})
        return _again(request, fields, error.as_parts(), 401)
    site.logins.forget(key)
    where = local_path(fields.get("next", "")) or f"/d/{quote(database.name, safe='')}/"
    return await run_in_threadpool(begin, request, role, login, where)


def _let_in(dsn: str) -> None:
    connect(dsn, application_name="post-ai web").close()


def _from_here(request: Request) -> bool:
    """Whether the form is a page's of ours: browsers tell by the one header, over plain http by the other alone."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site in {"same-origin", "none"}
    origin = request.headers.get("origin")
    try:
        return origin is None or urlsplit(origin).hostname == request.url.hostname
    except ValueError:
        return False


def begin(request: Request, person: str, login: Login, where: str) -> Response:
    """A new session with a new token; the one that the browser had ends, so that nobody can plant one."""
    site = site_of(request)
    site.sessions.end(token_of(request))
    browser = Browser(request.client.host if request.client else "", request.headers.get("user-agent", "")[:300])
    token, _ = site.sessions.begin(person, login, browser)
    response = RedirectResponse(where, status_code=303)
    secure = request.url.scheme == "https"
    response.set_cookie(cookie_of(request), token, httponly=True, samesite="lax", secure=secure, path="/")
    return response


@router.get("/login/oidc")
async def go_to_provider(request: Request, next: str = "") -> Response:
    """To the provider, which sends the browser back to `come_back`."""
    site = site_of(request)
    if wait := site.addresses.take(network_of(request.client.host if request.client else "")):
        raise TooOften("there were too many logins from your address", hint=f"Try again in {wait} s.")
    provider = _provider(site)
    async with site.asking:
        where, browser = await run_in_threadpool(provider.begin, local_path(next))
    response = RedirectResponse(where, status_code=303)
    secure = request.url.scheme == "https"
    name = _provider_cookie(request)
    response.set_cookie(name, browser, max_age=600, httponly=True, samesite="lax", secure=secure, path="/")
    return response


@router.get("/login/oidc/callback")
async def come_back(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Begin a session of whom the provider names, on the login that the settings give."""
    site = site_of(request)
    provider, browser = _provider(site), request.cookies.get(_provider_cookie(request), "")
    if error:
        raise provider.refused(error)
    async with site.asking:
        identity, where = await run_in_threadpool(provider.finish, state, code, browser)
    login = site.login_of(identity)
    first = f"/d/{quote(next(iter(site.databases)), safe='')}/"
    response = await run_in_threadpool(begin, request, identity.name, login, where or first)
    response.delete_cookie(_provider_cookie(request), path="/", secure=request.url.scheme == "https", httponly=True)
    log.info("logged in at the provider", extra={"role": login.role, "reads_only": login.reads_only})
    return response


def _provider(site: Site) -> Provider:
    if site.provider is None:
        raise UsageError("no provider is configured", hint="Log in as a role at /login.")
    return site.provider


def _provider_cookie(request: Request) -> str:
    return f"{cookie_of(request)}_oidc"


@router.post("/logout", dependencies=[Depends(own_form)])
def log_out(request: Request, session: Annotated[Session, Depends(logged_in)]) -> Response:
    """End the session and its connections."""
    site_of(request).sessions.end(token_of(request))
    log.info("logged out", extra={"role": session.role})
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(cookie_of(request), path="/", secure=request.url.scheme == "https", httponly=True)
    return response


def local_path(address: str) -> str:
    """The address if it is a path of ours, else "" (no way out to another site)."""
    fit = address.startswith("/d/") and address.isprintable() and "\\" not in address and "//" not in address
    return address if fit else ""


def _again(request: Request, fields: dict[str, str], error: ErrorParts, status: int) -> Response:
    return page(
        request,
        "login.html",
        status=status,
        next=local_path(fields.get("next", "")),
        role=fields.get("role", ""),
        database=fields.get("database", ""),
        session=None,
        error=error,
    )
