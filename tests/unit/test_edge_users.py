"""The list of users in a file, and settings of the edge that do not go together."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from postai.edge import md5
from postai.edge.server.users import FileUsers
from postai.errors import UsageError
from postai.settings import EdgeSettings


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_list_of_users_is_read_again_when_it_changes(tmp_path: Path) -> None:
    users = FileUsers(write(tmp_path / "users", '; comment\n# comment\n\n"ada" "x""y"\n  "b""ob"   "" \n'))
    assert (users.stored("ada"), users.stored('b"ob'), users.stored("eve")) == ('x"y', "", None)
    write(tmp_path / "users", '"eve" "secret"\n')
    assert (users.stored("ada"), users.stored("eve")) == (None, "secret")
    (tmp_path / "users").unlink()
    with pytest.raises(UsageError, match="there is no file"):
        users.stored("eve")


@pytest.mark.parametrize("text", ["ada x\n", '"ada"\n', '"ada" "x" "y"\n', '"ada" "x\n'])
def test_a_malformed_list_is_refused_without_repeating_it(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="line 1 is malformed") as caught:
        FileUsers(write(tmp_path / "users", text))
    assert text.strip() not in str(caught.value)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps rights in another way")
def test_a_list_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can be read by other users"):
        FileUsers(write(tmp_path / "users", '"ada" "x"\n', 0o640))


def test_md5_as_the_server_stores_and_asks_it() -> None:
    # PostgreSQL: 'md5' || md5(password || user); the documentation of AuthenticationMD5Password.
    stored = md5.stored("secret", "ada")
    assert stored == "md52953f29bc314bd0a7ea7ddf6ccc1555f"
    assert md5.is_stored(stored) and not md5.is_stored("md5") and not md5.is_stored("x" * 35)
    assert md5.response(stored, b"salt").startswith(b"md5")
    assert md5.response(stored, b"salt") != md5.response(stored, b"pepp")


@pytest.mark.parametrize(
    "wanted",
    [
        {"auth": "scram"},
        {"auth": "scram", "auth_file": "x", "auth_dsn": "host=x"},
        {"auth": "relay", "auth_file": "x"},
        {"auth": "password"},
        {"ssl_cert_file": "x"},
        {"ssl_required": True},
        {"server": "host=x password=secret"},
        {"auth": "scram", "auth_dsn": "postgresql://ada:secret@x/db"},
        {"unknown": 1},
    ],
)
def test_settings_that_do_not_go_together(wanted: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        EdgeSettings(**wanted)
