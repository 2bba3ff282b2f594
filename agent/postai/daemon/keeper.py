"""One database as the agent keeps it: a dedicated session that leads, listens and beats.

The session holds the advisory lock by which backends know that an agent is there, so leadership ends with the session,
whatever ends it. An agent that does not get the lock stands by: it beats, asks for the lock every second, and does
nothing else for that database. When the session is lost the keeper connects again, with growing pauses, leads again if
it can, and lets every duty look for work, since notifications got lost meanwhile.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from postai.daemon.backoff import Backoff
from postai.daemon.duty import Duty
from postai.database import ServerError, connect
from postai.database import dsn as connection_string
from postai.database.connection import OWN_PATH
from postai.database.named_sql import load
from postai.database.psycopg_adapter import PsycopgDatabase
from postai.database.roles import detect_pooler
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.settings import DatabaseSettings, ModelSettings

log = logging.getLogger(__name__)

LOCK_CLASS = 0x706F7374  # "post"; backends look for this lock to know whether an agent is there
LOCK_OBJECT = 1
BEAT_SECONDS = 5.0
STANDBY_SECONDS = 1.0
POLL_SECONDS = 1.0
"""How often the queues are looked at where notifications cannot be had."""

# A peer that vanished without a word is noticed within about 30 seconds.
_KEEPALIVE = {"keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "4", "tcp_user_timeout": "20000"}


@dataclass(frozen=True)
class Identity:
    """Who this agent is, as the heartbeat row shows it.

    Attributes:
        agent_id: unique for this process.
        started_at: seconds since the epoch.
    """

    agent_id: str
    host: str
    pid: int
    version: str
    started_at: float


class Keeper:
    """Keeps one database, in a thread of its own.

    Args:
        settings: which database.
        identity: written into the heartbeat row.
        duties: done while we lead.
        random: jitter of the pauses.
        model: the agent's configuration of the model, for the heartbeat row.
    """

    def __init__(
        self,
        settings: DatabaseSettings,
        identity: Identity,
        duties: Sequence[Duty],
        random: Random,
        model: ModelSettings,
    ) -> None:
        self._settings = settings
        self._identity = identity
        self._duties = tuple(duties)
        self._backoff = Backoff(random)
        self._model = model
        self._sql = load("postai.daemon", "keeper.sql")
        self._ending = False
        self._stop = threading.Event()
        self._leading = threading.Event()
        self._wake_out, self._wake_in = socket.socketpair()
        self._thread = threading.Thread(target=self._run, name=f"keeper-{settings.name}", daemon=True)
        self._told: str | None = None

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def leading(self) -> bool:
        """Whether this agent leads the database at this moment."""
        return self._leading.is_set()

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        """End the duties, then the session; backends see that the agent is gone as soon as the session is."""
        self._ending = True
        for duty in self._duties:
            duty.stop(deadline)
        self._stop.set()
        self._wake_in.send(b"x")
        self._thread.join(max(0.1, deadline.remaining()))
        if not self._thread.is_alive():
            self._wake_out.close()
            self._wake_in.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._open() as session:
                    try:
                        self._serve(session)
                    finally:
                        if self._ending:
                            session.execute(self._sql["leave"], (self._identity.agent_id,))
            except PostaiError as error:
                self._tell(error)
            except Exception:
                # The outermost layer of this thread: it must not end, or the database would be forgotten.
                log.exception("keeping the database failed unexpectedly", extra={"database": self.name})
            finally:
                self._lost()
            if not self._stop.is_set():
                self._pause(self._backoff.next())

    def _open(self) -> PsycopgDatabase:
        parameters = connection_string.parse(self._settings.direct)
        dsn = connection_string.build({**_KEEPALIVE, **parameters})
        session = connect(
            dsn, application_name="postai agent", statement_timeout_ms=5000, search_path=OWN_PATH, driver="psycopg"
        )
        assert isinstance(session, PsycopgDatabase)
        return session

    def _serve(self, session: PsycopgDatabase) -> None:
        pooled = detect_pooler(session) is not None
        if not pooled:
            # The home of a move is read-only for everybody else while the source serves.
            session.execute(self._sql["write"])
        lead = pooled or self._try_lead(session)
        self._beat(session, lead)
        self._backoff.reset()
        self._told = None
        next_beat = time.monotonic() + BEAT_SECONDS
        if pooled:
            log.warning(
                "behind a pooler: no leadership and no notifications, polling instead",
                extra={"database": self.name, "hint": "Set direct_dsn to a connection past the pooler."},
            )
            self._begin([duty for duty in self._duties if duty.through_pooler])
        elif lead:
            self._take_over(session)
        else:
            log.info("another agent leads this database, standing by", extra={"database": self.name})
        while not self._stop.is_set():
            pause = POLL_SECONDS if pooled else BEAT_SECONDS if lead else STANDBY_SECONDS
            self._wait(session, min(pause, max(0.0, next_beat - time.monotonic())))
            if self._stop.is_set():
                break
            if not lead and self._try_lead(session):
                lead = True
                self._take_over(session)
                next_beat = 0.0
            if time.monotonic() >= next_beat:
                self._beat(session, lead)
                next_beat = time.monotonic() + BEAT_SECONDS
                self._wake_all()
            elif pooled:
                self._wake_all()

    def _try_lead(self, session: PsycopgDatabase) -> bool:
        if self._take_lock(session):
            return True
        try:
            evicted = session.query(self._sql["evict"])[0][0]
        except ServerError as error:
            self._tell(error)
            return False
        if evicted:
            log.warning("ended sessions that held the agent's lock", extra={"database": self.name, "sessions": evicted})
        return False

    def _take_lock(self, session: PsycopgDatabase) -> bool:
        return bool(session.query(self._sql["try_lead"], (LOCK_CLASS, LOCK_OBJECT))[0][0])

    def _take_over(self, session: PsycopgDatabase) -> None:
        for channel in {duty.channel for duty in self._duties}:
            session.execute(f'listen "{channel}"')
        self._beat(session, True)
        log.info("leading this database", extra={"database": self.name})
        self._begin(self._duties)

    def _begin(self, duties: Sequence[Duty]) -> None:
        self._leading.set()
        for duty in duties:
            if not self._ending:
                duty.begin()

    def _lost(self) -> None:
        if self._leading.is_set():
            self._leading.clear()
            for duty in self._duties:
                duty.end()
            log.info("no longer leading this database", extra={"database": self.name})

    def _wait(self, session: PsycopgDatabase, seconds: float) -> None:
        """Sleep until the server or the process has something to say, then hand the notifications out."""
        wake = self._wake_out.fileno()
        ready, _, _ = select.select([session.fileno(), wake], [], [], seconds)
        if wake in ready:
            self._wake_out.recv(4096)
        for channel, payload in session.notifications():
            for duty in self._duties:
                if duty.channel == channel:
                    duty.wake(payload)

    def _wake_all(self) -> None:
        if self._leading.is_set():
            for duty in self._duties:
                duty.wake("")

    def _beat(self, session: PsycopgDatabase, leader: bool) -> None:
        one, model = self._identity, self._model
        session.execute(
            self._sql["beat"],
            (
                model.model if model.configured else None,
                model.daily_budget_usd,
                one.agent_id,
                one.host,
                one.pid,
                one.version,
                one.started_at,
                leader,
            ),
        )

    def _pause(self, seconds: float) -> None:
        select.select([self._wake_out], [], [], seconds)

    def _tell(self, error: PostaiError) -> None:
        """Log a trouble once, not at every attempt."""
        text = f"{error.message} {error.detail}"
        if text != self._told:
            self._told = text
            log.warning(
                "the database cannot be served, trying again",
                extra={
                    "database": self.name,
                    "sqlstate": error.sqlstate,
                    "error": error.message,
                    "detail": error.detail,
                    "hint": error.hint,
                },
            )
