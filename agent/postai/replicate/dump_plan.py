"""What a switch that copies within its pause is given: what stands against it, how long it should take, who is told."""

from __future__ import annotations

from postai.database.protocol import Database
from postai.replicate import comparing, store
from postai.replicate.checks.traffic import pause_seconds
from postai.replicate.cutover import Limits
from postai.replicate.dump import DumpSwitch, gates
from postai.replicate.move import Move
from postai.replicate.now import LONGEST_SECONDS
from postai.replicate.redirect import Driver
from postai.replicate.types import Finding, Progress, Side
from postai.replicate.verified import Verified


def plan(
    home: Database,
    move: Move,
    driver: Driver,
    max_pause: float | None,
    *,
    rehearse: bool = False,
    stopped: bool = False,
) -> DumpSwitch:
    """The switch of a move whose rows are copied within it; a rehearsal, which holds nobody back, may take long."""
    row = move.row
    limits = Limits(LONGEST_SECONDS) if rehearse else Limits() if max_pause is None else Limits(max_pause)

    def compared(found: Verified) -> None:
        store.set_tables(home, row.id, [
            Progress(one.table, "ready", one.rows, one.bytes, one.rows, one.bytes, 0.0) for one in found.tables
        ])  # fmt: skip
        comparing.keep(home, move, found)

    def more() -> tuple[Finding, ...]:
        with move.sides() as (source, target):
            return gates(source, target, row.id, row.options.schemas)

    return DumpSwitch(
        move.id, Side.TARGET, move.open, move.stream(Side.SOURCE), None, driver, row.options.schemas, limits, more,
        name=row.name, dsns=move.dsns, options=row.options, expected=_expected(home, move), stopped=stopped,
        rehearse=rehearse, tell=lambda what: store.set_doing(home, row.id, what), compared=compared,
    )  # fmt: skip


def _expected(home: Database, move: Move) -> float:
    """How long copying in the pause should take: as the last rehearsal took, else as the check has estimated."""
    took = [one.data["steps"] for one in store.events(home, move.id) if one.step == "rehearsed" and one.data]
    if took and took[-1]:
        return float(max(took[-1].values()))
    report = move.row.report or {}
    return pause_seconds(report.get("bytes", 0), report.get("seconds", 0.0))
