"""`post-ai doctor`: every prerequisite of postai, what was found, and how to mend it. Changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from postai.database import Database, connect
from postai.database.identifiers import quote_ident
from postai.database.roles import detect_pooler, grant_statement, identity, is_member, schema_owner
from postai.errors import PostaiError, UsageError
from postai.settings import DatabaseSettings, Settings
from postai.setup.install import AGENT_ROLES
from postai.setup.server import as_os_user

TIMEOUT_MS = 10_000
ASK = "Let a superuser run post-ai doctor."
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Check:
    """One prerequisite.

    Attributes:
        id: stable name for programs.
        title: what is checked.
        status: ok, warn (works with less) or fail (does not work).
        found: what was seen.
        fix: what to do, None when nothing needs to be done.
    """

    id: str
    title: str
    status: Status
    found: str
    fix: str | None = None


@dataclass(frozen=True)
class Rule:
    """A check of a connected database: id, title and the function that looks."""

    id: str
    title: str
    look: Callable[[Database], tuple[Status, str, str | None]]


def examine(dsn: str, settings: Settings, *, os_user: str | None = None) -> tuple[Check, ...]:
    """Run all checks.

    Args:
        dsn: the database to look at.
        settings: the sidecar's configuration.
        os_user: OS user that runs the server; None = the configured one.
    """
    user = os_user or settings.agent.server_os_user
    checks = [
        _python(),
        _passfile(dsn),
        _environment_readable(user),
        _socket_directory(settings, user),
        _model(settings),
    ]
    for configured in settings.databases:
        checks.append(_sidecar_login(configured))
    try:
        database = connect(dsn, application_name="post-ai doctor", statement_timeout_ms=TIMEOUT_MS)
    except PostaiError as error:
        return (*checks, Check("connection", "connection", "fail", _found(error), error.hint))
    with database:
        return (*checks, *examine_database(database))


def examine_database(database: Database) -> tuple[Check, ...]:
    """The checks that need a session."""
    who = database.query("select current_user")[0][0]
    return (
        Check("connection", "connection", "ok", f"{database.name} as {who}"),
        *(_apply(rule, database) for rule in RULES),
    )


def _found(error: PostaiError) -> str:
    return error.message if error.detail is None else f"{error.message} ({error.detail})"


def _sidecar_login(configured: DatabaseSettings) -> Check:
    """What the sidecar's configuration names must let it in, with the rights of postai_agent."""
    name, title = f"sidecar_login:{configured.name}", f"sidecar's login for {configured.name}"
    try:
        with connect(configured.direct, application_name="post-ai doctor", statement_timeout_ms=TIMEOUT_MS) as database:
            who = identity(database)
            missing = [role for role in AGENT_ROLES if not is_member(database, who.current_user, role)]
            owner = schema_owner(database, "postai")
    except PostaiError as error:
        return Check(name, title, "fail", _found(error), error.hint)
    if "postai_agent" not in missing or owner == who.current_user:
        return Check(name, title, "ok", who.current_user)
    return Check(
        name,
        title,
        "fail",
        f"{who.current_user} is no member of postai_agent",
        f"post-ai install --agent-login {who.current_user}"
        if owner is None
        else f"As a superuser: {grant_statement(missing, who.current_user)}",
    )


def _apply(rule: Rule, database: Database) -> Check:
    try:
        status, found, fix = rule.look(database)
    except PostaiError as error:
        return Check(rule.id, rule.title, "warn", f"could not be checked: {error.message}", error.hint or ASK)
    return Check(rule.id, rule.title, status, found, fix)


def _python() -> Check:
    return Check("python", "Python of the sidecar", "ok", f"{PYTHON} at {sys.executable}")


def _passfile(dsn: str) -> Check:
    """libpq ignores a password file that others can read, with a warning only."""
    from postai.database.dsn import parse

    named = parse(dsn).get("passfile") or os.environ.get("PGPASSFILE")
    path = Path(named) if named else Path.home() / ".pgpass"
    if not path.exists():
        status: Status = "fail" if named else "ok"
        fix = "Create it (host:port:database:user:password, mode 0600)." if named else None
        return Check("passfile", "password file", status, f"{path} does not exist", fix)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        return Check("passfile", "password file", "fail", f"{path} can be read by others", f"chmod 600 {path}")
    return Check("passfile", "password file", "ok", str(path))


def _can_read(path: Path, user: str) -> bool | None:
    """Whether that OS user can read the path; None when we cannot find out."""
    if os.name != "posix":
        return None
    try:
        rights = as_os_user(user)
    except UsageError:  # there is no such user
        return None
    if not rights and os.geteuid() == 0:
        return None
    if os.geteuid() != 0:
        return None if user != _own_name() else os.access(path, os.R_OK)
    done = subprocess.run(["test", "-r", str(path)], cwd="/", check=False, **rights)
    return done.returncode == 0


def _own_name() -> str:
    import getpass

    return getpass.getuser()


def _environment_readable(user: str) -> Check:
    """PL/Python skips directories of sys.path that it cannot read without a word, so say it here."""
    packages = Path(__file__).resolve().parents[2]
    readable = _can_read(packages, user)
    if readable is None:
        return Check(
            "environment",
            "Python packages readable by the server",
            "ok",
            f"not checked: not root, or no OS user {user}",
        )
    if not readable:
        return Check(
            "environment",
            "Python packages readable by the server",
            "warn",
            f"the OS user {user} cannot read {packages}",
            "Only multicorn2 wrappers need it: install postai below a directory that others may enter, such as /opt.",
        )
    return Check("environment", "Python packages readable by the server", "ok", f"{user} can read {packages}")


def _socket_directory(settings: Settings, user: str) -> Check:
    directory = settings.agent.socket_directory
    title = "socket directory"
    if not directory.exists() and not settings.databases:
        return Check("socket", title, "ok", "not checked: this configuration is no sidecar's")
    if not directory.exists():
        return Check("socket", title, "warn", f"{directory} does not exist yet", "The sidecar makes it: post-ai agent")
    if len(str(settings.agent.socket_path)) > 107:
        return Check("socket", title, "fail", f"{settings.agent.socket_path} is too long", "Set a shorter one.")
    if _can_read(directory, user) is False:
        return Check(
            "socket",
            title,
            "fail",
            f"the OS user {user} cannot enter {directory}",
            f"Set [agent] socket_group to a group that {user} and the sidecar share.",
        )
    return Check("socket", title, "ok", str(directory))


def _model(settings: Settings) -> Check:
    if not settings.model.configured:
        return Check("model", "language model", "ok", "none configured: the embedded engine answers alone")
    return Check("model", "language model", "ok", f"{settings.model.model} at {settings.model.base_url or 'Anthropic'}")


def _version(database: Database) -> tuple[Status, str, str | None]:
    found = database.query("select pg_catalog.current_setting('server_version')")[0][0]
    if database.server_version < 140000:
        return "fail", f"PostgreSQL {found}", "postai needs PostgreSQL 14 or newer; upgrade the server."
    return "ok", f"PostgreSQL {found}", None


def _available(database: Database, name: str) -> str | None:
    """Version of an extension that is installed or could be, else None."""
    rows = database.query(
        "select coalesce(installed_version, 'available ' || default_version)"
        " from pg_catalog.pg_available_extensions where name = %s",
        (name,),
    )
    return str(rows[0][0]) if rows else None


def _extension(name: str, why: str, package: str) -> Callable[[Database], tuple[Status, str, str | None]]:
    def look(database: Database) -> tuple[Status, str, str | None]:
        version = _available(database, name)
        if version is None:
            return "warn", f"not available: {why}", f"Install {package} on the server, where its owner allows it."
        return "ok", version, None

    return look


def _statements(database: Database) -> tuple[Status, str, str | None]:
    version = _available(database, "pg_stat_statements")
    if version is None:
        return "warn", "not available: no statement statistics", "Install the server's contrib package."
    # The view leaves the row out, where current_setting() would fail, for a role that may not read this setting.
    loaded = database.query(
        "select setting like '%pg_stat_statements%' from pg_catalog.pg_settings where name = 'shared_preload_libraries'"
    )
    if loaded == [(False,)]:
        return (
            "warn",
            f"{version}, but not preloaded",
            "Add pg_stat_statements to shared_preload_libraries and restart the server.",
        )
    return "ok", version, None


def _plpython_minor(database: Database) -> tuple[Status, str, str | None]:
    """The thin clients use the standard library only; multicorn2 wrappers need the same minor version."""
    if not database.query("select 1 from pg_catalog.pg_language where lanname = 'plpython3u'"):
        return "ok", "plpython3u is not installed in this database", None
    if not database.query("select rolsuper from pg_catalog.pg_roles where rolname = current_user and rolsuper"):
        return "ok", "not checked: only a superuser can ask PL/Python", None
    with database.transaction():
        database.execute(
            "create function pg_temp.postai_python() returns text language plpython3u"
            " as 'import sys; return \"%d.%d\" % sys.version_info[:2]'"
        )
        theirs = str(database.query("select pg_temp.postai_python()")[0][0])
        database.execute("drop function pg_temp.postai_python()")
    if theirs != PYTHON:
        return "warn", f"the server has {theirs}, the sidecar {PYTHON}", "Only multicorn2 wrappers need the same."
    return "ok", theirs, None


def _pooler(database: Database) -> tuple[Status, str, str | None]:
    seen = detect_pooler(database)
    if seen:
        return "warn", seen, "Give the sidecar a direct_dsn past the pooler."
    return "ok", "none seen", None


def _installed(database: Database) -> tuple[Status, str, str | None]:
    if database.query("select 1 from pg_catalog.pg_namespace where nspname = 'postai'") == []:
        return "fail", "postai is not installed in this database", "post-ai install"
    if database.query("select pg_catalog.has_schema_privilege('postai', 'usage')") == [(False,)]:
        me = quote_ident(identity(database).current_user)
        return "fail", "installed, but you may not use it", f"Ask its owner: GRANT postai_user TO {me};"
    version, transport, reachable = database.query("select version, transport, reachable from postai.agent()")[0]
    if not reachable:
        return "fail", f"postai {version}, transport {transport}, no sidecar", "Start it: post-ai agent"
    return "ok", f"postai {version}, transport {transport}, sidecar reachable", None


def _untracked(database: Database) -> tuple[Status, str, str | None]:
    """Whether the agent's own EXPLAINs and tried indexes are counted, which may crowd out other statements."""
    counted = database.query(
        "select pg_catalog.quote_ident(m.rolname) from pg_catalog.pg_auth_members as a"
        " join pg_catalog.pg_roles as g on g.oid = a.roleid and g.rolname = 'postai_agent'"
        " join pg_catalog.pg_roles as m on m.oid = a.member and m.rolcanlogin and not exists ("
        "   select from pg_catalog.pg_db_role_setting as s where s.setrole = m.oid and s.setdatabase in (0, ("
        "     select d.oid from pg_catalog.pg_database as d where d.datname = pg_catalog.current_database()))"
        "   and 'pg_stat_statements.track=none' = any (s.setconfig))"
        " where exists (select from pg_catalog.pg_extension as e where e.extname = 'pg_stat_statements') order by 1"
    )
    if counted:
        names = ", ".join(name for (name,) in counted)
        hint = f"As superuser: ALTER ROLE {counted[0][0]} SET pg_stat_statements.track = 'none';"
        return "ok", f"counted, among other statements: {names}. {hint}", None
    return "ok", "not counted", None


RULES: tuple[Rule, ...] = (
    Rule("version", "server version", _version),
    Rule("pg_stat_statements", "statement statistics", _statements),
    Rule(
        "plpython3u",
        "PL/Python (transport socket)",
        _extension("plpython3u", "the transport will be dblink or call", "postgresql-plpython3-<version>"),
    ),
    Rule("plpython_version", "PL/Python's Python version", _plpython_minor),
    Rule(
        "dblink",
        "dblink (transport dblink)",
        _extension("dblink", "without PL/Python only CALL postai.run() works", "the server's contrib package"),
    ),
    Rule(
        "hypopg",
        "HypoPG (hypothetical indexes)",
        _extension("hypopg", "index advice is estimated in another way", "postgresql-<version>-hypopg"),
    ),
    Rule("own_statements", "statistics of the agent's own statements", _untracked),
    Rule("pooler", "transaction pooler", _pooler),
    Rule("postai", "postai in this database", _installed),
)
