"""Redirect drivers that ask somebody's own program or web service: `where` do clients go, and `redirect` them."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import shutil
import signal
import subprocess
from contextlib import suppress
from urllib.parse import urlsplit

from postai.deadline import Deadline
from postai.errors import UsageError
from postai.replicate.redirect import Addresses, RedirectFailed
from postai.replicate.types import Side

_ANSWER_BYTES = 65_536
# Becomes the program; a child of it ends the whole group when whoever holds the other end of its input is gone without
# a word, so that no program sends the clients on after the next driver has looked where they go.
_GUARD = """
exec 3<&0 </dev/null
{ read -r _ <&3 || kill -9 0; } >/dev/null 2>&1 &
exec "$@" 3<&-
"""


class CommandDriver:
    """A program, called as `program arguments where`, which prints `source` or `target`, and `... redirect target`.

    It also gets POSTAI_HOST, POSTAI_PORT and POSTAI_DBNAME of the side; no shell reads the arguments. Exit code 0 = it
    is done. It ends with the process that called it.

    Args:
        command: program and first arguments.
        addresses: of both sides.
        seconds: limit of one call.
    """

    holds, late, quick = False, True, False

    def __init__(self, command: tuple[str, ...], addresses: Addresses, seconds: float) -> None:
        self._command, self._addresses, self._seconds = command, addresses, seconds

    def where(self) -> Side | None:
        answer = self._run(("where",), None, self._seconds).strip()
        return Side(answer) if answer in list(Side) else None

    def unfit(self) -> str | None:
        return None

    def stage(self, to: Side) -> None:
        """Nothing."""

    def pause(self, deadline: Deadline) -> None:
        """Nothing."""

    def redirect(self, to: Side, deadline: Deadline) -> None:
        self._run(("redirect", to.value), to, min(self._seconds, deadline.remaining()))
        if self.where() is not to:
            raise RedirectFailed(f"the command says that clients do not go to the {to} after it sent them there")

    def resume(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _run(self, arguments: tuple[str, ...], to: Side | None, seconds: float) -> str:
        values = dict(os.environ)
        if to is not None:
            address = self._addresses[to]
            values |= {
                "POSTAI_HOST": address.host, "POSTAI_PORT": str(address.port), "POSTAI_DBNAME": address.dbname
            }  # fmt: skip
        if shutil.which(self._command[0]) is None:
            raise RedirectFailed(
                f"the command {self._command[0]} cannot be run", detail="it is not there, or may not be executed"
            )
        # Only this process has the writing end: nothing that is run inherits it.
        reading, writing = os.pipe()
        try:
            return self._called(reading, writing, arguments, values, seconds)
        finally:
            os.close(writing)

    def _called(
        self, reading: int, writing: int, arguments: tuple[str, ...], values: dict[str, str], seconds: float
    ) -> str:  # fmt: skip
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "sh", *self._command, *arguments], env=values, stdin=reading,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise RedirectFailed(f"the command {self._command[0]} cannot be run", detail=error.strerror) from None
        finally:
            os.close(reading)
        with process:
            try:
                output, errors = process.communicate(timeout=seconds)
                with suppress(BrokenPipeError):
                    os.write(writing, b"\n")  # what it left running goes on
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)  # with the children that hold its output open
                raise RedirectFailed(
                    f"the command did not end within {seconds:.1f} s", detail=f"{self._command[0]} {arguments[0]}"
                ) from None
        if process.returncode:
            raise RedirectFailed(
                f"the command failed with exit code {process.returncode}", detail=errors.strip()[-500:] or None
            )
        return output


class HttpDriver:
    """A web service that takes POST of `{"action": "where"}`, answered `{"at": "source"}`, and of `redirect`.

    `{"action": "redirect", "to": "target", "host": ..., "port": ..., "dbname": ...}`; any 2xx answer = it is done.

    Args:
        url: https, or http to this machine. It may hold a secret: errors show the host only.
        addresses: of both sides.
        seconds: limit of one call.
    """

    holds, late, quick = False, True, True

    def __init__(self, url: str, addresses: Addresses, seconds: float) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme not in ("https", "http") or not host or parts.username is not None:
            raise UsageError("the URL of a redirect hook is https://host/path, without user and password")
        if parts.scheme == "http" and not _loopback(host):
            raise UsageError("a redirect hook over http must be on this machine", hint="Use https.")
        self._addresses, self._seconds, self._host, self._secure = addresses, seconds, host, parts.scheme == "https"
        self._port, self._path = parts.port, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def where(self) -> Side | None:
        answer = self._post({"action": "where"}, self._seconds)
        at = answer.get("at") if isinstance(answer, dict) else None
        return Side(at) if at in list(Side) else None

    def unfit(self) -> str | None:
        return None

    def stage(self, to: Side) -> None:
        """Nothing."""

    def pause(self, deadline: Deadline) -> None:
        """Nothing."""

    def redirect(self, to: Side, deadline: Deadline) -> None:
        address = self._addresses[to]
        what = {
            "action": "redirect", "to": to.value, "host": address.host, "port": address.port, "dbname": address.dbname
        }  # fmt: skip
        self._post(what, min(self._seconds, deadline.remaining()))
        if self.where() is not to:
            raise RedirectFailed(f"the hook says that clients do not go to the {to} after it sent them there")

    def resume(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""

    def _post(self, what: object, seconds: float) -> object:
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=max(seconds, 0.01))
        try:
            connection.request("POST", self._path, json.dumps(what), {"Content-Type": "application/json"})
            with connection.getresponse() as response:
                text = response.read(_ANSWER_BYTES)
            if not 200 <= response.status < 300:
                raise RedirectFailed(f"the hook on {self._host} answered {response.status}")
            return json.loads(text) if text.strip() else None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise RedirectFailed(f"the hook on {self._host} failed", detail=type(error).__name__) from None
        finally:
            connection.close()


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
