"""The cache end to end before real servers: what comes from memory, and what a change does to it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest
from edge_caches import CachingEdge, caching, simple

from conftest import TestDatabase
from postai.edge.caching import MOMENT
from postai.edge.server.answers import Answers
from postai.edge.server.cached import ASKS
from postai.sql.reads import Verdict

ROW = "select name from item where id = 7"
TABLES = """
create table item (id int primary key, name text, price int);
insert into item select n, 'item ' || n, n from generate_series(1, 100) as n;
create publication postai_edge for all tables;
"""


@pytest.fixture
def edge(database: TestDatabase) -> Iterator[CachingEdge]:
    with caching(database, TABLES) as one:
        yield one


def test_a_query_is_answered_from_memory_until_another_path_writes(edge: CachingEdge) -> None:
    with edge.connect() as client:
        asks: dict[str, Callable[[], object]] = {
            "simple": lambda: simple(client, ROW),
            "unnamed": lambda: client.execute("select name from item where id = %s", (7,), prepare=False).fetchall(),
            "prepared": lambda: client.execute("select name from item where id = %s", (7,), prepare=True).fetchall(),
            "binary": lambda: client.execute("select name from item where id = %b", (7,), binary=True).fetchall(),
            "no parameters": lambda: client.execute(ROW, prepare=False).fetchall(),
        }
        for ask in asks.values():
            assert edge.hit(ask) == [("item 7",)]
        edge.database.execute("update item set name = 'new' where id = 7")
        for ask in asks.values():
            edge.becomes(ask, [("new",)], 2)
            assert edge.hit(ask) == [("new",)]


def test_what_was_used_is_asked_for_again_before_a_client_does(edge: CachingEdge) -> None:
    with edge.connect() as client:
        for ask in (
            lambda: simple(client, ROW),
            lambda: client.execute("select name from item where id = %s", (7,), prepare=True).fetchall(),
        ):
            before = edge.hit(ask)
            renewed = edge.figures.renewed
            edge.database.execute("update item set name = name || '!' where id = 7")
            edge.until(lambda figures, renewed=renewed: figures.renewed > renewed)  # type: ignore[misc]
            hits = edge.figures.hits
            assert ask() == [(f"{before[0][0]}!",)] and edge.figures.hits == hits + 1  # type: ignore[index]
        renewed = edge.figures.renewed  # the last of the two was used since, the other was not
        edge.database.execute("update item set name = 'once more' where id = 7")
        edge.until(lambda figures: figures.entries == 1 and figures.renewed == renewed + 1)
        edge.database.execute("update item set name = 'not used' where id = 7")
        edge.until(lambda figures: figures.entries == 0 and figures.renewed == renewed + 1)


def test_a_row_is_not_forgotten_for_the_sake_of_another(edge: CachingEdge) -> None:
    with edge.connect() as client:
        edge.hit(lambda: simple(client, ROW))
        edge.hit(lambda: simple(client, "select count(*) from item"))
        edge.database.execute("update item set name = 'new' where id = 8; delete from item where id = 9")
        edge.until(lambda figures: figures.invalidated == 1)
        before = edge.figures.hits
        assert simple(client, ROW) == [("item 7",)] and edge.figures.hits == before + 1
        edge.database.execute("update item set id = 1007 where id = 7")
        edge.becomes(lambda: simple(client, ROW), [], 2)
        edge.hit(lambda: simple(client, ROW))
        edge.database.execute("update item set id = 7 where id = 1007")
        edge.becomes(lambda: simple(client, ROW), [("item 7",)], 2)


def test_clients_with_other_settings_and_users_have_their_own_answers(edge: CachingEdge) -> None:
    edge.database.execute(
        "create schema elsewhere; create table elsewhere.item (id int primary key, name text);"
        "insert into elsewhere.item values (7, 'other')"
    )
    edge.database.execute(
        "create table moment (t timestamptz primary key); insert into moment values ('2020-01-01 12:00+00')"
    )
    text = "select t from moment"
    with (
        edge.connect() as client,
        edge.connect(options="'-c search_path=elsewhere'") as other,
        edge.connect(options="'-c TimeZone=Asia/Tokyo'") as far,
    ):
        assert edge.hit(lambda: simple(client, ROW)) == [("item 7",)]
        assert simple(other, ROW) == [("other",)]
        edge.hit(lambda: simple(client, text))
        edge.hit(lambda: simple(far, text))
        shown = [one.pgconn.exec_(text.encode()).get_value(0, 0) for one in (client, far)]
        assert shown[1] == b"2020-01-01 21:00:00+09" != shown[0]


def test_what_is_not_kept(edge: CachingEdge) -> None:
    edge.database.execute(
        "create view busy as select now() as t, id from item; create unlogged table loose (a int);"
        "create function mine() returns int language sql stable return 1"
    )
    with edge.connect() as client:
        for text in (
            "select clock_timestamp(), id from item where id = 7", "select random() from item where id = 7",
            "select id from busy where id = 7", "select * from loose", "select mine()", "select relname from pg_class",
            "select id from item where id = 7 for update", "select 1; select 2", "select xmin from item where id = 7",
            "insert into item values (1000) on conflict do nothing returning id", "show work_mem",
        ):  # fmt: skip
            with edge.connect() as one:
                edge.never_hits(lambda one=one, text=text: simple(one, text), 4)  # type: ignore[misc]
        edge.hit(lambda: simple(client, ROW))
        with client.transaction():
            edge.never_hits(lambda: simple(client, ROW), 3)
        client.execute("set work_mem = '1MB'")
        edge.never_hits(lambda: simple(client, ROW), 3)


def test_a_statement_prepared_before_a_hit_is_still_there_afterwards(edge: CachingEdge) -> None:
    with edge.connect() as client, edge.connect() as other:
        raw = client.pgconn
        edge.hit(lambda: other.execute("select name from item where id = %s", (7,), prepare=False).fetchall())
        raw.prepare(b"", b"select 'first'")
        assert raw.exec_prepared(b"", None).get_value(0, 0) == b"first"
        edge.hit(lambda: client.execute("select name from item where id = %s", (7,), prepare=False).fetchall())
        # The hit's Parse has replaced the unnamed statement, as the server would have.
        assert raw.exec_prepared(b"", [b"8"]).get_value(0, 0) == b"item 8"
        edge.hit(lambda: simple(client, ROW))
        assert b"does not exist" in raw.exec_prepared(b"", []).error_message


def test_answers_that_carry_more_than_rows_are_not_kept(edge: CachingEdge) -> None:
    edge.database.execute(
        "create table big (id int primary key, t text);"
        "insert into big select n, repeat('x', 3000) from generate_series(1, 1000) as n"
    )
    with edge.connect() as client:
        edge.never_hits(lambda: len(simple(client, "select t from big")), 6)

        def fail() -> None:
            with pytest.raises(psycopg.errors.DivisionByZero):
                simple(client, "select id / 0 from item")

        edge.never_hits(fail, 6)
        assert edge.hit(lambda: simple(client, "select t from big limit 1")) == [("x" * 3000,)]


def test_a_write_is_followed_by_no_stale_read_of_ones_own(edge: CachingEdge) -> None:
    edge.database.execute(
        "create table log (id int primary key references item on delete cascade on update cascade, n int);"
        "insert into log values (7, 0);"
        "create function note() returns trigger language plpgsql as $$"
        "begin update log set n = new.price where id = new.id; return new; end $$;"
        "create trigger note after update on item for each row execute function note();"
    )
    read = "select price, n from item join log using (id) where id = 7"
    with edge.connect() as client, edge.connect() as reader:
        edge.hit(lambda: simple(reader, read))
        for number in range(1, 31):
            match number % 3:
                case 0:
                    client.execute("update item set price = %s where id = 7", (number,))
                case 1:
                    simple(client, f"update item set price = {number} where id = 7 returning 1")
                case 2:
                    with client.transaction():
                        client.execute("select 1")
                        client.execute("update item set price = %s where id = 7", (number,), prepare=True)
            assert simple(client, read) == [(number, number)]
            edge.becomes(lambda number=number: simple(reader, read), [(number, number)], 2)  # type: ignore[misc]
        edge.hit(lambda: simple(reader, read))


CHANGES = {
    "trigger": (
        "create table copied (n serial primary key, name text);"
        " create function copy_name() returns trigger language plpgsql as"
        " $$ begin insert into copied (name) values (new.name); return new; end $$;"
        " create trigger copy_name after update on item for each row execute function copy_name()",
        "select count(*) from copied", "update item set name = 'x' where id = 1",
    ),
    "cascade of a key": (
        "create table part (item int primary key references item on delete cascade); insert into part values (50)",
        "select count(*) from part", "delete from item where id = 50",
    ),
    "truncate cascade": (
        "create table head (id int primary key); create table tail (head int primary key references head);"
        " insert into head values (1); insert into tail values (1)",
        "select count(*) from tail", "truncate head cascade",
    ),
    "partition's row": (
        "create table measured (id int primary key, n int) partition by list (id);"
        " create table measured_1 partition of measured"
        " for values in (1)", "select count(*) from measured", "insert into measured_1 values (1, 1)",
    ),
    "partition attached": (
        "create table halves (id int primary key) partition by list (id);"
        " create table half (id int primary key); insert into half values (2)",
        "select count(*) from halves", "alter table halves attach partition half for values in (2)",
    ),
    "view replaced": (
        "create view shown as select 1 as n from item where id = 7", "select n from shown",
        "create or replace view shown as select 2 as n from item where id = 7",
    ),
    "table under a view": (
        "create table base (a int primary key); create view over as select * from base;"
        " create view over_it as select * from over",
        "select count(*) from over_it", "insert into base values (1)",
    ),
    "table renamed": (
        "create table one (a int primary key); create table two (a int primary key);"
        " insert into two values (1)", "select count(*) from one",
        "alter table one rename to old_one; alter table two rename to one",
    ),
    "column added": ("create table wide (a int primary key); insert into wide values (1)",
                     "select to_jsonb(wide)::text from wide",
                     "alter table wide add b int default 5"),
    "definition and rows in one transaction": (
        "create table mixed (a int primary key); insert into mixed values (1)", "select count(*) from mixed",
        "begin; alter table mixed add b int; insert into mixed values (2); commit",
    ),
    "table dropped": (
        "create schema first; create table first.there (a int primary key)", "select count(*) from first.there",
        "drop table first.there; create table first.there (a int primary key); insert into first.there values (1)",
    ),
}  # fmt: skip


def test_changes_of_every_kind_are_noticed(edge: CachingEdge) -> None:
    edge.database.execute(";".join(setup for setup, _, _ in CHANGES.values()))
    with edge.connect() as client, edge.database.connect() as direct:
        for name, (_, query, change) in CHANGES.items():
            before = edge.hit(lambda query=query: simple(client, query))  # type: ignore[misc]
            direct.execute(change)  # type: ignore[call-overload]
            after = direct.execute(query).fetchall()  # type: ignore[call-overload]
            assert after != before, name
            edge.becomes(lambda query=query: simple(client, query), after, 2)  # type: ignore[misc]


def test_clients_wait_for_the_same_answer(edge: CachingEdge) -> None:
    text = "select count(*) from item as a, item as b, item as c where a.price + b.price < c.price"
    with edge.connect() as first:
        edge.hit(lambda: simple(first, text))
        with edge.connect() as one, edge.connect() as two, edge.connect() as three:
            before = edge.figures
            edge.database.execute("update item set price = price + 1")
            edge.until(lambda figures: figures.invalidated > before.invalidated)
            time.sleep(MOMENT)  # so long the answer from before may be given on
            threads = [threading.Thread(target=simple, args=(client, text)) for client in (first, one, two, three)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            after = edge.figures
            assert after.stored == before.stored + 1
            if not after.renewed:  # else the edge itself was the first
                assert (after.waited, after.misses - before.misses) == (3, 1)


def test_nobody_goes_back_in_time_while_answers_are_fetched_anew(edge: CachingEdge) -> None:
    """An answer that a change has overtaken is given on for a moment, but not to who may know better."""
    text = "select sum(one.price) from item as one, item as two, item as three where two.id < 30"
    stop, wrong = threading.Event(), list[str]()

    def read(client: psycopg.Connection) -> None:
        last = 0
        while not stop.is_set():
            ((now,),) = simple(client, text)
            if now < last:  # type: ignore[operator]
                wrong.append(f"{now} after {last}")
            last = now  # type: ignore[assignment]

    with edge.connect() as writer, edge.connect() as one, edge.connect() as two, edge.database.connect() as direct:
        before = edge.hit(lambda: simple(writer, text))[0][0]  # type: ignore[index]
        threads = [threading.Thread(target=read, args=(client,)) for client in (one, two)]
        for thread in threads:
            thread.start()
        for number in range(60):
            (writer if number % 2 else direct).execute("update item set price = price + 1 where id = 7")
            if number % 2:
                ((now,),) = simple(writer, text)
                if now != before + 2900 * (number + 1):
                    wrong.append(f"{now} is not what was written before")
        stop.set()
        for thread in threads:
            thread.join()
    assert not wrong


def test_statements_of_a_definition_ago_are_not_looked_into(edge: CachingEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else statements pile up where definitions change faster than they are looked into, and nothing is kept."""
    caches = edge.edge.edge._caches
    assert caches is not None
    (cache,) = caches.databases.values()
    looked_into, verdict = list[bytes](), Answers._verdict

    async def counted(self: Answers, meaning: bytes, generation: int) -> Verdict:
        looked_into.append(meaning)
        return await verdict(self, meaning, generation)

    monkeypatch.setattr(Answers, "_verdict", counted)
    with edge.connect() as client:
        for _ in range(ASKS):
            asyncio.run_coroutine_threadsafe(cache.asking.acquire(), edge.edge._loop).result(10)
        for _ in range(3):
            simple(client, ROW)
            assert edge.inside(lambda: len(cache.tasks)) > 0 and not looked_into
            edge.inside(cache.redefined)
        for _ in range(ASKS):
            edge.inside(cache.asking.release)
        edge.hit(lambda: simple(client, ROW))
    assert len(looked_into) == 1


def test_drivers(edge: CachingEdge) -> None:
    asyncpg = pytest.importorskip("asyncpg")
    pg8000 = pytest.importorskip("pg8000.native")
    where = {"host": "127.0.0.1", "port": edge.edge.port, "database": edge.database.name, "user": "postgres"}

    async def tour() -> None:
        client = await asyncpg.connect(**where, password=edge.database.server.password())
        before = edge.figures.hits
        for _ in range(20):
            assert await client.fetchval("select name from item where id = $1", 7) == "item 7"
            await asyncio.sleep(0.02)
        assert edge.figures.hits > before + 5
        await client.close()

    asyncio.run(tour())
    client = pg8000.Connection(**where, password=edge.database.server.password())
    edge.hit(lambda: client.run("select name from item where id = :id", id=7))
    client.close()


def test_figures_are_shown(edge: CachingEdge) -> None:
    with edge.connect() as client:
        edge.hit(lambda: simple(client, ROW))
        cursor = client.execute("show postai.cache")
        assert cursor.description is not None
        row = dict(zip([column.name for column in cursor.description], cursor.fetchall()[0], strict=True))
        assert row["database"] == edge.database.name and row["state"] == "on" and int(row["hits"]) >= 1
