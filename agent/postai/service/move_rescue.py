"""Switches that an agent was killed within, while their home cannot be reached: the source is opened by the journal.

Whoever leads in a home brings its moves to an end there; but nobody leads in a home that is down.
"""

from __future__ import annotations

import logging
import threading
from datetime import UTC, datetime

from postai.database import ConnectionFailed
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.replicate import asked
from postai.replicate.journal import Intent, Journal
from postai.replicate.types import Side
from postai.service.replicating import Places

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
# How often in a row a home must have been out of reach.
MISSED = 2


class MoveRescue:
    """Looks at the journal from the agent's start on.

    Args:
        places: connections and redirect drivers.
        journal: says which switches were begun.
    """

    def __init__(self, places: Places, journal: Journal) -> None:
        self._places, self._journal = places, journal
        self._missed: dict[int, int] = {}
        self._told: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="move-rescue", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, deadline: Deadline) -> None:
        self._stop.set()
        self._thread.join(deadline.remaining())

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                for intent in self._journal.unfinished():
                    if not intent.outside and intent.abandoned(datetime.now(UTC)):
                        self._look(intent)
            except PostaiError as error:
                if error.message != self._told:
                    self._told = error.message
                    extra = {"sqlstate": error.sqlstate, "error": error.message, "hint": error.hint}
                    log.error("a switch cannot be brought to its end", extra=extra)

    def _look(self, intent: Intent) -> None:
        move = self._places.move(intent.row)
        try:
            move.open(Side.TARGET).close()
        except ConnectionFailed:
            self._missed[move.id] = self._missed.get(move.id, 0) + 1
        else:
            self._missed.pop(move.id, None)
        if self._missed.get(move.id, 0) >= MISSED:
            outcome = asked.rescue(move, lambda _name, _detail="": None, self._journal)
            log.warning(
                "a switch was broken off and its home cannot be reached",
                extra={"move": move.row.name, "serving": outcome.serving.value},
            )
