"""Reads what a thing is or does to another: verbs between two things become relations."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from postai.design.attributes import (
    KEPT_PLURAL,
    Attribute,
    apply_details,
    default_expression,
    number,
    read_attribute,
    split_list,
)
from postai.design.discovering import NO_NAME, TO_ONE
from postai.design.draft import Table
from postai.design.ground import ROLE_WORDS, Ground
from postai.design.having import has, has_item, has_items, known_objects, with_attributes
from postai.design.kinds import MONEY, is_person, is_value, kind_of, with_unit
from postai.design.nouns import Noun, is_plural, read_noun
from postai.design.relations import MANY_MANY, NOMINALS, Relation, nominals
from postai.design.shelter import values_of
from postai.design.verbs import STORING, Verb, is_participle, lemma_of
from postai.language.word_set import word_set


def act(ground: Ground, table: Table, verb: Verb, rest: str) -> bool:
    """What a thing does or has."""
    if verb.lemma in _HAVING or (
        verb.lemma in STORING
        and not verb.passive
        and verb.lemma
        not in MANY_MANY | {"own", "sell", "offer", "manage", "organize", "organise", "hold", "handle", "collect"}
    ):
        return has(ground, table, rest, verb)
    if verb.lemma in STORING and not verb.passive and verb.lemma not in MANY_MANY and not known_objects(ground, rest):
        return has(ground, table, rest, verb)
    if (
        verb.lemma in ("get", "require", "show", "carry", "bear")
        and not verb.passive
        and not known_objects(ground, rest)
    ):
        return has(ground, table, rest, verb)
    if (
        verb.lemma in ("be", "nest")
        and re.match(r"(?:nested|hierarchical|in a hierarchy)?$", rest.strip(), re.I)
        and (rest.strip() or verb.lemma == "nest")
    ):
        ground.relations.append(Relation(table.name, table.name, many=False, optional=True, role=("parent",)))
        return True
    if (
        verb.optional
        and not verb.negated
        and verb.lemma == "be"
        and kind_of(tuple(rest.lower().split()[:1]) or ("x",)).type == "boolean"
        and len(rest.split()) == 1
    ):
        ground.add(
            table,
            Attribute(Noun(("is", rest.lower())), ("is", rest.lower()), "boolean", default="false", required=True),
        )
        return True
    if verb.lemma == "be" and (done := lemma_of(rest)) and ground.has_nominal(done) and is_participle(rest):
        verb, rest = Verb(done, passive=True), ""
    if verb.passive and not rest.strip() and (event := _nominal_thing(ground, verb.lemma)) and event is not table:
        ground.relations.append(Relation(event.name, table.name, many=False))
        return True
    if (
        verb.lemma in ("seat", "accommodate")
        and not verb.passive
        and re.match(r"(?:at least|up to|at most|a |exactly)", rest)
        and not known_objects(ground, rest)
    ):
        return _value_part(ground, table, verb, _Part("", rest, 0), [], single=True)
    if (
        verb.optional
        and not verb.negated
        and not ground.existing
        and (
            (verb.passive and verb.preposition in ("for", "as", ""))
            or (verb.lemma == "be" and re.fullmatch(r"[a-z]+(?:\s*§\d+§)?", rest.split(",")[0].strip()))
        )
        and not known_objects(ground, rest)
    ):
        form = verb.form if verb.passive else rest.split(",")[0].strip().lower()
        behind = read_noun(re.sub(r"^the ", "", rest.split(",")[0])) if verb.passive else None
        name = (form, verb.preposition, *behind.words) if behind and verb.preposition == "for" else (form,)
        name = tuple(word for one in name if (word := ground.shelter.bare(one)))
        flag = Attribute(Noun(name), name, "boolean", default="false", required=True)
        for detail in ground.shelter.marks(rest):
            apply_details(flag, detail)
        ground.add(table, flag)
        return True
    if found := re.match(
        r"valid from (?:an?|one|the|its)?\s*(?:(?:start )?(?P<k>date|day|time))? ?(?:until|to|till) (?:another|an?|"
        r"one|the)?\s*(?:end )?(?:date|day|time)?",
        rest,
        re.I,
    ):
        kind = "timestamptz" if found["k"] == "time" else "date"
        for name in (("valid", "from"), ("valid", "until")):
            ground.add(table, Attribute(Noun(name), name, kind, required=True))
        return True
    if verb.lemma == "be":
        return _is(ground, table, rest, verb)
    return _relates(ground, table, verb, rest)


def _nominal_thing(ground: Ground, lemma: str) -> Table | None:
    """The table of what doing something is called: inspections for "hives are inspected"."""
    for word in nominals(lemma):
        if ground.is_thing(Noun((word,))):
            return ground.thing(Noun((word,)))
    return None


_HAVING = frozenset(["have", "name", "state", "mention", "specify"])


_BY_DEFAULT = re.compile(
    r",?\s*(?:and\s+)?(?:(?:it is |they are )?(?:always |normally |usually )?(?P<v>[\w-]+) (?:by default|at first|"
    r"initially|when (?:it is |they are )?(?:created|new|made|placed)|"
    r"to (?:begin|start) with|unless .*)|(?:with )?(?:the )?default(?:s to|ing to| is|:)? (?P<v2>[\w-]+)).*$",
    re.I,
)


def _is(ground: Ground, table: Table, rest: str, verb: Verb) -> bool:
    """ "An order is pending, paid or shipped", "a user is a member of several clubs", "a course is taught by ..."."""
    low = rest.lower()
    if found := re.match(
        r"(?:an?\s+)?(?P<what>members?|part|parts?|owners?|friends?|followers?|participants?|fans?|authors?|"
        r"parents?|child|children|managers?)\s+(?:of|in)\s+(?P<rest>.+)$",
        rest,
        re.I,
    ):
        word = found["what"].lower().rstrip("s")
        lemma = {
            "member": "member",
            "part": "belong",
            "friend": "befriend",
            "follower": "follow",
            "participant": "participate",
            "fan": "follow",
        }.get(word, "have")
        return _relates(ground, table, Verb(lemma, optional=verb.optional, preposition="of"), found["rest"])
    if found := re.match(
        r"an?\s+(?P<role>\w+(?: \w+)?)\s+(?:of|to|in|for)\s+(?P<b>(?:another|an?|one|exactly one|the)\s+[\w ]+)$",
        rest,
        re.I,
    ):
        role, other = read_noun(found["role"]), read_noun(found["b"])
        if role and other and not ground.is_thing(role) and ground.is_thing(other):
            target = ground.thing(other)
            same = target is table
            called = (*role.words, "of") if same else ()
            ground.relations.append(
                Relation(table.name, target.name, many=False, optional=verb.optional or same, role=called)
            )
            return True
    if found := re.match(
        r"(?:an?|one)\s+(?P<a>\w+(?: \w+)?) \w+ing (?:(?P<p>with|for|to|at|in|by|on) )?(?P<b>(?:an?|one|the) [\w ]+?"
        r")(?:,? with (?P<t>.+))?$",
        rest,
        re.I,
    ):
        both = [read_noun(found[each]) for each in "ab"]
        if all(each is not None and ground.is_thing(each) for each in both):
            for each in both:
                if each is not None:
                    ground.relations.append(Relation(table.name, ground.thing(each).name, many=False))
            return not found["t"] or has_items(ground, table, found["t"])
    if (found := re.match(r"(?:an?\s+|one\s+)?(?P<n>[\w ]+?)\s+with\s+(?P<t>.+)$", rest, re.I)) and (
        (kind := read_noun(found["n"]))
        and not ground.is_thing(kind)
        and not is_participle(found["n"].split()[0])
        and not re.search(r"\s(?:of|in|for|between|from|at)\s", found["n"])
    ):
        return has_items(ground, table, found["t"])
    if (
        found := re.match(
            r"(?:an?|one)\s+(?P<n>\w+(?: \w+)?)\s+(?P<r>(?:in|for|of|at|on|by|from|between|about)\s+.+)$", rest, re.I
        )
    ) and ((kind := read_noun(found["n"])) and not ground.is_thing(kind)):
        if is_value(kind.words):
            ground.add(table, Attribute(kind, kind.words, kind_of(kind.words).type))
        preposition, _, behind = found["r"].partition(" ")
        return _relates(ground, table, Verb("belong", optional=verb.optional, preposition=preposition.lower()), behind)
    if found := re.match(r"(?:either\s+|one of\s+|exactly one of\s+)?(?P<v>.+?\s+or\s+.+)$", rest, re.I):
        said = ground.shelter.open(re.sub(r"^(?:either|one of)\s*:?\s*", "", rest, flags=re.I))
        usual = _BY_DEFAULT.search(said)
        values = values_of(said[: usual.start()] if usual else said)
        if len(values) > 1 and all(len(one.split()) <= 2 for one in values) and not verb.negated:
            nouns = bool(re.match(r"(?:either\s+)?an?\s", rest, re.I))
            existing = next(
                (one for name in ("status", "state", "type", "kind") if (one := ground.find_column(table, (name,)))),
                None,
            )
            name = existing.name if existing else "type" if nouns else "status"
            made = Attribute(Noun((name,)), (name,), "text", values=values, required=True)
            if usual:
                made.default = default_expression(usual["v"] or usual["v2"], made)
            ground.add(table, made)
            return True
    if (
        found := re.match(
            r"(?P<p>for|of|in|on|at|about|from|part of|under|by|between|with)\s+(?P<rest>.+)$", rest, re.I
        )
    ) and not verb.negated:
        return _relates(ground, table, Verb("belong", optional=verb.optional, preposition="in"), found["rest"])
    if re.match(r"(?:not\s+)?(?:an?\s+)?\w+\s+(?:when|at|on|by default|initially|unless|until)\b", low):
        return False
    if found := re.match(r"(?P<adj>located|based|made|born|due|free|full)\b", low):
        return False
    return False


_PREPOSITION = (
    r"since|along|next to|on|in|at|to|for|from|of|by|into|onto|under|during|via|through|as|about|"
    r"against|between|within|with|per"
)
_OPENS = (
    r"(?:an?|the|one|each|every|exactly|several|many|his|her|their|its|another|other|that|this|some|multiple|at "
    r"most|at "
    r"least|up to|zero|"
    r"two|different|any|all|more|only)\s|\w+s\b"
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
class _Part:
    """A noun phrase behind a verb, with the preposition before it."""

    preposition: str
    text: str
    item: int


def _parts(ground: Ground, rest: str, preposition: str) -> list[_Part]:
    found: list[_Part] = []
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
            found.append(_Part(before, item[at : follows.start()], place))
            at, before = follows.end(), follows["p"].lower()
        found.append(_Part(before, item[at:], place))
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


def _relates(ground: Ground, table: Table, verb: Verb, rest: str) -> bool:
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
            _relates(ground, table, verb, re.sub(rf"^{verb.preposition}\s+", "", before))
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


def _event_part(ground: Ground, table: Table, parts: list[_Part]) -> bool:
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
        _relates(ground, table, verb, re.sub(rf"^{verb.preposition}\s+", "", before))
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


def _relations_of(ground: Ground, table: Table, verb: Verb, parts: list[_Part]) -> tuple[list[Relation], bool]:
    made: list[Relation] = []
    done, first, item = False, None, -1
    nominal = verb.lemma in NOMINALS and ground.has_nominal(verb.lemma)
    for part in parts:
        if part.item != item:
            first, item = None, part.item
        relation = _one_relation(ground, table, verb, part.text, part.preposition)
        if relation is None:
            done = _value_part(ground, table, verb, part, made, single=len(parts) == 1) or done
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


_WHEN_MARK = re.compile(r"(?:(?:remember|store|record|keep|note|track|with|and|since) )*(?:since )?when\b.*", re.I)


def _marked(ground: Ground, relation: Relation, text: str) -> None:
    """What brackets say of the relation: "users join rooms (many to many, remember when)"."""
    for mark in ground.shelter.raw_marks(text):
        for one in split_list(mark, ground.shelter):
            if re.fullmatch(r"many.to.many|[nm]:[nm]", one, re.I):
                relation.many, relation.shared = True, True
            elif _WHEN_MARK.fullmatch(one) and relation.lemma:
                verb = relation.lemma
                name = (f"{verb}d" if verb.endswith("e") else f"{verb}ed", "at")
                relation.attributes.append(Attribute(Noun(name), name, "timestamptz", required=True))


def _is_mark(one: str) -> bool:
    return bool(re.fullmatch(r"many.to.many|one.to.many|[nm1]:[nm1]", one, re.I) or _WHEN_MARK.fullmatch(one))


def _part_roles(ground: Ground, made: list[Relation], relation: Relation, text: str) -> None:
    """Two references to the same table in different parts: "departs from one port and arrives at another port"."""
    if relation.many or relation.role or relation.a == relation.b:
        return
    for one in (*ground.relations, *made):
        if (one.a, one.b, one.many, one.role) == (relation.a, relation.b, False, ()) and one.lemma != relation.lemma:
            told = re.match(r"(?:an)?other\b|(?:a|the) (?:second|different)\b", text.strip(), re.I)
            doers = one.doer and relation.doer
            if told or doers:
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


def _value_part(ground: Ground, table: Table, verb: Verb, part: _Part, made: list[Relation], *, single: bool) -> bool:
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


def _one_relation(ground: Ground, table: Table, verb: Verb, text: str, preposition: str) -> Relation | None:
    if (
        re.fullmatch(r"(?:exactly |only |at most )?(?:one of )?(?:them|these|those|it)", text.strip(), re.I)
        and ground.object in ground.draft.tables
    ):
        text = "one " + " ".join(ground.draft.tables[ground.object].noun)
    bare = ground.shelter.bare(
        re.split(r"\s(?:that|which|who|whose|as|per|over|during|after|before|when|if|until|while)\s", text)[0]
    )
    noun = read_noun(bare.split(",")[0])
    if noun is None or set(noun.words) & NO_NAME:
        return None
    if re.match(r"(?:at most|up to|no more than) (?:one|1)\b|zero or one\b", bare.strip(), re.I):
        verb = replace(verb, optional=True)
    if (
        (
            played := re.search(
                r"\b(?:who|which|that)\s+(?:is|are|must be)\s+(?:also\s+|themselves\s+)?(?:an?|another|one of the)\s+"
                r"(?P<who>\w+(?: \w+)?)|"
                r"^(?:also|again|itself|himself)\s+(?:an?|one of the)\s+(?P<who2>\w+(?: \w+)?)",
                " ".join((text, *ground.shelter.raw_marks(text)))
                if "§" not in text
                else ground.shelter.raw_marks(text)[0],
                re.I,
            )
        )
        and (who := read_noun(played["who"] or played["who2"]))
        and ground.is_thing(who)
    ):
        target = ground.thing(who)
        return Relation(
            table.name,
            target.name,
            many=False,
            optional=verb.optional or target is table,
            lemma=verb.lemma,
            role=noun.words,
        )
    many = noun.quantity == "many" or (noun.plural and noun.quantity != "one")
    if many and verb.passive and noun.quantity != "many" and (preposition == "by" or verb.lemma not in _PASSIVE_MANY):
        many = False
    if not verb.passive and verb.lemma in MANY_MANY and re.search(r"\sper\s", text):
        many = True
    if not verb.passive and noun.quantity != "one" and ground.has_nominal(verb.lemma):
        many = True  # every time it is done is a row of its own
    if (
        verb.optional
        and not verb.passive
        and verb.lemma in MANY_MANY
        and noun.determiner in ("a", "an")
        and not noun.quantity
    ):
        many = True  # "a user can follow an artist": each of many
    self_said = bool(
        re.match(
            r"(?:an)?other\b|each other\b|one another\b|others\b|(?:him|her|it)self|themselves", bare.strip(), re.I
        )
    )
    if noun.words in (("other",), ("each", "other")) or bare.lower() in ("each other", "one another", "others"):
        other: Table | None = table
        many = True
    else:
        other = ground.find_table(noun) or ground.alias(noun)
        if other is None and ground.existing:
            other = ground.find_table(noun, fuzzy=True)
        if other is None and (
            ground.is_thing(noun)
            or (
                (
                    not verb.passive
                    or (
                        (noun.determiner in ("a", "an") or noun.plural)
                        and verb.lemma
                        in (
                            "assign",
                            "link",
                            "attach",
                            "allocate",
                            "sell",
                            "deliver",
                            "ship",
                            "send",
                            "give",
                            "connect",
                        )
                    )
                    or verb.preposition == "by"
                    or noun.plural
                    or noun.quantity
                )
                and _may_be_thing(noun, verb, many=many)
            )
        ):
            other = ground.thing(noun)
    if other is None:
        return None
    role = noun.words if len(noun.words) > len(other.noun) and noun.words[0] in ROLE_WORDS else ()
    for detail in ground.shelter.raw_marks(text):
        for each in split_list(detail, ground.shelter):
            if not _is_mark(each) and not _counted(ground, other, each):
                has_item(ground, other, each, Verb("have"))
    if other.name == table.name and not self_said and not many:
        role = role or ("parent",)
    if other.name == table.name and not many:
        return Relation(
            table.name, other.name, many=False, optional=True, lemma=verb.lemma, role=_self_role(verb, role)
        )
    if (
        verb.passive
        and verb.lemma in ("assign", "allocate", "appoint", "attach", "dedicate")
        and is_person(table.noun)
        and not is_person(other.noun)
        and not many
    ):
        # "An agent may be assigned to a ticket": the ticket has the agent.
        return Relation(other.name, table.name, many=False, optional=verb.optional, lemma=verb.lemma)
    owner = verb.lemma in TO_ONE or verb.passive
    if (
        verb.passive
        and ground.has_nominal(verb.lemma)
        and other.noun[-1] not in nominals(verb.lemma)
        and table.noun[-1] not in nominals(verb.lemma)
    ):
        return Relation(table.name, other.name, many=True, lemma=verb.lemma)
    if verb.lemma in TO_ONE or verb.passive:
        return Relation(
            table.name,
            other.name,
            many,
            optional=verb.optional and not many,
            lemma=verb.lemma,
            role=role,
            owner=owner,
            exact=noun.quantity == "one",
            shared=many,
            must=verb.modal == "must",
            doer=verb.form if verb.passive and preposition == "by" else "",
        )
    if not many and noun.quantity != "many":
        return Relation(
            table.name,
            other.name,
            many=False,
            optional=verb.optional,
            lemma=verb.lemma,
            role=role,
            exact=noun.quantity == "one",
        )
    return Relation(table.name, other.name, many=True, lemma=verb.lemma, optional=verb.optional)


def _counted(ground: Ground, table: Table, text: str) -> bool:
    """A plural in brackets that names no thing is a number: "rooms (name, beds)"."""
    noun = read_noun(text)
    word = text.strip().lower()
    if noun is None or not noun.plural or noun.quantity or not word.isalpha() or ground.is_thing(noun):
        return False
    if kind_of(noun.words).type != "text" or kind_of((word,)).type != "text" or word in KEPT_PLURAL:
        return False
    ground.add(table, Attribute(noun, (word,), "integer", required=True))
    return True


_PASSIVE_MANY = word_set("""
    tag label show exhibit display use perform translate offer mention feature include list serve register enrol
    enroll invite share link associate connect play teach sell like bookmark favourite favorite follow read
    watch attend assign categorise categorize classify recommend cover cite quote reference stock
    """)
"""What is done to many: "tagged with tags"; otherwise "stored in boxes" is one box for each."""


def _self_role(verb: Verb, role: tuple[str, ...]) -> tuple[str, ...]:
    if verb.lemma in ("report",) or verb.form in ("managed", "supervised", "led"):
        return ("manager",) if verb.form != "supervised" else ("supervisor",)
    if verb.lemma == "replace":
        return ("replaced_by",) if verb.passive else ("replaces",)
    return role or ("parent",)


def _may_be_thing(noun: Noun, verb: Verb, *, many: bool) -> bool:
    if is_value(noun.words) and (noun.quantity != "many" or kind_of(noun.words).type != "text"):
        return False
    return len(noun.words) <= 3 and (
        many
        or verb.lemma in TO_ONE
        or noun.quantity == "one"
        or verb.preposition == "by"
        or (verb.passive and noun.plural)
        or bool(noun.determiner in ("a", "an") and verb.lemma not in ("start", "end", "default"))
    )
