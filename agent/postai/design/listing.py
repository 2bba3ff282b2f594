"""Reads lists and short notations: "projects(name, deadline)", "tasks <-> tags many to many", "we store ..."."""

from __future__ import annotations

import re

from postai.design.attributes import read_attribute
from postai.design.discovering import NO_NAME, SPEAKERS
from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.having import has_item
from postai.design.kinds import is_value
from postai.design.lists import definition_items, split_list
from postai.design.nouns import read_noun
from postai.design.relations import Relation
from postai.design.sentences import words_of
from postai.design.verbs import Verb, find_verb

LISTED = re.compile(
    r"^(?:we (?:have|need|store|keep|track|manage|record|collect|want|sell|own|offer)|there (?:are|is|will be|"
    r"should be)|(?:the )?(?:tables?|entities)(?: are| is)?:?|track|store|keep|record|manage|i (?:need|want|have)|"
    r"create (?:the )?tables?(?: for)?)\b\s*:?\s*(?:to (?:store|track|keep|record|manage|know|save)\s+)?",
    re.I,
)


def read_notation(ground: Ground, text: str) -> bool:
    """Short notations: "projects(name, deadline), tags", "tasks <-> tags many to many", "Book: title, ISBN"."""
    if found := re.search(
        r"^(?:there is )?(?:an? )?(?P<kind>many.to.many|n:m|m:n|one.to.many|1:n|one.to.one|1:1)(?: "
        r"relation(?:ship)?)?\s+(?:between|from|links?)\s+(?P<a>[\w ]+?)\s+(?:and|to)\s+(?P<b>[\w ]+)$",
        text,
        re.I,
    ) or re.search(
        r"^(?P<a>[\w ]+?)\s*(?:<->|<-->|<=>|↔|--|and|to|:|with)\s*(?P<b>[\w ]+?)\s*(?:\b(?:is|are|have|has|:|in)\b\s*"
        r")?(?:an?\s+)?§?\s*(?P<kind>many.to.many|n:m|m:n|one.to.one|1:1)\b",
        text,
        re.I,
    ):
        a, b = read_noun(found["a"]), read_noun(found["b"])
        if a and b:
            one, other = ground.thing(a).name, ground.thing(b).name
            many = not found["kind"].lower().startswith(("one.to.one", "one to one", "one-to-one", "1:1"))
            ground.relations.append(Relation(one, other, many))
            if not re.match(r"one.to.many|1:n", found["kind"], re.I):
                ground.relations.append(Relation(other, one, many, owner=True))
            return True
    if found := re.match(r"^(?P<a>[\w ]+?)\s*(?:->|→|=>)\s*(?P<b>[\w ]+?)$", text):
        a, b = read_noun(found["a"]), read_noun(found["b"])
        if a and b:
            ground.relations.append(Relation(ground.thing(a).name, ground.thing(b).name, many=False))
            return True
    if found := re.match(r"^(?P<head>[\w ]{2,40}):\s+(?P<list>.+)$", text):
        noun = read_noun(found["head"])
        if (
            noun
            and find_verb(words_of(found["list"])) is None
            and len(noun.words) <= 3
            and noun.head not in ("table", "entity")
        ):
            listed = [read_noun(one) for one in split_list(found["list"], ground.shelter)]
            if (
                not ground.is_thing(noun)
                and not noun.plural
                and all(one is not None and one.plural for one in listed)
                and not ground.existing
            ):
                things(ground, found["list"])
                return True
            table = ground.thing(noun)
            ground.subject = table.name
            for item in split_list(found["list"], ground.shelter):
                has_item(ground, table, item, Verb("have"))
            return True
    if not ground.existing and find_verb(words_of(text), ground.heads()) is None and re.search(r"\w\s?§\d+§", text):
        items = [one for one in re.split(r"\s*,\s*|\s+and\s+", LISTED.sub("", text)) if one]
        nouns = [read_noun(ground.shelter.bare(one)) for one in items]
        if all(one is not None and len(one.words) <= 3 for one in nouns) and not re.match(r"\s*(?:add|remove)", text):
            things(ground, ", ".join(items))
            return True
    return False


def things(ground: Ground, text: str) -> None:
    """A list of things, each perhaps with its attributes: "books with title and ISBN, authors, and members"."""
    last: Table | None = None
    items = split_list(text, ground.shelter)
    marked = len(items) > 1 and all("§" in one for one in items)
    for item in items:
        if last is not None and (told := re.match(r"each (?:with|having|has)\s+(?P<t>.+)$", item, re.I)):
            ground.described.add(last.noun)
            has_item(ground, last, told["t"], Verb("have"))
            continue
        core, _, tail = re.sub(
            r",?\s+(?:each\s+)?(?:with|having|which have|that have|who have)\s+", "\x00", item, count=1
        ).partition("\x00")
        if not _ and item.lower().startswith("with "):
            core, tail = "", item[5:]
        details = ground.shelter.raw_marks(core)
        noun = read_noun(
            re.sub(r"\s+(?:that|which|who|from|in|for|by|to|of|at|on|between)\s.*$", "", ground.shelter.bare(core))
        )
        described = any(
            len(definition_items(one, ground.shelter)) > 1 and not re.search(r"\sor\s|/|§", one) for one in details
        )
        if (
            noun is not None
            and (
                last is None
                or noun.plural
                or ground.is_thing(noun)
                or marked
                or (described and not is_value(noun.words))
            )
            and (noun.head not in SPEAKERS)
        ):
            if set(noun.words) & NO_NAME:
                continue
            last = ground.thing(noun)
            ground.subject = last.name
            ground.topic[last.name] += 0
            if found := re.search(
                r"\s(?:from|of|for|in|to|by|at)\s+(?P<of>(?:the |an? |our )?[\w]+)$", ground.shelter.bare(core)
            ):
                other = read_noun(found["of"])
                if other and (ground.is_thing(other) or other.plural):
                    ground.relations.append(Relation(last.name, ground.thing(other).name, many=False))
            for detail in details:
                for each in definition_items(detail, ground.shelter):
                    has_item(ground, last, terse(ground, each), Verb("have"))
            if tail:
                ground.described.add(last.noun)
                has_item(ground, last, tail, Verb("have"))
        elif last is not None:
            has_item(ground, last, item, Verb("have"))


def read_intro_with(ground: Ground, text: str) -> bool:
    core = re.split(r"\s+with\s+", text, maxsplit=1)[0]
    noun = read_noun(ground.shelter.bare(core))
    if noun is None or not (noun.plural or ground.is_thing(noun)):
        return False
    things(ground, text)
    return True


def stored(ground: Ground, text: str) -> bool:
    """What "we store ..." names: attributes of something, or things."""
    text = re.sub(
        r"^(?:to (?:store|track|keep|record|know|save|remember)\s+|track of\s+|know\s+)", "", text, flags=re.I
    )
    if found := re.match(
        r"^(?P<q>several|many|multiple|any number of|one or more|a number of)\s+(?P<b>[\w ]+?)\s+of\s+(?P<a>(?:an?|"
        r"each|every|the same|the|one)\s+[\w ]+)$",
        text,
        re.I,
    ):
        a, b = read_noun(re.sub(r"\bsame\b", "", found["a"])), read_noun(found["b"])
        if a and b:
            ground.relations.append(Relation(ground.thing(a).name, ground.thing(b).name, many=True))
            return True
    if found := re.match(
        r"^(?P<list>.+?)\s+(?:for|of|about)\s+(?P<t>(?:each|every|all|our|an?|the)\s+[\w ]+)$", text, re.I
    ):
        noun = read_noun(found["t"])
        table = (
            (ground.find_table(noun, fuzzy=ground.existing) or (ground.thing(noun) if ground.is_thing(noun) else None))
            if noun
            else None
        )
        if table is not None:
            return any(
                [has_item(ground, table, item, Verb("have")) for item in split_list(found["list"], ground.shelter)]
            )
    items = split_list(text, ground.shelter)
    if (
        ground.relations
        and (last := ground.relations[-1]).many
        and not re.match(r"(?:an?\s+)?(?:many|several)\b", text)
    ):
        both = any((one.a, one.b) == (last.b, last.a) and one.many for one in ground.relations)
        named = [read_noun(re.split(r"\s(?:of|per|in|for)\s", ground.shelter.bare(one))[0]) for one in items]
        if both and not any(one is None or ground.is_thing(one) for one in named):
            found_attributes = [read_attribute(one, ground.shelter) for one in items]
            last.attributes += [one for one in found_attributes if one is not None]
            return True
    nouns = [
        read_noun(re.split(r"\s(?:with|that|which|who|from|of|for|in)\s", ground.shelter.bare(one))[0]) for one in items
    ]
    if ground.existing and not any(one and (ground.is_thing(one) or one.plural) for one in nouns):
        return False
    if nouns and nouns[0] is not None and (nouns[0].plural or ground.is_thing(nouns[0])):
        things(ground, text)
        return True
    if nouns and all(one is not None for one in nouns) and ground.subject and not ground.existing:
        return any([has_item(ground, ground.draft.tables[ground.subject], item, Verb("have")) for item in items])
    return False


_KEY_WORD = r"(?:fk|foreign key|references?|refers to|ref|links? to|points? to|->|→|=>)"
_TO_KEY = re.compile(
    rf"^(?P<c>[\w ]*?)\s*{_KEY_WORD}\s*(?:to\s+|:\s*)?(?:the\s+)?(?P<t>[a-z_]+)?(?:§\d+§|\.\w+)?", re.I
)


def terse(ground: Ground, item: str) -> str:
    """An item of a definition in the words of sentences: "status: a/b", "owner -> users", "email - unique"."""
    item = re.sub(r"^\*\s*|\s*\*$", "", item.strip())
    details = [
        f"who is also a {found['t']}" if (found := _TO_KEY.match(one)) and found["t"] and not found["c"] else one
        for one in ground.shelter.raw_marks(item)
    ]
    bare = ground.shelter.without_details(item)
    if (found := _TO_KEY.match(bare)) and found["c"] and found["t"]:
        name = re.sub(r"[ _]id$", "", found["c"].strip(), flags=re.I)
        rest = bare[found.end() :].strip(" ,")
        target = read_noun(found["t"])
        same = target is not None and (read_noun(name) or target).words == target.words
        details = [*details, rest] if rest else details
        bare = (
            name
            if same
            else f"{name} {ground.shelter.keep('who is also a ' + ' '.join(target.words if target else ()))}"
        )
        return bare + "".join(f" {ground.shelter.keep(one)}" for one in details)
    if found := re.match(r"^(?P<c>[\w ]+?)\s*(?::|=|\s-{1,2}\s)\s*(?P<d>\S.*)$", bare):
        said = found["d"]
        parts = [one for one in re.split(r"\s*,\s*", said)]
        if "/" in parts[0] or "|" in parts[0] or re.search(r"\sor\s", said):
            parts[0] = f"one of {parts[0]}"
        return found["c"] + "".join(f" {ground.shelter.keep(one)}" for one in (*parts, *details))
    if found := re.match(r"^(?P<c>\w+(?: \w+)?)[ _]id$", bare, re.I):
        noun = read_noun(found["c"])
        if noun and ground.is_thing(noun):
            return found["c"] + "".join(f" {ground.shelter.keep(one)}" for one in details)
    return item
