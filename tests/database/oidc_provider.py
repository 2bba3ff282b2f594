"""A small OpenID Connect provider over real HTTP: discovery, code with PKCE, RS256 keys. It can also lie."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT, SECRET = "postai", "between-us-two"


@dataclass
class Provider:
    """A provider that lets in `person`, whoever asks.

    Attributes:
        person: claims of who logs in.
        lie: changes the claims of the next ID tokens.
        sign: makes the ID token of claims; None = as it should be.
        tokens: how many were given.
        asked: paths that were read.
    """

    person: dict[str, Any]
    lie: dict[str, Any] = field(default_factory=dict)
    sign: Callable[[dict[str, Any]], str] | None = None
    tokens: int = 0
    described: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.key = RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)
        self.codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                provider.post(self)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def get(self, to: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(to.path)
        self.asked.append(parts.path)
        if parts.path == "/.well-known/openid-configuration":
            ends = {f"{one}_endpoint": f"{self.issuer}/{one}" for one in ("authorization", "token")}
            self._say(to, 200, {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **ends, **self.described})
        elif parts.path == "/keys":
            self._say(to, 200, KeySet([self.key]).as_dict(private=False))
        elif parts.path == "/authorization":
            asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
            code = f"code-{len(self.codes)}"
            self.codes[code] = asked
            to.send_response(302)
            to.send_header("location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")
            to.end_headers()
        else:
            self._say(to, 404, {})

    def post(self, to: BaseHTTPRequestHandler) -> None:
        form = {k: v[0] for k, v in parse_qs(to.rfile.read(int(to.headers["content-length"])).decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or (asked["code_challenge_method"], asked["code_challenge"]) != ("S256", challenge.decode().rstrip("="))
            or (form["client_id"], form.get("client_secret")) != (CLIENT, SECRET)
            or form["redirect_uri"] != asked["redirect_uri"]
        ):
            self._say(to, 400, {"error": "invalid_grant"})
            return
        now = int(time.time())
        usual = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": asked["nonce"]}
        claims = {**usual, **self.person, **self.lie}
        self.tokens += 1
        told = (self.sign or self.signed)({name: value for name, value in claims.items() if value is not None})
        self._say(to, 200, {"access_token": "x", "token_type": "Bearer", "id_token": told})

    def signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key)

    def with_another_key(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, RSAKey.generate_key(2048))

    def with_our_secret(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(SECRET), algorithms=["HS256"])

    def with_its_public_key(self, claims: dict[str, Any]) -> str:
        """The old trick: the public key, which everybody knows, as a shared secret."""
        known = OctKey.import_key(self.key.as_pem(private=False).hex())
        return jwt.encode({"alg": "HS256", "kid": self.key.kid}, claims, known, algorithms=["HS256"])

    @staticmethod
    def unsigned(claims: dict[str, Any]) -> str:
        head, body = (base64.urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=")
                      for one in ({"alg": "none"}, claims))  # fmt: skip
        return f"{head}.{body}."

    @staticmethod
    def _say(to: BaseHTTPRequestHandler, status: int, what: object) -> None:
        body = json.dumps(what).encode()
        to.send_response(status)
        to.send_header("content-type", "application/json")
        to.send_header("content-length", str(len(body)))
        to.end_headers()
        to.wfile.write(body)
