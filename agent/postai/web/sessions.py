"""Who is logged in, in this process: a random token in the browser's cookie, its hash here.

Passwords of roles stay in the memory of this process, where the role's connections are opened, and nowhere else: after
a restart everybody logs in again.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime

from postai.database import Database, connect
from postai.database.connection import OWN_PATH
from postai.database.pool import Pool
from postai.errors import NotPermitted
from postai.settings import DatabaseSettings
from postai.web.limits import Shares
from postai.web.logins import Login, require_reader

REQUESTS_EACH = 12
REQUESTS = 60
"""Requests of one person, and of all, that hold or wait for a connection at a time: each keeps a thread."""
THREADS = REQUESTS + 40
"""Of this process: logins, files and refusals find one whatever the others do."""
LOGINS_EACH = 20
CONNECTIONS, SHARED_CONNECTIONS = 4, 12
"""To a database: of one login, and of all tokens and links together."""


@dataclass(frozen=True, slots=True)
class Browser:
    """Where a login was made from, as the list of one's own sessions shows it."""

    address: str = ""
    agent: str = ""


@dataclass(slots=True)
class Session:
    """One login of one person.

    Attributes:
        person: whom pages name.
        login: behind the connections.
        csrf: what forms and scripts must show.
        ends_at, idle_until: on the clock of `Sessions`.
        browser: where it was begun.
        number: names it in lists; says nothing about the cookie.
        begun_at, used_at: for lists.
        message: shown once, on the next page.
        shared: what the link is for whose page this is; None = this is no link.
    """

    person: str
    login: Login
    csrf: str
    ends_at: float
    idle_until: float
    browser: Browser = field(default_factory=Browser)
    number: str = field(default_factory=lambda: secrets.token_hex(6))
    begun_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    used_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    message: str | None = None
    shared: str | None = None
    _shared_by_all: bool = False
    _shares: Shares | None = field(default=None, repr=False)
    _pools: dict[str, Pool] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _closed: bool = False

    @property
    def role(self) -> str:
        """The PostgreSQL role behind the connections."""
        return self.login.role

    @property
    def whose(self) -> tuple[str, ...]:
        """Who this is: logins that have the same are those of one person."""
        return self.login.whose

    @property
    def reads_only(self) -> bool:
        """Whether nothing may be changed and no statement of one's own be run."""
        return self.login.reads_only

    @property
    def let_in(self) -> str | None:
        """The database that let this login in first; None = none did so far."""
        with self._lock:
            return next(iter(self._pools), None)

    @contextmanager
    def open(self, database: DatabaseSettings, *, own_path: bool = False) -> Iterator[Database]:
        """A connection of this person's own login to that database, for the time of the block.

        Args:
            database: which one.
            own_path: with the role's own search_path, for statements that the person wrote. Ours are looked up in
                pg_catalog alone: an operator that somebody put into a schema of that path, and that fits better, would
                run with the rights of whoever looks at a page.

        Raises:
            ConnectionFailed: the server does not let the role in, or cannot be reached.
            NotPermitted: the login is over meanwhile, or the reader's login may do more than read.
            TooOften: too many requests of this person, or of all, are being served.
        """
        with self._shares.one(self.whose) if self._shares else nullcontext(), self._pooled(database) as connection:
            if self.reads_only:
                require_reader(connection)
            elif self.whose[0] != "role":
                # Several people may stand on one login: events tell who it is said to be.
                connection.query("select pg_catalog.set_config('postai.person', %s, false)", (self.person,))
            if not own_path:
                connection.query("select pg_catalog.set_config('search_path', %s, false)", (OWN_PATH,))
            yield connection

    def _pooled(self, database: DatabaseSettings) -> AbstractContextManager[Database]:
        with self._lock:
            if self._closed:
                raise NotPermitted("your login is over", hint="Log in at /login.")
            pool = self._pools.get(database.name)
        return (pool or self._new_pool(database)).database()

    def _new_pool(self, database: DatabaseSettings) -> Pool:
        """The pool of a database where the login was let in just now; a pool alone would try for minutes."""
        dsn = self.login.dsn_for(database.dsn)
        connect(dsn, application_name="post-ai web").close()
        with self._lock:
            if self._closed:
                raise NotPermitted("your login is over", hint="Log in at /login.")
            if database.name not in self._pools:
                pool = Pool(
                    dsn,
                    max_size=SHARED_CONNECTIONS if self._shared_by_all else CONNECTIONS,
                    when_busy="Wait until other pages of this login are done, or cancel a statement: see Ask.",
                    application_name="post-ai web",
                    statement_timeout_ms=15_000,
                )
                self._pools[database.name] = pool
            return self._pools[database.name]

    def take_message(self) -> str | None:
        """The message for the next page, which is then gone."""
        message, self.message = self.message, None
        return message

    def close(self) -> None:
        """End all connections; no new one is opened."""
        with self._lock:
            self._closed = True
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()


class Sessions:
    """All logins of this process.

    Args:
        clock: seconds, monotonic.
        lifetime, idle: seconds after which a login ends whatever happens, or when nobody used it.
        most: logins at a time; the one unused for longest ends when there are more, of a person with too many first.
    """

    def __init__(self, clock: Callable[[], float], *, lifetime: float, idle: float, most: int = 1000) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._idle = idle
        self._most = most
        self._lock = threading.Lock()
        self._by_hash: dict[bytes, Session] = {}
        self._shares = Shares(REQUESTS_EACH, REQUESTS)
        self._reader: Session | None = None

    def begin(self, person: str, login: Login, browser: Browser) -> tuple[str, Session]:
        """A new login and the token for the browser's cookie."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        csrf = secrets.token_urlsafe(24)
        session = Session(person, login, csrf, now + self._lifetime, now + self._idle, browser, _shares=self._shares)
        with self._lock:
            ended = self._expired(now)
            mine = [key for key, one in self._by_hash.items() if one.whose == session.whose]
            if len(mine) >= LOGINS_EACH or len(self._by_hash) >= self._most:
                keys = mine if len(mine) >= LOGINS_EACH else self._by_hash
                ended.append(self._by_hash.pop(min(keys, key=lambda one: self._by_hash[one].idle_until)))
            self._by_hash[_hash(token)] = session
        for one in ended:
            one.close()
        return token, session

    def find(self, token: str | None) -> Session | None:
        """The login of that cookie; being used prolongs it."""
        if not token:
            return None
        now = self._clock()
        with self._lock:
            ended = self._expired(now)
            session = self._by_hash.get(_hash(token))
            if session is not None:
                session.idle_until = now + self._idle
                session.used_at = datetime.now(UTC)
        for one in ended:
            one.close()
        return session

    def peek(self, token: str | None) -> Session | None:
        """The login of that cookie, which is not prolonged: a page that updates itself is no person at work."""
        now = self._clock()
        with self._lock:
            session = self._by_hash.get(_hash(token or ""))
        return session if session is not None and now < min(session.ends_at, session.idle_until) else None

    def end(self, token: str | None) -> None:
        """Log out."""
        with self._lock:
            session = self._by_hash.pop(_hash(token or ""), None)
        if session is not None:
            session.close()

    def reader(self, login: Login) -> Session:
        """What tokens and links read with: one session of the process, which no cookie leads to."""
        with self._lock:
            if self._reader is None:
                forever = float("inf")
                shares = Shares(REQUESTS // 2, REQUESTS // 2)  # of all tokens and links together
                self._reader = Session(
                    "", login, secrets.token_urlsafe(24), forever, forever, _shares=shares, _shared_by_all=True
                )
            return self._reader

    def of(self, whose: tuple[str, ...]) -> list[Session]:
        """The logins of one person, the one used last first."""
        now = self._clock()
        with self._lock:
            mine = [
                one for one in self._by_hash.values() if one.whose == whose and now < min(one.ends_at, one.idle_until)
            ]
        return sorted(mine, key=lambda one: one.used_at, reverse=True)

    def of_others(self, server: tuple[str, ...], whose: tuple[str, ...]) -> list[Session]:
        """The logins of other people as roles of that server, the one used last first.

        Who stands on a login of the settings is no one server's person, and is not among them.
        """
        now = self._clock()
        with self._lock:
            found = [
                one
                for one in self._by_hash.values()
                if one.login.server == server and one.whose != whose and now < min(one.ends_at, one.idle_until)
            ]
        return sorted(found, key=lambda one: one.used_at, reverse=True)

    def end_of(self, whose: tuple[str, ...], number: str | None = None) -> int:
        """End one login of a person, or all of them; how many there were."""
        with self._lock:
            keys = [
                key
                for key, one in self._by_hash.items()
                if one.whose == whose and (number is None or one.number == number)
            ]
            ended = [self._by_hash.pop(key) for key in keys]
        for session in ended:
            session.close()
        return len(ended)

    def close(self) -> None:
        """End all."""
        with self._lock:
            all_of_them = [*self._by_hash.values(), *([self._reader] if self._reader else [])]
            self._by_hash.clear()
        for session in all_of_them:
            session.close()

    def sweep(self) -> None:
        """End the logins whose time is over: nobody who comes back would do it."""
        with self._lock:
            ended = self._expired(self._clock())
        for session in ended:
            session.close()

    def _expired(self, now: float) -> list[Session]:
        over = [key for key, one in self._by_hash.items() if now >= min(one.ends_at, one.idle_until)]
        return [self._by_hash.pop(key) for key in over]


def same_secret(shown: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(shown.encode(), expected.encode())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
