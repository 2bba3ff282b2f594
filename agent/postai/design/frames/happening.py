"""What happens, where only its verb or its time names it."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.draft import Table
from postai.design.frames.arguments import prepositional
from postai.design.frames.binding import bound
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import BE, find_verb
from postai.design.frames.having import has_one, read_have
from postai.design.frames.phrases import Item, items_of
from postai.design.frames.tokens import Tokens, text_of, tokens_of
from postai.design.frames.traits import attribute_of
from postai.design.frames.world import Link, World
from postai.design.nouns import Noun, is_plural, plural, read_noun, singular
from postai.design.relations import nominals
from postai.language.word_set import word_set


def other_of_each(world: World, rest: Tokens, topic: Table | None) -> Table | None:
    """The other thing of a pair that what is stored names: "how many votes each candidate received"."""
    low = [one.lower() for one in rest]
    if low[:2] not in (["how", "many"], ["how", "much"]) or not {"each", "every"} & set(low):
        return None
    at = next(i for i, one in enumerate(low) if one in ("each", "every"))
    found = world.table(read_noun(" ".join(low[at : at + 2])))
    return found if found is not topic else None


def named_event(world: World, lead: Tokens, rest: Tokens) -> Table | None:
    """What happens where only its verb or time is named: "each time a pass is used we store the time of the scan"."""
    low = [one.lower() for one in rest]
    spot = next(
        (i for i in range(len(low) - 2) if low[i] in ("time", "date", "moment", "day") and low[i + 1] == "of"), None
    )
    noun = (
        read_noun(text_of([one for one in rest[spot + 2 : spot + 5] if one != ","][:2])) if spot is not None else None
    )
    first = lead[0].lower() if lead else ""
    if first in ("each", "every", "when", "whenever") and len(lead) > 2:
        if (
            noun is not None and world.table(noun) is None and low[spot + 2] in ("the", "each", "this")
            if spot is not None
            else False
        ):
            words: tuple[str, ...] = (noun.words[0],) if noun else ()
        else:
            inner = find_verb(lead[2:] if first in ("each", "every") else lead[1:])
            if inner is None:
                return None
            words = (next(iter(nominals(inner.lemma)), inner.lemma),)
            if words[0] == inner.lemma and inner.lemma not in _SAME_NOUN:
                words = (f"{inner.lemma.removesuffix('e')}ing",)
        world.names.known.setdefault(words, words)
        return world.ground.make_table(Noun(world.names.known[words]))
    if noun is not None and spot is not None and low[spot + 2] in ("each", "every"):
        return world.table(noun)
    return None


_SAME_NOUN = word_set("visit call order sale scan click play trip ride test report review vote like bid")


def log_event(world: World, topic: Table, lead: Tokens, rest: Tokens, clause: Clause) -> bool:
    for _, part in prepositional([one for one in lead[1:] if one.lower() not in BE | {"time"}]):
        for item in items_of(part):
            core = list(item.core)
            while core:
                target = world.table(read_noun(text_of(core)))
                if target is not None or len(core) == 1:
                    break
                core.pop()
            if target is not None and target is not topic:
                world.link(Link(topic.name, target.name, lemma="belong"))
    text = re.sub(
        rf"\b(time|date|moment|day) of (?:the |each |every |this )?{re.escape(' '.join(topic.noun))}\b",
        r"\1",
        text_of(rest),
    )
    if not lead:
        act = next((one for one in reversed(world.acts) if one.sentence >= clause.sentence - 1), None)
        for name in act.tables if act else ():
            if name != topic.name:
                world.link(Link(topic.name, name, lemma="belong"))
    return log_items(world, topic, bound(tokens_of(text)), clause)


def counted_before(world: World, topic: Table) -> bool:
    """Whether a thing was spoken of before this clause."""
    head = topic.noun[-1]
    return any(head in [singular(one.lower()) for one in clause.tokens] for clause in world.clauses[: world.number])


def counted_elsewhere(world: World, topic: Table) -> bool:
    """Whether a thing takes part in something besides what is stored of it."""
    return any(topic.name in (one.a, one.b) for one in world.links) or any(
        topic.name in one.tables for one in world.acts
    )


def log_items(world: World, table: Table, rest: Tokens, clause: Clause) -> bool:
    done = False
    optional = bool(clause.lead) and clause.lead[0].lower() == "if"
    first = items_of(rest)[:1]
    if (
        first
        and first[0].noun is not None
        and first[0].noun.plural
        and world.table(first[0].noun) not in (None, table)
        and any(mod[0].lower() == "with" for mod in first[0].mods)
    ):
        return read_have(world, table, rest, replace(clause, verb=None))
    for item in items_of(rest):
        if [one.lower() for one in item.core] == ["later"]:
            optional = True
            continue
        if optional:
            item.mods.append(["optional"])
        roles = [one.role[0] for one in world.links if one.a == table.name and len(one.role) > 1]
        if item.mods and item.mods[0][0].lower() == "both" and len(roles) == 2 and item.noun is not None:
            many = any(is_plural(one.lower()) for one in item.core)
            for role in roles:
                words = (role, *(one for one in item.noun.words if one != "of"))
                made = attribute_of(Item(item.core, Noun(words, item.noun.plural), item.mods[1:]))
                if made is not None:
                    made.type = "integer" if made.type == "text" and many else made.type
                    made.name = (role, plural(singular(made.name[-1]))) if many else made.name
                    world.put(table, made)
            done = True
            continue
        text = text_of(item.core)
        noun = read_noun(re.sub(r"^(?:the|its|their) ", "", text)) if item.noun is not None else None
        if noun is not None and item.noun is not None:
            item.core = item.core[1:] if item.core[0].lower() in ("its", "their") else item.core
            item.noun = replace(item.noun, words=tuple(noun.words))
        done |= has_one(world, table, item, replace(clause, verb=None), False)
    world.described.add(table.name)
    world.subject = table
    return done
