"""What attackers of the dashboard try: over HTTP, with a real server and the real process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from agent_support import wait_for
from oidc_provider import CLIENT, SECRET, Provider
from starlette.responses import PlainTextResponse
from web_support import Answer, Dashboard, Person, make_people, make_store

from conftest import TestDatabase
from postai.errors import Refused
from postai.setup.server import LocalServer
from postai.sql.parse import parse
from postai.web.protocol import PatientProtocol

API = "/api/v1/databases/store"
ASK = "/d/store/ask"


@pytest.fixture(scope="module")
def store(pg15: LocalServer) -> Iterator[TestDatabase]:
    yield from make_store(pg15)


@pytest.fixture(scope="module")
def web(store: TestDatabase, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """Two databases, a reader login, a demonstration; over TCP, where passwords are asked for."""
    place = tmp_path_factory.mktemp("web")
    passfile = place / "pgpass"
    passfile.write_text("*:*:*:web_reader:web_reader\n*:*:*:uwe:uwe\n")
    passfile.chmod(0o600)
    dsn = f"host=127.0.0.1 port={store.server.port} dbname={store.name}"
    settings = f'reader_dsn = "user=web_reader passfile={passfile}"\ndemo_dsn = "{dsn} user=uwe passfile={passfile}"'
    with Dashboard(place, {"store": dsn, "other": dsn.replace(store.name, "postgres")}, settings) as one:
        yield one


def raw(web: Dashboard, data: bytes) -> bytes:
    """Everything that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", web.port), timeout=60) as client:
        client.sendall(data)
        found = b""
        while part := client.recv(65536):
            found += part
    return found


def run(person: Person, text: str, **more: Any) -> Answer:
    return person.post_json(f"{API}/ask", {"text": text, **more})


def test_a_server_that_asks_for_no_password_lets_nobody_in(store: TestDatabase, tmp_path: Path) -> None:
    ((trusts,),) = store.execute(
        "select auth_method from pg_hba_file_rules where type = 'local' and user_name = '{postgres}'"
    )
    assert trusts == "trust"
    dsn = f"host={store.server.socket_directory} port={store.server.port} dbname={store.name}"
    with Dashboard(tmp_path, {"store": dsn}) as web:
        answer = Person(web.address).log_in("postgres", "whatever")
        assert answer.status == 401 and "does not ask for the password" in answer.words()
        assert Person(web.address).log_in("olga", "olga").status == 303
        assert Person(web.address).log_in("olga", "wrong").status == 401


def test_an_operator_of_the_search_path_does_not_run_in_pages(web: Dashboard, store: TestDatabase) -> None:
    """`nspname !~ '^pg_'` means the operator that fits best: an exact one in a schema of the role's search_path."""
    store.execute(
        """create table public.caught (who text, where_at text); grant insert on public.caught to public;
           create function public.trap(name, name) returns boolean language plpgsql immutable as $$
             begin raise exception 'trap ran as %', current_user; end $$;
           create function public.trap(numeric, integer) returns numeric language plpgsql immutable as $$
             begin raise exception 'trap ran as %', current_user; end $$;
           create operator public.!~ (leftarg = name, rightarg = name, function = public.trap);
           create operator public.~ (leftarg = name, rightarg = name, function = public.trap);
           create operator public.* (leftarg = numeric, rightarg = integer, function = public.trap);"""
    )
    try:
        olga = web.log_in("olga")
        pages = (
            "/schema",
            "/schema?text=a",
            "/schema/diagram",
            "/report?section=storage&format=json",
            "/",
            "/queries",
            "/proposals",
            "/events",
            "/ask/names",
            "/edges/cache",
            "/people",
            "/migrations",
            "/replications",
        )
        for page in pages:
            answer = olga.get(f"{API}{page}")
            assert answer.status == 200 and "trap ran" not in answer.text, (page, answer.text)
        command = [sys.executable, "-m", "postai.cli.main", "report", "--format", "json", "--out", "-", "--dsn"]
        dsn = f"host=127.0.0.1 port={store.server.port} dbname={store.name} user=olga"
        told = subprocess.run(
            [*command, dsn], capture_output=True, text=True, check=False, env={**os.environ, "PGPASSWORD": "olga"}
        )
        assert told.returncode == 0 and "trap ran" not in told.stdout + told.stderr, told.stderr
        own = run(olga, "select 'a'::name !~ 'b'")
        assert "trap ran as olga" in own.text, "in one's own statement the search_path is one's own"
        assert run(olga, "select 1").status == 200
    finally:
        store.execute(
            "drop operator public.!~ (name, name); drop operator public.~ (name, name);"
            " drop operator public.* (numeric, integer); drop function public.trap(name, name);"
            " drop function public.trap(numeric, integer); drop table public.caught"
        )


def test_a_request_has_one_length(web: Dashboard) -> None:
    hidden = b"GET /about/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    for lengths in (b"content-length: 5\r\ntransfer-encoding: chunked", b"content-length: 5\r\ncontent-length: 6",
                    b"transfer-encoding: chunked\r\ntransfer-encoding: identity", b"transfer-encoding: xchunked",
                    b"content-length: +5", b"content-length: -1"):  # fmt: skip
        told = raw(web, b"POST /login HTTP/1.1\r\nhost: x\r\n" + lengths + b"\r\n\r\n0\r\n\r\n" + hidden)
        assert told.startswith(b"HTTP/1.1 400") and told.count(b"HTTP/1.1") == 1, lengths


def test_a_host_header_leads_nowhere(web: Dashboard) -> None:
    for path, where in (("/d/store", "/d/store/"), ("/about", "/about/"), ("/d/store?a=//b", "/d/store/?a=//b")):
        told = Person(web.address).get(path, host="evil.example")
        assert (told.status, told.location) == (307, where)
    for path in ("//evil.example", "//evil.example/%2e%2e", "/%5cevil.example"):
        assert Person(web.address).get(path).location == "", path


def test_what_cannot_be_written_is_said(web: Dashboard) -> None:
    """Half a pair of surrogates, NUL, a moment before the first day: none of them is a fault of the dashboard's."""
    olga = web.log_in("olga")
    olga.get("/d/store/people")
    for text in ("\ud800", "\0"):
        for path, body in (("/ask", {"text": f"select '{text}'"}), ("/ask", {"text": "select $1", "parameters": text}),
                           ("/ask", {"text": f"what is {text}"}), ("/people/tokens", {"title": text}),
                           ("/edges/rules", {"name": text}), ("/proposals/1/dismiss", {"reason": text}),
                           ("/ask/feedback", {"question": 1, "correct": True, "correction": text})):  # fmt: skip
            told = olga.post_json(f"{API}{path}", body)
            assert told.status in {400, 403, 422}, (path, body, told.text)
    many = Person(web.address).post("/login", {f"f{i}": "x" for i in range(300)})
    assert many.status == 400 and "fields" in many.words()
    kind = {"content-type": "application/json", "x-csrf-token": olga.csrf}
    for text in ("[" * 100_000, '{"text":' * 100_000, "null", "1", '{"text": 1e400}', ""):
        for path in ("/ask", "/proposals/look", "/people/tokens", "/proposals/1/apply"):
            told = olga.send("POST", f"{API}{path}", text.encode(), kind)
            assert told.status in {400, 403, 422, 503}, (path, text[:20], told.text)
    for query in ("until=0001-01-01", "since=0001-01-01&until=0001-01-01T00:01", "until=9999-12-31T23:59:59-12:00"):
        assert olga.get(f"/d/store/queries?{query}").status in {200, 400}, query


def test_signs_without_end_are_not_scanned() -> None:
    """The scanner of the server and of its grammar looks at such runs again and again, for minutes."""
    for text in ("/*" * 50_000, "select 1 " + "+" * 100_000, "select 1 " + "+-" * 50_000, "--\n/" + "*/" * 50_000):
        with pytest.raises(Refused):
            parse(text)
    for text in (
        "/*" + "-" * 100_000 + "*/ select 1",
        ("-" * 100 + "\n") * 2000 + "select 1",
        "select 1 /* /* a */ b */",
    ):
        assert len(parse(text)) == 1


def test_a_role_that_is_dropped_is_logged_in_no_longer(web: Dashboard, store: TestDatabase) -> None:
    make_people(store, {"eve": "postai_operator"})
    here, there = web.log_in("eve"), web.log_in("eve")
    assert [one.get("/d/store/").status for one in (here, there)] == [200, 200]
    store.execute("revoke postai_operator from eve")
    assert here.get(f"{API}/queries").status == 403, "what was granted is asked each time"
    store.execute("drop role eve")
    gone = here.get("/d/store/")
    assert gone.status == 303 and gone.location.startswith("/login")
    assert there.get(f"{API}/people").status == 401 and here.get(f"{API}/").status == 401


def test_moments_that_no_calendar_has_break_no_page(web: Dashboard, store: TestDatabase) -> None:
    propose = (
        "insert into postai.proposal (kind, title, why, fingerprint) values ('migrate', 'far', '', '') returning id"
    )
    olga = web.log_in("olga")
    olga.get("/d/store/people")
    far = (
        "insert into postai.action (proposal, kind, requested_by, run_window, not_before)"
        " values (%s, 'apply', 'olga', '%s', '%s')"
    )
    for window, begins in (
        ("[now,infinity)", "infinity"),
        ("[9999-12-31 22:00-12,9999-12-31 23:59-12]", "9999-12-31 23:59-12"),
    ):
        ((number,),) = store.execute(propose)
        store.execute(far % (number, window, begins))
        shown = olga.get(f"{API}/proposals/{number}")
        assert shown.status == 200 and shown.json["actions"][0]["window_ends"] is None, shown.text
        for page in (f"/proposals/{number}", "/proposals", "/", "/migrations", "/events"):
            assert olga.get(f"/d/store{page}").status == 200, page


def test_a_login_form_of_another_site_is_refused(web: Dashboard) -> None:
    fields = {"role": "rita", "password": "rita", "database": "store"}
    for headers in ({"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://["},
                    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"},
                    {"origin": "http://127.0.0.1.evil.example"}):  # fmt: skip
        assert Person(web.address).post("/login", fields, **headers).status == 403, headers
    for headers in ({"origin": web.address}, {"sec-fetch-site": "same-origin", "origin": "null"}, {}):
        assert Person(web.address).post("/login", fields, **headers).status == 303, headers


class Impatient(PatientProtocol):
    request_seconds = 0.3
    reading_seconds = 0.3


@contextlib.contextmanager
def served(protocol: type[PatientProtocol]) -> Iterator[int]:
    """The port of that protocol with an application that answers much."""

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await PlainTextResponse("x" * (64 << 20))(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(application, port=0, http=protocol, lifespan="off", log_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
    thread.start()
    wait_for(lambda: server.started, 60)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET / HT",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\nabc",
        b"GET / HTTP/1.1\r\nhost: x\r\n\r\n",
    ],
    ids=["nothing", "half a head", "half a body", "reads nothing"],
)
def test_a_client_that_stands_still_is_let_go(sent: bytes) -> None:
    with (
        served(Impatient) as port,
        contextlib.closing(socket.create_connection(("127.0.0.1", port), timeout=60)) as client,
    ):
        client.sendall(sent)
        wait_for(lambda: _is_gone(client), 60)


def _is_gone(client: socket.socket) -> bool:
    """Whether the server has aborted the connection, told without reading what it sent before."""
    try:
        client.sendall(b"x")
        client.sendall(b"x")
    except OSError:
        return True
    return False


def test_a_client_that_works_is_kept() -> None:
    with served(PatientProtocol) as port, contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=60)) as client:
        for _ in range(3):
            client.request("POST", "/", b"abc")
            assert len(client.getresponse().read()) == 64 << 20


@pytest.fixture
def at_provider(store: TestDatabase, tmp_path: Path) -> Iterator[tuple[Provider, Dashboard]]:
    """A dashboard whose people all stand on one login of the provider's; it is found by group."""
    passfile = tmp_path / "pgpass"
    passfile.write_text("*:*:*:olga:olga\n")
    passfile.chmod(0o600)
    with Provider({"sub": "7", "groups": "dba"}) as provider:
        web = Dashboard(tmp_path, {"store": f"host=127.0.0.1 port={store.server.port} dbname={store.name}"},
                        environment={"POSTAI_WEB__OIDC__CLIENT_SECRET": SECRET})  # fmt: skip
        with web.config.open("a") as file:
            file.write(f"""
public_url = "{web.address}"
[web.oidc]
issuer = "{provider.issuer}"
client_id = "{CLIENT}"
[[web.oidc.login]]
claim = "groups"
value = "dba"
dsn = "user=olga passfile={passfile}"
""")
        with web:
            yield provider, web


def test_nobody_names_themselves_after_another(at_provider: tuple[Provider, Dashboard], store: TestDatabase) -> None:
    """The name stands in events: an address that was not verified is none, and the login's own name is no way out."""
    provider, web = at_provider
    boss = {"email": "boss@shop.example"}
    for claims, name in (
        ({**boss, "email_verified": True}, "boss@shop.example"), (boss, "7"), ({**boss, "email_verified": False}, "7"),
        ({"email": "olga", "email_verified": True}, "olga"), ({"email": ["olga"], "email_verified": True}, "7"),
        ({"email": "a\x00\nb\u202e" + "c" * 9000, "email_verified": True}, "ab" + "c" * 198),
    ):  # fmt: skip
        provider.person = {"sub": "7", "groups": "dba", **claims}
        person = Person(web.address)
        begun = person.get("/login/oidc")
        with pytest.raises(urllib.error.HTTPError) as sent:
            person._opener.open(begun.location)
        sent.value.close()
        assert person.get(sent.value.headers["location"].removeprefix(web.address)).status == 303
        assert person.get(f"{API}/people").json["person"] == name
        person.get("/d/store/people")
        told = person.post_json(f"{API}/ask", {"text": "select current_setting('postai.person')"}).json
        assert told["rows"]["rows"] == [[name]]
