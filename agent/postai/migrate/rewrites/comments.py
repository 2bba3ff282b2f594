"""COMMENT ON: as given; the undo is the comment of before, where the catalogs tell it."""

from __future__ import annotations

from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident, quote_literal
from postai.database.protocol import Row
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, full_name, names_of_parts, strings, type_text

_RELATIONS = frozenset({pb.OBJECT_TABLE, pb.OBJECT_VIEW, pb.OBJECT_MATVIEW, pb.OBJECT_SEQUENCE})
_OF_TABLE = {pb.OBJECT_TRIGGER: "trigger", pb.OBJECT_POLICY: "policy"}


def comment(work: Work, tree: Any) -> list[PlannedStep]:
    """COMMENT ON anything; the undo is the comment of before, where it is known."""
    undo = None
    parts = strings(tree.object.list.items) if tree.object.WhichOneof("node") == "list" else []
    on = work.picture.find(parts[0], parts[1]) if len(parts) > 1 else None
    if tree.objtype == pb.OBJECT_INDEX and len(parts) == 2:
        known = work.picture.index(parts[0], parts[1])
        if known is not None:
            on = known[0]
            undo = f"COMMENT ON INDEX {known[1].full_name} IS {_literal(known[1].comment)}"
            known[1].comment = tree.comment or None
    elif len(parts) == 3 and (relation := work.picture.find(parts[0], parts[1])) is not None:
        if tree.objtype == pb.OBJECT_COLUMN and (column := relation.column(parts[2])) is not None:
            undo = f"COMMENT ON COLUMN {relation.full_name}.{quote_ident(parts[2])} IS {_literal(column.comment)}"
            column.comment = tree.comment or None
        elif tree.objtype == pb.OBJECT_TABCONSTRAINT and (constraint := relation.constraint(parts[2])) is not None:
            before = _literal(constraint.comment)
            undo = f"COMMENT ON CONSTRAINT {quote_ident(parts[2])} ON {relation.full_name} IS {before}"
            constraint.comment = tree.comment or None
    if on is not None and tree.objtype in _RELATIONS:
        undo = _with(work, tree, [(None,)] if on.new else work.ask("comment", on.oid))
    elif (place := _place(tree, parts)) is not None:
        undo = _with(work, tree, work.ask("comment_on", place))
    if on is not None and on.new and on.kind in ("r", "p"):
        undo = None  # it goes with its table
    return [work.plain(tree, undo=undo, on=on)]


def _place(tree: Any, parts: list[str]) -> list[str] | None:
    """What is spoken of, as the query `comment_on` wants it; None for a kind that it does not know."""
    match tree.objtype:
        case pb.OBJECT_TYPE | pb.OBJECT_DOMAIN:
            return ["type", type_text(tree.object.type_name)]
        case pb.OBJECT_SCHEMA:
            return ["schema", quote_ident(tree.object.string.sval)]
        case pb.OBJECT_FUNCTION | pb.OBJECT_PROCEDURE | pb.OBJECT_ROUTINE:
            routine = tree.object.object_with_args
            types = ", ".join(type_text(one.type_name) for one in routine.objargs)
            name = full_name(*names_of_parts(routine.objname))
            return ["function", name if routine.args_unspecified else f"{name}({types})"]
        case pb.OBJECT_TRIGGER | pb.OBJECT_POLICY if len(parts) == 3:
            return [_OF_TABLE[tree.objtype], full_name(parts[0], parts[1]), parts[2]]
        case _:
            return None


def _with(work: Work, tree: Any, known: list[Row]) -> str | None:
    """The same statement with the comment of before; None where that is not known."""
    if not known:
        return None
    before = type(tree)()
    before.CopyFrom(tree)
    before.comment = known[0][0] or ""
    return work.text(before)


def _literal(text: str | None) -> str:
    return "NULL" if text is None else quote_literal(text).strip()
