"""How a database can move: found by trying, not by the provider's name. Nothing that is there is changed by it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from postai.database import ServerError, named_sql
from postai.database import dsn as connection_string
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.database.upkeep import looking
from postai.deadline import Deadline
from postai.replicate import native
from postai.replicate.types import Method, Server

# Name of the slot that is tried; made and dropped within one statement of one session.
SLOT = "postai_check"
SLOT_WAIT_MS = 3_000
CONNECT_SECONDS = "5"
# Instead of the password, where what is tried could be logged: the source refuses it, so it was reached.
STAND_IN = "postai_check"
WRONG_PASSWORD = re.compile("password authentication failed", re.IGNORECASE)
# What a slot's making ends with when transactions that run are in its way.
WAITING = ("57014", "55P03")
SETTINGS = (
    "wal_level", "max_replication_slots", "max_wal_senders", "max_slot_wal_keep_size", "wal_sender_timeout",
    "wal_receiver_timeout", "max_logical_replication_workers", "max_sync_workers_per_subscription",
    "max_worker_processes", "max_active_replication_origins", "idle_replication_slot_timeout", "max_connections",
    "superuser_reserved_connections", "ssl", "data_directory", "server_encoding", "max_prepared_transactions",
)  # fmt: skip
_MANAGED = {
    "rds_superuser": "rds", "cloudsqlsuperuser": "cloudsql", "azure_pg_admin": "azure", "doadmin": "digitalocean",
    "supabase_admin": "supabase",
}  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """A server's no.

    Attributes:
        sqlstate: its SQLSTATE.
        message: its words.
    """

    sqlstate: str
    message: str


@dataclass(frozen=True)
class Facts:
    """What one side tells of itself.

    Attributes:
        server: as reports show it.
        bypasses: whether row security does not hold for the session's role (a superuser's or BYPASSRLS).
        creates_roles: whether it may create roles.
        standby: whether the server is in recovery.
        creates: whether the role may create schemas and publications in the database.
        identity: tells one running database from every other.
        managed: rds, cloudsql, azure, digitalocean, supabase, as far as its roles and settings show; "" = self-hosted.
            It changes only how fixes are worded.
        settings: those of `SETTINGS` that the server has, as pg_settings gives them.
    """

    server: Server
    bypasses: bool
    creates_roles: bool
    standby: bool
    creates: bool
    identity: str
    managed: str
    settings: Mapping[str, str]

    @property
    def user(self) -> str:
        """The session's role, quoted where it must be."""
        return quote_ident(self.server.user)

    @property
    def database(self) -> str:
        """The database, quoted where it must be."""
        return quote_ident(self.server.database)

    def number(self, setting: str) -> int | None:
        """A numeric setting in its own unit; None where this version has none, or the role may not see it."""
        return int(self.settings[setting]) if setting in self.settings else None


@dataclass(frozen=True)
class Probe:
    """What trying came to.

    Attributes:
        method: the best that is possible now.
        source, target: facts of the two sides.
        slot: why no logical slot can be made on the source; None = one was made and dropped, or would be as soon as
            the transactions that run have ended (`slot_waits`).
        subscription: why the target cannot subscribe to the source; None = it could connect, or was not tried.
        subscription_tried: whether the target's server was asked to connect.
        with_password: whether the connection string of the subscription has a password.
    """

    method: Method
    source: Facts
    target: Facts
    slot: Refusal | None
    slot_waits: bool
    subscription: Refusal | None
    subscription_tried: bool
    with_password: bool = False


def probe(source: Database, target: Database, conninfo: str | None = None, deadline: Deadline | None = None) -> Probe:
    """Find out how the source can move to the target.

    On the source a temporary logical slot is made and dropped in one statement; on the target a subscription is made
    and rolled back, which makes the target's server connect to the source. Neither writes to the source.

    Args:
        source, target: sessions outside a transaction, straight to the servers.
        conninfo: connection string of the source for the target's server (native.conninfo); None = not tried.
        deadline: for all of it; 30 s when None.

    Raises:
        ConnectionLost: a session ended.
        DeadlineExceeded, Cancelled: the time is over.
    """
    until = deadline or Deadline.after(30.0)
    here, there = facts(source, until), facts(target, until)
    slot, waits = _try_slot(source, until) if not here.standby else (_STANDBY, False)
    tried = bool(conninfo) and slot is None and not there.standby
    subscription = _try_subscription(target, str(conninfo), there.server.superuser, until) if tried else None
    unreachable = subscription is not None and subscription.sqlstate.startswith("08")
    if slot is None and not unreachable:
        method = Method.NATIVE
    elif here.creates and not here.standby:
        method = Method.TRIGGER
    else:
        method = Method.DUMP
    return Probe(method, here, there, slot, waits, subscription, tried,
                 bool(conninfo) and connection_string.has_password(str(conninfo)))  # fmt: skip


_STANDBY = Refusal("55000", "the server is in recovery: publications and triggers cannot be made on a standby")


def facts(db: Database, deadline: Deadline) -> Facts:
    """What a server tells of itself."""
    with looking(db, deadline):
        ((label, name, user, superuser, replication, bypass, roles, size, standby, creates, identity),) = db.query(
            _sql("facts")
        )
        settings: dict[str, str] = dict(db.query(_sql("settings"), (list(SETTINGS),)))
        managed = [_MANAGED[role] for (role,) in db.query(_sql("managed_roles"))]
    if "rds.logical_replication" in settings:
        managed = ["rds"]
    elif "cloudsql.logical_decoding" in settings:
        managed = ["cloudsql"]
    elif "azure.extensions" in settings:
        managed = ["azure"]
    server = Server(label, db.server_version, name, user, superuser, replication, size)
    return Facts(server, superuser or bypass, superuser or roles, standby, creates, identity,
                 managed[0] if managed else "", settings)  # fmt: skip


def _try_slot(db: Database, deadline: Deadline) -> tuple[Refusal | None, bool]:
    try:
        with looking(db, deadline, SLOT_WAIT_MS):
            db.query(_sql("try_slot"), (SLOT,))
    except ServerError as error:
        if error.sqlstate in WAITING:
            return None, True
        return Refusal(error.sqlstate, error.message), False
    return None, False


class _RolledBack(Exception):
    """Leaves a block of a transaction without keeping what it did."""


def _try_subscription(db: Database, conninfo: str, superuser: bool, deadline: Deadline) -> Refusal | None:
    deadline.check()
    given = {**connection_string.parse(conninfo), "connect_timeout": CONNECT_SECONDS}
    if not superuser and "password" in given:
        # The server warns that the publication is missing, and logs that with the statement.
        given["password"] = STAND_IN
    try:
        with db.transaction():
            native.hand_over(db, connection_string.build(given))
            db.execute(_sql("try_subscription"))
            raise _RolledBack
    except _RolledBack:
        return None
    except ServerError as error:
        if "password" in given and given["password"] == STAND_IN and WRONG_PASSWORD.search(error.message):
            return None
        return Refusal(error.sqlstate, error.message)


def _sql(name: str) -> str:
    return named_sql.load(__package__, "probe.sql")[name]
