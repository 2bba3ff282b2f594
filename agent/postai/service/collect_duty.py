"""The duty that collects a database's history: a turn every collect_interval, short looks in between, pruning.

The settings are read at every turn, so a change counts from the next one on. One session is held while a turn and the
looks until the next one last, as opening one for every look would cost more than the look.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from postai.database import Database, Pool
from postai.database.named_sql import load
from postai.deadline import Cancelled, Deadline
from postai.errors import PostaiError
from postai.history import store
from postai.history.prune import PART, prune
from postai.history.types import PartState
from postai.observe.collect import Collector

log = logging.getLogger(__name__)


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
    history_days: float
    history_mb: float
    now: datetime


class CollectDuty:
    """Collects the history of one database.

    Args:
        name: the database's name in the configuration.
        pool: its sessions; one is held while collecting is on.
        pace: how often.
        make: makes the collector, anew each time we begin to lead (another agent may have led meanwhile).
    """

    channel = "postai_collect"
    through_pooler = True

    def __init__(
        self, name: str, pool: Pool, pace: CollectPace | None = None, make: Callable[[], Collector] = Collector
    ) -> None:
        self._name = name
        self._pool = pool
        self._pace = pace or CollectPace()
        self._make = make
        self._sql = load("postai.service", "collect_duty.sql")
        self._wake = threading.Event()
        self._open = False
        self._fresh = False
        self._stopping = False
        self._collector = make()
        self._next_prune = 0.0
        self._told: str | None = None
        self._thread: threading.Thread | None = None

    # The keeper calls these.

    def begin(self) -> None:
        self._fresh = True
        self._open = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._loop, name=f"collect-{self._name}", daemon=True)
            self._thread.start()
        self._wake.set()

    def wake(self, payload: str) -> None:
        """Nothing to do: this duty has a clock of its own."""

    def end(self) -> None:
        self._open = False
        self._wake.set()

    def stop(self, deadline: Deadline) -> None:
        self._stopping = True
        self.end()
        if self._thread is not None:
            self._thread.join(deadline.remaining())

    # In its own thread.

    def _loop(self) -> None:
        while not self._stopping:
            if not self._open:
                self._wake.wait()
                self._wake.clear()
                continue
            try:
                with self._pool.database() as db:
                    self._turn(db)
                self._told = None
            except Cancelled:
                continue
            except PostaiError as error:
                self._tell(error)
                self._pause(self._pace.again)
            except Exception:
                # The outermost layer of this thread: it must not end, or the history would end here.
                log.exception("collecting failed unexpectedly", extra={"database": self._name})
                self._pause(self._pace.again)

    def _turn(self, db: Database) -> None:
        """One turn, pruning when it is time, and looks until the next turn."""
        if self._fresh:
            self._fresh, self._collector = False, self._make()
        settings = CollectSettings(*db.query(self._sql["settings"])[0])
        if not settings.collect:
            self._collector = self._make()  # what happens until it is switched on again was not collected
            if not settings.values:
                store.forget_values(db)
            self._prune(db, settings)
            self._pause(self._pace.off)
            return
        began = time.monotonic()
        self._collector.collect(db, values=settings.values)
        self._prune(db, settings)
        self._look_until(db, began + max(settings.interval, self._pace.least), values=settings.values)

    def _look_until(self, db: Database, end: float, *, values: bool) -> None:
        pause = self._pace.look
        while self._open and not self._stopping and (left := end - time.monotonic()) > 0:
            self._pause(min(left, pause))
            if left <= pause or not self._open:
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

    def _pause(self, seconds: float) -> None:
        """Wait, but not when we are to end."""
        self._wake.wait(seconds)
        self._wake.clear()

    def _tell(self, error: PostaiError) -> None:
        """Log a trouble once, not at every turn; never its detail, which may hold values."""
        if error.message != self._told:
            self._told = error.message
            log.warning(
                "the history cannot be collected",
                extra={"database": self._name, "sqlstate": error.sqlstate, "error": error.message, "hint": error.hint},
            )
