"""What a thousand questions cost in fees of a model: which go on to it, how long its requests and right replies are.

    python tests/eval/model_tokens.py --dsn DSN --questions FILE --input-usd 2 --output-usd 10

The database is the one that the questions are about (the sample store: `post-ai demo`, or postai.setup.store.load). No
model is asked. Tokens are estimated on the high side, three bytes each, as the daily budget does; one request for each
question, without a repair and without a provider's prompt cache.
"""

from __future__ import annotations

import argparse
import json
import statistics
from datetime import date
from decimal import Decimal
from pathlib import Path

from postai.ask.grammar import Grammar
from postai.ask.prompt import build_prompt
from postai.ask.types import AskRequest
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.database.visibility import visible_to
from postai.model.prices import Price, Usage, estimate_tokens


def reply_tokens(sql: str) -> int:
    """Of a reply that holds a statement, its explanation and an assumption."""
    told = {
        "sql": sql,
        "explanation": "What the statement returns, said in a sentence of some twenty words for whoever asked.",
        "assumptions": ["An assumption that was made about a word of the question, also in one sentence."],
        "confidence": 0.9,
        "asks_for_change": False,
        "cannot_answer_reason": None,
    }
    return estimate_tokens(json.dumps(told))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--input-usd", type=Decimal, required=True, help="price of a million tokens that are sent")
    parser.add_argument("--output-usd", type=Decimal, required=True, help="price of a million tokens that are answered")
    chosen = parser.parse_args()
    asked = [json.loads(line) for line in chosen.questions.read_text().splitlines() if line.strip()]
    with connect(chosen.dsn) as db:
        role = str(db.query("select current_user")[0][0])
        catalog = visible_to(load_catalog(db), db, role)
    grammar = Grammar(catalog)
    sent, answered, gone_on = [], [], 0
    for one in asked:
        request = AskRequest(one["question"], role, ("public",), date.today())
        gone_on += grammar.read(request).status != "answered"
        sent.append(build_prompt(request, catalog, grammar).tokens)
        answered.append(max(reply_tokens(sql) for sql in one["gold_sql"]))
    price = Price(chosen.input_usd, chosen.output_usd)
    each = 1000 * sum(price.cost(Usage(*pair)) for pair in zip(sent, answered, strict=True)) / len(asked)
    print(
        f"{len(asked)} questions, {len(catalog.tables)} tables: {gone_on} go on to the model\n"
        f"tokens of a request: median {statistics.median(sent):.0f}, most {max(sent)}\n"
        f"tokens of a reply:   median {statistics.median(answered):.0f}, most {max(answered)}\n"
        f"a thousand that go to the model: {each:.2f} dollars\n"
        f"a thousand of which {gone_on} in {len(asked)} do: {each * gone_on / len(asked):.2f} dollars"
    )


if __name__ == "__main__":
    main()
