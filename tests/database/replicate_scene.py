"""A move under load for tests of faults: its driver, wires that can be cut, and what must hold at its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from replicate_faults import crash
from replicate_support import SMALL, PgBouncer, Stand

from loss import LossClient, Proxy, check
from postai.database import ConnectionFailed, ConnectionLost, Database, connect
from postai.deadline import Deadline
from postai.errors import LockNotObtained, PostaiError
from postai.replicate import asked, fence, machine, store
from postai.replicate.journal import Journal
from postai.replicate.move import Move
from postai.replicate.sessions import open_session
from postai.replicate.store import Ending, Row
from postai.replicate.types import Side, State
from postai.setup.install import InstallOptions, install

# How long a move may take to a state that it names, after a fault is over.
SAFE_SECONDS = 15.0


def quiet(name: str, detail: str = "") -> None:
    """Nobody wants to know."""


@dataclass
class Scene:
    """A move under load, its driver and subscriptions behind wires that can be cut; its clients are not.

    Attributes:
        wires: before each side's server, for the driver and for the servers' own streams.
        seen: fault and state -> seconds until the move was well again after the fault was over.
    """

    stand: Stand
    client: LossClient
    journal: Journal
    wires: dict[Side, Proxy]
    redirect: dict[str, object]
    options: dict[str, object]
    move: Move = field(init=False)
    seen: dict[str, float] = field(default_factory=dict)

    def begin(self) -> None:
        dsns = {
            Side.SOURCE: self.stand.source_dsn(port=self.wires[Side.SOURCE].port),
            Side.TARGET: self.stand.target_dsn(port=self.wires[Side.TARGET].port),
        }
        direct = {"source": self.stand.source_dsn(), "target": self.stand.target_dsn()}
        with connect(self.stand.target_dsn()) as home:
            install(home, InstallOptions(transport="call"))
            self.move = machine.start(
                home, "shop", "legacy", "new", dsns, options={"full_identity": True, **self.options},
                redirects={"shop": {**self.redirect, **direct}},
            )  # fmt: skip

    def home(self) -> Database:
        return open_session(self.move.dsns[Side.TARGET])

    def turn(self) -> Row:
        """One turn of the driver as the agent takes it: a home that is gone is tried again."""
        try:
            with self.home() as home:
                self.move = machine.drive(home, self.move, quiet, self.journal).move
        except (ConnectionFailed, ConnectionLost, LockNotObtained):
            time.sleep(0.3)
        return self.move.row

    def until(self, *states: State, seconds: float = 90.0) -> Row:
        """Drive it until it is in one of these states."""
        return self.drive(lambda row: row.state in states, seconds)

    def drive(self, done: Callable[[Row], bool], seconds: float = 90.0) -> Row:
        end = time.monotonic() + seconds
        while not done(row := self.turn()):
            assert time.monotonic() < end, f"{row.state}: {row.doing} {row.error}\n{self.said()}"
            assert row.state is not State.FAILED or row.resume_state in store.ENDED, row.error
            time.sleep(0.1)
        return row

    def said(self, lines: int = 12) -> str:
        """What both servers wrote last, and how far the subscription is."""
        servers = (("source", self.stand.source_server), ("target", self.stand.target_server))
        logs = (f"{side}: {one}" for side, server in servers
                for one in server.log.read_text(errors="replace").splitlines()[-lines:])  # fmt: skip
        known = self.stand.target.execute("select srrelid::regclass::text, srsubstate from pg_subscription_rel")
        return "\n".join([*logs, *(f"{table}: {state}" for table, state in known if state != "r")])

    def switch(self, to: Side, on_step: Callable[..., None] = quiet, **more: float) -> BaseException | None:
        """Switch; what stood against it."""
        try:
            with self.home() as home:
                asked.switch(home, self.move, to, on_step, journal=self.journal, **more)  # type: ignore[arg-type]
                self.move = self.move.read(home)
        except PostaiError as error:
            return error
        return None

    def well(self, label: str, over: float, *states: State) -> float:
        """Seconds from the end of a fault until the move stands in such a state, and changes flow, without an error."""

        def done(row: Row) -> bool:
            if row.state not in states or (row.error is not None and row.error.sqlstate != "PA009"):
                return False
            try:
                self.flows(2.0)
            except PostaiError:
                return False
            return True

        row = self.drive(done, 4 * SAFE_SECONDS)
        self.seen[label] = took = max(0.0, time.monotonic() - over)
        print(f"{label}: {row.state} {took:.1f} s after the fault was over", flush=True)
        assert took <= SAFE_SECONDS, label
        return took

    def unharmed(self) -> None:
        """No client has met an error until now."""
        assert (met := self.client.record.window().errors) == {}, met

    def flows(self, seconds: float) -> float:
        """Seconds that a row takes to the side that does not serve."""
        dsns = {Side.SOURCE: self.stand.source_dsn(), Side.TARGET: self.stand.target_dsn()}
        serving = self.move.row.serving
        stream = self.move.stream(serving)
        with open_session(dsns[serving]) as old, open_session(dsns[serving.other]) as new:
            return fence.cross(old, new, self.move.id, Deadline.after(seconds), lambda: stream.pump(old, new))

    def end(self, state: State = State.COMPLETED) -> None:
        with self.home() as home:
            self.move = asked.end(home, self.move, state, quiet, Ending(reopen_source=state is State.COMPLETED))


@contextmanager
def scene(stand: Stand, tmp_path: Path, bouncer: PgBouncer | None = None, **options: object) -> Iterator[Scene]:
    """A move that is not begun; at its end nothing may be lost, and nothing left."""
    with ExitStack() as stack:
        wires = {
            Side.SOURCE: stack.enter_context(Proxy("127.0.0.1", stand.source_server.port)),
            Side.TARGET: stack.enter_context(Proxy("127.0.0.1", stand.target_server.port)),
        }
        stand.source.execute("create table odd.big (id int primary key, filler text)")
        stand.source.execute("insert into odd.big select g, repeat(md5(g::text), 32) from generate_series(1, 4000) g")
        stand.let_app_in()
        redirect: dict[str, object]
        address: str | Path
        if bouncer is None:
            address = tmp_path / "address"
            address.write_text(stand.source_dsn("odd_app"))
            redirect = {"driver": "file", "path": str(address)}
        else:
            bouncer.point_at(stand.source)
            address = bouncer.dsn()
            redirect = {"driver": "pgbouncer", "admin": bouncer.admin_dsn(), "file": str(bouncer.databases),
                        "databases": ["app"]}  # fmt: skip
        with LossClient(address, SMALL) as client:
            client.wait_for(20)
            journal = Journal(tmp_path / "journal" / "replicate.db")
            made = Scene(stand, client, journal, wires, redirect, options)
            yield made
            client.wait_for(20)
        serving = made.move.row.serving
        window = client.record.window()
        print(f"clients: {window.commits} commits, longest gap {window.gap:.1f} s, errors {window.errors}", flush=True)
        assert check(client.record, stand.source_dsn() if serving is Side.SOURCE else stand.target_dsn()) == ()
        assert window.fatal == {}
        assert stand.leftovers() == [] and journal.unfinished() == ()


class Fault:
    """Something that goes wrong, and is over some time later.

    Args:
        kind: "source kill", "target immediate", "source cut 4", "target hole 8", ...: a side, what happens to its
            server or to the network before it, and for how many seconds.
    """

    def __init__(self, kind: str, at: Scene) -> None:
        side, self._what, *seconds = kind.split()
        self._side, self._seconds, self._at = Side(side), float(seconds[0]) if seconds else 0.0, at
        self._over = threading.Event()
        self.over = 0.0

    def __call__(self) -> None:
        """Let it happen; a server is there again on return, the network some seconds later."""
        stand, wire = self._at.stand, self._at.wires[self._side]
        server = stand.source_server if self._side is Side.SOURCE else stand.target_server
        if self._what in ("kill", "immediate"):
            if self._what == "kill":
                crash(server)
            else:
                server.stop("immediate")
            time.sleep(1.0)
            server.start()
            self._end()
            return
        if self._what == "cut":
            wire.cut()
        else:
            wire.black_hole()
        timer = threading.Timer(self._seconds, self._end)
        timer.daemon = True
        timer.start()

    def _end(self) -> None:
        self._at.wires[self._side].restore()
        self.over = time.monotonic()
        self._over.set()

    def wait(self) -> float:
        """When it was over."""
        assert self._over.wait(30)
        return self.over
