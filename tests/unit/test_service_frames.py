"""The frame codec: what goes in comes out, and whatever else arrives ends in a FrameError."""

from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.ask.types import Answer, Digested, Explained, Reading
from postai.errors import ErrorParts
from postai.service.frames import (
    MAX_FRAME,
    AskFrame,
    Decoder,
    FrameError,
    answer_message,
    ask_frame,
    decode_body,
    digested,
    encode,
    error_message,
    explained,
    findings_message,
    pong_message,
    there_message,
)
from postai.sql.plan import PlanFinding

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=15,
)
MESSAGES = st.dictionaries(TEXT, JSON, max_size=5).map(lambda extra: {**extra, "v": 1, "id": "a", "type": "x"})


def request(**changes: object) -> dict[str, Any]:
    return {
        "v": 1, "id": "r1", "type": "ask", "verb": "ask", "question": "how many orders", "session_user": "ann",
        "role": "ann", "search_path": ["public"], "database": "store", "pid": 42,
        "backend_start": "2026-11-21 04:20:52.123+00", "query_start": "", "max_rows": 100, "deadline_ms": 30000,
        **changes,
    }  # fmt: skip


@given(st.lists(MESSAGES, max_size=4), st.integers(1, 50))
def test_whatever_way_the_stream_is_cut_the_messages_come_out(messages: list[dict[str, Any]], size: int) -> None:
    stream = b"".join(encode(message) for message in messages)
    decoder = Decoder()
    out = [one for start in range(0, len(stream), size) for one in decoder.feed(stream[start : start + size])]
    assert out == messages
    assert decoder.pending == 0


@given(st.binary(max_size=200))
def test_garbage_gives_messages_or_a_frame_error(data: bytes) -> None:
    decoder = Decoder(limit=1000)
    try:
        for message in decoder.feed(data):
            assert message["v"] == 1
    except FrameError as error:
        assert error.sqlstate == "08P01"


@given(st.binary(max_size=100) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_framed_body_of_any_bytes_is_read_or_refused(body: bytes) -> None:
    try:
        message = Decoder().feed(struct.pack(">I", len(body)) + body)[0]
    except FrameError:
        return
    assert isinstance(message["type"], str)


@given(st.dictionaries(st.sampled_from(sorted(request())), JSON, max_size=4))
def test_a_request_with_any_fields_changed_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        frame = ask_frame(request(**changes))
    except FrameError as error:
        assert 'the field "' in error.message or "verb" in error.message
        return
    assert isinstance(frame, AskFrame)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"\xff\xfe", "not UTF-8"),
        (b"{", "not JSON"),
        (b'{"v":NaN}', "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"v":2,"type":"ping"}', "protocol version"),
        (b'{"v":true,"type":"ping"}', "protocol version"),
        (b'{"v":1}', "no type"),
        (b'{"v":1,"type":"ask"}', "no usable id"),
        (b'{"v":1,"type":"ask","id":"a\\u0000"}', "no usable id"),
        (b'{"v":1,"type":"ask","id":"a","question":"\\ud800"}', "surrogate"),
        (b'{"v":1,"type":"ask","id":"a","list":[{"\\udfff":1}]}', "surrogate"),
    ],
)
def test_malformed_bodies_are_named(body: bytes, message: str) -> None:
    with pytest.raises(FrameError, match=message):
        decode_body(body)


def test_a_frame_that_announces_too_much_is_refused_before_it_arrives() -> None:
    with pytest.raises(FrameError, match="too long"):
        Decoder().feed(struct.pack(">I", MAX_FRAME + 1))


def test_a_message_that_is_too_long_or_no_text_is_not_sent() -> None:
    with pytest.raises(FrameError, match="too long"):
        encode({"text": "x" * (MAX_FRAME + 1)})
    with pytest.raises(FrameError, match="surrogate"):
        encode({"text": "\ud800"})


def test_an_error_names_the_field_and_never_its_value() -> None:
    with pytest.raises(FrameError) as caught:
        ask_frame(request(pid="secret"))
    assert '"pid"' in caught.value.message
    assert "secret" not in f"{caught.value.message} {caught.value.detail}"


def test_a_ping_needs_no_id() -> None:
    assert decode_body(b'{"v":1,"type":"ping"}')["type"] == "ping"
    assert pong_message(None, "1.0") == {"v": 1, "type": "pong", "version": "1.0"}
    assert pong_message("p", "1.0")["id"] == "p"


def test_explained_carries_a_plan_or_an_error() -> None:
    head = {"v": 1, "id": "r1", "type": "explained"}
    assert explained({**head, "plan": [{"Plan": {}}]}, "r1") == Explained(plan=[{"Plan": {}}])
    assert explained({**head, "plan": '[{"Plan": {}}]'}, "r1") == Explained(plan=[{"Plan": {}}])
    parts = {"sqlstate": "42501", "message": "permission denied", "detail": None, "hint": "ask"}
    assert explained({**head, "error": parts}, "r1").error == ErrorParts("42501", "permission denied", None, "ask")
    for bad in (
        {**head},
        {**head, "id": "r2", "plan": []},
        {**head, "plan": "{"},
        {**head, "type": "ask"},
        {**head, "error": "no"},
        {**head, "error": {"sqlstate": "4", "message": "x"}},
    ):
        with pytest.raises(FrameError):
            explained(bad, "r1")


def test_the_last_frames_hold_every_part() -> None:
    answer = Answer("answered", "select 1", "one", 0.9, "grammar", (Reading("one", "select 1", 0.9),))
    message = answer_message("r1", answer, 7)
    assert decode_body(encode(message)[4:]) == message
    assert set(message["answer"]) == {
        "question_id", "status", "sql", "explanation", "confidence", "engine", "readings", "reason", "sqlstate", "hint",
    }  # fmt: skip
    error = error_message("r1", ErrorParts("PA002", "gone", "where", "do"))
    assert error["error"] == {"sqlstate": "PA002", "message": "gone", "detail": "where", "hint": "do"}
    assert there_message("r1", "explain", "select 1")["type"] == "explain"


def test_digested_carries_a_digest_too_many_rows_or_an_error() -> None:
    head = {"v": 1, "id": "r1", "type": "digested"}
    assert digested({**head, "digest": "ab", "rows": 3}, "r1") == Digested("ab", 3)
    assert digested({**head, "digest": None, "rows": 10000}, "r1") == Digested(None, 10000)
    parts = {"sqlstate": "42501", "message": "permission denied", "detail": None, "hint": None}
    assert digested({**head, "error": parts}, "r1").error == ErrorParts("42501", "permission denied")
    for bad in (
        {**head, "digest": "ab"},
        {**head, "digest": "", "rows": 1},
        {**head, "digest": "x" * 129, "rows": 1},
        {**head, "digest": [["row"]], "rows": 1},
        {**head, "digest": "ab", "rows": -1},
        {**head, "id": "r2", "digest": "ab", "rows": 1},
        {**head, "type": "explained", "digest": "ab", "rows": 1},
    ):
        with pytest.raises(FrameError):
            digested(bad, "r1")


def test_findings_travel_as_rows() -> None:
    message = findings_message("r1", "select 1", [PlanFinding(1, "Result", "", "", "INFO")], None)
    assert decode_body(encode(message)[4:]) == message
    assert message["answer"]["status"] == "answered"
    assert message["answer"]["findings"] == [
        {"step": 1, "node": "Result", "problem": "", "advice": "", "severity": "INFO"}
    ]
