"""The application: rooms, headers, errors. Every error has the four parts that the other faces show."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import resources
from urllib.parse import quote, urlsplit

from anyio import to_thread
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

from postai import __version__
from postai.database.errors import NoConnectRight, NoHbaEntry, UnknownRole, WrongPassword
from postai.errors import ErrorParts, PostaiError
from postai.web import landing, login, tokens
from postai.web.bodies import BodyLimit
from postai.web.failures import status_of
from postai.web.headers import Headers, complete
from postai.web.manual import directory, serve_manual
from postai.web.rendering import page
from postai.web.room import API
from postai.web.rooms import ROOMS
from postai.web.sessions import THREADS
from postai.web.site import LOOKING, Site
from postai.web.visit import NotLoggedIn

log = logging.getLogger(__name__)

SWEEP_SECONDS = 60
LET_NOBODY_IN = (WrongPassword, UnknownRole, NoConnectRight, NoHbaEntry)


def create_app(site: Site) -> FastAPI:
    """The whole application for that site."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        to_thread.current_default_thread_limiter().total_tokens = THREADS
        sweeping = asyncio.create_task(_sweep(site))
        yield
        sweeping.cancel()
        site.sessions.close()
        if site.demo is not None:
            site.demo.pool.close()

    app = FastAPI(
        title="postai",
        version=__version__,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.site = site
    app.add_middleware(GZipMiddleware, minimum_size=1024, compresslevel=6)  # 9 takes longer for next to nothing
    if site.settings.public_url is not None:
        host = urlsplit(site.settings.public_url).hostname or ""
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[host], www_redirect=False)
    app.add_middleware(BodyLimit)
    app.add_middleware(Headers)
    app.add_exception_handler(PostaiError, _failed)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _broken)
    app.mount("/static", StaticFiles(directory=str(resources.files("postai.web") / "static")))
    app.include_router(login.router)
    app.include_router(landing.router)
    serve_manual(app, directory())
    for room in ROOMS:
        # Not include_router, which makes each route's models once more, which takes megabytes.
        app.router.routes.extend([*room.api.routes, *room.pages.routes])
    app.mount("/share", tokens.SharedPages(app.router, [route for room in ROOMS for route in tokens.shareable(room)]))
    return app


async def _sweep(site: Site) -> None:
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        await run_in_threadpool(site.sessions.sweep)


def _failed(request: Request, error: Exception) -> Response:
    assert isinstance(error, PostaiError)
    if isinstance(error, NotLoggedIn) and not _wants_json(request):
        back = _back(request) if request.method in LOOKING else ""
        return RedirectResponse(f"/login?next={back}" if back else "/login", status_code=303)
    visit = getattr(request.state, "visit", None)
    if isinstance(error, LET_NOBODY_IN) and visit and not visit.session.reads_only and _is_page(request):
        # Its login is not one of this database: ask for another, and keep the login until there is one.
        return RedirectResponse(f"/login?next={_back(request)}", status_code=303)
    return _told(request, error.as_parts(), status_of(error))


def _back(request: Request) -> str:
    query = request.url.query
    return quote(f"{request.url.path}?{query}" if query else request.url.path)


def _is_page(request: Request) -> bool:
    return request.method in LOOKING and not _wants_json(request)


def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    places = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return _told(request, ErrorParts("22023", "the request has a mistake", places), 422)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    parts = ErrorParts("42704" if error.status_code == 404 else "PA000", f"{error.detail}".lower())
    response = _told(request, parts, error.status_code)
    response.headers.update(error.headers or {})
    return response


def _broken(request: Request, error: Exception) -> Response:
    mark = secrets.token_hex(4)
    log.error("a request failed", exc_info=error, extra={"path": request.url.path, "mark": mark})
    parts = ErrorParts("XX000", "postai failed", f"Its log has the reason beside {mark}.", "Report it with that part.")
    response = _told(request, parts, 500)
    complete(response.headers, request.scope, 500)  # Starlette sends it from outside of every middleware
    return response


def _told(request: Request, parts: ErrorParts, status: int) -> Response:
    if _wants_json(request):
        told = {"sqlstate": parts.sqlstate, "message": parts.message, "detail": parts.detail, "hint": parts.hint}
        return JSONResponse({"error": told}, status_code=status)
    return page(request, "error.html", visit=getattr(request.state, "visit", None), status=status, error=parts)


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith("/api/")
