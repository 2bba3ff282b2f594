"""Changes that break clients, or lose what they stored."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.lint.phrasing import relation_name, script
from postai.migrate.lint.reading import object_names
from postai.migrate.lint.rule import Here, Hit, Rule
from postai.migrate.lint.world import Key, Table, World, shown

_RELATIONS = (pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_FOREIGN_TABLE)


def _rename_column(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if tree.rename_type != pb.OBJECT_COLUMN or not here.old:
        return
    column = here.table.columns.get(tree.subname)
    if column is not None and column.new:
        return
    name, new = quote_ident(tree.subname), quote_ident(tree.newname)
    yield Hit(
        f"statements that name {here.table.name}.{name} fail from now on",
        f"-- add {new} beside {name}, write both, fill it in batches, move the readers, and drop {name} last",
    )


def _rename_table(here: Here) -> Iterable[Hit]:
    tree = here.tree
    moved = isinstance(tree, pb.AlterObjectSchemaStmt)
    kind = tree.object_type if moved else tree.rename_type
    if kind not in _RELATIONS or not here.old:
        return
    if not moved and here.world.index(tree.relation.schemaname, tree.relation.relname) is not None:
        return
    old = here.table.key
    new = (tree.newschema, old[1]) if moved else (old[0], tree.newname)
    yield Hit(
        f"statements that name {here.table.name} fail from now on",
        script(
            "BEGIN",
            f"ALTER {_word(kind)} {relation_name(tree.relation)} {_change(tree, moved)}",
            f"CREATE VIEW {shown(old)} WITH (security_invoker = true) AS SELECT * FROM {shown(new)}",  # noqa: S608
            "COMMIT",
        ),
        unless=lambda world: _stands_again(world, old),
        until="transaction",
    )


def _stands_again(world: World, key: Key) -> bool:
    """Whether something of the old name was made in the same transaction."""
    return key in world.tables


def _word(kind: int) -> str:
    return {
        pb.OBJECT_VIEW: "VIEW",
        pb.OBJECT_MATVIEW: "MATERIALIZED VIEW",
        pb.OBJECT_FOREIGN_TABLE: "FOREIGN TABLE",
    }.get(kind, "TABLE")


def _change(tree: Any, moved: bool) -> str:
    return f"SET SCHEMA {quote_ident(tree.newschema)}" if moved else f"RENAME TO {quote_ident(tree.newname)}"


def _rename_schema(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if tree.rename_type == pb.OBJECT_SCHEMA and tree.subname not in here.world.new_schemas:
        yield Hit(f"statements that name {quote_ident(tree.subname)} fail from now on")


def _rename_label(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if not tree.old_val:
        return
    names = [item.string.sval for item in tree.type_name]
    known = here.world.type(names[-2] if len(names) > 1 else "", names[-1])
    if known is None or not known.new:
        yield Hit(f"clients that send '{tree.old_val}' fail, and those that read it meet '{tree.new_val}'")


def _drop_column(here: Here) -> Iterable[Hit]:
    if isinstance(here.tree, pb.DropStmt):
        yield from _drop_type(here)
        return
    name = here.command.name
    column = here.table.columns.get(name)
    if not here.old or (column is not None and column.new):
        return
    if here.command.missing_ok and here.table.known and column is None:
        return
    quoted = quote_ident(name)
    yield Hit(
        f"{here.table.name}.{quoted} and its values are gone; statements that name it fail",
        f"-- first let no client use {quoted}: pg_stat_statements shows who does; back its values up; then drop",
    )


def _drop_type(here: Here) -> Iterable[Hit]:
    """DROP TYPE ... CASCADE takes the columns of that type away."""
    if here.tree.remove_type not in (pb.OBJECT_TYPE, pb.OBJECT_DOMAIN) or here.tree.behavior != pb.DROP_CASCADE:
        return
    for schema, name in object_names(here.tree):
        known = here.world.type(schema, name)
        if known is not None and known.used:
            yield Hit(f"every column of type {shown(known.key)} is dropped with it, values included")


def _drop_table(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if tree.remove_type == pb.OBJECT_SCHEMA:
        yield from _drop_schema(here)
        return
    if tree.remove_type != pb.OBJECT_TABLE:
        return
    for schema, name in object_names(tree):
        table = here.world.table(schema, name)
        if table.new or (tree.missing_ok and here.world.complete and not here.world.has_table(schema, name)):
            continue
        yield Hit(
            f"{table.name} and its rows are gone; statements that name it fail",
            f"-- first let no client use it: pg_stat_user_tables shows whether one does; back it up; then drop\n"
            f"ALTER TABLE {shown(table.key)} RENAME TO {quote_ident((name + '_unused')[:63])};",
        )


def _drop_schema(here: Here) -> Iterable[Hit]:
    if here.tree.behavior != pb.DROP_CASCADE:
        return
    for _, name in object_names(here.tree):
        tables = [table for key, table in here.world.tables.items() if key[0] == name and table.kind in "rp"]
        if name in here.world.new_schemas or (here.world.complete and not tables):
            continue
        yield Hit(f"every table of schema {quote_ident(name)} is gone with it")


def _drop_database(here: Here) -> Iterable[Hit]:
    yield Hit(f"database {quote_ident(here.tree.dbname)} is gone, with everything in it")


def _drop_not_null(here: Here) -> Iterable[Hit]:
    command, table = here.command, here.table
    if not here.old:
        return
    if command.subtype == pb.AT_DropConstraint:
        constraint = table.constraint(command.name)
        columns = constraint.columns if constraint is not None and constraint.kind == "n" else ()
    else:
        columns = (command.name,)
    for name in columns:
        column = table.columns.get(name)
        if column is None or not (column.new or column.not_null is False):
            yield Hit(f"clients that read {table.name}.{quote_ident(name)} may meet NULL where there was none")


def _truncate(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if tree.behavior != pb.DROP_CASCADE:
        return
    tables = [here.world.table_of(item.range_var) for item in tree.relations]
    if any(not table.new and not table.temporary for table in tables):
        names = ", ".join(table.name for table in tables)
        also = sorted({_name for table in tables for _name in _referring(here.world, table)})
        text = f"; here that is {', '.join(also)}" if also else ""
        yield Hit(
            f"every table that refers to {names} is emptied too, and those that refer to them{text}",
            script(f"TRUNCATE {', '.join(dict.fromkeys([table.name for table in tables] + also))}"),
        )


def _referring(world: World, table: Table) -> set[str]:
    return {
        other.name
        for other in world.tables.values()
        if any(one.kind == "f" and one.referenced == table.key for one in other.constraints)
    }


def _dependent_view(here: Here) -> Iterable[Hit]:
    if isinstance(here.tree, pb.DropStmt):
        yield from _dependent_on_table(here)
        return
    command = here.command
    if command.subtype == pb.AT_DropColumn and command.behavior == pb.DROP_CASCADE:
        return
    names = sorted({shown(one.key) for one in here.world.dependents_of(here.table.key, command.name)})
    if names:
        yield Hit(
            f"PostgreSQL refuses it: {', '.join(names)} uses {here.table.name}.{quote_ident(command.name)}",
            f"-- in one transaction: drop {', '.join(names)}, this change, and make {', '.join(names)} again",
        )


def _dependent_on_table(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if tree.remove_type != pb.OBJECT_TABLE or tree.behavior == pb.DROP_CASCADE:
        return
    for schema, name in object_names(tree):
        table = here.world.table(schema, name)
        names = sorted({shown(one.key) for one in here.world.dependents_of(table.key) if one.key != table.key})
        if names:
            yield Hit(
                f"PostgreSQL refuses it: {', '.join(names)} uses {table.name}", f"-- drop {', '.join(names)} first"
            )


RULES = (
    Rule(
        "rename_column", "compat", "warning", "Column renamed",
        "Every statement that names the column fails from the moment the change commits; old and new release of"
        " the application cannot both work.",
        "Add the new column, write both, move the readers, drop the old one.",
        frozenset({"RenameStmt"}), _rename_column,
    ),
    Rule(
        "rename_table", "compat", "warning", "Table renamed",
        "Every statement that names the table fails from the moment the change commits.",
        "Rename it and create a view of the old name in the same transaction.",
        frozenset({"RenameStmt", "AlterObjectSchemaStmt"}), _rename_table,
    ),
    Rule(
        "rename_schema", "compat", "warning", "Schema renamed",
        "Every statement, search_path and function that names the schema fails.",
        "-- a new schema with views of the old tables; move the clients; then move the tables",
        frozenset({"RenameStmt"}), _rename_schema,
    ),
    Rule(
        "rename_enum_value", "compat", "warning", "Enum value renamed",
        "Clients that send the old label fail, and those that compare with it find nothing.",
        "-- add the new value, let clients understand both, rewrite the rows in batches",
        frozenset({"AlterEnumStmt"}), _rename_label,
    ),
    Rule(
        "drop_column", "compat", "warning", "Column dropped",
        "Statements that name the column fail, and its values are lost.",
        "Stop reading and writing it first, back it up, then drop it.",
        frozenset({"AT_DropColumn", "DropStmt"}), _drop_column,
    ),
    Rule(
        "drop_table", "compat", "warning", "Table dropped",
        "Statements that name the table fail, and its rows are lost.",
        "-- stop using it first, back it up, then drop it", frozenset({"DropStmt"}), _drop_table,
    ),
    Rule(
        "drop_database", "compat", "error", "Database dropped", "Everything in it is lost.",
        "-- pg_dump it first; ALTER DATABASE ... ALLOW_CONNECTIONS false shows who still comes",
        frozenset({"DropdbStmt"}), _drop_database,
    ),
    Rule(
        "drop_not_null", "compat", "warning", "NOT NULL dropped",
        "Clients that were written for a column without NULLs may meet one.",
        "-- see first that every reader copes with NULL",
        frozenset({"AT_DropNotNull", "AT_DropConstraint"}), _drop_not_null,
    ),
    Rule(
        "truncate_cascade", "data_loss", "error", "TRUNCATE empties other tables too",
        "CASCADE empties every table that refers to this one, and so on, without saying which.",
        "Name the tables that are to be emptied.", frozenset({"TruncateStmt"}), _truncate,
    ),
    Rule(
        "dependent_view_blocks_change", "fails", "error", "A view uses the column",
        "PostgreSQL refuses to change the type of a column, or to drop it, while a view or rule uses it.",
        "Drop the view, change the column, and make the view again, in one transaction.",
        frozenset({"AT_AlterColumnType", "AT_DropColumn", "DropStmt"}), _dependent_view,
    ),
)  # fmt: skip
