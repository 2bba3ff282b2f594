"""Standbys and other receivers of a server's WAL, and on a standby what it replays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from postai.database import Database, named_sql


@dataclass(frozen=True, slots=True)
class Receiver:
    """Somebody who receives this server's WAL.

    Attributes:
        kind: "physical" (a standby, or a backup) or "logical".
        sync: "async", "sync", "quorum" or "potential"; None = not visible to the role.
        behind_bytes: WAL that it has not replayed yet; `behind_seconds`: how long ago what it replayed last was
            written, None = it has nothing to catch up with. Both are None where the role may not see them.
    """

    name: str
    address: str
    kind: str
    state: str
    sync: str | None
    behind_bytes: int | None
    behind_seconds: float | None


@dataclass(frozen=True, slots=True)
class Slot:
    """A replication slot; `held_bytes` of WAL are kept for it. `wal_status`: "lost" = it cannot go on."""

    name: str
    kind: str
    database: str | None
    active: bool
    wal_status: str | None
    held_bytes: int | None


@dataclass(frozen=True, slots=True)
class Replaying:
    """What a standby does.

    Attributes:
        state: of its receiver; None = it receives nothing.
        source: host and port that it receives from; None = not visible to the role.
        behind_bytes: received and not replayed yet.
        behind_seconds: 0 = it has replayed all that it received, which says nothing of what it did not receive.
        replayed: when the last transaction that it replayed was committed.
    """

    state: str | None
    source: str | None
    behind_bytes: int | None
    behind_seconds: float | None
    replayed: datetime | None


@dataclass(frozen=True, slots=True)
class Standbys:
    """Receivers and slots of a server; `replaying` is set on a standby."""

    receivers: tuple[Receiver, ...]
    slots: tuple[Slot, ...]
    replaying: Replaying | None


def read_standbys(database: Database) -> Standbys:
    """Look, with the rights of the connection's role; needs nothing of postai."""
    blocks = named_sql.load(__package__, "standbys.sql")
    replaying = database.query(blocks["receiving"])
    return Standbys(
        tuple(Receiver(*row) for row in database.query(blocks["standbys"])),
        tuple(Slot(*row) for row in database.query(blocks["slots"])),
        Replaying(*replaying[0]) if replaying else None,
    )
