"""Statements of the model that move rows: INSERT and UPDATE, only of the change's own tables, only out of tables that
are there, only with what PostgreSQL itself computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.design.draft import Draft
from postai.errors import Refused
from postai.sql.allowlist import load_allowlist
from postai.sql.nodes import PLAIN_NODES, messages
from postai.sql.parse import Statement, statement_node

Unfit = Callable[[frozenset[str], frozenset[str]], tuple[str, ...]]
"""Of names of functions and of operators, those that are not PostgreSQL's own, or change something, or are volatile."""

_NODES = PLAIN_NODES | {
    "InsertStmt", "UpdateStmt", "SelectStmt", "RangeVar", "RangeSubselect", "RangeFunction", "JoinExpr", "FuncCall",
    "A_Expr", "SubLink", "CaseExpr", "SortBy", "TypeName", "ColumnRef", "A_Indirection", "MultiAssignRef",
    "SetToDefault", "Node",
}  # fmt: skip


@dataclass(frozen=True)
class _Tables:
    """Names of tables: `known` may be read, `own` are made or altered by the change, `made` are new in it."""

    known: frozenset[str]
    own: frozenset[str]
    made: frozenset[str]
    types: frozenset[str]


def is_data(statement: Statement) -> bool:
    """Whether a statement writes rows."""
    return statement.statement_class in ("INSERT", "UPDATE")


def vet_data(up: Sequence[Statement], down: Sequence[Statement], before: Draft, unfit: Unfit) -> None:
    """Refuse statements that write rows in any way that a change of the schema does not need.

    Args:
        up, down: all statements of the change.
        before: the schema that is there.
        unfit: judge of functions and operators, in the database that is to be changed.

    Raises:
        Refused: with the part that does not pass.
    """
    tables = _tables((*up, *down), before)
    called: set[str] = set()
    operators: set[str] = set()
    for statement in (*up, *down):
        if is_data(statement):
            _vet(statement.tree, tables)
            called |= {one.funcname[-1].string.sval for one in _of(statement.tree, "FuncCall")}
            operators |= {one.name[-1].string.sval for one in _of(statement.tree, "A_Expr")}
    if called or operators:
        for name in unfit(frozenset(called), frozenset(operators)):
            raise _refused(f"what {name} does is volatile, or not PostgreSQL's own")


def overwritten(statements: Sequence[Statement], before: Draft) -> tuple[str, ...]:
    """What the statements write, as sentences for people; columns that had values before are named."""
    said = []
    added = {
        (one.tree.relation.relname, getattr(cmd.alter_table_cmd, "def").column_def.colname)
        for one in statements
        if one.tree.DESCRIPTOR.name == "AlterTableStmt"
        for cmd in one.tree.cmds
        if cmd.alter_table_cmd.subtype == pb.AT_AddColumn
    }
    for one in filter(is_data, statements):
        place = one.tree.relation.relname
        table = next((each for each in before.tables.values() if each.name == place), None)
        set_here = [each.res_target.name for each in getattr(one.tree, "target_list", ())]
        old = [each for each in set_here if table and each in table.columns and (place, each) not in added]
        if old:
            said.append(f"values of {', '.join(f'{place}.{each}' for each in old)} are written anew: {one.sql}")
        else:
            said.append(f"rows of {place} are written: {one.sql}")
    return tuple(said)


def _tables(statements: Sequence[Statement], before: Draft) -> _Tables:
    known = {each for one in before.tables.values() for each in (one.name, f"{one.schema}.{one.name}")}
    types = {column.type.split("(")[0] for one in before.tables.values() for column in one.columns.values()}
    own: set[str] = set()
    made: set[str] = set()
    for one in statements:
        tree: Any = one.tree
        kind = tree.DESCRIPTOR.name
        if kind == "CreateStmt":
            made |= _written(tree.relation)
        elif kind == "AlterTableStmt":
            own |= _written(tree.relation)
        elif kind == "RenameStmt" and tree.rename_type in (pb.OBJECT_TABLE, pb.OBJECT_COLUMN):
            own |= _written(tree.relation)
            if tree.rename_type == pb.OBJECT_TABLE:
                own |= {tree.newname, f"{tree.relation.schemaname}.{tree.newname}".lstrip(".")}
        elif kind == "CreateEnumStmt":
            types.add(tree.type_name[-1].string.sval)
    return _Tables(frozenset(known | own | made), frozenset(own | made), frozenset(made), frozenset(types))


def _written(relation: Any) -> set[str]:
    """A table's name as statements may write it; with its schema only where that was said."""
    whole = f"{relation.schemaname}.{relation.relname}" if relation.schemaname else relation.relname
    return {whole, relation.relname}


def _vet(tree: Any, tables: _Tables) -> None:
    target = _name(tree.relation)
    if target not in tables.own:
        raise _refused(f"the change neither makes nor alters the table {target}, so it may not write its rows")
    if tree.HasField("with_clause") or tree.HasField("returning_clause"):
        raise _refused("WITH and RETURNING are not needed to move rows")
    if tree.DESCRIPTOR.name == "InsertStmt":
        query = statement_node(tree.select_stmt) if tree.HasField("select_stmt") else None
        if tree.HasField("on_conflict_clause") or query is None or not tree.cols:
            raise _refused("an INSERT names its columns and takes the rows of a SELECT, without ON CONFLICT")
        if query.values_lists and target not in tables.made:
            raise _refused(f"rows may only be given to a table that the change makes, and {target} is none")
    for node in messages(tree):
        _vet_node(node, tables)


def _vet_node(node: Any, tables: _Tables) -> None:
    kind = node.DESCRIPTOR.name
    if kind not in _NODES:
        raise _refused(f"{kind} is not on the list of what may move rows")
    if kind == "RangeVar":
        if _name(node) not in tables.known or node.catalogname:
            raise _refused(f"there is no table {_name(node)} in this schema")
    elif kind == "SelectStmt" and (node.HasField("with_clause") or node.HasField("into_clause")):
        raise _refused("WITH and INTO are not needed to move rows")
    elif kind == "FuncCall":
        listed = load_allowlist()
        parts = [one.string.sval for one in node.funcname]
        if parts[-1] not in listed.functions or parts[:-1] not in ([], ["pg_catalog"]):
            raise _refused(f"the function {'.'.join(parts)} is not on the list of what may move rows")
    elif kind == "A_Expr":
        parts = [one.string.sval for one in node.name]
        if parts[-1] not in load_allowlist().operators or parts[:-1] not in ([], ["pg_catalog"]):
            raise _refused(f"the operator {'.'.join(parts)} is not on the list of what may move rows")
    elif kind == "TypeName":
        parts = [one.string.sval for one in node.names]
        if parts[-1] not in load_allowlist().types and not {parts[-1], ".".join(parts)} & tables.types:
            raise _refused(f"the type {'.'.join(parts)} is not on the list of what may move rows")


def _name(relation: Any) -> str:
    return f"{relation.schemaname}.{relation.relname}" if relation.schemaname else str(relation.relname)


def _of(tree: Message, kind: str) -> list[Any]:
    return [one for one in messages(tree) if one.DESCRIPTOR.name == kind]


def _refused(detail: str) -> Refused:
    return Refused(
        "rows may not be written like this",
        detail=f"{detail[0].upper()}{detail[1:]}.",
        hint="Move rows with INSERT ... SELECT or UPDATE of the tables that the change makes or alters.",
    )
