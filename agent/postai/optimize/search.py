"""Which indexes together save most: greedy by gain per byte, then improved until nothing is better."""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from postai.deadline import DeadlineExceeded
from postai.optimize.candidates import MOST_INCLUDED
from postai.optimize.cases import Case, Costs
from postai.optimize.sizes import Sizes
from postai.optimize.types import IndexDefinition, by_text
from postai.optimize.writes import WriteCosts

Indexes = frozenset[IndexDefinition]

MEGABYTE = 1 << 20
SIZE_MARGIN = 1.06
"""By how much all new indexes together may come out larger than estimated."""

SCARCITY = 2048.0
"""How many times dearer bytes are made where the budget keeps out what would pay, to make room for it."""

ROOM_SECONDS = 1.2
"""Longest time for that: what is chosen already is good, and people wait."""

WORTH_ANOTHER = 0.2
"""Share of its statements' time that an index must save where another one begins with its keys."""

ALTERNATIVES = 20
"""How many other indexes on the same table are tried in the place of one."""


@dataclass
class Objective:
    """What a set of indexes is worth, in milliseconds per day.

    Attributes:
        byte_price: ms per day that a megabyte has to save.
        minimum_ms: net gain per day below which an index is not worth a proposal.
        budget: most bytes of all new indexes.
    """

    costs: Costs
    sizes: Sizes
    writes: WriteCosts
    byte_price: float
    minimum_ms: float
    budget: int

    def bytes(self, indexes: Iterable[IndexDefinition]) -> int:
        return sum(self.sizes.bytes(one) for one in indexes)

    def fits(self, indexes: Iterable[IndexDefinition]) -> bool:
        """Whether they keep to the budget, even if they come out somewhat larger than estimated."""
        return self.bytes(indexes) * SIZE_MARGIN <= self.budget

    def upkeep(self, indexes: Iterable[IndexDefinition]) -> float:
        """What indexes have to save per day: writes, those that end heap-only updates several times, and space."""
        found = list(indexes)
        return self.writes.weighed_ms_per_day(found) + self.byte_price * self.bytes(found) / MEGABYTE


@dataclass
class Search:
    """One search.

    Attributes:
        pool: indexes to choose from.
        groups: sets of them that are worth more together, such as both sides of a join.
        chosen: the best set so far; valid at any time.
        timed_out: whether the deadline ended it.
        stopped_by: what ended it then.
        crowded: whether the budget kept out what would pay.
    """

    cases: Sequence[Case]
    pool: Sequence[IndexDefinition]
    groups: Sequence[Indexes]
    objective: Objective
    chosen: Indexes = frozenset()
    timed_out: bool = False
    stopped_by: DeadlineExceeded | None = None
    crowded: bool = False
    _of_term: dict[tuple[int, str], list[Case]] = field(default_factory=lambda: defaultdict(list))

    def run(self) -> Indexes:
        """Search until nothing is better or the time is over; may be called again when the objective has changed."""
        self._of_term.clear()
        for case in self.cases:
            for term in case.terms:
                self._of_term[term].append(case)
        try:
            self._improve()
        except DeadlineExceeded as error:
            self.timed_out, self.stopped_by = True, error
        return self.chosen

    def _improve(self) -> None:
        self._add_greedily()
        for _ in range(3):
            before = self.chosen
            self._drop()
            self._merge()
            self._swap()
            self._add_greedily()
            if self.chosen == before:
                break
        self._drop()
        self._drop_beginnings()

    def make_room(self) -> Indexes:
        """Where the budget keeps out what would pay: shrink what is chosen, and fill what becomes free.

        Bytes are made dearer for that. The best set by the true price stays chosen, also when the time ends in between.
        """
        if not self.crowded or self.timed_out:
            return self.chosen
        price = self.objective.byte_price
        best = self.chosen
        costs, whole = self.objective.costs, self.objective.costs.deadline
        costs.deadline = replace(whole, at=min(whole.at, time.monotonic() + ROOM_SECONDS))
        try:
            self.objective.byte_price = price * SCARCITY
            self._improve()
            self.objective.byte_price = price
            self._improve()
            found, self.chosen = self.chosen, best
            if found != best and self.gain(found, 0.0) is not None:
                best = found
        except DeadlineExceeded:
            self.timed_out = whole.remaining() == 0.0
        finally:
            costs.deadline = whole
            self.objective.byte_price = price
            self.chosen = best
        return self.chosen

    def gain(self, wanted: Indexes, more_than: float) -> float | None:
        """What changing from the chosen set to another one brings per day; writes and space included.

        Returns:
            None: not more than that, or not worth asking the planner since nothing ever seen is that much better.
        """
        changed = wanted ^ self.chosen
        costs = self.objective.costs
        tables = {one.table_oid for one in changed}
        old = [one for one in self.chosen if one.table_oid in tables]
        new = [one for one in wanted if one.table_oid in tables]
        total = self.objective.upkeep(old) - self.objective.upkeep(new)
        concerned = [(one, costs.cost(one, costs.relevant(one, self.chosen))) for one in self._concerned(changed)]
        hopes = [(before - costs.least(one)) * one.ms_per_unit for one, before in concerned]
        hope = total + sum(hopes)
        for (case, before), hoped in zip(concerned, hopes, strict=True):
            if hope <= more_than:
                return None
            saved = (before - costs.cost(case, costs.relevant(case, wanted))) * case.ms_per_unit
            total += saved
            hope += saved - hoped
        return total if total > more_than else None

    def _concerned(self, indexes: Indexes) -> list[Case]:
        found = {id(case): case for one in indexes for case in self._of_term[one.table_oid, one.keys[0].expression]}
        return list(found.values())

    def _add_greedily(self) -> None:
        """Add what gains most per byte; gains only shrink while the set grows, so an old one is an upper bound."""
        heap: list[tuple[float, int, int, Indexes]] = []
        items = [frozenset((one,)) for one in self.pool] + list(self.groups)
        try:
            for number, item in enumerate(items):
                if not item <= self.chosen:
                    score = self._score(item)
                    if score is not None:
                        heapq.heappush(heap, (-score, number, len(self.chosen), item))
        except DeadlineExceeded:
            self._take_strangers(heap)
            raise
        while heap:
            _, number, size, item = heapq.heappop(heap)
            if size == len(self.chosen):
                self.chosen |= item
                continue
            score = self._score(item)
            if score is not None:
                heapq.heappush(heap, (-score, number, len(self.chosen), item))

    def _take_strangers(self, heap: Iterable[tuple[float, int, int, Indexes]]) -> None:
        """Without time to look again: the best of what was looked at, as far as none does what another one does."""
        for _, _, _, item in sorted(heap, key=lambda one: one[:2]):
            strange = not any(_shares(one, other) for one in item for other in self.chosen)
            if strange and self.objective.fits(self.chosen | item):
                self.chosen |= item

    def _score(self, item: Indexes) -> float | None:
        """Gain per byte of adding an item; None = not worth it, or too large."""
        wanted = self.chosen | item
        added = wanted - self.chosen
        if not added:
            return None
        fits = self.objective.fits(wanted)
        if not fits and self.crowded:
            return None
        gain = self.gain(wanted, self.objective.minimum_ms * len(added))
        if not fits:
            self.crowded = gain is not None
            return None
        return None if gain is None else gain / (self.objective.bytes(added) + MEGABYTE)

    def _drop(self) -> None:
        """Leave out what brings less than it costs, now that others are there."""
        for one in self._largest_first():
            without = self.chosen - {one}
            if self.gain(without, -self.objective.minimum_ms) is not None:
                self.chosen = without

    def _drop_beginnings(self) -> None:
        """Leave out an index that another one begins with, unless much of its statements' time hangs on it.

        Estimates of the two are too near each other for a gain of a few percent to be believed, and nobody wants both.
        """
        costs = self.objective.costs
        for one in reversed(self._largest_first()):
            if not any(_begins(one, other) for other in self.chosen):
                continue
            without = self.chosen - {one}
            concerned = self._concerned(frozenset((one,)))
            left = sum(costs.cost(case, costs.relevant(case, without)) * case.ms_per_unit for case in concerned)
            if self.gain(without, -WORTH_ANOTHER * left) is not None:
                self.chosen = without

    def _swap(self) -> None:
        """Put another index in the place of one or two."""
        for one in self._largest_first():
            if one not in self.chosen:
                continue
            best, most = None, 0.0
            rest = self.chosen - {one}
            for other in self._alternatives(one):
                siblings = [None, *sorted((x for x in rest if _shares(x, other)), key=by_text)]
                for sibling in siblings:
                    wanted = (rest - {sibling}) | {other}
                    if self.objective.fits(wanted) and (worth := self._worth(wanted, most)) is not None:
                        best, most = wanted, worth
            if best is not None:
                self.chosen = best

    def _merge(self) -> None:
        """Put one index in the place of two that begin alike."""
        for one in self._largest_first():
            for other in self._largest_first():
                merged = _merged(one, other) if {one, other} <= self.chosen and one != other else None
                if merged is None:
                    continue
                wanted = (self.chosen - {one, other}) | {merged}
                if self.objective.fits(wanted) and self._worth(wanted, 0.0) is not None:
                    self.chosen = wanted

    def _worth(self, wanted: Indexes, more_than: float) -> float | None:
        """Gain of a change; one that takes more space has to bring something."""
        larger = self.objective.bytes(wanted) > self.objective.bytes(self.chosen)
        wanted_more = self.objective.minimum_ms / 10 if larger else 0.0
        gain = self.gain(wanted, more_than + wanted_more)
        return None if gain is None else gain - wanted_more

    def _largest_first(self) -> list[IndexDefinition]:
        return sorted(self.chosen, key=lambda one: (-self.objective.sizes.bytes(one), by_text(one)))

    def _alternatives(self, index: IndexDefinition) -> list[IndexDefinition]:
        found = [one for one in self.pool if one not in self.chosen and _shares(one, index)]
        return found[:ALTERNATIVES]


def _merged(one: IndexDefinition, other: IndexDefinition) -> IndexDefinition | None:
    """The first index with what the second holds beside, where both begin with the same key."""
    alike = one.table_oid == other.table_oid and one.where == other.where and one.keys[0] == other.keys[0]
    plain = one.method == other.method == "btree" and all(key.column for key in other.keys)
    held = {key.column for key in one.keys}
    added = [key.column or "" for key in other.keys] + list(other.include)
    include = tuple(dict.fromkeys(name for name in (*one.include, *added) if name not in held))
    return replace(one, include=include) if alike and plain and len(include) <= MOST_INCLUDED else None


def _begins(one: IndexDefinition, other: IndexDefinition) -> bool:
    """Whether another index begins with the keys of the first, and holds all rows that it holds."""
    keys = len(one.keys)
    same = one.table_oid == other.table_oid and one.method == other.method == "btree" and one != other
    return same and other.keys[:keys] == one.keys and other.where in (None, one.where)


def _shares(one: IndexDefinition, other: IndexDefinition) -> bool:
    """Whether two indexes of one table have a key in common."""
    common = {key.expression for key in one.keys} & {key.expression for key in other.keys}
    return one.table_oid == other.table_oid and bool(common)
