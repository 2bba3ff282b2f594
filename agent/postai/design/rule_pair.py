"""Sentences about two references to the same thing, and about what cannot be taken twice."""

from __future__ import annotations

import re

from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.having import has
from postai.design.nouns import Noun, read_noun
from postai.design.relations import NOMINALS, Relation
from postai.design.things import named_thing
from postai.design.verbs import Verb, lemma_of

_MODAL = r"(?:must|should|has to|have to|can|may|are|is|do|does|will|cannot|shall)"
_DIFFER = re.compile(
    rf"^(?:the |its |their |a \w+'s )?(?P<a>[\w ]+?) and (?:the |its |their )?(?P<b>[\w ]+?) (?:{_MODAL} (?:always "
    rf"|never |not )?(?:be )?)?"
    r"(?P<how>differ|different|distinct|not the same|never the same|the same|not equal|equal|identical)(?: from "
    r"each other)?$",
    re.I,
)
_TWICE = re.compile(
    r"^(?:and |but )?(?:no (?P<x>[\w ]+?) (?:can|may|must|should|is|are)(?: ever)?|(?:the same|an?|one|each) "
    r"(?P<x2>[\w ]+?) (?:cannot|can never|may not|"
    r"must not|must never|should not|is never)(?: ever)?) (?:be )?(?P<v>\w+) (?:twice|more than once|a second time|"
    r"to two [\w ]+?|by two [\w ]+?)"
    r"(?: (?:for|on|in|at|to|within|by|during|per) (?P<y>(?:the same|one|an?|any|each|the|that) [\w ]+))?$",
    re.I,
)
_TWO = re.compile(
    r"^(?:(?:an?|each|every|the) (?P<t>[\w ]+?) (?:is|are|can be)? ?(?P<v>\w+?)s? (?:by |between |with |from |of |"
    r"for |against )?(?:exactly )?"
    r"two (?:different |distinct |other )?(?P<w>[\w]+s)|"
    r"two (?:different |distinct )?(?P<w2>[\w]+s) (?P<v2>\w+) (?:against each other |with each other )?(?:in|at|"
    r"for|on) (?:an?|each|every|one) (?P<t2>[\w ]+?))"
    r"(?:,? (?P<roles>(?:the )?(?:one|first).+))?$",
    re.I,
)
_TWO_OF = re.compile(
    r"^(?P<a>(?:an?|no|one|each|every|the same|any) [\w ]+?) (?:cannot|can never|must not|may not|can not|can|must "
    r"never|may never|may|gets?|has|have|should not|receives?|holds?|is given)"
    r"(?: (?:have|get|receive|hold|host|contain|take|be given))?(?: only)? (?P<n>two|more than one|multiple|"
    r"several|at most one|only one|no more than one|one) (?P<b>[\w ]+?)"
    r" (?:in|on|at|for|per|during|within|with) (?P<l>(?:the same |any one |each |every |any |one )?[\w ]+(?:,? "
    r"(?:and|or|,) (?:the same |in the same |per )?[\w ]+)*)"
    r"(?: at the same time)?$",
    re.I,
)
_TWO_DO = re.compile(
    r"^two (?P<w>\w+s|people) (?:can|may|could|are|get)?(?: be| get)? ?(?P<v>\w+)(?: to each other| with each other)?$",
    re.I,
)
_EVENT = re.compile(
    r"^(?:when|whenever|each time|every time|each time that|once|if) (?P<x>(?:an?|one|the|our) [\w ]+?|\w+s) "
    r"(?P<be>is |are |gets? )?(?P<v>[a-z]+)(?: (?:up|in|out|off))?"
    r"(?: (?:at|in|on|with|by|through|to|from|for) (?P<y>(?:an?|one|the) [\w ]+?))?,? (?:we|the system|it is|there "
    r"is) (?:also |must |need to |want to )?"
    r"(?:store|record|keep|save|note|log|remember|register|track|recorded|stored)(?: down)? (?P<l>.+)$",
    re.I,
)
_SAME_TIME = re.compile(
    r"^(?:no )?two (?P<x>[\w ]+?) (?:on|in|of|at|for|by|with) the same (?P<y>[\w ]+?) (?:never|cannot|can never|"
    r"must not|may not|can|may|must never|ever) (?:ever )?(?:\w+ )?"
    r"(?:at|on) the same (?P<t>time|moment|minute|day|date|hour)$",
    re.I,
)
_NOT_ROLE = frozenset(
    [
        "has",
        "is",
        "at",
        "as",
        "the",
        "with",
        "plays",
        "playing",
        "and",
        "one",
        "other",
        "a",
        "an",
        "in",
        "on",
        "of",
        "are",
        "being",
    ]
)


def pair_rule(ground: Ground, text: str) -> bool:
    """Read a sentence about two references to one thing; False where it is none."""
    if ground.existing:
        return False
    if found := _TWO.match(text):
        return _two(ground, found["t"] or found["t2"], found["w"] or found["w2"], found["roles"] or "")
    if (found := _ROLES.match(text)) and (made := _open_pair(ground)):
        return _name_roles(made, text)
    if found := _DIFFER.match(text):
        same = "same" in found["how"] or found["how"].lower() in ("equal", "identical")
        negated = re.search(r"\b(?:not|never|cannot)\b", text, re.I)
        return (not same or bool(negated)) and _differ(ground, found["a"], found["b"], text)
    if (found := _TWO_OF.match(text)) and _one_of_each(ground, found, text):
        return True
    if (found := _TWO_DO.match(text)) and (lemma := lemma_of(found["v"])) in _BETWEEN_TWO:
        return _two(ground, _BETWEEN_TWO[lemma], found["w"], "")
    if found := _SAME_TIME.match(text):
        return _same_time(ground, found["x"], found["y"], text)
    if (found := _EVENT.match(text)) and _event(ground, found):
        return True
    if found := _TWICE.match(text):
        return _twice(ground, found["x"] or found["x2"], found["y"] or "", text)
    return False


_ROLES = re.compile(r"^one .+ (?:and|,) (?:the other|one) .+$", re.I)


_BETWEEN_TWO = {
    "marry": "marriage", "befriend": "friendship", "match": "match", "engage": "engagement", "pair": "pairing",
    "link": "link", "connect": "connection", "relate": "relation",
}  # fmt: skip


def _same_time(ground: Ground, rows: str, scope: str, text: str) -> bool:
    """ "Two broadcasts on the same channel never start at the same moment"."""

    def say() -> bool:
        table, noun = named_thing(ground, rows), read_noun(scope)
        by = ground.key_or_column(table, noun) if table and noun else None
        moments = [one.name for one in table.columns.values() if one.type.startswith(("date", "time"))] if table else []
        begins = [one for one in moments if "start" in one or "begin" in one] or moments
        if table is None or by is None or not begins:
            return False
        table.add_unique((by, begins[0]))
        return True

    ground.defer(say, text)
    return True


def _one_of_each(ground: Ground, found: re.Match[str], text: str) -> bool:
    """ "A room cannot have two lessons in the same period", "a shop gets at most one delivery per day"."""
    negated = re.search(r"\b(?:cannot|never|not|no)\b", text[: found.start("n")], re.I)
    if (found["n"].lower() in ("two", "more than one", "multiple", "several")) != bool(negated):
        return False
    a, b = read_noun(re.sub(r"^(?:the )?same |^no ", "", found["a"])), read_noun(found["b"])
    scopes = [
        read_noun(re.sub(r"^(?:in |per |for )?(?:the )?(?:same )?", "", one))
        for one in re.split(r",? and |,? or |, ", found["l"])
    ]
    if a is None or b is None or not ground.is_thing(b) or None in scopes:
        return False

    def say() -> bool:
        table = ground.find_table(b)
        if table is None:
            return False
        names = [ground.key_or_column(table, one) for one in (a, *scopes) if one]
        days = [one.name for one in table.columns.values() if one.type in ("date",)]
        for at, one in enumerate(scopes, 1):
            if names[at] is None and one and one.head in ("day", "date") and len(days) == 1:
                names[at] = days[0]
        if None in names:
            return False
        table.add_unique(tuple(one for one in names if one))
        return True

    ground.defer(say, text)
    return True


def _event(ground: Ground, found: re.Match[str]) -> bool:
    """ "Each time a pass is used at a lift we store the time of the scan": a table of what happens."""
    x, y = read_noun(found["x"]), read_noun(found["y"]) if found["y"] else None
    lemma = lemma_of(found["v"])
    if x is None or not lemma or lemma in ("delete", "remove", "create", "be"):
        return False
    listed = found["l"]
    named = re.search(r"\b(?:time|date|moment|day) of the (?P<n>\w+)", listed, re.I)
    event = (
        named["n"].lower()
        if named
        else next((one for one in NOMINALS.get(lemma, "").split()), f"{lemma.removesuffix('e')}ing")
    )
    noun = read_noun(event)
    if noun is None:
        return False
    table = ground.thing(noun)
    ground.subject = table.name
    for one in (x, y):
        if one is not None and ground.is_thing(one):
            ground.relations.append(Relation(table.name, ground.thing(one).name, many=False))
    listed = re.sub(r"\b(?:its|their|his|her)\b", "the", listed)
    done = has(ground, table, re.sub(r"\b(time|date|moment|day) of the \w+", r"\1", listed), Verb("have"))
    table.rules = [one for one in table.rules if one.kind != "unique"]  # what happens may happen again
    return done


def _open_pair(ground: Ground) -> list[Relation]:
    """The two references that were made last, where they have no names yet."""
    made = ground.relations[-2:]
    open_ones = [one for one in made if one.role[:1] in (("first",), ("second",))]
    return made if len(open_ones) == 2 else []


def _two(ground: Ground, holder: str, what: str, roles: str) -> bool:
    noun, other = read_noun(holder), read_noun(what)
    if noun is None or other is None or not ground.is_thing(other):
        return False
    table, target = ground.thing(noun), ground.thing(other)
    if table is target:
        return False
    ground.subject = table.name
    ground.topic[table.name] += 1
    for word in ("first", "second"):
        ground.relations.append(Relation(table.name, target.name, many=False, role=(word, *target.noun)))
    if roles:
        _name_roles(ground.relations[-2:], roles)
    ground.defer(lambda: _differ_keys(table, target), what)
    return True


def _name_roles(made: list[Relation], text: str) -> bool:
    """ "One at home and one away": home and away."""
    parts = re.split(r",?\s+and\s+(?=one\b|the other\b)|,\s+(?=one\b|the other\b)", text)
    if len(parts) != len(made):
        return False
    for one, part in zip(made, parts, strict=True):
        words = [word for word in re.findall(r"[a-z]+", part.lower()) if word not in _NOT_ROLE]
        if words:
            one.role = (words[-1], *one.role[1:])
    return True


def _keys(table: Table, target: str) -> list[str]:
    return [one.columns[0] for one in table.keys_to(target)]


def _differ_keys(table: Table, target: Table) -> bool:
    keys = _keys(table, target.name)
    if len(keys) == 2:
        table.add_check(tuple(keys), f"{keys[0]} <> {keys[1]}")
    return len(keys) == 2


def _differ(ground: Ground, one: str, other: str, text: str) -> bool:
    subject = ground.subject

    def say() -> bool:
        tables = sorted(ground.draft.tables.values(), key=lambda each: each.name != subject)
        nouns = [read_noun(one), read_noun(other)]
        for table in tables:
            names = [ground.key_or_column(table, each) if each else None for each in nouns]
            if names[0] and names[1] and names[0] != names[1]:
                table.add_check((names[0], names[1]), f"{names[0]} <> {names[1]}")
                return True
        for table in tables:
            for target in ground.draft.tables:
                keys = _keys(table, target)
                if len(keys) == 2 and (table.name == subject or len(tables) < 4):
                    table.add_check(tuple(keys), f"{keys[0]} <> {keys[1]}")
                    return True
        return False

    ground.defer(say, text)
    return True


def _twice(ground: Ground, what: str, scope: str, text: str) -> bool:
    """ "No seat can be sold twice for the same show": the table that refers to both has them once."""
    x, y = read_noun(what), read_noun(re.sub(r"\bsame\b|^that ", "", scope)) if scope else None
    if x is None:
        return False
    first: Noun = x

    def say() -> bool:
        for table in ground.draft.tables.values():
            if table.noun == first.words or (y and table.noun == y.words):
                continue
            one = ground.key_or_column(table, first)
            by = ground.key_or_column(table, y) if y else None
            if one and (by or not y) and one != by:
                table.add_unique((by, one) if by else (one,))
                return True
        return False

    ground.defer(say, text)
    return True
