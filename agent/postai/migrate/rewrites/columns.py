"""Columns: added without writing the table anew, dropped in two phases, defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Column, Relation
from postai.migrate.rewrites.constraints import add_constraint, drop_constraint
from postai.migrate.rewrites.dependents import note_generated
from postai.migrate.rewrites.not_null import not_null_steps
from postai.migrate.rewrites.way_back import not_null_again
from postai.migrate.types import Backfill, PlannedStep
from postai.migrate.work import Work, expression_text, parsed, subcommand, type_text
from postai.sql.nodes import messages

_SERIAL = {
    "smallserial": "smallint", "serial2": "smallint", "serial": "integer", "serial4": "integer",
    "bigserial": "bigint", "serial8": "bigint",
}  # fmt: skip
_SPLIT = frozenset({pb.CONSTR_CHECK, pb.CONSTR_FOREIGN, pb.CONSTR_UNIQUE, pb.CONSTR_PRIMARY})
_DEFERRING = frozenset(
    {
        pb.CONSTR_ATTR_DEFERRABLE, pb.CONSTR_ATTR_NOT_DEFERRABLE, pb.CONSTR_ATTR_DEFERRED, pb.CONSTR_ATTR_IMMEDIATE,
        pb.CONSTR_ATTR_ENFORCED, pb.CONSTR_ATTR_NOT_ENFORCED,
    }
)  # fmt: skip


def add_column(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ADD COLUMN, taken apart into what is quick and what reads or writes all rows."""
    column = getattr(command, "def").column_def
    if relation.column(column.colname) is not None and command.missing_ok:
        work.warn(f"{relation.full_name} has a column {quote_ident(column.colname)} already; it is left as it is")
        return []
    if relation.new or relation.blurred:
        return [_note(work, relation, command, work.plain(subcommand(relation, command), on=relation))]
    later = [one for one in _constraints(column) if one.contype in _SPLIT]
    kept = {one.contype for one in _constraints(column)}
    if kept & {pb.CONSTR_IDENTITY, pb.CONSTR_GENERATED}:
        steps = [_computed(work, relation, command, column)]
    elif (serial := column.type_name.names[-1].string.sval) in _SERIAL and len(column.type_name.names) == 1:
        steps = _serial(work, relation, command, column, _SERIAL[serial])
    else:
        steps = _ordinary(work, relation, command, column)
    for constraint in later:
        steps += add_constraint(work, relation, _as_table_constraint(constraint, column.colname))
    return steps


def _constraints(column: Any) -> list[Any]:
    return [one.constraint for one in column.constraints]


def _take_apart(column: Any) -> None:
    """Leave only what belongs to the column itself; deferring words go with the constraint before them."""
    kept, before = [], None
    for one in _constraints(column):
        if one.contype in _DEFERRING:
            if before is not None and before.contype in _SPLIT:
                before.deferrable |= one.contype in (pb.CONSTR_ATTR_DEFERRABLE, pb.CONSTR_ATTR_DEFERRED)
                before.initdeferred |= one.contype == pb.CONSTR_ATTR_DEFERRED
                continue
        else:
            before = one
        if one.contype not in _SPLIT:
            copy = pb.Node()
            copy.constraint.CopyFrom(one)
            kept.append(copy)
    del column.constraints[:]
    column.constraints.extend(kept)


def _as_table_constraint(constraint: Any, column: str) -> Any:
    command = parsed("ALTER TABLE x ADD CONSTRAINT y CHECK (true)").cmds[0].alter_table_cmd
    target = getattr(command, "def").constraint
    target.CopyFrom(constraint)
    if constraint.contype == pb.CONSTR_FOREIGN:
        target.fk_attrs.add().string.sval = column
    elif constraint.contype != pb.CONSTR_CHECK:
        target.keys.add().string.sval = column
    return command


def _note(work: Work, relation: Relation, command: Any, step: PlannedStep) -> PlannedStep:
    """Note the new column in the picture."""
    column = getattr(command, "def").column_def
    if relation.column(column.colname) is None:
        number = max((one.number for one in relation.columns), default=0) + 1000
        relation.columns.append(Column(number, column.colname, work.type_name(column.type_name) or "", fresh=True))
    added = relation.column(column.colname)
    if added is not None:
        kinds = {one.contype for one in _constraints(column)}
        added.not_null = bool(kinds & {pb.CONSTR_NOTNULL, pb.CONSTR_PRIMARY, pb.CONSTR_IDENTITY})
        added.identity = "a" if pb.CONSTR_IDENTITY in kinds else ""
        added.generated = "s" if pb.CONSTR_GENERATED in kinds else ""
        for one in _constraints(column):
            if one.contype == pb.CONSTR_GENERATED:
                note_generated(relation, column.colname, one.raw_expr)
        given = next((one.raw_expr for one in _constraints(column) if one.contype == pb.CONSTR_DEFAULT), None)
        added.default = expression_text(given) if given is not None else None
    return step


def _addition(work: Work, relation: Relation, command: Any, *, effort: Any = "moment") -> PlannedStep:
    column = getattr(command, "def").column_def
    table, own = relation.full_name, quote_ident(column.colname)
    step = work.plain(
        subcommand(relation, command),
        undo=f"ALTER TABLE {table} DROP COLUMN IF EXISTS {own}",
        pre=that.all_of(that.relation(table), that.negated(that.column(table, column.colname))),
        post=that.all_of(that.column(table, column.colname, work.type_name(column.type_name))),
        on=relation,
        effort=effort,
    )
    return _note(work, relation, command, step)


def _computed(work: Work, relation: Relation, command: Any, column: Any) -> PlannedStep:
    """Identity and generated columns: nothing but the whole statement brings them about."""
    own = [one for one in _constraints(column) if one.contype in (pb.CONSTR_IDENTITY, pb.CONSTR_GENERATED)]
    virtual = any(one.generated_kind == "v" for one in own)
    _take_apart(column)
    if virtual:
        return _addition(work, relation, command)
    word = "an identity column" if own[0].contype == pb.CONSTR_IDENTITY else "a stored generated column"
    work.warn(
        f"{quote_ident(column.colname)} is {word}: PostgreSQL writes {relation.full_name} anew, and reads and writes"
        " wait until that is done; a plain column that a trigger and a backfill fill needs no such wait"
    )
    return _addition(work, relation, command, effort="rewrite")


def _ordinary(work: Work, relation: Relation, command: Any, column: Any) -> list[PlannedStep]:
    _take_apart(column)
    default = next((one.raw_expr for one in _constraints(column) if one.contype == pb.CONSTR_DEFAULT), None)
    not_null = next((one for one in _constraints(column) if one.contype == pb.CONSTR_NOTNULL), None)
    domain = _domain(work, column)
    if domain is not None and domain[2]:
        work.warn(
            f"{quote_ident(column.colname)} is of a domain with constraints: PostgreSQL writes {relation.full_name}"
            " anew, and reads and writes wait until that is done"
        )
        return [_addition(work, relation, command, effort="rewrite")]
    own = default
    if default is None and domain is not None and domain[1]:
        default = parsed(f"SELECT {domain[1]}").target_list[0].res_target.val
    key = relation.key_of_rows()
    if default is not None and volatile(work, default):
        if key and not relation.children:
            return _filled(work, relation, command, column, default, not_null, key, of_domain=own is None)
        _no_backfill(work, relation, column)
        return [_addition(work, relation, command, effort="rewrite")]
    if default is None and not_null is not None:
        table = relation.full_name
        work.check(relation, "true", f"rows of {table} would have no value for {quote_ident(column.colname)}")
    return [_addition(work, relation, command)]


def _no_backfill(work: Work, relation: Relation, column: Any) -> None:
    why = "is partitioned or has children" if relation.children or relation.kind == "p" else relation.no_key
    work.warn(
        f"the default of {quote_ident(column.colname)} differs from row to row and {relation.full_name} {why}: it is"
        " written anew at once, and reads and writes wait until that is done"
    )


def _domain(work: Work, column: Any) -> tuple[str, str | None, bool] | None:
    """Name, default and "has constraints" of the domain that a column is of; None = it is of no domain."""
    if work.names.of_server(column.type_name):
        return None
    rows = work.ask("domain", type_text(column.type_name))
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else None


def volatile(work: Work, expression: Any) -> bool:
    """Whether an expression may give another value for each row: a function of that name may."""
    called = {node.funcname[-1].string.sval for node in messages(expression) if node.DESCRIPTOR.name == "FuncCall"}
    return bool(called) and bool(work.ask("any_volatile", sorted(called))[0][0])


def _leave_out(column: Any, kinds: frozenset[int]) -> None:
    """Take constraints of some kinds off a column definition."""
    kept = []
    for one in column.constraints:
        if one.constraint.contype not in kinds:
            kept.append(pb.Node())
            kept[-1].CopyFrom(one)
    del column.constraints[:]
    column.constraints.extend(kept)


def _filled(
    work: Work,
    relation: Relation,
    command: Any,
    column: Any,
    default: Any,
    not_null: Any,
    key: tuple[str, ...],
    *,
    of_domain: bool,
) -> list[PlannedStep]:
    """Volatile default: an empty column, the default for new rows, then the old rows in batches."""
    name, text = column.colname, expression_text(default)
    _leave_out(column, frozenset({pb.CONSTR_DEFAULT, pb.CONSTR_NOTNULL, pb.CONSTR_NULL}))
    if of_domain:
        empty = parsed("ALTER TABLE x ADD COLUMN y text DEFAULT NULL").cmds[0].alter_table_cmd
        column.constraints.add().CopyFrom(getattr(empty, "def").column_def.constraints[0])
    steps = [_addition(work, relation, command)]
    undo = f"ALTER TABLE {relation.full_name} DROP COLUMN IF EXISTS {quote_ident(name)}"
    if of_domain:
        bare = f"ALTER TABLE {relation.full_name} ALTER COLUMN {quote_ident(name)} DROP DEFAULT"
        steps.append(work.step(bare, undo=undo, on=relation))
        steps.append(backfill(work, relation, {name: text}, f"{quote_ident(name)} IS NULL", key, undo))
    else:
        steps += default_and_backfill(work, relation, name, text, key)
    added = relation.column(name)
    if not_null is not None and added is not None:
        steps += not_null_steps(work, relation, added, not_null.conname or None, check=False)
    return steps


def default_and_backfill(
    work: Work, relation: Relation, name: str, expression: str, key: tuple[str, ...]
) -> list[PlannedStep]:
    """SET DEFAULT for the rows to come, and the expression for those that are there."""
    table, own = relation.full_name, quote_ident(name)
    undo = f"ALTER TABLE {table} DROP COLUMN IF EXISTS {own}"
    column = relation.column(name)
    if column is not None:
        column.default = expression
    return [
        work.step(
            f"ALTER TABLE {table} ALTER COLUMN {own} SET DEFAULT {expression}",
            undo=undo,
            pre=that.all_of(that.column(table, name, default=False)),
            post=that.all_of(that.column(table, name, default=True)),
            on=relation,
        ),
        backfill(work, relation, {name: expression}, f"{own} IS NULL", key, undo),
    ]


def backfill(
    work: Work, relation: Relation, assignments: dict[str, str], condition: str, key: tuple[str, ...], undo: str | None
) -> PlannedStep:
    """Rows written in batches along the key."""
    table = relation.full_name
    listed = ", ".join(f"{quote_ident(name)} = {text}" for name, text in assignments.items())
    relation.written = relation.written or not assignments_are_fresh(relation, assignments)
    fired = [name for name, _, update, _ in relation.triggers if update]
    if fired:
        work.warn(f"filling {table} row by row fires its triggers: {', '.join(map(quote_ident, fired))}")
    return work.step(
        f"UPDATE {table} SET {listed} WHERE {condition}",  # noqa: S608 - quoted names
        "batched",
        undo=undo,
        pre=that.all_of(*(that.column(table, name) for name in assignments)),
        post=that.all_of(that.no_rows(table, condition)),
        on=relation,
        effort="backfill",
        backfill=Backfill(table, key, assignments, condition),
    )


def assignments_are_fresh(relation: Relation, assignments: Mapping[str, str]) -> bool:
    """Whether only columns that the text itself makes are written."""
    return all((column := relation.column(name)) is not None and column.fresh for name in assignments)


def _serial(work: Work, relation: Relation, command: Any, column: Any, integer: str) -> list[PlannedStep]:
    """serial: the sequence, an integer column, its default, the old rows in batches, NOT NULL."""
    _take_apart(column)
    key = relation.key_of_rows()
    if not key or relation.children:
        _no_backfill(work, relation, column)
        step = _addition(work, relation, command, effort="rewrite")
        added = relation.column(column.colname)
        if added is not None:
            added.not_null = True
        return [step]
    name = work.relation_name(relation.schema, relation.name, column.colname, "seq")
    work.take(relation.schema, name)
    sequence = qualified(relation.schema, name)
    column.type_name.CopyFrom(parsed(f"SELECT NULL::{integer}").target_list[0].res_target.val.type_cast.type_name)
    table, own = relation.full_name, quote_ident(column.colname)
    not_null = next((one for one in _constraints(column) if one.contype == pb.CONSTR_NOTNULL), None)
    constraint_name = not_null.conname or None if not_null is not None else None
    _leave_out(column, frozenset({pb.CONSTR_NOTNULL, pb.CONSTR_NULL}))
    steps = [
        work.step(
            f"CREATE SEQUENCE {sequence} AS {integer}",
            undo=f"DROP SEQUENCE IF EXISTS {sequence}",
            pre=that.all_of(that.no_relation(sequence)),
            post=that.all_of(that.relation(sequence, "S")),
        ),
        _addition(work, relation, command),
        work.step(
            f"ALTER SEQUENCE {sequence} OWNED BY {table}.{own}",
            undo=f"ALTER SEQUENCE IF EXISTS {sequence} OWNED BY NONE",
            on=relation,
        ),
    ]
    expression = f"nextval({quote_literal(sequence).strip()}::regclass)"
    steps += default_and_backfill(work, relation, column.colname, expression, key)
    added = relation.column(column.colname)
    if added is not None:
        steps += not_null_steps(work, relation, added, constraint_name, check=False)
    return steps


def column_default(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """SET DEFAULT and DROP DEFAULT: the catalogs only."""
    column = relation.column(command.name)
    table, own = relation.full_name, quote_ident(command.name)
    before = f"SET DEFAULT {column.default}" if column is not None and column.default else "DROP DEFAULT"
    sets = command.HasField("def")
    post = None
    if column is not None and not column.default and sets:
        post = that.all_of(that.column(table, command.name, default=True))
    elif column is not None and column.default and not sets:
        post = that.all_of(that.column(table, command.name, default=False))
    if column is not None:
        column.default = expression_text(getattr(command, "def")) if sets else None
    return [
        work.plain(
            subcommand(relation, command),
            undo=f"ALTER TABLE {table} ALTER COLUMN {own} {before}",
            pre=that.all_of(that.column(table, command.name)) if not relation.new else None,
            post=post,
            on=relation,
        )
    ]


def drop_column(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """DROP COLUMN: first out of sight, which can be taken back, then for good."""
    column = relation.column(command.name)
    table, own = relation.full_name, quote_ident(command.name)
    if column is None and command.missing_ok and not relation.blurred and not relation.new:
        work.warn(f"{table} has no column {own}; nothing is to be dropped")
        return []
    used = [] if column is None else [name for number, _, name in relation.others if number == column.number]
    if not relation.new:
        work.destructive = True
        work.warn(f"the values of {own} of {table} are lost for good")
        usage(work, relation, command.name)
        if used:
            work.warn(f"{own} of {table} is used by {', '.join(sorted(set(used)))}")
    keys = {number for one in relation.indexes if one.primary or one.identity for number in one.keys}
    pinned = column is None or column.number in keys or column.number in relation.key_columns or column.inherited
    pinned = pinned or _felt_when_empty(work, relation, column)
    plainly = pinned or relation.new or relation.blurred or used or command.behavior == pb.DROP_CASCADE
    here = that.column(table, command.name)
    if plainly or column is None:
        _forget(work, relation, column)
        return [
            work.plain(
                subcommand(relation, command), pre=that.all_of(here) if not relation.new else None,
                post=that.all_of(that.negated(here)), on=relation, contract=not relation.new,
            )
        ]  # fmt: skip
    aside = _aside(relation, command.name)
    hidden = quote_ident(aside)
    steps = _let_go(work, relation, column)
    if column.not_null and not column.identity and not column.default and not column.generated:
        steps.append(
            work.step(
                f"ALTER TABLE {table} ALTER COLUMN {own} DROP NOT NULL",
                undo=not_null_again(work, relation, column),
                pre=that.all_of(that.column(table, command.name, not_null=True)),
                post=that.all_of(that.column(table, command.name, not_null=False)),
                on=relation,
            )
        )
    gone = that.all_of(that.negated(that.column(table, aside)))
    _forget(work, relation, column)
    return [
        *steps,
        work.step(
            f"ALTER TABLE {table} RENAME COLUMN {own} TO {hidden}",
            undo=f"ALTER TABLE {table} RENAME COLUMN {hidden} TO {own}",
            pre=that.all_of(here, that.negated(that.column(table, aside))),
            post=that.all_of(that.column(table, aside), that.negated(here)),
            on=relation,
            hazard=f"whoever still uses {own} gets an error from here on; renaming it back loses nothing",
        ),
        replace(
            work.step(
                f"ALTER TABLE {table} DROP COLUMN {hidden}",
                undo=None,
                pre=that.all_of(that.column(table, aside)),
                post=gone,
                on=relation,
                hazard=f"the values of {own} are lost for good",
                contract=True,
            ),
            for_good=True,
        ),
    ]


def _felt_when_empty(work: Work, relation: Relation, column: Column | None) -> bool:
    """Whether rows that leave a column empty which is set aside may be refused, by what only its drop takes away."""
    if column is None or relation.new:
        return False
    if any(one.referenced_oid == relation.oid and column.number in one.referenced_columns and one.kind == "f"
           for one in relation.constraints):  # fmt: skip
        return True  # DROP COLUMN is refused as long as others refer to it: so it is here
    for index in relation.indexes:
        if not (index.unique or index.exclusion):
            continue
        tree = parsed(index.definition)
        if naming.columns_of(tree, [column.name]):
            return True  # a condition or an expression reads it
        if column.number in index.keys and (tree.nulls_not_distinct or column.generated):
            return True
    return bool((rows := work.ask("domain", column.type)) and rows[0][2])


def _let_go(work: Work, relation: Relation, column: Column) -> list[PlannedStep]:
    """What DROP COLUMN takes with it and clients would feel before that: keys to other tables, CHECKs, a default."""
    steps: list[PlannedStep] = []
    own = [one for one in relation.constraints if one.table_oid == relation.oid and column.number in one.columns]
    unique = any(column.number in one.keys and (one.unique or one.exclusion) for one in relation.indexes)
    bare = column.default is not None and column.sequence is None and not column.generated
    if bare and (unique or any(one.kind == "f" for one in own)):
        command = parsed(f"ALTER TABLE x ALTER COLUMN {quote_ident(column.name)} DROP DEFAULT").cmds[0].alter_table_cmd
        steps += column_default(work, relation, command)
    for one in own:
        if one.kind == "f" or (one.kind == "c" and not _passes_null(one.definition)):
            steps += drop_constraint(work, relation, dropping(one.name))
    return steps


def dropping(constraint: str) -> Any:
    """The subcommand that drops a constraint."""
    return parsed(f"ALTER TABLE x DROP CONSTRAINT {quote_ident(constraint)}").cmds[0].alter_table_cmd


_NULL_IN_NULL_OUT = frozenset({"A_Expr", "BoolExpr", "ColumnRef", "A_Const", "TypeCast", "A_ArrayExpr"})
_OF_VALUES = frozenset({"Node", "TypeName", "String", "Integer", "Float", "Boolean", "List", "BitString"})
_OPERATORS = frozenset(
    {
        pb.AEXPR_OP, pb.AEXPR_OP_ANY, pb.AEXPR_OP_ALL, pb.AEXPR_IN, pb.AEXPR_LIKE, pb.AEXPR_ILIKE, pb.AEXPR_SIMILAR,
        pb.AEXPR_BETWEEN, pb.AEXPR_NOT_BETWEEN,
    }
)  # fmt: skip


def _passes_null(definition: str) -> bool:
    """Whether a CHECK is known to let a row pass whose columns that it reads are NULL, whatever is in the others."""
    command = parsed(f"ALTER TABLE x ADD {definition}").cmds[0].alter_table_cmd
    test = getattr(command, "def").constraint.raw_expr
    read = set()
    for node in messages(test):
        kind = node.DESCRIPTOR.name
        if kind not in _NULL_IN_NULL_OUT | _OF_VALUES or (kind == "A_Expr" and node.kind not in _OPERATORS):
            return False
        if kind == "ColumnRef":
            read.add(node.fields[-1].string.sval)
    return len(read) == 1


def _aside(relation: Relation, name: str) -> str:
    return naming.free_name(name, None, "dropped", lambda one: relation.column(one) is not None)


def _forget(work: Work, relation: Relation, column: Column | None) -> None:
    """A dropped column takes its indexes and constraints with it."""
    if column is None:
        return
    relation.columns.remove(column)
    for index in [one for one in relation.indexes if column.number in one.keys]:
        relation.indexes.remove(index)
        work.picture.release(index.schema, "relation", index.name)
    for constraint in [one for one in relation.constraints if one.table_oid == relation.oid]:
        if column.number in constraint.columns:
            relation.constraints.remove(constraint)
            work.picture.release(relation.schema, "constraint", constraint.name)


def usage(work: Work, relation: Relation, column: str | None) -> None:
    """Say what the history knows of the use of what is to be dropped or renamed."""
    if work.options.usage is None:
        return
    found = work.options.usage(relation.schema, relation.name, column)
    what = relation.full_name if column is None else f"{quote_ident(column)} of {relation.full_name}"
    if found is None:
        work.warn(f"whether {what} is still used is not known: no statements were collected that could be read")
    elif found.statements == 0:
        since = f" since {found.since}" if found.since else ""
        work.warn(f"no statement of the history collected{since} names {what}")
    else:
        last = f", last seen {found.last}" if found.last else ""
        work.warn(f"{what} is named by {found.statements} statements of the history, {found.calls} calls{last}")
