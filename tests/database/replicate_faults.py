"""Faults for tests of moves: servers that are killed, disks that are full, drivers that die at a boundary of a step.

    crash(stand.source_server); stand.source_server.start()    # kill -9 of every process of a server, and again
    stand.target_server.stop("immediate")                      # the same, more politely
    with small_disk(stand.target, megabytes=8) as disk:        # new objects of that database go to a disk of that size
        ...
        disk.enlarge(200)
    with small_log(stand.source_server, megabytes=40) as enlarge:      # its log is on a disk with that much room left
        ...
        enlarge()

    for boundary in itertools.count(1):                        # kill -9 at every boundary of a function's steps
        died = killed_at(boundary, "test_replicate_x:work", source=stand.source_dsn(), target=...)
        work(lambda name, detail: None, source=..., target=...)        # the same again must end well
        if not died.killed:                                    # it has fewer boundaries than that
            break

`work(on_step, **arguments)` is imported and run in a new process; arguments are strings or numbers. A boundary may also
be the name of a step ("fenced"): it dies when that is reported for the first time. The network: loss.Proxy.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import TestDatabase, server_user
from postai.setup.server import LocalServer

HERE = Path(__file__).parent
CHILD = """
import importlib, json, os, signal, sys
boundary, target, arguments = json.loads(sys.stdin.read())
module, _, function = target.partition(":")
passed = 0
def on_step(name, detail=None):
    global passed
    passed += 1
    print(json.dumps(str(name)), flush=True)
    if boundary in (passed, str(name)):
        os.kill(os.getpid(), signal.SIGKILL)
getattr(importlib.import_module(module), function)(on_step, **arguments)
"""


@dataclass(frozen=True)
class Death:
    """How a child that was to die at a boundary ended.

    Attributes:
        killed: False when it came to its end before that boundary.
        steps: names of the steps that it reported, the deadly one last.
    """

    killed: bool
    steps: tuple[str, ...]


def killed_at(boundary: int | str, target: str, /, **arguments: str | float) -> Death:
    """Run `module:function` in a process that kills itself at the nth report of a step, or at the step of that name.

    Raises:
        AssertionError: the function failed before; the message has its traceback.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(HERE.parent), *sys.path])}
    result = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps([boundary, target, arguments]), env=environment, text=True,
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode in (0, -signal.SIGKILL), result.stderr
    steps = tuple(json.loads(line) for line in result.stdout.splitlines() if line.startswith('"'))
    return Death(result.returncode != 0, steps)


def crash(server: LocalServer) -> None:
    """Kill every process of a server at once, as when its machine's memory is full; `server.start()` afterwards."""
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    family = [postmaster, *_children(postmaster)]
    os.kill(postmaster, signal.SIGSTOP)  # it must not start others meanwhile
    for pid in family:
        _kill(pid)
    end = time.monotonic() + 10
    while any(_alive(pid) for pid in family):
        assert time.monotonic() < end, "the server's processes did not end"
        time.sleep(0.01)
    # Where nobody waits for orphans, the dead postmaster keeps its number, and the next one takes it for alive.
    for lock in (server.data / "postmaster.pid", *server.socket_directory.glob(".s.PGSQL.*")):
        lock.unlink()


def _children(parent: int) -> list[int]:
    found = []
    for place in Path("/proc").iterdir():
        if place.name.isdigit() and _parent(place) == parent:
            found.append(int(place.name))
    return found


def _parent(place: Path) -> int | None:
    try:
        return int((place / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # ended meanwhile
        return None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


@dataclass(frozen=True)
class Disk:
    """A disk of a few megabytes that holds the tablespace `tablespace`."""

    place: str
    tablespace: str

    def enlarge(self, megabytes: int) -> None:
        """Have it that large from now on."""
        subprocess.run(["mount", "-o", f"remount,size={megabytes}m", self.place], check=True)


@contextmanager
def small_disk(database: TestDatabase, megabytes: int) -> Iterator[Disk]:
    """New objects of that database go to a disk of that size; at the end they are moved off it.

    Only root can mount a disk: the test is skipped otherwise.
    """
    user = server_user()
    if user is None:
        pytest.skip("only root can mount a small disk")
    place = tempfile.mkdtemp(prefix="postai-small-")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place], capture_output=True)
    disk = Disk(place, f"small_{database.name}")
    server = TestDatabase(database.server, "postgres")
    try:
        if mounted.returncode != 0:
            pytest.skip("nothing can be mounted here")
        shutil.chown(place, user)
        os.chmod(place, 0o700)
        server.execute(f"create tablespace {disk.tablespace} location '{place}'")
        server.execute(f"grant create on tablespace {disk.tablespace} to public")
        server.execute(f'alter database "{database.name}" set default_tablespace = {disk.tablespace}')
        try:
            yield disk
        finally:
            disk.enlarge(2048)
            server.execute(f'alter database "{database.name}" reset default_tablespace')
            for kind in ("table", "index", "materialized view"):
                database.execute(f"alter {kind} all in tablespace {disk.tablespace} set tablespace pg_default")
            server.execute(f"drop tablespace {disk.tablespace}")
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", place], check=True)
        os.rmdir(place)


@contextmanager
def small_log(server: LocalServer, megabytes: int) -> Iterator[Callable[[], None]]:
    """A server's log is on a disk of its own, with that many megabytes of room; it restarts for that, and at the end.

    Gives what makes room, and starts the server when it gave up. Only root can mount a disk: skipped otherwise.
    """
    user, kept = server_user(), server.data / "pg_wal"
    if user is None:
        pytest.skip("only root can mount a small disk")
    place = Path(tempfile.mkdtemp(prefix="postai-log-"))
    server.stop()
    used = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file()) // 2**20
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={used + megabytes}m", "tmpfs", place])
    if mounted.returncode != 0:
        server.start()
        pytest.skip("nothing can be mounted here")
    shutil.chown(place, user)
    place.chmod(0o700)
    subprocess.run(["cp", "-a", f"{kept}/.", place], check=True)
    kept.rename(server.data / "pg_wal.before")
    kept.symlink_to(place)

    def enlarge() -> None:
        subprocess.run(["mount", "-o", "remount,size=8g", place], check=True)
        if not server.running():
            server.start()

    try:
        server.start()
        yield enlarge
    finally:
        enlarge()
        server.stop()
        kept.unlink()
        shutil.rmtree(server.data / "pg_wal.before")
        subprocess.run(["cp", "-a", place, kept], check=True)
        subprocess.run(["umount", place], check=True)
        place.rmdir()
        server.start()
