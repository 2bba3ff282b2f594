"""The schema: tables and views, one of them, and a picture of those around it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from postai.observe.schema import (
    Neighbourhood,
    SchemaPage,
    Sort,
    may_read_history,
    read_neighbourhood,
    read_relations,
    read_schema,
)
from postai.observe.table import TablePage, read_table
from postai.web.room import Room
from postai.web.visit import InDatabase, Visiting

room = Room("Schema", "schema", "/schema")

Name = Annotated[str, Query(max_length=300, description="qualified, and quoted where SQL needs that: public.orders")]
Text = Annotated[str, Query(max_length=100)]


@room.see("/schema", "schema.html")
def schema(
    database: InDatabase,
    by: Visiting,
    of: Text = "",
    text: Text = "",
    sort: Sort = "size",
    first: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> SchemaPage:
    """Schemas and their tables and views, at most half a minute old, and names that hold a text."""
    history = may_read_history(database)
    relations = by.site.kept.get(("relations", by.database, history), 30.0, lambda: read_relations(database, history))
    return read_schema(database, relations=relations, schema=of, text=text.strip(), sort=sort, first=first)


@room.see("/schema/table", "table.html")
def table(database: InDatabase, name: Name) -> TablePage:
    """A table or view."""
    return read_table(database, name)


@room.see("/schema/diagram", "diagram.html")
def diagram(database: InDatabase, name: Name = "", depth: Annotated[int, Query(ge=1, le=2)] = 1) -> Neighbourhood:
    """The tables that a table refers to and is referred to by, at most 40 of them."""
    return read_neighbourhood(database, name, depth)
