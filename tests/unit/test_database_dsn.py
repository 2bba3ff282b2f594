"""Connection strings: read as libpq reads them, never showing a secret."""

from __future__ import annotations

import string
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg.conninfo import conninfo_to_dict

from postai.database import dsn as connection_string
from postai.database import failures
from postai.database.connection import session_parameters, without_limits
from postai.errors import UsageError

SECRET = "p@ss w'or\\d:/?#[]%&=ü"

values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
words = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8)


@pytest.mark.parametrize(
    "dsn",
    [
        "host=db port=5433 dbname=shop user=ada",
        "  host = db   dbname='my shop' user='o\\'neil' options='-c a=b' ",
        "host=db dbname=back\\ slash user=''",
        "postgresql://ada@db.example.com:5433/shop?sslmode=require&application_name=x%20y",
        "postgres://ada:s3cret@[::1]:5432/shop",
        "postgresql:///shop?host=/var/run/postgresql",
        "postgresql://a:1,b:2/shop?target_session_attrs=any",
        "postgresql://",
        "postgresql://%2Fvar%2Frun/shop",
        "postgresql://db/shop?ssl=true",
        "postgresql://ada@/shop",
        "",
    ],
)
def test_reads_what_libpq_reads(dsn: str) -> None:
    ours = {keyword: value for keyword, value in connection_string.parse(dsn).items() if value}
    theirs = {keyword: str(value) for keyword, value in conninfo_to_dict(dsn).items() if value}
    assert ours == theirs


@pytest.mark.parametrize(
    "dsn",
    [
        "topsecret",
        "host=db topsecret",
        "password='topsecret",
        "=topsecret",
        "password=topsecret\0",
        "postgresql://ada:topsecret%zz@db/shop",
        "postgresql://ada:topsecret%00@db/shop",
        "postgresql://ada:topsecret@[::1/shop",
        "postgresql://ada:topsecret@db/shop?nothing",
        "postgresql://ada:topsecret%ff@db/shop",
    ],
)
def test_a_malformed_string_is_refused_without_repeating_it(dsn: str) -> None:
    with pytest.raises(UsageError) as caught:
        connection_string.parse(dsn)
    assert caught.value.hint
    assert "topsecret" not in f"{caught.value.message} {caught.value.detail} {caught.value.hint}"
    assert connection_string.redacted(dsn) == connection_string.label(dsn) == connection_string.UNREADABLE


@given(st.dictionaries(st.sampled_from(["host", "dbname", "user", "password", "options"]), values, min_size=1))
def test_build_and_parse_are_inverse_and_agree_with_libpq(parameters: dict[str, str]) -> None:
    text = connection_string.build(parameters)
    assert connection_string.parse(text) == parameters
    assert {k: str(v) for k, v in conninfo_to_dict(text).items()} == parameters


@given(user=words, password=values.filter(bool), host=words, database=words)
def test_uris_agree_with_libpq(user: str, password: str, host: str, database: str) -> None:
    uri = f"postgresql://{quote(user)}:{quote(password, safe='')}@{host}/{quote(database)}"
    assert connection_string.parse(uri) == {k: str(v) for k, v in conninfo_to_dict(uri).items()}


@given(text=st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert isinstance(connection_string.redacted(text), str)
    assert isinstance(connection_string.redacted("postgresql://" + text), str)


@pytest.mark.parametrize(
    "dsn",
    [
        connection_string.build({"host": "db", "password": SECRET}),
        f"postgresql://ada:{quote(SECRET, safe='')}@db/shop",
        f"postgresql://ada@db/shop?password={quote(SECRET, safe='')}",
        f"postgresql://db/shop?sslpassword={quote(SECRET, safe='')}",
    ],
)
def test_secrets_are_hidden_in_every_form(dsn: str) -> None:
    shown = connection_string.redacted(dsn) + connection_string.label(dsn)
    assert SECRET not in shown
    assert quote(SECRET, safe="") not in shown
    assert connection_string.HIDDEN in shown
    assert connection_string.has_password(dsn)


def test_labels() -> None:
    assert connection_string.label("host=db port=1 user=ada dbname=shop password=x") == "ada@db:1/shop"
    assert connection_string.label("service=shop dbname=x") == "service=shop dbname=x"
    assert connection_string.label("") == "local socket"
    assert not connection_string.has_password("host=db user=password")


def test_session_parameters_put_our_limits_last() -> None:
    dsn = "host=db options='-c statement_timeout=0 -c x.y=1'"
    parameters = session_parameters(dsn, "postai test", 1000, 200)
    assert parameters["options"].endswith("-c statement_timeout=1000 -c lock_timeout=200")
    assert parameters["application_name"] == "postai test"
    assert without_limits(parameters, dsn)["options"] == "-c statement_timeout=0 -c x.y=1"
    assert "options" not in without_limits(session_parameters("host=db", "x", 1, 1), "host=db")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("connect to postgresql://ada:hunter2@db/shop", "connect to postgresql://ada:***@db/shop"),
        ("ALTER ROLE a PASSWORD 'hunter2'", "ALTER ROLE a PASSWORD ***"),
        ('invalid option "password=hunter2 host=x"', 'invalid option "password=*** host=x"'),
        ("options (password 'it''s', host 'x')", "options (password ***, host 'x')"),
        ('password authentication failed for user "ada"', 'password authentication failed for user "ada"'),
        ('syntax error at or near "gehe1m"', 'syntax error at or near "***"'),
    ],
)
def test_scrub(text: str, shown: str) -> None:
    assert failures.scrub(text, ("gehe1m",)) == shown


def test_a_password_that_equals_the_user_does_not_hide_the_user() -> None:
    assert failures.hidden_values({"user": "postgres", "password": "postgres"}) == ()
    assert failures.hidden_values({"user": "ada", "password": "postgres"}) == ("postgres",)
