"""`ask` end to end on real servers: a stand-in model, the guard, EXPLAIN as the caller."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from ask_support import ABSTAINED, COUNT, FixedGrammar, World

from conftest import TestDatabase
from model_server import HOSTILE, KEY, ModelServer, Role, Script, answer, hostile_script, model_server
from postai.ask.grammar import Grammar
from postai.database import connect
from postai.database.visibility import visible_to
from postai.deadline import Cancelled, Deadline
from postai.errors import UsageError


@pytest.fixture
def world(database: TestDatabase) -> Iterator[World]:
    one = World(database)
    yield one
    one.close()


@pytest.fixture
def scripted(world: World) -> Iterator[Callable[[Script | str], ModelServer]]:
    """Puts a stand-in model with that script (or that SQL for every question) into the world."""
    with model_server() as server:

        def put(script: Script | str) -> ModelServer:
            server.role = Role(script=(lambda question, turn: script) if isinstance(script, str) else script)
            world.use(server)
            return server

        yield put


Scripted = Callable[["Script | str"], ModelServer]


def test_the_grammar_engine_answers_with_one_explain(world: World) -> None:
    result = world.ask("count the orders", grammar=FixedGrammar(count=COUNT))
    assert (result.status, result.engine, result.sqlstate, result.reason) == ("answered", "grammar", None, None)
    assert result.sql and world.explained == [result.sql]
    assert world.calls == []


def test_the_model_answers_what_the_grammar_does_not(world: World, scripted: Scripted) -> None:
    server = scripted(COUNT)
    result = world.ask("how many orders?")
    assert (result.status, result.engine, result.confidence) == ("answered", "model", 0.9)
    assert result.sql and world.caller.execute(result.sql.encode()).fetchone() == (500,)
    assert result.explanation == "What was asked for."
    (call,) = world.calls
    assert (call.purpose, call.status) == ("ask", "ok")
    sent = server.prompts()
    assert "table public.orders" in sent
    assert "value-that-must-stay" not in sent, "no row value leaves"
    assert KEY not in sent


def test_assumptions_are_told(world: World, scripted: Scripted) -> None:
    scripted(lambda question, turn: answer(COUNT, assumptions=["Cancelled orders count.", "\x1b[31mAll years"]))
    assert world.ask("how many orders?").explanation.endswith("Assumed: Cancelled orders count; [31mAll years.")


def test_engine_choice(world: World, scripted: Scripted) -> None:
    grammar = FixedGrammar(count="SELECT 1 AS one")
    result = world.ask("how many orders?", engine="grammar", grammar=grammar)
    assert (result.status, result.sqlstate, result.engine) == ("abstained", "PA001", "grammar")
    assert result.readings == ABSTAINED.readings
    result = world.ask("how many orders?", grammar=grammar)
    assert (result.status, result.engine) == ("abstained", "grammar")
    assert "ANTHROPIC_API_KEY" in (result.hint or "")
    result = world.ask("count orders", engine="model", grammar=grammar)
    assert (result.status, result.sqlstate, result.engine) == ("failed", "PA004", "model")
    assert "no model is configured" in (result.reason or "")
    scripted(COUNT)
    assert world.ask("count orders", engine="model", grammar=grammar).engine == "model"
    assert world.ask("count orders", engine="auto", grammar=grammar).engine == "grammar"


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_model_changes_nothing(kind: str, world: World, scripted: Scripted) -> None:
    server = scripted(hostile_script(kind))
    before = world.state()
    result = world.ask("how many customers?")
    assert (result.status, result.sqlstate, result.sql) == ("refused", "PA003", None)
    assert result.hint
    assert world.explained == [], "nothing of it reached the database"
    assert world.state() == before
    assert len(server.seen) == 2, "one repair"


@pytest.mark.parametrize("sql", ["SELECT write_it()", "SELECT * FROM sneaky", "SELECT pg_sleep(1) FROM customer"])
def test_a_function_that_writes_is_not_even_explained(sql: str, world: World, scripted: Scripted) -> None:
    scripted(sql)
    for result in (world.ask("how many customers?"), world.ask("x", grammar=FixedGrammar(x=sql))):
        assert (result.status, result.sqlstate) == ("refused", "PA003")
    assert world.explained == []


def test_a_comment_that_gives_orders(world: World, scripted: Scripted) -> None:
    def obedient(question: str, turn: int) -> str:
        return "DROP TABLE customer" if "Ignore the rules" in scripted_server.prompts() else COUNT

    scripted_server = scripted(obedient)
    before = world.state()
    result = world.ask("how many orders?")
    assert result.status == "refused", "even a model that obeys the comment gets nothing through"
    assert world.state() == before
    prompt = scripted_server.prompts()
    assert prompt.count("</catalog>") == len(scripted_server.seen), "the comment did not close the block"


def test_a_refused_answer_may_be_repaired_once(world: World, scripted: Scripted) -> None:
    server = scripted(lambda question, turn: COUNT if turn else "SELECT count(*) FROM orders FOR UPDATE")
    assert world.ask("how many orders?").status == "answered"
    assert "not allowed" in server.seen[1].body["messages"][-1]["content"]


def test_sql_that_does_not_run_is_repaired_twice(world: World, scripted: Scripted) -> None:
    wrong = "SELECT nope FROM public.orders"
    server = scripted(lambda question, turn: COUNT if turn == 2 else wrong)
    assert world.ask("how many orders?").status == "answered"
    assert len(server.seen) == 3
    assert 'column "nope" does not exist' in server.seen[1].body["messages"][-1]["content"].replace("&quot;", '"')

    server = scripted(wrong)
    asked = len(server.seen)
    result = world.ask("how many orders?")
    assert (result.status, result.sqlstate, result.sql) == ("failed", "PA004", None)
    assert "nope" in (result.reason or "")
    assert len(server.seen) - asked == 3
    assert result.readings == ABSTAINED.readings


def test_grammar_sql_that_does_not_run_is_never_given_out(world: World, scripted: Scripted) -> None:
    grammar = FixedGrammar(how="SELECT nope FROM public.orders")
    result = world.ask("how many orders?", grammar=grammar)
    assert (result.status, result.sqlstate, result.sql, result.readings) == ("abstained", "PA001", None, ())
    scripted(COUNT)
    assert world.ask("how many orders?", grammar=grammar).engine == "model"


def test_a_forbidden_table(world: World, scripted: Scripted) -> None:
    server = scripted("SELECT * FROM public.salary")
    for result in (
        world.ask("what does the boss earn?"),
        world.ask("x", grammar=FixedGrammar(x="SELECT * FROM public.salary")),
    ):
        assert (result.status, result.sqlstate, result.sql) == ("refused", "PA006", None)
        assert result.reason == "permission denied for table salary"
        assert result.hint
    assert len(server.seen) == 1, "a missing right is not repaired"


def test_the_cost_ceiling(world: World, scripted: Scripted) -> None:
    expensive = "SELECT count(*) FROM public.orders a, public.orders b, public.orders c"
    server = scripted(expensive)
    for result in (
        world.ask("how many triples?", cost_ceiling=10_000.0),
        world.ask("x", cost_ceiling=10_000.0, grammar=FixedGrammar(x=expensive)),
    ):
        assert (result.status, result.sqlstate, result.sql) == ("refused", "PA003", None)
        assert "too expensive" in (result.reason or "")
        assert "ask_cost_ceiling" in (result.hint or "")
        assert [reading.sql for reading in result.readings] == [expensive], "a person may run it all the same"
    assert len(server.seen) == 1
    assert world.ask("how many triples?").status == "answered", "no ceiling, no limit"


def test_the_server_is_busy(world: World) -> None:
    with world.database.connect() as other, other.transaction():
        other.execute("lock table orders in access exclusive mode")
        world.caller.execute("set lock_timeout = '100ms'")
        result = world.ask("count", grammar=FixedGrammar(count=COUNT))
    assert (result.status, result.sqlstate) == ("failed", "55P03"), "the moment is to blame, not the reading"


def test_unanswerable(world: World, scripted: Scripted) -> None:
    scripted(lambda question, turn: answer(None, cannot_answer_reason="There is no weather here.\x07"))
    result = world.ask("what will the weather be?")
    assert (result.status, result.sqlstate, result.engine) == ("abstained", "PA001", "model")
    assert (result.reason or "").endswith("There is no weather here.")


def test_a_model_that_is_not_sure(world: World, scripted: Scripted) -> None:
    scripted(lambda question, turn: answer(COUNT, confidence=0.2))
    result = world.ask("how many?")
    assert (result.status, result.sqlstate, result.sql) == ("abstained", "PA001", None)
    assert [reading.confidence for reading in result.readings] == [0.2, 0.3], "the other engine's reading is told too"


def test_a_change_that_only_the_model_notices(world: World, scripted: Scripted) -> None:
    scripted(lambda question, turn: answer(None, asks_for_change=True))
    result = world.ask("alle Kunden bitte löschen")
    assert (result.status, result.sqlstate) == ("refused", "PA003")
    assert "postai.migrate" in (result.hint or "")


@pytest.mark.parametrize("engine", ["auto", "grammar", "model"])
def test_what_is_no_question_never_reaches_the_model(engine: str, world: World, scripted: Scripted) -> None:
    server = scripted(COUNT)
    for question in ("delete all customers", "SELECT * FROM customer", "x'; DROP TABLE customer; --"):
        assert world.ask(question, engine=engine).sqlstate == "PA003"
    for question in ("", "\0", "x" * 1_000_000, "how many \udcff?"):
        with pytest.raises(UsageError):
            world.ask(question, engine=engine)
    assert server.seen == []


BROKEN = ["429", "529", "500", "refusal", "max-tokens", "not-json", "huge"]
MALFORMED = ["empty", "prose", "wrong-form", "long-text"]


@pytest.mark.parametrize("mode", BROKEN + MALFORMED)
def test_a_failing_model(mode: str, world: World) -> None:
    with model_server(Role(mode)) as server:
        world.use(server)
        result = world.ask("how many orders?")
        assert (result.status, result.sqlstate, result.engine) == ("failed", "PA004", "model")
        assert result.hint
        assert KEY not in repr(result)
        assert world.ask("count", grammar=FixedGrammar(count=COUNT)).status == "answered", "the other engine goes on"
    assert len(world.calls) == (2 if mode in MALFORMED else 1)


def test_the_budget(world: World) -> None:
    with model_server() as server:
        world.use(server, daily_budget_usd=Decimal(0))
        result = world.ask("how many orders?")
        assert server.seen == []
    assert (result.status, result.sqlstate) == ("failed", "PA005")


def test_the_budget_ends_between_two_repairs(world: World) -> None:
    with model_server(Role(script=lambda question, turn: "SELECT nope FROM public.orders")) as server:
        # One call may cost about 0.34 at the price of an unknown model, and then costs 0.02.
        world.use(server, daily_budget_usd=Decimal("0.35"))
        result = world.ask("how many orders?")
        assert len(server.seen) == 1
    assert (result.status, result.sqlstate, result.sql) == ("failed", "PA005", None)


def test_cancel_ends_everything_at_once(world: World) -> None:
    with model_server(Role(delay=30)) as server:
        world.use(server)
        deadline = Deadline.after(60)
        threading.Timer(0.5, deadline.cancel.set).start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            world.ask("how many orders?", deadline=deadline)
        assert time.monotonic() - started < 10  # a busy machine gets more than is promised
        assert server.dropped.wait(10)


def test_row_security_holds(world: World, scripted: Scripted) -> None:
    world.database.execute(f"insert into diary values ('boss', 'secret'), ('{world.role}', 'mine')")
    scripted("SELECT entry FROM public.diary")
    result = world.ask("what is in the diary?")
    assert result.sql and world.caller.execute(result.sql.encode()).fetchall() == [("mine",)]


def test_the_prompt_shows_what_the_caller_may_read(world: World, scripted: Scripted) -> None:
    with connect(world.database.dsn()) as db:
        world.catalog = visible_to(world.catalog, db, world.role)
    server = scripted(COUNT)
    world.ask("what is the salary of the boss?")
    assert "table public.orders" in server.prompts()
    assert "public.salary" not in server.prompts()


def test_the_real_grammar_engine(world: World, scripted: Scripted) -> None:
    server = scripted(COUNT)
    grammar = Grammar(world.catalog)
    result = world.ask("How many orders are there?", grammar=grammar)
    assert (result.status, result.engine) == ("answered", "grammar")
    assert result.sql and world.caller.execute(result.sql.encode()).fetchone() == (500,)
    assert server.seen == []
    assert world.ask("Which orders smell of elderberries?", grammar=grammar).engine == "model"
    assert len(server.seen) == 1


def test_share_values(world: World, scripted: Scripted) -> None:
    server = scripted(COUNT)
    world.ask("orders by status?")
    assert "'new'" not in server.prompts()
    world.ask("orders by status?", share_values=True)
    assert "often 'new'" in server.prompts()
