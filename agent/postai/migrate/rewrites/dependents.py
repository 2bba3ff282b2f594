"""What the given text itself makes to depend on columns: the catalog does not know it yet, and later steps must."""

from __future__ import annotations

from typing import Any

from postai.database.identifiers import quote_ident
from postai.migrate import naming
from postai.migrate.picture import Relation
from postai.migrate.work import Work
from postai.sql.nodes import messages

_KINDS = {
    "ViewStmt": "view", "CreateTableAsStmt": "view", "RuleStmt": "rule", "CreatePolicyStmt": "policy",
    "AlterPolicyStmt": "policy", "CreateTrigStmt": "trigger", "CreateStatsStmt": "statistics",
    "CreatePublicationStmt": "publication", "AlterPublicationStmt": "publication", "CreateFunctionStmt": "function",
    "GrantStmt": "grant",
}  # fmt: skip
_PARTLY = frozenset({"CreatePolicyStmt", "AlterPolicyStmt", "CreateTrigStmt", "CreateStatsStmt", "GrantStmt"})
"""Statements that depend on the columns that they name; the others may on all columns of what they read."""


def note_dependents(work: Work, tree: Any) -> None:
    """Note which columns a statement makes something depend on, for the statements after it.

    Args:
        tree: a statement with full names.
    """
    kind = tree.DESCRIPTOR.name
    if kind in ("CreateStmt", "AlterTableStmt"):
        for node in messages(tree):
            if node.DESCRIPTOR.name == "Constraint" and node.HasField("pktable"):
                _note_referred(work, node)
    if kind not in _KINDS:
        return
    for node in messages(tree):
        relation = work.relation(node) if node.DESCRIPTOR.name == "RangeVar" else None
        if relation is not None:
            names = [one.name for one in relation.columns]
            used = _named(tree, names) if kind in _PARTLY else set(names)
            numbers = [one.number for one in relation.columns if one.name in used]
            word = _KINDS[kind]
            relation.others += [(number, word, f"{word} of the same text") for number in numbers]


def _note_referred(work: Work, constraint: Any) -> None:
    """Note the columns that a new foreign key refers to."""
    relation = work.relation(constraint.pktable)
    if relation is not None:
        named = {one.string.sval for one in constraint.pk_attrs}
        keys = {number for one in relation.indexes if one.primary for number in one.keys}
        relation.others += [
            (one.number, "foreign key", "foreign key of the same text")
            for one in relation.columns
            if (one.name in named if named else one.number in keys)
        ]


def note_generated(relation: Relation, name: str, expression: Any) -> None:
    """Note which columns a generated column reads."""
    read = set(naming.columns_of(expression, [one.name for one in relation.columns]))
    relation.others += [
        (one.number, "generated column", quote_ident(name)) for one in relation.columns if one.name in read
    ]


def note_settings(relation: Relation, name: str, command: Any) -> None:
    """Note what a subcommand of ALTER TABLE that has no form of its own sets for a column or an index.

    Args:
        name: of the subcommand, e.g. AT_SetStatistics.
    """
    index = next((one for one in relation.indexes if one.name == command.name), None)
    column = relation.column(command.name)
    if name == "AT_ClusterOn" and index is not None:
        index.clustered = True
    elif name == "AT_ReplicaIdentity":
        chosen = getattr(command, "def").replica_identity_stmt.name
        for one in relation.indexes:
            one.identity = one.name == chosen
    elif name == "AT_SetExpression":
        note_generated(relation, command.name, getattr(command, "def"))
    elif column is not None:
        column.extras = True


def _named(tree: Any, known: list[str]) -> set[str]:
    """Columns that a statement names anywhere."""
    found = set(naming.columns_of(tree, known))
    for node in messages(tree):
        kind = node.DESCRIPTOR.name
        if kind == "StatsElem":
            found.add(node.name)
        elif kind == "CreateTrigStmt":
            found.update(one.string.sval for one in node.columns)
        elif kind == "AccessPriv":
            found.update(one.string.sval for one in node.cols)
    return found & set(known)
