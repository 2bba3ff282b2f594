"""The check of a move for postai.replicate_check: whether and how one database can move to this one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from postai.database import Database
from postai.deadline import Deadline
from postai.errors import Refused, UsageError
from postai.replicate import native, preflight, probe
from postai.replicate.sessions import open_session
from postai.replicate.types import MoveOptions, Report, Side
from postai.service.replicating import Places


def names(question: str) -> tuple[str, str]:
    """Source and target, as postai.replicate_check sends them.

    Raises:
        UsageError: it is something else.
    """
    try:
        given = json.loads(question)
        return str(given["source"] or ""), str(given["target"] or "")
    except (ValueError, TypeError, KeyError):
        raise UsageError("source and target of a move are missing") from None


def check(home: Database, places: Places, source: str, target: str, deadline: Deadline) -> Report:
    """Whether and how a database can move to the home.

    Raises:
        UsageError: there is no connection of that name.
        Refused: the target is not the home.
        ConnectionFailed: a side cannot be reached.
    """
    dsns = places.dsns(source, target)
    with open_session(dsns[Side.SOURCE]) as there, open_session(dsns[Side.TARGET]) as here:
        own = probe.facts(home, deadline).identity
        if probe.facts(there, deadline).identity == own:
            raise Refused(
                f"{source} is this database: a move is driven from its target",
                hint=f"Connect to {target}, and run it there.",
            )
        if probe.facts(here, deadline).identity != own:
            raise Refused(f"{target} is not this database", hint="A move is driven from its target: connect there.")
        connection = native.conninfo(dsns[Side.SOURCE], "postai_check")
        found = probe.probe(there, here, connection, deadline)
        return preflight.check(there, here, MoveOptions(), found, deadline=deadline)


def rows(report: Report) -> list[Mapping[str, Any]]:
    """The rows of postai.replicate_check, the gravest first."""
    levels = ("blocker", "warning", "note")
    found = sorted(report.findings, key=lambda one: levels.index(one.level))
    return [
        {
            "level": one.level.value, "side": one.side.value, "what": one.what, "objects": list(one.objects),
            "fix": "\n".join(one.fix) or None,
        }
        for one in found
    ]  # fmt: skip


def notes(report: Report) -> tuple[str, ...]:
    """What a check came to, in a sentence."""
    size = f"{report.bytes / 2**20:.0f} MB" if report.bytes >= 2**20 else f"{report.bytes / 1024:.0f} kB"
    how = "cannot begin" if report.blocked else "can begin"
    return (
        f"the move {how}: method {report.method.value}, {len(report.tables)} tables of {size}, "
        f"about {max(report.seconds, 1):.0f} s",
    )
