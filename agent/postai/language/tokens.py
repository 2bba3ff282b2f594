"""Splits a question into tokens: words, numbers, dates, quoted text and punctuation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from postai.language.numbers import NUMBER_WORDS, ORDINAL_WORDS
from postai.language.words import singular, stem

TokenKind = Literal["word", "number", "ordinal", "date", "quoted", "symbol"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token of a question.

    Attributes:
        kind: what it is; a possessive 's is dropped and remembered in `possessive`.
        text: as written, without quotes.
        lower: lower case.
        noun: lower case, singular.
        stem: crude stem, for comparing "cancelled" with "cancellation".
        number: value of a number or ordinal.
        day: value of a date such as 2025-03-01.
        unit: "$" or "%" written against a number.
        possessive: "customer's".
        capital: written with a capital letter.
        start: offset in the question.
    """

    kind: TokenKind
    text: str
    lower: str
    noun: str
    stem: str
    number: Decimal | None = None
    day: date | None = None
    unit: str = ""
    possessive: bool = False
    capital: bool = False
    start: int = 0


_PATTERN = re.compile(
    r"""
    (?P<quoted>"[^"]*"|“[^”]*”|`[^`]*`|(?<![\w'])'(?=\S)[^']*(?:'(?=\w)[^']*)*'(?!\w))
  | (?P<date>\d{4}-\d{2}-\d{2})(?!\w)
  | (?P<ordinal>\d+)(?:st|nd|rd|th)\b
  | (?P<number>[$€£]?\d+(?:,\d{3})*(?:\.\d+)?(?![A-Za-z_\d])\s?(?:%|€)?)
  | (?P<word>[^\W_]+(?:\.[^\W\d_]+)*(?:['’](?:t|re|ve|ll|d|m)\b)?)(?P<possessive>['’]s?(?!\w))?
  | (?P<symbol><=|>=|<>|!=|==|[<>=?!.,;:()/&+*%$@#-])
    """,
    re.VERBOSE,
)

_SPELLING = {
    "no. of": "number of",
    "nr. of": "number of",
    "e-mail": "email",
    "e-mails": "emails",
    "o'clock": "oclock",
    "first and last name": "first name and last name",
    "first and last names": "first names and last names",
}
_SPELLED = re.compile(
    rf"\b(?:{'|'.join(map(re.escape, sorted(_SPELLING, key=len, reverse=True)))})(?!\w)", re.IGNORECASE
)
_PLAIN_WORDS = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)?")


def _plain(kind: TokenKind, text: str, start: int, **more: object) -> Token:
    lower = text.lower().replace("’", "'")
    return Token(kind, text, lower, singular(lower), stem(lower), start=start, **more)  # type: ignore[arg-type]


def _number(text: str, start: int) -> Token:
    unit = "".join(c for c in text if c in "$€£%")
    digits = re.sub(r"[^\d.]", "", text)
    unit = "%" if unit == "%" else ("$" if unit else "")
    return _plain("number", text, start, number=Decimal(digits), unit=unit)


def _word(text: str, start: int, possessive: bool) -> Token:
    lower = text.lower()
    if lower in NUMBER_WORDS:
        return _plain("number", text, start, number=Decimal(NUMBER_WORDS[lower]))
    if lower in ORDINAL_WORDS:
        return _plain("ordinal", text, start, number=Decimal(ORDINAL_WORDS[lower]))
    return _plain("word", text, start, possessive=possessive, capital=text[:1].isupper())


def tokenize(question: str) -> tuple[Token, ...]:
    """The tokens of a question, in order; characters that are none of them are left out."""
    question = _SPELLED.sub(lambda found: _SPELLING[found[0].lower()], question)
    tokens: list[Token] = []
    for match in _PATTERN.finditer(question):
        kind, start = match.lastgroup, match.start()
        text = match.group()
        if match.group("quoted"):
            tokens.append(_plain("quoted", text[1:-1], start))
        elif match.group("date"):
            tokens.append(_date(text, start))
        elif match.group("ordinal"):
            tokens.append(_plain("ordinal", text, start, number=Decimal(match.group("ordinal"))))
        elif match.group("number"):
            tokens.append(_number(text.strip(), start))
        elif match.group("word"):
            tokens.append(_word(match.group("word"), start, bool(match.group("possessive"))))
        elif kind == "symbol" and (text != "-" or _minus(question, start)):
            tokens.append(_plain("symbol", text, start))
    return tuple(tokens)


def _minus(question: str, start: int) -> bool:
    """Whether a dash stands alone between words or brackets: it may subtract. Between numbers it is a range."""
    before, after = question[:start], question[start + 1 :]
    if not before.endswith((" ", ")")) or not after.startswith((" ", "(")):
        return False
    return not (before.rstrip()[-1:].isdigit() and after.lstrip()[:1].isdigit())


def _date(text: str, start: int) -> Token:
    try:
        return _plain("date", text, start, day=date.fromisoformat(text))
    except ValueError:
        return _plain("word", text, start)


def key_of(text: str) -> str:
    """The words of a stored value or name as they are compared with a question's words: "in-person" → "in person"."""
    if _PLAIN_WORDS.fullmatch(text):
        return " ".join(map(singular, text.lower().split()))
    return " ".join(token.noun for token in tokenize(text) if token.kind != "symbol")
