"""Sentences about what is looked up by what: indexes."""

from __future__ import annotations

import re

from postai.design.attributes import read_attribute
from postai.design.ground import Ground
from postai.design.nouns import read_noun
from postai.design.things import named_thing

_LOOKUP = re.compile(
    r"(?:look(?:ed|s|ing)?\s+(?:them\s+|it\s+)?(?:up|for)|search(?:ed|es|ing)?(?:\s+for)?|find(?:ing)?|found|"
    r"filter(?:ed|ing)?|quer(?:y|ied)|"
    r"list(?:ed)?|sort(?:ed)?|fetch(?:ed)?|retrieved?|access(?:ed)?|selected|display(?:ed)?|show(?:n)?|ask for|"
    r"browsed?|ordered)\b",
    re.I,
)
_BY = re.compile(
    rf"^(?:(?:we|users|people|customers|staff|they|i|you|employees|it)\s+)?(?P<x>[\w ]*?)\s*\b(?:is|are|will be|must "
    rf"be|"
    rf"should be|can be)?\s*(?:(?:\w+ly|often|always|sometimes|usually|very|most|also|be|to|need|being)\s+){{0,3}}?"
    rf"{_LOOKUP.pattern}\s*(?P<y>[\w ]*?)\s+by\s+(?:their\s+|its\s+|the\s+|an?\s+)?(?P<by>.+)$",
    re.I,
)
_NEWEST = re.compile(
    r"\b(?P<order>newest|latest|most recent|recent|last|oldest|earliest)\s+(?P<x>[\w ]+?)\s+(?:of|for|by|from)\s+"
    r"(?P<y>(?:one|an?|each|every|the|some|single|given)\s+[\w ]+)$",
    re.I,
)


def lookup(ground: Ground, text: str) -> bool:
    """Read by what rows are looked up; False where the sentence says nothing of it."""
    if (found := _NEWEST.search(text)) and not re.search(r"\b(?:add|keep|remove|store)\b", text, re.I):
        rows, other, order = named_thing(ground, found["x"]), named_thing(ground, found["y"]), found["order"].lower()
        if rows is None or other is None:
            return False
        holder, target = rows, other

        def newest() -> bool:
            keys = holder.keys_to(target.name)
            times = [one.name for one in holder.columns.values() if one.type.startswith("timestamp")] or [
                one.name for one in holder.columns.values() if one.type == "date"
            ]
            if not keys or not times:
                return False
            ground.index(
                holder,
                (keys[0].columns[0], f"{times[0]} DESC"),
                f"the {order} {holder.name} of one of {target.name}",
            )
            return True

        ground.defer(newest, text)
        return True
    found = _BY.match(text) if _LOOKUP.search(text) else None
    if found is None or re.search(r"\b(?:sorted|ordered)\s+by\s+whom\b", text):
        return False
    table = None
    for part in (found["y"], found["x"]):
        for words in _tails(part):
            noun = read_noun(words)
            if (noun and ground.is_thing(noun)) or (noun and ground.existing and ground.find_table(noun, fuzzy=True)):
                table = named_thing(ground, words)
                break
        if table:
            break
    if (
        table is None
        and ground.existing
        and re.search(r"\b(?:it|them|they)\b", text)
        and ground.subject in ground.draft.tables
    ):
        table = ground.draft.tables[ground.subject]
    if table is None:
        return False
    chosen = table
    by = re.sub(
        r"\s+(?:very |quite )?(?:often|frequently|a lot|mostly|all the time|most of the time|regularly|usually|"
        r"first|quickly|fast)$",
        "",
        found["by"],
        flags=re.I,
    )
    together = not re.search(r"\bor\b", by)
    parts = [
        one for one in re.split(r"\s*,\s*(?:and |or )?(?:by )?|\s+(?:and|or)\s+(?:by\s+)?(?:then by\s+)?", by) if one
    ]

    def say() -> bool:
        names = []
        for part in parts:
            noun = read_noun(re.sub(r"^(?:their|its|the|an?)\s+", "", part))
            name = ground.key_or_column(chosen, noun) if noun else None
            moment = read_attribute(part, ground.shelter) if name is None else None
            if moment is not None and moment.type.startswith(("date", "timestamp")):
                column = ground.find_column(chosen, moment.name)
                name = column.name if column else None
            if name is None and noun and noun.head in ("date", "time", "day"):
                name = next(
                    (one.name for one in chosen.columns.values() if one.type.startswith(("timestamp", "date"))), None
                )
            if name is None and noun and ground.existing:
                column = ground.find_column(chosen, noun.words, fuzzy=True)
                name = column.name if column else None
            if name is None:
                return False
            names.append(name)
        if together:
            ground.index(chosen, tuple(names), f"{chosen.name} are looked up by {', '.join(names)}")
        else:
            for name in names:
                ground.index(chosen, (name,), f"{chosen.name} are looked up by {name}")
        return True

    ground.defer(say, text)
    return True


def _tails(text: str) -> list[str]:
    words = text.split()
    return [" ".join(words[at:]) for at in range(max(0, len(words) - 3), len(words))]
