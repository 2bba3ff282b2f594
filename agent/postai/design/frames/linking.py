"""How the things that a clause names belong together: how many of each, and under which names."""

from __future__ import annotations

import re

from postai.design.draft import Table
from postai.design.frames.arguments import subject_noun
from postai.design.frames.clauses import Clause
from postai.design.frames.having import is_loose, link_values
from postai.design.frames.once import differ
from postai.design.frames.phrases import Item
from postai.design.frames.tokens import text_of
from postai.design.frames.world import Link, World
from postai.design.ground import ROLE_WORDS
from postai.design.kinds import is_person
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


def link_all(
    world: World,
    table: Table,
    targets: list[tuple[str, Item, Table]],
    clause: Clause,
    subject_many: bool,
    several: bool,
) -> list[Link]:
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
        optional = verb.may or is_loose(item) or bool(re.match(r"(?:at most|up to|zero or)", core))
        sole = bool(re.match(r"(?:at most|up to|exactly|only|just) one", core))
        if core.startswith("two ") and target is not table:
            world.late.append(lambda table=table, target=target: differ(table, target))  # type: ignore[misc]
            for side in _two_roles(world, clause):
                found.append(
                    world.link(
                        Link(
                            table.name,
                            target.name,
                            optional=False,
                            role=(side, *target.noun),
                            lemma=verb.lemma,
                            prep=prep,
                        )
                    )
                )
            continue
        many = (noun.plural or noun.quantity == "many") and noun.quantity != "one"
        many = many or (subject_many and core.startswith("their "))
        apart = many and "other" in [one.lower() for one in item.core]
        if (
            target is table
            and targets[0][2] is not table
            and targets[0][1].noun is not None
            and targets[0][1].noun.plural
        ):
            continue
        if core.startswith("another ") and not many and target is not table:
            earlier = next(
                (one for one in reversed(world.links) if one.a == table.name and one.b == target.name and not one.many),
                None,
            )
            if earlier is not None and not earlier.role:
                earlier.role = (earlier.prep or "first", *target.noun)
                found.append(
                    world.link(
                        Link(
                            table.name,
                            target.name,
                            optional=optional,
                            lemma=verb.lemma,
                            role=(prep or "second", *target.noun),
                        )
                    )
                )
                continue
        if target is table:
            named = ("parent",) if prep or not verb.form else (verb.form,)
            made = Link(table.name, table.name, many=many, optional=True, lemma=verb.lemma, role=() if many else named)
            found.append(world.link(made))
            continue
        role = world.role_of(noun, target)
        if counts[target.name] > 1 and not many:
            role = role or ((prep,) if prep else ("first",))
            role = (*role, *target.noun) if role[-1:] != target.noun[-1:] else role
        elif role and role[0] not in ROLE_WORDS:
            role = ()
        if clause.subject[0].lower() == "two" and counts[target.name] == 1 and not verb.modal:
            for side in _two_roles(world, clause):
                name = (side, *table.noun)
                found.append(world.link(Link(target.name, table.name, role=name, lemma=verb.lemma)))
            world.subject = target
            continue
        if verb.passive and verb.lemma == "assign" and verb.may and not many and is_person(table.noun):
            found.append(world.link(Link(target.name, table.name, optional=True, lemma=verb.lemma)))
            continue
        held = targets[0]
        if (
            held[2] not in (target, table)
            and held[0] != "by"
            and prep in _CHAIN
            and subject_many
            and held[1].noun is not None
            and held[1].noun.plural
        ):
            found.append(
                world.link(Link(held[2].name, target.name, many=noun.plural, vague=noun.plural, lemma="of", prep=prep))
            )
            if verb.lemma in ("put", "add") and not verb.passive and found[0].b == held[2].name:
                found[0].b = target.name  # what is put somewhere is not theirs, where it is put is
            continue
        if (
            held[2] is not target
            and held[1].noun is not None
            and held[1].noun.quantity == "many"
            and not many
            and prep in ("in", "at", "from", "by", "of")
        ):
            found.append(world.link(Link(held[2].name, target.name, lemma=verb.lemma, prep=prep)))
            continue
        if several and not many and counts[target.name] == 1:
            made = Link(target.name, table.name, many=True, lemma=verb.lemma, prep=prep)
        elif subject_many and many:
            made = Link(
                table.name,
                target.name,
                many=True,
                vague=noun.quantity != "many",
                optional=optional,
                lemma=verb.lemma,
                prep=prep,
            )
        else:
            made = Link(
                table.name,
                target.name,
                many=many,
                optional=optional,
                lemma=verb.lemma,
                prep=prep,
                role=() if many else role,
                sole=sole,
            )
            if (
                verb.modal == "can"
                and not many
                and prep != "in"
                and core.split()[0] in ("a", "an", "the")
                and not verb.passive
            ):
                made.vague = True
                made.many = True
        made.apart = apart or (clause.subject[0].lower() == "other" and target is not table)
        if verb.passive and prep == "by" and many and not several and (not subject_many or noun.quantity == "many"):
            world.link(Link(target.name, table.name, many=True, lemma=verb.lemma))
        link_values(world, made, item)
        found.append(world.link(made))
    return found


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
