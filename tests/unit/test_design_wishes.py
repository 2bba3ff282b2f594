"""Wishes said in many ways, read without a database; what is about rows is refused, what is misread is taken back."""

from __future__ import annotations

import contextlib

import pytest

from design_cases import problems, read_cases
from postai.design.draft import Draft
from postai.design.kinds import kind_of
from postai.design.propose import change_by_grammar, read_description, read_request
from postai.errors import NotSure, Refused
from postai.sql.vet import vet_change

CLINIC = """
owners (first name, last name, email, phone). pets (name, species, weight: number, optional). A pet belongs to an owner.
vets (name, license, speciality, fax optional). visits (visited at: timestamp, reason optional, fee: integer). A visit
belongs to a pet. A visit may belong to a vet. A visit has a status, which is planned or done. medications (name, price,
stock: integer, optional).
"""
CASES = read_cases("wishes.cases")


@pytest.fixture
def clinic() -> Draft:
    """The draft of a description as it would be read from a database."""
    draft = read_description(CLINIC).draft
    for table in draft.tables.values():
        table.was = table.name
        for column in table.columns.values():
            column.was = column.name
            column.definition = column.definition or column.type
        for number, rule in enumerate(table.rules):
            rule.name = f"{table.name}_{rule.kind}_{number}"
        table.indexes = []
    return draft


@pytest.mark.parametrize("text", [text for text, _ in CASES], ids=range(len(CASES)))
def test_wish(clinic: Draft, text: str) -> None:
    ground = read_request(clinic, text)
    assert problems(ground.draft, dict(CASES)[text]) == []
    assert not [one for one in ground.warnings if one.startswith("not understood")]
    for statement in change_by_grammar(clinic, text).up:
        vet_change(statement)


@pytest.mark.parametrize(
    "text",
    ["Delete everything from medications.", "Delete all visits older than a year.", "Remove all old rows from visits",
     "Truncate pets.", "Delete the owner with id 5.", "Remove duplicates from owners.", "Delete all vets.",
     "Add a test record to vets.", "Set the price of all medications to 5.", "Mark all visits as done."],
)  # fmt: skip
def test_wishes_about_rows_are_refused(clinic: Draft, text: str) -> None:
    with pytest.raises(Refused) as caught:
        change_by_grammar(clinic, text)
    assert caught.value.sqlstate == "PA003" and "DELETE" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "text",
    ["Disallow weights.", "Make the visits table faster.", "Increase all prices by 10 percent.", "Show me all pets.",
     "A visit must look nice.", "Pets are always hungry and never tired.", "Remove the xylophone from vets.",
     "An owner's phone is unique, ignoring case.", "A visit must cost more than nothing.",
     "Nobody looks at medications.", "Emails are unique unless empty.", "A visit may not start before its medication.",
     "Make the phone of owners required unless the owner is new.", "Comment on owners: people who pay.",
     "Do not drop the fax of vets.", "Drop @t0.", "Drop the @c0.", "Should we drop the fax of vets?",
     "Cats have no weight.", "If the fax of vets is empty everywhere, drop it.",
     "Make the fee optional, but not for planned visits.",
     "The name of a pet must be unique per owner and species, except for fish.",
     "A medication has a name, unique per price and stock, but only within a year.",
     "Rename owners to clients and clients to owners.", "The fee must be at most 100 for dogs.",
     "The fee must be at least 5 and at most 200, or zero for members.",
     "The status may also be cancelled or, for vets only, hidden.", "The fee must be above 10 from Monday to Friday.",
     "The license of vets must be unique and the fax required.", "Every pet needs a name that starts with a letter.",
     "The phone must be unique, the email required.", "The price is at least 1 and never more than twice the stock."],
)  # fmt: skip
def test_nothing_is_made_of_what_is_not_understood(clinic: Draft, text: str) -> None:
    with pytest.raises(NotSure) as caught:
        change_by_grammar(clinic, text)
    assert caught.value.sqlstate == "PA001" and "not understood" in (caught.value.detail or "")


def test_what_is_left_over_is_said(clinic: Draft) -> None:
    made = change_by_grammar(clinic, "Drop the fax of vets. The moon should sing to every cheese.")
    assert made.up == ("ALTER TABLE public.vets DROP COLUMN fax",) and "moon" in made.warnings[-1]
    assert "sing" in made.warnings[-1] and made.warnings[-1].startswith("not understood")


def test_endless_sentences_are_not_read(clinic: Draft) -> None:
    for text in ("The status of visits may only be " + "a b, " * 3900, "Add a kind to visits: " + "a b, " * 3900):
        with pytest.raises(NotSure) as caught:
            change_by_grammar(clinic, text)
        assert "more than 1000 characters" in (caught.value.detail or "")


def test_words_in_no_order_raise_nothing_else(clinic: Draft) -> None:
    for text in (
        "Add the of name than to pets.",
        "Make a of the name of pets required.",
        "The of name must be unique.",
    ):
        with contextlib.suppress(NotSure, Refused):
            change_by_grammar(clinic, text)
    assert kind_of(("of", "of", "name")).type == "text"
