"""Conditions that notes say in words about a column: "completed_on is null and progress_pct is below 50" → SQL.

The result is read like any SQL of a definition, so it goes no further than columns of the catalog compared with values.
"""

from __future__ import annotations

import re

from postai.language.lexicon import Lexicon

_OPERATORS = {
    "below": "<", "under": "<", "less than": "<", "lower than": "<", "smaller than": "<", "before": "<",
    "earlier than": "<", "above": ">", "over": ">", "more than": ">", "greater than": ">", "higher than": ">",
    "larger than": ">", "after": ">", "later than": ">", "at least": ">=", "no less than": ">=", "at most": "<=",
    "no more than": "<=", "up to": "<=", "not": "<>", "equal to": "=", "exactly": "=", "": "=",
}  # fmt: skip
_WORDS = "|".join(sorted((word for word in _OPERATORS if word), key=len, reverse=True))
_VALUE = r"(?P<value>-?\d+(?:\.\d+)?|'[^']*'|\"[^\"]*\"|true|false|today|the current date|[a-z]\w*)"
_COMPARED = re.compile(
    rf"(?:(?:its|the|their|(?:(?:it|they) )?ha(?:s|ve)(?: an?)?) )?"
    rf"(?P<column>[a-z]\w*(?: \w+){{0,3}}?) (?:(?:is|are|was|were|of|equals|equal|being) )?"
    rf"(?:(?P<how>{_WORDS}) )?{_VALUE}(?: (?P<suffix>or more|or higher|or above|or less|or lower|or below))?",
    re.IGNORECASE,
)
_SIGNED = re.compile(rf"(?P<column>[a-z]\w*) ?(?P<how><>|!=|<=|>=|=|<|>) ?{_VALUE}", re.IGNORECASE)
_NULL = re.compile(
    r"(?:(?:its|the|their) )?(?P<column>[a-z]\w*(?: \w+){0,3}?) (?:is|are|was) "
    r"(?:(?P<gone>null|missing|empty|not set|unknown)|(?:not null|not missing|not empty|set|known|filled in))",
    re.IGNORECASE,
)
_CODES = re.compile(r"(?P<column>\w+): (?P<codes>\w{1,8} = [\w -]+(?:, ?\w{1,8} = [\w -]+)+)")


def as_sql(clause: str, lexicon: Lexicon) -> str | None:
    """A clause as an SQL condition; None = a part of it is no comparison of a column with a value."""
    parts = re.split(r",? and (?!\d)", clause.strip())
    found = [_condition(part.strip(), lexicon) for part in parts]
    return " AND ".join(part for part in found if part) if all(found) else None


def codes(sentence: str, lexicon: Lexicon) -> list[tuple[str, str]]:
    """ "shift: A = morning, B = night" as the meanings and their conditions."""
    said = _CODES.fullmatch(sentence)
    kind = _columns(lexicon).get(said["column"].lower()) if said is not None else None
    if said is None or kind is None:
        return []
    pairs = [part.strip().partition(" = ") for part in said["codes"].split(",")]
    return [(meaning.strip(), f"{said['column']} = {_literal(code, kind)}") for code, _, meaning in pairs]


def _condition(part: str, lexicon: Lexicon) -> str | None:
    known = _columns(lexicon)
    missing = _NULL.fullmatch(part)
    if missing is not None and (column := _named(missing["column"], known)):
        return f"{column} IS {'' if missing['gone'] else 'NOT '}NULL"
    said = _SIGNED.fullmatch(part) or _COMPARED.fullmatch(part)
    column = _named(said["column"], known) if said is not None else None
    if said is None or column is None:
        return None
    how = (said["how"] or "").lower()
    operator = _OPERATORS.get(how, how).replace("!=", "<>")
    suffix = said.groupdict().get("suffix")
    if suffix:
        operator = ">=" if suffix.lower() in ("or more", "or higher", "or above") else "<="
    return f"{column} {operator} {_literal(said['value'], known[column.lower()])}"


def _columns(lexicon: Lexicon) -> dict[str, str]:
    """Lower-case names of columns, and of what kind they are; those that mean two kinds are left out."""
    found: dict[str, str] = {}
    for info in lexicon.tables:
        for column in info.columns if info.real is None else ():
            name = column.name.lower()
            found[name] = column.kind if found.get(name, column.kind) == column.kind else "other"
    return {name: kind for name, kind in found.items() if kind != "other"}


def _named(words: str, known: dict[str, str]) -> str | None:
    """The column that words name: as it is written, or with blanks for underscores."""
    name = words.strip().replace(" ", "_")
    return name if name.lower() in known else None


def _literal(text: str, kind: str) -> str:
    if text.lower() in ("today", "the current date"):
        return "CURRENT_DATE"
    if text[:1] in "'\"":
        return "'" + text[1:-1].replace("'", "''") + "'"
    bare = kind in ("number", "boolean") or text.lower() in ("true", "false")
    return text if bare else f"'{text}'"
