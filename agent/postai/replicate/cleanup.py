"""Taking away what a move made on both sides; each part looks first, so that all of it may be repeated."""

from __future__ import annotations

import time
from collections.abc import Sequence

from postai.database import named_sql
from postai.database.identifiers import quote_ident
from postai.database.protocol import Database
from postai.deadline import Deadline
from postai.replicate import capture_install, fence, native, snapshot_copy
from postai.replicate.capture_install import Names
from postai.replicate.types import object_name, own_schema

_PARTS = ("fwd", "rev")
DROP_SECONDS = 15.0


def unfollow(subscriber: Database, move: int) -> None:
    """Drop the move's subscriptions in a database; their slots on the other side stay."""
    for part in _PARTS:
        snapshot_copy.remove(None, subscriber, object_name(move, part))
        native.unsubscribe(subscriber, object_name(move, part))


def remove(db: Database, move: int) -> None:
    """Drop the move's slots, publications, event triggers and schema in a database; tables get their identity back.

    Whoever still reads a slot is ended. The subscriptions that read them should be gone, or their server.
    """
    for part in _PARTS:
        capture_install.uninstall(db, Names(move, part))
        name = object_name(move, part)
        snapshot_copy.remove(db, None, name)
        native.drop_slot(db, name, None, Deadline.after(DROP_SECONDS))
        native.unpublish(db, name)
    native.take_identity_back(db, move)
    for (trigger,) in db.query(_sql("event_triggers"), (f"{own_schema(move)}_",)):
        db.execute(f"drop event trigger if exists {quote_ident(trigger)}")
    db.execute(f"drop schema if exists {own_schema(move)} cascade")


def drop_orphans(publisher: Database, subscriber: Database) -> tuple[str, ...]:
    """Drop the slots that the copying of a subscription left, when it was dropped before they were.

    Returns:
        the names of those that were dropped.
    """
    ((server, oids),) = subscriber.query(_sql("subscriptions"))
    deadline = Deadline.after(DROP_SECONDS)
    dropped: list[str] = []
    while found := publisher.query(_sql("orphans"), (server, list(oids))):
        for name, pid in found:
            if pid is not None:
                publisher.query(_sql("end_reader"), (pid,))
            elif publisher.query(_sql("drop_slot"), (name,)):
                dropped.append(name)
        deadline.check()
        time.sleep(0.02)
    return tuple(dropped)


def both(source: Database, target: Database, move: int) -> None:
    """Everything of a move on both sides, which may be in any state; what is another home's on the source stays."""
    unfollow(target, move)
    if source.query(_sql("standby")) == [(False,)] and not fence.foreign(source, target, move):
        unfollow(source, move)
        remove(source, move)
    remove(target, move)
    drop_orphans(source, target)
    drop_orphans(target, source)


def empty(source: Database, target: Database, move: int, schemas: Sequence[str]) -> int:
    """Empty the tables of the target that the source has, too, and its fence, so that they can be copied anew.

    Returns:
        how many of the user's tables were emptied.
    """
    theirs = {one.qualified for one in native.tables(source, schemas)}
    ours = [one.qualified for one in native.tables(target, schemas) if one.qualified in theirs]
    target.execute(f"truncate only {', only '.join([*ours, f'{own_schema(move)}.fence'])}")
    return len(ours)


def leftovers(target: Database, move: int) -> tuple[str, ...]:
    """The statements that remove a move's objects from a source that cannot be reached now, for a person to run there.

    Args:
        target: not cleaned yet: it knows its subscriptions, by whose numbers the slots of their copying are named.
    """
    ((server, oids),) = target.query(_sql("subscriptions"))
    own = "^" + object_name(move, "(fwd|rev)(_[0-9]+)?$")
    copying = f"^pg_({'|'.join(map(str, oids))})_sync_[0-9]+_{server}$"
    statements = (_sql("leftovers"), _sql("left_slots"), f"drop schema if exists {own_schema(move)} cascade")
    return tuple(one.replace("{own}", own).replace("{copying}", copying).replace("{schema}", own_schema(move))
                 for one in statements)  # fmt: skip


def _sql(name: str) -> str:
    return named_sql.load(__package__, "cleanup.sql")[name]
