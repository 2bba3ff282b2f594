"""The part of the catalog that a model needs for one question, as compact text of a bounded size.

The text is deterministic: the same catalog gives the same bytes, so that a provider's prompt cache can serve it. When
the whole catalog does not fit, the tables are chosen by the words that they share with the question.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from postai.database.catalog import Catalog, Column, Table
from postai.model.blocks import escape, one_line, visible
from postai.model.prices import estimate_tokens

COMMENT_LENGTH = 240
VALUE_LENGTH = 40
MOST_VALUES = 12
MOST_LABELS = 40
FEW_VALUES = 50
MISFITS = 20
"""So many tables in a row that do not fit end the search for more."""

NEIGHBOUR = 0.35
"""Share of a table's likelihood that a table with a foreign key to or from it gains."""

PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")
WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_a-zA-Z]+")
SHORT_TYPES = {
    "timestamp with time zone": "timestamptz",
    "timestamp without time zone": "timestamp",
    "time without time zone": "time",
    "double precision": "float8",
    "character varying": "varchar",
    "boolean": "bool",
}
# Words that say nothing about which table is meant.
COMMON_WORDS = """
a all an and any are as at average be been by count did do does each every find first for from get give had has have
how i id in is it its last least list many me more most much number of on or our over per return same show than that
the their them there these they this those to top total up was we were what when where which who whose why with
without you
"""
COMMON = frozenset(COMMON_WORDS.split())


@dataclass(frozen=True)
class SchemaContext:
    """What is told about the database.

    Attributes:
        text: one paragraph for each table, not yet fenced.
        tables: how many tables it holds.
        left_out: how many readable tables it does not hold.
    """

    text: str
    tables: int
    left_out: int


def schema_context(catalog: Catalog, question: str, *, budget: int, share_values: bool = False) -> SchemaContext:
    """Describe the tables, the likeliest ones when not all fit.

    Args:
        catalog: what the caller may read.
        question: decides which tables come first when there are too many.
        budget: tokens that the text may have, estimated on the high side.
        share_values: whether the most common values of columns may be in it (never those of tables with row security,
            whose rows are not for everybody).
    """
    tables = [table for table in catalog.tables if table.kind != "partition" and _sayable(table)]
    chosen: dict[int, str] = {}
    room, misfits = budget, 0
    for table in _ranked(tables, question):
        if misfits == MISFITS:
            break
        text = describe(table, share_values=share_values and not table.row_security)
        cost = estimate_tokens(escape(text)) + 1
        if cost <= room:
            chosen[table.oid] = text
            room -= cost
            misfits = 0
        else:
            misfits += 1
    texts = [chosen[table.oid] for table in tables if table.oid in chosen]
    return SchemaContext("\n\n".join(texts), len(texts), len(tables) - len(texts))


def describe(table: Table, *, share_values: bool = False) -> str:
    """One table as text: a line for the table, each column, each key and each check."""
    kind = {"partitioned": "table", "partition": "table", "matview": "materialized view", "foreign": "foreign table"}
    rows = f" ({_rounded(table.row_estimate)} rows)" if table.row_estimate is not None else ""
    head = f"{kind.get(table.kind, table.kind)} {_path(table.schema, table.name)}{rows}{_comment(table.comment)}"
    lines = [head]
    lines += [_column(column, share_values=share_values) for column in table.columns if _printable(column.name)]
    if table.primary_key:
        lines.append(f"  primary key ({_names(table.primary_key)})")
    lines += [f"  unique ({_names(columns)})" for columns in table.unique]
    for key in table.foreign_keys:
        target = f"{_path(key.schema, key.table)} ({_names(key.referenced_columns)})"
        lines.append(f"  foreign key ({_names(key.columns)}) references {target}")
    lines += [f"  {one_line(check.definition, COMMENT_LENGTH)}" for check in table.checks]
    return "\n".join(lines)


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
            notes.append(f"{known.n_distinct:g} distinct values")
        if share_values and known.most_common and not column.enum_labels:
            values = _values(known.most_common[:MOST_VALUES])
            notes.append(f"often {values}")
    if column.comment:
        notes.append(one_line(column.comment, COMMENT_LENGTH))
    null = " not null" if column.not_null else ""
    note = " -- " + "; ".join(notes) if notes else ""
    return f"  {_name(column.name)} {_short_type(column.type_name)}{null}{note}"


def _values(values: Iterable[str]) -> str:
    return ", ".join("'" + one_line(value, VALUE_LENGTH).replace("'", "''") + "'" for value in values)


def _ranked(tables: list[Table], question: str) -> list[Table]:
    """Likeliest first: shared words count by their rarity, and a table gains from likely tables it has a key to."""
    asked = {word for word in _words(question) if len(word) > 1 or not word.isascii()} - COMMON
    weights = {table.oid: _weights(table, asked) for table in tables}
    frequency = Counter(word for words in weights.values() for word in words)
    own = {
        table.oid: sum(_match(word, weights[table.oid], frequency, len(tables)) for word in asked) for table in tables
    }
    score = dict(own)
    for table in tables:
        for other in {key.table_oid for key in table.foreign_keys} & own.keys():
            score[table.oid] += NEIGHBOUR * own[other]
            score[other] += NEIGHBOUR * own[table.oid]
    return sorted(tables, key=lambda table: (-round(score[table.oid], 6), table.schema, table.name))


def _weights(table: Table, asked: Iterable[str]) -> dict[str, float]:
    """The table's words and how much each one says about it; none when it cannot match any of the asked words."""
    texts = (
        (5.0, table.name),
        (2.0, table.comment or ""),
        (2.0, " ".join(column.name for column in table.columns)),
        (2.0, " ".join(label for column in table.columns for label in column.enum_labels)),
        (1.0, " ".join(column.comment for column in table.columns if column.comment)),
    )
    every = " ".join(text for _, text in texts).lower()
    if not any(word[:4] in every for word in asked):
        return {}
    weights: dict[str, float] = {}
    for weight, text in texts:
        for word in _words(text):
            weights[word] = max(weight, weights.get(word, 0.0))
    return weights


def _match(word: str, weights: Mapping[str, float], frequency: Mapping[str, int], total: int) -> float:
    if word in weights:
        return weights[word] * math.log(1 + total / frequency[word])
    if len(word) < 4:
        return 0.0
    near = [other for other in weights if len(other) >= 4 and (other.startswith(word) or word.startswith(other))]
    return max((0.5 * weights[other] * math.log(1 + total / frequency[other]) for other in near), default=0.0)


def _words(text: str) -> list[str]:
    return [_singular(word.lower()) for word in WORD.findall(text)]


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ses", "xes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


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
    """Two significant digits, so that the text changes seldom."""
    if rows < 10:
        return f"{rows}"
    digits = len(str(rows)) - 2
    return f"about {round(rows, -digits)}"


def _percent(share: float) -> str:
    return f"{round(share * 20) * 5} %"
