"""Values for the parameters of statements whose values nobody knows: common, ordinary and rare ones, from pg_stats."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from postai.database.identifiers import quote_literal
from postai.optimize.accesses import Access
from postai.optimize.facts import Values
from postai.optimize.statements import Prepared

ROUNDS = 3
"""Most parameter sets of one statement: common values, ordinary ones, rare ones."""

_BOUNDS: Mapping[str, tuple[float, float, float]] = {
    "lower": (0.95, 0.6, 0.99), "upper": (0.05, 0.4, 0.01), "both lower": (0.93, 0.5, 0.985),
    "both upper": (0.99, 0.55, 0.995),
}  # fmt: skip
"""Where in the order of all values the bounds of the three rounds lie."""

_PLAIN: Mapping[str, str] = {
    "boolean": "true", "interval": "1 day", "uuid": "00000000-0000-0000-0000-000000000000", "json": "null",
    "jsonb": "null", "tsquery": "word", "date": "today", "timestamp without time zone": "now",
    "timestamp with time zone": "now", "inet": "10.0.0.1", "cidr": "10.0.0.0/8", "point": "(0,0)",
    "text": "x", "character varying": "x", "character": "x", "name": "x", "bytea": "",
}  # fmt: skip
_NUMBERS = frozenset({"smallint", "integer", "bigint", "numeric", "real", "double precision", "oid"})


@dataclass(frozen=True)
class Slot:
    """Where a parameter stands.

    Attributes:
        table_oid, column: the column that it is compared with.
        kind: of the clause, for ranges which bound: lower, upper, both lower, both upper.
        operator: as printed.
    """

    table_oid: int
    column: str
    kind: str
    operator: str


def slots(accesses: Iterable[Access]) -> dict[int, Slot]:
    """Number of a parameter -> where it stands, from the generic plan."""
    found: dict[int, Slot] = {}
    for access in accesses:
        bounds: dict[str, set[str]] = {}
        for clause in access.clauses:
            if clause.kind == "range":
                bounds.setdefault(clause.term.text, set()).add(clause.operator[0])
        for clause in access.clauses:
            number = clause.value.parameter if clause.value is not None else None
            if not number or not clause.terms or clause.term.column is None:
                continue
            kind: str = clause.kind
            if clause.kind == "range":
                side = "lower" if clause.operator[0] == ">" else "upper"
                kind = f"both {side}" if len(bounds[clause.term.text]) == 2 else side
            found.setdefault(number, Slot(access.table.oid, clause.term.column, kind, clause.operator))
    return found


def sample(
    prepared: Prepared, types: Sequence[str], places: Mapping[int, Slot], values: Mapping[tuple[int, str], Values]
) -> tuple[tuple[str, ...], ...]:
    """Parameter sets, each once; () when some parameter has a type of which no value is known.

    Args:
        prepared: the statement.
        types: of its parameters, as PostgreSQL names them.
        places: from `slots`.
        values: of the columns that the places name.
    """
    rounds = []
    for number in range(ROUNDS):
        literals = [
            _literal(prepared, n, types[n - 1], places.get(n), values, number) for n in range(1, len(types) + 1)
        ]
        known = tuple(one for one in literals if one is not None)
        if len(known) < len(literals):
            return ()
        rounds.append(known)
    return tuple(dict.fromkeys(rounds))


def _literal(
    prepared: Prepared,
    number: int,
    type_name: str,
    place: Slot | None,
    values: Mapping[tuple[int, str], Values],
    turn: int,
) -> str | None:
    if number in prepared.limits:
        return "20"
    if number in prepared.offsets:
        return "0"
    known = values.get((place.table_oid, place.column)) if place is not None else None
    value = _value(place, known, turn) if place is not None and known is not None else None
    if value is None:
        return _plain(type_name)
    if place is not None and place.kind == "in":
        value = "{" + _quoted(value) + "}"
    return quote_literal(value).strip()


def _value(place: Slot, known: Values, turn: int) -> str | None:
    if place.kind in _BOUNDS:
        ordered = known.between or tuple(value for value, _ in known.common)
        share = _BOUNDS[place.kind][turn]
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
    if place.kind == "pattern":
        return _pattern(known, place.operator, turn)
    if place.kind not in ("equal", "in", "unequal", "other"):
        return None
    common = [value for value, _ in known.common]
    middle = known.between[len(known.between) // 2] if known.between else None
    if turn == 0:
        return common[0] if common else middle
    if turn == 1:
        return middle if middle is not None else (common[len(common) // 2] if common else None)
    return common[-1] if common else middle


def _pattern(known: Values, operator: str, turn: int) -> str | None:
    """A pattern made from a value: at its beginning in one round, inside it in another."""
    text = next(iter(known.between[len(known.between) // 2 :]), None) or next((one for one, _ in known.common), None)
    if text is None:
        return None
    letters = "".join(one for one in text if one.isalnum() or one == " ")[:5].strip() or "x"
    if operator in ("~", "~*"):
        return f"^{letters}" if turn == 0 else letters
    if operator == "^@":
        return letters
    return f"{letters}%" if turn == 0 else f"%{letters}%"


def _plain(type_name: str) -> str | None:
    base = type_name.partition("(")[0]
    if base.endswith("[]"):
        return "'{}'"
    if base in _NUMBERS:
        return "1"
    return quote_literal(_PLAIN[base]).strip() if base in _PLAIN else None


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
