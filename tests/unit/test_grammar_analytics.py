"""Analytic questions that look alike: read as people mean them, or left as a doubt."""

from __future__ import annotations

import pytest

from grammar_schemas import load
from postai.ask.grammar import Grammar
from postai.language.computed import Formula, formula, in_words


def ask(name: str, question: str):
    schema = load(name)
    return Grammar(schema.catalog()).read(schema.request(question))


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("shop", "ratio of new to returning customers"),
        ("shop", "share of customers"),
        ("shop", "ratio of price"),
        ("shop", "What is the difference between orders?"),
        ("shop", "growth rate of customers"),
        ("shop", "How many orders were delivered late?"),
        ("shop", "moving average of revenue"),
        ("shop", "running total of revenue"),
        ("shop", "rank products"),
        ("shop", "average days between orders"),
        ("tram", "total riders in the last 7 days"),
        ("fleet", "total fee * total weight by industry"),
    ],
)
def test_doubts(name, question):
    answer = ask(name, question)
    assert (answer.status, answer.sqlstate) == ("abstained", "PA001"), answer.sql


@pytest.mark.parametrize(
    ("name", "question", "parts"),
    [
        (
            "shop",
            "What percentage of orders from Germany were cancelled?",
            ["FILTER (WHERE p.state = 'cancelled')", "WHERE c.country = 'Germany'"],
        ),
        (
            "shop",
            "What percentage of customers ordered in 2024?",
            ["FILTER (WHERE EXISTS", "purchased_at >= '2024-01-01'"],
        ),
        (
            "shop",
            "what share of orders is placed on weekends by country",
            ["date_part('isodow', p.purchased_at) IN (6, 7)", "GROUP BY c.country"],
        ),
        ("helpdesk", "tickets solved on the same day they were opened", ["solved_at::date = t.opened_at::date"]),
        ("helpdesk", "How many invoices were paid late?", ["paid_on > i.due_on"]),
        (
            "fleet",
            "What is the average duration of trips in minutes?",
            ["extract(epoch FROM t.ended_at - t.started_at) / 60"],
        ),
        ("fleet", "running total of fees by month", ["sum(sum(d.fee)) OVER (ORDER BY"]),
        ("fleet", "share of fees by industry", ["NULLIF(sum(sum(d.fee)) OVER (), 0)"]),
        ("tram", "total riders in March 2025", ["year = 2025", "lower('March')"]),
    ],
)
def test_readings(name, question, parts):
    answer = ask(name, question)
    assert answer.status == "answered", answer.reason
    text = " ".join(answer.sql.split())
    assert all(part in text for part in parts), answer.sql
    assert "\x1e" not in answer.sql + answer.explanation


def test_computed_columns_keep_what_they_are_made_of():
    made = Formula("span", "ended_at", "started_at", "hour", True)
    assert formula(made.name) == made
    assert formula("ended_at") is None
    assert in_words(f"average {made.name} of all") == "average time from started_at to ended_at in hours of all"


@pytest.mark.parametrize(
    ("question", "window"),
    [
        ("revenue per year compared to the year before", "lag("),
        ("revenue per month compared to the previous month", "lag("),
        ("monthly revenue versus the month before", "lag("),
        ("number of orders per month and the difference to the month before", "lag("),
        ("moving average of revenue over 3 months", "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW"),
    ],
)
def test_periods_beside_the_one_before(question: str, window: str) -> None:
    schema = load("shop")
    sql = Grammar(schema.catalog()).read(schema.request(question)).sql
    assert sql is not None
    assert window in sql


@pytest.mark.parametrize(
    "question",
    [
        "revenue this month compared to last month",
        "revenue compared to last month",
        "revenue per month compared to Germany",
        "moving average of revenue over Germany",
    ],
)
def test_other_comparisons_are_not_taken_for_it(question: str) -> None:
    schema = load("shop")
    assert Grammar(schema.catalog()).read(schema.request(question)).sqlstate == "PA001"
