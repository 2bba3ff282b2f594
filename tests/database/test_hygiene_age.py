"""An index that postai built lately is not called unused since the counters began."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lifecycle_support import Shop, index_draft, shop_clone, shop_template

from conftest import TestDatabase
from postai.database import connect
from postai.deadline import Deadline
from postai.optimize.column_uses import read_column_uses
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


def test_scans_of_an_index_count_from_when_it_was_seen_first(shop: Shop) -> None:
    shop.database.execute(
        "create index item_price on shop.item (price); create index item_old on shop.item (price, id);"
        "insert into postai.seen_index (index_oid, table_oid, index_name, definition, first_seen)"
        " select i.indexrelid, i.indrelid, format('%I.%I', n.nspname, c.relname), pg_get_indexdef(i.indexrelid),"
        "        clock_timestamp() - case when c.relname = 'item_price' then interval '0' else interval '90 days' end"
        "   from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace"
        "  where n.nspname = 'shop'; create index item_new on shop.item (price, name)"
    )
    with shop.connect() as agent:
        began = agent.query("select clock_timestamp() - interval '1 minute'")[0][0]
        found = {
            one.index: one
            for one in find_index_troubles(agent, Deadline.after(30), HygieneOptions(least_bytes=0, unused_days=0))
            if one.kind == "unused"
        }
    assert found["shop.item_new"].counted_since > began, "not seen yet, so it is new"
    assert found["shop.item_old"].counted_since < found["shop.item_new"].counted_since


def test_what_statements_search_by_is_told_and_makes_careful(shop: Shop) -> None:
    shop.database.execute(
        "create index item_price on shop.item (price);"
        "insert into postai.statement (dbid, userid, queryid, toplevel, query, usage, first_seen)"
        ' select d.oid, 10, 77 + n, true, \'select 1\', \'{"shop.item": {"filters": ["price"]}}\','
        "        now() - interval '900 days'"
        "   from pg_database d, generate_series(0, 1) n where d.datname = current_database();"
        "insert into postai.statement (dbid, userid, queryid, toplevel) select d.oid, 0, 0, true"
        "   from pg_database d where d.datname = current_database();"
        "insert into postai.sample_statement (at, statement_id, seconds, calls, total_ms)"
        " select now() - interval '1 hour', s.id, 3600, 500, 1 from postai.statement s"
    )
    options = HygieneOptions(least_bytes=0, unused_days=0)
    with shop.connect() as agent:
        uses = read_column_uses(agent)
        found = {one.index: one for one in find_index_troubles(agent, Deadline.after(30), options, uses)}
    careful = found["shop.item_price"]
    assert careful.recommendation is None
    assert "often search by price" in careful.warning
    assert uses.evidence("shop.item")["column_uses"] == {"price": {"filters": 2}}
    assert uses.sentence("shop.item", "price").endswith("2 statements filter by it (1000 calls).")
    assert "No collected statement" in uses.sentence("shop.item", "name")
    shop.database.execute("update postai.statement set first_seen = now() + interval '1 day'")
    with shop.connect() as agent:
        uses = read_column_uses(agent)
        found = {one.index: one for one in find_index_troubles(agent, Deadline.after(30), options, uses)}
    advice = found["shop.item_price"].recommendation
    assert advice is not None
    assert "2 statements filter by it" in advice.why
    assert advice.evidence["column_uses"] == {"price": {"filters": 2}}


def test_columns_that_no_statement_uses(shop: Shop) -> None:
    shop.database.execute(
        "alter table shop.item add column forgotten text, add column looked_at text, add column indexed int;"
        "create index on shop.item (indexed);"
        "create view shop.seen as select looked_at from shop.item;"
        "insert into postai.statement (dbid, userid, queryid, toplevel, query, usage)"
        ' select d.oid, 10, 100 + n, true, \'select 1\', \'{"shop.item": {"reads": ["id", "name", "price"]}}\''
        "   from pg_database d, generate_series(1, 10) n where d.datname = current_database();"
        "insert into postai.statement (dbid, userid, queryid, toplevel) select d.oid, 0, 0, true"
        "   from pg_database d where d.datname = current_database();"
        "insert into postai.sample_statement (at, statement_id, seconds, calls, total_ms)"
        " select now() - make_interval(days => n), s.id, 3600, 5, 1 from postai.statement s, generate_series(1, 8) n"
        "  where s.queryid = 0"
    )
    unused = "select column_name, statements, days from postai.unused_columns where table_name = 'shop.item'"
    assert ("forgotten", 10, 8) in shop.database.execute(unused)
    assert not {"looked_at", "indexed", "id", "name", "price"} & {row[0] for row in shop.database.execute(unused)}
    add = (
        "insert into postai.statement (dbid, userid, queryid, toplevel, query, utility, usage)"
        " select d.oid, 10, {}, true, {}, {}, {} from pg_database d where d.datname = current_database()"
    )
    shop.database.execute(add.format(300, "'VACUUM shop.item'", "true", "null"))
    assert ("forgotten", 10, 8) in shop.database.execute(unused)
    shop.database.execute(add.format(301, "'COPY shop.Item TO STDOUT'", "true", "null"))
    assert shop.database.execute(unused) == [], "it reads every column"
    shop.database.execute("delete from postai.statement where queryid = 301")
    shop.database.execute(
        "create table shop.parted (id int, a int, b int, c int) partition by range (id);"
        "create table shop.parted_1 partition of shop.parted for values from (0) to (9)"
    )
    for n in range(10):
        table, column = ("parted", "a") if n % 2 else ("parted_1", "b")
        usage = f"""'{{"shop.{table}": {{"reads": ["{column}"]}}}}'"""
        shop.database.execute(add.format(400 + n, "'select'", "false", usage))
    parted = unused.replace("= 'shop.item'", "like 'shop.parted%%'")
    assert shop.database.execute(parted) == [("c", 10, 8)]
    shop.database.execute(
        "insert into postai.statement (dbid, userid, queryid, toplevel, query, truncated)"
        " select d.oid, 10, 200, true, 'select * from shop.ITEM where', true from pg_database d"
        "  where d.datname = current_database()"
    )
    assert shop.database.execute(unused) == [], "a text that was cut may name it"
