"""Reads what stands behind a verb, phrase by phrase: what is related, in which role, and values said in passing."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from postai.design.attributes import read_attribute
from postai.design.details import Attribute, number
from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.having import has_items, with_attributes
from postai.design.kinds import MONEY, is_value, with_unit
from postai.design.lists import split_list
from postai.design.nouns import Noun, is_plural, read_noun
from postai.design.relation_of import WHEN_MARK, one_relation
from postai.design.relations import NOMINALS, Relation
from postai.design.verbs import Verb
from postai.language.word_set import word_set

_PREPOSITION = (
    r"since|along|next to|on|in|at|to|for|from|of|by|into|onto|under|during|via|through|as|about|"
    r"against|between|within|with|per"
)


_OPENS = (
    r"(?:an?|the|one|each|every|exactly|several|many|his|her|their|its|another|other|that|this|some|multiple|at "
    r"most|at "
    r"least|up to|zero|"
    r"two|different|any|all|more|only)\s|\w+s\b|another$"
)


_NEXT_PART = re.compile(rf"(?<!\bone)\s+(?P<p>{_PREPOSITION})\s+(?={_OPENS})", re.I)


_ONCE = re.compile(r",?\s*\b(?:only once|at most once|just once|once only|not twice|once)\b.*$", re.I)


_AGAIN = re.compile(
    r",?\s*\b(?:more than once|several times|many times|multiple times|repeatedly|again|for the second time)\b.*$", re.I
)


_IF_ANY = re.compile(
    r",?\s*\b(?:if (?:it is |they are )?(?:known|any|there is one|applicable|available|given|one exists|present)|"
    r"where (?:known|applicable))\b",
    re.I,
)


_ORDERED = re.compile(
    r"\s*,?\s+in (?:a (?:certain|specific|given|fixed|particular|defined)|an?|their own|its own) (?:order|sequence|"
    r"position)\b.*$|\s+in order\b.*$",
    re.I,
)


_NOT_SELF = re.compile(
    r",?\s*\b(?:but|and)?\s*(?:not|never)\s+(?:themselves|itself|himself|oneself|themself)\b|"
    r"\bcannot \w+ (?:themselves|itself)",
    re.I,
)


_SCORES = re.compile(
    r"(?:,|\s)\s*(?:giving (?:it )?|from|on a scale (?:of|from)|with)\s*(?P<a>\d+)\s*(?:to|-)\s*(?P<b>\d+)(?:\s+"
    r"stars?|\s+points)?",
    re.I,
)


_FROM_TO = re.compile(
    r"\bfrom\s+(?:one|an?|the)\s+(?P<a>[\w ]+?)\s+to\s+(?:another|an?|the|one)(?:\s+(?P<b>[\w ]+?))?(?=$|,)", re.I
)


@dataclass(frozen=True)
class Part:
    """A noun phrase behind a verb, with the preposition before it."""

    preposition: str
    text: str
    item: int


def _parts(ground: Ground, rest: str, preposition: str) -> list[Part]:
    found: list[Part] = []
    for place, item in enumerate(split_list(rest, ground.shelter)):
        at, before = 0, preposition if place == 0 else (found[-1].preposition if found else "")
        if opened := re.match(rf"(?P<p>{_PREPOSITION})\s+(?={_OPENS})", item, re.I):
            at, before = opened.end(), opened["p"].lower()
        while follows := _NEXT_PART.search(item, at):
            left = item[at : follows.start()]
            if follows["p"].lower() == "of" and not _owns(ground, left, item[follows.end() :]):
                cut = _NEXT_PART.search(item, follows.end())
                if cut is None:
                    break
                follows = cut
            found.append(Part(before, item[at : follows.start()], place))
            at, before = follows.end(), follows["p"].lower()
        found.append(Part(before, item[at:], place))
    return [one for one in found if one.text.strip()]


def _owns(ground: Ground, left: str, right: str) -> bool:
    """Whether "A of B" names two things: "copies of a book", and not "a number of books"."""
    one, other = read_noun(left), read_noun(right.split(",")[0])
    return one is not None and other is not None and ground.is_thing(other) and not is_value(one.words)


_EITHER = re.compile(
    r"^(?:either\s+)?(?:(?P<p>by|to|in|at|for|of|with|from)\s+)?(?P<a>(?:an?|the|one)\s+[\w ]+?)\s+or\s+(?:(?:by|"
    r"to|in|at|for|of|with|from)\s+)?"
    r"(?P<b>(?:an?|the|one)\s+[\w ]+?)(?=$|,|\s(?:but|with)\b)",
    re.I,
)


def relates(ground: Ground, table: Table, verb: Verb, rest: str) -> bool:
    """A verb between two things."""
    if found := _EITHER.match(rest):
        nouns = [read_noun(found[one]) for one in "ab"]
        if all(one is not None and ground.is_thing(one) for one in nouns):
            rest = f"{found['a']} and {found['b']}{rest[found.end() :]}"
            verb = replace(verb, optional=True, preposition=(found["p"] or verb.preposition).lower())
            names = [" ".join(one.words) for one in nouns if one]
            ground.note(f"Assumed: {table.name} refer to {names[0]} or {names[1]}, and either may be empty.")
    core, flags = _flags(rest)
    if "optional" in flags:
        verb = replace(verb, optional=True)
    head, tail = _tail_with(ground, core)
    if (found := _FROM_TO.search(f"{verb.preposition} {head}")) and _two_ends(ground, table, verb, head, found):
        return True
    if (
        (found := _FROM_TO.search(f"{verb.preposition} {head}"))
        and (noun := read_noun(found["a"]))
        and ground.is_thing(noun)
    ):
        other = ground.thing(noun)
        before = f"{verb.preposition} {head}"[: found.start()].strip(" ,")
        if before and before != verb.preposition:
            relates(ground, table, verb, re.sub(rf"^{verb.preposition}\s+", "", before))
        for role in ("from", "to"):
            ground.relations.append(Relation(table.name, other.name, many=False, role=(role, *other.noun)))
        return True
    parts = _parts(ground, head, verb.preposition)
    if not ground.existing and (event := _event_part(ground, table, parts)):
        return event
    if verb.preposition == "with" and not verb.passive and parts and not is_thing_like(ground, parts[0].text):
        return has_items(ground, table, rest)
    made, done = _relations_of(ground, table, verb, parts)
    for relation in made:
        pair = frozenset((relation.a, relation.b))
        if "once" in flags:
            ground.pairing.once.add(pair)
        if "again" in flags:
            ground.pairing.repeated.add(pair)
        if "ordered" in flags:
            relation.attributes.append(Attribute(Noun(("position",)), ("position",), "integer", required=True))
        relation.not_self = "not self" in flags
        if scores := _SCORES.search(rest):
            between = f"{{c}} BETWEEN {scores['a']} AND {scores['b']}"
            rating = Attribute(Noun(("rating",)), ("rating",), "integer", required=True, checks=[between])
            relation.attributes.append(rating)
        if tail and relation is made[0]:
            with_attributes(ground, relation, tail)
        ground.relations.append(relation)
        ground.object = relation.b
    if not made and tail:
        return has_items(ground, table, tail) or done
    return bool(made) or done


def _event_part(ground: Ground, table: Table, parts: list[Part]) -> bool:
    """ "Tenants rent flats under leases": the lease is what joins the two."""
    events = [
        one for one in parts if one.preposition in ("under", "through", "via") and is_thing_like(ground, one.text)
    ]
    objects = [one for one in parts if one not in events]
    if len(events) != 1 or len(objects) != 1 or len(parts) != 2:
        return False
    nouns = [read_noun(ground.shelter.bare(one.text)) for one in (events[0], objects[0])]
    if nouns[0] is None or nouns[1] is None:
        return False
    holder = ground.thing(nouns[0])
    for name in (table.name, ground.thing(nouns[1]).name):
        ground.relations.append(Relation(holder.name, name, many=False))
    return True


def _two_ends(ground: Ground, table: Table, verb: Verb, head: str, found: re.Match[str]) -> bool:
    """ "From a start station to an end station", whatever is said before it."""
    nouns = [read_noun(found["a"]), read_noun(found["b"] or "")]
    if not all(one and len(one.words) == 2 and ground.is_thing(Noun(one.words[-1:])) for one in nouns):
        return False
    before = f"{verb.preposition} {head}"[: found.start()].strip(" ,")
    if before and before != verb.preposition:
        relates(ground, table, verb, re.sub(rf"^{verb.preposition}\s+", "", before))
    for one in nouns:
        if one:
            ground.relations.append(
                Relation(table.name, ground.thing(Noun(one.words[-1:])).name, many=False, role=one.words)
            )
    return True


def _flags(rest: str) -> tuple[str, set[str]]:
    """What is said of a whole relation, taken out of the words: only once, in order, not themselves."""
    flags = set()
    for name, pattern in (
        ("optional", _IF_ANY),
        ("not self", _NOT_SELF),
        ("ordered", _ORDERED),
        ("once", _ONCE),
        ("again", _AGAIN),
    ):
        if pattern.search(rest):
            flags.add(name)
            rest = pattern.sub("", rest)
    return _SCORES.sub("", rest).strip(" ,"), flags


def _tail_with(ground: Ground, core: str) -> tuple[str, str]:
    """What is related, and the attributes behind "with"; "links a patient with a dentist" has none."""
    for found in re.finditer(r",?\s+(?:with|giving|having|including|specifying|noting|recording)\s+", f" {core}"):
        at = found.end() - 1
        first = read_noun(ground.shelter.bare(re.split(r"\s(?:and|in|on|at|for|to)\s|,", core[at:])[0]))
        if (first is not None and not ground.is_thing(first) and "with" in found[0]) or "with" not in found[0]:
            return core[: max(found.start() - 1, 0)], core[at:]
    return core, ""


def _relations_of(ground: Ground, table: Table, verb: Verb, parts: list[Part]) -> tuple[list[Relation], bool]:
    made: list[Relation] = []
    done, first, item = False, None, -1
    nominal = verb.lemma in NOMINALS and ground.has_nominal(verb.lemma)
    for part in parts:
        if part.item != item:
            first, item = None, part.item
        if re.fullmatch(r"(?:an)?other(?: one)?", part.text.strip(), re.I) and made and not made[-1].many:
            role = (part.preposition or "other", *ground.draft.tables[made[-1].b].noun)
            made.append(replace(made[-1], role=role, attributes=[]))
            made[-2].role = made[-2].role or ("from", *role[1:])
            continue
        relation = one_relation(ground, table, verb, part.text, part.preposition)
        if relation is None:
            done = value_part(ground, table, verb, part, made, single=len(parts) == 1) or done
            continue
        if part.preposition == "of" and made and relation.b not in (made[-1].b, table.name):
            ground.relations.append(Relation(made[-1].b, relation.b, many=False))
            continue
        if first is not None and first.many and relation.b not in (first.b, first.a) and not nominal:
            # "Tenants sign leases for apartments": what comes behind belongs to the object.
            ground.relations.append(Relation(first.b, relation.b, many=False))
            done = True
            continue
        first = first or relation
        _marked(ground, relation, part.text)
        _part_roles(ground, made, relation, part.text)
        made.append(relation)
    return made, done


def _marked(ground: Ground, relation: Relation, text: str) -> None:
    """What brackets say of the relation: "users join rooms (many to many, remember when)"."""
    for mark in ground.shelter.raw_marks(text):
        for one in split_list(mark, ground.shelter):
            if re.fullmatch(r"many.to.many|[nm]:[nm]", one, re.I):
                relation.many, relation.shared = True, True
            elif WHEN_MARK.fullmatch(one) and relation.lemma:
                verb = relation.lemma
                name = (f"{verb}d" if verb.endswith("e") else f"{verb}ed", "at")
                relation.attributes.append(Attribute(Noun(name), name, "timestamptz", required=True))


def _part_roles(ground: Ground, made: list[Relation], relation: Relation, text: str) -> None:
    """Two references to the same table in different parts: "departs from one port and arrives at another port"."""
    if relation.many or relation.role or relation.a == relation.b:
        return
    for one in (*ground.relations, *made):
        if (one.a, one.b, one.many, one.role) == (relation.a, relation.b, False, ()) and (
            one.lemma != relation.lemma or one in made
        ):
            told = re.match(r"(?:an)?other\b|(?:a|the) (?:second|different)\b", text.strip(), re.I)
            doers = one.doer and relation.doer
            if told and one.lemma == relation.lemma:
                target = ground.draft.tables[relation.b].noun
                one.role, relation.role = ("from", *target), ("to", *target)
                return
            if (told or doers) and one.lemma != relation.lemma:
                target = ground.draft.tables[relation.b].noun
                one.role = one.role if doers and not told else _role_of(one, target)
                relation.role = _role_of(relation, target)
                return


_ENDS = {
    "depart": "departure", "leave": "departure", "start": "start", "begin": "start", "arrive": "arrival", "end": "end",
    "finish": "end", "land": "arrival", "reach": "arrival", "originate": "origin", "go": "destination",
    "send": "sender", "receive": "receiver", "pick": "pickup", "drop": "dropoff",
}  # fmt: skip


def _role_of(one: Relation, target: tuple[str, ...]) -> tuple[str, ...]:
    if one.doer:
        return (one.doer, "by")
    return (_ENDS.get(one.lemma, one.lemma), *target)


_MEASURES = {
    "seat": "seats",
    "accommodate": "capacity",
    "fit": "capacity",
    "last": "duration",
    "take": "duration",
    "cost": "cost",
    "weigh": "weight",
    "measure": "size",
}


_GIVEN = re.compile(
    r"^(?:an?|the|its|their|his|one)\s+(?:given|certain|specific|particular|fixed|defined|known|set)\s+", re.I
)


def value_part(ground: Ground, table: Table, verb: Verb, part: Part, made: list[Relation], *, single: bool) -> bool:
    """A part that names a value: "on a given date", "in a role", "starts at a certain time", "contains a text"."""
    text = _GIVEN.sub("a ", part.text.strip())
    attribute = read_attribute(re.sub(r"^(?:an?\s+)?(?:number|amount) of\s+", "", text), ground.shelter)
    if attribute is None:
        return False
    moment = attribute.type in ("date", "timestamptz", "time")
    if verb.lemma in _MEASURES and not part.preposition and not made:
        unit = attribute.noun.head
        name, type_ = with_unit((_MEASURES[verb.lemma],), unit if is_plural(f"{unit}s") else "", "text")
        usual = {"cost": MONEY, "seats": "integer", "capacity": "integer"}.get(name[0], "numeric")
        attribute = replace(attribute, name=name, type=type_ if type_ != "text" else usual)
        if found := re.match(r"at least (?P<n>\w+)", part.text):
            attribute = replace(attribute, checks=[f"{{c}} >= {number(found['n'])}"])
    elif moment and len(attribute.noun.words) == 1 and verb.lemma in ("start", "begin", "end", "finish"):
        word = "start" if verb.lemma in ("start", "begin") else "end"
        attribute = replace(attribute, name=(word, *attribute.noun.words))
    elif (moment and part.preposition and (len(attribute.noun.words) > 1 or made or text != part.text)) or (
        is_value(attribute.noun.words)
        and part.preposition in ("on", "at", "in", "under", "for")
        and not made
        and (attribute.noun.determiner in ("a", "an", "the", "its", "their"))
    ):
        pass
    elif made and is_value(attribute.noun.words) and part.preposition in ("in", "as", "for", "at", "under", "with"):
        made[-1].attributes.append(attribute)
        return True
    elif (
        part.preposition
        or verb.passive
        or verb.lemma not in _HOLDING
        or (not single and is_thing_like(ground, part.text))
    ):
        return False
    if made and made[-1].many:
        made[-1].attributes.append(attribute)
        return True
    ground.add(table, attribute)
    return True


def is_thing_like(ground: Ground, text: str) -> bool:
    """Whether a text names what is known as a thing."""
    noun = read_noun(ground.shelter.bare(text))
    return noun is not None and ground.is_thing(noun)


_HOLDING = word_set("""
    contain include get require need carry receive hold give store keep record note show pay bear wear earn
    """)
