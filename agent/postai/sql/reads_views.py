"""What stored definitions of views hold beside names: parts that make an answer depend on more than tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NODE = re.compile(r"(?<!\\)\{([A-Z][A-Z0-9_]*)")
_SYSTEM_COLUMN = re.compile(r":varattno -[0-9]")
_PIECE = re.compile(r"(?<!\\)\{([A-Z][A-Z0-9_]*)|(?<!\\)\}|:resulttype ([0-9]+)")


def view_reasons(tree: str, known: frozenset[str]) -> Iterator[str]:
    """Why the answer of a view may not be kept, from its stored tree as text.

    Args:
        known: names of the nodes that hide nothing.
    """
    for node in sorted(set(_NODE.findall(tree)) - known):
        yield f"a view with {_WORDS.get(node, node)}"
    if _SYSTEM_COLUMN.search(tree):
        yield "a view with a system column"


_WORDS = {
    "SQLVALUEFUNCTION": "CURRENT_DATE, CURRENT_USER or the like",
    "TABLESAMPLECLAUSE": "TABLESAMPLE",
    "ROWMARKCLAUSE": "row locks",
    "XMLEXPR": "XML",
}


def text_targets(tree: str) -> set[int]:
    """Oids of the types that values are made into by way of text."""
    return _targets(tree, "COERCEVIAIO")


def domain_targets(tree: str) -> set[int]:
    """Oids of the domains that values are made into."""
    return _targets(tree, "COERCETODOMAIN")


def _targets(tree: str, node: str) -> set[int]:
    """The result types of the nodes of that name: each node's own label follows the nodes inside its argument."""
    found = set()
    stack: list[str] = []
    for piece in _PIECE.finditer(tree):
        if piece[1]:
            stack.append(piece[1])
        elif piece[2]:
            if stack and stack[-1] == node:
                found.add(int(piece[2]))
        elif stack:
            stack.pop()
    return found
