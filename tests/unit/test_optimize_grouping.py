"""Statements that differ in values only are taken together."""

from __future__ import annotations

import pytest

from postai.optimize.grouping import MOST_SETS, grouped
from postai.optimize.types import WorkloadStatement


def test_literals_of_many_values_become_parameters_and_others_stay() -> None:
    texts = [f"select * from t where a = {n} and state = '{'xy'[n % 2]}'" for n in range(500)]
    found = grouped(WorkloadStatement(str(n), text, 10.0, 2.0, rows_per_call=3.0) for n, text in enumerate(texts))
    assert {one.sql for one in found} == {f"select * from t where a = $1 and state = '{s}'" for s in "xy"}
    assert all((one.calls_per_day, one.mean_ms, one.rows_per_call) == (2500.0, 2.0, 3.0) for one in found)
    assert all(len(one.parameters) == MOST_SETS for one in found)
    assert {int(one.parameters[0][0]) % 2 for one in found} == {0, 1}


def test_a_few_statements_keep_their_literals() -> None:
    statements = [WorkloadStatement(str(n), f"select * from t where state = 's{n}'", 1.0) for n in range(4)]
    assert grouped(statements) == statements


def test_a_literal_with_its_type_is_one() -> None:
    text = "select * from t where at > date '2024-01-{0:02}' - interval '{0} days'"
    (found,) = grouped(WorkloadStatement(str(n), text.format(n), 1.0) for n in range(1, 9))
    assert found.sql == "select * from t where at > $1 - $2"
    assert found.parameters[6] == ("date '2024-01-07'", "interval '7 days'")


def test_what_cannot_be_written_with_parameters_stays() -> None:
    text = "select timestamp with time zone '2024-01-{:02}' from t"
    statements = [WorkloadStatement(str(n), text.format(n), 1.0) for n in range(1, 20)]
    assert grouped(statements) == statements


def test_entries_of_one_statement_add_up() -> None:
    """By other users, in another layout, with lists of another length; the one that takes most time stands for all."""
    found = grouped(
        [
            WorkloadStatement("1", "select * from t where a = $1 and b in ($2)", 10.0, 1.0, (("1", "2"),)),
            WorkloadStatement(
                "2", "SELECT *  FROM t\nWHERE a = $1 AND b IN ($2, $3) -- why", 30.0, 5.0, (("1", "2", "3"),)
            ),
            WorkloadStatement("3", "select * from t where a = $1 and c in ($2)", 10.0, 1.0),
            WorkloadStatement("4", "select * from t where a = $1 and b in ($2)", 10.0, 1.0, search_path=("other",)),
            WorkloadStatement("5", "select 'open", 10.0),
        ]
    )
    assert {one.id: (one.calls_per_day, one.mean_ms) for one in found} == {
        "2": (40.0, 4.0), "3": (10.0, 1.0), "4": (10.0, 1.0), "5": (10.0, None),
    }  # fmt: skip
    assert next(one.parameters for one in found if one.id == "2") == (("1", "2", "3"),)


@pytest.mark.parametrize(
    "text",
    [
        "select a, b, c, d, e, f from t order by {} limit 10",
        "select a, b, c, d, e, f from t group by {}, a",
        "select a::numeric({}, 2) from t",
    ],
)
def test_a_number_that_is_no_value_stays(text: str) -> None:
    statements = [WorkloadStatement(str(n), text.format(n), 1.0) for n in range(1, 7)]
    assert grouped(statements) == statements


def test_parameters_in_another_order_are_another_statement() -> None:
    texts = ("a = $1 and b = $2", "a = $2 and b = $1", "b = $1 and a = $1", "a = $1 and İd = 1", "a = $1 and i̇d = 1")
    statements = [WorkloadStatement(text, f"select * from t where {text}", 1.0) for text in texts]
    assert len(grouped(statements)) == len(statements)
