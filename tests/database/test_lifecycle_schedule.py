"""Actions with a window or a recurring time: told before, run then only, cut off at the end, run again."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from lifecycle_support import Shop, draft, error_of, index_draft, shop_clone, shop_template

from conftest import TestDatabase
from postai.deadline import Deadline
from postai.proposals import DraftStep

SOON = "tstzrange(now() - interval '1 hour', now() + interval '{}')"

both_servers = pytest.mark.parametrize("template", ["pg15", "pg18"], indirect=True)


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(getattr(request, "param", "pg18")))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    yield from shop_clone(template)


def schedule(shop: Shop, proposal: int, window: str = "null", recurring: str = "null") -> int:
    return int(shop.value(f"select postai.schedule({proposal}, {window}, {recurring})", "lc_boss"))


TIMES = (
    ("0 3 * * *", "2026-03-01 02:59:59", "2026-03-01 03:00"),
    ("0 3 * * *", "2026-03-01 03:00", "2026-03-02 03:00"),
    ("*/20 9-17/4 * * 1-5", "2026-07-03 17:40", "2026-07-06 09:00"),
    ("15,45 * * * *", "2026-01-01 00:20", "2026-01-01 00:45"),
    ("0 0 29 2 *", "2026-01-01", "2028-02-29"),
    ("0 12 13 * 5", "2026-02-13 12:00", "2026-02-20 12:00"),
    ("0 1 * * 7", "2026-07-01", "2026-07-05 01:00"),
    ("30 2 * * *", "2026-03-28 12:00", "2026-03-29 03:30"),
)


@both_servers
def test_the_next_time_of_a_cron_expression(template: TestDatabase) -> None:
    zone = "at time zone 'Europe/Berlin'"
    with template.connect() as connection:
        for cron, after, wanted in TIMES:
            found = connection.execute(
                f"select postai._next_time(%s, 'Europe/Berlin', %s::timestamp {zone}) {zone} = %s::timestamp",
                [cron, after, wanted],
            ).fetchone()
            assert found == (True,), (cron, after)


def test_what_is_no_cron_expression_is_refused_with_an_example(shop: Shop) -> None:
    proposal = shop.create(draft("VACUUM shop.item"))
    for cron in ("", "* * * *", "60 * * * *", "* 24 * * *", "0 0 31 2 *", "a * * * *", "*/0 * * * *", "5-1 * * * *"):
        error = error_of(lambda cron=cron: schedule(shop, proposal, recurring=f"'{cron}'"))
        assert error.sqlstate == "22023" and "0 3 * * *" in (error.diag.message_hint or ""), cron
    assert shop.proposal(proposal) == ("open", None)


def test_times_that_cannot_be_are_refused(shop: Shop) -> None:
    index, vacuum = shop.create(index_draft()), shop.create(draft("VACUUM shop.item"))
    for proposal, window, recurring in (
        (index, "null", "null"),
        (index, "'empty'", "null"),
        (index, "tstzrange(null, now())", "null"),
        (index, "null", "'0 3 * * *'"),
        (vacuum, "tstzrange(now(), null)", "'0 3 * * *'"),
    ):
        error = error_of(lambda p=proposal, w=window, r=recurring: schedule(shop, p, w, r))
        assert error.sqlstate == "22023" and error.diag.message_hint
    error = error_of(lambda: shop.sql(f"select postai.schedule({index}, recurring => '0 3 * * *')", "lc_user"))
    assert (error.sqlstate, error.diag.message_hint) == ("PA006", "GRANT postai_operator TO lc_user;")
    error = error_of(lambda: shop.sql(f"select postai.schedule({index}, '[now,infinity]')", "lc_stranger"))
    assert (error.sqlstate, error.diag.message_hint) == ("PA006", "GRANT lc_owner TO lc_stranger;")
    assert shop.proposal(index) == ("open", None)


@both_servers
def test_outside_of_its_window_nothing_runs_and_what_comes_is_told_once(shop: Shop) -> None:
    proposal = shop.create(index_draft())
    action = schedule(shop, proposal, "tstzrange(now() + interval '4 min', now() + interval '2 h')")
    assert shop.proposal(proposal) == ("approved", None)
    assert shop.runner().run_next(Deadline.after(5)) is None
    with shop.database.connect() as listener:
        listener.execute("listen postai_notice")
        shop.runner().tend()
        shop.runner().tend()
        told = [json.loads(one.payload) for one in listener.notifies(timeout=0.3)]
    assert [(one["kind"], one["action"]) for one in told] == [("action.soon", action)]
    assert shop.kinds(proposal).count("action.soon") == 1
    later = schedule(shop, shop.create(draft("ANALYZE shop.item")), "tstzrange(now() + interval '1 h', null)")
    shop.runner().tend()
    assert shop.action(later)["noticed_at"] is None
    with shop.database.connect() as listener:
        listener.execute("listen postai_notice")
        shop.sql(f"update postai.action set not_before = null, run_window = {SOON.format('1 h')} where id = {action}")
        assert shop.run().state == "done"
        told = [json.loads(one.payload)["kind"] for one in listener.notifies(timeout=0.3)]
    assert told == ["action.running", "action.verifying", "action.done"]
    assert shop.indexes() == [("item_name", True)]


@both_servers
def test_a_statement_that_would_run_past_the_window_is_cut_off_and_leaves_nothing(shop: Shop) -> None:
    proposal = shop.create(draft("ALTER TABLE shop.item ADD COLUMN weight int", index_draft().steps[0]))
    schedule(shop, proposal, SOON.format("4 s"))
    # The build waits for this transaction; the window does not.
    with shop.holding("begin isolation level repeatable read", "select 1 from pg_class limit 1"):
        result = shop.run()
    assert result.state == "failed" and result.error is not None, result
    assert (result.error.sqlstate, result.error.message) == ("57014", "the window closed before step 2 was done")
    assert f"postai.schedule({proposal}, ...)" in (result.error.hint or "")
    assert shop.indexes() == [] and shop.proposal(proposal) == ("approved", None)
    schedule(shop, proposal, SOON.format("1 h"))
    assert shop.run().state == "done" and shop.indexes() == [("item_name", True)]
    assert shop.kinds(proposal).count("step.done") == 2 and shop.problems() == []


def test_a_missed_window_ends_the_action(shop: Shop) -> None:
    action = schedule(shop, shop.create(index_draft()), SOON.format("1 h"))
    shop.sql("update postai.action set run_window = tstzrange(null, now())")
    shop.runner().tend()
    assert shop.action(action)["error"]["message"] == "the window closed before the action began"
    assert error_of(lambda: shop.sql(f"call postai.wait({action})", "lc_boss")).sqlstate == "57014"


@both_servers
def test_a_recurring_action_runs_again_and_again_until_it_is_cancelled(shop: Shop) -> None:
    proposal = shop.create(draft("VACUUM shop.item", "ANALYZE shop.item"))
    first = schedule(shop, proposal, recurring="'30 4 * * *'")
    assert shop.sql(f"select recurring, not_before > now() from postai.actions where id = {first}") == [
        ("30 4 * * *", True)
    ]
    assert shop.runner().run_next(Deadline.after(5)) is None
    shop.sql("alter table shop.item add column weight int")  # housekeeping fits any definition
    for _ in range(2):
        shop.sql("update postai.action set not_before = now() where state = 'queued'")
        assert shop.run().state == "done"
        assert shop.proposal(proposal) == ("approved", None)
    assert shop.kinds(proposal).count("step.done") == 4
    actions = shop.sql("select id, state, requested_by::text, not_before > now() from postai.action order by id")
    assert actions == [(1, "done", "lc_boss", False), (2, "done", "lc_boss", False), (3, "queued", "lc_boss", True)]
    error = error_of(lambda: shop.sql(f"select postai.dismiss({proposal}, 'enough')", "lc_boss"))
    assert error.sqlstate == "55000" and "postai.cancel(3)" in (error.diag.message_hint or "")
    shop.sql("select postai.cancel(3)", "lc_boss")
    shop.sql(f"select postai.dismiss({proposal}, 'enough')", "lc_boss")
    assert shop.value("select count(*) from postai.action") == 3


def test_a_recurring_window_has_the_length_of_the_first_and_a_failure_waits_for_the_next(shop: Shop) -> None:
    shop.sql("create index item_note on shop.item (note); alter index shop.item_note owner to lc_owner")
    proposal = shop.create(draft("REINDEX INDEX CONCURRENTLY shop.item_note"))
    schedule(shop, proposal, "tstzrange(now(), now() + interval '90 min')", "'0 3 * * 0'")
    length = "upper(run_window) - lower(run_window) = '90 min' and lower(run_window) = not_before"
    assert shop.value(f"select {length} and extract(dow from not_before) = 0 from postai.action")
    shop.sql("update postai.action set run_window = tstzrange(now() - interval '90 min', now())")
    shop.runner().tend()
    assert shop.sql("select state from postai.action order by id") == [("failed",), ("queued",)]
    assert shop.value(f"select {length} from postai.action where state = 'queued'")
    soon = f"not_before = now(), run_window = {SOON.format('1 h')}"
    shop.sql(f"update postai.action set {soon} where state = 'queued'")
    assert shop.run().state == "done"
    shop.sql(f"update postai.action set {soon} where state = 'queued'")
    assert shop.run().state == "done", "REINDEX gave the index another oid"
    assert shop.sql("select state from postai.action order by id") == [
        (one,) for one in ("failed", "done", "done", "queued")
    ]
    assert error_of(lambda: shop.sql("update postai.action set not_before = now()", "lc_agent")).sqlstate == "42501"


def test_a_series_ends_when_its_table_is_gone(shop: Shop) -> None:
    proposal = shop.create(draft("ANALYZE shop.item"))
    schedule(shop, proposal, recurring="'* * * * *'")
    shop.sql("drop table shop.item; update postai.action set not_before = now()")
    result = shop.run()
    assert result.error is not None and result.error.sqlstate == "PA008"
    assert shop.sql("select state from postai.action") == [("failed",)]


@both_servers
def test_scans_alone_can_wait_for_a_window_and_another_agent_goes_on_with_them(shop: Shop) -> None:
    add = DraftStep(
        "ALTER TABLE shop.item ADD CONSTRAINT dear CHECK (price >= 0) NOT VALID",
        undo="ALTER TABLE shop.item DROP CONSTRAINT dear", step_class="short_lock",
    )  # fmt: skip
    read = DraftStep("ALTER TABLE shop.item VALIDATE CONSTRAINT dear", undo=add.undo, step_class="weak_scan")
    last = DraftStep(
        "ALTER TABLE shop.item ADD COLUMN seen boolean", undo="ALTER TABLE shop.item DROP COLUMN seen",
        step_class="short_lock",
    )  # fmt: skip
    proposal = shop.create(draft(add, read, last, kind="migrate"))
    said: list[str] = []
    window = "'[2090-01-01 22:00+00, 2090-01-02 04:00+00)'"
    error = error_of(lambda: shop.sql(f"select postai.schedule({proposal}, scans_only => true)", "lc_boss"))
    assert error.sqlstate == "22023" and "run_window" in (error.diag.message_hint or "")
    ((first,),) = shop.sql(f"select postai.schedule({proposal}, {window}, scans_only => true)", "lc_boss")
    assert states(shop, proposal) == ["queued", "waits for", "waits for"]
    assert shop.run().state == "done"
    assert shop.proposal(proposal) == ("approved", None) and states(shop, proposal) == [
        "done",
        "queued for",
        "queued for",
    ]
    with shop.database.connect("lc_boss") as connection:
        connection.add_notice_handler(lambda one: said.append(one.message_primary or ""))
        connection.execute(f"call postai.wait({first})")
    assert said[-1].startswith('the rest waits for ["2090-01-0')
    assert shop.value("select convalidated from pg_constraint where conname = 'dear'") is False
    assert shop.runner("another agent").run_next(Deadline.after(5)) is None
    shop.sql(f"update postai.action set not_before = null, run_window = {SOON.format('1 h')} where state = 'queued'")
    assert shop.run(name="another agent").state == "done"
    assert shop.proposal(proposal) == ("closed", "applied") and states(shop, proposal) == ["done"] * 3
    assert shop.value("select convalidated from pg_constraint where conname = 'dear'") is True


def states(shop: Shop, proposal: int) -> list[str]:
    """States of the steps, without the times."""
    return [row[0].split(" [")[0].split(' ["')[0] for row in shop.sql(f"select state from postai.steps({proposal})")]
