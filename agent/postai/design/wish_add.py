"""Wishes that something is added: columns, tables, what a table has."""

from __future__ import annotations

import re

from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.having import has_items
from postai.design.lists import split_list
from postai.design.nouns import read_noun, singular
from postai.design.reading import read_sentence
from postai.design.things import TABLE, named_table
from postai.design.wish_change import TYPES, rename_column

_ADD_TABLE = re.compile(
    r"^(?:add|create|introduce|make|we need)\s+(?:an?\s+|the\s+)?(?:new\s+|separate\s+|own\s+)*table\s*(?:called|"
    r"named|for|of)?\s+(?P<t>[\w ]+?)(?P<rest>(?:\s+(?:with|having|containing|that|which|where|to)\b|\s*:|\s*§|,"
    r").*)?$",
    re.I,
)
ADD = re.compile(
    rf"^(?:add|introduce|include|create|attach|append|put)\s+(?P<what>.+?)\s+(?:to|for|on|onto|in|into)\s+"
    rf"(?P<t>{TABLE})(?P<tail>\s*(?:,|§|\bwith\b|\bthat\b|\bwhich\b|\bdefault|\bso that\b|\bfrom\b|\bbetween\b|"
    rf"\bwhose\b).*)?$",
    re.I,
)
_GIVE = re.compile(r"^give\s+(?P<rest>.+)$", re.I)


def add(ground: Ground, wish: str) -> bool:
    """Read a column, or a constraint over columns, to a table; False where the wish is none."""
    found = ADD.match(wish)
    if found is None:
        return False
    table = named_table(ground, found["t"])
    if table is None:
        return False
    tail = (found["tail"] or "").strip()
    given = re.sub(
        rf"\b(?P<ty>{TYPES})\s+(?:column|field|attribute|flag)s?\s+(?:called\s+|named\s+)?(?P<x>\w+)",
        r"\g<x> \g<ty>",
        _unquoted(ground, found["what"]),
        flags=re.I,
    )
    what = re.sub(
        r"\b(?:new\s+)?(?:column|field|attribute)s?\s+(?:called|named|for\s+(?:the\s+|their\s+|its\s+)?)?(?=\S)",
        "",
        given,
        flags=re.I,
    )
    what = re.sub(r"\s+(?:column|field|attribute)s?\b", "", what, flags=re.I)
    if re.search(r"\b(?:constraint|rule|check|unique key)\b", what, re.I):
        return _constraint(ground, table, found["what"], tail)
    text = what + (f" {tail}" if tail.startswith("§") else f", {tail.lstrip(', ')}" if tail else "")
    text = re.sub(r"\b(?:enum|enumeration|enumerated)\s+(?:type\s+)?(?=\w)", "", text, flags=re.I)
    text = re.sub(r",\s+with\s+(?=(?:an?\s+|the\s+)?default\b)", ", ", text)
    before = set(table.columns)
    done = give_all(ground, table, text)
    named = re.search(r"\b(?:column|field)\s+(?:called\s+|named\s+)?(?P<n>[a-z_][a-z0-9_]*)\b", found["what"])
    made = [one for one in table.columns if one not in before]
    if named and len(made) == 1 and named["n"] not in (*table.columns, "for") and " and " not in found["what"]:
        rename_column(ground, table, table.columns[made[0]], named["n"])
    return done


def _unquoted(ground: Ground, text: str) -> str:
    """The text with names that stood in quotation marks put back as plain words."""

    def plain(mark: re.Match[str]) -> str:
        kept = ground.shelter.kept[int(mark[1])]
        return kept if int(mark[1]) in ground.shelter.quoted and kept.isidentifier() else mark[0]

    return re.sub(r"§(\d+)§", plain, text)


def add_there(ground: Ground, wish: str) -> bool:
    """Read "add a country instead": a column of the table that the wish before spoke of; False where it is none."""
    found = re.match(
        r"^(?:add|introduce|use|put|store)\s+(?P<what>(?:an?\s|the\s)?.+?)(?:\s+(?:instead|there|too|as well))?$",
        wish,
        re.I,
    )
    table = ground.draft.tables.get(ground.last[0])
    if (
        found is None
        or table is None
        or re.search(r"\s(?:to|for|on|in|into|from)\s", ground.shelter.bare(found["what"]))
    ):
        return False
    return give_all(ground, table, found["what"])


_NO_COLUMN = frozenset(
    [
        "delete",
        "cascade",
        "foreign",
        "constraint",
        "references",
        "trigger",
        "view",
        "index",
        "indexes",
        "role",
        "grant",
        "everything",
        "anything",
        "nothing",
        "something",
        "rows",
        "row",
        "faster",
        "slower",
        "better",
        "bigger",
        "table",
        "tables",
        "schema",
        "database",
        "partition",
        "partitions",
    ]
)


_OF_ROWS = re.compile(
    r"^(?!.*\b(?:many|several|multiple|some|any)\b).*\b(?:numbers|addresses|names|dates|emails|codes|times)$", re.I
)


def give_all(ground: Ground, table: Table, text: str) -> bool:
    """Give a table all that a list names; what is not understood of it is said."""
    return give_items(ground, table, split_list(text, ground.shelter))


def give_items(ground: Ground, table: Table, items: list[str]) -> bool:
    """Give a table columns, each said with its name first."""
    ground.subject = table.name
    done = False
    for item in items:
        if _OF_ROWS.search(item):
            item = " ".join((*item.split()[:-1], singular(item.split()[-1].lower())))
        noun = read_noun(ground.shelter.bare(re.split(r"\s(?:which|that|with|between|default|defaults)\s|,", item)[0]))
        if noun is None or set(noun.words) & _NO_COLUMN or len(noun.words) > 5 or not has_items(ground, table, item):
            ground.not_understood(item)
        else:
            done = True
    for column in table.columns.values():
        if column.was is None and column.type == "text" and not column.type_said and column.default is not None:
            _typed_by_default(table, column)
    return done


def _typed_by_default(table: Table, column: Column) -> None:
    """ "A priority, default 3" is a number, "a newsletter, no by default" is yes or no."""
    value = column.default.strip("'").lower() if column.default else ""
    if any(one.columns == (column.name,) and (one.values or one.kind == "check") for one in table.rules):
        return
    if re.fullmatch(r"-?\d+(\.\d+)?", value):
        column.type, column.default = "numeric" if "." in value else "integer", value
    elif value in ("true", "false", "yes", "no"):
        column.type, column.default = "boolean", "true" if value in ("true", "yes") else "false"


def _constraint(ground: Ground, table: Table, what: str, tail: str) -> bool:
    if not re.search(r"\bunique\b", what, re.I):
        return False
    nouns = [read_noun(one) for one in split_list(tail or what.split(" on ")[-1], ground.shelter)]
    columns = [ground.find_column(table, one.words, fuzzy=True) for one in nouns if one]
    if not columns or None in columns:
        return False
    table.add_unique(tuple(one.name for one in columns if one))
    return True


def give(ground: Ground, wish: str) -> bool:
    """Read "give customers a phone number"; False where the wish is none."""
    found = _GIVE.match(wish)
    if found is None:
        return False
    words = found["rest"].split()
    for size in range(1, min(5, len(words))):
        table = named_table(ground, " ".join(words[:size]))
        following = words[size].lower() if size < len(words) else ""
        if table is not None and (
            following in ("a", "an", "the", "one", "several", "many", "optional", "required", "unique") or size >= 2
        ):
            return give_all(ground, table, " ".join(words[size:]))
    return False


def new_table(ground: Ground, wish: str) -> bool:
    """Read a table that is to be made; False where the wish is none."""
    found = _ADD_TABLE.match(wish)
    if found is None:
        plain = re.match(
            r"^(?:add|create|introduce)\s+(?P<t>[\w ]+?)(?P<rest>\s*(?:§|\bwith\b|\bhaving\b).*)?$", wish, re.I
        )
        noun = read_noun(plain["t"]) if plain else None
        if (
            plain is None
            or noun is None
            or not noun.plural
            or ((there := ground.find_table(noun)) is not None and there.was is not None)
            or re.search(r"\s(?:to|on|of|in|for)\s", plain["t"])
        ):
            return False
        found = plain
    noun = read_noun(found["t"])
    there = ground.find_table(noun)
    if noun is None or (there is not None and there.was is not None):
        return False
    table = ground.thing(noun)
    ground.subject = table.name
    rest = re.sub(
        r"^\s*(?:with|having|containing|:|,|that has|which has|that have)\s*", "", found["rest"] or "", flags=re.I
    )
    details = ground.shelter.raw_marks(rest) if rest.strip().startswith("§") else []
    for detail in details:
        has_items(ground, table, detail)
    rest = re.sub(r"^\s*§\d+§\s*", "", rest)
    if not rest.strip():
        return True
    if match := re.match(r"^(?:where|that|which|so that|to)\s+(?P<s>.+)$", rest, re.I):
        read_sentence(ground, match["s"], [])
        return True
    linked = re.split(
        r"\s*,?\s+(?:and\s+)?(?:linked to|belonging to|referring to|that belongs? to|which belongs? to|for)\s+",
        rest,
        maxsplit=1,
    )
    has_items(ground, table, linked[0])
    for other in linked[1:]:
        read_sentence(ground, f"each {' '.join(table.noun)} belongs to {other}", [])
    return True
