"""Indexes for foreign keys of big tables that no statement asked for: which are advised, which are left alone."""

from __future__ import annotations

import time

from conftest import TestDatabase
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.deadline import Deadline
from postai.optimize.advisors import advise_everything
from postai.optimize.foreign_keys import advise_foreign_keys, big_keys, needed
from postai.optimize.types import AdvisorOptions
from postai.sql.safety import load_safety

FARM = """
create table barn (id int primary key, name text);
create table stall (barn int, number int, primary key (barn, number));
insert into barn select i, 'b' from generate_series(1, 100) as i;
insert into stall select i, 1 from generate_series(1, 100) as i;
create table cow (id int primary key, "Barn" int references barn, born_in int references barn, number int,
                  note text default repeat('x', 80), foreign key (born_in, number) references stall);
create table few (barn int references barn);
"""


def test_big_tables_only_once_and_last(database: TestDatabase) -> None:
    database.execute(FARM)
    database.execute("insert into cow select i, i % 100 + 1, i % 100 + 1, 1 from generate_series(1, 12000) as i")
    database.execute("insert into few select 1; create index on cow (born_in, number); analyze")
    with connect(database.dsn()) as db:
        keys, _ = big_keys(db, Deadline.after(10))
        catalog = load_catalog(db)
        assert [one.name for one in keys] == ["cow_Barn_fkey", "cow_born_in_fkey", "cow_born_in_number_fkey"]
        assert advise_foreign_keys(keys, 1.0, catalog, []) == [], "12,000 rows a day: the index would cost too much"
        (one,) = advise_foreign_keys(keys, 30.0, catalog, [])
        assert (one.kind, one.object, one.severity) == ("create_index", "public.cow", "LOW")
        assert 'ON public.cow ("Barn")' in one.statement and one.net_ms_per_day < 0, one
        assert "reads them all" in one.why and one.evidence["foreign_key"] == "cow_Barn_fkey"
        assert advise_foreign_keys(keys, 30.0, catalog, [one]) == [], "it is said already"
        assert needed(keys, ["public.cow_born_in_number_idx"]) == {"public.cow_born_in_number_idx"}
        database.execute('delete from cow where "Barn" = 7 or born_in = 7; delete from barn where id = 7')
        end = time.monotonic() + 20
        while not big_keys(db, Deadline.after(10))[0][0].deleted:
            assert time.monotonic() < end, "the counters come late"
            time.sleep(0.1)
        told = advise_everything(
            db,
            load_catalog(db),
            load_safety(db),
            None,
            AdvisorOptions(),
            Deadline.after(30),
            price_per_gb_month=0.1,
            foreign_keys=True,
        )
        found = [one for one in told.advice.recommendations if one.kind == "create_index"]
        assert [one.evidence["foreign_key"] for one in found] == ["cow_Barn_fkey"], told.advice
        assert told.advice.recommendations[-1] == found[0], "last"
        database.execute(found[0].statement)
        assert not [one for one in big_keys(db, Deadline.after(10))[0] if not one.covered_by]
