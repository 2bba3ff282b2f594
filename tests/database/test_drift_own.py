"""Drift on tables that postai changed: its own changes are none, what others do on the same tables is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lifecycle_support import Shop, draft, shop_clone, shop_template

from conftest import TestDatabase
from postai.database import Pool
from postai.migrate.drift_store import OwnChanges, drift, newest, take
from postai.proposals import Decision
from postai.service.drift_duty import DriftDuty

ADDED = draft(("ALTER TABLE shop.item ADD COLUMN region text", "ALTER TABLE shop.item DROP COLUMN region"))


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(request.param))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    for one in shop_clone(template):
        with one.connect() as agent:
            take(agent, "a test")
        yield one


def told(shop: Shop) -> set[tuple[str, str]]:
    """Objects that differ, and how, before and after the agent's look, which must not accept anything."""
    looks = []
    with shop.connect() as agent:
        before = newest(agent)
        for _ in range(2):
            looks.append({(one.object, one.change) for one in drift(agent).differences})
            pool = Pool(shop.database.dsn("lc_agent"), max_size=1, application_name="duty")
            DriftDuty("shop", pool).look()
            pool.close()
        assert looks[0] == looks[1] and newest(agent) == before
    return looks[0]


def carry_out(shop: Shop, proposal: int, witness: OwnChanges) -> None:
    result = shop.run(witness=witness)
    assert (result.proposal, result.state) == (proposal, "done"), result


def test_others_on_the_same_table(shop: Shop) -> None:
    witness = OwnChanges()
    shop.sql("alter table shop.item add column early int")
    shop.apply(proposal := shop.create(ADDED))
    carry_out(shop, proposal, witness)
    assert told(shop) == {("column shop.item.early", "unexpected")}
    shop.sql(
        "alter table shop.item add column late int, drop column note, drop constraint item_pkey, drop column early"
    )
    expected = {
        ("column shop.item.late", "unexpected"), ("column shop.item.note", "missing"),
        ("constraint item_pkey on shop.item", "missing"),
    }  # fmt: skip
    assert told(shop) == expected
    shop.sql(f"select postai.undo({proposal})", "lc_boss")
    carry_out(shop, proposal, witness)
    assert told(shop) == expected
    shop.sql("alter table shop.item drop column late, add column note text, add primary key (id)")
    with shop.connect() as agent:
        report = drift(agent)
        assert report.differences == () and report.hash == report.expected


def test_a_new_table_and_a_rename(shop: Shop) -> None:
    witness = OwnChanges()
    shop.sql("create view shop.cheap as select name from shop.item where price < 3")
    with shop.connect() as agent:
        take(agent, "with a view")
    one = draft(
        "CREATE TABLE shop.extra (id serial PRIMARY KEY, item bigint REFERENCES shop.item)",
        ("ALTER TABLE shop.item RENAME TO article", "ALTER TABLE shop.article RENAME TO item"),
    )
    shop.apply(proposal := shop.create(one))
    carry_out(shop, proposal, witness)
    assert told(shop) == set()
    shop.sql("alter table shop.extra add column hand int")
    assert told(shop) == {("column shop.extra.hand", "unexpected")}


def test_an_attempt_after_a_crash_and_a_failure(shop: Shop) -> None:
    shop.apply(proposal := shop.create(ADDED))
    shop.sql("alter table shop.item add column region text")
    shop.sql("update postai.action set state = 'running', attempt = 1, started_at = now(), lease_until = '-infinity'")
    shop.sql(f"update postai.proposal_step set done_at = now() where proposal = {proposal}")
    carry_out(shop, proposal, OwnChanges())
    assert told(shop) == set()
    shop.apply(
        shop.create(draft("ALTER TABLE shop.item ADD COLUMN good int", "ALTER TABLE shop.item ADD CHECK (id < 9)"))
    )
    said: list[Decision] = []
    assert shop.run(witness=OwnChanges(), report=said.append).state == "failed"
    assert told(shop) == set() and "action.unseen" not in {one.point for one in said}
