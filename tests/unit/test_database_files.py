"""Service files, passfiles and named connections, on Unix and as on Windows."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postai.database import libpq_files
from postai.database.connections import (
    FILE,
    PASSFILE,
    NamedConnection,
    find_connection,
    from_dsn,
    load_connections,
    save_connection,
)
from postai.errors import UsageError

parts = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=8)


def test_service_file_gives_what_the_string_does_not(tmp_path: Path) -> None:
    (tmp_path / "services").write_text(
        "# mine\n[other]\nhost=no\n\n[shop]\nhost=db\nport=5433\nuser=ada\n[last]\nhost=no\n"
    )
    environment = {"PGSERVICEFILE": str(tmp_path / "services"), "PGUSER": "env", "PGSSLMODE": "require"}
    found = libpq_files.resolve({"service": "shop", "port": "1"}, environment=environment, windows=False)
    assert (found["host"], found["port"], found["user"], found["sslmode"]) == ("db", "1", "ada", "require")
    assert found["dbname"] == "ada"
    with pytest.raises(UsageError) as caught:
        libpq_files.resolve({"service": "nowhere"}, environment=environment, windows=False)
    assert str(tmp_path) in (caught.value.detail or "")


def test_windows_places(tmp_path: Path) -> None:
    folder = tmp_path / "postgresql"
    folder.mkdir()
    (folder / ".pg_service.conf").write_text("[shop]\nhost=db\n")
    (folder / "pgpass.conf").write_text("db:5432:ada:ada:geheim\n")
    environment = {"APPDATA": str(tmp_path)}
    found = libpq_files.resolve({"service": "shop", "user": "ada"}, environment=environment, windows=True)
    assert found["host"] == "db"
    assert found["passfile"] == str(folder / "pgpass.conf")
    assert libpq_files.resolve({}, environment=environment, windows=True)["host"] == "localhost"


def passfile(tmp_path: Path, text: str, mode: int = 0o600) -> dict[str, str]:
    path = tmp_path / "pass"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return {"host": "db", "port": "5432", "dbname": "shop", "user": "ada", "passfile": str(path)}


def test_passfile(tmp_path: Path) -> None:
    text = "# db:5432:shop:ada:comment\nother:*:*:*:no\ndb:*:shop:ada:first:with colon\n*:*:*:*:last\n"
    assert libpq_files.password_for(passfile(tmp_path, text)) == "first:with colon"
    assert libpq_files.password_for({**passfile(tmp_path, text), "user": "eve"}) == "last"
    assert libpq_files.password_for({**passfile(tmp_path, text), "password": "given"}) == "given"
    assert libpq_files.password_for({**passfile(tmp_path, text), "passfile": "/nowhere"}) is None
    socket = passfile(tmp_path, "localhost:5432:shop:ada:local\n")
    assert libpq_files.password_for({**socket, "host": "/tmp"}) == "local"


def test_a_passfile_that_others_can_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        libpq_files.password_for(passfile(tmp_path, "*:*:*:*:geheim\n", 0o640))
    assert "chmod 600" in (caught.value.hint or "")
    assert "geheim" not in str(caught.value)


@given(host=parts.filter(bool), dbname=parts, user=parts, password=parts)
def test_passfile_lines_are_read_back(host: str, dbname: str, user: str, password: str) -> None:
    line = libpq_files.passfile_line(host, "5432", dbname, user, password)
    if not line.startswith("#"):
        fields = libpq_files.split_passfile_line(line)
        assert fields == [host, "5432", dbname, user, password]


def test_ports() -> None:
    assert libpq_files.port_of({"host": "a,b", "port": "1,2"}, 1) == "2"
    assert libpq_files.port_of({"host": "a,b", "port": "1"}, 1) == "1"
    for parameters in ({"host": "a", "port": "1,2"}, {"host": "a", "port": "x"}, {"host": "a", "port": "70000"}):
        with pytest.raises(UsageError):
            libpq_files.port_of(parameters, 0)


def test_a_connection_is_saved_without_its_password(tmp_path: Path) -> None:
    directory = tmp_path / "config" / "postai"
    connection, password = from_dsn("shop", "postgresql://ada:ge%3Aheim@db:5433/shop?sslmode=require")
    assert password == "ge:heim"
    saved = save_connection(directory, connection, password)
    assert "ge:heim" not in repr(saved) + saved.dsn() + (directory / FILE).read_text()
    for name in (FILE, PASSFILE):
        assert stat.S_IMODE((directory / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert load_connections(directory) == (saved,)
    found = libpq_files.resolve(
        {"host": "db", "port": "5433", "dbname": "shop", "user": "ada", "passfile": saved.passfile or ""}
    )
    assert libpq_files.password_for(found) == "ge:heim"


def test_saving_again_replaces(tmp_path: Path) -> None:
    connection = NamedConnection("shop", host="db", user="ada", dbname="shop")
    save_connection(tmp_path, connection, "eins")
    save_connection(tmp_path, NamedConnection("other", service="x"))
    save_connection(tmp_path, connection, "zwei")
    assert [one.name for one in load_connections(tmp_path)] == ["other", "shop"]
    assert (tmp_path / PASSFILE).read_text() == "db:5432:shop:ada:zwei\n"
    assert find_connection(tmp_path, "other").dsn() == "service=x"
    with pytest.raises(UsageError) as caught:
        find_connection(tmp_path, "nope")
    assert "other, shop" in (caught.value.hint or "")


def test_loose_rights_are_refused_on_unix_only(tmp_path: Path) -> None:
    save_connection(tmp_path, NamedConnection("shop", host="db"))
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(UsageError) as caught:
        load_connections(tmp_path, windows=False)
    assert "chmod 600" in (caught.value.hint or "")
    assert load_connections(tmp_path, windows=True)[0].host == "db"


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "[[connection]]\nhost='db'",
        "[[connection]]\nname='a'\ncolour='red'",
        "[[connection]]\nname='a'\npassword='geheim'",
        "[[connection]]\nname='a'\nport='x'",
        "connection=[1]",
    ],
)
def test_a_malformed_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(UsageError) as caught:
        load_connections(tmp_path)
    assert caught.value.hint
    assert "geheim" not in f"{caught.value.message}{caught.value.detail}"


@pytest.mark.parametrize(
    ("name", "dsn", "direct"),
    [
        ("", "host=db", None),
        ("../x", "host=db", None),
        ("a", "host=db options='-c a=b'", None),
        ("a", "host=db port=x", None),
        ("a", "host=db", "host=db password=geheim"),
        ("a", "host=db sslpassword=geheim", None),
    ],
)
def test_what_an_entry_cannot_keep_is_refused(name: str, dsn: str, direct: str | None) -> None:
    with pytest.raises(UsageError) as caught:
        from_dsn(name, dsn, direct_dsn=direct)
    assert "geheim" not in f"{caught.value.message}{caught.value.detail}{caught.value.hint}"


@given(st.builds(NamedConnection, st.just("a"), parts, st.integers(1, 65535), parts, parts, service=st.none() | parts))
def test_entries_are_read_back(connection: NamedConnection) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        save_connection(Path(directory), connection)
        assert load_connections(Path(directory)) == (connection,)
