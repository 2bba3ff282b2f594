"""Settings of tables, columns and triggers that the catalogs alone hold: as given, and set back by the undo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from postgast import pg_query_pb2 as pb

from postai.database.identifiers import quote_ident, quote_literal
from postai.migrate.picture import Relation
from postai.migrate.rewrites.dependents import note_settings
from postai.migrate.rewrites.way_back import listed
from postai.migrate.types import PlannedStep
from postai.migrate.work import Work, subcommand

# pg_attribute.attstorage, attcompression; pg_class.relreplident; pg_trigger.tgenabled
_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}
_COMPRESSION = {"": "DEFAULT", "p": "pglz", "l": "lz4"}
_IDENTITY = {"d": "DEFAULT", "f": "FULL", "n": "NOTHING"}
_INHERITED = (pb.AT_SetStatistics, pb.AT_SetStorage, pb.AT_SetCompression)
"""What is set for the partitions and children of a table, too, whatever each of them had."""
_FIRES = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def of_table(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """SET and RESET of storage parameters, REPLICA IDENTITY, CLUSTER ON, SET WITHOUT CLUSTER."""
    before = None
    for options, toast, identity, clustered in [] if relation.new else work.ask("settings", relation.oid):
        if command.subtype in (pb.AT_SetRelOptions, pb.AT_ResetRelOptions):
            before = listed(*_options(f"ALTER TABLE {relation.full_name}", command, {"": options, "toast": toast}))
        elif command.subtype == pb.AT_ReplicaIdentity:
            index = next((one for one in relation.indexes if one.identity), None)
            word = _IDENTITY.get(identity) or (f"USING INDEX {quote_ident(index.name)}" if index else None)
            before = word and f"ALTER TABLE {relation.full_name} REPLICA IDENTITY {word}"
        else:
            chosen = f"CLUSTER ON {quote_ident(clustered)}" if clustered else "SET WITHOUT CLUSTER"
            before = f"ALTER TABLE {relation.full_name} {chosen}"
    return [_as_given(work, relation, command, before)]


def of_column(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """SET STATISTICS, SET STORAGE, SET COMPRESSION, SET and RESET of attribute options, SET GENERATED."""
    before = _column_before(work, relation, command)
    if before is None or command.subtype not in _INHERITED:
        return [_as_given(work, relation, command, before)]
    below = [_column_before(work, child, command) for child in _below(relation)]
    return [_as_given(work, relation, command, listed(before, *(one for one in below if one is not None)))]


def _column_before(work: Work, relation: Relation, command: Any) -> str | None:
    """The statement that gives a column the setting of before; None where that is not known."""
    column = relation.column(command.name)
    if column is None or relation.new:
        return None
    alter = f"ALTER TABLE {relation.full_name} ALTER COLUMN {quote_ident(column.name)}"
    rows = work.ask("column_settings", [relation.oid, column.number])
    # A column that the same text makes has none of its own yet.
    target, storage, compression, options, identity = rows[0] if rows else (-1, "", "", None, "")
    match command.subtype:
        case pb.AT_SetStatistics:
            return f"{alter} SET STATISTICS {target}"
        case pb.AT_SetStorage:
            word = _STORAGE.get(storage) or ("DEFAULT" if work.version >= 16 else None)
            return word and f"{alter} SET STORAGE {word}"
        case pb.AT_SetCompression:
            return f"{alter} SET COMPRESSION {_COMPRESSION[compression]}"
        case pb.AT_SetIdentity:
            given = [item.def_elem.defname for item in getattr(command, "def").list.items]
            word = "ALWAYS" if identity == "a" else "BY DEFAULT"
            return f"{alter} SET GENERATED {word}" if given == ["generated"] and identity else None
        case _:
            return listed(*_options(alter, command, {"": options}))


def _below(relation: Relation) -> Iterator[Relation]:
    """Partitions and children, each before its own."""
    for child in relation.children:
        yield child
        yield from _below(child)


def of_triggers(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ENABLE and DISABLE TRIGGER."""
    every = command.subtype in (pb.AT_EnableTrigUser, pb.AT_DisableTrigUser)
    before = [
        f"ALTER TABLE {one.full_name} {_FIRES[fires]} TRIGGER {quote_ident(name)}"
        for one in (relation, *_below(relation))
        if not one.new
        for name, fires in work.ask("trigger_modes", one.oid)
        if every or name == command.name
    ]
    return [_as_given(work, relation, command, listed(*before) or None)]


def _options(alter: str, command: Any, before: Mapping[str, Sequence[str] | None]) -> list[str]:
    """Statements that give each named option the value of before, or none.

    Args:
        before: namespace of the options ("" or "toast") -> what is set, each `name=value`.
    """
    statements = []
    for item in getattr(command, "def").list.items:
        space, name = item.def_elem.defnamespace, item.def_elem.defname
        known = dict(one.split("=", 1) for one in before.get(space) or ())
        own = f"{quote_ident(space)}.{quote_ident(name)}" if space else quote_ident(name)
        value = known.get(name)
        statements.append(
            f"{alter} RESET ({own})" if value is None else f"{alter} SET ({own} = {quote_literal(value)})"
        )
    return statements


def _as_given(work: Work, relation: Relation, command: Any, undo: str | None) -> PlannedStep:
    note_settings(relation, pb.AlterTableType.Name(command.subtype), command)
    return work.plain(subcommand(relation, command), undo=undo, on=relation)
