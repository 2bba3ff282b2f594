"""The graph of joins and its shortest ways."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from postai.language.edges import Edge, declared, inferred, known
from postai.language.known_joins import DirectedJoin
from postai.language.schema import TableInfo


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: along an edge, up to the parent (at most one row) or down to the child (any number)."""

    edge: Edge
    up: bool

    @property
    def target(self) -> int:
        return self.edge.parent if self.up else self.edge.child


Path = tuple[Step, ...]


class Graph:
    """The joins of one catalog.

    Args:
        tables: all tables.
        joins: what is known beside foreign keys; names guess only the keys that nothing else tells.
        limit: longest path that is looked for.
    """

    def __init__(self, tables: tuple[TableInfo, ...], joins: tuple[DirectedJoin, ...] = (), limit: int = 5) -> None:
        self.tables = tables
        self.limit = limit
        told = (*declared(tables), *known(tables, joins))
        self.edges = (*told, *inferred(tables, told))
        self.steps: dict[int, list[Step]] = defaultdict(list)
        for edge in self.edges:
            if not edge.many:
                self.steps[edge.child].append(Step(edge, True))
            self.steps[edge.parent].append(Step(edge, False))
        self._paths: dict[tuple[int, int], tuple[Path, ...]] = {}
        self._reached: dict[tuple[int, bool], dict[int, int]] = {}
        self._known: dict[tuple[int, int, bool], tuple[Path, ...]] = {}

    def up_paths(self, start: int, end: int) -> tuple[Path, ...]:
        """The shortest paths on which every row of `start` meets at most one row of `end`."""
        return self._shortest(start, end, only_up=True)

    def paths(self, start: int, end: int) -> tuple[Path, ...]:
        """Simple paths from `start` to `end`, no longer than the shortest plus one, shortest first."""
        known = self._paths.get((start, end))
        if known is None:
            known = self._paths[start, end] = self._simple(start, end)
        return known

    def distance(self, start: int, end: int) -> int | None:
        """Number of joins between two tables; None = not joined."""
        return self._distances(start, False).get(end)

    def up_distance(self, start: int, end: int) -> int | None:
        """Number of joins when every step goes to a parent; None = there is no such way."""
        return self._distances(start, True).get(end)

    def _distances(self, start: int, only_up: bool) -> dict[int, int]:
        known = self._reached.get((start, only_up))
        if known is not None:
            return known
        found = {start: 0}
        frontier = [start]
        for steps in range(1, self.limit + 1):
            following = []
            for node in frontier:
                for step in self.steps.get(node, ()):
                    if step.target not in found and (step.up or not only_up):
                        found[step.target] = steps
                        following.append(step.target)
            frontier = following
        self._reached[start, only_up] = found
        return found

    def _shortest(self, start: int, end: int, only_up: bool) -> tuple[Path, ...]:
        known = self._known.get((start, end, only_up))
        if known is None:
            known = self._known[start, end, only_up] = tuple(self._search(start, end, only_up))
        return known

    def _search(self, start: int, end: int, only_up: bool) -> list[Path]:
        if start == end:
            return [()]
        frontier: dict[int, list[Path]] = {start: [()]}
        seen = {start}
        for _ in range(self.limit):
            following: dict[int, list[Path]] = defaultdict(list)
            for node, paths in frontier.items():
                for step in self.steps.get(node, ()):
                    if step.target in seen or (only_up and not step.up):
                        continue
                    following[step.target].extend((*path, step) for path in paths[:3])
            if end in following:
                return following[end]
            seen.update(following)
            frontier = following
            if not frontier:
                break
        return []

    def _simple(self, start: int, end: int) -> tuple[Path, ...]:
        shortest = self._shortest(start, end, only_up=False)
        if not shortest:
            return ()
        limit = min(len(shortest[0]) + 1, self.limit)
        found: list[Path] = []

        def walk(node: int, path: Path, visited: frozenset[int]) -> None:
            if len(found) > 24:
                return
            for step in self.steps.get(node, ()):
                if step.target == end:
                    found.append((*path, step))
                elif len(path) + 1 < limit and step.target not in visited:
                    walk(step.target, (*path, step), visited | {step.target})

        if start != end:
            walk(start, (), frozenset({start}))
        return tuple(sorted(found, key=len))
