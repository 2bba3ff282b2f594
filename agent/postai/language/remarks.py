"""What a comment says about a column's values: "Whether the product can be bought now", "null while it is open"."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from postai.language.codes import flag_values
from postai.language.schema import ColumnInfo, TableInfo
from postai.language.tokens import tokenize

_NEGATIONS = frozenset({"never", "not", "no", "without"})
_SUBJECTS = frozenset({"a", "an", "the", "this", "that", "it", "he", "she", "they", "we", "one", "is", "was", "are"})
_PASSING = frozenset({"now", "still", "yet", "ever", "currently", "already", "also", "any", "more"})
_POSSESSIVE = frozenset({"its", "his", "her", "their", "our", "the", "a", "an", "this", "these"})
_VAGUE = frozenset(
    {"given", "known", "unknown", "set", "used", "answer", "available", "missing", "specified", "there", "applicable"}
)
_HAVING = frozenset({"have", "has", "had", "been", "did", "do", "does"})
_SAME = tuple(
    frozenset(group.split())
    for group in ("expir end lapse", "agre agreed consent", "bought buy purchas order", "finish end")
)


@dataclass(frozen=True, slots=True)
class Remark:
    """A phrase of a comment that is true for a row exactly when a column has (or lacks) a value.

    Attributes:
        stems: stems of the phrase's words that a question must hold, in order.
        words: the same words as written.
        null: the column is NULL then; False = the flag is set then.
        negative: the phrase itself denies ("never logged in").
        told: a person said so for this question, so that "have logged in" means the opposite.
        yes: what is stored in the flag then.
    """

    table: int
    column: str
    stems: tuple[str, ...]
    words: tuple[str, ...]
    null: bool
    negative: bool
    told: bool = False
    yes: bool | int | str = True


# "Y if the customer agreed", "1 when delivery is blocked, else 0", "True for certified producers".
_SET = re.compile(
    r"(?i)\s*(?:(?:true|yes|y|1|t)['\"]?\s*(?:=|:|-)?\s*(?:if|when|where|for|means|marks|indicates)|whether(?: or not)?"
    r"|flag(?: set)? (?:if|when|for|of)|is set (?:if|when|for))\s+([^.;,]+)"
)
_SUBJECT = re.compile(
    r"(?i)\s*(?:the|a|an|this|that)\s+\w+\s+(?=\w)(?!of\b|in\b|on\b|for\b|with\b|is\b|was\b|and\b|or\b)"
)
_PASSIVE = re.compile(r"(?i)\b(?:is|are|was|were|been|be)\s+((?:\w+ly\s+)?\w+(?:ed|en|own|ught|ept|eld|ade|ld)\b.*)")
_ADDED = re.compile(r"(?i)\s+(?:by|from|in|at|through|with|within|during|on)\s+[\w -]+$")
_ELSE = re.compile(r"(?i)\s+(?:else|otherwise|and|or)\s+(?:'?(?:n|no|0|f|false)'?\b)")


def read_remarks(info: TableInfo) -> Iterable[Remark]:
    """The remarks in the comments of a table's columns."""
    for column in info.columns:
        comment = column.column.comment or ""
        flag = flag_values(column)
        if flag is not None:
            match = _SET.match(comment)
            if match:
                for phrase in _variants(_ELSE.split(match.group(1))[0]):
                    for remark in _remark(info, column, phrase, null=False):
                        yield replace(remark, yes=flag[0])
        elif not column.column.not_null:
            for match in re.finditer(r"(?i)\bnull\s+(?:when|while|if|until|as long as)\s+([^.;,]+)", comment):
                yield from _remark(info, column, match.group(1), null=True)


def _variants(phrase: str) -> Iterable[str]:
    """A clause about the rows, also without its subject, from its participle on, and without what only adds to it:
    "deliveries to the customer are blocked" → blocked; "the customer agreed to news by post" → agreed to news.
    """
    found = [phrase]
    if passive := _PASSIVE.search(phrase):
        found.append(passive.group(1))
    elif subject := _SUBJECT.match(phrase):
        found.append(phrase[subject.end() :])
    shorter = _ADDED.sub("", found[-1])
    if len(shorter.split()) > 1 or (passive and shorter):
        found.append(shorter)
    yield from dict.fromkeys(part.strip() for part in found)


def _remark(info: TableInfo, column: ColumnInfo, phrase: str, null: bool) -> Iterable[Remark]:
    tokens = [token for token in tokenize(phrase) if token.kind == "word"]
    while tokens and (tokens[0].lower in _SUBJECTS or tokens[0].noun == info.words[-1]):
        tokens = tokens[1:]
    negative = any(token.lower in _NEGATIONS for token in tokens)
    drop = _NEGATIONS | _PASSING | _POSSESSIVE | _HAVING
    kept = [token for token in tokens if token.lower not in drop and token.noun != info.words[-1]]
    while kept and kept[-1].lower in ("from", "at", "in", "to", "of") and len(kept) > 2:
        kept = kept[:-1]
    if not kept or (len(kept) == 1 and kept[0].lower in _VAGUE) or len(kept) > 6:
        return
    yield Remark(info.index, column.name, tuple(t.stem for t in kept), tuple(t.lower for t in kept), null, negative)


def same_stem(one: str, other: str) -> bool:
    """Whether two stems mean the same in such a phrase."""
    return one == other or any(one in group and other in group for group in _SAME)


def passes(word: str) -> bool:
    """Whether a lower-case word may stand between the words of a remark."""
    return word in _PASSING or word in _POSSESSIVE or word in _HAVING


def told_remark(info: TableInfo, column: ColumnInfo, phrase: str) -> Iterable[Remark]:
    """The remark, made by a person, that a column is NULL for rows of which the phrase is true."""
    for remark in _remark(info, column, phrase, null=True):
        yield replace(remark, told=True)
