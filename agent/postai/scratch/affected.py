"""What a statement can touch in a database: the relations it names and those that depend on them or they on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from postai.database import Database, named_sql
from postai.deadline import Deadline
from postai.errors import Refused

MOST_RELATIONS = 5000
"""Relations that are copied at most; each takes about a millisecond."""


@dataclass(frozen=True)
class Names:
    """What statements name.

    Attributes:
        objects: schema (None = not written) and name, unquoted; one name may stand for objects of several kinds.
        schemas: schemas all of whose relations are meant.
        everything: whether every relation of the database is meant.
        spreading: whether tables that refer to a named one are meant too, and those that refer to these (TRUNCATE ...
            CASCADE).
    """

    objects: frozenset[tuple[str | None, str]]
    schemas: frozenset[str] = frozenset()
    everything: bool = False
    spreading: bool = False


@dataclass(frozen=True)
class Affected:
    """Objects to copy, by oid.

    Attributes:
        relations: tables, views, materialized views, sequences, foreign tables.
        needed: catalog ("pg_type", "pg_proc", ...) -> objects that these are made of.
        extensions: extension -> its schema.
    """

    relations: frozenset[int]
    needed: dict[str, frozenset[int]] = field(default_factory=dict)
    extensions: dict[str, str] = field(default_factory=dict)


def affected(db: Database, names: Names, path: Sequence[str], deadline: Deadline) -> Affected:
    """Everything that the named objects are part of.

    Of the named relations: their partitions and parents, indexes' tables, sequences, all views over them, partners of
    their foreign keys; of views the relations they read; of types and functions the relations that use them.

    Args:
        db: a session; only catalogs are read.
        names: what is named; what does not exist is left out.
        path: schemas in which names without a schema are looked up.

    Raises:
        Refused: more than `MOST_RELATIONS` relations.
    """
    asked = json.dumps([{"schema": schema, "name": name} for schema, name in sorted(names.objects, key=str)])
    found: dict[str, set[int]] = {"relation": set(), "type": set(), "function": set()}
    for kind, oid in db.query(_block("resolve"), (asked, list(path))):
        found[kind].add(oid)
    core = found["relation"]
    if names.everything or names.schemas:
        wanted = None if names.everything else sorted(names.schemas)
        core |= {oid for (oid,) in db.query(_block("whole"), (wanted,))}
    for kind, block in (("type", "using_types"), ("function", "using_functions")):
        if found[kind]:
            core |= {oid for (oid,) in db.query(_block(block), (sorted(found[kind]),))}
    relations = _closure(db, core, names.spreading, deadline)
    return _with_needs(db, relations, found)


def _closure(db: Database, core: set[int], spreading: bool, deadline: Deadline) -> set[int]:
    """The core with everything that depends on it, and partners with what they are made of."""
    up = {"same", "read by"} | ({"referenced by"} if spreading else set())
    partners: set[int] = set()
    fresh_core, fresh = set(core), set[int]()
    while fresh_core or fresh:
        deadline.check()
        reached_core, reached = set[int](), set[int]()
        for kind, oid in _neighbours(db, fresh_core):
            (reached_core if kind in up else reached).add(oid)
        reached |= {oid for kind, oid in _neighbours(db, fresh) if kind in ("same", "reads")}
        fresh_core = reached_core - core
        core |= fresh_core
        fresh = reached - partners - core
        partners |= fresh
        if len(core) + len(partners) > MOST_RELATIONS:
            raise Refused(
                f"the statements touch more than {MOST_RELATIONS} relations",
                hint="Give statements that name single tables.",
            )
    return core | partners


def _neighbours(db: Database, oids: set[int]) -> list[tuple[str, int]]:
    return [(kind, oid) for kind, oid in db.query(_block("neighbours"), (sorted(oids),))] if oids else []


def _with_needs(db: Database, relations: set[int], found: dict[str, set[int]]) -> Affected:
    needed: dict[str, set[int]] = {}
    extensions: dict[str, str] = {}
    arguments = (sorted(relations), sorted(found["type"]), sorted(found["function"]))
    for catalog, oid, extension, schema in db.query(_block("needs"), arguments):
        if extension is not None:
            extensions[extension] = schema
        else:
            needed.setdefault(catalog, set()).add(oid)
    return Affected(
        frozenset(needed.get("pg_class", ())),
        {catalog: frozenset(oids) for catalog, oids in needed.items()},
        extensions,
    )


def _block(name: str) -> str:
    return named_sql.load(__package__, "affected.sql")[name]
