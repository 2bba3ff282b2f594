"""Questions about the database itself through psql and a running sidecar, as an ordinary role."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_support import AgentProcess, agent_dsn, install_postai, running

from conftest import TestDatabase, drop_database, make_database
from postai.ask.database_questions.registry import TOPICS
from postai.setup.server import LocalServer

SCHEMA = """
create table parcel (id int primary key, depot_id int, state text);
insert into parcel select g, g % 10, 'sent' from generate_series(1, 5000) g;
create index parcel_state on parcel (state);
create table scrap (note text);
analyze parcel;
"""


@pytest.fixture(scope="module")
def served(pg15: LocalServer) -> Iterator[TestDatabase]:
    database = make_database(pg15)
    place = Path(tempfile.mkdtemp(prefix="postai-dbq-"))
    place.chmod(0o755)
    user = f"kim_{database.name}"
    agent = AgentProcess(place, [("parcels", agent_dsn(pg15, database.name, place))])
    try:
        database.execute(SCHEMA)
        install_postai(database, "socket", agent.socket)
        database.execute(
            f"create role {user} login password '{user}'; grant postai_user to {user}; "
            f"grant select on all tables in schema public to {user}"
        )
        with running(agent):
            agent.until("the socket is open")
            yield database
    finally:
        drop_database(database)
        shutil.rmtree(place)


def psql(database: TestDatabase, statement: str) -> str:
    """What psql prints for one statement, rows unaligned, errors with their SQLSTATE."""
    return subprocess.run(
        [str(database.server.binaries.bin / "psql"), "-XqAt", "-v", "VERBOSITY=verbose", "-c", statement,
         database.dsn(f"kim_{database.name}")],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    ).stdout  # fmt: skip


def test_the_same_row_interface(served: TestDatabase) -> None:
    rows = psql(served, "select postai.ask('which indexes are never used?')").splitlines()
    assert len(rows) == 1 and "parcel_state" in rows[0]
    assert psql(served, "select postai.ask('which tables have no primary key?')").count("scrap") == 1
    assert "pg_stat_user_indexes" in psql(served, "select postai.sql('which indexes are never used?')")
    answer = psql(
        served,
        "select status, engine, confidence, explanation like 'Indexes that no scan%' "
        "from postai.answer('Which indexes are never used?')",
    )
    assert answer == "answered|grammar|0.95|t\n"
    assert psql(served, "select count(*) from postai.ask('who is blocking whom?')").strip().isdigit()


def test_what_the_server_lacks_is_an_honest_refusal(served: TestDatabase) -> None:
    assert "PA007" in (said := psql(served, "select postai.ask('slowest queries')"))
    assert "pg_stat_statements" in said and "CREATE EXTENSION" in said
    assert psql(served, "select status from postai.answer('io statistics')") == "abstained\n"


def test_every_topic_answers_an_ordinary_role(served: TestDatabase) -> None:
    for topic in TOPICS:
        question = topic.examples[0].replace("orders", "parcel")
        if (topic.extension and not topic.otherwise) or topic.since > 15:
            continue
        # The tests share a server: of roles there may be more than 100 rows.
        said = psql(served, f"select count(*) from postai.ask($${question}$$, 1000000)")
        assert said.strip().isdigit(), f"{question}: {said}"
