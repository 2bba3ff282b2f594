"""Names of hosts are looked up before libpq would."""

from __future__ import annotations

import pytest

from postai.stream.addresses import looked_up


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
