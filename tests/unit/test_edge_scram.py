"""SCRAM-SHA-256: the RFC's example, both sides against each other, and a login with what a proof disclosed."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from postai.edge.scram import ClientExchange, Keys, ServerExchange, Verifier, keys_of
from postai.edge.wire import Violation

SALT = b"0123456789abcdef"


def login(verifier: Verifier, secret: str | Keys) -> Keys | None:
    """One exchange; the keys that the server's side learned, None when the proof was wrong."""
    client, server = ClientExchange(secret, "client"), ServerExchange(verifier, "server")
    found = server.final(client.final(server.first(client.first())))
    if found is None:
        return None
    assert client.proves(found[0])
    return found[1]


def test_the_example_of_the_rfc() -> None:
    # RFC 7677, section 3; there the user's name is in the first message, which the server does not look at.
    salt = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
    server = ServerExchange(Verifier.of("pencil", salt), "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0")
    first = server.first(b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO")
    assert first == b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    found = server.final(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    )
    assert found is not None
    assert found[0] == b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


@settings(max_examples=30)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20))
def test_a_password_logs_in_and_its_proof_gives_the_keys_that_log_in_again(password: str) -> None:
    verifier = Verifier.of(password, SALT, 2)
    keys = login(verifier, password)
    assert keys == keys_of(password, SALT, 2)
    assert login(verifier, keys) == keys
    assert login(verifier, password + "x") is None
    assert login(Verifier.of(password, b"another salt", 2), keys) is None


def test_passwords_are_prepared_as_the_server_does_it() -> None:
    for one, other in (("\u2168", "IX"), ("a\u00adb", "ab"), ("\u00a0", " "), ("\u00aa", "a")):  # RFC 4013, section 3
        assert keys_of(one, SALT, 1) == keys_of(other, SALT, 1)
    assert keys_of("\u0627\u0031", SALT, 1) != keys_of("1", SALT, 1)  # forbidden: taken as it is


def test_stored_verifiers() -> None:
    verifier = Verifier.of("pencil", SALT)
    keys = [base64.b64encode(one).decode() for one in (SALT, verifier.stored_key, verifier.server_key)]
    text = f"SCRAM-SHA-256$4096:{keys[0]}${keys[1]}:{keys[2]}"
    assert Verifier.parse(text) == verifier
    assert "pencil" not in repr(verifier) and keys[1] not in repr(verifier)
    for broken in (
        "",
        "md5abc",
        "pencil",
        text[:-6],
        text.replace("$4096", "$x"),
        text.replace("$4096", "$0"),
        text + "!",
    ):
        assert Verifier.parse(broken) is None


def test_a_user_that_is_not_there_is_met_like_any_other() -> None:
    one, again = Verifier.mock("ada", b"secret"), Verifier.mock("ada", b"secret")
    assert one == again
    assert one.salt != Verifier.mock("bob", b"secret").salt
    assert login(one, "") is None


@pytest.mark.parametrize(
    ("first", "sqlstate"),
    [
        (b"", "08P01"), (b"x,,n=,r=a", "08P01"), (b"p=tls-server-end-point,,n=,r=a", "08P01"), (b"n,,n=", "08P01"),
        (b"n,,r=a", "08P01"), (b"n,,n=,r=", "08P01"), (b"n,,n=,r=\xff", "08P01"), (b"n,a=ada,n=,r=a", "0A000"),
        (b"n,,m=x,n=,r=a", "0A000"),
    ],
)  # fmt: skip
def test_malformed_first_messages(first: bytes, sqlstate: str) -> None:
    with pytest.raises(Violation) as caught:
        ServerExchange(Verifier.of("x", SALT, 1), "n").first(first)
    assert caught.value.sqlstate == sqlstate


@pytest.mark.parametrize(
    "final",
    [b"", b"c=biws,r=an", b"c=eSws,r=an,p=AA==", b"c=biws,r=other,p=AA==", b"c=biws,r=an,p=AA==", b"c=biws,r=an,p=!"],
)
def test_malformed_last_messages(final: bytes) -> None:
    server = ServerExchange(Verifier.of("x", SALT, 1), "n")
    server.first(b"n,,n=,r=a")
    with pytest.raises(Violation) as caught:
        server.final(final)
    assert caught.value.sqlstate == "08P01"


@pytest.mark.parametrize(
    "first",
    [b"", b"r=clientX", b"r=other,s=MDEy,i=1", b"r=client,s=MDEy,i=1", b"r=clientX,s=!,i=1", b"r=clientX,s=MDEy,i=x"],
)
def test_a_server_that_does_not_keep_to_the_exchange(first: bytes) -> None:
    with pytest.raises(ValueError, match="malformed"):
        ClientExchange("x", "client").final(first)
