"""Wishes that something gets another name, or goes, in whatever words."""

from __future__ import annotations

import re

from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.intents import FILLERS, Reading
from postai.design.kinds import TYPE_WORDS
from postai.design.mentions import Said
from postai.design.nouns import read_noun
from postai.design.wish_change import rename_column, rename_table
from postai.design.wish_remove import drop_column, drop_table

_BEHIND = re.compile(
    r"\s*,(?!.*\b(?:unless|except|if|when|until|only|where|without|not|but|before|after|keep|move|add|rename)\b)[^@]*$",
    re.I,
)
"""What people say behind a wish: a reason."""
_NO_NAME = frozenset(("unique", "required", "optional", "mandatory", "default", "text", "integer", "null"))


def rename(ground: Ground, said: Said) -> bool:
    """Read a new name; False where the wish is none."""
    reading = Reading(ground, said, said.text)
    reading.take("rename", start=True)
    if len(reading.found) != 1 or not reading.done() or "@" in reading.rest:
        return False
    one = reading.found[0]
    words = _original(said, one.groups["y"]).split()
    while len(words) > 1 and words[-1].lower() in FILLERS:
        words.pop()
    marks = re.findall(r"@[tc]\d+", one.text.replace(one.groups["y"], ""))
    noun = read_noun(ground.shelter.without_details(" ".join(words)))
    if noun is None or len(words) > 3 or set(noun.words) & _NO_NAME or " ".join(words).lower() in TYPE_WORDS:
        return False
    if not marks:
        return _that_renamed(ground, said, "_".join(words).lower())
    if len(marks) != 1:
        return False
    if one.more == "arrow" and not re.search(r"->|=>|→|\bto be\b", one.text):
        return False
    name = re.sub(r"[\"\s-]+", "_", ground.shelter.without_details(" ".join(words)).strip().lower())
    if not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return False
    if marks[0].startswith("@c"):
        table, column = reading.place(marks[0])
        if column.name.endswith("_id") and not said.raw[marks[0]].lower().endswith("id") and name[-3:] != "_id":
            name = f"{name}_id"
            ground.note(f"{table.name}.{column.name} refers to another table, so it is called {name}.")
        if name in table.columns:
            return False
        rename_column(ground, table, column, name)
        return True
    table = reading.table(marks[0])
    if name in ground.draft.tables:
        return False
    rename_table(ground, table, name)
    return True


def _that_renamed(ground: Ground, said: Said, name: str) -> bool:
    """Rename what was spoken of before."""
    if said.tables or said.columns or not ground.heard or not re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return False
    wish, table, column = ground.heard.pop()
    ground.understand(wish)
    if column is None:
        rename_table(ground, table, name)
    else:
        rename_column(ground, table, column, name)
    return True


def _original(said: Said, text: str) -> str:
    return re.sub(r"@[tc]\d+", lambda m: said.raw[m[0]], text)


def remove(ground: Ground, said: Said) -> bool:
    """Read what goes; False where the wish is none."""
    reading = Reading(ground, said, re.sub(r"^[^@]{3,80}?,? (?:so|therefore|hence|thus|that is why) ", "", said.text))
    reading.take("remove", start=True)
    if len(reading.found) != 1:
        return False
    reading.take("reason")
    reading.rest = _BEHIND.sub("", reading.rest)
    if not reading.done() or len(re.findall(r"@[tc]\d+", said.text)) != len(_marks(reading)):
        return False
    marks = _marks(reading)
    if not marks or re.search(r"\b(?:field|column|it|them|that) (?:from|of|in|out of) @t", reading.found[0].text):
        return _that(ground, reading.table(marks[0]) if marks else None)
    if any(one.startswith("@t") for one in marks) and any(one.startswith("@c") for one in marks):
        return False
    if any(reading.place(one)[1].fixed for one in marks if one.startswith("@c")):
        return False
    for mark in marks:
        _drop(ground, *(reading.place(mark) if mark[1] == "c" else (reading.table(mark), None)))
    return True


def _marks(reading: Reading) -> list[str]:
    return [one for found in reading.found for one in re.findall(r"@[tc]\d+", found.text)]


def _that(ground: Ground, holder: Table | None) -> bool:
    """Remove what was spoken of before."""
    last = ground.draft.tables.get(ground.last[0])
    if last is not None and ground.last[1] and ground.last[1] not in last.columns and not ground.heard:
        return holder in (None, last)  # it went with the wish before
    if not ground.heard or (holder is not None and (holder is not ground.heard[-1][1] or ground.heard[-1][2] is None)):
        return False
    wish, table, column = ground.heard.pop()
    ground.understand(wish)
    if table.name not in ground.draft.tables or (column and column.name not in table.columns):
        return False
    _drop(ground, table, column)
    return True


def _drop(ground: Ground, table: Table, column: Column | None) -> None:
    if column is None:
        if ground.draft.tables.get(table.name) is table:
            drop_table(ground, table)
    elif column.name in table.columns:
        drop_column(ground, table, column)


def hear(ground: Ground, said: Said, wish: str) -> None:
    """Keep what a sentence was about that is no wish, for one that says "drop it"."""
    columns = {id(one): (table, one) for table, one in said.columns}
    tables = {id(one): one for one in said.tables}
    if len(columns) == 1:
        table, column = next(iter(columns.values()))
        if set(tables) <= {id(table)}:
            ground.heard.append((wish, table, column))
    elif len(tables) == 1 and not columns:
        ground.heard.append((wish, next(iter(tables.values())), None))
