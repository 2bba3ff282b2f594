"""What a choice between servers costs: python tests/benchmarks/bench_edge_route.py

Prints microseconds of a decision (median and 99th percentile) with a growing number of servers and rules, and of what
is found out about a new text, which is kept afterwards. The bar is 200 microseconds for a decision.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable

from postai.edge.routing import WRITE, Wanted, decide
from postai.edge.rules import NO_RULES, Policy, Rule
from postai.edge.statements import Shapes
from postai.edge.topology import Node, Report, Topology, View

ROUNDS = 20_000
BAR_US = 200.0
TEXT = "select i.id, i.name, o.total from shop.item as i join shop.orders as o on o.item = i.id where i.id = %d"


def measured(run: Callable[[int], object], rounds: int) -> tuple[float, float]:
    """Median and 99th percentile in microseconds."""
    taken = []
    for number in range(rounds):
        began = time.perf_counter_ns()
        run(number)
        taken.append((time.perf_counter_ns() - began) / 1000)
    return statistics.median(taken), statistics.quantiles(taken, n=100)[98]


def view(count: int) -> View:
    """A primary and replicas in three regions."""
    nodes = [Node(f"n{number}", ("eu", "us", "asia")[number % 3]) for number in range(count)]
    topology = Topology(nodes)
    for number, node in enumerate(nodes):
        topology.report(node.name, Report(1.0, 1.001 + number / 1000, "s", number > 0, 1, 100))
    return topology.view


def policy(count: int) -> Policy:
    """Rules about as many relations, every third with regions."""
    return Policy.of(
        Rule(f"r{number}", schema="crm", relation=f"t{number}", route=None if number % 3 == 0 else "replica",
             regions=frozenset({"eu"}) if number % 3 == 0 else None)
        for number in range(count)
    )  # fmt: skip


def main() -> None:
    """Measure and print."""
    worst = 0.0
    tables = frozenset({("shop", "item"), ("shop", "orders")})
    read = Wanted(read_only=True, tables=tables)
    for servers, rules in ((3, 0), (3, 10), (10, 10), (10, 100)):
        now, rule_set = view(servers), policy(rules) if rules else NO_RULES
        for what, wanted in (("read", read), ("write", WRITE)):
            median, high = measured(
                lambda _, wanted=wanted, now=now, rule_set=rule_set: decide(  # type: ignore[misc]
                    wanted, now, rule_set, here="eu", bound=1.0, now=1.1, pick=0.5
                ),
                ROUNDS,
            )
            worst = max(worst, high)
            print(f"{servers:3} servers {rules:4} rules {what:6} median {median:7.1f} us  p99 {high:7.1f} us")
    shapes = Shapes()
    median, high = measured(lambda number: shapes.of((TEXT % number).encode()), 2000)
    print(f"a text that is new             median {median:7.1f} us  p99 {high:7.1f} us")
    known = (TEXT % 1999).encode()
    median, high = measured(lambda _: shapes.of(known), ROUNDS)
    print(f"a text that is known           median {median:7.1f} us  p99 {high:7.1f} us")
    explain = decide(read, view(3), NO_RULES, here="eu", bound=1.0, now=1.1, pick=random.random())
    print(explain.explain())
    print(f"highest p99 of a decision: {worst:.1f} us, the bar is {BAR_US:.0f} us")


if __name__ == "__main__":
    main()
