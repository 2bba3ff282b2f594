"""Wishes that columns become a table of their own: their values move with them."""

from __future__ import annotations

import re

from postai.database.identifiers import quote_ident
from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.lists import split_list
from postai.design.nouns import Noun, read_noun
from postai.design.relations import refer
from postai.design.row_statements import insert, select, update
from postai.design.statements import reference
from postai.design.things import TABLE, named_table
from postai.design.wish_remove import drop_column

_MOVE = re.compile(
    rf"^(?:move|split|extract|put|separate|pull|factor|normali[sz]e|turn)\s+(?:out\s+)?(?P<cols>.+?)(?:\s+"
    rf"(?:columns?|fields?|data|details))?\s+(?:of|from|out of|in|on)\s+(?P<t>{TABLE})\s+(?:out\s+)?(?:in)?to\s+"
    rf"(?:an?|their|its|the|separate|own|new)\b\s*(?P<name>.*)$",
    re.I,
)

_OWN_TABLE = re.compile(r"^move\s+(?P<c>[\w.\"]+(?: \w+)?)\s+into\s+its\s+own\s+table(?:\s+(?P<name>\w+))?$", re.I)


def move(ground: Ground, wish: str) -> bool:
    """Read columns that become a table of their own; False where the wish is none."""
    if (own := _OWN_TABLE.match(wish)) and (place := ground.place(own["c"])) and len(place[0].key) == 1:
        noun = read_noun(own["name"] or place[1].name)
        return noun is not None and _lookup_table(ground, *place, noun)
    found = _MOVE.match(wish)
    table = named_table(ground, found["t"]) if found else None
    if found is None or table is None:
        return False
    marks = ground.shelter.raw_marks(found["cols"])
    listed = marks[0] if marks else found["cols"]
    nouns = [read_noun(one) for one in split_list(listed, ground.shelter)]
    columns = [ground.find_column(table, one.words, fuzzy=True) for one in nouns if one]
    if not columns or None in columns:
        return False
    moved = [one for one in columns if one is not None]
    name = re.sub(
        r"^(?:separate|own|new|the|a|different)\s+|\b(?:table|entity)\b|\b(?:called|named)\b|§\d+§",
        "",
        re.sub(r"^(?:separate|own|new)\s+(?:new\s+)?", "", found["name"].strip(), flags=re.I),
        flags=re.I,
    ).strip(" ,")
    name = re.sub(r"\s*,.*$|\s+(?:with|so that|and|that|linked)\b.*$", "", name).strip()
    noun = read_noun(name) if name else read_noun(ground.shelter.bare(found["cols"])) if marks else nouns[0]
    if noun is None or len(table.key) != 1:
        return False
    if len(moved) == 1 and (not name or noun.words[-1] in moved[0].name.split("_") or noun.plural):
        return _lookup_table(ground, table, moved[0], noun)
    return _part_table(ground, table, moved, noun)


def _lookup_table(ground: Ground, table: Table, column: Column, noun: Noun) -> bool:
    """The distinct values of a column become rows of a table that the column's rows refer to."""
    if ground.find_table(noun) is not None:
        return False
    other = ground.make_table(noun)
    other.columns["name"] = Column("name", column.type)
    other.add_unique(("name",))
    required = column.required
    rule = refer(table, other, required=required)
    key = table.columns[rule.columns[0]]
    key.required = False
    one, two, old, new = reference(table), reference(other), quote_ident(column.name), quote_ident(key.name)
    ground.moves += [
        (insert(two, ("name",), select(f"DISTINCT {old}", one, where=f"{old} IS NOT NULL")), ()),
        (
            update(one, f"{new} = other.id", source=f"{two} AS other", where=f"other.name = {one}.{old}"),
            (update(one, f"{old} = other.name", source=f"{two} AS other", where=f"other.id = {one}.{new}"),),
        ),
    ]
    if required:
        ground.moves.append((f"ALTER TABLE {one} ALTER COLUMN {new} SET NOT NULL", ()))
    ground.moved.add((table.name, column.name))
    drop_column(ground, table, column)
    return True


def _part_table(ground: Ground, table: Table, columns: list[Column], noun: Noun) -> bool:
    """Columns become a table of their own with one row for each row that was there."""
    if ground.find_table(noun) is not None:
        return False
    other = ground.make_table(noun)
    rule = refer(other, table, required=True)
    other.add_unique(rule.columns)
    for column in columns:
        name = column.name.removeprefix(f"{noun.head}_") or column.name
        other.columns[name] = Column(name, column.type, column.required, column.default, type_said=True)
    new = [column.name.removeprefix(f"{noun.head}_") or column.name for column in columns]
    one, two = reference(table), reference(other)
    old_names = ", ".join(quote_ident(each.name) for each in columns)
    key = quote_ident(table.key[0])
    filled = " OR ".join(f"{quote_ident(each.name)} IS NOT NULL" for each in columns)
    where = "" if any(each.required for each in columns) else filled
    back = ", ".join(
        f"{quote_ident(each.name)} = part.{quote_ident(name)}" for each, name in zip(columns, new, strict=True)
    )
    holder = quote_ident(rule.columns[0])
    ground.moves.append(
        (
            insert(two, (holder, *map(quote_ident, new)), select(f"{key}, {old_names}", one, where=where)),
            (update(one, back, source=f"{two} AS part", where=f"part.{holder} = {one}.{key}"),),
        )
    )
    for column in columns:
        ground.moved.add((table.name, column.name))
        drop_column(ground, table, column)
    return True
