"""The command line without a server: help, exit codes, JSON, nothing that steers a terminal or shows a traceback."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.main import get_command

from postai import __version__
from postai.cli import output
from postai.cli.main import app, run
from postai.errors import ERRORS, PostaiError

MAIN = [sys.executable, "-W", "error", "-m", "postai.cli.main"]


def commands() -> dict[str, list[str]]:
    """Name of the golden file -> arguments, for the program and every command."""
    found = {"post-ai": list[str]()}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        found[f"post-ai_{name}"] = [name]
        for inner in getattr(command, "commands", {}):
            found[f"post-ai_{name}_{inner}"] = [name, inner]
    return found


COMMANDS = commands()


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in [name for name in os.environ if name.startswith(("PG", "POSTAI_", "ANTHROPIC_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("POSTAI_CONFIG_DIR", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    yield


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help(name: str, golden: Callable[[str, str], None], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS[name], "--help"]) == 0
    golden(f"help/{name}.txt", capsys.readouterr().out)


@pytest.mark.parametrize(
    "name",
    sorted(set(COMMANDS) - {"post-ai", "post-ai_connection", "post-ai_eval", "post-ai_migrate", "post-ai_replicate"}),
)
def test_every_command_has_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    run([*COMMANDS[name], "--help"])
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["connection"], ["eval"], ["replicate"]])
def test_no_command_shows_the_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    assert "Usage: post-ai" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"post-ai {__version__}\n"


def test_exit_codes_are_distinct_and_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert [kind.exit_code for kind in ERRORS] == list(range(3, 13))
    run(["--help"])
    assert "3-12 the errors PA001-PA010" in " ".join(capsys.readouterr().out.split())


MISTAKES: list[tuple[list[str], int, str]] = [
    (["bogus"], 2, "post-ai --help"),
    (["ask"], 2, "post-ai ask --help"),
    (["ask", "x", "--max-rows", "0"], 2, "post-ai ask --help"),
    (["install", "--transport", "pigeon"], 2, "post-ai install --help"),
    (["apply", "seven"], 2, "post-ai apply --help"),
    (["ask", "x", "--dsn", "a=b", "-c", "c"], 2, ""),
    (["ask", "x", "--dsn", "host=h password=geheim"], 2, "passfile"),
    (["ask", "x", "--dsn", "postgresql://u:geheim@h/d"], 2, "passfile"),
    (["ask", "x", "--dsn", "geheim"], 2, "host=..."),
    (["ask", "x", "-c", "nowhere"], 2, "post-ai connection add"),
    (["connection", "add", "a b", "--host", "h"], 2, "letters"),
    (["connection", "add", "a", "--host", "h", "--service", "s"], 2, ""),
    (["agent"], 2, "post-ai init"),
    (["agent", "--config", "nowhere.toml"], 2, "post-ai init"),
    (["init", "postgres"], 2, "letters"),
    (["init", "../../etc"], 2, "letters"),
    (["uninstall"], 2, "--yes"),
    (["status", "--dsn", "host=127.0.0.1 port=1"], 1, "listen_addresses"),
    (["connection", "add", "a", "--host", "127.0.0.1", "--port", "1"], 1, "listen_addresses"),
]


@pytest.mark.parametrize(("arguments", "code", "hint"), MISTAKES, ids=lambda value: str(value)[:40])
def test_mistakes_have_an_exit_code_and_say_what_to_do(
    arguments: list[str], code: int, hint: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    assert run(arguments) == code
    text = capfd.readouterr()
    assert text.out == ""
    assert text.err.startswith("error (")
    assert hint in text.err
    assert "geheim" not in text.err
    sys.stdin.close()

    monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: SIM115
    assert run([*arguments, "--json"]) == code
    text = capfd.readouterr()
    assert set(json.loads(text.out)["error"]) == {"sqlstate", "message", "detail", "hint"}
    assert text.err == ""
    sys.stdin.close()


def test_nothing_that_failed_its_test_is_saved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["connection", "add", "a", "--host", "127.0.0.1", "--port", "1"]) == 1
    assert list(tmp_path.iterdir()) == []
    assert run(["connection", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


@pytest.mark.parametrize(
    ("file", "text"),
    [("postai.toml", "[agent\n"), ("postai.toml", "[agent]\nworkers = 0\n"), ("connections.toml", "[[connection\n")],
)
def test_a_malformed_file_is_named(file: str, text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / file).write_text(text)
    (tmp_path / file).chmod(0o600)
    assert run(["doctor"]) == 2
    assert file in capsys.readouterr().err


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "postai.toml").mkdir()  # for root no file is unreadable, a directory is for everybody
    (tmp_path / "connections.toml").mkdir(mode=0o700)
    assert run(["connection", "list"]) == 1
    assert "connections.toml" in capsys.readouterr().err


def test_a_bug_shows_no_traceback_and_no_values() -> None:
    code = (
        "import sys; from postai.cli import main, connections\n"
        "def broken(*_): raise KeyError('geheim')\n"
        "connections.resolve = broken; sys.argv = ['post-ai', 'connect']; main.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "this is a bug in postai: KeyError" in done.stderr
    assert "Traceback" not in done.stderr
    assert "geheim" not in done.stderr
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, "POSTAI_TRACEBACK": "1"}
    )
    assert "Traceback" in shown.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    process = subprocess.Popen([*MAIN, "--help"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 141


def test_ctrl_c_ends_a_command_that_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        dsn = f"host=127.0.0.1 port={silent.getsockname()[1]} sslmode=disable"
        # A shell that starts its jobs in the background lets them ignore the interrupt, and children inherit that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = subprocess.Popen([*MAIN, "status", "--dsn", dsn], stderr=subprocess.PIPE, text=True)
        signal.signal(signal.SIGINT, before)
        session, _ = silent.accept()
        with session:
            session.recv(1)
            time.sleep(0.1)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert errors == "interrupted\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_letters_that_the_terminal_cannot_show_are_no_error(encoding: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "POSTAI_DSN": "dbname=Ш"}
    done = subprocess.run([*MAIN, "connect"], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "dbname=\\u0428\n", "")


@pytest.mark.parametrize("program", ["post-ai", "postai"])
def test_completion(program: str) -> None:
    variable = f"_{program.replace('-', '_').upper()}_COMPLETE"
    code = f"import sys; sys.argv = [{program!r}]; from postai.cli.main import main; main()"
    environment = {**os.environ, variable: "complete_bash", "COMP_WORDS": f"{program} conn", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.split() == ["connect", "connection"]
    code = code.replace(f"[{program!r}]", f"[{program!r}, '--show-completion', 'bash']")
    in_bash = ["bash", "-c", '"$0" -c "$1"; exit $?', sys.executable, code]  # the shell is told by the parent process
    shown = subprocess.run(in_bash, capture_output=True, text=True)
    assert variable in shown.stdout


def test_names_of_connections_are_completed(tmp_path: Path) -> None:
    (tmp_path / "connections.toml").write_text('[[connection]]\nname = "shop"\nhost = "h"\n')
    (tmp_path / "connections.toml").chmod(0o600)
    words = {"_POST_AI_COMPLETE": "complete_bash", "COMP_WORDS": "post-ai status -c ", "COMP_CWORD": "3"}
    code = "import sys; sys.argv = ['post-ai']; from postai.cli.main import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={**os.environ, **words})
    assert done.stdout.split() == ["shop"]


class TestOutput:
    def test_values_cannot_steer_the_terminal(self, capsys: pytest.CaptureFixture[str]) -> None:
        hostile = "\x1b[2Jgone\x07\r\u202eabc\x9b1m [bold]not bold[/bold]"
        output.show_table(["a\x1b]0;title\x07"], [[hostile], [None], [{"k": "\x1b"}]])
        output.say(hostile)
        output.show_error(PostaiError(hostile, detail=hostile, hint=hostile), as_json=False)
        text = "".join(capsys.readouterr())
        assert not any(character in text for character in "\x1b\x07\r\u202e\x9b")
        assert "\\x1b[2Jgone\\x07\\r\\u202eabc\\x9b1m [bold]not bold[/bold]" in text

    def test_json_has_no_control_characters_either(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.show_json({"a": "\x1b\u202e"})
        text = capsys.readouterr().out
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert json.loads(text) == {"a": "\x1b\u202e"}

    def test_json_of_every_kind_of_value(self, capsys: pytest.CaptureFixture[str]) -> None:
        values = [
            Decimal("1.50"), date(2026, 1, 2), datetime(2026, 1, 2, 3, tzinfo=UTC), timedelta(days=1), Path("/a"), b"x",
            {1: (2,)}, None, True, 1.5, "text",
        ]  # fmt: skip
        output.show_json(values)
        assert json.loads(capsys.readouterr().out) == [
            "1.50", "2026-01-02", "2026-01-02T03:00:00+00:00", "1 day, 0:00:00", "/a", "b'x'",
            {"1": [2]}, None, True, 1.5, "text",
        ]  # fmt: skip

    def test_numbers_stand_to_the_right_and_nothing_is_folded_in_a_pipe(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        long = "x" * 300
        output.show_table(["name", "number"], [["a", 5], [long, 1000], ["", None]])
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].endswith("number")
        assert lines[1].endswith("     5")
        assert lines[2] == f"{long}    1000"
        assert all(line == line.rstrip() for line in lines)

    def test_a_table_without_columns(self, capsys: pytest.CaptureFixture[str]) -> None:
        output.show_table([], [])
        assert capsys.readouterr().out.strip() == ""
