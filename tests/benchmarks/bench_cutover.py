"""Switches there and back under load, 15 to 18 and 18 to 15: what the clients notice, and whether anything is lost.

    python tests/benchmarks/bench_cutover.py [--via pgbouncer|file] [--switches 20] [--rate 300] [--clients 8]

Both servers write to the disk with fsync on; the clients (tests/loss, a process of their own) do TPC-B with a ledger.
`gap` is the longest time without an acknowledged commit of any client, from the beginning of the switch to half a
second after its end; `pause` is how long the switch held the clients back.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

for folder in ("", "database"):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / folder))
from replicate_move import LOSS, MOVE, Moved, sides, wait_ready  # noqa: E402
from replicate_support import SETTINGS, MovedDatabase, PgBouncer, Stand, bouncers  # noqa: E402

from conftest import make_database, server_user  # noqa: E402
from loss import Load, LossProcess, check, compare, prepare  # noqa: E402
from postai.deadline import Deadline  # noqa: E402
from postai.replicate import cutover, fence, native  # noqa: E402
from postai.replicate.cutover import Outcome  # noqa: E402
from postai.replicate.types import Side  # noqa: E402
from postai.setup.server import Binaries, LocalServer, debian_binaries, embedded_binaries, free_port  # noqa: E402

APP = """
create role odd_app login password 'odd_app';
grant usage on schema loss to odd_app;
grant select, insert, update, delete on all tables in schema loss to odd_app;
grant usage on all sequences in schema loss to odd_app;
"""


@dataclass(frozen=True)
class Switched:
    """One switch: when it began and ended (`time.monotonic()`), and how."""

    began: float
    ended: float
    outcome: Outcome


def server(place: Path, binaries: Binaries | None) -> LocalServer:
    """A server of that version that writes to the disk."""
    assert binaries is not None, "PostgreSQL 15 and 18 are needed (see CONTRIBUTING.md)"
    one = LocalServer(binaries, place / str(binaries.major), free_port(), server_user())
    one.create()
    with (one.data / "postgresql.conf").open("a") as file:
        file.write(SETTINGS)
    one.start()
    return one


@contextlib.contextmanager
def stand(load: Load) -> Iterator[Stand]:
    """Both sides with the loss check's tables, the target following the source, the way back prepared."""
    place = Path(tempfile.mkdtemp(prefix="postai-cutover-"))
    place.chmod(0o755)
    servers: list[LocalServer] = []
    try:
        servers += [server(place, debian_binaries(15)), server(place, embedded_binaries())]
        one = Stand(*servers)
        one.source, one.target = (MovedDatabase(each, make_database(each, "template0").name) for each in servers)
        for database in (one.source, one.target):
            prepare(database.dsn(), load.branches, load.accounts)
            database.execute(APP)
        one.target.execute("truncate loss.branch, loss.teller, loss.account")
        follow(one)
        yield one
    finally:
        for running in servers:
            running.stop("immediate")
        shutil.rmtree(place)


def follow(one: Stand) -> None:
    """Copy and follow."""
    moved = Moved(one.source_dsn(), one.target_dsn())
    with sides(one) as (source, target):
        for db in (source, target):
            native.give_identity(db, MOVE, native.tables(db, LOSS))
        moved.forward.copy(source, target)
        wait_ready(source, target, moved.forward.name, Deadline.after(60), LOSS)
        moved.backward.prepare(target, source)


def measure(
    one: Stand, bouncer: PgBouncer | None, place: Path, load: Load, count: int, rest: float
) -> tuple[list[Switched], LossProcess]:
    """So many switches, there and back in turn, with that many seconds between them."""
    moved = Moved(one.source_dsn(), one.target_dsn())
    address = place / "address"
    if bouncer is None:
        address.write_text(one.source_dsn("odd_app"))
        driver = moved.by_file(address)
    else:
        bouncer.point_at(one.source)
        address.write_text(bouncer.dsn())
        driver = moved.by_bouncer(bouncer)
    done: list[Switched] = []
    to = Side.TARGET
    with LossProcess(address, load) as clients:
        for _ in range(count):
            time.sleep(rest)
            began = time.monotonic()
            outcome = cutover.switch(moved.switch(to, driver, max_pause=3.0), lambda name, detail="": None)
            done.append(Switched(began, time.monotonic(), outcome))
            to = to.other
        time.sleep(rest)
    driver.close()
    return done, clients


def report(one: Stand, done: list[Switched], clients: LossProcess, bar: float) -> None:
    """Print what was noticed, switch by switch, and what is lost."""
    gaps = []
    print("to       pause ms   gap ms  slowest ms  errors  " + "steps (ms from the beginning of the pause)")
    for each in done:
        seen = clients.record.window(each.began, each.ended + 0.5)
        gaps.append(seen.gap * 1000)
        steps = " ".join(f"{step}={at * 1000:.0f}" for step, at in each.outcome.steps if at > 0)
        print(f"{each.outcome.serving:8} {each.outcome.pause * 1000:8.1f} {gaps[-1]:8.1f} {seen.slowest * 1000:11.1f}"
              f"  {sum(seen.errors.values()):6}  {steps}")  # fmt: skip
    whole = clients.record.window()
    serving = done[-1].outcome.serving
    dsns = {Side.SOURCE: one.source_dsn(), Side.TARGET: one.target_dsn()}
    with sides(one) as (source, target):
        pair = {Side.SOURCE: source, Side.TARGET: target}
        fence.cross(pair[serving], pair[serving.other], MOVE, Deadline.after(60))
    faults = (*check(clients.record, dsns[serving]),
              *compare(dsns[serving], dsns[serving.other], sequences=False))  # fmt: skip
    print(f"{len(done)} at {whole.commits / whole.seconds:.0f} tps: gap median {statistics.median(gaps):.0f} ms, "
          f"largest {max(gaps):.0f} ms, {sum(gap <= bar for gap in gaps)} within {bar:.0f} ms; pause median "
          f"{statistics.median(each.outcome.pause for each in done) * 1000:.0f} ms")  # fmt: skip
    print(f"errors {whole.errors}, of these not to be repeated {whole.fatal}, in doubt {whole.in_doubt}; "
          f"faults {len(faults)} {[str(fault) for fault in faults[:5]]}")  # fmt: skip


def main() -> None:
    """Measure one way of redirecting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--via", choices=("pgbouncer", "file"), default="pgbouncer")
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--rate", type=float, default=300.0)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rest", type=float, default=2.0, help="seconds between two switches")
    given = parser.parse_args()
    load = Load(clients=given.clients, rate=given.rate)
    with tempfile.TemporaryDirectory(prefix="postai-cutover-") as place, stand(load) as one:
        with contextlib.contextmanager(bouncers)() if given.via == "pgbouncer" else contextlib.nullcontext() as bouncer:
            done, clients = measure(one, bouncer, Path(place), load, given.switches, given.rest)
        report(one, done, clients, 150.0 if given.via == "pgbouncer" else 250.0)


if __name__ == "__main__":
    main()
