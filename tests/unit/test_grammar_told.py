"""Notes with formulas over columns, conditions in brackets, and orders to leave rows out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from grammar_schemas import Schema
from postai.ask.grammar import Grammar
from postai.language.taught import Taught

ORCHARD = """
growers
  id bigint pk
  name text = Ada, Bo
  village text?
  joined_on date
baskets
  id bigint pk
  grower_id bigint -> growers
  fruit text = apple, pear, plum
  state text = sold, spoiled, stored
  picked_at timestamp
  weighed_at timestamp?
  pieces int
  unit_weight numeric
  tare_weight numeric?
  spoilt_pct numeric
fees
  id bigint pk
  basket_id bigint -> baskets
  charge numeric
  rebate numeric?
"""
SCHEMA = Schema("orchard", ORCHARD)
ENGINE = Grammar(SCHEMA.catalog())


def ask(question: str, notes: str):
    return ENGINE.read(replace(SCHEMA.request(question), taught=Taught((), (), notes)))


def sql(question: str, notes: str) -> str:
    answer = ask(question, notes)
    assert answer.status == "answered", answer.reason
    assert "definedterm" not in answer.explanation
    return " ".join(answer.sql.split())


@pytest.mark.parametrize(
    ("notes", "part"),
    [
        ("NW = unit_weight * pieces", "avg(b.unit_weight * b.pieces)"),
        ("NW = pieces * unit_weight * (1 - spoilt_pct / 100)",
         "avg(b.pieces * b.unit_weight * (1 - b.spoilt_pct / 100.0))"),
        ("NW = unit weight times pieces minus tare weight", "avg(b.unit_weight * b.pieces - b.tare_weight)"),
        ("NW = unit weight times pieces minus tare weight (0 when missing)",
         "avg(b.unit_weight * b.pieces - coalesce(b.tare_weight, 0))"),
        ("NW (net weight) = unit_weight / pieces", "avg(b.unit_weight::numeric / NULLIF(b.pieces, 0))"),
        ("NW = the unit weight divided by the pieces", "avg(b.unit_weight::numeric / NULLIF(b.pieces, 0))"),
        ("NW = unit_weight / (pieces + tare_weight)",
         "avg(b.unit_weight::numeric / NULLIF(b.pieces + b.tare_weight, 0))"),
    ],
)  # fmt: skip
def test_a_formula_over_columns_is_a_column(notes, part):
    assert part in sql("What is the average NW for each fruit?", notes)


@pytest.mark.parametrize(
    ("notes", "parts"),
    [
        ("ANW = average of pieces * unit_weight", ("avg(b.pieces * b.unit_weight)",)),
        ("ANW = sum of pieces * unit_weight over baskets that are sold (state = 'sold')",
         ("sum(b.pieces * b.unit_weight)", "b.state = 'sold'")),
        ("ANW = total pieces * unit_weight", ("sum(b.pieces * b.unit_weight)",)),
        ("ANW = pieces * unit_weight, summed over baskets", ("sum(b.pieces * b.unit_weight)",)),
        ("ANW = average pieces of baskets that are not spoiled (state <> 'spoiled')",
         ("avg(b.pieces)", "b.state <> 'spoiled'")),
        ("ANW = average pieces over baskets with state 'stored'", ("avg(b.pieces)", "'stored'")),
    ],
)  # fmt: skip
def test_an_aggregate_of_a_formula(notes, parts):
    found = sql("What is the ANW for each fruit?", notes)
    for part in parts:
        assert part in found


def test_two_dates_less_each_other_are_a_time_in_the_unit_of_the_question():
    found = sql("What is the average WT in hours per fruit?", "WT = weighed_at - picked_at")
    assert "avg(extract(epoch FROM b.weighed_at - b.picked_at) / 3600)" in found


def test_sorted_by_a_term_sorts_by_its_number():
    notes = "TNW = sum of pieces * unit_weight"
    assert "ORDER BY total_result DESC" in sql("Return fruit and TNW, sorted by TNW from high to low.", notes)


@pytest.mark.parametrize(
    "notes",
    [
        "ANW = charge * pieces, summed over growers",  # columns of two tables
        "ANW = pieces * wisdom",  # no such column
        "ANW = pieces * unit_weight, summed over fees",  # added up for each row of another table
    ],
)
def test_a_formula_that_is_not_clear_is_not_guessed_about(notes):
    assert ask("What is the ANW for each fruit?", notes).status == "abstained"


@pytest.mark.parametrize(
    ("notes", "part"),
    [
        ("Leave out baskets that have not been weighed.", "b.weighed_at IS NOT NULL"),
        ("Ignore baskets with no tare weight.", "b.tare_weight IS NOT NULL"),
        ("Leave out baskets whose tare weight is unknown.", "b.tare_weight IS NOT NULL"),
        ("Exclude spoiled baskets.", "b.state <> 'spoiled'"),
        ("Only count sold baskets.", "b.state = 'sold'"),
        ("Only include baskets that were weighed.", "b.weighed_at IS NOT NULL"),
        ("Baskets without tare weight do not count.", "b.tare_weight IS NOT NULL"),
    ],
)
def test_what_notes_leave_out_is_left_out(notes, part):
    assert part in sql("What is the average number of pieces of baskets per fruit?", notes)


def test_an_order_about_other_things_changes_nothing():
    assert "village" not in sql("How many fees are there?", "Leave out growers without a village.")


def test_an_order_about_the_question_that_is_not_read_is_not_passed_over():
    answer = ask("How many baskets are there per fruit?", "Leave out baskets that nobody liked.")
    assert answer.status == "abstained"
    assert "nobody liked" in answer.reason


FOLDED = """
tblinvoicehead
  invoiceno int pk
  repid int
  packedon date
tblinvoiceline
  invoiceno int pk
  lineno int pk
  qty int
tblsalesrep
  repid int pk
  repname text = Ada, Bo
"""
FOLDED_ENGINE = Grammar(Schema("folded", FOLDED).catalog())


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("How many invoices are there?", "FROM tblinvoicehead"),
        ("How many invoices are there for each sales rep name?", "sr.repid = ih.repid"),
        ("What is the total quantity per sales rep?", "ih.invoiceno = il.invoiceno"),
    ],
)
def test_folded_names_join_by_the_name_of_a_key(question, part):
    answer = FOLDED_ENGINE.read(replace(SCHEMA.request(question), taught=Taught((), (), "")))
    assert answer.status == "answered", answer.reason
    assert part in " ".join(answer.sql.split())


@pytest.mark.parametrize(
    "notes",
    [
        "A missing rebate means that nothing was paid back; treat it as zero.",
        "Treat missing rebates as 0.",
        "The rebate is zero when missing.",
        "An empty rebate counts as 0.",
    ],
)
def test_a_missing_value_counts_as_zero_where_notes_say_so(notes):
    assert "avg(coalesce(f.rebate, 0))" in sql("What is the average rebate of fees?", notes)


def test_only_the_column_that_notes_name_counts_as_zero():
    notes = "Treat missing rebates as 0."
    assert "coalesce" not in sql("What is the average tare weight per fruit?", notes)


def test_amounts_of_rows_and_of_what_they_belong_to_are_added_up_by_themselves():
    found = sql("What is the FR for each fruit?", "FR = total charge / total tare weight * 100")
    assert "( SELECT sum(f.charge) FROM fees AS f JOIN baskets AS b2" in found
    assert "( SELECT sum(b2.tare_weight) FROM baskets AS b2 WHERE b2.fruit = b.fruit )" in found


def test_conditions_in_words_on_a_column_that_is_set():
    notes = "NW = sum of pieces minus tare weight, for baskets whose tare_weight is not null"
    found = sql("What is the NW per fruit?", notes)
    assert "sum(b.pieces - b.tare_weight)" in found
    assert "b.tare_weight IS NOT NULL" in found
