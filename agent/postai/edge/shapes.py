"""Texts that differ in constants only are one statement: constants that are compared with something become parameters.

Only what is surely a constant is taken: whole numbers and plain strings that stand behind a comparison or in a list of
IN, in texts without comments, dollar signs and backslashes. A whole number of at most nine digits is an integer; a
string has the type that its place gives it, as a parameter without a declared type has. The statement that is run is
always the client's own: what is made here is only judged.
"""

from __future__ import annotations

import re
import struct
from dataclasses import replace

from postai.edge.chunks import Chunk

MOST = 50
"""Constants of a text that are taken out."""
LONGEST = 10_000
"""Bytes of the longest text that is looked at."""

_INT4 = 23
_UNSURE = re.compile(rb"--|/\*|[$\\\x00]")
_TOKEN = re.compile(
    rb"""(?P<space>\s+)|(?P<string>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")|(?P<word>[A-Za-z_\x80-\xff][\w\x80-\xff]*)"""
    rb"""|(?P<number>[0-9][\w.]*|\.[0-9]\w*)|(?P<other>.)""",
    re.DOTALL,
)
_COMPARED = frozenset({b"=", b"<", b">", b"like", b"ilike", b"between", b"limit", b"offset"})


def general(chunk: Chunk) -> Chunk:
    """The execution with its constants as parameters; itself where it has parameters or no such constants."""
    if chunk.values or (not chunk.simple and chunk.types):
        return chunk
    found = parameters(chunk.text)
    if found is None:
        return chunk
    meaning, values = found
    return replace(chunk, meaning=meaning, values=values, formats=(0,) * len(values))


def general_meaning(meaning: bytes) -> bytes:
    """The same for the text of a Query, or a text with types as in Parse."""
    text, _, types = meaning.partition(b"\0")
    found = parameters(text) if types in (b"", b"\0\0") else None
    return meaning if found is None else found[0]


def parameters(text: bytes) -> tuple[bytes, tuple[bytes, ...]] | None:
    """The text with parameters and their types, as in Parse, and the constants; None = there are none."""
    if len(text) > LONGEST or _UNSURE.search(text):
        return None
    out: list[bytes] = []
    values: list[bytes] = []
    types: list[int] = []
    before, listed, apart = b"", False, True
    for token in _TOKEN.finditer(text):
        kind, piece = token.lastgroup, token[0]
        if kind == "space":
            out.append(piece)
            apart = True
            continue
        if before == b"in" and piece == b"(":
            listed = True
        elif piece == b")":
            listed = False
        fit = before in _COMPARED or (listed and before in (b"(", b","))
        if kind == "string" and fit and (apart or not before[-1:].isalnum()):
            values.append(piece[1:-1].replace(b"''", b"'"))
            types.append(0)
            piece = b"$%d" % len(values)
        elif kind == "number" and fit and piece.isdigit() and len(piece) <= 9:
            values.append(piece)
            types.append(_INT4)
            piece = b"$%d" % len(values)
        out.append(piece)
        before, apart = piece.lower(), False
    if not 0 < len(values) <= MOST:
        return None
    return b"".join(out) + b"\0" + struct.pack(f"!H{len(types)}I", len(types), *types), tuple(values)
