"""From one draft to another: the statements that lead there, each with those that lead back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postai.database.identifiers import quote_ident, quote_literal
from postai.design.draft import Column, Draft, Rule, Table
from postai.design.row_statements import select, update
from postai.design.statements import (
    column_text,
    columns_of,
    in_order,
    index_text,
    object_name,
    reference,
    rule_name,
    rule_text,
    table_text,
)


@dataclass
class Difference:
    """What leads from one draft to another.

    Attributes:
        steps: statements, each with what undoes it.
        lost: what is destroyed, as sentences.
        warnings: what may fail or is filled.
        indexes: CREATE INDEX statements with their reasons.
    """

    steps: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    indexes: list[tuple[str, str]] = field(default_factory=list)

    def add(self, statement: str, *undo: str) -> None:
        """One more statement."""
        self.steps.append((statement, undo))

    @property
    def up(self) -> tuple[str, ...]:
        """The statements in order."""
        return tuple(one for one, _ in self.steps)

    @property
    def down(self) -> tuple[str, ...]:
        """What leads back, in order."""
        return tuple(each for _, undo in reversed(self.steps) for each in undo)


def difference(
    before: Draft,
    after: Draft,
    moves: list[tuple[str, tuple[str, ...]]] | None = None,
    moved: set[tuple[str, str]] | None = None,
) -> Difference:
    """The statements from `before` to `after`.

    Args:
        moves: statements that move data, with what moves it back; run when the new tables and columns are there and
            the old ones still are.
        moved: tables and columns whose values were moved elsewhere before they are dropped.
    """
    made = Difference()
    old: dict[tuple[str, str | None], Table] = {(one.schema, one.was): one for one in before.tables.values()}
    kept = [(old[one.schema, one.was], one) for one in after.tables.values() if (one.schema, one.was) in old]
    new = [one for one in after.tables.values() if one.was is None]
    stay = {(one.schema, one.was) for one in after.tables.values()}
    gone = [one for place, one in old.items() if place not in stay]
    taken = {each.name for one in before.tables.values() for each in one.rules if each.name}
    taken |= {each.name for one in before.tables.values() for each in one.indexes if each.name}
    _drop_parts(made, kept, gone)
    _rename(made, kept)
    names = {one.name for _, one in kept}
    waiting: list[tuple[Table, Rule]] = []
    for table in in_order(new):
        text, late = table_text(after, table, names)
        made.add(text, f"DROP TABLE {reference(table)}")
        if table.comment:
            made.add(f"COMMENT ON TABLE {reference(table)} IS {quote_literal(table.comment).strip()}")
        names.add(table.name)
        waiting += [(table, rule) for rule in late]
    for table, rule in waiting:
        name = rule_name(table, rule, taken)
        made.add(f"ALTER TABLE {reference(table)} ADD CONSTRAINT {quote_ident(name)} {rule_text(after, rule)}")
    for _, table in kept:
        _add_columns(made, table)
    for statement, undo in moves or ():
        made.add(statement, *undo)
    for was, table in kept:
        _alter_columns(made, was, table)
    for was, table in kept:
        _add_rules(made, after, was, table, taken)
    for was, table in kept:
        _drop_columns(made, was, table, moved or set())
    _drop_tables(made, gone)
    final: list[Table] = [*new, *(one for _, one in kept)]
    for table in final:
        for index in table.indexes:
            if index.name is None:
                name = object_name(table, index.columns, "idx", taken)
                online = table.was is not None
                text = index_text(table, index, name, online=online)
                place = f"{quote_ident(table.schema)}.{quote_ident(name)}" if table.schema else quote_ident(name)
                made.add(text, *((f"DROP INDEX CONCURRENTLY {place}",) if online else ()))
                made.indexes.append((text, index.why))
    return made


def _drop_parts(made: Difference, kept: list[tuple[Table, Table]], gone: list[Table]) -> None:
    """Constraints and indexes that end, first those that refer to others."""
    ended: list[tuple[Table, Rule]] = []
    gone_names = {one.name for one in gone}
    for was, table in kept:
        stay = {one.name for one in table.rules}
        columns = {one.was for one in table.columns.values()}
        for rule in was.rules:
            if rule.name not in stay or rule.target in gone_names or not set(rule.columns) <= columns:
                ended.append((was, rule))
    for was, rule in sorted(ended, key=lambda one: (one[1].kind != "foreign", one[1].kind == "primary")):
        place = reference(was)
        made.add(
            f"ALTER TABLE {place} DROP CONSTRAINT {quote_ident(rule.name or '')}",
            f"ALTER TABLE {place} ADD CONSTRAINT {quote_ident(rule.name or '')} {rule.expression}",
        )
    for was, table in kept:
        stay = {one.name for one in table.indexes}
        columns = {one.was for one in table.columns.values()}
        for index in was.indexes:
            if index.name not in stay or not {one for one in index.columns if one} <= columns:
                made.add(f"DROP INDEX {quote_ident(was.schema)}.{quote_ident(index.name or '')}", index.definition)


def _rename(made: Difference, kept: list[tuple[Table, Table]]) -> None:
    for was, table in kept:
        if was.name != table.name:
            made.add(
                f"ALTER TABLE {reference(was)} RENAME TO {quote_ident(table.name)}",
                f"ALTER TABLE {reference(table)} RENAME TO {quote_ident(was.name)}",
            )
        for column in table.columns.values():
            if column.was is not None and column.was != column.name:
                place, one, other = reference(table), quote_ident(column.was), quote_ident(column.name)
                made.add(
                    f"ALTER TABLE {place} RENAME COLUMN {one} TO {other}",
                    f"ALTER TABLE {place} RENAME COLUMN {other} TO {one}",
                )


def neutral(kind: str, values: tuple[str, ...] = ()) -> str:
    """A value of a type that existing rows can get where none is known."""
    if values:
        return quote_literal(values[0]).strip()
    base = kind.split("(")[0].strip()
    if base in ("smallint", "integer", "bigint", "numeric", "double precision", "real", "money"):
        return "0"
    simple = {
        "boolean": "false",
        "date": "current_date",
        "uuid": "gen_random_uuid()",
        "jsonb": "'{}'",
        "json": "'{}'",
        "inet": "'0.0.0.0'",
        "interval": "'0'",
        "bytea": "''",
    }
    if base in simple:
        return simple[base]
    if base.startswith("timestamp"):
        return "now()"
    if base.startswith("time"):
        return "'00:00'"
    if base.endswith("[]"):
        return "'{}'"
    return "''"


def _add_columns(made: Difference, table: Table) -> None:
    place = reference(table)
    for column in table.columns.values():
        if column.was is not None:
            continue
        undo = f"ALTER TABLE {place} DROP COLUMN {quote_ident(column.name)}"
        name = quote_ident(column.name)
        is_key = any(rule.kind == "foreign" and column.name in rule.columns for rule in table.rules)
        unique = any(rule.kind in ("unique", "primary") and rule.columns == (column.name,) for rule in table.rules)
        if column.required and column.default is None and not column.fixed:
            values = next((one.values for one in table.rules if one.values and one.columns == (column.name,)), ())
            if column.fill is not None:
                made.add(f"ALTER TABLE {place} ADD COLUMN {name} {column.type}", undo)
                made.add(update(place, f"{name} = {column.fill}"))
                made.add(f"ALTER TABLE {place} ALTER COLUMN {name} SET NOT NULL")
            elif is_key or unique:
                made.add(f"ALTER TABLE {place} ADD COLUMN {name} {column.type}", undo)
                column.required = False
                made.warnings.append(
                    f"{table.name}.{column.name} has no value for the rows that are there, so it may be empty at "
                    f"first; when all rows have one: ALTER TABLE {place} ALTER COLUMN {name} SET NOT NULL"
                )
            else:
                value = neutral(column.type, values)
                made.add(f"ALTER TABLE {place} ADD COLUMN {name} {column.type} DEFAULT {value} NOT NULL", undo)
                made.add(f"ALTER TABLE {place} ALTER COLUMN {name} DROP DEFAULT")
                made.warnings.append(
                    f"{table.name}.{column.name} is required and no value was given for the rows that are there: "
                    f"they get {value}; say a default if it should be another"
                )
            continue
        made.add(f"ALTER TABLE {place} ADD COLUMN {column_text(column)}", undo)
        if column.fill is not None and column.fill != column.default:
            made.add(update(place, f"{name} = {column.fill}"))


def _alter_columns(made: Difference, was: Table, table: Table) -> None:
    for column in table.columns.values():
        before = was.columns.get(column.was) if column.was else None
        if before is None:
            continue
        change = f"ALTER TABLE {reference(table)} ALTER COLUMN {quote_ident(column.name)}"
        name = quote_ident(column.name)
        if before.type != column.type:
            _retype(made, change, name, before, column, table)
        elif before.default != column.default:
            made.add(_default(change, column.default), _default(change, before.default))
        if column.required and not before.required:
            if column.default is not None or column.fill is not None:
                value = column.fill or column.default
                made.add(update(reference(table), f"{name} = {value}", where=f"{name} IS NULL"))
                made.warnings.append(f"rows of {table.name} without {column.name} get {value}; down leaves that value")
            else:
                made.warnings.append(
                    f"rows of {table.name} without {column.name} must be filled first; this counts them: "
                    + select("count(*)", reference(table), where=f"{name} IS NULL")
                )
            made.add(f"{change} SET NOT NULL", f"{change} DROP NOT NULL")
        elif before.required and not column.required:
            made.add(f"{change} DROP NOT NULL", f"{change} SET NOT NULL")
            made.warnings.append(
                f"down makes {table.name}.{column.name} required again, which fails once rows without it were written"
            )


def _retype(made: Difference, change: str, name: str, before: Column, column: Column, table: Table) -> None:
    if before.default is not None:
        made.add(f"{change} DROP DEFAULT", f"{change} SET DEFAULT {before.default}")
    made.add(
        f"{change} TYPE {column.type} USING {name}::{column.type}",
        f"{change} TYPE {before.type} USING {name}::{before.type}",
    )
    if column.default is not None:
        made.add(f"{change} SET DEFAULT {column.default}", f"{change} DROP DEFAULT")
    made.warnings.append(
        f"every row of {table.name} is written anew while its type changes; values that are no {column.type} stop it"
    )


def _default(change: str, default: str | None) -> str:
    return f"{change} DROP DEFAULT" if default is None else f"{change} SET DEFAULT {default}"


def _add_rules(made: Difference, after: Draft, was: Table, table: Table, taken: set[str]) -> None:
    there = {one.name for one in was.rules}
    place = reference(table)
    for rule in table.rules:
        if rule.name in there and rule.name is not None:
            continue
        name = rule_name(table, rule, taken)
        drop = f"ALTER TABLE {place} DROP CONSTRAINT {quote_ident(name)}"
        if rule.kind == "unique":
            index = f"{quote_ident(table.schema)}.{quote_ident(name)}" if table.schema else quote_ident(name)
            made.add(
                f"CREATE UNIQUE INDEX CONCURRENTLY {quote_ident(name)} ON {place} ({columns_of(rule.columns)})",
                f"DROP INDEX IF EXISTS {index}",
            )
            made.add(
                f"ALTER TABLE {place} ADD CONSTRAINT {quote_ident(name)} UNIQUE USING INDEX {quote_ident(name)}", drop
            )
            if all(table.columns[one].was for one in rule.columns):
                listed = columns_of(rule.columns)
                doubled = select(f"{listed}, count(*)", place, rest=f"GROUP BY {listed} HAVING count(*) > 1")
                made.warnings.append(f"doubled values stop it; this finds them: {doubled}")
        elif rule.kind in ("check", "foreign"):
            made.add(f"ALTER TABLE {place} ADD CONSTRAINT {quote_ident(name)} {rule_text(after, rule)} NOT VALID", drop)
            made.add(f"ALTER TABLE {place} VALIDATE CONSTRAINT {quote_ident(name)}")
            if rule.kind == "check" and rule.name is None and all(table.columns[one].was for one in rule.columns):
                broken = select("count(*)", place, where=f"NOT ({rule.expression})")
                made.warnings.append(f"rows that break it stop it; this counts them: {broken}")
        else:
            made.add(f"ALTER TABLE {place} ADD CONSTRAINT {quote_ident(name)} {rule_text(after, rule)}", drop)


def _drop_columns(made: Difference, was: Table, table: Table, moved: set[tuple[str, str]]) -> None:
    kept = {one.was for one in table.columns.values()}
    place = reference(table)
    for column in was.columns.values():
        if column.name in kept:
            continue
        made.add(f"ALTER TABLE {place} DROP COLUMN {quote_ident(column.name)}", *_restore(was, table, column))
        if (table.name, column.name) not in moved:
            made.lost.append(
                f"dropping {table.name}.{column.name} destroys its data: down brings the column back, its values "
                f"are lost"
            )


def _restore(was: Table, table: Table, column: Column) -> list[str]:
    """What brings a column back where rows are there."""
    place, name = reference(table), quote_ident(column.name)
    text = f"ALTER TABLE {place} ADD COLUMN {column_text(column)}"
    if column.fixed or not column.required or column.default is not None:
        return [text]
    bare = text.removesuffix(" NOT NULL")
    keys = [one for one in was.rules if one.kind == "foreign" and one.columns == (column.name,)]
    unique = any(column.name in one.columns for one in was.rules if one.kind in ("unique", "primary"))
    if keys:
        source = re.search(r"REFERENCES ([^(]+)\(([^)]+)\)", keys[0].expression)
        value = f"({select(source[2], source[1].strip(), rest='ORDER BY 1 LIMIT 1')})" if source else "0"
        return [bare, update(place, f"{name} = {value}"), f"ALTER TABLE {place} ALTER COLUMN {name} SET NOT NULL"]
    if unique:
        value = "substr(md5(ctid::text), 1, 32)" if column.type.startswith(("text", "char")) else "row_number"
        if value == "row_number":
            if column.type not in ("smallint", "integer", "bigint"):
                return [text]
            return [
                f"ALTER TABLE {place} ADD COLUMN {name} {column.type} GENERATED ALWAYS AS IDENTITY",
                f"ALTER TABLE {place} ALTER COLUMN {name} DROP IDENTITY",
            ]
        return [bare, update(place, f"{name} = {value}"), f"ALTER TABLE {place} ALTER COLUMN {name} SET NOT NULL"]
    values = next((one.values for one in was.rules if one.values and one.columns == (column.name,)), ())
    value = neutral(column.type, values)
    return [f"{bare} DEFAULT {value} NOT NULL", f"ALTER TABLE {place} ALTER COLUMN {name} DROP DEFAULT"]


def _drop_tables(made: Difference, gone: list[Table]) -> None:
    for table in reversed(in_order(gone)):
        columns = ",\n    ".join(column_text(one) for one in table.columns.values())
        place = reference(table)
        undo = [f"CREATE TABLE {place} (\n    {columns}\n)"]
        for rule in sorted(table.rules, key=lambda one: one.kind == "foreign"):
            undo.append(f"ALTER TABLE {place} ADD CONSTRAINT {quote_ident(rule.name or '')} {rule.expression}")
        undo += [one.definition for one in table.indexes]
        if table.comment:
            undo.append(f"COMMENT ON TABLE {place} IS {quote_literal(table.comment).strip()}")
        made.add(f"DROP TABLE {place}", *undo)
        made.lost.append(f"dropping {table.name} destroys its data: down brings the table back, its rows are lost")
