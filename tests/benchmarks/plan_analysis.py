"""How long the analysis of one EXPLAIN takes, with a catalog of many tables (limit: 20 ms).

    python tests/benchmarks/plan_analysis.py [--major 15] [--tables 500]

Real plans of a private server: from one table to a join of twelve partitioned ones; each is read many times.
"""

from __future__ import annotations

import argparse
import statistics
import time

from stand import stand

from conftest import make_database
from postai.database import connect
from postai.database.catalog import load_catalog
from postai.sql.plan import read_plan

STATEMENTS = {
    "one table": "select * from t1 where lower(name) = 'x' and at::date = '2024-01-01' and note like '%y%'",
    "join of four": "select count(*) from t1 a join t2 b on a.id = b.id join t3 c on c.id = b.id::numeric join t4 d "
    "on d.name = c.name where upper(a.name) = 'X' group by b.note order by 1 limit 5",
    "join of twelve": "select * from t1 "
    + " ".join(f"join t{i} on t{i}.id = t{i - 1}.id and lower(t{i}.name) = 'n{i}'" for i in range(2, 13)),
    "200 partitions": "select count(*) from parts where lower(name) = 'x' and at::date = '2024-01-01'",
    "list of 2,000": f"select * from t1 where id in ({', '.join(map(str, range(2000)))}) and name || '' = 'x'",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    parser.add_argument("--tables", type=int, default=500)
    options = parser.parse_args()
    with stand(options.major) as place:
        database = make_database(place.server)
        database.execute(f"""
            do $$ begin
              for i in 1..{options.tables} loop
                execute format('create table t%s (id bigint primary key, name text, at timestamptz, note text)', i);
                execute format('create index on t%s (name)', i);
                execute format('create index on t%s (at)', i);
              end loop;
            end $$""")
        database.execute("""
            do $$ begin
              for i in 1..12 loop
                execute format('insert into t%s select g, ''n'' || g, now(), '''' from generate_series(1, 20000) g', i);
              end loop;
              create table parts (id bigint, name text, at timestamptz) partition by range (id);
              create index on parts (name);
              for i in 1..200 loop
                execute format('create table parts_%s partition of parts for values from (%s) to (%s)',
                               i, i * 100, i * 100 + 100);
              end loop;
            end $$""")
        database.execute("insert into parts select g, 'n', now() from generate_series(100, 20099) g; analyze")
        with connect(database.dsn()) as db:
            catalog = load_catalog(db)
            for name, statement in STATEMENTS.items():
                (plan,) = db.query(f"explain (analyze, buffers, format json) {statement}")[0]
                times = []
                for _ in range(50):
                    began = time.perf_counter()
                    findings = read_plan(plan, catalog)
                    times.append((time.perf_counter() - began) * 1000)
                times.sort()
                print(
                    f"{name:>16}: {len(findings):4} findings, median {statistics.median(times):6.2f} ms, "
                    f"slowest {times[-1]:6.2f} ms (limit 20)"
                )


main()
