"""Fifty sessions ask at once while the agent is killed and comes back: everybody gets their own answer, or an error."""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from agent_support import AgentProcess, agent_dsn, install_postai, wait_for

from conftest import TestDatabase, make_database, new_server
from postai.setup.server import LocalServer, debian_binaries, embedded_binaries
from postai.setup.transport import Transport

SESSIONS = 50
SECONDS = 45.0
"""After which no new question is asked."""


@dataclass
class Storm:
    """What every session was told."""

    database: TestDatabase
    stop: threading.Event = field(default_factory=threading.Event)
    answers: list[int] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def session(self, number: int) -> None:
        """Ask for one's own number until told to stop; every answer must hold it and nothing else."""
        try:
            with self.database.connect() as connection:
                while not self.stop.is_set():
                    self.ask(connection, number)
        except psycopg.Error as error:
            self.wrong.append(f"session {number} was lost: {error}")

    def ask(self, connection: psycopg.Connection, number: int) -> None:
        began = time.monotonic()
        try:
            rows = connection.execute(
                "select row ->> 'name' from postai.ask(%s) as row", (f"what is the name of boat {number}?",)
            ).fetchall()
        except psycopg.Error as error:
            if not (error.sqlstate or "").startswith("PA") or not error.diag.message_hint:
                self.wrong.append(f"{error.sqlstate}: {error}")
            self.errors.append(error.sqlstate or "")
            time.sleep(0.05)
        else:
            (self.answers if rows == [(f"boat-{number}",)] else self.wrong).append(number if rows else 0)  # type: ignore[arg-type]
        if time.monotonic() - began > 15:
            self.wrong.append(f"session {number} waited {time.monotonic() - began:.0f} s")


@pytest.fixture(params=["socket", "dblink"])
def fleet(request: pytest.FixtureRequest) -> Iterator[tuple[TestDatabase, AgentProcess]]:
    """A database on a server of its own (socket on 15, dblink on 18) with room for two connections of each session."""
    transport = request.param
    place = Path(tempfile.mkdtemp(prefix="postai-w-"))
    place.chmod(0o755)
    binaries = debian_binaries(15) if transport == "socket" else embedded_binaries()
    if binaries is None:
        pytest.skip("no server binaries (see CONTRIBUTING.md)")
    with new_server(binaries, "storm", "max_connections = 200\n") as server:
        yield from _fleet(server, transport, place)
    shutil.rmtree(place)


def _fleet(server: LocalServer, transport: Transport, place: Path) -> Iterator[tuple[TestDatabase, AgentProcess]]:
    database = make_database(server)
    install_postai(database, transport, place / "run" / "agent.sock")
    database.execute(
        "create table boat (id int primary key, name text not null);"
        f"insert into boat select g, 'boat-' || g from generate_series(1, {SESSIONS}) g; analyze boat;"
        "select postai.set('ask_timeout', '8s')"
    )
    for number in range(1, SESSIONS + 1):
        question, sql = f"what is the name of boat {number}?", f"select name from boat where id = {number}"
        with database.connect() as connection:
            connection.execute("select postai._teach_own(%s, %s, '{public}')", (question, sql))
    agent = AgentProcess(place, [(database.name, agent_dsn(server, database.name, place))], workers=8)
    agent.start()
    try:
        agent.until("leading this database")
        agent.until("the socket is open")
        yield database, agent
    finally:
        agent.stop()


@pytest.mark.slow
@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.soak)])
def test_nobody_gets_the_answer_of_somebody_else(fleet: tuple[TestDatabase, AgentProcess], rounds: int) -> None:
    """The agent dies that many times in the middle."""
    database, agent = fleet
    storm = Storm(database)
    threads = [threading.Thread(target=storm.session, args=(number,)) for number in range(1, SESSIONS + 1)]
    until = time.monotonic() + SECONDS
    for thread in threads:
        thread.start()
    try:
        for round_ in range(rounds):
            before = len(storm.answers)
            wait_for(lambda seen=before: len(storm.answers) > seen + SESSIONS or time.monotonic() > until)  # type: ignore[misc]
            agent.kill()
            time.sleep(0.5)
            agent.start()
            agent.until("leading this database", round_ + 2)
        before = len(storm.answers)
        wait_for(lambda: len(storm.answers) > before + SESSIONS or time.monotonic() > until)
    finally:
        storm.stop.set()
        for thread in threads:
            thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert storm.wrong == []
    assert len(storm.answers) > SESSIONS * (rounds + 1)
    assert set(storm.errors) <= {"PA002"}
    assert database.execute("select count(*) from postai.job where state in ('queued', 'running', 'asking')") == [(0,)]
