"""What stands together as one token: brackets, and the values of an enumeration."""

from __future__ import annotations

import re

from postai.design.frames.grammar import ADVERBS, BE, DETERMINERS, HAVE, MODAL, NUMERALS, PREPOSITIONS, WH
from postai.design.frames.tokens import Tokens, text_of


class Group(str):
    """Brackets as one token.

    Attributes:
        inner: the tokens between them.
        glued: whether no blank stands before them, as in a notation: "tags(name)".
    """

    inner: Tokens
    glued: bool

    @staticmethod
    def of(inner: Tokens) -> Group:
        """The token for what stands in brackets."""
        made = Group(f"({text_of(inner)})")
        made.inner = inner
        made.glued = False
        return made


class Values(str):
    """An enumeration as one token.

    Attributes:
        values: in the order in which they stand.
        inner: the tokens, where they stood in brackets.
    """

    values: tuple[str, ...]
    inner: Tokens

    @staticmethod
    def of(values: list[str]) -> Values:
        """The token for values."""
        made = Values("«" + ", ".join(values) + "»")
        made.values = tuple(dict.fromkeys(values))
        made.inner = []
        return made


def bound(tokens: Tokens) -> Tokens:
    """The tokens with brackets and enumerations bound together."""
    return _enumerated(_bracketed(tokens))


def _bracketed(tokens: Tokens) -> Tokens:
    found: Tokens = []
    open_at: list[int] = []
    for one in tokens:
        if one == "(":
            open_at.append(len(found))
            found.append(one)
        elif one == ")" and open_at:
            at = open_at.pop()
            glued = at > 0 and found[at - 1] == "¤"
            made = Group.of(found[at + 1 :])
            made.glued = glued
            found[at - glued :] = [made]
        else:
            found.append(one)
    return [one for one in found if one not in ("(", ")")]


_NEVER = BE | HAVE | MODAL | DETERMINERS - {"no", "other", "all", "both", "any"} | WH | {"and", "or", "optional", "it"}
_HEADS = frozenset(
    {
        "stage",
        "state",
        "status",
        "phase",
        "mode",
        "role",
        "permission",
        "priority",
        "result",
        "outcome",
        "colour",
        "color",
    }
)
_OPENERS = frozenset(":") | {"is", "are", "be", "either", "of", "as", ","}


def _value(tokens: Tokens, at: int, *, plain: bool = False) -> int:
    """Where a value that begins at `at` ends; `at` = there is none."""
    end = at
    while end < len(tokens) and end - at < 3:
        one = tokens[end]
        low = one.lower()
        if one == "A" and (end + 1 == len(tokens) or tokens[end + 1] in (",", "or")):
            return end + 1
        if isinstance(one, (Group, Values)) or low in _NEVER or (not one[0].isalnum() and one[0] not in "\"'“-"):
            break
        if plain and low in PREPOSITIONS and (end + 1 == len(tokens) or tokens[end + 1] in (",", "or")) and end == at:
            return end + 1
        if (
            low in (PREPOSITIONS - {"off", "on", "in", "up", "to", "under", "above", "below", "at"}) | {"only"}
            and end == at
        ):
            break
        if low in PREPOSITIONS and end > at and low not in ("in", "on", "to", "out", "of", "up"):
            break
        if low in NUMERALS - {"most", "least"} and end == at:
            break
        if low in ("by", "unless", "initially", "usually", "normally", "when", "at", "today", "if") and end > at:
            break
        end += 1
    return end


def read_values(tokens: Tokens, at: int, *, plain: bool = False) -> tuple[list[str], int] | None:
    """The enumeration that begins at a token and where it ends: "low, medium or high".

    Args:
        plain: whether a list without "or" counts, as in brackets.
    """
    values: list[str] = []
    here = at
    while True:
        start = here
        if (
            tokens[here : here + 1]
            and tokens[here] in ("a", "an")
            and (plain or values or _either(tokens, at) or _or_not(tokens, at))
        ):
            start += 1
        end = _value(tokens, start, plain=plain)
        if end == start:
            return None
        values.append(_clean(tokens[start:end]))
        here = end
        sign = tokens[here].lower() if here < len(tokens) else ""
        if sign == "or" or (sign in (",", "/", "|") and tokens[here + 1 : here + 2] == ["or"]):
            here += 1 if sign == "or" else 2
            if tokens[here : here + 1] and tokens[here].lower() in ("a", "an"):
                here += 1
            end = _value(tokens, here, plain=plain)
            if end == here:
                return None
            values.append(_clean(tokens[here:end]))
            if end < len(tokens) and tokens[end].lower() == "or":
                here = end
                continue
            return (values, end) if _plausible(values) else None
        if sign in (",", "/", "|") or (plain and sign == "and"):
            here += 1
            if plain and tokens[here : here + 1] == ["and"]:
                here += 1
            continue
        if plain and len(values) > 1 and here >= len(tokens) and _plausible(values):
            return values, here
        return None


def _or_not(tokens: Tokens, at: int) -> bool:
    """ "Is a capital or not"."""
    low = [one.lower() for one in tokens[at + 1 : at + 5]]
    return any(low[i : i + 2] == ["or", "not"] for i in (1, 2))


def _either(tokens: Tokens, at: int) -> bool:
    return at > 0 and tokens[at - 1].lower() == "either"


def _clean(tokens: Tokens) -> str:
    return text_of(tokens).strip("\"'“”")


def _plausible(values: list[str]) -> bool:
    if len(values) < 2:
        return False
    low = {one.lower() for one in values}
    if low & {
        "more",
        "less",
        "fewer",
        "greater",
        "higher",
        "later",
        "unique",
        "optional",
        "empty",
        "unknown if",
        "null",
    }:
        return False
    if low <= {"more", "zero", "one", "two", "null", "none"}:
        return False
    return not any(re.match(r"(?:by|for|from|which|can|may|must|unless)\b", one) for one in low)


def _enumerated(tokens: Tokens) -> Tokens:
    found: Tokens = []
    at = 0
    while at < len(tokens):
        one = tokens[at]
        if isinstance(one, Group) and not (one.glued and "or" not in one.inner):
            listed = read_values(one.inner, 0, plain=True)
            rest = one.inner[listed[1] :] if listed else []
            if listed and (not rest or rest[0] in (",", ";")) and not _types(listed[0]):
                made = Values.of(listed[0])
                made.inner = one.inner
                found += [made, *([Group.of(rest[1:])] if rest[1:] else [])]
                at += 1
                continue
        if isinstance(one, Group):
            one.inner = _enumerated(one.inner)
        found.append(one)
        at += 1
        low = one.lower()
        if _slashed(found):
            if found[-2:-1] == [":"]:
                del found[-2]
            found[-1] = Values.of(one.split("/"))
            continue
        named = (
            low in _HEADS
            and at > 1
            and at < len(tokens)
            and tokens[at][0].isalpha()
            and tokens[at].lower() not in _NEVER
        )
        if named and (direct := read_values(tokens, at)) and not any(one in _OPENERS for one in (tokens[at].lower(),)):
            found.append(Values.of(direct[0]))
            at = direct[1]
            continue
        if low in _OPENERS and at < len(tokens):
            if low == "," and not _apposed(tokens, at):
                continue
            if low == "of" and tokens[at].lower() in NUMERALS | {"the"}:
                continue
            start = at
            while start < len(tokens) and tokens[start].lower() in ("either", "one", "of", "initially", "always", ":"):
                if tokens[start].lower() == "one" and tokens[start + 1 : start + 2] != ["of"]:
                    break
                start += 1
            lead = start > at and tokens[start - 1].lower() in ("of", ":")
            listed = read_values(tokens, start, plain=lead and tokens[start - 1].lower() == "of")
            if listed:
                if found[-1] in (",", ":"):
                    found.pop()
                found.append(Values.of(listed[0]))
                at = listed[1]
    return found


def _slashed(found: Tokens) -> bool:
    """Whether the last token is an enumeration: "open/sent/paid", or two values behind a colon."""
    one = found[-1]
    return (
        re.fullmatch(r"[A-Za-z]\w*(?:/[A-Za-z]\w*)+", one) is not None
        and one.lower() not in ("yes/no", "true/false", "n/a")
        and (one.count("/") > 1 or found[-2:-1] == [":"])
    )


_TYPE_WORDS = frozenset(
    {"integer", "text", "date", "boolean", "numeric", "unique", "optional", "required", "not null", "int"}
)


def _types(values: list[str]) -> bool:
    return any(set(one.lower().split()) & _TYPE_WORDS or (one[0].isdigit() and " " in one) for one in values)


def _apposed(tokens: Tokens, at: int) -> bool:
    """Whether "lead or assistant" behind a comma stands for what was named before it."""
    end = at
    while end < len(tokens) and tokens[end] not in (",", ";", ".") and tokens[end].lower() != "and":
        end += 1
    part = [one.lower() for one in tokens[at:end]]
    before = tokens[at - 2].lower() if at > 1 else ""
    return (
        "or" in part
        and len(part) <= 6
        and before not in ADVERBS
        and not any(one in _NEVER - {"or"} or one in PREPOSITIONS for one in part)
        and len([one for one in part if one == "or"]) == 1
    ) or (_later_or(tokens, at))


def _later_or(tokens: Tokens, at: int) -> bool:
    """ "a mode, voice, morse or data": nothing but bare words up to the "or"."""
    part: list[str] = []
    for one in tokens[at : at + 12]:
        low = one.lower()
        if low == "or":
            return bool(part) and part.count(",") >= 1
        if low == "and" or low in _NEVER or low in PREPOSITIONS or isinstance(one, (Group, Values)):
            return False
        part.append(low)
    return False
