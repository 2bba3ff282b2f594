"""What the tests of the dashboard share: `post-ai web` as a process, people who use it over plain HTTP, a site.

def test_something(shop: Shop) -> None:
    with Dashboard(shop.place / "web", {"store": shop.dsn}) as web:
        olga = web.log_in("olga")
        assert "Overview" in olga.get("/d/store/").text
"""

from __future__ import annotations

import html
import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http.cookiejar import CookieJar
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any, Self
from urllib.parse import urlencode

import psycopg
from agent_support import AgentProcess, agent_dsn, install_postai, running, wait_for

from conftest import TestDatabase, drop_database, make_database
from postai.database import named_sql
from postai.setup.server import LocalServer, free_port

CSRF = re.compile(r'data-csrf="([^"]*)"')
PEOPLE = {
    "olga": "postai_operator", "uwe": "postai_user", "rita": "postai_reader", "nora": "", "web_reader": "postai_reader",
}  # fmt: skip
"""Roles who log in, and what they are of postai; their passwords are their names."""
SCENE = Path(__file__).resolve().parents[1] / "web"
OWNER = "shopkeeper"
MALLORY = "<img src=x onerror=alert(40)>"
"""A role of somebody who tries; tests/web/home.sql makes it an operator."""
AGENT = "postai_web_agent"
"""The agent's login here: it may act for the store's owner over many files of tests."""
START_SECONDS = 120.0
PROBLEMS = ("Traceback", "Exception in ASGI")


@dataclass(frozen=True)
class Answer:
    """What came over HTTP; redirects were not followed."""

    status: int
    headers: Message
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def location(self) -> str:
        return self.headers.get("location", "")

    def words(self) -> str:
        """The text between the tags."""
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", self.text)).split())


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


class Person:
    """A browser without scripts: cookies, forms, the token that forms carry."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = CookieJar()
        self.csrf = ""
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.cookies), _NoRedirect
        )

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request as it is."""
        request = urllib.request.Request(self.address + path, body, dict(headers or {}), method=method)
        try:
            with self._opener.open(request, timeout=60) as response:
                answer = Answer(response.status, response.headers, response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                answer = Answer(error.code, error.headers, error.read().decode())
        if found := CSRF.search(answer.text):
            self.csrf = html.unescape(found[1])
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, headers=headers)

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Send a form, with the token of the page that was seen last."""
        form = urlencode({"csrf": self.csrf, **(fields or {})}).encode()
        return self.send("POST", path, form, {"content-type": "application/x-www-form-urlencoded", **headers})

    def post_json(self, path: str, value: object = None, **headers: str) -> Answer:
        """Call the API as the pages' scripts do."""
        own = {"content-type": "application/json", "x-csrf-token": self.csrf}
        return self.send("POST", path, json.dumps(value).encode(), {**own, **headers})

    def log_in(self, role: str, password: str | None = None, database: str = "store") -> Answer:
        fields = {"role": role, "password": role if password is None else password, "database": database}
        answer = self.post("/login", fields)
        if answer.status == 303:
            self.get(answer.location)
        return answer


class Dashboard:
    """`post-ai web` as a process of its own; it ends with the block, and must not have broken.

    Args:
        directory: for its configuration and its log.
        databases: connection strings, without user and password, by name.
        settings: lines of section [web].
        environment: variables that it gets besides those of the tests.
    """

    def __init__(
        self,
        directory: Path,
        databases: Mapping[str, str],
        settings: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.config = directory / "web.toml"
        self.log_file = directory / "web.log"
        self.port = free_port()
        self._environment = environment or {}
        lines = [f"[[database]]\nname = {json.dumps(name)}\ndsn = {json.dumps(dsn)}" for name, dsn in databases.items()]
        self.config.write_text("\n".join([*lines, "[web]", f"port = {self.port}", settings, ""]))
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Start and wait until it answers."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("POSTAI_", "ANTHROPIC_"))}
        log: IO[bytes]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", "-m", "postai.cli.main", "web", "--config", str(self.config), "--json"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**environment, **self._environment},
            )  # fmt: skip
        try:
            wait_for(self._answers, START_SECONDS)
        except BaseException:
            self.stop()
            raise
        return self

    def _answers(self) -> bool:
        assert self.process is not None and self.process.poll() is None, self.log_file.read_text()
        try:
            return Person(self.address).get("/login").status == 200
        except (OSError, http.client.HTTPException):
            return False

    def stop(self) -> int:
        """End the process, whatever it does; one that has to be killed fails the test."""
        assert self.process is not None
        self.process.terminate()
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
            raise AssertionError(f"the dashboard did not stop:\n{self.log_file.read_text()}") from None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        text = self.log_file.read_text()
        assert error is not None or not any(problem in text for problem in PROBLEMS), text

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log_file.read_text().splitlines() if line.startswith("{")]

    def log_in(self, role: str, database: str = "store") -> Person:
        """A person who is logged in."""
        person = Person(self.address)
        answer = person.log_in(role, database=database)
        assert answer.status == 303, answer.text
        return person


def make_people(database: TestDatabase, people: Mapping[str, str] = PEOPLE) -> None:
    """Roles who log in, where they are not there yet, and their part in this database's postai."""
    for role, group in people.items():
        database.execute(
            f"do $$ begin perform pg_advisory_lock(4713); if to_regrole('{role}') is null then"
            f" create role {role} login password '{role}'; end if; end $$;"
            + (f" grant {group} to {role};" if group else "")
        )


def reader_of(place: Path) -> str:
    """Lines of section [web] for a login that only reads, on which links and tokens stand."""
    passfile = place / "reader.pgpass"
    passfile.write_text("*:*:*:web_reader:web_reader\n")
    passfile.chmod(0o600)
    return f'reader_dsn = "user=web_reader passfile={passfile}"'


@dataclass(frozen=True)
class Shop:
    """The sample store with postai, its agent and people; what tests/web/scene.sql made of it."""

    database: TestDatabase
    place: Path
    agent: AgentProcess = field(repr=False)

    @property
    def dsn(self) -> str:
        """As a dashboard's configuration has it."""
        return f"host=127.0.0.1 port={self.database.server.port} dbname={self.database.name}"


def make_shop(
    server: LocalServer, *, played: bool = True, settings: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Shop]:
    """The sample store's tables with few rows, postai, its agent, people; olga may act for the store's owner.

    Args:
        played: with what tests/web/scene.sql and the files beside it make; else all there is comes from the agent.
        settings: of postai, before the agent starts.
    """
    database = make_database(server)
    place = Path(tempfile.mkdtemp(prefix="postai-web-"))
    place.chmod(0o755)
    agent = AgentProcess(place, [("store", agent_dsn(server, database.name, place, AGENT))])
    try:
        install_postai(database, "socket", agent.socket, AGENT)
        make_people(database, {**PEOPLE, OWNER: "postai_operator"})
        database.execute(
            f"grant {OWNER} to olga, {AGENT}; grant create on schema public to {OWNER};"
            " create extension if not exists pg_stat_statements"
        )
        with database.connect(OWNER) as owner:
            for block in named_sql.load("postai.setup.store", "schema.sql").values():
                owner.execute(block)
            owner.execute((SCENE / "store.sql").read_text())
            for file in ("constraints.sql", "comments.sql"):
                for name, block in named_sql.load("postai.setup.store", file).items():
                    if name != "counters":  # those of the big store, and they tidy up behind its rows
                        owner.execute(block)
            owner.execute("analyze")
        for name, value in settings.items():
            database.execute(f"select postai.set('{name}', '{value}')")
        with running(agent):
            agent.until("the socket is open")
            agent.until("leading this database")
            if played:
                _play(database, SCENE / "scene.sql")
                database.execute((SCENE / "home.sql").read_text())
                database.execute((SCENE / "history.sql").read_text())
                with psycopg.connect(database.dsn("olga"), user=MALLORY, password=MALLORY, autocommit=True) as mallory:
                    mallory.execute((SCENE / "mallory.sql").read_text())
            yield Shop(database, place, agent)
    finally:
        drop_database(database)
        shutil.rmtree(place)


def _play(database: TestDatabase, script: Path) -> None:
    """Let psql run it as the store's owner."""
    options = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(script), database.dsn(OWNER)]
    done = subprocess.run(
        [str(database.server.binaries.bin / "psql"), *options], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr


def place_of(database: TestDatabase) -> str:
    """Where it is, over TCP, where passwords are asked for."""
    return f"host=127.0.0.1 port={database.server.port} dbname={database.name}"


def make_store(server: LocalServer) -> Iterator[TestDatabase]:
    """A database with postai and people, and a login of the dashboard that only reads."""
    database = make_database(server)
    try:
        install_postai(database, "call")
        make_people(database)
        make_people(database, {"web_reader": "postai_reader"})
        yield database
    finally:
        drop_database(database)
