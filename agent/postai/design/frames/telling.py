"""Reads clauses one after the other: what things have, and how they belong together."""

from __future__ import annotations

import re

from postai.design.frames.arguments import notation
from postai.design.frames.clauses import Clause, read_clause
from postai.design.frames.grammar import US
from postai.design.frames.having import joined_items, read_have
from postai.design.frames.naming import systems
from postai.design.frames.once import once
from postai.design.frames.ours import read_ours
from postai.design.frames.phrases import items_of
from postai.design.frames.predicates import LOG
from postai.design.frames.sayings import looked_up, of_value, removed
from postai.design.frames.storing import read_log
from postai.design.frames.subjects import read_subject
from postai.design.frames.tokens import text_of, tokens_of
from postai.design.frames.world import Link, World
from postai.design.nouns import read_noun
from postai.design.rules import read_rule


def tell(world: World) -> None:
    """Read all clauses."""
    system = systems(world.clauses)
    for number, clause in enumerate(world.clauses):
        world.number = number
        before = world.recent
        world.recent = []
        world.idle = False
        if not _tell_one(world, clause, number in system, before):
            if clause.verb is None and "with" in clause.rest and _title(world, clause):
                continue
            if not read_rule(world.ground, _plain(clause)) and not _title(world, clause) and not world.idle:
                world.miss(clause.text)
        if not world.recent and (clause.verb is None or clause.verb.lemma in ("be",)):
            world.recent = before


def _plain(clause: Clause) -> str:
    return re.sub(r"«([^»]*)»", r"\1", clause.text)


def _title(world: World, clause: Clause) -> bool:
    """A title or a bare list says nothing that a table would need; things of the list are made."""
    if clause.verb is not None or clause.lead:
        return False
    done = False
    if "unique" in [one.lower() for one in clause.rest[-1:]]:
        return False
    items = items_of(list(clause.rest))
    for at, item in enumerate(items):
        table = world.table(item.noun)
        if table is not None and item.noun is not None and item.noun.plural:
            done = True
            world.subject = table
            mod = next((mod for mod in item.mods if mod[0].lower() == "with"), None)
            if mod is not None:
                others = [
                    one for one in items[at + 1 :] if not (one.noun and one.noun.plural and world.table(one.noun))
                ]
                read_have(world, table, joined_items(mod, item, others), clause)
                for one in items[at + 1 :]:
                    world.table(one.noun)
                return True
            for each in item.each:
                world.add(table, each)
    sentence = [one for one in world.clauses if one.sentence == clause.sentence]
    return done or (clause is sentence[0] and len(clause.rest) <= 8)


def _tell_one(world: World, clause: Clause, system: bool, before: list[Link]) -> bool:
    listed = notation(clause)
    if listed:
        for noun, inner in listed:
            table = world.table(noun)
            if table is None:
                return False
            world.subject = table
            if inner:
                read_have(world, table, inner, clause)
        return True
    if removed(world, clause) or once(world, clause):
        return True
    if clause.verb is None:
        return _many_to_many(world, clause) or _all_unique(world, clause)
    if looked_up(world, clause):
        return True
    low = clause.subject[0].lower() if clause.subject else ""
    if clause.verb.lemma in LOG and not clause.verb.passive and (not clause.subject or low in US):
        return read_log(world, clause, before)
    if not clause.subject:
        return False
    if low in US or system:
        return read_ours(world, clause)
    if low == "there":
        return _exist(world, clause)
    return read_subject(world, clause)


def _many_to_many(world: World, clause: Clause) -> bool:
    """ "packages <-> maintainers many to many"."""
    tokens = list(clause.rest)
    spot = next((i for i, one in enumerate(tokens) if one in ("<->", "->")), None)
    if spot is None:
        return False
    a, b = (
        world.table(read_noun(text_of(tokens[:spot]))),
        world.table(read_noun(tokens[spot + 1])) if tokens[spot + 1 :] else None,
    )
    if b is None and tokens[spot + 2 :]:
        b = world.table(read_noun(text_of(tokens[spot + 1 : spot + 3])))
    if a is None or b is None:
        return False
    world.link(Link(a.name, b.name, many=True))
    world.link(Link(b.name, a.name, many=True))
    return True


def _all_unique(world: World, clause: Clause) -> bool:
    """ "Container numbers, port codes and ship names are unique"."""
    found = re.match(
        r"^(?P<l>.+?) (?:is|are|must be|have to be) (?P<r>unique.*|required|optional)$", text_of(list(clause.rest))
    )
    if found is None:
        return False
    done = True
    for piece in re.split(r",\s*(?:and\s+)?|\s+and\s+", found["l"]):
        made = read_clause(tokens_of(f"{piece} are {found['r']}"), clause.sentence)
        done = done and made.verb is not None and of_value(world, made)
    return done


def _exist(world: World, clause: Clause) -> bool:
    done = False
    for item in items_of(list(clause.rest)):
        done |= world.table(item.noun) is not None
    return done
