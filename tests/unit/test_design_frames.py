"""How sentences of a description are parted into clauses, and their lists into phrases."""

from __future__ import annotations

import pytest

from postai.design.frames.binding import Values
from postai.design.frames.clauses import clauses_of
from postai.design.frames.phrases import items_of
from postai.design.frames.tokens import tokens_of
from postai.design.propose import design_by_grammar
from postai.errors import NotSure


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Kilns stand in one shed and have a lining.", [("Kilns", "stand"), ("Kilns", "have")]),
        ("A pilot flies drones, is licensed by one office and has a rank.", ["fly", "license", "have"]),
        ("No two kilns of a shed share a label.", [("no two kilns of a shed", "share")]),
        ("Bakers knead doughs: a dough has a weight.", [("Bakers", "knead"), ("a dough", "have")]),
        ("Pottery: a vase has a height, a colour and a glaze that is thick or thin.", [("a vase", "have")]),
        (
            "A sports club has members; the members train on a court.",
            [("A sports club", "have"), ("the members", "train")],
        ),
    ],
)
def test_clauses(text: str, expected: list[str | tuple[str, str]]) -> None:
    found = [(" ".join(one.subject), one.verb.lemma if one.verb else "") for one in clauses_of(text)]
    assert len(found) == len(expected)
    for one, wanted in zip(found, expected, strict=True):
        assert one[1] == wanted or (one[0].lower(), one[1]) == (wanted[0].lower(), wanted[1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a name, unique, and an optional weight in grams above zero", [("name",), ("weight",)]),
        ("a minimum and a maximum number of guests", [("min", "guests", "count"), ("max", "guests", "count")]),
        ("the lane, 1 to 8, and the finish time, empty at first", [("lane",), ("finish", "time")]),
        ("the weight before and after firing", [("weight", "before"), ("weight", "after")]),
        ("a maker, if known, and, if there is one, a stamp", [("maker",), ("stamp",)]),
    ],
)
def test_phrases(text: str, expected: list[tuple[str, ...]]) -> None:
    assert [one.noun.words for one in items_of(tokens_of(text)) if one.noun] == expected


def test_values_are_one_token() -> None:
    clause = clauses_of("A pot has a glaze (none, thin or thick) and a state: wet, dry or fired.")[0]
    assert [one.values for one in clause.rest if isinstance(one, Values)] == [
        ("none", "thin", "thick"),
        ("wet", "dry", "fired"),
    ]


@pytest.mark.parametrize(
    "text", [": a name", "and " * 4000, "must not " * 2000, "1 and 2 " * 2000, "dogs have names and " * 900]
)
def test_texts_that_nobody_would_write_are_read_soon_or_not_at_all(text: str) -> None:
    with pytest.raises(NotSure):
        design_by_grammar(text)


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("A kiln has a name and a heat, but never more than 900 degrees.", True),
        ("A potter has an email and, unless they are guests, a locker.", True),
        ("A kiln has a name and a heat. A potter has an email.", False),
    ],
)
def test_a_condition_is_pointed_out(text: str, warned: bool) -> None:
    made = design_by_grammar(text)
    assert any("condition" in one for one in made.warnings) is warned
    assert not any(" but " in one for one in made.up)  # no column of that name


@pytest.mark.parametrize("words", ["never more than 900", "that is never above 900", "that can never be more than 900"])
def test_never_turns_a_limit_round(words: str) -> None:
    assert any("<= 900" in one for one in design_by_grammar(f"A kiln has a name and a heat {words}.").up)
