"""Many ways to say a wish, each turned into the one way that is read; the rules are data, see phrasings.txt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

from postai.design.ground import Ground
from postai.design.nouns import Noun, read_noun
from postai.design.things import table_by_name
from postai.design.wish_change import TYPES
from postai.errors import NotSure

MOST_TURNS = 6
"""Rewritings of one wish at most."""

_DET = r"(?:(?:an?|the|each|every|all|any|our|their|its|one|this)\s+)*"
_PIECES = {
    "DET": _DET,
    "T": rf"{_DET}(?:table\s+)?(?P<t>[\w\"]+(?: \w+)??)(?:\s+table)?",
    "T2": rf"{_DET}(?:table\s+)?(?P<t2>[\w\"]+(?: \w+)??)(?:\s+table)?",
    "C": rf"{_DET}(?:column\s+|field\s+)?(?P<c>[\w\"§.'’]+(?: (?!to\b|of\b)[\w\"§]+){{0,3}}?)(?:\s+column|\s+field)?",
    "CT": r"(?P<ct>[\w\"'’. ]+?)",
    "X": r"(?P<x>.+?)",
    "V": r"(?P<v>.+?)",
    "MUST": r"(?:must|should|shall|has to|have to|needs? to|ought to|may|can|is to|are to|will)",
    "GONE": r"(?:removed|dropped|deleted|thrown away|eliminated)",
    "ALLOWED": r"(?:allowed|possible|valid|permitted|accepted|acceptable)",
    "DEL": r"(?:deleted|removed|erased)",
    "KEEP": r"(?:keep|store|record|save|note|track|hold|remember|know|capture|see|register)",
    "COL": r"(?:field|column|attribute)",
    "PLAIN": r"(?:boolean|bool|integer|int|bigint|varchar|numeric|decimal|timestamptz|timestamp|jsonb|uuid|smallint)",
    "TYPE": TYPES,
}


@cache
def _rules() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    found = []
    for line in (resources.files(__package__) / "phrasings.txt").read_text("utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        pattern, _, rest = line.partition(" => ")
        template, _, holding = rest.partition(" ? ")
        pattern = re.sub(r"\{([A-Z]\w*)\}", lambda m: _PIECES[m[1]], pattern)
        found.append((re.compile(pattern, re.I), template, holding))
    return tuple(found)


_LISTED = re.compile(r"\[([^\]]+)\]")


def said_plainly(ground: Ground, wish: str) -> list[str]:
    """The wish in the words that are read; more than one where it says several things."""
    waiting, done = [(wish, 0)], []
    while waiting:
        text, turns = waiting.pop(0)
        turned = next(_turned(ground, text), None) if turns < MOST_TURNS else None
        if turned is None:
            done.append(text)
        else:
            waiting = [(one, turns + 1) for one in turned] + waiting
    return done


def _turned(ground: Ground, text: str) -> Iterator[list[str]]:
    for pattern, template, holding in _rules():
        found = pattern.match(text)
        if found is None:
            continue
        groups = {key: value or "" for key, value in found.groupdict().items()}
        said = _LISTED.sub(lambda m: ground.shelter.keep(f"one of {m[1]}"), template.format(**groups))
        made = [" ".join(one.split()) for one in said.split("|")]
        if made != [text] and all(_holds(ground, groups, one) for one in holding):
            yield made


def _holds(ground: Ground, groups: dict[str, str], what: str) -> bool:
    """Whether the words of a rule name what it needs; the letters are those of phrasings.txt."""
    table = table_by_name(ground, groups["t"]) if groups.get("t") else None
    noun = read_noun(groups.get({"n": "n", "m": "n", "i": "n", "d": "n", "c": "c"}.get(what, "x"), ""))
    if what == "t":
        return table is not None
    if what == "n":
        return noun is not None and not noun.plural and not _known(ground, groups["t"], noun)
    if what == "x":
        return noun is not None and not noun.plural and noun.quantity != "many"
    if what == "d":
        return noun is not None and noun.words in ground.candidates
    if what == "m":
        return noun is not None and not any(ground.find_column(one, noun.words) for one in ground.draft.tables.values())
    if what == "i":
        other = ground.find_table(noun)
        return bool(
            table and other and other is not table and not (table.keys_to(other.name) or other.keys_to(table.name))
        )
    if what in ("c", "e"):
        return noun is not None and table is not None and ground.key_or_column(table, noun) is not None
    try:
        return ground.place(groups["c" if what == "p" else "ct"]) is not None
    except NotSure:
        return True  # which is told where the wish is read


def _known(ground: Ground, table: str, noun: Noun) -> bool:
    holder = table_by_name(ground, table)
    return ground.find_table(noun) is not None or bool(holder and ground.find_column(holder, noun.words))
