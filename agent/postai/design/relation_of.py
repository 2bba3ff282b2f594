"""One noun phrase behind a verb as a relation: to one or many, to what, and which side holds the key."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.attributes import KEPT_PLURAL
from postai.design.details import Attribute
from postai.design.discovering import NO_NAME, TO_ONE
from postai.design.draft import Table
from postai.design.ground import ROLE_WORDS, Ground
from postai.design.having import has_item
from postai.design.kinds import is_person, is_value, kind_of
from postai.design.lists import split_list
from postai.design.nouns import Noun, read_noun
from postai.design.relations import MANY_MANY, Relation, nominals
from postai.design.verbs import Verb
from postai.language.word_set import word_set

WHEN_MARK = re.compile(r"(?:(?:remember|store|record|keep|note|track|with|and|since) )*(?:since )?when\b.*", re.I)


def is_mark(one: str) -> bool:
    """Whether words in brackets speak of the relation, not of what is related: "n:m", "remember when"."""
    return bool(re.fullmatch(r"many.to.many|one.to.many|[nm1]:[nm1]", one, re.I) or WHEN_MARK.fullmatch(one))


def one_relation(ground: Ground, table: Table, verb: Verb, text: str, preposition: str) -> Relation | None:
    """The relation of a table to what a phrase names; None where it names a value or nothing.

    Args:
        preposition: that stands before the phrase.
    """
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
                else " ".join(ground.shelter.raw_marks(text)[:1]),
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
    if many and not verb.passive and noun.quantity != "many" and verb.lemma in _LYING and preposition:
        many = False
    if verb.passive and preposition == "into" and verb.lemma in _PARTING and noun.plural:
        target = ground.find_table(noun) or ground.thing(noun)
        return Relation(table.name, target.name, many=True)
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
            if not is_mark(each) and not _counted(ground, other, each):
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
            owned=not verb.preposition and bool(re.match(r"(?:at most|up to|no more than) one\b", text.strip(), re.I)),
        )
    shared = other is table and self_said and verb.lemma not in ("have", "be", "contain", "include")
    return Relation(table.name, other.name, many=True, lemma=verb.lemma, optional=verb.optional, shared=shared)


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


_LYING = word_set("lie stand hang sit live stay reside park grow dock rest")
_PARTING = word_set("cut divide split break subdivide partition saw")
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
        or (noun.plural and (verb.passive or verb.lemma in _LYING))
        or bool(noun.determiner in ("a", "an") and verb.lemma not in ("start", "end", "default"))
    )
