"""A small peer that speaks the agent's side of the protocol, so that the SQL core is tested over the real wire.

It "understands" questions that are instructions: `sql: select 1`, `explain: select 1` (`analyze` and `digest` too),
`abstain`, `refuse`, `fail`, `error PA005`, `slow 3`, `garbage`, `hang up`; `unchanged "a1b2": select 1` claims to have
seen that catalog, and `query: select 1` sends what the backend should compare with as a query.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import psycopg

Frame = dict[str, Any]
Explain = Callable[..., Frame]
READING = {"text": "orders per country", "sql": "select 1", "confidence": 0.4}


class HangUp(Exception):
    """The peer ends without an answer."""


def think(frame: Frame, explain: Explain) -> Frame:
    """The last frame for a request."""
    verb, _, rest = frame["question"].partition(":")
    answer: Frame = {
        "question_id": 7, "status": "answered", "sql": rest.strip() or None, "explanation": "one line",
        "confidence": 0.9, "engine": "grammar", "readings": [], "reason": None, "sqlstate": None, "hint": None,
    }  # fmt: skip
    if verb in ("explain", "analyze", "digest"):
        answer["explanation"] = json.dumps(explain(rest.strip(), type=verb))
        if verb != "explain":
            answer["sql"] = "select 1 as one"
    elif verb == "who":
        answer |= {"sql": "select 1 as one", "explanation": json.dumps(frame)}
    elif verb == "abstain":
        answer |= {"status": "abstained", "sql": None, "reason": "two tables fit", "readings": [READING]}
    elif verb == "near":
        answer |= {"status": "abstained", "sql": None, "reason": "what is cuntry?", "hint": "Did you mean: country?"}
    elif verb == "refuse":
        answer |= {"status": "refused", "sql": None, "reason": "it would write", "hint": "use postai.migrate"}
    elif verb == "fail":
        answer |= {"status": "failed", "sql": None, "reason": "the model is silent"}
    elif verb.startswith("error "):
        parts = {"sqlstate": verb[6:], "message": "the budget is spent", "detail": "today", "hint": "wait"}
        return {"v": 1, "id": frame["id"], "type": "error", "error": parts}
    elif verb.startswith("slow "):
        time.sleep(float(verb[5:]))
    elif verb.startswith("unchanged "):
        explain(rest.strip(), unchanged=json.loads(verb[10:]))
        return {"v": 1, "id": frame["id"], "type": "answer", "answer": answer, "unchanged": json.loads(verb[10:])}
    elif verb == "query":
        unchanged = {"query": rest.strip(), "value": "1"}
        answer["sql"] = "select 1 as one"
        explain("select 1", unchanged=unchanged)
        return {"v": 1, "id": frame["id"], "type": "answer", "answer": answer, "unchanged": unchanged}
    elif verb == "hang up":
        raise HangUp
    return {"v": 1, "id": frame["id"], "type": "garbage" if verb == "garbage" else "answer", "answer": answer}


class SocketPeer:
    """Listens on a unix socket as the agent does. `seen` holds the requests, `said` what backends replied, `accepted`
    and `closed` count connections that were made and that ended."""

    def __init__(self, path: Path, think: Callable[[Frame, Explain], Frame] = think) -> None:
        self.path = path
        self.seen: list[Frame] = []
        self.said: list[Frame] = []
        self.accepted = self.closed = 0
        self._think = think
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        os.chmod(path, 0o777)
        self._listener.listen()
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer, contextlib.suppress(ConnectionError, HangUp):
            self._converse(peer)
        self.closed += 1

    def _converse(self, peer: socket.socket) -> None:
        request = receive(peer)
        self.seen.append(request)
        if request["type"] == "ping":
            send(peer, {"v": 1, "type": "pong", "version": "test"})
            return

        def explain(sql: str, **more: object) -> Frame:
            send(peer, {"v": 1, "id": request["id"], "type": "explain", "sql": sql} | more)
            self.said.append(receive(peer))
            return self.said[-1]

        send(peer, self._think(request, explain))
        peer.recv(1)  # until the backend has fetched


def send(peer: socket.socket, frame: Frame) -> None:
    data = json.dumps(frame).encode()
    peer.sendall(struct.pack(">I", len(data)) + data)


def receive(peer: socket.socket) -> Frame:
    def exactly(count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = peer.recv(count - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return data

    return json.loads(exactly(struct.unpack(">I", exactly(4))[0]))  # type: ignore[no-any-return]


class JobPeer:
    """Works the queue as the agent does, a thread for each job; `seen` holds the requests, `said` the replies."""

    def __init__(self, dsn: str, think: Callable[[Frame, Explain], Frame] = think) -> None:
        self.seen: list[Frame] = []
        self.said: list[Frame] = []
        self._think = think
        self._stop = threading.Event()
        self._connection = psycopg.connect(dsn, autocommit=True)
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> Self:
        assert self._one("select pg_try_advisory_lock(1886352244, 1)")[0]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def _one(self, sql: str, *params: object) -> Any:
        return self._connection.execute(sql, params).fetchone()  # type: ignore[arg-type]

    def _work(self) -> None:
        while not self._stop.is_set():
            job = self._one("select id, attempt, request from postai._job_claim('peer', 30, '{ask}')")
            if job is None:
                time.sleep(0.005)
                continue
            self.seen.append(job[2])
            threading.Thread(target=self._serve, args=job, daemon=True).start()

    def _serve(self, identity: int, attempt: int, request: Frame) -> None:
        with contextlib.suppress(HangUp, psycopg.OperationalError):
            frame = self._think(request, lambda sql, **more: self._explain(identity, attempt, request, sql, **more))
            self._one("select postai._job_finish(%s, %s, %s::text::jsonb)", identity, attempt, json.dumps(frame))

    def _explain(self, identity: int, attempt: int, request: Frame, sql: str, **more: object) -> Frame:
        out = json.dumps({"v": 1, "id": request["id"], "type": "explain", "sql": sql} | more)
        self._one("select postai._job_exchange(%s, %s, %s::text::jsonb)", identity, attempt, out)
        while True:
            row = self._one("select state, exchange_in from postai._job_look(%s, %s)", identity, attempt)
            if row is None:
                raise HangUp
            if row[0] == "running" and row[1] is not None:
                self.said.append(row[1])
                return row[1]  # type: ignore[no-any-return]
            time.sleep(0.005)
