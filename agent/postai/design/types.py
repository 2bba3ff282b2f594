"""Plain values of schemas in words: what is proposed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Engine = Literal["grammar", "model"]
EngineChoice = Literal["auto", "grammar", "model"]
TriedIn = Literal["database", "schema"]


@dataclass(frozen=True)
class Proposed:
    """DDL for a description or a wish; nothing of it has been run on the real tables.

    Attributes:
        up: statements in order, without semicolons; those with CONCURRENTLY refuse a transaction block.
        down: statements that restore the tables, columns, types, defaults, constraints and indexes of before; values
            that `up` destroys are not restored, which a warning says.
        destructive: whether `up` destroys data.
        warnings: what people should know before they say yes, sentences that were not understood included.
        explanation: what was made of the description, in sentences.
        indexes: the CREATE INDEX statements of `up`, each followed by why it is there.
        mermaid: the tables that are made or changed, as a Mermaid erDiagram.
        engine: which engine read the words.
        tried: whether `up` and `down` ran on an empty copy.
        tried_in: what the copy lay in: a database of its own, or schemas of their own in the real one; None = no copy.
    """

    up: tuple[str, ...]
    down: tuple[str, ...]
    destructive: bool
    warnings: tuple[str, ...]
    explanation: str
    indexes: tuple[str, ...]
    mermaid: str
    engine: Engine
    tried: bool = False
    tried_in: TriedIn | None = None
