"""The socket front: backends on this host ask, a bounded pool of threads answers.

One thread owns every connection and does all reading: it accepts, checks the peer's user, cuts frames, notices at
once when a peer closes (which cancels the work), and keeps the timers. Pool threads think and write. After the
answer the connection stays open while the backend runs the statement; if that takes longer than ask_timeout, the
backend is cancelled.
"""

from __future__ import annotations

import collections
import errno
import logging
import queue
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from postai.deadline import Cancelled, Deadline, DeadlineExceeded
from postai.errors import AgentNotReachable, NotPermitted, PostaiError
from postai.service import socket_place
from postai.service.conversation import Asked, Outcome, There
from postai.service.frames import (
    REPLIES,
    AskFrame,
    Decoder,
    FrameError,
    ask_frame,
    encode,
    error_message,
    pong_message,
)

log = logging.getLogger(__name__)

REQUEST_SECONDS = 10.0
"""How long a new connection may take to send its request."""
SEND_SECONDS = 10.0
"""How long one write to a peer may take."""
MOST_CONNECTIONS = 512


@dataclass(eq=False)
class _Peer:
    """One connection. Only the loop thread changes it; the pool thread writes to `socket` and reads `inbox`."""

    socket: socket.socket
    state: Literal["reading", "thinking", "executing", "gone"]
    expires: float
    decoder: Decoder = field(default_factory=Decoder)
    inbox: queue.SimpleQueue[Mapping[str, Any] | None] = field(default_factory=queue.SimpleQueue)
    expecting: threading.Event = field(default_factory=threading.Event)
    frame: AskFrame | None = None
    deadline: Deadline | None = None
    busy: bool = False
    answering: bool = False
    writing: threading.Lock = field(default_factory=threading.Lock)

    def send(self, message: Mapping[str, Any]) -> bool:
        """Write one frame (in a pool thread); False when the peer is gone or does not read."""
        data = encode(message)
        try:
            with self.writing:
                self.socket.sendall(data)
        except OSError:
            return False
        return True

    def send_now(self, message: Mapping[str, Any]) -> bool:
        """Write one short frame without waiting (in the loop thread); False when that cannot be."""
        if not self.writing.acquire(blocking=False):
            return False
        data = encode(message)
        try:
            return self.socket.send(data, socket.MSG_DONTWAIT) == len(data)
        except OSError:
            return False
        finally:
            self.writing.release()

    def hang_up(self) -> None:
        """Drop the work and the connection. A pool thread may still hold the descriptor, so it is only shut down."""
        if self.deadline is not None:
            self.deadline.cancel.set()
        self.inbox.put(None)
        self.state = "gone"
        if self.busy:
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                return  # already disconnected
        else:
            self.socket.close()


class SocketServer:
    """Serves one unix socket.

    Args:
        directory, name: where the socket lies.
        group: OS group id of directory and socket; None = leave it.
        allowed_uids: users whose processes may connect.
        workers: threads that think.
        asked: answers the questions.
        version: told in pongs.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        *,
        group: int | None,
        allowed_uids: frozenset[int],
        workers: int,
        asked: Asked,
        version: str,
    ) -> None:
        self._directory = directory
        self._name = name
        self._group = group
        self._allowed = allowed_uids
        self._asked = asked
        self._version = version
        self._workers = workers
        self._peers: set[_Peer] = set()
        self._busy: set[_Peer] = set()
        self._commands: collections.deque[Callable[[], None]] = collections.deque()
        self._place: socket_place.Place | None = None
        self._thread: threading.Thread | None = None
        self._accepting = False
        self._stopping = False

    @property
    def path(self) -> Path:
        return self._directory / self._name

    def start(self) -> None:
        """Take the place and begin to serve.

        Raises:
            socket_place.SocketTaken: a living agent serves it.
        """
        self._place = socket_place.take(self._directory, self._name, self._group)
        self._selector = selectors.DefaultSelector()
        self._stopping = False
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="ask")
        self._cancels = ThreadPoolExecutor(2, thread_name_prefix="ask-timeout")
        self._wake_out, self._wake_in = socket.socketpair()
        self._wake_out.setblocking(False)
        self._wake_in.setblocking(False)
        self._selector.register(self._place.listener, selectors.EVENT_READ, self._accept)
        self._selector.register(self._wake_out, selectors.EVENT_READ, self._drain_wake)
        self._accepting = True
        self._thread = threading.Thread(target=self._loop, name="socket", daemon=True)
        self._thread.start()
        log.info("the socket is open", extra={"path": str(self.path)})

    def stop(self, deadline: Deadline) -> None:
        """Stop accepting, let running work end until two seconds before the deadline, then cancel it."""
        if self._thread is None or self._place is None:
            return
        self._post(self._stop_accepting)
        while deadline.remaining() > 2.0 and any(peer.state == "thinking" for peer in list(self._peers)):
            time.sleep(0.02)
        self._post(self._finish)
        self._thread.join(max(0.1, deadline.remaining()))
        self._pool.shutdown(wait=False)  # what still waits there was cancelled: it ends at once
        self._cancels.shutdown(wait=False, cancel_futures=True)
        while deadline.remaining() > 0.0 and self._busy:
            time.sleep(0.02)
            self._run_commands()
        self._run_commands()
        self._thread = None
        log.info("the socket is closed", extra={"path": str(self.path)})

    # Everything below runs in the loop thread, except _think and _exchange.

    def _loop(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(self._next_timer()):
                self._guarded(key.data)
            self._run_commands()
            self._guarded(lambda: self._expire(time.monotonic()))
        for descriptor in (self._wake_out, self._wake_in):
            descriptor.close()
        self._selector.close()

    def _guarded(self, step: Callable[[], None]) -> None:
        """One connection's trouble must not end the loop that serves the others."""
        try:
            step()
        except Exception:
            log.exception("serving the socket failed unexpectedly")

    def _run_commands(self) -> None:
        while self._commands:
            self._guarded(self._commands.popleft())

    def _post(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        try:
            self._wake_in.send(b"x")
        except (BlockingIOError, OSError):
            return  # the loop is awake already, or has ended

    def _drain_wake(self) -> None:
        self._wake_out.recv(4096)

    def _next_timer(self) -> float | None:
        if not self._peers:
            return None
        return max(0.0, min(peer.expires for peer in self._peers) - time.monotonic())

    def _accept(self) -> None:
        assert self._place is not None
        try:
            connection, _ = self._place.listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                log.error("out of file descriptors", extra={"connections": len(self._peers)})
                time.sleep(0.1)  # the listener stays readable: do not spin
            return  # else the peer gave up between select and accept
        connection.settimeout(SEND_SECONDS)
        peer = _Peer(connection, "reading", time.monotonic() + REQUEST_SECONDS)
        uid = socket_place.peer_uid(connection)
        if uid not in self._allowed:
            log.warning("refused a peer by its user", extra={"uid": uid})
            self._refuse(peer, NotPermitted("this OS user may not talk to the agent", detail=f"uid {uid}"))
            return
        if len(self._peers) >= MOST_CONNECTIONS:
            log.warning("refused a peer: too many connections", extra={"connections": len(self._peers)})
            self._refuse(
                peer, AgentNotReachable("the agent is busy", detail="too many connections", hint="Ask again later.")
            )
            return
        self._peers.add(peer)
        self._selector.register(connection, selectors.EVENT_READ, lambda: self._readable(peer))

    def _refuse(self, peer: _Peer, error: PostaiError, identity: str = "-") -> None:
        """Say why, if that is possible at once, and hang up."""
        peer.send_now(error_message(identity, error.as_parts()))
        self._forget(peer)

    def _forget(self, peer: _Peer) -> None:
        if peer in self._peers:
            self._peers.discard(peer)
            self._selector.unregister(peer.socket)
        if peer.state != "gone":
            peer.hang_up()

    def _readable(self, peer: _Peer) -> None:
        try:
            data = peer.socket.recv(65536, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            if peer.state == "thinking" and not peer.answering:
                log.info("the caller is gone, its question is dropped", extra=_about(peer))
            self._forget(peer)
            return
        try:
            for message in peer.decoder.feed(data):
                self._take(peer, message)
                if peer.state == "gone":
                    return
        except FrameError as error:
            log.warning("refused a malformed frame", extra={**_about(peer), "error": error.message})
            self._refuse(peer, error, peer.frame.id if peer.frame else "-")

    def _take(self, peer: _Peer, message: Mapping[str, Any]) -> None:
        if message["type"] == "ping" and peer.state == "reading":
            if not peer.send_now(pong_message(message.get("id"), self._version)):
                self._forget(peer)
        elif message["type"] == "ask" and peer.state == "reading":
            peer.frame = ask_frame(message)
            peer.deadline = Deadline.after(peer.frame.deadline_ms / 1000)
            peer.state = "thinking"
            # The pool thread answers when the deadline passes; this timer is for one that does not.
            peer.expires = peer.deadline.at + SEND_SECONDS
            peer.busy = True
            self._busy.add(peer)
            self._pool.submit(self._think, peer, peer.frame, peer.deadline)
        elif message["type"] in REPLIES and peer.expecting.is_set():
            peer.expecting.clear()
            peer.inbox.put(message)
        else:
            raise FrameError("this frame was not expected now", detail=f"state {peer.state}")

    def _expire(self, now: float) -> None:
        for peer in [peer for peer in self._peers if peer.expires <= now]:
            if peer.state == "executing" and peer.frame is not None:
                log.warning("the statement ran longer than ask_timeout, cancelling it", extra=_about(peer))
                self._cancels.submit(self._asked.cancel_backend, peer.frame)
            elif peer.state == "thinking":
                log.error("no answer in time, hanging up", extra=_about(peer))
            self._forget(peer)

    def _answered(self, peer: _Peer, outcome: Outcome | None) -> None:
        """The pool thread is done with this peer."""
        peer.busy = False
        self._busy.discard(peer)
        if peer.state == "gone":
            peer.socket.close()
        elif outcome is None or outcome.ask_timeout is None:
            # Nothing will run: wait for the peer to read the answer and close.
            peer.state = "executing"
            peer.frame = None
            peer.expires = time.monotonic() + REQUEST_SECONDS
        else:
            peer.state = "executing"
            peer.expires = time.monotonic() + outcome.ask_timeout

    def _stop_accepting(self) -> None:
        if self._accepting and self._place is not None:
            self._accepting = False
            self._selector.unregister(self._place.listener)
            self._place.leave()
        for peer in [peer for peer in self._peers if peer.state == "reading"]:
            self._refuse(peer, _stopping())

    def _finish(self) -> None:
        for peer in list(self._peers):
            if peer.state == "thinking" and peer.frame is not None:
                peer.send_now(error_message(peer.frame.id, _stopping().as_parts()))
            self._forget(peer)
        self._stopping = True

    # In a pool thread.

    def _think(self, peer: _Peer, frame: AskFrame, deadline: Deadline) -> None:
        outcome: Outcome | None = None
        try:
            if not deadline.cancel.is_set():
                there = There(
                    frame.id,
                    lambda message: self._exchange(peer, deadline, message),
                    lambda: self._asked.cancel_backend(frame),
                )
                outcome = self._asked.respond(frame, there, deadline)
                if not deadline.cancel.is_set():
                    self._send_last(peer, frame, outcome)
        finally:
            self._post(lambda: self._answered(peer, outcome))

    def _send_last(self, peer: _Peer, frame: AskFrame, outcome: Outcome) -> None:
        peer.answering = True
        try:
            peer.send(outcome.message)
        except FrameError as error:
            peer.send(error_message(frame.id, error.as_parts()))

    def _exchange(self, peer: _Peer, deadline: Deadline, message: Mapping[str, Any]) -> Mapping[str, Any]:
        deadline.check()
        peer.expecting.set()
        if not peer.send(message):
            raise Cancelled("the caller is gone")
        try:
            reply = peer.inbox.get(timeout=deadline.remaining())
        except queue.Empty:
            raise DeadlineExceeded(f"the backend did not answer {message['type']} in time") from None
        if reply is None:
            raise Cancelled("the caller is gone")
        return reply


def _stopping() -> AgentNotReachable:
    return AgentNotReachable("the agent is stopping", hint="Start it with `post-ai agent`, then ask again.")


def _about(peer: _Peer) -> dict[str, object]:
    """What a log line says about a peer: never the question."""
    if peer.frame is None:
        return {"state": peer.state}
    return {"request": peer.frame.id, "database": peer.frame.database, "pid": peer.frame.pid, "state": peer.state}
