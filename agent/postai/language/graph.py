"""How tables join: declared foreign keys, and keys guessed from names where none are declared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from postai.language.schema import ColumnInfo, TableInfo, looks_unique


@dataclass(frozen=True, slots=True)
class Edge:
    """Rows of `child` refer to at most one row of `parent`.

    Attributes:
        pairs: (child column, parent column).
        confidence: 1 for a declared foreign key.
        role: words of the child's column beyond the parent's name ("shipping" of shipping_address_id).
    """

    child: int
    parent: int
    pairs: tuple[tuple[str, str], ...]
    confidence: float = 1.0
    role: tuple[str, ...] = ()


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
        limit: longest path that is looked for.
    """

    def __init__(self, tables: tuple[TableInfo, ...], limit: int = 5) -> None:
        self.tables = tables
        self.limit = limit
        self.edges = (*_declared(tables), *_inferred(tables))
        self.steps: dict[int, list[Step]] = defaultdict(list)
        for edge in self.edges:
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


def _declared(tables: tuple[TableInfo, ...]) -> Iterable[Edge]:
    by_name = {(info.table.schema, info.table.name): info for info in tables if info.real is None}
    roles = {(info.real, info.by): info for info in tables if info.real is not None}
    for info in tables:
        if info.real is not None:
            continue
        for key in info.table.foreign_keys:
            parent = roles.get((info.index, key.columns[0]), by_name.get((key.schema, key.table)))
            if parent is None:
                continue
            pairs = tuple(zip(key.columns, key.referenced_columns, strict=True))
            yield Edge(info.index, parent.index, pairs, 1.0, _role(info.column(key.columns[0]), parent))


def _role(column: ColumnInfo, parent: TableInfo) -> tuple[str, ...]:
    known = {*parent.words, "id", "code", "key", "uuid"}
    return tuple(word for word in column.words if word not in known)


def _inferred(tables: tuple[TableInfo, ...]) -> Iterable[Edge]:
    """Keys guessed from names: `customer_id` refers to `customers.id` or `customers.customer_id`."""
    keys: dict[tuple[str, ...], list[tuple[TableInfo, ColumnInfo, float]]] = defaultdict(list)
    for info in tables:
        if info.table.kind in ("view", "matview") or info.real is not None:
            continue
        for column in info.columns:
            score = _key_likeness(info, column)
            if score:
                keys[_full_words(info, column)].append((info, column, score))
                if column.words != _full_words(info, column) and len(column.words) > 1:
                    keys[column.words].append((info, column, score))
    for info in tables:
        if info.table.kind in ("view", "matview") or info.real is not None:
            continue
        for column in info.columns:
            if column.refers or (info.key == (column.name,) and column.own in (("id",), ("uuid",), ("key",))):
                continue
            yield from _guesses(info, column, keys)


def _full_words(info: TableInfo, column: ColumnInfo) -> tuple[str, ...]:
    return (*info.words, *column.own)


def _key_likeness(info: TableInfo, column: ColumnInfo) -> float:
    if column.refers:
        return 0.0
    own_id = column.own[-1] in ("id", "uuid", "key", "code") and len(column.own) == 1
    if own_id and (info.key == (column.name,) or column.is_key):
        return 0.9
    if own_id and column.column.number <= 2 and not info.table.primary_key:
        return 0.8
    if (
        column.column.number == 1
        and column.words[-1] == "id"
        and column.kind != "other"
        and (looks_unique(column.column) or column.is_key)
    ):
        return 0.75
    if (
        column.words[-1] == "name"
        and len(column.words) > 1
        and column.own[0] not in ("first", "last", "full")
        and looks_unique(column.column)
    ):
        return 0.6
    return 0.0


def _guesses(
    info: TableInfo, column: ColumnInfo, keys: dict[tuple[str, ...], list[tuple[TableInfo, ColumnInfo, float]]]
) -> Iterable[Edge]:
    words = column.words
    for skipped in range(len(words) - 1):
        wanted = words[skipped:]
        if len(wanted) < 2:
            return
        found = [
            (parent, key, score)
            for parent, key, score in keys.get(wanted, ())
            if not (parent.index == info.index and key.name == column.name) and _same_type(column, key)
        ]
        found = [one for one in found if one[0].index != info.index or skipped] or []
        if info.key == (column.name,) and skipped == 0:
            # Two tables with the same key word: the one whose name it carries is the parent.
            found = [one for one in found if one[1].own != one[1].words or one[0].words == wanted[:-1]]
        if found:
            best = max(score for _, _, score in found)
            for parent, key, score in found:
                if score == best and not _mutual(info, column, parent):
                    confidence = round(score - 0.1 * bool(skipped), 2)
                    yield Edge(info.index, parent.index, ((column.name, key.name),), confidence, words[:skipped])
            return


def _mutual(info: TableInfo, column: ColumnInfo, parent: TableInfo) -> bool:
    """Whether the guess would go from the entity to its detail table: its own key is not a reference."""
    return info.words == column.words[:-1] and parent.words != info.words and info.key == (column.name,)


def _same_type(one: ColumnInfo, other: ColumnInfo) -> bool:
    return one.kind == other.kind and one.kind in ("number", "text", "other")
