"""The unit and the container file: well formed, and as closed as they claim to be."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from postai.cli.main import app

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "packaging" / "systemd" / "post-ai-agent.service"
WEB = UNIT.with_name("post-ai-web.service")
CONTAINER = ROOT / "packaging" / "container" / "Containerfile"


def unit() -> dict[str, str]:
    pairs = (line.split("=", 1) for line in UNIT.read_text().splitlines() if re.match(r"[A-Z]\w*=", line))
    return {key: value for key, value in pairs if key != "Environment"}


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd here")
@pytest.mark.parametrize("file", [UNIT, WEB], ids=lambda file: file.stem)
def test_systemd_accepts_the_unit(tmp_path: Path, file: Path) -> None:
    copy = tmp_path / file.name
    program = unit()["ExecStart"].split()[0]
    copy.write_text(file.read_text().replace(program, shutil.which("true") or "/bin/true"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False
    )
    own = [line for line in done.stderr.splitlines() if file.name in line]
    assert not own, done.stderr


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("CapabilityBoundingSet", ""),
        ("RuntimeDirectory", "postai"),
        ("RuntimeDirectoryMode", "0750"),
        ("User", "postai"),
        ("Group", "postai"),
    ],
)
def test_the_unit_is_closed(setting: str, value: str) -> None:
    assert unit()[setting] == value


def test_the_dashboards_unit_is_as_closed() -> None:
    kept = ("Description", "After", "EnvironmentFile", "ExecStart", "Runtime", "TimeoutStopSec", "MemoryMax", "UMask")
    lines = set(WEB.read_text().splitlines())
    for key, value in unit().items():
        assert key.startswith(kept) or f"{key}={value}" in lines, key


def test_the_peers_of_the_socket_keep_their_names() -> None:
    assert "PrivateUsers" not in unit()  # SO_PEERCRED would name everybody "nobody"
    assert int(unit()["TimeoutStopSec"]) > 10


def test_the_container_runs_without_root_and_holds_no_secret() -> None:
    lines = CONTAINER.read_text().splitlines()
    instructions = [line.split(maxsplit=1) for line in lines if re.match(r"[A-Z]+ ", line)]
    bases = [value for word, value in instructions if word == "FROM"]
    assert bases == ["python:3.11-slim AS build", "python:3.11-slim"]
    users = [value for word, value in instructions if word == "USER"]
    assert users == ["10001:10001"]
    assert not any(word in ("ARG", "ENV") and re.search("KEY|PASSWORD|SECRET", value) for word, value in instructions)
    (entry,) = (value for word, value in instructions if word == "ENTRYPOINT")
    assert json.loads(entry)[:2] == ["post-ai", "agent"]


def test_the_files_start_the_command_that_exists_with_its_options() -> None:
    entry = next(line for line in CONTAINER.read_text().splitlines() if line.startswith("ENTRYPOINT"))
    arguments = unit()["ExecStart"].split()[1:]
    assert json.loads(entry.removeprefix("ENTRYPOINT "))[1:] == arguments
    done = CliRunner().invoke(app, [*arguments, "--help"])
    assert done.exit_code == 0, done.output
