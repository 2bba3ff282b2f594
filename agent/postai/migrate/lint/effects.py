"""What a statement changes in the world that the next statements are judged in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.migrate.lint.datatypes import data_type
from postai.migrate.lint.functions import declared_volatile
from postai.migrate.lint.reading import (
    NewColumn,
    NewConstraint,
    constraint_name,
    definition,
    generated_name,
    index_columns,
    mentioned_columns,
    new_columns,
    new_constraints,
    not_null_columns,
    object_names,
    relations,
    strings,
)
from postai.migrate.lint.world import Column, Constraint, Dependent, Index, Key, Table, UserType, World
from postai.sql.nodes import messages

_UTC = frozenset({"utc", "gmt", "etc/utc", "etc/gmt", "zulu", "etc/zulu", "uct", "etc/uct", "universal", "greenwich"})
_BACK_KINDS = {
    pb.OBJECT_VIEW: "v", pb.OBJECT_MATVIEW: "m", pb.OBJECT_TABLE: "r", pb.OBJECT_FOREIGN_TABLE: "f",
}  # fmt: skip


def apply(world: World, tree: Message, command: Any | None) -> None:
    """Carry out a statement, or one command of ALTER TABLE, on what is known."""
    node: Any = tree
    if command is not None:
        _alter_table(world, world.table_of(node.relation), command)
        return
    match node:
        case pb.CreateStmt():
            _create_table(world, node)
        case pb.CreateForeignTableStmt():
            _create_table(world, node.base_stmt)
        case pb.CreateTableAsStmt():
            kind = "m" if node.objtype == pb.OBJECT_MATVIEW else "r"
            _create_from_query(world, node.into, kind, node.if_not_exists)
        case pb.SelectStmt() if node.HasField("into_clause"):
            _create_from_query(world, node.into_clause, "r", False)
        case pb.ViewStmt():
            _create_view(world, node)
        case pb.IndexStmt():
            _create_index(world, node)
        case pb.DropStmt():
            _drop(world, node)
        case pb.RenameStmt():
            _rename(world, node)
        case pb.AlterObjectSchemaStmt() if node.object_type in _BACK_KINDS:
            old = world.table_of(node.relation)
            world.rename_table(old.key, (node.newschema, old.key[1]))
        case pb.CreateFunctionStmt():
            world.functions[node.funcname[-1].string.sval] = declared_volatile(world, node)
        case pb.VariableSetStmt():
            _set(world, node)
        case pb.CreateSchemaStmt():
            world.new_schemas |= {node.schemaname}
        case pb.InsertStmt() | pb.CopyStmt() if node.HasField("relation"):
            _fill(world, node)
        case pb.RefreshMatViewStmt():
            world.put(replace(world.table_of(node.relation), kind="m", populated=not node.skip_data))
        case _:
            _types(world, node)


def _types(world: World, node: Any) -> None:
    match node:
        case pb.CreateEnumStmt():
            key = _type_key(world, node.type_name)
            labels = strings(node.vals)
            world.types[key] = UserType(key, new=True, labels=labels, used=False)
        case pb.CreateDomainStmt():
            key = _type_key(world, node.domainname)
            kinds = {item.constraint.contype for item in node.constraints}
            world.types[key] = UserType(
                key, new=True, base=data_type(node.type_name),
                constrained=bool(kinds & {pb.CONSTR_CHECK, pb.CONSTR_NOTNULL}), not_null=pb.CONSTR_NOTNULL in kinds,
                default=pb.CONSTR_DEFAULT in kinds, used=False,
            )  # fmt: skip
        case pb.AlterEnumStmt() if node.new_val and not node.old_val:
            key = _type_key(world, node.type_name)
            known = world.types.get(key)
            if known is not None:
                world.types[key] = replace(known, labels=(*known.labels, node.new_val))
        case pb.AlterDomainStmt():
            key = _type_key(world, node.type_name)
            known = world.types.get(key)
            if known is not None and node.subtype in ("C", "O"):
                world.types[key] = replace(known, constrained=True, not_null=known.not_null or node.subtype == "O")


def _type_key(world: World, names: Any) -> Key:
    parts = strings(names)
    return world.key(parts[-2] if len(parts) > 1 else "", parts[-1], among=world.types)


def _create_table(world: World, node: Any) -> None:
    temporary = node.relation.relpersistence == "t"
    schema = "pg_temp" if temporary else node.relation.schemaname or world.search_path[0]
    key = (schema, node.relation.relname)
    if node.if_not_exists and key in world.tables:
        return
    columns = {one.name: _column(one) for one in new_columns(node, None)}
    inherits = [world.table_of(item.range_var) for item in node.inh_relations]
    partition_of = inherits[0] if node.HasField("partbound") and inherits else None
    for parent in inherits:
        columns = {**parent.columns, **columns}
    has_all = all(item.WhichOneof("node") != "table_like_clause" for item in node.table_elts)
    keys, strategy = _partitioning(node)
    table = Table(
        key, "p" if node.HasField("partspec") else "r", new=True, columns=columns, temporary=temporary,
        known=has_all and all(one.known or one.new for one in inherits) and not node.HasField("of_typename"),
        parent=partition_of.key if partition_of else None, partition_key=keys, strategy=strategy,
        bound=node.partbound if partition_of else None,
    )  # fmt: skip
    world.put(table)
    for constraint in new_constraints(node, None):
        table = _add_constraint(world, table, constraint)
    if not has_all:
        _take_over(world, table, node)


def _column(column: NewColumn) -> Column:
    virtual = column.generated == "v"
    return Column(column.name, column.type, column.not_null, True, column.fills_itself, virtual)


def _partitioning(node: Any) -> tuple[tuple[str | None, ...], str]:
    if not node.HasField("partspec"):
        return (), ""
    name = pb.PartitionStrategy.Name(node.partspec.strategy).rsplit("_", 1)[-1]
    keys = tuple(item.partition_elem.name or None for item in node.partspec.part_params)
    return keys, name[0].lower()


def _take_over(world: World, table: Table, node: Any) -> None:
    """Columns, CHECKs and indexes that LIKE copies from a table that is known."""
    for item in node.table_elts:
        if item.WhichOneof("node") != "table_like_clause":
            continue
        clause = item.table_like_clause
        source = world.table_of(clause.relation)
        columns = {name: replace(one, new=True) for name, one in source.columns.items()}
        checks = [one for one in source.constraints if one.kind == "c"] if clause.options & _LIKE_CONSTRAINTS else []
        table = replace(table, columns={**columns, **table.columns}, constraints=(*table.constraints, *checks))
        world.put(table)
        if clause.options & _LIKE_INDEXES:
            for index in world.indexes_of(source.key):
                key = (table.key[0], generated_name(table.key[1], index.columns, "idx"))
                world.indexes[key] = replace(index, key=key, table=table.key, new=True)


_LIKE_CONSTRAINTS = 1 << 2
_LIKE_INDEXES = 1 << 6


def _create_from_query(world: World, into: Any, kind: str, if_not_exists: bool) -> None:
    relation = into.rel
    temporary = relation.relpersistence == "t"
    key = ("pg_temp" if temporary else relation.schemaname or world.search_path[0], relation.relname)
    if if_not_exists and key in world.tables:
        return
    filled = not into.skip_data
    world.put(Table(key, kind, new=True, filled=filled, temporary=temporary, populated=filled))


def _fill(world: World, node: Any) -> None:
    """Rows from elsewhere; a few VALUES are nothing."""
    table = world.table_of(node.relation)
    rows = isinstance(node, pb.CopyStmt) or not node.select_stmt.select_stmt.values_lists
    if table.new and rows:
        world.put(replace(table, filled=True))


def _create_view(world: World, node: Any) -> None:
    key = (node.view.schemaname or world.search_path[0], node.view.relname)
    was_there = world.tables.get(key)
    world.put(Table(key, "v", new=was_there is None or was_there.new))
    query = node.query
    stars = any(isinstance(one, pb.A_Star) for one in messages(query))
    columns = None if stars else frozenset(mentioned_columns(query))
    uses = [
        Dependent(key, world.table_of(relation).key, _seen(world.table_of(relation), columns))
        for relation in relations(query)
    ]
    world.dependents = (*(one for one in world.dependents if one.key != key), *uses)


def _seen(table: Table, columns: frozenset[str] | None) -> frozenset[str] | None:
    """What a view with a star sees: the columns of now."""
    return frozenset(table.columns) if columns is None and table.known else columns


def _create_index(world: World, node: Any) -> None:
    table = world.table_of(node.relation)
    columns = index_columns(node)
    name = node.idxname or generated_name(table.key[1], columns, "idx")
    key = (table.key[0], name)
    if node.if_not_exists and key in world.indexes:
        return
    world.indexes[key] = Index(
        key,
        table.key,
        columns,
        unique=node.unique,
        partial=node.HasField("where_clause"),
        new=True,
        computed=frozenset(_computed(node)),
    )


def _computed(node: Any) -> set[str]:
    """Columns of an index's expressions and predicate, or of the whole index where it has any."""
    expressions = [item.index_elem.expr for item in node.index_params if item.index_elem.HasField("expr")]
    if node.HasField("where_clause"):
        expressions.append(node.where_clause)
    plain = {one for one in index_columns(node) if one} if expressions else set()
    return plain.union(*(mentioned_columns(one) for one in expressions))


def _drop(world: World, node: Any) -> None:
    kind = node.remove_type
    for schema, name in object_names(node):
        if kind in _BACK_KINDS:
            world.forget_table(world.key(schema, name, among=world.tables))
        elif kind == pb.OBJECT_INDEX:
            world.indexes.pop(world.key(schema, name, among=world.indexes), None)
        elif kind in (pb.OBJECT_TYPE, pb.OBJECT_DOMAIN):
            world.types.pop(world.key(schema, name, among=world.types), None)
        elif kind == pb.OBJECT_SCHEMA:
            for key in [one for one in world.tables if one[0] == name]:
                world.forget_table(key)


def _rename(world: World, node: Any) -> None:
    kind = node.rename_type
    if kind in _BACK_KINDS:
        old = world.table_of(node.relation)
        world.rename_table(old.key, (old.key[0], node.newname))
    elif kind == pb.OBJECT_COLUMN:
        table = world.table_of(node.relation)
        column = table.columns.get(node.subname, Column(node.subname))
        columns = {name: one for name, one in table.columns.items() if name != node.subname}
        world.put(replace(table, columns={**columns, node.newname: replace(column, name=node.newname)}))
    elif kind == pb.OBJECT_INDEX:
        old_index = world.index(node.relation.schemaname, node.relation.relname)
        if old_index is not None:
            del world.indexes[old_index.key]
            key = (old_index.key[0], node.newname)
            world.indexes[key] = replace(old_index, key=key)
    elif kind == pb.OBJECT_TABCONSTRAINT:
        table = world.table_of(node.relation)
        renamed = tuple(replace(c, name=node.newname) if c.name == node.subname else c for c in table.constraints)
        world.put(replace(table, constraints=renamed))


def _set(world: World, node: Any) -> None:
    values = tuple(one.a_const.sval.sval for one in node.args if one.WhichOneof("node") == "a_const")
    if node.name == "search_path" and values and all(values):
        world.search_path = values
    elif node.name == "timezone" and values:
        world.utc = values[0].lower() in _UTC


def _alter_table(world: World, table: Table, command: Any) -> None:
    """One command of ALTER TABLE."""
    match command.subtype:
        case pb.AT_AddColumn:
            _add_column(world, table, command)
        case pb.AT_AddConstraint | pb.AT_AddIndexConstraint:
            for constraint in new_constraints(None, command):
                table = _add_constraint(world, table, constraint)
        case pb.AT_ValidateConstraint:
            _validate(world, table, command.name)
        case pb.AT_DropConstraint:
            kept = tuple(one for one in table.constraints if one.name != command.name)
            world.put(replace(table, constraints=kept))
            world.indexes.pop((table.key[0], command.name), None)
        case pb.AT_DropColumn:
            world.put(
                replace(
                    table,
                    columns={name: one for name, one in table.columns.items() if name != command.name},
                    constraints=tuple(one for one in table.constraints if command.name not in one.columns),
                )
            )
            for index in world.indexes_of(table.key):
                if command.name in index.columns:
                    del world.indexes[index.key]
        case pb.AT_AttachPartition:
            part = world.table_of(definition(command).partition_cmd.name)
            world.put(replace(part, parent=table.key, bound=definition(command).partition_cmd.bound))
        case pb.AT_DetachPartition:
            part = world.table_of(definition(command).partition_cmd.name)
            world.put(replace(part, parent=None, bound=None))
        case _:
            _alter_column(world, table, command)


def _alter_column(world: World, table: Table, command: Any) -> None:
    column = table.columns.get(command.name, Column(command.name))
    match command.subtype:
        case pb.AT_SetNotNull:
            world.put_column(table, replace(column, not_null=True))
        case pb.AT_DropNotNull:
            world.put_column(table, replace(column, not_null=False))
        case pb.AT_AlterColumnType:
            world.put_column(table, replace(column, type=data_type(definition(command).column_def.type_name)))
        case pb.AT_ColumnDefault:
            world.put_column(table, replace(column, default=command.HasField("def")))


def _add_column(world: World, table: Table, command: Any) -> None:
    (column,) = new_columns(None, command)
    if command.missing_ok and column.name in table.columns:
        return
    table = world.put_column(table, _column(column))
    for constraint in new_constraints(None, command):
        table = _add_constraint(world, table, constraint)


def _add_constraint(world: World, table: Table, constraint: NewConstraint) -> Table:
    name = constraint_name(table.key[1], constraint)
    node = constraint.node
    columns = constraint.columns
    if node.indexname:
        index = world.index("", node.indexname)
        columns = () if index is None else tuple(one for one in index.columns if one)
        name = node.conname or node.indexname
        if index is not None:
            del world.indexes[index.key]
            world.indexes[(index.key[0], name)] = replace(index, key=(index.key[0], name))
    elif constraint.kind in "pu":
        key = (table.key[0], name)
        world.indexes[key] = Index(key, table.key, columns, unique=True, new=True)
    added = Constraint(
        name, constraint.kind, columns, constraint.checked, node.raw_expr if constraint.kind == "c" else None,
        world.table_of(node.pktable).key if constraint.kind == "f" else None,
    )  # fmt: skip
    table = replace(table, constraints=(*table.constraints, added))
    if constraint.kind == "p" or (constraint.kind == "n" and constraint.checked):
        for one in columns:
            column = table.columns.get(one, Column(one))
            table = replace(table, columns={**table.columns, one: replace(column, not_null=True)})
    world.put(table)
    return table


def _validate(world: World, table: Table, name: str) -> None:
    known = table.constraint(name)
    if known is None:
        return
    kept = tuple(replace(one, valid=True) if one.name == name else one for one in table.constraints)
    table = replace(table, constraints=kept)
    if known.kind == "n":
        for one in known.columns:
            table = replace(
                table, columns={**table.columns, one: replace(table.columns.get(one, Column(one)), not_null=True)}
            )
    world.put(table)


def proves_not_null(table: Table, column: str) -> bool:
    """Whether the rows of a table are known to hold no NULL in a column."""
    known = table.columns.get(column)
    if known is not None and known.not_null:
        return True
    return any(
        one.valid and one.expression is not None and column in not_null_columns(one.expression)
        for one in table.constraints
    )
