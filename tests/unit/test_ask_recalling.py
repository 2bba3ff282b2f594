"""Which answers are kept, and what makes another key."""

from __future__ import annotations

import dataclasses
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.ask.recalling import may_be_kept, recall_key, same_question
from postai.ask.types import Answer, AskOptions, AskRequest, Reading
from postai.database.catalog import Catalog, Column, ColumnName, KnownJoin, KnownValues, Table
from postai.language.taught import Example, Taught, Term

CATALOG = Catalog("fleet", 150000, "f1", (Table(1, "public", "rider", "table", columns=(
    Column(1, "kind", "text", 25, "text", "S", values=KnownValues(("a",), True)),
)),))  # fmt: skip
REQUEST = AskRequest("How many riders are there?", "ann", ("public",), date(2026, 3, 14))
KEY = recall_key(REQUEST, CATALOG, AskOptions(), "claude")
JOIN = KnownJoin(ColumnName("public", "rider", "kind"), ColumnName("public", "rider", "kind"))


def answer(sql: str, explanation: str = "The riders.", **more: object) -> Answer:
    values = {"status": "answered", "sql": sql, "explanation": explanation, "confidence": 0.9, "engine": "model"}
    return Answer(**{**values, "readings": (Reading(explanation, sql, 0.9),), **more})  # type: ignore[arg-type]


def kept(question: str, sql: str, explanation: str = "The riders.", notes: str = "") -> bool:
    request = dataclasses.replace(REQUEST, question=question, taught=Taught(notes=notes))
    return may_be_kept(answer(sql, explanation), request)


def test_what_makes_no_difference() -> None:
    for question in ("  How many riders\n are there ", "How many riders are there??", "How many riders are there."):
        assert recall_key(dataclasses.replace(REQUEST, question=question), CATALOG, AskOptions(), "claude") == KEY
    later = dataclasses.replace(REQUEST, today=date(2027, 1, 1), max_rows=5)
    assert recall_key(later, CATALOG, AskOptions(cost_ceiling=1.0), "claude") == KEY
    analysed = dataclasses.replace(CATALOG, tables=(dataclasses.replace(CATALOG.tables[0], row_estimate=7),))
    assert recall_key(REQUEST, analysed, AskOptions(), "claude") == KEY
    assert same_question("Cafe\u0301s?") == same_question("Caf\u00e9s")


def test_what_makes_a_difference() -> None:
    def asked(**changes: object) -> str:
        return recall_key(dataclasses.replace(REQUEST, **changes), CATALOG, AskOptions(), "claude")  # type: ignore[arg-type]

    table = CATALOG.tables[0]
    other_values = dataclasses.replace(table.columns[0], values=KnownValues(("a", "b"), True))
    keys = {
        KEY,
        asked(question="How many Riders are there?"),
        asked(role="bob"),
        asked(search_path=("sales", "public")),
        asked(taught=Taught((Term("rider", "a person"),))),
        asked(taught=Taught(examples=(Example("How many?", "SELECT 1"),))),
        asked(taught=Taught(notes="count all")),
        recall_key(REQUEST, CATALOG, AskOptions(), "other"),
        recall_key(REQUEST, CATALOG, AskOptions(share_values=True), "claude"),
        recall_key(REQUEST, CATALOG, AskOptions(allowed_functions=frozenset({"public.f"})), "claude"),
        recall_key(REQUEST, CATALOG, AskOptions(second_sample=True), "claude"),
        recall_key(REQUEST, dataclasses.replace(CATALOG, fingerprint="f2"), AskOptions(), "claude"),
        recall_key(REQUEST, dataclasses.replace(CATALOG, database="other"), AskOptions(), "claude"),
        recall_key(REQUEST, dataclasses.replace(CATALOG, joins=(JOIN,)), AskOptions(), "claude"),
        recall_key(
            REQUEST,
            dataclasses.replace(CATALOG, tables=(dataclasses.replace(table, columns=(other_values,)),)),
            AskOptions(),
            "claude",
        ),
    }
    assert len(keys) == 15
    assert all(len(key) == 64 for key in keys)


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("How many orders last month?", "SELECT count(*) FROM o WHERE at >= '2026-02-01' AND at < '2026-03-01'"),
        ("How many orders this year?", "SELECT count(*) FROM o WHERE extract(year FROM at) = 2026"),
        ("How many orders last year?", "SELECT count(*) FROM o WHERE year = '2025'"),
        ("How many orders this month?", "SELECT count(*) FROM o WHERE month = 3"),
        ("How many orders this month?", "SELECT count(*) FROM o WHERE to_char(at, 'MM') = '03'"),
        ("How many orders this month?", "SELECT count(*) FROM o WHERE month ILIKE 'mar%'"),
        ("How many orders this month?", "SELECT count(*) FROM o WHERE month = 'March'"),
        ("How many orders today?", "SELECT count(*) FROM o WHERE weekday = 'Saturday'"),
        ("How many orders this quarter?", "SELECT count(*) FROM o WHERE extract(quarter FROM at) IN (1)"),
        ("How many orders this quarter?", "SELECT count(*) FROM o WHERE quarter = 'Q1'"),
        (
            "How many orders since 2024 until now?",
            "SELECT count(*) FROM o WHERE at BETWEEN '2024-01-01' AND '2026-03-14'",
        ),
        ("How many orders in March?", "SELECT count(*) FROM o WHERE at >= DATE '2026-03-01'"),
        ("Orders of this year compared to 2026", "SELECT count(*) FROM o WHERE at >= DATE '2026-01-01'"),
        ("How many orders this month?", "SELECT count(*) FROM o WHERE at >= make_date(2026, 3, 1)"),
    ],
)
def test_what_came_from_today_is_not_kept(question: str, sql: str) -> None:
    assert not kept(question, sql)


@pytest.mark.parametrize(
    ("question", "sql"),
    [
        ("Orders last month", "SELECT 1 FROM o WHERE at >= date_trunc('month', CURRENT_DATE) - interval '1 month'"),
        ("How many orders in 2024?", "SELECT count(*) FROM o WHERE at >= '2024-01-01' AND at < '2024-12-31'"),
        ("How many orders in March 2024?", "SELECT count(*) FROM o WHERE month = 'March' AND year = 2024"),
        ("How many orders in the past 30 days?", "SELECT count(*) FROM o WHERE at >= CURRENT_DATE - 30"),
        ("The top 3 customers", "SELECT name FROM c ORDER BY total DESC LIMIT 3"),
        ("Orders per month", "SELECT date_trunc('month', at)::date AS month, count(*) FROM o GROUP BY 1 LIMIT 14"),
        ("Check-ins on Mondays", "SELECT count(*) FROM o WHERE day ILIKE 'mon%'"),
    ],
)  # fmt: skip
def test_what_stays_right_is_kept(question: str, sql: str) -> None:
    assert kept(question, sql)


def test_the_words_count_too() -> None:
    sql = "SELECT count(*) FROM o WHERE at >= date_trunc('month', CURRENT_DATE)"
    assert not kept("How many orders this month?", sql, "Orders since 2026-03-01.")
    assert not kept("How many orders this month?", sql, "Orders in March.")
    assert kept("How many orders this month?", sql, "Orders of this month; some may be cancelled.")
    assert kept("What is the NRR?", "SELECT sum(x) FROM o WHERE year = 2024", notes="NRR counts 2024 only")


def test_only_answers_of_the_model_are_kept() -> None:
    assert may_be_kept(answer("SELECT 1"), REQUEST)
    assert not may_be_kept(answer("SELECT 1", engine="grammar"), REQUEST)
    assert not may_be_kept(answer("SELECT 1", status="abstained"), REQUEST)
    assert not may_be_kept(dataclasses.replace(answer("SELECT 1"), sql=None), REQUEST)
    assert not may_be_kept(answer("SELECT ("), REQUEST)


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_texts(question: str, sql: str) -> None:
    may_be_kept(answer(sql, question), dataclasses.replace(REQUEST, question=question))
    assert len(recall_key(dataclasses.replace(REQUEST, question=question), CATALOG, AskOptions(), sql)) == 64
