"""Whether a word of a question could mean something of the user's: a table, a column, a value."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from postai.database.catalog import Catalog, Table
from postai.language.words import singular


def names_a_table(words: Collection[str], catalog: Catalog) -> bool:
    """Whether a table is called so, or a special kind of it: "table" means `tables`, `dining_table`, `DiningTable`.

    Short words must stand apart: "use" is not in `warehouse`.
    """
    beginnings = _beginnings(words)
    endings = tuple(word if len(word) > 3 else f"_{word}" for word in words)
    for table in catalog.tables:
        if table.extension is None:
            name = table.name.lower()
            for beginning in beginnings:
                if beginning in name and (
                    singular(name) in words
                    or singular(name).endswith(endings)
                    or singular(name.split("_")[-1]) in words
                ):
                    return True
    return False


def names_a_column(words: Collection[str], catalog: Catalog, values: bool = True) -> bool:
    """Whether a column is called so (`door_lock`; `locked_at` for "locked").

    Args:
        values: also whether a column holds it as one of few values.
    """
    forms = {
        form for word in words for form in (word, f"{word}s", f"{word}es", word.capitalize(), f"{word}s".capitalize())
    }
    endings = tuple(f"_{word}" for word in words)
    openings = tuple(f"{word}_" for word in words)
    beginnings = _beginnings(words)
    for table in catalog.tables:
        if table.extension is not None:
            continue
        for column in table.columns:
            name = column.name
            for beginning in beginnings:
                if beginning in name or not name.islower():
                    single = singular(name.lower())
                    if single in words or single.endswith(endings) or single.startswith(openings):
                        return True
            if not values:
                continue
            known = column.enum_labels or (column.values.values if column.values is not None else ())
            if known and not forms.isdisjoint(known):
                return True
    return False


def _beginnings(words: Collection[str]) -> tuple[str, ...]:
    """What a name must hold to be looked at closely: the part of each word that a plural does not change."""
    return tuple({word[: max(3, len(word) - 2)] for word in words})


def find_table(words: Sequence[str], catalog: Catalog) -> Table | None:
    """The only table that is called by these singular words in that order: `order item` is order_items, and
    `sale order` is the table orders of the schema sales."""
    parts = [part for word in words for part in _parts(word)]
    wanted = "".join(parts)
    found = []
    for table in catalog.tables:
        name = table.name.lower()
        if (wanted[:2] == name[:2] and abs(len(name) - len(wanted)) < 12 and "".join(_parts(name)) == wanted) or (
            len(words) > 1 and name[:2] == words[1][:2] and [*_parts(table.schema.lower()), *_parts(name)] == parts
        ):
            found.append(table)
    return found[0] if len(found) == 1 else None


def _parts(name: str) -> list[str]:
    return [singular(part) for part in name.replace(" ", "_").split("_") if part]
