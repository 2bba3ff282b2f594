"""Choosing and fixing the way in which functions of a database reach the agent.

`socket` needs plpython3u and an agent on the server's host, `dblink` a second connection as a login that may do
nothing but submit and poll jobs, `call` needs nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postai.database import Database, ServerError
from postai.database.identifiers import quote_ident, quote_literal
from postai.errors import FeatureMissing
from postai.setup.scram import verifier
from postai.setup.script import Script
from postai.setup.sql_files import SqlFiles, with_socket_path
from postai.sql.parse import split

Transport = Literal["socket", "dblink", "call"]

LOGIN_MAY = (
    "_job_submit(text, bytea)", "_job_poll(uuid)", "_job_reply(uuid, integer, jsonb)", "_job_close(uuid)",
)  # fmt: skip
"""All that the login of transport dblink may execute."""


@dataclass(frozen=True)
class Circumstances:
    """What this server, database and user allow.

    Attributes:
        same_host: the session came over a unix socket or from the server's own address.
        address, listen, socket_directory, port: where a loopback connection may go.
    """

    superuser: bool
    plpython: bool
    plpython_available: bool
    same_host: bool
    dblink: bool
    dblink_available: bool
    may_create_roles: bool
    address: str | None
    listen: str
    socket_directory: str | None
    port: str
    database_oid: str

    @property
    def host(self) -> str:
        """Host of a connection from the server to itself; TCP where it can be, as passwords are asked for there."""
        if self.address:
            return self.address
        if self.listen and not self.listen.startswith("/"):
            first = self.listen.split(",")[0].strip()
            return "127.0.0.1" if first in ("*", "0.0.0.0", "localhost") else first  # noqa: S104
        return self.socket_directory or "127.0.0.1"

    @property
    def login(self) -> str:
        """Name of this database's transport login (roles belong to the whole cluster, so it holds the oid)."""
        return f"postai_transport_{self.database_oid}"


def look(database: Database, queries: Mapping[str, str]) -> Circumstances:
    """What can be done here."""
    return Circumstances(*database.query(queries["circumstances"])[0])


def fix(
    script: Script,
    queries: Mapping[str, str],
    files: SqlFiles,
    wanted: Transport | None,
    path: Path | None,
    first: Transport = "socket",
) -> Transport:
    """Fix the transport: the wanted one, or the best that works here.

    Args:
        script: the open transaction of the installer.
        queries: named statements of install.sql.
        files: where plpython/ lies.
        wanted: None = choose.
        path: socket of the agent; None = there is no agent on the server's host.
        first: tried before the others when there is a choice.

    Raises:
        FeatureMissing: the wanted one cannot work here; says why.
    """
    here = look(script.database, queries)
    reasons = {"socket": _why_not_socket(here, path), "dblink": _why_not_dblink(here)}
    if wanted in ("socket", "dblink") and (reason := reasons[wanted]):
        raise FeatureMissing(
            f"transport {wanted} cannot work in this database", detail=reason, hint="post-ai install --transport auto"
        )
    order: tuple[Transport, ...] = ("socket", "dblink", "call")
    for kind in (wanted,) if wanted else tuple(dict.fromkeys((first, *order))):
        if kind == "socket" and path is not None and not reasons["socket"]:
            if wanted:
                _socket(script, queries, files, path)
                return "socket"
            if script.attempt(lambda: _socket(script, queries, files, path), "transport socket was not possible"):
                return "socket"
        elif kind == "dblink" and not reasons["dblink"]:
            if wanted:
                _dblink(script, queries, here)
                return "dblink"
            if script.attempt(lambda: _dblink(script, queries, here), "transport dblink was not possible"):
                return "dblink"
        elif kind != "call":
            script.note(f"transport {kind} was not chosen: {reasons[kind]}")
    call(script, queries)
    return "call"


def call(script: Script, queries: Mapping[str, str]) -> None:
    """Fix the transport that needs nothing."""
    script.run(queries["drop_socket_function"])
    script.run(queries["fix_transport"], ("call", None))


def misfit(database: Database, queries: Mapping[str, str], kind: Transport, path: Path | None) -> str | None:
    """Why the transport that is stored cannot work in this database, as after a restore; None = it fits.

    Args:
        database: a session in a transaction.
        queries: named statements of install.sql.
        kind: the transport that is stored.
        path: the agent's socket as it is configured now; None = unknown.
    """
    if kind == "socket":
        rows = database.query(queries["socket_function"])
        if not rows:
            return "its function is missing"
        if path is not None and f'PATH = "{path}"' not in str(rows[0][0]):
            return f"its function does not speak to {path}"
    elif kind == "dblink":
        return _dblink_misfit(database, queries)
    return None


def _dblink_misfit(database: Database, queries: Mapping[str, str]) -> str | None:
    here = look(database, queries)
    name, port, mapped, login, exists, may_log_in, _ = database.query(queries["loopback"])[0]
    if not here.dblink:
        return "extension dblink is missing"
    if name is None or not mapped:
        return "its server or its user mapping is missing"
    if name != database.name:
        return f"its second connection leads to database {name}"
    if port != here.port:
        return f"its second connection leads to port {port}"
    if login != here.login:
        return f"its login {login} was made for another database"
    if not exists or not may_log_in:
        return f"its login {login} {'may not log in' if exists else 'is missing'}"
    return verify_dblink(database, queries)


def _why_not_socket(here: Circumstances, path: Path | None) -> str | None:
    if path is None:
        return "no socket path is configured"
    if not here.superuser:
        return "only a superuser can create functions in plpython3u"
    if not here.plpython and not here.plpython_available:
        return "the server has no plpython3u (Debian: apt install postgresql-plpython3-<version>)"
    if not here.same_host:
        return "this installer and its agent run on another host than the server"
    return None


def _why_not_dblink(here: Circumstances) -> str | None:
    if not here.dblink and not (here.dblink_available and here.superuser):
        return "extension dblink is missing, and only a superuser can create it"
    if not here.may_create_roles:
        return "a login must be created for it, which needs CREATEROLE"
    return None


def _socket(script: Script, queries: Mapping[str, str], files: SqlFiles, path: Path) -> None:
    script.run("create extension if not exists plpython3u")
    script.run(queries["drop_socket_function"])
    for file in files.plpython():
        for statement in split(with_socket_path(files.read(file), path)):
            script.run(statement)


def _dblink(script: Script, queries: Mapping[str, str], here: Circumstances) -> None:
    login = quote_ident(here.login)
    password = secrets.token_urlsafe(32)
    if not here.dblink:
        script.run("create extension dblink schema public")
    _close_dblink(script, queries, ours=not here.dblink)
    _forget_login(script, queries, here)
    exists = script.database.query(queries["role_exists"], (here.login,))[0][0]
    script.run(
        f"{'alter' if exists else 'create'} role {login} login password {quote_literal(verifier(password))}",
        shown=f"{'alter' if exists else 'create'} role {login} login password '...'",
    )
    script.run(f"alter role {login} set statement_timeout = '10s'")
    if here.superuser:
        # What a person asks would otherwise stand in pg_stat_activity of the shared login.
        script.run(f"alter role {login} set track_activities = off")
    script.run(f"grant connect on database {quote_ident(script.database.name)} to {login}")
    script.run(f"grant usage on schema postai to {login}")
    for function in LOGIN_MAY:
        script.run(f"grant execute on function postai.{function} to {login}")
    script.run("drop server if exists postai_loopback cascade")
    script.run(
        "create server postai_loopback foreign data wrapper dblink_fdw options"
        f" (host {quote_literal(here.host)}, port {quote_literal(here.port)},"
        f" dbname {quote_literal(script.database.name)}, connect_timeout '5', application_name 'postai transport')"
    )
    # The functions that use it run as their owner.
    owner = quote_ident(str(script.database.query(queries["owner"])[0][0]))
    mapping = f"create user mapping for {owner} server postai_loopback options"
    script.run(
        f"{mapping} (user {quote_literal(here.login)}, password {quote_literal(password)})",
        shown=f"{mapping} (user {quote_literal(here.login)}, password '...')",
    )
    script.run(queries["drop_socket_function"])
    script.run(queries["fix_transport"], ("dblink", here.login))


def _forget_login(script: Script, queries: Mapping[str, str], here: Circumstances) -> None:
    """Take the rights of a login that was made for another database, and the login itself when that one is gone."""
    old, exists, _, orphaned = script.database.query(queries["loopback"])[0][3:]
    if not exists or old == here.login:
        return
    login = quote_ident(old)
    script.run(f"revoke execute on all routines in schema postai from {login}")
    script.run(f"revoke usage on schema postai from {login}")
    script.run(f"revoke connect on database {quote_ident(script.database.name)} from {login}")
    if orphaned:
        script.attempt(lambda: script.run(f"drop role {login}"), f"role {old} was left")


def _close_dblink(script: Script, queries: Mapping[str, str], *, ours: bool) -> None:
    """Whoever may use dblink may use the session's connection to the agent too, and as that login change the login's
    password and end other sessions' connections: so a dblink that is made for postai is for its owner alone."""
    functions = ", ".join(str(row[0]) for row in script.database.query(queries["dblink_open_to_all"]))
    if not functions:
        return
    if ours:
        owner = quote_ident(str(script.database.query(queries["owner"])[0][0]))
        script.run(f"grant execute on function {functions} to {owner}")
        script.run(f"revoke execute on function {functions} from public")
    else:
        script.note(
            "everybody may use dblink in this database, and so disturb postai's second connection; grant it to those"
            f" who need it, and: REVOKE EXECUTE ON FUNCTION {functions} FROM PUBLIC"
        )


def verify_dblink(database: Database, queries: Mapping[str, str]) -> str | None:
    """Open the second connection once (its login must be committed); gives the reason when it does not lead here."""
    mark = 1000 + secrets.randbelow(2**31 - 1000)
    owner = database.query(queries["owner"])[0][0]
    try:
        with database.transaction():
            database.query(queries["mark"], (mark,))
            before = database.query(queries["act_as"], (owner,))[0][0]
            leads_here = database.query(queries["try_dblink"], (mark,))[0][0]
            database.query(queries["try_dblink_end"])
            database.query(queries["act_as"], (before,))
    except ServerError as error:
        return f"{error.message}{': ' + error.detail if error.detail else ''}"
    return None if leads_here == "t" else "its second connection leads to another server"
