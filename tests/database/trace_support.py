"""What statements really do to filled tables: the truth that traces on empty copies are compared with."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

import psycopg
from trace_data import SETUPS, Form

from conftest import TestDatabase
from postai.migrate.types import BLOCKS, Traced

_STRENGTH = list(BLOCKS)
_BLOCKERS = ("access share", "row share", "row exclusive", "share update exclusive", "share", "access exclusive")
_RELATIONS = """
    select c.oid, c.relkind::text, c.relname, pg_relation_filenode(c.oid)
      from pg_class c where c.relnamespace = %s::regnamespace and c.relkind in ('r', 'p', 'm', 'v', 'i', 'I', 'f')
"""
_READ = "select relid, coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) from {}"
Relations = dict[int, tuple[int, str, str, int | None]]


@dataclass(frozen=True)
class Truth:
    """What a statement did; names without schema.

    Attributes:
        error: SQLSTATE.
    """

    locks: dict[str, str] = field(default_factory=dict)
    rewrites: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    scans: tuple[str, ...] = ()
    in_transaction: bool = True
    error: str | None = None


def told(traced: Traced) -> Truth:
    """The same of a trace."""

    def names(some: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted(traced.shown[one] for one in some))

    return Truth(
        {traced.shown[one]: mode for one, mode in traced.locks.items()},
        names(traced.rewrites),
        names(traced.rebuilt_indexes),
        names(traced.scans),
        traced.in_transaction,
        traced.sqlstate,
    )


def make(session: psycopg.Connection, schema: str, setup: str, *, filled: bool) -> None:
    """A schema of a setup."""
    script, rows = SETUPS[setup]
    session.execute(f"create schema {schema}; set search_path = {schema}; {script}")
    if filled:
        session.execute(f"{rows}; analyze")


def in_transaction(session: psycopg.Connection, schema: str, sql: str) -> Truth:
    """Run a statement, look, and roll it back."""
    session.execute(f"set search_path = {schema}")
    before = _relations(session, schema)
    counts = _counts(session, schema, before)
    with session.transaction(force_rollback=True):
        base = dict(session.execute(_READ.format("pg_stat_xact_all_tables")).fetchall())
        try:
            session.execute(sql)
        except psycopg.Error as error:
            return Truth(in_transaction=error.sqlstate != "25001", error=error.sqlstate)
        locks: dict[str, str] = {}
        for oid, mode in session.execute(
            "select relation, mode from pg_locks where pid = pg_backend_pid() and locktype = 'relation'"
        ):
            if oid in before and before[oid][1] in "rpmvf":
                _strongest(locks, before[oid][2], mode)
        after = {row[0]: row for row in session.execute("select oid, relkind, relname, relfilenode from pg_class")}
        read = dict(session.execute(_READ.format("pg_stat_xact_all_tables")).fetchall())
    files = {row[2]: row[3] for row in after.values() if row[1] == "i" and row[0] >= 16384}
    return Truth(
        locks,
        _sorted(row[2] for oid, row in before.items() if row[1] in "rm" and oid in after and after[oid][3] != row[3]),
        _sorted(row[2] for row in before.values() if row[1] == "i" and files.get(row[2], row[3]) != row[3]),
        _sorted(before[oid][2] for oid, rows in counts.items() if rows and read.get(oid, 0) - base.get(oid, 0) >= rows),
    )


def alone(database: TestDatabase, form: Form) -> Truth:
    """Run a statement outside a transaction block, with others in its way; every time on tables of its own."""
    with database.connect() as session:
        truth, before = _outcome(session, database, form)
        if truth.error is not None:
            return truth
        locks: dict[str, str] = {}
        for _, kind, table, _ in before.values():
            for mode in _BLOCKERS if kind in "rp" else ():
                _remake(session, form)
                for name, held in _blocked(database, session, form, table, mode).items():
                    _strongest(locks, name, held)
    return Truth(locks, truth.rewrites, truth.rebuilt, truth.scans, in_transaction=False)


def _outcome(session: psycopg.Connection, database: TestDatabase, form: Form) -> tuple[Truth, Relations]:
    """What it does when nobody is in its way."""
    _remake(session, form)
    before = _relations(session, "w")
    counts = _counts(session, "w", before)
    session.execute("select pg_stat_force_next_flush()")
    base = dict(session.execute(_READ.format("pg_stat_all_tables")).fetchall())
    with database.connect() as other:
        other.execute("set search_path = w")
        try:
            other.execute(form.sql("w"))
        except psycopg.Error as error:
            return Truth(in_transaction=False, error=error.sqlstate), before
        other.execute("select pg_stat_force_next_flush()")
        other.execute("select 1")
    read = dict(session.execute(_READ.format("pg_stat_all_tables")).fetchall())
    files = {row[2]: row[3] for row in _relations(session, "w").values()}
    changed = [row for row in before.values() if row[1] in "rmi" and files.get(row[2], row[3]) != row[3]]
    truth = Truth(
        {},
        _sorted(row[2] for row in changed if row[1] != "i"),
        _sorted(row[2] for row in changed if row[1] == "i"),
        _sorted(before[oid][2] for oid, rows in counts.items() if rows and read.get(oid, 0) - base.get(oid, 0) >= rows),
        in_transaction=False,
    )
    return truth, before


def _blocked(database: TestDatabase, session: psycopg.Connection, form: Form, table: str, mode: str) -> dict[str, str]:
    """Locks held and wished for while somebody holds a table in that mode, and after he lets go."""
    relations = _relations(session, "w")
    seen: dict[str, str] = {}
    with database.connect(autocommit=False) as blocker, database.connect() as other:
        other.execute("set search_path = w; set statement_timeout = '10s'")
        blocker.execute(f"lock table only w.{table} in {mode} mode")
        thread = threading.Thread(target=other.execute, args=(form.sql("w"),))
        thread.start()
        waits, since = 0, time.monotonic()
        while thread.is_alive():
            for oid, held, granted in session.execute(
                "select relation, mode, granted from pg_locks where pid = %s and locktype = 'relation'",
                (other.info.backend_pid,),
            ):
                if oid in relations and relations[oid][1] in "rpmvf":
                    _strongest(seen, relations[oid][2], held)
                waits += not granted
            if waits > 3 or time.monotonic() - since > 0.6:
                blocker.rollback()
        thread.join()
    return seen


def _remake(session: psycopg.Connection, form: Form) -> None:
    session.execute("drop schema if exists w cascade")
    make(session, "w", form.setup, filled=True)


def _relations(session: psycopg.Connection, schema: str) -> Relations:
    return {row[0]: row for row in session.execute(_RELATIONS, (schema,)).fetchall()}


def _counts(session: psycopg.Connection, schema: str, relations: Relations) -> dict[int, int]:
    """Rows of each table and filled materialized view itself."""
    found = {}
    filled = {oid for (oid,) in session.execute("select oid from pg_class where relispopulated").fetchall()}
    for oid, kind, name, _ in relations.values():
        if kind in "rm" and oid in filled:
            only = "only" if kind == "r" else ""
            ((found[oid],),) = session.execute(f"select count(*) from {only} {schema}.{name}").fetchall()
    return found


def _strongest(locks: dict[str, str], name: str, mode: str) -> None:
    locks[name] = max(locks.get(name, mode), mode, key=_STRENGTH.index)


def _sorted(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(names))
