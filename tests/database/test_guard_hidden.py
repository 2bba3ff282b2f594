# ruff: noqa: E501 (a statement reads best on one line)
"""Code that hides behind harmless looking SELECTs: each case proves on the server that it would run, and that the guard
refuses it before anything ran."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from conftest import TestDatabase, drop_database, make_database
from postai.database import Database, connect
from postai.errors import Refused
from postai.sql.guard import check
from postai.sql.safety import load_safety

WITNESS = """
create table witness (what text);
create function write_down(what text) returns void language sql volatile as 'insert into public.witness values (what)';
create function evil_volatile(a int) returns int language plpgsql volatile as
  $$begin perform public.write_down('volatile'); return a; end$$;
create function evil_stable(a int) returns int language plpgsql stable as
  $$begin perform public.write_down('stable'); return a; end$$;
create function evil_immutable(a int) returns int language plpgsql immutable as
  $$begin perform public.write_down('immutable'); return a; end$$;
create function evil_text(a text) returns text language plpgsql immutable as
  $$begin perform public.write_down('text'); return a; end$$;
create function evil_bool(a int) returns bool language plpgsql immutable as
  $$begin perform public.write_down('bool'); return true; end$$;
create table t (a int, b text, c varchar(10), j json);
insert into t values (1, 'x', 'y', '{}'), (2, 'z', 'w', '{}');
"""


@dataclass(frozen=True)
class Case:
    """One hiding place.

    Attributes:
        name: test id.
        setup: what the attacker (or an innocent colleague) made.
        sql: the harmless looking statement.
        named: a piece of the refusal's message or detail.
        proof: prefix under which the statement runs the code: "explain ", or "" for running it; None = not shown.
        before: sent before the proof in the same session.
        path: search_path of the session.
        fresh: it runs when a session first opens the table, so the proof takes another session.
        allowed: functions that an operator listed.
    """

    name: str
    setup: str
    sql: str
    named: str
    proof: str | None = "explain "
    before: str = ""
    path: Sequence[str] = ("public",)
    fresh: bool = False
    allowed: frozenset[str] = frozenset()


JSON_CLASS = """
create function json_test(a json, b json) returns int language plpgsql immutable as
  $$begin perform public.write_down('json'); return 0; end$$;
create function json_lt(json, json) returns bool language sql immutable as 'select json_test($1, $2) < 0';
create function json_le(json, json) returns bool language sql immutable as 'select json_test($1, $2) <= 0';
create function json_eq(json, json) returns bool language sql immutable as 'select json_test($1, $2) = 0';
create schema hidden;
create operator hidden.< (leftarg = json, rightarg = json, function = json_lt);
create operator hidden.<= (leftarg = json, rightarg = json, function = json_le);
create operator hidden.= (leftarg = json, rightarg = json, function = json_eq);
create operator hidden.>= (leftarg = json, rightarg = json, function = json_le);
create operator hidden.> (leftarg = json, rightarg = json, function = json_lt);
create operator class hidden.json_ops default for type json using btree as
  operator 1 hidden.<, operator 2 hidden.<=, operator 3 hidden.=, operator 4 hidden.>=, operator 5 hidden.>,
  function 1 json_test(json, json);
"""

INT_CLASS = """
create function int_test(a int, b int) returns int language plpgsql immutable as
  $$begin perform public.write_down('int'); return case when a < b then -1 when a > b then 1 else 0 end; end$$;
create operator class int_evil for type int using btree as
  operator 1 <, operator 2 <=, operator 3 =, operator 4 >=, operator 5 >, function 1 int_test(int, int);
"""

CASES = [
    Case("volatile function", "", "select evil_volatile(1)", "evil_volatile(integer)", ""),
    Case("stable function, at EXPLAIN", "", "select * from t where a = evil_stable(1)", "evil_stable(integer)"),
    Case("immutable function, at EXPLAIN", "", "select evil_immutable(1)", "evil_immutable(integer)"),
    Case("function in FROM", "", "select * from evil_immutable(1)", "evil_immutable(integer)"),
    Case("qualified function", "", "select public.evil_immutable(1)", "evil_immutable(integer)"),
    Case("set-returning function", "create function rows() returns setof int language sql as "
         "'insert into witness values (1); select 1'", "select * from rows()", "public.rows()", ""),
    Case("function in a schema of the path", "create schema s; alter function evil_immutable set schema s",
         "select evil_immutable(1)", "s.evil_immutable(integer)", before="set search_path = public, s",
         path=("public", "s")),
    Case("aggregate", "create function two(a int, b int) returns int language plpgsql as "
        "$$begin perform public.write_down('two'); return a; end$$; create aggregate mine(int) (sfunc = two, stype = int)",
        "select mine(a) from t", "public.mine(integer)", ""),
    Case("aggregate that shadows sum", "create function two(a text, b text) returns text language plpgsql as "
         "$$begin perform public.write_down('two'); return b; end$$; create aggregate sum(text) (sfunc = two, stype = text)",
         "select sum(b) from t", "public.sum(text)", ""),
    Case("window use of an aggregate", "create function two(a int, b int) returns int language plpgsql as "
         "$$begin perform public.write_down('two'); return a; end$$; create aggregate mine(int) (sfunc = two, stype = int)",
         "select mine(a) over () from t", "public.mine(integer)", ""),
    Case("exact match hijack of lower", "create function lower(varchar) returns text language plpgsql immutable as "
         "$$begin perform public.write_down('lower'); return $1; end$$", "select lower(c) from t",
         "public.lower(character varying)", ""),
    Case("hijack by a path that puts public first", "create function lower(text) returns text language plpgsql "
         "immutable as $$begin perform public.write_down('lower'); return $1; end$$", "select lower('X'::text)",
         "public.lower(text)", before="set search_path = public, pg_catalog", path=("public", "pg_catalog")),
    Case("function made inside pg_catalog", "set allow_system_table_mods = on; create function pg_catalog.harmless(int)"
         " returns int language plpgsql immutable as $$begin perform public.write_down('x'); return 1; end$$",
         "select pg_catalog.harmless(1)", "pg_catalog.harmless(integer)"),
    Case("operator", "create operator @#@ (leftarg = int, rightarg = int, function = evil_op)",
         "select 1 @#@ 2", "public.@#@"),
    Case("operator written OPERATOR()", "create operator + (leftarg = text, rightarg = int, function = evil_op2)",
         "select 'x'::text operator(public.+) 1", "public.+"),
    Case("operator that shadows +", "create operator + (leftarg = text, rightarg = int, function = evil_op2)",
         "select b + a from t", "public.+", ""),
    Case("prefix operator", "create operator !@ (rightarg = int, function = evil_immutable)", "select !@ 1", "public.!@"),
    Case("operator behind IN", "create operator = (leftarg = int, rightarg = text, function = evil_op3)",
         "select a in ('x'::text) from t", "public.=", ""),
    Case("operator behind CASE", "create operator = (leftarg = int, rightarg = text, function = evil_op3)",
         "select case a when b then 1 end from t", "public.=", ""),
    Case("operator behind USING", "create type mood as enum ('sad'); create function same(mood, mood) returns bool "
         "language plpgsql immutable as $$begin perform public.write_down('same'); return true; end$$;"
         "create operator = (leftarg = mood, rightarg = mood, function = same); create table u (f mood);"
         "insert into u values ('sad')", "select * from u join u as v using (f)", "public.=", ""),
    Case("operator behind NATURAL JOIN", "create type mood as enum ('sad'); create function same(mood, mood) returns "
         "bool language plpgsql immutable as $$begin perform public.write_down('same'); return true; end$$;"
         "create operator = (leftarg = mood, rightarg = mood, function = same); create table u (f mood);"
         "insert into u values ('sad')", "select * from u natural join u as v", "public.=", ""),
    Case("operator behind ANY", "create operator = (leftarg = int, rightarg = text, function = evil_op3)",
         "select a = any (select b) from t", "public.=", ""),
    Case("operator behind BETWEEN", "create operator >= (leftarg = int, rightarg = text, function = evil_op3);"
         "create operator <= (leftarg = int, rightarg = text, function = evil_op3)",
         "select a between b and b from t", "public.>=", ""),
    Case("operator behind LIKE", "create operator ~~ (leftarg = int, rightarg = text, function = evil_op3)",
         "select a like b from t", "public.~~", ""),
    Case("operator behind NULLIF", "create operator = (leftarg = int, rightarg = text, function = evil_op3)",
         "select nullif(a, b) from t", "public.=", ""),
    Case("operator behind IS DISTINCT FROM", "create operator = (leftarg = int, rightarg = text, function = evil_op3)",
         "select a is distinct from b from t", "public.=", ""),
    Case("explicit cast", "create type mood as enum ('sad'); create function m(mood) returns int language plpgsql "
         "immutable as $$begin perform public.write_down('cast'); return 1; end$$; create cast (mood as int) with function m(mood);"
         "create table people (feeling mood); insert into people values ('sad')",
         "select feeling::int from people", "public.m(", ""),
    Case("implicit cast", "create type mood as enum ('sad'); create function m(mood) returns int language plpgsql "
         "immutable as $$begin perform public.write_down('cast'); return 1; end$$; "
         "create cast (mood as int) with function m(mood) as implicit;"
         "create table people (feeling mood); insert into people values ('sad')",
         "select abs(feeling) from people", "public.m(", ""),
    Case("cast of a literal", "create type mood as enum ('sad'); create function m(mood) returns int language plpgsql "
         "immutable as $$begin perform public.write_down('cast'); return 1; end$$; create cast (mood as int) with function m(mood)",
         "select cast('sad'::mood as int)", "public.m("),
    Case("cast of a row", "create function r(t) returns text language plpgsql immutable as "
         "$$begin perform public.write_down('row'); return 'x'; end$$; create cast (t as text) with function r(t)",
         "select t::text from t", "public.r(", ""),
    Case("implicit cast between built-in types", "create cast (text as int) with function m(text) as implicit",
         "select abs(b) from t", "public.m(text)", ""),
    Case("view", "create view v as select evil_stable(a) as x from t", "select * from v", "evil_stable(integer)", ""),
    Case("view over view over function", "create view v1 as select evil_immutable(1) as x; create view v2 as select x "
         "from v1; create view v3 as select * from v2", "select count(*) from v3 where x = 1",
         "view public.v3 → view public.v2 → view public.v1 → definition → function public.evil_immutable(integer)"),
    Case("view with a hidden implicit cast", "create type mood as enum ('sad'); create function m(mood) returns int "
         "language plpgsql immutable as $$begin perform public.write_down('cast'); return 1; end$$; "
         "create cast (mood as int) with function m(mood) as implicit; create table people (feeling mood); "
         "insert into people values ('sad'); create view v as select abs(feeling) from people", "select * from v",
         "public.m(", ""),
    Case("view with a built-in that is not listed", "create view v as select pg_sleep(0)::text, a from t", "select a from v",
         "definition → function pg_sleep", None),
    Case("view that reads a forbidden relation", "create view v as select rolname, rolpassword from pg_authid",
         "select * from v", "pg_authid", None),
    Case("view that locks rows", "create view v as select * from t for update", "select * from v", "ROWMARKCLAUSE", None),
    Case("view under a WITH query of the same name", "create view v as select evil_immutable(1)",
         "with v as (select * from v) select * from v", "evil_immutable"),
    Case("policy", "create policy p on t using (evil_bool(1)); alter table t enable row level security;"
         "alter table t force row level security; grant select on t to public; grant insert on witness to public",
         "select * from t", "policy p → function public.evil_bool(integer)", before="set role pg_monitor"),
    Case("policy that reads a view", "create view v as select evil_immutable(1) as x; create policy p on t using "
         "(a in (select x from v)); alter table t enable row level security; grant select on t, v to public;"
         "grant insert on witness to public", "select * from t", "evil_immutable", before="set role pg_monitor"),
    Case("index expression", "create index on t ((a + evil_immutable(1)))", "select * from t where a = 1",
         "index t_expr_idx → function public.evil_immutable(integer)",
         fresh=True),
    Case("index predicate", "create index i on t (a) where evil_bool(1)", "select * from t where a = 1",
         "index i → function public.evil_bool(integer)"),
    Case("index with an operator class", INT_CLASS + "create index i on t (a int_evil)", "select * from t where a = 1",
         "int_test(integer,integer)", "", before="set enable_seqscan = off"),
    Case("statistics", "create statistics s on (a + evil_immutable(1)), b from t; analyze t",
         "select * from t where a = 1", "statistics s → function public.evil_immutable(integer)"),
    Case("check constraint", "create table child (check (a > evil_immutable(0))) inherits (t)",
         "select * from t where a = 5", "constraint child_a_check → function public.evil_immutable(integer)"),
    Case("partition key", "create table p (a int) partition by range ((a + evil_immutable(1)));"
         "create table p1 partition of p default", "select * from p", "partition key → function public.evil_immutable",
         fresh=True),
    Case("index of a partition", "create table p (a int) partition by range (a); create table p1 partition of p default;"
         "create index i on p1 (a) where evil_bool(1)", "select * from p where a = 1", "table public.p1 → index i"),
    Case("domain", "create domain d as int check (evil_bool(value))", "select 1::d", "evil_bool", ""),
    Case("domain in a function call", "create domain d as int check (evil_bool(value))", "select d(1)", "evil_bool", None),
    Case("domain over domain", "create domain d as int check (evil_bool(value)); create domain d2 as d",
         "select '1'::d2", "evil_bool", ""),
    Case("array of domains", "create domain d as int check (evil_bool(value))", "select '{1}'::d[]", "evil_bool", ""),
    Case("domain inside a row from JSON", "create domain d as int check (evil_bool(value)); create table r (x d)",
         "select * from jsonb_populate_record(null::r, '{\"x\": 1}')", "evil_bool", ""),
    Case("domain inside a table that is read", "create domain d as int check (evil_bool(value)); create table r (x d);"
         "insert into r values (1); delete from witness",
         "select jsonb_populate_record(r, '{\"x\": 2}') from r", "evil_bool", ""),
    Case("domain in a column definition list", "create domain d as int check (evil_bool(value))",
         "select * from jsonb_to_record('{\"x\": 1}') as t(x d)", "evil_bool", ""),
    Case("domain inside a composite", "create domain d as int check (evil_bool(value)); create type pair as (x d, y int)",
         "select '(1,2)'::pair", "evil_bool", ""),
    Case("attribute notation", "create function secret(t) returns int language plpgsql immutable as "
         "$$begin perform public.write_down('attribute'); return 1; end$$", "select t.secret from t", "public.secret(", ""),
    Case("attribute notation on an expression", "create function secret(t) returns int language plpgsql immutable as "
         "$$begin perform public.write_down('attribute'); return 1; end$$", "select (x).secret from (select t as x from t) s",
         "public.secret(", ""),
    Case("attribute notation of a subquery", "create function secret(record) returns int language plpgsql immutable as "
         "$$begin perform public.write_down('attribute'); return 1; end$$", "select s.secret from (select 1 as a) s",
         "public.secret(record)", ""),
    Case("attribute notation with anyelement", "create function secret(anyelement) returns int language plpgsql "
         "immutable as $$begin perform public.write_down('attribute'); return 1; end$$", "select t.secret from t order by t.secret",
         "public.secret(anyelement)", ""),
    Case("attribute notation through an implicit cast", "create function secret(text) returns int language plpgsql "
         "immutable as $$begin perform public.write_down('attribute'); return 1; end$$; "
         "create cast (t as text) with inout as implicit", "select t.secret from t", "public.secret(text)", ""),
    Case("renamed columns and attribute notation", "create function a(t) returns int language plpgsql immutable as "
         "$$begin perform public.write_down('attribute'); return 1; end$$", "select x.a from t as x(p, q, r, s)", "public.a(", ""),
    Case("default operator class of a built-in type", JSON_CLASS, "select distinct j from t", "json_test(json,json)", ""),
    Case("attribute notation of a VARIADIC function", "create function secret(variadic t[]) returns int language plpgsql immutable as "
         "$$begin perform public.write_down('attribute'); return 1; end$$", "select t.secret from t", "public.secret(", ""),
    Case("member added to a built-in operator family", "create operator <=> (leftarg = int, rightarg = text, function = evil_op3);"
         "alter operator family integer_ops using btree add operator 3 <=> (int, text)", "select 1", "integer_ops", None),
    Case("result of a listed function", "create type mood as enum ('sad'); create function m(mood) returns int language "
         "plpgsql immutable as $$begin perform public.write_down('cast'); return 1; end$$; create cast (mood as int) with "
         "function m(mood); create function feel() returns mood language sql as $$select 'sad'::mood$$", "select feel()::int",
         "cast (public.mood AS integer)", "", allowed=frozenset({"public.feel"})),
    Case("type that shadows a name", "create schema s; create domain s.date as int check (evil_bool(value))",
         "select 1::date", "evil_bool", "", before="set search_path = s, public, pg_catalog",
         path=("s", "public", "pg_catalog")),
    Case("view that shadows a system relation", "create schema s; create view s.pg_class as select evil_immutable(1)",
         "select * from pg_class", "evil_immutable", before="set search_path = s, public, pg_catalog",
         path=("s", "public", "pg_catalog")),
    Case("first schema of the path may not be usable", "create schema s; create table s.x (a int); create view x as "
         "select evil_immutable(1); grant insert on witness to public; grant select on x to public", "select * from x",
         "evil_immutable", before="set role pg_monitor; set search_path = s, public", path=("s", "public")),
]  # fmt: skip

HELPERS = """
create function evil_op(a int, b int) returns int language plpgsql immutable as
  $$begin perform public.write_down('operator'); return a; end$$;
create function evil_op2(a text, b int) returns text language plpgsql immutable as
  $$begin perform public.write_down('operator'); return a; end$$;
create function evil_op3(a int, b text) returns bool language plpgsql immutable as
  $$begin perform public.write_down('operator'); return true; end$$;
create function m(text) returns int language plpgsql immutable as
  $$begin perform public.write_down('cast'); return 1; end$$;
"""


class _Undo(Exception):
    """Ends the transaction of a case."""


def witnesses(session: Database) -> int:
    ((count,),) = session.query("select count(*) from public.witness")
    assert isinstance(count, int)
    return count


@pytest.fixture(scope="module", params=["pg15", "pg18"])
def session(request: pytest.FixtureRequest) -> Iterator[Database]:
    """One session for all cases: every case is rolled back."""
    database = make_database(request.getfixturevalue(request.param))
    with connect(database.dsn()) as session:
        yield session
    drop_database(database)


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_hidden_code_is_refused_before_it_runs(session: Database, case: Case) -> None:
    with contextlib.suppress(_Undo), session.transaction():
        session.execute(WITNESS + HELPERS + case.setup)
        session.execute("delete from witness")
        safety = load_safety(session)
        session.execute("set local search_path = public")
        with pytest.raises(Refused) as caught:
            check(case.sql, safety, search_path=case.path, allowed_functions=case.allowed)
        assert case.named in f"{caught.value.message} {caught.value.detail}"
        assert caught.value.hint
        assert witnesses(session) == 0, "the guard itself ran nothing"
        if case.proof is not None and not case.fresh:
            session.execute(case.before.replace("set ", "set local ") or "select")
            session.execute(f"{case.proof}{case.sql}")
            session.execute("reset role")
            assert witnesses(session) > 0, "without the guard the server would have run it"
        raise _Undo


@pytest.mark.parametrize("case", [case for case in CASES if case.fresh], ids=lambda case: case.name)
def test_opening_a_table_runs_hidden_code(database: TestDatabase, case: Case) -> None:
    database.execute(WITNESS + HELPERS + case.setup)
    database.execute("delete from witness")
    database.execute(f"{case.proof}{case.sql}")
    assert database.execute("select count(*) > 0 from witness") == [(True,)]
