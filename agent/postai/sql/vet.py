"""What a proposed change touches, and the statements that no proposal may hold."""

from __future__ import annotations

from dataclasses import dataclass

from postai.errors import Refused
from postai.sql.parse import parse_one


@dataclass(frozen=True)
class ObjectRef:
    """An object that a statement names.

    Attributes:
        kind: PostgreSQL's word in lower case: "table", "view", "index", "sequence", "type", "function", "schema" ...
        schema: as written; None when the statement does not qualify the name.
        name: as written (folded as PostgreSQL folds it); for constraints, columns, triggers and policies the relation
            they belong to is what is touched.
    """

    kind: str
    schema: str | None
    name: str


@dataclass(frozen=True)
class ChangeFacts:
    """What is known about one statement of a proposal before it runs.

    Attributes:
        statement_class: PostgreSQL's command tag.
        touched: existing objects whose owner's role is needed.
        creates: objects that come into being (their schema's owner role is needed).
        in_transaction: False when PostgreSQL refuses the statement in a transaction block.
    """

    statement_class: str
    touched: tuple[ObjectRef, ...]
    creates: tuple[ObjectRef, ...]
    in_transaction: bool


def vet_change(statement: str) -> ChangeFacts:
    """Facts about one statement of a proposal.

    Raises:
        Refused: the statement is not on the list of what a proposal may hold, or it cannot be parsed.
    """
    parsed = parse_one(statement)
    raise Refused(f"{parsed.statement_class} cannot be proposed")
