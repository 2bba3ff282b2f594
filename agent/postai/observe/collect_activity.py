"""Looks at the running backends: what they wait for, who blocks whom, and texts with values where they are wanted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from postai.database import Database
from postai.database.identifiers import quote_ident
from postai.history.types import BlockWindow, WaitWindow
from postai.observe.collect_counters import Ground, Readings, difference

_CPU = "CPU"
_Wait = tuple[int | None, str, str]
"""queryid, event type, event."""
_Block = tuple[int, int | None, int | None, str | None, int | None, str | None, int | None]
"""Process id, queryid, user and state of the root; queryid, kind of lock and relation of the one that waits."""


@dataclass(frozen=True)
class ActivityLimits:
    """Bounds of the looks.

    Attributes:
        blocked: most waiting backends whose blockers are asked for in one look (each takes the lock tables' locks).
        waits, blocks: most rows of an interval.
        texts: most texts with values of an interval.
    """

    blocked: int = 50
    waits: int = 200
    blocks: int = 100
    texts: int = 100


@dataclass
class _Seen:
    """What was seen of one block in an interval: most backends at a time, greatest depth, longest wait, looks."""

    backends: int = 0
    depth: int = 0
    waited_ms: float = 0.0
    looks: int = 0


@dataclass(frozen=True)
class ActivityReading:
    """One interval.

    Attributes:
        texts: queryid, oid of the user and text with values, of statements that were seen.
    """

    waits: tuple[WaitWindow, ...]
    blocks: tuple[BlockWindow, ...]
    texts: tuple[tuple[int, int, str], ...]


class Activity:
    """Counts what looks at pg_stat_activity show, interval by interval.

    Args:
        sql: blocks of collect.sql.
        limits: bounds.
    """

    def __init__(self, sql: Mapping[str, str], limits: ActivityLimits | None = None) -> None:
        self._sql = sql
        self._limits = limits or ActivityLimits()
        self._profile: Readings[_Wait] = Readings()
        self._waits: Counter[_Wait] = Counter()
        self._blocks: dict[_Block, _Seen] = {}
        self._texts: dict[tuple[int, int, str], None] = {}
        self._looks = 0
        self._since: datetime | None = None

    def look(self, db: Database, ground: Ground, *, texts: bool) -> None:
        """One look at the active backends of this database.

        Args:
            texts: whether texts of statements, with the values in them, are wanted.
        """
        rows = db.query(self._sql["activity"], (texts, ground.dbid))
        self._looks += 1
        self._waits.update((queryid, kind or _CPU, event or "") for _, queryid, _, kind, event, _ in rows)
        blocked = [(pid, queryid) for pid, queryid, _, kind, _, _ in rows if kind == "Lock"]
        if blocked:
            self._look_at_locks(db, dict(blocked[: self._limits.blocked]))
        for _, queryid, userid, _, _, text in rows:
            # A longer text may end in the middle; one with $1 came with its values apart.
            whole = text and len(text.encode()) < ground.activity_bytes - 1 and "$1" not in text
            if whole and queryid is not None and len(self._texts) < self._limits.texts:
                self._texts[queryid, userid, text] = None

    def read(self, db: Database, ground: Ground, queryids: frozenset[int]) -> ActivityReading:
        """What was seen since the last reading, and begin anew.

        Args:
            queryids: of the statements of this database, to tell theirs in the profile of pg_wait_sampling.
        """
        waits, blocks, texts, looks = self._waits, self._blocks, tuple(self._texts), self._looks
        self._waits, self._blocks, self._texts, self._looks = Counter(), {}, {}, 0
        since, self._since = self._since, ground.at
        profile = self._read_profile(db, ground, queryids)
        if since is None or not looks:
            return ActivityReading((), (), texts)
        found = [
            WaitWindow(*wait, since, ground.at, samples, looks)
            for wait, samples in waits.items()
            if profile is None or wait[1] in (_CPU, "Activity", "Client")
        ]
        if profile and ground.profile_ms:
            looked = max(1, round((ground.at - since).total_seconds() * 1000 / ground.profile_ms))
            found += [WaitWindow(*wait, since, ground.at, samples, looked) for wait, samples in profile]
        found.sort(key=lambda one: -one.samples / one.looks)
        blocked = [
            BlockWindow(since, ground.at, *block, seen.backends, seen.depth, seen.waited_ms, seen.looks)
            for block, seen in blocks.items()
        ]
        blocked.sort(key=lambda one: -one.waited_ms)
        return ActivityReading(tuple(found[: self._limits.waits]), tuple(blocked[: self._limits.blocks]), texts)

    def _read_profile(self, db: Database, ground: Ground, queryids: frozenset[int]) -> list[tuple[_Wait, int]] | None:
        """What pg_wait_sampling added to its profile; None without it, and at the first reading."""
        source = ground.sources.get("pg_wait_sampling")
        if source is None or ground.profile_ms is None or not queryids:
            return None
        rows = db.query(self._sql["wait_sampling"].replace("/* schema */", quote_ident(source.schema)))
        counted = (((row[0], row[1], row[2]), f"({row[3]})") for row in rows if row[0] in queryids)
        began = self._profile.begun
        added = [(wait, int(difference(before, now)[0])) for wait, before, now in self._profile.changed(counted)]
        return added if began else None

    def _look_at_locks(self, db: Database, blocked: Mapping[int, int | None]) -> None:
        pids = list(blocked)
        found = {row[0]: row[1:] for row in db.query(self._sql["blocking"], (pids, pids))}
        graph = {pid: tuple(blockers) for pid, (blockers, *_) in found.items() if blockers}
        chains = {pid: roots_of(pid, graph) for pid in graph}
        wanted = sorted({root for chain in chains.values() for root, _ in chain})
        if not wanted:
            return
        roots = {row[0]: row[1:] for row in db.query(self._sql["roots"], (wanted,))}
        now: Counter[_Block] = Counter()
        for pid, chain in chains.items():
            _, lock_type, relid, waited = found[pid]
            for root, depth in chain:
                block = (root, *roots.get(root, (None, None, None)), blocked[pid], lock_type, relid)
                now[block] += 1
                seen = self._blocks.setdefault(block, _Seen())
                seen.depth, seen.waited_ms = max(seen.depth, depth), max(seen.waited_ms, waited or 0.0)
        for block, backends in now.items():
            seen = self._blocks[block]
            seen.backends, seen.looks = max(seen.backends, backends), seen.looks + 1


def roots_of(pid: int, graph: Mapping[int, Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """The backends at the ends of the chains that one waits in, each with how far away it is; () in a deadlock.

    Args:
        graph: who is blocked by whom, the direct blockers (pg_blocking_pids).
    """
    seen = {pid}
    level: Iterable[int] = (pid,)
    depth = 0
    roots: dict[int, int] = {}
    while level:
        depth += 1
        fresh = dict.fromkeys(blocker for one in level for blocker in graph.get(one, ()) if blocker not in seen)
        seen.update(fresh)
        for blocker in fresh:
            if blocker not in graph:
                roots.setdefault(blocker, depth)
        level = tuple(fresh)
    return tuple(roots.items())
