"""Which nouns of a description are things with rows of their own, and which name the same one."""

from __future__ import annotations

import re
from collections import Counter

from postai.design.frames.arguments import clause_items, notation, subject_noun, words_of
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import US, VerbGroup, is_word
from postai.design.frames.names import MASS, PRONOUNS, Names, Words
from postai.design.frames.phrases import items_of, read_item
from postai.design.frames.tokens import Tokens, text_of
from postai.design.frames.weighing import weigh_item
from postai.design.kinds import is_person, is_value
from postai.design.nouns import Noun, read_noun, singular
from postai.design.relations import NOMINALS
from postai.language.word_set import word_set


def discover(clauses: list[Clause]) -> Names:
    """The things of a description."""
    names = Names()
    score: Counter[Words] = Counter()
    kept = systems(clauses)
    for clause in clauses:
        noun = subject_noun(list(clause.subject))
        if (
            noun is not None
            and clause.verb is not None
            and "other" in clause.rest
            and noun.head in [singular(one.lower()) for one in clause.rest]
        ):
            names.selves.update(
                {form: noun.words for form in (clause.verb.lemma, clause.verb.lemma + "er", clause.verb.lemma + "or")}
            )
    for number, clause in enumerate(clauses):
        _of_clause(clause, names, score, keeps=number in kept)
    found = {one for one, value in score.items() if value >= 2 and one[-1].isalpha()}
    for one in list(found):
        if one in names.values and one not in names.defined and score[one] < 4 and is_value(one):
            found.discard(one)
    _canonical(names, found)
    return names


def _of_clause(clause: Clause, names: Names, score: Counter[Words], *, keeps: bool) -> None:
    listed = notation(clause)
    for told, inner in listed:
        score[told.words] += 5
        if inner:
            names.defined.add(told.words)
            names.values.update(item.noun.words for item in items_of(inner) if item.noun)
    if clause.verb is None and not listed:
        _bare_list(clause, names, score)
    if listed or clause.verb is None:
        return
    verb = clause.verb
    noun = subject_noun(list(clause.subject))
    low = clause.subject[0].lower() if clause.subject else ""
    also = re.match(r"(?P<z>[a-z]+(?: [a-z]+)?s|people) with ", text_of(list(clause.rest)))
    if verb.lemma == "be" and noun is not None and noun.plural and also:
        target = read_noun(also["z"])
        words = noun.words if target is None or target.words == ("person",) else target.words
        score[words] += 5
        names.defined.add(words)
        return
    if "together" in clause.subject:
        return
    us = not clause.subject or low in US or (low in PRONOUNS and len(clause.subject) == 1) or low in ("there", "who")
    rest = list(clause.rest)
    stored = bool(
        verb.passive
        and verb.lemma in ("store", "record", "log", "keep", "save")
        and rest[:1]
        and rest[0].lower() == "as"
    )
    if stored and (named := read_item(rest[1:]).noun) is not None:
        score[named.words] += 3
        return
    if noun is not None and not us and not keeps:
        _weigh_subject(clause, clause.verb, noun, names, score)
    if verb.passive and verb.lemma == "number":
        names.values.add(("number",))
    if verb.lemma not in ("be", "have", "belong") and not verb.passive and noun is not None and noun.plural:
        names.deeds.update((verb.lemma, *NOMINALS.get(verb.lemma, "").split()))
    for item in clause_items(clause):
        weigh_item(item, clause, names, score, us=us, system=noun is not None and not us and keeps)
    if clause.lead and clause.lead[0].lower() in ("for", "per", "at", "in", "with") and clause.lead[1:]:
        _weigh_lead(list(clause.lead[1:]), score)


def _weigh_subject(clause: Clause, verb: VerbGroup, noun: Noun, names: Names, score: Counter[Words]) -> None:
    """What does or has something is a thing, unless it names a value of one."""
    low, rest = clause.subject[0].lower(), list(clause.rest)
    if low in ("two", "no") or "'s" in text_of(list(clause.subject)):
        return
    value = is_value(noun.words) or noun.words[-1] in MASS
    if verb.lemma in ("have", "consist", "contain") and not _owned(noun, score, names):
        score[noun.words] += 4
        if any(item.noun and item.noun.quantity == "" and not item.noun.plural for item in items_of(rest)):
            names.defined.add(noun.words)
    elif noun.plural and not noun.determiner and verb.lemma != "be" and not _owned(noun, score, names):
        score[noun.words] += 4 if not verb.passive else 2
    elif (len(noun.words) == 1 and noun.head in names.deeds and low in ("a", "an", "each", "every")) or (
        verb.passive and verb.may and low in ("a", "an") and len(noun.words) == 1 and _by_several(rest)
    ):
        score[noun.words] += 4
        names.defined.add(noun.words)
    elif verb.lemma in ("exist", "appear", "occur") and value and noun.words in names.values:
        pass
    elif (
        not value
        and (noun.words not in names.values or score[noun.words])
        and not _owned(noun, score, names)
        and low not in ("the",)
        and not _states(clause)
    ) or (
        low in ("a", "an", "each", "every")
        and noun.words not in names.values
        and verb.lemma not in ("be",)
        and not _owned(noun, score, names)
    ):
        score[noun.words] += 2


def _weigh_lead(topic: Tokens, score: Counter[Words]) -> None:
    """ "For every visit of a patient": both are things."""
    head = read_item(topic)
    if head.noun and topic[0].lower() in ("each", "every", "a", "an", "one"):
        lead_noun = subject_noun(_first_of(topic))
        for other in _and_nouns(topic):
            score[other.words] += 0 if is_value(other.words) or other.words[-1] in MASS else 2
        if lead_noun and "of" in lead_noun.words:
            lead_noun = read_noun(" ".join(lead_noun.words[: lead_noun.words.index("of")]))
        if (
            lead_noun
            and topic[0].lower() in ("each", "every", "an", "a")
            and (topic[0].lower() in ("each", "every") or not is_value(lead_noun.words))
            and lead_noun.words[-1] not in MASS
        ):
            score[lead_noun.words] += 2
    for at, one in enumerate(topic):
        if (
            at
            and one.lower() in ("of", "at", "in", "on", "for")
            and topic[at + 1 : at + 2]
            and topic[at + 1].lower() in ("a", "an", "each", "every")
        ):
            part = read_item(topic[at + 1 :]).noun
            if part and not is_value(part.words) and part.words[-1] not in MASS:
                score[part.words] += 2


def _first_of(topic: Tokens) -> Tokens:
    return topic[: topic.index("and")] if "and" in topic[2:] else topic


def _and_nouns(topic: Tokens) -> list[Noun]:
    """What "and" adds to what leads: language of "every key and language"."""
    behind = topic[topic.index("and") + 1 :] if "and" in topic[2:] else []
    noun = subject_noun([one for one in behind if one != ","])
    return [noun] if noun is not None else []


def _by_several(rest: Tokens) -> bool:
    """Whether several do it: "a subject can be taught by several teachers"."""
    return [one.lower() for one in rest[:2]] in (["by", "several"], ["by", "many"], ["by", "multiple"])


def _states(clause: Clause) -> bool:
    """Whether a sentence says what a value is: "the result is white, black or draw", "codes are unique"."""
    assert clause.verb is not None
    if clause.verb.lemma not in ("be",) or not clause.rest:
        return False
    first = clause.rest[0].lower()
    return first in (
        "unique",
        "empty",
        "unknown",
        "optional",
        "required",
        "positive",
        "negative",
        "above",
        "below",
        "between",
    ) or (first[0] == "«" and clause.subject[0].lower() == "the")


_OFTEN = word_set("name number code email address title date price label")


def _owned(noun: Noun, score: Counter[Words], names: Names) -> bool:
    """Whether a phrase names a value of a thing: "ingredient names", "trench code"."""
    if noun.words in names.values and not score[noun.words] and not noun.plural and noun.determiner in ("the", ""):
        return True
    if len(noun.words) < 2 or not is_value(noun.words):
        return False
    head = noun.words[:-1]
    known = [one for one, value in score.items() if value >= 2]
    return noun.words[-1] in _OFTEN or any(one[-len(head) :] == head or head[-1] == one[-1] for one in known)


def systems(clauses: list[Clause]) -> set[int]:
    """Numbers of the clauses whose subject is who keeps the data."""
    plain = words_of(clauses)
    found: set[int] = set()
    for number, clause in enumerate(clauses[:2]):
        if (number - 1 in found or not clause.shared) and system(clause, plain, first=True):
            found.add(number)
    return found


def system(clause: Clause, plain: list[str], *, first: bool) -> bool:
    """Whether a subject is who keeps the data: "a brewery brews batches", never spoken of again."""
    if not first or clause.verb is None or not clause.subject:
        return False
    low = clause.subject[0].lower()
    noun = subject_noun(list(clause.subject))
    if noun is None or (noun.plural and low not in ("our", "my", "the")):
        return False
    if low in ("our", "my"):
        return True
    if low not in ("a", "an", "the") or clause.verb.modal or clause.verb.passive or clause.verb.lemma == "be":
        return False
    if is_person(noun.words):
        return False
    if any(
        plain.count(form) > (1 if form == noun.head else 0)
        for form in (noun.head, noun.head + "s", noun.head[:-1] + "ies", noun.head + "es")
    ):
        return False
    if (
        clause.verb.lemma == "have"
        and clause.sentence > 0
        and len(clause_items(clause)) == 1
        and not clause_items(clause)[0].each
    ):
        return False
    return all(
        item.noun is None or item.noun.plural or not is_value(item.noun.words)
        for item in clause_items(clause)
        if item.lead != "with" and "with" not in clause.rest
    ) and any(item.noun and item.noun.plural for item in clause_items(clause))


def _bare_list(clause: Clause, names: Names, score: Counter[Words]) -> None:
    """ "environments, flags": plurals that stand alone, or "languages with a code"."""
    low = [one.lower() for one in clause.rest]
    if ("unique" in low and "with" not in low) or low[-1] == "unique":
        return
    if (
        "<->" in low
        or "once" in low
        or "per" in low
        or len(low) < 1
        or low[0] in ("for", "a", "an", "deleting", "the", "one", "no")
    ):
        return
    segments = items_of(list(clause.rest))
    if len(segments) == 1 and not any(mod[0].lower() == "with" for mod in segments[0].mods):
        if segments[0].noun and segments[0].noun.plural and segments[0].noun.words[-1] not in MASS:
            score[segments[0].noun.words] += 1
        return
    for item in segments:
        told = any(mod[0].lower() == "with" for mod in item.mods)
        listed = len(segments) > 2 and all(one.noun and one.noun.plural for one in segments)
        if (
            item.noun
            and item.noun.plural
            and "of" not in item.noun.words
            and (told or listed or not is_value(item.noun.words))
        ):
            score[item.noun.words] += 5 if listed or told else 2 if len(segments) > 2 else 1
            if told:
                names.defined.add(item.noun.words)
                for other in segments[segments.index(item) + 1 :]:
                    if other.noun and other.noun.plural and is_word(other.core[0]) and not is_value(other.noun.words):
                        score[other.noun.words] += 5
                break


def _canonical(names: Names, found: set[Words]) -> None:
    people = sorted(one for one in found if len(one) > 1 and one[-1] == "person")
    if len(people) > 1:
        found.discard(("person",))
    for one in sorted(found, key=len):
        shorter = [other for other in found if len(other) < len(one) and one[-len(other) :] == other]
        if shorter:
            short = min(shorter, key=len)
            if any(other[-len(one[: -len(short)]) :] == one[: -len(short)] for other in found if other != one):
                names.known[one] = one
                if names.known.get(short) == short and short not in names.defined:
                    names.known[short] = one
                continue
            rivals = [other for other in found if len(other) > len(short) and other[-len(short) :] == short]
            if len(rivals) > 1 and all(other in names.defined for other in rivals):
                names.known[one] = one
            else:
                names.known[one] = short
                names.modifiers.setdefault(short, set()).add(one[: -len(short)])
            continue
        names.known[one] = one
