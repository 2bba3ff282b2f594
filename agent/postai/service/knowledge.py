"""What the agent knows of one database, kept between questions and validated at each one by one statement.

The picture of the catalog is true as long as its fingerprint is; values and found joins as long as their version is;
the joins that people declared come with every look, because they differ from login to login. Rights are applied last:
whatever was put into the picture, a role sees what it may read now, and no values where row level security is on now.
"""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from postai.ask.grammar import Grammar
from postai.database import Database
from postai.database.catalog import (
    Catalog,
    ColumnName,
    KnownJoin,
    KnownValues,
    fingerprint_query,
    load_catalog,
    with_joins,
    with_values,
)
from postai.database.named_sql import load
from postai.database.visibility import visible_to
from postai.errors import NotPermitted
from postai.sql.safety import Safety, load_safety

LONGEST_AGE = 600.0
"""Seconds after which the picture is taken anew even if nothing was defined: row estimates and statistics move."""
MOST_ROLES = 64
RENEWED = 4
"""Roles whose grammar is made anew ahead of their next question when the value index changed."""

_Key = tuple[str, str]
"""A role, and the declared joins that count for the login."""


@dataclass(frozen=True)
class Seen:
    """The database as one role may see it."""

    catalog: Catalog
    grammar: Grammar


@dataclass
class _Picture:
    """The database at one moment.

    Attributes:
        base: the catalog as it was read; `full`: with values and found joins.
        version: of the values and found joins.
        loaded_at: when `base` was read.
        seen: by role, what was asked for, latest last.
    """

    base: Catalog
    safety: Safety
    loaded_at: float
    full: Catalog
    version: int
    seen: OrderedDict[_Key, Seen] = field(default_factory=OrderedDict)


class Knowledge:
    """Catalog, values, joins, safety snapshot and grammars of one database.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._picture: _Picture | None = None
        self._sql = load("postai.service", "knowledge.sql")
        fingerprint = fingerprint_query().replace("%", "%%")
        self._now = self._sql["now"].replace("/* fingerprint */", fingerprint)

    def see(self, db: Database, role: str, login: str) -> tuple[Seen, Safety]:
        """What a question of this role needs, read again only when something was defined, granted or indexed.

        One thread reads while the others wait for it: they need the same picture.

        Args:
            role: whose rights count.
            login: whose declared joins count, beside those for everybody.
        """
        now, version, joins = db.query(self._now, (login,))[0]
        with self._lock:
            picture = self._picture = self._current(db, self._picture, now, version)
            key = (role, joins)
            seen = picture.seen.get(key)
            if seen is None:
                seen = picture.seen[key] = _seen(db, picture.full, key)
                if len(picture.seen) > MOST_ROLES:
                    picture.seen.popitem(last=False)
            else:
                picture.seen.move_to_end(key)
            return seen, picture.safety

    def renew(self, db: Database) -> None:
        """Take the picture anew after the value index changed, so that the next questions need not wait for that."""
        with self._lock:
            picture = self._picture
            recent = list(picture.seen)[-RENEWED:] if picture is not None else []
        if not recent:
            return
        now, version, _ = db.query(self._now, ("",))[0]
        fresh = self._current(db, picture, now, version)
        if fresh is picture:
            return
        for key in recent:
            with suppress(NotPermitted):
                fresh.seen[key] = _seen(db, fresh.full, key)
        with self._lock:
            if self._picture is picture:
                self._picture = fresh

    def _current(self, db: Database, picture: _Picture | None, now: str, version: int) -> _Picture:
        old = (
            picture is None
            or picture.base.fingerprint != now
            or self._clock() - picture.loaded_at >= LONGEST_AGE
        )  # fmt: skip
        if picture is None or old:
            # Safety last: what it knows is then at least as new as the fingerprint that vouches for it.
            base = load_catalog(db)
            return _Picture(base, load_safety(db), self._clock(), self._known(db, base, version), version)
        # A version that was read before another thread read a later one is no reason to go back; -1 = switched off.
        if version > picture.version or (version < 0) != (picture.version < 0):
            full = self._known(db, picture.base, version)
            return _Picture(picture.base, picture.safety, picture.loaded_at, full, version)
        return picture

    def _known(self, db: Database, base: Catalog, version: int) -> Catalog:
        """The picture with what the sidecar found in the data."""
        if version < 0:
            return base
        values: dict[ColumnName, KnownValues] = {}
        for oid, number, schema, table, column, found, complete in db.query(self._sql["values"]):
            # An entry counts for the very column it was read from, not for another that has its name by now.
            there = base.by_oid(oid)
            if there is None or (there.schema, there.name) != (schema, table):
                continue
            its = there.column(column)
            if its is not None and its.number == number:
                values[ColumnName(schema, table, column)] = KnownValues(tuple(found), complete)
        joins = (
            KnownJoin(ColumnName(*row[:3]), ColumnName(*row[3:6]), "contained", row[6])
            for row in db.query(self._sql["contained"])
        )
        return with_joins(with_values(base, values), joins)


def _seen(db: Database, full: Catalog, key: _Key) -> Seen:
    role, joins = key
    declared = [KnownJoin(ColumnName(*names[:3]), ColumnName(*names[3:])) for names in json.loads(joins)]
    catalog = visible_to(with_joins(full, _together(declared, full.joins)), db, role)
    return Seen(catalog, Grammar(catalog))


def _together(declared: Iterable[KnownJoin], found: Iterable[KnownJoin]) -> Iterable[KnownJoin]:
    """Each join once, whichever way round it was written; what was declared goes before what was found."""
    known: dict[frozenset[ColumnName], KnownJoin] = {}
    for join in (*declared, *found):
        known.setdefault(frozenset((join.left, join.right)), join)
    return known.values()
