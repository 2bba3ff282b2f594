"""Words that nothing explains: which are passed over with less confidence, and which never."""

from __future__ import annotations

import pytest

from grammar_schemas import load
from postai.ask.grammar import Grammar
from postai.ask.types import Answer


def ask(question: str) -> Answer:
    schema = load("library")
    return Grammar(schema.catalog()).read(schema.request(question))


@pytest.mark.parametrize(
    ("wording", "plain"),
    [
        ("How many loans has each member handled?", "How many loans has each member?"),
        ("How many books are organised in each branch?", "How many books are in each branch?"),
    ],
)
def test_a_verb_that_only_joins_is_passed_over(wording: str, plain: str) -> None:
    said, meant = ask(wording), ask(plain)
    assert said.status == meant.status == "answered"
    assert said.sql == meant.sql
    assert said.confidence < meant.confidence


@pytest.mark.parametrize(
    "question",
    [
        "How many members have never handled a book?",
        "How many maintained books are there?",
        "Which members were expelled?",
        "How many loans were forgiven per member?",
        "How many books have a foreword?",
        "How many loans were judged?",
    ],
)
def test_what_may_carry_a_condition_is_not(question: str) -> None:
    answer = ask(question)
    assert answer.sql is None or "NOT EXISTS" in answer.sql
