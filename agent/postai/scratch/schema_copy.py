"""Making a copy of a part of a schema from its definitions, empty, as complete as the server lets us."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from postai.database import Database, ServerError
from postai.database.identifiers import quote_ident
from postai.deadline import Deadline
from postai.errors import Refused
from postai.scratch.definitions import Definitions
from postai.scratch.renaming import Renaming

_AT_ONCE = 100
"""Statements in one message, which is one transaction: each object is a lock until its end."""


def make_copy(
    copy: Database, definitions: Definitions, deadline: Deadline, renaming: Renaming | None = None
) -> dict[str, str]:
    """Run the definitions where nothing of the kind is yet.

    Args:
        copy: a session there, outside a transaction.
        definitions: of the real objects.
        deadline: checked between messages.
        renaming: the schemas' names in the copy, where they are not the real ones; extensions are there then.

    Returns:
        statements that could not be run, with the server's words.
    """
    if renaming is None:
        schemas = [f"create schema if not exists {quote_ident(one)}" for one in definitions.schemas]
        failed = _run(copy, schemas, deadline) | _run(copy, definitions.extensions, deadline)
    else:
        failed = _make_places(copy, definitions.schemas, renaming, deadline)
    waiting: dict[str, str] = _run(copy, _renamed(definitions.statements, renaming, failed), deadline)
    while waiting:
        still = _run(copy, list(waiting), deadline)
        if len(still) == len(waiting):
            break
        waiting = still
    failed |= waiting
    if renaming is None:
        failed |= _run(copy, definitions.publications, deadline)
    failed |= _run(copy, _renamed(definitions.filled, renaming, failed), deadline)
    return failed


def _make_places(copy: Database, schemas: Iterable[str], renaming: Renaming, deadline: Deadline) -> dict[str, str]:
    failed: dict[str, str] = {}
    for one in schemas:
        deadline.check()
        try:
            renaming.make_place(copy, one)
        except ServerError as error:
            failed[f"create schema {quote_ident(one)}"] = error.message
    return failed


def _renamed(statements: Sequence[str], renaming: Renaming | None, failed: dict[str, str]) -> Sequence[str]:
    """The statements for the copy's schemas; those that cannot be written back join the failed ones."""
    if renaming is None:
        return statements
    made = []
    for one in statements:
        try:
            made.append(renaming.statement(one))
        except Refused as error:
            failed[one] = error.message
    return made


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
