"""The client on other machines (macOS, Windows, no libpq), and a start that loads nothing it does not need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from postai import settings
from postai.setup import local

MODULES = [
    "postai.cli.main",
    "postai.database",
    "postai.database.connections",
    "postai.database.pg8000_adapter",
    "postai.service.main",
    "postai.settings",
    "postai.setup.demo",
    "postai.setup.doctor",
    "postai.setup.install",
    "postai.setup.local",
]
UNIX_ONLY = ("fcntl", "pwd", "grp", "termios", "resource", "tty", "pty", "syslog")


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)


def test_nothing_needs_what_only_unix_has() -> None:
    # subprocess and multiprocessing of the standard library look at sys.platform, so they are loaded before.
    done = python(
        "import socket, subprocess, sys, getpass, shutil, tarfile, pathlib, asyncio, concurrent.futures, signal, os\n"
        f"for name in {UNIX_ONLY}: sys.modules[name] = None\n"
        "del socket.AF_UNIX, os.geteuid, os.getuid, os.fork, signal.SIGHUP\n"
        f"import importlib\nfor name in {MODULES}: importlib.import_module(name)\n"
        "from postai.cli.main import run\n"
        "sys.exit(run(['connection', '--help']) or run(['connection', 'list']))"
    )
    assert done.returncode == 0, done.stderr


def test_psycopg_is_not_needed() -> None:
    done = python(
        "import sys, importlib\n"
        "for name in ('psycopg', 'psycopg_pool', 'psycopg_binary'): sys.modules[name] = None\n"
        "for name in ('postai.cli.main', 'postai.database', 'postai.setup.install', 'postai.setup.doctor'):\n"
        "    importlib.import_module(name)\n"
        "from postai.database.connection import usable_driver\n"
        "sys.exit(usable_driver() != 'pg8000')"
    )
    assert done.returncode == 0, done.stderr


def test_the_start_is_light() -> None:
    heavy = "'psycopg', 'pg8000', 'pydantic', 'rich', 'sqlglot', 'postgast', 'google', 'anthropic', 'apscheduler'"
    done = python(
        "import sys\nfrom postai.cli.main import run\n"
        f"run(['--version']); print([name for name in ({heavy}) if name in sys.modules])"
    )
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


@pytest.mark.parametrize(
    ("platform", "environment", "expected"),
    [
        ("win32", {"APPDATA": "/appdata"}, "/appdata/postai"),
        ("win32", {}, "/home/ada/postai"),
        ("darwin", {}, "/home/ada/Library/Application Support/postai"),
        ("linux", {}, "/home/ada/.config/postai"),
        ("linux", {"XDG_CONFIG_HOME": "/xdg"}, "/xdg/postai"),
        ("linux", {"POSTAI_CONFIG_DIR": "/own"}, "/own"),
        ("win32", {"POSTAI_CONFIG_DIR": "/own"}, "/own"),
    ],
)
def test_where_the_configuration_lies(
    platform: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("APPDATA", "XDG_CONFIG_HOME", "POSTAI_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/ada", **environment}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert settings.config_directory() == Path(expected)


def test_there_is_no_server_for_windows_and_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "embedded_binaries", lambda: None)
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(local.FeatureMissing) as caught:
        local.choose_binaries("embedded")
    assert "post-ai connection add" in (caught.value.hint or "")
