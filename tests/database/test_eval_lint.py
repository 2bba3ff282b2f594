"""The linter on labelled cases from outside, where they lie beside the checkout: with and without catalogs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from conftest import drop_database, make_database
from eval.lint_scoring import judge
from postai.database import connect
from postai.migrate.lint import LintOptions, lint_text, load_known

PRECISION, RECALL = 1.0, 0.96
RECALL_OF_TEXT = 0.9


@pytest.fixture
def cases(shared: Path) -> list[dict[str, Any]]:
    path = shared / "eval" / "ddl_hazards.jsonl"
    if not path.is_file():
        pytest.skip("no eval/ddl_hazards.jsonl in ../shared")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def named(text: str, options: LintOptions, known: Any = None) -> set[str]:
    return {hazard for one in lint_text(text, options, known).statements for hazard in one.hazards}


def test_with_catalogs(cases: list[dict[str, Any]], request: pytest.FixtureRequest) -> None:
    def answers() -> Iterator[tuple[str, set[str], set[str]]]:
        for version in sorted({case["pg_version"] for case in cases}):
            database = make_database(request.getfixturevalue(f"pg{version}"))
            with database.connect() as session, connect(database.dsn()) as db:
                for case in cases:
                    if case["pg_version"] == version:
                        session.execute("drop schema public cascade; create schema public")
                        for statement in case["setup"]:
                            session.execute(statement)
                        yield (
                            case["sql"],
                            set(case["hazards"]),
                            named(case["sql"], LintOptions(version), load_known(db)),
                        )
            drop_database(database)

    result = judge(answers())
    print(result, *result.wrong, sep="\n")
    assert result.precision >= PRECISION and result.recall >= RECALL and result.clean == result.safe


def test_from_the_text_alone(cases: list[dict[str, Any]]) -> None:
    result = judge(
        (case["sql"], set(case["hazards"]), named(case["sql"], LintOptions(case["pg_version"]))) for case in cases
    )
    print(result, *result.wrong, sep="\n")
    assert result.precision >= PRECISION and result.recall >= RECALL_OF_TEXT and result.clean == result.safe
