"""What one entry of the registry of health checks says, and what a look at a database comes to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from postai.database import Database
from postai.database.amounts import bytes_text, seconds_text
from postai.deadline import Deadline

MANUAL = "https://www.postgresql.org/docs/current/"

Status = Literal["ok", "unknown", "warning", "critical"]
Unit = Literal["percent", "seconds", "bytes", "rows", "count"]
STATUSES: tuple[Status, ...] = ("ok", "unknown", "warning", "critical")
"""From good to bad."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One thing that a check looked at.

    Attributes:
        object: qualified and quoted name of a relation, or words: "session 4711 of app".
        value: what the thresholds judge, in the check's unit.
        text: what was found, in a few words.
        fix: SQL that helps, statements separated by ";\\n"; "" = none.
        level: at least this bad, whatever the thresholds say; None = they decide.
    """

    object: str
    value: float
    text: str
    fix: str = ""
    level: Status | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What every check may need to know of a server.

    Attributes:
        version: server_version_num.
        standby: whether it is in recovery.
        monitors: whether the session sees everybody's statistics (pg_read_all_stats, part of pg_monitor).
        role: the session's role, quoted.
        pgstattuple: schema of that extension, quoted; "" = not there, or not for this role.
    """

    version: int
    standby: bool
    monitors: bool
    role: str
    pgstattuple: str


Look = Callable[[Database, Facts, Deadline], Sequence[Seen]]


@dataclass(frozen=True)
class Check:
    """One check: data, and one SQL block or one small function.

    Attributes:
        id: lower-case words with underscores; also the name of its block in `file`. A block `id_v17` replaces it from
            version 17 on.
        title: what it looks at.
        why: why it matters, for people.
        fix: what helps, for people.
        docs: page of PostgreSQL's manual with its anchor.
        unit: of its values.
        warning, critical: values from which it is that bad; None = never by the value alone.
        below: whether lower values are the worse ones.
        rule: what else decides, one sentence.
        file: the .sql file, without its ending; "" = `look` is a function. A block returns object, value, text, fix and
            level of each `Seen`, the worst first.
        look: the function.
        monitor: whether it sees nothing without pg_read_all_stats.
    """

    id: str
    title: str
    why: str
    fix: str
    docs: str
    unit: Unit
    warning: float | None = None
    critical: float | None = None
    below: bool = False
    rule: str = ""
    file: str = ""
    look: Look | None = None
    monitor: bool = False

    @property
    def _limits(self) -> tuple[tuple[Status, float], ...]:
        limits: tuple[tuple[Status, float | None], ...] = (("warning", self.warning), ("critical", self.critical))
        return tuple((level, limit) for level, limit in limits if limit is not None)

    def status(self, seen: Seen) -> Status:
        """How bad one thing is."""
        status: Status = "ok"
        for level, limit in self._limits:
            if seen.value < limit if self.below else seen.value >= limit:
                status = level
        return max(status, seen.level or "ok", key=STATUSES.index)

    @property
    def threshold(self) -> str:
        """The severity rule in words."""
        word = "below" if self.below else "from"
        parts = [f"{level} {word} {amount(self.unit, limit)}" for level, limit in self._limits]
        return "; ".join(filter(None, [", ".join(parts), self.rule]))


@dataclass(frozen=True)
class HealthResult:
    """What one check came to.

    Attributes:
        check: its id; `title`, `docs` as in the registry.
        status: the worst of what was seen.
        value: the worst thing in words; "" = nothing to tell.
        number: its value in the check's unit; None = nothing was seen.
        threshold: the severity rule in words.
        why: what was found and why it matters; for "unknown" why it is not known.
        fix: SQL that helps (advice as comments in it); "" = nothing to do.
        objects: all that was seen and is not ok, the worst first.
    """

    check: str
    title: str
    status: Status
    value: str
    number: float | None
    threshold: str
    why: str
    fix: str
    docs: str
    objects: tuple[Seen, ...] = ()


def amount(unit: Unit, value: float) -> str:
    """A value of a check for people."""
    if unit == "bytes":
        return bytes_text(value)
    if unit == "seconds":
        return seconds_text(value)
    if unit == "percent":
        return f"{value:.4g} %"
    return f"{value:,.0f}{' rows' if unit == 'rows' else ''}"
