"""Which rows made a step fail: a few of their keys, and the SELECT that shows them all.

VALIDATE, SET NOT NULL and a unique index look at every row themselves, just before the step would be done: there is
nothing to look at a second time before it. What the server leaves out of its error is looked up after it.
"""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import Database, ServerError
from postai.database.identifiers import qualified, quote_ident
from postai.database.named_sql import load
from postai.proposals.types import Step
from postai.sql.parse import Unparsable, parse_one, write

_FEW = 3
_SECONDS = 10


def name_rows(db: Database, step: Step, role: str, error: ServerError) -> None:
    """Add to an error which rows violate what the step checks, where that can be told.

    The keys go to the detail, which only operators are shown; the SELECT to the hint.

    Args:
        db: session outside of a transaction.
        role: owner of the table, who reads.
        error: of the step.
    """
    keys, hint = _looked_up(db, step, role, error.sqlstate)
    error.detail = " ".join(text for text in (error.detail, keys) if text) or None
    error.hint = error.hint or hint


def _looked_up(db: Database, step: Step, role: str, sqlstate: str) -> tuple[str | None, str | None]:
    nothing = (None, None)
    if sqlstate not in ("23502", "23503", "23514"):
        return nothing
    tree: Any = parse_one(step.statement).tree
    if tree.DESCRIPTOR.name != "AlterTableStmt" or len(tree.cmds) != 1:
        return nothing
    table = qualified(tree.relation.schemaname, tree.relation.relname)
    try:
        with db.transaction():
            db.execute("set transaction read only")
            db.execute("set local search_path = pg_catalog, pg_temp")
            db.execute(f"set local statement_timeout = '{_SECONDS}s'")
            where = _violated(db, table, tree.cmds[0].alter_table_cmd)
            if where is None:
                return nothing
            key = [row[0] for row in db.query(load(__package__, "objects.sql")["key_columns"], [table])]
            db.execute("set local row_security = off")
            db.execute(f"set local role {quote_ident(role)}")
            rows_of = f"FROM {table} AS t WHERE {where}"
            shown = f"To see the rows: SELECT * {rows_of};"
            if not key:
                return None, shown
            listed = ", ".join(f"t.{quote_ident(one)}::text" for one in key)
            found = db.query(f"SELECT ARRAY[{listed}] {rows_of} LIMIT {_FEW}")
    except (ServerError, Unparsable):
        return nothing  # the step's own error is what people need
    names = ", ".join(key)
    keys = "; ".join(", ".join(str(value) for value in row[0]) for row in found)
    return f"Rows with ({names}) = {keys}, perhaps more." if found else None, shown


def _violated(db: Database, table: str, command: Any) -> str | None:
    """Which rows, called t, violate what a subcommand adds or validates."""
    if command.subtype == pb.AT_SetNotNull:
        return f"t.{quote_ident(command.name)} IS NULL"
    if command.subtype == pb.AT_AddConstraint:
        constraint = getattr(command, "def").constraint
    elif command.subtype == pb.AT_ValidateConstraint:
        rows = db.query(load(__package__, "objects.sql")["constraint_definition"], [table, command.name])
        if not rows:
            return None
        alter: Any = parse_one(f"ALTER TABLE t ADD CONSTRAINT c {rows[0][0]}").tree
        constraint = getattr(alter.cmds[0].alter_table_cmd, "def").constraint
    else:
        return None
    if constraint.contype == pb.CONSTR_CHECK:
        select: Any = parse_one("SELECT NULL").tree
        select.target_list[0].res_target.val.CopyFrom(constraint.raw_expr)
        return f"NOT ({write(select).removeprefix('SELECT ')})"
    if constraint.contype == pb.CONSTR_NOTNULL:
        return f"t.{quote_ident(constraint.keys[0].string.sval)} IS NULL"
    if constraint.contype != pb.CONSTR_FOREIGN or not constraint.pk_attrs:
        return None
    own = [f"t.{quote_ident(one.string.sval)}" for one in constraint.fk_attrs]
    theirs = [f"r.{quote_ident(one.string.sval)}" for one in constraint.pk_attrs]
    target = qualified(constraint.pktable.schemaname, constraint.pktable.relname)
    same = " AND ".join(f"{one} = {other}" for one, other in zip(theirs, own, strict=True))
    present = " AND ".join(f"{one} IS NOT NULL" for one in own)
    return f"{present} AND NOT EXISTS (SELECT 1 FROM {target} AS r WHERE {same})"  # noqa: S608 - quoted names
