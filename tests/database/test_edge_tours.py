"""Tours of psql, pg_dump and drivers through the edge give what they give without it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from edge_support import running
from edge_tours import ERRORS, MAKE, TYPES

from conftest import TestDatabase, superuser
from postai.setup.server import LocalServer

USER = "edge_tourist"
TOURS = Path(__file__).with_name("edge_tours.py")
JAR = "/usr/share/java/postgresql.jar"
OTHERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "node.js": (("node", "--no-deprecation"), ("node", "-e", "require('pg')")),  # NODE_PATH says where it is
    "Jdbc.java": (("java", "-cp", JAR), ("test", "-f", JAR)),
    "dbd.pl": (("perl",), ("perl", "-MDBD::Pg", "-e", "1")),
    "php.php": (("php",), ("php", "-r", "exit(extension_loaded('pgsql') && extension_loaded('pdo_pgsql') ? 0 : 1);")),
    "ruby.rb": (("ruby",), ("ruby", "-e", "require 'pg'")),
}
"""How a tour is started, and what has to succeed before."""


@pytest.fixture(scope="module")
def tourist(pg15: LocalServer, pg18: LocalServer) -> Iterator[None]:
    for server in (pg15, pg18):
        with superuser(server) as connection:
            connection.execute(f"create role {USER} login superuser password '{USER}'")
    yield
    for server in (pg15, pg18):
        with superuser(server) as connection:
            connection.execute(f"drop role {USER}")


@pytest.fixture(params=["relay", "scram", "transaction"])
def ports(request: pytest.FixtureRequest, tourist: None, database: TestDatabase) -> Iterator[tuple[int, int]]:
    """The server's port and the edge's."""
    server = database.server
    dsn = f"host={server.socket_directory} port={server.port} dbname=postgres user=postgres"
    own = {} if request.param == "relay" else {"auth": "scram", "auth_dsn": dsn}
    if request.param == "transaction":
        own["pool_mode"] = "transaction"
    with running(server, **own) as edge:
        yield server.port, edge.port


def run(*command: object, text: str = "") -> str:
    """What a program prints, errors included."""
    done = subprocess.run(
        [str(one) for one in command],
        input=text,
        capture_output=True,
        errors="backslashreplace",
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.soak
@pytest.mark.parametrize("driver", ["psycopg3", "psycopg2", "pg8000", "asyncpg"])
def test_a_tour_of_a_python_driver(driver: str, ports: tuple[int, int], database: TestDatabase) -> None:
    if find_spec(driver.removesuffix("3")) is None:
        pytest.skip(f"{driver} is not installed")
    direct, through = (
        run(sys.executable, TOURS, driver, "127.0.0.1", port, USER, USER, database.name) for port in ports
    )
    assert len(direct.splitlines()) > 10
    assert through == direct


@pytest.mark.soak
@pytest.mark.parametrize("program", OTHERS)
def test_a_tour_of_another_driver(program: str, ports: tuple[int, int], database: TestDatabase) -> None:
    command, needs = OTHERS[program]
    try:
        run(*needs)
    except (FileNotFoundError, AssertionError) as missing:
        pytest.skip(f"{program} cannot be run: {missing}")
    command += (str(TOURS.parent / "tours" / program), "127.0.0.1")
    told = []
    for port in ports:
        told.append(run(*command, port, USER, USER, database.name, TYPES, MAKE, *ERRORS))
        database.execute("drop table tour")
    direct, through = told
    assert len(direct.splitlines()) > 15 and "hello" in direct and "row 7" in direct
    assert through == direct


PSQL = r"""
\set ON_ERROR_STOP off
\timing off
select version() is not null;
\d tour
\dt
\copy tour to stdout
\copy tour (a, b) from stdin
1000	more
\.
select * from tour order by a \gx
select 1/0;
select 1 \; select 2;
begin; declare c cursor for select a from tour order by a; fetch 2 from c; commit;
\set FETCH_COUNT 3
select a from tour order by a;
listen tour;
notify tour, 'hello';
select 1;
\errverbose
\lo_import /nonexistent
do $$begin raise notice 'look'; end$$;
"""


@pytest.mark.soak
def test_a_tour_of_psql_and_pg_dump(ports: tuple[int, int], database: TestDatabase, tmp_path: Path) -> None:
    programs = database.server.binaries.bin
    told = []
    for port in ports:
        dsn = f"host=127.0.0.1 port={port} user={USER} password={USER} dbname={database.name}"
        database.execute(f"{MAKE}; insert into tour select n, 'row ' || n from generate_series(1, 20) n")
        told.append(re.sub(r"PID \d+", "PID", run("psql", "-X", dsn, text=PSQL)))
        plain = run(programs / "pg_dump", "-d", dsn)
        run(programs / "pg_dump", "-d", dsn, "-Fd", "-j", "2", "-f", tmp_path / f"{port}")
        database.execute("drop table tour")
        run(programs / "pg_restore", "-d", dsn, "-j", "2", tmp_path / f"{port}")
        assert database.execute("select count(*) from tour") == [(21,)]
        told.append(re.sub(r"\\(un)?restrict.*", "", plain))
    assert "division by zero" in told[0] and "COPY public.tour" in told[1]
    assert told[2:] == told[:2]
