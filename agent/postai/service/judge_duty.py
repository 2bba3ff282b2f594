"""The duty that judges what was collected, as soon as it was, looks for edges that fell silent, and sends alerts.

Two threads: one judges and lays alerts down, the other one sends them, so that a mail server that does not answer
holds up neither the judging nor the agent.
"""

from __future__ import annotations

import time

from postai.daemon.loop import Loop, Pause
from postai.database import Pool
from postai.deadline import Deadline
from postai.observe.alerts import Alerts
from postai.service.judging import Judge
from postai.service.silent_edges import SilentEdges

LOOK_SECONDS = 1.0
"""Least time between two looks whether something new was collected."""
IDLE_SECONDS = 5.0
"""Longest time: a notification may get lost."""
PRUNE_SECONDS = 3600.0


class JudgeDuty:
    """Judges one database and sends its alerts.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
        alerts: the channels.
        look: least seconds between two looks.
    """

    channel = "postai_collected"
    through_pooler = True

    def __init__(self, name: str, pool: Pool, alerts: Alerts, look: float = LOOK_SECONDS) -> None:
        self._name = name
        self._pool = pool
        self._alerts = alerts
        self._pause = Pause(max(IDLE_SECONDS, look), look)
        self._judge = Judge(name, alerts)
        self._edges = SilentEdges(alerts)
        self._prune_at = 0.0
        self._sending = Loop(f"alerts-{name}", self._send, trouble="alerts cannot be sent", database=name, again=look)
        judging = Loop(
            f"judge-{name}",
            self._judge_now,
            trouble="what was collected cannot be judged",
            database=name,
            anew=self._begin_anew,
            again=look,
        )
        self._loops = (judging, self._sending)

    def begin(self) -> None:
        for loop in self._loops:
            loop.begin()

    def wake(self, payload: str) -> None:  # noqa: ARG002  (any reason is a reason to look)
        for loop in self._loops:
            loop.hurry()

    def end(self) -> None:
        for loop in self._loops:
            loop.end()

    def stop(self, deadline: Deadline) -> None:
        self.end()  # both, before one is waited for
        for loop in self._loops:
            loop.stop(deadline)

    # In threads of their own.

    def _begin_anew(self) -> None:
        self._judge = Judge(self._name, self._alerts)
        self._edges = SilentEdges(self._alerts)

    def _judge_now(self, deadline: Deadline) -> Pause:
        with self._pool.database() as db:
            if self._edges.look(db, time.monotonic()):
                self._sending.hurry()
            if self._judge.judge(db, deadline):
                self._judge.look(db)
                self._sending.hurry()
        return self._pause

    def _send(self, deadline: Deadline) -> Pause:
        with self._pool.database() as db:
            if time.monotonic() >= self._prune_at:
                self._alerts.give_up_orphans(db)
                self._alerts.prune(db)
                self._prune_at = time.monotonic() + PRUNE_SECONDS
            self._alerts.deliver(db, deadline)
        return self._pause
