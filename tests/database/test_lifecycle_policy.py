"""What the agent applies without being asked: only what an operator's policy says, with that operator's rights."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from lifecycle_support import Shop, draft, error_of, index_draft, shop_clone, shop_template

from conftest import TestDatabase
from postai.daemon.actions import ActionQueue
from postai.daemon.backoff import Backoff
from postai.database import Pool
from postai.deadline import Deadline
from postai.proposals import Draft, DraftStep, PolicyReport, apply_by_policy
from postai.proposals.keeping import ASKED, keep

EFFECTS = [{"id": "7", "calls_per_day": 5.0, "before_ms": 2.0, "after_ms": 1.0}]
INDEX = "CREATE INDEX CONCURRENTLY item_{0} ON shop.item ({0})"

both_servers = pytest.mark.parametrize("template", ["pg15", "pg18"], indirect=True)


@pytest.fixture(scope="module")
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(getattr(request, "param", "pg18")))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    yield from shop_clone(template)


def index(column: str = "name", saved: float = 1000.0, **changes: object) -> Draft:
    steps = (
        DraftStep(INDEX.format(column), undo=f"DROP INDEX CONCURRENTLY shop.item_{column}"),
        DraftStep(f"COMMENT ON INDEX shop.item_{column} IS 'it''s for; {column}'"),
    )
    evidence = {"saved_ms_per_day": saved, "bytes": 800_000, "effects": EFFECTS}
    return Draft(**{"kind": "create_index", "title": "t", "why": "w", "steps": steps, "evidence": evidence, **changes})  # type: ignore[arg-type]


def setting(shop: Shop, user: str = "lc_boss", **values: str) -> None:
    for name, value in values.items():
        shop.sql(f"select postai.set('{name}', '{value}')", user)


def applied(shop: Shop) -> PolicyReport:
    with shop.connect() as agent:
        return apply_by_policy(agent)


def why_not(shop: Shop, proposal: int) -> str:
    error = error_of(lambda: shop.sql(f"select postai._apply_by_policy({proposal})", "lc_agent"))
    assert error.sqlstate == "PA006" and error.diag.message_hint == f"SELECT postai.apply({proposal}) asks for it."
    return error.diag.message_detail or ""


def test_off_by_default(shop: Shop) -> None:
    proposal = shop.create(index())
    assert applied(shop) == PolicyReport()
    assert "names no kind" in why_not(shop, proposal) or "not among the kinds" in why_not(shop, proposal)
    assert shop.proposal(proposal) == ("open", None)


@both_servers
def test_the_most_valuable_are_applied_in_the_operators_name_up_to_the_limit_of_a_day(shop: Shop) -> None:
    setting(shop, auto_apply="create_index, vacuum", auto_apply_per_day="2")
    small, big = shop.create(index("price", 10.0)), shop.create(index("name", 5000.0))
    middle, other = shop.create(index("note", 100.0)), shop.create(index_draft())
    report = applied(shop)
    assert [proposal for proposal, _ in report.applied] == [big, middle] and report.refused == ()
    assert shop.proposal(small) == shop.proposal(other) == ("open", None)
    assert [shop.run().state, shop.run().state] == ["done", "done"]
    assert shop.indexes() == [("item_name", True), ("item_note", True)]
    assert shop.sql(f"select approved_by::text from postai.proposals where id = {big}") == [("lc_boss",)]
    assert shop.sql("select distinct requested_by::text, by_policy from postai.actions") == [("lc_boss", True)]
    actor, detail = shop.sql(
        f"select actor::text, detail from postai.event where kind = 'proposal.applied_by_policy' and proposal = {big}"
    )[0]
    assert (actor, detail["note"]) == ("lc_agent", "applied by policy of lc_boss")
    assert applied(shop) == PolicyReport() and "auto_apply_per_day" in why_not(shop, small)
    shop.sql("update postai.action set requested_at = now() - interval '25 hours'")
    assert [proposal for proposal, _ in applied(shop).applied] == [small]
    assert shop.problems() == []


def test_the_rights_are_those_of_whoever_set_the_policy(shop: Shop) -> None:
    setting(shop, "lc_stranger", auto_apply="create_index")
    proposal = shop.create(index())
    assert applied(shop).refused == (
        (proposal, "role lc_stranger does not hold role lc_owner, the owner of shop.item"),
    )
    setting(shop, auto_apply="create_index")
    shop.sql("revoke postai_operator from lc_boss")
    try:
        assert why_not(shop, proposal) == "role lc_boss is no operator"
    finally:
        shop.sql("grant postai_operator to lc_boss")
    shop.sql("revoke lc_owner from lc_boss")
    try:
        assert "does not hold role lc_owner" in why_not(shop, proposal)
    finally:
        shop.sql("grant lc_owner to lc_boss")
    assert len(applied(shop).applied) == 1
    shop.sql("revoke lc_owner from lc_boss")
    try:
        result = shop.run()
    finally:
        shop.sql("grant lc_owner to lc_boss")
    assert result.error is not None and result.error.sqlstate == "PA006" and shop.indexes() == []


def test_windows_and_sizes_are_limits(shop: Shop) -> None:
    setting(shop, auto_apply="create_index, drop_index", auto_apply_window="banana")
    proposal = shop.create(index())
    assert "banana" in why_not(shop, proposal)
    hour = shop.value(
        "select extract(hour from now() at time zone (select reset_val from pg_settings where name = 'TimeZone'))::int"
    )
    before, after, next_one = ((hour + n) % 24 for n in (23, 1, 2))
    setting(shop, auto_apply_window=f"{next_one}:00 - {before}:30")
    assert "it is not between" in why_not(shop, proposal)
    setting(shop, auto_apply_window=f"{before}:00-{next_one}:00", auto_apply_mb="0.5")
    assert "auto_apply_mb" in why_not(shop, proposal)
    shop.sql("analyze shop.item")
    lying = shop.create(index("id", evidence={"bytes": 1, "saved_ms_per_day": 5.0, "effects": EFFECTS}))
    setting(shop, auto_apply_mb="0.1")
    assert "auto_apply_mb" in why_not(shop, lying), "a B-tree of all rows cannot be that small"
    setting(shop, auto_apply_mb="100")
    assert len(applied(shop).applied) == 2
    assert shop.value("select bool_and(run_window @> now() and not upper_inf(run_window)) from postai.action")
    assert after in range(24)


HOSTILE = (
    "DROP TABLE shop.item",
    "DROP INDEX CONCURRENTLY shop.item_pkey",
    "CREATE UNIQUE INDEX CONCURRENTLY x ON shop.item (price)",
    "CREATE INDEX x ON shop.item (price)",
    "ALTER TABLE shop.item SET (autovacuum_enabled = false)",
    "ALTER TABLE shop.item ADD COLUMN x int",
    "UPDATE shop.item SET price = 0",
    "VACUUM FULL shop.item",
    "VACUUM (FULL, ANALYZE) shop.item",
    "REINDEX TABLE shop.item",
    "ANALYZE shop.item; DROP TABLE shop.item",
    "COMMENT ON INDEX shop.item_pkey IS 'x'; DROP TABLE shop.item",
    "COMMENT ON INDEX shop.item_pkey IS E'\\''; DROP TABLE shop.item --'",
    "CREATE INDEX CONCURRENTLY x ON shop.item (price); DROP TABLE shop.item",
    'ANALYZE shop."item"; DROP TABLE shop."item"',
)


def forged(shop: Shop, statement: str, kind: str) -> int:
    """A proposal that a hostile agent wrote past `create`, with whatever it says about itself."""
    with shop.database.connect("lc_agent") as agent:
        proposal = agent.execute(
            "insert into postai.proposal (kind, title, why, fingerprint) "
            "values (%s, 'x', 'x', postai._fingerprint('[]')) returning id", [kind],
        ).fetchone()[0]  # type: ignore[index]  # fmt: skip
        agent.execute(
            "insert into postai.proposal_step (proposal, step, statement, statement_class, in_transaction, objects)"
            " values (%s, 1, %s, 'ANALYZE', true, '[]')", [proposal, statement],
        )  # fmt: skip
    return int(proposal)


@both_servers
def test_a_hostile_agent_gets_nothing_approved_that_the_policy_does_not_say(shop: Shop) -> None:
    kinds = ("create_index", "reindex", "vacuum", "analyze", "autovacuum")
    setting(shop, auto_apply=", ".join(kinds), auto_apply_per_day="1000")
    for statement in HOSTILE:
        for kind in ("create_index", "analyze"):
            why_not(shop, forged(shop, statement, kind))
    shop.sql("create table shop.root (a int)")  # a superuser's
    assert "belongs to superuser postgres" in why_not(shop, forged(shop, "ANALYZE shop.root", "analyze"))
    assert "does not exist" in why_not(shop, forged(shop, "ANALYZE shop.gone", "analyze"))
    assert "superuser" in why_not(shop, forged(shop, "ANALYZE pg_catalog.pg_class", "analyze"))
    for attack in (
        "update postai.setting set value = '\"drop_index\"'",
        "select postai.set('auto_apply', 'drop_index')",
        "select postai._approve_as(1, true, 'lc_boss')",
        "select postai._enqueue(1, 'apply', 'lc_boss')",
        "select postai._require_policy(null, null, null, null, null)",
        "update postai.action set by_policy = false",
        "update postai.action set requested_at = now() - interval '1 week'",
        "insert into postai.action (proposal, kind) values (1, 'apply')",
    ):
        assert error_of(lambda attack=attack: shop.sql(attack, "lc_agent")).sqlstate == "42501", attack
    assert shop.value("select count(*) from postai.action") == 0
    assert shop.value("select count(*) from postai.proposal where approved_by is not null") == 0
    assert shop.value(
        "select postai._apply_by_policy({})".format(forged(shop, "ANALYZE shop.item", "analyze")), "lc_agent"
    )


def test_what_came_of_a_question_is_never_applied_without_being_asked(shop: Shop) -> None:
    setting(shop, auto_apply="create_index, analyze")
    evidence = {"saved_ms_per_day": 9e9, "bytes": 800_000, "effects": EFFECTS}
    asked = index("price", key="price", evidence={**evidence, ASKED: True})
    measured = index("name", key="name", evidence=evidence)
    with shop.connect() as agent:
        (one,) = keep(agent, [asked]).proposals
        (other,) = keep(agent, [measured]).proposals
        assert one is not None and other is not None
        assert (
            keep(agent, [replace(measured, evidence={**evidence, "saved_ms_per_day": 1.0, ASKED: True})]).refreshed
            == ()
        )
        report = apply_by_policy(agent)
        assert ([proposal for proposal, _ in report.applied], report.refused) == ([other], ())
        assert "question about one statement" in why_not(shop, one)
        for lie in ("1", '"no"', "null", "{}", "true"):
            shop.sql(f"update postai.proposal set evidence = evidence || '{{\"asked\": {lie}}}' where id = {one}")
            assert "question about one statement" in why_not(shop, one), lie
        assert apply_by_policy(agent) == PolicyReport()
        assert keep(agent, [replace(asked, evidence=evidence)]).refreshed == (one,)
        assert [proposal for proposal, _ in apply_by_policy(agent).applied] == [one], "measured by now"


def test_an_index_is_made_without_being_asked_only_for_statements_that_get_faster(shop: Shop) -> None:
    setting(shop, auto_apply="create_index")
    none = {"saved_ms_per_day": 0.0, "bytes": 800_000, "effects": [], "foreign_key": "item_fkey"}
    for evidence in (
        none,
        {**none, "effects": EFFECTS},
        {**none, "saved_ms_per_day": 5.0},
        {**none, "effects": {"a": 1}},
    ):
        proposal = shop.create(index(evidence=evidence))
        assert "no statement is known to get faster" in why_not(shop, proposal), evidence
        assert applied(shop) == PolicyReport(), "it is not even tried"
        shop.sql(f"select postai.dismiss({proposal}, 'no')", "lc_boss")


def test_a_kind_that_no_policy_can_allow_is_refused(shop: Shop) -> None:
    error = error_of(lambda: setting(shop, auto_apply="vacuum, archive, fillfactor"))
    assert error.sqlstate == "22023" and "archive, fillfactor" in str(error)
    assert error.diag.message_hint is not None and "create_index, drop_index, reindex" in error.diag.message_hint
    setting(shop, auto_apply="")


@both_servers
def test_drops_only_when_they_are_listed_and_housekeeping(shop: Shop) -> None:
    shop.sql("create index item_note on shop.item (note); alter index shop.item_note owner to lc_owner")
    setting(shop, auto_apply="create_index,reindex,vacuum,analyze,autovacuum")
    drop = shop.create(draft("DROP INDEX CONCURRENTLY shop.item_note", kind="create_index"))
    assert "drop_index, which is not among" in why_not(shop, drop)
    shop.sql(f"select postai.dismiss({drop}, 'no')", "lc_boss")
    setting(shop, auto_apply="drop_index, reindex, vacuum, analyze, autovacuum", auto_apply_per_day="10")
    archive = shop.create(draft("DELETE FROM shop.item WHERE id < 5", kind="vacuum"))
    statements = {
        "reindex": "REINDEX INDEX CONCURRENTLY shop.item_note",
        "vacuum": "VACUUM (ANALYZE) shop.item",
        "analyze": "ANALYZE shop.item (name, price)",
        "autovacuum": "ALTER TABLE shop.item SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_enabled = on)",
        "drop_index": "DROP INDEX CONCURRENTLY shop.item_note",
    }
    proposals = [shop.create(draft(statement, kind=kind)) for kind, statement in statements.items()]
    report = applied(shop)
    assert [proposal for proposal, _ in report.applied] == proposals
    assert report.refused == ((archive, "step 1 is nothing that is applied without being asked"),)
    results = [shop.run() for _ in proposals]
    assert {one.state for one in results} == {"done"}, results
    assert shop.indexes() == [] and shop.value("select count(*) from shop.item") == 20000


def test_the_queue_applies_by_policy_tells_what_comes_and_ends_what_missed_its_window(shop: Shop) -> None:
    setting(shop, auto_apply="create_index")
    made = shop.create(index())
    left = shop.create(draft((INDEX.format("price"), None)))
    missed = shop.apply(left)
    shop.sql("update postai.action set run_window = tstzrange(null, now())")
    later = shop.create(draft("ANALYZE shop.item"))
    soon = shop.value(f"select postai.schedule({later}, tstzrange(now() + interval '2 min', null))", "lc_boss")
    with Pool(shop.database.dsn("lc_agent")) as pool:
        queue = ActionQueue("shop", pool, shop.runner(), Backoff(random.Random(1), first=0.1, longest=1.0))
        queue.begin()
        end = time.monotonic() + 30
        while shop.proposal(made) != ("closed", "applied") or shop.action(soon)["noticed_at"] is None:
            assert time.monotonic() < end
            queue.wake("")
            time.sleep(0.1)
        queue.end()
        queue.stop(Deadline.after(10))
    assert shop.indexes() == [("item_name", True)] and shop.action(missed)["state"] == "failed"
    assert shop.action(soon)["state"] == "queued" and shop.problems() == []
