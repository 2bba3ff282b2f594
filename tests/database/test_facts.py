"""What the index advisor reads of a table's own counters."""

from __future__ import annotations

import time

import pytest

from conftest import TestDatabase
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.optimize import facts
from postai.optimize.facts import Counters, first_facts

TABLE = """
create table w (id int primary key, a int) with (fillfactor = 50);
create index w_a on w (a);
insert into w select g, g from generate_series(1, 100) g;
update w set a = -a where id <= 40;
delete from w where id > 90;
"""


def test_counters_that_nobody_ever_reset_count(database: TestDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    database.execute(TABLE)
    with connect(database.dsn()) as db:
        assert db.query("select stats_reset from pg_stat_database where datname = current_database()") == [(None,)]
        catalog = load_catalog(db)
        ((oid,),) = db.query("select 'w'::regclass::oid::int8")
        young = first_facts(db, catalog, {})
        young.learn(db, [oid])
        assert young.counters == {}
        monkeypatch.setattr(facts, "DAY", 1e-6)  # the server has counted for that long
        for _ in range(50):
            old = first_facts(db, catalog, {})
            old.learn(db, [oid])
            found = old.counters.get(oid, Counters())
            if found.deleted:
                break
            time.sleep(0.1)
    assert found.inserted / found.deleted == pytest.approx(10)
    assert found.updated / found.deleted == pytest.approx(4)
    assert found.hot_share == 0.0
