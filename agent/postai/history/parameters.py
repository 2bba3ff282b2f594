"""Values of a statement's parameters, found by laying its text with constants over its text without them."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from postai.database.identifiers import quote_literal
from postai.errors import Refused
from postai.sql.parse import parse, statement_node

_PLACES = frozenset(
    {"location", "stmt_location", "stmt_len", "rexpr_list_start", "rexpr_list_end", "list_start", "list_end"}
)


def parameters_of(normalized: str, sample: str) -> tuple[str, ...] | None:
    """The constants that stand in `sample` where `normalized` has $1, $2, ...

    Args:
        normalized: one statement as pg_stat_statements shows it. A list that it shortened to one parameter, as
            PostgreSQL 18 does, gets the first constant of the list.
        sample: text of one statement or of several, of which the first that fits counts.

    Returns:
        SQL literals for $1, $2, ... in order; None = the texts do not fit or a parameter has no constant (it was a
        parameter of the client's).
    """
    try:
        patterns, samples = parse(normalized), parse(sample)
    except Refused:
        return None
    if len(patterns) != 1:
        return None
    for one in samples:
        found = _laid_over(patterns[0].tree, one.tree)
        if found is not None:
            return found
    return None


def _laid_over(pattern: Message, sample: Message) -> tuple[str, ...] | None:
    found: dict[int, str] = {}
    waiting: list[tuple[Any, Any]] = [(pattern, sample)]
    while waiting:
        one, other = waiting.pop()
        one, other = _bare(one), _bare(other)
        if _kind(one) == "ParamRef":
            literal = _literal(other)
            if literal is None:
                return None
            found.setdefault(one.number, literal)
        elif _kind(one) != _kind(other) or not _same_fields(one, other, waiting):
            return None
    if set(found) != set(range(1, len(found) + 1)):
        return None
    return tuple(found[number] for number in sorted(found))


def _same_fields(one: Any, other: Any, waiting: list[tuple[Any, Any]]) -> bool:
    """Whether two messages of one kind have the same values; messages below them are put on the list."""
    for field in one.DESCRIPTOR.fields:
        if field.name in _PLACES:
            continue
        mine, its = getattr(one, field.name), getattr(other, field.name)
        if field.message_type is None:
            if mine != its:
                return False
        elif field.is_repeated:
            shortened = len(mine) == 1 and len(its) > 1 and _kind(_bare(mine[0])) == "ParamRef"
            if len(mine) != len(its) and not shortened:
                return False
            waiting += zip(mine, its, strict=False)
        elif one.HasField(field.name) != other.HasField(field.name):
            return False
        elif one.HasField(field.name):
            waiting.append((mine, its))
    return True


def _bare(node: Any) -> Any:
    return statement_node(node) if _kind(node) == "Node" else node


def _kind(message: Message) -> str:
    return str(message.DESCRIPTOR.name)


def _literal(node: Any) -> str | None:
    """A constant as SQL; None = no constant."""
    if _kind(node) != "A_Const":
        return None
    if node.isnull:
        return "NULL"
    which = node.WhichOneof("val")
    if which == "ival":
        return str(node.ival.ival)
    if which == "fval":
        return str(node.fval.fval)
    if which == "boolval":
        return "true" if node.boolval.boolval else "false"
    if which == "bsval":
        text = str(node.bsval.bsval)
        return f"{text[0].upper()}'{text[1:]}'"
    return quote_literal(str(node.sval.sval)).strip()
