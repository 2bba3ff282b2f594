"""Settings of tables, columns and triggers that the catalogs alone hold: as given, and set back by the undo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
_FIRES = {"O": "ENABLE", "D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}


def of_table(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """SET and RESET of storage parameters, REPLICA IDENTITY, CLUSTER ON, SET WITHOUT CLUSTER."""
    before = None
    for options, toast, identity, clustered in work.ask("settings", relation.oid):
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
    column = relation.column(command.name)
    alter = f"ALTER TABLE {relation.full_name} ALTER COLUMN {quote_ident(command.name)}"
    before = None
    rows = work.ask("column_settings", [relation.oid, column.number]) if column is not None and relation.oid else []
    for target, storage, compression, options, identity in rows:
        match command.subtype:
            case pb.AT_SetStatistics:
                before = f"{alter} SET STATISTICS {target}"
            case pb.AT_SetStorage:
                before = f"{alter} SET STORAGE {_STORAGE[storage]}"
            case pb.AT_SetCompression:
                before = f"{alter} SET COMPRESSION {_COMPRESSION[compression]}"
            case pb.AT_SetIdentity:
                given = [item.def_elem.defname for item in getattr(command, "def").list.items]
                word = "ALWAYS" if identity == "a" else "BY DEFAULT"
                before = f"{alter} SET GENERATED {word}" if given == ["generated"] and identity else None
            case _:
                before = listed(*_options(alter, command, {"": options}))
    return [_as_given(work, relation, command, before)]


def of_triggers(work: Work, relation: Relation, command: Any) -> list[PlannedStep]:
    """ENABLE and DISABLE TRIGGER."""
    every = command.subtype in (pb.AT_EnableTrigUser, pb.AT_DisableTrigUser)
    before = [
        f"ALTER TABLE {relation.full_name} {_FIRES[fires]} TRIGGER {quote_ident(name)}"
        for name, fires in work.ask("trigger_modes", relation.oid)
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
