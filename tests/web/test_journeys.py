"""Whole ways through the dashboard in a real browser, with scripts and without, on a real server with a real agent:
what a page shows, the agent has done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from agent_support import wait_for
from browser import BUILT, Watched, window
from web_support import OWNER, Dashboard, Shop, make_shop

from postai.setup.server import LocalServer

BASE = "/d/store"
LONG = 120_000
"""Milliseconds after which a test gives up waiting; says nothing about how fast things are."""
HOSTILE = '"><img src=x onerror="window.hacked = 1">'
AMBIGUOUS = "how many order items per country?"
"""Customers have a country, suppliers, too."""


@pytest.fixture(scope="module")
def own(pg15: LocalServer) -> Iterator[Shop]:
    """A store of which nothing is made up: its agent collects every second, and measures a second after a change."""
    yield from make_shop(pg15, played=False, settings={"collect_interval": "1s", "verify_after": "1s"})


@pytest.fixture(scope="module")
def site(own: Shop) -> Iterator[Dashboard]:
    with Dashboard(own.place / "web", {"store": own.dsn}) as one:
        yield one


@pytest.fixture(params=[True, False], ids=["scripts", "plain"])
def seen(request: pytest.FixtureRequest, chromium: Any, site: Dashboard) -> Iterator[Watched]:
    """A window, with scripts and without."""
    with window(chromium, site.address, scripts=request.param) as one:
        yield one


def main_text(seen: Watched) -> str:
    return str(seen.page.locator("main").inner_text())


def comes(seen: Watched, selector: str) -> None:
    """Wait until the page shows that: by itself where scripts run, else by loading it anew."""
    found = seen.page.locator(selector).first
    if seen.scripts and BUILT.exists():
        found.wait_for(timeout=LONG)
        return

    def there() -> bool:
        seen.page.reload()
        return bool(found.count())

    wait_for(there, LONG / 1000)


def ends_as(seen: Watched, outcome: str) -> None:
    """Wait until the proposal's own state, or the one of an action of it, is that."""
    comes(seen, f"#progress .badge:text-is('{outcome}')")


def press(seen: Watched, button: str) -> None:
    """Press a button and wait for the page that it leads to."""
    with seen.page.expect_navigation():
        seen.page.click(button)


def type_into_box(seen: Watched, text: str) -> None:
    if seen.scripts and BUILT.exists():
        seen.page.click(".cm-content")
        seen.page.keyboard.press("Control+A")
        seen.page.keyboard.insert_text(text)
    else:
        seen.page.fill("#text", text)


def propose(seen: Watched, ddl: str) -> int:
    """Ask for a schema change at the form; the number of its proposal, whose page is then open."""
    seen.open(f"{BASE}/migrations")
    seen.page.fill("[name=request]", ddl)
    seen.page.click("text=Propose steps")
    seen.page.wait_for_url("**/proposals/*")
    return int(seen.page.url.rpartition("/")[2])


def column(own: Shop, table: str, name: str) -> bool:
    found = own.database.execute(
        f"select from pg_attribute where attrelid = '{table}'::regclass and attname = '{name}' and not attisdropped"
    )
    return bool(found)


def events(own: Shop, proposal: int) -> list[Any]:
    found: list[Any] = own.database.execute(
        f"select actor::text, kind from postai.event where proposal = {proposal} order by id"
    )
    return found


# Logging in and asking -------------------------------------------------------------------------------------------


def test_a_wrong_password_then_the_right_one_and_a_question(seen: Watched, own: Shop) -> None:
    seen.page.goto(f"{BASE}/ask")
    assert seen.page.url.endswith("/login?next=/d/store/ask")
    for password in ("not hers", "olga"):
        seen.page.fill("[name=role]", "olga")
        seen.page.fill("[name=password]", password)
        seen.page.click("main button")
        seen.page.wait_for_load_state()
        if password != "olga":
            assert "28P01" in main_text(seen)
            assert seen.page.input_value("[name=role]") == "olga"
            assert seen.page.input_value("[name=password]") == ""
            seen.forgive(401)
    assert seen.page.url.endswith(f"{BASE}/ask"), "where it began"
    seen.settle()
    ((count,),) = own.database.execute("select count(*) from customers")
    type_into_box(seen, "how many customers are there?")
    seen.page.click("button[value=run]")
    seen.page.wait_for_selector("table.grid")
    seen.settle()
    assert seen.page.inner_text("table.grid tbody td") == str(count)
    assert "% sure" in main_text(seen) and "count(*)" in main_text(seen)
    seen.page.click("text=This is right")
    assert "Thank you" in seen.page.inner_text(".message")
    assert "how many customers are there?" in main_text(seen), "among one's last questions"
    last = "select correct, given_by::text from postai.feedback order by question_id desc limit 1"
    assert own.database.execute(last) == [(True, "olga")]


def test_where_it_is_not_sure_its_readings_can_be_run(seen: Watched) -> None:
    seen.log_in("olga")
    seen.open(f"{BASE}/ask")
    type_into_box(seen, AMBIGUOUS)
    seen.page.click("button[value=run]")
    seen.page.wait_for_selector(".readings a")
    assert "Not sure." in main_text(seen)
    assert seen.page.locator(".readings a").count() > 1
    seen.page.locator(".readings a").first.click()
    seen.page.wait_for_url("**/ask?text=*")
    seen.settle()
    seen.page.click("button[value=run]")
    seen.page.wait_for_selector("table.grid")


# From a slow statement to what its index brought -----------------------------------------------------------------


def run_slowly(own: Shop, times: int) -> None:
    """What the application does: a statement that no index serves."""
    with own.database.connect(OWNER) as connection:
        for number in range(times):
            connection.execute("select id, device from sessions where customer_id = %s", [number], prepare=False)


def test_slow_statement_proposal_preview_apply_progress_measured(chromium: Any, site: Dashboard, own: Shop) -> None:
    with window(chromium, site.address) as seen:
        seen.log_in("olga")

        def collected() -> bool:
            run_slowly(own, 100)
            seen.page.goto(f"{BASE}/queries?text=from+sessions+where&hours=1")
            return bool(seen.page.locator("tbody a").count())

        wait_for(collected, LONG / 1000)
        seen.page.locator("tbody a").first.click()
        seen.page.wait_for_url("**/queries/*")
        query_page = seen.page.url
        assert "public.sessions" in main_text(seen)
        assert "None that you may see" in main_text(seen), "nothing is proposed for it yet"
        seen.open(f"{BASE}/proposals")
        press(seen, "text=Look now")
        assert "The advisors looked just now" in seen.page.inner_text(".message")
        seen.open(query_page)
        seen.page.locator("a[href*='/proposals/']", has_text="sessions").first.click()
        seen.page.wait_for_url("**/proposals/*")
        proposal = int(seen.page.url.rpartition("/")[2])
        assert "Estimated" in main_text(seen) and "Waits" not in main_text(seen)
        seen.page.click("text=Preview and apply…")
        assert "CREATE INDEX CONCURRENTLY" in main_text(seen)
        assert "blocks no reads, no writes" in main_text(seen)
        press(seen, "button:has-text('Apply now')")
        seen.page.wait_for_url(f"**/proposals/{proposal}")
        ends_as(seen, "done")
        _measured(seen, own, proposal)
        _seen_on_the_statements_page(seen, query_page, proposal)


def _measured(seen: Watched, own: Shop, proposal: int) -> None:
    """The agent measures by itself, once a minute; a notification makes it look at once."""

    def measured() -> bool:
        run_slowly(own, 30)
        own.database.execute("select pg_notify('postai_verify', 'look')")
        return bool(own.database.execute(f"select from postai.proposal where id = {proposal} and measured is not null"))

    wait_for(measured, LONG / 1000)
    seen.open(f"{BASE}/proposals/{proposal}")
    text = main_text(seen)
    assert "helped" in text and "of the promised time was saved" in text
    gained = seen.page.locator("tr:has(td:text-is('Saves')) td").all_inner_texts()
    assert gained[2] != "–", gained
    assert seen.page.locator("h2:has-text('Statements that gain')").count() == 1
    assert ("postai_web_agent", "proposal.measured") in events(own, proposal)
    kinds = [kind for _, kind in events(own, proposal)]
    assert kinds.index("proposal.approved") < kinds.index("proposal.measured")


def _seen_on_the_statements_page(seen: Watched, query_page: str, proposal: int) -> None:
    seen.open(query_page)
    row = seen.page.locator("tr", has=seen.page.locator(f"a[href$='/proposals/{proposal}']")).last
    assert "applied" in row.inner_text() and "helped" in main_text(seen)
    assert re.search(r"\d", row.locator("td").last.inner_text()), "what was measured"
    props = seen.page.locator("[data-island=chart]").first.get_attribute("data-props")
    assert '"applied"' in props, "a mark in the trend"
    assert "What happened" in main_text(seen)


# Deciding --------------------------------------------------------------------------------------------------------


def test_a_dismissal_with_a_hostile_reason(seen: Watched, own: Shop) -> None:
    seen.log_in("olga")
    proposal = propose(seen, "alter table coupons add column dismissed_by_test int")
    seen.page.click("text=Dismiss, or close as done by hand")
    seen.page.fill("form[action$='/dismiss'] [name=reason]", HOSTILE)
    press(seen, "button:has-text('Dismiss')")
    seen.page.wait_for_load_state()
    for path in (f"/proposals/{proposal}", "/events?actor=olga&kind=proposal.dismissed", "/proposals?state=closed"):
        seen.open(BASE + path)
        assert "dismissed" in main_text(seen), path
    seen.open(f"{BASE}/events?actor=olga")
    assert HOSTILE in main_text(seen), "as text"
    if seen.scripts:
        assert seen.page.evaluate("window.hacked") is None
    assert events(own, proposal)[-1] == ("olga", "proposal.dismissed")


def test_a_window_that_is_cancelled_one_that_is_open_and_the_way_back(seen: Watched, own: Shop) -> None:
    name = f"windowed_{'with' if seen.scripts else 'without'}"
    seen.log_in("olga")
    proposal = propose(seen, f"alter table coupons add column {name} int")
    now = datetime.now(UTC)
    _schedule(seen, now + timedelta(days=2000), now + timedelta(days=2000, hours=2))
    assert "Begins in" in main_text(seen)
    assert not column(own, "coupons", name)
    press(seen, "text=Cancel this action")
    ends_as(seen, "cancelled")
    _schedule(seen, now - timedelta(hours=1), now + timedelta(hours=3))
    ends_as(seen, "applied")
    assert column(own, "coupons", name)
    seen.open(f"{BASE}/proposals/{proposal}")
    seen.page.click("text=Undo…")
    assert f"DROP COLUMN IF EXISTS {name}" in main_text(seen)
    press(seen, "button:has-text('Undo now')")
    ends_as(seen, "undone")
    assert not column(own, "coupons", name)
    done = [kind for _, kind in events(own, proposal)]
    assert done.count("action.queued") == 3 and "action.cancelled" in done, done


def _schedule(seen: Watched, begins: datetime, ends: datetime) -> None:
    seen.page.click("text=Schedule…")
    seen.settle()
    seen.page.fill("[name=begins]", f"{begins:%Y-%m-%dT%H:%M}")
    seen.page.fill("[name=ends]", f"{ends:%Y-%m-%dT%H:%M}")
    seen.page.fill("[name=time_zone]", "UTC")
    press(seen, "button:has-text('Schedule')")
    seen.page.wait_for_url(re.compile(r"/proposals/\d+$"))


def test_approved_by_one_applied_by_the_same_and_followed(seen: Watched, own: Shop) -> None:
    name = f"approved_{'with' if seen.scripts else 'without'}"
    seen.log_in("olga")
    proposal = propose(seen, f"alter table coupons add column {name} int")
    seen.page.click("text=Approve only…")
    assert "carries nothing out" in main_text(seen)
    press(seen, ".decide button")
    seen.page.wait_for_url(f"**/proposals/{proposal}")
    assert "Approved by olga" in main_text(seen) and not column(own, "coupons", name)
    seen.page.click("text=Preview and apply…")
    press(seen, "button:has-text('Apply now')")
    ends_as(seen, "applied")
    assert column(own, "coupons", name)


def test_a_reader_who_tries_is_refused_told_what_is_missing_and_recorded(
    seen: Watched, chromium: Any, site: Dashboard, own: Shop
) -> None:
    with window(chromium, site.address) as boss:
        boss.log_in("olga")
        proposal = propose(boss, "alter table coupons add column wanted_by_rita int")
        seen.log_in("rita")
        seen.open(f"{BASE}/proposals/{proposal}")
        assert "Operators decide." in main_text(seen)
        seen.page.click("text=Preview and apply…")
        assert "would be refused" in main_text(seen)
        press(seen, "text=Try all the same")
        seen.page.wait_for_load_state()
        assert "GRANT postai_operator TO rita;" in main_text(seen)
        seen.settle()
        seen.forgive(403)
        boss.open(f"{BASE}/events?kind=refused&actor=rita")
        assert f"proposal {proposal}" in main_text(boss)
        assert not column(own, "coupons", "wanted_by_rita")
        assert events(own, proposal)[-1] == ("rita", "refused")
