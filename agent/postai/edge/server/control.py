"""What the edge's processes say to each other: questions and answers as lines of JSON, in both directions.

The parent holds one channel to each worker, a pair of sockets that has no name in the file system: nobody else can
write into it. Its end tells each side that the other is gone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

log = logging.getLogger(__name__)

MOST = 64 * 2**20
"""Bytes of a line: a list of some hundred thousand clients."""
ANSWERED_WITHIN = 5.0
"""Seconds that an answer may take."""

Answerer = Callable[[str, Any], Awaitable[Any]]
"""Answers a question (its name, what it is about)."""


class Unanswered(Exception):
    """The other process is gone, too slow, or could not answer."""


class Channel:
    """One end of a channel."""

    def __init__(self) -> None:
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._count = 0
        self._writer: asyncio.StreamWriter | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.ended = asyncio.Event()

    async def open(self, end: socket.socket, answer: Answerer) -> None:
        """Begin to listen to the other side.

        Args:
            end: this side's socket.
            answer: answers the other side's questions.
        """
        reader, self._writer = await asyncio.open_unix_connection(sock=end, limit=MOST)
        self._start(self._read(reader, answer))

    async def ask(self, name: str, about: Any = None, *, within: float = ANSWERED_WITHIN) -> Any:
        """Ask the other side.

        Args:
            name: of the question.
            about: what JSON can say.
            within: seconds.

        Raises:
            Unanswered: there is no answer.
        """
        if self._writer is None or self.ended.is_set():
            raise Unanswered("the other process is gone")
        self._count += 1
        number = self._count
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            self._send({"ask": name, "about": about, "number": number})
            async with asyncio.timeout(within):
                return await answer
        except TimeoutError:
            raise Unanswered("the other process does not answer") from None
        finally:
            del self._asked[number]

    def close(self) -> None:
        """End the channel."""
        if self._writer is not None:
            self._writer.close()

    async def _read(self, reader: asyncio.StreamReader, answer: Answerer) -> None:
        try:
            while line := await reader.readline():
                self._take(json.loads(line), answer)
        except (ConnectionError, ValueError) as error:
            log.error("a channel between processes broke", extra={"error": str(error)})
        finally:
            self.ended.set()
            self.close()
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(Unanswered("the other process is gone"))

    def _take(self, line: dict[str, Any], answer: Answerer) -> None:
        if "ask" in line:
            self._start(self._respond(line, answer))
            return
        waiting = self._asked.get(line["number"])
        if waiting is not None and not waiting.done():
            if "failed" in line:
                waiting.set_exception(Unanswered(line["failed"]))
            else:
                waiting.set_result(line["answer"])

    async def _respond(self, line: dict[str, Any], answer: Answerer) -> None:
        try:
            said = {"answer": await answer(line["ask"], line["about"])}
        except Unanswered as error:
            said = {"failed": str(error)}
        self._send({**said, "number": line["number"]})

    def _send(self, line: dict[str, Any]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(json.dumps(line).encode() + b"\n")

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
