"""The versions between: install, an agent's look, drift, the copy, planned changes and their undo on 14 and 17."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lifecycle_support import Shop
from planned_support import BROKEN, EVERY_KIND, QUICK, application, finish, hashes, plain, planned_shop, propose

from conftest import drop_database, make_database, start_server
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.deadline import Deadline
from postai.migrate.drift_store import drift, take
from postai.migrate.trace import trace
from postai.observe.collect import Collector
from postai.observe.health.running import check_health
from postai.optimize.advisors import advise_everything
from postai.optimize.types import AdvisorOptions, Workload, WorkloadStatement
from postai.scratch.scratch_database import opener
from postai.setup.server import debian_binaries
from postai.sql.safety import load_safety

pytestmark = pytest.mark.soak


@pytest.fixture(scope="module", params=[14, 17])
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    started = start_server(debian_binaries(request.param), f"PG{request.param}")
    server = next(started)
    one = make_database(server)
    yield planned_shop(one)
    drop_database(one)
    started.close()


def test_planned_changes_there_and_back(shop: Shop) -> None:
    before, wanted = hashes(shop), plain(shop, EVERY_KIND)
    with shop.connect() as agent:
        take(agent, "the test")
    proposal = propose(shop, EVERY_KIND)
    shop.sql(f"select postai.apply({proposal}, unsafe => true)", "lc_boss")
    with application(shop) as errors:
        result = shop.run(options=QUICK)
    assert result.state == "done" and errors == [], (result.error, errors)
    finish(shop, proposal)
    assert hashes(shop) == wanted and shop.value(BROKEN) == 0
    with shop.connect() as agent:
        assert len(drift(agent).differences) > 5
    assert before != wanted


def test_every_statement_of_a_file_is_traced(shop: Shop) -> None:
    dsn = shop.database.dsn()
    with connect(dsn) as session:
        text = "alter table shop.orders alter column placed type date"
        (seen,) = trace(session, [text], Deadline.after(30), opener(dsn))
    assert seen.rewrites == ("shop.orders",) and seen.locks["shop.orders"] == "AccessExclusiveLock", seen


def test_the_agent_looks_at_everything(shop: Shop) -> None:
    with shop.connect() as agent:
        results = check_health(agent, Deadline.after(30))
        assert len(results) > 10
        collector = Collector()
        for _ in range(2):
            assert not [one for one in collector.collect(agent, values=False) if one.error]
        query = "select * from shop.item where name = $1"
        workload = Workload((WorkloadStatement("1", query, 1000.0, mean_ms=5.0),), "file")
        told = advise_everything(
            agent, load_catalog(agent), load_safety(agent), workload, AdvisorOptions(), Deadline.after(55),
            price_per_gb_month=0.1,
        )  # fmt: skip
        assert not [note for note in told.advice.notes if "not looked" in note], told.advice.notes
