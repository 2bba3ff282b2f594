"""What somebody else brought about while a proposal waited: taken for done where it is what the step would make."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database import Database, Row
from postai.database.identifiers import qualified
from postai.database.named_sql import load
from postai.errors import StaleProposal
from postai.proposals.index_work import as_server_writes
from postai.proposals.types import Step
from postai.sql.parse import Unparsable, parse_one, write
from postai.sql.vet import vet_change

_MAKES = frozenset(
    {
        "CreateStmt", "ViewStmt", "CreateTableAsStmt", "CreateSeqStmt", "CompositeTypeStmt", "CreateEnumStmt",
        "CreateDomainStmt", "CreateTrigStmt",
    }
)  # fmt: skip
"""Statements that make what nobody compares here: a name that is taken is another's."""


def require_same(db: Database, step: Step) -> None:
    """Refuse what has the name of what a step would make, unless it says the same.

    Args:
        db: session for looking.
        step: its postcondition holds, and no attempt of this action had begun it.

    Raises:
        StaleProposal: something else has the name; it is left alone.
    """
    tree: Any = parse_one(step.statement).tree
    kind = tree.DESCRIPTOR.name
    anyhow = getattr(tree, "replace", False) or getattr(tree, "if_not_exists", False)
    if kind in _MAKES and not anyhow:
        raise _other(", ".join(f"{one.kind} {one.name}" for one in vet_change(step.statement).creates) or "it", None)
    if kind != "AlterTableStmt":
        return
    table = qualified(tree.relation.schemaname, tree.relation.relname)
    for one in (each.alter_table_cmd for each in tree.cmds):
        wanted = getattr(one, "def")
        if one.subtype == pb.AT_AddConstraint:
            constraint = wanted.constraint
            rows = _look(db, "constraint_definition", table, constraint.conname)
            if rows and not _same_constraint(constraint, rows[0][0]):
                raise _other(f"constraint {constraint.conname} of {table}", rows[0][0])
        elif one.subtype == pb.AT_ColumnDefault and one.HasField("def"):
            rows = _look(db, "default_expression", table, one.name)
            if rows and _plain(wanted) != _plain(_expression(rows[0][0])):
                raise _other(f"a default of {table}.{one.name}", rows[0][0])


def _look(db: Database, block: str, table: str, name: str) -> list[Row]:
    """A definition as the server writes it where no schema but pg_catalog is looked into."""
    with db.transaction():
        db.execute("set local search_path = pg_catalog")
        return list(db.query(load(__package__, "objects.sql")[block], [table, name]))


def _other(what: str, definition: str | None) -> StaleProposal:
    return StaleProposal(
        f"{what} exists already and is not known to be what the step would create",
        detail=definition,
        hint="Drop or rename it, or ask for a new proposal.",
    )


def _same_constraint(wanted: Any, definition: str) -> bool:
    """Whether a constraint says what the server shows of another one; its name and whether it is validated aside."""
    try:
        alter: Any = parse_one(f"ALTER TABLE t ADD CONSTRAINT c {definition}").tree
    except Unparsable:
        return False  # words of a newer server
    there = getattr(alter.cmds[0].alter_table_cmd, "def").constraint
    if wanted.contype != there.contype or (wanted.deferrable, wanted.initdeferred) != (
        there.deferrable, there.initdeferred
    ):  # fmt: skip
        return False
    if wanted.contype == pb.CONSTR_CHECK:
        return _plain(wanted.raw_expr) == _plain(there.raw_expr) and wanted.is_no_inherit == there.is_no_inherit
    if wanted.indexname:
        return True  # the step before has looked at the index
    if wanted.contype == pb.CONSTR_FOREIGN and not wanted.pk_attrs:
        del there.pk_attrs[:]
    return _keys(wanted) == _keys(there)


def _keys(constraint: Any) -> tuple[object, ...]:
    """What makes a key, a foreign key, a NOT NULL or an exclusion what it is."""
    lists = (
        constraint.keys,
        constraint.including,
        constraint.fk_attrs,
        constraint.pk_attrs,
        constraint.fk_del_set_cols,
    )
    target = constraint.pktable
    return (
        *(tuple(one.string.sval for one in names) for names in lists),
        (target.schemaname, target.relname) if constraint.contype == pb.CONSTR_FOREIGN else None,
        constraint.fk_matchtype or "s",
        constraint.fk_upd_action or "a",
        constraint.fk_del_action or "a",
        constraint.nulls_not_distinct,
        constraint.without_overlaps,
        str(constraint.exclusions),
    )


def _expression(text: str) -> Any:
    tree: Any = parse_one(f"SELECT {text}").tree
    return tree.target_list[0].res_target.val


def _plain(node: Any) -> str:
    """An expression as text, without the casts that the server adds to constants."""
    select: Any = parse_one("SELECT NULL").tree
    select.target_list[0].res_target.val.CopyFrom(node)
    as_server_writes(select)
    return write(select)
