"""What a wish names of the schema, its tables and columns, put in marks, so that only its own words are left."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postai.design.draft import Column, Table
from postai.design.ground import Ground
from postai.design.nouns import Noun, singular
from postai.design.spelled import written_otherwise
from postai.errors import NotSure
from postai.language.word_set import word_set

LONGEST_NAME = 4
"""Words of a table's or column's name at most."""

_TOKEN = re.compile(r"§\d+§|@[tc]\d+|\w[\w.·-]*(?:['’]s?(?=\s|$|,))?|[,;:]|->|→|=>|[<>=]+|\S")
_DETERMINERS = word_set("the a an each every all our their its his her any this that these those your my both")
_ARTICLES = _DETERMINERS - {"that", "this", "any"}
_GENERAL = word_set(
    "name type value values default index column columns table tables field number row rows list time date day one "
    "way kind order key text data case version note"
)
"""Words of wishes that name a column only where a table stands with them."""

_BEFORE = frozenset({"by", "same", "its", "their", "his", "her", "and", "or", "both", "own"})
"""Words before a general word that names a column."""
_OF = frozenset({"of", "in", "on", "for", "from", "off", "per", "to", "at"})


@dataclass
class Said:
    """A wish whose names are marks: @t0 is `tables[0]`, @c0 is `columns[0]`.

    Attributes:
        text: the words, without articles.
        raw: the words that each mark stands for.
    """

    text: str
    tables: list[Table] = field(default_factory=list)
    columns: list[tuple[Table, Column]] = field(default_factory=list)
    raw: dict[str, str] = field(default_factory=dict)


@dataclass
class _Span:
    words: list[str]
    table: Table | None = None
    places: list[tuple[Table, Column]] = field(default_factory=list)
    possessive: bool = False
    general: bool = False


def mentions(ground: Ground, text: str) -> Said | None:
    """The wish with marks; None where a name may be that of several columns."""
    spans = _spans(ground, _TOKEN.findall(text))
    tables = [one.table for one in spans if one.table is not None]
    _vague(ground, spans)
    said = Said("")
    out: list[str] = []
    at = 0
    while at < len(spans):
        one = spans[at]
        taken = 1
        place = None
        if one.places:
            place, taken = _owned(ground, spans, at, tables)
            elsewhere = any(each.table is not None for each in spans[at + 1 : at + 4])
            if place is None and len(one.places) > 1 and not one.general and not elsewhere:
                return None
        if place is not None:
            said.columns.append(place)
            out.append(f"@c{len(said.columns) - 1}")
        elif one.table is not None:
            behind = _column_behind(spans, at)
            if behind is None:
                said.tables.append(one.table)
                out.append(f"@t{len(said.tables) - 1}")
            else:
                said.columns.append(behind)
                out.append(f"@c{len(said.columns) - 1}")
                taken = 2
        else:
            out += one.words
        if out and out[-1].startswith("@"):
            said.raw[out[-1]] = " ".join(one.words)
        at += taken
    kept = [
        one
        for one, behind in zip(out, [*out[1:], ""], strict=True)
        if one.lower() not in _ARTICLES and not (one.lower() in _DETERMINERS and behind.startswith("@"))
    ]
    said.text = re.sub(
        r"(?:whole |entire |old )?table(?: of| for| called| named| with)? (?=@t)|(?<=@t\d) table\b", "", " ".join(kept)
    )
    said.text = re.sub(r"(?:column|field|attribute)s? (?=@c)|(?<=@c\d) (?:column|field|attribute)s?\b", "", said.text)
    said.text = re.sub(r"\s+,", ",", " ".join(said.text.split()))
    return said


def _column_behind(spans: list[_Span], at: int) -> tuple[Table, Column] | None:
    """The column of "customer emails", "the customer's email": the table stands before it."""
    if at + 1 >= len(spans):
        return None
    table = spans[at].table
    return next((one for one in spans[at + 1].places if one[0] is table), None)


def _owned(ground: Ground, spans: list[_Span], at: int, tables: list[Table]) -> tuple[tuple[Table, Column] | None, int]:
    """The column that a span names, and how many spans name it, its table among them."""
    places = spans[at].places
    behind = at + 1
    while behind < len(spans) and spans[behind].words[0].lower() in ("column", "field", "value", "values"):
        behind += 1
    if behind < len(spans) and spans[behind].words[0].lower() in _OF:
        behind += 1
        while behind < len(spans) and (
            spans[behind].words[0].lower() in _DETERMINERS or spans[behind].words[0].lower() == "table"
        ):
            behind += 1
        owner = spans[behind].table if behind < len(spans) else None
        found = next((one for one in places if owner is not None and one[0] is owner), None)
        if found is not None:
            return found, behind + 1 - at
    before = spans[at - 1].words[-1].lower() if at else ""
    if spans[at].table is not None or (spans[at].general and before not in _BEFORE):
        return None, 1
    near = {id(one): one for one in tables}
    chosen = [one for one in places if id(one[0]) in near]
    if not chosen and not tables:
        chosen = [one for one in places if one[0].name in (ground.last[0], ground.subject)] or places
    around = {one.words[0] for one in spans[max(0, at - 1) : at + 2] if one is not spans[at]}
    if len(places) == 1 and (not tables or (not around & {"or", ","} and _related(places[0][0], tables))):
        chosen = chosen or places
    return (chosen[0], 1) if len(chosen) == 1 else (None, 1)


def _related(table: Table, others: list[Table]) -> bool:
    """Whether the rows of one table refer to those of one of the others, or these to them."""
    return any(table.keys_to(one.name) or one.keys_to(table.name) for one in others)


def _spans(ground: Ground, tokens: list[str]) -> list[_Span]:
    spans: list[_Span] = []
    at = 0
    while at < len(tokens):
        found = None
        for size in range(min(LONGEST_NAME, len(tokens) - at), 0, -1):
            found = _named(ground, tokens[at : at + size])
            if found is not None:
                break
        spans.append(found or _Span([tokens[at]]))
        at += len(spans[-1].words)
    return spans


def _named(ground: Ground, tokens: list[str]) -> _Span | None:
    """What a row of words names, by its own words."""
    plain = [re.sub(r"['’]s?$", "", one) for one in tokens]
    if not all(re.fullmatch(r"[A-Za-z_][\w.-]*", one) for one in plain):
        return None
    if len(plain) == 1 and plain[0].count(".") == 1:
        holder, _, name = plain[0].partition(".")
        table = ground.draft.tables.get(holder)
        return _Span(tokens, places=[(table, table.columns[name])]) if table and name in table.columns else None
    words = tuple(part for one in plain for part in one.lower().split("_") if part)
    if not words or words[0] in _DETERMINERS or words[-1] in _DETERMINERS:
        return None
    words = (*words[:-1], singular(words[-1]))
    table = next(
        (one for one in ground.draft.tables.values() if one.noun == words or one.name == "_".join(plain).lower()), None
    )
    places = [
        (one, column) for one in ground.draft.tables.values() for column in [_column(one, words)] if column is not None
    ]
    if table is None and not places:
        return None
    general = len(words) == 1 and {words[0], plain[0].lower()} & _GENERAL != set() and table is None
    return _Span(tokens, table, places, tokens[-1] != plain[-1], general)


def _column(table: Table, words: tuple[str, ...]) -> Column | None:
    name = "_".join(words)
    for column in table.columns.values():
        own = column.name.split("_")
        if (
            column.name in (name, f"is_{name}", f"{table.noun[-1]}_{name}")
            or "_".join([*own[:-1], singular(own[-1])]) == name
        ):
            return column
    return None


def _vague(ground: Ground, spans: list[_Span]) -> None:
    """Columns named otherwise than they are written, where their table stands with them."""
    for at, one in enumerate(spans):
        if one.table is None:
            continue
        start = at
        while start > 0 and spans[start - 1].words[0].lower() in (*_DETERMINERS, "table"):
            start -= 1
        if start > 0 and spans[start - 1].words[0].lower() in _OF:
            _join(ground, spans, one.table, start - 2, -1)
        if at + 1 < len(spans):
            _join(ground, spans, one.table, at + 1, 1)
    named = {id(one.table): one.table for one in spans if one.table is not None}
    if not named and not any(one.places for one in spans):
        _otherwise(ground, spans)
    for table in named.values():
        for at in range(len(spans) - 1, -1, -1):
            _join(ground, spans, table, at, 1, only_otherwise=True)


def _otherwise(ground: Ground, spans: list[_Span]) -> None:
    """Columns that are written otherwise, of whichever table has the only one."""
    for at in range(len(spans) - 1, -1, -1):
        found = []
        for table in ground.draft.tables.values():
            trial = list(spans)
            _join(ground, trial, table, at, 1, only_otherwise=True)
            if at < len(trial) and trial[at] is not spans[at]:
                found.append(trial)
        if len(found) == 1:
            spans[:] = found[0]


def _join(
    ground: Ground, spans: list[_Span], table: Table, at: int, step: int, *, only_otherwise: bool = False
) -> None:
    """Join the words at a place to one span where they name a column of the table."""
    for size in (3, 2, 1):
        first, last = (at - size + 1, at) if step < 0 else (at, at + size - 1)
        if first < 0 or last >= len(spans):
            continue
        part = spans[first : last + 1]
        if any(one.places or one.table or not one.words[0][0].isalpha() for one in part):
            continue
        words = tuple(word.lower() for one in part for word in one.words)
        if words[0] in _DETERMINERS or words[-1] in _DETERMINERS or set(words) & _OF or (set(words) <= _GENERAL):
            continue
        words = (*words[:-1], singular(words[-1]))
        try:
            column = written_otherwise(table, words)
            if column is None and not only_otherwise:
                column = ground.find_column(table, words)
        except NotSure:
            continue
        if column is not None and (len(words) > 1 or len(words[0]) > 2):
            spans[first : last + 1] = [_Span(list(words), places=[(table, column)])]
            return


def key_or_column(ground: Ground, table: Table, other: Table) -> Column | None:
    """The column by which rows of a table belong to another one."""
    name = ground.key_or_column(table, Noun(other.noun))
    return table.columns[name] if name else None
