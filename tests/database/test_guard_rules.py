"""The rules of the guard on real servers: the allowlist, what operators may list, extensions, stored trees, limits."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, ServerError, connect
from postai.errors import Refused
from postai.setup.server import LocalServer
from postai.sql import parse
from postai.sql.allowlist import load_allowlist
from postai.sql.guard import check
from postai.sql.hazards import Hazards
from postai.sql.safety import Safety, load_safety
from postai.sql.trees import tree_uses

GENERATOR = Path(__file__).resolve().parents[2] / "packaging/make_allowlist.py"
ORDINARY = [
    line
    for line in (Path(__file__).parent / "test_guard_data/ordinary.sql").read_text().splitlines()
    if not line.startswith("--")
]
SHOP = (Path(__file__).parent / "test_guard_data/shop.sql").read_text()


class _Undo(Exception):
    """Ends the transaction of a test."""


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def session(request: pytest.FixtureRequest) -> Iterator[Database]:
    """One session whose database holds the shop; tests roll back what they do."""
    database = make_database(request.getfixturevalue(request.param))
    database.execute(SHOP)
    with connect(database.dsn()) as session:
        yield session
    drop_database(database)


@pytest.fixture(scope="module")
def shop(session: Database) -> Safety:
    return load_safety(session)


@contextlib.contextmanager
def changed(session: Database, sql: str) -> Iterator[Safety]:
    """The snapshot after a change that is undone afterwards."""
    with contextlib.suppress(_Undo), session.transaction():
        session.execute(sql)
        safety = load_safety(session)
        session.execute("set local search_path = public")
        yield safety
        raise _Undo


def passes(sql: str, safety: Safety, *allowed: str, path: tuple[str, ...] = ("public",)) -> None:
    check(sql, safety, search_path=path, allowed_functions=frozenset(allowed))


def refused(sql: str, safety: Safety, *allowed: str, path: tuple[str, ...] = ("public",)) -> Refused:
    with pytest.raises(Refused) as caught:
        check(sql, safety, search_path=path, allowed_functions=frozenset(allowed))
    return caught.value


# The allowlist


def test_the_allowlist_is_what_the_generator_writes(pg15: LocalServer, pg18: LocalServer) -> None:
    command = [sys.executable, str(GENERATOR), "--check", pg15.dsn(), pg18.dsn()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "up to date\n"), done.stderr


def test_every_listed_function_is_fit_on_this_server(shop: Safety, session: Database) -> None:
    """Also on a server that the generator did not see: what is unfit here is taken off at load time."""
    rows = session.query("""
        select p.proname, p.provolatile, p.prokind, p.prorettype::regtype::text, p.proargtypes::regtype[]::text
        from pg_proc p where p.oid < 16384 and p.pronamespace = 'pg_catalog'::regnamespace""")
    listed = load_allowlist()
    hazards = Hazards(shop, frozenset())
    for name, volatility, kind, result, arguments in rows:
        if hazards.builtin_passes(name):
            assert volatility in ("i", "s") or name in listed.by_name, name
            assert kind != "p", name
            assert "internal" not in arguments and "cstring" not in arguments and result != "void", name
    assert not shop.unfit_functions & listed.functions


def test_the_third_server_agrees(pg16: LocalServer) -> None:
    with connect(pg16.dsn()) as session:
        safety = load_safety(session)
    assert not safety.unfit_functions & safety.allowlist.functions
    passes("select lower('X'), count(*) from pg_class", safety)
    refused("select pg_sleep(1)", safety)
    assert refused("select json_value('{}', '$.a')", safety).detail


def test_exclusions_have_reasons_and_nothing_slips_through() -> None:
    spec = importlib.util.spec_from_file_location("make_allowlist", GENERATOR)
    assert spec and spec.loader
    generator = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generator)
    for reasons in (generator.EXCLUDED, generator.HARMLESS, generator.EXCLUDED_TYPES):
        assert all(len(reason) > 5 for reason in reasons.values())
    listed = load_allowlist()
    assert not {"set_config", "pg_sleep", "query_to_xml", "nextval", "lo_import", "dblink"} & listed.functions
    assert not {"cstring", "internal", "refcursor", "anyelement", "record", "void"} & listed.types
    assert {name for name in listed.functions if name.startswith("pg_")} <= set(generator.HARMLESS)


def test_listed_system_views_call_no_function_that_writes(session: Database) -> None:
    """System relations are not looked into by the guard; this test does it."""
    names = sorted(name for name in load_allowlist().relations)
    rows = session.query(
        """select w.ev_class::regclass::text, w.ev_action::text from pg_rewrite w
           where w.ev_class = any (select to_regclass(x) from unnest(%s::text[]) x)""",
        [names],
    )
    assert len(rows) > 10
    allowed_volatile = {"pg_sequence_last_value"}
    for view, tree in rows:
        oids = list(tree_uses(tree).functions)
        volatile = session.query(
            "select proname from pg_proc where oid = any (%s::oid[]) and provolatile = 'v'", [oids]
        )
        assert {name for (name,) in volatile} <= allowed_volatile, view


# What operators may list


def test_listed_functions_pass_also_inside_views(session: Database) -> None:
    with changed(
        session,
        "create function tax(numeric) returns numeric language sql volatile as 'select $1'; "
        "create function tax(text) returns text language sql as 'select $1'; "
        "create view taxed as select tax(total) from orders",
    ) as safety:
        for sql in ("select tax(1.5)", "select * from taxed"):
            hint = refused(sql, safety).hint
            assert hint and "allowed_functions" in hint
        passes("select tax(1.5)", safety, "public.tax(numeric)", "public.tax( text )")
        passes("select * from taxed", safety, "public.tax(numeric)")
        # Somebody else may have added the other overload: a name alone does not say which one is meant.
        refused("select tax(1.5)", safety, "public.tax")
        refused("select * from taxed", safety, "public.tax")
        refused("select tax(1.5)", safety, "public.tax(numeric)")  # the other overload does not pass
        refused("select tax(1.5)", safety, "tax")  # only qualified names count
        refused("select tax(1.5)", safety, "other.tax")
    with changed(session, "create function tax(numeric) returns numeric language sql as 'select $1'") as safety:
        passes("select tax(1.5)", safety, "public.tax")


def test_foreign_tables_need_their_server_listed(session: Database) -> None:
    with changed(
        session,
        "create extension file_fdw; create server logs foreign data wrapper file_fdw; "
        "create foreign table log (line text) server logs options (filename '/dev/null'); "
        "create view log_view as select * from log",
    ) as safety:
        assert "foreign server logs" in (refused("select * from log", safety).detail or "")
        refused("select * from log_view", safety)
        passes("select * from log_view", safety, "server logs")


@pytest.mark.parametrize(
    ("extension", "sql"),
    [
        ("citext", "select lower(a), a = 'x', a like 'x%', replace(a, 'x', 'y'), max(a) from e group by a order by a"),
        ("hstore", "select a -> 'k', a ? 'k', hstore('k', 'v'), akeys(a), (each(a)).key from e"),
        ("pg_trgm", "select similarity(b, 'x'), b % 'x', b <-> 'x', word_similarity('x', b) from e"),
        ("unaccent", "select unaccent(b) from e"),
        ("ltree", "select nlevel(a), a <@ 'top', subpath(a, 0, 1) from e"),
        ("intarray", "select c & array[1], icount(c), sort(c), c @@ '1&2' from e"),
        ("fuzzystrmatch", "select levenshtein(b, 'x'), soundex(b) from e"),
        ("pgcrypto", "select digest(b, 'sha256'), hmac(b, 'k', 'sha256') from e"),
        ("cube", "select cube_distance(cube(1), cube(2)) from e"),
    ],
)
def test_known_extensions_pass(session: Database, extension: str, sql: str) -> None:
    if not session.query("select 1 from pg_available_extensions where name = %s", [extension]):
        pytest.skip(f"{extension} is not available on this server")
    own = extension if extension in ("citext", "hstore", "ltree") else "text"
    setup = f"create extension {extension}; create table e (a {own}, b text, c int[])"
    with changed(session, setup) as safety:
        session.execute(f"explain {sql}")
        passes(sql, safety)
        passes(
            "select name, lower(name), max(name), total + 1, status = 'x' from customers, orders group by 1, 2, 4, 5",
            safety,
        )


def test_other_extensions_do_not_pass(session: Database) -> None:
    with changed(session, "create extension tablefunc; create extension dblink; create extension seg") as safety:
        assert "crosstab" in refused("select * from crosstab('delete from t') as t(a int, b int)", safety).message
        refused("select * from dblink('x', 'y') as t(a int)", safety)
        refused("select set_limit(0.1)", safety)
        passes("select * from connectby('a', 'b', 'c', 'd', 0) as t(a int)", safety, "extension tablefunc")
        passes("select lower(name), 1 = 2 from customers", safety)


def test_own_function_inside_a_known_extension_does_not_pass(session: Database) -> None:
    """The owner of a trusted extension can put functions of his own into it."""
    with changed(
        session,
        "create extension hstore; create function evil(hstore) returns int language sql immutable as 'select 1'; "
        "create function evil2(hstore) returns int language plpgsql immutable as 'begin return 1; end'; "
        "alter extension hstore add function evil(hstore); alter extension hstore add function evil2(hstore)",
    ) as safety:
        refused("select evil('a=>1')", safety)
        refused("select evil2('a=>1')", safety)


# Never crying wolf about user-made things that cannot be reached


def test_unreachable_overloads_do_not_matter(session: Database) -> None:
    """A type of somebody's own with operators and functions named like built-in ones."""
    with changed(
        session,
        """
        create type colour as enum ('red');
        create function colour_eq(colour, colour) returns bool language plpgsql immutable as 'begin return true; end';
        create operator = (leftarg = colour, rightarg = colour, function = colour_eq);
        create function lower(colour) returns text language plpgsql immutable as 'begin return $1; end';
        create function round(numeric, int, text) returns numeric language plpgsql as 'begin return 1; end';
        create table paint (c colour);
        """,
    ) as safety:
        passes("select lower(name) from customers where name = 'x' and id in (1, 2)", safety)
        passes("select round(total, 2) from orders", safety)
        refused("select lower('red')", safety)  # an open literal could be a colour
        refused("select lower(c) from paint", safety)
        refused("select * from paint where c = 'red'", safety)
        refused("select * from customers, paint where lower(name) = 'x'", safety)


def test_materialized_views_and_stored_columns_run_nothing(session: Database) -> None:
    with changed(
        session,
        "create function f(int) returns int language plpgsql immutable as 'begin return 1; end'; "
        "create materialized view m as select f(1); "
        "create table g (a int, b int generated always as (f(a)) stored, c int default f(1)); "
        "create function track() returns trigger language plpgsql as 'begin return new; end'; "
        "create trigger tr before insert on g for each row execute function track(); "
        "create rule r as on insert to g do also select f(1)",
    ) as safety:
        passes("select * from m", safety)
        passes("select * from g", safety)


def test_virtual_columns(session: Database) -> None:
    """PostgreSQL 18 allows no user-made function in a virtual column, but built-in ones it does."""
    if session.server_version < 180000:
        pytest.skip("virtual generated columns exist since PostgreSQL 18")
    with changed(
        session,
        "create table v (a int, b int generated always as (a * 2) virtual, "
        "c text generated always as (lower(a::text)) virtual)",
    ) as safety:
        passes("select a, b, c from v", safety)
        (oid,) = (one.oid for one in safety.relations.values() if one.name == "v")
        assert {one.part for one in safety.stored[oid]} == {"generated column b", "generated column c"}


def test_name_resolution_looks_at_every_schema_of_the_path(session: Database) -> None:
    with changed(session, "create schema s; create table s.orders (a int); create table s.only (a int)") as safety:
        found = check("select * from orders", safety, search_path=["s", "public"]).relations
        assert [safety.relations[oid].schema for oid in found] == ["s"]
        refused("select * from only_here", safety)
        refused("select * from only", safety)
        passes('select * from "only"', safety, path=("s",))
        assert "$user" in refused("select 1", safety, path=("$user", "public")).message


def test_messages_help(shop: Safety) -> None:
    assert refused("select * from custmers", shop).hint == "Perhaps you mean customers."
    assert "Perhaps you mean" in (refused("select lowr('x')", shop).hint or "")
    assert "postai.migrate" in (refused("delete from orders", shop).hint or "")


# Stored trees


def test_stored_trees_name_everything_that_pg_depend_knows(session: Database) -> None:
    """The labels by which oids are found in stored trees are those of this server."""
    with changed(
        session,
        """
        create function f(int) returns int language plpgsql immutable as 'begin return 1; end';
        create function g(int) returns setof int language plpgsql as 'begin return next 1; end';
        create function two(int, int) returns int language plpgsql immutable as 'begin return 1; end';
        create function b(int, int) returns bool language plpgsql immutable as 'begin return true; end';
        create aggregate agg(int) (sfunc = two, stype = int);
        create operator <=> (leftarg = int, rightarg = int, function = b);
        create view v as
          with recursive w as (select 1 as x union all select f(x) from w where x < 3)
          select f(1), agg(x) over (partition by f(x)), case f(x) when 1 then 2 else f(3) end as c, x <=> 1 as d,
                 x <=> any (array[1, f(2)]) as e, array[f(1)] as g, row(f(1), 2)::text as h,
                 coalesce(f(1), 2) as i, greatest(f(1), 2) as j,
                 (select agg(x) filter (where f(x) > 1) from w) as k, nullif(x, f(1)) as l, x in (select g(1)) as m
          from w join lateral g(x) on f(x) = 1
          where exists (select from rows from (g(1), g(2)) r) order by f(x) limit f(1);
        """,
    ) as safety:
        (oid,) = (one.oid for one in safety.relations.values() if one.name == "v")
        (stored,) = safety.stored[oid]
        uses = tree_uses(stored.tree)
        assert not uses.strange
        in_tree = uses.functions | uses.support | uses.operators
        depends = {one for catalog, one in stored.depends if catalog in ("pg_proc", "pg_operator")}
        assert {safety.functions[one].name for one in depends if one in safety.functions} == {"f", "g", "agg"}
        assert depends <= in_tree


def test_system_views_hold_no_unknown_node(session: Database) -> None:
    for view, tree in session.query("select ev_class::regclass::text, ev_action::text from pg_rewrite"):
        assert not tree_uses(tree).strange, view


def test_sql_json_of_the_newest_server(session: Database, shop: Safety) -> None:
    statements = [
        "select json_value(attributes, '$.size') from customers",
        "select json_query(attributes, '$.a[*]' with wrapper) from customers",
        "select * from customers, json_table(attributes, '$.a[*]' columns (x int path '$.x')) as t",
        "select json_object('a': 1, 'b': name), json_array(1, 2), attributes is json object from customers",
        "select json_arrayagg(name order by name), json_objectagg(name: id) from customers",
        "select json_scalar(1), json_serialize('{}'), json('{}')",
    ]
    for sql in statements:
        if session.server_version >= 170000:
            passes(sql, shop)
            session.execute(f"explain {sql}")
        else:
            assert "needs PostgreSQL" in refused(sql, shop).message
    refused("select json_value(set_config('a.b', 'c', false)::jsonb, '$.a')", shop)
    refused("select * from json_table('{}'::jsonb, '$' columns (x nowhere path '$.x')) t", shop)


# Any text


ALPHABET = st.sampled_from(
    ["select", "from", "orders", "(", ")", ",", "'", '"', ";", "--", "/*", "*/", "$$", "1", "::", ".", "*", "union",
     "with", "as", "lower", "pg_sleep", "[", "]", "||", "\\", "\n", "é", "\0", "for update", "into", "E'", "U&'", "$1"]
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_statements_pass_or_are_refused(shop: Safety, data: st.DataObject) -> None:
    sql = data.draw(st.sampled_from(ORDINARY))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(sql)))
        end = data.draw(st.integers(start, min(len(sql), start + 12)))
        sql = sql[:start] + data.draw(ALPHABET | st.text(max_size=3)) + sql[end:]
    try:
        checked = check(sql, shop, search_path=["public"])
    except Refused as error:
        assert error.message and error.sqlstate == "PA003"
    else:
        assert check(checked.sql, shop, search_path=["public"]) == checked
        assert parse.fingerprint(checked.sql) == parse.fingerprint(sql)
        once = parse.canonical(checked.sql)
        assert parse.canonical(once) == once


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | st.lists(ALPHABET, max_size=25).map(" ".join))
def test_any_text_passes_or_is_refused(shop: Safety, text: str) -> None:
    with contextlib.suppress(Refused):
        check(text, shop, search_path=["public"])


def test_strings_mean_the_same_whatever_the_session_sets(shop: Safety, session: Database) -> None:
    r"""With standard_conforming_strings off, 'a\' does not end there: the text would be another statement."""
    text = r"select 'a\' as x, ' || set_config(''a.b'', ''run'', false) || ' as y, 'c\d' as z"
    checked = check(text, shop, search_path=["public"])
    expected = session.query(text)
    with contextlib.suppress(_Undo), session.transaction():
        session.execute("set local escape_string_warning = off")
        session.execute("set local standard_conforming_strings = off")
        assert session.query(checked.sql) == expected
        raise _Undo


def test_the_snapshot_needs_no_lock(database: TestDatabase) -> None:
    database.execute("create table a (b int); create view v as select * from a")
    with psycopg.connect(database.dsn()) as blocker:
        blocker.execute("lock table a in access exclusive mode")
        with connect(database.dsn(), lock_timeout_ms=200) as session:
            passes("select * from v", load_safety(session))


def test_a_plain_role_can_load_the_snapshot(database: TestDatabase) -> None:
    database.execute(
        "create role plain_guard login; create view v as select 1; "
        "create function f() returns int language sql as 'select 1'"
    )
    try:
        with connect(database.dsn()) as session, contextlib.suppress(_Undo), session.transaction():
            session.execute("set local role plain_guard")
            safety = load_safety(session)
            passes("select * from v", safety)
            refused("select f()", safety)
            raise _Undo
    finally:
        database.execute("drop role plain_guard")


def test_what_passes_is_analysed_by_the_server_as_the_guard_read_it(session: Database, shop: Safety) -> None:
    """The server's own tree of each ordinary statement names no function, operator or relation that does not pass."""
    hazards = Hazards(shop, frozenset())
    seen = 0
    for sql in ORDINARY:
        checked = check(sql, shop, search_path=["public"])
        with contextlib.suppress(_Undo, ServerError), session.transaction():
            session.execute(f"create temp view analysed as select count(*) from ({checked.sql}) as x")
            ((tree,),) = session.query(
                "select ev_action::text from pg_rewrite where ev_class = 'pg_temp.analysed'::regclass"
            )
            uses = tree_uses(tree)
            assert not uses.strange, sql
            for oid in uses.functions:
                assert hazards.builtin_passes(shop.builtin_functions[oid]), (sql, shop.builtin_functions[oid])
            for oid in uses.operators:
                assert shop.builtin_operators[oid] in shop.allowlist.operators, sql
            named = {oid for oid in uses.relations if oid in shop.relations}
            assert named == set(checked.relations), sql
            seen += 1
            raise _Undo
    assert seen > 85
