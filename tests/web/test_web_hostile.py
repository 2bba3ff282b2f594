"""Names, texts and files that somebody made to hurt: pages, drawings and files show them as they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from typing import Any
from urllib.parse import quote

import postgast
import pytest
from browser import BUILT, window
from web_support import Dashboard, Person, Shop

from postai.database.identifiers import quote_ident
from postai.observe.report import script_of

API = "/api/v1/databases/store"
NAMES = (
    '"><svg onload=alert(1)>',
    "a\nb\r\nc\td",
    "it's; drop table orders; --",
    "../../%2e%2e/etc?x=1#y&z%s%n{{7*7}}${7*7}",
    "\u202egnp.exe \u2066\u200b\U0001f4a9",
    "back\\slash /* */ $$ ' \" `",
    "=cmd|' /C calc'!A0",
    "x" * 63,
)
"""Of tables and all that belongs to them; at most 63 bytes each."""
SCHEMA = "od\"d <b>'s"


@pytest.fixture(scope="module")
def odd(shop: Shop) -> Iterator[list[str]]:
    """Tables of such names, each referring to the one before; their qualified and quoted names."""
    place = quote_ident(SCHEMA)
    tables = [f"{place}.{quote_ident(name)}" for name in NAMES]
    made = [f"create schema {place}", f"grant usage on schema {place} to olga"]
    for at, (name, table) in enumerate(zip(NAMES, tables, strict=True)):
        column, comment = quote_ident(name), "'" + name.replace("'", "''") + "'"
        refers = (
            f", constraint {quote_ident('k' + name[:50])} foreign key (other) references {tables[at - 1]}" if at else ""
        )
        made += [f"create table {table} ({column} int primary key, other int{refers}); grant select on {table} to olga",
                 f"comment on table {table} is {comment}; comment on column {table}.{column} is {comment}",
                 f"create index {quote_ident('i' + name[:50])} on {table} ({column}) where {column} <> 7",
                 f"create view {place}.{quote_ident('v' + name[:50])} as select {column} from {table}",
                 f"create function {place}.{quote_ident('f' + name[:50])}() returns int return 1"]  # fmt: skip
    shop.database.execute(";\n".join(made))
    yield tables
    shop.database.execute(f"drop schema {place} cascade")


@pytest.fixture(scope="module")
def olga(dashboard: Dashboard) -> Person:
    return dashboard.log_in("olga")


def test_pages_show_names_as_they_are(odd: list[str], olga: Person) -> None:
    shown = {table: olga.get(f"/d/store/schema/table?name={quote(table)}") for table in odd}
    shown |= {f"around {table}": olga.get(f"/d/store/schema/diagram?name={quote(table)}&depth=2") for table in odd}
    shown |= {f"search {name}": olga.get(f"/d/store/schema?text={quote(name)}") for name in NAMES}
    shown["schema"] = olga.get(f"/d/store/schema?of={quote(SCHEMA)}")
    shown["report"] = olga.get("/d/store/report?section=storage")
    for what, answer in shown.items():
        assert answer.status == 200, what
        assert not any(one in answer.text for one in ("<svg onload", "<b>'s", "{{7*7}}49", "${49")), what
    assert all(escape(name, quote=False).split("'")[0].split('"')[0] in shown["schema"].text for name in NAMES)
    for table in odd:
        assert olga.get(f"{API}/schema/table?name={quote(table)}").json["table"]["name"] == table
    assert SCHEMA in olga.get(f"{API}/ask/names").json["schemas"]


def test_statements_and_plans_with_such_names(odd: list[str], olga: Person) -> None:
    for name, table in zip(NAMES, odd, strict=True):
        text = f"select x.{quote_ident(name)} as {quote_ident(name)} from {table} as x"
        asked = olga.post("/d/store/ask", {"text": text})
        assert asked.status == 200 and "<svg onload" not in asked.text, name
        plan = olga.post("/d/store/ask", {"text": text, "how": "explain"})
        assert plan.status == 200 and "<svg onload" not in plan.text, name
        rows = olga.post("/d/store/ask/rows.json", {"text": text})
        assert json.loads(rows.text)["columns"] == [name]
        sheet = olga.post("/d/store/ask/rows.csv", {"text": text})
        assert not sheet.text.lstrip('"').startswith("=")


def test_a_drawn_plan_runs_nothing(chromium: Any, dashboard: Dashboard) -> None:
    if not BUILT.exists():
        pytest.skip("the scripts are not built: make assets")
    hostile = "<img src=x onerror='parent.hacked = hacked = 1'>"
    quoted = hostile.replace("'", "''")
    where = f"\"{hostile}\".id > 5 and '{quoted}' <> now()::text"
    text = f'select count(*) as "{hostile}" from orders as "{hostile}" where {where}'
    with window(chromium, dashboard.address) as seen:
        seen.log_in("olga")
        seen.open(f"/d/store/ask?text={quote(text)}")
        seen.page.click("button[value=analyze]")
        seen.page.click("details.viewer summary")
        frame = seen.page.frame_locator("iframe")
        frame.locator("text=Aggregate").first.click()
        for tab in ("Raw", "Query"):
            frame.locator(f"a:has-text('{tab}')").first.click()
        seen.page.wait_for_timeout(300)
        assert seen.page.evaluate("window.hacked") is None
        assert frame.locator("img[src=x]").count() == 0 and frame.locator("text=onerror").count() > 0


def test_a_comment_does_not_swallow_what_ends_a_statement() -> None:
    script = script_of([(1, "one", "", ["drop table a -- of no use", "create table b ()"], ["select 1 -- x"])])
    kinds = [str(one.stmt.WhichOneof("node")) for one in postgast.parse(script).stmts]
    assert kinds == ["drop_stmt", "create_stmt"]
