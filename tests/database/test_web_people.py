"""Who may come in, how long, and what nobody may do: over HTTP, with a real server and the real process."""

from __future__ import annotations

import html
import urllib.request
from collections.abc import Iterator
from http.cookiejar import Cookie
from pathlib import Path

import pytest
from web_support import Dashboard, Person, make_people, make_store, place_of

from conftest import TestDatabase, drop_database, make_database
from postai.setup.server import LocalServer

PAGE = "/d/store/people"
API = "/api/v1/databases/store"


@pytest.fixture(scope="module")
def store(pg15: LocalServer) -> Iterator[TestDatabase]:
    """A database with postai and people, and a login of the dashboard that only reads."""
    yield from make_store(pg15)


@pytest.fixture(scope="module")
def passfile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("pass") / "pgpass"
    file.write_text("*:*:*:web_reader:web_reader\n*:*:*:olga:olga\n")
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def web(store: TestDatabase, passfile: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    settings = f'reader_dsn = "user=web_reader passfile={passfile}"'
    with Dashboard(tmp_path_factory.mktemp("web"), {"store": place_of(store)}, settings) as one:
        yield one


def cookie_of(person: Person) -> Cookie:
    (cookie,) = person.cookies
    return cookie


def with_cookie(web: Dashboard, value: str) -> Person:
    """Somebody who has that cookie, however."""
    thief = Person(web.address)
    thief._opener.addheaders = [("cookie", f"postai_session={value}")]
    return thief


def test_the_cookie_is_kept_from_scripts_and_from_other_sites(web: Dashboard) -> None:
    answer = Person(web.address).log_in("rita")
    (set_cookie,) = answer.headers.get_all("set-cookie") or []
    assert "HttpOnly" in set_cookie and "SameSite=lax" in set_cookie and "Path=/" in set_cookie
    assert "Domain" not in set_cookie and "rita" not in set_cookie


def test_a_login_that_was_planted_is_not_taken_over(web: Dashboard) -> None:
    planted = cookie_of(web.log_in("rita")).value
    assert planted
    victim = Person(web.address)
    request = urllib.request.Request(
        web.address + "/login",
        b"role=olga&password=olga&database=store",
        {"cookie": f"postai_session={planted}"},
    )
    with pytest.raises(urllib.error.HTTPError) as told:
        victim._opener.open(request)
    told.value.close()
    assert told.value.code == 303
    token = cookie_of(victim).value
    assert token and token != planted
    assert with_cookie(web, planted).get(PAGE).status == 303, "the planted login is over"
    assert with_cookie(web, token).get(PAGE).status == 200


def test_a_made_up_cookie_is_no_login(web: Dashboard) -> None:
    for value in ("x", "a" * 43, '"', "../../etc/passwd"):
        assert with_cookie(web, value).get(PAGE).location == "/login?next=/d/store/people"
        assert with_cookie(web, value).get(f"{API}/people").status == 401


def test_one_ends_one_login_or_all_of_ones_own_and_nobody_elses(web: Dashboard) -> None:
    here, there, uwe = web.log_in("olga"), web.log_in("olga"), web.log_in("uwe")
    seen = here.get(f"{API}/people").json["logins"]
    assert len([one for one in seen if one["this"]]) == 1
    numbers = {one["number"] for one in seen}
    foreign = {one["number"] for one in uwe.get(f"{API}/people").json["logins"]}
    assert foreign and not foreign & numbers
    here.get(PAGE)
    assert here.post(f"/d/store/people/logins/{min(foreign)}/end").status == 303
    assert uwe.get(PAGE).status == 200, "another person's login is not ended"
    other = next(one["number"] for one in there.get(f"{API}/people").json["logins"] if one["this"])
    assert here.post(f"/d/store/people/logins/{other}/end").location == "/d/store/people"
    assert there.get(PAGE).status == 303 and here.get(PAGE).status == 200
    again = web.log_in("olga")
    here.post("/d/store/people/logins/end")
    assert here.get(PAGE).status == 303 and again.get(PAGE).status == 303 and uwe.get(PAGE).status == 200


def test_operators_end_logins_of_their_servers_people(web: Dashboard, store: TestDatabase) -> None:
    olga, uwe, rita = web.log_in("olga"), web.log_in("uwe"), web.log_in("rita")
    seen = olga.get(f"{API}/people").json["others"]
    assert {"uwe", "rita"} <= {one["role"] for one in seen} and "olga" not in {one["role"] for one in seen}
    assert uwe.get(f"{API}/people").json["others"] is None
    (mine,) = (one["number"] for one in rita.get(f"{API}/people").json["logins"] if one["this"])
    rita.get(PAGE)
    uwe.get(PAGE)
    assert uwe.post_json(f"{API}/people/others/{mine}/end").status == 403 and rita.get(PAGE).status == 200
    olga.get(PAGE)
    assert olga.post(f"/d/store/people/others/{mine}/end").location == "/d/store/people"
    assert rita.get(PAGE).status == 303 and uwe.get(PAGE).status == 200
    assert olga.post_json(f"{API}/people/others/{mine}/end").json == {"ended": 0}
    assert store.execute("select actor::text, subject from postai.event where kind = 'web.ended'") == [
        ("olga", "login of rita")
    ]


def test_a_secret_is_in_the_answer_and_nowhere_else(web: Dashboard) -> None:
    olga = web.log_in("olga")
    olga.get(PAGE)
    answer = olga.post("/d/store/people/tokens", {"title": "by form", "days": "1"})
    assert answer.status == 200 and "postai_" in answer.words()
    secret = answer.words().partition("postai_")[2].split()[0]
    assert len(secret) > 40 and secret not in olga.get(PAGE).text and secret not in olga.get("/d/store/").text
    assert bearer(web, f"postai_{secret}") == 200


def test_what_changes_something_needs_the_token_of_the_login(web: Dashboard) -> None:
    olga, uwe = web.log_in("olga"), web.log_in("uwe")
    uwe.get(PAGE)
    foreign = uwe.csrf
    for token in ("", "x", foreign):
        for path in ("/d/store/people/logins/end", "/d/store/proposals/1/apply", "/d/store/ask", "/logout"):
            olga.csrf = token
            assert olga.post(path).status == 403, (path, token)
        olga.csrf = token
        assert olga.post_json(f"{API}/proposals/1/apply", {}).status == 403
    assert olga.get(PAGE).status == 200


def test_many_wrong_passwords_wait_and_the_right_one_waits_with_them(web: Dashboard) -> None:
    eve = Person(web.address)
    statuses = [eve.log_in("nora", f"guess{i}").status for i in range(14)]
    assert statuses[:10] == [401] * 10 and statuses[10:] == [429] * 4
    refused = eve.log_in("nora", "nora")
    assert refused.status == 429 and int(refused.headers["retry-after"]) > 0
    assert Person(web.address).log_in("rita").status == 303, "others come in"


def test_a_login_ends_by_itself(store: TestDatabase, tmp_path: Path) -> None:
    short = "session_hours = 0.0006\nidle_minutes = 1"
    with Dashboard(tmp_path, {"store": place_of(store)}, short) as web:
        rita = Person(web.address)
        assert rita.log_in("rita").status == 303
        ends = rita.get(PAGE).status
        while ends == 200:  # used all the time: it is the whole life that ends
            ends = rita.get(PAGE).status
        assert ends == 303 and rita.get(f"{API}/people").status == 401


def test_a_stream_ends_with_the_login(web: Dashboard) -> None:
    rita = web.log_in("rita")
    with rita._opener.open(web.address + "/d/store/live/overview", timeout=30) as stream:
        assert stream.readline() == b"event: parts\n"
        rita.get(PAGE)
        rita.post("/logout")
        rest = stream.read().decode()
    assert "event: over" in rest
    with rita._opener.open(web.address + "/d/store/live/overview", timeout=30) as stream:
        assert stream.readline() == b"event: over\n"


def test_nobody_is_led_to_another_site(web: Dashboard) -> None:
    for where in ("https://evil.example/", "//evil.example/", "/\\evil.example", "/d//evil.example", "javascript:x",
                  "/d/store/\r\nset-cookie: a=b", "/d/store/\thttps:", "http:/d/"):  # fmt: skip
        person = Person(web.address)
        answer = person.post("/login", {"role": "rita", "password": "rita", "database": "store", "next": where})
        assert answer.status == 303 and answer.location == "/d/store/", where
        assert "evil" not in (answer.headers.get("set-cookie") or "")


def test_a_login_leads_back_to_the_whole_address(web: Dashboard) -> None:
    where = "/d/store/events?kind=web&actor=a%26b"
    rita = Person(web.address)
    asked = rita.get(where)
    assert asked.location == "/login?next=/d/store/events%3Fkind%3Dweb%26actor%3Da%2526b"
    assert html.escape(where) in rita.get(asked.location).text
    there = rita.post("/login", {"role": "rita", "password": "rita", "database": "store", "next": where})
    assert there.location == where


def test_https_is_asked_for_once_it_is_there(store: TestDatabase, tmp_path: Path) -> None:
    with Dashboard(tmp_path, {"store": place_of(store)}, 'trusted_proxies = ["127.0.0.1"]') as web:
        plain, safe = (Person(web.address).get("/login", **more) for more in ({}, {"x-forwarded-proto": "https"}))
    assert "strict-transport-security" not in plain.headers
    assert safe.headers["strict-transport-security"] == "max-age=31536000"


def test_files_beside_the_static_ones_are_not_given(web: Dashboard) -> None:
    for path in ("/static/../app.py",
                 "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static/%2e%2e%2f%2e%2e%2fapp.py",
                 "/static//etc/passwd", "/static/..\\app.py", "/static/app.css%00.py"):  # fmt: skip
        assert Person(web.address).get(path).status in {400, 404, 405}, path


def test_no_other_page_may_frame_ours(web: Dashboard) -> None:
    for answer in (Person(web.address).get("/login"), web.log_in("rita").get(PAGE)):
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_a_role_with_a_hostile_name_is_text(web: Dashboard, store: TestDatabase) -> None:
    name = "<script>alert(1)</script>\"'&"
    quoted = '"' + name.replace('"', '""') + '"'
    store.execute(f"create role {quoted} login password 'x'; grant postai_operator to {quoted}")
    try:
        person = Person(web.address)
        assert person.log_in(name, "x").status == 303
        page = person.get(PAGE)
        assert page.status == 200 and "<script>alert" not in page.text and "&lt;script&gt;alert(1)" in page.text
        failed = Person(web.address).post("/login", {"role": name, "password": "wrong", "database": "store"})
        assert failed.status == 401 and "<script>alert" not in failed.text
        person.post("/logout")
    finally:
        store.execute(f"drop role {quoted}")


def test_a_reader_who_tries_to_apply_is_refused(web: Dashboard) -> None:
    rita = web.log_in("rita")
    rita.get(PAGE)
    assert rita.post("/d/store/proposals/1/apply").status == 403
    assert rita.post_json(f"{API}/proposals/1/apply", {}).status == 403


def test_too_many_statements_wait(web: Dashboard) -> None:
    uwe = web.log_in("uwe")
    uwe.get("/d/store/ask")
    statuses = [uwe.post("/d/store/ask", {"text": ""}).status for _ in range(90)]
    assert statuses[0] == 200 and statuses[-1] == 429
    assert web.log_in("olga").get("/d/store/ask").status == 200


def test_two_databases_keep_the_login_where_the_role_is_let_in(
    store: TestDatabase, pg15: LocalServer, pg18: LocalServer, tmp_path: Path
) -> None:
    second, far = make_database(pg15), make_database(pg18)
    try:
        second.execute(
            f'revoke connect on database "{second.name}" from public; grant connect on database "{second.name}" to olga'
        )
        make_people(far, {"olga": ""})
        far.execute("alter role olga password 'another'")
        dsns = {"store": place_of(store), "second": place_of(second), "far": place_of(far)}
        with Dashboard(tmp_path, dsns) as web:
            olga, rita = web.log_in("olga"), web.log_in("rita")
            assert olga.get("/d/second/people").status == 200
            asked = rita.get("/d/second/people")
            assert asked.status == 303 and asked.location == "/login?next=/d/second/people"
            form = rita.get(asked.location)
            assert "<option selected>second" in form.text and "You are logged in as rita" in form.text
            assert rita.get("/d/store/people").status == 200, "the login for the first one is kept"
            assert olga.get("/d/far/people").location == "/login?next=/d/far/people", "the same name, another person"
            assert Person(web.address).log_in("olga", "another", "far").status == 303
            mine = olga.get("/api/v1/databases/store/people").json["logins"]
            assert len(mine) == 1, "olga of another server is somebody else"
    finally:
        drop_database(second)
        drop_database(far)


def test_the_list_of_databases_says_where_one_may_not_connect(
    store: TestDatabase, pg15: LocalServer, tmp_path: Path
) -> None:
    shut, gone = make_database(pg15), f"host=127.0.0.1 port={pg15.port} dbname=no_such_database"
    try:
        shut.execute(
            f'revoke connect on database "{shut.name}" from public; grant connect on database "{shut.name}" to olga'
        )
        dsns = {"shut": place_of(shut), "my store": place_of(store), "gone": gone}
        with Dashboard(tmp_path, dsns) as web:
            rita, olga = web.log_in("rita", "my store"), web.log_in("olga", "my store")
            told = rita.get("/")
            assert (told.status, told.location) == (303, "/d/my%20store/connections"), "beside one that lets in"
            page = rita.get(told.location)
            assert page.status == 200
            assert "no right to connect" in page.words() and "GRANT CONNECT ON DATABASE" in page.words()
            seen = {one["name"]: one for one in rita.get("/api/v1/databases/gone/connections").json}
            assert [(name, one["may_connect"], one["level"]) for name, one in seen.items()] == [
                ("shut", False, "none"), ("my store", True, "reader"), ("gone", True, "none")]  # fmt: skip
            assert seen["shut"]["error"]["sqlstate"] == "42501" and seen["gone"]["error"]["sqlstate"] == "3D000"
            seen = {one["name"]: one for one in olga.get("/api/v1/databases/shut/connections").json}
            assert (seen["shut"]["may_connect"], seen["shut"]["level"], seen["my store"]["level"]) == (
                True,
                "none",
                "operator",
            )
            assert Person(web.address).get("/").location == "/d/shut/", "who is not logged in is led to the login"
        with Dashboard(tmp_path / "one", {"my store": place_of(store)}) as web:
            assert web.log_in("rita", "my store").get("/").location == "/d/my%20store/", "no list of one"
    finally:
        drop_database(shut)


def made(person: Person, kind: str, **fields: object) -> str:
    person.get(PAGE)
    answer = person.post_json(f"{API}/people/{kind}", fields)
    assert answer.status == 200, answer.text
    return str(answer.json["secret"])


def bearer(web: Dashboard, token: str, path: str = "/people", database: str = "store") -> int:
    return Person(web.address).get(f"/api/v1/databases/{database}{path}", authorization=f"Bearer {token}").status


def test_a_token_reads_and_does_nothing_else(web: Dashboard, store: TestDatabase) -> None:
    olga = web.log_in("olga")
    token = made(olga, "tokens", title="grafana", days=1)
    program = Person(web.address)
    with_it = {"authorization": f"Bearer {token}"}
    seen = program.get(f"{API}/people", **with_it).json
    assert (seen["role"], seen["level"], seen["reads_only"]) == ("web_reader", "reader", True)
    assert program.get(f"{API}/events", **with_it).status == 200
    program.csrf = olga.csrf
    teams = ("/people/teams/make_team", "/people/teams/add_member", "/people/teams/remove_member")
    for path in ("/proposals/1/apply", "/ask", "/people/tokens", "/people/links", *teams):
        body = {"text": "select 1", "title": "x", "page": "/", "team": "x", "member": "rita"}
        assert program.post_json(f"{API}{path}", body, **with_it).status == 403, path
    assert program.get(PAGE, **with_it).status == 303, "a token opens no page"
    assert not list(program.cookies)
    kept = store.execute("select prefix, encode(hash, 'hex'), title from postai.web_pass where title = 'grafana'")
    assert len(kept) == 1 and token not in str(kept) and token.startswith(str(kept[0][0]))
    assert token not in olga.get(PAGE).text, "it is shown once"
    assert token not in web.log_file.read_text()


def test_a_token_ends(web: Dashboard, store: TestDatabase) -> None:
    olga, uwe = web.log_in("olga"), web.log_in("uwe")
    token = made(uwe, "tokens", title="mine", days=1)
    number = next(one["id"] for one in uwe.get(f"{API}/people").json["passes"] if one["title"] == "mine")
    assert bearer(web, token) == 200
    assert bearer(web, token + "x") == 401 and bearer(web, "") == 401 and bearer(web, token, database="x") == 400
    rita = web.log_in("rita")
    rita.get(PAGE)
    assert rita.post_json(f"{API}/people/passes/{number}/revoke").status == 400, "somebody else's"
    store.execute("revoke postai_user from uwe")
    try:
        assert bearer(web, token) == 401, "its maker may no longer read"
    finally:
        store.execute("grant postai_user to uwe")
    assert bearer(web, token) == 200
    store.execute(f'grant connect on database "{store.name}" to web_reader, olga, rita, nora')
    for take, give in (
        (
            f'revoke connect on database "{store.name}" from public',
            f'grant connect on database "{store.name}" to public',
        ),
        ("alter role uwe valid until '2020-01-01'", "alter role uwe valid until 'infinity'"),
        ("alter role uwe nologin", "alter role uwe login"),
    ):
        store.execute(take)
        assert bearer(web, token) == 401, take
        store.execute(give)
        assert bearer(web, token) == 200
    olga.get(PAGE)
    assert olga.post_json(f"{API}/people/passes/{number}/revoke").status == 200, "operators end everybody's"
    assert bearer(web, token) == 401
    brief = made(uwe, "tokens", title="brief", days=0.0000116)
    while bearer(web, brief) == 200:
        pass
    assert bearer(web, brief) == 401
    told = store.execute(
        f"select actor::text, kind from postai.event where kind like 'web.%' and subject = 'token {number}' order by id"
    )
    assert told == [("uwe", "web.made"), ("olga", "web.revoked")]


def test_a_token_is_of_its_role_and_of_no_other_that_has_the_name_later(web: Dashboard, store: TestDatabase) -> None:
    make_people(store, {"alice": "postai_user"})
    try:
        token = made(web.log_in("alice"), "tokens", title="hers", days=1)
        assert bearer(web, token) == 200
        store.execute("alter role alice rename to alicia")
        assert bearer(web, token) == 401
        store.execute("alter role alicia rename to alice")
        assert bearer(web, token) == 200, "the same role by the same name"
        store.execute("alter role alice rename to alicia")
        make_people(store, {"alice": "postai_user"})
        store.execute("drop role alicia")
        assert bearer(web, token) == 401
        alice = web.log_in("alice")
        assert alice.get(f"{API}/people").json["passes"] == []
    finally:
        store.execute("drop role if exists alice, alicia")


def test_a_link_shows_its_page_and_no_other(web: Dashboard) -> None:
    olga = web.log_in("olga")
    link = made(olga, "links", title="for <b>all</b>", page="/d/store/events?kind=web", days=1)
    guest = Person(web.address)
    page = guest.get(link)
    assert page.status == 200 and "<h1>Events</h1>" in page.text and "<b>all" not in page.text
    assert olga.csrf not in page.text and "data-csrf" not in page.text
    assert page.headers["referrer-policy"] == "no-referrer" and not list(guest.cookies)
    assert guest.get("/d/store/events").status == 303 and guest.get(f"{API}/events").status == 401
    assert guest.get(link + "/../people").status == 401 and guest.get(link + "x").status == 401
    assert guest.post(link).status == 401
    secret = link.rpartition("/")[2]
    assert bearer(web, secret) == 401, "a link is no token"
    for other in (
        "/people",
        "/people/teams",
        "/ask",
        "/connections",
        "/live/overview",
        "/no-such-page",
        "/plans/viewer",
    ):
        shown = guest.get(made(olga, "links", title="x", page=other, days=1))
        assert shown.status == 401, other
    for hostile in ("//evil.example", "https://evil.example", "/..", "/a\r\nb", "events", "/ü"):
        assert olga.post_json(f"{API}/people/links", {"title": "x", "page": hostile}).status == 400, hostile
    number = next(one["id"] for one in olga.get(f"{API}/people").json["passes"] if one["title"].startswith("for <"))
    olga.get(PAGE)
    assert olga.post(f"/d/store/people/passes/{number}/revoke").status == 303
    assert guest.get(link).status == 401


def test_a_reader_login_that_may_do_more_serves_nobody(store: TestDatabase, passfile: Path, tmp_path: Path) -> None:
    settings = f'reader_dsn = "user=olga passfile={passfile}"'
    with Dashboard(tmp_path, {"store": place_of(store)}, settings) as web:
        uwe = web.log_in("uwe")
        token = made(uwe, "tokens", title="too strong", days=1)
        answer = Person(web.address).get(f"{API}/people", authorization=f"Bearer {token}")
        assert answer.status == 403 and "may do more than read" in answer.text


def test_guessing_tokens_is_slowed_down(store: TestDatabase, passfile: Path, tmp_path: Path) -> None:
    settings = f'reader_dsn = "user=web_reader passfile={passfile}"'
    with Dashboard(tmp_path, {"store": place_of(store)}, settings) as web:
        statuses = [bearer(web, f"postai_{i:061}") for i in range(100)]
        assert statuses[0] == 401 and 429 in statuses and 200 not in statuses
