"""The duties that keep cache tables: one fills them in time, the other follows the writes to what they read."""

from __future__ import annotations

import logging
import time

from postai.cache import refresh
from postai.cache.board import Board
from postai.cache.follow import LOOK_SECONDS, PUBLICATION, Follower
from postai.cache.refresh import Entry
from postai.daemon.loop import Loop, Pause
from postai.database import Pool, connect
from postai.database.connection import OWN_PATH
from postai.deadline import Deadline
from postai.errors import FeatureMissing, NotPermitted, PostaiError

log = logging.getLogger(__name__)

CHANNEL = "postai_cache"
LEAST_SECONDS, LONGEST_SECONDS = 10.0, 600.0
"""For one filling; between them its time to live: rows that take longer would never be fresh."""
REST = 4.0
"""So many times longer than a refresh because of writes took is the rest before the next one, at least."""
LEAST_REST_SECONDS = 0.1
IMPOSSIBLE_SECONDS = 60.0
"""Until it is looked again whether writes can be followed here."""


class CacheDuty(Loop):
    """Fills each cache table before its time to live is over, and when writes made it stale.

    Args:
        name: the database's name in the configuration.
        dsn: connection string; each filling has a session of its own.
        pool: sessions for everything else.
        board: what was written, as the other duty heard it.
    """

    channel = CHANNEL

    def __init__(self, name: str, dsn: str, pool: Pool, board: Board) -> None:
        super().__init__(
            f"cache-{name}",
            self._fill_due,
            trouble="cache tables cannot be refreshed",
            database=name,
            longest=LONGEST_SECONDS,
            again=1.0,
        )
        self._name = name
        self._dsn = dsn
        self._pool = pool
        self._board = board
        self._resting: dict[int, float] = {}

    def _fill_due(self, deadline: Deadline) -> Pause:
        with self._pool.database() as db:
            found = refresh.entries(db)
        now = time.monotonic()
        self._resting = {id: at for id, at in self._resting.items() if at > now}
        waits = [LOOK_SECONDS]
        for entry in found:
            wait = max(entry.due, self._resting.get(entry.id, now) - now)
            if wait <= 0 and not deadline.cancel.is_set():
                self._fill(entry)
                wait = LEAST_REST_SECONDS
            waits.append(wait)
        return Pause(min(waits))

    def _fill(self, entry: Entry) -> None:
        try:
            with connect(
                self._dsn,
                application_name="postai cache",
                statement_timeout_ms=int(min(LONGEST_SECONDS, max(LEAST_SECONDS, entry.ttl)) * 1000),
                search_path=OWN_PATH,
            ) as db:
                done = refresh.refresh(db, entry, self._board, PUBLICATION)
        except PostaiError as error:
            # Its readers get the query itself; the others are refreshed all the same.
            with self._pool.database() as db:
                refresh.failed(db, entry, error)
            extra = {"database": self._name, "name": entry.name, "sqlstate": error.sqlstate}
            log.warning("a cache table cannot be refreshed", extra=extra)
        else:
            self._resting[entry.id] = time.monotonic() + max(LEAST_REST_SECONDS, REST * done.seconds)


class CacheFollowDuty(Loop):
    """Follows the writes to what cache tables read, where the server and the agent's login can.

    Args:
        name: the database's name in the configuration.
        dsn: connection string past any pooler.
        board: what is heard is written to it.
        filling: is told when something is to be filled anew.
    """

    channel = CHANNEL
    through_pooler = False

    def __init__(self, name: str, dsn: str, board: Board, filling: CacheDuty) -> None:
        super().__init__(
            f"cache-follow-{name}",
            self._follow,
            trouble="writes to the tables of cache tables cannot be followed",
            database=name,
            longest=86400.0,
            again=1.0,
        )
        self._name = name
        self._follower = Follower(dsn, board, filling.hurry)
        self._told: str | None = None

    def _follow(self, deadline: Deadline) -> Pause:
        try:
            again = self._follower.run(deadline)
        except (FeatureMissing, NotPermitted) as error:
            # No trouble: the time to live counts, and the reason stands in postai.cache_stats.
            if error.message != self._told:
                self._told = error.message
                extra = {"database": self._name, "reason": error.message, "hint": error.hint}
                log.info("cache tables are refreshed by their time to live only", extra=extra)
            return Pause(IMPOSSIBLE_SECONDS, LOOK_SECONDS)
        return Pause(0.0 if again else LOOK_SECONDS)
