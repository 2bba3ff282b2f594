"""Sentences about periods that exclude each other and columns that are compared."""

from __future__ import annotations

import re

from postai.design.draft import Column, Rule, Table
from postai.design.ground import Ground
from postai.design.nouns import read_noun
from postai.design.things import named_thing

_AFTER = re.compile(
    r"^(?P<left>.+?)\s+(?:must|has to|have to|should|can|may|will|cannot|is|are|comes?|lies?|be|always|never|only|"
    r"not|\s)*\s*(?P<op>(?:later|earlier|greater|less|larger|smaller|higher|lower|more|bigger|cheaper|fewer)(?:\s+"
    r"than)(?:\s+or (?:equal to|the same as|equal))?|after|before|exceeds?|on or after|on or before|at least|at "
    r"most)\s+(?P<right>(?!zero\b|\d)(?:the|its|their|an?)?\s*[a-z][\w ]*)$",
    re.I,
)
_ENDS = re.compile(
    r"^(?:(?P<t>(?:an?|the|each|every)\s+[\w ]+?|[\w ]+?s|it|they)\s+)?(?:must\s+|has to\s+|have to\s+|always\s+|"
    r"should\s+|can only\s+|cannot\s+|never\s+|not\s+|may\s+|can\s+)*(?P<end>ends?|finish(?:es)?|close[sd]?|"
    r"expires?|stops?)\s+(?P<op>after|before|later than)\s+(?:it|they|the \w+)\s+(?P<start>starts?|begins?|opens?|"
    r"has started|have started|is started)$",
    re.I,
)
_OVERLAP = re.compile(
    r"^(?:two\s+|no two\s+)?(?P<x>[\w ]+?)\s+(?:of|for|in|on|at)\s+(?:the same|one|an?|each|the)\s+(?P<scope>[\w ]+?"
    r")\s+(?:cannot|must not|may not|can not|never|should not|must never|do not|may|can|are not allowed to|not)\s*"
    r"(?:ever\s+)?overlap(?: in time)?$|^(?:the same |an? )?(?P<scope2>[\w ]+?)\s+(?:cannot|must not|may not|can "
    r"not|can never)\s+(?:be\s+)?(?:double[- ]?booked|have overlapping (?P<x2>[\w ]+)|be (?:booked|reserved|"
    r"rented) twice (?:at the same time|for overlapping \w+))$",
    re.I,
)


def overlap(ground: Ground, text: str) -> bool:
    """Read that periods may not overlap; False where the sentence says nothing of it."""
    found = _OVERLAP.match(text)
    if found is None:
        return False

    def say() -> bool:
        scope_text = found["scope"] or found["scope2"]
        scope = read_noun(scope_text)
        table_text = found["x"] or found["x2"] or ""
        tables = [
            one for one in ([named_thing(ground, table_text)] if table_text else ground.draft.tables.values()) if one
        ]
        for table in tables:
            span = _span(table)
            by = ground.key_or_column(table, scope) if scope else None
            if span is None or by is None:
                continue
            start, end = span
            kind = (
                "daterange"
                if table.columns[start].type == "date"
                else "tstzrange"
                if table.columns[start].type == "timestamptz"
                else "tsrange"
            )
            expression = f"EXCLUDE USING gist ({by} WITH =, {kind}({start}, {end}) WITH &&)"
            if not ground.btree_gist:
                ground.warn(
                    f"rows of {table.name} can overlap: the rule needs the extension btree_gist; after CREATE "
                    f"EXTENSION btree_gist: ALTER TABLE {table.name} ADD {expression}"
                )
            elif not any(one.expression == expression for one in table.rules):
                table.rules.append(Rule("exclude", (by, start, end), expression))
            return True
        return False

    ground.defer(say, text)
    return True


_START = re.compile(
    r"(?:^|_)(?:start|starts|begin|begins|from|checkin|check_in|arrival|pickup|opens|started|valid_from)(?:_|$)"
)
_END = re.compile(
    r"(?:^|_)(?:end|ends|finish|finishes|to|until|checkout|check_out|departure|return|closes|ended|valid_to|"
    r"valid_until|dropoff|due|expires|expiry)(?:_|$)"
)


def _span(table: Table) -> tuple[str, str] | None:
    moments = [one.name for one in table.columns.values() if one.type.startswith(("date", "timestamp"))]
    start, end = (next(filter(names.search, moments), None) for names in (_START, _END))
    return (start, end) if start and end else None


def compare(ground: Ground, text: str) -> bool:
    """Read how two columns of a row compare; False where the sentence says nothing of it."""
    if found := _ENDS.match(text):
        table = (
            named_thing(ground, found["t"])
            if found["t"] and found["t"].lower() not in ("it", "they")
            else ground.draft.tables.get(ground.subject)
        )
        if table is None:
            return False

        def ends() -> bool:
            span = _span(table)
            if span is None:
                return False
            table.add_check(span, f"{span[1]} > {span[0]}")
            return True

        ground.defer(ends, text)
        return True
    found = _AFTER.match(text)
    if found is None:
        return False
    left = re.sub(
        r"\s+(?:must|has to|have to|should|can|may|will|cannot|is|are|comes?|lies?|be|always|never|only|not)\b.*$",
        "",
        found["left"],
        flags=re.I,
    )
    negated = bool(re.search(r"\b(?:not|never|cannot)\b", text[: found.start("op")], re.I))
    operator = _operator(found["op"].lower(), negated=negated)
    right = found["right"]
    if ground.existing and ground.place(left) is None:
        return False
    if not ground.existing and ground.place(left, fuzzy=False) is None and ground.place(right, fuzzy=False) is None:
        return False

    def say() -> bool:
        one = ground.place(left)
        if one is None:
            return False
        table, column = one
        noun = read_noun(re.sub(r"\s+of\s+.*$", "", right))
        other = ground.find_column(table, noun.words, fuzzy=True) if noun else None
        if other is None or other is column or not _comparable(table, column, other):
            return False
        table.add_check((column.name, other.name), f"{column.name} {operator} {other.name}")
        return True

    ground.defer(say, text)
    return True


def _comparable(table: Table, one: Column, other: Column) -> bool:
    """Whether an order of the two columns makes sense: times with times, numbers with numbers, no keys."""
    keys = {name for rule in table.rules if rule.kind in ("primary", "foreign") for name in rule.columns}
    kinds = {each.type.startswith(("date", "timestamp", "time")) for each in (one, other)}
    return not keys & {one.name, other.name} and len(kinds) == 1


def _operator(word: str, *, negated: bool) -> str:
    equal = "equal" in word or "on or" in word or word in ("at least", "at most") or "the same" in word
    more = word.startswith(
        ("later", "greater", "larger", "higher", "more", "bigger", "after", "on or after", "exceed", "at least")
    )
    if negated:
        more, equal = not more, not equal
    return (">" if more else "<") + ("=" if equal else "")
