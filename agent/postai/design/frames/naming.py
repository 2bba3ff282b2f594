"""Which nouns of a description are things with rows of their own, and which name the same one."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from dataclasses import dataclass, field

from postai.design.frames.binding import Group, Values
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import PREPOSITIONS, US, WH, is_word
from postai.design.frames.phrases import Item, items_of, read_item
from postai.design.frames.tokens import Tokens, text_of
from postai.design.kinds import is_person, is_unit, is_value
from postai.design.nouns import Noun, is_plural, read_noun, singular
from postai.design.relations import NOMINALS
from postai.design.verbs import is_participle
from postai.language.word_set import word_set

Words = tuple[str, ...]
PRONOUNS = word_set(
    "it they he she one each this these that which who there nobody everybody both all several most some"
)
_MASS = word_set(
    "water money electricity food time stock kilogram gas energy work business information data other day night "
    "hour week "
    "month year minute second morning evening moment person_ side half part_ order_ beginning default insurance "
    "range public disabled"
)
_COUNTED = word_set("seat track lap page step stop line question player guest member participant passenger session")
LOOSE = word_set(
    "start sort kind type number amount place way end case use rest view turn order charge top bottom front basis "
    "row_ left right middle"
)


@dataclass
class Names:
    """What was found.

    Attributes:
        known: words of each thing, with the words it goes by.
        defined: things of which a sentence says what they have.
        values: words of what things have.
        modifiers: what else stands before the names of things: home and away of teams.
        selves: what things do with others of their kind: members sponsor other members.
        deeds: what the things that are done before are called: a vote where users vote.
    """

    known: dict[Words, Words] = field(default_factory=dict)
    defined: set[Words] = field(default_factory=set)
    values: set[Words] = field(default_factory=set)
    modifiers: dict[Words, set[Words]] = field(default_factory=dict)
    selves: dict[str, Words] = field(default_factory=dict)
    deeds: set[str] = field(default_factory=set)

    def find(self, noun: Noun | None) -> Words | None:
        """The thing that a phrase names; None = no thing."""
        if noun is None:
            return None
        words = tuple(one for one in noun.words if one not in ("same", "given", "certain", "particular"))
        if words in self.known:
            return self.known[words]
        ends = [one for one in dict.fromkeys(self.known.values()) if one[-len(words) :] == words]
        ends.sort(key=lambda one: one not in self.defined)
        if len(ends) == 1 or (ends and len(words) == 1):
            return ends[0]
        for size in range(1, len(words)):
            if words[size:] in self.known and not is_value(words):
                return self.known[words[size:]]
        return None


def words_of(clauses: list[Clause]) -> list[str]:
    """The words of a text, each as often as it was said."""
    return [
        one.lower()
        for clause in clauses
        for one in (*clause.lead, *(() if clause.shared else clause.subject), *clause.group, *clause.rest)
    ]


def subject_noun(tokens: Tokens) -> Noun | None:
    """The noun of a subject: its first words up to a comma, relative or preposition."""
    if not tokens:
        return None
    spot = next((i for i, one in enumerate(tokens) if i and one.lower() == "of"), None)
    if (
        spot is not None
        and tokens[0].lower() not in ("one", "both")
        and tokens[spot - 1].lower() not in ("one", "number", "both", "each", "most", "some", "all")
    ):
        tokens = tokens[:spot]
    end = next(
        (
            i
            for i, one in enumerate(tokens[:-1])
            if i > 1 and is_participle(one.lower()) and tokens[i + 1].lower() in PREPOSITIONS
        ),
        None,
    ) or next(
        (
            i
            for i, one in enumerate(tokens)
            if i and (one.lower() in WH | {","} or one.lower() in PREPOSITIONS - {"of"} or isinstance(one, Group))
        ),
        len(tokens),
    )
    return read_noun(text_of(tokens[:end]))


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


def notation(clause: Clause) -> list[tuple[Noun, Tokens]]:
    """The things of a notation with what stands in their brackets: "tags(name), tasks(title)"; () = it is none."""
    if clause.verb is not None:
        return []
    tokens = list(clause.rest)
    found: list[tuple[Noun, Tokens]] = []
    now: Tokens = []
    groups = 0
    for one in [*tokens, ","]:
        if isinstance(one, Group) or hasattr(one, "inner"):
            noun = read_noun(text_of(now))
            if noun is None or len(noun.words) > 3:
                return []
            found.append((noun, list(getattr(one, "inner", []))))
            groups += 1
            now = []
        elif one in (",", ";", "and"):
            if now:
                noun = read_noun(text_of(now))
                if noun is None or len(noun.words) > 3:
                    return []
                found.append((noun, []))
            now = []
        else:
            now.append(one)
    return found if groups else []


def _of_clause(clause: Clause, names: Names, score: Counter[Words], *, keeps: bool) -> None:
    listed = notation(clause)
    for told, inner in listed:
        score[told.words] += 5
        if inner:
            names.defined.add(told.words)
            for item in items_of(inner):
                if item.noun:
                    names.values.add(item.noun.words)
    if listed or clause.verb is None:
        if clause.verb is None and not listed:
            _bare_list(clause, names, score)
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
    if noun is not None and not us and low not in ("two", "no") and "'s" not in text_of(list(clause.subject)):
        value = is_value(noun.words) or noun.words[-1] in _MASS
        if keeps:
            pass
        elif verb.lemma in ("have", "consist", "contain") and not _owned(noun, score, names):
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
    if verb.passive and verb.lemma == "number":
        names.values.add(("number",))
    if verb.lemma not in ("be", "have", "belong") and not verb.passive and noun is not None and noun.plural:
        names.deeds.update((verb.lemma, *NOMINALS.get(verb.lemma, "").split()))
    for item in clause_items(clause):
        _of_item(item, clause, names, score, us=us, system=noun is not None and not us and keeps)
    if clause.lead and clause.lead[0].lower() in ("for", "per", "at", "in", "with"):
        topic = list(clause.lead[1:])
        head = read_item(topic) if topic else None
        if head and head.noun and topic[0].lower() in ("each", "every", "a", "an", "one"):
            lead_noun = subject_noun(_first_of(topic))
            for other in _and_nouns(topic):
                score[other.words] += 0 if is_value(other.words) or other.words[-1] in _MASS else 2
            if lead_noun and "of" in lead_noun.words:
                lead_noun = read_noun(" ".join(lead_noun.words[: lead_noun.words.index("of")]))
            if (
                lead_noun
                and topic[0].lower() in ("each", "every", "an", "a")
                and (topic[0].lower() in ("each", "every") or not is_value(lead_noun.words))
                and lead_noun.words[-1] not in _MASS
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
                if part and not is_value(part.words) and part.words[-1] not in _MASS:
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


def clause_items(clause: Clause) -> list[Item]:
    """All noun phrases behind the verb, those behind prepositions among them."""
    found: list[Item] = []
    for part in prepositional(list(clause.rest)):
        for item in items_of(part[1]):
            item.lead = part[0]
            found.append(item)
    return found


_ARGUMENT = word_set(
    "by in at for from to on with of into under against between through during over along near as about within via "
    "per since until during"
)


def prepositional(tokens: Tokens) -> list[tuple[str, Tokens]]:
    """What follows a verb, parted at its prepositions; the object comes first, with "" for its preposition."""
    found: list[tuple[str, Tokens]] = [("", [])]
    for at, one in enumerate(tokens):
        low = one.lower()
        now = found[-1][1]
        before = tokens[at - 1].lower() if at else ""
        follows = tokens[at + 1].lower() if at + 1 < len(tokens) else ""
        cuts = low in _ARGUMENT and not (follows and follows[0].isdigit())
        if cuts and low == "of" and now and follows not in ("one", "exactly", "several", "many", "another"):
            cuts = False
        if cuts and (
            before in ("number", "at", "up") or follows in ("least", "most", "default", "first", "which", "zero")
        ):
            cuts = False
        if (cuts and low == "with" and before in ("each", "both", "one")) or any(
            x.lower() == "each" and y.lower() == "with" for x, y in itertools.pairwise(now)
        ):
            cuts = False
        if cuts and low in ("between",) and follows and (follows[0].isdigit() or follows == "zero"):
            cuts = False
        if cuts and low == "in" and now and is_unit(follows):
            cuts = False
        if cuts and any(x.lower() in WH for x in now) and "," not in now:
            cuts = False
        if cuts:
            found.append((low, []))
        else:
            now.append(one)
    return [(lead, _trim(part)) for lead, part in found if _trim(part)]


def _trim(tokens: Tokens) -> Tokens:
    at, end = 0, len(tokens)
    while at < end and tokens[at].lower() in (",", "and", "but"):
        at += 1
    while end > at and tokens[end - 1].lower() in (",", "and", "but"):
        end -= 1
    return tokens[at:end]


def _of_item(item: Item, clause: Clause, names: Names, score: Counter[Words], *, us: bool, system: bool) -> None:
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
        if behind and not is_value(behind.words) and behind.words[-1] not in _MASS and words != noun.words:
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
        (is_value(words) and words[-1] not in _COUNTED and not several)
        or words[-1] in _MASS
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
        if front is not None and front.words[-1] not in _MASS and clause.verb.lemma not in ("need", "want"):
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
            and front.words[-1] not in LOOSE | _MASS
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
_ALSO = re.compile(
    r"\b(?:who|which|that|both|they|all)(?: of (?:whom|which|them))? (?:is|are) (?:also |both )?(?P<x>(?:an? |"
    r"another |other )?[a-z]+(?: [a-z]+)?)(?: too| as well)?$",
    re.I,
)


def alias_of(item: Item) -> Noun | None:
    """What the things of a phrase are besides: "supervisors, who are professors"."""
    for mod in item.mods:
        found = _ALSO.search(text_of(mod))
        if found:
            noun = read_noun(found["x"])
            if noun and (noun.plural or noun.determiner):
                return noun
    return None


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
        if segments[0].noun and segments[0].noun.plural and segments[0].noun.words[-1] not in _MASS:
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
