"""Wishes for indexes and foreign keys."""

from __future__ import annotations

import re

from postai.design.draft import Rule
from postai.design.ground import Ground
from postai.design.lists import split_list
from postai.design.nouns import read_noun
from postai.design.relations import refer
from postai.design.things import TABLE, named_table, table_by_name

_ADD_INDEX = re.compile(
    r"^(?:add|create|put|build|we need|make)?\s*(?:an?\s+)?(?P<unique>unique\s+)?(?:(?:composite|compound|combined|"
    r"multi-?column|joint|new|plain)\s+)?index(?:es)?\s+(?:on|for|to|over)\s+"
    r"(?P<what>.+)$",
    re.I,
)
_FK = re.compile(
    r"^(?:add\s+)?(?:an?\s+)?foreign key\s+(?:from|on)\s+(?P<a>[\w. ]+?)\s+(?:to|referencing|that references)\s+"
    r"(?P<b>[\w. ]+)$|^(?P<a2>[\w. ]+?)\s+(?:should\s+|must\s+)?(?:references?|refers? to|points? to)\s+"
    r"(?P<b2>[\w. ]+)$|^(?:link|connect|tie|relate|associate)\s+(?:each\s+|every\s+|all\s+|the\s+)?(?P<a3>\w+)"
    r"\s+(?:directly\s+)?"
    r"(?:to|with)\s+(?:an?\s+|the\s+|their\s+|its\s+)?(?P<b3>\w+)(?:\s+directly)?$|^(?:each\s+|every\s+|all\s+|"
    r"the\s+|an?\s+)?"
    r"(?P<a4>\w+)\s+(?:should|must|shall|need to|needs to|have to|has to|can|may)\s+be\s+(?:directly\s+)?(?:linked|"
    r"connected|"
    r"tied|related|associated)\s+(?:directly\s+)?(?:to|with)\s+(?:an?\s+|the\s+|their\s+|its\s+|one\s+)?(?P<b4>\w+)"
    r"(?:\s+directly)?$",
    re.I,
)
_HOW = re.compile(
    r"\s*,?\s+(?:so that\s.*|because\s.*|in order to\s.*|to (?:speed|make)\s.*|without (?:blocking|locking|downtime)"
    r"\b.*|"
    r"concurrently|online|for (?:speed|performance|faster \w+))$",
    re.I,
)
_INDEX = re.compile(r"^index\s+(?P<unique>unique\s+)?(?P<what>.+)$", re.I)
_INDEX_TOO = re.compile(
    r"^(?:please\s+)?(?:add|create|build|make)\s+(?:an?|the|some|suitable|matching|right|proper|\s)*\s*index(?:es)"
    r"?(?:\s+(?:for "
    r"(?:that|this|it|them)|accordingly))?(?:\s*,?\s+(?:without\s.*|concurrently|online))?$",
    re.I,
)
_ON_DELETE = re.compile(
    r"\s*,?\s+(?:and\s+|with\s+)?on delete\s+(?P<a>cascade|set null|restrict|no action)(?:\s+rule)?$", re.I
)


def index(ground: Ground, wish: str) -> bool:
    """Read an index; False where the wish is none."""
    if (ground.understood or ground.deferred) and _INDEX_TOO.match(wish):
        return True  # what is looked up by what has got its index
    found = _ADD_INDEX.match(wish) or _INDEX.match(wish)
    if found is None:
        return False
    what = _HOW.sub("", found["what"])
    table, items = None, []
    if match := re.match(r"^(?P<t>[\w. ]+?)\s*§\d+§$", what):
        table, items = named_table(ground, match["t"]), split_list(ground.shelter.raw_marks(what)[0], ground.shelter)
    elif match := re.match(rf"^(?P<c>.+?)\s+(?:of|in|on|from)\s+(?P<t>{TABLE})$", what, re.I):
        table, items = named_table(ground, match["t"]), split_list(match["c"], ground.shelter)
    else:
        place = ground.place(what)
        table, items = (place[0], [place[1].name]) if place else (None, [])
    if table is None:
        return False
    names = []
    for item in items:
        noun = read_noun(item)
        name = (
            (
                ground.key_or_column(table, noun)
                or ((column := ground.find_column(table, noun.words, fuzzy=True)) and column.name)
            )
            if noun
            else None
        )
        if not name:
            return False
        names.append(name)
    if found["unique"]:
        table.add_unique(tuple(names))
    else:
        ground.index(table, tuple(names), "asked for")
    return True


def foreign_key(ground: Ground, wish: str) -> bool:
    """Read a foreign key; False where the wish is none."""
    action = _ON_DELETE.search(wish)
    found = _FK.match(wish[: action.start()] if action else wish)
    if found is None:
        return False
    on_delete = action["a"].upper() if action else ""
    a = found["a"] or found["a2"] or found["a3"] or found["a4"]
    b = (found["b"] or found["b2"] or found["b3"] or found["b4"]).split(".")[0]
    target = named_table(ground, b)
    if target is None or not target.key:
        return False
    place = ground.place(a) if "." in a or " " in a.strip() else None
    if place is not None:
        holder, column = place
        if not any(one.kind == "foreign" and one.columns == (column.name,) for one in holder.rules):
            holder.rules.append(
                Rule("foreign", (column.name,), target=target.name, target_columns=target.key[:1], on_delete=on_delete)
            )
        return True
    table = table_by_name(ground, a) if found["a2"] is None else None
    if table is None:
        return False
    rule = refer(table, target, required=False)
    rule.on_delete = on_delete or rule.on_delete
    return True
