"""How long a plan for 100 tables takes, without the copy on which its locks are seen.

    python tests/benchmarks/migrate_plan.py                # private servers, removed afterwards
    python tests/benchmarks/migrate_plan.py --rounds 9

One statement for each of 100 tables (ten forms in turn) among 1,000 tables. Median and slowest round are printed, with
the CPU of this process; the rest of the wall time is the server and what else the machine does.
"""

from __future__ import annotations

import argparse
import statistics
import time

from stand import stand

from postai.database import connect
from postai.deadline import Deadline
from postai.migrate.plan import plan

TABLES = """
do $$ begin
  for i in 1..1000 loop
    execute format($table$
      create table t%1$s (
        id bigint generated always as identity primary key, name text not null, state text default 'new',
        amount numeric(10,2) check (amount >= 0), at timestamptz default now(), note text, flag boolean,
        ref bigint %2$s, code varchar(20) unique, data jsonb);
      create index on t%1$s (at, state);
    $table$, i, case when i > 1 then format('references t%s', i - 1) else '' end);
    if mod(i, 50) = 0 then commit; end if;
  end loop;
end $$
"""
FORMS = (
    "create index on t{n} (note)",
    "alter table t{n} alter note set not null",
    "alter table t{n} add check (length(note) < 100)",
    "alter table t{n} add column token uuid not null default gen_random_uuid()",
    "alter table t{n} alter amount type numeric(14,4)",
    "alter table t{n} add unique (name, state)",
    "alter table t{n} drop column data",
    "alter table t{n} rename column flag to marked",
    "update t{n} set state = 'old' where at < '2020-01-01'",
    "drop index t{n}_at_state_idx",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    statements = [FORMS[n % len(FORMS)].format(n=n + 1) for n in range(100)]
    for major in (15, 18):
        with stand(major) as place, connect(place.server.dsn()) as db:
            db.execute(TABLES)
            walls, cpus, steps = [], [], 0
            for _ in range(rounds):
                wall, cpu = time.perf_counter(), time.process_time()
                steps = len(plan(db, statements, Deadline.after(60)).steps)
                walls.append((time.perf_counter() - wall) * 1000)
                cpus.append((time.process_time() - cpu) * 1000)
        print(
            f"PostgreSQL {major}: {len(statements)} statements, {steps} steps: median"
            f" {statistics.median(walls):.0f} ms, slowest {max(walls):.0f} ms,"
            f" CPU here {statistics.median(cpus):.0f} ms"
        )


if __name__ == "__main__":
    main()
