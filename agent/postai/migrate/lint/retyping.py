"""What ALTER COLUMN ... TYPE does to the rows and indexes of a table, as far as the present type is known."""

from __future__ import annotations

from google.protobuf.message import Message

from postai.database.identifiers import quote_ident
from postai.migrate.lint.datatypes import (
    BUILT_IN,
    DataType,
    cast_in,
    data_type,
    may_rewrite,
    names_column,
    rewrites,
)
from postai.migrate.lint.phrasing import alter, script, type_text
from postai.migrate.lint.reading import definition
from postai.migrate.lint.rule import Here


def new_type(here: Here) -> DataType:
    """The type that the command names."""
    return data_type(definition(here.command).column_def.type_name)


def retype_rewrites(here: Here) -> bool | None:
    """Whether the command writes every row anew; None = that depends on what is not known."""
    wanted, name = new_type(here), here.command.name
    column = definition(here.command).column_def
    using = column.raw_default if column.HasField("raw_default") else None
    way = [wanted]
    if using is not None and not names_column(using, name):
        cast = cast_in(using, name)
        if cast is None:
            return True
        way.insert(0, cast)
    known = here.table.columns.get(name)
    if known is None or known.type is None:
        return _from_unknown(here, wanted, using)
    verdict: bool | None = False
    present = known.type
    for kind in way:
        step = _step_rewrites(here, present, kind)
        verdict = True if step else verdict if step is False else None
        if verdict:
            return True
        present = kind
    return verdict


def _step_rewrites(here: Here, old: DataType, new: DataType) -> bool | None:
    domain = here.world.type_of(new)
    if domain is not None and domain.constrained and old != new:
        return True
    return rewrites(_resolved(here, old), _resolved(here, new), utc=here.world.utc)


def changes_order(here: Here) -> bool:
    """Whether indexes over the column are built anew although the rows stay."""
    known = here.table.columns.get(here.command.name)
    if known is None or known.type is None:
        return False
    collated = definition(here.command).column_def.HasField("coll_clause")
    return collated or {known.type.name, new_type(here).name} == {"timestamp", "timestamptz"}


def by_second_column(here: Here) -> str:
    """The change by a second column that takes the place of the first."""
    name = here.command.name
    kind = type_text(definition(here.command).column_def.type_name)
    second, quoted = quote_ident(f"{name}_new"), quote_ident(name)
    return script(
        alter(here.tree, f"ADD COLUMN {second} {kind}"),
        f"-- a trigger that keeps {second} equal to {quoted}; fill it in batches; then, in one short transaction:",
        alter(here.tree, f"DROP COLUMN {quoted}"),
        alter(here.tree, f"RENAME COLUMN {second} TO {quoted}"),
    )


def _from_unknown(here: Here, wanted: DataType, using: Message | None) -> bool | None:
    """The verdict where the present type is not known."""
    user_type = here.world.type_of(wanted)
    if user_type is not None and user_type.base is not None:
        return True if user_type.constrained else None
    if wanted.name not in BUILT_IN and wanted.name != "citext":
        return True if using is not None or (user_type is not None and user_type.labels) else None
    return True if may_rewrite(wanted) else None


def _resolved(here: Here, kind: DataType) -> DataType:
    """The type under a domain."""
    user_type = here.world.type_of(kind)
    if user_type is not None and user_type.base is not None and not kind.array:
        return _resolved(here, user_type.base)
    return kind
