"""Alerts on their way: a real HTTP server and a real mail server take them, or do not."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import logging
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from postai.observe.alerts import SHOWN_QUERY, DeliveryFailed, LogChannel, Message, shown_query
from postai.observe.alerts_channels import Mail, Webhook, channels
from postai.settings import AlertSettings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MESSAGE = Message(
    7, "raised", "main", "regression", "HIGH", "A statement on shop.orders became 9.0 times slower (plan_changed)",
    "Index shop.orders_customer is gone.", {"query": "SELECT * FROM shop.orders WHERE id = $1"}, NOON, None, 2,
)  # fmt: skip


@dataclass
class Hook:
    """A server for webhooks that answers with `status` (and `location`)."""

    status: int = 204
    location: str | None = None
    got: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/s3cr3t-token"


@contextmanager
def hook(**options: Any) -> Iterator[Hook]:
    one = Hook(**options)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            one.got.append((self.path, json.loads(body)))
            self.send_response(one.status)
            if one.location:
                self.send_header("Location", one.location)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    one.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield one
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_webhook_gets_json() -> None:
    with hook() as one:
        Webhook(one.url, 5).send(MESSAGE)
    ((path, content),) = one.got
    assert path == "/hooks/s3cr3t-token"
    assert content["message"] == "raised" and content["severity"] == "HIGH" and content["alert"] == 7
    assert content["text"].startswith("[postai HIGH] main: A statement on shop.orders")
    assert content["detail"]["query"] == "SELECT * FROM shop.orders WHERE id = $1"
    assert content["at"] == "2026-03-01T12:00:00+00:00"


@pytest.mark.parametrize(
    ("status", "permanent"), [(500, False), (503, False), (429, False), (408, False), (400, True), (404, True)]
)
def test_what_a_webhook_does_not_take(status: int, permanent: bool) -> None:
    with hook(status=status) as one, pytest.raises(DeliveryFailed) as failure:
        Webhook(one.url, 5).send(MESSAGE)
    assert failure.value.permanent is permanent
    assert failure.value.message == f"127.0.0.1 answered {status}"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://127.0.0.1:9/", "ftp://127.0.0.1/"])
def test_redirects_are_not_followed(location: str) -> None:
    with hook(status=302, location=location) as one, pytest.raises(DeliveryFailed) as failure:
        Webhook(one.url, 5).send(MESSAGE)
    assert failure.value.permanent
    assert len(one.got) == 1


def test_nobody_there_is_told_without_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    webhook = Webhook(f"http://127.0.0.1:{port}/hooks/s3cr3t-token", 5)
    with pytest.raises(DeliveryFailed) as failure:
        webhook.send(MESSAGE)
    assert not failure.value.permanent
    assert "s3cr3t" not in f"{failure.value.message} {failure.value!r} {webhook!r}"


def test_a_server_that_hangs_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DeliveryFailed) as failure:
        Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/", 0.2).send(MESSAGE)
    assert not failure.value.permanent


@dataclass
class Post:
    """A mail server: what it was told, and what it says to the receiver."""

    rcpt: str = "250 ok"
    context: ssl.SSLContext | None = None
    words: list[str] = field(default_factory=list)
    mails: list[bytes] = field(default_factory=list)
    port: int = 0

    def serve(self, connection: socket.socket) -> None:
        """Talk with one client until it says QUIT or goes."""
        lines = connection.makefile("rb")
        try:
            connection.sendall(b"220 post\r\n")
            while line := lines.readline().decode().strip():
                self.words.append(line)
                word = line.split(" ", 1)[0].upper()
                if word == "STARTTLS" and self.context:
                    connection.sendall(b"220 go on\r\n")
                    lines.close()
                    connection = self.context.wrap_socket(connection, server_side=True)
                    lines = connection.makefile("rb")
                elif word == "DATA":
                    connection.sendall(b"354 go on\r\n")
                    mail = []
                    while (part := lines.readline()) != b".\r\n":
                        mail.append(part)
                    self.mails.append(b"".join(mail))
                    connection.sendall(b"250 taken\r\n")
                else:
                    connection.sendall(self.answer(word).encode() + b"\r\n")
                    if word == "QUIT":
                        break
        except OSError:
            pass  # the client went: it does not trust the certificate
        finally:
            lines.close()
            connection.close()

    def answer(self, word: str) -> str:
        if word == "EHLO":
            return "250-post\r\n" + ("250-STARTTLS\r\n" if self.context else "") + "250 AUTH PLAIN"
        return {"RCPT": self.rcpt, "AUTH": "235 welcome", "QUIT": "221 bye"}.get(word, "250 ok")


@contextmanager
def post(**options: Any) -> Iterator[Post]:
    one = Post(**options)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            one.serve(self.request)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        one.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield one
        finally:
            server.shutdown()
            thread.join()


def mail_settings(port: int, **options: Any) -> AlertSettings:
    given = {"smtp_tls": "none", "smtp_from": "postai@here.example", "smtp_to": ("dba@here.example", "b@here.example")}
    return AlertSettings(smtp_host="127.0.0.1", smtp_port=port, timeout_seconds=5, **{**given, **options})


def test_a_mail_for_everybody() -> None:
    with post() as one:
        Mail(mail_settings(one.port)).send(MESSAGE)
    mail = email.message_from_bytes(one.mails[0], policy=email.policy.default)
    assert mail["Subject"].startswith("[postai HIGH] main: A statement on shop.orders became 9.0 times slower")
    assert (mail["From"], mail["To"]) == ("postai@here.example", "dba@here.example, b@here.example")
    assert len([word for word in one.words if word.startswith("rcpt")]) == 2
    text = mail.get_content()
    assert "Index shop.orders_customer is gone." in text
    assert "Since 2026-03-01 12:00:00 UTC." in text and "Statement: SELECT * FROM shop.orders" in text


def test_line_ends_in_names_are_no_headers() -> None:
    evil = Message(1, "recovered", "main", "health", "HIGH", "a\r\nBcc: thief@example.org\n", "b", {}, NOON, NOON, 0)
    with post() as one:
        Mail(mail_settings(one.port)).send(evil)
    mail = email.message_from_bytes(one.mails[0])
    assert mail["Bcc"] is None
    assert not any("thief" in word for word in one.words)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", place / "key.pem",
         "-out", place / "cert.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    return place


def test_starttls_before_the_password(certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    options: dict[str, Any] = {"smtp_tls": "starttls", "smtp_user": "me", "smtp_password": SecretStr("p4ssw0rd")}
    with post(context=context) as one:
        Mail(mail_settings(one.port, smtp_ca_file=certificate / "cert.pem", **options)).send(MESSAGE)
        assert len(one.mails) == 1
        at = [word.split(" ")[0].upper() for word in one.words]
        assert at.index("STARTTLS") < at.index("AUTH")
        (login,) = [word for word in one.words if word.startswith("AUTH")]
        assert base64.b64decode(login.split(" ")[2]) == b"\0me\0p4ssw0rd"
        one.words.clear()
        with pytest.raises(DeliveryFailed):  # a certificate that is not trusted
            Mail(mail_settings(one.port, **options)).send(MESSAGE)
        assert not any("AUTH" in word for word in one.words)
    with post() as plain, pytest.raises(DeliveryFailed):  # no STARTTLS on offer
        Mail(mail_settings(plain.port, **options)).send(MESSAGE)
    assert not plain.mails


@pytest.mark.parametrize(("says", "permanent"), [("450 later", False), ("550 no such person dba@here.example", True)])
def test_what_a_mail_server_does_not_take(says: str, permanent: bool) -> None:
    with post(rcpt=says) as one, pytest.raises(DeliveryFailed) as failure:
        Mail(mail_settings(one.port)).send(MESSAGE)
    assert failure.value.permanent is permanent
    assert "no such person" not in failure.value.message


def test_channels_by_configuration() -> None:
    assert [one.name for one in channels(AlertSettings())] == ["log"]
    every = mail_settings(25, webhook_url="https://chat.example/hook")
    assert [one.name for one in channels(every)] == ["log", "webhook", "email"]
    assert "chat.example" not in repr(every) and "chat.example" not in str(every)


@pytest.mark.parametrize(
    "options",
    [
        {"webhook_url": "file:///etc/passwd"},
        {"smtp_host": "mail.example"},
        {
            "smtp_host": "mail.example",
            "smtp_from": "a@b",
            "smtp_to": ("c@d",),
            "smtp_tls": "none",
            "smtp_password": "x",
        },
        {"webhook": "https://example.org"},
    ],
)
def test_settings_that_do_not_fit(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AlertSettings(**options)


def test_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        LogChannel().send(MESSAGE)
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert vars(record)["title"].startswith("A statement on shop.orders")


def test_only_normalized_text_is_shown() -> None:
    assert shown_query("SELECT *\n  FROM t WHERE a = 'secret' AND b = 42") == "SELECT * FROM t WHERE a = $1 AND b = $2"
    assert shown_query("UPDATE t SET a = $1") == "UPDATE t SET a = $1"
    assert shown_query("CREATE ROLE r PASSWORD 'secret'") is None
    assert shown_query("SELECT 'secret") is None
    assert shown_query(None) is None
    long = shown_query("SELECT " + ", ".join(f"column_{n}" for n in range(200)) + " FROM t")
    assert long is not None and len(long) == SHOWN_QUERY
