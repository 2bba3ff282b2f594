"""Adjectives that rank by a measure, flags and their contraries, what adds up, and periods of what is counted."""

from __future__ import annotations

import pytest

from grammar_schemas import Schema
from postai.ask.grammar import read

_PORT = Schema(
    "port",
    """
harbours
  harbour_id int pk
  name text = Norden, Suden, Westen
  coast text = north, south
crane
  crane_id int pk
  label text
  harbour_id int -> harbours
  book_value numeric
  working bool
  paid_flg text = Y, N
docking
  docking_id int pk
  harbour_id int -> harbours
  docked_on date
  passengers int
  deck_level int
  crane_id int? -> crane
  fee numeric
  pilots int? ; NULL if the docking was halted
  tugs int? ; NULL if the docking was halted
  is_halted bool
lsn ; lessons for pilots
  lsn_id int pk
  hours int
trns ; tourneys of pilots
  trns_no int pk
  trns_cd text
  opens_on date
  start_time time
  course_length int
  entry_count int
  departure_time time
""",
)


def ask(question: str):
    return read(_PORT.request(question), _PORT.catalog())


@pytest.mark.parametrize(
    ("question", "part"),
    [
        ("What are the labels of the 3 most valuable cranes?", "ORDER BY c.book_value DESC"),
        ("How many cranes are broken?", "NOT c.working"),
        ("How many cranes are unpaid?", "c.paid_flg = 'N'"),
        ("Top 2 harbours by passengers", "sum(d.passengers)"),
        ("Top 2 harbours by number of dockings in 2024", "d.docked_on >= '2024-01-01'"),
        ("Which cranes have never been part of a docking?", "NOT EXISTS"),
        ("How many lessons are there?", "FROM lsn"),
        ("How many passengers were carried in March 2024?", "sum(d.passengers)"),
        ("On which date in 2024 were the most passengers carried?", "sum(d.passengers)"),
        ("passengers and fees by coast", "sum(d.passengers) AS total_passenger, sum(d.fee) AS total_fee"),
        ("Return the code of the tourneys.", "t.trns_cd"),
        ("What is the opening date of each tourney?", "t.opens_on"),
        ("How many tourneys departed before 8 am?", "t.departure_time) IN (0, 1"),
        ("How many dockings were halted?", "WHERE d.is_halted"),
        ("What is the longest course length?", "max(t.course_length)"),
        ("Which tourney is the longest, and how long is it?", "t.course_length"),
    ],
)
def test_read(question: str, part: str) -> None:
    answer = ask(question)
    assert answer.status == "answered", answer.reason
    assert part in " ".join(answer.sql.split())


@pytest.mark.parametrize(
    "question",
    [
        "What are the labels of the 3 most experienced cranes?",
        "Top 2 harbours by deck level",
        "deck level and fees by coast",
        "Which tourney is the longest, and how heavy is it?",
        "How many tourneys expired before 8 am?",
        "Top 2 harbours by population in 2024",
        "Which cranes have gone out of fashion?",
        "How many cranes were turned down?",
    ],
)
def test_left_alone(question: str) -> None:
    assert ask(question).status == "abstained"
