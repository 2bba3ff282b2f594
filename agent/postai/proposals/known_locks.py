"""Table locks of statements whose form alone tells them, for steps that say nothing of their locks.

Facts: PostgreSQL's documentation, chapter "Explicit Locking", and the pages of the commands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Blocks = Literal["reads+writes", "writes", "ddl", "none"]


@dataclass(frozen=True, slots=True)
class KnownLock:
    """What a form of statement locks its table with, and what that keeps others from."""

    mode: str
    blocks: Blocks
    words: str


_GOES_ON = "reads and writes go on; other schema changes and VACUUM of the table wait"
_WAITS = f"{_GOES_ON}; it waits for transactions that are older than itself"
_LIGHT = KnownLock("ShareUpdateExclusiveLock", "ddl", _GOES_ON)
_CONCURRENT = KnownLock("ShareUpdateExclusiveLock", "ddl", _WAITS)
_FULL = KnownLock("AccessExclusiveLock", "reads+writes", "nobody reads or writes the table meanwhile")

_NAME = r'(?:"(?:[^"]|"")+"|[^\s"]+)'
_TABLE = rf"(?:if exists )?(?:only )?(?:{_NAME}\.)?{_NAME}"

FORMS: tuple[tuple[re.Pattern[str], KnownLock], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), lock)
    for pattern, lock in (
        (r"(create (unique )?|drop )index concurrently\b", _CONCURRENT),
        (r"reindex (\(.*?\) )?(index|table) concurrently\b", _CONCURRENT),
        (r"create (unique )?index\b", KnownLock("ShareLock", "writes", "nobody writes to the table while it is built")),
        (r"drop index\b", _FULL),
        (r"vacuum (full\b|\([^)]*\bfull\b)", _FULL),
        (r"vacuum\b", _LIGHT),
        (r"analyze\b", _LIGHT),
        (r"create statistics\b", _LIGHT),
        (r"comment on (table|column|index)\b", _LIGHT),
        (r"alter table (only )?\S+ (re)?set \(", _LIGHT),
        (r"alter table (only )?\S+ alter (column )?\S+ set statistics\b", _LIGHT),
        (rf"alter table {_TABLE} (add column|drop column|drop constraint|rename)\b", _FULL),
        (rf"alter table {_TABLE} alter (column )?{_NAME} (set|drop) (not null|default)\b", _FULL),
        (r"drop trigger\b", _FULL),
    )
)
"""Forms in the order in which they are tried."""


def known_lock(statement: str) -> KnownLock | None:
    """The lock of a statement; None where its form alone does not tell."""
    text = " ".join(statement.split())
    return next((lock for form, lock in FORMS if form.match(text)), None)
