"""Names said in other forms ("enrollment number" of num_enrolled, "declared a major") and by the words of comments."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from postai.language.tokens import Token, tokenize
from postai.language.vocabulary import FILLER
from postai.language.words import stem

_ARTICLES = frozenset({"a", "an", "the", "of"})
_AUXILIARIES = frozenset(
    {"have", "has", "had", "been", "not", "never", "haven't", "hasn't", "are", "were", "was", "is"}
)
_LONGEST = 5
_CLAUSE = re.compile(r"(?i)\s*(?:the )?(?:total )?number of (\w+(?: \w+)? (?:who|that|which|given|used|made) .+)")
_TRAILING = re.compile(r"(?i)\s+(?:in|during|of|for|from|by|at|on|with) (?:the |a |an |this |each )?[\w-]+$")


@dataclass(frozen=True, slots=True)
class Phrase:
    """A column said in other forms of its words.

    Attributes:
        stems: of the column's words in their order.
        score: 0 to 1.
    """

    table: int
    column: str
    stems: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Match:
    """Where a phrase was found: the token behind it, the columns, and whether it is said as something done."""

    end: int
    found: tuple[Phrase, ...]
    act: bool = False
    counts: bool = False


class Phrases:
    """The phrases of one catalog, found by their stems."""

    def __init__(self) -> None:
        self._by_stems: dict[str, list[Phrase]] = defaultdict(list)
        self._clauses: dict[str, list[Phrase]] = defaultdict(list)
        self._stem: dict[str, str] = {}

    def _stems(self, words: Iterable[str]) -> tuple[str, ...]:
        found = []
        for word in words:
            known = self._stem.get(word)
            if known is None:
                known = self._stem[word] = stem(word)
            found.append(known)
        return tuple(found)

    def add(self, table: int, column: str, words: Sequence[str], score: float) -> None:
        """A column's words (two at least)."""
        if 2 <= len(words) <= _LONGEST:
            stems = self._stems(words)
            self._by_stems[" ".join(sorted(stems))].append(Phrase(table, column, stems, score))

    def add_comment(self, table: int, column: str, comment: str) -> None:
        """ "Number of students who found the exam hard.": the clause names the column, which holds such numbers."""
        said = _CLAUSE.match(re.split(r"[.;(]", comment, maxsplit=1)[0])
        if said is None:
            return
        clause = said.group(1).strip()
        for text in {clause, _TRAILING.sub("", clause)}:
            stems = self._stems(_content(tokenize(text)))
            if len(stems) >= 3:
                self._clauses[stems[0]].append(Phrase(table, column, stems, 0.95))

    def find(self, tokens: Sequence[Token], at: int) -> Match | None:
        """The longest phrase that begins at a token."""
        clause = self._clause(tokens, at)
        if clause is not None:
            return clause
        stems: list[str] = []
        article = False
        best: Match | None = None
        for end in range(at, min(len(tokens), at + _LONGEST + 2)):
            token = tokens[end]
            if token.kind not in ("word", "number"):
                break
            if stems and token.lower in _ARTICLES:
                article = True
                continue
            if token.lower in FILLER:
                break
            stems.append(token.stem)
            if len(stems) > 1 and (known := self._by_stems.get(" ".join(sorted(stems)))):
                ordered = tuple(phrase for phrase in known if phrase.stems == tuple(stems))
                act = _done(tokens[at]) and bool(ordered) and (article or _follows_auxiliary(tokens, at))
                if ordered or not article:
                    best = Match(end + 1, ordered or tuple(known), act)
        return best

    def _clause(self, tokens: Sequence[Token], at: int) -> Match | None:
        best: Match | None = None
        for phrase in self._clauses.get(tokens[at].stem, ()):
            end = _match(phrase.stems, tokens, at)
            if end is not None and (best is None or end > best.end):
                best = Match(end, (phrase,), counts=True)
            elif end is not None and best is not None and end == best.end:
                best = Match(end, (*best.found, phrase), counts=True)
        return best


def _match(stems: tuple[str, ...], tokens: Sequence[Token], at: int) -> int | None:
    position = 0
    for index in range(at, len(tokens)):
        token = tokens[index]
        if position < len(stems) and token.stem == stems[position]:
            position += 1
            if position == len(stems):
                return index + 1
        elif token.kind != "word" or token.lower not in FILLER:
            return None
    return None


def _content(tokens: Iterable[Token]) -> list[str]:
    return [token.lower for token in tokens if token.kind == "word" and token.lower not in FILLER]


def _done(token: Token) -> bool:
    return token.lower.endswith(("ed", "en", "ught", "ade"))


def _follows_auxiliary(tokens: Sequence[Token], at: int) -> bool:
    return at > 0 and tokens[at - 1].lower in _AUXILIARIES
