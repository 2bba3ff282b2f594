"""Reads what a thing is or does to another: verbs between two things become relations."""

from __future__ import annotations

import re

from postai.design.attributes import Attribute, read_attribute, split_list
from postai.design.discovering import NO_NAME, TO_ONE
from postai.design.draft import Table
from postai.design.ground import ROLE_WORDS, Ground
from postai.design.having import has, has_item, known_objects, with_attributes
from postai.design.kinds import kind_of
from postai.design.nouns import Noun, read_noun
from postai.design.relations import MANY_MANY, NOMINALS, Relation, nominals
from postai.design.sentences import STORING, Verb
from postai.design.shelter import values_of


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
    if verb.lemma == "be":
        return _is(ground, table, rest, verb)
    return _relates(ground, table, verb, rest)


_HAVING = frozenset(["have", "name", "state", "mention", "specify"])


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
    if found := re.match(r"(?:either\s+|one of\s+|exactly one of\s+)?(?P<v>.+?\s+or\s+.+)$", rest, re.I):
        values = values_of(ground.shelter.open(re.sub(r"^(?:either|one of)\s*:?\s*", "", rest, flags=re.I)))
        if len(values) > 1 and all(len(one.split()) <= 2 for one in values) and not verb.negated:
            nouns = bool(re.match(r"(?:either\s+)?an?\s", rest, re.I))
            existing = next(
                (one for name in ("status", "state", "type", "kind") if (one := ground.find_column(table, (name,)))),
                None,
            )
            name = existing.name if existing else "type" if nouns else "status"
            made = Attribute(Noun((name,)), (name,), "text", values=values, required=True)
            ground.add(table, made)
            return True
    if (
        found := re.match(r"(?:for|of|in|on|at|about|from|part of|under|by)\s+(?P<rest>.+)$", rest, re.I)
    ) and not verb.negated:
        return _relates(ground, table, Verb("belong", optional=verb.optional, preposition="in"), found["rest"])
    if re.match(r"(?:not\s+)?(?:an?\s+)?\w+\s+(?:when|at|on|by default|initially|unless|until)\b", low):
        return False
    if found := re.match(r"(?P<adj>located|based|made|born|due|free|full)\b", low):
        return False
    return False


def _relates(ground: Ground, table: Table, verb: Verb, rest: str) -> bool:
    """A verb between two things."""
    core = re.sub(r"^(?:of|to|by|in|on|at|for|with)\s+", "", rest)
    not_self = bool(
        re.search(
            r"\b(?:but )?not (?:themselves|itself|himself|oneself)\b|\bcannot \w+ (?:themselves|itself)", core, re.I
        )
    )
    core = re.sub(r",?\s*(?:but|and)\s+(?:not|never)\s+(?:themselves|itself|themself|himself)\b", "", core, flags=re.I)
    once = re.search(r"\b(?:only once|at most once|just once|once only|not twice)\b", core, re.I)
    again = re.search(r"\b(?:more than once|several times|many times|multiple times|repeatedly|again)\b", core, re.I)
    core = re.sub(
        r",?\s*\b(?:only once|at most once|just once|once only|more than once|several times|many times|multiple "
        r"times|repeatedly|for the second time)\b.*$",
        "",
        core,
        flags=re.I,
    )
    ordered = re.search(
        r"\s*,?\s+in (?:a (?:certain|specific|given|fixed|particular|defined)|an?|their own|its own) (?:order|"
        r"sequence|position)\b|\s+in order\b",
        core,
        re.I,
    )
    if ordered:
        core = core[: ordered.start()]
    head, sep, tail = re.sub(r",?\s+with\s+", "\x00", core, count=1).partition("\x00")
    if (
        (
            found := re.search(
                r"\bfrom\s+(?:one|an?|the)\s+(?P<a>[\w ]+?)\s+to\s+(?:another|an?|the|one)(?:\s+(?P<b>[\w ]+?"
                r"))?(?=$|,)",
                head,
                re.I,
            )
        )
        and (noun := read_noun(found["a"]))
        and ground.is_thing(noun)
    ):
        other = ground.thing(noun)
        for role in ("from", "to"):
            ground.relations.append(Relation(table.name, other.name, many=False, role=(role, *other.noun)))
        return True
    done = False
    made: list[Relation] = []
    scores = re.search(r"\s+(?:from|on a scale (?:of|from))\s+(?P<a>\d+)\s+to\s+(?P<b>\d+)(?:\s+stars)?$", head, re.I)
    if scores:
        head = head[: scores.start()]
    nominal = verb.lemma in NOMINALS
    for item in split_list(head, ground.shelter):
        first: Relation | None = None
        for part in re.split(
            r"\s+(?:on|in|at|to|for|from|of|by)\s+(?=(?:an?|the|one|each|exactly|several|many|his|her|their|its|"
            r"another|other|some|multiple|at most|up to)\s|\w+s$)",
            item,
        ):
            relation = _one_relation(ground, table, verb, part)
            if relation is None:
                attribute = _plain_object(ground, table, verb, item, part) or _dated(ground, table, part)
                done = done or attribute
                continue
            relation.not_self = not_self
            if (
                first is not None
                and first.many
                and relation.b not in (first.b, first.a)
                and not (nominal and ground.has_nominal(verb.lemma))
            ):
                ground.relations.append(
                    Relation(first.b, relation.b, many=False)
                )  # "tenants sign leases for apartments"
                continue
            first = first or relation
            if scores:
                relation.attributes.append(
                    Attribute(
                        Noun(("rating",)),
                        ("rating",),
                        "integer",
                        required=True,
                        checks=[f"{{c}} BETWEEN {scores['a']} AND {scores['b']}"],
                    )
                )
            made.append(relation)
    for relation in made:
        pair = frozenset((relation.a, relation.b))
        if once:
            ground.pairing.once.add(pair)
        if again:
            ground.pairing.repeated.add(pair)
        if ordered:
            relation.attributes.append(Attribute(Noun(("position",)), ("position",), "integer", required=True))
        if sep and relation is made[0]:
            with_attributes(ground, relation, tail)
        ground.relations.append(relation)
    return bool(made) or done


def _dated(ground: Ground, table: Table, part: str) -> bool:
    """A moment of what is done: "made from an arrival date to a departure date"."""
    attribute = read_attribute(re.sub(r"^(?:from|to|until|on|at|by)\s+", "", part), ground.shelter)
    if attribute is None or attribute.type not in ("date", "timestamptz") or len(attribute.name) < 2:
        return False
    ground.add(table, attribute)
    return True


def _plain_object(ground: Ground, table: Table, verb: Verb, item: str, part: str) -> bool:
    """An object that is no thing: an attribute of the subject, said with another verb than have."""
    if (
        part != item
        or verb.passive
        or verb.lemma
        not in (
            "contain",
            "include",
            "get",
            "require",
            "need",
            "carry",
            "receive",
            "hold",
            "give",
            "store",
            "keep",
            "record",
        )
    ):
        return False
    attribute = read_attribute(part, ground.shelter)
    if attribute is None:
        return False
    ground.add(table, attribute)
    return True


def _one_relation(ground: Ground, table: Table, verb: Verb, text: str) -> Relation | None:
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
    if (
        (
            played := re.search(
                r"\b(?:who|which|that)\s+(?:is|are)\s+(?:also\s+)?(?:an?|another)\s+(?P<who>\w+(?: \w+)?)", text, re.I
            )
        )
        and (who := read_noun(played["who"]))
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
    if many and verb.passive and verb.preposition == "by" and noun.quantity != "many":
        many = False
    if not verb.passive and verb.lemma in MANY_MANY and re.search(r"\sper\s", text):
        many = True
    if not verb.passive and noun.quantity != "one" and ground.has_nominal(verb.lemma):
        many = True  # every time it is done is a row of its own
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
                        noun.determiner in ("a", "an")
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
            has_item(ground, other, each, Verb("have"))
    if other.name == table.name and not self_said and not many:
        role = role or ("parent",)
    if other.name == table.name and not many:
        return Relation(
            table.name, other.name, many=False, optional=True, lemma=verb.lemma, role=_self_role(verb, role)
        )
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


def _self_role(verb: Verb, role: tuple[str, ...]) -> tuple[str, ...]:
    if verb.lemma in ("report",) or verb.form in ("managed", "supervised", "led"):
        return ("manager",) if verb.form != "supervised" else ("supervisor",)
    if verb.lemma == "replace":
        return ("replaced_by",) if verb.passive else ("replaces",)
    return role or ("parent",)


def _may_be_thing(noun: Noun, verb: Verb, *, many: bool) -> bool:
    if kind_of(noun.words).type != "text" and noun.quantity != "many":
        return False
    return len(noun.words) <= 3 and (
        many
        or verb.lemma in TO_ONE
        or noun.quantity == "one"
        or verb.preposition == "by"
        or bool(noun.determiner in ("a", "an") and verb.lemma not in ("start", "end", "default"))
    )
