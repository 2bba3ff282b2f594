"""What tests of the switch begin with: both sides open, the schema copied, the stream running, a switch planned."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from replicate_support import PgBouncer, Stand

from postai.database import Database
from postai.deadline import Deadline
from postai.replicate import native
from postai.replicate.cutover import Limits, Switch
from postai.replicate.pgbouncer import PgBouncerDriver
from postai.replicate.redirect import Address, Addresses, Driver, FileDriver
from postai.replicate.sessions import open_session
from postai.replicate.stream import NativeStream
from postai.replicate.types import Side

MOVE = 7
# The tables that the loss check writes to.
LOSS = ("loss",)


@contextmanager
def sides(stand: Stand) -> Iterator[tuple[Database, Database]]:
    """A session of postai's own on the source and one on the target."""
    with open_session(stand.source_dsn()) as source, open_session(stand.target_dsn()) as target:
        yield source, target


def copy_schema(stand: Stand) -> None:
    """The source's schema and roles on the target, by the servers' own tools; materialised views stay empty."""
    for name, attributes in stand.source.execute(
        "select quote_ident(rolname), case when rolcanlogin then 'login' else 'nologin' end from pg_roles "
        "where rolname ~ '^odd'"
    ):
        stand.target.execute(f"create role {name} {attributes}")
    stand.let_app_in()
    text = stand.source.schema_text()
    result = subprocess.run(
        [stand.target_server.binaries.bin / "psql", "-qX", "-v", "ON_ERROR_STOP=1", stand.target_dsn()],
        input=text, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr


def wait_ready(
    publisher: Database, subscriber: Database, name: str, deadline: Deadline, schemas: tuple[str, ...] = ()
) -> None:
    """Wait until every table is copied and followed."""
    while native.unfinished(publisher, subscriber, name, schemas):
        deadline.check()
        deadline.cancel.wait(0.1)


def begin(stand: Stand, schemas: tuple[str, ...] = LOSS) -> None:
    """Copy these schemas' rows and follow; the way back is prepared."""
    with sides(stand) as (source, target):
        native.give_identity(source, MOVE, native.tables(source, schemas))
        copy_schema(stand)
        moved = Moved(stand.source_dsn(), stand.target_dsn(), schemas)
        moved.forward.copy(source, target)
        wait_ready(source, target, moved.forward.name, Deadline.after(60), schemas)
        moved.backward.prepare(target, source)


@dataclass(frozen=True)
class Moved:
    """A move between two connection strings."""

    source: str
    target: str
    schemas: tuple[str, ...] = LOSS

    @property
    def forward(self) -> NativeStream:
        return NativeStream(MOVE, Side.SOURCE, native.conninfo(self.source, "postai_7_fwd"), self.schemas)

    @property
    def backward(self) -> NativeStream:
        return NativeStream(MOVE, Side.TARGET, native.conninfo(self.target, "postai_7_rev"), self.schemas)

    @property
    def addresses(self) -> Addresses:
        return {Side.SOURCE: Address.of(self.source), Side.TARGET: Address.of(self.target)}

    def open(self, side: Side) -> Database:
        return open_session(self.source if side is Side.SOURCE else self.target)

    def by_bouncer(self, bouncer: PgBouncer) -> Driver:
        return self.by_console(bouncer.admin_dsn(), bouncer.databases)

    def by_console(self, admin: str, file: Path) -> Driver:
        return PgBouncerDriver(admin, file, ("app",), self.addresses)

    def by_file(self, path: Path) -> Driver:
        return FileDriver(path, self.addresses)

    def switch(self, to: Side, driver: Driver, max_pause: float = 10.0) -> Switch:
        """A switch to that side; its limits are for a busy machine."""
        forward, backward = (self.forward, self.backward) if to is Side.TARGET else (self.backward, self.forward)
        return Switch(
            MOVE, to, self.open, forward, backward, driver, self.schemas, Limits(max_pause, lag_seconds=10.0)
        )  # fmt: skip
