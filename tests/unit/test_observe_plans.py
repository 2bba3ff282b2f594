"""Logs of strangers, plans without values, and what changed between two plans."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.history.types import LoggedPlan, StatementKey
from postai.observe.collect_plans_log import LogFormat, LogPart, names_its_origin, read_log
from postai.observe.collect_plans_strip import filled, stripped
from postai.observe.plan_hash import plan_hash, plan_shape
from postai.observe.regressions_plans import in_words, plan_change
from postai.sql.plan import read_plan

PLAN = {"Node Type": "Seq Scan", "Relation Name": "cows", "Filter": "(name = 'Alma'::text)", "Total Cost": 8.5}
DOCUMENT = {"Query Text": "select 1\nfrom cows", "Plan": PLAN}
MESSAGE = "duration: 12.345 ms  plan:\n" + json.dumps(DOCUMENT, indent=2)
PREFIX = "%m [%p] %q%u@%d/%a "
FORMATS: tuple[LogFormat, ...] = ("jsonlog", "csvlog", "stderr")
KEYS = st.text(max_size=5) | st.sampled_from(
    ["Node Type", "Relation Name", "Plans", "Workers", "Triggers", "Filter", "Sort Key", "Plan Rows", "Actual Rows",
     "Actual Loops", "Actual Total Time", "Total Cost", "Hash Batches", "Strategy", "Rows Removed by Filter"]
)  # fmt: skip


def record(log_format: LogFormat, message: str, context: str = "", statement: str = "") -> bytes:
    if log_format == "jsonlog":
        told = {"context": context, "statement": statement} if statement else {"context": context}
        found = {"user": "u", "dbname": "d", "message": message, "query_id": -7, **told}
        return (json.dumps(found) + "\n").encode()
    if log_format == "csvlog":
        begin = ["2025-01-01 00:00:00.000 UTC", "u", "d", *[""] * 10, message, *[""] * 4]
        values = [*begin, context, statement, *[""] * 5, "-7"]
        file = io.StringIO()
        csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow(values)
        return file.getvalue().replace('"2025', "2025", 1).replace('UTC"', "UTC", 1).encode()
    return ("2025-01-01 00:00:00.000 UTC [7] u@d/x LOG:  " + message.replace("\n", "\n\t") + "\n").encode()


@pytest.mark.parametrize("log_format", FORMATS)
def test_plans_are_found_and_what_is_not_whole_is_left_for_later(log_format: LogFormat) -> None:
    one = record(log_format, MESSAGE)
    other = record(log_format, 'something "else"\nduration: 1.000 ms  plan:\n{"Plan": {}}')
    whole = other + one + other + one
    part = read_log(log_format, whole + one[:-20], PREFIX, "d")
    assert part.consumed == len(whole)
    assert [(run.duration_ms, run.user, run.document) for run in part.runs] == [(12.345, "u", DOCUMENT)] * 2
    assert {run.queryid for run in part.runs} == {None if log_format == "stderr" else -7}
    text = record(log_format, "duration: 1.000 ms  plan:\nQuery Text: select 1\nSeq Scan on cows") + other
    assert read_log(log_format, text, PREFIX, "d") == LogPart((), len(text), 1)


@pytest.mark.parametrize("log_format", FORMATS)
@pytest.mark.parametrize(
    "document",
    [
        '{"Plan": ' + '{"Plans": [' * 100_000,
        '{"Plan": {"Total Cost": NaN}}',
        '{"Plan": {"Total Cost": ' + "9" * 5000 + "}}",
        '{"Plan": 1}',
        "[]",
        '{"Plan": {}} x',
        '{"Plan": {}, "x": "' + "y" * 2_000_000 + '"}',
    ],
)
def test_what_no_server_wrote_is_passed_over(log_format: LogFormat, document: str) -> None:
    hostile = record(log_format, f"duration: 1.000 ms  plan:\n{document}")
    good = record(log_format, MESSAGE)
    whole = hostile + b"\xff\xfe ms  plan:\n" + good
    part = read_log(log_format, whole, PREFIX, "d")
    assert [run.document for run in part.runs] == [DOCUMENT]
    assert part.consumed == len(whole)


@pytest.mark.parametrize("log_format", ["jsonlog", "csvlog"])
def test_what_a_function_raised_is_no_plan(log_format: LogFormat) -> None:
    forged = record(log_format, MESSAGE, "Fonction PL/pgSQL forge(), ligne 1 à RAISE", "select forge()")
    nested = record(log_format, MESSAGE, "PL/pgSQL function f() line 1 at SQL statement")
    assert read_log(log_format, forged, PREFIX, "d").runs == ()
    assert len(read_log(log_format, nested, PREFIX, "d").runs) == 1
    assert read_log(log_format, nested, PREFIX, "d", statements_told=False).runs == ()
    assert len(read_log(log_format, record(log_format, MESSAGE), PREFIX, "d", statements_told=False).runs) == 1


BEGIN = "2025-01-01 00:00:00.000 UTC [7] "


@pytest.mark.parametrize(
    ("prefix", "head", "user"),
    [
        (PREFIX, BEGIN + "u@d/x LOG:  ", "u"),
        (PREFIX, BEGIN + "u@d/x СООБЩЕНИЕ:  00000: ", "u"),
        ("%m [%p] %-9u|%10d|", BEGIN + "u        |         d|LOG:  ", "u"),
        (PREFIX, BEGIN + 'o@d/x ERROR:  invalid input: "x LOG:  ', None),
        (PREFIX, BEGIN + "o@d/x LOG:  duration: 9.0 ms  plan: ERROR:  ", None),
        (PREFIX, BEGIN + "LOG:  ", None),  # a process without a client
        (PREFIX, "u@d/x LOG:  ", None),
        (PREFIX, BEGIN + "u@d/y@z/x LOG:  ", "u"),
        (PREFIX, BEGIN + "u@e/x LOG:  ", None),
        ("%a %u %d ", "x u d o d LOG:  ", None),  # application_name = 'x u d'
        ("%m %u ", "2025-01-01 00:00:00.000 UTC u LOG:  ", None),
    ],
)
def test_a_line_begins_with_its_prefix_and_its_severity(prefix: str, head: str, user: str | None) -> None:
    line = (head + MESSAGE.replace("\n", "\n\t") + "\n").encode()
    assert [run.user for run in read_log("stderr", line, prefix, "d").runs] == ([] if user is None else [user])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.dictionaries(KEYS, JSON, max_size=6))
def test_any_plan_is_made_small(plan: dict[str, Any]) -> None:
    told = stripped(plan)
    assert told is not None
    shape = plan_shape({"Plan": told})
    assert shape is not None
    plan_hash(shape)
    read_plan([{"Plan": told}])
    json.dumps(told, allow_nan=False)
    assert all(isinstance(told.get(key, []), list) for key in ("Plans", "Workers", "Triggers"))
    assert plan_shape({"Plan": {"Plans": 5}}) == {"Node Type": ""}


@given(st.binary(max_size=300), st.sampled_from(FORMATS), st.booleans())
def test_any_bytes_are_read_to_an_end(data: bytes, log_format: LogFormat, marked: bool) -> None:
    if marked:
        data = data.replace(b"a", b" ms  plan:\n\t")
    assert 0 <= read_log(log_format, data, PREFIX, "d").consumed <= len(data)


def test_prefixes() -> None:
    line = "2025-01-01 00:00:00 UTC-me-%-    shop q=-42 LOG:  " + MESSAGE.replace("\n", "\n\t") + "\n"
    (run,) = read_log("stderr", line.encode(), "%t-%u-%%-%10d q=%Q ", "shop").runs
    assert (run.user, run.queryid) == ("me", -42)
    assert names_its_origin("%u %q%d ")
    assert not any(names_its_origin(one) for one in ("", "%m [%p] ", "%u ", "%u%%d", "%u %d :  "))


def test_no_value_stays_in_a_plan() -> None:
    plan: dict[str, Any] = {
        **PLAN,
        "Filter": "((\"odd 'name\" = 'it''s a secret'::text) AND (x1 > -12.5) AND (a ~~ E'secret\\\\'))",
        "Sort Key": ["(lower('secret'::text)) DESC", "c2"],
        "Remote SQL": "select 'secret'",
        "Output": ["'secret'"],
        "Plan Rows": 7,
        "Plans": [{"Node Type": "Result", "One-Time Filter": "(1 = 'secret"}],
    }
    told = stripped(plan)
    assert told is not None
    assert "secret" not in json.dumps(told)
    assert told["Filter"] == '(("odd \'name" = $1::text) AND (x1 > $2) AND (a ~~ E$3))'
    assert (told["Plan Rows"], told["Plans"][0]["Node Type"]) == (7, "Result")
    deep: dict[str, Any] = {"Node Type": "x"}
    for _ in range(500):
        deep = {"Node Type": "x", "Plans": [deep]}
    assert stripped(deep) is None
    assert stripped({"Node Type": "Append", "Plans": [{}] * 5000}) is None
    assert stripped({"Node Type": "\ud800", "Alias": "\0", "Plan Rows": float("inf")}) == {}


def test_parameters_go_to_their_places() -> None:
    text = "select '$1', $2 from t where a = $1 and b like $2"
    assert filled(text, "$1 = '7', $2 = 'it''s \\'") == (
        "select '$1',  E'it''s \\\\'  from t where a =  '7'  and b like  E'it''s \\\\' "
    )
    assert filled("select $1", "$1 = NULL") == "select  NULL "
    assert filled("select $1", "$1 = 'cut...'") is None
    assert filled("select $1, $2", "$1 = '1'") is None
    assert filled("select $1", "$1 = '1'; drop table t") is None
    assert filled("select $1 from", "$1 = '1'") is None


NOW = datetime(2025, 1, 1, tzinfo=UTC)


def logged(plan_hash: str, plan: dict[str, Any], first: int, last: int) -> LoggedPlan:
    seen = (NOW + timedelta(minutes=first), NOW + timedelta(minutes=last))
    return LoggedPlan(StatementKey(1, 2, 3, True), plan_hash, {"Plan": plan}, None, 1, 5.0, *seen)


def test_what_changed_between_plans() -> None:
    index = {"Node Type": "Index Scan", "Relation Name": "cows", "Index Name": "cows_barn"}
    before = logged("a", {"Node Type": "Sort", "Plans": [index]}, -9, 0)
    after = logged("b", {"Node Type": "Sort", "Plans": [PLAN]}, 1, 2)
    change = plan_change([after, before], NOW)
    assert change is not None
    assert (change.before, change.after) == ("a", "b")
    assert in_words(change) == (
        "it runs with another plan than before: Seq Scan on cows in the place of Index Scan on cows using cows_barn"
    )
    again = plan_change([logged("a", PLAN, -9, 1)], NOW)
    assert again is not None
    assert again.before == again.after
    assert plan_change([after], NOW) is None
    assert plan_change([before], NOW) is None
