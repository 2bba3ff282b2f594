"""Statements that are one and the same but for their values: planned once, with some of the values as parameter sets.

Literals in the place of parameters come from workload files and from drivers that write values into the text; entries
of pg_stat_statements that differ only in who ran them, or in the length of an IN list, come from the server itself.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import postgast
from google.protobuf.message import Message
from postgast import pg_query_pb2 as pb

from postai.optimize.types import WorkloadStatement
from postai.sql.nodes import messages

FEW_VALUES = 3
"""A literal that takes at most so many values in all statements of a kind is part of their meaning: it stays."""

LEAST_ALIKE = 5
"""So many statements differ only in literals before these are taken for parameters."""

MOST_SETS = 8
"""Parameter sets that are kept of statements taken together."""

_CONSTANTS = frozenset({"SCONST", "ICONST", "FCONST", "BCONST", "XCONST"})
_TYPE_WORDS = (["interval"], ["timestamp"], ["time"])
_COMMENTS = frozenset({"SQL_COMMENT", "C_COMMENT"})


@dataclass(frozen=True)
class _Read:
    """A statement's words.

    Attributes:
        kind: what is equal of statements that differ in values, layout and length of IN lists only.
        shape: the same with every member of its lists.
        literals: those that stand in it, and `places` where, in bytes.
        bare: whether there is no parameter in it.
    """

    statement: WorkloadStatement
    kind: str
    shape: str
    literals: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    bare: bool


def grouped(statements: Iterable[WorkloadStatement]) -> list[WorkloadStatement]:
    """The statements, with those taken together that are the same but for their values; their calls add up.

    Each group bears the name and, but for literals that became parameters, the text of the one that takes most time.
    """
    alike: dict[object, list[_Read]] = defaultdict(list)
    found: list[WorkloadStatement] = []
    for one in statements:
        read = _read(one)
        if read is None:
            found.append(one)
        else:
            alike[read.shape, read.bare, one.search_path].append(read)
    same: dict[object, list[_Read]] = defaultdict(list)
    for some in alike.values():
        for merged in _without_literals(some):
            same[merged.kind, merged.literals, merged.statement.search_path].append(merged)
    return [*found, *(_together(some) for some in same.values())]


def _read(statement: WorkloadStatement) -> _Read | None:
    """The words of a statement; None = it is no SQL."""
    data = statement.sql.encode()
    try:
        tokens = postgast.scan(statement.sql).tokens
    except postgast.PgQueryError:
        return None
    names = postgast.pg_query_pb2.Token.DESCRIPTOR.values_by_number
    words: list[str] = []
    short: list[str] = []
    literals: list[str] = []
    places: list[tuple[int, int]] = []
    parameters: list[int] = []
    before, begin = "", 0
    for token in tokens:
        name = names[token.token].name
        text = data[token.start : token.end].decode(errors="replace")
        if name in _COMMENTS:
            continue
        typed = name == "SCONST" and (before == "IDENT" or words[-1:] in _TYPE_WORDS)
        if name in _CONSTANTS and words[-1:] != ["zone"]:
            start = begin if typed else token.start  # date '2024-01-01' is one literal
            if typed:
                words.pop()
                short.pop()
            literals.append(data[start : token.end].decode(errors="replace"))
            places.append((start, token.end))
            word = "?"
        elif name == "PARAM":
            word = "?"
            parameters.append(int(text[1:]))
        else:
            # As the server does: of names without quotes only ASCII letters.
            word = text if text.startswith('"') else text.encode().lower().decode()
        before, begin = name, token.start
        words.append(word)
        short.append(word)
        if short[-5:] == ["in", "(", "?", ",", "?"]:
            del short[-2:]
    if parameters != list(range(1, len(parameters) + 1)):
        words = short = [
            *words,
            *(f"${one}" for one in parameters),
        ]  # the same order of parameters is another statement
    return _Read(statement, " ".join(short), " ".join(words), tuple(literals), tuple(places), not parameters)


def _without_literals(some: Sequence[_Read]) -> list[_Read]:
    """Statements of one shape, those that differ in literals of many values taken together."""
    if len(some) < LEAST_ALIKE or not some[0].bare or not some[0].literals:
        return list(some)
    columns = list(zip(*(one.literals for one in some), strict=True))
    varying = [number for number, values in enumerate(columns) if len(set(values)) > FEW_VALUES]
    parts: dict[tuple[str, ...], list[_Read]] = defaultdict(list)
    for one in some:
        parts[tuple(text for number, text in enumerate(one.literals) if number not in varying)].append(one)
    return [merged for part in parts.values() for merged in _parametrized(part, varying)]


def _parametrized(part: Sequence[_Read], varying: Sequence[int]) -> list[_Read]:
    """One statement with parameters for several with literals; themselves, where that cannot be written."""
    first = max(part, key=lambda one: _ms(one.statement))
    data = first.statement.sql.encode()
    for place in reversed(range(len(varying))):
        begin, end = first.places[varying[place]]
        data = data[:begin] + f"${place + 1}".encode() + data[end:]
    text = data.decode(errors="replace")
    try:
        other = any(_has_another_meaning(one) for one in messages(postgast.parse(text)))
    except postgast.PgQueryError:  # such as date '...', of which only the literal form exists
        return list(part)
    if other:
        return list(part)
    sets = [tuple(one.literals[number] for number in varying) for one in part]
    statement = replace(_sum([one.statement for one in part], first.statement), sql=text, parameters=_some(sets))
    kept = tuple(one for number, one in enumerate(first.literals) if number not in varying)
    return [replace(first, statement=statement, literals=kept, bare=not varying)]


def _has_another_meaning(node: Message) -> bool:
    """Whether a parameter stands where a number is no value: ORDER BY 1 names a column, ORDER BY $1 does not."""
    places: tuple[Message, ...] = ()
    if isinstance(node, pb.SortBy):
        places = (node.node,)
    elif isinstance(node, pb.SelectStmt):
        places = (*node.group_clause, *node.distinct_clause)
    elif isinstance(node, pb.GroupingSet):
        places = tuple(node.content)
    elif isinstance(node, pb.TypeName):
        places = tuple(node.typmods)
    return any(one.HasField("param_ref") for one in places if isinstance(one, pb.Node))


def _together(some: Sequence[_Read]) -> WorkloadStatement:
    """Several entries of one statement as one."""
    first = max(some, key=lambda one: _ms(one.statement)).statement
    if len(some) == 1:
        return first
    long = max((len(one) for one in first.parameters), default=0)
    sets = [one for read in some for one in read.statement.parameters if len(one) == long]
    return replace(_sum([one.statement for one in some], first), parameters=_some(sets))


def _sum(some: Sequence[WorkloadStatement], first: WorkloadStatement) -> WorkloadStatement:
    """Calls of all; time and rows of one call on average."""
    calls = sum(one.calls_per_day for one in some)
    timed = [(one.mean_ms, one.calls_per_day) for one in some if one.mean_ms is not None]
    counted = [(one.rows_per_call, one.calls_per_day) for one in some if one.rows_per_call is not None]
    return replace(first, calls_per_day=calls, mean_ms=_mean(timed), rows_per_call=_mean(counted))


def _mean(values: Sequence[tuple[float, float]]) -> float | None:
    weight = sum(calls for _, calls in values)
    return sum(value * calls for value, calls in values) / weight if weight > 0 else None


def _some(sets: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """A few of the parameter sets, from everywhere in their order."""
    different = list(dict.fromkeys(sets))
    step = max(1.0, len(different) / MOST_SETS)
    return tuple(different[int(number * step)] for number in range(min(MOST_SETS, len(different))))


def _ms(statement: WorkloadStatement) -> float:
    return (statement.mean_ms or 0.0) * statement.calls_per_day
