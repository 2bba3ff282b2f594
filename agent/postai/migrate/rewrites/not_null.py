"""NOT NULL without reading the table under a lock that stops anybody."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident
from postai.migrate import catalog_conditions as that
from postai.migrate.picture import Column, Constraint, Relation
from postai.migrate.rewrites.way_back import not_null_again
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, parsed, subcommand


def set_not_null(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ALTER TABLE ... ALTER COLUMN ... SET NOT NULL."""
    column = relation.column(command.name)
    if column is None or relation.new or relation.blurred:
        steps = [_direct(work, relation, command.name)]
        if column is not None:
            column.not_null = True
        return steps
    if column.not_null and not _not_valid(relation, column):
        return []
    return not_null_steps(work, relation, column)


def not_null_steps(
    work: Work, relation: Relation, column: Column, name: str | None = None, *, check: bool = True
) -> list[PlannedStep]:
    """The steps that forbid NULLs in a column that allows them.

    Args:
        name: of the constraint on PostgreSQL 18 and newer; None = as PostgreSQL would name it.
        check: whether NULLs that are there now are looked for (not for a column that is filled first).
    """
    table, own = relation.full_name, quote_ident(column.name)
    if check and not relation.new:
        work.check(relation, f"{own} IS NULL", f"rows of {table} have NULL in {own}")
    if relation.new or (work.version < 18 and _checked(relation, column)):
        column.not_null = True
        return [_direct(work, relation, column.name)]
    steps = _native(work, relation, column, name) if work.version >= 18 else _by_check(work, relation, column)
    column.not_null = True
    return steps


def _direct(work: Work, relation: Relation, name: str) -> PlannedStep:
    table, own = relation.full_name, quote_ident(name)
    return work.step(
        f"ALTER TABLE {table} ALTER COLUMN {own} SET NOT NULL",
        undo=f"ALTER TABLE {table} ALTER COLUMN {own} DROP NOT NULL",
        pre=that.all_of(that.column(table, name, not_null=False)),
        post=that.all_of(that.column(table, name, not_null=True)),
        on=relation,
    )


def _native(work: Work, relation: Relation, column: Column, name: str | None) -> list[PlannedStep]:
    """PostgreSQL 18: NOT NULL ... NOT VALID, then VALIDATE."""
    table, own = relation.full_name, quote_ident(column.name)
    known = _not_valid(relation, column)
    steps = []
    if known is None:
        constraint = name or work.constraint_name(relation, [column.name], "not_null")
        work.picture.take(relation.schema, "constraint", constraint)
        drop = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quote_ident(constraint)}"
        steps.append(
            work.step(
                f"ALTER TABLE {table} ADD CONSTRAINT {quote_ident(constraint)} NOT NULL {own} NOT VALID",
                undo=drop,
                pre=that.all_of(that.column(table, column.name, not_null=False)),
                post=that.all_of(that.constraint(table, constraint, kind="n")),
                on=relation,
            )
        )
        relation.constraints.append(
            Constraint(constraint, "n", f"NOT NULL {own}", True, False, False, (column.number,), 0, 0, False,
                       relation.oid, table)
        )  # fmt: skip
    else:
        constraint = known.name
        drop = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quote_ident(constraint)}"
        known.valid = True
    steps.append(
        work.step(
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {quote_ident(constraint)}",
            "weak_scan",
            undo=drop,
            pre=that.all_of(that.constraint(table, constraint)),
            post=that.all_of(that.constraint(table, constraint, valid=True)),
            on=relation,
            effort="scan",
        )
    )
    return steps


def _by_check(work: Work, relation: Relation, column: Column) -> list[PlannedStep]:
    """Before 18: a CHECK that is validated first lets SET NOT NULL skip its scan."""
    table, own = relation.full_name, quote_ident(column.name)
    constraint = work.constraint_name(relation, [column.name], "not_null")
    quoted = quote_ident(constraint)
    drop = f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quoted}"
    add = f"ALTER TABLE {table} ADD CONSTRAINT {quoted} CHECK ({own} IS NOT NULL) NOT VALID"
    here = that.constraint(table, constraint)
    return [
        work.step(
            add,
            undo=drop,
            pre=that.all_of(that.column(table, column.name), that.negated(here)),
            post=that.all_of(here),
            on=relation,
        ),
        work.step(
            f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted}",
            "weak_scan",
            undo=drop,
            pre=that.all_of(here),
            post=that.all_of(that.constraint(table, constraint, valid=True)),
            on=relation,
            effort="scan",
        ),
        work.step(
            f"ALTER TABLE {table} ALTER COLUMN {own} SET NOT NULL",
            undo=f"ALTER TABLE {table} ALTER COLUMN {own} DROP NOT NULL",
            pre=that.all_of(that.constraint(table, constraint, valid=True)),
            post=that.all_of(that.column(table, column.name, not_null=True)),
            on=relation,
        ),
        work.step(
            f"ALTER TABLE {table} DROP CONSTRAINT {quoted}",
            undo=drop,
            pre=that.all_of(that.column(table, column.name, not_null=True), here),
            post=that.all_of(that.negated(here)),
            on=relation,
        ),
    ]


def _not_valid(relation: Relation, column: Column) -> Constraint | None:
    return next(
        (one for one in relation.constraints if one.kind == "n" and not one.valid and one.columns == (column.number,)),
        None,
    )


def _checked(relation: Relation, column: Column) -> bool:
    """Whether a valid CHECK says already that the column holds no NULL."""
    for one in relation.constraints:
        if one.kind == "c" and one.valid and one.definition and one.table_oid == relation.oid:
            constraint = parsed(f"ALTER TABLE x ADD {one.definition}").cmds[0].alter_table_cmd
            test = getattr(constraint, "def").constraint.raw_expr
            if test.WhichOneof("node") == "null_test" and test.null_test.nulltesttype == pb.IS_NOT_NULL:
                field = test.null_test.arg.column_ref.fields
                if len(field) == 1 and field[0].string.sval == column.name:
                    return True
    return False


def drop_not_null(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ALTER COLUMN ... DROP NOT NULL: at once, readers may meet NULLs."""
    table, own = relation.full_name, quote_ident(command.name)
    column = relation.column(command.name)
    undo = f"ALTER TABLE {table} ALTER COLUMN {own} SET NOT NULL"
    if column is not None:
        undo = not_null_again(work, relation, column)
    loose = column is not None and not column.not_null and not relation.new and not relation.blurred
    if loose and not relation.children:
        return []
    if column is not None:
        column.not_null = False
    for one in [k for k in relation.constraints if k.kind == "n" and column and k.columns == (column.number,)]:
        relation.constraints.remove(one)
        work.picture.release(relation.schema, "constraint", one.name)
    if not relation.new:
        work.warn(f"whoever reads {table} may find NULL in {own} from then on")
    return [
        work.plain(
            subcommand(relation, command),
            undo=None if loose else undo,
            pre=that.all_of(that.column(table, command.name)) if column and not relation.new else None,
            post=None if loose else that.all_of(that.column(table, command.name, not_null=False)),
            on=relation,
        )
    ]
