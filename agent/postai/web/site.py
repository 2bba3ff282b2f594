"""What the web face is made of; passed to every request as `request.app.state.site`."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from starlette.requests import HTTPConnection

from postai.errors import UsageError
from postai.settings import DatabaseSettings, WebSettings
from postai.web.kept import Kept
from postai.web.limits import Limiter
from postai.web.sessions import Sessions
from postai.web.streams import Streams

if TYPE_CHECKING:
    from postai.web.landing import Demo


@dataclass(frozen=True, slots=True)
class Site:
    """Everything that outlives a request.

    Attributes:
        settings: section [web].
        databases: those that may be logged in to, by name, in the configuration's order.
        sessions: who is logged in.
        logins: limits failed logins by address and role.
        demo: answers on the landing page; None = it has no demonstration.
        clock: seconds, monotonic.
        kept: what was read a moment ago.
        streams: pages that are kept up to date.
    """

    settings: WebSettings
    databases: dict[str, DatabaseSettings]
    sessions: Sessions
    logins: Limiter
    demo: Demo | None = None
    clock: Callable[[], float] = field(default=time.monotonic)
    kept: Kept = field(default_factory=Kept)
    streams: Streams = field(default_factory=Streams)

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


def site_of(request: HTTPConnection) -> Site:
    """The site that serves this request."""
    return cast(Site, request.app.state.site)
