"""A whole `postai.ask` through the sidecar with a model that answers after 1.5 s; the target is 2 s.

    python tests/benchmarks/ask_model.py [--rounds 10] [--major 15]

Floor: the model's own time. A private server with one table, a real sidecar (transport socket on 15, dblink on 18) and
a stand-in that speaks the Messages API are started, and removed at the end. The first question is shown apart.
"""

from __future__ import annotations

import argparse
import sys

from stand import AgentProcess, percentiles, running, stand, timed

sys.path.insert(0, __file__.rsplit("/", 2)[0])
from agent_support import agent_dsn

from model_server import Role, answer, model_server

DELAY = 1.5
SQL = "SELECT count(*) AS parcels FROM public.parcel WHERE weight_kg > 5"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    chosen = parser.parse_args()
    role = Role(delay=DELAY, script=lambda question, turn: answer(SQL))
    with stand(chosen.major) as one, model_server(role) as model:
        database = one.database("socket" if chosen.major == 15 else "dblink")
        database.execute(
            "create table parcel as select n as id, n % 10 as weight_kg from generate_series(1, 1000) as n"
        )
        database.execute("select postai.set('engine', 'model')")
        named = [(database.name, agent_dsn(one.server, database.name, one.place))]
        settings: dict[str, object] = {"base_url": model.url, "api_key": "stand-in", "daily_budget_usd": 1000}
        with running(AgentProcess(one.place, named, model=settings)) as agent, database.connect() as session:
            agent.until("leading this database")
            agent.until("the socket is open")
            times = [
                timed(session, f"select postai.ask('how many parcels are too heavy for carrier {n}?')")
                for n in range(chosen.rounds + 1)
            ]
    print(f"model alone          {DELAY * 1000:8.2f} ms")
    print(f"first ask            {times[0]:8.2f} ms")
    print(f"ask                  {percentiles(times[1:])} ms")
    print(f"beside the model     {percentiles([t - DELAY * 1000 for t in times[1:]])} ms")


if __name__ == "__main__":
    main()
