"""Answers the pending requests of a transcript directory with the right statements of question files.

It stands in for a perfect model: what `post-ai eval nl2sql --engine model --transcript DIR` gives afterwards shows what
the guard, the checks and the harness lose.

    python tests/eval/gold_replies.py --transcript DIR --questions questions.jsonl [more.jsonl ...]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from postai.model.blocks import escape


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--transcript", type=Path, required=True)
    parser.add_argument("--questions", type=Path, nargs="+", required=True)
    arguments = parser.parse_args()
    lines = [line for path in arguments.questions for line in path.read_text().splitlines() if line.strip()]
    gold = {escape(one["question"]): (one["gold_sql"] or [None])[0] for one in map(json.loads, lines)}
    answered = 0
    for path in sorted((arguments.transcript / "pending").glob("*.json")):
        asked = json.loads(path.read_text("utf-8"))
        text = asked["request"]["messages"][0]["content"]
        question = text.split("<question>\n", 1)[1].split("\n</question>", 1)[0]
        sql = gold[question]
        reply = {
            "sql": None if sql is None else sql.strip().rstrip(";"),
            "explanation": "What was asked for.",
            "assumptions": [],
            "confidence": 0.95 if sql else 0.0,
            "asks_for_change": False,
            "cannot_answer_reason": None if sql else "The database does not hold it.",
        }
        whole = {**asked, "reply": {"text": json.dumps(reply), "stop_reason": "end_turn"}}
        (arguments.transcript / path.name).write_text(json.dumps(whole, sort_keys=True, indent=2) + "\n", "utf-8")
        answered += 1
    print(f"{answered} replies written")


if __name__ == "__main__":
    main()
