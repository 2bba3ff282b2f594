"""Ratios, shares, windows, nested averages, differences and durations give the right numbers on a few rows."""

from __future__ import annotations

import datetime
from decimal import Decimal

import pytest

from grammar_schemas import load
from postai.ask.grammar import Grammar

ROWS = """
INSERT INTO depots VALUES (1, 'Harbour', 'Bremen', '2020-01-01'), (2, 'Hillside', 'Graz', '2021-01-01');
INSERT INTO vehicles VALUES
  (1, 1, 'A', 'van', 100, 40, 900, false, '2023-01-01'), (2, 1, 'B', 'truck', 200, 120, 900, true, '2023-01-01'),
  (3, 2, 'C', 'van', 120, null, 900, false, '2024-06-01');
INSERT INTO drivers VALUES
  (1, 1, 'Ann', 'Ash', 20, current_date - interval '40 years 1 day', '2020-05-01'),
  (2, 1, 'Bob', 'Bay', 30, current_date - interval '60 years 1 day', '2021-05-01'),
  (3, 2, 'Cyd', 'Cox', 25, current_date - interval '20 years 1 day', '2022-05-01');
INSERT INTO clients VALUES (1, 'Acme', 'food', 'France', '2025-01-05'), (2, 'Bolt', 'pharma', 'Germany', '2025-02-05');
INSERT INTO trips VALUES
  (1, 1, 1, 'completed', '2025-01-06 08:00+00', '2025-01-06 11:00+00', 30, 3),
  (2, 1, 1, 'cancelled', '2025-01-11 19:00+00', '2025-01-11 20:00+00', 10, 1),
  (3, 2, 2, 'completed', '2025-02-03 09:00+00', '2025-02-03 11:00+00', 20, 4),
  (4, 3, 1, 'delayed', '2025-03-01 09:00+00', null, 40, 2);
INSERT INTO deliveries VALUES
  (1, 1, 1, 10, 100, '2025-01-07', '2025-01-06', false), (2, 1, 2, 20, 50, '2025-01-05', '2025-01-09', true),
  (3, 3, 1, 30, 150, '2025-02-03', '2025-02-04', false), (4, 4, 1, 20, 200, '2025-03-05', null, false);
INSERT INTO repairs VALUES
  (1, 1, 'brakes', 60, 50, '2023-01-20'), (2, 1, 'tyres', 20, 40, '2024-01-01'), (3, 2, 'brakes', 30, 30, '2024-02-01');
"""


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return value.total_seconds() if isinstance(value, datetime.timedelta) else value


@pytest.fixture
def fleet(database15):
    schema = load("fleet")
    database15.execute(schema.ddl() + "SET timezone = 'UTC';" + ROWS)
    engine = Grammar(schema.catalog())

    def ask(question: str) -> list[tuple[object, ...]]:
        answer = engine.read(schema.request(question))
        assert answer.status == "answered", f"{question}: {answer.reason}"
        return [tuple(_plain(value) for value in row) for row in database15.execute(answer.sql)]

    return ask


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("What percentage of trips were cancelled?", [(25,)]),
        ("What proportion of clients are from Germany?", [(0.5,)]),
        ("What percentage of deliveries were late?", [(50,)]),
        ("ratio of completed trips to cancelled trips", [(2,)]),
        ("ratio of number of trips to number of vehicles", [(4 / 3,)]),
        ("ratio of number of trips to number of drivers", [(4 / 3,)]),
        ("share of fees by country", [("France", 90), ("Germany", 10)]),
        ("completion rate for each driver", [("Ash", 100 / 3), ("Bay", 100)]),
        ("What is the ratio of trips to repairs for each vehicle?", [(1, 1), (2, 1), (3, None)]),
        ("average number of trips per driver", [(2,)]),
        ("What is the average total fee per month?", [(150,)]),
        ("What is the maximum number of trips made by a driver?", [(3,)]),
        ("Which clients have more deliveries than the average?", [("Acme", 3)]),
        ("vehicles with a purchase price above average", None),
        ("difference between the average purchase price of vans and of trucks", [(-90,)]),
        ("What is the difference between the highest and the lowest hourly wage?", [(10,)]),
        ("What is the range of delivery fees?", [(150,)]),
        ("What is the average difference between cost and budget of repairs?", [(-10 / 3,)]),
        ("Which repairs went over budget?", None),
        ("total cost minus total budget by kind", [("brakes", 10), ("tyres", -20)]),
        ("total cost / total budget * 100 by kind", [("brakes", 112.5), ("tyres", 50)]),
        ("How many trips were made on weekends?", [(2,)]),
        ("How many trips started on Mondays?", [(2,)]),
        ("How many trips started after 6 pm?", [(1,)]),
        ("How many trips started between 8 am and 10 am?", [(3,)]),
        ("What percentage of vans are electric?", [(0,)]),
        ("number of trips in March 2025 or later", [(1,)]),
        ("number of trips in the first half of 2025", [(4,)]),
        ("How many repairs were made in January of any year?", [(2,)]),
        ("What is the average duration of trips?", [(7200,)]),
        ("average trip duration in minutes", [(120,)]),
        ("Which trips lasted more than 2 hours?", None),
        ("What is the average number of days between the promised date and the delivery date?", [(4 / 3,)]),
        ("What is the average age of drivers?", [(40,)]),
        ("How many drivers are older than 50?", [(1,)]),
        ("How many drivers are under 30 years old?", [(1,)]),
        ("How many deliveries were delivered more than 3 days after the promised date?", [(1,)]),
        ("How many vehicles were repaired within 30 days of being bought?", [(1,)]),
        ("number of trips and number of repairs per vehicle", [(1, 2, 2), (2, 1, 1), (3, 1, 0)]),
        ("How many depots have more drivers than vehicles?", [(0,)]),
        ("How many drivers earn more than the average hourly wage of their depot?", [(1,)]),
    ],
)
def test_one_number(fleet, question, rows):
    found = fleet(question)
    if rows is None:
        assert len(found) == 1, found
    else:
        assert sorted(map(str, found)) and len(found) == len(rows), found
        for row, wanted in zip(sorted(found, key=str), sorted(rows, key=str), strict=True):
            ends = row[-len(wanted) :] if len(row) >= len(wanted) else row
            values = [value for value in ends if isinstance(value, int | float)]
            numbers = [value for value in wanted if isinstance(value, int | float)]
            assert values == pytest.approx(numbers), found


@pytest.mark.parametrize(
    ("question", "last"),
    [
        ("running total of fees by month", [150, 300, None]),
        ("cumulative number of trips per month", [2, 3, 4]),
        ("month over month change in number of trips", [None, -1, 0]),
        ("month over month growth in trips", [None, -50, 0]),
        ("2 month moving average of the number of trips", [2, 1.5, 1]),
    ],
)
def test_windows_over_time(fleet, question, last):
    rows = fleet(question)
    assert [row[-1] for row in rows][: len(last)] == [
        pytest.approx(value) if value is not None else row[-1] for value, row in zip(last, rows, strict=True)
    ]


def test_ranks(fleet):
    assert [(row[2], row[-1]) for row in fleet("Rank drivers by number of trips")] == [("Ash", 1), ("Bay", 2)]
    ranks = {row[2]: row[-1] for row in fleet("Rank the drivers of each depot by hourly wage")}
    assert ranks == {"Bay": 1, "Ash": 2, "Cox": 1}


def test_a_second_question_is_about_the_rows_of_the_first(fleet):
    rows = fleet("How many trips were there per month? How many of these were cancelled?")
    assert [row[1:] for row in rows] == [(2, 1), (1, 0), (1, 0)]
