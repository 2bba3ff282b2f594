"""A local server that speaks the Messages API, so that tests need no model and no network.

It plays a role ("mode") and remembers what it was sent. By hand:

    python tests/model_server.py --port 8765 --mode scripted --answers answers.json --delay 1.5
    ANTHROPIC_BASE_URL=http://127.0.0.1:8765 post-ai ask '...'

`answers.json` maps questions to SQL.
"""

from __future__ import annotations

import argparse
import json
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-ant-test-5e9d1c7a0b3f"
QUESTION = re.compile(r"<question>\n(.*?)\n</question>", re.DOTALL)

HOSTILE = {
    "drop": "DROP TABLE customer",
    "two": "SELECT 1; DELETE FROM customer",
    "cte": "WITH gone AS (DELETE FROM customer RETURNING *) SELECT * FROM gone",
    "file": "SELECT * FROM pg_read_file('/etc/passwd')",
    "into": "SELECT * INTO stolen FROM customer",
    "setting": "SELECT set_config('role', 'postgres', false)",
    "lock": "SELECT * FROM customer FOR UPDATE",
    "copy": "COPY customer TO PROGRAM 'cat'",
    "xml": "SELECT database_to_xml(true, true, '')",
    "sleep": "SELECT pg_sleep(100)",
    "explain": "EXPLAIN ANALYZE DELETE FROM customer",
    "comment": "SELECT 1 /* */; -- \nDROP TABLE customer",
}

Script = Callable[[str, int], "str | dict[str, Any]"]
"""From (question, number of turns so far) to SQL, or to the whole JSON answer."""


@dataclass
class Seen:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def text(self) -> str:
        """All text that the model would read."""
        system = "\n".join(block["text"] for block in self.body.get("system", []))
        return system + "\n" + "\n".join(message["content"] for message in self.body.get("messages", []))


@dataclass
class Role:
    """How the server behaves; may be changed while it runs.

    Attributes:
        mode: see `MODES`.
        script: for mode "scripted" and as what comes after failures.
        delay: seconds before every answer.
        times: how many requests fail before the script answers ("429", "529", "500", "drop" modes); None = all.
        retry_after: value of that header in mode 429.
    """

    mode: str = "scripted"
    script: Script = field(default=lambda question, turn: "SELECT 1")
    delay: float = 0.0
    times: int | None = None
    retry_after: str | None = None


def answer(sql: str | None, **changes: Any) -> dict[str, Any]:
    """A well-formed answer of the ask prompt."""
    return {
        "sql": sql,
        "explanation": "What was asked for.",
        "assumptions": [],
        "confidence": 0.9,
        "asks_for_change": False,
        "cannot_answer_reason": None,
        **changes,
    }


def message(text: str, stop_reason: str = "end_turn", **changes: Any) -> dict[str, Any]:
    """A Messages API answer."""
    return {
        "id": "msg_test",
        "type": "message",
        "role": "assistant",
        "model": "test",
        "content": [{"type": "text", "text": text}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 1000, "output_tokens": 100},
        **changes,
    }


def failure(kind: str, text: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": text}}


class ModelServer(ThreadingHTTPServer):
    """The server; `seen` holds the requests, `dropped` counts connections that clients cut while waiting."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, role: Role, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.role = role
        self.seen: list[Seen] = []
        self.dropped = threading.Event()
        self.stopping = threading.Event()
        self.connections = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def prompts(self) -> str:
        """Everything that was sent, headers without the key's own."""
        with self.lock:
            return "\n".join(seen.text for seen in self.seen)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    server: ModelServer
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        # Headers and body leave in two writes: without this the second waits 40 ms for an acknowledgement.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.server.lock:
            self.server.connections += 1

    def do_GET(self) -> None:
        if not self._authorized():
            return
        data = [{"type": "model", "id": "test-model", "display_name": "Test", "created_at": "2026-01-01T00:00:00Z"}]
        self._send(200, {"data": data, "has_more": False, "first_id": "test-model", "last_id": "test-model"})

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        if not self._authorized():
            return
        body = json.loads(raw)
        with self.server.lock:
            self.server.seen.append(Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            number = len(self.server.seen)
        if self.path != "/v1/messages":
            self._send(404, failure("not_found_error", f"no such path {self.path}"))
            return
        role = self.server.role
        if not self._wait(role.delay):
            return
        failing = role.times is None or number <= role.times
        mode = role.mode if failing else "scripted"
        MODES[mode](self, role, body)

    def scripted(self, role: Role, body: dict[str, Any]) -> None:
        found = QUESTION.search(body["messages"][0]["content"])
        question = unescape(found.group(1)) if found else body["messages"][0]["content"]
        value = role.script(question, len(body["messages"]) // 2)
        self._text(json.dumps(value if isinstance(value, dict) else answer(value)))

    def rate_limited(self, role: Role, body: dict[str, Any]) -> None:
        headers = {"retry-after": role.retry_after} if role.retry_after else {}
        self._send(429, failure("rate_limit_error", "slow down"), headers)

    def overloaded(self, role: Role, body: dict[str, Any]) -> None:
        self._send(529, failure("overloaded_error", "overloaded"))

    def broken(self, role: Role, body: dict[str, Any]) -> None:
        self._send(500, failure("api_error", "internal"))

    def echo_key(self, role: Role, body: dict[str, Any]) -> None:
        self._send(400, failure("invalid_request_error", f"bad request with {dict(self.headers)}\x1b[31m"))

    def wrong_key(self, role: Role, body: dict[str, Any]) -> None:
        self._send(401, failure("authentication_error", f"invalid key {self._key()}"))

    def refusal(self, role: Role, body: dict[str, Any]) -> None:
        self._send(200, message("", "refusal"))

    def cut_off(self, role: Role, body: dict[str, Any]) -> None:
        self._send(200, message('{"sql": "SELECT', "max_tokens"))

    def empty(self, role: Role, body: dict[str, Any]) -> None:
        self._send(200, message("", content=[]))

    def prose(self, role: Role, body: dict[str, Any]) -> None:
        self._text("Sure! Here is your query:\n\nSELECT * FROM customer;\n\nLet me know if you need more.")

    def fenced(self, role: Role, body: dict[str, Any]) -> None:
        self._text("```json\n" + json.dumps(answer("SELECT 1")) + "\n```")

    def wrong_form(self, role: Role, body: dict[str, Any]) -> None:
        self._text(json.dumps({"query": "SELECT 1", "confidence": "very"}))

    def not_json(self, role: Role, body: dict[str, Any]) -> None:
        self._raw(200, b"<html>It works!</html>", "text/html")

    def not_a_message(self, role: Role, body: dict[str, Any]) -> None:
        self._send(200, {"choices": [{"text": "hello"}]})

    def long_text(self, role: Role, body: dict[str, Any]) -> None:
        self._text("x" * 900_000)

    def huge(self, role: Role, body: dict[str, Any]) -> None:
        self._text("x" * 3_000_000)

    def drop(self, role: Role, body: dict[str, Any]) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def never(self, role: Role, body: dict[str, Any]) -> None:
        """Headers at once, then a byte now and then, for ever: no read time-out ever strikes."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "100000")
        self.end_headers()
        while self._wait(0.05):
            self.wfile.write(b" ")

    def _text(self, text: str) -> None:
        self._send(200, message(text))

    def _key(self) -> str:
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return bearer or self.headers.get("x-api-key", "")

    def _authorized(self) -> bool:
        if self._key():
            return True
        self._send(401, failure("authentication_error", "no key"))
        return False

    def _wait(self, seconds: float) -> bool:
        """Sleep, and notice a client that hangs up; False = it did, or the server stops."""
        end = time.monotonic() + seconds
        while True:
            rest = end - time.monotonic()
            if rest <= 0:
                return True
            readable, _, _ = select.select([self.connection], [], [], min(rest, 0.05))
            if readable and self.connection.recv(1, socket.MSG_PEEK) == b"":
                self.server.dropped.set()
                self.close_connection = True
                return False
            if self.server.stopping.is_set():
                return False

    def _send(self, status: int, value: object, headers: Mapping[str, str] | None = None) -> None:
        self._raw(status, json.dumps(value).encode(), "application/json", headers)

    def _raw(self, status: int, data: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""


def hostile_script(kind: str) -> Script:
    """A model that answers everything with the same attack."""
    return lambda question, turn: HOSTILE[kind]


MODES: dict[str, Callable[[_Handler, Role, dict[str, Any]], None]] = {
    "scripted": _Handler.scripted,
    "429": _Handler.rate_limited,
    "529": _Handler.overloaded,
    "500": _Handler.broken,
    "echo-key": _Handler.echo_key,
    "wrong-key": _Handler.wrong_key,
    "refusal": _Handler.refusal,
    "max-tokens": _Handler.cut_off,
    "empty": _Handler.empty,
    "prose": _Handler.prose,
    "fenced": _Handler.fenced,
    "wrong-form": _Handler.wrong_form,
    "not-json": _Handler.not_json,
    "not-a-message": _Handler.not_a_message,
    "long-text": _Handler.long_text,
    "huge": _Handler.huge,
    "drop": _Handler.drop,
    "never": _Handler.never,
}


@contextmanager
def model_server(role: Role | None = None) -> Iterator[ModelServer]:
    """A running server on a free port."""
    server = ModelServer(role or Role())
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _script_from(answers: Mapping[str, str], mode: str) -> tuple[str, Script]:
    if mode.startswith("hostile-"):
        return "scripted", hostile_script(mode.removeprefix("hostile-"))
    if mode == "wrong":
        return "scripted", lambda question, turn: "SELECT no_such_column FROM no_such_table"

    def script(question: str, turn: int) -> str | dict[str, Any]:
        sql = answers.get(question)
        return answer(sql) if sql else answer(None, cannot_answer_reason="The script has no answer to this.")

    return mode, script


def main() -> None:
    modes = [*MODES, "wrong", *(f"hostile-{kind}" for kind in HOSTILE)]
    parser = argparse.ArgumentParser(description="A stand-in for the Messages API.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--mode", choices=modes, default="scripted")
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    parser.add_argument("--answers", help="JSON file: question -> SQL")
    arguments = parser.parse_args()
    answers: dict[str, str] = {}
    if arguments.answers:
        with open(arguments.answers, encoding="utf-8") as file:
            answers = json.load(file)
    mode, script = _script_from(answers, arguments.mode)
    server = ModelServer(Role(mode, script, arguments.delay), arguments.port)
    print(server.url, flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
