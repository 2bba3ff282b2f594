"""How the things that a clause names belong together: how many of each, and under which names."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postai.design.draft import Table
from postai.design.frames.arguments import subject_noun
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import VerbGroup
from postai.design.frames.having import is_loose, link_values
from postai.design.frames.once import differ
from postai.design.frames.phrases import Item
from postai.design.frames.tokens import text_of
from postai.design.frames.world import Link, World
from postai.design.ground import ROLE_WORDS
from postai.design.kinds import is_person
from postai.design.nouns import Noun
from postai.language.word_set import word_set


def number_of(clause: Clause) -> tuple[bool, bool]:
    """Whether the subject is plural, and whether "several" of it are said."""
    subject = [one.lower() for one in clause.subject]
    noun = subject_noun(list(clause.subject[: subject.index("of")] if "of" in subject[1:] else clause.subject))
    many = bool(noun and noun.plural) and subject[0] not in ("each", "every", "a", "an", "one")
    several = subject[0] in ("several", "many", "multiple", "two", "various", "some", "different") or subject[:3] == [
        "one",
        "or",
        "more",
    ]
    if subject[0] in ("they",):
        many = True
    return many, several


Target = tuple[str, Item, Table]


@dataclass(frozen=True)
class _End:
    """One thing that is named behind a verb, to be joined with the subject.

    Attributes:
        prep, item, target: the preposition before it, the phrase, the thing.
        held: the first thing that is named behind the verb.
        core: the phrase in lower case.
        many: whether several of it are meant.
        optional: whether there may be none; `sole`: "exactly one" was said.
        role: what the key is called where not after the table.
        alone: whether no other phrase names the same thing.
    """

    table: Table
    clause: Clause
    verb: VerbGroup
    held: Target
    prep: str
    item: Item
    noun: Noun
    target: Table
    core: str
    many: bool
    optional: bool
    sole: bool
    role: tuple[str, ...]
    alone: bool
    subject_many: bool
    several: bool


def link_all(
    world: World, table: Table, targets: list[Target], clause: Clause, subject_many: bool, several: bool
) -> list[Link]:
    """Join the subject of a clause with all that is named behind its verb."""
    verb = clause.verb
    assert verb is not None
    found: list[Link] = []
    counts: dict[str, int] = {}
    for _, item, target in targets:
        counts[target.name] = counts.get(target.name, 0) + (2 if item.core[0].lower() == "two" else 1)
    for prep, item, target in targets:
        noun = item.noun
        assert noun is not None
        core = " ".join(item.core).lower()
        many = (noun.plural or noun.quantity == "many") and noun.quantity != "one"
        many = many or (subject_many and core.startswith("their "))
        end = _End(
            table, clause, verb, targets[0], prep, item, noun, target, core, many,
            optional=verb.may or is_loose(item) or bool(re.match(r"(?:at most|up to|zero or)", core)),
            sole=bool(re.match(r"(?:at most|up to|exactly|only|just) one", core)),
            role=_role(world, noun, target, prep, doubled=counts[target.name] > 1 and not many),
            alone=counts[target.name] == 1, subject_many=subject_many, several=several,
        )  # fmt: skip
        made = _two_of_it(world, end)
        made = _itself(world, end) if made is None else made
        made = _two_subjects(world, end) if made is None else made
        made = _through(world, end, found) if made is None else made
        found += [_plain(world, end)] if made is None else made
    return found


def _role(world: World, noun: Noun, target: Table, prep: str, *, doubled: bool) -> tuple[str, ...]:
    role = world.role_of(noun, target)
    if doubled:
        role = role or ((prep,) if prep else ("first",))
        return (*role, *target.noun) if role[-1:] != target.noun[-1:] else role
    return () if role and role[0] not in ROLE_WORDS else role


def _two_of_it(world: World, end: _End) -> list[Link] | None:
    """ "A call joins two users": a key for each, and they differ."""
    if not end.core.startswith("two ") or end.target is end.table:
        return None
    world.late.append(lambda: differ(end.table, end.target))
    return [
        world.link(
            Link(end.table.name, end.target.name, role=(side, *end.target.noun), lemma=end.verb.lemma, prep=end.prep)
        )
        for side in _two_roles(world, end.clause)
    ]


def _itself(world: World, end: _End) -> list[Link] | None:
    """Others of the same kind, and another one of what was named before."""
    table, target, verb = end.table, end.target, end.verb
    held = end.held
    if target is table and held[2] is not table and held[1].noun is not None and held[1].noun.plural:
        return []
    if end.core.startswith("another ") and not end.many and target is not table:
        earlier = next(
            (one for one in reversed(world.links) if one.a == table.name and one.b == target.name and not one.many),
            None,
        )
        if earlier is not None and not earlier.role:
            earlier.role = (earlier.prep or "first", *target.noun)
            role = (end.prep or "second", *target.noun)
            return [world.link(Link(table.name, target.name, optional=end.optional, lemma=verb.lemma, role=role))]
    if target is table:
        named = () if end.many else ("parent",) if end.prep or not verb.form else (verb.form,)
        return [world.link(Link(table.name, table.name, many=end.many, optional=True, lemma=verb.lemma, role=named))]
    return None


def _two_subjects(world: World, end: _End) -> list[Link] | None:
    """ "Two teams play a match": the match has two keys; "a guard may be assigned": the key is the other way."""
    table, target, verb = end.table, end.target, end.verb
    if end.clause.subject[0].lower() == "two" and end.alone and not verb.modal:
        sides = _two_roles(world, end.clause)
        world.subject = target
        return [world.link(Link(target.name, table.name, role=(side, *table.noun), lemma=verb.lemma)) for side in sides]
    if verb.passive and verb.lemma == "assign" and verb.may and not end.many and is_person(table.noun):
        return [world.link(Link(target.name, table.name, optional=True, lemma=verb.lemma))]
    return None


def _through(world: World, end: _End, found: list[Link]) -> list[Link] | None:
    """ "Customers buy tickets for screenings": the screening is of the ticket, not of the customer."""
    held, noun, target, verb = end.held, end.noun, end.target, end.verb
    if held[2] is target or held[1].noun is None:
        return None
    if held[2] is not end.table and held[0] != "by" and end.prep in _CHAIN and end.subject_many and held[1].noun.plural:
        made = world.link(
            Link(held[2].name, target.name, many=noun.plural, vague=noun.plural, lemma="of", prep=end.prep)
        )
        if verb.lemma in ("put", "add") and not verb.passive and found[0].b == held[2].name:
            found[0].b = target.name  # what is put somewhere is not theirs, where it is put is
        return [made]
    if held[1].noun.quantity == "many" and not end.many and end.prep in ("in", "at", "from", "by", "of"):
        return [world.link(Link(held[2].name, target.name, lemma=verb.lemma, prep=end.prep))]
    return None


def _plain(world: World, end: _End) -> Link:
    table, target, verb, many = end.table, end.target, end.verb, end.many
    if end.several and not many and end.alone:
        made = Link(target.name, table.name, many=True, lemma=verb.lemma, prep=end.prep)
    elif end.subject_many and many:
        vague = end.noun.quantity != "many"
        made = Link(table.name, target.name, True, vague, end.optional, lemma=verb.lemma, prep=end.prep)
    else:
        role = () if many else end.role
        made = Link(table.name, target.name, many, False, end.optional, verb.lemma, end.prep, role=role, sole=end.sole)
        article = end.core.split()[0] in ("a", "an", "the")
        if verb.modal == "can" and not many and end.prep != "in" and article and not verb.passive:
            made.vague = made.many = True
    other = "other" in [one.lower() for one in end.item.core]
    made.apart = (many and other) or (end.clause.subject[0].lower() == "other" and target is not table)
    by_several = verb.passive and end.prep == "by" and many and not end.several
    if by_several and (not end.subject_many or end.noun.quantity == "many"):
        world.link(Link(target.name, table.name, many=True, lemma=verb.lemma))
    link_values(world, made, end.item)
    return world.link(made)


_CHAIN = word_set("for of in on at from to into with")


MAKING = word_set("place give make submit file write leave post send put cast create report raise issue donate")


def _two_roles(world: World, clause: Clause) -> tuple[str, str]:
    """ "One calling and one answering": what two of a kind are called; first and second where it is not said."""
    text = text_of(list(clause.rest)).lower()
    found = re.search(
        r"\bone (?:at |for |as |is |with |has |on )?(?:the )?(?P<a>\w+).*?\b(?:and|,) (?:one|the other) (?:at |for |"
        r"as |is |with |has |on )?(?:the )?(?P<b>\w+)",
        text,
    )
    if found and found["a"] != found["b"]:
        return found["a"], found["b"]
    following = [
        one
        for one in world.clauses[world.number + 1 : world.number + 3]
        if one.subject and one.subject[0].lower() in ("one", "the")
    ]
    if len(following) == 2 and all(one.rest for one in following) and following[0].subject == ("one",):
        return following[0].rest[-1].lower(), following[1].rest[-1].lower()
    return "first", "second"
