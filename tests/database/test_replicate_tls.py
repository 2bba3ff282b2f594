"""TLS with the server's name and authority verified, through every door that a move has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from replicate_move import MOVE
from replicate_support import PgBouncer, Stand, make_certificates

from postai.database import ServerError
from postai.database.errors import TlsFailed
from postai.deadline import Deadline
from postai.errors import VerificationFailed
from postai.replicate import fence, native, probe, tools
from postai.replicate.pgbouncer import PgBouncerDriver
from postai.replicate.redirect import Address, RedirectFailed
from postai.replicate.sessions import open_session
from postai.replicate.types import Side

NAME = "postai_7_fwd"
ENCRYPTED = "select s.ssl from pg_stat_ssl as s join pg_stat_activity as a using (pid) where a.application_name = '{}'"
CERTIFICATE = "certificate"


def wrong(good: str, place: Path) -> dict[str, str]:
    """The same with another name than the certificate's, another authority, and none."""
    authority = re.search(r"sslrootcert=(\S+)", good)
    assert authority is not None
    return {
        "name": good.replace("host=localhost", "host=elsewhere.example hostaddr=127.0.0.1"),
        "authority": good.replace(authority[1], str(make_certificates(place / "other"))),
        "no authority": good.replace(authority[1], str(place / "none.crt")),
    }


def test_every_session_of_a_move_verifies_the_server(secure_stand: Stand, tmp_path: Path) -> None:
    stand, good = secure_stand, secure_stand.secure_dsn()
    tmp_path.chmod(0o755)
    for dsn in (bad := wrong(good, tmp_path)).values():
        with pytest.raises(TlsFailed, match="TLS could not be agreed on") as caught:
            open_session(dsn)
        assert "sslrootcert" in str(caught.value.hint)
    dumping = ("--schema-only", "--schema=loss")
    with open_session(good) as source, open_session(stand.target_dsn()) as target:
        assert source.query(ENCRYPTED.format("postai")) == [(True,)]
        programs = tools.for_dump(source.server_version)
        assert "CREATE TABLE loss.branch" in tools.dump(programs, good, dumping, Deadline.after(20))
        native.publish(source, MOVE, NAME, ())
        native.create_slot(source, NAME)
        fence.install(target, MOVE)
        for dsn in bad.values():
            with pytest.raises(VerificationFailed) as failed:
                tools.dump(programs, dsn, dumping, Deadline.after(20))
            assert CERTIFICATE in str(failed.value.detail)
            connection = native.conninfo(dsn, NAME)
            with pytest.raises(ServerError, match=CERTIFICATE):
                native.subscribe(target, NAME, connection, source.server_version, copy_data=False)
            refused = probe.probe(source, target, connection).subscription
            assert refused is not None and CERTIFICATE in refused.message
        native.subscribe(target, NAME, native.conninfo(good, NAME), source.server_version, copy_data=False)
        assert fence.cross(source, target, MOVE, Deadline.after(20)) < 20
        assert source.query(ENCRYPTED.format(NAME)) == [(True,)]


def test_the_console_of_pgbouncer_is_verified(bouncer: PgBouncer, secure_stand: Stand, tmp_path: Path) -> None:
    authority = secure_stand.authority
    assert authority is not None
    key = "\n".join(f"client_tls_{kind}_file = {authority.with_name(f'server.{end}')}"
                    for kind, end in (("key", "key"), ("cert", "crt")))  # fmt: skip
    bouncer.ini.write_text(f"{bouncer.ini.read_text()}client_tls_sslmode = require\n{key}\n")
    bouncer.point_at(secure_stand.source)
    server = secure_stand.source_server
    addresses = {side: Address("127.0.0.1", server.port, secure_stand.source.name) for side in Side}
    plain = bouncer.admin_dsn().replace("127.0.0.1", "localhost")
    good = f"{plain} sslmode=verify-full sslrootcert={authority}"
    driver = PgBouncerDriver(good, bouncer.databases, ("app",), addresses)
    assert driver.where() is Side.SOURCE
    driver.close()
    for dsn in (*wrong(good, tmp_path).values(), f"{plain} sslmode=disable"):
        driver = PgBouncerDriver(dsn, bouncer.databases, ("app",), addresses)
        with pytest.raises(RedirectFailed, match="console failed at connecting") as caught:
            driver.where()
        assert re.search("certificate|SSL required", str(caught.value.detail)) and caught.value.hint
