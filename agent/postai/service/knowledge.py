"""What the agent knows of one database, kept between questions and validated by the fingerprint at each one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from postai.ask.grammar import Grammar
from postai.database import Database
from postai.database.catalog import Catalog, fingerprint, load_catalog
from postai.database.visibility import visible_to
from postai.sql.safety import Safety, load_safety

LONGEST_AGE = 600.0
"""Seconds after which the picture is taken anew even if nothing was defined: row estimates and statistics move."""
MOST_ROLES = 64


@dataclass(frozen=True)
class Seen:
    """The database as one role may see it."""

    catalog: Catalog
    grammar: Grammar


class Knowledge:
    """Catalog, safety snapshot and grammars of one database.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._catalog: Catalog | None = None
        self._safety: Safety | None = None
        self._loaded_at = 0.0
        self._seen: OrderedDict[str, Seen] = OrderedDict()

    def see(self, db: Database, role: str) -> tuple[Seen, Safety]:
        """What a question of this role needs, read again only when something was defined or granted.

        One thread reads while the others wait for it: they need the same picture.
        """
        now = fingerprint(db)
        with self._lock:
            if self._catalog is None or self._safety is None or not self._fresh(now):
                # Safety last: what it knows is then at least as new as the fingerprint that vouches for it.
                self._seen.clear()
                self._catalog = load_catalog(db)
                self._safety = load_safety(db)
                self._loaded_at = self._clock()
            seen = self._seen.get(role)
            if seen is None:
                catalog = visible_to(self._catalog, db, role)
                seen = self._seen[role] = Seen(catalog, Grammar(catalog))
                if len(self._seen) > MOST_ROLES:
                    self._seen.popitem(last=False)
            else:
                self._seen.move_to_end(role)
            return seen, self._safety

    def _fresh(self, now: str) -> bool:
        assert self._catalog is not None
        return self._catalog.fingerprint == now and self._clock() - self._loaded_at < LONGEST_AGE
