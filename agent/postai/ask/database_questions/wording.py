"""Questions and cues as lists of plain words, the same way for both."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postai.language.words import singular

LONGEST = 24
"""Words of a question that can be about the database itself; longer ones tell a story."""

Phrase = tuple[str, ...]

_WORD = re.compile(r"[^\W_]+(?:_+[^\W_]+)*|_")
_QUOTED = re.compile(r"[\"'`«»“”‘]")
_SHORT = (
    (re.compile(r"\b(what|who|which|where|how|when|why|there|that|it)['’]s\b"), r"\1 is"),
    (re.compile(r"\b(\w+)n['’]t\b"), r"\1 not"),
    (re.compile(r"['’]s?\b"), ""),
)
FILLERS = frozenset(
    [
        "a",
        "all",
        "an",
        "and",
        "any",
        "are",
        "at",
        "be",
        "been",
        "being",
        "can",
        "could",
        "currently",
        "did",
        "display",
        "do",
        "does",
        "find",
        "for",
        "from",
        "get",
        "give",
        "had",
        "has",
        "have",
        "how",
        "i",
        "in",
        "is",
        "it",
        "its",
        "just",
        "list",
        "many",
        "me",
        "moment",
        "much",
        "my",
        "now",
        "of",
        "on",
        "our",
        "out",
        "please",
        "right",
        "see",
        "show",
        "tell",
        "that",
        "the",
        "their",
        "them",
        "there",
        "these",
        "they",
        "this",
        "those",
        "to",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "who",
        "whom",
        "why",
        "with",
        "would",
        "you",
        "your",
    ]
)
"""Words that say nothing by themselves. No negation is among them, and no word of time but the present."""
PLACES = frozenset(["database", "db", "server", "instance", "cluster", "system"])
"""Words for where we are: fillers, unless a table of the user is called so."""
POSTGRES = frozenset(["postgres", "postgresql", "pg"])
NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "twenty": 20,
}  # fmt: skip
SUPERLATIVES = frozenset(
    [
        "biggest",
        "largest",
        "slowest",
        "longest",
        "oldest",
        "heaviest",
        "hottest",
        "busiest",
        "most",
        "highest",
        "worst",
        "fullest",
    ]
)


@dataclass(frozen=True)
class Wording:
    """A question as words.

    Attributes:
        raw: in lower case as they were written.
        words: the singulars of them.
    """

    raw: tuple[str, ...]
    words: tuple[str, ...]

    def places_of(self, phrase: Phrase) -> list[range]:
        """Where a phrase stands."""
        size = len(phrase)
        return [
            range(at, at + size)
            for at in range(len(self.words) - size + 1)
            if self.words[at] == phrase[0] and self.words[at : at + size] == phrase
        ]


def wording(question: str) -> Wording:
    """The words of a question; no words when there are too many."""
    text = question.lower()
    if len(text) > LONGEST * 14:
        return Wording((), ())
    for pattern, instead in _SHORT:
        text = pattern.sub(instead, text)
    raw = tuple(_WORD.findall(_QUOTED.sub(" ", text)))
    return Wording(raw, tuple(map(_single, raw))) if len(raw) <= LONGEST else Wording((), ())


def phrases(cues: str) -> tuple[Phrase, ...]:
    """The phrases of `one|another|two words`, longest first."""
    found = (tuple(map(_single, one.split())) for one in cues.split("|") if one.strip())
    return tuple(sorted(found, key=len, reverse=True))


def _single(word: str) -> str:
    return word if word in POSTGRES else singular(word)
