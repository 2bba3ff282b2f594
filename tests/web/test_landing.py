"""The landing page: small, plain, and a demonstration that gives away nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from browser import NARROW, SIDEWAYS, WIDE, window
from web_support import Dashboard, Person, Shop

from postai.web.landing import rendered
from postai.web.rendering import Templates

STATIC = resources.files("postai.web") / "static"
MOST_BYTES = 60_000


@pytest.fixture(scope="module")
def site(shop: Shop) -> Iterator[Dashboard]:
    """A dashboard with a demonstration, whose login may read two tables."""
    shop.database.execute(
        "do $$ begin if to_regrole('visitor') is null then create role visitor login password 'visitor';"
        " end if; end $$;"
        " grant postai_user to visitor; grant select on products, customers to visitor"
    )
    place = shop.place / "landing"
    place.mkdir()
    passfile = place / "passfile"
    passfile.write_text("*:*:*:visitor:visitor\n")
    passfile.chmod(0o600)
    with Dashboard(place, {"store": shop.dsn}, f'demo_dsn = "{shop.dsn} user=visitor passfile={passfile}"') as one:
        yield one


def test_it_is_small_and_names_no_other_host() -> None:
    templates = Templates()
    page = rendered(templates, demo=True)
    files = [(STATIC / name).read_bytes() for name in ("site.css", "site.js", "icon.svg")]
    assert sum(len(gzip.compress(one)) for one in (page.encode(), *files)) < MOST_BYTES
    assert "http" not in page
    assert "demo" not in rendered(templates, demo=False, static=True).split('<section id="what">')[0].split("<main")[1]


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_reads_well(chromium: Any, site: Dashboard, size: dict[str, int], scheme: str) -> None:
    with window(chromium, site.address) as seen:
        seen.page.goto("/about/")
        seen.look(size, scheme)
        assert seen.page.evaluate(SIDEWAYS) <= 0
        assert seen.findings() == []


def test_a_question_is_answered_with_and_without_scripts(chromium: Any, site: Dashboard) -> None:
    for scripts in (True, False):
        with window(chromium, site.address, scripts=scripts) as seen:
            seen.page.goto("/about/")
            seen.page.fill("#question", "how many customers are there?")
            seen.page.click("#demo button")
            seen.page.wait_for_selector("#answer pre")
            assert "count(*)" in seen.page.inner_text("#answer pre")


def test_it_gives_away_nothing_and_is_limited(site: Dashboard) -> None:
    visitor = Person(site.address)
    told = [
        json.loads(visitor.post("/about/ask", {"question": text}, accept="application/json").text)
        for text in (
            "how many orders are there?",
            "select * from pg_authid",
            "drop table customers",
            "<script>1</script>",
            "",
        )
    ]
    assert all(one["rows"] == [] for one in told)
    assert "visitor" not in json.dumps(told)
    codes = [visitor.post("/about/ask", {"question": "x"}).status for _ in range(12)]
    assert codes[-1] == 429


def test_without_a_login_for_it_there_is_none(dashboard: Dashboard) -> None:
    visitor = Person(dashboard.address)
    assert "Try it" not in visitor.get("/about/").text
    assert visitor.post("/about/ask", {"question": "how many customers?"}).status == 404
