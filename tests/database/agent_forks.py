"""Agents as forks of one process that has imported them: to import them anew takes a second of a processor each time.

Run as a program this is that process: it reads a line of JSON for each agent that is wanted and tells its number.
"""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO


class Fork:
    """The part of subprocess.Popen that tests of agents use, for a process that is not our child."""

    def __init__(self, pid: int, ended: Path) -> None:
        self.pid = pid
        self._ended = ended

    def poll(self) -> int | None:
        try:
            return int(self._ended.read_text())
        except FileNotFoundError:
            return None

    def wait(self, timeout: float) -> int:
        until = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def fork(config: Path, log: Path, environment: dict[str, str]) -> Fork:
    """Start an agent; what it writes goes to the end of the log."""
    commands, answers, ended = _maker()
    commands.write(json.dumps({"config": str(config), "log": str(log), "environment": environment}) + "\n")
    commands.flush()
    pid = int(answers.readline())
    return Fork(pid, ended / str(pid))


@functools.cache
def _maker() -> tuple[IO[str], IO[str], Path]:
    place = tempfile.TemporaryDirectory(prefix="postai-forks-")
    maker = subprocess.Popen(
        [sys.executable, "-W", "error", __file__, place.name],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert maker.stdin and maker.stdout

    def end() -> None:
        with maker:
            maker.stdin.close()  # type: ignore[union-attr]
        place.cleanup()

    atexit.register(end)
    return maker.stdin, maker.stdout, Path(place.name)


def serve(ended: Path) -> None:
    import anthropic  # noqa: F401  an agent imports it with the first question to a model, which takes a second, too

    from postai.service.main import run
    from postai.settings import Settings

    def reap(*_: object) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                half = ended / f"{found[0]}.half"
                half.write_text(str(os.waitstatus_to_exitcode(found[1])))
                half.rename(ended / str(found[0]))

    signal.signal(signal.SIGCHLD, reap)
    for line in sys.stdin:
        wanted = json.loads(line)
        pid = os.fork()
        if pid:
            print(pid, flush=True)
            continue
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(wanted["environment"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        log = os.open(wanted["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        os.dup2(log, 1)
        os.dup2(log, 2)
        faulthandler.enable()
        sys.exit(run(Settings.load(Path(wanted["config"]))))


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
