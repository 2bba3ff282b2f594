"""What people told postai in words of their own: terms, verified examples, notes. Hostile text like any other."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase and what it means here, in words or as an SQL expression."""

    term: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Example:
    """A question and the statement that answers it rightly.

    Attributes:
        taught_by: who says so; "" = not known.
        shared: whether it counts for everybody.
        search_path: schemas in which the statement's names without a schema were meant; empty = not known.
    """

    question: str
    sql: str
    taught_by: str = ""
    shared: bool = False
    search_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Taught:
    """Everything that counts for one question.

    Attributes:
        glossary: own terms before shared ones.
        examples: own examples before shared ones.
        notes: free text that the question is to be read with; may be empty.
    """

    glossary: tuple[Term, ...] = ()
    examples: tuple[Example, ...] = ()
    notes: str = ""
