"""What the tests of the agent share: a database with postai, the agent's login, agents as processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent_forks import Fork, fork

from conftest import TestDatabase, put_postai
from postai.database import connect
from postai.setup.install import InstallOptions, install
from postai.setup.server import LocalServer
from postai.setup.transport import Transport

AGENT = "postai_test_agent"
PATIENCE = 30.0
"""Seconds after which a test gives up waiting; says nothing about how fast things are."""


def install_postai(
    database: TestDatabase, transport: Transport, socket: Path | None = None, login: str = AGENT
) -> None:
    """The SQL part with that transport, and the agent's login."""
    put_postai(database)
    options = InstallOptions(transport=transport, socket_path=socket, agent_login=login, agent_password=login)
    with connect(database.dsn()) as db:
        report = install(db, options)
    assert report.transport == transport, report.notices


def agent_dsn(server: LocalServer, database: str, directory: Path, login: str = AGENT) -> str:
    """The agent's connection string: the password lies in a passfile."""
    directory.mkdir(parents=True, exist_ok=True)
    passfile = directory / "passfile"
    passfile.write_text(f"*:*:*:{login}:{login}\n")
    passfile.chmod(0o600)
    return f"host=127.0.0.1 port={server.port} dbname={database} user={login} passfile={passfile}"


def wait_for(what: Callable[[], Any], patience: float = PATIENCE) -> Any:
    """The first true value that `what` gives."""
    until = time.monotonic() + patience
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


@dataclass
class AgentProcess:
    """One `post-ai agent` as a process of its own; its log is collected as JSON lines in a file.

    `more` is put at the end of its configuration file.
    """

    directory: Path
    databases: list[tuple[str, str]]
    model: dict[str, object] = field(default_factory=dict)
    workers: int = 4
    environment: dict[str, str] = field(default_factory=dict)
    log_name: str = "agent.log"
    more: str = ""
    process: Fork | None = None

    @property
    def socket(self) -> Path:
        return self.directory / "run" / "agent.sock"

    @property
    def log_file(self) -> Path:
        return self.directory / self.log_name

    def start(self, name: str = "agent") -> AgentProcess:
        self.directory.mkdir(parents=True, exist_ok=True)
        config = self.directory / f"{name}.toml"
        lines = [
            "[agent]",
            f"socket_directory = {json.dumps(str(self.directory / 'run'))}",
            'log_format = "json"',
            f"workers = {self.workers}",
        ]
        for label, dsn in self.databases:
            lines += ["[[database]]", f"name = {json.dumps(label)}", f"dsn = {json.dumps(dsn)}"]
        if self.model:
            lines += ["[model]", *(f"{key} = {json.dumps(value)}" for key, value in self.model.items())]
        config.write_text("\n".join(lines) + "\n" + self.more)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("ANTHROPIC_", "POSTAI_"))}
        self.process = fork(config, self.log_file, {**environment, **self.environment})
        return self

    def log(self) -> list[dict[str, Any]]:
        text = self.log_file.read_text() if self.log_file.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.startswith("{")]

    def events(self) -> list[str]:
        return [line["event"] for line in self.log()]

    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def until(self, event: str, count: int = 1) -> None:
        def seen() -> bool:
            assert self.alive() or event == "stopped", self.log_file.read_text()
            return self.events().count(event) >= count

        try:
            wait_for(seen)
        except AssertionError:
            raise AssertionError(f"no {event!r} in:\n{self.log_file.read_text()}") from None

    def kill(self) -> None:
        """kill -9: no chance to tidy up."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        assert self.process is not None
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # leaves the stacks of all threads in the log
            self.process.wait(PATIENCE)
            raise AssertionError(f"the agent did not stop:\n{self.log_file.read_text()}") from None


@contextlib.contextmanager
def running(agent: AgentProcess) -> Iterator[AgentProcess]:
    agent.start()
    try:
        yield agent
    finally:
        agent.stop()
