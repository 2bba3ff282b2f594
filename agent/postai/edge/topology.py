"""What the servers of a cluster are at this moment, told from what each of them said of itself.

Nothing is promoted here: a server takes writes when it is not in recovery, when it is on the newest timeline that was
ever seen, and when it is the only one of which that is true. How fresh a replica is follows from positions in the log:
it has everything up to the moment at which the primary was asked for a position that the replica has replayed since.
A replica on another timeline than the primary is not read: its positions mean another history.

Facts are from https://www.postgresql.org/docs/current/warm-standby.html and functions-admin.html (recovery).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace

SAMPLES = 400
"""Positions of the primary that are kept: at four in a second, for some hundred seconds."""
NEVER = float("-inf")
_SMOOTHING = 0.2
"""Share of a new latency in the average."""
_PAGE = 8192
_PAGE_HEADER, _SEGMENT_HEADER = 24, 40


@dataclass(frozen=True)
class Node:
    """A server of the cluster.

    Attributes:
        name: its name in the configuration.
        region: where it is.
        weight: how many reads it gets beside others that are as near; 0 = none as long as there is another one.
    """

    name: str
    region: str | None = None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Report:
    """What a server said when it was asked.

    Attributes:
        asked, answered: when, in seconds of a clock that only goes forward.
        system: identifier of its cluster.
        in_recovery: whether it replays another one's log.
        timeline: of the log that it writes or replays; 0 = not known.
        position: where it writes, or up to where it has replayed; see `settled`.
        approved: whether Patroni lets it take writes (or reads, in recovery); None = Patroni was not asked.
    """

    asked: float
    answered: float
    system: str
    in_recovery: bool
    timeline: int
    position: int
    approved: bool | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """A server as it is now.

    Attributes:
        node: the server.
        up: whether it answers.
        primary: whether it is not in recovery.
        timeline, position: as in its last report.
        fresh: moment up to which it is known to have everything.
        latency: of a question to it, in seconds, averaged.
        problem: why it is not used; None = it is.
    """

    node: Node
    up: bool = False
    primary: bool = False
    timeline: int = 0
    position: int = 0
    fresh: float = NEVER
    latency: float = 0.0
    problem: str | None = "not asked yet"


@dataclass(frozen=True, slots=True)
class View:
    """The cluster as it is now.

    Attributes:
        servers: all of them, in the order of the configuration.
        writer: the one that takes writes.
        readers: replicas that may be read.
        problem: why there is no writer.
        split: whether that is as there are several.
        until: the moment at which the last writer was heard, while there is none: replicas grow no staler after it.
    """

    servers: tuple[Seen, ...]
    writer: Seen | None
    readers: tuple[Seen, ...]
    problem: str | None
    until: float | None
    split: bool = False


def settled(position: int, segment: int) -> int:
    """The end of what is written, for a position at which the next record will begin.

    `pg_current_wal_insert_lsn()` steps over the header of a page that nothing is written to yet; a replica that has
    replayed everything says where the page before it ends.

    Args:
        position: what the function gave.
        segment: bytes of a segment (wal_segment_size).
    """
    if position % segment == _SEGMENT_HEADER:
        return position - _SEGMENT_HEADER
    return position - _PAGE_HEADER if position % _PAGE == _PAGE_HEADER else position


class Topology:
    """Keeps what was said, and draws the conclusions.

    Args:
        nodes: the servers.
    """

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._seen: dict[str, Seen] = {node.name: Seen(node) for node in nodes}
        self._reports: dict[str, Report] = {}
        self._system: str | None = None
        self._timeline = 0
        self._writer: str | None = None
        self._heard = NEVER
        self._times: list[float] = []
        self._positions: list[int] = []
        self.view = self._look()

    def report(self, name: str, told: Report) -> View:
        """A server has answered."""
        before = self._seen[name]
        took = told.answered - told.asked
        latency = took if not before.up else before.latency + _SMOOTHING * (took - before.latency)
        if self._system is None:
            self._system = told.system
        if told.system != self._system:
            return self.lost(name, "it belongs to another cluster")
        self._timeline = max(self._timeline, told.timeline)
        self._reports[name] = told
        self._seen[name] = Seen(
            before.node, True, not told.in_recovery, told.timeline, told.position, before.fresh, latency, None
        )
        return self._conclude()

    def lost(self, name: str, why: str) -> View:
        """A server does not answer, or its connections ended: what it said does not count any more."""
        self._reports.pop(name, None)
        self._seen[name] = Seen(self._seen[name].node, problem=why)
        return self._conclude()

    def _conclude(self) -> View:
        able = [name for name, told in self._reports.items() if not told.in_recovery and told.approved is not False]
        newest = [name for name in able if self._reports[name].timeline == self._timeline]
        writer = newest[0] if len(newest) == 1 else None
        problem = None if writer is not None else self._problem(able, newest)
        if writer != self._writer and writer is not None:
            self._writer = writer
            self._times.clear()
            self._positions.clear()
            self._seen = {name: replace(seen, fresh=NEVER) for name, seen in self._seen.items()}
        if writer is not None:
            self._sample(self._reports[writer])
        for name, told in self._reports.items():
            self._seen[name] = self._judge(name, told, writer)
        self.view = self._look(writer, problem, split=len(newest) > 1)
        return self.view

    def _problem(self, able: list[str], newest: list[str]) -> str:
        """Why there is no writer; clients are told it, so that it names no server: what each says stands in `Seen`."""
        if newest:
            return (
                f"{len(newest)} servers take writes on timeline {self._timeline}:"
                " nothing is written until only one is left"
            )
        if able:
            old = ", ".join(sorted({str(self._reports[name].timeline) for name in able}))
            return f"only servers on timeline {old} would take writes, but timeline {self._timeline} was seen already"
        return "no server takes writes"

    def _sample(self, told: Report) -> None:
        self._heard = max(self._heard, told.answered)
        if self._times and told.asked <= self._times[-1]:
            return
        if self._positions and told.position < self._positions[-1]:  # it was restored to an earlier state
            self._times.clear()
            self._positions.clear()
        self._times.append(told.asked)
        self._positions.append(told.position)
        if len(self._times) > SAMPLES:
            del self._times[0], self._positions[0]

    def _judge(self, name: str, told: Report, writer: str | None) -> Seen:
        seen = self._seen[name]
        problem, fresh = None, seen.fresh
        if name == writer:
            fresh = told.asked
        elif not told.in_recovery:
            problem = f"it takes writes on timeline {told.timeline}, and is not the primary"
        elif told.approved is False:
            problem = "Patroni gives it no reads"
        elif self._writer is None:
            problem = "no primary was seen yet, so that nobody knows how fresh it is"
        elif told.timeline != self._timeline:
            problem = f"it is on timeline {told.timeline or 'that is not known'}, the primary on {self._timeline}"
        else:
            at = bisect_right(self._positions, told.position)
            fresh = max(fresh, self._times[at - 1]) if at else fresh
        return Seen(seen.node, True, seen.primary, told.timeline, told.position, fresh, seen.latency, problem)

    def _look(
        self, writer: str | None = None, problem: str | None = "no server was asked yet", *, split: bool = False
    ) -> View:
        servers = tuple(self._seen.values())
        return View(
            servers,
            None if writer is None else self._seen[writer],
            tuple(one for one in servers if one.problem is None and not one.primary),
            problem,
            None if writer is not None else self._heard,
            split,
        )
