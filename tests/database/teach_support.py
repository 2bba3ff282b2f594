"""A database with a real agent, a stand-in model and three logins, for the tests of what is taught."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from agent_support import AgentProcess, agent_dsn, install_postai, running
from sql_core import make_login

from conftest import TestDatabase, drop_database, make_database

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from model_server import KEY, ModelServer, Role, model_server

WAYS = [("pg15", "socket"), ("pg18", "dblink"), ("pg18", "call")]
SCHEMA = """
create table parcel (id int primary key, weight numeric not null, state text not null, sent date);
insert into parcel select n, n % 50, case when n % 4 = 0 then 'lost' else 'delivered' end, current_date - n
  from generate_series(1, 400) as n;
create table wage (person text, amount numeric);
create schema other; create table other.parcel (id int);
analyze;
grant select on parcel, other.parcel to sender, receiver, foreman;
grant usage on schema other to sender, receiver, foreman;
"""
HIDDEN = "how many parcels went where the crows fly?"
HEAVY = "select count(*) from generate_series(1, 1000000) a, generate_series(1, 1000000) b"
LOST = "select count(*) as gone from parcel where state = 'lost'"


@dataclass(frozen=True)
class Post:
    """A database with an agent, and three logins: sender and receiver may ask, foreman is an operator."""

    database: TestDatabase
    agent: AgentProcess
    model: ModelServer
    transport: str

    def run(self, statement: str, *values: object, user: str = "sender") -> list[tuple[Any, ...]]:
        with self.database.connect(user) as connection:
            cursor = connection.execute(statement, values or None)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def ask(self, question: str, user: str = "sender") -> list[Any]:
        """Rows of an answer, as lists of values."""
        with self.database.connect(user) as connection:
            if self.transport == "call":
                connection.execute("call postai.run(%s)", (question,))
                return [list(row) for row in connection.execute("fetch all from ask").fetchall()]
            found = connection.execute("select row from postai.ask(%s) as row", (question,)).fetchall()
            return [list(row[0].values()) for row in found]

    def refused(self, statement: str, *values: object, user: str = "sender") -> psycopg.Error:
        with pytest.raises(psycopg.Error) as caught:
            self.run(statement, *values, user=user)
        assert caught.value.diag.message_hint, caught.value
        return caught.value


@contextmanager
def post(server: Any, transport: str) -> Iterator[Post]:
    place = Path(tempfile.mkdtemp(prefix="postai-t-"))
    place.chmod(0o755)
    database = make_database(server)
    install_postai(database, transport, place / "run" / "agent.sock")  # type: ignore[arg-type]
    for name, role in (("sender", "postai_user"), ("receiver", "postai_user"), ("foreman", "postai_operator")):
        make_login(database, name, role)
    database.execute(SCHEMA)
    with model_server(Role(script=lambda question, turn: LOST)) as model:
        agent = AgentProcess(
            place,
            [(database.name, agent_dsn(server, database.name, place))],
            model={"base_url": model.url, "api_key": KEY},
        )
        with running(agent):
            agent.until("leading this database")
            agent.until("the socket is open")
            yield Post(database, agent, model, transport)
    drop_database(database)
    shutil.rmtree(place)
