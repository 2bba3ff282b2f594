"""Plain values of drift: the parts of a schema, and where they are not what they should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Change = Literal["missing", "unexpected", "changed"]


@dataclass(frozen=True)
class Part:
    """One part of a schema.

    Attributes:
        kind: what it is: "table", "column", "index" ...
        of: the object, with its schema, quoted; of a part of a table the table.
        name: of the part, quoted; "" where the part is the object itself.
        parts: its text, in pieces that can be compared by themselves.
    """

    kind: str
    of: str
    name: str
    parts: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """Where a schema is not what it should be.

    Attributes:
        object: what it is about: "column public.orders.status".
        change: what happened to it.
        expected, actual: its text as it should be and as it is; None = it should not be there, it is not there.
        fix: statements that lead back, a semicolon between them; None = nothing does without losing data.
        part: what is missing, unexpected, or as it should be.
    """

    object: str
    change: Change
    expected: str | None
    actual: str | None
    fix: str | None
    part: Part
