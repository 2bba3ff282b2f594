"""What an entry of the registry says, and what its function may look at."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from postai.database import named_sql
from postai.database.protocol import Database, Row
from postai.replicate.probe import Facts, Probe
from postai.replicate.types import USERS_SCHEMA, Finding, Level, Method, MoveOptions, Side, Table

STREAMS = frozenset({Method.NATIVE, Method.TRIGGER})
NATIVE = frozenset({Method.NATIVE})
ALL = frozenset(Method)
_NAMED = """(coalesce(current_setting('postai.schemas', true), '{}') in ('', '{}')
             or n.nspname = any (current_setting('postai.schemas')::text[]))"""
_NO_EXTENSION = """not exists (select from pg_depend as d
                where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')"""


@dataclass(frozen=True)
class Load:
    """What was measured for a moment.

    Attributes:
        wal_rate: bytes of log that the source writes in a second.
        link_rate: bytes that come from the source to this process in a second.
    """

    wal_rate: float
    link_rate: float


@dataclass(frozen=True)
class Ground:
    """What a check looks at.

    Attributes:
        source, target: sessions within a READ ONLY transaction with search_path = pg_catalog.
        options: what a person said about the move.
        probe: what trying came to.
        tables: those whose rows move.
        load: what was measured; None = nothing.
    """

    source: Database
    target: Database
    options: MoveOptions
    probe: Probe
    tables: tuple[Table, ...]
    load: Load | None = None

    def database(self, side: Side) -> Database:
        """The session of a side."""
        return self.source if side is Side.SOURCE else self.target

    def facts(self, side: Side) -> Facts:
        """The facts of a side."""
        return self.probe.source if side is Side.SOURCE else self.probe.target

    def query(self, side: Side, file: str, name: str, params: Sequence[object] = ()) -> list[Row]:
        """The rows of a block of a .sql file of this folder."""
        return self.database(side).query(block(file, name), params)

    @property
    def native(self) -> bool:
        """Whether changes would travel by logical replication."""
        return self.probe.method is Method.NATIVE


Look = Callable[[Ground], Iterable[Finding]]


@dataclass(frozen=True)
class Check:
    """One entry of the registry.

    Attributes:
        id: its name in findings.
        title: what it looks at, in a few words.
        why: what goes wrong otherwise.
        fix: what helps, in words; a finding has the exact statements.
        levels: how grave it can be.
        look: its function.
        methods: those that it concerns.
        oldest: server_version_num of the source from which on it makes sense.
        newest: and below which.
    """

    id: str
    title: str
    why: str
    fix: str
    levels: tuple[Level, ...]
    look: Look
    methods: frozenset[Method] = ALL
    oldest: int = 0
    newest: int = 10_000_000


def found(
    level: Level, side: Side, what: str, objects: Iterable[str] = (), fix: Iterable[str] = ()
) -> Finding:  # the runner writes the check's name into it
    """A finding of the check that looks."""
    return Finding("", level, side, what, tuple(objects), tuple(fix))


blocker = functools.partial(found, Level.BLOCKER)
warning = functools.partial(found, Level.WARNING)
note = functools.partial(found, Level.NOTE)


def block(file: str, name: str) -> str:
    """A block of a .sql file of this folder with what its marks stand for.

    `{users_schema}`: a schema `n` that moves; `{no_extension}`: a relation `c` that is no part of an extension.
    """
    text = named_sql.load(__package__, f"{file}.sql")[name]
    return text.replace("{users_schema}", f"{USERS_SCHEMA} and {_NAMED}").replace("{no_extension}", _NO_EXTENSION)


def counted(number: int, one: str, more: str = "") -> str:
    """`1 table`, `5 tables`."""
    return f"{number} {one if number == 1 else more or one + 's'}"


# How a setting is changed where nobody may run ALTER SYSTEM.
_PLACES: Mapping[str, str] = {
    "rds": "the parameter group of the instance (Aurora: of the cluster)",
    "cloudsql": "the flags of the instance",
    "azure": "the server parameters",
    "digitalocean": "the configuration of the cluster (its API or control panel)",
    "supabase": "the configuration of the project (its command line)",
}


def set_to(facts: Facts, name: str, value: str, *, restart: bool) -> tuple[str, ...]:
    """The steps that give a server's setting another value."""
    if facts.managed in _PLACES:
        then = ", then restart the server" if restart else ""
        return (f"set {name} = {value} in {_PLACES[facts.managed]}{then}",)
    return (f"ALTER SYSTEM SET {name} = '{value}'", "restart the server" if restart else "SELECT pg_reload_conf()")
