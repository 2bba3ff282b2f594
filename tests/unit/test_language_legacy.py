"""Conventions of old databases: moments as whole numbers, flags as small numbers, comments as the only dictionary."""

from __future__ import annotations

import pytest

from grammar_schemas import Schema
from postai.ask.grammar import read
from postai.database.catalog import Column, ColumnStatistics, KnownValues
from postai.language.codes import flag_values
from postai.language.comments import measure_phrases
from postai.language.epochs import as_moment, epoch_unit, real_name
from postai.language.schema import ColumnInfo

_FERRY = Schema(
    "ferry",
    """
skippers
  skipper_id int pk
  name text
  nation text = US, IT, NO
  joined_at bigint
boats
  boat_id int pk
  name text
  skipper_id int -> skippers
  laid_up int ; 1 if the boat is repaired in a yard, else 0
  heated text = Y, N ; Y if the owner agreed to pay for a heater, else N
crossings
  crossing_id int pk
  boat_id int -> boats
  left_at bigint ; departure, unix epoch seconds
  landed_ms bigint? ; arrival, epoch milliseconds
  fuel_at_start int
  pax_cnt int ; number of passengers (children too) carried
  bad_qty int ; number of refused (late) cars
  planned int ; number of meal-plans
  idle int ; delay in minutes
  radio text ; call sign of the boat used
meal_plans
  plan_id int pk
  boat_id int -> boats
  dish text
""",
)


def ask(question: str):
    return read(_FERRY.request(question), _FERRY.catalog())


def sql(question: str) -> str:
    answer = ask(question)
    assert answer.status == "answered", answer.reason
    return " ".join(answer.sql.split())


def column(name: str, base: str = "int8", comment: str | None = None, seen: tuple[str, ...] | None = None) -> Column:
    known = ColumnStatistics(-1.0, 0.0, seen, tuple(1 / len(seen) for _ in seen)) if seen else None
    return Column(1, name, base, 0, base, "N", comment=comment, statistics=known)


def info(one: Column) -> ColumnInfo:
    words = tuple(one.name.split("_"))
    return ColumnInfo(0, one, "number", words, words, False, False, False)


@pytest.mark.parametrize(
    ("name", "comment", "seen", "unit"),
    [
        ("sent_at", None, None, "second"),
        ("sent_at", None, ("1700000000", "1710000000"), "second"),
        ("sent_at", None, ("1700000000000",), "millisecond"),
        ("sent", "when it was sent, unix epoch seconds", None, "second"),
        ("sent", "epoch in milliseconds", None, "millisecond"),
        ("sent_at", None, ("12", "40"), None),
        ("look_at", "how often it was looked at, in microseconds", None, None),
        ("run_time", None, None, None),
        ("weight", None, ("1700000000",), None),
        ("amount", "in cents", None, None),
    ],
)
def test_whole_numbers_that_are_moments(name, comment, seen, unit):
    assert epoch_unit(column(name, comment=comment, seen=seen)) == unit


def test_small_integers_need_a_comment_to_be_moments():
    assert epoch_unit(column("sent_at", "int4")) is None
    assert epoch_unit(column("sent_at", "int4", "unix time")) == "second"
    assert real_name(as_moment(column("sent_at"), "second").name) == "sent_at"
    assert real_name("sent_at") == "sent_at"


def test_moments_in_whole_numbers_are_used_as_moments():
    assert "to_timestamp(c.left_at) >= '2025-01-01'" in sql("how many crossings left in 2025?")
    assert "to_timestamp(s.joined_at)" in sql("skippers who joined since 2020")
    text = ask("how many skippers joined in 2024?").explanation
    assert "joined_at" in text and "\x1d" not in text


def test_months_and_thousandths():
    assert "date_trunc('month', to_timestamp(c.left_at))" in sql("number of crossings per month of left at")
    assert "to_timestamp(c.landed_ms / 1000.0) >= '2025-01-01'" in sql("how many crossings landed in 2025?")


@pytest.mark.parametrize(
    ("one", "flag"),
    [
        (column("is_paid", "int2"), True),
        (column("is_paid", "int2", seen=("0", "3")), False),
        (column("blocked", "int4", "1 if blocked, else 0"), True),
        (column("blocked", "int2", seen=("1", "0")), True),
        (column("blocked", "int4", seen=("1", "0")), False),
        (column("blocked", "int2"), False),
        (column("number_of_rooms", "int2", seen=("1", "0")), False),
        (column("severity", "int2", "1 = minor, 2 = grave, 3 = fatal", ("1", "2", "3")), False),
    ],
)
def test_small_numbers_that_are_flags(one, flag):
    assert (flag_values(info(one)) == (1, 0)) is flag


def test_indexed_numbers_tell_whether_they_are_flags():
    known = Column(1, "blocked", "int2", 0, "int2", "N", values=KnownValues(("0", "1"), True))
    assert flag_values(info(known)) == (1, 0)


def test_flags_are_said_by_their_comments():
    assert "b.laid_up = 1" in sql("how many boats are repaired?")
    assert "b.laid_up = 1" in sql("which boats are laid up?")
    assert "b.heated = 'Y'" in sql("how many boats agreed to pay for a heater?")
    assert ask("how many boats agreed to pay for a cook?").status == "abstained"


def test_numbers_are_said_by_what_their_comments_count():
    assert "sum(c.pax_cnt)" in sql("total passengers per boat name")
    assert "sum(c.bad_qty)" in sql("total refused cars per boat name")
    assert "sum(c.idle)" in sql("total delay per boat name")
    assert "avg(c.idle)" in sql("average delay of crossings")
    assert "c.idle > 20" in sql("crossings with a delay of more than 20 minutes")
    assert "c.radio" in sql("call signs of all crossings")
    assert "count(*)" in sql("how many meal plans are there?")
    assert ask("total bicycles per boat name").status == "abstained"


@pytest.mark.parametrize(
    ("comment", "names"),
    [
        ("number of guests", {("guest",)}),
        ("number of good pieces produced", {("good", "piece")}),
        ("number of spoiled (thrown away) loaves", {("spoiled", "loaf")}),
        ("waste in kilograms", {("waste",), ("waste", "kilogram")}),
        ("number of the row", set()),
        ("price in euros", set()),
        ("number of days until the loan must be given back", set()),
        ("severity 1 (minor) to 3 (critical)", set()),
    ],
)
def test_comments_of_numbers(comment, names):
    assert set(measure_phrases(comment)) == names


def test_the_form_of_a_table_need_not_be_said():
    assert "FROM meal_plans" in sql("how many meals are there?")
    assert ask("how many dinners are there?").status == "abstained"


def test_codes_that_are_small_words_are_known_by_their_countries():
    assert "s.nation = 'US'" in sql("how many American skippers are there?")
    assert "s.nation = 'NO'" in sql("how many Norwegian skippers are there?")
    assert ask("how many French skippers are there?").status == "abstained"
