"""The part of the catalog that a model needs for one question, as compact text of a bounded size.

The text is deterministic, and estimates in it are rounded: the same catalog gives the same bytes, so that a provider's
prompt cache can serve it. When the whole catalog does not fit, the tables are chosen by what the question is about.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from postai.ask.finder import Found
from postai.database.catalog import Catalog, Column, ColumnName, KnownJoin, Table
from postai.model.blocks import escape, one_line, visible
from postai.model.prices import estimate_tokens

COMMENT_LENGTH = 240
VALUE_LENGTH = 40
MOST_VALUES = 12
MOST_LABELS = 40
FEW_VALUES = 50
MISFITS = 20
"""So many tables in a row that do not fit end the search for more."""

WIDE = 0.25
"""Share of the room that one table may take; of a wider one only the columns that matter most are described."""
IN_FULL = 0.5
"""Share of the room for tables with the comments and statistics of their columns; those after them do without."""
JOINS = 0.15
"""Share of the room that joins beside the foreign keys may take."""
MOST_NAMES = 150
"""Names of columns of a wide table that are listed without more."""

SOURCES = {"declared": "", "contained": " -- all values of one are in the other"}
PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
SHORT_TYPES = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time without time zone": "time",
    "double precision": "float8",
    "character varying": "varchar",
    "boolean": "bool",
}


@dataclass(frozen=True)
class SchemaContext:
    """What is told about the database.

    Attributes:
        text: one paragraph for each table, then the joins beside the foreign keys; not yet fenced.
        tables: how many tables it holds.
        left_out: how many readable tables it does not hold.
        whole: whether every table is described, so that the text is the same for every question.
    """

    text: str
    tables: int
    left_out: int
    whole: bool = True


def schema_context(
    catalog: Catalog, find: Callable[[], Found], *, budget: int, share_values: bool = False
) -> SchemaContext:
    """Describe the tables: all of them, or the likeliest ones when not all fit.

    Args:
        catalog: what the caller may read.
        find: tells what the question is about; called only when not all tables fit.
        budget: tokens that the text may have, estimated on the high side.
        share_values: whether values of columns may be in it (never those of tables with row security, whose rows are
            not for everybody).
    """
    tables = [table for table in catalog.tables if table.kind != "partition" and _sayable(table)]
    joins = _joins(catalog)
    for_joins = min(round(budget * JOINS), sum(_cost(text) for _, text in joins) + 10 * bool(joins))
    room = budget - for_joins
    every = _all(tables, room, share_values)
    chosen = every
    if chosen is None:
        chosen = _likeliest(tables, find(), room, share_values)
    texts = [chosen[table.oid] for table in tables if table.oid in chosen]
    if told := _among({(table.schema, table.name) for table in tables if table.oid in chosen}, joins, for_joins):
        texts.append("\n".join(("joins without a foreign key", *told)))
    return SchemaContext("\n\n".join(texts), len(chosen), len(tables) - len(chosen), every is not None)


def _all(tables: Sequence[Table], room: int, share_values: bool) -> dict[int, str] | None:
    """Every table's text; None when they do not fit."""
    chosen = {}
    for table in tables:
        chosen[table.oid] = describe(table, share_values=share_values)
        room -= _cost(chosen[table.oid])
        if room < 0:
            return None
    return chosen


def _likeliest(tables: Sequence[Table], found: Found, room: int, share_values: bool) -> dict[int, str]:
    """The texts of the likeliest tables: the first ones in full, then shorter; copies of a shown table in one line."""
    by_oid = {table.oid: table for table in tables}
    likely = [by_oid[oid] for oid in found.tables if oid in by_oid]
    chosen: dict[int, str] = {}
    shapes: dict[tuple[tuple[str, str], ...], str] = {}
    widest, in_full, misfits = round(room * WIDE), round(room * (1 - IN_FULL)), 0
    for table in likely:
        if misfits == MISFITS:
            break
        shape = tuple((column.name, column.type_name) for column in table.columns)
        if shape in shapes and len(shape) > 1:
            text = f"{_head(table)}\n  the same columns as {shapes[shape]}"
        elif room > in_full:
            text = describe(table, share_values=share_values)
        else:
            text = _describe_short(table)
        cost = _cost(text)
        if cost > widest:
            text = _describe_wide(table, found.columns.get(table.oid, frozenset()), widest, share_values)
            cost = _cost(text)
        if cost <= room:
            shapes.setdefault(shape, _path(table.schema, table.name))
            chosen[table.oid] = text
            room -= cost
            misfits = 0
        else:
            misfits += 1
    return chosen


def _cost(text: str) -> int:
    return estimate_tokens(escape(text)) + 1


def _joins(catalog: Catalog) -> list[tuple[KnownJoin, str]]:
    """The joins beside the foreign keys, declared ones first, then the surest."""
    ordered = sorted(catalog.joins, key=lambda one: (one.source != "declared", -one.confidence, one.left, one.right))
    return [
        (join, f"  {_full(join.left)} = {_full(join.right)}{SOURCES[join.source]}")
        for join in ordered
        if _printable(join.left.column) and _printable(join.right.column)
    ]


def _among(shown: set[tuple[str, str]], joins: Iterable[tuple[KnownJoin, str]], room: int) -> list[str]:
    """The joins between tables that are shown, as many as there is room for."""
    kept = []
    for join, text in joins:
        if {(join.left.schema, join.left.table), (join.right.schema, join.right.table)} <= shown:
            room -= _cost(text)
            if room < 0:
                break
            kept.append(text)
    return kept


def _full(name: ColumnName) -> str:
    return f"{_path(name.schema, name.table)}.{_name(name.column)}"


def stored_values(catalog: Catalog, found: Found, budget: int) -> str:
    """The stored values that a question seems to name, one a line; never of tables with row security.

    Args:
        catalog: what the caller may read.
        found: what the question is about.
        budget: tokens that the text may have.
    """
    lines: list[str] = []
    for oid, column, value in found.values:
        table = catalog.by_oid(oid)
        if table is None or table.row_security or not (_sayable(table) and _printable(column)):
            continue
        line = f"{_path(table.schema, table.name)}.{_name(column)} = {_values((value,))}"
        budget -= _cost(line)
        if budget < 0:
            break
        lines.append(line)
    return "\n".join(dict.fromkeys(lines))


def describe(table: Table, *, share_values: bool = False) -> str:
    """One table as text: a line for the table, each column, each key and each check."""
    shown = share_values and not table.row_security
    columns = [_column(column, share_values=shown) for column in table.columns if _printable(column.name)]
    return "\n".join((_head(table), *columns, *_constraints(table)))


def _describe_short(table: Table) -> str:
    """A table's name, columns and types on one line, and its keys."""
    columns = ", ".join(f"{_name(c.name)} {_short_type(c.type_name)}" for c in table.columns if _printable(c.name))
    keys = [line for line in _constraints(table) if not line.startswith("  CHECK")]
    return "\n".join((_head(table), f"  {columns}", *keys))


def _describe_wide(table: Table, asked: frozenset[str], most: int, share_values: bool) -> str:
    """A table too wide to describe: its keys and the columns asked about first, of others the names, of many none."""
    shown = share_values and not table.row_security
    keys = {*table.primary_key, *(name for key in table.foreign_keys for name in key.columns)}
    columns = [column for column in table.columns if _printable(column.name)]
    first = [column.name for column in columns if column.name in asked or column.name in keys]
    order = [*first, *(column.name for column in columns if column.name not in {*first})]
    rest = most // 2
    by_name = {column.name: column for column in columns}
    told: dict[str, str] = {}
    for name in order:
        text = _column(by_name[name], share_values=shown)
        rest -= _cost(text)
        if rest < 0:
            break
        told[name] = text
    others = [_name(column.name) for column in columns if column.name not in told]
    named = ", ".join(others[:MOST_NAMES])[: most * 3 // 4]
    if len(others) > MOST_NAMES or len(named) < len(", ".join(others)):
        named = named.rpartition(",")[0] + f" … ({len(others)} columns)"
    lines = [told[column.name] for column in columns if column.name in told]
    constraints = [line for line in _constraints(table) if not line.startswith("  CHECK")]
    return "\n".join((_head(table), *lines, f"  further columns: {named}", *constraints[:MOST_LABELS]))


def _head(table: Table) -> str:
    kind = {"partitioned": "table", "partition": "table", "matview": "materialized view", "foreign": "foreign table"}
    rows = f" ({_rounded(table.row_estimate)} rows)" if table.row_estimate is not None else ""
    return f"{kind.get(table.kind, table.kind)} {_path(table.schema, table.name)}{rows}{_comment(table.comment)}"


def _constraints(table: Table) -> list[str]:
    lines = []
    if table.primary_key:
        lines.append(f"  primary key ({_names(table.primary_key)})")
    lines += [f"  unique ({_names(columns)})" for columns in table.unique]
    for key in table.foreign_keys:
        target = f"{_path(key.schema, key.table)} ({_names(key.referenced_columns)})"
        lines.append(f"  foreign key ({_names(key.columns)}) references {target}")
    return lines + [f"  {one_line(check.definition, COMMENT_LENGTH)}" for check in table.checks]


def _column(column: Column, *, share_values: bool) -> str:
    notes = []
    if column.enum_labels:
        labels = _values(column.enum_labels[:MOST_LABELS])
        notes.append(f"one of {labels}" + (", …" if len(column.enum_labels) > MOST_LABELS else ""))
    if column.statistics is not None:
        known = column.statistics
        if known.null_fraction >= 0.05:
            notes.append(f"{_percent(known.null_fraction)} null")
        if 0 < known.n_distinct <= FEW_VALUES and not column.enum_labels:
            notes.append(f"{_rounded(round(known.n_distinct))} distinct values")
    if share_values and not column.enum_labels and (told := _known_values(column)):
        notes.append(told)
    if column.comment:
        notes.append(one_line(column.comment, COMMENT_LENGTH))
    null = " not null" if column.not_null else ""
    note = " -- " + "; ".join(notes) if notes else ""
    return f"  {_name(column.name)} {_short_type(column.type_name)}{null}{note}"


def _known_values(column: Column) -> str:
    """All values where few are known to be all, else the usual ones, in an order that does not depend on counts."""
    if column.values is not None and column.values.complete and len(column.values.values) <= MOST_VALUES:
        return f"one of {_values(sorted(column.values.values))}"
    if column.statistics is not None and column.statistics.most_common:
        return f"often {_values(sorted(column.statistics.most_common[:MOST_VALUES]))}"
    if column.values is not None and column.values.values:
        return f"for example {_values(sorted(column.values.values)[:MOST_VALUES])}"
    return ""


def _values(values: Iterable[str]) -> str:
    return ", ".join("'" + one_line(value, VALUE_LENGTH).replace("'", "''") + "'" for value in values)


def _sayable(table: Table) -> bool:
    return _printable(table.name) and _printable(table.schema)


def _printable(name: str) -> bool:
    """Whether a name survives as text: others (line breaks, control characters) are left out."""
    return visible(name) == name and "\n" not in name and "\t" not in name


def _path(schema: str, name: str) -> str:
    return f"{_name(schema)}.{_name(name)}"


def _names(names: Iterable[str]) -> str:
    return ", ".join(map(_name, names))


def _name(name: str) -> str:
    return name if PLAIN.match(name) else '"' + name.replace('"', '""') + '"'


def _short_type(name: str) -> str:
    for long, short in SHORT_TYPES.items():
        name = name.replace(long, short)
    return name


def _comment(comment: str | None) -> str:
    return f" -- {one_line(comment, COMMENT_LENGTH)}" if comment else ""


def _rounded(rows: int) -> str:
    """One significant digit, so that the text changes seldom."""
    if rows < 10:
        return f"{rows}"
    return f"about {round(rows, 1 - len(str(rows)))}"


def _percent(share: float) -> str:
    return f"{round(share * 20) * 5} %"
