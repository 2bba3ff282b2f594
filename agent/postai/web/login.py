"""Logging in as a PostgreSQL role: the server judges name and password, as for psql."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from postai.database import connect
from postai.database.errors import ConnectionFailed
from postai.errors import ErrorParts
from postai.web.rendering import page
from postai.web.sessions import Session, with_login
from postai.web.site import site_of
from postai.web.visit import COOKIE, form_fields, logged_in, own_request

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

TOO_MANY = "there were too many wrong passwords"


@router.get("/")
def start(request: Request) -> Response:
    """To the first database, or to the login."""
    site = site_of(request)
    return RedirectResponse(f"/d/{next(iter(site.databases))}/" if site.databases else "/login", status_code=303)


@router.get("/login")
def ask(request: Request, next: str = "") -> Response:
    """The form."""
    return page(request, "login.html", next=local_path(next), role="", database="", error=None)


@router.post("/login")
def log_in(request: Request, fields: Annotated[dict[str, str], Depends(form_fields)]) -> Response:
    """Begin a session when the server lets the role in."""
    site = site_of(request)
    role, password = fields.get("role", ""), fields.get("password", "")
    database = site.database(fields.get("database", ""))
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return _again(request, fields, ErrorParts("28000", "this form was sent from another site"), 403)
    key = (request.client.host if request.client else "", role)
    wait = site.logins.take(key)
    if wait:
        parts = ErrorParts("28000", TOO_MANY, f"For {role} from your address.", f"Try again in {wait} s.")
        response = _again(request, fields, parts, 429)
        response.headers["retry-after"] = str(wait)
        return response
    if not role or not password:
        return _again(request, fields, ErrorParts("28P01", "give role and password"), 400)
    try:
        connect(with_login(database.dsn, role, password), application_name="post-ai web").close()
    except ConnectionFailed as error:
        log.info("a login was refused", extra={"role": role, "database": database.name})
        return _again(request, fields, error.as_parts(), 401)
    site.logins.forget(key)
    token, _ = site.sessions.begin(role, role, password)
    response = RedirectResponse(local_path(fields.get("next", "")) or f"/d/{database.name}/", status_code=303)
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https", path="/")
    return response


@router.post("/logout", dependencies=[Depends(own_request)])
def log_out(request: Request, session: Annotated[Session, Depends(logged_in)]) -> Response:
    """End the session and its connections."""
    site_of(request).sessions.end(request.cookies.get(COOKIE))
    log.info("logged out", extra={"role": session.role})
    response = RedirectResponse("/login", status_code=303)
    response.delete_cookie(COOKIE, path="/")
    return response


def local_path(address: str) -> str:
    """The address if it is a path of ours, else "" (no way out to another site)."""
    return address if address.startswith("/d/") and "\\" not in address and "//" not in address else ""


def _again(request: Request, fields: dict[str, str], error: ErrorParts, status: int) -> Response:
    return page(
        request,
        "login.html",
        status=status,
        next=local_path(fields.get("next", "")),
        role=fields.get("role", ""),
        database=fields.get("database", ""),
        error=error,
    )
