"""HTTP/1.1 for clients that may be slow on purpose: whoever neither sends a request nor reads an answer is let go.

Each of them holds a descriptor of the process, which has a limited number of them.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

REQUEST_SECONDS = 30.0
"""For the head of a request, and as long again for its body."""
READING_SECONDS = 120.0
"""In which a client that is behind must read something."""


class PatientProtocol(H11Protocol):
    """uvicorn's protocol with these two limits."""

    request_seconds = REQUEST_SECONDS
    reading_seconds = READING_SECONDS
    _asking: asyncio.TimerHandle | None = None
    _reading: asyncio.TimerHandle | None = None
    _late: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has come."""
        super().connection_made(transport)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        for timer in (self._asking, self._reading):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """It is behind with reading."""
        super().pause_writing()
        self._reading = self.loop.call_later(self.reading_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """It has read."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        super().resume_writing()

    def _look(self) -> None:
        """Let it go when it has owed the same part of the same request for one whole look."""
        owes = self._owed()
        if owes is not None and owes == self._late:
            self.transport.abort()
            return
        self._late = owes
        self._asking = self.loop.call_later(self.request_seconds, self._look)

    def _owed(self) -> Any:
        """Which part of which request has to come; None = it is our turn."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return (cycle, "head")
        return (cycle, "body") if cycle.more_body and not cycle.response_started else None
