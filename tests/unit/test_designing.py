"""`post-ai design` where no server is: the grammar needs none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from postai.cli.main import run


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No server is named, and libpq's default place has none."""
    monkeypatch.delenv("POSTAI_DSN", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PGHOST", str(tmp_path))
    return tmp_path


def test_design_without_a_server(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "--json", "A boat has a name and a length in metres."]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["up"].startswith("CREATE TABLE boats") and not told["tried"] and told["tried_in"] is None
    assert "nothing was tried on a server" in told["warnings"][-1]
    assert run(["design", "A boat has a name and a length in metres."]) == 0
    assert "not tried; nothing was changed" in capsys.readouterr().out


def test_a_server_that_was_named_has_to_answer(nowhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["design", "--json", "--dsn", f"host={nowhere}", "A boat has a name."]) != 0
    assert json.loads(capsys.readouterr().out)["error"]["sqlstate"] == "08001"
