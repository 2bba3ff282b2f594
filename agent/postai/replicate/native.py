"""Logical replication: publication, slot and subscription of one direction, its progress and its lag.

Every function looks first and does what is missing, so each may be called again after a crash.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterable, Sequence

from postai.database import dsn as connection_string
from postai.database import libpq_files, named_sql
from postai.database.identifiers import qualified, quote_ident
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.errors import Refused, VerificationFailed
from postai.replicate import fence
from postai.replicate.capture_install import shortly
from postai.replicate.types import USERS_SCHEMA, Identity, Lag, Progress, Table, own_schema

# Tables that one statement adds to a publication: each stays locked until its end.
AT_A_TIME = 500
# The slots of a subscription's copying: other servers' subscriptions may have the same number.
_COPYING = (
    "'^pg_' || s.oid || '_sync_[0-9]+_' || (select c.system_identifier from pg_catalog.pg_control_system() as c) || '$'"
)
_STATES = {"i": "waiting", "d": "copying", "f": "catching_up", "s": "catching_up", "r": "ready"}
_KEPT = ("host", "hostaddr", "port", "dbname", "user", "sslmode", "sslrootcert")
# A connection whose other end is gone is given up after 13 s.
_WATCHFUL = {"connect_timeout": "10", "keepalives_idle": "4", "keepalives_interval": "3", "keepalives_count": "3",
             "tcp_user_timeout": "13000"}  # fmt: skip
# Silence after which a process that nobody sends to is ended.
DEAF_SECONDS = 5.0

# A COPY in binary form, whose errors show no value: signature, flags, a row of one column; its end.
# https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.4
_ROW_BEGINS = b"PGCOPY\n\xff\r\n\0" + struct.pack("!iih", 0, 0, 1)
_ROW_ENDS = struct.pack("!h", -1)


def tables(db: Database, schemas: Sequence[str] = ()) -> tuple[Table, ...]:
    """The tables whose rows move: permanent ones, partitions instead of their parents, none of an extension.

    Args:
        schemas: only these; () = all of the user's.
    """
    rows = db.query(_sql("tables"), (list(schemas), list(schemas)))
    return tuple(Table(schema, name, size, count, Identity(kind)) for schema, name, size, count, kind in rows)


def made(db: Database, schemas: Sequence[str] = ()) -> object:
    """Another value when tables or sequences of these schemas were made, dropped or renamed meanwhile."""
    return db.query(_sql("made"), (list(schemas), list(schemas)))[0]


def give_identity(source: Database, move: int, some: Iterable[Table]) -> tuple[str, ...]:
    """Give the tables without a usable key REPLICA IDENTITY FULL, remembering what they had.

    Args:
        some: as `tables` told; those with an identity stay as they are.

    Returns:
        the tables that got one.
    """
    lacking = [table.qualified for table in some if table.identity is Identity.NONE]
    if lacking:
        fence.install(source, move)
        source.execute(_of("identity_table", move))
    for table in lacking:

        def give(table: str = table) -> None:
            source.execute(_of("give_identity", move), (table,))
            source.execute(f"alter table only {table} replica identity full")

        shortly(source, f"the replica identity of {table}", give)
    return tuple(lacking)


def take_identity_back(source: Database, move: int) -> None:
    """Undo `give_identity`; no publication may have the tables any more."""
    ((there,),) = source.query("select to_regclass(%s) is not null", (f"{own_schema(move)}.identity_given",))
    for schema, name, had in source.query(_of("identity_given", move)) if there else ():
        table, before = qualified(schema, name), "nothing" if had == "n" else "default"
        statement = f"alter table only {table} replica identity {before}"
        shortly(source, f"the replica identity of {table}", lambda: source.execute(statement))  # noqa: B023 - at once


def publish(db: Database, move: int, name: str, some: Sequence[Table]) -> tuple[str, ...]:
    """Make the publication of these tables and the fence, or add what it lacks.

    Explicit tables, never ALL TABLES: a table that the application makes later is published only when its rows can be
    identified, since UPDATE and DELETE of it would fail in the application otherwise.

    Returns:
        the tables that were added.

    Raises:
        Refused: a table has nothing that identifies its rows.
    """
    require_identity(some)
    fence.install(db, move)
    found = db.query(_sql("publication"), (name,))
    if not found:
        db.execute(f"create publication {quote_ident(name)}")
    published = {qualified(schema, table) for schema, table in found if table is not None}
    wanted = [f"{own_schema(move)}.fence", *(table.qualified for table in some)]
    missing = [table for table in wanted if table not in published]
    for at in range(0, len(missing), AT_A_TIME):
        part = ", ".join(f"only {table}" for table in missing[at : at + AT_A_TIME])
        db.execute(f"alter publication {quote_ident(name)} add table {part}")
    return tuple(missing)


def require_identity(some: Iterable[Table]) -> None:
    """Raises:
    Refused: a table has nothing that identifies its rows.
    """
    if lacking := [table.qualified for table in some if table.identity is Identity.NONE]:
        raise Refused(
            f"{len(lacking)} tables have nothing that identifies their rows",
            detail=", ".join(lacking[:20]),
            hint="Give each a primary key, or ALTER TABLE ... REPLICA IDENTITY FULL: "
            "published as they are, UPDATE and DELETE of them would fail in the application.",
        )


def unpublish(db: Database, name: str) -> None:
    """Drop the publication."""
    db.execute(f"drop publication if exists {quote_ident(name)}")


def create_slot(db: Database, name: str) -> bool:
    """Make a slot, after its publication; False when it was there. It waits for the transactions that run now."""
    if db.query(_sql("slot"), (name,)):
        return False
    db.query(_sql("create_slot"), (name,))
    return True


def has_slot(db: Database, name: str) -> bool:
    """Whether this database has that slot."""
    return bool(db.query(_sql("slot"), (name,)))


def lost(db: Database, name: str) -> bool:
    """Whether the log that the slot needs is gone (before 13 a server never removes it)."""
    return db.server_version >= 130_000 and db.query(_sql("lost"), (name,)) == [(True,)]


def advance(db: Database, name: str) -> None:
    """Bring a slot that nobody reads past everything that is on the disk now.

    Raises:
        VerificationFailed: it did not get there, or is not there.
    """
    found = db.query(_sql("advance" if db.server_version >= 120_000 else "advance_before_12"), (name,))
    if found != [(True,)]:
        raise VerificationFailed(
            f"the slot {name} did not advance to the end of the log",
            detail="it is missing" if not found else None,
            hint="Look at pg_replication_slots, and try again.",
        )


def written(db: Database, name: str) -> bool:
    """Whether others than a stream wrote to the published tables since a slot's place; before 16 that is not known."""
    return db.server_version >= 160_000 and db.query(_sql("written"), (name, name)) == [(True,)]


def advance_to(db: Database, name: str, lsn: str) -> None:
    """Bring a slot that nobody reads to a place in the log, unless it has passed that.

    An advanced slot is on the disk with the next checkpoint only: after a crash it stands where it was before.
    """
    db.query(_sql("advance_to"), (lsn, name, lsn))


def behind(db: Database, name: str, lsn: str) -> bool:
    """Whether a slot has not come to a place in the log."""
    return db.query(_sql("behind"), (lsn, name)) == [(True,)]


def rest(publisher: Database, subscriber: Database, name: str, deadline: Deadline) -> None:
    """Disable the subscription, where there is one, and wait until nobody reads its slot.

    Raises:
        DeadlineExceeded: somebody goes on reading it.
    """
    if subscribed(subscriber, name):
        subscriber.execute(f"alter subscription {quote_ident(name)} disable")
    while any(active for active, *_ in publisher.query(_sql("slot"), (name,))):
        publisher.query(_sql("end_sender"), (name,))
        deadline.check()
        time.sleep(0.02)


def end_dead(publisher: Database, subscriber: Database, name: str) -> int:
    """End processes whose other end is gone: senders that nobody hears, a worker that nobody sends to.

    Where a machine or the network went without a word, the servers wait a minute for each other (wal_sender_timeout,
    wal_receiver_timeout), and nobody else may read a slot meanwhile.

    Returns:
        how many were ended.
    """
    workers = subscriber.query(_sql("workers"), (name,))
    if not workers:
        return 0
    at_work = {relation for _, relation, pid, _ in workers if pid is not None}
    readers = publisher.query(_sql("readers"), (name, workers[0][0]))
    dead = [slot for slot, relation in readers if relation not in at_work]
    for slot in dead:
        publisher.query(_sql("end_sender"), (slot,))
    deaf = [pid for _, relation, pid, silent in workers if relation is None and (silent or 0) > DEAF_SECONDS]
    if any(slot == name for slot, _ in readers):
        return len(dead)
    for pid in deaf:
        subscriber.query("select pg_catalog.pg_terminate_backend(%s::int4)", (pid,))
    return len(dead) + len(deaf)


def stranded(publisher: Database, subscriber: Database, name: str) -> tuple[str, ...]:
    """Tables whose copy can never come to its end.

    At that end a server drops the copy's slot on the other side, and notes it with its next commit: where it dies or
    the network goes between the two, it looks for the slot for ever.
    """
    found = subscriber.query(_sql("finishing"), (name,))
    if not found:
        return ()
    there = {relation for (relation,) in publisher.query(_sql("copying_slots"), (found[0][0],))}
    still = subscriber.query(_sql("finishing"), (name,)) if any(one[1] not in there for one in found) else []
    return tuple(qualified(*one[2:]) for one in found if one[1] not in there and one in still)


def forget(publisher: Database, subscriber: Database, name: str, table: str) -> None:
    """Empty a table and take it out of a subscription, as if it had not been copied yet; repeatable."""
    subscriber.execute(f"truncate only {table}")
    publisher.execute(f"alter publication {quote_ident(name)} drop table only {table}")
    refresh(subscriber, name)


def drop_slot(db: Database, name: str, copying: str | None, deadline: Deadline) -> None:
    """Drop a slot and what the copying of its subscription left, as soon as nobody reads them.

    Args:
        copying: the slots of its copying, as `unsubscribe` gives them; None = they are not known.

    Raises:
        DeadlineExceeded: somebody goes on reading it.
    """
    while True:
        left = [slot for slot, pid, _ in db.query(_sql("drop_slots"), (name, copying)) if pid]
        if not left:
            return
        for slot in left:
            db.query(_sql("end_sender"), (slot,))
        deadline.check()
        time.sleep(0.02)


def conninfo(dsn: str, name: str, passfile: str | None = None) -> str:
    """The connection string of a subscription, for the server that has it.

    Args:
        dsn: of the publisher as this process reaches it; service file and passfile are looked up here.
        name: of the subscription, shown as application_name.
        passfile: a file on the subscriber's server with the password; the string then has none. Without it the
            password stands in pg_subscription, which superusers can read and pg_dump writes for them.
    """
    given = libpq_files.resolve(connection_string.parse(dsn))
    password = libpq_files.password_for(given)
    kept = {keyword: given[keyword] for keyword in _KEPT if keyword in given}
    if passfile:
        kept["passfile"] = passfile
    elif password:
        kept["password"] = password
    return connection_string.build({**kept, **_WATCHFUL, "application_name": name})


def subscribe(db: Database, name: str, connection: str, publisher_version: int, *, copy_data: bool) -> bool:
    """Make the subscription to the publication and slot of the same name; one that is there is only enabled.

    Args:
        connection: as `conninfo` gives it.
        publisher_version: server_version_num of the publisher.
        copy_data: whether the rows that are there are copied first.

    Returns:
        whether it was made.
    """
    found = db.query(_sql("subscription"), (name,))
    if found:
        if not found[0][1]:
            db.execute(f"alter subscription {quote_ident(name)} enable")
        return False
    options = _options(db, name, publisher_version, copy_data)
    with db.transaction():
        db.query(_sql("subscribe_values"), (name, options))
        hand_over(db, _known(db, connection))
        db.execute(_sql("subscribe"))
        if min(db.server_version, publisher_version) >= 160_000:
            # Said at once, the server might warn, and log the statement with the connection string.
            db.execute(f"alter subscription {quote_ident(name)} set (origin = none)")
    return True


def hand_over(db: Database, connection: str) -> None:
    """Let the next statements of this transaction have a connection string, which no server log gets to know."""
    text = connection.encode()
    db.execute(_sql("secret"))
    db.copy_in(_sql("bring_secret"), [_ROW_BEGINS + struct.pack("!i", len(text)) + text + _ROW_ENDS])
    db.execute(_sql("unlogged"))


def reconnect(db: Database, name: str, connection: str) -> None:
    """Give a subscription its connection string anew, whose password may have changed; the same changes nothing."""
    if db.query(_sql("subscription"), (name,)):
        with db.transaction():
            db.query(_sql("subscribe_values"), (name, ""))
            hand_over(db, _known(db, connection))
            db.execute(_sql("reconnect"))


def _known(db: Database, connection: str) -> str:
    if db.server_version >= 120_000:
        return connection
    given = connection_string.parse(connection)  # whose libpq does not know the keyword
    return connection_string.build({key: given[key] for key in given if key != "tcp_user_timeout"})


def _options(db: Database, name: str, publisher_version: int, copy_data: bool) -> str:
    """What both versions know. What is a number of its server in binary form (reg*) makes all travel as text. Row
    security that holds for owners, too, stops a worker that takes the owner's role.
    """
    both = min(db.server_version, publisher_version)
    options = [f"create_slot = false, slot_name = '{name}', copy_data = {str(copy_data).lower()}"]
    if both >= 140_000 and not text_only(db):
        options.append("binary = true")
    if db.server_version >= 160_000:
        ((bypasses, _),) = db.query(_sql("can_bypass"))
        ((forced,),) = db.query(_sql("forced"))
        if bypasses and forced:
            options.append("run_as_owner = true")
    return ", ".join(options)


def text_only(db: Database) -> bool:
    """Whether a column has a type whose binary form means nothing to another server."""
    return db.query(_sql("text_only")) != [(False,)]


def subscribed(db: Database, name: str) -> bool:
    """Whether there is a subscription of that name, and it is enabled."""
    return any(enabled for _, enabled, _ in db.query(_sql("subscription"), (name,)))


def refresh(db: Database, name: str) -> None:
    """Let the subscription take up tables that were added to its publication; their rows are copied."""
    db.execute(f"alter subscription {quote_ident(name)} refresh publication")


def unsubscribe(db: Database, name: str) -> str | None:
    """Drop the subscription without asking the publisher, whose slot stays.

    Returns:
        a regular expression for the names of the slots of its copying; None when there was no subscription.
    """
    if not db.query(_sql("subscribed"), (name,)):
        return None
    ((copying, enabled, slot),) = db.query(_sql("subscription"), (name,))
    quoted = quote_ident(name)
    if enabled:
        db.execute(f"alter subscription {quoted} disable")
    if slot is not None:
        db.execute(f"alter subscription {quoted} set (slot_name = none)")
    db.execute(f"drop subscription {quoted}")
    return str(copying)


def progress(publisher: Database, subscriber: Database, name: str, schemas: Sequence[str] = ()) -> tuple[Progress, ...]:
    """How far the copy is, for each table that moves."""
    whole = {table.qualified: table for table in tables(publisher, schemas)}
    found = []
    for table, state, rows, size, seconds in _relations(subscriber, name):
        if table not in whole:
            continue
        one = whole.pop(table)
        total = max(one.rows, 0)
        done = state not in ("i", "d")
        rows, size = (total, one.bytes) if done else (rows or 0, size or 0)
        left = seconds * (total - rows) / rows if rows and seconds and total > rows else None
        found.append(Progress(table, _STATES[state], rows, size, total, one.bytes, 0.0 if done else left))
    later = (Progress(one.qualified, "waiting", 0, 0, max(one.rows, 0), one.bytes, None) for one in whole.values())
    return (*found, *later)


def unfinished(publisher: Database, subscriber: Database, name: str, schemas: Sequence[str] = ()) -> tuple[str, ...]:
    """Tables of the publisher that the subscriber does not follow yet: not published, not taken up, still copied."""
    ready = {table for table, state, *_ in _relations(subscriber, name) if state == "r"}
    return tuple(table.qualified for table in tables(publisher, schemas) if table.qualified not in ready)


def taken_up(subscriber: Database, name: str) -> frozenset[str]:
    """Tables that the subscription knows, whatever the state of their copy."""
    return frozenset(table for table, *_ in _relations(subscriber, name))


def states(subscriber: Database, name: str) -> dict[str, str]:
    """Tables that the subscription knows, with the state of their copy as pg_subscription_rel has it; r = ready."""
    return {table: state for table, state, *_ in _relations(subscriber, name)}


def copiers(subscriber: Database) -> int:
    """How many tables of a subscription the server copies at a time."""
    ((count,),) = subscriber.query("select pg_catalog.current_setting('max_sync_workers_per_subscription')::int4")
    return int(count)


def _relations(subscriber: Database, name: str) -> list[tuple[str, str, int | None, int | None, float | None]]:
    version = "relations" if subscriber.server_version >= 140_000 else "relations_before_14"
    rows = subscriber.query(_sql(version), (name,))
    return [(qualified(schema, table), state, *copied) for schema, table, state, *copied in rows]


def lag(publisher: Database, subscriber: Database, name: str) -> Lag:
    """How far the subscriber is behind, by the views of both sides (`fence.cross` measures it by the row)."""
    version = "slot_lag" if publisher.server_version >= 130_000 else "slot_lag_before_13"
    rows = publisher.query(_sql(version), (name,))
    ((silent,),) = subscriber.query(_sql("silent"), (name,))
    errors = subscriber.query(_sql("errors"), (name,)) if subscriber.server_version >= 150_000 else []
    count = errors[0][0] if errors else None
    if not rows:
        return Lag(None, None, silent, False, None, None, count)
    behind, kept, active, status, safe = rows[0]
    return Lag(behind, kept, silent, active, status, safe, count)


def _sql(name: str) -> str:
    block = named_sql.load(__package__, "native.sql")[name]
    return block.replace("{users_schema}", USERS_SCHEMA).replace("{copying}", _COPYING)


def _of(name: str, move: int) -> str:
    return _sql(name).replace("{schema}", own_schema(move))
