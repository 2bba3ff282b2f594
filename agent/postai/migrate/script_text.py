"""Takes a SQL script apart into statements while it is read: any size of file, a few megabytes of memory.

It goes by PostgreSQL's lexical rules alone (quotes, dollar quotes, nested comments, parentheses, bodies of SQL
functions, rows after COPY FROM STDIN), so that it also passes over what no parser here understands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from postai.sql.parse import Unparsable

CHUNK = 256 * 1024
LONGEST = 8 * 1024 * 1024
_MARGIN = 80  # longer than any token that decides what follows it
_NAME = rb"A-Za-z0-9_$\x80-\xff"
_TOKEN = re.compile(
    rb"'|\"|--|/\*|;|[()]|(?<![" + _NAME + rb"])\$(?:[A-Za-z_\x80-\xff][A-Za-z0-9_\x80-\xff]*)?\$"
    rb"|(?<![" + _NAME + rb"])(?:begin|case|end)(?![" + _NAME + rb"])",
    re.IGNORECASE,
)
_ROWS_END = re.compile(rb"\\\.\r?(?:\n|\Z)")
_ROWS_END_LATER = re.compile(rb"\n\\\.\r?\n")
_SPACE = re.compile(rb"(?:\s+|--[^\n]*(?:\n|\Z))*")
_ROUTINE = re.compile(rb"create\s+(?:or\s+replace\s+)?(?:function|procedure)\b", re.IGNORECASE)
_COPY = re.compile(rb"copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_PLAIN_BACKSLASH = re.compile(rb"set\s+standard_conforming_strings\s*(?:=|to)\s*'?(off|false|on|true)", re.IGNORECASE)


@dataclass(frozen=True)
class Piece:
    """One statement of a script.

    Attributes:
        text: without the semicolon and the white space before it.
        offset, line: where it begins: byte from 0, line from 1.
        end, end_line: where the next one may begin; behind a COPY's rows when there are some.
        copies: whether rows follow, which `Script.rows` gives; they must be taken, or passed over, first.
    """

    text: str
    offset: int
    line: int
    end: int
    end_line: int
    copies: bool = False


class Script:
    """The statements of a script, from a place where one begins.

    Args:
        source: the file, opened in binary mode; it is read forward from `offset`.
        offset, line: where to begin.
        longest: most bytes that one statement may have.
    """

    def __init__(self, source: BinaryIO, *, offset: int = 0, line: int = 1, longest: int = LONGEST) -> None:
        source.seek(offset)
        self._source = source
        self._buffer = bytearray()
        self._offset = offset  # of the buffer's first byte
        self._line = line
        self._ended = False
        self._longest = longest
        self._escapes = False  # whether a backslash escapes in every string

    @property
    def offset(self) -> int:
        """Where the next statement, or its white space, begins."""
        return self._offset

    @property
    def line(self) -> int:
        """The line of `offset`, from 1."""
        return self._line

    def __iter__(self) -> Iterator[Piece]:
        while (piece := self._next()) is not None:
            yield piece

    def rows(self) -> Iterator[bytes]:
        """The rows after COPY FROM STDIN, as they stand, without the line that ends them."""
        at_start = True
        while True:
            if (end := self._buffer.rfind(b"\n")) < 0 and self._fill():
                if len(self._buffer) > self._longest:  # one very long row
                    at_start = False
                    yield self._take(len(self._buffer) - 1)
                continue
            if at_start and (mark := _ROWS_END.match(self._buffer)) is not None:
                self._drop(mark.end())
                return
            if end < 0:  # the file ends here
                if self._buffer:
                    yield self._take(len(self._buffer))
                return
            if not at_start:
                yield self._take(self._buffer.find(b"\n") + 1)
                at_start = True
                continue
            found = _ROWS_END_LATER.search(self._buffer, 0, end + 1)
            yield self._take(found.start() + 1 if found else end + 1)

    def _next(self) -> Piece | None:
        self._skip_space()
        if not self._buffer:
            return None
        offset, line = self._offset, self._line
        if self._buffer[:1] == b"\\":
            return self._command()
        end = self._end_of_statement()
        text = bytes(self._buffer[:end])
        self._drop(min(end + 1, len(self._buffer)))
        head = _without_comments(text[:400])
        copies = head[:4].lower() == b"copy" and _COPY.match(_without_comments(text)) is not None
        if copies:
            self._to_next_line()
        if (switched := _PLAIN_BACKSLASH.match(head)) is not None:
            self._escapes = switched[1].lower() in (b"off", b"false")
        if not head.strip():
            return self._next() if self._buffer or self._fill() else None
        try:
            shown = text.decode().strip()
        except UnicodeDecodeError as error:
            raise self._refused("the script is not UTF-8", offset + error.start, line) from None
        return Piece(shown, offset, line, self._offset, self._line, copies)

    def _command(self) -> Piece | None:
        """A line of psql's own; those that pg_dump writes are passed over."""
        while b"\n" not in self._buffer and self._fill():
            pass
        end = self._buffer.find(b"\n")
        line = bytes(self._buffer[: len(self._buffer) if end < 0 else end]).strip()
        if line.split()[:1] not in ([b"\\restrict"], [b"\\unrestrict"]):
            raise self._refused(
                f"{line.split()[0].decode(errors='replace')} is a command of psql, not SQL", self._offset, self._line
            )
        self._drop(len(self._buffer) if end < 0 else end + 1)
        return self._next()

    def _skip_space(self) -> None:
        while True:
            match = _SPACE.match(self._buffer)
            end = match.end() if match else 0
            if end < len(self._buffer) - 1 or not self._fill():
                self._drop(end)
                return
            if end > CHUNK:
                self._drop(self._buffer.rfind(b"\n", 0, end) + 1)

    def _end_of_statement(self) -> int:
        """Position of the semicolon that ends the statement, or of the end of the file."""
        at, depth, blocks = 0, 0, 0
        routine: bool | None = None
        while True:
            match = _TOKEN.search(self._buffer, at)
            if match is None or match.end() > len(self._buffer) - _MARGIN:
                at = max(
                    at,
                    min(match.start() if match else len(self._buffer), len(self._buffer)) - (0 if match else _MARGIN),
                )
                if self._fill():
                    self._check_length()
                    continue
                if match is None:
                    return len(self._buffer)
            token = match[0].lower()
            at = match.end()
            if token == b"'":
                at = self._past_quote(at, escapes=self._escapes or self._is_escape_string(match.start()))
            elif token == b'"':
                at = self._past(b'"', at)
            elif token == b"--":
                at = self._past(b"\n", at, required=False)
            elif token == b"/*":
                at = self._past_comment(at)
            elif token.startswith(b"$"):
                at = self._past(match[0], at)
            elif token == b"(":
                depth += 1
            elif token == b")":
                depth = max(0, depth - 1)
            elif token == b";":
                if depth == 0 and blocks == 0:
                    return match.start()
            elif depth == 0:
                if routine is None:
                    routine = _ROUTINE.match(_without_comments(bytes(self._buffer[: match.start()]))) is not None
                if routine:
                    blocks += 1 if token == b"begin" or (token == b"case" and blocks) else 0
                    blocks -= 1 if token == b"end" and blocks else 0

    def _is_escape_string(self, quote: int) -> bool:
        before = self._buffer[max(0, quote - 2) : quote]
        return bytes(before[-1:]).lower() == b"e" and re.fullmatch(rb"[" + _NAME + rb"]", bytes(before[:-1])) is None

    def _past_quote(self, at: int, *, escapes: bool) -> int:
        pattern = re.compile(rb"\\.|'" if escapes else rb"'", re.DOTALL)
        while True:
            match = pattern.search(self._buffer, at)
            if match is None:
                at = self._more(max(at, len(self._buffer) - 1))
            elif match[0] == b"'":
                return match.end()
            else:
                at = match.end()

    def _past(self, mark: bytes, at: int, *, required: bool = True) -> int:
        while (found := self._buffer.find(mark, at)) < 0:
            at = max(at, len(self._buffer) - len(mark) + 1)
            if not self._fill():
                if required:
                    raise self._unended()
                return len(self._buffer)
            self._check_length()
        return found + len(mark)

    def _past_comment(self, at: int) -> int:
        depth = 1
        while depth:
            match = re.compile(rb"/\*|\*/").search(self._buffer, at)
            if match is None:
                at = self._more(max(at, len(self._buffer) - 1))
                continue
            depth += 1 if match[0] == b"/*" else -1
            at = match.end()
        return at

    def _more(self, at: int) -> int:
        if not self._fill():
            raise self._unended()
        self._check_length()
        return at

    def _unended(self) -> Unparsable:
        return self._refused("a string, quoted name or comment does not end", self._offset, self._line)

    def _check_length(self) -> None:
        if len(self._buffer) > self._longest + 2 * CHUNK:
            raise self._refused(f"a statement is longer than {self._longest} bytes", self._offset, self._line)

    def _to_next_line(self) -> None:
        while b"\n" not in self._buffer and self._fill():
            pass
        end = self._buffer.find(b"\n")
        self._drop(len(self._buffer) if end < 0 else end + 1)

    def _fill(self) -> bool:
        if self._ended:
            return False
        data = self._source.read(CHUNK)
        self._ended = not data
        self._buffer += data
        return bool(data)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._buffer[:count])
        self._drop(count)
        return taken

    def _drop(self, count: int) -> None:
        self._line += self._buffer.count(b"\n", 0, count)
        self._offset += count
        del self._buffer[:count]

    @staticmethod
    def _refused(message: str, offset: int, line: int) -> Unparsable:
        return Unparsable(message, detail=f"Line {line}, byte {offset}.", hint="Correct the script.")


def _without_comments(text: bytes) -> bytes:
    """The text from its first word on."""
    at = 0
    while True:
        match = _SPACE.match(text, at)
        at = match.end() if match else at
        if text[at : at + 2] != b"/*":
            return text[at:]
        end = text.find(b"*/", at)
        if end < 0:
            return b""
        at = end + 2
