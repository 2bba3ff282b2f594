"""What a transport adds: `postai.sql` on each transport beside `select 1`, alternating in one run.

    python tests/benchmarks/transport_latency.py [--rounds 200] [--major 15]

The question is read by the embedded engine, so the figures hold everything but a model: transport, catalog check,
reading, guard, EXPLAIN as the caller, the note in postai.question. Server 18 has no plpython, hence no socket there.
"""

from __future__ import annotations

import argparse
import statistics

import psycopg
from stand import Stand, TestDatabase, cpu, percentiles, running, stand, timed

from postai.setup.transport import Transport

QUESTION = "how many orders are there?"
CALLS: dict[Transport, str] = {
    "socket": f"select postai.sql('{QUESTION}')",
    "dblink": f"select postai.sql('{QUESTION}')",
    "call": f"call postai.run('{QUESTION}')",
}


def prepare(place: Stand, transport: Transport) -> TestDatabase:
    database = place.database(transport)
    database.execute(
        "create table orders (id int primary key, total numeric); insert into orders select g, g from"
        " generate_series(1, 1000) g; analyze orders"
    )
    return database


def one(connection: psycopg.Connection, transport: Transport) -> float:
    """Milliseconds until the answer is there (for `call`: until the cursor can be fetched)."""
    if transport == "call":
        import time

        begin = time.perf_counter()
        connection.execute(CALLS[transport].encode())
        connection.execute(b"fetch all from ask").fetchall()
        return (time.perf_counter() - begin) * 1000
    return timed(connection, CALLS[transport])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--first", type=int, default=20, help="how many fresh sessions are opened for the first call")
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    options = parser.parse_args()
    transports: list[Transport] = ["socket", "dblink", "call"] if options.major == 15 else ["dblink", "call"]
    with stand(options.major) as place:
        databases = {transport: prepare(place, transport) for transport in transports}
        with running(place.agent(*databases.values())) as agent:
            agent.until("leading this database", len(transports))
            agent.until("the socket is open")
            assert agent.process is not None
            sessions = {transport: databases[transport].connect() for transport in transports}
            for transport, session in sessions.items():
                for _ in range(5):
                    one(session, transport)
            warm: dict[str, list[float]] = {name: [] for name in ("select 1", *transports)}
            server, own = place.server_cpu(), cpu(agent.process.pid)
            for _ in range(options.rounds):
                warm["select 1"].append(timed(sessions[transports[0]], "select 1"))
                for transport, session in sessions.items():
                    warm[transport].append(one(session, transport))
            calls = options.rounds * len(transports)
            server_ms = (place.server_cpu() - server) * 1000 / calls
            agent_ms = (cpu(agent.process.pid) - own) * 1000 / calls
            for session in sessions.values():
                session.close()
            first: dict[str, list[float]] = {name: [] for name in ("select 1", *transports)}
            for _ in range(options.first):
                for transport in transports:
                    with databases[transport].connect() as session:
                        first[transport].append(one(session, transport))
                    with databases[transport].connect() as session:
                        first["select 1"].append(timed(session, "select 1"))
    print(f"PostgreSQL {options.major}; milliseconds")
    for name, values in warm.items():
        print(f"warm   {name:<9} {percentiles(values)}")
    for name, values in first.items():
        print(f"first  {name:<9} {percentiles(values)}")
    floor = statistics.median(warm["select 1"])
    for transport in transports:
        print(f"warm   {transport:<9} {statistics.median(warm[transport]) / floor:.0f} times select 1 (p50)")
    print(f"CPU per call, mean of all transports: server {server_ms:.2f} ms, agent {agent_ms:.2f} ms")


main()
