"""The parts of the collection that need no server: differences, deviations, chains of locks, shapes, parameters."""

from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.history.parameters import parameters_of
from postai.observe.collect_activity import roots_of
from postai.observe.collect_counters import (
    Readings,
    difference,
    ground_of,
    interval_stddev,
    numbers,
    summed_stddev,
)
from postai.observe.collect_texts import is_utility
from postai.observe.plan_hash import plan_hash, plan_shape


def test_rows_of_numbers() -> None:
    assert numbers("(1,-2.5,,1e+300,0)") == (1, -2.5, 0, 1e300, 0)
    assert isinstance(numbers("(9223372036854775807)")[0], int)


def test_the_first_reading_tells_nothing() -> None:
    readings: Readings[str] = Readings()
    assert readings.changed([("a", "(1)")]) == []
    assert readings.changed([("a", "(1)"), ("b", "(2)")]) == [("b", None, (2,))]
    assert readings.changed([("a", "(3)")]) == [("a", (1,), (3,))]
    # "b" was evicted and came back: all that it counts is new.
    assert readings.changed([("a", "(3)"), ("b", "(1)")]) == [("b", None, (1,))]
    assert readings.last("b") == (1,)
    assert readings.last("c") is None


def test_what_is_kept_back_is_told_the_next_time() -> None:
    readings: Readings[str] = Readings()
    readings.changed([("a", "(1,0.5)")])
    readings.changed([("a", "(2,1.5)"), ("b", "(7)")])
    readings.keep("a", (1, 0.5))
    readings.keep("b", None)
    assert readings.changed([("a", "(5,2.5)"), ("b", "(8)")]) == [("a", (1, 0.5), (5, 2.5)), ("b", None, (8,))]


def test_counters_that_go_down_began_anew() -> None:
    assert difference((5, 50), (7, 60)) == [2, 10]
    assert difference((5, 50), (3, 60)) == [3, 60]
    assert difference(None, (3, 60)) == [3, 60]
    assert difference((5, 50), (7, 40), growing=1) == [2, 40]


@given(
    st.lists(st.floats(0, 1000), min_size=1, max_size=30),
    st.lists(st.floats(0, 1000), min_size=1, max_size=30),
)
def test_the_deviation_of_an_interval(earlier: list[float], new: list[float]) -> None:
    def told(values: list[float]) -> tuple[float, float, float]:
        return len(values), sum(values), statistics.pstdev(values)

    found = interval_stddev(told(earlier), told(earlier + new))
    # Squares of a small spread vanish beside those of a large one.
    assert found == pytest.approx(statistics.pstdev(new), rel=1e-6, abs=1e-2)
    assert summed_stddev([told(earlier), told(new)]) == pytest.approx(statistics.pstdev(earlier + new), abs=1e-6)


def test_deviations_of_nothing() -> None:
    assert interval_stddev(None, (3, 9, 1.5)) == 1.5
    assert interval_stddev((0, 0, 0), (3, 9, 1.5)) == 1.5
    assert interval_stddev((3, 9, 1.5), (3, 9, 1.5)) == 0.0
    assert interval_stddev((10**9, 1e12, 0.001), (10**9 + 1, 1e12 + 1000, 0.001)) >= 0.0
    assert summed_stddev([]) == 0.0
    assert math.isfinite(summed_stddev([(0, 0, 0), (1, 5, 0)]))


def test_the_roots_of_chains() -> None:
    graph = {3: (2,), 2: (1,), 5: (1, 4), 7: (8,), 8: (7,), 9: (0,)}
    assert roots_of(2, graph) == ((1, 1),)
    assert roots_of(3, graph) == ((1, 2),)
    assert set(roots_of(5, graph)) == {(1, 1), (4, 1)}
    assert roots_of(7, graph) == ()
    assert roots_of(9, graph) == ((0, 1),)


@pytest.mark.parametrize(("size", "expected"), [("1kB", 1024), ("4096B", 4096), ("1MB", 1 << 20), ("900B", 900)])
def test_the_ground(size: str, expected: int) -> None:
    found = ground_of(
        ("now", "then", 1, 2, "me", True, False, size, "10", True, {"x": {"schema": "s", "columns": None}})
    )
    assert (found.activity_bytes, found.profile_ms, found.sources["x"].columns) == (expected, 10.0, frozenset())


@pytest.mark.parametrize(
    ("text", "utility"),
    [
        ("select 1", False), ("/* app:web */ -- x\n  (SELECT 1)", False), ("with a as (select 1) table a", False),
        ("values (1)", False), ("merge into t using s on true when matched then delete", False),
        ("BEGIN", True), ("create table selected (a int)", True), ("", True), ("/* open", True), ("selection", True),
    ],
)  # fmt: skip
def test_what_is_a_utility(text: str, utility: bool) -> None:
    assert is_utility(text) == utility


def node(kind: str, *plans: object, **more: object) -> dict[str, object]:
    return {"Node Type": kind, "Total Cost": 4.2, "Plan Rows": 7, **more, **({"Plans": list(plans)} if plans else {})}


def hashed(plan: dict[str, object]) -> str:
    shape = plan_shape([{"Plan": plan}])
    assert shape is not None
    return plan_hash(shape)


def test_the_shape_of_a_plan() -> None:
    scan = node("Index Scan", **{"Relation Name": "orders", "Index Name": "orders_pkey", "Index Cond": "(id = $1)"})
    again = {**scan, "Total Cost": 99, "Plan Rows": 1, "Index Cond": "(id = 5)"}
    assert hashed(scan) == hashed(again)
    assert hashed(scan) != hashed({**scan, "Index Name": "other"})
    assert hashed(scan) != hashed(node("Seq Scan", **{"Relation Name": "orders"}))
    assert hashed(node("Sort", scan)) != hashed(scan)
    assert plan_shape([{"Plan": scan}]) == {
        "Node Type": "Index Scan", "Relation Name": "orders", "Index Name": "orders_pkey",
    }  # fmt: skip
    assert len(hashed(scan)) == 16


def test_more_partitions_are_the_same_shape() -> None:
    parts = [node("Seq Scan", **{"Relation Name": f"orders_{at}"}) for at in range(4)]
    assert hashed(node("Append", *parts[:2])) == hashed(node("Append", *parts[1:]))
    assert hashed(node("Append", *parts)) != hashed(node("Append", node("Index Scan"), *parts))


@pytest.mark.parametrize("junk", [None, [], {}, [1], [{"Plan": 3}], "x", {"Plan": []}])
def test_what_is_no_plan_has_no_shape(junk: object) -> None:
    assert plan_shape(junk) is None


@pytest.mark.parametrize(
    ("normalized", "sample", "expected"),
    [
        (
            "select * from t where a = $1 and b = $2",
            "select *  from t where a = 5 -- x\n and b = 'it''s'",
            ("5", "'it''s'"),
        ),
        ("select interval $1, date $2", "select interval '1 day', date '2020-01-01'", ("'1 day'", "'2020-01-01'")),
        ("select $1 from t where a = $2", "select 1; select -7.5 from t where a = true", ("-7.5", "true")),
        (
            "select * from t where a in ($1 /*, ... */) limit $2",
            "select * from t where a in (4, 5, 6) limit 3",
            ("4", "3"),
        ),
        ("select $1, $2", "select null, e'a\\\\b'", ("NULL", "E'a\\\\b'")),
        ("select $1", "select b'101'", ("B'101'",)),
        ("select a from t where b = $1", "select a from u where b = 1", None),
        ("select a from t where b = $1", "select a from t where b = 1 and c = 2", None),
        ("select a from t where b = $1", "select a from t where b = c", None),
        ("select a from t where b = $1", "select a from t where b = $1", None),
        ("select a from t where b = $2", "select a from t where b = 2", None),
        ("select a from t where b = $1", "select a from t where b = ", None),
        ("select $1", "", None),
        ("", "select 1", None),
        ("select 1; select $1", "select 1", None),
    ],
)
def test_parameters_of_a_text(normalized: str, sample: str, expected: tuple[str, ...] | None) -> None:
    assert parameters_of(normalized, sample) == expected


def test_deep_texts_are_no_trouble() -> None:
    assert parameters_of("select " + "(" * 500 + "$1" + ")" * 500, "select " + "(" * 500 + "1" + ")" * 500) is None
    chain = " + ".join(["$1"] * 40)
    assert parameters_of(f"select {chain}", "select " + " + ".join(["1"] * 40)) == ("1",)
