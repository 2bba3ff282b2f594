"""Stored values that stand for something else: 'Y' and 'N' for a flag, "1 = active, 2 = closed" in a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable

from postai.language.schema import ColumnInfo

_PAIRS = (("y", "n"), ("yes", "no"), ("t", "f"), ("true", "false"), ("1", "0"))
_SPELLED = re.compile(
    r"(?:^|(?<=[;,(:.])|\b(?:and|or)\b)\s*['\"]?(?P<code>[A-Za-z0-9]{1,8})['\"]?"
    r"\s*(?:=|:|–|-(?=\s)|\bmeans\b|\bis\b|\bstands for\b|\bfor\b)\s*['\"]?(?P<meaning>[A-Za-z][\w '-]{1,40}?)['\"]?"
    r"(?=\s*(?:[;,.)]|$|\b(?:and|or)\b))"
)
_BARE = re.compile(r"(?:^|(?<=[;,(:]))\s*(?P<code>[A-Z]{1,2}|\d)\s+(?P<meaning>[a-z][a-z -]{1,30}?)(?=\s*(?:[;,.)]|$))")


def flag_values(column: ColumnInfo) -> tuple[bool | int | str, bool | int | str] | None:
    """The values of a column that mean yes and no; None = it is no flag."""
    if column.kind == "boolean":
        return True, False
    statistics, indexed = column.column.statistics, column.column.values
    if column.kind == "number":
        lead = column.words[0] in ("is", "has", "was") and len(column.words) > 1
        if statistics is not None and statistics.most_common:
            return (1, 0) if lead and set(statistics.most_common) <= {"0", "1"} else None
        whole = column.column.base_type in ("int2", "int4", "int8")  # "has_children" may count them
        return (1, 0) if lead and whole and column.words[0] != "has" else None
    if column.kind != "text":
        return None
    known = indexed.values if indexed is not None else (statistics.most_common if statistics is not None else ())
    if not known or len(known) > 2:
        return None
    for yes, no in _PAIRS:
        if {value.lower() for value in known} <= {yes, no}:
            upper = known[0].isupper()
            spelled = {value.lower(): value for value in known}
            return spelled.get(yes, yes.upper() if upper else yes), spelled.get(no, no.upper() if upper else no)
    return None


def comment_codes(column: ColumnInfo) -> Iterable[tuple[str | int, str]]:
    """The codes that a comment explains, with their meanings; one alone is not taken for a code."""
    comment = column.column.comment or ""
    if column.kind not in ("text", "number") or column.is_id:
        return
    for pattern in (_SPELLED, _BARE):
        found = [(match["code"], match["meaning"].strip()) for match in pattern.finditer(comment)]
        found = [(code, meaning) for code, meaning in found if _is_code(column, code)]
        if len(found) > 1 and len({code for code, _ in found}) == len(found):
            yield from ((int(code) if column.kind == "number" else code, meaning) for code, meaning in found)
            return


def _is_code(column: ColumnInfo, code: str) -> bool:
    """Whether it is written as codes are, or stored: "Format: free text" explains no value."""
    if code.isdigit() or column.kind == "number":
        return code.isdigit()
    statistics, indexed = column.column.statistics, column.column.values
    known = indexed.values if indexed is not None else (statistics.most_common if statistics is not None else ())
    return code.isupper() or code in known
