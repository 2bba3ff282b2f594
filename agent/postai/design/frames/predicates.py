"""Reads the verb of a clause and what follows, for the thing that is its subject."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.acting import read_act
from postai.design.frames.being import read_be, read_state
from postai.design.frames.binding import Values
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import VerbGroup
from postai.design.frames.having import read_have
from postai.design.frames.ours import topic_of
from postai.design.frames.phrases import items_of, read_item
from postai.design.frames.storing import read_which
from postai.design.frames.tokens import Tokens, comma_parts, text_of
from postai.design.frames.traits import attribute_of, condition
from postai.design.frames.world import Link, World
from postai.design.kinds import is_value
from postai.design.nouns import Noun
from postai.design.verbs import STORING
from postai.language.word_set import word_set

_HAVE = word_set(
    "have consist contain include comprise own hold carry need require feature possess bear get say receive"
)


LOG = STORING | word_set("ask write document keep memorize")


def read_predicate(world: World, table: Table, clause: Clause) -> bool:
    """Read what is said of a thing: what it has, is, does or may be."""
    verb = clause.verb
    assert verb is not None
    rest = list(clause.rest)
    if verb.lemma == "take" and rest[:1] and rest[0].lower() in ("part", "place"):
        verb = replace(verb, lemma="participate" if rest[0].lower() == "part" else "happen")
        return read_act(world, table, replace(clause, rest=clause.rest[1:], verb=verb))
    if (said := _value_of_verb(world, table, verb, rest)) is not None:
        return said
    if verb.lemma in ("get", "receive", "earn", "achieve") and clause.shared and _of_act(world, table, rest):
        return True
    if verb.lemma == "make" and verb.passive and [one.lower() for one in rest[:2]] == ["up", "of"]:
        return read_have(world, table, rest[2:], clause)
    if verb.lemma == "nest" and verb.passive:
        world.link(Link(table.name, table.name, optional=True, role=("parent",), lemma="have"))
        return True
    if verb.lemma == "have" and clause.subject[0].lower() == "new" and _new_value(table, text_of(rest)):
        return True
    if _of_pair(world, table, clause):
        return True
    if verb.lemma == "cost" and world.table(read_item(rest).noun if rest else None) is None:
        world.put(table, Attribute(Noun(("price",)), ("price",), "numeric(12,2)"))
        return True
    first = rest[0].lower() if rest else ""
    if first == "which" and verb.lemma in _TELL:
        return read_which(world, table, rest)
    if not verb.passive and (
        (verb.lemma in _HAVE and verb.lemma not in _VALUES_ONLY)
        or (verb.lemma in _VALUES_ONLY | _GIVE and _holds_values(world, rest))
    ):
        of = verb.lemma == "consist" and first == "of"
        return not verb.negated and read_have(world, table, rest[1:] if of else rest, clause)
    if verb.lemma == "be":
        return read_be(world, table, clause)
    if verb.passive and verb.lemma in LOG and first == "with":
        return read_have(world, table, rest[1:], clause)
    return _read_default(world, table, verb, rest) or read_act(world, table, clause)


_TELL = word_set("record store say tell show note register")
_VALUES_ONLY = word_set("get receive need require say carry hold")
_GIVE = word_set("give record store show cost bear take note concern")
_PERSONS = word_set("person people persons guests")


def _value_of_verb(world: World, table: Table, verb: VerbGroup, rest: Tokens) -> bool | None:
    """A value that the verb itself names: "seats 40 people", "starts on a date"; None = it names none."""
    first = rest[0].lower() if rest else ""
    if verb.lemma in ("seat", "hold", "accommodate", "fit", "sleep", "take") and re.search(
        r"\b(?:people|persons?|guests|passengers|players|participants)$", text_of(rest).lower()
    ):
        name = "seats" if verb.lemma == "seat" else "capacity"
        made = Attribute(Noun((name,)), (name,), "integer")
        condition(made, [one for one in rest if one.lower() not in _PERSONS])
        if made.checks:
            world.put(table, made)
            return True
    if verb.passive and len(rest) > 1 and first == "as" and isinstance(rest[1], Values):
        made = Attribute(Noun(("type",)), ("type",), "text")
        for one in comma_parts(rest[1:]):
            condition(made, one)
        world.put(table, made)
        return True
    if verb.lemma in _BOUNDS and not verb.passive and first in ("on", "at"):
        item = read_item(rest[1:])
        if item.noun is not None and item.noun.words in (("date",), ("time",), ("day",)):
            words = (_BOUNDS[verb.lemma], "time" if item.noun.words == ("time",) else "date")
            return _put(world, table, attribute_of(replace(item, noun=replace(item.noun, words=words))))
    if verb.passive and verb.lemma == "number" and not rest:
        return _put(world, table, Attribute(Noun(("number",)), ("number",), "integer"))
    if verb.passive and verb.lemma in ("identify", "know") and first == "by":
        known_by = attribute_of(read_item(rest[1:]))
        if known_by is not None:
            known_by.unique = True
        return _put(world, table, known_by)
    return None


def _put(world: World, table: Table, made: Attribute | None) -> bool:
    if made is not None:
        world.put(table, made)
    return made is not None


def _of_pair(world: World, table: Table, clause: Clause) -> bool:
    """ "In each race a runner has a bib number": values of the pair."""
    assert clause.verb is not None
    if not clause.lead or clause.lead[0].lower() not in ("in", "for", "at", "on"):
        return False
    other = topic_of(world, clause)
    if clause.verb.lemma not in ("have", "get", "receive") or other is None or other is table:
        return False
    items = [one for one in items_of(list(clause.rest)) if world.table(one.noun) is None]
    world.pending = [value for item in items if (value := attribute_of(item)) is not None]
    if world.pending:
        world.pairs.append((table.name, other.name, world.pending))
    return bool(world.pending)


def _read_default(world: World, table: Table, verb: VerbGroup, rest: Tokens) -> bool:
    """ "Starts as open", "is blocked by default"."""
    if (
        verb.lemma in ("start", "begin", "default")
        and rest[:1]
        and rest[0].lower() in ("as", "out", "at", "in", "to", "with")
        and read_state(world, table, text_of(rest[1:]))
    ):
        return True
    state = f"{verb.form} {text_of(rest)}"
    return verb.passive and _starts_default(rest) and read_state(world, table, state, negated=verb.negated)


_BOUNDS = {"start": "start", "begin": "start", "end": "end", "finish": "end", "expire": "expiry"}


def _of_act(world: World, table: Table, rest: Tokens) -> bool:
    """ "Runners take part in races and get a bib number": values of who takes part in what."""
    held = next((one for one in reversed(world.links) if one.number == world.number - 1 and one.a == table.name), None)
    items = items_of(rest)
    if held is None or not (held.many or held.vague) or any(world.table(one.noun) for one in items):
        return False
    values = [made for item in items if (made := attribute_of(item)) is not None]
    held.attributes += values
    return bool(values)


def _new_value(table: Table, text: str) -> bool:
    """ "New tasks have priority medium"."""
    for rule in table.rules:
        for value in rule.values:
            if re.fullmatch(rf"(?:the )?{re.escape(rule.columns[0].replace('_', ' '))} {re.escape(value)}", text, re.I):
                table.columns[rule.columns[0]].default = "'" + value.replace("'", "''") + "'"
                return True
    return False


def _starts_default(rest: Tokens) -> bool:
    return not rest or bool(
        re.match(
            r"(?:by default|at first|initially|when |unless|to begin|in the beginning|at the (?:start|beginning))",
            text_of(rest).lower(),
        )
    )


def _holds_values(world: World, rest: Tokens) -> bool:
    """Whether an object names values or single references, as what a thing has: "a passage records the vehicle"."""
    items = items_of(rest)
    if items and items[0].core[0].lower() in ("each", "every"):
        return False
    if items and items[0].noun is not None and items[0].noun.plural and world.table(items[0].noun) is not None:
        return False
    values = [one for one in items if one.noun is None or world.table(one.noun) is None]
    return len(values) > 0 and (
        len(items) > 1
        or values[0].noun is None
        or (values[0].noun.plural and is_value(values[0].noun.words))
        or (is_value(values[0].noun.words) and values[0].core[0].lower() in ("a", "an", "the", "one"))
    )
