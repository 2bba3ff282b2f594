"""`SELECT * FROM postai.optimize()` through a real agent on a big workload: seconds, memory, what it saves.

    python tests/benchmarks/optimize_many.py [--major 15] [--tables 500] [--statements 5000] [--without-hypopg]

Limits: 30 s and 250 MB resident with 5,000 distinct statements over 500 tables. Statements on the tables that are not
small are run --runs times, so that there is something to save; with and without HypoPG the savings can be compared.
"""

from __future__ import annotations

import argparse
import time

import psycopg
from stand import AGENT, Stand, TestDatabase, resident_mb, running, stand

COLUMNS = ("owner_id", "kind", "state", "city", "amount", "made_at", "code", "note")
SHAPES = (
    "select * from {t} where {a} = $1",
    "select * from {t} where {a} = $1 and {b} = $2",
    "select count(*) from {t} where {a} = $1 and {b} > $2",
    "select * from {t} where {a} = $1 order by {b} desc limit 10",
    "select {b}, count(*) from {t} where {a} = $1 group by {b}",
    "select x.id from {t} x join {u} y on y.id = x.owner_id where y.{a} = $1 and x.{b} = $2",
    "update {t} set {b} = $1 where {a} = $2 and id = $3",
)
TYPES = {"owner_id": "int", "amount": "int", "code": "int", "made_at": "timestamptz"}
SAVED = """
    select coalesce(sum((evidence->>'saved_ms_per_day')::float8), 0) / 1000 from postai.proposal
     where state = 'open' and kind = 'create_index'"""
VALUES = {"int": "7", "timestamptz": "'2024-01-05'", "text": "'x7'"}


def fill(database: TestDatabase, tables: int) -> None:
    """Small tables, every tenth of them with 50,000 rows."""
    database.execute(f"""
        do $$ begin
          for i in 0..{tables - 1} loop
            execute format('create table t%s (id int primary key, owner_id int, kind text, state text, city text,
                                              amount int, made_at timestamptz, code int, note text)', i);
            execute format('insert into t%s select g, g %% 1000, ''x'' || g %% 7, ''x'' || g %% 50, ''x'' || g %% 500,
                            g %% 10000, ''2024-01-01''::timestamptz + g * interval ''1 minute'', g, ''x'' || g
                            from generate_series(1, %s) g', i, case when i % 10 = 0 then 50000 else 500 end);
          end loop;
        end $$""")
    database.execute("vacuum analyze")


def literal(column: str) -> str:
    return VALUES[TYPES.get(column, "text")]


def run_statements(database: TestDatabase, tables: int, wanted: int, runs: int) -> int:
    """Run each, those on big tables `runs` times, so that pg_stat_statements has them; gives how many it has."""
    with database.connect() as connection:
        connection.execute("set jit = off")
        number = 0
        pairs = [(a, b) for a in COLUMNS for b in COLUMNS if a != b]
        seen: set[str] = set()
        while len(seen) < wanted and number < 20 * wanted:
            table = number % tables
            a, b = pairs[(number // tables * 3 + table) % len(pairs)]
            shape = SHAPES[(number // tables + table) % len(SHAPES)]
            first, second = (literal(b), literal(a)) if shape.startswith("update") else (literal(a), literal(b))
            text = shape.format(t=f"t{table}", u=f"t{(table * 7 + 3) % tables}", a=a, b=b)
            number += 1
            if text in seen:
                continue
            seen.add(text)
            told = text.replace("$1", first).replace("$2", second).replace("$3", "0").encode()
            for _ in range(runs if table % 10 == 0 else 1):
                connection.execute(told)
        found = connection.execute(
            "select count(*) from pg_stat_statements s join pg_database d on d.oid = s.dbid"
            " where d.datname = current_database() and s.query ~ '^(select|update).* t[0-9]+'"
        ).fetchone()
    assert found is not None
    return int(found[0])


def more_counters(place: Stand) -> None:
    """Room for that many statements."""
    with psycopg.connect(place.server.dsn(), autocommit=True) as connection:
        connection.execute("alter system set pg_stat_statements.max = 20000")
    place.server.stop()
    place.server.start()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--statements", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--without-hypopg", action="store_true", help="as on servers that do not have it")
    options = parser.parse_args()
    with stand(options.major) as place:
        more_counters(place)
        database = place.database("socket" if options.major == 15 else "dblink")
        database.execute(f"grant pg_read_all_data to {AGENT}; create extension pg_stat_statements")
        if options.major == 15 and not options.without_hypopg:
            database.execute("create extension hypopg")
        fill(database, options.tables)
        known = run_statements(database, options.tables, options.statements, options.runs)
        with running(place.agent(database)) as agent:
            agent.until("leading this database")
            assert agent.process is not None
            agent.until("the value index is new")  # what every agent does once, after its start
            before = resident_mb(agent.process.pid)
            with database.connect() as connection:
                connection.add_notice_handler(lambda notice: print("notice:", notice.message_primary))
                for attempt in ("first", "second"):
                    began = time.perf_counter()
                    try:
                        rows = connection.execute("select * from postai.optimize()").fetchall()
                    except psycopg.Error as error:
                        raise SystemExit(f"{error}\n{agent.log_file.read_text()[-5000:]}") from None
                    seconds = time.perf_counter() - began
                    memory = resident_mb(agent.process.pid)
                    saved = connection.execute(SAVED).fetchone()
                    assert saved is not None
                    print(
                        f"{attempt}: {seconds:.1f} s (limit 30), agent {memory:.0f} MB resident (limit 250; "
                        f"{before:.0f} before), {len(rows)} proposals that save {saved[0]:.0f} s a day, "
                        f"{known} statements, {options.tables} tables"
                    )


main()
