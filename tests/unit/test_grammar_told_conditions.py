"""Conditions that notes say in words, flags kept as numbers, amounts of what happened."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grammar_schemas import Schema
from postai.ask.grammar import Grammar
from postai.language.taught import Taught

ORCHARD = """
growers
  grower_id bigint pk
  name text
  region text = North, South
  is_organic int
contribution
  contribution_no bigint pk
  grower_id bigint -> growers
  contribution_date date
  checked_date date?
  kilos int
  amount numeric
  grade text = A, B, C
pickings
  picking_id bigint pk
  grower_id bigint -> growers
  starts_at timestamp
  ripe_share int
  ended_at timestamp?
"""
SCHEMA = Schema("orchard", ORCHARD)
ENGINE = Grammar(SCHEMA.catalog())


def sql(question: str, notes: str = "") -> str:
    answer = ENGINE.read(replace(SCHEMA.request(question), taught=Taught((), (), notes)))
    assert answer.status == "answered", answer.reason
    return " ".join((answer.sql or "").split())


@pytest.mark.parametrize(
    ("notes", "question", "part"),
    [
        ("A picking is open if ended_at is null.", "How many open pickings are there?", "ended_at IS NULL"),
        ("A picking is early when ripe_share is below 40 and ended_at is not null.",
         "How many early pickings are there?",
         "p.ripe_share < 40 AND p.ended_at IS NOT NULL"),
        ("Heavy contributions have kilos >= 500.", "How many heavy contributions are there?", ">= 500"),
        ("A huge contribution has an amount of 900 or more.", "How many huge contributions are there?",
         "c.amount >= 900"),
        ("Contributions are fine if grade = 'A'.", "How many fine contributions are there?", "c.grade = 'A'"),
        ("grade: A = splendid, B = middling, C = poor", "How many splendid contributions are there?", "c.grade = 'A'"),
    ],
)  # fmt: skip
def test_conditions_in_words(notes: str, question: str, part: str) -> None:
    assert part in sql(question, notes)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("How many organic growers are there?", "g.is_organic = 1"),
        ("How many contributions were there in March 2024?", "c.contribution_date >= '2024-03-01'"),
        ("What is the average gift by grade?", "avg(c.amount)"),
        ("What is the mean donation in each region?", "avg(c.amount)"),
        ("How long does it take on average to check a contribution?", "avg(c.checked_date - c.contribution_date)"),
        ("How many days did it take on average to check a contribution?", "avg(c.checked_date - c.contribution_date)"),
        (
            "What is the average time in hours needed to end a picking?",
            "avg(extract(epoch FROM p.ended_at - p.starts_at)",
        ),
        ("Show the contributions from the newest to the oldest", "ORDER BY c.contribution_date DESC"),
        ("How many contributions do we handle per grade?", "GROUP BY c.grade"),
        ("Which grower handles the most pickings?", "LIMIT 1"),
        ("How many pickings started before 10:00?", "date_part('hour', p.starts_at) IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9)"),
        ("Which pickings start at 2 p.m. or later?", "date_part('hour', p.starts_at) IN (14, 15,"),
        ("How many pickings were there in the morning?", "IN (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)"),
    ],
)
def test_read(question: str, part: str) -> None:
    assert part in sql(question)


@pytest.mark.parametrize(
    ("notes", "question"),
    [
        ("A picking is open if ended_at is null.", "How many closed pickings are there?"),
        ("A picking is late when the weather is bad.", "How many late pickings are there?"),
        ("soil: A = clay, B = sand", "How many clay growers are there?"),
        ("", "What is the average acidity by grade?"),
        ("", "How long does it take on average to plant a tree?"),
        ("", "Which growers are rated above 4?"),
        ("", "How many days does a grower take to answer?"),
    ],
)
def test_abstains(notes: str, question: str) -> None:
    answer = ENGINE.read(replace(SCHEMA.request(question), taught=Taught((), (), notes)))
    assert answer.status == "abstained", answer.sql
