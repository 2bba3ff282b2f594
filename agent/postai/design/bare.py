"""Takes out what was read as a thing and is none: a moment ("for a night"), what is only counted."""

from __future__ import annotations

from postai.design.draft import Draft, Table
from postai.design.ground import Ground
from postai.language.word_set import word_set

_MOMENTS = word_set("night day evening morning afternoon week weekend month moment hour minute date time weekday")


def without_bare(ground: Ground) -> None:
    """Drop tables of which nothing is known but their name, where that is no thing; a note says so."""
    draft = ground.draft
    for table in list(draft.tables.values()):
        if (
            table.was is None
            and not table.pair
            and table.noun not in ground.described
            and table.noun not in ground.defined
            and all(one.fixed for one in table.columns.values())
            and (table.noun[-1] in _MOMENTS or _counted(draft, table))
        ):
            _drop(draft, table)
            ground.note(f"Assumed: {table.name} are no things of their own, as nothing was said of them.")


def _counted(draft: Draft, table: Table) -> bool:
    """Whether other rows count what a table would hold, and nothing is said of it."""
    counts = {f"{table.noun[-1]}_count", f"max_{table.name}", f"{table.name}_count"}
    return any(counts & set(one.columns) for one in draft.tables.values())


def _drop(draft: Draft, table: Table) -> None:
    del draft.tables[table.name]
    for other in list(draft.tables.values()):
        if table.name in other.pair and len(other.columns) <= 2:
            del draft.tables[other.name]
            continue
        gone = {rule.columns[0] for rule in other.keys_to(table.name)}
        other.columns = {name: one for name, one in other.columns.items() if name not in gone}
        other.rules = [one for one in other.rules if not gone & set(one.columns)]
        if gone and not other.key:
            other.rules = [one for one in other.rules if one.kind != "primary"]
