"""Names of hosts are looked up before libpq would."""

from __future__ import annotations

import pytest

from postai.stream.addresses import looked_up, writer_first


@pytest.mark.parametrize(
    "parameters",
    [{}, {"host": "/var/run"}, {"host": "@abstract"}, {"host": "x", "hostaddr": "10.0.0.1"}, {"service": "s"},
     {"host": "nowhere.invalid", "port": "5"}, {"host": "a" * 70}],
)  # fmt: skip
def test_what_names_no_host_that_is_known_stays(parameters: dict[str, str]) -> None:
    assert looked_up(parameters) == parameters


def test_every_host_has_its_addresses_and_ports() -> None:
    found = looked_up({"host": "127.0.0.1,127.0.0.2", "port": "5,6", "user": "ada"})
    assert found == {"host": "127.0.0.1,127.0.0.2", "hostaddr": "127.0.0.1,127.0.0.2", "port": "5,6", "user": "ada"}
    assert looked_up({"host": "127.0.0.1,127.0.0.2", "port": "5"})["port"] == "5,5"
    assert "port" not in looked_up({"host": "127.0.0.1"})
    local = looked_up({"host": "localhost", "port": "5"})
    names, addresses, ports = (local[name].split(",") for name in ("host", "hostaddr", "port"))
    assert set(names) == {"localhost"} and len(names) == len(addresses) == len(ports) and set(ports) == {"5"}


def test_of_several_hosts_the_writer_is_tried_first() -> None:
    several = {"host": "a,b,c", "port": "5", "user": "ada"}
    attrs = {"target_session_attrs": "read-write"}
    assert writer_first(several, [("c", "5")]) == {"user": "ada", **attrs, "host": "c,a,b", "port": "5,5,5"}
    assert writer_first({"host": "a,b"}, [("b", "5432")]) == {**attrs, "host": "b,a", "port": "5432,5432"}
    assert writer_first({**several, "target_session_attrs": "any"}, ())["target_session_attrs"] == "any"
    for alone in ({"host": "a", "port": "5"}, {}, {"service": "s"}, {"host": "a,b", "port": "5,6,7"}):
        assert writer_first(alone, [("a", "5")]) == alone
