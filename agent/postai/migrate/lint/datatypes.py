"""Column types as PostgreSQL means them, and whether changing one for another writes the table anew."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

_BINARY_COERCIBLE = frozenset(
    {("varchar", "text"), ("text", "varchar"), ("cidr", "inet"), ("xml", "text"), ("xml", "varchar"),
     ("int4", "oid"), ("oid", "int4"), ("bit", "varbit"), ("varbit", "bit"), ("citext", "text"), ("text", "citext"),
     ("citext", "varchar"), ("varchar", "citext")}
)  # fmt: skip
"""Casts without a function (pg_cast.castmethod = 'b') that people use."""

_GROWS = frozenset({"varchar", "varbit"})
_PRECISION = frozenset({"timestamp", "timestamptz", "time", "timetz"})
_HIGHEST_PRECISION = 6
_SERIALS = {
    "serial": "int4", "serial4": "int4", "bigserial": "int8", "serial8": "int8", "smallserial": "int2",
    "serial2": "int2",
}  # fmt: skip
_ALIASES = {"decimal": "numeric"}

# From an unknown type these may be free of a rewrite: people widen and relax types far more often than they cast.
_MAYBE_FREE = frozenset(
    {"text", "varchar", "citext", "numeric", "timestamptz", "timestamp", "time", "timetz", "interval", "varbit",
     "inet", "oid"}
)  # fmt: skip


@dataclass(frozen=True)
class DataType:
    """A type with its modifiers.

    Attributes:
        schema: None for built-in types and names without a schema.
        name: PostgreSQL's internal name, "int8", "varchar", "bpchar" for char(n).
        modifiers: numbers in brackets: varchar(40) has (40,).
        array: whether it is an array of that.
        serial: whether it was written as serial, bigserial or smallserial.
    """

    schema: str | None
    name: str
    modifiers: tuple[int, ...] = ()
    array: bool = False
    serial: bool = False

    @property
    def is_user_made(self) -> bool:
        """Whether it may be a domain, an enum or another type that is not PostgreSQL's own."""
        return self.name not in BUILT_IN


BUILT_IN = frozenset(
    [
        "bool",
        "bytea",
        "char",
        "name",
        "int2",
        "int4",
        "int8",
        "oid",
        "text",
        "json",
        "jsonb",
        "xml",
        "float4",
        "float8",
        "numeric",
        "money",
        "bpchar",
        "varchar",
        "date",
        "time",
        "timetz",
        "timestamp",
        "timestamptz",
        "interval",
        "bit",
        "varbit",
        "uuid",
        "inet",
        "cidr",
        "macaddr",
        "macaddr8",
        "point",
        "line",
        "lseg",
        "box",
        "path",
        "polygon",
        "circle",
        "tsvector",
        "tsquery",
        "regclass",
        "regproc",
        "regtype",
        "int4range",
        "int8range",
        "numrange",
        "tsrange",
        "tstzrange",
        "daterange",
        "int4multirange",
        "int8multirange",
        "nummultirange",
        "tsmultirange",
        "tstzmultirange",
        "datemultirange",
        "pg_lsn",
        "txid_snapshot",
        "xid",
    ]
)


def data_type(node: Any) -> DataType:
    """The type that a `TypeName` node names."""
    names = [item.string.sval for item in node.names]
    name = _ALIASES.get(names[-1], names[-1])
    schema = names[-2] if len(names) > 1 and names[-2] != "pg_catalog" else None
    serial = schema is None and name in _SERIALS
    modifiers = tuple(_number(item) for item in node.typmods)
    return DataType(schema, _SERIALS[name] if serial else name, modifiers, bool(node.array_bounds), serial)


def _number(node: Any) -> int:
    """A constant of a modifier; -1 for what is no number."""
    if node.WhichOneof("node") != "a_const":
        return -1
    return int(node.a_const.ival.ival)


def rewrites(old: DataType, new: DataType, *, utc: bool | None) -> bool | None:
    """Whether changing a column from one type to the other writes every row anew; None = it depends on what is unknown.

    Both types are no domains. Facts: ATColumnChangeRequiresRewrite and the support functions of length coercions.

    Args:
        utc: whether the session's time zone never differs from UTC; None = unknown.
    """
    if old.array != new.array:
        return True
    if old.array and old != new and new.modifiers:
        return True
    if old.name == new.name and (old.schema == new.schema or None in (old.schema, new.schema)):
        return _modifier_rewrites(new.name, old.modifiers, new.modifiers)
    if old.array:
        return True
    if {old.name, new.name} == {"timestamp", "timestamptz"}:
        if _modifier_rewrites(new.name, old.modifiers, new.modifiers):
            return True
        return None if utc is None else not utc
    if (old.name, new.name) in _BINARY_COERCIBLE:
        kept = old.modifiers if old.name in _GROWS and new.name in _GROWS else ()
        return _modifier_rewrites(new.name, kept, new.modifiers)
    return True


def may_rewrite(new: DataType) -> bool:
    """Whether a change to this type from an unknown one surely writes every row anew."""
    return new.array or (new.name in BUILT_IN and new.name not in _MAYBE_FREE)


def _modifier_rewrites(name: str, old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    """Whether a change of the modifiers alone touches the rows."""
    if old == new or not new:
        return False
    if name in _PRECISION:
        before = old[0] if old else _HIGHEST_PRECISION
        return new[0] < min(before, _HIGHEST_PRECISION)
    if not old:
        return True
    if name in _GROWS:
        return new[0] < old[0]
    if name == "numeric":
        scales = [modifiers[1] if len(modifiers) > 1 else 0 for modifiers in (old, new)]
        return scales[0] != scales[1] or new[0] < old[0]
    return True


def cast_in(using: Message, column: str) -> DataType | None:
    """The type that a USING clause casts the column to, `column::type`; None when it does more."""
    node: Any = using
    if node.WhichOneof("node") != "type_cast" or not names_column(node.type_cast.arg, column):
        return None
    return data_type(node.type_cast.type_name)


def names_column(expression: Any, column: str) -> bool:
    """Whether an expression is the column and nothing else."""
    if expression.WhichOneof("node") != "column_ref":
        return False
    fields = expression.column_ref.fields
    return bool(fields) and fields[-1].string.sval == column
