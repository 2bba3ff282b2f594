"""One HTTP connection to the model that can be dropped from another thread at any moment.

A blocked read cannot be interrupted from outside, and closing a file descriptor does not wake it; shutting the socket
down does. So each call runs in a worker thread over a client with one connection, whose socket we keep.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from postai.deadline import Deadline

if TYPE_CHECKING:
    import httpx2
    from anthropic import Anthropic

T = TypeVar("T")

MAX_ANSWER_BYTES = 1_000_000
CONNECT_SECONDS = 5.0
LOOK_SECONDS = 0.05
KEEP_SECONDS = 60.0


class AnswerTooLargeError(Exception):
    """The server sent more than any answer of ours can hold."""


class TimeOverError(Exception):
    """The call was dropped because its time was over."""


@dataclass(frozen=True, repr=False)
class Endpoint:
    """Where the model is. Without a representation: both the key and the address may be secret."""

    base_url: str | None
    api_key: str


class Line:
    """A client with one kept connection; used by one call at a time."""

    def __init__(self, endpoint: Endpoint) -> None:
        # Imported here: anthropic takes a second of CPU and 55 MiB, which a process that never asks must not pay.
        import anthropic
        import httpx2

        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._dropped = False
        self._busy = False
        self._http = httpx2.Client(
            timeout=httpx2.Timeout(CONNECT_SECONDS),
            limits=httpx2.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=KEEP_SECONDS),
            event_hooks={"request": [self._watch]},
        )
        self.client: Anthropic = anthropic.Anthropic(
            api_key=endpoint.api_key,
            base_url=endpoint.base_url or "https://api.anthropic.com",
            http_client=self._http,
            max_retries=0,  # the retries are ours: each is budgeted, recorded and bound to the deadline
            open_telemetry=False,  # prompts must not leave by a side door that the environment opens
        )

    def call(self, work: Callable[[Anthropic], T], seconds: float, deadline: Deadline) -> T:
        """Run one request in a thread and wait for it.

        Args:
            work: makes the request.
            seconds: how long it may take.
            deadline: its cancel flag is looked at every 50 ms.

        Raises:
            TimeOverError: no answer in time.
            Cancelled: the caller is gone; the connection is dropped.
            Exception: whatever the work raised.
        """
        result: Future[T] = Future()
        end = time.monotonic() + seconds
        self._busy = True
        threading.Thread(target=self._run, args=(work, result), name="postai-model", daemon=True).start()
        while True:
            try:
                return result.result(LOOK_SECONDS)
            except TimeoutError:
                if result.done():
                    raise  # the work's own
            if deadline.cancel.is_set():
                self.drop()
                deadline.check()
            if time.monotonic() >= end:
                self.drop()
                raise TimeOverError

    def _run(self, work: Callable[[Anthropic], T], result: Future[T]) -> None:
        try:
            result.set_result(work(self.client))
        except BaseException as error:  # noqa: BLE001 - handed to the waiting thread, which raises it
            result.set_exception(error)
        with self._lock:
            self._busy = False
            if self._dropped:
                self.client.close()

    @property
    def usable(self) -> bool:
        """Whether the line can serve another call."""
        return not self._dropped

    def drop(self) -> None:
        """Cut the connection, also one that is being made at this moment; the line cannot be used again."""
        with self._lock:
            self._dropped = True
            for one in self._sockets:
                _shut_down(one)
            if not self._busy:
                self.client.close()

    def _watch(self, request: httpx2.Request) -> None:
        request.extensions["trace"] = self._trace

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        # TLS replaces the socket object of the connection, so both events matter.
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            one = info["return_value"].get_extra_info("socket")
            with self._lock:
                self._sockets = [known for known in self._sockets if known.fileno() >= 0]
                self._sockets.append(one)
                if self._dropped:
                    _shut_down(one)


def _shut_down(one: socket.socket) -> None:
    try:
        # The plain socket's method: the TLS object's own would first tear down the state its reader is using.
        socket.socket.shutdown(one, socket.SHUT_RDWR)
    except OSError:
        return  # closed already: there is nothing left to drop


def read_json(chunks: Iterable[bytes]) -> Any:
    """The JSON document that chunks of bytes make.

    Raises:
        AnswerTooLargeError: more than `MAX_ANSWER_BYTES`.
        ValueError: not JSON.
    """
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise AnswerTooLargeError
    return json.loads(body.decode("utf-8"))
