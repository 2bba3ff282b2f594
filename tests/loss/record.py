"""What the clients remember of a run: commits that were acknowledged, errors, and what nobody knows."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple


class Commit(NamedTuple):
    """One transaction whose COMMIT was acknowledged; times are `time.monotonic()` of this machine.

    `entry` and `ticket` (what the database's sequences gave) are None when the acknowledgement was lost and the ledger
    told later that the transaction had been committed.
    """

    client: int
    seq: int
    account: int
    delta: int
    entry: int | None
    ticket: int | None
    began: float
    ended: float
    attempts: int


class Failure(NamedTuple):
    """One error that a client saw.

    `sqlstate` is "timeout" when the client gave up waiting, "lost" when the connection broke without an error of the
    server's, "connect" when none came about. `phase` is connect, begin, body, commit or lookup.
    """

    at: float
    client: int
    sqlstate: str
    phase: str
    retryable: bool
    message: str


@dataclass(frozen=True)
class Window:
    """What the clients noticed between two moments.

    Attributes:
        gap: longest time in seconds without an acknowledged commit of any client.
        slowest: longest time in seconds that one transaction took, retries and reconnecting included.
        commits: acknowledged commits.
        errors: SQLSTATE (or the words of `Failure`) -> how many.
        fatal: those of them that an application would not retry.
        in_doubt: errors during COMMIT, after which only the ledger knew the outcome.
    """

    seconds: float
    gap: float
    slowest: float
    commits: int
    errors: dict[str, int]
    fatal: dict[str, int]
    in_doubt: int


@dataclass
class Record:
    """Everything that one run of the clients knows.

    Attributes:
        run: the number that tells this run's rows from those of other runs in the same database.
        commits: acknowledged commits in the order of their acknowledgement.
        unknown: (client, seq) whose last COMMIT broke off and whose outcome could not be asked before the end.
    """

    run: int
    commits: list[Commit] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    unknown: list[tuple[int, int]] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    def window(self, begin: float | None = None, end: float | None = None) -> Window:
        """What was noticed between two `time.monotonic()` moments (default: first and last commit)."""
        times = [one.ended for one in self.commits]
        begin = begin if begin is not None else (times[0] if times else self.began)
        end = end if end is not None else (times[-1] if times else self.ended)
        low, high = bisect_left(times, begin), bisect_right(times, end)
        points = [begin, *times[low:high], end]
        failures = [one for one in self.failures if begin <= one.at <= end]
        return Window(
            seconds=end - begin,
            gap=max((b - a for a, b in pairwise(points)), default=0.0),
            slowest=max((one.ended - one.began for one in self.commits[low:high]), default=0.0),
            commits=high - low,
            errors=dict(Counter(one.sqlstate for one in failures)),
            fatal=dict(Counter(one.sqlstate for one in failures if not one.retryable)),
            in_doubt=sum(one.phase == "commit" for one in failures),
        )

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        path.write_text(json.dumps(asdict(self)), "utf-8")

    @classmethod
    def load(cls, path: Path) -> Record:
        """Read what `save` wrote."""
        data = json.loads(path.read_text("utf-8"))
        data["commits"] = [Commit(*one) for one in data["commits"]]
        data["failures"] = [Failure(*one) for one in data["failures"]]
        data["unknown"] = [(client, seq) for client, seq in data["unknown"]]
        return cls(**data)
