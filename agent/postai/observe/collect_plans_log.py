"""Finding what auto_explain wrote among the bytes of a server's log (stderr, csvlog, jsonlog).

Everything in a log may have been put there by a stranger, in any encoding and of any depth, so a record that is not
exactly what auto_explain writes is passed over without a word. Nothing is sent to a server.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

LogFormat = Literal["jsonlog", "csvlog", "stderr"]
LONGEST_RECORD = 1 << 20
"""Bytes of a record beyond which it is passed over."""
_MARK = b" ms  plan:"
_MESSAGE = re.compile(r"duration: (\d{1,12}\.\d{1,6}) ms  plan:\n(.*)", re.DOTALL)
_FIRST_LINE = re.compile(r"(?:\w{5}: )?(duration: [\d.]+ ms  plan:)")
_SEVERITY = r"[^\s:]+"  # in the server's language
_END_OF_SEVERITY = ":  "
_RECORD_OF_CSV = re.compile(rb"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} [^,\n]{1,20},", re.MULTILINE)
_USER, _DATABASE, _MESSAGE_AT, _CONTEXT, _STATEMENT, _QUERY_ID = 1, 2, 13, 18, 19, 25
"""Columns of csvlog, from PostgreSQL 14 on."""
_ESCAPE = re.compile(r"%(-?\d*)([A-Za-z%])")
_FREE = ".{0,70}"
"""What a stranger may have chosen."""
_ESCAPES = {
    "m": r"[\d-]+ [\d:.]+ \S+", "t": r"[\d-]+ [\d:]+ \S+", "s": r"[\d-]+ [\d:]+ \S+", "n": r"[\d.]+", "p": r"\d+",
    "P": r"\d*", "l": r"\d+", "c": r"[\da-f.]+", "x": r"\d+", "v": r"[\d/]*", "e": r"\w{5}", "Q": r"-?\d+",
    "r": r"\S*", "h": r"\S*", "L": r"\S*",
}  # fmt: skip
"""What the escapes of log_line_prefix write, where nobody chooses it."""


@dataclass(frozen=True)
class LoggedRun:
    """One run of a statement as auto_explain wrote it.

    Attributes:
        duration_ms: how long it ran.
        document: what auto_explain wrote as JSON: "Query Text", "Plan", ...
        user: name.
        queryid: of the statement that the client sent, which may have called this one; None = the log does not say.
    """

    duration_ms: float
    document: Mapping[str, Any]
    user: str
    queryid: int | None


@dataclass(frozen=True)
class LogPart:
    """What a part of a log holds.

    Attributes:
        consumed: bytes up to the end of the last record that is complete.
        as_text: plans that were written as text, which cannot be read.
    """

    runs: tuple[LoggedRun, ...]
    consumed: int
    as_text: int


@dataclass(frozen=True)
class _Record:
    """A record of a log; `statement` is that of the client, which auto_explain hides: it is in the plan."""

    message: str
    database: str | None
    user: str | None
    queryid: int | None
    context: str = ""
    statement: str = ""


def names_its_origin(line_prefix: str) -> bool:
    """Whether log_line_prefix tells who ran a statement, and in which database, before the severity."""
    return {"u", "d"} <= {one[2] for one in _ESCAPE.finditer(line_prefix)} and _END_OF_SEVERITY not in line_prefix


def read_log(
    log_format: LogFormat, part: bytes, line_prefix: str, database: str, *, statements_told: bool = True
) -> LogPart:
    """The plans of a database in a part of a log.

    What a function wrote with RAISE LOG (or any other message) is told from what auto_explain wrote by the client's
    statement, which the server writes beside every message (log_min_error_statement) but those of auto_explain. Lines
    in the format stderr do not show it: there a message is only known to be of the user and the database it names.

    Args:
        part: begins where a line does; where no record does, what comes before the next record is passed over.
        line_prefix: setting log_line_prefix, for stderr; without %u and %d no line is used.
        database: its name.
        statements_told: whether log_min_error_statement lets statements be written beside messages; where it does
            not, what has a context is passed over, as it may have been raised.
    """
    split: Callable[[bytes, list[int]], Iterator[_Record]]
    if log_format == "jsonlog":
        split = _json_records
    elif log_format == "csvlog":
        split = _csv_records
    else:
        patterns = [re.compile(f"{one}{_SEVERITY}", re.DOTALL) for one in prefix_patterns(line_prefix, database)]

        def split(part: bytes, consumed: list[int]) -> Iterator[_Record]:
            return _stderr_records(part, consumed, patterns)

    consumed = [0]
    runs, as_text = [], 0
    for record in split(part, consumed):
        found = _MESSAGE.fullmatch(record.message)
        if found is None or record.user is None or record.database != database:
            continue  # auto_explain looks at processes that serve a client
        if record.statement or (record.context and not statements_told):
            continue
        document = _document(found[2])
        if document is not None:
            runs.append(LoggedRun(float(found[1]), document, record.user, record.queryid))
        elif found[2].startswith("Query Text:"):
            as_text += 1
    return LogPart(tuple(runs), consumed[0], as_text)


def parsed(text: str) -> Any:
    """A JSON document of a stranger; None for what is none, is too deep, or has numbers that JSON has not."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> None:
    raise ValueError(name)


def _document(text: str) -> Mapping[str, Any] | None:
    found = parsed(text) if text.startswith("{") else None
    return found if isinstance(found, dict) and isinstance(found.get("Plan"), dict) else None


# The formats ----------------------------------------------------------------------------------------------------


def _json_records(part: bytes, consumed: list[int]) -> Iterator[_Record]:
    consumed[0] = part.rfind(b"\n") + 1
    for line in part[: consumed[0]].split(b"\n"):
        text = _text(line) if _MARK in line else None
        found = parsed(text) if text else None
        if isinstance(found, dict) and isinstance(found.get("message"), str):
            yield _Record(
                found["message"], _name(found.get("dbname")), _name(found.get("user")), _queryid(found.get("query_id")),
                str(found.get("context", "")), str(found.get("statement", "")),
            )  # fmt: skip


def _csv_records(part: bytes, consumed: list[int]) -> Iterator[_Record]:
    begin = _RECORD_OF_CSV.search(part)
    if begin is None:
        consumed[0] = len(part) if len(part) > LONGEST_RECORD else 0
        return
    start = at = begin.start()
    quotes = 0
    while (end := part.find(b"\n", at)) >= 0:
        quotes += part.count(b'"', at, end)
        at = end + 1
        if quotes % 2:
            continue  # the line ends within a value
        record, start, quotes = part[start:end], at, 0
        text = _text(record) if _MARK in record else None
        if text:
            values = _values(text)
            if len(values) > _QUERY_ID:
                yield _Record(
                    values[_MESSAGE_AT], values[_DATABASE] or None, values[_USER] or None, _queryid(values[_QUERY_ID]),
                    values[_CONTEXT], values[_STATEMENT],
                )  # fmt: skip
    consumed[0] = start


def _values(record: str) -> list[str]:
    """The values of a record of csvlog; none where one is longer than the reader takes (128 kB)."""
    try:
        return next(csv.reader(io.StringIO(record, newline="")), [])
    except csv.Error:
        return []


def _stderr_records(part: bytes, consumed: list[int], patterns: Sequence[re.Pattern[str]]) -> Iterator[_Record]:
    """Lines of a record after its first one begin with a tab, whatever a stranger put in them."""
    end = part.rfind(b"\n") + 1
    lines = part[:end].split(b"\n")[:-1]
    at = 0
    head: list[bytes] = []
    open_at = 0
    for line in lines:
        if head and line.startswith(b"\t"):
            head.append(line[1:])
            if line == b"\t}":
                if (record := _stderr_record(head, patterns)) is not None:
                    yield record
                head = []
        else:
            if head and (record := _stderr_record(head, patterns)) is not None:
                yield record  # as text, or not whole
            head = [line] if _MARK in line and not line.startswith(b"\t") else []
            open_at = at
        at += len(line) + 1
    consumed[0] = open_at if head and end - open_at < LONGEST_RECORD else end


def _stderr_record(lines: list[bytes], patterns: Sequence[re.Pattern[str]]) -> _Record | None:
    """The message has to begin where the first severity of the line ends: what comes later may be anybody's text."""
    head, _, said = lines[0].decode(errors="replace").partition(_END_OF_SEVERITY)
    first = _FIRST_LINE.fullmatch(said)
    text = _text(b"\n".join((first[1].encode(), *lines[1:]))) if first else None
    found = [one.fullmatch(head) for one in patterns] if text else []
    read = [{key: (value or "").strip() for key, value in one.groupdict().items()} for one in found if one is not None]
    if text is None or not read or read.count(read[0]) < len(patterns):
        return None  # or it can be read in more than one way
    return _Record(text, _name(read[0].get("d")), _name(read[0].get("u")), _queryid(read[0].get("Q")))


def prefix_patterns(line_prefix: str, database: str) -> tuple[str, str]:
    """What log_line_prefix writes in a database, with groups u (user), d (database) and Q (query identifier).

    What follows %q is missing in lines of processes that serve no client. Two expressions, of which one takes as little
    as can be for each name that a stranger chooses, the other as much: where they differ, the line is ambiguous.
    """
    return _prefix_pattern(line_prefix, database, "?"), _prefix_pattern(line_prefix, database, "")


def _prefix_pattern(line_prefix: str, database: str, lazy: str) -> str:
    found, seen, at, optional = "", set(), 0, 0
    for one in _ESCAPE.finditer(line_prefix):
        found += re.escape(line_prefix[at : one.start()])
        at = one.end()
        letter = one[2]
        if letter == "%":
            found += "%"
        elif letter == "q":
            found += "(?:"
            optional += 1
        else:
            what = re.escape(database) if letter == "d" else _ESCAPES.get(letter, _FREE + lazy)
            if letter in "udQ" and letter not in seen:
                seen.add(letter)
                what = f"(?P<{letter}>{what})"
            found += f" *?{what} *" if one[1] else what
    return found + re.escape(line_prefix[at:]) + ")?" * optional


def _text(record: bytes) -> str | None:
    """A record as text; None where it is too long, no UTF-8, or holds what no database can keep."""
    if len(record) > LONGEST_RECORD:
        return None
    try:
        text = record.decode()
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text


def _name(found: object) -> str | None:
    return found if isinstance(found, str) and found and found != "[unknown]" else None


def _queryid(found: object) -> int | None:
    """A query identifier, which logs write as a number or as its text; 0 stands for none."""
    text = str(found)
    if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII):
        return None
    number = int(text)
    return number if number and -(1 << 63) <= number < 1 << 63 else None
