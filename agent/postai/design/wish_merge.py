"""Wishes that columns of one table become one, or one becomes several: their values go with them."""

from __future__ import annotations

import re

from postai.database.identifiers import quote_ident
from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.lists import split_list
from postai.design.nouns import column_name, read_noun
from postai.design.row_statements import update
from postai.design.statements import reference
from postai.design.things import TABLE, named_table
from postai.design.wish_remove import drop_column

_MERGE = re.compile(
    rf"^(?:merge|combine|join|concatenate|unite|replace)\s+(?:the\s+)?(?:columns?\s+|fields?\s+)?(?P<cols>.+?)(?:\s+"
    rf"columns?|\s+fields?)?(?:\s+(?:of|from|in|on)\s+(?P<t>{TABLE}))?\s+(?:into|to|by|with|as)\s+(?:an?\s+|one\s+)?"
    rf"(?:single\s+|one\s+|new\s+|common\s+)*(?:columns?\s+|fields?\s+)?(?:called\s+|named\s+)?(?P<name>[\w\" ]+?|"
    rf"§\d+§)"
    rf"(?:\s+column|\s+field)?(?:\s+(?:of|from|in|on)\s+(?P<t2>{TABLE}))?$",
    re.I,
)
_PARTS = re.compile(
    rf"^(?:split|divide|break|separate|replace)\s+(?:up\s+)?(?P<col>.+?)(?:\s+column|\s+field)?(?:\s+(?:of|from|in|on)"
    rf"\s+(?P<t>{TABLE}))?\s+(?:up\s+)?(?:into|to|by|with)\s+(?:two\s+)?(?:separate\s+|new\s+)*(?:columns?\s+|"
    rf"fields?\s+)?"
    rf"(?:called\s+|named\s+)?(?P<a>[\w\"]+(?: \w+)?)\s+and\s+(?P<b>[\w\"]+(?: \w+)?)(?:\s+columns|\s+fields)?$",
    re.I,
)


def merge(ground: Ground, wish: str) -> bool:
    """Read that columns become one, or one becomes two; False where the wish is none."""
    if (found := _MERGE.match(wish)) and (said := found["t"] or found["t2"] or ""):
        table = named_table(ground, said)
        nouns = [read_noun(one) for one in split_list(found["cols"], ground.shelter)]
        name = read_noun(ground.shelter.without_details(found["name"]))
        if table is None or name is None or len(nouns) < 2:
            return False
        columns = [ground.find_column(table, one.words) if one else None for one in nouns]
        return _merged(ground, table, [one for one in columns if one], name.words, len(nouns))
    found = _PARTS.match(wish)
    if found is None:
        return False
    place = ground.place(f"{found['col']} of {found['t']}" if found["t"] else found["col"])
    names = [read_noun(one) for one in (found["a"], found["b"])]
    if place is None or place[1].type != "text" or None in names:
        return False
    return _divided(ground, *place, [column_name(one.words, place[0].noun) for one in names if one])


def _merged(ground: Ground, table: Table, columns: list[Column], words: tuple[str, ...], asked: int) -> bool:
    name = column_name(words, table.noun)
    if len(columns) != asked or name in table.columns or any(one.type != "text" for one in columns):
        return False
    required = any(one.required for one in columns)
    table.columns[name] = Column(name, "text", False, type_said=True)
    place, new, old = reference(table), quote_ident(name), [quote_ident(one.name) for one in columns]
    back = [f"{one} = split_part({new}, ' ', {at})" for at, one in enumerate(old[:-1], 1)]
    back.append(f"{old[-1]} = regexp_replace({new}, '^([^ ]* ?){{{len(old) - 1}}}', '')")
    ground.moves.append(
        (
            update(place, f"{new} = concat_ws(' ', {', '.join(old)})"),
            (update(place, ", ".join(back), where=f"{new} IS NOT NULL"),),
        )
    )
    if required:
        ground.moves.append((f"ALTER TABLE {place} ALTER COLUMN {new} SET NOT NULL", ()))
    ground.warn(f"down divides {table.name}.{name} at its spaces, which may not be how its parts were")
    _gone(ground, table, columns)
    return True


def _divided(ground: Ground, table: Table, column: Column, names: list[str]) -> bool:
    if any(one in table.columns for one in names):
        return False
    for one in names:
        table.columns[one] = Column(one, "text", False, type_said=True)
    place, old = reference(table), quote_ident(column.name)
    first, second = (quote_ident(one) for one in names)
    back = update(place, f"{old} = concat_ws(' ', {first}, nullif({second}, ''))")
    ground.moves.append(
        (
            update(place, f"{first} = split_part({old}, ' ', 1), {second} = regexp_replace({old}, '^[^ ]* ?', '')"),
            (back,),
        )
    )
    if column.required:
        for one in names:
            ground.moves.append((f"ALTER TABLE {place} ALTER COLUMN {quote_ident(one)} SET NOT NULL", ()))
    ground.warn(f"{table.name}.{column.name} is divided at its first space; look at rows where that is not right")
    _gone(ground, table, [column])
    return True


def _gone(ground: Ground, table: Table, columns: list[Column]) -> None:
    for one in columns:
        ground.moved.add((table.name, one.name))
        drop_column(ground, table, one)
