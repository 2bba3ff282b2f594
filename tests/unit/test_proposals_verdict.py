"""Whether a change helped, from windows before and after."""

from __future__ import annotations

import pytest

from postai.proposals.verdict import Promise, Sample, Verdict, drift, fair, judge

PROMISE = Promise(1, calls_per_day=1000.0, before_ms=20.0, after_ms=2.0)
"""18,000 ms a day."""


def run(ms: float, calls: int = 20, times: int = 10, queryid: int = 1) -> list[Sample]:
    return [Sample(queryid, 60.0, calls, ms * calls)] * times


@pytest.mark.parametrize(
    ("before", "after", "state", "saved"),
    [
        (run(20.0), run(2.0), "helped", 18_000.0),
        (run(20.0), run(15.0), "helped", 5_000.0),
        (run(20.0), run(17.0), "no effect", 3_000.0),
        (run(20.0), run(30.0), "worse", -10_000.0),
        (run(20.0), [], "unknown", 0.0),
        (run(20.0), run(2.0, calls=4, times=1), "unknown", 0.0),
        ([], run(2.0), "helped", 18_000.0),
        # One interval with a lock storm on either side changes nothing.
        (run(20.0) + run(90_000.0, times=1), run(2.0), "helped", 18_000.0),
        (run(20.0), run(2.0) + run(90_000.0, times=1), "helped", 18_000.0),
    ],
)
def test_states(before: list[Sample], after: list[Sample], state: str, saved: float) -> None:
    verdict = judge([PROMISE], before, after)
    assert (verdict.state, round(verdict.saved_ms_per_day, 6)) == (state, saved)
    assert verdict.enough is (len(after) > 1)


def test_statements_that_write_longer_outweigh_the_saving() -> None:
    def judged(after_ms: float) -> Verdict:
        before, after = run(20.0) + run(1.0, 1000, queryid=2), run(15.0) + run(after_ms, 1000, queryid=2)
        return judge([PROMISE], before, after, writers=frozenset({1, 2}))

    assert judged(1.05).write_ms_per_day == 0.0 and judged(1.05).state == "helped"
    worse = judged(1.5)
    assert worse.state == "worse" and round(worse.write_ms_per_day) == round(0.5 * 1000 * 1440)


def test_an_index_that_was_never_scanned_did_not_help() -> None:
    verdict = judge([PROMISE], run(20.0), run(2.0), scans=0)
    assert verdict.state == "no effect" and "never scanned" in verdict.reason
    assert judge([PROMISE], run(20.0), run(2.0), scans=3).state == "helped"


def test_a_statement_too_small_to_be_kept_has_become_fast() -> None:
    often = Promise(1, calls_per_day=144_000.0, before_ms=20.0, after_ms=0.01)
    verdict = judge([often], run(20.0), [], smallest=[(60.0, 50.0)] * 10)
    assert verdict.state == "helped" and verdict.enough
    assert verdict.statements[0].after_is_bound and verdict.statements[0].after_ms == 0.5
    assert judge([PROMISE], run(20.0), [], smallest=[(60.0, 50.0)] * 10).state == "unknown"


def test_the_main_statements_decide_when_it_is_enough() -> None:
    seldom = Promise(2, calls_per_day=1.0, before_ms=10.0, after_ms=1.0)
    before = run(20.0) + run(10.0, queryid=2)
    assert judge([PROMISE, seldom], before, run(2.0)).enough
    main = Promise(2, calls_per_day=1000.0, before_ms=100.0, after_ms=1.0)
    assert not judge([PROMISE, main], before, run(2.0)).enough


@pytest.mark.parametrize(
    ("slowdown", "after_ms", "state"),
    [
        (1.0, 21.0, "no effect"),
        (1.5, 21.0, "helped"),  # 14 ms on the machine of before
        (1.5, 45.0, "worse"),
        (3.0, 30.0, "unknown"),  # worse as it is, helped as it would be: too much happened
        (3.0, 2.0, "helped"),
        (0.7, 2.0, "helped"),
        (0.7, 19.0, "no effect"),  # never "worse" because others got faster
        (0.7, 14.0, "unknown"),  # all got faster by so much
        (0.01, 0.2, "unknown"),
        (0.01, 20.0, "unknown"),
    ],
)
def test_the_machine_excuses_and_never_condemns(slowdown: float, after_ms: float, state: str) -> None:
    verdict = fair(lambda after: judge([PROMISE], run(20.0), after), run(after_ms), slowdown)
    assert verdict.state == state, verdict
    assert ("other tables" in verdict.reason) is (state == "unknown")


def test_other_indexes_of_the_same_minute_do_not_condemn_one() -> None:
    slowdown = drift([(100.0, 1.0)] * 5)
    verdict = fair(lambda after: judge([PROMISE], run(20.0), after, scans=500), run(0.2), slowdown)
    assert verdict.state not in ("worse", "no effect"), verdict
