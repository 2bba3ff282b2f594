"""The catalog picture and its fingerprint on real servers."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postai.database import Database, connect
from postai.database.catalog import Catalog, Check, Column, ForeignKey, Table, fingerprint, load_catalog
from postai.database.identifiers import qualified, quote_ident, quote_literal

RICH = Path(__file__).with_name("rich.sql").read_text(encoding="utf-8")


@pytest.fixture(params=["pg15", "pg18", "pg16"])
def server(request: pytest.FixtureRequest):
    """The picture is also read on a server without contrib."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def db(database) -> Iterator[Database]:
    with connect(database.dsn()) as session:
        yield session


@pytest.fixture
def rich(db: Database) -> Catalog:
    db.execute(RICH)
    return load_catalog(db)


def table(catalog: Catalog, name: str, schema: str = "public") -> Table:
    found = catalog.table(schema, name)
    assert found is not None
    assert catalog.by_oid(found.oid) is found
    return found


def column(found: Table, name: str) -> Column:
    one = found.column(name)
    assert one is not None
    return one


def test_relations(rich: Catalog, database, db: Database) -> None:
    assert (rich.database, rich.server_version) == (database.name, db.server_version)
    assert [(t.schema, t.name, t.kind) for t in rich.tables] == [
        ('Sales "x"', "Order Line", "table"),
        ("public", "ancestor", "table"),
        ("public", "customer", "table"),
        ("public", "event", "partitioned"),
        ("public", "event_2025", "partition"),
        ("public", "event_2026", "partitioned"),
        ("public", "event_2026_a", "partition"),
        ("public", "follow_up", "table"),
        ("public", "heir", "table"),
        ("public", "no_columns", "table"),
        ("public", "order_totals", "matview"),
        ("public", "order_view", "view"),
        ("public", "secret", "table"),
        ("public", "shipment", "table"),
    ]
    customer = table(rich, "customer")
    assert customer.comment == 'people who\'ve "bought" – größer\n; drop table x; --'
    assert customer.owner == "postgres"
    assert [t.name for t in rich.tables if t.row_security] == ["secret"]
    assert table(rich, "no_columns").columns == ()
    assert rich.table("public", "Customer") is None
    assert rich.by_oid(1) is None


def test_columns(rich: Catalog) -> None:
    customer = table(rich, "customer")
    assert [(c.number, c.name, c.type_name, c.base_type, c.type_category) for c in customer.columns] == [
        (1, "id", "bigint", "int8", "N"),
        (2, "E-Mail", "text", "text", "S"),
        (4, "feeling", "public.feeling", "enum", "E"),
        (5, "feelings", "public.mood[]", "_mood", "A"),
        (6, "balance", "public.small_positive", "numeric", "N"),
        (7, "home", "public.address", "address", "C"),
        (8, "born", "date", "date", "D"),
        (9, "at", "timestamp(3) with time zone", "timestamptz", "D"),
        (10, "upper_mail", "text", "text", "S"),
        (11, "boss", "bigint", "int8", "N"),
    ]
    assert column(customer, "feeling").enum_labels == ("sad", "it's ok", "happy")
    assert column(customer, "E-Mail").comment == 'it\'s "quoted" \\ ü'
    assert column(customer, "E-Mail").not_null
    assert not column(customer, "born").not_null
    assert column(customer, "id").identity == "always"
    assert column(table(rich, "shipment"), "id").identity == "by default"
    assert column(customer, "at").default == "now()"
    generated = column(customer, "upper_mail")
    assert (generated.generated, generated.default) == ("stored", 'upper("E-Mail")')


def test_virtual_columns(database18) -> None:
    with connect(database18.dsn()) as db:
        db.execute("create table t (a int, b int generated always as (a * 2) virtual)")
        assert column(table(load_catalog(db), "t"), "b").generated == "virtual"


def test_keys_and_checks(rich: Catalog) -> None:
    customer = table(rich, "customer")
    line = table(rich, "Order Line", 'Sales "x"')
    shipment = table(rich, "shipment")
    assert customer.primary_key == ("id",)
    assert sorted(customer.unique) == [("E-Mail",), ("at", "born")]
    assert customer.checks == (Check("old_enough", "CHECK ((born < '2020-01-01'::date))"),)
    assert customer.foreign_keys == (
        ForeignKey("customer_boss_fkey", ("boss",), customer.oid, "public", "customer", ("id",)),
    )
    assert line.primary_key == ("order_id", "line")
    assert [key.validated for key in line.foreign_keys] == [False]
    assert [(key.columns, key.table_oid, key.referenced_columns) for key in shipment.foreign_keys] == [
        (("b", "a"), line.oid, ("line", "order_id"))
    ]
    # A key to a partitioned table is one key, not one for each partition.
    assert [(key.table, key.columns) for key in table(rich, "follow_up").foreign_keys] == [
        ("event", ("id", "at", "kind"))
    ]


def test_indexes(rich: Catalog) -> None:
    indexes = {index.name: index for index in table(rich, "customer").indexes}
    assert set(indexes) == {"customer_pkey", "customer_E-Mail_key", "customer_lower_born_at_idx", "only_some", "whole"}
    partial = indexes["customer_lower_born_at_idx"]
    assert (partial.columns, partial.included) == ((None, "born"), ("at",))
    assert partial.expressions == ('lower("E-Mail")',)
    assert partial.predicate == "(boss IS NOT NULL)"
    assert (partial.method, partial.unique, partial.valid) == ("btree", False, True)
    assert partial.definition.startswith("CREATE INDEX customer_lower_born_at_idx ON public.customer USING btree")
    assert indexes["whole"].unique
    assert all(index.bytes == 8192 for index in indexes.values())


def test_an_invalid_index_is_no_key(db: Database) -> None:
    db.execute("create table t (a int)")
    db.execute("insert into t values (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        db.execute("create unique index concurrently twice on t (a)")
    found = table(load_catalog(db), "t")
    assert [(index.name, index.valid) for index in found.indexes] == [("twice", False)]
    assert found.unique == ()


def test_views(rich: Catalog) -> None:
    view, totals = table(rich, "order_view"), table(rich, "order_totals")
    assert 'FROM "Sales ""x"""."Order Line"' in (view.view_definition or "")
    assert "FROM public.order_view" in (totals.view_definition or "")
    assert [c.name for c in view.columns] == ["order_id", "word"]
    assert (view.total_bytes, view.row_estimate) == (0, None)


def test_partitions(rich: Catalog, db: Database) -> None:
    event, middle, leaf = table(rich, "event"), table(rich, "event_2026"), table(rich, "event_2026_a")
    assert (event.partition_key, event.parent_oid) == ("RANGE (at)", None)
    assert (middle.partition_key, middle.parent_oid) == ("LIST (kind)", event.oid)
    assert (leaf.partition_key, leaf.parent_oid) == (None, middle.oid)
    assert table(rich, "heir").parent_oid == table(rich, "ancestor").oid
    assert event.row_estimate is None
    db.execute("insert into event select i, '2025-02-01', 'a' from generate_series(1, 70) i")
    db.execute("insert into event select i, '2026-02-01', 'a' from generate_series(1, 30) i")
    db.execute("analyze event_2025")
    db.execute("analyze event_2026_a")
    again = load_catalog(db)
    assert [table(again, name).row_estimate for name in ("event", "event_2025", "event_2026")] == [100, 70, 30]
    sizes = [table(again, name).total_bytes or 0 for name in ("event", "event_2025", "event_2026_a")]
    assert sizes[0] == sizes[1] + sizes[2] > 0


def test_sizes_are_the_servers(rich: Catalog, db: Database) -> None:
    for one in rich.tables:
        if one.kind in ("table", "matview", "partition"):
            assert db.query("select pg_total_relation_size(%s::oid)", (one.oid,)) == [(one.total_bytes,)]


def test_types_and_functions(rich: Catalog) -> None:
    assert [(e.schema, e.name, e.labels, e.comment) for e in rich.enums] == [
        ("public", "mood", ("sad", "it's ok", "happy"), "how they feel")
    ]
    assert [(d.name, d.type_name, d.not_null, d.default) for d in rich.domains] == [
        ("feeling", "public.mood", False, None),
        ("positive", "numeric(10,2)", False, "1"),
        ("small_positive", "public.positive", True, "1"),
    ]
    assert rich.domains[1].checks == (Check("above_zero", "CHECK ((VALUE > (0)::numeric))"),)
    assert [(c.name, c.attributes) for c in rich.composites] == [
        ("address", (("street", "text"), ("Zip Code", "character varying(10)")))
    ]
    assert [(f.name, f.kind, f.arguments, f.result, f.language, f.volatility) for f in rich.functions] == [
        ("add_one", "function", "a integer, b text", "integer", "sql", "immutable"),
        ("total", "aggregate", "integer", "integer", "internal", "immutable"),
        ("work", "procedure", "", None, "plpgsql", "volatile"),
    ]
    assert rich.functions[0].comment == "adds"
    assert [f.name for f in rich.functions if f.security_definer] == ["work"]


def test_foreign_tables_and_extensions(database15) -> None:
    with connect(database15.dsn()) as db:
        db.execute("create extension pg_stat_statements; create extension file_fdw")
        db.execute("create server files foreign data wrapper file_fdw")
        db.execute("create foreign table lines (a text) server files options (filename '/dev/null')")
        catalog = load_catalog(db)
    assert table(catalog, "lines").kind == "foreign"
    assert table(catalog, "lines").extension is None
    assert table(catalog, "pg_stat_statements").extension == "pg_stat_statements"
    assert {f.extension for f in catalog.functions} == {"pg_stat_statements", "file_fdw"}


def test_statistics(db: Database) -> None:
    db.execute("create type mood as enum ('a b', 'c')")
    db.execute("create table t (a int, b text, c mood, d text[], e numeric, f text)")
    db.execute("""insert into t select i, case i % 4 when 0 then 'x,"y' when 1 then '{NULL}' when 2 then 'b\\s' end,
                  'a b', array['p', 'q,r'], null, 'Ü ' || i % 2 from generate_series(1, 100) i""")
    assert column(table(load_catalog(db), "t"), "a").statistics is None
    db.execute("analyze t")
    found = {c.name: c.statistics for c in table(load_catalog(db), "t").columns}
    assert found["a"] and (found["a"].n_distinct, found["a"].most_common) == (-1, ())
    assert found["b"] and found["b"].null_fraction == 0.25
    assert set(found["b"].most_common) == {'x,"y', "{NULL}", "b\\s"}
    assert found["b"].most_common_freqs == (0.25, 0.25, 0.25)
    assert found["c"] and found["c"].most_common == ("a b",)
    assert found["d"] and found["d"].most_common == ('{p,"q,r"}',)
    assert found["e"] and (found["e"].null_fraction, found["e"].most_common) == (1, ())
    assert found["f"] and set(found["f"].most_common) == {"Ü 0", "Ü 1"}


def test_histogram_of_texts_only(db: Database) -> None:
    db.execute("create table t (a int, b text, c jsonb)")
    db.execute("insert into t select i, 'x,' || i, jsonb_build_object('k', i) from generate_series(1, 3) i")
    db.execute("analyze t")
    found = {c.name: c.statistics for c in table(load_catalog(db), "t").columns}
    assert found["a"] and found["a"].histogram == ()
    assert found["b"] and (found["b"].most_common, found["b"].histogram) == ((), ("x,1", "x,2", "x,3"))
    assert found["c"] and found["c"].histogram == ('{"k": 1}', '{"k": 2}', '{"k": 3}')


def test_statistics_are_those_that_the_connected_role_may_read(database, db: Database) -> None:
    role = f"r_{database.name}"
    db.execute(f"create role {role} login password '{role}'")
    try:
        db.execute("create table t (a int, b int); insert into t select 1, 2 from generate_series(1, 10)")
        db.execute("create table u as table t; analyze")
        db.execute(f"grant select on u to {role}; grant select (a) on t to {role}")
        db.execute("alter table u enable row level security")
        with connect(database.dsn(role)) as mine:
            catalog = load_catalog(mine)
        assert column(table(catalog, "t"), "a").statistics
        assert column(table(catalog, "t"), "b").statistics is None
        assert column(table(catalog, "u"), "a").statistics is None
    finally:
        db.execute(f"drop owned by {role}; drop role {role}")


def test_names_are_qualified_whatever_the_search_path(rich: Catalog, db: Database) -> None:
    db.execute('set search_path = "Sales ""x""", public')
    assert load_catalog(db) == rich
    assert db.query("show search_path") == [('"Sales ""x""", public',)]
    with db.transaction():
        db.execute("set local search_path = public")
        load_catalog(db)
        assert db.query("show search_path") == [("public",)]
    assert db.query("show search_path") == [('"Sales ""x""", public',)]


def test_functions_in_the_way_are_not_called(db: Database) -> None:
    trap = "language plpgsql as 'begin raise exception ''trap''; end'"
    db.execute(f"""
        create table t (a int);
        create function md5(text) returns text {trap};
        create function json_agg(name) returns json {trap};
        create function format_type(oid, int) returns text {trap};
        create function pg_get_userbyid(oid) returns name {trap};
    """)
    db.execute("set search_path = public, pg_catalog")
    assert [one.name for one in load_catalog(db).tables] == ["t"]


def test_both_drivers_give_the_same(rich: Catalog, database) -> None:
    with connect(database.dsn(), driver="pg8000") as other:
        assert load_catalog(other) == rich
        assert fingerprint(other) == rich.fingerprint


def test_an_empty_database(db: Database) -> None:
    catalog = load_catalog(db)
    assert (catalog.tables, catalog.enums, catalog.functions) == ((), (), ())


@pytest.mark.parametrize("locked", ["customer", "order_totals", '"Sales ""x"""."Order Line"', "event_2026_a"])
def test_it_waits_for_no_lock(rich: Catalog, database, db: Database, locked: str) -> None:
    lock = "refresh materialized view" if locked == "order_totals" else "truncate"
    with connect(database.dsn()) as other, other.transaction():
        other.execute(f"{lock} {locked} {'cascade' if lock == 'truncate' else ''}")
        db.execute("set lock_timeout = '20s'")
        started = time.monotonic()
        found = load_catalog(db)
        assert time.monotonic() - started < 10
    assert [t.name for t in found.tables] == [t.name for t in rich.tables]
    unknown = {t.name for t in found.tables if t.total_bytes is None}
    assert locked.split(".")[-1].strip('"') in unknown
    if locked == "customer":
        one = table(found, "customer")
        assert column(one, "at").default is None
        assert column(one, "E-Mail").comment == 'it\'s "quoted" \\ ü'
        assert sorted(one.unique) == [("E-Mail",), ("at", "born")]
        assert [index.definition for index in one.indexes] == [""] * 5
        assert [check.name for check in one.checks] == ["old_enough"]
    if "Order" in locked:
        assert table(found, "order_view").view_definition is None
    assert found.fingerprint == rich.fingerprint


def test_objects_that_vanish_meanwhile_do_no_harm(database, db: Database) -> None:
    stop = threading.Event()

    def churn() -> None:
        with connect(database.dsn()) as other:
            while not stop.is_set():
                other.execute("create table t (a int primary key, b int default 1 check (b > 0))")
                other.execute("create view v as select * from t; create index on t (b) where a > 0")
                time.sleep(0.03)
                other.execute("drop table t cascade")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            load_catalog(db)
    finally:
        stop.set()
        thread.join()


def test_a_thousand_tables(db: Database) -> None:
    db.execute("""do $$ begin for i in 1..1000 loop
        execute format('create table t%s (id int primary key, ref int %s, name text default ''x'')', i,
                       case when i > 1 then format('references t%s', i - 1) else '' end);
    end loop; end $$""")
    found = load_catalog(db)
    assert len(found.tables) == 1000
    assert all(len(one.columns) == 3 and one.primary_key == ("id",) for one in found.tables)
    assert sum(len(one.foreign_keys) for one in found.tables) == 999
    assert fingerprint(db) == found.fingerprint


names = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]) | st.sampled_from("\"'$;\\ %{}-"),
    min_size=1,
    max_size=15,
).filter(lambda name: len(name.encode()) <= 63 and not name.startswith("pg_"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    schema=names,
    tables=st.dictionaries(names, st.lists(names, min_size=1, max_size=4, unique=True), min_size=1, max_size=3),
    comment=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20),
)
def test_any_name_comes_back(db: Database, schema: str, tables: dict[str, list[str]], comment: str) -> None:
    db.execute(f"create schema {quote_ident(schema)}" if schema != "public" else "select 1")
    try:
        for name, columns in tables.items():
            target = qualified(schema, name)
            listed = ", ".join(f"{quote_ident(one)} int" for one in columns)
            key = ", ".join(map(quote_ident, columns))
            db.execute(f"create table {target} ({listed}, unique ({key}))")
            db.execute(f"comment on table {target} is {quote_literal(comment)}")
        found = load_catalog(db)
        assert sorted(one.name for one in found.tables) == sorted(tables)
        for name, columns in tables.items():
            one = table(found, name, schema)
            assert [column.name for column in one.columns] == columns
            assert one.unique == (tuple(columns),)
            assert one.comment == comment
    finally:
        for name in tables:
            db.execute(f"drop table if exists {qualified(schema, name)}")
        db.execute(f"drop schema {quote_ident(schema)}" if schema != "public" else "select 1")


def test_quoting_agrees_with_the_server(db: Database) -> None:
    words = [word for (word,) in db.query("select word from pg_get_keywords() order by 1")]
    quoted = [word for (word,) in db.query("select quote_ident(word) from pg_get_keywords() order by word")]
    ours = [quote_ident(word) for word in words]
    # Words that another version reserves are quoted here too; never the other way round.
    assert all(mine == theirs or mine == f'"{theirs}"' for mine, theirs in zip(ours, quoted, strict=True))
