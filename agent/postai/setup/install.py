"""Installing, upgrading and removing the SQL part of postai as plain SQL, in one transaction.

The other way is the extension `postai` (packaging/extension); a database has one of the two. This one needs no files
on the server's host, so it works on managed servers, as superuser, as owner of the database, and without CREATEROLE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import postai
from postai.database import Database
from postai.database.connection import OLDEST
from postai.database.identifiers import quote_ident, quote_literal
from postai.database.named_sql import load
from postai.database.roles import grant_statement
from postai.errors import FeatureMissing, NotPermitted, UsageError
from postai.setup import sql_files, transport
from postai.setup.scram import verifier
from postai.setup.script import Script
from postai.setup.transport import Transport
from postai.sql.parse import split

RolesMode = Literal["roles", "owner only"]
AGENT_ROLES = ("postai_agent", "pg_monitor", "pg_signal_backend")
"""What the agent's login is a member of: its own tables; statistics of all sessions; ending overdue statements."""


@dataclass(frozen=True)
class InstallOptions:
    """How to install.

    Attributes:
        transport: None = the best that works here, or on a later run the one that is there.
        socket_path: the agent's socket on the server's host; None = no agent runs there.
        agent_login: login role of the sidecar to create (when missing) and to give its rights.
        agent_password: its password, when it is created here.
        dry_run: roll everything back at the end.
    """

    transport: Transport | None = None
    socket_path: Path | None = None
    agent_login: str | None = None
    agent_password: str | None = field(default=None, repr=False)
    dry_run: bool = False


@dataclass(frozen=True)
class InstallReport:
    """What an installation did.

    Attributes:
        version_before: None = postai was not here.
        transport: the one that is fixed now.
        roles_mode: "owner only" when roles of postai are missing and could not be made.
        statements: what ran, secrets left out; empty when there was nothing to do.
        notices: what a person should know.
    """

    version_before: str | None
    version_after: str
    transport: str
    roles_mode: RolesMode
    statements: tuple[str, ...]
    notices: tuple[str, ...]


class _RollBack(Exception):
    """No error: it carries a dry run's report out of the transaction that it ends."""

    def __init__(self, report: InstallReport) -> None:
        self.report = report


def install(database: Database, options: InstallOptions | None = None) -> InstallReport:
    """Install postai in a database or bring it up to this version; a second run changes nothing.

    Args:
        database: a session of a superuser, or of a user who may create schemas in it (later: who owns schema postai).
        options: see `InstallOptions`.

    Raises:
        FeatureMissing: the server is too old, the extension is installed, or the wanted transport cannot work.
        NotPermitted: the user may not create the schema or does not own it.
        UsageError: another schema of that name is in the way, or the database has a newer version.
    """
    options = options or InstallOptions()
    queries = load(__package__, "install.sql")
    refuse_old_server(database)
    try:
        with database.transaction():
            report = _install(Script(database), queries, options)
            if options.dry_run:
                raise _RollBack(report)
    except _RollBack as end:
        return end.report
    if report.transport == "dblink" and report.statements:
        return _after_commit(database, queries, options, report)
    return report


def uninstall(database: Database) -> None:
    """Remove schema postai with everything in it, and what transport dblink needed; roles stay (the cluster's).

    Raises:
        UsageError: postai is not here, or objects outside of it depend on it.
        FeatureMissing: it came as an extension.
        NotPermitted: the user does not own it.
    """
    queries = load(__package__, "install.sql")
    with database.transaction():
        script = Script(database)
        script.run(queries["pin_search_path"])
        script.run(queries["lock"])
        extension, schema, table = database.query(queries["state"])[0]
        if extension:
            raise FeatureMissing("postai is installed here as an extension", hint="DROP EXTENSION postai;")
        if _version(script, queries, schema, table) is None:
            raise UsageError("postai is not installed in this database", detail=f"database {database.name}")
        _require_owner(database)
        users = [str(row[0]) for row in database.query(queries["used_by"])]
        if users:
            raise UsageError(
                "objects of yours use postai and would be dropped with it",
                detail=", ".join(users),
                hint="Drop them first, or write them without postai.",
            )
        logins = database.query(queries["login"])
        script.run("drop server if exists postai_loopback cascade")
        script.run("drop schema if exists postai_cache cascade")
        script.run("drop schema postai cascade")
        for (login,) in logins:
            if database.query(queries["role_exists"], (login,))[0][0]:
                name = quote_ident(login)
                script.run(f"revoke all on database {quote_ident(database.name)} from {name}")
                script.attempt(partial(script.run, f"drop role {name}"), f"role {login} was left")


def core_sql() -> str:
    """The whole SQL core of this version in load order, as one script with the search_path it is run under."""
    files = sql_files.find()
    pinned = load(__package__, "install.sql")["pin_search_path"].removeprefix("set local ")
    return "\n".join([f"set {pinned};", *(files.read(path) for path in files.core())])


def refuse_old_server(database: Database) -> None:
    """Raise when the server is older than anything postai supports."""
    if database.server_version < OLDEST * 10000:
        raise FeatureMissing(
            f"PostgreSQL {database.server_version // 10000} is too old",
            detail=f"postai needs PostgreSQL {OLDEST} or newer.",
            hint=f"Upgrade the server (pg_upgrade) to {OLDEST} or newer.",
        )


def _install(script: Script, queries: Mapping[str, str], options: InstallOptions) -> InstallReport:
    database = script.database
    for name in ("pin_search_path", "allow_time", "lock"):
        database.query(queries[name])
    files = sql_files.find()
    version = postai.__version__
    extension, schema, table = database.query(queries["state"])[0]
    if extension:
        return _extension(script, queries, files, options)
    before = _version(script, queries, schema, table)
    if before is None:
        if not database.query(queries["may_create_schema"])[0][0]:
            raise NotPermitted(
                f"you may not create schemas in database {database.name}",
                hint=f"GRANT CREATE ON DATABASE {quote_ident(database.name)} TO {_me(database)};",
            )
        for file in files.core():
            _run_text(script, files.read(file))
        script.run(queries["write_version"], (version,))
    elif before != version:
        _require_owner(database)
        for file in files.upgrade_path(before, version):
            _run_text(script, files.read(file))
        script.run(queries["write_version"], (version,))
    else:
        _later_roles(script, queries)
    kind = _transport(script, queries, files, options, fresh=before is None)
    missing = [str(row[0]) for row in database.query(queries["missing_roles"])]
    if missing:
        script.note(
            f"these roles are missing and may not be created by {_me(database)}: {', '.join(missing)}; until they are, "
            "only the owner of schema postai may use it (run post-ai install again after creating them)"
        )
    if options.agent_login:
        _agent_login(script, queries, options.agent_login, options.agent_password, set(missing))
    mode: RolesMode = "owner only" if missing else "roles"
    return InstallReport(before, version, kind, mode, script.statements, script.notices)


def _version(script: Script, queries: Mapping[str, str], schema: bool, table: bool) -> str | None:
    if not schema:
        return None
    if not table:
        raise UsageError(
            "this database has a schema named postai that postai did not make",
            hint="Rename it: ALTER SCHEMA postai RENAME TO something_else;",
        )
    rows = script.database.query(queries["version"])
    return str(rows[0][0]) if rows else None


def _extension(
    script: Script, queries: Mapping[str, str], files: sql_files.SqlFiles, options: InstallOptions
) -> InstallReport:
    """An extension is only given another transport, and only when that is asked for."""
    database = script.database
    current: Transport = database.query(queries["transport"])[0][0]
    if options.transport not in ("dblink", "call"):
        raise FeatureMissing(
            "postai is installed in this database as an extension",
            detail="The two ways of installing are not mixed.",
            hint="Upgrade it with ALTER EXTENSION postai UPDATE, remove it with DROP EXTENSION postai, and take "
            "transport socket with CREATE EXTENSION postai_plpython.",
        )
    version = str(database.query(queries["version"])[0][0])
    if _to_fix(script, queries, current, options):
        transport.fix(script, queries, files, options.transport, None)
    return InstallReport(version, version, options.transport, "roles", script.statements, script.notices)


def _me(database: Database) -> str:
    return quote_ident(str(database.query("select current_user")[0][0]))


def _require_owner(database: Database) -> None:
    owner, mine = database.query(
        "select r.rolname, pg_catalog.pg_has_role(r.oid, 'usage') from pg_catalog.pg_namespace n"
        " join pg_catalog.pg_roles r on r.oid = n.nspowner where n.nspname = 'postai'"
    )[0]
    if not mine:
        raise NotPermitted(
            "only the owner of schema postai may change the installation",
            detail=f"It is owned by {owner}.",
            hint=f"Run it as {quote_ident(owner)}, or: GRANT {quote_ident(owner)} TO {_me(database)};",
        )


def _run_text(script: Script, text: str) -> None:
    for statement in split(text):
        script.run(statement)


def _later_roles(script: Script, queries: Mapping[str, str]) -> None:
    """Roles that are missing after a restore on another server, and rights of roles that came later."""
    missing = script.database.query(queries["missing_roles"])
    if missing and transport.look(script.database, queries).may_create_roles:
        _require_owner(script.database)
        script.run(queries["make_roles"])
    if script.database.query(queries["missing_grants"])[0][0]:
        _require_owner(script.database)
        script.run(queries["apply_grants"])


def _transport(
    script: Script, queries: Mapping[str, str], files: sql_files.SqlFiles, options: InstallOptions, *, fresh: bool
) -> Transport:
    current: Transport = script.database.query(queries["transport"])[0][0]
    wanted = options.transport
    if fresh:
        return transport.fix(script, queries, files, wanted, options.socket_path)
    if not _to_fix(script, queries, current, options):
        return current
    return transport.fix(script, queries, files, wanted, options.socket_path, first=current)


def _to_fix(script: Script, queries: Mapping[str, str], current: Transport, options: InstallOptions) -> bool:
    """Whether the transport must be set up again: another one is wanted, or a restore or a rename broke this one."""
    if options.transport not in (None, current):
        _require_owner(script.database)
        return True
    reason = transport.misfit(script.database, queries, current, options.socket_path)
    if reason is None:
        return False
    _require_owner(script.database)
    script.note(f"transport {current} did not fit this database and was set up again: {reason}")
    return True


def _agent_login(
    script: Script, queries: Mapping[str, str], login: str, password: str | None, missing: set[str]
) -> None:
    database = script.database
    name = quote_ident(login)
    if not database.query(queries["role_exists"], (login,))[0][0]:
        secret = f" password {quote_literal(verifier(password))}" if password else ""
        if not transport.look(database, queries).may_create_roles:
            raise NotPermitted(
                f"{_me(database)} may not create the login {login}",
                detail="It is neither superuser nor CREATEROLE.",
                hint=f"Let an administrator run CREATE ROLE {name} LOGIN IN ROLE postai_agent; or leave --agent-login "
                "out and let the sidecar log in as the owner of schema postai.",
            )
        script.run(f"create role {name} login{secret}", shown=f"create role {name} login")
        if not password:
            script.note(f"login {login} has no password yet: \\password {login}")
    refused = []
    for role in AGENT_ROLES:
        if role in missing:
            script.note(f"the agent must log in as the owner of schema postai, because role {role} is missing")
        elif not database.query(queries["is_member"], (login, role))[0][0] and not script.attempt(
            partial(script.run, f"grant {role} to {name}"),
            f"{login} was not made a member of {role}",
        ):
            refused.append(role)
    if refused:
        why = "the sidecar cannot serve this database" if "postai_agent" in refused else "the sidecar sees less"
        script.note(f"{why} until a superuser has run: {grant_statement(refused, login)}")
    # EXPLAINs and tried indexes would take the places of what others run.
    if database.query(queries["is_tracked"], (login,))[0][0]:
        here = f"in database {quote_ident(database.name)}"
        script.attempt(
            partial(script.run, f"alter role {name} {here} set pg_stat_statements.track = 'none'"),
            f"what {login} runs is counted by pg_stat_statements",
        )


def _after_commit(
    database: Database, queries: Mapping[str, str], options: InstallOptions, report: InstallReport
) -> InstallReport:
    """The second connection can be tried only when its login is committed; without it the transport is `call`."""
    reason = transport.verify_dblink(database, queries)
    if reason is None:
        return report
    with database.transaction():
        script = Script(database)
        transport.call(script, queries)
    if options.transport == "dblink":
        raise FeatureMissing(
            "transport dblink cannot work: the server does not let its transport login in",
            detail=f"{reason}. The transport is call now.",
            hint="Let the login in by password (pg_hba.conf: host, scram-sha-256), then install again.",
        )
    note = f"transport dblink was not possible: {reason}"
    return InstallReport(
        report.version_before, report.version_after, "call", report.roles_mode,
        (*report.statements, *script.statements), (*report.notices, note),
    )  # fmt: skip
