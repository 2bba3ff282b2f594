"""Indexes for foreign keys of big tables that no statement asked for: which are advised, which are left alone."""

from __future__ import annotations

import time

from conftest import TestDatabase
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.database.named_sql import load
from postai.database.upkeep import leaving_out_held, looking
from postai.deadline import Deadline
from postai.observe.health import check_health
from postai.optimize.advisors import advise_everything
from postai.optimize.drafts import draft_of
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


def test_a_partial_index_serves_and_partitions_are_one_table(database: TestDatabase) -> None:
    database.execute(FARM)
    database.execute(
        """
        create table milk (barn int references barn, stall int, number int, litres int,
                           foreign key (stall, number) references stall);
        insert into milk select i % 100 + 1, i % 100 + 1, 1, i from generate_series(1, 30000) as i;
        create index milk_barn on milk (barn) where barn is not null;
        create index milk_stall on milk (number, stall) where number is not null and stall is not null;
        create index milk_other on milk (barn) where litres is not null;
        create table egg (barn int references barn, at int, note text default repeat('x', 80)) partition by range (at);
        create table egg_1 partition of egg for values from (0) to (10000);
        create table egg_2 partition of egg for values from (10000) to (20000);
        insert into egg select i % 100 + 1, i from generate_series(1, 19999) as i;
        analyze milk, egg_1, egg_2"""
    )
    with database.connect() as session:
        session.execute("set plan_cache_mode = force_generic_plan")
        lookup = "select 1 from only milk x where $1 operator(pg_catalog.=) barn for key share of x"
        session.execute(f"prepare look (int) as {lookup}")  # type: ignore[arg-type]
        assert "milk_barn" in str(session.execute("explain execute look (1)").fetchall())
    with connect(database.dsn()) as db:
        keys, _ = big_keys(db, Deadline.after(10))
        assert {one.name: one.covered_by for one in keys} == {
            "egg_barn_fkey": [], "milk_barn_fkey": ["public.milk_barn"], "milk_stall_number_fkey": ["public.milk_stall"]
        }  # fmt: skip
        with looking(db, Deadline.after(10)):
            unused = db.query(leaving_out_held(load("postai.optimize", "hygiene.sql")["unused"]), [0, 100])
        assert unused == [(database.execute("select 'milk_other'::regclass::oid::int8")[0][0],)]
        found = {one.check: one for one in check_health(db, Deadline.after(30))}["foreign_key_indexes"]
        assert [one.object for one in found.objects] == ["public.egg (egg_barn_fkey)"]
        (one,) = advise_foreign_keys(keys, 30.0, load_catalog(db), [])
        steps = [step.statement for step in draft_of(one).steps]
        assert one.evidence["table_rows"] == 19_999 and "ON public.egg_1" in steps[0] and "ATTACH" in steps[-2]
        database.execute("create index on egg_1 (barn)")
        assert not advise_foreign_keys(big_keys(db, Deadline.after(10))[0], 30.0, load_catalog(db), [])
