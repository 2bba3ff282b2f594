"""What a run over everybody's statements could not do, told to anybody: counts and classes, nothing they say."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from postgast import pg_query_pb2 as pb

from postai.errors import PostaiError
from postai.optimize.types import Skipped
from postai.sql.nodes import messages
from postai.sql.parse import parse_one

_SYSTEM = frozenset({"pg_catalog", "information_schema", "postai", "postai_cache"})
_NOT_MEANT = ("has no plan that an index could change", "its plan reads no table", ".pg_stat_statements")
"""Parts of reasons of which nobody needs to be told: there is nothing to be advised."""
_WITHOUT_PLAN = re.compile(
    r"\s*(savepoint|release|rollback|set|reset|declare|fetch|close|listen|unlisten|notify)\b", re.I
)
"""Utility statements, whose normalized texts ("savepoint $1") are no SQL."""
_REASONS = (
    ("PostgreSQL cannot plan it: a table is locked", "others hold their tables locked"),
    ("its text is hidden", "their texts are hidden from the agent: GRANT pg_read_all_stats to its role"),
    ("its text is truncated", "their texts are truncated or no SQL"),
    ("its text", "their texts are too long or not known"),
    ("its reading form", "they cannot be written as a SELECT"),
    ("PostgreSQL cannot plan it: permission denied", "the agent's role may not read their tables: GRANT SELECT to it"),
    ("PostgreSQL cannot plan it", "PostgreSQL cannot plan them as they are written"),
    ("it cannot be planned", "PostgreSQL cannot plan them with the values that are known"),
)
NOT_COPIED = "not copied"
"""Beginning of notes that name a table or an index."""
_REFUSED = "the guard does not let them be planned"
_OF_THE_RUN = (
    "the time was over",
    "definitions changed",
    "what indexes save was estimated",
    "indexes of no use were not",
    "space was not looked at",
)
"""Beginnings of notes about the run as a whole; others speak of one statement."""


def left_out(skipped: Iterable[Skipped], texts: Mapping[str, str]) -> list[str]:
    """How many statements could not be considered, by class of reason, the most frequent first.

    Args:
        skipped: with reasons that may hold names and messages out of the statements.
        texts: of the statements by id.
    """
    reasons = Counter(
        next((told for beginning, told in _REASONS if one.reason.startswith(beginning)), _REFUSED)
        for one in skipped
        if not any(words in one.reason for words in _NOT_MEANT) and not is_about_the_system(texts.get(one.id, ""))
    )
    return [f"{_statements(number)} left out: {reason}" for reason, number in reasons.most_common(3)]


def of_the_run(notes: Iterable[str]) -> Iterator[str]:
    """The notes of a run without those that quote a statement, of which only the number is told."""
    quoting = copied = 0
    for note in notes:
        if note.startswith(NOT_COPIED):
            copied += 1
        elif note.startswith(_OF_THE_RUN):
            yield note
        else:
            quoting += 1
    if copied:
        yield f"{copied} tables or indexes could not be copied to plan with; post-ai optimize names them"
    if quoting:
        yield f"{_statements(quoting)} found that an index could serve only if written otherwise or with an extension"


def is_about_the_system(sql: str) -> bool:
    """Whether a statement touches only catalogs, postai and HypoPG, as postai and its installation do."""
    try:
        nodes = list(messages(parse_one(sql).tree))
    except PostaiError:
        return _WITHOUT_PLAN.match(sql) is not None
    own = {node.ctename for node in nodes if isinstance(node, pb.CommonTableExpr)}
    tables = [(n.schemaname, n.relname) for n in nodes if isinstance(n, pb.RangeVar) and n.relname not in own]
    functions = [[part.string.sval for part in n.funcname] for n in nodes if isinstance(n, pb.FuncCall)]
    return (
        bool(tables or functions)
        and all(schema in _SYSTEM or (not schema and name.startswith("pg_")) for schema, name in tables)
        and (bool(tables) or _are_own(functions))
    )


def _are_own(functions: Sequence[Sequence[str]]) -> bool:
    """Without a table: some are known as such, and none is of another schema; the rest are helpers like unnest."""
    known = [path[-1] == "set_config" or path[-1].startswith(("hypopg", "pg_")) for path in functions]
    schemas = {path[-2] for path in functions if len(path) > 1}
    return schemas <= _SYSTEM and (bool(schemas) or any(known))


def _statements(number: int) -> str:
    return f"{number} {'statement was' if number == 1 else 'statements were'}"
