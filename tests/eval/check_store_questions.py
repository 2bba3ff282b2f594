"""Score answers to questions about the sample store: correct, wrong or abstained.

    python tests/eval/check_store_questions.py --dsn DSN --predictions FILE [--questions FILE] [--show]
    python tests/eval/check_store_questions.py --self-test [--dsn DSN]

FILE holds one JSON object a line: {"id": ..., "sql": text or null}. A missing or null answer is an abstention. A
prediction is correct when its rows equal those of one of the question's gold statements: same multiset of rows (same
sequence where the question asks for an order), columns in any order, extra columns allowed, numbers equal to six
decimals. Statements run read-only. A question without gold is answered correctly by abstaining only.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import psycopg

HERE = Path(__file__).parent
QUESTIONS = HERE / "store_questions.jsonl"
UNANSWERABLE = HERE / "store_unanswerable.jsonl"
Value = object
Rows = list[tuple[Value, ...]]
Run = Callable[[str], Rows]


@dataclass(frozen=True)
class Question:
    id: str
    question: str
    difficulty: str
    ordered: bool
    gold_sql: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """`outcome` is correct, wrong or abstained; `why` explains a wrong one."""

    question: Question
    outcome: str
    why: str = ""


def load_questions(path: Path) -> list[Question]:
    questions = []
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        questions.append(Question(**{**entry, "gold_sql": tuple(entry["gold_sql"])}))
    return questions


def plain(value: Value) -> Value:
    """A value in the form in which it is compared."""
    if isinstance(value, bool):
        return f"bool {value}"  # Python holds True and 1 for equal
    if value is None:
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return round(number, 6).normalize() + 0 if number.is_finite() else str(number)
    if isinstance(value, datetime):
        midnight = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return value.date() if midnight else value.replace(tzinfo=None)
    if isinstance(value, timedelta):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, sort_keys=True, default=str)
    return value if isinstance(value, date) else str(value).strip()


def same(gold: Rows, predicted: Rows, *, ordered: bool) -> bool:
    """Whether the predicted rows hold the gold rows: see the module's text."""
    if len(gold) != len(predicted):
        return False
    if not gold:
        return True
    wanted = [tuple(plain(value) for value in row) for row in gold]
    found = [tuple(plain(value) for value in row) for row in predicted]
    found_columns = [Counter(row[n] for row in found) for n in range(len(found[0]))]
    candidates = []
    for n in range(len(wanted[0])):
        column = Counter(row[n] for row in wanted)
        candidates.append([m for m, other in enumerate(found_columns) if other == column])
    return any(_equal(wanted, found, chosen, ordered) for chosen in _choices(candidates))


def _choices(candidates: Sequence[Sequence[int]]) -> Iterable[tuple[int, ...]]:
    if not candidates:
        yield ()
        return
    for first in candidates[0]:
        for rest in _choices([[m for m in others if m != first] for others in candidates[1:]]):
            yield (first, *rest)


def _equal(wanted: Rows, found: Rows, chosen: tuple[int, ...], ordered: bool) -> bool:
    projected = [tuple(row[m] for m in chosen) for row in found]
    return wanted == projected if ordered else Counter(wanted) == Counter(projected)


def score(run: Run, questions: Iterable[Question], predictions: Mapping[str, str | None]) -> list[Verdict]:
    """Judge every question; `run` executes one statement and returns its rows."""
    return [_judge(run, question, predictions.get(question.id)) for question in questions]


def _judge(run: Run, question: Question, sql: str | None) -> Verdict:
    if sql is None:
        return Verdict(question, "abstained" if question.gold_sql else "correct")
    if not question.gold_sql:
        return Verdict(question, "wrong", "answered a question that has no answer")
    try:
        predicted = run(sql)
    except psycopg.Error as error:
        return Verdict(question, "wrong", f"{error.sqlstate}: {str(error).splitlines()[0]}")
    if any(same(run(gold), predicted, ordered=question.ordered) for gold in question.gold_sql):
        return Verdict(question, "correct")
    return Verdict(question, "wrong", f"{len(predicted)} rows differ from every gold")


def runner(connection: psycopg.Connection) -> Run:
    """Run statements read-only, each with a limit of thirty seconds; results are kept by text."""
    connection.execute("set default_transaction_read_only = on")
    connection.execute("set statement_timeout = '30s'")
    kept: dict[str, Rows] = {}

    def run(sql: str) -> Rows:
        if sql not in kept:
            cursor = connection.execute(sql.strip().removesuffix(";"))  # type: ignore[arg-type]
            kept[sql] = cursor.fetchall() if cursor.description else []
        return kept[sql]

    return run


def check_golds(run: Run, questions: Iterable[Question]) -> list[str]:
    """What is wrong with the gold statements themselves: empty results, or one that does not equal itself."""
    problems = []
    for question in questions:
        for gold in question.gold_sql:
            rows = run(gold)
            if not rows or rows[0] == (None,) or rows == [(0,)]:
                problems.append(f"{question.id}: nothing found by {gold}")
            if not same(rows, [(*reversed(row), "extra") for row in rows], ordered=question.ordered):
                problems.append(f"{question.id}: does not equal itself: {gold}")
    return problems


def self_test() -> None:
    """Check the comparison by examples; raises AssertionError."""
    cases: list[tuple[Rows, Rows, bool, bool]] = [
        ([(1, "a"), (2, "b")], [("b", 2), ("a", 1)], False, True),
        ([(1, "a"), (2, "b")], [("b", 2), ("a", 1)], True, False),
        ([(1, "a"), (2, "b")], [(1, "b"), (2, "a")], False, False),
        ([(1,), (1,), (2,)], [(1,), (2,), (2,)], False, False),
        ([("a",)], [("a", 7.5)], False, True),
        ([("a", 7.5)], [("a",)], False, False),
        ([(Decimal("0.33333333"),)], [(1 / 3,)], False, True),
        ([(Decimal("0.3333"),)], [(1 / 3,)], False, False),
        ([(1,)], [(Decimal("1.00"),)], False, True),
        ([(Decimal("100"),)], [(100.0,)], False, True),
        ([(1,)], [(True,)], False, False),
        ([(None,)], [(0,)], False, False),
        ([(date(2025, 1, 1),)], [(datetime(2025, 1, 1),)], False, True),
        ([(1, 1)], [(1,)], False, False),
        ([], [], True, True),
        ([], [(1,)], False, False),
    ]
    for gold, predicted, ordered, expected in cases:
        assert same(gold, predicted, ordered=ordered) is expected, (gold, predicted, ordered)
    table: dict[str, Rows] = {"one": [(1,)], "two": [(2,)]}
    asked = [Question("a", "?", "ordinary", False, ("one",)), Question("b", "?", "unanswerable", False, ())]
    outcomes = [
        [v.outcome for v in score(table.__getitem__, asked, p)] for p in ({"a": "one"}, {"a": "two", "b": "one"}, {})
    ]
    assert outcomes == [["correct", "correct"], ["wrong", "wrong"], ["abstained", "correct"]], outcomes
    questions = load_questions(QUESTIONS)
    assert len(questions) == 40 == len({q.id for q in questions}) == len({q.question for q in questions})
    assert all(q.gold_sql for q in questions)
    assert not any(q.gold_sql for q in load_questions(UNANSWERABLE))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", help="a database with the sample store")
    parser.add_argument("--questions", type=Path, action="append", help="default: both files beside this one")
    parser.add_argument("--predictions", type=Path)
    parser.add_argument("--show", action="store_true", help="print every question that was not answered correctly")
    parser.add_argument("--self-test", action="store_true", help="check this scorer and, with --dsn, the gold")
    options = parser.parse_args(arguments)
    questions = [q for path in options.questions or [QUESTIONS, UNANSWERABLE] for q in load_questions(path)]
    if options.self_test:
        self_test()
        if options.dsn:
            with psycopg.connect(options.dsn, autocommit=True) as connection:
                problems = check_golds(runner(connection), questions)
            print("\n".join(problems) or "every gold statement finds rows")
            return 1 if problems else 0
        print("the scorer is sound")
        return 0
    if not (options.dsn and options.predictions):
        parser.error("--dsn and --predictions are needed")
    lines = map(json.loads, options.predictions.read_text().splitlines())
    predictions = {line["id"]: line["sql"] for line in lines}
    with psycopg.connect(options.dsn, autocommit=True) as connection:
        verdicts = score(runner(connection), questions, predictions)
    for verdict in verdicts:
        if options.show and verdict.outcome != "correct":
            print(f"{verdict.outcome:9} {verdict.question.id}  {verdict.question.question}  {verdict.why}")
    for group, members in (
        ("answerable", [v for v in verdicts if v.question.gold_sql]),
        ("unanswerable", [v for v in verdicts if not v.question.gold_sql]),
    ):
        counts = Counter(v.outcome for v in members)
        numbers = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("correct", "wrong", "abstained"))
        print(f"{group}: {numbers} of {len(members)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
