"""The embedded grammar of design: many descriptions in many styles, each with what has to hold."""

from __future__ import annotations

import pytest

from design_cases import problems, read_cases
from postai.design.propose import design_by_grammar, read_description
from postai.errors import NotSure, UsageError
from postai.sql.parse import parse
from postai.sql.vet import vet_change

CASES = (
    read_cases("create.cases")
    + read_cases("create2.cases")
    + read_cases("create3.cases")
    + read_cases("create4.cases")
    + read_cases("create5.cases")
    + read_cases("create6.cases")
)


@pytest.mark.parametrize("text", [text for text, _ in CASES], ids=range(len(CASES)))
def test_description(text: str) -> None:
    assert problems(read_description(text).draft, dict(CASES)[text]) == []


def test_every_statement_is_one_that_a_proposal_may_hold() -> None:
    for text, _ in CASES:
        for statement in design_by_grammar(text).up:
            assert len(parse(statement)) == 1
            vet_change(statement)


def test_what_is_not_understood_is_said() -> None:
    made = design_by_grammar("A user has a name. The moon sings quietly about cheese.")
    assert any(one.startswith("not understood: ") and "moon" in one for one in made.warnings)


@pytest.mark.parametrize("text", ["What is the weather like?", "hello", "42", "'; DROP TABLE x; --", "((((", "§0§ §1§"])
def test_nothing_understood_is_said_with_a_hint(text: str) -> None:
    with pytest.raises(NotSure) as caught:
        design_by_grammar(text)
    assert caught.value.sqlstate == "PA001" and "A blog has users" in (caught.value.hint or "")


@pytest.mark.parametrize("text", ["", "  \n", "a" * 30_000, "users \0"])
def test_text_that_cannot_be_read(text: str) -> None:
    with pytest.raises(UsageError):
        design_by_grammar(text)


def test_values_with_quotes_stay_values() -> None:
    made = design_by_grammar('An order has a status which is one of "it\'s", "a\\b" or "x\');DROP TABLE y;--".')
    assert [one.statement_class for one in parse(made.up[0])] == ["CREATE TABLE"]
    assert "'it''s'" in made.up[0]


def test_overlap_needs_the_extension_and_says_so() -> None:
    text = (
        "Rooms have a name. A booking belongs to a room and has a start time and an end time. Bookings of the "
        "same room cannot overlap."
    )
    assert any("btree_gist" in one for one in design_by_grammar(text).warnings)
    with_it = design_by_grammar(text, btree_gist=True)
    assert "EXCLUDE USING gist (room_id WITH =, tstzrange(start_time, end_time) WITH &&)" in "".join(with_it.up)
    assert not with_it.warnings


def test_diagram_and_explanation() -> None:
    made = design_by_grammar("A user has a unique email. Each post is written by one user and has a title.")
    assert made.mermaid.startswith("erDiagram\n") and "posts }o--|| users : user_id" in made.mermaid
    assert "posts: title; belongs to users by user_id." in made.explanation
    assert made.indexes[0].startswith("CREATE INDEX posts_user_id_idx")
    assert made.down[-1] == "DROP TABLE users" and not made.destructive
