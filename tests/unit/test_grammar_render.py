"""Whatever tree is built, its text parses; whatever is asked, nothing breaks."""

from __future__ import annotations

import postgast
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar_schemas import NAMES, load
from postai.ask.grammar import Grammar
from postai.ask.grammar.query import (
    Bool,
    Call,
    Cast,
    Col,
    Exists,
    Expr,
    In,
    IsNull,
    Item,
    Join,
    Lit,
    Not,
    Op,
    Order,
    Select,
    Source,
    render,
)  # fmt: skip

NAME = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), min_size=1, max_size=12).filter(
    lambda text: len(text.encode()) < 60
)
TEXT = st.text(st.characters(exclude_characters="\x00", codec="utf-8"), max_size=20)
NUMBER = st.one_of(st.integers(-(10**9), 10**9), st.decimals(-1000, 1000, places=2))
LITERAL = st.builds(Lit, st.one_of(TEXT, st.booleans(), NUMBER, st.none()))
ATOM: st.SearchStrategy[Expr] = st.one_of(st.builds(Col, st.sampled_from(["a", "b", "order"]), NAME), LITERAL)


def conditions(children: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(
            Op,
            st.sampled_from(["=", "<>", "<", ">=", "+", "-", "*", "/", "ILIKE", "IS DISTINCT FROM"]),
            children,
            children,
        ),
        st.builds(
            lambda operator, parts: Bool(operator, tuple(parts)),
            st.sampled_from(["AND", "OR"]),
            st.lists(children, min_size=2, max_size=3),
        ),
        st.builds(Not, children),
        st.builds(IsNull, children, st.booleans()),
        st.builds(lambda part, values: In(part, tuple(values)), children, st.lists(LITERAL, min_size=1, max_size=3)),
        st.builds(Cast, children, st.just("numeric")),
        st.builds(lambda arg, distinct: Call("count", (arg,), distinct=distinct), children, st.booleans()),
        st.builds(lambda where: Exists(Select((Item(Lit(1)),), Source("x", "s", "t"), where=(where,))), children),
    )


EXPR = st.recursive(ATOM, conditions, max_leaves=8)


@settings(max_examples=200, deadline=None)
@given(EXPR, EXPR, NAME, NAME, st.one_of(st.none(), st.integers(0, 10**6)))
def test_every_statement_parses(item, where, table, column, limit):
    select = Select(
        (Item(item, column),), Source("a", table, table), (Join(Source("b", None, table), where, True),),
        (where,), (item,), (),
        (Order(item, True, True),), limit,
    )  # fmt: skip
    assert len(postgast.parse(render(select)).stmts) == 1


WORDS = sorted({word for name in NAMES for question in load(name).questions() for word in question.split()})
ENGINES = {name: Grammar(load(name).catalog()) for name in NAMES}


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.lists(st.sampled_from(WORDS), max_size=14))
def test_word_salad_never_breaks_and_every_answer_parses(name, words):
    answer = ENGINES[name].read(load(name).request(" ".join(words)))
    if answer.status == "answered":
        assert len(postgast.parse(answer.sql).stmts) == 1
    else:
        assert answer.reason


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_survived(text):
    answer = ENGINES["shop"].read(load("shop").request(text))
    assert answer.status in ("answered", "abstained", "refused")


def test_a_column_called_like_a_key_of_json_is_only_a_name():
    """A cast is written for the types that keys of a jsonb column are read as, never for what a name says."""
    column = Col("a", "b\x1fkey\x1ftext); drop table orders; --")
    statement = render(Select((Item(column),), Source("a", table="t")))
    assert len(postgast.parse(statement).stmts) == 1
    assert '"b\x1fkey\x1ftext); drop table orders; --"' in statement
