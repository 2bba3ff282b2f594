"""What an idle agent costs: its memory, its CPU, and the CPU it costs the server.

    python tests/benchmarks/agent_idle.py [--seconds 60] [--major 15] [--databases 1]

The server is measured without an agent first and then with one, each for that long; the difference is the agent's.
"""

from __future__ import annotations

import argparse
import time

from stand import cpu, resident_mb, running, stand


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60.0, help="length of each of the two measurements")
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    parser.add_argument("--databases", type=int, default=1)
    options = parser.parse_args()
    with stand(options.major) as place:
        databases = [place.database("call") for _ in range(options.databases)]
        time.sleep(5)  # autovacuum of the new catalog rows
        begin = place.server_cpu()
        time.sleep(options.seconds)
        alone = (place.server_cpu() - begin) / options.seconds
        with running(place.agent(*databases)) as agent:
            agent.until("leading this database", options.databases)
            assert agent.process is not None
            time.sleep(10)  # start, and the looks that follow a change of leadership
            pid = agent.process.pid
            begin, own = place.server_cpu(), cpu(pid)
            time.sleep(options.seconds)
            server = (place.server_cpu() - begin) / options.seconds
            mine = (cpu(pid) - own) / options.seconds
            memory = resident_mb(pid)
    print(f"PostgreSQL {options.major}, {options.databases} database(s), {options.seconds:.0f} s each")
    print(f"agent: {memory:.0f} MB resident, {mine * 100:.3f} % of a core")
    print(f"server: {alone * 100:.3f} % of a core without an agent, {server * 100:.3f} % with it")
    print(f"cost to the database: {max(0.0, server - alone) * 100:.3f} % of a core (limit 0.5 %)")


main()
