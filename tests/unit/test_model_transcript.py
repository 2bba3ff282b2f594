"""Transcripts: what is recorded, what is replayed, what is left pending, and damaged files."""

from __future__ import annotations

import json
import os
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from model_server import KEY, Role, model_server
from postai.deadline import Deadline
from postai.errors import ModelFailed, UsageError
from postai.model.blocks import Block
from postai.model.client import Model
from postai.model.transcript import PendingReply, Transcripts, request_hash
from postai.model.types import Completer, Message
from postai.settings import ModelSettings

SYSTEM = (Block("Rules.", cache=True), Block("<catalog>\nénergie\n</catalog>", cache=True))
MESSAGES = (Message("user", "How many?"),)
SCHEMA = {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]}


def complete(model: Completer) -> str:
    return model.complete("ask", SYSTEM, MESSAGES, SCHEMA, Deadline.after(20)).text


def pending(directory: Path) -> Path:
    (path,) = (directory / "pending").glob("*.json")
    return path


def answered(directory: Path, **reply: object) -> Path:
    """Answer the only pending request as somebody outside would."""
    asked = pending(directory)
    path = directory / asked.name
    path.write_text(json.dumps({**json.loads(asked.read_text()), "reply": {"text": "{}", **reply}}))
    return path


def test_a_request_without_a_reply_is_written_down_whole(tmp_path: Path) -> None:
    with pytest.raises(PendingReply) as waiting:
        complete(Transcripts(tmp_path / "new" / "t", "some-model"))
    path = pending(tmp_path / "new" / "t")
    assert path.stem == waiting.value.identity
    file = json.loads(path.read_text("utf-8"))
    assert set(file) == {"version", "request"}
    request = file["request"]
    assert [block["text"] for block in request["system"]] == [block.text for block in SYSTEM]
    assert request["messages"] == [{"role": "user", "content": "How many?"}]
    assert request["output_config"]["format"]["schema"] == SCHEMA
    assert request["model"] == "some-model"
    assert request_hash(request) == path.stem


def test_the_same_request_leaves_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with pytest.raises(PendingReply):
            complete(Transcripts(tmp_path / name, "some-model"))
    assert pending(tmp_path / "one").read_bytes() == pending(tmp_path / "two").read_bytes()


def test_a_reply_that_is_there_is_given_and_nothing_stays_pending(tmp_path: Path) -> None:
    with pytest.raises(PendingReply):
        complete(Transcripts(tmp_path, "m"))
    path = answered(tmp_path, text='{"sql": "select 1"}', stop_reason="end_turn")
    before = path.read_bytes()
    assert complete(Transcripts(tmp_path, "m")) == '{"sql": "select 1"}'
    assert complete(Transcripts(tmp_path, "m")) == '{"sql": "select 1"}'
    assert path.read_bytes() == before
    assert not list((tmp_path / "pending").iterdir())


def test_a_reply_needs_no_stop_reason(tmp_path: Path) -> None:
    with pytest.raises(PendingReply):
        complete(Transcripts(tmp_path, "m"))
    answered(tmp_path, text="x")
    assert complete(Transcripts(tmp_path, "m")) == "x"


@pytest.mark.parametrize("reason", ["refusal", "max_tokens"])
def test_a_recorded_reply_is_judged_like_a_live_one(tmp_path: Path, reason: str) -> None:
    with pytest.raises(PendingReply):
        complete(Transcripts(tmp_path, "m"))
    answered(tmp_path, stop_reason=reason)
    with pytest.raises(ModelFailed) as failed:
        complete(Transcripts(tmp_path, "m"))
    assert failed.value.hint


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"version": 1}', '{"version": 2, "request": {}, "reply": {"text": "x"}}',
     '{"version": 1, "request": {}, "reply": {"text": "x"}}', '{"version": 1, "request": {}, "reply": {"text": 7}}',
     "\x00\xff"],
)  # fmt: skip
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(PendingReply):
        complete(Transcripts(tmp_path, "m"))
    path = tmp_path / pending(tmp_path).name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UsageError) as failed:
        complete(Transcripts(tmp_path, "m"))
    assert path.name in failed.value.message
    assert failed.value.hint


def test_a_live_reply_is_recorded_and_not_asked_for_again(tmp_path: Path) -> None:
    with model_server(Role(script=lambda _question, _turn: "SELECT 42")) as server:
        settings = ModelSettings(api_key=KEY, base_url=server.url, model="m")
        live = Model(settings, record=lambda _call: None, spent_today=lambda: Decimal(0))
        first = complete(Transcripts(tmp_path, "m", live))
        assert "SELECT 42" in first
        assert complete(Transcripts(tmp_path, "m", live)) == first
        assert len(server.seen) == 1
        live.close()
    assert complete(Transcripts(tmp_path, "m")) == first
    (path,) = tmp_path.glob("*.json")
    assert KEY not in path.read_text()


def test_many_threads_write_one_request(tmp_path: Path) -> None:
    def ask() -> None:
        with pytest.raises(PendingReply):
            complete(Transcripts(tmp_path, "m"))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(list((tmp_path / "pending").iterdir())) == 1


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError) as failed:
        Transcripts(tmp_path / "file" / "t", "m")
    assert failed.value.hint


def test_whatever_lies_in_the_place_of_a_reply_is_told(tmp_path: Path) -> None:
    with pytest.raises(PendingReply):
        complete(Transcripts(tmp_path, "m"))
    place = tmp_path / pending(tmp_path).name
    for put in (place.mkdir, lambda: os.mkfifo(place), lambda: place.symlink_to("/dev/zero")):
        put()
        with pytest.raises(UsageError) as told:
            complete(Transcripts(tmp_path, "m"))
        assert place.name in told.value.message and told.value.hint
        place.rmdir() if place.is_dir() else place.unlink()


def test_a_request_with_a_number_that_is_none_is_another(tmp_path: Path) -> None:
    with pytest.raises(PendingReply):
        complete(Transcripts(tmp_path, "m"))
    path = answered(tmp_path)
    path.write_text(path.read_text().replace('"request": {', '"request": {"more": NaN, '))
    with pytest.raises(UsageError) as told:
        complete(Transcripts(tmp_path, "m"))
    assert "the request in it" in str(told.value.detail)


def test_a_pending_request_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    with pytest.raises(PendingReply):
        complete(Transcripts(tmp_path, "m"))
    waiting = pending(tmp_path)
    answered(tmp_path)
    waiting.unlink()
    waiting.mkdir()
    with pytest.raises(UsageError) as told:
        complete(Transcripts(tmp_path, "m"))
    assert "cannot be removed" in told.value.message and told.value.hint
