"""Writes a question with the meanings of its terms in their place: "the ACP of each type" → "the average closing ...".

A meaning can be worded in several ways; the engine takes the first wording that it can read whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, product

from postai.ask.grammar.notes import Definition
from postai.language.tokens import tokenize
from postai.language.vocabulary import FILLER
from postai.language.words import is_plural

_MOST = 6
_TAIL = re.compile(r",?\s+(?:of|for|who|that|which|where|with|in|from|during|when|on|at|by|across)\s+|,\s+")
_SAME = {"past": "last", "previous": "last", "every": "each", "per": "each", "inclusive": "including"}
_RANK = re.compile(r",?\s+(?:with|where)\s+(?:a\s+)?rank\s+(?:of\s+)?(?:1|one)\b.*$", re.IGNORECASE | re.DOTALL)
_ASKED = re.compile(
    r"\s*(?:please\s+|also\s+)*(?:return|show|give|list|display|include|provide|output|report)\b", re.IGNORECASE
)
_PER = re.compile(r"per\s+(day|week|month|quarter|year|hour)\s+(.+)", re.IGNORECASE | re.DOTALL)
_COUNT = re.compile(r"(?P<noun>[\w' -]+?)\s+counts?", re.IGNORECASE)
_SORTED = re.compile(r"\b((?:sort|order)(?:ed|ing)?)(?: the \w+| it| them)? by (?:the )?$", re.IGNORECASE)
_DIRECTED = re.compile(
    r"\s*,?\s*\(?(?:in )?(?:from )?(?:the )?(?:asc|desc|high|low|larg|small|great|big|most|least|best|worst|top)",
    re.IGNORECASE,
)
_SCOPE = re.compile(r"(?:cohort|overall|group)\s+(?=\w)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Wording:
    """The question in other words, and for people how its terms were read."""

    question: str
    notes: tuple[str, ...]


def defined_in(question: str, definitions: Iterable[Definition]) -> tuple[Definition, ...]:
    """The definitions whose terms the question uses, longest term first; a term that is defined twice counts once."""
    found: dict[str, Definition] = {}
    for definition in definitions:
        if any(_pattern(term).search(question) for term in definition.terms):
            found.setdefault(definition.terms[0].lower(), definition)
    return tuple(sorted(found.values(), key=lambda one: -len(one.terms[0])))


def wordings(question: str, definitions: tuple[Definition, ...]) -> Iterator[Wording]:
    """The question with each term replaced by a wording of its meaning, likeliest first."""
    choices = [tuple(_meanings(definition, question)) for definition in definitions]
    for chosen in islice(product(*choices), _MOST):
        text, notes = question, []
        for definition, meaning in zip(definitions, chosen, strict=True):
            text = _replaced(text, definition, meaning, len(definitions) == 1)
            notes.append(f'"{definition.terms[0]}" is read as "{meaning}"')
        yield Wording(text, tuple(notes))


def _pattern(term: str) -> re.Pattern[str]:
    """Acronyms match as they are written, other terms in any case and number."""
    acronym = sum(letter.isupper() for letter in term) >= 2 and " " not in term
    ending = r"(?:s)?" if term[-1:].isalpha() else ""
    return re.compile(rf"(?<![\w'\"]){re.escape(term)}{ending}(?![\w'\"])", 0 if acronym else re.IGNORECASE)


def spans(question: str, definition: Definition) -> list[tuple[int, int]]:
    """Where a question uses a term, last first."""
    found = {match.span() for term in definition.terms for match in _pattern(term).finditer(question)}
    return sorted(found, reverse=True)


def _meanings(definition: Definition, question: str) -> Iterable[str]:
    known = {_stem(token.lower, token.stem) for token in tokenize(question)}
    seen: list[str] = []
    for meaning in map(_lowered, definition.meanings):
        ratio = _ratio(meaning)
        for text in ratio or [meaning]:
            plain = re.sub(r"^(?:the|a|an)\s+", "", _RANK.sub("", text), flags=re.IGNORECASE)
            for wording in (*_shorter(plain, known), plain):
                seen += [one for one in _phrased(wording, question) if one not in seen]
    return seen


def _lowered(meaning: str) -> str:
    """Words of a meaning that is written As A Title."""
    words = re.findall(r"\b[A-Za-z][a-z']{3,}", meaning)
    titled = sum(word[0].isupper() for word in words)
    if len(words) < 2 or titled < 0.6 * len(words):
        return meaning
    return re.sub(r"(?<!['\"\w])[A-Z][a-z']+\b", lambda found: found[0].lower(), meaning)


def _stem(lower: str, stem: str) -> str:
    return _SAME.get(lower, stem)


def _shorter(meaning: str, known: set[str]) -> Iterable[str]:
    """The meaning without what the question says anyway."""
    for cut in _TAIL.finditer(meaning):
        tail = [token for token in tokenize(meaning[cut.end() :]) if token.kind != "symbol"]
        content = [_stem(token.lower, token.stem) for token in tail if token.lower not in FILLER]
        if cut.start() and content and set(content) <= known:
            yield meaning[: cut.start()]
            return


def _phrased(meaning: str, question: str) -> Iterable[str]:
    """Ways to say it that read well inside a question."""
    meaning = _SCOPE.sub("", meaning, count=1) if _SCOPE.match(meaning) else meaning
    per = _PER.fullmatch(meaning)
    if per:
        for inner in _phrased(per[2], question):
            things = is_plural(inner.split()[-1].lower()) and not inner.startswith("number of ")
            yield f"{'number of ' if things else ''}{inner} per {per[1]}"
        return
    counted = _COUNT.fullmatch(meaning)
    if counted:
        noun = counted["noun"]
        yield f"number of {noun if noun.endswith('s') else noun + 's'}"
        return
    total = re.match(r"total\s+(?:number\s+of\s+|count\s+of\s+)?(?=\w)", meaning, re.IGNORECASE)
    if total and re.search(r"\bhow many\s+\S+\b", question, re.IGNORECASE):
        yield meaning[total.end() :]
    yield meaning
    if total and not re.match(r"total\s+(?:number|count|amount|sum)\b", meaning, re.IGNORECASE):
        yield "number of " + meaning[total.end() :]


def _ratio(meaning: str) -> list[str]:
    """ "(A / B) * 100" in words; nothing when it is no plain quotient of two phrases."""
    text = meaning.strip()
    percent = re.search(r"\s*[*x×]\s*100(?:\.0+)?\s*%?\s*$", text) or re.match(r"100(?:\.0+)?\s*[*x×]\s*", text)
    if percent:
        text = (text[: percent.start()] + text[percent.end() :]).strip()
    while text.startswith("(") and text.endswith(")") and _closes_last(text):
        text = text[1:-1].strip()
    parts = re.split(r"\s+/\s+|\s+divided by\s+", text)
    if len(parts) != 2 or re.search(r"[-+*/()](?=\s|\w*\()|[()]", "".join(parts)):
        return []
    above, below = (re.sub(r"^(?:the|a|an)\s+", "", part.strip(), flags=re.IGNORECASE) for part in parts)
    return [f"ratio of {above} to {below}{', in percent,' if percent else ''}"]


def _closes_last(text: str) -> bool:
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return position == len(text) - 1
    return False


def _replaced(question: str, definition: Definition, meaning: str, alone: bool) -> str:
    """The term's first mention in its meaning; a later one in the list of what to return is left out."""
    found = spans(question, definition)
    first = found[-1]
    for low, high in found:
        sorted_by = _SORTED.search(question[:low]) if (low, high) != first else None
        if sorted_by is not None and alone:
            direction = "" if _DIRECTED.match(question[high:]) else " in ascending order"
            question = question[: sorted_by.start()] + sorted_by[1] + direction + question[high:]
            continue
        if (low, high) == first or not _in_list(question, low):
            question = question[:low] + meaning + question[high:]
        else:
            before = re.sub(r"(?:\s*,)?\s*(?:\band\b)?\s*(?:\bthe\b|\btheir\b|\bits\b)?\s*$", "", question[:low])
            question = before + question[high:]
    return question


def _in_list(question: str, at: int) -> bool:
    """Whether a later sentence names what to return, and names more than this."""
    begin = max(question.rfind(mark, 0, at) for mark in ".?!;")
    sentence = question[begin + 1 :]
    return begin > 0 and bool(_ASKED.match(sentence)) and bool(re.search(r",|\band\b", sentence))
