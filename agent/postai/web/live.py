"""Pages that stay up to date by themselves: server-sent events with the parts of a page that changed.

    add_live(room, "overview", read, {"load": "overview/load.html"}, seconds=5)

makes GET /d/{database}/live/overview. On the page, `data-live="load"` marks the part's place, and `data-live-from` of
the main element names the stream; assets/src/live.js puts one into the other. A stream never prolongs a login and ends
with it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Path, Request
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from postai.database.errors import ConnectionFailed, ConnectionLost, TooManyConnections
from postai.errors import PostaiError
from postai.web.rendering import base_of
from postai.web.room import Room
from postai.web.site import site_of
from postai.web.visit import Visit, token_of

Read = Callable[[Visit, Mapping[str, int]], Any]
"""Reads what the parts show; opens a connection of the visit's session itself, if it needs one."""


def add_live(room: Room, what: str, read: Read, parts: Mapping[str, str], *, seconds: float, **numbers: int) -> None:
    """Register a stream.

    Args:
        room: whose pages it keeps up to date.
        what: its name in the address.
        read: gives the value that the parts' templates show as `it`; runs in a thread.
        parts: template of each part.
        seconds: between two looks.
        numbers: parameters of the address and what they are where they are not given.
    """

    async def stream(request: Request, database: Annotated[str, Path()]) -> StreamingResponse:
        site = site_of(request)
        site.database(database)
        given = {name: _number(request.query_params.get(name), usual) for name, usual in numbers.items()}
        session = site.sessions.peek(token_of(request))
        events = (
            _over("Your login is over.")
            if session is None
            else _events(request, Visit(site, session, database), lambda visit: read(visit, given), parts, seconds)
        )
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    room.pages.add_api_route(f"/live/{what}", stream, methods=["GET"], response_model=None)


def _number(text: str | None, usual: int) -> int:
    return int(text) if text is not None and text.isdecimal() and len(text) < 9 else usual


async def _over(why: str) -> AsyncIterator[str]:
    yield _event("over", why)


async def _events(
    request: Request, visit: Visit, read: Callable[[Visit], Any], parts: Mapping[str, str], seconds: float
) -> AsyncIterator[str]:
    site, session = visit.site, visit.session
    token = token_of(request)
    sent: dict[str, str] = {}
    with site.streams.begin(id(session)) as ended:
        while True:
            if site.sessions.peek(token) is not session:
                yield _event("over", "Your login is over.")
                return
            if ended.is_set():
                yield _event("over", "Too many pages of yours update themselves; this one has stopped.")
                return
            try:
                found = await run_in_threadpool(_rendered, request, visit, read, parts)
            except PostaiError as error:
                sent.clear()
                yield _event("trouble", _trouble(error))
            else:
                changed = {name: text for name, text in found.items() if sent.get(name) != text}
                sent |= changed
                yield _event("parts", changed)
            try:
                await asyncio.wait_for(ended.wait(), seconds)
            except TimeoutError:
                continue


def _rendered(request: Request, visit: Visit, read: Callable[[Visit], Any], parts: Mapping[str, str]) -> dict[str, str]:
    it = read(visit)
    values = {"request": request, "site": visit.site, "visit": visit, "it": it}
    values |= {"base": base_of(visit), "now": datetime.now(UTC)}
    return {name: visit.site.templates.render(template, **values) for name, template in parts.items()}


def _trouble(error: PostaiError) -> str:
    if isinstance(error, TooManyConnections):
        return "All connections of your login are busy. What you see is from before; this page goes on by itself."
    if isinstance(error, ConnectionFailed | ConnectionLost):
        return "The server does not answer. What you see is from before; this page goes on by itself when it is back."
    return f"{error.as_parts().message}. What you see is from before."


def _event(name: str, data: object) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
