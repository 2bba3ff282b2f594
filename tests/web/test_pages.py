"""Every page of every room, found by walking: no fault in a real browser, wide and narrow, light and dark, and without
scripts. A new room is covered as soon as it is in ROOMS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from urllib.parse import urlsplit

import pytest
from browser import NARROW, Watched
from fastapi.routing import APIRoute
from starlette.routing import Match
from web_support import Dashboard, Person

from postai.web.rooms import ROOMS

LINK = re.compile(r'<(?:a|iframe)\b[^>]*?\b(?:href|src)="([^"]*)"')
FORM = re.compile(r'<form\b(?![^>]*method="post")[^>]*?\baction="([^"]*)"')
START = "/d/store/"


@dataclass(frozen=True)
class Walk:
    """The pages that links lead to.

    Attributes:
        pages: an address of each route that gives a page.
        missed: routes to which no link leads.
        broken: addresses that a link leads to and that fail.
    """

    pages: dict[str, str]
    missed: list[str]
    broken: list[str]


def _route_of(address: str, routes: dict[str, APIRoute]) -> str | None:
    scope = {"type": "http", "method": "GET", "path": urlsplit(address).path, "root_path": "", "headers": []}
    return next((path for path, one in routes.items() if one.matches(scope)[0] is Match.FULL), None)


def walk(person: Person) -> Walk:
    """Follow links from the overview, two addresses of each route at most."""
    routes = {path: route for room in ROOMS for path, route in room.shown().items()}
    seen: dict[str, list[str]] = {}
    broken = []
    waiting, known = [START], {START}
    while waiting:
        address = waiting.pop(0)
        route = _route_of(address, routes)
        taken = seen.setdefault(route or urlsplit(address).path, [])
        if len(taken) == 2:
            continue
        answer = person.get(address)
        if answer.status != 200:
            broken.append(f"{answer.status} {address}: {answer.words()[:300]}")
            continue
        if answer.headers.get_content_type() != "text/html":
            continue
        taken.append(address)
        for target in (*LINK.findall(answer.text), *FORM.findall(answer.text)):
            link = unescape(target).partition("#")[0]
            if link.startswith("?"):
                link = urlsplit(address).path + link
            if link.startswith(START) and link not in known:
                known.add(link)
                waiting.append(link)
    pages = {path: taken[0] for path, taken in seen.items() if path in routes and taken}
    return Walk(pages, sorted(routes.keys() - pages.keys()), broken)


@pytest.fixture(scope="module")
def walked(dashboard: Dashboard) -> Walk:
    return walk(dashboard.log_in("olga"))


@pytest.fixture(scope="module")
def pages(walked: Walk) -> Iterator[dict[str, str]]:
    yield {"login": "/login", "error": "/d/store/no-such-page", **walked.pages}


def test_a_link_leads_to_every_page_and_none_leads_nowhere(walked: Walk) -> None:
    assert "/" in walked.pages
    assert not walked.broken
    assert not walked.missed, "no link leads there; tests/web/scene.sql may lack the data that would show one"


def _problems(window: Watched, address: str, expected: int) -> list[str]:
    response = window.open(address)
    found = [] if response.status == expected else [f"status {response.status}"]
    title = window.page.title()
    if not title.endswith("postai") or title.startswith(("·", "postai")):
        found.append(f"title {title!r}")
    if (headings := window.page.locator("h1").count()) != 1:
        found.append(f"{headings} headings of the first order")
    return found


def _forgive_missing(window: Watched) -> None:
    """The one page that is not there is told of by the browser, too."""
    window.faults[:] = [one for one in window.faults if "no-such-page" not in one or "404" not in one]


def test_in_a_browser(pages: dict[str, str], window: Callable[..., Watched]) -> None:
    seen = window()
    problems = {}
    for name, address in pages.items():
        found = _problems(seen, address, 404 if name == "error" else 200)
        _forgive_missing(seen)
        found += seen.looks() + seen.faults
        seen.faults.clear()
        if found:
            problems[f"{name} ({address})"] = found
    assert not problems


def test_without_scripts(pages: dict[str, str], window: Callable[..., Watched]) -> None:
    """Pages are whole before any script runs; opened narrow, so that nothing was laid out for more."""
    seen = window(scripts=False, viewport=NARROW, color_scheme="dark")
    problems = {}
    for name, address in pages.items():
        response = seen.open(address)
        found = [] if response.status == (404 if name == "error" else 200) else [f"status {response.status}"]
        _forgive_missing(seen)
        text = seen.page.locator("main").inner_text()
        found += [] if len(text.split()) > 3 else [f"shows nothing: {text!r}"]
        found += seen.sideways() + seen.faults
        seen.faults.clear()
        if found:
            problems[f"{name} ({address})"] = found
    assert not problems
