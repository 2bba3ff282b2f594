"""Models of index size and scan cost against real indexes, and where their numbers come from."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, connect
from postai.optimize.access_cost import Cost, pattern_trigrams, scan_cost, search_for
from postai.optimize.index_keys import key_facts, trigrams
from postai.optimize.index_size import estimate_bytes, index_shape
from postai.optimize.replaced_cost import replaced_total
from postai.optimize.statistics import TableStatistics, read_planner_settings, read_statistics
from postai.optimize.types import IndexDefinition, IndexKey
from postai.setup.server import LocalServer
from postai.sql.plan_tree import read_tree

MAKE = """
create extension pg_trgm;
create table thing as
  select i as id, (array['new', 'paid', 'done'])[1 + abs(hashint8(i)) % 3] as status,
         timestamptz '2024-01-01' + i * interval '1 minute' as at, (abs(hashint8(i + 7)) % 4000)::int as owner,
         case when i % 4 = 0 then i end as parent, md5(i::text) as hex,
         'mail' || abs(hashint8(i)) % 100000 || '@example' || i % 9 || '.org' as mail,
         (select string_agg(chr(97 + abs(hashint8(i * 31 + k)) % 20) || chr(97 + abs(hashint8(i * 17 + k)) % 5)
                            || 'ra', ' ') from generate_series(1, 6) k) as words,
         jsonb_build_object('colour', (array['red', 'blue'])[1 + i % 2], 'size', abs(hashint8(i)) % 50,
                            'ref', md5(i::text)) as doc,
         (select array_agg('t' || abs(hashint8(i * 13 + k)) % 200) from generate_series(1, 1 + i % 4) k) as tags,
         point(abs(hashint8(i)) % 1000, abs(hashint8(i + 1)) % 1000) as place
    from generate_series(1::int8, 20000) i;
vacuum analyze thing;
"""


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def things(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    server: LocalServer = request.getfixturevalue(request.param)
    one = make_database(server)
    for statement in MAKE.split(";\n"):
        if statement.strip():
            one.execute(statement)
    yield one
    drop_database(one)


@pytest.fixture
def db(things: TestDatabase) -> Iterator[Database]:
    with connect(things.dsn()) as one:
        one.execute("set max_parallel_workers_per_gather = 0")
        yield one


def oid(db: Database, name: str = "thing") -> int:
    return int(db.query("select %s::regclass::oid::int8", (name,))[0][0])


def statistics(db: Database) -> TableStatistics:
    return read_statistics(db, [oid(db)])[oid(db)]


def define(db: Database, key: str, method: str = "btree", opclass: str | None = None, **more: Any) -> IndexDefinition:
    names = [part.strip() for part in key.split(";")]
    keys = tuple(IndexKey(one, one if one.isidentifier() else None, opclass) for one in names)
    return IndexDefinition("public", "thing", oid(db), keys, method=method, **more)


def built(db: Database, definition: IndexDefinition) -> int:
    db.execute(definition.statement("real", concurrently=False))
    return int(db.query("select pg_relation_size('public.real')::int8")[0][0])


BTREES = ["id", "status", "at", "owner", "parent", "hex", "mail", "owner; at", "status; owner", "lower(mail)",
          "doc ->> 'colour'", "(doc ->> 'size')::int"]  # fmt: skip
OTHERS = [("hex", "hash", None, 0.25), ("owner", "hash", None, 0.25), ("at", "brin", None, 0.25),
          ("doc", "gin", "jsonb_path_ops", 0.5), ("doc", "gin", None, 0.5), ("tags", "gin", None, 0.5),
          ("mail", "gin", "gin_trgm_ops", 0.5), ("words", "gin", "gin_trgm_ops", 0.5),
          ("to_tsvector('simple', words)", "gin", None, 0.5), ("place", "gist", None, 0.5)]  # fmt: skip


@pytest.mark.parametrize("key", BTREES)
def test_size_of_a_btree_is_within_a_quarter(db: Database, key: str) -> None:
    definition = define(db, key)
    guess = estimate_bytes(definition, statistics(db))
    with db.transaction():
        real = built(db, definition)
        db.execute("drop index public.real")
    assert 0.75 < guess / real < 1.25


def test_size_of_partial_and_covering_btrees(db: Database) -> None:
    for definition, fraction in (
        (define(db, "at", where="status = 'new'"), 1 / 3),
        (define(db, "parent", where="parent IS NOT NULL"), 1 / 4),
        (define(db, "owner", include=("status", "id")), 1.0),
    ):
        guess = estimate_bytes(definition, statistics(db), fraction)
        with db.transaction():
            assert 0.75 < guess / built(db, definition) < 1.25
            db.execute("drop index public.real")


@pytest.mark.parametrize(("key", "method", "opclass", "tolerance"), OTHERS)
def test_size_of_other_indexes(db: Database, key: str, method: str, opclass: str | None, tolerance: float) -> None:
    definition = define(db, key, method, opclass)
    guess = estimate_bytes(definition, statistics(db))
    with db.transaction():
        real = built(db, definition)
        db.execute("drop index public.real")
    assert 1 - tolerance < guess / real < 1 + tolerance


SCANS = [("doc", "gin", "jsonb_path_ops", "@>", '{"size": 7}'), ("doc", "gin", None, "@>", '{"size": 7}'),
         ("tags", "gin", None, "@>", "{t7}"), ("tags", "gin", None, "&&", "{t7,t9}"),
         ("mail", "gin", "gin_trgm_ops", "~~", "%l123%"), ("words", "gin", "gin_trgm_ops", "~~*", "%BeRA%"),
         ("to_tsvector('simple', words)", "gin", None, "@@", "bera"), ("place", "gist", None, "<@", "((1,1),(90,90))"),
         ("at", "brin", None, ">", "2024-01-14"), ("at", "btree", None, ">", "2024-01-14"),
         ("owner", "btree", None, "=", "77"), ("owner", "hash", None, "=", "77")]  # fmt: skip
TYPES = {"doc": "jsonb", "tags": "text[]", "place": "box", "at": "timestamptz", "owner": "int"}


@pytest.mark.parametrize(("key", "method", "opclass", "operator", "constant"), SCANS)
def test_cost_of_a_scan_is_near_the_planners(
    db: Database, key: str, method: str, opclass: str | None, operator: str, constant: str
) -> None:
    kind = "tsquery" if operator == "@@" else TYPES.get(key, "text")
    condition = f"{key} {operator} '{constant}'::{kind}"
    definition = define(db, key, method, opclass)
    facts = key_facts(definition.keys[0], statistics(db))
    search = search_for(definition.keys[0], operator, constant, facts)
    shape = index_shape(definition, statistics(db))
    with db.transaction():
        rows = explained(db, condition)["Plan Rows"]
        operators = 101.0 if operator == "@@" else 1.0  # to_tsvector costs 100
        model = scan_cost(shape, rows, read_planner_settings(db), search=search, operators=operators)
        built(db, definition)
        db.execute("set local enable_seqscan = off")
        real = explained(db, condition)
        db.execute("drop index public.real")
    assert "Index" in real["Node Type"] or "Bitmap" in real["Node Type"]
    assert 1 / 3 < model.total / real["Total Cost"] < 3


def explained(db: Database, condition: str) -> dict[str, Any]:
    plan: dict[str, Any] = explain(db, f"select * from thing where {condition}")["Plan"]
    return plan


def explain(db: Database, statement: str) -> dict[str, Any]:
    found: dict[str, Any] = db.query(f"explain (format json) {statement}")[0][0][0]
    return found


STATEMENTS = [
    "select * from thing where tags @> '{t7,t8,t9}' limit 1",
    "select count(*) from thing where tags @> '{t7}'",
    "select * from thing where tags @> '{t7}' order by at limit 5",
    "select status, count(*) from thing where tags @> '{t7}' group by status",
    "select * from thing a join thing b on b.id = a.owner where a.tags @> '{t7,t8}'",
    "select (select count(*) from thing where tags @> array['t' || v]) from generate_series(1, 5) v",
    "with q as materialized (select * from thing where tags @> '{t7}') select * from q a, q b where a.id < b.id",
    "select id from thing where tags @> '{t7}' union all select id from thing where tags @> '{t8}'",
    "select * from thing where id = (select max(id) from thing where tags @> '{t7}')",
]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_replaced_total_is_what_the_planner_finds_with_the_index(db: Database, statement: str) -> None:
    before = read_tree([explain(db, statement)])
    with db.transaction():
        built(db, define(db, "tags", "gin"))
        db.execute("set local enable_seqscan = on")
        after = read_tree([explain(db, statement)])
        db.execute("drop index public.real")
    scans = [one for one in before.nodes if one.kind == "Seq Scan" and "tags" in one.text("Filter")]
    bitmaps = [one for one in after.nodes if one.kind == "Bitmap Heap Scan" and "tags" in one.text("Recheck Cond")]
    assert len(scans) == len(bitmaps) > 0
    costs = {
        old.step: Cost(new.number("Startup Cost") or 0.0, new.number("Total Cost") or 0.0)
        for old, new in zip(scans, bitmaps, strict=True)
    }
    assert replaced_total(before, costs) == pytest.approx(after.nodes[0].number("Total Cost"), rel=0.1)


def test_trigrams_are_those_of_pg_trgm(db: Database) -> None:
    for text in ("Hello, World", "a1 b2-c3", "  spaced   out ", "x"):
        assert trigrams(text) == set(db.query("select show_trgm(%s)", (text,))[0][0])
    assert pattern_trigrams("%hello world") <= trigrams("hello world")


def test_an_ordinary_role_gets_what_it_may_read(things: TestDatabase, db: Database) -> None:
    role = "models_reader"
    db.execute(f"create role {role} login password '{role}'")
    try:
        db.execute(f"grant select (id, status) on thing to {role}")
        with connect(things.dsn(role)) as other:
            (seen,) = read_statistics(other, [oid(db)]).values()
    finally:
        db.execute(f"drop owned by {role}")
        db.execute(f"drop role {role}")
    assert seen.rows == 20000
    assert seen.columns["status"].n_distinct == 3
    assert seen.columns["hex"].average_width is None
    assert not seen.columns["hex"].samples
    assert estimate_bytes(define(db, "hex"), seen) > 0


def test_partitions_are_added_up_and_unknown_tables_left_out(database: TestDatabase) -> None:
    database.execute("create table part (id int8, note text) partition by hash (id)")
    for number in range(3):
        database.execute(f"create table part{number} partition of part for values with (modulus 3, remainder {number})")
    database.execute("insert into part select i, 'n' || i % 10 from generate_series(1, 9000) i")
    with connect(database.dsn()) as db:
        whole = oid(db, "part")
        (new,) = read_statistics(db, [whole]).values()
        db.execute("analyze part")
        (seen,) = read_statistics(db, [whole, 4294967295]).values()
    assert new.pages > 0 or new.rows == 0
    assert seen.rows == 9000
    assert seen.leaves == 3
    assert seen.columns["note"].n_distinct == 10
    assert seen.columns["note"].common


def test_five_hundred_tables_are_read_in_one_go(database15: TestDatabase) -> None:
    database15.execute(
        "do $$ begin for n in 1..500 loop execute format("
        "'create table many%s as select i as id, md5(i::text) as a, i %% 5 as b from generate_series(1, 20) i', n);"
        " end loop; end $$"
    )
    database15.execute("analyze")
    with connect(database15.dsn()) as db:
        oids = [row[0] for row in db.query("select oid::int8 from pg_class where relname like 'many%'")]
        started = time.monotonic()
        found = read_statistics(db, oids)
        took = time.monotonic() - started
    assert len(found) == 500
    assert all(one.rows == 20 and len(one.columns) == 3 for one in found.values())
    assert took < 30
