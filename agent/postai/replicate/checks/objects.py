"""Checks of everything else that is defined in the source, and of what is in the target already."""

from __future__ import annotations

import re
from collections.abc import Iterator

from postai.database.identifiers import quote_ident, quote_literal
from postai.replicate.checks.check import STREAMS, Check, Ground, blocker, counted, note, warning
from postai.replicate.types import Finding, Level, Side

FILE = "objects"
# Settings that are lists: the server keeps them quoted, item by item.
_LISTS = {"search_path", "local_preload_libraries", "session_preload_libraries", "temp_tablespaces"}


def extensions(ground: Ground) -> Iterator[Finding]:
    wanted = {row[0]: row[1:] for row in ground.query(Side.SOURCE, FILE, "extensions")}
    there = {row[0]: row[1:] for row in ground.query(Side.TARGET, FILE, "available", (list(wanted),))}
    installed = {row[0]: row[1] for row in ground.query(Side.TARGET, FILE, "extensions")}
    for name, (version, used) in wanted.items():
        if name not in there and name not in installed:
            level = blocker if used else warning
            yield level(Side.TARGET, f"extension {name} is not available there, {used or 'no'} objects of the user "
                        "need it", (name,), (f"install its package on the target's server, for version {version}",
                        f"or on the source: DROP EXTENSION {quote_ident(name)}"))  # fmt: skip
            continue
        has = installed.get(name) or there[name][0]
        if _numbers(has) < _numbers(version):
            yield warning(Side.TARGET, f"extension {name} is {version} on the source, and {has} there", (name,),
                          ("install the newer version on the target's server",
                           *((f"ALTER EXTENSION {quote_ident(name)} UPDATE",)
                             if name in installed else ())))  # fmt: skip
        elif has != version:
            yield note(Side.TARGET, f"extension {name} is {version} on the source, and {has} there", (name,))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in re.findall(r"\d+", version))


def extension_tables(ground: Ground) -> Iterator[Finding]:
    if tables := [name for (name,) in ground.query(Side.SOURCE, FILE, "extension_tables")]:
        yield warning(Side.SOURCE, f"{counted(len(tables), 'table')} of extensions may hold rows of yours: they are "
                                   "not followed", tables, ("copy them after the switch, as the extension's manual "
                                                            "says",))  # fmt: skip


def c_functions(ground: Ground) -> Iterator[Finding]:
    if rows := ground.query(Side.SOURCE, FILE, "c_functions"):
        yield warning(Side.SOURCE, f"{counted(len(rows), 'function')} in C: the library must be on the target",
                      [f"{name} in {library}" for name, library in rows],
                      ("install the libraries on the target's server, built for its version",))  # fmt: skip


def event_triggers(ground: Ground) -> Iterator[Finding]:
    if rows := ground.query(Side.SOURCE, FILE, "event_triggers"):
        always = [name for name, state in rows if state in ("A", "R")]
        yield note(Side.SOURCE, f"{counted(len(rows), 'event trigger sees', 'event triggers see')} what the move "
                                "does on the source; "
                                f"they need a superuser on the "
                                f"target{f' ({len(always)} always fire)' if always else ''}",
                   [name for name, _ in rows],
                   [f"ALTER EVENT TRIGGER {name} DISABLE" for name, _ in rows])  # fmt: skip


def ddl_capture(ground: Ground) -> Iterator[Finding]:
    facts = ground.probe.source
    if not facts.server.superuser:
        managed = facts.managed in ("rds", "cloudsql", "azure", "supabase")
        also = "; this provider's administrator may have the right" if managed else ""
        yield note(Side.SOURCE, f"{facts.user} may make no event trigger{also}: changes of definitions are noticed by "
                   "comparing them again and again")  # fmt: skip


def publications(ground: Ground) -> Iterator[Finding]:
    if names := [name for (name,) in ground.query(Side.SOURCE, FILE, "publications")]:
        yield note(Side.SOURCE, f"{counted(len(names), 'publication moves', 'publications move')}; a subscriber "
                                "follows the source "
                   "until somebody points it at the target", names)  # fmt: skip


def subscriptions(ground: Ground) -> Iterator[Finding]:
    if names := [name for (name,) in ground.query(Side.SOURCE, FILE, "subscriptions")]:
        yield blocker(Side.SOURCE, f"{counted(len(names), 'subscription brings', 'subscriptions bring')} changes "
                                   "into the source: no fence "
                                   "stops them, and a stream of what was written here may leave them out", names,
                      [f"ALTER SUBSCRIPTION {name} DISABLE" for name in names])  # fmt: skip


def other_slots(ground: Ground) -> Iterator[Finding]:
    if rows := ground.query(Side.SOURCE, FILE, "slots"):
        yield note(Side.SOURCE, f"{counted(len(rows), 'logical slot')} of others: their readers begin anew on the "
                                "target",
                   [f"{name} ({plugin})" for name, plugin in rows])  # fmt: skip


def security_labels(ground: Ground) -> Iterator[Finding]:
    for provider, count in ground.query(Side.SOURCE, FILE, "security_labels"):
        yield warning(Side.SOURCE, f"{counted(count, 'security label')} of {provider}: the target's server must load "
                      "that provider before the schema", (provider,),
                      ("add it to shared_preload_libraries of the target",))  # fmt: skip


def tablespaces(ground: Ground) -> Iterator[Finding]:
    if names := [name for (name,) in ground.query(Side.SOURCE, FILE, "tablespaces")]:
        yield note(Side.TARGET, f"{counted(len(names), 'tablespace is', 'tablespaces are')} not kept: all goes to the "
                   "database's own", names)  # fmt: skip


def attver(ground: Ground) -> Iterator[Finding]:
    ((count,),) = ground.query(Side.SOURCE, FILE, "attver")
    if count:
        major = ground.probe.source.server.major
        yield note(Side.SOURCE, f"{counted(count, 'column')} have the internal option pg_attver: pg_dump {major} hides "
                   "it, else it is taken out of the schema's text", (),
                   (f"install the client programs of PostgreSQL {major} beside the agent",))  # fmt: skip


def database_settings(ground: Ground) -> Iterator[Finding]:
    here = {(role, name): value for role, name, value in ground.query(Side.SOURCE, FILE, "database_settings")}
    there = {(role, name): value for role, name, value in ground.query(Side.TARGET, FILE, "database_settings")}
    of_roles = [role for role, _ in here if role]
    known = {role for role, _ in ground.query(Side.TARGET, "rights", "known_roles", (of_roles,))}
    differ = {(role, name): value for (role, name), value in here.items()
              if there.get((role, name)) != value and (not role or role in known)}  # fmt: skip
    if differ:
        database = ground.probe.target.database
        yield note(Side.TARGET, f"{counted(len(differ), 'setting is', 'settings are')} not as on the source: "
                   "the move sets them", [f"{role or 'database'}: {name}" for role, name in differ],
                   [_setting(database, role, name, value) for (role, name), value in differ.items()])  # fmt: skip


def _setting(database: str, role: str, name: str, value: str) -> str:
    subject = f"ROLE {quote_ident(role)} IN DATABASE {database}" if role else f"DATABASE {database}"
    shown = value if name in _LISTS else quote_literal(value).strip()
    return f"ALTER {subject} SET {'.'.join(map(quote_ident, name.split('.')))} = {shown or chr(39) * 2}"


def names_taken(ground: Ground) -> Iterator[Finding]:
    for side in Side:
        if rows := ground.query(side, FILE, "taken"):
            yield warning(side, f"{counted(len(rows), 'thing')} of other moves: running ones, or left behind",
                          [name for name, _ in rows],
                          ["complete or abort the move that has them; if there is none:",
                           *(fix for _, fix in rows)])  # fmt: skip


def own_schema(ground: Ground) -> Iterator[Finding]:
    if ground.query(Side.SOURCE, FILE, "own_schema") == [(True,)]:
        yield note(Side.SOURCE, "postai is installed on the source: its schema and history do not move")


def target_empty(ground: Ground) -> Iterator[Finding]:
    names = [table.schema for table in ground.tables], [table.name for table in ground.tables]
    rows = ground.query(Side.TARGET, FILE, "same_tables", names)
    full = [table for table, room, readable in rows if room and not (readable and _empty(ground, table))]
    if full:
        yield blocker(Side.TARGET, f"{counted(len(full), 'table has', 'tables have')} rows on the target: the copy "
                                   "would collide with them", full,
                      ("name an empty database as the target, or take those rows away if nobody needs them",
                       f"TRUNCATE {', '.join(full)}"))  # fmt: skip
    if empty := [table for table, *_ in rows if table not in full]:
        schemas = dict.fromkeys(table.schema for table in ground.tables if table.qualified in empty)
        yield warning(Side.TARGET, f"{counted(len(empty), 'table is', 'tables are')} there already: they must be as on "
                      "the source", empty,
                      [f"DROP SCHEMA {quote_ident(schema)} CASCADE" if schema != "public"
                       else f"DROP TABLE {', '.join(t for t in empty if t.startswith('public.'))} CASCADE"
                       for schema in schemas])  # fmt: skip


def _empty(ground: Ground, table: str) -> bool:
    return ground.target.query(f"select not exists (select from {table})") == [(True,)]  # noqa: S608  (quoted by the server)


_B, _W, _N = Level.BLOCKER, Level.WARNING, Level.NOTE
OBJECTS: tuple[Check, ...] = (
    Check("extensions", "Extensions", "The schema needs them; types and functions of another version may differ.",
          "Install their packages on the target's server; a provider may have to allow them.", (_B, _W, _N),
          extensions),
    Check("extension_tables", "Tables of extensions", "What an extension keeps in its own tables is not published.",
          "Copy it by the extension's own means.", (_W,), extension_tables),
    Check("c_functions", "Functions in C", "Their libraries lie beside the server.", "Install them.", (_W,),
          c_functions),
    Check("event_triggers", "Event triggers", "They run for every definition that the move makes.", "Disable those "
        "that refuse or log it.", (_N,), event_triggers),
    Check("ddl_capture", "Capture of definitions", "An event trigger tells what changed; only a superuser (or the "
          "provider's administrator) may make one.", "Nothing; change no definitions meanwhile.", (_N,), ddl_capture,
          STREAMS),
    Check("publications", "Publications", "Subscribers of the source do not follow to the target by themselves.",
          "ALTER SUBSCRIPTION ... CONNECTION on the subscribers after the switch.", (_N,), publications),
    Check("subscriptions", "Subscriptions", "What a subscription applies is no application's write: the fence does not "
          "stop it, and origin = none leaves it out.", "Disable it, and make it on the target after the switch.", (_B,),
          subscriptions, STREAMS),
    Check("other_slots", "Slots of others", "A slot stays with its server.", "Start its reader anew on the target "
        "after the switch.", (_N,), other_slots),
    Check("security_labels", "Security labels", "A label needs its provider's library.", "Load it on the "
        "target.", (_W,),
          security_labels),
    Check("tablespaces", "Tablespaces", "They belong to the server: the new one has its own.",
          "ALTER TABLE ... SET TABLESPACE on the target, before the switch.", (_N,), tablespaces),
    Check("pg_attver", "pg_attver", "PostgreSQL 15.20 of Debian keeps an option on each column that a newer pg_dump "
          "writes out and a newer server refuses.", "pg_dump of the source's major version; else it is "
                                                    "filtered.", (_N,),
          attver),
    Check("database_settings", "Settings of the database", "pg_dump of a database leaves them out; the move carries "
                                                           "them.",
          "Nothing; take out those that the target shall not have.", (_N,), database_settings),
    Check("names_taken", "Names of moves", "All that a move makes is named postai_<number>.", "Complete or abort that "
          "move; drop what is left.", (_W,), names_taken),
    Check("own_schema", "postai on the source", "What postai remembers belongs to its own database.", "Nothing.", (_N,),
          own_schema),
    Check("target_empty", "An empty target", "A row that is there already stops the copy of its table for ever.",
          "TRUNCATE, or another database.", (_B, _W), target_empty),
)  # fmt: skip
