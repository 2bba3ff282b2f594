"""Reads clauses by their subject: whose predicate it is."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.draft import Table
from postai.design.frames.arguments import prepositional
from postai.design.frames.binding import Values, bound
from postai.design.frames.clauses import Clause
from postai.design.frames.having import read_have
from postai.design.frames.ours import names_things, read_ours, topic_of
from postai.design.frames.phrases import Item, items_of, read_item
from postai.design.frames.predicates import read_predicate
from postai.design.frames.sayings import of_value
from postai.design.frames.tokens import Tokens, comma_parts, text_of, tokens_of
from postai.design.frames.traits import attribute_of
from postai.design.frames.world import Link, World
from postai.design.nouns import read_noun
from postai.language.word_set import word_set

_PRONOUN = word_set("it they he she")


def read_subject(world: World, clause: Clause) -> bool:
    subject = list(clause.subject)
    low = [one.lower() for one in subject]
    assert clause.verb is not None
    if of_value(world, clause):
        return True
    extra: list[Tokens] = []
    if low[0] in _PRONOUN:
        table = world.subject
        if table is None and names_things(world, clause):
            return read_ours(world, clause)
    elif (low[:1] == ["each"] and len(low) == 1) or low in (
        ["each", "one"],
        ["all", "of", "them"],
        ["each", "of", "them"],
        ["every", "one"],
    ):
        table = world.object or world.subject
    elif low == ["one"] or (low[:1] == ["most"] and len(low) == 1):
        return True
    else:
        item = read_item([one for one in subject if one != ","])
        noun = item.noun
        if noun and "of" in noun.words:
            cut = noun.words.index("of")
            behind = [one for one in subject if one != ","][low.index("of") + 1 :]
            noun = read_noun(text_of(subject[: low.index("of")])) if cut else noun
            extra.append(["of", *behind])
        table = world.table(noun)
        extra += item.mods
        if table is None and noun is None:
            return False
    verb = clause.verb
    if (
        verb.passive
        and verb.lemma in ("store", "record", "log", "keep", "save")
        and clause.rest[:1]
        and clause.rest[0].lower() == "as"
    ):
        kept = world.table(read_item(list(clause.rest[1:])).noun)
        if kept is not None:
            world.subject = kept
            for mod in extra:
                _behind_subject(world, kept, mod, clause)
            return True
    also = re.match(r"(?P<z>[a-z]+(?: [a-z]+)?s|people) with (?P<l>.+)$", text_of(list(clause.rest)))
    if verb.lemma == "be" and also:
        other = world.table(read_noun(also["z"])) or table
        if other is not None:
            world.subject = other
            return read_have(world, other, bound(tokens_of(also["l"])), replace(clause, verb=None))
    if table is None and extra and any(world.table(read_item(mod[1:]).noun) for mod in extra if len(mod) > 1):
        return True
    if (
        table is None
        and low[0] in ("the", "its", "their")
        and clause.verb.lemma == "be"
        and clause.rest
        and isinstance(clause.rest[0], Values)
    ):
        return _value_said(world, subject, clause)
    if table is None and clause.lead and _at_topic(world, clause):
        return True
    if table is None:
        return (
            read_ours(world, clause)
            if subject and low[0] in ("a", "an", "the", "our") and names_things(world, clause)
            else False
        )
    world.subject = table
    world.described.add(table.name)
    for mod in extra:
        _behind_subject(world, table, mod, clause)
    return read_predicate(world, table, clause)


def _value_said(world: World, subject: Tokens, clause: Clause) -> bool:
    """ "The answer is yes, no or open": a value of what was told before."""
    made = attribute_of(Item(subject, read_noun(text_of(subject)), comma_parts(list(clause.rest))))
    if made is None:
        return False
    held = next(
        (
            one
            for one in reversed(world.links)
            if one.number >= world.number - 2 and (one.vague or one.apart or one.many)
        ),
        None,
    )
    if held is not None:
        held.attributes.append(made)
    elif world.subject is not None:
        world.put(world.subject, made)
    return held is not None or world.subject is not None


def _at_topic(world: World, clause: Clause) -> bool:
    """ "After a ride the rider can leave a rating": a value of what the sentence begins with."""
    topic = topic_of(world, clause)
    if topic is None or clause.verb is None:
        return False
    values = [
        value
        for prep, part in prepositional(list(clause.rest))
        if not prep
        for item in items_of(part)
        if (value := attribute_of(item))
    ]
    for value in values:
        value.required = False if clause.verb.may else value.required
        world.put(topic, value)
    return bool(values)


def _behind_subject(world: World, table: Table, mod: Tokens, clause: Clause) -> None:
    """ "Every click on a link", "reviewers, who have a unique email,"."""
    low = [one.lower() for one in mod]
    if low[0] in ("who", "which", "that") and low[1:2] and low[1] in ("has", "have"):
        read_have(world, table, mod[2:], clause)
        return
    if low[0] in ("identified", "known") and low[1:2] == ["by"]:
        item = read_item(mod[2:])
        made = attribute_of(item)
        if made is not None:
            made.unique = True
            world.put(table, made)
        return
    for prep, part in prepositional(mod):
        for item in items_of(part):
            target = world.table(item.noun)
            if target is not None and target is not table and prep:
                world.link(Link(table.name, target.name, lemma="belong", prep=prep))
