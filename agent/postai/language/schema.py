"""What a person means by a table: its words, its key, the column that names a row, the column that dates a row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from postai.database.catalog import Catalog, Column, ColumnName, Table
from postai.language import computed
from postai.language.abbreviations import ABBREVIATIONS, IDENTIFIER_WORDS
from postai.language.epochs import as_moment, epoch_unit, real_name
from postai.language.identifiers import Segmenter, pieces, shared_prefix, stands_for
from postai.language.json_keys import json_keys, parts
from postai.language.known_joins import DirectedJoin
from postai.language.vocabulary import (
    CREATION_DATE_WORDS,
    EVENT_DATE_WORDS,
    EVENT_NOUNS,
    MONEY_WORDS,
)
from postai.language.word_set import word_set
from postai.language.words import stem

ColumnKind = Literal[
    "number", "text", "date", "timestamp", "timestamptz", "time", "interval", "boolean", "enum", "json", "array",
    "other",
]  # fmt: skip

_NOT_EVENTS = word_set("""
    updated update modified modify deleted delete expiry expire expires expiration birth born changed edited end
    ended finish finished due archived last until to valid dob
    """)
_ID_WORDS = frozenset({"id", "uuid", "key", "guid"})
_LABELS = (
    ("name",), ("full", "name"), ("title",), ("label",), ("display", "name"), ("username",), ("user",
    "name"), ("email",),
    ("company",),
    ("company", "name"),
    ("caption",),
    ("headline",),
    ("company",), ("company", "name"), ("caption",), ("headline",), ("subject",), ("sku",), ("code",),
    ("symbol",), ("reference",), ("number",),
)  # fmt: skip
_WEIGHED = frozenset({"kg", "ton", "lb", "km", "ml", "kwh", "liter", "litre", "usd", "eur", "gbp", "percent"})
_USUAL_NAMES = frozenset({"common", "official", "display", "public", "preferred", "short"})


@dataclass(frozen=True, slots=True)
class ColumnInfo:
    """One column as language sees it.

    Attributes:
        table: index of its table.
        words: singular words of its name, prefixes shared by the whole table left out.
        own: `words` without the table's own words in front ("customer name" of table customers → name).
        is_key: part of the primary key, or unique by itself.
        is_id: an identifier to no person's interest (id, customer_id, uuid).
        refers: it is part of a foreign key.
    """

    table: int
    column: Column
    kind: ColumnKind
    words: tuple[str, ...]
    own: tuple[str, ...]
    is_key: bool
    is_id: bool
    refers: bool

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def is_date(self) -> bool:
        return self.kind in ("date", "timestamp", "timestamptz")

    @property
    def money(self) -> bool:
        """Whether it holds an amount of money, by its name and type."""
        return self.kind == "number" and not self.is_id and bool(MONEY_WORDS & set(self.words))


@dataclass(frozen=True, slots=True)
class TableInfo:
    """One table as language sees it.

    Attributes:
        index: position in the lexicon.
        words: singular words of its name, prefixes shared by all tables left out.
        labels: columns that name a row for a person (name; first and last name), () = none.
        key: primary key, or the one column that is evidently unique.
        key_certain: whether that key is declared.
        event_date: column of the moment a row is about; None = none or several.
        creation_date: column of the moment a row was made.
        is_event: rows are things that happened, so "orders last month" means the event date.
        real: for a role (roles.py), the table whose rows play it; `by` is the key that says so, of the table `holder`
            (the same one, for a key to itself), `part` what the rows that have it are called, and `root` tells that
            only rows without it play the role.
    """

    index: int
    table: Table
    words: tuple[str, ...]
    columns: tuple[ColumnInfo, ...]
    labels: tuple[str, ...]
    key: tuple[str, ...]
    key_certain: bool
    event_date: str | None
    creation_date: str | None
    is_event: bool
    real: int | None = None
    holder: int | None = None
    by: str = ""
    part: str = ""
    root: bool = False

    def column(self, name: str) -> ColumnInfo:
        """A column by name, also one that is computed from others (language/computed.py)."""
        if (formula := computed.formula(name)) is not None:
            left = self.column(formula.left)
            made = computed.column(formula, left, self.column(formula.right) if formula.right else None)
            words = tuple(computed.output_name(formula).split("_"))
            return ColumnInfo(self.index, made, column_kind(made), words, words, False, False, False)
        return next(column for column in self.columns if name in (column.name, real_name(column.name)))

    @property
    def title(self) -> str:
        """The table's name for people; a role is named behind it."""
        return self.table.name if self.real is None else f"{self.table.name} ({' '.join(self.words)})"

    @property
    def noun(self) -> str:
        """What one row is called."""
        return " ".join(self.words)


def column_kind(column: Column) -> ColumnKind:
    """The family of a column's type."""
    if column.enum_labels or column.base_type == "enum":
        return "enum"
    if column.base_type in ("json", "jsonb"):
        return "json"
    if column.type_category == "A":
        return "array"
    if column.base_type in ("date", "timestamp", "timestamptz"):
        return column.base_type  # type: ignore[return-value]
    if column.base_type in ("time", "timetz"):
        return "time"
    if column.base_type == "interval":
        return "interval"
    return {"N": "number", "S": "text", "B": "boolean"}.get(column.type_category, "other")  # type: ignore[return-value]


def read_tables(catalog: Catalog, joins: tuple[DirectedJoin, ...] = ()) -> tuple[TableInfo, ...]:
    """The tables a question can be about: partitions and what extensions own are left out.

    Args:
        joins: what is known beside foreign keys.
    """
    kept = [
        table
        for table in catalog.tables
        if table.kind != "partition"
        and not (table.kind == "partitioned" and table.parent_oid)
        and not table.extension
        and table.columns
    ]
    segmenter, prefixes = _segmenter(kept)
    told = {join.child for join in joins if not join.many}
    return tuple(_table(index, table, segmenter, prefixes[table.schema], told) for index, table in enumerate(kept))


def _segmenter(tables: list[Table]) -> tuple[Segmenter, dict[str, str]]:
    """What splits the catalog's names, and the prefix of the tables of each schema.

    A prefix of the columns of one table stands for that table in the columns of others ("gst" in bkgGstId).
    """
    names = [table.name for table in tables] + [column.name for table in tables for column in table.columns]
    plain = Segmenter(names)
    prefixes = {
        schema: shared_prefix([table.name for table in tables if table.schema == schema], plain.splits)
        for schema in {table.schema for table in tables}
    }
    aliases: dict[str, tuple[str, ...]] = {}
    for table in tables:
        if len(table.columns) < 3:
            continue
        own = shared_prefix([column.name for column in table.columns], plain.splits).strip("_")
        if len(own) > 1 and own not in IDENTIFIER_WORDS and own.isalpha():
            meant = plain.words(table.name, prefixes[table.schema], table.comment)
            aliases[own] = () if own in aliases else meant
            bare = own.removeprefix(prefixes[table.schema])
            if len(bare) > 1 and bare != own and bare not in ABBREVIATIONS and bare not in IDENTIFIER_WORDS:
                aliases[bare] = () if bare in aliases else meant
                names += [f"{bare}_{column.name.lower()[len(own) :]}" for column in table.columns[:1]]
    for table in tables:
        for own, word in plain.spelled_out(table.name, table.comment):
            aliases.setdefault(own, (word,))
        words = plain.words(table.name, prefixes[table.schema], table.comment)
        if (short := _short_of(table, words)) is not None:
            meant = (*words, "id") if short == words[0][0] + "id" else words
            aliases[short] = () if aliases.get(short, meant) != meant else meant
    kept = {own: words for own, words in aliases.items() if words and words != (own,)}
    return (Segmenter(names, kept) if kept else plain), prefixes


def _short_of(table: Table, words: tuple[str, ...]) -> str | None:
    """`req_id`, the first column of requests: what its own columns, and those that refer to it, call the table."""
    found = pieces(table.columns[0].name)
    if found == (words[0][0] + "id",):
        return found[0]  # `eid` of episodes
    if len(found) != 2 or found[1] != "id" or not 2 <= len(found[0]) <= 5 or found[0] in words:
        return None
    short = found[0]
    initials = len(words) > 1 and short == "".join(word[0] for word in words)
    letters = iter(words[-1])
    inside = len(short) > 2 and short[0] == words[-1][0] and all(letter in letters for letter in short)
    return short if initials or inside or stands_for(short, words[-1:]) is not None else None


def _table(index: int, table: Table, segmenter: Segmenter, prefix: str, told: set[ColumnName]) -> TableInfo:
    words = segmenter.words(table.name, prefix, table.comment)
    while len(words) > 1 and words[0] in ("tbl", "tb", "t", "dim", "fact", "fct", "app", "vw"):
        words = words[1:]
    referring = {name for key in table.foreign_keys for name in key.columns}
    referring |= {c.name for c in table.columns if told and _points(table, c, told)}
    mine = [column.name for column in table.columns if column.name not in referring]
    own_prefix = shared_prefix(mine, segmenter.splits)
    columns = tuple(_column(index, column, table, words, segmenter, own_prefix, referring) for column in table.columns)
    keys = tuple(_json_key(info, column, segmenter) for info in columns for column in json_keys(info.column))
    key, certain = _key(table, columns)
    event = _event_date(words, columns)
    creation = _first_date(columns, CREATION_DATE_WORDS)
    return TableInfo(
        index, table, words, (*columns, *keys), _labels(words, columns), key, certain, event, creation,
        _is_event(words, columns, event),
    )  # fmt: skip


def _points(table: Table, column: Column, told: set[ColumnName]) -> bool:
    """Whether a known join makes the column a reference: texts that mean something by themselves stay texts."""
    if ColumnName(table.schema, table.name, column.name) not in told or (column.name,) == table.primary_key:
        return False
    return column.type_category != "S" or column.name.lower().endswith(("id", "key", "uuid"))


def _column(
    index: int, column: Column, table: Table, table_words: tuple[str, ...], segmenter: Segmenter, prefix: str,
    referring: set[str],
) -> ColumnInfo:  # fmt: skip
    words = segmenter.words(column.name, prefix, column.comment)
    if len(words) == 1 and column_kind(column) == "boolean":
        words = _led(words[0])
    unit = None if column.name in referring or column.name in table.primary_key else epoch_unit(column)
    if unit is not None:
        column = as_moment(column, unit)
    own = words
    for size in range(len(table_words), 0, -1):
        lead = table_words[-size:]
        if len(words) > size and words[:size] == lead and not _WEIGHED & set(words[size : size + 1]):
            own = words[size:]
            break
    unique = table.primary_key == (column.name,) or (column.name,) in table.unique
    is_id = words[-1] in _ID_WORDS or (column.name in referring and words[-1] not in ("name", "code", "email"))
    is_key = unique or column.name in table.primary_key
    return ColumnInfo(index, column, column_kind(column), words, own, is_key, is_id, column.name in referring)


def _led(word: str) -> tuple[str, ...]:
    """ "hascrane": what is true or false, behind the verb that it is folded with."""
    found = re.fullmatch(r"(has|is|was|can)([a-z]{4,})", word)
    return found.groups() if found is not None and word not in IDENTIFIER_WORDS else (word,)


def _json_key(parent: ColumnInfo, column: Column, segmenter: Segmenter) -> ColumnInfo:
    words = segmenter.words((parts(column.name) or ("", column.name, ""))[1]) or ("key",)
    return ColumnInfo(parent.table, column, column_kind(column), words, words, False, words[-1] in _ID_WORDS, False)


def _key(table: Table, columns: tuple[ColumnInfo, ...]) -> tuple[tuple[str, ...], bool]:
    if table.primary_key:
        return table.primary_key, True
    for unique in table.unique:
        return unique, True
    for column in columns:
        if (
            looks_unique(column.column)
            and column.column.number == 1
            and (column.own[-1] in _ID_WORDS or column.own in (("no",), ("number",), ("code",)))
        ):
            return (column.name,), False
    first = columns[0]
    if looks_unique(first.column) and first.name.endswith("id"):
        return (first.name,), False
    for column in columns[:2]:
        if column.own in (("id",), ("uuid",), ("key",)) and not _one_of_two(column, columns):
            return (column.name,), False
    return (), False


def _one_of_two(column: ColumnInfo, columns: tuple[ColumnInfo, ...]) -> bool:
    """Whether it is half of the key of a linking table: `genre_id` of a `track_genre` that has a `track_id` too."""
    statistics = column.column.statistics
    if statistics is not None and statistics.n_distinct not in (-1, 0):
        return True
    others = [one for one in columns if one is not column and one.words[-1] in _ID_WORDS]
    return column.words != column.own and bool(others) and len(columns) <= 4 and statistics is None


def looks_unique(column: Column) -> bool:
    """Whether ANALYZE saw no value twice."""
    return column.statistics is not None and column.statistics.n_distinct == -1 and column.statistics.null_fraction == 0


def _labels(words: tuple[str, ...], columns: tuple[ColumnInfo, ...]) -> tuple[str, ...]:
    texts = [column for column in columns if column.kind == "text" and not column.is_id]
    for wanted in _LABELS[:2]:
        for column in texts:
            if column.own == wanted:
                return (column.name,)
    first = next((c for c in texts if c.words in (("first", "name"), ("given", "name"), ("forename",))), None)
    last = next((c for c in texts if c.words in (("last", "name"), ("surname",), ("family", "name"))), None)
    if first and last:
        return (first.name, last.name)
    for wanted in _LABELS[2:]:
        for column in texts:
            if column.own == wanted:
                return (column.name,)
    for column in texts:
        if column.own == words or (len(column.own) == 2 and column.own[1] == "name" and column.own[0] == words[-1]):
            return (column.name,)
    names = [column for column in texts if column.words[-1] == "name" and not column.refers]
    usual = [column for column in names if column.words[0] in _USUAL_NAMES]
    names = usual if len(usual) == 1 else names
    return (names[0].name,) if len(names) == 1 else ()


def _first_date(columns: tuple[ColumnInfo, ...], wanted: tuple[str, ...]) -> str | None:
    for phrase in wanted:
        for column in columns:
            if column.is_date and phrase in " ".join(column.words) and not _NOT_EVENTS & set(column.words):
                return column.name
    return None


def _event_date(words: tuple[str, ...], columns: tuple[ColumnInfo, ...]) -> str | None:
    dates = [column for column in columns if column.is_date and not _NOT_EVENTS & set(column.words)]
    if len(dates) == 1:
        return dates[0].name
    stems = {stem(word) for word in words}
    named = [column for column in dates if stem(column.words[0]) in stems]
    if len(named) == 1:
        return named[0].name
    certain = [column for column in dates if column.column.not_null]
    if len(certain) == 1:
        return certain[0].name
    dates = certain or dates
    for phrase in EVENT_DATE_WORDS:
        matching = [column for column in dates if f" {phrase} " in f" {' '.join(column.words)} "]
        if len(matching) == 1:
            return matching[0].name
        if matching and phrase != "date" and phrase != "at":
            return matching[0].name
    return None


def _is_event(words: tuple[str, ...], columns: tuple[ColumnInfo, ...], event: str | None) -> bool:
    if any(one.is_date and one.name == event and one.words == (*words, "date") for one in columns):
        return True  # gift_date of gifts
    if event is None:
        return False
    if words[-1] in EVENT_NOUNS or "_".join(words) in EVENT_NOUNS:
        return True
    date_words = set(next(column for column in columns if column.name == event).words)
    made = date_words & {
        "created",
        "registered",
        "joined",
        "signup",
        "signed",
        "added",
        "join",
        "registration",
        "inserted",
        "acquired",
        "hired",
        "opened",
    }
    return not made and sum(column.refers for column in columns) >= 2
