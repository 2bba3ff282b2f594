"""What parse trees say, in the words of the rules: columns, defaults, constraints, flags, functions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.lint.datatypes import DataType, data_type
from postai.sql.nodes import messages
from postai.sql.parse import statement_node

_KINDS = {
    pb.CONSTR_CHECK: "c", pb.CONSTR_FOREIGN: "f", pb.CONSTR_PRIMARY: "p", pb.CONSTR_UNIQUE: "u",
    pb.CONSTR_EXCLUSION: "x", pb.CONSTR_NOTNULL: "n",
}  # fmt: skip
_SUFFIXES = {"f": "fkey", "p": "pkey", "u": "key", "c": "check", "x": "excl", "n": "not_null"}
_LONGEST_NAME = 63


@dataclass(frozen=True)
class NewColumn:
    """A column as a statement defines it.

    Attributes:
        name: its name.
        type: its type.
        default: the DEFAULT expression, None without one or for NULL.
        not_null: whether NOT NULL (or PRIMARY KEY) is said.
        identity: GENERATED ... AS IDENTITY.
        generated: "s" stored, "v" virtual, "" none.
        primary, unique: whether the definition itself says so.
        node: the `ColumnDef`.
    """

    name: str
    type: DataType
    default: Message | None
    not_null: bool
    identity: bool
    generated: str
    primary: bool
    unique: bool
    node: Any

    @property
    def fills_itself(self) -> bool:
        """Whether rows that are there get a value."""
        return self.default is not None or self.identity or bool(self.generated) or self.type.serial


@dataclass(frozen=True)
class NewConstraint:
    """A constraint as a statement defines it, inside a column's definition or by itself.

    Attributes:
        kind: c, f, p, u, x as in pg_constraint.contype, n for NOT NULL.
        columns: its columns; of a CHECK those that it mentions.
        checked: whether the rows that are there are checked.
        node: the `Constraint`.
        column: the column's definition that it stands in.
    """

    kind: str
    columns: tuple[str, ...]
    checked: bool
    node: Any
    column: NewColumn | None = None


def new_column(node: Any) -> NewColumn:
    """What a `ColumnDef` says."""
    default: Message | None = None
    not_null = identity = primary = unique = False
    generated = ""
    for item in node.constraints:
        constraint = item.constraint
        match constraint.contype:
            case pb.CONSTR_DEFAULT:
                default = None if is_null(constraint.raw_expr) else constraint.raw_expr
            case pb.CONSTR_NOTNULL:
                not_null = True
            case pb.CONSTR_PRIMARY:
                primary = not_null = True
            case pb.CONSTR_UNIQUE:
                unique = True
            case pb.CONSTR_IDENTITY:
                identity = not_null = True
            case pb.CONSTR_GENERATED:
                generated = constraint.generated_kind or "s"
    kind = data_type(node.type_name)
    return NewColumn(
        node.colname, kind, default, not_null or kind.serial, identity, generated, primary, unique, node
    )  # fmt: skip


def new_columns(tree: Any, command: Any | None) -> list[NewColumn]:
    """Columns that a statement, or one command of ALTER TABLE, defines."""
    if command is not None:
        return [new_column(definition(command).column_def)] if command.subtype == pb.AT_AddColumn else []
    if isinstance(tree, pb.CreateStmt):
        return [new_column(item.column_def) for item in tree.table_elts if item.WhichOneof("node") == "column_def"]
    return []


def definition(message: Any) -> Any:
    """The field `def`, whose name Python keeps for itself."""
    return getattr(message, "def")


def new_constraints(tree: Any, command: Any | None) -> list[NewConstraint]:
    """Constraints that a statement, or one command of ALTER TABLE, adds; NOT NULL of a new column is not among them."""
    found: list[NewConstraint] = []
    for column in new_columns(tree, command):
        last: NewConstraint | None = None
        for item in column.node.constraints:
            kind = _KINDS.get(item.constraint.contype)
            if item.constraint.contype == pb.CONSTR_ATTR_NOT_ENFORCED and last is not None:
                found[-1] = NewConstraint(last.kind, last.columns, False, last.node, last.column)
            if kind is not None and kind != "n":
                last = _constraint(item.constraint, kind, column)
                found.append(last)
    if command is not None and command.subtype == pb.AT_AddConstraint:
        found += _standing(definition(command).constraint)
    elif isinstance(tree, pb.CreateStmt):
        for item in tree.table_elts:
            if item.WhichOneof("node") == "constraint":
                found += _standing(item.constraint)
    return found


def _standing(node: Any) -> list[NewConstraint]:
    kind = _KINDS.get(node.contype)
    return [] if kind is None else [_constraint(node, kind, None)]


def _constraint(node: Any, kind: str, column: NewColumn | None) -> NewConstraint:
    if column is not None:
        columns: tuple[str, ...] = (column.name,)
    elif kind == "c":
        columns = tuple(sorted(mentioned_columns(node.raw_expr)))
    elif kind == "f":
        columns = strings(node.fk_attrs)
    elif kind == "x":
        columns = tuple(item.list.items[0].index_elem.name for item in node.exclusions)
    else:
        columns = strings(node.keys)
    return NewConstraint(kind, columns, not node.skip_validation, node, column)


def constraint_name(table: str, constraint: NewConstraint) -> str:
    """Its name; without one the name that PostgreSQL gives."""
    if constraint.node.conname:
        return str(constraint.node.conname)
    suffix = _SUFFIXES[constraint.kind]
    columns = constraint.columns
    if constraint.kind == "p" or (constraint.kind == "c" and len(columns) != 1):
        columns = ()
    return generated_name(table, columns, suffix)


def generated_name(table: str, columns: tuple[str | None, ...], suffix: str) -> str:
    """The name that PostgreSQL makes of a table and columns, unless it is too long or taken."""
    return "_".join([table, *("expr" if one is None else one for one in columns), suffix])[:_LONGEST_NAME]


def index_columns(tree: Any) -> tuple[str | None, ...]:
    """Key columns of an `IndexStmt`; None for an expression."""
    return tuple(item.index_elem.name or None for item in tree.index_params)


def strings(nodes: Any) -> tuple[str, ...]:
    """The texts of a list of `String` nodes."""
    return tuple(item.string.sval for item in nodes)


def object_names(tree: Any) -> list[tuple[str, str]]:
    """Schema ("" without one) and name of every object that a DROP names."""
    found = []
    for item in tree.objects:
        node = statement_node(item)
        if isinstance(node, pb.List):
            parts = strings(node.items)
        elif isinstance(node, pb.TypeName):
            parts = strings(node.names)
        elif isinstance(node, pb.ObjectWithArgs):
            parts = strings(node.objname)
        else:
            parts = (getattr(node, "sval", ""),)
        found.append((parts[-2] if len(parts) > 1 else "", parts[-1]))
    return found


def option(options: Any, name: str) -> bool:
    """Whether an option in brackets, `(CONCURRENTLY)`, `(FULL false)`, is on."""
    for item in options:
        element = item.def_elem
        if element.defname == name:
            argument = statement_node(element.arg)
            if isinstance(argument, pb.String | pb.Boolean):
                value = argument.sval if isinstance(argument, pb.String) else argument.boolval
                return str(value).lower() not in ("false", "off", "0")
            return not (isinstance(argument, pb.Integer) and argument.ival == 0 and element.HasField("arg"))
    return False


def is_null(node: Any) -> bool:
    """Whether an expression is the constant NULL, perhaps cast."""
    while node.WhichOneof("node") == "type_cast":
        node = node.type_cast.arg
    return node.WhichOneof("node") == "a_const" and bool(node.a_const.isnull)


def mentioned_columns(expression: Message) -> set[str]:
    """Names of the columns that an expression mentions."""
    return {
        node.fields[-1].string.sval
        for node in messages(expression)
        if isinstance(node, pb.ColumnRef) and node.fields and node.fields[-1].WhichOneof("node") == "string"
    }


def called_functions(expression: Message) -> Iterator[str]:
    """Names of the functions that an expression calls."""
    for node in messages(expression):
        if isinstance(node, pb.FuncCall):
            yield node.funcname[-1].string.sval


def constants(tree: Message) -> set[str]:
    """Every string constant of a statement."""
    return {
        node.sval.sval for node in messages(tree) if isinstance(node, pb.A_Const) and node.WhichOneof("val") == "sval"
    }


def relations(tree: Message) -> Iterator[Any]:
    """Every `RangeVar` of a statement."""
    for node in messages(tree):
        if isinstance(node, pb.RangeVar):
            yield node


def not_null_columns(expression: Message) -> set[str]:
    """Columns that a CHECK proves to be not null: `a IS NOT NULL`, alone or joined by AND."""
    node = statement_node(expression)
    if isinstance(node, pb.BoolExpr) and node.boolop == pb.AND_EXPR:
        return set().union(*(not_null_columns(item) for item in node.args))
    if isinstance(node, pb.NullTest) and node.nulltesttype == pb.IS_NOT_NULL:
        argument = statement_node(node.arg)
        if isinstance(argument, pb.ColumnRef):
            return {argument.fields[-1].string.sval}
    return set()
