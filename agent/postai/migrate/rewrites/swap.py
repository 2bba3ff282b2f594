"""The swap of two columns: indexes and constraints for the new one, then the moment in which it takes the place."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from postai.database.identifiers import qualified, quote_ident, quote_literal
from postai.migrate import catalog_conditions as that
from postai.migrate import naming
from postai.migrate.picture import Column, Constraint, Index, Relation
from postai.migrate.rewrites.constraints import validation
from postai.migrate.rewrites.indexes import build_concurrently
from postai.migrate.rewrites.not_null import not_null_steps
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, parsed, renamed_columns
from postai.sql.parse import write

_LENGTH = re.compile(r"\([^()]*\)")


@dataclass(frozen=True)
class Change:
    """What is to become of the column."""

    relation: Relation
    column: Column
    type: str
    expression: str
    new: str
    old: str


def trigger_name(relation: Relation, column: Column) -> str:
    """Name of the trigger and its function: it sorts behind those of people."""
    return naming.object_name("zz_postai", f"{relation.name}_{column.name}", None)


class Swap:
    """Indexes and constraints for the new column, then the moment in which it takes the old one's place."""

    def __init__(self, work: Work, change: Change, second: Column) -> None:
        self._work = work
        self._change = change
        self._second = second
        self._relation = change.relation
        self._table = change.relation.full_name
        self._indexes: list[tuple[Index, str]] = []
        self._constraints: list[tuple[Constraint, str]] = []
        self._not_null: tuple[str | None, str | None] | None = None
        self._referring = [
            one
            for one in self._relation.constraints
            if one.kind == "f"
            and one.referenced_oid == self._relation.oid
            and change.column.number in one.referenced_columns
            and not one.inherited
        ]

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
        copy.table_space = next((row[0] for row in self._work.ask("tablespace", index.oid)), "")
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
        trigger = trigger_name(relation, column)
        statements = [f"DROP TRIGGER {quote_ident(trigger)} ON {table}", *self._let_go(), *self._take_over()]
        if column.default is not None:
            statements.append(f"ALTER TABLE {table} ALTER COLUMN {own} DROP DEFAULT")
            statements.append(f"ALTER TABLE {table} ALTER COLUMN {new} SET DEFAULT {_default(column)}")
        statements.append(f"ALTER TABLE {table} RENAME COLUMN {own} TO {old}")
        statements.append(f"ALTER TABLE {table} RENAME COLUMN {new} TO {own}")
        owned = [row[0] for row in self._work.ask("owned_sequences", [relation.oid, column.number])]
        for sequence in dict.fromkeys([*([column.sequence] if column.sequence is not None else []), *owned]):
            statements.append(f"ALTER SEQUENCE {sequence} OWNED BY {table}.{own}")
        if column.comment is not None:
            statements.append(f"COMMENT ON COLUMN {table}.{own} IS {quote_literal(column.comment).strip()}")
        statements += self._refer_again()
        self._settle()
        function = qualified(relation.schema, trigger)
        return [
            self._work.step(
                statements[0],
                undo=None,
                pre=that.all_of(
                    that.column(table, change.new, change.type), that.trigger(table, trigger), self._in_step()
                ),
                post=that.all_of(
                    that.column(table, change.old), that.column(table, column.name, change.type),
                    that.negated(that.column(table, change.new)),
                ),
                on=relation,
                together=statements[1:],
                contract=True,
                hazard=f"from here on {own} is the new column; the old values stay in {old} until it is dropped",
            ),
            *(self._validated(one) for one in self._referring if one.valid),
            self._work.step(
                f"DROP FUNCTION {function}()",
                undo=None,
                pre=that.all_of(that.function(function)),
                post=that.all_of(that.negated(that.function(function))),
            ),
            replace(
                self._work.step(
                    f"ALTER TABLE {table} DROP COLUMN {old}",
                    undo=None,
                    pre=that.all_of(that.column(table, change.old)),
                    post=that.all_of(that.negated(that.column(table, change.old))),
                    on=relation,
                    contract=True,
                    hazard=f"the values that {own} had before are lost for good",
                ),
                for_good=True,
            ),
        ]  # fmt: skip

    def _in_step(self) -> str:
        """No row says in the new column what the old one does not say: looked at just before the swap."""
        change = self._change
        new, old = quote_ident(change.new), change.expression
        kinds = (change.column.type, change.type)
        if any(word in kind for word in ("time", "date", "interval") for kind in kinds):
            # Casts of times depend on the session; whether there is a value does not.
            return that.no_rows(self._table, f"({new} IS NULL) <> (({old}) IS NULL)")
        return that.no_rows(self._table, f"{new}::text IS DISTINCT FROM ({old})::{change.type}::text")

    def _let_go(self) -> list[str]:
        """Foreign keys that refer to the old column are dropped for the moment of the swap."""
        if self._referring:
            others = ", ".join(sorted({one.table for one in self._referring}))
            self._work.warn(f"the moment in which {self._table} gets the new column also stops {others}")
        return [f"ALTER TABLE {one.table} DROP CONSTRAINT {quote_ident(one.name)}" for one in self._referring]

    def _refer_again(self) -> list[str]:
        """They refer to the new one: at once for what is written from then on, the rest is validated after."""
        statements = []
        for one in self._referring:
            name, late = quote_ident(one.name), "" if one.definition.endswith(" NOT VALID") else " NOT VALID"
            statements.append(f"ALTER TABLE {one.table} ADD CONSTRAINT {name} {one.definition}{late}")
            if one.comment is not None:
                comment = quote_literal(one.comment).strip()
                statements.append(f"COMMENT ON CONSTRAINT {name} ON {one.table} IS {comment}")
        return statements

    def _validated(self, one: Constraint) -> PlannedStep:
        statement = f"ALTER TABLE {one.table} VALIDATE CONSTRAINT {quote_ident(one.name)}"
        return self._work.step(
            statement,
            "weak_scan",
            undo=statement,  # nothing leads back, and nothing has to
            pre=that.all_of(that.constraint(one.table, one.name)),
            post=that.all_of(that.constraint(one.table, one.name, valid=True)),
            on=self._work.picture.by_oid.get(one.table_oid),
            effort="scan",
        )

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
            if constraint.table_oid == relation.oid:
                constraint.columns = tuple(self._second.number if key == number else key for key in constraint.columns)
            if constraint.referenced_oid == relation.oid:
                constraint.referenced_columns = tuple(
                    self._second.number if key == number else key for key in constraint.referenced_columns
                )
        for name in names | {name for _, name in self._constraints}:
            self._work.picture.release(relation.schema, "relation", name)
            self._work.picture.release(relation.schema, "constraint", name)


def _default(column: Column) -> str:
    """The default as it was under the old type: a bare string, which a text before gave, is of that type."""
    value = parsed(f"SELECT {column.default}").target_list[0].res_target.val
    if value.WhichOneof("node") != "a_const" or value.a_const.WhichOneof("val") != "sval":
        return str(column.default)
    kind = _LENGTH.sub("", column.type)
    return f"{column.default}::{'bpchar' if kind == 'character' else kind}"
