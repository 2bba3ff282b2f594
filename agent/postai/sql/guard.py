"""The guard: one SELECT statement whose every name is known to be harmless passes, everything else is refused.

It decides on PostgreSQL's own parse tree and a snapshot of the catalog (`postai.sql.safety`), before the statement
meets the server: EXPLAIN and PREPARE can run functions too, so nothing may be sent first. Where the guard cannot know
what the server will choose (overloads, search_path), it looks at everything the server could choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postai.errors import Refused
from postai.sql.hazards import Hazards
from postai.sql.names import Names, refused_by
from postai.sql.parse import parse_one, plain_text
from postai.sql.safety import Safety
from postai.sql.walker import Walker


@dataclass(frozen=True)
class Checked:
    """A statement that passed.

    Attributes:
        sql: what to send to the server: the statement without semicolon and comments, the same in every session.
        relations: oids of the relations that it names (system relations too).
        statement_class: PostgreSQL's command tag, "SELECT".
    """

    sql: str
    relations: tuple[int, ...]
    statement_class: str


def check(
    statement: str,
    safety: Safety,
    *,
    search_path: Sequence[str],
    allowed_functions: frozenset[str] = frozenset(),
) -> Checked:
    """Let one reading statement pass, or refuse it.

    Args:
        statement: SQL text from anywhere: a model, a grammar, a person, a collected statement.
        safety: snapshot of the database in which it would run.
        search_path: schemas of the session that would run it, resolved (`current_schemas(true)`, no "$user").
        allowed_functions: what an operator listed: "schema.function", "schema.function(argument types)",
            "extension NAME", "server NAME".

    Raises:
        Refused: with the object that does not pass and what stands behind it.
    """
    parsed = parse_one(statement)
    if parsed.statement_class != "SELECT":
        raise Refused(
            f"{parsed.statement_class} is not allowed, only SELECT is",
            hint="To change data or structure, propose it: postai.migrate('...').",
        )
    hazards: Hazards = safety.memo.setdefault(allowed_functions, Hazards(safety, allowed_functions))
    if bad := hazards.database():
        raise refused_by("every statement of this database could run a function that is not allowed", bad)
    names = Names(safety, hazards, _effective_path(search_path))
    Walker(names).visit(parsed.tree)
    names.decide()
    return Checked(plain_text(parsed), tuple(dict.fromkeys(names.relations)), parsed.statement_class)


def _effective_path(search_path: Sequence[str]) -> tuple[str, ...]:
    if "$user" in search_path:
        raise Refused(
            'the search_path holds "$user"', hint="Hand over the resolved schemas: select current_schemas(true)."
        )
    path = tuple(dict.fromkeys(search_path))
    return path if "pg_catalog" in path else ("pg_catalog", *path)
