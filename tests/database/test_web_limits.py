"""What one person, or a stranger, cannot take from the others: over HTTP, with a real server and the real process."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlencode

import pytest
from agent_support import wait_for
from web_support import Answer, Dashboard, Person, make_store, place_of

from conftest import TestDatabase
from postai.setup.server import LocalServer

API = "/api/v1/databases/store"
ASK = "/d/store/ask"


@pytest.fixture(scope="module")
def store(pg15: LocalServer) -> Iterator[TestDatabase]:
    """A database with postai and people, and a login of the dashboard that only reads."""
    yield from make_store(pg15)


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
    assert answer.status == 413 and "at most 1,048,576 bytes" in told


def test_what_is_long_but_typed_is_taken(web: Dashboard) -> None:
    uwe = web.log_in("uwe")
    uwe.get(ASK)
    assert uwe.post(ASK, {"text": "select '" + "ж" * 99_000 + "'"}).status == 200
    assert Person(web.address).log_in("uwe").status == 303


def test_a_token_of_one_database_tells_of_no_other(web: Dashboard) -> None:
    olga = web.log_in("olga")
    olga.get("/d/store/people")
    token = olga.post_json(f"{API}/people/tokens", {"title": "one", "days": 1}).json["secret"]
    bearer = {"authorization": f"Bearer {token}"}
    assert [one["name"] for one in olga.get(f"{API}/connections").json] == ["store", "other"]
    assert [one["name"] for one in Person(web.address).get(f"{API}/connections", **bearer).json] == ["store"]


SLEEP = "select pg_sleep(120)"


def sleeping(store: TestDatabase, role: str) -> int:
    ((count,),) = store.execute(
        f"select count(*) from pg_stat_activity where usename = '{role}' and wait_event = 'PgSleep'"
    )
    return int(count)


def test_one_person_cannot_stop_the_others(web: Dashboard, store: TestDatabase) -> None:
    """Also with many logins; what runs can be seen and ended, by nobody else."""
    people = [web.log_in("uwe") for _ in range(8)]
    typed = {"text": SLEEP, "seconds": "200"}
    with ThreadPoolExecutor(max_workers=8) as threads:
        sent: list[Future[Answer]] = [threads.submit(one.post, ASK, typed) for one in people]
        wait_for(lambda: sum(one.done() for one in sent) == 5 and sleeping(store, "uwe") == 3)
        assert {one.result().status for one in sent if one.done()} == {429}
        assert "3 questions and statements of yours" in next(one for one in sent if one.done()).result().words()
        olga, uwe = web.log_in("olga"), web.log_in("uwe")
        assert olga.get(ASK).status == 200 and olga.post(ASK, {"text": "select 1"}).status == 200
        seen = uwe.get(f"{API}/ask/running").json
        assert [one["text"] for one in seen] == [SLEEP] * 3 and olga.get(f"{API}/ask/running").json == []
        uwe.get(ASK)
        foreign = olga.post_json(f"{API}/ask/running/{seen[0]['number']}/cancel")
        assert foreign.json == {"cancelled": 0} and sleeping(store, "uwe") == 3
        for one in seen:
            assert uwe.post(f"{ASK}/running/{one['number']}/cancel").location == ASK
        assert sorted(one.result().status for one in sent) == [429] * 5 + [504] * 3
    assert uwe.get(f"{API}/ask/running").json == []
    assert uwe.post(ASK, {"text": "select 1"}).status == 200


def test_a_statement_ends_when_its_browser_goes_away(web: Dashboard, store: TestDatabase) -> None:
    rita = web.log_in("rita")
    rita.get(ASK)
    (cookie,) = rita.cookies
    sent = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
    form = urlencode({"csrf": rita.csrf, "text": SLEEP, "seconds": "200"})
    sent.request("POST", ASK, form, {"content-type": FORM, "cookie": f"{cookie.name}={cookie.value}"})
    wait_for(lambda: sleeping(store, "rita") == 1)
    sent.close()
    wait_for(lambda: sleeping(store, "rita") == 0)


def test_logins_of_one_person_push_out_none_of_another(web: Dashboard) -> None:
    olga, first = web.log_in("olga"), web.log_in("nora")
    for _ in range(20):
        last = web.log_in("nora")
    assert first.get(ASK).status == 303, "the oldest of the same person is over"
    assert last.get(ASK).status == olga.get(ASK).status == 200


def test_reports_by_the_dozen_wait(web: Dashboard) -> None:
    rita = web.log_in("rita")
    statuses = [rita.get("/d/store/report?section=none").status for _ in range(34)]
    assert statuses[0] == 400 and statuses[-1] == 429
    assert web.log_in("olga").get("/d/store/report?section=none").status == 400
