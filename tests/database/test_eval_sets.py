"""The embedded engine on the question sets of this project, in three settings, each with its floor.

Every set is a made-up database (schema.sql, comments.sql, joins.json) with questions, right statements, and questions
that have no answer. The floors stand a little under what was measured; to see every question:

    pytest tests/database/test_eval_sets.py -s
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conftest import TestDatabase, drop_database, make_database
from eval.scoring import Outcome, Score, judge, score
from postai.cli.main import run
from postai.database import connect
from postai.setup.server import LocalServer

pytestmark = pytest.mark.uncovered  # other tests go the same ways, fewer times
SETS = Path(__file__).resolve().parents[1] / "eval" / "sets"
NAMES = sorted(path.name for path in SETS.iterdir())
BUCKETS = (0.0, 0.6, 0.75, 0.85, 0.95, 1.01)


@dataclass(frozen=True)
class Run:
    """The predictions of one setting and what became of them."""

    score: Score
    outcomes: dict[str, Outcome]
    confidence: dict[str, float]


class Sets:
    """All sets; the questions on the bare schema are answered before the comments are added."""

    def __init__(self, server: LocalServer, directory: Path) -> None:
        self.server = server
        self.directory = directory
        self.databases: list[TestDatabase] = []
        self.questions: list[dict[str, Any]] = []
        joins: dict[str, Any] = {}
        for name in NAMES:
            lines = (SETS / name / "questions.jsonl").read_text("utf-8").splitlines()
            self.questions += [json.loads(line) for line in lines if line.strip()]
            joins.update(json.loads((SETS / name / "joins.json").read_text("utf-8")))
            self.databases.append(self._load(name))
        (directory / "joins.json").write_text(json.dumps(joins))
        (directory / "questions.jsonl").write_text("\n".join(map(json.dumps, self.questions)))
        self._runs = {"bare": self._run("bare", [])}
        for name, database in zip(NAMES, self.databases, strict=True):
            database.execute((SETS / name / "comments.sql").read_text("utf-8"))

    def _load(self, name: str) -> TestDatabase:
        database = make_database(self.server)
        with psycopg.connect(self.server.dsn(), autocommit=True) as connection:
            connection.execute(f'alter database "{database.name}" rename to "set_{name}"')  # type: ignore[arg-type]
        database = TestDatabase(self.server, f"set_{name}")
        database.execute((SETS / name / "schema.sql").read_text("utf-8"))
        return database

    def run(self, setting: str) -> Run:
        """One of "bare", "comments" and "joins" (and comments)."""
        if setting not in self._runs:
            more = ["--joins", str(self.directory / "joins.json")] if setting == "joins" else []
            self._runs[setting] = self._run(setting, more)
        return self._runs[setting]

    def _run(self, setting: str, more: list[str]) -> Run:
        out = self.directory / f"{setting}.jsonl"
        dsn = f"host=127.0.0.1 port={self.server.port} user={self.server.superuser} dbname=set_{{db}}"
        arguments = ["eval", "nl2sql", "--questions", str(self.directory / "questions.jsonl"), "--dsn", dsn]
        assert run([*arguments, "--engine", "grammar", "--out", str(out), *more]) == 0
        lines = {line["id"]: line for line in map(json.loads, out.read_text("utf-8").splitlines())}
        outcomes: dict[str, Outcome] = {}
        for name in NAMES:
            with connect(self.server.dsn(f"set_{name}")) as db:
                for question in self.questions:
                    if question["db"] == name:
                        outcomes[question["id"]] = judge(db, question, lines[question["id"]]["sql"])
                        print(f"{outcomes[question['id']]:12} {question['id']}: {question['question']}")
        confidence = {key: line["confidence"] for key, line in lines.items()}
        return Run(score(self.questions, outcomes), outcomes, confidence)


@pytest.fixture(scope="module")
def sets(pg15: LocalServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sets]:
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("sets")
        patch.setenv("PGPASSWORD", pg15.password())
        patch.setenv("XDG_CONFIG_HOME", str(directory))
        loaded = Sets(pg15, directory)
        yield loaded
        for database in loaded.databases:
            drop_database(database)


def test_every_right_statement_is_right(sets: Sets) -> None:
    for name in NAMES:
        with connect(sets.server.dsn(f"set_{name}")) as db:
            for question in sets.questions:
                if question["db"] == name:
                    assert {judge(db, question, gold) for gold in question["gold_sql"]} <= {"right"}, question["id"]


@pytest.mark.parametrize(
    ("setting", "correct"), [("bare", 0.48), pytest.param("comments", 0.55, marks=pytest.mark.soak), ("joins", 0.55)]
)
def test_floors(sets: Sets, setting: str, correct: float) -> None:
    found = sets.run(setting).score
    print(setting, found)
    assert found.correct >= correct
    assert found.precision >= (0.82 if setting == "bare" else 0.88)
    assert found.declined / found.unanswerable >= 0.95


def test_no_statement_fails_to_run(sets: Sets) -> None:
    for setting in ("bare", "joins"):
        assert "error" not in sets.run(setting).outcomes.values()


def test_confidence_means_what_it_says(sets: Sets) -> None:
    """The reliability table: of the answers with about the same confidence, about that share is right."""
    counts: Counter[tuple[float, bool]] = Counter()
    for setting in ("bare", "joins"):
        done = sets.run(setting)
        for key, outcome in done.outcomes.items():
            if outcome in ("right", "wrong", "false answer"):
                low = max(bucket for bucket in BUCKETS if bucket <= done.confidence[key])
                counts[low, outcome == "right"] += 1
    for low, high in pairwise(BUCKETS):
        right, wrong = counts[low, True], counts[low, False]
        if right + wrong:
            print(f"confidence {low:.2f} to {min(high, 1):.2f}: {right} of {right + wrong} right")
        if right + wrong >= 20:
            assert right / (right + wrong) >= low - 0.1
