"""Which taught questions are the same, which statements were right on one day only, and what is near a question."""

from __future__ import annotations

import pytest

from postai.ask.explaining import is_statement
from postai.ask.taught_answers import is_stale, question_key


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("How many orders?", "  how  many\norders ?? ", True),
        ("how many orders.", "HOW MANY ORDERS!", True),
        ("how many orders", "how many order", False),
        ('orders of "Ann"', 'orders of "ann"', False),
        ("orders of 'Ann'", "orders of  'Ann'?", True),
        ("orders of Ann", "orders of ann", True),
    ],
)
def test_the_same_question(one: str, other: str, same: bool) -> None:
    assert (question_key(one) == question_key(other)) is same


@pytest.mark.parametrize(
    ("sql", "question", "stale"),
    [
        ("select count(*) from orders", "how many orders", False),
        ("select 1 from orders where at >= current_date - 7", "orders of the last week", False),
        ("select 1 from orders where at >= '2026-03-01'", "orders of the last month", True),
        ("select 1 from orders where at >= date '2026-03-01'", "orders since spring", True),
        ("select 1 from orders where at >= '2024-01-01' and at < '2025-01-01'", "orders in 2024", False),
        ("select 1 from orders where at >= '2024-03-01' and at < '2026-02-03'", "orders since March 2024", True),
        ("select 1 from orders where at >= '2024-03-01' and at < '2025-02-03'", "orders from 2024 until now", True),
        ("select 1 from orders where extract(year from at) = 2026", "orders this year", True),
        ("select 1 from orders where extract(year from at) = 2024", "orders of 2024", False),
        ("select 1 from orders where extract(month from at) = 11", "orders this month", True),
        ("select 1 from orders where date_part('month', at) = 11", "orders this month", True),
        ("select 1 from orders where to_char(at, 'MM') = '11'", "orders of the current month", True),
        ("select 1 from orders where extract(month from at) = 11", "orders in November", False),
        ("select 1 from orders where extract(month from at) = extract(month from current_date)", "this month", False),
        ("select 1 from orders where total > 2000", "orders over 2000 euros", False),
        ("select 1 from orders where total > 2000", "big orders", True),
        ("select 1 from orders where code = 'A-12'", "orders of code A-12", False),
    ],
)
def test_a_statement_that_names_a_time_its_question_does_not(sql: str, question: str, stale: bool) -> None:
    assert is_stale(sql, question) is stale


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        ("select 1", True),
        ("with a as (select 1) select * from a", True),
        ("table orders", True),
        ("delete from orders", True),
        ("select * form orders", True),
        ("select 1; select 2", True),
        ("why is the page of orders slow?", False),
        ("show customers", False),
        ("with which product do people start?", False),
        ("", False),
    ],
)
def test_what_is_meant_as_a_statement(text: str, statement: bool) -> None:
    assert is_statement(text) is statement
