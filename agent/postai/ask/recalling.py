"""Which answers of the model may be given again, and under which key they are kept.

The key holds everything that decides an answer. The day is not among it: an answer that depends on the day by more than
CURRENT_DATE is not kept at all.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from typing import Any

from google.protobuf.message import Message

from postai.ask.prompt import PROMPT
from postai.ask.types import Answer, AskOptions, AskRequest
from postai.database.catalog import Catalog
from postai.errors import Refused
from postai.sql.nodes import messages
from postai.sql.parse import parse_one

KEY_VERSION = 1

_SPACES = re.compile(r"\s+")
_NAMED = re.compile(
    r"\b(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sep(?:t(?:ember)?)?|oct(?:ober)?|"
    r"nov(?:ember)?|dec(?:ember)?|(?:mon|tues|wednes|thurs|fri|satur|sun)days?|mon|tue|wed|thu|fri|sat|sun|q[1-4])\b",
    re.IGNORECASE,
)
_WORDS = frozenset({"may", "sun", "sat", "mar"})
_YEAR = re.compile(r"(?<!\d)(?:19|20|21)\d\d(?!\d)")
_DATE = re.compile(r"(?<!\d)\d{1,4}[-/.]\d{1,2}(?:[-/.]\d{1,4})?(?!\d)")
_NUMBER = re.compile(r"\d+")
_RELATIVE = re.compile(
    r"\b(?:today|now|current(?:ly)?|this|last|past|previous|prior|ago|yesterday|tomorrow|next|recent(?:ly)?|latest|"
    r"so far|to date|ytd|mtd|since|until)\b",
    re.IGNORECASE,
)
_PART_OF_DATE = re.compile(r"month|quarter|week|dow|day|doy|year|\b(?:mm|dd|ww|iw|yyyy|yy|q|d)\b", re.IGNORECASE)


def recall_key(request: AskRequest, catalog: Catalog, options: AskOptions, model: str) -> str:
    """The name under which an answer is kept: 64 hexadecimal digits, the same for the same circumstances.

    Args:
        request: the question, who asks, what was taught.
        catalog: what the caller may read, with its values and joins.
        options: settings.
        model: model id.
    """
    values = [
        (table.oid, column.number, column.values.values, column.values.complete)
        for table in catalog.tables
        for column in table.columns
        if column.values is not None
    ]
    joins = [
        (join.left.schema, join.left.table, join.left.column, join.right.schema, join.right.table, join.right.column)
        for join in catalog.joins
    ]
    taught = request.taught
    parts = (
        KEY_VERSION, PROMPT, model, same_question(request.question), request.role, request.search_path,
        catalog.database, catalog.server_version, catalog.fingerprint, values, joins,
        [(one.term, one.meaning) for one in taught.glossary],
        [(one.question, one.sql) for one in taught.examples], taught.notes,
        options.share_values, options.second_sample, sorted(options.allowed_functions),
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, default=list).encode("ascii")).hexdigest()


def same_question(question: str) -> str:
    """The question without what makes no difference: layout, ways to write the same letters, the mark at its end."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", question)).strip(" ?.!")


def may_be_kept(answer: Answer, request: AskRequest) -> bool:
    """Whether an answer will still be right on another day: answered, and no day, month or year in it but the asked."""
    if answer.status != "answered" or answer.sql is None or answer.engine != "model":
        return False
    asked = f"{request.question} {request.taught.notes}"
    texts = (answer.explanation, *(reading.text for reading in answer.readings))
    if any(_dated(text, asked, _WORDS) for text in texts):
        return False
    return not _depends_on_day(answer.sql, asked, request.today)


def _dated(text: str, asked: str, words: frozenset[str] = frozenset()) -> bool:
    """Whether a text names a year, or a month, weekday or quarter, that the question does not.

    Args:
        words: names that are also ordinary words of such a text.
    """
    if set(_YEAR.findall(text)) - set(_YEAR.findall(asked)):
        return True
    return bool(_beginnings(text, words) - _beginnings(asked))


def _beginnings(text: str, words: frozenset[str] = frozenset()) -> set[str]:
    """The months, weekdays and quarters that a text names, by their first letters."""
    return {name[:3].lower() for name in _NAMED.findall(text) if name.lower() not in words}


def _depends_on_day(sql: str, asked: str, today: date) -> bool:
    """Whether a statement holds a constant that may come from today's date."""
    try:
        tree = parse_one(sql).tree
    except Refused:
        return True
    said = set(map(int, _NUMBER.findall(asked)))
    relative = bool(_RELATIVE.search(asked))
    for node in messages(tree):
        if node.DESCRIPTOR.name != "A_Const":
            continue
        if node.HasField("sval"):
            text = node.sval.sval
            if _dated(text, asked) or (relative and _DATE.search(text) and _YEAR.search(text)):
                return True
        elif node.HasField("ival") and _YEAR.fullmatch(str(node.ival.ival)) and node.ival.ival not in said:
            return True
    small = _numbers_of(today) - said
    return any(number in small for number in _compared_with_dates(tree))


def _numbers_of(today: date) -> set[int]:
    """Month, day, week, quarter and weekday of today, and of the units beside them."""
    _, week, weekday = today.isocalendar()
    quarter = (today.month + 2) // 3
    near = {number + step for number in (today.month, today.day, week, quarter, weekday) for step in (-1, 0, 1)}
    return near | {weekday % 7, 1, 4, 12, today.timetuple().tm_yday}


def _compared_with_dates(tree: Message) -> Iterator[int]:
    """Whole numbers that stand in a comparison with a part of a date ("extract(month from at) = 3")."""
    for node in messages(tree):
        if node.DESCRIPTOR.name != "A_Expr":
            continue
        inside = list(messages(node))
        if not any(_PART_OF_DATE.search(name) for name in _names(inside)):
            continue
        for one in inside:
            if one.DESCRIPTOR.name != "A_Const":
                continue
            if one.HasField("ival"):
                yield one.ival.ival
            elif one.HasField("sval") and one.sval.sval.isdecimal():
                yield int(one.sval.sval)


def _names(nodes: list[Any]) -> Iterator[str]:
    """Names of columns and functions, and texts, among the nodes of an expression."""
    for node in nodes:
        if node.DESCRIPTOR.name == "String":
            yield node.sval
