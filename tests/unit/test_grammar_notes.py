"""Terms, comparisons and other notes that people gave beforehand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grammar_schemas import Schema
from postai.ask.grammar import Grammar
from postai.language.taught import Taught, Term

THEATRE = """
plays
  id bigint pk
  title text = Hamlet, Macbeth, The Seagull
  genre text = tragedy, comedy, farce
shows
  id bigint pk
  play_id bigint -> plays
  shown_at timestamp
  closing_price numeric
  house text = Globe, Old Vic
seats
  id bigint pk
  show_id bigint -> shows
  price numeric
  status text = sold, free, held
  sponsor text?
"""
SCHEMA = Schema("theatre", THEATRE)
ENGINE = Grammar(SCHEMA.catalog())


def ask(question: str, notes: str = "", *terms: Term):
    return ENGINE.read(replace(SCHEMA.request(question), taught=Taught(terms, (), notes)))


def sql(question: str, notes: str = "", *terms: Term) -> str:
    answer = ask(question, notes, *terms)
    assert answer.status == "answered", answer.reason
    return " ".join(answer.sql.split())


@pytest.mark.parametrize(
    ("question", "notes", "plain"),
    [
        ("What is the ASP per house?", "ASP = average closing price", "What is the average closing price per house?"),
        ("What is the ASP per house?", "ASP (Average Selling Price) = Average Closing Price of shows",
         "What is the average closing price per house?"),
        ("How many TCS are there?", "TCS = total comedy shows", "How many comedy shows are there?"),
        ("What is the SSC per house?", "SSC stands for sold seat count", "number of sold seats per house"),
        ("What is the SR by house? Return the house and SR.",
         "SR (Sell Rate) = (number of sold seats / number of seats) * 100",
         "What is the ratio of the number of sold seats to the number of seats in percent by house?"),
    ],
)  # fmt: skip
def test_terms_are_read_as_their_meaning(question, notes, plain):
    assert sql(question, notes) == sql(plain)
    assert sql(question, "Irrelevant = something else. " + notes) == sql(plain)


def test_a_glossary_is_read_like_notes():
    assert sql("number of sad shows", "", Term("sad shows", "shows of genre tragedy")) == sql(
        "number of shows of genre tragedy"
    )


def test_the_reading_of_a_term_is_told():
    assert '"ASP" is read as "average closing price"' in ask("ASP per house", "ASP = average closing price").explanation


def test_a_term_whose_meaning_cannot_be_read_is_not_guessed():
    answer = ask("How many shows were held in the old era?", "old era = the years before the big fire")
    assert answer.status == "abstained"
    answer = ask("What is the average price of a seat?", "average price = the price that the flux sensor gives")
    assert answer.status == "abstained"


def test_every_term_gives_a_number():
    answer = ask("What are the ASP and XQ per house?", "ASP = average closing price. XQ = shows")
    assert answer.status == "abstained" or answer.sql.count("count(") == 1


@pytest.mark.parametrize(
    ("notes", "condition"),
    [
        ("", "s.house = 'Globe'"),
        ("Match strings case-insensitively using wildcard operators", "s.house ILIKE '%Globe%'"),
        ("Filter strings case-insensitively", "lower(s.house) = lower('Globe')"),
        ("Filter strings of plays using ILIKE with wildcards. Match strings of house using exact matches.",
         "s.house = 'Globe'"),
    ],
)  # fmt: skip
def test_texts_are_compared_as_told(notes, condition):
    assert condition in sql("How many shows are at the house Globe?", notes)


def test_a_question_may_say_how_to_compare():
    assert "lower(s.house) = lower('Globe')" in sql("shows at the house Globe, case-insensitive")


def test_what_a_missing_value_means():
    notes = "seats.sponsor is null for seats that have not found a patron."
    assert "s.sponsor IS NULL" in sql("How many seats have not found a patron?", notes)
    assert "s.sponsor IS NOT NULL" in sql("How many seats have found a patron?", notes)


def test_an_order_about_the_things_asked_for_is_not_passed_over():
    assert ask("How many seats per house?", "Leave out seats of a free house.").status == "abstained"
    assert ask("How many shows per house?", "Leave out invoices that have no lines.").status == "answered"


def test_duplicates_are_left_out_when_told():
    assert "DISTINCT" in sql("genre of plays", "When asked for plays, do not return duplicates.")


@pytest.mark.parametrize(
    ("question", "notes", "condition"),
    [
        ("How many pricey seats are there?", "A pricey seat costs more than 80.", "s.price > 80"),
        ("How many plays speak of the sea?",
         "A play speaks of the sea if its title contains 'Seagull', in upper or lower case.",
         "p.title ILIKE '%Seagull%'"),
        ("Which plays are about kings?", "A play is about kings if its genre is tragedy.", "p.genre = 'tragedy'"),
    ],
)  # fmt: skip
def test_what_rows_are_called(question, notes, condition):
    assert condition in sql(question, notes)


@pytest.mark.parametrize(
    ("question", "term", "part"),
    [
        ("How many premium seats are there?", Term("premium", "seats.price > 90"), "s.price > 90"),
        ("How many premium seats are there?", Term("premium seat", "price >= 90 AND status = 'sold'"),
         "s.status = 'sold'"),
        ("shows with premium seats", Term("premium seats", "price >= 90"), "EXISTS"),
        ("What percentage of seats are unsold?", Term("unsold", "status IN ('free', 'held')"),
         "FILTER (WHERE s.status IN ('free', 'held'))"),
        ("recent shows", Term("recent", "shows.shown_at >= current_date - interval '30 days'"),
         "s.shown_at >= (current_date - interval '30 days')::timestamp"),
        ("How many anonymous seats are there?", Term("anonymous", "sponsor IS NULL"), "s.sponsor IS NULL"),
        ("What is the yield per house?", Term("yield", "sum(seats.price) / count(distinct seats.show_id)"),
         "sum(s.price)::numeric / NULLIF(count(DISTINCT s.show_id), 0)"),
        ("fill rate per house",
         Term("fill rate", "100.0 * sum(seats.price) filter (where status = 'sold') / sum(seats.price)"),
         "FILTER (WHERE s.status = 'sold')"),
        ("the top 3 houses by takings", Term("takings", "sum(seats.price)"), "LIMIT 3"),
    ],
)  # fmt: skip
def test_terms_defined_by_sql(question, term, part):
    assert part in sql(question, "", term)


@pytest.mark.parametrize(
    "meaning",
    [
        "pg_sleep(10) IS NOT NULL", "price > (SELECT max(price) FROM seats)", "nowhere.price > 3",
        "price > 1; drop table seats",
        "price > 3 OR status = 'sold'", "sum(price) OVER ()",
    ],
)  # fmt: skip
def test_sql_that_is_not_taken_over_is_not_guessed_about(meaning):
    answer = ask("How many sold seats are there?", "", Term("sold", meaning))
    assert answer.status == "abstained"
    assert "sold" in answer.reason
