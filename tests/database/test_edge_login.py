"""How clients prove to the edge who they are, and the edge to the server; TLS on both sides."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from edge_support import Raw, RunningEdge, certificate, running

from conftest import superuser
from postai.edge import wire
from postai.edge.server.main import new_loop
from postai.errors import UsageError
from postai.setup.server import LocalServer, free_port

USER, LEGACY, CLEAR = "edge_ada", "edge_md5", "edge_clear"
PASSWORDS = {USER: "édge Ⅸ", LEGACY: "old", CLEAR: "clear"}
HBA = f"host all {LEGACY} 127.0.0.1/32 md5\nhost all {CLEAR} 127.0.0.1/32 password\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("edge"))


@pytest.fixture(scope="module")
def secure(pg15: LocalServer, files: tuple[Path, Path]) -> Iterator[LocalServer]:
    """The server with TLS, and three users."""
    access = pg15.data / "pg_hba.conf"
    before = access.read_text()
    access.write_text(HBA + before)
    owner = pg15.data.stat()
    for name, source in zip(("server.crt", "server.key"), files, strict=True):
        (pg15.data / name).write_bytes(source.read_bytes())
        (pg15.data / name).chmod(0o600)
        os.chown(pg15.data / name, owner.st_uid, owner.st_gid)
    with superuser(pg15) as connection:
        connection.execute("alter system set ssl = on")
        connection.execute("select pg_reload_conf()")
        for user, password in PASSWORDS.items():
            kind = "md5" if user == LEGACY else "scram-sha-256"
            connection.execute(f"set password_encryption = '{kind}'")
            connection.execute(f"create role {user} login password '{password}'")
        while connection.execute("show ssl").fetchone() != ("on",):
            pass
    yield pg15
    access.write_text(before)
    with superuser(pg15) as connection:
        for user in PASSWORDS:
            connection.execute(f"drop role {user}")
        connection.execute("alter system reset ssl")
        connection.execute("select pg_reload_conf()")


def query_line(server: LocalServer) -> str:
    return f"host={server.socket_directory} port={server.port} dbname=postgres user=postgres"


def settings_of(way: str, server: LocalServer, files: tuple[Path, Path], place: Path) -> dict[str, Any]:
    """The settings for a way to log in, with TLS on both sides where the way allows it."""
    tls = {"ssl_cert_file": files[0], "ssl_key_file": files[1]}
    verified = {"server": f"host=localhost port={server.port} sslmode=verify-full sslrootcert={files[0]}"}
    if way == "relay":
        return dict(tls)
    if way == "password":
        return {"auth": "password", **tls, **verified}
    if way == "query":
        return {"auth": "scram", "auth_dsn": query_line(server), **tls, **verified}
    secrets = dict(PASSWORDS)
    if way == "verifiers":
        with superuser(server) as connection:
            stored = connection.execute("select rolname, rolpassword from pg_authid where rolname ~ '^edge_'")
            secrets = dict(stored.fetchall())
    path = place / way
    path.write_text("; a list\n\n" + "".join(f'"{name}" "{secret}"\n' for name, secret in secrets.items()))
    path.chmod(0o600)
    return {"auth": "scram", "auth_file": path, **tls, **verified}


def log_in(edge: RunningEdge, user: str, password: str | None = None, **more: object) -> tuple[object, ...]:
    """Who a session says it is, and whether its two connections have TLS."""
    password = PASSWORDS[user] if password is None else password
    with psycopg.connect(
        host="localhost", port=edge.port, user=user, password=password, dbname="postgres", **more
    ) as one:
        asked = "select session_user, (select ssl from pg_stat_ssl where pid = pg_backend_pid())"
        row = one.execute(asked).fetchone()
        assert row is not None
        return (*row, one.pgconn.ssl_in_use)


@pytest.mark.parametrize("way", ["query", "verifiers", "passwords", "password"])
def test_users_log_in_with_tls_on_both_sides(
    way: str, secure: LocalServer, files: tuple[Path, Path], tmp_path: Path
) -> None:
    with running(secure, **settings_of(way, secure, files, tmp_path)) as edge:
        trusted = {"sslmode": "verify-full", "sslrootcert": files[0]}
        assert log_in(edge, USER, **trusted) == (USER, True, True)
        assert log_in(edge, LEGACY, **trusted) == (LEGACY, True, True)
        if way.startswith("password"):  # who has a password can also tell it
            assert log_in(edge, CLEAR, **trusted) == (CLEAR, True, True)
        else:
            with pytest.raises(psycopg.OperationalError, match="the server asks for a password") as caught:
                log_in(edge, CLEAR, **trusted)
            assert "pg_hba.conf" in str(caught.value)
        for user, password in ((USER, "wrong"), (LEGACY, "wrong"), ("edge_nobody", "x")):
            with pytest.raises(psycopg.OperationalError, match=f'password authentication failed for user "{user}"'):
                log_in(edge, user, password, **trusted)
        if way != "password":
            assert log_in(edge, USER, sslmode="disable") == (USER, True, False)
        else:
            with pytest.raises(psycopg.OperationalError, match="this connection needs TLS"):
                log_in(edge, USER, sslmode="disable")


def test_a_relayed_login(secure: LocalServer, files: tuple[Path, Path], tmp_path: Path) -> None:
    with running(secure, **settings_of("relay", secure, files, tmp_path)) as edge:
        for user in PASSWORDS:
            assert log_in(edge, user, sslmode="require") == (user, False, True)
        with pytest.raises(psycopg.OperationalError, match="channel binding"):  # says the library: it was not offered
            log_in(edge, USER, sslmode="require", channel_binding="require")
    both = {**settings_of("relay", secure, files, tmp_path), "server": f"host=localhost port={secure.port}"}
    with running(secure, **both) as edge:
        assert log_in(edge, USER, sslmode="disable") == (USER, True, False)
        assert log_in(edge, USER, sslmode="require", channel_binding="disable") == (USER, True, True)
        with pytest.raises(psycopg.OperationalError, match="cannot be handed on between two TLS connections") as caught:
            log_in(edge, USER, sslmode="require")
        assert "channel_binding=disable" in str(caught.value)


def test_a_changed_password_counts_at_once(secure: LocalServer, files: tuple[Path, Path], tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f'"{USER}" "own"\n')
    path.chmod(0o600)
    passwords = tmp_path / "passfile"
    passwords.write_text(f"127.0.0.1:*:*:{USER}:{PASSWORDS[USER]}\n")
    passwords.chmod(0o600)
    line = f"host=127.0.0.1 port={secure.port} passfile={passwords}"
    with running(secure, auth="scram", auth_file=path, server=line) as edge:
        assert log_in(edge, USER, "own")[0] == USER  # one password at the edge, another one at the server
        path.write_text(f'"{USER}" "changed"\n')
        assert log_in(edge, USER, "changed")[0] == USER
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            log_in(edge, USER, "own")
        path.chmod(0o644)
        path.write_text("x")
        with pytest.raises(psycopg.OperationalError, match="the edge cannot find out who may log in"):
            log_in(edge, USER, "changed")


def test_a_server_that_does_not_prove_who_it_is(secure: LocalServer, files: tuple[Path, Path], tmp_path: Path) -> None:
    other, _ = certificate(tmp_path, "other")
    for line, why in (
        (f"host=localhost port={secure.port} sslmode=verify-ca sslrootcert={other}", "certificate verify failed"),
        (f"host=127.0.0.2 port={secure.port} sslmode=verify-full sslrootcert={files[0]}", "refused|certificate"),
    ):
        with running(secure, server=line) as edge, Raw(edge.port) as raw:
            raw.socket.sendall(wire.startup_packet(wire.VERSION_3_0, {"user": USER}))
            fields = wire.parse_error(raw.message()[1])
            assert fields["C"] == "08001"
            assert any(word in fields["D"] for word in why.split("|"))


@pytest.mark.parametrize("loop", [new_loop, asyncio.new_event_loop])
def test_a_client_is_not_told_where_servers_are(
    pg15: LocalServer, caplog: pytest.LogCaptureFixture, loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    port = free_port()
    for host, why in (("127.0.0.1", "Connection refused"), ("localhost", ""), ("nowhere.invalid", "")):
        line = f"host={host} port={port} sslmode=disable"
        with running(pg15, new_loop=loop, server=line) as edge, Raw(edge.port) as raw:
            raw.socket.sendall(wire.startup_packet(wire.VERSION_3_0, {"user": USER}))
            fields = wire.parse_error(raw.message()[1])
        assert fields["C"] == "08001" and why in fields["D"]
        assert not any(word in fields["D"] for word in (host, "127.0.0.1", "::1", str(port))), fields
        assert f"{host}:{port}" in str([vars(record).get("tried") for record in caplog.records])


def test_tls_from_the_first_byte(secure: LocalServer, files: tuple[Path, Path], tmp_path: Path) -> None:
    with running(secure, **settings_of("query", secure, files, tmp_path)) as edge:
        assert log_in(edge, USER, sslmode="require", sslnegotiation="direct") == (USER, True, True)
        context = ssl.create_default_context(cafile=str(files[0]))
        with (
            Raw(edge.port) as raw,
            pytest.raises(OSError),  # without ALPN it is no PostgreSQL client
            context.wrap_socket(raw.socket, server_hostname="localhost") as secured,
        ):
            secured.sendall(wire.startup_packet(wire.VERSION_3_0, {"user": USER}))
            if not secured.recv(1):
                raise OSError


def test_tls_may_be_required_and_begins_with_nothing_before_it(
    secure: LocalServer, files: tuple[Path, Path], tmp_path: Path
) -> None:
    wanted = {**settings_of("relay", secure, files, tmp_path), "ssl_required": True}
    start = wire.startup_packet(wire.VERSION_3_0, {"user": USER})
    with running(secure, **wanted) as edge:
        with Raw(edge.port, start) as raw:
            assert wire.parse_error(raw.message()[1])["C"] == "28000"
        with Raw(edge.port, wire.encryption_packet() + start) as raw:
            fields = wire.parse_error(raw.message()[1])
            assert (fields["C"], fields["M"]) == ("08P01", "received unencrypted data after SSL request")
        with Raw(edge.port, wire.encryption_packet()) as raw:
            assert raw.exactly(1) == b"S"
            raw.socket.sendall(b"no TLS at all, but some bytes")
            with contextlib.suppress(ConnectionError):
                assert raw.socket.recv(1) in (b"\x15", b"")  # an alert
        with Raw(edge.port, wire.encryption_packet()) as raw:
            assert raw.exactly(1) == b"S"
            raw.socket.shutdown(socket.SHUT_WR)
            assert raw.rest() == b""


def test_sessions_with_tls_carry_what_is_large(secure: LocalServer, files: tuple[Path, Path], tmp_path: Path) -> None:
    with (
        running(secure, **settings_of("query", secure, files, tmp_path)) as edge,
        psycopg.connect(
            host="localhost", port=edge.port, user=USER, password=PASSWORDS[USER], dbname="postgres", sslmode="require"
        ) as one,
    ):
        sent = os.urandom(3_000_000)
        assert one.execute("select %b::bytea, length(%b)", (sent, sent)).fetchone() == (sent, len(sent))
        one.execute("select repeat('x', 1000) from generate_series(1, 20000)")
        with one.cursor().copy("copy (select repeat('y', 1000) from generate_series(1, 20000)) to stdout") as copy:
            assert sum(len(part) for part in copy) == 20000 * 1001


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"server": None}, "the edge has no server"),
        ({"server": "host=localhost user=ada"}, "takes no user"),
        ({"server": "host=localhost sslmode=allow"}, "sslmode"),
        ({"auth": "scram", "auth_file": "/nonexistent"}, "there is no file"),
        ({"ssl_cert_file": "/nonexistent", "ssl_key_file": "/nonexistent"}, "certificate cannot be used"),
    ],
)
def test_settings_that_do_not_work_are_told(wanted: dict[str, Any], why: str, pg15: LocalServer) -> None:
    with pytest.raises(UsageError, match=why) as caught, running(pg15, **wanted):
        pass
    assert caught.value.hint
