"""Wishes about columns that are there, in whatever words: required, unique, default, values, range, type."""

from __future__ import annotations

import re

from postai.database.identifiers import quote_ident, quote_literal
from postai.design.details import Attribute, default_expression, number
from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.intents import Found, Reading, values_there
from postai.design.kinds import MOMENT, MONEY
from postai.design.mentions import Said
from postai.design.nouns import Noun
from postai.design.shelter import values_of
from postai.design.wish_change import sized

KINDS = (
    "notunique", "required", "optional", "unique", "folded", "nodefault", "also", "noval", "default", "reason", "hold",
    "length", "range", "values", "type", "within",
)  # fmt: skip
"""In this order they are looked for."""
_NUMERIC = ("smallint", "integer", "bigint", "numeric", "double precision", "real")
_IT = re.compile(r"\b(?:it|they|that|this|them)\b", re.I)

Place = tuple[Table, Column]


def facets(ground: Ground, said: Said) -> bool:
    """Read what columns are to be; False where that is not all that the wish says."""
    reading, intended = _read(ground, said)
    if not intended or not reading.done() or _parted(reading, intended):
        return False
    steps = []
    for one in intended:
        places = _places(ground, reading, one)
        if not places:
            return False
        steps.append((one, places))
    steps.sort(key=lambda step: step[0].kind not in ("values", "also", "noval", "hold", "type"))
    before = ground.draft.copy()
    for one, places in steps:
        if not _apply(ground, reading, one, places):
            ground.draft = before
            return False
    table, column = steps[-1][1][-1]
    ground.subject, ground.last = table.name, (table.name, column.name)
    return True


def parted(ground: Ground, said: Said) -> bool:
    """Whether a wish wants different things of different columns: "the name is unique and the fax required"."""
    reading, intended = _read(ground, said)
    return reading.done() and _parted(reading, intended)


def _read(ground: Ground, said: Said) -> tuple[Reading, list[Found]]:
    reading = Reading(ground, said, said.text)
    if re.match(r"no @t\d+ ", said.text, re.I):
        reading.take("range")
    for kind in KINDS:
        reading.take(kind)
    return reading, [one for one in reading.found if one.kind not in ("reason", "within", "folded")]


def _parted(reading: Reading, intended: list[Found]) -> bool:
    """Whether one of several intentions stands between columns and names none."""
    within = " ".join(one.text for one in reading.found if one.kind == "within")
    for one in intended if len(intended) > 1 else ():
        before, found, behind = reading.said.text.partition(one.text)
        if not found or "@" in one.text:
            continue
        said = {id(reading.place(mark)[1]) for mark in re.findall(r"@c\d+", before)}
        later = [mark for mark in re.findall(r"@c\d+", behind) if mark not in within]
        if said and any(id(reading.place(mark)[1]) not in said for mark in later):
            return True
    return False


def _places(ground: Ground, reading: Reading, one: Found) -> list[Place]:
    """The columns that an intention is about."""
    tables = re.findall(r"@t\d+", one.text)
    holder = reading.table(tables[0]) if tables else None
    own = reading.places(one.text, holder)
    scopes = {mark for each in reading.found if each.kind == "within" for mark in re.findall(r"@[tc]\d+", each.text)}
    if not own:
        own = [reading.place(f"@c{at}") for at in range(len(reading.said.columns)) if f"@c{at}" not in scopes]
    if own:
        unique: list[Place] = []
        for place in own:
            if not any(place[1] is other[1] for other in unique):
                unique.append(place)
        return unique if holder is None or all(place[0] is holder for place in unique) else []
    if len(reading.said.tables) == 1 and one.kind == "values" and holder is None:
        table = reading.said.tables[0]
        if re.search(r"\b(?:have|has|takes?|accepts?|knows?)\b", one.text) or not re.search(
            r"\b(?:be|is|are)\b", one.text
        ):
            return []
        states = [each for name, each in table.columns.items() if name in ("status", "state", "phase", "stage")]
        return [(table, states[0])] if len(states) == 1 else []
    if len(reading.said.tables) == 1 and one.kind == "default" and "values" in {each.kind for each in reading.found}:
        return _places(ground, reading, next(each for each in reading.found if each.kind == "values"))
    if len(reading.said.tables) == 1 and one.kind in ("range", "type", "hold"):
        return _amount(reading.said.tables[0])
    return [] if reading.said.tables else _that(ground, reading)


def _that(ground: Ground, reading: Reading) -> list[Place]:
    """The column that was spoken of before."""
    if ground.heard:
        wish, holder, heard = ground.heard[-1]
        if heard is not None:
            ground.understand(wish)
            return [(holder, heard)]
    table = ground.draft.tables.get(ground.last[0])
    column = table.columns.get(ground.last[1]) if table else None
    said = _IT.search(reading.said.text) or ground.last[1]
    return [(table, column)] if said and table is not None and column is not None else []


def _amount(table: Table) -> list[Place]:
    found = [
        one
        for one in table.columns.values()
        if one.type.startswith(_NUMERIC)
        and not one.fixed
        and not any(one.name in rule.columns for rule in table.rules if rule.kind in ("foreign", "primary"))
    ]
    return [(table, found[0])] if len(found) == 1 else []


def _apply(ground: Ground, reading: Reading, one: Found, places: list[Place]) -> bool:
    if one.kind == "unique":
        return _unique(reading, places)
    return all(_say(ground, one, table, column) for table, column in places)


def _unique(reading: Reading, places: list[Place]) -> bool:
    table = places[0][0]
    if any(place[0] is not table for place in places):
        return False
    if any(one.kind == "folded" for one in reading.found):
        return False
    scope = []
    for one in reading.found:
        if one.kind == "within":
            found = reading.places(one.groups["s"], table)
            marks = re.findall(r"@[tc]\d+", one.groups["s"])
            if len(found) != len(marks) or any(place[0] is not table for place in found):
                return False
            scope += [column.name for _, column in found]
    names = [*scope, *(column.name for _, column in places)]
    together = re.search(r"combination|together|same|both", reading.said.text, re.I)
    if scope or (len(places) > 1 and together):
        table.add_unique(tuple(dict.fromkeys(names)))
    else:
        for name in names:
            table.add_unique((name,))
    return True


def _say(ground: Ground, one: Found, table: Table, column: Column) -> bool:
    if column.fixed:
        return False
    name = quote_ident(column.name)
    texts = column.type == "text" or column.type.startswith(("character", "varchar"))
    if one.kind in ("required", "optional"):
        column.required = one.kind == "required"
        return True
    if one.kind == "notunique":
        table.rules = [each for each in table.rules if not (each.kind == "unique" and column.name in each.columns)]
        table.indexes = [
            each for each in table.indexes
            if not (each.definition.startswith("CREATE UNIQUE") and each.columns == (column.name,))
        ]  # fmt: skip
        return True
    if one.kind == "nodefault":
        column.default = None
        return True
    if one.kind == "default":
        expression = _default(ground, table, column, one.groups["v"])
        column.default = expression or column.default
        return expression is not None
    if one.kind in ("also", "noval", "values"):
        return _values(ground, one, table, column)
    if one.kind == "length":
        if texts:
            table.add_check((column.name,), f"char_length({name}) {_limit(one)}")
        return texts
    if one.kind == "range":
        if not column.type.startswith(_NUMERIC):
            return False
        table.add_check((column.name,), f"{name} {_limit(one)}")
        return True
    return _type(ground, one, column)


def _limit(one: Found) -> str:
    """The condition of a range: "> 0", "BETWEEN 1 AND 5"."""
    given = {key: number(one.groups[key].rstrip("%")) for key in ("n", "m") if key in one.groups}
    text = one.more.format(**given)
    return text if text[0] in "<>=" else "BETWEEN " + " AND ".join(text.split())


def _default(ground: Ground, table: Table, column: Column, value: str) -> str | None:
    text = ground.shelter.without_details(ground.shelter.open(value) if "·" in value else value).strip(" '\"")
    made = Attribute(Noun((column.name,)), (column.name,), column.type, values=values_there(table, column))
    return default_expression(text, made)


def _values(ground: Ground, one: Found, table: Table, column: Column) -> bool:
    said = values_of(ground.shelter.open(one.groups["l"]))
    there = values_there(table, column)
    whole = all(re.fullmatch(r"-?\d+", each) for each in said)
    texts = column.type == "text" or column.type.startswith(("character", "varchar"))
    if not said or any(len(each.split()) > 3 for each in said) or not (texts or (whole and column.type in _NUMERIC)):
        return False
    if one.kind == "values":
        if len(said) < 2:
            return False
        ground.enumerate(table, column, said)
        return True
    if one.kind == "also":
        ground.enumerate(table, column, tuple(dict.fromkeys((*there, *said))))
        return bool(there)
    low = {each.lower() for each in said}
    left = tuple(each for each in there if each.lower() not in low)
    if not left or len(left) + len(low) != len(there):
        return False
    ground.enumerate(table, column, left)
    if column.default is not None and column.default.split("::")[0].strip("'").lower() in low:
        column.default = None
        ground.note(f"The default of {table.name}.{column.name} was {quote_literal(said[0]).strip()}; it has none now.")
    return True


_DIGITS = {"one": 1, "two": 2, "three": 3, "four": 4, "1": 1, "2": 2, "3": 3, "4": 4}


def _type(ground: Ground, one: Found, column: Column) -> bool:
    digits = _DIGITS.get((one.groups.get("d") or one.groups.get("d2") or "").lower())
    if one.more == "fraction":
        if not column.type.startswith(_NUMERIC):
            return False
        if re.search(r"\bcents?\b|pence|penn|money", one.text, re.I):
            digits = digits or 2
        kind = f"numeric({10 + digits},{digits})" if digits else "numeric"
    elif one.more == "big":
        if not column.type.startswith(_NUMERIC):
            return False
        kind = "bigint" if column.type in ("integer", "smallint") else column.type
    elif one.more == "long":
        if not column.type.startswith(("text", "character", "varchar")):
            return False
        kind = "text"
    elif one.more == "moment":
        if column.type != "date":
            return False
        kind = MOMENT
    else:
        size = ground.shelter.open(one.groups["size"]) if "size" in one.groups else ""
        if one.groups.get("digits"):
            size = f"{10 + (digits or 2)},{digits or 2}"
        made = sized(
            one.groups["k"].lower(), size if not (one.groups.get("digits") and one.groups["k"] == "money") else ""
        )
        if made is None:
            return False
        if made == "numeric" and column.type.startswith("numeric("):
            return True
        kind = MONEY if one.groups["k"].lower() == "money" and digits in (None, 2) else made
    column.type, column.type_said, column.definition = kind, True, kind
    return True
