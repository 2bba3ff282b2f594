"""Channels that leave the machine: a webhook and e-mail, with Python's own libraries, bounded in time.

Neither an address of a webhook (it often is the secret itself) nor a password is in any error or log line.
"""

from __future__ import annotations

import http.client
import json
import smtplib
import ssl
import urllib.error
import urllib.request
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from postai.observe.alerts import Channel, DeliveryFailed, LogChannel, Message
from postai.settings import AlertSettings

_MOST_DETAIL = 20_000
"""Characters of JSON of the detail of an alert that a webhook gets; more is left out."""


def channels(settings: AlertSettings) -> tuple[Channel, ...]:
    """Every channel that is configured; the log always is."""
    found: list[Channel] = [LogChannel()]
    if settings.webhook_url is not None:
        found.append(Webhook(settings.webhook_url.get_secret_value(), settings.timeout_seconds))
    if settings.smtp_host is not None:
        found.append(Mail(settings))
    return tuple(found)


class Webhook:
    """Posts each message as JSON; any answer 2xx means that it was accepted. Redirects are not followed.

    Args:
        url: http or https.
        timeout: seconds for connecting and for each read.
    """

    name = "webhook"

    def __init__(self, url: str, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._host = urlsplit(url).hostname

    def __repr__(self) -> str:
        return f"<Webhook at {self._host}>"

    def send(self, message: Message) -> None:
        content = message.json()
        if len(json.dumps(content["detail"], default=str)) > _MOST_DETAIL:
            content["detail"] = {}
        request = urllib.request.Request(  # noqa: S310  (AlertSettings lets only http and https pass)
            self._url,
            data=json.dumps(content, default=str).encode(),
            headers={"Content-Type": "application/json", "User-Agent": "postai"},
            method="POST",
        )
        opener = urllib.request.build_opener(_NoRedirect())
        try:
            with opener.open(request, timeout=self._timeout) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            with error:
                # What the client did wrong stays wrong; "too many requests" and "timeout" pass.
                permanent = 300 <= error.code < 500 and error.code not in (408, 425, 429)
                raise DeliveryFailed(f"{self._host} answered {error.code}", permanent=permanent) from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise DeliveryFailed(f"{self._host} cannot be reached: {type(reason).__name__}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: it could lead to another scheme, or to a host that was not meant."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class Mail:
    """Sends each message over SMTP, encrypted unless it is switched off.

    Args:
        settings: with smtp_host.
    """

    name = "email"

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings

    def send(self, message: Message) -> None:
        one = self._settings
        mail = EmailMessage()
        mail["Subject"] = message.headline[:200]
        mail["From"] = one.smtp_from
        mail["To"] = ", ".join(one.smtp_to)
        mail["X-Postai-Alert"] = str(message.alert)
        mail.set_content(message.text())
        try:
            with self._connect() as server:
                if one.smtp_user is not None and one.smtp_password is not None:
                    server.login(one.smtp_user, one.smtp_password.get_secret_value())
                refused = server.send_message(mail)
        except smtplib.SMTPResponseException as error:
            # 4xx passes, 5xx does not. The server's words could repeat what was sent to it.
            raise DeliveryFailed(
                f"{one.smtp_host} answered {error.smtp_code}", permanent=error.smtp_code >= 500
            ) from None
        except smtplib.SMTPRecipientsRefused as error:
            raise DeliveryFailed(
                f"{one.smtp_host} takes no mail for any of smtp_to",
                permanent=all(code >= 500 for code, _ in error.recipients.values()),
            ) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise DeliveryFailed(f"{one.smtp_host} cannot be reached: {type(error).__name__}") from None
        if refused:
            raise DeliveryFailed(f"{one.smtp_host} takes no mail for {len(refused)} of smtp_to", permanent=True)

    def _connect(self) -> smtplib.SMTP:
        one = self._settings
        assert one.smtp_host is not None
        if one.smtp_tls == "none":
            return smtplib.SMTP(one.smtp_host, one.port, timeout=one.timeout_seconds)
        context = ssl.create_default_context(cafile=str(one.smtp_ca_file) if one.smtp_ca_file else None)
        if one.smtp_tls == "tls":
            return smtplib.SMTP_SSL(one.smtp_host, one.port, timeout=one.timeout_seconds, context=context)
        server = smtplib.SMTP(one.smtp_host, one.port, timeout=one.timeout_seconds)
        try:
            server.starttls(context=context)
        except (OSError, smtplib.SMTPException):
            server.close()
            raise
        return server
