"""Plans that a stranger may have written, made small and free of values: names, numbers, conditions with $n."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from postai.errors import Refused
from postai.sql.nodes import messages
from postai.sql.parse import parse_one

DEEPEST = 100
"""Nodes below one another beyond which a plan is passed over."""
MOST_NODES = 2000
_LONGEST_CONDITION = 1000
_NAMES = frozenset(
    {
        "Node Type", "Relation Name", "Schema", "Alias", "Index Name", "Join Type", "Strategy", "Parent Relationship",
        "Subplan Name", "Scan Direction", "Function Name", "CTE Name", "Command", "Operation", "Partial Mode",
        "Sort Method", "Sort Space Type", "Tuplestore Name", "Cache Mode",
    }
)  # fmt: skip
"""Keys of a node whose text says no value."""
_CONDITIONS = frozenset(
    {
        "Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Merge Cond", "Join Filter", "One-Time Filter", "TID Cond",
        "Order By", "Sort Key", "Presorted Key", "Group Key", "Cache Key", "Run Condition",
    }
)  # fmt: skip
"""Keys of a node with expressions, one or a list of them."""
_STRUCTURE = frozenset(
    {
        "Plans", "Workers", "Triggers", "JIT", "Planning", "Settings", "Output", "Grouping Sets", "Group Keys",
        "Hash Keys", "Full-sort Groups", "Pre-sorted Groups", "Target Tables", "Conflict Arbiter Indexes",
    }
)  # fmt: skip
"""Keys under which there are lists or objects: a number there is none of PostgreSQL's."""
_NO_NUMBERS = _NAMES | _CONDITIONS | _STRUCTURE
_TOKEN = re.compile(
    r"""(?P<name>"(?:[^"]|"")*"|[A-Za-z_\u0080-\U0010ffff$][\w$]*)"""
    r"""|(?P<value>'(?:[^']|'')*(?:'|\Z)|-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"""
)
_PARAMETER = re.compile(r"\$([0-9]{1,5}) = (NULL|'(?:[^']|'')*')(?:, |$)", re.DOTALL)


def stripped(plan: Mapping[str, Any]) -> dict[str, Any] | None:
    """A plan node and what is below it, without constants and without what is not known to be harmless.

    Args:
        plan: "Plan" of EXPLAIN (FORMAT JSON).

    Returns:
        the same with $1, $2 ... in the place of constants; None = too big or too deep to be a plan.
    """
    left = MOST_NODES
    numbers = itertools.count(1)

    def node(one: Mapping[str, Any], depth: int) -> dict[str, Any] | None:
        nonlocal left
        left -= 1
        if depth > DEEPEST or left < 0:
            return None
        found: dict[str, Any] = {}
        for key, value in one.items():
            if key in _NAMES and isinstance(value, str) and _keepable(value):
                found[key] = value[:200]
            elif key in _CONDITIONS and (texts := _texts(value)):
                told = [without_values(text, numbers) for text in texts]
                found[key] = told if isinstance(value, list) else told[0]
            elif key not in _NO_NUMBERS and _is_number(value) and len(key) < 50 and _keepable(key):
                found[key] = value
        below = one.get("Plans")
        for each in below if isinstance(below, list) else ():
            if isinstance(each, dict):
                inner = node(each, depth + 1)
                if inner is None:
                    return None
                found.setdefault("Plans", []).append(inner)
        return found

    return node(plan, 0)


def without_values(condition: str, numbers: Iterator[int]) -> str:
    """An expression with $n in the place of every constant; an alias or column of any name stays."""
    cut = condition[:_LONGEST_CONDITION]
    return _TOKEN.sub(lambda found: found["name"] or f"${next(numbers)}", cut)


def filled(text: str, parameters: str) -> str | None:
    """A statement with the values of its parameters in their places.

    Args:
        text: with $1, $2 ...
        parameters: as auto_explain tells them: `$1 = '7', $2 = NULL`.

    Returns:
        the statement; None = a value is missing or was cut, or the text cannot be parsed.
    """
    values: dict[int, str] = {}
    at = 0
    while (found := _PARAMETER.match(parameters, at)) is not None:
        values[int(found[1])] = found[2]
        at = found.end()
    if at != len(parameters) or any(value.endswith("...'") for value in values.values()):
        return None
    try:
        places = sorted(
            (node.location, node.number)
            for node in messages(parse_one(text).tree)
            if node.DESCRIPTOR.name == "ParamRef"
        )
    except (Refused, RecursionError):
        return None
    whole = text.encode()
    for location, number in reversed(places):
        word = f"${number}".encode()
        if number not in values or whole[location : location + len(word)] != word:
            return None
        value = values[number]
        quoted = value if value == "NULL" or "\\" not in value else "E" + value.replace("\\", "\\\\")
        whole = whole[:location] + f" {quoted} ".encode() + whole[location + len(word) :]
    return whole.decode()


def _texts(value: object) -> list[str]:
    found = value if isinstance(value, list) else [value]
    texts = [one for one in found if isinstance(one, str) and _keepable(one)]
    return texts[:50] if len(texts) == len(found) else []


def _is_number(value: object) -> bool:
    return isinstance(value, bool | int | float) and abs(value) < 1e18 and math.isfinite(value)


def _keepable(text: str) -> bool:
    """Whether a database can keep it: no NUL, no half of a character."""
    return "\0" not in text and not any("\ud800" <= one <= "\udfff" for one in text)
