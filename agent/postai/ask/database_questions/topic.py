"""What one entry of the registry says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Parameter = Literal["", "table", "setting", "word"]
DOCUMENTED = 4
"""Examples of a topic that stand in the manual."""
MANUAL = "https://www.postgresql.org/docs/current/"


@dataclass(frozen=True)
class Topic:
    """One thing that can be asked about the database itself.

    Words are written as `one|another|two words`: each stands for its singular and plural.

    Attributes:
        id: lower-case words with underscores; also the name of its block in `file`. A block `id_v17` replaces it from
            version 17 on.
        title: what it tells, for lists.
        explanation: what the rows mean, for the person who asked.
        examples: questions, of which the first `DOCUMENTED` stand in the manual. Those mean the topic also where the
            user's rows hold a word of them; a table or a column that is called so goes before.
        ways: alternatives; in each, every entry must occur in the question. The first entry of a way is its anchor: a
            question whose anchor is also a table or a column of the user is left to the other engines.
        also: words that may occur beside.
        clear: words that make it unmistakable, whatever the user's tables are called.
        docs: page of PostgreSQL's manual, with its anchor.
        file: the .sql file, without its ending.
        parameter: what else the question may name; "word" = anything that is nothing of the user's.
        needs_parameter: whether it must.
        ranked: the rows are ordered by what was asked for, so that "top 5" and "the biggest" may cut them.
        countable: each row is one of the things asked for, so that "how many" may count them.
        since: first major version that has it.
        extension: extension whose view it reads.
        otherwise: topic that stands in where the extension is missing.
    """

    id: str
    title: str
    explanation: str
    examples: tuple[str, ...]
    ways: tuple[tuple[str, ...], ...]
    docs: str
    file: str
    also: str = ""
    clear: str = ""
    parameter: Parameter = ""
    needs_parameter: bool = False
    ranked: bool = False
    countable: bool = False
    since: int = 14
    extension: str = ""
    otherwise: str = ""
