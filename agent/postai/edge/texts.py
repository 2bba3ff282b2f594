"""Which texts are parsed while all clients of a process wait, and what long ones come down to.

libpg_query takes a millisecond for some kilobytes, but with the square of their number for comments, and with the cube
of its length for a run of signs: minutes for a text of 100 KB that somebody has made for it. And long lists of rows
take seconds, though each row tells no more than the first.
"""

from __future__ import annotations

import re

LONGEST = 65_536
"""Bytes of the longest text that is parsed."""
_COMMENTS = 10_000_000
"""Comments times bytes: some 40 ms."""
# No possessive quantifier of a group: Pythons before 3.11.5 match those wrongly (gh-106052).
_SIGNS = re.compile(rb"(?:-(?!-)|\+){64,}")
"""Signs that the scanner tries to take for one operator, and then for one less, and again."""

# Only what is written without comments, names in quotes, dollar quotes and escapes.
_PLAIN = re.compile(
    rb"""(?: [^'"$\\/-]++ | \$(?=[0-9]) | /(?![*]) | -(?!-) | (?<![eE])'[^']*+' | (?<=[eE])'[^'\\]*+' )*""", re.VERBOSE
)
_STRING = re.compile(rb"'[^']*+'")
_NUMBER = re.compile(rb"(?<![\w\x80-\xff])[0-9]++(?![\w\x80-\xff])")
_SAME = re.compile(rb"(''|\$?1|1\.1|-1|null)(?:\s*,\s*\1)+(?=\s*[,)])", re.IGNORECASE)
_ROW = re.compile(rb"\((?:[^()]++|\([^()]*+\))*\)")
_ROWS = re.compile(_ROW.pattern + rb"(?:\s*,\s*" + _ROW.pattern + rb")+")
_SEEN = re.compile(rb"set_config|pg_temp", re.IGNORECASE)
"""What a string can say that matters."""


def legible(text: bytes) -> bool:
    """Whether a text is parsed."""
    return len(text) <= LONGEST and text.count(b"/*") * len(text) <= _COMMENTS and not _SIGNS.search(text)


def brief(text: bytes) -> bytes:
    """A text with the same kinds of statements, and the same names of functions, operators and relations in them.

    Strings and numbers are others, and of rows that then look the same one is left.
    """
    if _SEEN.search(text) or not _PLAIN.fullmatch(text):
        return text
    short = _NUMBER.sub(b"1", _STRING.sub(b"''", text))
    return _ROWS.sub(_different, _SAME.sub(rb"\1", short))


def _different(rows: re.Match[bytes]) -> bytes:
    return b",".join(dict.fromkeys(row[0] for row in _ROW.finditer(rows[0])))
