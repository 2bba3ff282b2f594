"""The duty that collects a database's history: a turn every collect_interval, short looks in between, pruning.

The settings are read at every turn, so a change counts from the next one on. One session is held while a turn and the
looks until the next one last, as opening one for every look would cost more than the look.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from postai.daemon.loop import Loop, Pause
from postai.database import Database, Pool
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.history import store
from postai.history.prune import PART, prune
from postai.history.types import PartState
from postai.observe.collect import Collector


@dataclass(frozen=True, slots=True)
class CollectPace:
    """How often, in seconds.

    Attributes:
        least: between two turns, whatever collect_interval is.
        look: between two looks at the running backends.
        look_rest: a look that took a second rests so many seconds.
        prune: between two prunings; each takes `longest` at most.
        off: between two looks at the settings while collecting is switched off.
        again: after a turn that failed, before the next one at the earliest.
    """

    least: float = 1.0
    look: float = 1.0
    look_rest: float = 200.0
    prune: float = 600.0
    longest: float = 10.0
    off: float = 10.0
    again: float = 10.0


@dataclass(frozen=True, slots=True)
class CollectSettings:
    """The settings of postai that concern the collection, see sql/20_settings.sql; `now` is the server's time."""

    collect: bool
    interval: float
    values: bool
    plans: bool
    history_days: float
    history_mb: float
    now: datetime


class CollectDuty(Loop):
    """Collects the history of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions; one is held while collecting is on.
        pace: how often.
        make: makes the collector, anew each time we begin to lead (another agent may have led meanwhile).
    """

    channel = "postai_collect"

    def __init__(
        self, name: str, pool: Pool, pace: CollectPace | None = None, make: Callable[[], Collector] = Collector
    ) -> None:
        self._pool = pool
        self._pace = pace or CollectPace()
        self._make = make
        self._sql = load("postai.service", "collect_duty.sql")
        self._collector = make()
        self._next_prune = 0.0
        super().__init__(
            f"collect-{name}",
            self._in_one_session,
            trouble="the history cannot be collected",
            database=name,
            anew=self._begin_anew,
            again=self._pace.again,
        )

    def _begin_anew(self) -> None:
        self._collector = self._make()

    def _in_one_session(self, deadline: Deadline) -> Pause:
        with self._pool.database() as db:
            return self._collect(db, deadline.cancel)

    def _collect(self, db: Database, ending: threading.Event) -> Pause:
        """One turn, pruning when it is time, and looks until the next turn."""
        settings = CollectSettings(*db.query(self._sql["settings"])[0])
        if not settings.collect:
            self._begin_anew()  # what happens until it is switched on again was not collected
            if not settings.values:
                store.forget_values(db)
            self._prune(db, settings)
            return Pause(self._pace.off)
        began = time.monotonic()
        self._collector.collect(db, values=settings.values, plans=settings.plans)
        self._prune(db, settings)
        self._look_until(db, began + max(settings.interval, self._pace.least), ending, values=settings.values)
        return Pause(0.0)

    def _look_until(self, db: Database, end: float, ending: threading.Event, *, values: bool) -> None:
        pause = self._pace.look
        while (left := end - time.monotonic()) > 0:
            if ending.wait(min(left, pause)):
                return
            if left <= pause:
                continue
            began = time.monotonic()
            self._collector.look(db, values=values)
            pause = max(self._pace.look, self._pace.look_rest * (time.monotonic() - began))

    def _prune(self, db: Database, settings: CollectSettings) -> None:
        began = time.monotonic()
        if began < self._next_prune:
            return
        self._next_prune = began + self._pace.prune
        pruned = prune(
            db,
            settings.now,
            raw=timedelta(days=min(settings.history_days, 36500)),
            most_bytes=int(settings.history_mb * (1 << 20)),
            deadline=Deadline.after(self._pace.longest),
        )
        took = (time.monotonic() - began) * 1000
        store.write_states(db, [PartState(PART, last_run=settings.now, cost_ms=took, rows=pruned.deleted)])
        if not pruned.finished:
            self._next_prune = began + self._pace.prune / 10
