"""Making a copy of a part of a schema from its definitions, empty, as complete as the server lets us."""

from __future__ import annotations

from collections.abc import Sequence

from postai.database import Database, ServerError
from postai.database.identifiers import quote_ident
from postai.deadline import Deadline
from postai.scratch.definitions import Definitions

_AT_ONCE = 100
"""Statements in one message, which is one transaction: each object is a lock until its end."""


def make_copy(copy: Database, definitions: Definitions, deadline: Deadline) -> tuple[str, ...]:
    """Run the definitions in an empty database.

    Args:
        copy: a session of it, outside a transaction.
        definitions: of the real objects.
        deadline: checked between messages.

    Returns:
        what could not be made, for people: the statement's beginning and the server's words.
    """
    failed = _run(copy, [f"create schema if not exists {quote_ident(one)}" for one in definitions.schemas], deadline)
    failed |= _run(copy, definitions.extensions, deadline)
    waiting: dict[str, str] = _run(copy, definitions.statements, deadline)
    while waiting:
        still = _run(copy, list(waiting), deadline)
        if len(still) == len(waiting):
            break
        waiting = still
    failed |= waiting
    failed |= _run(copy, definitions.filled, deadline)
    return tuple(f"not in the copy: {_beginning(statement)}: {why}" for statement, why in failed.items())


def _run(copy: Database, statements: Sequence[str], deadline: Deadline) -> dict[str, str]:
    """Run statements in order; those that fail, with the server's words."""
    failed: dict[str, str] = {}
    waiting = [list(statements[at : at + _AT_ONCE]) for at in range(0, len(statements), _AT_ONCE)][::-1]
    while waiting:
        deadline.check()
        some = waiting.pop()
        try:
            copy.execute(";\n".join(some))
        except ServerError as error:
            if len(some) == 1:
                failed[some[0]] = error.message
            else:
                half = len(some) // 2
                waiting += [some[half:], some[:half]]
    return failed


def _beginning(statement: str) -> str:
    first = " ".join(statement.split())
    return first if len(first) <= 80 else f"{first[:77]}..."
