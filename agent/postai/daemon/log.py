"""Log lines of the agent: one event a line, as text with key=value pairs or as JSON.

Callers log a fixed sentence and put what varies into `extra`. Questions, row values and connection strings are never
passed; what slips through in an error's text is taken out here, once, for every line: configured secrets literally,
and whatever is written like a password, a key or a bearer token.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal, TextIO

HIDDEN = "********"

_OWN = frozenset(logging.LogRecord("", 0, "", 0, "", (), None).__dict__) | {"message", "asctime", "taskName"}
_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"(?i)\b((?:ssl)?password|passwd|api_key|secret|token)(\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s,;'\"]+)"),
        r"\1\2",
    ),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://[^\s:@/]*:)[^\s@/]+(?=@)"), r"\1"),
    (re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]+"), r"\1"),
    (re.compile(r"\bsk-[A-Za-z0-9_-]{8,}"), ""),
)


class Redactor:
    """Takes secrets out of texts.

    Args:
        secrets: values to remove literally wherever they stand; those shorter than four characters are left out,
            because hiding them would ruin ordinary words.
    """

    def __init__(self, secrets: Sequence[str] = ()) -> None:
        self._secrets = tuple(sorted((one for one in secrets if len(one) >= 4), key=len, reverse=True))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for pattern, kept in _PATTERNS:
            text = pattern.sub(kept + HIDDEN, text)
        return text


class LineFormatter(logging.Formatter):
    """One line per record; a traceback is folded into the line (JSON) or follows it (text).

    Args:
        form: "json" or "text".
        redact: applied to every value, before quoting or JSON escapes could hide a secret's characters from it.
    """

    def __init__(self, form: Literal["text", "json"], redact: Redactor) -> None:
        super().__init__()
        self._form = form
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        extra = {name: value for name, value in record.__dict__.items() if name not in _OWN}
        trace = self.formatException(record.exc_info) if record.exc_info else None
        if self._form == "json":
            line: dict[str, object] = {
                "at": at,
                "level": record.levelname.lower(),
                "logger": record.name,
                "event": record.getMessage(),
            }
            line.update({name: value for name, value in extra.items() if name not in line})
            if trace:
                line["traceback"] = trace
            return json.dumps(self._redact_values(line), ensure_ascii=False, default=str)
        pairs = "".join(
            f" {name}={_quoted(self._redact(str(value)))}" for name, value in extra.items() if value is not None
        )
        text = f"{at} {record.levelname:<7} {_one_line(self._redact(record.getMessage()))}{pairs}"
        return text + (f"\n{self._redact(trace)}" if trace else "")

    def _redact_values(self, line: dict[str, object]) -> dict[str, object]:
        return {
            name: value if value is None or isinstance(value, bool | int | float) else self._redact(str(value))
            for name, value in line.items()
        }


def configure(form: Literal["text", "json"], secrets: Sequence[str] = (), stream: TextIO | None = None) -> None:
    """Send the process's log to a stream: postai's own lines from INFO, other libraries' from WARNING."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter(form, Redactor(secrets)))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("postai").setLevel(logging.INFO)
    logging.captureWarnings(True)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _quoted(text: str) -> str:
    text = _one_line(text)
    return json.dumps(text, ensure_ascii=False) if not text or re.search(r'[\s"=]', text) else text
