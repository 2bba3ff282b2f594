"""Names that comments give: "The name of the city" → name, city; "hotels of the group" → hotel."""

from __future__ import annotations

import re
from collections.abc import Iterable

from postai.language.tokens import key_of
from postai.language.vocabulary import FILLER
from postai.language.words import is_plural

_CLAUSE = re.compile(r"(?i)\s*(?:when|whether|how|where|what|why|if|true|null|stores?|contains?|holds?)\b")
_FIRST = re.compile(r"[.;:(,]|\bpossible values\b|\be\.?g\b|\bwho\b|\s[-–]\s", re.IGNORECASE)
_BEHIND = re.compile(r"(?i)\s(?:in|per|for|at|on|by|from|to|inside|within|as|with|before|after|range|where)\s")
_OF_ROW = re.compile(r"(?i)\s(?:of|in|per|for) (?:the|an?|each|this)\s(?!(?:month|year|week|day|quarter|hour)\b)")
_DIGITS = re.compile(r"\b\d+(?:\s*(?:-|to|–)\s*\d+)?\b")
_ROWS = re.compile(
    r"(?i)\s*(?:(?:one|each|a) (?:row|record|entry) (?:per|for each|for every|is an?|is one|represents an?|for an?)"
    r"|(?:table|list|catalog|register|log|history|master data|information|details|data)"
    r" (?:of|about|on|for)(?: all| the)?"
    r"|stores?(?: information (?:about|on)| details of| the| all)?|(?:contains?|holds?)(?: all| the)?"
    r"|(?:all|the|every|each) (?:of the )?)\s+"
)
_EMPTY = FILLER - {"list", "display", "table", "record"}
_PARENTHESES = re.compile(r"\([^)]*\)")
_NUMBER_OF = re.compile(r"(?i)\s*(?:the )?(?:total )?(?:number|count|quantity|amount|no\.) of (?:the |all )?(.+)")
_IN_UNIT = re.compile(
    r"(?i)\s*(?:the |total )?([a-z-]+) in (minutes|seconds|hours|days|kilograms|grams|tons|tonnes|litres|liters"
    r"|kilometres|kilometers|metres|meters|miles|percent)\b"
)
_MORE = re.compile(r"(?i)\s(?:in|per|for|at|on|by|from|to|within|as|with|who|that|which|where|of|and|or|we|left)\s")
_DONE = re.compile(r"(?i)\s+\w+(?:ed|en|old|ught|ade)\s*$")
_MEASURES = frozenset({"number", "count", "price", "day", "month", "year", "unit", "time", "row", "record", "value"})
_NO_NAMES = frozenset({"unique", "identifier", "null", "indicate", "primary", "foreign", "key"})


def comment_phrases(comment: str) -> Iterable[tuple[str, ...]]:
    """A short comment on a column as names of it; long or talkative ones give nothing."""
    text = _DIGITS.sub(" ", _FIRST.split(comment, maxsplit=1)[0])
    if _CLAUSE.match(text):
        return
    seen = set()
    for part in (text, _BEHIND.split(text, maxsplit=1)[0], _OF_ROW.split(text, maxsplit=1)[0]):
        words = tuple(word for word in key_of(part).split() if word not in _EMPTY)
        if 1 < len(words) <= 4 and not _NO_NAMES & set(words) and words not in seen:
            seen.add(words)
            yield words


def measure_phrases(comment: str) -> Iterable[tuple[str, ...]]:
    """What a number is of, by its comment: "number of guests" → guest; "waste in kilograms" → waste;
    "number of spoiled (thrown away) loaves" → spoiled loaf. One word alone counts here.
    """
    text = _PARENTHESES.sub(" ", comment)
    text = re.split(r"[.;:,]|\se\.?g\b", text, maxsplit=1)[0]
    counted = _NUMBER_OF.match(text)
    measured = None if counted else _IN_UNIT.match(text)
    found = counted or measured
    if found is None:
        return
    said = _MORE.split(found.group(1), maxsplit=1)[0]
    if counted:
        said = _DONE.sub("", said)
    words = tuple(word for word in key_of(said).split() if word not in _EMPTY)
    if not 0 < len(words) <= 3 or (_NO_NAMES | _MEASURES) & set(words):
        return
    if measured is None or len(words) == 1:
        yield words
    if measured is not None:
        yield (*words, *key_of(measured.group(2)).split())


def table_phrases(comment: str) -> Iterable[tuple[str, ...]]:
    """What the rows of a table are, by its comment: "One row per booking", "hotels of the group"."""
    text = _FIRST.split(comment, maxsplit=1)[0]
    rows = _ROWS.match(text)
    head = text[rows.end() :] if rows else text
    first = re.match(
        r"\s*([A-Za-z-]+)(?=\s+(?:of|that|which|by|in|for|from|on|at|with|and|made|sold|we|our)\b|\s*$)", head
    )
    if first and (is_plural(first[1].lower()) or rows) and key_of(first[1]) not in _NO_NAMES | FILLER:
        yield tuple(key_of(first[1]).split())
    words = tuple(word for word in key_of(text).split() if word not in FILLER)
    if not _CLAUSE.match(text) and 1 < len(words) <= 4 and not _NO_NAMES & set(words):
        yield words
