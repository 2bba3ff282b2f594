"""teach, define, feedback and explain through a real agent, over each transport."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from teach_support import HEAVY, HIDDEN, LOST, WAYS, Post, post


@pytest.fixture(params=WAYS, ids=lambda way: "-".join(way), scope="module")
def posts(request: pytest.FixtureRequest) -> Iterator[Post]:
    server, transport = request.param
    with post(request.getfixturevalue(server), transport) as one:
        yield one


@pytest.fixture
def one(posts: Post) -> Post:
    """The same database, with nothing taught and the embedded engine alone."""
    posts.database.execute(
        "truncate postai.example, postai.term, postai.feedback, postai.question, postai.kept_answer;"
        "select postai.set('engine', 'grammar')"
    )
    return posts


def test_a_taught_question_is_answered(one: Post) -> None:
    assert one.refused("select postai.teach(%s, 'select nix from parcel')", HIDDEN).sqlstate == "42703"
    with pytest.raises(psycopg.Error) as caught:
        one.ask(HIDDEN)
    assert caught.value.sqlstate == "PA001"
    example = one.run("select postai.teach(%s, %s)", HIDDEN, f"{LOST};")[0][0]
    assert one.ask(f"  {HIDDEN.upper().rstrip('?')} ") == [[100]]
    assert one.run("select engine, explanation, confidence > 0.9 from postai.questions order by id desc limit 1") == [
        ("grammar", "As taught by sender.", True)
    ]
    # It counts for the one who taught it, and ends with it.
    with pytest.raises(psycopg.Error) as caught:
        one.ask(HIDDEN, "receiver")
    assert caught.value.sqlstate == "PA001"
    one.run("select postai.forget_example(%s)", example)
    with pytest.raises(psycopg.Error) as caught:
        one.ask(HIDDEN)
    assert caught.value.sqlstate == "PA001"


def test_what_is_shared_counts_for_everybody_after_ones_own(one: Post) -> None:
    error = one.refused("select postai.teach(%s, %s, true)", HIDDEN, LOST)
    assert error.sqlstate == "PA006"
    assert "GRANT postai_operator" in str(error.diag.message_hint)
    one.run("select postai.teach(%s, %s, true)", HIDDEN, LOST, user="foreman")
    assert one.ask(HIDDEN) == one.ask(HIDDEN, "receiver") == [[100]]
    one.run("select postai.teach(%s, 'select 7 as mine')", HIDDEN)
    assert (one.ask(HIDDEN), one.ask(HIDDEN, "receiver")) == ([[7]], [[100]])
    explained = "select explanation from postai.questions order by id desc limit 1"
    assert one.run(explained, user="receiver") == [("As taught by foreman for everybody.",)]
    assert one.run("select taught_by, shared from postai.examples order by id") == [
        ("foreman", True),
        ("sender", False),
    ]
    assert one.run("select taught_by, shared from postai.examples", user="receiver") == [("foreman", True)]
    assert len(one.run("select 1 from postai.examples", user="foreman")) == 2


@pytest.mark.parametrize(
    ("sql", "sqlstates"),
    [
        ("select 1; select 2", {"PA003", "42601"}),
        ("delete from parcel", {"PA003", "42601"}),
        ("with gone as (delete from parcel returning 1) select count(*) from gone", {"PA003", "0A000"}),
        ("select * into copy from parcel", {"PA003", "42601"}),
        ("select * from wage", {"PA006", "42501"}),
        ("select pg_sleep(10)", {"PA003"}),
        ("selec 1", {"42601"}),
        (" ", {"22023", "42601"}),
        ("x" * 30000, {"22023", "42601"}),
    ],
)
def test_only_what_ask_could_run_is_taught(one: Post, sql: str, sqlstates: set[str]) -> None:
    if one.transport == "call" and "sleep" in sql:
        # The server alone checks here; the guard refuses it when it is to be used.
        one.run("select postai.teach(%s, %s)", HIDDEN, sql)
        with pytest.raises(psycopg.Error) as caught:
            one.ask(HIDDEN)
        assert caught.value.sqlstate == "PA001"
        return
    assert one.refused("select postai.teach(%s, %s)", HIDDEN, sql).sqlstate in sqlstates
    assert one.run("select 1 from postai.examples") == []


def test_an_example_runs_with_the_rights_of_whoever_asks(one: Post) -> None:
    one.database.execute("select postai.teach($q$" + HIDDEN + "$q$, 'select sum(amount) from wage', true)")
    for user in ("sender", "foreman"):
        with pytest.raises(psycopg.Error) as caught:
            one.ask(HIDDEN, user)
        assert caught.value.sqlstate == "PA001"


def test_an_example_means_what_its_teacher_meant(one: Post) -> None:
    one.run("select postai.teach(%s, %s, true)", HIDDEN, LOST, user="foreman")
    question = "select postai.sql(%s)" if one.transport != "call" else "call postai.run(%s)"
    with one.database.connect("sender") as connection:
        connection.execute("set search_path = other, public")
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(question, (HIDDEN,))
        assert caught.value.sqlstate == "PA001"


def test_a_word_that_was_defined_is_read(one: Post) -> None:
    one.run("select postai.define('wayward', %s)", "parcel.state = 'lost'")
    assert one.run("select term, meaning, shared, taught_by from postai.glossary") == [
        ("wayward", "parcel.state = 'lost'", False, "sender")
    ]
    assert one.run("select 1 from postai.glossary", user="receiver") == []
    assert one.refused("select postai.define('wayward', 'x', true)").sqlstate == "PA006"
    assert one.refused("select postai.forget_term('wayward', true)").sqlstate == "PA006"
    assert one.refused("select postai.forget_term('wayward')", user="receiver").sqlstate == "42704"
    one.run("select postai.define('wayward', 'one that is lost', true)", user="foreman")
    assert len(one.run("select 1 from postai.glossary")) == 2
    events = one.database.execute("select kind, actor, detail ->> 'meaning' from postai.event where kind like 'term.%'")
    assert events[-1] == ("term.shared", "foreman", "one that is lost")


def test_feedback_makes_examples_and_takes_them_back(one: Post) -> None:
    one.ask("how many parcels are there?")
    number, sql = one.run("select id, sql from postai.questions")[0]
    one.run("select postai.feedback(%s, true)", number)
    assert one.run("select question, sql from postai.examples") == [("how many parcels are there?", sql)]
    assert one.run("select correct, correction from postai.questions") == [(True, None)]
    assert one.ask("How many parcels are there") == [[400]]
    assert one.run("select explanation from postai.questions order by id desc limit 1") == [("As taught by sender.",)]

    one.run("select postai.feedback(%s, false)", number)
    assert one.run("select 1 from postai.examples") == []
    one.run("select postai.feedback(%s, false, %s)", number, LOST)
    assert one.ask("how many parcels are there?") == [[100]]
    assert one.run("select correct, correction is not null from postai.questions where id = %s", number) == [
        (False, True)
    ]

    assert one.refused("select postai.feedback(%s, false, 'delete from parcel')", number).sqlstate in ("PA003", "42601")
    assert one.refused("select postai.feedback(%s, true, 'select 1')", number).sqlstate == "22023"
    assert one.refused("select postai.feedback(%s, null)", number).sqlstate == "22023"
    assert one.refused("select postai.feedback(%s, true)", number, user="receiver").sqlstate == "42704"
    assert one.refused("select postai.feedback(-1, true)").sqlstate == "42704"
    # Operators see and judge everybody's; the example stays the asker's, and the log says who did it.
    one.run("select postai.feedback(%s, true)", number, user="foreman")
    assert one.run("select taught_by from postai.examples") == [("sender",)]
    events = one.database.execute("select actor, detail ->> 'asked_by' from postai.event where kind = 'feedback.given'")
    assert events[-1] == ("foreman", "sender")
    with pytest.raises(psycopg.Error):
        one.ask("frobnicate the gizmo?")
    number = one.run("select max(id) from postai.questions")[0][0]
    assert one.refused("select postai.feedback(%s, true)", number).sqlstate == "22023"


def test_nobody_reaches_behind(one: Post) -> None:
    for statement in (
        "select * from postai.example", "select * from postai.term", "select * from postai.kept_answer",
        "select * from postai.feedback", "select postai._teach_shared('a', 'b', '{}')",
        "select postai._define_shared('a', 'b')", "select postai._forget_any_example(1)",
        "select postai._forget_shared_term('a')", "select postai._feed_any(1, true, null, '{}')",
        "select postai._keep_example('foreman', false, 'a', 'b', '{}')", "select postai._keep_term(true, 'a', 'b')",
        "insert into postai.example (taught_by, question, question_key, sql, search_path)"
        " values ('foreman', 'a', 'b', 'c', '{}')", "delete from postai.kept_answer",
    ):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            one.run(statement)
    # A trap of somebody else, run by an operator, shares nothing.
    one.database.execute(
        "create or replace function public.trap() returns void language plpgsql security definer as"
        " $$ begin perform postai.define('x', 'y', true); end $$; alter function public.trap() owner to sender"
    )
    assert one.refused("select public.trap()", user="foreman").sqlstate == "PA006"


def test_explain_reads_the_plan_of_a_statement(one: Post) -> None:
    explain = "select step, node, problem, advice, severity from postai.explain(%s)"
    if one.transport == "call":
        error = one.refused(explain, "select 1")
        assert error.sqlstate == "PA007"
        assert "EXPLAIN (ANALYZE, BUFFERS)" in str(error.diag.message_hint)
        return
    rows = one.run(explain, "select state, count(*) from parcel group by state")
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)
    assert any("parcel" in row[1] and "400 rows" in row[1] for row in rows)
    assert all(row[4] in ("HIGH", "MEDIUM", "LOW", "INFO") for row in rows)
    one.ask("how many parcels are there?")
    assert one.run(explain, "how many parcels are there?") != []
    assert one.run("select count(*) from postai.questions") == [(2,)]
    for text, sqlstate in (
        ("select * from wage", "PA006"), ("delete from parcel", "PA003"), ("select 1; select 2", "PA003"),
        ("select * from nowhere", "PA003"), ("select 1 / (id - 1) from parcel", "22012"),
        ("select * form parcel", "42601"),
        ("select pg_sleep(9)", "PA003"), ("what frobnicates the gizmo?", "PA001"), (" ", "22023"),
        ("delete all parcels", "PA003"),
    ):  # fmt: skip
        assert one.refused(explain, text).sqlstate == sqlstate, text
    assert one.database.execute("select count(*) from parcel") == [(400,)]


def test_what_is_too_expensive_is_not_run_for_its_plan(one: Post) -> None:
    if one.transport == "call":
        pytest.skip("explain needs another transport")
    one.database.execute("select postai.set('ask_cost_ceiling', '1')")
    try:
        rows = one.run("select problem, node from postai.explain('select * from parcel')")
        assert "it was not run" in rows[0][0]
        assert "expected" in rows[1][1]
        assert one.refused("select postai.teach('a b', 'select * from parcel')").sqlstate == "PA003"
    finally:
        one.database.execute("select postai.set('ask_cost_ceiling', null)")


def test_a_plan_that_takes_too_long_is_given_up(one: Post) -> None:
    if one.transport == "call":
        pytest.skip("explain needs another transport")
    one.database.execute("select postai.set('ask_timeout', '1s'), postai.set('ask_cost_ceiling', '1e30')")
    try:
        with pytest.raises(psycopg.errors.QueryCanceled):
            one.run("select * from postai.explain(%s)", HEAVY)
    finally:
        one.database.execute("select postai.set('ask_timeout', null), postai.set('ask_cost_ceiling', null)")
    assert one.ask("how many parcels are there?") == [[400]]


def test_an_answer_of_the_model_is_given_again(one: Post) -> None:
    one.database.execute("select postai.set('engine', 'model')")
    asked = len(one.model.seen)
    question = "how many went missing?"
    assert one.ask(question) == one.ask(f" {question.replace('?', '')}") == [[100]]
    assert len(one.model.seen) == asked + 1
    assert one.database.execute("select count(*) from postai.kept_answer") == [(1,)]
    # Another login with the same role's rights is another role: its key differs.
    assert one.ask(question, "receiver") == [[100]]
    assert len(one.model.seen) == asked + 2
    number = one.run("select max(id) from postai.questions")[0][0]
    one.run("select postai.feedback(%s, false)", number)
    assert one.database.execute("select count(*) from postai.kept_answer") == [(0,)]
    assert one.ask(question) == [[100]]
    assert len(one.model.seen) == asked + 3
    # Too old, switched off, or written in another form: asked again.
    one.database.execute("update postai.kept_answer set at = at - interval '8 days'")
    assert one.ask(question) == [[100]]
    assert len(one.model.seen) == asked + 4
    one.database.execute("select postai.set('reuse_answers_days', '0')")
    try:
        assert one.ask(question) == [[100]]
        assert len(one.model.seen) == asked + 5
    finally:
        one.database.execute("select postai.set('reuse_answers_days', null)")
    one.database.execute("update postai.kept_answer set answer = '{\"form\": 1}'")
    assert one.ask(question) == [[100]]
    assert len(one.model.seen) == asked + 6
    one.database.execute("update postai.kept_answer set at = at - interval '8 days'; select postai._prune()")
    assert one.database.execute("select count(*) from postai.kept_answer") == [(0,)]


def test_a_kept_answer_is_as_little_trusted_as_a_new_one(one: Post) -> None:
    one.database.execute("select postai.set('engine', 'model')")
    question = "how many went missing?"
    assert one.ask(question) == [[100]]
    one.database.execute(
        "update postai.kept_answer set answer = jsonb_set(answer, '{sql}', '\"delete from parcel returning 1\"')"
    )
    assert one.ask(question) == [[100]]
    assert one.database.execute("select count(*) from parcel") == [(400,)]
