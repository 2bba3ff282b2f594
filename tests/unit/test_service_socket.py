"""The socket server over a real unix socket, with an answering part that is under the test's control."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postai.ask.types import Answer
from postai.deadline import Deadline
from postai.errors import NotPermitted, PostaiError, UsageError
from postai.service import socket_place
from postai.service.conversation import Outcome, There
from postai.service.frames import AskFrame, Decoder, answer_message, encode, error_message
from postai.service.socket_server import SocketServer

if not socket_place.available():
    pytest.skip("no unix sockets with peer credentials here", allow_module_level=True)

SECONDS = 10.0


class Answering:
    """Answers "echo TEXT", "explain SQL", "block" (until cancelled), and notes what it was told."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.cancelled = threading.Event()
        self.cancelled_backends: list[int] = []
        self.cancel_called = threading.Event()
        self.ask_timeout: float | None = None

    def respond(self, frame: AskFrame, there: There, deadline: Deadline) -> Outcome:
        word, _, rest = frame.question.partition(" ")
        try:
            if word == "block":
                self.started.set()
                while not deadline.cancel.wait(0.01):
                    deadline.check()
                self.cancelled.set()
                deadline.check()
            if word == "analyze":
                there.analyze(rest, None)
            if word == "explain":
                said = there.explain(rest, None)
                rest = said.error.message if said.error else str(said.plan)
        except PostaiError as error:
            if deadline.cancel.is_set():
                self.cancelled.set()
            return Outcome(error_message(frame.id, error.as_parts()))
        return Outcome(answer_message(frame.id, Answer("answered", rest, "", 1.0, "grammar"), 1), self.ask_timeout)

    def cancel_backend(self, frame: AskFrame) -> None:
        self.cancelled_backends.append(frame.pid)
        self.cancel_called.set()


class Client:
    """A peer that speaks frames."""

    def __init__(self, path: Path) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(SECONDS)
        self.socket.connect(str(path))
        self.decoder = Decoder()

    def send(self, message: dict[str, Any]) -> None:
        self.socket.sendall(encode(message))

    def read(self) -> dict[str, Any] | None:
        """The next message, None when the server closed."""
        while True:
            data = self.socket.recv(65536)
            if not data:
                return None
            messages = self.decoder.feed(data)
            if messages:
                return messages[0]

    def ask(self, question: str, **changes: object) -> None:
        self.send(
            {
                "v": 1, "id": "r1", "type": "ask", "verb": "ask", "question": question, "session_user": "ann",
                "role": "ann", "search_path": [], "database": "store", "pid": 42, "backend_start": "",
                "query_start": "", "max_rows": 100, "deadline_ms": 20000, **changes,
            }
        )  # fmt: skip

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def answering() -> Answering:
    return Answering()


@pytest.fixture
def serving(tmp_path: Path, answering: Answering) -> Iterator[SocketServer]:
    server = make(tmp_path, answering)
    server.start()
    yield server
    server.stop(Deadline.after(5))


def make(directory: Path, answering: Answering, uids: frozenset[int] | None = None, workers: int = 4) -> SocketServer:
    return SocketServer(
        directory / "run", "agent.sock", group=None, workers=workers, asked=answering, version="9.9",
        allowed_uids=frozenset({os.geteuid()}) if uids is None else uids,
    )  # fmt: skip


@pytest.fixture
def client(serving: SocketServer) -> Iterator[Client]:
    one = Client(serving.path)
    yield one
    one.close()


def test_ping_and_question_on_one_connection(client: Client) -> None:
    client.send({"v": 1, "type": "ping"})
    assert client.read() == {"v": 1, "type": "pong", "version": "9.9"}
    client.ask("echo hello")
    message = client.read()
    assert message is not None and message["answer"]["sql"] == "hello" and message["id"] == "r1"


def test_directory_and_socket_are_closed_to_others(serving: SocketServer) -> None:
    assert stat.S_IMODE(serving.path.parent.stat().st_mode) == 0o750
    assert stat.S_IMODE(serving.path.stat().st_mode) == 0o660


def test_the_backend_explains_for_the_agent(client: Client) -> None:
    client.ask("explain select 1")
    assert client.read() == {"v": 1, "id": "r1", "type": "explain", "sql": "select 1"}
    error = {"sqlstate": "42501", "message": "denied", "detail": None, "hint": None}
    client.send({"v": 1, "id": "r1", "type": "explained", "error": error})
    message = client.read()
    assert message is not None and message["answer"]["sql"] == "denied"


@pytest.mark.parametrize("question", ["block", "explain select 1"])
def test_a_peer_that_closes_cancels_its_work(client: Client, answering: Answering, question: str) -> None:
    client.ask(question)
    if question == "block":
        assert answering.started.wait(SECONDS)
    else:
        assert client.read() is not None
    begin = time.monotonic()
    client.close()
    assert answering.cancelled.wait(SECONDS)
    assert time.monotonic() - begin < 5  # 0.5 s is promised; a busy machine gets more here


class Lingering(Answering):
    """Works on for a while after its caller is gone, as a thread inside a library call does."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def respond(self, frame: AskFrame, there: There, deadline: Deadline) -> Outcome:
        self.started.set()
        assert self.released.wait(SECONDS)
        return super().respond(frame, there, deadline)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc lists open files on Linux only")
def test_no_descriptor_is_left_when_it_stops_while_a_gone_callers_work_still_ends(tmp_path: Path) -> None:
    answering = Lingering()
    server = make(tmp_path, answering, workers=1)
    before = len(os.listdir("/proc/self/fd"))
    server.start()
    clients = [Client(server.path) for _ in range(3)]
    for one in clients:  # one at work, two waiting for the only worker
        one.ask("echo x")
    assert answering.started.wait(SECONDS)
    for one in clients:
        one.close()
    threading.Timer(0.3, answering.released.set).start()
    server.stop(Deadline.after(SECONDS))
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_deadline_of_the_request_ends_the_work(client: Client) -> None:
    client.ask("block", deadline_ms=50)
    message = client.read()
    assert message is not None and message["error"]["sqlstate"] == "57014"


def test_a_backend_that_does_not_explain_in_time(client: Client) -> None:
    client.ask("explain select 1", deadline_ms=100)
    assert client.read() is not None
    message = client.read()
    assert message is not None and message["error"]["sqlstate"] == "57014"


def test_a_statement_that_is_analyzed_for_too_long_is_cancelled(client: Client, answering: Answering) -> None:
    client.ask("analyze select 1", deadline_ms=100, pid=4711)
    frame = client.read()
    assert frame is not None and frame["type"] == "analyze"
    frame = client.read()
    assert frame is not None and frame["error"]["sqlstate"] == "57014"
    assert answering.cancelled_backends == [4711]


def test_a_statement_over_ask_timeout_is_cancelled(client: Client, answering: Answering) -> None:
    answering.ask_timeout = 0.1
    client.ask("echo x", pid=4711)
    assert client.read() is not None
    assert answering.cancel_called.wait(SECONDS)
    assert answering.cancelled_backends == [4711]


def test_a_backend_that_closes_in_time_is_not_cancelled(serving: SocketServer, answering: Answering) -> None:
    answering.ask_timeout = 0.3
    client = Client(serving.path)
    client.ask("echo x")
    assert client.read() is not None
    client.close()
    assert not answering.cancel_called.wait(0.8)


def test_many_at_once_get_their_own_answers(serving: SocketServer) -> None:
    clients = [Client(serving.path) for _ in range(50)]
    for number, client in enumerate(clients):
        client.ask(f"echo {number}", id=f"r{number}")
    for number, client in enumerate(clients):
        message = client.read()
        assert message is not None
        assert (message["id"], message["answer"]["sql"]) == (f"r{number}", str(number))
        client.close()


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\xff" * 64,
        b"\x00\x00\x00\x02{]",
        encode({"v": 2, "id": "a", "type": "ask"}),
        encode({"v": 1, "id": "a", "type": "ask"}),
        encode({"v": 1, "id": "a", "type": "explained"}),
        encode({"v": 1, "id": "a", "type": "drop"}),
    ],
)
def test_garbage_gets_an_error_and_a_closed_connection(serving: SocketServer, client: Client, data: bytes) -> None:
    client.socket.sendall(data)
    message = client.read()
    assert message is not None and message["error"]["sqlstate"] == "08P01"
    with contextlib.suppress(ConnectionResetError):  # when the server closed with some of our bytes unread
        assert client.read() is None
    after = Client(serving.path)
    after.send({"v": 1, "type": "ping"})
    assert after.read() is not None
    after.close()


def test_two_questions_on_one_connection_are_refused(client: Client, answering: Answering) -> None:
    client.ask("block")
    assert answering.started.wait(SECONDS)
    client.ask("echo x")
    message = client.read()
    assert message is not None and message["error"]["sqlstate"] == "08P01"
    assert answering.cancelled.wait(SECONDS)


def test_a_user_who_is_not_listed_is_refused(tmp_path: Path, answering: Answering) -> None:
    server = make(tmp_path, answering, frozenset({4_000_000}))
    server.start()
    client = Client(server.path)
    message = client.read()
    assert message is not None and message["error"]["sqlstate"] == "PA006"
    assert str(os.geteuid()) in message["error"]["detail"]
    assert client.read() is None
    client.close()
    server.stop(Deadline.after(5))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_os_user_is_refused_by_the_kernels_word(tmp_path: Path, answering: Answering) -> None:
    other = socket_place.user_id("nobody")
    if other is None:
        pytest.skip("no user nobody")
    server = make(tmp_path, answering)
    server.start()
    for path in (tmp_path, tmp_path / "run", server.path):
        path.chmod(0o777)  # take the file system's own guard away
    for parent in tmp_path.parents:
        if parent.stat().st_mode & 0o005 != 0o005 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o005)
    script = (
        "import socket,sys\ns=socket.socket(socket.AF_UNIX);s.settimeout(10)\n"
        "s.connect(sys.argv[1]);print(s.recv(65536)[4:].decode())"
    )
    done = subprocess.run(
        ["runuser", "-u", "nobody", "--", "python3", "-c", script, str(server.path)],
        capture_output=True, text=True, timeout=30, check=False, cwd="/",
    )  # fmt: skip
    assert '"PA006"' in done.stdout, done.stderr
    assert str(other) in done.stdout
    server.stop(Deadline.after(5))


def test_a_living_agents_socket_is_not_stolen(serving: SocketServer, tmp_path: Path, answering: Answering) -> None:
    second = make(tmp_path, answering)
    with pytest.raises(socket_place.SocketTaken) as caught:
        second.start()
    assert caught.value.hint
    serving.stop(Deadline.after(5))
    second.start()
    client = Client(second.path)
    client.send({"v": 1, "type": "ping"})
    assert client.read() is not None
    client.close()
    second.stop(Deadline.after(5))


def test_a_dead_agents_socket_is_replaced(tmp_path: Path, answering: Answering) -> None:
    script = (
        "import os,pathlib,sys\nfrom postai.service import socket_place\n"
        "socket_place.take(pathlib.Path(sys.argv[1]), 'agent.sock', None)\nos.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path / "run")], check=False, timeout=30)
    assert (tmp_path / "run" / "agent.sock").exists()
    server = make(tmp_path, answering)
    server.start()
    client = Client(server.path)
    client.send({"v": 1, "type": "ping"})
    assert client.read() is not None
    client.close()
    server.stop(Deadline.after(5))
    assert not server.path.exists()


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="too long"):
        socket_place.take(tmp_path / ("x" * 120), "agent.sock", None)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "agent.sock").write_text("precious")
    with pytest.raises(UsageError, match="not a socket"):
        socket_place.take(tmp_path / "run", "agent.sock", None)
    assert (tmp_path / "run" / "agent.sock").read_text() == "precious"
    (tmp_path / "file").write_text("")
    with pytest.raises((UsageError, NotPermitted)):
        socket_place.take(tmp_path / "file", "agent.sock", None)
    with pytest.raises(UsageError, match="no OS group"):
        socket_place.shared_group("no-such-group-here", "postgres")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give directories away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    other = socket_place.user_id("nobody")
    if other is None:
        pytest.skip("no user nobody")
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", other, -1)
    with pytest.raises(NotPermitted, match="another user"):
        socket_place.take(tmp_path / "run", "agent.sock", None)


def test_stopping_tells_those_who_wait(serving: SocketServer, client: Client, answering: Answering) -> None:
    client.ask("block")
    assert answering.started.wait(SECONDS)
    serving.stop(Deadline.after(2.5))
    message = client.read()
    assert message is not None and message["error"]["sqlstate"] == "PA002" and message["error"]["hint"]
    assert answering.cancelled.is_set()
    assert not serving.path.exists()


def test_without_unix_sockets_the_reason_is_clear(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delattr(socket, "SO_PEERCRED")
    with pytest.raises(PostaiError) as caught:
        socket_place.take(tmp_path, "agent.sock", None)
    assert caught.value.sqlstate == "PA007"
    assert caught.value.hint and "dblink" in caught.value.hint
