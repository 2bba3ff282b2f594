"""Cache tables as the agent keeps them: with whose rights, beside which readers, by which news."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from agent_support import AGENT, AgentProcess, agent_dsn, running, wait_for
from cache_support import MAKER, SALES, Shop, open_shop

from conftest import TestDatabase, make_database
from postai.cache.refresh import Entry, entries, failed, refresh
from postai.database import connect
from postai.errors import PostaiError, Refused
from postai.setup.server import LocalServer

LIVE = "create or replace function postai_cache._live_1(key uuid, groups jsonb) returns setof postai_cache._query_1"


@pytest.fixture
def shop(database: TestDatabase) -> Iterator[Shop]:
    yield from open_shop(database)


def test_it_is_filled_anew_before_its_time_is_over(shop: Shop) -> None:
    shop.cache(more=", ttl => '10 s'")
    assert 0 < shop.entry().due < 10
    shop.sql("insert into app.orders (region, amount) values ('new', 1)")
    assert shop.refresh().rows == 6
    shop.same("sales", SALES)
    assert shop.fresh()
    shop.expire()
    assert shop.entry().due == 0


def test_what_its_creator_makes_of_it_gains_him_nothing(shop: Shop) -> None:
    shop.cache()
    shop.sql("create table app.loot (who text, primary key (who) deferrable initially deferred)", MAKER)
    attacks = {
        "raise 'it is %', current_user": "it is postai_reader",
        "reset role; raise 'it is %', current_user": "postai_reader|security-definer",
        f"set role {AGENT}": "security-definer",
        "insert into app.loot values (current_user)": "read-only transaction|permission denied",
        "perform set_config('transaction_read_only', 'off', true); raise 'no'": "read-write mode",
    }
    for body, said in attacks.items():
        for rights in ("invoker", "definer"):
            if rights == "definer" and "current_user" in body and "raise" in body:
                continue  # then it is himself, as it should be
            shop.sql(f"{LIVE} language plpgsql security {rights} as $f$ begin {body}; end $f$", MAKER)
            with pytest.raises(PostaiError, match=said):
                shop.refresh()
    # What survives a function does not survive this one: settings of the session, cursors, temporary tables.
    shop.sql(
        f"{LIVE} language plpgsql security definer as $f$ begin perform set_config('search_path', 'app', false);"
        " execute 'declare c cursor with hold for select current_user'; return; end $f$",
        MAKER,
    )
    with connect(shop.database.dsn(AGENT)) as db, db.transaction():
        rows = "select from postai._cache_rows(null::postai_cache._rows_1, 1, null, null, 9)"
        assert db.query(rows) == []
        assert db.query("select name from pg_cursors where is_holdable") == []
        assert "app" not in db.query("show search_path")[0][0]
    shop.sql("drop function postai_cache._live_1 cascade; drop view if exists postai_cache.sales", MAKER)
    with pytest.raises(PostaiError):
        shop.refresh()


def test_a_table_that_somebody_puts_in_the_place_of_its_own(shop: Shop) -> None:
    shop.sql(
        f"""
        select postai._cache_begin('trap', 'select 1', '1 s', null);
        create view postai_cache._query_1 as select 1 as a;
        create table postai_cache._rows_1 (a int);
        create function app.spring() returns trigger language plpgsql as $f$ begin raise 'sprung'; end $f$;
        create trigger spring before insert or delete on postai_cache._rows_1
          for each statement execute function app.spring();
        grant all on postai_cache._rows_1 to postai_agent;
        {LIVE} language sql as 'select 1'
        """,
        MAKER,
    )
    trap = Entry(1, "trap", 1.0, None, 0.0, 0.0)
    with connect(shop.database.dsn(AGENT)) as db:
        with pytest.raises(Refused, match="gone"):
            refresh(db, trap, shop.board, "postai_edge")
        assert entries(db) == ()
    assert shop.sql(
        "select count(*) from pg_class where relname like '%\\_1' and relnamespace = 'postai_cache'::regnamespace"
    ) == [(0,)]
    shop.cache()
    shop.sql("create view app.held as select * from postai_cache._rows_2; drop table app.orders cascade", MAKER)
    with connect(shop.database.dsn(AGENT)) as db:
        entries(db)
    assert shop.sql("select error ->> 'sqlstate' from postai.cache_stats") == [("2BP01",)]


def test_what_has_become_unsafe_is_not_filled_and_the_query_is_read(shop: Shop) -> None:
    shop.cache()
    shop.sql("alter table app.orders enable row level security", MAKER)
    entry = shop.entry()
    with pytest.raises(Refused) as error:
        shop.refresh()
    assert "row level security" in (error.value.detail or "")
    with connect(shop.database.dsn(AGENT)) as db:
        failed(db, entry, error.value)
    shop.expire()
    assert shop.sql("select error ->> 'sqlstate' from postai.cache_stats") == [("PA003",)]
    assert shop.entry().due > 0
    assert sorted(shop.sql("select * from postai_cache.sales", MAKER)) == sorted(shop.sql(SALES))
    shop.sql("alter table app.orders disable row level security", MAKER)
    shop.sql("select postai.set('cache_rows', '2')")
    with pytest.raises(PostaiError, match="more rows than a cache table may have"):
        shop.refresh()
    assert not shop.fresh()


def test_readers_wait_for_no_refresh_and_see_one_state(shop: Shop) -> None:
    shop.cache()
    old = sorted(shop.sql(SALES))
    with shop.database.connect(MAKER, autocommit=False) as slow, shop.database.connect(MAKER) as quick:
        slow.execute("set transaction isolation level repeatable read")
        assert sorted(slow.execute("select * from postai_cache.sales").fetchall()) == old
        shop.sql("insert into app.orders (region, amount) values ('new', 1)")
        quick.execute("set lock_timeout = '1ms'")
        with shop.database.connect() as filling, filling.transaction():
            filling.execute("delete from postai_cache._rows_1; insert into postai_cache._rows_1 select 'half', 1, 1")
            assert sorted(quick.execute("select * from postai_cache.sales").fetchall()) == old
        for _ in range(3):
            shop.refresh()
        assert sorted(slow.execute("select * from postai_cache.sales").fetchall()) == old


def test_two_refreshes_at_once_leave_one_set_of_rows(shop: Shop) -> None:
    shop.cache()
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                shop.refresh()
        except PostaiError as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not errors
    shop.same("sales", SALES)


def catch_up(shop: Shop, heard: threading.Event, name: str = "sales") -> None:
    """Refresh as the duty does until nothing is stale."""

    def settled() -> bool:
        if shop.fresh(name) and not heard.is_set():
            return True
        heard.clear()
        shop.refresh(name)
        return False

    assert shop.board.await_proof(time.monotonic(), 20)
    wait_for(settled)


GROUPED = {
    "one": SALES,
    "two": "SELECT year AS y, region, min(amount) AS low, max(amount) AS high, avg(amount) AS middle FROM app.orders "
    "WHERE amount > 3 GROUP BY region, year HAVING count(*) > 1 ORDER BY 1",
    "mood": "SELECT mood, count(DISTINCT region) AS n FROM app.orders GROUP BY mood",
}


def change(dice: random.Random) -> str:
    region = dice.choice(["null", "'r1'", "'r2'", "E'it\\'s \\\\ \"{,}%s'", "''", "'NULL'"])
    year, mood = dice.choice(["null", "2020", "2021"]), dice.choice(["null", "'sad'", "'ok'"])
    some = f"id % 97 = {dice.randrange(97)}"
    return dice.choice(
        [
            f"insert into app.orders (region, year, amount, mood) select {region}, {year}, {dice.randrange(9)}, {mood}",
            f"update app.orders set region = {region}, amount = amount + 1 where {some}",
            f"update app.orders set year = {year}, mood = {mood} where {some}",
            f"delete from app.orders where {some}",
        ]
    )


def property_of_groups(shop: Shop, rounds: int) -> None:
    dice = random.Random(7)
    for name, query in GROUPED.items():
        shop.cache(name, query)
    with shop.following() as heard:
        for name in GROUPED:
            shop.refresh(name)
        for round in range(rounds):
            for _ in range(dice.randrange(1, 4)):
                shop.sql(change(dice))
            if round == rounds // 2:
                shop.sql("truncate app.orders")
            for name in GROUPED:
                catch_up(shop, heard, name)
            for name, query in GROUPED.items():
                shop.same(name, query)
    done = shop.sql("select sum(refreshes), sum(refreshed_groups) from postai.cache_stats")
    assert done[0][1] >= rounds, done


def test_groups_computed_anew_give_what_the_whole_query_gives(shop: Shop) -> None:
    property_of_groups(shop, 4)


@pytest.mark.soak
def test_groups_computed_anew_give_what_the_whole_query_gives_for_long(shop: Shop) -> None:
    property_of_groups(shop, 150)


def test_a_write_makes_it_stale_and_silence_keeps_it_fresh(shop: Shop) -> None:
    shop.cache(more=", ttl => '30 s'")
    shop.cache("timed", "select count(*) as n from app.orders where now() > 'epoch'", ", ttl => '30 s'")
    shop.cache("later", "select 1 as a", ", invalidate_on_write => false")
    shop.sql("create table app.unpublished (a int primary key)", MAKER)
    shop.cache("alone", "select a from app.unpublished")
    with shop.following() as heard:
        for name in ("sales", "timed"):
            shop.refresh(name)
        as_of = "select as_of from postai.cache_stats where name in ('sales', 'timed') order by name"
        before = shop.sql(as_of)
        wait_for(lambda: shop.sql(as_of)[0] > before[0])
        assert shop.sql(as_of)[1] == before[1]  # now() goes on
        shop.sql("insert into app.orders (region, amount) values ('new', 1)")
        wait_for(lambda: not shop.fresh() and not shop.fresh("timed"))
        assert heard.is_set()
        assert sorted(shop.sql("select * from postai_cache.sales", MAKER)) == sorted(shop.sql(SALES))
        shop.refresh()
        wait_for(shop.fresh)
        shop.same("sales", SALES)
        reasons = dict(shop.sql("select name, not_followed from postai.cache_stats"))
        assert reasons["sales"] is None
        assert reasons["later"] == "it was made with invalidate_on_write => false"
        assert reasons["alone"] == "app.unpublished: not published (publication postai_edge)"


PARTS = """
create table app.parts (id int primary key, n int) partition by range (id);
create table app.part1 partition of app.parts for values from (0) to (10);
create table app.part2 (id int primary key, n int);
insert into app.part2 values (10, 1);
"""


def test_partitions_and_what_the_stream_does_not_tell(shop: Shop) -> None:
    shop.sql(PARTS, MAKER)
    shop.sql("alter publication postai_edge add table app.parts")
    shop.cache("parts", "select sum(n) as n from (select n from app.parts) as p", ", ttl => '1 hour'")
    as_of = "select as_of from postai.cache_stats where name = 'parts'"
    with shop.following() as heard:
        shop.refresh("parts")
        before = shop.sql(as_of)
        wait_for(lambda: shop.sql(as_of) > before)
        shop.sql("insert into app.part1 values (1, 5)")
        wait_for(lambda: not shop.fresh("parts"))
        assert heard.is_set()
        shop.refresh("parts")
        # No row is written, and yet the sum is another: nobody may say that the rows are those of a later moment.
        shop.sql("alter table app.parts attach partition app.part2 for values from (10) to (20)")
        attached = shop.sql("select clock_timestamp()")
        assert shop.board.await_proof(time.monotonic() + 1, 20)
        assert shop.sql(as_of) <= attached
    shop.refresh("parts")
    assert shop.sql("select n from postai_cache.parts", MAKER) == [(6,)]


def test_a_stream_that_is_lost_leaves_the_time_to_live(shop: Shop) -> None:
    shop.cache()
    with shop.following():
        shop.sql(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name like 'postai_cache%'"
        )
        wait_for(lambda: shop.lost)
    assert shop.fresh()
    (reason,) = shop.sql("select not_followed from postai.cache_stats")[0]
    assert reason == shop.lost[0].message


def until(what: Callable[[], bool]) -> None:
    assert wait_for(what)


@pytest.fixture
def newer_shop(pg18: LocalServer) -> Iterator[Shop]:
    yield from open_shop(make_database(pg18))


def test_the_agent_keeps_it_and_is_killed(newer_shop: Shop, tmp_path: Path) -> None:
    shop = newer_shop
    shop.sql(f"alter role {AGENT} replication")
    shop.cache(more=", ttl => '1 s'")
    shop.cache("slow", "select count(*) as n from app.orders a, app.orders b, app.orders c where a.id < 60")
    agent = AgentProcess(tmp_path, [("shop", agent_dsn(shop.database.server, shop.database.name, tmp_path))])
    with running(agent):
        refreshes = "select refreshes from postai.cache_stats where name = 'sales'"
        until(lambda: shop.sql(refreshes)[0][0] >= 2)
        until(lambda: shop.sql("select refreshed_on from postai.cache_stats where name = 'sales'") == [("write",)])
        shop.sql("insert into app.orders (region, amount) values ('new', 1)")
        until(lambda: ("new",) in shop.sql("select region from postai_cache._rows_1"))
        shop.expire()
        busy = "select pid from pg_stat_activity where application_name = 'postai cache' and query ~ '_rows_2'"
        until(lambda: bool(shop.sql(busy)))
        agent.kill()
        until(lambda: not shop.sql(busy))
    assert shop.sql("select count(*) from postai_cache._rows_2") == [(1,)]
    until(lambda: not shop.fresh())  # nobody refreshes it: the query is read
    assert sorted(shop.sql("select * from postai_cache.sales", MAKER)) == sorted(shop.sql(SALES))
    shop.sql(f"alter role {AGENT} noreplication")


def test_a_name_of_the_database_is_nothing_to_it(shop: Shop) -> None:
    shop.cache()
    with psycopg.connect(shop.database.server.dsn("postgres"), autocommit=True) as connection:
        connection.execute(f'alter database "{shop.database.name}" rename to "{shop.database.name}_x"')  # type: ignore[arg-type]
        shop.database._name += "_x"
    assert shop.refresh().rows == 5
