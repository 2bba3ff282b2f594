"""Programs of ours that go on when the command that started them ends; found again by a file with their number."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from postai.errors import PostaiError
from postai.setup.server import as_os_user

GATED = 'read -r go && exec "$@" </dev/null'
"""How the shell starts a program: once it is told that its process id was written down, else not at all."""
STOP_SECONDS = 15.0


@dataclass(frozen=True)
class Background:
    """One `post-ai SUBCOMMAND --config FILE` in the background.

    Attributes:
        subcommand: what of post-ai it runs.
        config: its configuration file; no other one of its subcommand has the same.
        pid_file: where its process id is written down.
        log: where its output goes.
        os_user: whom it runs as; None = the current user.
        title: how errors call it.
    """

    subcommand: str
    config: Path
    pid_file: Path
    log: Path
    os_user: str | None
    title: str

    def pid(self) -> int | None:
        """Its process id while it runs."""
        try:
            pid = int(self.pid_file.read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None
        # The number may have been given to another program since.
        return pid if f" {self.subcommand} --config {self.config}" in _command_line(pid) else None

    def start(self, serves: Callable[[], bool], seconds: float, options: tuple[str, ...] = ()) -> int:
        """Start it unless it runs, and wait until it serves.

        Args:
            serves: whether it does what it is there for.
            seconds: how long to wait for that.
            options: more arguments.

        Raises:
            PostaiError: it ended, or does not serve in time; the last lines of its log are in the detail.
        """
        running = self.pid()
        if running is not None:
            # Whoever started it may have been killed before it served.
            self._await(serves, lambda: self.pid() is not None, seconds)
            return running
        command = [sys.executable, "-m", "postai.cli.main", self.subcommand, "--config", str(self.config), *options]
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["sh", "-c", GATED, "sh", *command],
                cwd="/",
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **as_os_user(self.os_user),
            )
        assert process.stdin is not None
        with process.stdin as gate:
            # Whoever is killed before this leaves no process behind that nobody knows of.
            self.pid_file.write_text(str(process.pid), encoding="ascii")
            gate.write(b"go\n")
        self._await(serves, lambda: process.poll() is None, seconds)
        process.returncode = 0  # it goes on without us: no warning when this object ends
        return process.pid

    def _await(self, serves: Callable[[], bool], runs: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and runs():
            if serves():
                return
            time.sleep(0.05)
        tail = "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
        self.stop()
        raise PostaiError(
            f"{self.title} does not serve",
            detail=tail or "its log is empty",
            hint=f"Read {self.log}; start it by hand: post-ai {self.subcommand} --config {self.config}",
        )

    def stop(self) -> None:
        """Stop it when it runs."""
        pid = self.pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            end = time.monotonic() + STOP_SECONDS
            while self.pid() is not None and time.monotonic() < end:
                time.sleep(0.05)
            if self.pid() is not None:
                os.kill(pid, signal.SIGKILL)
            _collect(pid)
        self.pid_file.unlink(missing_ok=True)


def _command_line(pid: int) -> str:
    """Program and arguments of a living process; empty = there is none."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            return ""
    shown = subprocess.run(["ps", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return shown.stdout.strip()


def _collect(pid: int) -> None:
    """Take the exit status of a process that is our own child, so that no zombie stays."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        return
