"""What is not in the statement: search paths, user-made casts and operators, extensions, publications, odd names; and
rows: which single rows an answer depends on.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from reads_support import Scene

from conftest import drop_database, make_database
from postai.database import connect
from postai.setup.server import LocalServer
from postai.sql.reads import Literal, Query, Reads, candidate, drive, judge_with


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    database = make_database(request.getfixturevalue(request.param))
    made = Scene(database)
    yield made
    made.connection.close()
    drop_database(database)


def changed(scene: Scene, statements: str, sql: str) -> str | None:
    """Why the statement is refused while that is in the database; None = it is not."""
    with scene.connection.transaction(force_rollback=True):
        scene.connection.execute(statements)  # type: ignore[call-overload]
        return scene.verdict(sql).reason


@pytest.mark.parametrize(
    ("path", "sql", "words"),
    [
        ("shadow, shop", "select lower(name) from customer", "can be user-made"),
        ("shop, shadow", "select lower(name) from customer", "can be user-made"),
        ("shop, pg_catalog, shadow", "select lower(name) from customer", "can be user-made"),
        ("shop, shadow", "select pg_catalog.lower(name) from customer", None),
        ("shop, shadow", "select id from customer where id = 1", "the operator = can be user-made"),
        ("shop, shadow", "select id from customer where id in (1, 2)", "the operator = can be user-made"),
        ("shop, shadow", "select id from customer c join orders o using (id)", "the operator = can be user-made"),
        ("shop, shadow", "select case id when 1 then 2 end from customer", "the operator = can be user-made"),
        ("shop, shadow", "select nullif(id, 1) from customer", "the operator = can be user-made"),
        ("shop, shadow", "select id is distinct from 1 from customer", "the operator = can be user-made"),
        ("shop, shadow", "select (id, id) = (1, 2) from customer", "the operator = can be user-made"),
        ("shop, shadow", "select 1 = any (select id from customer)", "the operator = can be user-made"),
        ("shop, shadow", "select id from customer where id operator(pg_catalog.=) 1", None),
        ("shop, shadow", "select mood > mood from customer", "the operator > can be user-made"),
        ("shop, shadow", "select id from customer where id > 1", None),
        ("shadow, pg_catalog, shop", "select '{}'::json", "CHECK"),
        ("shadow, shop", "select '{}'::json", None),
        ("shop, shadow", "select abs(id) from customer", "can mean a type"),
        ("tricks", "select * from customer", "not found"),
        ("other, shop", "select * from customer", None),
        ("", "select * from shop.customer", None),
    ],
)
def test_the_search_path_decides(scene: Scene, path: str, sql: str, words: str | None) -> None:
    scene.path(*path.split(", "))
    try:
        reason = scene.verdict(sql).reason
    finally:
        scene.path("shop")
    assert (reason is None) if words is None else words in (reason or "")


def test_a_table_before_it_in_the_path_is_what_is_read(scene: Scene) -> None:
    with scene.connection.transaction(force_rollback=True):
        scene.connection.execute("create table other.customer (id int)")
        ((there,),) = scene.connection.execute("select 'other.customer'::regclass::oid::int").fetchall()
        scene.path("other", "shop")
        assert scene.verdict("select id from customer").tables == {there}
        scene.connection.execute("create temporary table customer (id int)")
        assert scene.verdict("select id from customer").reason == "a temporary table: customer"


@pytest.mark.parametrize(
    ("made", "sql", "words"),
    [
        ("create cast (mood as int) with function mood_number(mood)", "select mood::int from customer",
         "user-made cast"),
        ("create cast (mood as int) with function mood_number(mood) as implicit", "select mood + 1 from customer",
         "user-made cast"),
        ("create cast (mood as int) with function mood_number(mood) as implicit", "select id + 1 from customer", None),
        ("create cast (text as timestamptz) with inout as implicit", "select date_trunc('day', name) from customer",
         "user-made cast"),
        ("create cast (int as mood) with function number_mood(int) as implicit; create operator & (leftarg = mood, "
         "rightarg = int, function = both_of)", "select id & id from customer", "can be user-made"),
        ("create operator & (leftarg = mood, rightarg = int, function = both_of)", "select id & id from customer",
         None),
        ("create operator & (leftarg = mood, rightarg = int, function = both_of)", "select mood & 1 from customer",
         "can be user-made"),
        ("create function length(mood[]) returns int volatile language sql as 'select 1'",
         "select length(array_agg(mood)) from customer", "can be user-made"),
        ("create function length(anyelement) returns int volatile language sql as 'select 1'",
         "select length(name) from customer", "can be user-made"),
        ("create function length(word) returns int volatile language sql as 'select 1'",
         "select length(name) from customer", "can be user-made"),
        ("create operator class odd default for type mood using btree as function 1 "
         "mood_compare(mood, mood)", "select mood from customer order by mood", "type mood"),
        ("create operator class odd default for type json using btree as operator 1 <, operator 3 =, function 1 "
         "json_compare(json, json)", "select distinct '{}'::json", "default of one of PostgreSQL's"),
        ("alter table customer enable row level security", "select v_plain.id from v_plain", "row level security"),
        ("alter table grandchild enable row level security", "select * from parent", "row level security"),
        ("create unlogged table step () inherits (parent)", "select * from parent", "unlogged"),
        ("create temporary table step () inherits (parent)", "select * from parent", "temporary"),
        ("create foreign data wrapper w; create server s foreign data wrapper w; create foreign table far () "
         "inherits (parent) server s", "select * from parent",
         "foreign table"),
        ("create access method own type table handler heap_tableam_handler; create table odd (id int) using own",
         "select * from odd", "heap"),
        ("alter table customer add check (tricks.pure(id) > 0)", "select * from customer", None),
        ("alter table customer add extra text default now()::text", "select * from customer", None),
        ("create index on customer (tricks.pure(id))", "select * from customer", None),
        ("create collation odd (provider = libc, locale = 'C')", "select name collate odd from customer", None),
        ("alter domain word add check (value <> 'x' or random() > 0.5)", "select 'x'::word", "CHECK"),
        ("alter domain word add check (value <> 'x' or random() > 0.5)", "select array['x']::word[]", "CHECK"),
        ("alter domain word add check (value <> 'x')", "select nick from customer where nick = 'x'", None),
        ("create function \"json_object\"(text[]) returns json volatile language sql as 'select null::json'",
         "select json_object('{a,b}')", "can be user-made"),
        ("create function pg_catalog.zap() returns int language sql as 'select 1'", "select zap()", "user-made"),
    ],
)  # fmt: skip
def test_what_somebody_made(scene: Scene, made: str, sql: str, words: str | None) -> None:
    helpers = """
      create function mood_number(mood) returns int volatile language sql as 'select 1';
      create function number_mood(int) returns mood volatile language sql as 'select null::mood';
      create function both_of(mood, int) returns int volatile language sql as 'select 1';
      create function mood_compare(mood, mood) returns int immutable language sql as 'select 0';
      create function json_less(json, json) returns bool immutable language sql as 'select false';
      create function json_compare(json, json) returns int immutable language sql as 'select 0';
      create operator < (leftarg = json, rightarg = json, function = json_less);
      create operator = (leftarg = json, rightarg = json, function = json_less);
      set local allow_system_table_mods = on;
    """
    if "for type json" not in made:
        helpers = helpers.replace("create operator", "-- ")
    reason = changed(scene, helpers + made, sql)
    assert (reason is None) if words is None else words in (reason or "")


def test_extensions_that_are_known(scene: Scene) -> None:
    available = {name for (name,) in scene.connection.execute("select name from pg_available_extensions").fetchall()}
    if not {"citext", "hstore", "tablefunc"} <= available:
        pytest.skip("no contrib")
    with scene.connection.transaction(force_rollback=True):
        scene.connection.execute("create extension citext; create extension hstore; create extension tablefunc")
        scene.connection.execute("create table mixed (id int primary key, email citext, more hstore)")
        assert scene.verdict("select * from mixed where email = 'A' and name = 'x'").reason is None
        assert scene.verdict("select more -> 'a', lower(email) from mixed where id = 1").reason is None
        assert scene.verdict("select lower(name), min(name), name || 'x' from customer where name = $1").reason is None
        assert "user-made" in (scene.verdict("select normal_rand(1, 0, 1) from mixed").reason or "")


INT, BIG, WORD, UUID = 23, 20, 25, 2950
KEYS = {
    "customer": (("id", INT),),
    "orders": (("id", BIG),),
    "items": (("order_id", BIG), ("line", INT)),
    "Ö rder": (("Id", INT),),
    "parted": (("id", INT), ("day", 1082)),
    "parted_1": (("id", INT),),
    "parent": (("id", INT),),
    "child": (("id", INT),),
    "date_text": (("born", WORD),),
}


@pytest.mark.parametrize(
    ("sql", "types", "pinned"),
    [
        ("select * from customer where id = 5", (), {"customer": [b"5"]}),
        ("select * from customer where 5 = id and vip", (), {"customer": [b"5"]}),
        ("select * from customer where id = ' 007'", (), {"customer": [b"7"]}),
        ("select * from customer where id = -5", (), {"customer": [b"-5"]}),
        ("select * from customer where id = $1", (), {"customer": [1]}),
        ("select * from customer where id = $1", (INT,), {"customer": [1]}),
        ("select * from customer where id = $1", (BIG,), {"customer": [1]}),
        ("select * from customer where id = $1", (701,), {}),
        ("select $1::float8 from customer where id = $1", (), {}),
        ("select * from customer where id = $1 and id = $1", (INT,), {"customer": [1]}),
        ("select * from customer where id = 5.5", (), {}),
        ("select * from customer where id = 'x'", (), {}),
        ("select * from customer where id = null", (), {}),
        ("select * from customer where id > 5", (), {}),
        ("select * from customer where id in (5)", (), {}),
        ("select * from customer where id = 5 or vip", (), {}),
        ("select * from customer where not id = 5", (), {}),
        ("select * from customer where (id = 5) is not true", (), {}),
        ("select * from customer where id = 5::int", (), {}),
        ("select * from customer where id + 0 = 5", (), {}),
        ("select * from customer as c where c.id = 5", (), {"customer": [b"5"]}),
        ("select * from customer as c (a, id) where c.id = '5'", (), {}),
        ("select * from customer where customer.id = 5", (), {"customer": [b"5"]}),
        ('select * from "Ö rder" where "Id" = 5', (), {"Ö rder": [b"5"]}),
        ("select * from customer c join orders o on o.customer_id = c.id where c.id = 5", (), {"customer": [b"5"]}),
        ("select * from customer c join orders o on o.customer_id = c.id where c.id = 5 and o.id = $1", (),
         {"customer": [b"5"], "orders": [1]}),
        ("select * from customer c join orders o on o.customer_id = c.id where id = 5", (), {}),
        ("select * from customer c left join orders o on o.customer_id = c.id where o.id = 5", (), {"orders": [b"5"]}),
        ("select * from customer c full join orders o on o.customer_id = c.id where c.id = 5", (),
         {"customer": [b"5"]}),
        ("select * from customer c join orders o on c.id = 5", (), {}),
        ("select * from customer c, customer d where c.id = 5", (), {}),
        ("select * from customer c, customer d where c.id = 5 and d.id = 5", (), {}),
        ("select * from customer c, v_plain where c.id = 5", (), {}),
        ("select * from customer where id = 5 and exists (select from customer where vip)", (), {}),
        ("select * from customer where id = 5 union select * from customer", (), {}),
        ("select * from (select * from customer) as c where c.id = 5", (), {}),
        ("select * from (select * from customer where id = 5) as c", (), {}),
        ("with customer as (select 5 as id) select * from customer where id = 5", (), {}),
        ("select * from (customer c join orders o on true) as j (id) where j.id = 5", (), {}),
        ("select * from v_plain where id = 5", (), {}),
        ("select * from items where order_id = 1 and line = $1", (), {"items": [b"1", 1]}),
        ("select * from items where order_id = 1", (), {}),
        ("select * from parent where id = 5", (), {"parent": [b"5"], "child": [b"5"]}),
        ("select * from parent, child where parent.id = 5", (), {"parent": [b"5"]}),
        ("select * from parted where id = 5", (), {"parted_1": [b"5"]}),
        ("select * from date_text where born = 'x'", (), {"date_text": [b"x"]}),
        ("select * from date_text where born = $1", (WORD,), {"date_text": [1]}),
        ("select * from date_text where born = $1", (1042,), {}),
        ("select * from date_text where born = 5", (), {}),
        ("select * from date_text where born collate \"C\" = 'x'", (), {}),
        ("select id, count(*) from customer where id = 5 group by id limit 1", (), {"customer": [b"5"]}),
        ("select * from orders where id = 9223372036854775807", (), {"orders": [b"9223372036854775807"]}),
    ],
)  # fmt: skip
def test_rows_that_alone_can_matter(
    scene: Scene, sql: str, types: tuple[int, ...], pinned: dict[str, list[bytes | int]]
) -> None:
    verdict = scene.verdict(sql, types, KEYS)
    found = {
        scene.names[table]: [value.value if isinstance(value, Literal) else value.number for _, value, _ in values]
        for table, values in verdict.pins
    }
    assert verdict.cacheable or not pinned
    assert found == pinned


def test_only_reads(scene: Scene) -> None:
    expected = {
        "select now(), * from customer": True,
        "select random()": True,
        "select current_user from mat": True,
        "select * from v_now": True,
        "select * from pg_class": True,
        "select * from fast": True,
        "select * from customer for update": False,
        "select nextval('numbers')": False,
        "select tricks.pure(1)": False,
        "select * from v_function": False,
        "select * from v_operator": False,
        "select * from pg_stat_activity": False,
        "select * from secret": False,
        "select c.rating from customer as c": False,
        "select set_config('a.b', 'c', false)": False,
        "insert into fast values (1)": False,
        "with d as (delete from fast returning id) select * from d": False,
    }
    assert {sql: scene.verdict(sql).only_reads for sql in expected} == expected


def test_names_of_every_kind(scene: Scene) -> None:
    long = "ä" * 40  # 80 bytes, of which PostgreSQL keeps 62
    with scene.connection.transaction(force_rollback=True):
        scene.connection.execute(f'create table "{long}" (id int); create table "with ""quotes"".x" (id int)')  # type: ignore[call-overload]
        kept = "ä" * 31
        ((oid, quoted),) = scene.connection.execute(
            "select to_regclass(%s)::oid::int, to_regclass(%s)::oid::int", [kept, '"with ""quotes"".x"']
        ).fetchall()
        assert scene.verdict(f'select * from "{long}"').tables == {oid}
        assert scene.verdict(f"select * from {long}").tables == {oid}
        assert scene.verdict("select * from U&\"!00e4\" uescape '!'").reason == "the relation ä is not found"
        assert scene.verdict(f"with {long}x as (select 1) select * from {long}y").tables == frozenset()
        assert scene.verdict('select * from "with ""quotes"".x"').tables == {quoted}


def test_long_texts(scene: Scene) -> None:
    assert scene.verdict(f"select id from customer where name = '{'x' * 1_000_000}'").cacheable
    assert "too long" in (scene.verdict(f"select '{'x' * (1 << 20)}'").reason or "")
    assert not scene.verdict("select " + "(" * 500 + "1" + ")" * 500).cacheable


def test_strings_that_do_not_conform(scene: Scene) -> None:
    scene.connection.execute("set standard_conforming_strings = off; set escape_string_warning = off")
    try:
        assert "backslashes" in (scene.verdict(r"select 'a\' || name from customer --'").reason or "")
        assert scene.verdict("select name from customer").cacheable
    finally:
        scene.connection.execute("reset standard_conforming_strings; reset escape_string_warning")


def test_a_database_in_another_encoding(pg15: LocalServer) -> None:
    database = make_database(pg15)
    with database.connect() as connection:
        connection.execute("drop database if exists reads_latin1")
        connection.execute("create database reads_latin1 encoding latin1 locale 'C' template template0")
    try:
        target = database.server.dsn("reads_latin1")
        with psycopg.connect(target, autocommit=True) as connection:
            connection.execute('create table "é" (id int); create table plain (id int)')

            def ask(query: Query) -> list[tuple[str, ...]]:
                return connection.execute(query.sql.replace("$1", "%s"), query.params).fetchall()  # type: ignore[call-overload]

            judge = Reads()
            assert "ASCII" in (drive(judge.judge(candidate("select * from É")), ask).reason or "")
            assert drive(judge.judge(candidate("select 'é' from plain")), ask).cacheable
    finally:
        with database.connect() as connection:
            connection.execute("drop database reads_latin1")
        drop_database(database)


def test_the_role_that_asks_decides(scene: Scene) -> None:
    scene.connection.execute("drop role if exists reads_guest; create role reads_guest; create schema reads_guest")
    try:
        with scene.connection.transaction(force_rollback=True):
            scene.connection.execute(
                "create table reads_guest.customer (id int); grant usage on schema reads_guest, shop to reads_guest; "
                'set local search_path = "$user", shop; set local role reads_guest'
            )
            ((own,),) = scene.connection.execute("select 'reads_guest.customer'::regclass::oid::int").fetchall()
            assert scene.verdict("select id from customer").tables == {own}
            scene.connection.execute("reset role; revoke usage on schema reads_guest from reads_guest")
            scene.connection.execute("set local role reads_guest")
            assert scene.tables(scene.verdict("select id from customer")) == {"customer"}
    finally:
        scene.connection.execute("drop schema reads_guest; drop role reads_guest")


def test_asked_of_a_database(scene: Scene, request: pytest.FixtureRequest) -> None:
    ((name,),) = scene.connection.execute("select current_database()").fetchall()
    server = request.getfixturevalue(request.node.callspec.params["scene"])
    with connect(server.dsn(name)) as db:
        verdict = judge_with(db, Reads().judge(candidate("select * from shop.v_join where id = $1", (INT,))))
    assert scene.tables(verdict) == {"customer", "orders"}
