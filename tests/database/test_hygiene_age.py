"""An index that postai built lately is not called unused since the counters began."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lifecycle_support import Shop, index_draft, shop_clone, shop_template

from conftest import TestDatabase
from postai.database import connect
from postai.deadline import Deadline
from postai.optimize.hygiene import DAY, HygieneOptions, find_index_troubles


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def template(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    yield from shop_template(request.getfixturevalue(request.param))


@pytest.fixture
def shop(template: TestDatabase) -> Iterator[Shop]:
    yield from shop_clone(template)


def test_scans_of_an_index_count_from_when_it_was_built(shop: Shop) -> None:
    shop.database.execute("create index item_price on shop.item (price)")
    shop.apply(shop.create(index_draft()))
    assert shop.run().state == "done"
    with shop.connect() as agent:
        ((done_at, age),) = agent.query(
            "select done_at, extract(epoch from clock_timestamp() - done_at)::float8 from postai.proposal_step"
        )
        options = HygieneOptions(least_bytes=0, unused_days=(age + 60) / DAY)
        found = {one.index: one for one in find_index_troubles(agent, Deadline.after(30), options)}
    built, by_hand = found["shop.item_name"], found["shop.item_price"]
    assert abs((built.counted_since - done_at).total_seconds()) < 5
    assert built.recommendation is None, "not unused for long enough"
    assert by_hand.counted_since < done_at
    with connect(shop.database.dsn()) as owner:
        now = find_index_troubles(owner, Deadline.after(30), HygieneOptions(least_bytes=0, unused_days=0))
    advice = next(one for one in now if one.index == "shop.item_price").recommendation
    assert advice is not None and "younger than the counters looks the same" in advice.why
