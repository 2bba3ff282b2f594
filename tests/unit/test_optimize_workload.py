"""Reading workloads."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from postai.errors import UsageError
from postai.history.types import StatementKey, StatementWindow
from postai.optimize.workload import from_windows, one_statement, read_workload, unparsable

FILE = """-- anything may stand before the first statement
-- @id find calls=400 trap=whatever
-- @params 'a | b' | 7
-- @params E'it''s' | 8
select * from t
where name = $1 -- a comment
  and n = $2;

-- @id write calls=12.5 kind=write table=t cols=n
update t set n = $1;
"""


def test_a_file_of_blocks():
    found = read_workload(FILE)
    assert [one.id for one in found.statements] == ["find", "write"]
    first, second = found.statements
    assert first.calls_per_day == 400
    assert first.parameters == (("'a | b'", "7"), ("E'it''s'", "8"))
    assert first.sql.startswith("select * from t") and not first.sql.endswith(";")
    assert second.calls_per_day == 12.5 and second.parameters == ()
    assert found.source == "file"


@pytest.mark.parametrize("calls", ["many", "-1", "inf", "nan"])
def test_calls_that_are_no_number(calls: str):
    with pytest.raises(UsageError, match="is no number") as caught:
        read_workload(f"-- @id x calls={calls}\nselect 1")
    assert caught.value.sqlstate == "PA000" and "calls per day" in (caught.value.hint or "")


ROWS = [
    {"queryid": 1, "query": "select $1", "calls": 10, "total_exec_time": 50.0, "mean_exec_time": 5.0, "rows": 20},
    {"queryid": 2, "query": "", "calls": 1, "total_exec_time": 1, "mean_exec_time": 1, "rows": 0},
]


@pytest.mark.parametrize(
    "text", ['query,calls\n"select 1', "query,calls,rows\nselect 1,5,1\nselect 2\n", "query,calls\na,1,2"]
)
def test_an_export_that_is_cut_is_an_error(text: str):
    with pytest.raises(UsageError, match="is not whole") as caught:
        read_workload(text)
    assert "Export it again" in (caught.value.hint or "")


def test_what_cannot_be_parsed_is_known():
    with pytest.raises(UsageError, match="cannot be parsed"):
        read_workload("selec 1")
    found = unparsable(read_workload("-- @id bad calls=5\nselec 1;\n-- @id good calls=5\nselect 1;"))
    assert found.keys() == {"bad"}


def test_an_export_as_json_and_as_csv_say_the_same():
    heading = "queryid,query,calls,total_exec_time,mean_exec_time,rows\n"
    csv = heading + "1,select $1,10,50.0,5.0,20\n2,,1,1,1,0\n"
    for text in (json.dumps(ROWS), csv):
        found = read_workload(text, days=2.0)
        (one,) = found.statements
        assert (one.id, one.calls_per_day, one.mean_ms, one.rows_per_call) == ("1", 5.0, 5.0, 2.0)
        assert found.skipped[0].id == "2"


@pytest.mark.parametrize("text", ["{", "[1]", '[{"query": "select 1", "calls": "x"}]', "[]"])
def test_an_export_that_is_none(text: str):
    with pytest.raises(UsageError):
        read_workload(text)


def test_plain_statements_and_one():
    assert [one.sql for one in read_workload("select 1; select ';';").statements] == ["select 1", "select ';'"]
    assert one_statement("select 1", search_path=("a",)).statements[0].search_path == ("a",)


def test_windows_are_added_up_by_key():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    end = start + timedelta(hours=1)
    key, other, elsewhere = (StatementKey(n, 10, db, True) for n, db in ((1, 5), (2, 5), (3, 6)))
    windows = [
        StatementWindow(key, "select 1", start, end, 2, 10.0, rows=4),
        StatementWindow(key, None, start, end, 2, 30.0),
        StatementWindow(other, None, start, end, 1, 1.0),
        StatementWindow(elsewhere, "select 3", start, end, 1, 1.0),
    ]
    found = from_windows(windows, dbid=5, days=2.0)
    (one,) = found.statements
    assert (one.calls_per_day, one.mean_ms, one.rows_per_call) == (2.0, 10.0, 1.0)
    assert [skipped.id for skipped in found.skipped] == ["2"]
