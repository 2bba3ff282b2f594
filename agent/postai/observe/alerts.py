"""Telling people: what is worth it is laid down in postai.alert and sent from there, through every configured channel.

Laying down and sending are apart: an alert is in the database before anything is tried, so it survives a crash, and
what sends it may wait as long as it must without holding up anybody. A message may be sent twice (when the agent ends
between sending and noting that), never not at all. NOTIFY on channel postai_alert happens while it is laid down.

Texts hold names of tables and indexes, numbers, and at most the normalized text of a statement; never values.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any, Literal, Protocol

import postgast

from postai.database import Database
from postai.database.named_sql import load
from postai.deadline import Deadline
from postai.errors import PostaiError
from postai.observe.judge import Severity
from postai.sql.parse import parse_one

log = logging.getLogger(__name__)

Kind = Literal["regression", "health", "blocking", "action", "edge"]
Word = Literal["raised", "recovered"]

SEVERITIES: tuple[Severity, ...] = ("LOW", "MEDIUM", "HIGH")
SHOWN_QUERY = 300
"""Characters of a statement that a message shows."""

FIRST_PAUSE, LONGEST_PAUSE = 5.0, 1800.0
GIVE_UP_AFTER = 86400.0
"""Seconds after which a message that cannot be sent is given up."""

_READABLE = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE"})


@dataclass(frozen=True)
class Alert:
    """Something that people should know.

    Attributes:
        key: what it is about; the same key is the same trouble.
        title: one line; body: a few sentences.
        detail: numbers and names for machines, JSON; "query" is shown to operators and in messages.
    """

    key: str
    kind: Kind
    severity: Severity
    title: str
    body: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Message:
    """One alert on its way through one channel.

    Attributes:
        word: whether it was raised or is over.
        database: name of the database in the agent's configuration.
        repeats: how often it was noticed again before.
    """

    alert: int
    word: Word
    database: str
    kind: str
    severity: str
    title: str
    body: str
    detail: Mapping[str, Any]
    at: datetime
    ended_at: datetime | None
    repeats: int

    @property
    def headline(self) -> str:
        """One line that says everything."""
        title = " ".join(self.title.split())
        word = "over: " if self.word == "recovered" else ""
        return f"[postai {self.severity}] {self.database}: {word}{title}"

    def text(self) -> str:
        """Some lines for people."""
        lines = [self.headline, "", self.body, "", f"Since {self.at:%Y-%m-%d %H:%M:%S %Z}."]
        if self.word == "recovered" and self.ended_at is not None:
            lines.append(f"Over since {self.ended_at:%Y-%m-%d %H:%M:%S %Z}.")
        if self.repeats:
            lines.append(f"Noticed {self.repeats} times again.")
        query = self.detail.get("query")
        if isinstance(query, str):
            lines += ["", f"Statement: {query}"]
        return "\n".join(lines)

    def json(self) -> dict[str, Any]:
        """The same for machines."""
        return {
            "text": self.headline + "\n" + self.body,  # what chat services show
            "alert": self.alert,
            "message": self.word,
            "database": self.database,
            "kind": self.kind,
            "severity": self.severity,
            "title": self.title,
            "body": self.body,
            "at": self.at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "repeats": self.repeats,
            "detail": dict(self.detail),
        }


class DeliveryFailed(PostaiError):
    """A message was not accepted; it is tried again unless `permanent`.

    Args:
        message: why, without secrets (a webhook's address is one).
    """

    sqlstate = "PA000"
    title = "alert not sent"

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message, hint="Look at [alerts] in the agent's configuration.")
        self.permanent = permanent


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """One word, as it stands in postai.alert_delivery."""
        ...

    def send(self, message: Message) -> None:
        """Hand it over, in bounded time.

        Raises:
            DeliveryFailed: it was not accepted.
        """
        ...


class LogChannel:
    """The agent's own log."""

    name = "log"

    def send(self, message: Message) -> None:
        log.log(
            logging.INFO if message.word == "recovered" else logging.WARNING,
            "alert is over" if message.word == "recovered" else "alert",
            extra={
                "database": message.database,
                "alert": message.alert,
                "kind": message.kind,
                "severity": message.severity,
                "title": message.title,
                "body": message.body,
            },
        )


class Alerts:
    """The alerts of one database.

    Args:
        database: its name in the agent's configuration.
        channels: where messages go, besides NOTIFY.
        minimum: severity below which nothing is told.
        random: spreads the attempts.
    """

    def __init__(self, database: str, channels: Sequence[Channel], minimum: Severity, random: Random) -> None:
        self._database = database
        self._channels = {one.name: one for one in channels}
        self._minimum = SEVERITIES.index(minimum)
        self._random = random
        self._sql = load(__package__, "alerts.sql")

    def raise_(self, db: Database, alert: Alert) -> bool:
        """Lay an alert down.

        Returns:
            whether it is told: it is severe enough, and the same one was not told within setting alert_quiet.
        """
        if SEVERITIES.index(alert.severity) < self._minimum:
            return False
        values = (alert.key, alert.kind, alert.severity, alert.title, alert.body, json.dumps(dict(alert.detail)))
        return db.query(self._sql["raise"], (*values, list(self._channels)))[0][0] is not None

    def end(self, db: Database, key: str) -> bool:
        """The trouble is over; told once, if it was told that there is any."""
        return db.query(self._sql["end"], (key, list(self._channels)))[0][0] is not None

    def close(self, db: Database, key: str) -> None:
        """What was told happened once and does not go on; nothing more is told."""
        db.execute(self._sql["close"], (key,))

    def open_keys(self, db: Database, kind: Kind) -> frozenset[str]:
        """Keys of the alerts of a kind that are not over."""
        return frozenset(row[0] for row in db.query(self._sql["open"], (kind,)))

    def give_up_orphans(self, db: Database) -> None:
        """Messages for channels that are not configured any more are not kept waiting."""
        db.execute(self._sql["orphans"], (list(self._channels),))

    def prune(self, db: Database) -> None:
        """Forget what has been over for longer than setting keep_days."""
        db.query(self._sql["prune"])

    def deliver(self, db: Database, deadline: Deadline) -> int:
        """Send what is due; how many messages were sent.

        A channel that failed is left alone for the rest of this call, so that it does not hold up the others.
        """
        sent = 0
        failed: set[str] = set()
        for row in db.query(self._sql["due"], (list(self._channels),)):
            delivery, channel, word, tries, age = row[:5]
            if channel in failed:
                continue
            deadline.check()
            alert, kind, severity, title, body, detail, at, ended_at, repeats = row[5:]
            message = Message(alert, word, self._database, kind, severity, title, body, detail, at, ended_at, repeats)
            try:
                self._channels[channel].send(message)
            except DeliveryFailed as error:
                failed.add(channel)
                pause = self._pause(tries) if not error.permanent and age < GIVE_UP_AFTER else None
                db.execute(self._sql["again"], (pause, pause, error.message, delivery))
                log.warning(
                    "an alert was not sent" if pause else "an alert could not be sent and is given up",
                    extra={"database": self._database, "channel": channel, "alert": alert, "error": error.message},
                )
            else:
                db.execute(self._sql["sent"], (delivery,))
                sent += 1
        return sent

    def _pause(self, tries: int) -> float:
        """Seconds until the next attempt: doubled every time, a little different for everybody."""
        return float(min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(tries, 20)) * self._random.uniform(0.8, 1.2))


def shown_query(query: str | None) -> str | None:
    """The text of a statement as a message may show it: normalized, on one line, short.

    None for everything whose constants could not be taken out with certainty (utility commands, truncated text).
    """
    if query is None:
        return None
    try:
        if parse_one(query).statement_class not in _READABLE:
            return None
        text = postgast.normalize(query)
    except (PostaiError, postgast.PgQueryError):
        return None
    line = re.sub(r"\s+", " ", text).strip()
    return line if len(line) <= SHOWN_QUERY else line[: SHOWN_QUERY - 1] + "…"
