"""Another type for a column: at once where no row is written, else through a second column that takes its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.database.named_sql import load
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Column, Constraint, Index, Relation
from postai.migrate.rewrites.columns import backfill, volatile
from postai.migrate.rewrites.constraints import validation
from postai.migrate.rewrites.indexes import build_concurrently
from postai.migrate.rewrites.not_null import not_null_steps
from postai.migrate.types import PlannedStep
from postai.migrate.work import (
    Work,
    expression_text,
    parsed,
    renamed_columns,
    subcommand,
)
from postai.sql.nodes import messages
from postai.sql.parse import write

_LENGTH = re.compile(r"(.*?)\((\d+)(?:,(-?\d+))?\)(.*)")


@dataclass(frozen=True)
class _Change:
    """What is to become of the column."""

    relation: Relation
    column: Column
    type: str
    collation: str | None
    expression: str
    new: str
    old: str


def alter_type(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ALTER COLUMN ... TYPE."""
    column = relation.column(command.name)
    definition = getattr(command, "def").column_def
    wanted = work.type_name(definition.type_name)
    if column is None or relation.new or relation.blurred or wanted is None:
        return [_direct(work, relation, command, column, wanted, rewrites=False)]
    using = definition.raw_default if definition.HasField("raw_default") else None
    if definition.HasField("coll_clause"):
        work.warn(f"another collation builds the indexes on {quote_ident(column.name)} anew")
        return [_direct(work, relation, command, column, wanted, rewrites=True)]
    if using is None and (column.type == wanted or _needs_no_rewrite(work, column, wanted)):
        return [_direct(work, relation, command, column, wanted, rewrites=False)]
    checked = _needs_check_only(column, wanted) if using is None else None
    if checked is not None:
        work.check(relation, checked, f"values of {quote_ident(column.name)} do not fit {wanted}")
    else:
        _castable(work, relation, column, wanted, using)
    obstacle = _obstacle(work, relation, column, using)
    if obstacle is not None:
        work.warn(
            f"the type of {quote_ident(column.name)} of {relation.full_name} cannot be changed online: {obstacle};"
            " the table is written anew, and reads and writes wait until that is done"
        )
        return [_direct(work, relation, command, column, wanted, rewrites=True)]
    return _expand(work, relation, column, wanted, using)


def _direct(
    work: Work, relation: Relation, command: Any, column: Column | None, wanted: str | None, *, rewrites: bool
) -> PlannedStep:
    table, own = relation.full_name, quote_ident(command.name)
    before = column.type if column is not None else None
    if column is not None and wanted is not None:
        column.type, column.fresh = wanted, True
    done = that.all_of(that.column(table, command.name, wanted)) if wanted and wanted != before else None
    return work.plain(
        subcommand(relation, command),
        undo=f"ALTER TABLE {table} ALTER COLUMN {own} TYPE {before}" if before and not rewrites else None,
        pre=that.all_of(that.column(table, command.name, before)) if before and not relation.new else None,
        post=done,
        on=relation,
        effort="rewrite" if rewrites else "moment",
        hazard="the table is written anew while reads and writes wait" if rewrites else None,
    )


def _needs_no_rewrite(work: Work, column: Column, wanted: str) -> bool:
    """Widenings that only change the catalogs: PostgreSQL skips the rewrite for them."""
    before, after = _LENGTH.fullmatch(column.type), _LENGTH.fullmatch(wanted)
    base = before[1] + before[4] if before else column.type
    target = after[1] + after[4] if after else wanted
    if base == target and base in ("character varying", "bit varying"):
        return after is None or (before is not None and int(after[2]) >= int(before[2]))
    if base == target == "numeric":
        if after is None:
            return True
        same_scale = before is not None and int(after[3] or 0) == int(before[3] or 0)
        return before is not None and same_scale and int(after[2]) >= int(before[2])
    if base == target and base.startswith(("timestamp", "time", "interval")):
        return after is None or (before is not None and int(after[2]) >= int(before[2]))
    if {base, target} == {"timestamp without time zone", "timestamp with time zone"}:
        zone = work.db.query("select pg_catalog.current_setting('TimeZone')")[0][0]
        return zone.upper() in ("UTC", "GMT", "ETC/UTC") and before is None and after is None
    if after is not None:
        return False
    rows = work.db.query(load("postai.migrate", "picture.sql")["binary"], [column.type_oid, wanted])
    return bool(rows and rows[0][0]) and base != "character"


def _needs_check_only(column: Column, wanted: str) -> str | None:
    """Text types whose values only have to be short enough: which values are not."""
    after = _LENGTH.fullmatch(wanted)
    if after is None or after[1] != "character varying":
        return None
    if column.type != "text" and not column.type.startswith("character varying"):
        return None
    return f"length({quote_ident(column.name)}) > {after[2]}"


def _castable(work: Work, relation: Relation, column: Column, wanted: str, using: Any) -> None:
    """Note the check for values that do not cast, where the server can tell without an error (16 and newer)."""
    texts = column.type == "text" or column.type.startswith("character")
    if (texts and using is None) or (using is not None and using.WhichOneof("node") == "type_cast" and texts):
        own = quote_ident(column.name)
        if work.version >= 16:
            work.check(
                relation,
                f"{own} IS NOT NULL AND NOT pg_catalog.pg_input_is_valid({own}::text, {quote_literal(wanted)})",
                f"values of {own} of {relation.full_name} are no {wanted}",
            )
            return
        pattern = {
            "integer": r"^\s*[+-]?[0-9]{1,9}\s*$", "bigint": r"^\s*[+-]?[0-9]{1,18}\s*$",
            "smallint": r"^\s*[+-]?[0-9]{1,4}\s*$",
            "uuid": r"^\s*\{?[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}\}?\s*$",
            "boolean": r"^\s*(?i:t|true|y|yes|on|1|f|false|n|no|off|0)\s*$",
        }.get(wanted)  # fmt: skip
        if wanted.startswith("numeric"):
            pattern = r"^\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*$"
        if pattern is not None:
            literal = quote_literal(pattern).strip()
            work.check(relation, f"{own} IS NOT NULL AND {own}::text !~ {literal}",
                f"values of {own} of {relation.full_name} do not look like {wanted}",
            )  # fmt: skip


def _obstacle(work: Work, relation: Relation, column: Column, using: Any) -> str | None:
    """Why a second column cannot take the place of this one; None = it can."""
    number = column.number
    used = [(kind, name) for at, kind, name in relation.others if at == number]
    referring = [
        one.name for one in relation.constraints
        if one.kind == "f" and one.referenced_oid == relation.oid and number in one.referenced_columns
    ]  # fmt: skip
    exclusion = [one.name for one in relation.indexes if one.exclusion and number in one.keys]
    update_of = [name for name, columns, _, _ in relation.triggers if number in columns]
    cases: list[tuple[bool, Callable[[], str]]] = [
        (relation.kind != "r", lambda: "the table is partitioned"),
        (relation.partition, lambda: "the table is a partition"),
        (bool(relation.children) or relation.parent_oid is not None, lambda: "the table inherits or is inherited from"),
        (not relation.key_of_rows(), lambda: "the table has no unique key to fill it along"),
        (bool(used), lambda: f"{used[0][0]} {used[0][1]} depends on it"),
        (bool(update_of), lambda: f"trigger {quote_ident(update_of[0])} names it"),
        (bool(referring), lambda: f"foreign key {quote_ident(referring[0])} refers to it"),
        (bool(exclusion), lambda: f"the exclusion constraint {quote_ident(exclusion[0])} uses it"),
        (bool(column.identity), lambda: "it is an identity column"),
        (bool(column.generated), lambda: "it is a generated column"),
        (column.granted, lambda: "rights are granted on it alone"),
        (column.extras, lambda: "it has storage, statistics or compression settings of its own"),
        (any(one.identity and number in one.keys for one in relation.indexes), lambda: "it is the replica identity"),
        (any(one.clustered and number in one.keys for one in relation.indexes), lambda: "the table is clustered on it"),
        (any(one.kind == "c" and not one.definition for one in relation.constraints), lambda: "its checks are new"),
        (
            using is not None and (_reads_rows(using) or volatile(work, using)),
            lambda: "USING calls functions that may be volatile",
        ),
        (number >= 1000 + len(relation.columns), lambda: "the same text adds it"),
    ]
    return next((why() for holds, why in cases if holds), None)


def _reads_rows(using: Any) -> bool:
    return any(node.DESCRIPTOR.name == "SubLink" for node in messages(using))


def _expand(work: Work, relation: Relation, column: Column, wanted: str, using: Any) -> list[PlannedStep]:
    taken = {one.name for one in relation.columns}
    new = naming.free_name(column.name, None, "new", lambda one: one in taken)
    old = naming.free_name(column.name, None, "old", lambda one: one in taken)
    own = quote_ident(column.name)
    expression = expression_text(using) if using is not None else f"{own}::{wanted}"
    change = _Change(relation, column, wanted, column.collation, expression, new, old)
    table = relation.full_name
    work.warn(
        f"{own} of {table} is replaced by a new column of type {wanted}, which stands last in the table: statements"
        " that name no columns (SELECT *, INSERT without a list) see it there"
    )
    drop = f"ALTER TABLE {table} DROP COLUMN IF EXISTS {quote_ident(new)}"
    collate = f" COLLATE {column.collation}" if column.collation and _collatable(wanted) else ""
    second = Column(max(one.number for one in relation.columns) + 1000, new, wanted, fresh=True)
    here = that.column(table, new)
    steps = [
        work.step(
            f"ALTER TABLE {table} ADD COLUMN {quote_ident(new)} {wanted}{collate}",
            undo=drop,
            pre=that.all_of(that.column(table, column.name, column.type), that.negated(here)),
            post=that.all_of(that.column(table, new, wanted)),
            on=relation,
        )
    ]
    key = relation.key_of_rows()
    relation.columns.append(second)
    steps += _sync(work, change)
    fill = f"{quote_ident(new)} IS NULL AND ({expression}) IS NOT NULL"
    steps.append(backfill(work, relation, {new: expression}, fill, key, drop))
    swap = _Swap(work, change, second)
    steps += swap.prepare()
    steps += swap.steps()
    return steps


def _collatable(type_name: str) -> bool:
    return type_name == "text" or type_name.startswith("character")


def _sync(work: Work, change: _Change) -> list[PlannedStep]:
    """The trigger that keeps the new column in step while rows are filled; it fires after all others."""
    relation = change.relation
    name = _trigger_name(change)
    function = qualified(relation.schema, name)
    table, new = relation.full_name, quote_ident(change.new)
    value = _of_new_row(change)
    quoted_body = quote_literal(f"begin new.{new} := {value}; return new; end").strip()
    return [
        work.step(
            f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp"
            f" AS {quoted_body}",
            undo=f"DROP FUNCTION IF EXISTS {function}()",
            pre=that.all_of(that.negated(that.function(function))),
            post=that.all_of(that.function(function)),
        ),
        work.step(
            f"CREATE TRIGGER {quote_ident(name)} BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION"
            f" {function}()",
            undo=f"DROP TRIGGER IF EXISTS {quote_ident(name)} ON {table}",
            pre=that.all_of(that.negated(that.trigger(table, name))),
            post=that.all_of(that.trigger(table, name)),
            on=relation,
        ),
    ]


def _trigger_name(change: _Change) -> str:
    return naming.object_name("zz_postai", f"{change.relation.name}_{change.column.name}", None)


def _of_new_row(change: _Change) -> str:
    """The expression with every column of the table read from the row that is written."""
    tree = parsed(f"SELECT {change.expression}").target_list[0].res_target.val
    known = {one.name for one in change.relation.columns}
    for node in list(messages(tree)):
        if node.DESCRIPTOR.name == "ColumnRef" and len(node.fields) == 1 and node.fields[0].string.sval in known:
            name = node.fields[0].string.sval
            del node.fields[:]
            node.fields.add().string.sval = "new"
            node.fields.add().string.sval = name
    return expression_text(tree)


class _Swap:
    """Indexes and constraints for the new column, then the moment in which it takes the old one's place."""

    def __init__(self, work: Work, change: _Change, second: Column) -> None:
        self._work = work
        self._change = change
        self._second = second
        self._relation = change.relation
        self._table = change.relation.full_name
        self._indexes: list[tuple[Index, str]] = []
        self._constraints: list[tuple[Constraint, str]] = []
        self._not_null: tuple[str | None, str | None] | None = None

    def prepare(self) -> list[PlannedStep]:
        """What can be made beside the old column."""
        steps: list[PlannedStep] = []
        number = self._change.column.number
        for index in list(self._relation.indexes):
            tree = parsed(index.definition)
            if number in index.keys or self._mentions(tree):
                steps.append(self._index(index, tree))
        if self._change.column.not_null:
            steps += self._require_value()
        for constraint in list(self._relation.constraints):
            if constraint.table_oid == self._relation.oid and number in constraint.columns and constraint.kind in "cf":
                steps += self._constraint(constraint)
        return steps

    def _mentions(self, tree: Any) -> bool:
        return self._change.column.name in naming.columns_of(tree, [self._change.column.name])

    def _index(self, index: Index, tree: Any) -> PlannedStep:
        name = naming.free_name(
            index.name, None, "new", lambda one: self._work.picture.taken(index.schema, one, constraint=True)
        )
        self._indexes.append((index, name))
        copy = renamed_columns(tree, self._change.column.name, self._change.new)
        checks = len(self._work.checks)
        step = build_concurrently(self._work, self._relation, copy, name)
        del self._work.checks[checks:]  # the column is not there yet, and its values are unique as they were
        return step

    def _require_value(self) -> list[PlannedStep]:
        known = next(
            (
                one
                for one in self._relation.constraints
                if one.kind == "n" and one.columns == (self._change.column.number,)
            ),
            None,
        )
        temporary = None
        if self._work.version >= 18:
            temporary = self._work.constraint_name(self._relation, [self._change.new], "not_null")
        steps = not_null_steps(self._work, self._relation, self._second, temporary, check=False)
        self._not_null = (known.name if known else None, temporary)
        return steps

    def _constraint(self, constraint: Constraint) -> list[PlannedStep]:
        taken = self._work.picture
        name = naming.free_name(
            constraint.name, None, "new", lambda one: taken.constraint_taken(self._relation.schema, one)
        )
        taken.take(self._relation.schema, "constraint", name)
        self._constraints.append((constraint, name))
        tree = parsed(f"ALTER TABLE {self._table} ADD CONSTRAINT {quote_ident(name)} {constraint.definition}")
        node = getattr(tree.cmds[0].alter_table_cmd, "def").constraint
        if constraint.kind == "c":
            changed = renamed_columns(node.raw_expr, self._change.column.name, self._change.new)
            node.raw_expr.CopyFrom(changed)
        else:
            for one in (*node.fk_attrs, *node.fk_del_set_cols):
                if one.string.sval == self._change.column.name:
                    one.string.sval = self._change.new
        node.skip_validation, node.initially_valid = True, False
        undo = f"ALTER TABLE {self._table} DROP CONSTRAINT IF EXISTS {quote_ident(name)}"
        here = that.constraint(self._table, name)
        first = self._work.step(
            write(tree), undo=undo, pre=that.all_of(that.negated(here)), post=that.all_of(here), on=self._relation
        )
        return [first, validation(self._work, self._relation, name, undo)] if constraint.valid else [first]

    def steps(self) -> list[PlannedStep]:
        """The swap in one transaction, then what is left of the old column."""
        change, table = self._change, self._table
        column, relation = change.column, self._relation
        own, new, old = quote_ident(column.name), quote_ident(change.new), quote_ident(change.old)
        trigger = _trigger_name(change)
        statements = [f"DROP TRIGGER {quote_ident(trigger)} ON {table}", *self._take_over()]
        if column.default is not None:
            statements.append(f"ALTER TABLE {table} ALTER COLUMN {own} DROP DEFAULT")
            statements.append(f"ALTER TABLE {table} ALTER COLUMN {new} SET DEFAULT {column.default}")
        statements.append(f"ALTER TABLE {table} RENAME COLUMN {own} TO {old}")
        statements.append(f"ALTER TABLE {table} RENAME COLUMN {new} TO {own}")
        if column.sequence is not None:
            statements.append(f"ALTER SEQUENCE {column.sequence} OWNED BY {table}.{own}")
        if column.comment is not None:
            statements.append(f"COMMENT ON COLUMN {table}.{own} IS {quote_literal(column.comment).strip()}")
        self._settle()
        function = qualified(relation.schema, trigger)
        return [
            self._work.step(
                statements[0],
                undo=None,
                pre=that.all_of(that.column(table, change.new, change.type), that.trigger(table, trigger)),
                post=that.all_of(
                    that.column(table, change.old), that.column(table, column.name, change.type),
                    that.negated(that.column(table, change.new)),
                ),
                on=relation,
                together=statements[1:],
                contract=True,
                hazard=f"from here on {own} is the new column; the old values stay in {old} until it is dropped",
            ),
            self._work.step(
                f"DROP FUNCTION {function}()",
                undo=None,
                pre=that.all_of(that.function(function)),
                post=that.all_of(that.negated(that.function(function))),
            ),
            self._work.step(
                f"ALTER TABLE {table} DROP COLUMN {old}",
                undo=None,
                pre=that.all_of(that.column(table, change.old)),
                post=that.all_of(that.negated(that.column(table, change.old))),
                on=relation,
                contract=True,
            ),
        ]  # fmt: skip

    def _take_over(self) -> list[str]:
        """Constraints and indexes of the new column get the names of the old one's."""
        table, statements = self._table, []
        for constraint, name in self._constraints:
            statements.append(f"ALTER TABLE {table} DROP CONSTRAINT {quote_ident(constraint.name)}")
            statements.append(
                f"ALTER TABLE {table} RENAME CONSTRAINT {quote_ident(name)} TO {quote_ident(constraint.name)}"
            )
            if constraint.comment is not None:
                statements.append(
                    f"COMMENT ON CONSTRAINT {quote_ident(constraint.name)} ON {table} IS"
                    f" {quote_literal(constraint.comment).strip()}"
                )
        for index, name in self._indexes:
            statements += self._take_over_index(index, name)
        if self._not_null is not None:
            native, temporary = self._not_null
            own = quote_ident(self._change.column.name)
            statements.append(f"ALTER TABLE {table} ALTER COLUMN {own} DROP NOT NULL")
            if temporary is not None and native is not None:
                statements.append(
                    f"ALTER TABLE {table} RENAME CONSTRAINT {quote_ident(temporary)} TO {quote_ident(native)}"
                )
        return statements

    def _take_over_index(self, index: Index, name: str) -> list[str]:
        schema, table = index.schema, self._table
        if index.constraint is None:
            statements = [
                f"DROP INDEX {index.full_name}",
                f"ALTER INDEX {qualified(schema, name)} RENAME TO {quote_ident(index.name)}",
            ]
        else:
            known = self._relation.constraint(index.constraint)
            later = " DEFERRABLE" if known is not None and known.deferrable else ""
            later += " INITIALLY DEFERRED" if known is not None and known.deferred else ""
            own = quote_ident(index.constraint)
            word = "PRIMARY KEY" if index.primary else "UNIQUE"
            add = f"ADD CONSTRAINT {own} {word} USING INDEX {quote_ident(name)}{later}"
            statements = [f"ALTER TABLE {table} DROP CONSTRAINT {own}, {add}"]
            if known is not None and known.comment is not None:
                text = quote_literal(known.comment).strip()
                statements.append(f"COMMENT ON CONSTRAINT {own} ON {table} IS {text}")
        if index.comment is not None:
            statements.append(f"COMMENT ON INDEX {index.full_name} IS {quote_literal(index.comment).strip()}")
        return statements

    def _settle(self) -> None:
        """The picture after the swap."""
        relation, column = self._relation, self._change.column
        number = column.number
        relation.columns.remove(column)
        self._second.name, self._second.default = column.name, column.default
        self._second.not_null, self._second.comment = column.not_null, column.comment
        names = {name for _, name in self._indexes}
        relation.indexes[:] = [one for one in relation.indexes if one.name not in names]
        for index, _ in self._indexes:
            index.keys = tuple(self._second.number if key == number else key for key in index.keys)
        for constraint in relation.constraints:
            constraint.columns = tuple(self._second.number if key == number else key for key in constraint.columns)
        for name in names | {name for _, name in self._constraints}:
            self._work.picture.release(relation.schema, "relation", name)
            self._work.picture.release(relation.schema, "constraint", name)
