"""What the overview of a database shows, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from postai.database import Database, named_sql


@dataclass(frozen=True, slots=True)
class AgentState:
    """The sidecar as `postai.agent()` tells it.

    Attributes:
        last_poll: when it last said that it is there.
        budget_left: US dollars, today; None without a model.
    """

    version: str | None
    transport: str
    reachable: bool
    leader: str | None
    last_poll: datetime | None
    model: str | None
    engine: str | None
    budget_left: float | None


@dataclass(frozen=True, slots=True)
class Overview:
    """One look at a database.

    Attributes:
        agent: the sidecar.
        server_version: as the server writes it.
    """

    agent: AgentState
    server_version: str


def read_overview(database: Database) -> Overview:
    """Look, with the rights of the connection's role."""
    blocks = named_sql.load(__package__, "overview.sql")
    (row,) = database.query(blocks["agent"])
    ((version,),) = database.query(blocks["server_version"])
    return Overview(AgentState(*row), version)
