"""What is told of statements that were left out: how many and why, nothing of what they say."""

from __future__ import annotations

import pytest

from postai.optimize.left_out import is_about_the_system, left_out, of_the_run
from postai.optimize.types import Skipped


def test_counts_and_classes_only() -> None:
    texts = {"1": "select secret_function(4) from payroll", "2": "select set_config('a', 'b', false)"}
    skipped = [
        Skipped("1", "function public.secret_function is not allowed. public.secret_function."),
        Skipped("2", "function pg_catalog.set_config is not allowed"),
        Skipped("3", 'PostgreSQL cannot plan it: column "salary" does not exist'),
        Skipped("4", 'PostgreSQL cannot plan it: relation "payroll" does not exist'),
        Skipped("5", "SET has no plan that an index could change"),
        Skipped("6", 'its text is truncated or no SQL: syntax error at or near "payroll"'),
    ]
    assert left_out(skipped, texts) == [
        "2 statements were left out: PostgreSQL cannot plan them as they are written",
        "1 statement was left out: the guard does not let them be planned",
        "1 statement was left out: their texts are truncated or no SQL",
    ]


def test_notes_that_quote_a_statement_are_counted() -> None:
    notes = ["the time was over before 3 statements were read", "77: no index can serve its condition on salary"]
    first, second = of_the_run(notes)
    assert first == notes[0] and "1 statement was found" in second and "salary" not in second
    assert list(of_the_run(notes[:1])) == notes[:1]


@pytest.mark.parametrize(
    ("sql", "own"),
    [
        ("select postai._grant($1, $2)", True),
        ("select * from postai.optimize()", True),
        ("select pg_catalog.set_config($1, $2, $3)", True),
        ("select hypopg_reset()", True),
        ("select postai._grant($1 || f) from unnest(array[$2]) as f", True),
        ("savepoint $1", True),
        ("with x as (select oid from pg_class) select pg_sleep($1), * from x", True),
        ("insert into postai.setting values ($1)", True),
        ("select pg_sleep($1) from shop.item", False),
        ("select set_config($1, $2, $3), price from item", False),
        ("select refund($1)", False),
        ("select public.pay($1)", False),
        ("select $1", False),
        ("selec $1", False),
    ],
)
def test_what_belongs_to_postai_and_the_server(sql: str, own: bool) -> None:
    assert is_about_the_system(sql) is own
