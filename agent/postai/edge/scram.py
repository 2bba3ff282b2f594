"""SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it, both sides, without channel binding.

The server's side proves a client by a stored verifier and keeps the ClientKey that the client's proof discloses: with
it the client's side can log in at a server that stores the same verifier, and nobody knows the password.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import stringprep
import unicodedata
from dataclasses import dataclass, field

from postai.edge.wire import Violation

MECHANISM = "SCRAM-SHA-256"
ITERATIONS = 4096
NONCE_BYTES = 18
_PREFIX = f"{MECHANISM}$"
_FORBIDDEN = (
    stringprep.in_table_c12, stringprep.in_table_c21_c22, stringprep.in_table_c3, stringprep.in_table_c4,
    stringprep.in_table_c5, stringprep.in_table_c6, stringprep.in_table_c7, stringprep.in_table_c8,
    stringprep.in_table_c9, stringprep.in_table_a1,
)  # fmt: skip


@dataclass(frozen=True)
class Keys:
    """What logs in without a password: the client's key, and the server's, which proves the server."""

    client: bytes = field(repr=False)
    server: bytes = field(repr=False)


@dataclass(frozen=True)
class Verifier:
    """What a server stores of a password (pg_authid.rolpassword); the password cannot be had from it."""

    iterations: int
    salt: bytes = field(repr=False)
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> Verifier | None:
        """The verifier in its stored form, `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`; None if it is none."""
        count, colon, rest = text.removeprefix(_PREFIX).partition(":")
        salt, dollar, keys = rest.partition("$")
        stored, second, server = keys.partition(":")
        if not (text.startswith(_PREFIX) and colon and dollar and second and count.isdecimal() and int(count) > 0):
            return None
        try:
            found = cls(int(count), *(base64.b64decode(part, validate=True) for part in (salt, stored, server)))
        except (binascii.Error, ValueError):
            return None
        return found if len(found.stored_key) == len(found.server_key) == 32 else None

    @classmethod
    def of(cls, password: str, salt: bytes, iterations: int = ITERATIONS) -> Verifier:
        """The verifier of a password."""
        keys = keys_of(password, salt, iterations)
        return cls(iterations, salt, hashlib.sha256(keys.client).digest(), keys.server)

    @classmethod
    def mock(cls, user: str, secret: bytes) -> Verifier:
        """A verifier for a user that does not exist: the same one each time, and no password fits it."""
        salt = _hmac(secret, user.encode("utf-8", "surrogateescape"))[:16]
        return cls(ITERATIONS, salt, bytes(32), bytes(32))


class ServerExchange:
    """The server's side of one login.

    Args:
        verifier: of the user.
        nonce: random text, of printable ASCII without commas.
    """

    def __init__(self, verifier: Verifier, nonce: str) -> None:
        self._verifier = verifier
        self._nonce = nonce.encode()
        self._gs2 = self._first_bare = self._server_first = b""

    def first(self, data: bytes) -> bytes:
        """Take the client's first message and give the server's.

        Raises:
            Violation: as the server answers malformed messages.
        """
        if not data:
            raise _malformed("The message is empty.")
        flag, _, rest = data.partition(b",")
        identity, _, bare = rest.partition(b",")
        if flag.startswith(b"p"):
            raise _malformed("The client selected SCRAM-SHA-256 without channel binding, but asks for it.")
        if flag not in (b"n", b"y"):
            raise _malformed(f'Unexpected channel-binding flag "{_shown(data[0])}".')
        if identity:
            raise Violation("0A000", "client uses authorization identity, but it is not supported")
        if bare.startswith(b"m="):
            raise Violation("0A000", "client requires an unsupported SCRAM extension")
        parts = bare.split(b",")
        if len(parts) < 2 or not parts[0].startswith(b"n=") or not parts[1].startswith(b"r="):
            raise _malformed("User name and nonce are expected.")
        nonce = parts[1][2:]
        if not nonce or not all(0x21 <= byte <= 0x7E for byte in nonce):
            raise Violation("08P01", "non-printable characters in SCRAM nonce")
        self._gs2, self._first_bare = flag + b",,", bare
        self._nonce = nonce + self._nonce
        salt = base64.b64encode(self._verifier.salt)
        self._server_first = b"r=%b,s=%b,i=%d" % (self._nonce, salt, self._verifier.iterations)
        return self._server_first

    def final(self, data: bytes) -> tuple[bytes, Keys] | None:
        """Take the client's last message.

        Returns:
            the server's last message and the keys of the user; None when the proof is wrong.

        Raises:
            Violation: as the server answers malformed messages.
        """
        without_proof, comma, proof_text = data.rpartition(b",p=")
        attributes = without_proof.split(b",")
        if not comma or len(attributes) < 2 or attributes[0][:2] != b"c=" or attributes[1][:2] != b"r=":
            raise _malformed("Channel binding, nonce and proof are expected.")
        if attributes[0][2:] != base64.b64encode(self._gs2):
            raise Violation("08P01", "unexpected SCRAM channel-binding attribute in client-final-message")
        proof = _decoded(proof_text)
        if proof is None or len(proof) != 32:
            raise _malformed("Malformed proof in client-final-message.")
        if not hmac.compare_digest(attributes[1][2:], self._nonce):
            raise Violation("08P01", "invalid SCRAM response", detail="Nonce does not match.")
        whole = b",".join((self._first_bare, self._server_first, without_proof))
        signature = _hmac(self._verifier.stored_key, whole)
        client_key = _xor(proof, signature)
        if not hmac.compare_digest(hashlib.sha256(client_key).digest(), self._verifier.stored_key):
            return None
        server_signature = base64.b64encode(_hmac(self._verifier.server_key, whole))
        return b"v=" + server_signature, Keys(client_key, self._verifier.server_key)


class ClientExchange:
    """The client's side of one login.

    Args:
        secret: the password, or the keys where the server's verifier is known to be theirs.
        nonce: random text, of printable ASCII without commas.
    """

    def __init__(self, secret: str | Keys, nonce: str) -> None:
        self._secret = secret
        self._nonce = nonce.encode()
        self._signature = b""

    def first(self) -> bytes:
        """The client's first message; the server takes the user from the StartupMessage."""
        return b"n,,n=,r=" + self._nonce

    def final(self, server_first: bytes) -> bytes:
        """Take the server's first message and give the client's last one; with a password it takes milliseconds.

        Raises:
            ValueError: the server's message is malformed.
        """
        attributes = server_first.split(b",")
        if len(attributes) < 3 or [one[:2] for one in attributes[:3]] != [b"r=", b"s=", b"i="]:
            raise ValueError("malformed SCRAM message of the server")
        nonce, salt, count = attributes[0][2:], _decoded(attributes[1][2:]), attributes[2][2:]
        if not nonce.startswith(self._nonce) or nonce == self._nonce or not salt or not count.isdigit():
            raise ValueError("malformed SCRAM message of the server")
        keys = self._secret if isinstance(self._secret, Keys) else keys_of(self._secret, salt, int(count))
        without_proof = b"c=biws,r=" + nonce
        whole = b",".join((self.first()[3:], server_first, without_proof))
        signature = _hmac(hashlib.sha256(keys.client).digest(), whole)
        self._signature = _hmac(keys.server, whole)
        return without_proof + b",p=" + base64.b64encode(_xor(keys.client, signature))

    def proves(self, server_final: bytes) -> bool:
        """Whether the server's last message shows that it knows the verifier."""
        return hmac.compare_digest(server_final, b"v=" + base64.b64encode(self._signature))


def keys_of(password: str, salt: bytes, iterations: int) -> Keys:
    """The keys of a password (PBKDF2: about a millisecond for 4096 iterations)."""
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, iterations)
    return Keys(_hmac(salted, b"Client Key"), _hmac(salted, b"Server Key"))


def _prepared(password: str) -> bytes:
    """SASLprep (RFC 4013), and as PostgreSQL does it: what it forbids is taken as it is."""
    raw = password.encode("utf-8", "surrogateescape")
    if password.isascii():
        return raw
    mapped = "".join(
        " " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c)
    )  # fmt: skip
    text = unicodedata.normalize("NFKC", mapped)
    if not text or any(test(c) for c in text for test in _FORBIDDEN):
        return raw
    if any(map(stringprep.in_table_d1, text)) and (
        any(map(stringprep.in_table_d2, text))
        or not stringprep.in_table_d1(text[0])
        or not stringprep.in_table_d1(text[-1])
    ):
        return raw
    return text.encode()


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _decoded(text: bytes) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return None


def _shown(byte: int) -> str:
    return f"'{chr(byte)}'" if 0x21 <= byte <= 0x7E else f"0x{byte:02x}"


def _malformed(detail: str) -> Violation:
    return Violation("08P01", "malformed SCRAM message", detail=detail)
