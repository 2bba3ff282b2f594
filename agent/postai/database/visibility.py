"""The part of a catalog picture that one role may know about, so that nobody's question is answered from what is hidden
from them: neither names in the model's context nor values in statistics."""

from __future__ import annotations

from dataclasses import replace

from postai.database import named_sql
from postai.database.catalog_types import Catalog, Column, ColumnName, Index, Table
from postai.database.protocol import Database
from postai.errors import NotPermitted


def visible_to(catalog: Catalog, db: Database, role: str) -> Catalog:
    """The picture reduced to the relations and columns that `role` may SELECT.

    A relation without any readable column is left out; of the others, the columns that may not be read are left out,
    and with them every key, index, check and join that mentions one. Statistics and values are dropped where row level
    security is on, because they tell values of rows that the role may not see. Foreign keys to what is left out go as
    well.

    Args:
        catalog: a picture of the database that `db` is connected to.
        db: any session in that database; the rights are asked for in one statement.
        role: name of the role.

    Raises:
        NotPermitted: there is no such role.
    """
    blocks = named_sql.load(__package__, "visibility.sql")
    if not db.query(blocks["role_exists"], (role,))[0][0]:
        raise NotPermitted(f"role {role!r} does not exist", hint="Ask as an existing role.")
    oids = [table.oid for table in catalog.tables]
    readable = {
        oid: frozenset(numbers) for oid, numbers in db.query(blocks["readable_columns"], (oids, role, role, role))
    }
    names = {
        table.oid: frozenset(column.name for column in table.columns if column.number in readable[table.oid])
        for table in catalog.tables
        if table.oid in readable
    }
    return narrowed(catalog, names)


def narrowed(catalog: Catalog, names: dict[int, frozenset[str]]) -> Catalog:
    """The picture reduced to some columns, and to what mentions no others.

    Args:
        names: the columns that stay, by the oid of their table; a table without any is left out.
    """
    return replace(
        catalog,
        tables=tuple(_reduced(table, names) for table in catalog.tables if names.get(table.oid)),
        joins=tuple(
            join
            for join in catalog.joins
            if _readable(join.left, catalog, names) and _readable(join.right, catalog, names)
        ),
    )


def _readable(name: ColumnName, catalog: Catalog, names: dict[int, frozenset[str]]) -> bool:
    table = catalog.table(name.schema, name.table)
    return table is not None and name.column in names.get(table.oid, frozenset())


def _reduced(table: Table, names: dict[int, frozenset[str]]) -> Table:
    readable = names[table.oid]
    whole = len(readable) == len(table.columns)
    return replace(
        table,
        columns=tuple(_column(column, table) for column in table.columns if column.name in readable),
        primary_key=table.primary_key if readable.issuperset(table.primary_key) else (),
        unique=tuple(columns for columns in table.unique if readable.issuperset(columns)),
        foreign_keys=tuple(
            key
            for key in table.foreign_keys
            if readable.issuperset(key.columns)
            and names.get(key.table_oid, frozenset()).issuperset(key.referenced_columns)
        ),
        # Which columns an expression mentions is not known here: without all columns, all expressions go.
        checks=table.checks if whole else (),
        indexes=table.indexes if whole else tuple(index for index in table.indexes if _plain(index, readable)),
        parent_oid=table.parent_oid if table.parent_oid in names else None,
        partition_key=table.partition_key if whole else None,
        view_definition=table.view_definition if whole else None,
    )


def _column(column: Column, table: Table) -> Column:
    return replace(column, statistics=None, values=None) if table.row_security else column


def _plain(index: Index, readable: frozenset[str]) -> bool:
    # Without a definition (the table was locked exclusively) nobody knows whether there is a predicate.
    return (
        None not in index.columns
        and index.predicate is None
        and bool(index.definition)
        and readable.issuperset(filter(None, (*index.columns, *index.included)))
    )
