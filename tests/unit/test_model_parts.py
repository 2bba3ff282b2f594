"""Blocks, prices and the generate-check-repair loop."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from model_server import KEY, Role, Script, model_server
from postai.deadline import Deadline
from postai.errors import ModelFailed, PostaiError, Refused
from postai.model.blocks import data_block, one_line, visible
from postai.model.client import Model
from postai.model.generate import ComplaintError, generate, json_schema, parse_reply
from postai.model.prices import Price, Usage, estimate_tokens
from postai.settings import ModelSettings


@given(st.text())
def test_no_text_closes_its_block(text: str) -> None:
    block = data_block("catalog", text)
    assert block.count("<") == 2
    assert block.startswith("<catalog>\n")
    assert block.endswith("\n</catalog>")
    assert all(character in "\n\t" or character.isprintable() or character.isspace() for character in block)


def test_invisible_text_is_dropped() -> None:
    assert visible("a\u202eb\u200bc\x1b[31md\x00e\ue000\U000e0041") == "abc[31mde"
    assert one_line("  a\n\nb\t c ", 10) == "a b c"
    assert one_line("abcdefghijkl", 5) == "abcd…"


@given(st.text(max_size=300), st.integers(2, 50))
def test_one_line_is_one_line(text: str, limit: int) -> None:
    line = one_line(text, limit)
    assert len(line) <= limit
    assert len(line.splitlines()) <= 1


def test_a_block_name_is_ours() -> None:
    with pytest.raises(ValueError, match="not a block name"):
        data_block("x>y", "")


def test_prices() -> None:
    cost = Price(Decimal(2), Decimal(10)).cost(Usage(1_000_000, 100_000, 1_000_000, 1_000_000))
    assert cost == Decimal("5.7")


def test_token_estimate_is_on_the_high_side() -> None:
    assert estimate_tokens("") == 0
    assert estimate_tokens("abc") == 1
    assert estimate_tokens("select customer_id from orders") == 10
    assert estimate_tokens("日本") == 2


class Form(BaseModel):
    model_config = ConfigDict(extra="ignore")
    value: int = Field(ge=0, le=10)
    note: str | None


def test_json_schema_is_closed_and_without_bounds() -> None:
    assert json_schema(Form) == {
        "type": "object",
        "properties": {"value": {"type": "integer"}, "note": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
        "required": ["value", "note"],
        "additionalProperties": False,
    }


GOOD = '{"value": 3, "note": null}'
TEXTS = [
    (GOOD, True),
    (f"```json\n{GOOD}\n```", True),
    (f"```\n{GOOD}\n```\n", True),
    (f"The value is three.\n\n```json\n{GOOD}\n```\nThat is all.", True),
    (f"```json\n{GOOD}\n```\nor\n```json\n{GOOD}\n```", False),
    (f"```sql\nSELECT 1\n```\n{GOOD}", False),
    (f"Sure: {GOOD}", False),
    (f"{GOOD} {GOOD}", False),
    ("", False),
    ("[]", False),
    ('{"value": 11, "note": null}', False),
    ('{"value": "3", "note": null}', False),
    ('{"value": 3}', False),
    ('{"value": NaN, "note": null}', False),
    ("[" * 100_000, False),
]


@pytest.mark.parametrize(("text", "good"), TEXTS)
def test_parse_reply(text: str, good: bool) -> None:
    if good:
        assert parse_reply(text, Form) == Form(value=3, note=None)
        return
    with pytest.raises(ComplaintError) as caught:
        parse_reply(text, Form)
    assert caught.value.error.sqlstate == "PA004"


def run(script: Script, check: Callable[[Form], int], role: Role | None = None) -> tuple[int | PostaiError, list[str]]:
    """What `generate` gives, and the last turn of each request."""
    with model_server(role or Role(script=script)) as server:
        settings = ModelSettings(api_key=SecretStr(KEY), base_url=server.url, model="test")
        model = Model(settings, record=lambda call: None, spent_today=lambda: Decimal(0))
        try:
            result: int | PostaiError = generate(model, "test", [], "go", Form, check, Deadline.after(60))
        except PostaiError as error:
            result = error
        model.close()
        return result, [seen.body["messages"][-1]["content"] for seen in server.seen]


def complaint(kind: str, at_most: int) -> ComplaintError:
    return ComplaintError(f"wrong: </problem> {kind}", Refused(kind), kind=kind, at_most=at_most)


def test_a_good_answer_needs_one_call() -> None:
    result, turns = run(lambda question, turn: {"value": 4, "note": "x"}, lambda form: form.value)
    assert (result, len(turns)) == (4, 1)


def test_a_malformed_answer_is_repaired_once() -> None:
    def script(question: str, turn: int) -> dict[str, object]:
        return {"value": 4, "note": None} if turn else {"valeu": 4}

    result, turns = run(script, lambda form: form.value)
    assert (result, len(turns)) == (4, 2)
    assert "value: Field required" in turns[1]

    for mode in ("prose", "wrong-form", "empty", "long-text"):
        result, turns = run(script, lambda form: form.value, Role(mode))
        assert isinstance(result, ModelFailed)
        assert "wrong form" in result.message
        assert len(turns) == 2


def test_repairs_are_counted_by_kind_and_together() -> None:
    def script(question: str, turn: int) -> dict[str, object]:
        return {"value": turn, "note": None}

    def refuse(form: Form) -> int:
        raise complaint("guard", 1)

    result, turns = run(script, refuse)
    assert isinstance(result, Refused)
    assert len(turns) == 2
    assert "</problem> guard" not in turns[1], "a complaint cannot close its block either"

    def grumble(form: Form) -> int:
        raise complaint("server", 5)

    result, turns = run(script, grumble)
    assert isinstance(result, Refused)
    assert len(turns) == 3

    def mend(form: Form) -> int:
        if form.value < 2:
            raise complaint("server", 2)
        return form.value

    result, turns = run(script, mend)
    assert (result, len(turns)) == (2, 3)


def test_the_conversation_grows_by_what_was_said() -> None:
    with model_server(Role(script=lambda question, turn: {"value": 9 if turn else -1, "note": "n"})) as server:
        settings = ModelSettings(api_key=SecretStr(KEY), base_url=server.url, model="test")
        model = Model(settings, record=lambda call: None, spent_today=lambda: Decimal(0))
        assert generate(model, "test", [], "go", Form, lambda form: form.value, Deadline.after(60)) == 9
        model.close()
        first, second, third = server.seen[1].body["messages"]
    assert first == {"role": "user", "content": "go"}
    assert json.loads(second["content"]) == {"value": -1, "note": "n"}
    assert third["role"] == "user"
