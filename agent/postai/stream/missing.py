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
        fix: statements that mend it, without semicolons; what begins with "--" is a line for a person.
    """

    check: str
    level: Literal["blocker", "warning", "note"]
    what: str
    objects: tuple[str, ...] = ()
    fix: tuple[str, ...] = ()

    def script(self) -> str:
        """What mends it as psql takes it; "" = nothing does."""
        return "\n".join(one if one.startswith("--") else f"{one.rstrip().rstrip(';')};" for one in self.fix)


ROOM = 10
"""Replication slots and walsenders that are made room for where none is free."""
RESTART = "-- then restart the server"


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
    ((recovery, wal_level, slots, senders, may, exists, all_operations, via_root, *most),) = db.query(
        server.sql("settings"), (publication,)
    )
    most_slots, most_senders = most
    found: list[Lack] = []
    fix: tuple[str, ...]
    if recovery:
        found.append(Lack("primary", "blocker", "the server is a standby", (), ("-- connect to the primary",)))
    if wal_level != "logical":
        fix = ("ALTER SYSTEM SET wal_level = 'logical'", RESTART)
        found.append(Lack("wal_level", "blocker", f"wal_level is {wal_level}: nothing tells of changed rows", (), fix))
    if slots < 1:
        fix = (f"ALTER SYSTEM SET max_replication_slots = {most_slots + ROOM}", RESTART)
        found.append(Lack("slots", "blocker", "no replication slot is free", (), fix))
    if senders < 1:
        fix = (f"ALTER SYSTEM SET max_wal_senders = {most_senders + ROOM}", RESTART)
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
    found += _tables(server.tables(db, publication), publication, exists=exists)
    if not server.tells_definitions(db):
        what = "no event trigger tells of changed definitions and rights: they are noticed late, by looking for them"
        found.append(Lack("event_triggers", "warning", what, (), (event_triggers(),)))
    return tuple(sorted(found, key=lambda one: ("blocker", "warning", "note").index(one.level)))


def _tables(tables: Iterable[Table], publication: str, *, exists: bool) -> list[Lack]:
    """What is wrong with which tables. None without a replica identity is added: its updates would then fail.

    Args:
        tables: all of the database.
        publication: the name of the publication.
        exists: whether there is one.
    """
    by: dict[str | None, list[Table]] = {}
    for table in tables:
        own = table.schema == OWN_SCHEMA or table.schema.startswith(f"{OWN_SCHEMA}_")
        if not own or table.lacks == "updates fail":
            by.setdefault(table.lacks, []).append(table)
    name, found = quote_ident(publication), list[Lack]()
    fix: tuple[str, ...]
    for table in by.get("updates fail", ()):
        what = f"{table.qualified} is {_HOW[table.published]}, and has no replica identity: its UPDATE and DELETE fail"
        out = ("-- Or leave it out: ALTER PUBLICATION ... DROP TABLE ...",) if table.published == "itself" else ()
        found.append(Lack("updates_fail", "blocker", what, (table.qualified,), (*_identity(table), *out)))
    for table in by.get("no identity", ()):
        add = () if table.published else (f"ALTER PUBLICATION {name} ADD TABLE {table.qualified}",)
        fix = (*_identity(table), *add)
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


_HOW = {
    None: "published",
    "itself": "published",
    "partition": "published with the table of which it is a partition",
    "schema": "published with its schema",
    "all tables": "published FOR ALL TABLES",
}


def _identity(table: Table) -> tuple[str, ...]:
    """How its rows are told apart; whatever publishes it, its UPDATE and DELETE work then."""
    return (
        "-- Better, where it can have one: ALTER TABLE ... ADD PRIMARY KEY (...). FULL writes whole rows to the log.",
        f"ALTER TABLE {table.qualified} REPLICA IDENTITY FULL",
    )


def _current_user(db: Database) -> str:
    ((name,),) = db.query("select current_user::text")
    return str(name)
