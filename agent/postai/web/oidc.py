"""Logging in at an OpenID Connect provider: authorization code with PKCE, state and nonce; the ID token is verified.

What the provider says of a person chooses a login to PostgreSQL that the settings hold ([[web.oidc.login]]), the first
that fits, and else the site's reader login. The rights are those of that login; nobody is made another role.
"""

from __future__ import annotations

import hmac
import json
import secrets
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, KeySetSerialization

from postai.settings import OidcSettings
from postai.web.logins import ProviderFailed

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"]
"""Signatures that are taken: never "none", and no secret that we share with the provider."""
LONGEST_ANSWER = 1 << 20
PENDING_SECONDS = 600
REFUSALS = {
    "access_denied": "You, or the provider's administrator, refused; begin again at /login.",
    "login_required": "Log in at the provider, then begin again at /login.",
    "consent_required": "Agree at the provider, then begin again at /login.",
    "interaction_required": "Log in at the provider, then begin again at /login.",
    "unauthorized_client": "The provider does not know this client_id so: look at its configuration.",
    "invalid_request": "Compare public_url and client_id with the provider's configuration.",
    "invalid_scope": "Compare scope in section [web.oidc] with the provider's configuration.",
    "server_error": "The provider failed: try again.",
    "temporarily_unavailable": "The provider is busy: try again.",
}
MOST_PENDING = 1000
LEEWAY = 60
LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that waits for the provider. `browser` is what its cookie holds."""

    state: str
    nonce: str
    verifier: str
    browser: str
    where: str
    until: float
    described: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who the provider says it is: `subject` never changes, `name` is for people; `claims` choose the login."""

    subject: str
    name: str
    claims: Mapping[str, Any]


class Provider:
    """One provider, asked over https (plain http for 127.0.0.1 alone).

    Args:
        settings: section [web.oidc].
        redirect_uri: where it sends people back to.
        clock: seconds, monotonic.
    """

    def __init__(self, settings: OidcSettings, redirect_uri: str, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._redirect_uri = redirect_uri
        self._clock = clock
        self._lock = threading.Lock()
        self._begun: OrderedDict[str, Begun] = OrderedDict()

    def begin(self, where: str) -> tuple[str, str]:
        """Begin a login that leads to that path of ours.

        Returns:
            the provider's address for the browser, and what the browser's cookie must hold until it comes back.

        Raises:
            ProviderFailed: the provider does not describe itself.
        """
        described = self._described()
        state, nonce, verifier, browser = (secrets.token_urlsafe(32) for _ in range(4))
        begun = Begun(state, nonce, verifier, browser, where, self._clock() + PENDING_SECONDS, described)
        with self._lock:
            self._begun[begun.state] = begun
            while len(self._begun) > MOST_PENDING:
                self._begun.popitem(last=False)
        query = {
            "response_type": "code",
            "client_id": self._settings.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": self._settings.scope,
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": create_s256_code_challenge(begun.verifier),
            "code_challenge_method": "S256",
        }
        address = described["authorization_endpoint"]
        return f"{address}{'&' if '?' in address else '?'}{urllib.parse.urlencode(query)}", begun.browser

    def finish(self, state: str, code: str, browser: str) -> tuple[Identity, str]:
        """Who it is, and the path that `begin` was given.

        Args:
            state, code: as the provider sent them by the browser.
            browser: what the browser's cookie holds.

        Raises:
            ProviderFailed: this browser did not begin that login, or lately; or the ID token does not hold.
        """
        with self._lock:
            begun = self._begun.pop(state, None)
        if begun is None or self._clock() > begun.until or not hmac.compare_digest(
            begun.browser.encode(), browser.encode()
        ):  # fmt: skip
            raise ProviderFailed(
                "this login was not begun in this browser, or too long ago", hint="Begin again at /login."
            )
        described = begun.described
        answer = self._ask(
            described["token_endpoint"],
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self._redirect_uri,
                "client_id": self._settings.client_id,
                "client_secret": self._secret(),
                "code_verifier": begun.verifier,
            },
        )
        claims = self._verified(answer.get("id_token"), described, begun.nonce)
        subject = str(claims["sub"])
        return Identity(subject, self._name(claims) or subject, claims), begun.where

    def _name(self, claims: Mapping[str, Any]) -> str:
        """What people and events call the person; "" where the provider says nothing that it stands for."""
        name = claims.get(self._settings.name_claim)
        if not isinstance(name, str) or (
            self._settings.name_claim == "email" and claims.get("email_verified") is not True
        ):
            return ""
        return "".join(one for one in name if one.isprintable())[:LONGEST_NAME]

    def refused(self, error: str) -> ProviderFailed:
        """What is said where the provider sends somebody back without a code.

        Args:
            error: its word for why (RFC 6749, 4.1.2.1), as the browser brought it: anybody could have written it.
        """
        known = error if error in REFUSALS else "another error"
        hint = REFUSALS.get(error, "Begin again at /login.")
        return ProviderFailed("the provider did not let you in", detail=f"It says: {known}.", hint=hint)

    def _verified(self, token: object, described: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        """The claims of an ID token (OpenID Connect Core, 3.1.3.7)."""
        own = self._settings.client_id
        try:
            if not isinstance(token, str):
                raise ValueError("there is none")
            keys = KeySet.import_key_set(cast(KeySetSerialization, self._ask(described["jwks_uri"])))
            decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
            claims = dict(decoded.claims)
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY,
                iss={"essential": True, "value": self._settings.issuer},
                sub={"essential": True},
                aud={"essential": True, "value": own},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
            audience = claims["aud"]
            shared = isinstance(audience, list) and len(audience) > 1
            if (shared or "azp" in claims) and claims.get("azp") != own:
                raise ValueError("it was made for another application")
        except (JoseError, ValueError, KeyError, TypeError) as error:
            why = getattr(error, "error", None) or type(error).__name__
            raise ProviderFailed(
                "the provider's ID token does not hold",
                detail=f"What failed: {why}.",
                hint="Begin again at /login; if it fails again, compare issuer and client_id with the provider's.",
            ) from None
        return claims

    def _described(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery); its issuer must be the configured one."""
        found = self._ask(f"{self._settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        fit = all(isinstance(found.get(one), str) and _is_safe(found[one]) for one in wanted)
        if found.get("issuer") != self._settings.issuer or not fit:
            raise ProviderFailed(
                "the provider describes itself as another one, or without https",
                hint="Compare issuer in section [web.oidc] with its /.well-known/openid-configuration.",
            )
        return found

    def _secret(self) -> str:
        if self._settings.client_secret_file is not None:
            return self._settings.client_secret_file.read_text("utf-8").strip()
        return self._settings.client_secret.get_secret_value() if self._settings.client_secret else ""

    def _ask(self, address: str, form: Mapping[str, str] | None = None) -> dict[str, Any]:
        body = urllib.parse.urlencode({k: v for k, v in form.items() if v}).encode() if form else None
        request = urllib.request.Request(address, body, {"accept": "application/json"})  # noqa: S310  (see _is_safe)
        try:
            with urllib.request.build_opener(_NoRedirect).open(request, timeout=10) as response:
                found = json.loads(response.read(LONGEST_ANSWER))
        except (OSError, ValueError) as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            raise ProviderFailed(
                "the login's provider does not answer as it should",
                detail=f"{urllib.parse.urlsplit(address).path}: {type(error).__name__}",
                hint="Try again; if it fails again, look at the provider.",
            ) from None
        if not isinstance(found, dict):
            raise ProviderFailed("the login's provider does not answer as it should", detail="Its answer is no object.")
        return found


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The code and the secret go to the configured provider, and nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None


def _is_safe(address: str) -> bool:
    parts = urllib.parse.urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in {"127.0.0.1", "::1", "localhost"})
