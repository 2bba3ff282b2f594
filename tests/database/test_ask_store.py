"""The grammar engine on questions that were written before it and that nobody tuned it to.

The bar: at least 30 of the 40 answered right, none wrong; none of the questions without an answer is answered.
"""

import sys
from pathlib import Path

import psycopg
import pytest

from conftest import TestDatabase
from postai.database import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "eval"))

from check_store_questions import QUESTIONS, UNANSWERABLE, Verdict, load_questions, runner, score
from store_predictions import predict


def verdicts(store: TestDatabase, path: Path) -> list[Verdict]:
    questions = load_questions(path)
    with connect(store.dsn("shop")) as db:
        predictions = predict(db, "shop", questions)
    with psycopg.connect(store.dsn("shop"), autocommit=True) as connection:
        return score(runner(connection), questions, predictions)


def count(found: list[Verdict], outcome: str) -> int:
    return sum(verdict.outcome == outcome for verdict in found)


@pytest.mark.slow
def test_thirty_of_forty_questions_are_right_and_none_is_wrong(store: TestDatabase) -> None:
    found = verdicts(store, QUESTIONS)
    assert len(found) == 40
    assert (count(found, "correct") >= 30, count(found, "wrong")) == (True, 0)


def test_what_the_store_does_not_know_is_not_answered(store: TestDatabase) -> None:
    found = verdicts(store, UNANSWERABLE)
    assert count(found, "correct") == len(found) == 10
