"""Names of hosts, looked up before libpq would: it does so without letting other threads of Python run."""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping


def looked_up(parameters: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a connection with the addresses of its hosts.

    A host with several addresses is named as often, so that each is tried. Names that cannot be looked up are left to
    libpq, which says why.

    Args:
        parameters: keywords and values of libpq.
    """
    hosts = parameters.get("host", "").split(",")
    if "hostaddr" in parameters or not all(hosts) or any(host.startswith(("/", "@")) for host in hosts):
        return dict(parameters)
    ports = parameters.get("port", "").split(",")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    found: list[tuple[str, str, str]] = []
    for host, port in zip(hosts, ports, strict=False):
        try:
            addresses = {str(one[4][0]): None for one in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)}
        except (OSError, UnicodeError):
            return dict(parameters)
        found += [(host, address, port) for address in addresses]
    names, addresses_found, ports_found = (",".join(column) for column in zip(*found, strict=True))
    more = {"host": names, "hostaddr": addresses_found}
    return {**parameters, **more, **({"port": ports_found} if parameters.get("port") else {})}


def writer_first(parameters: Mapping[str, str], writer: Collection[tuple[str, str]]) -> dict[str, str]:
    """The parameters of a connection to whichever of several hosts takes writes, if nothing else is asked for.

    Args:
        parameters: keywords and values of libpq.
        writer: hosts and ports that are to be tried first, where they are among them.
    """
    columns = {key: parameters[key].split(",") for key in ("host", "hostaddr", "port") if parameters.get(key)}
    hosts = columns.get("host") or columns.get("hostaddr") or []
    ports = columns.get("port") or ["5432"]
    if len(ports) == 1:
        columns["port"] = ports = ports * len(hosts)
    if len(hosts) < 2 or any(len(column) != len(hosts) for column in columns.values()):
        return dict(parameters)
    order = sorted(range(len(hosts)), key=lambda number: (hosts[number], ports[number]) not in writer)
    sorted_columns = {key: ",".join(column[number] for number in order) for key, column in columns.items()}
    return {"target_session_attrs": "read-write", **parameters, **sorted_columns}
