"""Lists in words: where an item ends, and what belongs to the one before it."""

from __future__ import annotations

import re

from postai.design.shelter import Shelter
from postai.design.verbs import RELATIVE

_FLAG_ONLY = re.compile(
    r"^(?:(?:an?|the|is|must be|,|and|but|globally|always)\s*)*(?:required|optional|mandatory|unique|distinct|"
    r"filled(?: in)?|not empty|"
    r"not null|never empty)(?:\s+and\s+"
    r"(?:required|optional|unique|mandatory))?$",
    re.I,
)


def split_list(text: str, shelter: Shelter) -> list[str]:
    """The items of a list, each with what is said about it behind."""
    text = shelter.protect_lists(text)
    pieces = [
        one.strip()
        for one in re.split(
            r"\s*,\s*(?:and\s+|as well as\s+|plus\s+)?|\s+(?:and|as well as|plus|&)\s+(?:also\s+)?", text
        )
        if one.strip()
    ]
    items: list[str] = []
    prefix = ""
    for piece in pieces:
        first = piece.split()[0].lower()
        if (
            _FLAG_ONLY.match(piece)
            and not re.match(r"(?:always )?(?:filled|not|never)", piece, re.I)
            and piece is not pieces[-1]
            and not prefix
            and (not items or re.match(r"(?:an?|the)\s", piece, re.I))
        ):
            # "a required, unique SKU": an adjective that waits for its noun
            prefix = piece + " "
            continue
        if items and re.match(
            r"(?:empty|unknown|null|blank|missing|not (?:yet )?known|initially|once|none|zero unless)\b", piece, re.I
        ):
            items[-1] += ", " + piece
            continue
        if items and re.match(
            r"(?!an?\s|the\s)(?:normally |usually )?[\w.-]+ (?:by default|when (?:created|new)|at first|initially|"
            r"to (?:begin|start) with|at the "
            r"(?:beginning|start)|unless .*)$|(?:exactly |max\.? |maximum |up to |at most |at least )?\d+ "
            r"(?:characters?|chars|letters|digits)\b|"
            r"(?:pk|primary key|not null|null|"
            r"nullable|indexed|auto[- ]?increment|generated|identity)$",
            piece,
            re.I,
        ):
            items[-1] += ", " + piece
            continue
        several = re.match(r"at (?:least|most) (?:\w+) [a-z]+s$", piece, re.I) and not re.search(
            r"characters|digits|letters", piece
        )
        if (
            items
            and not several
            and (
                (first in RELATIVE and first not in ("whether", "when"))
                or first
                in (
                    "with",
                    "default",
                    "defaults",
                    "defaulting",
                    "at",
                    "not",
                    "must",
                    "may",
                    "can",
                    "unless",
                    "if",
                    "but",
                    "or",
                    "is",
                    "are",
                    "up",
                    "between",
                    "starting",
                    "initially",
                    "both",
                )
                or _FLAG_ONLY.match(piece)
                or re.match(
                    r"(?:unique|required|optional|mandatory)\s+(?:per|within|for|in|among|if|when|until|across)\b",
                    piece,
                    re.I,
                )
                or piece.startswith("§")
            )
        ):
            items[-1] += ", " + piece
            continue
        items.append(prefix + piece)
        prefix = ""
    if prefix and items:
        items[-1] += ", " + prefix.strip()
    return items


def definition_items(text: str, shelter: Shelter) -> list[str]:
    """The items of a definition: "title, price > 0", or parted by semicolons, "email, unique; name"."""
    text = text.strip(" .,;")
    if ";" not in text:
        return [one for one in split_list(text, shelter) if one]
    found = []
    for one in text.split(";"):
        core, comma, details = one.strip().partition(",")
        found.append(f"{core} {shelter.keep(details.strip())}" if comma else core)
    return [one for one in found if one.strip()]
