"""Columns: types that hurt later, columns that cannot be added, columns named twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.lint.datatypes import DataType, data_type
from postai.migrate.lint.phrasing import alter, script, type_text
from postai.migrate.lint.reading import NewColumn, definition, new_column, new_constraints, strings
from postai.migrate.lint.rule import Here, Hit, Rule
from postai.migrate.lint.world import shown

_WHOLE = {"int2": "smallint", "int4": "integer", "int8": "bigint"}
_DEFINES = frozenset({"CreateStmt", "AT_AddColumn", "AT_AlterColumnType"})


def _required(here: Here) -> Iterable[Hit]:
    if not here.old:
        return
    if here.command.subtype == pb.AT_SetNotNull:
        yield from _required_at_once(here)
        return
    for column in here.columns:
        yield from _required_column(here, column)


def _required_column(here: Here, column: NewColumn) -> Iterator[Hit]:
    domain = here.world.type_of(column.type)
    required = column.not_null or (domain is not None and domain.not_null)
    if not required or column.fills_itself or (domain is not None and domain.default):
        return
    name, kind = quote_ident(column.name), type_text(column.node.type_name)
    yield Hit(
        f"it fails unless {here.table.name} is empty: its rows have no value for {name}",
        script(
            alter(here.tree, f"ADD COLUMN {name} {kind}"),
            f"-- fill it in batches, then make it NOT NULL; or add it at once: {name} {kind} NOT NULL DEFAULT ...",
        ),
    )


def _required_at_once(here: Here) -> Iterator[Hit]:
    """SET NOT NULL in the very statement that adds the column."""
    for item in here.tree.cmds:
        command = item.alter_table_cmd
        if command.subtype == pb.AT_AddColumn and definition(command).column_def.colname == here.command.name:
            column = new_column(definition(command).column_def)
            if not column.fills_itself:
                yield Hit(f"it fails unless {here.table.name} is empty: its rows have no value for {column.name}")


def _typed(here: Here) -> Iterator[tuple[str, DataType]]:
    """Columns and the types that this statement chooses for them."""
    if here.tree.relation.relpersistence == "t" or (
        here.command is not None and (here.missing or here.table.temporary)
    ):
        return
    if here.command is not None and here.command.subtype == pb.AT_AlterColumnType:
        known = here.table.columns.get(here.command.name)
        new = data_type(definition(here.command).column_def.type_name)
        before = None if known is None else known.type
        if before is None and new.name == "varchar":
            return  # most likely a wider limit than the one it has
        if before is None or before.name != new.name or (new.name == "varchar" and not before.modifiers):
            yield here.command.name, new
        return
    for column in here.columns:
        yield column.name, column.type


def _of_type(here: Here, name: str, words: str, instead: str) -> Iterator[Hit]:
    for column, kind in _typed(here):
        if kind.schema is None and kind.name == name and (name != "varchar" or kind.modifiers):
            yield Hit(f"{quote_ident(column)} {words}", f"-- {quote_ident(column)} {instead}")


def _json(here: Here) -> Iterable[Hit]:
    return _of_type(here, "json", "is json, which has no equality: DISTINCT, UNION and GROUP BY fail", "jsonb")


def _char(here: Here) -> Iterable[Hit]:
    return _of_type(here, "bpchar", "is char(n): padded with blanks, and no faster than text", "text")


def _varchar(here: Here) -> Iterable[Hit]:
    return _of_type(
        here, "varchar", "has a length limit, which is hard to change in a large table",
        "text, with a CHECK on its length where one is meant",
    )  # fmt: skip


def _timestamp(here: Here) -> Iterable[Hit]:
    return _of_type(
        here, "timestamp", "is timestamp without time zone: it names no moment",
        "timestamptz",
    )  # fmt: skip


def _serial(here: Here) -> Iterable[Hit]:
    if here.command is not None and here.missing:
        return
    for column in here.columns:
        if column.type.serial and here.tree.relation.relpersistence != "t":
            yield Hit(
                f"{quote_ident(column.name)} is a serial: its sequence has rights and a life of its own",
                f"-- {quote_ident(column.name)} {_WHOLE[column.type.name]} GENERATED ALWAYS AS IDENTITY",
            )


def _small_key(here: Here) -> Iterable[Hit]:
    if here.tree.relation.relpersistence == "t" or (here.command is not None and here.table.temporary):
        return
    defined = {column.name: column for column in here.columns}
    for constraint in here.constraints:
        if constraint.kind not in "pu":
            continue
        columns = constraint.columns
        if constraint.node.indexname:
            index = here.world.index("", constraint.node.indexname)
            columns = tuple(one for one in index.columns if one) if index is not None else ()
        for name in columns:
            column = defined.get(name)
            counted = column is not None and (column.identity or column.type.serial)
            alone = constraint.kind == "p" and len(columns) == 1
            known = None if here.command is None else here.table.columns.get(name)
            kind = column.type if column is not None else known.type if known is not None else None
            if kind is not None and kind.name in ("int2", "int4") and not kind.array and (alone or counted):
                yield Hit(
                    f"{quote_ident(name)} is {_WHOLE[kind.name]}: a key that grows beyond its"
                    f" {2**15 - 1 if kind.name == 'int2' else 2**31 - 1:,} stops every INSERT",
                    f"-- {quote_ident(name)} bigint",
                )


def _twice(here: Here) -> Iterable[Hit]:
    for name, place in _listed_twice(here):
        yield Hit(f"PostgreSQL refuses it: {quote_ident(name)} stands twice in {place}")


def _listed_twice(here: Here) -> Iterator[tuple[str, str]]:
    tree = here.tree
    match tree:
        case pb.UpdateStmt():
            yield from _assigned_twice(tree.target_list, "SET")
        case pb.InsertStmt():
            yield from _assigned_twice(tree.cols, "the list of columns")
            yield from _assigned_twice(tree.on_conflict_clause.target_list, "SET")
        case pb.CreateStmt():
            for name in _repeated([column.name for column in here.columns]):
                yield name, "the list of columns"
        case pb.CopyStmt():
            for name in _repeated(strings(tree.attlist)):
                yield name, "the list of columns"
        case pb.ViewStmt():
            for name in _repeated(strings(tree.aliases)):
                yield name, "the list of columns"
        case pb.MergeStmt():
            for item in tree.merge_when_clauses:
                yield from _assigned_twice(item.merge_when_clause.target_list, "SET")
        case pb.AlterTableStmt():
            yield from _added_twice(here)
    if not isinstance(tree, pb.AlterTableStmt):
        yield from _keyed_twice(tree, None)


def _added_twice(here: Here) -> Iterator[tuple[str, str]]:
    tree = here.tree
    yield from _keyed_twice(tree, here.command)
    if here.command is not tree.cmds[0].alter_table_cmd:
        return
    added = [
        definition(item.alter_table_cmd).column_def.colname
        for item in tree.cmds
        if item.alter_table_cmd.subtype == pb.AT_AddColumn and not item.alter_table_cmd.missing_ok
    ]
    for name in _repeated(added):
        yield name, "the list of columns to add"


def _keyed_twice(tree: Any, command: Any | None) -> Iterator[tuple[str, str]]:
    for constraint in new_constraints(tree, command):
        if constraint.kind in "puf":
            for name in _repeated(constraint.columns):
                yield name, "the key"


def _assigned_twice(targets: Any, place: str) -> Iterator[tuple[str, str]]:
    whole = [item.res_target.name for item in targets if not item.res_target.indirection]
    parts = {item.res_target.name for item in targets if item.res_target.indirection}
    for name in [*_repeated(whole), *sorted(parts & set(whole))]:
        yield name, place


def _repeated(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    again = []
    for name in names:
        if name in seen and name not in again:
            again.append(name)
        seen.add(name)
    return again


def _label_position(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if tree.old_val or tree.new_val_neighbor:
        return
    names = strings(tree.type_name)
    known = here.world.type(names[-2] if len(names) > 1 else "", names[-1])
    if known is not None and (known.new or (tree.skip_if_new_val_exists and tree.new_val in known.labels)):
        return
    last = f" AFTER '{known.labels[-1]}'" if known is not None and known.labels else " AFTER ..."
    where = shown(known.key) if known is not None else ".".join(quote_ident(one) for one in names)
    yield Hit(
        f"'{tree.new_val}' sorts behind all other values of {where}, meant or not",
        f"-- say where it sorts: ADD VALUE '{tree.new_val}'{last}",
    )


RULES = (
    Rule(
        "required_column_without_default", "fails", "error", "Required column without a value",
        "ADD COLUMN ... NOT NULL without a default fails on a table that has rows.",
        "Give it a constant default, or add it nullable, fill it in batches and make it NOT NULL then.",
        frozenset({"AT_AddColumn", "AT_SetNotNull"}), _required,
    ),
    Rule(
        "duplicate_column_assignment", "fails", "error", "Column named twice",
        "PostgreSQL refuses a list that names a column twice.", "Name it once.",
        frozenset({"UpdateStmt", "InsertStmt", "CreateStmt", "CopyStmt", "ViewStmt", "MergeStmt", "AT_AddColumn",
                   "AT_AddConstraint"}),
        _twice,
    ),
    Rule(
        "json_column", "compat", "warning", "json instead of jsonb",
        "json has no equality operator: SELECT DISTINCT, UNION and GROUP BY over the row fail.", "jsonb.",
        _DEFINES, _json,
    ),
    Rule(
        "int_key_overflow", "style", "advice", "Small key",
        "A 32-bit key ends after 2,147,483,647 values, and changing it then rewrites the table.", "bigint.",
        frozenset({"CreateStmt", "AT_AddColumn", "AT_AddConstraint"}), _small_key,
    ),
    Rule(
        "serial_instead_of_identity", "style", "advice", "serial instead of identity",
        "A serial is a default and a sequence with rights of its own; identity is standard SQL and one thing.",
        "bigint GENERATED ALWAYS AS IDENTITY.", frozenset({"CreateStmt", "AT_AddColumn"}), _serial,
    ),
    Rule(
        "char_column", "style", "advice", "char(n)",
        "char(n) pads with blanks, compares without them, and saves nothing.", "text.", _DEFINES, _char,
    ),
    Rule(
        "varchar_limit", "style", "advice", "varchar(n)",
        "A limit in the type cannot be lowered without rewriting the table; a CHECK can be changed online.",
        "text, with a CHECK where a limit is meant.", _DEFINES, _varchar,
    ),
    Rule(
        "timestamp_without_tz", "style", "advice", "timestamp without time zone",
        "It says what a clock showed, not when: sessions in other time zones read another moment.", "timestamptz.",
        _DEFINES, _timestamp,
    ),
    Rule(
        "enum_value_without_position", "style", "advice", "Enum value without a position",
        "Without BEFORE or AFTER the value sorts last; the order cannot be changed later.",
        "ADD VALUE ... BEFORE or AFTER.", frozenset({"AlterEnumStmt"}), _label_position,
    ),
)  # fmt: skip
