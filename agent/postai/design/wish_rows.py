"""Wishes that are about rows: only the structure of tables is changed here, so they are refused."""

from __future__ import annotations

import re

from postai.design.ground import Ground
from postai.design.nouns import read_noun
from postai.design.things import table_by_name
from postai.errors import Refused

_ROWS = r"(?:rows?|records?|entries|entry|data|contents?|everything|duplicates?|duplicate (?:rows|records|entries))"
_WHERE = (
    r"(?:older|newer|that|which|who|whose|where|without|with|from before|before|after|"
    r"created|placed|made|since|not)\b.*"
)
_AWAY = r"(?:delete|remove|erase|clear|purge|wipe|empty|truncate|drop|discard|get rid of)"
_OF_TABLE = re.compile(
    rf"^{_AWAY}\s+(?:out\s+)?(?:(?:all|the|every|any|old|existing|of|test|\d+|first|last)\s+)*(?P<rows>{_ROWS})"
    rf"(?:\s+(?:from|of|in|out of|inside|for)\s+(?P<t>[\w\" ]+?))?(?:\s+{_WHERE})?$",
    re.I,
)
_SOME = re.compile(
    rf"^{_AWAY}\s+(?P<all>(?:(?:all|every|any|old|the old)\s+)*)(?:the\s+|our\s+)?(?P<t>[\w\" ]+?)"
    rf"(?P<where>\s+{_WHERE})?$",
    re.I,
)
_EMPTY = re.compile(
    r"^(?:empty|truncate|clear|purge|wipe)(?:\s+out)?\s+(?:the\s+)?(?:table\s+)?(?P<t>[\w\"]+)(?:\s+table)?$", re.I
)
_INSERT = re.compile(
    r"^(?:insert|add|put|create)\s+(?:(?:an?|some|the|new|test|sample|more|few|\d+)\s+)*(?:rows?|records?|entries|"
    r"entry|(?:test|sample) data)\s+(?:to|into|in|for)\s",
    re.I,
)
_UPDATE = re.compile(
    r"^(?:update|set|mark|change)\s+.*\bwhere\b|^(?:set|change|update)\s+.*\b(?:of|for)\s+all\s+(?:the\s+|existing\s+)?"
    r"[\w ]+\s+to\s+(?!(?:be|type)\b)|^(?:mark|set)\s+all\s+(?:the\s+)?(?P<t>[\w ]+?)\s+(?:as|to)\s",
    re.I,
)


def refuse_rows(ground: Ground, wish: str) -> None:
    """Raise Refused where a wish is to delete, insert or change rows."""
    if _about_rows(ground, wish):
        raise Refused(
            "this is about rows, and a change here is about the structure of tables",
            detail=f"Not done: {ground.shelter.open(wish)}",
            hint='Write the DELETE, INSERT or UPDATE yourself; to remove a table or a column, name it: "drop the '
            'table x", "remove y from x".',
        )


def _about_rows(ground: Ground, wish: str) -> bool:
    if _INSERT.match(wish):
        return True
    if (found := _UPDATE.match(wish)) and not re.search(r"\b(?:default|type|data\s?type|name)\b", wish, re.I):
        return not found["t"] or table_by_name(ground, found["t"]) is not None
    if found := _EMPTY.match(wish):
        return table_by_name(ground, found["t"]) is not None
    if found := _OF_TABLE.match(wish):
        noun, table = read_noun(found["rows"]), table_by_name(ground, found["t"]) if found["t"] else None
        return not (table and noun and ground.find_column(table, noun.words))
    found = _SOME.match(wish)
    if found is None or not (found["all"] or found["where"]):
        return False
    return table_by_name(ground, found["t"]) is not None
