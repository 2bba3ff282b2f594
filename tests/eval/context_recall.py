"""How often the prompt for a large schema holds the tables that the right query needs, and how long the prompt is.

    python tests/eval/context_recall.py --dsn "host=... user=..." [--prefix nl2sql_] [--questions FILE ...]
        [--tables 1000] [--comments] [--verbose]

The evaluation databases (loaded before) are padded in memory with distractor tables, see padding.py. A question counts
when all tables of one of its accepted queries are in the prompt. Nothing is run and no model is asked.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import postgast
from padding import padded

from postai.ask.grammar import Grammar
from postai.ask.prompt import PROMPT_TOKENS, build_prompt
from postai.ask.types import AskRequest
from postai.database import Database, connect
from postai.database.catalog import Catalog, load_catalog, with_joins, with_values
from postai.deadline import Deadline
from postai.language.containment import contained_joins
from postai.language.taught import Taught
from postai.language.values import Limits, collect_values

DATA = Path(__file__).resolve().parents[3] / "shared" / "eval" / "nl2sql" / "questions.jsonl"


def messages(tree: Any) -> Iterator[Any]:
    """Every message of a parse tree."""
    yield tree
    for field, value in tree.ListFields():
        if field.message_type is not None:
            for one in list(value) if field.is_repeated else [value]:
                yield from messages(one)


def tables_of(sql: str, catalog: Catalog) -> frozenset[tuple[str, str]]:
    """(schema, name) of the tables that a statement reads."""
    nodes = list(messages(postgast.parse(sql)))
    inner = {node.ctename for node in nodes if node.DESCRIPTOR.name == "CommonTableExpr"}
    found = set()
    for node in nodes:
        if node.DESCRIPTOR.name == "RangeVar" and node.relname not in inner:
            schemas = [node.schemaname] if node.schemaname else [table.schema for table in catalog.tables]
            found.add(next((s, node.relname) for s in schemas if catalog.table(s, node.relname)))
    return frozenset(found)


def known(database: Database) -> Catalog:
    """The catalog with values and joins, as the agent keeps them."""
    catalog, deadline = load_catalog(database), Deadline.after(60)
    joins = contained_joins(database, catalog, deadline)
    return with_joins(with_values(catalog, collect_values(database, catalog, Limits(), deadline)), joins)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dsn", required=True)
    parser.add_argument("--prefix", default="nl2sql_")
    parser.add_argument("--questions", type=Path, nargs="+", default=[DATA])
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--comments", action="store_true", help="the added tables have comments too")
    parser.add_argument("--verbose", action="store_true", help="every question whose tables are not all there")
    arguments = parser.parse_args()
    files = [file for file in arguments.questions if file.is_file()]
    asked = [json.loads(line) for file in files for line in file.read_text().splitlines() if line.strip()]
    asked = [one for one in asked if one["gold_sql"]]
    if not asked:
        print("skipped: no questions")
        return 0
    engines: dict[str, tuple[Catalog, Catalog, Grammar]] = {}
    right, tokens, times, shown = 0, [], [], []
    for one in asked:
        if one["db"] not in engines:
            with connect(f"{arguments.dsn} dbname={arguments.prefix}{one['db']}") as database:
                real = known(database)
            texts = [other["question"] for other in asked if other["db"] == one["db"]]
            large = padded(real, texts, tables=arguments.tables, comments=arguments.comments)
            grammar = Grammar(large)
            grammar.finder.find([("warm", 1.0)])
            engines[one["db"]] = real, large, grammar
        real, large, grammar = engines[one["db"]]
        schemas = tuple(dict.fromkeys(("public", *(table.schema for table in real.tables))))
        request = AskRequest(
            one["question"], "reader", schemas, date(2026, 1, 15), taught=Taught(notes=one.get("instructions") or "")
        )
        started = time.perf_counter()
        prompt = build_prompt(request, large, grammar)
        times.append((time.perf_counter() - started) * 1000)
        text = "\n".join(block.text for block in prompt.system)
        tokens.append(prompt.tokens)
        wanted = [tables_of(sql, real) for sql in one["gold_sql"]]
        there = any(all(f" {schema}.{name} " in _heads(text) for schema, name in tables) for tables in wanted)
        right += there
        shown.append(_heads(text).count("\n"))
        if not there and arguments.verbose:
            missing = min((tables - set(_named(text)) for tables in wanted), key=len)
            print(f"{one['id']} {one['db']}: {one['question']}\n    lacks {sorted(missing)}")
    times.sort()
    print(
        f"{len(asked)} questions, schemas of {arguments.tables} tables: {100 * right / len(asked):.1f} % have every "
        f"table they need; tables shown {min(shown)} to {max(shown)}; tokens (estimated on the high side) median "
        f"{statistics.median(tokens):.0f}, most {max(tokens)} of {PROMPT_TOKENS}; time p50 "
        f"{statistics.median(times):.1f} ms, p99 {times[int(len(times) * 0.99)]:.1f} ms"
    )
    return 0


def _heads(text: str) -> str:
    """The first lines of the tables' paragraphs."""
    kinds = ("table ", "view ", "materialized view ", "foreign table ")
    return "\n".join(f"{line.replace(':', ' ')} " for line in text.splitlines() if line.startswith(kinds)) + "\n"


def _named(text: str) -> list[tuple[str, str]]:
    return [tuple(word.split(".", 1)) for line in _heads(text).splitlines() for word in line.split() if "." in word]  # type: ignore[misc]


if __name__ == "__main__":
    sys.exit(main())
