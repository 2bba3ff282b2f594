"""Stored values that stand for something else: 'Y' and 'N' for a flag, "1 = active, 2 = closed" in a comment."""

from __future__ import annotations

import re
from collections.abc import Iterable

from postai.database.catalog import ColumnStatistics
from postai.language.schema import ColumnInfo

_PAIRS = (("y", "n"), ("yes", "no"), ("t", "f"), ("true", "false"), ("1", "0"))
_SPELLED = re.compile(
    r"(?:^|(?<=[;,(:.])|\b(?:and|or)\b)\s*['\"]?(?P<code>[A-Za-z0-9]{1,8})['\"]?"
    r"\s*(?:=|:|–|-(?=\s)|\bmeans\b|\bis\b|\bstands for\b|\bfor\b)\s*['\"]?(?P<meaning>[A-Za-z][\w '-]{1,40}?)['\"]?"
    r"(?=\s*(?:[;,.)]|$|\b(?:and|or)\b))"
)
_BARE = re.compile(r"(?:^|(?<=[;,(:]))\s*(?P<code>[A-Z]{1,2}|\d)\s+(?P<meaning>[a-z][a-z -]{1,30}?)(?=\s*(?:[;,.)]|$))")
# "1 if blocked, else 0", "0/1", "1 = yes": what a comment says about a flag that is a number.
_ZERO_ONE = re.compile(
    r"(?i)\b1\b\s*['\"]?\s*(?:if|when|where|for|=|:|means|-)|\b0\s*(?:/|or)\s*1\b|\b1\s*(?:/|or)\s*0\b"
)
_MORE_CODES = re.compile(r"(?i)\b[2-9]\d?\b\s*(?:=|:|-|–|if|for|means|[a-z]{3,})")
_COUNTS = frozenset({"number", "count", "quantity", "total", "amount", "level", "version", "priority", "rank", "score"})


def flag_values(column: ColumnInfo) -> tuple[bool | int | str, bool | int | str] | None:
    """The values of a column that mean yes and no; None = it is no flag."""
    if column.kind == "boolean":
        return True, False
    statistics, indexed = column.column.statistics, column.column.values
    if column.kind == "number":
        return (1, 0) if _is_number_flag(column) else None
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


def _is_number_flag(column: ColumnInfo) -> bool:
    """Whether a number is a flag: 0 and 1 are all that is known of it, and its name or comment says so, or it is a
    small number that is both somewhere.
    """
    statistics, indexed = column.column.statistics, column.column.values
    if column.is_id or column.refers or _COUNTS & set(column.words):
        return False
    comment = column.column.comment or ""
    if _MORE_CODES.search(comment):
        return False
    explained = _ZERO_ONE.search(comment) is not None
    lead = len(column.words) > 1 and column.words[0] in ("is", "has", "was")
    if indexed is not None and indexed.complete:
        return set(indexed.values) == {"0", "1"} or ((explained or lead) and set(indexed.values) <= {"0", "1"})
    if statistics is None or not statistics.most_common:
        whole = column.column.base_type in ("int2", "int4", "int8")
        return whole and (explained or (lead and column.words[0] != "has"))  # "has_children" may count them
    seen = set(statistics.most_common)
    if explained or lead:
        return seen <= {"0", "1"}
    return column.column.base_type == "int2" and seen == {"0", "1"} and _all_seen(statistics)


def _all_seen(statistics: ColumnStatistics) -> bool:
    """Whether the most common values are all there are."""
    return sum(statistics.most_common_freqs) + statistics.null_fraction > 0.99


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
