"""Clients that load a database and remember every commit that was acknowledged to them.

Each connection runs TPC-B's transaction, an insert into a table whose key comes from a sequence, and an insert into
the ledger under the key (run, client, seq). After an error it connects again, to the address that is valid then, and
repeats the same (client, seq); when COMMIT broke off, it asks the ledger first. So a transaction that was acknowledged
must be found exactly once, whatever was switched, killed or cut meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

from .record import Commit, Failure, Record, Window

BEGIN = "begin"
BODY = (
    "update loss.account set balance = balance + %(delta)s where id = %(account)s",
    "select balance from loss.account where id = %(account)s",
    "update loss.teller set balance = balance + %(delta)s where id = %(teller)s",
    "update loss.branch set balance = balance + %(delta)s where id = %(branch)s",
    "insert into loss.history (run, client, seq, account, teller, branch, delta) "
    "values (%(run)s, %(client)s, %(seq)s, %(account)s, %(teller)s, %(branch)s, %(delta)s)",
    "insert into loss.entry (run, client, seq) values (%(run)s, %(client)s, %(seq)s) returning id",
)
LEDGER = (
    "insert into loss.ledger (run, client, seq, account, delta, entry, ticket) values "
    "(%(run)s, %(client)s, %(seq)s, %(account)s, %(delta)s, %(entry)s, nextval('loss.ticket')) returning ticket"
)
LOOKUP = "select 1 from loss.ledger where run = %(run)s and client = %(client)s and seq = %(seq)s"
# Connection lost or refused, transaction to be repeated, shutdown, too many connections, read-only while switching.
RETRYABLE = re.compile(r"08...|40...|57P0[1-5]|53300|25006|timeout|lost|connect")


@dataclass(frozen=True)
class Load:
    """What the clients do.

    Attributes:
        clients: number of connections.
        rate: transactions per second of all of them together; 0 = as many as they can.
        patience: seconds after which a client gives a transaction or connection up, cuts it and tries again.
        grace: seconds that the clients have, when they are to stop, to bring their last transaction to an end.
        branches, accounts: size of the tables, as `prepare` was told (accounts of each branch).
    """

    clients: int = 8
    rate: float = 300.0
    patience: float = 10.0
    grace: float = 10.0
    branches: int = 10
    accounts: int = 1000


@dataclass
class _Work:
    """One transaction on its way.

    `in_doubt`: its last COMMIT broke off and the ledger must be asked; `doubted`: one of its COMMITs did.
    """

    values: dict[str, Any]
    began: float
    attempts: int = 0
    in_doubt: bool = False
    doubted: bool = False
    phase: str = "connect"


class LossClient:
    """The clients, in a thread with an event loop of its own.

        with LossClient(address) as client:
            client.wait_for(100)
            with client.window() as seen:
                switch()
            print(seen().gap)
        verdict = check(client.record, dsn)

    Args:
        address: connection string, or a file that holds one; the file is read at every connecting.
        run: the number of this run in the ledger; it must be new in that database.
    """

    def __init__(self, address: str | Path, load: Load | None = None, *, run: int | None = None) -> None:
        self.load = load or Load()
        self.record = Record(run if run is not None else int(time.time() * 10) % 2**31)
        self._address = address
        self._stopping = threading.Event()
        self._give_up = float("inf")
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="loss", daemon=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to connect and to write."""
        self.record.began = time.monotonic()
        self._thread.start()

    def stop(self) -> Record:
        """Let every client end its last transaction (for `grace` seconds) and return what they remember."""
        self._give_up = time.monotonic() + self.load.grace
        self._stopping.set()
        self._thread.join(self.load.grace + 2 * self.load.patience + 5)
        if self._error is not None:
            raise self._error
        assert not self._thread.is_alive(), "the clients did not stop"
        self.record.ended = time.monotonic()
        return self.record

    def acknowledged(self) -> int:
        """How many commits were acknowledged until now."""
        return len(self.record.commits)

    def wait_for(self, more: int, seconds: float = 30.0) -> None:
        """Wait until that many more commits are acknowledged.

        Raises:
            TimeoutError: they did not come in time; its message has the last error that a client saw.
        """
        goal, end = self.acknowledged() + more, time.monotonic() + seconds
        while self.acknowledged() < goal:
            if self._error is not None:
                raise self._error
            if time.monotonic() > end:
                last = self.record.failures[-1] if self.record.failures else None
                raise TimeoutError(f"{self.acknowledged()} of {goal} commits after {seconds} s; last error: {last}")
            time.sleep(0.005)

    @contextlib.contextmanager
    def window(self) -> Iterator[Callable[[], Window]]:
        """Measure what the clients notice of the block; call what it gives after the block (or within it)."""
        begin, end = time.monotonic(), [float("nan")]

        def seen() -> Window:
            return self.record.window(begin, time.monotonic() if end[0] != end[0] else end[0])

        try:
            yield seen
        finally:
            end[0] = time.monotonic()

    def _run(self) -> None:
        try:
            asyncio.run(self._everybody())
        except BaseException as error:  # noqa: BLE001 - raised again by stop() and wait_for()
            self._error = error

    async def _everybody(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self.load.clients):
                group.create_task(_Connection(self, number).live())


class _Connection:
    """One client."""

    def __init__(self, owner: LossClient, number: int) -> None:
        self.owner, self.load, self.number = owner, owner.load, number
        self.random = random.Random(number)
        self.connection: psycopg.AsyncConnection[Any] | None = None
        self.cut_off = False

    async def live(self) -> None:
        """Work until the owner stops."""
        interval = self.load.clients / self.load.rate if self.load.rate else 0.0
        due = time.monotonic() + interval * self.number / self.load.clients
        seq = 0
        while not self.owner._stopping.is_set():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + interval, time.monotonic())
            seq += 1
            if not await self._finish(self._work(seq)):
                break
        await self._close()

    def _work(self, seq: int) -> _Work:
        pick, load = self.random.randint, self.load
        branch = pick(1, load.branches)
        values = {
            "run": self.owner.record.run, "client": self.number, "seq": seq, "delta": pick(-5000, 5000),
            "branch": branch, "teller": (branch - 1) * 10 + pick(1, 10),
            "account": (branch - 1) * load.accounts + pick(1, load.accounts),
        }  # fmt: skip
        return _Work(values, time.monotonic())

    async def _finish(self, work: _Work) -> bool:
        """Repeat one transaction until it is acknowledged; False when the grace is over before."""
        pause = 0.002
        while True:
            try:
                await self._attempt(work)
                return True
            except psycopg.Error as error:
                await self._note(work, error)
            if time.monotonic() > self.owner._give_up:
                if work.doubted:
                    self.owner.record.unknown.append((self.number, work.values["seq"]))
                return False
            await asyncio.sleep(pause)
            pause = min(0.05, pause * 2)

    async def _attempt(self, work: _Work) -> None:
        work.attempts += 1
        work.phase = "connect"
        connection = self.connection or await self._connect()
        watch = asyncio.get_running_loop().call_later(self.load.patience, self._cut, connection)
        try:
            entry = ticket = found = None
            if work.in_doubt:
                work.phase = "lookup"
                found = await (await connection.execute(LOOKUP, work.values)).fetchone()
                work.in_doubt = False
            if found is None:
                entry, ticket = await self._transaction(connection, work)
        finally:
            watch.cancel()
        values = work.values
        self.owner.record.commits.append(
            Commit(self.number, values["seq"], values["account"], values["delta"], entry, ticket, work.began,
                   time.monotonic(), work.attempts)
        )  # fmt: skip

    async def _transaction(self, connection: psycopg.AsyncConnection[Any], work: _Work) -> tuple[int, int]:
        work.phase = "begin"
        await connection.execute(BEGIN)
        work.phase = "body"
        for statement in BODY:
            cursor = await connection.execute(statement, work.values)
        (entry,) = await cursor.fetchone() or (0,)
        cursor = await connection.execute(LEDGER, {**work.values, "entry": entry})
        (ticket,) = await cursor.fetchone() or (0,)
        work.phase = "commit"
        work.in_doubt = work.doubted = True
        cursor = await connection.execute("commit")
        work.in_doubt = False
        if cursor.statusmessage != "COMMIT":  # a transaction that was aborted answers ROLLBACK, and no error
            raise psycopg.errors.InFailedSqlTransaction(f"COMMIT was answered {cursor.statusmessage}")
        return entry, ticket

    async def _note(self, work: _Work, error: psycopg.Error) -> None:
        """Remember an error; the ledger's own key means that an earlier COMMIT, given up as lost, came through."""
        state = error.sqlstate or ("connect" if work.phase == "connect" else "timeout" if self.cut_off else "lost")
        if state == "23505" and error.diag.constraint_name == "ledger_pkey":
            work.in_doubt = True
        elif work.phase == "commit" and error.sqlstate is not None and not re.match("08|57P", state):
            work.in_doubt = False  # the server itself said that the COMMIT failed
        repeated = state == "23505" and work.in_doubt and work.doubted
        retryable = repeated or RETRYABLE.fullmatch(state) is not None
        self.owner.record.failures.append(
            Failure(time.monotonic(), self.number, state, work.phase, retryable, str(error).strip())
        )
        await self._close()

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        address = self.owner._address
        dsn = address if isinstance(address, str) else address.read_text("utf-8").strip()
        self.cut_off = False
        # No prepared statements: they do not survive the change of server behind a pooler.
        connecting = psycopg.AsyncConnection.connect(
            dsn, autocommit=True, prepare_threshold=None, application_name="loss"
        )
        try:
            connection = await asyncio.wait_for(connecting, self.load.patience)
        except TimeoutError as error:
            raise psycopg.OperationalError(f"no connection within {self.load.patience} s") from error
        self.connection = connection
        return connection

    def _cut(self, connection: psycopg.AsyncConnection[Any]) -> None:
        """Patience is over: shut the socket below libpq, which then notices at once, without asking the server."""
        self.cut_off = True
        if not connection.closed:
            with socket.socket(fileno=os.dup(connection.pgconn.socket)) as own, contextlib.suppress(OSError):
                own.shutdown(socket.SHUT_RDWR)

    async def _close(self) -> None:
        if self.connection is not None:
            await self.connection.close()
        self.connection = None


class LossProcess:
    """The same clients in a process of their own, so that what the caller does with its CPU is not measured.

    with LossProcess(Path("address")) as client: ...; then `client.record`. Times are comparable with the caller's
    `time.monotonic()`: `client.record.window(begin, end)`.
    """

    def __init__(self, address: str | Path, load: Load | None = None) -> None:
        self.load = load or Load()
        self._address = address
        self.record = Record(0)

    def __enter__(self) -> Self:
        """Start, and wait for the first commit."""
        self._directory = tempfile.TemporaryDirectory(prefix="postai-loss-")
        file = self._address
        if isinstance(file, str):  # not in argv: it may hold a password
            file = Path(self._directory.name) / "address"
            file.touch(0o600)
            file.write_text(str(self._address), "utf-8")
        self._saved = Path(self._directory.name) / "record.json"
        load = self.load
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}", "run", "--address", str(file), "--record", str(self._saved),
             "--clients", str(load.clients), "--rate", str(load.rate), "--patience", str(load.patience),
             "--grace", str(load.grace), "--branches", str(load.branches), "--accounts", str(load.accounts)],
            cwd=Path(__file__).resolve().parents[len(str(__package__).split("."))], text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline().strip() == "running", "the clients' process ended"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        self._process.communicate(timeout=self.load.grace + 2 * self.load.patience + 10)
        if self._saved.exists():
            self.record = Record.load(self._saved)
        self._directory.cleanup()
