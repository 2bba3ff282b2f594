"""Wishes that a column or table is changed: renamed, of another type, required, with other values."""

from __future__ import annotations

import re

from postai.database.identifiers import quote_ident, quote_literal
from postai.design.details import Attribute, default_expression, number
from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.kinds import MONEY, TYPE_WORDS
from postai.design.nouns import Noun, read_noun
from postai.design.row_statements import update
from postai.design.rule_column import say
from postai.design.rule_default import default_of
from postai.design.shelter import values_of
from postai.design.statements import reference
from postai.design.things import TABLE, named_table, table_by_name

TYPES = "|".join(sorted(map(re.escape, TYPE_WORDS), key=len, reverse=True))
"""Pattern of what people call a type."""

_RENAME = re.compile(
    r"^(?:rename|change the name of)\s+(?P<x>.+?)\s+(?:to|into|as)\s+(?P<y>[\w\" ]+|§\d+§)$|^(?P<x2>.+?)\s+"
    r"(?:should|must|shall|is to|are to|has to|have to)\s+be\s+(?:called|named|renamed(?:\s+to)?)\s+(?P<y2>[\w\" ]+"
    r"|§\d+§)(?:\s+(?:instead|from now on))?$|^call\s+(?P<x3>.+?)\s+(?P<y3>[\w\"]+|§\d+§)(?:\s+instead)?$",
    re.I,
)
_TYPE = re.compile(
    rf"^(?:(?:change|convert|turn|switch|alter|make|set|store|migrate)\s+(?:the\s+)?(?:data\s?type\s+of\s+|type\s+"
    rf"of\s+)?(?P<c>.+?)\s+(?:from\s+\w+(?: \w+)?\s+)?(?:to|into|as|an?)\s+(?:be\s+)?(?:an?\s+)?|(?P<c2>.+?)\s+"
    rf"(?:should|must|has to|have to|needs to|need to)\s+(?:be|become|be stored as|have the type|be of type)\s+"
    rf"(?:an?\s+)?)(?P<type>{TYPES})(?:s|\s+(?:column|type|value|field))?(?:\s*(?P<size>§\d+§))?(?:\s+(?:instead"
    rf"|instead of .*|rather than .*|not .*))?$",
    re.I,
)
_DECIMALS = re.compile(
    r"^(?P<c>.+?)\s+(?:should|must|needs?|has|have|need)\s+(?:to\s+)?(?:have|store|keep|allow|hold|be stored with|"
    r"be kept with)?\s*(?P<n>\d|two|three|four|five|six)\s+(?:decimals?|decimal places|digits after the (?:decimal "
    r")?point|fraction digits)$",
    re.I,
)
_HOLDS = re.compile(
    r"^(?P<c>.+?)\s+(?:should|must|needs? to|has to|have to|needs?|shall)\s+(?:also\s+)?(?:be able to\s+)?(?:hold|"
    r"store|keep|"
    r"allow|have|contain|support|take|be stored with)?\s*(?:(?P<cents>(?:euro\s+|dollar\s+)?cents|decimals|fractions|"
    r"pennies|"
    r"decimal places|fractional (?:numbers|values|amounts)|decimal (?:numbers|values))|(?P<big>(?:bigger|larger|huge|"
    r"big|large|very "
    r"large|higher)\s+(?:numbers|values|amounts)|more than 2 billion)|(?P<long>(?:longer|long|very long|unlimited|"
    r"arbitrary)\s+"
    r"(?:texts?|values|strings)))(?:\s+too|\s+as well)?$",
    re.I,
)
_DIGITS = re.compile(
    r"\s+(?:with|of|having)\s+(?P<n>\d|one|two|three|four|five|six)\s+(?:digits?|decimals?|decimal places?|decimal "
    r"digits?|"
    r"fraction(?:al)? digits?)(?:\s+after the (?:decimal )?point)?$",
    re.I,
)
_MAKE = re.compile(
    r"^(?:make|mark|set|declare)\s+(?P<c>.+?)\s+(?:to be\s+|as\s+)?(?P<what>(?:required|optional|unique|mandatory|"
    r"nullable|not null|compulsory|not required|non-?null)\b.*)$",
    re.I,
)
_DEFAULT = re.compile(
    r"^(?:set|change|make)\s+(?:the\s+)?default\s+(?:value\s+)?(?:of|for)\s+(?P<c>.+?)\s+(?:to|=|be)\s+(?P<v>.+)$|"
    r"^use\s+(?P<v2>.+?)\s+as\s+(?:the\s+)?default\s+(?:value\s+)?(?:of|for)\s+(?P<c2>.+)$|^(?:let|make)\s+"
    r"(?P<c3>.+?)\s+default\s+to\s+(?P<v3>.+)$|^default\s+(?P<c4>.+?)\s+to\s+(?P<v4>.+)$",
    re.I,
)
_ALSO = re.compile(
    r"^(?:also\s+)?allow\s+(?:the\s+(?:value|status)\s+)?(?P<v>.+?)\s+(?:as|for|in)\s+(?:an?\s+(?:new\s+|further\s+"
    r"|additional\s+|possible\s+)?|the\s+)?(?P<c>.+?)(?:\s+(?:too|as well|also))?$|^(?P<c2>.+?)\s+(?:can|may|"
    r"should|could|must|might)\s+(?:now\s+)?also\s+(?:be|take|allow|accept|include|have|become)\s+(?:the value\s+|"
    r"the status\s+)?(?P<v2>.+)$|^add\s+(?:the\s+)?(?:value\s+|status\s+|option\s+)?(?P<v3>.+?)\s+(?:to|as)\s+"
    r"(?:the\s+|an?\s+)?(?:list of\s+)?(?:allowed|possible|valid|permitted|new|further|another)\s+(?:values\s+"
    r"(?:of|for)\s+)?(?P<c3>.+)$|^(?P<c4>.+?)\s+(?:can|may|could)\s+be\s+(?P<v4>[\w§ -]+?)\s+(?:too|as well|now)$",
    re.I,
)
_NOT_ALLOWED = re.compile(
    r"^(?P<v>[\w§-]+)\s+is\s+(?:no longer|not)\s+(?:an?\s+)?(?:allowed|valid|possible|permitted)\s+(?P<c>.+)$|"
    r"^remove\s+(?:the\s+)?(?:value\s+)?(?P<v2>[\w§-]+)\s+from\s+(?:the\s+)?(?:list of\s+)?(?:allowed|possible|"
    r"valid|permitted)\s+(?:values\s+(?:of|for)\s+)?(?P<c2>.+)$",
    re.I,
)


def rename(ground: Ground, wish: str) -> bool:
    """Read a new name of a column or table; False where the wish is none."""
    found = _RENAME.match(wish)
    if found is None:
        return False
    old = found["x"] or found["x2"] or found["x3"]
    new = ground.shelter.without_details(found["y"] or found["y2"] or found["y3"])
    noun = read_noun(new)
    if noun is None or re.search(r"\band\b.*\bto\b|\b(?:but|then)\b", new, re.I):
        return False
    old = ground.shelter.without_details(old)
    said_column = bool(re.search(r"\bcolumn\b|\.", old))
    table = None if said_column or re.search(r"\s(?:of|in|on)\s|['’]s?\s", old) else table_by_name(ground, old)
    place = None if table is not None else ground.place(re.sub(r"^column\s+", "", old))
    raw = re.sub(r"[\"\s]+", "_", new.strip().lower())
    if table is None and place is None:
        table = named_table(ground, old)
    if place is not None:
        holder, column = place
        name = re.sub(r"^(?:the|an?)_", "", raw)
        if column.name.endswith("_id") and not re.search(r"id$|id\s", old, re.I) and not name.endswith("_id"):
            name = f"{name}_id"  # the key stays one
        if name in holder.columns:
            ground.warn(f"{holder.name} has a column {name} already")
            return False
        rename_column(ground, holder, column, name)
        return True
    if table is None:
        return False
    name = re.sub(r"^(?:the|an?)_|_table$", "", raw)
    if name in ground.draft.tables:
        ground.warn(f"there is a table {name} already")
        return False
    rename_table(ground, table, name)
    return True


def rename_column(ground: Ground, table: Table, column: Column, name: str) -> None:
    """Give a column another name."""
    old = column.name
    table.columns = {name if key == old else key: value for key, value in table.columns.items()}
    column.name = name
    ground.last = (table.name, name)


def rename_table(ground: Ground, table: Table, name: str) -> None:
    """Give a table another name."""
    old = table.name
    ground.draft.tables = {name if key == old else key: value for key, value in ground.draft.tables.items()}
    table.name = name
    noun = read_noun(name.replace("_", " "))
    table.noun = noun.words if noun else (name,)
    for each in ground.draft.tables.values():
        for rule in each.rules:
            if rule.target == old:
                rule.target = name


def retype(ground: Ground, wish: str) -> bool:
    """Read another type of a column; False where the wish is none."""
    if found := _DECIMALS.match(wish):
        place = ground.place(found["c"])
        if place is None:
            return False
        digits = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}.get(found["n"].lower()) or int(found["n"])
        place[1].type, place[1].type_said = f"numeric({10 + digits},{digits})", True
        return True
    if found := _HOLDS.match(wish):
        place = ground.place(found["c"])
        if place is None:
            return False
        place[1].type = MONEY if found["cents"] else "bigint" if found["big"] else "text"
        place[1].type_said = True
        return True
    fraction = _DIGITS.search(wish)
    found = _TYPE.match(wish[: fraction.start()] if fraction else wish)
    if found is None:
        return False
    place = ground.place(found["c"] or found["c2"])
    if place is None:
        return False
    ground.last = (place[0].name, place[1].name)
    column = place[1]
    size = f"12,{number(fraction['n'])}" if fraction else ground.shelter.open(found["size"] or "")
    kind = sized(found["type"].lower(), size)
    if kind is None:
        return False
    column.type, column.type_said = kind, True
    column.definition = column.type
    return True


def sized(word: str, size: str) -> str | None:
    """A type with what stands in brackets behind it; None where the two do not fit."""
    kind = TYPE_WORDS[word]
    if not size:
        return kind
    if kind.startswith("numeric") and re.fullmatch(r"\d+(?:\s*,\s*\d+)?", size):
        return f"numeric({size.replace(' ', '')})"
    if word in ("varchar", "character varying", "char", "text", "string") and re.fullmatch(r"\d+", size):
        return f"character varying({size})"
    return None


_MUST_HAVE = re.compile(
    rf"^(?:for\s+)?(?:every|each|all|an?|any|the)?\s*(?P<t>{TABLE})\s+(?:must|has to|have to|should|shall|needs? to)\s+"
    r"(?:now\s+|from now on\s+)?(?:always\s+)?(?:have|be (?:given|assigned(?: to)?|linked to)|belong to|specify|"
    r"refer to)"
    r"\s+(?:an?|the|one|its|their|exactly one)\s+(?P<c>[\w ]+?)(?:\s+(?:from now on|always|set|assigned|filled in))?$",
    re.I,
)


def must_have(ground: Ground, wish: str) -> bool:
    """Read "every order must have a customer" of a column that is there; False where the wish is none."""
    found = _MUST_HAVE.match(wish)
    table = table_by_name(ground, found["t"]) if found else None
    noun = read_noun(found["c"]) if found else None
    if table is None or noun is None:
        return False
    name = ground.key_or_column(table, noun)
    if name is None or table.columns[name].was is None:
        return False
    table.columns[name].required = True
    ground.subject, ground.last = table.name, (table.name, name)
    return True


def make(ground: Ground, wish: str) -> bool:
    """Read "make it required"; False where the wish is none."""
    found = _MAKE.match(wish)
    if found is None:
        return False
    parts = re.split(r"\s*,?\s+and\s+(?!use\b|fill\b|give\b|set\b)", found["what"])
    place = ground.place(ground.shelter.bare(found["c"]))
    if place is None:
        return False
    table, column = place
    done = False
    for part in parts:
        if re.match(r"(?:not null|non-?null|required|mandatory|compulsory)", part, re.I):
            column.required = True
            value = re.search(
                r"\b(?:with|using|use|fill(?:ing)?|set(?:ting)?|default(?:s|ing)?(?: to)?|give)\b.*?\b(?:rows|ones|"
                r"records|default|to|with|get|values?|as)\s+(?:the\s+(?:value|default)\s+)?(?P<v>§\d+§|[\w.-]+)(?:\s+"
                r"for\s.*|\s+where\s.*)?$",
                part,
                re.I,
            )
            if value:
                text = ground.shelter.without_details(value["v"])
                column.fill = default_expression(text, Attribute(Noun((column.name,)), (column.name,), column.type))
                if re.search(r"\bdefault", part, re.I) and not re.search(r"existing", part, re.I):
                    column.default = column.fill
            done = True
        elif re.match(r"(?:optional|nullable|not required)", part, re.I):
            column.required = False
            done = True
        else:
            value = re.fullmatch(
                r"(?:(?P<a>[\w§.-]+) by default|default(?:s|ing)?(?: to)? (?P<b>[\w§.-]+))", part, re.I
            )
            if (value and default_of(ground, f"{table.name}.{column.name}", value["a"] or value["b"])) or say(
                ground, table, column, part, negated=False
            ):
                done = True
            else:
                ground.not_understood(f"{found['c']}: {part}")
    ground.last = (table.name, column.name)
    return done


_EXISTING = re.compile(
    r"^(?:use|fill in|put|set|give)\s+(?:it\s+to\s+|them\s+to\s+)?(?P<v>§\d+§|[\w.-]+)\s+(?:for|in|on|to)"
    r"\s+(?:the\s+|all\s+)*(?:existing|old|(?:ones|rows|those) (?:that|which) (?:exist|are there)|"
    r"current|present|other)\b.*$|^(?:for\s+)?(?:the\s+|all\s+|our\s+)*(?:existing|old|current|present|other)\s+\w+\s+"
    r"(?:(?:should|must|shall|will|can)\s+)?(?:all\s+)?(?:are|be|become|get|have|receive|start with|start as|count "
    r"as|is|it is|use)"
    r"\s+(?:the value\s+|set to\s+|all\s+)?(?P<v2>§\d+§|[\w.-]+)$|^(?P<v3>§\d+§|[\w.-]+)\s+(?:for|in)\s+(?:the\s+|"
    r"all\s+)*"
    r"(?:existing|old|current|present)\b[\w ]*$",
    re.I,
)
_WHERE_EMPTY = re.compile(
    r"^(?:use|fill in|put|set|give)\s+(?:it to\s+)?(?P<v>§\d+§|[\w.-]+)\s+(?:where|wherever|if|when)\s+(?:it|they|"
    r"there|none|"
    r"nothing|that)\b[\w ]*$",
    re.I,
)


def fill(ground: Ground, value: str) -> bool:
    """Give the rows that are there a value of the column that was spoken of last; False where it does not fit."""
    table = ground.draft.tables.get(ground.last[0])
    column = table.columns.get(ground.last[1]) if table else None
    if table is None or column is None:
        return False
    text = ground.shelter.without_details(value)
    values = next((one.values for one in table.rules if one.values and one.columns == (column.name,)), ())
    column.fill = default_expression(text, Attribute(Noun((column.name,)), (column.name,), column.type, values=values))
    return column.fill is not None


def set_default(ground: Ground, wish: str) -> bool:
    """Read a default, or the value for rows that are there; False where the wish is none."""
    if found := _WHERE_EMPTY.match(wish):
        return fill(ground, found["v"])
    if found := _EXISTING.match(wish):
        return fill(ground, found["v"] or found["v2"] or found["v3"])
    found = _DEFAULT.match(wish)
    if found is None:
        return False
    place = next(filter(None, (found[one] for one in ("c", "c2", "c3", "c4"))))
    value = next(filter(None, (found[one] for one in ("v", "v2", "v3", "v4"))))
    plain = re.sub(r"\s+and\s+(?:be\s+|make it\s+)?(?:required|mandatory|not null)$", "", value, flags=re.I)
    if not default_of(ground, place, plain):
        return False
    if plain != value and (holder := ground.draft.tables.get(ground.last[0])):
        holder.columns[ground.last[1]].required = True
    return True


_RENAME_VALUE = re.compile(
    r"^(?:rename|change)\s+(?:the\s+)?(?:(?:value\s+)?(?P<v>[\w§-]+)\s+(?:of|in)\s+(?:the\s+)?(?P<c>[\w ]+?)|"
    r"(?P<c2>[\w ]+?)\s+"
    r"(?P<v2>[\w§-]+)(?P<of>\s+of\s+[\w ]+?)?)\s+(?:to|into|as)\s+(?:the\s+)?(?P<n>[\w§-]+)$",
    re.I,
)
_ADD_VALUE = re.compile(
    r"^add\s+(?:the\s+)?(?:values?\s+|option\s+)?(?P<v>.+?)\s+to\s+(?:the\s+)?(?:list of\s+)?(?:possible\s+|"
    r"allowed\s+)?"
    r"(?P<c>[\w ]+?(?:\s+of\s+[\w ]+)?)$",
    re.I,
)


def _renamed_value(ground: Ground, wish: str) -> bool:
    """ "Rename the status done to finished": rows that hold the value get the new one."""
    found = _RENAME_VALUE.match(wish)
    if found is None:
        return False
    text = found["c"] or f"{found['c2']}{found['of'] or ''}"
    old, new = (ground.shelter.without_details(one) for one in (found["v"] or found["v2"], found["n"]))
    place = _enumerated(ground, text)
    if place is None or old not in place[2]:
        return False
    table, column, values = place
    ground.enumerate(table, column, tuple(new if one == old else one for one in values))
    name = quote_ident(column.name)
    there, back = (
        update(
            reference(table),
            f"{name} = {quote_literal(to).strip()}",
            where=f"{name} = {quote_literal(now).strip()}",
        )
        for now, to in ((old, new), (new, old))
    )
    ground.moves.append((there, (back,)))
    if column.default is not None and column.default.split("::")[0] == quote_literal(old).strip():
        column.default = quote_literal(new).strip()
    return True


def allow(ground: Ground, wish: str) -> bool:
    """Read a value that is allowed too, no longer, or under another name; False where the wish is none."""
    if _renamed_value(ground, wish):
        return True
    if (found := _ADD_VALUE.match(wish)) and (noun := read_noun(found["c"].split(" of ")[0])) and noun.plural:
        listed = _enumerated(ground, found["c"]) if ground.find_table(noun) is None else None
        if listed is not None:
            new = values_of(ground.shelter.open(found["v"]))
            ground.enumerate(listed[0], listed[1], tuple(dict.fromkeys((*listed[2], *new))))
            return True
    if found := _NOT_ALLOWED.match(wish):
        place = _enumerated(ground, found["c"] or found["c2"])
        value = ground.shelter.without_details(found["v"] or found["v2"]).lower()
        if place is None:
            return False
        table, column, values = place
        if value not in [one.lower() for one in values]:
            return False
        ground.enumerate(table, column, tuple(one for one in values if one.lower() != value))
        return True
    found = _ALSO.match(wish)
    if found is None:
        return False
    text = next(filter(None, (found[one] for one in ("c", "c2", "c3", "c4"))))
    new = values_of(ground.shelter.open(next(filter(None, (found[one] for one in ("v", "v2", "v3", "v4"))))))
    place = _enumerated(ground, text)
    if place is None or not new or any(len(one.split()) > 3 for one in new):
        return False
    table, column, values = place
    ground.enumerate(table, column, tuple(dict.fromkeys((*values, *new))))
    return True


def _enumerated(ground: Ground, text: str) -> tuple[Table, Column, tuple[str, ...]] | None:
    """The column with listed values that a phrase names; a table may stand for its only one."""
    text = re.sub(
        r"\s+values?(?=$|\s+(?:of|for|in)\b)|^values?\s+(?:of|for)\s+|\s+options?(?=$|\s+of\b)", "", text, flags=re.I
    )
    noun = read_noun(text)
    table = ground.find_table(noun) if noun else None
    if table is not None:
        lists = [one for one in table.rules if one.values]
        return (table, table.columns[lists[0].columns[0]], lists[0].values) if len(lists) == 1 else None
    place = ground.place(text)
    if place is None and noun is not None:
        lists_of = [
            (one, one.columns[rule.columns[0]])
            for one in ground.draft.tables.values()
            for rule in one.rules
            if rule.values and noun.head in rule.columns[0].split("_")
        ]
        place = lists_of[0] if len(lists_of) == 1 else None
    if place is None:
        return None
    values = next((one.values for one in place[0].rules if one.values and one.columns == (place[1].name,)), ())
    return (*place, values) if values else None
