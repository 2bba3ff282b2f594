"""The DDL of drafts: whole tables, single constraints, names of constraints and indexes."""

from __future__ import annotations

import re

from postai.database.identifiers import qualified, quote_ident
from postai.design.draft import Column, Draft, IndexDraft, Rule, Table

_ENDINGS = {"check": "check", "unique": "key", "foreign": "fkey", "exclude": "excl", "primary": "pkey"}


def reference(table: Table, name: str | None = None) -> str:
    """A table's name as statements write it."""
    name = name or table.name
    return qualified(table.schema, name) if table.schema else quote_ident(name)


def columns_of(columns: tuple[str, ...]) -> str:
    """Columns in brackets without them; "at DESC" stays an order."""
    return ", ".join(
        quote_ident(one.removesuffix(" DESC")) + (" DESC" if one.endswith(" DESC") else "") for one in columns
    )


def object_name(table: Table, columns: tuple[str, ...], ending: str, taken: set[str]) -> str:
    """A name as PostgreSQL would choose it, at most 63 bytes, that is not taken."""
    base = "_".join((table.name, *(one.split()[0] for one in columns)))[: 62 - len(ending)]
    name, number = f"{base}_{ending}", 1
    while name in taken:
        name, number = f"{base[: 60 - len(ending)]}_{ending}{number}", number + 1
    taken.add(name)
    return name


def rule_name(table: Table, rule: Rule, taken: set[str]) -> str:
    """The name of a constraint."""
    return object_name(table, rule.columns if rule.kind != "primary" else (), _ENDINGS[rule.kind], taken)


def rule_text(draft: Draft, rule: Rule) -> str:
    """What follows CONSTRAINT name."""
    if rule.name is not None or rule.kind == "exclude":
        return rule.expression
    if rule.kind == "check":
        return f"CHECK ({rule.expression})"
    if rule.kind in ("unique", "primary"):
        return f"{'UNIQUE' if rule.kind == 'unique' else 'PRIMARY KEY'} ({columns_of(rule.columns)})"
    target = draft.tables[rule.target]
    action = f" ON DELETE {rule.on_delete}" if rule.on_delete and rule.on_delete != "NO ACTION" else ""
    return (
        f"FOREIGN KEY ({columns_of(rule.columns)}) REFERENCES {reference(target)} "
        f"({columns_of(rule.target_columns)}){action}"
    )


def column_text(column: Column) -> str:
    """A column of CREATE TABLE or ADD COLUMN without its constraints of other kinds."""
    if column.fixed:
        null = " NOT NULL" if column.was is not None and column.required and "IDENTITY" not in column.definition else ""
        return f"{quote_ident(column.name)} {column.definition}{null}"
    kind = column.definition if column.was is not None and column.definition.startswith(column.type) else column.type
    parts = [quote_ident(column.name), kind]
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if column.required:
        parts.append("NOT NULL")
    return " ".join(parts)


def table_text(draft: Draft, table: Table, made: set[str]) -> tuple[str, list[Rule]]:
    """CREATE TABLE of a new table, and the foreign keys that must wait until their table is there.

    Args:
        made: names of the tables that are there.
    """
    lines: list[str] = []
    waiting = [
        one for one in table.rules if one.kind == "foreign" and one.target not in made and one.target != table.name
    ]
    single: dict[str, list[Rule]] = {}
    rest: list[Rule] = []
    for rule in table.rules:
        if rule in waiting:
            continue
        if len(rule.columns) == 1 and rule.kind != "exclude":
            single.setdefault(rule.columns[0], []).append(rule)
        else:
            rest.append(rule)
    for column in table.columns.values():
        line = column_text(column)
        for rule in single.get(column.name, []):
            text = rule_text(draft, rule)
            text = re.sub(rf"^(PRIMARY KEY|UNIQUE) \({re.escape(columns_of(rule.columns))}\)$", r"\1", text)
            text = re.sub(r"^FOREIGN KEY \(.*?\) ", "", text)
            if text == "PRIMARY KEY":
                line = line.removesuffix(" NOT NULL")
            line += f" {text}"
        lines.append(line)
    lines += [rule_text(draft, rule) for rule in rest]
    return f"CREATE TABLE {reference(table)} (\n    " + ",\n    ".join(lines) + "\n)", waiting


def index_text(table: Table, index: IndexDraft, name: str, *, online: bool) -> str:
    """CREATE INDEX."""
    how = " CONCURRENTLY" if online else ""
    return f"CREATE INDEX{how} {quote_ident(name)} ON {reference(table)} ({columns_of(index.columns)})"


def in_order(tables: list[Table]) -> list[Table]:
    """Tables so that those come first which others refer to, as far as that goes."""
    left, done, found = list(tables), set(), []
    names = {one.name for one in tables}
    while left:
        ready = [
            one
            for one in left
            if all(
                rule.target in done or rule.target == one.name or rule.target not in names
                for rule in one.rules
                if rule.kind == "foreign"
            )
        ]
        step = ready or left[:1]
        for one in step:
            done.add(one.name)
            found.append(one)
            left.remove(one)
    return found
