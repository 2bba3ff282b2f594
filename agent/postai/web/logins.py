"""What a session logs in to PostgreSQL with, and what the login's role may do there.

A connection is always one of a login that has exactly the rights it is used for: there is no SET ROLE that a RESET
could take back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from postai.database import Database
from postai.database import dsn as connection_string
from postai.errors import FeatureMissing, NotPermitted, PostaiError

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
                else 'reader' end, session_user
"""
"""With the login's name, which the server no longer knows (42704) where somebody dropped the role.

As postai._is_operator says it, without naming that function: who may not use the schema could not even ask."""

MORE_THAN_READER = """
    select r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
           or r.rolname <> session_user or exists (
                select from pg_catalog.pg_roles as g
                 where g.oid <> r.oid and pg_catalog.pg_has_role(r.oid, g.oid, 'member')
                   and g.rolname <> 'postai_reader')
      from pg_catalog.pg_roles as r where r.rolname = current_user
"""
"""Whether a role has more than postai_reader; what was granted to it by name is its owner's choice."""

_SERVER = ("host", "hostaddr", "port", "service")
_PLACE = ("dbname", *_SERVER, "target_session_attrs", "load_balance_hosts")
_LOGIN = (
    "user", "passfile", "sslcert", "sslkey", "sslpassword", "krbsrvname", "gsslib", *sorted(connection_string.SECRETS)
)  # fmt: skip


class ProviderFailed(PostaiError):
    """The provider cannot be asked, or what it says does not hold."""

    sqlstate = "28000"
    title = "login refused"


@dataclass(frozen=True, slots=True)
class Login:
    """One login to PostgreSQL.

    Attributes:
        role: its name.
        keywords: of libpq, that log in: user, password or passfile, certificate.
        whose: who it stands for; the same role of two servers is two people.
        reads_only: whether it is the site's reader: pages are read, nothing else.
        server: the server that the keywords were given for, as `server_of` says it; None = for all.
    """

    role: str
    keywords: Mapping[str, str] = field(repr=False)
    whose: tuple[str, ...]
    reads_only: bool = False
    server: tuple[str, ...] | None = None

    def dsn_for(self, dsn: str) -> str:
        """The connection string of that database for this login; what it says of another login is never used.

        A password that was typed must be asked for: a server that trusts this machine, or the operating system's user
        of this process, would let everybody in as anybody. It goes to another server than the one it was typed for only
        by SCRAM, which does not show it.
        """
        place = {key: value for key, value in connection_string.parse(dsn).items() if key not in _LOGIN}
        proof = {}
        if self.server is not None:
            ways = "password,md5,scram-sha-256" if self.server == server_of(dsn) else "scram-sha-256"
            proof = {"require_auth": ways}
        return connection_string.build({**place, "passfile": "/dev/null", **self.keywords, **proof})


def with_password(role: str, password: str, dsn: str) -> Login:
    """The login of somebody who typed role and password for the server of that connection string."""
    server = server_of(dsn)
    return Login(role, {"user": role, "password": password}, ("role", *server, role), server=server)


def from_settings(dsn: str, whose: tuple[str, ...], *, reads_only: bool) -> Login:
    """The login that a connection string of the settings names; host, port and database in it do not count."""
    keywords = {key: value for key, value in connection_string.parse(dsn).items() if key not in _PLACE}
    return Login(keywords.get("user", ""), keywords, whose, reads_only)


def server_of(dsn: str) -> tuple[str, ...]:
    """The server that a connection string leads to."""
    parameters = connection_string.parse(dsn)
    return tuple(parameters.get(key, "") for key in _SERVER)


def level_of(database: Database) -> Level:
    """What the connection's role may do in postai here."""
    ((level, _),) = database.query(LEVEL)
    found: Level = level
    return found


def require_reader(database: Database) -> None:
    """Lets a connection pass only if its role can do no more than read postai's views.

    Raises:
        NotPermitted: it could do more.
        FeatureMissing: there are no roles of postai.
    """
    ((exists,),) = database.query("select pg_catalog.to_regrole('postai_reader') is not null")
    if not exists:
        raise FeatureMissing(
            "this server has no role postai_reader",
            detail="Links and tokens stand for no more than that; postai was installed by who may not create roles.",
            hint="CREATE ROLE postai_reader; then run post-ai install again.",
        )
    ((more,),) = database.query(MORE_THAN_READER)
    if more is not False or level_of(database) not in ("none", "reader"):
        raise NotPermitted(
            "the dashboard's reader login may do more than read",
            detail="Links and tokens must not stand for more than postai_reader.",
            hint="Give [web] reader_dsn a login that is a member of postai_reader alone.",
        )
