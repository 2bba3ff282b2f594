"""ask, sql, answer, prepare and run over each transport, on each server that has it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors
from sql_core import Core, core, make_login, put_in

from conftest import TestDatabase, drop_database, make_database
from postai.ask.asking import answer as face_answer
from postai.database import ServerError, connect
from postai.errors import AgentNotReachable, NotPermitted
from postai.setup.install import InstallOptions, install
from postai.setup.server import LocalServer
from postai.setup.transport import Transport

WAYS = [("pg15", "socket"), ("pg15", "dblink"), ("pg18", "dblink")]


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(way), scope="module")
def asking(request: pytest.FixtureRequest) -> Iterator[Core]:
    """A database in which functions can wait for the agent."""
    server, transport = request.param
    database = make_database(request.getfixturevalue(server))
    with core(database, transport) as one:
        yield one
    drop_database(database)


@pytest.fixture(params=["pg15", "pg18"], scope="module")
def calling(request: pytest.FixtureRequest) -> Iterator[Core]:
    """A database in which only the procedure can."""
    database = make_database(request.getfixturevalue(request.param))
    with core(database, "call") as one:
        yield one
    drop_database(database)


@pytest.fixture(params=[*WAYS, ("pg15", "call"), ("pg18", "call")], ids=lambda way: "-".join(way), scope="module")
def running(request: pytest.FixtureRequest) -> Iterator[Core]:
    """A database of every kind."""
    server, transport = request.param
    database = make_database(request.getfixturevalue(server))
    with core(database, transport) as one:
        yield one
    drop_database(database)


def ask(one: Core, question: str, *more: object, user: str = "asker") -> list[str]:
    with one.connect(user) as connection:
        marks = ", %s" * len(more)
        cursor = connection.execute(f"select row::text from postai.ask(%s{marks}) as row", (question, *more))  # type: ignore[arg-type]
        return [row[0] for row in cursor.fetchall()]


def answer(one: Core, question: str) -> dict[str, object]:
    with one.connect("asker") as connection:
        cursor = connection.execute("select * from postai.answer(%s)", (question,))
        (row,) = cursor.fetchall()
        return dict(zip([column.name for column in cursor.description or ()], row, strict=True))


def test_ask_gives_one_object_per_row_in_select_order(asking: Core) -> None:
    assert ask(asking, "sql: select name, price, id from public.fruit order by id limit 2") == [
        '{"name":"apple","price":1.50,"id":1}',
        '{"name":"pear","price":null,"id":2}',
    ]


def test_double_column_names_no_columns_and_no_rows_survive(asking: Core) -> None:
    assert ask(asking, "sql: select 1 as a, 2 as a") == ['{"a":1,"a":2}']
    assert ask(asking, "sql: select from public.fruit") == ["{}"] * 3
    assert ask(asking, "sql: select * from public.fruit where false") == []


def test_answer_has_the_columns_of_the_contract(asking: Core) -> None:
    got = answer(asking, "sql: select name, 2 as x, 'b' as x from public.fruit order by id")
    assert list(got) == [
        "question_id", "status", "sql", "columns", "rows", "explanation", "confidence", "engine", "readings", "reason",
        "elapsed_ms",
    ]  # fmt: skip
    assert got["columns"] == ["name", "x", "x"]
    assert got["rows"] == [["apple", 2, "b"], ["pear", 2, "b"], ["plum", 2, "b"]]
    assert (got["question_id"], got["status"], got["engine"], got["readings"]) == (7, "answered", "grammar", [])
    assert got["confidence"] == pytest.approx(0.9)
    assert isinstance(got["elapsed_ms"], float)
    assert got["elapsed_ms"] > 0


def test_answer_without_rows_still_has_columns(asking: Core) -> None:
    got = answer(asking, "sql: select name, name from public.fruit where false -- a comment")
    assert (got["columns"], got["rows"]) == (["name", "name"], [])
    got = answer(asking, "sql: select from public.fruit")
    assert (got["columns"], got["rows"]) == ([], [[], [], []])


@pytest.mark.parametrize(
    ("question", "status", "reason"),
    [
        ("abstain", "abstained", "two tables fit"),
        ("near", "abstained", "what is cuntry? Did you mean: country?"),
        ("refuse", "refused", "it would write"),
        ("fail", "failed", "the model is silent"),
        ("error PA005", "failed", "the budget is spent"),
        ("error PA003", "refused", "the budget is spent"),
    ],
)
def test_answer_gives_what_is_no_answer_as_a_row(asking: Core, question: str, status: str, reason: str) -> None:
    got = answer(asking, question)
    assert (got["status"], got["reason"], got["rows"], got["columns"]) == (status, reason, None, None)


@pytest.mark.parametrize(
    ("question", "sqlstate", "hint"),
    [
        ("abstain", "PA001", "Ask again with the words of one reading"),
        ("refuse", "PA003", "use postai.migrate"),
        ("fail", "PA004", "Ask in other words"),
        ("error PA005", "PA005", "wait"),
        ("garbage", "PA002", "Install the same version"),
    ],
)
@pytest.mark.parametrize("verb", ["ask", "sql", "prepare"])
def test_the_others_raise_it(asking: Core, verb: str, question: str, sqlstate: str, hint: str) -> None:
    with asking.connect("asker") as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(f"select postai.{verb}(%s)", (question,))  # type: ignore[arg-type]
    assert caught.value.sqlstate == sqlstate
    assert hint in (caught.value.diag.message_hint or "")
    if question == "abstain":
        assert caught.value.diag.message_detail == "Nearest readings:\n1. orders per country\n   select 1"


def test_explain_runs_as_the_caller_and_gives_errors_as_values(asking: Core) -> None:
    plan = json.loads(str(answer(asking, "explain: select name from public.fruit")["explanation"]))
    assert plan["type"] == "explained"
    assert plan["plan"][0]["Plan"]["Node Type"] == "Seq Scan"
    with asking.connect("asker") as connection:
        cursor = connection.execute("select explanation from postai.answer('abstain: x')")
        assert cursor.fetchone()

    def explained(sql: str) -> dict[str, object]:
        with asking.connect("asker") as connection:
            said = connection.execute("select postai._explain(%s, 'public')", (sql,)).fetchone()
        assert said is not None
        return said[0]["error"]  # type: ignore[no-any-return]

    assert explained("select * from public.secret")["sqlstate"] == "42501"
    assert explained("select * from nix")["sqlstate"] == "42P01"
    assert explained("select 1; select 2")["sqlstate"] == "PA003"
    assert explained("analyze select 1")["sqlstate"] == "42601"


def test_prepare_leaves_a_statement_with_real_columns(asking: Core) -> None:
    with asking.connect("asker") as connection:
        connection.prepare_threshold = None
        for column in ("name", "price"):  # the second takes the place of the first
            text = connection.execute(
                "select postai.prepare(%s)", (f"sql: select {column} from public.fruit",)
            ).fetchone()
            assert text is not None
            assert "limit 100" in text[0]
        cursor = connection.execute("execute ask")
        assert [c.name for c in cursor.description or ()] == ["price"]
        assert len(cursor.fetchall()) == 3
        notices: list[str] = []
        connection.add_notice_handler(lambda notice: notices.append(str(notice.message_primary)))
        connection.execute("select postai.prepare('sql: select 1 as one', 'my \"name')")
        assert notices == ["this statement gives at most 100 rows"]
        assert connection.execute('execute "my ""name"').fetchone() == (1,)
        for name in (None, "", "n" * 64):
            with pytest.raises(errors.InvalidParameterValue):
                connection.execute("select postai.prepare('sql: select 1', %s)", (name,))


def test_a_statement_cannot_write(asking: Core) -> None:
    asking.database.execute("create sequence if not exists public.s; grant all on public.s, public.fruit to asker")
    for sql in (
        "insert into public.fruit values (9) returning id",
        "with x as (delete from public.fruit returning 1) select 1",
        "select nextval('public.s')",
        "select * from public.fruit for update",
    ):
        for verb in ("ask", "answer"):
            with asking.connect("asker") as connection, pytest.raises(errors.ReadOnlySqlTransaction):
                connection.execute(f"select postai.{verb}(%s)", (f"sql: {sql}",))  # type: ignore[arg-type]


def test_one_statement_that_gives_rows(asking: Core) -> None:
    for sql, sqlstate in (
        ("select 1; select 2", "PA003"),
        ("select 1; drop table public.fruit", "PA003"),
        ("set search_path = x", "42601"),
    ):
        with pytest.raises(psycopg.Error) as caught:
            ask(asking, f"sql: {sql}")
        assert caught.value.sqlstate == sqlstate


def test_the_transaction_of_the_caller_goes_on_as_it_was(asking: Core) -> None:
    with asking.connect("asker") as connection, connection.transaction():
        connection.execute("create temp table mine (a int)")
        connection.execute("select postai.ask('sql: select 1')")
        connection.execute("insert into mine values (1)")
        with pytest.raises(psycopg.Error), connection.transaction():
            connection.execute("select postai.ask('sql: select 1/0')")
        connection.execute("insert into mine values (2)")
        assert connection.execute("select count(*) from mine").fetchone() == (2,)
        assert connection.execute("show search_path").fetchone() == ('"$user", public',)


@pytest.mark.parametrize(
    "mode", ["read only", "isolation level repeatable read", "isolation level serializable, read only"]
)
def test_in_every_kind_of_transaction(asking: Core, mode: str) -> None:
    with asking.connect("asker") as connection, connection.transaction():
        connection.execute(f"set transaction {mode}")  # type: ignore[arg-type]
        for _ in range(2):
            assert connection.execute("select postai.ask('explain: select 1 as one')").fetchone() == ({"one": 1},)


def test_row_limits(asking: Core) -> None:
    assert len(ask(asking, "sql: select * from generate_series(1, 200)")) == 100
    assert len(ask(asking, "sql: select * from generate_series(1, 200)", 150)) == 150
    assert len(ask(asking, "sql: select * from generate_series(1, 150)", 150)) == 150
    for count in (0, -1, None, 1_000_001):
        with pytest.raises(errors.InvalidParameterValue, match="max_rows must be from 1"):
            ask(asking, "sql: select 1", count)


@pytest.mark.parametrize("question", [None, "", " \n\t", "x" * 1_000_000])
def test_questions_that_are_none(asking: Core, question: str) -> None:
    with pytest.raises(errors.InvalidParameterValue) as caught:
        ask(asking, question)
    assert caught.value.diag.message_hint


def test_a_large_value_and_many_rows_come_through(asking: Core) -> None:
    (row,) = ask(asking, "sql: select repeat('ä', 3000000) as x")
    assert len(row) > 3_000_000
    assert len(ask(asking, "sql: select g, md5(g::text) from generate_series(1, 20000) g", 20000)) == 20000


def test_quoting(asking: Core) -> None:
    nasty = """sql: select 'it''s "quoted" \\ $1 %s %% {} $$ 日本 \u2028' as "a ""b" -- end"""
    (row,) = ask(asking, nasty)
    assert json.loads(row) == {'a "b': 'it\'s "quoted" \\ $1 %s %% {} $$ 日本 \u2028'}


def test_the_request_says_who_and_where(asking: Core) -> None:
    with asking.connect("asker") as connection:
        connection.execute("create schema if not exists asker" if False else "set search_path = public, missing")
        row = connection.execute(
            "select explanation, pg_backend_pid() from postai.answer('who', 5),"
            " lateral (select 1 from pg_stat_activity where pid = pg_backend_pid()"
            "  and query_start = (explanation::json ->> 'query_start')::timestamptz"
            "  and backend_start = (explanation::json ->> 'backend_start')::timestamptz) as same_statement"
        ).fetchone()
    assert row is not None
    frame = json.loads(row[0])
    assert frame["pid"] == row[1]
    assert (frame["session_user"], frame["role"], frame["database"]) == ("asker", "asker", asking.database.name)
    assert (frame["search_path"], frame["max_rows"], frame["deadline_ms"], frame["verb"]) == (
        ["public"],
        5,
        30000,
        "answer",
    )


def test_names_are_found_along_the_callers_search_path(asking: Core) -> None:
    asking.database.execute("create schema if not exists other; create or replace view other.fruit as select 42 as n;"
                            "grant usage on schema other to asker; grant select on other.fruit to asker")  # fmt: skip
    with asking.connect("asker") as connection:
        connection.prepare_threshold = None
        connection.execute("set search_path = other, public")
        assert connection.execute("select postai.ask('sql: select * from fruit')").fetchone() == ({"n": 42},)
        connection.execute("select postai.prepare('sql: select * from fruit')")
        assert connection.execute("execute ask").fetchone() == (42,)
        connection.execute("call postai.run('sql: select * from fruit')")
        assert connection.execute("fetch all from ask").fetchall() == [(42,)]


def test_an_error_of_the_statement_is_the_callers(asking: Core) -> None:
    with pytest.raises(errors.DivisionByZero):
        ask(asking, "sql: select 1/0")
    with pytest.raises(errors.InsufficientPrivilege):
        ask(asking, "sql: select * from public.secret")
    assert ask(asking, "sql: select 1 as a") == ['{"a":1}']


def test_cancel_ends_a_waiting_question_quickly_and_tells_the_peer(asking: Core) -> None:
    with asking.connect("asker") as connection:
        timer = threading.Timer(0.5, connection.cancel)
        timer.start()
        before = time.monotonic()
        with pytest.raises(errors.QueryCanceled):
            connection.execute("select postai.ask('slow 5')")
        assert time.monotonic() - before < 4
        timer.join()
        # The session goes on, also on its second connection.
        assert connection.execute("select postai.ask('sql: select 1 as a')").fetchone() == ({"a": 1},)
    if asking.transport == "dblink":
        states = asking.database.execute("select state from postai.job where request ->> 'question' = 'slow 5'")
        assert states == [("cancelled",)]


def test_statement_timeout_is_kept(asking: Core) -> None:
    with asking.connect("asker") as connection:
        connection.execute("set statement_timeout = '400ms'")
        before = time.monotonic()
        with pytest.raises(errors.QueryCanceled):
            connection.execute("select postai.sql('slow 5')")
        assert time.monotonic() - before < 4


def test_a_statement_is_cancelled_while_it_runs(asking: Core) -> None:
    with asking.connect("asker") as connection:
        connection.execute("set statement_timeout = '400ms'")
        with pytest.raises(errors.QueryCanceled):
            connection.execute("select postai.ask('sql: select pg_sleep(5)')")


def test_no_time_is_left(asking: Core) -> None:
    asking.database.execute("select postai.set('ask_timeout', '100ms')")
    try:
        before = time.monotonic()
        with pytest.raises(psycopg.Error) as caught:
            ask(asking, "slow 6")
        assert caught.value.sqlstate == "PA002"
        assert time.monotonic() - before < 4
    finally:
        asking.database.execute("select postai.set('ask_timeout', null)")


def test_run_leaves_a_holdable_cursor(running: Core) -> None:
    with running.connect("asker") as connection:
        for names in ("name", "name, id"):  # the second closes the first
            connection.execute("call postai.run(%s)", (f"explain: select {names} from public.fruit order by id",))
        cursor = connection.execute("fetch all from ask")
        assert [c.name for c in cursor.description or ()] == ["name", "id"]
        assert cursor.fetchall() == [("apple", 1), ("pear", 2), ("plum", 3)]
        connection.execute("call postai.run('sql: select * from generate_series(1, 10)', 4)")
        assert len(connection.execute("fetch all from ask").fetchall()) == 4
        assert connection.execute("show transaction_read_only").fetchone() == ("off",)
    if running.transport != "socket":
        assert running.database.execute("select * from postai.job where state <> 'cancelled'") == []


def test_run_cannot_write(running: Core) -> None:
    running.database.execute(
        "create or replace function public.write_fruit() returns int language sql as"
        " $$ insert into public.fruit values (99) returning id $$; grant all on public.fruit to asker"
    )
    with running.connect("asker") as connection:
        with pytest.raises(errors.ReadOnlySqlTransaction):
            connection.execute("call postai.run('sql: select public.write_fruit()')")
        assert connection.execute("select count(*) from public.fruit").fetchone() == (3,)


@pytest.mark.parametrize(
    ("question", "sqlstate"), [("abstain", "PA001"), ("error PA005", "PA005"), ("sql: select 1/0", "22012")]
)
def test_run_raises(running: Core, question: str, sqlstate: str) -> None:
    with running.connect("asker") as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute("call postai.run(%s)", (question,))
    assert caught.value.sqlstate == sqlstate


def test_run_in_a_transaction_block_says_what_to_do(running: Core) -> None:
    with running.connect("asker") as connection:
        connection.execute("begin")
        with pytest.raises(errors.ActiveSqlTransaction) as caught:
            connection.execute("call postai.run('sql: select 1')")
    assert "Turn autocommit on" in (caught.value.diag.message_hint or "")


def test_call_databases_point_to_the_procedure(calling: Core) -> None:
    for verb in ("ask", "sql", "answer", "prepare"):
        with calling.connect("asker") as connection, pytest.raises(psycopg.Error) as caught:
            connection.execute(f"select postai.{verb}('how many ''fruits''?')")  # type: ignore[arg-type]
        assert caught.value.sqlstate == "PA007"
        assert caught.value.diag.message_hint == ("CALL postai.run('how many ''fruits''?'); then FETCH ALL FROM ask;")


def test_faces_get_the_same_answer_with_every_transport(running: Core) -> None:
    """Also where only a procedure could wait; a session's own time limit does not cut a question off."""
    with connect(running.database.dsn("asker"), statement_timeout_ms=300) as session:
        found = face_answer(session, "slow 1: select name, price, id from public.fruit order by id", 2)
        assert (found.question_id, found.status, found.engine) == (7, "answered", "grammar")
        assert found.confidence == pytest.approx(0.9)
        assert found.columns == ("name", "price", "id") and found.numeric == (False, True, True)
        assert found.rows == (("apple", "1.50", "1"), ("pear", None, "2"))
        assert found.sql == "select name, price, id from public.fruit order by id"
        unsure = face_answer(session, "abstain:")
        assert (unsure.status, unsure.reason, len(unsure.readings)) == ("abstained", "two tables fit", 1)
        assert face_answer(session, "near:").reason == "what is cuntry? Did you mean: country?"
        assert face_answer(session, "refuse:").status == "refused"
        assert face_answer(session, "error PA005:").status == "failed"
        long = face_answer(session, "sql: select repeat('x', 9000000) from public.fruit")
        assert long.status == "failed" and "longer than" in (long.reason or "") and long.rows == ()
        for question, sqlstate in (("error 53400:", "53400"), ("sql: select word from public.secret", "42501"),
                                   ("sql: select 1 / 0", "22012")):  # fmt: skip
            with pytest.raises(ServerError) as told:
                face_answer(session, question)
            assert told.value.sqlstate == sqlstate, question
        with pytest.raises((ServerError, AgentNotReachable)):
            face_answer(session, "slow 30: select 1", seconds=0.5)
        assert face_answer(session, "sql: select 1 as one").rows == (("1",),)
    with connect(running.database.dsn("stranger")) as session, pytest.raises(NotPermitted):
        face_answer(session, "sql: select 1")


def test_the_agent_row(running: Core) -> None:
    with running.connect("asker") as connection:
        row = connection.execute("select version, transport, reachable from postai.agent()").fetchone()
    assert row == ("0.2.0", running.transport, True)


@pytest.mark.parametrize(("server", "transport"), [*WAYS, ("pg18", "call")])
def test_no_agent_is_known_within_a_second(request: pytest.FixtureRequest, server: str, transport: str) -> None:
    database: TestDatabase = make_database(request.getfixturevalue(server))
    try:
        put_in(database, transport, database.server.root / "none.sock")  # type: ignore[arg-type]
        with database.connect() as connection:
            before = time.monotonic()
            for statement in ("call postai.run('x')", *(["select postai.ask('x')"] if transport != "call" else [])):
                with pytest.raises(psycopg.Error) as caught:
                    connection.execute(statement)  # type: ignore[arg-type]
                assert caught.value.sqlstate == "PA002"
                assert "post-ai agent" in (caught.value.diag.message_hint or "")
            assert time.monotonic() - before < 10  # a busy machine gets more than is promised
            assert connection.execute("select reachable from postai.agent()").fetchone() == (False,)
    finally:
        drop_database(database)


def test_a_peer_that_hangs_up(asking: Core) -> None:
    if asking.transport == "socket":
        with pytest.raises(psycopg.Error) as caught:
            ask(asking, "hang up")
        assert caught.value.sqlstate == "PA002"


def test_the_second_connection_is_made_again(asking: Core) -> None:
    if asking.transport != "dblink":
        pytest.skip("socket has none")
    with asking.connect("asker") as connection:
        connection.execute("select postai.ask('sql: select 1')")
        asking.database.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename like 'postai_transport%'"
        )
        assert connection.execute("select postai.ask('sql: select 1 as a')").fetchone() == ({"a": 1},)


def test_a_second_connection_that_is_refused_says_so(asking: Core) -> None:
    if asking.transport != "dblink":
        pytest.skip("socket has none")
    (login,) = asking.database.execute("select login from postai.transport")[0]
    asking.database.execute(f"alter role {login} nologin")
    try:
        with asking.connect("asker") as connection, pytest.raises(psycopg.Error) as caught:
            connection.execute("select postai.ask('sql: select 1')")
    finally:
        asking.database.execute(f"alter role {login} login")
    assert caught.value.sqlstate == "PA007"
    assert "not permitted to log in" in (caught.value.diag.message_detail or "")
    assert "post-ai install" in (caught.value.diag.message_hint or "")


def test_connections_to_the_socket_are_closed(asking: Core) -> None:
    if asking.transport != "socket":
        pytest.skip("only socket")
    peer = asking.peer
    assert peer is not None
    for question in ("sql: select 1", "abstain", "sql: select 1/0", "explain: select 1"):
        before = peer.accepted
        with asking.connect("asker") as connection:
            try:
                connection.execute("select postai.ask(%s)", (question,))
            except psycopg.Error:
                assert question in ("abstain", "sql: select 1/0")
            limit = time.monotonic() + 10
            while peer.closed < peer.accepted and time.monotonic() < limit:
                time.sleep(0.01)
            assert peer.closed == peer.accepted == before + 1  # while the session is open


STRANGERS_LOCK = "select pg_try_advisory_lock(1886352244, 1)"


@pytest.mark.parametrize(("server", "transport"), [("pg15", "dblink"), ("pg18", "dblink"), ("pg18", "call")])
def test_a_strangers_lock_is_no_agent(request: pytest.FixtureRequest, server: str, transport: Transport) -> None:
    database = make_database(request.getfixturevalue(server))
    put_in(database, transport)
    make_login(database, "asker", "postai_user")
    make_login(database, "an_agent", "postai_agent")
    verb = "call postai.run('x')" if transport == "call" else "select postai.ask('x')"
    with database.connect("asker") as pretender, database.connect("asker") as connection:
        assert pretender.execute(STRANGERS_LOCK).fetchone() == (True,)
        before = time.monotonic()
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(verb)  # type: ignore[arg-type]
        assert caught.value.sqlstate == "PA002"
        assert time.monotonic() - before < 10  # a busy machine gets more than is promised
        present = "select postai._agent_present()"
        assert connection.execute("select reachable, leader from postai.agent()").fetchone() == (False, None)
        pretender.execute("select pg_advisory_unlock_all()")
        # Within one transaction the list of sessions is read once: an agent that comes later is seen all the same.
        with connection.transaction():
            assert connection.execute(present).fetchone() == (False,)
            connection.execute("select count(*) from pg_stat_activity")
            with database.connect("an_agent") as agent:
                agent.execute(STRANGERS_LOCK)
                assert connection.execute(present).fetchone() == (True,)
            until = time.monotonic() + 1
            while connection.execute(present).fetchone() == (True,):
                assert time.monotonic() < until
    drop_database(database)


def test_the_owner_of_the_schema_may_be_the_agent(pg15: LocalServer) -> None:
    database = make_database(pg15)
    make_login(database, "schema_owner")
    database.execute(f'alter database "{database.name}" owner to schema_owner')
    with connect(database.dsn("schema_owner")) as session:
        install(session, InstallOptions(transport="call"))
    with database.connect("schema_owner") as agent:
        agent.execute(STRANGERS_LOCK)
        assert database.execute("select postai._agent_present()") == [(True,)]
    drop_database(database)


@pytest.mark.parametrize(
    "statement",
    [
        "select postai.ask('')",
        "select postai.ask('abstain')",
        "select * from postai.ask('refuse')",
        "select postai.ask('sql: select 1/0')",
        "select postai.ask('sql: select * from public.secret')",
        "select postai.sql('fail')",
        "select postai.sql(null)",
        "select * from postai.answer('garbage')",
        "select postai.prepare('abstain')",
        "select postai.prepare('sql: select * from nowhere')",
        "select postai.prepare('sql: select 1', '')",
        "call postai.run('abstain')",
        "call postai.run('')",
        "call postai.run('sql: select * from nowhere')",
        "call postai.run('sql: select 1/0')",
        "begin; call postai.run('x')",
        "select postai.set('x', 'y')",
        "select postai.set('engine', 'y')",
    ],
)
def test_a_person_sees_what_to_do_and_little_context(asking: Core, statement: str) -> None:
    make_login(asking.database, "operator", "postai_operator")
    asking.database.execute("grant select on public.fruit to operator")
    with asking.connect("operator") as connection, pytest.raises(psycopg.Error) as caught:
        for part in statement.split(";"):
            connection.execute(part)  # type: ignore[arg-type]
    said = caught.value.diag
    assert len((said.context or "").splitlines()) <= 2, said.context
    if statement != "call postai.run('sql: select 1/0')":  # raised by COMMIT itself
        assert said.message_hint
    if "select 1/0" in statement and "ask" in statement:
        assert said.message_detail == "The statement was: select 1/0"


def test_prepare_leaves_the_drivers_statements_alone(asking: Core) -> None:
    with asking.connect("asker") as connection:
        connection.prepare_threshold = 0
        connection.execute("select 1 where %s", (True,))
        connection.prepare_threshold = None
        (name,) = connection.execute("select name from pg_prepared_statements").fetchone() or ()
        with pytest.raises(errors.DuplicatePreparedStatement) as caught:
            connection.execute("select postai.prepare('sql: select 1', %s)", (name,))
        assert "another name" in (caught.value.diag.message_hint or "")
        connection.execute("select postai.prepare('sql: select 1 as one', %s)", ("ü" * 31,))
        assert connection.execute(f'execute "{"ü" * 31}"').fetchone() == (1,)
        connection.execute("select postai.prepare('sql: select 2 as two', 'select')")
        assert connection.execute('execute "select"').fetchone() == (2,)
