"""What `ask` adds to the model's own time, and what the fast path costs.

    python tests/benchmarks/ask_overhead.py [--rounds 100] [--major 15]

Starts a private server and, as a process of its own, the stand-in model with a fixed delay; prints the time of one
`ask` (context, HTTP, guard, EXPLAIN as the caller) minus that delay.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import psycopg
from pydantic import SecretStr

from postai.ask.engine import ask
from postai.ask.grammar import Grammar
from postai.ask.types import Answer, AskOptions, AskRequest, Explained
from postai.database import connect
from postai.database.catalog import Catalog, load_catalog
from postai.deadline import Deadline
from postai.model.client import Model
from postai.settings import ModelSettings
from postai.setup.server import LocalServer, debian_binaries, embedded_binaries, free_port
from postai.sql.safety import load_safety

DELAY = 0.2
QUESTION = "how many rows does table 7 have?"
SQL = "SELECT count(*) AS rows FROM public.table_7"


class OneAnswer:
    """A grammar engine that knows one answer, so that only the path round it is measured."""

    def __init__(self, catalog: Catalog, knows: bool) -> None:
        self.knows = knows
        self.finder = Grammar(catalog).finder

    def read(self, request: AskRequest) -> Answer:
        if self.knows:
            return Answer("answered", SQL, "The rows.", 0.9, "grammar")
        return Answer("abstained", None, "", 0.0, "grammar", reason="unknown", sqlstate="PA001")


def fill(connection: psycopg.Connection, tables: int) -> None:
    for number in range(tables):
        columns = ", ".join(f"column_{n} int" for n in range(10))
        connection.execute(f"create table table_{number} (id int primary key, {columns})".encode())


def measure(rounds: int, one: Callable[[], Answer], less: float) -> str:
    times = []
    for number in range(rounds + 5):
        started = time.perf_counter()
        answer = one()
        if answer.status != "answered":
            raise SystemExit(f"unexpected answer: {answer}")
        if number >= 5:
            times.append((time.perf_counter() - started - less) * 1000)
    times.sort()
    return f"p50 {statistics.median(times):7.1f} ms   p99 {times[int(len(times) * 0.99) - 1]:7.1f} ms"


def run(server: LocalServer, url: str, tables: int, rounds: int) -> None:
    name = f"bench_{tables}"
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"create database {name}".encode())
    with psycopg.connect(server.dsn(name), autocommit=True) as caller:
        fill(caller, tables)
        with connect(server.dsn(name)) as db:
            catalog, safety = load_catalog(db), load_safety(db)
        settings = ModelSettings(api_key=SecretStr("sk-bench"), base_url=url, model="bench")
        model = Model(settings, record=lambda call: None, spent_today=lambda: Decimal(0))

        def explain(sql: str) -> Explained:
            row = caller.execute(f"EXPLAIN (FORMAT JSON) {sql}".encode()).fetchone()
            return Explained(plan=row[0] if row else None)

        engines = {knows: OneAnswer(catalog, knows) for knows in (True, False)}

        def one(knows: bool) -> Answer:
            return ask(
                AskRequest(QUESTION, "postgres", ("public",), date(2026, 3, 14)),
                catalog=catalog,
                grammar=engines[knows],
                safety=safety,
                explain=explain,
                model=model,
                options=AskOptions(),
                deadline=Deadline.after(30),
            )

        print(f"{tables:5} tables  without the model     {measure(rounds, lambda: one(True), 0.0)}")
        print(f"{tables:5} tables  round the model's time {measure(rounds, lambda: one(False), DELAY)}")
        model.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    arguments = parser.parse_args()
    binaries = debian_binaries() if arguments.major == 15 else embedded_binaries()
    if binaries is None:
        raise SystemExit(f"no PostgreSQL {arguments.major} here")
    base = Path(tempfile.mkdtemp(prefix="postai-bench-"))
    base.chmod(0o755)
    answers = base / "answers.json"
    answers.write_text(json.dumps({QUESTION: SQL}))
    server = LocalServer(binaries, base / "server", free_port(), "postgres" if os.geteuid() == 0 else None)
    server.create(fsync=False)
    stand_in = subprocess.Popen(
        [
            sys.executable,
            str(Path(__file__).parents[1] / "model_server.py"),
            "--delay",
            str(DELAY),
            "--answers",
            str(answers),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        server.start()
        assert stand_in.stdout is not None
        url = stand_in.stdout.readline().strip()
        for tables in (25, 1000):
            run(server, url, tables, arguments.rounds)
    finally:
        stand_in.terminate()
        stand_in.wait()
        server.stop("immediate")
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
