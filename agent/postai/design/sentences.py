"""Sentences and clauses: where a text falls into statements of their own, and where the verb of each stands."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postai.design.nouns import is_plural
from postai.design.verbs import RELATIVE, Verb, find_verb, verb_first

LONGEST_SENTENCE = 1_000
"""Characters of one sentence, brackets and quotes apart; what is longer would take too long to read."""


@dataclass(frozen=True)
class Clause:
    """A statement: what stands before its verb, the verb, what stands behind.

    Attributes:
        text: all of it.
        inherited: whether the subject was said in a clause before.
    """

    text: str
    subject: str
    verb: Verb | None
    rest: str
    inherited: bool = False


def sentences(text: str) -> list[str]:
    """The sentences of a text whose brackets were put aside."""
    text = re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", ". ", text, flags=re.M)
    text = re.sub(r":\s*(?:\.\s*)?\n", ": ", text)
    parts = re.split(r"[.!?](?=\s|$)|;|\n\s*\n|\n(?=\s*[A-Z§])|\s+-\s+(?=(?:each|every|an?)\b)", text)
    return [" ".join(one.split()).strip(" ,") for one in parts if one.strip(" ,.:-\n\t")]


def words_of(text: str) -> list[str]:
    """The words of a text, commas as words of their own."""
    return re.findall(r",|[^\s,]+", text)


def clauses(sentence: str, nouns: frozenset[str]) -> list[Clause]:
    """The statements of a sentence; a part without verb belongs to the one before it."""
    words = words_of(sentence)
    starts = [0]
    for at, word in enumerate(words):
        if at == 0 or (word != "," and word.lower() not in ("and", "but", "so")):
            continue
        following = [one for one in words[at + 1 :]]
        while following and following[0].lower() in ("and", "but", "then", "also", "so"):
            following = following[1:]
        part = words[starts[-1] : at]
        while part and part[0].lower() in (",", "and", "but", "then", "so", "also"):
            part = part[1:]
        relative = [one for one, each in enumerate(part) if each.lower() in ("which", "that", "who")]
        said = find_verb(part, nouns) or find_verb(["§subject", *part], nouns)
        if (
            following
            and not (
                relative
                and said is not None
                and relative[-1] >= said[1]
                and "," not in part[relative[-1] :]
                and word != ","
                and following[0].lower() in ("is", "are", "must", "can", "may", "cannot", "has", "never")
            )
            and said is not None
            and _begins(following, nouns, many=_many(" ".join(part[: said[0]]) if said else ""))
            and not (words[at - 1] == "," and at - 1 in starts)
        ):
            starts.append(at)
    found: list[Clause] = []
    subject = ""
    for begin, end in zip(starts, [*starts[1:], len(words)], strict=True):
        part = words[begin:end]
        while part and part[0].lower() in (",", "and", "but", "then", "so"):
            part = part[1:]
        if part and part[0].lower() == "also":
            part = part[1:]
        while part and part[-1] in (",",):
            part = part[:-1]
        if not part:
            continue
        verb = (
            find_verb(["§subject", *part], nouns)
            if verb_first(part, nouns, many=_many(subject)) and begin > 0
            else None
        )
        if verb is not None and verb[0] == 1 and subject:
            found.append(Clause(_join(part), subject, verb[2], _join(part[verb[1] - 1 :]), inherited=True))
            continue
        own = find_verb(part, nouns)
        if own is None:
            found.append(Clause(_join(part), "", None, _join(part)))
            continue
        subject = _join(part[: own[0]])
        found.append(Clause(_join(part), subject, own[2], _join(part[own[1] :])))
    return found


def _many(subject: str) -> bool:
    words = subject.lower().split()
    return bool(words) and is_plural(words[-1])


def _begins(words: list[str], nouns: frozenset[str], *, many: bool) -> bool:
    """Whether these words begin a statement of their own, with or without a subject."""
    if words[0].lower() in RELATIVE or words[0].lower() in ("with", "or"):
        return False
    moment = [one for one in (each.lower() for each in words[:4]) if one not in ("the", "a", "an")]
    if (
        len(moment) > 1
        and moment[0] in ("time", "date", "day", "moment", "timestamp")
        and moment[1] in ("it", "they", "when", "at", "on", "he", "she")
    ):
        return False
    if verb_first(words, nouns, many=many):
        return len(words) > 1 and words[1].lower() not in (",", "and", "or", "with")
    head: list[str] = []
    for word in words[:9]:
        if word == "," or word.lower() in ("and", "or", *RELATIVE) or (word.lower() == "with"):
            break
        head.append(word)
    rest = words[len(head) :]
    found = find_verb([*head, *rest[:1]], nouns)
    return found is not None and found[0] < len(head) and found[0] >= 1


def _join(words: list[str]) -> str:
    return " ".join(words).replace(" ,", ",")
