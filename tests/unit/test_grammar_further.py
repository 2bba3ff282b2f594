"""Lists that stand by themselves, totals per month, rows that only a kind is told of, both halves, ways between."""

from __future__ import annotations

import pytest

from grammar_schemas import Schema
from postai.ask.grammar import Grammar

CINEMA = """
members
  id bigint pk
  name text = Ada, Bo
  town text = Bath, Leeds
  joined_on date
courses
  id bigint pk
  title text
  level text = basic, master
enrolments
  id bigint pk
  member_id bigint -> members
  course_id bigint -> courses
  enrolled_on date
  finished_on date?
ratings
  member_id bigint pk -> members
  course_id bigint pk -> courses
  stars int
halls
  hall_name text pk
  seats int
outages
  id bigint pk
  hall_name text -> halls
  started_at timestamp
  outage_minutes int
  cause text?
parcels_of_land
  id bigint pk
  vehicle_type text = van, car
  garage bool
  status text = sold, open
  listed_on date
  loss_date date
  claim_amount numeric
"""
SCHEMA = Schema("cinema", CINEMA)
ENGINE = Grammar(SCHEMA.catalog())


def sql(question: str) -> str:
    answer = ENGINE.read(SCHEMA.request(question))
    assert answer.status == "answered", answer.reason
    return " ".join(answer.sql.split())


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("Which members live in Bath? Just the names.", "SELECT m.name FROM"),
        ("Which members live in Bath? I need names and towns.", "SELECT m.name, m.town FROM"),
        ("Which members live in Bath? Only the name, please.", "SELECT m.name FROM"),
        ("Which members live in Bath? Name and town.", "SELECT m.name, m.town FROM"),
        ("Which members live in Bath? I want to know the name and the town.", "SELECT m.name, m.town FROM"),
    ],
)
def test_a_sentence_that_is_only_a_list_says_what_to_show(question, start):
    assert sql(question).startswith(start)


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("Outage minutes for each month of 2024", "sum(o.outage_minutes)"),
        ("Outage minutes per cause", "sum(o.outage_minutes)"),
        ("List all halls with their number of seats, biggest first.", "h.seats FROM halls AS h ORDER BY h.seats DESC"),
        ("How many vehicles are there?", "SELECT count(*)"),
        ("How many sold vehicles with and without a garage are there?", "GROUP BY pol.garage"),
        ("What is the total claim amount for losses that occurred in 2023?", "pol.loss_date >= '2023-01-01'"),
        ("Which members have taken a master course?", "FROM enrolments"),
        ("How many distinct vehicle types are there?", "count(DISTINCT pol.vehicle_type)"),
    ],
)
def test_further_readings(question, part):
    assert part in sql(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which members live in Bath? Just the wisdom.",
        "Which members live in Bath? Names and nonsense.",
    ],
)
def test_a_list_of_what_is_not_there_is_not_passed_over(question):
    assert ENGINE.read(SCHEMA.request(question)).status == "abstained"


def test_a_number_for_each_of_another_number_is_no_total():
    assert ENGINE.read(SCHEMA.request("outage minutes per seat for each hall")).status == "abstained"


GYM = """
passes
  id bigint pk
  started_on date
  cancel_reason text?
  town text = Bath, Leeds
lockers
  id bigint pk
  town text = Bath, Leeds
  size int
visits
  id bigint pk
  pass_id bigint -> passes
  locker_id bigint? -> lockers
  fee_amount numeric
"""
GYM_ENGINE = Grammar(Schema("gym", GYM).catalog())


def test_what_was_done_for_a_reason_has_one():
    answer = GYM_ENGINE.read(SCHEMA.request("How many passes were cancelled for each reason?"))
    assert answer.status == "answered", answer.reason
    assert "cancel_reason IS NOT NULL" in answer.sql


def test_of_two_columns_the_one_that_is_named_in_full_elsewhere():
    question = "Top 2 towns by total fee amount. Return the locker town and the total fee amount."
    answer = GYM_ENGINE.read(SCHEMA.request(question))
    assert answer.status == "answered", answer.reason
    assert "GROUP BY l.town" in answer.sql


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("Top 2 locker towns by fee amount. Return the locker town and the total fee amount.", "sum(v.fee_amount)"),
        ("visits by locker: how much in total?", "sum(v.fee_amount)"),
        ("How much was visited in total?", "sum(v.fee_amount)"),
    ],
)
def test_the_amount_that_is_meant(question, part):
    answer = GYM_ENGINE.read(SCHEMA.request(question))
    assert answer.status == "answered", answer.reason
    assert part in answer.sql
