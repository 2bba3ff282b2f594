"""Wishes that something goes: columns, tables, constraints, indexes."""

from __future__ import annotations

import re

from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.lists import split_list
from postai.design.nouns import read_noun
from postai.design.things import TABLE, named_table, table_by_name

_REMOVE = re.compile(
    rf"^(?:remove|drop|delete|get rid of|throw away|discard|eliminate)\s+(?P<what>.+?)(?:\s+(?:from|of|in|on)\s+"
    rf"(?P<t>{TABLE}))?(?:\s+(?:completely|entirely|altogether|again|please))?$",
    re.I,
)
_NO_LONGER = re.compile(
    rf"^(?:(?P<t>(?!we\b|i\b){TABLE})\s+(?:no longer|do not|does not|don't)\s+(?:needs?|have|has|requires?|"
    rf"stores?|keeps?|uses?)\s+|we\s+(?:no longer|do not|don't)\s+(?:need|use|want|store|keep|have)\s+)(?P<what>.+?"
    rf")(?:\s+any\s?(?:more|longer))?$",
    re.I,
)
_NOT_NEEDED = re.compile(
    r"^(?P<what>.+?)\s+(?:is|are|has become|have become)\s+(?:now\s+)?(?:(?:no longer|not)\s+(?:needed|used|"
    r"necessary|in use|wanted)(?:\s+any\s?more)?|"
    r"obsolete|unused|unneeded|unnecessary|redundant|superfluous|deprecated|useless)(?:\s+and\s+(?:can|should|must|"
    r"may)\s+"
    r"(?:be\s+(?:removed|dropped|deleted)|go))?$|^(?P<what2>.+?)\s+(?:can|should|must|may|has to|have to|needs to)"
    r"\s+(?:be\s+"
    r"(?:removed|dropped|deleted)|go(?:\s+away)?)(?:\s+(?:from|of|in)\s+(?P<t>[\w ]+?))?$",
    re.I,
)


def remove(ground: Ground, wish: str) -> bool:
    """Read what is to go; False where the wish is none."""
    found = _REMOVE.match(wish) or _NO_LONGER.match(wish) or _NOT_NEEDED.match(wish)
    if found is None:
        return False
    groups = found.groupdict()
    what, of = groups["what"] or groups.get("what2") or "", groups.get("t")
    if (
        re.match(rf"^{TABLE}\s+(?:do not|does not|don't)\s+(?:need|have|require)", wish, re.I)
        and of
        and not re.search(r"\b(?:any\s?more|any longer|no longer)\b", wish)
    ):
        return _not_needed_here(ground, of, what)
    if re.fullmatch(r"(?:it|them|this|that|these)(?:\s+(?:column|field)s?)?", what, re.I) and of is None:
        last = ground.draft.tables.get(ground.last[0])
        if last is not None and ground.last[1] not in last.columns:
            return True  # it went with the wish before
    if re.search(r"\bto be\b", what):
        return False
    table = named_table(ground, of) if of else None
    if special := re.match(
        r"^(?:the\s+)?(?P<kind>unique(?:ness)?(?: constraint| rule| key)?|default(?: value)?|not[- ]null(?: "
        r"constraint)?|check(?: constraint)?|index(?:es)?|foreign key)\b\s*(?:of|on|for|from)?\s*(?P<c>.*)$",
        what,
        re.I,
    ):
        return _remove_part(ground, table, special["kind"].lower(), special["c"] or "", of or "")
    if of is None:
        text = re.sub(r"^(?:the\s+|table\s+|all\s+)+|\s+table$", "", what, flags=re.I)
        exact = table_by_name(ground, text)
        if exact is not None and not re.search(r"\bcolumn\b", what):
            drop_table(ground, exact)
            return True
        places = [
            ground.place(one) for one in split_list(re.sub(r"\b(?:column|field)s?\b\s*", "", what), ground.shelter)
        ]
    elif table is None:
        return False
    else:
        places = []
        for item in split_list(re.sub(r"\b(?:column|field)s?\b\s*", "", what), ground.shelter):
            noun = read_noun(item)
            column = ground.find_column(table, noun.words, fuzzy=True) if noun else None
            places.append((table, column) if column else None)
    if not places or None in places:
        return False
    for place in places:
        if place is not None:
            drop_column(ground, *place)
    return True


def _not_needed_here(ground: Ground, of: str, what: str) -> bool:
    """ "Customers do not need a phone number": it may be empty; where it may be already, it is not needed at all."""
    place = ground.place(f"{what} of {of}")
    if place is None:
        return False
    if place[1].required:
        place[1].required = False
        ground.note(
            f"{place[0].name}.{place[1].name} may be empty; to remove it: drop {place[1].name} from {place[0].name}."
        )
    else:
        drop_column(ground, *place)
    return True


def _remove_part(ground: Ground, table: Table | None, kind: str, column_text: str, of: str) -> bool:
    place = ground.place(f"{column_text} of {of}" if column_text and of else column_text or of)
    if place is None:
        return False
    table, column = place
    if kind.startswith("default"):
        column.default = None
    elif kind.startswith("not"):
        column.required = False
    elif kind.startswith("index"):
        table.indexes = [one for one in table.indexes if one.columns[:1] != (column.name,)]
    else:
        wanted = "unique" if kind.startswith("unique") else "check" if kind.startswith("check") else "foreign"
        table.rules = [one for one in table.rules if not (one.kind == wanted and column.name in one.columns)]
    return True


def drop_column(ground: Ground, table: Table, column: Column) -> None:
    """Take a column out of the draft, with the constraints and indexes that speak of it."""
    table.columns.pop(column.name)
    ground.last = (table.name, column.name)
    table.rules = [one for one in table.rules if column.name not in one.columns]
    table.indexes = [one for one in table.indexes if column.name not in one.columns]
    for other in ground.draft.tables.values():
        other.rules = [
            one
            for one in other.rules
            if not (one.kind == "foreign" and one.target == table.name and column.name in one.target_columns)
        ]


def drop_table(ground: Ground, table: Table) -> None:
    """Take a table out of the draft, with the foreign keys that refer to it."""
    del ground.draft.tables[table.name]
    for other in ground.draft.tables.values():
        kept = [one for one in other.rules if one.target != table.name]
        if len(kept) != len(other.rules):
            ground.warn(f"{other.name} keeps its values that referred to {table.name}, without their foreign key")
        other.rules = kept
