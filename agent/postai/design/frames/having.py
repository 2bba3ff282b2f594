"""Reads what a thing has: its values, and the things it has one or several of."""

from __future__ import annotations

import re
from dataclasses import replace

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.arguments import alias_of, subject_noun
from postai.design.frames.binding import Group, Values
from postai.design.frames.clauses import Clause
from postai.design.frames.once import unique_over
from postai.design.frames.phrases import Item, items_of
from postai.design.frames.sayings import compared
from postai.design.frames.tokens import Tokens, text_of
from postai.design.frames.traits import attribute_of
from postai.design.frames.world import Link, World
from postai.design.ground import PERSON_ROLES, PERSONS, ROLE_WORDS
from postai.design.kinds import is_value, kind_of
from postai.design.nouns import Noun, read_noun, singular


def joined_items(mod: Tokens, item: Item, behind: list[Item]) -> Tokens:
    """What follows "with", and all phrases behind it, as one list again."""
    joined = list(mod[1:])
    for one in item.mods[item.mods.index(mod) + 1 :]:
        joined += [",", *one]
    for other in behind:
        joined += [",", *other.core]
        for number, one in enumerate(other.mods):
            joined += ([","] if number else []) + one
    return joined


def read_have(world: World, table: Table, rest: Tokens, clause: Clause) -> bool:
    verb = clause.verb
    optional = bool(verb and verb.may)
    done = False
    items = items_of(rest)
    group = [
        item
        for item in items
        if item.mods
        and re.match(r"(?:none|neither|both|all) ", text_of(item.mods[-1]).lower())
        and alias_of(item) is None
    ]
    if group:
        last = group[-1].mods.pop()
        for item in items:
            if item.noun is None or kind_of(item.noun.words).type not in ("date", "timestamptz", "text", "boolean"):
                item.mods.append(_of_all(last))
    _unique_together(world, table, items)
    _all_also(items)
    items, sides = _two_sides(world, items)
    for side, role in sides:
        world.link(Link(table.name, side.name, role=(role, *side.noun), lemma="have"))
        done = True
    for at, item in enumerate(items):
        if (
            item.noun is not None
            and at == 0
            and (item.noun.plural or item.noun.quantity == "one")
            and any(mod[0].lower() == "with" for mod in item.mods)
        ):
            target = world.table(item.noun)
            if target is not None and (target.noun not in world.names.defined or not _told_of(world, target)):
                mod = next(mod for mod in item.mods if mod[0].lower() == "with")
                joined = joined_items(mod, item, items[at + 1 :])
                world.link(
                    Link(
                        table.name,
                        target.name,
                        many=item.noun.plural,
                        lemma="have",
                        sole=item.core[0].lower() != "one",
                        optional=optional,
                    )
                )
                world.object = target
                read_have(world, target, joined, replace(clause, verb=None))
                return True
        done |= has_one(world, table, item, clause, optional)
    return done


def _two_sides(world: World, items: list[Item]) -> tuple[list[Item], list[tuple[Table, str]]]:
    """ "Two players, white and black": a key for each; the phrases without them, and the keys."""
    for at, item in enumerate(items[:-2]):
        pair = items[at + 1 : at + 3]
        target = world.table(item.noun) if item.core[0].lower() == "two" and not item.mods else None
        if target is not None and all(len(one.core) == 1 and not one.mods and one.noun for one in pair):
            return [*items[:at], *items[at + 3 :]], [(target, one.core[0].lower()) for one in pair]
    return items, []


def _unique_together(world: World, table: Table, items: list[Item]) -> None:
    """ "A brand and a name, unique together"."""
    if not items or not any("together" in [one.lower() for one in mod] for mod in items[-1].mods):
        return
    items[-1].mods = [mod for mod in items[-1].mods if "together" not in [one.lower() for one in mod]]
    nouns = [one.noun for one in items if one.noun]
    world.late.append(lambda: unique_over(world, table, nouns))


def _all_also(items: list[Item]) -> None:
    """ "A mother and a father, who are persons": said of both."""
    if len(items) < 2 or items[-1].noun is None or items[-1].noun.plural or alias_of(items[-1]) is None:
        return
    mod = next(mod for mod in items[-1].mods if alias_of(Item(items[-1].core, items[-1].noun, [mod])))
    if "are" in [one.lower() for one in mod]:
        for one in items[:-1]:
            if (
                one.noun is not None
                and not one.noun.plural
                and one.core[0].lower() in ("a", "an", "one")
                and not is_value(one.noun.words)
            ):
                one.mods.append(mod)


def _of_all(mod: Tokens) -> Tokens:
    text = text_of(mod).lower()
    if "negative" in text:
        return ["never", "negative"]
    if re.match(r"(?:none|neither)", text):
        return ["not", "empty"] if "empty" in text or "missing" in text else ["never", *mod[-1:]]
    return [one for one in mod if one.lower() not in ("both", "all", "of", "them", "which", "is", "are")]


def has_one(world: World, table: Table, item: Item, clause: Clause, optional: bool) -> bool:
    noun = item.noun
    verb = clause.verb
    also = alias_of(item)
    if also is not None and (target := world.table(also)) is not None and noun is not None:
        many = noun.plural or noun.quantity == "many"
        role = noun.words if noun.words[-1] != target.noun[-1] else ()
        loose = optional or is_loose(item)
        lemma = "work" if many else "have"
        world.link(Link(table.name, target.name, many=many, optional=loose, lemma=lemma, role=role))
        if many:
            world.link(Link(target.name, table.name, many=True))
        return True
    single_of = (
        noun is not None
        and noun.quantity == "one"
        and [one.lower() for one in item.core[:3]] in (["one", "of", "the"], ["one", "of", "its"])
    )
    target = (
        world.table(noun)
        if noun is not None and not any(isinstance(x, Values) for mod in item.mods for x in mod)
        else None
    )
    if target is not None and noun is not None and "of" in noun.words:
        target = None
    if (
        target is None
        and noun is not None
        and "of" in noun.words
        and noun.words[0] not in ("time", "date", "day", "year", "place")
    ):
        front = world.table(read_noun(text_of(item.core[: [one.lower() for one in item.core].index("of")])))
        target = front
    if noun is not None and noun.head in world.names.selves and world.names.selves[noun.head] == table.noun:
        world.link(Link(table.name, table.name, optional=True, role=noun.words, lemma="have"))
        return True
    if target is None and noun is not None and noun.head in PERSON_ROLES and len(noun.words) == 1:
        people = [one for one in world.ground.draft.tables.values() if one.noun[-1] in PERSONS]
        if len(people) == 1 and people[0] is not table:
            world.link(
                Link(table.name, people[0].name, optional=optional or is_loose(item), role=noun.words, lemma="have")
            )
            return True
    if target is None or noun is None or _is_own_value(table, item, target):
        compare_mods(world, table, item)
        done = world.add(table, item)
        if done and optional and noun is not None and verb is not None and verb.modal in ("may", "might", "can"):
            name = world.ground.last[1]
            if name in table.columns and not table.columns[name].required_said and table.columns[name].default is None:
                table.columns[name].required = False
        return done
    many = (noun.plural or noun.quantity == "many") and not single_of
    role = world.role_of(noun, target)
    if (
        role
        and role[0] not in ROLE_WORDS
        and not (target.noun in world.names.modifiers and len(world.names.modifiers[target.noun]) > 1)
        and target is not table
    ):
        role = ()
    loose = optional or is_loose(item) or bool(re.match(r"(?:at most|up to|zero or)", " ".join(item.core).lower()))
    sole = bool(re.match(r"(?:at most|up to|exactly|only|just) one|one and only", " ".join(item.core).lower()))
    if target is table:
        if many:
            world.link(Link(table.name, table.name, many=True, optional=True, lemma="have"))
        else:
            world.link(Link(table.name, table.name, optional=True, role=role or ("parent",), lemma="have"))
        return True
    if world.subject is None:
        world.subject = table
    if noun.words[0] == "numbered":
        world.put(target, Attribute(Noun(("number",)), ("number",), "integer"))
    made = world.link(
        Link(
            table.name,
            target.name,
            many=many,
            optional=loose,
            lemma="have" if verb is None else verb.lemma,
            role=() if many else role,
            sole=sole,
        )
    )
    if many:
        world.object = target
    link_values(world, made, item)
    for mod in item.mods:
        low = [one.lower() for one in mod]
        if many and low[0] == "in" and "order" in low:
            world.put(target, Attribute(Noun(("position",)), ("position",), "integer"))
        if many and isinstance(mod[0], Group) and "," in mod[0].inner:
            read_have(world, target, mod[0].inner, replace(clause, verb=None))
    return True


_THAN = re.compile(
    r"^(?:(?:that|which) )?(?:is |lies |comes |must be |has to be |must come )?(?P<not>not |never |cannot be "
    r")?(?P<c>(?:after|before|later than|earlier than|greater than|less than|"
    r"above|below|higher than|lower than|smaller than|at least|at most|more than) (?:the |its )?"
    r"(?P<b>[a-z]+(?: [a-z]+)?))$"
)


_EXCEED = re.compile(r"^(?:(?:that|which) )?(?:cannot|must not|may not|does not|never) exceeds? ")


def compare_mods(world: World, table: Table, item: Item) -> None:
    """ "An end date that is not before the start date": a rule over two columns."""
    for mod in list(item.mods):
        found = _THAN.match(_EXCEED.sub("at most ", text_of(mod).lower()))
        if found is None or item.noun is None or found["b"] in ("zero", "one", "two") or found["b"][0].isdigit():
            continue
        words = found["c"]
        if found["b"] in ("it", "that", "this"):
            last = world.ground.last[1] if world.ground.last[0] == table.name else ""
            words = words[: -len(found["b"])] + "the " + last.replace("_", " ")
        if compared(world, table, item.noun, words.split(), negated=bool(found["not"])):
            item.mods.remove(mod)


def _is_own_value(table: Table, item: Item, target: Table) -> bool:
    """Whether a phrase that ends in the name of a thing is a value all the same: "a version" of "a version"."""
    assert item.noun is not None
    words = item.noun.words
    if item.noun.plural or item.noun.quantity:
        return False
    if target is table:
        return words == table.noun
    return is_value(words) and len(words) > len(target.noun) and words[0] not in ROLE_WORDS


def is_loose(item: Item) -> bool:
    text = item.said.lower()
    return bool(item.noun and item.noun.flags & {"optional", "possibly", "perhaps", "maybe", "optionally"}) or bool(
        re.search(r"\bif (?:known|any|there|it|one|given|they|he|she)\b|\bmay be\b|optional|unknown|which can be", text)
    )


def link_values(world: World, made: Link, item: Item) -> None:
    """ "each with a role", "with a score from 1 to 10": values of the pair."""
    owner = world.ground.draft.tables[made.b]
    for each in item.each:
        target = world.table(each.noun) if each.noun else None
        if target is not None and each.noun is not None and not is_value(each.noun.words):
            world.link(Link(made.b, target.name, many=each.noun.plural, lemma="have"))
            continue
        value = attribute_of(each)
        if value is not None:
            made.attributes.append(value)
    for mod in item.mods:
        if mod and mod[0].lower() == "with":
            for each in items_of(mod[1:]):
                target = world.table(each.noun) if each.noun else None
                value = attribute_of(each)
                if target is not None and each.noun is not None and not each.noun.plural:
                    world.link(Link(made.b, target.name, lemma="of"))
                elif value is not None:
                    made.attributes.append(value)
        if [one.lower() for one in mod[:2]] == ["of", "which"] and "are" in mod:
            name = tuple(one.lower() for one in mod[mod.index("are") + 1 :])[:1]
            if name:
                world.put(owner, Attribute(Noun(name), name, "boolean", default="false", required=True))
    if made.attributes and owner.noun not in world.names.defined:
        for value in made.attributes:
            world.put(owner, value)
        made.attributes = []


def _told_of(world: World, table: Table) -> bool:
    """Whether a sentence of its own says what a thing has or is, or that others have it too."""
    head = table.noun[-1]
    for clause in world.clauses:
        noun = subject_noun(list(clause.subject))
        if clause.verb is not None and noun is not None and noun.head == head and clause.subject[0].lower() != "no":
            return True
        if head in [singular(one.lower()) for one in (clause.lead if clause.verb else clause.rest)]:
            return True
    return False
