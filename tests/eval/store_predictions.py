"""Answer the questions about the sample store with the grammar engine, as `ask` does, without a model.

    python tests/eval/store_predictions.py --dsn DSN --questions FILE --out FILE

The store is one that `postai.setup.store.load` filled; score the file with check_store_questions.py.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from check_store_questions import Question, load_questions

from postai.ask.grammar import Grammar
from postai.ask.types import AskRequest
from postai.database import Database, connect
from postai.database.catalog import load_catalog
from postai.database.visibility import visible_to


def predict(db: Database, role: str, questions: Iterable[Question]) -> dict[str, str | None]:
    """The statement for each question, None where the engine abstains."""
    grammar = Grammar(visible_to(load_catalog(db), db, role))
    found: dict[str, str | None] = {}
    for question in questions:
        answer = grammar.read(AskRequest(question.question, role, ("public",), date.today()))
        found[question.id] = answer.sql if answer.status == "answered" else None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    chosen = parser.parse_args()
    with connect(chosen.dsn) as db:
        role = str(db.query("select current_user")[0][0])
        predictions = predict(db, role, load_questions(chosen.questions))
    chosen.out.write_text("".join(json.dumps({"id": i, "sql": sql}) + "\n" for i, sql in predictions.items()))


if __name__ == "__main__":
    main()
