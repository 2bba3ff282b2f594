"""Logging in at a provider, a real HTTP server: whom it names, on which login, and what it may not forge."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from agent_support import install_postai
from oidc_provider import CLIENT, SECRET, Provider
from web_support import Dashboard, Person, make_people

from conftest import TestDatabase
from postai.setup.server import LocalServer

ADA = {"sub": "1", "email": "ada@shop.example", "email_verified": True, "groups": ["dba", "all"]}
BOB = {"sub": "2", "email": "bob@shop.example", "email_verified": True}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider(ADA) as one:
        yield one


@pytest.fixture(scope="module")
def store(pg15: LocalServer) -> Iterator[TestDatabase]:
    from conftest import drop_database, make_database

    database = make_database(pg15)
    try:
        install_postai(database, "call")
        make_people(database)
        make_people(database, {"web_reader": "postai_reader", "dba_desk": "postai_operator", "all_desk": ""})
        database.execute("create role oidc_team; grant postai_user to oidc_team; grant oidc_team to all_desk")
        yield database
    finally:
        database.execute("drop role if exists oidc_team")
        drop_database(database)


@pytest.fixture(scope="module")
def web(store: TestDatabase, provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    place = tmp_path_factory.mktemp("oidc")
    passfile = place / "pgpass"
    passfile.write_text("*:*:*:web_reader:web_reader\n*:*:*:dba_desk:dba_desk\n*:*:*:all_desk:all_desk\n")
    passfile.chmod(0o600)
    one = Dashboard(place, {"store": f"host=127.0.0.1 port={store.server.port} dbname={store.name}"},
                    environment={"POSTAI_WEB__OIDC__CLIENT_SECRET": SECRET})  # fmt: skip
    with one.config.open("a") as file:
        file.write(f"""
reader_dsn = "user=web_reader passfile={passfile}"
public_url = "{one.address}"
[web.oidc]
issuer = "{provider.issuer}"
client_id = "{CLIENT}"
[[web.oidc.login]]
claim = "groups"
value = "dba"
dsn = "user=dba_desk passfile={passfile}"
[[web.oidc.login]]
claim = "email"
value = "carol@shop.example"
dsn = "user=dba_desk passfile={passfile}"
[[web.oidc.login]]
claim = "groups"
value = "all"
dsn = "user=all_desk passfile={passfile}"
""")
    with one:
        yield one


@pytest.fixture(autouse=True)
def honest(provider: Provider) -> Iterator[None]:
    yield
    provider.person, provider.lie, provider.sign, provider.described = ADA, {}, None, {}


def path_of(address: str, web: Dashboard) -> str:
    assert address.startswith(web.address), address
    return address.removeprefix(web.address)


def sent_back(person: Person, web: Dashboard, where: str = "") -> str:
    """Begin, go to the provider, and the path that it sends the browser back to."""
    begun = person.get(f"/login/oidc?next={where}")
    assert begun.status == 303, begun.text
    try:
        person._opener.open(begun.location)
    except urllib.error.HTTPError as error:
        with error:
            assert error.code == 302
            return path_of(error.headers["location"], web)
    raise AssertionError("the provider did not send the browser back")


def log_in(web: Dashboard, where: str = "") -> tuple[Person, Any]:
    person = Person(web.address)
    return person, person.get(sent_back(person, web, where))


def test_a_person_stands_on_the_login_that_the_settings_give(web: Dashboard, store: TestDatabase) -> None:
    ada, answer = log_in(web, "/d/store/events")
    assert (answer.status, answer.location) == (303, "/d/store/events")
    seen = ada.get("/api/v1/databases/store/people").json
    assert (seen["person"], seen["role"], seen["level"], seen["reads_only"]) == (
        "ada@shop.example", "dba_desk", "operator", False)  # fmt: skip
    ada.get("/d/store/people")
    made = ada.post_json("/api/v1/databases/store/people/tokens", {"title": "of ada"})
    assert made.status == 200, made.text
    told = store.execute("select actor::text, detail ->> 'claimed_person' from postai.event where kind = 'web.made'")
    assert told == [("dba_desk", "ada@shop.example")], "the actor is the login, the name is what the login said"


def test_who_fits_no_login_reads(web: Dashboard, provider: Provider) -> None:
    provider.person = BOB
    bob, answer = log_in(web)
    assert answer.location == "/d/store/"
    seen = bob.get("/api/v1/databases/store/people").json
    assert (seen["person"], seen["role"], seen["level"], seen["reads_only"]) == (
        "bob@shop.example", "web_reader", "reader", True)  # fmt: skip
    assert bob.get("/d/store/events").status == 200
    bob.get("/d/store/people")
    for path, body in (("/ask", {"text": "select 1"}), ("/proposals/1/apply", {}), ("/people/tokens", {"title": "x"})):
        assert bob.post_json(f"/api/v1/databases/store{path}", body).status == 403, path
    assert bob.post("/d/store/people/logins/end").status == 303 and bob.get("/d/store/people").status == 303


def test_an_address_that_was_not_verified_chooses_no_login(web: Dashboard, provider: Provider) -> None:
    for verified, role in ((True, "dba_desk"), (False, "web_reader"), (None, "web_reader"), ("true", "web_reader")):
        provider.person = {"sub": "3", "email": "carol@shop.example", "email_verified": verified}
        carol, _ = log_in(web)
        assert carol.get("/api/v1/databases/store/people").json["role"] == role, verified


def test_of_several_groups_the_first_login_that_fits_counts(web: Dashboard, provider: Provider) -> None:
    for groups, role, level in (
        (["all", "dba"], "dba_desk", "operator"), (["all"], "all_desk", "user"), ("all", "all_desk", "user"),
        (["al", "all "], "web_reader", "reader"), ([["all"]], "web_reader", "reader"),
        ({"all": 1}, "web_reader", "reader"),
    ):  # fmt: skip
        provider.person = {"sub": "4", "email": "dan@shop.example", "email_verified": True, "groups": groups}
        seen = log_in(web)[0].get("/api/v1/databases/store/people").json
        assert (seen["person"], seen["role"], seen["level"]) == ("dan@shop.example", role, level), groups
        assert [one["team"] for one in seen["teams"]] == (["oidc_team"] if role == "all_desk" else []), groups


LIES = [
    {"iss": "https://evil.example"}, {"aud": "another"}, {"aud": ["postai", "another"]}, {"azp": "another"},
    {"nonce": "another"}, {"nonce": None}, {"exp": int(time.time()) - 3600}, {"exp": None}, {"sub": None},
]  # fmt: skip


def test_an_id_token_that_does_not_hold_lets_nobody_in(web: Dashboard, provider: Provider) -> None:
    before = provider.tokens
    for lie in LIES:
        provider.lie = lie
        person, answer = log_in(web)
        assert answer.status == 401 and person.get("/d/store/people").status == 303, lie
    provider.lie = {}
    forgeries = (provider.with_another_key, provider.with_our_secret, provider.with_its_public_key, provider.unsigned)
    for forged in (*forgeries, lambda _claims: "x.y.z"):
        provider.sign = forged
        person, answer = log_in(web)
        assert answer.status == 401 and person.get("/d/store/people").status == 303, forged
    assert provider.tokens == before + len(LIES) + 5, "each one came as far as its token"


def test_only_the_browser_that_began_ends_it_and_once(web: Dashboard) -> None:
    ada = Person(web.address)
    back = sent_back(ada, web)
    victim = Person(web.address)
    assert victim.get(back).status == 401, "somebody else's login is not taken over by a link"
    assert ada.get(back).status == 401, "and its state is used up"
    back = sent_back(ada, web)
    assert ada.get(back).status == 303
    assert ada.get(back).status == 401
    assert ada.get("/login/oidc/callback?state=x&code=y").status == 401
    assert ada.get("/login/oidc/callback").status == 401


def test_a_provider_that_says_it_is_another_is_not_believed(web: Dashboard, provider: Provider) -> None:
    for described in ({"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"},
                      {"authorization_endpoint": "javascript:alert(1)"}):  # fmt: skip
        provider.described = described
        answer = Person(web.address).get("/login/oidc")
        assert answer.status == 401 and "location" not in answer.headers, described


def test_what_the_provider_refuses_is_said(web: Dashboard) -> None:
    told = Person(web.address).get("/login/oidc/callback?error=access_denied&state=x")
    assert told.status == 401 and "access_denied" in told.words() and "begin again at /login" in told.words()
    made_up = Person(web.address).get("/login/oidc/callback?error=call+0900+123&state=x")
    assert made_up.status == 401 and "0900" not in made_up.text


def test_a_login_asks_the_provider_once_what_it_is(web: Dashboard, provider: Provider) -> None:
    before = provider.asked.count("/.well-known/openid-configuration")
    _, answer = log_in(web)
    assert answer.status == 303
    assert provider.asked.count("/.well-known/openid-configuration") == before + 1


def test_nobody_is_led_elsewhere_after_the_provider(web: Dashboard) -> None:
    for where in ("https://evil.example/", "//evil.example", "/d//evil.example"):
        _, answer = log_in(web, where)
        assert answer.location == "/d/store/", where


def test_another_host_is_not_answered(web: Dashboard) -> None:
    assert Person(web.address).get("/login", host="evil.example").status == 400
    assert Person(web.address).get("/login").status == 200


def test_secrets_are_in_no_page_and_in_no_log(web: Dashboard, provider: Provider) -> None:
    provider.lie = {"nonce": "another"}
    _, answer = log_in(web)
    assert SECRET not in answer.text and SECRET not in web.log_file.read_text()
