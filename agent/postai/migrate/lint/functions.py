"""Which functions give another value for every row."""

from __future__ import annotations

from google.protobuf.message import Message

from postai.migrate.lint.reading import called_functions
from postai.migrate.lint.world import World
from postai.sql.allowlist import load_allowlist

VOLATILE = frozenset(
    [
        "clock_timestamp",
        "currval",
        "gen_random_uuid",
        "lastval",
        "nextval",
        "pg_sleep",
        "random",
        "random_normal",
        "setseed",
        "setval",
        "timeofday",
        "uuidv4",
        "uuidv7",
        "pg_notify",
        "pg_advisory_lock",
        "pg_advisory_xact_lock",
        "pg_try_advisory_lock",
        "pg_nextoid",
        "lo_create",
        "lo_creat",
    ]
)
"""Built-in functions of pg_proc.provolatile 'v' that could stand in a DEFAULT."""


def volatile_function(world: World, expression: Message) -> str | None:
    """The first volatile function that an expression calls; what nobody knows counts as volatile."""
    for name in called_functions(expression):
        known = world.functions.get(name)
        if known is None:
            known = name in VOLATILE or not (world.complete or _is_built_in(name))
        if known:
            return name
    return None


def _is_built_in(name: str) -> bool:
    names = load_allowlist()
    return name in names.functions or name in names.unlisted
