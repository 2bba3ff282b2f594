"""When copying gives way to the source's own work: by its load, and by the replicas that wait behind the copy."""

from __future__ import annotations

import time

from postai.database import ServerError, named_sql
from postai.database.protocol import Database
from postai.replicate.types import MoveOptions

# Processors where a server does not tell.
UNKNOWN_CORES = 4
# Looks at the sessions, and seconds between two.
LOOKS, LOOK_SECONDS = 5, 0.02


def held_up(source: Database, options: MoveOptions) -> str | None:
    """Why copying should wait now; None = it may go on.

    The load is the mean of a few looks at the sessions that run and wait for no lock and no client, to the processors.

    Args:
        source: whose rows are copied; the session must not be in a transaction, which sees its sessions as they were.
        options: `load` and `replica_lag`; 0 = not looked at.
    """
    if options.load and source.query(_sql("sees_sessions")) == [(True,)]:
        load = active(source) / cores(source)
        if load > options.load:
            return f"{load:.1f} sessions are busy for each processor of the source, more than {options.load:g}"
    if options.replica_lag:
        for name, seconds in source.query(_sql("replicas")):
            if seconds > options.replica_lag:
                return f"the replica {name} is {seconds:.0f} s behind, more than {options.replica_lag:g}"
    return None


def active(source: Database) -> float:
    """How many sessions work, in the mean over a tenth of a second."""
    found = []
    for look in range(LOOKS):
        if look:
            time.sleep(LOOK_SECONDS)
        found.append(source.query(_sql("active"))[0][0])
    return float(sum(found)) / LOOKS


def cores(source: Database) -> int:
    """Processors of the server's machine; `UNKNOWN_CORES` where that cannot be read."""
    if source.query(_sql("may_count_cores")) != [(True,)]:
        return UNKNOWN_CORES
    try:
        ((ranges,),) = source.query(_sql("cores"))
    except ServerError:  # no such file: another operating system
        return UNKNOWN_CORES
    return count(ranges)


def count(ranges: str) -> int:
    """Members of `0-3,6`."""
    total = 0
    for part in ranges.strip().split(","):
        first, _, last = part.partition("-")
        total += int(last or first) - int(first) + 1
    return total


def _sql(name: str) -> str:
    return named_sql.load(__package__, "throttle.sql")[name]
