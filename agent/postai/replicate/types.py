"""What the parts of a move have in common: its words, its values, and what a stream of changes must be able to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from postai.database.identifiers import qualified
from postai.database.protocol import Database

# Schemas that are postai's own, as a condition on pg_namespace `n`: never copied, compared or fenced.
USERS_SCHEMA = r"n.nspname !~ '^(pg_|postai$|postai_)' and n.nspname <> 'information_schema'"


class Side(StrEnum):
    """One of the two databases of a move. The target is the home database."""

    SOURCE = "source"
    TARGET = "target"

    @property
    def other(self) -> Side:
        return Side.TARGET if self is Side.SOURCE else Side.SOURCE


class Method(StrEnum):
    """How changes travel: logical replication, triggers on the source, or a dump while nobody writes."""

    NATIVE = "native"
    TRIGGER = "trigger"
    DUMP = "dump"


class Level(StrEnum):
    """How grave a finding is; a move starts and switches only without blockers."""

    BLOCKER = "blocker"
    WARNING = "warning"
    NOTE = "note"


class Identity(StrEnum):
    """What identifies a row of a table in the stream of changes; with `none` UPDATE and DELETE cannot be published."""

    PRIMARY = "primary"
    INDEX = "index"
    FULL = "full"
    NONE = "none"


class State(StrEnum):
    """Where a move is. `completed` and `aborted` are final.

    `failed` stands still until it is resumed. `rolled_back`: the source serves again and the target follows it, so that
    it can be switched again, or aborted.
    """

    CREATED = "created"
    ANALYSED = "analysed"
    PREFLIGHT_OK = "preflight_ok"
    SCHEMA_COPIED = "schema_copied"
    COPYING = "copying"
    CATCHING_UP = "catching_up"
    VERIFYING = "verifying"
    READY = "ready"
    SWITCHING = "switching"
    SERVING_TARGET = "serving_target"
    COMPLETED = "completed"
    FAILED = "failed"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"


class Step(StrEnum):
    """The steps of a switch, in their order; each is reported when it is done. No return after `redirected`.

    gates: nothing stands against it. pausing: the clients are held back from now on. paused: the redirect driver holds
    them. fenced: nobody can write on the old side. drained: all its changes are on the new side. unfenced: that one may
    be written to. sequences: they stand there as here. synced: it has all of it on its disk. reverse_slot: the reverse
    stream begins here. redirecting, redirected: the clients are sent to the new side. opened: they are let go.
    forward_stopped: the old stream is gone. reverse_subscribed: the old side follows the new one. way_back: the stream
    for a switch back is prepared. undone: instead of all after `gates`, the old side serves as before.
    """

    GATES = "gates"
    PAUSING = "pausing"
    PAUSED = "paused"
    FENCED = "fenced"
    DRAINED = "drained"
    UNFENCED = "unfenced"
    SEQUENCES = "sequences"
    SYNCED = "synced"
    REVERSE_SLOT = "reverse_slot"
    REDIRECTING = "redirecting"
    REDIRECTED = "redirected"
    OPENED = "opened"
    FORWARD_STOPPED = "forward_stopped"
    REVERSE_SUBSCRIBED = "reverse_subscribed"
    WAY_BACK = "way_back"
    UNDONE = "undone"


class OnStep(Protocol):
    """Told at the boundary of each step: its name, and what was done in a few words."""

    def __call__(self, name: str, detail: str = "") -> None: ...


class Open(Protocol):
    """Opens a new session of a side, past every pooler (sessions.open_session); the caller closes it."""

    def __call__(self, side: Side) -> Database: ...


@dataclass(frozen=True)
class Finding:
    """One thing that a check or a gate found.

    Attributes:
        check: its name in the registry.
        level: how grave it is.
        side: where.
        what: one sentence.
        objects: the tables, roles, settings ... it is about.
        fix: statements or steps, each complete, that remove it.
    """

    check: str
    level: Level
    side: Side
    what: str
    objects: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()


@dataclass(frozen=True)
class Server:
    """One side as the check saw it.

    Attributes:
        label: host, port and database, for people (no secret).
        version: server_version_num, e.g. 150018.
        database: name of the database.
        user: the role of postai's session there.
        superuser, replication: attributes of that role.
        bytes: size of the database.
    """

    label: str
    version: int
    database: str
    user: str
    superuser: bool
    replication: bool
    bytes: int

    @property
    def major(self) -> int:
        return self.version // 10000


@dataclass(frozen=True)
class Table:
    """A table whose rows move: ordinary or a partition, permanent.

    Attributes:
        bytes: its heap with TOAST, without indexes.
        rows: the planner's estimate; -1 where it was never analysed.
        identity: what identifies its rows in a stream of changes.
    """

    schema: str
    name: str
    bytes: int
    rows: int
    identity: Identity

    @property
    def qualified(self) -> str:
        """schema.name, each quoted where it must be."""
        return qualified(self.schema, self.name)


@dataclass(frozen=True)
class Report:
    """What `check` found.

    Attributes:
        method: the best that is possible; dump where nothing else is.
        bytes: of all tables; seconds: estimate of copy and indexes; wal_bytes: what the source keeps meanwhile.
    """

    method: Method
    source: Server
    target: Server
    findings: tuple[Finding, ...]
    tables: tuple[Table, ...]
    bytes: int
    seconds: float
    wal_bytes: int

    @property
    def blocked(self) -> bool:
        return any(one.level is Level.BLOCKER for one in self.findings)


@dataclass(frozen=True)
class MoveOptions:
    """What a person may say about a move.

    Attributes:
        schemas: only these; () = all but postai's own.
        roles: whether roles are copied; role_passwords: with their password hashes (needs a superuser on both sides).
        full_identity: whether tables on the source that have no usable key may get REPLICA IDENTITY FULL for the move
            (taken back by complete and abort); without it they are blockers.
        workers: sessions that copy at a time.
        split_bytes: tables above this size are copied in parts from a snapshot of their own; 0 = never.
        load: busy sessions of the source for each of its processors above which the copy waits; 0 = no limit.
        replica_lag: seconds that a replica of the source may be behind before the copy waits.
        keep_wal_bytes: WAL that the source may keep for the move; beyond it the slot is dropped and the move restarts.
        passfile: file on the target's server that its subscription takes the source's password from, and the other way
            round in `source_passfile`; None = the password stands in pg_subscription, which superusers read and dump.
        way_back: whether the source follows the target after the switch; without it there is no rollback.
    """

    schemas: tuple[str, ...] = ()
    roles: bool = True
    role_passwords: bool = False
    full_identity: bool = False
    workers: int = 2
    split_bytes: int = 10 * 2**30
    load: float = 2.0
    replica_lag: float = 30.0
    keep_wal_bytes: int = 64 * 2**30
    passfile: str | None = None
    source_passfile: str | None = None
    way_back: bool = True


@dataclass(frozen=True)
class Lag:
    """How far a stream is behind.

    Attributes:
        bytes: WAL that the subscriber has not confirmed; None = unknown (no slot, another method).
        kept_bytes: WAL that the publisher keeps for it.
        silent: seconds since the subscriber heard from the publisher.
        active: whether somebody reads the slot now.
        wal_status: reserved, extended, unreserved, lost; None before 13.
        safe_bytes: WAL that may still be written before the slot is lost; None = no limit.
        errors: how often applying or copying failed until now; None before 15.
    """

    bytes: int | None
    kept_bytes: int | None
    silent: float | None
    active: bool
    wal_status: str | None
    safe_bytes: int | None
    errors: int | None


@dataclass(frozen=True)
class Progress:
    """How far the copy of one table is.

    Attributes:
        state: waiting, copying, catching_up, ready.
        rows, bytes: copied until now; total_rows, total_bytes: of the table on the source (rows are estimated).
        seconds: until it is done at the present speed; None = not known.
    """

    table: str
    state: str
    rows: int
    bytes: int
    total_rows: int
    total_bytes: int
    seconds: float | None


class Stream(Protocol):
    """Changes of one side on their way to the other, whatever the method; every call may be repeated."""

    @property
    def name(self) -> str:
        """`postai_<id>_fwd` (source to target) or `postai_<id>_rev`."""
        ...

    def prepare(self, publisher: Database, subscriber: Database) -> None:
        """Make what a start needs (publication, slot ...), without moving a row; or bring its beginning up to now."""
        ...

    def mark(self, publisher: Database) -> None:
        """The stream begins after what is on the disk now; nobody writes there, and its beginning is kept."""
        ...

    def start(self, publisher: Database, subscriber: Database) -> None:
        """Let changes flow from the mark on."""
        ...

    def pump(self, publisher: Database, subscriber: Database) -> None:
        """Move what there is, where nobody else does it; called again and again while a fence row is awaited."""
        ...

    def gates(self, publisher: Database, subscriber: Database) -> tuple[Finding, ...]:
        """What stands against switching along this stream: unfinished tables, lag, errors."""
        ...

    def flows(self, subscriber: Database) -> bool:
        """Whether it was started, and not stopped since: what is written arrives."""
        ...

    def ready(self, publisher: Database) -> bool:
        """Whether it is prepared, so that it can be started in a moment."""
        ...

    def stop(self, publisher: Database, subscriber: Database) -> None:
        """End it on both sides; what `prepare` makes anew goes, too."""
        ...

    def lag(self, publisher: Database, subscriber: Database) -> Lag:
        """How far the subscriber is behind."""
        ...


class Carrier(Stream, Protocol):
    """A stream that also copies the rows that are there, as the way to the target begins."""

    def copy(self, publisher: Database, subscriber: Database, *, hold: bool = False) -> None:
        """Begin to copy and follow, or go on with it; tables that are new are taken up, unless copying is to wait."""
        ...

    def progress(self, publisher: Database, subscriber: Database) -> tuple[Progress, ...]:
        """How far the copy of each table is."""
        ...

    def unfinished(self, publisher: Database, subscriber: Database) -> tuple[str, ...]:
        """Tables that are not copied and followed yet."""
        ...

    def written(self, publisher: Database, subscriber: Database) -> bool:
        """Whether others wrote to the publisher while this stream waits, since it was brought up to now."""
        ...

    def reconnect(self, subscriber: Database) -> None:
        """Let what does not reach the publisher use the connection string as it is now."""
        ...


def placed(fix: str, side: str) -> str:
    """A fix of a finding, with where it is to be run if it is a statement."""
    return f"on the {side}: {fix}" if fix.partition(" ")[0].isupper() else fix


def object_name(move: int, part: str) -> str:
    """The name of an object that postai makes for a move: `postai_7_fwd`."""
    return f"postai_{move}_{part}"


def own_schema(move: int) -> str:
    """The schema of a move on both sides, with its fence: `postai_7`."""
    return f"postai_{move}"
