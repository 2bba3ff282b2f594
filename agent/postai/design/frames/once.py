"""What may occur only once: "no two lessons in the same room and hour", "a guest can book a trip only once"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from postai.design.draft import Table
from postai.design.frames.arguments import prepositional, subject_noun
from postai.design.frames.clauses import Clause
from postai.design.frames.grammar import US
from postai.design.frames.phrases import items_of, read_item
from postai.design.frames.tokens import Tokens, text_of
from postai.design.frames.world import Act, Link, World
from postai.design.nouns import Noun, read_noun
from postai.design.relations import NOMINALS
from postai.design.things import column_by_words

_ONCE = re.compile(
    r"\b(?:only|at most|just|no more than|not more than|exactly) once\b|\bonce (?:per|for|in|on|to|at|and only "
    r"once)\b|\bmore than once\b|"
    r"\btwice\b|\bonce$|\b(?:only|at most) one time\b"
)
_TOGETHER = re.compile(
    r"\btogether\b.*\b(?:unique|identif|only once|once)|\bunique together\b|\b(?:unique|identif).*\btogether\b|"
    r"\bcombinations? of\b.*\bunique\b"
)
_PER = re.compile(
    r"\b(?:at most|only|exactly|no more than|not more than|just|never more than)?\s*one (?P<x>[a-z]+(?: [a-z]+)?) "
    r"(?:of (?:a|each|one|every) (?:kind|type) )?"
    r"(?:is (?:allowed|kept|possible) |exists )?(?:per|for each|for every|for the same|for any|in each|on each)\b"
)
_SELF = re.compile(r"\b(?:himself|herself|itself|themselves|themself|oneself)\b")
_DIFFER = re.compile(
    r"\b(?:differ|are different|must be different|not the same|cannot be the same|can never be the same)\b"
)
_SKIP = frozenset({"once", "twice", "same", "one", "time_", "combination", "more", "most", "least"})


def once(world: World, clause: Clause) -> bool:
    """Read what may occur only once; False where a clause says nothing of it."""
    text = clause.text.lower()
    if "overlap" in text:
        return False
    first = clause.subject[0].lower() if clause.subject else (clause.rest[0].lower() if clause.rest else "")
    if _SELF.search(text) and re.search(r"\bnever\b|\bno(?:body| one)\b|\bcannot\b|\bnot\b", text):
        besides = re.search(r"\bbut (?:not|never)\b", text) and re.search(r"\b(?:other|another|each other)\b", text)
        return _not_self(world, clause) and not besides
    if _DIFFER.search(text) and "unique" not in text:
        return _not_self(world, clause)
    if first in ("no", "two") and re.search(r"\bsame\b|\bshares?\b|\btwice\b|\bno .*\btwo\b|\bmore than one\b", text):
        return _no_two(world, clause)
    if _TOGETHER.search(text) and not (clause.verb is not None and clause.verb.lemma == "have"):
        nouns = _nouns(
            world, [one for one in [*clause.subject, *clause.rest] if one.lower() not in ("together", "unique")]
        )
        if [one.lower() for one in clause.subject[:2]] == ["the", "two"] or not nouns:
            return _last_two(world)
        _later(world, nouns, world.subject)
        return True
    if (
        re.search(r"\bsame\b", text)
        and clause.verb is not None
        and (clause.verb.negated or clause.verb.modal == "cannot")
        and not clause.verb.passive
    ):
        return _no_two(world, clause)
    if _ONCE.search(text) and first not in US:
        return _only_once(world, clause)
    if _for_each(world, clause) or _at_a_time(world, clause):
        return True
    if found := _PER.search(text):
        what, verb = world.table(read_noun(found["x"])), clause.verb
        doer = world.table(subject_noun(list(clause.subject))) if clause.subject else None
        if what is not None and doer is not None and doer is not what and verb is not None and verb.lemma != "be":
            plain = verb.lemma in ("have", "get", "receive")
            world.link(Link(doer.name, what.name, many=True, vague=not plain, lemma="have" if plain else verb.lemma))
        return _one_per(world, clause, found["x"])
    return False


def _for_each(world: World, clause: Clause) -> bool:
    """ "For every key and language there is at most one translation": it belongs to both."""
    lead = [one.lower() for one in clause.lead]
    if lead[:1] not in (["for"], ["per"], ["in"]) or [one.lower() for one in clause.subject] != ["there"]:
        return False
    text = text_of(list(clause.rest)).lower()
    if not re.match(r"(?:at most|only|exactly|no more than|just) one\b", text) or re.search(r"\b(?:per|for)\b", text):
        return False
    table = world.table(read_item(list(clause.rest)).noun)
    nouns = _nouns(world, [one for one in clause.lead[1:] if one.lower() not in ("each", "every", "one")])
    owners = [one for one in (world.table(noun) for noun in nouns) if one is not None and one is not table]
    if table is None or not owners:
        return False
    for owner in owners:
        world.link(Link(table.name, owner.name, lemma="belong"))
    world.subject = table
    _later(world, nouns, table)
    return True


_ONE_AT_A_TIME = re.compile(
    r"\b(?:only|at most|just|no more than) one (?P<x>[a-z]+(?: [a-z]+)?) at (?:a|the same|any) time$"
)


def _at_a_time(world: World, clause: Clause) -> bool:
    """ "A vet can see only one pet at a time": one row of a vet for each moment, where both are held."""
    found = _ONE_AT_A_TIME.search(clause.text.lower())
    table = world.table(subject_noun(list(clause.subject))) if clause.subject else None
    other = world.table(read_noun(found["x"])) if found else None
    if found is None or table is None or other is None:
        return False
    doer, what = table, other

    def run() -> None:
        for one in world.ground.draft.tables.values():
            moments = [name for name, column in one.columns.items() if column.type.startswith("timestamp")]
            if moments and one.keys_to(doer.name) and one.keys_to(what.name):
                one.add_unique((one.keys_to(doer.name)[0].columns[0], moments[0]))
                return
        world.ground.not_understood(clause.text)

    world.late.append(run)
    return True


def _nouns(world: World, tokens: Tokens) -> list[Noun]:
    """All noun phrases of some tokens."""
    found: list[Noun] = []
    cleaned = [
        one
        for one in tokens
        if one.lower()
        not in (
            "same",
            "both",
            "ever",
            "once",
            "twice",
            "only",
            "different",
            "times",
            "given",
            "more",
            "than",
            "most",
            "just",
            "certain",
        )
    ]
    for _, part in prepositional(cleaned):
        for item in items_of(part):
            for piece in _pieces(item.core):
                noun = read_noun(text_of(piece))
                if noun is None:
                    continue
                words = tuple(one for one in noun.words if one not in _SKIP)
                if words and words not in [one.words for one in found]:
                    found.append(Noun(words, noun.plural))
            for mod in item.mods:
                if mod[0].lower() in ("with", "per", "for", "in", "on", "at", "to"):
                    found += [one for one in _nouns(world, mod[1:]) if one.words not in [two.words for two in found]]
    return found


def _pieces(core: Tokens) -> list[Tokens]:
    low = [one.lower() for one in core]
    if "of" not in low:
        return [core]
    at = low.index("of")
    return [one for one in (core[:at], core[at + 1 :]) if one]


def column_for(world: World, table: Table, noun: Noun) -> str | None:
    """The key or column of a table that a phrase names; None = it has none."""
    target = world.table(noun)
    if target is not None and (keys := table.keys_to(target.name)):
        role = world.role_of(noun, target)
        for key in keys:
            if role and key.columns[0].startswith("_".join(role)):
                return key.columns[0]
        return keys[0].columns[0]
    if target is not None and noun.words == target.noun:
        return None
    found = column_by_words(world.ground, table, noun)
    if found is not None:
        return found
    if noun.head in ("date", "time", "day", "night", "moment", "hour", "slot", "week"):
        moments = [one.name for one in table.columns.values() if one.type.startswith(("timestamp", "date", "time"))]
        return moments[0] if moments and (len(moments) == 1 or noun.head in ("day", "date", "night")) else None
    starts = [one for one in table.columns if one.startswith("_".join(noun.words) + "_")]
    if len(starts) != 1 and noun.words in (("kind",), ("type",)):
        starts = [rule.columns[0] for rule in table.rules if rule.values]
    return starts[0] if len(starts) == 1 else None


def _parts(world: World, table: Table, nouns: Sequence[Noun]) -> list[str] | None:
    """The columns of a table by which it knows all that is named, but for the table itself; None = not all."""
    found: list[str] = []
    for noun in nouns:
        if world.table(noun) is table and column_for(world, table, noun) is None:
            continue
        column = column_for(world, table, noun)
        if column is None:
            return None
        if column not in found:
            found.append(column)
    return found


def _later(
    world: World, nouns: Sequence[Noun], prefer: Table | None, *, not_itself: bool = False, drop: Noun | None = None
) -> None:
    """Make unique what is named, in the table that knows it all; done when all keys are there."""

    def run() -> None:
        tables = list(world.ground.draft.tables.values())
        named = {one.name for one in (world.table(noun) for noun in nouns) if one}
        tables.sort(
            key=lambda one: (one is not prefer, (one.name in named) == not_itself, not one.pair, -len(one.rules))
        )
        for rest in [nouns, [one for one in nouns if one is not drop]] if drop else [nouns]:
            for table in tables:
                found = _parts(world, table, rest)
                if (
                    found
                    and (len(found) > 1 or len(rest) <= 2)
                    and not (not_itself and len(found) < 2 and len(rest) > 1)
                ):
                    table.add_unique(tuple(found))
                    return
        if _moved(world, nouns, prefer):
            return
        if len(nouns) == 1 and (alone := world.table(nouns[0])) is not None and nouns[0].words == alone.noun:
            made = world.own_value(alone)
            made.unique = True
            world.put(alone, made)
            return
        world.ground.not_understood("only once: " + ", ".join(" ".join(one.words) for one in nouns))

    world.late.append(run)


def _moved(world: World, nouns: Sequence[Noun], table: Table | None) -> bool:
    """Values of a thing that is in several others belong to the table between: the position of a stop on a line."""
    if table is None:
        return False
    others = [one for one in (world.table(noun) for noun in nouns) if one is not None and one is not table]
    names = [column_for(world, table, noun) for noun in nouns if world.table(noun) is None]
    for between in world.ground.draft.tables.values():
        if (
            len(others) == 1
            and names
            and between.pair
            and between.keys_to(table.name)
            and between.keys_to(others[0].name)
        ):
            held = [one for one in names if one in table.columns]
            if len(held) != len(names):
                return False
            for one in held:
                between.columns[one] = table.columns.pop(one)
            between.add_unique((between.keys_to(others[0].name)[0].columns[0], *held))
            return True
    return False


def differ(table: Table, target: Table) -> None:
    """Two keys of a table to one other differ."""
    keys = [one.columns[0] for one in table.keys_to(target.name)]
    if len(keys) == 2:
        table.add_check(tuple(keys), f"{keys[0]} <> {keys[1]}")


def unique_over(world: World, table: Table, nouns: Sequence[Noun]) -> None:
    """Make what is named unique together, in a table."""
    names = [column_for(world, table, one) for one in nouns]
    found = tuple(dict.fromkeys(one for one in names if one))
    if len(found) > 1:
        table.add_unique(found)


def _no_two(world: World, clause: Clause) -> bool:
    """ "No two servers have the same lowest unit in a rack", "no room has two sessions with the same start"."""
    tokens = [*clause.subject, ",", *clause.rest, *([",", *clause.lead[1:]] if clause.lead else [])]
    low = [one.lower() for one in tokens]
    head = subject_noun([one for one in clause.subject if one.lower() not in ("no", "two")])
    if head is not None and "of" in head.words:
        head = read_noun(" ".join(head.words[: head.words.index("of")]))
    if low[0] == "no" and low[1:2] != ["two"]:
        nouns = _nouns(world, [one for one in tokens if one.lower() not in ("no", "two")])
        _later(
            world,
            nouns,
            next((world.table(one) for one in nouns[1:] if world.table(one)), None),
            not_itself=clause.verb is not None and clause.verb.passive and ("twice" in low or "same" in low),
        )
        return bool(nouns)
    table = world.table(head) if head else None
    doubled = next(
        (
            i
            for i, one in enumerate(low)
            if (i and one == "two" and low[i - 1] != "no") or low[i : i + 3] == ["more", "than", "one"]
        ),
        None,
    )
    if doubled is not None and table is not None:
        several = world.table(read_item(tokens[doubled + (3 if low[doubled] == "more" else 1) :]).noun)
        if several is not None:
            nouns = _nouns(world, [one for one in tokens if one.lower() not in ("no", "two")])
            _later(world, [one for one in nouns if world.table(one) is not several], several)
            return True
    nouns = _nouns(world, [one for one in tokens if one.lower() not in ("no", "two")])
    if table is None:
        inner = next((world.table(one) for one in nouns if world.table(one) is not None and one.plural), None)
        _later(world, nouns, inner)
        return bool(nouns)
    others = [one for one in nouns if world.table(one) is not table or one.words != table.noun]
    _ensure(world, table, others)
    _later(world, others or nouns, table)
    return True


def _ensure(world: World, table: Table, nouns: Sequence[Noun]) -> None:
    """A value that only the rule names is one of the table."""
    from postai.design.details import Attribute
    from postai.design.kinds import kind_of

    if len(nouns) == 1 and world.table(nouns[0]) is None and column_for(world, table, nouns[0]) is None:
        kind = kind_of(nouns[0].words)
        world.put(table, Attribute(nouns[0], kind.name, kind.type))


def _only_once(world: World, clause: Clause) -> bool:
    """ "A backer can pledge only once for a project", "a lane is taken only once per race"."""
    tokens = [*clause.subject, ",", *clause.rest]
    nouns = _nouns(world, tokens)
    things = [one for one in (world.table(noun) for noun in nouns) if one is not None]
    for one in [one for one in things if _numbered(world, one)]:
        things.remove(one)
        del world.ground.draft.tables[one.name], world.names.known[one.noun]
    named = list(dict.fromkeys(one.name for one in things))
    verb = clause.verb
    act = next((one for one in reversed(world.acts) if one.sentence == clause.sentence and len(one.tables) == 2), None)
    if len(named) == 1 and len(nouns) == 1 and act is not None and named[0] in act.tables:
        world.ground.pairing.once.add(frozenset(act.tables))
        _later(world, [Noun(world.ground.draft.tables[one].noun) for one in act.tables], None, not_itself=True)
        return True
    if len(named) == 1 and len(nouns) == 1 and verb is not None and verb.passive and not clause.lead:
        event = next(
            (one for one in world.ground.draft.tables.values() if one.noun[-1] in NOMINALS.get(verb.lemma, "").split()),
            None,
        )
        if event is not None and event.name != named[0]:
            world.link(Link(event.name, named[0], lemma="belong"))
            _later(world, nouns, event, not_itself=True)
            return True
    if len(named) == 2:
        world.ground.pairing.once.add(frozenset(named))
        if verb is not None and (verb.lemma not in ("be", "have") or (verb.lemma == "be" and verb.may)):
            world.acts.append(Act(world.number, clause.sentence, verb.lemma, tuple(named), things[0].noun[-1]))
            world.link(Link(named[0], named[1], many=True, vague=True, lemma=verb.lemma))
    if len(named) > 1:
        world.subject = things[0]
    _later(world, nouns, None if named else world.subject, not_itself=True)
    return bool(nouns)


def _numbered(world: World, table: Table) -> bool:
    """Whether a thing is but a value of another one: "a seat" where a ticket has a seat number."""
    if table.noun in world.names.defined or any(table.name in (one.a, one.b) for one in world.links):
        return False
    head = "_".join(table.noun)
    return all(one.fixed for one in table.columns.values()) and any(
        f"{head}_{tail}" in one.columns
        for one in world.ground.draft.tables.values()
        for tail in ("number", "code", "no")
    )


def _one_per(world: World, clause: Clause, what: str) -> bool:
    """ "One answer per respondent and question", "a shop gets at most one delivery per day"."""
    lead = ["," if one.lower() in ("in", "for", "on", "at", "one", "each", "every") else one for one in clause.lead]
    text = text_of([*lead, ",", *clause.subject, ",", *clause.rest])
    text = re.sub(r"\bof (?:a|each|one|every) (?=kind|type)", ", ", text)
    nouns = _nouns(
        world,
        re.sub(
            r"\b(?:per|for each|for every|for any|in each|on each|there|at most|only|no more than|exactly)\b", ",", text
        )
        .replace(",", " , ")
        .split(),
    )
    table = world.table(read_noun(what)) or world.table(read_noun(what.split()[0]))
    words = read_noun(what)
    others = [
        one for one in nouns if (world.table(one) is not table if table else words is None or one.words != words.words)
    ]
    _later(world, others, table)
    return bool(others)


def _last_two(world: World) -> bool:
    table = world.subject
    if table is None:
        return False
    names = [one.name for one in table.columns.values() if not one.fixed][-2:]
    table.rules = [
        one for one in table.rules if not (one.kind == "unique" and len(one.columns) == 1 and one.columns[0] in names)
    ]
    table.add_unique(tuple(names))
    return True


def _not_self(world: World, clause: Clause) -> bool:
    """Two keys of a row, or the row and its key to another one, differ."""
    tail = [
        one for one in clause.rest if clause.verb is None and one.lower() not in ("differ", "must", "are", "different")
    ]
    nouns = _nouns(world, [*clause.subject, *tail])
    subject = world.subject

    def run() -> None:
        tables = sorted(world.ground.draft.tables.values(), key=lambda one: one is not subject)
        pair = [column_for(world, one, noun) for one in tables[:1] for noun in nouns]
        if len(pair) == 2 and None not in pair and pair[0] != pair[1]:
            tables[0].add_check((str(pair[0]), str(pair[1])), f"{pair[0]} <> {pair[1]}")
            return
        for table in tables:
            for target in world.ground.draft.tables:
                keys = [one.columns[0] for one in table.keys_to(target)]
                if len(keys) == 2:
                    table.add_check(tuple(keys), f"{keys[0]} <> {keys[1]}")
                    return
                if len(keys) == 1 and target == table.name:
                    table.add_check((keys[0],), f"{keys[0]} <> {table.key[0]}")
                    return

    world.late.append(run)
    return True
