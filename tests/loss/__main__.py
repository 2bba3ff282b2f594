"""The loss check's command line; see the package's description."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from . import Fault, Load, LossClient, Record, check, compare, prepare


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="loss", description="Load a database, remember every commit, compare.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("prepare", help="create the tables")
    one.add_argument("--dsn", required=True)
    two = commands.add_parser("run", help="write until Ctrl-C or --seconds")
    two.add_argument("--address", type=Path, required=True, help="file that holds the connection string")
    two.add_argument("--record", type=Path, required=True, help="file to write what the clients remember")
    two.add_argument("--seconds", type=float)
    default = Load()
    for name in ("clients", "rate", "patience", "grace"):
        two.add_argument(f"--{name}", type=type(getattr(default, name)), default=getattr(default, name))
    for command in (one, two):
        command.add_argument("--branches", type=int, default=default.branches)
        command.add_argument("--accounts", type=int, default=default.accounts, help="of each branch")
    three = commands.add_parser("check", help="compare a database with what the clients remember")
    three.add_argument("--record", type=Path, required=True)
    three.add_argument("--dsn", required=True)
    four = commands.add_parser("compare", help="compare two databases row for row")
    four.add_argument("--dsn", required=True)
    four.add_argument("--other", required=True)
    four.add_argument("--skip", nargs="*", default=())
    return parser.parse_args()


def _run(given: argparse.Namespace) -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    load = Load(given.clients, given.rate, given.patience, given.grace, given.branches, given.accounts)
    with LossClient(given.address, load) as client:
        client.wait_for(1)
        print("running", flush=True)
        stop.wait(given.seconds)
    client.record.save(given.record)
    print(json.dumps(asdict(client.record.window())))


def _tell(faults: tuple[Fault, ...]) -> int:
    for fault in faults:
        print(fault)
    print("nothing lost, nothing invented" if not faults else f"{len(faults)} faults")
    return 1 if faults else 0


def main() -> int:
    """Run one command; the exit code is 1 when a comparison found something."""
    given = _arguments()
    if given.command == "prepare":
        prepare(given.dsn, given.branches, given.accounts)
    elif given.command == "run":
        _run(given)
    elif given.command == "check":
        return _tell(check(Record.load(given.record), given.dsn))
    else:
        return _tell(compare(given.dsn, given.other, given.skip))
    return 0


if __name__ == "__main__":
    sys.exit(main())
