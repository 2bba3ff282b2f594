"""What a server lacks for its changes to be followed, each with the SQL that mends it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.stream import server
from postai.stream.server import Table

OWN_SCHEMA = "postai"


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is missing.

    Attributes:
        check: a word for it.
        level: "blocker": nothing can be followed; "warning": less is, or later; "note": it is so, and may stay so.
        what: one sentence.
        objects: tables that it is about.
        fix: SQL that mends it, or says what a person has to decide.
    """

    check: str
    level: Literal["blocker", "warning", "note"]
    what: str
    objects: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()


def event_triggers() -> str:
    """SQL by which changed definitions and rights are told in the log; for a superuser, once in each database."""
    return named_sql.load(__package__, "event_triggers.sql")["event_triggers"] + ";\n"


def no_event_triggers() -> str:
    """SQL that takes away what `event_triggers` made."""
    return named_sql.load(__package__, "event_triggers.sql")["no_event_triggers"] + ";\n"


def missing(db: Database, publication: str) -> tuple[Lack, ...]:
    """What stands in the way of following a database; the worst first.

    Args:
        db: a session of the role that is to follow it.
        publication: the name of its publication.
    """
    ((recovery, wal_level, slots, senders, may, exists, all_operations, via_root, everything),) = db.query(
        server.sql("settings"), (publication,)
    )
    found: list[Lack] = []
    fix: tuple[str, ...]
    if recovery:
        found.append(Lack("primary", "blocker", "the server is a standby", (), ("connect to the primary",)))
    if wal_level != "logical":
        fix = ("ALTER SYSTEM SET wal_level = 'logical'", "restart the server")
        found.append(Lack("wal_level", "blocker", f"wal_level is {wal_level}: nothing tells of changed rows", (), fix))
    if slots < 1:
        fix = ("ALTER SYSTEM SET max_replication_slots = ...", "restart the server")
        found.append(Lack("slots", "blocker", "no replication slot is free", (), fix))
    if senders < 1:
        fix = ("ALTER SYSTEM SET max_wal_senders = ...", "restart the server")
        found.append(Lack("senders", "blocker", "no walsender is free", (), fix))
    if not may:
        fix = (f"ALTER ROLE {quote_ident(_current_user(db))} REPLICATION",)
        found.append(Lack("rights", "blocker", "the role may not replicate", (), fix))
    name = quote_ident(publication)
    if exists and not all_operations:
        fix = (f"ALTER PUBLICATION {name} SET (publish = 'insert, update, delete, truncate')",)
        found.append(Lack("operations", "blocker", "the publication leaves out kinds of changes", (), fix))
    if exists and via_root:
        fix = (f"ALTER PUBLICATION {name} SET (publish_via_partition_root = false)",)
        found.append(Lack("root", "warning", "a TRUNCATE of a partition would not be told", (), fix))
    found += _tables(server.tables(db, publication), publication, exists=exists, everything=everything)
    if not server.tells_definitions(db):
        what = "no event trigger tells of changed definitions and rights: they are noticed late, by looking for them"
        found.append(Lack("event_triggers", "warning", what, (), (event_triggers(),)))
    return tuple(sorted(found, key=lambda one: ("blocker", "warning", "note").index(one.level)))


def _tables(tables: Iterable[Table], publication: str, *, exists: bool, everything: bool) -> list[Lack]:
    """What is wrong with which tables. None without a replica identity is added: its updates would then fail.

    Args:
        tables: all of the database.
        publication: the name of the publication.
        exists: whether there is one.
        everything: whether it is FOR ALL TABLES; no single table can be taken out of it.
    """
    by: dict[str | None, list[Table]] = {}
    for table in tables:
        own = table.schema == OWN_SCHEMA or table.schema.startswith(f"{OWN_SCHEMA}_")
        if not own or table.lacks == "updates fail":
            by.setdefault(table.lacks, []).append(table)
    name, found = quote_ident(publication), list[Lack]()
    fix: tuple[str, ...]
    for table in by.get("updates fail", ()):
        fix = (_identity(table), *(() if everything else (f"ALTER PUBLICATION {name} DROP TABLE {table.qualified}",)))
        how = "published FOR ALL TABLES" if everything else "published"
        what = f"{table.qualified} is {how} without a replica identity: its UPDATE and DELETE fail"
        found.append(Lack("updates_fail", "blocker", what, (table.qualified,), fix))
    for table in by.get("no identity", ()):
        fix = (_identity(table), f"ALTER PUBLICATION {name} ADD TABLE {table.qualified}")
        what = f"{table.qualified} has no replica identity, so that it cannot be published"
        found.append(Lack("identity", "warning", what, (table.qualified,), fix))
    wanted = tuple(one.qualified for one in (*by.get("not published", ()), *by.get("no publication", ())))
    if not exists or wanted:
        verb = f"ALTER PUBLICATION {name} ADD TABLE" if exists else f"CREATE PUBLICATION {name} FOR TABLE"
        fix = (f"{verb} {', '.join(wanted)}",) if wanted else (f"CREATE PUBLICATION {name}",)
        what = "some tables are not published" if exists else f"there is no publication {name}"
        found.append(Lack("publication", "warning" if exists else "blocker", what, wanted, fix))
    for table in by.get("filtered", ()):
        fix = (f"ALTER PUBLICATION {name} DROP TABLE {table.qualified}",
               f"ALTER PUBLICATION {name} ADD TABLE {table.qualified}")  # fmt: skip
        what = f"only some rows or columns of {table.qualified} are published"
        found.append(Lack("filtered", "warning", what, (table.qualified,), fix))
    if unlogged := tuple(table.qualified for table in by.get("unlogged", ())):
        found.append(Lack("unlogged", "note", "changes of unlogged tables are told by nothing", unlogged))
    return found


def _identity(table: Table) -> str:
    return f"ALTER TABLE {table.qualified} ADD PRIMARY KEY (...)  -- or REPLICA IDENTITY USING INDEX ..., or FULL"


def _current_user(db: Database) -> str:
    ((name,),) = db.query("select current_user::text")
    return str(name)
