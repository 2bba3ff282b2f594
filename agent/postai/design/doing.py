"""Reads what a thing is or does to another: verbs between two things become relations."""

from __future__ import annotations

import re

from postai.design.details import Attribute, apply_details, default_expression
from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.having import has, has_items, known_objects
from postai.design.kinds import is_value, kind_of
from postai.design.nouns import Noun, read_noun
from postai.design.relating import Part, relates, value_part
from postai.design.relations import MANY_MANY, Relation, nominals
from postai.design.shelter import values_of
from postai.design.verbs import STORING, Verb, is_participle, lemma_of


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
        return value_part(ground, table, verb, Part("", rest, 0), [], single=True)
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
    return relates(ground, table, verb, rest)


def _nominal_thing(ground: Ground, lemma: str) -> Table | None:
    """The table of what doing something is called: inspections for "hives are inspected"."""
    for word in nominals(lemma):
        if ground.is_thing(Noun((word,))):
            return ground.thing(Noun((word,)))
    return None


_HAVING = frozenset(["have", "name", "state", "mention", "specify", "say", "tell", "indicate"])


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
        return relates(ground, table, Verb(lemma, optional=verb.optional, preposition="of"), found["rest"])
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
        return relates(ground, table, Verb("belong", optional=verb.optional, preposition=preposition.lower()), behind)
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
        return relates(ground, table, Verb("belong", optional=verb.optional, preposition="in"), found["rest"])
    if re.match(r"(?:not\s+)?(?:an?\s+)?\w+\s+(?:when|at|on|by default|initially|unless|until)\b", low):
        return False
    if found := re.match(r"(?P<adj>located|based|made|born|due|free|full)\b", low):
        return False
    return False
