"""A database without postai: every command says so, and what to do."""

import json

import pytest

from conftest import TestDatabase
from postai.cli.main import run


@pytest.mark.parametrize("command", [["status"], ["ask", "how many?"], ["sql", "how?"], ["events"], ["apply", "1"]])
def test_not_installed_is_said(
    command: list[str], database18: TestDatabase, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", database18.server.password())
    dsn = f"host=127.0.0.1 port={database18.server.port} dbname={database18.name} user=postgres"
    assert run([*command, "--dsn", dsn, "--json"]) == 9
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["sqlstate"], error["hint"]) == ("PA007", "Install it with: post-ai install")
