"""Reads what is to be stored, and of what: "for every handover we keep the key"."""

from __future__ import annotations

from dataclasses import replace

from postai.design.details import Attribute
from postai.design.draft import Table
from postai.design.frames.arguments import prepositional
from postai.design.frames.clauses import Clause
from postai.design.frames.happening import (
    counted_before,
    counted_elsewhere,
    log_event,
    log_items,
    named_event,
    other_of_each,
)
from postai.design.frames.linking import MAKING
from postai.design.frames.ours import names_things, read_ours, topic_of
from postai.design.frames.phrases import items_of, read_item
from postai.design.frames.tokens import Tokens, text_of
from postai.design.frames.traits import attribute_of
from postai.design.frames.world import Link, World
from postai.design.kinds import kind_of
from postai.design.nouns import Noun, read_noun


def read_log(world: World, clause: Clause, before: list[Link]) -> bool:
    """ "For every handover we keep the key, the resident and the date"."""
    rest = list(clause.rest)
    lead = list(clause.lead)
    if ":" in rest:
        cut = rest.index(":")
        item = read_item(rest[:cut])
        table = world.table(item.noun)
        if table is not None:
            _event_parts(world, table, rest[:cut])
            return log_items(world, table, rest[cut + 1 :], clause)
        rest = rest[cut + 1 :] if cut <= 3 else [*rest[:cut], *rest[cut + 1 :]]
    if (
        rest[:1]
        and rest[0].lower() in ("every", "each", "all")
        and world.table(read_item(rest).noun if "of" not in rest else read_noun(text_of(rest[1 : rest.index("of")])))
        is not None
    ):
        noun = read_item(rest).noun if "of" not in rest else read_noun(text_of(rest[1 : rest.index("of")]))
        table = world.table(noun)
        assert table is not None
        spot = next((i for i, one in enumerate(rest) if one.lower() == "with"), None)
        _event_parts(world, table, rest[: spot or len(rest)])
        return log_items(world, table, rest[spot + 1 :], clause) if spot else True
    if not lead:
        behind = next(
            (
                i
                for i, one in enumerate(rest)
                if one.lower() == "for" and rest[i + 1 : i + 2] and rest[i + 1].lower() in ("each", "every")
            ),
            None,
        )
        if behind is not None:
            lead, rest = rest[behind : behind + 3], [*rest[:behind], *rest[behind + 3 :]]
            while rest[-1:] == [","]:
                rest.pop()
    rest = [one for one in rest]
    topic = topic_of(world, replace(clause, lead=tuple(lead)))
    if rest[:1] == [":"]:
        rest = rest[1:]
    if topic is None and clause.subject and _things_only(world, rest):
        return read_ours(world, clause)
    made = before[-1] if before else None
    if topic is None and made is not None and made.vague and not made.prep and made.lemma in MAKING:
        return log_items(world, world.ground.draft.tables[made.b], rest, clause)
    if topic is None:
        topic = named_event(world, lead, rest)
        if topic is not None:
            return log_event(world, topic, lead, rest, clause)
        if rest[:1] and rest[0].lower() == "which":
            return read_which(world, None, rest)
        if (
            clause.subject
            and "with" in [one.lower() for one in rest]
            and world.table(read_item(rest).noun) is None
            and names_things(world, clause)
        ):
            return read_ours(world, clause)
        if before and all(one.many or one.vague for one in before):
            return _log_pair(world, before[-1], rest)
        each = other_of_each(world, rest, world.subject)
        if each is not None and world.subject is not None:
            world.pairs.append((world.subject.name, each.name, _values(rest)))
            return True
        told = world.recent or before
        target = world.ground.draft.tables.get(told[0].a) if told and not told[0].many else world.subject
        return target is not None and log_items(world, target, rest, clause)
    each = other_of_each(world, rest, topic)
    if each is not None:
        _event_parts(world, topic, lead[1:])
        world.pending = _values(rest)
        world.pairs.append((topic.name, each.name, world.pending))
        return True
    other = _other_of_topic(world, lead, topic)
    act = next(
        (
            one
            for one in reversed(world.acts)
            if one.sentence == clause.sentence and topic.name in one.tables and len(one.tables) > 1
        ),
        None,
    )
    pair = next((one for one in reversed(before) if (one.many or one.vague) and topic.name in (one.a, one.b)), None)
    if (
        other is not None
        and len(other) == 1
        and topic.noun in world.names.defined | {one for one in world.names.known if counted_elsewhere(world, topic)}
    ):
        values = _values(rest)
        world.pairs.append((topic.name, other[0].name, values))
        world.pending = values
        return bool(values)
    if (pair is not None and lead[0].lower() == "per") or (
        pair is not None and topic.noun in world.names.defined and act is not None
    ):
        return _log_pair(world, pair, rest)
    if other is None and lead[0].lower() == "per":
        held = next((one for one in reversed(world.links) if one.b == topic.name and one.many), None)
        if held is not None:
            return _log_pair(world, held, rest)
    _event_parts(world, topic, lead[1:])
    world.subject = topic
    done = log_items(world, topic, rest, clause)
    near = next(
        (one for one in reversed(world.acts) if one.sentence == clause.sentence and topic.name not in one.tables), None
    )
    if near is not None and not counted_before(world, topic):
        for name in near.tables:
            if not any({one.a, one.b} == {name, topic.name} for one in world.links):
                world.link(Link(topic.name, name, lemma="belong"))
    return done


def read_which(world: World, table: Table | None, rest: Tokens) -> bool:
    """ "Which singers attended which rehearsal", "which boat lay at which berth from when to when"."""
    found: list[Table] = []
    many = True
    low = [one.lower() for one in rest]
    for at, one in enumerate(low):
        if one == "which" and at + 1 < len(low):
            target = world.table(read_noun(low[at + 1])) or world.table(read_noun(" ".join(low[at + 1 : at + 3])))
            if target is not None and target not in found:
                found.append(target)
                many = many or low[at + 1].endswith("s")
    if len(found) + (table is not None) < 2:
        return False
    if table is not None:
        for target in found:
            world.link(Link(table.name, target.name, lemma="belong"))
        if "from when to when" in " ".join(low) or "from when until when" in " ".join(low):
            for name in ("start_time", "end_time"):
                world.put(table, Attribute(Noun(tuple(name.split("_"))), tuple(name.split("_")), "timestamptz"))
        elif "when" in low:
            world.put(table, Attribute(Noun(("time",)), ("time",), "timestamptz"))
        return True
    for a, b in ((0, 1), (1, 0)):
        world.link(Link(found[a].name, found[b].name, many=True, lemma="attend"))
    return True


def _values(rest: Tokens) -> list[Attribute]:
    return [made for item in items_of(rest) if (made := attribute_of(item)) is not None]


def _things_only(world: World, rest: Tokens) -> bool:
    items = items_of(rest[1:] if rest[:1] and rest[0].lower() == "to" else rest)
    return bool(items) and all(
        one.noun is not None and one.noun.plural and world.table(one.noun) is not None for one in items[:2]
    )


def _other_of_topic(world: World, lead: Tokens, topic: Table) -> list[Table] | None:
    found: list[Table] = []
    for prep, part in prepositional([*lead]):
        for piece in _of_parts(part):
            target = world.table(read_item(piece).noun)
            if target is not None and target is not topic and prep is not None and target not in found:
                found.append(target)
    return found or None


def _of_parts(part: Tokens) -> list[Tokens]:
    found: list[Tokens] = [[]]
    for one in part:
        if one.lower() == "of":
            found.append([])
        else:
            found[-1].append(one)
    return [one for one in found if one]


def _event_parts(world: World, table: Table, tokens: Tokens) -> None:
    """ "Every pitch of a truck at a market on a date": keys and values of what happens."""
    first = True
    for prep, part in prepositional(tokens):
        for piece in _of_parts(part):
            item = read_item(piece)
            target = world.table(item.noun)
            if first and target is table:
                first = False
                continue
            if target is not None and target is not table:
                world.link(Link(table.name, target.name, lemma="belong", prep=prep))
            elif item.noun is not None and prep and kind_of(item.noun.words).type in ("date", "timestamptz"):
                world.add(table, item)


def _log_pair(world: World, link: Link, rest: Tokens) -> bool:
    """Values of what was told just before: "guests book rooms: note the arrival"."""
    done = False
    for item in items_of(rest):
        made = attribute_of(item)
        if made is not None:
            link.attributes.append(made)
            world.pending = [made]
            done = True
    return done
