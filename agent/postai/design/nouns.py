"""Noun phrases of a description, and the names that tables and columns get from them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from postai.language.word_set import word_set
from postai.language.words import singular as plain_singular

Quantity = Literal["one", "many", ""]

_PLURALS = {
    "person": "people", "child": "children", "man": "men", "woman": "women", "staff": "staff", "series": "series",
    "species": "species", "news": "news", "equipment": "equipment", "media": "media", "data": "data", "leaf": "leaves",
    "shelf": "shelves", "life": "lives", "criterion": "criteria", "analysis": "analyses", "inventory": "inventory",
    "diagnosis": "diagnoses", "calorie": "calories",
    "thesis": "theses", "hypothesis": "hypotheses", "crisis": "crises", "oasis": "oases",
    "quiz": "quizzes", "hero": "heroes", "stock": "stock", "feedback": "feedback",
    "half": "halves", "knife": "knives", "wolf": "wolves", "axis": "axes", "index": "indexes", "mouse": "mice",
    "foot": "feet", "aircraft": "aircraft", "spacecraft": "spacecraft", "sheep": "sheep", "fish": "fish",
    "offspring": "offspring", "personnel": "personnel", "software": "software",
    "hardware": "hardware", "luggage": "luggage",
    "furniture": "furniture", "homework": "homework",
}  # fmt: skip
_SINGULARS = {plural: one for one, plural in _PLURALS.items()} | {
    "expenses": "expense", "clauses": "clause", "databases": "database", "buses": "bus", "classes": "class",
    "glasses": "glass", "gases": "gas", "viruses": "virus", "campuses": "campus", "horses": "horse",
    "exercises": "exercise", "purposes": "purpose", "diseases": "disease", "vases": "vase", "noses": "nose",
    "roses": "rose", "movies": "movie", "cookies": "cookie", "ties": "tie", "does": "does", "premises": "premise",
    "aliases": "alias", "canvases": "canvas", "bonuses": "bonus", "lenses": "lens", "senses": "sense",
    "axes": "axis", "caches": "cache", "niches": "niche", "indices": "index", "archives": "archive",
}  # fmt: skip

ONE = (
    r"exactly one|only one|just one|precisely one|at most one|at most 1|up to one|zero or one|no more than one|"
    r"one and only one|a single|one|1"
)
MANY = (
    r"one or more|zero or more|at least (?:two|three|2|3)|at least one|any number of|a number of|a list of|a set "
    r"of|a collection of|lots of|a "
    r"lot of"
    r"|more than one|multiple|several|many|various|numerous|different|a few|some|multiple different|two or more|"
    r"all kinds of|an? (?:chain|network|fleet|group|range|pool|catalogue|catalog|register|registry|directory|"
    r"handful|couple|variety|"
    r"sequence|series|certain number|large number|small number|unlimited number|arbitrary number) of"
    r"|two|three|four|five|ten"
)
_QUANTITY = re.compile(
    rf"^(?:(?P<many>{MANY})|(?P<one>{ONE}))\b\s*(?:of\s+(?:the\s+|these\s+|those\s+|its\s+|their\s+|our\s+)?)?", re.I
)
_COUNTED = frozenset({"two", "three", "four", "five", "ten"})
_DETERMINERS = re.compile(
    r"^(?:the|a|an|each|every|any|its|their|his|her|our|your|my|this|that|these|those|another|other|all|both|also|"
    r"either|new|no|such|own|certain|"
    r"respective|corresponding|following|individual|single|given|particular|specific|existing|per|different|then|"
    r"as well as|plus|and|or|even|current)\s+",
    re.I,
)
_FLAGS = re.compile(
    r"^(?P<flag>optionally|possibly|perhaps|maybe|sometimes|optional|required|mandatory|unique|distinct|compulsory|"
    r"obligatory|nullable|non-?empty|not null)(?:\s*"
    r"(?:,|and|but)\s*|\s+)",
    re.I,
)
OPTIONAL_FLAGS = frozenset({"optional", "nullable", "optionally", "possibly", "perhaps", "maybe", "sometimes"})
UNIQUE_FLAGS = frozenset({"unique", "distinct"})

_RESERVED = word_set("""
    all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create
    current_date current_role current_time current_timestamp current_user default deferrable desc distinct do
    else end except false fetch for foreign from grant group having in initially intersect into lateral leading
    limit localtime localtimestamp not null offset on only or order placing primary references returning select
    session_user some symmetric table then to trailing true union unique user using variadic when where window
    with left right like
    """)
"""Words that no column is called, as they would always have to be quoted."""

_UNCOUNTED = word_set(
    "status address news series species bus business process access class analysis basis bonus campus gas lens is "
    "this its was has less address progress success loss pass press gross boss cross mass dress yes us plus minus "
    "previous always details"
)


@dataclass(frozen=True)
class Noun:
    """A noun phrase.

    Attributes:
        words: lower case, the last one singular.
        plural: written as a plural.
        quantity: how many are meant, where that is said.
        flags: adjectives that are rules: unique, optional, required.
        definite: begins with a, an, the, each, every.
    """

    words: tuple[str, ...]
    plural: bool = False
    quantity: Quantity = ""
    flags: frozenset[str] = frozenset()
    determiner: str = ""

    @property
    def head(self) -> str:
        """The last word."""
        return self.words[-1]

    @property
    def name(self) -> str:
        """The words as one identifier."""
        return "_".join(self.words)


def singular(word: str) -> str:
    """The singular of a lower-case noun."""
    if word in _SINGULARS:
        return _SINGULARS[word]
    if word in _UNCOUNTED:
        return word
    if word.endswith("sses"):
        return word[:-2]
    if re.search(r"(?:us|ax|ox|ix|ex)es$", word) and not word.endswith(("uses", "axes")):
        return word[:-2]
    return plain_singular(word)


def plural(word: str) -> str:
    """The plural of a lower-case singular noun."""
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        return word[:-1] + "ies"
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("man") and word not in ("human", "german", "roman"):
        return word[:-3] + "men"
    return word + "s"


def is_plural(word: str) -> bool:
    """Whether a lower-case noun is written as a plural."""
    return singular(word) != word or (word in _PLURALS.values() and word in ("people", "children", "data", "media"))


def read_noun(text: str) -> Noun | None:
    """The noun phrase that a text is, without its article; None where it holds no word."""
    rest, quantity, flags, determiner = text.strip(" ,.;:\"'"), "", set(), ""
    while True:
        found = _QUANTITY.match(rest)
        if found and found[0].strip().lower() in _COUNTED and not is_plural(rest.split()[-1].lower()):
            found = None  # "two letter code"
        if found:
            quantity = quantity or ("many" if found["many"] else "one")
        elif found := _FLAGS.match(rest + " "):
            flags.add(found["flag"].lower())
        elif found := _DETERMINERS.match(rest):
            determiner = determiner or found[0].strip().lower()
        else:
            break
        rest = rest[found.end() :].strip(" ,")
    words = [one for one in re.split(r"[^\w§]+", rest.replace("'s", "").replace("’s", "")) if one and "§" not in one]
    if not words:
        return None
    lowered = [split for one in words for split in _words_of(one)]
    many = is_plural(lowered[-1])
    lowered[-1] = singular(lowered[-1])
    return Noun(tuple(lowered), many, quantity, frozenset(flags), determiner)  # type: ignore[arg-type]


def _words_of(text: str) -> list[str]:
    """Words of something that may be written as an identifier: orderItem, order_item, SKU."""
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", text).lower().split("_")
    return [one for one in parts if one]


def table_name(words: tuple[str, ...]) -> str:
    """The plural snake_case name of a table."""
    last = "persons" if len(words) > 1 and words[-1] == "person" else plural(words[-1])
    return "_".join((*words[:-1], last))[:63]


def column_name(words: tuple[str, ...], entity: tuple[str, ...]) -> str:
    """A snake_case name of a column that need not be quoted."""
    name = "_".join(words)[:63]
    name = re.sub(r"[^a-z0-9_]", "", name)
    if not name or name[0].isdigit():
        name = f"{entity[-1]}_{name}".rstrip("_")
    return f"{entity[-1]}_{name}" if name in _RESERVED else name
