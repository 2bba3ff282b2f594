"""What people taught, as far as it helps with one question: terms, verified examples, notes. Hostile text, bounded."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from postai.ask.finder import COMMON
from postai.database.catalog import Catalog
from postai.errors import Refused
from postai.language.taught import Example, Taught, Term
from postai.language.tokens import tokenize
from postai.model.blocks import escape, one_line
from postai.model.prices import estimate_tokens
from postai.sql.nodes import messages
from postai.sql.parse import parse_one

GLOSSARY_TOKENS = 700
EXAMPLE_TOKENS = 1_100
LONGEST_NOTES = 6_000
MOST_EXAMPLES = 5
LONGEST_TERM, LONGEST_MEANING, LONGEST_QUESTION, LONGEST_SQL = 80, 400, 300, 1_500
_SENTENCE = re.compile(r"(?<=[.;])\s+|\n+")
NEAR_ENOUGH = 0.15
"""Likeness from which an example is worth its tokens."""


@dataclass(frozen=True)
class Lessons:
    """What is told of it.

    Attributes:
        terms: those that the question uses first.
        examples: nearest first.
        used: those of the terms that the question uses.
        notes: cut to a bounded length.
        defining: sentences of the notes that share a word with the question.
        tables: (schema, name) of the tables that the examples read.
    """

    terms: tuple[Term, ...] = ()
    examples: tuple[Example, ...] = ()
    used: tuple[Term, ...] = ()
    notes: str = ""
    defining: tuple[str, ...] = ()
    tables: frozenset[tuple[str, str]] = frozenset()


def lessons(taught: Taught, question: str, catalog: Catalog, search_path: tuple[str, ...]) -> Lessons:
    """Choose what helps with a question.

    Args:
        taught: everything that counts for the caller.
        question: the person's words.
        catalog: what the caller may read; examples about other tables are left out.
        search_path: where names without a schema are looked for.
    """
    notes = taught.notes.strip()[:LONGEST_NOTES]
    asked = _words(question)
    terms = _terms(taught.glossary, _words(f"{question} {notes}"))
    used = tuple(term for term in terms if _words(term.term).keys() & asked.keys())
    defining = tuple(line for line in _SENTENCE.split(notes) if _words(line).keys() & asked.keys())
    chosen, tables = _examples(taught.examples, asked, catalog, search_path)
    return Lessons(terms, chosen, used, notes, defining, tables)


def term_line(term: Term) -> str:
    """One term as a line of the prompt."""
    return f"{one_line(term.term, LONGEST_TERM)}: {one_line(term.meaning, LONGEST_MEANING)}"


def example_lines(example: Example) -> str:
    """One example as lines of the prompt."""
    return f"question: {one_line(example.question, LONGEST_QUESTION)}\nsql: {one_line(example.sql, LONGEST_SQL)}"


def _terms(glossary: Iterable[Term], asked: Counter[str]) -> tuple[Term, ...]:
    """Terms that share a word with the question first, by the share of their words; the others while there is room."""

    def likeness(term: Term) -> float:
        words = set(_words(term.term))
        return len(words & asked.keys()) / len(words) if words else 0.0

    kept, room = [], GLOSSARY_TOKENS
    for term in sorted(glossary, key=likeness, reverse=True):
        room -= estimate_tokens(escape(term_line(term))) + 1
        if room < 0:
            break
        kept.append(term)
    return tuple(kept)


def _examples(
    examples: tuple[Example, ...], asked: Counter[str], catalog: Catalog, search_path: tuple[str, ...]
) -> tuple[tuple[Example, ...], frozenset[tuple[str, str]]]:
    """The nearest examples whose statement still parses and reads tables that are there, and those tables."""
    words = [_words(example.question) for example in examples]
    spread = Counter(word for one in words for word in one)

    def weigh(one: Iterable[str]) -> float:
        return sum(math.log(1 + (1 + len(examples)) / (1 + spread[word])) for word in one)

    near = []
    for example, own in zip(examples, words, strict=True):
        likeness = weigh(own.keys() & asked.keys()) / (weigh(own.keys() | asked.keys()) or 1.0)
        if likeness >= NEAR_ENOUGH and len(example.sql) <= LONGEST_SQL:
            near.append((likeness, example))
    kept: list[Example] = []
    tables: set[tuple[str, str]] = set()
    room = EXAMPLE_TOKENS
    for _, example in sorted(near, key=lambda pair: -round(pair[0], 6)):
        cost = estimate_tokens(escape(example_lines(example))) + 2
        if len(kept) == MOST_EXAMPLES or cost > room:
            continue
        read = tables_read(example.sql, catalog, search_path)
        if read is None:
            continue
        kept.append(example)
        tables |= read
        room -= cost
    return tuple(kept), frozenset(tables)


def tables_read(sql: str, catalog: Catalog, search_path: tuple[str, ...]) -> frozenset[tuple[str, str]] | None:
    """(schema, name) of the tables that a SELECT names; None when it does not parse or names others."""
    try:
        statement = parse_one(sql)
    except Refused:
        return None
    if statement.statement_class != "SELECT":
        return None
    nodes = list(messages(statement.tree))
    inner = {node.ctename for node in nodes if node.DESCRIPTOR.name == "CommonTableExpr"}
    found = set()
    for node in nodes:
        if node.DESCRIPTOR.name != "RangeVar" or (not node.schemaname and node.relname in inner):
            continue
        schemas = (node.schemaname,) if node.schemaname else search_path
        schema = next((one for one in schemas if catalog.table(one, node.relname)), None)
        if schema is None:
            return None
        found.add((schema, node.relname))
    return frozenset(found)


def _words(text: str) -> Counter[str]:
    """The stems of the words that say something."""
    return Counter(_stems(text))


def _stems(text: str) -> Iterator[str]:
    for token in tokenize(text):
        if token.kind in ("word", "quoted") and token.lower not in COMMON:
            yield token.stem
