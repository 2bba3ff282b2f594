"""Questions that ask for a change of data or schema."""

from __future__ import annotations

import re

_COMMANDS = (
    "delete", "remove", "drop", "truncate", "insert", "update", "alter", "rename", "erase", "wipe", "purge",
    "grant", "revoke", "merge",
)  # fmt: skip
_OBJECTS = (
    r"(?:tables?|columns?|index(?:es)?|rows?|records?|constraints?|schemas?|databases?|views?|foreign keys?"
    r"|primary keys?|fields?)"
)
_POLITE = (
    r"(?:please |can you |could you |would you |i want (?:you )?to |i need (?:you )?to |i'd like (?:you )?to |let's "
    r"|now |go ahead and |just )*"
)

_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^\W*{_POLITE}(?:{'|'.join(_COMMANDS)})\b",
        rf"^\W*{_POLITE}(?:add|create|make|build) (?:a |an |the |new |some )*(?:\w+ ){{0,3}}{_OBJECTS}\b",
        rf"^\W*{_POLITE}(?:set|change|increase|decrease|raise|lower|mark|cancel|reset|archive|move|replace|fix|correct"
        r"|swap) (?:the |all |every |each |any )",
        rf"^\W*{_POLITE}(?:add|create|register|enter) (?:a |an |the )?(?:new )(?!\w*s\b)\w+",
        r"(?:\band then|;|\bthen)\s+(?:delete|remove|drop|truncate|insert|update|alter)\b",
    )
)


_AHEAD = re.compile(
    r"^\W*(?:what|which|how|who|when|where|is|are|do|does)\b[^.?!]*\b(?:will|should|shall|ought)\b"
    r"|\b(?:predict|forecast|recommend me|in your opinion)\b",
    re.IGNORECASE,
)


def asks_for_judgement(question: str) -> bool:
    """Whether the question is about what will or should be: nothing stored tells that."""
    return bool(_AHEAD.search(question))


def asks_for_change(question: str) -> bool:
    """Whether the question is an order to change something ("delete all orders"), not a question about changes."""
    return any(pattern.search(question) for pattern in _PATTERNS)
