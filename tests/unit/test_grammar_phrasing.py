"""Idioms that are read as plainer words, and nouns that are read as nouns nearly like them."""

from __future__ import annotations

import pytest

from grammar_schemas import load
from postai.ask.grammar import read
from postai.ask.grammar.phrasing import rephrased


def ask(name: str, question: str):
    schema = load(name)
    return read(schema.request(question), schema.catalog())


@pytest.mark.parametrize(
    ("question", "plainer"),
    [
        ("Sort the books by price, dearest on top.", "List the books sorted by price, highest first."),
        ("Books from the most expensive edition to the cheapest", "Books from highest to lowest"),
        ("How many books do we have on file?", "How many books do we have?"),
        ("Show the staff, giving name and age.", "Show the staff. Return name and age."),
        ("Which rooms are free? Just the names.", "Which rooms are free? Return the names."),
        ("How does the rent vary across different towns?", "What is the rent by towns?"),
        ("Split the profit by region", "The profit by region"),
        ("Which shop attracted the largest number of visits?", "Which shop has the largest number of visits?"),
        ("books nobody has borrowed yet", "books that were never borrowed"),
        ("How many alerts have gone out this week?", "How many alerts have gone this week?"),
        ("List every piece of furniture in the hall.", "List every furniture in the hall."),
        ("Which books were never part of a set?", "Which books were never in a set?"),
        ("Which guests have never made a complaint?", "Which guests have no complaint?"),
        ("Put the boats in order of length.", "List the boats sorted by length."),
        ("Alerts by kind: how many of each?", "Number of Alerts by kind?"),
        ("count of parcels by depot that are still open", "count of parcels that are still open by depot"),
        ("Return each guest name once.", "Return the guest name without duplicates."),
        ("How much money was paid?", "How much was paid?"),
        ("average score, counting only long games", "average score for long games"),
        ("Which trains leave before noon?", "Which trains leave before 12 pm?"),
        ("Who sold the most, and how many?", "Who sold the most?"),
        ("Which games started at 19:00 or later?", "Which games started from 7 pm?"),
        ("Which owners have not a single dog?", "Which owners have no dog?"),
        ("Sales month by month", "Sales per month"),
        ("Rank the films by length; title and length", "List the films sorted by length. Return title and length"),
        ("Which is the cheapest lamp we stock?", "Which is the cheapest lamp?"),
    ],
)
def test_plainer_words(question: str, plainer: str) -> None:
    assert next(rephrased(question, lambda noun: False)) == plainer


@pytest.mark.parametrize(
    "question",
    [
        "How many books are there?",
        'Which songs are called "in the morning, on file"?',
        "customers who paid out of state tax",
        "Why do prices rise?",
        "How much did each shop earn?",
        "Which students have most recently joined?",
    ],
)
def test_left_as_it_is(question: str) -> None:
    assert list(rephrased(question, lambda noun: False)) == []


@pytest.mark.parametrize(
    ("name", "question", "part"),
    [
        ("company", "Sort the projects by budget, dearest on top", "ORDER BY p.budget DESC"),
        ("company", "How many staffers live in Oslo?", "FROM employees AS e WHERE e.city = 'Oslo'"),
        ("company", "Compare the average salary across departments", "GROUP BY d.id, d.name"),
        ("museum", "Which artwork boasts the greatest height? Just the title.", "ORDER BY a.height_cm DESC"),
        ("museum", "How many artworks do we have on record?", "count(*)"),
        ("shop", "Distribution of customers by segment", "GROUP BY c.segment"),
        ("shop", "List the products, giving sku and list price", "SELECT p.sku, p.list_price"),
        ("shop", "What part of the customers is from Germany?", "'Germany'"),
        ("library", "how many rows does loans have?", "SELECT count(*) AS number_of_loans FROM loans"),
        ("library", "number of records in the books table", "SELECT count(*) AS number_of_books FROM books"),
    ],
)
def test_read_in_plainer_words(name: str, question: str, part: str) -> None:
    answer = ask(name, question)
    assert answer.status == "answered", answer.reason
    assert part in " ".join((answer.sql or "").split())


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("company", "Which employee boasts the largest number of patents?"),
        ("company", "How many days off did nobody take?"),
        ("museum", "Break down the insurance value by museum"),
        ("shop", "How much money was spent on advertising, by channel?"),
        ("shop", "What is the shelf life of each product, shortest on top?"),
        ("shop", "Which couriers wear a uniform?"),
        ("exchange", "Compare the dividend across securities"),
    ],
)
def test_what_nobody_stores(name: str, question: str) -> None:
    assert ask(name, question).status == "abstained"
