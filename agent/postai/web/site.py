"""What the web face is made of; passed to every request as `request.app.state.site`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from postai.errors import FeatureMissing, UsageError
from postai.settings import DatabaseSettings, WebSettings
from postai.sql.safety import Safety
from postai.web.kept import Kept
from postai.web.limits import Limiter, Shares
from postai.web.logins import Login, from_settings
from postai.web.rendering import Templates
from postai.web.running import Running
from postai.web.sessions import Sessions
from postai.web.streams import Streams

if TYPE_CHECKING:
    from postai.web.landing import Demo
    from postai.web.oidc import Identity, Provider


LOOKING = ("GET", "HEAD")
"""Methods that open a page; HEAD is what watchers and link checkers send."""
LOGINS = 8
"""Tried at a time; each is a connection to a server."""


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that outlives a request.

    Attributes:
        settings: section [web].
        databases: those that may be logged in to, by name, in the configuration's order.
        sessions: who is logged in.
        logins: limits failed logins by address and role.
        addresses: limits logins, tokens and links that are tried, by address alone.
        statements: limits questions and statements by login.
        provider: of [web.oidc]; None = people log in as roles only.
        demo: answers on the landing page; None = it has no demonstration.
        clock: seconds, monotonic.
        kept: what was read a moment ago.
        streams: pages that are kept up to date.
        running: questions and statements of people.
        trying, asking: logins that are tried at a time, and questions to the provider; who waits holds no thread.
        reports: limits reports, by who reads them.
        drawing: PDF files that are made at a time, of one reader and of all.
        judged: by database, what statements are judged by; it is asked each time whether that still holds.
        templates: of the pages.
    """

    settings: WebSettings
    databases: dict[str, DatabaseSettings]
    sessions: Sessions
    logins: Limiter
    demo: Demo | None = None
    provider: Provider | None = None
    addresses: Limiter = field(default_factory=lambda: Limiter(60, 1.0, time.monotonic))
    statements: Limiter = field(default_factory=lambda: Limiter(60, 1.0, time.monotonic))
    clock: Callable[[], float] = field(default=time.monotonic)
    kept: Kept = field(default_factory=Kept)
    streams: Streams = field(default_factory=Streams)
    running: Running = field(default_factory=Running)
    trying: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOGINS))
    asking: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(LOGINS))
    reports: Limiter = field(default_factory=lambda: Limiter(30, 4.0, time.monotonic))
    drawing: Shares = field(default_factory=lambda: Shares(1, 2))
    judged: dict[str, Safety] = field(default_factory=dict)
    templates: Templates = field(default_factory=Templates)

    def database(self, name: str) -> DatabaseSettings:
        """The configured database of that name.

        Raises:
            UsageError: there is none.
        """
        try:
            return self.databases[name]
        except KeyError:
            raise UsageError(
                f"there is no database {name!r} here", hint=f"Known: {', '.join(self.databases)}."
            ) from None

    def reader(self, *whose: str) -> Login:
        """The reader's login, standing for somebody.

        Raises:
            FeatureMissing: none is configured.
        """
        if self.settings.reader_dsn is None:
            raise FeatureMissing(
                "this dashboard has no reader login",
                detail="Links, tokens and people without a role of their own stand on one.",
                hint="Set reader_dsn in section [web] of postai.toml (docs/web-security.md).",
            )
        return from_settings(self.settings.reader_dsn, whose, reads_only=True)

    def login_of(self, identity: Identity) -> Login:
        """The login that the settings give a provider's person: the first that fits, else the reader's.

        Raises:
            FeatureMissing: none fits, and there is no reader login.
        """
        oidc = self.settings.oidc
        assert oidc is not None
        whose = ("oidc", oidc.issuer, identity.subject)
        for one in oidc.login:
            said = identity.claims.get(one.claim)
            if one.claim == "email" and identity.claims.get("email_verified") is not True:
                continue
            if said == one.value or (isinstance(said, list) and one.value in said):
                return from_settings(one.dsn, whose, reads_only=False)
        return self.reader(*whose)


def site_of(request: HTTPConnection) -> Site:
    """The site that serves this request."""
    return cast(Site, request.app.state.site)
