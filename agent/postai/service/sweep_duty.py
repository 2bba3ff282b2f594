"""The duty that drops what killed runs left: schemas and databases in which statements were tried."""

from __future__ import annotations

import logging

from postai.daemon.loop import Loop, Pause
from postai.database import Pool
from postai.deadline import Deadline
from postai.scratch.scratch_database import drop_left_databases
from postai.scratch.scratch_schema import drop_left_schemas

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0


class SweepDuty(Loop):
    """Looks when the agent begins to lead, and once an hour, for copies that nobody uses any more.

    Args:
        name: the database's name in the configuration.
        pool: its sessions.
    """

    channel = "postai_sweep"

    def __init__(self, name: str, pool: Pool) -> None:
        super().__init__(
            f"sweep-{name}", self._look, trouble="left copies of tables cannot be dropped", database=name, again=60.0
        )
        self._name = name
        self._pool = pool

    def _look(self, deadline: Deadline) -> Pause:  # noqa: ARG002  (the statements have time limits of their own)
        with self._pool.database() as db:
            schemas, databases = drop_left_schemas(db), drop_left_databases(db)
        if schemas or databases:
            extra = {"database": self._name, "schemas": schemas, "databases": databases}
            log.info("left copies of tables were dropped", extra=extra)
        return Pause(LOOK_SECONDS)
