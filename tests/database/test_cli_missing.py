"""A database without postai: every command says so, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conftest import TestDatabase, put_postai
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


def told(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, dict[str, Any]]:
    code = run([*command, "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_migrate_does_without_what_it_can(
    database18: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PGPASSWORD", database18.server.password())
    dsn = f"host=127.0.0.1 port={database18.server.port} dbname={database18.name} user=postgres"
    database18.execute("create table item (id int primary key)")
    file, place = tmp_path / "change.sql", str(tmp_path / "m")
    file.write_text("alter table item add column a int")
    for command in (
        ["generate", "add a required colour to items", "-d", place], ["explain", str(file)],
        ["generate", "--like", dsn, "-d", place, "--dry-run", "--title", "x"], ["status", place], ["baseline"],
        ["drift"], ["run", str(file), "--state", str(tmp_path / "state")], ["execute", place, "--dry-run"],
    ):  # fmt: skip
        code, found = told(capsys, "migrate", *command, "--dsn", dsn)
        assert code == (2 if "--like" in command else 0), found
    for command in (["execute", place], ["resume"], ["rollback", place], ["generate", "--proposal", "1"]):
        code, found = told(capsys, "migrate", *command, "--dsn", dsn)
        error = found["error"]
        assert (code, error["sqlstate"]) == (9, "PA007") and database18.name in error["message"], error
        assert f"port {database18.server.port}" in error["detail"]
        assert error["hint"].startswith(f"post-ai install --dsn '{dsn}' --agent-login ")


def test_who_may_not_use_postai_is_told_what_to_grant(
    database18: TestDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put_postai(database18)
    user = f"{database18.name}_nobody"
    database18.execute(f"create role {user} login password '{user}'; create table item (id int primary key)")
    monkeypatch.setenv("POSTAI_DSN", database18.dsn(user))
    (tmp_path / "change.sql").write_text("alter table item add column a int")
    assert told(capsys, "migrate", "explain", str(tmp_path / "change.sql"))[0] == 0
    for command in (["status", str(tmp_path)], ["resume"], ["drift"]):
        code, found = told(capsys, "migrate", *command)
        assert code and (found["error"]["sqlstate"], "GRANT postai_user" in found["error"]["hint"]) == ("PA006", True)
    database18.execute(f"drop role {user}")
