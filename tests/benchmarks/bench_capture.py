"""Triggers that capture changes: what they cost the source, and how soon the last change is on the other side.

    python tests/benchmarks/bench_capture.py [--scale 20] [--seconds 8] [--rounds 4] [--clients 4] [--rate 300]

PostgreSQL 15 with wal_level = replica, to 18; fsync on. pgbench's TPC-B (a table without a key among its four) runs as
fast as it can, in turn without triggers, with them, and with them while the target follows; then at a fixed rate, while
the target follows and at last takes up the rest. `cpu` is that of the source's processes for one transaction.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

for folder in ("", "database", "benchmarks"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from bench_cutover import server  # noqa: E402
from replicate_move import MOVE, sides  # noqa: E402
from replicate_support import MovedDatabase, Stand  # noqa: E402
from stand import Stand as Measured  # noqa: E402

from conftest import make_database  # noqa: E402
from loss import compare  # noqa: E402
from postai.deadline import Deadline  # noqa: E402
from postai.replicate import fence  # noqa: E402
from postai.replicate.capture import TriggerStream  # noqa: E402
from postai.replicate.types import Side  # noqa: E402
from postai.setup.server import LocalServer, debian_binaries, embedded_binaries  # noqa: E402

STREAM = TriggerStream(MOVE, Side.SOURCE)
EVERY = 0.5  # seconds between two looks of the one that follows


def pgbench(one: Stand, database: MovedDatabase, *arguments: str) -> float:
    """Run it; transactions per second."""
    result = subprocess.run(
        [one.target_server.binaries.bin / "pgbench", "-n", *arguments, database.dsn()],
        text=True, capture_output=True, check=True,
    )  # fmt: skip
    found = [line for line in result.stdout.splitlines() if line.startswith("tps = ")]
    return float(found[0].split()[2]) if found else 0.0


class Follower:
    """Applies what has come, in a thread of its own."""

    def __init__(self, one: Stand) -> None:
        self._one = one
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.cpu = 0.0

    def _run(self) -> None:
        with sides(self._one) as (source, target):
            while not self._end.wait(EVERY):
                STREAM.copy(source, target)
        self.cpu = time.thread_time()

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()


def load(one: Stand, chosen: argparse.Namespace) -> tuple[float, float]:
    """As fast as it can: transactions per second, and microseconds of the source's processors for each."""
    measured = Measured(one.source_server, Path())
    before = measured.server_cpu()
    tps = pgbench(one, one.source, "-c", str(chosen.clients), "-j", "2", "-T", str(chosen.seconds))
    return tps, (measured.server_cpu() - before) / (tps * chosen.seconds) * 1e6


def rounds(one: Stand, chosen: argparse.Namespace) -> None:
    """In turn without triggers, with them, and with somebody who follows."""
    seen: dict[str, list[tuple[float, float]]] = {"undisturbed": [], "captured": [], "followed": []}
    for _ in range(chosen.rounds):
        with sides(one) as (source, target):
            STREAM.stop(source, target)
            one.source.execute("checkpoint")
            seen["undisturbed"].append(load(one, chosen))
            one.target.execute("truncate pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history")
            STREAM.copy(source, target)
            one.source.execute("checkpoint")
            seen["captured"].append(load(one, chosen))
            while STREAM.lag(source, target).bytes:
                STREAM.copy(source, target)
        one.source.execute("checkpoint")
        with Follower(one):
            seen["followed"].append(load(one, chosen))
        last = (f"{name} {some[-1][0]:.0f} tps {some[-1][1]:.0f} us" for name, some in seen.items())
        print("  ".join(last), flush=True)
    for name, some in seen.items():
        ratios = [tps / plain for (tps, _), (plain, _) in zip(some, seen["undisturbed"], strict=True)]
        print(
            f"{name:12} {statistics.median(tps for tps, _ in some):7.0f} tps  ratio {statistics.median(ratios):.3f} "
            f"({min(ratios):.3f} to {max(ratios):.3f})  cpu {statistics.median(each for _, each in some):5.0f} us"
        )


def drain(one: Stand, chosen: argparse.Namespace) -> None:
    """At a fixed rate, followed; then the rest."""
    with sides(one) as (source, target):
        while STREAM.lag(source, target).bytes:
            STREAM.copy(source, target)
        with Follower(one) as follower:
            tps = pgbench(one, one.source, "-c", "8", "-j", "2", "-R", str(chosen.rate), "-T", "20")
            time.sleep(EVERY / 2)
        pgbench(one, one.source, "-c", "8", "-R", str(chosen.rate), "-T", "1")
        behind = STREAM.lag(source, target)
        began = time.monotonic()
        fence.cross(source, target, MOVE, Deadline.after(60), lambda: STREAM.pump(source, target))
        seconds = time.monotonic() - began
        kept = STREAM.lag(source, target).kept_bytes or 0
    found = compare(one.source_dsn(), one.target_dsn(), sequences=False)
    print(
        f"at {tps:.0f} tps: {behind.bytes} bytes of the last second taken up in {seconds * 1000:.0f} ms; the log has "
        f"{kept / 1e6:.1f} MB; following took {follower.cpu:.1f} s of 20; differences {len(found)} {found[:3]}"
    )


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--rate", type=float, default=300.0)
    chosen = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="postai-capture-"))
    place.chmod(0o755)
    servers: list[LocalServer] = []
    try:
        servers += [server(place, debian_binaries(15)), server(place, embedded_binaries())]
        servers[0].stop()
        with (servers[0].data / "postgresql.conf").open("a") as file:
            file.write("wal_level = replica\nmax_wal_size = 4GB\nshared_buffers = 512MB\n")
        servers[0].start()
        one = Stand(*servers)
        one.source, one.target = (MovedDatabase(each, make_database(each, "template0").name) for each in servers)
        pgbench(one, one.source, "-i", "-q", "-s", str(chosen.scale))
        pgbench(one, one.target, "-i", "-q", "-I", "dtp")
        rounds(one, chosen)
        drain(one, chosen)
    finally:
        for running in servers:
            running.stop("immediate")
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
