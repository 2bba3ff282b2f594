"""The edge's parent process: it holds the sockets, starts worker processes, and replaces them without losing a client.

A worker is `post-ai edge` again, with a channel to the parent, so that a change of generation takes new settings and
new program code. Both generations listen on the same sockets until the new one is ready; then the old one lets its
clients end by themselves.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from postai import __version__
from postai.edge.server import listeners
from postai.edge.server.control import Channel, Unanswered
from postai.edge.server.figures import Row
from postai.errors import PostaiError, UsageError
from postai.settings import EdgeSettings

log = logging.getLogger(__name__)

START = 60.0
"""Seconds in which a worker must listen."""
GRACE = 10.0
"""Seconds that a worker has beyond its time to stop; then it is killed."""
FIRST_DELAY, LONGEST_DELAY = 0.1, 10.0
"""Seconds before a worker that ended is started again; they double while it does not last."""
LASTED = 30.0
CANCELS = 64
"""Cancel requests that are looked for at a time."""


@dataclass(eq=False)
class Worker:
    """A worker process.

    Attributes:
        number: of its place among the workers.
        generation: counts the starts and the changes of settings.
        process, channel: itself, and the way to talk to it.
        sockets: what it listens on.
        delay: seconds before another takes its place when it does not last.
        ready: set once it listens.
    """

    number: int
    generation: int
    process: asyncio.subprocess.Process
    channel: Channel
    sockets: Sequence[socket.socket]
    delay: float
    ready: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """The parent of the workers.

    Args:
        load: reads and checks the settings.
        command: starts a worker, which is told the number of its channel's file.
    """

    def __init__(self, load: Callable[[], EdgeSettings], command: Sequence[str]) -> None:
        self._load = load
        self._command = tuple(command)
        self.settings = load()
        self._sockets: dict[listeners.Place, list[listeners.Group]] = {}
        self._current: dict[int, Worker] = {}
        self._alive: dict[Worker, asyncio.Task[None]] = {}
        self._generation = 0
        self._changing = asyncio.Lock()
        self._cancels = asyncio.Semaphore(CANCELS)
        self._tasks: set[asyncio.Task[None]] = set()
        self._reloads = False
        self._stopping = False
        self._over = asyncio.Event()

    async def start(self) -> None:
        """Open the sockets and start the workers.

        Raises:
            UsageError: the sockets cannot be opened, or a worker does not start.
        """
        try:
            await self._change(self.settings)
        except UsageError:
            stopped = self._stopping
            await self._end()
            if not stopped:
                raise

    def reload(self) -> None:
        """Start workers with the settings as they are now, and then retire those before; what is wrong is logged."""
        self._start(self._reload())

    def stop(self, number: signal.Signals) -> None:
        """Hand a signal on; the parent ends after its workers."""
        again, self._stopping = self._stopping, True
        for one in list(self._alive):
            _signal(one, signal.SIGINT if again else number)
        if not again:
            for groups in self._sockets.values():  # the workers have them, too, as long as they answer there
                listeners.close(groups)
            self._start(self._end())

    async def wait(self) -> None:
        """Until a stop is over."""
        await self._over.wait()

    async def ask_all(self, name: str, about: Any = None, but: Worker | None = None) -> list[tuple[Worker, Any]]:
        """What the workers answer, with those that retire; who does not answer is left out."""

        async def ask(one: Worker) -> tuple[Worker, Any] | None:
            try:
                return one, await one.channel.ask(name, about)
            except Unanswered as error:
                log.info("a process does not answer", extra={"pid": one.process.pid, "error": str(error)})
                return None

        asked = [one for one in self._alive if one is not but and one.ready.is_set()]
        return [answer for answer in await asyncio.gather(*map(ask, asked)) if answer is not None]

    # Generations.

    async def _reload(self) -> None:
        if self._reloads:
            return  # it has not read the settings yet
        self._reloads = True
        async with self._changing:
            self._reloads = False
            if self._stopping:
                return
            try:
                await self._change(self._load())
            except PostaiError as error:
                log.error(
                    "the edge goes on with the settings that it has",
                    extra={"error": error.message, "detail": error.detail, "hint": error.hint},
                )

    async def _change(self, settings: EdgeSettings) -> None:
        """Replace all workers; when one of the new ones does not start, those before go on."""
        added: list[tuple[listeners.Place, listeners.Group]] = []
        fresh: list[Worker] = []
        self._generation += 1
        try:
            sockets = self._open(settings, added)
            for number in range(settings.processes):
                fresh.append(await self._spawn(number, _share(sockets, number, settings.processes)))
            await _all_ready(fresh)
        except (OSError, UsageError) as error:
            self._retire(fresh)
            listeners.close(group for _, group in added)
            for place in {place for place, _ in added} - self._sockets.keys():
                listeners.remove(place)
            if isinstance(error, OSError):
                raise UsageError("a process of the edge cannot be started", detail=error.strerror) from None
            raise
        dropped = {place: groups for place, groups in self._sockets.items() if place not in sockets}
        before, self._current = self._current.values(), {one.number: one for one in fresh}
        self._sockets, self.settings = sockets, settings
        self._retire(before)
        _drop(dropped)
        log.info(
            "the edge listens",
            extra={"version": __version__, "port": settings.port, "auth": settings.auth, "processes": len(fresh),
                   "generation": self._generation},
        )  # fmt: skip

    def _open(
        self, settings: EdgeSettings, added: list[tuple[listeners.Place, listeners.Group]]
    ) -> dict[listeners.Place, list[listeners.Group]]:
        """The sockets of the settings: those that are there already, and what must be added."""
        sockets: dict[listeners.Place, list[listeners.Group]] = {}
        for place in listeners.places(settings):
            groups = [list(group) for group in self._sockets.get(place, ())]
            if not groups:
                groups = listeners.open_place(place, settings.processes, settings.unix_socket_permissions)
                added += [(place, group) for group in groups]
            elif place[0] == "tcp":
                added += [(place, listeners.more(group, settings.processes)) for group in groups]
            sockets[place] = groups
        return sockets

    async def _spawn(self, number: int, sockets: Sequence[socket.socket], delay: float = FIRST_DELAY) -> Worker:
        ours, theirs = socket.socketpair()
        with theirs:
            files = (theirs.fileno(), *(one.fileno() for one in sockets))
            process = await asyncio.create_subprocess_exec(
                *self._command, str(theirs.fileno()), pass_fds=files, stdin=asyncio.subprocess.DEVNULL,
                start_new_session=True,
            )  # fmt: skip  # a session of its own: Ctrl-C comes to the parent alone, which hands it on
        worker = Worker(number, self._generation, process, Channel(), sockets, delay)
        await worker.channel.open(ours, partial(self._answer, worker))
        self._alive[worker] = self._start(self._watch(worker))
        if self._stopping:
            _signal(worker, signal.SIGTERM)
        return worker

    async def _watch(self, worker: Worker) -> None:
        """Wait for a worker's end, and start another in its place when nobody wanted that."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        code = await worker.process.wait()
        worker.channel.close()
        del self._alive[worker]
        delay = FIRST_DELAY if loop.time() - begun > LASTED else worker.delay
        while self._serves(worker):
            log.error("a process of the edge ended", extra={"pid": worker.process.pid, "code": code, "again_in": delay})
            await asyncio.sleep(delay)
            delay = min(2 * delay, LONGEST_DELAY)
            async with self._changing:
                if self._serves(worker):
                    try:
                        self._current[worker.number] = await self._spawn(worker.number, worker.sockets, delay)
                    except OSError as error:
                        log.error("a process of the edge cannot be started", extra={"error": error.strerror})

    def _serves(self, worker: Worker) -> bool:
        return not self._stopping and self._current.get(worker.number) is worker

    def _retire(self, workers: Iterable[Worker]) -> None:
        for one in workers:
            self._start(_tell_to_retire(one))

    async def _end(self) -> None:
        """Wait for the workers, which were told to end."""
        self._stopping = True
        try:
            async with asyncio.timeout(self.settings.stop_timeout + GRACE):
                while self._alive:
                    await asyncio.wait(self._alive.values())
        except TimeoutError:
            for one in self._alive:
                log.error("a process of the edge does not end and is killed", extra={"pid": one.process.pid})
                _signal(one, signal.SIGKILL)
        _drop(self._sockets)
        self._over.set()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # What workers ask.

    async def _answer(self, worker: Worker, name: str, about: Any) -> Any:
        if name == "hello" and not self._stopping:
            files = [one.fileno() for one in worker.sockets]
            return {"sockets": files, "number": worker.number, "generation": worker.generation}
        if name == "ready":
            worker.ready.set()
            return None
        if name == "cancel":
            async with self._cancels:
                return any(found for _, found in await self.ask_all("cancel", about, but=worker))
        if name == "rows":
            return await self.rows(*about)
        raise Unanswered(f"the parent does not answer {name}")

    async def rows(self, table: str, user: str | None = None) -> list[Row]:
        """The rows of a table of all processes, each with its process's id.

        Args:
            table: its name.
            user: of clients only this user's.
        """
        answers = await self.ask_all("rows", [table, user])
        return [{**row, "process": one.process.pid} for one, rows in answers for row in rows]

    async def processes(self) -> list[dict[str, Any]]:
        """What each process says of itself."""
        return [
            {
                "pid": one.process.pid,
                "generation": one.generation,
                "number": one.number,
                "retires": self._current.get(one.number) is not one,
                "tables": tables,
            }
            for one, tables in await self.ask_all("tables")
        ]


def _share(sockets: dict[listeners.Place, list[listeners.Group]], number: int, count: int) -> tuple[socket.socket, ...]:
    """What a worker listens on: its part of each group, every socket of which somebody must have."""
    return tuple(
        one
        for place, groups in sockets.items()
        for group in groups
        for one in (group[number::count] if place[0] == "tcp" else group)
    )


def _drop(sockets: dict[listeners.Place, list[listeners.Group]]) -> None:
    for place, groups in sockets.items():
        listeners.close(groups)
        listeners.remove(place)


async def _all_ready(fresh: Sequence[Worker]) -> None:
    if not all(await asyncio.gather(*map(_ready, fresh))):
        raise UsageError("a process of the edge does not start", hint="What it says itself stands before this.")


async def _ready(worker: Worker) -> bool:
    """Whether a worker listens, as soon as that is known."""
    loop = asyncio.get_running_loop()
    waits = [loop.create_task(event.wait()) for event in (worker.ready, worker.channel.ended)]
    await asyncio.wait(waits, timeout=START, return_when=asyncio.FIRST_COMPLETED)
    for task in waits:
        task.cancel()
    return worker.ready.is_set() and not worker.channel.ended.is_set()


def _signal(worker: Worker, number: signal.Signals) -> None:
    if worker.process.returncode is None:  # else it has just ended, and `_watch` is about to be told
        worker.process.send_signal(number)


async def _tell_to_retire(worker: Worker) -> None:
    try:
        await worker.channel.ask("retire")
    except Unanswered:
        worker.channel.close()  # the end of the channel means the same


def notify(state: str) -> None:
    """Tell systemd, where it started us: sd_notify(3)."""
    place = os.environ.get("NOTIFY_SOCKET")
    if place:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.sendto(state.encode(), "\0" + place[1:] if place.startswith("@") else place)
