"""Sentences about what may occur only once."""

from __future__ import annotations

import re

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.nouns import Noun, read_noun
from postai.design.relations import MANY_MANY, NOMINALS, Relation
from postai.design.things import column_by_words, named_thing
from postai.design.verbs import lemma_of

_A = r"(?:an?|the|each|every|any|all|one)"
_NO_TWO = re.compile(
    r"^no two\s+(?P<x>[\w ]+?)\s+(?:can |may |must |should )?(?:share|have|use|get|carry|hold)\s+(?:the same\s+|"
    r"an?\s+|one\s+|equal\s+)?(?P<c>[\w ]+?)(?:\s+(?:in|within|on|at|of|for|per)\s+(?P<scope>(?:the same|one|an?|"
    r"each|every|the|any)\s+[\w ]+))?$",
    re.I,
)
_TWO_SAME = re.compile(
    r"^two\s+(?P<x>[\w ]+?)\s+(?:of|in|on|at|from|for)\s+(?P<scope>the same\s+[\w ]+?)\s+(?:cannot|must not|may "
    r"not|can never|must never|should not)\s+(?:have|share|use|get)\s+(?:the same\s+|an?\s+|one\s+)?(?P<c>[\w ]+)$",
    re.I,
)
_ONCE_PER = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?\w+)\s+(?:can|may|must)\s+(?:only\s+)?be\s+\w+\s+(?:only\s+|at most\s+)?once\s+(?:per|"
    rf"for each|in each|for every|for the same|in the same)\s+(?P<b>\w+)$",
    re.I,
)
_NOT_SELF = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:cannot|can not|can never|must not|may not|never)\s+(?:ever\s+)?\w+(?:\s+"
    rf"(?:against|with|to|from|by))?\s+(?:itself|themselves|himself|themself|herself)$",
    re.I,
)
_NOBODY_SELF = re.compile(
    r"^(?:and |but )?(?:nobody|no one|noone)\s+(?:can |may |ever )?[\w ]+?\s(?:himself|themselves|themself|oneself|"
    r"itself)$",
    re.I,
)
_WHICH = re.compile(
    r"^(?:we\s+|also\s+)*(?:want to\s+|need to\s+|must\s+)?(?:track|record|store|know|keep track of|remember|log|"
    r"save)\s+(?:of\s+)?which\s+(?P<a>\w+)\s+(?P<verb>\w+)\s+which\s+(?P<b>\w+)$",
    re.I,
)
_ONLY_ONE = re.compile(
    rf"^(?:there\s+(?:is|are|can be|may be|must be|should be)\s+)?(?:at most|only|exactly|just|no more than)\s+one\s+"
    rf"(?P<x>[\w ]+?)\s+(?:per|for each|for every|for)\s+(?P<a>(?:{_A}\s+)?\w+(?: \w+)??)(?:\s+(?:and|in|per|in "
    rf"each|for each)\s+(?:per\s+|each\s+|every\s+|the\s+)?(?P<b>[\w ]+))?$",
    re.I,
)
_COMBINATION = re.compile(
    r"^(?:the )?combinations?\s+of\s+(?P<list>.+?)\s+(?:must be|is|are|has to be|should be|have to be)\s+unique(?:\s+"
    r"(?:in|for|within|on)\s+(?P<t>[\w ]+))?$",
    re.I,
)
_ONCE = re.compile(
    rf"^(?P<a>(?:{_A}\s+)?[\w ]+?)\s+(?:can|may|must|is allowed to|can be|should)\s+(?:only\s+)?(?P<verb>.+?)\s+"
    rf"(?P<b>(?:an?|the same|one|the|each|every)\s+[\w ]+?)\s+(?:(?:only|at most|just)\s+once|no more than once|"
    rf"once(?: only)?)$",
    re.I,
)
_AGAIN = re.compile(
    rf"^(?P<a>(?:{_A}\s+|the same\s+)?[\w ]+?)\s+(?:can|may)\s+(?P<verb>.+?)\s+(?P<b>(?:an?|the same|one|the)\s+"
    rf"[\w ]+?)\s+(?:more than once|several times|many times|multiple times|repeatedly|again)$",
    re.I,
)


def unique_rule(ground: Ground, text: str) -> bool:
    """Read what may occur only once; False where the sentence says nothing of it."""
    if found := _WHICH.match(text):
        a, b = named_thing(ground, found["a"]), named_thing(ground, found["b"])
        if a is None or b is None:
            return False
        ground.relations += [
            Relation(a.name, b.name, many=True, lemma=lemma_of(found["verb"]) or "have"),
            Relation(b.name, a.name, many=True, lemma=lemma_of(found["verb"]) or "have"),
        ][: 1 if lemma_of(found["verb"]) in MANY_MANY else 2]
        return True
    if found := _ONCE_PER.match(text):
        a, b = named_thing(ground, found["a"]), named_thing(ground, found["b"])
        return a is not None and b is not None and _pair_unique(ground, a, b, text)
    if _NOBODY_SELF.match(text) and not ground.existing:
        return _none_self(ground, text)
    if found := _NOT_SELF.match(text):
        a = named_thing(ground, found["a"])
        return a is not None and _not_self(ground, a, text)
    if found := _NO_TWO.match(text) or _TWO_SAME.match(text):
        return _no_two(ground, found["x"], found["c"], found["scope"], text)
    if found := _COMBINATION.match(text):
        parts = [one for one in (read_noun(one) for one in re.split(r"\s*,\s*|\s+and\s+", found["list"])) if one]
        return _unique_over(ground, parts, found["t"] or "", text)
    if found := _ONLY_ONE.match(text):
        x, x_text = read_noun(found["x"]), found["x"]
        scopes = [one for one in (read_noun(found["a"]), read_noun(found["b"]) if found["b"] else None) if one]
        if x is None:
            return False

        def say() -> bool:
            table = named_thing(ground, x_text)
            for candidate in [table] if table else ground.draft.tables.values():
                keys = [ground.key_or_column(candidate, one) for one in scopes]
                if None not in keys and (table or ground.find_column(candidate, x.words)):
                    candidate.add_unique(tuple(one for one in keys if one))
                    return True
            return False

        ground.defer(say, text)
        return True
    if found := _ONCE.match(text):
        return _once(ground, found["a"], found["verb"], found["b"], text)
    if found := _AGAIN.match(text):
        a, b = named_thing(ground, found["a"]), named_thing(ground, found["b"])
        if a and b:
            ground.pairing.repeated.add(frozenset((a.name, b.name)))
            return True
    return False


def _once(ground: Ground, a: str, verb: str, b: str, text: str) -> bool:
    b = re.sub(r"\bsame\b", "", b)
    one = named_thing(ground, a)
    other = named_thing(ground, b)
    if one is None or other is None:
        return False
    pair = frozenset((one.name, other.name))
    ground.pairing.once.add(pair)
    words = [lemma_of(word) for word in verb.split()]
    lemma = next((word for word in words if word in NOMINALS), "")
    if lemma and one is not other:
        ground.relations.append(Relation(one.name, other.name, many=True, lemma=lemma))

    return _pair_unique(ground, one, other, text)


def _pair_unique(ground: Ground, one: Table, other: Table, text: str) -> bool:
    def say() -> bool:
        for table in sorted(ground.draft.tables.values(), key=lambda each: each.was is not None):
            if table in (one, other):
                continue
            left, right = table.keys_to(one.name), table.keys_to(other.name)
            if left and right:
                table.add_unique((left[0].columns[0], right[-1].columns[0]))
                return True
        return False

    ground.defer(say, text)
    return True


def _none_self(ground: Ground, text: str) -> bool:
    """ "Nobody plays against himself": the two keys of one row differ, in whichever table they are."""

    def say() -> bool:
        done = False
        for table in ground.draft.tables.values():
            for target in ground.draft.tables:
                keys = [one.columns[0] for one in table.keys_to(target)]
                if len(keys) == 2:
                    table.add_check(tuple(keys), f"{keys[0]} <> {keys[1]}")
                    done = True
        return done

    ground.defer(say, text)
    return True


def _not_self(ground: Ground, thing: Table, text: str) -> bool:
    def say() -> bool:
        for table in ground.draft.tables.values():
            keys = [one.columns[0] for one in table.keys_to(thing.name)]
            if len(keys) == 2:
                table.add_check(tuple(keys), f"{keys[0]} <> {keys[1]}")
                return True
            if len(keys) == 1 and table is thing:
                table.add_check((keys[0],), f"{keys[0]} <> {table.key[0]}")
                return True
        return False

    ground.defer(say, text)
    return True


def _no_two(ground: Ground, x: str, c: str, scope: str | None, text: str) -> bool:
    columns = [one for one in (read_noun(one) for one in re.split(r"\s+and\s+(?:the same\s+)?|\s*,\s*", c)) if one]
    table = named_thing(ground, x)
    scope_noun = read_noun(re.sub(r"^the same\s+", "", scope, flags=re.I)) if scope else None
    if table is None or not columns:
        return False
    if scope_noun is None and not ground.existing:
        for one in columns:
            if ground.find_column(table, one.words) is None and not ground.is_thing(one) and len(columns) == 1:
                ground.add(table, Attribute(one, one.words, "text"))

    def say() -> bool:
        candidates = [
            table,
            *(one for one in ground.draft.tables.values() if one is not table and one.keys_to(table.name)),
        ]
        for candidate in candidates:
            names = [ground.key_or_column(candidate, one) for one in ([scope_noun] if scope_noun else []) + columns]
            if None not in names:
                candidate.add_unique(tuple(one for one in names if one))
                return True
        return False

    ground.defer(say, text)
    return True


def _unique_over(ground: Ground, parts: list[Noun], table_text: str, text: str) -> bool:
    def say() -> bool:
        tables = (
            [found]
            if table_text and (found := named_thing(ground, table_text))
            else sorted(ground.draft.tables.values(), key=lambda one: one.name != ground.subject)
        )
        for table in tables:
            names = [column_by_words(ground, table, one) for one in parts]
            moments = sum(one.head in ("date", "time", "day", "moment") for one in parts)
            if None not in names and len(set(names)) >= len(parts) - max(0, moments - 1):
                table.add_unique(tuple(dict.fromkeys(one for one in names if one)))
                return True
        return False

    ground.defer(say, text)
    return True
