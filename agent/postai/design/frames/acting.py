"""Reads what a thing does and what is done to it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.arguments import alias_of, prepositional
from postai.design.frames.binding import Group, Values
from postai.design.frames.clauses import Clause
from postai.design.frames.deciding import DONE
from postai.design.frames.grammar import VerbGroup
from postai.design.frames.having import compare_mods, read_have
from postai.design.frames.linking import link_all, number_of
from postai.design.frames.phrases import Item, items_of, read_item
from postai.design.frames.tokens import Tokens, text_of
from postai.design.frames.traits import attribute_of
from postai.design.frames.world import Act, Link, World
from postai.design.kinds import is_value, kind_of
from postai.design.nouns import Noun
from postai.design.relations import nominals
from postai.language.word_set import word_set


@dataclass
class _Told:
    """What follows the verb of a clause, phrase by phrase.

    Attributes:
        targets: the things, each with its preposition and phrase.
        values: what is said of the act itself.
        inner: the thing whose own parts follow: "boxes, each of a customer".
        ended: whether the rest only says what is not.
        other: whether a phrase made a key by itself.
    """

    world: World
    table: Table
    verb: VerbGroup
    subject_many: bool
    targets: list[tuple[str, Item, Table]] = field(default_factory=list)
    values: list[Attribute] = field(default_factory=list)
    inner: Table | None = None
    ended: bool = False
    other: bool = False


def read_act(world: World, table: Table, clause: Clause) -> bool:
    """What a thing does or what is done to it: keys to the things that are named with it."""
    clause, both = _without_ratio(_opened(clause))
    verb = clause.verb
    assert verb is not None
    if ":" in clause.rest:
        cut = clause.rest.index(":")
        tail = list(clause.rest[cut + 1 :])
        clause = replace(clause, rest=clause.rest[:cut])
        return read_act(world, table, clause) and read_have(world, table, tail, replace(clause, verb=None))
    subject_many, several = number_of(clause)
    told = _Told(world, table, verb, subject_many)
    for prep, part in prepositional(list(clause.rest)):
        for item in items_of(part):
            _take(told, prep, item)
    targets, values = told.targets, told.values
    if verb.lemma in ("rate", "score", "grade") and not values and targets and not verb.passive:
        values += _scale(targets[-1][1], verb.lemma)
    tables = tuple(dict.fromkeys((table.name, *(target.name for _, _, target in targets))))
    if verb.lemma != "be":
        world.acts.append(Act(world.number, clause.sentence, verb.lemma, tables, table.noun[-1]))
    links = link_all(world, table, targets, clause, subject_many, several)
    for one in links if both else []:
        one.many, one.vague = True, False
        world.link(Link(one.b, one.a, many=True, lemma=one.lemma))
    for item in (item for _, item, _ in targets):
        if item.noun and item.noun.plural:
            world.object = world.table(item.noun) or world.object
    if not links:
        return _without_things(told, clause)
    if all(one.many or one.vague for one in links):
        links[0].attributes += values
    else:
        for value in values:
            world.put(table, value)
    return True


def _without_things(told: _Told, clause: Clause) -> bool:
    """What is done without another thing: two of a kind together, a flag, or values."""
    world, table, verb = told.world, told.table, told.verb
    first = clause.subject[0].lower() if clause.subject else ""
    if first == "two" and not told.values:
        return _two_of(world, table, verb.lemma)
    if not told.values and verb.passive and not verb.negated and len(clause.rest) < 14:
        text = text_of(list(clause.rest))
        if verb.may or first in ("some", "most") or _BY_DEFAULT.search(text):
            return _flagged(world, table, clause)
    for value in told.values:
        world.put(table, value)
    world.idle = verb.lemma != "be" and not verb.modal and not verb.negated
    return bool(told.targets or told.values or told.other)


def _take(told: _Told, prep: str, item: Item) -> None:
    """One phrase behind the verb."""
    world, table, targets = told.world, told.table, told.targets
    low = [one.lower() for one in item.core]
    if low == ["each"] and targets:
        told.inner = targets[-1][2]
        return
    told.ended = told.ended or low[0] in ("never", "but")
    if told.ended:
        return
    item, target = _of_another(world, item, low)
    if (target is None and low[-1:] in (["another"], ["other"])) or low in (["another", "one"], ["each", "other"]):
        target = targets[-1][2] if targets else table
        item = replace(item, noun=Noun((*target.noun,)))
        if low == ["each", "other"]:
            return
    noun, also = item.noun, alias_of(item)
    if also is not None and (other := world.table(also)) is not None and noun is not None:
        optional = other is table or told.verb.may
        world.link(Link(table.name, other.name, optional=optional, role=noun.words, lemma=told.verb.lemma))
        told.other = True
        return
    if target is None and low == ["them"] and world.object is not None:
        target = world.object
        item = replace(item, noun=Noun(target.noun, plural=True))
    if target is not None and item.noun is not None and noun is not None and low[0] in ("each", "every") and not prep:
        item = replace(item, noun=replace(item.noun, plural=True))
    if told.inner is not None:
        if target is not None:
            world.link(Link(told.inner.name, target.name, lemma="of", prep=prep))
        else:
            world.add(told.inner, item)
    elif target is not None:
        targets.append((prep, item, target))
    elif (holder := _held_by(told, prep, low)) is not None:
        world.add(holder, item)
    else:
        if not told.subject_many:
            compare_mods(world, table, item)
        _value_of_act(prep, item, told.values)


def _of_another(world: World, item: Item, low: list[str]) -> tuple[Item, Table | None]:
    """The thing of a phrase; of "a seat of a hall" the first, with a key to the second."""
    if item.noun is None or "of" not in low or not low.index("of") or item.noun.quantity == "one":
        return item, world.table(item.noun)
    cut = low.index("of")
    head = read_item(item.core[:cut]).noun
    front, behind = world.table(head), world.table(read_item(item.core[cut + 1 :] or ["x"]).noun)
    if front is not None and behind is not None and front is not behind:
        world.links.append(Link(front.name, behind.name, lemma="belong"))
    return (item if front is None else replace(item, core=item.core[:cut], noun=head)), front


def _held_by(told: _Told, prep: str, low: list[str]) -> Table | None:
    """The thing that a value behind "with" is of, where that is not the subject: "in a box with a label"."""
    if prep != "with" or not told.targets:
        return None
    (first_prep, _, first), (last_prep, last_item, last) = told.targets[0], told.targets[-1]
    bare = last.noun not in told.world.names.defined
    if low[0] in ("a", "an") and bare and last_prep and last_item.core[0].lower() in ("a", "an"):
        return last
    if not first_prep and told.subject_many and first.noun[-1] in DONE:
        return first
    return last if low[0] not in ("a", "an", "the", "one") and bare and not told.subject_many else None


_SCALE = re.compile(r"^(?:from |between |with |on a scale (?:from |of )?)*\d+ (?:to|and|until|-) \d+\b")


def _scale(item: Item, lemma: str) -> list[Attribute]:
    """ "Rate an episode from 1 to 5": the value that is given."""
    mod = next((one for one in item.mods if _SCALE.match(text_of(one).lower())), None)
    if mod is None:
        return []
    item.mods.remove(mod)
    name = {"rate": "rating"}.get(lemma, lemma)
    made = attribute_of(Item([name], Noun((name,)), [mod]))
    return [] if made is None else [replace(made, type="integer")]


_BY_DEFAULT = re.compile(r"\b(?:by default|at first|initially|normally|usually|to begin with)\b")


def _two_of(world: World, table: Table, lemma: str) -> bool:
    """ "Two persons can be married": a table of its own with two keys."""
    name = next(iter(nominals(lemma)), lemma)
    event = world.ground.make_table(Noun((name,)))
    world.names.known[event.noun] = event.noun
    for role in ("first", "second"):
        world.link(Link(event.name, table.name, role=(role, *table.noun), lemma=lemma))
    world.subject = event
    return True


def _flagged(world: World, table: Table, clause: Clause) -> bool:
    """ "A space may be reserved for the disabled, which is not so by default": a flag."""
    verb = clause.verb
    assert verb is not None
    words = [one.lower() for one in clause.rest]
    if words[:1] == ["in"] and words[1:2] and words[1] in ("several", "many", "multiple", "two", "three"):
        return True  # "may be paid in several instalments" says how, not that
    behind = words[1:3] if words[:1] in (["for"], ["by"], ["in"]) else []
    name = (verb.form, words[0], *(one for one in behind if one not in ("the", "a", "an"))) if behind else (verb.form,)
    default = "true" if _BY_DEFAULT.search(" ".join(words)) and "not" not in words and not verb.may else "false"
    world.put(table, Attribute(Noun(name), name, "boolean", default=default, required=True))
    return True


def _opened(clause: Clause) -> Clause:
    """A clause with "(many to many, remember when)" out of its brackets."""
    rest: Tokens = []
    for one in clause.rest:
        if isinstance(one, Group) and "many" in one.inner:
            rest += [
                *one.inner[:3],
                *(
                    [
                        ",",
                        "with",
                        *(two for two in one.inner[4:] if two.lower() not in ("remember", "store", "keep", "note")),
                    ]
                    if one.inner[4:]
                    else []
                ),
            ]
        else:
            rest.append(one)
    return replace(clause, rest=tuple(rest))


def _without_ratio(clause: Clause) -> tuple[Clause, bool]:
    """A clause without "many to many", and whether that was said."""
    text = text_of(list(clause.rest))
    if not re.search(r"\bmany[ -]to[ -]many\b", text, re.I):
        return clause, False
    rest = list(clause.rest)
    for at in range(len(rest)):
        if rest[at].lower() == "many-to-many":
            del rest[at]
            break
        if [one.lower() for one in rest[at : at + 3]] == ["many", "to", "many"]:
            del rest[at : at + 3]
            break
    return replace(clause, rest=tuple(rest)), True


_WHEN = word_set("on at in since until from to")


def _value_of_act(prep: str, item: Item, values: list[Attribute]) -> None:
    noun = item.noun
    if noun is None:
        if prep == "with" and (made := attribute_of(item)) is not None:
            values.append(made)
        return
    if any(isinstance(one, Values) for mod in item.mods for one in mod) and (made := attribute_of(item)) is not None:
        values.append(made)
        return
    moment = kind_of(noun.words).type in ("date", "timestamptz")
    if (
        prep == "with"
        or (prep in _WHEN and moment and noun.words[-1] not in ("beginning",))
        or (prep == "for" and moment and len(noun.words) > 1 and item.core[0].lower() in ("a", "an", "one"))
        or (
            is_value(noun.words)
            and item.core[0].lower() in (("a", "an", "the", "one") if prep == "" else ("one", "exactly"))
        )
    ):
        made = attribute_of(item)
        if made is not None:
            values.append(made)
