"""A standby of one of the tests' servers."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from postai.setup.server import LocalServer, as_os_user, free_port


@contextmanager
def replica_of(server: LocalServer) -> Iterator[LocalServer]:
    """A replica of the server as it is now, which follows it; it is stopped with the block."""
    replica = LocalServer(server.binaries, server.root.parent / "standby", free_port(), server.os_user)
    own = as_os_user(server.os_user)
    command = [
        str(server.binaries.bin / "pg_basebackup"),
        "-R",
        "-c",
        "fast",
        "-D",
        str(replica.data),
        "-d",
        server.dsn(),
    ]
    subprocess.run(["mkdir", "-p", str(replica.root)], check=True)
    replica.root.chmod(0o777)
    subprocess.run(command, check=True, cwd="/", **own)
    settings = f"unix_socket_directories = '{replica.root}'\nport = {replica.port}\n"
    with (replica.data / "postgresql.conf").open("a") as file:
        file.write(settings)
    (replica.root / "superuser").write_text(server.password())
    replica.start()
    try:
        yield replica
    finally:
        replica.stop("immediate")
