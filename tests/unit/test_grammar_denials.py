"""Denials: what is missing is what is described; and parts of the rows of each group."""

from __future__ import annotations

import pytest

from grammar_schemas import load
from postai.ask.grammar import Grammar
from postai.ask.types import Answer


def ask(question: str) -> Answer:
    schema = load("library")
    return Grammar(schema.catalog()).read(schema.request(question))


@pytest.mark.parametrize(
    "question",
    [
        "members who have never returned a loan",
        "members who never returned anything",
        "members without returned loans",
        "members who have no loans returned",
    ],
)
def test_a_condition_on_missing_rows_describes_what_is_missing(question: str) -> None:
    answer = ask(question)
    assert answer.sql is not None
    assert answer.sql.count("EXISTS") == answer.sql.count("NOT EXISTS") == 1
    assert "returned_on IS NOT NULL" in answer.sql


def test_one_period_but_not_another_stays_two_conditions() -> None:
    sql = ask("members with loans borrowed in 2024 but no loans borrowed in 2025").sql
    assert sql is not None
    assert sql.count("EXISTS") == 2
    assert sql.count("NOT EXISTS") == 1


@pytest.mark.parametrize("who", ["every member who has", "all members who have", "members who have"])
def test_yet_to_is_never(who: str) -> None:
    sql = ask(f"Return the id and name of {who} yet to borrow anything.").sql
    assert sql is not None
    assert "NOT EXISTS" in sql


@pytest.mark.parametrize(
    ("question", "condition"),
    [
        ("What percentage of copies in each branch are damaged?", "c.condition = 'damaged'"),
        ("What percentage of the copies held by each branch are damaged?", "c.condition = 'damaged'"),
        ("What percentage of copies of each branch are not damaged?", "c.condition <> 'damaged'"),
        ("percentage of damaged copies per branch", "c.condition = 'damaged'"),
    ],
)
def test_a_part_said_behind_the_group_is_a_part_of_each_group(question: str, condition: str) -> None:
    sql = ask(question).sql
    assert sql is not None
    assert f"FILTER (WHERE {condition}) / NULLIF(count(*), 0)" in sql


@pytest.mark.parametrize(
    "question",
    [
        "percentage of loans in each branch that were returned in 2024",
        "What percentage of books of each genre were published after 1990?",
    ],
)
def test_a_period_of_a_part_or_of_all_is_a_doubt(question: str) -> None:
    assert ask(question).sqlstate == "PA001"


def test_of_all_or_of_each_is_a_doubt() -> None:
    assert ask("what share of the damaged copies does each branch have").sqlstate == "PA001"
    assert ask("What percentage of the copies held by each branch are damaged?").sql is not None
