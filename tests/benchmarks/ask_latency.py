"""`postai.ask` without a model as psql sees it: the store database, questions of several shapes, warm.

    python tests/benchmarks/ask_latency.py [--rounds 50] [--major 15]

Each question alternates with its own SQL run directly, so the difference is what asking costs. Target: p50 of at
most 30 ms for asking itself.
"""

from __future__ import annotations

import argparse
import statistics

from stand import percentiles, running, stand, timed

from postai.database import connect
from postai.setup import store
from postai.setup.transport import Transport

QUESTIONS = (
    "how many customers are there?",
    "how many customers are there in each country?",
    "top 5 products by price",
    "how many products are there?",
)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    options = parser.parse_args()
    transport: Transport = "socket" if options.major == 15 else "dblink"
    with stand(options.major) as place:
        database = place.database(transport)
        with connect(database.dsn(), statement_timeout_ms=0) as db:
            store.load(db, lambda _: None)
            store.finish(db, lambda _: None)
        with running(place.agent(database)) as agent, database.connect() as session:
            agent.until("leading this database")
            agent.until("the socket is open")
            whole: list[float] = []
            plain: list[float] = []
            extra: list[float] = []
            for question in QUESTIONS:
                row = session.execute("select postai.sql(%s)", (question,)).fetchone()
                assert row is not None
                asked, ran = f"select postai.ask('{question}')", str(row[0])
                timed(session, asked)
                times = [(timed(session, asked), timed(session, ran)) for _ in range(options.rounds)]
                whole += [one for one, _ in times]
                plain += [two for _, two in times]
                extra += [one - two for one, two in times]
                print(f"{question:<50} ask {percentiles([one for one, _ in times])}")
                print(f"{'':<50} sql {percentiles([two for _, two in times])}")
    print(f"PostgreSQL {options.major}, transport {transport}; milliseconds")
    print(f"asking and running:       {percentiles(whole)}")
    print(
        f"asking itself (target 30): {statistics.median(extra):.2f} (p50 of the differences), "
        f"{statistics.median(whole) / statistics.median(plain):.1f} times the statement alone"
    )


main()
