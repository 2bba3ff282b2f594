"""Pre- and postconditions of steps: SELECTs of one boolean over PostgreSQL's catalogs."""

# ruff: noqa: S608 - every name stands in a literal that quote_literal wrote, or is quoted already

from __future__ import annotations

from postai.database.identifiers import quote_literal


def all_of(*conditions: str | None) -> str | None:
    """One SELECT that holds when every one of the conditions does; None when there is none."""
    given = [one for one in conditions if one is not None]
    return "SELECT " + " AND ".join(given) if given else None


def negated(condition: str) -> str:
    """The opposite."""
    return f"NOT {condition}"


def relation(name: str, kinds: str = "") -> str:
    """A relation of that (qualified, quoted) name exists; `kinds` limits pg_class.relkind."""
    if not kinds:
        return f"pg_catalog.to_regclass({quote_literal(name)}) IS NOT NULL"
    listed = ", ".join(quote_literal(one) for one in kinds)
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_class AS c"
        f" WHERE c.oid = pg_catalog.to_regclass({quote_literal(name)}) AND c.relkind IN ({listed}))"
    )


def no_relation(name: str) -> str:
    """No relation of that name exists."""
    return f"pg_catalog.to_regclass({quote_literal(name)}) IS NULL"


def column(
    table: str, name: str, type_name: str | None = None, *, not_null: bool | None = None, default: bool | None = None
) -> str:
    """The table has such a column, of that type, with or without NOT NULL and a default."""
    more = ""
    if type_name is not None:
        more += f" AND pg_catalog.format_type(a.atttypid, a.atttypmod) = {quote_literal(type_name)}"
    if not_null is not None:
        more += f" AND a.attnotnull = {str(not_null).lower()}"
    if default is not None:
        more += f" AND a.atthasdef = {str(default).lower()}"
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_attribute AS a"
        f" WHERE a.attrelid = pg_catalog.to_regclass({quote_literal(table)}) AND a.attname = {quote_literal(name)}"
        f" AND NOT a.attisdropped{more})"
    )


def constraint(table: str, name: str, *, kind: str | None = None, valid: bool | None = None) -> str:
    """The table has a constraint of that name, of a kind (pg_constraint.contype), validated or not."""
    more = "" if kind is None else f" AND k.contype = {quote_literal(kind)}"
    more += "" if valid is None else f" AND k.convalidated = {str(valid).lower()}"
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_constraint AS k"
        f" WHERE k.conrelid = pg_catalog.to_regclass({quote_literal(table)})"
        f" AND k.conname = {quote_literal(name)}{more})"
    )


def valid_index(name: str, table: str | None = None) -> str:
    """An index of that name exists, is complete and used (and is of that table)."""
    more = "" if table is None else f" AND i.indrelid = pg_catalog.to_regclass({quote_literal(table)})"
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_index AS i"
        f" WHERE i.indexrelid = pg_catalog.to_regclass({quote_literal(name)}) AND i.indisvalid{more})"
    )


def child_of(child: str, parent: str) -> str:
    """A relation is a partition (or a child) of another one, or an index of its index."""
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_inherits AS h"
        f" WHERE h.inhrelid = pg_catalog.to_regclass({quote_literal(child)})"
        f" AND h.inhparent = pg_catalog.to_regclass({quote_literal(parent)}))"
    )


def trigger(table: str, name: str) -> str:
    """The table has a trigger of that name."""
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS t"
        f" WHERE t.tgrelid = pg_catalog.to_regclass({quote_literal(table)}) AND t.tgname = {quote_literal(name)})"
    )


def function(name: str) -> str:
    """A function of that (qualified, quoted) name without arguments exists."""
    return f"pg_catalog.to_regprocedure({quote_literal(name + '()')}) IS NOT NULL"


def enum_label(type_name: str, label: str) -> str:
    """The enum type (qualified, quoted) has that label."""
    return (
        "EXISTS (SELECT 1 FROM pg_catalog.pg_enum AS e"
        f" WHERE e.enumtypid = pg_catalog.to_regtype({quote_literal(type_name)})"
        f" AND e.enumlabel = {quote_literal(label)})"
    )


def no_rows(table: str, where: str) -> str:
    """No row of the table fulfils an expression."""
    return f"NOT EXISTS (SELECT 1 FROM {table} WHERE {where})"
