"""Reads what people told beforehand: terms and their meanings, how texts are to be compared, what a missing value means.

Lines that say nothing the engine knows how to use are left alone: most notes were written for other questions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from postai.language.lexicon import Lexicon
from postai.language.remarks import Remark, told_remark
from postai.language.taught import Taught
from postai.language.words import singular

Matching = Literal["exact", "fold", "like"]

_LONGEST = 20_000
_SENTENCE = re.compile(r"\n+|(?<=[.;])\s+(?=[A-Z])")
_DEFINED = re.compile(
    r"(?P<term>[^=.,;:()<>]{1,60}?)\s*(?:\((?P<long>[^()]{2,80})\)\s*)?"
    r"(?:\s(?:means|stands for|is short for|is defined as|are defined as|denotes)\s|\s*(?<![<>!:=])=(?!=)\s*)"
    r"(?P<meaning>.+)",
    re.DOTALL,
)
_REFERS = re.compile(r"(?P<term>[^=.,;:()<>]{1,60}?)\s+refers to\s+(?P<meaning>.+)", re.DOTALL)
_CONDITION = re.compile(
    r"(?P<term>[A-Za-z][\w' -]{1,50}?) (?:have|has|are those with|are those where|are the ones with)\s+"
    r"(?P<meaning>[\w.\"]+\s*(?:=|<>|!=|<=|>=|<|>|IN\s*\(|IS\s|LIKE\s|ILIKE\s|BETWEEN\s).+)",
    re.DOTALL,
)
_NULL = re.compile(
    r"(?:the )?(?:column )?(?:(?P<table>\w+)\.)?(?P<column>\w+) (?:column )?is null"
    r" (?P<clause>(?:for|when|while|if|until|unless)\b.+)",
    re.IGNORECASE | re.DOTALL,
)
_SQL = re.compile(
    r"\b(?:date_trunc|current_date|current_timestamp|interval|extract|coalesce|count|sum|avg|min|max|round|now)\s*[('*]"
    r"|\bCURRENT_DATE\b|[<>]=?|\bIS (?:NOT )?NULL\b|\bIN\s*\(|\bI?LIKE\b|\bBETWEEN\b|'\s*(?:\)|$|\bAND\b|\bOR\b)"
    r"|\w_\w+\s*=|\w\.\w+\s*=",
)
_COMPARED = re.compile(r"\b(?:match(?:ed|ing)?|filter(?:ed|ing)?|compar(?:e|ed|ing)|search(?:ed)?)\b", re.IGNORECASE)
_EXACT = re.compile(r"\bexact(?:ly)?\b|\bcase[- ]sensitive", re.IGNORECASE)
_LIKE = re.compile(r"\bwildcards?\b|\bpartial(?:ly)?\b|\bsubstrings?\b", re.IGNORECASE)
_FOLD = re.compile(r"\bcase[- ]insensitiv\w*|\bilike\b|\bignor\w+ case\b|\bregardless of case\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Definition:
    """A term and its meaning.

    Attributes:
        terms: ways to write it: the acronym, and its long name.
        meanings: what it says of it, clearest first: words, or a formula of words.
        sql: the meaning is SQL.
    """

    terms: tuple[str, ...]
    meanings: tuple[str, ...]
    sql: bool = False


@dataclass(frozen=True, slots=True)
class Comparison:
    """How texts are compared; `scope` are singular words of the columns or tables it is about, () = all."""

    matching: Matching
    scope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notes:
    """What could be read."""

    definitions: tuple[Definition, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    remarks: tuple[Remark, ...] = ()


def read_notes(taught: Taught, lexicon: Lexicon) -> Notes:
    """The usable part of glossary and notes."""
    if not taught.glossary and not taught.notes:
        return Notes()
    definitions = [_definition(term.term, None, term.meaning) for term in taught.glossary]
    comparisons: list[Comparison] = []
    remarks: list[Remark] = []
    for sentence in _sentences(taught.notes[:_LONGEST]):
        null = _NULL.match(sentence)
        if null:
            remarks.extend(_null_remarks(null, lexicon))
            continue
        compared = _comparison(sentence)
        if compared is not None:
            comparisons.append(compared)
            continue
        found = _DEFINED.match(sentence) if not _CONDITION.match(sentence) else None
        found = found or _REFERS.match(sentence) or _CONDITION.match(sentence)
        if found:
            parts = found.groupdict()
            definitions.append(_definition(parts["term"], parts.get("long"), parts["meaning"]))
    return Notes(tuple(definitions), tuple(comparisons), tuple(remarks))


def _sentences(notes: str) -> Iterable[str]:
    for part in _SENTENCE.split(notes):
        text = part.strip().strip("-*• ").rstrip(".;").strip()
        if text:
            yield text


def _definition(term: str, long: str | None, meaning: str) -> Definition:
    term = re.sub(r"^(?:the|a|an|calculate|compute|recall that|note that|where)\s+", "", term.strip().strip("'\"`"), flags=re.I)
    terms = [term.strip("'\"`"), *([long.strip()] if long else [])]
    meaning = meaning.strip()
    parts = [meaning]
    pieces = re.split(r"\s+=\s+", meaning)
    if len(pieces) > 1 and not _SQL.search(meaning):
        parts = pieces[::-1]  # "X = month-over-month change = (a - b) / b": the formula says most
    return Definition(tuple(terms), tuple(parts), bool(_SQL.search(meaning)))


def _null_remarks(found: re.Match[str], lexicon: Lexicon) -> Iterable[Remark]:
    clause = re.sub(r"^(?:for|when|while|if|until|unless)\s+", "", found["clause"], flags=re.IGNORECASE)
    who = re.match(r"(?:(?:a|an|the|all|those)\s+)?\w+\s+(?:who|that|which|whose)\s+(.+)", clause, re.IGNORECASE)
    for info in lexicon.tables:
        table = (found["table"] or info.table.name).lower()
        if info.real is not None or table != info.table.name.lower():
            continue
        for column in info.columns:
            if column.name.lower() == found["column"].lower():
                yield from told_remark(info, column, who.group(1) if who else clause)


def _comparison(sentence: str) -> Comparison | None:
    """ "Match strings case-insensitively" · "Filter strings of state using exact matches"."""
    if not _COMPARED.search(sentence):
        return None
    if _LIKE.search(sentence):
        matching: Matching = "like"
    elif _FOLD.search(sentence):
        matching = "fold"
    elif _EXACT.search(sentence):
        matching = "exact"
    else:
        return None
    about = re.search(r"\b(?:strings?|values?|texts?|names?|columns?) (?:of|in|for) (.+?) (?:using|with|by|are|is|should|must|exact|case)\b", sentence, re.IGNORECASE)
    if about is None:
        only = re.search(r"\b(?:match|filter|compare)\s+(?:the\s+)?([\w.]+)\s+(?:using|with|case|exact|by)", sentence, re.IGNORECASE)
        words = [only.group(1)] if only else []
    else:
        words = re.findall(r"[\w.]+", about.group(1))
    scope = [word.lower() for word in words if word.lower() not in _ANYTHING]
    return Comparison(matching, tuple(dict.fromkeys(part if "." in part else singular(part) for part in scope)))


_ANYTHING = frozenset("and or the a all any string strings value values text texts attribute attributes every each "
                      "always names name them column columns customer's".split())  # fmt: skip
