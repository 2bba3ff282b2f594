"""Teams in the dashboard: making one, adding and taking out members, by people of different rights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from browser import NARROW, SIDEWAYS, WIDE, Watched
from web_support import Dashboard, Person, Shop

PAGE = "/d/store/people/teams"
API = "/api/v1/databases/store/people/teams"
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"
"""A role's name, and with it its comment."""


@pytest.fixture(scope="module")
def mona(shop: Shop) -> Iterator[str]:
    """An operator who may make roles; what she made goes with the tests."""
    shop.database.execute(
        "create role mona login createrole password 'mona'; grant postai_operator to mona;"
        " create role tina login password 'tina'"
    )
    try:
        yield "mona"
    finally:
        shop.database.execute("drop role if exists desk; drop owned by mona, tina; drop role mona, tina")


@pytest.fixture
def sales(mona: str, shop: Shop) -> Iterator[str]:
    """A team with one member."""
    shop.database.execute(
        "create role web_sales; comment on role web_sales is 'People who sell'; grant postai_user to web_sales;"
        " grant web_sales to tina"
    )
    yield "web_sales"
    shop.database.execute("drop role web_sales")


def events(shop: Shop, kind: str) -> list[Any]:
    return shop.database.execute(
        f"select actor::text, subject, detail from postai.event where kind = '{kind}' order by id"
    )


def in_team(shop: Shop, team: str) -> set[str]:
    rows = shop.database.execute("select team::text, member::text from postai.team_members")
    return {str(member) for one, member in rows if one == team}


def test_a_team_is_made_filled_and_emptied_in_a_browser(window: Callable[..., Watched], mona: str, shop: Shop) -> None:
    page = (seen := window(mona)).page
    seen.open("/d/store/people")
    page.click("text=Teams")
    page.wait_for_url(f"**{PAGE}")
    page.eval_on_selector("details:has([name=part])", "one => { one.open = true; }")
    page.fill("form:has([name=part]) [name=team]", "desk")
    page.select_option("[name=part]", "reader")
    page.fill("[name=title]", "The help desk")
    page.click("form:has([name=part]) button")
    assert page.inner_text("main pre").splitlines() == [
        "CREATE ROLE desk NOLOGIN;", "COMMENT ON ROLE desk IS 'The help desk';", "GRANT postai_reader TO desk;"
    ]  # fmt: skip
    assert "You may not grant CONNECT" in page.inner_text("main")
    assert not shop.database.execute("select 1 from pg_roles where rolname = 'desk'"), "a preview makes nothing"
    page.click("text=Make a team now")
    page.wait_for_url(f"**{PAGE}")
    assert "Team desk is made: CREATE ROLE desk NOLOGIN" in page.inner_text(".message")
    assert "No members." in page.inner_text("main")
    page.fill("form:has([name=team][value=desk]) [name=member]", "tina")
    page.click("form:has([name=team][value=desk]) button")
    assert page.inner_text("main pre") == "GRANT desk TO tina;"
    page.click("text=Add a member now")
    page.wait_for_url(f"**{PAGE}")
    assert in_team(shop, "desk") == {"tina"}
    for width in (WIDE, NARROW):
        seen.look(width, "light")
        assert page.evaluate(SIDEWAYS) <= 0
    seen.look(WIDE, "light")
    page.click("[aria-label='Remove tina from desk']")
    assert page.inner_text("main pre") == "REVOKE desk FROM tina;"
    page.click("text=Remove a member now")
    page.wait_for_url(f"**{PAGE}")
    assert in_team(shop, "desk") == set()
    made = events(shop, "team.made")
    assert made[-1] == ("mona", "team desk", {"part": "reader", "title": "The help desk"})
    for kind in ("team.member_added", "team.member_removed"):
        assert events(shop, kind)[-1] == ("mona", "team desk", {"member": "tina"})
    seen.open("/d/store/events?kind=team")
    assert "team.member_removed" in page.inner_text("main")


def test_without_scripts_it_is_the_same(window: Callable[..., Watched], mona: str, sales: str, shop: Shop) -> None:
    page = (seen := window(mona, scripts=False)).page
    seen.page.goto(PAGE)
    page.click("[aria-label='Remove tina from web_sales']")
    page.click("text=Remove a member now")
    assert in_team(shop, sales) == set() and "Done: REVOKE web_sales FROM tina" in page.inner_text(".message")


def test_who_may_not_is_told_what_is_lacking_and_it_is_recorded(
    window: Callable[..., Watched], sales: str, shop: Shop
) -> None:
    page = (seen := window("olga")).page
    before = len(events(shop, "refused"))
    seen.open(PAGE)
    page.fill("form:has([name=team][value=web_sales]) [name=member]", "olga")
    page.click("form:has([name=team][value=web_sales]) button")
    assert "this would be refused" in page.inner_text("main")
    assert "GRANT web_sales TO olga WITH ADMIN OPTION;" in page.inner_text(".failure .hint")
    assert len(events(shop, "refused")) == before, "looking is no attempt"
    page.click("text=Add a member now")
    assert "role olga may not change the members of team web_sales" in page.inner_text(".failure")
    assert in_team(shop, sales) == {"tina"}
    assert events(shop, "refused")[before:] == [("olga", "team web_sales", {"verb": "add_member"})]
    seen.faults = [one for one in seen.faults if "status of 403" not in one]


def test_by_api_a_refusal_is_the_same(dashboard: Dashboard, sales: str, shop: Shop) -> None:
    rita = dashboard.log_in("rita")
    before = len(events(shop, "refused"))
    for verb, body in (
        ("make_team", {"team": "new_team"}), ("add_member", {"team": sales, "member": "rita"}),
        ("remove_member", {"team": sales, "member": "tina"}),
    ):  # fmt: skip
        answer = rita.post_json(f"{API}/{verb}", body)
        assert answer.status == 403 and answer.json["error"]["sqlstate"] == "PA006", verb
        assert answer.json["error"]["hint"], verb
        asked = rita.get(f"{API}/preview?verb={verb}&team={body['team']}&member={body.get('member', '')}").json
        assert asked["refused"]["sqlstate"] == "PA006" and asked["statements"] == []
    assert [row[2]["verb"] for row in events(shop, "refused")[before:]] == ["make_team", "add_member", "remove_member"]
    assert in_team(shop, sales) == {"tina"}


def test_what_cannot_be_is_no_fault_of_ours(dashboard: Dashboard, mona: str, sales: str, shop: Shop) -> None:
    shop.database.execute(f"create role web_inner; grant {sales} to web_inner")
    try:
        person = dashboard.log_in(mona)
        for verb, team, member, status, sqlstate in (
            ("add_member", "web_inner", sales, 400, "0LP01"), ("add_member", sales, "tina", 400, "42710"),
            ("add_member", sales, "postai_web_agent", 403, "PA003"),
            ("add_member", "postai_agent", "tina", 403, "PA003"),
            ("remove_member", sales, "rita", 400, "42704"), ("add_member", "tina", "rita", 400, "42809"),
        ):  # fmt: skip
            answer = person.post_json(f"{API}/{verb}", {"team": team, "member": member})
            assert (answer.status, answer.json["error"]["sqlstate"]) == (status, sqlstate), (verb, team, member)
            shown = person.get(f"{API}/preview?verb={verb}&team={team}&member={member}").json["refused"]
            assert shown["sqlstate"] == sqlstate
    finally:
        shop.database.execute("drop role web_inner")


def test_the_token_of_the_login_is_asked_for(dashboard: Dashboard, mona: str, sales: str, shop: Shop) -> None:
    person = dashboard.log_in(mona)
    for token in ("", "x"):
        person.csrf = token
        for verb, body in (("make_team", {"team": "forged"}), ("add_member", {"team": sales, "member": "rita"})):
            assert person.post(f"{PAGE}/{verb}", body).status == 403
            person.csrf = token
            assert person.post_json(f"{API}/{verb}", body).status == 403
    assert in_team(shop, sales) == {"tina"}
    assert not shop.database.execute("select 1 from pg_roles where rolname = 'forged'")


def test_a_look_changes_nothing_however_it_is_asked_for(
    dashboard: Dashboard, mona: str, sales: str, shop: Shop
) -> None:
    person = dashboard.log_in(mona)
    before = shop.database.execute("select count(*) from postai.event")
    for query in (
        "verb=make_team&team=ghost",
        f"verb=add_member&team={sales}&member=rita",
        f"verb=remove_member&team={sales}&member=tina",
        "",
        "verb=add_member",
        f"verb=add_member&team={sales}",
    ):
        assert person.get(f"{PAGE}/preview?{query}").status == 200, query
    assert in_team(shop, sales) == {"tina"} and shop.database.execute("select count(*) from postai.event") == before
    assert not shop.database.execute("select 1 from pg_roles where rolname = 'ghost'")
    assert person.get(f"{PAGE}/preview?verb=drop_team&team=x").status == 422
    assert person.get(f"{PAGE}/preview?team=%00").status == 400


def test_names_and_comments_are_text(window: Callable[..., Watched], mona: str, shop: Shop) -> None:
    quoted = '"' + HOSTILE.replace('"', '""') + '"'
    member = '"' + HOSTILE.replace('"', '""') + 'm"'
    comment = HOSTILE.replace("'", "''")
    shop.database.execute(
        f"create role {quoted}; comment on role {quoted} is '{comment}'; grant postai_user to {quoted};"
        f" create role {member} login; grant {quoted} to {member}"
    )
    try:
        page = (seen := window(mona)).page
        seen.open(PAGE)
        assert page.inner_text("main").count(HOSTILE) >= 4
        assert page.locator("main img").count() == 0
        page.click("a[aria-label^='Remove <img']")
        assert page.inner_text("main pre") == f"REVOKE {quoted} FROM {member};"
        page.click("text=Remove a member now")
        page.wait_for_url(f"**{PAGE}")
        assert HOSTILE[:28] in page.inner_text(".message") and page.locator("main img").count() == 0
        assert in_team(shop, HOSTILE) == set()
        seen.open("/d/store/events?kind=team")
        assert HOSTILE in page.inner_text("main") and page.locator("main img").count() == 0
    finally:
        shop.database.execute(f"drop role {quoted}, {member}")


def test_the_page_says_who_may_connect_and_what_could_be_applied(dashboard: Dashboard, sales: str, shop: Shop) -> None:
    rita, name = dashboard.log_in("rita"), shop.database.name
    shop.database.execute(f"grant shopkeeper to {sales}")
    page = rita.get(PAGE).words()
    assert "only as everybody may" in page and f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC;" in page
    assert "shopkeeper" in page
    shop.database.execute(
        f"revoke connect on database {name} from public; grant connect on database {name} to postai_reader"
    )
    try:
        shown = dashboard.log_in("rita").get(PAGE).words()
        assert "by a grant to postai_reader" in shown and "Only those to whom CONNECT is granted" in shown
    finally:
        shop.database.execute(
            f"grant connect on database {name} to public; revoke connect on database {name} from postai_reader"
        )
        shop.database.execute(f"revoke shopkeeper from {sales}")


def test_ones_own_teams_and_everybodys(dashboard: Dashboard, sales: str, shop: Shop) -> None:
    tina = dashboard.log_in("tina")
    words = tina.get("/d/store/people").words()
    assert "In team web_sales" in words, words
    assert [one["team"] for one in tina.get("/api/v1/databases/store/people").json["teams"]] == [sales]
    assert re.search(r"Login Teams This database .*tina web_sales may connect", tina.get(PAGE).words())


def test_who_has_no_part_sees_the_grant_that_is_missing(dashboard: Dashboard) -> None:
    answer = dashboard.log_in("nora").get(PAGE)
    assert answer.status == 403 and "GRANT postai_reader TO nora" in answer.words()


def test_a_stranger_is_led_to_the_login(dashboard: Dashboard) -> None:
    assert Person(dashboard.address).get(PAGE).location == f"/login?next={PAGE}"
    assert Person(dashboard.address).get(API).status == 401
