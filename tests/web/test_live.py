"""Pages that stay up to date, in a browser: the agent stops, the dashboard stops, both come back."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from browser import BUILT, Watched, window
from pytest import fixture, skip
from web_support import Dashboard, Shop

LONG = 120_000
"""Milliseconds after which a test gives up waiting; says nothing about how fast things are."""


@fixture(autouse=True)
def scripts() -> None:
    if not BUILT.exists():
        skip("the scripts are not built: make assets")


@contextlib.contextmanager
def _agent_stopped(shop: Shop) -> Iterator[None]:
    led = shop.agent.events().count("leading this database")
    shop.agent.stop()
    try:
        yield
    finally:
        shop.agent.start()
        shop.agent.until("leading this database", led + 1)


def test_a_silent_agent_is_told_and_forgotten(window: Callable[..., Watched], shop: Shop) -> None:
    seen = window()
    seen.open("/d/store/")
    seen.page.get_by_text("Live, as of").wait_for(timeout=LONG)
    silent = seen.page.get_by_text("The agent is silent")
    assert silent.count() == 0
    with _agent_stopped(shop):
        silent.wait_for(timeout=LONG)
        assert "post-ai agent" in seen.page.locator("main").inner_text()
    silent.wait_for(state="detached", timeout=LONG)


def test_a_page_that_follows_an_action_outlives_errors_and_goes_on(window: Callable[..., Watched], shop: Shop) -> None:
    newest = "select max(id) from postai.proposal where kind = 'migrate' and state = 'open'"
    ((proposal,),) = shop.database.execute(newest)
    seen = window()
    seen.open(f"/d/store/proposals/{proposal}/preview?verb=schedule")
    for name, value in (("begins", "2032-01-01T01:00"), ("ends", "2032-01-01T03:00"), ("time_zone", "UTC")):
        seen.page.fill(f"[name={name}]", value)
    seen.page.click(".decide button")
    seen.page.wait_for_url(f"**/proposals/{proposal}")
    try:
        undo = seen.page.locator(".steps details").first
        undo.locator("summary").click()
        seen.context.set_offline(True)
        seen.page.get_by_text("The dashboard does not answer").wait_for(timeout=LONG)
        seen.context.set_offline(False)
        seen.page.get_by_text("The dashboard does not answer").wait_for(state="detached", timeout=LONG)
        assert undo.get_attribute("open") is not None, "what was opened stays open"
        seen.context.route(f"**/proposals/{proposal}", lambda one: one.fulfill(status=503, body="<h1>no</h1>"))
        seen.page.get_by_text("The server does not answer as it should").wait_for(timeout=LONG)
        assert "Begins in" in seen.page.locator("#progress").inner_text()
        seen.context.unroute(f"**/proposals/{proposal}")
        seen.page.get_by_text("The server does not answer as it should").wait_for(state="detached", timeout=LONG)
        seen.context.clear_cookies()
        seen.page.get_by_text("Your login is over. Reload the page").wait_for(timeout=LONG)
        assert "Begins in" in seen.page.locator("#progress").inner_text(), "what it showed is still there"
    finally:
        shop.database.execute(f"select postai.cancel(max(id)) from postai.action where proposal = {proposal}")
    seen.faults[:] = [one for one in seen.faults if f"/proposals/{proposal}" not in one and "htmx:error" not in one]


def test_a_dashboard_that_stops_is_told(chromium: Any, shop: Shop) -> None:
    with (
        Dashboard(shop.place / "live", {"store": shop.dsn}) as web,
        window(chromium, web.address) as seen,
    ):
        seen.log_in("rita")
        state = seen.page.locator("[data-live-from]")
        seen.page.get_by_text("Live, as of").wait_for(timeout=LONG)
        web.stop()
        seen.page.get_by_text("The dashboard does not answer").wait_for(timeout=LONG)
        web.start()
        # Logins do not outlive the process, so the page cannot go on without a new one.
        seen.page.get_by_text("Your login is over").wait_for(timeout=LONG)
        assert "Reload the page" in state.inner_text()
        seen.faults[:] = [one for one in seen.faults if "/live/overview" not in one]


def test_what_a_person_holds_is_from_before_until_they_let_go(window: Callable[..., Watched]) -> None:
    seen = window()
    seen.open("/d/store/")
    line = seen.page.locator("[data-live-from]")
    seen.page.get_by_text("Live, as of").wait_for(timeout=LONG)
    seen.page.evaluate("getSelection().selectAllChildren(document.querySelector('[data-live=state]'))")
    seen.page.evaluate("window.marked = document.querySelector('[data-live=state]').firstElementChild")
    before = seen.page.get_by_text("is from before")
    before.wait_for(timeout=LONG)
    assert seen.page.evaluate("window.marked.isConnected") and "Live, as of" in line.inner_text()
    seen.page.evaluate("getSelection().removeAllRanges()")
    before.wait_for(state="detached", timeout=LONG)
    assert not seen.page.evaluate("window.marked.isConnected"), "the newest is put in at once"
