"""Pre-flight: says whether and how a database can move, and what to do about what stands against it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from postai.database import ServerError
from postai.database.protocol import Database
from postai.database.roles import detect_pooler
from postai.database.upkeep import looking
from postai.deadline import Deadline
from postai.replicate import native
from postai.replicate.checks.check import Check, Ground, Load
from postai.replicate.checks.registry import CHECKS
from postai.replicate.checks.server import POOLER
from postai.replicate.checks.traffic import estimate, measure
from postai.replicate.probe import Probe, probe
from postai.replicate.types import Finding, Level, MoveOptions, Report, Side

LEVELS = tuple(Level)
# Seconds in which the source's log is watched.
MEASURE_SECONDS = 1.0


def check(
    source: Database,
    target: Database,
    options: MoveOptions | None = None,
    probed: Probe | None = None,
    *,
    conninfo: str | None = None,
    measure_seconds: float = MEASURE_SECONDS,
    deadline: Deadline | None = None,
) -> Report:
    """Look at both sides; nothing on the source is changed, and nothing of the target stays changed.

    A role that may only connect can run it: what it lacks is among the findings.

    Args:
        source, target: sessions outside a transaction, straight to the servers.
        options: what a person says about the move; the defaults when None.
        probed: what `probe` told a moment ago; None = it is asked now.
        conninfo: connection string of the source for the target's server (native.conninfo), where it is not probed
            yet; None = whether it reaches the source is not tried.
        measure_seconds: for how long the source's log is watched; 0 = not at all.
        deadline: for all of it; two minutes when None.

    Raises:
        ConnectionLost: a session ended.
        DeadlineExceeded, Cancelled: the time is over.
    """
    until = deadline or Deadline.after(120.0)
    poolers = tuple(_pooler(side, db) for side, db in ((Side.SOURCE, source), (Side.TARGET, target)))
    found = probed or probe(source, target, conninfo, until)
    given = options or MoveOptions()
    load: Load | None = None
    if measure_seconds > 0 and not found.source.standby:
        with looking(source, until):
            load = measure(source, measure_seconds, until)
    tables = native.tables(source, given.schemas)
    ground = Ground(source, target, given, found, tables, load)
    findings = [one for one in poolers if one is not None]
    findings += _run(ground, [one for one in CHECKS if _concerns(one, found)], until)
    if any(one.check == "same_database" for one in findings):  # what else is found there would mend the source away
        findings = [one for one in findings if one.check == "same_database"]
    expected = estimate(ground)
    findings.sort(key=lambda one: LEVELS.index(one.level))
    return Report(found.method, found.source.server, found.target.server, tuple(findings), tables,
                  expected.bytes, expected.seconds, expected.wal_bytes)  # fmt: skip


def _pooler(side: Side, db: Database) -> Finding | None:
    """Outside a transaction, in which a pooler would keep to one server process."""
    seen = detect_pooler(db)
    if seen is None:
        return None
    what = f"a pooler stands before the server: {seen}"
    return Finding(
        POOLER.id, Level.BLOCKER, side, what, (), ("let the connection name the server itself (direct_dsn)",)
    )


def _concerns(one: Check, found: Probe) -> bool:
    return found.method in one.methods and one.oldest <= found.source.server.version < one.newest


def _run(ground: Ground, checks: Iterable[Check], deadline: Deadline) -> list[Finding]:
    """The findings of the checks, in one READ ONLY transaction on each side as long as none fails."""
    left = list(checks)
    findings: list[Finding] = []
    while left:
        try:
            with ExitStack() as both:
                for db in (ground.source, ground.target):
                    both.enter_context(looking(db, deadline))
                _only(ground.source, ground.options.schemas)
                while left:
                    deadline.check()
                    findings += [replace(one, check=left[0].id) for one in left[0].look(ground)]
                    del left[0]
        except ServerError as error:
            findings.append(_unseen(left.pop(0), error))
    return findings


def _only(source: Database, schemas: Sequence[str]) -> None:
    """Which schemas the blocks of the checks look at, for this transaction."""
    source.query("select set_config('postai.schemas', (%s::text[])::text, true)", (list(schemas),))


def _unseen(one: Check, error: ServerError) -> Finding:
    what = f"{one.title} could not be looked at: {error.message}"
    return Finding(one.id, Level.WARNING, Side.SOURCE, what, (), (one.fix,))
