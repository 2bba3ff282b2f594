"""Cutting a file into statements: quotes, comments, psql's own commands, COPY data; places as line and column."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
      (?P<line_comment>--[^\n]*)
    | (?P<block_comment>/\*)
    | (?P<quoted>(?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'?|'(?:[^']|'')*'?|"(?:[^"]|"")*"?)
    | (?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)
    | (?P<semicolon>;)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<meta>\\[^\n]*)
    | (?P<word>(?<![\w$])(?:atomic|case|end)(?![\w$]))
    | (?P<other>\S)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_INTERESTING = re.compile(r"""[-/'"$;()\\]|(?<![\w$])(?:e'|(?:atomic|case|end)(?![\w$]))""", re.IGNORECASE)
_COMMENT_MARK = re.compile(r"/\*|\*/")
_COPY_DATA = re.compile(r"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_COPY_END = re.compile(r"^\\\.\r?$", re.MULTILINE)
_SENDS = re.compile(r"\\(?:g|gx|gset|gexec|gdesc|crosstabview|watch|bind_named|parse|sendpipeline)\b")
_DIRECTIVE = re.compile(r"postai:ignore(?P<file>-file)?(?![\w-])[ \t:]*(?P<names>[\w, \t]*)")
_VARIABLE = re.compile(r"(?<![:\w]):(?=(?P<name>[A-Za-z_])|['\"])")

_INSERT_VALUES = re.compile(r"insert\s+into\b[^(;']*(?:\([^)']*\)\s*)?values\b", re.IGNORECASE)

EVERYTHING = "*"
"""Stands for every hazard in an ignore comment without names."""


@dataclass(frozen=True)
class Piece:
    """One statement of a text, as written.

    Attributes:
        sql: its text without the semicolon; psql's commands in it are blanks, so that places stay true.
        start: offset of its first token in characters.
        ignored: hazards that a comment in or beside it switches off; `EVERYTHING` = all.
    """

    sql: str
    start: int
    ignored: frozenset[str]


@dataclass(frozen=True)
class Script:
    """A text cut into statements.

    Attributes:
        pieces: its statements in order.
        ignored: hazards that are switched off for the whole text.
    """

    pieces: tuple[Piece, ...]
    ignored: frozenset[str]


class Places:
    """Line and column of an offset, both from 1."""

    def __init__(self, text: str) -> None:
        self._starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def at(self, offset: int) -> tuple[int, int]:
        line = bisect.bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1


def without_variables(sql: str) -> str:
    """The same text with psql's variables (`:name`, `:'name'`) as plain names and strings, of the same length."""
    return _VARIABLE.sub(lambda match: "_" if match["name"] else " ", sql)


def without_rows(sql: str) -> str:
    """An INSERT of many VALUES with one row only; another statement as it is."""
    head = _INSERT_VALUES.match(sql)
    return sql if head is None else f"{head.group()} (NULL)"


def cut(text: str) -> Script:
    """The statements of a text for psql or for a driver."""
    return _Cutter(text).cut()


class _Cutter:
    """One walk over the tokens of a text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._pieces: list[Piece] = []
        self._whole_file: set[str] = set()
        self._begin = 0  # where the current statement's text begins, comments included
        self._first: int | None = None  # its first token
        self._depth = 0
        self._atomic = 0  # open BEGIN ATOMIC and CASE blocks
        self._blanks: list[tuple[int, int, str]] = []
        self._ignored: set[str] = set()

    def cut(self) -> Script:
        text, position = self._text, 1 if self._text.startswith("\ufeff") else 0
        self._begin = position
        while True:
            position = self._skip_plain(position)
            match = _TOKEN.match(text, position)
            if match is None:
                break
            position = self._take(match)
        self._finish(len(text))
        return Script(tuple(self._pieces), frozenset(self._whole_file))

    def _skip_plain(self, position: int) -> int:
        """To the next place that matters; notes where the statement's first token stands."""
        found = _INTERESTING.search(self._text, position)
        end = found.start() if found else len(self._text)
        if self._first is None:
            for offset in range(position, end):
                if not self._text[offset].isspace():
                    self._first = offset
                    break
        return end

    def _take(self, match: re.Match[str]) -> int:
        kind, start, end = match.lastgroup, match.start(), match.end()
        if kind == "block_comment":
            end = self._comment_end(start)
        if kind in ("line_comment", "block_comment"):
            self._comment(start, end)
            return end
        if kind == "meta":
            return self._meta(start, end)
        if kind == "semicolon" and self._depth <= 0 and not self._atomic:
            return self._semicolon(start)
        if self._first is None:
            self._first = start
        if kind == "dollar":
            closing = self._text.find(match.group(), end)
            return len(self._text) if closing < 0 else closing + len(match.group())
        if kind == "open":
            self._depth += 1
        elif kind == "close":
            self._depth -= 1
        elif kind == "word":
            self._block(match.group().lower(), start)
        return end

    def _block(self, word: str, start: int) -> None:
        """Bodies of SQL functions (BEGIN ATOMIC ... END) hold semicolons."""
        if word == "atomic":
            if re.search(r"\bbegin\s+$", self._text[self._begin : start], re.IGNORECASE):
                self._atomic += 1
        elif self._atomic:
            self._atomic += 1 if word == "case" else -1

    def _comment_end(self, start: int) -> int:
        level = 0
        for mark in _COMMENT_MARK.finditer(self._text, start):
            level += 1 if mark.group() == "/*" else -1
            if level == 0:
                return mark.end()
        return len(self._text)

    def _comment(self, start: int, end: int) -> None:
        if "postai:" not in self._text[start:end]:
            return
        for directive in _DIRECTIVE.finditer(self._text, start, end):
            names = set(re.findall(r"\w+", directive["names"])) or {EVERYTHING}
            if directive["file"]:
                self._whole_file |= names
            elif self._first is None and self._pieces and "\n" not in self._text[self._begin : start]:
                last = self._pieces[-1]  # behind the semicolon, on the same line
                self._pieces[-1] = Piece(last.sql, last.start, last.ignored | names)
            else:
                self._ignored |= names

    def _meta(self, start: int, end: int) -> int:
        """A command of psql, up to the end of its line; some send the statement before them."""
        command = self._text[start:end]
        self._blanks.append((start, end, " " * (end - start)))
        if self._first is None:
            self._begin = end
            self._blanks.clear()
        elif _SENDS.match(command):
            self._finish(start)
            self._begin = end
        return end

    def _semicolon(self, start: int) -> int:
        is_copy = self._first is not None and _COPY_DATA.match(self._text, self._first, start) is not None
        self._finish(start)
        end = start + 1
        if is_copy:
            line_end = self._text.find("\n", end)
            closing = _COPY_END.search(self._text, line_end) if line_end >= 0 else None
            end = closing.end() if closing else len(self._text)
        self._begin = end
        return end

    def _finish(self, end: int) -> None:
        if self._first is not None:
            sql = self._text[self._first : end]
            for start, stop, blanks in self._blanks:
                sql = sql[: start - self._first] + blanks + sql[stop - self._first :]
            self._pieces.append(Piece(sql.rstrip(), self._first, frozenset(self._ignored)))
        self._first = None
        self._depth = self._atomic = 0
        self._blanks.clear()
        self._ignored.clear()
