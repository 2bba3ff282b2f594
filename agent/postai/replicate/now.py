"""What one turn of a move's driver works with."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from postai.database.protocol import Database
from postai.errors import ErrorParts, PostaiError
from postai.replicate import slots, store
from postai.replicate.move import Move
from postai.replicate.types import Carrier, Finding, OnStep, Side

# Of one part of the work: indexes of large tables, a comparison of all rows.
LONGEST_SECONDS = 7 * 86_400.0
# Seconds between two looks at the source's log while something long runs.
LOOK_SECONDS = 2.0


class InDanger(PostaiError):
    """The source's log must not be kept any longer; what runs is broken off."""

    sqlstate = "PA010"


@dataclass(frozen=True)
class Now:
    """What one turn works with.

    Attributes:
        found: what is wrong while it goes on; the first of them stands in the move's row.
    """

    home: Database
    source: Database
    target: Database
    move: Move
    on_step: OnStep
    found: list[ErrorParts] = field(default_factory=list)

    @property
    def forward(self) -> Carrier:
        """The stream from the source to the target."""
        return self.move.stream(Side.SOURCE)

    def doing(self, what: str) -> None:
        """Say what is done at this moment."""
        store.set_doing(self.home, self.move.id, what)
        self.on_step(what)

    def tell(self, found: Sequence[Finding], step: str) -> None:
        """Keep what a step left out or found, with what mends it."""
        for one in found:
            level = "note" if one.level == "note" else "warning"
            store.add_event(self.home, self.move.id, one.what, step=step, level=level,
                            data={"objects": one.objects, "fix": one.fix})  # fmt: skip

    def watching(self, doing: str) -> OnStep:
        """For something long: passes steps on, shows them, breaks it off when the serving side's disk is in danger.

        The sessions of this turn must be idle.
        """
        last = time.monotonic()

        def on_step(name: str, detail: str = "") -> None:
            nonlocal last
            if time.monotonic() - last > LOOK_SECONDS:
                last = time.monotonic()
                store.set_doing(self.home, self.move.id, f"{doing}: {detail or name}")
                serving = self.move.row.serving
                pair = (self.source, self.target) if serving is Side.SOURCE else (self.target, self.source)
                lag = self.move.stream(serving).lag(*pair)
                store.set_lag(self.home, self.move.id, lag)
                if danger := slots.danger(lag, self.move.row.options.keep_wal_bytes):
                    raise InDanger(danger)
            self.on_step(name, detail)

        return on_step
