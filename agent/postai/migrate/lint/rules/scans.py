"""Statements that rewrite a table, or read all of it, under a lock that others feel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate.lint.effects import proves_not_null
from postai.migrate.lint.functions import volatile_function
from postai.migrate.lint.phrasing import (
    LATER,
    alter,
    alter_with,
    copied,
    expression_text,
    relation_name,
    script,
    type_text,
    written,
)
from postai.migrate.lint.reading import NewColumn, constraint_name, definition, option
from postai.migrate.lint.retyping import by_second_column, retype_rewrites
from postai.migrate.lint.rule import Here, Hit, Rule
from postai.migrate.lint.rules.indexes import not_null_script
from postai.migrate.lint.world import shown

_WHOLE = {
    "AT_SetLogged": "SET LOGGED", "AT_SetUnLogged": "SET UNLOGGED", "AT_SetTableSpace": "SET TABLESPACE",
    "AT_SetAccessMethod": "SET ACCESS METHOD",
}  # fmt: skip


def _rewrite(here: Here) -> Iterable[Hit]:
    tree = here.tree
    match tree:
        case pb.VacuumStmt():
            yield from _vacuum(here)
            return
        case pb.AlterTableMoveAllStmt():
            if tree.objtype in (pb.OBJECT_TABLE, pb.OBJECT_MATVIEW):
                yield Hit(f"every table of tablespace {quote_ident(tree.orig_tablespacename)} is written anew, locked")
            return
        case pb.ClusterStmt():
            if tree.HasField("relation") and not here.old:
                return
            what = relation_name(tree.relation) if tree.HasField("relation") else "every clustered table"
            yield Hit(f"CLUSTER writes {what} anew while nobody can read it", _repack())
            return
    if not here.old:
        return
    command = pb.AlterTableType.Name(here.command.subtype)
    if command in _WHOLE and here.tree.objtype in (pb.OBJECT_TABLE, pb.OBJECT_MATVIEW):
        if here.table.kind != "p":
            yield Hit(f"{_WHOLE[command]} writes {here.table.name} anew while nobody can read it")
    elif command == "AT_AddColumn":
        for column in here.columns:
            yield from _added(here, column)
    elif command == "AT_AlterColumnType":
        yield from _retyped(here)
    elif command == "AT_SetExpression":
        known = here.table.columns.get(here.command.name)
        if known is not None and known.virtual:
            return
        yield Hit(f"a stored expression is computed for every row of {here.table.name} while nobody can read it")


def _repack() -> str:
    return "-- plain VACUUM keeps bloat at bay; pg_repack or pg_squeeze rewrite a table online"


def _vacuum(here: Here) -> Iterator[Hit]:
    tree = here.tree
    if not tree.is_vacuumcmd or not option(tree.options, "full"):
        return
    tables = [item.vacuum_relation.relation for item in tree.rels]
    old = [one for one in tables if not here.world.table_of(one).new]
    if tables and not old:
        return
    what = ", ".join(relation_name(one) for one in old) or "every table"
    yield Hit(f"VACUUM FULL writes {what} anew while nobody can read it", _repack())


def _added(here: Here, column: NewColumn) -> Iterator[Hit]:
    """ADD COLUMN with values that differ from row to row."""
    if column.generated == "v":
        return
    user_type = here.world.type_of(column.type)
    volatile = volatile_function(here.world, column.default) if column.default is not None else None
    if column.type.serial:
        reason = "serial draws a number for every row"
    elif column.identity:
        reason = "an identity column draws a number for every row"
    elif column.generated:
        reason = "a stored generated column is computed for every row"
    elif volatile is not None:
        reason = f"{volatile}() is volatile and called for every row"
    elif (user_type is not None and user_type.constrained and not user_type.not_null) or (
        user_type is not None and user_type.constrained and (column.default is not None or user_type.default)
    ):
        reason = f"the domain {shown(user_type.key)} checks every row"
    else:
        return
    yield Hit(f"{reason}: {here.table.name} is written anew while nobody can read it", _column_in_steps(here, column))


def _column_in_steps(here: Here, column: NewColumn) -> str | None:
    name, kind = quote_ident(column.name), type_text(column.node.type_name)
    if column.generated or column.identity or column.type.serial:
        if column.generated:
            return (
                "-- a plain column, a trigger that fills it, a backfill in batches;"
                " or GENERATED ... VIRTUAL (PostgreSQL 18)"
            )
        whole = {"int2": "smallint", "int4": "integer"}.get(column.type.name, "bigint")
        sequence = quote_ident(f"{here.table.key[1]}_{column.name}_seq"[:63])
        return script(
            f"CREATE SEQUENCE {sequence}",
            alter(here.tree, f"ADD COLUMN {name} {whole}"),
            alter(here.tree, f"ALTER COLUMN {name} SET DEFAULT nextval('{sequence}')"),
            f"-- then fill {name} in batches by key, and make it NOT NULL through a validated constraint",
        )
    if column.default is None:
        return None
    return script(
        alter(here.tree, f"ADD COLUMN {name} {kind}"),
        alter(here.tree, f"ALTER COLUMN {name} SET DEFAULT {expression_text(column.default)}"),
        f"-- then write its DEFAULT into {name} in batches by key",
    )


def _retyped(here: Here) -> Iterator[Hit]:
    """ALTER COLUMN ... TYPE."""
    verdict, name = retype_rewrites(here), here.command.name
    if verdict is None:
        here.notes.append(
            f"{here.table.name}.{name}: whether this rewrites the table depends on the type it has now;"
            " with --dsn that can be told"
        )
    if verdict:
        yield Hit(
            f"the change of {name} writes {here.table.name} anew, indexes included, while nobody can read it",
            by_second_column(here),
        )


def _set_not_null(here: Here) -> Iterable[Hit]:
    if not here.old:
        return
    command = here.command
    if command.subtype == pb.AT_AddColumn:
        columns = [one.name for one in here.columns if one.generated == "v" and one.not_null]
    elif command.subtype == pb.AT_AddConstraint:
        columns = [one for item in here.constraints if item.kind == "n" and item.checked for one in item.columns]
    else:
        columns = [command.name]
    for column in columns:
        if proves_not_null(here.table, column):
            continue
        yield Hit(
            f"every row of {here.table.name} is read for NULLs in {column} while nobody else can read it",
            not_null_script(here.tree, here.table, [column], here.options.version) + ";",
        )


def _check(here: Here) -> Iterable[Hit]:
    if here.is_new_table or not here.old:
        return
    if here.command.subtype == pb.AT_AlterColumnType:
        yield from _rechecked(here)
        return
    for constraint in here.constraints:
        if constraint.kind != "c" or not constraint.checked:
            continue
        name = quote_ident(constraint_name(here.table.key[1], constraint))
        steps = [
            alter(here.tree, f"ADD CONSTRAINT {name} CHECK ({expression_text(constraint.node.raw_expr)}) NOT VALID"),
            LATER,
            alter(here.tree, f"VALIDATE CONSTRAINT {name}"),
        ]
        if constraint.column is not None:
            steps.insert(0, alter_with(here.tree, _without(here.command, pb.CONSTR_CHECK)))
        yield Hit(f"every row of {here.table.name} is checked while nobody else can read it", script(*steps))


def _rechecked(here: Here) -> Iterator[Hit]:
    """A change of type makes the CHECKs of that column anew and reads the table for them."""
    if retype_rewrites(here) is not False:
        return
    names = [
        one.name for one in here.table.constraints if one.kind == "c" and one.valid and here.command.name in one.columns
    ]
    if names:
        yield Hit(
            f"the change of {here.command.name} checks {', '.join(names)} again: every row of {here.table.name} is read"
            " while nobody else can read it",
            f"-- drop {', '.join(names)}, change the type, add the CHECK again NOT VALID, and VALIDATE it later",
        )


def _without(command: Any, kind: int) -> Any:
    """ADD COLUMN without the constraints of one kind."""
    copy = copied(command)
    column = definition(copy).column_def
    kept = [copied(item) for item in column.constraints if item.constraint.contype != kind]
    del column.constraints[:]
    column.constraints.extend(kept)
    return copy


def _foreign_key(here: Here) -> Iterable[Hit]:
    if here.is_new_table or not (here.old or here.table.filled):
        return
    for constraint in here.constraints:
        if constraint.kind != "f" or not constraint.checked:
            continue
        if not here.old and here.world.table_of(constraint.node.pktable).new:
            continue
        if constraint.column is not None and not constraint.column.fills_itself:
            continue  # all NULL: nothing to look up
        referenced = here.world.table_of(constraint.node.pktable).name
        yield Hit(
            f"every row of {here.table.name} is looked up in {referenced} while neither table can be written",
            _foreign_key_in_steps(here, constraint_name(here.table.key[1], constraint)),
        )


def _foreign_key_in_steps(here: Here, name: str) -> str | None:
    if here.command.subtype == pb.AT_AddColumn:
        return None
    if here.table.kind == "p" and here.options.version < 18:
        return (
            "-- before PostgreSQL 18 partition by partition: the same constraint NOT VALID on each, VALIDATE each,"
            " then this statement, which finds them"
        )
    command = copied(here.command)
    constraint = definition(command).constraint
    constraint.skip_validation = True
    constraint.initially_valid = False
    constraint.conname = name
    validate = alter(here.tree, f"VALIDATE CONSTRAINT {quote_ident(name)}")
    return script(alter_with(here.tree, command), LATER, validate)


def _domain(here: Here) -> Iterable[Hit]:
    tree = here.tree
    if tree.subtype not in ("C", "O", "V"):
        return
    names = [item.string.sval for item in tree.type_name]
    domain = here.world.type(names[-2] if len(names) > 1 else "", names[-1])
    if domain is not None and domain.used is False:
        return
    if tree.subtype == "C" and definition(tree).constraint.skip_validation:
        return
    if tree.subtype == "O" and domain is not None and domain.not_null:
        return
    instead = None
    if tree.subtype == "C" and definition(tree).constraint.contype == pb.CONSTR_CHECK:
        relaxed = copied(tree)
        definition(relaxed).constraint.skip_validation = True
        definition(relaxed).constraint.initially_valid = False
        instead = script(
            written(relaxed), "-- it holds for new values; VALIDATE CONSTRAINT of a domain blocks writes too"
        )
    yield Hit(f"every table with a column of {'.'.join(names)} is read while it cannot be written", instead)


def _refresh(here: Here) -> Iterable[Hit]:
    if here.tree.concurrent or not here.old or not here.table.populated:
        return
    instead = copied(here.tree)
    instead.concurrent = True
    instead.skip_data = False
    yield Hit(
        f"nobody can read {here.table.name} until the query behind it is done",
        script("-- needs a unique index over plain columns:", written(instead)),
    )


RULES = (
    Rule(
        "table_rewrite", "blocking", "error", "Table is rewritten",
        "Every row is written into a new file, and every index is built anew, while the table is locked ACCESS"
        " EXCLUSIVE: nobody can even read it.",
        "A new column, filled in batches and swapped in; for bloat pg_repack or pg_squeeze.",
        frozenset(
            {"VacuumStmt", "ClusterStmt", "AlterTableMoveAllStmt", "AT_AddColumn", "AT_AlterColumnType",
             "AT_SetExpression", *_WHOLE}
        ),
        _rewrite,
    ),
    Rule(
        "set_not_null_scan", "blocking", "error", "NOT NULL reads the table under a strong lock",
        "SET NOT NULL reads every row under ACCESS EXCLUSIVE, unless a valid CHECK (column IS NOT NULL) proves it.",
        "Prove it first with a constraint that is added NOT VALID and validated later.",
        frozenset({"AT_SetNotNull", "AT_AddConstraint", "AT_AddColumn"}), _set_not_null,
    ),
    Rule(
        "check_scan", "blocking", "error", "CHECK reads the table under a strong lock",
        "A CHECK that is validated at once reads every row under ACCESS EXCLUSIVE.",
        "Add it NOT VALID, and VALIDATE it in a later transaction: that lets reads and writes pass.",
        frozenset({"AT_AddColumn", "AT_AddConstraint", "AT_AlterColumnType"}), _check,
    ),
    Rule(
        "fk_scan", "blocking", "error", "FOREIGN KEY blocks writes of two tables",
        "A foreign key that is validated at once looks up every row while both tables are locked against writes.",
        "Add the column, then the constraint NOT VALID, and VALIDATE it in a later transaction.",
        frozenset({"AT_AddColumn", "AT_AddConstraint"}), _foreign_key,
    ),
    Rule(
        "domain_constraint_scan", "blocking", "error", "Domain constraint reads every table that uses it",
        "A constraint of a domain is checked in every column of that type, while those tables cannot be written.",
        "Add the CHECK NOT VALID: it holds for new values; VALIDATE blocks writes too. Or put CHECKs on the tables, NOT"
        " VALID, and validate them.",
        frozenset({"AlterDomainStmt"}), _domain,
    ),
    Rule(
        "matview_refresh_blocks_reads", "blocking", "error", "REFRESH blocks reads",
        "REFRESH MATERIALIZED VIEW holds ACCESS EXCLUSIVE while its query runs.",
        "REFRESH MATERIALIZED VIEW CONCURRENTLY, which needs a unique index.",
        frozenset({"RefreshMatViewStmt"}), _refresh,
    ),
)  # fmt: skip
