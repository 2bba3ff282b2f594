"""The SQL tests of tests/sql (pgTAP), one test each, on both servers."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sql_core import put_in
from sql_extension import look_in

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import LocalServer

FILES = sorted((Path(__file__).parents[1] / "sql").glob("*.sql"))
DEBIAN = Path("/usr/share/postgresql/15/extension")


@pytest.fixture(params=["pg15", "pg18"], scope="module")
def tapped(request: pytest.FixtureRequest) -> Iterator[TestDatabase]:
    """A database with postai and pgTAP, which is SQL only, so that PostgreSQL 18 can take Debian's copy for 15."""
    if not (DEBIAN / "pgtap.control").exists():
        pytest.skip("pgTAP is not installed (Debian: postgresql-15-pgtap)")
    server: LocalServer = request.getfixturevalue(request.param)
    copy = Path(tempfile.mkdtemp(prefix="postai-pgtap-"))
    copy.chmod(0o755)
    (copy / "extension").mkdir(mode=0o755)
    for path in DEBIAN.glob("pgtap*"):
        shutil.copy(path, copy / "extension")
    if server.binaries.major >= 18:
        look_in(server, copy)
    database = make_database(server)
    put_in(database, "call")
    database.execute("create extension pgtap")
    yield database
    drop_database(database)
    shutil.rmtree(copy)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_sql(tapped: TestDatabase, file: Path) -> None:
    server = tapped.server
    environment = {
        **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(server.port), "PGUSER": "postgres",
        "PGPASSWORD": server.password(), "PGDATABASE": tapped.name, "PGOPTIONS": "--client-min-messages=warning",
    }  # fmt: skip
    psql = str(server.binaries.bin / "psql")
    if prove := shutil.which("pg_prove"):
        command = [prove, "--psql-bin", psql, "--verbose", str(file)]
    else:
        command = [psql, "-XqAt", "-P", "pager=off", "-f", str(file)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert not re.search(r"^not ok|ERROR|^# Looks like", said, re.MULTILINE), said
    assert re.search(r"^ok 1", said, re.MULTILINE), said
