"""Tokens, singulars, stems, dates, words inside identifiers."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.language.dates import find_period
from postai.language.identifiers import Segmenter, shared_prefix
from postai.language.tokens import key_of, tokenize
from postai.language.words import singular, stem

TODAY = date(2026, 5, 20)


def test_tokens_keep_what_matters():
    tokens = tokenize(
        "What's the customer's total over $1,000.50 since 2024-01-05 in 'New York'? 3rd, 10%, sign-ups don't"
    )
    found = [(token.kind, token.lower) for token in tokens]
    assert ("quoted", "new york") in found
    assert ("date", "2024-01-05") in found
    assert ("word", "don't") in found
    number = next(token for token in tokens if token.unit == "$")
    assert number.number == Decimal("1000.50")
    assert next(token for token in tokens if token.lower == "customer").possessive
    assert [token.lower for token in tokenize("sign-ups order_items")] == ["sign", "ups", "order", "items"]


@pytest.mark.parametrize(
    ("plural", "one"),
    [("categories", "category"), ("statuses", "status"), ("boxes", "box"), ("people", "person"),
    ("addresses", "address"),
     ("ids", "id"), ("businesses", "business"), ("diagnoses", "diagnosis"), ("news", "news"), ("bus", "bus")],
)  # fmt: skip
def test_singular(plural, one):
    assert singular(plural) == one
    assert singular(one) == one


@pytest.mark.parametrize(
    "words",
    ["cancelled canceled cancellation cancel", "shipped shipment shipping", "delivered delivery deliveries",
    "borrowed borrow", "paid payment",
     "registered register", "success successful"],
)  # fmt: skip
def test_one_stem(words):
    assert len({stem(word) for word in words.split()}) == 1


def test_words_inside_identifiers():
    segmenter = Segmenter(["order_items"])
    assert segmenter.words("OrderItems") == ("order", "item")
    assert segmenter.words("unitprice") == ("unit", "price")
    assert segmenter.words("tot_amt") == ("total", "amount")
    assert segmenter.words("xxcustid", "xx") == ("customer", "id")
    assert segmenter.words("zqxwv") == ("zqxwv",)


def test_shared_prefixes():
    assert shared_prefix(["abcustname", "abcustid", "abcustcity"]) == "abcust"
    assert shared_prefix(["tbl_orders", "tbl_users", "tbl_items"]) == "tbl_"
    assert shared_prefix(["name", "number", "nose"]) == ""
    assert shared_prefix(["street_name", "street_no", "street_side"]) == "street_"
    assert shared_prefix(["a", "b"]) == ""


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("last month", "date_trunc('month', current_date) - interval '1 month'", "date_trunc('month', current_date)"),
        ("in the last 7 days", "current_date - interval '7 days'", "current_date + interval '1 day'"),
        ("this year", "date_trunc('year', current_date)", "date_trunc('year', current_date) + interval '1 year'"),
        (
            "last quarter",
            "date_trunc('quarter', current_date) - interval '3 months'",
            "date_trunc('quarter', current_date)",
        ),
        ("yesterday", "current_date - interval '1 day'", "current_date"),
        ("more than 30 days ago", None, "current_date - interval '30 days'"),
        ("since March 2024", "2024-03-01", None),
        ("before 2020-01-01", None, "2020-01-01"),
        ("after 2020", "2021-01-01", None),
        ("in 2025", "2025-01-01", "2026-01-01"),
        ("in March", "2026-03-01", "2026-04-01"),
        ("in August", "2025-08-01", "2025-09-01"),
        ("between Jan 1, 2023 and Mar 31, 2023", "2023-01-01", "2023-04-01"),
        ("from March to May 2024", "2024-03-01", "2024-06-01"),
        ("in the first quarter of 2023", "2023-01-01", "2023-04-01"),
        ("Q4 2024", "2024-10-01", "2025-01-01"),
        ("on the 3rd of May 2024", "2024-05-03", "2024-05-04"),
    ],
)
def test_periods(text, start, end):
    tokens = tokenize(text)
    found = find_period(tokens, 0, TODAY)
    assert found is not None
    assert found.end == len(tokens)
    for bound, wanted in ((found.period.start, start), (found.period.end, end)):
        written = None if bound is None else bound.relative or bound.day.isoformat()
        assert written == wanted


@pytest.mark.parametrize(
    "text", ["may", "2025", "5 days", "since forever", "last", "between 3 and 5", "March on", "in 5", "on 2024-13-45"]
)
def test_no_periods(text):
    found = find_period(tokenize(text), 0, TODAY)
    assert found is None or text == "March on"


@given(st.text(max_size=60))
def test_any_text_can_be_cut(text):
    tokens = tokenize(text)
    for index in range(len(tokens)):
        find_period(tokens, index, TODAY)
    key_of(text)
