"""Weighs the phrases behind a verb: which of them name things with rows of their own."""

from __future__ import annotations

from collections import Counter

from postai.design.frames.arguments import alias_of
from postai.design.frames.binding import Group, Values
from postai.design.frames.clauses import Clause
from postai.design.frames.names import COUNTED, LOOSE, MASS, Names, Words
from postai.design.frames.phrases import Item, items_of
from postai.design.kinds import is_person, is_unit, is_value
from postai.design.nouns import is_plural, read_noun
from postai.language.word_set import word_set


def weigh_item(item: Item, clause: Clause, names: Names, score: Counter[Words], *, us: bool, system: bool) -> None:
    noun = item.noun
    if noun is None:
        return
    assert clause.verb is not None
    low = [one.lower() for one in item.core]
    words = noun.words
    if words[0] in ("latest", "newest", "recent", "last") and len(words) > 1:
        return
    have = not (clause.verb.passive and list(clause.rest[:1]) not in (["with"], ["by"])) and clause.verb.lemma in (
        "have",
        "include",
        "contain",
        "keep",
        "store",
        "note",
        "record",
        "need",
        "list",
        "say",
    )
    if "of" in words and words.index("of") > 0:
        # "boxes of a game", "exhibits of a museum"
        at = words.index("of")
        behind = read_noun(" ".join(words[at + 1 :]))
        if (low[0] not in ("the",) and noun.quantity == "many") or (
            us and at == 1 and any(one.endswith("s") for one in low[:at])
        ):
            front = read_noun(" ".join(low[: low.index("of")]))
            if front and not is_value(front.words):
                score[front.words] += 2
                words, noun = front.words, front
        if behind and not is_value(behind.words) and behind.words[-1] not in MASS and words != noun.words:
            score[behind.words] += 1
    if item.lead == "in" and clause.verb.passive and noun.plural and words[-1] in _MANNER:
        return
    if (words[-1].endswith("ing") and low[0] == "one") or words[-1] in ("away", "home", "against"):
        return
    if low[0] == "at" and words[-1] in ("person", "people", "guest"):
        return
    if (
        not have
        and clause.subject
        and clause.verb.lemma in (words[-1], words[-1][:-2], words[-1][:-1])
        and "other" in [one.lower() for one in clause.rest]
    ):
        return
    if any(isinstance(one, Values) for mod in item.mods for one in mod):
        names.values.add(words)
        return
    if item.lead and noun.quantity == "one" and words[-1] in _SORTS and not have and low[0] in ("one", "exactly"):
        score[words] += 5
        return
    several = (
        noun.plural and noun.quantity == "many" and not us and clause.verb.lemma not in ("get", "collect", "score")
    )
    value = (
        (is_value(words) and words[-1] not in COUNTED and not several)
        or words[-1] in MASS
        or is_unit(words[-1])
        or words[-2:] == ("time", "slot")
    )
    if found := alias_of(item):
        score[found.words] += 0 if is_value(found.words) else 2
        return
    for each in item.each:
        if each.noun is not None and not each.noun.plural:
            names.values.add(each.noun.words)
    if item.each:
        score[words] += 3 if noun.plural or noun.quantity else 0
        return
    if low[0] == "the" and item.lead == "for" and clause.verb.passive and clause.verb.may:
        return
    if have and words[-1] in ("comment", "remark", "note", "instruction", "detail", "point"):
        names.values.add(words)
        return
    if (
        clause.verb.lemma in ("consist", "have")
        and noun.plural
        and not noun.quantity
        and "with" in clause.rest
        and (item.lead == "of" or not item.lead)
    ):
        score[words] += 4
        names.defined.add(words)
        return
    if have and not us and not item.lead and low[0] in ("a", "an", "one") and len(words) == 1 and words[0] in _PERSONS:
        score[words] += 2
        return
    if have and item.lead and not us:
        return
    exact = (
        low[0]
        in (
            "one",
            "exactly",
            "several",
            "many",
            "multiple",
            "any",
            "at",
            "only",
            "two",
            "zero",
            "just",
            "various",
            "different",
            "some",
            "up",
        )
        or "more" in low[:4]
    )
    if us and low[0] in ("every", "each") and not item.lead and not is_unit(words[0]):
        front = noun if "of" not in words else read_noun(" ".join(words[: words.index("of")]))
        if front is not None and front.words[-1] not in MASS and clause.verb.lemma not in ("need", "want"):
            score[front.words] += 3
            return
    if us and low[0] == "the" and is_person(words) and clause.lead and len(words) == 1:
        score[words] += 2
        return
    if noun.plural and any(
        isinstance(mod[0], Group) and "," in mod[0].inner and not hasattr(mod[0], "values") for mod in item.mods
    ):
        score[words] += 4
        return
    if words[-1] in names.selves or "same" in low:
        return
    if "of" in words and not noun.quantity:
        front = read_noun(" ".join(words[: words.index("of")]))
        several = is_plural(low[low.index("of") - 1]) if "of" in low[1:] else False
        if (
            front
            and not have
            and front.words[-1] not in LOOSE | MASS
            and ((several and not us) or (item.lead and not is_value(front.words)))
        ):
            score[front.words] += 2
        elif (us and "each" in words) or "every" in words:
            rest = tuple(one for one in words[words.index("of") + 1 :] if one not in ("each", "every"))
            if rest:
                score[rest] += 3
        names.values.add(words)
        return
    if item.lead and item.lead in ("by",) and not value:
        score[words] += 2
    elif exact and not value and noun.quantity:
        score[words] += 3
    elif (
        not have
        and not value
        and (
            noun.plural or (low[0] in ("a", "an", "another", "its") or (low[0] == "the" and words not in names.values))
        )
        and (words[-1] not in LOOSE)
        and not us
    ):
        score[words] += (
            2
            if is_person(words)
            or (item.lead and item.lead != "with" and low[0] != "the")
            or noun.plural
            or low[0] == "another"
            else 1
        )
    elif us and low[0] in ("every", "each") and not value and not item.lead:
        score[words] += 3
    elif (system or us) and noun.plural and not value and clause.verb.lemma not in ("note", "record", "log", "need"):
        score[words] += 2
    elif have and noun.plural and not value and low[0] not in ("the",) and len(items_of(list(clause.rest))) <= 2:
        score[words] += 2 if clause.verb.lemma == "have" and not item.mods else 1
    elif not score[words]:
        names.values.add(words)


_MANNER = word_set("part instalment installment step piece portion batch way time go round")

_PERSONS = word_set(
    "customer client user employee member student teacher patient doctor driver supplier author instructor guest"
)

_SORTS = word_set("type kind category class group level language country city genre brand topic")
