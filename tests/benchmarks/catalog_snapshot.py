"""How long the catalog picture of 1,000 tables takes, against reading pg_attribute of the same schema plainly.

    python tests/benchmarks/catalog_snapshot.py            # a private PostgreSQL 15, removed afterwards
    python tests/benchmarks/catalog_snapshot.py --server 18 --rounds 15

Picture, fingerprint and floor run in turn, so that load from elsewhere meets all alike. Wall and CPU are printed side
by side; CPU is that of this process plus that of the server's backend (from /proc in steps of 10 ms: the mean counts).
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from postai.database import Database, connect
from postai.database.catalog import fingerprint, load_catalog
from postai.database.visibility import visible_to
from postai.setup.server import LocalServer, debian_binaries, embedded_binaries, free_port

TABLES = """
do $$ begin
  for i in 1..TABLES loop
    execute format($table$
      create table t%1$s (
        id bigint generated always as identity primary key, name text not null, state text default 'new',
        amount numeric(10,2) check (amount >= 0), at timestamptz default now(), note text, flag boolean,
        ref bigint %2$s, code varchar(20) unique, data jsonb);
      create index on t%1$s (at, state);
      comment on table t%1$s is 'table number %1$s';
      comment on column t%1$s.name is 'its name';
      insert into t%1$s (name, state, amount, note, flag, code)
      select 'n' || mod(g, 30), (array['new', 'paid', 'sent'])[1 + mod(g, 3)], mod(g, 70), 'note ' || mod(g, 50),
             mod(g, 2) = 0, 'c' || g
        from generate_series(1, 200) g
    $table$, i, case when i > 1 then format('references t%s', i - 1) else '' end);
    if mod(i, 50) = 0 then commit; end if;
  end loop;
end $$
"""
FLOOR = """
select c.relname, a.* from pg_catalog.pg_attribute a join pg_catalog.pg_class c on c.oid = a.attrelid
 where c.relnamespace = 'public'::pg_catalog.regnamespace and c.relkind = 'r' and a.attnum > 0
"""


def backend_cpu(db: Database) -> float:
    """Seconds of CPU that the backend has used (Linux)."""
    fields = Path(f"/proc/{db.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(db: Database, rounds: int) -> dict[str, list[tuple[float, float, float]]]:
    """Wall seconds, CPU seconds here and CPU seconds in the server, of each thing, for each round."""
    catalog = load_catalog(db)
    things: dict[str, Callable[[], object]] = {
        "floor: select from pg_attribute": lambda: db.query(FLOOR),
        "load_catalog": lambda: load_catalog(db),
        "fingerprint": lambda: fingerprint(db),
        "visible_to": lambda: visible_to(catalog, db, "postgres"),
    }
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in things}
    for number in range(rounds + 1):
        for name, thing in things.items():
            wall, here, there = time.perf_counter(), time.process_time(), backend_cpu(db)
            thing()
            took = time.perf_counter() - wall, time.process_time() - here, backend_cpu(db) - there
            if number:  # the first round warms up
                found[name].append(took)
    return found


def report(found: dict[str, list[tuple[float, float, float]]], tables: int) -> None:
    """Print medians and the ratio to the floor."""
    rows = {
        name: (
            statistics.median(wall for wall, _, _ in rounds),
            min(wall for wall, _, _ in rounds),
            statistics.median(here for _, here, _ in rounds),
            statistics.mean(there for _, _, there in rounds),
        )
        for name, rounds in found.items()
    }
    floor = next(iter(rows.values()))
    print(f"{tables} tables; milliseconds")
    print(f"{'':34}{'wall p50':>9}{'wall min':>9}{'CPU here':>9}{'CPU server':>11}{'CPU / floor':>12}")
    for name, (wall, least, here, there) in rows.items():
        ratio = (here + there) / (floor[2] + floor[3])
        print(f"{name:34}{wall * 1e3:9.1f}{least * 1e3:9.1f}{here * 1e3:9.1f}{there * 1e3:11.1f}{ratio:11.1f}x")


def main() -> int:
    """Make a server, fill it, measure, remove it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", choices=["15", "18"], default="15", help="major version (default 15)")
    parser.add_argument("--tables", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    binaries = debian_binaries(15) if options.server == "15" else embedded_binaries()
    if binaries is None:
        print(f"no server programs of PostgreSQL {options.server} here", file=sys.stderr)
        return 1
    base = Path(tempfile.mkdtemp(prefix="postai-benchmark-"))
    base.chmod(0o755)
    server = LocalServer(binaries, base / "server", free_port(), "postgres" if os.geteuid() == 0 else None)
    try:
        server.create(fsync=False)
        server.start()
        with connect(server.dsn(), statement_timeout_ms=0) as db:
            db.execute(TABLES.replace("1..TABLES", f"1..{options.tables}"))
            db.execute("analyze")
            print(f"PostgreSQL {db.server_version / 10000:.4f}, load {os.getloadavg()[0]:.1f}")
            report(measure(db, options.rounds), options.tables)
    finally:
        server.stop("immediate")
        shutil.rmtree(base)
    return 0


if __name__ == "__main__":
    sys.exit(main())
