"""Questions on made-up databases and the statements they become, in one golden file for each database."""

from __future__ import annotations

import functools

import postgast
import pytest

from grammar_schemas import NAMES, load
from postai.ask.grammar import Grammar


@functools.cache
def read(name):
    """Every question on a database with its answer."""
    schema = load(name)
    engine = Grammar(schema.catalog())
    return [(question, engine.read(schema.request(question))) for question in schema.questions()]


@pytest.mark.parametrize("name", NAMES)
def test_questions_become_these_statements(name, golden):
    parts = []
    for question, answer in read(name):
        parts.append(f"-- {question}")
        if answer.sql is None:
            parts.append(f"--   {answer.status} {answer.sqlstate}: {answer.reason}\n--   {answer.hint}\n")
        else:
            postgast.parse(answer.sql)
            parts.append(f"--   {answer.confidence}: {answer.explanation}\n{answer.sql};\n")
    golden(f"grammar/{name}.sql", "\n".join(parts))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.uncovered
def test_same_question_same_answer(name):
    schema = load(name)
    for question in schema.questions()[:10]:
        answers = {Grammar(schema.catalog()).read(schema.request(question)) for _ in range(2)}
        assert len(answers) == 1


# The roles of "ranges" need declared keys: a key of a table to itself is never guessed.
@pytest.mark.parametrize("name", [name for name in NAMES if name != "ranges"])
@pytest.mark.uncovered
def test_keys_guessed_from_names_give_the_same_joins(name):
    """Without declared keys the statement is the same, or the engine says that it is not sure."""
    schema = load(name)
    guessed = Grammar(schema.catalog(keys=False))
    same = different = 0
    for question, first in read(name):
        second = guessed.read(schema.request(question))
        if first.sql is not None and second.sql is not None:
            same += first.sql == second.sql
            different += first.sql != second.sql
            assert second.confidence <= first.confidence
    assert different <= same * 0.03, (same, different)
