"""Which server a transaction goes to, and why.

Writes, and everything of which it is not proved that it only reads, go to the primary. Reads go to a replica that has
replayed the session's last write and is fresh enough; the own region first, there a replica before the primary, and
among equals by latency and weight. Rules come before preference, regions of data before everything.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postai.edge.residency import Residency, residency
from postai.edge.rules import Policy, Relation, Rule, Way
from postai.edge.topology import NEVER, Node, Seen, View
from postai.edge.wire import Violation

_NEAR = 0.001
"""Seconds of latency that are no difference."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a transaction is, as far as it shows before it runs.

    Attributes:
        read_only: whether it is proved that it only reads.
        tables: everything that it reads, views and partitions taken apart; None = not known.
        fingerprint: of its only statement, where a rule needs it.
        kept: whether the answer will be kept, for which only the primary's will do.
        asked: whether the client wants to be told the decision.
        written: when the session's last write was over, in seconds of the clock of the reports.
    """

    read_only: bool
    tables: frozenset[Relation] | None = None
    fingerprint: str | None = None
    kept: bool = False
    asked: bool = False
    written: float = NEVER


WRITE = Wanted(read_only=False)
"""What nobody has looked into."""


@dataclass(frozen=True, slots=True)
class Route:
    """A decision.

    Attributes:
        node: where the transaction goes.
        reason: why, in words.
    """

    node: Node
    reason: str
    _case: _Case

    def explain(self, *, servers: bool) -> list[str]:
        """The decision for people, in lines.

        Args:
            servers: name the server, and every one with what counts about it: not for everybody.
        """
        if not servers:
            return [self.reason, *self._case.rules()]
        return [f"{self.node.name}: {self.reason}", *self._case.rules(), *self._case.servers()]


@dataclass(frozen=True, slots=True)
class _Case:
    """All that a decision depends on."""

    wanted: Wanted
    view: View
    where: Residency
    way: Way
    rule: Rule | None
    here: str | None
    bound: float
    clock: float

    def fits(self, seen: Seen) -> bool:
        """Whether a replica may be read."""
        return (
            seen.fresh >= self.wanted.written
            and seen.fresh >= self.clock - self.bound
            and (self.where.regions is None or seen.node.region in self.where.regions)
        )

    def rules(self) -> list[str]:
        own = [] if self.rule is None else [f"rule {self.rule.name}: route {self.way}"]
        return [self.where.explain(), *own]

    def servers(self) -> list[str]:
        return [f"{seen.node.name} ({self._facts(seen)}): {self._word(seen)}" for seen in self.view.servers]

    def _facts(self, seen: Seen) -> str:
        region = seen.node.region or "no region"
        if not seen.up:
            return region
        kind = "primary" if seen is self.view.writer else "replica" if not seen.primary else "not in recovery"
        return f"{kind}, {region}, {seen.latency * 1000:.1f} ms, weight {seen.node.weight:g}"

    def _word(self, seen: Seen) -> str:
        if seen.problem is not None:
            return seen.problem
        if not self.where.admits(seen.node.region):
            return "the data may not be there"
        if seen is self.view.writer:
            return "may be used"
        if not self.wanted.read_only:
            return "takes no writes"
        if seen.fresh < self.wanted.written:
            return "has not replayed the session's last write"
        if seen.fresh < self.clock - self.bound:
            behind = self.clock - seen.fresh
            return f"{behind:.1f} s behind" if behind < 1e9 else "nobody knows how far it is behind"
        return "reads go to the primary" if self.way == "primary" else "may be used"


def decide(
    wanted: Wanted, view: View, policy: Policy, *, here: str | None, bound: float, now: float, pick: float
) -> Route:
    """Where a transaction goes.

    Args:
        wanted: what it is.
        view: the servers.
        policy: the rules for the session's user and database.
        here: region of the edge.
        bound: seconds that a replica may be behind.
        now: seconds of the clock of the reports.
        pick: a random number of [0, 1) that chooses among equals.

    Raises:
        Violation: no server may have it: 42501 where regions forbid it, 57P03 where none is there.
    """
    where = residency(policy, wanted.tables)
    way, rule = policy.route(wanted.tables, wanted.fingerprint) if policy.routes else ("nearest", None)
    clock = now if view.until is None else min(now, view.until)
    case = _Case(wanted, view, where, way, rule, here, bound, clock)
    if not wanted.read_only:
        return _primary(case, "it may write")
    if way == "primary" and rule is not None:
        return _primary(case, f"rule {rule.name} wants the primary")
    if wanted.kept:
        return _primary(case, "a read, whose answer will be kept")
    fitting = [seen for seen in view.readers if case.fits(seen)]
    writer = view.writer
    if writer is not None and where.admits(writer.node.region):
        fitting.append(writer)
    if not fitting:
        raise _nowhere(case)
    best = fitting[0] if len(fitting) == 1 else _choose(case, fitting, pick)
    if best is writer:
        reason = "a read, and no replica is as near" if len(fitting) > 1 else "a read, and no replica may be used"
        return Route(best.node, reason, case)
    near = here is not None and best.node.region == here
    return Route(best.node, "a read: the nearest replica" if near else "a read: a replica", case)


def _choose(case: _Case, fitting: list[Seen], pick: float) -> Seen:
    def tier(seen: Seen) -> tuple[bool, bool, bool]:
        far = case.here is not None and seen.node.region != case.here
        unwanted = seen.node.weight <= 0
        return (unwanted, seen.primary, far) if case.way == "replica" else (unwanted, far, seen.primary)

    best = min(map(tier, fitting))
    equals = [seen for seen in fitting if tier(seen) == best]
    quickest = min(seen.latency for seen in equals)
    return _by_weight([seen for seen in equals if seen.latency <= 2 * quickest + _NEAR], pick)


def _by_weight(equals: Sequence[Seen], pick: float) -> Seen:
    weights = [seen.node.weight or 1.0 for seen in equals]  # where all are 0, they are equal
    rest = pick * sum(weights)
    for seen, weight in zip(equals, weights, strict=True):
        rest -= weight
        if rest < 0:
            return seen
    return equals[-1]


def _primary(case: _Case, reason: str) -> Route:
    writer = case.view.writer
    if writer is None or not case.where.admits(writer.node.region):
        raise _nowhere(case)
    return Route(writer.node, reason, case)


def _nowhere(case: _Case) -> Violation:
    view = case.view
    usable = [seen for seen in view.servers if seen.problem is None]
    if not case.wanted.read_only or case.wanted.kept or case.way == "primary":
        usable = [] if view.writer is None else [view.writer]
    if usable and not any(case.where.admits(seen.node.region) for seen in usable):
        there = ", ".join(sorted({seen.node.region or "no region" for seen in usable}))
        return Violation(
            "42501",
            "no server may be asked for this, as the data would leave its region",
            detail=f"Servers that could take it are in: {there}; {case.where.explain()}.",
            hint="SELECT * FROM postai.edge_rules shows the rules; what is read must be known to go elsewhere.",
        )
    problem = view.problem or "no replica is fresh enough and has replayed the session's last write"
    return Violation(
        "57P03",
        "no server can take this now" if case.wanted.read_only else "no server takes writes now",
        detail=problem[0].upper() + problem[1:] + ".",
        hint="Try again in some seconds; SHOW postai.routes tells what the servers say.",
    )
