"""Quoting of names and texts as PostgreSQL reads them back, without a driver: where SQL text is generated or shown.

Where SQL is only executed and not shown, `psycopg.sql` composes it just as well.
"""

from __future__ import annotations

import re

from postai.errors import UsageError

_PLAIN = re.compile(r"[a-z_][a-z0-9_]*")

# Every key word that is not unreserved in PostgreSQL 14 to 18 (`pg_get_keywords()`, catcode <> 'U'); the tests
# compare them with each server's.
_KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both
    case cast char character check coalesce collate collation column concurrently constraint create cross
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect
    interval into is isnull join json json_array json_arrayagg json_exists json_object json_objectagg
    json_query json_scalar json_serialize json_table json_value lateral leading least left like limit
    localtime localtimestamp merge_action national natural nchar none normalize not notnull null nullif
    numeric offset on only or order out outer overlaps overlay placing position precision primary real
    references returning right row select session_user setof similar smallint some substring symmetric
    system_user table tablesample then time timestamp to trailing treat trim true union unique user using
    values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement xmlexists
    xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable
    """,
    )
)


def quote_ident(name: str) -> str:
    """A name as an identifier, quoted where it must be: `orders` stays, `Order` gives `"Order"`.

    Raises:
        UsageError: an empty name or one with a NUL character, which PostgreSQL cannot have.
    """
    if not name:
        raise UsageError("an identifier cannot be empty")
    if "\0" in name:
        raise UsageError("an identifier cannot hold a NUL character")
    if _PLAIN.fullmatch(name) and name not in _KEYWORDS:
        return name
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """A schema-qualified name, each part quoted where it must be."""
    return f"{quote_ident(schema)}.{quote_ident(name)}"


def quote_literal(text: str) -> str:
    """A text as a string literal that reads the same whatever `standard_conforming_strings` is.

    Raises:
        UsageError: a NUL character, which PostgreSQL cannot store in text.
    """
    if "\0" in text:
        raise UsageError("a text cannot hold a NUL character")
    quoted = "'" + text.replace("'", "''") + "'"
    return " E" + quoted.replace("\\", "\\\\") if "\\" in quoted else quoted
