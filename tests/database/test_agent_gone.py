"""What SQL says about a real agent that lives, and within a second after kill -9, over each transport."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from agent_support import AgentProcess, agent_dsn, install_postai, running, wait_for

from conftest import drop_database, make_database
from postai.setup.transport import Transport

WAYS: list[tuple[str, Transport]] = [("pg15", "socket"), ("pg15", "dblink"), ("pg18", "dblink"), ("pg18", "call")]


@pytest.fixture
def place() -> Iterator[Path]:
    base = Path(tempfile.mkdtemp(prefix="postai-gone-"))
    base.chmod(0o755)
    yield base
    shutil.rmtree(base)


@pytest.mark.parametrize(("server", "transport"), WAYS, ids=lambda part: part)
def test_a_killed_agent_is_known_to_be_gone_within_a_second(
    request: pytest.FixtureRequest, place: Path, server: str, transport: Transport
) -> None:
    database = make_database(request.getfixturevalue(server))
    install_postai(database, transport, place / "run" / "agent.sock")
    agent = AgentProcess(place, [(database.name, agent_dsn(database.server, database.name, place))])
    with running(agent), database.connect() as connection:
        agent.until("leading this database")
        state = "select reachable, leader is not null, model, budget_left from postai.agent()"
        wait_for(lambda: connection.execute(state).fetchone() == (True, True, None, None))
        agent.kill()
        killed = time.monotonic()
        while connection.execute(state).fetchone() != (False, False, None, None):
            assert time.monotonic() - killed < 10  # a busy machine gets more than is promised
        verb = "call postai.run('x')" if transport == "call" else "select postai.ask('x')"
        with pytest.raises(psycopg.Error) as caught:
            connection.execute(verb)  # type: ignore[arg-type]
        assert time.monotonic() - killed < 10
    assert caught.value.sqlstate == "PA002"
    assert "post-ai agent" in (caught.value.diag.message_hint or "")
    drop_database(database)
