"""The initial copy of a move, 15 to 18, beside pgcopydb in the same run: seconds and CPU seconds of both servers.

    python tests/benchmarks/bench_copy.py [--scale 50] [--rounds 3]

Alternated, each into a new empty database; both servers write to the disk with fsync on. pgbench at scale 50 makes
750 MB with indexes. `postai` is timed from the start of the move, checks and trial of the schema included, until every
table is copied and the stream has caught up; `pgcopydb clone` (2 table jobs, 2 index jobs, tables above 130 MB split)
until it ends, with its VACUUM ANALYZE.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stand import cpu, ended_children_cpu

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from conftest import TestDatabase, drop_database, make_database, server_user  # noqa: E402
from postai.database import connect  # noqa: E402
from postai.replicate import asked, machine  # noqa: E402
from postai.replicate.types import Side, State  # noqa: E402
from postai.setup.install import InstallOptions, install  # noqa: E402
from postai.setup.server import Binaries, LocalServer, debian_binaries, embedded_binaries, free_port  # noqa: E402

SETTINGS = """
shared_buffers = 512MB
max_wal_size = 6GB
checkpoint_timeout = 30min
max_replication_slots = 40
max_wal_senders = 40
max_worker_processes = 40
max_logical_replication_workers = 24
"""
ROWS = """
select (select count(*) from pgbench_accounts),
       (select count(*) from pg_index where indrelid::regclass::text ~ '^pgbench')
"""


@contextlib.contextmanager
def server(binaries: Binaries | None) -> Iterator[LocalServer]:
    """A server of that version that writes to the disk, removed at the end."""
    assert binaries is not None, "PostgreSQL 15 and 18 are needed (see CONTRIBUTING.md)"
    place = Path(tempfile.mkdtemp(prefix="postai-copy-"))
    place.chmod(0o755)
    one = LocalServer(binaries, place / "server", free_port(), server_user())
    one.create()
    with (one.data / "postgresql.conf").open("a") as file:
        file.write(SETTINGS)
    one.start()
    try:
        yield one
    finally:
        one.stop("immediate")
        shutil.rmtree(place)


def by_postai(source: TestDatabase, target: TestDatabase) -> Callable[[], None]:
    """Prepare a move; the result carries it out until it has caught up."""
    home = connect(target.dsn(), application_name="postai")
    install(home, InstallOptions(transport="call"))
    dsns = {Side.SOURCE: source.dsn(), Side.TARGET: target.dsn()}

    def copy() -> None:
        began = time.monotonic()
        move = machine.start(home, "copy", "old", "new", dsns, options={"full_identity": True})
        while move.row.state is not State.VERIFYING:
            before = move.row.state
            turn = machine.drive(home, move, lambda name, detail="": None)
            move = turn.move
            if move.row.state is not before:
                print(f"  {time.monotonic() - began:7.2f} s  {move.row.state}", flush=True)
            assert move.row.state is not State.FAILED, move.row.error
            time.sleep(min(turn.rest or 0.0, 0.1))

    return copy


def by_pgcopydb(source: TestDatabase, target: TestDatabase) -> Callable[[], None]:
    """What calls pgcopydb."""
    program = shutil.which("pgcopydb")
    if program is None:
        raise SystemExit("pgcopydb is not installed (Debian: apt-get install pgcopydb)")

    def copy() -> None:
        with tempfile.TemporaryDirectory(prefix="pgcopydb-") as work:
            done = subprocess.run(
                [program, "clone", "--source", source.dsn(), "--target", target.dsn(), "--dir", f"{work}/d",
                 "--table-jobs", "2", "--index-jobs", "2", "--split-tables-larger-than", "130MB", "--no-acl"],
                capture_output=True, text=True, check=False,
            )  # fmt: skip
        assert done.returncode == 0, done.stderr[-2000:]

    return copy


def processor_seconds(*servers: LocalServer) -> float:
    """CPU of the servers, this process and its children so far."""
    own = sum(
        used.ru_utime + used.ru_stime
        for used in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    )
    for one in servers:
        postmaster = int((one.data / "postmaster.pid").read_text().splitlines()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        own += cpu(postmaster) + ended_children_cpu(postmaster) + sum(cpu(int(pid)) for pid in children)
    return own


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ways = {"postai": by_postai, "pgcopydb": by_pgcopydb}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    with server(debian_binaries(15)) as old, server(embedded_binaries()) as new:
        source = make_database(old, "template0")
        pgbench = old.binaries.bin / "pgbench"
        subprocess.run([pgbench, "-i", "-q", "-s", str(given.scale), source.dsn()], check=True, capture_output=True)
        wanted = source.execute(ROWS)
        for number in range(given.rounds):
            for name in list(ways)[:: 1 if number % 2 == 0 else -1]:
                target = make_database(new, "template0")
                for one in (source, target):
                    one.execute("checkpoint")
                copy = ways[name](source, target)
                began, used = time.monotonic(), processor_seconds(old, new)
                copy()
                seconds[name].append(time.monotonic() - began)
                used = processor_seconds(old, new) - used
                assert target.execute(ROWS) == wanted, name
                print(f"{name:9} {seconds[name][-1]:7.2f} s  {used:7.2f} s CPU", flush=True)
                clean(source, target)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    print(f"median {medians}; postai / pgcopydb {medians['postai'] / medians['pgcopydb']:.2f} (bar 1.10)")


def clean(source: TestDatabase, target: TestDatabase) -> None:
    """Drop the target with what a move left on both sides."""
    with connect(target.dsn(), application_name="postai") as home:
        if home.query("select to_regclass('postai.replication') is not null") == [(True,)]:
            dsns = {Side.SOURCE: source.dsn(), Side.TARGET: target.dsn()}
            move = machine.Move(machine.store.moves(home, "copy")[0], dsns, {})
            asked.end(home, move, State.ABORTED, lambda name, detail="": None)
    drop_database(target)


if __name__ == "__main__":
    main()
