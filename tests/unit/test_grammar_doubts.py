"""Questions that look like another one: answered right or not at all."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grammar_schemas import load
from postai.ask.grammar import Grammar


@pytest.fixture(scope="module")
def market():
    schema = load("market")
    engine = Grammar(schema.catalog())
    return lambda question: engine.read(schema.request(question))


@pytest.mark.parametrize(
    "question",
    [
        "customers whose first order was in 2024",
        "Which supplier has the most expensive product?",
        "Which customers ordered every product?",
        "Which customers only bought Toys?",
        "Which products have more reviews than orders?",
        "orders that are neither paid nor cancelled",
        "average revenue per month",
        "Which product has the most stock?",
        "How many orders have not been shipped?",
        "How many orders were shipped last week?",
        "How many customers are from Germany or have ordered in 2025?",
        "How many orders were shipped to Berlin?",
        "total payments per method",
        "number of active and inactive products",
        "orders in 2024 and in 2025",
        "Which products are out of stock?",
        "how long does it take to deliver a parcel?",
        "Which warehouse has the most products in stock?",
        "What was the highest revenue of a month?",
        "total revenue for Germany and France",
        "What should we sell next year?",
        "What will revenue be next month?",
        "products over 4 stars",
        "Which users like us?",
        "users in the same city as their parents",
        "What is the best price?",
    ],
)
def test_not_sure(market, question):
    answer = market(question)
    assert answer.status == "abstained", answer.sql
    assert answer.sqlstate == "PA001"


@pytest.mark.parametrize(
    ("question", "parts", "absent"),
    [
        ("How many customers with no orders live in Germany?", ["u.country_code = 'DE'", "NOT EXISTS"], ["JOIN"]),
        (
            "Which customers did not order in 2025 but ordered in 2024?",
            ["NOT EXISTS", "'2024-01-01'", "'2025-01-01'"],
            [],
        ),
        ("customers who ordered in 2024 but not in 2025", ["EXISTS", "NOT EXISTS", "'2025-01-01'"], []),
        ("average delivery time", ["avg(s.delivered_at - s.shipped_at)"], []),
        ("revenue excluding cancelled orders this year", ["status <> 'cancelled'"], []),
        ("orders paid with paypal", ["method = 'paypal'"], ["status"]),
        ("cheapest product in each product group", ["PARTITION BY", "ORDER BY p.price", "<= 1"], []),
        ("maximum and minimum price of products", ["max(p.price)", "min(p.price)"], []),
        ("average order value", ["count(DISTINCT ol.order_id)", "discount_percent / 100.0"], []),
        ("How many page views were there yesterday?", ["event_type = 'page_view'", "occurred_at >="], []),
    ],
)
def test_sure(market, question, parts, absent):
    answer = market(question)
    assert answer.status == "answered", answer.reason
    where = answer.sql.split("WHERE", 1)[-1]
    assert all(part in answer.sql for part in parts), answer.sql
    assert not any(part in where for part in absent), answer.sql


def test_readings_show_what_each_choice_would_give(market):
    answer = market("how many orders were cancelled in each country?")
    assert answer.status == "abstained"
    assert "addresses.country_code" in answer.reason
    assert [reading for reading in answer.readings if "u.country_code" in reading.sql]
    assert all(0 < reading.confidence < 0.6 for reading in answer.readings)


def test_a_view_that_nobody_named_takes_no_word_away():
    """A report view with a column `revenue` must not make "revenue" a doubt where orders have an amount."""
    schema = load("market")
    catalog = schema.catalog()
    base = next(table for table in catalog.tables if any("price" in column.name for column in table.columns))
    amount = next(column for column in base.columns if "price" in column.name)
    view = replace(
        base,
        oid=90_000,
        name="monthly_report",
        kind="view",
        columns=(replace(amount, number=1, name="revenue"),),
        primary_key=(),
        unique=(),
        foreign_keys=(),
    )
    plain = Grammar(catalog).read(schema.request("top 5 customers by revenue"))
    beside = Grammar(replace(catalog, tables=(*catalog.tables, view)))
    assert plain.status == "answered", plain.reason
    assert beside.read(schema.request("top 5 customers by revenue")).sql == plain.sql
    named = beside.read(schema.request("total revenue of the monthly report"))
    assert named.status == "answered", named.reason
    assert "monthly_report" in str(named.sql)
