"""Log lines, back-off and clock."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from random import Random
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.daemon.backoff import Backoff
from postai.daemon.clock import Clock
from postai.daemon.log import HIDDEN, LineFormatter, Redactor, configure
from postai.daemon.loop import Loop, Pause
from postai.deadline import Cancelled, Deadline
from postai.errors import NotPermitted


def line(form: Literal["text", "json"], message: str, secrets: tuple[str, ...] = (), **extra: object) -> str:
    record = logging.LogRecord("postai.x", logging.INFO, __file__, 1, message, (), None)
    record.__dict__.update(extra)
    return LineFormatter(form, Redactor(secrets)).format(record)


def test_json_lines_keep_types_and_fields() -> None:
    read = json.loads(line("json", "it happened", database="store", pid=42, ratio=0.5, missing=None, event="x"))
    assert (read["event"], read["database"], read["pid"], read["ratio"], read["missing"]) == (
        "it happened", "store", 42, 0.5, None,
    )  # fmt: skip
    assert read["level"] == "info" and read["at"].endswith("Z")


def test_text_lines_are_one_line_with_pairs() -> None:
    text = line("text", "it\nhappened", database="my store", detail="a\nb", missing=None)
    assert text.endswith('it happened database="my store" detail="a b"')


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "leak",
    [
        "password=hunter22 host=db",
        "password = 'hunter22'",
        'sslpassword="hunter22"',
        "postgresql://ann:hunter22@db/store",
        "api_key: hunter22",
        "Authorization: Bearer hunter22",
        "sk-ant-hunter22hunter22",
    ],
)
def test_what_looks_like_a_secret_is_hidden(form: Literal["text", "json"], leak: str) -> None:
    for text in (line(form, leak), line(form, "x", detail=leak)):
        assert "hunter22" not in text and HIDDEN in text


@given(st.text(min_size=4, max_size=30).filter(lambda text: text.strip() and text not in HIDDEN))
def test_configured_secrets_never_pass(secret: str) -> None:
    assert secret not in Redactor((secret,))(f"before {secret} after").replace(HIDDEN, "")


def test_a_traceback_is_redacted_too() -> None:
    try:
        raise ValueError("password=hunter22")
    except ValueError:
        record = logging.LogRecord("postai.x", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())
    for form in ("text", "json"):
        text = LineFormatter(form, Redactor()).format(record)
        assert "ValueError" in text and "hunter22" not in text


@pytest.fixture
def logging_kept() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("postai")
    before = (root.handlers[:], root.level, own.level)
    yield
    root.handlers[:], own.level = before[0], before[2]
    root.setLevel(before[1])
    logging.captureWarnings(False)


def test_other_libraries_are_heard_from_warning_on(logging_kept: None) -> None:
    stream = io.StringIO()
    configure("json", ("hunter22",), stream)
    logging.getLogger("postai.x").info("ours")
    logging.getLogger("other").info("quiet")
    logging.getLogger("other").warning("loud hunter22")
    events = [json.loads(text)["event"] for text in stream.getvalue().splitlines()]
    assert events == ["ours", f"loud {HIDDEN}"]


@given(st.integers(0, 2**32), st.integers(1, 200))
def test_pauses_grow_to_a_ceiling_and_never_vanish(seed: int, attempts: int) -> None:
    backoff = Backoff(Random(seed), first=0.1, longest=10.0)
    pauses = [backoff.next() for _ in range(attempts)]
    assert all(0.05 <= pause <= 10.0 for pause in pauses)
    if attempts > 10:
        assert pauses[-1] >= 5.0
    backoff.reset()
    assert backoff.next() <= 0.1


def test_the_clock_calls_and_stops() -> None:
    clock = Clock()
    called = threading.Event()
    clock.every(1, called.set, "call")
    clock.start()
    assert called.wait(30)
    clock.stop()
    clock.stop()


class Turns:
    """Counts the turns of a loop; each waits until it is let go on, which it is at first."""

    def __init__(self, pause: Pause) -> None:
        self.pause = pause
        self.turned = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()
        self.errors: list[Exception] = []
        self.anew = 0
        self.loop = Loop(
            "loop-x", self.turn, trouble="it cannot be done", database="x", anew=self.begin_anew, again=0.01
        )

    def begin_anew(self) -> None:
        self.anew += 1

    def turn(self, deadline: Deadline) -> Pause:
        self.turned.release()
        while not self.go.wait(0.01):
            if deadline.cancel.is_set():
                raise Cancelled("the request was cancelled")
        if self.errors:
            raise self.errors.pop(0)
        return self.pause


def test_a_loop_turns_by_itself_when_asked_and_not_while_it_rests() -> None:
    turns = Turns(Pause(0.01))
    turns.loop.begin()
    assert all(turns.turned.acquire(timeout=30) for _ in range(3))
    turns.pause = Pause(600.0)
    while turns.turned.acquire(timeout=0.2):
        pass
    turns.loop.wake("")
    assert not turns.turned.acquire(timeout=0.05)
    turns.go.clear()
    turns.loop.wake("now")
    assert turns.turned.acquire(timeout=30)
    turns.loop.wake("again, during the turn")
    turns.go.set()
    assert turns.turned.acquire(timeout=30)
    turns.pause = Pause(600.0, 600.0)
    turns.loop.wake("the last one")
    assert turns.turned.acquire(timeout=30)
    turns.loop.wake("too early")
    assert not turns.turned.acquire(timeout=0.05)
    turns.loop.end()
    turns.loop.begin()
    assert turns.turned.acquire(timeout=30) and turns.anew == 2
    turns.loop.stop(Deadline.after(10))
    assert not any(thread.name == "loop-x" for thread in threading.enumerate())


def test_a_loop_goes_on_after_what_fails_and_is_cancelled_by_its_end(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns(Pause(600.0))
    refused = NotPermitted("permission denied", detail="a value", hint="GRANT it")
    turns.errors = [refused, refused, ValueError("unforeseen")]
    turns.loop.begin()
    assert all(turns.turned.acquire(timeout=30) for _ in range(4))
    told = [record for record in caplog.records if "it cannot be done" in record.getMessage()]
    assert [record.levelname for record in told] == ["WARNING", "ERROR"]
    assert told[1].exc_info is not None and "a value" not in caplog.text
    turns.go.clear()
    turns.loop.wake("now")
    assert turns.turned.acquire(timeout=30)
    turns.loop.stop(Deadline.after(10))
    assert len(caplog.records) == len(told)
