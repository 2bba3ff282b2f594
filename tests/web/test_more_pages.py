"""Pages that no link of an operator leads to: those of people with fewer rights and of strangers, errors, what a form
gives, shared pages, a provider's login. Each wide and light, narrow and dark, without a fault."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browser import BUILT, NARROW, ROOT, Watched
from browser import window as opened
from oidc_provider import CLIENT, SECRET, Provider
from web_support import Dashboard, Shop, reader_of

BASE = "/d/store"
HOSTILE = "\"><script>alert(9)</script><img src=x onerror='alert(8)'>"
AS_ROW = """select '"><script>alert(9)</script>' as "<img src=x onerror='alert(8)'>" """
CENTER = 'public."<script>alert(1)</script>"'


KNOWN = ("/schema", "/queries", "/proposals?", "/events", "/ask")


def problems(
    seen: Watched, name: str, status: int, expected: int = 200, *, known: bool = False
) -> dict[str, list[str]]:
    """What is wrong with the page that is open; nothing that it told until now counts for the next one.

    Args:
        known: test_pages.py looks at this kind of page; only what it holds is another.
    """
    found = [] if status == expected else [f"status {status}"]
    seen.forgive(expected)
    if (headings := seen.page.locator("h1").count()) != 1:
        found.append(f"{headings} headings of the first order")
    if known:
        seen.look(NARROW, "dark")
        found += seen.sideways()
    found += ([] if known else seen.looks()) + seen.faults
    seen.faults.clear()
    return {name: found} if found else {}


def number_of(shop: Shop, condition: str) -> int:
    ((number,),) = shop.database.execute(f"select max(id) from postai.proposal where {condition}")
    assert isinstance(number, int), condition
    return number


def addresses(shop: Shop) -> dict[str | None, dict[str, int]]:
    """By who looks, None = a stranger: addresses and their status."""
    migration = number_of(shop, "kind = 'migrate' and state = 'open'")
    applied = number_of(shop, "kind = 'migrate' and outcome = 'applied'")
    dismissed = number_of(shop, "outcome = 'dismissed'")
    typed = quote(HOSTILE, safe="")
    hostile = [
        name
        for (name,) in shop.database.execute(
            "select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace"
            " where relkind in ('r', 'v') and relname ~ '[<>]'"
        )
    ]
    assert len(hostile) > 2
    return {
        "olga": {
            **{f"/proposals/{migration}/preview?verb={verb}": 200 for verb in ("approve", "schedule", "apply")},
            f"/proposals/{applied}/preview?verb=undo": 200,
            f"/proposals/{dismissed}": 200,
            **{f"/replications/to-here/confirm/{verb}": 200 for verb in ("rollback", "complete", "abort")},
            **{f"/schema/table?name={quote(str(one), safe='')}": 200 for one in hostile},
            f"/schema/diagram?name={quote(CENTER, safe='')}&depth=2": 200,
            f"/schema?text={typed}": 200,
            "/schema?of=public": 200,
            f"/queries?text={typed}&table={typed}": 200,
            f"/proposals?state=all&words={typed}": 200,
            f"/events?actor={typed}&kind={typed}": 200,
            f"/ask?text={typed}": 200,
            "/report?hours=24": 200,
            "/proposals/999999": 400,
            "/proposals/many": 422,
            f"/proposals?sort={typed}": 400,
            "/replications/%3Cscript%3E": 400,
            "/no-such-page": 404,
        },
        "rita": {
            "/": 200, "/queries": 200, "/proposals": 200, f"/proposals/{migration}": 200, "/people": 200,
            f"/proposals/{migration}/preview": 200, "/replications": 403, "/events/chain": 403,
        },
        "nora": {"/": 200, "/schema": 200, "/events": 403},
        None: {
            "/login": 200, f"/login?next={typed}": 200, "/share/store/wrong": 401, "/no-such-page": 404,
            "/manual/no-such-page": 404,
        },
    }  # fmt: skip


@pytest.mark.parametrize("who", ["olga", "rita", "nora", None])
def test_pages_by_address(window: Callable[..., Watched], shop: Shop, who: str | None) -> None:
    seen = window(who)
    found: dict[str, list[str]] = {}
    for path, status in addresses(shop)[who].items():
        response = seen.open((BASE if who else "") + path)
        known = who == "olga" and status == 200 and path.startswith(KNOWN)
        found |= problems(seen, path, response.status, status, known=known)
    assert not found, "\n".join(f"{page}: {one}" for page, all_of_it in found.items() for one in all_of_it)


def answered(seen: Watched, press: str) -> int:
    """Press a button that leads to a page; the status of that page."""
    with seen.page.expect_navigation() as told:
        seen.page.click(press)
    status: int = told.value.status
    seen.settle()
    return status


def test_what_forms_give(window: Callable[..., Watched]) -> None:
    seen = window()
    found: dict[str, list[str]] = {}
    for ddl in ("alter table orders alter column total type text", f"alter tabel {HOSTILE}"):
        seen.open(f"{BASE}/migrations/lint")
        seen.page.fill("[name=ddl]", ddl)
        found |= problems(seen, ddl, answered(seen, "text=Look for hazards"), 200 if "table" in ddl else 403)
    for text, how, status in (
        ("how many customers are there?", "run", 200),
        (f"how many unicorns? {HOSTILE}", "run", 200),
        ("select c.name, o.* from orders as o join customers as c on c.id = o.customer_id limit 20", "run", 200),
        (AS_ROW, "run", 200),
        ("delete from orders", "run", 403),
        ("select * from orders order by total limit 3", "analyze", 200),
    ):
        seen.open(f"{BASE}/ask?text={quote(text, safe='')}")
        found |= problems(seen, text, answered(seen, f"button[value={how}]"), status)
    seen.open(f"{BASE}/plans?left={quote('select * from orders')}&right={quote('select * from orders where id = 1')}")
    found |= problems(seen, "two plans", answered(seen, "main form button"))
    seen.open(f"{BASE}/people")
    seen.page.fill("form[action$='/tokens'] [name=title]", HOSTILE)
    found |= problems(seen, "a token", answered(seen, "text=Make a token"))
    assert not found, "\n".join(f"{page}: {one}" for page, all_of_it in found.items() for one in all_of_it)


def test_a_wrong_password(window: Callable[..., Watched]) -> None:
    seen = window(None)
    seen.open("/login")
    seen.page.fill("[name=role]", HOSTILE)
    seen.page.fill("[name=password]", "x")
    assert not problems(seen, "wrong password", answered(seen, "main button"), 401)


def test_a_shared_page_shows_itself_to_a_stranger(window: Callable[..., Watched]) -> None:
    seen = window()
    seen.open(f"{BASE}/people?page=/queries?hours=24")
    seen.page.fill("form[action$='/links'] [name=title]", HOSTILE)
    answered(seen, "text=Make a link")
    told = seen.page.locator("main").inner_text()
    (link,) = (word for word in told.split() if "/share/store/" in word)
    stranger = window(None)
    response = stranger.open("/share/" + link.strip(".,").partition("/share/")[2])
    assert HOSTILE in stranger.page.inner_text(".top")
    assert not problems(stranger, "shared", response.status)


def test_a_page_that_breaks_is_told_and_keeps_the_policy(chromium: Any, shop: Shop, tmp_path: Path) -> None:
    """A copy of the dashboard in which one template has a mistake."""
    package = tmp_path / "package"
    shutil.copytree(ROOT / "agent", package, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "manual"))
    (package / "postai" / "web" / "templates" / "connections.html").write_text("{{ nothing_of_that_name }}")
    web = Dashboard(tmp_path, {"store": shop.dsn}, environment={"PYTHONPATH": str(package)}).start()
    try:
        with opened(chromium, web.address) as seen:
            seen.log_in("olga")
            response = seen.open(f"{BASE}/connections")
            policy = response.headers["content-security-policy"]
            assert "default-src 'none'" in policy and response.headers["cache-control"] == "no-store"
            (mark,) = (one["mark"] for one in web.log() if "mark" in one)
            text = seen.page.locator("main").inner_text()
            assert mark in text and "nothing_of_that_name" not in text
            assert not problems(seen, "broken", response.status, 500)
            assert seen.open(f"{BASE}/").status == 200, "the others are as they were"
    finally:
        web.stop()


@pytest.fixture
def with_provider(shop: Shop, tmp_path: Path) -> Iterator[tuple[Dashboard, Provider]]:
    person = {"sub": "1", "email": "ada@shop.example", "email_verified": True, "name": HOSTILE}
    with Provider(person) as provider:
        web = Dashboard(tmp_path, {"store": shop.dsn}, environment={"POSTAI_WEB__OIDC__CLIENT_SECRET": SECRET})
        with web.config.open("a") as file:
            file.write(
                f'{reader_of(tmp_path)}\npublic_url = "{web.address}"\n'
                f'[web.oidc]\nissuer = "{provider.issuer}"\nclient_id = "{CLIENT}"\n'
            )
        with web:
            yield web, provider


def test_a_providers_login_and_what_is_wrong_with_it(chromium: Any, with_provider: tuple[Dashboard, Provider]) -> None:
    web, provider = with_provider
    with opened(chromium, web.address) as seen:
        seen.open("/login")
        found = problems(seen, "login", 200)
        provider.lie = {"nonce": "another"}
        status = answered(seen, f"text=Log in at {provider.issuer}")
        seen.faults[:] = [one for one in seen.faults if f"a request to {provider.issuer}/" not in one]
        found |= problems(seen, "refused", status, 401)
        provider.lie = {}
        seen.open("/login")
        answered(seen, f"text=Log in at {provider.issuer}")
        seen.page.wait_for_url("**/d/store/")
        seen.faults[:] = [one for one in seen.faults if f"a request to {provider.issuer}/" not in one]
        found |= problems(seen, "a guest", 200)
        seen.open(f"{BASE}/people")
        found |= problems(seen, "a guest's people", 200)
    assert not found, "\n".join(f"{page}: {one}" for page, all_of_it in found.items() for one in all_of_it)


def test_pages_are_printed_as_documents(window: Callable[..., Watched], shop: Shop) -> None:
    """What can only be pressed is not on paper; what was folded is."""
    from pypdf import PdfReader

    seen = window()
    migration = number_of(shop, "kind = 'migrate' and state = 'open'")
    for path, words in (("/", "Statements of the last hour"), (f"/proposals/{migration}", "DROP COLUMN IF EXISTS")):
        seen.open(BASE + path)
        pages = PdfReader(io.BytesIO(seen.page.pdf(format="A4"))).pages
        text = " ".join("".join(page.extract_text() for page in pages).split())
        assert f"postai · store · {BASE}{path}" in text and "olga" in text
        assert words in text
        assert "Log out" not in text and "Preview and apply" not in text and "Ask a question" not in text


def test_the_manual_where_it_was_built(window: Callable[..., Watched]) -> None:
    if not (BUILT.parents[1] / "manual" / "index.html").exists():
        pytest.skip("the manual is not built: make manual")
    seen = window(None)
    for path in ("/manual/", "/manual/web/"):
        assert seen.open(path).status == 200
        assert not seen.sideways()
