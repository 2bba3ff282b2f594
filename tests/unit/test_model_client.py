"""The model client against a local server that misbehaves in every way we know of."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Protocol

import pytest
from pydantic import SecretStr

from model_server import KEY, Role, model_server
from postai.deadline import Cancelled, Deadline
from postai.errors import BudgetSpent, ModelFailed
from postai.model.blocks import Block
from postai.model.client import Model
from postai.model.types import Message, ModelCall
from postai.settings import ModelSettings

SCHEMA = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}


class Ledger:
    """What was recorded."""

    def __init__(self, spent: str = "0") -> None:
        self.calls: list[ModelCall] = []
        self.spent = Decimal(spent)

    def record(self, call: ModelCall) -> None:
        self.calls.append(call)
        self.spent += call.cost_usd

    @property
    def statuses(self) -> list[str]:
        return [call.status for call in self.calls]


class Make(Protocol):
    def __call__(self, url: str | None, ledger: Ledger, **changes: object) -> Model: ...


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes models and closes their connections."""
    made: list[Model] = []

    def one(url: str | None, ledger: Ledger, **changes: object) -> Model:
        made.append(configured(url, ledger, **changes))
        return made[-1]

    yield one
    for model in made:
        model.close()


def configured(url: str | None, ledger: Ledger, **changes: object) -> Model:
    prices = {"input_usd_per_million_tokens": Decimal(1), "output_usd_per_million_tokens": Decimal(5)}
    values = {"api_key": SecretStr(KEY), "base_url": url, "model": "claude-haiku-4-5", "timeout_seconds": 5}
    values |= {**prices, **changes}
    return Model(
        ModelSettings(**values),  # type: ignore[arg-type]
        record=ledger.record,
        spent_today=lambda: ledger.spent,
    )


def complete(model: Model, seconds: float = 20, text: str = "hello", deadline: Deadline | None = None) -> str:
    return model.complete(
        "test", [Block("rules", cache=True)], [Message("user", text)], SCHEMA, deadline or Deadline.after(seconds)
    ).text


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def test_an_answer_and_what_was_sent(make: Make, ledger: Ledger) -> None:
    with model_server(Role(script=lambda question, turn: {"echo": question})) as server:
        model = make(server.url, ledger)
        assert complete(model) == '{"echo": "hello"}'
        (seen,) = server.seen
        assert seen.body["model"] == "claude-haiku-4-5"
        assert seen.body["output_config"] == {"format": {"type": "json_schema", "schema": SCHEMA}}
        assert seen.body["system"] == [{"type": "text", "text": "rules", "cache_control": {"type": "ephemeral"}}]
        assert KEY in seen.headers.get("authorization", "") + seen.headers.get("x-api-key", "")
    (call,) = ledger.calls
    assert dataclasses.replace(call, latency_ms=0.0) == ModelCall(
        "test", "claude-haiku-4-5", 1000, 100, Decimal("0.0015"), 0.0, "ok"
    )
    assert call.latency_ms > 0


def test_connections_are_kept_and_shared(make: Make, ledger: Ledger) -> None:
    with model_server() as server:
        model = make(server.url, ledger)
        for _ in range(5):
            complete(model)
        assert server.connections == 1
        server.role.delay = 1.0
        threads = [threading.Thread(target=complete, args=(model,)) for _ in range(8)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert time.monotonic() - started < 6.0, "calls do not wait for each other"
        assert ledger.statuses == ["ok"] * 13
        model.close()


FAILURES = [
    ("429", "rate_limited", 3, "rate of calls"),
    ("529", "overloaded", 3, "overloaded"),
    ("500", "server_error", 3, "trouble"),
    ("drop", "connection", 3, "network"),
    ("wrong-key", "rejected", 1, "key is wrong"),
    ("echo-key", "rejected", 1, "model id"),
    ("refusal", "refusal", 1, "other words"),
    ("max-tokens", "max_tokens", 1, "less"),
    ("not-json", "garbage", 1, "base URL"),
    ("not-a-message", "garbage", 1, "base URL"),
    ("huge", "garbage", 1, "base URL"),
]


@pytest.mark.parametrize(("mode", "status", "attempts", "hint"), FAILURES, ids=[row[0] for row in FAILURES])
def test_failures(
    make: Make, mode: str, status: str, attempts: int, hint: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postai.model.client.FIRST_PAUSE", 0.01)
    with model_server(Role(mode)) as server:
        model = make(server.url, ledger)
        with pytest.raises(ModelFailed) as caught:
            complete(model)
    assert caught.value.sqlstate == "PA004"
    assert hint in (caught.value.hint or "")
    assert ledger.statuses == [status] * attempts
    told = f"{caught.value!r} {caught.value.as_parts()} {model!r} {vars(model)!r}"
    assert KEY not in told
    assert "\x1b" not in told


@pytest.mark.parametrize("mode", ["429", "529", "500", "drop"])
def test_what_passes_is_tried_again(make: Make, mode: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postai.model.client.FIRST_PAUSE", 0.01)
    with model_server(Role(mode, times=2)) as server:
        assert complete(make(server.url, ledger))
    assert len(ledger.calls) == 3
    assert ledger.statuses[-1] == "ok"


def test_retry_after_is_honoured(make: Make, ledger: Ledger) -> None:
    with model_server(Role("429", times=1, retry_after="1")) as server:
        started = time.monotonic()
        complete(make(server.url, ledger))
        assert 1.0 <= time.monotonic() - started < 10


def test_a_wait_beyond_the_deadline_is_not_begun(make: Make, ledger: Ledger) -> None:
    with model_server(Role("429", retry_after="60")) as server:
        started = time.monotonic()
        with pytest.raises(ModelFailed, match="429"):
            complete(make(server.url, ledger), seconds=20)
        assert time.monotonic() - started < 10
    assert ledger.statuses == ["rate_limited"]


@pytest.mark.parametrize("mode", ["scripted", "never"])
def test_a_request_has_a_time_limit(make: Make, mode: str, ledger: Ledger) -> None:
    with model_server(Role(mode, delay=0.0 if mode == "never" else 30.0)) as server:
        started = time.monotonic()
        with pytest.raises(ModelFailed, match="did not answer in time") as caught:
            complete(make(server.url, ledger, timeout_seconds=0.5, max_retries=0))
        assert time.monotonic() - started < 10  # a busy machine gets more than is promised
        assert "timeout_seconds" in (caught.value.hint or "")
        assert server.dropped.wait(2), "the connection is cut, not left open"
    assert ledger.statuses == ["timeout"]
    assert ledger.calls[0].input_tokens > 0, "a call without an answer may have been charged"


def test_the_deadline_limits_all_attempts_together(make: Make, ledger: Ledger) -> None:
    with model_server(Role(delay=30.0)) as server:
        started = time.monotonic()
        with pytest.raises(ModelFailed):
            complete(make(server.url, ledger, timeout_seconds=0.4, max_retries=10), seconds=1.5)
        assert time.monotonic() - started < 10  # a busy machine gets more than is promised
    assert 2 <= len(ledger.calls) <= 4


@pytest.mark.parametrize("mode", ["scripted", "never"])
def test_cancel_drops_the_connection_within_half_a_second(make: Make, mode: str, ledger: Ledger) -> None:
    with model_server(Role(mode, delay=30.0 if mode == "scripted" else 0.0)) as server:
        deadline = Deadline.after(60)
        threading.Timer(0.5, deadline.cancel.set).start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            complete(make(server.url, ledger), deadline=deadline)
        assert time.monotonic() - started < 10  # a busy machine gets more than is promised
        assert server.dropped.wait(10)
    assert ledger.statuses == ["cancelled"]


def test_cancel_drops_a_tls_connection_too(
    make: Make, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate))
    subprocess.run([openssl, *made, *names], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    asked, dropped = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with context.wrap_socket(connection, server_side=True) as secure:
            with contextlib.suppress(OSError):  # a cut connection may end in an error instead of an end of file
                while secure.recv(65536):
                    asked.set()
            dropped.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        deadline = Deadline.after(30)
        model = make(f"https://localhost:{listener.getsockname()[1]}", ledger)

        def cancel() -> None:
            if asked.wait(10):
                deadline.cancel.set()

        canceller = threading.Thread(target=cancel)
        canceller.start()
        with pytest.raises(Cancelled):
            complete(model, deadline=deadline)
        assert dropped.wait(10)
        canceller.join(10)
        thread.join(10)
    assert ledger.statuses == ["cancelled"]


def test_cancel_ends_a_pause_between_attempts(make: Make, ledger: Ledger) -> None:
    with model_server(Role("429", retry_after="20")) as server:
        deadline = Deadline.after(60)
        threading.Timer(0.3, deadline.cancel.set).start()
        started = time.monotonic()
        with pytest.raises(Cancelled):
            complete(make(server.url, ledger), deadline=deadline)
        assert time.monotonic() - started < 10  # a busy machine gets more than is promised


def test_a_dropped_line_is_not_used_again(make: Make, ledger: Ledger) -> None:
    with model_server(Role(delay=30.0)) as server:
        model = make(server.url, ledger, timeout_seconds=0.3, max_retries=0)
        with pytest.raises(ModelFailed):
            complete(model)
        server.role.delay = 0.0
        assert complete(model)
        assert server.connections == 2


def test_nobody_listens(make: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postai.model.client.FIRST_PAUSE", 0.01)
    with pytest.raises(ModelFailed, match="cannot be reached") as caught:
        complete(make("http://127.0.0.1:9", ledger))
    assert "base URL" in (caught.value.hint or "")
    assert ledger.statuses == ["connection"] * 3
    assert all(call.cost_usd == 0 for call in ledger.calls)


@pytest.mark.parametrize("url", ["not a url", "ftp://127.0.0.1/x", "http://[::1"])
def test_a_base_url_that_is_none(make: Make, url: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postai.model.client.FIRST_PAUSE", 0.01)
    with pytest.raises(ModelFailed):
        complete(make(url, ledger, max_retries=0))


def test_no_key(make: Make, ledger: Ledger) -> None:
    with pytest.raises(ModelFailed, match="no key") as caught:
        complete(make(None, ledger, api_key=None))
    assert "ANTHROPIC_API_KEY" in (caught.value.hint or "")
    assert ledger.calls == []


def test_another_server_needs_no_key(make: Make, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-from-the-environment")
    with model_server() as server:
        assert complete(make(server.url, ledger, api_key=None))
        assert "sk-from-the-environment" not in str(server.seen[0].headers), "settings decide, not the library"


def test_no_key_in_the_log(make: Make, ledger: Ledger, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), model_server(Role("echo-key")) as server, pytest.raises(ModelFailed):
        complete(make(server.url, ledger))
    assert KEY not in "\n".join(record.getMessage() for record in caplog.records)


def test_the_budget_is_asked_before_a_call(make: Make) -> None:
    ledger = Ledger(spent="4.99")
    with model_server() as server:
        with pytest.raises(BudgetSpent) as caught:
            complete(make(server.url, ledger, daily_budget_usd=Decimal(5)))
        assert server.seen == []
    assert caught.value.sqlstate == "PA005"
    assert "4.99" in (caught.value.detail or "")
    assert "daily_budget_usd" in (caught.value.hint or "")


def test_calls_side_by_side_cannot_overrun_the_budget(make: Make, ledger: Ledger) -> None:
    outcomes: list[str] = []

    def run(model: Model) -> None:
        try:
            complete(model)
            outcomes.append("ok")
        except BudgetSpent:
            outcomes.append("spent")

    with model_server(Role(delay=0.3)) as server:
        model = make(server.url, ledger, daily_budget_usd=Decimal("0.05"))  # a call may cost a little over 0.02
        threads = [threading.Thread(target=run, args=(model,)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(server.seen) == 2
    assert sorted(outcomes) == ["ok"] * 2 + ["spent"] * 8


def test_the_budget_holds_between_attempts(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("postai.model.client.FIRST_PAUSE", 0.01)
    ledger = Ledger()

    with model_server(Role("500")) as server:
        model = make(server.url, ledger, daily_budget_usd=Decimal(1))
        bound = model.recording(lambda call: setattr(ledger, "spent", Decimal(2)))
        with pytest.raises(BudgetSpent):
            complete(bound)
        assert len(server.seen) == 1


def test_available_models(make: Make, ledger: Ledger) -> None:
    with model_server() as server:
        assert make(server.url, ledger).available(Deadline.after(5)) == ("test-model",)
    with pytest.raises(ModelFailed):
        make("http://127.0.0.1:9", ledger).available(Deadline.after(5))


def test_long_text_is_still_an_answer(make: Make, ledger: Ledger) -> None:
    with model_server(Role("long-text")) as server:
        assert len(complete(make(server.url, ledger))) == 900_000


def test_nothing_imports_the_library_before_it_is_needed() -> None:
    code = "import sys, postai.model.client, postai.model.generate; sys.exit('anthropic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
