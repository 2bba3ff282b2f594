"""Primary keys of large tables, made right after their rows: building one at once is far quicker than row by row.

The servers copy a table in one transaction that holds ROW EXCLUSIVE on it. While that runs, the key's session asks for
SHARE and waits; it is the first to come when the rows are committed, before any change of them is applied, which needs
the key. Who finds the rows there already (the driver was away) makes the key then: changes of rows wait for it, fail
without it and are tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from postai.database import ServerError, named_sql
from postai.database.identifiers import quote_literal
from postai.database.protocol import Database
from postai.replicate import dump_text, restore
from postai.replicate.restore import Notes
from postai.replicate.types import Table, own_schema

# Tables above this size get their keys later; the others are copied in a second or so.
LATE_BYTES = 64 * 2**20
# Seconds between two looks at what the servers have begun; seconds between two words to the caller.
_POLL, _TELL = 0.05, 0.5
_PATIENT = "set statement_timeout = 0; set lock_timeout = 0"
# The table is gone, or somebody made its key.
_SETTLED = frozenset({"42P01", "3F000", "42P16"})


def leave(target: Database, move: int, notes: Notes, statements: Iterable[str], tables: Iterable[Table]) -> None:
    """Keep the primary keys of these tables for later; for every other reader of the notes they are made.

    Args:
        statements: as pg_dump has them, every name quoted.
    """
    named = {".".join(f'"{part.replace(chr(34), 2 * chr(34))}"' for part in (one.schema, one.name)): one.qualified
             for one in tables}  # fmt: skip
    target.execute(_of("install", move))
    for statement in statements:
        table = named.get(restore.keyed_table(statement) or "")
        if table is not None and (digest := dump_text.digest(statement)) not in notes.known:
            with target.transaction():
                target.execute(_of("leave", move), (table, statement))
                target.execute(notes.statement([digest]))
            notes.known.add(digest)


def waiting(target: Database, move: int) -> Mapping[str, list[str]]:
    """Tables whose keys are still to be made, with the statements."""
    if target.query(_sql("there"), (f"{own_schema(move)}.key_later",)) != [(True,)]:
        return {}
    return dict(target.query(_of("waiting", move)))


def build(
    open_target: Callable[[], Database], target: Database, move: int, stream: str, workers: int,
    look: Callable[[str], object],
) -> None:  # fmt: skip
    """Make the keys of the tables that the stream is copying or has copied; returns when none of them is left.

    Args:
        open_target: opens sessions of the target.
        target: a session for looking.
        workers: how many share the memory for building.
        look: told twice a second what is waited for; the session may be used there. What it raises ends all.
    """
    statements = waiting(target, move)
    if statements:
        _build(open_target, move, statements, lambda: target.query(_of("begun", move), (stream,)), workers, look)


def build_one(
    open_target: Callable[[], Database], target: Database, move: int, table: str, workers: int,
    look: Callable[[str], object],
) -> None:  # fmt: skip
    """Make the key of a table whose rows are there and are followed by nobody yet; arguments as `build` has them."""
    found = waiting(target, move)
    if table in found:
        _build(open_target, move, {table: found[table]}, lambda: [(table,)], workers, look)


def _build(
    open_target: Callable[[], Database], move: int, statements: Mapping[str, Sequence[str]],
    begun: Callable[[], Iterable[tuple[str]]], workers: int, look: Callable[[str], object],
) -> None:  # fmt: skip
    running: dict[Future[None], str] = {}
    left, sessions, told = dict(statements), list[Database](), time.monotonic()
    with ThreadPoolExecutor(len(left), "postai-keys") as pool:
        try:
            while True:
                for table in [one for (one,) in begun() if one in left]:
                    sessions.append(open_target())
                    restore.prepare(sessions[-1])
                    sessions[-1].execute(_PATIENT)
                    restore.give_memory(sessions[-1], workers)
                    running[pool.submit(_make, sessions[-1], move, table, left.pop(table))] = table
                for one in wait(running, _POLL)[0]:
                    one.result()
                    del running[one]
                if not running:
                    return
                if time.monotonic() - told > _TELL:
                    told = time.monotonic()
                    look(f"keys of {', '.join(sorted(running.values()))}")
        except BaseException:
            restore.cancel_all(running, sessions)
            raise
        finally:
            for session in sessions:
                session.close()


def _make(db: Database, move: int, table: str, statements: Iterable[str]) -> None:
    """Make the keys of a table, in one transaction with the note that they are made; waits for whoever writes to it."""
    made = _of("made", move).replace("{relation}", quote_literal(table))
    try:
        db.execute(";\n".join((made, f"lock table only {table} in share mode", *statements)))
    except ServerError as error:
        if error.sqlstate not in _SETTLED:
            raise
        db.execute(made)


def _of(name: str, move: int) -> str:
    return _sql(name).replace("{schema}", own_schema(move))


def _sql(name: str) -> str:
    return named_sql.load(__package__, "late_keys.sql")[name]
