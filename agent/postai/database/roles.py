"""Who is connected, who owns what, who belongs to whom, and whether a pooler stands between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database


@dataclass(frozen=True, slots=True)
class Identity:
    """The connected role.

    Attributes:
        session_user: who logged in.
        current_user: whose rights count (differs after SET ROLE).
        superuser, create_role, create_database, bypass_row_security: attributes of current_user.
        database_owner: owner of the connected database.
    """

    session_user: str
    current_user: str
    superuser: bool
    create_role: bool
    create_database: bool
    bypass_row_security: bool
    database_owner: str


def identity(db: Database) -> Identity:
    """Who is connected, and with which rights."""
    return Identity(*db.query(_block("identity"))[0])


def is_member(db: Database, role: str, group: str) -> bool:
    """Whether `role` is a member of `group`, directly or through others; False when one of them does not exist."""
    rows = db.query(_block("is_member"), (role, group))
    return bool(rows and rows[0][0])


def grant_statement(groups: Sequence[str], role: str) -> str:
    """What somebody with the right to do so has to run, so that `role` becomes a member of these roles."""
    return f"GRANT {', '.join(map(quote_ident, groups))} TO {quote_ident(role)};"


def relation_owners(db: Database, oids: Sequence[int]) -> dict[int, str]:
    """Owner of each of these relations; those that do not exist are missing in the result."""
    return dict(db.query(_block("relation_owners"), (list(oids),)))


def schema_owner(db: Database, schema: str) -> str | None:
    """Owner of a schema; None = there is no such schema."""
    rows = db.query(_block("schema_owner"), (schema,))
    return rows[0][0] if rows else None


def detect_pooler(db: Database, *, samples: int = 5) -> str | None:
    """What shows that a pooler stands between us and the server; None = nothing does.

    LISTEN, advisory locks and leadership need a direct connection. A pooler such as PgBouncer answers the startup
    itself and gives a backend key of its own making, so the process id in it is not the one that `pg_backend_pid()`
    tells; in transaction mode the latter also changes between transactions.

    Args:
        db: a session outside a transaction.
        samples: how many transactions to compare.
    """
    backends = {db.query(_block("backend"))[0][0] for _ in range(samples)}
    if len(backends) > 1:
        return f"{len(backends)} server processes answered {samples} transactions of one connection"
    if backends != {db.backend_pid}:
        return "the process that answers is not the one that the connection was opened with"
    return None


def _block(name: str) -> str:
    return named_sql.load(__package__, "roles.sql")[name]
