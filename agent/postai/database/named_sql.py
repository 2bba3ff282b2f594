"""Named statements in .sql files beside the modules that use them.

A block starts with a line `-- name: block_name`, followed by one or more lines `-- description`, and ends before the
next block:

    -- name: server_version
    -- The server's version number.
    select current_setting('server_version_num')::int
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from postai.errors import PostaiError

_NAME = re.compile(r"^--\s*name:\s*(\S+)\s*$")
_WORD = re.compile(r"[a-z][a-z0-9_]*")


@cache
def load(package: str, file: str) -> Mapping[str, str]:
    """Read the blocks of a .sql file of a package, once in the life of the process.

    Args:
        package: dotted name of the package that holds the file, usually `__package__`.
        file: name of the file.

    Returns:
        block name -> statement, without its heading comments and without a semicolon at its end.

    Raises:
        PostaiError: the file is not made of well-formed blocks.
    """
    text = resources.files(package).joinpath(file).read_text(encoding="utf-8")
    return parse(text, where=f"{package}/{file}")


def parse(text: str, *, where: str) -> Mapping[str, str]:
    """The blocks of a text; `where` names it in errors."""
    blocks: dict[str, list[str]] = {}
    described: set[str] = set()
    current: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        heading = _NAME.match(line)
        if heading:
            current = heading[1]
            if not _WORD.fullmatch(current) or current in blocks:
                raise PostaiError(f"block name {current!r} is malformed or used twice", detail=f"{where}:{number}")
            blocks[current] = []
        elif current is None:
            if line.strip() and not line.startswith("--"):
                raise PostaiError("a statement stands before the first block name", detail=f"{where}:{number}")
        elif current not in described:
            if not line.startswith("-- "):
                raise PostaiError(f"block {current!r} has no description line", detail=f"{where}:{number}")
            described.add(current)
        elif line.startswith("--") and not blocks[current]:
            continue
        else:
            blocks[current].append(line)
    statements = {name: "\n".join(lines).strip().removesuffix(";").rstrip() for name, lines in blocks.items()}
    empty = [name for name, statement in statements.items() if not statement]
    if empty:
        raise PostaiError(f"block {empty[0]!r} is empty", detail=where)
    return MappingProxyType(statements)
