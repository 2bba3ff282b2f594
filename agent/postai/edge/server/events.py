"""What a `Watch` tells of its database, in the order in which it must be taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from postai.edge.freshness import Lsn, Oid, Rows, Xid
from postai.stream import server
from postai.stream.replication import ServerIdentity
from postai.stream.snapshots import Snapshot


@dataclass(frozen=True, slots=True)
class Started:
    """A stream has begun; the cache is empty, and may be filled from now on.

    Attributes:
        identity: which server; other servers' log positions and transactions mean nothing here.
        slot: the stream's, which that server has and no other one, not even a copy of it.
        position: from where on it tells of commits.
        doubts: see Freshness.started.
        tables: those of which it tells everything.
    """

    identity: ServerIdentity
    slot: str
    position: Lsn
    doubts: Mapping[Xid, Rows]
    tables: Mapping[Oid, server.Table]


@dataclass(frozen=True, slots=True)
class Invalidations:
    """A transaction changed rows. Everything that was committed up to `end_lsn` has been told now."""

    xid: Xid
    end_lsn: Lsn
    rows: Rows


@dataclass(frozen=True, slots=True)
class Position:
    """Everything that was committed up to here has been told."""

    lsn: Lsn


@dataclass(frozen=True, slots=True)
class Sample:
    """The log ended at `lsn` after the moment `at` (time.monotonic); `snapshot` was taken with it."""

    at: float
    lsn: Lsn
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Flush:
    """Everything that is kept of this database must go, and no table is known until `Tables` follows.

    Attributes:
        xid: the transaction that did it; 0 = none is known, or one that is visible already.
        definitions: definitions or rights have changed, so that connections that were opened before should go, too.
        end_lsn: where in the log it ends, which whoever is told may not have passed yet; 0 = nobody knows.
    """

    reason: str
    xid: Xid
    definitions: bool
    number: int
    end_lsn: Lsn = 0


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of which the stream tells everything, as of the last `Flush`."""

    tables: Mapping[Oid, server.Table]
    number: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The stream has ended: everything that is kept must go. It is tried again by itself."""

    reason: str


Event = Started | Invalidations | Position | Sample | Flush | Tables | Lost
