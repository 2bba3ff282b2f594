"""What the leader of a database does there, and what an agent serves beside that: the two shapes the wiring knows."""

from __future__ import annotations

from typing import Protocol

from postai.deadline import Deadline


class Duty(Protocol):
    """Work on one database that only its leader does (the job queue, the action queue)."""

    @property
    def channel(self) -> str:
        """Notifications of this channel wake the duty."""
        ...

    @property
    def through_pooler(self) -> bool:
        """Whether it can be done where every transaction may run in another session of the server."""
        ...

    def begin(self) -> None:
        """We lead now (again): look for work at once. Called after every reconnect, because notifications got lost."""
        ...

    def wake(self, payload: str) -> None:
        """A notification came, or (with an empty payload) it is time to look for delayed and abandoned work."""
        ...

    def end(self) -> None:
        """We no longer lead: take no new work."""
        ...

    def stop(self, deadline: Deadline) -> None:
        """End for good: finish or give back what is running, until the deadline."""
        ...


class Front(Protocol):
    """A face of the agent that does not belong to one database (the socket)."""

    def start(self) -> None: ...

    def stop(self, deadline: Deadline) -> None: ...
