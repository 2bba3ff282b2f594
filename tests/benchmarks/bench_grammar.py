"""How long the embedded engine takes: building its index and reading a question, for small and large schemas.

python tests/benchmarks/bench_grammar.py
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from grammar_schemas import NAMES, load
from postai.ask.grammar import Grammar
from postai.database.catalog import Catalog


def padded(count: int) -> Catalog:
    """The shop among other tables: those of the other schemas, renamed."""
    shop = load("shop").catalog()
    others = [table for name in NAMES[1:] for table in load(name).catalog().tables]
    tables = list(shop.tables)
    while len(tables) < count:
        table = others[len(tables) % len(others)]
        tables.append(replace(table, oid=5000 + len(tables), name=f"{table.name}_{len(tables)}", foreign_keys=()))
    return Catalog("padded", 150000, "padded", tuple(tables))


def main() -> None:
    schema = load("shop")
    for count in (10, 25, 1000):
        start = time.perf_counter()
        engine = Grammar(padded(count))
        built = time.perf_counter() - start
        times = []
        answered = 0
        for question in schema.questions():
            start = time.perf_counter()
            answer = engine.read(schema.request(question))
            times.append((time.perf_counter() - start) * 1000)
            answered += answer.status == "answered"
        times.sort()
        print(
            f"{count} tables: index {built * 1000:.0f} ms; question p50 {statistics.median(times):.1f} ms, "
            f"p95 {times[int(len(times) * 0.95)]:.1f} ms, max {times[-1]:.1f} ms; {answered} of {len(times)} answered"
        )


if __name__ == "__main__":
    main()
