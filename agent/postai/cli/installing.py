"""`post-ai install`, `uninstall` and `doctor`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Literal

import typer

from postai.cli import output
from postai.cli.agent import Config
from postai.cli.output import Json
from postai.cli.target import Dsn, Name, open_database, resolve
from postai.errors import UsageError

DDL_TIMEOUT_MS = 300_000


class Transport(StrEnum):
    """How functions of a database reach the sidecar."""

    auto = "auto"
    socket = "socket"
    dblink = "dblink"
    call = "call"


FIXED: Mapping[Transport, Literal["socket", "dblink", "call"]] = MappingProxyType(
    {Transport.socket: "socket", Transport.dblink: "dblink", Transport.call: "call"}
)


def install_command(
    transport: Annotated[
        Transport, typer.Option("--transport", help="How functions reach the sidecar; auto keeps or picks the best.")
    ] = Transport.auto,
    agent_login: Annotated[
        str | None, typer.Option("--agent-login", help="Login role of the sidecar; created when it is missing.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the statements, change nothing.")] = False,
    config: Config = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Install or upgrade the SQL part in a database, in one transaction; a second run changes nothing."""
    from postai.settings import Settings
    from postai.setup.install import InstallOptions, install

    options = InstallOptions(
        transport=FIXED.get(transport),
        socket_path=Settings.load(config).agent.socket_path,
        agent_login=agent_login,
        dry_run=dry_run,
    )
    with open_database(dsn, connection, statement_timeout_ms=DDL_TIMEOUT_MS) as database:
        report = install(database, options)
    if json:
        output.show_json(report)
        return
    if dry_run:
        for statement in report.statements:
            output.say(statement.rstrip().rstrip(";") + ";")
        for notice in report.notices:
            output.say(f"-- note: {notice}")
        return
    for notice in report.notices:
        output.say(f"note: {notice}")
    if not report.statements:
        output.say(
            f"postai {report.version_after} is installed already; nothing changed (transport {report.transport})"
        )
    else:
        output.say(
            f"postai {report.version_after} installed (before: {report.version_before or 'none'}), "
            f"transport {report.transport}, rights: {report.roles_mode}"
        )


def uninstall_command(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> None:
    """Remove postai from a database, with its history: proposals, actions, events, settings."""
    from postai.setup.install import uninstall

    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("nobody can be asked whether postai shall be removed", hint="post-ai uninstall --yes")
        typer.confirm(
            "This deletes the schema postai with its proposals, events and settings. Go on?", abort=True, err=True
        )
    with open_database(dsn, connection, statement_timeout_ms=DDL_TIMEOUT_MS) as database:
        uninstall(database)
        name = database.name
    if json:
        output.show_json({"uninstalled": name})
    else:
        output.say(f"postai is removed from {name}")


def doctor_command(
    config: Config = None,
    os_user: Annotated[str | None, typer.Option("--os-user", help="OS user that runs the server.")] = None,
    dsn: Dsn = None,
    connection: Name = None,
    json: Json = False,
) -> int:
    """Check every prerequisite and say how to mend what is missing; exit code 1 when something needed is missing."""
    from postai.settings import Settings
    from postai.setup.doctor import examine

    checks = examine(resolve(dsn, connection), Settings.load(config), os_user=os_user)
    failed = any(check.status == "fail" for check in checks)
    if json:
        output.show_json(checks)
        return int(failed)
    signs = {"ok": "ok", "warn": "warning", "fail": "FAILED"}
    for check in checks:
        output.say(f"{signs[check.status]:8} {check.title}: {check.found}")
        if check.fix and check.status != "ok":
            output.say(f"         fix: {check.fix}")
    return int(failed)
