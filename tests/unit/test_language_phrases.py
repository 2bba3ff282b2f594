"""Names said in other words: derived forms, clauses of comments, units, kinds."""

from __future__ import annotations

import pytest

from grammar_schemas import Schema
from postai.ask.grammar import Grammar

ZOO = """
enclosures ; houses of the animals
  id bigint pk
  name text
  num_visited int ; How many people came in
  tough_climb int ; Number of visitors who found the path to be steep.
  max_weight_kg numeric
keepers
  id bigint pk
  name text
  pass_issue_date date?
  declare_allergy text?
  enclosure_id bigint -> enclosures
feeds
  id bigint pk
  animal_kind text = fish, bird
  food_type text = dry, frozen
  storage text = shelf, frozen
  enclosure_id bigint -> enclosures
daily_costs
  enclosure_id bigint -> enclosures
  day date
  close numeric
  high numeric
"""
ENGINE = Grammar(Schema("zoo", ZOO).catalog())


def ask(question: str):
    return ENGINE.read(Schema("zoo", ZOO).request(question))


def sql(question: str) -> str:
    answer = ask(question)
    assert answer.status == "answered", answer.reason
    return " ".join(answer.sql.split())


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("How many keepers have declared an allergy?", "k.declare_allergy IS NOT NULL"),
        ("How many keepers have not declared an allergy?", "k.declare_allergy IS NULL"),
        ("average closing cost per enclosure", "avg(dc.close)"),
        ("number of visitors who found the path to be steep for each enclosure", "tough_climb"),
        ("average maximum weight in kilograms of enclosures", "avg(e.max_weight_kg)"),
        ("how many houses are there", "FROM enclosures"),
        ("How many frozen feeds are there?", "f.food_type = 'frozen'"),
        ("number of feeds with storage frozen", "f.storage = 'frozen'"),
    ],
)
def test_words_that_are_not_the_name_itself(question, part):
    assert part in sql(question)


def test_what_is_found_loosely_is_less_certain():
    assert ask("How many frozen feeds are there?").confidence <= 0.8
    assert ask("average closing cost per enclosure").confidence < ask("average high per enclosure").confidence


def test_words_of_another_kind_are_not_taken_for_a_column():
    assert ask("How many keepers were promoted?").status == "abstained"
    assert ask("number of visitors who found the path to be boring").status == "abstained"


def test_where_something_is_is_not_what_it_is():
    stalls = "stalls\n  id bigint pk\n  stall_kind text\n  address text\nmarkets\n  id bigint pk\n  name text\n"
    schema = Schema("stalls", stalls)
    answer = Grammar(schema.catalog()).read(schema.request("addresses of stalls in Mill Street"))
    assert "address ILIKE '%Mill Street%'" in answer.sql


def test_rows_that_never_were_so():
    text = "boats\n  id bigint pk\n  name text\ntrips\n  id bigint pk\n  boat_id bigint -> boats\n"
    text += "  state text = sunk, done\n"
    schema = Schema("boats", text)
    answer = Grammar(schema.catalog()).read(schema.request("boats that have not sunk"))
    assert "NOT EXISTS" in answer.sql
    assert "state = 'sunk'" in answer.sql


CODES = """
machines
  id bigint pk
  name text
  mode int ; 1 = idle, 2 = running; 3 = broken
  maker text ; (D domestic, F foreign)
  insured_flag text = Y, N
  retired text = n, y
"""


@pytest.mark.parametrize(
    ("question", "condition"),
    [
        ("How many machines are broken?", "m.mode = 3"),
        ("running machines", "m.mode = 2"),
        ("How many foreign machines are there?", "m.maker = 'F'"),
        ("How many machines are insured?", "m.insured_flag = 'Y'"),
        ("How many uninsured machines are there?", "m.insured_flag = 'N'"),
        ("retired machines", "m.retired = 'y'"),
    ],
)
def test_codes_and_flags(question, condition):
    schema = Schema("codes", CODES)
    answer = Grammar(schema.catalog()).read(schema.request(question))
    assert answer.status == "answered", answer.reason
    assert condition in answer.sql


def test_somebody_who_did_it_is_more_than_a_state():
    text = "agents\n  id bigint pk\n  name text\nhomes\n  id bigint pk\n  agent_id bigint -> agents\n"
    text += "  status text = sold, open\nsales\n  id bigint pk\n  agent_id bigint -> agents\n  price numeric\n"
    schema = Schema("homes", text)
    engine = Grammar(schema.catalog())
    assert "FROM sales" in engine.read(schema.request("agents who have not sold anything")).sql
    assert "status = 'sold'" in engine.read(schema.request("How many homes were sold?")).sql
