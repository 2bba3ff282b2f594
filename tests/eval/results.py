"""Runs the embedded engine over the evaluation questions beside the checkout, in three settings; writes the tables.

    python tests/eval/results.py --dsn "host=... user=..." [--bare nl2sql_] [--comments nl2sqlc_] [--into PAGE.md]

The databases have to be loaded before, once without and once with comments (load.py there, options --prefix and
--comments). The password comes from PGPASSWORD or a passfile. Skips with a message when the data is not there.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from postai.cli.main import run

DATA = Path(__file__).resolve().parents[3] / "shared" / "eval" / "nl2sql"
FILES = [DATA / "questions.jsonl", DATA / "unanswerable.jsonl"]
BUCKETS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.01)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--bare", default="nl2sql_", help="prefix of the databases without comments")
    parser.add_argument("--comments", default="nl2sqlc_", help="prefix of the databases with comments")
    parser.add_argument("--into", type=Path, help="file whose part between the markers is replaced")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print(f"skipped: no evaluation data at {DATA}")
        return 0
    joins = ["--joins", str(DATA / "databases" / "joins.json")]
    settings = {
        "bare schema": scored(arguments.dsn, arguments.bare, []),
        "comments": scored(arguments.dsn, arguments.comments, []),
        "comments and joins": scored(arguments.dsn, arguments.comments, joins),
    }
    text = "\n".join([*overall(settings), "", *parts(settings, "by_category"), "", *parts(settings, "by_db"), "",
                      *reliability(settings)])  # fmt: skip
    if arguments.into is None:
        print(text)
    else:
        page = arguments.into.read_text("utf-8")
        begin, end = "<!-- results -->", "<!-- end of results -->"
        new = re.sub(f"{begin}.*{end}", lambda _: f"{begin}\n\n{text}\n\n{end}", page, flags=re.DOTALL)
        arguments.into.write_text(new, "utf-8")
    return 0


def scored(dsn: str, prefix: str, more: list[str]) -> dict[str, Any]:
    """The scorer's report on one run of the command, with the predictions."""
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "predictions.jsonl"
        code = run(["eval", "nl2sql", "--questions", *map(str, FILES), "--dsn", f"{dsn} dbname={prefix}{{db}}",
                    "--engine", "grammar", "--out", str(out), *more])  # fmt: skip
        if code:
            sys.exit(code)
        command = [sys.executable, str(DATA / "score.py"), "--dsn", dsn, "--prefix", prefix, "--json"]
        command += ["--questions", *map(str, FILES), "--predictions", str(out)]
        report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    report["predictions"] = {line["id"]: line for line in lines}
    return report  # type: ignore[no-any-return]


def overall(settings: dict[str, dict[str, Any]]) -> list[str]:
    lines = ["| setting | questions | correct | precision on answered | unanswerable declined | p50 | p95 |",
             "|---|---|---|---|---|---|---|"]  # fmt: skip
    for name, report in settings.items():
        all_, none, time = report["overall"], report["unanswerable"], report["latency_ms"]
        lines.append(
            f"| {name} | {all_['n']} | {all_['correct_pct']} % | {all_['precision_pct']} % "
            f"| {none['abstained']} of {none['n']} | {time['p50']:.1f} ms | {time['p95']:.1f} ms |"
        )
    return lines


def parts(settings: dict[str, dict[str, Any]], key: str) -> list[str]:
    """Right of answered of all, for each category or database and setting."""
    title = {"by_category": "category", "by_db": "database"}[key]
    lines = [f"| {title} | {' | '.join(settings)} |", "|---|" + "---|" * len(settings)]
    for name in next(iter(settings.values()))[key]:
        cells = []
        for report in settings.values():
            one = report[key][name]
            answered = one["n"] - one["abstained"]
            cells.append(f"{one['exact'] + one['subset']} right of {answered} answered of {one['n']}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def reliability(settings: dict[str, dict[str, Any]]) -> list[str]:
    """For each range of confidence: how many answers, and how many of them are right, in the last setting."""
    report = list(settings.values())[-1]
    outcome = {one["id"]: one["outcome"] for one in report["questions"]}
    lines = ["| confidence | answers | right |", "|---|---|---|"]
    for low, high in pairwise(BUCKETS):
        inside = [
            outcome[key]
            for key, line in report["predictions"].items()
            if line["sql"] is not None and low <= line["confidence"] < high
        ]
        right = sum(one in ("exact", "subset") for one in inside)
        if inside:
            lines.append(
                f"| {low:.2f} to {min(high, 1):.2f} | {len(inside)} | {right} ({100 * right // len(inside)} %) |"
            )
    return lines


if __name__ == "__main__":
    sys.exit(main())
