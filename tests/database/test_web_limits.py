"""What one person, or a stranger, cannot take from the others: over HTTP, with a real server and the real process."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest
from agent_support import install_postai
from web_support import Dashboard, Person, make_people

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import LocalServer

API = "/api/v1/databases/store"
ASK = "/d/store/ask"


def place_of(database: TestDatabase) -> str:
    return f"host=127.0.0.1 port={database.server.port} dbname={database.name}"


@pytest.fixture(scope="module")
def store(pg15: LocalServer) -> Iterator[TestDatabase]:
    """A database with postai and people, and a login of the dashboard that only reads."""
    database = make_database(pg15)
    try:
        install_postai(database, "call")
        make_people(database)
        make_people(database, {"web_reader": "postai_reader"})
        yield database
    finally:
        drop_database(database)


@pytest.fixture(scope="module")
def web(store: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    place = tmp_path_factory.mktemp("web")
    passfile = place / "pgpass"
    passfile.write_text("*:*:*:web_reader:web_reader\n")
    passfile.chmod(0o600)
    settings = f'reader_dsn = "user=web_reader passfile={passfile}"'
    with Dashboard(place, {"store": place_of(store), "other": place_of(store)}, settings) as one:
        yield one


FORM, JSON = "application/x-www-form-urlencoded", "application/json"


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize(
    ("path", "kind"), [("/login", FORM), ("/about/ask", FORM), (f"{API}/ask", FORM), (f"{API}/ask", JSON)]
)
def test_a_long_body_is_not_taken(web: Dashboard, path: str, kind: str, chunked: bool) -> None:
    """Also of somebody who is not logged in."""
    sent = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    parts = [b"text=", *[b"x" * 65536] * 40]
    body = iter(parts) if chunked else b"".join(parts)
    sent.request("POST", path, body, {"content-type": kind}, encode_chunked=chunked)
    answer = sent.getresponse()
    told = answer.read().decode()
    sent.close()
    assert answer.status == 413 and "at most 1 MB" in told


def test_what_is_long_but_typed_is_taken(web: Dashboard) -> None:
    uwe = web.log_in("uwe")
    uwe.get(ASK)
    assert uwe.post(ASK, {"text": "select '" + "ж" * 99_000 + "'"}).status == 200
    assert Person(web.address).log_in("uwe").status == 303
