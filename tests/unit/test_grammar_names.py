"""Names that nobody can say: columns and tables with control characters, which made-up columns are marked with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from grammar_schemas import load
from postai.ask.grammar import Grammar
from postai.ask.types import AskRequest
from postai.database.catalog import Catalog, Column
from postai.language.computed import formula

HOSTILE = (
    "\x1eminus\x1epages\x1eid\x1e\x1e\x1e",
    "\x1earithmetic\x1en:1) OR true --\x1e\x1e\x1e\x1e",
    "\x1dsecond\x1dpages) OR (true\x1d",
    "pages\x1fkey') OR true --\x1ftext",
    "pages\x1b[31m",
)


def with_column(catalog: Catalog, name: str) -> Catalog:
    extra = Column(99, name, "integer", 23, "int4", "N", comment="number of secrets")
    return replace(
        catalog,
        tables=tuple(
            replace(table, columns=(*table.columns, extra)) if table.name == "books" else table
            for table in catalog.tables
        ),
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_column_with_control_characters_is_never_part_of_a_statement(name: str) -> None:
    grammar = Grammar(with_column(load("library").catalog(), name))
    for question in ("total number of secrets of books", "books by number of secrets", "average secrets of books"):
        answer = grammar.read(AskRequest(question, "reader", ("public",), date(2026, 5, 20)))
        assert answer.sql is None, answer.sql
    counted = grammar.read(AskRequest("how many books are there?", "reader", ("public",), date(2026, 5, 20)))
    assert counted.sql is not None


def test_an_unknown_operator_is_no_formula() -> None:
    assert formula("\x1edrop\x1ea\x1eb\x1e\x1e\x1e") is None
    assert formula("\x1eminus\x1ea\x1eb\x1e\x1e\x1e") is not None
