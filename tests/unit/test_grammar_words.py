"""Word forms, years and months in columns of their own, values that are nouns, and what was done to an amount."""

from __future__ import annotations

import pytest

from grammar_schemas import load
from postai.ask.grammar import read


def ask(question: str, schema_name: str = "theatre"):
    schema = load(schema_name)
    return read(schema.request(question), schema.catalog())


@pytest.mark.parametrize(
    ("question", "condition"),
    [
        ("patrons who joined in 2020", "p.joined_year = 2020 ORDER"),
        ("patrons who joined in May 2020", "p.joined_year = 2020 AND p.joined_month = 5 ORDER"),
        ("patrons who joined in October 2020 or later", "p.joined_month::int, 1) >= '2020-10-01' ORDER"),
        ("patrons who joined in March 2020 or earlier", "p.joined_month::int, 1) < '2020-04-01' ORDER"),
        ("patrons who joined since 2021", "p.joined_year >= 2021 ORDER"),
        ("patrons who joined before 2021", "p.joined_year < 2021 ORDER"),
        ("How many patrons joined last month?", "1) < (date_trunc('month', current_date))::date"),
        ("Which houses were founded before 1950?", "h.founded < 1950"),
        ("How many performances were there in 2024 or later?", "p.performed_on >= '2024-01-01'"),
        ("directors who joined in 2019 or earlier", "d.joined_on < '2020-01-01'"),
    ],
)
def test_years_and_months_in_columns_of_their_own(question, condition):
    answer = ask(question)
    assert answer.status == "answered", answer.reason
    assert condition in " ".join((answer.sql + " ORDER").split())


@pytest.mark.parametrize(
    "question",
    ["patrons who joined on March 5 2020", "houses founded in March 1950", "patrons who died in 2020",
     "authors who joined in 2020"],
)  # fmt: skip
def test_periods_finer_than_what_is_kept_and_other_events_stay_open(question):
    assert ask(question).status == "abstained"


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("How many comedies are there?", "SELECT count(*) AS number_of_play FROM play AS p WHERE p.genre = 'comedy'"),
        ("How many comedies did each author write?", "WHERE p.genre = 'comedy' GROUP BY a.id, a.name"),
        ("What is the ratio of comedies to tragedies?", "FILTER (WHERE p.genre = 'comedy')::numeric"),
        ("How many plays did each full-time actor have?", "WHERE NOT a.is_part_time"),
        ("List plays, longest first", "ORDER BY p.running_minutes DESC"),
        ("Which actors play in comedies?", "FROM actor AS a WHERE EXISTS ( SELECT 1 FROM actor_play AS ap"),
        ("directors by the date they joined, newest first", "ORDER BY d.joined_on DESC"),
    ],
)
def test_values_that_are_nouns_and_forms_of_words(question, sql):
    answer = ask(question)
    assert answer.status == "answered", answer.reason
    assert sql in " ".join(answer.sql.split())


def test_a_kind_from_a_small_table_stands_for_its_rows():
    answer = ask("What is the average price of Toys?", "shop")
    assert answer.status == "answered"
    assert answer.confidence <= 0.85


@pytest.mark.parametrize("question", ["How many weddings are there?", "percentage of Leeds", "ratio of Leeds to Baths"])
def test_values_that_are_no_kind_of_row_are_no_nouns(question):
    assert ask(question).status == "abstained"


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("performances attended by more than 300 people", "WHERE p.attendance > 300"),
        ("List the houses in Leeds and how many seats they have", "SELECT h.id, h.name, h.seats FROM house AS h"),
        ("patrons whose joined year is not known", "WHERE p.joined_year IS NULL"),
        ("Which actors are employed part-time?", "WHERE a.is_part_time"),
        ("How many performances never sold a ticket?", "NOT EXISTS ( SELECT 1 FROM ticket AS t"),
    ],
)
def test_numbers_that_columns_count_and_what_is_not_there(question, sql):
    answer = ask(question)
    assert answer.status == "answered", answer.reason
    assert sql in " ".join(answer.sql.split())


@pytest.mark.parametrize(
    ("name", "question"),
    [
        ("theatre", "Which houses were never performed at?"),
        ("exchange", "Which securities were never traded and are on a watchlist?"),
    ],
)
def test_never_done_is_no_row_that_says_when(name, question):
    answer = ask(question, name)
    assert answer.status == "abstained" or "NOT EXISTS" in answer.sql
