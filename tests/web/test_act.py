"""Deciding and acting in the dashboard: proposals, events, migrations, moves, edges; by people of different rights."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from agent_support import wait_for
from browser import BUILT, Watched
from web_support import Dashboard, Person, Shop

BASE = "/d/store"
API = "/api/v1/databases/store"


@pytest.fixture(scope="module")
def olga(dashboard: Dashboard) -> Person:
    return dashboard.log_in("olga")


@pytest.fixture(scope="module")
def rita(dashboard: Dashboard) -> Person:
    return dashboard.log_in("rita")


def propose(olga: Person, ddl: str) -> int:
    """A schema change by the form; the number of its proposal."""
    answer = olga.post(f"{BASE}/migrations/propose", {"request": ddl})
    assert answer.status == 303, answer.words()
    return int(answer.location.rpartition("/")[2])


def state(shop: Shop, proposal: int) -> tuple[str, str | None]:
    ((state, outcome),) = shop.database.execute(f"select state, outcome from postai.proposal where id = {proposal}")
    return state, outcome


def ends(shop: Shop, proposal: int, outcome: str) -> None:
    wait_for(lambda: state(shop, proposal) == ("closed", outcome))


def refusals(shop: Shop, role: str) -> list[Any]:
    found: list[Any] = shop.database.execute(
        f"select detail ->> 'verb', subject from postai.event where kind = 'refused' and actor = '{role}' order by id"
    )
    return found


@pytest.fixture
def column(olga: Person, shop: Shop) -> Iterator[int]:
    """A proposal that adds a column; what it added goes with the test."""
    proposal = propose(olga, "alter table warehouses add column note_of_test text")
    yield proposal
    shop.database.execute("alter table warehouses drop column if exists note_of_test")


# Proposals -------------------------------------------------------------------------------------------------------


def test_the_list_is_filtered_and_sorted(olga: Person, column: int) -> None:
    listed = olga.get(f"{API}/proposals?state=open&kind=migrate&words=WAREHOUSES").json
    assert column in [one["id"] for one in listed["proposals"]]
    assert {one["kind"] for one in listed["proposals"]} == {"migrate"}
    assert listed["counts"]["all"] == sum(listed["counts"][one] for one in ("open", "approved", "closed"))
    oldest = olga.get(f"{API}/proposals?state=all&sort=oldest").json["proposals"]
    assert [one["id"] for one in oldest] == sorted(one["id"] for one in oldest)
    assert f"/proposals/{column}" in olga.get(f"{BASE}/proposals?kind=migrate").text
    assert "No proposal fits" in olga.get(f"{BASE}/proposals?words=no+such+thing").words()
    refused = olga.get(f"{BASE}/proposals?sort=1;drop+table")
    assert refused.status == 400
    assert "Known: newest" in refused.words()
    assert olga.get(f"{BASE}/proposals/999999").status == 400


def test_a_preview_changes_nothing(olga: Person, shop: Shop, column: int) -> None:
    before = shop.database.execute("select count(*) from postai.event")
    page = olga.get(f"{BASE}/proposals/{column}/preview?verb=apply")
    assert page.status == 200
    for words in (
        "ADD COLUMN note_of_test",
        "AccessExclusiveLock on public.warehouses",
        "for a moment",
        "Undo",
        "Apply now",
    ):
        assert words in page.words()
    assert state(shop, column) == ("open", None)
    assert shop.database.execute("select count(*) from postai.event") == before


def test_preview_then_apply_then_undo(olga: Person, shop: Shop, column: int) -> None:
    done = olga.post(f"{BASE}/proposals/{column}/apply")
    assert (done.status, done.location) == (303, f"{BASE}/proposals/{column}")
    assert "Queued as action" in olga.get(done.location).words()
    ends(shop, column, "applied")
    page = olga.get(f"{BASE}/proposals/{column}").words()
    assert "asked for by olga" in page
    assert "Time to carry out" in page
    shown = olga.get(f"{BASE}/proposals/{column}/preview?verb=undo").words()
    assert "DROP COLUMN" in shown
    assert olga.post(f"{BASE}/proposals/{column}/undo").status == 303
    ends(shop, column, "undone")
    again = olga.get(f"{BASE}/proposals/{column}/preview?verb=undo").words()
    assert "would be refused" in again
    assert "nothing to undo" in again


def test_a_reader_who_tries_is_refused_and_recorded(rita: Person, olga: Person, shop: Shop, column: int) -> None:
    page = rita.get(f"{BASE}/proposals/{column}")
    assert page.status == 200
    assert "Operators decide" in page.words()
    looked = rita.get(f"{BASE}/proposals/{column}/preview")
    assert "role rita may not approve a proposal" in looked.words()
    before = len(refusals(shop, "rita"))
    for verb, fields in (("apply", {}), ("dismiss", {"reason": "no"}), ("undo", {})):
        answer = rita.post(f"{BASE}/proposals/{column}/{verb}", fields)
        assert answer.status == 403
        assert "PA006" in answer.words()
        assert "GRANT postai_operator TO rita" in answer.words()
    assert state(shop, column) == ("open", None)
    told = refusals(shop, "rita")[before:]
    assert told == [(verb, f"proposal {column}") for verb in ("apply", "dismiss", "undo")]
    page = olga.get(f"{BASE}/events?kind=refused&actor=rita")
    assert f"proposal {column}" in page.words()
    assert olga.get(f"{BASE}/proposals/{column}").text.count("<code>refused</code>") == 3


def test_by_api_a_refusal_is_the_same(rita: Person, shop: Shop, column: int) -> None:
    before = len(refusals(shop, "rita"))
    answer = rita.post_json(f"{API}/proposals/{column}/apply", {})
    assert answer.status == 403
    assert answer.json["error"]["sqlstate"] == "PA006"
    assert len(refusals(shop, "rita")) == before + 1
    assert rita.post_json(f"{API}/proposals/99999/undo").status == 403
    told = shop.database.execute(
        "select subject, proposal from postai.event where kind = 'refused' order by id desc limit 1"
    )
    assert told == [("proposal 99999", None)]


def test_refusals_do_not_fill_the_log(rita: Person, shop: Shop) -> None:
    for _ in range(120):
        shop.database.execute("select postai._note_refusal('apply', repeat('x', 5000))", "rita")
    ((number, longest),) = shop.database.execute(
        "select count(*), max(length(subject)) from postai.event where kind = 'refused' and actor = 'rita'"
    )
    assert (number, longest) == (100, 100)


def test_without_rights_the_page_says_which(dashboard: Dashboard) -> None:
    nora = dashboard.log_in("nora")
    for path in ("proposals", "events", "migrations", "edges"):
        answer = nora.get(f"{BASE}/{path}")
        assert answer.status == 403
        assert "GRANT postai_reader TO nora;" in answer.words()
    assert nora.post(f"{BASE}/proposals/1/apply").status == 403
    assert any(one.get("verb") == "apply" for one in dashboard.log() if "refusal" in str(one))


def test_a_reason_is_needed_and_is_only_text(olga: Person, shop: Shop, column: int) -> None:
    empty = olga.post(f"{BASE}/proposals/{column}/dismiss", {"reason": "  "})
    assert empty.status == 400
    assert state(shop, column) == ("open", None)
    hostile = "<script>alert('reason')</script>"
    assert olga.post(f"{BASE}/proposals/{column}/dismiss", {"reason": hostile}).status == 303
    assert state(shop, column) == ("closed", "dismissed")
    for page in (f"{BASE}/proposals/{column}", f"{BASE}/events"):
        text = olga.get(page).text
        assert hostile not in text
        assert "&lt;script&gt;alert(&#39;reason&#39;)" in text


def test_done_by_hand_closes(olga: Person, shop: Shop, column: int) -> None:
    assert olga.post(f"{BASE}/proposals/{column}/done_by_hand", {"reason": "in the release"}).status == 303
    assert state(shop, column) == ("closed", "applied")


def test_a_window_is_in_the_time_zone_of_the_form(olga: Person, shop: Shop, column: int) -> None:
    fields = {"begins": "2031-07-01T01:00", "ends": "2031-07-01T03:30", "time_zone": "Europe/Berlin"}
    assert olga.post(f"{BASE}/proposals/{column}/schedule", fields).status == 303
    ((action, begins, length),) = shop.database.execute(
        "select id, lower(run_window) at time zone 'UTC', upper(run_window) - lower(run_window) from postai.action"
        f" where proposal = {column} and state = 'queued'"
    )
    assert str(begins) == "2031-06-30 23:00:00"
    assert str(length) == "2:30:00"
    assert "Cancel this action" in olga.get(f"{BASE}/proposals/{column}").words()
    assert olga.post(f"{BASE}/proposals/{column}/actions/{action}/cancel").status == 303
    wrong = olga.post(f"{BASE}/proposals/{column}/schedule", {**fields, "time_zone": "Nowhere/Nothing"})
    assert wrong.status == 400
    assert "TimeZone" in wrong.words()
    assert olga.post(f"{BASE}/proposals/{column}/schedule", {"recurring": "0 3 * * *"}).status == 400
    assert shop.database.execute(f"select count(*) from postai.action where proposal = {column}") == [(1,)]


def test_what_cannot_be_undone_is_asked_for(olga: Person, shop: Shop) -> None:
    proposal = propose(olga, "alter type order_status add value 'lost_by_test'")
    page = olga.get(f"{BASE}/proposals/{proposal}/preview")
    assert "cannot be undone once it ran" in page.words()
    assert 'name="unsafe"' in page.text
    assert "would be refused" not in page.words()
    answer = olga.post(f"{BASE}/proposals/{proposal}/approve")
    assert (answer.status, "PA003" in answer.words()) == (403, True)
    assert olga.post(f"{BASE}/proposals/{proposal}/approve", {"unsafe": "true"}).status == 303
    assert state(shop, proposal) == ("approved", None)
    assert olga.post(f"{BASE}/proposals/{proposal}/dismiss", {"reason": "a test"}).status == 303


def test_forms_of_other_sites_change_nothing(olga: Person, shop: Shop, column: int) -> None:
    own, olga.csrf = olga.csrf, "another"
    answer = olga.post(f"{BASE}/proposals/{column}/dismiss", {"reason": "no"})
    olga.csrf = own
    assert answer.status == 403
    assert state(shop, column) == ("open", None)


def test_in_a_browser_from_the_list_to_done(window: Callable[..., Watched], shop: Shop, column: int) -> None:
    """Slow to fast: list, detail, preview, one button; then the page follows by itself."""
    seen = window()
    seen.open(f"{BASE}/proposals?kind=migrate")
    seen.page.click(f"a[href$='/proposals/{column}']")
    seen.page.click("text=Preview and apply…")
    seen.page.click("button:has-text('Apply now')")
    seen.page.wait_for_url(f"**/proposals/{column}")
    ends(shop, column, "applied")
    if not BUILT.exists():
        seen.open(f"{BASE}/proposals/{column}")
    seen.page.wait_for_selector("#progress .badge.ok:has-text('done')")


# Events ----------------------------------------------------------------------------------------------------------


def test_events_page_by_page(olga: Person) -> None:
    first = olga.get(f"{API}/events").json
    assert first["newer"] is None
    ids = [one["id"] for one in first["events"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 100
    second = olga.get(f"{API}/events?before={first['older']}").json
    assert max(one["id"] for one in second["events"]) < min(ids)
    back = olga.get(f"{API}/events?after={second['newer']}").json
    assert [one["id"] for one in back["events"]] == ids
    assert {one["actor"] for one in olga.get(f"{API}/events?actor=olga").json["events"]} == {"olga"}
    kinds = {one["kind"] for one in olga.get(f"{API}/events?kind=action").json["events"]}
    assert kinds and all(one.startswith("action.") for one in kinds)
    assert olga.get(f"{API}/events?until=2001-01-01T00:00").json["events"] == []
    assert olga.get(f"{BASE}/events?since=2001-01-01T00:00&until=&actor=&kind=").status == 200


def test_the_chain_is_verified(olga: Person, rita: Person, shop: Shop) -> None:
    assert "The log is whole" in olga.get(f"{BASE}/events/chain").words()
    refused = rita.get(f"{BASE}/events/chain")
    assert refused.status == 403
    assert "GRANT postai_operator TO rita;" in refused.words()
    change = (
        "set session_replication_role = replica; alter table postai.event disable trigger user;"
        " update postai.event set actor = {} where id = (select min(id) from postai.event where actor = {});"
        " alter table postai.event enable trigger user; alter table postai.event enable always trigger append_only;"
        " alter table postai.event enable always trigger append_only_all"
    )
    shop.database.execute(change.format("'mallory'", "(select actor from postai.event order by id limit 1)"))
    try:
        page = olga.get(f"{BASE}/events/chain").words()
    finally:
        shop.database.execute(change.format("'postai_web_agent'", "'mallory'"))
    assert "The log was changed" in page
    assert "the event was changed after it was written" in page
    assert "The log is whole" in olga.get(f"{BASE}/events/chain").words()


# Migrations ------------------------------------------------------------------------------------------------------


def test_lint_says_what_would_block(olga: Person) -> None:
    ddl = "alter table orders alter column total type text; -- <script>alert(9)</script>"
    page = olga.post(f"{BASE}/migrations/lint", {"ddl": ddl})
    assert page.status == 200
    assert "hazard" in page.words()
    assert "error" in page.words()
    assert "<script>alert(9)" not in page.text
    fine = olga.post(f"{BASE}/migrations/lint", {"ddl": "select 1"})
    assert fine.status == 200
    wrong = olga.post(f"{BASE}/migrations/lint", {"ddl": "alter tabel x"})
    assert "alter tabel x" in wrong.text
    assert "syntax error" in wrong.words()


def test_drift_is_shown_with_what_mends_it(olga: Person, shop: Shop) -> None:
    shop.database.execute("create table public.drifted_by_test (id int)")
    try:
        page = olga.get(f"{BASE}/migrations/drift").words()
    finally:
        shop.database.execute("drop table public.drifted_by_test")
    assert "drifted_by_test" in page


def test_a_user_proposes_and_a_reader_may_not(dashboard: Dashboard, rita: Person) -> None:
    uwe = dashboard.log_in("uwe")
    proposal = propose(uwe, "alter table coupons add column of_uwe text")
    assert "Proposed by uwe" in uwe.get(f"{BASE}/proposals/{proposal}").words()
    assert "alter table coupons" in uwe.get(f"{BASE}/migrations").words()
    refused = rita.post(f"{BASE}/migrations/propose", {"request": "alter table coupons add column x int"})
    assert refused.status == 403
    assert "GRANT postai_user TO rita;" in refused.words()


# Replications ----------------------------------------------------------------------------------------------------


def test_a_cutover_needs_the_name_typed(olga: Person, rita: Person, shop: Shop) -> None:
    move = f"{BASE}/replications/to-here"
    page = olga.get(f"{move}/confirm/cutover").words()
    for words in (
        "legacy → here",
        "18 kB",
        "equal",
        "How to go back",
        "Type the move's name to-here",
        "It has a problem now:",
    ):
        assert words in page
    wrong = olga.post(f"{move}/turn/cutover", {"typed": "to-her", "max_pause": "3"})
    assert wrong.status == 400
    assert "Type to-here." in wrong.words()
    assert shop.database.execute("select count(*) from postai.replication_request") == [(0,)]
    may_not_see = rita.get(f"{BASE}/replications")
    assert "GRANT postai_user TO rita;" in may_not_see.words()
    assert rita.post(f"{move}/turn/cutover", {"typed": "to-here"}).status == 403
    done = olga.post(f"{move}/turn/cutover", {"typed": "to-here", "max_pause": "2.5"})
    assert (done.status, done.location) == (303, move)
    ((verb, by, pause),) = shop.database.execute(
        "select verb, requested_by, options ->> 'max_pause' from postai.replication_request"
    )
    assert (verb, by, float(pause)) == ("cutover", "olga", 2.5)
    assert "cutover olga" in olga.get(move).words()
    assert olga.post(f"{move}/ask/cancel").status == 303
    wait_for(lambda: not shop.database.execute("select from postai.replication_request where done_at is null"))
    assert olga.get(f"{move}/confirm/nonsense").status == 422


# Edges -----------------------------------------------------------------------------------------------------------


def test_edges_on_the_map_and_off_it(olga: Person) -> None:
    page = olga.get(f"{BASE}/edges")
    assert "&lt;i&gt;office&lt;/i&gt;" in page.text
    assert "<i>office" not in page.text
    assert "connection refused" in page.words()
    if BUILT.exists():
        (drawn,) = re.findall(r'<svg class="world z\d" role="img".*?</svg>', page.text, re.DOTALL)
        assert ">Frankfurt<" in drawn
        assert drawn.count("<rect") == 2
    else:
        assert "<figure" not in page.text


def test_operators_make_rules(olga: Person, dashboard: Dashboard, shop: Shop) -> None:
    uwe = dashboard.log_in("uwe")
    fields = {"name": "of_test", "relation": "crm.*", "regions": "eu, uk", "ttl": "90 seconds", "route": "replica"}
    assert uwe.post(f"{BASE}/edges/rules", fields).status == 403
    assert ("edge_rule", "edge rule of_test") in refusals(shop, "uwe")
    assert olga.post(f"{BASE}/edges/rules", fields).status == 303
    assert shop.database.execute(
        "select schema_name, regions, ttl::text, route from postai.edge_rule where name = 'of_test'"
    ) == [("crm", ["eu", "uk"], "00:01:30", "replica")]
    page = olga.get(f"{BASE}/edges")
    assert "1.5 min" in page.words() and "Take the residency away" in page.words()
    change = olga.get(f"{BASE}/edges?edit=of_test").text
    form = change[change.index('<details id="rule" open>') :]
    again = dict(re.findall(r'<input name="(\w+)"[^>]*value="([^"]*)"', form))
    again["route"] = re.findall(r"<option selected>(\w+)", form)[0]
    assert olga.post(f"{BASE}/edges/rules", again).status == 303
    assert shop.database.execute(
        "select schema_name, relation_name, regions, ttl::text, route from postai.edge_rule where name = 'of_test'"
    ) == [("crm", None, ["eu", "uk"], "00:01:30", "replica")], "what is not changed stays"
    nothing = olga.post(f"{BASE}/edges/rules", {"name": "empty"})
    assert nothing.status == 400
    assert "the rule says nothing" in nothing.words()
    assert olga.post(f"{BASE}/edges/rules/of_test/forget").status == 303
    assert not shop.database.execute("select from postai.edge_rule where name = 'of_test'")


def test_cache_tables_are_listed(olga: Person, shop: Shop) -> None:
    shop.database.execute(
        "select postai.cache('by_test', 'select status, count(*) as n from orders group by 1', ttl => '1 minute')",
        "olga",
    )
    try:
        page = olga.get(f"{BASE}/edges/cache").words()
        assert "by_test fresh 5" in page
    finally:
        shop.database.execute("select postai.uncache('by_test')", "olga")
