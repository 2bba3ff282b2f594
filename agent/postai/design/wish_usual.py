"""Wishes for columns that many tables have: when a row was made or changed, and that it is deleted."""

from __future__ import annotations

import re

from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.kinds import MOMENT
from postai.design.nouns import read_noun
from postai.design.things import TABLE, named_table

_EVERY = r"(?:all|every|each|any|both|our|existing|other|remaining|the)\s+"
_ALL = re.compile(
    rf"^(?:add|give|put|introduce|include)\s+(?P<what>.+?)\s+(?:to|on|in|for)\s+(?:{_EVERY})*(?:of\s+(?:the\s+|our\s+)?"
    rf")?tables?(?:\s+except\s+(?P<not>.+))?$|^(?:{_EVERY})+(?:of\s+(?:the\s+|our\s+)?)?tables?\s+(?:must\s+|should\s+|"
    rf"needs?\s+to\s+|has to\s+|have to\s+)?(?:have|has|needs?|gets?)\s+(?P<what2>.+)$",
    re.I,
)
_SOFT = re.compile(
    rf"^(?:add|use|introduce|implement|support|enable|we (?:need|want)|allow)\s+(?:a\s+)?soft[- ]?(?:deletes?|deletion|"
    rf"deleting)(?:\s+(?:column|flag|support))?\s+(?:to|for|on|of|in)\s+(?P<t>{TABLE})$|^(?P<t2>{TABLE})\s+(?:should|"
    rf"must|shall|can|have to|has to|need to|needs to)\s+be\s+soft[- ]?(?:deleted|deletable)(?:\s.*)?$|^soft[- "
    rf"]?delete\s+"
    rf"(?P<t3>{TABLE})(?:\s+instead\b.*)?$|^(?P<t4>{TABLE})\s+(?:should|must|shall)\s+(?:only\s+)?be\s+(?:marked|"
    rf"flagged)"
    rf"\s+as\s+deleted(?:\s.*)?$",
    re.I,
)
_AUDIT = re.compile(
    rf"^(?:add|give|put|introduce|include)\s+(?:the\s+|some\s+|usual\s+)*(?:audit(?:ing)?\s+(?:columns?|fields?|"
    rf"timestamps?)|timestamps?(?:\s+columns?)?|timestamp columns)\s+(?:to|for|on|in)\s+(?P<t>{TABLE})$",
    re.I,
)
_MADE, _CHANGED = ("created", "inserted", "added"), ("updated", "modified", "changed", "edited")


def usual_columns(ground: Ground, wish: str) -> bool:
    """Read a wish for soft deletion or audit columns, of one table or of all; False where the wish is none."""
    if found := _SOFT.match(wish):
        table = named_table(ground, next(filter(None, found.groups())))
        return table is not None and _moment(ground, table, "deleted_at", None)
    if found := _AUDIT.match(wish):
        if re.fullmatch(rf"(?:{_EVERY})*(?:of\s+(?:the\s+)?)?tables?", found["t"], re.I):
            return _all(ground, ["created_at", "updated_at"], "")
        table = named_table(ground, found["t"])
        if table is None:
            return False
        return all([_moment(ground, table, name, "now()") for name in ("created_at", "updated_at")])
    found = _ALL.match(wish)
    if found is None:
        return False
    names = _names(found["what"] or found["what2"])
    return bool(names) and _all(ground, names, found["not"] or "")


def _all(ground: Ground, names: list[str], but: str) -> bool:
    left_out = (
        {named.name for one in re.split(r"\s*,\s*|\s+and\s+", but) if (named := named_table(ground, one))}
        if but
        else ()
    )
    for table in ground.draft.tables.values():
        if table.name not in left_out:
            for name in names:
                _moment(ground, table, name, None if name == "deleted_at" else "now()")
    return True


def _names(text: str) -> list[str]:
    """The columns that a list names; [] where one of them is none of the usual ones."""
    found: list[str] = []
    for one in re.split(r"\s*,\s*(?:and\s+)?|\s+and\s+(?:an?\s+)?", text):
        noun = read_noun(re.sub(r"\s+(?:columns?|fields?|timestamps?|times?|dates?)$", "", one, flags=re.I))
        words = noun.words if noun else ()
        if words[:1] == ("audit",) or words in (("timestamp",), ("audit",)):
            found += ["created_at", "updated_at"]
        elif words[-1:] == ("at",) or len(words) == 1:
            verb = words[0]
            name = (
                "created_at" if verb in (*_MADE, "creation") else "updated_at" if verb in (*_CHANGED, "update") else ""
            )
            name = "deleted_at" if verb in ("deleted", "deletion") else name
            if not name:
                return []
            found.append(f"{verb}_at" if words[-1:] == ("at",) else name)
        else:
            return []
    return found


def _moment(ground: Ground, table: Table, name: str, default: str | None) -> bool:
    if name not in table.columns:
        table.columns[name] = Column(name, MOMENT, default is not None, default, type_said=True)
    if name.startswith(_CHANGED):
        ground.note(f"{name} is set when a row is made; what changes rows has to set it anew.")
    ground.last = (table.name, name)
    return True
