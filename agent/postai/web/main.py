"""`post-ai web`: listen until SIGTERM or Ctrl-C."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postai.errors import FeatureMissing, UsageError
from postai.settings import Settings

if TYPE_CHECKING:
    from postai.web.oidc import Provider


def run(settings: Settings) -> None:
    """Serve the pages of these settings.

    Raises:
        FeatureMissing: the packages of the extra `web` are not installed.
        UsageError: no database is configured, or the certificate's files do not go together.
    """
    try:
        import uvicorn

        from postai.web.app import create_app
        from postai.web.landing import open_demo
        from postai.web.limits import Limiter
        from postai.web.protocol import PatientProtocol
        from postai.web.sessions import Sessions
        from postai.web.site import Site
    except ImportError as error:
        raise FeatureMissing(
            "the web face needs packages that are not installed", detail=str(error), hint="pip install 'postai[web]'"
        ) from None
    if not settings.databases:
        raise UsageError(
            "no database is configured", hint="Add a section [[database]] to postai.toml (docs/web.md shows it)."
        )
    web = settings.web
    sessions = Sessions(time.monotonic, lifetime=web.session_hours * 3600, idle=web.idle_minutes * 60)
    demo = open_demo(web.demo_dsn, Limiter(10, 6.0, time.monotonic)) if web.demo_dsn else None
    databases = {one.name: one for one in settings.databases}
    site = Site(web, databases, sessions, Limiter(10, 6.0, time.monotonic), demo, _provider(settings))
    uvicorn.run(
        create_app(site),
        host=web.listen_address,
        port=web.port,
        ssl_certfile=str(web.ssl_cert_file) if web.ssl_cert_file else None,
        ssl_keyfile=str(web.ssl_key_file) if web.ssl_key_file else None,
        proxy_headers=bool(web.trusted_proxies),
        forwarded_allow_ips=list(web.trusted_proxies),
        http=PatientProtocol,
        ws="none",
        server_header=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=10,
    )


def _provider(settings: Settings) -> Provider | None:
    web = settings.web
    if web.oidc is None:
        return None
    from postai.web.oidc import Provider

    return Provider(web.oidc, f"{web.public_url}/login/oidc/callback", time.monotonic)
