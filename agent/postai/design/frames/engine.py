"""Reads a whole description by frames."""

from __future__ import annotations

from postai.design.draft import Table
from postai.design.frames.clauses import clauses_of
from postai.design.frames.deciding import decide, only_done
from postai.design.frames.naming import discover
from postai.design.frames.telling import tell
from postai.design.frames.world import OWN_VALUES, World
from postai.design.ground import Ground
from postai.design.nouns import plural


def _unused(world: World, name: str) -> bool:
    """Whether nothing is known of a thing but its name, and no key joins it to others."""
    draft = world.ground.draft
    table = draft.tables[name]
    if any(not one.fixed for one in table.columns.values()) or any(one.keys_to(name) for one in draft.tables.values()):
        return False
    words = [one.lower() for clause in world.clauses for one in clause.tokens]
    head = table.noun[-1]
    return words.count(head) + words.count(plural(head)) < 2 or only_done(world, name)


def _says(table: Table, name: str) -> bool:
    """Whether a column is more than a key or one of several values."""
    column = table.columns[name]
    return (
        not column.fixed
        and not name.endswith("_id")
        and not any(one.values for one in table.rules if name in one.columns)
    )


def read_frames(ground: Ground, description: str) -> int:
    """Draw the schema that a description tells of into a ground.

    Returns:
        how many clauses were read.
    """
    clauses = clauses_of(description)
    world = World(ground, discover(clauses), clauses)
    tell(world)
    decide(world)
    for name in [one for one in ground.draft.tables if _unused(world, one)]:
        del ground.draft.tables[name]
    for table in ground.draft.tables.values():
        if table.noun[-1] in OWN_VALUES and not table.pair and not any(_says(table, one) for one in table.columns):
            world.put(table, world.own_value(table))
    for work in world.late:
        work()
    for text in world.missed:
        ground.not_understood(text)
    return len(clauses)
