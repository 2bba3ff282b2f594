"""The table that a phrase names."""

from __future__ import annotations

import re

from postai.design.draft import Table
from postai.design.ground import Ground
from postai.design.nouns import Noun, read_noun

TABLE = r"(?:(?:each|every|the|all|our|an?|any|table)\s+)*[\w\"]+(?: [\w\"]+){0,2}?(?: table)?"
"""Pattern of a phrase that names a table."""

_TABLE_WORD = re.compile(
    r"^(?:the\s+|our\s+)?table\s+(?:(?:of|for|with|called|named)\s+)?(?:the\s+|all\s+)?|\s+table$", re.I
)


def named_thing(ground: Ground, text: str) -> Table | None:
    """The table that a phrase names; of a new design it is made where sentences speak of it as a thing."""
    noun = read_noun(text)
    if noun is None:
        return None
    found = ground.find_table(noun, fuzzy=ground.existing)
    return found or (ground.thing(noun) if ground.is_thing(noun) or ground.alias(noun) else None)


def named_table(ground: Ground, text: str) -> Table | None:
    """The table of the database that a phrase of a wish names, also by near spellings."""
    text = _TABLE_WORD.sub("", ground.shelter.without_details(text).strip(' "'))
    exact = ground.draft.tables.get(text.lower().removeprefix("the "))
    return exact or ground.find_table(read_noun(text), fuzzy=True)


def column_by_words(ground: Ground, table: Table, noun: Noun) -> str | None:
    """The key or column that words name; "time" and "date" also name the only moment or day of a row."""
    name = ground.key_or_column(table, noun)
    if name is not None or noun.head not in ("date", "time", "day", "moment"):
        return name
    moments = [one.name for one in table.columns.values() if one.type.startswith(("timestamp", "date"))]
    own = noun.words[:-1] in ((), table.noun, table.noun[-1:])
    return (
        moments[0] if moments and own and (len(moments) == 1 or not ground.existing or noun.words[:-1] == ()) else None
    )


def table_by_name(ground: Ground, text: str) -> Table | None:
    """The table that a phrase names by its own words."""
    text = _TABLE_WORD.sub("", text.strip())
    noun = read_noun(text)
    return ground.draft.tables.get(text.lower()) or (ground.find_table(noun) if noun else None)
