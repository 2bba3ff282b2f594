"""The shared cases of schemas in words, judged by their own scorer; skipped where they are not at hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import TestDatabase
from postai.database import connect
from postai.design.propose import change_by_grammar, design_by_grammar
from postai.design.stored import read_draft


def score(shared: Path, database: TestDatabase, cases: str, predictions: Path) -> dict[str, object]:
    """What the scorer says."""
    dsn = dict(part.split("=", 1) for part in database.dsn().split())
    password = dsn.pop("password", "")
    done = subprocess.run(
        [sys.executable, shared / "check_schema.py", "--dsn", " ".join(f"{k}={v}" for k, v in dsn.items()), "--cases",
         shared / cases, "--predictions", predictions, "--json"],
        capture_output=True, text=True, check=False, env={**os.environ, "PGPASSWORD": password},
    )  # fmt: skip
    assert done.stdout, done.stderr
    print(done.stdout)
    return dict(json.loads(done.stdout)["total"])


@pytest.fixture
def cases(shared: Path) -> Path:
    """The directory of the cases."""
    place = shared / "eval" / "nl2schema"
    if not place.exists():
        pytest.skip("the shared cases of schemas in words are not here")
    return place


def test_shared_descriptions(cases: Path, database18: TestDatabase, tmp_path: Path) -> None:
    lines = []
    for line in (cases / "create.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        lines.append(json.dumps({"id": case["id"], "ddl": ";\n".join(design_by_grammar(case["description"]).up)}))
    (tmp_path / "made.jsonl").write_text("\n".join(lines), "utf-8")
    told = score(cases, database18, "create.jsonl", tmp_path / "made.jsonl")
    assert told["passed"] == told["cases"]


def test_shared_wishes(cases: Path, database18: TestDatabase, tmp_path: Path) -> None:
    wishes = [json.loads(line) for line in (cases / "alter.jsonl").read_text("utf-8").splitlines()]
    database18.execute((cases / wishes[0]["start"]).read_text("utf-8"))
    lines = []
    with connect(database18.dsn()) as db:
        for case in wishes:
            made = change_by_grammar(read_draft(db), case["request"])
            lines.append(
                json.dumps(
                    {"id": case["id"], "up": ";\n".join(made.up), "down": ";\n".join(made.down),
                     "destructive": made.destructive, "warnings": made.warnings}
                )
            )  # fmt: skip
    (tmp_path / "made.jsonl").write_text("\n".join(lines), "utf-8")
    told = score(cases, database18, "alter.jsonl", tmp_path / "made.jsonl")
    assert told["passed"] == told["cases"]
