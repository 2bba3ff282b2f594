"""How long readers and writers stall while schema changes that lock several tables wait for those locks.

    python tests/benchmarks/bench_stalls.py [--major 15] [--lock-timeout 0.5]

The key of a table with two referencing tables gets another type, a foreign key is dropped, and added again, while other
transactions hold locks: on some tables for most of a lock time-out again and again, on the last one also for eight
seconds. The longest statement of a reader and of a writer is shown.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Sequence

from stand import stand

from conftest import TestDatabase
from postai import database as db
from postai.deadline import Deadline
from postai.migrate.draft import draft
from postai.migrate.plan import plan
from postai.migrate.tried import tried
from postai.proposals import Runner, RunnerOptions, create
from postai.scratch.scratch_database import opener
from postai.setup.install import install

ROLES = """
create role stall_owner nologin;
create role stall_boss login password 'stall_boss' in role postai_operator, stall_owner;
create role stall_agent login password 'stall_agent' createdb in role postai_agent, stall_owner, pg_monitor;
create schema s authorization stall_owner;
set role stall_owner;
create table s.parent (id int primary key, n int not null default 0);
create table s.child (id int primary key, parent int references s.parent, n int not null default 0);
create table s.other (id int primary key, parent int references s.parent, n int not null default 0);
insert into s.parent (id) select generate_series(1, 2000);
insert into s.child (id, parent) select i, i from generate_series(1, 2000) as i;
insert into s.other (id, parent) select i, i from generate_series(1, 2000) as i;
reset role;
"""
TABLES = ("parent", "child", "other")
CHANGES = (
    ("alter table s.parent alter column id type bigint", ("child", "other")),
    ("alter table s.child drop constraint child_parent_fkey", ("child", "parent")),
    ("alter table s.child add constraint child_parent_fkey foreign key (parent) references s.parent", TABLES),
)


def change(database: TestDatabase, statement: str, held: Sequence[str], lock_timeout: float) -> dict[str, float]:
    """The longest statement of each kind while the change is carried out."""
    agent_dsn = database.dsn("stall_agent")
    with db.connect(agent_dsn) as agent:
        made, _ = tried(agent, plan(agent, [statement], Deadline.after(60)), Deadline.after(60), opener(agent_dsn))
        proposal = create(agent, draft(made, "x", "x"))
    database.execute(f"select postai.apply({proposal}, unsafe => true)", "stall_boss")
    longest: dict[str, float] = {}
    stop = threading.Event()

    def busy(kind: str, statement: str) -> None:
        with database.connect(prepare_threshold=None) as session:
            while not stop.is_set():
                begin = time.monotonic()
                session.execute(statement)  # type: ignore[arg-type]
                longest[kind] = max(longest.get(kind, 0.0), time.monotonic() - begin)
                time.sleep(0.005)

    def hold(table: str, seconds: float, *, again: bool) -> None:
        with database.connect(autocommit=False) as session:
            while not stop.is_set():
                session.execute(f"update s.{table} set n = n + 1 where id = 1999")
                stop.wait(seconds)
                session.rollback()
                if not again:
                    return
                stop.wait(0.02)

    works: list[tuple[Callable[..., None], tuple[object, ...], dict[str, bool]]] = []
    for at, table in enumerate(TABLES):
        works.append((busy, (f"read {table}", f"select n from s.{table} limit 1"), {}))
        works.append((busy, (f"write {table}", f"update s.{table} set n = n + 1 where id = {at + 5}"), {}))
    for table in held:
        works.append((hold, (table, lock_timeout * 0.8), {"again": True}))
    works.append((hold, (held[-1], 8.0), {"again": False}))
    threads = [threading.Thread(target=work, args=given, kwargs=more) for work, given, more in works]
    for one in threads:
        one.start()
    options = RunnerOptions(lock_timeout=lock_timeout, lock_patience=120.0)
    threading.Timer(20.0, stop.set).start()
    result = Runner(lambda: db.connect(agent_dsn), "bench", options=options).run_next(Deadline.after(200))
    stop.set()
    for one in threads:
        one.join()
    assert result is not None and result.state == "done", result
    return longest


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--major", type=int, choices=(15, 18), default=15)
    parser.add_argument("--lock-timeout", type=float, default=0.5)
    options = parser.parse_args()
    with stand(options.major) as place:
        database = place.database("call")
        with db.connect(database.dsn()) as owner:
            install(owner)
        database.execute(ROLES)
        for statement, held in CHANGES:
            found = change(database, statement, held, options.lock_timeout)
            reader = max((found[f"read {one}"], one) for one in TABLES)
            writer = max((found[f"write {one}"], one) for one in TABLES)
            print(
                f"PostgreSQL {options.major}, lock_timeout {options.lock_timeout * 1000:.0f} ms: {statement}: reader"
                f" {reader[0] * 1000:.0f} ms ({reader[1]}), writer {writer[0] * 1000:.0f} ms ({writer[1]})",
                flush=True,
            )


if __name__ == "__main__":
    main()
