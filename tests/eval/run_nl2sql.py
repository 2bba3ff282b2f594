"""Runs the embedded engine over the evaluation questions beside the checkout and scores it with their own scorer.

    python tests/eval/run_nl2sql.py --dsn "host=... user=..." [--prefix nl2sql_] [--out predictions.jsonl] [--verbose]

The databases have to be loaded before (load.py there). Skips with a message when the data is not there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from postai.ask.grammar import Grammar
from postai.ask.types import AskRequest
from postai.database import connect
from postai.database.catalog import Catalog, ColumnName, KnownJoin, load_catalog, with_joins, with_values
from postai.deadline import Deadline
from postai.language.containment import contained_joins
from postai.language.taught import Taught
from postai.language.values import Limits, collect_values

DATA = Path(__file__).resolve().parents[3] / "shared" / "eval" / "nl2sql"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--prefix", default="nl2sql_")
    parser.add_argument("--joins", type=Path, help='declared joins: {"db": [["table.column", "table.column"], ...]}')
    parser.add_argument("--values", action="store_true", help="with the distinct values of text columns")
    parser.add_argument("--contained", action="store_true", help="with the joins that contained values show")
    parser.add_argument("--questions", type=Path, nargs="+", help="other files of questions in the same format")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--verbose", action="store_true", help="every question with its outcome and statement")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no evaluation data at {DATA}")
        return 0
    files = arguments.questions or [DATA / "questions.jsonl", DATA / "unanswerable.jsonl"]
    questions = [json.loads(line) for file in files for line in file.read_text().splitlines() if line.strip()]
    declared = json.loads(arguments.joins.read_text()) if arguments.joins else {}
    engines: dict[str, Grammar] = {}
    predictions = {}
    for question in questions:
        name = question["db"]
        if name not in engines:
            with connect(f"{arguments.dsn} dbname={arguments.prefix}{name}") as database:
                catalog = load_catalog(database)
                if arguments.values:
                    known = collect_values(database, catalog, Limits(), Deadline.after(60))
                    catalog = with_values(catalog, known)
                joins = _joins(catalog, declared.get(name, []))
                if arguments.contained:
                    joins += contained_joins(database, catalog, Deadline.after(60))
                engines[name] = Grammar(with_joins(catalog, joins))
        taught = Taught(notes=question.get("instructions") or "")
        request = AskRequest(question["question"], "postgres", ("public",), date.today(), taught=taught)
        start = time.perf_counter()
        answer = engines[name].read(request)
        predictions[question["id"]] = {
            "id": question["id"],
            "sql": answer.sql,
            "abstained": answer.status != "answered",
            "confidence": answer.confidence,
            "latency_ms": round((time.perf_counter() - start) * 1000, 2),
            "reason": answer.reason,
            "explanation": answer.explanation,
        }
    out = arguments.out or Path(tempfile.mkstemp(suffix=".jsonl")[1])
    out.write_text("\n".join(json.dumps(prediction) for prediction in predictions.values()))
    command = [sys.executable, str(DATA / "score.py"), "--dsn", arguments.dsn, "--prefix", arguments.prefix]
    command += ["--questions", *map(str, files), "--predictions", str(out)]
    if not arguments.verbose:
        return subprocess.run(command, check=False).returncode
    scored = json.loads(subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout)
    outcome = {one["id"]: one["outcome"] for one in scored["questions"]}
    for question in questions:
        found = predictions[question["id"]]
        print(f"\n[{outcome[question['id']]}] {question['id']} {question['db']}: {question['question']}")
        print("   " + (found["sql"] or found["reason"] or "").replace("\n", "\n   "))
    print(
        {key: scored["overall"][key] for key in ("n", "correct_pct", "coverage_pct", "precision_pct")},
        scored.get("unanswerable"),
    )
    print(scored["latency_ms"], scored.get("at_confidence"))
    return 0


def _joins(catalog: Catalog, pairs: list[list[str]]) -> list[KnownJoin]:
    """The declared joins of a database; names are written as in a script, so unquoted ones fold to lower case."""

    def column(text: str) -> ColumnName:
        *schema, table, name = text.split(".")
        found = ColumnName(schema[0] if schema else "public", table, name)
        known = catalog.table(found.schema, table)
        return found if known and known.column(name) else ColumnName(found.schema, table.lower(), name.lower())

    return [KnownJoin(column(left), column(right)) for left, right in pairs]


if __name__ == "__main__":
    sys.exit(main())
