"""What was written to the tables of each cache table since it was filled. No input or output; safe for threads.

The server streams a commit before others can see it, so a query that begins after the news may still read the old row
(ProcArrayEndTransaction comes after the log was flushed). So a transaction is dealt with only when a filling snapshot
shows it as completed; until then its cache tables stay stale, or at least are not said to be as of a later moment.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from postai.cache.groups import Group, Grouping
from postai.stream.snapshots import Snapshot
from postai.stream.transactions import Key

Oid = int
Groups = frozenset[Group]


@dataclass(frozen=True, slots=True)
class Followed:
    """A cache table whose writes are followed.

    Attributes:
        id: of postai.cache_entry.
        tables: all tables that its query reads.
        grouping: how it groups the rows of its only table, where the stream tells the groups of each change.
        timed: it may change though nothing is written, so that silence proves nothing.
    """

    id: int
    tables: frozenset[Oid]
    grouping: Grouping | None = None
    timed: bool = False


@dataclass(slots=True)
class _State:
    """What is known of one since it is followed.

    Attributes:
        changes: transactions that no filling snapshot has shown as completed: their groups, None = any.
        filled: the last filling snapshot since it is followed, and what identified its definition then.
    """

    changes: dict[int, Groups | None] = field(default_factory=dict)
    filled: Snapshot | None = None
    definition: str = ""


class Board:
    """One for each database. The follower writes what it hears, whoever refreshes reads what is to be done."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._followed: Mapping[int, Followed] = {}
        self._states: dict[int, _State] = {}
        self._proved = -1.0
        self._waiting = 0
        self._era = 0

    @property
    def era(self) -> int:
        """Another one each time when following begins: what was read before that may lack what was never told."""
        with self._changed:
            return self._era

    def follow(self, followed: Iterable[Followed]) -> None:
        """From now on these are followed; what is in them, the next filling of each says."""
        with self._changed:
            self._era += 1
            self._followed = {one.id: one for one in followed}
            self._states = {id: _State() for id in self._followed}

    def lose(self) -> None:
        """The stream is lost: nothing is known of any any more."""
        with self._changed:
            self._followed, self._states, self._proved = {}, {}, -1.0
            self._changed.notify_all()

    def doubt(self, changes: Mapping[int, Iterable[Oid]]) -> None:
        """Transactions that were running when the stream began: it may not tell of them."""
        with self._changed:
            for xid, tables in changes.items():
                for id, one in self._followed.items():
                    if not one.tables.isdisjoint(tables):
                        self._states[id].changes[xid] = None

    def change(
        self, xid: int, rows: Mapping[Oid, frozenset[Key] | None], names: Mapping[Oid, tuple[str, ...]]
    ) -> set[int]:
        """A transaction was committed.

        Args:
            xid: its number, 32 bits.
            rows: changed tables with the values that tell their groups, None = unknown.
            names: what these values are.

        Returns:
            the cache tables that are stale now.
        """
        stale = set()
        with self._changed:
            for id, one in self._followed.items():
                state = self._states[id]
                if one.tables.isdisjoint(rows) or (state.filled is not None and state.filled.completed(xid)):
                    continue
                state.changes[xid] = _groups(one, rows, names)
                stale.add(id)
        return stale

    def forget(self, ids: Iterable[int]) -> None:
        """Nothing is known of these any more, because what they read was redefined."""
        with self._changed:
            for id in ids:
                if id in self._states:
                    self._states[id].filled = None

    def groups(self, id: int) -> tuple[Grouping, Groups] | None:
        """The groups that were written to since a cache table was filled; None = it must be computed as a whole."""
        with self._changed:
            one, state = self._followed.get(id), self._states.get(id)
            if one is None or state is None or one.grouping is None or state.filled is None or not state.changes:
                return None
            found: set[Group] = set()
            for groups in state.changes.values():
                if groups is None:
                    return None
                found |= groups
            return one.grouping, frozenset(found)

    def missed(self, id: int, snapshot: Snapshot, groups: Groups | None = None) -> bool:
        """Whether a filling leaves out a change that its snapshot does not show, or groups that it did not compute."""
        with self._changed:
            state = self._states.get(id)
            return state is not None and any(
                not snapshot.completed(xid) or (groups is not None and (of is None or not of <= groups))
                for xid, of in state.changes.items()
            )

    def fill(self, id: int, snapshot: Snapshot, definition: str, era: int) -> None:
        """A cache table was filled by a statement with this snapshot, which began in this era."""
        with self._changed:
            state = self._states.get(id)
            if state is not None and era == self._era:
                state.changes = {xid: of for xid, of in state.changes.items() if not snapshot.completed(xid)}
                state.filled, state.definition = snapshot, definition

    def silent(self) -> dict[int, str]:
        """Cache tables to whose tables nothing was written since they were filled, each with what defined it then."""
        with self._changed:
            return {
                id: state.definition
                for id, state in self._states.items()
                if state.filled is not None and not state.changes and not self._followed[id].timed
            }

    def prove(self, at: float) -> None:
        """Everything that was visible at this moment (`time.monotonic`) was told."""
        with self._changed:
            self._proved = max(self._proved, at)
            self._changed.notify_all()

    def await_proof(self, at: float, seconds: float) -> bool:
        """Wait until everything that was visible at a moment was told; False = not in time, or nothing is followed."""
        with self._changed:
            self._waiting += 1
            told = self._changed.wait_for(lambda: not self._followed or self._proved >= at, seconds)
            self._waiting -= 1
            return told and bool(self._followed)

    def awaited(self) -> bool:
        """Whether somebody waits for a proof."""
        with self._changed:
            return self._waiting > 0


def _groups(
    one: Followed, rows: Mapping[Oid, frozenset[Key] | None], names: Mapping[Oid, tuple[str, ...]]
) -> Groups | None:
    if one.grouping is None:
        return None
    found = set()
    for table in one.tables & rows.keys():
        keys = rows[table]
        if keys is None:
            return None
        for key in keys:
            group = one.grouping.group(names.get(table, ()), key) if table in names else None
            if group is None:
                return None
            found.add(group)
    return frozenset(found)
