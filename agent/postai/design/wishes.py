"""Reads wishes about a schema that is there: add, remove, rename, retype, move, allow; what it does not know is read as
a sentence that says what there is to be."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.discovering import discover
from postai.design.ground import Ground
from postai.design.reading import read_sentence
from postai.design.sentences import find_verb, sentences, words_of
from postai.design.wish_add import ADD, add, give, new_table
from postai.design.wish_change import allow, make, rename, retype, set_default
from postai.design.wish_key import foreign_key, index
from postai.design.wish_move import move
from postai.design.wish_remove import remove

_COMMAND = (
    "add|use|remove|drop|delete|rename|make|change|create|set|give|move|split|extract|allow|convert|turn|"
    "introduce|get rid|index|call|let|put|store|track|require|mark|ensure|enforce"
)
_SPLIT = re.compile(
    rf"\s*(?:,\s*(?:and\s+)?(?:then\s+|also\s+)?|\s+and\s+(?:then\s+|also\s+)?|\s+then\s+)(?=(?:{_COMMAND})\s)", re.I
)
_POLITE = re.compile(
    r"^(?:please|kindly|also|now|then|next|finally|in addition|additionally|furthermore|and|we (?:should|need to|"
    r"want to|would like to|have to|must)(?: also)?|i (?:want|need|would like)(?: you)? to|can you|could you|let "
    r"us|let's)\s*,?\s+",
    re.I,
)
_REQUIRE = re.compile(r"^(?:require|enforce|ensure|check)\s+(?:that\s+)?(?P<rest>.+)$", re.I)
_VERSA = re.compile(r",?\s+and\s+vice\s+versa$|,?\s+and\s+the other way (?:a)?round$", re.I)


def read_wishes(ground: Ground, text: str) -> None:
    """Read all wishes of a text, in order."""
    found = sentences(text)
    discover(ground, [one for one in found if not re.match(rf"(?:{_COMMAND})\b", _polite(one), re.I)])
    found = [part for sentence in found for part in _headed(sentence)]
    for sentence in found:
        for part in _SPLIT.split(sentence):
            wish = _polite(part.strip(" ,"))
            if wish:
                _read_wish(ground, wish)
        ground.settle_relations()


def _headed(sentence: str) -> list[str]:
    """ "Add milestones to projects: a milestone has a title" as two wishes."""
    found = re.match(r"^(?P<head>[^:§]+):\s+(?P<rest>.+)$", sentence)
    if found is None or find_verb(words_of(found["rest"])) is None:
        return [sentence]
    return (
        [found["head"], found["rest"]]
        if re.match(rf"(?:{_COMMAND})\b", _polite(found["head"]), re.I) and ADD.match(_polite(found["head"]))
        else [found["rest"]]
    )


def _polite(text: str) -> str:
    while found := _POLITE.match(text):
        text = text[found.end() :]
    return text


def _read_wish(ground: Ground, wish: str) -> None:
    for rule in (index, foreign_key, allow, rename, retype, make, set_default, move, new_table, remove, give, add):
        if rule(ground, wish):
            ground.understood += 1
            return
    if found := _REQUIRE.match(wish):
        wish = found["rest"]
    if _VERSA.search(wish):
        one = _VERSA.sub("", wish)
        before = len(ground.relations)
        read_sentence(ground, one, [])
        for relation in list(ground.relations[before:]):
            ground.relations.append(replace(relation, a=relation.b, b=relation.a, attributes=[], many=True))
        return
    read_sentence(ground, wish, [])
