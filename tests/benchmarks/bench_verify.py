"""Both sides compared while they are in use, 15 and 18: how long writers wait, how fast rows are read, what is found.

    python tests/benchmarks/bench_verify.py [--rows 5000000] [--rate 300] [--rounds 3] [--share 1.0]

A table of pgbench's accounts (641 MB of heap at 5 million rows) is copied and followed with the loss check's tables,
on which clients work meanwhile (tests/loss, a process of their own). Each round compares exactly and by settling; a
last one finds a row of which one byte is another one. `stall` is what the comparison measured itself; `slowest` is the
slowest transaction of the clients from the beginning of the comparison to its end, `usual` the same while nothing is
compared. `quiet` compares without clients.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

for folder in ("", "database", "benchmarks"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from bench_cutover import APP, follow, server  # noqa: E402
from replicate_move import LOSS, MOVE, Moved  # noqa: E402
from replicate_support import MovedDatabase, Stand  # noqa: E402

from conftest import make_database  # noqa: E402
from loss import Load, LossProcess, prepare  # noqa: E402
from postai.deadline import Deadline  # noqa: E402
from postai.replicate.types import Side  # noqa: E402
from postai.replicate.verified import Mode, Sides, Verified, VerifyOptions  # noqa: E402
from postai.replicate.verify import verify  # noqa: E402
from postai.setup.server import LocalServer, debian_binaries, embedded_binaries  # noqa: E402

TABLE = "create table loss.big (aid int primary key, bid int, abalance int, filler char(84))"
ROWS = "insert into loss.big select i, i / 100000, 0, '' from generate_series(1, {}) as i"


@contextlib.contextmanager
def stand(load: Load, rows: int) -> Iterator[Stand]:
    """Both sides with the tables, the target following the source."""
    place = Path(tempfile.mkdtemp(prefix="postai-verify-"))
    place.chmod(0o755)
    servers: list[LocalServer] = []
    try:
        servers += [server(place, debian_binaries(15)), server(place, embedded_binaries())]
        one = Stand(*servers)
        one.source, one.target = (MovedDatabase(each, make_database(each, "template0").name) for each in servers)
        for database in (one.source, one.target):
            prepare(database.dsn(), load.branches, load.accounts)
            database.execute(APP)
            database.execute(TABLE)
        one.source.execute(ROWS.format(rows))
        one.target.execute("truncate loss.branch, loss.teller, loss.account")
        follow(one)
        for database in (one.source, one.target):
            database.execute("vacuum analyze loss.big")
            database.execute("checkpoint")
        yield one
    finally:
        for running in servers:
            running.stop("immediate")
        shutil.rmtree(place)


def measured(one: Stand, mode: Mode, options: VerifyOptions) -> Verified:
    """One comparison."""
    moved = Moved(one.source_dsn(), one.target_dsn())
    return verify(Sides(MOVE, moved.open, moved.forward, Side.SOURCE), mode, options, Deadline.after(600))


def told(label: str, seen: Verified, slowest: str = "") -> None:
    """Print it."""
    big = next(each for each in seen.tables if each.table == "loss.big")
    print(f"{label:22} {seen.mode:9} {seen.seconds:6.2f} s  {big.bytes / 1e6 / big.seconds:5.0f} MB/s of heap  "
          f"stall {seen.stall * 1000:5.1f} ms in {seen.attempts} attempts  equal {seen.equal}  "
          f"{slowest} {seen.why or ''}")  # fmt: skip
    for table in seen.different:
        print(
            f"    {table.table}: {[(each.kind.value, each.key) for each in table.differences[:5]]} {table.error or ''}"
        )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0)
    chosen = parser.parse_args()
    load = Load(clients=8, rate=chosen.rate, branches=50, accounts=1000)
    options = VerifyOptions(schemas=LOSS, share=chosen.share)
    with stand(load, chosen.rows) as one:
        for mode in Mode:
            told("quiet", measured(one, mode, options))
        with LossProcess(one.source_dsn("odd_app"), load) as clients:
            time.sleep(5)
            times = []
            for _ in range(chosen.rounds):
                for mode in Mode:
                    began = time.monotonic()
                    seen = measured(one, mode, options)
                    times.append((began, time.monotonic(), seen))
                    time.sleep(2)
            one.target.execute(f"update loss.big set filler = 'x' where aid = {chosen.rows // 3}")
            for mode in Mode:
                told("one byte of one row", measured(one, mode, options))
        for began, ended, seen in times:
            slowest = clients.record.window(began, ended).slowest * 1000
            usual = clients.record.window(ended + 0.2, ended + 1.8).slowest * 1000
            told(f"{chosen.rate:g} tps", seen, f"slowest {slowest:.0f} ms (usual {usual:.0f})")
        print(f"errors {clients.record.window().errors}")


if __name__ == "__main__":
    main()
