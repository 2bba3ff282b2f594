"""Weighs the phrases behind a verb: which of them name things with rows of their own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from postai.design.frames.arguments import alias_of
from postai.design.frames.binding import Group, Values
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import VerbGroup
from postai.design.frames.names import COUNTED, LOOSE, MASS, Names, Words
from postai.design.frames.phrases import Item, items_of
from postai.design.frames.tokens import Tokens
from postai.design.kinds import is_person, is_unit, is_value
from postai.design.nouns import Noun, is_plural, read_noun
from postai.language.word_set import word_set


@dataclass
class _Phrase:
    """A phrase behind a verb, and what decides about it.

    Attributes:
        noun: of what is weighed: "boxes" of "boxes of a game".
        low: its tokens in lower case.
        have: whether the verb says what something has or what is stored.
        us, system: whether we, or those who keep the data, are the subject.
        value: whether its words name a value rather than a thing.
    """

    item: Item
    clause: Clause
    verb: VerbGroup
    noun: Noun
    low: Tokens
    have: bool
    us: bool
    system: bool
    value: bool = False

    @property
    def words(self) -> Words:
        return self.noun.words


_STORED = ("have", "include", "contain", "keep", "store", "note", "record", "need", "list", "say")


def weigh_item(item: Item, clause: Clause, names: Names, score: Counter[Words], *, us: bool, system: bool) -> None:
    """Add to the score of what a phrase names, or note it as a value."""
    noun, verb = item.noun, clause.verb
    if noun is None or verb is None or (len(noun.words) > 1 and noun.words[0] in _NEWEST):
        return
    have = not (verb.passive and list(clause.rest[:1]) not in (["with"], ["by"])) and verb.lemma in _STORED
    one = _Phrase(item, clause, verb, noun, [word.lower() for word in item.core], have, us, system)
    _part_of(one, score)
    if _passed_over(one, names, score):
        return
    one.value = _is_value(one)
    if _told_behind(one, names, score) or _of_persons(one, score):
        return
    if _stored_each(one, names, score) or _of_other(one, names, score):
        return
    _plainly(one, names, score)


_NEWEST = ("latest", "newest", "recent", "last")


def _part_of(one: _Phrase, score: Counter[Words]) -> None:
    """ "Several boxes of a game": the boxes are meant."""
    words = one.words
    if "of" not in words or words.index("of") == 0:
        return
    at = words.index("of")
    if (one.low[0] != "the" and one.noun.quantity == "many") or (
        one.us and at == 1 and any(word.endswith("s") for word in one.low[:at])
    ):
        front = read_noun(" ".join(one.low[: one.low.index("of")]))
        if front and not is_value(front.words):
            score[front.words] += 2
            one.noun = front


def _passed_over(one: _Phrase, names: Names, score: Counter[Words]) -> bool:
    """What names nothing, or one of several values; "of one kind" names a thing at once."""
    item, verb, words, low = one.item, one.verb, one.words, one.low
    if item.lead == "in" and verb.passive and one.noun.plural and words[-1] in _MANNER:
        return True
    if (words[-1].endswith("ing") and low[0] == "one") or words[-1] in ("away", "home", "against"):
        return True
    if low[0] == "at" and words[-1] in ("person", "people", "guest"):
        return True
    again = verb.lemma in (words[-1], words[-1][:-2], words[-1][:-1])
    if not one.have and one.clause.subject and again and "other" in [word.lower() for word in one.clause.rest]:
        return True
    if any(isinstance(word, Values) for mod in item.mods for word in mod):
        names.values.add(words)
        return True
    if item.lead and one.noun.quantity == "one" and words[-1] in _SORTS and not one.have and low[0] in _ONE:
        score[words] += 5
        return True
    return False


_ONE = ("one", "exactly")


def _is_value(one: _Phrase) -> bool:
    noun, words = one.noun, one.words
    few = one.verb.lemma in ("get", "collect", "score")
    several = noun.plural and noun.quantity == "many" and not one.us and not few
    return (
        (is_value(words) and words[-1] not in COUNTED and not several)
        or words[-1] in MASS
        or is_unit(words[-1])
        or words[-2:] == ("time", "slot")
    )


def _told_behind(one: _Phrase, names: Names, score: Counter[Words]) -> bool:
    """What stands behind a phrase decides: "who are persons", "each with a title"."""
    item, noun, words = one.item, one.noun, one.words
    if found := alias_of(item):
        score[found.words] += 0 if is_value(found.words) else 2
        return True
    names.values.update(each.noun.words for each in item.each if each.noun is not None and not each.noun.plural)
    if item.each:
        score[words] += 3 if noun.plural or noun.quantity else 0
        return True
    if one.low[0] == "the" and item.lead == "for" and one.verb.passive and one.verb.may:
        return True
    if one.have and words[-1] in ("comment", "remark", "note", "instruction", "detail", "point"):
        names.values.add(words)
        return True
    whole = one.verb.lemma in ("consist", "have") and item.lead in ("of", "")
    if whole and noun.plural and not noun.quantity and "with" in one.clause.rest:
        score[words] += 4
        names.defined.add(words)
        return True
    return False


def _of_persons(one: _Phrase, score: Counter[Words]) -> bool:
    """ "A house has an owner": somebody; what else a thing has behind a preposition says nothing."""
    words, low, item = one.words, one.low, one.item
    if one.have and not one.us:
        if not item.lead and low[0] in ("a", "an", "one") and len(words) == 1 and words[0] in _PERSONS:
            score[words] += 2
            return True
        if item.lead:
            return True
    return False


def _stored_each(one: _Phrase, names: Names, score: Counter[Words]) -> bool:
    """ "We store every visit", "for a visit we note the doctor", "games (title, year)"."""
    item, words, low = one.item, one.words, one.low
    if one.us and low[0] in ("every", "each") and not item.lead and not is_unit(words[0]):
        front = one.noun if "of" not in words else read_noun(" ".join(words[: words.index("of")]))
        if front is not None and front.words[-1] not in MASS and one.verb.lemma not in ("need", "want"):
            score[front.words] += 3
            return True
    if one.us and low[0] == "the" and is_person(words) and one.clause.lead and len(words) == 1:
        score[words] += 2
        return True
    listed = any(
        isinstance(mod[0], Group) and "," in mod[0].inner and not hasattr(mod[0], "values") for mod in item.mods
    )
    if one.noun.plural and listed:
        score[words] += 4
        return True
    return words[-1] in names.selves or "same" in low


def _of_other(one: _Phrase, names: Names, score: Counter[Words]) -> bool:
    """ "The name of a boat": a value, and a hint of what it is of."""
    words, low = one.words, one.low
    if "of" not in words or one.noun.quantity:
        return False
    front = read_noun(" ".join(words[: words.index("of")]))
    several = is_plural(low[low.index("of") - 1]) if "of" in low[1:] else False
    if (
        front
        and not one.have
        and front.words[-1] not in LOOSE | MASS
        and ((several and not one.us) or (one.item.lead and not is_value(front.words)))
    ):
        score[front.words] += 2
    elif (one.us and "each" in words) or "every" in words:
        rest = tuple(word for word in words[words.index("of") + 1 :] if word not in ("each", "every"))
        if rest:
            score[rest] += 3
    names.values.add(words)
    return True


_EXACT = word_set("one exactly several many multiple any at only two zero just various different some up")


def _plainly(one: _Phrase, names: Names, score: Counter[Words]) -> None:
    """By its article, its number and the preposition before it."""
    item, noun, words, low, have, us = one.item, one.noun, one.words, one.low, one.have, one.us
    exact = low[0] in _EXACT or "more" in low[:4]
    told = low[0] in ("a", "an", "another", "its") or (low[0] == "the" and words not in names.values)
    if item.lead == "by" and not one.value:
        score[words] += 2
    elif exact and not one.value and noun.quantity:
        score[words] += 3
    elif not have and not one.value and (noun.plural or told) and words[-1] not in LOOSE and not us:
        led = item.lead and item.lead != "with" and low[0] != "the"
        score[words] += 2 if is_person(words) or led or noun.plural or low[0] == "another" else 1
    elif us and low[0] in ("every", "each") and not one.value and not item.lead:
        score[words] += 3
    elif (
        (one.system or us) and noun.plural and not one.value and one.verb.lemma not in ("note", "record", "log", "need")
    ):
        score[words] += 2
    elif have and noun.plural and not one.value and low[0] != "the" and len(items_of(list(one.clause.rest))) <= 2:
        score[words] += 2 if one.verb.lemma == "have" and not item.mods else 1
    elif not score[words]:
        names.values.add(words)


_MANNER = word_set("part instalment installment step piece portion batch way time go round")

_PERSONS = word_set(
    "customer client user employee member student teacher patient doctor driver supplier author instructor guest"
)

_SORTS = word_set("type kind category class group level language country city genre brand topic")
