"""Reads what we, or those who keep the data, have and do: things that are there."""

from __future__ import annotations

from dataclasses import replace

from postai.design.draft import Table
from postai.design.frames.arguments import prepositional
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import US
from postai.design.frames.having import read_have
from postai.design.frames.phrases import Item, items_of, read_item
from postai.design.frames.tokens import text_of
from postai.design.frames.world import Act, Link, World
from postai.design.nouns import read_noun


def read_ours(world: World, clause: Clause) -> bool:
    """ "We repair clocks", "a zoo has animals": what is named is there."""
    assert clause.verb is not None
    found: list[Table] = []
    for prep, part in prepositional(list(clause.rest)):
        if prep == "with" and found and not any(world.table(item.noun) for item in items_of(part)):
            read_have(world, found[-1], part, replace(clause, verb=None))
            continue
        for item in items_of(part):
            noun = item.noun
            if noun is None:
                continue
            owner = None
            if "of" in noun.words and (cut := noun.words.index("of")):
                owner = world.table(read_noun(" ".join(noun.words[cut + 1 :])))
                noun = read_noun(text_of(item.core[: [one.lower() for one in item.core].index("of")])) or noun
            table = world.table(noun)
            if table is None:
                if owner is not None:
                    found.append(owner)
                continue
            if owner is not None and owner is not table:
                world.link(Link(table.name, owner.name, lemma="belong"))
            if (
                found
                and prep in ("to", "from", "for", "of", "in", "on", "at")
                and item.noun is not None
                and item.noun.plural
                and found[-1] is not table
            ):
                world.link(Link(found[-1].name, table.name, many=True, vague=True, lemma="belong", prep=prep))
            found.append(table)
            _each_of(world, table, item)
            for mod in item.mods:
                if mod[0].lower() == "with" and not prep:
                    read_have(world, table, mod[1:], clause)
    if not found and clause.verb.lemma not in ("want", "need", "sell", "run", "manage"):
        return bool(items_of(list(clause.rest)))
    world.object = found[-1] if found else world.object
    if found and clause.subject[0].lower() in US:
        world.acts.append(
            Act(world.number, clause.sentence, clause.verb.lemma, tuple(dict.fromkeys(one.name for one in found)))
        )
        lead = topic_of(world, clause)
        if lead is not None and lead not in found:
            for one in found:
                world.link(Link(lead.name, one.name, many=True, lemma=clause.verb.lemma))
    return True


def _each_of(world: World, table: Table, item: Item) -> None:
    for each in item.each:
        target = world.table(each.noun) if each.noun else None
        if target is not None and target is not table:
            world.link(Link(table.name, target.name, many=bool(each.noun and each.noun.plural)))
        else:
            world.add(table, each)


def names_things(world: World, clause: Clause) -> bool:
    return any(
        world.table(item.noun) is not None for _, part in prepositional(list(clause.rest)) for item in items_of(part)
    )


def topic_of(world: World, clause: Clause) -> Table | None:
    """The thing of "for every handover", "per part used"."""
    if not clause.lead:
        return None
    lead = list(clause.lead)
    noun = read_item([one for one in lead[1:] if one.lower() not in ("one",)] or lead).noun
    if noun is None:
        return None
    if "of" in noun.words and noun.words.index("of"):
        noun = read_noun(" ".join(noun.words[: noun.words.index("of")]))
    return world.table(noun)
