"""What the edge tells its operator: metrics, SHOW's messages, the doors for HTTP."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import re
import shutil
import struct
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from postai.edge.server import admin
from postai.edge.server.bouncer import before, configuration
from postai.edge.server.edge import Place
from postai.edge.server.metrics import exposition
from postai.edge.server.room import files_needed
from postai.edge.server.show import reply
from postai.edge.server.upstream import addresses
from postai.edge.server.workers import GRACE
from postai.errors import PostaiError, UsageError
from postai.settings import EdgeSettings
from postai.setup.server import free_port

UNIT = Path(__file__).resolve().parents[2] / "packaging" / "systemd" / "post-ai-edge.service"
POOL: dict[str, Any] = {"node": "a", "database": 'd"\\\n', "user": "\udcff", "open": 2, "hits": 3, "longest": 0.5}


def test_metrics_are_in_the_text_format() -> None:
    row = {**POOL, "off": True}
    text = exposition([{"generation": 1, "number": 0, "tables": {"pools": [row, {**row, "longest": 0.25}]}}])
    labels = 'process="1.0",node="a",database="d\\"\\\\\\n",user="?"'
    assert text.splitlines() == [
        "# TYPE postai_edge_pools_open gauge", f"postai_edge_pools_open{{{labels}}} 4",
        "# TYPE postai_edge_pools_hits_total counter", f"postai_edge_pools_hits_total{{{labels}}} 6",
        "# TYPE postai_edge_pools_longest gauge", f"postai_edge_pools_longest{{{labels}}} 0.5",
        "# TYPE postai_edge_pools_off gauge", f"postai_edge_pools_off{{{labels}}} 2",
    ]  # fmt: skip
    assert exposition([]) == ""


def test_what_is_said_in_words_is_no_label() -> None:
    """The texts change all the time ("2.3 s behind"): each would be a series of its own."""
    cache = [{"database": "shop", "state": state, "hits": 1} for state in ("on", "the stream is 2.3 s behind")]
    routes = [
        {"name": "a", "role": "primary", "problem": None},
        {"name": "b", "role": "replica", "problem": "it did not answer in time"},
        {"name": "not asked", "role": None, "problem": None},
    ]
    tables = {"cache": cache, "routes": routes}
    lines = exposition([{"generation": 1, "number": 0, "tables": tables}]).splitlines()
    labels = 'process="1.0",database="shop"'
    assert [line for line in lines if line[0] != "#"] == [
        f"postai_edge_cache_hits_total{{{labels}}} 2",
        f"postai_edge_cache_on{{{labels}}} 1",
        'postai_edge_routes_usable{process="1.0",name="a",role="primary"} 1',
        'postai_edge_routes_usable{process="1.0",name="b",role="replica"} 0',
    ]


def messages(data: bytes) -> list[tuple[bytes, bytes]]:
    found = []
    while data:
        (length,) = struct.unpack_from("!i", data, 1)
        found.append((data[:1], data[5 : length + 1]))
        data = data[length + 1 :]
    return found


def test_rows_are_answered_as_a_server_would() -> None:
    rows: list[dict[str, Any]] = [{"a": "x", "b": None}, {"a": True, "b": 0.123456789}]
    kinds = [kind for kind, _ in messages(reply(b"Q\0\0\0\5\0", rows))]
    assert kinds == [b"T", b"D", b"D", b"C", b"Z"]
    found = messages(reply(b"P...D\0\0\0\6P\0E...", rows))
    assert [kind for kind, _ in found] == [b"1", b"2", b"T", b"D", b"D", b"C", b"Z"]
    assert found[3][1] == b"\0\2\0\0\0\1x\xff\xff\xff\xff"
    assert found[4][1] == b"\0\2\0\0\0\1t\0\0\0\x080.123457"
    assert [kind for kind, _ in messages(reply(b"P...E...", []))] == [b"1", b"2", b"C", b"Z"]


class Stub:
    """Stands where the parent of processes would."""

    async def processes(self) -> list[dict[str, Any]]:
        return [{"pid": 7, "generation": 1, "number": 0, "tables": {"pools": [POOL]}}]

    async def rows(self, table: str) -> list[dict[str, Any]]:
        return [{"user": table}]

    async def ask_all(self, name: str, about: Any) -> list[tuple[None, Any]]:
        return [(None, {f"{name} {about}": False, "b": False}), (None, {"b": True}), (None, {})]


@pytest.fixture
def settings(tmp_path: Path) -> EdgeSettings:
    return EdgeSettings(runtime_directory=tmp_path / "run", admin_port=free_port())


@pytest.fixture
def doors(settings: EdgeSettings) -> Iterator[EdgeSettings]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    served = admin.Admin(Stub(), {"version": "1", "region": None})  # type: ignore[arg-type]
    try:
        asyncio.run_coroutine_threadsafe(served.listen(settings), loop).result(10)
        yield settings
    finally:
        loop.call_soon_threadsafe(served.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_the_operator_may_see_clients_and_purge(doors: EdgeSettings) -> None:
    assert admin.socket_path(doors).stat().st_mode & 0o777 == 0o600
    assert doors.runtime_directory.stat().st_mode & 0o777 == 0o700
    assert admin.ask(doors, "GET", "/figures")["processes"][0]["pid"] == 7
    assert admin.ask(doors, "GET", "/clients") == [{"user": "clients"}]
    purged = admin.ask(doors, "POST", "/purge", database="shop", table=None)
    assert purged == {"databases": ["b", "purge ['shop', None]"], "all": ["b"]}


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/metrics", None, 200), ("GET", "/figures", "localhost:{}", 200), ("GET", "/clients", None, 404),
        ("POST", "/purge", None, 404), ("POST", "/figures", None, 404), ("GET", "/metrics", "evil.example:{}", 421),
        ("GET", "/metrics", "127.0.0.1", 421), ("GET", "//x[", None, 404),
    ],
)  # fmt: skip
def test_the_port_tells_figures_under_its_own_name_only(
    doors: EdgeSettings, method: str, path: str, host: str | None, status: int
) -> None:
    port = doors.admin_port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, headers={"Host": (host or "127.0.0.1:{}").format(port)})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == status
    if path == "/figures" and status == 200:
        assert json.loads(text)["version"] == "1"


def test_a_place_that_others_may_change_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "file").write_text("")
    for name in ("open", "file", "file/below"):
        with pytest.raises(UsageError):
            asyncio.run(admin.Admin(Stub(), {}).listen(EdgeSettings(runtime_directory=tmp_path / name)))  # type: ignore[arg-type]
    assert not os.listdir(tmp_path / "open")


def test_an_edge_that_does_not_run_is_said_so(settings: EdgeSettings) -> None:
    with pytest.raises(PostaiError, match="the edge does not answer"):
        admin.ask(settings, "GET", "/figures")


def test_pgbouncer_is_configured_as_the_edge_is() -> None:
    given: dict[str, Any] = {
        "auth": "scram", "auth_file": "/etc/users", "runtime_directory": "/run/e", "pgbouncer": "transaction",
        "server": "host=/run/pg port=5433", "database": [{"name": 'a"b', "dbname": "it's"}, {"name": "*"}],
    }  # fmt: skip
    settings = EdgeSettings(**given)
    text = configuration(settings, (1, 21)).splitlines()
    assert text[1] == "\"a\"\"b\" = host='/run/pg' port='5433' dbname='it''s'"
    assert text[2] == "* = host='/run/pg' port='5433'"
    for line in ("unix_socket_dir = /run/e/pgbouncer.6432", "pool_mode = transaction", "auth_file = /etc/users",
                 "max_client_conn = 20000", "max_prepared_statements = 500"):  # fmt: skip
        assert line in text
    assert "max_prepared_statements" not in configuration(settings, (1, 20))
    secure = configuration(EdgeSettings(**{**given, "server": "host=db.example.com sslmode=require"}), (1, 21))
    assert "server_tls_sslmode = require\n" in secure
    for wrong in ({"server": "host=a,b"}, {"database": [{"name": "a\nb"}]}):
        with pytest.raises(UsageError):
            configuration(EdgeSettings(**{**given, **wrong}), (1, 21))
    for refused in ({"auth_file": None, "auth_dsn": "host=a"}, {"pool_mode": "transaction"}):
        with pytest.raises(ValidationError, match="pgbouncer"):
            EdgeSettings(**{**given, **refused})
    places = {"*": Place(addresses("host=a"), "x")}
    assert before(settings, places)["*"].label == "/run/e/pgbouncer.6432:6432"
    assert before(EdgeSettings(), places) is places


def test_the_unit_starts_the_edge_with_enough_of_everything(tmp_path: Path) -> None:
    text = UNIT.read_text()
    pairs = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z]\w*=", line))
    settings = EdgeSettings()
    assert int(pairs["LimitNOFILE"]) == files_needed(settings.max_connections)
    assert int(pairs["TimeoutStopSec"]) > settings.stop_timeout + GRACE
    assert pairs["KillMode"] == "mixed"  # the parent hands signals on
    if shutil.which("systemd-analyze") is not None:
        copy = tmp_path / UNIT.name
        copy.write_text(text.replace(pairs["ExecStart"].split()[0], "/bin/true"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True, text=True)
        assert UNIT.name not in done.stderr
