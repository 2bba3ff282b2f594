"""Every statement that the engine writes runs on a real server, and gives the right numbers on a few rows."""

from __future__ import annotations

import functools

import pytest

from grammar_schemas import NAMES, load
from postai.ask.grammar import Grammar
from postai.database import connect
from postai.database.catalog import load_catalog

ROWS = """
INSERT INTO customers VALUES
  (1, 'Ann', 'ann@x.org', 'Germany', 'Berlin', 'consumer', true, now() - interval '400 days'),
  (2, 'Bob', 'bob@x.com', 'France', 'Paris', 'business', false, now() - interval '10 days'),
  (3, 'Cyd', 'cyd@x.com', 'France', 'Paris', 'business', false, now());
INSERT INTO categories VALUES (1, 'Books', null), (2, 'Toys', null);
INSERT INTO brands VALUES (1, 'Acme', 'Germany');
INSERT INTO products VALUES
  (1, 's1', 'Atlas', 1, 1, 30, 10, 500, false, '2024-01-01', '{}'),
  (2, 's2', 'Robot', 2, null, 80, 40, null, false, '2024-02-01', '{}'),
  (3, 's3', 'Kite', 2, 1, 20, 5, 100, true, '2024-03-01', '{}');
INSERT INTO purchases VALUES
  (1, 1, 'delivered', 'web', date_trunc('month', now()) - interval '3 days', now(), 110, null),
  (2, 1, 'cancelled', 'app', '2024-05-05', null, 60, 'X'),
  (3, 2, 'paid', 'web', date_trunc('month', now()) - interval '2 days', null, 80, null);
INSERT INTO purchase_items VALUES (1, 1, 1, 1, 30), (1, 2, 2, 1, 80), (2, 1, 1, 2, 30), (3, 1, 2, 1, 80);
INSERT INTO reviews VALUES
  (1, 1, 1, 5, null, null, now()), (2, 1, 2, 3, null, null, now()), (3, 2, 1, 1, null, null, now());
"""


def written(schema, catalog):
    engine = Grammar(catalog)
    return {answer.sql for question in schema.questions() if (answer := engine.read(schema.request(question))).sql}


@functools.cache
def written_by_hand(name):
    """What the engine writes when nobody read the catalog from a server."""
    schema = load(name)
    return written(schema, schema.catalog())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.uncovered
def test_every_statement_runs(database, name):
    schema = load(name)
    database.execute(schema.ddl())
    with connect(database.dsn()) as db:
        statements = written_by_hand(name)
        if database.server.binaries.major >= 18:  # to read the questions takes longer than the statements
            statements = statements | written(schema, load_catalog(db))
        for sql in statements:
            db.query(sql)
    assert len(statements) > 10


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("How many customers are there?", [(3,)]),
        ("How many orders per country?", [("France", 1), ("Germany", 2)]),
        ("top 2 customers by revenue", [(1, "Ann", 170), (2, "Bob", 80)]),
        ("revenue by category", [(1, "Books", 90), (2, "Toys", 160)]),
        ("How many customers bought products in the category Toys?", [(2,)]),
        ("customers who bought products in the category Toys", [(1, "Ann"), (2, "Bob")]),
        ("Which customers have never placed an order?", [(3, "Cyd")]),
        ("Which products have never been ordered?", [(3, "Kite")]),
        ("Which customers have more than 1 order?", [(1, "Ann", 2)]),
        ("How many customers have fewer than 2 orders?", [(2,)]),
        ("What percentage of orders were cancelled?", [(100 / 3,)]),
        ("How many different products were bought by customers from Germany?", [(2,)]),
        ("average stars per category", [(1, "Books", 4), (2, "Toys", 1)]),
        ("cheapest product in each category", [(1, "Books", 1, "Atlas", 30), (2, "Toys", 3, "Kite", 20)]),
        ("How many orders were placed last month?", [(2,)]),
        ("top 1 products by units sold in each category", [(1, "Books", 1, "Atlas", 3), (2, "Toys", 2, "Robot", 2)]),
        ("products without a brand", [(2, "Robot")]),
        ("How many orders used a coupon code?", [(1,)]),
        ("total revenue in 2024", [(60,)]),
    ],
)
def test_numbers_are_right(database15, question, rows):
    schema = load("shop")
    database15.execute(schema.ddl() + ROWS)
    answer = Grammar(schema.catalog()).read(schema.request(question))
    assert answer.status == "answered", answer.reason
    found = [tuple(float(v) if hasattr(v, "is_nan") else v for v in row) for row in database15.execute(answer.sql)]
    assert sorted(found) == [
        pytest.approx(row) if not any(isinstance(v, str) for v in row) else row for row in sorted(rows)
    ]
