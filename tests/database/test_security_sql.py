"""What the SQL core must never let happen, one test each."""

from __future__ import annotations

import json
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors
from sql_core import Core, core, make_login

from conftest import drop_database, make_database
from postai.database import connect
from postai.stream import server as stream_server

WAYS = [("pg15", "socket"), ("pg15", "dblink"), ("pg18", "dblink"), ("pg18", "call")]
READS_CALLERS_PATH = {
    "cache",
    "ask", "sql", "answer", "prepare", "run", "wait", "explain", "teach", "feedback", "declare_join", "forget_join",
    "optimize", "lint", "migrate", "design", "drift", "cutover", "rollback", "_switch",
    "replicate_start", "replicate_verify", "replicate_repair", "replicate_rollback", "replicate_complete",
    "replicate_abort", "replicate_cancel",
}  # fmt: skip


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(way), scope="module")
def one(request: pytest.FixtureRequest) -> Iterator[Core]:
    server, transport = request.param
    database = make_database(request.getfixturevalue(server))
    with core(database, transport) as made:
        make_login(database, "asker2", "postai_user")
        make_login(database, "operator", "postai_operator")
        yield made
    drop_database(database)


def asked(one: Core, statement: str, user: str = "asker") -> str:
    """Run a question by the procedure, which works with every transport; gives the rows as text."""
    with one.connect(user) as connection:
        connection.execute("call postai.run(%s)", (f"sql: {statement}",))
        return str(connection.execute("fetch all from ask").fetchall())


def test_definer_functions_pin_the_search_path_and_say_why(one: Core) -> None:
    rows = one.database.execute(
        "select p.oid::regprocedure::text, p.proconfig, obj_description(p.oid, 'pg_proc') from pg_proc p"
        " where p.pronamespace = 'postai'::regnamespace and p.prosecdef"
    )
    assert len(rows) > 10
    for name, config, comment in rows:
        assert config == ["search_path=pg_catalog, pg_temp"], name
        assert "definer" in str(comment).lower(), name


def test_every_other_routine_pins_it_too(one: Core) -> None:
    rows = one.database.execute(
        "select p.proname from pg_proc p where p.pronamespace = 'postai'::regnamespace and not exists"
        " (select from unnest(p.proconfig) as c where c = 'search_path=pg_catalog, pg_temp')"
    )
    assert {str(name) for (name,) in rows} == READS_CALLERS_PATH


def test_nothing_is_executable_or_readable_by_everybody(one: Core) -> None:
    assert (
        one.database.execute(
            "select p.oid::regprocedure from pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a"
            " where p.pronamespace = 'postai'::regnamespace and a.grantee = 0"
        )
        == []
    )
    assert (
        one.database.execute(
            "select c.oid::regclass from pg_class c, aclexplode(c.relacl) a"
            " where c.relnamespace = 'postai'::regnamespace and a.grantee = 0"
        )
        == []
    )


def test_views_that_hide_rows_let_no_function_look_at_them_first(one: Core) -> None:
    """Without a barrier a cheap function of the reader's is run on rows before the view's own filter takes them out."""
    hiding = {
        str(name): barrier
        for name, barrier in one.database.execute(
            "select c.relname, coalesce('security_barrier=true' = any (c.reloptions), false) from pg_class c"
            " where c.relnamespace = 'postai'::regnamespace and c.relkind = 'v' and pg_get_viewdef(c.oid) ~"
            " '_role|_may_|session_user|SESSION_USER|CURRENT_USER|_is_operator|_privilege|_owner'"
        )
    }
    assert {"cache_stats", "questions", "web_passes", "events"} <= set(hiding)
    of_roles = {"_team", "teams", "team_members"}  # what pg_roles shows everybody: the same rows whoever looks
    assert {name for name, barrier in hiding.items() if not barrier} == of_roles


def test_every_logged_table_has_a_replica_identity(one: Core) -> None:
    """Else a publication FOR ALL TABLES, whoever makes one, would let the agent update and delete nothing there."""
    one.database.execute("create publication all_of_it for all tables")
    try:
        with connect(one.database.dsn()) as db:
            own = [table for table in stream_server.tables(db, "all_of_it") if table.schema.startswith("postai")]
        assert len(own) > 40
        assert [table.qualified for table in own if table.lacks not in (None, "unlogged")] == []
    finally:
        one.database.execute("drop publication all_of_it")


def test_everything_has_a_comment_and_functions_an_example(one: Core) -> None:
    rows = one.database.execute(
        "select p.proname, obj_description(p.oid, 'pg_proc') from pg_proc p"
        " where p.pronamespace = 'postai'::regnamespace union all"
        " select c.relname, obj_description(c.oid, 'pg_class') from pg_class c"
        " where c.relnamespace = 'postai'::regnamespace and c.relkind in ('r', 'v')"
    )
    assert [name for name, comment in rows if not comment] == []
    public = one.database.execute(
        "select p.proname, obj_description(p.oid, 'pg_proc') from pg_proc p"
        " where p.pronamespace = 'postai'::regnamespace and p.proname not like '\\_%'"
    )
    assert [
        name for name, comment in public if not ("select" in str(comment).lower() or "call" in str(comment).lower())
    ] == []


def test_a_stranger_may_nothing(one: Core) -> None:
    for statement in ("select postai.ask('x')", "select * from postai.agent()", "select * from postai.settings",
                      "select * from postai.questions", "call postai.run('x')"):  # fmt: skip
        with pytest.raises(errors.InsufficientPrivilege):
            one.database.execute(statement, "stranger")


@pytest.mark.parametrize(
    "statement",
    [
        "select postai._job_submit('{}', '')",
        "select postai._job_claim('me', 10, '{ask}')",
        "select postai._job_finish(1, 1, '{}')",
        "select postai._job_poll(gen_random_uuid())",
        "select postai._job_reply(gen_random_uuid(), 1, '{}')",
        "select postai._job_close(gen_random_uuid())",
        "select postai._signature('x')",
        "select postai._dblink('select 1')",
        "select postai._grant('all on postai.job', 'asker')",
        "select postai._apply_grants()",
        "select postai._record_event('a', 'b', null, null, '{}')",
        "select postai.set('engine', 'grammar')",
        "select * from postai.job",
        "select * from postai.question",
        "select * from postai.model_call",
        "select secret from postai.transport",
        "update postai.transport set kind = 'call'",
        "insert into postai.setting values ('engine', '\"model\"')",
        "insert into postai.question (asked_by, role, question, status) values ('a', 'a', 'a', 'answered')",
        "delete from postai.event",
        "create table postai.mine (a int)",
    ],
)
def test_who_asks_may_not_reach_behind(one: Core, statement: str) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        one.database.execute(statement, "asker")


def test_who_asks_may_not_use_the_socket(one: Core) -> None:
    if one.transport == "socket":
        with pytest.raises(errors.InsufficientPrivilege):
            one.database.execute("select postai._socket('ping', '', '')", "asker")


def test_a_forbidden_table_stays_forbidden(one: Core) -> None:
    with pytest.raises(errors.InsufficientPrivilege):
        asked(one, "select * from public.secret")
    if one.transport != "call":
        for verb in ("ask", "answer"):
            with pytest.raises(errors.InsufficientPrivilege):
                one.database.execute(f"select postai.{verb}('sql: select * from public.secret')", "asker")
        with one.connect("asker") as connection:
            with pytest.raises(errors.InsufficientPrivilege):
                connection.execute("select postai.prepare('sql: select * from public.secret')")
                connection.execute("execute ask")
            plan = connection.execute("select postai._explain('select * from public.secret', 'public')").fetchone()
        assert plan is not None
        assert plan[0]["error"]["sqlstate"] == "42501"


def test_row_level_security_holds(one: Core) -> None:
    one.database.execute(
        "create table if not exists public.note (owner name, word text);"
        "alter table public.note enable row level security;"
        "drop policy if exists own on public.note; create policy own on public.note using (owner = current_user);"
        "truncate public.note; insert into public.note values ('asker', 'mine'), ('asker2', 'hers');"
        "grant select on public.note to asker, asker2"
    )
    assert asked(one, "select word from public.note") == "[('mine',)]"
    assert asked(one, "select word from public.note", "asker2") == "[('hers',)]"


@pytest.mark.parametrize("role", ["postgres", "asker2", "postai_agent", "nobody", None])
def test_a_role_cannot_be_claimed(one: Core, role: str | None) -> None:
    with one.connect("asker") as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("select postai._open('run', 'sql: select 1', %s, '{public}', 10, null)", (role,))
    assert caught.value.sqlstate == "PA006"
    assert caught.value.diag.message_hint


def test_a_definer_function_of_another_user_cannot_ask_in_its_owners_name(one: Core) -> None:
    if one.transport == "call":
        pytest.skip("functions cannot ask there")
    one.database.execute(
        "create or replace function public.ask_as_owner() returns setof json language sql security definer as"
        " $$ select postai.ask('sql: select * from public.secret') $$;"
        "grant execute on function public.ask_as_owner() to asker"
    )
    with pytest.raises(psycopg.Error) as caught:
        one.database.execute("select public.ask_as_owner()", "asker")
    assert caught.value.sqlstate == "PA006"


def test_set_role_is_told_and_kept(one: Core) -> None:
    make_login(one.database, "team", "postai_user")
    one.database.execute("grant team to asker; revoke select on public.fruit from team")
    with one.connect("asker") as connection:
        connection.execute("set role team")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("call postai.run('sql: select * from public.fruit')")
    frame = one.peer.seen[-1]
    assert (frame["session_user"], frame["role"]) == ("asker", "team")
    one.database.execute("revoke team from asker")


def test_another_persons_conversation_is_out_of_reach(one: Core) -> None:
    if one.transport == "socket":
        pytest.skip("a socket belongs to one session")
    token = "00000000-0000-4000-8000-00000000000a"
    one.database.execute(
        f"delete from postai.job where token = '{token}';"
        "insert into postai.job (token, kind, request, state, result, submitted_by, finished_at)"
        f" values ('{token}', 'other', '{{\"verb\": \"ask\"}}', 'done', '{{\"type\": \"answer\"}}', 'asker2', now())"
    )
    if one.transport == "call":
        said = one.database.execute(f"select postai._next('{token}', 0)", "asker")
        assert said[0][0]["error"]["sqlstate"] == "PA002"  # type: ignore[index]
        one.database.execute(f"select postai._close('{token}', true)", "asker")
        assert one.database.execute(f"select state from postai.job where token = '{token}'") == [("done",)]
        assert one.database.execute(f"select postai._next('{token}', 0)", "asker2") == [({"type": "answer"},)]
    one.database.execute(f"delete from postai.job where token = '{token}'")


def test_the_second_connection_is_of_no_use_to_the_sessions_user(one: Core) -> None:
    if one.transport != "dblink":
        pytest.skip("only dblink has one")
    with one.connect("asker") as connection:
        connection.execute("select postai.ask('sql: select 1')")
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("select * from public.dblink('postai', 'select current_user::text') as r (a text)")
        # Where dblink was there before, everybody may be allowed to use it.
        one.database.execute("grant execute on function public.dblink(text, text) to asker")

        def through(statement: str) -> None:
            connection.execute("select * from public.dblink('postai', %s) as r (a text)", (statement,))

        names = {"session_user": "postgres", "role": "postgres", "database": one.database.name}
        forged = json.dumps({"id": "00000000-0000-4000-8000-000000000001", "question": "x", **names})
        with pytest.raises(psycopg.Error) as caught:
            through(f"select postai._job_submit('{forged}', sha256('guess'))")
        assert caught.value.sqlstate == "PA006"
        for statement in (
            "select request::text from postai.job",
            "select value::text from postai.setting",
            "select postai._job_claim('me', 10, '{ask}')::text",
            "select secret::text from postai.transport",
            "select postai._signature('x')::text",
            "select name from public.fruit",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                through(statement)
        mapping = connection.execute(
            "select umoptions from pg_user_mappings where srvname = 'postai_loopback'"
        ).fetchone()
        assert mapping == (None,)


def test_questions_are_not_shown_in_the_list_of_sessions(one: Core) -> None:
    if one.transport != "dblink":
        pytest.skip("only dblink has a second session")
    with one.connect("asker") as connection:
        connection.execute("select postai.ask('sql: select 1 as confidential')")
        rows = one.database.execute("select query from pg_stat_activity where usename like 'postai_transport%'")
    assert rows
    assert all(not query for (query,) in rows)


SPRUNG = "language plpgsql as $$ begin raise exception 'TRAPPED %', current_user; end $$"
TRAPS = f"""
create schema trap; grant usage on schema trap to asker;
create function trap.row_to_json(record) returns json {SPRUNG};
create function trap.current_setting(text) returns text {SPRUNG};
create function trap.set_config(text, text, boolean) returns text {SPRUNG};
create function trap.current_schemas(boolean) returns name[] {SPRUNG};
create function trap.json_each(json) returns table (key text, value json) {SPRUNG};
create function trap.format(text, text, integer) returns text {SPRUNG};
create function trap.equal(int, int) returns boolean {SPRUNG};
create function trap.arrow(json, text) returns json {SPRUNG};
create function trap.path(json, text[]) returns text {SPRUNG};
create operator trap.= (function = trap.equal, leftarg = int, rightarg = int);
create operator trap.+ (function = trap.equal, leftarg = int, rightarg = int);
create operator trap.-> (function = trap.arrow, leftarg = json, rightarg = text);
create operator trap.->> (function = trap.arrow, leftarg = json, rightarg = text);
create operator trap.#>> (function = trap.path, leftarg = json, rightarg = text[]);
create function trap.sprung() returns boolean {SPRUNG};
create domain trap.json as pg_catalog.json check (trap.sprung());
create domain trap.text as pg_catalog.text check (trap.sprung());
"""


def test_a_hostile_search_path_springs_no_trap(one: Core) -> None:
    one.database.execute("drop schema if exists trap cascade")
    one.database.execute(TRAPS)
    with one.connect("asker") as connection:
        connection.prepare_threshold = None
        connection.execute("set search_path = trap, public, pg_catalog")
        connection.execute("call postai.run('explain: select name from fruit order by id limit 1')")
        assert connection.execute("fetch all from ask").fetchall() == [("apple",)]
        if one.transport != "call":
            statement = "'explain: select name from fruit order by id limit 1'"
            for call in (
                f"select a::pg_catalog.text from postai.ask({statement}) as a",
                f"select postai.sql({statement})",
                f"select status from postai.answer({statement})",
                f"select postai.prepare({statement})",
            ):
                assert connection.execute(call).fetchone()
    one.database.execute("drop schema trap cascade")


def test_settings_change_through_their_check_only(one: Core) -> None:
    def change(name: object, value: object, user: str = "operator") -> None:
        with one.connect(user) as connection:
            connection.execute("select postai.set(%s, %s)", (name, value))

    change("ask_timeout", "45s")
    change("allowed_functions", "public.f, other.g")
    rows = one.database.execute(
        "select value, changed_by from postai.settings where name in ('ask_timeout', 'allowed_functions') order by name"
    )
    assert rows == [("public.f, other.g", "operator"), ("45s", "operator")]
    assert one.database.execute(
        "select actor, subject from postai.event where kind = 'setting.changed' order by id limit 1"
    ) == [("operator", "ask_timeout")]
    with pytest.raises(errors.UndefinedObject) as caught:
        change("ask_timout", "1s")
    assert "ask_timeout" in (caught.value.diag.message_detail or "")
    for name, value in (
        ("ask_timeout", "soon"),
        ("ask_timeout", "-1s"),
        ("ask_timeout", "2 days"),
        ("engine", "magic"),
        ("daily_budget_usd", "NaN"),
        ("daily_budget_usd", "-1"),
        ("share_values", "perhaps"),
    ):
        with pytest.raises(errors.InvalidParameterValue) as bad:
            change(name, value, "postgres")
        assert bad.value.diag.message_hint
    with pytest.raises(psycopg.Error) as mine:
        change("share_values", "true")
    assert mine.value.sqlstate == "PA006"
    change("share_values", "true", "postgres")
    for name in ("share_values", "ask_timeout", "allowed_functions"):
        change(name, None, "postgres")
    with pytest.raises(errors.UndefinedObject):
        change(None, "1")


def test_allowed_functions_are_names(one: Core) -> None:
    with one.connect("operator") as connection:
        for value in (
            '["public.f"]',
            "f",
            "public.f(",
            "public.",
            "'public.f'",
            "public.f; x",
            "a.b.c",
            "extension",
            "public.f) g(x",
        ):
            with pytest.raises(errors.InvalidParameterValue) as bad:
                connection.execute("select postai.set('allowed_functions', %s)", (value,))
            assert "schema.name" in (bad.value.diag.message_hint or "")
        good = (
            'public.f, public.f(integer, text), "My Schema"."F"(), extension postgis, server far, Ärger.größe(text[])'
        )
        connection.execute("select postai.set('allowed_functions', %s)", (good,))
        stored = one.database.execute("select value ->> 1 from postai.setting where name = 'allowed_functions'")
        assert stored == [("public.f(integer, text)",)]
        assert one.database.execute("select postai._setting_text('allowed_functions')") == [(good,)]
        connection.execute("select postai.set('allowed_functions', null)")


def test_null_for_every_argument_ends_cleanly(one: Core) -> None:
    rows = one.database.execute(
        "select p.proname, p.pronargs, p.prokind::text, pg_get_function_identity_arguments(p.oid) from pg_proc p"
        " where p.pronamespace = 'postai'::regnamespace and has_function_privilege('asker', p.oid, 'execute')"
    )
    assert len(rows) > 15
    for name, count, kind, arguments in rows:
        types = [f"null::{part.rsplit(' ', 1)[-1]}" for part in str(arguments).split(", ") if part][: int(str(count))]
        types = [t if "precision" not in t and "zone" not in t else "null" for t in types]
        call = f"postai.{name}({', '.join(types)})"
        with one.connect("asker") as connection:
            try:
                connection.execute(f"call {call}" if kind == "p" else f"select {call}")  # type: ignore[arg-type]
            except psycopg.Error as error:
                assert not (error.sqlstate or "XX").startswith(("XX", "38", "39")), (call, error)


def test_everybody_sees_their_own_questions_only(one: Core) -> None:
    one.database.execute(
        "truncate postai.question cascade; insert into postai.question (asked_by, role, question, status)"
        " values ('asker', 'asker', 'mine', 'answered'), ('asker2', 'asker2', 'hers', 'abstained')"
    )
    assert one.database.execute("select question from postai.questions", "asker") == [("mine",)]
    assert len(one.database.execute("select question from postai.questions", "operator")) == 2
    assert len(one.database.execute("select question from postai.questions")) == 2


def test_old_questions_and_model_calls_are_removed(one: Core) -> None:
    one.database.execute(
        "truncate postai.question, postai.model_call cascade;"
        "insert into postai.question (asked_at, asked_by, role, question, status)"
        " select now() - days * interval '1 day', 'asker', 'asker', days::text, 'answered'"
        " from unnest(array[0, 89, 91]) as days;"
        "insert into postai.model_call (at, purpose, model, status)"
        " select now() - days * interval '1 day', days::text, 'm', 'ok' from unnest(array[0, 89, 91]) as days"
    )
    make_login(one.database, "pruner", "postai_agent")
    assert one.database.execute("select postai._prune() >= 2", "pruner") == [(True,)]
    assert one.database.execute("select question from postai.question order by id") == [("0",), ("89",)]
    one.database.execute("select postai.set('keep_days', '0')", "operator")
    one.database.execute("select postai._prune()", "pruner")
    one.database.execute("select postai.set('keep_days', null)", "operator")
    assert one.database.execute("select question from postai.question") == []
    # The day's budget is counted from these.
    assert one.database.execute("select purpose from postai.model_call") == [("0",)]


def test_run_in_a_read_only_session(one: Core) -> None:
    with one.connect("asker") as connection:
        connection.execute("set default_transaction_read_only = on")
        if one.transport == "call":
            with pytest.raises(errors.ReadOnlySqlTransaction) as caught:
                connection.execute("call postai.run('sql: select 1')")
            assert "default_transaction_read_only = off" in (caught.value.diag.message_hint or "")
        else:
            connection.execute("call postai.run('explain: select 1 as a')")
            assert connection.execute("fetch all from ask").fetchall() == [(1,)]
            assert connection.execute("select postai.ask('sql: select 1 as a')").fetchone() == ({"a": 1},)
