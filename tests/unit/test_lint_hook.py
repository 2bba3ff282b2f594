"""The pre-commit hook and the GitHub action, run as they are written."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SAFE = "create index concurrently orders_note on orders (note);\n"
HAZARD = "alter table orders drop column note;\n"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one file that is safe and one that is not, the second with a blank in its path."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "migrations" / "1_safe.sql").write_text(SAFE)
    (tmp_path / "more changes").mkdir()
    (tmp_path / "more changes" / "2.sql").write_text(HAZARD)
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """With this installation's programs in front."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **more}


def test_the_hook_takes_the_files_that_pre_commit_hands_it(repository: Path) -> None:
    text = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
    (entry,) = re.findall(r"^  entry: (.+)$", text, re.MULTILINE)
    assert "language: python" in text and "types: [sql]" in text and "pass_filenames" not in text
    for files, code in ((["migrations/1_safe.sql"], 0), (["migrations/1_safe.sql", "more changes/2.sql"], 1)):
        done = subprocess.run(
            [*shlex.split(entry), *files],
            cwd=repository,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done
    assert "more changes/2.sql:1:1: warning drop_column" in done.stdout and "1_safe" not in done.stdout


def steps() -> dict[str, str]:
    """The action's shell steps by their names."""
    text = (ROOT / "packaging" / "action" / "action.yml").read_text("utf-8")
    found = {}
    for step in re.split(r"^    - ", text, flags=re.MULTILINE)[1:]:
        name, run = re.match(r"name: (.+)", step), re.search(r"^      run: (\|\n(?:        .*\n)+|.+\n)", step, re.M)
        if name and run:
            found[name[1]] = re.sub(r"^        ", "", run[1].removeprefix("|\n"), flags=re.MULTILINE)
    return found


def bash(script: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """As a runner of GitHub runs a step with `shell: bash`."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(command, cwd=cwd, env=environment(**more), capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("paths", "version", "code"), [("migrations", "", 0), (". migrations", "16", 1)])
def test_the_action_reports_and_fails_on_findings(repository: Path, paths: str, version: str, code: int) -> None:
    summary = repository / "summary.md"
    done = bash(steps()["Lint"], repository, PATHS=paths, PG_VERSION=version, GITHUB_STEP_SUMMARY=str(summary))
    assert done.returncode == code, done
    log = json.loads((repository / "post-ai-lint.sarif").read_text())
    found = [one["ruleId"] for one in log["runs"][0]["results"]]
    assert log["version"] == "2.1.0" and bool(found) == bool(code) == ("drop_column" in summary.read_text())
