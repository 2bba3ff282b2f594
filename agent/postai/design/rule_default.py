"""Sentences about what a new row gets."""

from __future__ import annotations

import re

from postai.database.identifiers import quote_literal
from postai.design.details import Attribute, default_expression
from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.kinds import kind_of
from postai.design.nouns import Noun, read_noun
from postai.design.things import named_thing

_A = r"(?:an?|the|each|every|any|all|one)"
_NEW = re.compile(
    r"^(?:an?\s+|every\s+|all\s+|each\s+)?new\s+(?P<t>[\w ]+?)\s+(?:is|are|starts?|begins?|gets?|has|have|should "
    r"be|must be|will be|becomes?)\s+(?:(?:out\s+)?as\s+|in\s+|always\s+|initially\s+|set to\s+|marked\s+(?:as\s+"
    r")?|the\s+(?:status|state)\s+|status\s+)*(?P<v>not\s+\w+|[\w§-]+(?:\s[\w-]+)?)(?P<tail>\s+(?:unless|by "
    r"default|until|when|at first|initially|status|state).*)?$",
    re.I,
)
_WHEN_CREATED = re.compile(
    rf"^(?P<t>(?:{_A}\s+)?[\w ]+?)\s+(?:is|are|starts?|begins?)\s+(?:out\s+)?(?:as\s+|in\s+)?(?P<v>not\s+\w+|"
    rf"[\w§-]+(?:\s[\w-]+)?)\s+(?:when (?:it is |they are )?(?:created|new|added|placed|first created)|by default|"
    rf"at first|initially|unless (?:stated|said|specified|noted) otherwise|at creation|to begin with)$",
    re.I,
)
_STARTS = re.compile(
    rf"^(?P<t>(?:{_A}\s+)?[\w ]+?)\s+(?:starts?|begins?)\s+(?:out\s+)?(?:as|at|with|in)\s+(?P<v>[\w§-]+)$", re.I
)
_DEFAULTS = re.compile(
    r"^(?:(?:the\s+)?default\s+(?:value\s+)?(?:for|of)?\s*(?P<c>.+?)\s+(?:is|should be|must be|shall be|becomes)\s+"
    r"|(?P<c2>.+?)\s+(?:should\s+|must\s+|shall\s+)?defaults?\s+to\s+)(?P<v>.+)$",
    re.I,
)


def defaults(ground: Ground, text: str) -> bool:
    """Read what a new row gets; False where the sentence says nothing of it."""
    if found := re.match(r"^(?P<t>(?:an?|the|each|every)?\s*[\w ]+?)\s+defaults?\s+to\s+(?P<v>.+)$", text, re.I):
        table = named_thing(ground, found["t"])
        if table is not None and ground.last[0] == table.name and ground.last[1] in table.columns:
            return default_of(ground, f"{table.name}.{ground.last[1]}", found["v"])
    if found := _DEFAULTS.match(text):
        return default_of(ground, (found["c"] or found["c2"]).strip(), found["v"])
    found = _WHEN_CREATED.match(text) or _NEW.match(text) or _STARTS.match(text)
    if found is None:
        return False
    value = ground.shelter.without_details(found["v"]).strip()
    target = ground.place(found["t"], fuzzy=False)
    if target is not None and read_noun(found["t"]) and ground.find_table(read_noun(found["t"])) is None:
        return default_of(ground, found["t"], value)
    table = named_thing(ground, found["t"])
    if table is None:
        return False
    negated = value.lower().startswith("not ")
    plain = re.sub(r"^not\s+", "", value, flags=re.I)
    for rule in table.rules:
        match = next((one for one in rule.values if one.lower() == plain.lower()), None)
        if match and not negated:
            table.columns[rule.columns[0]].default = quote_literal(match).strip()
            return True
    noun = read_noun(plain)
    if noun and len(plain.split()) > 1 and (named := ground.find_column(table, (noun.words[0],))):
        return default_of(ground, f"{table.name}.{named.name}", plain.split(None, 1)[1])
    column = ground.find_column(table, noun.words) if noun else None
    if column is not None and column.type == "boolean":
        column.default = "false" if negated else "true"
        return True
    opposite = {
        "inactive": "active",
        "unpaid": "paid",
        "unpublished": "published",
        "unread": "read",
        "disabled": "enabled",
        "unverified": "verified",
        "incomplete": "complete",
        "unfinished": "finished",
        "undone": "done",
        "private": "public",
        "open": "closed",
    }
    column = ground.find_column(table, (opposite[plain.lower()],)) if plain.lower() in opposite else None
    if column is not None and column.type == "boolean":
        column.default = "true" if negated else "false"
        return True
    status = next(
        (one for name in ("status", "state", "stage", "phase") if (one := ground.find_column(table, (name,)))), None
    )
    if status is not None and not negated and status.type == "text":
        status.default = quote_literal(value.lower()).strip()
        return True
    if noun and not ground.existing and (negated or kind_of(noun.words).type == "boolean"):
        ground.add(
            table,
            Attribute(
                noun,
                ("is", *noun.words) if noun.words[0] != "is" else noun.words,
                "boolean",
                default="false" if negated else "true",
                required=True,
            ),
        )
        return True
    return False


def default_of(ground: Ground, place: str, value: str) -> bool:
    """Give the column that a phrase names a default; False where either is not understood."""
    found = ground.place(place)
    if found is None:
        return False
    table, column = found
    expression = _value_for(ground, table, column, value)
    if expression is None:
        return False
    column.default = expression
    ground.last = (table.name, column.name)
    return True


def _value_for(ground: Ground, table: Table, column: Column, value: str) -> str | None:
    text = re.sub(
        r"\s+(?:by default|unless.*|for new.*|if .*|when .*)$", "", ground.shelter.without_details(value), flags=re.I
    ).strip(" '\"")
    values = next((one.values for one in table.rules if one.values and one.columns == (column.name,)), ())
    made = Attribute(Noun((column.name,)), (column.name,), column.type, values=values)
    return default_expression(text, made)
