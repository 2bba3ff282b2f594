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
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from pydantic import SecretStr

from postai.database import Database
from postai.database import dsn as connection_string
from postai.database.pool import Pool
from postai.settings import DatabaseSettings

Level = Literal["none", "reader", "user", "operator"]
"""What a role may do in a database's postai; "none" where it may see nothing of it, or postai is not installed."""

LEVEL = """
    select case when pg_catalog.to_regnamespace('postai') is null then 'none'
                when pg_catalog.has_schema_privilege('postai', 'usage') is not true then 'none'
                when exists (
                  select from pg_catalog.pg_roles as r
                   where r.rolname = 'postai_operator' or r.oid = (
                           select n.nspowner from pg_catalog.pg_namespace as n where n.nspname = 'postai')
                  group by () having pg_catalog.bool_or(
                           pg_catalog.pg_has_role(r.oid, 'usage')
                           or case when pg_catalog.current_setting('server_version_num')::integer >= 160000
                                then pg_catalog.pg_has_role(r.oid, 'set') else false end)) then 'operator'
                when pg_catalog.to_regrole('postai_user') is null
                  or pg_catalog.pg_has_role('postai_user', 'usage') then 'user'
                else 'reader' end
"""
"""As postai._is_operator says it, without naming that function: who may not use the schema could not even ask."""


@dataclass(slots=True)
class Session:
    """One login of one person.

    Attributes:
        person: whom events and pages name.
        role: the PostgreSQL role behind the connections.
        csrf: what forms and scripts must show.
        ends_at, idle_until: on the clock of `Sessions`.
        message: shown once, on the next page.
    """

    person: str
    role: str
    csrf: str
    ends_at: float
    idle_until: float
    message: str | None = None
    _password: SecretStr = field(default_factory=lambda: SecretStr(""), repr=False)
    _pools: dict[str, Pool] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @contextmanager
    def open(self, database: DatabaseSettings) -> Iterator[Database]:
        """A connection of this person's own role to that database, for the time of the block.

        Raises:
            ConnectionFailed: the server does not let the role in, or cannot be reached.
        """
        with self._lock:
            pool = self._pools.get(database.name)
            if pool is None:
                dsn = with_login(database.dsn, self.role, self._password.get_secret_value())
                pool = Pool(dsn, max_size=4, application_name="post-ai web", statement_timeout_ms=15_000)
                self._pools[database.name] = pool
        with pool.database() as connection:
            yield connection

    def take_message(self) -> str | None:
        """The message for the next page, which is then gone."""
        message, self.message = self.message, None
        return message

    def close(self) -> None:
        """End all connections."""
        with self._lock:
            for pool in self._pools.values():
                pool.close()
            self._pools.clear()


def with_login(dsn: str, role: str, password: str) -> str:
    """The connection string for that role: another one's password, passfile or service is never used."""
    parameters = connection_string.parse(dsn)
    kept = {
        key: value for key, value in parameters.items() if key not in {"user", "passfile", *connection_string.SECRETS}
    }
    return connection_string.build({**kept, "user": role, "password": password, "passfile": "/dev/null"})


def level_of(database: Database) -> Level:
    """What the connection's role may do in postai here."""
    ((level,),) = database.query(LEVEL)
    found: Level = level
    return found


class Sessions:
    """All logins of this process.

    Args:
        clock: seconds, monotonic.
        lifetime, idle: seconds after which a login ends whatever happens, or when nobody used it.
        most: logins at a time; the one unused for longest ends when there are more.
    """

    def __init__(self, clock: Callable[[], float], *, lifetime: float, idle: float, most: int = 1000) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._idle = idle
        self._most = most
        self._lock = threading.Lock()
        self._by_hash: dict[bytes, Session] = {}

    def begin(self, person: str, role: str, password: str) -> tuple[str, Session]:
        """A new login and the token for the browser's cookie."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        session = Session(
            person, role, secrets.token_urlsafe(24), now + self._lifetime, now + self._idle, None, SecretStr(password)
        )
        with self._lock:
            ended = self._expired(now)
            if len(self._by_hash) >= self._most:
                ended.append(self._by_hash.pop(min(self._by_hash, key=lambda one: self._by_hash[one].idle_until)))
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

    def close(self) -> None:
        """End all."""
        with self._lock:
            all_of_them = list(self._by_hash.values())
            self._by_hash.clear()
        for session in all_of_them:
            session.close()

    def _expired(self, now: float) -> list[Session]:
        over = [key for key, one in self._by_hash.items() if now >= min(one.ends_at, one.idle_until)]
        return [self._by_hash.pop(key) for key in over]


def same_secret(shown: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(shown.encode(), expected.encode())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
