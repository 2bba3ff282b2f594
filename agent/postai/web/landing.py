"""The landing page, and its demonstration: questions about a sample store, on a login with next to no rights."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, dataclass, field
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool

from postai.ask.asking import Answer, answer
from postai.database.pool import Pool
from postai.errors import PostaiError
from postai.web.limits import Limiter, network_of
from postai.web.manual import ADDRESS
from postai.web.rendering import Templates
from postai.web.site import LOOKING, site_of
from postai.web.visit import form_fields

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False)

LONGEST = 200
ROWS = 20
SECONDS = 5
AT_ONCE = 2


@dataclass(frozen=True, slots=True)
class Demo:
    """What answers on the landing page.

    Attributes:
        pool: of the login of `[web] demo_dsn`, two connections, a few seconds a statement.
        limit: by address.
        turn: who has none yet waits without a thread.
    """

    pool: Pool
    limit: Limiter
    turn: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))


@dataclass(frozen=True, slots=True)
class Told:
    """What a visitor is told; `error` alone when it did not come to an answer."""

    status: str = "failed"
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str | None, ...], ...] = ()
    sql: str | None = None
    explanation: str | None = None
    reason: str | None = None
    error: str | None = None


def open_demo(dsn: str, limit: Limiter) -> Demo:
    """The demonstration of that login."""
    milliseconds = SECONDS * 1000
    return Demo(Pool(dsn, max_size=AT_ONCE, application_name="post-ai demo", statement_timeout_ms=milliseconds), limit)


@router.api_route("/about/", methods=[*LOOKING])
def landing(request: Request) -> Response:
    """The page."""
    site = site_of(request)
    return HTMLResponse(rendered(site.templates, demo=site.demo is not None))


@router.post("/about/ask")
async def ask(request: Request, fields: Annotated[dict[str, str], Depends(form_fields)]) -> Response:
    """Answer one question, as the page or as JSON."""
    site = site_of(request)
    demo = site.demo
    question = fields.get("question", "")[:LONGEST].strip()
    status, told = 404, Told(error="There is no demonstration here.")
    if demo is not None:
        status, told = await _answered(demo, request.client.host if request.client else "", question)
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse(asdict(told), status_code=status)
    text = rendered(site.templates, demo=demo is not None, question=question, told=told)
    return HTMLResponse(text, status_code=status)


def rendered(
    templates: Templates, *, demo: bool, question: str = "", told: Told | None = None, static: bool = False
) -> str:
    """The page's text; `static` = for a plain web server, beside its files and the manual."""
    return templates.render(
        "landing.html",
        demo=demo,
        question=question,
        told=told,
        place=(lambda name: name) if static else templates.asset,
        manual="manual/" if static else ADDRESS,
    )


async def _answered(demo: Demo, address: str, question: str) -> tuple[int, Told]:
    if not question:
        return 400, Told(error="Type a question.")
    wait = demo.limit.take(network_of(address))
    if wait:
        return 429, Told(error=f"That is enough for now. Try again in {wait} s.")
    try:
        async with demo.turn:
            found = await run_in_threadpool(_asked, demo, question)
    except PostaiError as error:
        log.info("the demonstration did not answer", extra={"sqlstate": error.sqlstate})
        return 503, Told(error="The demonstration does not answer. Try again in a minute.")
    return 200, Told(found.status, found.columns, found.rows, found.sql, found.explanation, found.reason)


def _asked(demo: Demo, question: str) -> Answer:
    with demo.pool.database() as database:
        return answer(database, question, ROWS, SECONDS)
