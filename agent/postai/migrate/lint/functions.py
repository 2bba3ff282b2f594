"""Which functions give another value for every row."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.lint.reading import called_functions
from postai.migrate.lint.world import World
from postai.sql.allowlist import load_allowlist
from postai.sql.nodes import messages
from postai.sql.parse import Unparsable, parse, statement_node

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
_ATOMIC = re.compile(r"^\s*BEGIN\s+ATOMIC\b(.*)\bEND\s*;?\s*$", re.IGNORECASE | re.DOTALL)
_RETURN = re.compile(r"^\s*RETURN\s", re.IGNORECASE)
_KEEPS = frozenset({"security", "strict", "set"})
"""Options with which a function in SQL is not inlined, or not always."""
_SIMPLE = frozenset({"target_list", "limit_option", "op"})
"""Fields of a SELECT without FROM, WHERE and the rest."""


def volatile_function(world: World, expression: Message) -> str | None:
    """The first volatile function that an expression calls; what nobody knows counts as volatile."""
    for name in called_functions(expression):
        known = world.functions.get(name)
        if known is None:
            known = name in VOLATILE or not (world.complete or _is_built_in(name))
        if known:
            return name
    return None


def volatility(functions: Iterable[tuple[str, bool, tuple[str, ...]]]) -> dict[str, bool]:
    """Which functions are volatile for a DEFAULT, once PostgreSQL has put the bodies of simple ones in their place.

    Args:
        functions: name, whether an overload is volatile that is never inlined, bodies of volatile ones that may be.
    """
    found: dict[str, bool] = {}
    waiting: dict[str, list[Message | None]] = {}
    for name, volatile, bodies in functions:
        found[name] = volatile or bool(bodies)
        if bodies and not volatile:
            waiting[name] = [computed(body) for body in bodies]
    while settled := [name for name, trees in waiting.items() if all(_computes(tree, found) for tree in trees)]:
        for name in settled:
            found[name] = False
            del waiting[name]
    return found


def _computes(tree: Message | None, volatile: Mapping[str, bool]) -> bool:
    return tree is not None and not any(volatile.get(name, True) for name in called_functions(tree))


def declared_volatile(world: World, node: Any) -> bool:
    """Whether a function that the text makes is volatile for a DEFAULT."""
    options = {item.def_elem.defname: statement_node(item.def_elem.arg) for item in node.options}
    volatility_word: Any = options.get("volatility")
    if volatility_word is not None and volatility_word.sval != "volatile":
        return False
    language: Any = options.get("language")
    if (language is not None and language.sval != "sql") or node.return_type.setof or _KEEPS & options.keys():
        return True
    body: Any = options.get("as")
    if body is not None and len(body.items) == 1:
        tree = computed(body.items[0].string.sval)
    else:
        tree = statement_node(node.sql_body) if node.sql_body.WhichOneof("node") == "return_stmt" else None
    return tree is None or volatile_function(world, tree) is not None


def computed(body: str) -> Message | None:
    """The expression that a body in SQL is, where PostgreSQL would inline it; None = it is more than that."""
    text = _RETURN.sub("SELECT ", _ATOMIC.sub(r"\1", body))
    try:
        statements = parse(text)
    except Unparsable:
        return None
    tree: Any = statements[0].tree if len(statements) == 1 else None
    if not isinstance(tree, pb.SelectStmt) or {field.name for field, _ in tree.ListFields()} - _SIMPLE:
        return None
    nested = any(isinstance(node, pb.SubLink) for node in messages(tree))
    return tree if len(tree.target_list) == 1 and not nested else None


def _is_built_in(name: str) -> bool:
    names = load_allowlist()
    return name in names.functions or name in names.unlisted
