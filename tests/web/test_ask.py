"""Ask in a real browser and over HTTP: an answer, an honest doubt, SQL, plans, files, and what must not happen."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from browser import BUILT, NARROW, SIDEWAYS, window
from web_support import Dashboard, Person, Shop

ASK = "/d/store/ask"


@pytest.fixture(scope="module")
def olga(dashboard: Dashboard) -> Person:
    return dashboard.log_in("olga")


def asked(person: Person, text: str, how: str = "run", **fields: str) -> Any:
    return person.post(ASK, {"text": text, "how": how, **fields})


def test_a_question_is_answered(olga: Person, shop: Shop) -> None:
    ((count,),) = shop.database.execute("select count(*) from customers")
    answer = asked(olga, "how many customers are there?")
    assert answer.status == 200
    assert f'<td class="n">{count}</td>' in answer.text
    assert "% sure" in answer.words()
    assert "count(*)" in answer.text


def test_what_is_not_understood_is_said(olga: Person) -> None:
    answer = asked(olga, "how many unicorns do we sell?")
    assert answer.status == 200
    assert "Not sure" in answer.words()
    assert "unicorns" in answer.words()


def test_an_answer_is_judged_and_listed(olga: Person, shop: Shop) -> None:
    asked(olga, "how many products are there?")
    ((number,),) = shop.database.execute("select max(id) from postai.question where asked_by = 'olga'")
    done = olga.post(f"{ASK}/feedback", {"question": str(number), "correct": "true"})
    assert (done.status, done.location) == (303, ASK)
    page = olga.get(ASK)
    assert "Thank you" in page.text
    assert "how many products are there?" in page.text
    assert shop.database.execute(f"select correct, given_by from postai.feedback where question_id = {number}") == [
        (True, "olga")
    ]


def test_sql_runs_as_the_person(olga: Person, dashboard: Dashboard) -> None:
    answer = asked(
        olga, "select session_user, current_user, current_setting('transaction_read_only'), null as x, '' as y"
    )
    assert '<td>olga</td><td>olga</td><td>on</td><td><span class="null">NULL</span></td><td></td>' in answer.text
    rita = dashboard.log_in("rita")
    refused = asked(rita, "select * from customers")
    assert refused.status == 403
    assert "42501" in refused.words()
    assert "select * from customers" in refused.text  # what was typed is still there


@pytest.mark.parametrize(
    "text",
    [
        "delete from orders",
        "select 1; select 2",
        "select nextval('orders_id_seq')",
        "select pg_terminate_backend(pg_backend_pid())",
        "select pg_stat_reset()",
        "select lo_creat(-1)",
    ],
)
def test_nothing_is_written(olga: Person, shop: Shop, text: str) -> None:
    before = shop.database.execute("select count(*) from orders")
    refused = asked(olga, text)
    assert refused.status == 403 and "PA003" in refused.words()
    assert shop.database.execute("select count(*) from orders") == before


def test_what_is_no_sql_is_a_question(olga: Person) -> None:
    assert "Not sure" in asked(olga, "selec").words()


def test_parameters_and_limits(olga: Person) -> None:
    text = "select $1::text as a, $2::int is null as b, $3 = '' as c, $1 as d"
    refused = asked(olga, text)
    assert refused.status == 400 and 'name="p3"' in refused.text and 'name="p4"' not in refused.text
    answer = asked(olga, text, given="3", p1="it's <b>\u2028\nx", null2="true", p3="")
    assert "<td>it&#39;s &lt;b&gt;\u2028\nx</td><td>t</td><td>t</td><td>it&#39;s" in answer.text
    rows = olga.post_json("/api/v1/databases/store/ask", {"text": "select $1, $2", "parameters": ["", None]})
    assert rows.json["rows"]["rows"] == [["", None]]
    grouped = "select date_trunc($1, ordered_at) as at, count(*) from orders group by date_trunc($1, ordered_at)"
    assert asked(olga, grouped, given="1", p1="year").status == 200
    for fields in ({}, {"given": "1", "p1": ""}):
        plan = asked(olga, "select * from orders where id = $1", how="explain", **fields)
        assert plan.status == 200 and "for any values of its parameters" in plan.text
    both = {"left": "select $1::int", "right": "select $1::int + 1", "given": "1", "p1": "7", "analyze": "true"}
    assert olga.post("/d/store/plans", both).status == 200
    answer = asked(olga, "select g from generate_series(1, 100) g", rows="3")
    assert "there are more" in answer.words()
    assert '<td class="n">4</td>' not in answer.text
    late = asked(olga, "select pg_sleep(20)", seconds="1")
    assert late.status == 504
    assert asked(olga, "select 1", rows="100000000").status == 400
    assert asked(olga, "select $1").status == 400


def test_files_hold_the_rows(olga: Person) -> None:
    text = "select 1.50 as price, '=1+1' as formula, null as nothing, 'a,\"b\"' as quoted, -5 as below"
    told = olga.post(f"{ASK}/rows.csv", {"text": text})
    assert told.headers["content-disposition"] == 'attachment; filename="rows.csv"'
    lines = list(csv.reader(io.StringIO(told.text)))
    assert lines == [["price", "formula", "nothing", "quoted", "below"], ["1.50", "'=1+1", "", 'a,"b"', "-5"]]
    told = olga.post(f"{ASK}/rows.json", {"text": text})
    assert json.loads(told.text)["rows"] == [["1.50", "=1+1", None, 'a,"b"', "-5"]]
    assert olga.post(f"{ASK}/rows.csv", {"text": "how many orders?"}).status == 400


def test_without_the_token_nothing_runs(olga: Person) -> None:
    for path in (ASK, f"{ASK}/rows.csv", "/d/store/plans", "/api/v1/databases/store/ask"):
        assert olga.post(path, {"text": "select 1", "csrf": "wrong"}).status == 403
    page = olga.get(f"{ASK}?text=select%20pg_sleep(1)").text
    assert "select pg_sleep(1)</textarea>" in page and '<table class="grid">' not in page, "in the box, not run"


def test_the_api_tells_the_same(olga: Person) -> None:
    told = olga.post_json("/api/v1/databases/store/ask", {"text": "select 1 as one", "how": "run"}).json
    assert told["rows"]["rows"] == [["1"]]
    plan = olga.post_json("/api/v1/databases/store/ask", {"text": "select 1", "how": "explain"}).json["plan"]
    assert plan["nodes"][0]["node"] == "Result"
    refused = olga.post_json("/api/v1/databases/store/ask", {"text": "drop table orders"})
    assert (refused.status, refused.json["error"]["sqlstate"]) == (403, "PA003")


@pytest.mark.skipif(not BUILT.exists(), reason="the scripts are not built: make assets")
def test_the_editor_completes_and_runs(chromium: Any, dashboard: Dashboard) -> None:
    with window(chromium, dashboard.address) as seen:
        seen.log_in("olga")
        seen.open(ASK)
        seen.page.wait_for_selector(".cm-content")
        with seen.page.expect_response("**/ask/names"):
            seen.open(ASK)
        seen.page.click(".cm-content")
        seen.page.keyboard.type("select * from custom")
        seen.page.wait_for_selector(".cm-tooltip-autocomplete >> text=customers")
        seen.page.keyboard.press("Escape")
        seen.page.keyboard.type("ers limit 2")
        seen.page.keyboard.press("Control+Enter")
        seen.page.wait_for_selector("table.grid")
        assert seen.page.locator("table.grid tbody tr").count() == 2


@pytest.mark.skipif(not BUILT.exists(), reason="the scripts are not built: make assets")
def test_a_plan_is_told_and_drawn(chromium: Any, dashboard: Dashboard) -> None:
    with window(chromium, dashboard.address) as seen:
        seen.log_in("olga")
        seen.open(f"{ASK}?text=select%20*%20from%20orders%20join%20customers%20on%20customers.id=customer_id")
        seen.page.click("button[value=analyze]")
        seen.page.wait_for_selector("section.plan")
        seen.page.click("details.viewer summary")
        frame = seen.page.frame_locator("iframe")
        frame.locator("text=Hash").first.wait_for()
        seen.look(NARROW, "dark")
        assert seen.page.evaluate(SIDEWAYS) <= 0
        assert seen.findings() == []


def test_two_plans_side_by_side(olga: Person) -> None:
    left, right = "select * from orders where id = 1", "select * from orders where id = 1 order by status"
    page = olga.post("/d/store/plans", {"left": left, "right": right, "analyze": "true"})
    assert page.status == 200
    assert "only right" in page.words()
    assert "same" in page.words()
    broken = olga.post("/d/store/plans", {"left": left, "right": "selec"})
    assert broken.status == 400
    assert left in broken.text


@pytest.mark.parametrize("text", ["<script>window.hacked = 1</script>", "<img src=x onerror='window.hacked = 1'>"])
def test_hostile_cells_are_text(chromium: Any, dashboard: Dashboard, text: str) -> None:
    with window(chromium, dashboard.address) as seen:
        seen.log_in("olga")
        seen.page.goto(ASK)
        quoted = text.replace("'", "''")
        for mark, statement in (("short", f"select 'short' as mark, '{quoted}' as \"{text}\""),
                                ("long", f"select 'long' as mark, '{quoted}' || repeat('x', 400)")):  # fmt: skip
            seen.page.evaluate(
                "(text) => { const run = document.querySelector('button[value=run]'); run.form.text.value = text; "
                "run.form.requestSubmit(run) }",
                statement,
            )
            seen.page.wait_for_selector(f"table.grid >> text={mark}")
            assert seen.page.evaluate("window.hacked") is None
            assert text in seen.page.inner_text("table.grid", timeout=5000)
